/* Between the sources of this folder. */
#ifndef DATAPLANE_WORKER_PRIVATE_H
#define DATAPLANE_WORKER_PRIVATE_H

#include "dataplane/worker/worker.h"

/* operate.c: what the manager asked for. */
void worker_operate(struct worker *worker);
/* tick.c: what is decoded is spoken on, within the budget of a turn; returns for how many streams. */
unsigned worker_tick(struct worker *worker);
/* A stream got or lost its playout, or ends. */
void worker_tick_update(struct worker *worker, struct stream *stream);
/* publish.c: rows, time-outs and next hops of the streams whose turn it is; of all. */
void worker_publish_slice(struct worker *worker);
void worker_publish_all(struct worker *worker);
/* report.c: RTCP of our own to the stream's peer, when it is time and nobody else reports to it. */
void worker_report(struct worker *worker, struct stream *stream);
/* A steady clock in microseconds for jitter. */
static inline uint64_t worker_us(const struct worker *worker, uint64_t tsc)
{
	return (uint64_t)((unsigned __int128)tsc * worker->us_per_tsc >> 64);
}

#endif
