/* The simulated loop: a clock that stands still until it is advanced, a seeded generator, no descriptors. */
#include "controlplane/loop/loop_private.h"

#include <stdlib.h>

struct loop_sim {
	struct loop loop;
	uint64_t wall_start_ms, random_state;
};

static struct loop_sim *sim_of(struct loop *loop)
{
	return CONTAINER_OF(loop, struct loop_sim, loop);
}

static uint64_t sim_clock_ms(const struct loop *loop)
{
	return loop->wheel.now_ms;
}

static uint64_t sim_wall_ms(const struct loop *loop)
{
	return ((const struct loop_sim *)(const void *)loop)->wall_start_ms + loop->wheel.now_ms;
}

/* SplitMix64: a counter and a mixing function; every seed gives another full sequence. */
static uint64_t next_random(struct loop_sim *sim)
{
	uint64_t z = sim->random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void sim_random(struct loop *loop, void *buffer, size_t size)
{
	unsigned char *at = buffer;

	for (uint64_t bits = 0; size > 0; at++, size--, bits >>= 8) {
		if ((at - (unsigned char *)buffer) % 8 == 0)
			bits = next_random(sim_of(loop));
		*at = (unsigned char)bits;
	}
}

static void sim_wait(struct loop *loop, uint64_t timeout_ms)
{
}

static void sim_dispatch(struct loop *loop)
{
}

static void sim_wake(struct loop *loop)
{
}

static int sim_watch(struct loop *loop, struct loop_watch *watch, int operation)
{
	return ERR_UNSUPPORTED;
}

static void sim_free(struct loop *loop)
{
	free(sim_of(loop));
}

static const struct loop_make sim_make = {
	.is_simulated = true,
	.clock_ms = sim_clock_ms,
	.wall_ms = sim_wall_ms,
	.random = sim_random,
	.wait = sim_wait,
	.dispatch = sim_dispatch,
	.wake = sim_wake,
	.watch = sim_watch,
	.free = sim_free,
};

int loop_new_sim(uint64_t seed, uint64_t wall_ms, struct loop **ret_loop)
{
	struct loop_sim *sim = calloc(1, sizeof(*sim));

	if (!sim)
		return ERR_NOMEM;
	loop_init(&sim->loop, &sim_make, 0);
	sim->wall_start_ms = wall_ms;
	sim->random_state = seed;
	*ret_loop = &sim->loop;
	return 0;
}
