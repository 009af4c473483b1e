/* Header values: every parser of lib/sip/value.h sees every input. What has a printer must survive print and parse. */
#include "lib/sip/sip.h"
#include "tests/fuzz/fuzz.h"

static char printed[1 << 18], second[1 << 18];

static void try_name_address(struct view value)
{
	struct sip_name_address address, again;
	struct text t, t2;
	unsigned q;

	if (sip_name_address_parse(value, &address))
		return;
	MUST(is_inside(address.display, value) && is_inside(address.params, value) && is_inside(address.tag, value));
	if (!sip_q_parse(address.params, &q))
		MUST(q <= 1000);
	text_init(&t, printed, sizeof(printed));
	sip_name_address_print(&t, &address);
	if (t.overflow)
		return;
	MUST(sip_name_address_parse(text_view(&t), &again) == 0);
	MUST(view_equal(again.uri.text, address.uri.text) && view_equal(again.tag, address.tag));
	MUST(view_equal(again.params, address.params));
	text_init(&t2, second, sizeof(second));
	sip_name_address_print(&t2, &again);
	MUST(view_equal(text_view(&t), text_view(&t2)));
}

static void try_via(struct view value)
{
	static const struct net_endpoint source = {{NET_IPV6, {0}, {0x20, 1, 0xd, 0xb8, [15] = 9}}, 4711, 0};
	struct sip_via via, again;
	struct sip_writer w;
	struct view line;

	if (sip_via_parse(value, &via))
		return;
	MUST(is_inside(via.text, value) && is_inside(via.host, value) && is_inside(via.branch, value));
	MUST(is_inside(via.params, value) && is_inside(via.received, value) && is_inside(via.maddr, value));
	sip_writer_init(&w, printed, sizeof(printed));
	sip_write_top_via(&w, &via, &source);
	if (w.text.overflow || w.error || via.text.size > SIP_HEADER_VALUE_MAX)
		return;
	line = text_view(&w.text);
	line = view_trim(view_sub(line, 4, line.size));
	MUST(sip_via_parse(line, &again) == 0);
	MUST(view_equal(again.branch, via.branch) && view_equal(again.host, via.host) && again.port == via.port);
	MUST(again.has_rport == via.has_rport && (!again.has_rport || again.rport == 4711));
}

static void try_digest(struct view value)
{
	struct sip_digest digest;
	struct view scheme, rest;
	struct sip_param param;
	size_t count = 0;

	if (!sip_digest_parse(value, &digest)) {
#define X(name) MUST(is_inside(digest.name, value));
		SIP_DIGEST_LIST(X)
#undef X
	}
	if (sip_auth_parse(value, &scheme, &rest))
		return;
	while (sip_auth_param_next(&rest, &param) == 1)
		MUST(is_inside(param.name, value) && is_inside(param.value, value) && ++count <= value.size);
}

static void try_lists(struct view value)
{
	struct view rest = value, one;
	struct sip_param param;
	size_t count = 0;

	while (sip_list_next(&rest, &one))
		MUST(is_inside(one, value) && one.size > 0 && ++count <= value.size);
	(void)sip_list_has(value, "timer");
	rest = value;
	while (sip_param_next(&rest, &param) == 1)
		MUST(is_inside(param.name, value) && is_inside(param.value, value) && ++count <= 2 * value.size);
	MUST(sip_param_find(value, "a", &param) || !sip_param_find(value, "A", &param));
}

static void try_quotes(struct view value)
{
	struct text t, t2;

	text_init(&t, printed, sizeof(printed));
	sip_quote(&t, value);
	if (t.overflow)
		return;
	text_init(&t2, second, sizeof(second));
	sip_unquote(view_sub(text_view(&t), 1, t.size - 2), &t2);
	MUST(t2.size == value.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view value = {(const char *)data, size};
	struct sip_cseq cseq;
	struct sip_rack rack;
	struct sip_event event;
	struct sip_reason reason;
	struct sip_session_expires expires;
	struct sip_replaces replaces;

	try_name_address(value);
	try_via(value);
	try_digest(value);
	try_lists(value);
	try_quotes(value);
	if (!sip_cseq_parse(value, &cseq))
		MUST(is_inside(cseq.method_text, value));
	if (!sip_rack_parse(value, &rack))
		MUST(is_inside(rack.cseq.method_text, value));
	if (!sip_event_parse(value, &event))
		MUST(is_inside(event.package, value) && is_inside(event.id, value));
	if (!sip_reason_parse(value, &reason))
		MUST(is_inside(reason.protocol, value) && is_inside(reason.text, value));
	if (!sip_session_expires_parse(value, &expires))
		MUST(expires.refresher <= SIP_REFRESHER_UAS);
	if (!sip_replaces_parse(value, &replaces))
		MUST(is_inside(replaces.call_id, value) && replaces.to_tag.size > 0);
	return 0;
}
