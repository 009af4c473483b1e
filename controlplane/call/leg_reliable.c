/* Provisional responses that arrive for sure: RFC 3262. Toward a caller that knows 100rel, those that carry a session
 * description (or all, when it requires that) are repeated until their PRACK comes; a callee's are acknowledged here. The
 * two sides of a call do not know of each other's. */
#include "controlplane/call/leg.h"
#include "controlplane/call/session.h"

enum { FIRST_MS = 500, GIVE_UP_MS = 32000 };

static const struct view sdp_type = {"application/sdp", 15};

struct provisional {
	struct leg *leg;
	bool is_sure;
};

static void write_headers(struct sip_writer *out, void *arg)
{
	const struct provisional *provisional = arg;

	leg_write_own_headers(out, provisional->leg);
	crossing_write_kept(out, provisional->leg);
	if (provisional->is_sure) {
		sip_write_header(out, SIP_HEADER_REQUIRE, "100rel");
		sip_write_header_u32(out, SIP_HEADER_RSEQ, provisional->leg->reliable.rseq);
	}
}

static void send(struct leg *leg, unsigned status, struct view body, bool is_sure)
{
	struct provisional provisional = {leg, is_sure};
	struct transaction_reply reply = {
		.status = status,
		.to_tag = leg->dialog->local_tag,
		.headers = write_headers,
		.arg = &provisional,
		.content_type = body.size > 0 ? sdp_type : VIEW_EMPTY,
		.body = body,
	};

	if (leg->invite && transaction_respond(leg->invite, &reply) != 0)
		leg_lose(leg);
}

/* What it carries: the session description said last, if any was said. */
static struct view body_of(const struct leg *leg)
{
	return leg->call->is_offerless ? VIEW_EMPTY : view_of(leg->description);
}

static void repeat(struct leg *leg)
{
	struct leg_reliable *reliable = &leg->reliable;

	send(leg, reliable->status, body_of(leg), true);
	loop_timer_start(leg->call->table->services.loop, &reliable->timer, reliable->interval_ms);
}

static void on_timer(void *arg)
{
	struct leg *leg = arg;
	struct leg_reliable *reliable = &leg->reliable;
	struct call_input input = {.leg = leg};

	reliable->waited_ms += reliable->interval_ms;
	if (reliable->waited_ms >= GIVE_UP_MS) {
		reliable->interval_ms = 0;
		call_note(leg->call, CDR_SIDE_CALLER, 504, 102, "no_prack");
		call_feed(leg->call, CALL_LEG_LEFT, &input);
		return;
	}
	reliable->interval_ms = MIN(reliable->interval_ms * 2, GIVE_UP_MS - reliable->waited_ms);
	repeat(leg);
}

void reliable_init(struct leg *leg)
{
	loop_timer_init(&leg->reliable.timer, on_timer, leg);
}

void reliable_stop(struct leg *leg)
{
	loop_timer_stop(leg->call->table->services.loop, &leg->reliable.timer);
	leg->reliable.interval_ms = 0;
}

void reliable_send(struct leg *leg, unsigned status, struct view body)
{
	struct leg_reliable *reliable = &leg->reliable;
	bool is_required =
		leg->invite && sip_header_has(transaction_request(leg->invite), SIP_HEADER_REQUIRE, "100rel");

	if (status == 100 || !leg->knows_100rel || (body.size == 0 && !is_required)) {
		send(leg, status, body, false);
	} else if (reliable->interval_ms > 0) {
		reliable->next_status = status; /* one at a time (section 3) */
	} else {
		if (reliable->rseq == 0)
			loop_random(leg->call->table->services.loop, &reliable->rseq, sizeof(reliable->rseq));
		/* The first one is to be between 1 and 2^31 - 1 (section 3); small ones read better. */
		reliable->rseq = reliable->rseq % 1000000 + 1;
		reliable->status = status;
		reliable->interval_ms = FIRST_MS;
		reliable->waited_ms = 0;
		repeat(leg);
	}
}

bool reliable_holds_answer(struct leg *leg)
{
	leg->reliable.is_answer_held = leg->reliable.interval_ms > 0 && !leg->modify;
	return leg->reliable.is_answer_held;
}

void reliable_on_prack(struct leg *leg, struct transaction *transaction)
{
	const struct sip_message *prack = transaction_request(transaction);
	struct view value = sip_header_find(prack, SIP_HEADER_RACK);
	struct leg_reliable *reliable = &leg->reliable;
	unsigned next = reliable->next_status;
	struct sip_rack rack;

	if (!value.at || sip_rack_parse(value, &rack) != 0) {
		transaction_respond_status(transaction, 400);
		return;
	}
	if (reliable->interval_ms == 0 || rack.rseq != reliable->rseq || !leg->invite ||
	    rack.cseq.number != transaction_request(leg->invite)->cseq.number ||
	    rack.cseq.method != SIP_METHOD_INVITE) {
		transaction_respond_status(transaction, 481);
		return;
	}
	/* A new offer in a PRACK would have to go to the callee before it answered; nobody is known to need that. */
	transaction_respond_status(transaction, session_is_in(prack) ? 488 : 200);
	reliable_stop(leg);
	reliable->next_status = 0;
	if (reliable->is_answer_held) {
		reliable->is_answer_held = false;
		leg_answer_now(leg, body_of(leg));
	} else if (next > 0) {
		reliable_send(leg, next, body_of(leg));
	}
}

/* ---- the callee's ---- */

static bool find_rseq(const struct sip_message *response, uint32_t *ret_rseq)
{
	return sip_header_has(response, SIP_HEADER_REQUIRE, "100rel") &&
	       sip_header_u32(response, SIP_HEADER_RSEQ, UINT32_MAX, ret_rseq) == 0;
}

bool reliable_on_provisional(struct leg *leg, const struct sip_message *response)
{
	uint32_t rseq;

	/* Those of another branch of a fork count for themselves; which is which is told by the tag. */
	if (!find_rseq(response, &rseq) || leg->reliable.peer_rseq == 0 || !dialog_is_of(leg->dialog, response))
		return true;
	return rseq == leg->reliable.peer_rseq + 1;
}

void reliable_acknowledge(struct leg *leg, const struct sip_message *response, const struct transport_flow *flow)
{
	struct transaction_layer *layer = leg->call->table->services.transactions;
	struct transaction *prack;
	struct sip_writer *out;
	uint32_t rseq;

	if (!find_rseq(response, &rseq) || leg_state(leg) == LEG_GONE || !leg->dialog->remote_tag[0])
		return;
	leg->reliable.peer_rseq = rseq;
	out = dialog_begin(leg->dialog, layer, SIP_METHOD_PRACK);
	sip_write_header(out, SIP_HEADER_RACK, "%u %u INVITE", rseq, response->cseq.number);
	if (transaction_send(layer, VIEW_EMPTY, VIEW_EMPTY, NULL, NULL, &prack) != 0)
		leg_lose(leg); /* the callee would repeat its response for ever */
}
