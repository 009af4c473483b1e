/* Where things are in SRTP and SRTCP packets, what is handed to the engine, and what is believed afterwards.
 *
 *   SRTP, counter mode    header | ciphered payload | MKI | tag            tag over header, payload and roll-over counter
 *   SRTP, GCM             header | ciphered payload | tag | MKI            header is additional data
 *   SRTCP, counter mode   8 bytes | ciphered rest | E and index | MKI | tag
 *   SRTCP, GCM            8 bytes | ciphered rest | tag | E and index | MKI   8 bytes, E and index are additional data
 */
#include "lib/srtp/private.h"

#define RTP_FIXED    12
#define RTCP_FIXED   8
#define RTP_LAST     ((UINT64_C(1) << 48) - 1)
#define RTCP_LAST    UINT64_C(0x7fffffff)
#define IS_ENCRYPTED 0x80000000u

static uint32_t load_be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store_be32(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 24);
	bytes[1] = (uint8_t)(value >> 16);
	bytes[2] = (uint8_t)(value >> 8);
	bytes[3] = (uint8_t)value;
}

/* What stays readable; 0 when `size` bytes do not hold it. */
static uint32_t clear_size(const uint8_t *bytes, uint32_t size, bool is_rtcp)
{
	uint32_t header = RTP_FIXED;

	if (size < (is_rtcp ? RTCP_FIXED : RTP_FIXED) || bytes[0] >> 6 != 2)
		return 0;
	if (is_rtcp)
		return RTCP_FIXED;
	header += (bytes[0] & 0xfu) * 4;
	if (bytes[0] & 0x10) {
		if (size < header + 4)
			return 0;
		header += 4 + ((uint32_t)bytes[header + 2] << 8 | bytes[header + 3]) * 4;
	}
	return header <= size ? header : 0;
}

static void make_iv(struct secure_job *job, const struct secure_keys *keys)
{
	const struct secure_suite *suite = job->context->suite;
	/* GCM's is two bytes to the left, and has no place for the upper half of SRTCP's index, which is 0. */
	unsigned shift = suite->is_aead ? 2 : 0;

	memset(job->iv, 0, sizeof(job->iv));
	memcpy(job->iv, keys->salt, suite->salt_size);
	for (unsigned i = 0; i < 4; i++)
		job->iv[4 - shift + i] ^= (uint8_t)(job->ssrc >> (24 - 8 * i));
	for (unsigned i = 0; i < 6; i++)
		job->iv[8 - shift + i] ^= (uint8_t)(job->index >> (40 - 8 * i));
}

/* The tag covers packet[0..body) and the four bytes behind it. */
static void submit(struct secure_engine *engine, struct secure_job *job, uint32_t clear, uint32_t body, uint32_t word)
{
	struct secure_context *context = job->context;
	const struct secure_keys *keys = job->is_rtcp ? &context->rtcp : &context->rtp;
	struct secure_span ciphered = {clear, body - clear};
	const uint8_t *aad = job->packet;
	uint32_t aad_size = clear;

	make_iv(job, keys);
	job->verdict = SECURE_PENDING;
	if (job->is_rtcp && !(word & IS_ENCRYPTED))
		ciphered = (struct secure_span){body, 0};
	if (!context->suite->is_aead) {
		store_be32(job->packet + body, word);
		secure_submit_counter(engine, job, keys, ciphered, body + 4);
		return;
	}
	if (job->is_rtcp && ciphered.size) {
		memcpy(job->aad, job->packet, RTCP_FIXED);
		store_be32(job->aad + RTCP_FIXED, word);
		aad = job->aad;
		aad_size = sizeof(job->aad);
	} else if (job->is_rtcp) {
		store_be32(job->packet + body, word);
		aad_size = body + 4;
	}
	secure_submit_gcm(engine, job, keys, ciphered, aad, aad_size);
}

static struct secure_window *window_of(struct secure_job *job)
{
	return job->is_rtcp ? &job->source->rtcp : &job->source->rtp;
}

static enum secure_verdict begin_protect(struct secure_job *job, uint32_t *ret_word)
{
	struct secure_window *window;

	job->source = secure_source_find(job->context, job->ssrc);
	if (!job->source)
		job->source = secure_source_add(job->context, job->ssrc);
	if (!job->source)
		return SECURE_FULL;
	window = window_of(job);
	if (job->is_rtcp) {
		job->index = window->has_any ? window->highest + 1 : 0;
		*ret_word = (uint32_t)job->index | IS_ENCRYPTED;
		if (job->index > RTCP_LAST)
			return SECURE_EXPIRED;
	} else {
		job->index = secure_index(window, (uint16_t)(job->packet[2] << 8 | job->packet[3]));
		*ret_word = (uint32_t)(job->index >> 16);
		if (job->index > RTP_LAST)
			return SECURE_EXPIRED;
	}
	if (secure_window_has(window, job->index))
		return SECURE_REPLAY;
	secure_window_add(window, job->index);
	return SECURE_PENDING;
}

static void protect(struct secure_engine *engine, struct secure_job *job)
{
	const struct secure_context *context = job->context;
	uint32_t clear = clear_size(job->packet, job->size, job->is_rtcp), word;

	job->verdict = SECURE_MALFORMED;
	if (!clear)
		return;
	job->tag_size = job->is_rtcp ? context->suite->rtcp_tag_size : context->suite->rtp_tag_size;
	job->final_size = job->size + job->tag_size + context->key.mki_size + (job->is_rtcp ? 4 : 0);
	job->verdict = SECURE_NO_ROOM;
	if (job->final_size > job->capacity || job->final_size > UINT16_MAX)
		return;
	job->ssrc = load_be32(job->packet + (job->is_rtcp ? 4 : 8));
	job->verdict = begin_protect(job, &word);
	if (job->verdict == SECURE_PENDING)
		submit(engine, job, clear, job->size, word);
}

static void put_bytes(uint8_t **to, const void *bytes, size_t size)
{
	memcpy(*to, bytes, size);
	*to += size;
}

static void settle_protect(struct secure_job *job)
{
	const struct secure_key *key = &job->context->key;
	uint8_t *to = job->packet + job->size, word[4];

	store_be32(word, (uint32_t)job->index | IS_ENCRYPTED);
	if (job->context->suite->is_aead) {
		put_bytes(&to, job->computed, job->tag_size);
		if (job->is_rtcp)
			put_bytes(&to, word, sizeof(word));
		put_bytes(&to, key->mki, key->mki_size);
	} else {
		if (job->is_rtcp)
			put_bytes(&to, word, sizeof(word));
		put_bytes(&to, key->mki, key->mki_size);
		put_bytes(&to, job->computed, job->tag_size);
	}
	job->size = job->final_size;
	job->verdict = SECURE_OK;
}

/* The bytes behind the body, told apart; where SRTCP's word is. */
static bool take_trailer(struct secure_job *job, uint32_t *ret_body, uint32_t *ret_word)
{
	const struct secure_context *context = job->context;
	uint32_t word_size = job->is_rtcp ? 4 : 0, mki_size = context->key.mki_size;
	const uint8_t *tag, *mki, *word;

	job->tag_size = job->is_rtcp ? context->suite->rtcp_tag_size : context->suite->rtp_tag_size;
	if (job->size > UINT16_MAX || job->size < job->tag_size + word_size + mki_size)
		return false;
	*ret_body = job->size - job->tag_size - word_size - mki_size;
	if (context->suite->is_aead) {
		tag = job->packet + *ret_body;
		word = tag + job->tag_size;
		mki = word + word_size;
	} else {
		word = job->packet + *ret_body;
		mki = word + word_size;
		tag = mki + mki_size;
	}
	if (memcmp(mki, context->key.mki, mki_size) != 0)
		return false;
	memcpy(job->received, tag, job->tag_size);
	if (job->is_rtcp)
		*ret_word = load_be32(word);
	return true;
}

static enum secure_verdict begin_unprotect(struct secure_engine *engine, struct secure_job *job, uint32_t *word)
{
	static const struct secure_window fresh;
	struct secure_context *context = job->context;
	const struct secure_window *window;

	job->source = secure_source_find(context, job->ssrc);
	if ((!job->source || !window_of(job)->has_any) && context->has_newcomer) {
		/* What the first packets of an SSRC mean depends on the one before: that one first. */
		secure_finish(engine);
		job->source = secure_source_find(context, job->ssrc);
	}
	if (!job->source && context->source_count == SECURE_SOURCES_MAX)
		return SECURE_FULL;
	window = job->source ? window_of(job) : &fresh;
	if (job->is_rtcp) {
		job->index = *word & ~IS_ENCRYPTED;
	} else {
		job->index = secure_index(window, (uint16_t)(job->packet[2] << 8 | job->packet[3]));
		*word = (uint32_t)(job->index >> 16);
		if (job->index > RTP_LAST)
			return SECURE_EXPIRED;
	}
	if (secure_window_has(window, job->index))
		return SECURE_REPLAY;
	context->has_newcomer |= !window->has_any;
	return SECURE_PENDING;
}

static void unprotect(struct secure_engine *engine, struct secure_job *job)
{
	uint32_t clear, body, word = 0;

	job->verdict = SECURE_MALFORMED;
	if (!take_trailer(job, &body, &word))
		return;
	clear = clear_size(job->packet, body, job->is_rtcp);
	if (!clear)
		return;
	job->ssrc = load_be32(job->packet + (job->is_rtcp ? 4 : 8));
	job->verdict = begin_unprotect(engine, job, &word);
	if (job->verdict != SECURE_PENDING)
		return;
	job->final_size = body;
	submit(engine, job, clear, body, word);
}

/* In a time that does not depend on where the difference is. */
static bool is_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < size; i++)
		difference |= (uint8_t)(a[i] ^ b[i]);
	return difference == 0;
}

static enum secure_verdict settle_unprotect(struct secure_job *job)
{
	struct secure_context *context = job->context;
	struct secure_window *window;

	context->has_newcomer = false;
	if (!is_equal(job->computed, job->received, job->tag_size))
		return SECURE_AUTH_FAILED;
	/* From here on the packet is the peer's. One beside it in the burst may have been the same. */
	if (!job->source)
		job->source = secure_source_find(context, job->ssrc);
	if (!job->source)
		job->source = secure_source_add(context, job->ssrc);
	if (!job->source)
		return SECURE_FULL;
	window = window_of(job);
	if (secure_window_has(window, job->index))
		return SECURE_REPLAY;
	secure_window_add(window, job->index);
	job->size = job->final_size;
	return SECURE_OK;
}

void secure_add(struct secure_engine *engine, struct secure_job *job)
{
	if (engine->pending_count == SECURE_BURST)
		secure_finish(engine);
	if (job->context->direction == SECURE_PROTECT)
		protect(engine, job);
	else
		unprotect(engine, job);
}

void secure_settle(struct secure_job *job)
{
	if (job->tag_size == 0)
		job->verdict = SECURE_AUTH_FAILED;
	else if (job->context->direction == SECURE_PROTECT)
		settle_protect(job);
	else
		job->verdict = settle_unprotect(job);
}

const char *secure_verdict_name(unsigned verdict)
{
	static const char *const names[SECURE_VERDICT_COUNT] = {
#define X(id, name) [id] = (name),
		SECURE_VERDICT_LIST(X)
#undef X
	};

	return verdict < SECURE_VERDICT_COUNT ? names[verdict] : "unknown";
}
