/* Inside controlplane/trace: the queue between the two threads (queue.c), the writer (writer.c), what is hidden (mask.c).
 */
#ifndef CONTROLPLANE_TRACE_TRACE_PRIVATE_H
#define CONTROLPLANE_TRACE_TRACE_PRIVATE_H

#include "controlplane/trace/trace.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* ---- queue.c: one thread puts, another gets ---- */
struct trace_record {
	uint32_t size; /* of the message behind it; UINT32_MAX: the rest of the queue up to its end is not used */
	uint32_t lost; /* messages lost just before this one */
	uint64_t wall_ms;
	struct transport_flow flow;
	bool is_sent;
	char call[TRACE_CALL_SIZE];
};

struct trace_queue {
	char *bytes;
	size_t size;         /* a power of two */
	_Atomic size_t head; /* put so far: the putting thread's */
	_Atomic size_t tail; /* got so far: the getting thread's */
	uint32_t lost;       /* not told in a record yet */
};
int trace_queue_init(struct trace_queue *queue, size_t size) WARN_UNUSED;
void trace_queue_fini(struct trace_queue *queue);
/* False: there is no room; the next record that fits tells it. */
bool trace_queue_put(struct trace_queue *queue, const struct trace_record *record, struct view message);
/* The oldest record and its message, which may be written to; NULL: it is empty. Stays until trace_queue_drop. */
struct trace_record *trace_queue_get(struct trace_queue *queue, char **ret_message);
void trace_queue_drop(struct trace_queue *queue);

/* ---- mask.c ---- */
void trace_mask(char *message, size_t size);

/* ---- writer.c: the disk's side ---- */
struct trace_writer {
	char directory[512];
	uint32_t retention_days;
	uint64_t size_max;
	struct trace_queue queue;
	sem_t work;
	_Atomic bool is_ending;
	_Atomic uint64_t written, lost; /* lost: on the disk's side */
	_Atomic int last_errno;
	bool is_running;
	pthread_t thread;
	/* of the thread */
	int fd; /* -1: none */
	int64_t day;
	uint64_t file_size;
	bool is_full; /* said so already */
};
int trace_writer_start(struct trace_writer *writer) WARN_UNUSED;
void trace_writer_stop(struct trace_writer *writer);

#endif
