/* The arena: a chain of blocks, the newest first; only the newest is filled. */
#include "lib/container/arena.h"

#include <stdlib.h>

enum { ARENA_BLOCK = 2048, ARENA_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ARENA_ALIGN) char bytes[];
};

void arena_init(struct arena *arena, size_t limit)
{
	*arena = (struct arena){.limit = limit};
}

void arena_fini(struct arena *arena)
{
	for (struct arena_block *b = arena->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	*arena = (struct arena){.limit = arena->limit};
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	void *at;

	if (size > PTRDIFF_MAX / 2)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (size > arena->limit - arena->used)
		return NULL;
	if (!block || size > block->size - block->used) {
		size_t capacity = MAX(size, ARENA_BLOCK);

		block = malloc(sizeof(*block) + capacity);
		if (!block)
			return NULL;
		*block = (struct arena_block){.next = arena->blocks, .size = capacity};
		arena->blocks = block;
	}
	at = block->bytes + block->used;
	block->used += size;
	arena->used += size;
	memset(at, 0, size);
	return at;
}

struct view arena_copy(struct arena *arena, struct view bytes)
{
	char *at = arena_alloc(arena, bytes.size + 1);

	if (!at)
		return (struct view){NULL, 0};
	if (bytes.size > 0)
		memcpy(at, bytes.at, bytes.size);
	return (struct view){at, bytes.size};
}
