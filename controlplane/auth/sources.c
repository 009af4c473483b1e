/* Who guesses: failures per source address, and the ban. A fixed table; auth.c counts here and asks before any other
 * work.
 */
#include "controlplane/auth/auth_private.h"

#include <stdlib.h>

int sources_init(struct sources *sources, size_t count, const struct auth_options *options)
{
	*sources = (struct sources){
		.bucket_count = MAX(count / SOURCES_WAYS, 1),
		.limit = options->ban_failures,
		.window_ms = options->ban_window_ms,
		.ban_ms = options->ban_ms,
	};
	sources->rows = calloc(sources->bucket_count * SOURCES_WAYS, sizeof(*sources->rows));
	return sources->rows ? 0 : ERR_NOMEM;
}

void sources_fini(struct sources *sources)
{
	free(sources->rows);
	*sources = (struct sources){0};
}

/* An IPv6 host owns its /64 and could use a new address for each guess. */
static struct net_address subject(const struct net_address *address)
{
	struct net_address subject = *address;

	if (subject.family == NET_IPV6)
		memset(subject.bytes + 8, 0, 8);
	return subject;
}

static struct source *bucket_of(const struct sources *sources, const struct net_address *address)
{
	uint64_t hash = hash_bytes(address->bytes, sizeof(address->bytes));

	return &sources->rows[hash % sources->bucket_count * SOURCES_WAYS];
}

static struct source *find(const struct sources *sources, const struct net_address *address)
{
	struct source *bucket = bucket_of(sources, address);

	for (size_t i = 0; i < SOURCES_WAYS; i++) {
		if (net_address_is_equal(&bucket[i].address, address))
			return &bucket[i];
	}
	return NULL;
}

bool sources_is_banned(const struct sources *sources, const struct net_address *address, uint64_t now_ms)
{
	struct net_address key = subject(address);
	const struct source *source = find(sources, &key);

	return source && source->banned_until_ms > now_ms;
}

/* How much would be lost with it: nothing for a free row or one whose window has passed, most for one that is banned. */
static uint64_t worth(const struct sources *sources, const struct source *source, uint64_t now_ms)
{
	if (source->address.family == NET_NONE)
		return 0;
	if (source->banned_until_ms > now_ms)
		return UINT32_MAX + (source->banned_until_ms - now_ms);
	if (now_ms - source->begun_ms >= sources->window_ms)
		return 1;
	return 1 + source->failures;
}

static struct source *make_room(struct sources *sources, const struct net_address *key, uint64_t now_ms)
{
	struct source *bucket = bucket_of(sources, key), *least = bucket;

	for (size_t i = 1; i < SOURCES_WAYS; i++) {
		if (worth(sources, &bucket[i], now_ms) < worth(sources, least, now_ms))
			least = &bucket[i];
	}
	*least = (struct source){.address = *key, .begun_ms = now_ms};
	return least;
}

uint32_t sources_fail(struct sources *sources, const struct net_address *address, uint64_t now_ms, bool *ret_is_banned)
{
	struct net_address key = subject(address);
	struct source *source;

	*ret_is_banned = false;
	if (sources->limit == 0 || net_address_is_loopback(address))
		return 0;
	source = find(sources, &key);
	if (!source)
		source = make_room(sources, &key, now_ms);
	if (now_ms - source->begun_ms >= sources->window_ms) {
		source->begun_ms = now_ms;
		source->failures = 0;
	}
	source->failures++;
	if (source->failures >= sources->limit && source->banned_until_ms <= now_ms) {
		source->banned_until_ms = now_ms + sources->ban_ms;
		*ret_is_banned = true;
	}
	return source->failures;
}
