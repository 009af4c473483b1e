/* The client machine of every request but INVITE (and ACK, which has none): RFC 3261 17.1.2.
 *
 * TRYING      E repeats the request, F gives up
 * PROCEEDING  the same, but E at T2 at once
 * COMPLETED   the final response came; K absorbs its repetitions
 */
#include "controlplane/transaction/transaction_private.h"

#define STATE_LIST(X) X(NEW) X(TRYING) X(PROCEEDING) X(COMPLETED) X(TERMINATED)
#define TIMER_LIST(X) X(TIMER_E) X(TIMER_F) X(TIMER_K)

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
static const char *const events[] = {"send",       "transport error", "1xx", "2xx", "3xx-6xx",
#define X(name) #name,
				     TIMER_LIST(X)
#undef X
};

static const struct transaction_timer_row timer_e = {TIMER_E, SLOT_REPEAT, BASE_T1, true, RELIABLE_OFF};
static const struct transaction_timer_row timer_e_slow = {TIMER_E, SLOT_REPEAT, BASE_T2, true, RELIABLE_OFF};
static const struct transaction_timer_row timer_f = {TIMER_F, SLOT_LIFE, BASE_64_T1};
static const struct transaction_timer_row timer_k = {TIMER_K, SLOT_LIFE, BASE_T4, .reliable = RELIABLE_AT_ONCE};

static void start_e(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_e);
}

static void start_e_slow(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_e_slow);
}

static void start_f(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_f);
}

static void start_k(void *owner, const void *data)
{
	transaction_timer_start(owner, &timer_k);
}

#define ON_FINAL   FSM_RULE(COMPLETED, SHARED(stop_timers), FSM_DO(start_k), SHARED(pass_response))
#define ON_ERROR   FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_error))
#define ON_TIMEOUT FSM_RULE(TERMINATED, SHARED(end), SHARED(pass_timeout))

static const struct fsm_cell cells[STATE_COUNT][EVENT_COUNT] =
	{
		[NEW] =
			{
				[EVENT_BEGIN] = FSM_RULE(TRYING, FSM_DO(start_e), FSM_DO(start_f), SHARED(send_kept)),
				[EVENT_TRANSPORT_ERROR] = FSM_NEVER,
				[EVENT_1XX] = FSM_NEVER,
				[EVENT_2XX] = FSM_NEVER,
				[EVENT_3XX_6XX] = FSM_NEVER,
				[TIMER_E] = FSM_NEVER,
				[TIMER_F] = FSM_NEVER,
				[TIMER_K] = FSM_NEVER,
			},
		[TRYING] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_RULE(PROCEEDING, SHARED(pass_response)),
				[EVENT_2XX] = ON_FINAL,
				[EVENT_3XX_6XX] = ON_FINAL,
				[TIMER_E] = FSM_RULE(TRYING, SHARED(resend), SHARED(again)),
				[TIMER_F] = ON_TIMEOUT,
				[TIMER_K] = FSM_NEVER,
			},
		[PROCEEDING] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = ON_ERROR,
				[EVENT_1XX] = FSM_RULE(PROCEEDING, SHARED(pass_response)),
				[EVENT_2XX] = ON_FINAL,
				[EVENT_3XX_6XX] = ON_FINAL,
				[TIMER_E] = FSM_RULE(PROCEEDING, SHARED(resend), FSM_DO(start_e_slow)),
				[TIMER_F] = ON_TIMEOUT,
				[TIMER_K] = FSM_NEVER,
			},
		[COMPLETED] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = FSM_IGNORE,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[TIMER_E] = FSM_NEVER,
				[TIMER_F] = FSM_NEVER,
				[TIMER_K] = FSM_RULE(TERMINATED, SHARED(end)),
			},
		[TERMINATED] =
			{
				[EVENT_BEGIN] = FSM_NEVER,
				[EVENT_TRANSPORT_ERROR] = FSM_IGNORE,
				[EVENT_1XX] = FSM_IGNORE,
				[EVENT_2XX] = FSM_IGNORE,
				[EVENT_3XX_6XX] = FSM_IGNORE,
				[TIMER_E] = FSM_NEVER,
				[TIMER_F] = FSM_NEVER,
				[TIMER_K] = FSM_NEVER,
			},
};

const struct fsm_machine transaction_client_other = {"client other", states,     events,      STATE_COUNT,
						     EVENT_COUNT,    TERMINATED, &cells[0][0]};
