/* Overload: when new work is refused so that the work that is there goes on undisturbed.
 *
 * Used by controlplane/call (new calls) and app (REGISTER). Requests inside dialogs are never asked about here.
 * Two reasons: the rate of new calls (sip.calls_per_second, a token bucket), and a signalling loop that does not keep pace
 * (sip.overload_lag; loop_lag_ms). The second ends in the very turn in which the loop has caught up.
 * A refusal is a 503 with Retry-After of 5 to 10 s at random, counted, and logged once a second at most.
 * Threads: each signalling loop has one; lag is its own, the rate of calls is everybody's. Ownership: embedded; holds nothing.
 */
#ifndef CONTROLPLANE_OVERLOAD_OVERLOAD_H
#define CONTROLPLANE_OVERLOAD_OVERLOAD_H

#include "lib/container/bucket.h"

#include <pthread.h>

struct conf_sip;
struct loop;
struct metrics;
struct transaction_reply;

struct overload {
	struct loop *loop;
	struct metrics *metrics;
	struct overload *first; /* whose bucket counts: its own, or that of another thread */
	pthread_mutex_t lock;   /* over calls */
	struct bucket calls;
	uint32_t lag_max_ms; /* 0: never late */
	uint64_t told_ms;    /* when it was logged last */
	uint64_t untold;     /* refused since */
	uint32_t retry_s;    /* of the refusal that is being written */
};

/* first: of the first signalling thread, with which the rate of calls is counted together; NULL: this is it. */
void overload_init(struct overload *overload, struct loop *loop, struct metrics *metrics, const struct conf_sip *conf,
		   struct overload *first);
/* The loop is behind. */
bool overload_is_late(const struct overload *overload);
/* A new call may begin now: in time, and a token is there (none is taken). */
bool overload_has_room(struct overload *overload);
/* Takes the token of a call that begins. False: there is none. */
bool overload_take(struct overload *overload);
/* The refusal, to be sent before the next one is made; counts it. */
void overload_refuse(struct overload *overload, struct transaction_reply *ret_reply);

#endif
