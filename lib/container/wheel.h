/* A hierarchical timer wheel of one millisecond ticks: constant cost to start and stop, no allocation. The clock is the
 * caller's: wheel_advance says how late it is.
 *
 * Threads: one at a time. Ownership: timers live in the user's structs; a started timer must be stopped before its
 * struct is freed. Limits: delays up to 2^32 ms (49 days); longer ones are cut to that.
 */
#ifndef LIB_CONTAINER_WHEEL_H
#define LIB_CONTAINER_WHEEL_H

#include "lib/container/list.h"

#define WHEEL_LEVELS 4
#define WHEEL_SLOTS  256

struct wheel_timer {
	struct list link;
	uint64_t due_ms;
	void (*expired)(void *arg); /* the timer is stopped when this is called; it may be started again */
	void *arg;
};

struct wheel {
	uint64_t now_ms; /* every timer due at or before this has been called */
	size_t count;
	uint64_t used[WHEEL_LEVELS][WHEEL_SLOTS / 64]; /* a bit per slot that may hold timers */
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);
/* A timer that is not running. */
void wheel_timer_init(struct wheel_timer *timer, void (*expired)(void *arg), void *arg);
bool wheel_timer_is_running(const struct wheel_timer *timer);
/* Starts, or starts anew: due `delay_ms` after the wheel's now, one tick at the earliest. */
void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t delay_ms);
/* Stops; nothing when it was not running. */
void wheel_stop(struct wheel *wheel, struct wheel_timer *timer);
/* Calls everything due up to now_ms, in the order of the milliseconds; callbacks may start and stop any timer. */
void wheel_advance(struct wheel *wheel, uint64_t now_ms);
/* Milliseconds until something may be due (never later than the first timer, possibly earlier); UINT64_MAX when idle.
 */
uint64_t wheel_next_ms(const struct wheel *wheel);

#endif
