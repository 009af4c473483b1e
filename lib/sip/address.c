/* Name-addresses: From, To, Contact, Route and their kin. */
#include "lib/sip/scan.h"

/* What stands before the '<': a quoted string, or any text (RFC 3261 wants tokens; phones send names). */
static int scan_display(struct view value, const char *bracket, struct view *ret_display, struct sip_fault *fault)
{
	struct view display = sip_trim(sip_between(value.at, bracket));

	*ret_display = (struct view){NULL, 0};
	if (display.size == 0)
		return 0;
	if (display.at[0] == '"')
		display = sip_between(display.at + 1, sip_end(display) - 1);
	else if (view_find(display, '"') < display.size || view_find(display, '>') < display.size)
		return sip_fail(fault, ERR_SYNTAX, display.at, "the display name has a quote or bracket in its middle");
	*ret_display = display;
	return 0;
}

/* The '<' that opens the URI, or NULL when there is none. */
static int find_bracket(struct view value, const char **ret_bracket, struct sip_fault *fault)
{
	const char *at = value.at, *end = sip_end(value);

	if (at < end && *at == '"') {
		at = sip_closing_quote(at, end);
		if (!at)
			return sip_fail(fault, ERR_SYNTAX, value.at, "the quoted display name is not closed");
		at = sip_skip_blanks(at + 1, end);
		if (at == end || *at != '<')
			return sip_fail(fault, ERR_SYNTAX, at, "a URI in <> must follow the quoted display name");
	} else {
		/* a '<' in a quoted parameter does not open a URI */
		while (at < end && *at != '<' && *at != '"')
			at++;
	}
	*ret_bracket = at < end && *at == '<' ? at : NULL;
	return 0;
}

int sip_name_address_scan(struct view value, struct sip_name_address *ret_address, struct sip_fault *fault)
{
	struct sip_name_address address = {0};
	struct sip_param tag = {0};
	struct view uri;
	const char *end, *bracket, *at;
	int error;

	value = sip_trim(value);
	end = sip_end(value);
	error = find_bracket(value, &bracket, fault);
	if (error)
		return error;
	if (bracket) {
		const char *close = memchr(bracket, '>', (size_t)(end - bracket));

		if (!close)
			return sip_fail(fault, ERR_SYNTAX, bracket, "the < before the URI is not closed");
		error = scan_display(value, bracket, &address.display, fault);
		if (error)
			return error;
		uri = sip_between(bracket + 1, close);
		at = close + 1;
	} else {
		/* without <> a semicolon ends the URI, and "," and "?" may not be in it (RFC 3261 20.10) */
		at = value.at + view_find(value, ';');
		uri = sip_trim(sip_between(value.at, at));
		if (view_find(uri, '?') < uri.size || view_find(uri, ',') < uri.size)
			return sip_fail(fault, ERR_SYNTAX, uri.at,
					"a URI with a comma or question mark must stand in <>");
	}
	error = sip_uri_scan(uri, &address.uri, fault);
	if (error)
		return error;
	address.params = sip_between(sip_skip_blanks(at, end), end);
	error = sip_params_scan(address.params, &(struct sip_param_want){VIEW("tag"), &tag}, 1, fault);
	if (error)
		return error;
	if (tag.name.at) {
		if (tag.value.size == 0 || tag.is_quoted)
			return sip_fail(fault, ERR_SYNTAX, tag.name.at, "the tag is empty or quoted");
		if (tag.value.size > SIP_CALL_ID_MAX)
			return sip_fail(fault, ERR_TOO_LONG, tag.name.at, "the tag is too long");
		address.tag = tag.value;
	}
	*ret_address = address;
	return 0;
}

int sip_name_address_parse(struct view value, struct sip_name_address *ret_address)
{
	return sip_name_address_scan(value, ret_address, NULL);
}

/* The inside of a quoted string whose quotes and backslashes may or may not be escaped already. */
static void print_display(struct text *text, struct view display)
{
	text_add_char(text, '"');
	for (size_t i = 0; i < display.size; i++) {
		char c = display.at[i];
		bool escape = c == '\\' && i + 1 < display.size;

		if (c == '"' || (c == '\\' && !escape))
			text_add_char(text, '\\');
		text_add_char(text, c);
		if (escape)
			text_add_char(text, display.at[++i]);
	}
	text_add_char(text, '"');
}

void sip_name_address_print(struct text *text, const struct sip_name_address *address)
{
	if (address->display.at) {
		print_display(text, address->display);
		text_add_char(text, ' ');
	}
	text_add_char(text, '<');
	if (address->uri.text.at)
		text_add(text, address->uri.text);
	else
		sip_uri_print(text, &address->uri);
	text_add_char(text, '>');
	text_add(text, address->params);
}

int sip_q_parse(struct view params, unsigned *ret_thousandths)
{
	struct sip_param param;
	unsigned thousandths, weight = 100;

	if (!sip_param_find(params, "q", &param)) {
		*ret_thousandths = 1000;
		return 0;
	}
	if (param.is_quoted || param.value.size == 0 || param.value.size > 5)
		return ERR_SYNTAX;
	if ((param.value.at[0] != '0' && param.value.at[0] != '1') ||
	    (param.value.size > 1 && param.value.at[1] != '.'))
		return ERR_SYNTAX;
	thousandths = param.value.at[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < param.value.size; i++, weight /= 10) {
		if (!sip_is_digit(param.value.at[i]))
			return ERR_SYNTAX;
		thousandths += (unsigned)(param.value.at[i] - '0') * weight;
	}
	if (thousandths > 1000)
		return ERR_RANGE;
	*ret_thousandths = thousandths;
	return 0;
}
