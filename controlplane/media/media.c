/* The life of media itself, and its figures. */
#include "controlplane/media/media_private.h"

#include <stdlib.h>

#define NAME(id, text) [id] = (text),
static const char *const event_names[MEDIA_EVENT_COUNT] = {MEDIA_EVENT_LIST(NAME)};
#undef NAME

const char *media_event_name(unsigned type)
{
	return type < MEDIA_EVENT_COUNT ? event_names[type] : "unknown";
}

/* ---- life ---- */

static void on_flush(void *arg)
{
	struct media *media = arg;

	if (media->is_dead)
		return;
	media_program_flush(media);
	media_event_tell_finished(media);
}

static void free_streams(struct list *streams)
{
	LIST_FOREACH_SAFE (it, streams)
		media_stream_free(LIST_ENTRY(it, struct media_stream, link));
}

static void on_bury(void *arg)
{
	struct media *media = arg;

	media_link_detach(media);
	free_streams(&media->streams);
	free_streams(&media->ending);
	free_streams(&media->finished);
	media_shared_put(media->shared);
	free(media);
}

int media_new(struct loop *loop, const struct media_options *options, struct media **ret_media)
{
	struct media *media;
	int error = 0;

	if (!options->segment_path || !options->route || options->dscp > 63)
		return ERR_INVALID;
	media = calloc(1, sizeof(*media));
	if (!media)
		return ERR_NOMEM;
	if (view_copy(view_of(options->segment_path), media->path, sizeof(media->path)) < 0) {
		free(media);
		return ERR_INVALID;
	}
	media->loop = loop;
	media->options = *options;
	media->options.segment_path = media->path;
	if (media->options.orphan_timeout_ms == 0)
		media->options.orphan_timeout_ms = 10 * 1000;
	if (media->options.orphan_cap_ms == 0)
		media->options.orphan_cap_ms = 4 * 3600 * 1000;
	media->refusals = (struct log_limit){.burst = 10, .interval_ms = 1000};
	media->options.client_count = MAX(options->client_count, 1u);
	media->is_first = !options->sibling;
	if (options->sibling)
		media->shared = media_shared_get(options->sibling->shared);
	else
		error = media_shared_new(loop, &media->shared);
	if (error) {
		free(media);
		return error;
	}
	media->options.sibling = NULL;
	media->next_generation = media_random_generation(loop);
	list_init(&media->streams);
	list_init(&media->ending);
	list_init(&media->finished);
	list_init(&media->pending);
	list_init(&media->orphans);
	loop_message_init(&media->flush, on_flush, media);
	loop_message_init(&media->bury, on_bury, media);
	loop_timer_init(&media->tick, media_link_tick, media);
	loop_timer_start(loop, &media->tick, 1);
	media_reason_set(media, "the dataplane was not looked for yet");
	*ret_media = media;
	return 0;
}

void media_free(struct media *media)
{
	if (!media)
		return;
	media->is_dead = true;
	loop_timer_stop(media->loop, &media->tick);
	/* After the flush that may be waiting, and when none of our callbacks is on the stack. */
	loop_defer(media->loop, &media->bury);
}

bool media_is_ready(const struct media *media)
{
	return media->is_ready;
}

void media_reason_set(struct media *media, const char *reason)
{
	struct text text;

	text_init(&text, media->reason, sizeof(media->reason));
	text_add_string(&text, reason);
}

const char *media_reason(const struct media *media)
{
	return media->is_ready ? "" : media->reason;
}

/* ---- figures ---- */

static uint32_t list_len(const struct list *l)
{
	uint32_t len = 0;

	LIST_FOREACH (it, l)
		len++;
	return len;
}

void media_stats(const struct media *media, struct media_stats *ret_stats)
{
	*ret_stats = media->stats;
	ret_stats->streams = list_len(&media->streams);
	ret_stats->streams_ending = list_len(&media->ending);
	ret_stats->orphans = list_len(&media->orphans);
}

uint32_t media_worker_count(const struct media *media)
{
	return media->link == MEDIA_AWAY ? 0 : media->place->segment.worker_count;
}

uint64_t media_worker_counter(const struct media *media, uint32_t worker, enum worker_counter counter)
{
	if (worker >= media_worker_count(media) || counter >= WORKER_COUNTER_COUNT)
		return 0;
	return atomic_load_explicit(&shm_segment_worker(&media->place->segment, worker)->counters.values[counter],
				    memory_order_relaxed);
}

uint64_t media_worker_drops(const struct media *media, uint32_t worker, enum drop_reason reason)
{
	if (worker >= media_worker_count(media) || reason >= DROP_COUNT)
		return 0;
	return atomic_load_explicit(&shm_segment_worker(&media->place->segment, worker)->counters.drops[reason],
				    memory_order_relaxed);
}

void media_worker_stage(const struct media *media, uint32_t worker, enum stage stage, uint64_t *ret_cycles,
			uint64_t *ret_packets)
{
	const struct shm_worker_counters *counters;

	*ret_cycles = *ret_packets = 0;
	if (worker >= media_worker_count(media) || stage >= STAGE_COUNT)
		return;
	counters = &shm_segment_worker(&media->place->segment, worker)->counters;
	*ret_cycles = atomic_load_explicit(&counters->stage_cycles[stage], memory_order_relaxed);
	*ret_packets = atomic_load_explicit(&counters->stage_packets[stage], memory_order_relaxed);
}

const struct shm_address *media_address(const struct media *media, uint32_t index)
{
	if (media->link == MEDIA_AWAY || index >= media->place->segment.address_count)
		return NULL;
	return &media->place->segment.addresses[index];
}

bool media_address_is_up(const struct media *media, uint32_t index)
{
	return media_address(media, index) && shm_address_is_up(&media->place->segment, index);
}

struct shm_stream_counters media_counters_add(const struct shm_stream_counters *earlier,
					      const struct shm_stream_counters *later)
{
	struct shm_stream_counters sum = *later;

	sum.rtp_in += earlier->rtp_in;
	sum.rtp_in_bytes += earlier->rtp_in_bytes;
	sum.rtp_out += earlier->rtp_out;
	sum.rtp_out_bytes += earlier->rtp_out_bytes;
	sum.rtcp_in += earlier->rtcp_in;
	sum.rtcp_out += earlier->rtcp_out;
	sum.dropped_source += earlier->dropped_source;
	sum.dropped += earlier->dropped;
	sum.lost += earlier->lost;
	sum.loss_runs += earlier->loss_runs;
	sum.bursts += earlier->bursts;
	sum.burst_lost += earlier->burst_lost;
	sum.reordered += earlier->reordered;
	sum.duplicates += earlier->duplicates;
	sum.reports += earlier->reports;
	sum.reported_lost += earlier->reported_lost;
	if (later->round_trip_us == 0)
		sum.round_trip_us = earlier->round_trip_us;
	if (later->reported_mos10 == 0)
		sum.reported_mos10 = earlier->reported_mos10;
	if (later->reports == 0)
		sum.reported_jitter_us = earlier->reported_jitter_us;
	if (later->last_rtp_ms == 0) {
		sum.last_rtp_ms = earlier->last_rtp_ms;
		sum.jitter_us = earlier->jitter_us;
		sum.ssrc = earlier->ssrc;
		sum.payload_type = earlier->payload_type;
	}
	return sum;
}
