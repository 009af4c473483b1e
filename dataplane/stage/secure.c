/* SRTP and SRTCP: out of it before the source is judged, into it before the packet leaves. */
#include "dataplane/stage/stage.h"

static const enum drop_reason reasons[SECURE_VERDICT_COUNT] = {
	[SECURE_OK] = STREAM_ADMITTED,
	[SECURE_PENDING] = DROP_AUTH_FAILED, /* never seen after secure_finish */
	[SECURE_MALFORMED] = DROP_RTP_MALFORMED,
	[SECURE_AUTH_FAILED] = DROP_AUTH_FAILED,
	[SECURE_REPLAY] = DROP_REPLAY,
	[SECURE_FULL] = DROP_SSRC,
	[SECURE_NO_ROOM] = DROP_TOO_LONG,
	[SECURE_EXPIRED] = DROP_NO_KEY,
};

static struct secure_context *context_of(const struct packet_meta *meta, bool is_out)
{
	return is_out ? meta->out->secure_out : meta->stream->secure_in;
}

static bool is_secure(const struct packet_meta *meta, bool is_out)
{
	return (is_out ? meta->out : meta->stream)->flags & SHM_STREAM_SECURE;
}

static struct secure_job job_of(struct rte_mbuf *packet, struct secure_context *context)
{
	const struct packet_meta *meta = packet_meta(packet);

	return (struct secure_job){
		.context = context,
		.packet = rte_pktmbuf_mtod_offset(packet, uint8_t *, meta->payload_offset),
		.size = meta->payload_size,
		.capacity = (uint32_t)packet->buf_len - packet->data_off - meta->payload_offset,
		.is_rtcp = meta->kind == RTP_KIND_RTCP,
	};
}

static bool has_key_before(const struct stage_context *context, const struct stream *stream)
{
	return stream->secure_before && context->now_tsc < stream->before_until_tsc;
}

/* One packet with one key; a packet that does not authenticate is as it was afterwards. */
static bool attempt(struct stage_context *context, struct rte_mbuf *packet, struct secure_job *job,
		    struct secure_context *keys)
{
	uint8_t *bytes = rte_pktmbuf_mtod_offset(packet, uint8_t *, packet_meta(packet)->payload_offset);
	uint16_t size = packet_meta(packet)->payload_size;

	*job = job_of(packet, keys);
	memcpy(context->original, bytes, size);
	secure_add(context->engine, job);
	secure_finish(context->engine);
	if (job->verdict == SECURE_OK)
		return true;
	memcpy(bytes, context->original, size);
	return false;
}

/* For a while after a new key: with it, with it from roll-over counter 0 on (RFC 3711 keeps the counter, many phones begin anew),
 * or with the one before. */
static void unprotect_in_overlap(struct stage_context *context, struct rte_mbuf *packet, struct secure_job *job)
{
	struct stream *stream = packet_meta(packet)->stream;
	enum secure_verdict verdict;
	uint8_t aside;
	bool is_ours;

	*job = job_of(packet, stream->secure_in);
	if (job->size > sizeof(context->original)) {
		job->verdict = SECURE_MALFORMED;
		return;
	}
	is_ours = attempt(context, packet, job, stream->secure_in);
	verdict = job->verdict;
	if (!is_ours && stream->is_rekeyed && verdict == SECURE_AUTH_FAILED && !job->is_rtcp) {
		aside = secure_context_set_aside(stream->secure_in);
		is_ours = attempt(context, packet, job, stream->secure_in);
		secure_context_put_back(stream->secure_in, aside);
	}
	if (is_ours) {
		stream->before_until_tsc =
			stream->is_rekeyed ? context->now_tsc + context->rekeyed_tsc : stream->before_until_tsc;
		stream->is_rekeyed = false;
		return;
	}
	if (verdict == SECURE_REPLAY)
		job->verdict = verdict;
	else
		attempt(context, packet, job, stream->secure_before);
}

/* Every packet of a secure stream through the engine; their reasons afterwards, STREAM_ADMITTED for the others. */
static void compute(struct stage_context *context, struct burst *burst, bool is_out, enum drop_reason *ret_reasons)
{
	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet_meta *meta = packet_meta(burst->packets[i]);

		rte_prefetch0(is_out ? &meta->out->secure_out : &meta->stream->secure_in);
	}
	for (uint16_t i = 0; i < burst->count; i++) {
		const struct secure_context *keys = context_of(packet_meta(burst->packets[i]), is_out);

		if (keys)
			secure_context_prefetch(keys);
	}
	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet_meta *meta = packet_meta(burst->packets[i]);
		struct secure_context *keys = context_of(meta, is_out);

		ret_reasons[i] = is_secure(meta, is_out) && !keys ? DROP_NO_KEY : STREAM_ADMITTED;
		context->jobs[i].context = NULL;
		if (!is_secure(meta, is_out) || !keys)
			continue;
		if (unlikely(!is_out && has_key_before(context, meta->stream))) {
			unprotect_in_overlap(context, burst->packets[i], &context->jobs[i]);
			continue;
		}
		context->jobs[i] = job_of(burst->packets[i], keys);
		secure_add(context->engine, &context->jobs[i]);
	}
	if (context->engine)
		secure_finish(context->engine);
	for (uint16_t i = 0; i < burst->count; i++) {
		if (!context->jobs[i].context)
			continue;
		ret_reasons[i] = reasons[context->jobs[i].verdict];
		packet_meta(burst->packets[i])->payload_size = (uint16_t)context->jobs[i].size;
		packet_meta(burst->packets[i])->has_sum = false;
	}
}

static void compact(struct stage_context *context, struct burst *burst, const enum drop_reason *why)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];

		if (unlikely(why[i] != STREAM_ADMITTED))
			stage_drop_of_stream(context, packet, packet_meta(packet)->stream, why[i]);
		else
			burst->packets[kept++] = packet;
	}
	burst->count = kept;
}

/* What was ciphered until now may be anything, even from the peer. */
static bool is_well_formed(struct rte_mbuf *packet)
{
	const struct packet_meta *meta = packet_meta(packet);
	const uint8_t *payload = rte_pktmbuf_mtod_offset(packet, const uint8_t *, meta->payload_offset);
	struct rtcp_header rtcp;
	struct rtp_header rtp;

	if (meta->kind == RTP_KIND_RTCP)
		return rtcp_parse(payload, meta->payload_size, &rtcp) == 0;
	return rtp_parse(payload, meta->payload_size, &rtp) == 0;
}

/* Uses:   stream, kind, payload.
 * Sets:   payload and payload_size: in the clear from here on.
 * Drops:  DROP_NO_KEY, DROP_AUTH_FAILED, DROP_REPLAY, DROP_SSRC (more than a context keeps), DROP_RTP_MALFORMED.
 * Memory: a cold line of the stream and its context, prefetched by passes of its own; the whole payload. */
void stage_unprotect(struct stage_context *context, struct burst *burst)
{
	enum drop_reason why[BURST_MAX];

	compute(context, burst, false, why);
	for (uint16_t i = 0; i < burst->count; i++)
		if (context->jobs[i].context && why[i] == STREAM_ADMITTED && !is_well_formed(burst->packets[i]))
			why[i] = DROP_RTP_MALFORMED;
	compact(context, burst, why);
}

/* Uses:   out, kind, payload.
 * Sets:   payload and payload_size: for the receiver's eyes only.
 * Drops:  DROP_NO_KEY, DROP_REPLAY (an index is not sent twice), DROP_SSRC, DROP_TOO_LONG (no room for the tag).
 * Memory: like unprotect's, of `out`. */
void stage_protect(struct stage_context *context, struct burst *burst)
{
	enum drop_reason why[BURST_MAX];

	compute(context, burst, true, why);
	compact(context, burst, why);
}
