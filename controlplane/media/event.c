/* What the dataplane says becomes what the calls hear. Everything is checked against the segment and against the stream
 * that is in that slot now; what does not fit is counted or, when it is only late, forgotten. */
#include "controlplane/media/media_private.h"

#include <stdlib.h>

bool media_event_tell(struct media_stream *stream, const struct media_event *event)
{
	struct media *media = stream->media;

	if (stream->on_event)
		stream->on_event(stream, event, stream->arg);
	return !media->is_dead;
}

void media_event_finish(struct media_stream *stream)
{
	struct media *media = stream->media;

	list_del(&stream->link);
	list_del(&stream->pending_link);
	media_place_del(stream);
	stream->state = MEDIA_STREAM_FINISHED;
	list_add(&media->finished, &stream->link);
	loop_defer(media->loop, &media->flush);
}

void media_event_tell_finished(struct media *media)
{
	struct list *first;

	while ((first = list_first(&media->finished)) != NULL) {
		struct media_stream *stream = LIST_ENTRY(first, struct media_stream, link);
		struct media_event event = {.type = MEDIA_GONE};
		bool lives;

		list_del(&stream->link);
		media_stream_counters(stream, &event.counters);
		lives = media_event_tell(stream, &event);
		media_stream_free(stream);
		if (!lives)
			return;
	}
}

void media_event_corrupt(struct media *media, uint32_t worker, const char *ring)
{
	/* A peer that lies can do so at every look: told once a power of two. */
	uint64_t count = ++media->stats.corruptions;

	if ((count & (count - 1)) == 0)
		log_error("media", "the %s ring of worker %u contradicts itself; what was in it is lost (%llu so far)",
			  ring, worker, (unsigned long long)count);
}

static void tell_refusal(const struct media_stream *stream, int error)
{
	struct media *media = stream->media;
	uint64_t suppressed;

	if (log_limit_pass(&media->refusals, loop_now_ms(media->loop), &suppressed))
		log_warning("media", "the dataplane refused the stream at port %u: %s (%llu more not shown)",
			    stream->local.port, error_text(error), (unsigned long long)suppressed);
}

static void on_gone(struct media_stream *stream, const struct shm_event *event)
{
	if (stream->state == MEDIA_STREAM_ENDING) {
		stream->final = event->u.final;
		media_event_finish(stream);
		return;
	}
	/* Nobody asked for that; it is still wanted. */
	stream->media->stats.bad_events++;
	media_program(stream);
}

/* False: media was freed by the handler. */
static bool on_stream_event(struct media_stream *stream, const struct shm_event *from)
{
	struct media_event event = {.type = MEDIA_EVENT_COUNT};

	if (from->type == SHM_EVENT_STREAM_GONE) {
		on_gone(stream, from);
		return true;
	}
	if (stream->state != MEDIA_STREAM_WANTED)
		return true;
	switch (from->type) {
	case SHM_EVENT_STREAM_LATCHED:
		if (from->u.latched.address.family != stream->local.address.family) {
			stream->media->stats.bad_events++;
			return true;
		}
		stream->latched = from->u.latched;
		event.type = MEDIA_LATCHED;
		event.latched = from->u.latched;
		break;
	case SHM_EVENT_STREAM_SILENT:
		event.type = MEDIA_SILENT;
		event.silent_ms = from->u.silent_ms;
		break;
	case SHM_EVENT_STREAM_DIGIT:
		event.type = MEDIA_DIGIT;
		event.digit = from->u.digit;
		break;
	case SHM_EVENT_STREAM_REFUSED:
		stream->media->stats.refused++;
		tell_refusal(stream, from->error);
		event.type = MEDIA_REFUSED;
		event.error = from->error;
		break;
	}
	return media_event_tell(stream, &event);
}

static bool on_event(struct media *media, uint32_t worker, const struct shm_event *event)
{
	struct media_slot slot;
	bool is_orphan;

	if (shm_event_check(&media->place->segment, worker, event) < 0) {
		media->stats.bad_events++;
		return true;
	}
	if (media->link != MEDIA_ATTACHED)
		return true; /* for our predecessor; the directory will say what is left */
	/* What the event names may be a sibling's: then the dataplane lies, and nothing of that is touched. */
	pthread_mutex_lock(&media->place->lock);
	slot = media->place->workers[worker].slots[event->id.index];
	if (slot.stream && slot.stream->media != media)
		slot.stream = NULL;
	is_orphan = slot.orphan && slot.orphan->media == media && slot.orphan->id.generation == event->id.generation;
	pthread_mutex_unlock(&media->place->lock);
	if (slot.stream && slot.stream->set.id.generation == event->id.generation)
		return on_stream_event(slot.stream, event);
	if (is_orphan && event->type == SHM_EVENT_STREAM_GONE)
		media_orphan_del(media, slot.orphan);
	return true;
}

/* Rings of clients that nobody of us is: what a control plane with more of them left there must not fill them. */
static void drop_unclaimed(struct media *media, uint32_t worker)
{
	for (uint32_t c = media->options.client_count; c < media->place->segment.client_count; c++) {
		struct shm_event_reader reader;
		struct shm_event event;

		(void)(shm_event_reader_init(&reader, &shm_segment_client(&media->place->segment, worker, c)->events) ==
		       0);
		for (int i = 0; i < MEDIA_EVENTS_A_TICK && shm_event_get(&reader, &event) == 0; i++)
			;
	}
}

void media_event_drain(struct media *media)
{
	for (uint32_t w = 0; w < media->place->segment.worker_count; w++) {
		if (media->is_first)
			drop_unclaimed(media, w);
		for (int i = 0; i < MEDIA_EVENTS_A_TICK; i++) {
			struct shm_event event;
			int error = shm_event_get(&media->rings[w].events, &event);

			if (error == ERR_CORRUPT)
				media_event_corrupt(media, w, "event");
			if (error)
				break;
			if (!on_event(media, w, &event))
				return;
		}
	}
}
