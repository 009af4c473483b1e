/* The four tables: every cell is written down, every state can be reached and left, and the README shows them. */
#include "tests/unit/fsm_unit.h"
#include "controlplane/transaction/transaction_private.h"

static const struct fsm_machine *const machines[] = {&transaction_client_invite, &transaction_client_other,
						     &transaction_server_invite, &transaction_server_other};

static void test_transaction_tables_are_complete(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		fsm_assert_complete(machines[i]);
}

static void test_transaction_tables_in_readme(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		fsm_assert_readme(machines[i], "controlplane/transaction/README.md");
}

/* However long the user or the peer says nothing, a transaction below 1 KiB is what it costs. */
static void test_transaction_size(void **state)
{
	assert_true(sizeof(struct transaction) < 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transaction_tables_are_complete),
		cmocka_unit_test(test_transaction_tables_in_readme),
		cmocka_unit_test(test_transaction_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
