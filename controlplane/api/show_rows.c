/* Pages of rows: calls, registrations, streams; one call; hanging up. fetch_* run on the signalling thread, show_* on
 * the API thread. */
#include "controlplane/api/api_private.h"

/* The part of the page that the threads asked before have left. */
static struct api_page page_of(const struct api_question *question)
{
	const struct api_query *query = &question->query;

	return (struct api_page){.offset = query->offset - MIN(query->offset, question->total),
				 .capacity = query->limit - question->count,
				 .call = query->call_id[0] ? query->call_id : NULL,
				 .user = query->user[0] ? query->user : NULL};
}

/* The error of a source; 0 when there was none, else it is answered. */
static int answer_source_error(struct api_question *question)
{
	switch (question->error) {
	case 0:
		return 0;
	case ERR_UNSUPPORTED:
		api_answer_error(question, API_ERROR_UNSUPPORTED, "this node does not offer that");
		break;
	case ERR_NOT_FOUND:
		api_answer_error(question, API_ERROR_NOT_FOUND, "there is no call of this id");
		break;
	case ERR_STATE:
		api_answer_error(question, API_ERROR_STATE, "the call ends already");
		break;
	default:
		api_answer_error(question, API_ERROR_INTERNAL, error_text(question->error));
	}
	return question->error;
}

/* {name: [...], "total": n}; print makes the document of row i. */
static void answer_rows(struct api_question *question, const char *name,
			json_t *(*print)(const struct api_question *question, size_t i))
{
	json_t *list;

	if (answer_source_error(question) < 0)
		return;
	list = json_array();
	for (size_t i = 0; i < question->count && list; i++)
		if (json_array_append_new(list, print(question, i)) < 0) {
			json_decref(list);
			list = NULL;
		}
	api_answer(question, 200, json_pack("{s:o, s:o}", name, list, "total", document_u64(question->total)));
}

static json_t *stream_id_document(const struct shm_stream_id *id)
{
	return json_sprintf("%u-%u-%u", id->worker, id->index, id->generation);
}

/* ---- calls ---- */

static struct api_call_row *calls_of(const struct api_question *question)
{
	return (struct api_call_row *)(uintptr_t)question->rows;
}

/* 0 stands for what nobody knows. Two places after the point: nobody hears the third. */
static json_t *known_document(double value)
{
	return value > 0 ? json_real((double)(int64_t)(value * 100 + 0.5) / 100) : json_null();
}

static json_t *leg_document(const struct api_leg_row *leg)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "leg_id", document_text(leg->id), "side",
			 document_text(leg->side), "state", document_text(leg->state), "sip_call_id",
			 document_text(leg->sip_call_id), "remote", document_endpoint(&leg->remote), "user_agent",
			 document_text(leg->user_agent), "codec", document_text(leg->codec), "srtp",
			 document_text(leg->srtp), "mos", known_document(leg->mos), "stream",
			 leg->has_stream ? stream_id_document(&leg->stream) : json_null());
}

static json_t *legs_document(const struct api_call_row *call)
{
	json_t *legs = json_array();

	for (size_t i = 0; i < MIN(call->leg_count, API_CALL_LEGS) && legs; i++)
		if (json_array_append_new(legs, leg_document(&call->legs[i])) < 0) {
			json_decref(legs);
			return NULL;
		}
	return legs;
}

static json_t *seconds_since(const struct api_question *question, uint64_t wall_ms)
{
	uint64_t now_ms = loop_wall_ms(question->api->loop);

	return document_u64(wall_ms && now_ms > wall_ms ? (now_ms - wall_ms) / 1000 : 0);
}

static json_t *call_document(const struct api_question *question, size_t i)
{
	const struct api_call_row *call = &calls_of(question)[i];

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "call_id", document_text(call->id),
			 "caller", document_text(call->caller), "callee", document_text(call->callee), "state",
			 document_text(call->state), "start_time", document_time(call->start_wall_ms), "answer_time",
			 document_time(call->answer_wall_ms), "duration", seconds_since(question, call->start_wall_ms),
			 "talk_duration", seconds_since(question, call->answer_wall_ms), "transcoded",
			 call->transcoded[0] ? document_text(call->transcoded) : json_null(), "legs",
			 legs_document(call));
}

static void fetch_calls(struct api_question *question, const struct api_page *page)
{
	const struct api_sources *sources = &question->api->options.sources;

	size_t total = 0;

	question->error = sources->calls ? 0 : ERR_UNSUPPORTED;
	if (sources->calls)
		question->count +=
			sources->calls(api_source_arg(question), page, calls_of(question) + question->count, &total);
	question->total += total;
}

void api_fetch_calls(struct api_question *question)
{
	struct api_page page = page_of(question);

	fetch_calls(question, &page);
}

void api_show_calls(struct api_question *question)
{
	answer_rows(question, "calls", call_document);
}

void api_fetch_call(struct api_question *question)
{
	const struct api_page page = {.capacity = 1 - question->count, .call = question->id};

	fetch_calls(question, &page);
	if (question->error == 0 && question->count == 0)
		question->error = ERR_NOT_FOUND;
}

void api_show_call(struct api_question *question)
{
	if (answer_source_error(question) == 0)
		api_answer(question, 200, call_document(question, 0));
}

void api_fetch_hang_up(struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;

	if (question->at > 0 && question->error != ERR_NOT_FOUND)
		return;
	question->error = sources->hang_up ? sources->hang_up(api_source_arg(question), question->id) : ERR_UNSUPPORTED;
}

void api_show_hang_up(struct api_question *question)
{
	if (answer_source_error(question) == 0)
		api_answer(question, 202, json_pack("{s:o}", "call_id", document_text(question->id)));
}

/* ---- registrations ---- */

static struct api_registration_row *registrations_of(const struct api_question *question)
{
	return (struct api_registration_row *)(uintptr_t)question->rows;
}

static json_t *registration_document(const struct api_question *question, size_t i)
{
	const struct api_registration_row *row = &registrations_of(question)[i];
	uint64_t now_ms = loop_wall_ms(question->api->loop);
	uint64_t left_ms = row->expires_wall_ms > now_ms ? row->expires_wall_ms - now_ms : 0;

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "address_of_record",
			 document_text(row->address_of_record), "contact", document_text(row->contact), "source",
			 document_endpoint(&row->source), "transport", document_text(row->transport), "user_agent",
			 document_text(row->user_agent), "registered_time", document_time(row->registered_wall_ms),
			 "expires_time", document_time(row->expires_wall_ms), "expires_in",
			 document_u64(left_ms / 1000));
}

void api_fetch_registrations(struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;
	struct api_page page = page_of(question);

	question->error = sources->registrations ? 0 : ERR_UNSUPPORTED;
	if (sources->registrations)
		question->count =
			sources->registrations(sources->arg, &page, registrations_of(question), &question->total);
}

void api_show_registrations(struct api_question *question)
{
	answer_rows(question, "registrations", registration_document);
}

/* ---- streams ---- */

static struct api_stream_row *streams_of(const struct api_question *question)
{
	return (struct api_stream_row *)(uintptr_t)question->rows;
}

static json_t *stream_counters_document(const struct shm_stream_counters *counters)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f}", "packets_in",
			 document_u64(counters->rtp_in), "packets_out", document_u64(counters->rtp_out), "bytes_in",
			 document_u64(counters->rtp_in_bytes), "bytes_out", document_u64(counters->rtp_out_bytes),
			 "rtcp_in", document_u64(counters->rtcp_in), "rtcp_out", document_u64(counters->rtcp_out),
			 "lost", document_u64(counters->lost), "dropped_source", document_u64(counters->dropped_source),
			 "dropped", document_u64(counters->dropped), "jitter_ms", counters->jitter_us / 1000.0);
}

static json_t *reported_document(const struct shm_stream_counters *counters)
{
	if (counters->reports == 0)
		return json_null();
	return json_pack("{s:o, s:o, s:f, s:o, s:o}", "reports", document_u64(counters->reports), "lost",
			 document_u64(counters->reported_lost), "jitter_ms", counters->reported_jitter_us / 1000.0,
			 "mos", known_document(counters->reported_mos10 / 10.0), "delay_ms",
			 known_document(counters->reported_delay_ms));
}

/* What the peer sends, as it sounds; and what the peer said of what it is sent. */
static json_t *quality_document(const struct api_stream_row *row)
{
	const struct shm_stream_counters *counters = &row->counters;
	const struct quality *quality = &row->quality;

	return json_pack("{s:o, s:o, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "mos", known_document(quality->mos),
			 "r_factor", known_document(quality->r), "loss_percent", quality->loss_percent, "burst_ratio",
			 quality->burst_ratio, "delay_ms", known_document(quality->delay_ms), "round_trip_ms",
			 known_document(counters->round_trip_us / 1000.0), "reordered",
			 document_u64(counters->reordered), "duplicates", document_u64(counters->duplicates), "bursts",
			 document_u64(counters->bursts), "burst_lost", document_u64(counters->burst_lost), "reported",
			 reported_document(counters));
}

/* The engine's clock of the last packet is ours: both are CLOCK_MONOTONIC of this machine. */
static json_t *silence_document(const struct api_question *question, uint64_t last_rtp_ms)
{
	uint64_t now_ms = loop_now_ms(question->api->loop);

	return last_rtp_ms ? document_u64(now_ms > last_rtp_ms ? now_ms - last_rtp_ms : 0) : json_null();
}

static json_t *stream_document(const struct api_question *question, size_t i)
{
	const struct api_stream_row *row = &streams_of(question)[i];
	const struct shm_stream_counters *counters = &row->counters;
	bool is_heard = counters->last_rtp_ms != 0;

	return json_pack("{s:o, s:o, s:i, s:o, s:o, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "stream",
			 stream_id_document(&row->id), "call_id", document_text(row->call_id), "worker",
			 (int)row->id.worker, "local", document_endpoint(&row->local), "remote",
			 document_endpoint(&row->remote), "latched", row->is_latched, "receive",
			 (row->flags & SHM_STREAM_RECEIVE) != 0, "send", (row->flags & SHM_STREAM_SEND) != 0,
			 "rtcp_mux", (row->flags & SHM_STREAM_RTCP_MUX) != 0, "ssrc",
			 is_heard ? json_sprintf("%08x", counters->ssrc) : json_null(), "payload_type",
			 is_heard ? document_u64(counters->payload_type) : json_null(), "silent_ms",
			 silence_document(question, counters->last_rtp_ms), "counters",
			 stream_counters_document(counters), "quality", quality_document(row));
}

void api_fetch_streams(struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;
	struct api_page page = page_of(question);
	size_t total = 0;

	question->error = sources->streams ? 0 : ERR_UNSUPPORTED;
	if (sources->streams)
		question->count += sources->streams(api_source_arg(question), &page,
						    streams_of(question) + question->count, &total);
	question->total += total;
}

void api_show_streams(struct api_question *question)
{
	answer_rows(question, "streams", stream_document);
}
