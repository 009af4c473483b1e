/* Session descriptions line by line: RFC 8866. One pass; every line goes to the section that is open. */
#include "lib/sdp/sdp.h"

struct parse {
	struct sdp_session *session;
	struct sdp_media *media; /* the open one, NULL: the session section */
	struct sdp_refusal *refusal;
	const char *start;
	bool has_origin;
};

static int refuse(struct parse *p, int error, const char *at, const char *sentence)
{
	*p->refusal = (struct sdp_refusal){(size_t)(at - p->start), sentence};
	return error;
}

static struct sdp_section *open_section(struct parse *p)
{
	return p->media ? &p->media->section : &p->session->section;
}

/* Takes a word off *rest; words are separated by one or more blanks. An empty word means the end. */
static struct view take_word(struct view *rest)
{
	struct view word;

	while (rest->size > 0 && rest->at[0] == ' ')
		*rest = view_sub(*rest, 1, rest->size);
	word = view_sub(*rest, 0, view_find(*rest, ' '));
	*rest = view_sub(*rest, word.size, rest->size);
	return word;
}

static bool is_digits(struct view v)
{
	for (size_t i = 0; i < v.size; i++)
		if (v.at[i] < '0' || v.at[i] > '9')
			return false;
	return v.size > 0;
}

/* "IN IP4 host": the host, and its address when it is one. */
static int parse_network_address(struct parse *p, struct view *rest, struct view *ret_host,
				 struct net_address *ret_address)
{
	struct view network = take_word(rest), type = take_word(rest), host = take_word(rest);
	struct net_address address = {0};

	if (!view_is_nocase(network, "IN") || host.size == 0)
		return refuse(p, ERR_SYNTAX, network.at, "IN, IP4 or IP6, and an address were expected");
	if (!view_is_nocase(type, "IP4") && !view_is_nocase(type, "IP6"))
		return refuse(p, ERR_SYNTAX, type.at, "the address type is neither IP4 nor IP6");
	host = view_sub(host, 0, view_find(host, '/')); /* multicast: "/ttl" */
	if (net_address_parse(host, &address) == 0) {
		bool is_ipv6_text = view_find(host, ':') < host.size;

		if (is_ipv6_text != view_is_nocase(type, "IP6"))
			return refuse(p, ERR_SYNTAX, host.at, "the address is of another type than it says");
	} else if (view_find(host, ':') < host.size) {
		return refuse(p, ERR_SYNTAX, host.at, "not an IPv6 address");
	}
	*ret_host = host;
	*ret_address = address;
	return 0;
}

static int parse_version(struct parse *p, struct view value)
{
	return view_is(value, "0") ? 0 : refuse(p, ERR_VERSION, value.at, "the version of SDP is not 0");
}

static int parse_origin(struct parse *p, struct view value)
{
	struct sdp_session *s = p->session;
	struct view rest = value;
	struct net_address ignored;

	if (p->has_origin)
		return refuse(p, ERR_SYNTAX, value.at, "a second o= line");
	p->has_origin = true;
	s->user = take_word(&rest);
	s->id = take_word(&rest);
	s->version = take_word(&rest);
	if (!is_digits(s->id) || !is_digits(s->version))
		return refuse(p, ERR_SYNTAX, value.at,
			      "the o= line must be: user, id, version, IN, IP4 or IP6, address");
	return parse_network_address(p, &rest, &s->origin_address, &ignored);
}

static int parse_connection(struct parse *p, struct view value)
{
	struct sdp_connection connection;
	struct sdp_section *section = open_section(p);
	struct view rest = value;
	int error = parse_network_address(p, &rest, &connection.host, &connection.address);

	if (!error && !section->connection.host.at)
		section->connection = connection; /* further ones are layers of a multicast session */
	return error;
}

static void parse_bandwidth(struct parse *p, struct view value)
{
	struct sdp_section *section = open_section(p);

	if (section->bandwidth_count < SDP_BANDWIDTHS_MAX)
		section->bandwidths[section->bandwidth_count++] = value;
}

/* ---- attributes ---- */

static bool parse_direction(struct view name, enum sdp_direction *ret_direction)
{
	for (unsigned d = SDP_INACTIVE; d <= SDP_SENDRECV; d++) {
		if (view_is_nocase(name, sdp_direction_name((enum sdp_direction)d))) {
			*ret_direction = (enum sdp_direction)d;
			return true;
		}
	}
	return false;
}

/* "port" or "port IN IP4 address", RFC 3605. */
static int parse_rtcp(struct parse *p, struct view value)
{
	struct view rest = value, host, word = take_word(&rest);
	uint32_t port;

	if (view_to_u32(word, UINT16_MAX, &port) || port == 0)
		return refuse(p, ERR_SYNTAX, word.at, "a=rtcp must begin with a port");
	p->media->rtcp_port = (uint16_t)port;
	if (view_trim(rest).size == 0)
		return 0;
	return parse_network_address(p, &rest, &host, &p->media->rtcp_address);
}

/* "20" or "20.0": milliseconds, what stands behind the point ignored; nonsense counts as not said. */
static uint32_t parse_ms(struct view value)
{
	struct view rest = view_trim(value);
	uint32_t ms = 0;

	return view_to_u32(view_cut(&rest, '.'), 10000, &ms) ? 0 : ms;
}

static int parse_attribute(struct parse *p, struct view value)
{
	struct sdp_session *s = p->session;
	struct sdp_section *section = open_section(p);
	struct sdp_attribute attribute;

	if (s->attribute_count == SDP_ATTRIBUTES_MAX)
		return refuse(p, ERR_TOO_LONG, value.at, "more than 256 attributes");
	attribute.value = value;
	attribute.name = view_trim(view_cut(&attribute.value, ':'));
	if (attribute.name.size == 0)
		return refuse(p, ERR_SYNTAX, value.at, "the attribute has no name");
	if (section->attribute_count++ == 0)
		section->attribute_first = s->attribute_count;
	s->attributes[s->attribute_count++] = attribute;
	if (!attribute.value.at && parse_direction(attribute.name, &section->direction))
		section->has_direction = true;
	if (!p->media)
		return 0;
	if (view_is_nocase(attribute.name, "rtcp-mux"))
		p->media->has_rtcp_mux = true;
	else if (view_is_nocase(attribute.name, "ptime"))
		p->media->ptime_ms = parse_ms(attribute.value);
	else if (view_is_nocase(attribute.name, "maxptime"))
		p->media->maxptime_ms = parse_ms(attribute.value);
	else if (view_is_nocase(attribute.name, "rtcp"))
		return parse_rtcp(p, attribute.value.at ? attribute.value : view_sub(value, value.size, 0));
	return 0;
}

/* ---- media ---- */

static enum sdp_type classify_type(struct view text)
{
	static const char *const names[] = {
#define X(id, text) [SDP_TYPE_##id] = text,
		SDP_TYPE_LIST(X)
#undef X
	};
	unsigned type = 0;

	while (type < SDP_TYPE_OTHER && !view_is_nocase(text, names[type]))
		type++;
	return (enum sdp_type)type;
}

static const struct {
	const char *name;
	bool is_rtp, is_encrypted;
} protocols[] = {
#define X(id, text, is_rtp, is_encrypted) [SDP_PROTOCOL_##id] = {text, is_rtp, is_encrypted},
	SDP_PROTOCOL_LIST(X)
#undef X
		[SDP_PROTOCOL_OTHER] = {"", false, false},
};

static enum sdp_protocol classify_protocol(struct view text)
{
	unsigned protocol = 0;

	while (protocol < SDP_PROTOCOL_OTHER && !view_is_nocase(text, protocols[protocol].name))
		protocol++;
	return (enum sdp_protocol)protocol;
}

bool sdp_protocol_is_rtp(enum sdp_protocol protocol)
{
	return protocol < SDP_PROTOCOL_OTHER && protocols[protocol].is_rtp;
}

bool sdp_protocol_is_encrypted(enum sdp_protocol protocol)
{
	return protocol < SDP_PROTOCOL_OTHER && protocols[protocol].is_encrypted;
}

const char *sdp_protocol_name(enum sdp_protocol protocol)
{
	return protocol <= SDP_PROTOCOL_OTHER ? protocols[protocol].name : "";
}

enum sdp_protocol sdp_protocol_with(enum sdp_protocol protocol, bool is_encrypted)
{
	bool has_feedback = protocol == SDP_PROTOCOL_RTP_AVPF || protocol == SDP_PROTOCOL_RTP_SAVPF ||
			    protocol == SDP_PROTOCOL_DTLS_SAVPF;

	if (is_encrypted)
		return has_feedback ? SDP_PROTOCOL_RTP_SAVPF : SDP_PROTOCOL_RTP_SAVP;
	return has_feedback ? SDP_PROTOCOL_RTP_AVPF : SDP_PROTOCOL_RTP_AVP;
}

static int parse_formats(struct parse *p, struct view rest)
{
	struct sdp_media *media = p->media;
	struct view word;
	uint32_t payload_type;

	while ((word = take_word(&rest)).size > 0) {
		if (media->format_count == SDP_FORMATS_MAX)
			return refuse(p, ERR_TOO_LONG, word.at, "more than 32 formats in a media line");
		if (sdp_protocol_is_rtp(media->protocol) && view_to_u32(word, 127, &payload_type))
			return refuse(p, ERR_SYNTAX, word.at, "the payload type is not a number up to 127");
		media->formats[media->format_count++] = word;
	}
	if (media->format_count == 0)
		return refuse(p, ERR_SYNTAX, rest.at, "the media line has no formats");
	return 0;
}

static int parse_media(struct parse *p, struct view value)
{
	struct sdp_session *s = p->session;
	struct view rest = value, ports;
	uint32_t port;

	if (s->media_count == SDP_MEDIA_MAX)
		return refuse(p, ERR_TOO_LONG, value.at, "more than 16 media lines");
	p->media = &s->media[s->media_count++];
	*p->media = (struct sdp_media){0};
	p->media->type_text = take_word(&rest);
	p->media->type = classify_type(p->media->type_text);
	ports = take_word(&rest);
	if (view_to_u32(view_cut(&ports, '/'), UINT16_MAX, &port))
		return refuse(p, ERR_SYNTAX, value.at, "the media line has no port number");
	p->media->port = (uint16_t)port;
	p->media->protocol_text = take_word(&rest);
	p->media->protocol = classify_protocol(p->media->protocol_text);
	return parse_formats(p, rest);
}

/* ---- lines ---- */

static int parse_line(struct parse *p, char type, struct view value)
{
	switch (type) {
	case 'o':
		return parse_origin(p, value);
	case 's':
		p->session->name = value.size > 0 ? value : p->session->name;
		return 0;
	case 'c':
		return parse_connection(p, value);
	case 'b':
		parse_bandwidth(p, value);
		return 0;
	case 'a':
		return parse_attribute(p, value);
	case 'm':
		return parse_media(p, value);
	case 'i':
	case 'u':
	case 'e':
	case 'p':
	case 't':
	case 'r':
	case 'z':
	case 'k':
		return 0; /* says nothing that a call needs */
	default:
		return refuse(p, ERR_SYNTAX, value.at - 2, "a line of a type that does not exist");
	}
}

static int check_whole(struct parse *p)
{
	struct sdp_session *s = p->session;

	if (!p->has_origin)
		return refuse(p, ERR_SYNTAX, p->start, "the o= line is missing");
	for (unsigned i = 0; i < s->media_count; i++)
		if (s->media[i].port != 0 && !s->section.connection.host.at && !s->media[i].section.connection.host.at)
			return refuse(p, ERR_SYNTAX, s->media[i].type_text.at, "the media line has no c= line");
	return 0;
}

/* Takes a line; CR LF or LF ends it, the last one may lack both. */
static int take_line(struct parse *p, struct view *rest, struct view *ret_line)
{
	struct view line = view_cut(rest, '\n');

	if (line.size > 0 && line.at[line.size - 1] == '\r')
		line.size--;
	for (size_t i = 0; i < line.size; i++)
		if (line.at[i] == '\r' || line.at[i] == '\0')
			return refuse(p, ERR_SYNTAX, line.at + i, "a lone CR or a NUL");
	*ret_line = line;
	return 0;
}

int sdp_parse(struct view text, struct sdp_session *ret_session, struct sdp_refusal *ret_refusal)
{
	struct parse p = {.session = ret_session, .refusal = ret_refusal, .start = text.at};
	struct view rest = text, line;
	int error = 0;

	/* the two tables are only read below their counts */
	memset(ret_session, 0, offsetof(struct sdp_session, media));
	ret_session->text = text;
	ret_session->name = VIEW("-");
	if (text.size > SDP_SIZE_MAX)
		return refuse(&p, ERR_TOO_LONG, text.at, "the session description is larger than 32768 bytes");
	for (bool first = true; rest.at && rest.size > 0 && !error; first = false) {
		error = take_line(&p, &rest, &line);
		if (error)
			return error;
		if (line.size == 0 && view_trim(rest).size == 0)
			break; /* empty lines at the end */
		if (line.size < 2 || line.at[1] != '=')
			return refuse(&p, ERR_SYNTAX, line.at, "a line must be a letter, an equal sign and a value");
		if (first != (line.at[0] == 'v'))
			return refuse(&p, ERR_SYNTAX, line.at, "the first line, and only that, must be v=0");
		error = first ? parse_version(&p, view_sub(line, 2, line.size))
			      : parse_line(&p, line.at[0], view_sub(line, 2, line.size));
	}
	return error ? error : check_whole(&p);
}
