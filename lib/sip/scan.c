/* Character classes and the pieces that several values share: quoted strings, escapes, host and port. */
#include "lib/sip/scan.h"

#define T SIP_CLASS_TOKEN
#define U SIP_CLASS_USER
#define P SIP_CLASS_PASSWORD
#define R SIP_CLASS_PARAM
#define H SIP_CLASS_HEADER
#define D SIP_CLASS_HOST
#define V SIP_CLASS_VALUE

#define ALNUM (T | U | P | R | H | D | V)
#define MARK  (T | U | P | R | H | V)

const uint8_t sip_classes[256] = {
	['0' ... '9'] = ALNUM,
	['A' ... 'Z'] = ALNUM,
	['a' ... 'z'] = ALNUM,
	['-'] = ALNUM,
	['.'] = ALNUM,
	['_'] = ALNUM,
	['!'] = MARK,
	['*'] = MARK,
	['\''] = MARK,
	['~'] = MARK,
	['+'] = MARK,
	['('] = U | P | R | H | V,
	[')'] = U | P | R | H | V,
	['%'] = T | V, /* in URIs it must begin an escape: sip_first_outside */
	['`'] = T | V,
	['&'] = U | P | R | V,
	['='] = U | P | V,
	['$'] = U | P | R | H | V,
	[','] = U | P,
	[';'] = U,
	['?'] = U | H | V,
	['/'] = U | R | H | V,
	['#'] = U | V,
	[':'] = R | H | V,
	['['] = R | H | V,
	[']'] = R | H | V,
	['{'] = V,
	['}'] = V,
	['@'] = V,
	['^'] = V,
	['|'] = V,
	[0x80 ... 0xff] = V,
};

const char *sip_closing_quote(const char *at, const char *end)
{
	for (at++; at < end; at++) {
		if (*at == '"')
			return at;
		if (*at == '\\')
			at++;
	}
	return NULL;
}

const char *sip_first_outside(struct view v, unsigned class_bits)
{
	const char *at = v.at, *end = sip_end(v);

	while (at < end) {
		if (*at == '%') {
			if (end - at < 3 || sip_hex(at[1]) < 0 || sip_hex(at[2]) < 0)
				return at;
			at += 3;
		} else if (sip_is(*at, class_bits)) {
			at++;
		} else {
			return at;
		}
	}
	return NULL;
}

static bool is_ipv4(struct view text)
{
	const char *at = text.at, *end = sip_end(text);

	for (int part = 0; part < 4; part++) {
		unsigned value = 0, digits = 0;

		for (; at < end && sip_is_digit(*at) && digits < 3; at++, digits++)
			value = value * 10 + (unsigned)(*at - '0');
		/* a leading zero is octal to some and decimal to others */
		if (digits == 0 || value > 255 || (digits > 1 && at[-(ptrdiff_t)digits] == '0'))
			return false;
		if (part < 3 && (at == end || *at++ != '.'))
			return false;
	}
	return at == end;
}

/* A name or an IPv4 address: a last label of digits alone can only be an address (RFC 3261 25.1, toplabel). */
static int classify_name(struct view host, enum sip_host_kind *ret_kind, struct sip_fault *fault)
{
	const char *end = sip_end(host), *label;

	if (host.size == 0)
		return sip_fail(fault, ERR_SYNTAX, host.at, "the host is missing");
	if (host.size > 255)
		return sip_fail(fault, ERR_TOO_LONG, host.at, "the host name is longer than 255 bytes");
	if (host.at[0] == '.' || host.at[0] == '-')
		return sip_fail(fault, ERR_SYNTAX, host.at, "a host name cannot begin like this");
	if (sip_is_digit(host.at[0]) && is_ipv4(host)) {
		*ret_kind = SIP_HOST_IPV4;
		return 0;
	}
	if (end[-1] == '.')
		end--;
	for (label = end; label > host.at && label[-1] != '.';)
		label--;
	while (label < end && sip_is_digit(*label))
		label++;
	if (label == end)
		return sip_fail(fault, ERR_SYNTAX, host.at, "the host is neither a name nor an IPv4 address");
	*ret_kind = SIP_HOST_NAME;
	return 0;
}

static int scan_port(const char **at, const char *end, uint16_t *ret_port, struct sip_fault *fault)
{
	const char *start = *at;
	unsigned value = 0;

	for (; *at < end && sip_is_digit(**at); ++*at) {
		value = value * 10 + (unsigned)(**at - '0');
		if (value > UINT16_MAX)
			return sip_fail(fault, ERR_RANGE, start, "the port is larger than 65535");
	}
	if (value == 0)
		return sip_fail(fault, ERR_SYNTAX, start, "a port number must follow the colon");
	*ret_port = (uint16_t)value;
	return 0;
}

int sip_host_scan(struct view text, bool blanks, struct sip_host *ret_host, const char **ret_end,
		  struct sip_fault *fault)
{
	const char *at = text.at, *end = sip_end(text), *colon;
	struct sip_host host = {0};
	struct net_address address;
	int error;

	if (at < end && *at == '[') {
		const char *close = memchr(at, ']', text.size);

		if (!close)
			return sip_fail(fault, ERR_SYNTAX, at, "the bracket of the IPv6 address is not closed");
		host.host = sip_between(at + 1, close);
		host.kind = SIP_HOST_IPV6;
		if (view_find(host.host, ':') == host.host.size || net_address_parse(host.host, &address))
			return sip_fail(fault, ERR_SYNTAX, at, "not an IPv6 address between the brackets");
		at = close + 1;
	} else {
		while (at < end && sip_is(*at, SIP_CLASS_HOST))
			at++;
		host.host = sip_between(text.at, at);
		error = classify_name(host.host, &host.kind, fault);
		if (error)
			return error;
	}
	colon = blanks ? sip_skip_blanks(at, end) : at;
	if (colon < end && *colon == ':') {
		at = colon + 1;
		if (blanks)
			at = sip_skip_blanks(at, end);
		error = scan_port(&at, end, &host.port, fault);
		if (error)
			return error;
	}
	*ret_host = host;
	*ret_end = at;
	return 0;
}
