/* Who may change the parties of a call, and what that starts: REFER and INVITE with Replaces. */
#include "controlplane/call/transfer.h"
#include "controlplane/call/callee.h"

#include <stdlib.h>

#include "controlplane/auth/auth.h"
#include "controlplane/call/leg.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

enum { REPLACES_MAX = 1024 };

/* ---- life ---- */

static void on_retry(void *arg)
{
	transfer_ask(arg);
}

struct transfer *transfer_begin(struct leg *replaced, struct leg *remaining)
{
	struct call *call = replaced->call;
	struct transfer *transfer = calloc(1, sizeof(*transfer)), *old = call->transfer;

	if (!transfer)
		return NULL;
	if (old && old->replaced)
		leg_feed(old->replaced, LEG_CALL_END, NULL);
	transfer_free(old);
	transfer->call = call;
	transfer->replaced = replaced;
	transfer->remaining = remaining;
	loop_timer_init(&transfer->retry, on_retry, transfer);
	call->transfer = transfer;
	return transfer;
}

void transfer_free(struct transfer *transfer)
{
	if (!transfer)
		return;
	loop_timer_stop(transfer->call->table->services.loop, &transfer->retry);
	if (transfer->notify)
		transaction_set_handler(transfer->notify, NULL, NULL);
	sip_message_free(transfer->offer);
	free(transfer->other_dialog);
	secure_text_free(transfer->said_before);
	transfer->call->transfer = NULL;
	free(transfer);
}

bool transfer_holds(const struct call *call, const struct leg *leg)
{
	const struct transfer *transfer = call->transfer;

	return transfer && (leg == transfer->replaced || leg == transfer->remaining || leg == transfer->newcomer ||
			    leg == transfer->referrer);
}

void transfer_stop(struct call *call)
{
	struct transfer *transfer = call->transfer;

	if (!transfer)
		return;
	loop_timer_stop(call->table->services.loop, &transfer->retry);
	transfer->replaced = transfer->newcomer = NULL;
	transfer->is_asked = transfer->is_newcomer_asked = false;
	if (transfer->reported > 0 && transfer->reported < 200 && transfer->next_report < 200)
		transfer_report(transfer, 487);
}

/* ---- REFER ---- */

struct referral {
	struct sip_name_address refer_to;
	char replaces[REPLACES_MAX]; /* "": blind */
	bool is_silent;
};

/* The Replaces among the headers of the URI, decoded. */
static int find_replaces(const struct sip_uri *uri, char replaces[REPLACES_MAX])
{
	struct view rest = uri->headers, value;
	struct text text;

	text_init(&text, replaces, REPLACES_MAX);
	while (rest.size > 0) {
		value = view_cut(&rest, '&');
		if (!view_is_nocase(view_cut(&value, '='), "Replaces"))
			continue;
		if (!value.at || sip_unescape(value, &text) != 0 || text.overflow)
			return ERR_SYNTAX;
		return 0;
	}
	return 0;
}

static bool is_supported(struct view extension)
{
	return view_is_nocase(extension, "norefersub");
}

static void write_unsupported(struct sip_writer *out, void *arg)
{
	const struct sip_message *refer = arg;
	struct view token;

	SIP_HEADER_FOREACH (refer, SIP_HEADER_REQUIRE, token)
		if (!is_supported(token))
			sip_write_header_view(out, SIP_HEADER_UNSUPPORTED, token);
}

static unsigned read_referral(const struct sip_message *refer, struct referral *ret_referral)
{
	struct view value = sip_header_find(refer, SIP_HEADER_REFER_TO), method;
	const struct sip_uri *uri = &ret_referral->refer_to.uri;
	struct view token;

	SIP_HEADER_FOREACH (refer, SIP_HEADER_REQUIRE, token)
		if (!is_supported(token))
			return 420;
	if (!value.at || sip_name_address_parse(value, &ret_referral->refer_to) != 0 ||
	    find_replaces(uri, ret_referral->replaces) != 0)
		return 400;
	if (uri->scheme != SIP_SCHEME_SIP && uri->scheme != SIP_SCHEME_TEL)
		return 416;
	if (sip_uri_param(uri, "method", &method) && !view_is_nocase(method, "INVITE"))
		return 501;
	value = sip_header_find(refer, SIP_HEADER_REFER_SUB);
	ret_referral->is_silent = value.at && view_is_nocase(view_trim(view_cut(&value, ';')), "false");
	return 0;
}

/* Only phones of ours decide who talks at whose expense. */
static unsigned may_refer(const struct leg *leg)
{
	const struct call *call = leg->call;
	const struct leg *other = call_is_party(call, leg) ? call_other_leg(call, leg) : NULL;

	if (!leg->extension[0] || !other || other == leg)
		return 403;
	if (call->fsm.state == CALL_TRANSFERRING || call->fsm.state == CALL_JOINING)
		return 491;
	return call->fsm.state == CALL_UP && leg_is_up(leg) && leg_is_up(other) ? 0 : 403;
}

struct acceptance {
	struct leg *leg;
	bool is_silent;
};

static void write_acceptance(struct sip_writer *out, void *arg)
{
	const struct acceptance *acceptance = arg;

	leg_write_own_headers(out, acceptance->leg);
	if (acceptance->is_silent)
		sip_write_header(out, SIP_HEADER_REFER_SUB, "false");
}

/* Who stays, as the new callee shall see it. */
static void caller_of(const struct leg *remaining, struct call_identity *ret_caller)
{
	struct auth *auth = remaining->call->table->services.auth;
	const struct auth_account *account =
		remaining->extension[0] ? auth_find(auth, view_of(remaining->extension)) : NULL;
	struct view user = VIEW_EMPTY, display = VIEW_EMPTY;
	struct sip_name_address party;

	if (sip_name_address_parse(view_of(remaining->dialog->remote_party), &party) == 0) {
		display = party.display;
		user = party.uri.user;
	}
	if (account) {
		user = view_of(account->number);
		if (account->name[0])
			display = view_of(account->name);
	}
	identity_set(ret_caller, user, display);
}

static void start_blind(struct transfer *transfer, const struct sip_uri *target)
{
	struct call *call = transfer->call;
	struct routing_decision decision;
	struct call_identity caller;
	struct call_cause cause;

	caller_of(transfer->remaining, &caller);
	invite_decide(call->table, NULL, view_of(transfer->replaced->extension),
		      target->user.at ? target->user : VIEW_EMPTY, &decision);
	log_call(LOG_LEVEL_INFO, "call", call->id, "%s transfers to %.*s: %s %s", transfer->replaced->extension,
		 VIEW_ARG(target->user), routing_action_name(decision.action), decision.target);
	if (callee_add_legs(call, &decision, &caller, -1, transfer->replaced->side, &cause) == 0)
		call_feed(call, CALL_REFERRED, NULL);
	else
		transfer_give_up(transfer, cause.sip);
}

static void start_attended(struct transfer *transfer, const char *replaces)
{
	struct call_input input = {0};
	const struct leg *other;

	transfer->other_dialog = view_dup(view_of(replaces));
	other = transfer->other_dialog ? transfer_find_other(transfer) : NULL;
	log_call(LOG_LEVEL_INFO, "call", transfer->call->id, "%s transfers to the other party of call %s",
		 transfer->replaced->extension, other ? other->call->id : "that does not exist");
	if (other)
		call_feed(transfer->call, CALL_NEWCOMER, &input);
	else
		transfer_give_up(transfer, 481);
}

void transfer_on_refer(struct leg *leg, struct transaction *transaction)
{
	const struct sip_message *refer = transaction_request(transaction);
	struct referral referral = {0};
	struct acceptance acceptance = {.leg = leg};
	struct transaction_reply reply = {.status = 202, .headers = write_acceptance, .arg = &acceptance};
	struct transfer *transfer;
	unsigned status = read_referral(refer, &referral);

	status = status ? status : may_refer(leg);
	transfer = status ? NULL : transfer_begin(leg, call_other_leg(leg->call, leg));
	if (!transfer) {
		reply = (struct transaction_reply){.status = status ? status : 500};
		if (status == 420)
			reply.headers = write_unsupported;
		reply.arg = (void *)(uintptr_t)refer;
		transaction_respond(transaction, &reply);
		return;
	}
	acceptance.is_silent = referral.is_silent;
	transaction_respond(transaction, &reply);
	if (!referral.is_silent) {
		transfer->referrer = leg;
		transfer->event_id = leg->has_referred ? refer->cseq.number : 0;
		leg->has_referred = true;
		transfer_report(transfer, 100);
	}
	if (referral.replaces[0])
		start_attended(transfer, referral.replaces);
	else
		start_blind(transfer, &referral.refer_to.uri);
}

/* to-tag is ours, as who gets the INVITE sees it. Phones that took both out of dialog information (RFC 4235) write them as
 * the phone sees it that they watch: the other way round. Nobody can have meant anything else. */
static struct dialog *find_dialog(struct call_table *table, const struct sip_replaces *replaces)
{
	struct dialog *dialog =
		dialog_find_named(&table->dialogs, replaces->call_id, replaces->to_tag, replaces->from_tag);

	return dialog ? dialog
		      : dialog_find_named(&table->dialogs, replaces->call_id, replaces->from_tag, replaces->to_tag);
}

struct leg *transfer_find_other(const struct transfer *transfer)
{
	struct sip_replaces replaces;
	struct dialog *dialog;
	struct leg *leg, *other;

	if (sip_replaces_parse(view_of(transfer->other_dialog), &replaces) != 0)
		return NULL;
	dialog = find_dialog(transfer->call->table, &replaces);
	leg = dialog ? dialog->owner : NULL;
	if (!leg || leg->call == transfer->call || leg->call->fsm.state != CALL_UP || !call_is_party(leg->call, leg))
		return NULL;
	other = call_other_leg(leg->call, leg);
	return other && other != leg && leg_state(other) == LEG_UP ? other : NULL;
}

/* ---- INVITE with Replaces ---- */

unsigned transfer_find_replaced(struct call_table *table, const struct auth_account *account,
				const struct sip_message *invite, struct leg **ret_replaced)
{
	struct sip_replaces replaces;
	struct dialog *dialog;
	struct leg *leg;

	if (sip_replaces_parse(sip_header_find(invite, SIP_HEADER_REPLACES), &replaces) != 0)
		return 400;
	if (!account)
		return 403;
	dialog = find_dialog(table, &replaces);
	if (!dialog)
		return 481;
	leg = dialog->owner;
	*ret_replaced = leg;
	switch (leg_state(leg)) {
	case LEG_OFFERED: /* an early dialog can only be replaced by who began it (section 3) */
		return 481;
	case LEG_CALLING:
	case LEG_RINGING:
		if (leg->call->fsm.state != CALL_OFFERING)
			return 481;
		return leg->call->is_offerless || !session_is_in(invite) ? 488 : 0;
	case LEG_PARTING:
	case LEG_CANCELLING:
	case LEG_ENDING:
	case LEG_GONE:
		return 603;
	default:
		break;
	}
	if (replaces.is_early_only)
		return 486;
	if (leg->call->fsm.state != CALL_UP || !call_is_party(leg->call, leg))
		return 491;
	if (!call_other_leg(leg->call, leg) || !session_is_in(invite))
		return 488;
	return 0;
}

unsigned transfer_replace(struct leg *replaced, struct leg *newcomer, const struct sip_message *invite)
{
	struct call *call = replaced->call;
	bool is_early = call->fsm.state == CALL_OFFERING;
	struct leg *remaining = is_early ? call->caller : call_other_leg(call, replaced);
	struct call_input input = {.leg = newcomer, .message = invite};
	struct transfer *transfer;

	/* A caller who was promised early media gets what it was promised. */
	if (is_early && !remaining->description &&
	    (!remaining->invite || session_answer(remaining, transaction_request(remaining->invite)) != 0))
		return 488;
	transfer = transfer_begin(replaced, remaining);
	if (!transfer)
		return 500;
	transfer->newcomer = newcomer;
	if (sip_message_new(invite, &transfer->offer) != 0) {
		transfer_free(transfer);
		return 500;
	}
	log_call(LOG_LEVEL_INFO, "call", call->id, "%s %s the call of %s", newcomer->extension,
		 is_early ? "picks up" : "takes over", replaced->extension);
	call_feed(call, CALL_NEWCOMER, &input);
	return 0;
}

/* ---- what legs say ---- */

enum call_event transfer_meaning_of_leaving(const struct leg *leg)
{
	const struct call *call = leg->call;
	const struct transfer *transfer = call->transfer;

	if (!transfer)
		return CALL_LEG_LEFT;
	if (call->fsm.state == CALL_JOINING && leg == transfer->newcomer)
		return CALL_NOT_JOINED;
	if (leg == transfer->replaced)
		return CALL_REPLACED_LEFT;
	return call_is_party(call, leg) || call->fsm.state == CALL_OFFERING ? CALL_LEG_LEFT : CALL_REPLACED_LEFT;
}

enum call_event transfer_meaning_of_success(const struct leg *leg)
{
	struct transfer *transfer = leg->call->transfer;

	if (transfer && leg == transfer->newcomer)
		transfer->is_newcomer_asked = false;
	return transfer && transfer->is_asked && leg == transfer->remaining ? CALL_JOINED : CALL_MODIFIED;
}

bool transfer_on_not_modified(struct leg *leg, unsigned status)
{
	struct call *call = leg->call;
	struct transfer *transfer = call->transfer;
	struct call_input input = {.leg = leg};

	if (!transfer || !transfer->is_newcomer_asked || leg != transfer->newcomer || status == 408 || status == 481)
		return false;
	transfer->is_newcomer_asked = false;
	call_note(call, leg->side, status, cause_of_status(status).q850, "transfer_failed");
	call_feed(call, CALL_LEG_LEFT, &input);
	return true;
}
