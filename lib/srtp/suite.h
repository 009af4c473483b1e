/* SRTP's suites and master keys, without the cryptography: what session descriptions and configurations name.
 *
 * Used by lib/srtp, and alone by lib/sdp and controlplane/call, which agree on keys and never cipher a packet.
 * Threads: constants and pure functions. Ownership: keys are values; wipe what goes out of scope. Sources: as srtp.h.
 */
#ifndef LIB_SRTP_SUITE_H
#define LIB_SRTP_SUITE_H

#include "lib/base/base.h"

#define SECURE_KEY_MAX  32
#define SECURE_SALT_MAX 14
#define SECURE_MKI_MAX  16

/* id, name in session descriptions, is AEAD, master and session key bytes, salt bytes, tag bytes of RTP, of RTCP */
#define SECURE_SUITE_LIST(X)                                                                                           \
	X(SECURE_NONE, "none", false, 0, 0, 0, 0)                                                                      \
	X(SECURE_AES_CM_128_SHA1_80, "AES_CM_128_HMAC_SHA1_80", false, 16, 14, 10, 10)                                 \
	X(SECURE_AES_CM_128_SHA1_32, "AES_CM_128_HMAC_SHA1_32", false, 16, 14, 4, 10)                                  \
	X(SECURE_AES_CM_256_SHA1_80, "AES_256_CM_HMAC_SHA1_80", false, 32, 14, 10, 10)                                 \
	X(SECURE_AES_CM_256_SHA1_32, "AES_256_CM_HMAC_SHA1_32", false, 32, 14, 4, 10)                                  \
	X(SECURE_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", true, 16, 12, 16, 16)                                           \
	X(SECURE_AEAD_AES_256_GCM, "AEAD_AES_256_GCM", true, 32, 12, 16, 16)
enum secure_suite_id {
#define X(id, name, is_aead, key, salt, rtp_tag, rtcp_tag) id,
	SECURE_SUITE_LIST(X)
#undef X
		SECURE_SUITE_COUNT
};
struct secure_suite {
	const char *name;
	bool is_aead;
	uint8_t key_size, salt_size, rtp_tag_size, rtcp_tag_size;
};
extern const struct secure_suite secure_suites[SECURE_SUITE_COUNT];
/* By name, in any case; SECURE_NONE when there is none. */
enum secure_suite_id secure_suite_find(struct view name);

/* A master key as it was agreed; bytes beyond the suite's sizes are zero, so that memcmp compares. 64 bytes. */
struct secure_key {
	uint8_t suite; /* enum secure_suite_id */
	uint8_t mki_size;
	uint8_t master[SECURE_KEY_MAX];
	uint8_t salt[SECURE_SALT_MAX];
	uint8_t mki[SECURE_MKI_MAX];
};
/* ERR_INVALID: no such suite, an MKI that is too long, or bytes beyond the sizes. */
int secure_key_check(const struct secure_key *key) WARN_UNUSED;
void secure_key_wipe(struct secure_key *key);

#endif
