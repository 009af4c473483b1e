/* Streams that an earlier life of the control plane left in the dataplane. Their calls may still be talking, so they go
 * on, with their slot and port out of reach, until nothing was heard on either side of them for a while. */
#include "controlplane/media/media_private.h"

#include <stdlib.h>

int media_orphan_new(struct media *media, uint32_t worker, uint32_t index, const struct shm_stream_row *row)
{
	struct media_orphan *orphan = calloc(1, sizeof(*orphan));

	if (!orphan)
		return ERR_NOMEM;
	orphan->media = media;
	orphan->id = (struct shm_stream_id){.worker = (uint16_t)worker, .index = index, .generation = row->generation};
	orphan->source = (struct shm_stream_id){
		.worker = (uint16_t)worker, .index = row->source_index, .generation = row->source_generation};
	orphan->address = row->address;
	orphan->local_port = row->local_port;
	orphan->found_ms = loop_now_ms(media->loop);
	orphan->heard_ms = row->counters.last_rtp_ms;
	list_add(&media->orphans, &orphan->link);
	media_place_orphan(media, orphan);
	return 0;
}

void media_orphan_del(struct media *media, struct media_orphan *orphan)
{
	list_del(&orphan->link);
	media_place_orphan_del(media, orphan);
	free(orphan);
}

/* A row that would not hold still or cannot be is left alone here: slot_take looks again before the slot is used. */
int media_orphan_scan(struct media *media)
{
	for (uint32_t w = 0; w < media->place->segment.worker_count; w++) {
		uint32_t index = 0, until;

		while (shm_rows_next(&media->place->segment, w, &index, &until)) {
			for (; index < until; index++) {
				struct shm_stream_row row;

				if (shm_stream_read(&media->place->segment, w, index, &row) == 0 &&
				    media_orphan_new(media, w, index, &row) < 0)
					return ERR_NOMEM;
			}
		}
	}
	return 0;
}

/* Brings heard_ms up to date. False: it is there no more. */
static bool refresh(struct media *media, struct media_orphan *orphan)
{
	struct shm_stream_row row;
	int error = shm_stream_read(&media->place->segment, orphan->id.worker, orphan->id.index, &row);

	if (error == ERR_EMPTY || (error == 0 && row.generation != orphan->id.generation))
		return false;
	if (error == 0)
		orphan->heard_ms = row.counters.last_rtp_ms;
	return true;
}

/* A phone that only listens sends nothing, but its stream sends what its source hears: both have to be silent. */
static uint64_t active_ms(const struct media *media, const struct media_orphan *orphan)
{
	const struct shm_stream_id *source = &orphan->source;
	uint64_t active = MAX(orphan->heard_ms, orphan->found_ms);

	if (source->generation != 0 && source->index < media->place->segment.streams_per_worker) {
		const struct media_orphan *other = media->place->workers[source->worker].slots[source->index].orphan;

		if (other && other->id.generation == source->generation)
			active = MAX(active, other->heard_ms);
	}
	return active;
}

static bool is_to_end(const struct media *media, const struct media_orphan *orphan, uint64_t now)
{
	if (orphan->del_ms != 0)
		return now - orphan->del_ms >= MEDIA_DEL_AGAIN_MS;
	/* A time ahead of ours (a hostile row) only makes it live until the cap. */
	return now >= active_ms(media, orphan) + media->options.orphan_timeout_ms ||
	       now >= orphan->found_ms + media->options.orphan_cap_ms;
}

void media_orphan_sweep(struct media *media)
{
	uint64_t now = loop_now_ms(media->loop), swept = 0;

	if (list_is_empty(&media->orphans))
		return;
	/* Siblings' orphans are looked at for what they heard. */
	pthread_mutex_lock(&media->place->lock);
	LIST_FOREACH_SAFE (it, &media->orphans) {
		struct media_orphan *orphan = LIST_ENTRY(it, struct media_orphan, link);

		if (!refresh(media, orphan))
			media_orphan_del(media, orphan);
	}
	LIST_FOREACH (it, &media->orphans) {
		struct media_orphan *orphan = LIST_ENTRY(it, struct media_orphan, link);

		if (!is_to_end(media, orphan, now) || media_program_del(media, &orphan->id) < 0)
			continue;
		swept += orphan->del_ms == 0;
		orphan->del_ms = now;
	}
	pthread_mutex_unlock(&media->place->lock);
	media->stats.orphans_swept += swept;
	if (swept > 0)
		log_info("media", "%llu streams of an earlier control plane are ended: silent, or too old",
			 (unsigned long long)swept);
}
