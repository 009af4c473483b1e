/* controlplane/registrar: what the database brings back after every kind of end, and how seldom it is written. */
#include "tests/unit/controlplane/registrar/phones.h"

#include <unistd.h>

#include "controlplane/store/store.h"
#include "lib/log/log.h"

#define A "sip:1000@192.0.2.1:5060"
#define B "sip:1000@192.0.2.1:5062"

static char folder[] = "/tmp/voxlane-registrations-XXXXXX";
static struct store *store;
static struct phones *phones;

static void open_store(void)
{
	struct store_options options = {.is_inline = true};
	struct store_problem problem;
	char url[64];

	snprintf(url, sizeof(url), "sqlite:%s/db", folder);
	options.url = url;
	if (store_open(&options, &store, &problem) != 0)
		fail_msg("%s", problem.text);
}

static int setup(void **state)
{
	strcpy(strrchr(folder, '-') + 1, "XXXXXX");
	log_level_set(LOG_LEVEL_CRITICAL);
	if (!mkdtemp(folder))
		return -1;
	open_store();
	phones = phones_new(WALL_MS, store);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"db", "db-wal", "db-shm"};

	if (phones)
		phones_free(phones);
	store_close(store);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

/* What was not written in its time is written at the end; so every test that means it looks at jobs(). */
static void restart(uint64_t wall_ms)
{
	struct store *gone = store;

	phones_free(phones);
	store_close(gone);
	open_store();
	phones = phones_new(wall_ms, store);
}

static int change_row(struct store_session *session, void *arg)
{
	return store_query(session, arg, NULL, 0, NULL, NULL);
}

static void sql(const char *statement)
{
	assert_int_equal(store_wait(store, change_row, (void *)(uintptr_t)statement), 0);
}

static uint64_t jobs(void)
{
	struct store_status status;

	store_status(store, &status);
	return status.jobs;
}

static void test_state_brings_bindings_back(void **state)
{
	struct registrar_contact contact;
	char text[NET_ENDPOINT_TEXT];

	assert_int_equal(phones_register(phones, &(struct registering){.headers = "Contact: <" A ">;expires=600;q=0.3;"
										  "+sip.instance=\"<urn:uuid:1>\"\r\n"
										  "User-Agent: A\tPhone\r\n",
								       .from = "198.51.100.7:30000",
								       .call_id = "x@y",
								       .cseq = 41}),
			 200);
	assert_int_equal(phones_contact(phones, "Contact: <" B ">;expires=60\r\n"), 200);
	assert_int_equal(phones_contact(phones, "Contact: <sip:c@h>\r\n"), 200);
	assert_int_equal(phones_contact(phones, "Contact: <sip:c@h>;expires=0\r\n"), 200);
	restart(WALL_MS + 100000);
	assert_string_equal(phones_find(phones, "1000"), A);
	assert_int_equal(registrar_find(phones->registrar, VIEW("1000"), &contact, 1, NULL), 1);
	assert_int_equal(contact.expires_s, 500);
	assert_int_equal(contact.q, 300);
	assert_string_equal(net_endpoint_print(&contact.flow.remote, text), "198.51.100.7:30000");
	assert_string_equal(net_endpoint_print(&contact.flow.local, text), "192.0.2.100:5060");
	assert_view_equal(contact.user_agent, "A Phone");
	assert_view_equal(contact.instance, "<urn:uuid:1>");
	assert_view_equal(contact.call_id, "x@y");
	assert_int_equal(registrar_stats(phones->registrar)->state_errors, 0);
	/* Its Call-ID goes on counting, and it is refreshed as if nothing had been. */
	assert_int_equal(
		phones_register(phones,
				&(struct registering){.headers = "Contact: <" A ">\r\n", .call_id = "x@y", .cseq = 30}),
		500);
	assert_int_equal(
		phones_register(phones,
				&(struct registering){.headers = "Contact: <" A ">\r\n", .call_id = "x@y", .cseq = 50}),
		200);
	assert_int_equal(phones->events[REGISTRAR_REFRESHED], 1);
	loop_sim_advance(phones->loop, 3600000);
	assert_string_equal(phones_find(phones, "1000"), "");
}

static void test_state_survives_two_restarts(void **state)
{
	assert_int_equal(phones_contact(phones, "Contact: <" A ">;expires=600\r\n"), 200);
	restart(WALL_MS + 1000);
	assert_int_equal(phones_register(phones, &(struct registering){.headers = "Contact: *\r\nExpires: 0\r\n",
								       .call_id = "second"}),
			 200);
	assert_int_equal(phones_contact(phones, "Contact: <" B ">;expires=600\r\n"), 200);
	restart(WALL_MS + 2000);
	assert_string_equal(phones_find(phones, "1000"), B);
}

static void test_state_refreshes_are_seldom_written(void **state)
{
	uint64_t before;

	assert_int_equal(phones_contact(phones, "Contact: <" A ">;expires=3600\r\n"), 200);
	loop_sim_advance(phones->loop, 100000); /* the first sweep too */
	before = jobs();
	for (int i = 0; i < 9; i++) { /* 900 s */
		assert_int_equal(phones_contact(phones, "Contact: <" A ">;expires=3600\r\n"), 200);
		loop_sim_advance(phones->loop, 100000);
	}
	assert_int_equal(jobs(), before);
	assert_int_equal(phones_contact(phones, "Contact: <" A ">;expires=3600\r\n"), 200);
	loop_sim_advance(phones->loop, REGISTRAR_REFRESH_WRITE_MS + 1);
	assert_int_equal(jobs(), before + 1);
	/* What came last holds, up to a quarter. */
	restart(WALL_MS + 4000000);
	assert_string_equal(phones_find(phones, "1000"), A);
}

static void test_state_refresh_from_elsewhere_is_written_at_once(void **state)
{
	struct registrar_contact contact;
	char text[NET_ENDPOINT_TEXT];

	assert_int_equal(phones_contact(phones, "Contact: <" A ">\r\n"), 200);
	assert_int_equal(phones_register(phones, &(struct registering){.headers = "Contact: <" A ">\r\n",
								       .from = "192.0.2.9:7777"}),
			 200);
	restart(WALL_MS);
	assert_int_equal(registrar_find(phones->registrar, VIEW("1000"), &contact, 1, NULL), 1);
	assert_string_equal(net_endpoint_print(&contact.flow.remote, text), "192.0.2.9:7777");
}

static void test_state_rows_by_rows(void **state)
{
#define PUT(number, uri, expires, transport, local)                                                                    \
	"INSERT INTO registration (number, uri, call_id, cseq, q, expires_ms, transport, local_address, "              \
	"remote_address) VALUES ('" number "', '" uri "', 'call', 7, 1000, " expires ", '" transport "', '" local      \
	"', '[2001:db8::1]:5060')"
#define LOCAL "192.0.2.100:5060"
	static const struct {
		const char *name, *lines[4];
		const char *found;
		unsigned errors;
	} rows[] = {
		{"good", {PUT("1000", A, "1700000600000", "udp", LOCAL)}, A, 0},
		{"expired while we were away", {PUT("1000", A, "1700000000000", "udp", LOCAL)}, "", 0},
		{"an extension that is gone", {PUT("4711", A, "1700000600000", "udp", LOCAL)}, "", 0},
		{"on a connection", {PUT("1000", A, "1700000600000", "tcp", LOCAL)}, "", 0},
		{"more than the extension may have",
		 {PUT("1000", "sip:a@h", "1700000600000", "udp", LOCAL),
		  PUT("1000", "sip:b@h", "1700000600000", "udp", LOCAL),
		  PUT("1000", "sip:c@h", "1700000600000", "udp", LOCAL),
		  PUT("1000", "sip:d@h", "1700000600000", "udp", LOCAL)},
		 "sip:c@h sip:b@h sip:a@h",
		 0},
		{"no number in expires", {PUT("1000", A, "'soon'", "udp", LOCAL)}, "", 0},
		{"no URI", {PUT("1000", "1000", "1700000600000", "udp", LOCAL)}, "", 1},
		{"an unknown transport", {PUT("1000", A, "1700000600000", "pigeon", LOCAL)}, "", 1},
		{"no address", {PUT("1000", A, "1700000600000", "udp", "here")}, "", 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		sql("DELETE FROM registration");
		for (size_t k = 0; k < ARRAY_LEN(rows[i].lines) && rows[i].lines[k]; k++)
			sql(rows[i].lines[k]);
		restart(WALL_MS);
		if (strcmp(phones_find(phones, "1000"), rows[i].found) != 0 ||
		    registrar_stats(phones->registrar)->state_errors != rows[i].errors)
			fail_msg("%s: %s", rows[i].name, phones_find(phones, "1000"));
	}
}

static void test_state_clock_set_back_grants_no_more_than_the_longest(void **state)
{
	assert_int_equal(phones_contact(phones, "Contact: <" A ">\r\n"), 200);
	restart(WALL_MS - 86400000);
	assert_string_equal(phones_find(phones, "1000"), A);
	loop_sim_advance(phones->loop, 3600000);
	assert_string_equal(phones_find(phones, "1000"), "");
}

static size_t row_count;

static int count_row(void *arg, const struct store_value *columns, size_t count)
{
	row_count = (size_t)store_to_integer(&columns[0]);
	return 0;
}

static int count_rows(struct store_session *session, void *arg)
{
	return store_query(session, "SELECT COUNT(*) FROM registration", NULL, 0, count_row, NULL);
}

static void test_state_expired_rows_are_swept(void **state)
{
	assert_int_equal(phones_contact(phones, "Contact: <" A ">;expires=60, <" B ">\r\n"), 200);
	loop_sim_advance(phones->loop, 7200000);
	assert_int_equal(store_wait(store, count_rows, NULL), 0);
	assert_int_equal(row_count, 0);
}

/* While the table cannot be written, phones register as ever; when it can be again, everything that holds is there. */
static void test_state_database_that_refuses_is_tried_again(void **state)
{
	uint64_t before;

	sql("ALTER TABLE registration RENAME TO away");
	assert_int_equal(phones_contact(phones, "Contact: <" A ">\r\n"), 200);
	assert_int_equal(phones_register(phones, &(struct registering){.number = "2000",
								       .password = "test2000",
								       .headers = "Contact: <sip:b@h>\r\n"}),
			 200);
	assert_string_equal(phones->problem, "registrations could not be written to the database; it is tried again");
	before = jobs();
	loop_sim_advance(phones->loop, 60000);
	assert_in_range(jobs() - before, 0, 120); /* no busy loop */
	sql("ALTER TABLE away RENAME TO registration");
	loop_sim_advance(phones->loop, REGISTRAR_REFRESH_WRITE_MS);
	restart(WALL_MS + 100000);
	assert_string_equal(phones_find(phones, "1000"), A);
	assert_string_equal(phones_find(phones, "2000"), "sip:b@h");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_state_brings_bindings_back),
		TEST(test_state_survives_two_restarts),
		TEST(test_state_refreshes_are_seldom_written),
		TEST(test_state_refresh_from_elsewhere_is_written_at_once),
		TEST(test_state_rows_by_rows),
		TEST(test_state_clock_set_back_grants_no_more_than_the_longest),
		TEST(test_state_expired_rows_are_swept),
		TEST(test_state_database_that_refuses_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
