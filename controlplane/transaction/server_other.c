/* The server machine of every request but INVITE, ACK and CANCEL: RFC 3261 17.2.2.
 *
 * TRYING      the user has not answered yet; UNANSWERED forgets what it never answers, for then the caller did too
 * PROCEEDING  the same after a provisional response, which is repeated when the request is
 * COMPLETED   the final response is repeated when the request is, until J
 */
#include "controlplane/transaction/transaction_private.h"

#define STATE_LIST(X) X(NEW) X(TRYING) X(PROCEEDING) X(COMPLETED) X(TERMINATED)
#define TIMER_LIST(X) X(TIMER_UNANSWERED) X(TIMER_J)

enum state {
#define X(name) name,
	STATE_LIST(X)
#undef X
		STATE_COUNT
};
enum event {
	BEFORE_TIMERS = EVENT_COMMON_COUNT - 1,
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
static const char *const events[] = {"request",    "transport error", "respond 1xx", "respond 2xx", "respond 3xx-6xx",
#define X(name) #name,
				     TIMER_LIST(X)
#undef X
};

static const struct transaction_timer_row timer_unanswered = {TIMER_UNANSWERED, SLOT_LIFE, BASE_64_T1};
static const struct transaction_timer_row timer_j = {TIMER_J, SLOT_LIFE, BASE_64_T1, .reliable = RELIABLE_AT_ONCE};

static void start_unanswered(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_unanswered);
}

static void start_j(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_j);
	transaction_rest(owner);
}

static void pass_request(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction->layer->user.on_request(transaction->layer->user.arg, transaction);
}

#define RESPOND_FINAL FSM_RULE(COMPLETED, SHARED(stop_timers), FSM_DO(start_j), SHARED(send_kept))
#define ON_ERROR      FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_error))
#define ON_TIMEOUT    FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_timeout))

static const struct fsm_cell cells[STATE_COUNT][EVENT_COUNT] =
	{
		[NEW] =
			{
				[EVENT_BEGIN] = FSM_RULE(TRYING, FSM_DO(start_unanswered), FSM_DO(pass_request)),
				[EVENT_TRANSPORT_ERROR] = FSM_NEVER,
				[EVENT_1XX] = FSM_NEVER,
				[EVENT_2XX] = FSM_NEVER,
				[EVENT_3XX_6XX] = FSM_NEVER,
				[TIMER_UNANSWERED] = FSM_NEVER,
				[TIMER_J] = FSM_NEVER,
			},
		[TRYING] =
			{
				[EVENT_BEGIN] = FSM_IGNORE,
				[EVENT_TRANSPORT_ERROR] = FSM_NEVER,
				[EVENT_1XX] = FSM_RULE(PROCEEDING, SHARED(send_kept)),
				[EVENT_2XX] = RESPOND_FINAL,
				[EVENT_3XX_6XX] = RESPOND_FINAL,
				[TIMER_UNANSWERED] = ON_TIMEOUT,
				[TIMER_J] = FSM_NEVER,
			},
		[PROCEEDING] =
			{
				[EVENT_BEGIN] = FSM_RULE(PROCEEDING, SHARED(resend)),
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_RULE(PROCEEDING, SHARED(send_kept)),
				[EVENT_2XX] = RESPOND_FINAL,
				[EVENT_3XX_6XX] = RESPOND_FINAL,
				[TIMER_UNANSWERED] = ON_TIMEOUT,
				[TIMER_J] = FSM_NEVER,
			},
		[COMPLETED] =
			{
				[EVENT_BEGIN] = FSM_RULE(COMPLETED, SHARED(resend)),
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[TIMER_UNANSWERED] = FSM_NEVER,
				[TIMER_J] = FSM_RULE(TERMINATED, SHARED(end)),
			},
		[TERMINATED] =
			{
				[EVENT_BEGIN] = FSM_IGNORE,
				[EVENT_TRANSPORT_ERROR] =
					FSM_IGNORE,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[TIMER_UNANSWERED] = FSM_NEVER,
				[TIMER_J] = FSM_NEVER,
			},
};

const struct fsm_machine transaction_server_other = {"server other", states,     events,      STATE_COUNT,
						     EVENT_COUNT,    TERMINATED, &cells[0][0]};
