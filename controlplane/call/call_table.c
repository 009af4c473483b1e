/* The machine of a call: every event in every state. The actions are in call.c. */
#include "controlplane/call/actions.h"

#define NAME(name, text) [name] = (text),
static const char *const states[] = {CALL_STATE_LIST(NAME)};
static const char *const events[] = {CALL_EVENT_LIST(NAME)};
#undef NAME

static const struct fsm_cell cells[CALL_STATE_COUNT][CALL_EVENT_COUNT] =
	{
		[CALL_NEW] =
			{
				[CALL_ROUTED] = FSM_RULE(CALL_OFFERING, FSM_DO(invite_callees)),
				[CALL_ECHO] = FSM_RULE(CALL_UP, FSM_DO(answer_echo)),
				[CALL_REFUSED] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_HANG_UP] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_LEG_LEFT] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_RINGING] = FSM_NEVER,
				[CALL_ANSWERED] = FSM_NEVER,
				[CALL_ALL_FAILED] = FSM_NEVER,
				[CALL_RING_TIMEOUT] = FSM_NEVER,
				[CALL_MODIFY] = FSM_NEVER,
				[CALL_MODIFIED] = FSM_NEVER,
				[CALL_NOT_MODIFIED] = FSM_NEVER,
				[CALL_SILENT] = FSM_IGNORE,
				[CALL_EMPTY] = FSM_NEVER,
				[CALL_CONFIRMED] = FSM_NEVER,
			},
		[CALL_OFFERING] =
			{
				[CALL_RINGING] = FSM_RULE(CALL_OFFERING, FSM_DO(pass_ringing)),
				[CALL_ANSWERED] = FSM_RULE(CALL_UP, FSM_DO(connect_callee)),
				[CALL_ALL_FAILED] = FSM_RULE(CALL_CLEARING, FSM_DO(note_failures), FSM_DO(clear)),
				[CALL_RING_TIMEOUT] = FSM_RULE(CALL_CLEARING, FSM_DO(note_no_answer), FSM_DO(clear)),
				[CALL_LEG_LEFT] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_HANG_UP] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_REFUSED] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_SILENT] = FSM_IGNORE,
				[CALL_ROUTED] = FSM_NEVER,
				[CALL_ECHO] = FSM_NEVER,
				[CALL_MODIFY] = FSM_NEVER,
				[CALL_MODIFIED] = FSM_NEVER,
				[CALL_NOT_MODIFIED] = FSM_NEVER,
				[CALL_EMPTY] = FSM_NEVER,
				[CALL_CONFIRMED] = FSM_NEVER,
			},
		[CALL_UP] =
			{
				[CALL_LEG_LEFT] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_SILENT] = FSM_RULE(CALL_CLEARING, FSM_DO(note_silence), FSM_DO(clear)),
				[CALL_HANG_UP] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)),
				[CALL_REFUSED] = FSM_RULE(CALL_CLEARING, FSM_DO(clear)), /* the answer was of no use */
				[CALL_MODIFY] = FSM_RULE(CALL_UP, FSM_DO(pass_modify)),
				[CALL_MODIFIED] = FSM_RULE(CALL_UP, FSM_DO(pass_modified)),
				[CALL_NOT_MODIFIED] = FSM_RULE(CALL_UP, FSM_DO(pass_not_modified)),
				[CALL_RINGING] = FSM_IGNORE,
				[CALL_ANSWERED] = FSM_IGNORE,
				[CALL_ALL_FAILED] = FSM_IGNORE,
				[CALL_RING_TIMEOUT] = FSM_IGNORE,
				[CALL_ROUTED] = FSM_NEVER,
				[CALL_ECHO] = FSM_NEVER,
				[CALL_EMPTY] = FSM_NEVER,
				[CALL_CONFIRMED] = FSM_RULE(CALL_UP, FSM_DO(pass_confirmed)),
			},
		[CALL_CLEARING] =
			{
				[CALL_EMPTY] = FSM_RULE(CALL_OVER, FSM_DO(finish)),
				[CALL_ROUTED] = FSM_NEVER,
				[CALL_ECHO] = FSM_NEVER,
				[CALL_REFUSED] = FSM_IGNORE,
				[CALL_RINGING] = FSM_IGNORE,
				[CALL_ANSWERED] = FSM_IGNORE,
				[CALL_ALL_FAILED] = FSM_IGNORE,
				[CALL_RING_TIMEOUT] = FSM_IGNORE,
				[CALL_LEG_LEFT] = FSM_IGNORE,
				[CALL_MODIFY] = FSM_IGNORE,
				[CALL_MODIFIED] = FSM_IGNORE,
				[CALL_NOT_MODIFIED] = FSM_IGNORE,
				[CALL_SILENT] = FSM_IGNORE,
				[CALL_HANG_UP] = FSM_IGNORE,
				[CALL_CONFIRMED] = FSM_IGNORE,
			},
		[CALL_OVER] =
			{
				[CALL_ROUTED] = FSM_NEVER,
				[CALL_ECHO] = FSM_NEVER,
				[CALL_REFUSED] = FSM_IGNORE,
				[CALL_RINGING] = FSM_IGNORE,
				[CALL_ANSWERED] = FSM_IGNORE,
				[CALL_ALL_FAILED] = FSM_IGNORE,
				[CALL_RING_TIMEOUT] = FSM_IGNORE,
				[CALL_LEG_LEFT] = FSM_IGNORE,
				[CALL_MODIFY] = FSM_IGNORE,
				[CALL_MODIFIED] = FSM_IGNORE,
				[CALL_NOT_MODIFIED] = FSM_IGNORE,
				[CALL_SILENT] = FSM_IGNORE,
				[CALL_HANG_UP] = FSM_IGNORE,
				[CALL_EMPTY] = FSM_IGNORE,
				[CALL_CONFIRMED] = FSM_IGNORE,
			},
};

const struct fsm_machine call_machine = {
	.name = "call",
	.states = states,
	.events = events,
	.state_count = CALL_STATE_COUNT,
	.event_count = CALL_EVENT_COUNT,
	.final = CALL_OVER,
	.cells = &cells[0][0],
};
