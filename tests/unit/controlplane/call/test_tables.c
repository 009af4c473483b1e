/* The machines of legs and calls: every cell is written down, every state can be reached and left, README shows them. */
#include "controlplane/call/private.h"
#include "tests/unit/fsm_unit.h"

static const struct fsm_machine *const machines[] = {&leg_machine, &call_machine};

static void test_call_tables_are_complete(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		fsm_assert_complete(machines[i]);
}

static void test_call_tables_in_readme(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		fsm_assert_readme(machines[i], "controlplane/call/README.md");
}

/* Half of the goal of 8 KB a call in both processes: a call with two legs, beside its dialogs' texts. */
static void test_call_size(void **state)
{
	assert_true(sizeof(struct call) + 2 * sizeof(struct leg) < 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_tables_are_complete),
		cmocka_unit_test(test_call_tables_in_readme),
		cmocka_unit_test(test_call_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
