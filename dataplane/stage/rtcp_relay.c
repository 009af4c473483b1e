/* RTCP to the receiver: to the port that it expects RTCP on, whatever port it came to us. */
#include "dataplane/stage/rewrite.h"

/* Uses:   out, payload_offset, payload_size.
 * Sets:   the packet's headers, length, offload flags.
 * Drops:  DROP_NO_REMOTE, DROP_NO_NEIGHBOUR, DROP_TOO_LONG. Counted at the stream it came on.
 * Memory: cold lines of `out`. Held streams still send and receive RTCP (RFC 3264 section 8.4). */
void stage_rtcp_relay(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		const struct packet_meta *meta = packet_meta(packet);
		struct stream *out = meta->out;
		enum drop_reason reason = stage_rewrite(context, packet, &out->rtcp_way);

		if (reason != DROP_COUNT) {
			stage_drop_of_stream(context, packet, meta->stream, reason);
			continue;
		}
		out->rtcp_out++;
		burst->packets[kept++] = packet;
	}
	context->counters[WORKER_RTCP_RELAYED] += kept;
	burst->count = kept;
}
