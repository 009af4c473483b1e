/* lib/shm: the rings when empty, full, wrapping, lied to, and used by two threads; cells that cannot be. */
#include "tests/unit/lib/shm/shm_fixture.h"

#include <pthread.h>
#include <sched.h>

#define THREAD_CELLS 200000

static struct shm_command_ring *ring_new(uint32_t head, uint32_t tail)
{
	struct shm_command_ring *ring = aligned_alloc(CACHE_LINE, sizeof(*ring));

	assert_non_null(ring);
	memset(ring, 0, sizeof(*ring));
	ring->head.value = head;
	ring->tail.value = tail;
	return ring;
}

static struct shm_command numbered(uint32_t number)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_DEL};

	command.u.stream_del.id.index = number;
	memset(command.u.bytes + 16, (int)(number & 0xff), sizeof(command.u.bytes) - 16);
	return command;
}

static void assert_numbered(const struct shm_command *command, uint32_t number)
{
	struct shm_command expected = numbered(number);

	assert_memory_equal(command, &expected, sizeof(expected));
}

static void test_ring_is_full_and_empty_at_every_position(void **state)
{
	static const uint32_t starts[] = {0, 1, SHM_RING_CELLS - 1, UINT32_MAX - 2, UINT32_MAX - SHM_RING_CELLS};

	for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
		struct shm_command_ring *ring = ring_new(starts[s], starts[s]);
		struct shm_command_writer writer;
		struct shm_command_reader reader;
		struct shm_command command;

		assert_int_equal(shm_command_writer_init(&writer, ring), 0);
		assert_int_equal(shm_command_reader_init(&reader, ring), 0);
		assert_int_equal(shm_command_get(&reader, &command), ERR_EMPTY);
		for (uint32_t i = 0; i < SHM_RING_CELLS; i++) {
			command = numbered(i);
			assert_int_equal(shm_command_put(&writer, &command), 0);
		}
		command = numbered(SHM_RING_CELLS);
		assert_int_equal(shm_command_put(&writer, &command), ERR_FULL);
		for (uint32_t i = 0; i < SHM_RING_CELLS; i++) {
			assert_int_equal(shm_command_get(&reader, &command), 0);
			assert_numbered(&command, i);
		}
		assert_int_equal(shm_command_get(&reader, &command), ERR_EMPTY);
		command = numbered(5);
		assert_int_equal(shm_command_put(&writer, &command), 0);
		assert_int_equal(shm_command_get(&reader, &command), 0);
		assert_numbered(&command, 5);
		free(ring);
	}
}

static void test_successor_goes_on_where_the_predecessor_stood(void **state)
{
	struct shm_command_ring *ring = ring_new(9, 9);
	struct shm_command_writer writer;
	struct shm_command_reader reader;
	struct shm_command command = numbered(1);

	assert_int_equal(shm_command_writer_init(&writer, ring), 0);
	assert_int_equal(shm_command_put(&writer, &command), 0);
	assert_int_equal(shm_command_writer_init(&writer, ring), 0);
	command = numbered(2);
	assert_int_equal(shm_command_put(&writer, &command), 0);
	assert_int_equal(shm_command_reader_init(&reader, ring), 0);
	for (uint32_t i = 1; i <= 2; i++) {
		assert_int_equal(shm_command_get(&reader, &command), 0);
		assert_numbered(&command, i);
	}
	free(ring);
}

static void test_reader_gives_up_what_a_liar_says_and_goes_on(void **state)
{
	struct shm_command_ring *ring = ring_new(100, 100);
	struct shm_command_writer writer;
	struct shm_command_reader reader;
	struct shm_command command;

	assert_int_equal(shm_command_reader_init(&reader, ring), 0);
	ring->head.value = 100 + SHM_RING_CELLS + 1;
	assert_int_equal(shm_command_get(&reader, &command), ERR_CORRUPT);
	assert_int_equal(shm_command_get(&reader, &command), ERR_EMPTY);
	ring->head.value = 7; /* backwards */
	assert_int_equal(shm_command_get(&reader, &command), ERR_CORRUPT);
	assert_int_equal(shm_command_get(&reader, &command), ERR_EMPTY);
	assert_int_equal(shm_command_writer_init(&writer, ring), 0);
	command = numbered(3);
	assert_int_equal(shm_command_put(&writer, &command), 0);
	assert_int_equal(shm_command_get(&reader, &command), 0);
	assert_numbered(&command, 3);
	free(ring);
}

static void test_writer_refuses_an_impossible_reader(void **state)
{
	struct shm_command_ring *ring = ring_new(0, 0);
	struct shm_command_writer writer;
	struct shm_command command = numbered(0);

	assert_int_equal(shm_command_writer_init(&writer, ring), 0);
	for (int i = 0; i < SHM_RING_CELLS; i++)
		assert_int_equal(shm_command_put(&writer, &command), 0);
	ring->tail.value = SHM_RING_CELLS + 1;
	assert_int_equal(shm_command_put(&writer, &command), ERR_CORRUPT);
	assert_int_equal(shm_command_put(&writer, &command), ERR_CORRUPT);
	ring->tail.value = 1;
	assert_int_equal(shm_command_put(&writer, &command), 0);
	free(ring);
}

static void test_impossible_indices_are_emptied_when_taken_up(void **state)
{
	struct shm_command_ring *ring = ring_new(5000, 10);
	struct shm_command_writer writer;
	struct shm_command_reader reader;
	struct shm_command command = numbered(4);

	assert_int_equal(shm_command_writer_init(&writer, ring), ERR_CORRUPT);
	assert_int_equal(shm_command_put(&writer, &command), 0);
	assert_int_equal(shm_command_reader_init(&reader, ring), 0);
	assert_int_equal(shm_command_get(&reader, &command), 0);
	assert_int_equal(shm_command_get(&reader, &command), ERR_EMPTY);
	ring->head.value = 0x80000000;
	assert_int_equal(shm_command_reader_init(&reader, ring), ERR_CORRUPT);
	assert_int_equal(shm_command_get(&reader, &command), ERR_EMPTY);
	free(ring);
}

static void *write_all(void *arg)
{
	struct shm_command_writer writer;

	if (shm_command_writer_init(&writer, arg) < 0)
		return NULL;
	for (uint32_t i = 0; i < THREAD_CELLS; i++) {
		struct shm_command command = numbered(i);

		while (shm_command_put(&writer, &command) == ERR_FULL)
			sched_yield();
	}
	return arg;
}

static void test_two_threads_pass_cells_in_order(void **state)
{
	struct shm_command_ring *ring = ring_new(UINT32_MAX - 1000, UINT32_MAX - 1000);
	struct shm_command_reader reader;
	pthread_t thread;
	void *done;

	assert_int_equal(shm_command_reader_init(&reader, ring), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_all, ring), 0);
	for (uint32_t i = 0; i < THREAD_CELLS; i++) {
		struct shm_command command;
		int error;

		while ((error = shm_command_get(&reader, &command)) == ERR_EMPTY)
			sched_yield();
		assert_int_equal(error, 0);
		assert_numbered(&command, i);
	}
	assert_int_equal(pthread_join(thread, &done), 0);
	assert_ptr_equal(done, ring);
	free(ring);
}

/* ---- cells that cannot be ---- */

static struct shm_segment checked_segment(void)
{
	struct shm_segment s = {.worker_count = 2, .streams_per_worker = 50, .address_count = 2};

	s.addresses[0] = shm_fixture_address("192.0.2.1", "lan", SHM_SERVES_NETWORK);
	s.addresses[1] = shm_fixture_address("2001:db8::1", "local", SHM_SERVES_LOCAL);
	return s;
}

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e;

	assert_int_equal(net_endpoint_parse(view_of(text), 0, &e), 0);
	return e;
}

static void test_command_check_knows_what_can_be(void **state)
{
	struct shm_segment s = checked_segment();
	const struct shm_command good = {.type = SHM_COMMAND_STREAM_SET,
					 .u.stream_set = {.id = {.worker = 1, .index = 49, .generation = 1},
							  .source = {.worker = 1, .index = 48, .generation = 2},
							  .remote_rtp = endpoint("198.51.100.1:4000"),
							  .remote_rtcp = endpoint("198.51.100.1:4001"),
							  .controller = 5,
							  .local_port = 10098,
							  .flags = SHM_STREAM_FLAGS_ALL,
							  .dscp = 46}};
	struct shm_command c;

#define CHECK(change, error)                                                                                           \
	do {                                                                                                           \
		c = good;                                                                                              \
		change;                                                                                                \
		if (shm_command_check(&s, 1, &c) != (error))                                                           \
			fail_msg("%s", #change);                                                                       \
	} while (0)
	CHECK((void)0, 0);
	CHECK(c.u.stream_set.source.generation = 0, 0);
	CHECK(memset(&c.u.stream_set.remote_rtp, 0, sizeof(struct net_endpoint)), 0);
	CHECK(memset(&c.u.stream_set.remote_rtcp, 0, sizeof(struct net_endpoint)), 0);
	CHECK((c.type = SHM_COMMAND_STREAM_DEL, c.u.stream_del.id = good.u.stream_set.id), 0);
	CHECK((c.type = SHM_COMMAND_STREAM_DEL, c.u.stream_del.id.generation = 0), ERR_INVALID);
	CHECK(c.type = SHM_COMMAND_NONE, ERR_INVALID);
	CHECK(c.type = SHM_COMMAND_COUNT, ERR_INVALID);
	CHECK(c.u.stream_set.id.worker = 0, ERR_INVALID);
	CHECK(c.u.stream_set.id.index = 50, ERR_INVALID);
	CHECK(c.u.stream_set.id.generation = 0, ERR_INVALID);
	CHECK(c.u.stream_set.source.worker = 0, ERR_INVALID);
	CHECK(c.u.stream_set.source.index = 50, ERR_INVALID);
	CHECK(c.u.stream_set.controller = 0, ERR_INVALID);
	CHECK(c.u.stream_set.address = 2, ERR_INVALID);
	CHECK(c.u.stream_set.address = 1, ERR_INVALID); /* IPv6, but the remotes are IPv4 */
	CHECK(c.u.stream_set.local_port = 10097, ERR_INVALID);
	CHECK(c.u.stream_set.local_port = 10100, ERR_INVALID);
	CHECK(c.u.stream_set.local_port = 9998, ERR_INVALID);
	CHECK(c.u.stream_set.flags = SHM_STREAM_FLAGS_ALL + 1, ERR_INVALID);
	CHECK(c.u.stream_set.dscp = 64, ERR_INVALID);
	CHECK(c.u.stream_set.remote_rtp.address.family = 5, ERR_INVALID);
	CHECK(c.u.stream_set.remote_rtp.port = 0, ERR_INVALID);
	CHECK(c.u.stream_set.remote_rtp = endpoint("224.0.0.1:4000"), ERR_INVALID);
	CHECK(c.u.stream_set.remote_rtp = endpoint("0.0.0.0:4000"), ERR_INVALID);
	CHECK(c.u.stream_set.remote_rtcp = endpoint("[2001:db8::2]:4000"), ERR_INVALID);
	s.addresses[0].port_end = 10098; /* no room for RTCP */
	CHECK((void)0, ERR_INVALID);
#undef CHECK
}

static void test_event_check_knows_what_can_be(void **state)
{
	struct shm_segment s = checked_segment();
	const struct shm_event good = {.type = SHM_EVENT_STREAM_LATCHED,
				       .id = {.worker = 1, .index = 49, .generation = 1},
				       .u.latched = endpoint("198.51.100.1:4000")};
	struct shm_event e;

#define CHECK(change, error)                                                                                           \
	do {                                                                                                           \
		e = good;                                                                                              \
		change;                                                                                                \
		if (shm_event_check(&s, 1, &e) != (error))                                                             \
			fail_msg("%s", #change);                                                                       \
	} while (0)
	CHECK((void)0, 0);
	CHECK(e.type = SHM_EVENT_STREAM_SILENT, 0);
	CHECK(e.type = SHM_EVENT_STREAM_GONE, 0);
	CHECK((e.type = SHM_EVENT_STREAM_REFUSED, e.error = ERR_EXISTS), 0);
	CHECK((e.type = SHM_EVENT_STREAM_REFUSED, e.error = 0), ERR_INVALID);
	CHECK((e.type = SHM_EVENT_STREAM_REFUSED, e.error = -1000), ERR_INVALID);
	CHECK((e.type = SHM_EVENT_STREAM_REFUSED, e.error = INT32_MIN), ERR_INVALID);
	CHECK(e.type = SHM_EVENT_NONE, ERR_INVALID);
	CHECK(e.type = SHM_EVENT_COUNT, ERR_INVALID);
	CHECK(e.id.worker = 0, ERR_INVALID);
	CHECK(e.id.index = 50, ERR_INVALID);
	CHECK(e.id.generation = 0, ERR_INVALID);
	CHECK(e.u.latched.address.family = 0, ERR_INVALID);
	CHECK(e.u.latched.port = 0, ERR_INVALID);
	CHECK(e.u.latched = endpoint("239.1.1.1:4000"), ERR_INVALID);
#undef CHECK
}

static void test_names_come_from_the_lists(void **state)
{
	assert_string_equal(shm_command_name(SHM_COMMAND_STREAM_SET), "stream_set");
	assert_string_equal(shm_event_name(SHM_EVENT_STREAM_GONE), "stream_gone");
	assert_string_equal(shm_command_name(SHM_COMMAND_COUNT), "unknown");
	assert_string_equal(shm_event_name(UINT32_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_is_full_and_empty_at_every_position),
		cmocka_unit_test(test_successor_goes_on_where_the_predecessor_stood),
		cmocka_unit_test(test_reader_gives_up_what_a_liar_says_and_goes_on),
		cmocka_unit_test(test_writer_refuses_an_impossible_reader),
		cmocka_unit_test(test_impossible_indices_are_emptied_when_taken_up),
		cmocka_unit_test(test_two_threads_pass_cells_in_order),
		cmocka_unit_test(test_command_check_knows_what_can_be),
		cmocka_unit_test(test_event_check_knows_what_can_be),
		cmocka_unit_test(test_names_come_from_the_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
