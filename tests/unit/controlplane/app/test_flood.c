/* controlplane/app under a flood of strangers: each gets the right answer, and the process does not grow. */
#include "tests/unit/unit.h"

#include "controlplane/app/signalling.h"
#include "controlplane/loop/loop.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/transport/sim.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

#include <unistd.h>

enum { REQUESTS = 100000, FEWER_REQUESTS = 20000, GROWTH_MAX = 1 << 20, SERVER_PORT = 5060 };

static struct {
	struct loop *loop;
	struct sim_network *network;
	struct conf *conf;
	struct metrics metrics;
	struct signalling *signalling;
	struct transport *transport;
	uint64_t answers, wrong;
	const char *wanted;
	char last[8192];
} bench;

static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
	bench.answers++;
	if (!view_has_prefix(bytes, bench.wanted)) {
		bench.wrong++;
		assert_int_equal(view_copy(view_sub(bytes, 0, sizeof(bench.last) - 1), bench.last, sizeof(bench.last)),
				 0);
	}
}

static int setup(void **state)
{
	static const char text[] = "media: { segment = \"/dev/shm/voxlane-no-such-segment\"; };"
				   "extensions = ({ number = \"1000\"; password = \"test1000\"; });";
	struct transport_options listens = {.listen_count = 1};
	struct signalling_options options = {.metrics = &bench.metrics};
	struct signalling_problem problem;
	struct conf_problem conf_problem;
	struct transport_receiver receiver;

	log_level_set(LOG_LEVEL_CRITICAL);
	listens.listens[0].kind = TRANSPORT_UDP;
	assert_int_equal(net_endpoint_parse(VIEW("192.0.2.1"), SERVER_PORT, &listens.listens[0].endpoint), 0);
	assert_int_equal(conf_load_text("test", text, &bench.conf, &conf_problem), 0);
	assert_int_equal(loop_new_sim(1, UINT64_C(1700000000000), &bench.loop), 0);
	assert_int_equal(sim_network_new(bench.loop, on_packet, NULL, &bench.network), 0);
	options.conf = bench.conf;
	options.loop = bench.loop;
	assert_int_equal(signalling_new(&options, &bench.signalling, &problem), 0);
	receiver = signalling_receiver(bench.signalling);
	assert_int_equal(transport_new_sim(bench.network, &listens, &receiver, &bench.transport), 0);
	assert_int_equal(signalling_start(bench.signalling, bench.transport, &problem), 0);
	return 0;
}

static int teardown(void **state)
{
	transport_free(bench.transport);
	signalling_free(bench.signalling);
	sim_network_free(bench.network);
	loop_free(bench.loop);
	conf_free(bench.conf);
	return 0;
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long total = 0, pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &total, &pages), 2);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Each from another (forged) source and with another branch. */
static void send_one(const char *method, unsigned i, const char *headers)
{
	struct transport_flow flow = {.kind = TRANSPORT_UDP};
	char buffer[2048], source[64];
	struct text text;

	snprintf(source, sizeof(source), "10.%u.%u.%u:5060", i >> 16 & 255, i >> 8 & 255, i & 255);
	assert_int_equal(net_endpoint_parse(view_of(source), 0, &flow.local), 0);
	flow.remote = transport_listener(bench.transport, 0)->endpoint;
	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text,
		    "%s sip:1000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%u\r\n"
		    "From: <sip:1000@192.0.2.1>;tag=f%u\r\nTo: <sip:1000@192.0.2.1>\r\nCall-ID: c%u\r\n"
		    "CSeq: 1 %s\r\nMax-Forwards: 70\r\nContact: <sip:1000@%s>\r\n%sContent-Length: 0\r\n\r\n",
		    method, source, i, i, i, method, source, headers);
	assert_false(text.overflow);
	assert_int_equal(sim_network_send(bench.network, &flow, text_view(&text)), 0);
	loop_turn(bench.loop, 0);
	loop_turn(bench.loop, 0);
}

static void flood(unsigned requests, const char *method, const char *headers, const char *wanted)
{
	const struct transaction_stats *stats = transaction_stats(bench.signalling->transactions);
	uint64_t answers = bench.answers;
	size_t before = 0, after;

	bench.wanted = wanted;
	for (unsigned i = 0; i < requests; i++) {
		send_one(method, i, headers);
		if (i == requests / 10)
			before = resident();
	}
	after = resident();
	assert_int_equal(bench.answers - answers, requests);
	if (bench.wrong > 0)
		fail_msg("%s: %s", method, bench.last);
	assert_int_equal(stats->transactions, 0);
	assert_int_equal(stats->memory, 0);
#ifndef __SANITIZE_ADDRESS__ /* which keeps freed memory back */
	if (after > before + GROWTH_MAX)
		fail_msg("%s: grew by %zu bytes", method, after - before);
#endif
}

#define FORGED                                                                                                         \
	"Authorization: Digest username=\"1000\", realm=\"voxlane\", nonce=\"0123\", uri=\"sip:1000@192.0.2.1\", "     \
	"response=\"0123456789abcdef0123456789abcdef\"\r\n"

static void test_register_flood(void **state)
{
	flood(REQUESTS, "REGISTER", "", "SIP/2.0 401 ");
}

static void test_invite_flood(void **state)
{
	flood(REQUESTS, "INVITE", "", "SIP/2.0 401 ");
}

static void test_flood_with_forged_credentials(void **state)
{
	flood(FEWER_REQUESTS, "INVITE", FORGED, "SIP/2.0 401 ");
}

static void test_subscribe_flood(void **state)
{
	flood(FEWER_REQUESTS, "SUBSCRIBE", "Event: dialog\r\n", "SIP/2.0 401 ");
}

static void test_options_flood(void **state)
{
	flood(FEWER_REQUESTS, "OPTIONS", "", "SIP/2.0 200 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register_flood),
		cmocka_unit_test(test_invite_flood),
		cmocka_unit_test(test_flood_with_forged_credentials),
		cmocka_unit_test(test_subscribe_flood),
		cmocka_unit_test(test_options_flood),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
