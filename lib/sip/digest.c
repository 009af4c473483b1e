/* Digest challenges and credentials: "Digest realm="x", nonce="y"", parameters separated by commas. */
#include "lib/sip/scan.h"

int sip_auth_parse(struct view value, struct view *ret_scheme, struct view *ret_params)
{
	size_t size = 0;

	value = sip_trim(value);
	while (size < value.size && sip_is(value.at[size], SIP_CLASS_TOKEN))
		size++;
	if (size == 0 || (size < value.size && !sip_is_blank(value.at[size])))
		return ERR_SYNTAX;
	*ret_scheme = view_sub(value, 0, size);
	*ret_params = sip_trim(view_sub(value, size, value.size));
	return 0;
}

int sip_auth_param_next(struct view *rest, struct sip_param *ret_param)
{
	struct sip_param param = {0};
	const char *end = sip_end(*rest), *at = rest->at, *start;

	/* RFC 7235 section 7 asks receivers to bear empty list elements */
	while (at < end && (sip_is_blank(*at) || *at == ','))
		at++;
	if (at == end)
		return 0;
	for (start = at; at < end && sip_is(*at, SIP_CLASS_TOKEN);)
		at++;
	param.name = sip_between(start, at);
	at = sip_skip_blanks(at, end);
	if (param.name.size == 0 || at == end || *at != '=')
		return ERR_SYNTAX;
	at = sip_skip_blanks(at + 1, end);
	start = at;
	if (at < end && *at == '"') {
		at = sip_closing_quote(at, end);
		if (!at)
			return ERR_SYNTAX;
		param.value = sip_between(start + 1, at);
		param.is_quoted = true;
		at = sip_skip_blanks(at + 1, end);
	} else {
		while (at < end && sip_is(*at, SIP_CLASS_VALUE))
			at++;
		param.value = sip_between(start, at);
		at = sip_skip_blanks(at, end);
	}
	if (at < end && *at != ',')
		return ERR_SYNTAX;
	*rest = sip_between(at, end);
	*ret_param = param;
	return 1;
}

static const struct {
	const char *name;
	size_t offset;
} digest_rows[] = {
#define X(name) {#name, offsetof(struct sip_digest, name)},
	SIP_DIGEST_LIST(X)
#undef X
};

static int keep(struct sip_digest *digest, const struct sip_param *param)
{
	for (size_t i = 0; i < ARRAY_LEN(digest_rows); i++) {
		struct view *field = (struct view *)(void *)((char *)digest + digest_rows[i].offset);

		if (!view_is_nocase(param->name, digest_rows[i].name))
			continue;
		if (field->at)
			return ERR_SYNTAX;
		*field = param->value;
		break;
	}
	return 0;
}

int sip_digest_parse(struct view value, struct sip_digest *ret_digest)
{
	struct sip_digest digest = {0};
	struct view scheme, rest;
	struct sip_param param;
	int result = sip_auth_parse(value, &scheme, &rest);

	if (result)
		return result;
	if (!view_is_nocase(scheme, "Digest"))
		return ERR_UNSUPPORTED;
	while ((result = sip_auth_param_next(&rest, &param)) == 1)
		if (keep(&digest, &param))
			return ERR_SYNTAX;
	if (!result)
		*ret_digest = digest;
	return result;
}
