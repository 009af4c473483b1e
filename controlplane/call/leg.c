/* A leg: from transaction events to the machine's events, and what the machine remembers. */
#include "controlplane/call/leg.h"
#include "controlplane/call/callee.h"
#include "controlplane/call/session.h"
#include "controlplane/call/transfer.h"
#include "controlplane/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

enum leg_state leg_state(const struct leg *leg)
{
	return (enum leg_state)leg->fsm.state;
}

bool leg_is_up(const struct leg *leg)
{
	switch (leg_state(leg)) {
	case LEG_ANSWERED:
	case LEG_UP:
	case LEG_ASKED:
	case LEG_UPDATING:
	case LEG_CONFIRMING:
	case LEG_ASKING:
	case LEG_REFRESHING:
		return true;
	default:
		return false;
	}
}

bool leg_has_answered(const struct leg *leg)
{
	return leg_state(leg) == LEG_ACCEPTED || leg_state(leg) >= LEG_UP;
}

const char *leg_watched_state(const struct leg *leg)
{
	switch (leg_state(leg)) {
	case LEG_OFFERED:
	case LEG_CALLING:
		return "trying";
	case LEG_RINGING:
		return "early";
	case LEG_NEW:
	case LEG_PARTING:
	case LEG_CANCELLING:
	case LEG_ENDING:
	case LEG_GONE:
		return NULL;
	default:
		return "confirmed";
	}
}

/* So that further calls of that phone come to this worker. */
static void engage(struct leg *leg, bool is_in_call)
{
	struct worker *worker = leg->call->table->services.worker;

	if (!worker || leg->is_engaged == is_in_call)
		return;
	if (is_in_call)
		leg->is_engaged = worker_engage(worker, leg->extension);
	else
		worker_release(worker, leg->extension);
	leg->is_engaged &= is_in_call;
}

void leg_tell_watchers(struct leg *leg)
{
	const struct call_services *services = &leg->call->table->services;

	engage(leg, leg->extension[0] && leg_watched_state(leg));
	if (leg->extension[0] && services->on_extension)
		services->on_extension(services->on_extension_arg, leg->extension);
}

void leg_feed(struct leg *leg, enum leg_event event, const struct leg_input *input)
{
	static const struct leg_input nothing;
	const char *before = leg_watched_state(leg);

	fsm_feed(&leg->fsm, (uint8_t)event, loop_now_ms(leg->call->table->services.loop), input ? input : &nothing);
	record_leg_time(leg);
	if (leg_watched_state(leg) != before)
		leg_tell_watchers(leg);
}

/* What a lost transaction means depends on what the leg waits for. */
static void on_lost(void *arg)
{
	static const enum leg_event meaning[LEG_STATE_COUNT] = {
		[LEG_NEW] = LEG_CALL_END,
		[LEG_OFFERED] = LEG_PEER_NO_ACK,
		[LEG_ANSWERED] = LEG_PEER_NO_ACK,
		[LEG_PARTING] = LEG_PEER_NO_ACK,
		[LEG_CALLING] = LEG_PEER_FAILURE,
		[LEG_RINGING] = LEG_PEER_FAILURE,
		[LEG_CANCELLING] = LEG_PEER_FAILURE,
		[LEG_UP] = LEG_PEER_NO_ACK,
		[LEG_ASKED] = LEG_PEER_NO_ACK,
		[LEG_CONFIRMING] = LEG_PEER_NO_ACK,
		[LEG_UPDATING] = LEG_PEER_NO_ACK,
		[LEG_ASKING] = LEG_PEER_FAILURE,
		[LEG_REFRESHING] = LEG_PEER_FAILURE,
		[LEG_ACCEPTED] = LEG_PEER_NO_ACK,
		[LEG_ENDING] = LEG_PEER_BYE_DONE,
		[LEG_GONE] = LEG_PEER_BYE_DONE,
	};
	struct leg *leg = arg;
	struct leg_input input = {.status = 503};

	leg_feed(leg, meaning[leg_state(leg)], &input);
}

void leg_lose(struct leg *leg)
{
	loop_defer(leg->call->table->services.loop, &leg->lost);
}

struct leg *leg_new(struct call *call, enum cdr_side side)
{
	struct leg *leg = calloc(1, sizeof(*leg));

	if (!leg)
		return NULL;
	leg->call = call;
	leg->side = side;
	leg->sdp_session = leg->start_wall_ms = loop_wall_ms(call->table->services.loop);
	snprintf(leg->id, sizeof(leg->id), "%s-%u", call->id, call->leg_count++);
	fsm_init(&leg->fsm, &leg_machine, leg);
	loop_message_init(&leg->lost, on_lost, leg);
	list_init(&leg->relays);
	reliable_init(leg);
	timer_init(leg);
	carrier_init(leg);
	list_add(&call->legs, &leg->link);
	return leg;
}

static void forget(struct transaction **transaction)
{
	if (*transaction)
		transaction_set_handler(*transaction, NULL, NULL);
	*transaction = NULL;
}

void leg_free(struct leg *leg)
{
	engage(leg, false);
	relay_stop(leg);
	reliable_stop(leg);
	timer_stop(leg);
	carrier_leave(leg);
	forget(&leg->invite);
	forget(&leg->modify);
	forget(&leg->bye);
	dialog_free(leg->dialog);
	secure_text_free(leg->description);
	secure_text_free(leg->heard);
	secure_free(leg);
	free(leg->video);
	free(leg->crossed);
	free(leg->reason);
	loop_defer_cancel(leg->call->table->services.loop, &leg->lost);
	list_del(&leg->link);
	free(leg);
}

static void forget_ended(struct leg *leg, const struct transaction *transaction)
{
	struct transaction **all[] = {&leg->invite, &leg->modify, &leg->bye};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (*all[i] == transaction)
			*all[i] = NULL;
}

void leg_on_server_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct leg *leg = arg;
	struct leg_input input = {.message = event->message, .flow = event->flow};

	switch (event->type) {
	case TRANSACTION_CANCELLED:
		leg_feed(leg, LEG_PEER_CANCEL, &input);
		break;
	case TRANSACTION_TIMEOUT:
		leg_feed(leg, LEG_PEER_NO_ACK, &input);
		break;
	case TRANSACTION_TRANSPORT_ERROR:
		leg_lose(leg);
		break;
	case TRANSACTION_TERMINATED:
		forget_ended(leg, transaction);
		break;
	default:
		break;
	}
}

/* ---- what is remembered ---- */

void adopt(void *owner, const void *data)
{
	struct leg *leg = owner;
	const struct leg_input *input = data;
	struct view user_agent;

	/* Provisional responses may come without a tag; a 2xx without one is of an RFC 2543 phone and works as it is. */
	if (dialog_adopt(leg->dialog, input->message, input->flow) != 0)
		dialog_retarget(leg->dialog, input->message);
	user_agent = sip_header_find(input->message, SIP_HEADER_SERVER);
	if (!user_agent.at)
		user_agent = sip_header_find(input->message, SIP_HEADER_USER_AGENT);
	if (user_agent.at)
		snprintf(leg->user_agent, sizeof(leg->user_agent), "%.*s", VIEW_ARG(user_agent));
}

void retarget(void *owner, const void *data)
{
	struct leg *leg = owner;

	dialog_retarget(leg->dialog, ((const struct leg_input *)data)->message);
}

void keep_reinvite(void *owner, const void *data)
{
	struct leg *leg = owner;
	const struct leg_input *input = data;

	leg->modify = input->transaction;
	transaction_set_handler(leg->modify, leg_on_server_event, leg);
}

void confirm(void *owner, const void *data)
{
	struct leg *leg = owner;

	if (leg->modify) {
		transaction_acked(leg->modify);
		forget(&leg->modify);
	} else if (leg->invite) {
		transaction_acked(leg->invite);
	}
}

void forget_update(void *owner, const void *data)
{
	struct leg *leg = owner;

	forget(&leg->modify);
}

void note_failure(void *owner, const void *data)
{
	struct leg *leg = owner;

	leg->failure = ((const struct leg_input *)data)->status;
	free(leg->reason);
	leg->reason = crossing_reason(((const struct leg_input *)data)->message);
	crossing_keep(leg, ((const struct leg_input *)data)->message);
}

void leave(void *owner, const void *data)
{
	struct leg *leg = owner;

	forget(&leg->invite);
	forget(&leg->modify);
	forget(&leg->bye);
	relay_stop(leg);
	reliable_stop(leg);
	timer_stop(leg);
	carrier_leave(leg);
	session_close(leg);
	call_check_empty(leg->call);
}

void leg_take_over(struct leg *leg, struct leg *old)
{
	struct loop *loop = leg->call->table->services.loop;
	uint64_t left_ms = loop_timer_left_ms(loop, &old->timer.timer);

	leg->dialog = old->dialog;
	leg->dialog->owner = leg;
	old->dialog = NULL;
	leg->wants_mux = old->wants_mux;
	leg->profile = old->profile; /* but not its keys: they were used for another stream */
	leg->sdp_session = old->sdp_session;
	leg->sdp_version = old->sdp_version;
	leg->description = old->description;
	leg->heard = old->heard;
	old->description = old->heard = NULL;
	leg->knows_100rel = old->knows_100rel;
	leg->knows_timer = old->knows_timer;
	leg->knows_update = old->knows_update;
	leg->timer.interval_s = old->timer.interval_s;
	leg->timer.is_ours = old->timer.is_ours;
	if (left_ms > 0)
		loop_timer_start(loop, &leg->timer.timer, left_ms);
	leg->remote = old->remote;
	memcpy(leg->extension, old->extension, sizeof(leg->extension));
	memcpy(leg->sip_call_id, old->sip_call_id, sizeof(leg->sip_call_id));
	memcpy(leg->user_agent, old->user_agent, sizeof(leg->user_agent));
	memcpy(leg->codec, old->codec, sizeof(leg->codec));
	leg_feed(leg, LEG_CALL_TAKE, NULL);
	leg_feed(old, LEG_CALL_PART, NULL);
}

/* ---- what the call is told ---- */

static void tell(struct leg *leg, enum call_event event, const struct leg_input *input)
{
	struct call_input told = {.leg = leg, .message = input->message, .status = input->status};

	call_feed(leg->call, event, &told);
}

void tell_ringing(void *owner, const void *data)
{
	tell(owner, CALL_RINGING, data);
}

void tell_answered(void *owner, const void *data)
{
	tell(owner, CALL_ANSWERED, data);
}

void tell_failed(void *owner, const void *data)
{
	struct leg *leg = owner;

	if (carrier_fail_over(leg) || callee_fail_over(leg))
		return;
	LIST_FOREACH (link, &leg->call->legs) {
		const struct leg *other = LIST_ENTRY(link, struct leg, link);

		/* A carrier that was given up is still to answer its CANCEL; nobody waits for that. */
		if (other->side == leg->side && other->is_target == leg->is_target && leg_state(other) != LEG_GONE &&
		    leg_state(other) != LEG_CANCELLING)
			return;
	}
	tell(leg, CALL_ALL_FAILED, data);
}

void leg_leave_call(struct leg *leg, unsigned sip, unsigned q850, const char *text, const struct leg_input *input)
{
	enum call_event event = transfer_meaning_of_leaving(leg);

	if (event == CALL_LEG_LEFT && !leg->call->has_cause) {
		free(leg->call->reason);
		leg->call->reason = crossing_reason(input->message);
	}
	if (event == CALL_LEG_LEFT)
		call_note(leg->call, leg->side, sip, q850, text);
	tell(leg, event, input);
}

void tell_cancelled(void *owner, const void *data)
{
	leg_leave_call(owner, 487, 16, "cancelled", data);
}

void tell_hung_up(void *owner, const void *data)
{
	leg_leave_call(owner, 200, 16, "normal", data);
}

void tell_lost(void *owner, const void *data)
{
	leg_leave_call(owner, 408, 102, "no_ack", data);
}

void tell_confirmed(void *owner, const void *data)
{
	tell(owner, CALL_CONFIRMED, data);
}

void tell_modify(void *owner, const void *data)
{
	tell(owner, CALL_MODIFY, data);
}

void tell_modified(void *owner, const void *data)
{
	tell(owner, transfer_meaning_of_success(owner), data);
}

void tell_not_modified(void *owner, const void *data)
{
	struct leg *leg = owner;

	forget(&leg->modify);
	tell(leg, CALL_NOT_MODIFIED, data);
}

/* Only a dialog that is dead matters: what was agreed stays in force otherwise, and is tried again (RFC 4028 section 10). */
void tell_not_refreshed(void *owner, const void *data)
{
	const struct leg_input *input = data;
	struct leg *leg = owner;

	forget(&leg->modify);
	if (input->status == 408 || input->status == 481)
		leg_leave_call(leg, input->status, 102, "lost", data);
}
