/* The machine of a leg: every event in every state. The actions are in leg.c.
 *
 * In a nutshell: incoming legs go offered > answered > up, outgoing ones calling > ringing > up; from up a re-INVITE of the
 * peer goes asked > confirming > up and one of ours asking > up; every way ends in gone.
 */
#include "controlplane/call/leg.h"

#define NAME(name, text) [name] = (text),
static const char *const states[] = {LEG_STATE_LIST(NAME)};
static const char *const events[] = {LEG_EVENT_LIST(NAME)};
#undef NAME

/* Events that only the wrong kind of leg could get. */
#define NEVER_OUT                                                                                                      \
	[LEG_PEER_PROVISIONAL] = FSM_NEVER, [LEG_PEER_SUCCESS] = FSM_NEVER, [LEG_PEER_FAILURE] = FSM_NEVER,            \
	[LEG_CALL_INVITE] = FSM_NEVER
#define NEVER_IN                                                                                                       \
	[LEG_PEER_INVITE] = FSM_NEVER, [LEG_PEER_CANCEL] = FSM_NEVER, [LEG_PEER_ACK] = FSM_IGNORE,                     \
	[LEG_PEER_NO_ACK] = FSM_NEVER, [LEG_CALL_INVITE] = FSM_NEVER, [LEG_CALL_RING] = FSM_NEVER,                     \
	[LEG_CALL_ANSWER] = FSM_NEVER, [LEG_CALL_REFUSE] = FSM_NEVER, [LEG_CALL_MODIFY] = FSM_NEVER,                   \
	[LEG_PEER_BYE_DONE] = FSM_NEVER

static const struct fsm_cell cells[LEG_STATE_COUNT][LEG_EVENT_COUNT] =
	{
		[LEG_NEW] =
			{
				[LEG_PEER_INVITE] = FSM_GO(LEG_OFFERED),
				[LEG_CALL_INVITE] = FSM_RULE(LEG_CALLING, FSM_DO(send_invite)),
				[LEG_CALL_END] = FSM_RULE(LEG_GONE, FSM_DO(leave)),
				[LEG_PEER_PROVISIONAL] = FSM_NEVER,
				[LEG_PEER_SUCCESS] = FSM_NEVER,
				[LEG_PEER_FAILURE] = FSM_NEVER,
				[LEG_PEER_CANCEL] = FSM_NEVER,
				[LEG_PEER_ACK] = FSM_NEVER,
				[LEG_PEER_NO_ACK] = FSM_NEVER,
				[LEG_PEER_REINVITE] = FSM_NEVER,
				[LEG_PEER_BYE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_CALL_ANSWER] = FSM_NEVER,
				[LEG_CALL_REFUSE] = FSM_NEVER,
				[LEG_CALL_MODIFY] = FSM_NEVER,
			},
		[LEG_OFFERED] =
			{
				NEVER_OUT,
				[LEG_CALL_RING] = FSM_RULE(LEG_OFFERED, FSM_DO(send_provisional)),
				[LEG_CALL_ANSWER] = FSM_RULE(LEG_ANSWERED, FSM_DO(send_success)),
				[LEG_CALL_END] = FSM_RULE(LEG_GONE, FSM_DO(send_failure), FSM_DO(leave)),
				[LEG_PEER_CANCEL] = FSM_RULE(LEG_GONE, FSM_DO(send_terminated), FSM_DO(leave),
							     FSM_DO(tell_cancelled)),
				[LEG_PEER_BYE] = FSM_RULE(LEG_GONE, FSM_DO(answer_bye), FSM_DO(send_terminated),
							  FSM_DO(leave), FSM_DO(tell_cancelled)),
				[LEG_PEER_NO_ACK] = FSM_RULE(LEG_GONE, FSM_DO(leave), FSM_DO(tell_lost)),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_OFFERED, FSM_DO(refuse_retry)),
				[LEG_PEER_ACK] = FSM_IGNORE,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
				[LEG_CALL_REFUSE] = FSM_NEVER,
				[LEG_CALL_MODIFY] = FSM_NEVER,
			},
		[LEG_ANSWERED] =
			{
				NEVER_OUT,
				[LEG_PEER_ACK] = FSM_RULE(LEG_UP, FSM_DO(confirm)),
				[LEG_PEER_NO_ACK] = FSM_RULE(LEG_ENDING, FSM_DO(send_bye), FSM_DO(tell_lost)),
				[LEG_PEER_BYE] = FSM_RULE(LEG_GONE, FSM_DO(confirm), FSM_DO(answer_bye), FSM_DO(leave),
							  FSM_DO(tell_hung_up)),
				[LEG_CALL_END] = FSM_GO(LEG_PARTING),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_ANSWERED, FSM_DO(refuse_retry)),
				[LEG_CALL_MODIFY] = FSM_NEVER,
				[LEG_PEER_CANCEL] = FSM_IGNORE,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_CALL_ANSWER] = FSM_NEVER,
				[LEG_CALL_REFUSE] = FSM_NEVER,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
			},
		[LEG_PARTING] =
			{
				NEVER_OUT,
				[LEG_PEER_ACK] = FSM_RULE(LEG_ENDING, FSM_DO(confirm), FSM_DO(send_bye)),
				[LEG_PEER_NO_ACK] = FSM_RULE(LEG_ENDING, FSM_DO(send_bye)),
				[LEG_PEER_BYE] = FSM_RULE(LEG_GONE, FSM_DO(confirm), FSM_DO(answer_bye), FSM_DO(leave)),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_PARTING, FSM_DO(refuse_retry)),
				[LEG_PEER_CANCEL] = FSM_IGNORE,
				[LEG_CALL_END] = FSM_IGNORE,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_CALL_ANSWER] = FSM_NEVER,
				[LEG_CALL_REFUSE] = FSM_NEVER,
				[LEG_CALL_MODIFY] = FSM_NEVER,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
			},
		[LEG_CALLING] =
			{
				NEVER_IN,
				[LEG_PEER_PROVISIONAL] = FSM_RULE(LEG_RINGING, FSM_DO(adopt), FSM_DO(tell_ringing)),
				[LEG_PEER_SUCCESS] =
					FSM_RULE(LEG_UP, FSM_DO(adopt), FSM_DO(send_ack), FSM_DO(tell_answered)),
				[LEG_PEER_FAILURE] =
					FSM_RULE(LEG_GONE, FSM_DO(note_failure), FSM_DO(leave), FSM_DO(tell_failed)),
				[LEG_CALL_END] = FSM_RULE(LEG_CANCELLING, FSM_DO(send_cancel)),
				[LEG_PEER_BYE] = FSM_NEVER,
				[LEG_PEER_REINVITE] = FSM_NEVER,
			},
		[LEG_RINGING] =
			{
				NEVER_IN,
				[LEG_PEER_PROVISIONAL] = FSM_RULE(LEG_RINGING, FSM_DO(adopt), FSM_DO(tell_ringing)),
				[LEG_PEER_SUCCESS] =
					FSM_RULE(LEG_UP, FSM_DO(adopt), FSM_DO(send_ack), FSM_DO(tell_answered)),
				[LEG_PEER_FAILURE] =
					FSM_RULE(LEG_GONE, FSM_DO(note_failure), FSM_DO(leave), FSM_DO(tell_failed)),
				[LEG_CALL_END] = FSM_RULE(LEG_CANCELLING, FSM_DO(send_cancel)),
				/* A callee does not end an early dialog with BYE (15); it will have to answer the INVITE. */
				[LEG_PEER_BYE] = FSM_RULE(LEG_RINGING, FSM_DO(answer_bye)),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_RINGING, FSM_DO(refuse_pending)),
			},
		[LEG_CANCELLING] =
			{
				NEVER_IN,
				[LEG_PEER_PROVISIONAL] = FSM_IGNORE,
				[LEG_PEER_SUCCESS] =
					FSM_RULE(LEG_ENDING, FSM_DO(adopt), FSM_DO(send_ack), FSM_DO(send_bye)),
				[LEG_PEER_FAILURE] = FSM_RULE(LEG_GONE, FSM_DO(leave)),
				[LEG_CALL_END] = FSM_IGNORE,
				[LEG_PEER_BYE] = FSM_RULE(LEG_CANCELLING, FSM_DO(answer_bye)),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_CANCELLING, FSM_DO(refuse_pending)),
			},
		[LEG_UP] =
			{
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_ASKED, FSM_DO(keep_reinvite), FSM_DO(tell_modify)),
				[LEG_PEER_BYE] =
					FSM_RULE(LEG_GONE, FSM_DO(answer_bye), FSM_DO(leave), FSM_DO(tell_hung_up)),
				[LEG_CALL_MODIFY] = FSM_RULE(LEG_ASKING, FSM_DO(send_reinvite)),
				[LEG_CALL_END] = FSM_RULE(LEG_ENDING, FSM_DO(send_bye)),
				[LEG_PEER_PROVISIONAL] = FSM_IGNORE,
				[LEG_PEER_SUCCESS] = FSM_IGNORE,
				[LEG_PEER_FAILURE] = FSM_IGNORE,
				[LEG_PEER_CANCEL] = FSM_IGNORE,
				[LEG_PEER_ACK] = FSM_IGNORE,
				[LEG_PEER_NO_ACK] = FSM_IGNORE,
				[LEG_CALL_REFUSE] = FSM_IGNORE, /* the peer cancelled its re-INVITE meanwhile */
				[LEG_CALL_ANSWER] = FSM_IGNORE,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_CALL_INVITE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
			},
		[LEG_ASKED] =
			{
				[LEG_CALL_ANSWER] = FSM_RULE(LEG_CONFIRMING, FSM_DO(send_success)),
				[LEG_CALL_REFUSE] = FSM_RULE(LEG_UP, FSM_DO(send_failure)),
				[LEG_PEER_CANCEL] = FSM_RULE(LEG_UP, FSM_DO(send_terminated)),
				[LEG_PEER_BYE] = FSM_RULE(LEG_GONE, FSM_DO(answer_bye), FSM_DO(send_terminated),
							  FSM_DO(leave), FSM_DO(tell_hung_up)),
				[LEG_CALL_END] = FSM_RULE(LEG_ENDING, FSM_DO(send_terminated), FSM_DO(send_bye)),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_ASKED, FSM_DO(refuse_retry)),
				[LEG_PEER_PROVISIONAL] = FSM_IGNORE,
				[LEG_PEER_SUCCESS] = FSM_IGNORE,
				[LEG_PEER_FAILURE] = FSM_IGNORE,
				[LEG_PEER_ACK] = FSM_IGNORE,
				[LEG_PEER_NO_ACK] = FSM_IGNORE,
				[LEG_CALL_MODIFY] = FSM_NEVER,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_CALL_INVITE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
			},
		[LEG_CONFIRMING] =
			{
				[LEG_PEER_ACK] = FSM_RULE(LEG_UP, FSM_DO(confirm)),
				[LEG_PEER_NO_ACK] = FSM_RULE(LEG_ENDING, FSM_DO(send_bye), FSM_DO(tell_lost)),
				[LEG_PEER_BYE] = FSM_RULE(LEG_GONE, FSM_DO(confirm), FSM_DO(answer_bye), FSM_DO(leave),
							  FSM_DO(tell_hung_up)),
				[LEG_CALL_END] = FSM_RULE(LEG_ENDING, FSM_DO(confirm), FSM_DO(send_bye)),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_CONFIRMING, FSM_DO(refuse_pending)),
				[LEG_PEER_CANCEL] = FSM_IGNORE,
				[LEG_PEER_PROVISIONAL] = FSM_IGNORE,
				[LEG_PEER_SUCCESS] = FSM_IGNORE,
				[LEG_PEER_FAILURE] = FSM_IGNORE,
				[LEG_CALL_REFUSE] = FSM_IGNORE,
				[LEG_CALL_ANSWER] = FSM_IGNORE,
				[LEG_CALL_MODIFY] = FSM_NEVER,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_CALL_INVITE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
			},
		[LEG_ASKING] =
			{
				[LEG_PEER_SUCCESS] =
					FSM_RULE(LEG_UP, FSM_DO(retarget), FSM_DO(send_ack), FSM_DO(tell_modified)),
				[LEG_PEER_FAILURE] = FSM_RULE(LEG_UP, FSM_DO(tell_not_modified)),
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_ASKING, FSM_DO(refuse_pending)),
				[LEG_PEER_BYE] =
					FSM_RULE(LEG_GONE, FSM_DO(answer_bye), FSM_DO(leave), FSM_DO(tell_hung_up)),
				[LEG_CALL_END] = FSM_RULE(LEG_ENDING, FSM_DO(send_bye)),
				[LEG_PEER_PROVISIONAL] = FSM_IGNORE,
				[LEG_PEER_ACK] = FSM_IGNORE,
				[LEG_PEER_NO_ACK] = FSM_IGNORE,
				[LEG_PEER_CANCEL] = FSM_IGNORE,
				[LEG_CALL_REFUSE] = FSM_IGNORE,
				[LEG_CALL_ANSWER] = FSM_IGNORE,
				[LEG_CALL_MODIFY] = FSM_NEVER,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_CALL_INVITE] = FSM_NEVER,
				[LEG_PEER_BYE_DONE] = FSM_NEVER,
			},
		[LEG_ENDING] =
			{
				[LEG_PEER_BYE_DONE] = FSM_RULE(LEG_GONE, FSM_DO(leave)),
				[LEG_PEER_BYE] = FSM_RULE(LEG_ENDING, FSM_DO(answer_bye)), /* both hung up at once */
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_ENDING, FSM_DO(refuse_gone)),
				[LEG_PEER_PROVISIONAL] = FSM_IGNORE,
				[LEG_PEER_SUCCESS] = FSM_IGNORE,
				[LEG_PEER_FAILURE] = FSM_IGNORE,
				[LEG_PEER_CANCEL] = FSM_IGNORE,
				[LEG_PEER_ACK] = FSM_IGNORE,
				[LEG_PEER_NO_ACK] = FSM_IGNORE,
				[LEG_CALL_END] = FSM_IGNORE,
				[LEG_CALL_REFUSE] = FSM_IGNORE,
				[LEG_CALL_ANSWER] = FSM_IGNORE,
				[LEG_CALL_MODIFY] = FSM_NEVER,
				[LEG_CALL_RING] = FSM_NEVER,
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_CALL_INVITE] = FSM_NEVER,
			},
		[LEG_GONE] =
			{
				[LEG_PEER_BYE] =
					FSM_RULE(LEG_GONE, FSM_DO(answer_bye)), /* it did not hear our answer */
				[LEG_PEER_REINVITE] = FSM_RULE(LEG_GONE, FSM_DO(refuse_gone)),
				[LEG_PEER_INVITE] = FSM_NEVER,
				[LEG_PEER_PROVISIONAL] = FSM_IGNORE,
				[LEG_PEER_SUCCESS] = FSM_IGNORE,
				[LEG_PEER_FAILURE] = FSM_IGNORE,
				[LEG_PEER_CANCEL] = FSM_IGNORE,
				[LEG_PEER_ACK] = FSM_IGNORE,
				[LEG_PEER_NO_ACK] = FSM_IGNORE,
				[LEG_PEER_BYE_DONE] = FSM_IGNORE,
				[LEG_CALL_END] = FSM_IGNORE,
				[LEG_CALL_RING] = FSM_IGNORE,
				[LEG_CALL_ANSWER] = FSM_IGNORE,
				[LEG_CALL_REFUSE] = FSM_IGNORE,
				[LEG_CALL_MODIFY] = FSM_IGNORE,
				[LEG_CALL_INVITE] = FSM_NEVER,
			},
};

const struct fsm_machine leg_machine = {
	.name = "leg",
	.states = states,
	.events = events,
	.state_count = LEG_STATE_COUNT,
	.event_count = LEG_EVENT_COUNT,
	.final = LEG_GONE,
	.cells = &cells[0][0],
};
