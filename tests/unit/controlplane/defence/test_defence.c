/* controlplane/defence: who gets silence, by rows; the rates; what the log hears. */
#include "tests/unit/unit.h"

#include "controlplane/defence/defence_private.h"
#include "lib/config/config.h"
#include "lib/sip/sip.h"

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e = {0};

	assert_int_equal(net_endpoint_parse(view_of(text), 5060, &e), 0);
	return e;
}

static struct defence *make(const struct conf_security *conf)
{
	struct defence *defence = NULL;

	assert_int_equal(defence_new(conf, NULL, &defence), 0);
	return defence;
}

static enum defence_reason ask(struct defence *defence, const char *source, const char *headers, uint64_t now_ms)
{
	struct net_endpoint from = endpoint(source);
	struct sip_message message;
	struct sip_refusal refusal;
	char buffer[1024];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text,
		    "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n"
		    "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
		    headers);
	if (sip_parse(&message, text.at, text.size, SIP_DATAGRAM, &refusal) < 0)
		fail_msg("the test's message is wrong: %s", refusal.sentence);
	return defence_check_request(defence, &message, &from, now_ms);
}

#define FROM      "From: <sip:1@x>;tag=a\r\n"
#define TO        "To: <sip:2@x>\r\n"
#define TO_TAG    "To: <sip:2@x>;tag=b\r\n"
#define AGENT(ua) FROM TO "User-Agent: " ua "\r\n"

static void test_sources_by_rows(void **state)
{
	static const char *allow[] = {"198.51.100.7", "2001:db8:1::/48"};
	static const char *deny[] = {"198.51.100.0/24", "2001:db8::/32", "203.0.113.9"};
	static const struct {
		const char *source;
		enum defence_reason reason;
	} rows[] = {
		{"192.0.2.1", DEFENCE_PASS},       {"198.51.100.8", DEFENCE_DENIED},
		{"198.51.100.7", DEFENCE_PASS},    {"203.0.113.9", DEFENCE_DENIED},
		{"203.0.113.8", DEFENCE_PASS},     {"[2001:db8:2::1]", DEFENCE_DENIED},
		{"[2001:db8:1::1]", DEFENCE_PASS}, {"[2001:db9::1]", DEFENCE_PASS},
	};
	const struct conf_security conf = {.allow = {allow, 2}, .deny = {deny, 3}};
	struct defence *defence = make(&conf);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct net_endpoint source = endpoint(rows[i].source);

		if (defence_check_source(defence, &source, 0) != rows[i].reason)
			fail_msg("%s", rows[i].source);
	}
	assert_int_equal(defence_count(defence, DEFENCE_DENIED), 3);
	defence_free(defence);
}

static void test_scanners_by_rows(void **state)
{
	static const char *further[] = {"NoSuchPhone"};
	static const struct {
		const char *name, *headers;
		enum defence_reason reason;
	} rows[] = {
		{"a phone", AGENT("baresip v1.0.0"), DEFENCE_PASS},
		{"no name", FROM TO, DEFENCE_PASS},
		{"SIPVicious", AGENT("friendly-scanner"), DEFENCE_SCANNER},
		{"within more text, in other case", AGENT("My Friendly-Scanner/1"), DEFENCE_SCANNER},
		{"SIPVicious under another name", "From: \"sipvicious\" <sip:100@1.1.1.1>;tag=a\r\n" TO,
		 DEFENCE_SCANNER},
		{"a configured one", AGENT("x nosuchphone y"), DEFENCE_SCANNER},
		{"within a dialog too", FROM TO_TAG "User-Agent: sipcli/1.8\r\n", DEFENCE_SCANNER},
	};
	struct conf_security conf = {.silent_scanners = true, .scanners = {further, 1}};
	struct defence *defence = make(&conf);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (ask(defence, "192.0.2.1", rows[i].headers, 0) != rows[i].reason)
			fail_msg("%s", rows[i].name);
	conf.silent_scanners = false;
	assert_int_equal(defence_set(defence, &conf), 0);
	assert_int_equal(ask(defence, "192.0.2.1", AGENT("friendly-scanner"), 0), DEFENCE_PASS);
	defence_free(defence);
}

static void test_scanner_on_the_allow_list_is_heard(void **state)
{
	static const char *allow[] = {"192.0.2.0/24"};
	const struct conf_security conf = {.allow = {allow, 1}, .silent_scanners = true, .requests_per_second = 1};
	struct defence *defence = make(&conf);

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(ask(defence, "192.0.2.1", AGENT("friendly-scanner"), 0), DEFENCE_PASS);
	assert_int_equal(defence_count(defence, DEFENCE_SCANNER), 0);
	defence_free(defence);
}

static void test_rate_of_a_source(void **state)
{
	const struct conf_security conf = {.requests_per_second = 10};
	struct defence *defence = make(&conf);
	unsigned passed = 0;

	for (unsigned i = 0; i < 50; i++)
		passed += ask(defence, "192.0.2.1", FROM TO, 1000) == DEFENCE_PASS;
	assert_int_equal(passed, 10);
	assert_int_equal(defence_count(defence, DEFENCE_RATE), 40);
	/* Nobody else suffers, nor do its dialogs. */
	assert_int_equal(ask(defence, "192.0.2.2", FROM TO, 1000), DEFENCE_PASS);
	assert_int_equal(ask(defence, "192.0.2.1", FROM TO_TAG, 1000), DEFENCE_PASS);
	/* One more each 100 ms, and never more than ten at once. */
	assert_int_equal(ask(defence, "192.0.2.1", FROM TO, 1099), DEFENCE_RATE);
	assert_int_equal(ask(defence, "192.0.2.1", FROM TO, 1100), DEFENCE_PASS);
	for (unsigned i = passed = 0; i < 50; i++)
		passed += ask(defence, "192.0.2.1", FROM TO, 100000) == DEFENCE_PASS;
	assert_int_equal(passed, 10);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(ask(defence, "127.0.0.1", FROM TO, 1000), DEFENCE_PASS);
	defence_free(defence);
}

/* An IPv6 host has 2^64 addresses and one bucket; more sources than rows cost no more memory. */
static void test_rates_are_bounded(void **state)
{
	const struct conf_security conf = {.requests_per_second = 5};
	struct defence *defence = make(&conf);
	unsigned passed = 0;
	char source[64];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(source, sizeof(source), "[2001:db8::%x]", i + 1);
		passed += ask(defence, source, FROM TO, 0) == DEFENCE_PASS;
	}
	assert_int_equal(passed, 5);
	for (unsigned i = passed = 0; i < 3 * DEFENCE_SOURCES; i++) {
		snprintf(source, sizeof(source), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
		passed += ask(defence, source, FROM TO, 0) == DEFENCE_PASS;
	}
	assert_int_equal(passed, 3 * DEFENCE_SOURCES);
	defence_free(defence);
}

struct heard {
	unsigned lines;
	uint64_t messages;
};

static void on_silence(void *arg, enum defence_reason reason, const struct net_endpoint *source, uint64_t count)
{
	struct heard *heard = arg;

	assert_int_equal(reason, DEFENCE_SCANNER);
	heard->lines++;
	heard->messages += count;
}

static void test_the_log_hears_rarely_and_of_all(void **state)
{
	const struct conf_security conf = {.silent_scanners = true};
	struct defence *defence = make(&conf);
	struct heard heard = {0};

	defence_set_listener(defence, on_silence, &heard);
	for (uint64_t now_ms = 0; now_ms <= 3 * DEFENCE_TELL_MS; now_ms++)
		ask(defence, "192.0.2.1", AGENT("sipvicious"), now_ms);
	assert_int_equal(heard.lines, 4);
	assert_int_equal(heard.messages, 3 * DEFENCE_TELL_MS + 1);
	defence_free(defence);
}

static void test_a_broken_list_changes_nothing(void **state)
{
	static const char *good[] = {"192.0.2.0/24"}, *bad[] = {"192.0.2.0/33"};
	const struct conf_security conf = {.deny = {good, 1}}, broken = {.allow = {bad, 1}};
	struct defence *defence = make(&conf), *none = NULL;
	struct net_endpoint source = endpoint("192.0.2.1");

	assert_int_equal(defence_set(defence, &broken), ERR_INVALID);
	assert_int_equal(defence_check_source(defence, &source, 0), DEFENCE_DENIED);
	assert_int_equal(defence_new(&broken, NULL, &none), ERR_INVALID);
	assert_null(none);
	defence_free(defence);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources_by_rows),
		cmocka_unit_test(test_scanners_by_rows),
		cmocka_unit_test(test_scanner_on_the_allow_list_is_heard),
		cmocka_unit_test(test_rate_of_a_source),
		cmocka_unit_test(test_rates_are_bounded),
		cmocka_unit_test(test_the_log_hears_rarely_and_of_all),
		cmocka_unit_test(test_a_broken_list_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
