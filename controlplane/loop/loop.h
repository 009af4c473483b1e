/* The seam: time, randomness, file descriptors and messages between threads, all through one object with two makes.
 * The real one stands on epoll, CLOCK_MONOTONIC and getrandom; the simulated one has a clock that only
 * loop_sim_advance moves, a seeded generator and no file descriptors, so that whole calls run in microseconds.
 *
 * Used by everything in the control plane; nothing else there asks the kernel for the time or for random bytes.
 * Threads: a loop belongs to the thread that runs it. loop_post and loop_stop may be called from any thread, everything
 * else only from the loop's own (or before it runs).
 * A turn: wait, timers that are due, watches that are ready, posted messages, then everything deferred. The clock
 * stands still within one callback; while timers are caught up it shows each timer its own millisecond. Ownership:
 * timers, watches and messages live in their users' structs; the loop never allocates after loop_new. Stop a timer and
 * delete a watch before their struct is freed (either may be done inside any callback, and is final: no call comes
 * after it). A message that is queued must stay until it ran: free objects by deferring their end, which runs when no
 * callback of theirs is on the stack. Limits: 64 ready watches a turn; delays up to 49 days.
 */
#ifndef CONTROLPLANE_LOOP_LOOP_H
#define CONTROLPLANE_LOOP_LOOP_H

#include "lib/container/wheel.h"

#include <stdatomic.h>
#include <time.h>

struct loop;

/* ERR_NOMEM, ERR_IO (no descriptors left). */
int loop_new_real(struct loop **ret_loop) WARN_UNUSED;
/* loop_now_ms begins at 0, the wall clock at wall_ms; random numbers by seed. ERR_NOMEM. */
int loop_new_sim(uint64_t seed, uint64_t wall_ms, struct loop **ret_loop) WARN_UNUSED;
/* Runs what was posted or deferred a last time, then frees. NULL is allowed. */
void loop_free(struct loop *loop);

/* Turns until loop_stop. Only the real one. */
void loop_run(struct loop *loop);
/* Ends loop_run after the turn that is going on; also before loop_run began. Any thread. */
void loop_stop(struct loop *loop);
/* One turn; waits at most wait_ms for something to do. The simulated one neither waits nor moves its clock. */
void loop_turn(struct loop *loop, uint64_t wait_ms);
/* Simulated: lets ms pass, with a turn at every millisecond at which a timer is due. */
void loop_sim_advance(struct loop *loop, uint64_t ms);
/* Simulated: milliseconds until a timer may be due, UINT64_MAX without timers. */
uint64_t loop_sim_next_ms(const struct loop *loop);

/* ---- time ---- */
uint64_t loop_now_ms(const struct loop *loop);  /* monotonic, as of this turn; costs nothing */
uint64_t loop_wall_ms(const struct loop *loop); /* since 1970 UTC, for people: never subtract it */
/* The wall clock in the machine's time zone; UTC in a simulated loop. */
void loop_local_time(const struct loop *loop, struct tm *ret_time);
/* How long the loop has not caught up: milliseconds since it last had nothing to do, as of the beginning of this turn. Small
 * while it keeps pace; grows when turns are long, or when messages come faster than they are worked off. */
uint64_t loop_lag_ms(const struct loop *loop);
/* Simulated: what loop_lag_ms says from now on. */
void loop_sim_set_lag(struct loop *loop, uint64_t lag_ms);

struct loop_timer {
	struct wheel_timer wheel;
};
void loop_timer_init(struct loop_timer *timer, void (*expired)(void *arg), void *arg);
/* Starts, or starts anew: due delay_ms after loop_now_ms, one millisecond at the earliest. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
bool loop_timer_is_running(const struct loop_timer *timer);
/* 0 when it is not running. */
uint64_t loop_timer_left_ms(const struct loop *loop, const struct loop_timer *timer);

/* ---- randomness: fit for keys and nonces in the real loop ---- */
void loop_random(struct loop *loop, void *buffer, size_t size);
/* Fills the buffer with lower-case letters and digits (5 bits each) and a terminator: tags, branches, Call-IDs. */
void loop_random_token(struct loop *loop, char *buffer, size_t buffer_size);

/* ---- file descriptors ---- */
struct loop_watch {
	struct loop *loop; /* NULL while not added */
	int fd;
	uint32_t events;
	void (*ready)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP ... */
	void *arg;
};
/* Level-triggered. The descriptor stays the user's. ERR_IO; ERR_UNSUPPORTED in a simulated loop. */
int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
		   void (*ready)(void *arg, uint32_t events), void *arg) WARN_UNUSED;
int loop_watch_mod(struct loop_watch *watch, uint32_t events) WARN_UNUSED;
/* Before the descriptor is closed. Nothing when it was not added (a zeroed struct). */
void loop_watch_del(struct loop_watch *watch);

/* ---- messages: a function to be called later, by the loop's thread ---- */
struct loop_message {
	struct loop_message *next;
	_Atomic bool is_queued;
	void (*run)(void *arg);
	void *arg;
};
void loop_message_init(struct loop_message *message, void (*run)(void *arg), void *arg);
/* Any thread: runs in a later turn of the loop, in the order of posting. One that is queued already stays where it is
 * (false). The message is free for the next use when run is called; run may free it. */
bool loop_post(struct loop *loop, struct loop_message *message);
/* Loop's thread: runs at the end of this turn, when all callbacks have returned. Otherwise like loop_post. */
bool loop_defer(struct loop *loop, struct loop_message *message);
/* Takes a deferred (not a posted) message back. Nothing when it is not deferred. */
void loop_defer_cancel(struct loop *loop, struct loop_message *message);

/* ---- signals ---- */
struct loop_signals {
	struct loop_watch watch;
	void (*on_signal)(void *arg, int number);
	void *arg;
};
/* Blocks the numbers in the calling thread and gives them to on_signal: call it before other threads are started, so
 * that they inherit the blocking. ERR_IO, ERR_INVALID; ERR_UNSUPPORTED in a simulated loop. */
int loop_signals_init(struct loop *loop, struct loop_signals *signals, const int *numbers, size_t count,
		      void (*on_signal)(void *arg, int number), void *arg) WARN_UNUSED;
void loop_signals_fini(struct loop_signals *signals);

#endif
