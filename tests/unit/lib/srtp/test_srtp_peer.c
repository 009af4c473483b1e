/* Every suite against libsrtp2, both ways: random sizes, loss, reordering, duplicates, several wraps, several SSRCs, SRTCP
 * between, with and without an MKI. What one refuses, the other refuses. */
#include "tests/unit/srtp_peer.h"

#define PACKETS 10000
#define SSRCS   3
#define WINDOW  24 /* packets in flight, of which the next is picked at random */

static struct secure_engine *engine;
static uint32_t random_state;

static int setup(void **state)
{
	return secure_engine_new(&engine);
}

static int teardown(void **state)
{
	secure_engine_free(engine);
	return 0;
}

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(random_state >> 4) * limit >> 28);
}

struct packet {
	uint8_t bytes[400] __attribute__((aligned(8)));
	size_t size;
	bool is_rtcp;
};

static void put_be32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Contributors, a header extension, padding's bit, payloads from nothing on. */
static void make(struct packet *packet, uint32_t ssrc, uint32_t sequence)
{
	unsigned header = 12;

	for (size_t i = 0; i < sizeof(packet->bytes); i++)
		packet->bytes[i] = (uint8_t)random_below(256);
	packet->is_rtcp = random_below(20) == 0;
	if (packet->is_rtcp) {
		packet->size = 8 + 4 * random_below(20);
		packet->bytes[0] = 0x80;
		packet->bytes[1] = 200;
		put_be32(packet->bytes + 4, ssrc);
		return;
	}
	packet->bytes[0] = 0x80;
	packet->bytes[1] &= 0x7f;
	packet->bytes[2] = (uint8_t)(sequence >> 8);
	packet->bytes[3] = (uint8_t)sequence;
	put_be32(packet->bytes + 8, ssrc);
	if (random_below(4) == 0) {
		unsigned contributors = random_below(4);

		packet->bytes[0] |= (uint8_t)contributors;
		header += 4 * contributors;
	}
	if (random_below(4) == 0) {
		packet->bytes[0] |= 0x10;
		packet->bytes[header] = 0xab;
		packet->bytes[header + 1] = 0xac;
		packet->bytes[header + 2] = 0;
		packet->bytes[header + 3] = 2;
		header += 12;
	}
	packet->size = header + 1 + random_below(200);
}

/* Packets in the order they are sent; sequence numbers of an SSRC start anywhere and wrap several times. */
struct source {
	uint32_t sequence[SSRCS];
	struct packet flight[WINDOW];
	unsigned count;
};

static void refill(struct source *source)
{
	while (source->count < WINDOW) {
		unsigned ssrc = random_below(SSRCS);

		source->sequence[ssrc] += random_below(30) ? 1 : 1 + random_below(60);
		make(&source->flight[source->count++], 0xabc00 + ssrc, source->sequence[ssrc]);
	}
}

/* Mostly the oldest, sometimes another, sometimes the same again later. */
static struct packet take(struct source *source)
{
	unsigned at = random_below(6) ? 0 : random_below(WINDOW);
	struct packet packet;

	refill(source);
	packet = source->flight[at];
	if (random_below(25) == 0)
		return packet;
	memmove(&source->flight[at], &source->flight[at + 1], (--source->count - at) * sizeof(packet));
	return packet;
}

static struct secure_job job_of(struct secure_context *context, struct packet *packet)
{
	return (struct secure_job){.context = context,
				   .packet = packet->bytes,
				   .size = (uint32_t)packet->size,
				   .capacity = sizeof(packet->bytes),
				   .is_rtcp = packet->is_rtcp};
}

/* libsrtp2 2.5 looks for the MKI of SRTCP where the tag of SRTP would leave it. */
static bool is_lost_on_peer(const struct secure_context *context, const struct packet *packet)
{
	const struct secure_key *key = secure_context_key(context);
	const struct secure_suite *suite = &secure_suites[key->suite];

	return packet->is_rtcp && key->mki_size && suite->rtp_tag_size != suite->rtcp_tag_size;
}

/* We protect in bursts, it unprotects. */
static void to_peer(struct secure_context *context, struct srtp_peer *peer, struct source *source)
{
	static struct packet clear[SECURE_BURST], sent[SECURE_BURST];
	struct secure_job jobs[SECURE_BURST];
	unsigned count = 1 + random_below(SECURE_BURST);

	for (unsigned i = 0; i < count; i++) {
		clear[i] = sent[i] = take(source);
		jobs[i] = job_of(context, &sent[i]);
		secure_add(engine, &jobs[i]);
	}
	secure_finish(engine);
	for (unsigned i = 0; i < count; i++) {
		size_t size = jobs[i].size;

		if (jobs[i].verdict == SECURE_REPLAY) /* a duplicate of ours */
			continue;
		assert_int_equal(jobs[i].verdict, SECURE_OK);
		if (random_below(15) == 0 || is_lost_on_peer(context, &sent[i]))
			continue;
		assert_int_equal(srtp_peer_unprotect(peer, sent[i].bytes, &size, sent[i].is_rtcp), srtp_err_status_ok);
		assert_int_equal(size, clear[i].size);
		assert_memory_equal(sent[i].bytes, clear[i].bytes, size);
	}
}

/* It protects, the net loses, mixes, repeats and forges, we unprotect in bursts. */
static void from_peer(struct secure_context *context, struct srtp_peer *peer, struct source *source)
{
	static struct packet clear[SECURE_BURST], received[SECURE_BURST];
	struct secure_job jobs[SECURE_BURST];
	enum secure_verdict expected[SECURE_BURST];
	unsigned count = 0, wanted = 1 + random_below(SECURE_BURST);

	while (count < wanted) {
		struct packet packet = take(source);

		clear[count] = packet;
		if (srtp_peer_protect(peer, packet.bytes, &packet.size, packet.is_rtcp) != srtp_err_status_ok)
			continue;
		if (random_below(15) == 0)
			continue; /* lost */
		expected[count] = SECURE_OK;
		received[count++] = packet;
		if (count < wanted && random_below(15) == 0) {
			expected[count] = SECURE_REPLAY;
			clear[count] = clear[count - 1];
			received[count++] = packet;
		}
		if (count < wanted && random_below(15) == 0) {
			expected[count] = SECURE_AUTH_FAILED;
			received[count] = packet;
			received[count].bytes[packet.is_rtcp ? 9 : 3] ^= 0x40;
			count++;
		}
	}
	for (unsigned i = 0; i < count; i++) {
		jobs[i] = job_of(context, &received[i]);
		secure_add(engine, &jobs[i]);
	}
	secure_finish(engine);
	for (unsigned i = 0; i < count; i++) {
		if (expected[i] == SECURE_AUTH_FAILED) {
			assert_true(jobs[i].verdict != SECURE_OK);
			continue;
		}
		assert_int_equal(jobs[i].verdict, expected[i]);
		if (expected[i] != SECURE_OK)
			continue;
		assert_int_equal(jobs[i].size, clear[i].size);
		assert_memory_equal(received[i].bytes, clear[i].bytes, jobs[i].size);
	}
}

typedef void exchange(struct secure_context *context, struct srtp_peer *peer, struct source *source);

static void every_suite(enum secure_direction direction, exchange *run)
{
	static struct source source;

	for (unsigned suite = 1; suite < SECURE_SUITE_COUNT; suite++) {
		for (uint8_t mki_size = 0; mki_size <= 4; mki_size += 4) {
			struct secure_key key = srtp_peer_key(suite, (uint8_t)(suite + mki_size), mki_size);
			struct srtp_peer peer = srtp_peer_new(&key, direction == SECURE_UNPROTECT);
			struct secure_context *context;
			uint32_t first[SSRCS] = {65530, 100, 30000}, wraps = 0;

			random_state = suite * 7 + mki_size;
			source.count = 0;
			memcpy(source.sequence, first, sizeof(first));
			assert_int_equal(secure_context_new(engine, direction, &key, &context), 0);
			assert_memory_equal(secure_context_key(context), &key, sizeof(key));
			for (unsigned i = 0; i < PACKETS / SECURE_BURST; i++)
				run(context, &peer, &source);
			/* The rest of three rounds in great steps, which both must follow. */
			for (; wraps < 40; wraps++) {
				source.count = 0;
				for (unsigned s = 0; s < SSRCS; s++)
					source.sequence[s] += 6000;
				for (unsigned i = 0; i < 4; i++)
					run(context, &peer, &source);
			}
			secure_context_free(context);
			srtp_peer_free(&peer);
		}
	}
}

static void test_srtp_peer_understands_us(void **state)
{
	every_suite(SECURE_PROTECT, to_peer);
}

static void test_srtp_peer_is_understood(void **state)
{
	every_suite(SECURE_UNPROTECT, from_peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_srtp_peer_understands_us),
		cmocka_unit_test(test_srtp_peer_is_understood),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
