/* Which signalling worker a message is for, and the hand-over to it. N workers run the same signalling, one thread each, and share
 * nothing that changes often: each has its own loop, sockets (SO_REUSEPORT), transactions, dialogs and calls.
 *
 * Used by controlplane/app, which makes the group and puts it between transport and transactions, and by controlplane/call, which
 * says whose phones are in calls here.
 * The kernel gives a message to any worker. It is for:
 *   a response                      the worker whose mark begins the branch of its topmost Via
 *   a request with a To tag         the worker whose mark begins that tag
 *   an INVITE with Replaces         the worker whose mark begins one of the tags that it names
 *   an INVITE with a Call-ID of ours  the worker in that Call-ID, which knows that it is a loop
 *   REGISTER, SUBSCRIBE             worker 0, which owns locations and subscriptions
 *   OPTIONS                         whoever has it: the answer needs no memory
 *   an INVITE, its CANCEL           where that Call-ID went before (for WORKER_REMEMBER_S); else the worker that has calls of the
 *                                   extension in From or Request-URI, so that the calls of one phone are together and can be
 *                                   transferred; else by Call-ID
 *   anything else                   by Call-ID
 * So one carrier with one address is served by all, and what is repeated meets what it repeats, from whatever port it comes.
 * Finding out is one pass over the header lines (find.c), no parsing. Marks: transaction_options.mark.
 * Handing over copies the message into the other's inbox and wakes it when it sleeps. With one worker nothing of this is done.
 *
 * Threads: a struct worker belongs to its thread; what crosses is the inbox (many writers, no lock) and two tables of
 * atomics in the group. Ownership: the maker owns the group, makes it before the threads and frees it after the loops.
 * Limits: WORKERS_MAX; WORKER_INBOX_MAX messages wait for one worker (beyond it they are lost as on a full socket, counted);
 * WORKER_RECENT Call-IDs and WORKER_ENGAGED extensions are remembered, by hash: beyond that, what is older gives way.
 */
#ifndef CONTROLPLANE_WORKER_WORKER_H
#define CONTROLPLANE_WORKER_WORKER_H

#include "controlplane/transport/transport.h"

struct loop;
struct worker;
struct worker_group;

enum {
	WORKERS_MAX = 32, /* letters of a mark */
	WORKER_INBOX_MAX = 8192,
	WORKER_RECENT = 1 << 16,
	WORKER_REMEMBER_S = 64,
	WORKER_ENGAGED = 1 << 14,
};

/* ERR_NOMEM, ERR_INVALID (none, or more than WORKERS_MAX). */
int worker_group_new(unsigned count, struct worker_group **ret_group) WARN_UNUSED;
void worker_group_free(struct worker_group *group); /* NULL is fine; what still waits in inboxes is dropped */
unsigned worker_group_count(const struct worker_group *group);
struct worker *worker_group_get(struct worker_group *group, unsigned index);

unsigned worker_index(const struct worker *worker);
struct worker_group *worker_group_of(struct worker *worker);
/* The letter that begins what this worker names; '\0' when it is the only one. */
char worker_mark(const struct worker *worker);

/* Before the threads start: whose messages these are once they are in the right place (the transaction layer). */
void worker_start(struct worker *worker, struct loop *loop, const struct transport_receiver *receiver);
/* For transport_new of this worker's transport; then worker_set_transport, which also lends the group's connections to each
 * other (transport_set_siblings). NULL: it is about to be freed. */
struct transport_receiver worker_receiver(struct worker *worker);
void worker_set_transport(struct worker *worker, struct transport *transport);
struct loop *worker_loop(const struct worker *worker);

/* Puts the worker into the first byte of a call's random name. */
void worker_sign_call(const struct worker *worker, uint8_t *first_byte);

/* ---- whose phones are in calls here ---- */
/* A call of that extension begins here. True: worker_release must follow; false: its calls are on another worker already. */
bool worker_engage(struct worker *worker, const char *extension);
void worker_release(struct worker *worker, const char *extension);

/* Any thread. */
struct worker_stats {
	uint64_t handed_over; /* given to another worker */
	uint64_t lost;        /* its inbox was full, or there was no memory */
};
void worker_stats(const struct worker *worker, struct worker_stats *ret_stats);

/* ---- find.c: the pure part ---- */
struct worker_names {
	bool is_request;
	struct view method, branch, to_tag, call_id; /* of a response: no method; branch without the magic cookie */
	struct view from_user, uri_user;             /* as written, not unescaped */
	struct view replaces;                        /* the header's value */
};
/* What a message is called, by its header lines alone; empty where there is nothing. Never reads beyond bytes. */
void worker_names_find(struct view bytes, struct worker_names *ret_names);
char worker_mark_of(unsigned index);
/* The worker whose mark begins that text; count: none. */
unsigned worker_of_mark(struct view text, unsigned count);
/* The worker in the Call-ID of a leg that we called (worker_sign_call); count: it is none of ours. */
unsigned worker_of_call_id(struct view call_id, unsigned count);
/* One of both tags of a Replaces value, the first that has a mark; count: none. */
unsigned worker_of_replaces(struct view value, unsigned count);

#endif
