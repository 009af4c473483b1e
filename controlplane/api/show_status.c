/* /health, /ready, /metrics, /api/stats, /api/v1/node, /api/v1/drops: all from one struct api_status. */
#include "controlplane/api/api_private.h"

#include <stdlib.h>

static const char *const state_names[API_STATE_COUNT] = {
#define X(name, text) [name] = text,
	API_STATE_LIST(X)
#undef X
};

static struct api_status *status_of(struct api_question *question)
{
	return (struct api_status *)(void *)question->rows;
}

static const char *state_name(enum api_state state)
{
	return state_names[(unsigned)state < API_STATE_COUNT ? state : API_UNAVAILABLE];
}

void api_fetch_status(struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;

	struct api_status *sum = status_of(question), own;

	if (question->at == 0) {
		sources->status(sources->arg, sum);
		return;
	}
	sources->status(api_source_arg(question), &own);
	if (sum->media_engine == API_READY && own.media_engine != API_READY) { /* ready when all are */
		sum->media_engine = own.media_engine;
		memcpy(sum->media_reason, own.media_reason, sizeof(sum->media_reason));
	}
	sum->active_calls += own.active_calls;
	sum->active_sessions += own.active_sessions;
	sum->total_calls += own.total_calls;
	sum->streams += own.streams;
	sum->orphan_streams += own.orphan_streams;
}

static uint64_t uptime_ms(const struct api *api)
{
	return loop_now_ms(api->loop) - api->started_ms;
}

void api_show_health(struct api_question *question)
{
	bool is_healthy = !question->is_late;

	api_answer(question, is_healthy ? 200 : 503,
		   json_pack("{s:s, s:o}", "status", is_healthy ? "healthy" : "unhealthy", "timestamp",
			     document_time(loop_wall_ms(question->api->loop))));
}

static json_t *components_document(enum api_state sip_server, enum api_state media_engine)
{
	return json_pack("{s:s, s:s}", "sip_server", state_name(sip_server), "media_engine", state_name(media_engine));
}

void api_show_ready(struct api_question *question)
{
	enum api_state sip_server = API_UNAVAILABLE, media_engine = API_UNAVAILABLE;
	bool is_ready;

	if (!question->is_late) {
		sip_server = status_of(question)->sip_server;
		media_engine = status_of(question)->media_engine;
	}
	is_ready = sip_server == API_READY && media_engine == API_READY;
	api_answer(question, is_ready ? 200 : 503,
		   json_pack("{s:b, s:o}", "ready", is_ready, "components",
			     components_document(sip_server, media_engine)));
}

static uint64_t drop_total(const struct metrics_engine *engine)
{
	uint64_t total = 0;

	for (size_t i = 0; i < DROP_COUNT; i++)
		total += metrics_engine_drop_sum(engine, (enum drop_reason)i);
	return total;
}

void api_show_stats(struct api_question *question)
{
	const struct api_status *status = status_of(question);
	const struct metrics_engine *engine = &status->engine;

	api_answer(question, 200,
		   json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "active_calls",
			     document_u64(status->active_calls), "total_calls", document_u64(status->total_calls),
			     "active_sessions", document_u64(status->active_sessions), "uptime_seconds",
			     document_u64(uptime_ms(question->api) / 1000), "registrations",
			     document_u64(status->registrations), "streams", document_u64(status->streams),
			     "media_packets_in", document_u64(metrics_engine_worker_sum(engine, WORKER_RX_PACKETS)),
			     "media_packets_out", document_u64(metrics_engine_worker_sum(engine, WORKER_TX_PACKETS)),
			     "media_packets_dropped", document_u64(drop_total(engine))));
}

/* ---- metrics ---- */

void api_show_metrics(struct api_question *question)
{
	struct api *api = question->api;
	const struct api_status *status = question->is_late ? NULL : status_of(question);
	char *page = malloc(METRICS_PAGE_SIZE);
	struct text text;

	if (!page) {
		api_answer_error(question, API_ERROR_INTERNAL, error_text(ERR_NOMEM));
		return;
	}
	text_init(&text, page, METRICS_PAGE_SIZE);
	metrics_print(api->options.metrics, status ? &status->engine : NULL, uptime_ms(api), &text);
	api_answer_text(question, 200, "text/plain; version=0.0.4; charset=utf-8", page, text.size);
}

/* ---- the engine ---- */

void api_show_drops(struct api_question *question)
{
	const struct api_status *status = status_of(question);
	json_t *drops = json_array();

	for (size_t i = 0; i < DROP_COUNT && drops; i++) {
		json_t *row = json_pack("{s:s, s:o, s:s}", "reason", drop_rows[i].name, "packets",
					document_u64(metrics_engine_drop_sum(&status->engine, (enum drop_reason)i)),
					"help", drop_rows[i].help);

		if (json_array_append_new(drops, row) < 0) {
			json_decref(drops);
			drops = NULL;
		}
	}
	api_answer(question, 200,
		   json_pack("{s:o, s:o, s:s}", "drops", drops, "total", document_u64(drop_total(&status->engine)),
			     "media_engine", state_name(status->media_engine)));
}

void api_show_stages(struct api_question *question)
{
	const struct metrics_engine *engine = &status_of(question)->engine;
	json_t *stages = json_array();

	for (unsigned i = 0; i < STAGE_COUNT && stages; i++) {
		uint64_t cycles = 0, packets = 0;
		json_t *row;

		for (uint32_t w = 0; w < MIN(engine->worker_count, METRICS_WORKERS_MAX); w++) {
			cycles += engine->stage_cycles[w][i];
			packets += engine->stage_packets[w][i];
		}
		row = json_pack("{s:s, s:o, s:o, s:o, s:s}", "stage", stage_rows[i].name, "packets",
				document_u64(packets), "cycles", document_u64(cycles), "cycles_per_packet",
				packets ? document_u64(cycles / packets) : json_null(), "help", stage_rows[i].help);
		if (json_array_append_new(stages, row) < 0) {
			json_decref(stages);
			stages = NULL;
		}
	}
	api_answer(question, 200, json_pack("{s:o, s:i}", "stages", stages, "one_burst_in", STAGE_SAMPLED));
}

static json_t *worker_document(const struct metrics_engine *engine, uint32_t worker)
{
	json_t *node = json_pack("{s:i}", "worker", (int)worker);

	for (size_t i = 0; i < WORKER_COUNTER_COUNT && node; i++)
		if (json_object_set_new(node, worker_counter_rows[i].name, document_u64(engine->workers[worker][i])) <
		    0) {
			json_decref(node);
			return NULL;
		}
	return node;
}

static json_t *workers_document(const struct metrics_engine *engine)
{
	json_t *workers = json_array();
	uint32_t count = engine->is_up ? MIN(engine->worker_count, METRICS_WORKERS_MAX) : 0;

	for (uint32_t i = 0; i < count && workers; i++)
		if (json_array_append_new(workers, worker_document(engine, i)) < 0) {
			json_decref(workers);
			return NULL;
		}
	return workers;
}

static json_t *http_document(const struct http_server *server)
{
	struct http_stats stats = http_server_stats(server);

	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "connections", document_u64(stats.connections), "requests",
			 document_u64(stats.requests), "memory_bytes", document_u64(stats.memory), "accepted",
			 document_u64(stats.accepted), "refused", document_u64(stats.refused));
}

static json_t *cdr_document(struct cdr *cdr)
{
	struct cdr_status status;

	if (!cdr)
		return json_null();
	cdr_status(cdr, &status);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "written", document_u64(status.written), "failed",
			 document_u64(status.failed), "lost", document_u64(status.lost), "queued",
			 document_u64(status.queued), "last_error",
			 status.last_errno ? document_text(strerror(status.last_errno)) : json_null(), "stored",
			 document_u64(status.stored), "rejected", document_u64(status.rejected), "spooled_bytes",
			 document_u64(status.spooled));
}

static json_t *store_document(struct store *store)
{
	struct store_status status;

	if (!store)
		return json_null();
	store_status(store, &status);
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "kind", status.kind, "available", status.is_up, "jobs",
			 document_u64(status.jobs), "failed", document_u64(status.failed), "waiting",
			 document_u64(status.waiting), "problem", document_text(status.problem));
}

void api_show_node(struct api_question *question)
{
	const struct api_status *status = status_of(question);
	struct api *api = question->api;

	api_answer(question, 200,
		   json_pack("{s:o, s:o, s:o, s:o, s:o, s:{s:s, s:o, s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o}", "node",
			     document_text(api->node), "version", document_text(api->version), "started_time",
			     document_time(api->started_wall_ms), "uptime_seconds", document_u64(uptime_ms(api) / 1000),
			     "components", components_document(status->sip_server, status->media_engine),
			     "media_engine", "state", state_name(status->media_engine), "reason",
			     document_text(status->media_reason), "streams", document_u64(status->streams),
			     "orphan_streams", document_u64(status->orphan_streams), "workers",
			     workers_document(&status->engine), "transactions",
			     document_u64(metrics_get(api->options.metrics, METRIC_TRANSACTIONS)), "cdr",
			     cdr_document(api->options.cdr), "store", store_document(api->options.store), "http",
			     http_document(api->api.server), "bugs", document_u64(bug_count())));
}
