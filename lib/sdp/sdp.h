/* Session descriptions: parse into views, ask, and print them for the other leg of a call or as our own.
 *
 * Used by controlplane/call (offer and answer of both legs) and controlplane/media (endpoints, codecs).
 * Threads: pure functions on the caller's objects. Ownership: a parsed description is views into the caller's bytes
 * and dies with them; nothing allocates. struct sdp_session is about 20 KB: fine on a stack, copied only with care.
 * Strictness: RFC 8866, with LF accepted as line end (section 5 asks for it), lines of a section in any order, and s= and
 * t= allowed to be missing. A type letter that does not exist is refused, as the RFC demands.
 * Limits: below; each is refused with a sentence. RFCs: 8866, 3264 (offer/answer), 3605 (a=rtcp), 4733 (telephone-event),
 * 5761 (rtcp-mux), 3551 (static payload types).
 */
#ifndef LIB_SDP_SDP_H
#define LIB_SDP_SDP_H

#include "lib/net/net.h"

#define SDP_SIZE_MAX       32768
#define SDP_MEDIA_MAX      16  /* media lines */
#define SDP_FORMATS_MAX    32  /* formats of one media line */
#define SDP_ATTRIBUTES_MAX 256 /* a= lines in all */
#define SDP_BANDWIDTHS_MAX 4   /* b= lines of one section; more are not kept */

/* As its sender says it: a bit to send, a bit to receive, so that two can be combined with &. */
enum sdp_direction { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 };

/* id, text of the m= line */
#define SDP_TYPE_LIST(X)                                                                                               \
	X(AUDIO, "audio")                                                                                              \
	X(VIDEO, "video")                                                                                              \
	X(TEXT, "text")                                                                                                \
	X(APPLICATION, "application")                                                                                  \
	X(MESSAGE, "message")                                                                                          \
	X(IMAGE, "image")
/* id, text, is RTP, is encrypted */
#define SDP_PROTOCOL_LIST(X)                                                                                           \
	X(RTP_AVP, "RTP/AVP", true, false)                                                                             \
	X(RTP_AVPF, "RTP/AVPF", true, false)                                                                           \
	X(RTP_SAVP, "RTP/SAVP", true, true)                                                                            \
	X(RTP_SAVPF, "RTP/SAVPF", true, true)                                                                          \
	X(DTLS_SAVP, "UDP/TLS/RTP/SAVP", true, true)                                                                   \
	X(DTLS_SAVPF, "UDP/TLS/RTP/SAVPF", true, true)                                                                 \
	X(UDPTL, "udptl", false, false)

enum sdp_type {
#define X(id, text) SDP_TYPE_##id,
	SDP_TYPE_LIST(X)
#undef X
		SDP_TYPE_OTHER,
};
enum sdp_protocol {
#define X(id, text, is_rtp, is_encrypted) SDP_PROTOCOL_##id,
	SDP_PROTOCOL_LIST(X)
#undef X
		SDP_PROTOCOL_OTHER,
};

struct sdp_attribute {
	struct view name;
	struct view value; /* NULL: a=name alone */
};

struct sdp_connection {
	struct view host;           /* NULL: no c= line here */
	struct net_address address; /* no family when the host is a name */
};

/* What session and media sections share. */
struct sdp_section {
	struct sdp_connection connection;
	bool has_direction;
	enum sdp_direction direction;
	unsigned attribute_first, attribute_count; /* into the session's attributes */
	unsigned bandwidth_count;
	struct view bandwidths[SDP_BANDWIDTHS_MAX]; /* "AS:64" */
};

struct sdp_media {
	struct view type_text, protocol_text;
	enum sdp_type type;
	enum sdp_protocol protocol;
	uint16_t port; /* 0: rejected or not offered */
	unsigned format_count;
	struct view formats[SDP_FORMATS_MAX]; /* RTP: payload types, checked to be 0 to 127 */
	struct sdp_section section;
	uint32_t ptime_ms, maxptime_ms; /* 0: not said */
	bool has_rtcp_mux;
	uint16_t rtcp_port;              /* of a=rtcp, 0: not said */
	struct net_address rtcp_address; /* of a=rtcp; no family: not said */
};

struct sdp_session {
	struct view text;
	struct view user, id, version; /* of o=; id and version are digits, of any length */
	struct view origin_address;
	struct view name; /* s=; "-" when missing */
	struct sdp_section section;
	unsigned media_count, attribute_count;
	struct sdp_media media[SDP_MEDIA_MAX];
	struct sdp_attribute attributes[SDP_ATTRIBUTES_MAX];
};

struct sdp_refusal {
	size_t offset;        /* into the text */
	const char *sentence; /* static text */
};

/* ERR_SYNTAX, ERR_TOO_LONG with *ret_refusal set; *ret_session is then of no use. */
int sdp_parse(struct view text, struct sdp_session *ret_session, struct sdp_refusal *ret_refusal) WARN_UNUSED;

/* ---- questions; media is an index below media_count ---- */
/* The first attribute of that name in one media section. */
bool sdp_media_attribute(const struct sdp_session *session, unsigned media, const char *name, struct view *ret_value);
bool sdp_session_attribute(const struct sdp_session *session, const char *name, struct view *ret_value);
/* Where the peer wants RTP: media c= or session c=, and the port. ERR_NOT_FOUND: rejected (port 0), or a host name. A held
 * peer says 0.0.0.0, and that is what comes back. */
int sdp_media_rtp(const struct sdp_session *session, unsigned media, struct net_endpoint *ret_endpoint) WARN_UNUSED;
/* Where it wants RTCP: a=rtcp, else the next port; with rtcp-mux (when `mux` says we take it) the same port. */
int sdp_media_rtcp(const struct sdp_session *session, unsigned media, bool mux,
		   struct net_endpoint *ret_endpoint) WARN_UNUSED;
/* The direction its sender means: media, else session, else sendrecv; the old hold spelling c=0.0.0.0 (or ::) takes the
 * receiving bit away (RFC 3264 8.4). */
enum sdp_direction sdp_media_direction(const struct sdp_session *session, unsigned media);
enum sdp_direction sdp_direction_reverse(enum sdp_direction direction); /* as the other side says it */
const char *sdp_direction_name(enum sdp_direction direction);
bool sdp_protocol_is_rtp(enum sdp_protocol protocol);
bool sdp_protocol_is_encrypted(enum sdp_protocol protocol);
const char *sdp_protocol_name(enum sdp_protocol protocol); /* "" for OTHER */
/* RTP/AVP or RTP/SAVP, with feedback where `protocol` has it (RTP/AVPF, RTP/SAVPF). */
enum sdp_protocol sdp_protocol_with(enum sdp_protocol protocol, bool is_encrypted);

struct sdp_codec {
	struct view name; /* as in rtpmap or RFC 3551; compare in any case */
	uint32_t clock_rate_hz;
	unsigned channels; /* 1 when not said */
	uint8_t payload_type;
	struct view fmtp; /* NULL: none */
};
/* What a format of an RTP media line is: a=rtpmap, else the static table of RFC 3551. ERR_NOT_FOUND, ERR_SYNTAX. */
int sdp_media_codec(const struct sdp_session *session, unsigned media, unsigned format,
		    struct sdp_codec *ret_codec) WARN_UNUSED;

/* ---- printing: ERR_TOO_LONG when the text overflowed. What a parsed description holds cannot break a line; our own
 * strings must not. ---- */
struct sdp_origin {
	const char *user; /* no blanks; "-" is fine */
	uint64_t id, version;
	struct net_address address; /* o= and the session's c= */
};

/* Our side of one media line. */
struct sdp_crypto;
struct sdp_local_media {
	uint16_t port;                    /* 0 rejects the line */
	uint16_t rtcp_port;               /* 0 or port + 1: no a=rtcp needed; with mux: ignored */
	bool has_rtcp_mux;                /* a=rtcp-mux */
	const char *protocol;             /* NULL: as the peer has it */
	const struct sdp_crypto *cryptos; /* a=crypto lines */
	unsigned crypto_count;
	struct net_address address;    /* no family: that of the origin */
	enum sdp_direction denied;     /* taken out of the direction that is printed; 0 changes nothing */
	const struct sdp_codec *extra; /* relayed: codecs of our own behind the peer's formats */
	size_t extra_count;
};

/* The peer's description for the other leg, anchored at us: our o=, c=, ports and a=rtcp; formats, rtpmap, fmtp, ptime and
 * whatever else is end to end as they were and in order; what belongs to the peer's hop (ICE, keys, bundles, feedback
 * addresses: sdp_relay_drops) left out. local has session->media_count rows; lines that the peer rejected stay rejected
 * and in their place. */
int sdp_relay_print(struct text *text, const struct sdp_session *session, const struct sdp_origin *origin,
		    const struct sdp_local_media *local) WARN_UNUSED;
bool sdp_relay_drops(struct view attribute_name);

/* Our own answer: the first media line with RTP audio (encrypted only if it has a=crypto) and a codec of `codecs` (in our order of preference; name, rate
 * and channels are compared) is taken with the offer's payload type and fmtp, telephone-event of the same clock rate
 * beside it; all others are rejected. Direction: the offer's, reversed. */
struct sdp_choice {
	unsigned media; /* index of the line that was taken */
	unsigned codec; /* index into codecs */
	uint8_t payload_type;
	int telephone_event;          /* its payload type, or -1 */
	enum sdp_direction direction; /* as we say it */
};
/* ERR_NOT_FOUND: nothing fits; answer 488. */
int sdp_answer_choose(const struct sdp_session *offer, const struct sdp_codec *codecs, size_t codec_count,
		      struct sdp_choice *ret_choice) WARN_UNUSED;
int sdp_answer_print(struct text *text, const struct sdp_session *offer, const struct sdp_choice *choice,
		     const struct sdp_origin *origin, const struct sdp_local_media *local) WARN_UNUSED;
/* Our own offer: one RTP/AVP audio line with these codecs, each with its payload type. */
int sdp_offer_print(struct text *text, const struct sdp_codec *codecs, size_t codec_count,
		    const struct sdp_origin *origin, const struct sdp_local_media *local) WARN_UNUSED;

#endif
