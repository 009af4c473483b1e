/* The call detail record of a call, and the causes it names. */
#include "controlplane/call/session.h"

#include <stdio.h>

#include "controlplane/metrics/metrics.h"
#include "controlplane/trunk/trunk.h"
#include "lib/log/log.h"

/* RFC 3398 8.2.6.1 */
struct call_cause cause_of_status(unsigned status)
{
	static const struct {
		uint16_t sip, q850;
		const char *text;
	} rows[] = {
		{400, 41, "bad_request"},       {401, 21, "unauthorized"},     {403, 21, "forbidden"},
		{404, 1, "unknown_number"},     {408, 102, "no_response"},     {410, 22, "gone"},
		{415, 79, "unsupported_media"}, {420, 127, "bad_extension"},   {480, 18, "unavailable"},
		{484, 28, "incomplete_number"}, {486, 17, "user_busy"},        {487, 16, "cancelled"},
		{488, 79, "no_common_media"},   {500, 41, "server_error"},     {501, 79, "not_supported"},
		{503, 41, "overload"},          {504, 102, "gateway_timeout"}, {600, 17, "user_busy"},
		{603, 21, "declined"},          {604, 1, "unknown_number"},    {606, 79, "no_common_media"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].sip == status)
			return (struct call_cause){CDR_SIDE_SYSTEM, rows[i].sip, rows[i].q850, rows[i].text};
	return (struct call_cause){CDR_SIDE_SYSTEM, (uint16_t)status, 31, status >= 500 ? "server_error" : "refused"};
}

static enum cdr_disposition disposition(const struct call *call)
{
	if (call->answer_wall_ms > 0)
		return CDR_ANSWERED;
	switch (call->cause.sip) {
	case 408:
	case 480:
		return CDR_NO_ANSWER;
	case 486:
	case 600:
		return CDR_BUSY;
	case 487:
		return CDR_CANCELLED;
	case 403:
	case 404:
	case 484:
	case 603:
	case 604:
		return CDR_REJECTED;
	default:
		return CDR_FAILED;
	}
}

/* A party that was heard, for the histograms. */
static void observe(struct metrics *metrics, const struct cdr_leg *leg)
{
	uint64_t expected = leg->packets_in + leg->lost;

	if (leg->mos_thousandths == 0)
		return;
	metrics_observe(metrics, METRIC_MOS, leg->mos_thousandths);
	metrics_observe(metrics, METRIC_LOSS, leg->lost * 1000 / expected);
	metrics_observe(metrics, METRIC_JITTER, leg->jitter_us / 1000);
	if (leg->round_trip_us)
		metrics_observe(metrics, METRIC_ROUND_TRIP, leg->round_trip_us / 1000);
}

static void fill_leg(struct cdr_leg *record, const struct leg *leg)
{
	struct shm_stream_counters counters = leg->counters;
	struct quality quality;

	if (leg->stream)
		media_stream_counters(leg->stream, &counters);
	record->is_present = true;
	snprintf(record->sip_call_id, sizeof(record->sip_call_id), "%s", leg->sip_call_id);
	snprintf(record->user_agent, sizeof(record->user_agent), "%s", leg->user_agent);
	snprintf(record->codec, sizeof(record->codec), "%s", leg->codec);
	snprintf(record->srtp, sizeof(record->srtp), "%s", secure_suite_in_force(leg));
	record->remote = leg->remote;
	record->media_remote = leg->media_remote;
	record->packets_in = counters.rtp_in;
	record->packets_out = counters.rtp_out;
	record->bytes_in = counters.rtp_in_bytes;
	record->bytes_out = counters.rtp_out_bytes;
	record->lost = counters.lost;
	record->dropped = counters.dropped_source + counters.dropped;
	record->jitter_us = counters.jitter_us;
	record->reordered = counters.reordered;
	record->duplicates = counters.duplicates;
	record->burst_lost = counters.burst_lost;
	record->round_trip_us = counters.round_trip_us;
	record->has_reported = counters.reports > 0;
	record->reported_lost = counters.reported_lost;
	record->reported_jitter_us = counters.reported_jitter_us;
	record->reported_mos10 = counters.reported_mos10;
	media_quality(&counters, leg->codec, &quality);
	record->mos_thousandths = (uint32_t)(quality.mos * 1000);
}

void record_leg_time(struct leg *leg)
{
	static const bool is_talking[LEG_STATE_COUNT] = {
		[LEG_ANSWERED] = true, [LEG_ACCEPTED] = true, [LEG_UP] = true,
		[LEG_ASKED] = true,    [LEG_UPDATING] = true,
	};
	uint64_t now_ms = loop_wall_ms(leg->call->table->services.loop);
	enum leg_state state = (enum leg_state)leg->fsm.state;

	if (is_talking[state] && leg->answer_wall_ms == 0)
		leg->answer_wall_ms = now_ms;
	if ((state == LEG_GONE || state == LEG_ENDING || state == LEG_CANCELLING || state == LEG_PARTING) &&
	    leg->end_wall_ms == 0)
		leg->end_wall_ms = now_ms;
}

static const char *party_of(const struct leg *leg)
{
	const struct call *call = leg->call;

	if (leg->side == CDR_SIDE_CALLER && !leg->is_target)
		return call->caller_party;
	if (leg->extension[0])
		return leg->extension;
	return leg->carrier.trunk ? trunk_conf(leg->carrier.trunk)->name : call->callee_party;
}

/* The first ones, should there be more. */
static void fill_segments(struct cdr_record *record, const struct call *call)
{
	LIST_FOREACH (link, &call->legs) {
		const struct leg *leg = LIST_ENTRY(link, struct leg, link);
		struct cdr_segment *segment = &record->segments[record->segment_count];

		if (record->segment_count == CDR_SEGMENTS_MAX)
			return;
		record->segment_count++;
		snprintf(segment->id, sizeof(segment->id), "%s", leg->id);
		snprintf(segment->party, sizeof(segment->party), "%s", party_of(leg));
		segment->side = leg->side;
		segment->kind = leg->is_target ? "target" : cdr_side_name(leg->side);
		segment->start_wall_ms = leg->start_wall_ms;
		segment->answer_wall_ms = leg->answer_wall_ms;
		segment->end_wall_ms = leg->end_wall_ms ? leg->end_wall_ms : call->end_wall_ms;
		segment->status = (uint16_t)leg->failure;
		fill_leg(&segment->leg, leg);
	}
}

/* The callee's leg that answered; when none did, the last one that was tried. */
static const struct leg *callee_leg(const struct call *call)
{
	const struct leg *last;

	if (call->callee)
		return call->callee;
	last = LIST_ENTRY(call->legs.prev, struct leg, link);
	return last->side == CDR_SIDE_CALLEE ? last : NULL;
}

/* What led to a failure that is our own, or our engine's: for whoever has to find out why. */
static void tell_history(const struct call *call)
{
	struct call_table *table = call->table;
	char buffer[8192];
	uint64_t suppressed;
	struct view rest;
	struct text text;

	if (call->cause.side != CDR_SIDE_SYSTEM || call->cause.sip < 500 || table->is_ending)
		return;
	if (!log_limit_pass(&table->history_limit, loop_now_ms(table->services.loop), &suppressed))
		return;
	if (suppressed > 0)
		log_warning("call", "the histories of %llu more failed calls were left out",
			    (unsigned long long)suppressed);
	text_init(&text, buffer, sizeof(buffer));
	if (call_table_print_history(call->table, call->id, &text) != 0)
		return;
	rest = view_of(buffer);
	while (rest.size > 0) {
		struct view line = view_cut(&rest, '\n');

		log_call(LOG_LEVEL_WARNING, "call", call->id, "history: %.*s", VIEW_ARG(line));
	}
}

/* The wall clock may have been set back in between. */
static void observe_times(const struct call *call)
{
	struct metrics *metrics = call->table->services.metrics;

	metrics_observe(metrics, METRIC_CALL_DURATION, call->end_ms - call->answer_ms);
	if (call->answer_wall_ms >= call->start_wall_ms)
		metrics_observe(metrics, METRIC_CALL_SETUP, call->answer_wall_ms - call->start_wall_ms);
}

void record_write(struct call *call)
{
	const struct call_services *services = &call->table->services;
	const struct leg *callee = callee_leg(call);
	struct cdr_record record = {
		.start_wall_ms = call->start_wall_ms,
		.answer_wall_ms = call->answer_wall_ms,
		.end_wall_ms = call->end_wall_ms,
		.disposition = disposition(call),
		.hangup_side = call->cause.side,
		.cause_sip = call->answer_wall_ms > 0 ? 200 : call->cause.sip,
		.cause_q850 = call->cause.q850,
	};

	if (call->is_recorded)
		return;
	call->is_recorded = true;
	loop_timer_stop(services->loop, &call->linger_timer);
	snprintf(record.call_id, sizeof(record.call_id), "%s", call->id);
	snprintf(record.caller, sizeof(record.caller), "%s", call->caller_party);
	snprintf(record.callee, sizeof(record.callee), "%s", call->callee_party);
	snprintf(record.transferred_to, sizeof(record.transferred_to), "%s", call->transferred_to);
	snprintf(record.cause_text, sizeof(record.cause_text), "%s", call->cause.text ? call->cause.text : "normal");
	fill_leg(&record.legs[CDR_SIDE_CALLER - 1], call->caller);
	fill_segments(&record, call);
	if (callee)
		fill_leg(&record.legs[CDR_SIDE_CALLEE - 1], callee);
	if (call->answer_wall_ms > 0)
		observe_times(call);
	for (size_t i = 0; i < ARRAY_LEN(record.legs); i++)
		observe(services->metrics, &record.legs[i]);
	if (services->cdr)
		cdr_write(services->cdr, &record);
	log_call(LOG_LEVEL_INFO, "call", call->id, "%s, ended by %s: %s", cdr_disposition_name(record.disposition),
		 cdr_side_name(record.hangup_side), record.cause_text);
	tell_history(call);
}
