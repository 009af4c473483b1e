/* AMR and AMR-WB by OpenCORE and VisualOn, where they are there, in both forms of RFC 4867: octet-aligned and
 * bandwidth-efficient. One channel, no CRC, no interleaving, no robust sorting: what is offered with those is refused. */
#include "lib/codec/codec_private.h"

#define FRAMES_MAX   6 /* 120 ms */
#define FRAME_MAX    61
#define TYPE_LOST    14 /* of AMR-WB */
#define TYPE_NO_DATA 15
#define NO_REQUEST   15
#define FRAME_MS     20

struct variant {
	const uint16_t *bits; /* of a frame, by type */
	uint8_t types;        /* how many of them: the last one is the silence descriptor */
	uint8_t usual_mode;
	uint32_t rate_hz;
};
static const uint16_t narrow_bits[] = {95, 103, 118, 134, 148, 159, 204, 244, 39};
static const uint16_t wide_bits[] = {132, 177, 253, 285, 317, 365, 397, 461, 477, 40};
static const struct variant narrow = {narrow_bits, ARRAY_LEN(narrow_bits), 7, 8000};
static const struct variant wide = {wide_bits, ARRAY_LEN(wide_bits), 2, 16000};

/* ---- fmtp ---- */

static int fmtp_parse(struct view fmtp, struct codec_settings *settings)
{
	struct view name, value;
	uint32_t number;

	while (codec_fmtp_next(&fmtp, &name, &value)) {
		if (view_is_nocase(name, "octet-align")) {
			codec_fmtp_flag(value, CODEC_FLAG_OCTET_ALIGN, settings);
		} else if (view_is_nocase(name, "mode-set")) {
			while (value.at && value.size > 0)
				if (view_to_u32(view_trim(view_cut(&value, ',')), 8, &number) == 0)
					settings->modes |= (uint16_t)(1u << number);
		} else if ((view_is_nocase(name, "crc") || view_is_nocase(name, "robust-sorting")) &&
			   view_is(value, "1")) {
			return ERR_UNSUPPORTED;
		} else if (view_is_nocase(name, "interleaving")) {
			return ERR_UNSUPPORTED;
		}
	}
	return 0;
}

static void fmtp_print(const struct codec_settings *settings, struct text *text)
{
	if (settings->flags & CODEC_FLAG_OCTET_ALIGN)
		codec_fmtp_add(text, "octet-align", 1);
	if (settings->modes) {
		const char *comma = "";

		text_printf(text, "%smode-set=", text->size > 0 ? ";" : "");
		for (unsigned mode = 0; mode < 9; mode++)
			if (settings->modes >> mode & 1) {
				text_printf(text, "%s%u", comma, mode);
				comma = ",";
			}
	}
}

/* ---- payloads ---- */

struct frame {
	uint8_t type;
	bool is_good;
	uint8_t bytes[1 + FRAME_MAX]; /* with the header of the storage format, as the libraries take it */
};

struct bits {
	const uint8_t *bytes;
	size_t at, size; /* bits */
};

static bool bits_get(struct bits *bits, unsigned count, unsigned *ret_value)
{
	unsigned value = 0;

	if (bits->at + count > bits->size)
		return false;
	for (unsigned i = 0; i < count; i++, bits->at++)
		value = value << 1 | (bits->bytes[bits->at / 8] >> (7 - bits->at % 8) & 1);
	*ret_value = value;
	return true;
}

static bool bits_copy(struct bits *bits, unsigned count, uint8_t *to)
{
	memset(to, 0, (count + 7) / 8);
	for (unsigned i = 0; i < count; i += 8) {
		unsigned some = MIN(count - i, 8u), value;

		if (!bits_get(bits, some, &value))
			return false;
		to[i / 8] = (uint8_t)(value << (8 - some));
	}
	return true;
}

static bool is_type(const struct variant *variant, unsigned type)
{
	return type < variant->types || type == TYPE_NO_DATA || (type == TYPE_LOST && variant == &wide);
}

/* Frames of a payload, of which only the table of contents is looked at without `frames`; how many, or ERR_CORRUPT. */
static int unpack(const struct variant *variant, bool is_aligned, const uint8_t *payload, size_t size,
		  struct frame *frames)
{
	struct bits bits = {.bytes = payload, .size = size * 8};
	uint8_t types[FRAMES_MAX], quality[FRAMES_MAX];
	unsigned value, more = 1;
	int count = 0;

	if (!bits_get(&bits, is_aligned ? 8 : 4, &value)) /* the mode request */
		return ERR_CORRUPT;
	while (more) {
		if (count == FRAMES_MAX || !bits_get(&bits, is_aligned ? 8 : 6, &value))
			return ERR_CORRUPT;
		value = is_aligned ? value >> 2 : value;
		more = value >> 5;
		types[count] = value >> 1 & 15;
		quality[count] = value & 1;
		if (!is_type(variant, types[count]))
			return ERR_CORRUPT;
		count++;
	}
	for (int i = 0; i < count; i++) {
		unsigned length = types[i] < variant->types ? variant->bits[types[i]] : 0;
		struct frame scratch, *frame = frames ? &frames[i] : &scratch;

		frame->type = types[i];
		frame->is_good = quality[i] && length > 0;
		frame->bytes[0] = (uint8_t)(types[i] << 3 | quality[i] << 2);
		if (!bits_copy(&bits, length, frame->bytes + 1))
			return ERR_CORRUPT;
		if (is_aligned)
			bits.at = (bits.at + 7) / 8 * 8;
	}
	return count;
}

static void bits_put(uint8_t *bytes, size_t *at, unsigned count, unsigned value)
{
	for (unsigned i = count; i > 0; i--, (*at)++)
		bytes[*at / 8] |= (uint8_t)((value >> (i - 1) & 1) << (7 - *at % 8));
}

/* A payload of `count` frames in storage format, each FRAME_MAX + 1 apart; its size. */
static int pack(const struct variant *variant, bool is_aligned, const uint8_t (*frames)[1 + FRAME_MAX], int count,
		uint8_t *payload, size_t capacity)
{
	size_t at = 0;

	if (capacity < 1 + (size_t)count * (1 + FRAME_MAX))
		return ERR_TOO_LONG;
	memset(payload, 0, 1 + (size_t)count * (1 + FRAME_MAX));
	bits_put(payload, &at, is_aligned ? 8 : 4, is_aligned ? NO_REQUEST << 4 : NO_REQUEST);
	for (int i = 0; i < count; i++) {
		unsigned entry = (unsigned)(i < count - 1) << 5 | (frames[i][0] >> 3 & 15u) << 1 | 1u;

		bits_put(payload, &at, is_aligned ? 8 : 6, is_aligned ? entry << 2 : entry);
	}
	for (int i = 0; i < count; i++) {
		unsigned type = frames[i][0] >> 3 & 15, length = type < variant->types ? variant->bits[type] : 0;

		for (unsigned b = 0; b < length; b += 8) {
			unsigned some = MIN(length - b, 8u);

			bits_put(payload, &at, some, (unsigned)frames[i][1 + b / 8] >> (8 - some));
		}
		if (is_aligned)
			at = (at + 7) / 8 * 8;
	}
	return (int)((at + 7) / 8);
}

static int duration_of(const struct variant *variant, const struct codec_settings *settings, const uint8_t *payload,
		       size_t size)
{
	int count = unpack(variant, settings->flags & CODEC_FLAG_OCTET_ALIGN, payload, size, NULL);

	return count < 0 ? count : count * (int)(variant->rate_hz / 1000 * FRAME_MS);
}

static int duration_narrow(const struct codec_settings *settings, const uint8_t *payload, size_t size)
{
	return duration_of(&narrow, settings, payload, size);
}

static int duration_wide(const struct codec_settings *settings, const uint8_t *payload, size_t size)
{
	return duration_of(&wide, settings, payload, size);
}

static bool rate_is_narrow(uint32_t rate_hz)
{
	return rate_hz == 8000;
}

static bool rate_is_wide(uint32_t rate_hz)
{
	return rate_hz == 16000;
}

/* ---- coding ---- */
#ifdef HAVE_AMR
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrnb/interf_enc.h>
#include <opencore-amrwb/dec_if.h>
#include <vo-amrwbenc/enc_if.h>

#define WIDE_LOST 2 /* of D_IF_decode */

struct coder {
	const struct variant *variant;
	void *context;
	bool is_aligned;
	uint8_t mode;
};

static size_t coder_size(const struct codec_settings *settings)
{
	return sizeof(struct coder);
}

static int coder_init(struct coder *coder, const struct variant *variant, const struct codec_settings *settings,
		      void *context)
{
	*coder = (struct coder){.variant = variant,
				.context = context,
				.is_aligned = settings->flags & CODEC_FLAG_OCTET_ALIGN,
				.mode = variant->usual_mode};
	/* The highest mode that the peer allows, if not the usual one. */
	if (settings->modes && !(settings->modes >> coder->mode & 1))
		coder->mode = (uint8_t)(31 - __builtin_clz(settings->modes));
	return context ? 0 : ERR_NOMEM;
}

static int decoder_init_narrow(void *state, const struct codec_settings *settings)
{
	return coder_init(state, &narrow, settings, Decoder_Interface_init());
}

static int decoder_init_wide(void *state, const struct codec_settings *settings)
{
	return coder_init(state, &wide, settings, D_IF_init());
}

static int encoder_init_narrow(void *state, const struct codec_settings *settings)
{
	return coder_init(state, &narrow, settings, Encoder_Interface_init(settings->flags & CODEC_FLAG_DTX));
}

static int encoder_init_wide(void *state, const struct codec_settings *settings)
{
	return coder_init(state, &wide, settings, E_IF_init());
}

static void decoder_fini_narrow(void *state)
{
	Decoder_Interface_exit(((struct coder *)state)->context);
}

static void decoder_fini_wide(void *state)
{
	D_IF_exit(((struct coder *)state)->context);
}

static void encoder_fini_narrow(void *state)
{
	Encoder_Interface_exit(((struct coder *)state)->context);
}

static void encoder_fini_wide(void *state)
{
	E_IF_exit(((struct coder *)state)->context);
}

static void decode_frame(struct coder *coder, struct frame *frame, int16_t *samples)
{
	if (coder->variant == &wide) {
		D_IF_decode(coder->context, frame->bytes, samples, frame->is_good ? _good_frame : WIDE_LOST);
		return;
	}
	/* The library looks at the type alone. */
	if (!frame->is_good)
		frame->bytes[0] = TYPE_NO_DATA << 3;
	Decoder_Interface_Decode(coder->context, frame->bytes, samples, 0);
}

static int decode(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	struct coder *coder = state;
	size_t step = coder->variant->rate_hz / 1000 * FRAME_MS;
	struct frame frames[FRAMES_MAX];
	int count = unpack(coder->variant, coder->is_aligned, payload, size, frames);

	if (count < 0)
		return count;
	if ((size_t)count * step > capacity)
		return ERR_TOO_LONG;
	for (int i = 0; i < count; i++)
		decode_frame(coder, &frames[i], samples + (size_t)i * step);
	return (int)((size_t)count * step);
}

static int conceal(void *state, const uint8_t *next, size_t next_size, int16_t *samples, size_t count)
{
	struct coder *coder = state;
	size_t step = coder->variant->rate_hz / 1000 * FRAME_MS;

	if (count % step)
		return ERR_UNSUPPORTED;
	for (size_t at = 0; at < count; at += step) {
		struct frame frame = {.type = TYPE_NO_DATA, .bytes = {TYPE_NO_DATA << 3 | 4}};

		decode_frame(coder, &frame, samples + at);
	}
	return (int)count;
}

static int encode(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	struct coder *coder = state;
	size_t step = coder->variant->rate_hz / 1000 * FRAME_MS;
	uint8_t frames[FRAMES_MAX][1 + FRAME_MAX] = {{0}};
	int frame_count = (int)(count / step);

	if (frame_count > FRAMES_MAX)
		return ERR_TOO_LONG;
	for (int i = 0; i < frame_count; i++) {
		const int16_t *from = samples + (size_t)i * step;

		if (coder->variant == &wide)
			E_IF_encode(coder->context, coder->mode, from, frames[i], 0);
		else
			Encoder_Interface_Encode(coder->context, (enum Mode)coder->mode, from, frames[i], 0);
	}
	return pack(coder->variant, coder->is_aligned, (const uint8_t(*)[1 + FRAME_MAX]) frames, frame_count, payload,
		    capacity);
}

#define AMR_CODING(width)                                                                                              \
	.decoder_size = coder_size, .decoder_init = decoder_init_##width, .decoder_fini = decoder_fini_##width,        \
	.decode = decode, .conceal = conceal, .encoder_size = coder_size, .encoder_init = encoder_init_##width,        \
	.encoder_fini = encoder_fini_##width, .encode = encode
#else
#define AMR_CODING(width) .encode = NULL
#endif

const struct codec_row codec_amr = {
	.name = "AMR",
	.clock_hz = 8000,
	.channels = 1,
	.payload_type = -1,
	.frame_ms = FRAME_MS,
	.ptime_ms = 20,
	.ptime_max_ms = 120,
	.bytes_per_ms = 2,
	.native_rate_hz = 8000,
	.cost = {.encode_ns = 290000, .decode_ns = 40000},
	.impairment = {.ie = 5, .bpl = 10},
	.fmtp_parse = fmtp_parse,
	.fmtp_print = fmtp_print,
	.rate_is_possible = rate_is_narrow,
	.duration = duration_narrow,
	AMR_CODING(narrow),
};

const struct codec_row codec_amr_wb = {
	.name = "AMR-WB",
	.clock_hz = 16000,
	.channels = 1,
	.payload_type = -1,
	.frame_ms = FRAME_MS,
	.ptime_ms = 20,
	.ptime_max_ms = 120,
	.bytes_per_ms = 4,
	.native_rate_hz = 16000,
	.cost = {.encode_ns = 480000, .decode_ns = 90000},
	.impairment = {.ie = 7, .bpl = 13, .is_wide = true},
	.fmtp_parse = fmtp_parse,
	.fmtp_print = fmtp_print,
	.rate_is_possible = rate_is_wide,
	.duration = duration_wide,
	AMR_CODING(wide),
};
