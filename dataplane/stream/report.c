/* RTCP read as it passes, and receiver reports where it ends here. */
#include "dataplane/stream/private.h"

#define CNAME "voxlane"

static uint64_t tsc_to_us(const struct stream_table *table, uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * 1000000 / table->tsc_hz);
}

/* ---- reading ---- */

/* The block is about what we send it: from the stream that it hears, or from ourselves. */
static bool is_about_us(const struct stream_table *table, const struct stream *stream, uint32_t ssrc)
{
	const struct stream *source = stream->source_slot == STREAM_NO_SLOT ? NULL : &table->at[stream->source_slot];

	if (ssrc == stream->reports_of.own_ssrc)
		return ssrc != 0;
	return source && source->generation && source->generation == stream->source_generation &&
	       source->statistics.ssrc == ssrc;
}

static void read_block(const struct stream_table *table, struct stream *stream, const struct rtcp_block *block,
		       uint64_t now_tsc)
{
	struct stream_reports *reports = &stream->reports_of;

	if (!is_about_us(table, stream, block->ssrc))
		return;
	reports->heard++;
	reports->reported_lost = block->lost > 0 ? (uint32_t)block->lost : 0;
	if (stream->clock_hz)
		reports->reported_jitter_us =
			(uint32_t)MIN((uint64_t)block->jitter * 1000000 / stream->clock_hz, UINT32_MAX);
	if (block->last_sr != 0 && block->last_sr == reports->passed_middle)
		(void)rtcp_round_trip_us(block, tsc_to_us(table, now_tsc - reports->passed_tsc),
					 &reports->round_trip_us);
}

static void read_voip(const struct stream_table *table, struct stream *stream, const struct rtcp_voip *voip)
{
	struct stream_reports *reports = &stream->reports_of;

	if (!is_about_us(table, stream, voip->ssrc))
		return;
	if (voip->mos_conversation >= 10 && voip->mos_conversation <= 50)
		reports->reported_mos10 = voip->mos_conversation;
	if (voip->end_system_ms)
		reports->reported_delay_ms = voip->end_system_ms;
}

void stream_report_read(const struct stream_table *table, struct stream *stream, struct stream *out,
			const uint8_t *bytes, size_t size, uint64_t now_tsc)
{
	struct rtcp_walk walk = rtcp_walk_of(bytes, size);
	struct rtcp_item item;

	while (rtcp_next(&walk, &item)) {
		if (item.kind == RTCP_ITEM_BLOCK) {
			read_block(table, stream, &item.u.block, now_tsc);
		} else if (item.kind == RTCP_ITEM_VOIP) {
			read_voip(table, stream, &item.u.voip);
		} else if (item.kind == RTCP_ITEM_SENDER) {
			stream->reports_of.heard_middle = rtcp_ntp_middle(&item.u.sender);
			stream->reports_of.heard_tsc = now_tsc;
			if (out) {
				out->reports_of.passed_middle = rtcp_ntp_middle(&item.u.sender);
				out->reports_of.passed_tsc = now_tsc;
			}
		}
	}
}

/* ---- writing ---- */

static bool ends_here(const struct stream *stream)
{
	uint8_t lane = stream->lanes[RTP_KIND_RTCP];

	return lane == LANE_RTCP_UNHEARD || lane == LANE_SECURE_RTCP_UNHEARD;
}

/* xorshift: who guesses it learns when a report comes, which is no secret. */
static uint32_t draw(struct stream_reports *reports, uint64_t seed)
{
	uint32_t x = reports->chance ? reports->chance : (uint32_t)(seed ^ seed >> 32) | 1;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return reports->chance = x;
}

static void plan(const struct stream_table *table, struct stream *stream, uint64_t now_tsc)
{
	struct stream_reports *reports = &stream->reports_of;
	uint32_t chance = draw(reports, now_tsc * 0x9e3779b97f4a7c15u + stream->slot);

	if (reports->own_ssrc == 0)
		reports->own_ssrc = draw(reports, 0);
	reports->next_tsc =
		now_tsc + stream_ms_to_tsc(table, STREAM_REPORT_MS / 2 + chance % (uint32_t)STREAM_REPORT_MS);
}

size_t stream_report_write(const struct stream_table *table, struct stream *stream, uint64_t now_tsc, uint8_t *bytes)
{
	struct stream_reports *reports = &stream->reports_of;
	struct rtcp_report report = {.has_block = true, .cname = VIEW(CNAME)};

	if (!ends_here(stream) || !stream->has_sender || stream->rtp_in == 0) {
		reports->next_tsc = 0;
		return 0;
	}
	if (reports->next_tsc == 0)
		plan(table, stream, now_tsc);
	if (now_tsc < reports->next_tsc)
		return 0;
	plan(table, stream, now_tsc);
	report.ssrc = reports->own_ssrc;
	report.block = rtcp_block_of(&stream->statistics, &reports->before);
	if (reports->heard_middle) {
		report.block.last_sr = reports->heard_middle;
		report.block.delay_last_sr = (uint32_t)MIN(
			(tsc_to_us(table, now_tsc - reports->heard_tsc) << 16) / 1000000, (uint64_t)UINT32_MAX);
	}
	return rtcp_report_print(&report, bytes);
}
