/* The rings: one producer, one consumer, in different processes that do not trust each other.
 *
 * Each side keeps its own index privately and only publishes it; it reads the other side's index only when the cached
 * one says full or empty, so in steady state a cell costs no shared line but its own. An index from the other side is
 * believed only when it leaves between 0 and SHM_RING_CELLS cells between the two. Cells are copied by assignment, not by
 * memcpy: gcc expands that unseen by its thread sanitizer.
 */
#include "lib/shm/shm_private.h"

_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "indices are shared between processes");
_Static_assert(sizeof(struct shm_ring_index) == CACHE_LINE,
	       "one line each, so that the sides do not disturb each other");

static uint32_t load(const struct shm_ring_index *index)
{
	return atomic_load_explicit(&index->value, memory_order_acquire);
}

static void publish(struct shm_ring_index *index, uint32_t value)
{
	atomic_store_explicit(&index->value, value, memory_order_release);
}

static bool is_possible(uint32_t head, uint32_t tail)
{
	return head - tail <= SHM_RING_CELLS;
}

/* Takes up both indices; when they are impossible `own` becomes `other`, which empties the ring. */
static int take_up(struct shm_ring_index *head_index, struct shm_ring_index *tail_index, bool is_writer,
		   uint32_t *ret_head, uint32_t *ret_tail)
{
	uint32_t head = load(head_index), tail = load(tail_index);
	int error = 0;

	if (!is_possible(head, tail)) {
		error = ERR_CORRUPT;
		if (is_writer)
			publish(head_index, head = tail);
		else
			publish(tail_index, tail = head);
	}
	*ret_head = head;
	*ret_tail = tail;
	return error;
}

/* Room for one more cell? Looks at the reader's index only when the one seen last says no. */
static int room(uint32_t head, uint32_t *tail_seen, const struct shm_ring_index *tail_index)
{
	uint32_t tail;

	if (head - *tail_seen < SHM_RING_CELLS)
		return 0;
	tail = load(tail_index);
	if (!is_possible(head, tail))
		return ERR_CORRUPT;
	*tail_seen = tail;
	return head - tail < SHM_RING_CELLS ? 0 : ERR_FULL;
}

/* A cell to read? On impossible indices the reader gives up what is between and goes on at the writer's. */
static int available(uint32_t *tail, uint32_t *head_seen, const struct shm_ring_index *head_index,
		     struct shm_ring_index *tail_index)
{
	if (*head_seen != *tail)
		return 0;
	*head_seen = load(head_index);
	if (!is_possible(*head_seen, *tail)) {
		*tail = *head_seen;
		publish(tail_index, *tail);
		return ERR_CORRUPT;
	}
	return *head_seen != *tail ? 0 : ERR_EMPTY;
}

int shm_command_writer_init(struct shm_command_writer *writer, struct shm_command_ring *ring)
{
	writer->ring = ring;
	return take_up(&ring->head, &ring->tail, true, &writer->head, &writer->tail_seen);
}

int shm_command_reader_init(struct shm_command_reader *reader, struct shm_command_ring *ring)
{
	reader->ring = ring;
	return take_up(&ring->head, &ring->tail, false, &reader->head_seen, &reader->tail);
}

int shm_event_writer_init(struct shm_event_writer *writer, struct shm_event_ring *ring)
{
	writer->ring = ring;
	return take_up(&ring->head, &ring->tail, true, &writer->head, &writer->tail_seen);
}

int shm_event_reader_init(struct shm_event_reader *reader, struct shm_event_ring *ring)
{
	reader->ring = ring;
	return take_up(&ring->head, &ring->tail, false, &reader->head_seen, &reader->tail);
}

int shm_command_put(struct shm_command_writer *writer, const struct shm_command *command)
{
	int error = room(writer->head, &writer->tail_seen, &writer->ring->tail);

	if (error)
		return error;
	writer->ring->cells[writer->head % SHM_RING_CELLS] = *command;
	publish(&writer->ring->head, ++writer->head);
	return 0;
}

int shm_event_put(struct shm_event_writer *writer, const struct shm_event *event)
{
	int error = room(writer->head, &writer->tail_seen, &writer->ring->tail);

	if (error)
		return error;
	writer->ring->cells[writer->head % SHM_RING_CELLS] = *event;
	publish(&writer->ring->head, ++writer->head);
	return 0;
}

bool shm_command_is_drained(const struct shm_command_writer *writer)
{
	return load(&writer->ring->tail) == writer->head;
}

int shm_command_get(struct shm_command_reader *reader, struct shm_command *ret_command)
{
	int error = available(&reader->tail, &reader->head_seen, &reader->ring->head, &reader->ring->tail);

	if (error)
		return error;
	*ret_command = reader->ring->cells[reader->tail % SHM_RING_CELLS];
	/* Keys of SRTP do not stay where they were passed on. */
	explicit_bzero(&reader->ring->cells[reader->tail % SHM_RING_CELLS], sizeof(*ret_command));
	publish(&reader->ring->tail, ++reader->tail);
	return 0;
}

int shm_event_get(struct shm_event_reader *reader, struct shm_event *ret_event)
{
	int error = available(&reader->tail, &reader->head_seen, &reader->ring->head, &reader->ring->tail);

	if (error)
		return error;
	*ret_event = reader->ring->cells[reader->tail % SHM_RING_CELLS];
	publish(&reader->ring->tail, ++reader->tail);
	return 0;
}
