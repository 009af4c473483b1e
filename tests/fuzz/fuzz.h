/* What fuzz targets share: a property that must hold, and views that must lie inside the input. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/base.h"

#define MUST(property)                                                                                                 \
	do {                                                                                                           \
		if (!(property)) {                                                                                     \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property);                  \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* Absent, or inside all. */
static inline bool is_inside(struct view part, struct view all)
{
	return !part.at || (part.at >= all.at && part.at + part.size <= all.at + all.size);
}

/* A copy of exactly the input's size, so that the sanitizer sees a byte too far. */
static inline char *writable_copy(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	MUST(copy);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

#endif
