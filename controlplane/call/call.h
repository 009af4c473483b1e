/* Calls: the back-to-back user agent. An INVITE becomes a call with a caller's leg; the dial plan says which legs are
 * called; each leg has a dialog and a stream of the media engine; a call detail record is left when all are gone.
 *
 * Used by controlplane/app, which feeds it what the transaction layer receives and shows it to the API.
 * The road of an INVITE: call_table_on_request -> invite.c (who calls, may he, where to) -> leg.c (the legs' machine) ->
 * session.c (session descriptions, streams) -> call.c (the call's machine) -> record.c.
 * Both machines are const tables (leg_table.c, call_table.c); README.md shows them as printed from the code.
 * Threads: the signalling loop's only. Ownership: the table owns the calls; a call frees itself a turn after its last
 * leg, stream and transaction are gone. Pointers of struct call_about live until the visitor returns.
 * Limits: sip.max_concurrent_calls (503 with Retry-After beyond it), CALL_LEGS_MAX legs a call, CALL_SDP_MAX bytes of
 * session description. Memory: about 6 KB a call beside its messages.
 * RFC 3261 (13, 14, 15), RFC 3264, RFC 7092 (kinds of back-to-back user agents: this one is media-anchoring).
 */
#ifndef CONTROLPLANE_CALL_CALL_H
#define CONTROLPLANE_CALL_CALL_H

#include "controlplane/transport/transport.h"

#include <stdatomic.h>

struct auth;
struct call;
struct call_table;
struct cdr;
struct conf;
struct loop;
struct media;
struct media_stream;
struct metrics;
struct overload;
struct registrar;
struct routing;
struct sip_message;
struct transaction;
struct transaction_layer;
struct trunk_table;
struct worker;

enum { CALL_LEGS_MAX = 8, CALL_SDP_MAX = 8192, CALL_ID_SIZE = 33 };

/* What calls stand on; all of it must outlive the table. cdr may be NULL (switched off). */
struct call_services {
	const struct conf *conf;
	struct loop *loop;
	struct transaction_layer *transactions;
	struct media *media;
	struct registrar *registrar;
	struct auth *auth;
	const struct routing *routing;
	struct trunk_table *trunks;
	struct overload *overload;
	struct cdr *cdr;
	struct metrics *metrics;
	struct worker *worker;      /* which signalling worker this is; NULL: there is only one */
	_Atomic uint32_t *in_force; /* calls of all of them that are not over; NULL: only one */
	/* What a phone of that extension does in its calls has changed. May be NULL. */
	void (*on_extension)(void *arg, const char *number);
	void *on_extension_arg;
};

/* ERR_NOMEM. */
int call_table_new(const struct call_services *services, struct call_table **ret_table) WARN_UNUSED;
/* Another configuration and dial plan from now on; calls go on. The old ones are not looked at any more. ERR_NOMEM: nothing
 * has changed. */
int call_table_set(struct call_table *table, const struct conf *conf, const struct routing *routing) WARN_UNUSED;
/* Frees every call without a word to its peers: call call_table_end_all first and let some time pass. NULL is fine. */
void call_table_free(struct call_table *table);

/* Requests of the transaction layer that are not the registrar's: INVITE, MESSAGE, OPTIONS, and everything inside a dialog.
 * Answers all of them (481 when there is no such dialog). */
void call_table_on_request(struct call_table *table, struct transaction *transaction);
/* Whether this INVITE or MESSAGE, new, would have to authenticate: the app challenges it before a transaction is made. */
bool call_table_needs_credentials(const struct call_table *table, const struct sip_message *invite,
				  const struct transport_flow *flow);
/* 405 with Allow, or 501: for what nobody handles. */
void call_table_refuse_method(struct transaction *transaction);
/* A new INVITE that is to be refused for overload before anything is done for it: not the one to an emergency route. */
bool call_table_is_too_much(struct call_table *table, const struct sip_message *invite,
			    const struct transport_flow *flow);
/* An ACK for a 2xx. */
void call_table_on_ack(struct call_table *table, const struct sip_message *ack, const struct transport_flow *flow);
/* The media engine became usable, or went away: new calls are refused while it is away, the others wait for it. */
void call_table_on_media(struct call_table *table, bool is_ready);

/* Ends every call ("shutdown" in its record). */
void call_table_end_all(struct call_table *table);
/* Ends one call. ERR_NOT_FOUND; ERR_STATE: it is ending already. */
int call_table_hang_up(struct call_table *table, const char *call_id) WARN_UNUSED;
/* Calls that are neither over nor being cleared; legs that have a stream; calls ever seen. */
uint32_t call_table_active(const struct call_table *table);
uint32_t call_table_sessions(const struct call_table *table);
uint64_t call_table_total(const struct call_table *table);
/* Calls of any state, those being cleared included; 0 when nothing is left to wait for. */
uint32_t call_table_count(const struct call_table *table);

/* ---- what can be seen of a call ---- */
struct call_about_leg {
	const char *id, *side, *state; /* "caller", "callee"; state as the machine names it */
	const char *sip_call_id, *user_agent, *codec;
	const char *srtp;                  /* the suite; "": in the clear */
	struct net_endpoint remote;        /* of SIP */
	const struct media_stream *stream; /* NULL: none */
};
struct call_about {
	const char *id, *caller, *callee, *state;
	const char *transcoded; /* why the engine converts between the parties' codecs; "": it does not */
	uint64_t start_wall_ms, answer_wall_ms; /* 0: not answered */
	size_t leg_count;
	struct call_about_leg legs[CALL_LEGS_MAX];
};
/* The call of a dialog, into ret_call_id. False: there is none of that name. */
bool call_table_find_dialog(struct call_table *table, struct view sip_call_id, struct view local_tag,
			    struct view remote_tag, char ret_call_id[CALL_ID_SIZE]);
/* Visits every call, oldest first. */
void call_table_walk(struct call_table *table, void (*visit)(const struct call_about *about, void *arg), void *arg);
/* A call as a phone of an extension sees it; trying or ringing, or talking. The strings live until the visitor returns. */
struct call_of_extension {
	const char *id, *sip_call_id, *local_tag, *remote_tag; /* remote_tag: ours */
	const char *state;                                     /* as RFC 4235 names them */
	bool is_initiator;
	const char *remote_party; /* name-address */
};
void call_table_walk_extension(struct call_table *table, struct view number,
			       void (*visit)(const struct call_of_extension *call, void *arg), void *arg);
/* The last transitions of a call and its legs, a line each, for error logs and the API. ERR_NOT_FOUND. */
int call_table_print_history(struct call_table *table, const char *call_id, struct text *out) WARN_UNUSED;

/* The dry run: where a call from an extension or trunk of that name ("" or another: nobody known) would go now, and why, in lines. */
struct routing_decision;
struct text;
void call_table_explain(struct call_table *table, const char *from, const char *to, struct text *out,
			struct routing_decision *ret_decision);

#endif
