/* Keys of a command become contexts here, so that a worker neither derives nor allocates; what a worker gave up comes back. */
#include "dataplane/manager/private.h"

static struct secure_key key_of(const struct shm_key *from)
{
	struct secure_key key = {.suite = from->suite, .mki_size = from->mki_size};

	memcpy(key.master, from->master, sizeof(key.master));
	memcpy(key.salt, from->salt, sizeof(key.salt));
	memcpy(key.mki, from->mki, sizeof(key.mki));
	return key;
}

static int context_new(struct manager *manager, enum secure_direction direction, const struct shm_key *from,
		       struct secure_context **ret_context)
{
	struct secure_key key = key_of(from);
	int error = ERR_UNSUPPORTED;

	*ret_context = NULL;
	if (from->suite == SECURE_NONE)
		return 0;
	if (manager->engine)
		error = secure_context_new(manager->engine, direction, &key, ret_context);
	secure_key_wipe(&key);
	return error;
}

int manager_secure(struct manager *manager, struct stream_wish *wish)
{
	int error = context_new(manager, SECURE_UNPROTECT, &wish->set.key_in, &wish->secure_in);

	wish->secure_out = wish->secure_spare = NULL;
	if (!error)
		error = context_new(manager, SECURE_PROTECT, &wish->set.key_out, &wish->secure_out);
	explicit_bzero(&wish->set.key_in, sizeof(wish->set.key_in));
	explicit_bzero(&wish->set.key_out, sizeof(wish->set.key_out));
	if (error)
		manager_secure_free(wish);
	return error;
}

void manager_secure_free(struct stream_wish *wish)
{
	secure_context_free(wish->secure_in);
	secure_context_free(wish->secure_out);
	secure_context_free(wish->secure_spare);
	wish->secure_in = wish->secure_out = wish->secure_spare = NULL;
}
