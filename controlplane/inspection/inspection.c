/* The steps of RFC 3261 8.2.2 and 8.2.3, and the table of what each method may bring. */
#include "controlplane/inspection/inspection.h"

#include "controlplane/transaction/transaction.h"

enum { TOKENS_MAX = 4, BODIES_MAX = 3 };

static const struct row {
	enum sip_method method;
	bool goes_on;                   /* it is sent on to somebody: Max-Forwards counts */
	bool is_body_read;              /* a body of another type than these is refused */
	bool is_answered_in_sdp;        /* the answer holds a session description */
	const char *tokens[TOKENS_MAX]; /* what it may require */
	const char *bodies[BODIES_MAX];
} rows[] = {
	{SIP_METHOD_INVITE, true, true, true, {"100rel", "timer", "replaces"}, {"application/sdp"}},
	{SIP_METHOD_UPDATE, false, true, true, {"100rel", "timer"}, {"application/sdp"}},
	{SIP_METHOD_PRACK, false, true, false, {"100rel"}, {"application/sdp"}},
	{SIP_METHOD_OPTIONS, false, false, false, {"100rel", "timer", "replaces"}, {NULL}},
	{SIP_METHOD_MESSAGE, true, false, false, {NULL}, {NULL}},
	{SIP_METHOD_INFO, false, false, false, {NULL}, {NULL}},
	{SIP_METHOD_BYE, false, false, false, {"timer", "replaces"}, {NULL}},
};

static const struct row *find_row(enum sip_method method)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].method == method)
			return &rows[i];
	return NULL;
}

static bool may_require(const struct row *row, struct view token)
{
	for (size_t i = 0; i < TOKENS_MAX && row->tokens[i]; i++)
		if (view_is_nocase(token, row->tokens[i]))
			return true;
	return false;
}

static bool requires_too_much(const struct row *row, const struct sip_message *request)
{
	struct view token;

	SIP_HEADER_FOREACH (request, SIP_HEADER_REQUIRE, token)
		if (!may_require(row, token))
			return true;
	return false;
}

/* "handling=optional" (RFC 3261 20.11): whoever does not understand it goes on without it. */
static bool is_body_optional(const struct sip_message *request)
{
	struct view value = sip_header_find(request, SIP_HEADER_CONTENT_DISPOSITION);
	size_t at = value.at ? view_find(value, ';') : 0;
	struct sip_param handling;

	return value.at && at < value.size &&
	       sip_param_find(view_sub(value, at, value.size - at), "handling", &handling) &&
	       view_is_nocase(handling.value, "optional");
}

static bool has_readable_body(const struct row *row, const struct sip_message *request)
{
	struct view content;

	for (size_t i = 0; i < BODIES_MAX && row->bodies[i]; i++)
		if (sip_body_find(request, row->bodies[i], &content))
			return true;
	return is_body_optional(request);
}

/* A content coding other than none: RFC 3261 8.2.3. */
static bool is_encoded(const struct sip_message *request)
{
	struct view coding;

	SIP_HEADER_FOREACH (request, SIP_HEADER_CONTENT_ENCODING, coding)
		if (!view_is_nocase(coding, "identity"))
			return true;
	return false;
}

static bool accepts(const struct sip_message *request, const char *type)
{
	struct view range;

	if (!sip_header_is_present(request, SIP_HEADER_ACCEPT))
		return true;
	SIP_HEADER_FOREACH (request, SIP_HEADER_ACCEPT, range) {
		struct view name = view_trim(view_cut(&range, ';'));

		if (view_is_nocase(name, type) || view_is_nocase(name, "application/*") || view_is(name, "*/*"))
			return true;
	}
	return false;
}

static unsigned look(const struct row *row, const struct sip_message *request, const char **ret_why)
{
	bool has_body = request->body.size > 0;

	*ret_why = "the scheme of the Request-URI is not served here";
	if (request->uri.scheme != SIP_SCHEME_SIP && request->uri.scheme != SIP_SCHEME_SIPS &&
	    request->uri.scheme != SIP_SCHEME_TEL)
		return 416;
	*ret_why = "To names no SIP address";
	if (request->method == SIP_METHOD_REGISTER && request->to.uri.scheme != SIP_SCHEME_SIP &&
	    request->to.uri.scheme != SIP_SCHEME_SIPS)
		return 400;
	if (!row)
		return 0;
	*ret_why = "it requires an extension that is not known here";
	if (requires_too_much(row, request))
		return 420;
	*ret_why = "it passed through too many servers";
	if (row->goes_on && request->max_forwards == 0 && !request->to.tag.at)
		return 483;
	*ret_why = "its body is encoded";
	if (has_body && row->is_body_read && is_encoded(request))
		return 415;
	*ret_why = "its body is of a type that is not understood here";
	if (has_body && row->is_body_read && !has_readable_body(row, request))
		return 415;
	*ret_why = "it accepts no application/sdp, the only type of answer there is";
	if (row->is_answered_in_sdp && !accepts(request, "application/sdp"))
		return 406;
	return 0;
}

bool inspection_pass(const struct sip_message *request, struct inspection *ret_inspection)
{
	ret_inspection->request = request;
	ret_inspection->status = look(find_row(request->method), request, &ret_inspection->why);
	ret_inspection->is_for_members = ret_inspection->status != 400 && ret_inspection->status != 416;
	return ret_inspection->status == 0;
}

static void write_headers(struct sip_writer *out, void *arg)
{
	const struct inspection *inspection = arg;
	const struct row *row = find_row(inspection->request->method);
	struct view token;

	sip_write_header(out, SIP_HEADER_WARNING, "399 voxlane \"%s\"", inspection->why);
	if (inspection->status == 415 && is_encoded(inspection->request))
		sip_write_header(out, SIP_HEADER_ACCEPT_ENCODING, "identity");
	else if (inspection->status == 415)
		sip_write_header(out, SIP_HEADER_ACCEPT, "application/sdp");
	if (inspection->status != 420 || !row)
		return;
	SIP_HEADER_FOREACH (inspection->request, SIP_HEADER_REQUIRE, token)
		if (!may_require(row, token))
			sip_write_header_view(out, SIP_HEADER_UNSUPPORTED, token);
}

void inspection_refuse(struct inspection *inspection, struct transaction_reply *ret_reply)
{
	*ret_reply =
		(struct transaction_reply){.status = inspection->status, .headers = write_headers, .arg = inspection};
}
