/* The layer with allocation 0..N failing: whatever is refused then, nothing is lost, told twice, or touched after its
 * end (the sanitizers watch), and when memory is back the same requests are served. */
#include "tests/unit/controlplane/transaction/bench.h"

static struct bench b;
static long fail_at = -1; /* this one and the 3 after it */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
static long allocations;

static bool is_failing(void)
{
	long number = allocations++;

	return fail_at >= 0 && number >= fail_at && number < fail_at + 4;
}

void *__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_failing() ? NULL : __real_calloc(count, size);
}

/* A call in both directions, a failure, a cancelled one, and options. */
static void everything(void)
{
	b.answer = 200;
	b.ack_at_once = b.acked_at_once = true;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_request(&b, "ACK", "z9hG4bK2", "");
	bench_request(&b, "OPTIONS", "z9hG4bK3", "");
	b.answer = 486;
	bench_request(&b, "INVITE", "z9hG4bK4", "");
	bench_advance(&b, 700);
	bench_request(&b, "ACK", "z9hG4bK4", "");
	b.answer = 0;
	bench_request(&b, "INVITE", "z9hG4bK5", "");
	bench_advance(&b, 300);
	bench_request(&b, "CANCEL", "z9hG4bK5", "");
	b.answer = 487;
	if (bench_send(&b, SIP_METHOD_INVITE) == 0 && strncmp(b.packet, "INVITE", 6) == 0)
		bench_answer(&b, 200, "a1");
	if (bench_send(&b, SIP_METHOD_INVITE) == 0 && strncmp(b.packet, "INVITE", 6) == 0) {
		bench_answer(&b, 180, "a1");
		if (b.client)
			transaction_cancel(b.client, VIEW_EMPTY);
	}
	bench_advance(&b, 1000);
}

static void test_transaction_survives_without_memory(void **state)
{
	long last;

	fail_at = -1;
	allocations = 0;
	bench_init(&b, TRANSPORT_UDP, NULL);
	everything();
	last = allocations;
	bench_fini(&b);
	assert_true(last > 20);
	for (long i = 0; i <= last; i++) {
		allocations = 0;
		fail_at = i;
		if (bench_try_init(&b, TRANSPORT_UDP, NULL)) {
			everything();
			fail_at = -1;
			bench_request(&b, "OPTIONS", "z9hG4bKlast", "");
			if (b.requests == 0)
				fail_msg("with allocation %ld failing nothing works any more", i);
		}
		fail_at = -1;
		bench_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transaction_survives_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
