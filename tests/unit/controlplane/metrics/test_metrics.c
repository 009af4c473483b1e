/* controlplane/metrics: the page, line by line, against the grammar of the text format 0.0.4. */
#include "tests/unit/unit.h"

#include <ctype.h>

#include "controlplane/metrics/metrics.h"

static char page[METRICS_PAGE_SIZE];

static struct text print_page(const struct metrics *metrics, const struct metrics_engine *engine)
{
	struct text text;

	text_init(&text, page, sizeof(page));
	metrics_print(metrics, engine, 61500, &text);
	assert_false(text.overflow);
	return text;
}

static struct metrics_engine *engine_new(uint32_t worker_count, uint64_t value)
{
	struct metrics_engine *engine = calloc(1, sizeof(*engine));

	assert_non_null(engine);
	engine->is_up = 1;
	engine->worker_count = worker_count;
	for (uint32_t w = 0; w < worker_count; w++) {
		for (size_t i = 0; i < WORKER_COUNTER_COUNT; i++)
			engine->workers[w][i] = value;
		for (size_t i = 0; i < DROP_COUNT; i++)
			engine->drops[w][i] = value;
	}
	return engine;
}

/* ---- the grammar ---- */

static bool take_name(const char **at)
{
	const char *from = *at;

	if (!isalpha((unsigned char)**at) && **at != '_')
		return false;
	while (isalnum((unsigned char)**at) || **at == '_')
		(*at)++;
	return *at > from;
}

static bool take(const char **at, char c)
{
	return **at == c && (*at)++;
}

/* name="value",... without anything to be escaped */
static bool take_labels(const char **at)
{
	if (!take(at, '{'))
		return true;
	do {
		if (!take_name(at) || !take(at, '=') || !take(at, '"'))
			return false;
		while (**at && **at != '"' && **at != '\\' && **at != '\n')
			(*at)++;
		if (!take(at, '"'))
			return false;
	} while (take(at, ','));
	return take(at, '}');
}

static bool is_sample(const char *line)
{
	char *end;

	if (!take_name(&line) || !take_labels(&line) || !take(&line, ' ') || !isdigit((unsigned char)*line))
		return false;
	(void)strtod(line, &end);
	return *end == '\0';
}

struct family {
	char name[128], type[16];
};

static bool belongs(const char *line, const struct family *family)
{
	static const char *const suffixes[] = {"_bucket{", "_sum ", "_count "};
	size_t size = strlen(family->name);

	if (strncmp(line, family->name, size) != 0)
		return false;
	if (strcmp(family->type, "histogram") != 0)
		return line[size] == '{' || line[size] == ' ';
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (strncmp(line + size, suffixes[i], strlen(suffixes[i])) == 0)
			return true;
	return false;
}

/* Every line is HELP, then TYPE, then samples of that metric; no metric and no sample comes twice. */
static void check_page(char *text)
{
	struct family seen[128], family = {""};
	const char *lines[4096];
	size_t seen_count = 0, line_count = 0;
	char help[128] = "";

	assert_true(text[0] && text[strlen(text) - 1] == '\n');
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "# HELP %127s %*s", help) == 1 && strncmp(line, "# HELP ", 7) == 0) {
			assert_true(strlen(line) > 8 + strlen(help));
			continue;
		}
		if (sscanf(line, "# TYPE %127s %15s", family.name, family.type) == 2) {
			assert_string_equal(family.name, help);
			assert_true(strcmp(family.type, "counter") == 0 || strcmp(family.type, "gauge") == 0 ||
				    strcmp(family.type, "histogram") == 0);
			for (size_t i = 0; i < seen_count; i++)
				assert_string_not_equal(seen[i].name, family.name);
			assert_true(seen_count < ARRAY_LEN(seen));
			seen[seen_count++] = family;
			continue;
		}
		if (!is_sample(line) || !belongs(line, &family))
			fail_msg("not a sample of %s: %s", family.name, line);
		for (size_t i = 0; i < line_count; i++)
			assert_string_not_equal(lines[i], line);
		assert_true(line_count < ARRAY_LEN(lines));
		lines[line_count++] = line;
	}
}

static void test_metrics_page_follows_the_format(void **state)
{
	struct metrics metrics = {0};
	struct metrics_engine *engine = engine_new(4, 7);

	for (size_t i = 0; i < METRIC_COUNT; i++)
		metrics_set(&metrics, (enum metric)i, 1000 + i);
	print_page(&metrics, engine);
	check_page(page);
	engine->is_up = 0;
	print_page(&metrics, engine);
	check_page(page);
	print_page(&metrics, NULL);
	check_page(page);
	free(engine);
}

static void test_metrics_page_has_the_names_of_the_contract(void **state)
{
	static const char *const lines[] = {
		"\n# TYPE sip_pbx_active_calls gauge\nsip_pbx_active_calls 2\n",
		"\n# TYPE sip_pbx_total_calls counter\nsip_pbx_total_calls 9\n",
		"\n# TYPE sip_pbx_call_duration_seconds histogram\nsip_pbx_call_duration_seconds_bucket{le=\"5\"} 1\n",
		"\nsip_pbx_media_packets_total{direction=\"in\"} 14\nsip_pbx_media_packets_total{direction=\"out\"} "
		"14\n",
		"\nsip_pbx_errors_total{type=\"rtp_timeout\"} 3\n",
		"\nvoxlane_drops_total{reason=\"source\"} 14\n",
		"\nvoxlane_worker_rx_packets_total{worker=\"1\"} 7\n",
		"\n# TYPE voxlane_worker_streams gauge\n",
		"\nvoxlane_uptime_seconds 61.500\n",
	};
	struct metrics metrics = {0};
	struct metrics_engine *engine = engine_new(2, 7);

	metrics_add(&metrics, METRIC_ACTIVE_CALLS, 3);
	metrics_sub(&metrics, METRIC_ACTIVE_CALLS, 1);
	metrics_add(&metrics, METRIC_TOTAL_CALLS, 9);
	metrics_add(&metrics, METRIC_ERROR_RTP_TIMEOUT, 3);
	metrics_observe(&metrics, METRIC_CALL_DURATION, 5000);
	print_page(&metrics, engine);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!strstr(page, lines[i]))
			fail_msg("missing:%s", lines[i]);
	free(engine);
}

static void test_metrics_buckets_are_cumulative_and_inclusive(void **state)
{
	static const uint64_t calls_ms[] = {0, 5000, 5001, 60000, 3600001, 100000000};
	struct metrics metrics = {0};

	for (size_t i = 0; i < ARRAY_LEN(calls_ms); i++)
		metrics_observe(&metrics, METRIC_CALL_DURATION, calls_ms[i]);
	metrics_observe(&metrics, METRIC_MOS, 4410);
	metrics_observe(&metrics, METRIC_LOSS, 10);
	print_page(&metrics, NULL);
	assert_non_null(strstr(page, "voxlane_leg_mos_bucket{le=\"4.4\"} 0\nvoxlane_leg_mos_bucket{le=\"+Inf\"} 1\n"
				     "voxlane_leg_mos_sum 4.410\n"));
	assert_non_null(strstr(page, "voxlane_leg_loss_ratio_bucket{le=\"0.005\"} 0\n"
				     "voxlane_leg_loss_ratio_bucket{le=\"0.01\"} 1\n"));
	assert_non_null(strstr(page, "_bucket{le=\"5\"} 2\n"));
	assert_non_null(strstr(page, "_bucket{le=\"15\"} 3\n"));
	assert_non_null(strstr(page, "_bucket{le=\"30\"} 3\n"));
	assert_non_null(strstr(page, "_bucket{le=\"60\"} 4\n"));
	assert_non_null(strstr(page, "_bucket{le=\"3600\"} 4\n"));
	assert_non_null(strstr(page, "_bucket{le=\"7200\"} 5\n"));
	assert_non_null(strstr(page, "_bucket{le=\"+Inf\"} 6\n"));
	assert_non_null(strstr(page, "_sum 103670.002\n"));
	assert_non_null(strstr(page, "_count 6\n"));
}

static void test_metrics_page_fits_when_everything_is_at_its_largest(void **state)
{
	struct metrics metrics = {0};
	struct metrics_engine *engine = engine_new(METRICS_WORKERS_MAX, UINT64_MAX);
	struct text text;

	for (size_t i = 0; i < METRIC_COUNT; i++)
		metrics_set(&metrics, (enum metric)i, UINT64_MAX);
	text = print_page(&metrics, engine);
	assert_true(text.size < METRICS_PAGE_SIZE / 2);
	free(engine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_page_follows_the_format),
		cmocka_unit_test(test_metrics_page_has_the_names_of_the_contract),
		cmocka_unit_test(test_metrics_buckets_are_cumulative_and_inclusive),
		cmocka_unit_test(test_metrics_page_fits_when_everything_is_at_its_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
