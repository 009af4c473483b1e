/* Between the sources of this folder: what a context and an engine are made of. */
#ifndef LIB_SRTP_PRIVATE_H
#define LIB_SRTP_PRIVATE_H

#include <intel-ipsec-mb.h>

#include "lib/srtp/srtp.h"

/* What was seen of one kind of packets: `highest` is valid when `has_any`; bit i: highest - i was seen. */
struct secure_window {
	uint64_t highest;
	uint64_t seen[SECURE_WINDOW / 64];
	bool has_any;
};

/* One SSRC. */
struct secure_source {
	uint32_t ssrc;
	struct secure_window rtp, rtcp;
};

struct secure_counter_keys {
	uint8_t schedule[15 * 16] __attribute__((aligned(16)));
	uint8_t inner[20], outer[20]; /* SHA-1 after the padded authentication key */
};

/* Session keys of RTP or of RTCP. */
struct secure_keys {
	union {
		struct secure_counter_keys counter;
		struct gcm_key_data gcm;
	} u;
	uint8_t salt[SECURE_SALT_MAX];
};

struct secure_context {
	const struct secure_suite *suite;
	uint8_t direction; /* enum secure_direction */
	uint8_t source_count;
	bool has_newcomer; /* a job of an SSRC that is not known yet is on its way */
	struct secure_source sources[SECURE_SOURCES_MAX];
	struct secure_key key;
	CACHE_ALIGNED struct secure_keys rtp, rtcp;
};

struct secure_engine {
	IMB_MGR *manager;
	const char *name;
	uint32_t pending_count;
	struct secure_job *pending[SECURE_BURST];
};

/* ---- sequence.c ---- */
/* The index that a sequence number most likely means (RFC 3711 3.3.1 and appendix A). */
uint64_t secure_index(const struct secure_window *window, uint16_t sequence);
bool secure_window_has(const struct secure_window *window, uint64_t index); /* or too old to tell */
void secure_window_add(struct secure_window *window, uint64_t index);

/* ---- key.c ---- */
struct secure_source *secure_source_find(struct secure_context *context, uint32_t ssrc);
/* NULL: full. */
struct secure_source *secure_source_add(struct secure_context *context, uint32_t ssrc);

/* ---- engine.c: the library's jobs ---- */
struct secure_span {
	uint32_t from, size;
};
/* CTR and HMAC-SHA1 in place; `hashed` is the end of what the tag covers, from the packet's first byte. */
void secure_submit_counter(struct secure_engine *engine, struct secure_job *job, const struct secure_keys *keys,
			   struct secure_span ciphered, uint32_t hashed);
void secure_submit_gcm(struct secure_engine *engine, struct secure_job *job, const struct secure_keys *keys,
		       struct secure_span ciphered, const uint8_t *aad, uint32_t aad_size);
/* ---- packet.c: what a computed job means ---- */
void secure_settle(struct secure_job *job);

#endif
