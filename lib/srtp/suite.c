/* The table of suites, and which bytes are a key of one. */
#include "lib/srtp/suite.h"

const struct secure_suite secure_suites[SECURE_SUITE_COUNT] = {
#define X(id, name, is_aead, key, salt, rtp_tag, rtcp_tag) [id] = {name, is_aead, key, salt, rtp_tag, rtcp_tag},
	SECURE_SUITE_LIST(X)
#undef X
};

enum secure_suite_id secure_suite_find(struct view name)
{
	for (unsigned i = SECURE_NONE + 1; i < SECURE_SUITE_COUNT; i++)
		if (view_is_nocase(name, secure_suites[i].name))
			return (enum secure_suite_id)i;
	return SECURE_NONE;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

int secure_key_check(const struct secure_key *key)
{
	const struct secure_suite *suite;

	if (key->suite == SECURE_NONE || key->suite >= SECURE_SUITE_COUNT || key->mki_size > SECURE_MKI_MAX)
		return ERR_INVALID;
	suite = &secure_suites[key->suite];
	if (!is_zero(key->master + suite->key_size, (size_t)SECURE_KEY_MAX - suite->key_size) ||
	    !is_zero(key->salt + suite->salt_size, (size_t)SECURE_SALT_MAX - suite->salt_size) ||
	    !is_zero(key->mki + key->mki_size, (size_t)SECURE_MKI_MAX - key->mki_size))
		return ERR_INVALID;
	return 0;
}

void secure_key_wipe(struct secure_key *key)
{
	explicit_bzero(key, sizeof(*key));
}
