/* One signalling thread's worth of a telephony server: transactions, authentication, registrar, dial plan, calls and
 * media, wired to each other. The program gives it a real loop and sockets; scenarios give it simulated ones.
 *
 * Used by main.c and tests/scenario.
 * Threads: everything here belongs to the thread of the loop; several workers each have one, and share what first owns. Ownership: conf, metrics and cdr are the maker's and outlive
 * it; the transport is the maker's too and is freed before signalling_free.
 */
#ifndef CONTROLPLANE_APP_SIGNALLING_H
#define CONTROLPLANE_APP_SIGNALLING_H

#include "controlplane/inspection/inspection.h"
#include "controlplane/dns/dns.h"
#include "controlplane/media/media.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/overload/overload.h"
#include "controlplane/transport/transport.h"
#include "controlplane/worker/worker.h"
#include "lib/container/map.h"
#include "lib/log/log.h"

struct api_sources;
struct api_status;
struct auth;
struct auth_verdict;
struct call_table;
struct cdr;
struct conf;
struct defence;
struct loop;
struct metrics;
struct registrar;
struct routing;
struct store;
struct subscription_table;
struct trace;
struct transaction_layer;
struct trunk_table;

enum { SIGNALLING_COUNTS = 96, SIGNALLING_WATCHED = 4096 };

struct signalling {
	const struct conf *conf;
	struct loop *loop;
	struct metrics *metrics;
	struct cdr *cdr;
	struct store *store;
	struct trace *trace;
	struct transaction_layer *transactions;
	struct transport *transport;
	struct auth *auth;
	struct auth_verdict *verdict; /* of the request that is at the door */
	struct defence *defence;
	struct inspection inspection;   /* of the request that is at the door */
	struct log_limit refused_limit; /* of lines about what was refused for what it is */
	struct registrar *registrar;
	struct routing *routing;
	struct dns *dns;
	struct trunk_table *trunks;
	struct overload overload;
	struct media *media;
	struct call_table *calls;
	struct subscription_table *subscriptions;
	media_route *route;
	void *route_arg;
	struct dns_source names;
	bool is_draining;
	struct worker *worker; /* which of several this is; NULL: the only one */
	struct signalling *first;
	_Atomic uint64_t published[SIGNALLING_COUNTS]; /* own figures, for the first to add up (sources.c) */
	/* of the first, for all: */
	struct signalling *all[WORKERS_MAX];
	unsigned count;
	_Atomic uint32_t in_force;                   /* calls that are not over */
	_Atomic uint8_t watched[SIGNALLING_WATCHED]; /* by hash of the number: somebody subscribed to its calls once */
	struct map elsewhere; /* watched extensions' calls on other workers, as last told (watching.c) */
};

struct signalling_options {
	const struct conf *conf;
	struct loop *loop;
	struct metrics *metrics;
	struct cdr *cdr;     /* NULL: no records */
	struct store *store; /* NULL: registrations end with the process */
	media_route *route;  /* NULL: the transport's */
	void *route_arg;
	struct dns_source names; /* becomes signalling's; ask NULL: the configured name servers */
	/* Several signalling threads: each has one of these. worker says which it is; the first is made first, named by the
	 * others, and freed last; it alone owns locations, subscriptions, and the trunks' registration and health. */
	struct worker *worker; /* NULL: there is only one */
	struct signalling *first;
};

struct signalling_problem {
	char text[512]; /* one line */
};

/* Everything but the transport, which needs signalling_receiver first. Errors of what it is made of. */
int signalling_new(const struct signalling_options *options, struct signalling **ret_signalling,
		   struct signalling_problem *ret_problem) WARN_UNUSED;
struct transport_receiver signalling_receiver(struct signalling *signalling);
/* With the transport it starts to look for the media engine. */
int signalling_start(struct signalling *signalling, struct transport *transport,
		     struct signalling_problem *ret_problem) WARN_UNUSED;
/* Another configuration from now on, for all workers: call it for the first, while the others stand still. What reload.h names. routing was compiled from it and becomes signalling's. conf must
 * outlive it, or the next signalling_set_conf; the one before is not looked at any more but for what never changes.
 * ERR_NOMEM: all is as it was, and routing stays the caller's. */
int signalling_set_conf(struct signalling *signalling, const struct conf *conf, struct routing *routing) WARN_UNUSED;
/* No new calls; ends those there are. signalling_is_empty tells when the last is gone. */
void signalling_drain(struct signalling *signalling);
bool signalling_is_empty(const struct signalling *signalling);
void signalling_free(struct signalling *signalling); /* NULL is fine */

/* The API's view of it (sources.c). */
void signalling_sources(struct signalling *signalling, struct api_sources *ret_sources);
/* Gauges and counters that other parts keep, copied into the metrics about once a second. */
void signalling_count(struct signalling *signalling);

/* Figures of one worker, for the first to add up. */
struct signalling_figure {
	enum metric metric;
	uint64_t value;
};
/* What the transport counted (traffic.c); returns how many rows. */
size_t signalling_traffic(const struct transport_stats *stats, struct signalling_figure *ret_figures);
/* The others among the sources of the API, beside the first. */
void signalling_add_source(struct signalling *signalling, struct api_sources *sources);

/* Between the files of app (watching.c): what subscribers are told, and that there is news of an extension's calls. */
struct api_page;
struct api_route_row;
struct api_trunk_row;
/* routes.c */
size_t signalling_trunks(void *arg, const struct api_page *page, struct api_trunk_row *rows, size_t *ret_total);
void signalling_explain(void *arg, const char *from, const char *to, struct api_route_row *ret_row);
int signalling_make_subscriptions(struct signalling *signalling) WARN_UNUSED;
void signalling_on_extension(void *arg, const char *number);
/* Somebody subscribes to the calls of that extension: the other workers are to tell of them. */
void signalling_watch(struct signalling *signalling, struct view number);
void signalling_forget_watched(struct signalling *signalling);

#endif
