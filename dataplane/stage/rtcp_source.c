/* Is this RTCP from the peer? And counted. */
#include "dataplane/stage/stage.h"

/* Uses:   stream, source, ssrc, on_rtcp_port.
 * Sets:   out: the stream's sink, if it has one.
 * Drops:  DROP_SOURCE.
 * Memory: line 0 and cold lines of the stream: RTCP is one packet in hundreds. */
void stage_rtcp_source(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		struct packet_meta *meta = packet_meta(packet);
		struct stream *stream = meta->stream;
		struct stream_arrival arrival = {
			.source = meta->source,
			.source_mac = rte_pktmbuf_mtod_offset(packet, const uint8_t *, PACKET_MAC_SIZE),
			.now_tsc = context->now_tsc,
			.ssrc = meta->ssrc,
			.on_rtcp_port = meta->on_rtcp_port,
		};
		enum drop_reason reason = stream_admit_rtcp(&context->table, stream, &arrival);

		if (reason != STREAM_ADMITTED) {
			stage_drop_of_stream(context, packet, stream, reason);
			continue;
		}
		stream->rtcp_in++;
		meta->out = stream->sink;
		burst->packets[kept++] = packet;
	}
	burst->count = kept;
}
