/* Via: "SIP/2.0/UDP host:port;branch=..", with blanks wherever RFC 3261 allows them. */
#include "lib/sip/scan.h"

/* Takes the token and the slash behind it; blanks around both. */
static int take_token(const char **at, const char *end, bool slash, struct view *ret_token, struct sip_fault *fault)
{
	const char *start = sip_skip_blanks(*at, end), *here = start;

	while (here < end && sip_is(*here, SIP_CLASS_TOKEN))
		here++;
	if (here == start)
		return sip_fail(fault, ERR_SYNTAX, here, "a Via must begin with SIP/2.0/transport");
	*ret_token = sip_between(start, here);
	here = sip_skip_blanks(here, end);
	if (slash) {
		if (here == end || *here != '/')
			return sip_fail(fault, ERR_SYNTAX, here, "a Via must begin with SIP/2.0/transport");
		here++;
	}
	*at = here;
	return 0;
}

static struct view without_brackets(struct view v)
{
	if (v.size >= 2 && v.at[0] == '[' && v.at[v.size - 1] == ']')
		return view_sub(v, 1, v.size - 2);
	return v;
}

static int scan_params(struct sip_via *via, struct sip_fault *fault)
{
	struct sip_param branch = {0}, received = {0}, maddr = {0}, rport = {0};
	const struct sip_param_want wants[] = {{VIEW("branch"), &branch},
					       {VIEW("received"), &received},
					       {VIEW("maddr"), &maddr},
					       {VIEW("rport"), &rport}};
	uint32_t port = 0;
	int error = sip_params_scan(via->params, wants, ARRAY_LEN(wants), fault);

	if (error)
		return error;
	if (branch.name.at && branch.value.size == 0)
		return sip_fail(fault, ERR_SYNTAX, branch.name.at, "the branch is empty");
	if (branch.value.size > SIP_CALL_ID_MAX)
		return sip_fail(fault, ERR_TOO_LONG, branch.name.at, "the branch is too long");
	if (rport.value.at && view_to_u32(rport.value, UINT16_MAX, &port))
		return sip_fail(fault, ERR_RANGE, rport.name.at, "rport is not a port number");
	via->branch = branch.value;
	via->received = without_brackets(received.value);
	via->maddr = without_brackets(maddr.value);
	via->has_rport = rport.name.at != NULL;
	via->rport = (uint16_t)port;
	return 0;
}

int sip_via_scan(struct view value, struct sip_via *ret_via, struct sip_fault *fault)
{
	struct sip_via via = {0};
	struct view protocol, version;
	struct sip_host host;
	const char *at, *end;
	int error;

	via.text = value = sip_trim(value);
	at = value.at;
	end = sip_end(value);
	error = take_token(&at, end, true, &protocol, fault);
	if (!error)
		error = take_token(&at, end, true, &version, fault);
	if (!error)
		error = take_token(&at, end, false, &via.transport_text, fault);
	if (error)
		return error;
	via.transport = sip_transport_parse(via.transport_text);
	if (at == sip_end(via.transport_text))
		return sip_fail(fault, ERR_SYNTAX, at, "a blank must separate transport and host in a Via");
	error = sip_host_scan(sip_between(at, end), true, &host, &at, fault);
	if (error)
		return error;
	via.host = host.host;
	via.host_kind = host.kind;
	via.port = host.port;
	at = sip_skip_blanks(at, end);
	via.params = sip_between(at, at);
	*ret_via = via;
	if (at < end && *at != ';')
		return sip_fail(fault, ERR_SYNTAX, at, "a character that cannot stand here in a Via");
	via.params = sip_between(at, end);
	error = scan_params(&via, fault);
	if (error)
		return error;
	*ret_via = via;
	if (!sip_is_text(protocol, VIEW("SIP")) || !view_is(version, "2.0"))
		return sip_fail(fault, ERR_VERSION, value.at, "the Via is of another protocol than SIP/2.0");
	return 0;
}

int sip_via_parse(struct view value, struct sip_via *ret_via)
{
	struct sip_via via;
	int error = sip_via_scan(value, &via, NULL);

	if (!error)
		*ret_via = via;
	return error;
}

bool sip_via_has_cookie(const struct sip_via *via)
{
	return via->branch.size > sizeof(SIP_BRANCH_COOKIE) - 1 &&
	       view_equal_nocase(view_sub(via->branch, 0, sizeof(SIP_BRANCH_COOKIE) - 1), VIEW(SIP_BRANCH_COOKIE));
}
