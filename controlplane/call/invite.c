/* A new INVITE: who calls, may he, and where to. The first stop of a call. */
#include "controlplane/call/leg.h"
#include "controlplane/call/session.h"

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
	return view_is_nocase(extension, "100rel") || view_is_nocase(extension, "timer");
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

/* From of the INVITE to a callee: the caller under our own address, so that "call back" comes to us. */
static void print_caller(const struct call *call, const struct auth_account *account, const struct sip_message *invite,
			 const char *host, struct text *out)
{
	struct view display = account && account->name[0] ? view_of(account->name) : invite->from.display;
	struct view user = account ? view_of(account->number) : invite->from.uri.user;

	if (display.size > 0) {
		sip_quote(out, display);
		text_add_char(out, ' ');
	}
	text_printf(out, "<sip:");
	if (user.size > 0)
		text_printf(out, "%.*s@", VIEW_ARG(user));
	text_printf(out, "%s>", host);
}

static int add_callee(struct call *call, const struct registrar_contact *contact, const struct auth_account *account,
		      const struct sip_message *invite, const char *target)
{
	struct call_table *table = call->table;
	char call_id[CALL_ID_SIZE + 80], tag[17], caller[512], callee[256], host[NET_ENDPOINT_TEXT];
	struct leg *leg = leg_new(call, CDR_SIDE_CALLEE);
	struct text text;
	struct dialog_plan plan = {
		.call_id = call_id,
		.local_tag = tag,
		.local_party = caller,
		.remote_party = callee,
		.target = contact->uri,
		.max_forwards = invite->max_forwards > 0 ? (unsigned)invite->max_forwards - 1 : 0,
		.flow = contact->flow,
	};

	if (!leg)
		return ERR_NOMEM;
	dialog_print_host(table->services.transactions, &contact->flow, host);
	loop_random_token(table->services.loop, tag, sizeof(tag));
	snprintf(call_id, sizeof(call_id), "%s@%s", leg->id, host);
	snprintf(callee, sizeof(callee), "<sip:%s@%s>", target, host);
	text_init(&text, caller, sizeof(caller));
	print_caller(call, account, invite, host, &text);
	if (text.overflow)
		return ERR_TOO_LONG;
	leg->remote = contact->flow.remote;
	snprintf(leg->sip_call_id, sizeof(leg->sip_call_id), "%s", call_id);
	snprintf(leg->user_agent, sizeof(leg->user_agent), "%.*s", VIEW_ARG(contact->user_agent));
	return dialog_new_client(&table->dialogs, &plan, leg, &leg->dialog);
}

/* Fills the call with callees; the event that starts it. */
static enum call_event route(struct call *call, const struct auth_account *account, const struct sip_message *invite)
{
	struct call_table *table = call->table;
	struct registrar_contact contacts[CALL_LEGS_MAX - 1];
	struct routing_decision decision;
	unsigned invited = 0;
	size_t count;

	routing_decide(table->services.routing, VIEW_EMPTY, invite->uri.user.at ? invite->uri.user : VIEW_EMPTY,
		       &decision);
	log_call(LOG_LEVEL_INFO, "call", call->id, "%s calls %s: %s%s%s by %s", call->caller_party, call->callee_party,
		 routing_action_name(decision.action), decision.target[0] ? " " : "", decision.target,
		 decision.pattern[0] ? decision.pattern : "no pattern");
	if (decision.action == ROUTING_ECHO)
		return CALL_ECHO;
	if (decision.action == ROUTING_REJECT) {
		struct call_cause cause = cause_of_status(decision.code);

		call_note(call, CDR_SIDE_SYSTEM, decision.code, cause.q850, cause.text);
		return CALL_REFUSED;
	}
	if (!is_extension(table, decision.target)) {
		call_note(call, CDR_SIDE_SYSTEM, 404, 1, "unknown_extension");
		return CALL_REFUSED;
	}
	count = registrar_find(table->services.registrar, view_of(decision.target), contacts, ARRAY_LEN(contacts));
	for (size_t i = 0; i < count; i++)
		invited += add_callee(call, &contacts[i], account, invite, decision.target) == 0;
	if (invited > 0)
		return CALL_ROUTED;
	call_note(call, CDR_SIDE_SYSTEM, count > 0 ? 500 : 480, count > 0 ? 41 : 20,
		  count > 0 ? "no_memory" : "not_registered");
	return CALL_REFUSED;
}

/* The caller's leg: dialog and stream. 0, or the status to refuse with. */
static unsigned open_caller(struct call *call, struct transaction *transaction)
{
	const struct sip_message *invite = transaction_request(transaction);
	const struct transport_flow *flow = transaction_flow(transaction);
	struct leg *leg = call->caller;
	struct view user_agent = sip_header_find(invite, SIP_HEADER_USER_AGENT);
	int error =
		dialog_new_server(&call->table->dialogs, invite, flow, transaction_tag(transaction), leg, &leg->dialog);

	leg->remote = flow->remote;
	snprintf(leg->sip_call_id, sizeof(leg->sip_call_id), "%.*s", VIEW_ARG(invite->call_id));
	if (user_agent.at)
		snprintf(leg->user_agent, sizeof(leg->user_agent), "%.*s", VIEW_ARG(user_agent));
	if (error) {
		call_note(call, CDR_SIDE_SYSTEM, error == ERR_NOMEM ? 500 : 400, 111, "bad_dialog");
		return call->cause.sip;
	}
	call->is_offerless = !session_is_in(invite);
	if (!timer_on_request(leg, invite)) {
		call_note(call, CDR_SIDE_SYSTEM, 422, 127, "session_timer_too_short");
		return 422;
	}
	if (session_open(leg) != 0) {
		call_note(call, CDR_SIDE_SYSTEM, 503, 47, "no_media");
		return 503;
	}
	return 0;
}

void invite_receive(struct call_table *table, struct transaction *transaction)
{
	const struct sip_message *invite = transaction_request(transaction);
	struct transaction_reply reply = {0};
	const struct auth_account *account;
	struct leg_input offered = {.message = invite, .transaction = transaction};
	struct call_input start = {.message = invite};
	enum call_event event = CALL_REFUSED;
	struct call *call;

	if (!authenticate(table, transaction, &account))
		return;
	reply.status = judge(table, invite, &reply);
	call = reply.status ? NULL : call_new(table);
	if (!call) {
		reply.status = reply.status ? reply.status : 500;
		if (reply.status == 503)
			metrics_add(table->services.metrics, METRIC_ERROR_OVERLOAD, 1);
		transaction_respond(transaction, &reply);
		return;
	}
	call->caller->invite = transaction;
	transaction_set_handler(transaction, leg_on_server_event, call->caller);
	print_party(call->caller_party, &invite->from.uri);
	print_party(call->callee_party, &invite->uri);
	leg_feed(call->caller, LEG_PEER_INVITE, &offered);
	start.leg = call->caller;
	if (open_caller(call, transaction) == 0)
		event = route(call, account, invite);
	call_feed(call, event, &start);
}
