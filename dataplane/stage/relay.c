/* New headers in front of the payload: from our address and port to the receiver's. */
#include "dataplane/stage/rewrite.h"

/* Uses:   out, payload_offset, payload_size, has_sum.
 * Sets:   the packet's headers, length and, where the port finishes checksums, offload flags.
 * Drops:  DROP_NO_REMOTE, DROP_NO_NEIGHBOUR, DROP_TOO_LONG (does not fit the port). Counted at the stream it came on.
 * Memory: line 3 of `out` (prefetched by source), for IPv6 line 2 too; the whole payload where its checksum is not known. */
void stage_relay(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		const struct packet_meta *meta = packet_meta(packet);
		struct stream *out = meta->out;
		enum drop_reason reason = stage_rewrite(context, packet, &out->rtp_way);

		if (unlikely(reason != DROP_COUNT)) {
			stage_drop_of_stream(context, packet, meta->stream, reason);
			continue;
		}
		out->rtp_way.packets++;
		out->rtp_way.bytes += meta->payload_size;
		burst->packets[kept++] = packet;
	}
	context->counters[WORKER_RTP_RELAYED] += kept;
	burst->count = kept;
}
