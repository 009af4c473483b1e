/* ITU-T G.729 Annex A (and the silence frames of Annex B, which are decoded and never made) by bcg729, where it is there. */
#include "lib/codec/codec_private.h"

#define FRAME_SIZE    10
#define FRAME_SAMPLES 80
#define SILENCE_SIZE  2

static int fmtp_parse(struct view fmtp, struct codec_settings *settings)
{
	return 0; /* annexb=no is about what we never send */
}

static void fmtp_print(const struct codec_settings *settings, struct text *text)
{
	text_add_string(text, "annexb=no");
}

static bool rate_is_possible(uint32_t rate_hz)
{
	return rate_hz == 8000;
}

/* Whole frames, and a silence frame at the end perhaps (RFC 3551 4.5.6). */
static int duration(const struct codec_settings *settings, const uint8_t *payload, size_t size)
{
	if (size % FRAME_SIZE != 0 && size % FRAME_SIZE != SILENCE_SIZE)
		return ERR_CORRUPT;
	return (int)((size / FRAME_SIZE + (size % FRAME_SIZE != 0)) * FRAME_SAMPLES);
}

#ifdef HAVE_BCG729
#include <bcg729/decoder.h>
#include <bcg729/encoder.h>

struct decoder {
	bcg729DecoderChannelContextStruct *context;
};
struct encoder {
	bcg729EncoderChannelContextStruct *context;
};

static size_t decoder_size(const struct codec_settings *settings)
{
	return sizeof(struct decoder);
}

static int decoder_init(void *state, const struct codec_settings *settings)
{
	struct decoder *decoder = state;

	decoder->context = initBcg729DecoderChannel();
	return decoder->context ? 0 : ERR_NOMEM;
}

static void decoder_fini(void *state)
{
	closeBcg729DecoderChannel(((struct decoder *)state)->context);
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	struct decoder *decoder = state;
	int count = duration(NULL, payload, size);

	if (count < 0)
		return count;
	if ((size_t)count > capacity)
		return ERR_TOO_LONG;
	for (size_t at = 0; at < size; at += FRAME_SIZE, samples += FRAME_SAMPLES) {
		size_t left = MIN(size - at, (size_t)FRAME_SIZE);

		bcg729Decoder(decoder->context, payload + at, (uint8_t)left, 0, left == SILENCE_SIZE, 0, samples);
	}
	return count;
}

static int conceal(void *state, const uint8_t *next, size_t next_size, int16_t *samples, size_t count)
{
	struct decoder *decoder = state;

	if (count % FRAME_SAMPLES)
		return ERR_UNSUPPORTED;
	for (size_t at = 0; at < count; at += FRAME_SAMPLES)
		bcg729Decoder(decoder->context, NULL, 0, 1, 0, 0, samples + at);
	return (int)count;
}

static size_t encoder_size(const struct codec_settings *settings)
{
	return sizeof(struct encoder);
}

static int encoder_init(void *state, const struct codec_settings *settings)
{
	struct encoder *encoder = state;

	encoder->context = initBcg729EncoderChannel(0);
	return encoder->context ? 0 : ERR_NOMEM;
}

static void encoder_fini(void *state)
{
	closeBcg729EncoderChannel(((struct encoder *)state)->context);
}

static int encode(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	struct encoder *encoder = state;
	uint8_t size = 0;
	int total = 0;

	if (count / FRAME_SAMPLES * FRAME_SIZE > capacity)
		return ERR_TOO_LONG;
	for (size_t at = 0; at < count; at += FRAME_SAMPLES) {
		bcg729Encoder(encoder->context, samples + at, payload + total, &size);
		total += size;
	}
	return total;
}
#endif

const struct codec_row codec_g729 = {
	.name = "G729",
	.clock_hz = 8000,
	.channels = 1,
	.payload_type = 18,
	.frame_ms = 10,
	.ptime_ms = 20,
	.ptime_max_ms = 120,
	.bytes_per_ms = 1,
	.native_rate_hz = 8000,
	.cost = {.encode_ns = 190000, .decode_ns = 45000},
	.impairment = {.ie = 11, .bpl = 19},
	.fmtp_parse = fmtp_parse,
	.fmtp_print = fmtp_print,
	.rate_is_possible = rate_is_possible,
	.duration = duration,
#ifdef HAVE_BCG729
	.decoder_size = decoder_size,
	.decoder_init = decoder_init,
	.decoder_fini = decoder_fini,
	.decode = decode,
	.conceal = conceal,
	.encoder_size = encoder_size,
	.encoder_init = encoder_init,
	.encoder_fini = encoder_fini,
	.encode = encode,
#endif
};
