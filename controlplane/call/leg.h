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

/* ---- leg_reliable.c ---- */
void reliable_init(struct leg *leg);
/* Sends a provisional response, surely when the peer can do that and it matters. */
void reliable_send(struct leg *leg, unsigned status, struct view body);
/* True when the 2xx has to wait for a PRACK; it is sent then by itself. */
bool reliable_holds_answer(struct leg *leg);
void reliable_stop(struct leg *leg);
/* A PRACK of the peer: answers it. */
void reliable_on_prack(struct leg *leg, struct transaction *transaction);
/* A provisional response of the peer: acknowledges it when it asks for that. False: it is a repetition, to be ignored. */
bool reliable_on_provisional(struct leg *leg, const struct sip_message *response);
void reliable_acknowledge(struct leg *leg, const struct sip_message *response, const struct transport_flow *flow);

/* ---- crossing.c: what crosses from one leg to the other ---- */
enum crossing {
	CROSSING_INVITE = 1, /* the caller's INVITE, to callees */
	CROSSING_ANSWER = 2, /* a callee's responses, to the caller */
	CROSSING_TALK = 4,   /* INFO and MESSAGE */
};
/* The headers of the table, and a bounded number of those that nobody knows; without those that tell who it is, if private. */
void crossing_write(struct sip_writer *out, const struct sip_message *message, enum crossing when, bool is_private);
/* A response of the other party, for what this leg answers next; NULL: nothing. */
void crossing_keep(struct leg *leg, const struct sip_message *message);
void crossing_write_kept(struct sip_writer *out, const struct leg *leg);
/* The Reason headers of a message as one value on the heap; NULL: none. */
char *crossing_reason(const struct sip_message *message);
/* Why a leg of the call is ended: what the other party said, else our own cause; nothing when there is none. is_elsewhere: a
 * fork that lost. */
void crossing_print_reason(const struct call *call, bool is_elsewhere, struct text *out);
void crossing_write_reason(struct sip_writer *out, const struct call *call, bool is_elsewhere);

/* ---- relay.c ---- */
/* INFO and MESSAGE inside a dialog: passed on to the other party; always answered. */
void relay_request(struct leg *leg, struct transaction *transaction);
void relay_stop(struct leg *leg);

/* ---- digit.c ---- */
struct shm_digit;
/* An INFO with a digit that the engine is to say to the other party. False: it is not, nothing was done. */
bool digit_take_info(struct leg *leg, struct transaction *transaction);
/* The engine heard the leg's peer press a key. */
void digit_pass(struct leg *leg, const struct shm_digit *digit);

/* ---- leg_timer.c ---- */
void timer_init(struct leg *leg);
void timer_stop(struct leg *leg);
/* Takes note of what the peer's INVITE or UPDATE says of timers and extensions. False: too short, answer 422. */
bool timer_on_request(struct leg *leg, const struct sip_message *request);
/* Headers of our 2xx, which put in force what was asked; and of our INVITE and UPDATE. */
void timer_write_answer(struct sip_writer *out, struct leg *leg);
void timer_write_request(struct sip_writer *out, const struct leg *leg);
/* A 422 to our INVITE: true when it is worth another try with the longer timer. */
bool timer_on_too_small(struct leg *leg, const struct sip_message *response);

#endif
