/* A session description cut down to the codecs that a carrier takes. */
#include "controlplane/call/session.h"

#include "lib/config/config.h"
#include "lib/sdp/sdp.h"

static bool is_named(const struct conf_strings *names, struct view name)
{
	for (size_t i = 0; i < names->len; i++)
		if (view_is_nocase(name, names->at[i]))
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

int session_restrict(struct sdp_session *session, unsigned audio, const struct conf_strings *codecs)
{
	struct sdp_media *media = &session->media[audio];
	bool keeps[SDP_FORMATS_MAX];
	unsigned kept = 0, real = 0;

	for (unsigned i = 0; i < media->format_count; i++) {
		struct sdp_codec codec;
		bool is_known = sdp_media_codec(session, audio, i, &codec) == 0;
		bool is_real = is_known && is_named(codecs, codec.name);

		keeps[i] = is_real || (is_known && is_companion(codec.name));
		real += is_real;
	}
	if (real == 0)
		return ERR_UNSUPPORTED;
	for (unsigned i = 0; i < media->format_count; i++) {
		if (keeps[i])
			media->formats[kept++] = media->formats[i];
		else
			drop_attributes(session, media, media->formats[i]);
	}
	media->format_count = kept;
	return 0;
}
