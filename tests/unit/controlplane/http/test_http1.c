/* controlplane/http: HTTP/1.1 requests, whole and byte by byte; limits, order of answers, time. */
#include "tests/unit/controlplane/http/http_fixture.h"

#define HOST "Host: a\r\n"

static const struct {
	const char *name, *request;
	const char *expected; /* how the first answer begins */
	const char *body;     /* its body, NULL: not looked at */
	bool closes;
} rows[] = {
	{"get", "GET /a/b?c=d HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", "GET /a/b ?c=d 0", false},
	{"head", "HEAD /x HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", "", false},
	{"delete", "DELETE /x HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", "DELETE /x ? 0", false},
	{"close", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n", "GET / ? 0", true},
	{"1.0", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "GET / ? 0", true},
	{"length", "POST /p HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\n", "POST /p ? 5",
	 false},
	{"chunked",
	 "POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
	 "HTTP/1.1 200 OK\r\n", "POST /p ? 7", false},
	{"trailers", "POST /p HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n",
	 "HTTP/1.1 200 OK\r\n", "POST /p ? 1", false},
	{"absolute", "GET http://example.org:8080/q?r HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", "GET /q ?r 0",
	 false},
	{"asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", "OPTIONS * ? 0", false},
	{"empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n", "GET / ? 0", false},
	{"continue", "PUT /p HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
	 "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", NULL, false},
	{"upgrade to something else", "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	 "HTTP/1.1 200 OK\r\n", "GET / ? 0", false},
	{"upgrade with broken settings",
	 "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: !!\r\n\r\n",
	 "HTTP/1.1 200 OK\r\n", "GET / ? 0", false},
	{"other expectation", "PUT /p HTTP/1.1\r\n" HOST "Expect: magic\r\nContent-Length: 2\r\n\r\n",
	 "HTTP/1.1 417 Expectation Failed\r\n", NULL, true},
	{"no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", NULL, true},
	{"two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "HTTP/1.1 400 Bad Request\r\n", NULL, true},
	{"unknown method", "FROB / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 501 Not Implemented\r\n", NULL, true},
	{"connect", "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 ", NULL, true},
	{"version", "GET / HTTP/3.0\r\n" HOST "\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n", NULL, true},
	{"length and chunked",
	 "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	 "HTTP/1.1 400 Bad Request\r\n", NULL, true},
	{"two lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
	 "HTTP/1.1 400 Bad Request\r\n", NULL, true},
	{"negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
	 NULL, true},
	{"blank before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", NULL, true},
	{"declared too large", "POST / HTTP/1.1\r\n" HOST "Content-Length: 100001\r\n\r\n",
	 "HTTP/1.1 413 Payload Too Large\r\n", NULL, true},
	{"no http", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "HTTP/1.1 501 Not Implemented\r\n", NULL, true},
};

static void test_http1_answers_each_request_whole_and_in_bytes(void **state)
{
	struct fixture *fixture = fixture_new();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t piece = 1; piece < 5000; piece += 4998) {
			const char *body;

			fixture_connect(fixture);
			fixture_feed(fixture, view_of(rows[i].request), piece, true);
			if (strncmp(fixture->output, rows[i].expected, strlen(rows[i].expected)) != 0 ||
			    http_connection_is_over(&fixture->connection) != rows[i].closes)
				fail_msg("%s, pieces of %zu: %s", rows[i].name, piece, fixture->output);
			body = strstr(fixture->output, "\r\n\r\n");
			assert_non_null(body);
			if (rows[i].body)
				assert_string_equal(body + 4, rows[i].body);
			fixture_disconnect(fixture);
		}
	fixture_free(fixture);
}

static void test_http1_head_tells_the_length_of_the_body_it_does_not_send(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture_connect(fixture);
	fixture_feed(fixture, VIEW("HEAD /x HTTP/1.1\r\n" HOST "\r\n"), 100, true);
	assert_non_null(strstr(fixture->output, "Content-Length: 11\r\n"));
	assert_non_null(strstr(fixture->output, "Date: Sat, 21 Nov 2026 14:00:00 GMT\r\n"));
	fixture_disconnect(fixture);
	fixture_free(fixture);
}

/* Sends head, then `count` times `piece`, until no more is taken. */
static void flood(struct fixture *fixture, const char *head, const char *piece, size_t count)
{
	fixture_feed(fixture, view_of(head), 4096, true);
	for (size_t i = 0; i < count; i++)
		if (fixture_feed(fixture, view_of(piece), 4096, true) == 0)
			return;
}

static void test_http1_limits_end_the_connection_with_their_status(void **state)
{
	static const struct {
		const char *head, *piece, *expected;
	} floods[] = {
		{"GET /", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "HTTP/1.1 414 "},
		{"GET / HTTP/1.1\r\n" HOST, "X-Header: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
		 "HTTP/1.1 431 "},
		{"GET / HTTP/1.1\r\n" HOST, "A: b\r\n", "HTTP/1.1 431 "},
		{"GET / HTTP/1.1\r\n" HOST "X: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "HTTP/1.1 431 "},
		{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
		 "80\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		 "0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
		 "HTTP/1.1 413 "},
	};
	struct fixture *fixture = fixture_new();

	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		fixture_connect(fixture);
		flood(fixture, floods[i].head, floods[i].piece, 5000);
		assert_memory_equal(fixture->output, floods[i].expected, strlen(floods[i].expected));
		assert_true(http_connection_is_over(&fixture->connection));
		fixture_disconnect(fixture);
	}
	fixture_free(fixture);
}

static void test_http1_pipelined_requests_are_answered_in_their_order(void **state)
{
	static const char three[] = "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST
				    "\r\nGET /3 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n";
	struct fixture *fixture = fixture_new();
	const char *first, *second, *third;

	fixture->keeps = true;
	fixture_connect(fixture);
	fixture_feed(fixture, VIEW(three), sizeof(three), true);
	/* One at a time: the next is only looked at when the answer before it is written. */
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fixture->kept_count, i + 1);
		fixture_answer(fixture, fixture->kept[i]);
		fixture_drain(fixture);
	}
	first = strstr(fixture->output, "GET /1");
	second = strstr(fixture->output, "GET /2");
	third = strstr(fixture->output, "GET /3");
	assert_true(first && second && third && first < second && second < third);
	assert_true(http_connection_is_over(&fixture->connection));
	fixture_disconnect(fixture);
	fixture_free(fixture);
}

static void test_http1_input_behind_an_unanswered_request_is_bounded(void **state)
{
	struct fixture *fixture = fixture_new();
	size_t taken = 0;

	fixture->keeps = true;
	fixture_connect(fixture);
	for (size_t i = 0; i < 10000; i++)
		taken += fixture_feed(fixture, VIEW("GET /1 HTTP/1.1\r\n" HOST "\r\n"), 100, true);
	assert_true(taken < 2 * HTTP_INPUT_SIZE);
	assert_int_equal(fixture->kept_count, 1);
	fixture_answer(fixture, fixture->kept[0]);
	fixture_disconnect(fixture);
	fixture_answer(fixture, fixture->kept[1]);
	assert_int_equal(fixture->core.memory, 0);
	fixture_free(fixture);
}

static void test_http1_an_answer_to_a_client_that_is_gone_is_harmless(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture->keeps = true;
	fixture_connect(fixture);
	fixture_feed(fixture, VIEW("POST /later HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 7, true);
	assert_int_equal(fixture->kept_count, 1);
	http_connection_fini(&fixture->connection);
	assert_view_equal(fixture->kept[0]->path, "/later");
	assert_view_equal(fixture->kept[0]->body, "abc");
	assert_view_equal(http_request_header(fixture->kept[0], "host"), "a");
	fixture_answer(fixture, fixture->kept[0]);
	assert_int_equal(fixture->core.requests, 0);
	assert_int_equal(fixture->core.memory, 0);
	fixture_free(fixture);
}

static void test_http1_more_requests_than_allowed_at_once_get_503(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture->keeps = true;
	for (size_t i = 0; i < 16; i++) {
		fixture_connect(fixture);
		fixture_feed(fixture, VIEW("GET / HTTP/1.1\r\n" HOST "\r\n"), 100, true);
		http_connection_fini(&fixture->connection); /* gone, but its handler is still at work */
	}
	fixture_connect(fixture);
	fixture_feed(fixture, VIEW("GET / HTTP/1.1\r\n" HOST "\r\n"), 100, true);
	assert_memory_equal(fixture->output, "HTTP/1.1 503 ", 13);
	fixture_disconnect(fixture);
	for (size_t i = 0; i < 16; i++)
		fixture_answer(fixture, fixture->kept[i]);
	assert_int_equal(fixture->core.memory, 0);
	fixture_free(fixture);
}

static void test_http1_memory_of_the_server_is_bounded(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture->core.limits.memory_max = 20000;
	fixture_connect(fixture);
	fixture_feed(fixture, VIEW("POST / HTTP/1.1\r\n" HOST "Content-Length: 90000\r\n\r\n"), 100, true);
	for (size_t i = 0; i < 900 && !http_connection_is_over(&fixture->connection); i++) {
		char body[100] = {0};

		fixture_feed(fixture, (struct view){body, sizeof(body)}, 100, true);
		assert_true(fixture->core.memory <= 20000);
	}
	assert_memory_equal(fixture->output, "HTTP/1.1 503 ", 13);
	fixture_disconnect(fixture);
	fixture_free(fixture);
}

static void test_http1_slow_requests_get_408(void **state)
{
	static const char *const slow[] = {"G", "GET / HTTP/1.1\r\nHos",
					   "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc"};
	struct fixture *fixture = fixture_new();

	for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
		fixture_connect(fixture);
		fixture_feed(fixture, view_of(slow[i]), 100, true);
		loop_sim_advance(fixture->loop, 29999);
		assert_true(http_connection_check_time(&fixture->connection));
		assert_false(http_connection_is_over(&fixture->connection));
		loop_sim_advance(fixture->loop, 1);
		assert_true(http_connection_check_time(&fixture->connection));
		fixture_drain(fixture);
		assert_memory_equal(fixture->output, "HTTP/1.1 408 ", 13);
		assert_true(http_connection_is_over(&fixture->connection));
		fixture_disconnect(fixture);
	}
	fixture_free(fixture);
}

static void test_http1_idle_connections_are_dropped(void **state)
{
	static const struct {
		const char *said;
		uint64_t after_ms;
	} idle[] = {{"", 60000}, {"PRI * HTTP/2.0\r\n", 30000}, {"GET / HTTP/1.1\r\n" HOST "\r\n", 60000}};
	struct fixture *fixture = fixture_new();

	for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
		fixture_connect(fixture);
		fixture_feed(fixture, view_of(idle[i].said), 100, true);
		loop_sim_advance(fixture->loop, idle[i].after_ms - 1);
		assert_true(http_connection_check_time(&fixture->connection));
		loop_sim_advance(fixture->loop, 1);
		assert_false(http_connection_check_time(&fixture->connection));
		fixture_disconnect(fixture);
	}
	fixture_free(fixture);
}

static void test_http1_a_client_that_does_not_read_is_dropped(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture_connect(fixture);
	fixture_feed(fixture, VIEW("GET / HTTP/1.1\r\n" HOST "\r\n"), 100, false);
	loop_sim_advance(fixture->loop, 10000);
	http_connection_sent(&fixture->connection, 1);
	loop_sim_advance(fixture->loop, 14999);
	assert_true(http_connection_check_time(&fixture->connection));
	loop_sim_advance(fixture->loop, 1);
	assert_false(http_connection_check_time(&fixture->connection));
	fixture_disconnect(fixture);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http1_answers_each_request_whole_and_in_bytes),
		cmocka_unit_test(test_http1_head_tells_the_length_of_the_body_it_does_not_send),
		cmocka_unit_test(test_http1_limits_end_the_connection_with_their_status),
		cmocka_unit_test(test_http1_pipelined_requests_are_answered_in_their_order),
		cmocka_unit_test(test_http1_input_behind_an_unanswered_request_is_bounded),
		cmocka_unit_test(test_http1_an_answer_to_a_client_that_is_gone_is_harmless),
		cmocka_unit_test(test_http1_more_requests_than_allowed_at_once_get_503),
		cmocka_unit_test(test_http1_memory_of_the_server_is_bounded),
		cmocka_unit_test(test_http1_slow_requests_get_408),
		cmocka_unit_test(test_http1_idle_connections_are_dropped),
		cmocka_unit_test(test_http1_a_client_that_does_not_read_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
