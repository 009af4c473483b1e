/* controlplane/cdr: what a line says, days and names, a crash, a torn line, a full disk, retention, the last records. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/cdr/cdr_private.h"

#define DAY_MS 86400000ull
static const uint64_t noon_ms = 1795262400000; /* 2026-11-21T12:00:00Z */

/* ---- a directory of its own for each test ---- */

static int make_directory(void **state)
{
	char *path = strdup("/tmp/cdr-test-XXXXXX");

	assert_non_null(mkdtemp(path));
	*state = path;
	return 0;
}

static int remove_directory(void **state)
{
	char *path = *state, name[512];
	DIR *stream = opendir(path);
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		unlink(name);
	}
	if (stream)
		closedir(stream);
	rmdir(path);
	free(path);
	return 0;
}

static char *path_in(const char *directory, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static size_t count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t count = 0;
	int c;

	while (file && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

/* ---- records ---- */

static struct cdr_record record_of(const char *call_id, uint64_t end_wall_ms)
{
	struct cdr_record record = {.start_wall_ms = end_wall_ms - 10200,
				    .answer_wall_ms = end_wall_ms - 9900,
				    .end_wall_ms = end_wall_ms,
				    .disposition = CDR_ANSWERED,
				    .hangup_side = CDR_SIDE_CALLER,
				    .cause_sip = 200,
				    .cause_q850 = 16,
				    .caller = "1000@example.org",
				    .callee = "2000@example.org",
				    .cause_text = "normal"};

	assert_int_equal(view_copy(view_of(call_id), record.call_id, sizeof(record.call_id)), 0);
	return record;
}

static struct cdr *open_cdr_with(const char *directory, struct cdr_options options, uint64_t wall_ms)
{
	struct cdr_problem problem;
	struct cdr *cdr = NULL;
	int error;

	options.directory = directory;
	if (!options.filename_pattern)
		options.filename_pattern = "cdr-%Y-%m-%d.jsonl";
	error = cdr_open(&options, wall_ms, &cdr, &problem);
	if (error < 0)
		fail_msg("%s", problem.text);
	return cdr;
}

static struct cdr *open_cdr(const char *directory)
{
	return open_cdr_with(directory, (struct cdr_options){0}, noon_ms);
}

static void write_record(struct cdr *cdr, const char *call_id, uint64_t end_wall_ms)
{
	struct cdr_record record = record_of(call_id, end_wall_ms);

	cdr_write(cdr, &record);
}

static void add_call_id(void *arg, struct view line)
{
	struct text *ids = arg;
	json_t *node = json_loadb(line.at, line.size, 0, NULL);

	assert_non_null(node);
	text_printf(ids, "%s ", json_string_value(json_object_get(node, "call_id")));
	json_decref(node);
}

/* "newest older oldest " */
static const char *recent(struct cdr *cdr, size_t limit)
{
	static char buffer[32768];
	struct text ids;

	text_init(&ids, buffer, sizeof(buffer));
	cdr_recent(cdr, limit, add_call_id, &ids);
	return buffer;
}

/* ---- lines ---- */

static void test_cdr_line_has_the_fields_of_the_contract(void **state)
{
	static const char expected[] =
		"{\"call_id\":\"c1\",\"caller\":\"1000@example.org\",\"callee\":\"2000@example.org\","
		"\"start_time\":\"2026-11-21T11:59:49.800Z\",\"answer_time\":\"2026-11-21T11:59:50.100Z\","
		"\"end_time\":\"2026-11-21T12:00:00.000Z\",\"duration\":11,\"talk_duration\":10,"
		"\"disposition\":\"ANSWERED\",\"hangup_side\":\"caller\",\"transferred_to\":null,"
		"\"cause\":{\"sip\":200,\"q850\":16,\"text\":\"normal\"},"
		"\"legs\":[{\"side\":\"callee\",\"sip_call_id\":\"x@y\",\"remote\":null,\"user_agent\":null,"
		"\"codec\":\"PCMA/"
		"8000\",\"srtp\":\"AEAD_AES_128_GCM\",\"media\":{\"remote\":\"192.0.2.1:4000\",\"packets_in\":500,"
		"\"packets_out\":499,"
		"\"bytes_in\":0,\"bytes_out\":0,\"lost\":1,\"dropped\":0,\"jitter_ms\":2.5,"
		"\"reordered\":0,\"duplicates\":0,\"burst_lost\":0,\"mos\":4.327,\"round_trip_ms\":20.5,"
		"\"reported\":{\"lost\":3,\"jitter_ms\":1.0,\"mos\":4.1}}}],"
		"\"segments\":[{\"leg\":\"c1-1\",\"side\":\"callee\",\"kind\":\"callee\",\"party\":\"2000\","
		"\"start_time\":\"2026-11-21T11:59:49.800Z\",\"answer_time\":null,\"end_time\":null,\"status\":486,"
		"\"sip_call_id\":null,\"remote\":null,\"user_agent\":null,\"codec\":null,\"srtp\":null,\"media\":{"
		"\"remote\":null,"
		"\"packets_in\":0,\"packets_out\":0,\"bytes_in\":0,\"bytes_out\":0,\"lost\":0,\"dropped\":0,"
		"\"jitter_ms\":0.0,"
		"\"reordered\":0,\"duplicates\":0,\"burst_lost\":0,\"mos\":null,\"round_trip_ms\":null,\"reported\":"
		"null}}]}\n";
	struct cdr_record record = record_of("c1", noon_ms);
	struct cdr_leg *leg = &record.legs[1];
	char buffer[CDR_LINE_MAX];
	struct text text;

	*leg = (struct cdr_leg){.is_present = true,
				.sip_call_id = "x@y",
				.codec = "PCMA/8000",
				.srtp = "AEAD_AES_128_GCM",
				.packets_in = 500,
				.packets_out = 499,
				.lost = 1,
				.jitter_us = 2500,
				.mos_thousandths = 4327,
				.round_trip_us = 20500,
				.has_reported = true,
				.reported_lost = 3,
				.reported_jitter_us = 1000,
				.reported_mos10 = 41};
	assert_int_equal(net_endpoint_parse(VIEW("192.0.2.1:4000"), 0, &leg->media_remote), 0);
	record.segments[0] = (struct cdr_segment){.id = "c1-1",
						  .kind = "callee",
						  .party = "2000",
						  .start_wall_ms = record.start_wall_ms,
						  .status = 486,
						  .side = CDR_SIDE_CALLEE};
	record.segment_count = 1;
	text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(cdr_print(&record, &text), 0);
	assert_string_equal(buffer, expected);
}

static void test_cdr_durations_count_started_seconds(void **state)
{
	static const struct {
		uint64_t start, answer, end;
		int duration, talk;
	} rows[] = {
		{1000, 0, 1000, 0, 0},       {1000, 0, 1001, 1, 0},    {1000, 1000, 61000, 60, 60},
		{1000, 1001, 61001, 61, 60}, {1000, 1500, 1501, 1, 1}, {5000, 5000, 4000, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cdr_record record = {
			.start_wall_ms = rows[i].start, .answer_wall_ms = rows[i].answer, .end_wall_ms = rows[i].end};
		char buffer[CDR_LINE_MAX], expected[64];
		struct text text;

		text_init(&text, buffer, sizeof(buffer));
		assert_int_equal(cdr_print(&record, &text), 0);
		snprintf(expected, sizeof(expected), "\"duration\":%d,\"talk_duration\":%d,", rows[i].duration,
			 rows[i].talk);
		assert_non_null(strstr(buffer, expected));
	}
}

static void fill(char *text, size_t size, int c)
{
	memset(text, c, size - 1);
	text[size - 1] = '\0';
}

/* Whatever strangers send, a record fits its line, and the line is JSON. */
static void test_cdr_line_of_hostile_text_is_still_one_line(void **state)
{
	static const int bytes[] = {'\n', 1, '"', 0xff, 0xe2, 'a'};

	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		struct cdr_record record = {.end_wall_ms = noon_ms};
		char buffer[CDR_LINE_MAX];
		struct text text;
		json_t *node;

		fill(record.call_id, sizeof(record.call_id), bytes[i]);
		fill(record.caller, sizeof(record.caller), bytes[i]);
		fill(record.callee, sizeof(record.callee), bytes[i]);
		fill(record.cause_text, sizeof(record.cause_text), bytes[i]);
		for (size_t k = 0; k < 2; k++) {
			struct cdr_leg *leg = &record.legs[k];

			*leg = (struct cdr_leg){true};
			fill(leg->sip_call_id, sizeof(leg->sip_call_id), bytes[i]);
			fill(leg->user_agent, sizeof(leg->user_agent), bytes[i]);
			fill(leg->codec, sizeof(leg->codec), bytes[i]);
			leg->packets_in = leg->packets_out = leg->bytes_in = leg->bytes_out = UINT64_MAX;
			leg->lost = leg->dropped = UINT64_MAX;
			leg->jitter_us = leg->mos_thousandths = leg->round_trip_us = UINT32_MAX;
			leg->reordered = leg->duplicates = leg->burst_lost = leg->reported_lost = UINT64_MAX;
			leg->has_reported = true;
			leg->reported_jitter_us = leg->reported_mos10 = UINT32_MAX;
			memset(leg->remote.address.bytes, 0xff, 16);
			leg->remote.address.family = NET_IPV6;
			leg->media_remote = leg->remote;
		}
		record.segment_count = CDR_SEGMENTS_MAX;
		for (size_t k = 0; k < CDR_SEGMENTS_MAX; k++) {
			struct cdr_segment *segment = &record.segments[k];

			*segment = (struct cdr_segment){
				.kind = "callee", .start_wall_ms = 1, .answer_wall_ms = 1, .end_wall_ms = 1};
			fill(segment->id, sizeof(segment->id), bytes[i]);
			fill(segment->party, sizeof(segment->party), bytes[i]);
			segment->leg = record.legs[0];
		}
		text_init(&text, buffer, sizeof(buffer));
		assert_int_equal(cdr_print(&record, &text), 0);
		assert_int_equal(strcspn(buffer, "\n"), text.size - 1);
		node = json_loads(buffer, 0, NULL);
		assert_non_null(node);
		json_decref(node);
	}
}

/* All of a line or nothing: never a record that is short of a field. */
static void test_cdr_line_without_room_is_refused(void **state)
{
	struct cdr_record record = record_of("c", noon_ms);
	char whole[CDR_LINE_MAX], buffer[CDR_LINE_MAX];
	struct text text;
	size_t size;

	record.legs[0].is_present = record.legs[1].is_present = true;
	text_init(&text, whole, sizeof(whole));
	assert_int_equal(cdr_print(&record, &text), 0);
	size = text.size;
	for (size_t room = 1; room <= size; room++) {
		text_init(&text, buffer, room);
		assert_int_equal(cdr_print(&record, &text), ERR_TOO_LONG);
		assert_int_equal(text.size, 0);
	}
	text_init(&text, buffer, size + 1);
	assert_int_equal(cdr_print(&record, &text), 0);
	assert_string_equal(buffer, whole);
}

/* ---- names ---- */

static void test_cdr_pattern_is_checked(void **state)
{
	static const struct {
		const char *pattern;
		int error;
	} rows[] = {
		{"cdr-%Y-%m-%d.jsonl", 0}, {"%d%m%Y", 0},
		{"cdr.jsonl", 0},          {"cdr-%Y-%m.jsonl", ERR_INVALID},
		{"a/%Y%m%d", ERR_INVALID}, {"%Y%m%d%d", ERR_INVALID},
		{"%Y%m%d%H", ERR_INVALID}, {"%Y%m%d%", ERR_INVALID},
		{"", ERR_INVALID},         {"..", ERR_INVALID},
		{"%s", ERR_INVALID},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cdr_problem problem = {""};
		struct cdr_pattern pattern;

		assert_int_equal(cdr_pattern_parse(rows[i].pattern, &pattern, &problem), rows[i].error);
		assert_int_equal(problem.text[0] != '\0', rows[i].error != 0);
	}
}

static void test_cdr_names_are_days_and_back(void **state)
{
	static const struct {
		const char *name;
		bool is_match;
	} rows[] = {
		{"cdr-2026-11-21.jsonl", true},    {"cdr-2024-02-29.jsonl", true},     {"cdr-2026-02-29.jsonl", false},
		{"cdr-2026-13-01.jsonl", false},   {"cdr-2026-11-21.jsonl.gz", false}, {"cdr-2026-1-21.jsonl", false},
		{"other-2026-11-21.jsonl", false},
	};
	struct cdr_problem problem;
	struct cdr_pattern pattern;

	assert_int_equal(cdr_pattern_parse("cdr-%Y-%m-%d.jsonl", &pattern, &problem), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char name[CDR_NAME_SIZE];
		int64_t day;

		assert_int_equal(cdr_pattern_is_match(&pattern, rows[i].name, &day), rows[i].is_match);
		if (!rows[i].is_match)
			continue;
		cdr_pattern_print(&pattern, day, name);
		assert_string_equal(name, rows[i].name);
	}
}

/* ---- files ---- */

static void test_cdr_rotates_at_midnight_utc_by_the_end_of_the_call(void **state)
{
	const uint64_t midnight_ms = noon_ms + DAY_MS / 2;
	struct cdr *cdr = open_cdr(*state);

	write_record(cdr, "before", midnight_ms - 1);
	write_record(cdr, "after", midnight_ms);
	write_record(cdr, "late", midnight_ms - 500); /* ended before, written after */
	cdr_tick(cdr, midnight_ms);
	assert_string_equal(recent(cdr, 10), "late after before ");
	cdr_close(cdr);
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-21.jsonl")), 2);
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-22.jsonl")), 1);
}

static void test_cdr_survives_a_killed_process(void **state)
{
	pid_t pid = fork();
	struct cdr *cdr;
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		cdr = open_cdr(*state);
		for (int i = 0; i < 500; i++) {
			char id[16];

			snprintf(id, sizeof(id), "k%d", i);
			write_record(cdr, id, noon_ms);
		}
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-21.jsonl")), 500);
	cdr = open_cdr(*state);
	assert_string_equal(recent(cdr, 2), "k499 k498 ");
	cdr_close(cdr);
}

static void test_cdr_closes_a_torn_line_and_skips_it(void **state)
{
	struct cdr *cdr;

	write_text(path_in(*state, "cdr-2026-11-21.jsonl"), "{\"call_id\":\"one\"}\nrubbish\n{\"call_id\":\"tor");
	cdr = open_cdr(*state);
	write_record(cdr, "two", noon_ms);
	assert_string_equal(recent(cdr, 10), "two one ");
	cdr_close(cdr);
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-21.jsonl")), 4);
	cdr = open_cdr(*state);
	assert_string_equal(recent(cdr, 10), "two one ");
	cdr_close(cdr);
}

static void test_cdr_recent_are_the_last_thousand_of_all_days(void **state)
{
	struct cdr *cdr = open_cdr(*state);
	char id[16];

	for (int i = 0; i < 1200; i++) {
		snprintf(id, sizeof(id), "r%d", i);
		write_record(cdr, id, noon_ms - 2 * DAY_MS + (uint64_t)(i / 400) * DAY_MS);
	}
	assert_memory_equal(recent(cdr, 3), "r1199 r1198 r1197 ", 18);
	cdr_close(cdr);
	cdr = open_cdr(*state);
	assert_memory_equal(recent(cdr, 3), "r1199 r1198 r1197 ", 18);
	recent(cdr, 5000);
	assert_non_null(strstr(recent(cdr, 5000), " r200 "));
	assert_null(strstr(recent(cdr, 5000), " r199 "));
	cdr_close(cdr);
}

static void test_cdr_old_files_are_deleted_and_nothing_else(void **state)
{
	static const char *const old[] = {"cdr-2026-11-13.jsonl", "cdr-2020-01-01.jsonl"};
	static const char *const kept[] = {"cdr-2026-11-14.jsonl", "cdr-2020-01-01.jsonl.gz", "notes",
					   "cdr-2026-11-21.jsonl"};
	struct cdr *cdr;

	for (size_t i = 0; i < 2; i++)
		write_text(path_in(*state, old[i]), "{}\n");
	for (size_t i = 0; i < 4; i++)
		write_text(path_in(*state, kept[i]), "{}\n");
	cdr = open_cdr_with(*state, (struct cdr_options){.retention_days = 7}, noon_ms);
	cdr_close(cdr); /* waits for the thread */
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(access(path_in(*state, old[i]), F_OK), -1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(access(path_in(*state, kept[i]), F_OK), 0);
	/* A day later one more is too old. */
	cdr = open_cdr_with(*state, (struct cdr_options){.retention_days = 7}, noon_ms);
	cdr_tick(cdr, noon_ms + DAY_MS);
	cdr_close(cdr);
	assert_int_equal(access(path_in(*state, kept[0]), F_OK), -1);
}

static void test_cdr_one_file_for_ever(void **state)
{
	const struct cdr_options options = {.filename_pattern = "all.jsonl", .retention_days = 1};
	struct cdr *cdr = open_cdr_with(*state, options, noon_ms);

	write_record(cdr, "a", noon_ms);
	write_record(cdr, "b", noon_ms + 5 * DAY_MS);
	cdr_tick(cdr, noon_ms + 5 * DAY_MS);
	cdr_close(cdr);
	assert_int_equal(count_lines(path_in(*state, "all.jsonl")), 2);
	cdr = open_cdr_with(*state, options, noon_ms + 9 * DAY_MS);
	assert_string_equal(recent(cdr, 10), "b a ");
	cdr_close(cdr);
}

static void test_cdr_without_rotation_stays_with_its_file(void **state)
{
	const struct cdr_options options = {.never_rotates = true, .retention_days = 1};
	struct cdr *cdr = open_cdr_with(*state, options, noon_ms);

	write_record(cdr, "a", noon_ms);
	write_record(cdr, "b", noon_ms + 5 * DAY_MS);
	cdr_tick(cdr, noon_ms + 5 * DAY_MS);
	cdr_close(cdr);
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-21.jsonl")), 2);
}

/* A limit on the size of files stands for a full disk: the kernel then takes half a line, or none. */
static void test_cdr_full_disk_keeps_the_lines_until_there_is_room(void **state)
{
	struct rlimit before, small;
	struct cdr_status status;
	struct cdr *cdr;
	char id[16];

	signal(SIGXFSZ, SIG_IGN);
	cdr = open_cdr_with(*state, (struct cdr_options){.queue_max = 5}, noon_ms);
	write_record(cdr, "f0", noon_ms);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 500; /* one line and a part of the next */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 1; i <= 7; i++) {
		snprintf(id, sizeof(id), "f%d", i);
		write_record(cdr, id, noon_ms);
	}
	cdr_status(cdr, &status);
	assert_int_equal(status.written, 1);
	assert_int_equal(status.queued, 5);
	assert_int_equal(status.lost, 2);
	assert_true(status.failed >= 7);
	assert_int_not_equal(status.last_errno, 0);
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-21.jsonl")), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	cdr_tick(cdr, noon_ms);
	cdr_status(cdr, &status);
	assert_int_equal(status.written, 6);
	assert_int_equal(status.queued, 0);
	assert_int_equal(status.last_errno, 0);
	cdr_close(cdr);
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-21.jsonl")), 6);
	cdr = open_cdr(*state);
	assert_string_equal(recent(cdr, 10), "f5 f4 f3 f2 f1 f0 ");
	cdr_close(cdr);
}

static void test_cdr_makes_a_file_again_that_somebody_deleted(void **state)
{
	struct cdr *cdr = open_cdr(*state);

	write_record(cdr, "a", noon_ms);
	assert_int_equal(unlink(path_in(*state, "cdr-2026-11-21.jsonl")), 0);
	assert_int_equal(rmdir(*state), 0);
	write_record(cdr, "b", noon_ms);
	cdr_close(cdr);
	assert_int_equal(count_lines(path_in(*state, "cdr-2026-11-21.jsonl")), 1);
}

static void test_cdr_start_errors_are_one_clear_line(void **state)
{
	static const struct {
		const char *directory, *pattern, *says;
		int error;
	} rows[] = {
		{"/proc/none", "cdr-%Y-%m-%d.jsonl", "cdr.output_dir \"/proc/none\" cannot be written", ERR_IO},
		{"/dev/null", "cdr-%Y-%m-%d.jsonl", "cdr.output_dir \"/dev/null\" cannot be written", ERR_IO},
		{"/tmp", "%Q", "cdr.filename_pattern \"%Q\": knows only", ERR_INVALID},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cdr_options options = {.directory = rows[i].directory,
						    .filename_pattern = rows[i].pattern};
		struct cdr_problem problem;
		struct cdr *cdr;

		assert_int_equal(cdr_open(&options, noon_ms, &cdr, &problem), rows[i].error);
		assert_memory_equal(problem.text, rows[i].says, strlen(rows[i].says));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cdr_line_has_the_fields_of_the_contract),
		cmocka_unit_test(test_cdr_durations_count_started_seconds),
		cmocka_unit_test(test_cdr_line_of_hostile_text_is_still_one_line),
		cmocka_unit_test(test_cdr_line_without_room_is_refused),
		cmocka_unit_test(test_cdr_pattern_is_checked),
		cmocka_unit_test(test_cdr_names_are_days_and_back),
		TEST(test_cdr_rotates_at_midnight_utc_by_the_end_of_the_call),
		TEST(test_cdr_survives_a_killed_process),
		TEST(test_cdr_closes_a_torn_line_and_skips_it),
		TEST(test_cdr_recent_are_the_last_thousand_of_all_days),
		TEST(test_cdr_old_files_are_deleted_and_nothing_else),
		TEST(test_cdr_one_file_for_ever),
		TEST(test_cdr_without_rotation_stays_with_its_file),
		TEST(test_cdr_full_disk_keeps_the_lines_until_there_is_room),
		TEST(test_cdr_makes_a_file_again_that_somebody_deleted),
		cmocka_unit_test(test_cdr_start_errors_are_one_clear_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
