/* Questions to a parsed description: attributes, endpoints, direction, codecs. */
#include "lib/sdp/sdp.h"

static bool find(const struct sdp_session *session, const struct sdp_section *section, const char *name,
		 struct view *ret_value)
{
	for (unsigned i = 0; i < section->attribute_count; i++) {
		const struct sdp_attribute *attribute = &session->attributes[section->attribute_first + i];

		if (view_is_nocase(attribute->name, name)) {
			*ret_value = attribute->value;
			return true;
		}
	}
	return false;
}

bool sdp_media_attribute(const struct sdp_session *session, unsigned media, const char *name, struct view *ret_value)
{
	if (BUG_ON(media >= session->media_count))
		return false;
	return find(session, &session->media[media].section, name, ret_value);
}

bool sdp_session_attribute(const struct sdp_session *session, const char *name, struct view *ret_value)
{
	return find(session, &session->section, name, ret_value);
}

static const struct sdp_connection *connection_of(const struct sdp_session *session, const struct sdp_media *media)
{
	return media->section.connection.host.at ? &media->section.connection : &session->section.connection;
}

int sdp_media_rtp(const struct sdp_session *session, unsigned media, struct net_endpoint *ret_endpoint)
{
	const struct sdp_media *m = &session->media[media];
	const struct sdp_connection *connection;

	if (BUG_ON(media >= session->media_count))
		return ERR_INVALID;
	connection = connection_of(session, m);
	if (m->port == 0 || connection->address.family == NET_NONE)
		return ERR_NOT_FOUND;
	*ret_endpoint = (struct net_endpoint){.address = connection->address, .port = m->port};
	return 0;
}

int sdp_media_rtcp(const struct sdp_session *session, unsigned media, bool mux, struct net_endpoint *ret_endpoint)
{
	const struct sdp_media *m = &session->media[media];
	struct net_endpoint endpoint;
	int error = sdp_media_rtp(session, media, &endpoint);

	if (error)
		return error;
	if (!(mux && m->has_rtcp_mux)) {
		if (m->rtcp_port == 0 && m->port == UINT16_MAX)
			return ERR_RANGE;
		endpoint.port = m->rtcp_port ? m->rtcp_port : (uint16_t)(m->port + 1);
		if (m->rtcp_address.family != NET_NONE)
			endpoint.address = m->rtcp_address;
	}
	*ret_endpoint = endpoint;
	return 0;
}

enum sdp_direction sdp_media_direction(const struct sdp_session *session, unsigned media)
{
	const struct sdp_media *m = &session->media[media];
	const struct sdp_connection *connection;
	unsigned direction = SDP_SENDRECV;

	if (BUG_ON(media >= session->media_count))
		return SDP_INACTIVE;
	connection = connection_of(session, m);
	if (m->section.has_direction)
		direction = m->section.direction;
	else if (session->section.has_direction)
		direction = session->section.direction;
	if (connection->address.family != NET_NONE && net_address_is_any(&connection->address))
		direction &= SDP_SENDONLY;
	return (enum sdp_direction)direction;
}

enum sdp_direction sdp_direction_reverse(enum sdp_direction direction)
{
	unsigned d = direction;

	return (enum sdp_direction)((d & 1) << 1 | (d & 2) >> 1);
}

const char *sdp_direction_name(enum sdp_direction direction)
{
	static const char *const names[] = {"inactive", "sendonly", "recvonly", "sendrecv"};

	return names[direction & SDP_SENDRECV];
}

/* RFC 3551 section 6, audio that is still met, with video's two. */
static const struct {
	uint8_t payload_type;
	const char *name;
	uint32_t clock_rate_hz;
} static_types[] = {
	{0, "PCMU", 8000}, {3, "GSM", 8000},   {4, "G723", 8000},  {8, "PCMA", 8000},   {9, "G722", 8000},
	{13, "CN", 8000},  {15, "G728", 8000}, {18, "G729", 8000}, {31, "H261", 90000}, {34, "H263", 90000},
};

/* value is "111 opus/48000/2": what follows "111 ", when it is for this payload type. */
static bool cut_payload_type(struct view value, uint32_t payload_type, struct view *ret_rest)
{
	struct view rest = view_trim(value);
	uint32_t number;

	if (view_to_u32(view_cut(&rest, ' '), 127, &number) || number != payload_type || !rest.at)
		return false;
	*ret_rest = view_trim(rest);
	return true;
}

static int parse_rtpmap(struct view value, struct sdp_codec *codec)
{
	struct view rest = value, rate;
	uint32_t channels = 1;

	codec->name = view_cut(&rest, '/');
	rate = view_cut(&rest, '/');
	if (codec->name.size == 0 || view_to_u32(rate, UINT32_MAX, &codec->clock_rate_hz) || codec->clock_rate_hz == 0)
		return ERR_SYNTAX;
	if (rest.at && rest.size > 0 && (view_to_u32(rest, 255, &channels) || channels == 0))
		return ERR_SYNTAX;
	codec->channels = channels;
	return 0;
}

/* The map as the last resort: none for a dynamic type. */
static int find_static(struct sdp_codec *codec)
{
	for (size_t i = 0; i < ARRAY_LEN(static_types); i++) {
		if (static_types[i].payload_type == codec->payload_type) {
			codec->name = view_of(static_types[i].name);
			codec->clock_rate_hz = static_types[i].clock_rate_hz;
			return 0;
		}
	}
	return ERR_NOT_FOUND;
}

int sdp_media_codec(const struct sdp_session *session, unsigned media, unsigned format, struct sdp_codec *ret_codec)
{
	const struct sdp_media *m = &session->media[media];
	struct sdp_codec codec = {.channels = 1};
	uint32_t payload_type;
	struct view map = {NULL, 0};
	int error;

	if (BUG_ON(media >= session->media_count || format >= m->format_count))
		return ERR_INVALID;
	if (view_to_u32(m->formats[format], 127, &payload_type))
		return ERR_NOT_FOUND;
	codec.payload_type = (uint8_t)payload_type;
	for (unsigned i = 0; i < m->section.attribute_count; i++) {
		const struct sdp_attribute *attribute = &session->attributes[m->section.attribute_first + i];
		struct view rest;

		if (!attribute->value.at || !cut_payload_type(attribute->value, payload_type, &rest))
			continue;
		if (!map.at && view_is_nocase(attribute->name, "rtpmap"))
			map = rest;
		else if (!codec.fmtp.at && view_is_nocase(attribute->name, "fmtp"))
			codec.fmtp = rest;
	}
	error = map.at ? parse_rtpmap(map, &codec) : find_static(&codec);
	if (!error)
		*ret_codec = codec;
	return error;
}
