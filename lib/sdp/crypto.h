/* The keys of a media line: a=crypto, the security descriptions of SRTP (SDES, RFC 4568).
 *
 * Used by controlplane/call, which agrees on suites and keys. A line is one suite with its keys; an offer has several, the one
 * it likes best first, told apart by their tags; an answer has one, with the tag of the line it takes.
 * What is refused: ERR_SYNTAX when a line breaks the grammar, ERR_UNSUPPORTED when it is well formed and of no use to us (a suite
 * or session parameter that is not known, a key derivation rate, packets without encryption or authentication, FEC, an MKI
 * beyond SECURE_MKI_MAX bytes). Either way the other lines of the offer may do, as RFC 4568 demands. Parameters that begin
 * with "-" and WSH may be ignored, and are.
 * Threads: pure functions. Ownership: a struct sdp_crypto is a value and holds keys: wipe it (sdp_crypto_wipe).
 * Limits: SDP_CRYPTO_KEYS_MAX keys a line. RFCs: 4568 (9 is the grammar), 6188 and 7714 (suites), 8643 (RTP/AVP with a=crypto).
 */
#ifndef LIB_SDP_CRYPTO_H
#define LIB_SDP_CRYPTO_H

#include "lib/sdp/sdp.h"
#include "lib/srtp/suite.h"

#define SDP_CRYPTO_KEYS_MAX 4
#define SDP_CRYPTO_TEXT     160 /* of a line that has one key without MKI, terminator included */

struct sdp_crypto {
	uint32_t tag;
	uint8_t suite;     /* enum secure_suite_id */
	uint8_t window;    /* WSH: the sender's replay window should have; 0: not said */
	uint8_t key_count; /* 1..; several have MKIs of one length, all different */
	struct secure_key keys[SDP_CRYPTO_KEYS_MAX];
	uint64_t lifetimes[SDP_CRYPTO_KEYS_MAX]; /* packets under that key, at most 2^48; 0: not said */
};

/* The value of one a=crypto line. ERR_SYNTAX, ERR_UNSUPPORTED; ret_refusal's offset is into the value. */
int sdp_crypto_parse(struct view value, struct sdp_crypto *ret_crypto, struct sdp_refusal *ret_refusal) WARN_UNUSED;
/* The value again; it parses to the same. */
void sdp_crypto_print(struct text *text, const struct sdp_crypto *crypto);
void sdp_crypto_wipe(struct sdp_crypto *crypto);

/* ---- of a media line ---- */
bool sdp_crypto_is_in(const struct sdp_session *session, unsigned media);
/* The first line of an offer with one of these suites that can be used; its order decides, not that of `suites`.
 * ERR_NOT_FOUND: there is no such line; when the reason is a line's own, ret_refusal says it (offset into the description), else
 * its sentence is NULL. */
int sdp_crypto_choose(const struct sdp_session *session, unsigned media, const uint8_t *suites, size_t suite_count,
		      struct sdp_crypto *ret_crypto, struct sdp_refusal *ret_refusal) WARN_UNUSED;
/* The one line of an answer. ERR_NOT_FOUND: none; ERR_INVALID: several; ERR_SYNTAX, ERR_UNSUPPORTED. */
int sdp_crypto_answer(const struct sdp_session *session, unsigned media, struct sdp_crypto *ret_crypto,
		      struct sdp_refusal *ret_refusal) WARN_UNUSED;

#endif
