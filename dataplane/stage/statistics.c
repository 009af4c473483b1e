/* What the peer sends is counted: packets, bytes, loss, jitter. */
#include "dataplane/stage/stage.h"

/* Uses:   stream, ssrc, sequence, timestamp, payload_type, payload_size.
 * Sets:   nothing of the packet; line 1 of the stream.
 * Drops:  nothing.
 * Memory: line 1 of the stream (prefetched by lookup); line 0 when the payload type changes, a cold
 *         one when a packet is not the next. */
void stage_statistics(struct stage_context *context, struct burst *burst)
{
	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet_meta *meta = packet_meta(burst->packets[i]);
		struct stream *stream = meta->stream;

		stream->rtp_in++;
		stream->rtp_in_bytes += meta->payload_size;
		stream->last_rtp_tsc = context->now_tsc;
		if (unlikely(stream->payload_type != meta->payload_type || stream->rtp_in == 1)) {
			stream->payload_type = meta->payload_type;
			/* Dynamic types keep the clock of what was there before: RFC 4733 events run on the audio's. */
			if (rtp_clock_hz(meta->payload_type) != RTP_CLOCK_DYNAMIC)
				stream->clock_hz = rtp_clock_hz(meta->payload_type);
		}
		if (unlikely(!rtp_statistics_next(&stream->statistics, meta->sequence))) {
			rtp_gaps_note(&stream->reports_of.gaps, &stream->statistics, meta->sequence);
			rtp_statistics_sequence(&stream->statistics, meta->sequence);
		}
		rtp_statistics_jitter(&stream->statistics, meta->timestamp, context->now_us, stream->clock_hz);
	}
}
