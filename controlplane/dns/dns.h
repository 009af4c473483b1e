/* Names of SIP servers become addresses to try in order: RFC 3263 (NAPTR, SRV, A and AAAA), RFC 2782 (priority and weight).
 *
 * Used by controlplane/trunk (carriers by name) and app (life, tests' own source). A look-up either has its answer at once, because
 * it is an address or known, or asks and tells later; nothing here waits.
 * Threads: the signalling loop's only; each loop has its own struct dns. Ownership: a lookup lives in its user's struct, which stops
 * it before it goes; the host in its question is borrowed until then. Targets are values.
 *
 * What is asked (walk.c): an address: nothing. A port: its A and AAAA. A transport: _sip._udp SRV (or _tcp; _sips._tcp), else A and
 * AAAA at the usual port. Neither: NAPTR, else SRV of every transport that we have, else A and AAAA by UDP. All records of the
 * answers are kept, so that there is somewhere to go on when the best does not answer (4.3).
 * Only what this server can send to is a target: kinds and families with a listener. Multicast and unspecified addresses are none.
 * Answers are kept for their TTL, between DNS_KEEP_MIN_S and DNS_KEEP_MAX_S; that a name does not exist for the time its zone says
 * (RFC 2308), at most DNS_ABSENT_MAX_S. When servers do not answer, what was known is used for DNS_STALE_S more (RFC 8767), and
 * they are asked again after DNS_RETRY_S.
 * Names are complete ones: no search domains. Names of /etc/hosts are found, by a read of that file before each A or AAAA question.
 * Limits: cache_max names and types, the least used leaves; DNS_RECORDS_MAX records an answer; DNS_TARGETS_MAX targets.
 * Source of answers: c-ares on our loop (ares.c), without threads; in tests whatever implements struct dns_source.
 */
#ifndef CONTROLPLANE_DNS_DNS_H
#define CONTROLPLANE_DNS_DNS_H

#include "controlplane/transport/transport.h"
#include "lib/container/list.h"

struct dns;
struct loop;

enum {
	DNS_NAME_SIZE = 254, /* with its terminator */
	DNS_RECORDS_MAX = 16,
	DNS_TARGETS_MAX = 16,
	DNS_KEEP_MIN_S = 5,
	DNS_KEEP_MAX_S = 86400,
	DNS_ABSENT_S = 30, /* unless the zone says */
	DNS_ABSENT_MAX_S = 300,
	DNS_STALE_S = 86400,
	DNS_RETRY_S = 15,
	DNS_ROUNDS_MAX = 16, /* answers that one look-up waits for, one after the other */
};

#define DNS_TYPE_LIST(X)                                                                                               \
	X(DNS_A, "A", 1)                                                                                               \
	X(DNS_AAAA, "AAAA", 28)                                                                                        \
	X(DNS_SRV, "SRV", 33)                                                                                          \
	X(DNS_NAPTR, "NAPTR", 35)
enum dns_type {
#define X(name, text, number) name,
	DNS_TYPE_LIST(X)
#undef X
		DNS_TYPE_COUNT
};
const char *dns_type_name(enum dns_type type);

/* ---- what a source answers ---- */
struct dns_record {
	struct net_address address;      /* A, AAAA */
	uint16_t priority, weight, port; /* SRV; NAPTR: order and preference */
	char service[12];                /* NAPTR: "SIP+D2U"; only those with flag "s" and no regular expression */
	char name
		[DNS_NAME_SIZE]; /* SRV: target, "" is the root; NAPTR: replacement; lower case, without the last dot */
};

struct dns_answer {
	int error; /* 0; ERR_NOT_FOUND: there is none; else it is not known: ERR_TIMEOUT, ERR_IO, ERR_SYNTAX, ERR_NOMEM */
	uint32_t ttl_s;
	size_t count;
	struct dns_record *records;
};
/* From the bytes of a message; never fails but in answer->error. At most DNS_RECORDS_MAX records; those of no use are left out. */
void dns_answer_parse(enum dns_type type, const uint8_t *bytes, size_t size, struct dns_record records[DNS_RECORDS_MAX],
		      struct dns_answer *ret_answer);

struct dns_query {
	enum dns_type type;
	const char *name;
	/* Exactly once for each ask, also from within it; the answer is copied. */
	void (*answered)(struct dns_query *query, const struct dns_answer *answer);
};
struct dns_source {
	void (*ask)(void *arg, struct dns_query *query);
	void (*free)(void *arg); /* answers what is open; may be NULL */
	void *arg;
};

struct dns_ares_options {
	const char *servers; /* "192.0.2.53,[2001:db8::53]:5353"; "": those of /etc/resolv.conf */
	uint32_t timeout_ms; /* of the first try; doubled for each further */
	uint32_t tries;      /* of each server */
};
/* ERR_INVALID: servers; ERR_NOMEM; ERR_IO: /etc/resolv.conf. */
int dns_ares_new(struct loop *loop, const struct dns_ares_options *options, struct dns_source *ret_source) WARN_UNUSED;

/* ---- targets ---- */
struct dns_target {
	enum transport_kind kind;
	struct net_endpoint remote;
	uint16_t rank, priority, weight; /* rank: of its NAPTR or transport; the lowest first */
	uint16_t server;                 /* those of the same one stay together, in this order */
};
struct dns_targets {
	size_t count;
	struct dns_target list[DNS_TARGETS_MAX];
	uint64_t until_ms; /* of loop_now_ms: to be asked again then */
	bool is_stale;     /* the servers do not answer: as it was known before */
};
bool dns_target_is_equal(const struct dns_target *a, const struct dns_target *b); /* kind and remote */
/* Into the order in which to try them now (RFC 2782); draw gives a number from 0 to max, both in it. */
void dns_targets_order(struct dns_target *list, size_t count, uint32_t (*draw)(void *arg, uint32_t max), void *arg);

struct dns_question {
	const char *host; /* name or address, "[2001:db8::1]" too */
	uint16_t port;    /* 0: none given */
	bool has_kind;
	enum transport_kind kind;
	bool is_secure; /* sips: only TLS */
};

/* Which kinds can be sent to which family: a bit of 1 << enum transport_kind. */
struct dns_reach {
	uint32_t ipv4, ipv6;
	bool prefers_ipv6;
};

/* ---- the pure part: one step of RFC 3263 over what is known ---- */
struct dns_known {
	const struct dns_answer *answer;
	uint64_t until_ms;
	bool is_stale;
};
/* False: not known. It has been asked for, and ERR_AGAIN is what the walk says. */
typedef bool dns_find(void *arg, enum dns_type type, const char *name, struct dns_known *ret_known);
/* All that can be known is asked for in one step. ERR_AGAIN; ERR_NOT_FOUND: no such name, or nothing there that we can reach;
 * ERR_SYNTAX: neither a name nor an address; ERR_UNSUPPORTED: an address of a family or kind that we do not have; ERR_TIMEOUT,
 * ERR_IO: servers do not answer. */
int dns_walk(const struct dns_question *question, const struct dns_reach *reach, dns_find *find, void *arg,
	     struct dns_targets *ret_targets) WARN_UNUSED;

/* ---- look-ups ---- */
struct dns_options {
	struct loop *loop;
	struct dns_source source; /* becomes dns's, also on failure */
	size_t cache_max;
	bool prefers_ipv6;
};
/* ERR_NOMEM. */
int dns_new(const struct dns_options *options, struct dns **ret_dns) WARN_UNUSED;
void dns_free(struct dns *dns); /* look-ups that wait are never told; NULL is allowed */
/* Which kinds and families there are: those of its listeners. Until then only addresses are found. */
void dns_set_transport(struct dns *dns, const struct transport *transport);

struct dns_lookup {
	struct list link;
	struct dns *dns; /* NULL: nothing is going on */
	struct dns_question question;
	/* targets: NULL with an error. Never from within dns_lookup_start; may start the next. */
	void (*done)(void *arg, int error, const struct dns_targets *targets);
	void *arg;
	unsigned rounds;
};
void dns_lookup_init(struct dns_lookup *lookup, void (*done)(void *arg, int error, const struct dns_targets *targets),
		     void *arg);
/* 0: the targets are known, done is not called. ERR_AGAIN: done will be called. Others as of dns_walk; ERR_NOMEM, ERR_LIMIT. */
int dns_lookup_start(struct dns *dns, struct dns_lookup *lookup, const struct dns_question *question,
		     struct dns_targets *ret_targets) WARN_UNUSED;
void dns_lookup_stop(struct dns_lookup *lookup); /* nothing when nothing is going on */
/* The answers that are kept are asked for again when they are needed next. */
void dns_flush(struct dns *dns);

struct dns_stats {
	uint64_t asked, failed; /* questions to servers; those without a useful answer */
	uint64_t hits;          /* answered from the cache */
	size_t kept;            /* answers now */
};
struct dns_stats dns_stats(const struct dns *dns);

#endif
