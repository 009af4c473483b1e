/* A newcomer takes a party's place: the actions of the call's machine. */
#include "controlplane/call/callee.h"
#include "controlplane/call/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/config.h"
#include "lib/log/log.h"

enum { RETRY_MS = 250, TRIES_MAX = 80, GLARE_MS = 2500 };

static struct loop *loop_of(const struct transfer *transfer)
{
	return transfer->call->table->services.loop;
}

static void not_joined(struct transfer *transfer, unsigned status)
{
	struct call_input input = {.leg = transfer->newcomer, .status = status};

	call_feed(transfer->call, CALL_NOT_JOINED, &input);
}

/* ---- who is to come ---- */

void invite_targets(void *owner, const void *data)
{
	struct call *call = owner;
	int error;

	loop_timer_start(call->table->services.loop, &call->ring_timer,
			 call->table->services.conf->sip.ring_timeout_s * 1000ull);
	if (callee_invite_next(call, true, &error) == 0)
		call_feed(call, CALL_ALL_FAILED, NULL);
}

void report_ringing(void *owner, const void *data)
{
	struct call *call = owner;
	unsigned status = ((const struct call_input *)data)->status;

	if (status > 100 && status != call->transfer->reported && status != call->transfer->next_report)
		transfer_report(call->transfer, status);
}

static void end_targets(struct call *call, const struct leg *but, unsigned status)
{
	struct leg_input end = {.status = status};

	LIST_FOREACH (link, &call->legs) {
		struct leg *leg = LIST_ENTRY(link, struct leg, link);

		if (!leg->is_target || leg == but)
			continue;
		leg_feed(leg, LEG_CALL_END, &end);
		session_close(leg);
	}
}

void take_newcomer(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct transfer *transfer = call->transfer;

	transfer->newcomer = input->leg;
	loop_timer_stop(loop_of(transfer), &call->ring_timer);
	end_targets(call, input->leg, 0);
	if (!session_is_in(input->message))
		not_joined(transfer, 488);
	else if (sip_message_new(input->message, &transfer->offer) != 0)
		not_joined(transfer, 500);
	else
		transfer_ask(transfer);
}

/* The caller is answered at once; the rest goes on when its ACK is there. */
void pick_up(void *owner, const void *data)
{
	struct call *call = owner;
	struct transfer *transfer = call->transfer;
	struct leg_input answer = {.body = view_of(call->caller->description)};

	transfer->is_replaced_gone = true;
	LIST_FOREACH (link, &call->legs) {
		struct leg *leg = LIST_ENTRY(link, struct leg, link);

		if (leg->side == CDR_SIDE_CALLEE && !leg->is_target)
			leg_feed(leg, LEG_CALL_END, NULL);
	}
	call_start_talk(call);
	session_commit(call->caller);
	leg_feed(call->caller, LEG_CALL_ANSWER, &answer);
	transfer_ask(transfer);
}

/* ---- who stays ---- */

void transfer_ask(struct transfer *transfer)
{
	struct leg *remaining = transfer->remaining, *other;
	struct leg_input modify;
	int error;

	if (transfer->call->fsm.state != CALL_JOINING || transfer->is_asked)
		return;
	if (leg_state(remaining) != LEG_UP) {
		if (++transfer->tries == TRIES_MAX)
			not_joined(transfer, 491);
		else
			loop_timer_start(loop_of(transfer), &transfer->retry, RETRY_MS);
		return;
	}
	if (!transfer->said_before && remaining->description)
		transfer->said_before = view_dup(view_of(remaining->description));
	other = transfer->offer ? transfer->newcomer : transfer_find_other(transfer);
	if (!other) {
		not_joined(transfer, 481);
		return;
	}
	error = transfer->offer ? session_pass(other, remaining, transfer->offer, false)
				: session_pass_again(other, remaining);
	if (error) {
		not_joined(transfer, 488);
		return;
	}
	transfer->is_asked = true;
	modify = (struct leg_input){.body = view_of(remaining->description)};
	leg_feed(remaining, LEG_CALL_MODIFY, &modify);
}

void ask_remaining(void *owner, const void *data)
{
	transfer_ask(((struct call *)owner)->transfer);
}

void ask_again_or_not(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct transfer *transfer = call->transfer;

	if (input->leg != transfer->remaining || !transfer->is_asked) {
		pass_not_modified(owner, data);
		return;
	}
	transfer->is_asked = false;
	if (input->status == 491 && ++transfer->tries < TRIES_MAX) {
		loop_timer_start(loop_of(transfer), &transfer->retry, GLARE_MS);
	} else if (input->status == 408 || input->status == 481) {
		call_note(call, input->leg->side, input->status, 102, "lost");
		call_feed(call, CALL_LEG_LEFT, input);
	} else {
		not_joined(transfer, input->status);
	}
}

void refuse_modify(void *owner, const void *data)
{
	const struct call_input *input = data;
	struct leg_input refusal = {.status = 491};

	leg_feed(input->leg, LEG_CALL_REFUSE, &refusal);
}

void note_replaced_left(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;

	if (input->leg == call->transfer->replaced)
		call->transfer->is_replaced_gone = true;
}

/* ---- together ---- */

/* The leg of the other call becomes one of this call. */
static struct leg *bring_over(struct transfer *transfer)
{
	struct leg *other = transfer_find_other(transfer);
	struct leg *leg =
		other && call_free_legs(transfer->call) > 0 ? leg_new(transfer->call, transfer->replaced->side) : NULL;

	if (!leg)
		return NULL;
	leg->is_target = true;
	leg->remote = other->remote;
	if (session_open(leg) != 0) {
		leg_feed(leg, LEG_CALL_END, NULL);
		return NULL;
	}
	leg_take_over(leg, other);
	snprintf(other->call->transferred_to, sizeof(other->call->transferred_to), "%s",
		 transfer->remaining->extension);
	call_note(other->call, CDR_SIDE_SYSTEM, 200, 16, "transferred");
	call_feed(other->call, CALL_HANG_UP, NULL);
	return leg;
}

static void note_target(struct call *call, const struct leg *newcomer)
{
	struct sip_name_address party;

	if (newcomer->extension[0])
		snprintf(call->transferred_to, sizeof(call->transferred_to), "%s", newcomer->extension);
	else if (sip_name_address_parse(view_of(newcomer->dialog->remote_party), &party) == 0)
		snprintf(call->transferred_to, sizeof(call->transferred_to), "%.*s", VIEW_ARG(party.uri.user));
}

/* In the way that fits it; see transfer.h. */
static void tell_newcomer(struct transfer *transfer)
{
	struct leg *newcomer = transfer->newcomer;
	struct leg_input input = {.message = transfer->offer, .body = view_of(newcomer->description)};

	transfer->is_newcomer_asked = !transfer->offer;
	leg_feed(newcomer,
		 !transfer->offer                      ? LEG_CALL_MODIFY
		 : leg_state(newcomer) == LEG_ACCEPTED ? LEG_CALL_CONFIRM
						       : LEG_CALL_ANSWER,
		 &input);
}

void join_newcomer(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct transfer *transfer = call->transfer;
	struct leg *remaining = transfer->remaining;

	transfer->is_asked = false;
	if (!transfer->offer)
		transfer->newcomer = session_is_in(input->message) ? bring_over(transfer) : NULL;
	if (!transfer->newcomer || !session_is_in(input->message) ||
	    session_pass(remaining, transfer->newcomer, input->message, transfer->offer != NULL) != 0) {
		transfer_give_up(transfer, 488);
		return;
	}
	session_commit(remaining);
	if (transfer->offer)
		session_commit(transfer->newcomer);
	if (transfer->newcomer->side == CDR_SIDE_CALLER)
		call->caller = transfer->newcomer;
	else
		call->callee = transfer->newcomer;
	transfer->newcomer->is_target = false;
	note_target(call, transfer->newcomer);
	session_close(transfer->replaced);
	session_join(remaining, transfer->newcomer);
	log_call(LOG_LEVEL_INFO, "call", call->id, "%s took the place of %s", call->transferred_to,
		 transfer->replaced->extension);
	tell_newcomer(transfer);
	transfer_report(transfer, 200);
}

/* ---- or not ---- */

void transfer_give_up(struct transfer *transfer, unsigned status)
{
	struct call *call = transfer->call;
	struct call_input left = {.leg = transfer->replaced};
	bool is_over = transfer->is_replaced_gone;

	loop_timer_stop(loop_of(transfer), &transfer->retry);
	loop_timer_stop(loop_of(transfer), &call->ring_timer);
	end_targets(call, NULL, status);
	if (transfer->said_before && !is_over) {
		secure_text_free(transfer->remaining->description);
		transfer->remaining->description = transfer->said_before;
		transfer->said_before = NULL;
	}
	transfer->newcomer = transfer->replaced = NULL;
	transfer_report(transfer, status);
	log_call(LOG_LEVEL_INFO, "call", call->id, "the transfer comes to nothing: %u", status);
	if (!is_over)
		return;
	call_note(call, CDR_SIDE_SYSTEM, status, cause_of_status(status).q850, "transfer_failed");
	call_feed(call, CALL_LEG_LEFT, &left);
}

void report_failures(void *owner, const void *data)
{
	struct call *call = owner;
	unsigned status = call_failure(call, true);

	transfer_give_up(call->transfer, status >= 300 ? status : 503);
}

void report_no_answer(void *owner, const void *data)
{
	transfer_give_up(((struct call *)owner)->transfer, 480);
}

void report_not_joined(void *owner, const void *data)
{
	const struct call_input *input = data;

	transfer_give_up(((struct call *)owner)->transfer, input->status >= 300 ? input->status : 487);
}

/* Nobody waits for this answer any more. */
void forget_joined(void *owner, const void *data)
{
	const struct call_input *input = data;

	input->leg->call->transfer->is_asked = false;
	if (session_is_in(input->message))
		session_take_answer(input->leg, input->message);
}
