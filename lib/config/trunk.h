/* The part of the configuration that is about carriers: trunks and groups of them. Part of lib/config/config.h, where
 * threads and ownership are told.
 */
#ifndef LIB_CONFIG_TRUNK_H
#define LIB_CONFIG_TRUNK_H

#include "lib/net/net.h"

/* Of a trunk, behind the values of enum conf_transport: as DNS says, UDP when it does not. */
#define CONF_TRUNK_AUTO CONF_TRANSPORT_COUNT

struct conf_strings {
	const char **at;
	size_t len;
};

/* How digits are sent to a party, and come from it; auto: by events where it knows them, else as tones. */
enum conf_dtmf { CONF_DTMF_AUTO, CONF_DTMF_RFC4733, CONF_DTMF_INFO, CONF_DTMF_INBAND };
enum conf_caller_id { CONF_CALLER_ID_PASS, CONF_CALLER_ID_FIXED, CONF_CALLER_ID_ANONYMOUS };
enum conf_rewrite_direction { CONF_REWRITE_OUT, CONF_REWRITE_IN };

/* A dialled number on its way to the carrier (out) or from it (in); the first row of its direction that matches. */
struct conf_rewrite {
	unsigned direction; /* enum conf_rewrite_direction */
	const char *match;  /* a pattern as in routes */
	uint32_t strip;     /* characters taken off its front */
	const char *prepend;
};

struct conf_trunk {
	const char *name;                /* unique among trunks and groups */
	const char *host;                /* as written: the Request-URI and From of what goes there */
	unsigned transport;              /* enum conf_transport, or CONF_TRUNK_AUTO */
	bool tls_verify;                 /* over TLS: its certificate has to be host's */
	const char *username, *password; /* for its challenges; "" none */
	bool registers;
	uint32_t expires_s;
	const char *realm; /* whose challenges are answered; "": any */
	struct conf_strings peers;
	uint32_t options_interval_s; /* 0: health is not asked for */
	uint32_t max_calls;          /* both directions; 0: no limit */
	uint32_t calls_per_second;   /* to the carrier; 0: no limit */
	uint32_t answer_timeout_ms;  /* without any response: the next member's turn */
	struct conf_strings codecs;  /* names, best first; empty: all */
	unsigned dtmf;               /* enum conf_dtmf */
	unsigned srtp;               /* enum conf_srtp; media.srtp unless given */
	const char *context;         /* whose routes its calls follow */
	unsigned caller_id;          /* enum conf_caller_id */
	const char *caller_number;   /* of fixed */
	struct conf_rewrite *rewrites;
	size_t rewrite_count;
	const char *where; /* "file:line" */
	/* what the checks make of it */
	const char *host_name;       /* host without its port: a name or an address, without brackets */
	uint16_t host_port;          /* 0: none was written */
	struct net_prefix *prefixes; /* of peers */
	size_t prefix_count;
};

struct conf_member {
	const char *trunk;
	uint32_t priority; /* the lowest first */
	uint32_t weight;   /* among members of the same priority; 0: only when no other is left */
};

struct conf_code_range {
	uint16_t first, last;
};

struct conf_trunk_group {
	const char *name;
	struct conf_member *members; /* 1.. */
	size_t member_count;
	struct conf_strings failover_on; /* "408", "500-599" */
	const char *where;
	/* what the checks make of it */
	struct conf_code_range *codes; /* of failover_on, or the usual ones */
	size_t code_count;
};

#endif
