/* Requests a second and source: token buckets in a fixed table of small sets. Asked last, for requests that nothing else
 * keeps out. */
#include "controlplane/defence/defence_private.h"

#include <stdlib.h>

enum { TOKEN = 1000, RATE_MAX = 1000000 }; /* a token in thousandths; UINT32_MAX / TOKEN is above RATE_MAX */

int rates_init(struct rates *rates, size_t count)
{
	pthread_mutex_init(&rates->lock, NULL);
	rates->set_count = MAX(count / RATES_WAYS, 1);
	rates->rows = calloc(rates->set_count * RATES_WAYS, sizeof(*rates->rows));
	return rates->rows ? 0 : ERR_NOMEM;
}

void rates_fini(struct rates *rates)
{
	pthread_mutex_destroy(&rates->lock);
	free(rates->rows);
	rates->rows = NULL;
}

static uint32_t tokens_now(const struct rates *rates, const struct rate *rate, uint64_t now_ms)
{
	uint64_t full = (uint64_t)MIN(rates->per_second, RATE_MAX) * TOKEN;
	uint64_t passed_ms = now_ms > rate->filled_ms ? MIN(now_ms - rate->filled_ms, 1000) : 0;

	return (uint32_t)MIN(rate->tokens + passed_ms * rates->per_second, full);
}

/* The row of that address; else the one that asked least gives way: a free one, or the fullest. */
static struct rate *find_or_make(struct rates *rates, const struct net_address *key, uint64_t now_ms)
{
	uint64_t hash = hash_bytes(key->bytes, sizeof(key->bytes));
	struct rate *set = &rates->rows[hash % rates->set_count * RATES_WAYS], *least = set;

	for (size_t i = 0; i < RATES_WAYS; i++) {
		if (net_address_is_equal(&set[i].address, key))
			return &set[i];
		if (least->address.family == NET_NONE)
			continue;
		if (set[i].address.family == NET_NONE ||
		    tokens_now(rates, &set[i], now_ms) > tokens_now(rates, least, now_ms))
			least = &set[i];
	}
	*least =
		(struct rate){.address = *key, .tokens = MIN(rates->per_second, RATE_MAX) * TOKEN, .filled_ms = now_ms};
	return least;
}

static bool take(struct rates *rates, const struct net_address *key, uint64_t now_ms)
{
	struct rate *rate = find_or_make(rates, key, now_ms);

	rate->tokens = tokens_now(rates, rate, now_ms);
	/* The clocks of two threads may be a turn apart. */
	rate->filled_ms = MAX(rate->filled_ms, now_ms);
	if (rate->tokens < TOKEN)
		return false;
	rate->tokens -= TOKEN;
	return true;
}

bool rates_take(struct rates *rates, const struct net_address *address, uint64_t now_ms)
{
	struct net_address key = *address;
	bool is_taken;

	if (rates->per_second == 0)
		return true;
	if (key.family == NET_IPV6) /* a host owns its /64 */
		memset(key.bytes + 8, 0, 8);
	pthread_mutex_lock(&rates->lock);
	is_taken = take(rates, &key, now_ms);
	pthread_mutex_unlock(&rates->lock);
	return is_taken;
}
