/* The actions of the call's machine (call_table.c names them, call.c does them). Each is a fsm_action. */
#ifndef CONTROLPLANE_CALL_ACTIONS_H
#define CONTROLPLANE_CALL_ACTIONS_H

#include "controlplane/call/private.h"

fsm_action invite_callees, answer_echo, pass_ringing, connect_callee, pass_confirmed;
fsm_action pass_modify, pass_modified, pass_not_modified;
fsm_action note_failures, note_no_answer, note_silence;
fsm_action clear, finish;

#endif
