/* An arena: many small allocations with one life and one free.
 *
 * Threads: one at a time. Ownership: everything taken from it dies with arena_fini. Limit: `limit` bytes in all, asked
 * for at init, so that a stranger's message cannot make it grow without bound.
 */
#ifndef LIB_CONTAINER_ARENA_H
#define LIB_CONTAINER_ARENA_H

#include "lib/base/base.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t used, limit;
};

void arena_init(struct arena *arena, size_t limit);
void arena_fini(struct arena *arena);
/* Zeroed, aligned for any type; NULL when the limit or memory is reached. */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of the bytes, terminated; a view with a NULL pointer when it does not fit. */
struct view arena_copy(struct arena *arena, struct view bytes);

#endif
