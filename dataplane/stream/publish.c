/* What a stream shows to others: its counters, its row in the segment, its silence. Called by slices of a turn, never
 * per packet. */
#include "dataplane/stream/private.h"

#include "lib/shm/shm.h"

static uint64_t tsc_to_ms(uint64_t cycles, uint64_t tsc_hz)
{
	return (uint64_t)((unsigned __int128)cycles * 1000 / tsc_hz);
}

void stream_count(const struct stream *stream, const struct stream_clock *clock,
		  struct shm_stream_counters *ret_counters)
{
	const struct stream_reports *reports = &stream->reports_of;

	*ret_counters = (struct shm_stream_counters){
		.rtp_in = stream->rtp_in,
		.rtp_in_bytes = stream->rtp_in_bytes,
		.rtp_out = stream_rtp_out(stream),
		.rtp_out_bytes = stream->rtp_out_bytes + stream->rtp_way.bytes,
		.rtcp_in = stream->rtcp_in,
		.rtcp_out = stream->rtcp_out,
		.dropped_source = stream->dropped_source,
		.dropped = stream->dropped,
		.lost = rtp_statistics_lost(&stream->statistics),
		.jitter_us = rtp_statistics_jitter_us(&stream->statistics, stream->clock_hz),
		.ssrc = stream->statistics.ssrc,
		.payload_type = stream->payload_type,
		.loss_runs = reports->gaps.runs,
		.bursts = reports->gaps.bursts,
		.burst_lost = reports->gaps.burst_lost,
		.reordered = reports->gaps.reordered,
		.duplicates = reports->gaps.duplicates,
		.reports = reports->heard,
		.reported_lost = reports->reported_lost,
		.reported_jitter_us = reports->reported_jitter_us,
		.round_trip_us = reports->round_trip_us,
		.reported_mos10 = reports->reported_mos10,
		.reported_delay_ms = reports->reported_delay_ms,
	};
	if (stream->playout) {
		const struct playout_counters *heard = playout_counters(stream->playout);

		ret_counters->concealed_ms = (uint32_t)(heard->concealed * 1000 / playout_rate_hz(stream->playout));
		ret_counters->playout_ms = heard->delay_ms;
		ret_counters->late = heard->late;
	}
	if (stream->last_rtp_tsc)
		ret_counters->last_rtp_ms =
			clock->now_ms - tsc_to_ms(clock->now_tsc - stream->last_rtp_tsc, clock->tsc_hz);
}

void stream_publish(struct stream *stream, const struct stream_clock *clock, struct shm_stream_row *row)
{
	/* Every term only grows, so an equal sum means that nothing happened. */
	uint64_t sum;
	struct shm_stream_row image = {.generation = stream->generation};

	stream_settle(stream);
	sum = stream->rtp_in + stream->rtp_out + stream->rtcp_in + stream->rtcp_out + stream->dropped_source +
	      stream->dropped;
	if (sum == stream->published && !stream->is_row_old)
		return;
	stream->published = sum;
	stream->is_row_old = false;
	image.controller = stream->controller;
	image.state = stream->generation ? SHM_SLOT_LIVE : SHM_SLOT_FREE;
	image.address = stream->address;
	image.local_port = stream->local_port;
	image.flags = stream->flags;
	image.source_index = stream->source_slot;
	image.source_generation = stream->source_generation;
	image.latched = stream->latch == STREAM_LATCHED;
	image.remote = stream_peer_endpoint(&stream->peer);
	stream_count(stream, clock, &image.counters);
	shm_stream_write(row, &image);
}

bool stream_fell_silent(struct stream *stream, const struct stream_clock *clock, uint64_t *ret_silent_ms)
{
	uint64_t since = MAX(stream->last_rtp_tsc, stream->programmed_tsc);

	if (stream->timeout_tsc == 0 || clock->now_tsc < since || clock->now_tsc - since < stream->timeout_tsc) {
		stream->is_silent = false;
		return false;
	}
	if (stream->is_silent)
		return false;
	stream->is_silent = true;
	*ret_silent_ms = tsc_to_ms(clock->now_tsc - since, clock->tsc_hz);
	return true;
}
