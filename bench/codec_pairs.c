/* What transcoding costs: every pair of codecs, through lib/playout as a worker does it, beside the codec libraries alone on the
 * same packets in the same run.
 *
 *     build/bench/codec_pairs [seconds of speech]
 *
 * "ours" is a packet of 20 ms taken from the wire (parsed, buffered, decoded) and one made (encoded, framed): what lanes and
 * ticks add is relay_ring's. Lowest of five runs. Calls per core: two directions, 50 packets a second each.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/playout/playout.h"

#define RUNS  5
#define TYPE  96
#define PTIME 20

struct packet {
	uint8_t bytes[RTP_HEADER_SIZE + CODEC_PAYLOAD_MAX];
	size_t size;
};

static int16_t *speech;
static struct packet *packets;
static size_t packet_count;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *memory(size_t size)
{
	void *at = aligned_alloc(PLAYOUT_ALIGN, (size + PLAYOUT_ALIGN - 1) / PLAYOUT_ALIGN * PLAYOUT_ALIGN);

	if (!at)
		exit(1);
	return at;
}

static struct codec_settings settings_of(enum codec_id codec, uint32_t rate_hz)
{
	struct codec_settings settings;

	if (codec_settings_parse(codec, VIEW_EMPTY, &settings) != 0)
		exit(1);
	settings.rate_hz = rate_hz;
	return settings;
}

/* A voice with syllables at that rate, as packets of a codec. */
static void record(enum codec_id codec, uint32_t rate_hz)
{
	struct talker_setup setup = {.codec = codec,
				     .settings = settings_of(codec, rate_hz),
				     .payload_type = TYPE,
				     .event_type = PLAYOUT_NO_TYPE};
	struct talker *talker = memory(talker_size(&setup));
	size_t step = rate_hz / 50;

	if (talker_init(talker, &setup) != 0)
		exit(1);
	for (size_t i = 0; i < packet_count * step; i++) {
		double t = (double)i / rate_hz, sum = 0;

		for (int h = 1; h < 20; h++)
			sum += sin(2 * M_PI * h * (120 * t + 3 * sin(4 * t))) / h;
		speech[i] = (int16_t)(5000 * sum * fabs(sin(6 * t)));
	}
	for (size_t i = 0; i < packet_count; i++) {
		talker_put(talker, speech + i * step, step);
		packets[i].size = talker_next(talker, packets[i].bytes, sizeof(packets[i].bytes));
	}
	talker_fini(talker);
	free(talker);
}

static double ours_ns(enum codec_id from, enum codec_id to, uint32_t rate_hz)
{
	struct playout_setup hear = {.codec = from,
				     .settings = settings_of(from, rate_hz),
				     .payload_type = TYPE,
				     .event_type = PLAYOUT_NO_TYPE,
				     .noise_type = PLAYOUT_NO_TYPE};
	struct talker_setup say = {
		.codec = to, .settings = settings_of(to, rate_hz), .payload_type = TYPE, .event_type = PLAYOUT_NO_TYPE};
	struct playout *playout = memory(playout_size(&hear));
	struct talker *talker = memory(talker_size(&say));
	int16_t samples[CODEC_RATE_MAX_HZ / 50];
	size_t step = rate_hz / 50;
	struct packet out;
	uint64_t began;

	if (playout_init(playout, &hear) != 0 || talker_init(talker, &say) != 0)
		exit(1);
	began = now_ns();
	for (size_t i = 0; i < packet_count; i++) {
		struct rtp_header header;

		if (packets[i].size && rtp_parse(packets[i].bytes, packets[i].size, &header) == 0)
			(void)playout_put(playout, &header, packets[i].bytes + header.payload_offset);
		playout_get(playout, samples, step);
		talker_put(talker, samples, step);
		while (talker_next(talker, out.bytes, sizeof(out.bytes)) > 0)
			continue;
	}
	began = now_ns() - began;
	playout_fini(playout);
	talker_fini(talker);
	free(playout);
	free(talker);
	return (double)began / (double)packet_count;
}

static double library_ns(enum codec_id from, enum codec_id to, uint32_t rate_hz)
{
	struct codec_settings in = settings_of(from, rate_hz), out = settings_of(to, rate_hz);
	struct codec_decoder *decoder = memory(codec_decoder_size(from, &in));
	struct codec_encoder *encoder = memory(codec_encoder_size(to, &out));
	int16_t samples[CODEC_RATE_MAX_HZ / 50];
	uint8_t payload[CODEC_PAYLOAD_MAX];
	size_t step = rate_hz / 50;
	uint64_t began;

	if (codec_decoder_init(decoder, from, &in) != 0 || codec_encoder_init(encoder, to, &out) != 0)
		exit(1);
	began = now_ns();
	for (size_t i = 0; i < packet_count; i++) {
		(void)!codec_decode(decoder, packets[i].bytes + RTP_HEADER_SIZE, packets[i].size - RTP_HEADER_SIZE,
				    samples, step);
		(void)!codec_encode(encoder, samples, step, payload, sizeof(payload));
	}
	began = now_ns() - began;
	codec_decoder_fini(decoder);
	codec_encoder_fini(encoder);
	free(decoder);
	free(encoder);
	return (double)began / (double)packet_count;
}

static void compare(enum codec_id from, enum codec_id to)
{
	uint32_t rate_hz = codec_common_rate(from, to);
	double ours = 1e12, library = 1e12;

	if (rate_hz == 0)
		return;
	record(from, rate_hz);
	for (int run = 0; run < RUNS; run++) {
		ours = MIN(ours, ours_ns(from, to, rate_hz));
		library = MIN(library, library_ns(from, to, rate_hz));
	}
	printf("%-6s -> %-6s %6u Hz %9.2f us %9.2f us %+7.1f %% %8.0f\n", codec_name(from), codec_name(to), rate_hz,
	       ours / 1000, library / 1000, 100 * (ours - library) / library, 1e9 / (ours * 100));
}

/* From one law of G.711 to the other needs no samples: what the lane `convert` does to a packet's payload. */
static void convert(void)
{
	uint8_t payload[160] = {1};
	double lowest = 1e12;

	for (int run = 0; run < RUNS; run++) {
		uint64_t began = now_ns();

		for (int i = 0; i < 1000000; i++) {
			g711_map(i & 1 ? g711_ulaw_to_alaw : g711_alaw_to_ulaw, payload, sizeof(payload));
			__asm__ volatile("" : : "r"(payload) : "memory");
		}
		lowest = MIN(lowest, (double)(now_ns() - began) / 1e6);
	}
	printf("PCMU <-> PCMA, packet by packet: %.4f us a payload of 160 bytes, beside relay_ring's figure\n",
	       lowest / 1000);
}

int main(int argc, char **argv)
{
	static const enum codec_id codecs[] = {CODEC_PCMU, CODEC_PCMA, CODEC_G722,  CODEC_OPUS,
					       CODEC_G729, CODEC_AMR,  CODEC_AMR_WB};

	uint32_t seconds = 4;

	if (argc > 1 && view_to_u32(view_of(argv[1]), 3600, &seconds) != 0)
		return 1;
	packet_count = seconds * 50;
	packets = calloc(packet_count, sizeof(*packets));
	speech = calloc(packet_count, CODEC_RATE_MAX_HZ / 50 * sizeof(*speech));
	if (!packets || !speech || packet_count == 0)
		return 1;
	convert();
	printf("%-16s %10s %12s %12s %9s %8s\n", "pair, 20 ms", "samples", "ours", "library", "more", "calls");
	for (size_t a = 0; a < ARRAY_LEN(codecs); a++)
		for (size_t b = 0; b < ARRAY_LEN(codecs); b++)
			if (a != b && codec_is_available(codecs[a]) && codec_is_available(codecs[b]) &&
			    (a < 4 || b < 4))
				compare(codecs[a], codecs[b]);
	return 0;
}
