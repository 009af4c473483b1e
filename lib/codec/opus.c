/* Opus (RFC 6716) by libopus, with the parameters of RFC 7587. Always opus/48000/2 in rtpmap; we code mono at the rate that
 * the other side of the call needs, and mix what comes in stereo down. */
#include "lib/codec/codec_private.h"

#include <opus/opus.h>

#define COMPLEXITY   5  /* as the telephony servers beside which we are measured */
#define LOSS_PERCENT 10 /* what FEC is prepared for */

/* ---- fmtp ---- */

static int fmtp_parse(struct view fmtp, struct codec_settings *settings)
{
	struct view name, value;
	uint32_t number;

	while (codec_fmtp_next(&fmtp, &name, &value)) {
		if (view_is_nocase(name, "useinbandfec"))
			codec_fmtp_flag(value, CODEC_FLAG_FEC, settings);
		else if (view_is_nocase(name, "usedtx"))
			codec_fmtp_flag(value, CODEC_FLAG_DTX, settings);
		else if (view_is_nocase(name, "cbr"))
			codec_fmtp_flag(value, CODEC_FLAG_CBR, settings);
		else if (view_is_nocase(name, "stereo"))
			codec_fmtp_flag(value, CODEC_FLAG_STEREO, settings);
		else if (view_is_nocase(name, "maxplaybackrate") && view_to_u32(value, 48000, &number) == 0)
			settings->playback_hz = number;
		else if (view_is_nocase(name, "maxaveragebitrate") && view_to_u32(value, 510000, &number) == 0)
			settings->bitrate_bps = MAX(number, 6000u);
	}
	return 0;
}

static void fmtp_print(const struct codec_settings *settings, struct text *text)
{
	if (settings->playback_hz)
		codec_fmtp_add(text, "maxplaybackrate", settings->playback_hz);
	if (settings->bitrate_bps)
		codec_fmtp_add(text, "maxaveragebitrate", settings->bitrate_bps);
	if (settings->flags & CODEC_FLAG_STEREO)
		codec_fmtp_add(text, "stereo", 1);
	if (settings->flags & CODEC_FLAG_CBR)
		codec_fmtp_add(text, "cbr", 1);
	if (settings->flags & CODEC_FLAG_FEC)
		codec_fmtp_add(text, "useinbandfec", 1);
	if (settings->flags & CODEC_FLAG_DTX)
		codec_fmtp_add(text, "usedtx", 1);
}

/* ---- decoder ---- */

struct decoder {
	uint32_t rate_hz, padding;
	uint8_t state[];
};

static bool rate_is_possible(uint32_t rate_hz)
{
	return rate_hz == 8000 || rate_hz == 12000 || rate_hz == 16000 || rate_hz == 24000 || rate_hz == 48000;
}

static size_t decoder_size(const struct codec_settings *settings)
{
	return sizeof(struct decoder) + (size_t)opus_decoder_get_size(1);
}

static int decoder_init(void *state, const struct codec_settings *settings)
{
	struct decoder *decoder = state;

	decoder->rate_hz = settings->rate_hz;
	return opus_decoder_init((OpusDecoder *)(void *)decoder->state, (opus_int32)settings->rate_hz, 1) == OPUS_OK
		       ? 0
		       : ERR_INVALID;
}

static int duration(const struct codec_settings *settings, const uint8_t *payload, size_t size)
{
	int samples = opus_packet_get_nb_samples(payload, (opus_int32)size, (opus_int32)settings->rate_hz);

	return samples > 0 ? samples : ERR_CORRUPT;
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	struct decoder *decoder = state;
	int count = opus_decode((OpusDecoder *)(void *)decoder->state, payload, (opus_int32)size, samples,
				(int)MIN(capacity, (size_t)CODEC_SAMPLES_MAX), 0);

	return count == OPUS_BUFFER_TOO_SMALL ? ERR_TOO_LONG : count < 0 ? ERR_CORRUPT : count;
}

/* The redundancy in `next` stands for the frame right before it. */
static int conceal(void *state, const uint8_t *next, size_t next_size, int16_t *samples, size_t count)
{
	OpusDecoder *decoder = (OpusDecoder *)(void *)((struct decoder *)state)->state;
	int made = next ? opus_decode(decoder, next, (opus_int32)next_size, samples, (int)count, 1)
			: opus_decode(decoder, NULL, 0, samples, (int)count, 0);

	return made < 0 ? ERR_CORRUPT : made;
}

/* ---- encoder ---- */

static size_t encoder_size(const struct codec_settings *settings)
{
	return (size_t)opus_encoder_get_size(1);
}

static opus_int32 bandwidth_of(uint32_t playback_hz)
{
	return playback_hz <= 8000    ? OPUS_BANDWIDTH_NARROWBAND
	       : playback_hz <= 12000 ? OPUS_BANDWIDTH_MEDIUMBAND
	       : playback_hz <= 16000 ? OPUS_BANDWIDTH_WIDEBAND
	       : playback_hz <= 24000 ? OPUS_BANDWIDTH_SUPERWIDEBAND
				      : OPUS_BANDWIDTH_FULLBAND;
}

static int encoder_init(void *state, const struct codec_settings *settings)
{
	OpusEncoder *encoder = state;

	if (opus_encoder_init(encoder, (opus_int32)settings->rate_hz, 1, OPUS_APPLICATION_VOIP) != OPUS_OK)
		return ERR_INVALID;
	opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(COMPLEXITY));
	opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	if (settings->bitrate_bps)
		opus_encoder_ctl(encoder, OPUS_SET_BITRATE((opus_int32)settings->bitrate_bps));
	if (settings->playback_hz)
		opus_encoder_ctl(encoder, OPUS_SET_MAX_BANDWIDTH(bandwidth_of(settings->playback_hz)));
	opus_encoder_ctl(encoder, OPUS_SET_VBR(!(settings->flags & CODEC_FLAG_CBR)));
	opus_encoder_ctl(encoder, OPUS_SET_DTX(!!(settings->flags & CODEC_FLAG_DTX)));
	if (settings->flags & CODEC_FLAG_FEC) {
		opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
		opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(LOSS_PERCENT));
	}
	return 0;
}

static int encode(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	int size =
		opus_encode(state, samples, (int)count, payload, (opus_int32)MIN(capacity, (size_t)CODEC_PAYLOAD_MAX));

	if (size < 0)
		return size == OPUS_BUFFER_TOO_SMALL ? ERR_TOO_LONG : ERR_INVALID;
	/* Up to two bytes mean that nothing need be sent. */
	return size <= 2 ? 0 : size;
}

const struct codec_row codec_opus = {
	.name = "opus",
	.clock_hz = 48000,
	.channels = 2,
	.payload_type = -1,
	.frame_ms = 10,
	.ptime_ms = 20,
	.ptime_max_ms = 60,
	.bytes_per_ms = 64,
	.native_rate_hz = 48000,
	.cost = {.encode_ns = 150000, .decode_ns = 35000},
	.impairment = {.ie = 0, .bpl = 20, .is_wide = true},
	.fmtp_parse = fmtp_parse,
	.fmtp_print = fmtp_print,
	.rate_is_possible = rate_is_possible,
	.decoder_size = decoder_size,
	.decoder_init = decoder_init,
	.decode = decode,
	.duration = duration,
	.conceal = conceal,
	.encoder_size = encoder_size,
	.encoder_init = encoder_init,
	.encode = encode,
};
