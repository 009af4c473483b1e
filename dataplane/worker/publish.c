/* A slice of the streams at a time: their rows, their time-outs, their next hops, so that nobody waits for all. */
#include "dataplane/worker/private.h"

#define SLICES (WORKER_PUBLISH_MS * 1000 / WORKER_SLICE_US)

struct stream_clock worker_clock(const struct worker *worker, uint64_t now_tsc)
{
	return (struct stream_clock){
		.now_tsc = now_tsc,
		.now_ms = worker_us(worker, now_tsc) / 1000 +
			  atomic_load_explicit(&worker->clock_offset_ms, memory_order_relaxed),
		.tsc_hz = worker->tsc_hz,
	};
}

void worker_clock_set(struct worker *worker, uint64_t now_tsc, uint64_t now_ms)
{
	atomic_store_explicit(&worker->clock_offset_ms, now_ms - worker_us(worker, now_tsc) / 1000,
			      memory_order_relaxed);
}

static void visit(struct worker *worker, struct stream *stream, const struct stream_clock *clock)
{
	struct stage_event event = {
		.type = SHM_EVENT_STREAM_SILENT, .slot = stream->slot, .generation = stream->generation};

	if (stream_fell_silent(stream, clock, &event.u.silent_ms))
		stage_tell(&worker->context, &event);
	stream_settle(stream);
	stream_allow(stream);
	stream_way_refresh(&worker->context.table, &stream->rtp_way);
	stream_way_refresh(&worker->context.table, &stream->rtcp_way);
	worker_report(worker, stream);
	if (worker->rows)
		stream_publish(stream, clock, &worker->rows[stream->slot]);
}

static void visit_words(struct worker *worker, uint32_t from, uint32_t to, const struct stream_clock *clock)
{
	struct stream_table *table = &worker->context.table;

	for (uint32_t w = from; w < to; w++)
		for (uint64_t word = table->live[w]; word; word &= word - 1)
			visit(worker, &table->at[w * 64 + (uint32_t)__builtin_ctzll(word)], clock);
}

static void publish_counters(struct worker *worker)
{
	struct shm_worker_counters *published = worker->published;

	if (!published)
		return;
	for (unsigned i = 0; i < WORKER_COUNTER_COUNT; i++)
		atomic_store_explicit(&published->values[i], worker->context.counters[i], memory_order_relaxed);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		atomic_store_explicit(&published->drops[i], worker->context.drops[i], memory_order_relaxed);
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		atomic_store_explicit(&published->stage_cycles[i], worker->context.stage_cycles[i],
				      memory_order_relaxed);
		atomic_store_explicit(&published->stage_packets[i], worker->context.stage_packets[i],
				      memory_order_relaxed);
	}
}

void worker_publish_slice(struct worker *worker)
{
	uint64_t now_tsc = worker->context.now_tsc;
	struct stream_clock clock = worker_clock(worker, now_tsc);
	uint32_t words = (worker->context.table.high + 63) / 64;
	uint32_t slice = (words + SLICES - 1) / SLICES, end;

	worker->next_slice_tsc = now_tsc + worker->tsc_hz / 1000000 * WORKER_SLICE_US;
	/* Few streams: a word every so many slices; many: several words each. Either way round once in
	 * WORKER_PUBLISH_MS. */
	if (worker->slice_number++ == 0)
		publish_counters(worker);
	if (worker->slice_number == SLICES)
		worker->slice_number = 0;
	if (worker->slice_at >= words && worker->slice_number == 0)
		worker->slice_at = 0;
	end = MIN(worker->slice_at + slice, words);
	visit_words(worker, worker->slice_at, end, &clock);
	worker->slice_at = end;
}

void worker_publish_all(struct worker *worker)
{
	struct stream_clock clock = worker_clock(worker, worker->context.now_tsc);

	visit_words(worker, 0, (worker->context.table.high + 63) / 64, &clock);
	publish_counters(worker);
}
