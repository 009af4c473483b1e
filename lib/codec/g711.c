/* ITU-T G.711, both laws, bit-exact to the reference of G.191 (negative samples by their one's complement there). */
#include "lib/codec/codec_private.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ULAW_BIAS 33
#define ULAW_MAX  0x1fff /* of 14 bits */

/* ---- one sample ---- */

uint8_t g711_compress_ulaw(int16_t sample)
{
	unsigned magnitude = ((unsigned)(sample < 0 ? ~sample : sample) >> 2) + ULAW_BIAS, exponent;

	magnitude = MIN(magnitude, (unsigned)ULAW_MAX);
	/* The bias puts the highest bit between 5 and 12. */
	exponent = 26 - (unsigned)__builtin_clz(magnitude);
	return (uint8_t)(((7 - exponent) << 4 | (15 - (magnitude >> (exponent + 1) & 15))) | (sample < 0 ? 0 : 0x80));
}

uint8_t g711_compress_alaw(int16_t sample)
{
	unsigned magnitude = (unsigned)(sample < 0 ? ~sample : sample) >> 4, code = magnitude;

	if (magnitude > 15) {
		unsigned exponent = 28 - (unsigned)__builtin_clz(magnitude);

		code = exponent << 4 | (magnitude >> (exponent - 1) & 15);
	}
	return (uint8_t)((code | (sample < 0 ? 0 : 0x80)) ^ 0x55);
}

int16_t g711_expand_ulaw(uint8_t code)
{
	unsigned inverse = (uint8_t)~code, exponent = inverse >> 4 & 7;
	int magnitude = (int)((((inverse & 15) << 1) + ULAW_BIAS) << exponent) - ULAW_BIAS;

	return (int16_t)(code & 0x80 ? 4 * magnitude : -4 * magnitude);
}

int16_t g711_expand_alaw(uint8_t code)
{
	unsigned plain = code ^ 0x55u, exponent = plain >> 4 & 7, mantissa = (plain & 15) + (exponent ? 16 : 0);
	int magnitude = (int)((mantissa << 4) + 8) << (exponent > 1 ? exponent - 1 : 0);

	return (int16_t)(plain & 0x80 ? magnitude : -magnitude);
}

/* ---- a table of all bytes ---- */

static void map_plain(const uint8_t table[256], uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = table[bytes[i]];
}

#if defined(__x86_64__)
/* The table in four registers: two look-ups of 128 bytes each, chosen by the highest bit. */
__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static void map_vbmi(const uint8_t table[256], uint8_t *bytes,
									    size_t size)
{
	const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
	const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);

	for (size_t i = 0; i < size; i += 64) {
		__mmask64 valid = size - i >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << (size - i)) - 1;
		__m512i in = _mm512_maskz_loadu_epi8(valid, bytes + i);
		__m512i low = _mm512_permutex2var_epi8(t0, in, t1), high = _mm512_permutex2var_epi8(t2, in, t3);

		_mm512_mask_storeu_epi8(bytes + i, valid, _mm512_mask_blend_epi8(_mm512_movepi8_mask(in), low, high));
	}
}
#endif

void g711_map(const uint8_t table[256], uint8_t *bytes, size_t size)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw")) {
		map_vbmi(table, bytes, size);
		return;
	}
#endif
	map_plain(table, bytes, size);
}

/* ---- rows ---- */

static bool rate_is_possible(uint32_t rate_hz)
{
	return rate_hz == 8000;
}

/* Nothing is remembered between packets. */
static size_t state_size(const struct codec_settings *settings)
{
	return 0;
}

static int state_init(void *state, const struct codec_settings *settings)
{
	return 0;
}

static int duration(const struct codec_settings *settings, const uint8_t *payload, size_t size)
{
	return (int)size;
}

static int decode_ulaw(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	if (size > capacity)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < size; i++)
		samples[i] = g711_expand_ulaw(payload[i]);
	return (int)size;
}

static int decode_alaw(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	if (size > capacity)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < size; i++)
		samples[i] = g711_expand_alaw(payload[i]);
	return (int)size;
}

static int encode_ulaw(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	if (count > capacity)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < count; i++)
		payload[i] = g711_compress_ulaw(samples[i]);
	return (int)count;
}

static int encode_alaw(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	if (count > capacity)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < count; i++)
		payload[i] = g711_compress_alaw(samples[i]);
	return (int)count;
}

#define G711_ROW(rtp_name, type, law)                                                                                  \
	{                                                                                                              \
		.name = rtp_name, .clock_hz = 8000, .channels = 1, .payload_type = type, .frame_ms = 1,                \
		.ptime_ms = 20, .ptime_max_ms = 120, .bytes_per_ms = 8, .native_rate_hz = 8000,                        \
		.cost = {.encode_ns = 400, .decode_ns = 200}, .impairment = {.ie = 0, .bpl = 25},                      \
		.rate_is_possible = rate_is_possible, .decoder_size = state_size, .decoder_init = state_init,          \
		.decode = decode_##law, .duration = duration, .encoder_size = state_size, .encoder_init = state_init,  \
		.encode = encode_##law                                                                                 \
	}
const struct codec_row codec_pcmu = G711_ROW("PCMU", 0, ulaw);
const struct codec_row codec_pcma = G711_ROW("PCMA", 8, alaw);
