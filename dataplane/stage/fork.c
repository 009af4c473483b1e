/* One stream heard by several: a copy for each listener beyond the first. */
#include "dataplane/stage/stage.h"

static bool wants(const struct stream *listener, const struct stream *source)
{
	return listener->generation && listener->source_generation == source->generation &&
	       listener->flags & SHM_STREAM_SEND;
}

/* Copies of one packet to all its listeners, up to `room` packets in `out`; the packet itself goes to the first. */
static void fork_one(struct stage_context *context, struct rte_mbuf *packet, struct burst *out, uint16_t room)
{
	struct stream_table *table = &context->table;
	struct stream *stream = packet_meta(packet)->stream, *first = NULL;

	for (uint32_t slot = stream->first_listener; slot != STREAM_NO_SLOT; slot = table->at[slot].next_listener) {
		struct stream *listener = &table->at[slot];
		struct rte_mbuf *copy;

		if (!wants(listener, stream))
			continue;
		if (!first) {
			first = listener;
			continue;
		}
		copy = out->count < room ? rte_pktmbuf_copy(packet, packet->pool, 0, UINT32_MAX) : NULL;
		if (!copy) {
			/* The copy's loss is counted; there is no packet to drop. */
			context->drops[DROP_TX_FULL]++;
			listener->dropped++;
			continue;
		}
		*packet_meta(copy) = *packet_meta(packet);
		packet_meta(copy)->out = listener;
		out->packets[out->count++] = copy;
	}
	if (!first) {
		stage_drop_of_stream(context, packet, stream, DROP_DIRECTION);
		return;
	}
	packet_meta(packet)->out = first;
	out->packets[out->count++] = packet;
}

/* Uses:   stream and the list of its listeners.
 * Sets:   out; adds copies to the burst.
 * Drops:  DROP_DIRECTION (all listeners are held), DROP_TX_FULL (no room or no packet for a copy).
 * Memory: cold lines of the stream and of every listener; packets of the pool. */
void stage_fork(struct stage_context *context, struct burst *burst)
{
	struct burst out;

	out.count = 0;
	/* Every packet of the burst keeps a place for itself, copies take what is left. */
	for (uint16_t i = 0; i < burst->count; i++)
		fork_one(context, burst->packets[i], &out, (uint16_t)(BURST_MAX - (burst->count - i)));
	*burst = out;
}
