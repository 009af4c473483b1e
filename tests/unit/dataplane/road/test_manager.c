/* Commands from the control plane's end of a real segment, through the manager, into real workers, and events back. */
#include "tests/unit/dataplane/road/road.h"

#include <pthread.h>

#include "lib/log/log.h"

#define A "192.0.2.10:4000"
#define B "192.0.2.20:6000"

static struct shm_command_writer commands[ROAD_WORKERS];
static struct shm_event_reader events[ROAD_WORKERS];
static struct shm_command_writer other_commands[ROAD_WORKERS]; /* of a second signalling thread */
static struct shm_event_reader other_events[ROAD_WORKERS];
static uint64_t now_ms = 1000;

static int setup(void **state)
{
	if (road_setup_managed(state))
		return -1;
	for (uint32_t i = 0; i < ROAD_WORKERS; i++) {
		struct shm_client *client = shm_segment_client(&road.controlplane, i, 0);
		struct shm_client *other = shm_segment_client(&road.controlplane, i, 1);

		if (shm_command_writer_init(&commands[i], &client->commands) ||
		    shm_event_reader_init(&events[i], &client->events) ||
		    shm_command_writer_init(&other_commands[i], &other->commands) ||
		    shm_event_reader_init(&other_events[i], &other->events))
			return -1;
	}
	return 0;
}

/* Both processes go on until nothing moves. */
static void go_on(void)
{
	for (int i = 0; i < 8; i++) {
		manager_round(road.manager, ++now_ms);
		road_turn();
	}
}

static void send_set(const struct stream_wish *wish)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_SET, .u.stream_set = wish->set};

	assert_int_equal(shm_command_put(&commands[wish->set.id.worker], &command), 0);
}

static void send_del(const struct shm_stream_id *id)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_DEL, .u.stream_del.id = *id};

	assert_int_equal(shm_command_put(&commands[id->worker], &command), 0);
}

static bool take_event(uint16_t worker, struct shm_event *event)
{
	if (shm_event_get(&events[worker], event) == ERR_EMPTY)
		return false;
	assert_int_equal(shm_event_check(&road.controlplane, worker, event), 0);
	return true;
}

static void assert_no_event(void)
{
	struct shm_event event;

	for (uint16_t i = 0; i < ROAD_WORKERS; i++)
		if (take_event(i, &event))
			fail_msg("worker %u: %s, %s", i, shm_event_name(event.type), error_text(event.error));
}

static void expect(uint16_t worker, enum shm_event_type type, int error, struct shm_event *event)
{
	assert_true(take_event(worker, event));
	assert_string_equal(shm_event_name(event->type), shm_event_name(type));
	assert_string_equal(error_text(event->error), error_text(error));
}

static const char *at(const struct stream_wish *wish)
{
	static char text[NET_ENDPOINT_TEXT];

	snprintf(text, sizeof(text), ROAD_IPV4 ":%u", wish->set.local_port);
	return text;
}

static void talk(const struct stream_wish *wish, const char *from, uint16_t first, int packets)
{
	for (int i = 0; i < packets; i++)
		road_put_rtp(0, from, at(wish), 5, (uint16_t)(first + i));
	road_turn();
}

/* Next hops of ports without a kernel interface are where packets came from; the exact bytes are another test's. */
static unsigned drain(unsigned port)
{
	unsigned count = 0;
	void *packet;

	while (rte_ring_dequeue(road.out[port], &packet) == 0) {
		rte_pktmbuf_free(packet);
		count++;
	}
	return count;
}

static void test_manager_call_from_set_to_gone(void **state)
{
	for (uint16_t worker = 0; worker < ROAD_WORKERS; worker++) {
		struct stream_wish a = road_wish(worker, 0, 0, A, 1), b = road_wish(worker, 1, 0, B, 0);
		struct shm_stream_row row;
		struct shm_event event;

		send_set(&a);
		send_set(&b);
		go_on();
		assert_no_event();
		assert_int_equal(shm_stream_read(&road.controlplane, worker, 0, &row), 0);
		assert_int_equal(row.state, SHM_SLOT_LIVE);
		assert_int_equal(row.local_port, a.set.local_port);
		assert_int_equal(row.source_index, 1);
		talk(&a, A, 1, 50);
		talk(&b, B, 1, 30);
		assert_int_equal(drain(0), 80);
		/* Programming again changes nothing, counters go on. */
		send_set(&a);
		send_set(&b);
		go_on();
		talk(&a, A, 51, 10);
		assert_int_equal(drain(0), 10);
		send_del(&a.set.id);
		go_on();
		expect(worker, SHM_EVENT_STREAM_GONE, 0, &event);
		assert_int_equal(event.id.generation, 1);
		assert_int_equal(event.u.final.rtp_in, 60);
		assert_int_equal(event.u.final.rtp_in_bytes, 60 * 172);
		assert_int_equal(event.u.final.rtp_out, 30);
		assert_int_equal(event.u.final.lost, 0);
		assert_int_equal(event.u.final.ssrc, 5);
		assert_int_equal(shm_stream_read(&road.controlplane, worker, 0, &row), ERR_EMPTY);
		talk(&b, B, 31, 5);
		assert_int_equal(drain(0), 0);
		send_del(&b.set.id);
		go_on();
		expect(worker, SHM_EVENT_STREAM_GONE, 0, &event);
		assert_int_equal(event.u.final.rtp_in, 35);
		assert_int_equal(event.u.final.rtp_out, 60);
		assert_int_equal(event.u.final.dropped, 5);
		assert_no_event();
	}
}

static void test_manager_refuses(void **state)
{
	struct stream_wish first = road_wish(0, 0, 0, A, STREAM_NO_SLOT), wish;
	struct shm_event event;

	send_set(&first);
	go_on();
	struct {
		const char *name;
		uint32_t index, generation;
		uint16_t worker, address, local_port, flags;
		const char *remote;
		int error;
	} rows[] = {
		{"slot has another stream", 0, 2, 0, 0, 10100, 0, A, ERR_EXISTS},
		{"port is taken", 1, 1, 0, 0, 10000, 0, A, ERR_EXISTS},
		{"port is taken by a stream of the other worker", 1, 1, 1, 0, 10000, 0, A, ERR_EXISTS},
		{"another port than before", 0, 1, 0, 0, 10002, 0, A, ERR_STATE},
		{"another address than before", 0, 1, 0, 2, 10000, 0, A, ERR_STATE},
		{"odd port", 1, 1, 0, 0, 10003, 0, A, ERR_INVALID},
		{"port outside the pool", 1, 1, 0, 0, 13000, 0, A, ERR_INVALID},
		{"no such address", 1, 1, 0, 3, 10100, 0, A, ERR_INVALID},
		{"unknown flag", 1, 1, 0, 0, 10100, 1 << 14, A, ERR_INVALID},
		{"remote of the other family", 1, 1, 0, 0, 10100, 0, "[2001:db8::9]:1000", ERR_INVALID},
		{"remote is multicast", 1, 1, 0, 0, 10100, 0, "224.0.0.5:1000", ERR_INVALID},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("         %s\n", rows[i].name);
		wish = road_wish(rows[i].worker, rows[i].index, rows[i].address, rows[i].remote, STREAM_NO_SLOT);
		wish.set.id.generation = rows[i].generation;
		wish.set.local_port = rows[i].local_port;
		wish.set.flags |= rows[i].flags;
		send_set(&wish);
		go_on();
		expect(rows[i].worker, SHM_EVENT_STREAM_REFUSED, rows[i].error, &event);
		assert_int_equal(event.id.index, rows[i].index);
		assert_no_event();
	}
	/* The same port on another address is another port. */
	wish = road_wish(0, 5, 2, "198.51.100.7:5000", STREAM_NO_SLOT);
	wish.set.local_port = 10000;
	send_set(&wish);
	go_on();
	assert_no_event();
	/* Nothing was changed: the first still hears its peer. */
	talk(&first, A, 1, 3);
	send_del(&first.set.id);
	go_on();
	expect(0, SHM_EVENT_STREAM_GONE, 0, &event);
	assert_int_equal(event.u.final.rtp_in, 3);
}

static void test_manager_slot_and_port_are_free_after_gone(void **state)
{
	struct stream_wish wish = road_wish(0, 0, 0, A, STREAM_NO_SLOT);
	struct shm_event event;

	send_set(&wish);
	go_on();
	/* Before the worker has answered, the slot is neither alive nor free. */
	send_del(&wish.set.id);
	wish.set.id.generation = 2;
	send_set(&wish);
	manager_round(road.manager, ++now_ms);
	expect(0, SHM_EVENT_STREAM_REFUSED, ERR_AGAIN, &event);
	go_on();
	expect(0, SHM_EVENT_STREAM_GONE, 0, &event);
	for (uint32_t generation = 3; generation < 60; generation++) {
		wish.set.id.generation = generation;
		/* Other destinations each time: next hops must be let go of, there is room for eight. */
		wish.set.remote_rtp.address.bytes[3] = (uint8_t)generation;
		send_set(&wish);
		wish.set.remote_rtp.address.bytes[2] = (uint8_t)generation;
		send_set(&wish);
		go_on();
		assert_no_event();
		send_del(&wish.set.id);
		go_on();
		expect(0, SHM_EVENT_STREAM_GONE, 0, &event);
		assert_int_equal(event.id.generation, generation);
	}
	assert_int_equal(road_counter(WORKER_STREAMS), 0);
}

static void test_manager_del_is_always_answered(void **state)
{
	struct shm_stream_id id = {.index = 9, .generation = 4, .worker = 1};
	struct stream_wish wish = road_wish(1, 9, 0, A, STREAM_NO_SLOT);
	struct shm_event event;

	send_del(&id);
	go_on();
	expect(1, SHM_EVENT_STREAM_GONE, 0, &event);
	assert_int_equal(event.id.generation, 4);
	assert_int_equal(event.u.final.rtp_in, 0);
	/* An older generation of a living slot: gone, and the living one is not touched. */
	wish.set.id.generation = 5;
	send_set(&wish);
	send_del(&id);
	go_on();
	expect(1, SHM_EVENT_STREAM_GONE, 0, &event);
	assert_no_event();
	/* Twice in a row is answered at least once. */
	id.generation = 5;
	send_del(&id);
	send_del(&id);
	go_on();
	expect(1, SHM_EVENT_STREAM_GONE, 0, &event);
	assert_int_equal(road_counter(WORKER_STREAMS), 0);
}

static void test_manager_tells_latched_and_silent(void **state)
{
	struct stream_wish wish = road_wish(1, 3, 0, "10.9.9.9:4000", STREAM_NO_SLOT);
	struct shm_event event;

	road_hurry();
	road.workers[1]->tsc_hz = 1000000; /* and every turn publishes a slice */
	wish.set.flags |= SHM_STREAM_LEARN;
	send_set(&wish);
	go_on();
	for (uint16_t i = 0; i < 5; i++)
		talk(&wish, B, i, 1);
	go_on();
	expect(1, SHM_EVENT_STREAM_LATCHED, 0, &event);
	assert_int_equal(event.u.latched.port, 6000);
	assert_int_equal(event.id.index, 3);
	assert_no_event();
	wish.set.rtp_timeout_ms = 1;
	send_set(&wish);
	for (int i = 0; i < 2000 && rte_ring_empty(road.workers[1]->context.events); i++)
		go_on();
	go_on();
	expect(1, SHM_EVENT_STREAM_SILENT, 0, &event);
	assert_no_event();
	/* Events of a stream that ended meanwhile are not told after its end. */
	send_del(&wish.set.id);
	go_on();
	expect(1, SHM_EVENT_STREAM_GONE, 0, &event);
	assert_no_event();
}

static void test_manager_loses_no_answer_when_nobody_listens(void **state)
{
	const unsigned wanted = SHM_RING_CELLS + 3000;
	unsigned sent = 0, seen = 0;
	struct shm_event event;

	while (seen < wanted) {
		struct shm_command command = {
			.type = SHM_COMMAND_STREAM_DEL,
			.u.stream_del.id = {.index = sent % ROAD_STREAMS, .generation = sent + 1}};

		/* The reader does not start before everything is stuck. */
		if (sent < wanted && shm_command_put(&commands[0], &command) == 0) {
			sent++;
			continue;
		}
		for (int i = 0; i < 40; i++)
			manager_round(road.manager, ++now_ms);
		while ((sent == wanted || seen) && shm_event_get(&events[0], &event) == 0)
			assert_int_equal(event.id.generation, ++seen);
	}
	assert_no_event();
}

/* What a client commands is answered to it; who ends another's stream (an orphan) is told of its end. */
static void test_manager_answers_each_client(void **state)
{
	struct stream_wish wish = road_wish(0, 3, 0, A, STREAM_NO_SLOT), again = wish;
	struct shm_command set = {.type = SHM_COMMAND_STREAM_SET, .u.stream_set = wish.set};
	struct shm_command del = {.type = SHM_COMMAND_STREAM_DEL, .u.stream_del.id = wish.set.id};
	struct shm_event event;

	assert_int_equal(shm_command_put(&other_commands[0], &set), 0);
	go_on();
	again.set.id.generation++;
	send_set(&again);
	go_on();
	expect(0, SHM_EVENT_STREAM_REFUSED, ERR_EXISTS, &event);
	assert_int_equal(shm_event_get(&other_events[0], &event), ERR_EMPTY);
	assert_int_equal(shm_command_put(&other_commands[0], &del), 0);
	go_on();
	assert_int_equal(shm_event_get(&other_events[0], &event), 0);
	assert_int_equal(event.type, SHM_EVENT_STREAM_GONE);
	assert_no_event();
	assert_int_equal(shm_command_put(&other_commands[0], &set), 0);
	go_on();
	send_del(&wish.set.id);
	go_on();
	expect(0, SHM_EVENT_STREAM_GONE, 0, &event);
	assert_int_equal(shm_event_get(&other_events[0], &event), ERR_EMPTY);
}

static void test_manager_survives_nonsense(void **state)
{
	struct stream_wish good = road_wish(0, 0, 0, A, STREAM_NO_SLOT);
	struct shm_command command;
	struct shm_event event;
	uint32_t random = 7;

	for (int i = 0; i < 3000; i++) {
		for (size_t b = 0; b < sizeof(command); b++) {
			random = random * 1664525 + 1013904223;
			((uint8_t *)&command)[b] = (uint8_t)(random >> 24);
		}
		if (i % 2)
			command.type %= SHM_COMMAND_COUNT;
		while (shm_command_put(&commands[0], &command))
			go_on();
		while (shm_event_get(&events[0], &event) == 0)
			;
	}
	go_on();
	while (shm_event_get(&events[0], &event) == 0)
		;
	send_set(&good);
	go_on();
	assert_no_event();
	assert_int_equal(road_counter(WORKER_STREAMS), 1);
}

static void test_manager_publishes_counters_and_life(void **state)
{
	struct stream_wish wish = road_wish(0, 0, 0, A, 0);
	struct shm_worker *worker = shm_segment_worker(&road.controlplane, 0);
	struct shm_stream_row row;

	road.workers[0]->tsc_hz = 1000000;
	send_set(&wish);
	go_on();
	talk(&wish, A, 1, 20);
	talk(&wish, B, 1, 7);
	for (int i = 0; i < 8; i++)
		go_on();
	assert_int_equal(atomic_load(&worker->counters.values[WORKER_RTP_RELAYED]), 20);
	assert_int_equal(atomic_load(&worker->counters.drops[DROP_SOURCE]), 7);
	assert_int_equal(shm_stream_read(&road.controlplane, 0, 0, &row), 0);
	assert_int_equal(row.counters.rtp_in, 20);
	assert_int_equal(row.counters.rtp_out, 20);
	assert_int_equal(row.counters.dropped_source, 7);
	assert_int_equal(atomic_load(&road.controlplane.header->dataplane_alive_ms), now_ms);
	drain(0);
}

/* The manager and both workers in threads of their own, as in the daemon. */
static atomic_bool stop;

static void *run(void *arg)
{
	return manager_run(road.manager, &stop) == 0 ? arg : NULL;
}

static void test_manager_runs_its_threads(void **state)
{
	enum { PAIRS = 40 };
	struct shm_event event;
	unsigned gone = 0, put = 0, out = 0;
	void *result = NULL;
	pthread_t thread;

	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, run, &stop), 0);
	for (uint32_t i = 0; i < PAIRS; i++)
		for (uint16_t w = 0; w < ROAD_WORKERS; w++) {
			struct stream_wish a = road_wish(w, 2 * i, 0, A, 2 * i + 1);
			struct stream_wish b = road_wish(w, 2 * i + 1, 0, B, 2 * i);

			a.set.local_port = (uint16_t)(10000 + 8 * i + 4 * w);
			b.set.local_port = (uint16_t)(a.set.local_port + 2);
			send_set(&a);
			send_set(&b);
		}
	for (struct shm_stream_row row; shm_stream_read(&road.controlplane, 0, 2 * PAIRS - 1, &row) ||
					shm_stream_read(&road.controlplane, 1, 2 * PAIRS - 1, &row);)
		rte_pause();
	for (uint16_t sequence = 0; sequence < 20; sequence++)
		for (uint32_t i = 0; i < 2 * PAIRS; i++) {
			char to[NET_ENDPOINT_TEXT];

			snprintf(to, sizeof(to), ROAD_IPV4 ":%u", 10000 + 4 * i);
			while (put - out > 300)
				out += drain(0);
			road_put_rtp(0, A, to, i, sequence);
			put++;
		}
	while (out < put)
		out += drain(0);
	for (uint32_t i = 0; i < 2 * PAIRS; i++)
		for (uint16_t w = 0; w < ROAD_WORKERS; w++)
			send_del(&(struct shm_stream_id){.index = i, .generation = 1, .worker = w});
	while (gone < 4 * PAIRS)
		for (uint16_t w = 0; w < ROAD_WORKERS; w++)
			if (take_event(w, &event)) {
				assert_int_equal(event.type, SHM_EVENT_STREAM_GONE);
				assert_int_equal(event.u.final.rtp_in + event.u.final.rtp_out, 20);
				gone++;
			}
	atomic_store(&stop, true);
	pthread_join(thread, &result);
	assert_ptr_equal(result, &stop);
	assert_int_equal(road_drops_all(), 0);
}

/* Keys become contexts, and stay nowhere else: not in the segment, not in the operation. */
static void test_manager_keys(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1);
	struct shm_command_ring *ring = &shm_segment_client(&road.controlplane, 0, 0)->commands;
	struct stream_table *table = &road.workers[0]->context.table;
	struct secure_context *used;
	struct shm_event event;

	a.set.flags |= SHM_STREAM_SECURE;
	a.set.key_in.suite = a.set.key_out.suite = SECURE_AEAD_AES_256_GCM;
	memset(a.set.key_in.master, 1, 32);
	memset(a.set.key_out.master, 2, 32);
	send_set(&a);
	go_on();
	assert_no_event();
	for (size_t i = 0; i < sizeof(ring->cells[0]); i++)
		assert_int_equal(((const uint8_t *)&ring->cells[0])[i], 0);
	used = stream_find(table, &a.set.id)->secure_in;
	assert_int_equal(secure_context_key(used)->master[31], 1);
	assert_int_equal(stream_find(table, &a.set.id)->lanes[RTP_KIND_RTP], LANE_SECURE_UNHEARD);
	/* Programmed again: the counters of the key go on. */
	send_set(&a);
	go_on();
	assert_ptr_equal(stream_find(table, &a.set.id)->secure_in, used);
	/* Not a key; a key of a stream in the clear: refused, and nothing changed. */
	a.set.key_out.salt[13] = 1;
	send_set(&a);
	go_on();
	expect(0, SHM_EVENT_STREAM_REFUSED, ERR_INVALID, &event);
	a.set.key_out.salt[13] = 0;
	a.set.flags &= (uint16_t)~SHM_STREAM_SECURE;
	send_set(&a);
	go_on();
	expect(0, SHM_EVENT_STREAM_REFUSED, ERR_INVALID, &event);
	assert_ptr_equal(stream_find(table, &a.set.id)->secure_in, used);
	/* In the clear from now on, then gone; another lives to the end, and its contexts end with the manager. */
	memset(&a.set.key_in, 0, 2 * sizeof(a.set.key_in));
	send_set(&a);
	go_on();
	assert_null(stream_find(table, &a.set.id)->secure_in);
	send_del(&a.set.id);
	a.set.id.index = 1;
	a.set.local_port = ROAD_PORT(1);
	a.set.flags |= SHM_STREAM_SECURE;
	a.set.key_in.suite = SECURE_AES_CM_128_SHA1_32;
	send_set(&a);
	go_on();
	expect(0, SHM_EVENT_STREAM_GONE, 0, &event);
	assert_non_null(stream_find(table, &a.set.id)->secure_in);
	assert_null(stream_find(table, &a.set.id)->secure_out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, road_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_manager_call_from_set_to_gone),
		TEST(test_manager_refuses),
		TEST(test_manager_slot_and_port_are_free_after_gone),
		TEST(test_manager_del_is_always_answered),
		TEST(test_manager_tells_latched_and_silent),
		TEST(test_manager_loses_no_answer_when_nobody_listens),
		TEST(test_manager_answers_each_client),
		TEST(test_manager_survives_nonsense),
		TEST(test_manager_publishes_counters_and_life),
		TEST(test_manager_keys),
		TEST(test_manager_runs_its_threads),
	};
	log_level_set(LOG_LEVEL_CRITICAL);
	return cmocka_run_group_tests(tests, road_eal_init, NULL);
}
