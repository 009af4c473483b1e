/* Directory rows: a sequence lock over words.
 *
 * The words are atomic so that the copy is defined while the writer is at it; release stores and acquire loads keep the
 * two values of `sequence` around them without fences (on x86 both are plain moves).
 */
#include "lib/shm/shm_private.h"

#define READ_TRIES 16
#define ROW_HEAD   8 /* sequence and generation, which are not copied as a word */
#define ROW_WORDS  ((sizeof(struct shm_stream_row) - ROW_HEAD) / sizeof(uint64_t))

_Static_assert(offsetof(struct shm_stream_row, sequence) == 0, "copied apart");
_Static_assert(offsetof(struct shm_stream_row, generation) == 4, "copied apart");
_Static_assert(sizeof(struct shm_stream_row) == 256, "four cache lines");

typedef uint64_t __attribute__((may_alias)) row_word;

static bool copy_is_consistent(const struct shm_stream_row *row, struct shm_stream_row *copy)
{
	const row_word *from = (const row_word *)(const void *)((const char *)row + ROW_HEAD);
	uint32_t before = atomic_load_explicit(&row->sequence, memory_order_acquire);

	if (before & 1)
		return false;
	copy->generation = __atomic_load_n(&row->generation, __ATOMIC_ACQUIRE);
	for (size_t i = 0; i < ROW_WORDS; i++) {
		uint64_t word = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE);

		memcpy((char *)copy + ROW_HEAD + i * sizeof(word), &word, sizeof(word));
	}
	return atomic_load_explicit(&row->sequence, memory_order_relaxed) == before;
}

int shm_stream_read(const struct shm_segment *segment, uint32_t worker, uint32_t index, struct shm_stream_row *ret_row)
{
	const struct shm_stream_row *row;
	struct shm_stream_row copy;
	int tries = 0;

	if (BUG_ON(index >= segment->streams_per_worker))
		return ERR_INVALID;
	row = &shm_segment_rows(segment, worker)[index];
	while (!copy_is_consistent(row, &copy))
		if (++tries == READ_TRIES)
			return ERR_AGAIN;
	if (copy.state == SHM_SLOT_FREE)
		return ERR_EMPTY;
	if (copy.state != SHM_SLOT_LIVE || copy.generation == 0 || copy.address >= segment->address_count ||
	    !shm_port_is_in_pool(segment, copy.address, copy.local_port))
		return ERR_CORRUPT;
	atomic_store_explicit(&copy.sequence, 0, memory_order_relaxed);
	memcpy(ret_row, &copy, sizeof(copy));
	return 0;
}

void shm_stream_write(struct shm_stream_row *row, const struct shm_stream_row *from)
{
	const row_word *words = (const row_word *)(const void *)((const char *)from + ROW_HEAD);
	row_word *to = (row_word *)(void *)((char *)row + ROW_HEAD);
	uint32_t sequence = atomic_load_explicit(&row->sequence, memory_order_relaxed) | 1;

	atomic_store_explicit(&row->sequence, sequence, memory_order_relaxed);
	__atomic_store_n(&row->generation, from->generation, __ATOMIC_RELEASE);
	for (size_t i = 0; i < ROW_WORDS; i++)
		__atomic_store_n(&to[i], words[i], __ATOMIC_RELEASE);
	atomic_store_explicit(&row->sequence, sequence + 1, memory_order_release);
}
