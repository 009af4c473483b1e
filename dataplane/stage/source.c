/* Is this RTP from the peer? The known peer's next packet is let through here; every other case is stream_admit_rtp's. */
#include "dataplane/stage/stage.h"

static void tell_latched(struct stage_context *context, struct stream *stream)
{
	struct stage_event event = {
		.type = SHM_EVENT_STREAM_LATCHED, .slot = stream->slot, .generation = stream->generation};

	event.u.latched = stream_peer_endpoint(&stream->peer);
	stream->reports = 0;
	stage_tell(context, &event);
}

static enum drop_reason admit_slowly(struct stage_context *context, struct rte_mbuf *packet, struct stream *stream)
{
	const struct packet_meta *meta = packet_meta(packet);
	struct stream_arrival arrival = {
		.source = meta->source,
		.source_mac = rte_pktmbuf_mtod_offset(packet, const uint8_t *, PACKET_MAC_SIZE),
		.now_tsc = context->now_tsc,
		.ssrc = meta->ssrc,
		.timestamp = meta->timestamp,
		.sequence = meta->sequence,
	};
	enum drop_reason reason = stream_admit_rtp(&context->table, stream, &arrival);

	if (stream->reports)
		tell_latched(context, stream);
	return reason;
}

/* Uses:   stream, source, ssrc, sequence, timestamp.
 * Sets:   out: the stream's sink, if it has one.
 * Drops:  DROP_SOURCE, DROP_PROBATION, DROP_SSRC.
 * Memory: lines 0 and 1 of the stream; cold ones while it is not latched; prefetches line 3 of the sink. */
void stage_source(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		struct packet_meta *meta = packet_meta(packet);
		struct stream *stream = meta->stream;
		enum drop_reason reason = STREAM_ADMITTED;

		if (unlikely(stream->latch == STREAM_OPEN || meta->ssrc != stream->statistics.ssrc ||
			     !stream->has_sender || stream->has_candidate ||
			     !stream_peer_is_equal(&meta->source, &stream->peer)))
			reason = admit_slowly(context, packet, stream);
		if (unlikely(reason != STREAM_ADMITTED)) {
			stage_drop_of_stream(context, packet, stream, reason);
			continue;
		}
		meta->out = stream->sink;
		if (meta->out) {
			/* All that IPv4 needs; IPv6 takes the beginning of its header from the line before. */
			rte_prefetch0((const uint8_t *)&meta->out->rtp_way + CACHE_LINE);
		}
		burst->packets[kept++] = packet;
	}
	burst->count = kept;
}
