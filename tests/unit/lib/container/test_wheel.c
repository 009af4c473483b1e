/* The wheel against a model that knows nothing: a plain array of due times. Random starts, stops and advances, near and
 * far, and every timer must be called in its very millisecond, once, in order. */
#include "tests/unit/unit.h"

#include "lib/container/wheel.h"

enum { TIMERS = 300 };

struct model;
struct model_timer {
	struct wheel_timer timer;
	struct model *model;
	bool running;
	uint64_t due_ms;
};

struct model {
	struct wheel wheel;
	struct model_timer timers[TIMERS];
	uint64_t target_ms, last_due_ms;
	uint32_t random;
	size_t fired;
	bool restarts; /* callbacks start and stop timers */
};

static uint32_t next(struct model *model)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 17;
	model->random ^= model->random << 5;
	return model->random;
}

/* Near and far in equal shares: up to 2^0 .. 2^32 ms. */
static uint64_t delay(struct model *model)
{
	unsigned bits = next(model) % 33;

	return bits == 0 ? 0 : ((uint64_t)next(model) << 1 | 1) & (((uint64_t)1 << bits) - 1);
}

static void start(struct model *model, struct model_timer *timer, uint64_t delay_ms)
{
	wheel_start(&model->wheel, &timer->timer, delay_ms);
	timer->running = true;
	timer->due_ms = model->wheel.now_ms + MAX(1, MIN(delay_ms, UINT32_MAX));
	assert_true(wheel_timer_is_running(&timer->timer));
}

static void stop(struct model *model, struct model_timer *timer)
{
	wheel_stop(&model->wheel, &timer->timer);
	timer->running = false;
	assert_false(wheel_timer_is_running(&timer->timer));
}

static void expired(void *arg)
{
	struct model_timer *timer = arg;
	struct model *model = timer->model;

	assert_true(timer->running);
	assert_int_equal(timer->due_ms, model->wheel.now_ms);
	assert_true(model->wheel.now_ms <= model->target_ms);
	assert_true(model->wheel.now_ms >= model->last_due_ms);
	model->last_due_ms = model->wheel.now_ms;
	timer->running = false;
	model->fired++;
	if (!model->restarts)
		return;
	if (next(model) % 2)
		start(model, timer, delay(model));
	if (next(model) % 4 == 0)
		stop(model, &model->timers[next(model) % TIMERS]);
	if (next(model) % 4 == 0)
		start(model, &model->timers[next(model) % TIMERS], next(model) % 3);
}

static void check(struct model *model)
{
	uint64_t first = UINT64_MAX, said = wheel_next_ms(&model->wheel);
	size_t running = 0;

	for (size_t i = 0; i < TIMERS; i++) {
		const struct model_timer *timer = &model->timers[i];

		assert_int_equal(timer->running, wheel_timer_is_running(&timer->timer));
		if (!timer->running)
			continue;
		running++;
		assert_true(timer->due_ms > model->wheel.now_ms);
		first = MIN(first, timer->due_ms - model->wheel.now_ms);
	}
	assert_int_equal(running, model->wheel.count);
	if (running == 0)
		assert_true(said == UINT64_MAX);
	else
		assert_true(said >= 1 && said <= first);
}

static void advance(struct model *model, uint64_t by_ms)
{
	model->target_ms = model->wheel.now_ms + by_ms;
	wheel_advance(&model->wheel, model->target_ms);
	assert_int_equal(model->wheel.now_ms, model->target_ms);
}

static struct model *model_new(uint32_t seed, uint64_t now_ms, bool restarts)
{
	struct model *model = calloc(1, sizeof(*model));

	wheel_init(&model->wheel, now_ms);
	model->random = seed;
	model->restarts = restarts;
	for (size_t i = 0; i < TIMERS; i++) {
		model->timers[i].model = model;
		wheel_timer_init(&model->timers[i].timer, expired, &model->timers[i]);
	}
	return model;
}

static void run_random(uint32_t seed, uint64_t now_ms, bool restarts)
{
	struct model *model = model_new(seed, now_ms, restarts);

	for (unsigned step = 0; step < 400; step++) {
		unsigned what = next(model) % 10;
		struct model_timer *timer = &model->timers[next(model) % TIMERS];

		if (what < 5)
			start(model, timer, delay(model));
		else if (what < 7)
			stop(model, timer);
		else
			advance(model, delay(model) >> (next(model) % 24));
		check(model);
	}
	free(model);
}

static void test_wheel_agrees_with_the_model(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++)
		run_random(seed * 2654435761u, 0, false);
}

static void test_wheel_agrees_with_the_model_when_callbacks_change_timers(void **state)
{
	for (uint32_t seed = 1; seed <= 20; seed++)
		run_random(seed * 2246822519u, 0, true);
}

static void test_wheel_agrees_with_the_model_wherever_the_clock_starts(void **state)
{
	static const uint64_t starts[] = {255, 256, 65535, 16777215, UINT32_MAX, UINT32_MAX - 300u, 1700000000123u};

	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		run_random(77 + (uint32_t)i, starts[i], true);
}

static void test_wheel_every_distance_around_the_edges_of_levels(void **state)
{
	static const uint64_t edges[] = {1,     255,      256,      257,      65535,     65536,
					 65537, 16777215, 16777216, 16777217, UINT32_MAX};

	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		for (uint64_t phase = 0; phase < 600; phase += 51) {
			struct model *model = model_new(1, phase, false);

			start(model, &model->timers[0], edges[i]);
			advance(model, edges[i] - 1);
			assert_int_equal(model->fired, 0);
			advance(model, 1);
			assert_int_equal(model->fired, 1);
			free(model);
		}
}

static void test_wheel_delay_zero_and_beyond_the_limit(void **state)
{
	struct model *model = model_new(1, 5, false);

	start(model, &model->timers[0], 0);
	start(model, &model->timers[1], UINT64_MAX);
	advance(model, 1);
	assert_int_equal(model->fired, 1);
	assert_int_equal(model->timers[1].timer.due_ms, 5 + (uint64_t)UINT32_MAX);
	wheel_stop(&model->wheel, &model->timers[0].timer);
	assert_int_equal(model->wheel.count, 1);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wheel_agrees_with_the_model),
		cmocka_unit_test(test_wheel_agrees_with_the_model_when_callbacks_change_timers),
		cmocka_unit_test(test_wheel_agrees_with_the_model_wherever_the_clock_starts),
		cmocka_unit_test(test_wheel_every_distance_around_the_edges_of_levels),
		cmocka_unit_test(test_wheel_delay_zero_and_beyond_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
