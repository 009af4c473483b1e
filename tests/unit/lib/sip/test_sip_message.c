/* lib/sip messages: what is parsed at once, folding, limits, refusals with their place and status, walking, copying,
 * framing. Every message is parsed where a page ends. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"
#include "lib/sip/sip.h"

#define VIA    "Via: SIP/2.0/UDP 192.0.2.55:5060;branch=z9hG4bKnashds8;rport\r\n"
#define REST   "From: \"Bob\" <sip:bob@h>;tag=456\r\nTo: <sip:alice@h>\r\nCall-ID: 843817637684230@998\r\n"
#define INVITE "INVITE sip:alice@h SIP/2.0\r\n" VIA REST "CSeq: 1826 INVITE\r\n"

static struct guard guard;
static struct sip_message message;
static struct sip_refusal refusal;

static int parse(struct view text, enum sip_framing framing)
{
	if (guard.map)
		guard_free(&guard);
	guard = guard_copy(text);
	refusal = (struct sip_refusal){0};
	return sip_parse(&message, guard.bytes, guard.size, framing, &refusal);
}

static void must_parse(const char *text)
{
	if (parse(view_of(text), SIP_DATAGRAM))
		fail_msg("refused at %zu: %s\n%s", refusal.offset, refusal.sentence, text);
}

static void test_sip_parse_fills_what_every_message_needs(void **state)
{
	must_parse("INVITE sip:alice@h;lr SIP/2.0\r\n" VIA "Max-Forwards: 70\r\n" REST
		   "CSeq: 1826 INVITE\r\nContent-Type: application/sdp ;x=1\r\nContent-Length: 4\r\n\r\nv=0\r\n");
	assert_true(message.is_request);
	assert_int_equal(message.method, SIP_METHOD_INVITE);
	assert_view_equal(message.uri_text, "sip:alice@h;lr");
	assert_view_equal(message.uri.user, "alice");
	assert_view_equal(message.via.branch, "z9hG4bKnashds8");
	assert_view_equal(message.from.display, "Bob");
	assert_view_equal(message.from.tag, "456");
	assert_null(message.to.tag.at);
	assert_view_equal(message.call_id, "843817637684230@998");
	assert_int_equal(message.cseq.number, 1826);
	assert_int_equal(message.max_forwards, 70);
	assert_true(message.has_content_length);
	assert_view_equal(message.body, "v=0\r");
	assert_true(sip_content_type_is(&message, "Application/SDP"));
	assert_int_equal(message.header_count, 8);

	must_parse("SIP/2.0 486 Busy Here\r\n" VIA REST "CSeq: 1 BYE\r\n\r\n");
	assert_false(message.is_request);
	assert_int_equal(message.status, 486);
	assert_view_equal(message.reason, "Busy Here");
	assert_int_equal(message.method, SIP_METHOD_BYE);
	assert_int_equal(message.max_forwards, -1);
	assert_false(message.has_content_length);
	assert_int_equal(message.body.size, 0);
	must_parse("SIP/2.0 200\r\n" VIA REST "CSeq: 1 BYE\r\n\r\n");
	assert_int_equal(message.reason.size, 0);
}

static void test_sip_parse_joins_folded_lines(void **state)
{
	must_parse("\r\n\r\nOPTIONS sip:h SIP/2.0\r\nv:\r\n SIP/2.0/UDP\r\n\t192.0.2.1\r\n ;branch=z9hG4bK1\r\nf: "
		   "<sip:a@h>\r\n  ;tag=1\r\n"
		   "t: sip:b@h\r\ni: x\r\nCSeq:\r\n 1\r\n OPTIONS\r\ns: two\r\n lines\r\nl:\r\n 0\r\n\r\n");
	assert_view_equal(message.via.branch, "z9hG4bK1");
	assert_view_equal(message.from.tag, "1");
	assert_int_equal(message.cseq.method, SIP_METHOD_OPTIONS);
	assert_view_equal(sip_header_find(&message, SIP_HEADER_SUBJECT), "two   lines");
}

static void test_sip_parse_refuses_with_place_and_status(void **state)
{
	static const struct {
		const char *name, *text;
		enum sip_framing framing;
		unsigned status;
		enum sip_header_id header;
		const char *at; /* what stands at the offset */
	} rows[] = {
		{"empty", "", SIP_DATAGRAM, 0, SIP_HEADER_COUNT, ""},
		{"keep-alive", "\r\n\r\n", SIP_DATAGRAM, 0, SIP_HEADER_COUNT, ""},
		{"rubbish", "hello world\r\n\r\n", SIP_DATAGRAM, 0, SIP_HEADER_COUNT, "\r\n"},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", SIP_DATAGRAM, 0, SIP_HEADER_COUNT, "HTTP"},
		{"no end of headers", INVITE, SIP_DATAGRAM, 400, SIP_HEADER_COUNT, ""},
		{"bare LF", "INVITE sip:alice@h SIP/2.0\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 400,
		 SIP_HEADER_COUNT, "\nVia"},
		{"bare LF smuggles a header", INVITE "Subject: x\nP-Asserted-Identity: <sip:boss@h>\r\n\r\n",
		 SIP_DATAGRAM, 400, SIP_HEADER_COUNT, "\nP-"},
		{"bare CR", INVITE "Subject: x\ry\r\n\r\n", SIP_DATAGRAM, 400, SIP_HEADER_COUNT, "\ry"},
		{"two CRs", INVITE "Subject: x\r\r\n\r\n", SIP_DATAGRAM, 400, SIP_HEADER_COUNT, "\r\r"},
		{"no version", "INVITE sip:alice@h\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 400,
		 SIP_HEADER_COUNT, "\r\nVia"},
		{"other version", "INVITE sip:alice@h SIP/3.0\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 505,
		 SIP_HEADER_COUNT, "SIP/3.0"},
		{"Via of another version",
		 "INVITE sip:alice@h SIP/2.0\r\nVia: SIP/1.0/UDP h\r\n" REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM,
		 505, SIP_HEADER_VIA, "SIP/1.0"},
		{"Request-URI", "INVITE sip: SIP/2.0\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 400,
		 SIP_HEADER_COUNT, " SIP"},
		{"line without colon", INVITE "Subject\r\n\r\n", SIP_DATAGRAM, 400, SIP_HEADER_COUNT, "Subject"},
		{"line without name", INVITE ": x\r\n\r\n", SIP_DATAGRAM, 400, SIP_HEADER_COUNT, ": x"},
		{"fold after the start line", "OPTIONS sip:h SIP/2.0\r\n X: y\r\n" VIA REST "CSeq: 1 OPTIONS\r\n\r\n",
		 SIP_DATAGRAM, 400, SIP_HEADER_COUNT, " X"},
		{"no Via", "INVITE sip:alice@h SIP/2.0\r\n" REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 0,
		 SIP_HEADER_VIA, ""},
		{"no CSeq", "INVITE sip:alice@h SIP/2.0\r\n" VIA REST "\r\n", SIP_DATAGRAM, 400, SIP_HEADER_CSEQ, ""},
		{"two From", INVITE "f: <sip:x@h>\r\n\r\n", SIP_DATAGRAM, 400, SIP_HEADER_FROM, "f:"},
		{"bad From",
		 "INVITE sip:alice@h SIP/2.0\r\n" VIA
		 "From: <sip:a@b\r\nTo: sip:a@h\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n",
		 SIP_DATAGRAM, 400, SIP_HEADER_FROM, "<sip:a@b"},
		{"empty Via", "INVITE sip:h SIP/2.0\r\nVia: ,\r\n" REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 0,
		 SIP_HEADER_VIA, ","},
		{"response of another version", "SIP/3.0 200 OK\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 0,
		 SIP_HEADER_COUNT, "SIP/3.0"},
		{"no method", " sip:h SIP/2.0\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 400,
		 SIP_HEADER_COUNT, " sip"},
		{"Call-ID with a blank",
		 "INVITE sip:h SIP/2.0\r\n" VIA
		 "From: sip:a@h\r\nTo: sip:a@h\r\nCall-ID: 1 2\r\nCSeq: 1 INVITE\r\n\r\n",
		 SIP_DATAGRAM, 400, SIP_HEADER_CALL_ID, " 2"},
		{"empty Call-ID",
		 "INVITE sip:h SIP/2.0\r\n" VIA "From: sip:a@h\r\nTo: sip:a@h\r\nCall-ID:\r\nCSeq: 1 INVITE\r\n\r\n",
		 SIP_DATAGRAM, 400, SIP_HEADER_CALL_ID, "\r\n"},
		{"CSeq of another method", "BYE sip:h SIP/2.0\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 400,
		 SIP_HEADER_CSEQ, "1 "},
		{"bad ACK is never answered", "ACK sip:h SIP/2.0\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM,
		 0, SIP_HEADER_CSEQ, "1 "},
		{"bad response is never answered", "SIP/2.0 200 OK\r\n" VIA REST "\r\n", SIP_DATAGRAM, 0,
		 SIP_HEADER_CSEQ, ""},
		{"status 99", "SIP/2.0 099 x\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 0, SIP_HEADER_COUNT,
		 " 099"},
		{"status 700", "SIP/2.0 700 x\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_DATAGRAM, 0, SIP_HEADER_COUNT,
		 " 700"},
		{"Max-Forwards 256", INVITE "Max-Forwards: 256\r\n\r\n", SIP_DATAGRAM, 400, SIP_HEADER_MAX_FORWARDS,
		 "256"},
		{"Content-Length no number", INVITE "Content-Length: x\r\n\r\n", SIP_DATAGRAM, 400,
		 SIP_HEADER_CONTENT_LENGTH, "x"},
		{"Content-Length beyond the datagram", INVITE "Content-Length: 2\r\n\r\nx", SIP_DATAGRAM, 400,
		 SIP_HEADER_CONTENT_LENGTH, "2"},
		{"stream without Content-Length", INVITE "\r\n", SIP_STREAM, 400, SIP_HEADER_CONTENT_LENGTH, ""},
		{"stream with more than Content-Length", INVITE "l: 0\r\n\r\nx", SIP_STREAM, 400,
		 SIP_HEADER_CONTENT_LENGTH, "0"},
		{"stream promises too much", INVITE "l: 65530\r\n\r\n", SIP_STREAM, 513, SIP_HEADER_CONTENT_LENGTH,
		 "65530"},
		{"stream promises far too much", INVITE "l: 99999999\r\n\r\n", SIP_STREAM, 513,
		 SIP_HEADER_CONTENT_LENGTH, "9999"},
		{"first fault is told", "INVITE sip:alice@h SIP/9\r\n" VIA REST "l: x\r\n\r\n", SIP_DATAGRAM, 505,
		 SIP_HEADER_COUNT, "SIP/9"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!parse(view_of(rows[i].text), rows[i].framing))
			fail_msg("%s: accepted", rows[i].name);
		if (refusal.status != rows[i].status || refusal.header != rows[i].header ||
		    refusal.offset > guard.size ||
		    strncmp(rows[i].text + refusal.offset, rows[i].at, strlen(rows[i].at)) != 0)
			fail_msg("%s: %u %s at %zu: %s", rows[i].name, refusal.status, sip_header_name(refusal.header),
				 refusal.offset, refusal.sentence);
	}
}

static void test_sip_parse_takes_a_nul_only_in_a_quoted_pair_and_blanks_it(void **state)
{
	static const char good[] = INVITE "Subject: \"a\\\0b\"\r\n\r\n", bad[] = INVITE "Subject: a\0b\r\n\r\n";

	assert_int_equal(parse((struct view){good, sizeof(good) - 1}, SIP_DATAGRAM), 0);
	assert_view_equal(sip_header_find(&message, SIP_HEADER_SUBJECT), "\"a\\ b\"");
	assert_int_equal(parse((struct view){bad, sizeof(bad) - 1}, SIP_DATAGRAM), ERR_SYNTAX);
	assert_int_equal(bad[refusal.offset], '\0');
}

/* head, `repeated` n times, tail. */
static struct view repeat(const char *head, const char *repeated, size_t count, const char *tail)
{
	static char buffer[2 * SIP_MESSAGE_MAX];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_add_string(&text, head);
	for (size_t i = 0; i < count; i++)
		text_add_string(&text, repeated);
	text_add_string(&text, tail);
	assert_false(text.overflow);
	return text_view(&text);
}

static void test_sip_parse_limits(void **state)
{
	static const struct {
		const char *name, *head, *repeated, *tail;
		size_t last_good;
		unsigned status; /* of one more */
	} rows[] = {
		{"header lines", INVITE, "A: b\r\n", "\r\n", SIP_HEADERS_MAX - 5, 400},
		{"Via lines", INVITE, "v: SIP/2.0/UDP h\r\n", "\r\n", SIP_VIAS_MAX - 1, 400},
		{"header name", INVITE, "n", ": x\r\n\r\n", SIP_HEADER_NAME_MAX, 400},
		{"header value", INVITE "Subject: ", "s", "\r\n\r\n", SIP_HEADER_VALUE_MAX, 400},
		{"Request-URI", "INVITE sip:", "u", "@h SIP/2.0\r\n" VIA REST "CSeq: 1 INVITE\r\n\r\n", SIP_URI_MAX - 6,
		 414},
		{"Call-ID", "INVITE sip:h SIP/2.0\r\n" VIA "f: sip:a@h\r\nt: sip:a@h\r\nCSeq: 1 INVITE\r\ni: ", "i",
		 "\r\n\r\n", SIP_CALL_ID_MAX, 400},
		{"tag", "INVITE sip:h SIP/2.0\r\n" VIA "t: sip:a@h\r\ni: 1\r\nCSeq: 1 INVITE\r\nf: sip:a@h;tag=", "t",
		 "\r\n\r\n", SIP_CALL_ID_MAX, 400},
		{"branch",
		 "INVITE sip:h SIP/2.0\r\nt: sip:a@h\r\ni: 1\r\nCSeq: 1 INVITE\r\nf: sip:a@h\r\nv: SIP/2.0/UDP "
		 "h;branch=",
		 "b", "\r\n\r\n", SIP_CALL_ID_MAX, 400},
		{"message", INVITE "\r\n", "b", "", SIP_MESSAGE_MAX - sizeof(INVITE "\r\n") + 1, 513},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (parse(repeat(rows[i].head, rows[i].repeated, rows[i].last_good, rows[i].tail), SIP_DATAGRAM))
			fail_msg("%s: refused: %s", rows[i].name, refusal.sentence);
		if (parse(repeat(rows[i].head, rows[i].repeated, rows[i].last_good + 1, rows[i].tail), SIP_DATAGRAM) !=
		    ERR_TOO_LONG)
			fail_msg("%s: one more is not refused as too long", rows[i].name);
		if (refusal.status != rows[i].status)
			fail_msg("%s: %u", rows[i].name, refusal.status);
	}
}

/* RFC 5118: the parser's part of every message of its section 4. */
static void test_sip_parse_ipv6_torture(void **state)
{
#define V6_VIA "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n"
#define V6_REST                                                                                                        \
	"To: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\nCall-ID: "                                 \
	"SSG9559905523997077@hlau_4100\r\n"                                                                            \
	"Contact: \"Caller\" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 REGISTER\r\nContent-Length: 0\r\n\r\n"
	static const struct {
		const char *name, *text;
		bool is_good;
		const char *host;
		unsigned port;
	} rows[] = {
		{"4.1 ipv6-good", "REGISTER sip:[2001:db8::10] SIP/2.0\r\n" V6_VIA V6_REST, true, "2001:db8::10", 0},
		{"4.2 ipv6-bad", "REGISTER sip:2001:db8::10 SIP/2.0\r\n" V6_VIA V6_REST, false, NULL, 0},
		{"4.3 port-ambiguous", "REGISTER sip:[2001:db8::10:5070] SIP/2.0\r\n" V6_VIA V6_REST, true,
		 "2001:db8::10:5070", 0},
		{"4.4 port-unambiguous", "REGISTER sip:[2001:db8::10]:5070 SIP/2.0\r\n" V6_VIA V6_REST, true,
		 "2001:db8::10", 5070},
		{"4.5 via-received-param-with-delim",
		 "REGISTER sip:[2001:db8::10] SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111\r\n" V6_REST,
		 true, "2001:db8::10", 0},
		{"4.5 via-received-param-no-delim",
		 "REGISTER sip:[2001:db8::10] SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3\r\n" V6_REST,
		 true, "2001:db8::10", 0},
		{"4.7 mult-ip-in-header",
		 "REGISTER sip:user@host.example.net SIP/2.0\r\nVia: SIP/2.0/UDP "
		 "[2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n"
		 "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n"
		 "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\n" V6_REST,
		 true, "host.example.net", 0},
		{"4.10 ipv6-bug-abnf-3-colons: the RFC's own grammar errs, no address has three",
		 "REGISTER sip:user@[2001:db8:::192.0.2.1] SIP/2.0\r\n" V6_VIA V6_REST, false, NULL, 0},
		{"4.10 ipv6-correct-abnf-2-colons",
		 "REGISTER sip:user@[2001:db8::192.0.2.1] SIP/2.0\r\n" V6_VIA V6_REST, true, "2001:db8::192.0.2.1", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int error = parse(view_of(rows[i].text), SIP_DATAGRAM);

		if ((error == 0) != rows[i].is_good)
			fail_msg("%s: %s", rows[i].name, error ? refusal.sentence : "accepted");
		if (error) {
			assert_int_equal(refusal.status, 400);
			continue;
		}
		assert_view_equal(message.uri.host, rows[i].host);
		assert_int_equal(message.uri.port, rows[i].port);
	}
}

static void test_sip_headers_are_found_and_walked(void **state)
{
	static const char *const routes[] = {"<sip:a;lr>", "<sip:b,c;lr>", "\"x, y\" <sip:d>", "<sip:e>"};
	struct view value;
	uint32_t number;
	size_t count = 0;

	must_parse(
		INVITE
		"Route: <sip:a;lr> , <sip:b,c;lr>\r\nX-One: 1\r\nroute:\"x, y\" <sip:d>\r\nX-Two: 2\r\nX-ONE: 3\r\n"
		"Supported: timer,100rel\r\nk:\r\nRoute: <sip:e>\r\nSubject: a, b\r\nAuthorization: Digest a=b, c=d\r\n"
		"Expires: 60;x\r\nSubject2: \r\n\r\n");
	SIP_HEADER_FOREACH (&message, SIP_HEADER_ROUTE, value) {
		assert_true(count < ARRAY_LEN(routes));
		assert_view_equal(value, routes[count]);
		count++;
	}
	assert_int_equal(count, ARRAY_LEN(routes));
	count = 0;
	SIP_HEADER_FOREACH (&message, SIP_HEADER_AUTHORIZATION, value) {
		assert_view_equal(value, "Digest a=b, c=d");
		count++;
	}
	assert_int_equal(count, 1);
	assert_view_equal(sip_header_find(&message, SIP_HEADER_SUBJECT), "a, b");
	assert_null(sip_header_find(&message, SIP_HEADER_REASON).at);
	assert_view_equal(sip_header_find_name(&message, "x-two"), "2");
	assert_view_equal(sip_header_find_name(&message, "x-one"), "1");
	assert_view_equal(sip_header_find_name(&message, "Subject2"), "");
	assert_view_equal(sip_header_find_name(&message, "expires"), "60;x");
	assert_null(sip_header_find_name(&message, "X-Three").at);
	assert_true(sip_header_has(&message, SIP_HEADER_SUPPORTED, "100REL"));
	assert_false(sip_header_has(&message, SIP_HEADER_SUPPORTED, "replaces"));
	assert_int_equal(sip_header_u32(&message, SIP_HEADER_EXPIRES, 3600, &number), 0);
	assert_int_equal(number, 60);
	assert_int_equal(sip_header_u32(&message, SIP_HEADER_EXPIRES, 59, &number), ERR_RANGE);
	assert_int_equal(sip_header_u32(&message, SIP_HEADER_MIN_SE, 59, &number), ERR_NOT_FOUND);
	assert_true(sip_header_is_present(&message, SIP_HEADER_ROUTE));
}

static void test_sip_body_find_looks_into_multiparts(void **state)
{
#define MULTI INVITE "Content-Type: multipart/mixed;boundary=\"b 1\"\r\n\r\n"
	static const struct {
		const char *name, *text, *content; /* NULL: not found */
	} rows[] = {
		{"no body", INVITE "Content-Type: application/sdp\r\n\r\n", NULL},
		{"no type", INVITE "\r\nv=0\r\n", NULL},
		{"itself", INVITE "c: Application/SDP;x=y\r\n\r\nv=0\r\n", "v=0\r\n"},
		{"another", INVITE "c: text/plain\r\n\r\nv=0\r\n", NULL},
		{"second part",
		 MULTI "preamble\r\n--b 1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b 1\r\nX: y\r\n"
		       "C: application/sdp ;a=b\r\n\r\nv=0\r\ns=-\r\n\r\n--b 1--\r\nepilogue",
		 "v=0\r\ns=-\r\n"},
		{"part without headers", MULTI "--b 1\r\n\r\nv=0\r\n--b 1--\r\n", NULL},
		{"empty part", MULTI "--b 1\r\nc:application/sdp\r\n\r\n--b 1--", ""},
		{"part that does not end", MULTI "--b 1\r\nc:application/sdp\r\n\r\nv=0\r\n", NULL},
		{"headers that do not end", MULTI "--b 1\r\nc:application/sdp\r\n--b 1--\r\n", NULL},
		{"behind the end", MULTI "--b 1--\r\n--b 1\r\nc:application/sdp\r\n\r\nv=0\r\n--b 1--\r\n", NULL},
		{"no delimiter", MULTI "v=0\r\n", NULL},
		{"no boundary", INVITE "c: multipart/mixed\r\n\r\n--\r\nc:application/sdp\r\n\r\nv=0\r\n----\r\n",
		 NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct view content = {NULL, 0};

		must_parse(rows[i].text);
		if (sip_body_find(&message, "application/sdp", &content) != (rows[i].content != NULL))
			fail_msg("%s", rows[i].name);
		if (rows[i].content)
			assert_view_equal(content, rows[i].content);
	}
}

static void test_sip_message_new_outlives_its_buffer(void **state)
{
	struct sip_message *copy;

	must_parse(INVITE "Subject: two\r\n lines\r\nl: 3\r\n\r\nabcdef");
	assert_int_equal(sip_message_new(&message, &copy), 0);
	memset(guard.bytes, 'x', guard.size);
	assert_view_equal(copy->from.tag, "456");
	assert_view_equal(sip_header_find(copy, SIP_HEADER_SUBJECT), "two   lines");
	assert_view_equal(copy->body, "abc");
	assert_true(copy->call_id.at > (char *)copy);
	sip_message_free(copy);
	sip_message_free(NULL);
	assert_int_not_equal(parse(VIEW("rubbish\r\n\r\n"), SIP_DATAGRAM), 0);
	assert_int_equal(sip_message_new(&message, &copy), ERR_INVALID);
}

/* Feeds text in pieces of `step` bytes and writes what came out: m<size> p b L. */
static void frame_all(const char *text, size_t step, char *out, size_t out_size)
{
	struct sip_framer framer = {0};
	size_t consumed = 0, fed = 0, total = strlen(text);
	struct text result;

	text_init(&result, out, out_size);
	while (fed < total) {
		size_t size;
		enum sip_frame frame;

		fed = MIN(fed + step, total);
		while ((frame = sip_frame(&framer, (struct view){text + consumed, fed - consumed}, &size)) !=
		       SIP_FRAME_MORE) {
			if (frame == SIP_FRAME_TOO_LARGE) {
				text_add_string(&result, "L");
				return;
			}
			if (frame == SIP_FRAME_MESSAGE)
				text_printf(&result, "m%zu ", size);
			else
				text_add_string(&result, frame == SIP_FRAME_PING ? "p " : "b ");
			consumed += size;
		}
	}
	text_printf(&result, "%zu", total - consumed);
}

static void test_sip_frame_cuts_streams_however_they_arrive(void **state)
{
	static const struct {
		const char *text;
		const char *whole, *by_byte; /* blanks and pings may come out differently */
	} rows[] = {
		{"A: b\r\n\r\n", "m8 0", "m8 0"},
		{"A: b\r\nContent-Length: 3\r\n\r\nabcX: y\r\nl:1\r\n\r\nz", "m30 m14 0", "m30 m14 0"},
		{"A: b\r\nl :\r\n  2\r\n\r\nab", "m20 0", "m20 0"},
		{"A: b\r\n l: 5\r\n\r\n", "m15 0", "m15 0"}, /* a folded line is no Content-Length */
		{"A: b\r\nCONTENT-length: 5\r\n\r\nab", "29", "29"},
		{"\r\n\r\nA: b\r\n\r\n", "p m8 0", "b p m8 0"},
		{"\r\nA: b\r\n\r\n\r\n\r\n\r\n", "b m8 p b 0", "b m8 b p b 0"},
		{"\r\n", "b 0", "b 0"},
		{"\r", "1", "1"},
		{"A: b\r\nl: 99999999999999999999\r\n\r\n", "m33 0", "m33 0"}, /* sip_parse answers 513 */
		{"A: b\r\nl: x\r\n\r\n", "m14 0", "m14 0"},                    /* and 400 */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char out[64];

		frame_all(rows[i].text, 1000, out, sizeof(out));
		if (strcmp(out, rows[i].whole) != 0)
			fail_msg("%s: %s", rows[i].text, out);
		frame_all(rows[i].text, 1, out, sizeof(out));
		if (strcmp(out, rows[i].by_byte) != 0)
			fail_msg("%s: by byte %s", rows[i].text, out);
	}
}

static void test_sip_frame_gives_up_at_the_limit(void **state)
{
	struct sip_framer framer = {0};
	struct view text = repeat("", "A: b\r\n", 2 * SIP_MESSAGE_MAX / 7, "");
	size_t size;

	assert_int_equal(sip_frame(&framer, view_sub(text, 0, SIP_MESSAGE_MAX - 1), &size), SIP_FRAME_MORE);
	assert_int_equal(sip_frame(&framer, view_sub(text, 0, SIP_MESSAGE_MAX), &size), SIP_FRAME_TOO_LARGE);
}

static void test_sip_frame_and_parse_agree(void **state)
{
	struct sip_framer framer = {0};
	struct view text = VIEW(INVITE "l:\r\n 3\r\n\r\nabcINVITE");
	size_t size;

	assert_int_equal(sip_frame(&framer, text, &size), SIP_FRAME_MESSAGE);
	assert_int_equal(parse(view_sub(text, 0, size), SIP_STREAM), 0);
	assert_view_equal(message.body, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sip_parse_fills_what_every_message_needs),
		cmocka_unit_test(test_sip_parse_joins_folded_lines),
		cmocka_unit_test(test_sip_parse_refuses_with_place_and_status),
		cmocka_unit_test(test_sip_parse_takes_a_nul_only_in_a_quoted_pair_and_blanks_it),
		cmocka_unit_test(test_sip_parse_limits),
		cmocka_unit_test(test_sip_parse_ipv6_torture),
		cmocka_unit_test(test_sip_headers_are_found_and_walked),
		cmocka_unit_test(test_sip_body_find_looks_into_multiparts),
		cmocka_unit_test(test_sip_message_new_outlives_its_buffer),
		cmocka_unit_test(test_sip_frame_cuts_streams_however_they_arrive),
		cmocka_unit_test(test_sip_frame_gives_up_at_the_limit),
		cmocka_unit_test(test_sip_frame_and_parse_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
