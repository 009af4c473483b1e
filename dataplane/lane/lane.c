/* THE table: the road of every packet. */
#include "dataplane/lane/lane.h"

#include <rte_cycles.h>

#define STEP(stage)                                                                                                    \
	{                                                                                                              \
		.name = #stage, .id = STAGE_##stage, .run = stage_##stage                                              \
	}

/* clang-format off */
const struct lane_row lane_rows[LANE_COUNT] = {
	[LANE_ENTRY]        = {"entry",        {STEP(parse), STEP(lookup), STEP(classify)}, .splits = true},
	[LANE_TAKEN_OVER]   = {"takeover",     {STEP(lookup), STEP(classify)}, .splits = true},
	[LANE_RELAY]        = {"relay",        {STEP(source), STEP(limit), STEP(statistics), STEP(relay), STEP(transmit)}},
	[LANE_FORK]         = {"fork",         {STEP(source), STEP(limit), STEP(statistics), STEP(fork), STEP(convert), STEP(relay), STEP(transmit)}},
	[LANE_UNHEARD]      = {"unheard",      {STEP(source), STEP(limit), STEP(statistics), STEP(unheard)}},
	[LANE_HELD]         = {"held",         {STEP(source), STEP(limit), STEP(statistics), STEP(held)}},
	[LANE_RTCP]         = {"rtcp",         {STEP(rtcp_source), STEP(rtcp_read), STEP(rtcp_relay), STEP(transmit)}},
	[LANE_RTCP_UNHEARD] = {"rtcp_unheard", {STEP(rtcp_source), STEP(rtcp_read), STEP(unheard)}},
	[LANE_REPORT]       = {"report",       {STEP(protect), STEP(rtcp_relay), STEP(transmit)}},
	[LANE_BINDING]      = {"binding",      {STEP(binding)}},
	[LANE_DECRYPT]      = {"decrypt",      {STEP(unprotect), STEP(source), STEP(limit), STEP(statistics), STEP(relay), STEP(transmit)}},
	[LANE_ENCRYPT]      = {"encrypt",      {STEP(source), STEP(limit), STEP(statistics), STEP(protect), STEP(relay), STEP(transmit)}},
	[LANE_RECRYPT]      = {"recrypt",      {STEP(unprotect), STEP(source), STEP(limit), STEP(statistics), STEP(protect), STEP(relay), STEP(transmit)}},
	[LANE_SECURE_FORK]  = {"secure_fork",  {STEP(unprotect), STEP(source), STEP(limit), STEP(statistics), STEP(fork), STEP(convert), STEP(protect), STEP(relay), STEP(transmit)}},
	[LANE_SECURE_UNHEARD] = {"secure_unheard", {STEP(unprotect), STEP(source), STEP(limit), STEP(statistics), STEP(unheard)}},
	[LANE_SECURE_HELD]  = {"secure_held",  {STEP(unprotect), STEP(source), STEP(limit), STEP(statistics), STEP(held)}},
	[LANE_SECURE_RTCP]  = {"secure_rtcp",  {STEP(unprotect), STEP(rtcp_source), STEP(rtcp_read), STEP(protect), STEP(rtcp_relay), STEP(transmit)}},
	[LANE_SECURE_RTCP_UNHEARD] = {"secure_rtcp_unheard", {STEP(unprotect), STEP(rtcp_source), STEP(rtcp_read), STEP(unheard)}},
	[LANE_CONVERT]      = {"convert",      {STEP(source), STEP(limit), STEP(statistics), STEP(convert), STEP(relay), STEP(transmit)}},
	[LANE_SECURE_CONVERT] = {"secure_convert", {STEP(unprotect), STEP(source), STEP(limit), STEP(statistics), STEP(convert), STEP(protect), STEP(relay), STEP(transmit)}},
	[LANE_TRANSCODE_IN] = {"transcode_in", {STEP(source), STEP(limit), STEP(statistics), STEP(hear)}},
	[LANE_SECURE_TRANSCODE_IN] = {"secure_transcode_in", {STEP(unprotect), STEP(source), STEP(limit), STEP(statistics), STEP(hear)}},
	[LANE_TRANSCODE_OUT] = {"transcode_out", {STEP(protect), STEP(relay), STEP(transmit)}},
};
/* clang-format on */

static void walk(struct stage_context *context, const struct lane_row *row, struct burst *burst)
{
	for (const struct lane_step *step = row->steps; step < row->steps + LANE_STAGES_MAX && step->run; step++) {
		if (burst->count == 0)
			return;
		step->run(context, burst);
	}
}

/* The same with the clock read around every step. */
static void walk_measured(struct stage_context *context, const struct lane_row *row, struct burst *burst)
{
	uint64_t begun = rte_rdtsc();

	for (const struct lane_step *step = row->steps; step < row->steps + LANE_STAGES_MAX && step->run; step++) {
		uint16_t count = burst->count;
		uint64_t ended;

		if (count == 0)
			return;
		step->run(context, burst);
		ended = rte_rdtsc();
		stage_measured(context, step->id, ended - begun, count);
		begun = ended;
	}
}

static bool is_one_lane(const struct burst *burst)
{
	return (burst->lanes & (burst->lanes - 1)) == 0;
}

void lane_run(struct stage_context *context, enum lane first, struct burst *burst)
{
	void (*walk_it)(struct stage_context * context, const struct lane_row *row, struct burst *burst) =
		likely(context->measured_at) ? walk : walk_measured;

	context->measured_at = context->measured_at ? context->measured_at - 1 : STAGE_SAMPLED - 1;
	walk_it(context, &lane_rows[first], burst);
	if (burst->count == 0)
		return;
	if (likely(is_one_lane(burst))) {
		walk_it(context, &lane_rows[packet_meta(burst->packets[0])->lane], burst);
		return;
	}
	for (unsigned lane = 0; lane < LANE_COUNT && burst->count; lane++) {
		struct burst part;
		uint16_t rest = 0;

		part.count = 0;
		for (uint16_t i = 0; i < burst->count; i++) {
			if (packet_meta(burst->packets[i])->lane == lane)
				part.packets[part.count++] = burst->packets[i];
			else
				burst->packets[rest++] = burst->packets[i];
		}
		burst->count = rest;
		walk_it(context, &lane_rows[lane], &part);
	}
}
