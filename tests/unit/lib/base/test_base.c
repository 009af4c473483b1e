/* lib/base: numbers out of text, the bounded writer, error sentences. */
#include "tests/unit/unit.h"

#include <limits.h>

static void test_view_to_u64_rejects_overflow_and_rubbish(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int error;
		uint64_t value;
	} rows[] = {
		{"0", 10, 0, 0},
		{"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, ERR_RANGE, 0},
		{"65536", 65535, ERR_RANGE, 0},
		{"", 10, ERR_SYNTAX, 0},
		{"-1", 10, ERR_SYNTAX, 0},
		{"1 ", 10, ERR_SYNTAX, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t value = 0;

		assert_int_equal(view_to_u64(view_of(rows[i].text), rows[i].max, &value), rows[i].error);
		assert_int_equal(value, rows[i].value);
	}
}

static void test_text_stops_at_its_end_and_says_so(void **state)
{
	char buffer[8];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_add_string(&text, "1234");
	text_add_u64(&text, 567);
	assert_false(text.overflow);
	text_add_char(&text, '8');
	assert_true(text.overflow);
	text_printf(&text, "x");
	assert_string_equal(buffer, "1234567");
}

/* What text_vprintf prints by itself is what vsnprintf prints. */
static void test_text_prints_as_printf_does(void **state)
{
	char expected[128], buffer[128];
	struct text text;

#define SAME(...)                                                                                                      \
	do {                                                                                                           \
		snprintf(expected, sizeof(expected), __VA_ARGS__);                                                     \
		text_init(&text, buffer, sizeof(buffer));                                                              \
		text_printf(&text, __VA_ARGS__);                                                                       \
		assert_string_equal(buffer, expected);                                                                 \
		assert_int_equal(text.size, strlen(expected));                                                         \
	} while (0)
	SAME("no directive");
	SAME("%s", "");
	SAME("<%s>;tag=%s", "sip:a@b", "x");
	SAME("%.*s|%.*s|%.*s|%.*s", 0, "cut", 2, "cut", 9, "cut", -1, "all");
	SAME("%u %u %zu %lu %llu", 0u, UINT_MAX, SIZE_MAX, ULONG_MAX, ULLONG_MAX);
	SAME("100%% of %c%s", 'i', "t");
	SAME("%08x %5u %-4s| %d %i %hu", 0xbeefu, 7u, "ab", -3, 4, (unsigned short)5);
	SAME("%.3f %s", 1.5, "mixed");
#undef SAME
	text_init(&text, buffer, 8);
	text_printf(&text, "%s", "1234");
	text_printf(&text, "ab%s", "cdef");
	assert_true(text.overflow);
	assert_string_equal(buffer, "1234");
}

static void test_view_cut_walks_a_list(void **state)
{
	struct view rest = VIEW("a,b,,c");

	assert_view_equal(view_cut(&rest, ','), "a");
	assert_view_equal(view_cut(&rest, ','), "b");
	assert_view_equal(view_cut(&rest, ','), "");
	assert_view_equal(view_cut(&rest, ','), "c");
	assert_null(rest.at);
}

static void test_error_text_has_a_sentence_for_every_code(void **state)
{
	for (int e = -(int)ERROR_COUNT; e < 0; e++)
		assert_string_not_equal(error_text(e), "unknown error");
	assert_string_equal(error_text(-(int)ERROR_COUNT - 1), "unknown error");
	assert_string_equal(error_text(0), "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view_to_u64_rejects_overflow_and_rubbish),
		cmocka_unit_test(test_text_stops_at_its_end_and_says_so),
		cmocka_unit_test(test_text_prints_as_printf_does),
		cmocka_unit_test(test_view_cut_walks_a_list),
		cmocka_unit_test(test_error_text_has_a_sentence_for_every_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
