/* SRTP and SRTCP in bursts: packets are collected, their ciphers and tags computed side by side, and judged.
 *
 * Used by dataplane/stage (packets), dataplane/manager (keys become contexts), lib users who need the table of suites, tests.
 * Prefix: secure_ (srtp_ is libsrtp2's).
 *
 * A context is one direction of one stream: the session keys derived from one master key, and for each SSRC the
 * roll-over counter, the replay windows and the SRTCP index. An engine is what computes; one per thread. For a burst:
 * secure_add every job, then secure_finish; only then are packets and verdicts what they say. Nothing is learned (SSRC,
 * roll-over counter, replay window) from a packet that did not authenticate, whatever stands beside it in the burst.
 *
 * Sending: an index is never used twice, since the key stream would be: a packet that repeats one, or is older than the
 * window, is SECURE_REPLAY on the way out too (relayed duplicates are).
 * Several SSRCs: SECURE_SOURCES_MAX per context; one more is SECURE_FULL until a new key comes. Forgetting the oldest would
 * forget its replay window, and with it what was recorded earlier could be played again.
 * Re-key: secure_context_inherit takes the roll-over counters over (RFC 3711 3.3.1: they are not reset), not the peer's windows.
 *
 * Threads: a context and an engine belong to one thread at a time. Ownership: contexts are memory of the caller's; nothing is
 * allocated but in the two _new functions. Jobs and packets stay the caller's and must stay in place until secure_finish.
 * Limits: SECURE_BURST jobs at a time (a further one finishes those before it), packets up to 65,535 bytes, MKI up to
 * SECURE_MKI_MAX bytes. No key derivation rate (0 only), SRTCP always authenticated, as RFC 3711 demands.
 * Sources: RFC 3711, 6188 (AES-256), 7714 (GCM), 4568 6.2 (names; SHA1_32 has 80-bit tags in SRTCP).
 */
#ifndef LIB_SRTP_SRTP_H
#define LIB_SRTP_SRTP_H

#include "lib/srtp/suite.h"

#define SECURE_BURST       32
#define SECURE_SOURCES_MAX 8
#define SECURE_WINDOW      128                       /* packets, per SSRC; RTP and RTCP each */
#define SECURE_GROWTH_MAX  (16 + 4 + SECURE_MKI_MAX) /* what protecting adds at most */

/* What happened to a packet. */
#define SECURE_VERDICT_LIST(X)                                                                                         \
	X(SECURE_OK, "ok")                                                                                             \
	X(SECURE_PENDING, "pending")     /* before secure_finish */                                                    \
	X(SECURE_MALFORMED, "malformed") /* too short for its header, index, MKI and tag, or another MKI */            \
	X(SECURE_AUTH_FAILED, "auth_failed")                                                                           \
	X(SECURE_REPLAY, "replay") /* seen before, or too old to tell */                                               \
	X(SECURE_FULL, "full")     /* more SSRCs than a context keeps */                                               \
	X(SECURE_NO_ROOM, "no_room")                                                                                   \
	X(SECURE_EXPIRED, "expired") /* 2^48 packets or 2^31 of RTCP under one key */
enum secure_verdict {
#define X(id, name) id,
	SECURE_VERDICT_LIST(X)
#undef X
		SECURE_VERDICT_COUNT
};
const char *secure_verdict_name(unsigned verdict);

/* ---- keys ---- */
/* One label of the key derivation (RFC 3711 4.3, with AES-256 for 32-byte keys): `size` bytes, at most 32. */
struct secure_engine;
void secure_derive(struct secure_engine *engine, const struct secure_key *key, uint8_t label, uint8_t *ret_bytes,
		   size_t size);

/* ---- engine ---- */
/* ERR_NOMEM; ERR_UNSUPPORTED: the processor lacks AES instructions. */
int secure_engine_new(struct secure_engine **ret_engine) WARN_UNUSED;
void secure_engine_free(struct secure_engine *engine); /* NULL is allowed */
/* What computes, for the log: "avx512", ... */
const char *secure_engine_name(const struct secure_engine *engine);

/* ---- contexts ---- */
enum secure_direction { SECURE_PROTECT, SECURE_UNPROTECT };
struct secure_context;
/* ERR_INVALID, ERR_NOMEM. About 3 KB. */
int secure_context_new(struct secure_engine *engine, enum secure_direction direction, const struct secure_key *key,
		       struct secure_context **ret_context) WARN_UNUSED;
void secure_context_free(struct secure_context *context); /* wipes it; NULL is allowed */
const struct secure_key *secure_context_key(const struct secure_context *context);
/* The SSRCs of `old` go on in `context`, which is fresh. Sending, nothing at or before an index that `old` sent is sent again. */
void secure_context_inherit(struct secure_context *context, const struct secure_context *old);
/* For a peer that counts from 0 again with a new key: forgets the SSRCs until they are put back, which what authenticated in
 * between prevents. Returns what to put back. */
uint8_t secure_context_set_aside(struct secure_context *context);
void secure_context_put_back(struct secure_context *context, uint8_t aside);
/* The roll-over counter with which the SSRC starts, for a stream that is joined late. ERR_FULL, ERR_EXISTS. */
int secure_context_set_roc(struct secure_context *context, uint32_t ssrc, uint32_t roc) WARN_UNUSED;
void secure_context_prefetch(const struct secure_context *context);

/* ---- packets ---- */
struct secure_job {
	/* in */
	struct secure_context *context;
	uint8_t *packet;
	uint32_t size; /* of the packet; out, when SECURE_OK: what it has become */
	uint32_t
		capacity; /* bytes that may be written from `packet` on: for protecting, size + SECURE_GROWTH_MAX is enough */
	bool is_rtcp;
	void *user;
	/* out */
	enum secure_verdict verdict;
	/* between add and finish */
	struct secure_source *source;
	uint64_t index;
	uint32_t ssrc;
	uint32_t final_size;
	uint8_t tag_size;
	uint8_t iv[16] __attribute__((aligned(16)));
	uint8_t computed[20], received[16], aad[12];
};
/* When the verdict is not SECURE_PENDING afterwards, the packet is as it was and the job is done. Otherwise the packet is
 * of no use until secure_finish, and after it only if the verdict is SECURE_OK. */
void secure_add(struct secure_engine *engine, struct secure_job *job);
void secure_finish(struct secure_engine *engine);

#endif
