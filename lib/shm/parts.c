/* The parts of a segment: how long they are, where they stand, which rows of them were ever written. */
#include "lib/shm/shm_private.h"

#include <errno.h>
#include <unistd.h>

static size_t worker_stride(uint32_t client_count, uint32_t streams_per_worker)
{
	return sizeof(struct shm_worker) + client_count * sizeof(struct shm_client) +
	       (size_t)streams_per_worker * sizeof(struct shm_stream_row);
}

size_t shm_segment_size(uint32_t worker_count, uint32_t client_count, uint32_t streams_per_worker)
{
	return sizeof(struct shm_header) + worker_count * worker_stride(client_count, streams_per_worker);
}

void shm_address_set_up(const struct shm_segment *segment, uint32_t address, bool is_up)
{
	if (BUG_ON(address >= segment->address_count))
		return;
	__atomic_store_n(&segment->header->addresses[address].up, is_up, __ATOMIC_RELAXED);
}

bool shm_address_is_up(const struct shm_segment *segment, uint32_t address)
{
	if (BUG_ON(address >= segment->address_count))
		return false;
	return __atomic_load_n(&segment->header->addresses[address].up, __ATOMIC_RELAXED) != 0;
}

struct shm_worker *shm_segment_worker(const struct shm_segment *segment, uint32_t worker)
{
	if (BUG_ON(worker >= segment->worker_count))
		worker = 0;
	return (struct shm_worker *)(void *)((char *)(segment->header + 1) +
					     worker *
						     worker_stride(segment->client_count, segment->streams_per_worker));
}

struct shm_client *shm_segment_client(const struct shm_segment *segment, uint32_t worker, uint32_t client)
{
	if (BUG_ON(client >= segment->client_count))
		client = 0;
	return (struct shm_client *)(void *)(shm_segment_worker(segment, worker) + 1) + client;
}

struct shm_stream_row *shm_segment_rows(const struct shm_segment *segment, uint32_t worker)
{
	return (struct shm_stream_row *)(void *)(shm_segment_client(segment, worker, 0) + segment->client_count);
}

bool shm_rows_next(const struct shm_segment *segment, uint32_t worker, uint32_t *from, uint32_t *ret_until)
{
	size_t size = sizeof(struct shm_stream_row), count = segment->streams_per_worker;
	off_t rows = (off_t)((char *)shm_segment_rows(segment, worker) - (char *)segment->header);
	off_t end = rows + (off_t)(count * size), data, hole;

	if (*from >= count)
		return false;
	data = lseek(segment->fd, rows + (off_t)(*from * size), SEEK_DATA);
	if (data < 0 && errno == ENXIO)
		return false;
	hole = data < 0 ? -1 : lseek(segment->fd, data, SEEK_HOLE);
	if (hole < 0) { /* a file system that cannot say: everything may be in use */
		*ret_until = (uint32_t)count;
		return true;
	}
	if (data >= end)
		return false;
	*from = (uint32_t)((size_t)(data - rows) / size);
	*ret_until = (uint32_t)MIN(((size_t)(hole - rows) + size - 1) / size, count);
	return true;
}
