/* Where is everybody? REGISTER requests (RFC 3261 10.3), the bindings they make, and the look-up for a call.
 *
 * Used by app (hands REGISTER over), call (registrar_find) and the API (registrar_walk).
 * A binding joins an extension to a Contact URI and to the flow on which the REGISTER came. Requests to that contact go
 * along that flow, not to the host in the URI: behind NAT nothing else works, and where there is no NAT both are the same.
 * Threads: those of one signalling loop, which owns locations; registrar_find is for all of them. Ownership: bindings belong to the registrar; what registrar_find and the callbacks
 * show are views, good until control returns to the loop.
 *
 * What a REGISTER gets:
 *   401  not authenticated: see auth.h; a missing extension and a wrong password look alike
 *   403  the To names another extension, or the extension has max_contacts bindings already and none may go (below)
 *   400  broken Contact, "*" beside other contacts or without Expires: 0, a contact that is not sip: or sips:, more than
 *        REGISTRAR_CHANGES_MAX contacts
 *   420  Require names something else than path and outbound
 *   439  it wants outbound, but the first proxy on its way does not know it (RFC 5626 6)
 *   423  a contact wants fewer seconds than min_expires_s (not 0), with Min-Expires
 *   500  older than, or the same as, what its Call-ID sent before (CSeq; 10.3 step 7)
 *   200  all bindings of the extension with their remaining seconds. A request is applied as a whole or not at all
 * More seconds than max_expires_s are cut; without any, or with a broken number, it is max_expires_s (10.3 step 6).
 * A full extension: phones that lose their memory come back with new contacts and would lock themselves out until the old
 * ones expire, so first a binding of the same +sip.instance, else the one refreshed longest ago from the same source
 * address, makes room for the new one. Otherwise 403.
 *
 * Path (RFC 3327): kept with the binding, the Route of requests to the contact, and named in the 200 to who knows it. Who
 * does not say "Supported: path" is served all the same: the proxy in front of us is the operator's own.
 * Outbound (RFC 5626): with reg-id and +sip.instance from who supports it, a binding is that flow of that phone whatever its
 * Contact says; the 200 then requires outbound. Several flows of one phone are several bindings.
 * Connections: a binding ends with its connection, because nothing else reaches that phone; but what came through a Path, or from
 * a phone over TCP whose Contact is its address, is reached by a new connection there. Dialogs that used a connection that is gone
 * follow their phone to where it registered since (registrar_follow).
 *
 * Restart: with a store (controlplane/store) every new, changed or removed binding is written to the database, on the
 * store's thread; registrar_new reads them back before anybody can send, and drops what expired meanwhile. A refresh alone
 * is written when the stored time would fall short by more than a quarter of what was granted, at most every
 * REGISTRAR_REFRESH_WRITE_MS and many at once. So after kill -9 phones are reachable at once; what changed within the few
 * milliseconds before may be lost, as long as the database is away all that changed since. Bindings on connections (TCP) end
 * with the process.
 *
 * Limits: the constants below; a binding costs at most REGISTRAR_BINDING_SIZE bytes, usually about 500; only who
 * authenticated can make one, so there are never more than the sum of max_contacts.
 */
#ifndef CONTROLPLANE_REGISTRAR_REGISTRAR_H
#define CONTROLPLANE_REGISTRAR_REGISTRAR_H

#include "controlplane/auth/auth.h"
#include "controlplane/transport/transport.h"

struct loop;
struct registrar;
struct store;
struct transaction;

enum {
	REGISTRAR_CONTACTS_MAX = 100,  /* of one extension, whatever max_contacts says */
	REGISTRAR_CHANGES_MAX = 32,    /* contacts in one REGISTER */
	REGISTRAR_URI_MAX = 512,       /* bytes of a Contact URI: longer is 400 */
	REGISTRAR_USER_AGENT_MAX = 96, /* longer is cut */
	REGISTRAR_INSTANCE_MAX = 96,   /* +sip.instance; longer is not kept */
	REGISTRAR_PATH_MAX = 512,      /* all of Path; longer is 400 */
	REGISTRAR_BINDING_SIZE = 2048,
	REGISTRAR_FLOW_TIMER_S = 120, /* Flow-Timer on connections */
	REGISTRAR_MOVED_MAX = 10000,  /* connections that are gone, and who had them */
	REGISTRAR_REFRESH_WRITE_MS = 10000,
};

struct registrar_options {
	uint32_t min_expires_s, max_expires_s;
	struct store *store; /* NULL: bindings die with the process */
};

/* One binding, as others see it. */
struct registrar_contact {
	struct view number; /* the extension */
	struct view uri;    /* the Contact URI, as it was registered */
	struct transport_flow flow;
	unsigned q;                                /* thousandths */
	uint32_t expires_s;                        /* left */
	uint64_t since_ms, refreshed_ms;           /* loop_now_ms; of restored bindings both are the start */
	struct view user_agent, call_id, instance; /* may be empty */
	struct view path;                          /* the Route of requests to it, as one list; may be empty */
	uint32_t reg_id;                           /* 0: no outbound */
};

#define REGISTRAR_EVENT_LIST(X)                                                                                        \
	X(REGISTRAR_ADDED, "added")                                                                                    \
	X(REGISTRAR_REFRESHED, "refreshed")                                                                            \
	X(REGISTRAR_REMOVED, "removed") /* by its owner, or to make room */                                            \
	X(REGISTRAR_EXPIRED, "expired")                                                                                \
	X(REGISTRAR_CUT_OFF, "cut off") /* its connection is gone */
enum registrar_event {
#define X(name, text) name,
	REGISTRAR_EVENT_LIST(X)
#undef X
		REGISTRAR_EVENT_COUNT
};
const char *registrar_event_name(enum registrar_event event);

struct registrar_listener {
	void (*on_event)(void *arg, enum registrar_event event, const struct registrar_contact *contact);
	/* One line for the log: a request that was refused (why is static), or trouble with the database. May be NULL. */
	void (*on_problem)(void *arg, const struct transport_flow *flow, const char *why);
	void *arg;
};

/* The options from the configuration; without a store. */
void registrar_options_init(struct registrar_options *options, const struct conf *conf);
/* The bindings of extensions that the configuration no longer has are not restored. auth, loop, store and
 * extensions must outlive the registrar. ERR_NOMEM; errors of the store (ret_problem). A row that cannot be understood is
 * counted and passed over. */
int registrar_new(struct loop *loop, struct auth *auth, const struct registrar_options *options,
		  const struct conf_extension *extensions, size_t extension_count, struct registrar **ret_registrar,
		  struct transport_problem *ret_problem) WARN_UNUSED;
void registrar_free(struct registrar *registrar); /* NULL is allowed; bindings stay in the database */
/* Other extensions and limits from now on (the store stays). Bindings of extensions that are gone end, as
 * if their owners had removed them; all others stay, even beyond a smaller max_contacts. ERR_NOMEM: nothing has changed. */
int registrar_set(struct registrar *registrar, const struct registrar_options *options,
		  const struct conf_extension *extensions, size_t extension_count) WARN_UNUSED;
void registrar_set_listener(struct registrar *registrar, const struct registrar_listener *listener);

/* A REGISTER: authenticates, applies, and always answers. */
void registrar_on_register(struct registrar *registrar, struct transaction *transaction);

/* Bindings of a number, highest q first, among equals the most recently refreshed first. Returns how many it wrote, at
 * most max; 0: nobody is there. Any signalling thread: their texts are copied into keep, REGISTRAR_BINDING_SIZE each,
 * and how long they last is not told (expires_s is 0). keep
 * NULL: they are not, which is for the owner's thread only. */
size_t registrar_find(struct registrar *registrar, struct view number, struct registrar_contact *ret_contacts,
		      size_t max, struct text *keep);
/* Whether somebody is registered under it. */
bool registrar_is_there(struct registrar *registrar, struct view number);
/* A connection is gone: as on_closed of the transport says. Costs what was registered on it. Its own thread. */
void registrar_on_closed(struct registrar *registrar, const struct transport_flow *flow);
/* Where the phone that used this connection registered since; false: unknown, *flow stays. Any thread. */
bool registrar_follow(struct registrar *registrar, struct transport_flow *flow);
/* All bindings, by extension in the order of the configuration. */
void registrar_walk(const struct registrar *registrar,
		    void (*visit)(void *arg, const struct registrar_contact *contact), void *arg);

struct registrar_stats {
	uint32_t bindings, extensions; /* now; extensions with at least one */
	uint64_t requests, refused;    /* refused: 4xx and 5xx but challenges */
	uint64_t added, refreshed, removed, expired, cut_off;
	uint32_t moved;        /* connections remembered for registrar_follow */
	uint64_t state_errors; /* batches that could not be written, rows that could not be read */
};
const struct registrar_stats *registrar_stats(const struct registrar *registrar);

#endif
