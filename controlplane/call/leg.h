/* The actions of the leg's machine (leg_table.c names them, leg.c and leg_tell.c do them). Each is a fsm_action. */
#ifndef CONTROLPLANE_CALL_LEG_H
#define CONTROLPLANE_CALL_LEG_H

#include "controlplane/call/private.h"

/* requests that we send (leg_send.c) */
fsm_action send_invite, send_reinvite, send_refresh, send_ack, send_cancel, send_bye;
/* answers to the peer's requests (leg_answer.c) */
fsm_action send_provisional, send_success, send_failure, send_terminated;
fsm_action answer_bye, refuse_retry, refuse_pending, refuse_gone;
/* what is remembered (leg.c) */
fsm_action adopt, retarget, keep_reinvite, forget_update, confirm, note_failure, start_timer, leave;
/* what the call is told; always the last step of a cell (leg.c) */
fsm_action tell_ringing, tell_answered, tell_failed, tell_cancelled, tell_hung_up, tell_lost;
fsm_action tell_confirmed, tell_modify, tell_modified, tell_not_modified, tell_not_refreshed;

/* A transaction of the leg failed to be sent: told to the machine in a later turn, when nobody is on the stack. */
void leg_lose(struct leg *leg);
/* Contact, Allow, Supported: what every INVITE, UPDATE and their 2xx carries. */
void leg_write_own_headers(struct sip_writer *out, const struct leg *leg);
/* The 2xx to the request that waits. */
void leg_answer_now(struct leg *leg, struct view body);

#endif
