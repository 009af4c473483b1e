/* L16 (RFC 3551 4.5.11): samples as they are, the high byte first; mono at 8 and 16 kHz. */
#include "lib/codec/codec_private.h"

static bool narrow_is_possible(uint32_t rate_hz)
{
	return rate_hz == 8000;
}

static bool wide_is_possible(uint32_t rate_hz)
{
	return rate_hz == 16000;
}

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
	return size % 2 ? ERR_CORRUPT : (int)(size / 2);
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	if (size % 2)
		return ERR_CORRUPT;
	if (size / 2 > capacity)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < size / 2; i++)
		samples[i] = (int16_t)(payload[2 * i] << 8 | payload[2 * i + 1]);
	return (int)(size / 2);
}

static int encode(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	if (2 * count > capacity)
		return ERR_TOO_LONG;
	for (size_t i = 0; i < count; i++) {
		payload[2 * i] = (uint8_t)((uint16_t)samples[i] >> 8);
		payload[2 * i + 1] = (uint8_t)samples[i];
	}
	return (int)(2 * count);
}

#define L16_ROW(hz, longest, possible, wide)                                                                           \
	{                                                                                                              \
		.name = "L16", .clock_hz = hz, .channels = 1, .payload_type = -1, .frame_ms = 1, .ptime_ms = 20,       \
		.ptime_max_ms = longest, .bytes_per_ms = hz / 500, .native_rate_hz = hz,                               \
		.cost = {.encode_ns = hz / 80, .decode_ns = hz / 80}, .impairment = {.bpl = 25, .is_wide = wide},      \
		.rate_is_possible = possible, .decoder_size = state_size, .decoder_init = state_init,                  \
		.decode = decode, .duration = duration, .encoder_size = state_size, .encoder_init = state_init,        \
		.encode = encode                                                                                       \
	}
const struct codec_row codec_l16 = L16_ROW(8000, 80, narrow_is_possible, false);
const struct codec_row codec_l16_wide = L16_ROW(16000, 40, wide_is_possible, true);
