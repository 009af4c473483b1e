/* The media graph: which stream sends what another receives, and the lanes that follow from it.
 *
 * Listeners hang in a list of the SLOT they name, living or not, so the order in which two legs are programmed does not
 * matter, and a source may end and another begin in its slot without anybody searching for who names it.
 */
#include "dataplane/stream/private.h"

static struct stream *slot_at(struct stream_table *table, uint32_t slot)
{
	return slot == STREAM_NO_SLOT ? NULL : &table->at[slot];
}

/* A slot that was never used is all zeros, in which 0 would name slot 0. */
void stream_slot_touch(struct stream_table *table, uint32_t slot)
{
	for (; table->high <= slot; table->high++) {
		struct stream *stream = &table->at[table->high];

		stream->slot = table->high;
		stream->source_slot = stream->first_listener = STREAM_NO_SLOT;
		stream->next_listener = stream->previous_listener = STREAM_NO_SLOT;
	}
}

static bool listens_to(const struct stream *listener, const struct stream *source)
{
	return listener->generation && listener->source_generation == source->generation;
}

static bool is_secure(const struct stream *stream)
{
	return stream->flags & SHM_STREAM_SECURE;
}

/* Lanes and sink of a living stream, from its flags and its listeners. */
static void choose_lanes(struct stream_table *table, struct stream *stream)
{
	static const uint8_t pair_lanes[2][2] = {{LANE_RELAY, LANE_ENCRYPT}, {LANE_DECRYPT, LANE_RECRYPT}};
	static const uint8_t convert_lanes[2] = {LANE_CONVERT, LANE_SECURE_CONVERT};
	struct stream *first = NULL;
	bool in = is_secure(stream), out = false, is_coded = false;
	unsigned count = 0;

	for (struct stream *l = slot_at(table, stream->first_listener); l; l = slot_at(table, l->next_listener)) {
		if (!listens_to(l, stream))
			continue;
		if (!first)
			first = l;
		out |= is_secure(l);
		is_coded |= stream->playout && l->talker && l->flags & SHM_STREAM_SEND;
		count++;
	}
	stream->sink = first;
	if (!(stream->flags & SHM_STREAM_RECEIVE))
		stream->lanes[RTP_KIND_RTP] = in ? LANE_SECURE_HELD : LANE_HELD;
	else if (count == 0)
		stream->lanes[RTP_KIND_RTP] = in ? LANE_SECURE_UNHEARD : LANE_UNHEARD;
	else if (is_coded)
		stream->lanes[RTP_KIND_RTP] = in ? LANE_SECURE_TRANSCODE_IN : LANE_TRANSCODE_IN;
	else if (count > 1)
		stream->lanes[RTP_KIND_RTP] = in || out ? LANE_SECURE_FORK : LANE_FORK;
	else if (!(first->flags & SHM_STREAM_SEND))
		stream->lanes[RTP_KIND_RTP] = in ? LANE_SECURE_HELD : LANE_HELD;
	else if (stream_conversion(&stream->audio, &first->audio) == STREAM_CONVERTED)
		stream->lanes[RTP_KIND_RTP] = convert_lanes[in || out];
	else
		stream->lanes[RTP_KIND_RTP] = pair_lanes[in][out];
	/* A report of what somebody received says nothing about what others sent: RTCP goes to a pair only. Where it ends here
	 * the engine reports itself (report.c). */
	if (count == 1 && first != stream && !is_coded)
		stream->lanes[RTP_KIND_RTCP] = in || out ? LANE_SECURE_RTCP : LANE_RTCP;
	else
		stream->lanes[RTP_KIND_RTCP] = in ? LANE_SECURE_RTCP_UNHEARD : LANE_RTCP_UNHEARD;
	stream->lanes[RTP_KIND_STUN] = stream->lanes[RTP_KIND_DTLS] = LANE_BINDING;
	stream->lanes[RTP_KIND_OTHER] = LANE_BINDING;
}

void stream_graph_unlink(struct stream_table *table, struct stream *stream)
{
	struct stream *source = slot_at(table, stream->source_slot), *next, *previous;

	if (!source)
		return;
	next = slot_at(table, stream->next_listener);
	previous = slot_at(table, stream->previous_listener);
	if (next)
		next->previous_listener = stream->previous_listener;
	if (previous)
		previous->next_listener = stream->next_listener;
	else
		source->first_listener = stream->next_listener;
	stream->source_slot = stream->next_listener = stream->previous_listener = STREAM_NO_SLOT;
	stream->source_generation = 0;
	if (source->generation)
		choose_lanes(table, source);
}

void stream_graph_link(struct stream_table *table, struct stream *stream, const struct shm_stream_id *id)
{
	struct stream *source, *first;

	stream_slot_touch(table, id->index);
	source = &table->at[id->index];
	first = slot_at(table, source->first_listener);
	stream->source_slot = id->index;
	stream->source_generation = id->generation;
	stream->next_listener = source->first_listener;
	stream->previous_listener = STREAM_NO_SLOT;
	if (first)
		first->previous_listener = stream->slot;
	source->first_listener = stream->slot;
}

void stream_graph_refresh(struct stream_table *table, struct stream *stream)
{
	struct stream *source = slot_at(table, stream->source_slot);

	choose_lanes(table, stream);
	if (source && source != stream && source->generation)
		choose_lanes(table, source);
}
