/* The engine: jobs for Intel's IPsec-MB, which computes many at a time with what the processor has. */
#include "lib/srtp/private.h"

#include <stdlib.h>

static const char *arch_name(IMB_ARCH arch)
{
	switch (arch) {
	case IMB_ARCH_SSE:
		return "sse";
	case IMB_ARCH_AVX:
		return "avx";
	case IMB_ARCH_AVX2:
		return "avx2";
	case IMB_ARCH_AVX512:
		return "avx512";
	default:
		return "none";
	}
}

int secure_engine_new(struct secure_engine **ret_engine)
{
	struct secure_engine *engine = calloc(1, sizeof(*engine));
	IMB_ARCH arch = IMB_ARCH_NONE;

	if (!engine)
		return ERR_NOMEM;
	engine->manager = alloc_mb_mgr(0);
	if (!engine->manager) {
		free(engine);
		return ERR_NOMEM;
	}
	init_mb_mgr_auto(engine->manager, &arch);
	if (arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI || imb_get_errno(engine->manager) != 0) {
		secure_engine_free(engine);
		return ERR_UNSUPPORTED;
	}
	engine->name = arch_name(arch);
	*ret_engine = engine;
	return 0;
}

void secure_engine_free(struct secure_engine *engine)
{
	if (!engine)
		return;
	free_mb_mgr(engine->manager);
	free(engine);
}

const char *secure_engine_name(const struct secure_engine *engine)
{
	return engine->name;
}

static void submit(struct secure_engine *engine, struct secure_job *job)
{
	IMB_JOB *done;

	engine->pending[engine->pending_count++] = job;
	for (done = IMB_SUBMIT_JOB(engine->manager); done; done = IMB_GET_COMPLETED_JOB(engine->manager))
		/* What was not computed has no tag, and no packet matches it. */
		if (BUG_ON(done->status != IMB_STATUS_COMPLETED))
			((struct secure_job *)done->user_data)->tag_size = 0;
}

void secure_submit_counter(struct secure_engine *engine, struct secure_job *job, const struct secure_keys *keys,
			   struct secure_span ciphered, uint32_t hashed)
{
	bool is_protect = job->context->direction == SECURE_PROTECT;
	/* The library refuses to cipher nothing. */
	bool is_ciphered = ciphered.size > 0;
	IMB_JOB *imb = IMB_GET_NEXT_JOB(engine->manager);

	imb->enc_keys = imb->dec_keys = keys->u.counter.schedule;
	imb->key_len_in_bytes = job->context->suite->key_size;
	imb->src = job->packet;
	imb->dst = job->packet + ciphered.from;
	imb->cipher_start_src_offset_in_bytes = ciphered.from;
	imb->msg_len_to_cipher_in_bytes = ciphered.size;
	imb->hash_start_src_offset_in_bytes = 0;
	imb->msg_len_to_hash_in_bytes = hashed;
	imb->iv = job->iv;
	imb->iv_len_in_bytes = 16;
	/* 12 and 20 are the sizes it takes. */
	imb->auth_tag_output = job->computed;
	imb->auth_tag_output_len_in_bytes = 12;
	imb->u.HMAC._hashed_auth_key_xor_ipad = keys->u.counter.inner;
	imb->u.HMAC._hashed_auth_key_xor_opad = keys->u.counter.outer;
	imb->cipher_mode = is_ciphered ? IMB_CIPHER_CNTR : IMB_CIPHER_NULL;
	imb->cipher_direction = is_protect ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	imb->hash_alg = IMB_AUTH_HMAC_SHA_1;
	imb->chain_order = is_protect ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	imb->user_data = job;
	submit(engine, job);
}

void secure_submit_gcm(struct secure_engine *engine, struct secure_job *job, const struct secure_keys *keys,
		       struct secure_span ciphered, const uint8_t *aad, uint32_t aad_size)
{
	bool is_protect = job->context->direction == SECURE_PROTECT;
	IMB_JOB *imb = IMB_GET_NEXT_JOB(engine->manager);

	imb->enc_keys = imb->dec_keys = &keys->u.gcm;
	imb->key_len_in_bytes = job->context->suite->key_size;
	imb->src = job->packet;
	imb->dst = job->packet + ciphered.from;
	imb->cipher_start_src_offset_in_bytes = ciphered.from;
	imb->msg_len_to_cipher_in_bytes = ciphered.size;
	imb->hash_start_src_offset_in_bytes = 0;
	imb->msg_len_to_hash_in_bytes = 0;
	imb->iv = job->iv;
	imb->iv_len_in_bytes = 12;
	imb->auth_tag_output = job->computed;
	imb->auth_tag_output_len_in_bytes = 16;
	imb->u.GCM.aad = aad;
	imb->u.GCM.aad_len_in_bytes = aad_size;
	imb->cipher_mode = IMB_CIPHER_GCM;
	imb->cipher_direction = is_protect ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	imb->hash_alg = IMB_AUTH_AES_GMAC;
	imb->chain_order = is_protect ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	imb->user_data = job;
	submit(engine, job);
}

void secure_finish(struct secure_engine *engine)
{
	IMB_JOB *done;

	while ((done = IMB_FLUSH_JOB(engine->manager)))
		if (BUG_ON(done->status != IMB_STATUS_COMPLETED))
			((struct secure_job *)done->user_data)->tag_size = 0;
	for (uint32_t i = 0; i < engine->pending_count; i++)
		secure_settle(engine->pending[i]);
	engine->pending_count = 0;
}
