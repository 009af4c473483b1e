/* The path and the query of an API request: "METHOD PATH?QUERY". */
#include <stdlib.h>

#include "controlplane/api/api_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view query = {(const char *)data, size};
	struct view method = view_cut(&query, ' '), path = query.at ? view_cut(&query, '?') : VIEW_EMPTY;
	char id[API_ID_SIZE] = "", methods_text[64], field_text[96];
	struct text methods, field;
	const struct api_route *route;
	const char *why = NULL;
	struct api_query parsed;

	text_init(&methods, methods_text, sizeof(methods_text));
	text_init(&field, field_text, sizeof(field_text));
	route = api_route_find(method, path, id, &methods);
	if (memchr(id, '\0', sizeof(id)) == NULL || (route && methods.overflow))
		abort();
	/* A refusal says why, and nothing else is out of range. */
	if (api_query_parse(query, ~0u, &parsed, &field, &why) < 0) {
		if (!why)
			abort();
	} else if (parsed.limit < 1 || parsed.limit > API_ROWS_MAX) {
		abort();
	}
	return 0;
}
