/* Packets through the real workers: what goes in, what comes out, what is dropped and why. */
#include "tests/unit/dataplane/road/road.h"

#include "dataplane/manager/private.h"
#include "dataplane/worker/private.h"
#include "lib/codec/codec.h"

#include <rte_cycles.h>
#include <rte_lcore.h>

#define A "192.0.2.10:4000"
#define B "192.0.2.20:6000"
#define S "203.0.113.9:9999"

static char *local(uint16_t address, uint16_t port, char *text)
{
	static const char *const addresses[] = {ROAD_IPV4, "[" ROAD_IPV6 "]", ROAD_LOCAL};

	snprintf(text, NET_ENDPOINT_TEXT, "%s:%u", addresses[address], port);
	return text;
}

/* The packets that went in are the ones that came out or were dropped. */
static void assert_all_accounted_for(uint64_t put)
{
	assert_int_equal(road_counter(WORKER_RX_PACKETS), put);
	assert_int_equal(road_counter(WORKER_TX_PACKETS) + road_drops_all(), put);
}

/* ---- a pair of streams: every family and port on either side, either worker ---- */
static const struct pair_row {
	const char *name;
	uint16_t worker;
	uint16_t address[2];
	unsigned port[2];
	const char *peer[2];
} pair_rows[] = {
	{"IPv4", 0, {0, 0}, {0, 0}, {A, B}},
	{"IPv6", 0, {1, 1}, {0, 0}, {"[2001:db8::a]:4000", "[2001:db8::b]:6000"}},
	{"IPv4 to IPv6", 0, {0, 1}, {0, 0}, {A, "[2001:db8::b]:6000"}},
	{"from one port to the other", 0, {0, 2}, {0, 1}, {A, "198.51.100.7:5000"}},
	{"a worker without a queue", 1, {0, 0}, {0, 0}, {A, B}},
	{"a worker without a queue, IPv6, other port", 1, {1, 2}, {0, 1}, {"[2001:db8::a]:4000", "198.51.100.7:5000"}},
};

static void relay_pair(const struct pair_row *row)
{
	struct stream_wish a = road_wish(row->worker, 0, row->address[0], row->peer[0], 1);
	struct stream_wish b = road_wish(row->worker, 1, row->address[1], row->peer[1], 0);
	const struct stream_wish *wishes[2] = {&a, &b};
	struct stream *streams[2] = {road_set(&a), road_set(&b)};
	char at[2][NET_ENDPOINT_TEXT];
	uint8_t expected[256];
	struct seen seen;

	for (int i = 0; i < 2; i++)
		local(row->address[i], wishes[i]->set.local_port, at[i]);
	for (int from = 0; from < 2; from++) {
		int to = 1 - from;

		for (uint16_t sequence = 65500; sequence != 100; sequence++) {
			road_put_rtp(row->port[from], row->peer[from], at[from], 0xabc0u + (unsigned)from, sequence);
			road_turn();
			assert_true(road_take(row->port[to], &seen));
			assert_string_equal(seen.source, at[to]);
			assert_string_equal(seen.destination, row->peer[to]);
			assert_int_equal(seen.packet.payload_size,
					 road_rtp(expected, 0xabc0u + (unsigned)from, sequence));
			assert_memory_equal(seen.payload, expected, 172);
			assert_int_equal(seen.bytes[5], 2); /* the neighbour table's address */
		}
		assert_int_equal(streams[from]->rtp_in, 136);
		assert_int_equal(streams[from]->rtp_in_bytes, 136 * 172);
		assert_int_equal(stream_rtp_out(streams[to]), 136);
		assert_int_equal(streams[to]->rtp_out_bytes + streams[to]->rtp_way.bytes, 136 * 172);
		assert_int_equal(rtp_statistics_lost(&streams[from]->statistics), 0);
	}
	assert_false(road_take(0, &seen) || road_take(1, &seen));
	assert_all_accounted_for(272);
	assert_int_equal(road_drops_all(), 0);
	assert_int_equal(road_counter(WORKER_RTP_RELAYED), 272);
	assert_int_equal(road_counter(WORKER_HANDOVER_IN), row->worker ? 272 : 0);
}

static void test_road_relays_a_pair(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(pair_rows); i++) {
		print_message("         %s\n", pair_rows[i].name);
		if (i)
			assert_int_equal(road_setup(state), 0);
		relay_pair(&pair_rows[i]);
		if (i + 1 < ARRAY_LEN(pair_rows))
			road_teardown(state);
	}
}

static void test_road_payloads_of_every_size(void **state)
{
	struct stream_wish echo = road_wish(0, 0, 0, A, 0), echo6 = road_wish(0, 1, 1, "[2001:db8::a]:4000", 1);
	struct seen seen;
	uint8_t payload[1473];

	road_set(&echo);
	road_set(&echo6);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 31 + (i >> 3));
	for (size_t size = 12; size <= 1472; size++) {
		road_rtp(payload, 5, (uint16_t)size);
		if (size < 172)
			memset(payload + 12, 0xff, size - 12); /* many carries */
		road_put_udp(0, A, ROAD_IPV4 ":10000", payload, size);
		road_turn();
		assert_true(road_take(0, &seen));
		assert_string_equal(seen.destination, A);
		assert_int_equal(seen.packet.payload_size, size);
		assert_memory_equal(seen.payload, payload, size);
	}
	road_put_udp(0, "[2001:db8::a]:4000", "[" ROAD_IPV6 "]:10004", payload, 1452);
	road_turn();
	assert_true(road_take(0, &seen));
	/* What fitted IPv4 need not fit IPv6. */
	road_put_udp(0, "[2001:db8::a]:4000", "[" ROAD_IPV6 "]:10004", payload, 1453);
	road_turn();
	assert_false(road_take(0, &seen));
	assert_int_equal(road_drops(DROP_TOO_LONG), 1);
}

/* A payload whose sum makes the UDP checksum come out as 0 must be sent as 0xffff. */
static void test_road_checksum_is_never_zero(void **state)
{
	struct stream_wish echo = road_wish(0, 0, 0, A, 0);
	struct seen seen;
	uint8_t payload[14];
	uint16_t checksum;

	road_set(&echo);
	road_rtp((uint8_t[256]){0}, 5, 1);
	memcpy(payload, (uint8_t[14]){0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5}, 14);
	road_put_udp(0, A, ROAD_IPV4 ":10000", payload, 14);
	road_turn();
	assert_true(road_take(0, &seen));
	memcpy(&checksum, seen.payload - 2, 2);
	/* Adding the checksum itself to a sum whose complement it is gives all ones: complement 0. */
	memcpy(payload + 12, &checksum, 2);
	payload[3] = 1;
	road_put_udp(0, A, ROAD_IPV4 ":10000", payload, 14);
	road_turn();
	assert_true(road_take(0, &seen));
	memcpy(&checksum, seen.payload - 2, 2);
	assert_int_equal(checksum, 0xffff);
}

/* ---- what is dropped, and why ---- */
static void test_road_drops_with_a_reason(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0),
			   alone = road_wish(0, 2, 0, A, STREAM_NO_SLOT);
	struct stream_wish held = road_wish(0, 3, 0, A, 3), nowhere = road_wish(0, 4, 0, NULL, 5),
			   feeds = road_wish(0, 5, 0, A, STREAM_NO_SLOT);
	struct stream_wish unresolved = road_wish(0, 6, 0, B, 7), feeds2 = road_wish(0, 7, 0, A, STREAM_NO_SLOT);
	uint8_t rtp[256], frame[128] = {0};
	uint64_t put = 0;
	struct seen seen;
	size_t size = road_rtp(rtp, 1, 1);

	held.set.flags = SHM_STREAM_SEND;
	unresolved.rtp_neighbour = unresolved.rtcp_neighbour = 1;
	road_set(&a);
	road_set(&b);
	road_set(&alone);
	road_set(&held);
	road_set(&nowhere);
	road_set(&feeds);
	road_set(&unresolved);
	road_set(&feeds2);

	struct row {
		enum drop_reason reason;
		const char *source, *destination;
		uint8_t first, second;
		size_t size;
	} rows[] = {
		{DROP_NO_STREAM, A, ROAD_IPV4 ":10200", 0x80, 0, size},
		{DROP_NO_STREAM, A, ROAD_IPV4 ":9", 0x80, 0, size},
		{DROP_NOT_MEDIA_ADDRESS, A, "192.0.2.99:10000", 0x80, 0, size},
		{DROP_NOT_MEDIA_ADDRESS, A, ROAD_LOCAL ":10000", 0x80, 0, size}, /* the other port's */
		{DROP_RTP_MALFORMED, A, ROAD_IPV4 ":10000", 0x80, 0, 11},
		{DROP_RTP_MALFORMED, A, ROAD_IPV4 ":10000", 0x8f, 0, 20},
		{DROP_RTP_MALFORMED, A, ROAD_IPV4 ":10000", 0x40, 0, size},
		{DROP_RTP_MALFORMED, A, ROAD_IPV4 ":10000", 0xff, 0, size},
		{DROP_RTP_MALFORMED, A, ROAD_IPV4 ":10000", 0x80, 0, 0},
		{DROP_RTP_MALFORMED, A, ROAD_IPV4 ":10001", 0x80, 0, size}, /* RTP on the RTCP port */
		{DROP_RTP_MALFORMED, A, ROAD_IPV4 ":10000", 0x80, 200, 33}, /* RTCP, length not a multiple of four */
		{DROP_STUN, A, ROAD_IPV4 ":10000", 0x00, 1, 20},
		{DROP_STUN, A, ROAD_IPV4 ":10000", 22, 1, 60},
		{DROP_SOURCE, S, ROAD_IPV4 ":10000", 0x80, 0, size},
		{DROP_SOURCE, "192.0.2.10:4001", ROAD_IPV4 ":10000", 0x80, 0, size},
		{DROP_SOURCE, S, ROAD_IPV4 ":10001", 0x81, 201, 32},
		{DROP_NO_SINK, A, ROAD_IPV4 ":10008", 0x80, 0, size},
		{DROP_DIRECTION, A, ROAD_IPV4 ":10012", 0x80, 0, size},
		{DROP_NO_REMOTE, A, ROAD_IPV4 ":10020", 0x80, 0, size},
		{DROP_NO_NEIGHBOUR, A, ROAD_IPV4 ":10028", 0x80, 0, size},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t before = road_drops(rows[i].reason);

		rtp[0] = rows[i].first;
		rtp[1] = rows[i].second;
		rtp[2] = 0;
		rtp[3] = rows[i].second == 201 ? 7 : 8;
		road_put_udp(0, rows[i].source, rows[i].destination, rtp, rows[i].size);
		put++;
		road_turn();
		if (road_drops(rows[i].reason) != before + 1)
			fail_msg("row %zu: not dropped as %s", i, drop_reason_name(rows[i].reason));
		assert_int_equal(road_drops_all(), put);
	}
	/* Frames that are not even UDP. */
	frame[12] = 0x08, frame[13] = 0x06;
	road_put(0, frame, 60);
	road_put(0, frame, 13);
	road_turn();
	assert_int_equal(road_drops(DROP_NOT_IP), 2);
	assert_false(road_take(0, &seen) || road_take(1, &seen));
	assert_all_accounted_for(put + 2);
}

static void test_road_stranger_is_counted_at_the_stream(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
	struct stream *stream;
	struct seen seen;

	a.set.flags |= SHM_STREAM_LEARN;
	stream = road_set(&a);
	road_set(&b);
	for (uint16_t i = 0; i < 10; i++)
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, i);
	road_turn();
	for (uint16_t i = 0; i < 100; i++)
		road_put_rtp(0, S, ROAD_IPV4 ":10000", 1, (uint16_t)(10 + i));
	road_turn();
	for (int i = 0; i < 10; i++)
		assert_true(road_take(0, &seen));
	assert_false(road_take(0, &seen));
	assert_int_equal(stream->dropped_source, 100);
	assert_int_equal(stream->rtp_in, 10);
	assert_all_accounted_for(110);
}

static void test_road_learned_peer_gets_the_media(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, "10.0.0.5:4000", 1), b = road_wish(0, 1, 0, B, 0);
	struct stage_event event;
	struct seen seen;

	road_hurry();
	a.set.flags |= SHM_STREAM_LEARN;
	road_set(&a);
	road_set(&b);
	road_put_rtp(0, B, ROAD_IPV4 ":10004", 2, 1);
	road_turn();
	assert_true(road_take(0, &seen));
	assert_string_equal(seen.destination, "10.0.0.5:4000");
	for (uint16_t i = 0; i < 3; i++)
		road_put_rtp(0, S, ROAD_IPV4 ":10000", 1, i);
	road_put_rtp(0, B, ROAD_IPV4 ":10004", 2, 2);
	road_turn();
	assert_int_equal(road_drops(DROP_PROBATION), 3);
	assert_true(road_take(0, &seen));
	assert_string_equal(seen.destination, "10.0.0.5:4000");
	road_put_rtp(0, S, ROAD_IPV4 ":10000", 1, 3);
	road_turn();
	assert_true(road_take(0, &seen));
	assert_string_equal(seen.destination, B);
	road_put_rtp(0, B, ROAD_IPV4 ":10004", 2, 3);
	road_turn();
	assert_true(road_take(0, &seen));
	assert_string_equal(seen.destination, S);
	assert_int_equal(seen.bytes[5], 0x77); /* the hardware address it came from, until its next hop is known */
	assert_int_equal(rte_ring_sc_dequeue_elem(road.workers[0]->context.events, &event, sizeof(event)), 0);
	assert_int_equal(event.type, SHM_EVENT_STREAM_LATCHED);
	assert_int_equal(event.u.latched.port, 9999);
}

/* ---- RTCP: the port it leaves by is the one that its receiver agreed to, whatever it came by ---- */
static const struct mux_row {
	const char *name;
	bool from_mux, to_mux;
	uint16_t to_port; /* local port offset that it is sent to */
	const char *from, *expected_source, *expected_destination;
} mux_rows[] = {
	{"apart to apart", false, false, 1, "192.0.2.10:4001", ROAD_IPV4 ":10005", "192.0.2.20:6001"},
	{"mux to apart", true, false, 0, "192.0.2.10:4000", ROAD_IPV4 ":10005", "192.0.2.20:6001"},
	{"apart to mux", false, true, 1, "192.0.2.10:4001", ROAD_IPV4 ":10004", "192.0.2.20:6000"},
	{"mux to mux", true, true, 0, "192.0.2.10:4000", ROAD_IPV4 ":10004", "192.0.2.20:6000"},
};

static void test_road_rtcp_and_mux(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(mux_rows); i++) {
		const struct mux_row *row = &mux_rows[i];
		struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
		struct stream *streams[2];
		char at[NET_ENDPOINT_TEXT];
		uint8_t rtcp[64];
		struct seen seen;
		size_t size = road_rtcp(rtcp, 1);

		print_message("         %s\n", row->name);
		a.set.flags |= row->from_mux ? SHM_STREAM_RTCP_MUX : 0;
		b.set.flags |= row->to_mux ? SHM_STREAM_RTCP_MUX : 0;
		/* Hold does not stop RTCP. */
		if (i == 3)
			a.set.flags &= (uint16_t)~SHM_STREAM_RECEIVE;
		streams[0] = road_set(&a);
		streams[1] = road_set(&b);
		road_put_udp(0, row->from, local(0, (uint16_t)(10000 + row->to_port), at), rtcp, size);
		road_turn();
		assert_true(road_take(0, &seen));
		assert_string_equal(seen.source, row->expected_source);
		assert_string_equal(seen.destination, row->expected_destination);
		assert_memory_equal(seen.payload, rtcp, size);
		assert_int_equal(streams[0]->rtcp_in, 1);
		assert_int_equal(streams[1]->rtcp_out, 1);
		assert_int_equal(streams[0]->rtp_in, 0);
		stream_del(&road.workers[0]->context.table, streams[0]);
		stream_del(&road.workers[0]->context.table, streams[1]);
	}
}

static void test_road_statistics(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 0);
	struct stream *stream = road_set(&a);
	struct seen seen;
	int out = 0;

	/* 65530..69 without every tenth, two swapped, one twice. */
	for (uint32_t i = 65530; i < 65606; i++)
		if (i % 10 != 0)
			road_put_rtp(0, A, ROAD_IPV4 ":10000", 1,
				     (uint16_t)(i == 65533   ? 65534
						: i == 65534 ? 65533
							     : i));
	road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, 69);
	road_turn();
	while (road_take(0, &seen))
		out++;
	assert_int_equal(out, 69);
	assert_int_equal(stream->rtp_in, 69);
	/* 8 were left out, of which the first came before the first packet; RFC 3550 takes the duplicate for one of them. */
	assert_int_equal(rtp_statistics_lost(&stream->statistics), 6);
	assert_int_equal(stream->payload_type, 0);
	assert_int_equal(stream->clock_hz, 8000);
}

static void test_road_fork_sends_to_all(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, STREAM_NO_SLOT), b = road_wish(0, 1, 0, B, 0);
	struct stream_wish c = road_wish(0, 2, 1, "[2001:db8::c]:7000", 0),
			   d = road_wish(0, 3, 2, "198.51.100.7:5000", 0);
	struct stream *streams[3];
	struct seen seen;
	unsigned out[2] = {0};

	road_set(&a);
	streams[0] = road_set(&b);
	streams[1] = road_set(&c);
	streams[2] = road_set(&d);
	for (uint16_t i = 0; i < 5; i++)
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, i);
	road_turn();
	for (unsigned p = 0; p < 2; p++)
		while (road_take(p, &seen))
			out[p]++;
	assert_int_equal(out[0], 10);
	assert_int_equal(out[1], 5);
	for (int i = 0; i < 3; i++)
		assert_int_equal(stream_rtp_out(streams[i]), 5);
	/* More copies than a burst holds: the packets themselves pass, the copies that do not are counted. */
	for (uint16_t i = 5; i < 37; i++)
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, i);
	road_turn();
	for (unsigned p = 0; p < 2; p++)
		while (road_take(p, &seen))
			out[p]++;
	assert_int_equal(out[0] + out[1] + road_drops(DROP_TX_FULL), 15 + 3 * 32);
	assert_int_equal(road_drops_all(), road_drops(DROP_TX_FULL));
}

static void test_road_deletion_in_flight(void **state)
{
	struct stream_wish a = road_wish(1, 0, 0, A, 1), b = road_wish(1, 1, 0, B, 0);
	struct stream_table *table = &road.workers[1]->context.table;
	struct stream *streams[2] = {road_set(&a), road_set(&b)};
	char at[NET_ENDPOINT_TEXT];
	struct seen seen;

	local(0, a.set.local_port, at);
	for (uint16_t i = 0; i < 20; i++)
		road_put_rtp(0, A, at, 1, i);
	worker_turn(road.workers[0]); /* they are on their way to worker 1 */
	assert_int_equal(rte_ring_count(road.workers[1]->context.handover[1]), 20);
	stream_del(table, streams[0]);
	/* Another stream in the same slot, on another port: not its packets. */
	a.set.id.generation = 2;
	a.set.local_port = 11000;
	a.set.source = (struct shm_stream_id){.index = 0, .generation = 2, .worker = 1};
	road_set(&a);
	road_turn();
	assert_false(road_take(0, &seen));
	assert_int_equal(road_drops(DROP_NO_STREAM), 20);
	assert_all_accounted_for(20);
}

static void test_road_twin_gets_what_is_not_media(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 0);
	uint8_t frame[64] = {[12] = 0x08, [13] = 0x06}, sip[32] = "OPTIONS sip:";
	void *packet;

	road.ports->ports[0].exception = road.exception;
	road_set(&a);
	road_put(0, frame, 60);                                   /* ARP */
	road_put_udp(0, A, ROAD_IPV4 ":5060", sip, sizeof(sip));  /* on the media address, outside the pool */
	road_put_udp(0, A, "192.0.2.77:10000", sip, sizeof(sip)); /* another address */
	road_put_udp(0, A, ROAD_IPV4 ":10100", sip, sizeof(sip)); /* media without a stream is not the kernel's */
	road_turn();
	assert_int_equal(rte_ring_count(road.exception), 3);
	assert_int_equal(road_drops_all(), 1);
	assert_int_equal(road_drops(DROP_NO_STREAM), 1);
	while (rte_ring_dequeue(road.exception, &packet) == 0)
		rte_pktmbuf_free(packet);
}

static void test_road_full_rings_are_counted(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 0), b = road_wish(1, 0, 0, B, 0);
	char at[NET_ENDPOINT_TEXT];
	struct seen seen;
	unsigned out = 0;

	road_set(&a);
	road_set(&b);
	for (uint16_t i = 0; i < 1500; i++) {
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, i);
		if (i % 64 == 63)
			road_turn();
	}
	road_turn();
	while (road_take(0, &seen))
		out++;
	assert_int_equal(out, ROAD_RING - 1);
	assert_int_equal(road_drops(DROP_TX_FULL), 1500 - (ROAD_RING - 1));
	/* A worker that does not turn: its ring fills up. */
	local(0, b.set.local_port, at);
	for (uint16_t i = 0; i < WORKER_HANDOVER + 500; i++) {
		road_put_rtp(0, B, at, 2, i);
		worker_turn(road.workers[0]);
	}
	assert_int_equal(road_drops(DROP_HANDOVER_FULL), 501);
	road_turn();
}

/* ---- the rate limit: what a peer may send until the next visit, and it alone ---- */
static void test_road_rate_limit(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
	struct stream *stream;
	char at[NET_ENDPOINT_TEXT];
	struct seen seen;
	uint16_t out = 0;

	a.set.rate_limit = 40; /* ten and one in STREAM_ALLOW_MS */
	stream = road_set(&a);
	road_set(&b);
	stream_allow(stream);
	for (unsigned w = 0; w < ROAD_WORKERS; w++)
		road.workers[w]->next_slice_tsc = UINT64_MAX; /* no visits but those below */
	for (uint16_t i = 0; i < 25; i++)
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, i);
	for (uint16_t i = 0; i < 5; i++) /* a stranger's packets use nothing up */
		road_put_rtp(0, S, ROAD_IPV4 ":10000", 1, i);
	road_turn();
	while (road_take(0, &seen))
		out++;
	assert_int_equal(out, 11);
	assert_int_equal(road_drops(DROP_RATE), 14);
	assert_int_equal(road_drops(DROP_SOURCE), 5);
	assert_int_equal(stream->dropped, 14);
	assert_int_equal(stream->rtp_in, 11);
	/* The other way is not limited. */
	local(0, b.set.local_port, at);
	for (uint16_t i = 0; i < 100; i++)
		road_put_rtp(0, B, at, 2, i);
	road_turn();
	for (out = 0; road_take(0, &seen); out++)
		;
	assert_int_equal(out, 100);
	stream_allow(stream);
	road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, 25);
	road_turn();
	assert_true(road_take(0, &seen));
	assert_int_equal(road_drops(DROP_RATE), 14);
}

/* ---- checksums that came finished are carried over, right or wrong; one that is not there is made ---- */
static void put_finished(uint16_t sequence, size_t size, uint16_t spoil, bool none)
{
	struct packet_flow flow = {
		.ttl = 63, .source = road_endpoint(A), .destination = road_endpoint(ROAD_IPV4 ":10000")};
	uint8_t bytes[PACKET_TEMPLATE_SIZE + 256], *payload = bytes + PACKET_TEMPLATE_SIZE;
	struct packet_template template;
	uint16_t checksum;

	assert_int_equal(packet_template_build(&flow, &template), 0);
	road_rtp(payload, 9, sequence);
	packet_template_write(&template, payload, (uint16_t)size, packet_sum(payload, size), false);
	memcpy(&checksum, payload - 2, 2);
	checksum = none ? 0 : (uint16_t)(checksum ^ spoil);
	memcpy(payload - 2, &checksum, 2);
	road_put(0, payload - template.size, template.size + size);
}

static void test_road_checksum_carried_over(void **state)
{
	struct stream_wish echo = road_wish(0, 0, 0, A, 0);
	struct rte_mbuf *packet;
	struct seen seen;
	struct packet parsed;
	uint16_t checksum;
	void *taken = NULL;

	road_set(&echo);
	road.ports->ports[0].has_finished_sums = true;
	for (uint16_t sequence = 0; sequence < 2000; sequence++) {
		put_finished(sequence, 12 + sequence % 161u, 0, sequence % 50 == 49);
		road_turn();
		assert_true(road_take(0, &seen)); /* which checks the checksum */
	}
	/* What was spoilt on its way to us is not mended: the receiver is to see it. */
	put_finished(2000, 172, 0x0100, false);
	road_turn();
	assert_int_equal(rte_ring_dequeue(road.out[0], &taken), 0);
	packet = taken;
	assert_int_equal(packet_parse(rte_pktmbuf_mtod(packet, uint8_t *), packet->data_len, &parsed), PACKET_UDP);
	memcpy(&checksum, rte_pktmbuf_mtod_offset(packet, uint8_t *, parsed.payload_offset - 2), 2);
	assert_int_not_equal(checksum, packet_udp_checksum(&parsed, rte_pktmbuf_mtod(packet, uint8_t *)));
	rte_pktmbuf_free(packet);
}

/* ---- cycles of stages: of one burst in STAGE_SAMPLED ---- */
static void test_road_stages_are_measured(void **state)
{
	struct stream_wish echo = road_wish(0, 0, 0, A, 0);
	const struct stage_context *context = &road.workers[0]->context;
	struct seen seen;

	road_set(&echo);
	for (uint16_t i = 0; i < 4 * STAGE_SAMPLED; i++) {
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 9, i);
		worker_turn(road.workers[0]);
		assert_true(road_take(0, &seen));
	}
	/* A burst that the kernel interrupted is left out. */
	assert_in_range(context->stage_packets[STAGE_relay], 1, 4);
	assert_in_range(context->stage_packets[STAGE_parse], 1, 4);
	assert_in_range(context->stage_packets[STAGE_receive], 1, 4);
	assert_true(context->stage_cycles[STAGE_relay] > 0);
	assert_int_equal(context->stage_packets[STAGE_protect], 0);
}

static void test_road_operations(void **state)
{
	struct worker *worker = road.workers[0];
	struct worker_operation set = {.type = WORKER_STREAM_SET, .wish = road_wish(0, 0, 0, A, 0)};
	struct worker_operation del = {.type = WORKER_STREAM_DEL};
	struct seen seen;
	void *done;

	assert_int_equal(rte_ring_sp_enqueue(worker->operations, &set), 0);
	worker_turn(worker);
	assert_int_equal(rte_ring_sc_dequeue(worker->done, &done), 0);
	assert_ptr_equal(done, &set);
	assert_true(set.is_used);
	for (uint16_t i = 0; i < 7; i++)
		road_put_rtp(0, A, ROAD_IPV4 ":10000", 9, i);
	road_turn();
	while (road_take(0, &seen))
		;
	del.wish.set.id = set.wish.set.id;
	assert_int_equal(rte_ring_sp_enqueue(worker->operations, &del), 0);
	worker_turn(worker);
	assert_int_equal(rte_ring_sc_dequeue(worker->done, &done), 0);
	assert_int_equal(del.final.rtp_in, 7);
	assert_int_equal(del.final.rtp_out, 7);
	assert_int_equal(del.final.ssrc, 9);
	assert_int_equal(worker->context.table.live_count, 0);
}

/* ---- the real loops, each in its own thread ---- */
static atomic_bool stop;

static int loop(void *arg)
{
	worker_run(arg, &stop);
	return 0;
}

static void test_road_two_threads(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 2, "198.51.100.7:5000", 0);
	struct stream_wish c = road_wish(1, 0, 0, A, 1), d = road_wish(1, 1, 2, "198.51.100.8:5000", 0);
	char at_a[NET_ENDPOINT_TEXT], at_c[NET_ENDPOINT_TEXT];
	unsigned put = 0, out = 0;
	struct seen seen;

	road_set(&a);
	road_set(&b);
	road_set(&c);
	road_set(&d);
	local(0, a.set.local_port, at_a);
	local(0, c.set.local_port, at_c);
	road.workers[1]->naps = true;
	atomic_store(&stop, false);
	assert_int_equal(rte_eal_remote_launch(loop, road.workers[0], 1), 0);
	assert_int_equal(rte_eal_remote_launch(loop, road.workers[1], 2), 0);
	while (put < 4000 || out < put) {
		if (put < 4000 && put - out < 200) {
			road_put_rtp(0, A, put % 2 ? at_c : at_a, 1 + put % 2, (uint16_t)(put / 2));
			put++;
		}
		while (road_take(1, &seen))
			out++;
	}
	atomic_store(&stop, true);
	rte_eal_mp_wait_lcore();
	assert_int_equal(out, 4000);
	assert_all_accounted_for(4000);
	assert_int_equal(road_counter(WORKER_HANDOVER_IN), 2000);
	assert_int_equal(road.workers[1]->context.counters[WORKER_TX_PACKETS], 2000);
}

/* Every lane is a row with steps, the last of which leaves nothing, or whose packets part. */
static void test_lane_table_is_complete(void **state)
{
	for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
		assert_non_null(lane_rows[lane].name);
		assert_non_null(lane_rows[lane].steps[0].run);
		for (unsigned i = 0; i < LANE_STAGES_MAX; i++)
			assert_true(!lane_rows[lane].steps[i].run == !lane_rows[lane].steps[i].name);
	}
	assert_true(lane_rows[LANE_ENTRY].splits && lane_rows[LANE_TAKEN_OVER].splits);
	assert_false(lane_rows[LANE_RELAY].splits);
}

/* ---- converted packet by packet ---- */
static const struct convert_row {
	const char *name;
	struct shm_audio from, to;
	uint8_t type, type_out;
	const uint8_t *table; /* NULL: the payload stays */
	enum drop_reason reason;
} convert_rows[] = {
	{"u-law to A-law", {CODEC_PCMU, 0, 101, 255}, {CODEC_PCMA, 8, 96, 255}, 0, 8, g711_ulaw_to_alaw, DROP_COUNT},
	{"A-law to u-law", {CODEC_PCMA, 8, 101, 255}, {CODEC_PCMU, 0, 101, 255}, 8, 0, g711_alaw_to_ulaw, DROP_COUNT},
	{"events have another type", {CODEC_PCMU, 0, 101, 255}, {CODEC_PCMA, 8, 96, 255}, 101, 96, NULL, DROP_COUNT},
	{"the receiver knows no events",
	 {CODEC_PCMU, 0, 101, 255},
	 {CODEC_PCMA, 8, 255, 255},
	 101,
	 0,
	 NULL,
	 DROP_PAYLOAD_TYPE},
	{"the sender has gone over to the other law",
	 {CODEC_PCMU, 0, 101, 255},
	 {CODEC_PCMA, 8, 96, 255},
	 8,
	 8,
	 NULL,
	 DROP_COUNT},
	{"a type that was not agreed",
	 {CODEC_PCMU, 0, 101, 255},
	 {CODEC_PCMA, 8, 96, 255},
	 33,
	 0,
	 NULL,
	 DROP_PAYLOAD_TYPE},
	{"one codec of two names", {CODEC_OPUS, 111, 101, 255}, {CODEC_OPUS, 96, 97, 255}, 111, 96, NULL, DROP_COUNT},
};

static void convert(const struct convert_row *row)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
	uint8_t bytes[256];
	char at[NET_ENDPOINT_TEXT];
	struct seen seen;
	size_t size;

	a.set.audio = row->from;
	b.set.audio = row->to;
	road_set(&a);
	road_set(&b);
	for (uint16_t sequence = 1; sequence < 20; sequence++) {
		size = road_rtp(bytes, 7, sequence);
		bytes[1] = (uint8_t)(row->type | (sequence == 5 ? 0x80 : 0));
		road_put_udp(0, A, local(0, a.set.local_port, at), bytes, size);
		road_turn();
		assert_int_equal(road_take(0, &seen), row->reason == DROP_COUNT);
		if (row->reason != DROP_COUNT)
			continue;
		assert_int_equal(seen.packet.payload_size, size);
		bytes[1] = (uint8_t)(row->type_out | (bytes[1] & 0x80));
		for (size_t i = RTP_HEADER_SIZE; row->table && i < size; i++)
			bytes[i] = row->table[bytes[i]];
		assert_memory_equal(seen.payload, bytes, size);
	}
	if (row->reason != DROP_COUNT)
		assert_int_equal(road_drops(row->reason), 19);
	else
		assert_int_equal(road_counter(WORKER_RTP_CONVERTED), 19);
	assert_all_accounted_for(19);
}

static void test_road_converts_packet_by_packet(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(convert_rows); i++) {
		print_message("         %s\n", convert_rows[i].name);
		if (i > 0) {
			assert_int_equal(road_teardown(state), 0);
			assert_int_equal(road_setup(state), 0);
		}
		convert(&convert_rows[i]);
	}
}

/* ---- decoded and encoded, in ticks whose time the test gives ---- */
static struct stream *coded(struct stream_wish *wish, enum codec_id codec, uint8_t type)
{
	wish->set.audio = (struct shm_audio){.codec = (uint8_t)codec,
					     .payload_type = type,
					     .event_type = 101,
					     .noise_type = SHM_NO_PAYLOAD_TYPE,
					     .rate_hz = 8000,
					     .is_coded = 1};
	assert_int_equal(manager_audio(wish), 0);
	return road_set(wish);
}

/* Whatever the worker gave up or never took. */
static void end(struct stream_wish *wish, struct stream *stream)
{
	manager_audio_free(wish);
	wish->playout = stream->playout;
	wish->talker = stream->talker;
	stream->playout = NULL;
	stream->talker = NULL;
	worker_tick_update(road.workers[0], stream);
	manager_audio_free(wish);
}

static void test_road_codes_in_ticks(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0), again;
	struct worker *worker = road.workers[0];
	struct stream *from = coded(&a, CODEC_PCMU, 0), *to = coded(&b, CODEC_L16, 96);
	uint16_t next_sequence = 0;
	uint32_t next_timestamp = 0;
	uint64_t now_us; /* ahead of the turns' own clock, which then finds nothing due */
	unsigned spoken = 0;
	struct rtp_header header;
	uint8_t bytes[256];
	char at[NET_ENDPOINT_TEXT];
	struct seen seen;

	assert_int_equal(from->lanes[RTP_KIND_RTP], LANE_TRANSCODE_IN);
	assert_int_equal(from->lanes[RTP_KIND_RTCP], LANE_RTCP_UNHEARD);
	worker_tick_update(worker, from);
	worker_tick_update(worker, to);
	worker_turn(worker);
	now_us = worker->context.now_us;
	for (uint16_t sequence = 1; sequence <= 50; sequence++) {
		size_t size = road_rtp(bytes, 7, sequence);

		bytes[1] = sequence == 30 ? 33 : 0;
		road_put_udp(0, A, local(0, a.set.local_port, at), bytes, size);
		road_turn();
		assert_false(road_take(0, &seen));
		now_us += 20000;
		worker->context.now_us = now_us;
		while (worker_tick(worker))
			continue;
		if (sequence == 25) {
			/* Another codec in mid-call: the peer sees the same sender. */
			again = b;
			coded(&again, CODEC_PCMA, 8);
			manager_audio_free(&again);
		}
		while (road_take(0, &seen)) {
			assert_int_equal(rtp_parse(seen.payload, seen.packet.payload_size, &header), 0);
			if (spoken++ > 0) {
				assert_int_equal(header.sequence, next_sequence);
				assert_int_equal(header.timestamp, next_timestamp);
			}
			assert_int_equal(header.payload_type, sequence <= 25 ? 96 : 8);
			assert_int_equal(header.payload_size, sequence <= 25 ? 320 : 160);
			next_sequence = (uint16_t)(header.sequence + 1);
			next_timestamp = header.timestamp + 160;
		}
	}
	assert_in_range(spoken, 45, 50);
	assert_int_equal(stream_rtp_out(to), spoken);
	assert_int_equal(road_counter(WORKER_RTP_SPOKEN), spoken);
	assert_int_equal(road_counter(WORKER_RTP_HEARD), 49);
	assert_int_equal(road_drops(DROP_PAYLOAD_TYPE), 1);
	assert_int_equal(road_drops_all(), 1);
	end(&a, from);
	end(&b, to);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, road_setup, road_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_road_relays_a_pair),
		TEST(test_road_payloads_of_every_size),
		TEST(test_road_checksum_is_never_zero),
		TEST(test_road_drops_with_a_reason),
		TEST(test_road_stranger_is_counted_at_the_stream),
		TEST(test_road_learned_peer_gets_the_media),
		TEST(test_road_rtcp_and_mux),
		TEST(test_road_statistics),
		TEST(test_road_fork_sends_to_all),
		TEST(test_road_deletion_in_flight),
		TEST(test_road_twin_gets_what_is_not_media),
		TEST(test_road_full_rings_are_counted),
		TEST(test_road_rate_limit),
		TEST(test_road_checksum_carried_over),
		TEST(test_road_stages_are_measured),
		TEST(test_road_operations),
		TEST(test_road_converts_packet_by_packet),
		TEST(test_road_codes_in_ticks),
		TEST(test_road_two_threads),
		cmocka_unit_test(test_lane_table_is_complete),
	};
	return cmocka_run_group_tests(tests, road_eal_init, NULL);
}
