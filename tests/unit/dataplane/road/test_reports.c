/* RTCP through the real workers: what the peers report is read as it passes, and where media ends here we report ourselves. */
#include "tests/unit/dataplane/road/road.h"

#include <rte_cycles.h>

#include "dataplane/worker/private.h"
#include "lib/rtp/report.h"

#define A      "192.0.2.10:4000"
#define B      "192.0.2.20:6000"
#define A_RTCP "192.0.2.10:4001"
#define B_RTCP "192.0.2.20:6001"

static void put_report(const char *from, const char *to, const struct rtcp_report *report)
{
	uint8_t bytes[RTCP_REPORT_MAX];

	road_put_udp(0, from, to, bytes, rtcp_report_print(report, bytes));
	road_turn();
}

static struct shm_stream_counters count(const struct stream *stream)
{
	struct stream_clock clock = worker_clock(road.workers[0], rte_rdtsc());
	struct shm_stream_counters counters;

	stream_count(stream, &clock, &counters);
	return counters;
}

/* A speaks; B answers A's sender report; what B says stands at B's stream: how B hears what we send it. */
static void test_reports_are_read_as_they_pass(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
	struct stream *streams[2] = {road_set(&a), road_set(&b)};
	struct rtcp_report sender = {
		.ssrc = 7, .has_sender = true, .sender = {.ntp_seconds = 0x12345, .ntp_fraction = 0x67890000}};
	struct rtcp_report receiver = {
		.ssrc = 8,
		.has_block = true,
		.block = {.ssrc = 7, .lost = 5, .jitter = 80, .last_sr = 0x23456789, .delay_last_sr = 0}};
	struct seen seen;

	for (uint16_t sequence = 1; sequence < 10; sequence++)
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 7, sequence);
	road_put_rtp(0, B, ROAD_IPV4 ":10004", 8, 1);
	road_turn();
	put_report(A_RTCP, ROAD_IPV4 ":10001", &sender);
	put_report(B_RTCP, ROAD_IPV4 ":10005", &receiver);
	assert_int_equal(count(streams[1]).reports, 1);
	assert_int_equal(count(streams[1]).reported_lost, 5);
	assert_int_equal(count(streams[1]).reported_jitter_us, 10000);
	assert_in_range(count(streams[1]).round_trip_us, 1, 30000000);
	assert_int_equal(count(streams[0]).reports, 0);
	assert_int_equal(count(streams[0]).round_trip_us, 0);
	/* About somebody else: not our business. */
	receiver.block.ssrc = 99;
	receiver.block.lost = 1000;
	put_report(B_RTCP, ROAD_IPV4 ":10005", &receiver);
	assert_int_equal(count(streams[1]).reports, 1);
	assert_int_equal(count(streams[1]).reported_lost, 5);
	while (road_take(0, &seen))
		;
	assert_int_equal(road_drops_all(), 0);
}

static void test_reports_of_a_peer_about_its_call(void **state)
{
	static const uint8_t xr[] = {0x80, 207, 0,  10,  0,  0,  0,   8, 7,   0,  0,  8,   0,  0,  0,
				     7,    13,  26, 50,  1,  0,  200, 3, 232, 0,  80, 0,   90, 0,  0,
				     0,    16,  88, 127, 42, 41, 0,   0, 0,   60, 0,  120, 0,  200};
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
	struct stream *streams[2] = {road_set(&a), road_set(&b)};
	struct seen seen;

	road_put_rtp(0, A, ROAD_IPV4 ":10000", 7, 1);
	road_put_rtp(0, B, ROAD_IPV4 ":10004", 8, 1);
	road_put_udp(0, B_RTCP, ROAD_IPV4 ":10005", xr, sizeof(xr));
	road_turn();
	assert_int_equal(count(streams[1]).reported_mos10, 41);
	assert_int_equal(count(streams[1]).reported_delay_ms, 90);
	assert_int_equal(count(streams[0]).reported_mos10, 0);
	while (road_take(0, &seen))
		;
}

/* The next report of ours, whose block must be there; false: none came. */
static bool take_report(struct stream *stream, struct rtcp_item *block)
{
	struct rtcp_walk walk;
	struct rtcp_item item;
	struct seen seen;
	bool is_found = false;

	stream->reports_of.next_tsc = MIN(stream->reports_of.next_tsc, 1);
	road.workers[0]->context.now_tsc = rte_rdtsc();
	worker_publish_all(road.workers[0]);
	road_turn();
	while (road_take(0, &seen)) {
		if (rtp_classify(seen.payload, seen.packet.payload_size) != RTP_KIND_RTCP)
			continue;
		assert_string_equal(seen.source, ROAD_IPV4 ":10001");
		assert_string_equal(seen.destination, A_RTCP);
		walk = rtcp_walk_of(seen.payload, seen.packet.payload_size);
		while (rtcp_next(&walk, &item))
			if (item.kind == RTCP_ITEM_BLOCK) {
				*block = item;
				is_found = true;
			}
	}
	return is_found;
}

static void test_reports_of_our_own_for_an_echo(void **state)
{
	struct stream_wish echo = road_wish(0, 0, 0, A, 0);
	struct stream *stream = road_set(&echo);
	struct rtcp_report sender = {
		.ssrc = 7, .has_sender = true, .sender = {.ntp_seconds = 0x12345, .ntp_fraction = 0x67890000}};
	struct rtcp_report receiver = {.ssrc = 7, .has_block = true, .block = {.lost = 3}};
	struct rtcp_item item;
	struct seen seen;

	assert_false(take_report(stream, &item)); /* nothing was heard yet */
	for (uint16_t sequence = 1; sequence <= 20; sequence++)
		if (sequence != 11)
			road_put_rtp(0, A, ROAD_IPV4 ":10000", 7, sequence);
	road_turn();
	put_report(A_RTCP, ROAD_IPV4 ":10001", &sender);
	while (road_take(0, &seen)) /* its own report does not come back as somebody else's */
		assert_int_equal(rtp_classify(seen.payload, seen.packet.payload_size), RTP_KIND_RTP);
	worker_publish_all(road.workers[0]); /* plans the first */
	assert_true(stream->reports_of.next_tsc > road.workers[0]->context.now_tsc);
	assert_true(take_report(stream, &item));
	assert_int_equal(item.u.block.ssrc, 7);
	assert_int_equal(item.u.block.lost, 1);
	assert_int_equal(item.u.block.fraction_lost, 256 / 20);
	assert_int_equal(item.u.block.max_sequence, 20);
	assert_int_equal(item.u.block.last_sr, 0x23456789);
	assert_int_not_equal(item.author, 7);
	assert_int_equal(item.author, stream->reports_of.own_ssrc);
	assert_int_equal(road_counter(WORKER_REPORTS), 1);
	receiver.block.ssrc = item.author;
	put_report(A_RTCP, ROAD_IPV4 ":10001", &receiver);
	assert_int_equal(count(stream).reported_lost, 3);
	assert_int_equal(count(stream).loss_runs, 1);
	assert_int_equal(road_drops(DROP_NO_SINK), 2); /* the two reports that ended here */
}

static void test_reports_go_round_a_pair(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
	struct stream *stream = road_set(&a);
	struct rtcp_item item;

	road_set(&b);
	road_put_rtp(0, A, ROAD_IPV4 ":10000", 7, 1);
	road_turn();
	assert_false(take_report(stream, &item));
	assert_int_equal(road_counter(WORKER_REPORTS), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, road_setup, road_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_reports_are_read_as_they_pass),
		TEST(test_reports_of_a_peer_about_its_call),
		TEST(test_reports_of_our_own_for_an_echo),
		TEST(test_reports_go_round_a_pair),
	};
	return cmocka_run_group_tests(tests, road_eal_init, NULL);
}
