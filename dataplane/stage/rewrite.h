/* The rewriting that the relay stages share; inline, since it is most of what a relayed packet costs. */
#ifndef DATAPLANE_STAGE_REWRITE_H
#define DATAPLANE_STAGE_REWRITE_H

#include "dataplane/stage/stage.h"

/* Makes the packet one that goes the given way. DROP_COUNT when done. */
static inline enum drop_reason stage_rewrite(struct stage_context *context, struct rte_mbuf *packet,
					     struct stream_way *way)
{
	const struct packet_meta *meta = packet_meta(packet);
	uint8_t *payload = rte_pktmbuf_mtod_offset(packet, uint8_t *, meta->payload_offset);
	uint16_t size = meta->payload_size;

	if (unlikely(!way->is_ready)) {
		if (!way->has_remote)
			return DROP_NO_REMOTE;
		if (!stream_way_refresh(&context->table, way))
			return DROP_NO_NEIGHBOUR;
	}
	if (unlikely(size > way->payload_max || packet->data_off + meta->payload_offset < PACKET_TEMPLATE_SIZE))
		return DROP_TOO_LONG;
	packet->ol_flags = 0;
	if (way->has_offload) {
		packet_template_write(&way->template, payload, size, 0, true);
		packet->l2_len = way->template.l2_size;
		packet->l3_len = way->template.l3_size;
		packet->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
		packet->ol_flags |= way->template.family == NET_IPV4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
	} else {
		/* The checksum that came says what the payload adds up to, without touching it. */
		uint16_t sum = likely(meta->has_sum)
				       ? packet_sum_of_checksum(payload - PACKET_UDP_SIZE - PACKET_IPV4_SIZE)
				       : packet_sum(payload, size);

		packet_template_write(&way->template, payload, size, sum, false);
	}
	packet->data_off = (uint16_t)(packet->data_off + meta->payload_offset - way->template.size);
	packet->data_len = (uint16_t)(way->template.size + size);
	packet->pkt_len = packet->data_len;
	/* Where it goes, for the transmit stage. */
	packet->port = way->port;
	return DROP_COUNT;
}

#endif
