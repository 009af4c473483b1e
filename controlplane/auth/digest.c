/* Hashes: HA1, the response of RFC 7616 3.4.1, and the HMAC that signs nonces. The only file that calls OpenSSL to hash;
 * auth.c and answer.c call it for every request with credentials.
 */
#include "controlplane/auth/auth_private.h"
#include "controlplane/auth/openssl.h"

#include <stdlib.h>

#define HASH_MAX 32

struct digest {
	EVP_MD *hashes[AUTH_ALGORITHM_COUNT];
	EVP_MD_CTX *context;
	EVP_MAC *hmac;
	EVP_MAC_CTX *signer; /* holds the key; copied for each signature */
};

static const char *const wire_names[] = {
#define X(name, text) [name] = text,
	AUTH_ALGORITHM_LIST(X)
#undef X
};
static const char *const library_names[] = {[AUTH_MD5] = "MD5", [AUTH_SHA256] = "SHA256"};
static const size_t hash_sizes[] = {[AUTH_MD5] = 16, [AUTH_SHA256] = 32};

int digest_new(const uint8_t key[AUTH_KEY_SIZE], struct digest **ret_digest)
{
	char hash_name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash_name, 0),
		OSSL_PARAM_construct_end(),
	};
	struct digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return ERR_NOMEM;
	digest->context = EVP_MD_CTX_new();
	digest->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	digest->signer = digest->hmac ? EVP_MAC_CTX_new(digest->hmac) : NULL;
	if (!digest->context || !digest->signer || EVP_MAC_init(digest->signer, key, AUTH_KEY_SIZE, params) != 1)
		goto fail;
	for (size_t i = 0; i < AUTH_ALGORITHM_COUNT; i++) {
		digest->hashes[i] = EVP_MD_fetch(NULL, library_names[i], NULL);
		if (!digest->hashes[i])
			goto fail;
	}
	*ret_digest = digest;
	return 0;
fail:
	digest_free(digest);
	return ERR_UNSUPPORTED;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	for (size_t i = 0; i < AUTH_ALGORITHM_COUNT; i++)
		EVP_MD_free(digest->hashes[i]);
	EVP_MD_CTX_free(digest->context);
	EVP_MAC_CTX_free(digest->signer);
	EVP_MAC_free(digest->hmac);
	free(digest);
}

static void print_hex(const uint8_t *bytes, size_t size, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[2 * size] = '\0';
}

/* The hash of the parts joined by colons, printed. */
static int hash_parts(struct digest *digest, enum auth_algorithm algorithm, const struct view *parts, size_t count,
		      char ret_hex[AUTH_HEX_SIZE])
{
	uint8_t bytes[HASH_MAX];
	int ok = EVP_DigestInit_ex2(digest->context, digest->hashes[algorithm], NULL);

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			ok &= EVP_DigestUpdate(digest->context, ":", 1);
		ok &= EVP_DigestUpdate(digest->context, parts[i].at, parts[i].size);
	}
	ok &= EVP_DigestFinal_ex(digest->context, bytes, NULL);
	if (ok != 1)
		return ERR_UNSUPPORTED;
	print_hex(bytes, hash_sizes[algorithm], ret_hex);
	return 0;
}

int digest_ha1(struct digest *digest, enum auth_algorithm algorithm, struct view user, struct view realm,
	       struct view password, char ret_hex[AUTH_HEX_SIZE])
{
	const struct view parts[] = {user, realm, password};

	return hash_parts(digest, algorithm, parts, ARRAY_LEN(parts), ret_hex);
}

int digest_response(struct digest *digest, enum auth_algorithm algorithm, const char *ha1,
		    const struct digest_input *input, char ret_hex[AUTH_HEX_SIZE])
{
	const struct view a2[] = {input->method, input->uri};
	char ha2[AUTH_HEX_SIZE];
	int error = hash_parts(digest, algorithm, a2, ARRAY_LEN(a2), ha2);

	if (error)
		return error;
	if (input->qop.size > 0) {
		const struct view parts[] = {view_of(ha1),  input->nonce, input->nc,
					     input->cnonce, input->qop,   view_of(ha2)};

		return hash_parts(digest, algorithm, parts, ARRAY_LEN(parts), ret_hex);
	}
	const struct view parts[] = {view_of(ha1), input->nonce, view_of(ha2)};

	return hash_parts(digest, algorithm, parts, ARRAY_LEN(parts), ret_hex);
}

int digest_mac(struct digest *digest, struct view bytes, uint8_t ret_mac[32])
{
	size_t size = 0;

	/* Without a key this begins anew with the key it has. */
	if (EVP_MAC_init(digest->signer, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(digest->signer, (const unsigned char *)bytes.at, bytes.size) != 1 ||
	    EVP_MAC_final(digest->signer, ret_mac, &size, 32) != 1 || size != 32)
		return ERR_UNSUPPORTED;
	return 0;
}

int digest_algorithm_parse(struct view text, enum auth_algorithm *ret_algorithm)
{
	if (!text.at) {
		*ret_algorithm = AUTH_MD5;
		return 0;
	}
	for (size_t i = 0; i < AUTH_ALGORITHM_COUNT; i++) {
		if (view_is_nocase(text, wire_names[i])) {
			*ret_algorithm = (enum auth_algorithm)i;
			return 0;
		}
	}
	return ERR_UNSUPPORTED;
}

const char *digest_algorithm_name(enum auth_algorithm algorithm)
{
	return wire_names[algorithm];
}

size_t digest_hex_size(enum auth_algorithm algorithm)
{
	return 2 * hash_sizes[algorithm];
}

int auth_hash_password(struct view user, struct view realm, struct view password, char ret_md5[AUTH_HEX_SIZE],
		       char ret_sha256[AUTH_HEX_SIZE])
{
	static const uint8_t no_key[AUTH_KEY_SIZE]; /* nothing is signed here */
	struct digest *digest;
	int error = digest_new(no_key, &digest);

	if (error)
		return error;
	error = digest_ha1(digest, AUTH_MD5, user, realm, password, ret_md5);
	if (error == 0)
		error = digest_ha1(digest, AUTH_SHA256, user, realm, password, ret_sha256);
	digest_free(digest);
	return error;
}
