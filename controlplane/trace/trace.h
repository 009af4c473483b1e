/* The SIP traffic log: every message whole, as it came or went, in files sip_traffic_YYYYMMDD.log (UTC).
 *
 * Used by controlplane/app: it observes the transport, and the API switches it on and off at run time, for everything, or
 * one peer, one call (both its legs), one extension. Several conditions at once must all hold.
 * A record is a line, the message, and an empty line:
 *     --- 2026-11-21T14:03:05.042Z received UDP 192.0.2.10:5060 -> 192.0.2.1:5060 612 bytes call=8f...
 * The size tells where the message ends whatever is in it; call= is our call id, when the message belongs to a call we
 * know (the INVITE that begins one comes before its call). Credentials are blotted out with as many '*': response and
 * rspauth of a digest, everything of other schemes, SRTP keys of a=crypto.
 * Threads: all functions on the signalling loop's thread. A writer thread, started by the first trace_set that switches
 * on, does everything that touches the disk. Between them is a queue of TRACE_QUEUE_SIZE bytes without locks: when it is
 * full, messages are lost, counted, and the file tells how many at that place. Signalling never waits.
 * Off, nothing observes the transport: the cost is one branch a message. On, a message costs its parsing and a copy.
 * Ownership: options and filters are copied. Limits: a file ends at size_max bytes, what comes later that day counts as
 * lost; files of days older than retention_days are removed when a new one begins.
 */
#ifndef CONTROLPLANE_TRACE_TRACE_H
#define CONTROLPLANE_TRACE_TRACE_H

#include "controlplane/transport/transport.h"

struct loop;
struct trace;

enum {
	TRACE_QUEUE_SIZE = 4 << 20,
	TRACE_CALL_SIZE = 33,     /* our call ids: 32 characters and the terminator */
	TRACE_CALL_ID_SIZE = 256, /* SIP Call-IDs that can be asked for */
};

struct trace_options {
	const char *directory;   /* made when it is missing */
	uint32_t retention_days; /* 0: for ever */
	uint64_t size_max;       /* of a file; 0: no limit */
	/* Our call id of a dialog, into ret_call. False: none is known. May be NULL. */
	bool (*find_call)(void *arg, struct view sip_call_id, struct view local_tag, struct view remote_tag,
			  char ret_call[TRACE_CALL_SIZE]);
	void *arg;
};

struct trace_filter {
	bool is_on;
	struct net_prefix peer;              /* family 0: any */
	char call[TRACE_CALL_ID_SIZE];       /* our call id, or a SIP Call-ID; "": any */
	char call_other[TRACE_CALL_ID_SIZE]; /* the Call-ID of its caller's leg, which is not ours; "": not known */
	char extension[64];                  /* user of From or To; "": any */
};

struct trace_status {
	struct trace_filter filter;
	uint64_t written, lost; /* messages */
	int last_errno;         /* of the disk; 0: all is well */
};

/* Off at first. ERR_NOMEM; ERR_TOO_LONG: the directory's name. */
int trace_new(struct loop *loop, const struct trace_options *options, struct trace **ret_trace) WARN_UNUSED;
/* What is queued is written first. After the transport was freed. NULL is allowed. */
void trace_free(struct trace *trace);
/* Whom to observe; the filter decides whether it does. NULL: nobody, before the transport is freed. */
void trace_set_transport(struct trace *trace, struct transport *transport);
/* Another filter from now on. ERR_NOMEM (no thread could be started): it stays as it was. */
int trace_set(struct trace *trace, const struct trace_filter *filter) WARN_UNUSED;
void trace_status(const struct trace *trace, struct trace_status *ret_status);

#endif
