/* RTP whose audio is decoded: into the jitter buffer of its stream. It ends here; ticks speak it on (dataplane/worker/tick.c). */
#include "dataplane/stage/stage.h"

static const enum drop_reason reasons[PLAYOUT_VERDICT_COUNT] = {
	[PLAYOUT_TAKEN] = STREAM_ADMITTED,
	[PLAYOUT_LATE] = DROP_LATE,
	[PLAYOUT_DUPLICATE] = DROP_LATE,
	[PLAYOUT_CORRUPT] = DROP_RTP_MALFORMED,
	[PLAYOUT_UNKNOWN_TYPE] = DROP_PAYLOAD_TYPE,
	[PLAYOUT_TOO_LONG] = DROP_TOO_LONG,
};

static enum drop_reason hear(struct rte_mbuf *packet)
{
	const struct packet_meta *meta = packet_meta(packet);
	const uint8_t *bytes = rte_pktmbuf_mtod_offset(packet, const uint8_t *, meta->payload_offset);
	struct rtp_header header;

	if (rtp_parse(bytes, meta->payload_size, &header) != 0)
		return DROP_RTP_MALFORMED;
	return reasons[playout_put(meta->stream->playout, &header, bytes + header.payload_offset)];
}

/* Uses:   stream, payload.
 * Sets:   the stream's playout.
 * Drops:  DROP_LATE, DROP_RTP_MALFORMED, DROP_PAYLOAD_TYPE, DROP_TOO_LONG. What is taken is given back without a reason and
 *         counted as heard.
 * Memory: the stream's playout, a packet's worth of it. */
void stage_hear(struct stage_context *context, struct burst *burst)
{
	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		enum drop_reason reason = hear(packet);

		if (unlikely(reason != STREAM_ADMITTED)) {
			stage_drop_of_stream(context, packet, packet_meta(packet)->stream, reason);
			continue;
		}
		context->counters[WORKER_RTP_HEARD]++;
		stage_give_back(context, packet);
	}
	burst->count = 0;
}
