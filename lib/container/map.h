/* An intrusive hash map: the node lives in the member, the key is compared by the user's function. Grows by doubling,
 * a bounded number of buckets a step, so that no insertion stalls on a large table.
 *
 * Threads: one at a time. Ownership: the map owns its bucket arrays only. Limits: 2^31 members.
 */
#ifndef LIB_CONTAINER_MAP_H
#define LIB_CONTAINER_MAP_H

#include "lib/base/base.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

/* True when node carries the key. */
typedef bool map_match(const struct map_node *node, const void *key);

struct map {
	struct map_node **buckets, **old; /* old: being emptied into buckets, or NULL */
	size_t mask, old_mask, moved;     /* old buckets below `moved` are empty */
	size_t count;
	map_match *match;
};

/* ERR_NOMEM. */
int map_init(struct map *map, map_match *match) WARN_UNUSED;
/* Frees the buckets; members are not touched. */
void map_fini(struct map *map);
/* The first member with that hash and key, or NULL. */
struct map_node *map_find(struct map *map, uint64_t hash, const void *key);
/* Adds; equal keys may stand side by side. Never fails: a table that cannot grow only gets slower. */
void map_add(struct map *map, struct map_node *node, uint64_t hash);
/* Takes node out; it must be in. */
void map_del(struct map *map, struct map_node *node);
/* Calls visit for every member in no order; visit may delete that member. */
void map_walk(struct map *map, void (*visit)(struct map_node *node, void *arg), void *arg);

#endif
