/* lib/sip printer: whole messages as they leave, Via after RFC 3581, and that nobody gets a line of his own in. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"
#include "lib/sip/sip.h"

static char out[SIP_MESSAGE_MAX + 1];
static char input[4096];
static struct sip_message message;

static int parse(const char *text)
{
	struct sip_refusal refusal;

	assert_int_equal(view_copy(view_of(text), input, sizeof(input)), 0);
	return sip_parse(&message, input, strlen(input), SIP_DATAGRAM, &refusal);
}

static void test_sip_write_request(void **state)
{
	struct sip_writer w;
	struct sip_name_address from = {.display = VIEW("Bob"), .params = VIEW(";tag=1")};

	assert_int_equal(sip_uri_parse(VIEW("sip:bob@h"), &from.uri), 0);
	sip_writer_init(&w, out, sizeof(out));
	sip_write_request_line(&w, SIP_METHOD_INVITE, VIEW("sip:a@h"));
	sip_write_name_address(&w, SIP_HEADER_FROM, &from);
	sip_write_header(&w, SIP_HEADER_CSEQ, "%u %s", 7, sip_method_name(SIP_METHOD_INVITE));
	sip_write_header_u32(&w, SIP_HEADER_MAX_FORWARDS, 70);
	sip_write_header_named(&w, VIEW("X-A"), VIEW("b"));
	assert_int_equal(sip_write_end(&w, "application/sdp", VIEW("v=0\r\n")), 0);
	assert_string_equal(
		out,
		"INVITE sip:a@h SIP/2.0\r\nFrom: \"Bob\" <sip:bob@h>;tag=1\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n"
		"X-A: b\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n");
}

static void test_sip_write_response_adds_received_and_rport(void **state)
{
#define REST   "From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
#define REST_T "From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>;tag=t\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
	static const struct {
		const char *name, *vias, *source; /* source NULL: not told */
		const char *printed;
	} rows[] = {
		{"no source", "Via: SIP/2.0/UDP h;rport;received=1.2.3.4;branch=z\r\n", NULL,
		 "Via: SIP/2.0/UDP h;rport;received=1.2.3.4;branch=z\r\n"},
		{"same address, nothing asked", "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z\r\n", "192.0.2.1:9",
		 "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z\r\n"},
		{"other address", "Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z\r\n", "192.0.2.1:9",
		 "Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z;received=192.0.2.1\r\n"},
		{"name", "Via: SIP/2.0/UDP phone.example.com;branch=z\r\n", "192.0.2.1:9",
		 "Via: SIP/2.0/UDP phone.example.com;branch=z;received=192.0.2.1\r\n"},
		{"rport", "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z\r\n", "192.0.2.1:4711",
		 "Via: SIP/2.0/UDP 192.0.2.1;branch=z;received=192.0.2.1;rport=4711\r\n"},
		{"lies are dropped", "Via: SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;rport=666;a=\"b;c\";branch=z\r\n",
		 "192.0.2.1:4711", "Via: SIP/2.0/UDP 192.0.2.1;a=\"b;c\";branch=z;received=192.0.2.1;rport=4711\r\n"},
		{"IPv6 in another spelling", "Via: SIP/2.0/UDP [2001:DB8::0:1];branch=z\r\n", "[2001:db8::1]:9",
		 "Via: SIP/2.0/UDP [2001:DB8::0:1];branch=z\r\n"},
		{"others follow as they were",
		 "v: SIP/2.0/UDP 192.0.2.1;rport , SIP/2.0/TCP b\r\nVia: SIP/2.0/UDP c;received=1.1.1.1\r\n",
		 "192.0.2.1:7",
		 "Via: SIP/2.0/UDP 192.0.2.1;received=192.0.2.1;rport=7 , SIP/2.0/TCP b\r\nVia: SIP/2.0/UDP "
		 "c;received=1.1.1.1\r\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[1024];
		struct sip_writer w;
		struct net_endpoint source;

		snprintf(text, sizeof(text), "INVITE sip:a@h SIP/2.0\r\n%s" REST "\r\n", rows[i].vias);
		assert_int_equal(parse(text), 0);
		if (rows[i].source)
			assert_int_equal(net_endpoint_parse(view_of(rows[i].source), 0, &source), 0);
		sip_writer_init(&w, out, sizeof(out));
		sip_write_response(&w, &message, 180, VIEW_EMPTY, VIEW("t"), rows[i].source ? &source : NULL);
		assert_int_equal(sip_write_end(&w, NULL, VIEW_EMPTY), 0);
		snprintf(text, sizeof(text), "SIP/2.0 180 Ringing\r\n%s" REST_T "Content-Length: 0\r\n\r\n",
			 rows[i].printed);
		if (strcmp(out, text) != 0)
			fail_msg("%s:\n%s", rows[i].name, out);
		assert_int_equal(parse(out), 0);
	}
}

static void test_sip_write_response_keeps_a_to_tag_and_the_timestamp(void **state)
{
	struct sip_writer w;

	assert_int_equal(parse("BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTimestamp: 54\r\nf: sip:b@h;tag=1\r\nt: "
			       "sip:a@h;tag=2\r\n"
			       "i: x\r\nCSeq: 1 BYE\r\n\r\n"),
			 0);
	sip_writer_init(&w, out, sizeof(out));
	sip_write_response(&w, &message, 481, VIEW("Gone"), VIEW("t"), NULL);
	assert_int_equal(sip_write_end(&w, NULL, VIEW_EMPTY), 0);
	assert_string_equal(
		out,
		"SIP/2.0 481 Gone\r\nVia: SIP/2.0/UDP h\r\nFrom: sip:b@h;tag=1\r\nTo: sip:a@h;tag=2\r\nCall-ID: x\r\n"
		"CSeq: 1 BYE\r\nTimestamp: 54\r\nContent-Length: 0\r\n\r\n");
}

static void test_sip_write_copy_copies_all_of_an_id(void **state)
{
	struct sip_writer w;

	assert_int_equal(parse("BYE sip:a@h SIP/2.0\r\nRecord-Route: <sip:1>,\r\n <sip:2>\r\nVia: SIP/2.0/UDP h\r\nf: "
			       "sip:b@h\r\nt: sip:a@h\r\n"
			       "i: x\r\nCSeq: 1 BYE\r\nrecord-route: <sip:3>\r\n\r\n"),
			 0);
	sip_writer_init(&w, out, sizeof(out));
	sip_write_status_line(&w, 200, VIEW_EMPTY);
	sip_write_copy(&w, &message, SIP_HEADER_RECORD_ROUTE);
	sip_write_copy(&w, &message, SIP_HEADER_ROUTE);
	assert_int_equal(sip_write_end(&w, NULL, VIEW_EMPTY), 0);
	assert_string_equal(out, "SIP/2.0 200 OK\r\nRecord-Route: <sip:1>,   <sip:2>\r\nRecord-Route: "
				 "<sip:3>\r\nContent-Length: 0\r\n\r\n");
}

/* Each writes one value that holds a line end. */
static void inject_view(struct sip_writer *w)
{
	sip_write_header_view(w, SIP_HEADER_SUBJECT, VIEW("a\r\nX: y"));
}
static void inject_lf(struct sip_writer *w)
{
	sip_write_header(w, SIP_HEADER_SUBJECT, "%s", "a\nX: y");
}
static void inject_cr(struct sip_writer *w)
{
	sip_write_header_named(w, VIEW("X-A"), VIEW("a\r"));
}
static void inject_nul(struct sip_writer *w)
{
	sip_write_header_view(w, SIP_HEADER_SUBJECT, VIEW("a\0b"));
}
static void inject_name(struct sip_writer *w)
{
	sip_write_header_named(w, VIEW("X: y\r\nZ"), VIEW("a"));
}
static void inject_reason(struct sip_writer *w)
{
	sip_write_status_line(w, 200, VIEW("OK\r\nX: y"));
}
static void inject_uri(struct sip_writer *w)
{
	sip_write_request_line(w, SIP_METHOD_BYE, VIEW("sip:a SIP/2.0\r\nX: y"));
}
static void inject_display(struct sip_writer *w)
{
	struct sip_name_address address = {.display = VIEW("a\r\nX: y"), .uri = {.text = VIEW("sip:a@b")}};

	sip_write_name_address(w, SIP_HEADER_FROM, &address);
}
static void other_method(struct sip_writer *w)
{
	sip_write_request_line(w, SIP_METHOD_OTHER, VIEW("sip:a"));
}
static void bad_status(struct sip_writer *w)
{
	sip_write_status_line(w, 99, VIEW_EMPTY);
}

static void test_sip_write_refuses_header_injection(void **state)
{
	static void (*const rows[])(struct sip_writer *) = {inject_view,  inject_lf,     inject_cr,  inject_nul,
							    inject_name,  inject_reason, inject_uri, inject_display,
							    other_method, bad_status};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_writer w;

		sip_writer_init(&w, out, sizeof(out));
		rows[i](&w);
		sip_write_header_u32(&w, SIP_HEADER_EXPIRES, 1);
		if (sip_write_end(&w, NULL, VIEW_EMPTY) != ERR_INVALID)
			fail_msg("row %zu leaves as\n%s", i, out);
	}
}

static void test_sip_write_stops_at_the_end_of_the_buffer(void **state)
{
	size_t whole = sizeof(out);

	assert_int_equal(parse("BYE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nf: sip:b@h\r\nt: sip:a@h\r\ni: x\r\nCSeq: "
			       "1 BYE\r\n\r\n"),
			 0);
	for (size_t size = 0; size < 200; size++) {
		struct guard guard = guard_copy((struct view){out, size});
		struct sip_writer w;
		int error;

		sip_writer_init(&w, guard.bytes, guard.size);
		sip_write_response(&w, &message, 200, VIEW_EMPTY, VIEW("t"), NULL);
		error = sip_write_end(&w, NULL, VIEW("body"));
		if (!error && whole == sizeof(out))
			whole = w.text.size;
		/* the terminator needs a byte too */
		if (error != (size > whole ? 0 : ERR_TOO_LONG))
			fail_msg("%zu bytes: %s, %zu written", size, error_text(error), w.text.size);
		guard_free(&guard);
	}
	assert_int_equal(whole, 120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sip_write_request),
		cmocka_unit_test(test_sip_write_response_adds_received_and_rport),
		cmocka_unit_test(test_sip_write_response_keeps_a_to_tag_and_the_timestamp),
		cmocka_unit_test(test_sip_write_copy_copies_all_of_an_id),
		cmocka_unit_test(test_sip_write_refuses_header_injection),
		cmocka_unit_test(test_sip_write_stops_at_the_end_of_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
