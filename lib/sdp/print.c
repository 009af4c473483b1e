/* Printing descriptions: the peer's for the other leg, our own answer, our own offer. */
#include "lib/sdp/crypto.h"

#include <inttypes.h>

/* Attributes of the peer's own hop, or that we print ourselves. All others cross. */
static const char *const dropped[] = {
	/* ICE, RFC 8839 */
	"candidate", "remote-candidates", "end-of-candidates", "ice-ufrag", "ice-pwd", "ice-lite", "ice-options",
	"ice-mismatch", "ice-pacing",
	/* keys: RFC 4568, 4567, 8122, 4145, 8842 */
	"crypto", "key-mgmt", "fingerprint", "setup", "connection", "tls-id", "identity", "zrtp-hash",
	/* RTCP paths and reports that end at us */
	"rtcp", "rtcp-mux", "rtcp-mux-only", "rtcp-rsize", "rtcp-xr",
	/* bundles and stream names: RFC 8843, 5576, 8830; capability negotiation: RFC 5939 */
	"group", "mid", "bundle-only", "msid", "msid-semantic", "ssrc", "ssrc-group", "tcap", "acap", "pcfg", "acfg",
	"csup", "creq",
	/* written anew for every line */
	"sendrecv", "sendonly", "recvonly", "inactive",
	/* the sender's own network */
	"source-filter", "nortpproxy", "X-nat", "alt"};

bool sdp_relay_drops(struct view attribute_name)
{
	for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
		if (view_is_nocase(attribute_name, dropped[i]))
			return true;
	return false;
}

static void print_address(struct text *text, const struct net_address *address)
{
	char buffer[NET_ADDRESS_TEXT];

	text_add_string(text, address->family == NET_IPV6 ? "IN IP6 " : "IN IP4 ");
	text_add_string(text, net_address_print(address, buffer));
	text_add_string(text, "\r\n");
}

static void print_head(struct text *text, const struct sdp_origin *origin, struct view name)
{
	text_printf(text, "v=0\r\no=%s %" PRIu64 " %" PRIu64 " ", origin->user, origin->id, origin->version);
	print_address(text, &origin->address);
	text_printf(text, "s=%.*s\r\nc=", VIEW_ARG(name));
	print_address(text, &origin->address);
}

static void print_bandwidths(struct text *text, const struct sdp_section *section)
{
	for (unsigned i = 0; i < section->bandwidth_count; i++)
		text_printf(text, "b=%.*s\r\n", VIEW_ARG(section->bandwidths[i]));
}

static void print_attribute(struct text *text, const struct sdp_attribute *attribute)
{
	text_printf(text, "a=%.*s", VIEW_ARG(attribute->name));
	if (attribute->value.at)
		text_printf(text, ":%.*s", VIEW_ARG(attribute->value));
	text_add_string(text, "\r\n");
}

static void print_crossing(struct text *text, const struct sdp_session *session, const struct sdp_section *section)
{
	for (unsigned i = 0; i < section->attribute_count; i++) {
		const struct sdp_attribute *attribute = &session->attributes[section->attribute_first + i];

		if (!sdp_relay_drops(attribute->name))
			print_attribute(text, attribute);
	}
}

/* m= without the formats. */
static void print_media(struct text *text, struct view type, uint16_t port, struct view protocol)
{
	text_printf(text, "m=%.*s %u %.*s", VIEW_ARG(type), port, VIEW_ARG(protocol));
}

static void print_formats(struct text *text, const struct sdp_media *media, const struct sdp_local_media *local)
{
	for (unsigned i = 0; i < media->format_count; i++)
		text_printf(text, " %.*s", VIEW_ARG(media->formats[i]));
	for (size_t i = 0; local && i < local->extra_count; i++)
		text_printf(text, " %u", local->extra[i].payload_type);
	text_add_string(text, "\r\n");
}

/* A rejected line keeps its place and its formats and says nothing else (RFC 3264 section 6). */
static void print_rejected(struct text *text, const struct sdp_media *media)
{
	print_media(text, media->type_text, 0, media->protocol_text);
	print_formats(text, media, NULL);
}

static void print_own_connection(struct text *text, const struct sdp_local_media *local)
{
	if (local->address.family == NET_NONE)
		return;
	text_add_string(text, "c=");
	print_address(text, &local->address);
}

static void print_own_attributes(struct text *text, const struct sdp_local_media *local, unsigned direction)
{
	text_printf(text, "a=%s\r\n", sdp_direction_name((enum sdp_direction)direction));
	if (local->has_rtcp_mux)
		text_add_string(text, "a=rtcp-mux\r\n");
	else if (local->rtcp_port != 0 && local->rtcp_port != local->port + 1)
		text_printf(text, "a=rtcp:%u\r\n", local->rtcp_port);
	for (unsigned i = 0; i < local->crypto_count; i++) {
		text_add_string(text, "a=crypto:");
		sdp_crypto_print(text, &local->cryptos[i]);
		text_add_string(text, "\r\n");
	}
}

static int finish(const struct text *text)
{
	return text->overflow ? ERR_TOO_LONG : 0;
}

static void print_codec(struct text *text, const struct sdp_codec *codec)
{
	text_printf(text, "a=rtpmap:%u %.*s/%" PRIu32, codec->payload_type, VIEW_ARG(codec->name),
		    codec->clock_rate_hz);
	if (codec->channels > 1)
		text_printf(text, "/%u", codec->channels);
	text_add_string(text, "\r\n");
	if (codec->fmtp.at)
		text_printf(text, "a=fmtp:%u %.*s\r\n", codec->payload_type, VIEW_ARG(codec->fmtp));
}

int sdp_relay_print(struct text *text, const struct sdp_session *session, const struct sdp_origin *origin,
		    const struct sdp_local_media *local)
{
	print_head(text, origin, session->name);
	print_bandwidths(text, &session->section);
	text_add_string(text, "t=0 0\r\n");
	print_crossing(text, session, &session->section);
	for (unsigned i = 0; i < session->media_count; i++) {
		const struct sdp_media *media = &session->media[i];
		unsigned direction = sdp_media_direction(session, i) & ~(unsigned)local[i].denied;

		if (media->port == 0 || local[i].port == 0) {
			print_rejected(text, media);
			continue;
		}
		print_media(text, media->type_text, local[i].port,
			    local[i].protocol ? view_of(local[i].protocol) : media->protocol_text);
		print_formats(text, media, &local[i]);
		print_own_connection(text, &local[i]);
		print_bandwidths(text, &media->section);
		print_crossing(text, session, &media->section);
		for (size_t c = 0; c < local[i].extra_count; c++)
			print_codec(text, &local[i].extra[c]);
		print_own_attributes(text, &local[i], direction);
	}
	return finish(text);
}

/* The line of the offer that the choice took. */
static void print_chosen(struct text *text, const struct sdp_session *offer, const struct sdp_choice *choice,
			 const struct sdp_local_media *local)
{
	const struct sdp_media *media = &offer->media[choice->media];
	struct sdp_codec codec;

	print_media(text, media->type_text, local->port,
		    local->protocol ? view_of(local->protocol) : media->protocol_text);
	text_printf(text, " %u", choice->payload_type);
	if (choice->telephone_event >= 0)
		text_printf(text, " %d", choice->telephone_event);
	text_add_string(text, "\r\n");
	print_own_connection(text, local);
	for (unsigned i = 0; i < media->format_count; i++)
		if (!sdp_media_codec(offer, choice->media, i, &codec) &&
		    (codec.payload_type == choice->payload_type || codec.payload_type == choice->telephone_event))
			print_codec(text, &codec);
	if (media->ptime_ms)
		text_printf(text, "a=ptime:%" PRIu32 "\r\n", media->ptime_ms);
	print_own_attributes(text, local, choice->direction & ~(unsigned)local->denied);
}

int sdp_answer_print(struct text *text, const struct sdp_session *offer, const struct sdp_choice *choice,
		     const struct sdp_origin *origin, const struct sdp_local_media *local)
{
	print_head(text, origin, VIEW("-"));
	text_add_string(text, "t=0 0\r\n");
	for (unsigned i = 0; i < offer->media_count; i++) {
		if (i == choice->media)
			print_chosen(text, offer, choice, local);
		else
			print_rejected(text, &offer->media[i]);
	}
	return finish(text);
}

int sdp_offer_print(struct text *text, const struct sdp_codec *codecs, size_t codec_count,
		    const struct sdp_origin *origin, const struct sdp_local_media *local)
{
	print_head(text, origin, VIEW("-"));
	text_add_string(text, "t=0 0\r\n");
	print_media(text, VIEW("audio"), local->port, view_of(local->protocol ? local->protocol : "RTP/AVP"));
	for (size_t i = 0; i < codec_count; i++)
		text_printf(text, " %u", codecs[i].payload_type);
	text_add_string(text, "\r\n");
	print_own_connection(text, local);
	for (size_t i = 0; i < codec_count; i++)
		print_codec(text, &codecs[i]);
	print_own_attributes(text, local, SDP_SENDRECV & ~(unsigned)local->denied);
	return finish(text);
}
