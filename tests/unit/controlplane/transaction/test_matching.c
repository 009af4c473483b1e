/* What belongs to which transaction, what is refused without one, and the limits. */
#include "tests/unit/controlplane/transaction/bench.h"

static struct bench b;

static int setup(void **state)
{
	bench_init(&b, TRANSPORT_UDP, NULL);
	return 0;
}

static int teardown(void **state)
{
	bench_fini(&b);
	return 0;
}

/* ---- server side: RFC 3261 17.2.3 ---- */

static void test_transaction_match_needs_branch_sent_by_and_method(void **state)
{
	static const struct {
		const char *name, *method, *via;
		bool is_new;
	} rows[] = {
		{"the first", "OPTIONS", "192.0.2.9;branch=z9hG4bKx", true},
		{"the same again", "OPTIONS", "192.0.2.9;branch=z9hG4bKx", false},
		{"the default port written out", "OPTIONS", "192.0.2.9:5060;branch=z9hG4bKx", false},
		{"another branch", "OPTIONS", "192.0.2.9;branch=z9hG4bKy", true},
		{"another sent-by port", "OPTIONS", "192.0.2.9:5070;branch=z9hG4bKx", true},
		{"another sent-by host", "OPTIONS", "phone.example;branch=z9hG4bKx", true},
		{"the host in another case", "OPTIONS", "PHONE.example;branch=z9hG4bKx", false},
		{"another method", "INFO", "192.0.2.9;branch=z9hG4bKx", true},
		{"a method that nobody knows", "PLAY", "192.0.2.9;branch=z9hG4bKx", true},
		{"another one", "REWIND", "192.0.2.9;branch=z9hG4bKx", true},
		{"and that again", "REWIND", "192.0.2.9;branch=z9hG4bKx", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned before = b.requests;

		bench_receive(&b,
			      "%s sip:b@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP %s\nFrom: <sip:a@x>;tag=a1\nTo: <sip:b@x>\n"
			      "Call-ID: call\nCSeq: 7 %s\nContent-Length: 0\n\n",
			      rows[i].method, rows[i].via, rows[i].method);
		if (b.requests - before != rows[i].is_new)
			fail_msg("%s", rows[i].name);
	}
}

/* Branches without the magic cookie: compared field by field; the ACK by the To tag of our response. */
static void test_transaction_match_rfc_2543(void **state)
{
	static const char *const request = "%s sip:b@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9\nFrom: <sip:a@x>;"
					   "tag=a1\nTo: <sip:b@x>%s%s\nCall-ID: %s\nCSeq: 7 %s\nContent-Length: 0\n\n";

	b.answer = 404;
	bench_receive(&b, request, "INVITE", "", "", "old", "INVITE");
	bench_receive(&b, request, "INVITE", "", "", "old", "INVITE");
	assert_int_equal(b.requests, 1);
	bench_expect(&b, "0:404 0:404");
	bench_receive(&b, request, "ACK", ";tag=", "wrong", "old", "ACK");
	bench_advance(&b, 500);
	bench_expect(&b, "0:(ack) 500:404");
	bench_receive(&b, request, "ACK", ";tag=", transaction_tag(b.server), "old", "ACK");
	bench_advance(&b, 4999);
	bench_expect(&b, "");
	bench_advance(&b, 1);
	bench_expect(&b, "5500:(terminated)");
	bench_receive(&b, request, "INVITE", "", "", "other", "INVITE");
	assert_int_equal(b.requests, 2);
}

static void test_transaction_ack_of_2xx_is_passed_up(void **state)
{
	b.answer = 200;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_request(&b, "ACK", "z9hG4bK2", "");
	bench_request(&b, "ACK", "z9hG4bK1", ""); /* as phones of RFC 2543 do */
	bench_expect(&b, "0:200 0:(ack) 0:(ack)");
}

static void test_transaction_cancel(void **state)
{
	bench_request(&b, "CANCEL", "z9hG4bK1", "");
	bench_expect(&b, "0:481");
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	assert_int_equal(transaction_respond_status(b.server, 180), 0);
	bench_request(&b, "CANCEL", "z9hG4bK1", "");
	bench_request(&b, "CANCEL", "z9hG4bK1", "");
	bench_expect(&b, "0:180 0:(cancelled) 0:200 0:200");
	assert_int_equal(transaction_respond_status(b.server, 487), 0);
	bench_expect(&b, "0:487");
	assert_non_null(strstr(b.packet, transaction_tag(b.server)));
	assert_int_equal(transaction_respond_status(b.server, 200), ERR_STATE);
	bench_request(&b, "CANCEL", "z9hG4bK1", "");
	bench_request(&b, "ACK", "z9hG4bK1", "");
	bench_advance(&b, 5000);
	bench_expect(&b, "0:200 5000:(terminated)");
}

/* Whoever placed it is gone already: the layer ends it. */
static void test_transaction_cancel_without_handler(void **state)
{
	b.without_handler = true;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_request(&b, "CANCEL", "z9hG4bK1", "");
	bench_expect(&b, "0:200 0:487");
}

static void test_transaction_cancel_after_the_answer_changes_nothing(void **state)
{
	b.answer = 200;
	b.acked_at_once = true;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_request(&b, "CANCEL", "z9hG4bK1", "");
	bench_request(&b, "ACK", "z9hG4bK2", "");
	bench_advance(&b, 32000);
	bench_expect(&b, "0:200 0:200 0:(ack) 32000:(terminated)");
}

/* ---- client side: RFC 3261 17.1.3 ---- */

static void test_transaction_response_needs_branch_and_method(void **state)
{
	static const char *const response = "SIP/2.0 200 OK\nVia: %.*s\nFrom: <sip:b@x>;tag=b1\nTo: <sip:a@x>\n"
					    "Call-ID: ours\nCSeq: 3 %s\nContent-Length: 0\n\n";
	struct view other = VIEW("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother");

	assert_int_equal(bench_send(&b, SIP_METHOD_OPTIONS), 0);
	bench_receive(&b, response, VIEW_ARG(bench_header(&b, "Via")), "INVITE");
	bench_receive(&b, response, VIEW_ARG(other), "OPTIONS");
	bench_expect(&b, "0:OPTIONS");
	assert_int_equal(transaction_stats(b.layer)->dropped, 2);
	bench_answer(&b, 200, "a1");
	bench_expect(&b, "0:(response 200)");
}

/* ---- refused without a transaction ---- */

static void test_transaction_broken_requests_are_answered(void **state)
{
	static const struct {
		const char *name, *bytes, *log;
	} rows[] = {
		{"no Call-ID",
		 "OPTIONS sip:b@x SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\nFrom: <sip:a@x>;tag=1\n"
		 "To: <sip:b@x>\nCSeq: 1 OPTIONS\n\n",
		 "0:400"},
		{"another version",
		 "OPTIONS sip:b@x SIP/7.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\nFrom: <sip:a@x>;tag=1\n"
		 "To: <sip:b@x>\nCall-ID: c\nCSeq: 1 OPTIONS\n\n",
		 "0:505"},
		{"a broken ACK",
		 "ACK sip:b@x SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\nFrom: <sip:a@x>;tag=1\nTo: "
		 "<sip:b@x>\n"
		 "CSeq: 1 ACK\n\n",
		 ""},
		{"a broken response", "SIP/2.0 200 OK\nCSeq: 1 ACK\n\n", ""},
		{"no Via", "OPTIONS sip:b@x SIP/2.0\nFrom: <sip:a@x>;tag=1\n\n", ""},
		{"noise", "hello\n\n", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bench_receive(&b, "%s", rows[i].bytes);
		if (strcmp(b.log_buffer, rows[i].log) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, b.log_buffer);
		bench_expect(&b, rows[i].log);
	}
	assert_int_equal(b.requests, 0);
	assert_int_equal(transaction_stats(b.layer)->refused_broken, 2);
	assert_int_equal(transaction_stats(b.layer)->dropped, 4);
}

static void test_transaction_rport_is_forced(void **state)
{
	b.answer = 200;
	bench_request(&b, "OPTIONS", "z9hG4bK1", "");
	assert_true(view_is(bench_header(&b, "Via"),
			    "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;received=192.0.2.9;rport=5060"));
	bench_request(&b, "CANCEL", "z9hG4bK1", "");
	assert_true(view_is(bench_header(&b, "Via"),
			    "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;received=192.0.2.9;rport=5060"));
}

/* ---- limits ---- */

static unsigned open_requests(unsigned count, const char *headers)
{
	unsigned before = b.requests;

	for (unsigned i = 0; i < count; i++) {
		char branch[32];

		snprintf(branch, sizeof(branch), "z9hG4bK%s%u", *headers ? "m" : "n", i);
		bench_request(&b, "OPTIONS", branch, headers);
	}
	return b.requests - before;
}

static void test_transaction_limit_answers_503(void **state)
{
	struct transaction_options options = {.transactions_max = 16, .retry_after_s = 9};

	bench_fini(&b);
	bench_init(&b, TRANSPORT_UDP, &options);
	assert_int_equal(open_requests(20, ""), 14); /* the rest is kept for calls that stand */
	assert_true(view_is(bench_header(&b, "Retry-After"), "9"));
	assert_int_equal(transaction_stats(b.layer)->refused_limit, 6);
	bench_receive(&b, "INFO sip:b@x SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKd\nFrom: <sip:a@x>;tag=1\n"
			  "To: <sip:b@x>;tag=2\nCall-ID: c\nCSeq: 1 INFO\n\n");
	assert_int_equal(b.requests, 15);
	assert_int_equal(bench_send(&b, SIP_METHOD_OPTIONS), 0);
	assert_int_equal(bench_send(&b, SIP_METHOD_OPTIONS), ERR_LIMIT);
	bench_advance(&b, 64000);
	assert_int_equal(transaction_stats(b.layer)->transactions, 0);
	assert_int_equal(transaction_stats(b.layer)->memory, 0);
}

/* What only absorbs repetitions makes room for what is new, but not before T4. */
static void test_transaction_table_is_not_filled_by_what_is_over(void **state)
{
	struct transaction_options options = {.transactions_max = 16};

	bench_fini(&b);
	bench_init(&b, TRANSPORT_UDP, &options);
	b.answer = 200;
	assert_int_equal(open_requests(20, ""), 14);
	bench_advance(&b, 4999);
	bench_request(&b, "OPTIONS", "z9hG4bKearly", "");
	assert_int_equal(b.requests, 14);
	bench_advance(&b, 1);
	bench_request(&b, "OPTIONS", "z9hG4bKlast", ""); /* the ends come after its turn */
	bench_request(&b, "OPTIONS", "z9hG4bKlast", "");
	assert_int_equal(b.requests, 15);
	assert_int_equal(transaction_stats(b.layer)->ended_early, 2);
	bench_request(&b, "OPTIONS", "z9hG4bKn13", ""); /* the newest are known as ever */
	assert_int_equal(b.requests, 15);
	bench_advance(&b, 32000);
	assert_int_equal(transaction_stats(b.layer)->transactions, 0);
	assert_int_equal(transaction_stats(b.layer)->memory, 0);
}

static void test_transaction_memory_limit_answers_503(void **state)
{
	struct transaction_options options = {.memory_max = 10000};
	char large[4200] = "Subject: ";

	bench_fini(&b);
	bench_init(&b, TRANSPORT_UDP, &options);
	memset(large + 9, 'x', 4096);
	strcat(large, "\n");
	assert_int_equal(open_requests(4, large), 1);
	assert_true(transaction_stats(b.layer)->memory <= 10000);
	assert_int_equal(transaction_stats(b.layer)->refused_limit, 3);
}

/* ---- what the user gets wrong, or the network ---- */

static void test_transaction_transport_error_is_told_after_the_call(void **state)
{
	struct sim_rule broken = {.times = UINT32_MAX, .is_send_error = true};

	assert_int_equal(sim_network_add_rule(b.network, &broken), 0);
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	bench_expect(&b, "0:(transport_error) 0:(terminated)");
	assert_null(b.client);
}

static void test_transaction_begin_and_send_in_order(void **state)
{
	struct transaction *transaction;
	struct sip_writer *writer;

	assert_int_equal(transaction_send(b.layer, VIEW_EMPTY, VIEW_EMPTY, NULL, NULL, &transaction), ERR_STATE);
	writer = transaction_begin(b.layer, &b.flow, SIP_METHOD_MESSAGE, VIEW("sip:a@x"));
	sip_write_header(writer, SIP_HEADER_SUBJECT, "two\r\nEvil: lines");
	assert_int_equal(transaction_send(b.layer, VIEW_EMPTY, VIEW_EMPTY, NULL, NULL, &transaction), ERR_INVALID);
	assert_int_equal(transaction_stats(b.layer)->transactions, 0);
	bench_expect(&b, "");
}

static void write_contact(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_CONTACT, "<sip:%s@192.0.2.1>", (const char *)arg);
}

static void test_transaction_reply_carries_everything(void **state)
{
	char user[] = "b";
	struct transaction_reply reply = {.status = 183,
					  .reason = "Still Looking",
					  .to_tag = "mine",
					  .headers = write_contact,
					  .arg = user,
					  .content_type = VIEW("application/sdp"),
					  .body = VIEW("v=0\r\n")};

	bench_request(&b, "INVITE", "z9hG4bK1", "");
	assert_int_equal(transaction_respond(b.server, &reply), 0);
	bench_expect(&b, "0:183");
	assert_true(strncmp(b.packet, "SIP/2.0 183 Still Looking\r\n", 27) == 0);
	assert_true(view_is(bench_header(&b, "To"), "<sip:b@x>;tag=mine"));
	assert_true(view_is(bench_header(&b, "Contact"), "<sip:b@192.0.2.1>"));
	assert_true(view_is(bench_header(&b, "Content-Length"), "5"));
	assert_non_null(strstr(b.packet, "\r\n\r\nv=0\r\n"));
}

static void test_transaction_history_tells_the_story(void **state)
{
	char buffer[2048];
	struct text out;

	b.answer = 486;
	bench_request(&b, "INVITE", "z9hG4bK1", "");
	bench_advance(&b, 1500);
	bench_request(&b, "ACK", "z9hG4bK1", "");
	text_init(&out, buffer, sizeof(buffer));
	transaction_print_history(b.server, &out);
	assert_string_equal(buffer, "0 NEW --INVITE--> PROCEEDING\n"
				    "0 PROCEEDING --respond 3xx-6xx--> COMPLETED\n"
				    "1500 COMPLETED --TIMER_G--> COMPLETED (2 times)\n"
				    "1500 COMPLETED --ACK--> CONFIRMED\n");
}

/* The layer goes while one transaction waits and another is about to be told that it failed. */
static void test_transaction_layer_may_go_at_any_time(void **state)
{
	struct sim_rule broken = {.times = UINT32_MAX, .is_send_error = true};

	bench_request(&b, "INVITE", "z9hG4bK1", "");
	assert_int_equal(bench_send(&b, SIP_METHOD_INVITE), 0);
	assert_int_equal(sim_network_add_rule(b.network, &broken), 0);
	assert_int_equal(transaction_respond_status(b.server, 404), 0);
	assert_string_equal(b.log_buffer, "0:INVITE");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_transaction_match_needs_branch_sent_by_and_method),
		TEST(test_transaction_match_rfc_2543),
		TEST(test_transaction_ack_of_2xx_is_passed_up),
		TEST(test_transaction_cancel),
		TEST(test_transaction_cancel_without_handler),
		TEST(test_transaction_cancel_after_the_answer_changes_nothing),
		TEST(test_transaction_response_needs_branch_and_method),
		TEST(test_transaction_broken_requests_are_answered),
		TEST(test_transaction_rport_is_forced),
		TEST(test_transaction_limit_answers_503),
		TEST(test_transaction_memory_limit_answers_503),
		TEST(test_transaction_table_is_not_filled_by_what_is_over),
		TEST(test_transaction_transport_error_is_told_after_the_call),
		TEST(test_transaction_begin_and_send_in_order),
		TEST(test_transaction_reply_carries_everything),
		TEST(test_transaction_history_tells_the_story),
		TEST(test_transaction_layer_may_go_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
