/* lib/sdp: what is accepted and refused, how hold is spelled, what crosses to the other leg, what we answer. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"
#include "lib/sdp/sdp.h"

#define HEAD   "v=0\r\no=alice 2890844526 2890844526 IN IP4 host.example.com\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
#define HEAD_C "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\n" /* without c= */

static struct sdp_session session; /* large; every test parses anew */

static int parse(const char *text, struct sdp_refusal *refusal)
{
	struct guard guard = guard_copy(view_of(text));
	int error = sdp_parse((struct view){guard.bytes, guard.size}, &session, refusal);

	guard_free(&guard);
	return error;
}

/* For tests that ask afterwards: the text must stay. */
static void must_parse(const char *text)
{
	struct sdp_refusal refusal = {0};

	if (sdp_parse(view_of(text), &session, &refusal))
		fail_msg("refused at %zu: %s", refusal.offset, refusal.sentence);
}

static void test_sdp_parse_accepts_and_refuses(void **state)
{
	static const struct {
		const char *name, *text;
		int error;
		const char *at; /* the text from the refusal's offset on begins with this */
	} rows[] = {
		{"plain", HEAD "m=audio 49170 RTP/AVP 0\r\n", 0, NULL},
		{"LF line ends", "v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nc=IN IP4 1.2.3.4\nt=0 0\nm=audio 4 RTP/AVP 0\n", 0,
		 NULL},
		{"last line without end", HEAD "m=audio 49170 RTP/AVP 0", 0, NULL},
		{"empty lines at the end", HEAD "m=audio 49170 RTP/AVP 0\r\n\r\n\r\n", 0, NULL},
		{"no s= and t=", "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\nc=IN IP4 1.2.3.4\r\nm=audio 4 RTP/AVP 0\r\n", 0,
		 NULL},
		{"no media", HEAD, 0, NULL},
		{"IPv6", HEAD_C "m=audio 4 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n", 0, NULL},
		{"host name", HEAD_C "c=IN IP4 media.example.com\r\nm=audio 4 RTP/AVP 0\r\n", 0, NULL},
		{"multicast with ttl", HEAD_C "c=IN IP4 224.2.1.1/127/3\r\nm=audio 4 RTP/AVP 0\r\n", 0, NULL},
		{"port count", HEAD "m=audio 4/2 RTP/AVP 0\r\n", 0, NULL},
		{"rejected line without c=", HEAD_C "m=audio 0 RTP/AVP 0\r\n", 0, NULL},
		{"version id beyond 64 bits", "v=0\r\no=- 123456789012345678901234567890 1 IN IP4 1.2.3.4\r\n", 0,
		 NULL},
		{"fax", HEAD "m=image 4000 udptl t38\r\n", 0, NULL},
		{"empty", "", ERR_SYNTAX, ""},
		{"no v=", "o=- 1 1 IN IP4 1.2.3.4\r\n", ERR_SYNTAX, "o=-"},
		{"v=1", "v=1\r\n", ERR_VERSION, "1"},
		{"two v=", HEAD "v=0\r\n", ERR_SYNTAX, "v=0"},
		{"no o=", "v=0\r\ns=-\r\n", ERR_SYNTAX, "v=0"},
		{"two o=", HEAD "o=- 1 1 IN IP4 1.2.3.4\r\n", ERR_SYNTAX, "- 1"},
		{"o= id no number", "v=0\r\no=- x 1 IN IP4 1.2.3.4\r\n", ERR_SYNTAX, "- x"},
		{"o= too short", "v=0\r\no=- 1 1\r\n", ERR_SYNTAX, ""},
		{"unknown letter", HEAD "q=1\r\n", ERR_SYNTAX, "q=1"},
		{"no equal sign", HEAD "hello\r\n", ERR_SYNTAX, "hello"},
		{"empty line inside", HEAD "\r\nm=audio 4 RTP/AVP 0\r\n", ERR_SYNTAX, "\r\nm="},
		{"lone CR", HEAD "a=x:\ry\r\n", ERR_SYNTAX, "\ry"},
		{"IP6 with an IPv4 address", HEAD "c=IN IP6 192.0.2.1\r\n", ERR_SYNTAX, "192"},
		{"IP4 with an IPv6 address", HEAD "c=IN IP4 2001:db8::1\r\n", ERR_SYNTAX, "2001"},
		{"other address type", HEAD "c=IN NSAP 1234\r\n", ERR_SYNTAX, "NSAP"},
		{"broken IPv6", HEAD "c=IN IP6 2001:db8:::1\r\n", ERR_SYNTAX, "2001"},
		{"other network", HEAD "c=ATM IP4 1.2.3.4\r\n", ERR_SYNTAX, "ATM"},
		{"media without c=", HEAD_C "m=audio 4 RTP/AVP 0\r\n", ERR_SYNTAX, "audio"},
		{"media without formats", HEAD "m=audio 4 RTP/AVP\r\n", ERR_SYNTAX, "\r\n"},
		{"media port too large", HEAD "m=audio 65536 RTP/AVP 0\r\n", ERR_SYNTAX, "audio"},
		{"payload type 128", HEAD "m=audio 4 RTP/AVP 0 128\r\n", ERR_SYNTAX, "128"},
		{"payload type no number", HEAD "m=audio 4 RTP/AVP pcmu\r\n", ERR_SYNTAX, "pcmu"},
		{"attribute without name", HEAD "a=:1\r\n", ERR_SYNTAX, ":1"},
		{"a=rtcp without port", HEAD "m=audio 4 RTP/AVP 0\r\na=rtcp:IN\r\n", ERR_SYNTAX, "IN"},
		{"a=rtcp alone", HEAD "m=audio 4 RTP/AVP 0\r\na=rtcp\r\n", ERR_SYNTAX, "\r\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sdp_refusal refusal = {0};
		int error = parse(rows[i].text, &refusal);

		if (error != rows[i].error)
			fail_msg("%s: %s (%s)", rows[i].name, error_text(error), error ? refusal.sentence : "");
		if (error && strncmp(rows[i].text + refusal.offset, rows[i].at, strlen(rows[i].at)) != 0)
			fail_msg("%s: at %zu: %s", rows[i].name, refusal.offset, refusal.sentence);
	}
}

static void test_sdp_parse_refuses_what_exceeds_a_limit(void **state)
{
	static const struct {
		const char *name, *head, *repeated;
		unsigned last_good;
	} rows[] = {
		{"media lines", HEAD, "m=audio 4 RTP/AVP 0\r\n", SDP_MEDIA_MAX},
		{"formats", HEAD "m=audio 4 RTP/AVP", " 0", SDP_FORMATS_MAX},
		{"attributes", HEAD, "a=x\r\n", SDP_ATTRIBUTES_MAX},
	};
	static char text[SDP_SIZE_MAX + 2];
	struct sdp_refusal refusal;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct text t;

		text_init(&t, text, sizeof(text));
		text_add_string(&t, rows[i].head);
		for (unsigned n = 0; n < rows[i].last_good; n++)
			text_add_string(&t, rows[i].repeated);
		assert_int_equal(parse(text, &refusal), 0);
		text_add_string(&t, rows[i].repeated);
		assert_int_equal(parse(text, &refusal), ERR_TOO_LONG);
	}
	memset(text, 'x', SDP_SIZE_MAX + 1);
	text[SDP_SIZE_MAX + 1] = '\0';
	assert_int_equal(parse(text, &refusal), ERR_TOO_LONG);
}

static void test_sdp_direction_knows_every_spelling_of_hold(void **state)
{
	static const struct {
		const char *text;
		enum sdp_direction direction;
	} rows[] = {
		{HEAD "m=audio 4 RTP/AVP 0\r\n", SDP_SENDRECV},
		{HEAD "m=audio 4 RTP/AVP 0\r\na=sendonly\r\n", SDP_SENDONLY},
		{HEAD "m=audio 4 RTP/AVP 0\r\na=recvonly\r\n", SDP_RECVONLY},
		{HEAD "m=audio 4 RTP/AVP 0\r\na=inactive\r\n", SDP_INACTIVE},
		{HEAD "a=sendonly\r\nm=audio 4 RTP/AVP 0\r\n", SDP_SENDONLY},
		{HEAD "a=sendonly\r\nm=audio 4 RTP/AVP 0\r\na=sendrecv\r\n", SDP_SENDRECV},
		{HEAD_C "c=IN IP4 0.0.0.0\r\nm=audio 4 RTP/AVP 0\r\n", SDP_SENDONLY},
		{HEAD_C "c=IN IP4 0.0.0.0\r\nm=audio 4 RTP/AVP 0\r\na=recvonly\r\n", SDP_INACTIVE},
		{HEAD "m=audio 4 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\n", SDP_SENDONLY},
		{HEAD "m=audio 4 RTP/AVP 0\r\nc=IN IP6 ::\r\n", SDP_SENDONLY},
		{HEAD_C "c=IN IP4 0.0.0.0\r\nm=audio 4 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\n", SDP_SENDRECV},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		must_parse(rows[i].text);
		assert_int_equal(sdp_media_direction(&session, 0), rows[i].direction);
	}
	assert_int_equal(sdp_direction_reverse(SDP_SENDONLY), SDP_RECVONLY);
	assert_int_equal(sdp_direction_reverse(SDP_RECVONLY), SDP_SENDONLY);
	assert_int_equal(sdp_direction_reverse(SDP_SENDRECV), SDP_SENDRECV);
	assert_int_equal(sdp_direction_reverse(SDP_INACTIVE), SDP_INACTIVE);
}

static void test_sdp_media_endpoints_follow_rtcp_rules(void **state)
{
	static const struct {
		const char *text;
		bool mux;
		const char *rtp, *rtcp; /* NULL: ERR_NOT_FOUND */
	} rows[] = {
		{HEAD "m=audio 4000 RTP/AVP 0\r\n", true, "192.0.2.7:4000", "192.0.2.7:4001"},
		{HEAD "m=audio 4000 RTP/AVP 0\r\na=rtcp:5000\r\n", true, "192.0.2.7:4000", "192.0.2.7:5000"},
		{HEAD "m=audio 4000 RTP/AVP 0\r\na=rtcp:5000 IN IP4 192.0.2.9\r\n", true, "192.0.2.7:4000",
		 "192.0.2.9:5000"},
		{HEAD "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n", true, "192.0.2.7:4000", "192.0.2.7:4000"},
		{HEAD "m=audio 4000 RTP/AVP 0\r\na=rtcp-mux\r\n", false, "192.0.2.7:4000", "192.0.2.7:4001"},
		{HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\n", true, "[2001:db8::1]:4000",
		 "[2001:db8::1]:4001"},
		{HEAD "m=audio 0 RTP/AVP 0\r\n", true, NULL, NULL},
		{HEAD "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 a.example.com\r\n", true, NULL, NULL},
		{HEAD "m=audio 65535 RTP/AVP 0\r\n", true, "192.0.2.7:65535", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_endpoint endpoint;
		char text[NET_ENDPOINT_TEXT];

		must_parse(rows[i].text);
		if (rows[i].rtp) {
			assert_int_equal(sdp_media_rtp(&session, 0, &endpoint), 0);
			assert_string_equal(net_endpoint_print(&endpoint, text), rows[i].rtp);
		} else {
			assert_int_equal(sdp_media_rtp(&session, 0, &endpoint), ERR_NOT_FOUND);
		}
		if (rows[i].rtcp) {
			assert_int_equal(sdp_media_rtcp(&session, 0, rows[i].mux, &endpoint), 0);
			assert_string_equal(net_endpoint_print(&endpoint, text), rows[i].rtcp);
		} else {
			assert_int_not_equal(sdp_media_rtcp(&session, 0, rows[i].mux, &endpoint), 0);
		}
	}
}

static void test_sdp_codecs_come_from_rtpmap_or_the_static_table(void **state)
{
	struct sdp_codec codec;
	struct view value;

	must_parse(HEAD "a=tool:x\r\nm=audio 4 RTP/AVP 0 9 111 101 96 97\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 "
			"useinbandfec=1; x=2\r\n"
			"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:97 broken\r\na=ptime:20\r\n"
			"a=maxptime:60.5\r\n");
	assert_int_equal(sdp_media_codec(&session, 0, 0, &codec), 0);
	assert_view_equal(codec.name, "PCMU");
	assert_int_equal(codec.clock_rate_hz, 8000);
	assert_int_equal(sdp_media_codec(&session, 0, 1, &codec), 0);
	assert_view_equal(codec.name, "G722");
	assert_int_equal(sdp_media_codec(&session, 0, 2, &codec), 0);
	assert_view_equal(codec.name, "opus");
	assert_int_equal(codec.channels, 2);
	assert_int_equal(codec.payload_type, 111);
	assert_view_equal(codec.fmtp, "useinbandfec=1; x=2");
	assert_int_equal(sdp_media_codec(&session, 0, 3, &codec), 0);
	assert_view_equal(codec.fmtp, "0-16");
	assert_int_equal(sdp_media_codec(&session, 0, 4, &codec), ERR_NOT_FOUND);
	assert_int_equal(sdp_media_codec(&session, 0, 5, &codec), ERR_SYNTAX);
	assert_int_equal(session.media[0].ptime_ms, 20);
	assert_int_equal(session.media[0].maxptime_ms, 60);
	assert_true(sdp_media_attribute(&session, 0, "PTIME", &value));
	assert_view_equal(value, "20");
	assert_false(sdp_media_attribute(&session, 0, "tool", &value));
	assert_true(sdp_session_attribute(&session, "tool", &value));
	assert_view_equal(value, "x");
	must_parse(HEAD "m=audio 4 RTP/AVP 96\r\na=rtpmap:96 opus/48000/0\r\n");
	assert_int_equal(sdp_media_codec(&session, 0, 0, &codec), ERR_SYNTAX);
}

static const struct sdp_origin ours = {"voxlane", 7, 8, {.family = NET_IPV4, .bytes = {198, 51, 100, 1}}};
#define OUR_HEAD(name) "v=0\r\no=voxlane 7 8 IN IP4 198.51.100.1\r\ns=" name "\r\nc=IN IP4 198.51.100.1\r\n"

static void test_sdp_relay_anchors_media_and_keeps_codecs(void **state)
{
	static const struct {
		const char *name, *text;
		struct sdp_local_media local[3];
		const char *printed;
	} rows[] = {
		{"codecs, fmtp, ptime, order and unknown attributes stay",
		 HEAD "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
		      "a=fmtp:101 0-16\r\na=ptime:30\r\na=label:1\r\na=sendrecv\r\n",
		 {{.port = 30000}},
		 OUR_HEAD("-") "t=0 0\r\nm=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
			       "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 "
			       "0-16\r\na=ptime:30\r\na=label:1\r\na=sendrecv\r\n"},
		{"addresses, ICE, keys and bundles do not cross",
		 HEAD
		 "a=group:BUNDLE 0\r\na=ice-lite\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.8\r\na=mid:0\r\n"
		 "a=candidate:1 1 UDP 1 10.0.0.1 5 typ host\r\na=ICE-ufrag:x\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
		 "inline:x\r\n"
		 "a=fingerprint:sha-256 00\r\na=setup:actpass\r\na=rtcp-mux\r\na=rtcp:4001\r\na=rtcp-xr:rcvr-rtt\r\n",
		 {{.port = 30000, .rtcp_port = 30001}},
		 OUR_HEAD("-") "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\na=sendrecv\r\n"},
		{"the old hold leaves as the new one",
		 HEAD_C "c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n",
		 {{.port = 30000}},
		 OUR_HEAD("-") "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\na=sendonly\r\n"},
		{"rejected lines keep their place, whoever rejected them",
		 HEAD "m=audio 0 RTP/AVP 0\r\na=ptime:20\r\nm=video 4002 RTP/AVP 96\r\na=rtpmap:96 "
		      "VP8/90000\r\nm=audio 4004 RTP/AVP 8\r\n",
		 {{.port = 30000}, {.port = 0}, {.port = 30004}},
		 OUR_HEAD("-") "t=0 0\r\nm=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\nm=audio 30004 RTP/AVP "
			       "8\r\na=sendrecv\r\n"},
		{"rtcp-mux, and an address of its own",
		 HEAD "m=audio 4000 RTP/AVP 0\r\nb=AS:64\r\n",
		 {{.port = 30000,
		   .has_rtcp_mux = true,
		   .denied = SDP_SENDONLY,
		   .address = {.family = NET_IPV6, .bytes = {0x20, 1, 0xd, 0xb8, [15] = 1}}}},
		 OUR_HEAD("-") "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\nc=IN IP6 "
			       "2001:db8::1\r\nb=AS:64\r\na=recvonly\r\na=rtcp-mux\r\n"},
		{"rtcp port elsewhere, protocol changed",
		 HEAD "m=audio 4000 RTP/AVPF 0\r\n",
		 {{.port = 30000, .rtcp_port = 30007, .protocol = "RTP/AVP"}},
		 OUR_HEAD("-") "t=0 0\r\nm=audio 30000 RTP/AVP 0\r\na=sendrecv\r\na=rtcp:30007\r\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buffer[2048];
		struct text text;

		must_parse(rows[i].text);
		text_init(&text, buffer, sizeof(buffer));
		assert_int_equal(sdp_relay_print(&text, &session, &ours, rows[i].local), 0);
		if (strcmp(buffer, rows[i].printed) != 0)
			fail_msg("%s:\n%s", rows[i].name, buffer);
		must_parse(buffer);
		text_init(&text, buffer, 40);
		assert_int_equal(sdp_relay_print(&text, &session, &ours, rows[i].local), ERR_TOO_LONG);
	}
}

static const struct sdp_codec preferences[] = {
	{.name = {"PCMU", 4}, .clock_rate_hz = 8000, .channels = 1, .payload_type = 0},
	{.name = {"PCMA", 4}, .clock_rate_hz = 8000, .channels = 1, .payload_type = 8},
	{.name = {"opus", 4}, .clock_rate_hz = 48000, .channels = 2, .payload_type = 111},
};

static void test_sdp_answer_takes_our_preference_and_rejects_the_rest(void **state)
{
	static const struct {
		const char *name, *offer;
		const char *answer; /* from m= on; NULL: nothing fits */
	} rows[] = {
		{"our order wins, not the offer's", HEAD "m=audio 4000 RTP/AVP 8 0\r\n",
		 "m=audio 30000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"},
		{"the offer's payload types are used",
		 HEAD "m=audio 4000 RTP/AVP 96 97 98\r\na=rtpmap:96 OPUS/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
		      "a=rtpmap:97 telephone-event/8000\r\na=rtpmap:98 telephone-event/48000\r\na=fmtp:98 "
		      "0-15\r\na=ptime:40\r\n",
		 "m=audio 30000 RTP/AVP 96 98\r\na=rtpmap:96 OPUS/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
		 "a=rtpmap:98 telephone-event/48000\r\na=fmtp:98 0-15\r\na=ptime:40\r\na=sendrecv\r\n"},
		{"hold is answered reversed", HEAD "m=audio 4000 RTP/AVP 0\r\na=sendonly\r\n",
		 "m=audio 30000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=recvonly\r\n"},
		{"video and encrypted lines are rejected in place",
		 HEAD "m=video 4002 RTP/AVP 96\r\nm=audio 4004 RTP/SAVP 0\r\nm=audio 4006 RTP/AVP 8\r\nm=audio 4008 "
		      "RTP/AVP 0\r\n",
		 "m=video 0 RTP/AVP 96\r\nm=audio 0 RTP/SAVP 0\r\nm=audio 30000 RTP/AVP 8\r\na=rtpmap:8 "
		 "PCMA/8000\r\na=sendrecv\r\n"
		 "m=audio 0 RTP/AVP 0\r\n"},
		{"a static type mapped to something else is that",
		 HEAD "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 L16/44100\r\n", NULL},
		{"nothing in common", HEAD "m=audio 4000 RTP/AVP 18\r\n", NULL},
		{"no media", HEAD, NULL},
		{"rejected audio", HEAD "m=audio 0 RTP/AVP 0\r\n", NULL},
	};
	static const struct sdp_local_media local = {.port = 30000};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buffer[2048];
		struct text text;
		struct sdp_choice choice;
		int error;

		must_parse(rows[i].offer);
		error = sdp_answer_choose(&session, preferences, ARRAY_LEN(preferences), &choice);
		if ((error == 0) != (rows[i].answer != NULL))
			fail_msg("%s: %s", rows[i].name, error_text(error));
		if (error)
			continue;
		text_init(&text, buffer, sizeof(buffer));
		assert_int_equal(sdp_answer_print(&text, &session, &choice, &ours, &local), 0);
		if (strcmp(strstr(buffer, "m="), rows[i].answer) != 0)
			fail_msg("%s:\n%s", rows[i].name, buffer);
		must_parse(buffer);
	}
}

static void test_sdp_offer_parses_back(void **state)
{
	static const struct sdp_local_media local = {.port = 30000};
	char buffer[2048];
	struct text text;
	struct sdp_codec codec;

	text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(sdp_offer_print(&text, preferences, ARRAY_LEN(preferences), &ours, &local), 0);
	must_parse(buffer);
	assert_int_equal(session.media_count, 1);
	assert_int_equal(session.media[0].format_count, ARRAY_LEN(preferences));
	assert_int_equal(sdp_media_codec(&session, 0, 2, &codec), 0);
	assert_view_equal(codec.name, "opus");
	assert_int_equal(codec.channels, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sdp_parse_accepts_and_refuses),
		cmocka_unit_test(test_sdp_parse_refuses_what_exceeds_a_limit),
		cmocka_unit_test(test_sdp_direction_knows_every_spelling_of_hold),
		cmocka_unit_test(test_sdp_media_endpoints_follow_rtcp_rules),
		cmocka_unit_test(test_sdp_codecs_come_from_rtpmap_or_the_static_table),
		cmocka_unit_test(test_sdp_relay_anchors_media_and_keeps_codecs),
		cmocka_unit_test(test_sdp_answer_takes_our_preference_and_rejects_the_rest),
		cmocka_unit_test(test_sdp_offer_parses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
