/* The table of codecs and what all of them share: names, fmtp, checks in front of the rows' functions. */
#include "lib/codec/codec_private.h"

const struct codec_row *const codec_rows[CODEC_COUNT] = {
#define X(id, row) [id] = &row,
	CODEC_LIST(X)
#undef X
};

/* ---- names ---- */

enum codec_id codec_find(struct view name, uint32_t clock_hz, unsigned channels)
{
	for (unsigned id = CODEC_NONE + 1; id < CODEC_COUNT; id++)
		if (view_is_nocase(name, codec_rows[id]->name) && codec_rows[id]->clock_hz == clock_hz &&
		    codec_rows[id]->channels == MAX(channels, 1u))
			return (enum codec_id)id;
	return CODEC_NONE;
}

enum codec_id codec_find_named(struct view name)
{
	struct view rest = name, first = view_cut(&rest, '/');
	uint32_t clock_hz = 0;

	if (rest.at && view_to_u32(rest, CODEC_RATE_MAX_HZ, &clock_hz) != 0)
		return CODEC_NONE;
	for (unsigned id = CODEC_NONE + 1; id < CODEC_COUNT; id++)
		if (view_is_nocase(first, codec_rows[id]->name) &&
		    (clock_hz == 0 || codec_rows[id]->clock_hz == clock_hz))
			return (enum codec_id)id;
	return CODEC_NONE;
}

const char *codec_name(unsigned id)
{
	return id > CODEC_NONE && id < CODEC_COUNT ? codec_rows[id]->name : "none";
}

bool codec_is_available(unsigned id)
{
	return id > CODEC_NONE && id < CODEC_COUNT && codec_rows[id]->encode;
}

bool codec_rate_is_possible(enum codec_id id, uint32_t rate_hz)
{
	return codec_is_available(id) && codec_rows[id]->rate_is_possible(rate_hz);
}

uint32_t codec_common_rate(enum codec_id a, enum codec_id b)
{
	static const uint32_t rates[] = {48000, 24000, 16000, 12000, 8000};
	uint32_t most;

	if (!codec_is_available(a) || !codec_is_available(b))
		return 0;
	most = MIN(codec_rows[a]->native_rate_hz, codec_rows[b]->native_rate_hz);
	for (size_t i = 0; i < ARRAY_LEN(rates); i++)
		if (rates[i] <= most && codec_rate_is_possible(a, rates[i]) && codec_rate_is_possible(b, rates[i]))
			return rates[i];
	return 0;
}

/* ---- fmtp ---- */

bool codec_fmtp_next(struct view *rest, struct view *ret_name, struct view *ret_value)
{
	while (rest->at && rest->size > 0) {
		struct view one = view_trim(view_cut(rest, ';'));

		if (one.size == 0)
			continue;
		*ret_name = view_trim(view_cut(&one, '='));
		*ret_value = one.at ? view_trim(one) : VIEW_EMPTY;
		return true;
	}
	return false;
}

void codec_fmtp_flag(struct view value, uint16_t flag, struct codec_settings *settings)
{
	if (view_is(value, "1"))
		settings->flags |= flag;
	else if (view_is(value, "0"))
		settings->flags &= (uint16_t)~flag;
}

void codec_fmtp_add(struct text *text, const char *name, uint32_t value)
{
	text_printf(text, "%s%s=%u", text->size > 0 ? ";" : "", name, value);
}

int codec_settings_parse(enum codec_id id, struct view fmtp, struct codec_settings *ret_settings)
{
	struct codec_settings settings = {0};
	int error = 0;

	if (BUG_ON(id <= CODEC_NONE || id >= CODEC_COUNT))
		return ERR_INVALID;
	settings.rate_hz = codec_rows[id]->native_rate_hz;
	if (codec_rows[id]->fmtp_parse)
		error = codec_rows[id]->fmtp_parse(fmtp.at ? fmtp : VIEW_EMPTY, &settings);
	if (!error)
		*ret_settings = settings;
	return error;
}

void codec_settings_print(enum codec_id id, const struct codec_settings *settings, struct text *text)
{
	if (id > CODEC_NONE && id < CODEC_COUNT && codec_rows[id]->fmtp_print)
		codec_rows[id]->fmtp_print(settings, text);
}

/* ---- coding ---- */

static bool is_possible(enum codec_id id, const struct codec_settings *settings)
{
	return codec_is_available(id) && codec_rows[id]->rate_is_possible(settings->rate_hz);
}

size_t codec_decoder_size(enum codec_id id, const struct codec_settings *settings)
{
	if (!is_possible(id, settings))
		return 0;
	return sizeof(struct codec_decoder) + codec_rows[id]->decoder_size(settings);
}

size_t codec_encoder_size(enum codec_id id, const struct codec_settings *settings)
{
	if (!is_possible(id, settings))
		return 0;
	return sizeof(struct codec_encoder) + codec_rows[id]->encoder_size(settings);
}

int codec_decoder_init(struct codec_decoder *decoder, enum codec_id id, const struct codec_settings *settings)
{
	if (!is_possible(id, settings))
		return ERR_UNSUPPORTED;
	decoder->row = codec_rows[id];
	decoder->settings = *settings;
	return decoder->row->decoder_init(decoder->state, settings);
}

int codec_encoder_init(struct codec_encoder *encoder, enum codec_id id, const struct codec_settings *settings)
{
	if (!is_possible(id, settings))
		return ERR_UNSUPPORTED;
	encoder->row = codec_rows[id];
	encoder->settings = *settings;
	return encoder->row->encoder_init(encoder->state, settings);
}

void codec_decoder_fini(struct codec_decoder *decoder)
{
	if (decoder && decoder->row->decoder_fini)
		decoder->row->decoder_fini(decoder->state);
}

void codec_encoder_fini(struct codec_encoder *encoder)
{
	if (encoder && encoder->row->encoder_fini)
		encoder->row->encoder_fini(encoder->state);
}

int codec_decode(struct codec_decoder *decoder, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity)
{
	if (size == 0)
		return ERR_CORRUPT;
	if (size > CODEC_PAYLOAD_MAX)
		return ERR_TOO_LONG;
	return decoder->row->decode(decoder->state, payload, size, samples, capacity);
}

int codec_duration(const struct codec_decoder *decoder, const uint8_t *payload, size_t size)
{
	if (size == 0 || size > CODEC_PAYLOAD_MAX)
		return ERR_CORRUPT;
	return decoder->row->duration(&decoder->settings, payload, size);
}

int codec_conceal(struct codec_decoder *decoder, const uint8_t *next, size_t next_size, int16_t *samples, size_t count)
{
	if (!decoder->row->conceal)
		return ERR_UNSUPPORTED;
	return decoder->row->conceal(decoder->state, next, next_size, samples, count);
}

int codec_encode(struct codec_encoder *encoder, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity)
{
	size_t frame = encoder->settings.rate_hz / 1000 * encoder->row->frame_ms;

	if (count == 0 || count % frame || count > encoder->settings.rate_hz / 1000 * encoder->row->ptime_max_ms)
		return ERR_INVALID;
	return encoder->row->encode(encoder->state, samples, count, payload, capacity);
}
