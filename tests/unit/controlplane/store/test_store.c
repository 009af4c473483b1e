/* controlplane/store: the same rows against SQLite, and against PostgreSQL when VOXLANE_TEST_POSTGRES names one (the system
 * test `store_postgres` starts a server and runs this program).
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/store/store.h"
#include "lib/log/log.h"

static char folder[] = "/tmp/voxlane-store-XXXXXX", path[64], url[512];

static int setup_folder(void **state)
{
	log_level_set(LOG_LEVEL_CRITICAL);
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_files(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		char name[80];

		snprintf(name, sizeof(name), "%s/db%s", folder, ends[i]);
		unlink(name);
	}
	return 0;
}

static int teardown_folder(void **state)
{
	return rmdir(folder);
}

static int empty(struct store_session *session, void *arg)
{
	int error = store_query(session, "DELETE FROM registration", NULL, 0, NULL, NULL);

	return error ? error : store_query(session, "DELETE FROM cdr", NULL, 0, NULL, NULL);
}

static struct store *open_store(bool is_inline)
{
	struct store_options options = {.url = url, .is_inline = is_inline};
	struct store_problem problem;
	struct store *store;

	if (store_open(&options, &store, &problem) != 0)
		fail_msg("%s", problem.text);
	return store;
}

static int setup(void **state)
{
	const char *postgres = getenv("VOXLANE_TEST_POSTGRES");
	struct store *store;

	snprintf(path, sizeof(path), "%s/db", folder);
	if (postgres)
		snprintf(url, sizeof(url), "%s", postgres);
	else
		snprintf(url, sizeof(url), "sqlite:%s", path);
	store = open_store(true);
	assert_int_equal(store_wait(store, empty, NULL), 0);
	store_close(store);
	return 0;
}

static const char insert[] = "INSERT INTO cdr (call_id, caller, start_ms, end_ms, duration_s, talk_s, disposition, "
			     "hangup_side, jitter_ms, document) VALUES ($1, $2, $3, $4, 0, 0, 'x', 'y', $5, $6)";

struct row {
	const char *call_id;
	struct store_value caller, start, jitter;
	size_t seen;
};

static int put_row(struct store_session *session, void *arg)
{
	const struct row *row = arg;
	const struct store_value values[] = {store_string(row->call_id), row->caller, row->start,
					     store_integer(1),           row->jitter, store_text(VIEW(""))};

	return store_query(session, insert, values, ARRAY_LEN(values), NULL, NULL);
}

static int check_row(void *arg, const struct store_value *columns, size_t count)
{
	struct row *row = arg;

	row->seen++;
	assert_int_equal(count, 4);
	assert_int_equal(columns[0].type, row->caller.type);
	if (row->caller.type == STORE_TEXT) {
		assert_int_equal(columns[0].text.size, row->caller.text.size);
		assert_memory_equal(columns[0].text.at, row->caller.text.at, row->caller.text.size);
	}
	assert_int_equal(columns[1].integer, row->start.integer);
	assert_int_equal(columns[2].type, row->jitter.type);
	assert_true(columns[2].real == row->jitter.real);
	assert_int_equal(columns[3].type, STORE_TEXT);
	assert_int_equal(columns[3].text.size, 0);
	return 0;
}

static int get_row(struct store_session *session, void *arg)
{
	struct row *row = arg;
	const struct store_value key = store_string(row->call_id);

	return store_query(session, "SELECT caller, start_ms, jitter_ms, document FROM cdr WHERE call_id = $1", &key, 1,
			   check_row, row);
}

static void test_store_values_come_back_as_they_were(void **state)
{
	static char large[100000];
	struct row rows[] = {
		{"null", store_null(), store_integer(0), store_null()},
		{"empty", store_text(VIEW("")), store_integer(-1), store_real(0)},
		{"quotes", store_text(VIEW("Robert'); DROP TABLE cdr;--\"\\")), store_integer(INT64_MAX),
		 store_real(0.1)},
		{"hangul", store_text(VIEW("\xed\x95\x9c\xea\xb8\x80 \xf0\x9f\x93\x9e")), store_integer(INT64_MIN),
		 store_real(-1e300)},
		{"a part of a text", store_text(view_sub(VIEW("abcdef"), 2, 2)), store_integer(7), store_real(1.0 / 3)},
		{"large", store_text((struct view){large, sizeof(large)}), store_integer(1), store_real(1)},
	};
	struct store *store = open_store(true);

	memset(large, 'x', sizeof(large));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(store_wait(store, put_row, &rows[i]), 0);
	store_close(store);
	store = open_store(true);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(store_wait(store, get_row, &rows[i]), 0);
		assert_int_equal(rows[i].seen, 1);
	}
	store_close(store);
}

static int put_then_fail(struct store_session *session, void *arg)
{
	int error = put_row(session, arg);

	return error ? error : ERR_STATE;
}

static int put_twice(struct store_session *session, void *arg)
{
	int error = put_row(session, arg);

	return error ? error : put_row(session, arg);
}

static void test_store_job_that_fails_leaves_nothing(void **state)
{
	struct row row = {"a", store_null(), store_integer(0), store_null()};
	struct store *store = open_store(true);
	struct store_status status;

	assert_int_equal(store_wait(store, put_then_fail, &row), ERR_STATE);
	assert_int_equal(store_wait(store, get_row, &row), 0);
	assert_int_equal(row.seen, 0);
	assert_int_equal(store_wait(store, put_twice, &row), ERR_INVALID);
	store_status(store, &status);
	assert_non_null(strcasestr(status.problem, "unique"));
	assert_int_equal(store_wait(store, get_row, &row), 0);
	assert_int_equal(row.seen, 0);
	assert_int_equal(store_wait(store, put_row, &row), 0);
	store_status(store, &status);
	assert_string_equal(status.problem, "");
	assert_int_equal(status.failed, 2);
	store_close(store);
}

/* ---- the thread ---- */

struct numbered {
	struct store_job job;
	int number;
	pthread_t ran_on;
};

static struct {
	int order[64];
	size_t count;
	pthread_t thread;
	sem_t gate, is_inside;
} seen;

static int run_numbered(struct store_session *session, void *arg)
{
	struct numbered *numbered = arg;

	numbered->ran_on = pthread_self();
	return numbered->number % 3 ? 0 : ERR_STATE;
}

static void done_numbered(void *arg, int error)
{
	struct numbered *numbered = arg;

	assert_int_equal(error, numbered->number % 3 ? 0 : ERR_STATE);
	assert_false(pthread_equal(numbered->ran_on, pthread_self()));
	assert_true(pthread_equal(seen.thread, pthread_self()));
	seen.order[seen.count++] = numbered->number;
}

static void test_store_answers_come_on_the_loop_in_order(void **state)
{
	static struct numbered jobs[50];
	struct store *store = open_store(false);
	struct loop *loop;

	assert_int_equal(loop_new_real(&loop), 0);
	seen.count = 0;
	seen.thread = pthread_self();
	for (int i = 0; i < (int)ARRAY_LEN(jobs); i++) {
		jobs[i] = (struct numbered){
			.number = i,
			.job = {.run = run_numbered, .done = done_numbered, .arg = &jobs[i], .loop = loop}};
		assert_int_equal(store_submit(store, &jobs[i].job), 0);
	}
	while (seen.count < ARRAY_LEN(jobs))
		loop_turn(loop, 100);
	for (int i = 0; i < (int)ARRAY_LEN(jobs); i++)
		assert_int_equal(seen.order[i], i);
	store_close(store);
	loop_free(loop);
}

static int run_gated(struct store_session *session, void *arg)
{
	sem_post(&seen.is_inside);
	sem_wait(&seen.gate);
	return 0;
}

static void count_done(void *arg, int error)
{
	assert_int_equal(error, 0);
	++*(size_t *)arg;
}

static int run_nothing(struct store_session *session, void *arg)
{
	return 0;
}

static void test_store_queue_is_bounded_and_the_end_empties_it(void **state)
{
	static struct store_job jobs[STORE_QUEUE_MAX + 1];
	struct store *store = open_store(false);
	size_t count = 0;
	struct store_job gated = {.run = run_gated, .done = count_done, .arg = &count};

	sem_init(&seen.gate, 0, 0);
	sem_init(&seen.is_inside, 0, 0);
	assert_int_equal(store_submit(store, &gated), 0);
	sem_wait(&seen.is_inside);
	for (size_t i = 0; i < STORE_QUEUE_MAX; i++) {
		jobs[i] = (struct store_job){.run = run_nothing, .done = count_done, .arg = &count};
		assert_int_equal(store_submit(store, &jobs[i]), 0);
	}
	assert_int_equal(store_submit(store, &jobs[STORE_QUEUE_MAX]), ERR_FULL);
	sem_post(&seen.gate);
	store_close(store);
	assert_int_equal(count, STORE_QUEUE_MAX + 1);
	sem_destroy(&seen.gate);
	sem_destroy(&seen.is_inside);
}

/* ---- starts that fail ---- */

static int add_future(struct store_session *session, void *arg)
{
	return store_query(session, "INSERT INTO schema_migration (version, name) VALUES (999, 'the future')", NULL, 0,
			   NULL, NULL);
}

static int drop_future(struct store_session *session, void *arg)
{
	return store_query(session, "DELETE FROM schema_migration WHERE version = 999", NULL, 0, NULL, NULL);
}

static void expect_refusal(const char *of, int error, const char *words)
{
	struct store_options options = {.url = of, .is_inline = true};
	struct store_problem problem;
	struct store *store = NULL;
	int got = store_open(&options, &store, &problem);

	if (got != error || !strstr(problem.text, words) || !strstr(problem.text, "store.url"))
		fail_msg("%s: %d, not %d: %s", of, got, error, problem.text);
	assert_null(store);
}

static void test_store_newer_schema_is_refused(void **state)
{
	struct store *store = open_store(true), *twin;

	assert_int_equal(store_wait(store, add_future, NULL), 0);
	expect_refusal(url, ERR_VERSION, "schema 999");
	twin = store; /* it was open before: it goes on */
	assert_int_equal(store_wait(twin, drop_future, NULL), 0);
	store_close(store);
}

static void test_store_cannot_open_says_why(void **state)
{
	char text[512];
	FILE *file;

	expect_refusal("mysql://here", ERR_INVALID, "sqlite:PATH");
	expect_refusal("sqlite:/nonexistent/folder/db", ERR_PERMISSION, "No such file or directory");
	snprintf(text, sizeof(text), "sqlite:%s", folder);
	expect_refusal(text, ERR_PERMISSION, "directory");
	snprintf(text, sizeof(text), "%s/db", folder);
	remove_files(NULL);
	file = fopen(text, "we");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is a letter to my aunt\n", file);
	fclose(file);
	snprintf(text, sizeof(text), "sqlite:%s/db", folder);
	expect_refusal(text, ERR_CORRUPT, "not a database");
	remove_files(NULL);
}

static void test_store_postgres_that_is_away_says_so(void **state)
{
	struct store_options options = {.url = "postgresql://nobody@127.0.0.1:1/nothing", .is_inline = true};
	struct store_problem problem;
	struct store *store;
	int error = store_open(&options, &store, &problem);

	if (error == ERR_UNSUPPORTED) {
		assert_non_null(strstr(problem.text, "libpq"));
		return;
	}
	assert_int_equal(error, ERR_CLOSED);
	assert_non_null(strstr(problem.text, "refused"));
}

/* A User-Agent of any bytes must not keep the row, or the batch with it, out of the database. */
static void test_store_takes_any_bytes(void **state)
{
	struct store *store = open_store(true);

	for (unsigned byte = 1; byte < 256; byte++) {
		const char bytes[] = {'a', (char)byte, (char)0xbf, 'b'};
		char id[8];
		struct row row = {id, store_text((struct view){bytes, sizeof(bytes)}), store_integer(0), store_null()};

		snprintf(id, sizeof(id), "%u", byte);
		assert_int_equal(store_wait(store, put_row, &row), 0);
	}
	store_close(store);
}

static void test_store_file_is_ours_alone(void **state)
{
	struct stat status;

	if (strncmp(url, "sqlite:", 7) != 0)
		skip();
	store_close(open_store(true));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 077, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_store_values_come_back_as_they_were, setup),
		cmocka_unit_test_setup(test_store_job_that_fails_leaves_nothing, setup),
		cmocka_unit_test_setup(test_store_answers_come_on_the_loop_in_order, setup),
		cmocka_unit_test_setup(test_store_queue_is_bounded_and_the_end_empties_it, setup),
		cmocka_unit_test_setup(test_store_newer_schema_is_refused, setup),
		cmocka_unit_test_setup(test_store_takes_any_bytes, setup),
		cmocka_unit_test_setup(test_store_file_is_ours_alone, setup),
		cmocka_unit_test_setup_teardown(test_store_cannot_open_says_why, setup, remove_files),
		cmocka_unit_test(test_store_postgres_that_is_away_says_so),
	};

	return cmocka_run_group_tests(tests, setup_folder, teardown_folder);
}
