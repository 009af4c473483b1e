/* Private to lib/sip: character classes, and faults with their place.
 *
 * The scan functions are the parse functions of value.h with one thing more: where it went wrong, and a sentence, for
 * sip_parse to turn into an offset.
 */
#ifndef LIB_SIP_SCAN_H
#define LIB_SIP_SCAN_H

#include "lib/sip/value.h"

/* Classes of RFC 3261 section 25.1, each a bit. */
enum {
	SIP_CLASS_TOKEN = 1,    /* token */
	SIP_CLASS_USER = 2,     /* unreserved, user-unreserved, and '#' which phones send raw in feature codes */
	SIP_CLASS_PASSWORD = 4, /* unreserved and "&=+$," */
	SIP_CLASS_PARAM = 8,    /* paramchar of a URI parameter */
	SIP_CLASS_HEADER = 16,  /* hnv-unreserved and unreserved: the headers of a URI */
	SIP_CLASS_HOST = 32,    /* letters, digits, '-', '.', and '_' which real host names have */
	SIP_CLASS_VALUE = 64,   /* an unquoted parameter value: what is visible and separates nothing */
};
extern const uint8_t sip_classes[256];

static inline bool sip_is(char c, unsigned class_bits)
{
	return (sip_classes[(unsigned char)c] & class_bits) != 0;
}

static inline bool sip_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool sip_is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* 0 to 15, or -1. */
static inline int sip_hex(char c)
{
	unsigned char digit = (unsigned char)(c - '0'), letter = (unsigned char)((c | 0x20) - 'a');

	return digit < 10 ? digit : letter < 6 ? letter + 10 : -1;
}

static inline struct view sip_between(const char *from, const char *to)
{
	return (struct view){from, (size_t)(to - from)};
}

static inline const char *sip_end(struct view v)
{
	return v.at + v.size;
}

static inline const char *sip_skip_blanks(const char *at, const char *end)
{
	while (at < end && sip_is_blank(*at))
		at++;
	return at;
}

static inline struct view sip_trim(struct view v)
{
	while (v.size > 0 && sip_is_blank(v.at[0]))
		v.at++, v.size--;
	while (v.size > 0 && sip_is_blank(v.at[v.size - 1]))
		v.size--;
	return v;
}

/* In any case; nearly always it is spelled like the literal, and then this is one memcmp. */
static inline bool sip_is_text(struct view v, struct view literal)
{
	return v.size == literal.size && (memcmp(v.at, literal.at, v.size) == 0 || view_equal_nocase(v, literal));
}

static inline bool sip_all(struct view v, unsigned class_bits)
{
	for (size_t i = 0; i < v.size; i++)
		if (!sip_is(v.at[i], class_bits))
			return false;
	return true;
}

/* Where and why; at points into what was parsed. */
struct sip_fault {
	const char *at;
	const char *sentence;
};

/* Notes the fault (which may be NULL) and gives the error back, so that a parser leaves in one line. */
static inline int sip_fail(struct sip_fault *fault, int error, const char *at, const char *sentence)
{
	if (fault)
		*fault = (struct sip_fault){at, sentence};
	return error;
}

/* at stands on a quote: the place of the closing one, or NULL. */
const char *sip_closing_quote(const char *at, const char *end);
/* First byte that is neither of the class nor a whole %HH; NULL when all are. */
const char *sip_first_outside(struct view v, unsigned class_bits);
/* Equal by RFC 3261 19.1.4: an escape equals its character unless that is a reserved one. */
bool sip_is_equal_escaped(struct view a, struct view b, bool case_sensitive);
/* host [":" port] at the start of text; *ret_end is the first byte behind. blanks: allowed around the colon (Via). */
struct sip_host {
	enum sip_host_kind kind;
	uint16_t port;
	struct view host;
};
int sip_host_scan(struct view text, bool blanks, struct sip_host *ret_host, const char **ret_end,
		  struct sip_fault *fault);
int sip_uri_scan(struct view text, struct sip_uri *ret_uri, struct sip_fault *fault);
/* Walks header parameters to their end and keeps those of the table. */
struct sip_param_want {
	struct view name;
	struct sip_param *param; /* name.at stays NULL when absent */
};
int sip_params_scan(struct view params, const struct sip_param_want *wants, size_t want_count, struct sip_fault *fault);
int sip_param_scan(struct view *rest, struct sip_param *ret_param, struct sip_fault *fault);
int sip_name_address_scan(struct view value, struct sip_name_address *ret_address, struct sip_fault *fault);
/* Leaves what was understood even when it fails, once the host is known: a refusal must find its way back. */
int sip_via_scan(struct view value, struct sip_via *ret_via, struct sip_fault *fault);
int sip_cseq_scan(struct view value, struct sip_cseq *ret_cseq, struct sip_fault *fault);
int sip_call_id_scan(struct view value, struct sip_fault *fault);

#endif
