/* The short headers: CSeq, Call-ID, RAck, Event, Reason, Session-Expires, Replaces. */
#include "lib/sip/scan.h"

/* The next word up to a blank. */
static struct view take_word(struct view *rest)
{
	const char *at = sip_skip_blanks(rest->at, sip_end(*rest)), *end = sip_end(*rest), *start = at;

	while (at < end && !sip_is_blank(*at))
		at++;
	*rest = sip_between(sip_skip_blanks(at, end), end);
	return sip_between(start, at);
}

int sip_cseq_scan(struct view value, struct sip_cseq *ret_cseq, struct sip_fault *fault)
{
	struct sip_cseq cseq;
	struct view rest = sip_trim(value), number = take_word(&rest);
	int error = view_to_u32(number, INT32_MAX, &cseq.number);

	if (error)
		return sip_fail(fault, error, number.at, "the CSeq number must be below 2^31");
	if (rest.size == 0 || !sip_all(rest, SIP_CLASS_TOKEN))
		return sip_fail(fault, ERR_SYNTAX, rest.at, "a method must follow the CSeq number");
	cseq.method_text = rest;
	cseq.method = sip_method_parse(rest);
	*ret_cseq = cseq;
	return 0;
}

int sip_cseq_parse(struct view value, struct sip_cseq *ret_cseq)
{
	return sip_cseq_scan(value, ret_cseq, NULL);
}

/* Any visible bytes: it is compared and never taken apart, and phones put base64 there against the grammar. */
int sip_call_id_scan(struct view value, struct sip_fault *fault)
{
	if (value.size > SIP_CALL_ID_MAX)
		return sip_fail(fault, ERR_TOO_LONG, value.at, "the Call-ID is too long");
	if (value.size == 0)
		return sip_fail(fault, ERR_SYNTAX, value.at, "the Call-ID is empty");
	for (size_t i = 0; i < value.size; i++)
		if ((unsigned char)value.at[i] <= ' ' || value.at[i] == 0x7f)
			return sip_fail(fault, ERR_SYNTAX, value.at + i, "a character that cannot stand in a Call-ID");
	return 0;
}

int sip_rack_parse(struct view value, struct sip_rack *ret_rack)
{
	struct sip_rack rack;
	struct view rest = sip_trim(value), number = take_word(&rest);
	int error = view_to_u32(number, UINT32_MAX, &rack.rseq);

	if (!error)
		error = sip_cseq_parse(rest, &rack.cseq);
	if (!error)
		*ret_rack = rack;
	return error;
}

/* "token;params": the head of Event, Reason, Session-Expires, Replaces. */
static int cut_params(struct view value, struct view *ret_head, struct view *ret_params)
{
	size_t semicolon = view_find(value, ';');
	struct view rest;
	struct sip_param param;
	int result;

	*ret_head = sip_trim(view_sub(value, 0, semicolon));
	*ret_params = rest = view_sub(value, semicolon, value.size);
	while ((result = sip_param_next(&rest, &param)) == 1)
		;
	return ret_head->size == 0 ? ERR_SYNTAX : result;
}

int sip_event_parse(struct view value, struct sip_event *ret_event)
{
	struct sip_event event = {0};
	struct sip_param id = {0};
	int error = cut_params(value, &event.package, &event.params);

	if (error)
		return error;
	if (!sip_all(event.package, SIP_CLASS_TOKEN))
		return ERR_SYNTAX;
	if (sip_param_find(event.params, "id", &id))
		event.id = id.value;
	*ret_event = event;
	return 0;
}

int sip_reason_parse(struct view value, struct sip_reason *ret_reason)
{
	struct sip_reason reason = {0};
	struct view params;
	struct sip_param param;
	int error = cut_params(value, &reason.protocol, &params);

	if (error)
		return error;
	if (!sip_all(reason.protocol, SIP_CLASS_TOKEN))
		return ERR_SYNTAX;
	error = sip_param_u32(params, "cause", UINT16_MAX, &reason.cause);
	if (error && error != ERR_NOT_FOUND)
		return error;
	if (sip_param_find(params, "text", &param))
		reason.text = param.value;
	*ret_reason = reason;
	return 0;
}

int sip_session_expires_parse(struct view value, struct sip_session_expires *ret_expires)
{
	struct sip_session_expires expires = {0};
	struct view seconds, params;
	struct sip_param param;
	int error = cut_params(value, &seconds, &params);

	if (!error)
		error = view_to_u32(seconds, UINT32_MAX, &expires.seconds);
	if (error)
		return error;
	if (sip_param_find(params, "refresher", &param)) {
		if (view_is_nocase(param.value, "uac"))
			expires.refresher = SIP_REFRESHER_UAC;
		else if (view_is_nocase(param.value, "uas"))
			expires.refresher = SIP_REFRESHER_UAS;
		else
			return ERR_SYNTAX;
	}
	*ret_expires = expires;
	return 0;
}

int sip_replaces_parse(struct view value, struct sip_replaces *ret_replaces)
{
	struct sip_replaces replaces = {0};
	struct sip_param to_tag = {0}, from_tag = {0}, early = {0};
	const struct sip_param_want wants[] = {
		{VIEW("to-tag"), &to_tag}, {VIEW("from-tag"), &from_tag}, {VIEW("early-only"), &early}};
	struct view params;
	int error = cut_params(value, &replaces.call_id, &params);

	if (!error)
		error = sip_params_scan(params, wants, ARRAY_LEN(wants), NULL);
	if (!error)
		error = sip_call_id_scan(replaces.call_id, NULL);
	if (error)
		return error;
	if (to_tag.value.size == 0 || from_tag.value.size == 0)
		return ERR_SYNTAX;
	replaces.to_tag = to_tag.value;
	replaces.from_tag = from_tag.value;
	replaces.is_early_only = early.name.at != NULL;
	*ret_replaces = replaces;
	return 0;
}
