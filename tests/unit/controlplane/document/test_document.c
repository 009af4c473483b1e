/* controlplane/document: what strangers send becomes JSON that any reader takes. */
#include "tests/unit/unit.h"

#include "controlplane/document/document.h"

static void test_document_text_is_always_utf8(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{"plain", "plain"},
		{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"a\xffz", "a\xef\xbf\xbdz"},
		{"\xc3", "\xef\xbf\xbd"},                                                 /* cut */
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                                 /* overlong */
		{"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                 /* surrogate */
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* beyond U+10FFFF */
		{"\xe2\x82"
		 "a",
		 "\xef\xbf\xbd\xef\xbf\xbd"
		 "a"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *node = document_text(rows[i].bytes);

		assert_string_equal(json_string_value(node), rows[i].text);
		json_decref(node);
	}
	assert_true(json_is_null(document_text("")));
}

/* The quick way says what the nodes say, whatever the bytes. */
static void test_document_written_text_is_that_of_nodes(void **state)
{
	char string[8] = "", written[128], printed[128];

	for (unsigned i = 0; i < 65536; i++) {
		struct text text;

		snprintf(string, sizeof(string), "a%c%cz", (int)(i & 255), (int)(i >> 8));
		text_init(&text, written, sizeof(written));
		document_write_text(&text, string);
		text_init(&text, printed, sizeof(printed));
		assert_int_equal(document_print(json_pack("[o]", document_text(string)), &text), 0);
		printed[text.size - 1] = '\0';
		assert_string_equal(written, printed + 1);
	}
}

static void test_document_long_text_is_taken(void **state)
{
	char *text = malloc(100001);
	json_t *node;

	memset(text, 0xff, 100000);
	text[100000] = '\0';
	node = document_text(text);
	assert_int_equal(json_string_length(node), 300000);
	json_decref(node);
	free(text);
}

static void test_document_time_is_rfc3339(void **state)
{
	static const struct {
		uint64_t wall_ms;
		const char *text;
	} rows[] = {
		{1, "1970-01-01T00:00:00.001Z"},
		{1795269785042, "2026-11-21T14:03:05.042Z"},
		{1709251199999, "2024-02-29T23:59:59.999Z"},
		{UINT64_MAX, "9999-12-31T23:59:59.999Z"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buffer[DOCUMENT_TIME_SIZE];

		assert_string_equal(document_time_print(rows[i].wall_ms, buffer), rows[i].text);
	}
	assert_true(json_is_null(document_time(0)));
}

static void test_document_print_leaves_the_text_when_it_does_not_fit(void **state)
{
	char buffer[16];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_add_string(&text, "x=");
	assert_int_equal(document_print(json_pack("{s:s}", "name", "too long for it"), &text), ERR_TOO_LONG);
	assert_string_equal(buffer, "x=");
	assert_int_equal(document_print(NULL, &text), ERR_NOMEM);
	assert_int_equal(document_print(json_pack("{s:i}", "a", 1), &text), 0);
	assert_string_equal(buffer, "x={\"a\":1}");
}

static void test_document_numbers_beyond_json_are_the_largest(void **state)
{
	json_t *node = document_u64(UINT64_MAX);

	assert_true(json_integer_value(node) == INT64_MAX);
	json_decref(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document_text_is_always_utf8),
		cmocka_unit_test(test_document_written_text_is_that_of_nodes),
		cmocka_unit_test(test_document_long_text_is_taken),
		cmocka_unit_test(test_document_time_is_rfc3339),
		cmocka_unit_test(test_document_print_leaves_the_text_when_it_does_not_fit),
		cmocka_unit_test(test_document_numbers_beyond_json_are_the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
