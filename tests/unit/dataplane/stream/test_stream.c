/* Streams without packets: who may send, where it sends, who listens. Time is made up: a cycle is a microsecond. */
#include "tests/unit/unit.h"

#include "dataplane/neighbour/neighbour.h"
#include "dataplane/stream/stream.h"

#define US_PER_MS 1000
#define SLOTS     256

static struct stream_lookup lookup;
static struct stream_table table;
static struct neighbour_table neighbours;
static _Atomic uint64_t words[4];
static uint64_t now;

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint result = {0};

	if (text)
		assert_int_equal(net_endpoint_parse(view_of(text), 0, &result), 0);
	return result;
}

static int setup(void **state)
{
	memset(&lookup, 0, sizeof(lookup));
	lookup.address_count = 2;
	lookup.addresses[0] = (struct stream_address){.port_start = 10000, .port_end = 20000, .mtu = 1500};
	lookup.addresses[1] = lookup.addresses[0];
	lookup.addresses[0].address = endpoint("192.0.2.1:1").address;
	lookup.addresses[1].address = endpoint("[2001:db8::1]:1").address;
	neighbours = (struct neighbour_table){.words = words, .capacity = ARRAY_LEN(words)};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		atomic_store(&words[i], 0);
	assert_int_equal(stream_lookup_init(&lookup), 0);
	assert_int_equal(stream_table_init(&table, SLOTS, 3, &lookup, &neighbours, 1000000), 0);
	now = 5000 * US_PER_MS;
	return 0;
}

static int teardown(void **state)
{
	stream_table_fini(&table);
	stream_lookup_fini(&lookup);
	return 0;
}

static struct stream_wish wish_of(uint32_t index, const char *remote, uint16_t flags)
{
	struct stream_wish wish = {.rtp_neighbour = STREAM_NO_NEIGHBOUR, .rtcp_neighbour = STREAM_NO_NEIGHBOUR};

	wish.set.id = (struct shm_stream_id){.index = index, .generation = 100 + index, .worker = 3};
	wish.set.remote_rtp = endpoint(remote);
	wish.set.local_port = (uint16_t)(10000 + 2 * index);
	wish.set.flags = flags | SHM_STREAM_RECEIVE | SHM_STREAM_SEND;
	wish.set.controller = 1;
	return wish;
}

static struct stream *set(uint32_t index, const char *remote, uint16_t flags)
{
	struct stream_wish wish = wish_of(index, remote, flags);

	stream_set(&table, &wish, now);
	return stream_find(&table, &wish.set.id);
}

static struct stream_arrival arrival_of(const char *source, uint32_t ssrc, uint16_t sequence)
{
	struct net_endpoint from = endpoint(source);

	return (struct stream_arrival){
		.source = stream_peer_of(&from),
		.source_mac = mac_a,
		.now_tsc = now,
		.ssrc = ssrc,
		.sequence = sequence,
	};
}

/* A packet as the stages would treat it: judged, and counted when it is let through. */
static enum drop_reason rtp(struct stream *stream, const char *source, uint32_t ssrc, uint16_t sequence)
{
	struct stream_arrival arrival = arrival_of(source, ssrc, sequence);
	enum drop_reason reason = stream_admit_rtp(&table, stream, &arrival);

	if (reason == STREAM_ADMITTED) {
		stream->last_rtp_tsc = now;
		stream->rtp_in++;
		rtp_statistics_sequence(&stream->statistics, sequence);
	}
	return reason;
}

static enum drop_reason rtcp(struct stream *stream, const char *source, uint32_t ssrc)
{
	struct stream_arrival arrival = arrival_of(source, ssrc, 0);

	return stream_admit_rtcp(&table, stream, &arrival);
}

/* ---- the peer: every row is a story, told packet by packet, 20 ms apart ---- */
#define P  "192.0.2.10:4000" /* signalled */
#define N  "192.0.2.10:4444" /* the same host, another port: NAT */
#define S  "203.0.113.9:9999"
#define S2 "203.0.113.8:9999"

struct step {
	const char *source;
	uint32_t ssrc;
	uint16_t sequence;
	enum drop_reason expected;
	uint16_t gap_ms; /* before this packet; 0: 20 */
};
#define OK STREAM_ADMITTED

static const struct story {
	const char *name;
	const char *remote;
	uint16_t flags;
	const char *peer_at_end;
	enum stream_latch latch_at_end;
	struct step steps[24];
} stories[] = {
	{"signalled address is heard at once and latched after the probation",
	 P,
	 SHM_STREAM_LEARN,
	 P,
	 STREAM_LATCHED,
	 {{P, 1, 10, OK}, {P, 1, 11, OK}, {P, 1, 12, OK}, {P, 1, 13, OK}}},
	{"not latched before that",
	 P,
	 SHM_STREAM_LEARN,
	 P,
	 STREAM_OPEN,
	 {{P, 1, 10, OK}, {P, 1, 11, OK}, {P, 1, 12, OK}}},
	{"NAT: another port of the host wins after its probation",
	 P,
	 SHM_STREAM_LEARN,
	 N,
	 STREAM_LATCHED,
	 {{N, 1, 10, DROP_PROBATION},
	  {N, 1, 11, DROP_PROBATION},
	  {N, 1, 12, DROP_PROBATION},
	  {N, 1, 13, OK},
	  {N, 1, 14, OK}}},
	{"nothing signalled: the first who holds on wins",
	 NULL,
	 SHM_STREAM_LEARN,
	 S,
	 STREAM_LATCHED,
	 {{S, 1, 65534, DROP_PROBATION}, {S, 1, 65535, DROP_PROBATION}, {S, 1, 0, DROP_PROBATION}, {S, 1, 1, OK}}},
	{"a stranger never wins against the talking peer",
	 P,
	 SHM_STREAM_LEARN,
	 P,
	 STREAM_LATCHED,
	 {{P, 1, 10, OK},
	  {S, 7, 1, DROP_PROBATION, 1},
	  {S, 7, 2, DROP_PROBATION, 1},
	  {P, 1, 11, OK},
	  {S, 7, 3, DROP_PROBATION, 1},
	  {S, 7, 4, DROP_PROBATION, 1},
	  {P, 1, 12, OK},
	  {P, 1, 13, OK},
	  {S, 7, 5, DROP_SOURCE}}},
	{"strict after the latch",
	 P,
	 SHM_STREAM_LEARN,
	 P,
	 STREAM_LATCHED,
	 {{P, 1, 10, OK},
	  {P, 1, 11, OK},
	  {P, 1, 12, OK},
	  {P, 1, 13, OK},
	  {S, 1, 14, DROP_SOURCE},
	  {S, 1, 15, DROP_SOURCE},
	  {S, 1, 16, DROP_SOURCE},
	  {S, 1, 17, DROP_SOURCE},
	  {S, 1, 18, DROP_SOURCE},
	  {N, 1, 14, DROP_SOURCE},
	  {P, 1, 14, OK}}},
	{"no learning: only the signalled address, ever",
	 P,
	 0,
	 P,
	 STREAM_FIXED,
	 {{S, 1, 10, DROP_SOURCE},
	  {S, 1, 11, DROP_SOURCE},
	  {S, 1, 12, DROP_SOURCE},
	  {S, 1, 13, DROP_SOURCE},
	  {N, 1, 14, DROP_SOURCE},
	  {P, 1, 1, OK}}},
	{"no learning and nothing signalled: nobody", NULL, 0, NULL, STREAM_FIXED, {{S, 1, 10, DROP_SOURCE}}},
	{"random packets do not pass the probation",
	 P,
	 SHM_STREAM_LEARN,
	 P,
	 STREAM_OPEN,
	 {{S, 1, 10, DROP_PROBATION},
	  {S, 1, 500, DROP_PROBATION},
	  {S, 1, 7, DROP_PROBATION},
	  {S, 1, 90, DROP_PROBATION},
	  {S, 1, 91, DROP_PROBATION},
	  {S, 2, 92, DROP_PROBATION}}},
	{"nor does a burst",
	 NULL,
	 SHM_STREAM_LEARN,
	 S,
	 STREAM_LATCHED,
	 {{S, 1, 10, DROP_PROBATION, 1},
	  {S, 1, 11, DROP_PROBATION, 1},
	  {S, 1, 12, DROP_PROBATION, 1},
	  {S, 1, 13, DROP_PROBATION, 1},
	  {S, 1, 14, DROP_PROBATION, 1},
	  {S, 1, 15, DROP_PROBATION, 1},
	  {S, 1, 16, OK, 50}}},
	{"nor do changing SSRCs",
	 P,
	 SHM_STREAM_LEARN,
	 P,
	 STREAM_OPEN,
	 {{S, 1, 10, DROP_PROBATION},
	  {S, 2, 11, DROP_PROBATION},
	  {S, 3, 12, DROP_PROBATION},
	  {S, 4, 13, DROP_PROBATION},
	  {S, 5, 14, DROP_PROBATION}}},
	{"sprayed packets do not keep the peer behind NAT out",
	 P,
	 SHM_STREAM_LEARN,
	 N,
	 STREAM_LATCHED,
	 {{S, 7, 900, DROP_PROBATION},
	  {N, 1, 10, DROP_PROBATION},
	  {S2, 8, 4, DROP_PROBATION},
	  {N, 1, 11, DROP_PROBATION},
	  {S, 7, 3, DROP_PROBATION},
	  {N, 1, 12, DROP_PROBATION},
	  {S2, 9, 1, DROP_PROBATION},
	  {N, 1, 13, OK}}},
	{"a silent candidate loses its place to an equal",
	 P,
	 SHM_STREAM_LEARN,
	 S2,
	 STREAM_LATCHED,
	 {{S, 7, 1, DROP_PROBATION},
	  {S2, 8, 1, DROP_PROBATION, STREAM_CANDIDATE_MS},
	  {S2, 8, 2, DROP_PROBATION},
	  {S2, 8, 3, DROP_PROBATION},
	  {S2, 8, 4, OK}}},
	{"SSRC: one forged packet is dropped and the stream goes on",
	 P,
	 0,
	 P,
	 STREAM_FIXED,
	 {{P, 1, 10, OK}, {P, 99, 11, DROP_SSRC}, {P, 1, 11, OK}}},
	{"SSRC: forged packets between those of the talking peer never win",
	 P,
	 0,
	 P,
	 STREAM_FIXED,
	 {{P, 1, 10, OK},
	  {P, 99, 1, DROP_SSRC, 1},
	  {P, 99, 2, DROP_SSRC, 1},
	  {P, 99, 3, DROP_SSRC, 1},
	  {P, 99, 4, DROP_SSRC, 1},
	  {P, 99, 5, DROP_SSRC, 1},
	  {P, 1, 11, OK, 10},
	  {P, 99, 6, DROP_SSRC, 1},
	  {P, 99, 7, DROP_SSRC, 1},
	  {P, 99, 8, DROP_SSRC, 1},
	  {P, 99, 9, DROP_SSRC, 1},
	  {P, 1, 12, OK}}},
	{"SSRC: a peer that changes it is heard again",
	 P,
	 0,
	 P,
	 STREAM_FIXED,
	 {{P, 1, 10, OK},
	  {P, 2, 700, DROP_SSRC},
	  {P, 2, 701, DROP_SSRC},
	  {P, 2, 702, DROP_SSRC},
	  {P, 2, 703, OK},
	  {P, 2, 704, OK}}},
	{"SSRC: and also after the latch",
	 P,
	 SHM_STREAM_LEARN,
	 P,
	 STREAM_LATCHED,
	 {{P, 1, 10, OK},
	  {P, 1, 11, OK},
	  {P, 1, 12, OK},
	  {P, 1, 13, OK},
	  {P, 2, 700, DROP_SSRC},
	  {P, 2, 701, DROP_SSRC},
	  {P, 2, 702, DROP_SSRC},
	  {P, 2, 703, OK},
	  {P, 1, 14, DROP_SSRC},
	  {P, 2, 704, OK}}},
	{"IPv4 and IPv6 bytes that look alike are different peers",
	 P,
	 0,
	 P,
	 STREAM_FIXED,
	 {{"[c000:20a::]:4000", 1, 10, DROP_SOURCE}, {P, 1, 10, OK}}},
};

static void test_stream_peer_stories(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
		const struct story *story = &stories[i];
		struct net_endpoint peer;
		struct stream *stream;

		print_message("         %s\n", story->name);
		stream = set(0, story->remote, story->flags);
		for (const struct step *step = story->steps; step->source; step++) {
			now += (step->gap_ms ? step->gap_ms : 20) * US_PER_MS;
			assert_string_equal(drop_reason_name(rtp(stream, step->source, step->ssrc, step->sequence)),
					    drop_reason_name(step->expected));
		}
		peer = stream_peer_endpoint(&stream->peer);
		struct net_endpoint expected = endpoint(story->peer_at_end);
		assert_true(net_endpoint_is_equal(&peer, &expected));
		assert_int_equal(stream->latch, story->latch_at_end);
		stream_del(&table, stream);
	}
}

static void talk(struct stream *stream, const char *source, uint32_t ssrc, uint16_t from, int packets)
{
	for (int i = 0; i < packets; i++) {
		now += 20 * US_PER_MS;
		rtp(stream, source, ssrc, (uint16_t)(from + i));
	}
}

static void test_stream_latched_is_reported_once(void **state)
{
	struct stream *stream = set(0, P, SHM_STREAM_LEARN);

	talk(stream, N, 1, 10, 8);
	assert_int_equal(stream->reports, STREAM_REPORT_LATCHED);
	stream->reports = 0;
	talk(stream, N, 1, 18, 8);
	assert_int_equal(stream->reports, 0);
}

/* ---- commands on a living stream ---- */
static void test_stream_set_again_keeps_the_latch(void **state)
{
	struct stream *stream = set(0, P, SHM_STREAM_LEARN);

	talk(stream, N, 1, 10, 5);
	assert_ptr_equal(set(0, P, SHM_STREAM_LEARN), stream);
	assert_int_equal(stream->latch, STREAM_LATCHED);
	assert_int_equal(stream->rtp_in, 2);
	/* A control plane that came back names what the directory shows. */
	set(0, N, SHM_STREAM_LEARN);
	assert_int_equal(stream->latch, STREAM_LATCHED);
	assert_int_equal(rtp(stream, N, 1, 15), STREAM_ADMITTED);
}

static void test_stream_changed_remote_opens_again_and_bars_the_old(void **state)
{
	struct stream *stream = set(0, P, SHM_STREAM_LEARN);
	struct net_endpoint to;

	talk(stream, P, 1, 10, 5);
	set(0, S, SHM_STREAM_LEARN);
	assert_int_equal(stream->latch, STREAM_OPEN);
	to = stream_peer_endpoint(&stream->peer);
	assert_int_equal(to.port, 9999);
	/* The old device goes on for a while and must not win. */
	for (int i = 0; i < 10; i++)
		assert_int_equal(rtp(stream, P, 1, (uint16_t)(15 + i)), DROP_PROBATION);
	assert_int_equal(rtp(stream, S, 55, 1), STREAM_ADMITTED);
	talk(stream, S, 55, 2, 3);
	assert_int_equal(stream->latch, STREAM_LATCHED);
	assert_int_equal(rtp(stream, P, 1, 30), DROP_SOURCE);
}

static void test_stream_barred_source_may_return_later(void **state)
{
	struct stream *stream = set(0, P, SHM_STREAM_LEARN);

	talk(stream, N, 1, 10, 5);
	set(0, "192.0.2.10:4002", SHM_STREAM_LEARN); /* the device still comes from N through its NAT */
	now += STREAM_BAR_MS * US_PER_MS;
	talk(stream, N, 1, 100, 5);
	assert_int_equal(stream->latch, STREAM_LATCHED);
}

static void test_stream_lost_learn_flag_fixes_the_signalled_address(void **state)
{
	struct stream *stream = set(0, P, SHM_STREAM_LEARN);

	talk(stream, N, 1, 10, 5);
	set(0, P, 0);
	assert_int_equal(rtp(stream, N, 1, 15), DROP_SOURCE);
	assert_int_equal(rtp(stream, P, 1, 16), STREAM_ADMITTED);
}

/* ---- RTCP ---- */
static const struct rtcp_row {
	const char *name;
	const char *rtcp_remote;
	uint16_t flags;
	const char *rtp_from; /* latched before; NULL: nothing came yet */
	const char *source;
	uint32_t ssrc;
	enum drop_reason expected;
	const char *sent_to; /* afterwards */
} rtcp_rows[] = {
	{"next port of the signalled", NULL, 0, NULL, "192.0.2.10:4001", 5, OK, "192.0.2.10:4001"},
	{"signalled apart", "192.0.2.10:7000", 0, NULL, "192.0.2.10:7000", 5, OK, "192.0.2.10:7000"},
	{"signalled apart, from the next port", "192.0.2.10:7000", 0, NULL, "192.0.2.10:4001", 5, DROP_SOURCE,
	 "192.0.2.10:7000"},
	{"mux", NULL, SHM_STREAM_RTCP_MUX, NULL, P, 5, OK, P},
	{"mux not agreed, but used", NULL, 0, NULL, P, 5, OK, "192.0.2.10:4001"},
	{"stranger", NULL, SHM_STREAM_LEARN, NULL, S, 1, DROP_SOURCE, "192.0.2.10:4001"},
	{"stranger after the latch", NULL, SHM_STREAM_LEARN, N, S, 1, DROP_SOURCE, "192.0.2.10:4445"},
	{"NAT: learned by the stream's SSRC", NULL, SHM_STREAM_LEARN, N, "192.0.2.10:5555", 1, OK, "192.0.2.10:5555"},
	{"NAT: another SSRC is not learned", NULL, SHM_STREAM_LEARN, N, "192.0.2.10:5555", 2, DROP_SOURCE,
	 "192.0.2.10:4445"},
	{"NAT: with mux only RTP's port counts", NULL, SHM_STREAM_LEARN | SHM_STREAM_RTCP_MUX, N, "192.0.2.10:5555", 1,
	 DROP_SOURCE, N},
	{"NAT: signalled RTCP address is as stale as RTP's", "10.1.1.1:4001", SHM_STREAM_LEARN, N, N, 1, OK,
	 "192.0.2.10:4445"},
	{"no learning: other port of the host", NULL, 0, NULL, "192.0.2.10:5555", 1, DROP_SOURCE, "192.0.2.10:4001"},
};

static struct net_endpoint aimed_at(const struct stream_way *way)
{
	struct packet packet;
	uint8_t bytes[PACKET_TEMPLATE_SIZE];
	const uint8_t *start = bytes + PACKET_TEMPLATE_SIZE - way->template.size;

	packet_template_write(&way->template, bytes + PACKET_TEMPLATE_SIZE, 0, 0, false);
	assert_int_equal(packet_parse(start, way->template.size, &packet), PACKET_UDP);
	return packet_destination(&packet, start);
}

static void test_stream_rtcp(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rtcp_rows); i++) {
		const struct rtcp_row *row = &rtcp_rows[i];
		struct stream_wish wish = wish_of(1, P, row->flags);
		struct net_endpoint to, expected = endpoint(row->sent_to);
		struct stream *stream;

		print_message("         %s\n", row->name);
		wish.set.remote_rtcp = endpoint(row->rtcp_remote);
		stream_set(&table, &wish, now);
		stream = stream_find(&table, &wish.set.id);
		if (row->rtp_from)
			talk(stream, row->rtp_from, 1, 10, 5);
		assert_string_equal(drop_reason_name(rtcp(stream, row->source, row->ssrc)),
				    drop_reason_name(row->expected));
		to = aimed_at(&stream->rtcp_way);
		assert_true(net_endpoint_is_equal(&to, &expected));
		stream_del(&table, stream);
	}
}

static void test_stream_learned_rtcp_is_strict(void **state)
{
	struct stream *stream = set(0, P, SHM_STREAM_LEARN);

	talk(stream, N, 1, 10, 5);
	assert_int_equal(rtcp(stream, "192.0.2.10:5555", 1), STREAM_ADMITTED);
	assert_int_equal(rtcp(stream, "192.0.2.10:5556", 1), DROP_SOURCE);
	assert_int_equal(rtcp(stream, "192.0.2.10:5555", 1), STREAM_ADMITTED);
}

/* ---- next hops ---- */
static uint64_t word_of(const uint8_t *mac)
{
	uint64_t word = NEIGHBOUR_VALID;

	memcpy(&word, mac, 6);
	return word;
}

static const uint8_t *next_hop(const struct stream_way *way)
{
	return way->template.header + PACKET_TEMPLATE_SIZE - way->template.size;
}

static void test_stream_next_hop_comes_later_and_changes(void **state)
{
	struct stream_wish wish = wish_of(0, P, SHM_STREAM_LEARN);
	struct stream *stream;

	wish.rtp_neighbour = wish.rtcp_neighbour = 2;
	assert_true(stream_set(&table, &wish, now));
	stream = stream_find(&table, &wish.set.id);
	assert_false(stream->rtp_way.is_ready);
	/* What the peer sends shows a way back until the kernel knows better. */
	rtp(stream, P, 1, 1);
	assert_true(stream->rtp_way.is_ready);
	assert_memory_equal(next_hop(&stream->rtp_way), mac_a, 6);
	words[2] = word_of(mac_b);
	assert_true(stream_way_refresh(&table, &stream->rtp_way));
	assert_memory_equal(next_hop(&stream->rtp_way), mac_b, 6);
	/* Being resolved anew does not interrupt. */
	words[2] = 0;
	assert_true(stream_way_refresh(&table, &stream->rtp_way));
	assert_memory_equal(next_hop(&stream->rtp_way), mac_b, 6);
}

static void test_stream_next_hop_of_the_learned_address(void **state)
{
	struct stream_wish wish = wish_of(0, P, SHM_STREAM_LEARN);
	struct net_endpoint nat = endpoint(N), other = endpoint(S);
	struct stream *stream;

	words[1] = word_of(mac_b);
	wish.rtp_neighbour = wish.rtcp_neighbour = 1;
	stream_set(&table, &wish, now);
	stream = stream_find(&table, &wish.set.id);
	assert_memory_equal(next_hop(&stream->rtp_way), mac_b, 6);
	talk(stream, N, 1, 1, 4);
	assert_memory_equal(next_hop(&stream->rtp_way), mac_a, 6);
	assert_false(stream_set_neighbours(&table, stream, &other, 1, 1));
	assert_true(stream_set_neighbours(&table, stream, &nat, 1, 1));
	assert_memory_equal(next_hop(&stream->rtp_way), mac_b, 6);
	/* The same wish again is about the signalled address, which nothing is sent to any more. */
	assert_false(stream_set(&table, &wish, now));
	assert_int_equal(stream->rtp_way.neighbour, 1);
}

/* ---- the graph ---- */
static struct stream *set_source(uint32_t index, uint32_t source, uint16_t flags)
{
	struct stream_wish wish = wish_of(index, P, 0);

	wish.set.flags = flags;
	if (source != STREAM_NO_SLOT)
		wish.set.source = (struct shm_stream_id){.index = source, .generation = 100 + source, .worker = 3};
	stream_set(&table, &wish, now);
	return stream_find(&table, &wish.set.id);
}
#define BOTH (SHM_STREAM_RECEIVE | SHM_STREAM_SEND)

static void test_stream_pair_in_either_order(void **state)
{
	struct stream *a = set_source(5, 9, BOTH), *b;

	assert_int_equal(a->lanes[RTP_KIND_RTP], LANE_UNHEARD);
	b = set_source(9, 5, BOTH);
	assert_ptr_equal(a->sink, b);
	assert_ptr_equal(b->sink, a);
	assert_int_equal(a->lanes[RTP_KIND_RTP], LANE_RELAY);
	assert_int_equal(b->lanes[RTP_KIND_RTCP], LANE_RTCP);
	stream_del(&table, a);
	assert_null(b->sink);
	assert_int_equal(b->lanes[RTP_KIND_RTP], LANE_UNHEARD);
	/* Another generation in the slot is somebody else. */
	struct stream_wish wish = wish_of(5, P, 0);
	wish.set.id.generation = 7777;
	stream_set(&table, &wish, now);
	a = stream_find(&table, &wish.set.id);
	assert_null(a->sink);
	stream_del(&table, b);
	stream_del(&table, a);
	assert_int_equal(table.live_count, 0);
}

static void test_stream_hold_is_a_lane(void **state)
{
	struct stream *a = set_source(0, 1, BOTH), *b = set_source(1, 0, BOTH);

	set_source(1, 0, SHM_STREAM_RECEIVE); /* b wants to hear nothing */
	assert_int_equal(a->lanes[RTP_KIND_RTP], LANE_HELD);
	assert_int_equal(b->lanes[RTP_KIND_RTP], LANE_RELAY);
	assert_int_equal(a->lanes[RTP_KIND_RTCP], LANE_RTCP);
	set_source(0, 1, SHM_STREAM_SEND); /* and what a says is not wanted */
	assert_int_equal(a->lanes[RTP_KIND_RTP], LANE_HELD);
	set_source(0, 1, BOTH);
	set_source(1, 0, BOTH);
	assert_int_equal(a->lanes[RTP_KIND_RTP], LANE_RELAY);
}

static void test_stream_echo_and_fork(void **state)
{
	struct stream *echo = set_source(0, 0, BOTH), *a, *b;

	assert_ptr_equal(echo->sink, echo);
	assert_int_equal(echo->lanes[RTP_KIND_RTP], LANE_RELAY);
	a = set_source(1, 0, BOTH);
	b = set_source(2, 0, BOTH);
	assert_int_equal(echo->lanes[RTP_KIND_RTP], LANE_FORK);
	stream_del(&table, a);
	set_source(2, STREAM_NO_SLOT, BOTH);
	assert_ptr_equal(echo->sink, echo);
	assert_int_equal(echo->lanes[RTP_KIND_RTP], LANE_RELAY);
	stream_del(&table, echo);
	stream_del(&table, b);
}

/* Random commands against a model: who hears whom is what the wishes say. */
static void test_stream_graph_against_a_model(void **state)
{
	enum { COUNT = 12 };
	struct {
		bool live;
		uint32_t generation, source, source_generation;
	} model[COUNT] = {0};
	uint32_t random = 12345;

	for (int round = 0; round < 20000; round++) {
		random = random * 1103515245 + 12345;
		uint32_t slot = (random >> 8) % COUNT, source = (random >> 13) % COUNT;

		if (model[slot].live && (random >> 20) % 3 == 0) {
			struct shm_stream_id id = {.index = slot, .generation = model[slot].generation};

			stream_del(&table, stream_find(&table, &id));
			model[slot].live = false;
		} else {
			struct stream_wish wish = wish_of(slot, P, 0);

			if (!model[slot].live)
				model[slot].generation++;
			model[slot].live = true;
			model[slot].source = source;
			model[slot].source_generation = model[source].generation;
			wish.set.id.generation = model[slot].generation;
			wish.set.source =
				(struct shm_stream_id){.index = source, .generation = model[source].generation};
			stream_set(&table, &wish, now);
		}
		for (uint32_t s = 0; s < COUNT; s++) {
			unsigned listeners = 0;

			if (!model[s].live)
				continue;
			for (uint32_t l = 0; l < COUNT; l++)
				listeners += model[l].live && model[l].source == s &&
					     model[l].source_generation == model[s].generation;
			assert_int_equal(table.at[s].lanes[RTP_KIND_RTP], listeners == 0   ? LANE_UNHEARD
									  : listeners == 1 ? LANE_RELAY
											   : LANE_FORK);
		}
	}
}

/* ---- look-up, silence, rows ---- */
static void test_stream_look_up_follows(void **state)
{
	struct stream *stream = set(7, P, 0);

	assert_int_equal(lookup.entries[0][10014], STREAM_ENTRY(3, 7));
	assert_int_equal(lookup.entries[0][10015], STREAM_ENTRY(3, 7) | STREAM_ENTRY_RTCP);
	assert_int_equal(STREAM_ENTRY_WORKER(lookup.entries[0][10015]), 3);
	stream_del(&table, stream);
	assert_int_equal(lookup.entries[0][10014], 0);
	assert_int_equal(lookup.entries[0][10015], 0);
}

static void test_stream_silence_is_told_once(void **state)
{
	struct stream_wish wish = wish_of(0, P, 0);
	struct stream_clock clock = {.tsc_hz = 1000000};
	struct stream *stream;
	uint64_t silent_ms = 0;

	wish.set.rtp_timeout_ms = 1000;
	stream_set(&table, &wish, now);
	stream = stream_find(&table, &wish.set.id);
	clock.now_tsc = now + 999 * US_PER_MS;
	assert_false(stream_fell_silent(stream, &clock, &silent_ms));
	clock.now_tsc = now + 1001 * US_PER_MS;
	assert_true(stream_fell_silent(stream, &clock, &silent_ms));
	assert_int_equal(silent_ms, 1001);
	assert_false(stream_fell_silent(stream, &clock, &silent_ms));
	now = clock.now_tsc;
	rtp(stream, P, 1, 1);
	assert_false(stream_fell_silent(stream, &clock, &silent_ms));
	clock.now_tsc += 1500 * US_PER_MS;
	assert_true(stream_fell_silent(stream, &clock, &silent_ms));
	/* 0: never */
	wish.set.rtp_timeout_ms = 0;
	stream_set(&table, &wish, now);
	clock.now_tsc += 100000 * US_PER_MS;
	assert_false(stream_fell_silent(stream, &clock, &silent_ms));
}

static void test_stream_row_shows_the_stream(void **state)
{
	struct stream_clock clock = {.tsc_hz = 1000000, .now_ms = 77000};
	struct shm_stream_row row = {0};
	struct stream *stream = set(0, P, SHM_STREAM_LEARN);

	talk(stream, N, 42, 10, 6);
	clock.now_tsc = now + 30 * US_PER_MS;
	stream_publish(stream, &clock, &row);
	assert_int_equal(row.state, SHM_SLOT_LIVE);
	assert_int_equal(row.generation, 100);
	assert_int_equal(row.latched, 1);
	assert_int_equal(row.remote.port, 4444);
	assert_int_equal(row.counters.rtp_in, 3);
	assert_int_equal(row.counters.ssrc, 42);
	assert_int_equal(row.counters.last_rtp_ms, 77000 - 30);
	assert_int_equal(row.source_index, UINT32_MAX);
	row.local_port = 1; /* nothing changed: not written again */
	stream_publish(stream, &clock, &row);
	assert_int_equal(row.local_port, 1);
	stream_del(&table, stream);
	stream_publish(stream, &clock, &row);
	assert_int_equal(row.state, SHM_SLOT_FREE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_stream_peer_stories),
		TEST(test_stream_latched_is_reported_once),
		TEST(test_stream_set_again_keeps_the_latch),
		TEST(test_stream_changed_remote_opens_again_and_bars_the_old),
		TEST(test_stream_barred_source_may_return_later),
		TEST(test_stream_lost_learn_flag_fixes_the_signalled_address),
		TEST(test_stream_rtcp),
		TEST(test_stream_learned_rtcp_is_strict),
		TEST(test_stream_next_hop_comes_later_and_changes),
		TEST(test_stream_next_hop_of_the_learned_address),
		TEST(test_stream_pair_in_either_order),
		TEST(test_stream_hold_is_a_lane),
		TEST(test_stream_echo_and_fork),
		TEST(test_stream_graph_against_a_model),
		TEST(test_stream_look_up_follows),
		TEST(test_stream_silence_is_told_once),
		TEST(test_stream_row_shows_the_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
