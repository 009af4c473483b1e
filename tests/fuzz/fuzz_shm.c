/* A hostile peer's bytes before every reader of lib/shm. The first byte chooses the reader, the rest is what it reads.
 *
 * Header: a whole head of a segment, with values of ours in place where the input says so. Rings: index values that
 * change between reads, and cells. Rows: any content. Whatever is let through has to keep what the checks promise.
 */
#include "lib/shm/shm.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORKERS 2
#define STREAMS 8

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

struct input {
	const uint8_t *at;
	size_t size;
};

/* The next bytes of the input; zeros beyond its end. */
static void take(struct input *in, void *to, size_t size)
{
	size_t part = MIN(in->size, size);

	memset(to, 0, size);
	if (part > 0)
		memcpy(to, in->at, part);
	in->at += part;
	in->size -= part;
}

/* A segment as attach would have made it, in private memory. */
static struct shm_segment *segment(void)
{
	static struct shm_segment s;

	if (s.header)
		return &s;
	s = (struct shm_segment){.worker_count = WORKERS,
				 .client_count = 1,
				 .streams_per_worker = STREAMS,
				 .address_count = 2,
				 .generation = 1,
				 .fd = -1};
	s.addresses[0] = (struct shm_address){
		.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 1}}, .port_start = 10000, .port_end = 10099};
	s.addresses[1] = (struct shm_address){
		.address = {.family = NET_IPV6, .bytes = {0x20, 1}}, .port_start = 10000, .port_end = 10099};
	s.size = shm_segment_size(WORKERS, 1, STREAMS);
	s.header = mmap(NULL, s.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(s.header != MAP_FAILED);
	return &s;
}

static void read_header(struct input in)
{
	static struct shm_header header;
	struct shm_refusal refusal = {.text = ""};
	uint8_t keep;
	uint32_t file_size;
	int error;

	take(&in, &keep, sizeof(keep));
	take(&in, &file_size, sizeof(file_size));
	take(&in, &header, sizeof(header));
	if (keep & 1) { /* past the magic and the sizes */
		header.magic = SHM_MAGIC;
		header.version = SHM_VERSION;
		header.header_size = sizeof(struct shm_header);
		header.address_size = sizeof(struct shm_address);
		header.command_size = sizeof(struct shm_command);
		header.event_size = sizeof(struct shm_event);
		header.row_size = sizeof(struct shm_stream_row);
		header.worker_size = sizeof(struct shm_worker);
		header.client_size = sizeof(struct shm_client);
		header.ring_cells = SHM_RING_CELLS;
		header.drop_count = DROP_COUNT;
		header.worker_counter_count = WORKER_COUNTER_COUNT;
	}
	if (keep & 2 && header.worker_count <= SHM_WORKERS_MAX && header.client_count <= SHM_CLIENTS_MAX &&
	    header.streams_per_worker <= 1 << 20)
		header.segment_size =
			shm_segment_size(header.worker_count, header.client_count, header.streams_per_worker);
	error = shm_header_check(&header, keep & 4 ? (size_t)header.segment_size : file_size, &refusal);
	if (error) {
		MUST(refusal.text[0] != '\0');
		return;
	}
	MUST(header.worker_count >= 1 && header.worker_count <= SHM_WORKERS_MAX && header.client_count >= 1 &&
	     header.client_count <= SHM_CLIENTS_MAX && header.address_count <= SHM_ADDRESSES_MAX);
	for (uint32_t i = 0; i < header.address_count; i++)
		MUST(header.addresses[i].port_start < header.addresses[i].port_end &&
		     memchr(header.addresses[i].port_name, '\0', SHM_NAME_SIZE));
}

static void check_command(const struct shm_segment *s, const struct shm_command *command)
{
	const struct shm_stream_set *set = &command->u.stream_set;

	if (shm_command_check(s, 1, command) < 0)
		return;
	MUST(set->id.index < STREAMS && set->id.worker == 1 && set->id.generation != 0);
	if (command->type == SHM_COMMAND_STREAM_SET)
		MUST(set->address < s->address_count && set->local_port >= 10000 && set->local_port < 10099 &&
		     (set->source.generation == 0 || set->source.index < STREAMS));
}

static void read_commands(struct input in)
{
	struct shm_segment *s = segment();
	struct shm_command_ring *ring = &shm_segment_client(s, 1, 0)->commands;
	struct shm_command_reader reader;
	struct shm_command command;

	memset(ring, 0, offsetof(struct shm_command_ring, cells));
	take(&in, &ring->tail.value, sizeof(uint32_t));
	take(&in, &ring->head.value, sizeof(uint32_t));
	(void)(shm_command_reader_init(&reader, ring) == 0);
	while (in.size > 0) {
		struct shm_command cell;
		uint32_t head;

		take(&in, &head, sizeof(head));
		take(&in, &cell, sizeof(cell));
		for (uint32_t i = 0; i < 4; i++)
			ring->cells[(reader.tail + i) % SHM_RING_CELLS] = cell;
		atomic_store(&ring->head.value, head % 4 == 0 ? head : reader.tail + head % 4);
		for (int i = 0; i < 4; i++)
			if (shm_command_get(&reader, &command) == 0)
				check_command(s, &command);
	}
}

static void read_events(struct input in)
{
	struct shm_segment *s = segment();
	struct shm_event_ring *ring = &shm_segment_client(s, 0, 0)->events;
	struct shm_event_reader reader;
	struct shm_event event;

	memset(ring, 0, offsetof(struct shm_event_ring, cells));
	take(&in, &ring->tail.value, sizeof(uint32_t));
	take(&in, &ring->head.value, sizeof(uint32_t));
	(void)(shm_event_reader_init(&reader, ring) == 0);
	while (in.size > 0) {
		struct shm_event cell;
		uint32_t head;

		take(&in, &head, sizeof(head));
		take(&in, &cell, sizeof(cell));
		for (uint32_t i = 0; i < 4; i++)
			ring->cells[(reader.tail + i) % SHM_RING_CELLS] = cell;
		atomic_store(&ring->head.value, head % 4 == 0 ? head : reader.tail + head % 4);
		for (int i = 0; i < 4; i++) {
			if (shm_event_get(&reader, &event) < 0 || shm_event_check(s, 0, &event) < 0)
				continue;
			MUST(event.id.index < STREAMS && event.id.worker == 0 && event.id.generation != 0);
			MUST(event.type > SHM_EVENT_NONE && event.type < SHM_EVENT_COUNT);
			MUST(event.type != SHM_EVENT_STREAM_REFUSED ||
			     strcmp(error_text(event.error), "unknown error") != 0);
		}
	}
}

/* A writer whose reader lies about how far it is. */
static void write_commands(struct input in)
{
	struct shm_command_ring *ring = &shm_segment_client(segment(), 0, 0)->commands;
	struct shm_command command = {.type = SHM_COMMAND_NONE};
	struct shm_command_writer writer;

	memset(ring, 0, offsetof(struct shm_command_ring, cells));
	take(&in, &ring->tail.value, sizeof(uint32_t));
	take(&in, &ring->head.value, sizeof(uint32_t));
	(void)(shm_command_writer_init(&writer, ring) == 0);
	for (int lie = 0; lie < 4 && in.size > 0; lie++) {
		uint32_t tail;
		int error;

		take(&in, &tail, sizeof(tail));
		atomic_store(&ring->tail.value, tail % 4 == 0 ? tail : writer.head - tail % (SHM_RING_CELLS + 2));
		for (uint32_t i = 0; i <= 2 * SHM_RING_CELLS; i++) { /* what was seen before, and what is said now */
			error = shm_command_put(&writer, &command);
			if (error)
				break;
		}
		MUST(error == ERR_FULL || error == ERR_CORRUPT);
	}
}

static void read_row(struct input in)
{
	struct shm_segment *s = segment();
	struct shm_stream_row *row = &shm_segment_rows(s, 1)[STREAMS - 1], copy;

	take(&in, row, sizeof(*row));
	if (shm_stream_read(s, 1, STREAMS - 1, &copy) < 0)
		return;
	MUST(copy.state == SHM_SLOT_LIVE && copy.generation != 0 && copy.address < s->address_count);
	MUST(copy.local_port % 2 == 0 && copy.local_port >= 10000 && copy.local_port < 10099);
}

/* The whole file as another process left it, through attach itself: the input is its head. */
static void attach(struct input in)
{
	static char path[64];
	static struct shm_segment dataplane;
	static struct shm_header good;
	struct shm_segment s;
	struct shm_refusal refusal;
	uint8_t keep;

	if (!dataplane.header) {
		struct shm_layout layout = {.worker_count = WORKERS, .streams_per_worker = STREAMS, .generation = 1};

		snprintf(path, sizeof(path), "/tmp/fuzz_shm_%d", getpid());
		MUST(shm_segment_create(path, &layout, &dataplane, &refusal) == 0);
		good = *dataplane.header;
	}
	take(&in, &keep, sizeof(keep));
	*dataplane.header = good;
	take(&in, (char *)dataplane.header + (keep & 1 ? offsetof(struct shm_header, worker_count) : 0),
	     MIN(in.size, sizeof(good) - offsetof(struct shm_header, worker_count)));
	if (shm_segment_attach(path, &s, &refusal) == 0) {
		MUST(s.size >= shm_segment_size(s.worker_count, s.client_count, s.streams_per_worker));
		shm_segment_close(&s, path);
	}
}

static void fini(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/fuzz_shm_%d", getpid());
	unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct input in) = {read_header,    read_commands, read_events,
							   write_commands, read_row,      attach};
	static bool is_set_up;

	if (!is_set_up)
		is_set_up = atexit(fini) == 0;
	if (size > 0)
		readers[data[0] % ARRAY_LEN(readers)]((struct input){data + 1, size - 1});
	return 0;
}
