/* ITU-T G.722 at 64 kbit/s by SpanDSP. At 8 kHz only its lower band is coded, which is half the work and needs no
 * resampling. The RTP clock is 8000 by a mistake that is kept for compatibility (RFC 3551 4.5.2). */
#include "lib/codec/codec_private.h"

#include <spandsp/telephony.h>
#include <spandsp/g722.h>
#include <spandsp/private/g722.h>

#define BITRATE 64000

static bool rate_is_possible(uint32_t rate_hz)
{
	return rate_hz == 8000 || rate_hz == 16000;
}

static int options(const struct codec_settings *settings)
{
	return settings->rate_hz == 8000 ? G722_SAMPLE_RATE_8000 : 0;
}

static size_t decoder_size(const struct codec_settings *settings)
{
	return sizeof(g722_decode_state_t);
}

static int decoder_init(void *state, const struct codec_settings *settings)
{
	return g722_decode_init(state, BITRATE, options(settings)) ? 0 : ERR_NOMEM;
}

/* A byte is two samples of 16 kHz. */
static int duration(const struct codec_settings *settings, const uint8_t *payload, size_t size)
{
	return (int)(size * (settings->rate_hz / 8000));
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	const g722_decode_state_t *decoder = state;

	if (size * (decoder->eight_k ? 1 : 2) > capacity)
		return ERR_TOO_LONG;
	return g722_decode(state, samples, payload, (int)size);
}

static size_t encoder_size(const struct codec_settings *settings)
{
	return sizeof(g722_encode_state_t);
}

static int encoder_init(void *state, const struct codec_settings *settings)
{
	return g722_encode_init(state, BITRATE, options(settings)) ? 0 : ERR_NOMEM;
}

static int encode(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	const g722_encode_state_t *encoder = state;

	if (count / (encoder->eight_k ? 1 : 2) > capacity)
		return ERR_TOO_LONG;
	return g722_encode(state, payload, samples, (int)count);
}

const struct codec_row codec_g722 = {
	.name = "G722",
	.clock_hz = 8000,
	.channels = 1,
	.payload_type = 9,
	.frame_ms = 1,
	.ptime_ms = 20,
	.ptime_max_ms = 120,
	.bytes_per_ms = 8,
	.native_rate_hz = 16000,
	.cost = {.encode_ns = 28000, .decode_ns = 22000},
	.impairment = {.ie = 13, .bpl = 14, .is_wide = true},
	.rate_is_possible = rate_is_possible,
	.decoder_size = decoder_size,
	.decoder_init = decoder_init,
	.decode = decode,
	.duration = duration,
	.encoder_size = encoder_size,
	.encoder_init = encoder_init,
	.encode = encode,
};
