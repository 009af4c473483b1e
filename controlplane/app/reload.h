/* SIGHUP: the file is read and checked again, and what can change while calls go on changes, at once and as a whole, on
 * the signalling thread. A file that is wrong changes nothing and is named with its line.
 *
 * Used by main.c. Threads: reload_start on the API thread, which reads the file and compiles the dial plan; the first
 * signalling thread applies it, all of them are held up for about 3 us an extension; the API thread takes over tokens and log level.
 * Ownership: the first configuration stays for the whole life (what needs a restart still looks at it); of those after it
 * the one in force.
 * What changes: certificates (their files are read again even when the configuration is the same; connections that stand
 * stay as they are), extensions (bindings of those that are gone end), the dial plan, auth and security, limits and times of
 * sip, the log level, API tokens. Everything else is named in one log line as waiting for a restart.
 */
#ifndef CONTROLPLANE_APP_RELOAD_H
#define CONTROLPLANE_APP_RELOAD_H

#include "controlplane/loop/loop.h"
#include "controlplane/worker/worker.h"
#include "lib/base/base.h"

#include <pthread.h>

struct api;
struct conf;
struct provision;
struct routing;
struct signalling;
struct tls_context;

struct reload {
	/* set by the maker */
	const char *path;
	uint16_t port;       /* instead of sip.listen_port; 0: as in the file */
	bool is_level_fixed; /* --log-level was given */
	const struct conf *first;
	struct signalling *signalling;
	struct api *api;
	struct tls_context *tls;     /* NULL: SIP is not spoken over TLS */
	struct provision *provision; /* NULL: no rows of the database */
	char *text;                  /* of the file in force; reload's from then on */
	struct loop *signalling_loop, *api_loop;
	/* inside */
	struct conf *now; /* NULL: the first is in force */
	struct conf *next;
	char *next_text;
	bool is_for_rows, has_rows_waiting;
	struct routing *routing; /* of next */
	struct tls_context *next_tls;
	struct loop_message apply, applied;
	int error; /* of apply */
	/* the other signalling threads stand still meanwhile */
	struct loop_message pauses[WORKERS_MAX];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned standing;
	bool is_applying;
};

void reload_init(struct reload *reload);
/* One that is going on is not disturbed: the file is read when the signal came first. */
void reload_start(struct reload *reload);
/* The file in force with the rows of the database as they are now; provision_applied is called in the end. */
void reload_rows(struct reload *reload);
/* The configuration in force, for the API thread. */
const struct conf *reload_conf(const struct reload *reload);
/* Both threads have ended, everything is still there: messages that are queued do nothing any more. */
void reload_stop(struct reload *reload);
/* After signalling_free, which still looks at the configuration. */
void reload_fini(struct reload *reload);

#endif
