/* From a master key to a context: derivation of session keys, and the SSRCs that use them. */
#include "lib/srtp/private.h"

#include <stdlib.h>

enum label { LABEL_CIPHER, LABEL_AUTHENTICATION, LABEL_SALT, LABEL_OF_RTCP = 3 };

static void expand(IMB_MGR *manager, const uint8_t *key, size_t key_size, uint8_t *schedule)
{
	uint8_t unused[15 * 16] __attribute__((aligned(16)));

	if (key_size == 32)
		IMB_AES_KEYEXP_256(manager, key, schedule, unused);
	else
		IMB_AES_KEYEXP_128(manager, key, schedule, unused);
	explicit_bzero(unused, sizeof(unused));
}

void secure_derive(struct secure_engine *engine, const struct secure_key *key, uint8_t label, uint8_t *ret_bytes,
		   size_t size)
{
	const struct secure_suite *suite = &secure_suites[key->suite];
	uint8_t schedule[15 * 16] __attribute__((aligned(16)));
	uint8_t iv[16] __attribute__((aligned(16))) = {0}, zeros[32] = {0}, stream[32];
	IMB_JOB *job = IMB_GET_NEXT_JOB(engine->manager);

	if (BUG_ON(size > sizeof(stream)))
		return;
	/* x = (label || r) XOR salt, r = 0; the IV is x shifted by 16 bits. Salts of 96 bits stand at the left
	 * (RFC 7714 section 11). */
	memcpy(iv, key->salt, sizeof(key->salt));
	iv[7] ^= label;
	expand(engine->manager, key->master, suite->key_size, schedule);
	*job = (IMB_JOB){.enc_keys = schedule,
			 .dec_keys = schedule,
			 .key_len_in_bytes = suite->key_size,
			 .src = zeros,
			 .dst = stream,
			 .msg_len_to_cipher_in_bytes = sizeof(stream),
			 .iv = iv,
			 .iv_len_in_bytes = sizeof(iv),
			 .cipher_mode = IMB_CIPHER_CNTR,
			 .cipher_direction = IMB_DIR_ENCRYPT,
			 .hash_alg = IMB_AUTH_NULL,
			 .chain_order = IMB_ORDER_CIPHER_HASH};
	job = IMB_SUBMIT_JOB(engine->manager);
	if (!job)
		job = IMB_FLUSH_JOB(engine->manager);
	(void)BUG_ON(!job || job->status != IMB_STATUS_COMPLETED);
	memcpy(ret_bytes, stream, size);
	explicit_bzero(schedule, sizeof(schedule));
	explicit_bzero(stream, sizeof(stream));
}

/* SHA-1 after one block of the key, padded: where every tag starts from (RFC 2104). */
static void pad(IMB_MGR *manager, const uint8_t *key, size_t size, uint8_t with, uint8_t *ret_state)
{
	uint8_t block[64];
	uint32_t state[5];

	memset(block, with, sizeof(block));
	for (size_t i = 0; i < size; i++)
		block[i] ^= key[i];
	IMB_SHA1_ONE_BLOCK(manager, block, state);
	memcpy(ret_state, state, sizeof(state));
	explicit_bzero(block, sizeof(block));
	explicit_bzero(state, sizeof(state));
}

static void derive_keys(struct secure_engine *engine, const struct secure_key *key, uint8_t first_label,
			struct secure_keys *keys)
{
	const struct secure_suite *suite = &secure_suites[key->suite];
	uint8_t bytes[32] __attribute__((aligned(16)));

	secure_derive(engine, key, (uint8_t)(first_label + LABEL_SALT), keys->salt, suite->salt_size);
	secure_derive(engine, key, (uint8_t)(first_label + LABEL_CIPHER), bytes, suite->key_size);
	if (suite->is_aead) {
		if (suite->key_size == 32)
			IMB_AES256_GCM_PRE(engine->manager, bytes, &keys->u.gcm);
		else
			IMB_AES128_GCM_PRE(engine->manager, bytes, &keys->u.gcm);
	} else {
		expand(engine->manager, bytes, suite->key_size, keys->u.counter.schedule);
		secure_derive(engine, key, (uint8_t)(first_label + LABEL_AUTHENTICATION), bytes, 20);
		pad(engine->manager, bytes, 20, 0x36, keys->u.counter.inner);
		pad(engine->manager, bytes, 20, 0x5c, keys->u.counter.outer);
	}
	explicit_bzero(bytes, sizeof(bytes));
}

int secure_context_new(struct secure_engine *engine, enum secure_direction direction, const struct secure_key *key,
		       struct secure_context **ret_context)
{
	struct secure_context *context;
	int error = secure_key_check(key);

	if (error)
		return error;
	/* The library keeps its jobs in the order they came; keys are derived between bursts. */
	if (BUG_ON(engine->pending_count))
		return ERR_STATE;
	context = aligned_alloc(CACHE_LINE, sizeof(*context));
	if (!context)
		return ERR_NOMEM;
	memset(context, 0, sizeof(*context));
	context->suite = &secure_suites[key->suite];
	context->direction = (uint8_t)direction;
	context->key = *key;
	derive_keys(engine, key, 0, &context->rtp);
	derive_keys(engine, key, LABEL_OF_RTCP, &context->rtcp);
	*ret_context = context;
	return 0;
}

void secure_context_free(struct secure_context *context)
{
	if (!context)
		return;
	explicit_bzero(context, sizeof(*context));
	free(context);
}

const struct secure_key *secure_context_key(const struct secure_context *context)
{
	return &context->key;
}

void secure_context_prefetch(const struct secure_context *context)
{
	const char *keys = (const char *)&context->rtp;

	__builtin_prefetch(context);
	__builtin_prefetch((const char *)context + CACHE_LINE);
	for (size_t at = 0; at < 5 * CACHE_LINE; at += CACHE_LINE)
		__builtin_prefetch(keys + at);
}

struct secure_source *secure_source_find(struct secure_context *context, uint32_t ssrc)
{
	for (unsigned i = 0; i < context->source_count; i++)
		if (context->sources[i].ssrc == ssrc)
			return &context->sources[i];
	return NULL;
}

struct secure_source *secure_source_add(struct secure_context *context, uint32_t ssrc)
{
	struct secure_source *source;

	if (context->source_count == SECURE_SOURCES_MAX)
		return NULL;
	source = &context->sources[context->source_count++];
	*source = (struct secure_source){.ssrc = ssrc};
	return source;
}

int secure_context_set_roc(struct secure_context *context, uint32_t ssrc, uint32_t roc)
{
	struct secure_source *source;

	if (secure_source_find(context, ssrc))
		return ERR_EXISTS;
	source = secure_source_add(context, ssrc);
	if (!source)
		return ERR_FULL;
	source->rtp.highest = (uint64_t)roc << 16;
	return 0;
}

void secure_context_inherit(struct secure_context *context, const struct secure_context *old)
{
	/* The new key makes every index new, so nothing counts as seen of the peer; SRTCP's index goes on where we count it.
	 * What we sent once is not sent again even so: then a key that came back would give nothing away. */
	for (unsigned i = 0; i < old->source_count; i++) {
		struct secure_source *source = &context->sources[i];

		*source = (struct secure_source){.ssrc = old->sources[i].ssrc};
		source->rtp.highest = old->sources[i].rtp.highest;
		source->rtp.has_any = old->sources[i].rtp.has_any;
		if (context->direction == SECURE_PROTECT) {
			memset(source->rtp.seen, 0xff, sizeof(source->rtp.seen));
			source->rtcp.highest = old->sources[i].rtcp.highest;
			source->rtcp.has_any = old->sources[i].rtcp.has_any;
		}
	}
	context->source_count = old->source_count;
}

uint8_t secure_context_set_aside(struct secure_context *context)
{
	uint8_t aside = context->source_count;

	context->source_count = 0;
	return aside;
}

void secure_context_put_back(struct secure_context *context, uint8_t aside)
{
	if (context->source_count == 0)
		context->source_count = aside;
}
