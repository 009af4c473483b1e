/* The turn, timers and messages: the part of a loop that is the same in real and in simulated time. */
#include "controlplane/loop/loop_private.h"

void loop_init(struct loop *loop, const struct loop_make *make, uint64_t now_ms)
{
	loop->make = make;
	wheel_init(&loop->wheel, now_ms);
	atomic_init(&loop->is_stopped, false);
	atomic_init(&loop->mailbox, NULL);
	loop->deferred = NULL;
	loop->deferred_end = &loop->deferred;
	loop->idle_ms = now_ms;
	loop->lag_ms = 0;
}

/* ---- messages ---- */

void loop_message_init(struct loop_message *message, void (*run)(void *arg), void *arg)
{
	*message = (struct loop_message){.run = run, .arg = arg};
}

bool loop_post(struct loop *loop, struct loop_message *message)
{
	struct loop_message *head;

	if (atomic_exchange_explicit(&message->is_queued, true, memory_order_acq_rel))
		return false;
	head = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);
	do {
		message->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &head, message, memory_order_acq_rel,
							memory_order_relaxed));
	if (!head)
		loop->make->wake(loop);
	return true;
}

bool loop_defer(struct loop *loop, struct loop_message *message)
{
	if (atomic_exchange_explicit(&message->is_queued, true, memory_order_acq_rel))
		return false;
	message->next = NULL;
	*loop->deferred_end = message;
	loop->deferred_end = &message->next;
	return true;
}

void loop_defer_cancel(struct loop *loop, struct loop_message *message)
{
	for (struct loop_message **at = &loop->deferred; *at; at = &(*at)->next) {
		if (*at != message)
			continue;
		*at = message->next;
		if (!*at)
			loop->deferred_end = at;
		atomic_store_explicit(&message->is_queued, false, memory_order_release);
		return;
	}
}

static void run_message(struct loop_message *message)
{
	void (*run)(void *arg) = message->run;
	void *arg = message->arg;

	atomic_store_explicit(&message->is_queued, false, memory_order_release);
	run(arg);
}

/* Takes what is there now; what the messages post comes in the next turn. */
static void run_mailbox(struct loop *loop)
{
	struct loop_message *newest = atomic_exchange_explicit(&loop->mailbox, NULL, memory_order_acq_rel);
	struct loop_message *oldest = NULL;

	while (newest) {
		struct loop_message *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct loop_message *next = oldest->next;

		run_message(oldest);
		oldest = next;
	}
}

/* Until nothing is deferred any more: an end may defer the ends of its parts. */
static void run_deferred(struct loop *loop)
{
	while (loop->deferred) {
		struct loop_message *message = loop->deferred;

		loop->deferred = message->next;
		if (!loop->deferred)
			loop->deferred_end = &loop->deferred;
		run_message(message);
	}
}

static bool has_mail(struct loop *loop)
{
	return atomic_load_explicit(&loop->mailbox, memory_order_acquire) != NULL;
}

/* ---- turns ---- */

/* Timers first: the wheel's clock is the loop's, so watches then see the time of this turn. */
static void after_wait(struct loop *loop, uint64_t now_ms)
{
	wheel_advance(&loop->wheel, now_ms);
	loop->make->dispatch(loop);
	run_mailbox(loop);
	run_deferred(loop);
}

/* A wait during which the clock moved was a rest. With the clock's milliseconds as samples a loop that is busy 99 % of the
 * time still rests at some of them; one that rests at none for long does not keep pace. */
static void measure_lag(struct loop *loop, uint64_t before_ms, uint64_t after_ms)
{
	loop->lag_ms = before_ms - MIN(loop->idle_ms, before_ms);
	if (after_ms > before_ms) {
		loop->idle_ms = after_ms;
		loop->lag_ms = 0;
	}
}

/* Something deferred outside a turn (before the loop ran) must not wait for a descriptor. */
void loop_turn(struct loop *loop, uint64_t wait_ms)
{
	uint64_t due_ms = wheel_next_ms(&loop->wheel);
	uint64_t before_ms = loop->make->clock_ms(loop), after_ms;
	uint64_t late_ms = before_ms - loop->wheel.now_ms;

	if (due_ms != UINT64_MAX)
		wait_ms = MIN(wait_ms, due_ms > late_ms ? due_ms - late_ms : 0);
	if (has_mail(loop) || loop->deferred)
		wait_ms = 0;
	loop->make->wait(loop, wait_ms);
	after_ms = loop->make->clock_ms(loop);
	if (!loop->make->is_simulated)
		measure_lag(loop, before_ms, after_ms);
	after_wait(loop, after_ms);
}

void loop_run(struct loop *loop)
{
	if (BUG_ON(loop->make->is_simulated))
		return;
	while (!atomic_load_explicit(&loop->is_stopped, memory_order_acquire))
		loop_turn(loop, UINT64_MAX);
	atomic_store_explicit(&loop->is_stopped, false, memory_order_release);
}

void loop_stop(struct loop *loop)
{
	atomic_store_explicit(&loop->is_stopped, true, memory_order_release);
	loop->make->wake(loop);
}

void loop_sim_advance(struct loop *loop, uint64_t ms)
{
	uint64_t end_ms = loop->wheel.now_ms + ms;

	if (BUG_ON(!loop->make->is_simulated))
		return;
	after_wait(loop, loop->wheel.now_ms);
	while (loop->wheel.now_ms < end_ms) {
		uint64_t step_ms = MIN(wheel_next_ms(&loop->wheel), end_ms - loop->wheel.now_ms);

		after_wait(loop, loop->wheel.now_ms + step_ms);
	}
}

uint64_t loop_sim_next_ms(const struct loop *loop)
{
	return wheel_next_ms(&loop->wheel);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	run_mailbox(loop);
	run_deferred(loop);
	loop->make->free(loop);
}

/* ---- time and randomness ---- */

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->wheel.now_ms;
}

uint64_t loop_wall_ms(const struct loop *loop)
{
	return loop->make->wall_ms(loop);
}

void loop_local_time(const struct loop *loop, struct tm *ret_time)
{
	time_t now = (time_t)(loop_wall_ms(loop) / 1000);

	if (loop->make->is_simulated)
		gmtime_r(&now, ret_time);
	else
		localtime_r(&now, ret_time);
}

uint64_t loop_lag_ms(const struct loop *loop)
{
	return loop->lag_ms;
}

void loop_sim_set_lag(struct loop *loop, uint64_t lag_ms)
{
	if (BUG_ON(!loop->make->is_simulated))
		return;
	loop->lag_ms = lag_ms;
}

void loop_timer_init(struct loop_timer *timer, void (*expired)(void *arg), void *arg)
{
	wheel_timer_init(&timer->wheel, expired, arg);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
	wheel_start(&loop->wheel, &timer->wheel, delay_ms);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
	wheel_stop(&loop->wheel, &timer->wheel);
}

bool loop_timer_is_running(const struct loop_timer *timer)
{
	return wheel_timer_is_running(&timer->wheel);
}

uint64_t loop_timer_left_ms(const struct loop *loop, const struct loop_timer *timer)
{
	if (!loop_timer_is_running(timer) || timer->wheel.due_ms <= loop->wheel.now_ms)
		return 0;
	return timer->wheel.due_ms - loop->wheel.now_ms;
}

void loop_random(struct loop *loop, void *buffer, size_t size)
{
	loop->make->random(loop, buffer, size);
}

void loop_random_token(struct loop *loop, char *buffer, size_t buffer_size)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

	if (BUG_ON(buffer_size == 0))
		return;
	loop_random(loop, buffer, buffer_size - 1);
	for (size_t i = 0; i + 1 < buffer_size; i++)
		buffer[i] = letters[(unsigned char)buffer[i] & 31];
	buffer[buffer_size - 1] = '\0';
}
