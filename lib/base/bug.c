/* A broken invariant: told, counted, and fatal unless the daemon said that it would rather go on. */
#include "lib/base/base.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

bool bug_is_fatal = true;
void (*bug_hook)(const char *where, const char *what);

static _Atomic uint64_t bugs;

uint64_t bug_count(void)
{
	return atomic_load_explicit(&bugs, memory_order_relaxed);
}

bool bug_report(const char *where, const char *what)
{
	atomic_fetch_add_explicit(&bugs, 1, memory_order_relaxed);
	if (bug_hook)
		bug_hook(where, what);
	if (bug_is_fatal) {
		fprintf(stderr, "bug: %s: %s\n", where, what);
		abort();
	}
	return true;
}
