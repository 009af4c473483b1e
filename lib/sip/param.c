/* Parameters, quoted strings and comma lists: the small change of every header value. */
#include "lib/sip/scan.h"

/* at stands behind the equal sign and its blanks. Leaves *ret_end behind the value. */
static int scan_param_value(const char *at, const char *end, struct sip_param *param, const char **ret_end,
			    struct sip_fault *fault)
{
	const char *start = at;

	if (at < end && *at == '"') {
		const char *close = sip_closing_quote(at, end);

		if (!close)
			return sip_fail(fault, ERR_SYNTAX, at, "the quoted string is not closed");
		param->value = sip_between(at + 1, close);
		param->is_quoted = true;
		*ret_end = close + 1;
		return 0;
	}
	while (at < end && sip_is(*at, SIP_CLASS_VALUE))
		at++;
	if (at == start)
		return sip_fail(fault, ERR_SYNTAX, at, "the parameter has an equal sign and no value");
	param->value = sip_between(start, at);
	*ret_end = at;
	return 0;
}

/* name [= value], blanks around each; *at is left behind it and its blanks. */
static int scan_param(const char **at, const char *end, struct sip_param *ret_param, struct sip_fault *fault)
{
	struct sip_param param = {0};
	const char *start = sip_skip_blanks(*at, end), *here = start;
	int error;

	while (here < end && sip_is(*here, SIP_CLASS_TOKEN))
		here++;
	if (here == start)
		return sip_fail(fault, ERR_SYNTAX, here, "a parameter name is missing");
	param.name = sip_between(start, here);
	here = sip_skip_blanks(here, end);
	if (here < end && *here == '=') {
		error = scan_param_value(sip_skip_blanks(here + 1, end), end, &param, &here, fault);
		if (error)
			return error;
		here = sip_skip_blanks(here, end);
	}
	*at = here;
	*ret_param = param;
	return 0;
}

int sip_param_scan(struct view *rest, struct sip_param *ret_param, struct sip_fault *fault)
{
	const char *end = sip_end(*rest), *at = sip_skip_blanks(rest->at, end);
	struct sip_param param;
	int error;

	if (at == end)
		return 0;
	if (*at != ';')
		return sip_fail(fault, ERR_SYNTAX, at, "a semicolon must separate parameters");
	at++;
	error = scan_param(&at, end, &param, fault);
	if (error)
		return error;
	*rest = sip_between(at, end);
	*ret_param = param;
	return 1;
}

int sip_param_next(struct view *rest, struct sip_param *ret_param)
{
	return sip_param_scan(rest, ret_param, NULL);
}

int sip_params_scan(struct view params, const struct sip_param_want *wants, size_t want_count, struct sip_fault *fault)
{
	struct sip_param param;
	int result;

	while ((result = sip_param_scan(&params, &param, fault)) == 1) {
		for (size_t i = 0; i < want_count; i++) {
			if (param.name.size != wants[i].name.size || !view_equal_nocase(param.name, wants[i].name))
				continue;
			if (wants[i].param->name.at)
				return sip_fail(fault, ERR_SYNTAX, param.name.at, "the parameter appears twice");
			*wants[i].param = param;
			break;
		}
	}
	return result;
}

bool sip_param_find(struct view params, const char *name, struct sip_param *ret_param)
{
	struct sip_param param;

	while (sip_param_next(&params, &param) == 1) {
		if (view_is_nocase(param.name, name)) {
			*ret_param = param;
			return true;
		}
	}
	return false;
}

int sip_param_u32(struct view params, const char *name, uint32_t max, uint32_t *ret_value)
{
	struct sip_param param;

	if (!sip_param_find(params, name, &param))
		return ERR_NOT_FOUND;
	return view_to_u32(param.value, max, ret_value);
}

void sip_unquote(struct view inner, struct text *text)
{
	for (size_t i = 0; i < inner.size; i++) {
		if (inner.at[i] == '\\' && i + 1 < inner.size)
			i++;
		text_add_char(text, inner.at[i]);
	}
}

void sip_quote(struct text *text, struct view raw)
{
	text_add_char(text, '"');
	for (size_t i = 0; i < raw.size; i++) {
		char c = raw.at[i];

		if (c == '"' || c == '\\')
			text_add_char(text, '\\');
		text_add_char(text, (unsigned char)c < ' ' || c == 0x7f ? ' ' : c);
	}
	text_add_char(text, '"');
}

bool sip_list_next(struct view *rest, struct view *ret_value)
{
	const char *at = rest->at, *end = sip_end(*rest), *start;
	bool in_brackets = false;

	while (at < end && (sip_is_blank(*at) || *at == ','))
		at++;
	if (at == end)
		return false;
	start = at;
	if (!memchr(at, ',', (size_t)(end - at)))
		at = end; /* one value, whatever is quoted in it */
	while (at < end && (*at != ',' || in_brackets)) {
		if (*at == '"' && !in_brackets) {
			const char *close = sip_closing_quote(at, end);

			at = close ? close : end - 1; /* an open quote takes the rest: the value's parser refuses it */
		} else if (*at == '<') {
			in_brackets = true;
		} else if (*at == '>') {
			in_brackets = false;
		}
		at++;
	}
	*ret_value = sip_trim(sip_between(start, at));
	*rest = at < end ? sip_between(at + 1, end) : sip_between(end, end);
	return true;
}

bool sip_list_has(struct view list, const char *token)
{
	struct view value;

	while (sip_list_next(&list, &value))
		if (view_is_nocase(sip_trim(view_cut(&value, ';')), token))
			return true;
	return false;
}
