/* The configuration: one libconfig file for both daemons, read once into plain structs.
 *
 * Used by both daemons and voxctl, which read the file at start and on reload and pass the parts down. What keys exist,
 * their types, defaults, ranges and help sentences are the rows of lib/config/schema.c; conf/voxlane.conf is printed
 * from them.
 * The loader walks the FILE, so a key that no row knows is refused instead of ignored. Every refusal is one line,
 * "file:line: what is wrong; what to do". libconfig's @include is refused: one file is the whole configuration.
 * Threads: conf_load from one thread at a time; a loaded struct is constant, any thread may read it.
 * Ownership: everything a struct conf points to belongs to it and lives until conf_free. Strings are never NULL. No
 * libconfig type leaves this folder.
 * Limits: CONF_FILE_SIZE_MAX bytes of file; list lengths and string lengths as in the rows.
 */
#ifndef LIB_CONFIG_CONFIG_H
#define LIB_CONFIG_CONFIG_H

#include <stdio.h>

#include "lib/config/tls.h"
#include "lib/config/trunk.h"
#include "lib/net/net.h"
#include "lib/srtp/suite.h"

#define CONF_FILE_SIZE_MAX (8u << 20)
#define CONF_PORTS_MAX     16
#define CONF_ADDRESSES_MAX 64 /* of all dataplane ports together, as in the shared segment */

struct conf_addresses {
	struct net_address *at;
	size_t len;
};

struct conf_integers {
	int32_t *at;
	size_t len;
};

/* UDP ports of media: start is even, both ends are inclusive. start 0: not given. */
struct conf_port_pool {
	uint16_t start, end;
};

enum conf_transport { CONF_TRANSPORT_UDP, CONF_TRANSPORT_TCP, CONF_TRANSPORT_TLS, CONF_TRANSPORT_COUNT };

struct conf_sip {
	struct net_address listen_ip; /* 0.0.0.0 or ::, or one address */
	uint16_t listen_port, tls_port;
	uint32_t transports; /* bits 1 << enum conf_transport */
	uint32_t workers;    /* 0: see conf_signalling_workers */
	struct conf_tls tls;
	uint32_t max_connections, connections_per_source;
	uint32_t tls_handshakes, tls_handshakes_per_source; /* at the same time */
	uint32_t tcp_above;                                 /* bytes; 0: never */
	uint32_t max_concurrent_calls;
	uint32_t calls_per_second; /* 0: no limit */
	uint32_t overload_lag_ms;  /* 0: no shedding */
	const char *realm;
	struct conf_strings domains;      /* names this server answers to beside its addresses; empty: any */
	struct net_address advertised_ip; /* behind 1:1 NAT; family 0: none */
	bool allow_guests;
	uint32_t min_expires_s, max_expires_s;
	uint32_t ring_timeout_s, fork_timeout_s;
	uint32_t session_expires_s, min_session_expires_s; /* 0: no session timers */
	uint32_t contacts_per_extension;
	const char *user_agent;
};

enum conf_digest { CONF_DIGEST_MD5, CONF_DIGEST_SHA256 };

struct conf_auth {
	uint32_t algorithms; /* bits 1 << enum conf_digest */
	uint32_t nonce_lifetime_s;
	uint32_t ban_failures; /* 0: nobody is banned */
	uint32_t ban_window_s, ban_time_s;
};

struct conf_security {
	struct conf_strings allow, deny; /* prefixes, checked */
	bool silent_scanners;
	struct conf_strings scanners; /* parts of a User-Agent, beside those that everybody knows */
	uint32_t requests_per_second; /* of one source; 0: no limit */
};

enum conf_media_mode { CONF_MEDIA_BYPASS, CONF_MEDIA_TRANSCODE };

/* What is said about SRTP in session descriptions; INHERIT: as media.srtp says. */
enum conf_srtp { CONF_SRTP_OFF, CONF_SRTP_OPTIONAL, CONF_SRTP_REQUIRED, CONF_SRTP_INHERIT };
enum conf_clear_keys { CONF_CLEAR_KEYS_ALLOW, CONF_CLEAR_KEYS_WARN, CONF_CLEAR_KEYS_REFUSE };

struct conf_media {
	unsigned mode;              /* enum conf_media_mode */
	struct conf_strings codecs; /* that parties are offered beside each other's, best first; empty: the usual */
	struct conf_port_pool port_pool;
	uint32_t rtp_timeout_s, packet_rate_limit; /* 0: never; 0: any number a second */
	uint8_t dscp;
	const char *segment; /* path of the shared segment */
	unsigned srtp;       /* enum conf_srtp, of whom nothing else is said */
	struct conf_strings srtp_suites;
	unsigned srtp_clear_signalling; /* enum conf_clear_keys */
	/* what the checks make of it */
	uint8_t suites[SECURE_SUITE_COUNT]; /* enum secure_suite_id, best first */
	uint8_t suite_count;
};

struct conf_events {
	struct conf_strings webhook_urls;
	uint32_t webhook_timeout_s, webhook_retries;
};

enum conf_rotation { CONF_ROTATION_DAILY, CONF_ROTATION_NONE };

struct conf_cdr {
	bool enabled;
	const char *output_dir;
	const char *filename_pattern; /* strftime, UTC */
	unsigned rotation;            /* enum conf_rotation */
	uint32_t retention_days;      /* 0: for ever */
};

struct conf_store {
	const char *url; /* "sqlite:PATH", "postgresql://..."; "": no database */
};

struct conf_logging {
	unsigned level;     /* enum log_level of lib/log */
	unsigned format;    /* enum log_format of lib/log */
	const char *output; /* "stdout", or a file's path */
	bool sip_traffic;   /* at the start; the API switches it later */
	const char *sip_traffic_dir;
	uint32_t sip_traffic_retention_days; /* 0: for ever */
	uint32_t sip_traffic_max_mb;         /* of a day's file */
};

struct conf_monitoring {
	struct net_address listen_ip; /* of the API; loopback as long as there are no tokens and no allow_anonymous */
	uint16_t health_check_port;   /* the API, /health and /ready */
	struct net_address metrics_listen_ip;
	uint16_t prometheus_port; /* /metrics */
	bool allow_anonymous;
	struct conf_strings tokens;
};

enum conf_driver { CONF_DRIVER_AF_XDP, CONF_DRIVER_AF_PACKET, CONF_DRIVER_MEMIF, CONF_DRIVER_PCI, CONF_DRIVER_PCAP };
enum conf_serves { CONF_SERVES_NETWORK, CONF_SERVES_LOCAL }; /* LOCAL: phones on this very machine (veth pair) */
enum conf_idle { CONF_IDLE_ADAPTIVE, CONF_IDLE_POLL };

/* A dataplane port: a NIC, one end of a veth pair, a memif socket, ... */
struct conf_port {
	const char *name;   /* unique */
	unsigned driver;    /* enum conf_driver */
	const char *device; /* interface name, PCI address, memif socket path, pcap file: as the driver wants */
	struct conf_addresses addresses;  /* 1..; where the engine receives media */
	struct conf_addresses advertised; /* empty, or as long as addresses: what a session description says instead */
	unsigned serves;                  /* enum conf_serves */
	uint32_t queues;                  /* 0: as many as workers, or what the device has */
	struct conf_port_pool port_pool;  /* its own, or media.port_pool */
	const char *options;              /* appended to the driver's arguments */
	const char *tap;                  /* name of the TAP twin for what is not media (pci, memif); "": none */
	const char *where;                /* "file:line" of its group, for start errors */
};

struct conf_dataplane {
	uint32_t workers;
	unsigned idle; /* enum conf_idle */
	bool huge_pages;
	uint32_t memory_mb; /* 0: computed from the workers and streams */
	uint32_t streams_per_worker;
	int32_t main_core;                 /* -1: any */
	struct conf_integers worker_cores; /* empty: any; else one a worker */
	struct conf_port *ports;
	size_t port_count;
};

struct conf_extension {
	const char *number;               /* unique */
	const char *password;             /* "" when a hash is given */
	const char *ha1_md5, *ha1_sha256; /* hex of H(number:realm:password), or "" */
	const char *name;                 /* shown to the called party */
	const char *context;              /* whose routes its calls follow; dialplan.default_context unless given */
	uint32_t max_contacts;            /* sip.contacts_per_extension unless given */
	struct conf_strings codecs;       /* names, best first; empty: all */
	unsigned dtmf;                    /* enum conf_dtmf */
	unsigned srtp;                    /* enum conf_srtp; media.srtp unless given */
	const char *where;                /* "file:line" */
};

enum conf_route_action { CONF_ROUTE_EXTENSION, CONF_ROUTE_ECHO, CONF_ROUTE_REJECT, CONF_ROUTE_TRUNK };

struct conf_route {
	const char *pattern; /* a number, or "_" and X Z N [..] . ! as telephony people know them */
	const char *context;
	unsigned action; /* enum conf_route_action */
	const char
		*target; /* of trunk: the trunk or group; of extension: the one to call instead of the number; or "" */
	uint32_t code;   /* of reject */
	uint32_t strip;  /* characters taken off the front of the number, then */
	const char *prepend;
	struct conf_strings times; /* when it is there, in local time: "Mon-Fri 08:00-18:00"; empty: always */
	bool emergency;            /* its calls pass every limit */
	const char *where;         /* "file:line" */
};

struct conf_dialplan {
	const char *default_context;
	struct conf_route *routes; /* in the order of the file; the default ones when the group has none */
	size_t route_count;
};

enum conf_family { CONF_FAMILY_IPV4, CONF_FAMILY_IPV6 };

struct conf_dns {
	struct conf_strings servers; /* "192.0.2.53", "[2001:db8::53]:5353"; empty: those of /etc/resolv.conf */
	uint32_t timeout_ms, tries;
	uint32_t cache_size; /* names and types */
	unsigned prefer;     /* enum conf_family: whose addresses are tried first */
};

struct conf {
	struct conf_sip sip;
	struct conf_dns dns;
	struct conf_auth auth;
	struct conf_security security;
	struct conf_media media;
	struct conf_events events;
	struct conf_store store;
	struct conf_cdr cdr;
	struct conf_logging logging;
	struct conf_monitoring monitoring;
	struct conf_dataplane dataplane;
	struct conf_dialplan dialplan;
	struct conf_extension *extensions;
	size_t extension_count;
	struct conf_trunk *trunks;
	size_t trunk_count;
	struct conf_trunk_group *trunk_groups;
	size_t trunk_group_count;
	const char *path; /* of the file */
};

struct conf_problem {
	char text[512]; /* "file:line: sentence", one line */
	char field[64]; /* the key that is wrong; "" when it is none alone */
	bool is_row;    /* it is in a row of conf_load_text_with: "database:extensions/1000: sentence" */
};

/* Reads and checks the file. ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO, ERR_TOO_LONG, ERR_SYNTAX (not libconfig),
 * ERR_INVALID (a key, type, range or cross-check), ERR_NOMEM; ret_problem then says it in one line. */
int conf_load(const char *path, struct conf **ret_conf, struct conf_problem *ret_problem) WARN_UNUSED;
/* The same from text in memory; `path` is only what the problem names. */
int conf_load_text(const char *path, const char *text, struct conf **ret_conf,
		   struct conf_problem *ret_problem) WARN_UNUSED;
void conf_free(struct conf *conf); /* NULL is allowed */
/* How many signalling workers there are on a machine with so many cores: sip.workers, or one for each core that the dataplane's
 * workers do not use, 1 at least. Both daemons ask the same. */
uint32_t conf_signalling_workers(const struct conf *conf, uint32_t cores);
/* Prints the commented sample, conf/voxlane.conf: every key with its help, range and default. */
void conf_print_sample(FILE *stream);

#endif
