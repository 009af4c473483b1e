/* The engine: order of state and steps, history, faults of a table, its picture. */
#include "tests/unit/fsm_unit.h"

enum { IDLE, BUSY, DONE, STATES };
enum { START, WORK, FINISH, EVENTS };

static const char *const states[] = {"IDLE", "BUSY", "DONE"};
static const char *const events[] = {"START", "WORK", "FINISH"};

struct worker {
	struct fsm fsm;
	int started, worked;
	bool finish_at_once;
};

static void count_start(void *owner, const void *data)
{
	struct worker *w = owner;

	w->started++;
	assert_string_equal(fsm_state_name(&w->fsm), "BUSY");
}

static void work(void *owner, const void *data)
{
	struct worker *w = owner;

	w->worked += *(const int *)data;
	if (w->finish_at_once)
		assert_true(fsm_feed(&w->fsm, FINISH, 9, NULL));
}

static const struct fsm_cell cells[STATES][EVENTS] = {
	[IDLE] = {[START] = FSM_RULE(BUSY, FSM_DO(count_start), FSM_DO(work)),
		  [WORK] = FSM_NEVER,
		  [FINISH] = FSM_GO(DONE)},
	[BUSY] = {[START] = FSM_IGNORE, [WORK] = FSM_RULE(BUSY, FSM_DO(work)), [FINISH] = FSM_GO(DONE)},
	[DONE] = {[START] = FSM_IGNORE, [WORK] = FSM_NEVER, [FINISH] = FSM_IGNORE},
};
static const struct fsm_machine machine = {"worker", states, events, STATES, EVENTS, DONE, &cells[0][0]};

static void test_fsm_rules_and_ignores(void **state)
{
	struct worker w = {0};

	fsm_init(&w.fsm, &machine, &w);
	assert_true(fsm_feed(&w.fsm, START, 1, &(int){2}));
	assert_false(fsm_feed(&w.fsm, START, 2, &(int){2}));
	assert_true(fsm_feed(&w.fsm, WORK, 3, &(int){3}));
	assert_int_equal(w.started, 1);
	assert_int_equal(w.worked, 5);
	assert_true(fsm_feed(&w.fsm, FINISH, 4, NULL));
	assert_string_equal(fsm_state_name(&w.fsm), "DONE");
}

static void test_fsm_last_step_may_feed(void **state)
{
	struct worker w = {.finish_at_once = true};

	fsm_init(&w.fsm, &machine, &w);
	assert_true(fsm_feed(&w.fsm, START, 1, &(int){1}));
	assert_string_equal(fsm_state_name(&w.fsm), "DONE");
}

static void test_fsm_never_is_a_bug_and_survived(void **state)
{
	struct worker w = {0};
	uint64_t bugs = bug_count();

	bug_is_fatal = false;
	fsm_init(&w.fsm, &machine, &w);
	assert_false(fsm_feed(&w.fsm, WORK, 1, &(int){1}));
	bug_is_fatal = true;
	assert_int_equal(bug_count(), bugs + 1);
	assert_int_equal(w.worked, 0);
	assert_string_equal(fsm_state_name(&w.fsm), "IDLE");
}

static void test_fsm_history(void **state)
{
	struct worker w = {0};
	char buffer[2048];
	struct text out;

	fsm_init(&w.fsm, &machine, &w);
	assert_true(fsm_feed(&w.fsm, START, 10, &(int){1}));
	for (uint64_t i = 0; i < 40; i++)
		assert_true(fsm_feed(&w.fsm, WORK, 20 + i, &(int){1}));
	assert_true(fsm_feed(&w.fsm, FINISH, 99, NULL));
	text_init(&out, buffer, sizeof(buffer));
	fsm_print_history(&w.fsm, &out);
	assert_string_equal(buffer, "10 IDLE --START--> BUSY\n"
				    "59 BUSY --WORK--> BUSY (40 times)\n"
				    "99 BUSY --FINISH--> DONE\n");
}

static void test_fsm_history_keeps_the_last(void **state)
{
	static const struct fsm_cell swing[2][2] = {{FSM_GO(1), FSM_IGNORE}, {FSM_IGNORE, FSM_GO(0)}};
	static const struct fsm_machine swings = {"swing", states, events, 2, 2, 1, &swing[0][0]};
	struct fsm fsm;
	char buffer[2048];
	struct text out;
	struct view all;
	unsigned lines = 0;

	fsm_init(&fsm, &swings, NULL);
	for (uint8_t i = 0; i < 100; i++)
		assert_true(fsm_feed(&fsm, i % 2, i, NULL));
	text_init(&out, buffer, sizeof(buffer));
	fsm_print_history(&fsm, &out);
	for (all = text_view(&out); all.size > 0; lines++)
		view_cut(&all, '\n');
	assert_int_equal(lines, FSM_HISTORY);
	assert_true(strncmp(buffer, "84 IDLE", 7) == 0);
}

static void test_fsm_check_finds_faults(void **state)
{
	static const struct fsm_cell broken[STATES][EVENTS] = {
		[IDLE] = {[START] = FSM_GO(BUSY), [WORK] = FSM_GO(7)},
		[BUSY] = {FSM_IGNORE, FSM_IGNORE, FSM_IGNORE},
		[DONE] = {FSM_GO(IDLE), FSM_IGNORE, FSM_IGNORE},
	};
	static const struct fsm_machine bad = {"bad", states, events, STATES, EVENTS, DONE, &broken[0][0]};
	char buffer[2048];
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	assert_int_equal(fsm_check(&bad, &out), 6);
	assert_string_equal(buffer, "bad: [IDLE][WORK] leads to no state\n"
				    "bad: [IDLE][FINISH] forgotten\n"
				    "bad: IDLE has no way out\n"
				    "bad: BUSY has no way out\n"
				    "bad: [DONE][START] leaves the final state\n"
				    "bad: DONE cannot be reached\n");
	fsm_assert_complete(&machine);
}

static void test_fsm_markdown(void **state)
{
	char buffer[2048];
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	fsm_print_markdown(&machine, &out);
	assert_string_equal(buffer, "| worker | IDLE | BUSY | DONE |\n"
				    "|---|---|---|---|\n"
				    "| START | count_start, work **BUSY** | · | · |\n"
				    "| WORK |  | work |  |\n"
				    "| FINISH | **DONE** | **DONE** | · |\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fsm_rules_and_ignores),
		cmocka_unit_test(test_fsm_last_step_may_feed),
		cmocka_unit_test(test_fsm_never_is_a_bug_and_survived),
		cmocka_unit_test(test_fsm_history),
		cmocka_unit_test(test_fsm_history_keeps_the_last),
		cmocka_unit_test(test_fsm_check_finds_faults),
		cmocka_unit_test(test_fsm_markdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
