/* A new INVITE: who calls, may he, and where to. The first stop of a call. */
#include "controlplane/call/leg.h"
#include "controlplane/call/callee.h"
#include "controlplane/call/session.h"
#include "controlplane/call/transfer.h"

#include <stdio.h>

#include "controlplane/auth/auth.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/overload/overload.h"
#include "controlplane/routing/routing.h"
#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

static void write_retry_after(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_RETRY_AFTER, "5");
}

/* No place for a call, whoever wants it. 0, or the status to refuse with; what is wrong with the INVITE itself was looked for
 * at the door (controlplane/inspection). */
static unsigned judge(struct call_table *table, bool is_emergency, struct transaction_reply *reply)
{
	const struct call_services *services = &table->services;

	uint32_t active =
		services->in_force ? atomic_load_explicit(services->in_force, memory_order_relaxed) : table->active;

	if ((active >= services->conf->sip.max_concurrent_calls && !is_emergency) || !media_is_ready(services->media)) {
		reply->headers = write_retry_after;
		return 503;
	}
	return 0;
}

bool call_table_needs_credentials(const struct call_table *table, const struct sip_message *invite,
				  const struct transport_flow *flow)
{
	if (trunk_of_peer(table->services.trunks, &flow->remote.address))
		return false;
	return !table->services.conf->sip.allow_guests || sip_header_is_present(invite, SIP_HEADER_AUTHORIZATION);
}

/* ---- where to ---- */

/* Whose routes apply: a carrier's, an extension's, or the default ones. */
static struct view context_of(const struct call_table *table, const struct trunk *trunk, struct view caller)
{
	const struct conf_extension *extension = call_find_extension(table, caller);

	if (trunk)
		return view_of(trunk_conf(trunk)->context);
	return extension ? view_of(extension->context) : VIEW_EMPTY;
}

void invite_decide(const struct call_table *table, const struct trunk *trunk, struct view caller, struct view dialled,
		   struct routing_decision *ret_decision)
{
	char number[ROUTING_NUMBER_SIZE], changed[TRUNK_NUMBER_SIZE];
	struct routing_moment moment;
	struct tm now;

	loop_local_time(table->services.loop, &now);
	moment = routing_moment_of(&now);
	if (trunk && routing_number_decode(dialled, number) == 0 &&
	    trunk_rewrite(trunk, CONF_REWRITE_IN, number, changed) == 0)
		dialled = view_of(changed);
	routing_decide(table->services.routing, context_of(table, trunk, caller), dialled, &moment, ret_decision);
}

static struct view dialled_of(const struct sip_message *invite)
{
	return invite->uri.user.at ? invite->uri.user : VIEW_EMPTY;
}

bool call_table_is_too_much(struct call_table *table, const struct sip_message *invite,
			    const struct transport_flow *flow)
{
	struct routing_decision decision;

	if (overload_has_room(table->services.overload))
		return false;
	/* Whoever says so of himself; credentials are looked at later. */
	invite_decide(table, trunk_of_peer(table->services.trunks, &flow->remote.address), invite->from.uri.user,
		      dialled_of(invite), &decision);
	return !decision.is_emergency;
}

/* Back through us and out again, or to the same phone: a loop. A number of ours that a carrier brings back is none. */
static bool is_loop(struct call_table *table, const struct trunk *trunk, const struct sip_message *invite,
		    const struct transport_flow *flow, const struct routing_decision *decision)
{
	return !(trunk && decision->action != ROUTING_TRUNK) && carrier_is_returned(table, invite, flow);
}

bool invite_authenticate(struct call_table *table, struct transaction *transaction,
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
		log_warning("call", "%.*s refused with %u: %s", VIEW_ARG(transaction_request(transaction)->method_text),
			    verdict.status, verdict.why);
	}
	reply.status = verdict.status;
	transaction_respond(transaction, &reply);
	return false;
}

static void print_party(char party[CDR_PARTY_SIZE], const struct sip_uri *uri)
{
	snprintf(party, CDR_PARTY_SIZE, "%.*s@%.*s", VIEW_ARG(uri->user), VIEW_ARG(uri->host));
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

static void refuse(struct call_table *table, struct transaction *transaction, struct transaction_reply *reply)
{
	if (reply->status == 503)
		metrics_add(table->services.metrics, METRIC_ERROR_OVERLOAD, 1);
	transaction_respond(transaction, reply);
}

/* What the call is, before anything is done for it. */
static void describe(struct call *call, const struct sip_message *invite, const struct auth_account *account,
		     struct trunk *trunk, const struct routing_decision *decision)
{
	call->is_emergency = decision->is_emergency;
	call->from_trunk = trunk;
	identity_init(&call->identity, invite, account, trunk);
	if (trunk)
		snprintf(call->caller_party, sizeof(call->caller_party), "%s@%s", call->identity.number,
			 call->identity.host);
	else if (account && !sip_user_is_equal(invite->from.uri.user, view_of(account->number)))
		snprintf(call->caller_party, sizeof(call->caller_party), "%s@%.*s", account->number,
			 VIEW_ARG(invite->uri.host)); /* anonymous for callees, not for us */
	else
		print_party(call->caller_party, &invite->from.uri);
	print_party(call->callee_party, &invite->uri);
	/* An extension stands for another: who is called then shall see for whom it was. */
	if (decision->action == ROUTING_EXTENSION && strcmp(decision->target, decision->number) != 0 &&
	    call_find_extension(call->table, view_of(decision->number)))
		call->forwarded_from = view_dup(view_of(decision->number));
	log_call(LOG_LEVEL_INFO, "call", call->id, "%s calls %s: %s%s%s by %s", call->caller_party, call->callee_party,
		 routing_action_name(decision->action), decision->target[0] ? " " : "", decision->target,
		 decision->pattern[0] ? decision->pattern : "no pattern");
}

/* The last of the limits. 0, or the status to refuse with. */
static unsigned take_places(struct call_table *table, struct trunk *trunk, bool is_emergency)
{
	if (!is_emergency && !overload_take(table->services.overload))
		return 503;
	return trunk && trunk_take_incoming(trunk) != 0 ? 503 : 0;
}

/* Fills the call with callees; the event that starts it. */
static enum call_event route(struct call *call, const struct sip_message *invite,
			     const struct routing_decision *decision)
{
	struct call_cause cause;

	if (decision->action == ROUTING_ECHO)
		return CALL_ECHO;
	if (callee_add_legs(call, decision, &call->identity, invite->max_forwards, CDR_SIDE_CALLEE, &cause) == 0)
		return CALL_ROUTED;
	call_note(call, CDR_SIDE_SYSTEM, cause.sip, cause.q850, cause.text);
	return CALL_REFUSED;
}

void invite_receive(struct call_table *table, struct transaction *transaction)
{
	const struct sip_message *invite = transaction_request(transaction);
	const struct transport_flow *flow = transaction_flow(transaction);
	struct trunk *trunk = trunk_of_peer(table->services.trunks, &flow->remote.address);
	struct transaction_reply reply = {.headers = NULL};
	const struct auth_account *account;
	struct call_input start = {.message = invite};
	enum call_event event = CALL_REFUSED;
	struct routing_decision decision;
	struct call_cause cause;
	struct call *call;

	if (!invite_authenticate(table, transaction, &account))
		return;
	invite_decide(table, trunk, account ? view_of(account->number) : VIEW_EMPTY, dialled_of(invite), &decision);
	reply.status = judge(table, decision.is_emergency, &reply);
	if (!reply.status && sip_header_is_present(invite, SIP_HEADER_REPLACES)) {
		receive_replacement(table, transaction, account);
		return;
	}
	if (reply.status == 0 && is_loop(table, trunk, invite, flow, &decision))
		reply.status = 482;
	if (reply.status == 0 && take_places(table, trunk, decision.is_emergency) != 0)
		reply = (struct transaction_reply){.status = 503, .headers = write_retry_after};
	if (reply.status) {
		refuse(table, transaction, &reply);
		return;
	}
	call = call_new(table);
	if (!call) {
		if (trunk)
			trunk_give_back(trunk);
		transaction_respond_status(transaction, 500);
		return;
	}
	describe(call, invite, account, trunk, &decision);
	call->is_offerless = !session_is_in(invite);
	start.leg = call->caller;
	if (take_invite(call->caller, transaction, account, &cause) == 0)
		event = route(call, invite, &decision);
	else
		call_note(call, cause.side, cause.sip, cause.q850, cause.text);
	call_feed(call, event, &start);
}
