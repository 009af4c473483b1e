/* A change of parties in a call that goes on: blind and attended transfer (REFER, RFC 3515, 5589), and an INVITE with
 * Replaces (RFC 3891) from one of our phones, which picks up or takes over. Inside controlplane/call.
 *
 * In all four somebody's place is taken: who stays (remaining) gets a re-INVITE with what the newcomer offers, and the
 * newcomer gets the answer in the way that fits it:
 *   blind      the newcomer was called without an offer: its 2xx has one, our ACK the answer
 *   attended   the newcomer is the other party of another call of ours: its dialog moves here, a re-INVITE has the answer
 *   take over  the newcomer called: its 200 has the answer
 *   pick up    the same; the caller who still hears ringing is answered first, with what both can be expected to know
 * transfer.c: who may, and what is started. transfer_join.c: the actions above. transfer_notify.c: what the referrer hears.
 * Limits: one change at a time in a call (491), CALL_LEGS_MAX legs.
 */
#ifndef CONTROLPLANE_CALL_TRANSFER_H
#define CONTROLPLANE_CALL_TRANSFER_H

#include "controlplane/call/actions.h"
#include "controlplane/call/session.h"

struct transfer {
	struct call *call;
	struct leg *replaced;      /* whose place is taken; NULL: it stays after all */
	struct leg *remaining;     /* who stays */
	struct leg *newcomer;      /* NULL: not there yet */
	struct sip_message *offer; /* the newcomer's; NULL: it is in another call */
	char *other_dialog;        /* attended: the Replaces value */
	char *said_before;         /* to the remaining one; said again when nothing comes of it */
	struct loop_timer retry;   /* the remaining one was busy with another re-INVITE */
	unsigned tries;
	bool is_asked;          /* the remaining one's answer is still to come */
	bool is_newcomer_asked; /* attended: the newcomer's too */
	bool is_replaced_gone;
	/* the implicit subscription of REFER */
	struct leg *referrer; /* NULL: nobody wants to hear of it */
	struct transaction *notify;
	uint32_t event_id; /* 0: the first REFER of its dialog, which needs none */
	unsigned reported, next_report;
};

/* ---- for the rest of the call ---- */
/* REFER inside a dialog; always answered. */
void transfer_on_refer(struct leg *leg, struct transaction *transaction);
/* Whom an INVITE with Replaces wants to replace. 0, or the status to refuse with. */
unsigned transfer_find_replaced(struct call_table *table, const struct auth_account *account,
				const struct sip_message *invite, struct leg **ret_replaced);
/* The newcomer, whose INVITE waits, takes that leg's place. 0, or the status to refuse with. */
unsigned transfer_replace(struct leg *replaced, struct leg *newcomer, const struct sip_message *invite);
/* The party that left wanted that anyway, or was not one yet: the event that says so; otherwise CALL_LEG_LEFT. */
enum call_event transfer_meaning_of_leaving(const struct leg *leg);
/* A re-INVITE of ours was agreed to: the event that says whose it was. */
enum call_event transfer_meaning_of_success(const struct leg *leg);
/* The transfer knows this leg, so it stays. */
bool transfer_holds(const struct call *call, const struct leg *leg);
/* True when the answer to a re-INVITE was the transfer's business. */
bool transfer_on_not_modified(struct leg *leg, unsigned status);
/* The call ends: who asked for the transfer is told that nothing comes of it. */
void transfer_stop(struct call *call);
void transfer_free(struct transfer *transfer); /* NULL is fine */

/* ---- between the three files ---- */
/* The new transfer of a call; an older one that is over is forgotten. NULL: no memory. */
struct transfer *transfer_begin(struct leg *replaced, struct leg *remaining);
/* It comes to nothing: everything is as before, or over when the replaced one is gone. */
void transfer_give_up(struct transfer *transfer, unsigned status);
/* Asks the remaining one as soon as it can be asked. */
void transfer_ask(struct transfer *transfer);
/* The leg that is to come from another call, or NULL. */
struct leg *transfer_find_other(const struct transfer *transfer);
/* Tells the referrer by NOTIFY; after a final status its leg is ended when it was replaced. */
void transfer_report(struct transfer *transfer, unsigned status);

#endif
