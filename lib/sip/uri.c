/* SIP, SIPS and tel URIs: parsed in one pass from left to right, printed from their parts. */
#include "lib/sip/scan.h"

static enum sip_scheme classify_scheme(struct view text)
{
	if (sip_is_text(text, VIEW("sip")))
		return SIP_SCHEME_SIP;
	if (sip_is_text(text, VIEW("sips")))
		return SIP_SCHEME_SIPS;
	if (sip_is_text(text, VIEW("tel")))
		return SIP_SCHEME_TEL;
	return SIP_SCHEME_OTHER;
}

/* ";name=value;name": no empty name, no empty value, only paramchars, each name once (RFC 3261 19.1.1). */
static int check_params(struct view params, struct sip_fault *fault)
{
	struct view names[SIP_URI_PARAMS_MAX];
	const char *at = params.at, *end = sip_end(params);
	unsigned count = 0;

	while (at < end) {
		const char *next, *equals;
		struct view name, value;

		if (count == SIP_URI_PARAMS_MAX)
			return sip_fail(fault, ERR_TOO_LONG, at, "the URI has more than 32 parameters");
		at++; /* the semicolon */
		next = memchr(at, ';', (size_t)(end - at));
		if (!next)
			next = end;
		equals = memchr(at, '=', (size_t)(next - at));
		name = sip_between(at, equals ? equals : next);
		value = equals ? sip_between(equals + 1, next) : (struct view){next, 0};
		if (name.size == 0 || (equals && value.size == 0))
			return sip_fail(fault, ERR_SYNTAX, at, "an empty URI parameter");
		if (sip_first_outside(name, SIP_CLASS_PARAM))
			return sip_fail(fault, ERR_SYNTAX, at, "a character that cannot stand in a URI parameter");
		if (sip_first_outside(value, SIP_CLASS_PARAM))
			return sip_fail(fault, ERR_SYNTAX, value.at,
					"a character that cannot stand in a URI parameter");
		for (unsigned i = 0; i < count; i++)
			if (sip_is_equal_escaped(names[i], name, false))
				return sip_fail(fault, ERR_SYNTAX, at, "the URI parameter appears twice");
		names[count++] = name;
		at = next;
	}
	return 0;
}

static int check_headers(struct view headers, struct sip_fault *fault)
{
	struct view rest = headers;
	unsigned count = 0;

	do {
		struct view value = view_cut(&rest, '&');
		struct view name = view_cut(&value, '=');

		if (++count > SIP_URI_PARAMS_MAX)
			return sip_fail(fault, ERR_TOO_LONG, name.at, "the URI has more than 32 headers");
		if (name.size == 0 || !value.at)
			return sip_fail(fault, ERR_SYNTAX, name.at, "a URI header must be name=value");
		if (sip_first_outside(name, SIP_CLASS_HEADER) || sip_first_outside(value, SIP_CLASS_HEADER))
			return sip_fail(fault, ERR_SYNTAX, name.at, "a character that cannot stand in a URI header");
	} while (rest.at);
	return 0;
}

static int scan_userinfo(struct view userinfo, struct sip_uri *uri, struct sip_fault *fault)
{
	struct view rest = userinfo;
	const char *outside;

	uri->user = view_cut(&rest, ':');
	if (rest.at)
		uri->password = rest;
	if (uri->user.size == 0)
		return sip_fail(fault, ERR_SYNTAX, userinfo.at, "the user before the @ is empty");
	outside = sip_first_outside(uri->user, SIP_CLASS_USER);
	if (!outside && uri->password.at)
		outside = sip_first_outside(uri->password, SIP_CLASS_PASSWORD);
	if (outside)
		return sip_fail(fault, ERR_SYNTAX, outside, "a character that cannot stand in a URI's user part");
	return 0;
}

/* Everything behind "sip:". */
static int scan_sip(struct view rest, struct sip_uri *uri, struct sip_fault *fault)
{
	const char *end = sip_end(rest), *at;
	const char *sign = rest.size > 0 ? memchr(rest.at, '@', rest.size) : NULL;
	struct sip_host host;
	int error;

	if (sign) {
		error = scan_userinfo(sip_between(rest.at, sign), uri, fault);
		if (error)
			return error;
		rest = sip_between(sign + 1, end);
	}
	error = sip_host_scan(rest, false, &host, &at, fault);
	if (error)
		return error;
	uri->host = host.host;
	uri->host_kind = host.kind;
	uri->port = host.port;
	if (at < end && *at == ';') {
		const char *question = memchr(at, '?', (size_t)(end - at));

		uri->params = sip_between(at, question ? question : end);
		error = check_params(uri->params, fault);
		if (error)
			return error;
		at = sip_end(uri->params);
	}
	if (at < end && *at == '?') {
		uri->headers = sip_between(at + 1, end);
		error = check_headers(uri->headers, fault);
		if (error)
			return error;
		at = end;
	}
	if (at < end)
		return sip_fail(fault, ERR_SYNTAX, at, "a character that cannot stand here in a URI");
	return 0;
}

static int scan_tel(struct view rest, struct sip_uri *uri, struct sip_fault *fault)
{
	size_t semicolon = view_find(rest, ';');
	size_t digits = 0;

	uri->user = view_sub(rest, 0, semicolon);
	uri->params = view_sub(rest, semicolon, rest.size);
	for (size_t i = 0; i < uri->user.size; i++) {
		char c = uri->user.at[i];
		bool visual = c == '-' || c == '.' || c == '(' || c == ')';

		digits += !visual;
		if (!visual && sip_hex(c) < 0 && c != '*' && c != '#' && !(c == '+' && i == 0))
			return sip_fail(fault, ERR_SYNTAX, uri->user.at + i, "not a telephone number");
	}
	if (digits == 0)
		return sip_fail(fault, ERR_SYNTAX, rest.at, "the telephone number is missing");
	return check_params(uri->params, fault);
}

int sip_uri_scan(struct view text, struct sip_uri *ret_uri, struct sip_fault *fault)
{
	struct sip_uri uri = {.text = text};
	struct view rest;
	size_t size = 0;
	int error = 0;

	if (text.size > SIP_URI_MAX)
		return sip_fail(fault, ERR_TOO_LONG, text.at, "the URI is too long");
	while (size < text.size && text.at[size] != ':')
		size++;
	if (size == 0 || size == text.size || ((text.at[0] | 0x20) < 'a' || (text.at[0] | 0x20) > 'z'))
		return sip_fail(fault, ERR_SYNTAX, text.at, "a URI must begin with a scheme and a colon");
	uri.scheme_text = (struct view){text.at, size};
	for (size_t i = 0; i < size; i++)
		if (!sip_is(text.at[i], SIP_CLASS_HOST | SIP_CLASS_TOKEN))
			return sip_fail(fault, ERR_SYNTAX, text.at + i,
					"a character that cannot stand in a URI scheme");
	uri.scheme = classify_scheme(uri.scheme_text);
	rest = view_sub(text, size + 1, text.size);
	uri.host = uri.params = uri.headers = (struct view){sip_end(text), 0};
	switch (uri.scheme) {
	case SIP_SCHEME_SIP:
	case SIP_SCHEME_SIPS:
		error = scan_sip(rest, &uri, fault);
		break;
	case SIP_SCHEME_TEL:
		error = scan_tel(rest, &uri, fault);
		break;
	case SIP_SCHEME_OTHER:
		uri.user = rest;
		for (size_t i = 0; i < rest.size; i++)
			if (!sip_is(rest.at[i], 0xff))
				return sip_fail(fault, ERR_SYNTAX, rest.at + i,
						"a character that cannot stand in a URI");
		break;
	}
	if (!error)
		*ret_uri = uri;
	return error;
}

int sip_uri_parse(struct view text, struct sip_uri *ret_uri)
{
	return sip_uri_scan(text, ret_uri, NULL);
}

void sip_uri_print(struct text *text, const struct sip_uri *uri)
{
	static const char *const schemes[] = {"sip", "sips", "tel", ""};

	text_add(text, uri->scheme_text.at ? uri->scheme_text : view_of(schemes[uri->scheme]));
	text_add_char(text, ':');
	if (uri->user.at)
		text_add(text, uri->user);
	if (uri->password.at) {
		text_add_char(text, ':');
		text_add(text, uri->password);
	}
	if (uri->user.at && uri->scheme <= SIP_SCHEME_SIPS)
		text_add_char(text, '@');
	if (uri->host_kind == SIP_HOST_IPV6) {
		text_add_char(text, '[');
		text_add(text, uri->host);
		text_add_char(text, ']');
	} else {
		text_add(text, uri->host);
	}
	if (uri->port) {
		text_add_char(text, ':');
		text_add_u64(text, uri->port);
	}
	text_add(text, uri->params);
	if (uri->headers.size > 0) {
		text_add_char(text, '?');
		text_add(text, uri->headers);
	}
}

bool sip_uri_param(const struct sip_uri *uri, const char *name, struct view *ret_value)
{
	struct sip_param param;

	if (!sip_param_find(uri->params, name, &param))
		return false;
	*ret_value = param.value;
	return true;
}

int sip_uri_address(const struct sip_uri *uri, struct net_address *ret_address)
{
	if (uri->host.size == 0 || uri->host_kind == SIP_HOST_NAME)
		return ERR_NOT_FOUND;
	return net_address_parse(uri->host, ret_address);
}

enum sip_transport sip_uri_transport(const struct sip_uri *uri, enum sip_transport otherwise)
{
	struct view value;
	enum sip_transport transport = otherwise;

	if (sip_uri_param(uri, "transport", &value) && value.at)
		transport = sip_transport_parse(value);
	if (uri->scheme != SIP_SCHEME_SIPS)
		return transport;
	return transport == SIP_TRANSPORT_WS || transport == SIP_TRANSPORT_WSS ? SIP_TRANSPORT_WSS : SIP_TRANSPORT_TLS;
}
