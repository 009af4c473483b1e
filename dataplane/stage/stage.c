/* What stages share: drops, transmission, events. */
#include "dataplane/stage/stage.h"

void stage_free_dropped(struct stage_context *context)
{
	if (context->free_count)
		rte_pktmbuf_free_bulk(context->free, context->free_count);
	context->free_count = 0;
}

void stage_give_back(struct stage_context *context, struct rte_mbuf *packet)
{
	context->free[context->free_count++] = packet;
	if (context->free_count == RTE_DIM(context->free))
		stage_free_dropped(context);
}

void stage_drop(struct stage_context *context, struct rte_mbuf *packet, enum drop_reason reason)
{
	context->drops[reason]++;
	stage_give_back(context, packet);
}

void stage_drop_of_stream(struct stage_context *context, struct rte_mbuf *packet, struct stream *stream,
			  enum drop_reason reason)
{
	if (reason == DROP_SOURCE)
		stream->dropped_source++;
	else
		stream->dropped++;
	stage_drop(context, packet, reason);
}

void stage_transmit_flush(struct stage_context *context, uint16_t port)
{
	struct stage_transmit_buffer *buffer = &context->transmit[port];
	uint16_t sent = port_send(&context->ports->ports[port], context->worker, buffer->packets, buffer->count);

	context->counters[WORKER_TX_PACKETS] += sent;
	for (uint16_t i = sent; i < buffer->count; i++)
		stage_drop(context, buffer->packets[i], DROP_TX_FULL);
	buffer->count = 0;
}

void stage_transmit_flush_all(struct stage_context *context)
{
	for (uint16_t port = 0; port < context->ports->count; port++)
		if (context->transmit[port].count)
			stage_transmit_flush(context, port);
}

void stage_tell(struct stage_context *context, const struct stage_event *event)
{
	if (rte_ring_sp_enqueue_elem(context->events, (void *)(uintptr_t)event, sizeof(*event)) != 0)
		context->counters[WORKER_EVENTS_LOST]++;
}

bool stage_leave_to_kernel(struct stage_context *context, struct rte_mbuf *packet)
{
	const struct port *port = &context->ports->ports[context->port_of_dpdk[packet->port]];

	return port->exception && rte_ring_mp_enqueue(port->exception, packet) == 0;
}
