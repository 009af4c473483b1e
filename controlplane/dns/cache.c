/* What is known, by name and type: for its time, within a limit, and longer when nobody answers any more. */
#include "controlplane/dns/dns_private.h"

#include <stdlib.h>

struct key {
	enum dns_type type;
	const char *name;
};

static bool is_match(const struct map_node *node, const void *arg)
{
	const struct dns_entry *entry = CONTAINER_OF(node, struct dns_entry, node);
	const struct key *key = arg;

	return entry->query.type == key->type && strcmp(entry->name, key->name) == 0;
}

int dns_cache_init(struct dns_cache *cache, size_t max)
{
	list_init(&cache->used);
	cache->count = 0;
	cache->max = max;
	return map_init(&cache->map, is_match);
}

static void drop(struct dns_cache *cache, struct dns_entry *entry)
{
	map_del(&cache->map, &entry->node);
	list_del(&entry->link);
	cache->count--;
	free(entry->answer.records);
	free(entry);
}

void dns_cache_fini(struct dns_cache *cache)
{
	LIST_FOREACH_SAFE (link, &cache->used)
		drop(cache, LIST_ENTRY(link, struct dns_entry, link));
	map_fini(&cache->map);
}

/* The least used one that nobody waits for. */
static void make_room(struct dns_cache *cache)
{
	LIST_FOREACH_SAFE (link, &cache->used) {
		struct dns_entry *entry = LIST_ENTRY(link, struct dns_entry, link);

		if (cache->count < cache->max)
			return;
		if (!entry->is_asked && list_is_empty(&entry->waiting))
			drop(cache, entry);
	}
}

struct dns_entry *dns_cache_get(struct dns_cache *cache, enum dns_type type, const char *name)
{
	struct key key = {type, name};
	size_t size = strlen(name);
	uint64_t hash = hash_bytes(name, size) ^ (uint64_t)type;
	struct map_node *node = map_find(&cache->map, hash, &key);
	struct dns_entry *entry = node ? CONTAINER_OF(node, struct dns_entry, node) : NULL;

	if (entry) {
		list_del(&entry->link);
		list_add(&cache->used, &entry->link);
		return entry;
	}
	make_room(cache);
	entry = cache->count < cache->max ? calloc(1, sizeof(*entry) + size + 1) : NULL;
	if (!entry)
		return NULL;
	memcpy(entry->name, name, size + 1);
	entry->query.type = type;
	entry->query.name = entry->name;
	list_init(&entry->waiting);
	list_add(&cache->used, &entry->link);
	map_add(&cache->map, &entry->node, hash);
	cache->count++;
	return entry;
}

static void keep(struct dns_entry *entry, const struct dns_answer *answer)
{
	struct dns_record *records = calloc(answer->count + 1, sizeof(*records));

	free(entry->answer.records);
	entry->answer = *answer;
	entry->answer.records = records;
	if (records && answer->count > 0)
		memcpy(records, answer->records, answer->count * sizeof(*records));
	if (!records) {
		entry->answer.error = ERR_NOMEM;
		entry->answer.count = 0;
	}
	entry->is_known = true;
}

void dns_cache_put(struct dns_entry *entry, const struct dns_answer *answer, uint64_t now_ms)
{
	bool is_answer = answer->error == 0 || answer->error == ERR_NOT_FOUND;

	entry->is_stale = !is_answer && entry->is_known && entry->stale_ms > now_ms;
	if (!entry->is_stale)
		keep(entry, answer);
	entry->until_ms = now_ms + (is_answer ? answer->ttl_s : DNS_RETRY_S) * 1000ull;
	if (is_answer)
		entry->stale_ms = entry->until_ms + (answer->error == 0 ? DNS_STALE_S * 1000ull : 0);
}

void dns_cache_age(struct dns_cache *cache, uint64_t now_ms)
{
	LIST_FOREACH (link, &cache->used)
		LIST_ENTRY(link, struct dns_entry, link)->until_ms = now_ms;
}
