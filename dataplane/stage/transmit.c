/* Last step: collected by port, to be sent in bursts. */
#include "dataplane/stage/stage.h"

/* Uses:   the mbuf's port, set when the packet was rewritten.
 * Sets:   nothing.
 * Drops:  DROP_TX_FULL, when the buffer is sent and the device does not take all.
 * Memory: the context's buffers. */
void stage_transmit(struct stage_context *context, struct burst *burst)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		struct stage_transmit_buffer *buffer = &context->transmit[packet->port];

		bytes += packet->pkt_len;
		buffer->packets[buffer->count++] = packet;
		if (buffer->count == BURST_RECEIVE)
			stage_transmit_flush(context, packet->port);
	}
	context->counters[WORKER_TX_BYTES] += bytes;
	burst->count = 0;
}
