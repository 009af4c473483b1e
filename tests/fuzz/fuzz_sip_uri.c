/* URIs: one a line, two at most. Printing what was parsed parses to the same; equality is reflexive and symmetric. */
#include "lib/sip/sip.h"
#include "tests/fuzz/fuzz.h"

static bool try(struct view text, struct sip_uri *uri)
{
	static char printed[2 * SIP_URI_MAX], second[2 * SIP_URI_MAX], decoded[2 * SIP_URI_MAX],
		escaped[4 * SIP_URI_MAX];
	struct sip_uri again;
	struct text t, t2;
	struct net_address address;
	struct view value;

	if (sip_uri_parse(text, uri))
		return false;
	MUST(is_inside(uri->user, text) && is_inside(uri->password, text) && is_inside(uri->host, text));
	MUST(is_inside(uri->params, text) && is_inside(uri->headers, text) && is_inside(uri->scheme_text, text));
	text_init(&t, printed, sizeof(printed));
	sip_uri_print(&t, uri);
	/* longer only by a port with fewer leading zeros: never */
	MUST(!t.overflow && t.size <= text.size);
	MUST(sip_uri_parse(text_view(&t), &again) == 0);
	MUST(sip_uri_is_equal(uri, uri) && sip_uri_is_equal(uri, &again) && sip_uri_is_equal(&again, uri));
	text_init(&t2, second, sizeof(second));
	sip_uri_print(&t2, &again);
	MUST(view_equal(text_view(&t), text_view(&t2)));
	MUST(uri->host_kind == SIP_HOST_NAME || sip_uri_address(uri, &address) == 0);
	(void)sip_uri_param(uri, "transport", &value);
	if (uri->user.at && uri->scheme <= SIP_SCHEME_SIPS) {
		text_init(&t, decoded, sizeof(decoded));
		MUST(sip_unescape(uri->user, &t) == 0);
		text_init(&t2, escaped, sizeof(escaped));
		sip_escape_user(&t2, text_view(&t));
		MUST(!t2.overflow);
		text_init(&t, printed, sizeof(printed));
		MUST(sip_unescape(text_view(&t2), &t) == 0 && t.size > 0);
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = {(const char *)data, size}, first = view_cut(&rest, '\n');
	struct sip_uri a, b;

	if (try(first, &a) && rest.at && try(rest, &b))
		MUST(sip_uri_is_equal(&a, &b) == sip_uri_is_equal(&b, &a));
	return 0;
}
