/* The requests of a leg: INVITE, re-INVITE, ACK, CANCEL, BYE, and what becomes of their responses. */
#include "controlplane/call/leg.h"
#include "controlplane/call/callee.h"
#include "controlplane/call/session.h"

#include "lib/config/config.h"

static const struct view sdp_type = {"application/sdp", 15};

static struct transaction_layer *transactions(const struct leg *leg)
{
	return leg->call->table->services.transactions;
}

/* The 2xx of another branch of a forked INVITE: its dialog is acknowledged and ended at once (RFC 3261 13.2.2.4). */
static void end_stray(struct leg *leg, const struct transaction_event *event)
{
	struct dialog_plan plan = {
		.call_id = leg->dialog->call_id,
		.local_tag = leg->dialog->local_tag,
		.local_party = leg->dialog->local_party,
		.remote_party = leg->dialog->remote_party,
		.target = view_of(leg->dialog->remote_target),
		.flow = *event->flow,
	};
	struct transaction *bye;
	struct dialog *stray;

	if (dialog_new_client(&leg->call->table->dialogs, &plan, leg, &stray) != 0)
		return;
	stray->local_cseq = leg->invite_cseq;
	if (dialog_adopt(stray, event->message, event->flow) == 0) {
		dialog_begin_ack(stray, transactions(leg), leg->invite_cseq);
		if (transaction_send_stateless(transactions(leg), VIEW_EMPTY, VIEW_EMPTY) == 0) {
			dialog_begin(stray, transactions(leg), SIP_METHOD_BYE);
			if (transaction_send(transactions(leg), VIEW_EMPTY, VIEW_EMPTY, NULL, NULL, &bye) != 0)
				leg->failure = 503; /* nobody to tell: the branch will time out by itself */
		}
	}
	dialog_free(stray);
}

static void again(struct leg *leg, struct transaction *refused);

/* The same once more, with the answer to a carrier's challenge. False: the challenge is the last word. */
static bool prove(struct leg *leg, struct transaction *refused, const struct sip_message *challenge)
{
	if (!carrier_can_prove(leg, challenge, refused == leg->invite ? leg->invite_cseq : leg->modify_cseq))
		return false;
	leg->carrier.challenge = challenge;
	again(leg, refused);
	leg->carrier.challenge = NULL;
	return true;
}

static void on_invite_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct leg *leg = arg;
	struct leg_input input = {.message = event->message, .flow = event->flow, .status = event->status};
	bool is_response = event->type == TRANSACTION_RESPONSE;

	if (is_response)
		carrier_on_response(leg);
	if (event->type == TRANSACTION_TRANSPORT_ERROR) {
		leg_lose(leg);
	} else if (event->type == TRANSACTION_TERMINATED) {
		if (leg->invite == transaction)
			leg->invite = NULL;
		if (leg->modify == transaction)
			leg->modify = NULL;
	} else if (is_response && event->status == 100) {
		return;
	} else if (is_response && event->status < 200) {
		if (!reliable_on_provisional(leg, event->message))
			return;
		leg_feed(leg, LEG_PEER_PROVISIONAL, &input);
		reliable_acknowledge(leg, event->message, event->flow);
	} else if (is_response && event->status < 300) {
		if (transaction == leg->invite && leg->dialog->remote_tag[0] && leg_has_answered(leg) &&
		    !dialog_is_of(leg->dialog, event->message))
			end_stray(leg, event);
		else
			leg_feed(leg,
				 leg->is_offerless && transaction == leg->invite ? LEG_PEER_OFFER : LEG_PEER_SUCCESS,
				 &input);
	} else if (is_response && event->status == 422 && timer_on_too_small(leg, event->message)) {
		again(leg, transaction);
	} else if (!is_response || !prove(leg, transaction, event->message)) {
		leg_feed(leg, LEG_PEER_FAILURE, &input);
	}
}

static void on_bye_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct leg *leg = arg;

	if (event->type == TRANSACTION_TERMINATED)
		leg->bye = NULL;
	else if (event->type == TRANSACTION_TRANSPORT_ERROR)
		leg_lose(leg);
	else if (event->status >= 200)
		leg_feed(leg, LEG_PEER_BYE_DONE, NULL);
}

void leg_write_own_headers(struct sip_writer *out, const struct leg *leg)
{
	dialog_write_contact(transactions(leg), &leg->dialog->flow, out);
	sip_write_header(out, SIP_HEADER_ALLOW, CALL_ALLOW);
	sip_write_header(out, SIP_HEADER_SUPPORTED, CALL_SUPPORTED);
}

/* INVITE, re-INVITE, or UPDATE. */
static void ask(struct leg *leg, enum sip_method method, struct view body, struct transaction **transaction,
		uint32_t *cseq)
{
	struct sip_writer *out = dialog_begin(leg->dialog, transactions(leg), method);

	*cseq = leg->dialog->local_cseq;
	leg_write_own_headers(out, leg);
	timer_write_request(out, leg);
	carrier_write_proof(out, leg, method);
	if (transaction == &leg->invite)
		identity_write(out, leg);
	/* Without an offer in it a reliable provisional response would bring one, to be answered before anybody answers. */
	if (transaction == &leg->invite && body.size > 0)
		sip_write_header(out, SIP_HEADER_SUPPORTED, "100rel");
	sip_write_header(out, SIP_HEADER_USER_AGENT, "%s", leg->call->table->services.conf->sip.user_agent);
	if (transaction_send(transactions(leg), body.size > 0 ? sdp_type : VIEW_EMPTY, body, on_invite_event, leg,
			     transaction) != 0) {
		*transaction = NULL;
		leg_lose(leg);
	}
}

void send_invite(void *owner, const void *data)
{
	struct leg *leg = owner;

	struct view body = ((const struct leg_input *)data)->body;

	leg->is_offerless = body.size == 0;
	carrier_on_sent(leg);
	ask(leg, SIP_METHOD_INVITE, body, &leg->invite, &leg->invite_cseq);
}

void send_reinvite(void *owner, const void *data)
{
	struct leg *leg = owner;

	ask(leg, SIP_METHOD_INVITE, ((const struct leg_input *)data)->body, &leg->modify, &leg->modify_cseq);
}

/* The peer wanted a longer session timer: the same once more, with that. */
static void again(struct leg *leg, struct transaction *refused)
{
	bool is_first = refused == leg->invite;

	transaction_set_handler(refused, NULL, NULL);
	ask(leg, SIP_METHOD_INVITE, is_first && leg->is_offerless ? VIEW_EMPTY : view_of(leg->description),
	    is_first ? &leg->invite : &leg->modify, is_first ? &leg->invite_cseq : &leg->modify_cseq);
}

/* What was said last, said again; without a session description where the peer knows UPDATE (RFC 4028 7.4). */
void send_refresh(void *owner, const void *data)
{
	struct leg *leg = owner;

	leg->timer.is_update = leg->knows_update;
	if (leg->knows_update)
		ask(leg, SIP_METHOD_UPDATE, VIEW_EMPTY, &leg->modify, &leg->modify_cseq);
	else
		ask(leg, SIP_METHOD_INVITE, view_of(leg->description), &leg->modify, &leg->modify_cseq);
}

void send_ack(void *owner, const void *data)
{
	struct leg *leg = owner;
	struct view body = ((const struct leg_input *)data)->body;
	struct transaction **acked = leg->modify ? &leg->modify : &leg->invite;

	if (!*acked)
		return;
	if (!leg->modify || !leg->timer.is_update) {
		dialog_begin_ack(leg->dialog, transactions(leg), leg->modify ? leg->modify_cseq : leg->invite_cseq);
		if (transaction_ack(*acked, body.size > 0 ? sdp_type : VIEW_EMPTY, body) != 0)
			return; /* the peer repeats its 2xx, and hangs up when no ACK ever comes */
	}
	leg->timer.is_update = false;
	if (leg->modify) {
		/* The transaction goes on by itself and repeats the ACK as often as the 2xx comes. */
		transaction_set_handler(leg->modify, NULL, NULL);
		leg->modify = NULL;
	}
}

void send_cancel(void *owner, const void *data)
{
	struct leg *leg = owner;

	char buffer[512];
	struct text reason;

	text_init(&reason, buffer, sizeof(buffer));
	crossing_print_reason(leg->call, ((const struct leg_input *)data)->is_elsewhere, &reason);
	if (leg->invite)
		transaction_cancel(leg->invite, reason.overflow ? VIEW_EMPTY : text_view(&reason));
	else
		leg_lose(leg);
	session_close(leg);
}

void send_bye(void *owner, const void *data)
{
	struct leg *leg = owner;
	struct sip_writer *out;

	if (leg->modify)
		transaction_set_handler(leg->modify, NULL, NULL);
	leg->modify = NULL;
	session_close(leg);
	out = dialog_begin(leg->dialog, transactions(leg), SIP_METHOD_BYE);
	crossing_write_reason(out, leg->call, ((const struct leg_input *)data)->is_elsewhere);
	if (transaction_send(transactions(leg), VIEW_EMPTY, VIEW_EMPTY, on_bye_event, leg, &leg->bye) != 0) {
		leg->bye = NULL;
		leg_lose(leg);
	}
}
