/* The table of codecs: G.711 against SpanDSP and its own definition, every other codec by what comes back of what went in. */
#include "tests/unit/unit.h"

#include <math.h>
#include <spandsp/telephony.h>
#include <spandsp/bit_operations.h>
#include <spandsp/g711.h>

#include "lib/codec/codec.h"

/* ---- G.711 ---- */

static void test_g711_expands_as_the_tables_say(void **state)
{
	for (unsigned code = 0; code < 256; code++) {
		assert_int_equal(g711_expand_ulaw((uint8_t)code), ulaw_to_linear((uint8_t)code));
		assert_int_equal(g711_expand_alaw((uint8_t)code), alaw_to_linear((uint8_t)code));
	}
	/* The ends of both scales, G.711 tables 1a and 2a. */
	assert_int_equal(g711_expand_ulaw(0x80), 4 * 8031);
	assert_int_equal(g711_expand_ulaw(0xff), 0);
	assert_int_equal(g711_expand_alaw(0xaa), 32256);
	assert_int_equal(g711_expand_alaw(0xd5), 8);
}

/* A sample is within half a step of its code's value (and the bits that the reference drops), up to the overload point. */
static void test_g711_compresses_within_half_a_step(void **state)
{
	for (int sample = INT16_MIN; sample <= INT16_MAX; sample++) {
		uint8_t ulaw = g711_compress_ulaw((int16_t)sample), alaw = g711_compress_alaw((int16_t)sample);
		int ulaw_step = 8 << ((ulaw ^ 0xff) >> 4 & 7), alaw_segment = (alaw ^ 0x55) >> 4 & 7;
		int alaw_step = 16 << MAX(alaw_segment - 1, 0);

		if (abs(sample) <= 32635)
			assert_in_range(abs(sample - g711_expand_ulaw(ulaw)), 0, ulaw_step / 2 + 4);
		assert_in_range(abs(sample - g711_expand_alaw(alaw)), 0, alaw_step / 2 + 1);
		assert_int_equal(sample < 0, !(ulaw & 0x80));
		assert_int_equal(sample < 0, !(alaw & 0x80));
	}
}

static void test_g711_there_and_back(void **state)
{
	uint8_t codes[512], expected[512];

	for (unsigned code = 0; code < 256; code++) {
		if (code != 0x7f) /* the second zero */
			assert_int_equal(g711_compress_ulaw(g711_expand_ulaw((uint8_t)code)), code);
		assert_int_equal(g711_compress_alaw(g711_expand_alaw((uint8_t)code)), code);
		assert_int_equal(g711_ulaw_to_alaw[code], g711_compress_alaw(g711_expand_ulaw((uint8_t)code)));
		assert_int_equal(g711_alaw_to_ulaw[code], g711_compress_ulaw(g711_expand_alaw((uint8_t)code)));
	}
	for (size_t size = 0; size < 300; size++) {
		for (size_t i = 0; i < sizeof(codes); i++) {
			codes[i] = (uint8_t)(i * 7 + size);
			expected[i] = i < size ? g711_ulaw_to_alaw[codes[i]] : codes[i];
		}
		g711_map(g711_ulaw_to_alaw, codes, size);
		assert_memory_equal(codes, expected, sizeof(codes));
	}
}

/* ---- names and fmtp ---- */

static void test_codecs_are_found_by_name(void **state)
{
	assert_int_equal(codec_find(VIEW("pcmu"), 8000, 1), CODEC_PCMU);
	assert_int_equal(codec_find(VIEW("opus"), 48000, 2), CODEC_OPUS);
	assert_int_equal(codec_find(VIEW("opus"), 48000, 1), CODEC_NONE);
	assert_int_equal(codec_find(VIEW("L16"), 16000, 0), CODEC_L16_WIDE);
	assert_int_equal(codec_find(VIEW("telephone-event"), 8000, 1), CODEC_NONE);
	assert_int_equal(codec_find_named(VIEW("g722")), CODEC_G722);
	assert_int_equal(codec_find_named(VIEW("L16/16000")), CODEC_L16_WIDE);
	assert_int_equal(codec_find_named(VIEW("L16/44100")), CODEC_NONE);
	assert_int_equal(codec_common_rate(CODEC_PCMU, CODEC_OPUS), 8000);
	assert_int_equal(codec_common_rate(CODEC_G722, CODEC_OPUS), 16000);
	assert_int_equal(codec_common_rate(CODEC_G722, CODEC_PCMA), 8000);
}

static const struct fmtp_row {
	const char *name;
	enum codec_id codec;
	const char *fmtp, *printed;
	int error;
} fmtp_rows[] = {
	{"everything of Opus", CODEC_OPUS,
	 "maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; stereo=1; useinbandfec=1; "
	 "usedtx=0; cbr=1",
	 "maxplaybackrate=16000;maxaveragebitrate=20000;stereo=1;cbr=1;useinbandfec=1", 0},
	{"nothing", CODEC_OPUS, "", "", 0},
	{"rubbish", CODEC_OPUS, ";;=;useinbandfec=2;maxplaybackrate=x;stereo", "", 0},
	{"AMR octet-aligned", CODEC_AMR, "octet-align=1;mode-set=0,2,7", "octet-align=1;mode-set=0,2,7", 0},
	{"AMR interleaved", CODEC_AMR, "interleaving=5", "", ERR_UNSUPPORTED},
	{"AMR-WB with CRC", CODEC_AMR_WB, "crc=1", "", ERR_UNSUPPORTED},
	{"G.711 has none", CODEC_PCMU, "x=y", "", 0},
};

static void test_fmtp(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(fmtp_rows); i++) {
		const struct fmtp_row *row = &fmtp_rows[i];
		struct codec_settings settings;
		char buffer[256];
		struct text text;

		text_init(&text, buffer, sizeof(buffer));
		if (codec_settings_parse(row->codec, view_of(row->fmtp), &settings) != row->error)
			fail_msg("%s: outcome", row->name);
		if (!row->error)
			codec_settings_print(row->codec, &settings, &text);
		if (strcmp(buffer, row->printed))
			fail_msg("%s: \"%s\"", row->name, buffer);
	}
}

/* ---- coding ---- */

static void *aligned(size_t size)
{
	void *memory = aligned_alloc(CODEC_STATE_ALIGN, (size + 63) / 64 * 64);

	assert_non_null(memory);
	return memory;
}

/* Two tones that all codecs carry, with a syllable's rise and fall. */
static int16_t sample_at(size_t i, uint32_t rate_hz)
{
	double t = (double)i / rate_hz, loud = 0.5 + 0.5 * sin(2 * M_PI * 3 * t);

	return (int16_t)(6000 * loud * (sin(2 * M_PI * 440 * t) + 0.6 * sin(2 * M_PI * 1100 * t)));
}

/* The signal-to-noise ratio at the delay that fits best, over a second. */
static double best_snr(const int16_t *in, const int16_t *out, size_t count, uint32_t rate_hz)
{
	double best = -100;

	for (size_t delay = 0; delay < rate_hz / 25; delay++) {
		double signal = 0, noise = 0;

		for (size_t i = rate_hz / 5; i + delay < count; i++) {
			signal += (double)in[i] * in[i];
			noise += pow(in[i] - out[i + delay], 2);
		}
		best = MAX(best, 10 * log10(signal / MAX(noise, 1e-9)));
	}
	return best;
}

static const struct coding_row {
	enum codec_id codec;
	uint32_t rate_hz;
	unsigned ptime_ms;
	const char *fmtp;
	double snr; /* at least */
} coding_rows[] = {
	{CODEC_PCMU, 8000, 20, "", 34},
	{CODEC_PCMA, 8000, 60, "", 34},
	{CODEC_G722, 16000, 20, "", 18},
	{CODEC_G722, 8000, 10, "", 25},
	{CODEC_L16, 8000, 30, "", 90},
	{CODEC_L16_WIDE, 16000, 20, "", 90},
	{CODEC_OPUS, 48000, 20, "useinbandfec=1", 15},
	{CODEC_OPUS, 16000, 10, "cbr=1;maxaveragebitrate=32000", 12},
	{CODEC_OPUS, 8000, 60, "maxplaybackrate=8000", 10},
	{CODEC_G729, 8000, 20, "", 4},
	{CODEC_AMR, 8000, 20, "", 0},
	{CODEC_AMR, 8000, 60, "octet-align=1", 0},
	{CODEC_AMR_WB, 16000, 20, "octet-align=1", 6},
	{CODEC_AMR_WB, 16000, 40, "mode-set=8", 6},
};

static void code(const struct coding_row *row)
{
	size_t step = row->rate_hz / 1000 * row->ptime_ms, total = row->rate_hz / step * step, size = 0;
	int16_t *in = calloc(total, sizeof(*in)), *out = calloc(total, sizeof(*out));
	struct codec_settings settings;
	struct codec_encoder *encoder;
	struct codec_decoder *decoder;
	uint8_t payload[CODEC_PAYLOAD_MAX];
	double snr;

	assert_int_equal(codec_settings_parse(row->codec, view_of(row->fmtp), &settings), 0);
	settings.rate_hz = row->rate_hz;
	encoder = aligned(codec_encoder_size(row->codec, &settings));
	decoder = aligned(codec_decoder_size(row->codec, &settings));
	assert_int_equal(codec_encoder_init(encoder, row->codec, &settings), 0);
	assert_int_equal(codec_decoder_init(decoder, row->codec, &settings), 0);
	for (size_t i = 0; i < total; i++)
		in[i] = sample_at(i, row->rate_hz);
	for (size_t at = 0; at < total; at += step) {
		size = (size_t)codec_encode(encoder, in + at, step, payload, sizeof(payload));
		assert_in_range(size, 1, codec_rows[row->codec]->bytes_per_ms * row->ptime_ms + 8);
		assert_int_equal(codec_duration(decoder, payload, size), step);
		assert_int_equal(codec_decode(decoder, payload, size, out + at, step), step);
	}
	snr = best_snr(in, out, total, row->rate_hz);
	if (snr < row->snr)
		fail_msg("%s at %u Hz: %.1f dB", codec_name(row->codec), row->rate_hz, snr);
	codec_decoder_fini(decoder);
	codec_encoder_fini(encoder);
	assert_int_equal(codec_decoder_init(decoder, row->codec, &settings), 0);
	assert_int_equal(codec_decode(decoder, payload, size, out, 1), ERR_TOO_LONG);
	codec_decoder_fini(decoder);
	free(decoder);
	free(encoder);
	free(in);
	free(out);
}

static void test_every_codec_gives_back_what_it_got(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(coding_rows); i++)
		if (codec_is_available(coding_rows[i].codec))
			code(&coding_rows[i]);
		else
			print_message("%s is not in this build\n", codec_name(coding_rows[i].codec));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_g711_expands_as_the_tables_say),
		cmocka_unit_test(test_g711_compresses_within_half_a_step),
		cmocka_unit_test(test_g711_there_and_back),
		cmocka_unit_test(test_codecs_are_found_by_name),
		cmocka_unit_test(test_fmtp),
		cmocka_unit_test(test_every_codec_gives_back_what_it_got),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
