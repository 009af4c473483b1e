/* What the peer's reports say, for the counters; the packet goes on as it is. */
#include "dataplane/stage/stage.h"

/* Uses:   stream, out, payload (in the clear by now).
 * Sets:   nothing of the packet; what was reported at the stream and at the one it leaves by.
 * Drops:  nothing.
 * Memory: the payload, cold lines of both streams. */
void stage_rtcp_read(struct stage_context *context, struct burst *burst)
{
	for (uint16_t i = 0; i < burst->count; i++) {
		const struct packet_meta *meta = packet_meta(burst->packets[i]);

		stream_report_read(&context->table, meta->stream, meta->out,
				   rte_pktmbuf_mtod_offset(burst->packets[i], const uint8_t *, meta->payload_offset),
				   meta->payload_size, context->now_tsc);
	}
}
