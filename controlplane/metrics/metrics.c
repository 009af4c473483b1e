/* The page of /metrics: the rows of METRIC_LIST, the histograms, and what the dataplane counted. */
#include "controlplane/metrics/metrics.h"

#include <inttypes.h>

#define COUNTER "counter"
#define GAUGE   "gauge"

struct metric_row {
	const char *name, *type, *label, *help;
};

static const struct metric_row metric_rows[METRIC_COUNT] = {
#define X(id, name, type, label, help) [id] = {name, type, label, help},
	METRIC_LIST(X)
#undef X
};

static const struct histogram_row {
	const char *name, *help;
	uint32_t bounds[METRIC_BUCKETS_MAX]; /* thousandths; 0 behind the last */
} histogram_rows[METRIC_HISTOGRAM_COUNT] = {
#define X(id, name, help, ...) [id] = {name, help, {__VA_ARGS__}},
	METRIC_HISTOGRAM_LIST(X)
#undef X
};

/* Worker counters that go up and down; all others only grow. */
static const char *worker_counter_type(enum worker_counter counter)
{
	return counter == WORKER_STREAMS ? GAUGE : COUNTER;
}

static size_t bound_count(const struct histogram_row *row)
{
	size_t count = 0;

	while (count < METRIC_BUCKETS_MAX && row->bounds[count] > 0)
		count++;
	return count;
}

void metrics_observe(struct metrics *metrics, enum metric_histogram histogram, uint64_t thousandths)
{
	const struct histogram_row *row = &histogram_rows[histogram];
	struct metrics_buckets *buckets = &metrics->histograms[histogram];
	size_t count = bound_count(row), i = 0;

	while (i < count && thousandths > row->bounds[i])
		i++;
	atomic_fetch_add_explicit(&buckets->counts[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&buckets->sum, thousandths, memory_order_relaxed);
}

static uint32_t worker_count(const struct metrics_engine *engine)
{
	return engine->is_up ? MIN(engine->worker_count, METRICS_WORKERS_MAX) : 0;
}

uint64_t metrics_engine_worker_sum(const struct metrics_engine *engine, enum worker_counter counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < worker_count(engine); w++)
		sum += engine->workers[w][counter];
	return sum;
}

uint64_t metrics_engine_drop_sum(const struct metrics_engine *engine, enum drop_reason reason)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < worker_count(engine); w++)
		sum += engine->drops[w][reason];
	return sum;
}

/* Help sentences of other folders are plain text; in the format a backslash or a newline would need an escape. */
static void print_head(struct text *text, const char *name, const char *type, const char *help)
{
	text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_value(struct text *text, const char *name, const char *label, uint64_t value)
{
	if (label[0])
		text_printf(text, "%s{%s} %" PRIu64 "\n", name, label, value);
	else
		text_printf(text, "%s %" PRIu64 "\n", name, value);
}

static void print_seconds(struct text *text, const char *name, uint64_t ms)
{
	text_printf(text, "%s %" PRIu64 ".%03u\n", name, ms / 1000, (unsigned)(ms % 1000));
}

static void print_rows(const struct metrics *metrics, struct text *text)
{
	const char *before = "";

	for (size_t i = 0; i < METRIC_COUNT; i++) {
		const struct metric_row *row = &metric_rows[i];

		if (strcmp(row->name, before) != 0)
			print_head(text, row->name, row->type, row->help);
		before = row->name;
		/* The one row that is kept in milliseconds; Prometheus counts time in seconds. */
		if (i == METRIC_SIGNALLING_LAG_MS)
			print_seconds(text, row->name, metrics_get(metrics, (enum metric)i));
		else
			print_value(text, row->name, row->label, metrics_get(metrics, (enum metric)i));
	}
}

/* A bound as people write it: 5, 0.25, 0.001. */
static void print_bound(struct text *text, uint32_t thousandths)
{
	char digits[] = {'.', (char)('0' + thousandths / 100 % 10), (char)('0' + thousandths / 10 % 10),
			 (char)('0' + thousandths % 10)};
	size_t size = sizeof(digits);

	while (size > 0 && digits[size - 1] == '0')
		size--;
	text_printf(text, "%u", thousandths / 1000);
	if (size > 1)
		text_add(text, (struct view){digits, size});
}

/* The count is the sum of the buckets as they were read, so that the last bucket and the count agree. */
static void print_histogram(const struct metrics_buckets *buckets, const struct histogram_row *row, struct text *text)
{
	uint64_t sum = atomic_load_explicit(&buckets->sum, memory_order_relaxed), count = 0;
	size_t bounds = bound_count(row);

	print_head(text, row->name, "histogram", row->help);
	for (size_t i = 0; i < bounds; i++) {
		count += atomic_load_explicit(&buckets->counts[i], memory_order_relaxed);
		text_printf(text, "%s_bucket{le=\"", row->name);
		print_bound(text, row->bounds[i]);
		text_printf(text, "\"} %" PRIu64 "\n", count);
	}
	count += atomic_load_explicit(&buckets->counts[bounds], memory_order_relaxed);
	text_printf(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", row->name, count);
	text_printf(text, "%s_sum %" PRIu64 ".%03u\n", row->name, sum / 1000, (unsigned)(sum % 1000));
	text_printf(text, "%s_count %" PRIu64 "\n", row->name, count);
}

static void print_engine(const struct metrics_engine *engine, struct text *text)
{
	static const char packets[] = "sip_pbx_media_packets_total", drops[] = "voxlane_drops_total";

	print_head(text, packets, COUNTER, "RTP and RTCP packets that the media engine received and sent.");
	print_value(text, packets, "direction=\"in\"", metrics_engine_worker_sum(engine, WORKER_RX_PACKETS));
	print_value(text, packets, "direction=\"out\"", metrics_engine_worker_sum(engine, WORKER_TX_PACKETS));
	print_head(text, drops, COUNTER, "Packets that the media engine dropped, by reason.");
	for (size_t i = 0; i < DROP_COUNT; i++)
		text_printf(text, "%s{reason=\"%s\"} %" PRIu64 "\n", drops, drop_rows[i].name,
			    metrics_engine_drop_sum(engine, (enum drop_reason)i));
	for (size_t i = 0; i < WORKER_COUNTER_COUNT && worker_count(engine) > 0; i++) {
		const char *type = worker_counter_type((enum worker_counter)i);
		char name[64];
		struct text text_name;

		text_init(&text_name, name, sizeof(name));
		text_printf(&text_name, "voxlane_worker_%s%s", worker_counter_rows[i].name,
			    strcmp(type, COUNTER) == 0 ? "_total" : "");
		print_head(text, name, type, worker_counter_rows[i].help);
		for (uint32_t w = 0; w < worker_count(engine); w++)
			text_printf(text, "%s{worker=\"%u\"} %" PRIu64 "\n", name, w, engine->workers[w][i]);
	}
}

/* Cycles divided by packets is what a packet costs in that stage; both are of the bursts that were measured. */
static void print_stages(const struct metrics_engine *engine, struct text *text)
{
	static const struct {
		const char *name, *help;
	} metrics[] = {
		{"voxlane_stage_cycles_total", "Processor cycles of each stage, of the bursts that were measured."},
		{"voxlane_stage_packets_total", "Packets of each stage, of the bursts that were measured."}};

	for (size_t m = 0; m < ARRAY_LEN(metrics) && worker_count(engine) > 0; m++) {
		print_head(text, metrics[m].name, COUNTER, metrics[m].help);
		for (unsigned i = 0; i < STAGE_COUNT; i++) {
			uint64_t sum = 0;

			for (uint32_t w = 0; w < worker_count(engine); w++)
				sum += m ? engine->stage_packets[w][i] : engine->stage_cycles[w][i];
			text_printf(text, "%s{stage=\"%s\"} %" PRIu64 "\n", metrics[m].name, stage_rows[i].name, sum);
		}
	}
}

void metrics_print(const struct metrics *metrics, const struct metrics_engine *engine, uint64_t uptime_ms,
		   struct text *text)
{
	print_rows(metrics, text);
	for (size_t i = 0; i < METRIC_HISTOGRAM_COUNT; i++)
		print_histogram(&metrics->histograms[i], &histogram_rows[i], text);
	print_head(text, "voxlane_uptime_seconds", GAUGE, "Seconds since the control plane started.");
	text_printf(text, "voxlane_uptime_seconds %" PRIu64 ".%03u\n", uptime_ms / 1000, (unsigned)(uptime_ms % 1000));
	print_head(text, "voxlane_bugs_total", COUNTER, "Broken invariants that were survived; any is worth a report.");
	print_value(text, "voxlane_bugs_total", "", bug_count());
	if (!engine)
		return;
	print_head(text, "voxlane_media_engine_up", GAUGE, "1 while the media engine is attached.");
	print_value(text, "voxlane_media_engine_up", "", engine->is_up ? 1 : 0);
	print_engine(engine, text);
	print_stages(engine, text);
}
