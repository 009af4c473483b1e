/* controlplane/media when memory is short: each allocation in turn fails once, and everything works afterwards. */
#include "controlplane/media/media.h"
#include "tests/scenario/fake_dataplane.h"
#include "tests/unit/unit.h"

static int left = -1; /* allocations until one fails; negative: none */

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	return left >= 0 && left-- == 0 ? NULL : __real_calloc(count, size);
}

static int route(void *arg, const struct net_address *toward, struct net_address *ret_source, bool *ret_is_local_host)
{
	*ret_is_local_host = false;
	return net_address_parse(VIEW("192.0.2.1"), ret_source);
}

static void on_event(struct media_stream *stream, const struct media_event *event, void *arg)
{
	*(unsigned *)arg += event->type == MEDIA_GONE;
}

static struct media_stream *stream_new(struct media *media, unsigned *gone)
{
	struct net_address toward;
	struct media_stream *stream;
	int error;

	assert_int_equal(net_address_parse(VIEW("192.0.2.10"), &toward), 0);
	error = media_stream_new(media, &toward, NULL, on_event, gone, &stream);
	if (error == ERR_NOMEM)
		error = media_stream_new(media, &toward, NULL, on_event, gone, &stream);
	assert_int_equal(error, 0);
	return stream;
}

/* A life with everything that allocates: attaching, orphans, streams. True: the failure was used up. */
static bool live(struct loop *loop, struct fake_dataplane *fake, int fail_at)
{
	struct media_options options = {.segment_path = fake->path, .route = route, .orphan_timeout_ms = 500};
	struct media *media, *next;
	unsigned gone = 0;

	assert_int_equal(media_new(loop, &options, &media), 0);
	loop_sim_advance(loop, 500);
	stream_new(media, &gone);
	loop_sim_advance(loop, 50);
	media_free(media);
	loop_turn(loop, 0);

	left = fail_at;
	if (media_new(loop, &options, &next) < 0)
		assert_int_equal(media_new(loop, &options, &next), 0);
	loop_sim_advance(loop, 1000);
	assert_true(media_is_ready(next));
	media_stream_del(stream_new(next, &gone));
	loop_sim_advance(loop, 3000);
	assert_int_equal(gone, 1);
	assert_int_equal(fake_dataplane_count(fake), 0);
	media_free(next);
	loop_turn(loop, 0);
	return left < 0;
}

static void test_every_allocation_may_fail_once(void **state)
{
	struct fake_dataplane fake;
	struct loop *loop;
	int fail_at = 0;

	assert_int_equal(loop_new_sim(1, 0, &loop), 0);
	fake_dataplane_init(&fake, loop);
	fake_dataplane_address(&fake, "192.0.2.1", "192.0.2.1", "lan", SHM_SERVES_NETWORK);
	fake_dataplane_start(&fake);
	while (live(loop, &fake, fail_at))
		fail_at++;
	left = -1;
	assert_in_range(fail_at, 6, 20); /* media, slots and free slots of two workers, a pool, an orphan, a stream */
	fake_dataplane_fini(&fake);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_may_fail_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
