/* The hash map with incremental growth. */
#include "lib/container/map.h"

#include <stdlib.h>

enum { MAP_FIRST = 16, MAP_MOVE_PER_STEP = 8 };

int map_init(struct map *map, map_match *match)
{
	*map = (struct map){.match = match, .mask = MAP_FIRST - 1};
	map->buckets = calloc(MAP_FIRST, sizeof(*map->buckets));
	return map->buckets ? 0 : ERR_NOMEM;
}

void map_fini(struct map *map)
{
	free(map->buckets);
	free(map->old);
	*map = (struct map){0};
}

static void put(struct map *map, struct map_node *node)
{
	struct map_node **bucket = &map->buckets[node->hash & map->mask];

	node->next = *bucket;
	*bucket = node;
}

static void move_some(struct map *map, size_t buckets)
{
	for (; map->old && buckets > 0; buckets--) {
		struct map_node *node = map->old[map->moved];

		map->old[map->moved++] = NULL;
		while (node) {
			struct map_node *next = node->next;

			put(map, node);
			node = next;
		}
		if (map->moved > map->old_mask) {
			free(map->old);
			map->old = NULL;
		}
	}
}

static void grow(struct map *map)
{
	size_t size = (map->mask + 1) * 2;
	struct map_node **buckets = calloc(size, sizeof(struct map_node *));

	if (!buckets)
		return;
	map->old = map->buckets;
	map->old_mask = map->mask;
	map->moved = 0;
	map->buckets = buckets;
	map->mask = size - 1;
}

struct map_node *map_find(struct map *map, uint64_t hash, const void *key)
{
	for (struct map_node *n = map->buckets[hash & map->mask]; n; n = n->next)
		if (n->hash == hash && map->match(n, key))
			return n;
	if (map->old)
		for (struct map_node *n = map->old[hash & map->old_mask]; n; n = n->next)
			if (n->hash == hash && map->match(n, key))
				return n;
	return NULL;
}

void map_add(struct map *map, struct map_node *node, uint64_t hash)
{
	node->hash = hash;
	if (map->old)
		move_some(map, MAP_MOVE_PER_STEP);
	else if (map->count > map->mask)
		grow(map);
	put(map, node);
	map->count++;
}

static bool take(struct map_node **bucket, struct map_node *node)
{
	for (; *bucket; bucket = &(*bucket)->next)
		if (*bucket == node) {
			*bucket = node->next;
			node->next = NULL;
			return true;
		}
	return false;
}

void map_del(struct map *map, struct map_node *node)
{
	if (take(&map->buckets[node->hash & map->mask], node) ||
	    (map->old && take(&map->old[node->hash & map->old_mask], node)))
		map->count--;
	else
		(void)BUG_ON("map_del: the node is not in this map");
}

void map_walk(struct map *map, void (*visit)(struct map_node *node, void *arg), void *arg)
{
	move_some(map, SIZE_MAX);
	for (size_t i = 0; i <= map->mask; i++)
		for (struct map_node *n = map->buckets[i], *next; n; n = next) {
			next = n->next;
			visit(n, arg);
		}
}
