/* A new INVITE: who calls, may he, and where to. The first stop of a call. */
#include "controlplane/call/leg.h"
#include "controlplane/call/session.h"
#include "controlplane/call/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/auth/auth.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/routing/routing.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

static void write_retry_after(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_RETRY_AFTER, "5");
}

/* What a caller may require. */
static bool is_supported(struct view extension)
{
	return view_is_nocase(extension, "100rel") || view_is_nocase(extension, "timer") ||
	       view_is_nocase(extension, "replaces");
}

static void write_unsupported(struct sip_writer *out, void *arg)
{
	const struct sip_message *invite = arg;
	struct view token;

	SIP_HEADER_FOREACH (invite, SIP_HEADER_REQUIRE, token)
		if (!is_supported(token))
			sip_write_header_view(out, SIP_HEADER_UNSUPPORTED, token);
}

static bool is_all_supported(const struct sip_message *invite)
{
	struct view token;

	SIP_HEADER_FOREACH (invite, SIP_HEADER_REQUIRE, token)
		if (!is_supported(token))
			return false;
	return true;
}

static void write_accept(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_ACCEPT, "application/sdp");
}

/* What cannot become a call whoever sends it. 0, or the status to refuse with. */
static unsigned judge(struct call_table *table, const struct sip_message *invite, struct transaction_reply *reply)
{
	const struct call_services *services = &table->services;

	if (invite->uri.scheme != SIP_SCHEME_SIP && invite->uri.scheme != SIP_SCHEME_TEL)
		return 416;
	if (!is_all_supported(invite)) {
		reply->headers = write_unsupported;
		reply->arg = (void *)(uintptr_t)invite;
		return 420;
	}
	if (invite->max_forwards == 0)
		return 483;
	if (invite->body.size > 0 && !sip_content_type_is(invite, "application/sdp")) {
		reply->headers = write_accept;
		return 415;
	}
	if (table->active >= services->conf->sip.max_concurrent_calls || !media_is_ready(services->media)) {
		reply->headers = write_retry_after;
		return 503;
	}
	return 0;
}

bool call_table_needs_credentials(const struct call_table *table, const struct sip_message *invite,
				  const struct transport_flow *flow)
{
	return !table->services.conf->sip.allow_guests || sip_header_is_present(invite, SIP_HEADER_AUTHORIZATION);
}

/* True when the caller is known, or guests are welcome; otherwise the answer was sent. */
static bool authenticate(struct call_table *table, struct transaction *transaction,
			 const struct auth_account **ret_account)
{
	const struct call_services *services = &table->services;
	struct auth_verdict verdict;
	struct transaction_reply reply = {.headers = auth_write_challenge, .arg = &verdict};

	*ret_account = NULL;
	if (!call_table_needs_credentials(table, transaction_request(transaction), transaction_flow(transaction)))
		return true;
	auth_check(services->auth, transaction_request(transaction), &transaction_flow(transaction)->remote,
		   AUTH_SERVER, loop_now_ms(services->loop), &verdict);
	*ret_account = verdict.account;
	if (verdict.result == AUTH_OK)
		return true;
	if (verdict.result != AUTH_CHALLENGE && verdict.result != AUTH_STALE) {
		metrics_add(services->metrics, METRIC_ERROR_AUTHENTICATION, 1);
		log_warning("call", "INVITE refused with %u: %s", verdict.status, verdict.why);
	}
	reply.status = verdict.status;
	transaction_respond(transaction, &reply);
	return false;
}

static void print_party(char party[CDR_PARTY_SIZE], const struct sip_uri *uri)
{
	snprintf(party, CDR_PARTY_SIZE, "%.*s@%.*s", VIEW_ARG(uri->user), VIEW_ARG(uri->host));
}

static int find_extension(const void *key, const void *member)
{
	const struct view *number = key;
	const struct conf_extension *const *extension = member;
	size_t size = strlen((*extension)->number);
	int order = memcmp(number->at, (*extension)->number, MIN(number->size, size));

	return order ? order : number->size < size ? -1 : number->size > size;
}

static bool is_extension(const struct call_table *table, const char *number)
{
	struct view key = view_of(number);

	return bsearch(&key, table->extensions, table->extension_count, sizeof(table->extensions[0]), find_extension);
}

void invite_caller_of(const struct auth_account *account, const struct sip_message *invite,
		      struct invite_caller *ret_caller)
{
	ret_caller->display = account && account->name[0] ? view_of(account->name) : invite->from.display;
	ret_caller->user = account ? view_of(account->number) : invite->from.uri.user;
	ret_caller->max_forwards = invite->max_forwards > 0 ? (unsigned)invite->max_forwards - 1 : 0;
}

/* From of the INVITE to a callee: the caller under our own address, so that "call back" comes to us. */
static void print_caller(const struct invite_caller *caller, const char *host, struct text *out)
{
	if (caller->display.size > 0) {
		sip_quote(out, caller->display);
		text_add_char(out, ' ');
	}
	text_printf(out, "<sip:");
	if (caller->user.size > 0)
		text_printf(out, "%.*s@", VIEW_ARG(caller->user));
	text_printf(out, "%s>", host);
}

static int add_leg(struct call *call, const struct registrar_contact *contact, const struct invite_caller *caller,
		   const char *target, enum cdr_side side)
{
	struct call_table *table = call->table;
	char call_id[CALL_ID_SIZE + 80], tag[17], from[512], to[256], host[NET_ENDPOINT_TEXT];
	struct leg *leg = leg_new(call, side);
	struct text text;
	struct dialog_plan plan = {
		.call_id = call_id,
		.local_tag = tag,
		.local_party = from,
		.remote_party = to,
		.target = contact->uri,
		.max_forwards = caller->max_forwards,
		.flow = contact->flow,
	};

	if (!leg)
		return ERR_NOMEM;
	dialog_print_host(table->services.transactions, &contact->flow, host);
	loop_random_token(table->services.loop, tag, sizeof(tag));
	snprintf(call_id, sizeof(call_id), "%s@%s", leg->id, host);
	snprintf(to, sizeof(to), "<sip:%s@%s>", target, host);
	text_init(&text, from, sizeof(from));
	print_caller(caller, host, &text);
	if (text.overflow)
		return ERR_TOO_LONG;
	leg->remote = contact->flow.remote;
	leg->is_target = call->transfer != NULL;
	snprintf(leg->extension, sizeof(leg->extension), "%s", target);
	snprintf(leg->sip_call_id, sizeof(leg->sip_call_id), "%s", call_id);
	snprintf(leg->user_agent, sizeof(leg->user_agent), "%.*s", VIEW_ARG(contact->user_agent));
	return dialog_new_client(&table->dialogs, &plan, leg, &leg->dialog);
}

int invite_add_legs(struct call *call, const struct routing_decision *decision, const struct invite_caller *caller,
		    enum cdr_side side, struct call_cause *ret_cause)
{
	struct call_table *table = call->table;
	struct registrar_contact contacts[CALL_LEGS_MAX - 1];
	size_t count, max = call_free_legs(call);
	unsigned added = 0;

	if (decision->action == ROUTING_REJECT) {
		*ret_cause = cause_of_status(decision->code);
		return ERR_NOT_FOUND;
	}
	if (decision->action != ROUTING_EXTENSION || !is_extension(table, decision->target)) {
		*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, 404, 1, "unknown_extension"};
		return ERR_NOT_FOUND;
	}
	count = registrar_find(table->services.registrar, view_of(decision->target), contacts,
			       MIN(max, ARRAY_LEN(contacts)));
	for (size_t i = 0; i < count; i++)
		added += add_leg(call, &contacts[i], caller, decision->target, side) == 0;
	if (added > 0)
		return 0;
	*ret_cause = count > 0 ? (struct call_cause){CDR_SIDE_SYSTEM, 500, 41, "no_memory"}
			       : (struct call_cause){CDR_SIDE_SYSTEM, 480, 20, "not_registered"};
	return ERR_NOT_FOUND;
}

/* Fills the call with callees; the event that starts it. */
static enum call_event route(struct call *call, const struct auth_account *account, const struct sip_message *invite)
{
	struct routing_decision decision;
	struct invite_caller caller;
	struct call_cause cause;

	routing_decide(call->table->services.routing, VIEW_EMPTY, invite->uri.user.at ? invite->uri.user : VIEW_EMPTY,
		       &decision);
	log_call(LOG_LEVEL_INFO, "call", call->id, "%s calls %s: %s%s%s by %s", call->caller_party, call->callee_party,
		 routing_action_name(decision.action), decision.target[0] ? " " : "", decision.target,
		 decision.pattern[0] ? decision.pattern : "no pattern");
	if (decision.action == ROUTING_ECHO)
		return CALL_ECHO;
	invite_caller_of(account, invite, &caller);
	if (invite_add_legs(call, &decision, &caller, CDR_SIDE_CALLEE, &cause) == 0)
		return CALL_ROUTED;
	call_note(call, CDR_SIDE_SYSTEM, cause.sip, cause.q850, cause.text);
	return CALL_REFUSED;
}

/* The leg of who sent the INVITE: dialog and stream. 0, or the status to refuse with. */
static unsigned open_leg(struct leg *leg, struct transaction *transaction, const struct auth_account *account,
			 struct call_cause *ret_cause)
{
	const struct sip_message *invite = transaction_request(transaction);
	const struct transport_flow *flow = transaction_flow(transaction);
	struct view user_agent = sip_header_find(invite, SIP_HEADER_USER_AGENT);
	int error;

	ret_cause->sip = 0;
	error = dialog_new_server(&leg->call->table->dialogs, invite, flow, transaction_tag(transaction), leg,
				  &leg->dialog);

	leg->remote = flow->remote;
	snprintf(leg->extension, sizeof(leg->extension), "%s", account ? account->number : "");
	snprintf(leg->sip_call_id, sizeof(leg->sip_call_id), "%.*s", VIEW_ARG(invite->call_id));
	if (user_agent.at)
		snprintf(leg->user_agent, sizeof(leg->user_agent), "%.*s", VIEW_ARG(user_agent));
	if (error)
		*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, error == ERR_NOMEM ? 500 : 400, 111, "bad_dialog"};
	else if (!timer_on_request(leg, invite))
		*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, 422, 127, "session_timer_too_short"};
	else if (session_open(leg) != 0)
		*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, 503, 47, "no_media"};
	else
		leg_tell_watchers(leg);
	return ret_cause->sip;
}

/* The transaction becomes the leg's; what it brings is told to the leg. */
static unsigned take_invite(struct leg *leg, struct transaction *transaction, const struct auth_account *account,
			    struct call_cause *ret_cause)
{
	struct leg_input offered = {.message = transaction_request(transaction), .transaction = transaction};

	leg->invite = transaction;
	transaction_set_handler(transaction, leg_on_server_event, leg);
	leg_feed(leg, LEG_PEER_INVITE, &offered);
	return open_leg(leg, transaction, account, ret_cause);
}

/* INVITE with Replaces (RFC 3891): into a call that exists. */
static void receive_replacement(struct call_table *table, struct transaction *transaction,
				const struct auth_account *account)
{
	const struct sip_message *invite = transaction_request(transaction);
	struct call_cause cause = {CDR_SIDE_SYSTEM, 500, 41, "no_memory"};
	struct leg *replaced, *leg;
	unsigned status = transfer_find_replaced(table, account, invite, &replaced);
	struct leg_input refusal;

	if (status) {
		transaction_respond_status(transaction, status);
		return;
	}
	leg = call_free_legs(replaced->call) > 0 ? leg_new(replaced->call, replaced->side) : NULL;
	if (!leg) {
		transaction_respond_status(transaction, 500);
		return;
	}
	leg->is_target = true;
	status = take_invite(leg, transaction, account, &cause);
	if (status == 0)
		status = transfer_replace(replaced, leg, invite);
	if (status == 0)
		return;
	refusal = (struct leg_input){.status = status};
	leg_feed(leg, LEG_CALL_END, &refusal);
}

void invite_receive(struct call_table *table, struct transaction *transaction)
{
	const struct sip_message *invite = transaction_request(transaction);
	struct transaction_reply reply = {0};
	const struct auth_account *account;
	struct call_input start = {.message = invite};
	enum call_event event = CALL_REFUSED;
	struct call_cause cause;
	struct call *call;

	if (!authenticate(table, transaction, &account))
		return;
	reply.status = judge(table, invite, &reply);
	if (!reply.status && sip_header_is_present(invite, SIP_HEADER_REPLACES)) {
		receive_replacement(table, transaction, account);
		return;
	}
	call = reply.status ? NULL : call_new(table);
	if (!call) {
		reply.status = reply.status ? reply.status : 500;
		if (reply.status == 503)
			metrics_add(table->services.metrics, METRIC_ERROR_OVERLOAD, 1);
		transaction_respond(transaction, &reply);
		return;
	}
	print_party(call->caller_party, &invite->from.uri);
	print_party(call->callee_party, &invite->uri);
	call->is_offerless = !session_is_in(invite);
	start.leg = call->caller;
	if (take_invite(call->caller, transaction, account, &cause) == 0)
		event = route(call, account, invite);
	else
		call_note(call, cause.side, cause.sip, cause.q850, cause.text);
	call_feed(call, event, &start);
}
