/* The machines of trunks, who is a trunk's peer, rewriting, choice by priority and weight, places. */
#include "controlplane/trunk/trunk_private.h"
#include "tests/unit/fsm_unit.h"

static const struct fsm_machine *const machines[] = {&register_machine, &health_machine};

static void test_trunk_machines_are_complete_and_in_the_readme(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		fsm_assert_complete(machines[i]);
		fsm_assert_readme(machines[i], "controlplane/trunk/README.md");
	}
}

struct fixture {
	struct loop *loop;
	struct conf *conf;
	struct trunk_table *table;
};

static const char text[] =
	"trunks = ("
	" { name = \"a\"; host = \"192.0.2.5\"; peers = [ \"198.51.100.0/24\", \"2001:db8::/32\" ]; max_calls = 2;"
	"   rewrite = ( { match = \"_00.\"; strip = 2; prepend = \"+\"; }, { match = \"_0.\"; strip = 1; prepend = "
	"\"+49\"; },"
	"               { match = \"999\"; strip = 3; }, { direction = \"in\"; match = \"_49.\"; prepend = \"+\"; } ); "
	"},"
	" { name = \"b\"; host = \"192.0.2.6:5070\"; peers = [ \"198.51.100.7\" ]; calls_per_second = 2; },"
	" { name = \"c\"; host = \"[2001:db8::9]\"; },"
	" { name = \"d\"; host = \"192.0.2.8\"; register = true; username = \"u\"; } );"
	"trunk_groups = ("
	" { name = \"g\"; members = ( { trunk = \"a\"; priority = 2; }, { trunk = \"b\"; weight = 3; }, { trunk = "
	"\"c\"; } ); },"
	" { name = \"h\"; members = ( { trunk = \"a\"; } ); failover_on = [ \"404\", \"486-488\" ]; } );";

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct conf_problem problem;
	struct trunk_problem why;
	struct trunk_services services;

	assert_int_equal(loop_new_sim(1, 0, &fixture->loop), 0);
	if (conf_load_text("test.conf", text, &fixture->conf, &problem) != 0)
		fail_msg("%s", problem.text);
	services = (struct trunk_services){.conf = fixture->conf, .loop = fixture->loop};
	assert_int_equal(trunk_table_new(&services, &fixture->table, &why), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	trunk_table_free(fixture->table);
	conf_free(fixture->conf);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static void test_peer_by_the_longest_prefix(void **state)
{
	static const struct {
		const char *address, *trunk;
	} rows[] = {
		{"198.51.100.1", "a"}, {"198.51.100.7", "b"}, {"198.51.101.1", NULL}, {"2001:db8::1", "a"},
		{"2001:db9::1", NULL}, {"192.0.2.5", NULL},   {"192.0.2.8", "d"}, /* registered there */
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_address address;
		struct trunk *trunk;

		assert_int_equal(net_address_parse(view_of(rows[i].address), &address), 0);
		trunk = trunk_of_peer(fixture->table, &address);
		if (!trunk != !rows[i].trunk || (trunk && strcmp(trunk_conf(trunk)->name, rows[i].trunk) != 0))
			fail_msg("%s", rows[i].address);
	}
}

static void test_rewriting_by_the_first_rule(void **state)
{
	static const struct {
		enum conf_rewrite_direction direction;
		const char *from, *to;
		int error;
	} rows[] = {
		{CONF_REWRITE_OUT, "00441234", "+441234", 0},  {CONF_REWRITE_OUT, "0301234", "+49301234", 0},
		{CONF_REWRITE_OUT, "110", "110", 0},           {CONF_REWRITE_OUT, "999", "", ERR_NOT_FOUND},
		{CONF_REWRITE_IN, "49301234", "+49301234", 0}, {CONF_REWRITE_IN, "00441234", "00441234", 0},
	};
	struct trunk *trunk = trunk_find(((struct fixture *)*state)->table, "a");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char number[TRUNK_NUMBER_SIZE];

		assert_int_equal(trunk_rewrite(trunk, rows[i].direction, rows[i].from, number), rows[i].error);
		assert_string_equal(number, rows[i].to);
	}
}

static void test_choice_by_priority_then_by_weight(void **state)
{
	struct fixture *fixture = *state;
	struct trunk *chosen[4];
	unsigned first_b = 0;

	for (int i = 0; i < 4000; i++) {
		assert_int_equal(trunk_choose(fixture->table, "g", false, chosen, ARRAY_LEN(chosen)), 3);
		assert_string_equal(trunk_conf(chosen[2])->name, "a");
		first_b += strcmp(trunk_conf(chosen[0])->name, "b") == 0;
	}
	assert_in_range(first_b, 2850, 3150); /* three of four */
	assert_int_equal(trunk_choose(fixture->table, "a", false, chosen, ARRAY_LEN(chosen)), 1);
	assert_int_equal(trunk_choose(fixture->table, "nobody", false, chosen, ARRAY_LEN(chosen)), 0);
	/* d is not registered */
	assert_int_equal(trunk_choose(fixture->table, "d", false, chosen, ARRAY_LEN(chosen)), 0);
	assert_int_equal(trunk_choose(fixture->table, "d", true, chosen, ARRAY_LEN(chosen)), 1);
}

static void test_which_responses_fail_over(void **state)
{
	static const struct {
		const char *target;
		unsigned status;
		bool fails_over;
	} rows[] = {
		{"g", 408, true}, {"g", 500, true}, {"g", 503, true},  {"g", 600, false}, {"g", 486, false},
		{"h", 404, true}, {"h", 487, true}, {"h", 489, false}, {"h", 503, false}, {"a", 503, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(trunk_fails_over(((struct fixture *)*state)->table, rows[i].target, rows[i].status),
				 rows[i].fails_over);
}

static void test_places_and_their_limits(void **state)
{
	struct fixture *fixture = *state;
	struct trunk *a = trunk_find(fixture->table, "a"), *b = trunk_find(fixture->table, "b");

	assert_int_equal(trunk_take(a, false), 0);
	assert_int_equal(trunk_take_incoming(a), 0);
	assert_int_equal(trunk_take(a, false), ERR_LIMIT);
	assert_int_equal(trunk_take_incoming(a), ERR_LIMIT);
	assert_int_equal(trunk_take(a, true), 0);
	for (int i = 0; i < 3; i++)
		trunk_give_back(a);
	assert_int_equal(trunk_take(a, false), 0);
	assert_int_equal(trunk_take(b, false), 0);
	assert_int_equal(trunk_take(b, false), 0);
	assert_int_equal(trunk_take(b, false), ERR_LIMIT);
	assert_int_equal(trunk_take_incoming(b), 0);
	loop_sim_advance(fixture->loop, 499);
	assert_int_equal(trunk_take(b, false), ERR_LIMIT);
	loop_sim_advance(fixture->loop, 1);
	assert_int_equal(trunk_take(b, false), 0);
}

static void test_explained(void **state)
{
	char buffer[1024];
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	trunk_explain(((struct fixture *)*state)->table, "a", "0301", &out);
	trunk_explain(((struct fixture *)*state)->table, "d", "0301", &out);
	assert_string_equal(
		buffer,
		"  good  a at 192.0.2.5, 0 calls of 2, dials +49301, health unknown (test.conf:1)\n"
		"  down  d at 192.0.2.8, 0 calls, dials 0301, registration none, health unknown (test.conf:1)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trunk_machines_are_complete_and_in_the_readme),
		cmocka_unit_test_setup_teardown(test_peer_by_the_longest_prefix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rewriting_by_the_first_rule, setup, teardown),
		cmocka_unit_test_setup_teardown(test_choice_by_priority_then_by_weight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_which_responses_fail_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places_and_their_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_explained, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
