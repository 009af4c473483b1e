/* Dial patterns and dialled numbers from outside: the first line is a pattern, the rest a user part. */
#include "controlplane/routing/routing.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = {(const char *)data, size}, text = view_cut(&rest, '\n');
	struct routing_pattern pattern;
	char number[ROUTING_NUMBER_SIZE];
	const char *why = NULL;

	if (routing_number_decode(rest, number))
		number[0] = '\0';
	if (strlen(number) >= sizeof(number))
		abort();
	if (routing_pattern_parse(text, &pattern, &why)) {
		if (!why)
			abort();
		return 0;
	}
	if (pattern.len > ROUTING_PATTERN_PLACES || routing_pattern_compare(&pattern, &pattern) != 0)
		abort();
	if (routing_pattern_is_match(&pattern, view_of(number)) && strlen(number) < pattern.len)
		abort();
	return 0;
}
