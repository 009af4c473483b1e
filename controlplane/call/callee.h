/* Who is called and what they are told: callees (callee.c), the caller's identity (identity.c), carriers (carrier.c). */
#ifndef CONTROLPLANE_CALL_CALLEE_H
#define CONTROLPLANE_CALL_CALLEE_H

#include "controlplane/call/private.h"

struct auth_account;

/* ---- callee.c ---- */
struct callee {
	struct transport_flow flow;
	struct view uri, party;               /* Request-URI; URI of To */
	struct view routes;                   /* on the way there, as one list; may be empty */
	struct view user_agent;               /* empty: not known */
	struct trunk *trunk;                  /* a carrier, of which a place was taken; NULL: none */
	const struct call_identity *identity; /* who calls */
	int max_forwards;                     /* of the caller's INVITE; -1: the usual */
	unsigned queue;                       /* called when those with a lower one failed */
	enum cdr_side side;
};
/* A leg that is not called yet. NULL: out of memory, or a text is too long. */
struct leg *callee_add(struct call *call, const struct callee *callee);
/* Calls it. Negative: it cannot be; its leg is gone then. */
int callee_invite(struct leg *leg, const struct sip_message *offer) WARN_UNUSED;
/* Calls those who are next among the callees, or among a transfer's targets: all of one q at once, lower ones when these failed or
 * did not answer in sip.fork_timeout. Returns how many; with none, *ret_error says why the last could not be. */
unsigned callee_invite_next(struct call *call, bool of_targets, int *ret_error);
/* True when a leg's failure was not the last word: the next ones are called. A 6xx is, for all of them (RFC 3261 16.7). */
bool callee_fail_over(struct leg *leg);
void callee_init_queue(struct call *call);
/* Adds the legs that the dial plan decided on, still to be fed LEG_CALL_INVITE. ERR_NOT_FOUND: none; the cause says why. */
int callee_add_legs(struct call *call, const struct routing_decision *decision, const struct call_identity *identity,
		    int max_forwards, enum cdr_side side, struct call_cause *ret_cause) WARN_UNUSED;

/* ---- identity.c ---- */
void identity_init(struct call_identity *identity, const struct sip_message *invite, const struct auth_account *account,
		   const struct trunk *trunk);
void identity_set(struct call_identity *identity, struct view number, struct view display);
/* From of an INVITE to a callee: the caller under this host, so that "call back" comes to us. */
void identity_print(const struct call_identity *identity, const struct trunk *trunk, const char *host,
		    struct text *out);
/* The other headers of an INVITE to a callee that tell who calls, and who was called before. */
void identity_write(struct sip_writer *out, const struct leg *leg);

/* ---- history.c ---- */
/* Diversion and History-Info: those of the INVITE, and what the dial plan added. */
void history_write(struct sip_writer *out, const struct leg *leg, const struct sip_message *invite);

/* ---- carrier.c ---- */
/* The first leg toward the trunk or group of a decision. */
int carrier_add_leg(struct call *call, const struct routing_decision *decision, const struct call_identity *identity,
		    int max_forwards, enum cdr_side side, struct call_cause *ret_cause) WARN_UNUSED;
/* True when a leg's failure was not the last word: the next carrier is called. */
bool carrier_fail_over(struct leg *leg);
void carrier_init(struct leg *leg);
void carrier_leave(struct leg *leg);        /* the leg is gone: gives its place back */
void carrier_leave_call(struct call *call); /* the call is over: the same for the one it came from */
void carrier_on_sent(struct leg *leg);      /* its INVITE */
void carrier_on_response(struct leg *leg);  /* any */
/* A challenge that is worth an answer; cseq: of the request. */
bool carrier_can_prove(struct leg *leg, const struct sip_message *response, uint32_t cseq);
/* The answer to leg->carrier.challenge, if there is one. */
void carrier_write_proof(struct sip_writer *out, struct leg *leg, enum sip_method method);
/* An INVITE that was here before: our Call-ID or our Via is in it. */
bool carrier_is_returned(struct call_table *table, const struct sip_message *invite, const struct transport_flow *flow);

#endif
