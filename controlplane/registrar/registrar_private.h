/* The parts of controlplane/registrar behind registrar.h: bindings (binding.c), a REGISTER as a plan (plan.c), what
 * survives in the database (state.c).
 */
#ifndef CONTROLPLANE_REGISTRAR_REGISTRAR_PRIVATE_H
#define CONTROLPLANE_REGISTRAR_REGISTRAR_PRIVATE_H

#include "controlplane/loop/loop.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/store/store.h"
#include "lib/container/list.h"
#include "lib/container/map.h"

#include <pthread.h>

/* An extension (address of record) and its bindings, the most recently refreshed last. */
struct aor {
	struct map_node node;
	char *number;
	uint32_t max_contacts, count;
	struct list bindings;
	struct list write_link; /* in state.changed or refreshed, or in none */
};

struct aors {
	struct aor *at; /* in the order of the configuration */
	size_t len;
	struct map by_number;
};

struct binding {
	struct list link;        /* in aor->bindings */
	struct map_node by_flow; /* in registrar->by_flow, while it is on a connection that somebody opened to us */
	struct registrar *registrar;
	struct aor *aor;
	struct loop_timer timer;
	struct transport_flow flow;
	uint64_t since_ms, refreshed_ms, expires_at_ms; /* loop_now_ms */
	uint64_t stored_until_ms;                       /* when it expires as the database knows it; 0: it does not */
	uint32_t cseq;
	unsigned q;
	uint32_t reg_id;                                      /* 0: no outbound */
	struct view uri, call_id, user_agent, instance, path; /* into text */
	char text[];
};

struct state {
	struct store *store;            /* NULL: nothing is kept */
	struct list changed, refreshed; /* extensions whose rows are to be written: soon; with the timer */
	struct batch *batch;            /* on its way; NULL: none */
	bool is_away;                   /* the last one failed */
	struct loop_message flush;
	struct loop_timer timer;
	uint64_t sweep_at_ms; /* expired rows are deleted then */
};

struct registrar {
	struct loop *loop;
	struct auth *auth;
	struct registrar_options options;
	struct aors aors;
	struct state state;
	struct map by_flow;     /* bindings, by their connection */
	struct map moved;       /* struct moved, by the connection that is gone */
	struct list moved_list; /* the oldest first */
	struct registrar_listener listener;
	struct registrar_stats stats;
	pthread_mutex_t lock; /* its own thread holds it to change bindings, others to read them */
};

struct aor *registrar_find_aor(struct registrar *registrar, struct view number);

/* ---- binding.c ---- */
/* What a binding is made from; the texts are copied, those of user_agent and instance without control characters. */
struct binding_values {
	struct view uri, call_id, user_agent, instance, path;
	struct transport_flow flow;
	uint32_t cseq, expires_s, reg_id;
	unsigned q;
};
/* Not in its extension yet. NULL when out of memory. */
struct binding *binding_new(struct registrar *registrar, struct aor *aor, const struct binding_values *values);
/* Puts it there and starts its timer; takes the place of old, which is freed (NULL: none). */
void binding_put(struct binding *binding, struct binding *old);
/* Takes it out, if it is in, and frees it. */
void binding_free(struct binding *binding);
/* The binding of that flow of that phone, or NULL. */
struct binding *binding_find_flow(const struct aor *aor, struct view instance, uint32_t reg_id);
/* The binding of that extension whose URI is the same by RFC 3261 19.1.4, or NULL. */
struct binding *binding_find(const struct aor *aor, const struct sip_uri *uri);
void binding_show(const struct binding *binding, struct registrar_contact *ret_contact);
/* The same on any thread, which must not ask our loop for the time. */
void binding_show_at(const struct binding *binding, uint64_t now_ms, struct registrar_contact *ret_contact);
/* Another way to it from now on. */
void binding_reroute(struct binding *binding, const struct transport_flow *flow);
/* Tells the listener and the statistics. */
void binding_tell(const struct binding *binding, enum registrar_event event);

/* ---- flow.c ---- */
int flows_init(struct registrar *registrar) WARN_UNUSED;
void flows_fini(struct registrar *registrar);
/* The binding is reachable by its flow, and is not any more. */
void flows_add(struct registrar *registrar, struct binding *binding);
void flows_del(struct registrar *registrar, struct binding *binding);
/* It is not reached by its connection any more, but perhaps by another one, later: for registrar_follow. */
void flows_remember(struct registrar *registrar, const struct binding *binding);

/* ---- plan.c: everything about a REGISTER that can be refused, before anything is changed ---- */
struct change {
	struct sip_name_address contact;
	uint32_t expires_s;
	unsigned q;
	uint32_t reg_id; /* 0: no outbound */
	struct binding *old,
		*new; /* old: has the same URI, or is the same flow; new: takes its place, NULL when expires_s is 0 */
};
struct plan {
	struct aor *aor;
	struct change changes[REGISTRAR_CHANGES_MAX];
	size_t change_count;
	struct binding *victims[REGISTRAR_CHANGES_MAX]; /* go, to make room */
	size_t victim_count;
	bool is_all;      /* "*": every binding goes */
	bool is_outbound; /* a contact is a flow: the answer requires outbound */
	char path[REGISTRAR_PATH_MAX + 1];
};
/* Returns the status to answer with: 200, or a refusal, with its reason for the log. */
unsigned plan_make(struct registrar *registrar, const struct sip_message *request, const struct transport_flow *flow,
		   struct aor *aor, struct plan *plan, const char **ret_why);
void plan_apply(struct registrar *registrar, struct plan *plan);

/* ---- state.c ---- */
/* Reads the bindings back. store NULL: there is none. Errors of the store. */
int state_init(struct registrar *registrar, struct store *store, struct transport_problem *ret_problem) WARN_UNUSED;
void state_fini(struct registrar *registrar);
/* A binding of that extension is new, other than it was, or gone. */
void state_changed(struct registrar *registrar, struct aor *aor);
/* It only lives longer now. */
void state_refreshed(struct registrar *registrar, struct binding *binding);
/* A reload: what waits for `from` waits for `to`. */
void state_move(struct registrar *registrar, struct aor *from, struct aor *to);
/* A reload without that extension. */
void state_gone(struct registrar *registrar, struct aor *aor);

#endif
