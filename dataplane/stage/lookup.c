/* Second step: whose stream owns the local port, and if it is another worker's, off to that one. */
#include "dataplane/stage/stage.h"

/* Packets of other workers' streams, in one go for each worker. */
static void hand_over(struct stage_context *context, struct rte_mbuf **packets, const uint8_t *owners, uint16_t count)
{
	while (count) {
		struct rte_mbuf *batch[BURST_MAX];
		uint8_t rest_owners[BURST_MAX], owner = owners[0];
		uint16_t in_batch = 0, rest = 0;
		unsigned taken;

		for (uint16_t i = 0; i < count; i++) {
			if (owners[i] == owner) {
				batch[in_batch++] = packets[i];
			} else {
				rest_owners[rest] = owners[i];
				packets[rest++] = packets[i];
			}
		}
		taken = rte_ring_mp_enqueue_burst(context->handover[owner], (void **)batch, in_batch, NULL);
		context->counters[WORKER_HANDOVER_OUT] += taken;
		for (uint16_t i = (uint16_t)taken; i < in_batch; i++)
			stage_drop(context, batch[i], DROP_HANDOVER_FULL);
		owners = memcpy(context->owners, rest_owners, rest);
		count = rest;
	}
}

static bool is_in_pool(const struct stream_address *address, uint16_t port)
{
	return port >= address->port_start && port <= address->port_end;
}

/* Uses:   address, local_port.
 * Sets:   stream, on_rtcp_port.
 * Drops:  DROP_NO_STREAM, DROP_HANDOVER_FULL; what is outside the port pool is the kernel's if the port has a TAP twin.
 * Memory: the look-up entry (prefetched by parse; read anew by the owner after a hand-over, so that a stream that ended
 *         in between is not found); prefetches lines 0 and 1 of the stream. */
void stage_lookup(struct stage_context *context, struct burst *burst)
{
	struct stream_table *table = &context->table;
	struct rte_mbuf *others[BURST_MAX];
	uint16_t kept = 0, other_count = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		struct packet_meta *meta = packet_meta(packet);
		uint32_t entry = atomic_load_explicit(&table->lookup->entries[meta->address][meta->local_port],
						      memory_order_acquire);

		if (!(entry & STREAM_ENTRY_VALID)) {
			if (is_in_pool(&table->lookup->addresses[meta->address], meta->local_port) ||
			    !stage_leave_to_kernel(context, packet))
				stage_drop(context, packet, DROP_NO_STREAM);
		} else if (unlikely(STREAM_ENTRY_WORKER(entry) != context->worker)) {
			context->owners[other_count] = (uint8_t)STREAM_ENTRY_WORKER(entry);
			others[other_count++] = packet;
		} else {
			meta->stream = &table->at[STREAM_ENTRY_SLOT(entry)];
			meta->on_rtcp_port = !!(entry & STREAM_ENTRY_RTCP);
			rte_prefetch0(meta->stream);
			rte_prefetch0(&meta->stream->rtp_in);
			burst->packets[kept++] = packet;
		}
	}
	burst->count = kept;
	if (unlikely(other_count))
		hand_over(context, others, context->owners, other_count);
}
