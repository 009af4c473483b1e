/* Between the sources of this folder. */
#ifndef DATAPLANE_STREAM_PRIVATE_H
#define DATAPLANE_STREAM_PRIVATE_H

#include "dataplane/stream/stream.h"

#define STREAM_REKEY_MS 10000 /* so long the key before is heard, when nothing comes with the new one */

/* graph.c */
void stream_slot_touch(struct stream_table *table, uint32_t slot);
void stream_graph_link(struct stream_table *table, struct stream *stream, const struct shm_stream_id *id);
void stream_graph_unlink(struct stream_table *table, struct stream *stream);
/* After a change of flags, generation or links: the lanes of the stream and of its source. */
void stream_graph_refresh(struct stream_table *table, struct stream *stream);

static inline uint64_t stream_ms_to_tsc(const struct stream_table *table, uint64_t ms)
{
	return ms * table->tsc_hz / 1000;
}

#endif
