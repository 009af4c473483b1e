/* The link to the dataplane: looking for it, attaching, noticing its end, and the tick that drives everything else.
 *
 * After attaching, the rings are let run dry first: what our predecessor still had in them becomes visible in the
 * directory, and only then is anything given out or programmed.
 */
#include "controlplane/media/media_private.h"

#include <stdlib.h>

static void reason_tell(struct media *media, const char *reason)
{
	if (strcmp(media->reason, reason) == 0)
		return;
	media_reason_set(media, reason);
	if (reason[0] != '\0')
		log_warning("media", "%s", reason);
}

/* ---- ready or not ---- */

static bool is_stalled(const struct media *media)
{
	uint64_t said_ms =
		atomic_load_explicit(&media->place->segment.header->dataplane_alive_ms, memory_order_relaxed);
	uint64_t now = loop_now_ms(media->loop);

	return said_ms != 0 && now > said_ms && now - said_ms > MEDIA_STALLED_MS;
}

/* Returns false when media was freed in on_ready. */
static bool ready_update(struct media *media)
{
	bool is_ready = media->link == MEDIA_ATTACHED;

	if (is_ready && is_stalled(media)) {
		is_ready = false;
		reason_tell(media, "the dataplane is there but does not move");
	}
	if (is_ready == media->is_ready)
		return true;
	media->is_ready = is_ready;
	if (is_ready) {
		reason_tell(media, "");
		log_info("media", "the dataplane is ready: %u workers, %u media addresses",
			 media->place->segment.worker_count, media->place->segment.address_count);
	}
	if (media->options.on_ready)
		media->options.on_ready(is_ready, media->options.arg);
	return !media->is_dead;
}

/* ---- detach ---- */

static void stream_detach(struct media_stream *stream)
{
	struct shm_stream_counters counters;

	/* The old segment stays readable after its dataplane's end. */
	media_stream_counters(stream, &counters);
	stream->earlier = counters;
	memset(&stream->final, 0, sizeof(stream->final));
	stream->is_placed = stream->is_programmed = false;
	list_del(&stream->pending_link);
}

void media_link_detach(struct media *media)
{
	if (media->link == MEDIA_AWAY)
		return;
	LIST_FOREACH (it, &media->streams)
		stream_detach(LIST_ENTRY(it, struct media_stream, link));
	LIST_FOREACH_SAFE (it, &media->ending) {
		struct media_stream *stream = LIST_ENTRY(it, struct media_stream, link);

		stream_detach(stream);
		if (!media->is_dead)
			media_event_finish(stream);
	}
	LIST_FOREACH_SAFE (it, &media->orphans)
		free(LIST_ENTRY(it, struct media_orphan, link));
	list_init(&media->orphans);
	media_shared_leave(media);
	media->link = MEDIA_AWAY;
}

/* ---- attach ---- */

static void take_rings(struct media *media)
{
	for (uint32_t w = 0; w < media->place->segment.worker_count; w++) {
		struct shm_client *client = shm_segment_client(&media->place->segment, w, media->options.client);

		if (shm_command_writer_init(&media->rings[w].commands, &client->commands) < 0)
			media_event_corrupt(media, w, "command");
		if (shm_event_reader_init(&media->rings[w].events, &client->events) < 0)
			media_event_corrupt(media, w, "event");
	}
}

/* The others go along with what the first has found, once slots and ports are known. */
static void try_join(struct media *media)
{
	if (!media_shared_join(media)) {
		media_reason_set(media, "the dataplane is looked for");
		return;
	}
	if (media->options.client >= media->place->segment.client_count) {
		media_shared_leave(media);
		reason_tell(media, "the dataplane was started with fewer sip.workers: restart it");
		return;
	}
	take_rings(media);
	media->stats.attached++;
	media->link = MEDIA_ATTACHED;
}

static void try_attach(struct media *media)
{
	struct shm_refusal refusal;

	if (media_shared_attach(media, &refusal) < 0) {
		reason_tell(media, refusal.text);
		return;
	}
	media->link = MEDIA_WAITING;
	take_rings(media);
	media->attached_ms = media->undrained_ms = loop_now_ms(media->loop);
	media->stats.attached++;
	media_reason_set(media, "the dataplane was found a moment ago");
}

static bool rings_are_drained(const struct media *media)
{
	const struct shm_segment *segment = &media->place->segment;

	for (uint32_t w = 0; w < segment->worker_count; w++)
		for (uint32_t c = 0; c < segment->client_count; c++) {
			struct shm_command_writer writer;

			if (shm_command_writer_init(&writer, &shm_segment_client(segment, w, c)->commands) == 0 &&
			    !shm_command_is_drained(&writer))
				return false;
		}
	return true;
}

/* Slots that no orphan has; the lowest ends on top of the stack. */
static void fill_free_slots(struct media *media)
{
	for (uint32_t w = 0; w < media->place->segment.worker_count; w++) {
		struct media_worker *worker = &media->place->workers[w];

		for (uint32_t i = media->place->segment.streams_per_worker; i-- > 0;)
			if (!worker->slots[i].orphan)
				worker->free_slots[worker->free_count++] = i;
	}
}

/* A key whose indexes died with a dataplane must not begin anew: two packets under one key stream give both away (RFC 3711 9.1).
 * Such a call ends; its next one has new keys. */
static int place_again(struct media_stream *stream)
{
	return stream->is_key_used ? ERR_STATE : media_place_again(stream);
}

/* Everything wanted is programmed into the new dataplane, to where its packets went last. */
static bool place_all_again(struct media *media)
{
	struct list todo;

	/* A handler may delete any stream: those still to be done are in a list that deleting takes them out of. */
	list_init(&todo);
	while (!list_is_empty(&media->streams)) {
		struct list *first = list_first(&media->streams);

		list_del(first);
		list_add(&todo, first);
	}
	while (!list_is_empty(&todo)) {
		struct media_stream *stream = LIST_ENTRY(list_first(&todo), struct media_stream, link);
		struct media_event event = {.type = MEDIA_REFUSED};

		list_del(&stream->link);
		list_add(&media->streams, &stream->link);
		event.error = place_again(stream);
		if (event.error == 0) {
			if (stream->latched.address.family != NET_NONE) {
				stream->set.remote_rtp = stream->latched;
				memset(&stream->set.remote_rtcp, 0, sizeof(stream->set.remote_rtcp));
			}
			media_program(stream);
			continue;
		}
		media->stats.refused++;
		if (event.error == ERR_STATE)
			log_warning("media",
				    "the SRTP keys of the stream at port %u were used by the dataplane that died",
				    stream->local.port);
		else
			log_warning("media", "the new dataplane has no place for the stream at port %u: %s",
				    stream->local.port, error_text(event.error));
		if (!media_event_tell(stream, &event)) {
			while (!list_is_empty(&todo)) {
				struct list *first = list_first(&todo);

				list_del(first);
				list_add(&media->streams, first);
			}
			return false;
		}
	}
	return true;
}

static bool go_on(struct media *media)
{
	uint64_t now = loop_now_ms(media->loop);

	if (!rings_are_drained(media))
		media->undrained_ms = now;
	if (now - media->attached_ms > MEDIA_SWEEP_MS)
		reason_tell(media, "the dataplane is there but takes no commands");
	if (now - media->undrained_ms < MEDIA_SETTLE_MS)
		return true;
	if (media_place_init(media) < 0 || media_orphan_scan(media) < 0) {
		media_link_detach(media);
		reason_tell(media, "no memory for the tables of the dataplane's streams");
		return true;
	}
	fill_free_slots(media);
	media_shared_publish(media);
	if (!list_is_empty(&media->orphans))
		log_info("media",
			 "streams of an earlier control plane are in the dataplane; each is ended when silent");
	media->link = MEDIA_ATTACHED;
	if (!place_all_again(media))
		return false;
	media_program_flush(media);
	return true;
}

/* ---- the tick ---- */

/* Deleted, programmed as deleted, but the answer was lost on the way. */
static void ask_again(struct media *media, uint64_t now)
{
	LIST_FOREACH (it, &media->ending) {
		struct media_stream *stream = LIST_ENTRY(it, struct media_stream, link);

		if (list_is_empty(&stream->pending_link) && now - stream->del_ms >= MEDIA_DEL_AGAIN_MS)
			media_program(stream);
	}
}

static void check(struct media *media, uint64_t now)
{
	media->checked_ms = now;
	if (media->link == MEDIA_AWAY && media->is_first) {
		try_attach(media);
		return;
	}
	if (media->link == MEDIA_AWAY) {
		try_join(media);
		if (media->link == MEDIA_ATTACHED && place_all_again(media))
			media_program_flush(media);
		return;
	}
	if (media->is_first ? !shm_segment_peer_is_alive(&media->place->segment)
			    : atomic_load_explicit(&media->place->is_dead, memory_order_acquire)) {
		media_event_drain(media); /* its last words; then nothing more is to be had from it */
		if (media->is_dead)
			return;
		media_link_detach(media);
		reason_tell(media, "the dataplane is gone; waiting for it to come back");
		return;
	}
	if (media->is_first)
		atomic_store_explicit(&media->place->segment.header->controller_alive_ms, now, memory_order_relaxed);
	ask_again(media, now);
}

static uint64_t period(const struct media *media)
{
	if (media->link == MEDIA_AWAY) /* a sibling only looks whether the first has found it */
		return media->is_first ? MEDIA_CHECK_MS : MEDIA_TICK_MS;
	if (media->link == MEDIA_ATTACHED && list_is_empty(&media->streams) && list_is_empty(&media->ending))
		return MEDIA_TICK_IDLE_MS;
	return MEDIA_TICK_MS;
}

void media_link_tick(void *arg)
{
	struct media *media = arg;
	uint64_t now = loop_now_ms(media->loop);

	if (media->link != MEDIA_AWAY)
		media_event_drain(media);
	if (media->is_dead)
		return;
	if (media->link == MEDIA_AWAY || now - media->checked_ms >= MEDIA_CHECK_MS)
		check(media, now);
	if (!media->is_dead && media->link == MEDIA_WAITING && !go_on(media))
		return;
	if (media->is_dead || !ready_update(media))
		return;
	if (media->link == MEDIA_ATTACHED) {
		media_program_flush(media);
		if (now - media->swept_ms >= MEDIA_SWEEP_MS) {
			media->swept_ms = now;
			media_orphan_sweep(media);
		}
	}
	loop_timer_start(media->loop, &media->tick, period(media));
}
