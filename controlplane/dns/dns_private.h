/* Inside controlplane/dns: the cache of answers. */
#ifndef CONTROLPLANE_DNS_DNS_PRIVATE_H
#define CONTROLPLANE_DNS_DNS_PRIVATE_H

#include "controlplane/dns/dns.h"
#include "controlplane/loop/loop.h"
#include "lib/container/map.h"

/* A name and a type: asked for, or answered, or both while it is asked for anew. */
struct dns_entry {
	struct map_node node;
	struct list link; /* in cache->used, the least used first */
	struct dns_query query;
	struct dns *dns;
	bool is_asked, is_known;
	struct list waiting; /* look-ups */
	struct dns_answer answer;
	uint64_t until_ms; /* to be asked anew then */
	uint64_t stale_ms; /* until then it may serve when nobody answers */
	bool is_stale;
	char name[];
};

struct dns_cache {
	struct map map;
	struct list used;
	size_t count, max;
};

struct dns {
	struct loop *loop;
	struct dns_source source;
	struct dns_cache cache;
	struct dns_reach reach;
	struct dns_stats stats;
	struct list ready; /* look-ups whose answer came */
	struct loop_message wake;
	bool is_ending;
};

/* ---- name.c ---- */
/* In lower case and without a last dot. ERR_SYNTAX, ERR_TOO_LONG: nothing that can be asked for. */
int dns_name_normalize(struct view name, char ret_name[DNS_NAME_SIZE]) WARN_UNUSED;

/* ---- cache.c ---- */
int dns_cache_init(struct dns_cache *cache, size_t max) WARN_UNUSED;
void dns_cache_fini(struct dns_cache *cache);
/* The entry, made when there is none; NULL: no memory, or all places are taken by questions that are open. */
struct dns_entry *dns_cache_get(struct dns_cache *cache, enum dns_type type, const char *name);
/* Takes an answer in. A failure leaves what is known, as stale, while it may. */
void dns_cache_put(struct dns_entry *entry, const struct dns_answer *answer, uint64_t now_ms);
void dns_cache_age(struct dns_cache *cache, uint64_t now_ms); /* all of it is due for asking */

#endif
