/* A session description cut down to the codecs that a party takes, and put in its order. */
#include "controlplane/call/session.h"

#include "lib/config/config.h"
#include "lib/sdp/sdp.h"

/* "PCMA", or "L16/16000" where the rate matters. */
static bool is_name_of(const char *name, const struct sdp_codec *codec)
{
	struct view rest = view_of(name), first = view_cut(&rest, '/');
	uint32_t clock_hz;

	if (!view_equal_nocase(codec->name, first))
		return false;
	return !rest.at || (view_to_u32(rest, UINT32_MAX, &clock_hz) == 0 && clock_hz == codec->clock_rate_hz);
}

static bool is_named(const struct conf_strings *names, const struct sdp_codec *codec)
{
	for (size_t i = 0; i < names->len; i++)
		if (is_name_of(names->at[i], codec))
			return true;
	return false;
}

/* Goes along with whatever codec there is. */
static bool is_companion(struct view name)
{
	return view_is_nocase(name, "telephone-event") || view_is_nocase(name, "CN");
}

static bool is_of_format(const struct sdp_attribute *attribute, struct view format)
{
	struct view value = attribute->value, first;

	if (!view_is(attribute->name, "rtpmap") && !view_is(attribute->name, "fmtp") &&
	    !view_is(attribute->name, "rtcp-fb"))
		return false;
	first = value.at ? view_cut(&value, ' ') : VIEW_EMPTY;
	return view_equal(first, format);
}

static void drop_attributes(struct sdp_session *session, struct sdp_media *media, struct view format)
{
	struct sdp_attribute *own = &session->attributes[media->section.attribute_first];
	unsigned kept = 0;

	for (unsigned i = 0; i < media->section.attribute_count; i++)
		if (!is_of_format(&own[i], format))
			own[kept++] = own[i];
	media->section.attribute_count = kept;
}

/* Keeps the formats that `keeps` says. */
static void keep(struct sdp_session *session, struct sdp_media *media, const bool *keeps)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < media->format_count; i++) {
		if (keeps[i])
			media->formats[kept++] = media->formats[i];
		else
			drop_attributes(session, media, media->formats[i]);
	}
	media->format_count = kept;
}

/* The formats by their place in the list; companions stay behind them. */
static void sort(struct sdp_session *session, unsigned audio, const struct conf_strings *codecs)
{
	struct sdp_media *media = &session->media[audio];
	struct view sorted[SDP_FORMATS_MAX];
	bool is_taken[SDP_FORMATS_MAX] = {false};
	struct sdp_codec codec;
	unsigned count = 0;

	for (size_t n = 0; n <= codecs->len; n++)
		for (unsigned i = 0; i < media->format_count; i++) {
			if (is_taken[i] || (n < codecs->len && (sdp_media_codec(session, audio, i, &codec) != 0 ||
								!is_name_of(codecs->at[n], &codec))))
				continue;
			is_taken[i] = true;
			sorted[count++] = media->formats[i];
		}
	memcpy(media->formats, sorted, count * sizeof(sorted[0]));
}

int session_restrict(struct sdp_session *session, unsigned audio, const struct conf_strings *codecs, bool may_be_empty)
{
	struct sdp_media *media = &session->media[audio];
	bool keeps[SDP_FORMATS_MAX];
	unsigned real = 0;

	for (unsigned i = 0; i < media->format_count; i++) {
		struct sdp_codec codec;
		bool is_known = sdp_media_codec(session, audio, i, &codec) == 0;
		bool is_real = is_known && is_named(codecs, &codec);

		keeps[i] = is_real || (is_known && is_companion(codec.name));
		real += is_real;
	}
	if (real == 0 && !may_be_empty)
		return ERR_UNSUPPORTED;
	keep(session, media, keeps);
	sort(session, audio, codecs);
	return 0;
}

void session_keep_common(struct sdp_session *answer, unsigned audio, const struct sdp_session *offer,
			 unsigned offer_audio)
{
	struct sdp_media *media = &answer->media[audio];
	bool keeps[SDP_FORMATS_MAX];
	struct sdp_codec mine, theirs;

	for (unsigned i = 0; i < media->format_count; i++) {
		/* What nobody can name stays: it is between the two of them. */
		keeps[i] = sdp_media_codec(answer, audio, i, &mine) != 0;
		for (unsigned o = 0; !keeps[i] && o < offer->media[offer_audio].format_count; o++)
			keeps[i] = sdp_media_codec(offer, offer_audio, o, &theirs) == 0 &&
				   view_equal_nocase(mine.name, theirs.name) &&
				   mine.clock_rate_hz == theirs.clock_rate_hz && mine.channels == theirs.channels;
	}
	keep(answer, media, keeps);
}
