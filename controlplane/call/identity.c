/* Who calls: as we know it from an account, from a carrier that vouches for it, or from nothing but From; and how callees are
 * told. RFC 3325 (P-Asserted-Identity, Privacy), RFC 5806 (Diversion), RFC 7044 (History-Info). */
#include "controlplane/call/callee.h"

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
	identity->is_private = sip_header_has(invite, SIP_HEADER_PRIVACY, "id") ||
			       view_find(sip_header_find(invite, SIP_HEADER_PRIVACY), ';') <
				       sip_header_find(invite, SIP_HEADER_PRIVACY).size;
}

void identity_set(struct call_identity *identity, struct view number, struct view display)
{
	*identity = (struct call_identity){.is_private = false};
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

/* What carriers are told beside From (RFC 3325 section 7): the same, or what From hides. */
static void write_asserted(struct sip_writer *out, const struct leg *leg, const struct conf_trunk *conf, bool is_hidden)
{
	const struct call *call = leg->call;
	char buffer[512], us[NET_ENDPOINT_TEXT];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	dialog_print_host(call->table->services.transactions, &leg->dialog->flow, us);
	if (is_hidden)
		print("", call->identity.number, conf->username[0] ? conf->host : us, &text);
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
	if (is_hidden)
		sip_write_header(out, SIP_HEADER_PRIVACY, "id");
	if (!invite || leg->is_target)
		return;
	sip_write_copy(out, invite, SIP_HEADER_DIVERSION);
	sip_write_copy(out, invite, SIP_HEADER_HISTORY_INFO);
}
