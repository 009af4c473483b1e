/* Which codec each party speaks. Media pass through whenever both sides share the codec that the answerer prefers; else,
 * with media.mode = "transcode", each side speaks its own and the engine converts. */
#include "controlplane/call/choice.h"

#include <stdio.h>

#include "controlplane/call/callee.h"
#include "controlplane/trunk/trunk.h"
#include "lib/codec/codec.h"
#include "lib/config/config.h"

/* What parties are offered when the configuration names nothing, best first. */
static const enum codec_id usual[] = {CODEC_OPUS, CODEC_G722, CODEC_PCMA, CODEC_PCMU};

static const struct conf *conf_of(const struct leg *leg)
{
	return leg->call->table->services.conf;
}

static const struct conf_extension *extension_of(const struct leg *leg)
{
	return leg->extension[0] ? call_find_extension(leg->call->table, view_of(leg->extension)) : NULL;
}

static const struct trunk *trunk_of(const struct leg *leg)
{
	return leg->side == CDR_SIDE_CALLER ? leg->call->from_trunk : leg->carrier.trunk;
}

/* The codecs that this party is to be offered, by name; NULL: no rule of its own. */
static const struct conf_strings *list_of(const struct leg *leg)
{
	const struct trunk *trunk = trunk_of(leg);
	const struct conf_extension *extension = extension_of(leg);

	if (trunk)
		return trunk_conf(trunk)->codecs.len ? &trunk_conf(trunk)->codecs : NULL;
	return extension && extension->codecs.len ? &extension->codecs : NULL;
}

/* Codecs that we would convert to for this party, best first. */
static size_t codecs_of(const struct leg *leg, enum codec_id ret_codecs[CODEC_COUNT])
{
	const struct conf_strings *names = list_of(leg);
	size_t count = 0;

	if (!names)
		names = &conf_of(leg)->media.codecs;
	for (size_t i = 0; i < names->len && count < CODEC_COUNT; i++) {
		enum codec_id id = codec_find_named(view_of(names->at[i]));

		if (codec_is_available(id))
			ret_codecs[count++] = id;
	}
	for (size_t i = 0; names->len == 0 && i < ARRAY_LEN(usual); i++)
		ret_codecs[count++] = usual[i];
	return count;
}

static unsigned dtmf_conf(const struct leg *leg)
{
	const struct trunk *trunk = trunk_of(leg);
	const struct conf_extension *extension = extension_of(leg);

	return trunk ? trunk_conf(trunk)->dtmf : extension ? extension->dtmf : CONF_DTMF_AUTO;
}

static bool is_transcoding(const struct leg *leg)
{
	return conf_of(leg)->media.mode == CONF_MEDIA_TRANSCODE;
}

/* ---- formats of a description ---- */

static bool is_companion(const struct sdp_codec *codec)
{
	return view_is_nocase(codec->name, "telephone-event") || view_is_nocase(codec->name, "CN");
}

static enum codec_id id_of(const struct sdp_codec *codec)
{
	return codec_find(codec->name, codec->clock_rate_hz, codec->channels);
}

static bool is_same(const struct sdp_codec *a, const struct sdp_codec *b)
{
	return view_equal_nocase(a->name, b->name) && a->clock_rate_hz == b->clock_rate_hz &&
	       a->channels == b->channels;
}

/* The format of a description that is `wanted`. */
static bool find(const struct sdp_session *session, unsigned audio, const struct sdp_codec *wanted,
		 struct sdp_codec *ret_codec)
{
	for (unsigned i = 0; i < session->media[audio].format_count; i++)
		if (sdp_media_codec(session, audio, i, ret_codec) == 0 && is_same(ret_codec, wanted))
			return true;
	return false;
}

static bool find_id(const struct sdp_session *session, unsigned audio, enum codec_id id, struct sdp_codec *ret_codec)
{
	for (unsigned i = 0; i < session->media[audio].format_count; i++)
		if (sdp_media_codec(session, audio, i, ret_codec) == 0 && id_of(ret_codec) == id)
			return true;
	return false;
}

/* ---- offers ---- */

static bool is_used(const struct sdp_session *session, unsigned audio, const struct choice_extra *extra, uint8_t type)
{
	uint32_t number;

	for (unsigned i = 0; i < session->media[audio].format_count; i++)
		if (view_to_u32(session->media[audio].formats[i], 127, &number) == 0 && number == type)
			return true;
	for (size_t i = 0; i < extra->count; i++)
		if (extra->codecs[i].payload_type == type)
			return true;
	return false;
}

static void add_extra(const struct sdp_session *session, unsigned audio, enum codec_id id, struct choice_extra *extra)
{
	const struct codec_row *row = codec_rows[id];
	struct codec_settings settings = {.flags = id == CODEC_OPUS ? CODEC_FLAG_FEC : 0};
	struct sdp_codec *codec = &extra->codecs[extra->count];
	char *fmtp = extra->fmtp[extra->count];
	uint8_t type = (uint8_t)row->payload_type;
	struct text text;

	if (row->payload_type < 0 || is_used(session, audio, extra, type))
		for (type = 96; type < 127 && is_used(session, audio, extra, type); type++)
			continue;
	text_init(&text, fmtp, CHOICE_FMTP_SIZE);
	codec_settings_print(id, &settings, &text);
	*codec = (struct sdp_codec){
		.name = view_of(row->name),
		.clock_rate_hz = row->clock_hz,
		.channels = row->channels,
		.payload_type = type,
		.fmtp = text.size ? text_view(&text) : (struct view){0},
	};
	extra->count++;
}

/* Something that the offerer says is ours to convert. */
static bool can_convert(const struct sdp_session *session, unsigned audio)
{
	struct sdp_codec codec;

	for (unsigned i = 0; i < session->media[audio].format_count; i++)
		if (sdp_media_codec(session, audio, i, &codec) == 0 && codec_is_available(id_of(&codec)))
			return true;
	return false;
}

int choice_offer(const struct leg *from, const struct leg *to, struct sdp_session *session, unsigned audio,
		 struct choice_extra *ret_extra)
{
	const struct conf_strings *names = list_of(to);
	bool converts = is_transcoding(to) && can_convert(session, audio);
	enum codec_id codecs[CODEC_COUNT];
	struct sdp_codec codec;
	int error = 0;

	ret_extra->count = 0;
	if (names)
		error = session_restrict(session, audio, names, converts);
	if (error || !converts)
		return error;
	for (size_t i = 0, count = codecs_of(to, codecs); i < count; i++)
		if (!find_id(session, audio, codecs[i], &codec) && ret_extra->count < CHOICE_EXTRA_MAX)
			add_extra(session, audio, codecs[i], ret_extra);
	return session->media[audio].format_count + ret_extra->count ? 0 : ERR_UNSUPPORTED;
}

/* ---- answers ---- */

/* The payload type of telephone-event beside a codec: of the same clock, or else any. */
static uint8_t companion_type(const struct sdp_session *session, unsigned audio, const char *name, uint32_t clock_hz)
{
	struct sdp_codec codec;
	uint8_t type = SHM_NO_PAYLOAD_TYPE;

	for (unsigned i = 0; i < session->media[audio].format_count; i++) {
		if (sdp_media_codec(session, audio, i, &codec) != 0 || !view_is_nocase(codec.name, name))
			continue;
		if (codec.clock_rate_hz == clock_hz)
			return codec.payload_type;
		type = codec.payload_type;
	}
	return type;
}

/* How a party speaks that said `codec` in that description. */
static int audio_of(const struct sdp_session *session, unsigned audio, const struct sdp_codec *codec, uint32_t rate_hz,
		    struct shm_audio *ret_audio)
{
	enum codec_id id = id_of(codec);
	const struct sdp_media *media = &session->media[audio];
	uint32_t ptime_ms = media->ptime_ms;
	struct codec_settings settings;

	if (codec_settings_parse(id, codec->fmtp.at ? codec->fmtp : VIEW_EMPTY, &settings) != 0)
		return ERR_UNSUPPORTED;
	if (media->maxptime_ms && ptime_ms > media->maxptime_ms)
		ptime_ms = media->maxptime_ms;
	*ret_audio = (struct shm_audio){
		.codec = (uint8_t)id,
		.payload_type = codec->payload_type,
		.event_type = companion_type(session, audio, "telephone-event", codec->clock_rate_hz),
		.noise_type = companion_type(session, audio, "CN", codec->clock_rate_hz),
		.ptime_ms = ptime_ms <= codec_rows[id]->ptime_max_ms ? (uint8_t)ptime_ms : 0,
		.rate_hz = rate_hz,
		.bitrate_bps = settings.bitrate_bps,
		.playback_hz = settings.playback_hz,
		.flags = settings.flags,
		.modes = settings.modes,
	};
	return 0;
}

/* The codec that the answerer will speak: the first that is not a companion. */
static bool first_codec(const struct sdp_session *session, unsigned audio, struct sdp_codec *ret_codec)
{
	for (unsigned i = 0; i < session->media[audio].format_count; i++)
		if (sdp_media_codec(session, audio, i, ret_codec) == 0 && !is_companion(ret_codec))
			return true;
	return false;
}

static uint32_t cost_of(enum codec_id id)
{
	return codec_rows[id]->cost.encode_ns + codec_rows[id]->cost.decode_ns;
}

/* What the offerer is to speak when the answerer speaks `answered`: what comes first in its list; without one, what
 * sounds best, and of these what costs least. */
static enum codec_id choose(const struct leg *offerer, const struct sdp_session *offer, unsigned audio,
			    enum codec_id answered, struct sdp_codec *ret_codec)
{
	enum codec_id codecs[CODEC_COUNT], best = CODEC_NONE;
	bool is_ordered = list_of(offerer) || conf_of(offerer)->media.codecs.len;
	struct sdp_codec codec;

	for (unsigned i = 0; !is_ordered && i < offer->media[audio].format_count; i++) {
		enum codec_id id = sdp_media_codec(offer, audio, i, &codec) == 0 ? id_of(&codec) : CODEC_NONE;
		uint32_t rate_hz = codec_common_rate(id, answered), best_hz = codec_common_rate(best, answered);

		if (rate_hz > best_hz || (rate_hz && rate_hz == best_hz && cost_of(id) < cost_of(best))) {
			best = id;
			*ret_codec = codec;
		}
	}
	for (size_t i = 0, count = codecs_of(offerer, codecs); is_ordered && i < count; i++)
		if (codec_common_rate(codecs[i], answered) && find_id(offer, audio, codecs[i], ret_codec))
			return codecs[i];
	return best;
}

static void name_codec(char *name, const struct sdp_codec *codec)
{
	snprintf(name, CDR_CODEC_SIZE, "%.*s/%u", VIEW_ARG(codec->name), codec->clock_rate_hz);
}

/* How digits go to and come from a party, as far as it and we know. */
static uint8_t dtmf_of(const struct leg *leg, const struct shm_audio *audio)
{
	bool knows_events = audio->event_type != SHM_NO_PAYLOAD_TYPE;

	switch (dtmf_conf(leg)) {
	case CONF_DTMF_INFO:
		return SHM_DTMF_INFO;
	case CONF_DTMF_INBAND:
		return SHM_DTMF_INBAND;
	default:
		return knows_events ? SHM_DTMF_RFC4733 : SHM_DTMF_INBAND;
	}
}

static bool is_g711(const struct shm_audio *audio)
{
	return audio->codec == CODEC_PCMU || audio->codec == CODEC_PCMA;
}

/* Packet by packet is enough between the two laws of G.711 with the same packet time and the same kind of digits. */
static bool needs_coders(const struct shm_audio *a, const struct shm_audio *b)
{
	unsigned ptime_a = a->ptime_ms ? a->ptime_ms : 20, ptime_b = b->ptime_ms ? b->ptime_ms : 20;

	return !is_g711(a) || !is_g711(b) || ptime_a != ptime_b || a->dtmf != b->dtmf;
}

static void set_coders(struct leg *a, struct leg *b)
{
	a->offered.audio.dtmf = dtmf_of(a, &a->offered.audio);
	b->offered.audio.dtmf = dtmf_of(b, &b->offered.audio);
	a->offered.audio.is_coded = b->offered.audio.is_coded = needs_coders(&a->offered.audio, &b->offered.audio);
}

static int transcode(struct leg *from, struct leg *to, const struct sdp_session *session, unsigned audio,
		     const struct sdp_codec *answered, const struct sdp_codec *same, unsigned offer_audio,
		     struct choice_answer *answer)
{
	enum codec_id theirs = id_of(answered), ours;
	struct sdp_codec chosen;
	char name[CDR_CODEC_SIZE];
	uint32_t rate_hz;

	if (!codec_is_available(theirs))
		return ERR_UNSUPPORTED;
	chosen = same ? *same : *answered;
	ours = same ? theirs : choose(to, &answer->offer, offer_audio, theirs, &chosen);
	if (ours == CODEC_NONE)
		return ERR_UNSUPPORTED;
	rate_hz = codec_common_rate(ours, theirs);
	if (audio_of(session, audio, answered, rate_hz, &from->offered.audio) != 0 ||
	    audio_of(&answer->offer, offer_audio, &chosen, rate_hz, &to->offered.audio) != 0) {
		from->offered.audio = to->offered.audio = (struct shm_audio){0};
		return ERR_UNSUPPORTED;
	}
	set_coders(from, to);
	answer->is_ours = true;
	answer->choice = (struct sdp_choice){
		.media = offer_audio,
		.payload_type = chosen.payload_type,
		.telephone_event =
			to->offered.audio.event_type == SHM_NO_PAYLOAD_TYPE ? -1 : to->offered.audio.event_type,
		.direction = sdp_media_direction(session, audio),
	};
	name_codec(answer->codec, &chosen);
	name_codec(name, answered);
	if (same)
		snprintf(answer->why, sizeof(answer->why), "digits are converted: the %s sends %s, the %s %s",
			 cdr_side_name(to->side), shm_dtmf_name(to->offered.audio.dtmf), cdr_side_name(from->side),
			 shm_dtmf_name(from->offered.audio.dtmf));
	else
		snprintf(answer->why, sizeof(answer->why), "no codec in common: the %s speaks %s, the %s %s",
			 cdr_side_name(to->side), answer->codec, cdr_side_name(from->side), name);
	return 0;
}

/* The first clear audio of the offer, as session.c found it then. */
static bool find_audio(const struct sdp_session *session, unsigned *ret_audio)
{
	for (unsigned i = 0; i < session->media_count; i++)
		if (session->media[i].type == SDP_TYPE_AUDIO && session->media[i].port > 0 &&
		    sdp_protocol_is_rtp(session->media[i].protocol)) {
			*ret_audio = i;
			return true;
		}
	return false;
}

/* Parties that share a codec, but one sends digits in a way that the other would not hear of. Only where somebody said so:
 * what both find out for themselves fits. */
static bool has_other_digits(const struct leg *from, const struct leg *to, const struct sdp_session *session,
			     unsigned audio, const struct sdp_session *offer, unsigned offer_audio)
{
	struct shm_audio answered = {.event_type = companion_type(session, audio, "telephone-event", 8000)};
	struct shm_audio offered = {.event_type = companion_type(offer, offer_audio, "telephone-event", 8000)};

	return (dtmf_conf(from) != CONF_DTMF_AUTO || dtmf_conf(to) != CONF_DTMF_AUTO) &&
	       dtmf_of(from, &answered) != dtmf_of(to, &offered);
}

int choice_answer(struct leg *from, struct leg *to, struct sdp_session *session, unsigned audio,
		  struct choice_answer *ret_answer)
{
	struct sdp_refusal refusal;
	struct sdp_codec answered, offered;
	unsigned offer_audio;

	ret_answer->is_ours = false;
	ret_answer->why[0] = '\0';
	from->offered.audio = to->offered.audio = (struct shm_audio){0};
	/* What cannot be judged is between the two of them. */
	if (!to->heard || sdp_parse(view_of(to->heard), &ret_answer->offer, &refusal) != 0 ||
	    !find_audio(&ret_answer->offer, &offer_audio) || !first_codec(session, audio, &answered))
		return 0;
	if (!is_transcoding(to))
		return 0;
	if (!find(&ret_answer->offer, offer_audio, &answered, &offered))
		return transcode(from, to, session, audio, &answered, NULL, offer_audio, ret_answer);
	if (has_other_digits(from, to, session, audio, &ret_answer->offer, offer_audio) &&
	    transcode(from, to, session, audio, &answered, &offered, offer_audio, ret_answer) == 0)
		return 0;
	session_keep_common(session, audio, &ret_answer->offer, offer_audio);
	return 0;
}
