/* controlplane/registrar: what the state file brings back after every kind of end. */
#include "tests/unit/controlplane/registrar/phones.h"

#include <sys/stat.h>
#include <unistd.h>

#define A "sip:1000@192.0.2.1:5060"
#define B "sip:1000@192.0.2.1:5062"

static char folder[] = "/tmp/voxlane-registrations-XXXXXX";
static char path[64], temporary[64];

static int setup_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(temporary, sizeof(temporary), "%s/file.new", folder);
	return 0;
}

static int teardown_folder(void **state)
{
	unlink(path);
	return rmdir(folder);
}

static int setup(void **state)
{
	unlink(path);
	return 0;
}

static size_t read_all(char *buffer, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t got;

	assert_non_null(file);
	got = fread(buffer, 1, size, file);
	assert_true(got < size);
	fclose(file);
	return got;
}

static void write_all(const char *bytes, size_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

/* A line as the file has them. */
static void write_lines(const char *const *contents, size_t count)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fprintf(file, "voxlane-registrations 1\n");
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = UINT64_C(0xcbf29ce484222325);

		for (const char *c = contents[i]; *c; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
		fprintf(file, "%016llx\t%s\n", (unsigned long long)hash, contents[i]);
	}
	fclose(file);
}

static void test_state_brings_bindings_back(void **state)
{
	struct phones *phones = phones_new(WALL_MS, path);
	struct registrar_contact contact;
	char text[NET_ENDPOINT_TEXT];
	struct stat status;

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
	phones_free(phones); /* says no more than kill -9 would */
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 077, 0);

	phones = phones_new(WALL_MS + 100000, path);
	assert_string_equal(phones_find(phones, "1000"), A);
	assert_int_equal(registrar_find(phones->registrar, VIEW("1000"), &contact, 1), 1);
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
	phones_free(phones);
}

static void test_state_survives_two_restarts(void **state)
{
	struct phones *phones = phones_new(WALL_MS, path);

	assert_int_equal(phones_contact(phones, "Contact: <" A ">;expires=600\r\n"), 200);
	phones_free(phones);
	phones = phones_new(WALL_MS + 1000, path);
	assert_int_equal(phones_register(phones, &(struct registering){.headers = "Contact: *\r\nExpires: 0\r\n",
								       .call_id = "second"}),
			 200);
	assert_int_equal(phones_contact(phones, "Contact: <" B ">;expires=600\r\n"), 200);
	phones_free(phones);
	phones = phones_new(WALL_MS + 2000, path);
	assert_string_equal(phones_find(phones, "1000"), B);
	phones_free(phones);
}

/* The file cut at every byte, as a crash in the middle of a write leaves it. */
static void test_state_torn_anywhere_keeps_whole_lines(void **state)
{
	struct phones *phones = phones_new(WALL_MS, path);
	char bytes[4096];
	size_t size, first_ends, second_ends;

	assert_int_equal(phones_contact(phones, "Contact: <" A ">\r\n"), 200);
	first_ends = read_all(bytes, sizeof(bytes));
	assert_int_equal(phones_contact(phones, "Contact: <" B ">\r\n"), 200);
	second_ends = size = read_all(bytes, sizeof(bytes));
	phones_free(phones);
	for (size_t cut = 0; cut <= size; cut++) {
		const char *expected = cut + 1 < first_ends ? "" : cut + 1 < second_ends ? A : B " " A;

		write_all(bytes, cut);
		phones = phones_new(WALL_MS, path);
		assert_string_equal(phones_find(phones, "1000"), expected);
		/* What comes after is kept whatever stood there. */
		assert_int_equal(phones_contact(phones, "Contact: <sip:c@h>\r\n"), 200);
		phones_free(phones);
		phones = phones_new(WALL_MS, path);
		assert_true(view_has_prefix(view_of(phones_find(phones, "1000")), "sip:c@h"));
		phones_free(phones);
	}
}

/* Any byte changed: that line is skipped, or the whole file when it is the first; never something else. */
static void test_state_changed_anywhere_loses_that_line_at_most(void **state)
{
	struct phones *phones = phones_new(WALL_MS, path);
	char bytes[4096], changed[4096];
	size_t size;

	assert_int_equal(phones_contact(phones, "Contact: <" A ">\r\n"), 200);
	size = read_all(bytes, sizeof(bytes));
	phones_free(phones);
	for (size_t at = 0; at < size; at++) {
		memcpy(changed, bytes, size);
		changed[at] = (char)(changed[at] ^ 1);
		write_all(changed, size);
		phones = phones_new(WALL_MS, path);
		assert_string_equal(phones_find(phones, "1000"), "");
		assert_int_equal(registrar_stats(phones->registrar)->state_errors, 1);
		phones_free(phones);
	}
}

static void test_state_lines_by_rows(void **state)
{
#define PUT(number, uri, expires)                                                                                      \
	"+\t" number "\t" uri "\tcall\t7\t1000\t" expires "\tudp\t192.0.2.100:5060\t[2001:db8::1]:5060\tAgent\t"
	static const struct {
		const char *name, *lines[4];
		const char *found;
		unsigned errors;
	} rows[] = {
		{"good", {PUT("1000", A, "1700000600000")}, A, 0},
		{"expired while we were away", {PUT("1000", A, "1700000000000")}, "", 0},
		{"an extension that is gone", {PUT("4711", A, "1700000600000")}, "", 0},
		{"more than the extension may have",
		 {PUT("1000", "sip:a@h", "1700000600000"), PUT("1000", "sip:b@h", "1700000600000"),
		  PUT("1000", "sip:c@h", "1700000600000"), PUT("1000", "sip:d@h", "1700000600000")},
		 "sip:c@h sip:b@h sip:a@h",
		 0},
		{"taken back", {PUT("1000", A, "1700000600000"), "-\t1000\t" A}, "", 0},
		{"taken back and made again",
		 {PUT("1000", A, "1700000600000"), "-\t1000\t" A, PUT("1000", A, "1700000700000")},
		 A,
		 0},
		{"refreshed with a time that has passed",
		 {PUT("1000", A, "1700000600000"), PUT("1000", A, "1")},
		 "",
		 0},
		{"no number in expires", {PUT("1000", A, "soon")}, "", 1},
		{"no URI", {PUT("1000", "1000", "1700000600000")}, "", 1},
		{"an unknown transport",
		 {"+\t1000\t" A "\tcall\t7\t1000\t1700000600000\tpigeon\t192.0.2.100:5060\t"
		  "192.0.2.1:5060\tAgent\t"},
		 "",
		 1},
		{"too few fields", {"+\t1000\t" A "\tcall"}, "", 1},
		{"too many fields", {PUT("1000", A, "1700000600000") "\tmore"}, "", 1},
		{"another kind of line", {"*\t1000\t" A}, "", 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct phones *phones;
		size_t count = 0;

		while (count < ARRAY_LEN(rows[i].lines) && rows[i].lines[count])
			count++;
		write_lines(rows[i].lines, count);
		phones = phones_new(WALL_MS, path);
		if (strcmp(phones_find(phones, "1000"), rows[i].found) != 0 ||
		    registrar_stats(phones->registrar)->state_errors != rows[i].errors)
			fail_msg("%s: %s", rows[i].name, phones_find(phones, "1000"));
		phones_free(phones);
	}
}

static void test_state_clock_set_back_grants_no_more_than_the_longest(void **state)
{
	struct phones *phones = phones_new(WALL_MS, path);

	assert_int_equal(phones_contact(phones, "Contact: <" A ">\r\n"), 200);
	phones_free(phones);
	phones = phones_new(WALL_MS - 86400000, path);
	assert_string_equal(phones_find(phones, "1000"), A);
	loop_sim_advance(phones->loop, 3600000);
	assert_string_equal(phones_find(phones, "1000"), "");
	phones_free(phones);
}

static void test_state_does_not_grow_with_refreshes(void **state)
{
	struct phones *phones = phones_new(WALL_MS, path);
	struct stat status;
	off_t largest = 0;

	for (int i = 0; i < 2500; i++) {
		assert_int_equal(phones_contact(phones, "Contact: <" A ">\r\n"), 200);
		assert_int_equal(stat(path, &status), 0);
		largest = MAX(largest, status.st_size);
		loop_sim_advance(phones->loop, 40000); /* transactions end */
	}
	assert_true(largest < 1100 * 256);
	assert_true(largest > 500 * 100);
	assert_int_equal(access(temporary, F_OK), -1);
	phones_free(phones);
}

static void test_state_file_that_cannot_be_is_a_clear_error(void **state)
{
	static const struct registrar_options rows[] = {
		{60, 3600, "/nonexistent/folder/file"},
		{60, 3600, "/tmp"},
	};
	struct loop *loop;

	assert_int_equal(loop_new_sim(1, WALL_MS, &loop), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct transport_problem problem;
		struct registrar *registrar = NULL;

		assert_int_equal(registrar_new(loop, NULL, &rows[i], NULL, 0, &registrar, &problem), ERR_IO);
		assert_non_null(strstr(problem.text, rows[i].state_path));
		assert_non_null(strstr(problem.text, "sip.registrations_file"));
		assert_null(registrar);
	}
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_state_brings_bindings_back, setup),
		cmocka_unit_test_setup(test_state_survives_two_restarts, setup),
		cmocka_unit_test_setup(test_state_torn_anywhere_keeps_whole_lines, setup),
		cmocka_unit_test_setup(test_state_changed_anywhere_loses_that_line_at_most, setup),
		cmocka_unit_test_setup(test_state_lines_by_rows, setup),
		cmocka_unit_test_setup(test_state_clock_set_back_grants_no_more_than_the_longest, setup),
		cmocka_unit_test_setup(test_state_does_not_grow_with_refreshes, setup),
		cmocka_unit_test_setup(test_state_file_that_cannot_be_is_a_clear_error, setup),
	};

	return cmocka_run_group_tests(tests, setup_folder, teardown_folder);
}
