/* SRTP through the real workers, with libsrtp2 as the phone: every suite to a clear leg and back, other suites on either
 * leg, RTCP, wraps, what is dropped and what is not learned. */
#include "tests/unit/dataplane/road/road.h"
#include "tests/unit/srtp_peer.h"

#include <rte_cycles.h>

#define A "192.0.2.10:4000"
#define B "192.0.2.20:6000"
#define C "192.0.2.30:7000"
#define S "203.0.113.9:9999"

static struct secure_engine *engine;

/* One leg: its stream and the phone behind it. Suite 0: in the clear. */
struct leg {
	const char *remote, *local;
	struct stream_wish wish;
	struct stream *stream;
	struct srtp_peer sends, receives;
	unsigned suite;
};

static struct secure_context *context_new(enum secure_direction direction, const struct secure_key *key)
{
	struct secure_context *context;

	assert_int_equal(secure_context_new(engine, direction, key, &context), 0);
	return context;
}

static void wish_free(struct stream_wish *wish)
{
	secure_context_free(wish->secure_in);
	secure_context_free(wish->secure_out);
	wish->secure_in = wish->secure_out = NULL;
}

static void give_keys(struct stream_wish *wish, unsigned suite, uint8_t seed)
{
	struct secure_key in = srtp_peer_key(suite, seed, 0), out = srtp_peer_key(suite, (uint8_t)(seed + 1), 0);

	wish->set.flags |= SHM_STREAM_SECURE;
	wish->secure_in = context_new(SECURE_UNPROTECT, &in);
	wish->secure_out = context_new(SECURE_PROTECT, &out);
}

static void leg_init(struct leg *leg, uint32_t index, uint32_t source, const char *remote, unsigned suite)
{
	static const char *const locals[] = {ROAD_IPV4 ":10000", ROAD_IPV4 ":10004", ROAD_IPV4 ":10008"};
	uint8_t seed = (uint8_t)(10 * index + 1);

	*leg = (struct leg){.remote = remote, .local = locals[index], .suite = suite};
	leg->wish = road_wish(0, index, 0, remote, source);
	if (suite) {
		struct secure_key in = srtp_peer_key(suite, seed, 0),
				  out = srtp_peer_key(suite, (uint8_t)(seed + 1), 0);

		give_keys(&leg->wish, suite, seed);
		leg->sends = srtp_peer_new(&in, true);
		leg->receives = srtp_peer_new(&out, false);
	}
	leg->stream = road_set(&leg->wish);
	wish_free(&leg->wish);
}

static void leg_free(struct leg *leg)
{
	secure_context_free(leg->stream->secure_in);
	secure_context_free(leg->stream->secure_out);
	secure_context_free(leg->stream->secure_before);
	leg->stream->secure_in = leg->stream->secure_out = leg->stream->secure_before = NULL;
	if (leg->suite) {
		srtp_peer_free(&leg->sends);
		srtp_peer_free(&leg->receives);
	}
}

/* The phone sends. */
static size_t leg_make(struct leg *leg, uint8_t *bytes, uint32_t ssrc, uint16_t sequence, bool is_rtcp)
{
	size_t size = is_rtcp ? road_rtcp(bytes, ssrc) : road_rtp(bytes, ssrc, sequence);

	if (leg->suite)
		assert_int_equal(srtp_peer_protect(&leg->sends, bytes, &size, is_rtcp), srtp_err_status_ok);
	return size;
}

static void leg_put(struct leg *leg, uint32_t ssrc, uint16_t sequence, bool is_rtcp)
{
	uint8_t bytes[512] __attribute__((aligned(8)));
	size_t size = leg_make(leg, bytes, ssrc, sequence, is_rtcp);

	road_put_udp(0, leg->remote, leg->local, bytes, size);
}

/* The phone receives what the other said. */
static void leg_take(struct leg *leg, uint32_t ssrc, uint16_t sequence, bool is_rtcp)
{
	uint8_t expected[256], bytes[512] __attribute__((aligned(8)));
	size_t expected_size = is_rtcp ? road_rtcp(expected, ssrc) : road_rtp(expected, ssrc, sequence), size;
	struct seen seen;

	assert_true(road_take(0, &seen));
	assert_memory_equal(seen.destination, leg->remote, strlen(leg->remote) - 4);
	size = seen.packet.payload_size;
	memcpy(bytes, seen.payload, size);
	if (leg->suite) {
		assert_true(size > expected_size);
		assert_memory_not_equal(bytes + 12, expected + 12, expected_size - 12);
		assert_int_equal(srtp_peer_unprotect(&leg->receives, bytes, &size, is_rtcp), srtp_err_status_ok);
	}
	assert_int_equal(size, expected_size);
	assert_memory_equal(bytes, expected, size);
}

/* Bursts of RTP over two wraps, RTCP between, both ways. */
static void exchange(struct leg legs[2], unsigned count)
{
	for (unsigned from = 0; from < 2; from++) {
		uint16_t sequence = 65000;

		for (unsigned i = 0; i < count; i++, sequence = (uint16_t)(sequence + 28 * (i % 100 == 0))) {
			for (uint16_t n = 0; n < 28; n++)
				leg_put(&legs[from], 0xabc0 + from, (uint16_t)(sequence + n), false);
			leg_put(&legs[from], 0xabc0 + from, 0, true);
			road_turn();
			for (uint16_t n = 0; n < 28; n++)
				leg_take(&legs[1 - from], 0xabc0 + from, (uint16_t)(sequence + n), false);
			leg_take(&legs[1 - from], 0xabc0 + from, 0, true);
			sequence = (uint16_t)(sequence + 28);
		}
		assert_int_equal(legs[from].stream->rtp_in, 28 * count);
		assert_int_equal(legs[from].stream->rtcp_in, count);
		assert_int_equal(stream_rtp_out(legs[1 - from].stream), 28 * count);
	}
	assert_int_equal(road_drops_all(), 0);
}

static void test_secure_every_pair_of_suites(void **state)
{
	for (unsigned a = 0; a < SECURE_SUITE_COUNT; a++) {
		for (unsigned b = 0; b < SECURE_SUITE_COUNT; b++) {
			struct leg legs[2];

			if (a || b)
				assert_int_equal(road_setup(state), 0);
			leg_init(&legs[0], 0, 1, A, a);
			leg_init(&legs[1], 1, 0, B, b);
			assert_int_equal(legs[0].stream->lanes[RTP_KIND_RTP], a   ? b ? LANE_RECRYPT : LANE_DECRYPT
									      : b ? LANE_ENCRYPT
										  : LANE_RELAY);
			exchange(legs, 30);
			leg_free(&legs[0]);
			leg_free(&legs[1]);
			if (a + 1 < SECURE_SUITE_COUNT || b + 1 < SECURE_SUITE_COUNT)
				road_teardown(state);
		}
	}
}

static void test_secure_to_several(void **state)
{
	struct leg legs[3];

	leg_init(&legs[0], 0, STREAM_NO_SLOT, A, SECURE_AES_CM_128_SHA1_80);
	leg_init(&legs[1], 1, 0, B, 0);
	leg_init(&legs[2], 2, 0, C, SECURE_AEAD_AES_128_GCM);
	assert_int_equal(legs[0].stream->lanes[RTP_KIND_RTP], LANE_SECURE_FORK);
	for (uint16_t sequence = 1; sequence < 50; sequence++) {
		struct leg *first = legs[0].stream->sink == legs[1].stream ? &legs[1] : &legs[2];
		struct leg *second = first == &legs[1] ? &legs[2] : &legs[1];
		struct seen seen;

		leg_put(&legs[0], 5, sequence, false);
		road_turn();
		/* The copy stands before the packet itself. */
		leg_take(second, 5, sequence, false);
		leg_take(first, 5, sequence, false);
		assert_false(road_take(0, &seen));
	}
	for (int i = 0; i < 3; i++)
		leg_free(&legs[i]);
}

static void test_secure_drops_with_a_reason(void **state)
{
	struct leg legs[2];
	uint8_t bytes[512] __attribute__((aligned(8))), clear[256];
	size_t size;
	struct seen seen;

	leg_init(&legs[0], 0, 1, A, SECURE_AES_CM_128_SHA1_80);
	leg_init(&legs[1], 1, 0, B, 0);
	size = leg_make(&legs[0], bytes, 1, 7, false);
	road_put_udp(0, A, legs[0].local, bytes, size);
	road_put_udp(0, A, legs[0].local, bytes, size);
	road_turn();
	leg_take(&legs[1], 1, 7, false);
	assert_int_equal(road_drops(DROP_REPLAY), 1);
	/* A burst in which every other one is forged. */
	for (uint16_t sequence = 8; sequence < 18; sequence++) {
		size = leg_make(&legs[0], bytes, 1, sequence, false);
		bytes[40] ^= sequence & 1;
		road_put_udp(0, A, legs[0].local, bytes, size);
	}
	road_turn();
	for (uint16_t sequence = 8; sequence < 18; sequence += 2)
		leg_take(&legs[1], 1, sequence, false);
	assert_int_equal(road_drops(DROP_AUTH_FAILED), 5);
	/* In the clear, on a stream that is not. */
	road_put_udp(0, A, legs[0].local, clear, road_rtp(clear, 1, 20));
	road_put_udp(0, A, legs[0].local, clear, road_rtcp(clear, 1));
	road_turn();
	assert_int_equal(road_drops(DROP_AUTH_FAILED), 7);
	road_put_udp(0, A, legs[0].local, bytes, 15);
	road_turn();
	assert_int_equal(road_drops(DROP_RTP_MALFORMED), 1);
	/* Authentic, and from somebody else: the source is judged afterwards. */
	size = leg_make(&legs[0], bytes, 1, 20, false);
	road_put_udp(0, S, legs[0].local, bytes, size);
	road_turn();
	assert_int_equal(road_drops(DROP_SOURCE), 1);
	/* What was padding turns out not to be. */
	size = road_rtp(bytes, 1, 21);
	bytes[0] |= 0x20;
	bytes[size - 1] = 0;
	assert_int_equal(srtp_peer_protect(&legs[0].sends, bytes, &size, false), srtp_err_status_ok);
	road_put_udp(0, A, legs[0].local, bytes, size);
	road_turn();
	assert_int_equal(road_drops(DROP_RTP_MALFORMED), 2);
	assert_int_equal(legs[0].stream->rtp_in, 6);
	assert_false(road_take(0, &seen));
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

static void test_secure_without_a_key(void **state)
{
	struct stream_wish a = road_wish(0, 0, 0, A, 1), b = road_wish(0, 1, 0, B, 0);
	struct seen seen;

	a.set.flags |= SHM_STREAM_SECURE;
	road_set(&a);
	road_set(&b);
	road_put_rtp(0, A, ROAD_IPV4 ":10000", 1, 1);
	road_turn();
	assert_int_equal(road_drops(DROP_NO_KEY), 1);
	road_put_rtp(0, B, ROAD_IPV4 ":10004", 1, 1);
	road_turn();
	assert_int_equal(road_drops(DROP_NO_KEY), 2);
	assert_false(road_take(0, &seen));
}

/* A stranger without the key can send what and as long as it wants: the stream latches to who has the key. */
static void test_secure_latches_after_authentication(void **state)
{
	struct leg legs[2];
	struct stream_wish wish;

	leg_init(&legs[1], 1, 0, B, 0);
	leg_init(&legs[0], 0, 1, "192.0.2.99:1", SECURE_AEAD_AES_256_GCM);
	wish = legs[0].wish;
	wish.set.flags |= SHM_STREAM_LEARN;
	give_keys(&wish, SECURE_AEAD_AES_256_GCM, 1);
	road_set(&wish);
	assert_non_null(wish.secure_in); /* the key in use keeps its context */
	wish_free(&wish);
	road_hurry();
	for (uint16_t i = 0; i < 50; i++) {
		road_put_rtp(0, S, legs[0].local, 666, i);
		road_turn();
	}
	assert_int_equal(road_drops(DROP_AUTH_FAILED) + road_drops(DROP_RTP_MALFORMED), 50);
	assert_int_equal(legs[0].stream->latch, STREAM_OPEN);
	assert_false(legs[0].stream->has_candidate);
	legs[0].remote = A;
	for (uint16_t i = 0; i < 50 && legs[0].stream->latch != STREAM_LATCHED; i++) {
		leg_put(&legs[0], 1, i, false);
		road_turn();
	}
	assert_int_equal(legs[0].stream->latch, STREAM_LATCHED);
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

/* A new key for what the phone sends; what is not used of the wish is freed. */
static void rekey(struct leg *leg, unsigned suite, uint8_t seed)
{
	struct stream_wish wish = leg->wish;

	give_keys(&wish, suite, seed);
	road_set(&wish);
	secure_context_free(wish.secure_spare);
	wish_free(&wish);
}

static void test_secure_same_key_again(void **state)
{
	struct leg legs[2];
	struct secure_context *used;

	leg_init(&legs[0], 0, 1, A, SECURE_AES_CM_128_SHA1_80);
	leg_init(&legs[1], 1, 0, B, 0);
	used = legs[0].stream->secure_in;
	rekey(&legs[0], SECURE_AES_CM_128_SHA1_80, 1);
	assert_ptr_equal(legs[0].stream->secure_in, used);
	assert_null(legs[0].stream->secure_before);
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

/* Without a click: packets of both keys arrive mixed for a while, none is lost, none is heard twice; then the old key is
 * nothing any more. The phone keeps its roll-over counter, or begins at 0 again. */
static void rekey_while_talking(bool begins_again, unsigned suite)
{
	struct secure_key in = srtp_peer_key(suite, 50, 0);
	uint16_t sequence = 65400;
	struct srtp_peer old;
	struct leg legs[2];

	leg_init(&legs[0], 0, 1, A, SECURE_AES_CM_128_SHA1_80);
	leg_init(&legs[1], 1, 0, B, 0);
	for (unsigned i = 0; i < 300; i++, sequence++) {
		leg_put(&legs[0], 1, sequence, false);
		road_turn();
		leg_take(&legs[1], 1, sequence, false);
	}
	rekey(&legs[0], suite, 50);
	old = legs[0].sends;
	legs[0].sends = srtp_peer_new(&in, true);
	if (!begins_again) {
		/* libsrtp2 counts the roll-over of a sender by itself: one packet from before it. */
		uint8_t bytes[512] __attribute__((aligned(8)));

		leg_make(&legs[0], bytes, 1, 65535, false);
	}
	for (unsigned i = 0; i < 20; i++) {
		struct srtp_peer fresh = legs[0].sends;
		uint8_t bytes[512] __attribute__((aligned(8)));
		size_t size;

		leg_put(&legs[0], 1, (uint16_t)(sequence + 2 * i + 1), false);
		legs[0].sends = old;
		size = leg_make(&legs[0], bytes, 1, (uint16_t)(sequence + 2 * i), false);
		legs[0].sends = fresh;
		road_put_udp(0, A, legs[0].local, bytes, size);
		road_put_udp(0, A, legs[0].local, bytes, size); /* played again */
		road_turn();
		leg_take(&legs[1], 1, (uint16_t)(sequence + 2 * i + 1), false);
		leg_take(&legs[1], 1, (uint16_t)(sequence + 2 * i), false);
		assert_int_equal(road_drops(DROP_REPLAY), i + 1);
	}
	assert_int_equal(road_drops_all(), 20);
	assert_false(legs[0].stream->is_rekeyed);
	/* The time is over. */
	assert_true(legs[0].stream->before_until_tsc <= rte_rdtsc() + 2 * rte_get_tsc_hz());
	legs[0].stream->before_until_tsc = 0;
	sequence = (uint16_t)(sequence + 40);
	leg_put(&legs[0], 1, sequence, false);
	srtp_peer_free(&legs[0].sends);
	legs[0].sends = old;
	leg_put(&legs[0], 1, (uint16_t)(sequence + 1), false);
	road_turn();
	leg_take(&legs[1], 1, sequence, false);
	assert_int_equal(road_drops(DROP_AUTH_FAILED) + road_drops(DROP_RTP_MALFORMED), 1);
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

static void test_secure_rekey_keeps_counting(void **state)
{
	rekey_while_talking(false, SECURE_AES_CM_128_SHA1_80);
}

static void test_secure_rekey_begins_again(void **state)
{
	rekey_while_talking(true, SECURE_AES_CM_128_SHA1_80);
}

static void test_secure_rekey_to_another_suite(void **state)
{
	rekey_while_talking(true, SECURE_AEAD_AES_256_GCM);
}

/* While two keys are heard, forged packets are still nothing: they move no counter, take no place, and the phone goes on. */
static void test_secure_attack_while_rekeying(void **state)
{
	struct secure_key in = srtp_peer_key(SECURE_AES_CM_128_SHA1_80, 50, 0);
	struct leg legs[2];

	leg_init(&legs[0], 0, 1, A, SECURE_AES_CM_128_SHA1_80);
	leg_init(&legs[1], 1, 0, B, 0);
	leg_put(&legs[0], 1, 100, false);
	road_turn();
	leg_take(&legs[1], 1, 100, false);
	rekey(&legs[0], SECURE_AES_CM_128_SHA1_80, 50);
	for (uint16_t i = 0; i < 64; i++) {
		road_put_rtp(0, A, legs[0].local, i % 2 ? 1 : 1000u + i, (uint16_t)(40000 + 1000 * i));
		road_turn();
	}
	assert_int_equal(road_drops(DROP_AUTH_FAILED) + road_drops(DROP_RTP_MALFORMED), 64);
	assert_int_equal(legs[0].stream->rtp_in, 1);
	assert_true(legs[0].stream->is_rekeyed);
	srtp_peer_free(&legs[0].sends);
	legs[0].sends = srtp_peer_new(&in, true);
	for (uint16_t i = 101; i < 120; i++) {
		leg_put(&legs[0], 1, i, false);
		road_turn();
		leg_take(&legs[1], 1, i, false);
	}
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

/* Whoever was learned while the stream was in the clear is forgotten when it becomes secure. */
static void test_secure_from_now_on(void **state)
{
	struct leg legs[2];
	struct stream_wish wish;

	leg_init(&legs[0], 0, 1, A, 0);
	leg_init(&legs[1], 1, 0, B, 0);
	wish = legs[0].wish;
	wish.set.flags |= SHM_STREAM_LEARN;
	road_set(&wish);
	road_hurry();
	for (uint16_t i = 0; i < 200 && legs[0].stream->latch != STREAM_LATCHED; i++) {
		road_put_rtp(0, S, legs[0].local, 666, i);
		road_turn();
	}
	assert_int_equal(legs[0].stream->latch, STREAM_LATCHED);
	give_keys(&wish, SECURE_AES_CM_128_SHA1_80, 1);
	road_set(&wish);
	assert_int_equal(legs[0].stream->latch, STREAM_OPEN);
	assert_false(legs[0].stream->has_sender);
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

/* What we sent with one key is not sent again with another, so that not even a key that comes back gives anything away. */
static void test_secure_sends_no_index_twice(void **state)
{
	struct leg legs[2];
	struct seen seen;

	leg_init(&legs[0], 0, 1, A, SECURE_AES_CM_128_SHA1_80);
	leg_init(&legs[1], 1, 0, B, 0);
	for (uint16_t i = 1; i < 10; i++) {
		leg_put(&legs[1], 1, i, false);
		road_turn();
		leg_take(&legs[0], 1, i, false);
	}
	rekey(&legs[0], SECURE_AES_CM_128_SHA1_80, 50);
	rekey(&legs[0], SECURE_AES_CM_128_SHA1_80, 1);
	for (uint16_t i = 1; i < 10; i++)
		leg_put(&legs[1], 1, i, false);
	road_turn();
	assert_false(road_take(0, &seen));
	assert_int_equal(road_drops(DROP_REPLAY), 9);
	leg_put(&legs[1], 1, 10, false);
	road_turn();
	leg_take(&legs[0], 1, 10, false);
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

/* The tag makes packets longer: what fitted before need not fit after. */
static void test_secure_longest_packets(void **state)
{
	struct leg legs[2];
	uint8_t payload[1472];
	struct seen seen;

	leg_init(&legs[0], 0, 1, A, SECURE_AEAD_AES_128_GCM);
	leg_init(&legs[1], 1, 0, B, 0);
	memset(payload, 7, sizeof(payload));
	road_rtp(payload, 1, 1);
	road_put_udp(0, B, legs[1].local, payload, 1472 - 16);
	road_turn();
	assert_true(road_take(0, &seen));
	assert_int_equal(seen.packet.payload_size, 1472);
	road_rtp(payload, 1, 2);
	road_put_udp(0, B, legs[1].local, payload, 1472 - 15);
	road_turn();
	assert_false(road_take(0, &seen));
	assert_int_equal(road_drops(DROP_TOO_LONG), 1);
	leg_free(&legs[0]);
	leg_free(&legs[1]);
}

static int group_setup(void **state)
{
	return road_eal_init(state) || secure_engine_new(&engine);
}

static int group_teardown(void **state)
{
	secure_engine_free(engine);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_secure_##name, road_setup, road_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_pair_of_suites),
		TEST(to_several),
		TEST(drops_with_a_reason),
		TEST(without_a_key),
		TEST(latches_after_authentication),
		TEST(same_key_again),
		TEST(rekey_keeps_counting),
		TEST(rekey_begins_again),
		TEST(rekey_to_another_suite),
		TEST(attack_while_rekeying),
		TEST(from_now_on),
		TEST(sends_no_index_twice),
		TEST(longest_packets),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
