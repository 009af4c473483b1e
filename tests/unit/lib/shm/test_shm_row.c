/* lib/shm: directory rows, written by one thread and read by another. */
#include "tests/unit/lib/shm/shm_fixture.h"

#include <pthread.h>

#define ROUNDS 100000

static int setup(void **state)
{
	*state = malloc(sizeof(struct shm_fixture));
	shm_fixture_init(*state);
	return 0;
}

static int teardown(void **state)
{
	shm_fixture_fini(*state);
	free(*state);
	return 0;
}

/* Every number in it is the same one, so that a torn copy shows. */
static struct shm_stream_row row_of(uint32_t number)
{
	struct shm_stream_row row = {
		.generation = number, .controller = number, .state = SHM_SLOT_LIVE, .local_port = 10010};

	row.counters.rtp_in = row.counters.rtp_out = row.counters.lost = row.counters.last_rtp_ms = number;
	row.source_index = row.counters.late = row.counters.reported_delay_ms = number;
	return row;
}

static void test_row_is_read_as_written(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment s;
	struct shm_stream_row row, copy;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &s, &f->refusal), 0);
	assert_int_equal(shm_stream_read(&s, 1, 49, &copy), ERR_EMPTY);
	row = row_of(7);
	row.remote.port = 4000;
	shm_stream_write(&shm_segment_rows(&s, 1)[49], &row);
	assert_int_equal(shm_stream_read(&s, 1, 49, &copy), 0);
	assert_memory_equal(&copy.generation, &row.generation, sizeof(row) - 4);
	row.state = SHM_SLOT_FREE;
	shm_stream_write(&shm_segment_rows(&s, 1)[49], &row);
	assert_int_equal(shm_stream_read(&s, 1, 49, &copy), ERR_EMPTY);
	shm_segment_close(&s, f->path);
}

static void test_row_that_cannot_be_is_refused(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment s;
	struct shm_stream_row row, copy;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &s, &f->refusal), 0);
#define CHECK(change, error)                                                                                           \
	do {                                                                                                           \
		row = row_of(7);                                                                                       \
		change;                                                                                                \
		shm_stream_write(&shm_segment_rows(&s, 0)[0], &row);                                                   \
		if (shm_stream_read(&s, 0, 0, &copy) != (error))                                                       \
			fail_msg("%s", #change);                                                                       \
	} while (0)
	CHECK((void)0, 0);
	CHECK(row.state = 2, ERR_CORRUPT);
	CHECK(row.generation = 0, ERR_CORRUPT);
	CHECK(row.address = 2, ERR_CORRUPT);
	CHECK(row.local_port = 10011, ERR_CORRUPT);
	CHECK(row.local_port = 10100, ERR_CORRUPT);
#undef CHECK
	shm_segment_rows(&s, 0)[0].sequence |= 1; /* a writer that never comes to an end */
	assert_int_equal(shm_stream_read(&s, 0, 0, &copy), ERR_AGAIN);
	shm_segment_close(&s, f->path);
}

/* A file system that cannot tell gives all rows as one run, which is right too. */
static void test_scan_finds_every_row_in_use(void **state)
{
	static const uint32_t used[] = {0, 1, 500, 999};
	struct shm_fixture *f = *state;
	struct shm_segment s;
	uint32_t from = 0, until = 0, runs = 0, rows = 0, found = 0;

	f->layout.streams_per_worker = 1000;
	assert_int_equal(shm_segment_create(f->path, &f->layout, &s, &f->refusal), 0);
	for (size_t i = 0; i < ARRAY_LEN(used); i++) {
		struct shm_stream_row row = row_of(7);

		shm_stream_write(&shm_segment_rows(&s, 1)[used[i]], &row);
	}
	for (; shm_rows_next(&s, 1, &from, &until); from = until, runs++) {
		assert_true(from < until && until <= 1000);
		rows += until - from;
		for (uint32_t i = from; i < until; i++) {
			struct shm_stream_row copy;

			found += shm_stream_read(&s, 1, i, &copy) == 0;
		}
		assert_true(runs < 1000);
	}
	assert_int_equal(found, ARRAY_LEN(used));
	print_message("%u runs with %u rows\n", runs, rows);
	shm_segment_close(&s, f->path);
}

static void *write_rows(void *arg)
{
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		struct shm_stream_row row = row_of(i);

		shm_stream_write(arg, &row);
	}
	return NULL;
}

static void test_copy_is_never_torn(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment s;
	struct shm_stream_row copy = {.generation = 0};
	pthread_t thread;
	uint32_t last = 0;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &s, &f->refusal), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_rows, shm_segment_rows(&s, 0)), 0);
	while (last < ROUNDS) {
		int error = shm_stream_read(&s, 0, 0, &copy);

		if (error == ERR_AGAIN || (error == ERR_EMPTY && last == 0))
			continue;
		assert_int_equal(error, 0);
		assert_true(copy.generation >= last);
		last = copy.generation;
		assert_int_equal(copy.controller, last);
		assert_int_equal(copy.source_index, last);
		assert_int_equal(copy.counters.rtp_in, last);
		assert_int_equal(copy.counters.last_rtp_ms, last);
		assert_int_equal(copy.counters.late, last);
	}
	pthread_join(thread, NULL);
	shm_segment_close(&s, f->path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_row_is_read_as_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_row_that_cannot_be_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scan_finds_every_row_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy_is_never_torn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
