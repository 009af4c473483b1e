/* RFC 3263 over zones written as text, RFC 2782's order, answers as bytes, the cache and its times. */
#include "tests/unit/unit.h"

#include "controlplane/dns/dns_private.h"
#include "tests/scenario/fake_dns.h"

enum { UDP = 1u << TRANSPORT_UDP, TCP = 1u << TRANSPORT_TCP };

static void load(struct fake_dns *fake, const char *zone)
{
	struct view rest = view_of(zone);

	while (rest.size > 0) {
		struct view line = view_cut(&rest, '\n');

		if (line.size > 0 && !fake_dns_do(fake, line))
			fail_msg("not understood: %.*s", VIEW_ARG(line));
	}
}

static uint32_t draw_none(void *arg, uint32_t max)
{
	return 0;
}

static void print_targets(const struct dns_targets *targets, struct text *out)
{
	for (size_t i = 0; i < targets->count; i++) {
		char remote[NET_ENDPOINT_TEXT];

		text_printf(out, "%s%s %s", i > 0 ? ", " : "", transport_kind_parameter(targets->list[i].kind),
			    net_endpoint_print(&targets->list[i].remote, remote));
	}
}

/* ---- the walk ---- */

struct known {
	struct fake_dns zone;
	struct {
		struct dns_record records[DNS_RECORDS_MAX];
		struct dns_answer answer;
	} answers[64];
	size_t count;
	char asked[1024];
	struct text log;
};

static bool find_in_zone(void *arg, enum dns_type type, const char *name, struct dns_known *ret_known)
{
	struct known *known = arg;

	assert_true(known->count < ARRAY_LEN(known->answers));
	fake_dns_answer(&known->zone, type, name, known->answers[known->count].records,
			&known->answers[known->count].answer);
	text_printf(&known->log, "%s %s; ", dns_type_name(type), name);
	*ret_known = (struct dns_known){
		.answer = &known->answers[known->count].answer,
		.until_ms = known->answers[known->count].answer.ttl_s * 1000ull,
	};
	known->count++;
	return true;
}

static void test_where_a_question_leads(void **state)
{
	static const char carrier[] = "c.net NAPTR 20 10 SIP+D2T _sip._tcp.c.net\n"
				      "c.net NAPTR 10 20 SIP+D2U _sip._udp.c.net\n"
				      "c.net NAPTR 10 10 SIPS+D2T _sips._tcp.c.net\n"
				      "_sip._udp.c.net SRV 20 0 5080 b.c.net\n"
				      "_sip._udp.c.net SRV 10 0 5070 a.c.net ttl 30\n"
				      "_sip._tcp.c.net SRV 10 0 5071 a.c.net\n"
				      "a.c.net A 192.0.2.1\na.c.net AAAA 2001:db8::1\n"
				      "b.c.net A 192.0.2.2\nc.net A 192.0.2.9\n";
	static const struct {
		const char *name, *zone;
		struct dns_question question;
		struct dns_reach reach;
		int error;
		const char *targets;
	} rows[] = {
		{"an address", "", {.host = "192.0.2.7"}, {UDP, 0}, 0, "udp 192.0.2.7:5060"},
		{"an address with its port",
		 "",
		 {.host = "192.0.2.7", .port = 5070},
		 {UDP, 0},
		 0,
		 "udp 192.0.2.7:5070"},
		{"an address by TCP",
		 "",
		 {.host = "192.0.2.7", .has_kind = true, .kind = TRANSPORT_TCP},
		 {UDP | TCP, 0},
		 0,
		 "tcp 192.0.2.7:5060"},
		{"IPv6 in brackets", "", {.host = "[2001:db8::7]"}, {UDP, UDP}, 0, "udp [2001:db8::7]:5060"},
		{"IPv6 without having any", "", {.host = "2001:db8::7"}, {UDP, 0}, ERR_UNSUPPORTED, ""},
		{"multicast is nobody", "", {.host = "224.0.1.75"}, {UDP, 0}, ERR_UNSUPPORTED, ""},
		{"no name", "", {.host = "a b"}, {UDP, 0}, ERR_SYNTAX, ""},
		{"a label too long",
		 "",
		 {.host = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.net"},
		 {UDP, 0},
		 ERR_SYNTAX,
		 ""},
		{"nothing there", "", {.host = "x.net"}, {UDP, UDP}, ERR_NOT_FOUND, ""},
		{"only an address", "x.net A 192.0.2.1\n", {.host = "X.Net."}, {UDP, 0}, 0, "udp 192.0.2.1:5060"},
		{"a port: no SRV", carrier, {.host = "c.net", .port = 5060}, {UDP | TCP, 0}, 0, "udp 192.0.2.9:5060"},
		{"a transport: its SRV",
		 carrier,
		 {.host = "c.net", .has_kind = true, .kind = TRANSPORT_TCP},
		 {UDP | TCP, 0},
		 0,
		 "tcp 192.0.2.1:5071"},
		{"a transport without SRV",
		 "x.net A 192.0.2.1\n",
		 {.host = "x.net", .has_kind = true, .kind = TRANSPORT_TCP},
		 {UDP | TCP, 0},
		 0,
		 "tcp 192.0.2.1:5060"},
		{"NAPTR by order, SRV by priority",
		 carrier,
		 {.host = "c.net"},
		 {UDP | TCP, 0},
		 0,
		 "udp 192.0.2.1:5070, udp 192.0.2.2:5080, tcp 192.0.2.1:5071"},
		{"NAPTR of what we have", carrier, {.host = "c.net"}, {TCP, 0}, 0, "tcp 192.0.2.1:5071"},
		{"IPv6 too",
		 carrier,
		 {.host = "c.net"},
		 {UDP, UDP},
		 0,
		 "udp 192.0.2.1:5070, udp [2001:db8::1]:5070, udp 192.0.2.2:5080"},
		{"IPv6 first",
		 carrier,
		 {.host = "c.net"},
		 {UDP, UDP, true},
		 0,
		 "udp [2001:db8::1]:5070, udp 192.0.2.1:5070, udp 192.0.2.2:5080"},
		{"no NAPTR: SRV of all transports",
		 "_sip._udp.x.net SRV 1 1 5060 a.x.net\n_sip._tcp.x.net SRV 1 1 5061 a.x.net\na.x.net A 192.0.2.1\n",
		 {.host = "x.net"},
		 {UDP | TCP, 0},
		 0,
		 "udp 192.0.2.1:5060, tcp 192.0.2.1:5061"},
		{"SRV says that there is no service",
		 "_sip._udp.x.net SRV 0 0 0 .\nx.net A 192.0.2.1\n",
		 {.host = "x.net"},
		 {UDP, 0},
		 ERR_NOT_FOUND,
		 ""},
		{"SRV whose target is gone",
		 "_sip._udp.x.net SRV 0 0 5060 a.x.net\nx.net A 192.0.2.1\n",
		 {.host = "x.net"},
		 {UDP, 0},
		 ERR_NOT_FOUND,
		 ""},
		{"SRV that leads to nobody",
		 "_sip._udp.x.net SRV 0 0 5060 a.x.net\na.x.net A 0.0.0.0\n",
		 {.host = "x.net"},
		 {UDP, 0},
		 ERR_NOT_FOUND,
		 ""},
		{"NAPTR of something else",
		 "x.net NAPTR 1 1 E2U+sip y.net\nx.net A 192.0.2.1\n",
		 {.host = "x.net"},
		 {UDP, 0},
		 0,
		 "udp 192.0.2.1:5060"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static struct known known;
		struct dns_targets targets;
		char buffer[1024] = "";
		struct text out;
		int error;

		known.count = 0;
		fake_dns_init(&known.zone, NULL);
		text_init(&known.log, known.asked, sizeof(known.asked));
		load(&known.zone, rows[i].zone);
		text_init(&out, buffer, sizeof(buffer));
		error = dns_walk(&rows[i].question, &rows[i].reach, find_in_zone, &known, &targets);
		if (error == 0) {
			dns_targets_order(targets.list, targets.count, draw_none, NULL);
			print_targets(&targets, &out);
		}
		if (error != rows[i].error || strcmp(buffer, rows[i].targets) != 0)
			fail_msg("%s: %d \"%s\" (asked %s)", rows[i].name, error, buffer, known.asked);
	}
}

static bool find_nothing(void *arg, enum dns_type type, const char *name, struct dns_known *ret_known)
{
	text_printf(arg, "%s %s; ", dns_type_name(type), name);
	return false;
}

static void test_what_is_asked_in_one_step(void **state)
{
	static const struct {
		struct dns_question question;
		const char *asked;
	} rows[] = {
		{{.host = "c.net"}, "NAPTR c.net; "},
		{{.host = "c.net", .port = 5060}, "A c.net; AAAA c.net; "},
		{{.host = "c.net", .has_kind = true, .kind = TRANSPORT_UDP}, "SRV _sip._udp.c.net; "},
	};
	struct dns_reach reach = {UDP | TCP, UDP};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_targets targets;
		char buffer[256];
		struct text out;

		text_init(&out, buffer, sizeof(buffer));
		assert_int_equal(dns_walk(&rows[i].question, &reach, find_nothing, &out, &targets), ERR_AGAIN);
		assert_string_equal(buffer, rows[i].asked);
	}
}

/* ---- the order ---- */

static uint32_t draw_some(void *arg, uint32_t max)
{
	uint32_t random;

	loop_random(arg, &random, sizeof(random));
	return random % (max + 1);
}

static void test_order_by_weight(void **state)
{
	static const struct dns_target servers[] = {
		{.remote.port = 1, .priority = 1, .weight = 1, .server = 0},
		{.remote.port = 2, .priority = 1, .weight = 3, .server = 1},
		{.remote.port = 3, .priority = 1, .weight = 3, .server = 1}, /* its second address */
		{.remote.port = 4, .priority = 1, .weight = 0, .server = 2},
		{.remote.port = 5, .priority = 0, .weight = 0, .server = 3},
		{.remote.port = 6, .rank = 1, .priority = 0, .weight = 9, .server = 4},
	};
	unsigned first[7] = {0};
	struct loop *loop;

	assert_int_equal(loop_new_sim(1, 0, &loop), 0);
	for (int i = 0; i < 10000; i++) {
		struct dns_target list[ARRAY_LEN(servers)];
		size_t at = 0;

		memcpy(list, servers, sizeof(servers));
		dns_targets_order(list, ARRAY_LEN(list), draw_some, loop);
		assert_int_equal(list[0].remote.port, 5); /* the lowest priority */
		assert_int_equal(list[5].remote.port, 6); /* the highest rank, whatever its priority */
		first[list[1].remote.port]++;
		while (list[at].remote.port != 2)
			at++;
		assert_int_equal(list[at + 1].remote.port, 3);
	}
	/* Of five numbers that are drawn 0 leads to the one without weight, 1 and 2..4 to the others. */
	assert_in_range(first[4], 1800, 2200);
	assert_in_range(first[1], 1800, 2200);
	assert_in_range(first[2], 5700, 6300);
	assert_int_equal(first[3], 0);
	loop_free(loop);
}

/* ---- answers as bytes ---- */

#define QUESTION(type)                                                                                                 \
	"\x12\x34\x81\x80\0\1\0\1\0\0\0\0"                                                                             \
	"\1c\3net\0\0" type "\0\1"

static void test_answers_of_bytes(void **state)
{
	static const struct {
		const char *name;
		enum dns_type type;
		struct view bytes;
		int error;
		uint32_t ttl_s;
		size_t count;
		const char *first;
	} rows[] = {
		{"an address", DNS_A, VIEW(QUESTION("\1") "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"), 0, 60, 1, ""},
		{"a time that is too short", DNS_A, VIEW(QUESTION("\1") "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1"), 0,
		 DNS_KEEP_MIN_S, 1, ""},
		{"a server", DNS_SRV,
		 VIEW(QUESTION("\x21") "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\x0b\0\1\0\2\x13\xc4\2AB\xc0\x0c"), 0, 60, 1,
		 "ab.c.net"},
		{"a server with a strange name", DNS_SRV,
		 VIEW(QUESTION("\x21") "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\x0b\0\1\0\2\x13\xc4\2A!\xc0\x0c"), ERR_NOT_FOUND,
		 30, 0, NULL},
		{"NAPTR", DNS_NAPTR,
		 VIEW(QUESTION("\x23") "\xc0\x0c\0\x23\0\1\0\0\0\x3c\0\x12\0\1\0\2\1s\7SIP+D2U\0\1u\xc0\x0c"), 0, 60, 1,
		 "u.c.net"},
		{"no such name, for 20 s", DNS_A,
		 VIEW("\x12\x34\x81\x83\0\1\0\0\0\1\0\0"
		      "\1c\3net\0\0\1\0\1"
		      "\xc0\x0c\0\6\0\1\0\0\0\x3c\0\x16\0\0"
		      "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\x14"),
		 ERR_NOT_FOUND, 20, 0, NULL},
		{"the server has failed", DNS_A,
		 VIEW("\x12\x34\x81\x82\0\1\0\0\0\0\0\0"
		      "\1c\3net\0\0\1\0\1"),
		 ERR_IO, 0, 0, NULL},
		{"cut off", DNS_A, VIEW(QUESTION("\1") "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2"), ERR_SYNTAX, 0, 0,
		 NULL},
		{"a name without end", DNS_A, VIEW("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\x3f"), ERR_SYNTAX, 0, 0, NULL},
		{"nothing", DNS_A, VIEW(""), ERR_SYNTAX, 0, 0, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dns_record records[DNS_RECORDS_MAX];
		struct dns_answer answer;

		dns_answer_parse(rows[i].type, (const uint8_t *)rows[i].bytes.at, rows[i].bytes.size, records, &answer);
		if (answer.error != rows[i].error || answer.count != rows[i].count ||
		    (answer.error != ERR_SYNTAX && answer.error != ERR_IO && answer.ttl_s != rows[i].ttl_s) ||
		    (rows[i].first && strcmp(records[0].name, rows[i].first) != 0))
			fail_msg("%s: %d, %zu records, %u s", rows[i].name, answer.error, answer.count, answer.ttl_s);
	}
}

/* ---- look-ups and the cache ---- */

struct fixture {
	struct loop *loop;
	struct fake_dns fake;
	struct dns *dns;
	struct dns_lookup lookup;
	char result[512];
};

static void print_result(struct fixture *fixture, int error, const struct dns_targets *targets)
{
	struct text out;

	text_init(&out, fixture->result, sizeof(fixture->result));
	if (error)
		text_printf(&out, "%s", error_text(error));
	else
		print_targets(targets, &out);
	if (!error && targets->is_stale)
		text_printf(&out, ", stale");
}

static void on_done(void *arg, int error, const struct dns_targets *targets)
{
	print_result(arg, error, targets);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dns_options options = {.cache_max = 64};

	assert_int_equal(loop_new_sim(1, 0, &fixture->loop), 0);
	fake_dns_init(&fixture->fake, fixture->loop);
	options.loop = fixture->loop;
	options.source = fake_dns_source(&fixture->fake);
	assert_int_equal(dns_new(&options, &fixture->dns), 0);
	fixture->dns->reach = (struct dns_reach){.ipv4 = UDP};
	dns_lookup_init(&fixture->lookup, on_done, fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	dns_lookup_stop(&fixture->lookup);
	dns_free(fixture->dns);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

/* Looks x.net up, for at most that long. */
static const char *look_up(struct fixture *fixture, const char *host, uint64_t wait_ms)
{
	struct dns_question question = {.host = host};
	struct dns_targets targets;
	int error = dns_lookup_start(fixture->dns, &fixture->lookup, &question, &targets);

	snprintf(fixture->result, sizeof(fixture->result), "waiting");
	if (error != ERR_AGAIN)
		print_result(fixture, error, &targets);
	loop_sim_advance(fixture->loop, wait_ms);
	return fixture->result;
}

static void test_known_until_its_time_is_over(void **state)
{
	struct fixture *fixture = *state;
	unsigned asked;

	load(&fixture->fake, "x.net A 192.0.2.1 ttl 20\n");
	assert_string_equal(look_up(fixture, "x.net", 0), "waiting");
	loop_sim_advance(fixture->loop, 10);
	assert_string_equal(fixture->result, "udp 192.0.2.1:5060");
	asked = fixture->fake.asked;
	assert_string_equal(look_up(fixture, "X.NET.", 0), "udp 192.0.2.1:5060");
	assert_int_equal(fixture->fake.asked, asked);
	load(&fixture->fake, "forget x.net\nx.net A 192.0.2.2\n");
	loop_sim_advance(fixture->loop, 19000);
	assert_string_equal(look_up(fixture, "x.net", 10), "udp 192.0.2.1:5060");
	loop_sim_advance(fixture->loop, 1000);
	assert_string_equal(look_up(fixture, "x.net", 10), "udp 192.0.2.2:5060");
}

static void test_what_was_known_serves_while_nobody_answers(void **state)
{
	struct fixture *fixture = *state;

	load(&fixture->fake, "x.net A 192.0.2.1 ttl 20\n");
	look_up(fixture, "x.net", 10);
	fixture->fake.is_silent = true;
	loop_sim_advance(fixture->loop, 60000);
	assert_string_equal(look_up(fixture, "x.net", 3 * FAKE_DNS_SILENCE_MS + 10), "udp 192.0.2.1:5060, stale");
	assert_string_equal(look_up(fixture, "other.net", 3 * FAKE_DNS_SILENCE_MS + 10), error_text(ERR_TIMEOUT));
	loop_sim_advance(fixture->loop, (DNS_STALE_S + 1) * 1000ull);
	assert_string_equal(look_up(fixture, "x.net", 3 * FAKE_DNS_SILENCE_MS + 10), error_text(ERR_TIMEOUT));
	fixture->fake.is_silent = false;
	loop_sim_advance(fixture->loop, DNS_RETRY_S * 1000);
	assert_string_equal(look_up(fixture, "x.net", 10), "udp 192.0.2.1:5060");
}

static void test_the_cache_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	char name[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%d.net", i);
		assert_string_equal(look_up(fixture, name, 10), error_text(ERR_NOT_FOUND));
		assert_true(dns_stats(fixture->dns).kept <= 64);
	}
}

static void test_a_look_up_that_is_stopped_says_nothing(void **state)
{
	struct fixture *fixture = *state;

	load(&fixture->fake, "x.net A 192.0.2.1\n");
	assert_string_equal(look_up(fixture, "x.net", 0), "waiting");
	dns_lookup_stop(&fixture->lookup);
	loop_sim_advance(fixture->loop, 100);
	assert_string_equal(fixture->result, "waiting");
	assert_string_equal(look_up(fixture, "y.net", 0), "waiting"); /* and the end finds it open */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where_a_question_leads),
		cmocka_unit_test(test_what_is_asked_in_one_step),
		cmocka_unit_test(test_order_by_weight),
		cmocka_unit_test(test_answers_of_bytes),
		cmocka_unit_test_setup_teardown(test_known_until_its_time_is_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_known_serves_while_nobody_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_cache_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_look_up_that_is_stopped_says_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
