/* controlplane/routing: what patterns match, which of several wins, and what a dial plan decides. */
#include "tests/unit/unit.h"

#include "controlplane/routing/routing.h"

static void test_pattern_matches_what_telephony_people_expect(void **state)
{
	static const struct {
		const char *pattern, *number;
		bool is_match;
	} rows[] = {
		{"1000", "1000", true},
		{"1000", "10000", false},
		{"1000", "100", false},
		{"Front-Desk", "Front-Desk", true},
		{"Front-Desk", "front-desk", false},
		{"X1", "X1", true}, /* no "_": no wildcard */
		{"X1", "11", false},
		{"9.", "9.", true},
		{"9.", "91", false},
		{"_1XXX", "1000", true},
		{"_1XXX", "1999", true},
		{"_1xxx", "1999", true},
		{"_1XXX", "2000", false},
		{"_1XXX", "199", false},
		{"_1XXX", "10000", false},
		{"_1XXX", "1a00", false},
		{"_1000", "1000", true},
		{"_NXX", "200", true},
		{"_NXX", "100", false},
		{"_nzX", "210", true},
		{"_NZX", "200", false},
		{"_ZXX", "100", true},
		{"_ZXX", "000", false},
		{"_9.", "9", false},
		{"_9.", "91", true},
		{"_9.", "9abc", true},
		{"_9!", "9", true},
		{"_9!", "9123", true},
		{"_9!", "8", false},
		{"_.", "1", true},
		{"_.", "", false},
		{"_!", "", true},
		{"_[1-5]00", "300", true},
		{"_[1-5]00", "600", false},
		{"_[13-57]", "1", true},
		{"_[13-57]", "4", true},
		{"_[13-57]", "7", true},
		{"_[13-57]", "2", false},
		{"_[13-57]", "-", false},
		{"_[-5]", "-", true},
		{"_[5-]", "-", true},
		{"_[a-c]1", "b1", true},
		{"_[+0]0.", "+049", true},
		{"_+49X.", "+4930", true},
		{"_+49X.", "004930", false},
		{"_*XX#", "*21#", true},
		{"_[*#]X", "#1", true},
		{"_555-XX", "55512", true},
		{"_555-XX", "555-12", false},
		{"_[.]", ".", true},
		{"_[.]", "1", false},
		{"_sip[xn]", "sipx", true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct routing_pattern pattern;
		const char *why = "";

		if (routing_pattern_parse(view_of(rows[i].pattern), &pattern, &why))
			fail_msg("%s: %s", rows[i].pattern, why);
		if (routing_pattern_is_match(&pattern, view_of(rows[i].number)) != rows[i].is_match)
			fail_msg("%s against %s should%s match", rows[i].pattern, rows[i].number,
				 rows[i].is_match ? "" : " not");
	}
}

static void test_pattern_that_means_nothing_is_refused_with_a_reason(void **state)
{
	static const char seventy[] = "_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX";
	static const struct {
		const char *pattern, *why;
	} rows[] = {
		{"", "must not be empty"},      {"_", "must not be empty"}, {"_-", "must not be empty"},
		{"_[", "without its ]"},        {"_[1", "without its ]"},   {"_1]", "without its ["},
		{"_[]", "matches nothing"},     {"_[5-1]", "backwards"},    {"_9.1", "nothing may follow"},
		{"_9!.", "nothing may follow"}, {seventy, "at most 64"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct routing_pattern pattern;
		const char *why = "";

		assert_int_equal(routing_pattern_parse(view_of(rows[i].pattern), &pattern, &why), ERR_SYNTAX);
		assert_non_null(strstr(why, rows[i].why));
	}
}

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void test_pattern_order_is_by_specificity(void **state)
{
	/* Each row is more specific than all below it in the same group. */
	static const char *const order[] = {"1000",  "_1000", "_100[01]", "_100N", "_100Z",     "_100X",
					    "_100.", "_100!", "_10NX",    "_10XN", "_1[0-4]XX", "_1NXX",
					    "_1XXX", "_1X.",  "_1.",      "_1!",   "_[1-5]XXX", "_NXXX",
					    "_ZXXX", "_XXXX", "_XXX.",    "_X.",   "_.",        "_!"};
	struct routing_pattern patterns[ARRAY_LEN(order)];
	const char *why;

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		assert_int_equal(routing_pattern_parse(view_of(order[i]), &patterns[i], &why), 0);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		for (size_t k = 0; k < ARRAY_LEN(order); k++) {
			int expected = (i > k) - (i < k);

			if (sign(routing_pattern_compare(&patterns[i], &patterns[k])) != expected)
				fail_msg("%s and %s: wrong order", order[i], order[k]);
		}
	}
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void random_pattern(uint32_t *seed, char *buffer)
{
	static const char *const places[] = {"0", "1", "2", "5", "X", "Z", "N", "[1-5]", "[12]", "*"};
	size_t len = next_random(seed) % 4 + 1, size = 0;

	buffer[size++] = '_';
	for (size_t i = 0; i < len; i++)
		size += (size_t)snprintf(buffer + size, 8, "%s", places[next_random(seed) % ARRAY_LEN(places)]);
	snprintf(buffer + size, 2, "%s", (const char *[]){"", ".", "!"}[next_random(seed) % 3]);
}

/* The order is a total preorder, and whoever matches fewer of the numbers of equal length comes first. */
static void test_pattern_order_is_consistent_for_random_patterns(void **state)
{
	uint32_t seed = 20;

	for (int round = 0; round < 20000; round++) {
		struct routing_pattern p[3];
		const char *why;
		char text[64];
		int ab, bc, ac;

		for (size_t i = 0; i < 3; i++) {
			random_pattern(&seed, text);
			assert_int_equal(routing_pattern_parse(view_of(text), &p[i], &why), 0);
			assert_int_equal(routing_pattern_compare(&p[i], &p[i]), 0);
		}
		ab = sign(routing_pattern_compare(&p[0], &p[1]));
		bc = sign(routing_pattern_compare(&p[1], &p[2]));
		ac = sign(routing_pattern_compare(&p[0], &p[2]));
		assert_int_equal(ab, -sign(routing_pattern_compare(&p[1], &p[0])));
		if (ab <= 0 && bc <= 0)
			assert_true(ac <= 0);
		if (ab == 0 && bc == 0)
			assert_int_equal(ac, 0);
	}
}

static void test_number_decode(void **state)
{
	static const struct {
		const char *user, *number;
		int error;
	} rows[] = {
		{"1000", "1000", 0},
		{"%31000", "1000", 0},
		{"%2B49", "+49", 0},
		{"%2a21%23", "*21#", 0},
		{"+4930;phone-context=example.org", "+4930", 0},
		{"a%20b", "a b", 0},
		{"", "", 0},
		{"%", NULL, ERR_SYNTAX},
		{"1%2", NULL, ERR_SYNTAX},
		{"1%2g", NULL, ERR_SYNTAX},
		{"1%00", NULL, ERR_SYNTAX},
		{"1234567890123456789012345678901234567890123456789012345678901234",
		 "1234567890123456789012345678901234567890123456789012345678901234", 0},
		{"12345678901234567890123456789012345678901234567890123456789012345", NULL, ERR_TOO_LONG},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char number[ROUTING_NUMBER_SIZE] = "untouched";

		assert_int_equal(routing_number_decode(view_of(rows[i].user), number), rows[i].error);
		assert_string_equal(number, rows[i].number ? rows[i].number : "untouched");
	}
}

static const struct routing_moment noon = {0, 12 * 60};

#define ROUTE(p, c, a, t, n, w)                                                                                        \
	{                                                                                                              \
		.pattern = p, .context = c, .action = a, .target = t, .code = n, .prepend = "", .where = w             \
	}

static struct conf_route plan_rows[] = {
	ROUTE("_.", "from-internal", CONF_ROUTE_REJECT, "", 403, "v.conf:1"),
	ROUTE("_1XXX", "from-internal", CONF_ROUTE_EXTENSION, "", 0, "v.conf:2"),
	ROUTE("_2XXX", "from-internal", CONF_ROUTE_EXTENSION, "", 0, "v.conf:3"),
	ROUTE("7777", "from-internal", CONF_ROUTE_ECHO, "", 0, "v.conf:4"),
	ROUTE("1999", "from-internal", CONF_ROUTE_EXTENSION, "2000", 0, "v.conf:5"),
	ROUTE("_[34]5XX", "from-internal", CONF_ROUTE_REJECT, "", 486, "v.conf:6"),
	ROUTE("_[23]5XX", "from-internal", CONF_ROUTE_REJECT, "", 480, "v.conf:7"),
	ROUTE("100", "other", CONF_ROUTE_ECHO, "", 0, "v.conf:8"),
};

static struct conf plan_conf(struct conf_route *rows, size_t count)
{
	return (struct conf){.path = "v.conf",
			     .dialplan = {.default_context = "from-internal", .routes = rows, .route_count = count}};
}

static struct routing *plan_new(void)
{
	struct conf conf = plan_conf(plan_rows, ARRAY_LEN(plan_rows));
	struct routing_problem problem;
	struct routing *routing;

	assert_int_equal(routing_new(&conf, &routing, &problem), 0);
	return routing;
}

static void test_decide_by_the_most_specific_route(void **state)
{
	static const struct {
		const char *context, *dialled;
		enum routing_action action;
		uint32_t code;
		const char *target, *where;
	} rows[] = {
		{"", "1000", ROUTING_EXTENSION, 0, "1000", "v.conf:2"},
		{"from-internal", "2000", ROUTING_EXTENSION, 0, "2000", "v.conf:3"},
		{"", "%32000", ROUTING_EXTENSION, 0, "2000", "v.conf:3"},
		{"", "2000;user=phone", ROUTING_EXTENSION, 0, "2000", "v.conf:3"},
		{"", "1999", ROUTING_EXTENSION, 0, "2000", "v.conf:5"},
		{"", "7777", ROUTING_ECHO, 0, "", "v.conf:4"},
		{"", "2500", ROUTING_EXTENSION, 0, "2500", "v.conf:3"},
		{"", "3500", ROUTING_REJECT, 486, "", "v.conf:6"}, /* as specific as line 7, but earlier */
		{"", "4500", ROUTING_REJECT, 486, "", "v.conf:6"},
		{"", "8", ROUTING_REJECT, 403, "", "v.conf:1"},
		{"other", "100", ROUTING_ECHO, 0, "", "v.conf:8"},
		{"other", "1000", ROUTING_REJECT, 404, "", ""},
		{"nowhere", "1000", ROUTING_REJECT, 404, "", ""},
		{"", "", ROUTING_REJECT, 484, "", ""},
		{"", "%zz", ROUTING_REJECT, 404, "", ""},
	};
	struct routing *routing = plan_new();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct routing_decision decision;

		routing_decide(routing, view_of(rows[i].context), view_of(rows[i].dialled), &noon, &decision);
		assert_int_equal(decision.action, rows[i].action);
		assert_int_equal(decision.code, rows[i].code);
		assert_string_equal(decision.target, rows[i].target);
		assert_string_equal(decision.where, rows[i].where);
	}
	routing_free(routing);
}

static void test_explain_lists_what_was_tried(void **state)
{
	struct routing *routing = plan_new();
	struct routing_decision decision;
	char buffer[1024], small[16];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	routing_explain(routing, VIEW(""), VIEW("4600"), &noon, &text, &decision);
	assert_string_equal(buffer, "number \"4600\" in context \"from-internal\"\n"
				    "  exact numbers: none of 2\n"
				    "  no     _1XXX  (v.conf:2)\n"
				    "  no     _2XXX  (v.conf:3)\n"
				    "  no     _[34]5XX  (v.conf:6)\n"
				    "  no     _[23]5XX  (v.conf:7)\n"
				    "  match  _.  (v.conf:1)\n"
				    "reject 403, by _. (v.conf:1)\n");
	text_init(&text, small, sizeof(small));
	routing_explain(routing, VIEW(""), VIEW("4600"), &noon, &text, &decision);
	assert_true(text.overflow);
	assert_int_equal(decision.code, 403);
	routing_free(routing);
}

/* Any order of the rows in the file decides alike, as long as no two patterns are equally specific. */
static void test_decision_does_not_depend_on_the_order_of_the_file(void **state)
{
	struct conf_route rows[5];
	uint32_t seed = 3;

	for (int round = 0; round < 50; round++) {
		struct conf conf = plan_conf(rows, ARRAY_LEN(rows));
		struct routing_problem problem;
		struct routing_decision decision;
		struct routing *routing;

		memcpy(rows, plan_rows, sizeof(rows));
		for (size_t i = ARRAY_LEN(rows) - 1; i > 0; i--) {
			size_t k = next_random(&seed) % (i + 1);
			struct conf_route swap = rows[i];

			rows[i] = rows[k];
			rows[k] = swap;
		}
		assert_int_equal(routing_new(&conf, &routing, &problem), 0);
		routing_decide(routing, VIEW(""), VIEW("1999"), &noon, &decision);
		assert_string_equal(decision.where, "v.conf:5");
		routing_decide(routing, VIEW(""), VIEW("1998"), &noon, &decision);
		assert_string_equal(decision.where, "v.conf:2");
		routing_decide(routing, VIEW(""), VIEW("31998"), &noon, &decision);
		assert_string_equal(decision.where, "v.conf:1");
		routing_free(routing);
	}
}

static void test_bad_plan_is_refused_with_its_line(void **state)
{
	static const struct {
		struct conf_route rows[3];
		const char *problem;
	} rows[] = {
		{{ROUTE("_1XX", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:7"),
		  ROUTE("_[5", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:8"),
		  ROUTE("_3", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:9")},
		 "v.conf:8: pattern \"_[5\": [ without its ]"},
		{{ROUTE("_1XX", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:7"),
		  ROUTE("_2XX", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:8"),
		  ROUTE("_1xx", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:9")},
		 "v.conf:9: pattern \"_1xx\" is in context \"c\" already, at v.conf:7; remove one of them"},
		{{ROUTE("1", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:7"),
		  ROUTE("1", "d", CONF_ROUTE_ECHO, "", 0, "v.conf:8"),
		  ROUTE("1", "c", CONF_ROUTE_ECHO, "", 0, "v.conf:9")},
		 "v.conf:9: pattern \"1\" is in context \"c\" already, at v.conf:7; remove one of them"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_route plan[3];
		struct conf conf = plan_conf(plan, ARRAY_LEN(plan));
		struct routing_problem problem;
		struct routing *routing = NULL;

		memcpy(plan, rows[i].rows, sizeof(plan));
		assert_int_equal(routing_new(&conf, &routing, &problem), ERR_INVALID);
		assert_string_equal(problem.text, rows[i].problem);
		assert_null(routing);
	}
}

static void test_when_times_hold(void **state)
{
	static const struct {
		const char *when;
		uint8_t day;
		unsigned hour, minute;
		bool is_now;
	} rows[] = {
		{"Mon-Fri 08:00-18:00", 0, 8, 0, true},
		{"Mon-Fri 08:00-18:00", 0, 7, 59, false},
		{"Mon-Fri 08:00-18:00", 4, 17, 59, true},
		{"Mon-Fri 08:00-18:00", 4, 18, 0, false},
		{"Mon-Fri 08:00-18:00", 5, 12, 0, false},
		{"sat", 5, 0, 0, true},
		{"Sat", 6, 0, 0, false},
		{"Sat-Mon", 6, 23, 59, true},
		{"Sat-Mon", 0, 0, 0, true},
		{"Sat-Mon", 1, 0, 0, false},
		{"Mon,Wed,Fri-Sat", 2, 9, 0, true},
		{"Mon,Wed,Fri-Sat", 3, 9, 0, false},
		{"09:00-10:00", 6, 9, 30, true},
		{"22:00-06:00", 2, 23, 0, true},
		{"22:00-06:00", 2, 5, 59, true},
		{"22:00-06:00", 2, 6, 0, false},
		{"Fri 22:00-06:00", 5, 3, 0, true},
		{"Fri 22:00-06:00", 4, 3, 0, false},
		{"Mon 22:00-06:00", 0, 3, 0, false},
		{"Sun 22:00-06:00", 0, 3, 0, true},
		{"Sun 00:00-24:00", 6, 23, 59, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct routing_moment moment = {rows[i].day, (uint16_t)(rows[i].hour * 60 + rows[i].minute)};
		struct routing_when when;

		assert_int_equal(routing_when_parse(view_of(rows[i].when), &when), 0);
		if (routing_when_is_now(&when, &moment) != rows[i].is_now)
			fail_msg("%s on day %u at %02u:%02u", rows[i].when, rows[i].day, rows[i].hour, rows[i].minute);
	}
}

static void test_when_that_is_no_time_is_refused(void **state)
{
	static const char *const rows[] = {"",
					   "Mo",
					   "Mon-",
					   "08:00",
					   "8:00-9:00",
					   "Mon 5",
					   "08:00-08:00",
					   "25:00-26:00",
					   "08:60-09:00",
					   "24:00-06:00",
					   "Mon,",
					   "08:00-18:00 Mon"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct routing_when when;

		if (routing_when_parse(view_of(rows[i]), &when) != ERR_SYNTAX)
			fail_msg("\"%s\" was taken", rows[i]);
	}
}

static const char *office[] = {"Mon-Fri 08:00-18:00"};

static void test_routes_come_and_go_with_the_time(void **state)
{
	static struct conf_route routes[] = {
		ROUTE("_0.", "from-internal", CONF_ROUTE_REJECT, "", 403, "v.conf:1"),
		ROUTE("_00.", "from-internal", CONF_ROUTE_TRUNK, "carrier", 0, "v.conf:2"),
		ROUTE("100", "from-internal", CONF_ROUTE_EXTENSION, "2000", 0, "v.conf:3"),
		ROUTE("100", "from-internal", CONF_ROUTE_ECHO, "", 0, "v.conf:4"),
	};
	static const struct routing_moment sunday = {6, 12 * 60};
	struct conf conf = plan_conf(routes, ARRAY_LEN(routes));
	struct routing_problem problem;
	struct routing_decision decision;
	struct routing *routing;

	assert_int_equal(routing_new(&conf, &routing, &problem), ERR_INVALID); /* 100 twice, without times */
	routes[1].times = routes[2].times = (struct conf_strings){office, 1};
	routes[1].strip = 2;
	routes[1].prepend = "+";
	routes[1].emergency = true;
	assert_int_equal(routing_new(&conf, &routing, &problem), 0);
	routing_decide(routing, VIEW(""), VIEW("0049301"), &noon, &decision);
	assert_int_equal(decision.action, ROUTING_TRUNK);
	assert_string_equal(decision.target, "carrier");
	assert_string_equal(decision.changed, "+49301");
	assert_true(decision.is_emergency);
	routing_decide(routing, VIEW(""), VIEW("0049301"), &sunday, &decision);
	assert_string_equal(decision.where, "v.conf:1");
	routing_decide(routing, VIEW(""), VIEW("100"), &noon, &decision);
	assert_string_equal(decision.where, "v.conf:3");
	routing_decide(routing, VIEW(""), VIEW("100"), &sunday, &decision);
	assert_string_equal(decision.where, "v.conf:4");
	routing_free(routing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pattern_matches_what_telephony_people_expect),
		cmocka_unit_test(test_pattern_that_means_nothing_is_refused_with_a_reason),
		cmocka_unit_test(test_pattern_order_is_by_specificity),
		cmocka_unit_test(test_pattern_order_is_consistent_for_random_patterns),
		cmocka_unit_test(test_number_decode),
		cmocka_unit_test(test_decide_by_the_most_specific_route),
		cmocka_unit_test(test_explain_lists_what_was_tried),
		cmocka_unit_test(test_decision_does_not_depend_on_the_order_of_the_file),
		cmocka_unit_test(test_when_times_hold),
		cmocka_unit_test(test_when_that_is_no_time_is_refused),
		cmocka_unit_test(test_routes_come_and_go_with_the_time),
		cmocka_unit_test(test_bad_plan_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
