/* Workers: the poll loop of one core, and the few things it shares with others.
 *
 * A turn: carry out up to WORKER_OPERATIONS_A_TURN operations of the manager; transmit what workers without a queue of their
 * own handed in; take over packets that other workers received for our streams; receive a burst from every queue we own
 * and run it through its lanes; send what was collected; every WORKER_SLICE_US publish a slice of the streams (rows,
 * time-outs, next hops) so that each has its turn WORKER_PUBLISH_MS apart.
 *
 * Operations are memory of the manager. They come prepared by one ring and go back by another, carried out, so a
 * worker neither allocates nor frees; an operation that came back is one that no turn works with any more.
 *
 * Idle: with "poll" it never sleeps. With "adaptive", after WORKER_IDLE_US without a packet it naps, each nap twice as long as
 * the one before, up to WORKER_NAP_MAX_US; one packet ends it. A nap is the only system call of the loop.
 *
 * Threads: worker_run in the worker's own; worker_new and worker_free in the manager's, before and after; the rings are
 * the seam. Ownership: the manager owns workers and operations.
 */
#ifndef DATAPLANE_WORKER_WORKER_H
#define DATAPLANE_WORKER_WORKER_H

#include "dataplane/lane/lane.h"
#include "lib/shm/shm.h"

#define WORKER_OPERATIONS_A_TURN 8
#define WORKER_OPERATIONS        1024 /* on their way to a worker at most */
#define WORKER_EVENTS            4096
#define WORKER_HANDOVER          2048 /* packets on their way to one worker */
#define WORKER_SLICE_US          500
#define WORKER_PUBLISH_MS        250
#define WORKER_TICK_MS           20
#define WORKER_TICK_BUDGET_US    100 /* of coding in a turn */
#define WORKER_IDLE_US           200
#define WORKER_NAP_MIN_US        20
#define WORKER_NAP_MAX_US        250

enum worker_operation_type { WORKER_STREAM_SET, WORKER_STREAM_DEL, WORKER_STREAM_NEIGHBOURS, WORKER_STREAM_DIGIT };

struct worker_operation {
	enum worker_operation_type type;
	/* in; DEL and NEIGHBOURS use wish.set.id, NEIGHBOURS the two neighbours too */
	struct stream_wish wish;
	struct shm_digit digit; /* DIGIT */
	/* out */
	struct shm_stream_counters final; /* DEL */
	bool is_used;                     /* SET, NEIGHBOURS: the neighbours given are the ones in use now */
};

struct worker {
	struct stage_context context;
	struct shm_stream_row *rows;           /* of the segment; NULL in tests */
	struct shm_worker_counters *published; /* likewise */
	struct rte_ring *operations, *done;    /* of struct worker_operation * */
	unsigned lcore;
	bool naps;
	uint64_t tsc_hz;
	uint64_t us_per_tsc; /* as a fraction of 2^64 */
	/* private to the loop */
	CACHE_ALIGNED uint64_t next_slice_tsc, last_packet_tsc;
	struct stream *wheel[WORKER_TICK_MS], *wheel_at; /* of streams that are decoded; where the last turn stopped */
	uint32_t wheel_counts[WORKER_TICK_MS], wheel_count;
	uint64_t wheel_ms;
	uint32_t nap_us;
	uint32_t slice_at; /* word of the live bitmap where the next slice begins */
	uint32_t slice_number;
	/* written by the manager, read by the worker */
	CACHE_ALIGNED _Atomic uint64_t clock_offset_ms; /* CLOCK_MONOTONIC minus the TSC, in milliseconds */
};

struct worker_setup {
	uint16_t index, count;
	uint32_t streams;
	bool naps;
	struct port_table *ports;
	const struct neighbour_table *neighbours; /* may be NULL */
	struct stream_lookup *lookup;
	struct shm_segment *segment; /* may be NULL */
};

/* ERR_NOMEM, ERR_RANGE. Needs EAL. Workers of one process are made in the order of their index, then linked. */
int worker_new(const struct worker_setup *setup, struct worker **ret_worker) WARN_UNUSED;
/* Tells every worker the others' rings. */
void worker_link(struct worker *const workers[], uint16_t count);
void worker_free(struct worker *worker); /* NULL is allowed; frees packets that are still in its rings */
/* One turn; returns how many packets it received. */
unsigned worker_turn(struct worker *worker);
/* Turns until *stop, naps if it may. */
void worker_run(struct worker *worker, const atomic_bool *stop);
/* By the manager: what CLOCK_MONOTONIC says at a TSC. And as the worker knows it from then on. */
void worker_clock_set(struct worker *worker, uint64_t now_tsc, uint64_t now_ms);
struct stream_clock worker_clock(const struct worker *worker, uint64_t now_tsc);

#endif
