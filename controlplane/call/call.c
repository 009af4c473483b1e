/* A call: what one leg does, said to the others. */
#include "controlplane/call/actions.h"
#include "controlplane/call/callee.h"
#include "controlplane/call/leg.h"
#include "controlplane/call/session.h"
#include "controlplane/call/transfer.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/metrics/metrics.h"
#include "controlplane/worker/worker.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

/* A record waits that long for the streams' final counters. */
enum { LINGER_MS = 2000 };

void call_feed(struct call *call, enum call_event event, const struct call_input *input)
{
	static const struct call_input nothing;

	fsm_feed(&call->fsm, (uint8_t)event, loop_now_ms(call->table->services.loop), input ? input : &nothing);
}

void call_note(struct call *call, enum cdr_side side, unsigned sip, unsigned q850, const char *text)
{
	if (call->has_cause)
		return;
	call->has_cause = true;
	call->cause = (struct call_cause){side, (uint16_t)sip, (uint16_t)q850, text};
}

struct leg *call_other_leg(const struct call *call, const struct leg *leg)
{
	return leg == call->caller ? call->callee : call->caller;
}

bool call_is_party(const struct call *call, const struct leg *leg)
{
	return leg == call->caller || leg == call->callee;
}

size_t call_free_legs(struct call *call)
{
	size_t count = 0;

	LIST_FOREACH_SAFE (link, &call->legs) {
		struct leg *leg = LIST_ENTRY(link, struct leg, link);

		if (leg_state(leg) == LEG_GONE && !call_is_party(call, leg) && !transfer_holds(call, leg) &&
		    !leg->stream && !leg->stream_is_ending && video_is_gone(leg))
			leg_free(leg);
		else
			count++;
	}
	return count < CALL_LEGS_MAX ? CALL_LEGS_MAX - count : 0;
}

static void on_ring_timeout(void *arg)
{
	call_feed(arg, CALL_RING_TIMEOUT, NULL);
}

static void on_linger(void *arg)
{
	record_write(arg);
}

void call_free(struct call *call)
{
	struct loop *loop = call->table->services.loop;
	struct list *link;

	loop_timer_stop(loop, &call->ring_timer);
	loop_timer_stop(loop, &call->queue_timer);
	loop_timer_stop(loop, &call->linger_timer);
	transfer_free(call->transfer);
	while ((link = list_first(&call->legs)))
		leg_free(LIST_ENTRY(link, struct leg, link));
	carrier_leave_call(call);
	map_del(&call->table->calls, &call->node);
	list_del(&call->link);
	call->table->count--;
	free(call->carriers);
	free(call->reason);
	free(call->forwarded_from);
	free(call);
}

static void on_over(void *arg)
{
	call_free(arg);
}

struct call *call_new(struct call_table *table)
{
	static const char hex[] = "0123456789abcdef";
	struct call *call = calloc(1, sizeof(*call));
	uint8_t random[(CALL_ID_SIZE - 1) / 2];

	if (!call)
		return NULL;
	loop_random(table->services.loop, random, sizeof(random));
	if (table->services.worker)
		worker_sign_call(table->services.worker, &random[0]);
	for (size_t i = 0; i < sizeof(random); i++) {
		call->id[2 * i] = hex[random[i] >> 4];
		call->id[2 * i + 1] = hex[random[i] & 15];
	}
	call->table = table;
	call->start_wall_ms = loop_wall_ms(table->services.loop);
	call->is_active = true;
	list_init(&call->legs);
	list_init(&call->link);
	fsm_init(&call->fsm, &call_machine, call);
	loop_timer_init(&call->ring_timer, on_ring_timeout, call);
	callee_init_queue(call);
	loop_timer_init(&call->linger_timer, on_linger, call);
	loop_message_init(&call->over, on_over, call);
	call->caller = leg_new(call, CDR_SIDE_CALLER);
	if (!call->caller) {
		free(call);
		return NULL;
	}
	map_add(&table->calls, &call->node, hash_bytes(call->id, sizeof(call->id) - 1));
	list_add(&table->list, &call->link);
	table->count++;
	table->active++;
	if (table->services.in_force)
		atomic_fetch_add_explicit(table->services.in_force, 1, memory_order_relaxed);
	table->total++;
	metrics_add(table->services.metrics, METRIC_TOTAL_CALLS, 1);
	metrics_add(table->services.metrics, METRIC_ACTIVE_CALLS, 1);
	return call;
}

/* ---- setting up ---- */

static struct view description(const struct leg *leg)
{
	return view_of(leg->description);
}

static void refuse_call(struct call *call, enum cdr_side side, unsigned status, const char *text)
{
	call_note(call, side, status, cause_of_status(status).q850, text);
	call_feed(call, CALL_REFUSED, NULL);
}

/* A session description that cannot be passed on: whose fault it is. */
static void refuse_session(struct call *call, int error)
{
	if (error == ERR_SYNTAX || error == ERR_TOO_LONG)
		refuse_call(call, CDR_SIDE_CALLER, 400, "bad_session_description");
	else if (error == ERR_UNSUPPORTED || error == ERR_NOT_FOUND)
		refuse_call(call, CDR_SIDE_CALLER, 488, "no_common_media");
	else
		refuse_call(call, CDR_SIDE_SYSTEM, 503, "no_media");
}

void invite_callees(void *owner, const void *data)
{
	struct call *call = owner;
	const struct conf *conf = call->table->services.conf;
	int error = 0;

	loop_timer_start(call->table->services.loop, &call->ring_timer, conf->sip.ring_timeout_s * 1000ull);
	if (callee_invite_next(call, false, &error) == 0)
		refuse_session(call, error);
}

void call_start_talk(struct call *call)
{
	struct loop *loop = call->table->services.loop;

	loop_timer_stop(loop, &call->ring_timer);
	loop_timer_stop(loop, &call->queue_timer);
	call->answer_wall_ms = loop_wall_ms(loop);
	call->answer_ms = loop_now_ms(loop);
	log_call(LOG_LEVEL_INFO, "call", call->id, "answered");
}

void answer_echo(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct leg_input answer;

	int error = session_answer(call->caller, input->message);

	if (error) {
		refuse_session(call, error);
		return;
	}
	call_start_talk(call);
	session_commit(call->caller);
	session_join(call->caller, call->caller);
	answer = (struct leg_input){.body = description(call->caller)};
	leg_feed(call->caller, LEG_CALL_ANSWER, &answer);
}

/* Provisional responses go on as they are; with a session description they open the way for early media. The first
 * callee that has any is the one that is heard. */
void pass_ringing(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct leg_input ring = {.status = input->status};
	/* To an INVITE without an offer nothing but the 2xx brings one. */
	bool is_heard = !call->is_offerless && (!call->callee || call->callee == input->leg);

	if (is_heard && session_is_in(input->message) &&
	    session_pass(input->leg, call->caller, input->message, true) == 0) {
		call->callee = input->leg;
		session_commit(input->leg);
		session_commit(call->caller);
		session_join(call->caller, input->leg);
		ring.body = description(call->caller);
	}
	crossing_keep(call->caller, input->message);
	leg_feed(call->caller, LEG_CALL_RING, &ring);
}

void connect_callee(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct leg_input answer, elsewhere = {.is_elsewhere = true};
	int error = 0;

	/* An answer that came early need not come again (RFC 3261 13.2.1). */
	if (session_is_in(input->message))
		error = session_pass(input->leg, call->caller, input->message, !call->is_offerless);
	else if (call->callee != input->leg)
		error = ERR_UNSUPPORTED;
	call->callee = input->leg;
	LIST_FOREACH (link, &call->legs) {
		struct leg *leg = LIST_ENTRY(link, struct leg, link);

		if (leg->side == CDR_SIDE_CALLEE && leg != input->leg)
			leg_feed(leg, LEG_CALL_END, &elsewhere);
	}
	if (error) {
		refuse_call(call, CDR_SIDE_CALLEE, 488, "bad_answer");
		return;
	}
	call_start_talk(call);
	session_commit(input->leg);
	session_commit(call->caller);
	session_join(call->caller, input->leg);
	crossing_keep(call->caller, input->message);
	answer = (struct leg_input){.body = description(call->caller)};
	leg_feed(call->caller, LEG_CALL_ANSWER, &answer);
}

/* The caller's ACK. When the offer was the callee's, it has the answer that the callee's ACK waits for. */
void pass_confirmed(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct leg *callee = call->callee;
	struct leg_input confirm;

	if (!callee || leg_state(callee) != LEG_ACCEPTED)
		return;
	if (!session_is_in(input->message) || session_pass(call->caller, callee, input->message, true) != 0) {
		refuse_call(call, CDR_SIDE_CALLER, 488, "bad_answer");
		return;
	}
	session_commit(call->caller);
	session_commit(callee);
	confirm = (struct leg_input){.message = input->message, .body = description(callee)};
	leg_feed(callee, LEG_CALL_CONFIRM, &confirm);
}

/* ---- changing ---- */

static void refuse_change(struct leg *leg, unsigned status)
{
	struct leg_input refusal = {.status = status};

	leg_feed(leg, LEG_CALL_REFUSE, &refusal);
}

/* A re-INVITE without an offer asks for ours: what was last agreed. */
static void offer_again(struct leg *leg)
{
	struct leg_input answer = {.body = description(leg)};

	crossing_keep(leg, NULL);
	leg_feed(leg, LEG_CALL_ANSWER, &answer);
}

void pass_modify(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct leg *leg = input->leg, *other = call_other_leg(call, leg);
	struct leg_input modify;

	if (!session_is_in(input->message)) {
		offer_again(leg);
	} else if (!other) { /* echo */
		if (session_answer(leg, input->message) != 0) {
			refuse_change(leg, 488);
			return;
		}
		session_commit(leg);
		offer_again(leg);
	} else if (!call_is_party(call, leg) || leg_state(other) != LEG_UP) {
		refuse_change(leg, 491);
	} else if (session_pass(leg, other, input->message, false) != 0) {
		refuse_change(leg, 488);
	} else {
		modify = (struct leg_input){.body = description(other)};
		leg_feed(other, LEG_CALL_MODIFY, &modify);
	}
}

void pass_modified(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;
	struct leg *asker = call_other_leg(call, input->leg);

	if (!session_is_in(input->message) || session_pass(input->leg, asker, input->message, true) != 0) {
		refuse_change(asker, 488);
		return;
	}
	session_commit(input->leg);
	session_commit(asker);
	offer_again(asker);
}

void pass_not_modified(void *owner, const void *data)
{
	struct call *call = owner;
	const struct call_input *input = data;

	if (transfer_on_not_modified(input->leg, input->status))
		return;
	if (input->status == 481 || input->status == 408) { /* the dialog is dead: RFC 3261 12.2.1.2 */
		call_note(call, input->leg->side, input->status, 102, "lost");
		call_feed(call, CALL_LEG_LEFT, input);
		return;
	}
	refuse_change(call_other_leg(call, input->leg), input->status);
}

/* ---- ending ---- */

/* Of several failures the one that says most: global ones, then busy, then the callee's own words, then silence. */
static unsigned failure_rank(unsigned status)
{
	if (status >= 600)
		return 5;
	if (status == 486)
		return 4;
	if (status >= 400 && status < 500 && status != 408 && status != 480 && status != 487)
		return 3;
	return status >= 500 ? 2 : 1;
}

/* What the caller is told: a challenge or a redirection of the callee is not for the caller, silence is "unavailable". */
static unsigned told_status(unsigned status)
{
	if (status < 400 || status == 401 || status == 407 || status == 408 || status == 487)
		return 480;
	return status;
}

/* The leg whose failure says most; NULL: there is none. */
static struct leg *worst_leg(const struct call *call, bool of_targets)
{
	struct leg *worst = NULL;

	LIST_FOREACH (link, &call->legs) {
		struct leg *leg = LIST_ENTRY(link, struct leg, link);

		if (leg->is_target == of_targets && (of_targets || leg->side == CDR_SIDE_CALLEE) &&
		    (!worst || failure_rank(leg->failure) > failure_rank(worst->failure)))
			worst = leg;
	}
	return worst;
}

unsigned call_failure(const struct call *call, bool of_targets)
{
	const struct leg *leg = worst_leg(call, of_targets);

	return leg ? leg->failure : 0;
}

void note_failures(void *owner, const void *data)
{
	struct call *call = owner;
	unsigned status = call_failure(call, false);
	struct call_cause cause = cause_of_status(told_status(status));

	struct leg *worst = worst_leg(call, false);

	/* What the callee said of its reasons goes on to the caller, and so do the headers that came with it. */
	if (worst && !call->has_cause && told_status(status) == status) {
		free(call->reason);
		call->reason = worst->reason;
		worst->reason = NULL;
		free(call->caller->crossed);
		call->caller->crossed = worst->crossed;
		worst->crossed = NULL;
	}
	call_note(call, CDR_SIDE_CALLEE, told_status(status), cause.q850, status == 408 ? "no_response" : cause.text);
}

void note_no_answer(void *owner, const void *data)
{
	call_note(owner, CDR_SIDE_SYSTEM, 480, 19, "no_answer");
}

void note_silence(void *owner, const void *data)
{
	struct call *call = owner;

	call_note(call, CDR_SIDE_SYSTEM, 200, 102, "rtp_timeout");
	metrics_add(call->table->services.metrics, METRIC_ERROR_RTP_TIMEOUT, 1);
}

void clear(void *owner, const void *data)
{
	struct call *call = owner;
	struct call_table *table = call->table;
	struct leg_input end = {.status = call->cause.sip};

	if (call->is_active) {
		call->is_active = false;
		call->end_wall_ms = loop_wall_ms(table->services.loop);
		call->end_ms = loop_now_ms(table->services.loop);
		table->active--;
		if (table->services.in_force)
			atomic_fetch_sub_explicit(table->services.in_force, 1, memory_order_relaxed);
		metrics_sub(table->services.metrics, METRIC_ACTIVE_CALLS, 1);
	}
	if (call->cause.side != CDR_SIDE_CALLEE)
		crossing_keep(call->caller, NULL); /* of a callee that rang; the failure is another's */
	transfer_stop(call);
	carrier_leave_call(call);
	loop_timer_stop(table->services.loop, &call->ring_timer);
	loop_timer_stop(table->services.loop, &call->queue_timer);
	loop_timer_start(table->services.loop, &call->linger_timer, LINGER_MS);
	LIST_FOREACH (link, &call->legs)
		leg_feed(LIST_ENTRY(link, struct leg, link), LEG_CALL_END, &end);
	LIST_FOREACH (link, &call->legs)
		session_close(LIST_ENTRY(link, struct leg, link));
	call_check_empty(call);
}

void call_check_empty(struct call *call)
{
	bool has_streams = false, has_legs = false;

	if (call->fsm.state != CALL_CLEARING)
		return;
	LIST_FOREACH (link, &call->legs) {
		const struct leg *leg = LIST_ENTRY(link, struct leg, link);

		has_streams |= leg->stream || leg->stream_is_ending || !video_is_gone(leg);
		has_legs |= leg_state(leg) != LEG_GONE;
	}
	if (!has_streams)
		record_write(call);
	if (!has_streams && !has_legs)
		call_feed(call, CALL_EMPTY, NULL);
}

void finish(void *owner, const void *data)
{
	struct call *call = owner;

	loop_defer(call->table->services.loop, &call->over);
}
