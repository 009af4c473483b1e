/* The queue between signalling and writer: records in a ring of bytes, without a lock. Each side moves its own end. */
#include "controlplane/trace/trace_private.h"

#include <stdlib.h>

enum { ALIGN = 16, SKIP_SIZE = sizeof(uint32_t) };

_Static_assert(sizeof(struct trace_record) % 8 == 0, "records stand aligned");

int trace_queue_init(struct trace_queue *queue, size_t size)
{
	*queue = (struct trace_queue){.size = size};
	queue->bytes = malloc(size);
	return queue->bytes ? 0 : ERR_NOMEM;
}

void trace_queue_fini(struct trace_queue *queue)
{
	free(queue->bytes);
	queue->bytes = NULL;
}

static size_t whole_size(uint32_t size)
{
	return (sizeof(struct trace_record) + size + ALIGN - 1) / ALIGN * ALIGN;
}

static struct trace_record *record_at(struct trace_queue *queue, size_t position)
{
	return (struct trace_record *)(void *)(queue->bytes + position % queue->size);
}

bool trace_queue_put(struct trace_queue *queue, const struct trace_record *record, struct view message)
{
	size_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
	size_t tail = atomic_load_explicit(&queue->tail, memory_order_acquire);
	size_t size = whole_size((uint32_t)message.size), to_end = queue->size - head % queue->size;
	size_t skipped = to_end < size ? to_end : 0;
	struct trace_record *at;

	if (head + skipped + size - tail > queue->size) {
		queue->lost++;
		return false;
	}
	if (skipped) /* ALIGN is room enough for the mark */
		memcpy(queue->bytes + head % queue->size, &(uint32_t){UINT32_MAX}, SKIP_SIZE);
	at = record_at(queue, head + skipped);
	*at = *record;
	at->size = (uint32_t)message.size;
	at->lost = queue->lost;
	memcpy(at + 1, message.at, message.size);
	queue->lost = 0;
	atomic_store_explicit(&queue->head, head + skipped + size, memory_order_release);
	return true;
}

struct trace_record *trace_queue_get(struct trace_queue *queue, char **ret_message)
{
	size_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
	size_t head = atomic_load_explicit(&queue->head, memory_order_acquire);
	uint32_t size;

	if (tail == head)
		return NULL;
	memcpy(&size, queue->bytes + tail % queue->size, SKIP_SIZE);
	if (size == UINT32_MAX) {
		tail += queue->size - tail % queue->size;
		atomic_store_explicit(&queue->tail, tail, memory_order_release);
	}
	*ret_message = (char *)(record_at(queue, tail) + 1);
	return record_at(queue, tail);
}

void trace_queue_drop(struct trace_queue *queue)
{
	size_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);

	atomic_store_explicit(&queue->tail, tail + whole_size(record_at(queue, tail)->size), memory_order_release);
}
