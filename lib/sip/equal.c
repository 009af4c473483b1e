/* Comparing URIs: RFC 3261 19.1.4 for sip and sips, RFC 3966 section 5 for tel. And escapes, decoded and written. */
#include "lib/sip/scan.h"

/* One character of an escaped text: its value, and whether it was an escaped reserved one, which equals only itself
 * escaped ("%3B" is not ";"). */
struct unit {
	unsigned char c;
	bool is_reserved_escape;
};

static bool is_reserved(unsigned char c)
{
	return c != '\0' && strchr(";/?:@&=+$,", c);
}

/* Broken escapes stand for themselves; parsed URIs have none. */
static struct unit take_unit(struct view *rest)
{
	struct unit unit = {(unsigned char)rest->at[0], false};
	size_t size = 1;

	if (unit.c == '%' && rest->size >= 3 && sip_hex(rest->at[1]) >= 0 && sip_hex(rest->at[2]) >= 0) {
		unit.c = (unsigned char)(sip_hex(rest->at[1]) << 4 | sip_hex(rest->at[2]));
		unit.is_reserved_escape = is_reserved(unit.c);
		size = 3;
	}
	*rest = view_sub(*rest, size, rest->size);
	return unit;
}

static unsigned char fold(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

bool sip_is_equal_escaped(struct view a, struct view b, bool case_sensitive)
{
	while (a.size > 0 && b.size > 0) {
		struct unit x = take_unit(&a), y = take_unit(&b);

		if (x.is_reserved_escape != y.is_reserved_escape)
			return false;
		if (case_sensitive ? x.c != y.c : fold(x.c) != fold(y.c))
			return false;
	}
	return a.size == b.size;
}

bool sip_user_is_equal(struct view a, struct view b)
{
	return sip_is_equal_escaped(a, b, true);
}

static bool host_is_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	struct net_address x, y;

	if (a->host_kind != SIP_HOST_NAME && b->host_kind != SIP_HOST_NAME && !sip_uri_address(a, &x) &&
	    !sip_uri_address(b, &y))
		return net_address_is_equal(&x, &y);
	return a->host_kind == b->host_kind && view_equal_nocase(a->host, b->host);
}

/* Takes the next ";name=value" off. */
static bool take_param(struct view *rest, struct view *ret_name, struct view *ret_value)
{
	if (rest->size == 0)
		return false;
	*rest = view_sub(*rest, 1, rest->size);
	*ret_value = view_sub(*rest, 0, view_find(*rest, ';'));
	*rest = view_sub(*rest, ret_value->size, rest->size);
	*ret_name = view_cut(ret_value, '=');
	return true;
}

static bool find_param(struct view params, struct view name, struct view *ret_value)
{
	struct view other;

	while (take_param(&params, &other, ret_value))
		if (sip_is_equal_escaped(name, other, false))
			return true;
	return false;
}

static bool must_be_in_both(struct view name)
{
	static const char *const names[] = {"user", "ttl", "method", "maddr", "transport"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (view_is_nocase(name, names[i]))
			return true;
	return false;
}

/* Every parameter of a is in b with that value, or is of the kind that may be absent. */
static bool params_match(struct view a, struct view b, bool all_must_be_in_both)
{
	struct view name, value, other;

	while (take_param(&a, &name, &value)) {
		if (find_param(b, name, &other)) {
			if (!sip_is_equal_escaped(value, other, false))
				return false;
		} else if (all_must_be_in_both || must_be_in_both(name)) {
			return false;
		}
	}
	return true;
}

/* Every header of a is in b with the same value, as often. */
static bool headers_match(struct view a, struct view b)
{
	struct view rest_a = a;

	while (rest_a.size > 0) {
		struct view one = view_cut(&rest_a, '&'), rest = a, other;
		int balance = 0;

		while (rest.size > 0) {
			other = view_cut(&rest, '&');
			balance += sip_is_equal_escaped(one, other, false);
		}
		for (rest = b; rest.size > 0;) {
			other = view_cut(&rest, '&');
			balance -= sip_is_equal_escaped(one, other, false);
		}
		if (balance != 0)
			return false;
	}
	return true;
}

static bool next_digit(struct view *rest, unsigned char *ret_digit)
{
	while (rest->size > 0) {
		char c = rest->at[0];

		*rest = view_sub(*rest, 1, rest->size);
		if (c != '-' && c != '.' && c != '(' && c != ')') {
			*ret_digit = fold((unsigned char)c);
			return true;
		}
	}
	return false;
}

static bool tel_is_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	struct view x = a->user, y = b->user;
	unsigned char c, d;

	for (;;) {
		bool more_x = next_digit(&x, &c), more_y = next_digit(&y, &d);

		if (more_x != more_y)
			return false;
		if (!more_x)
			break;
		if (c != d)
			return false;
	}
	return params_match(a->params, b->params, true) && params_match(b->params, a->params, true);
}

bool sip_uri_is_equal(const struct sip_uri *a, const struct sip_uri *b)
{
	if (a->scheme != b->scheme)
		return false;
	if (a->scheme == SIP_SCHEME_TEL)
		return tel_is_equal(a, b);
	if (a->scheme == SIP_SCHEME_OTHER)
		return view_equal_nocase(a->scheme_text, b->scheme_text) && view_equal(a->user, b->user);
	if ((a->user.at == NULL) != (b->user.at == NULL) || (a->password.at == NULL) != (b->password.at == NULL))
		return false;
	if (!sip_is_equal_escaped(a->user, b->user, true) || !sip_is_equal_escaped(a->password, b->password, true))
		return false;
	if (!host_is_equal(a, b) || a->port != b->port)
		return false;
	if (!params_match(a->params, b->params, false) || !params_match(b->params, a->params, false))
		return false;
	return headers_match(a->headers, b->headers) && headers_match(b->headers, a->headers);
}

int sip_unescape(struct view escaped, struct text *text)
{
	const char *at = escaped.at, *end = sip_end(escaped);

	for (; at < end; at++) {
		if (*at != '%') {
			text_add_char(text, *at);
			continue;
		}
		if (end - at < 3 || sip_hex(at[1]) < 0 || sip_hex(at[2]) < 0)
			return ERR_SYNTAX;
		text_add_char(text, (char)(sip_hex(at[1]) << 4 | sip_hex(at[2])));
		at += 2;
	}
	return text->overflow ? ERR_TOO_LONG : 0;
}

void sip_escape_user(struct text *text, struct view raw)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < raw.size; i++) {
		unsigned char c = (unsigned char)raw.at[i];

		/* '#' is taken when it comes and escaped when it goes: the grammar wants it so */
		if (sip_is(raw.at[i], SIP_CLASS_USER) && c != '#') {
			text_add_char(text, raw.at[i]);
			continue;
		}
		text_add_char(text, '%');
		text_add_char(text, digits[c >> 4]);
		text_add_char(text, digits[c & 15]);
	}
}
