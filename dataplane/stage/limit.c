/* Does the peer send more packets than the stream may take? So one phone gone wild does not cost the others. */
#include "dataplane/stage/stage.h"

/* Uses:   stream.
 * Sets:   the stream's allowance, renewed by the publishing slices.
 * Drops:  DROP_RATE.
 * Memory: line 1 of the stream, which statistics writes anyway. Strangers were dropped before, and what does not
 *         authenticate too: they cannot use up the peer's allowance. */
void stage_limit(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		struct stream *stream = packet_meta(packet)->stream;

		if (unlikely(stream->allowance == 0)) {
			stage_drop_of_stream(context, packet, stream, DROP_RATE);
			continue;
		}
		stream->allowance--;
		burst->packets[kept++] = packet;
	}
	burst->count = kept;
}
