/* Who calls: as we know it from an account, from a carrier that vouches for it, or from nothing but From; and how callees are
 * told. RFC 3325 (P-Asserted-Identity, Privacy), RFC 5806 (Diversion), RFC 7044 (History-Info). */
#include "controlplane/call/callee.h"
#include "controlplane/call/leg.h"

#include <stdio.h>

#include "controlplane/auth/auth.h"
#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"

static void set(char *to, size_t size, struct view from)
{
	snprintf(to, size, "%.*s", (int)MIN(from.size, size - 1), from.at ? from.at : "");
}

/* What a trusted carrier says of the caller: the first identity that is a sip or tel URI. */
static bool find_asserted(const struct sip_message *invite, struct sip_name_address *ret_identity)
{
	struct view value;

	SIP_HEADER_FOREACH (invite, SIP_HEADER_P_ASSERTED_IDENTITY, value)
		if (sip_name_address_parse(value, ret_identity) == 0 && ret_identity->uri.user.size > 0 &&
		    ret_identity->uri.scheme != SIP_SCHEME_OTHER)
			return true;
	return false;
}

/* What of Privacy (RFC 3323, RFC 7044 10.1.2) matters here; "none" is the caller's wish to be shown. */
static void read_privacy(struct call_identity *identity, const struct sip_message *invite)
{
	static const struct {
		const char *token;
		bool is_private, hides_history;
	} rows[] = {{"id", true, false},
		    {"user", true, false},
		    {"header", true, true},
		    {"session", false, true},
		    {"history", false, true}};
	struct view rest = sip_header_find(invite, SIP_HEADER_PRIVACY);
	bool is_hidden_by_name =
		view_is_nocase(invite->from.uri.host, "anonymous.invalid") ||
		view_is_nocase(invite->from.uri.user.at ? invite->from.uri.user : VIEW_EMPTY, "anonymous");

	identity->is_private = is_hidden_by_name;
	while (rest.size > 0) {
		struct view token = view_trim(view_cut(&rest, ';'));

		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (view_is_nocase(token, rows[i].token)) {
				identity->is_private |= rows[i].is_private;
				identity->hides_history |= rows[i].hides_history;
			}
		if (view_is_nocase(token, "none"))
			identity->is_private = identity->hides_history = false;
	}
}

void identity_init(struct call_identity *identity, const struct sip_message *invite, const struct auth_account *account,
		   const struct trunk *trunk)
{
	struct sip_name_address asserted = invite->from;

	if (trunk)
		(void)find_asserted(invite, &asserted);
	set(identity->number, sizeof(identity->number), account ? view_of(account->number) : asserted.uri.user);
	set(identity->display, sizeof(identity->display),
	    account && account->name[0] ? view_of(account->name) : asserted.display);
	set(identity->host, sizeof(identity->host), asserted.uri.host);
	identity->is_vouched = account || trunk;
	read_privacy(identity, invite);
}

void identity_set(struct call_identity *identity, struct view number, struct view display)
{
	*identity = (struct call_identity){.is_vouched = true};
	set(identity->number, sizeof(identity->number), number);
	set(identity->display, sizeof(identity->display), display);
}

static void print(const char *display, const char *number, const char *host, struct text *out)
{
	if (display[0]) {
		sip_quote(out, view_of(display));
		text_add_char(out, ' ');
	}
	text_printf(out, "<sip:%s%s%s>", number, number[0] ? "@" : "", host);
}

void identity_print(const struct call_identity *identity, const struct trunk *trunk, const char *host, struct text *out)
{
	const struct conf_trunk *conf = trunk ? trunk_conf(trunk) : NULL;

	if (conf && conf->caller_id == CONF_CALLER_ID_FIXED)
		print("", conf->caller_number, host, out);
	else if (identity->is_private || (conf && conf->caller_id == CONF_CALLER_ID_ANONYMOUS))
		print("Anonymous", "anonymous", "anonymous.invalid", out);
	else
		print(identity->display, identity->number, host, out);
}

/* What is told beside From, by us and nobody else (RFC 3325 section 7): to carriers the same, or what From hides; to our own phones,
 * which are people's, only what the caller does not hide. What a phone asserts or prefers itself is not read. */
static void write_asserted(struct sip_writer *out, const struct leg *leg, const struct conf_trunk *conf, bool is_hidden)
{
	const struct call *call = leg->call;
	char buffer[512], us[NET_ENDPOINT_TEXT];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	dialog_print_host(call->table->services.transactions, &leg->dialog->flow, us);
	if (is_hidden)
		print("", call->identity.number, conf && conf->username[0] ? conf->host : us, &text);
	else
		text_add_string(&text, leg->dialog->local_party);
	sip_write_header_view(out, SIP_HEADER_P_ASSERTED_IDENTITY, text_view(&text));
}

void identity_write(struct sip_writer *out, const struct leg *leg)
{
	const struct call *call = leg->call;
	const struct sip_message *invite =
		call->caller && call->caller->invite ? transaction_request(call->caller->invite) : NULL;
	const struct conf_trunk *conf = leg->carrier.trunk ? trunk_conf(leg->carrier.trunk) : NULL;
	bool is_fixed = conf && conf->caller_id == CONF_CALLER_ID_FIXED;
	bool is_hidden =
		!is_fixed && (call->identity.is_private || (conf && conf->caller_id == CONF_CALLER_ID_ANONYMOUS));

	if (conf && (is_fixed || call->identity.number[0]))
		write_asserted(out, leg, conf, is_hidden);
	else if (!conf && !is_hidden && call->identity.is_vouched && call->identity.number[0])
		write_asserted(out, leg, NULL, false);
	if (is_hidden)
		sip_write_header(out, SIP_HEADER_PRIVACY, "id");
	if (!invite || leg->is_target)
		return;
	crossing_write(out, invite, CROSSING_INVITE, is_hidden);
	if (!call->identity.hides_history)
		history_write(out, leg, invite);
}
