/* What the SIP traffic log hides in messages of strangers: bytes stay or become stars, and nothing is left for a second
 * time. */
#include "controlplane/trace/trace_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *once = malloc(size + 1), *twice = malloc(size + 1);

	if (!once || !twice)
		abort();
	memcpy(once, data, size);
	trace_mask(once, size);
	for (size_t i = 0; i < size; i++)
		if (once[i] != (char)data[i] && once[i] != '*')
			abort();
	memcpy(twice, once, size);
	trace_mask(twice, size);
	if (size > 0 && memcmp(once, twice, size) != 0)
		abort();
	free(once);
	free(twice);
	return 0;
}
