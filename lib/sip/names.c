/* The tables of names.h and their look-ups: first stop of the parser for every header line. */
#include "lib/sip/names.h"

static const struct view method_names[] = {
#define X(name) [SIP_METHOD_##name] = {#name, sizeof(#name) - 1},
	SIP_METHOD_LIST(X)
#undef X
		[SIP_METHOD_OTHER] = {"OTHER", 5},
};

struct header_row {
	struct view name;
	unsigned flags;
};

static const struct header_row header_rows[] = {
#define X(id, text, compact, flags) [SIP_HEADER_##id] = {{text, sizeof(text) - 1}, flags},
	SIP_HEADER_LIST(X)
#undef X
		[SIP_HEADER_OTHER] = {{"", 0}, 0},
};

/* Rows of a letter: from [letter] up to [letter + 1]. The names are sorted, so the enum tells where each letter begins;
 * letters without names point at the next one. */
static const uint8_t letter_rows[27] = {
	SIP_HEADER_ACCEPT,              /* a */
	SIP_HEADER_CALL_ID,             /* b */
	SIP_HEADER_CALL_ID,             /* c */
	SIP_HEADER_DATE,                /* d */
	SIP_HEADER_ERROR_INFO,          /* e */
	SIP_HEADER_FLOW_TIMER,          /* f */
	SIP_HEADER_HISTORY_INFO,        /* g */
	SIP_HEADER_HISTORY_INFO,        /* h */
	SIP_HEADER_IDENTITY,            /* i */
	SIP_HEADER_JOIN,                /* j */
	SIP_HEADER_MAX_FORWARDS,        /* k */
	SIP_HEADER_MAX_FORWARDS,        /* l */
	SIP_HEADER_MAX_FORWARDS,        /* m */
	SIP_HEADER_ORGANIZATION,        /* n */
	SIP_HEADER_ORGANIZATION,        /* o */
	SIP_HEADER_P_ASSERTED_IDENTITY, /* p */
	SIP_HEADER_RACK,                /* q */
	SIP_HEADER_RACK,                /* r */
	SIP_HEADER_SERVER,              /* s */
	SIP_HEADER_TARGET_DIALOG,       /* t */
	SIP_HEADER_UNSUPPORTED,         /* u */
	SIP_HEADER_VIA,                 /* v */
	SIP_HEADER_WARNING,             /* w */
	SIP_HEADER_OTHER,               /* x */
	SIP_HEADER_OTHER,               /* y */
	SIP_HEADER_OTHER,               /* z */
	SIP_HEADER_OTHER,
};

struct status_row {
	unsigned code;
	const char *reason;
};

static const struct status_row status_rows[] = {
#define X(code, reason) {code, reason},
	SIP_STATUS_LIST(X)
#undef X
};

struct transport_row {
	const char *name;
	uint16_t port;
};

static const struct transport_row transport_rows[] = {
#define X(id, text, port) [SIP_TRANSPORT_##id] = {text, port},
	SIP_TRANSPORT_LIST(X)
#undef X
		[SIP_TRANSPORT_OTHER] = {"OTHER", 5060},
};

enum sip_method sip_method_parse(struct view text)
{
	unsigned method = 0;

	while (method < SIP_METHOD_OTHER && !view_equal(text, method_names[method]))
		method++;
	return (enum sip_method)method;
}

const char *sip_method_name(enum sip_method method)
{
	return method_names[method < SIP_METHOD_COUNT ? method : SIP_METHOD_OTHER].at;
}

static enum sip_header_id parse_compact(char letter)
{
	switch (letter | 0x20) {
#define X(id, text, compact, flags)                                                                                    \
	case (compact) ? (compact):                                                                                    \
		0x100 + SIP_HEADER_##id : return SIP_HEADER_##id;
		SIP_HEADER_LIST(X)
#undef X
	}
	return SIP_HEADER_OTHER;
}

enum sip_header_id sip_header_parse(struct view name)
{
	unsigned letter;

	if (name.size == 0)
		return SIP_HEADER_OTHER;
	letter = (unsigned)((name.at[0] | 0x20) - 'a');
	if (letter >= 26)
		return SIP_HEADER_OTHER;
	if (name.size == 1)
		return parse_compact(name.at[0]);
	for (unsigned id = letter_rows[letter]; id < letter_rows[letter + 1]; id++)
		if (header_rows[id].name.size == name.size &&
		    (memcmp(header_rows[id].name.at, name.at, name.size) == 0 || /* nearly always */
		     view_equal_nocase(header_rows[id].name, name)))
			return (enum sip_header_id)id;
	return SIP_HEADER_OTHER;
}

const char *sip_header_name(enum sip_header_id id)
{
	return header_rows[id < SIP_HEADER_COUNT ? id : SIP_HEADER_OTHER].name.at;
}

unsigned sip_header_flags(enum sip_header_id id)
{
	return header_rows[id < SIP_HEADER_COUNT ? id : SIP_HEADER_OTHER].flags;
}

const char *sip_status_reason(unsigned status)
{
	const char *of_class = "Unknown";

	for (size_t i = 0; i < ARRAY_LEN(status_rows); i++) {
		if (status_rows[i].code == status)
			return status_rows[i].reason;
		/* an unknown code counts as the x00 of its class; 183 stands for 1xx */
		if (status_rows[i].code == status / 100 * 100 || (status / 100 == 1 && status_rows[i].code == 183))
			of_class = status_rows[i].reason;
	}
	return of_class;
}

enum sip_transport sip_transport_parse(struct view text)
{
	unsigned transport = 0;

	while (transport < SIP_TRANSPORT_OTHER && !view_is_nocase(text, transport_rows[transport].name))
		transport++;
	return (enum sip_transport)transport;
}

const char *sip_transport_name(enum sip_transport transport)
{
	return transport_rows[transport < SIP_TRANSPORT_COUNT ? transport : SIP_TRANSPORT_OTHER].name;
}

uint16_t sip_transport_port(enum sip_transport transport)
{
	return transport_rows[transport < SIP_TRANSPORT_COUNT ? transport : SIP_TRANSPORT_OTHER].port;
}
