/* Bytes that end where a page without rights begins: reading one byte too far is a crash, not luck. */
#ifndef TESTS_UNIT_GUARD_H
#define TESTS_UNIT_GUARD_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/base.h"

struct guard {
	char *bytes; /* a writable copy of what was given */
	size_t size;
	char *map;
	size_t map_size;
};

static inline struct guard guard_copy(struct view bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes.size + page - 1) / page * page;
	struct guard guard = {.size = bytes.size, .map_size = room + page};

	guard.map = mmap(NULL, guard.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guard.map == MAP_FAILED || mprotect(guard.map + room, page, PROT_NONE))
		abort();
	guard.bytes = guard.map + room - bytes.size;
	if (bytes.size > 0)
		memcpy(guard.bytes, bytes.at, bytes.size);
	return guard;
}

static inline void guard_free(struct guard *guard)
{
	munmap(guard->map, guard->map_size);
}

#endif
