/* The other end of a secure stream, by libsrtp2: the oracle of our own. */
#ifndef TESTS_UNIT_SRTP_PEER_H
#define TESTS_UNIT_SRTP_PEER_H

#include <srtp2/srtp.h>

#include "tests/unit/unit.h"

#include "lib/srtp/srtp.h"

struct srtp_peer {
	srtp_t session;
	bool has_mki;
};

/* A key in which every byte depends on `seed`. */
static inline struct secure_key srtp_peer_key(unsigned suite, uint8_t seed, uint8_t mki_size)
{
	struct secure_key key = {.suite = (uint8_t)suite, .mki_size = mki_size};

	for (unsigned i = 0; i < secure_suites[suite].key_size; i++)
		key.master[i] = (uint8_t)(seed * 31 + i * 7 + 1);
	for (unsigned i = 0; i < secure_suites[suite].salt_size; i++)
		key.salt[i] = (uint8_t)(seed * 13 + i * 5 + 3);
	for (unsigned i = 0; i < mki_size; i++)
		key.mki[i] = (uint8_t)(seed + i + 1);
	return key;
}

static inline void srtp_peer_policy(unsigned suite, srtp_policy_t *policy)
{
	srtp_crypto_policy_set_rtp_default(&policy->rtcp);
	switch (suite) {
	case SECURE_AES_CM_128_SHA1_80:
		srtp_crypto_policy_set_rtp_default(&policy->rtp);
		break;
	case SECURE_AES_CM_128_SHA1_32:
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy->rtp);
		break;
	case SECURE_AES_CM_256_SHA1_80:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtp);
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
		break;
	case SECURE_AES_CM_256_SHA1_32:
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy->rtp);
		srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
		break;
	case SECURE_AEAD_AES_128_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
		break;
	case SECURE_AEAD_AES_256_GCM:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
		break;
	}
}

static inline struct srtp_peer srtp_peer_new(const struct secure_key *key, bool is_sender)
{
	static bool is_initialized;
	const struct secure_suite *suite = &secure_suites[key->suite];
	struct srtp_peer peer = {.has_mki = key->mki_size != 0};
	uint8_t bytes[SECURE_KEY_MAX + SECURE_SALT_MAX], mki[SECURE_MKI_MAX];
	srtp_master_key_t master = {.key = bytes, .mki_id = mki, .mki_size = key->mki_size}, *masters[] = {&master};
	srtp_policy_t policy = {.ssrc.type = is_sender ? ssrc_any_outbound : ssrc_any_inbound, .window_size = 128};

	if (!is_initialized)
		assert_int_equal(srtp_init(), srtp_err_status_ok);
	is_initialized = true;
	memcpy(bytes, key->master, suite->key_size);
	memcpy(bytes + suite->key_size, key->salt, suite->salt_size);
	memcpy(mki, key->mki, sizeof(mki));
	srtp_peer_policy(key->suite, &policy);
	if (peer.has_mki) {
		policy.keys = masters;
		policy.num_master_keys = 1;
	} else {
		policy.key = bytes;
	}
	assert_int_equal(srtp_create(&peer.session, &policy), srtp_err_status_ok);
	return peer;
}

static inline void srtp_peer_free(struct srtp_peer *peer)
{
	srtp_dealloc(peer->session);
}

/* In place; the packet's size changes. */
static inline srtp_err_status_t srtp_peer_protect(struct srtp_peer *peer, uint8_t *packet, size_t *size, bool is_rtcp)
{
	int len = (int)*size;
	srtp_err_status_t status = is_rtcp ? srtp_protect_rtcp_mki(peer->session, packet, &len, peer->has_mki, 0)
					   : srtp_protect_mki(peer->session, packet, &len, peer->has_mki, 0);

	if (status == srtp_err_status_ok)
		*size = (size_t)len;
	return status;
}

static inline srtp_err_status_t srtp_peer_unprotect(struct srtp_peer *peer, uint8_t *packet, size_t *size, bool is_rtcp)
{
	int len = (int)*size;
	srtp_err_status_t status = is_rtcp ? srtp_unprotect_rtcp_mki(peer->session, packet, &len, peer->has_mki)
					   : srtp_unprotect_mki(peer->session, packet, &len, peer->has_mki);

	if (status == srtp_err_status_ok)
		*size = (size_t)len;
	return status;
}

#endif
