/* Inside controlplane/trunk: the trunk, and the two machines of each. */
#ifndef CONTROLPLANE_TRUNK_TRUNK_PRIVATE_H
#define CONTROLPLANE_TRUNK_TRUNK_PRIVATE_H

#include "controlplane/dns/dns.h"
#include "controlplane/loop/loop.h"
#include "controlplane/routing/routing.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/trunk/trunk.h"
#include "lib/container/bucket.h"
#include "lib/fsm/fsm.h"
#include "lib/sip/sip.h"

#include <pthread.h>

#define REGISTER_STATE_LIST(X)                                                                                         \
	X(REGISTER_NONE, "none")                                                                                       \
	X(REGISTER_ASKING, "asking")   /* REGISTER sent */                                                             \
	X(REGISTER_PROVING, "proving") /* sent with the answer to a challenge */                                       \
	X(REGISTER_UP, "registered")                                                                                   \
	X(REGISTER_WAITING, "waiting") /* refused or unanswered; tried again later */                                  \
	X(REGISTER_LEAVING, "leaving") /* REGISTER with Expires: 0 sent */                                             \
	X(REGISTER_PARTING, "parting") /* the same with the answer to its challenge */                                 \
	X(REGISTER_OVER, "over")
#define REGISTER_EVENT_LIST(X)                                                                                         \
	X(REGISTER_START, "start")                                                                                     \
	X(REGISTER_ACCEPTED, "accepted")                                                                               \
	X(REGISTER_CHALLENGED, "challenged") /* with a challenge that can be answered */                               \
	X(REGISTER_TOO_BRIEF, "too_brief")   /* 423; the longer time is noted */                                       \
	X(REGISTER_NEXT, "next")             /* this target does not answer, and there is another */                   \
	X(REGISTER_REFUSED, "refused")       /* any other answer, or none */                                           \
	X(REGISTER_DUE, "due")               /* the timer */                                                           \
	X(REGISTER_STOP, "stop")

#define HEALTH_STATE_LIST(X)                                                                                           \
	X(HEALTH_UNKNOWN, "unknown") /* not asked for: taken for up */                                                 \
	X(HEALTH_UP, "up")                                                                                             \
	X(HEALTH_UP_ASKED, "up, asked")                                                                                \
	X(HEALTH_DOWN, "down")                                                                                         \
	X(HEALTH_DOWN_ASKED, "down, asked")                                                                            \
	X(HEALTH_OVER, "over")
#define HEALTH_EVENT_LIST(X)                                                                                           \
	X(HEALTH_START, "start")                                                                                       \
	X(HEALTH_DUE, "due")                                                                                           \
	X(HEALTH_GOOD, "good")                                                                                         \
	X(HEALTH_GOOD_ENOUGH, "good_enough") /* so often that it is up */                                              \
	X(HEALTH_BAD, "bad")                                                                                           \
	X(HEALTH_BAD_ENOUGH, "bad_enough") /* so often that it is down */                                              \
	X(HEALTH_STOP, "stop")

#define TRUNK_ENUM(name, text) name,
enum register_state { REGISTER_STATE_LIST(TRUNK_ENUM) REGISTER_STATE_COUNT };
enum register_event { REGISTER_EVENT_LIST(TRUNK_ENUM) REGISTER_EVENT_COUNT };
enum health_state { HEALTH_STATE_LIST(TRUNK_ENUM) HEALTH_STATE_COUNT };
enum health_event { HEALTH_EVENT_LIST(TRUNK_ENUM) HEALTH_EVENT_COUNT };
#undef TRUNK_ENUM

/* What an event brings. */
struct trunk_input {
	const struct sip_message *message; /* NULL: none */
	unsigned status;
};

struct trunk_registration {
	struct fsm fsm;
	struct loop_timer timer; /* the next one; while one is asked: its patience, if there is a next one */
	struct transaction *request;
	struct dns_target where;                    /* asked now, or last */
	struct dns_target home;                     /* registered at, while until_ms is not 0 */
	struct dns_target order[TRUNK_TARGETS_MAX]; /* of this round */
	size_t order_count, order_next;
	char call_id[33], tag[17];
	uint32_t cseq;
	uint32_t expires_s; /* to ask for */
	unsigned failures;  /* in a row */
	unsigned proofs;    /* answers to challenges since the last acceptance */
	uint64_t until_ms;  /* registered until then; 0: not */
};

struct trunk_health {
	struct fsm fsm;
	struct loop_timer timer, patience; /* the next one; how long this one may take */
	struct transaction *request;
	unsigned good, bad; /* in a row */
};

struct trunk_target {
	struct trunk *trunk;
	struct dns_target where;
	struct trunk_health health;
};

struct trunk_rule {
	const struct conf_rewrite *conf;
	struct routing_pattern pattern;
};

struct trunk {
	struct trunk_table *table;
	struct trunk *first; /* the same of the first table: what is shared is there. Its own in the first */
	const struct conf_trunk *conf;
	struct trunk_registration registration;
	struct trunk_target *targets[TRUNK_TARGETS_MAX];
	size_t target_count;
	struct dns_lookup lookup;
	struct loop_timer resolve_timer;
	int resolve_error; /* of the last look-up; ERR_AGAIN: there was none yet */
	bool is_stale;
	struct trunk_rule *rules;
	/* shared, in the first: */
	pthread_mutex_t lock; /* recursive */
	struct bucket bucket;
	uint32_t calls;
	uint64_t total_calls, refused;
	char last_error[TRUNK_ERROR_SIZE];
	uint64_t last_error_wall_ms;
};

struct trunk_table {
	struct trunk_services services;
	struct trunk *trunks;
	size_t trunk_count;
};

extern const struct fsm_machine register_machine, health_machine;

void register_init(struct trunk *trunk);
void register_feed(struct trunk *trunk, enum register_event event, const struct trunk_input *input);
void register_fini(struct trunk *trunk);
bool register_is_good(const struct trunk *trunk, uint64_t now_ms); /* registered, or not wanted */
void register_soon(struct trunk *trunk);                           /* where it was is gone: anew, elsewhere */
void health_init(struct trunk_target *target);
void health_feed(struct trunk_target *target, enum health_event event);
void health_fini(struct trunk_target *target);
bool health_is_good(const struct trunk_target *target);

/* ---- target.c ---- */
int target_init(struct trunk *trunk) WARN_UNUSED;
void target_start(struct trunk *trunk);
void target_stop(struct trunk *trunk);
void target_fini(struct trunk *trunk);
/* All of them in the order to try them now; ret_good, may be NULL: how many of them are good. */
size_t target_order(struct trunk *trunk, struct dns_target ret_list[TRUNK_TARGETS_MAX], size_t *ret_good);
bool target_is_good(const struct trunk *trunk, const struct dns_target *where);
bool target_has_good(const struct trunk *trunk);
int target_flow(struct trunk *trunk, const struct dns_target *where, struct transport_flow *ret_flow) WARN_UNUSED;

bool trunk_is_usable(const struct trunk *trunk);
/* What is shared of a trunk, and its targets and registration: the first's thread holds it to change them, the others to look. */
void trunk_lock(const struct trunk *trunk);
void trunk_unlock(const struct trunk *trunk);
/* Notes and logs it. */
void trunk_fail(struct trunk *trunk, const char *format, ...) PRINTF(2, 3);
/* Begins a request to the trunk outside any dialog: everything up to CSeq. NULL: no way to it. */
struct sip_writer *trunk_begin(struct trunk *trunk, const struct transport_flow *flow, enum sip_method method,
			       const char *call_id, const char *tag, uint32_t cseq);
/* Takes the handler off a transaction that nobody waits for any more. */
void trunk_forget(struct transaction **transaction);
/* We, as the carrier reaches us: "192.0.2.1:5070". */
const char *trunk_print_host(struct trunk *trunk, const struct transport_flow *flow, char host[NET_ENDPOINT_TEXT]);

#endif
