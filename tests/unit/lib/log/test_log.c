/* Lines as people and machines read them, hostile text included; the file, its rotation, and many threads at once. */
#include "tests/unit/unit.h"

#include "lib/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIME_MS 1700000000123u /* 2023-11-14T22:13:20.123Z */
#define HEAD    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"INFO\",\"area\":\"call\","

static const struct row {
	const char *name;
	enum log_format format;
	const char *call_id;
	struct view message;
	const char *line;
} rows[] = {
	{"text", LOG_FORMAT_TEXT, NULL, VIEW("hello \"you\""),
	 "2023-11-14T22:13:20.123Z INFO     call: hello \"you\"\n"},
	{"text with a call", LOG_FORMAT_TEXT, "c-1", VIEW("a"), "2023-11-14T22:13:20.123Z INFO     call [c-1]: a\n"},
	{"text with a forged line", LOG_FORMAT_TEXT, "", VIEW("a\r\n2023 ERROR x: y\x1b[2J"),
	 "2023-11-14T22:13:20.123Z INFO     call: a\\r\\n2023 ERROR x: y\\u001b[2J\n"},
	{"json", LOG_FORMAT_JSON, NULL, VIEW("plain"), HEAD "\"message\":\"plain\"}\n"},
	{"json with a call", LOG_FORMAT_JSON, "c\"1", VIEW("a"), HEAD "\"call_id\":\"c\\\"1\",\"message\":\"a\"}\n"},
	{"json escapes", LOG_FORMAT_JSON, NULL, VIEW("q\" b\\ n\n t\t \x01 \x7f"),
	 HEAD "\"message\":\"q\\\" b\\\\ n\\n t\\t \\u0001 \\u007f\"}\n"},
	{"UTF-8 stays", LOG_FORMAT_JSON, NULL, VIEW("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x93\x9e"),
	 HEAD "\"message\":\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x93\x9e\"}\n"},
	{"not UTF-8", LOG_FORMAT_JSON, NULL, VIEW("\xc3( \xff \xed\xa0\x80 \xc0\xaf \xe2\x82"),
	 HEAD "\"message\":\"\\u00c3( \\u00ff \\u00ed\\u00a0\\u0080 \\u00c0\\u00af \\u00e2\\u0082\"}\n"},
	{"a zero byte", LOG_FORMAT_JSON, NULL, VIEW("a\0b"), HEAD "\"message\":\"a\\u0000b\"}\n"},
};

static void test_log_line_rows(void **state)
{
	char line[LOG_LINE_MAX];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t size = log_line(rows[i].format, TIME_MS, LOG_LEVEL_INFO, "call", rows[i].call_id,
				       rows[i].message, line);

		if (size != strlen(rows[i].line) || memcmp(line, rows[i].line, size) != 0)
			fail_msg("%s: %.*s", rows[i].name, (int)size, line);
	}
}

static void test_log_long_lines_are_cut_and_whole(void **state)
{
	char message[2 * LOG_LINE_MAX], line[LOG_LINE_MAX];
	const char fills[] = {'a', '"', '\n', '\x01', '\xff'};

	for (size_t f = 0; f < ARRAY_LEN(fills); f++)
		for (size_t size = LOG_LINE_MAX / 8; size <= sizeof(message); size += 7) {
			size_t written;

			memset(message, fills[f], size);
			written = log_line(LOG_FORMAT_JSON, TIME_MS, LOG_LEVEL_INFO, message[0] == 'a' ? "area" : "b",
					   "call", (struct view){message, size}, line);
			assert_in_range(written, 1, LOG_LINE_MAX - 1);
			assert_memory_equal(line + written - 3, "\"}\n", 3);
			if (size >= LOG_LINE_MAX)
				assert_memory_equal(line + written - 6, "...\"}\n", 6);
		}
}

static void test_log_levels_are_those_of_the_configuration(void **state)
{
	static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
	enum log_level level;

	assert_int_equal(LOG_LEVEL_COUNT, ARRAY_LEN(names));
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++) {
		assert_string_equal(log_level_name((enum log_level)i), names[i]);
		assert_int_equal(log_level_parse(view_of(names[i]), &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse(VIEW("warning"), &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_int_equal(log_level_parse(VIEW("loud"), &level), ERR_SYNTAX);
}

struct files {
	char directory[64], path[128], rotated[128];
};

static int files_make(void **state)
{
	struct files *files = calloc(1, sizeof(*files));

	snprintf(files->directory, sizeof(files->directory), "/tmp/voxlane-log-XXXXXX");
	if (!mkdtemp(files->directory))
		return -1;
	snprintf(files->path, sizeof(files->path), "%s/log", files->directory);
	snprintf(files->rotated, sizeof(files->rotated), "%s/log.1", files->directory);
	*state = files;
	return 0;
}

static int files_remove(void **state)
{
	struct files *files = *state;

	log_fini();
	unlink(files->path);
	unlink(files->rotated);
	rmdir(files->directory);
	free(files);
	return 0;
}

static size_t count_lines(const char *path, const char *with)
{
	FILE *file = fopen(path, "re");
	char line[LOG_LINE_MAX + 1];
	size_t count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, with) != NULL;
	fclose(file);
	return count;
}

static void test_log_threshold_and_rotation(void **state)
{
	const struct files *files = *state;
	int evaluated = 0;

	assert_int_equal(log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, files->path), 0);
	log_debug("test", "not written %d", ++evaluated);
	assert_int_equal(evaluated, 0);
	log_info("test", "one %d", ++evaluated);
	assert_int_equal(rename(files->path, files->rotated), 0);
	log_error("test", "two");
	assert_int_equal(log_reopen(), 0);
	log_critical("test", "three");
	log_level_set(LOG_LEVEL_DEBUG);
	log_call(LOG_LEVEL_DEBUG, "test", "id-7", "four");
	assert_int_equal(count_lines(files->rotated, "test: "), 2);
	assert_int_equal(count_lines(files->path, "three"), 1);
	assert_int_equal(count_lines(files->path, "test [id-7]: four"), 1);
	assert_int_equal(log_lost(), 0);
}

static void test_log_output_that_cannot_be_opened(void **state)
{
	const struct files *files = *state;

	assert_int_equal(log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, files->path), 0);
	assert_int_equal(log_init(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "/nonexistent/log"), ERR_NOT_FOUND);
	assert_int_equal(errno, ENOENT);
	log_info("test", "still here");
	assert_int_equal(count_lines(files->path, "still here"), 1);
}

enum { WRITERS = 4, LINES = 500 };

static void *write_lines(void *arg)
{
	char filler[300];

	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	for (int i = 0; i < LINES; i++)
		log_info("thread", "%s%s end", (const char *)arg, filler);
	return NULL;
}

static void test_log_threads_do_not_mix_lines(void **state)
{
	const struct files *files = *state;
	pthread_t threads[WRITERS];

	assert_int_equal(log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON, files->path), 0);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, "begin"), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(log_reopen(), 0);
	for (size_t i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(count_lines(files->path, "\"message\":\"beginxxx"), WRITERS * LINES);
	assert_int_equal(count_lines(files->path, "xxx end\"}\n"), WRITERS * LINES);
}

static void test_log_limit_lets_through_and_counts(void **state)
{
	struct log_limit limit = {.burst = 3, .interval_ms = 1000};
	uint64_t now_ms = 1000000, suppressed = 99, passed = 0;

	for (int i = 0; i < 10; i++)
		passed += log_limit_pass(&limit, now_ms, &suppressed);
	assert_int_equal(passed, 3);
	assert_int_equal(suppressed, 0);
	assert_false(log_limit_pass(&limit, now_ms + 999, &suppressed));
	assert_true(log_limit_pass(&limit, now_ms + 1000, &suppressed));
	assert_int_equal(suppressed, 8);
	assert_false(log_limit_pass(&limit, now_ms + 1500, &suppressed));
	assert_true(log_limit_pass(&limit, now_ms + 100000000, &suppressed));
	assert_int_equal(suppressed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_line_rows),
		cmocka_unit_test(test_log_long_lines_are_cut_and_whole),
		cmocka_unit_test(test_log_levels_are_those_of_the_configuration),
		cmocka_unit_test_setup_teardown(test_log_threshold_and_rotation, files_make, files_remove),
		cmocka_unit_test_setup_teardown(test_log_output_that_cannot_be_opened, files_make, files_remove),
		cmocka_unit_test_setup_teardown(test_log_threads_do_not_mix_lines, files_make, files_remove),
		cmocka_unit_test(test_log_limit_lets_through_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
