/* The actions of the call's machine (call_table.c names them, call.c does them). Each is a fsm_action. */
#ifndef CONTROLPLANE_CALL_ACTIONS_H
#define CONTROLPLANE_CALL_ACTIONS_H

#include "controlplane/call/private.h"

fsm_action invite_callees, answer_echo, pass_ringing, connect_callee, pass_confirmed;
fsm_action pass_modify, pass_modified, pass_not_modified;
fsm_action note_failures, note_no_answer, note_silence;
fsm_action clear, finish;
/* transfer.c and transfer_join.c */
fsm_action invite_targets, report_ringing, report_failures, report_no_answer, report_not_joined, forget_joined;
fsm_action pick_up, take_newcomer, ask_remaining, ask_again_or_not, join_newcomer, refuse_modify, note_replaced_left;

#endif
