/* What the API is told of calls, registrations and streams: copies, made on the signalling thread. */
#include "controlplane/app/signalling.h"

#include <stdio.h>

#include "controlplane/api/api.h"
#include "controlplane/call/call.h"
#include "controlplane/defence/defence.h"
#include "controlplane/loop/loop.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/trace/trace.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/trunk/trunk.h"
#include "lib/log/log.h"

#define COPY(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

/* A walk that fills rows: what matches is counted, what is on the page is copied. */
struct filling {
	const struct api_page *page;
	struct signalling *signalling;
	void *rows;
	size_t matched, written;
	const struct call_about *about;
};

/* True when the match that was just found is to be written. */
static bool is_on_page(struct filling *filling)
{
	size_t at = filling->matched++;

	return at >= filling->page->offset && filling->written < filling->page->capacity;
}

static bool is_user(const char *party, const char *user)
{
	size_t size = strlen(user);

	return strncmp(party, user, size) == 0 && party[size] == '@';
}

static bool is_call_wanted(const struct api_page *page, const struct call_about *about)
{
	if (page->call && strcmp(page->call, about->id) != 0)
		return false;
	return !page->user || is_user(about->caller, page->user) || is_user(about->callee, page->user);
}

static void fill_leg(struct api_leg_row *row, const struct call_about_leg *leg)
{
	COPY(row->id, "%s", leg->id);
	COPY(row->side, "%s", leg->side);
	COPY(row->state, "%s", leg->state);
	COPY(row->sip_call_id, "%s", leg->sip_call_id);
	COPY(row->user_agent, "%s", leg->user_agent);
	COPY(row->codec, "%s", leg->codec);
	COPY(row->srtp, "%s", leg->srtp);
	row->remote = leg->remote;
	row->has_stream = leg->stream != NULL;
	if (leg->stream) {
		struct shm_stream_counters counters;
		struct quality quality;

		row->stream = media_stream_id(leg->stream);
		media_stream_counters(leg->stream, &counters);
		media_quality(&counters, leg->codec, &quality);
		row->mos = quality.mos;
	}
}

static void visit_call(const struct call_about *about, void *arg)
{
	struct filling *filling = arg;
	struct api_call_row *row;

	if (!is_call_wanted(filling->page, about) || !is_on_page(filling))
		return;
	row = (struct api_call_row *)filling->rows + filling->written++;
	COPY(row->id, "%s", about->id);
	COPY(row->caller, "%s", about->caller);
	COPY(row->callee, "%s", about->callee);
	COPY(row->state, "%s", about->state);
	COPY(row->transcoded, "%s", about->transcoded);
	row->start_wall_ms = about->start_wall_ms;
	row->answer_wall_ms = about->answer_wall_ms;
	for (row->leg_count = 0; row->leg_count < MIN(about->leg_count, API_CALL_LEGS); row->leg_count++)
		fill_leg(&row->legs[row->leg_count], &about->legs[row->leg_count]);
}

static size_t calls(void *arg, const struct api_page *page, struct api_call_row *rows, size_t *ret_total)
{
	struct filling filling = {.page = page, .signalling = arg, .rows = rows};

	call_table_walk(filling.signalling->calls, visit_call, &filling);
	*ret_total = filling.matched;
	return filling.written;
}

static void visit_contact(void *arg, const struct registrar_contact *contact)
{
	struct filling *filling = arg;
	const struct signalling *signalling = filling->signalling;
	uint64_t now_ms = loop_now_ms(signalling->loop), wall_ms = loop_wall_ms(signalling->loop);
	struct api_registration_row *row;

	if (filling->page->user && !view_is(contact->number, filling->page->user))
		return;
	if (!is_on_page(filling))
		return;
	row = (struct api_registration_row *)filling->rows + filling->written++;
	COPY(row->address_of_record, "%.*s@%s", VIEW_ARG(contact->number), signalling->conf->sip.realm);
	COPY(row->contact, "%.*s", VIEW_ARG(contact->uri));
	COPY(row->user_agent, "%.*s", VIEW_ARG(contact->user_agent));
	COPY(row->transport, "%s", transport_kind_parameter(contact->flow.kind));
	row->source = contact->flow.remote;
	row->registered_wall_ms = wall_ms - (now_ms - contact->since_ms);
	row->expires_wall_ms = wall_ms + contact->expires_s * 1000ull;
}

static size_t registrations(void *arg, const struct api_page *page, struct api_registration_row *rows,
			    size_t *ret_total)
{
	struct filling filling = {.page = page, .signalling = arg, .rows = rows};

	registrar_walk(filling.signalling->registrar, visit_contact, &filling);
	*ret_total = filling.matched;
	return filling.written;
}

static void visit_streams(const struct call_about *about, void *arg)
{
	struct filling *filling = arg;

	if (!is_call_wanted(filling->page, about))
		return;
	for (size_t i = 0; i < about->leg_count; i++) {
		const struct media_stream *stream = about->legs[i].stream;
		struct api_stream_row *row;

		if (!stream || !is_on_page(filling))
			continue;
		row = (struct api_stream_row *)filling->rows + filling->written++;
		COPY(row->call_id, "%s", about->id);
		row->id = media_stream_id(stream);
		row->local = *media_stream_local(stream);
		row->remote = *media_stream_remote(stream);
		row->is_latched = media_stream_is_latched(stream);
		row->flags = media_stream_flags(stream);
		media_stream_counters(stream, &row->counters);
		media_quality(&row->counters, about->legs[i].codec, &row->quality);
	}
}

static size_t streams(void *arg, const struct api_page *page, struct api_stream_row *rows, size_t *ret_total)
{
	struct filling filling = {.page = page, .signalling = arg, .rows = rows};

	call_table_walk(filling.signalling->calls, visit_streams, &filling);
	*ret_total = filling.matched;
	return filling.written;
}

static void fill_engine(const struct media *media, struct metrics_engine *engine)
{
	engine->is_up = media_is_ready(media);
	engine->worker_count = engine->is_up ? MIN(media_worker_count(media), METRICS_WORKERS_MAX) : 0;
	for (uint32_t worker = 0; worker < engine->worker_count; worker++) {
		for (unsigned i = 0; i < WORKER_COUNTER_COUNT; i++)
			engine->workers[worker][i] = media_worker_counter(media, worker, i);
		for (unsigned i = 0; i < DROP_COUNT; i++)
			engine->drops[worker][i] = media_worker_drops(media, worker, i);
		for (unsigned i = 0; i < STAGE_COUNT; i++)
			media_worker_stage(media, worker, i, &engine->stage_cycles[worker][i],
					   &engine->stage_packets[worker][i]);
	}
}

static void status(void *arg, struct api_status *ret_status)
{
	const struct signalling *signalling = arg;
	struct media_stats media;

	media_stats(signalling->media, &media);
	ret_status->sip_server = signalling->is_draining ? API_DRAINING : API_READY;
	ret_status->media_engine = media_is_ready(signalling->media) ? API_READY : API_UNAVAILABLE;
	COPY(ret_status->media_reason, "%s", media_reason(signalling->media));
	ret_status->active_calls = call_table_active(signalling->calls);
	ret_status->active_sessions = call_table_sessions(signalling->calls);
	ret_status->total_calls = call_table_total(signalling->calls);
	ret_status->registrations =
		signalling->first == signalling ? registrar_stats(signalling->registrar)->bindings : 0;
	ret_status->streams = media.streams;
	ret_status->orphan_streams = media.orphans;
	fill_engine(signalling->media, &ret_status->engine);
}

static int hang_up(void *arg, const char *call_id)
{
	return call_table_hang_up(((struct signalling *)arg)->calls, call_id);
}

static int history(void *arg, const char *call_id, struct text *out)
{
	return call_table_print_history(((struct signalling *)arg)->calls, call_id, out);
}

/* The Call-ID of the caller's leg, so that both legs of the call are in the log. */
static void find_other_leg(const struct call_about *about, void *arg)
{
	struct trace_filter *filter = arg;

	if (strcmp(about->id, filter->call) == 0 && about->leg_count > 0)
		COPY(filter->call_other, "%s", about->legs[0].sip_call_id);
}

static void show_trace(const struct trace_filter *filter, struct api_trace *trace)
{
	trace->is_on = filter->is_on;
	trace->peer = filter->peer;
	COPY(trace->call, "%s", filter->call);
	COPY(trace->extension, "%s", filter->extension);
}

static int trace(void *arg, const struct api_trace *set, struct api_trace_row *ret_row)
{
	struct signalling *signalling = arg;
	struct trace_status now;
	int error = 0;

	if (set) {
		struct trace_filter filter = {.is_on = set->is_on, .peer = set->peer};

		COPY(filter.call, "%s", set->call);
		COPY(filter.extension, "%s", set->extension);
		if (filter.call[0])
			call_table_walk(signalling->calls, find_other_leg, &filter);
		error = trace_set(signalling->trace, &filter);
	}
	trace_status(signalling->trace, &now);
	show_trace(&now.filter, &ret_row->now);
	ret_row->written = now.written;
	ret_row->lost = now.lost;
	ret_row->last_errno = now.last_errno;
	if (set && error == 0)
		log_info("app", "the SIP traffic log is switched %s", set->is_on ? "on" : "off");
	return error;
}

void signalling_sources(struct signalling *signalling, struct api_sources *ret_sources)
{
	*ret_sources = (struct api_sources){
		.signalling = signalling->loop,
		.arg = signalling,
		.status = status,
		.calls = calls,
		.registrations = registrations,
		.streams = streams,
		.hang_up = hang_up,
		.history = history,
		.trace = trace,
		.trunks = signalling_trunks,
		.explain = signalling_explain,
	};
}

void signalling_add_source(struct signalling *signalling, struct api_sources *sources)
{
	sources->others[sources->other_count++] = (struct api_signalling){signalling->loop, signalling};
}

/* ---- figures: each worker publishes its own, the first adds them up ---- */

static size_t own_figures(const struct signalling *signalling, struct signalling_figure figures[SIGNALLING_COUNTS])
{
	const struct transaction_stats *transactions = transaction_stats(signalling->transactions);
	const struct transport_stats *transport = transport_stats(signalling->transport);
	const struct defence *defence = signalling->defence;
	const struct signalling_figure own[] = {
		{METRIC_ACTIVE_SESSIONS, call_table_sessions(signalling->calls)},
		{METRIC_TRANSACTIONS, transactions->transactions},
		{METRIC_SIP_REQUESTS_IN, transactions->requests},
		{METRIC_SIP_RESPONSES_IN, transactions->responses},
		{METRIC_SIP_RETRANSMISSIONS, transactions->retransmissions_sent},
		{METRIC_ERROR_SIP_SYNTAX, transactions->refused_broken},
		{METRIC_ERROR_SIP_TIMEOUT, transactions->timeouts},
		{METRIC_ERROR_SIP_TRANSPORT, transport->send_errors},
		{METRIC_SIP_STATELESS, transactions->refused_stateless},
		{METRIC_SILENCED_DENIED, defence_count(defence, DEFENCE_DENIED)},
		{METRIC_SILENCED_BANNED, defence_count(defence, DEFENCE_BANNED)},
		{METRIC_SILENCED_SCANNER, defence_count(defence, DEFENCE_SCANNER)},
		{METRIC_SILENCED_RATE, defence_count(defence, DEFENCE_RATE)},
	};

	_Static_assert(ARRAY_LEN(own) + 64 < SIGNALLING_COUNTS, "the traffic behind them, and the lag as the last one");
	memcpy(figures, own, sizeof(own));
	return ARRAY_LEN(own) + signalling_traffic(transport, figures + ARRAY_LEN(own));
}

static uint64_t published(const struct signalling *signalling, size_t i)
{
	return atomic_load_explicit(&signalling->published[i], memory_order_relaxed);
}

void signalling_count(struct signalling *signalling)
{
	struct metrics *metrics = signalling->metrics;
	struct signalling_figure figures[SIGNALLING_COUNTS];
	size_t count = own_figures(signalling, figures), trunks;
	uint64_t lag_ms = loop_lag_ms(signalling->loop);

	for (size_t i = 0; i < count; i++)
		atomic_store_explicit(&signalling->published[i], figures[i].value, memory_order_relaxed);
	atomic_store_explicit(&signalling->published[SIGNALLING_COUNTS - 1], lag_ms, memory_order_relaxed);
	if (signalling->first != signalling)
		return;
	for (size_t i = 0; i < count; i++) {
		uint64_t sum = 0;

		for (unsigned k = 0; k < signalling->count; k++)
			sum += published(signalling->all[k], i);
		metrics_set(metrics, figures[i].metric, sum);
	}
	for (unsigned k = 0; k < signalling->count; k++)
		lag_ms = MAX(lag_ms, published(signalling->all[k], SIGNALLING_COUNTS - 1));
	metrics_set(metrics, METRIC_SIGNALLING_LAG_MS, lag_ms);
	metrics_set(metrics, METRIC_REGISTRATIONS, registrar_stats(signalling->registrar)->bindings);
	metrics_set(metrics, METRIC_TRUNKS_USABLE, trunk_count_usable(signalling->trunks, &trunks));
	metrics_set(metrics, METRIC_TRUNKS, trunks);
}
