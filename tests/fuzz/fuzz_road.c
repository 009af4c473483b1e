/* Malformed RTP, RTCP, SRTP and everything else through the whole packet path: real workers, real lanes, ports made of rings.
 * The input is packets, each behind two bytes: what it is put into, and its size. What comes out has right checksums
 * and headers (road_take looks); what does not was dropped under one reason; no packet of the pool is missing. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/dataplane/road/road.h"

enum { CLEAR, MUXED, ECHO6, SECURE_A, SECURE_B, TARGETS };
#define RAW    0x80 /* an Ethernet frame as it stands, not the payload of UDP */
#define RTCP   0x40 /* to the RTCP port */
#define FORGED 0x20 /* from a stranger */

static const char *const peers[TARGETS] = {"192.0.2.10:4000", "192.0.2.11:4000", "[2001:db8::a]:4000",
					   "192.0.2.12:4000", "192.0.2.13:4000"};
static const uint16_t addresses[TARGETS] = {0, 0, 1, 0, 0};

static struct secure_context *context_new(struct worker *worker, enum secure_direction direction)
{
	struct secure_key key = {.suite = SECURE_AES_CM_128_SHA1_80};
	struct secure_context *context = NULL;

	MUST(secure_context_new(worker->context.engine, direction, &key, &context) == 0);
	return context;
}

static void streams_make(void)
{
	for (uint32_t i = 0; i < TARGETS; i++) {
		uint32_t source = i == SECURE_A ? SECURE_B : i == SECURE_B ? SECURE_A : i;
		struct stream_wish wish = road_wish(0, i, addresses[i], peers[i], source);

		wish.set.flags |= i == CLEAR ? SHM_STREAM_LEARN : i == MUXED ? SHM_STREAM_RTCP_MUX : 0;
		if (i >= SECURE_A) {
			wish.set.flags |= SHM_STREAM_SECURE;
			wish.secure_in = context_new(road.workers[0], SECURE_UNPROTECT);
			wish.secure_out = context_new(road.workers[0], SECURE_PROTECT);
		}
		road_set(&wish);
	}
	road.ports->ports[0].has_finished_sums = false;
}

static void put(uint8_t what, const uint8_t *bytes, size_t size)
{
	unsigned target = what % TARGETS;
	uint16_t port = (uint16_t)(ROAD_PORT(target) + !!(what & RTCP));
	char to[NET_ENDPOINT_TEXT];

	if (what & RAW) {
		road_put(0, bytes, size);
		return;
	}
	snprintf(to, sizeof(to), addresses[target] ? "[" ROAD_IPV6 "]:%u" : ROAD_IPV4 ":%u", port);
	road_put_udp(0, what & FORGED && !addresses[target] ? "203.0.113.9:9999" : peers[target], to, bytes, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool has_eal;
	uint64_t count = 0;
	struct seen seen;

	if (!has_eal)
		MUST(road_eal_init(NULL) == 0);
	has_eal = true;
	MUST(road_setup(NULL) == 0);
	streams_make();
	while (size > 2 && count < 256) {
		uint8_t what = data[0];
		size_t length = MIN((size_t)data[1] * 4, size - 2);

		put(what, data + 2, length);
		data += 2 + length;
		size -= 2 + length;
		count++;
	}
	road_turn();
	while (road_take(0, &seen))
		;
	MUST(road_counter(WORKER_RX_PACKETS) == count);
	MUST(road_counter(WORKER_TX_PACKETS) + road_drops_all() == count);
	/* Nothing authenticates, so nothing of it is believed. */
	MUST(road.workers[0]->context.table.at[SECURE_A].rtp_in == 0);
	for (unsigned i = SECURE_A; i < TARGETS; i++) {
		struct stream *stream = &road.workers[0]->context.table.at[i];

		secure_context_free(stream->secure_in);
		secure_context_free(stream->secure_out);
		stream->secure_in = stream->secure_out = NULL;
	}
	MUST(road_teardown(NULL) == 0);
	return 0;
}
