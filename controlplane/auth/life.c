/* Accounts, and the lives of an auth and its siblings: what they share is made and let go here; auth.c judges with it. */
#include "controlplane/auth/auth_private.h"
#include "controlplane/auth/openssl.h"

#include <stdlib.h>

/* ---- accounts ---- */
static bool match_number(const struct map_node *node, const void *key)
{
	const struct account_row *row = CONTAINER_OF(node, struct account_row, node);

	return view_is(*(const struct view *)key, row->account.number);
}

static int account_init(struct auth *auth, struct auth_account *account, const struct conf_extension *from)
{
	const char *const hashes[] = {[AUTH_MD5] = from->ha1_md5, [AUTH_SHA256] = from->ha1_sha256};
	int error;

	account->number = strdup(from->number);
	account->name = strdup(from->name);
	if (!account->number || !account->name)
		return ERR_NOMEM;
	for (size_t i = 0; i < AUTH_ALGORITHM_COUNT; i++) {
		if (from->password[0]) {
			error = digest_ha1(auth->digest, (enum auth_algorithm)i, view_of(from->number),
					   view_of(auth->common->realm), view_of(from->password), account->ha1[i]);
			if (error)
				return error;
		} else if (strlen(hashes[i]) == digest_hex_size((enum auth_algorithm)i)) {
			for (size_t k = 0; hashes[i][k]; k++)
				account->ha1[i][k] = (char)(hashes[i][k] | 0x20); /* hex digits to lower case */
		}
	}
	return 0;
}

static void account_fini(struct auth_account *account)
{
	free(account->number);
	free(account->name);
	OPENSSL_cleanse(account->ha1, sizeof(account->ha1));
}

static void accounts_fini(struct accounts *accounts)
{
	for (size_t i = 0; i < accounts->row_count; i++)
		account_fini(&accounts->rows[i].account);
	free(accounts->rows);
	map_fini(&accounts->by_number);
}

static int accounts_init(struct auth *auth, const struct conf_extension *extensions, size_t count,
			 struct accounts *accounts)
{
	int error = map_init(&accounts->by_number, match_number);

	accounts->rows = calloc(count + 1, sizeof(*accounts->rows));
	if (error || !accounts->rows)
		return error ? error : ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		struct account_row *row = &accounts->rows[accounts->row_count++];

		error = account_init(auth, &row->account, &extensions[i]);
		if (error)
			return error;
		map_add(&accounts->by_number, &row->node, hash_bytes(row->account.number, strlen(row->account.number)));
	}
	return 0;
}

const struct auth_account *auth_find(struct auth *auth, struct view number)
{
	struct map_node *node =
		map_find(&auth->common->accounts.by_number, hash_bytes(number.at, number.size), &number);

	return node ? &CONTAINER_OF(node, struct account_row, node)->account : NULL;
}

/* ---- life ---- */
static void common_free(struct common *common)
{
	if (--common->references > 0)
		return;
	accounts_fini(&common->accounts);
	account_fini(&common->nobody);
	replay_fini(&common->replay);
	sources_fini(&common->sources);
	OPENSSL_cleanse(common->key, sizeof(common->key));
	pthread_mutex_destroy(&common->lock);
	free(common->realm);
	free(common);
}

static int common_init(struct auth *auth, const struct auth_options *options, const struct conf_extension *extensions,
		       size_t extension_count)
{
	static const struct conf_extension nobody = {.number = "", .password = "?", .name = ""};
	struct common *common = auth->common;
	int error = account_init(auth, &common->nobody, &nobody);

	if (!error)
		error = accounts_init(auth, extensions, extension_count, &common->accounts);
	if (!error)
		error = replay_init(&common->replay, AUTH_NONCES);
	if (!error)
		error = sources_init(&common->sources, AUTH_SOURCES, options);
	return error;
}

int auth_new(const struct auth_options *options, const struct conf_extension *extensions, size_t extension_count,
	     const uint8_t key[AUTH_KEY_SIZE], struct auth **ret_auth)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int error;

	if (auth)
		auth->common = calloc(1, sizeof(*auth->common));
	if (!auth || !auth->common || strpbrk(options->realm, "\"\\")) {
		error = auth && auth->common ? ERR_INVALID : ERR_NOMEM;
		if (auth)
			free(auth->common);
		free(auth);
		return error;
	}
	auth->common->references = 1;
	pthread_mutex_init(&auth->common->lock, NULL);
	memcpy(auth->common->key, key, AUTH_KEY_SIZE);
	auth->common->options = *options;
	auth->common->realm = strdup(options->realm);
	error = auth->common->realm ? digest_new(key, &auth->digest) : ERR_NOMEM;
	if (!error)
		error = common_init(auth, options, extensions, extension_count);
	if (error) {
		auth_free(auth);
		return error;
	}
	*ret_auth = auth;
	return 0;
}

int auth_new_sibling(struct auth *of, struct auth **ret_auth)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int error = auth ? digest_new(of->common->key, &auth->digest) : ERR_NOMEM;

	if (error) {
		free(auth);
		return error;
	}
	auth->common = of->common;
	auth->common->references++;
	*ret_auth = auth;
	return 0;
}

int auth_set(struct auth *auth, const struct auth_options *options, const struct conf_extension *extensions,
	     size_t extension_count)
{
	struct accounts accounts = {0};
	int error = accounts_init(auth, extensions, extension_count, &accounts);

	if (error) {
		accounts_fini(&accounts);
		return error;
	}
	accounts_fini(&auth->common->accounts);
	auth->common->accounts = accounts;
	auth->memo.size = 0;
	auth->common->options = *options;
	auth->common->options.realm = auth->common->realm;
	auth->common->sources.limit = options->ban_failures;
	auth->common->sources.window_ms = options->ban_window_ms;
	auth->common->sources.ban_ms = options->ban_ms;
	return 0;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	common_free(auth->common);
	digest_free(auth->digest);
	free(auth);
}
