/* lib/sip values: URIs (RFC 3261 19.1.1, 19.1.4), name-addresses, Via, the short headers, lists, digest fields. Every row
 * is parsed where a page ends. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"
#include "lib/sip/sip.h"

/* NULL in a row means: the part is absent. */
static void check_part(const char *row, const char *part, struct view actual, const char *expected)
{
	if ((actual.at == NULL) != (expected == NULL) || (expected && !view_is(actual, expected)))
		fail_msg("%s: %s is '%.*s'", row, part, VIEW_ARG(actual));
}

static void test_sip_uri_parse_finds_the_parts_and_prints_them_back(void **state)
{
	static const struct {
		const char *text;
		enum sip_scheme scheme;
		const char *user, *password, *host;
		enum sip_host_kind kind;
		unsigned port;
		const char *params, *headers;
	} rows[] = {
		{"sip:alice@atlanta.com", SIP_SCHEME_SIP, "alice", NULL, "atlanta.com", SIP_HOST_NAME, 0, "", ""},
		{"sip:alice:secretword@atlanta.com;transport=tcp", SIP_SCHEME_SIP, "alice", "secretword", "atlanta.com",
		 SIP_HOST_NAME, 0, ";transport=tcp", ""},
		{"sips:alice@atlanta.com?subject=project%20x&priority=urgent", SIP_SCHEME_SIPS, "alice", NULL,
		 "atlanta.com", SIP_HOST_NAME, 0, "", "subject=project%20x&priority=urgent"},
		{"sip:+1-212-555-1212:1234@gateway.com;user=phone", SIP_SCHEME_SIP, "+1-212-555-1212", "1234",
		 "gateway.com", SIP_HOST_NAME, 0, ";user=phone", ""},
		{"sips:1212@gateway.com", SIP_SCHEME_SIPS, "1212", NULL, "gateway.com", SIP_HOST_NAME, 0, "", ""},
		{"sip:alice@192.0.2.4", SIP_SCHEME_SIP, "alice", NULL, "192.0.2.4", SIP_HOST_IPV4, 0, "", ""},
		{"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com", SIP_SCHEME_SIP, NULL, NULL, "atlanta.com",
		 SIP_HOST_NAME, 0, ";method=REGISTER", "to=alice%40atlanta.com"},
		{"sip:alice;day=tuesday@atlanta.com", SIP_SCHEME_SIP, "alice;day=tuesday", NULL, "atlanta.com",
		 SIP_HOST_NAME, 0, "", ""},
		{"sip:[2001:db8::10]:5070;lr", SIP_SCHEME_SIP, NULL, NULL, "2001:db8::10", SIP_HOST_IPV6, 5070, ";lr",
		 ""},
		{"sip:*21#@pbx", SIP_SCHEME_SIP, "*21#", NULL, "pbx", SIP_HOST_NAME, 0, "", ""},
		{"sip:a:@h", SIP_SCHEME_SIP, "a", "", "h", SIP_HOST_NAME, 0, "", ""},
		{"sip:a@h.example.com.", SIP_SCHEME_SIP, "a", NULL, "h.example.com.", SIP_HOST_NAME, 0, "", ""},
		{"sip:a@10.example", SIP_SCHEME_SIP, "a", NULL, "10.example", SIP_HOST_NAME, 0, "", ""},
		{"sip:a@voice_1.lan:65535", SIP_SCHEME_SIP, "a", NULL, "voice_1.lan", SIP_HOST_NAME, 65535, "", ""},
		{"sip:a@h?x=", SIP_SCHEME_SIP, "a", NULL, "h", SIP_HOST_NAME, 0, "", "x="},
		{"tel:+1-201-555-0123", SIP_SCHEME_TEL, "+1-201-555-0123", NULL, "", SIP_HOST_NAME, 0, "", ""},
		{"tel:7042;phone-context=example.com", SIP_SCHEME_TEL, "7042", NULL, "", SIP_HOST_NAME, 0,
		 ";phone-context=example.com", ""},
		{"urn:service:sos", SIP_SCHEME_OTHER, "service:sos", NULL, "", SIP_HOST_NAME, 0, "", ""},
		{"http://example.com/a?b", SIP_SCHEME_OTHER, "//example.com/a?b", NULL, "", SIP_HOST_NAME, 0, "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct guard guard = guard_copy(view_of(rows[i].text));
		struct sip_uri uri;
		char buffer[512];
		struct text text;

		if (sip_uri_parse((struct view){guard.bytes, guard.size}, &uri))
			fail_msg("%s is refused", rows[i].text);
		assert_int_equal(uri.scheme, rows[i].scheme);
		check_part(rows[i].text, "user", uri.user, rows[i].user);
		check_part(rows[i].text, "password", uri.password, rows[i].password);
		check_part(rows[i].text, "host", uri.host, rows[i].host);
		assert_int_equal(uri.host_kind, rows[i].kind);
		assert_int_equal(uri.port, rows[i].port);
		check_part(rows[i].text, "params", uri.params, rows[i].params);
		check_part(rows[i].text, "headers", uri.headers, rows[i].headers);
		text_init(&text, buffer, sizeof(buffer));
		sip_uri_print(&text, &uri);
		assert_string_equal(buffer, rows[i].text);
		guard_free(&guard);
	}
}

static void test_sip_uri_parse_refuses(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{"", ERR_SYNTAX},
		{"alice", ERR_SYNTAX},
		{":alice@h", ERR_SYNTAX},
		{"1sip:a@h", ERR_SYNTAX},
		{"sip:", ERR_SYNTAX},
		{"sip:@h", ERR_SYNTAX},
		{"sip:a@", ERR_SYNTAX},
		{"sip:a@b@c", ERR_SYNTAX},
		{"sip:a b@h", ERR_SYNTAX},
		{"sip:a@h ", ERR_SYNTAX},
		{" sip:a@h", ERR_SYNTAX},
		{"sip:a%@h", ERR_SYNTAX},
		{"sip:a%4@h", ERR_SYNTAX},
		{"sip:a%zz@h", ERR_SYNTAX},
		{"sip:a\"@h", ERR_SYNTAX},
		{"sip:a@h:", ERR_SYNTAX},
		{"sip:a@h:0", ERR_SYNTAX},
		{"sip:a@h:65536", ERR_RANGE},
		{"sip:a@h:99999999999999999999", ERR_RANGE},
		{"sip:a@h:50x", ERR_SYNTAX},
		{"sip:a@h;", ERR_SYNTAX},
		{"sip:a@h;;lr", ERR_SYNTAX},
		{"sip:a@h;x=", ERR_SYNTAX},
		{"sip:a@h;x;y;%58=1", ERR_SYNTAX},
		{"sip:a@h;x,y=1", ERR_SYNTAX},
		{"sip:a@h?x=1;y", ERR_SYNTAX},
		{"sip:a@h;=x", ERR_SYNTAX},
		{"sip:a@h;x=%g0", ERR_SYNTAX},
		{"sip:a@h?", ERR_SYNTAX},
		{"sip:a@h?x", ERR_SYNTAX},
		{"sip:a@h?x=1&", ERR_SYNTAX},
		{"sip:a@h/x", ERR_SYNTAX},
		{"sip:a@192.0.2.256", ERR_SYNTAX},
		{"sip:a@192.0.2", ERR_SYNTAX},
		{"sip:a@1.2.3.4.5", ERR_SYNTAX},
		{"sip:a@2001:db8::1", ERR_SYNTAX},
		{"sip:a@[2001:db8::1", ERR_SYNTAX},
		{"sip:a@[2001:db8:::1]", ERR_SYNTAX},
		{"sip:a@[192.0.2.1]", ERR_SYNTAX},
		{"sip:a@[]", ERR_SYNTAX},
		{"sip:a@.h", ERR_SYNTAX},
		{"sip:a@-h", ERR_SYNTAX},
		{"<sip:a@h>", ERR_SYNTAX},
		{"tel:", ERR_SYNTAX},
		{"tel:-", ERR_SYNTAX},
		{"tel:hello", ERR_SYNTAX},
		{"tel:1+2", ERR_SYNTAX},
		{"tel:123;", ERR_SYNTAX},
		{"x:a b", ERR_SYNTAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct guard guard = guard_copy(view_of(rows[i].text));
		struct sip_uri uri;
		int error = sip_uri_parse((struct view){guard.bytes, guard.size}, &uri);

		if (error != rows[i].error)
			fail_msg("'%s': %s", rows[i].text, error_text(error));
		guard_free(&guard);
	}
}

static void test_sip_uri_limits(void **state)
{
	char text[SIP_URI_MAX + 16] = "sip:";
	struct sip_uri uri;
	struct text t;

	memset(text + 4, 'a', SIP_URI_MAX - 6);
	memcpy(text + SIP_URI_MAX - 2, "@h", 3);
	assert_int_equal(sip_uri_parse(view_of(text), &uri), 0);
	memcpy(text + SIP_URI_MAX - 2, "a@h", 4);
	assert_int_equal(sip_uri_parse(view_of(text), &uri), ERR_TOO_LONG);
	text_init(&t, text, sizeof(text));
	text_add_string(&t, "sip:h");
	for (int i = 0; i < SIP_URI_PARAMS_MAX; i++)
		text_printf(&t, ";x%d", i);
	assert_int_equal(sip_uri_parse(text_view(&t), &uri), 0);
	text_add_string(&t, ";y");
	assert_int_equal(sip_uri_parse(text_view(&t), &uri), ERR_TOO_LONG);
	text_init(&t, text, sizeof(text));
	text_add_string(&t, "sip:h?a=");
	for (int i = 1; i < SIP_URI_PARAMS_MAX; i++)
		text_add_string(&t, "&a=");
	assert_int_equal(sip_uri_parse(text_view(&t), &uri), 0);
	text_add_string(&t, "&a=");
	assert_int_equal(sip_uri_parse(text_view(&t), &uri), ERR_TOO_LONG);
}

static void test_sip_uri_is_equal_follows_rfc3261(void **state)
{
	static const struct {
		bool is_equal;
		const char *a, *b;
	} rows[] = {
		/* the examples of 19.1.4 */
		{true, "sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"},
		{true, "sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"},
		{true, "sip:carol@chicago.com", "sip:carol@chicago.com;security=on"},
		{true, "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
		 "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"},
		{true, "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
		 "sip:alice@atlanta.com?priority=urgent&subject=project%20x"},
		{false, "SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"},
		{false, "sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"},
		{false, "sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"},
		{false, "sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"},
		{false, "sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"},
		/* and beyond them */
		{true, "sip:a@h", "sip:a@h"},
		{false, "sip:a@h", "sips:a@h"},
		{false, "sip:a@h", "sip:h"},
		{false, "sip:a@h", "sip:a:@h"},
		{false, "sip:a:x@h", "sip:a:X@h"},
		{false, "sip:a%3Bb@h", "sip:a;b@h"},
		{true, "sip:a%3bb@h", "sip:a%3Bb@h"},
		{true, "sip:a%2D@h", "sip:a-@h"},
		{false, "sip:a@h;user=phone", "sip:a@h"},
		{false, "sip:a@h", "sip:a@h;maddr=192.0.2.1"},
		{false, "sip:a@h", "sip:a@h;ttl=1"},
		{false, "sip:h", "sip:h;method=INVITE"},
		{true, "sip:a@h;lr", "sip:a@h"},
		{false, "sip:a@h?x=1&x=1", "sip:a@h?x=1&x=2"},
		{false, "sip:a@h?x=1", "sip:a@h?x=1&x=1"},
		{true, "sip:[2001:db8::9:1]", "sip:[2001:DB8:0:0::9:01]"},
		{false, "sip:[2001:db8::9:1]", "sip:[2001:db8::9:2]"},
		{true, "tel:+1-201-555-0123", "tel:+1(201)5550123"},
		{false, "tel:+12015550123", "tel:12015550123"},
		{true, "tel:7042;phone-context=Example.com;x=1", "tel:70-42;x=1;phone-context=example.com"},
		{false, "tel:7042;phone-context=example.com", "tel:7042"},
		{false, "tel:70", "tel:701"},
		{true, "urn:service:sos", "URN:service:sos"},
		{false, "urn:service:sos", "urn:service:fire"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_uri a, b;

		assert_int_equal(sip_uri_parse(view_of(rows[i].a), &a), 0);
		assert_int_equal(sip_uri_parse(view_of(rows[i].b), &b), 0);
		if (sip_uri_is_equal(&a, &b) != rows[i].is_equal || sip_uri_is_equal(&b, &a) != rows[i].is_equal)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
	}
}

static void test_sip_uri_questions(void **state)
{
	struct sip_uri uri;
	struct view value;
	struct net_address address;
	char buffer[64];
	struct text text;

	assert_int_equal(sip_uri_parse(VIEW("sip:a@[2001:db8::1];Transport=TCP;lr"), &uri), 0);
	assert_int_equal(sip_uri_transport(&uri, SIP_TRANSPORT_UDP), SIP_TRANSPORT_TCP);
	assert_true(sip_uri_param(&uri, "lr", &value));
	assert_null(value.at);
	assert_false(sip_uri_param(&uri, "l", &value));
	assert_int_equal(sip_uri_address(&uri, &address), 0);
	assert_int_equal(address.family, NET_IPV6);
	assert_int_equal(sip_uri_parse(VIEW("sips:a@h"), &uri), 0);
	assert_int_equal(sip_uri_transport(&uri, SIP_TRANSPORT_UDP), SIP_TRANSPORT_TLS);
	assert_int_equal(sip_uri_address(&uri, &address), ERR_NOT_FOUND);

	text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(sip_unescape(VIEW("sip%20x%00%41"), &text), 0);
	assert_memory_equal(buffer, "sip x\0A", 7);
	assert_int_equal(sip_unescape(VIEW("x%4"), &text), ERR_SYNTAX);
	text_init(&text, buffer, sizeof(buffer));
	sip_escape_user(&text, VIEW("a b@c#d%"));
	assert_string_equal(buffer, "a%20b%40c%23d%25");
	assert_true(sip_user_is_equal(VIEW("%61b"), VIEW("ab")));
	assert_false(sip_user_is_equal(VIEW("Ab"), VIEW("ab")));
	assert_false(sip_user_is_equal(VIEW("abc"), VIEW("ab")));
}

static void test_sip_name_address_parse(void **state)
{
	static const struct {
		const char *text, *display, *uri, *params, *tag, *printed; /* uri NULL: refused */
	} rows[] = {
		{"\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s", "A. G. Bell", "sip:agb@bell-telephone.com",
		 ";tag=a48s", "a48s", "\"A. G. Bell\" <sip:agb@bell-telephone.com>;tag=a48s"},
		{"sip:+12125551212@server.phone2net.com;tag=887s", NULL, "sip:+12125551212@server.phone2net.com",
		 ";tag=887s", "887s", "<sip:+12125551212@server.phone2net.com>;tag=887s"},
		{"Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8", "Anonymous", "sip:c8oqz84zk7z@privacy.org",
		 ";tag=hyh8", "hyh8", "\"Anonymous\" <sip:c8oqz84zk7z@privacy.org>;tag=hyh8"},
		{"<sip:a@b;lr?x=1>", NULL, "sip:a@b;lr?x=1", "", NULL, "<sip:a@b;lr?x=1>"},
		{"\"\" <sip:a@b>", "", "sip:a@b", "", NULL, "\"\" <sip:a@b>"},
		{"\"a \\\" b\"<sip:a@b>", "a \\\" b", "sip:a@b", "", NULL, "\"a \\\" b\" <sip:a@b>"},
		{"J\xc3\xb6rg, M. <sip:a@b>", "J\xc3\xb6rg, M.", "sip:a@b", "", NULL, "\"J\xc3\xb6rg, M.\" <sip:a@b>"},
		{"<tel:+123>;x=\"<;>\"", NULL, "tel:+123", ";x=\"<;>\"", NULL, "<tel:+123>;x=\"<;>\""},
		{"sip:a@b ; x=\"<\" ; Tag = y", NULL, "sip:a@b", "; x=\"<\" ; Tag = y", "y",
		 "<sip:a@b>; x=\"<\" ; Tag = y"},
		{"", NULL, NULL, NULL, NULL, NULL},
		{"*", NULL, NULL, NULL, NULL, NULL},
		{"\"open <sip:a@b>", NULL, NULL, NULL, NULL, NULL},
		{"\"a\" sip:a@b", NULL, NULL, NULL, NULL, NULL},
		{"\"a\" \"b\" <sip:a@b>", NULL, NULL, NULL, NULL, NULL},
		{"a \"b\" <sip:a@b>", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b", NULL, NULL, NULL, NULL, NULL},
		{"< sip:a@b >", NULL, NULL, NULL, NULL, NULL},
		{"<<sip:a@b>>", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b>x", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b>;", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b>;tag=", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b>;tag", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b>;tag=\"x\"", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b>;tag=x;tag=y", NULL, NULL, NULL, NULL, NULL},
		{"<sip:a@b>;x=\"open", NULL, NULL, NULL, NULL, NULL},
		{"sip:a@b?x=1", NULL, NULL, NULL, NULL, NULL},
		{"sip:a,b@c", NULL, NULL, NULL, NULL, NULL},
		{"sip:a@b, sip:c@d", NULL, NULL, NULL, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct guard guard = guard_copy(view_of(rows[i].text));
		struct sip_name_address address;
		char buffer[256];
		struct text text;
		int error = sip_name_address_parse((struct view){guard.bytes, guard.size}, &address);

		if ((error == 0) != (rows[i].uri != NULL))
			fail_msg("'%s': %s", rows[i].text, error_text(error));
		if (!error) {
			check_part(rows[i].text, "display", address.display, rows[i].display);
			check_part(rows[i].text, "uri", address.uri.text, rows[i].uri);
			check_part(rows[i].text, "params", address.params, rows[i].params);
			check_part(rows[i].text, "tag", address.tag, rows[i].tag);
			text_init(&text, buffer, sizeof(buffer));
			sip_name_address_print(&text, &address);
			assert_string_equal(buffer, rows[i].printed);
		}
		guard_free(&guard);
	}
}

static void test_sip_name_address_print_cannot_be_broken_out_of(void **state)
{
	static const struct {
		const char *display, *printed;
	} rows[] = {
		{"a\" <sip:evil@x>;b=\"", "\"a\\\" <sip:evil@x>;b=\\\"\" <sip:a@b>"},
		{"a\\", "\"a\\\\\" <sip:a@b>"},
		{"a\\\\", "\"a\\\\\" <sip:a@b>"},
		{"a\\\"", "\"a\\\"\" <sip:a@b>"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sip_name_address address = {.uri = {.text = VIEW("sip:a@b")}}, again;
		char buffer[128];
		struct text text;

		address.display = view_of(rows[i].display);
		text_init(&text, buffer, sizeof(buffer));
		sip_name_address_print(&text, &address);
		assert_string_equal(buffer, rows[i].printed);
		assert_int_equal(sip_name_address_parse(text_view(&text), &again), 0);
		assert_view_equal(again.uri.text, "sip:a@b");
	}
}

static void test_sip_via_parse(void **state)
{
	static const struct {
		const char *text;
		int error;
		enum sip_transport transport;
		const char *host;
		unsigned port;
		const char *branch, *received;
		bool has_rport;
		unsigned rport;
		bool has_cookie;
	} rows[] = {
		{"SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7", 0, SIP_TRANSPORT_UDP,
		 "erlang.bell-telephone.com", 5060, "z9hG4bK87asdks7", NULL, false, 0, true},
		{"SIP/2.0/TCP 192.0.2.1;rport", 0, SIP_TRANSPORT_TCP, "192.0.2.1", 0, NULL, NULL, true, 0, false},
		{"sip/2.0/tls h;Rport=4711;RECEIVED=192.0.2.9;branch=Z9HG4BKx", 0, SIP_TRANSPORT_TLS, "h", 0,
		 "Z9HG4BKx", "192.0.2.9", true, 4711, true},
		{"SIP  / 2.0  / WSS   h.invalid  :  443  ;  branch  =  z9hG4bK", 0, SIP_TRANSPORT_WSS, "h.invalid", 443,
		 "z9hG4bK", NULL, false, 0, false},
		{"SIP/2.0/FOO [2001:db8::9:1]:5061;received=[2001:db8::9:255];branch=z9hG4bKas3", 0,
		 SIP_TRANSPORT_OTHER, "2001:db8::9:1", 5061, "z9hG4bKas3", "2001:db8::9:255", false, 0, true},
		{"SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255", 0, SIP_TRANSPORT_UDP, "2001:db8::9:1", 0, NULL,
		 "2001:db8::9:255", false, 0, false},
		{.text = "", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP", .error = ERR_SYNTAX},
		{.text = "SIP/2.0 UDP h", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP[::1]", .error = ERR_SYNTAX},
		{.text = "SIP/3.0/UDP h", .error = ERR_VERSION},
		{.text = "HTTP/2.0/UDP h", .error = ERR_VERSION},
		{.text = "SIP/2.0/UDP h x", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP h:", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP h:70000", .error = ERR_RANGE},
		{.text = "SIP/2.0/UDP h;", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP h;branch", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP h;branch=", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP h;branch=a;branch=b", .error = ERR_SYNTAX},
		{.text = "SIP/2.0/UDP h;rport=x", .error = ERR_RANGE},
		{.text = "SIP/2.0/UDP h;rport=65536", .error = ERR_RANGE},
		{.text = "SIP/2.0/UDP 2001:db8::1", .error = ERR_SYNTAX},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct guard guard = guard_copy(view_of(rows[i].text));
		struct sip_via via;
		int error = sip_via_parse((struct view){guard.bytes, guard.size}, &via);

		if (error != rows[i].error)
			fail_msg("'%s': %s", rows[i].text, error_text(error));
		if (!error) {
			assert_int_equal(via.transport, rows[i].transport);
			check_part(rows[i].text, "host", via.host, rows[i].host);
			assert_int_equal(via.port, rows[i].port);
			check_part(rows[i].text, "branch", via.branch, rows[i].branch);
			check_part(rows[i].text, "received", via.received, rows[i].received);
			assert_int_equal(via.has_rport, rows[i].has_rport);
			assert_int_equal(via.rport, rows[i].rport);
			assert_int_equal(sip_via_has_cookie(&via), rows[i].has_cookie);
		}
		guard_free(&guard);
	}
}

static void test_sip_short_headers(void **state)
{
	struct sip_cseq cseq;
	struct sip_rack rack;
	struct sip_event event;
	struct sip_reason reason;
	struct sip_session_expires expires;
	struct sip_replaces replaces;

	assert_int_equal(sip_cseq_parse(VIEW(" 0009 \t INVITE"), &cseq), 0);
	assert_int_equal(cseq.number, 9);
	assert_int_equal(cseq.method, SIP_METHOD_INVITE);
	assert_int_equal(sip_cseq_parse(VIEW("2147483647 invite"), &cseq), 0);
	assert_int_equal(cseq.method, SIP_METHOD_OTHER);
	assert_int_equal(sip_cseq_parse(VIEW("2147483648 INVITE"), &cseq), ERR_RANGE);
	assert_int_equal(sip_cseq_parse(VIEW("1"), &cseq), ERR_SYNTAX);
	assert_int_equal(sip_cseq_parse(VIEW("1INVITE"), &cseq), ERR_SYNTAX);
	assert_int_equal(sip_cseq_parse(VIEW("1 INVITE x"), &cseq), ERR_SYNTAX);

	assert_int_equal(sip_rack_parse(VIEW("776656 1 INVITE"), &rack), 0);
	assert_int_equal(rack.rseq, 776656);
	assert_int_equal(rack.cseq.number, 1);
	assert_int_equal(sip_rack_parse(VIEW("776656 INVITE"), &rack), ERR_SYNTAX);

	assert_int_equal(sip_event_parse(VIEW("message-summary;id=7"), &event), 0);
	assert_view_equal(event.package, "message-summary");
	assert_view_equal(event.id, "7");
	assert_int_equal(sip_event_parse(VIEW(";id=7"), &event), ERR_SYNTAX);
	assert_int_equal(sip_event_parse(VIEW("a b"), &event), ERR_SYNTAX);

	assert_int_equal(sip_reason_parse(VIEW("Q.850 ;cause=16 ;text=\"Terminated\""), &reason), 0);
	assert_view_equal(reason.protocol, "Q.850");
	assert_int_equal(reason.cause, 16);
	assert_view_equal(reason.text, "Terminated");
	assert_int_equal(sip_reason_parse(VIEW("SIP;cause=x"), &reason), ERR_SYNTAX);
	assert_int_equal(sip_reason_parse(VIEW("S P;cause=1"), &reason), ERR_SYNTAX);
	assert_int_equal(sip_reason_parse(VIEW("SIP;"), &reason), ERR_SYNTAX);

	assert_int_equal(sip_session_expires_parse(VIEW("1800;refresher=UAS"), &expires), 0);
	assert_int_equal(expires.seconds, 1800);
	assert_int_equal(expires.refresher, SIP_REFRESHER_UAS);
	assert_int_equal(sip_session_expires_parse(VIEW("90;refresher=uac"), &expires), 0);
	assert_int_equal(expires.refresher, SIP_REFRESHER_UAC);
	assert_int_equal(sip_session_expires_parse(VIEW("1800;refresher=me"), &expires), ERR_SYNTAX);
	assert_int_equal(sip_session_expires_parse(VIEW("soon"), &expires), ERR_SYNTAX);

	assert_int_equal(sip_replaces_parse(VIEW("a@b;to-tag=1;from-tag=2;early-only"), &replaces), 0);
	assert_view_equal(replaces.call_id, "a@b");
	assert_view_equal(replaces.from_tag, "2");
	assert_true(replaces.is_early_only);
	assert_int_equal(sip_replaces_parse(VIEW("a@b;to-tag=1"), &replaces), ERR_SYNTAX);
	assert_int_equal(sip_replaces_parse(VIEW("a b;to-tag=1;from-tag=2"), &replaces), ERR_SYNTAX);
}

static void test_sip_lists_and_params(void **state)
{
	struct view rest = VIEW(" , \"a, b\" <sip:x,y@z;p>;q=\"1,2\" ,, <sip:c?a=,>,last ,"), value;
	struct sip_param param;
	uint32_t number;
	unsigned q;

	assert_true(sip_list_next(&rest, &value));
	assert_view_equal(value, "\"a, b\" <sip:x,y@z;p>;q=\"1,2\"");
	assert_true(sip_list_next(&rest, &value));
	assert_view_equal(value, "<sip:c?a=,>");
	assert_true(sip_list_next(&rest, &value));
	assert_view_equal(value, "last");
	assert_false(sip_list_next(&rest, &value));
	assert_true(sip_list_has(VIEW("replaces , 100REL;x"), "100rel"));
	assert_false(sip_list_has(VIEW("replaces, 100relx"), "100rel"));

	assert_true(sip_param_find(VIEW("; a ; B = \"x\\\"y\" ;c=1"), "b", &param));
	assert_view_equal(param.value, "x\\\"y");
	assert_true(param.is_quoted);
	assert_int_equal(sip_param_u32(VIEW(";expires=60"), "Expires", 3600, &number), 0);
	assert_int_equal(number, 60);
	assert_int_equal(sip_param_u32(VIEW(";expires=6000"), "expires", 3600, &number), ERR_RANGE);
	assert_int_equal(sip_param_u32(VIEW(";expires"), "expires", 3600, &number), ERR_SYNTAX);
	assert_int_equal(sip_param_u32(VIEW(";x=1"), "expires", 3600, &number), ERR_NOT_FOUND);

	assert_int_equal(sip_q_parse(VIEW(";q=0.7"), &q), 0);
	assert_int_equal(q, 700);
	assert_int_equal(sip_q_parse(VIEW(";q=1.000"), &q), 0);
	assert_int_equal(q, 1000);
	assert_int_equal(sip_q_parse(VIEW(""), &q), 0);
	assert_int_equal(q, 1000);
	assert_int_equal(sip_q_parse(VIEW(";q=1.1"), &q), ERR_RANGE);
	assert_int_equal(sip_q_parse(VIEW(";q=.5"), &q), ERR_SYNTAX);
	assert_int_equal(sip_q_parse(VIEW(";q=0.1234"), &q), ERR_SYNTAX);
}

static void test_sip_digest_parse(void **state)
{
	struct sip_digest digest;
	struct view scheme, params;
	static const char *const bad[] = {
		"Digest realm=\"a",
		"Digest realm=\"a\" nonce=\"b\"",
		"Digest realm=\"a\", realm=\"b\"",
		"Digest realm",
		"Digest =\"a\"",
		"Digest, realm=\"a\"",
		"",
	};

	assert_int_equal(
		sip_digest_parse(
			VIEW("digest username=\"bob\",realm=\"a, \\\"b\\\"\", nonce = \"n=\" ,qop=auth,, nc=00000001,"
			     "uri=\"sip:x;y\",unknown=z,response=\"\",algorithm=SHA-256"),
			&digest),
		0);
	assert_view_equal(digest.username, "bob");
	assert_view_equal(digest.realm, "a, \\\"b\\\"");
	assert_view_equal(digest.nonce, "n=");
	assert_view_equal(digest.qop, "auth");
	assert_view_equal(digest.nc, "00000001");
	assert_view_equal(digest.uri, "sip:x;y");
	assert_view_equal(digest.response, "");
	assert_non_null(digest.response.at);
	assert_view_equal(digest.algorithm, "SHA-256");
	assert_null(digest.cnonce.at);
	assert_int_equal(sip_digest_parse(VIEW("Basic YWJj"), &digest), ERR_UNSUPPORTED);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct guard guard = guard_copy(view_of(bad[i]));

		if (sip_digest_parse((struct view){guard.bytes, guard.size}, &digest) != ERR_SYNTAX)
			fail_msg("accepted: %s", bad[i]);
		guard_free(&guard);
	}
	assert_int_equal(sip_auth_parse(VIEW("  Bearer  abc"), &scheme, &params), 0);
	assert_view_equal(scheme, "Bearer");
	assert_view_equal(params, "abc");
}

static void test_sip_quoting(void **state)
{
	char buffer[64];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	sip_quote(&text, VIEW("a\"b\\c\r\nd"));
	assert_string_equal(buffer, "\"a\\\"b\\\\c  d\"");
	text_init(&text, buffer, sizeof(buffer));
	sip_unquote(VIEW("a\\\"b\\\\c\\"), &text);
	assert_string_equal(buffer, "a\"b\\c\\");
}

static void test_sip_names_are_found_in_every_spelling(void **state)
{
	static const struct {
		enum sip_header_id id;
		const char *name;
		char compact;
	} rows[] = {
#define X(id, text, compact, flags) {SIP_HEADER_##id, text, compact},
		SIP_HEADER_LIST(X)
#undef X
	};
	unsigned compact_seen[256] = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char upper[64];

		assert_int_equal(sip_header_parse(view_of(rows[i].name)), rows[i].id);
		for (size_t c = 0; c <= strlen(rows[i].name); c++)
			upper[c] = (char)(rows[i].name[c] >= 'a' && rows[i].name[c] <= 'z' ? rows[i].name[c] - 32
											   : rows[i].name[c]);
		assert_int_equal(sip_header_parse(view_of(upper)), rows[i].id);
		if (rows[i].compact) {
			char lower = rows[i].compact, capital = (char)(lower - 32);

			assert_int_equal(compact_seen[(unsigned char)lower]++, 0);
			assert_int_equal(sip_header_parse((struct view){&lower, 1}), rows[i].id);
			assert_int_equal(sip_header_parse((struct view){&capital, 1}), rows[i].id);
		}
	}
	assert_int_equal(sip_header_parse(VIEW("")), SIP_HEADER_OTHER);
	assert_int_equal(sip_header_parse(VIEW("X-Foo")), SIP_HEADER_OTHER);
	assert_int_equal(sip_header_parse(VIEW("z")), SIP_HEADER_OTHER);
	assert_int_equal(sip_header_parse(VIEW("8")), SIP_HEADER_OTHER);
	assert_int_equal(sip_header_parse(VIEW("\x18")), SIP_HEADER_OTHER);
	assert_int_equal(sip_method_parse(VIEW("INVITE")), SIP_METHOD_INVITE);
	assert_int_equal(sip_method_parse(VIEW("Invite")), SIP_METHOD_OTHER);
	assert_string_equal(sip_status_reason(486), "Busy Here");
	assert_string_equal(sip_status_reason(499), "Bad Request");
	assert_string_equal(sip_status_reason(199), "Early Dialog Terminated");
	assert_string_equal(sip_status_reason(150), "Session Progress");
	assert_string_equal(sip_status_reason(999), "Unknown");
	assert_int_equal(sip_transport_port(SIP_TRANSPORT_TLS), 5061);
	assert_string_equal(sip_transport_name(SIP_TRANSPORT_WSS), "WSS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sip_uri_parse_finds_the_parts_and_prints_them_back),
		cmocka_unit_test(test_sip_uri_parse_refuses),
		cmocka_unit_test(test_sip_uri_limits),
		cmocka_unit_test(test_sip_uri_is_equal_follows_rfc3261),
		cmocka_unit_test(test_sip_uri_questions),
		cmocka_unit_test(test_sip_name_address_parse),
		cmocka_unit_test(test_sip_name_address_print_cannot_be_broken_out_of),
		cmocka_unit_test(test_sip_via_parse),
		cmocka_unit_test(test_sip_short_headers),
		cmocka_unit_test(test_sip_lists_and_params),
		cmocka_unit_test(test_sip_digest_parse),
		cmocka_unit_test(test_sip_quoting),
		cmocka_unit_test(test_sip_names_are_found_in_every_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
