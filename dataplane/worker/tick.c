/* Ticks: 50 times a second every stream that is decoded is heard for 20 ms, and what it says is encoded for all who listen.
 *
 * A wheel of 20 slots of a millisecond, so that the load is even; a stream goes into the emptiest slot. A turn codes for
 * WORKER_TICK_BUDGET_US and then goes back to receiving: relayed packets wait for one stream's coding at most beyond that.
 */
#include "dataplane/worker/private.h"

#include <rte_cycles.h>

#define BEHIND_MAX_MS (2 * WORKER_TICK_MS)

/* ---- the wheel ---- */

static void wheel_add(struct worker *worker, struct stream *stream)
{
	uint16_t best = 0;
	struct stream **head;

	for (uint16_t slot = 1; slot < WORKER_TICK_MS; slot++)
		if (worker->wheel_counts[slot] < worker->wheel_counts[best])
			best = slot;
	head = &worker->wheel[best];
	stream->wheel_slot = (uint8_t)best;
	stream->wheel_next = *head;
	stream->wheel_link = head;
	if (*head)
		(*head)->wheel_link = &stream->wheel_next;
	*head = stream;
	worker->wheel_counts[best]++;
	worker->wheel_count++;
}

static void wheel_del(struct worker *worker, struct stream *stream)
{
	if (worker->wheel_at == stream)
		worker->wheel_at = stream->wheel_next;
	*stream->wheel_link = stream->wheel_next;
	if (stream->wheel_next)
		stream->wheel_next->wheel_link = stream->wheel_link;
	stream->wheel_next = NULL;
	stream->wheel_link = NULL;
	worker->wheel_counts[stream->wheel_slot]--;
	worker->wheel_count--;
}

void worker_tick_update(struct worker *worker, struct stream *stream)
{
	bool wants = stream->generation && stream->playout;

	if (wants && !stream->wheel_link)
		wheel_add(worker, stream);
	else if (!wants && stream->wheel_link)
		wheel_del(worker, stream);
}

/* ---- a tick of one stream ---- */

static bool wants(const struct stream *listener, const struct stream *source)
{
	return listener->generation && listener->source_generation == source->generation && listener->talker &&
	       listener->flags & SHM_STREAM_SEND &&
	       talker_rate_hz(listener->talker) == playout_rate_hz(source->playout);
}

/* Everything that is due goes out, packet by packet. */
static void send_due(struct stage_context *context, struct stream *stream, struct stream *listener)
{
	for (;;) {
		struct rte_mbuf *packet = rte_pktmbuf_alloc(context->ports->pool);
		struct burst burst = {.count = 1};
		size_t size;

		if (!packet) {
			context->drops[DROP_TX_FULL]++;
			return;
		}
		size = talker_next(listener->talker, rte_pktmbuf_mtod(packet, uint8_t *),
				   CODEC_PAYLOAD_MAX + RTP_HEADER_SIZE);
		if (size == 0) {
			rte_pktmbuf_free(packet);
			return;
		}
		packet->data_len = (uint16_t)size;
		packet->pkt_len = packet->data_len;
		*packet_meta(packet) = (struct packet_meta){.stream = stream,
							    .out = listener,
							    .payload_size = (uint16_t)size,
							    .kind = RTP_KIND_RTP,
							    .lane = LANE_TRANSCODE_OUT};
		burst.packets[0] = packet;
		context->counters[WORKER_RTP_SPOKEN]++;
		lane_run(context, LANE_TRANSCODE_OUT, &burst);
	}
}

/* The control plane hears of every digit, and so do those who listen in a way of their own. */
static void pass_digits(struct stage_context *context, struct stream *stream)
{
	struct stream_table *table = &context->table;
	struct dtmf_digit digit;

	while (playout_digit(stream->playout, &digit)) {
		struct stage_event event = {
			.type = SHM_EVENT_STREAM_DIGIT, .slot = stream->slot, .generation = stream->generation};

		event.u.digit = (struct shm_digit){.event = digit.event, .duration_ms = digit.duration_ms};
		stage_tell(context, &event);
		for (uint32_t slot = stream->first_listener; slot != STREAM_NO_SLOT;
		     slot = table->at[slot].next_listener) {
			struct stream *listener = &table->at[slot];

			if (wants(listener, stream) && listener->audio.dtmf != SHM_DTMF_INFO)
				(void)talker_digit(listener->talker, &digit);
		}
	}
}

static void tick(struct stage_context *context, struct stream *stream)
{
	int16_t samples[CODEC_RATE_MAX_HZ / 1000 * WORKER_TICK_MS];
	size_t count = playout_rate_hz(stream->playout) / 1000 * WORKER_TICK_MS;
	struct stream_table *table = &context->table;
	bool speaks = playout_get(stream->playout, samples, count) && stream->flags & SHM_STREAM_RECEIVE;

	context->counters[WORKER_TICKS]++;
	pass_digits(context, stream);
	for (uint32_t slot = stream->first_listener; slot != STREAM_NO_SLOT; slot = table->at[slot].next_listener) {
		struct stream *listener = &table->at[slot];

		if (!wants(listener, stream))
			continue;
		if (speaks)
			talker_put(listener->talker, samples, count);
		else
			talker_rest(listener->talker, count);
		send_due(context, stream, listener);
	}
}

unsigned worker_tick(struct worker *worker)
{
	struct stage_context *context = &worker->context;
	uint64_t now_ms = context->now_us / 1000, begin = rte_rdtsc();
	uint64_t until = begin + worker->tsc_hz / 1000000 * WORKER_TICK_BUDGET_US, now = begin;
	unsigned done = 0;

	if (worker->wheel_count == 0) {
		worker->wheel_ms = now_ms;
		return 0;
	}
	if (now_ms > worker->wheel_ms + BEHIND_MAX_MS) {
		/* What was not coded in time is not worth being coded now. */
		context->counters[WORKER_TICKS_LOST] += now_ms - 1 - worker->wheel_ms;
		worker->wheel_ms = now_ms - 1;
		worker->wheel_at = NULL;
	}
	while (now < until && (worker->wheel_at || worker->wheel_ms < now_ms)) {
		struct stream *stream = worker->wheel_at;

		if (!stream) {
			worker->wheel_at = worker->wheel[++worker->wheel_ms % WORKER_TICK_MS];
			continue;
		}
		worker->wheel_at = stream->wheel_next;
		tick(context, stream);
		done++;
		now = rte_rdtsc();
	}
	if (done) {
		stage_transmit_flush_all(context);
		context->counters[WORKER_CYCLES_CODING] += rte_rdtsc() - begin;
	}
	return done;
}
