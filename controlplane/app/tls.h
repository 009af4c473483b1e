/* Certificates as the configuration names them, and what the log says of handshakes.
 *
 * Used by main.c and reload.c. Threads: app_tls_new on any; app_tls_on_handshake on the transport's.
 */
#ifndef CONTROLPLANE_APP_TLS_H
#define CONTROLPLANE_APP_TLS_H

#include "controlplane/tls/tls.h"

struct conf;
struct transport_flow;

/* *ret_context is NULL when sip.transport has no tls. Errors of tls_context_new. Warns in the log of what expires soon. */
int app_tls_new(const struct conf *conf, uint64_t wall_ms, struct tls_context **ret_context,
		struct tls_problem *ret_problem) WARN_UNUSED;

/* Who fails to get in is a line of the log, once in APP_TLS_LOG_MS at most: strangers shall not write our log. One a transport. */
enum { APP_TLS_LOG_MS = 1000 };
struct app_tls_log {
	struct loop *loop;
	uint64_t next_ms;
	uint64_t untold; /* failures since the last line */
};
void app_tls_on_handshake(void *log, const struct transport_flow *flow, int error, const char *why);

#endif
