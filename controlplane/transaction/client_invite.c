/* The client INVITE machine: RFC 3261 17.1.1 with RFC 6026 (ACCEPTED), and CANCEL (9.1) as two states of its own.
 *
 * CALLING     no response yet; A repeats the INVITE, B gives up
 * CANCELLING  the same, and CANCEL waits for a provisional response to be allowed
 * PROCEEDING  a provisional response came; how long to ring is the user's matter
 * CANCELLED   CANCEL was sent; a final response has 64*T1 to come
 * COMPLETED   a failure came and was acknowledged; D absorbs its repetitions
 * ACCEPTED    a 2xx came; M lets its repetitions and those of other branches through
 */
#include "controlplane/transaction/transaction_private.h"

#define STATE_LIST(X) X(NEW) X(CALLING) X(CANCELLING) X(PROCEEDING) X(CANCELLED) X(COMPLETED) X(ACCEPTED) X(TERMINATED)
#define TIMER_LIST(X) X(TIMER_A) X(TIMER_B) X(TIMER_CANCEL) X(TIMER_D) X(TIMER_M)

enum state {
#define X(name) name,
	STATE_LIST(X)
#undef X
		STATE_COUNT
};
enum event {
	BEFORE_TIMERS = CLIENT_INVITE_CANCEL,
#define X(name) name,
	TIMER_LIST(X)
#undef X
		EVENT_COUNT
};

static const char *const states[] = {
#define X(name) #name,
	STATE_LIST(X)
#undef X
};
static const char *const events[] = {"send",       "transport error", "1xx", "2xx", "3xx-6xx", "cancel",
#define X(name) #name,
				     TIMER_LIST(X)
#undef X
};

static const struct transaction_timer_row timer_a = {TIMER_A, SLOT_REPEAT, BASE_T1, .reliable = RELIABLE_OFF};
static const struct transaction_timer_row timer_b = {TIMER_B, SLOT_LIFE, BASE_64_T1};
static const struct transaction_timer_row timer_cancel = {TIMER_CANCEL, SLOT_LIFE, BASE_64_T1};
static const struct transaction_timer_row timer_d = {TIMER_D, SLOT_LIFE, BASE_64_T1, .reliable = RELIABLE_AT_ONCE};
static const struct transaction_timer_row timer_m = {TIMER_M, SLOT_LIFE, BASE_64_T1};

static void start_a(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_a);
}

static void start_b(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_b);
}

static void start_cancel(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_cancel);
}

static void start_d(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_d);
	transaction_rest(owner);
}

static void start_m(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_m);
}

static void send_cancel(void *owner, const void *data)
{
	transaction_send_cancel(owner);
}

/* Kept, because the same answer is due each time the failure is repeated. */
static void send_ack(void *owner, const void *data)
{
	struct transaction *transaction = owner;
	const struct transaction_input *input = data;
	struct view bytes;

	if (transaction_write_request(transaction, SIP_METHOD_ACK, input->message, &bytes) < 0 ||
	    transaction_keep(transaction->layer, &transaction->ack, bytes) < 0)
		return;
	transaction->ack_flow = transaction->flow;
	transaction_transmit(transaction, &transaction->ack_flow, &transaction->ack);
}

static void resend_ack(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction->layer->stats.retransmissions_received++;
	transaction_transmit(transaction, &transaction->ack_flow, &transaction->ack);
}

static uint64_t tag_of(const struct transaction_input *input)
{
	return hash_bytes(input->message->to.tag.at, input->message->to.tag.size);
}

static void remember_tag(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction->accepted_tag = tag_of(data);
}

/* A 2xx that the user acknowledged already gets that ACK again; one of another branch is news. */
static void ack_again_or_pass(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	if (transaction->ack.at && transaction->accepted_tag == tag_of(data))
		resend_ack(owner, data);
	else
		transaction_pass_response(owner, data);
}

/* What every state before the final response does with one. */
#define ON_2XX     FSM_RULE(ACCEPTED, SHARED(stop_timers), FSM_DO(start_m), FSM_DO(remember_tag), SHARED(pass_response))
#define ON_FAILURE FSM_RULE(COMPLETED, SHARED(stop_timers), FSM_DO(send_ack), FSM_DO(start_d), SHARED(pass_response))
#define ON_ERROR   FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_error))
#define ON_TIMEOUT FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_timeout))

static const struct fsm_cell cells[STATE_COUNT][EVENT_COUNT] =
	{
		[NEW] =
			{
				[EVENT_BEGIN] = FSM_RULE(CALLING, FSM_DO(start_a), FSM_DO(start_b), SHARED(send_kept)),
				[EVENT_TRANSPORT_ERROR] = FSM_NEVER,
				[EVENT_1XX] = FSM_NEVER,
				[EVENT_2XX] = FSM_NEVER,
				[EVENT_3XX_6XX] = FSM_NEVER,
				[CLIENT_INVITE_CANCEL] = FSM_NEVER,
				[TIMER_A] = FSM_NEVER,
				[TIMER_B] = FSM_NEVER,
				[TIMER_CANCEL] = FSM_NEVER,
				[TIMER_D] = FSM_NEVER,
				[TIMER_M] = FSM_NEVER,
			},
		[CALLING] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_RULE(PROCEEDING, SHARED(stop_timers), SHARED(pass_response)),
				[EVENT_2XX] = ON_2XX,
				[EVENT_3XX_6XX] = ON_FAILURE,
				[CLIENT_INVITE_CANCEL] = FSM_GO(CANCELLING),
				[TIMER_A] = FSM_RULE(CALLING, SHARED(resend), SHARED(again)),
				[TIMER_B] = ON_TIMEOUT,
				[TIMER_CANCEL] = FSM_NEVER,
				[TIMER_D] = FSM_NEVER,
				[TIMER_M] = FSM_NEVER,
			},
		[CANCELLING] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_RULE(CANCELLED, SHARED(stop_timers), FSM_DO(start_cancel),
						       FSM_DO(send_cancel), SHARED(pass_response)),
				[EVENT_2XX] = ON_2XX,
				[EVENT_3XX_6XX] = ON_FAILURE,
				[CLIENT_INVITE_CANCEL] = FSM_IGNORE,
				[TIMER_A] = FSM_RULE(CANCELLING, SHARED(resend), SHARED(again)),
				[TIMER_B] = ON_TIMEOUT,
				[TIMER_CANCEL] = FSM_NEVER,
				[TIMER_D] = FSM_NEVER,
				[TIMER_M] = FSM_NEVER,
			},
		[PROCEEDING] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_RULE(PROCEEDING, SHARED(pass_response)),
				[EVENT_2XX] = ON_2XX,
				[EVENT_3XX_6XX] = ON_FAILURE,
				[CLIENT_INVITE_CANCEL] = FSM_RULE(CANCELLED, FSM_DO(start_cancel), FSM_DO(send_cancel)),
				[TIMER_A] = FSM_NEVER,
				[TIMER_B] = FSM_NEVER,
				[TIMER_CANCEL] = FSM_NEVER,
				[TIMER_D] = FSM_NEVER,
				[TIMER_M] = FSM_NEVER,
			},
		[CANCELLED] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_RULE(CANCELLED, SHARED(pass_response)),
				[EVENT_2XX] = ON_2XX,
				[EVENT_3XX_6XX] = ON_FAILURE,
				[CLIENT_INVITE_CANCEL] = FSM_IGNORE,
				[TIMER_A] = FSM_NEVER,
				[TIMER_B] = FSM_NEVER,
				[TIMER_CANCEL] = ON_TIMEOUT,
				[TIMER_D] = FSM_NEVER,
				[TIMER_M] = FSM_NEVER,
			},
		[COMPLETED] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = FSM_RULE(TERMINATED, SHARED(end)),
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_RULE(COMPLETED, FSM_DO(resend_ack)),
				[CLIENT_INVITE_CANCEL] = FSM_IGNORE,
				[TIMER_A] = FSM_NEVER,
				[TIMER_B] = FSM_NEVER,
				[TIMER_CANCEL] = FSM_NEVER,
				[TIMER_D] = FSM_RULE(TERMINATED, SHARED(end)),
				[TIMER_M] = FSM_NEVER,
			},
		[ACCEPTED] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] =
					FSM_RULE(ACCEPTED, SHARED(pass_error)), /* the ACK did not leave */
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_RULE(ACCEPTED, FSM_DO(ack_again_or_pass)),
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[CLIENT_INVITE_CANCEL] = FSM_IGNORE,
				[TIMER_A] = FSM_NEVER,
				[TIMER_B] = FSM_NEVER,
				[TIMER_CANCEL] = FSM_NEVER,
				[TIMER_D] = FSM_NEVER,
				[TIMER_M] = FSM_RULE(TERMINATED, SHARED(end)),
			},
		[TERMINATED] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = FSM_IGNORE,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[CLIENT_INVITE_CANCEL] = FSM_IGNORE,
				[TIMER_A] = FSM_NEVER,
				[TIMER_B] = FSM_NEVER,
				[TIMER_CANCEL] = FSM_NEVER,
				[TIMER_D] = FSM_NEVER,
				[TIMER_M] = FSM_NEVER,
			},
};

const struct fsm_machine transaction_client_invite = {"client INVITE", states,     events,      STATE_COUNT,
						      EVENT_COUNT,     TERMINATED, &cells[0][0]};
