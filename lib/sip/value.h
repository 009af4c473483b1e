/* What stands inside SIP header values: URIs, name-addresses, Via, parameters, comma lists, digest fields.
 *
 * Used through lib/sip/sip.h. Every parse function takes a view of one (unfolded) value and gives views into it.
 * Errors: ERR_SYNTAX, ERR_RANGE (a number), ERR_TOO_LONG (a limit of names.h); the result is untouched on failure.
 * Wire form: parts of a parsed value are as they were on the wire: URI parts still carry %-escapes, quoted strings
 * come without their quotes but with their backslashes. sip_unescape and sip_unquote decode; an absent part has a NULL
 * pointer, an empty one has not.
 */
#ifndef LIB_SIP_VALUE_H
#define LIB_SIP_VALUE_H

#include "lib/net/net.h"
#include "lib/sip/names.h"

/* ---- parameters: ";name", ";name=value", ";name="quoted value"" ---- */
struct sip_param {
	struct view name;
	struct view value; /* NULL pointer: a name alone; quoted: without the quotes */
	bool is_quoted;
};

/* Takes the next parameter off *rest ("; a=b; c" as the views called params below are). 1 taken, 0 end, or ERR_SYNTAX. */
int sip_param_next(struct view *rest, struct sip_param *ret_param) WARN_UNUSED;
/* The first parameter of that name in any case; its value may be NULL. False: none before the end or an error. */
bool sip_param_find(struct view params, const char *name, struct sip_param *ret_param);
/* ERR_NOT_FOUND when absent, ERR_SYNTAX without a value, ERR_RANGE. */
int sip_param_u32(struct view params, const char *name, uint32_t max, uint32_t *ret_value) WARN_UNUSED;

/* ---- URI: RFC 3261 19.1, tel RFC 3966; anything else is opaque ---- */
enum sip_scheme { SIP_SCHEME_SIP, SIP_SCHEME_SIPS, SIP_SCHEME_TEL, SIP_SCHEME_OTHER };
enum sip_host_kind { SIP_HOST_NAME, SIP_HOST_IPV4, SIP_HOST_IPV6 };

struct sip_uri {
	struct view text; /* all of it */
	enum sip_scheme scheme;
	enum sip_host_kind host_kind;
	uint16_t port;           /* 0: none given */
	struct view scheme_text; /* "sip" */
	struct view user;        /* NULL: none; tel: the number; other: what follows the colon */
	struct view password;    /* NULL: none */
	struct view host;        /* IPv6 without its brackets; empty for tel and other */
	struct view params;      /* ";lr;transport=tcp" with the first semicolon, or empty */
	struct view headers;     /* "a=b&c=d" without the question mark, or empty */
};

int sip_uri_parse(struct view text, struct sip_uri *ret_uri) WARN_UNUSED;
/* Prints from the parts, not from text; host in brackets for IPv6. scheme_text may be left out but for OTHER. */
void sip_uri_print(struct text *text, const struct sip_uri *uri);
/* The same by RFC 3261 19.1.4 (not transitive, by design of the RFC); tel by RFC 3966 section 5; other: same text. */
bool sip_uri_is_equal(const struct sip_uri *a, const struct sip_uri *b);
bool sip_uri_param(const struct sip_uri *uri, const char *name, struct view *ret_value); /* value NULL: name alone */
/* The host as an address; ERR_NOT_FOUND for a name. */
int sip_uri_address(const struct sip_uri *uri, struct net_address *ret_address) WARN_UNUSED;
/* transport= of the URI, else `otherwise`; sips makes TLS (WSS) of it. */
enum sip_transport sip_uri_transport(const struct sip_uri *uri, enum sip_transport otherwise);
/* Decodes %HH (also to NUL: mind the size). ERR_SYNTAX for a broken escape. */
int sip_unescape(struct view escaped, struct text *text) WARN_UNUSED;
/* Writes raw bytes as a user part: what may not stand there is escaped. */
void sip_escape_user(struct text *text, struct view raw);
/* Equal when decoded, case-sensitive: for users ("%61lice" is "alice"). */
bool sip_user_is_equal(struct view a, struct view b);

/* ---- quoted strings ---- */
void sip_unquote(struct view inner, struct text *text); /* "a\"b" -> a"b; inner without the outer quotes */
void sip_quote(struct text *text, struct view raw);     /* with quotes; control characters become blanks */

/* ---- From, To, Contact, Route, Refer-To, P-Asserted-Identity, ...: one value. "*" (Contact) is ERR_SYNTAX ---- */
struct sip_name_address {
	struct view display; /* NULL: none; quoted: without quotes; else trimmed */
	struct sip_uri uri;
	struct view params; /* the header's parameters, ";tag=x;q=0.5", or empty */
	struct view tag;    /* NULL: none */
};
int sip_name_address_parse(struct view value, struct sip_name_address *ret_address) WARN_UNUSED;
/* "display" <uri>params; the display is quoted; a lone quote or backslash in it gets its backslash. */
void sip_name_address_print(struct text *text, const struct sip_name_address *address);
/* q of a Contact in thousandths, 1000 when absent. */
int sip_q_parse(struct view params, unsigned *ret_thousandths) WARN_UNUSED;

/* ---- Via ---- */
struct sip_via {
	struct view text; /* this one value of the list */
	enum sip_transport transport;
	enum sip_host_kind host_kind;
	uint16_t port;              /* 0: none given */
	struct view transport_text; /* "UDP" */
	struct view host;           /* IPv6 without its brackets */
	struct view params;
	struct view branch, received, maddr; /* NULL: none; received without brackets */
	bool has_rport;
	uint16_t rport; /* 0: ";rport" alone */
};
int sip_via_parse(struct view value, struct sip_via *ret_via) WARN_UNUSED;
#define SIP_BRANCH_COOKIE "z9hG4bK"
/* The branch begins with the cookie and says more than it (RFC 3261 17.2.3; RFC 4475 badbranch). */
bool sip_via_has_cookie(const struct sip_via *via);

/* ---- CSeq, RAck, Event, Reason, Session-Expires, Replaces ---- */
struct sip_cseq {
	uint32_t number; /* below 2^31 */
	enum sip_method method;
	struct view method_text;
};
int sip_cseq_parse(struct view value, struct sip_cseq *ret_cseq) WARN_UNUSED;
struct sip_rack {
	uint32_t rseq;
	struct sip_cseq cseq;
};
int sip_rack_parse(struct view value, struct sip_rack *ret_rack) WARN_UNUSED;
struct sip_event {
	struct view package, id; /* id NULL: none */
	struct view params;
};
int sip_event_parse(struct view value, struct sip_event *ret_event) WARN_UNUSED;
struct sip_reason {
	struct view protocol; /* "Q.850", "SIP" */
	uint32_t cause;       /* 0: none given */
	struct view text;     /* NULL: none; quotes taken off */
};
int sip_reason_parse(struct view value, struct sip_reason *ret_reason) WARN_UNUSED;
enum sip_refresher { SIP_REFRESHER_NONE, SIP_REFRESHER_UAC, SIP_REFRESHER_UAS };
struct sip_session_expires {
	uint32_t seconds;
	enum sip_refresher refresher;
};
int sip_session_expires_parse(struct view value, struct sip_session_expires *ret_expires) WARN_UNUSED;
struct sip_replaces {
	struct view call_id, to_tag, from_tag;
	bool is_early_only;
};
int sip_replaces_parse(struct view value, struct sip_replaces *ret_replaces) WARN_UNUSED;

/* ---- comma lists: aware of quoted strings and of <> ---- */
/* Takes the next value off *rest, trimmed. Empty elements are skipped. False: no more. */
bool sip_list_next(struct view *rest, struct view *ret_value);
/* One of the list's values is that token, in any case; what follows a semicolon is not looked at. */
bool sip_list_has(struct view list, const char *token);

/* ---- digest: challenges and credentials, RFC 3261 22.4, RFC 8760. For controlplane/auth ---- */
/* "Digest a=b, c="d"": the scheme, and the parameters for sip_auth_param_next. */
int sip_auth_parse(struct view value, struct view *ret_scheme, struct view *ret_params) WARN_UNUSED;
/* Takes the next off *rest. 1 taken, 0 end, or ERR_SYNTAX. */
int sip_auth_param_next(struct view *rest, struct sip_param *ret_param) WARN_UNUSED;

#define SIP_DIGEST_LIST(X)                                                                                             \
	X(realm)                                                                                                       \
	X(nonce)                                                                                                       \
	X(opaque)                                                                                                      \
	X(algorithm)                                                                                                   \
	X(qop)                                                                                                         \
	X(domain)                                                                                                      \
	X(stale)                                                                                                       \
	X(username)                                                                                                    \
	X(uri)                                                                                                         \
	X(response)                                                                                                    \
	X(cnonce)                                                                                                      \
	X(nc)                                                                                                          \
	X(userhash)                                                                                                    \
	X(auts)

/* Absent fields have a NULL pointer; quotes are taken off, backslashes are not (the hashes want them as they came). */
struct sip_digest {
#define X(name) struct view name;
	SIP_DIGEST_LIST(X)
#undef X
};
/* A WWW-/Proxy-Authenticate or Authorization value. ERR_UNSUPPORTED when the scheme is not Digest; ERR_SYNTAX also when
 * one field appears twice. Unknown parameters are skipped. */
int sip_digest_parse(struct view value, struct sip_digest *ret_digest) WARN_UNUSED;

#endif
