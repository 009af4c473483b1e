/* The entries that workers read, the next hops behind them, and keeping both true to the kernel's tables. */
#include "dataplane/neighbour/neighbour.h"

#include <stdlib.h>

#include "dataplane/neighbour/netlink.h"
#include "dataplane/port/port.h"
#include "lib/container/list.h"
#include "lib/container/map.h"

#define PROBE_KNOWN_MS   10000 /* the kernel forgets an unused neighbour after a minute */
#define PROBE_UNKNOWN_MS 1000
#define WALK_MS          500 /* how often the hops are looked through for what is due */
#define RESOLVE_A_POLL   256 /* entries looked up anew in one poll after a route changed */
#define BROADCAST        (NEIGHBOUR_VALID | UINT64_C(0xffffffffffff))

/* A neighbour of the kernel's table that some entries go by. */
struct hop {
	struct map_node node;
	struct list link; /* in resolver->hops */
	struct list entries;
	struct netlink_neighbour is;
	uint64_t probed_ms;
};

struct entry {
	struct map_node node; /* by port and destination */
	struct list of_hop;   /* in hop->entries; in none when the port has one word for all */
	struct hop *hop;
	struct net_address destination;
	uint16_t port;
	uint32_t users; /* 0: free */
	uint32_t next_free;
};

struct neighbour_resolver {
	const struct port_table *ports;
	struct netlink *netlink;
	struct map entry_map, hop_map;
	struct list hops;
	struct entry *entries;
	uint32_t first_free, high_water; /* entries below high_water have been used once */
	uint32_t resolve_at;             /* entries from here on are to be looked up anew */
	uint64_t port_words[PORT_MAX];   /* one word for every destination of the port; 0: ask the kernel */
	uint64_t now_ms, walked_ms;
	bool has_new_links;
};

struct entry_key {
	struct net_address destination;
	uint32_t port;
};

struct hop_key {
	struct net_address address;
	uint32_t ifindex;
};

static bool match_entry(const struct map_node *node, const void *arg)
{
	const struct entry *entry = CONTAINER_OF(node, struct entry, node);
	const struct entry_key *key = arg;

	return entry->port == key->port && net_address_is_equal(&entry->destination, &key->destination);
}

static bool match_hop(const struct map_node *node, const void *arg)
{
	const struct hop *hop = CONTAINER_OF(node, struct hop, node);
	const struct hop_key *key = arg;

	return hop->is.ifindex == key->ifindex && net_address_is_equal(&hop->is.address, &key->address);
}

static void publish(struct neighbour_table *table, const struct entry *entry)
{
	struct neighbour_resolver *resolver = table->resolver;
	uint64_t word = entry->hop ? entry->hop->is.word : resolver->port_words[entry->port];

	atomic_store_explicit(&table->words[entry - resolver->entries], word, memory_order_relaxed);
}

/* ---- hops ---- */
static void hop_set(struct neighbour_table *table, struct hop *hop, const struct netlink_neighbour *neighbour)
{
	bool is_new = hop->is.word != neighbour->word;

	hop->is = *neighbour;
	if (!is_new)
		return;
	LIST_FOREACH (link, &hop->entries)
		publish(table, LIST_ENTRY(link, struct entry, of_hop));
}

/* Looks at what the kernel knows, then makes it ask the wire, which it does not do for us by itself because it does not see
 * our traffic. */
static void hop_ask(struct neighbour_table *table, struct hop *hop)
{
	struct neighbour_resolver *resolver = table->resolver;
	struct netlink_neighbour neighbour = hop->is;

	/* The news say it all, unless some were lost. */
	if (netlink_neighbour(resolver->netlink, &neighbour) == 0)
		hop_set(table, hop, &neighbour);
	else
		hop->is.is_fixed = false;
	hop->probed_ms = resolver->now_ms;
	if (!hop->is.is_fixed)
		netlink_probe(resolver->netlink, hop->is.ifindex, &hop->is.address);
}

static struct hop *hop_find(struct neighbour_resolver *resolver, const struct hop_key *key)
{
	struct map_node *node = map_find(&resolver->hop_map, hash_bytes(key, sizeof(*key)), key);

	return node ? CONTAINER_OF(node, struct hop, node) : NULL;
}

static struct hop *hop_get(struct neighbour_table *table, const struct hop_key *key)
{
	struct neighbour_resolver *resolver = table->resolver;
	struct hop *hop = hop_find(resolver, key);

	if (hop)
		return hop;
	hop = calloc(1, sizeof(*hop));
	if (!hop)
		return NULL;
	list_init(&hop->entries);
	hop->is = (struct netlink_neighbour){.ifindex = key->ifindex, .address = key->address};
	list_add(&resolver->hops, &hop->link);
	map_add(&resolver->hop_map, &hop->node, hash_bytes(key, sizeof(*key)));
	hop_ask(table, hop);
	return hop;
}

/* Takes the entry off its hop; a hop without entries goes. */
static void leave_hop(struct neighbour_resolver *resolver, struct entry *entry)
{
	struct hop *hop = entry->hop;

	list_del(&entry->of_hop);
	entry->hop = NULL;
	if (!hop || !list_is_empty(&hop->entries))
		return;
	list_del(&hop->link);
	map_del(&resolver->hop_map, &hop->node);
	free(hop);
}

/* ---- entries ---- */
/* Finds the entry's next hop and publishes what is known of it. Without a route the entry keeps no hop and is tried again
 * when routes change. */
static void resolve(struct neighbour_table *table, struct entry *entry)
{
	static const struct net_address none;
	struct neighbour_resolver *resolver = table->resolver;
	const struct port *port = &resolver->ports->ports[entry->port];
	struct hop_key key = {.ifindex = port->ifindex};
	const struct net_address *source = &none;
	struct hop *hop = NULL;

	for (unsigned i = 0; i < port->address_count && source == &none; i++)
		if (port->addresses[i].family == entry->destination.family)
			source = &port->addresses[i];
	if (resolver->port_words[entry->port] == 0 &&
	    netlink_next_hop(resolver->netlink, port->ifindex, source, &entry->destination, &key.address) == 0)
		hop = hop_get(table, &key);
	if (hop != entry->hop) {
		leave_hop(resolver, entry);
		entry->hop = hop;
		if (hop)
			list_add(&hop->entries, &entry->of_hop);
	}
	publish(table, entry);
}

static uint32_t take_free(struct neighbour_table *table)
{
	struct neighbour_resolver *resolver = table->resolver;
	uint32_t index = resolver->first_free;

	if (index != UINT32_MAX)
		resolver->first_free = resolver->entries[index].next_free;
	else if (resolver->high_water < table->capacity)
		index = resolver->high_water++;
	return index;
}

int neighbour_get(struct neighbour_table *table, uint16_t port_index, const struct net_address *destination,
		  uint32_t *ret_index)
{
	struct neighbour_resolver *resolver = table->resolver;
	struct entry_key key = {.destination = *destination, .port = port_index};
	uint64_t hash = hash_bytes(&key, sizeof(key));
	struct map_node *node = map_find(&resolver->entry_map, hash, &key);
	struct entry *entry;
	uint32_t index;

	if (port_index >= resolver->ports->count || net_address_size(destination) == 0)
		return ERR_INVALID;
	if (node) {
		entry = CONTAINER_OF(node, struct entry, node);
		entry->users++;
		*ret_index = (uint32_t)(entry - resolver->entries);
		return 0;
	}
	index = take_free(table);
	if (index == UINT32_MAX)
		return ERR_FULL;
	entry = &resolver->entries[index];
	*entry = (struct entry){.destination = *destination, .port = port_index, .users = 1};
	list_init(&entry->of_hop);
	map_add(&resolver->entry_map, &entry->node, hash);
	resolve(table, entry);
	*ret_index = index;
	return 0;
}

void neighbour_put(struct neighbour_table *table, uint32_t index)
{
	struct neighbour_resolver *resolver = table->resolver;
	struct entry *entry = &resolver->entries[index];

	if (BUG_ON(index >= resolver->high_water || entry->users == 0))
		return;
	if (--entry->users > 0)
		return;
	map_del(&resolver->entry_map, &entry->node);
	leave_hop(resolver, entry);
	atomic_store_explicit(&table->words[index], 0, memory_order_relaxed);
	entry->next_free = resolver->first_free;
	resolver->first_free = index;
}

/* ---- ports with one word ---- */
static uint64_t word_of_port(const struct neighbour_resolver *resolver, const struct port *port)
{
	uint64_t word = 0;

	if (port->fixed_peer)
		return port->fixed_peer;
	if (port->ifindex == 0) {
		word = atomic_load_explicit(&port->learned_peer, memory_order_relaxed);
		return word ? word : BROADCAST;
	}
	if (port->serves == SHM_SERVES_LOCAL)
		(void)!netlink_veth_peer(resolver->netlink, port->ifindex, &word);
	return word;
}

/* links: look at interfaces too, which costs questions; without, only at what workers learned. */
static void renew_port_words(struct neighbour_table *table, bool links)
{
	struct neighbour_resolver *resolver = table->resolver;

	for (unsigned i = 0; i < resolver->ports->count; i++) {
		const struct port *port = &resolver->ports->ports[i];
		uint64_t word, old = resolver->port_words[i];

		if (!links && port->ifindex != 0)
			continue;
		word = word_of_port(resolver, port);
		if (word == old)
			continue;
		resolver->port_words[i] = word;
		/* Between "one word" and "ask the kernel" every entry has to be looked up; else the new word will do. */
		for (uint32_t e = 0; e < resolver->high_water; e++) {
			struct entry *entry = &resolver->entries[e];

			if (entry->users == 0 || entry->port != i)
				continue;
			if (word && old)
				publish(table, entry);
			else
				resolver->resolve_at = MIN(resolver->resolve_at, e);
		}
	}
}

/* ---- news; none of these may ask questions ---- */
static void on_neighbour(void *arg, const struct netlink_neighbour *neighbour)
{
	struct neighbour_table *table = arg;
	struct hop_key key = {.address = neighbour->address, .ifindex = neighbour->ifindex};
	struct hop *hop = hop_find(table->resolver, &key);

	if (hop)
		hop_set(table, hop, neighbour);
}

/* The kernel cleans up what it has not used for a while, or somebody flushed the table. The address was good a moment ago:
 * it stays in use, and the kernel is asked at once. */
static void on_neighbour_gone(void *arg)
{
	struct neighbour_table *table = arg;

	LIST_FOREACH (link, &table->resolver->hops)
		LIST_ENTRY(link, struct hop, link)->probed_ms = 0;
	table->resolver->walked_ms = 0;
}

static void on_route_change(void *arg)
{
	struct neighbour_table *table = arg;

	table->resolver->resolve_at = 0;
}

static void on_link_change(void *arg)
{
	struct neighbour_table *table = arg;

	table->resolver->has_new_links = true;
}

static void on_loss(void *arg)
{
	on_neighbour_gone(arg);
	on_route_change(arg);
	on_link_change(arg);
}

static void walk_hops(struct neighbour_table *table)
{
	struct neighbour_resolver *resolver = table->resolver;

	resolver->walked_ms = resolver->now_ms;
	LIST_FOREACH (link, &resolver->hops) {
		struct hop *hop = LIST_ENTRY(link, struct hop, link);

		if (resolver->now_ms - hop->probed_ms >= (hop->is.word ? PROBE_KNOWN_MS : PROBE_UNKNOWN_MS))
			hop_ask(table, hop);
	}
}

static void resolve_some(struct neighbour_table *table)
{
	struct neighbour_resolver *resolver = table->resolver;
	unsigned left = RESOLVE_A_POLL;

	for (; resolver->resolve_at < resolver->high_water && left > 0; resolver->resolve_at++) {
		struct entry *entry = &resolver->entries[resolver->resolve_at];

		if (entry->users == 0)
			continue;
		resolve(table, entry);
		left--;
	}
	if (resolver->resolve_at >= resolver->high_water)
		resolver->resolve_at = UINT32_MAX;
}

void neighbour_poll(struct neighbour_table *table, uint64_t now_ms)
{
	struct neighbour_resolver *resolver = table->resolver;
	bool links;

	resolver->now_ms = now_ms;
	netlink_poll(resolver->netlink);
	links = resolver->has_new_links;
	resolver->has_new_links = false;
	renew_port_words(table, links);
	if (resolver->resolve_at != UINT32_MAX)
		resolve_some(table);
	if (now_ms - resolver->walked_ms >= WALK_MS)
		walk_hops(table);
}

int neighbour_fd(const struct neighbour_table *table)
{
	return netlink_fd(table->resolver->netlink);
}

int neighbour_new(const struct port_table *ports, uint32_t capacity, struct neighbour_table **ret_table)
{
	struct neighbour_table *table = calloc(1, sizeof(*table));
	struct neighbour_resolver *resolver = calloc(1, sizeof(*resolver));
	struct netlink_listener listener = {on_neighbour,   on_neighbour_gone, on_route_change,
					    on_link_change, on_loss,           table};
	int error = ERR_NOMEM;

	if (!table || !resolver) {
		free(table);
		free(resolver);
		return ERR_NOMEM;
	}
	table->resolver = resolver;
	table->capacity = capacity;
	table->words = calloc(capacity, sizeof(*table->words));
	resolver->entries = calloc(capacity, sizeof(*resolver->entries));
	resolver->ports = ports;
	resolver->first_free = UINT32_MAX;
	resolver->resolve_at = UINT32_MAX;
	list_init(&resolver->hops);
	if (!table->words || !resolver->entries || map_init(&resolver->entry_map, match_entry) ||
	    map_init(&resolver->hop_map, match_hop))
		goto fail;
	error = netlink_new(&listener, &resolver->netlink);
	if (error)
		goto fail;
	renew_port_words(table, true);
	*ret_table = table;
	return 0;
fail:
	neighbour_free(table);
	return error;
}

void neighbour_free(struct neighbour_table *table)
{
	struct neighbour_resolver *resolver;

	if (!table)
		return;
	resolver = table->resolver;
	LIST_FOREACH_SAFE (link, &resolver->hops)
		free(LIST_ENTRY(link, struct hop, link));
	netlink_free(resolver->netlink);
	map_fini(&resolver->entry_map);
	map_fini(&resolver->hop_map);
	free(resolver->entries);
	free(resolver);
	free(table->words);
	free(table);
}
