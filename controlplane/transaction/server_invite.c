/* The server INVITE machine: RFC 3261 17.2.1 with RFC 6026 (ACCEPTED), and the repetition of the 2xx until its ACK
 * (13.3.1.4), which RFC 3261 gives to the user core.
 *
 * PROCEEDING  no final response yet; TRYING sends 100 when the user says nothing for 200 ms
 * CANCELLED   the same after CANCEL: its repetitions tell the user nothing new
 * COMPLETED   a failure was sent; G repeats it, H gives up waiting for its ACK
 * CONFIRMED   its ACK came; I absorbs repetitions of that
 * ACCEPTED    a 2xx was sent; TIMER_2XX repeats it, L tells the user that no ACK came
 * ACKED       the user saw the ACK; L absorbs repetitions of the INVITE
 */
#include "controlplane/transaction/transaction_private.h"

#define STATE_LIST(X) X(NEW) X(PROCEEDING) X(CANCELLED) X(COMPLETED) X(CONFIRMED) X(ACCEPTED) X(ACKED) X(TERMINATED)
#define TIMER_LIST(X) X(TIMER_TRYING) X(TIMER_G) X(TIMER_H) X(TIMER_I) X(TIMER_2XX) X(TIMER_L)

enum state {
#define X(name) name,
	STATE_LIST(X)
#undef X
		STATE_COUNT
};
enum event {
	BEFORE_TIMERS = SERVER_INVITE_ACKED,
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
static const char *const events[] = {"INVITE",     "transport error", "respond 1xx", "respond 2xx", "respond 3xx-6xx",
				     "ACK",        "CANCEL",          "acked",
#define X(name) #name,
				     TIMER_LIST(X)
#undef X
};

static const struct transaction_timer_row timer_trying = {TIMER_TRYING, SLOT_REPEAT, BASE_200_MS};
static const struct transaction_timer_row timer_g = {TIMER_G, SLOT_REPEAT, BASE_T1, true, RELIABLE_OFF};
static const struct transaction_timer_row timer_h = {TIMER_H, SLOT_LIFE, BASE_64_T1};
static const struct transaction_timer_row timer_i = {TIMER_I, SLOT_LIFE, BASE_T4, .reliable = RELIABLE_AT_ONCE};
static const struct transaction_timer_row timer_2xx = {TIMER_2XX, SLOT_REPEAT, BASE_T1, true, RELIABLE_SAME};
static const struct transaction_timer_row timer_l = {TIMER_L, SLOT_LIFE, BASE_64_T1};

static void start_trying(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_trying);
}

static void start_g(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_g);
}

static void start_h(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_h);
}

static void start_i(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_i);
}

static void start_2xx(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_2xx);
}

static void start_l(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_l);
}

static void pass_request(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction->layer->user.on_request(transaction->layer->user.arg, transaction);
}

/* 17.2.1: the caller need not repeat itself while the user thinks. */
static void send_trying(void *owner, const void *data)
{
	if (transaction_respond_status(owner, 100) < 0)
		return; /* without memory the caller's repetition has to do */
}

static void pass_ack(void *owner, const void *data)
{
	struct transaction *transaction = owner;
	const struct transaction_input *input = data;

	if (transaction->layer->user.on_ack)
		transaction->layer->user.on_ack(transaction->layer->user.arg, input->message, input->flow);
}

static void pass_cancel(void *owner, const void *data)
{
	struct transaction *transaction = owner;
	const struct transaction_input *input = data;

	if (transaction->handler)
		transaction_tell(transaction, &(struct transaction_event){.type = TRANSACTION_CANCELLED,
									  .message = input->message,
									  .flow = input->flow});
	else if (transaction_respond_status(transaction, 487) < 0)
		return; /* the caller's CANCEL comes again */
}

#define RESPOND_2XX        FSM_RULE(ACCEPTED, SHARED(stop_timers), FSM_DO(start_2xx), FSM_DO(start_l), SHARED(send_kept))
#define RESPOND_FAILURE    FSM_RULE(COMPLETED, SHARED(stop_timers), FSM_DO(start_g), FSM_DO(start_h), SHARED(send_kept))
#define RESPOND_1XX(state) FSM_RULE(state, SHARED(stop_repeat), SHARED(send_kept))
#define ON_ERROR           FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_error))
#define ON_TIMEOUT         FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_timeout))

static const struct fsm_cell cells[STATE_COUNT][EVENT_COUNT] =
	{
		[NEW] =
			{
				[EVENT_BEGIN] = FSM_RULE(PROCEEDING, FSM_DO(start_trying), FSM_DO(pass_request)),
				[EVENT_TRANSPORT_ERROR] = FSM_NEVER,
				[EVENT_1XX] = FSM_NEVER,
				[EVENT_2XX] = FSM_NEVER,
				[EVENT_3XX_6XX] = FSM_NEVER,
				[SERVER_INVITE_ACK] = FSM_NEVER,
				[SERVER_INVITE_CANCEL] = FSM_NEVER,
				[SERVER_INVITE_ACKED] = FSM_NEVER,
				[TIMER_TRYING] = FSM_NEVER,
				[TIMER_G] = FSM_NEVER,
				[TIMER_H] = FSM_NEVER,
				[TIMER_I] = FSM_NEVER,
				[TIMER_2XX] = FSM_NEVER,
				[TIMER_L] = FSM_NEVER,
			},
		[PROCEEDING] =
			{
				[EVENT_BEGIN] = FSM_RULE(PROCEEDING, SHARED(resend)),
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = RESPOND_1XX(PROCEEDING),
				[EVENT_2XX] = RESPOND_2XX,
				[EVENT_3XX_6XX] = RESPOND_FAILURE,
				[SERVER_INVITE_ACK] = FSM_IGNORE,
				[SERVER_INVITE_CANCEL] = FSM_RULE(CANCELLED, FSM_DO(pass_cancel)),
				[SERVER_INVITE_ACKED] = FSM_IGNORE,
				[TIMER_TRYING] = FSM_RULE(PROCEEDING, FSM_DO(send_trying)),
				[TIMER_G] = FSM_NEVER,
				[TIMER_H] = FSM_NEVER,
				[TIMER_I] = FSM_NEVER,
				[TIMER_2XX] = FSM_NEVER,
				[TIMER_L] = FSM_NEVER,
			},
		[CANCELLED] =
			{
				[EVENT_BEGIN] = FSM_RULE(CANCELLED, SHARED(resend)),
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = RESPOND_1XX(CANCELLED),
				[EVENT_2XX] = RESPOND_2XX,
				[EVENT_3XX_6XX] = RESPOND_FAILURE,
				[SERVER_INVITE_ACK] = FSM_IGNORE,
				[SERVER_INVITE_CANCEL] = FSM_IGNORE,
				[SERVER_INVITE_ACKED] = FSM_IGNORE,
				[TIMER_TRYING] = FSM_RULE(CANCELLED, FSM_DO(send_trying)),
				[TIMER_G] = FSM_NEVER,
				[TIMER_H] = FSM_NEVER,
				[TIMER_I] = FSM_NEVER,
				[TIMER_2XX] = FSM_NEVER,
				[TIMER_L] = FSM_NEVER,
			},
		[COMPLETED] =
			{
				[EVENT_BEGIN] = FSM_RULE(COMPLETED, SHARED(resend)),
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[SERVER_INVITE_ACK] = FSM_RULE(CONFIRMED, SHARED(stop_timers), FSM_DO(start_i)),
				[SERVER_INVITE_CANCEL] = FSM_IGNORE,
				[SERVER_INVITE_ACKED] = FSM_IGNORE,
				[TIMER_TRYING] = FSM_NEVER,
				[TIMER_G] = FSM_RULE(COMPLETED, SHARED(resend), SHARED(again)),
				[TIMER_H] = ON_TIMEOUT,
				[TIMER_I] = FSM_NEVER,
				[TIMER_2XX] = FSM_NEVER,
				[TIMER_L] = FSM_NEVER,
			},
		[CONFIRMED] =
			{
				[EVENT_BEGIN] = FSM_IGNORE,
				[EVENT_TRANSPORT_ERROR] = FSM_IGNORE,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[SERVER_INVITE_ACK] = FSM_IGNORE,
				[SERVER_INVITE_CANCEL] = FSM_IGNORE,
				[SERVER_INVITE_ACKED] = FSM_IGNORE,
				[TIMER_TRYING] = FSM_NEVER,
				[TIMER_G] = FSM_NEVER,
				[TIMER_H] = FSM_NEVER,
				[TIMER_I] = FSM_RULE(TERMINATED, SHARED(end)),
				[TIMER_2XX] = FSM_NEVER,
				[TIMER_L] = FSM_NEVER,
			},
		[ACCEPTED] =
			{
				[EVENT_BEGIN] = FSM_IGNORE, /* TIMER_2XX repeats anyway */
				[EVENT_TRANSPORT_ERROR] = FSM_RULE(ACCEPTED, SHARED(pass_error)),
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[SERVER_INVITE_ACK] =
					FSM_RULE(ACCEPTED,
						 FSM_DO(pass_ack)), /* of RFC 2543: it has the INVITE's branch */
				[SERVER_INVITE_CANCEL] = FSM_IGNORE,
				[SERVER_INVITE_ACKED] = FSM_RULE(ACKED, SHARED(stop_repeat)),
				[TIMER_TRYING] = FSM_NEVER,
				[TIMER_G] = FSM_NEVER,
				[TIMER_H] = FSM_NEVER,
				[TIMER_I] = FSM_NEVER,
				[TIMER_2XX] = FSM_RULE(ACCEPTED, SHARED(resend), SHARED(again)),
				[TIMER_L] = ON_TIMEOUT,
			},
		[ACKED] =
			{
				[EVENT_BEGIN] = FSM_IGNORE,
				[EVENT_TRANSPORT_ERROR] = FSM_IGNORE,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[SERVER_INVITE_ACK] = FSM_RULE(ACKED, FSM_DO(pass_ack)),
				[SERVER_INVITE_CANCEL] = FSM_IGNORE,
				[SERVER_INVITE_ACKED] = FSM_IGNORE,
				[TIMER_TRYING] = FSM_NEVER,
				[TIMER_G] = FSM_NEVER,
				[TIMER_H] = FSM_NEVER,
				[TIMER_I] = FSM_NEVER,
				[TIMER_2XX] = FSM_NEVER,
				[TIMER_L] = FSM_RULE(TERMINATED, SHARED(end)),
			},
		[TERMINATED] =
			{
				[EVENT_BEGIN] = FSM_IGNORE,
				[EVENT_TRANSPORT_ERROR] = FSM_IGNORE,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[SERVER_INVITE_ACK] = FSM_IGNORE,
				[SERVER_INVITE_CANCEL] = FSM_IGNORE,
				[SERVER_INVITE_ACKED] = FSM_IGNORE,
				[TIMER_TRYING] = FSM_NEVER,
				[TIMER_G] = FSM_NEVER,
				[TIMER_H] = FSM_NEVER,
				[TIMER_I] = FSM_NEVER,
				[TIMER_2XX] = FSM_NEVER,
				[TIMER_L] = FSM_NEVER,
			},
};

const struct fsm_machine transaction_server_invite = {"server INVITE", states,     events,      STATE_COUNT,
						      EVENT_COUNT,     TERMINATED, &cells[0][0]};
