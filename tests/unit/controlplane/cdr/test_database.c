/* controlplane/cdr: records in the database: not one lost, none twice, found again. The database is SQLite, or
 * PostgreSQL when VOXLANE_TEST_POSTGRES names one.
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/cdr/cdr_private.h"
#include "controlplane/store/store.h"
#include "lib/log/log.h"

static const uint64_t noon_ms = 1795262400000; /* 2026-11-21T12:00:00Z */

static char folder[64], url[512];
static struct loop *loop;
static struct store *store;
static struct cdr *cdr;

static int query(struct store_session *session, void *arg)
{
	return store_query(session, arg, NULL, 0, NULL, NULL);
}

static void sql(const char *statement)
{
	if (store_wait(store, query, (void *)(uintptr_t)statement) != 0)
		fail_msg("%s", statement);
}

static void open_store(void)
{
	struct store_options options = {.url = url, .is_inline = true};
	struct store_problem problem;

	if (store_open(&options, &store, &problem) != 0)
		fail_msg("%s", problem.text);
}

static void open_cdr(uint32_t retention_days)
{
	struct cdr_options options = {.directory = folder,
				      .filename_pattern = "cdr-%Y-%m-%d.jsonl",
				      .retention_days = retention_days,
				      .store = store,
				      .loop = loop};
	struct cdr_problem problem;

	if (cdr_open(&options, noon_ms, &cdr, &problem) != 0)
		fail_msg("%s", problem.text);
}

static int setup(void **state)
{
	const char *postgres = getenv("VOXLANE_TEST_POSTGRES");

	log_level_set(LOG_LEVEL_CRITICAL);
	snprintf(folder, sizeof(folder), "/tmp/voxlane-cdr-XXXXXX");
	if (!mkdtemp(folder) || loop_new_sim(1, noon_ms, &loop) != 0)
		return -1;
	if (postgres)
		snprintf(url, sizeof(url), "%s", postgres);
	else
		snprintf(url, sizeof(url), "sqlite:%s/db", folder);
	open_store();
	sql("DELETE FROM cdr");
	open_cdr(0);
	return 0;
}

static size_t count_files(const char *prefix)
{
	DIR *stream = opendir(folder);
	struct dirent *entry;
	size_t count = 0;

	while (stream && (entry = readdir(stream)))
		count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	if (stream)
		closedir(stream);
	return count;
}

static int teardown(void **state)
{
	DIR *stream;
	struct dirent *entry;

	cdr_close(cdr);
	loop_free(loop);
	store_close(store);
	stream = opendir(folder);
	while (stream && (entry = readdir(stream))) {
		char path[400];

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		unlink(path);
	}
	if (stream)
		closedir(stream);
	return rmdir(folder);
}

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

	snprintf(record.call_id, sizeof(record.call_id), "%s", call_id);
	for (size_t i = 0; i < 2; i++) {
		struct cdr_segment *segment = &record.segments[record.segment_count++];

		segment->side = (enum cdr_side)(i + CDR_SIDE_CALLER);
		segment->kind = cdr_side_name(segment->side);
		segment->leg = record.legs[i] = (struct cdr_leg){
			.is_present = true, .codec = "PCMA/8000", .packets_in = 500, .lost = i, .jitter_us = 2500};
	}
	return record;
}

static void write_many(unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++) {
		struct cdr_record record;
		char id[16];

		snprintf(id, sizeof(id), "c%05u", i);
		record = record_of(id, noon_ms + i);
		cdr_write(cdr, &record);
	}
}

static void settle(void)
{
	for (int i = 0; i < 40; i++) {
		cdr_tick(cdr, noon_ms);
		loop_turn(loop, 0);
		loop_turn(loop, 0);
	}
}

/* ---- what is there ---- */

struct answer {
	char text[65536];
	struct text out;
};

static int add_row(void *arg, const struct store_value *columns, size_t count)
{
	struct answer *answer = arg;

	for (size_t i = 0; i < count; i++) {
		text_add_string(&answer->out, i ? "|" : answer->out.size ? " " : "");
		if (columns[i].type == STORE_TEXT)
			text_add(&answer->out, columns[i].text);
		else if (columns[i].type == STORE_INTEGER)
			text_printf(&answer->out, "%lld", (long long)columns[i].integer);
		else if (columns[i].type == STORE_REAL)
			text_printf(&answer->out, "%.2f", columns[i].real);
		else
			text_add_char(&answer->out, '-');
	}
	return 0;
}

static const char *asked;

static int run_ask(struct store_session *session, void *arg)
{
	return store_query(session, asked, NULL, 0, add_row, arg);
}

static const char *ask(const char *statement)
{
	static struct answer answer;

	text_init(&answer.out, answer.text, sizeof(answer.text));
	asked = statement;
	assert_int_equal(store_wait(store, run_ask, &answer), 0);
	return answer.text;
}

static struct cdr_status status(void)
{
	struct cdr_status now;

	cdr_status(cdr, &now);
	return now;
}

static void test_database_has_calls_and_segments(void **state)
{
	struct cdr_record record = record_of("c1", noon_ms);

	snprintf(record.transferred_to, sizeof(record.transferred_to), "3000");
	cdr_write(cdr, &record);
	settle();
	assert_string_equal(
		ask("SELECT call_id, caller_number, callee, transferred_number, start_ms, answer_ms, end_ms,"
		    " duration_s, talk_s, disposition, hangup_side, cause_sip, cause_q850, cause_text, packets,"
		    " lost, jitter_ms, mos FROM cdr"),
		"c1|1000|2000@example.org|3000|1795262389800|1795262390100|1795262400000|11|10|ANSWERED|caller|"
		"200|16|normal|1000|1|2.50|-");
	assert_string_equal(
		ask("SELECT call_id, position, side, kind, codec, packets_in, lost, jitter_ms FROM cdr_segment"
		    " ORDER BY position"),
		"c1|0|caller|caller|PCMA/8000|500|0|2.50 c1|1|callee|callee|PCMA/8000|500|1|2.50");
	assert_int_equal(status().stored, 1);
	assert_int_equal(status().spooled, 0);
}

static void test_database_away_loses_and_doubles_nothing(void **state)
{
	write_many(0, 100);
	settle();
	sql("ALTER TABLE cdr RENAME TO away");
	write_many(100, 3000); /* several segments */
	settle();
	assert_int_equal(status().stored, 100);
	assert_true(status().spooled > 3000 * 500);
	assert_true(count_files(".spool-") > 1);
	sql("ALTER TABLE away RENAME TO cdr");
	write_many(3100, 10);
	settle();
	assert_string_equal(ask("SELECT COUNT(*), MIN(call_id), MAX(call_id) FROM cdr"), "3110|c00000|c03109");
	assert_string_equal(ask("SELECT COUNT(*) FROM cdr_segment"), "6220");
	assert_int_equal(status().stored, 3110);
	assert_int_equal(status().rejected, 0);
	assert_int_equal(count_files(".spool-"), 1);
}

static void test_database_restart_replays_the_spool(void **state)
{
	char from[128], to[160];

	sql("ALTER TABLE cdr RENAME TO away");
	write_many(0, 50);
	settle();
	cdr_close(cdr);
	sql("ALTER TABLE away RENAME TO cdr");
	/* A crash after the insert and before the deletion: the same segment is there once more. */
	snprintf(from, sizeof(from), "%s/.spool-000000000001", folder);
	snprintf(to, sizeof(to), "%s.kept", from);
	assert_int_equal(link(from, to), 0);
	open_cdr(0);
	settle();
	assert_string_equal(ask("SELECT COUNT(*) FROM cdr"), "50");
	cdr_close(cdr);
	assert_int_equal(count_files(".spool-0"), 1); /* what was kept */
	assert_int_equal(rename(to, from), 0);
	open_cdr(0);
	settle();
	assert_string_equal(ask("SELECT COUNT(*) FROM cdr"), "50");
	assert_string_equal(ask("SELECT COUNT(*) FROM cdr_segment"), "100");
}

static void test_database_torn_line_is_skipped(void **state)
{
	char path[128];
	struct stat about;

	sql("ALTER TABLE cdr RENAME TO away");
	write_many(0, 2);
	settle();
	cdr_close(cdr);
	sql("ALTER TABLE away RENAME TO cdr");
	snprintf(path, sizeof(path), "%s/.spool-000000000001", folder);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(truncate(path, about.st_size - 10), 0);
	open_cdr(0);
	write_many(2, 1);
	settle();
	assert_string_equal(ask("SELECT call_id FROM cdr ORDER BY call_id"), "c00000 c00002");
	assert_int_equal(status().spooled, 0);
}

static void test_database_record_that_is_refused_holds_up_nobody(void **state)
{
	if (strncmp(url, "sqlite:", 7) != 0)
		skip();
	sql("CREATE TRIGGER refuse BEFORE INSERT ON cdr WHEN NEW.call_id IN ('c00007', 'c00009') BEGIN SELECT "
	    "RAISE(ABORT, 'no'); END");
	write_many(0, 20);
	settle();
	assert_string_equal(ask("SELECT COUNT(*), MAX(call_id) FROM cdr"), "18|c00019");
	assert_int_equal(status().rejected, 2);
	assert_int_equal(count_files(CDR_REJECTED_NAME), 1);
	write_many(20, 5);
	settle();
	assert_string_equal(ask("SELECT COUNT(*) FROM cdr"), "23");
}

static void test_database_old_rows_are_deleted_with_their_segments(void **state)
{
	struct cdr_record old = record_of("old", noon_ms - 8 * 86400000ull),
			  young = record_of("young", noon_ms - 6 * 86400000ull);

	cdr_write(cdr, &old);
	cdr_write(cdr, &young);
	settle();
	cdr_close(cdr);
	open_cdr(7);
	settle();
	assert_string_equal(ask("SELECT call_id FROM cdr"), "young");
	assert_string_equal(ask("SELECT COUNT(*) FROM cdr_segment"), "2");
}

/* ---- search ---- */

struct finding {
	struct cdr_filter filter;
	bool is_csv;
	char *text, cursor[CDR_ID_SIZE + 24];
};

static int run_search(struct store_session *session, void *arg)
{
	struct finding *finding = arg;

	return cdr_search(session, &finding->filter, finding->is_csv, &finding->text, finding->cursor);
}

/* "id id id" of a page. */
static const char *found(struct finding *finding)
{
	static char ids[8192];
	char list[200000];
	struct text text;
	const json_t *row;
	json_t *rows;
	size_t i;

	if (finding->filter.limit == 0)
		finding->filter.limit = 100;
	assert_int_equal(store_wait(store, run_search, finding), 0);
	snprintf(list, sizeof(list), "[%s]", finding->text);
	free(finding->text);
	rows = json_loads(list, 0, NULL);
	assert_non_null(rows);
	text_init(&text, ids, sizeof(ids));
	json_array_foreach(rows, i, row)
	{
		text_printf(&text, "%s%s", i ? " " : "", json_string_value(json_object_get(row, "call_id")));
	}
	json_decref(rows);
	return ids;
}

static void write_mixed(void)
{
	static const struct {
		const char *id, *caller, *callee, *transferred_to, *cause;
		enum cdr_disposition disposition;
		uint16_t sip;
	} rows[] = {
		{"a", "1000@h", "2000@h", "", "normal", CDR_ANSWERED, 200},
		{"b", "2000@h", "+4930123@carrier", "", "user_busy", CDR_BUSY, 486},
		{"c", "3000@h", "2000@h", "1000", "normal", CDR_ANSWERED, 200},
		{"d", "10%@h", "2000@h", "", "declined", CDR_REJECTED, 603},
		{"e", "1000000@h", "4000@h", "", "no_response", CDR_NO_ANSWER, 480},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cdr_record record = record_of(rows[i].id, noon_ms + i * 60000);

		snprintf(record.caller, sizeof(record.caller), "%s", rows[i].caller);
		snprintf(record.callee, sizeof(record.callee), "%s", rows[i].callee);
		snprintf(record.transferred_to, sizeof(record.transferred_to), "%s", rows[i].transferred_to);
		snprintf(record.cause_text, sizeof(record.cause_text), "%s", rows[i].cause);
		record.disposition = rows[i].disposition;
		record.cause_sip = rows[i].sip;
		cdr_write(cdr, &record);
	}
	settle();
}

static void test_database_search_by_rows(void **state)
{
	static const struct {
		const char *name;
		struct cdr_filter filter;
		const char *ids;
	} rows[] = {
		{"all, newest first", {.number = ""}, "e d c b a"},
		{"caller, callee or transferred to", {.number = "1000"}, "c a"},
		{"with its plus", {.number = "+4930123"}, "b"},
		{"that begin so", {.number = "10*"}, "e d c a"},
		{"a percent sign is one", {.number = "10%*"}, "d"},
		{"nobody", {.number = "9999"}, ""},
		{"an injection", {.number = "1000' OR '1'='1"}, ""},
		{"from", {.from_ms = 1795262400000 + 120000}, "e d c"},
		{"to, without its end", {.to_ms = 1795262400000 + 120000}, "b a"},
		{"of a minute", {.from_ms = 1795262400000 + 60000, .to_ms = 1795262400000 + 60001}, "b"},
		{"disposition", {.disposition = "ANSWERED"}, "c a"},
		{"cause by name", {.cause = "user_busy"}, "b"},
		{"cause by status", {.cause = "603"}, "d"},
		{"together", {.number = "2000", .disposition = "ANSWERED", .from_ms = 1795262400000 + 1}, "c"},
	};

	write_mixed();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct finding finding = {.filter = rows[i].filter};
		const char *ids = found(&finding);

		if (strcmp(ids, rows[i].ids) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", rows[i].name, ids, rows[i].ids);
	}
}

static void test_database_pages_have_every_record_once(void **state)
{
	struct finding finding = {.filter = {.limit = 7}};
	char expected[16];
	unsigned next = 50;

	for (unsigned i = 0; i < 50; i++) { /* several in the same millisecond */
		struct cdr_record record;

		snprintf(expected, sizeof(expected), "c%05u", i);
		record = record_of(expected, noon_ms + i / 4);
		cdr_write(cdr, &record);
	}
	settle();
	do {
		struct view rest = view_of(found(&finding));

		while (rest.size > 0) {
			snprintf(expected, sizeof(expected), "c%05u", --next);
			assert_view_equal(view_cut(&rest, ' '), expected);
		}
		assert_true(finding.cursor[0] == '\0' || cdr_cursor_is_valid(finding.cursor));
		memcpy(finding.filter.cursor, finding.cursor, sizeof(finding.cursor));
	} while (finding.cursor[0]);
	assert_int_equal(next, 0);
	assert_false(cdr_cursor_is_valid("17"));
	assert_false(cdr_cursor_is_valid("x.y"));
}

static void test_database_csv_is_safe_in_a_spreadsheet(void **state)
{
	struct cdr_record record = record_of("c1", noon_ms);
	struct finding finding = {.filter = {.limit = 10}, .is_csv = true};

	snprintf(record.caller, sizeof(record.caller), "=HYPERLINK(\"http://evil\",\"x\")");
	snprintf(record.callee, sizeof(record.callee), "+4930,1");
	snprintf(record.transferred_to, sizeof(record.transferred_to), "a\"b\nc");
	cdr_write(cdr, &record);
	settle();
	assert_int_equal(store_wait(store, run_search, &finding), 0);
	assert_string_equal(
		finding.text,
		"call_id,start_time,answer_time,end_time,caller,callee,transferred_to,duration,talk_duration,"
		"disposition,hangup_side,cause_sip,cause_q850,cause,packets,lost,jitter_ms,mos\r\n"
		"\"c1\",2026-11-21T11:59:49.800Z,2026-11-21T11:59:50.100Z,2026-11-21T12:00:00.000Z,"
		"\"'=HYPERLINK(\"\"http://evil\"\",\"\"x\"\")\",\"'+4930,1\",\"a\"\"b\nc\",11,10,\"ANSWERED\","
		"\"caller\",200,16,\"normal\",1000,1,2.500,\r\n");
	free(finding.text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_database_has_calls_and_segments),
		TEST(test_database_away_loses_and_doubles_nothing),
		TEST(test_database_restart_replays_the_spool),
		TEST(test_database_torn_line_is_skipped),
		TEST(test_database_record_that_is_refused_holds_up_nobody),
		TEST(test_database_old_rows_are_deleted_with_their_segments),
		TEST(test_database_search_by_rows),
		TEST(test_database_pages_have_every_record_once),
		TEST(test_database_csv_is_safe_in_a_spreadsheet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
