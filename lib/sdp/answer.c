/* Choosing what we answer to an offer: RFC 3264 section 6 with one audio line and one codec. */
#include "lib/sdp/crypto.h"

static bool is_same_codec(const struct sdp_codec *a, const struct sdp_codec *b)
{
	return view_equal_nocase(a->name, b->name) && a->clock_rate_hz == b->clock_rate_hz &&
	       a->channels == b->channels;
}

/* The offer's codec that is `wanted`. */
static bool find_codec(const struct sdp_session *offer, unsigned media, const struct sdp_codec *wanted,
		       struct sdp_codec *ret_codec)
{
	for (unsigned i = 0; i < offer->media[media].format_count; i++)
		if (!sdp_media_codec(offer, media, i, ret_codec) && is_same_codec(ret_codec, wanted))
			return true;
	return false;
}

static int find_telephone_event(const struct sdp_session *offer, unsigned media, uint32_t clock_rate_hz)
{
	struct sdp_codec wanted = {.name = VIEW("telephone-event"), .clock_rate_hz = clock_rate_hz, .channels = 1},
			 codec;

	return find_codec(offer, media, &wanted, &codec) ? codec.payload_type : -1;
}

static bool is_usable(const struct sdp_session *offer, unsigned m)
{
	const struct sdp_media *media = &offer->media[m];

	return media->type == SDP_TYPE_AUDIO && media->port != 0 && sdp_protocol_is_rtp(media->protocol) &&
	       (!sdp_protocol_is_encrypted(media->protocol) || sdp_crypto_is_in(offer, m));
}

int sdp_answer_choose(const struct sdp_session *offer, const struct sdp_codec *codecs, size_t codec_count,
		      struct sdp_choice *ret_choice)
{
	struct sdp_codec codec;

	for (unsigned m = 0; m < offer->media_count; m++) {
		if (!is_usable(offer, m))
			continue;
		for (size_t i = 0; i < codec_count; i++) {
			if (!find_codec(offer, m, &codecs[i], &codec))
				continue;
			*ret_choice = (struct sdp_choice){
				.media = m,
				.codec = (unsigned)i,
				.payload_type = codec.payload_type,
				.telephone_event = find_telephone_event(offer, m, codec.clock_rate_hz),
				.direction = sdp_direction_reverse(sdp_media_direction(offer, m)),
			};
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}
