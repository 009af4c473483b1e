/* Every timer of the four machines at its millisecond: RFC 3261 table 4 with T1 500, T2 4000, T4 5000. */
#include "tests/unit/controlplane/transaction/bench.h"

static struct bench b;

/* ---- client INVITE ---- */

static void test_transaction_timer_a_and_b(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	bench_advance(&b, 31999);
	bench_expect(&b, "0:INVITE 500:INVITE 1500:INVITE 3500:INVITE 7500:INVITE 15500:INVITE 31500:INVITE");
	bench_advance(&b, 1);
	bench_expect(&b, "32000:(timeout) 32000:(terminated)");
	assert_int_equal(transaction_stats(b.layer)->transactions, 0);
	assert_int_equal(transaction_stats(b.layer)->memory, 0);
	bench_fini(&b);
}

static void test_transaction_timer_b_alone_on_tcp(void **state)
{
	bench_init(&b, TRANSPORT_TCP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	bench_advance(&b, 32000);
	bench_expect(&b, "0:INVITE 32000:(timeout) 32000:(terminated)");
	bench_fini(&b);
}

static void test_transaction_timer_a_stops_with_provisional(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	bench_advance(&b, 400);
	bench_answer(&b, 180, "a1");
	bench_advance(&b, 600000);
	bench_expect(&b, "0:INVITE 400:(response 180)");
	bench_fini(&b);
}

static void test_transaction_timer_d_answers_repeated_failures(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	bench_advance(&b, 100);
	bench_answer(&b, 486, "a1");
	bench_expect(&b, "0:INVITE 100:(response 486) 100:ACK");
	assert_true(view_is(bench_header(&b, "CSeq"), "3 ACK"));
	assert_true(view_is(bench_header(&b, "To"), "<sip:a@x>;tag=a1"));
	assert_true(view_is(bench_header(&b, "Route"), "<sip:192.0.2.9;lr>"));
	bench_advance(&b, 500);
	bench_receive(&b,
		      "SIP/2.0 486 Busy\nVia: %.*s\nFrom: <sip:b@x>;tag=b1\nTo: <sip:a@x>;tag=a1\nCall-ID: ours\n"
		      "CSeq: 3 INVITE\nContent-Length: 0\n\n",
		      VIEW_ARG(bench_header(&b, "Via")));
	bench_advance(&b, 31499);
	bench_expect(&b, "600:ACK");
	bench_advance(&b, 1);
	bench_expect(&b, "32100:(terminated)");
	bench_fini(&b);
}

static void test_transaction_timer_d_is_zero_on_tcp(void **state)
{
	bench_init(&b, TRANSPORT_TCP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	bench_answer(&b, 603, "a1");
	bench_advance(&b, 1);
	bench_expect(&b, "0:INVITE 0:(response 603) 0:ACK 1:(terminated)");
	bench_fini(&b);
}

static void test_transaction_timer_m_repeats_the_ack(void **state)
{
	char invite[sizeof(b.packet)];

	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	memcpy(invite, b.packet, b.packet_size + 1);
	b.ack_at_once = true;
	bench_answer(&b, 200, "a1");
	bench_expect(&b, "0:INVITE 0:(response 200) 0:ACK");
	bench_advance(&b, 500);
	memcpy(b.packet, invite, sizeof(invite));
	b.packet_size = strlen(invite);
	bench_answer(&b, 200, "a1");
	bench_expect(&b, "500:ACK");
	/* another branch of a fork: the user's matter, and the ACK above is not its */
	b.ack_at_once = false;
	memcpy(b.packet, invite, sizeof(invite));
	b.packet_size = strlen(invite);
	bench_answer(&b, 200, "a2");
	bench_expect(&b, "500:(response 200)");
	bench_advance(&b, 31499);
	bench_expect(&b, "");
	bench_advance(&b, 1);
	bench_expect(&b, "32000:(terminated)");
	bench_fini(&b);
}

static void test_transaction_cancel_waits_for_provisional(void **state)
{
	char invite[sizeof(b.packet)];

	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	memcpy(invite, b.packet, b.packet_size + 1);
	transaction_cancel(b.client, VIEW_EMPTY);
	transaction_cancel(b.client, VIEW_EMPTY);
	bench_advance(&b, 600);
	bench_expect(&b, "0:INVITE 500:INVITE");
	bench_answer(&b, 100, NULL);
	bench_expect(&b, "600:(response 100) 600:CANCEL");
	assert_true(view_is(bench_header(&b, "CSeq"), "3 CANCEL"));
	assert_true(view_is(bench_header(&b, "To"), "<sip:a@x>"));
	bench_answer(&b, 200, "a1");
	bench_expect(&b, "");
	memcpy(b.packet, invite, sizeof(invite));
	b.packet_size = strlen(invite);
	bench_answer(&b, 487, "a1");
	bench_advance(&b, 0);
	bench_expect(&b, "600:(response 487) 600:ACK");
	bench_advance(&b, 32000);
	bench_expect(&b, "32600:(terminated)");
	assert_int_equal(transaction_stats(b.layer)->transactions, 0);
	bench_fini(&b);
}

static void test_transaction_cancel_without_final_response(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	bench_answer(&b, 180, "a1");
	bench_advance(&b, 60000);
	transaction_cancel(b.client, VIEW_EMPTY);
	bench_expect(&b, "0:INVITE 0:(response 180) 60000:CANCEL");
	bench_answer(&b, 200, "a1");
	bench_advance(&b, 31999);
	bench_expect(&b, "");
	bench_advance(&b, 1);
	bench_expect(&b, "92000:(timeout) 92000:(terminated)");
	bench_fini(&b);
}

/* ---- client, other requests ---- */

static void test_transaction_timer_e_and_f(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_OPTIONS), 0);
	bench_advance(&b, 31999);
	bench_expect(&b, "0:OPTIONS 500:OPTIONS 1500:OPTIONS 3500:OPTIONS 7500:OPTIONS 11500:OPTIONS 15500:OPTIONS "
			 "19500:OPTIONS 23500:OPTIONS 27500:OPTIONS 31500:OPTIONS");
	bench_advance(&b, 1);
	bench_expect(&b, "32000:(timeout) 32000:(terminated)");
	bench_fini(&b);
}

static void test_transaction_timer_e_is_t2_when_proceeding(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_BYE), 0);
	bench_advance(&b, 100);
	bench_answer(&b, 100, NULL);
	bench_advance(&b, 10000);
	bench_expect(&b, "0:BYE 100:(response 100) 500:BYE 4500:BYE 8500:BYE");
	bench_advance(&b, 21900);
	bench_expect(&b, "12500:BYE 16500:BYE 20500:BYE 24500:BYE 28500:BYE 32000:(timeout) 32000:(terminated)");
	bench_fini(&b);
}

static void test_transaction_timer_k(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_BYE), 0);
	bench_answer(&b, 200, "a1");
	bench_answer(&b, 200, "a1");
	bench_advance(&b, 4999);
	bench_expect(&b, "0:BYE 0:(response 200)");
	bench_advance(&b, 1);
	bench_expect(&b, "5000:(terminated)");
	bench_fini(&b);
	bench_init(&b, TRANSPORT_TCP, NULL);
	assert_int_equal(bench_send(&b, SIP_METHOD_BYE), 0);
	bench_answer(&b, 200, "a1");
	bench_advance(&b, 1);
	bench_expect(&b, "0:BYE 0:(response 200) 1:(terminated)");
	bench_fini(&b);
}

/* ---- server INVITE ---- */

static void test_transaction_trying_after_200_ms(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_advance(&b, 199);
	bench_expect(&b, "");
	bench_advance(&b, 1);
	bench_expect(&b, "200:100");
	assert_true(view_is(bench_header(&b, "To"), "<sip:b@x>"));
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_expect(&b, "200:100");
	assert_int_equal(transaction_respond_status(b.server, 180), 0);
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_expect(&b, "200:180 200:180");
	assert_int_equal(b.requests, 1);
	bench_advance(&b, 3600000);
	bench_expect(&b, "");
	bench_fini(&b);
}

static void test_transaction_timer_g_and_h(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	b.answer = 486;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_advance(&b, 31999);
	bench_expect(&b, "0:486 500:486 1500:486 3500:486 7500:486 11500:486 15500:486 19500:486 23500:486 27500:486 "
			 "31500:486");
	bench_advance(&b, 1);
	bench_expect(&b, "32000:(timeout) 32000:(terminated)");
	bench_fini(&b);
	bench_init(&b, TRANSPORT_TCP, NULL);
	b.answer = 486;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_advance(&b, 32000);
	bench_expect(&b, "0:486 32000:(timeout) 32000:(terminated)");
	bench_fini(&b);
}

static void test_transaction_timer_i(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	b.answer = 486;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_advance(&b, 600);
	bench_request(&b, "ACK", "z9hG4bK1", "");
	bench_request(&b, "ACK", "z9hG4bK1", "");
	bench_advance(&b, 4999);
	bench_expect(&b, "0:486 500:486");
	bench_advance(&b, 1);
	bench_expect(&b, "5600:(terminated)");
	bench_fini(&b);
	bench_init(&b, TRANSPORT_TCP, NULL);
	b.answer = 486;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_request(&b, "ACK", "z9hG4bK1", "");
	bench_advance(&b, 1);
	bench_expect(&b, "0:486 1:(terminated)");
	bench_fini(&b);
}

static void test_transaction_2xx_is_repeated_until_acked(void **state)
{
	bench_init(&b, TRANSPORT_TCP, NULL); /* the ACK may be lost behind a proxy: on every transport */
	b.answer = 200;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_advance(&b, 1600);
	bench_expect(&b, "0:200 500:200 1500:200");
	b.acked_at_once = true;
	bench_request(&b, "ACK", "z9hG4bK2", "");
	bench_advance(&b, 30399);
	bench_expect(&b, "1600:(ack)");
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_expect(&b, "");
	bench_advance(&b, 1);
	bench_expect(&b, "32000:(terminated)");
	bench_fini(&b);
}

static void test_transaction_2xx_without_ack_times_out(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	b.answer = 200;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_advance(&b, 32000);
	bench_expect(&b, "0:200 500:200 1500:200 3500:200 7500:200 11500:200 15500:200 19500:200 23500:200 27500:200 "
			 "31500:200 32000:(timeout) 32000:(terminated)");
	bench_fini(&b);
}

/* ---- server, other requests ---- */

static void test_transaction_timer_j(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	b.answer = 200;
	bench_request(&b, "OPTIONS", "z9hG4bK1", "");
	bench_advance(&b, 31999);
	bench_request(&b, "OPTIONS", "z9hG4bK1", "");
	bench_expect(&b, "0:200 31999:200");
	bench_advance(&b, 1);
	bench_expect(&b, "32000:(terminated)");
	assert_int_equal(b.requests, 1);
	bench_request(&b, "OPTIONS", "z9hG4bK1", "");
	assert_int_equal(b.requests, 2);
	bench_fini(&b);
	bench_init(&b, TRANSPORT_TCP, NULL);
	b.answer = 200;
	bench_request(&b, "OPTIONS", "z9hG4bK1", "");
	bench_advance(&b, 1);
	bench_expect(&b, "0:200 1:(terminated)");
	bench_fini(&b);
}

static void test_transaction_unanswered_is_forgotten(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	bench_request(&b, "INFO", "z9hG4bK1", "");
	bench_request(&b, "INFO", "z9hG4bK1", "");
	assert_int_equal(b.requests, 1);
	bench_advance(&b, 32000);
	bench_expect(&b, "32000:(timeout) 32000:(terminated)");
	bench_fini(&b);
}

static void test_transaction_timers_follow_t1(void **state)
{
	struct transaction_options quick = {.t1_ms = 100, .t2_ms = 250, .t4_ms = 300};

	bench_init(&b, TRANSPORT_UDP, &quick);
	assert_int_equal(bench_send(&b, SIP_METHOD_OPTIONS), 0);
	bench_advance(&b, 900);
	bench_expect(&b, "0:OPTIONS 100:OPTIONS 300:OPTIONS 550:OPTIONS 800:OPTIONS");
	bench_answer(&b, 200, "a1");
	bench_advance(&b, 300);
	bench_expect(&b, "900:(response 200) 1200:(terminated)");
	bench_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transaction_timer_a_and_b),
		cmocka_unit_test(test_transaction_timer_b_alone_on_tcp),
		cmocka_unit_test(test_transaction_timer_a_stops_with_provisional),
		cmocka_unit_test(test_transaction_timer_d_answers_repeated_failures),
		cmocka_unit_test(test_transaction_timer_d_is_zero_on_tcp),
		cmocka_unit_test(test_transaction_timer_m_repeats_the_ack),
		cmocka_unit_test(test_transaction_cancel_waits_for_provisional),
		cmocka_unit_test(test_transaction_cancel_without_final_response),
		cmocka_unit_test(test_transaction_timer_e_and_f),
		cmocka_unit_test(test_transaction_timer_e_is_t2_when_proceeding),
		cmocka_unit_test(test_transaction_timer_k),
		cmocka_unit_test(test_transaction_trying_after_200_ms),
		cmocka_unit_test(test_transaction_timer_g_and_h),
		cmocka_unit_test(test_transaction_timer_i),
		cmocka_unit_test(test_transaction_2xx_is_repeated_until_acked),
		cmocka_unit_test(test_transaction_2xx_without_ack_times_out),
		cmocka_unit_test(test_transaction_timer_j),
		cmocka_unit_test(test_transaction_unanswered_is_forgotten),
		cmocka_unit_test(test_transaction_timers_follow_t1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
