/* Whom one may want at the other end, as numbers, so that what carries them stays a plain value. Names come from the configuration
 * and from what it leads to, never from strangers; the limit is there all the same. */
#include "controlplane/tls/tls_private.h"

#include <stdlib.h>

struct tls_name {
	struct map_node node;
	uint32_t number;
	char name[];
};

static bool is_name(const struct map_node *node, const void *key)
{
	return view_equal_nocase(*(const struct view *)key,
				 view_of(CONTAINER_OF(node, const struct tls_name, node)->name));
}

int tls_names_init(struct tls_names *names)
{
	return map_init(&names->map, is_name);
}

void tls_names_fini(struct tls_names *names)
{
	for (uint32_t i = 0; i < names->count; i++)
		free(names->at[i]);
	free(names->at);
	map_fini(&names->map);
}

/* Names are compared without case, so they are hashed without. */
static uint64_t hash_name(const char *name)
{
	char lower[TLS_NAME_MAX];
	size_t size = 0;

	for (; name[size]; size++)
		lower[size] = (char)(name[size] >= 'A' && name[size] <= 'Z' ? name[size] + ('a' - 'A') : name[size]);
	return hash_bytes(lower, size);
}

static int add(struct tls_names *names, const char *name, uint32_t *ret_number)
{
	struct view key = view_of(name);
	struct map_node *node = map_find(&names->map, hash_name(name), &key);
	struct tls_name *entry;

	if (node) {
		*ret_number = CONTAINER_OF(node, struct tls_name, node)->number;
		return 0;
	}
	if (names->count >= TLS_NAMES_MAX)
		return ERR_LIMIT;
	if (!names->at)
		names->at = calloc(TLS_NAMES_MAX, sizeof(struct tls_name *));
	entry = names->at ? malloc(sizeof(*entry) + key.size + 1) : NULL;
	if (!entry)
		return ERR_NOMEM;
	memcpy(entry->name, name, key.size + 1);
	entry->number = names->count;
	names->at[names->count++] = entry;
	map_add(&names->map, &entry->node, hash_name(name));
	*ret_number = entry->number;
	return 0;
}

int tls_context_name(struct tls_context *context, const char *name, uint32_t *ret_number)
{
	int error;

	if (strlen(name) > TLS_NAME_MAX)
		return ERR_TOO_LONG;
	pthread_mutex_lock(&context->lock);
	error = add(&context->names, name, ret_number);
	pthread_mutex_unlock(&context->lock);
	return error;
}

const char *tls_context_named(struct tls_context *context, uint32_t number)
{
	const char *name = NULL;

	pthread_mutex_lock(&context->lock);
	if (number < context->names.count)
		name = context->names.at[number]->name;
	pthread_mutex_unlock(&context->lock);
	return name;
}
