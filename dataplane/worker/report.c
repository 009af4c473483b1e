/* Reports of our own: a packet of the port's pool, and then the road of every other packet from its encryption on. */
#include "dataplane/worker/private.h"

void worker_report(struct worker *worker, struct stream *stream)
{
	struct stage_context *context = &worker->context;
	uint8_t bytes[RTCP_REPORT_MAX];
	struct burst burst = {.count = 1};
	struct packet_meta *meta;
	struct rte_mbuf *packet;
	size_t size;

	if (!stream->rtcp_way.is_ready)
		return;
	size = stream_report_write(&context->table, stream, context->now_tsc, bytes);
	if (size == 0)
		return;
	packet = rte_pktmbuf_alloc(context->ports->pool);
	if (!packet)
		return; /* the next one will do */
	memcpy(rte_pktmbuf_mtod(packet, uint8_t *), bytes, size);
	packet->data_len = (uint16_t)size;
	packet->pkt_len = packet->data_len;
	meta = packet_meta(packet);
	*meta = (struct packet_meta){.stream = stream,
				     .out = stream,
				     .payload_size = (uint16_t)size,
				     .kind = RTP_KIND_RTCP,
				     .lane = LANE_REPORT};
	burst.packets[0] = packet;
	context->counters[WORKER_REPORTS]++;
	lane_run(context, LANE_REPORT, &burst);
}
