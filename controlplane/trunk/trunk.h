/* Trunks: carriers that calls go to and come from. Registration with them, their health, which one takes a call, and the
 * limits of each.
 *
 * Used by controlplane/call (which trunk, may it, what it is told of numbers) and by app (life, what the API shows).
 * Threads: each signalling loop has a table of its own; places and what is usable are shared (a lock, an atomic). Ownership: the table owns the trunks; all in struct trunk_services outlives it.
 *
 * Registration (register.c; RFC 3261 10.2, 22): a REGISTER with the answer to a 401 or 407; refreshed ahead of its end; after a
 * failure again after TRUNK_RETRY_MIN_MS, doubled each time up to TRUNK_RETRY_MAX_MS (RFC 5626 4.5), a random part of half
 * of that less, so that a thousand of us do not come back at once. A password that is not taken waits the longest time at
 * once: carriers lock accounts. Retry-After is respected.
 * Health (health.c): OPTIONS every options_interval; any answer but 408 and 503 within TRUNK_PROBE_MS is a good one.
 * TRUNK_DOWN_AFTER bad ones in a row (asked faster after the first) make a target down, TRUNK_UP_AFTER good ones up. It begins up.
 * A trunk is usable when one of its targets is up and, if it registers, registered.
 * Targets (target.c; RFC 3263): a host by name is looked up at the start and whenever the time of the answer is over, so that a
 * call never waits for it. Each target has its own health. A call goes to them in their order, those that answer first, and
 * to the next one after silence, 503, or when sending fails (4.3); a registration the same. Calls go first to where we are
 * registered. What was known stays in use while the name cannot be looked up.
 * Choice (choose.c): members by priority, among equals at random by weight (as RFC 2782 does it), usable ones only; for
 * emergency calls the others come last instead of never.
 * Limits: as configured; 10,000 trunks and groups; TRUNK_TARGETS_MAX targets; a trunk takes 2 KB, a target 1 KB, a rewriting pattern 2 KB.
 */
#ifndef CONTROLPLANE_TRUNK_TRUNK_H
#define CONTROLPLANE_TRUNK_TRUNK_H

#include "controlplane/transport/transport.h"
#include "lib/config/config.h"

struct auth;
struct dns;
struct loop;
struct trunk;
struct trunk_table;
struct transaction_layer;

enum {
	TRUNK_RETRY_MIN_MS = 5000,
	TRUNK_RETRY_MAX_MS = 300000,
	TRUNK_PROBE_MS = 4000,
	TRUNK_PROBE_SOON_MS = 2000, /* after a bad answer */
	TRUNK_DOWN_AFTER = 3,
	TRUNK_UP_AFTER = 2,
	TRUNK_NUMBER_SIZE = 130, /* a number after rewriting, with its terminator */
	TRUNK_ERROR_SIZE = 96,
	TRUNK_TARGETS_MAX = 8,
};

struct trunk_services {
	const struct conf *conf;
	struct loop *loop;
	struct transaction_layer *transactions;
	struct auth *auth; /* for auth_answer */
	struct dns *dns;   /* NULL: there are no names */
	/* Of the first signalling thread, which registers and asks for health, and outlives this one; NULL: this is it. Places, limits
	 * and last errors are counted there for all. */
	struct trunk_table *first;
};

struct trunk_problem {
	char text[256]; /* "file:line: sentence", one line */
};

/* ERR_INVALID: a pattern of a rewriting rule; ERR_NOMEM. */
int trunk_table_new(const struct trunk_services *services, struct trunk_table **ret_table,
		    struct trunk_problem *ret_problem) WARN_UNUSED;
void trunk_table_free(struct trunk_table *table); /* NULL is allowed; says nothing to carriers */
/* Begins to register and to ask for health: once the transport is there. */
void trunk_table_start(struct trunk_table *table);
/* Unregisters. trunk_table_is_stopped when every carrier answered or had its time. */
void trunk_table_stop(struct trunk_table *table);
bool trunk_table_is_stopped(const struct trunk_table *table);

/* ---- calls to carriers ---- */
/* The trunks that a route's target leads to, in the order to try them. */
size_t trunk_choose(struct trunk_table *table, const char *target, bool is_emergency, struct trunk **ret_trunks,
		    size_t capacity);
/* Whether after this response the next one is to be tried. Never when the target is a single trunk. */
bool trunk_fails_over(const struct trunk_table *table, const char *target, unsigned status);
/* A place for a call to it. ERR_LIMIT: calls, or calls per second; an emergency call passes both. */
int trunk_take(struct trunk *trunk, bool is_emergency) WARN_UNUSED;
/* Flows to its targets in the order to try them; those that do not answer OPTIONS only for an emergency call, last. */
size_t trunk_flows(struct trunk *trunk, bool is_emergency, struct transport_flow ret_flows[TRUNK_TARGETS_MAX]);

/* ---- calls from carriers ---- */
/* The trunk whose peers have this address; of several the longest prefix; NULL: a stranger. */
struct trunk *trunk_of_peer(struct trunk_table *table, const struct net_address *address);
/* A place for a call from it. ERR_LIMIT. */
int trunk_take_incoming(struct trunk *trunk) WARN_UNUSED;

/* ---- both ---- */
void trunk_give_back(struct trunk *trunk); /* the place */
/* How a call ended for the trunk: its last error for people, 0 and 2xx are none. */
void trunk_note(struct trunk *trunk, unsigned status);
const struct conf_trunk *trunk_conf(const struct trunk *trunk);
/* By the first rule of that direction that matches; unchanged when none does. ERR_TOO_LONG, ERR_NOT_FOUND (nothing left). */
int trunk_rewrite(const struct trunk *trunk, enum conf_rewrite_direction direction, const char *number,
		  char ret_number[TRUNK_NUMBER_SIZE]) WARN_UNUSED;

/* ---- what can be seen ---- */
struct trunk_about_target {
	enum transport_kind kind;
	struct net_endpoint remote;
	uint16_t priority, weight;
	const char *health; /* state as the machine names it */
	bool is_good, is_registered;
};
struct trunk_about {
	const char *name, *host;
	const char *resolution;   /* "known", "asked", "stale" or why it failed */
	uint32_t resolve_s;       /* until it is looked up again; 0: an address */
	const char *registration; /* state as the machine names it; "none" when it does not register */
	const char *health;       /* the same, of its best target */
	bool is_usable;
	uint32_t calls, max_calls;     /* now; 0: no limit */
	uint64_t total_calls, refused; /* since the start; refused: for want of a place */
	uint32_t registered_s;         /* what is left of it */
	const char *last_error;        /* "" none */
	uint64_t last_error_wall_ms;
	size_t target_count;
	struct trunk_about_target targets[TRUNK_TARGETS_MAX];
};
void trunk_describe(const struct trunk *trunk, struct trunk_about *ret_about);
struct trunk *trunk_find(struct trunk_table *table, const char *name); /* NULL: there is none */
void trunk_walk(struct trunk_table *table, void (*visit)(const struct trunk_about *about, void *arg), void *arg);
/* How many are usable; how many there are. */
size_t trunk_count_usable(struct trunk_table *table, size_t *ret_total);
/* The choice as lines of text, for the dry run: each trunk of the target and why it is or is not tried. */
void trunk_explain(struct trunk_table *table, const char *target, const char *number, struct text *out);

#endif
