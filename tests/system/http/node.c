/* A node without telephony for the tests of the API: the real HTTP server, API and CDR writer on real sockets and two
 * threads; calls, phones and streams are made up here.
 *
 * http_node DIRECTORY [--token TOKEN] [--calls N] [--away] [--stuck] [--listen ADDRESS] [--anonymous] [--port PORT]
 * --away: no media engine; --stuck: the signalling thread never runs. Prints "api ENDPOINT" and "metrics ENDPOINT",
 * writes three CDRs, ends with SIGTERM. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/api/api.h"
#include "controlplane/loop/loop.h"
#include "controlplane/provision/provision.h"
#include "controlplane/store/store.h"

enum { CALLS_MAX = 5000 };

struct node {
	struct loop *signalling, *api_loop;
	struct metrics metrics;
	struct cdr *cdr;
	struct store *store;
	struct provision *provision;
	struct conf *conf;
	struct api *api;
	uint32_t call_count;
	bool is_away, is_stuck;
	struct api_trace trace;
	bool is_ending[CALLS_MAX];
	const char *tokens[1];
	uint64_t start_wall_ms;
};

static void fake_status(void *arg, struct api_status *ret_status)
{
	const struct node *node = arg;

	*ret_status = (struct api_status){.sip_server = API_READY,
					  .media_engine = node->is_away ? API_UNAVAILABLE : API_READY,
					  .active_calls = node->call_count,
					  .active_sessions = node->call_count * 2,
					  .registrations = 2,
					  .streams = 2,
					  .total_calls = 1234};
	if (node->is_away) {
		strcpy(ret_status->media_reason, "no dataplane is running");
		return;
	}
	ret_status->engine.is_up = 1;
	ret_status->engine.worker_count = 2;
	for (uint32_t w = 0; w < 2; w++) {
		for (size_t i = 0; i < WORKER_COUNTER_COUNT; i++)
			ret_status->engine.workers[w][i] = 1000 * (w + 1) + i;
		ret_status->engine.drops[w][DROP_SOURCE] = 3;
	}
}

static void fill_call(const struct node *node, uint32_t i, struct api_call_row *row)
{
	snprintf(row->id, sizeof(row->id), "call-%u", i);
	snprintf(row->caller, sizeof(row->caller), "%u@example.org", 1000 + i % 10);
	snprintf(row->callee, sizeof(row->callee), "2000@example.org");
	strcpy(row->state, node->is_ending[i] ? "ending" : "established");
	row->start_wall_ms = node->start_wall_ms;
	row->answer_wall_ms = node->start_wall_ms;
	row->leg_count = 2;
	for (size_t k = 0; k < 2; k++) {
		struct api_leg_row *leg = &row->legs[k];

		snprintf(leg->id, sizeof(leg->id), "leg-%u-%zu", i, k);
		strcpy(leg->side, k ? "callee" : "caller");
		strcpy(leg->state, "established");
		strcpy(leg->codec, "PCMU/8000");
		/* What a stranger may send: not UTF-8, a quote, a newline. */
		strcpy(leg->user_agent, "phone \xff\"\n");
		leg->has_stream = true;
		leg->stream = (struct shm_stream_id){.index = i, .generation = 7, .worker = 1};
	}
}

static size_t fake_calls(void *arg, const struct api_page *page, struct api_call_row *rows, size_t *ret_total)
{
	const struct node *node = arg;
	size_t count = 0;

	for (uint32_t i = 0; i < node->call_count; i++) {
		struct api_call_row row = {0};

		fill_call(node, i, &row);
		if ((page->call && strcmp(page->call, row.id) != 0) ||
		    (page->user && strncmp(page->user, row.caller, strlen(page->user)) != 0))
			continue;
		if ((*ret_total)++ >= page->offset && count < page->capacity)
			rows[count++] = row;
	}
	return count;
}

static size_t fake_registrations(void *arg, const struct api_page *page, struct api_registration_row *rows,
				 size_t *ret_total)
{
	const struct node *node = arg;

	*ret_total = 1;
	if (page->offset > 0)
		return 0;
	strcpy(rows[0].address_of_record, "1000@example.org");
	strcpy(rows[0].contact, "sip:1000@192.0.2.7:5062");
	strcpy(rows[0].user_agent, "baresip v1.0.0");
	strcpy(rows[0].transport, "udp");
	if (net_endpoint_parse(VIEW("192.0.2.7:5062"), 0, &rows[0].source) < 0)
		return 0;
	rows[0].registered_wall_ms = node->start_wall_ms;
	rows[0].expires_wall_ms = node->start_wall_ms + 3600000;
	return 1;
}

static size_t fake_streams(void *arg, const struct api_page *page, struct api_stream_row *rows, size_t *ret_total)
{
	*ret_total = 1;
	if (page->offset > 0 || (page->call && strcmp(page->call, "call-0") != 0))
		return 0;
	rows[0].id = (struct shm_stream_id){.index = 4, .generation = 9, .worker = 1};
	strcpy(rows[0].call_id, "call-0");
	if (net_endpoint_parse(VIEW("[2001:db8::1]:10000"), 0, &rows[0].local) < 0 ||
	    net_endpoint_parse(VIEW("192.0.2.7:4000"), 0, &rows[0].remote) < 0)
		return 0;
	rows[0].is_latched = true;
	rows[0].flags = SHM_STREAM_RECEIVE;
	rows[0].counters = (struct shm_stream_counters){
		.rtp_in = 50, .rtp_out = 49, .rtp_in_bytes = 8600, .jitter_us = 1250, .ssrc = 0xabcd, .last_rtp_ms = 1};
	return 1;
}

static int fake_history(void *arg, const char *call_id, struct text *out)
{
	if (strcmp(call_id, "call-0") != 0)
		return ERR_NOT_FOUND;
	text_add_string(out, "call call-0\n1 NEW --routed--> RINGING\n");
	return 0;
}

static int fake_trace(void *arg, const struct api_trace *set, struct api_trace_row *ret_row)
{
	struct node *node = arg;

	if (set)
		node->trace = *set;
	ret_row->now = node->trace;
	ret_row->written = 7;
	return 0;
}

static int fake_hang_up(void *arg, const char *call_id)
{
	struct node *node = arg;
	char id[API_ID_SIZE];

	for (uint32_t i = 0; i < node->call_count; i++) {
		snprintf(id, sizeof(id), "call-%u", i);
		if (strcmp(id, call_id) != 0)
			continue;
		if (node->is_ending[i])
			return ERR_STATE;
		node->is_ending[i] = true;
		return 0;
	}
	return ERR_NOT_FOUND;
}

static void write_records(struct node *node)
{
	struct cdr_record record = {.call_id = "old", .disposition = CDR_ANSWERED, .hangup_side = CDR_SIDE_CALLEE};

	for (uint64_t i = 1; i <= 3; i++) {
		snprintf(record.call_id, sizeof(record.call_id), "old-%u", (unsigned)i);
		strcpy(record.caller, "1000@example.org");
		strcpy(record.callee, "2000@example.org");
		strcpy(record.cause_text, "normal");
		record.start_wall_ms = node->start_wall_ms - 10000;
		record.answer_wall_ms = record.start_wall_ms + 2000;
		record.end_wall_ms = node->start_wall_ms + i;
		record.cause_sip = 200;
		record.cause_q850 = 16;
		cdr_write(node->cdr, &record);
		metrics_observe(&node->metrics, METRIC_CALL_DURATION, 8000 * i);
	}
}

static void on_signal(void *arg, int number)
{
	struct node *node = arg;

	loop_stop(node->api_loop);
}

static void *run_loop(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void print_endpoint(const char *name, struct net_endpoint endpoint)
{
	char text[NET_ENDPOINT_TEXT];

	printf("%s %s\n", name, net_endpoint_print(&endpoint, text));
}

static int parse_arguments(int argc, char **argv, struct node *node, struct api_options *options)
{
	static const struct option names[] = {
		{"token", required_argument, NULL, 't'},  {"calls", required_argument, NULL, 'c'},
		{"away", no_argument, NULL, 'a'},         {"stuck", no_argument, NULL, 's'},
		{"listen", required_argument, NULL, 'l'}, {"anonymous", no_argument, NULL, 'y'},
		{"port", required_argument, NULL, 'p'},   {NULL, 0, NULL, 0},
	};
	int name;

	while ((name = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (name == 't') {
			node->tokens[0] = optarg;
			options->tokens = node->tokens;
			options->token_count = 1;
		} else if (name == 'c') {
			node->call_count = MIN((uint32_t)atoi(optarg), CALLS_MAX);
		} else if (name == 'a') {
			node->is_away = true;
		} else if (name == 's') {
			node->is_stuck = true;
		} else if (name == 'y') {
			options->allow_anonymous = true;
		} else if (name == 'p') {
			options->listen.port = (uint16_t)atoi(optarg);
		} else if (name != 'l' || net_address_parse(view_of(optarg), &options->listen.address) < 0) {
			return ERR_INVALID;
		}
	}
	return optind == argc - 1 ? 0 : ERR_INVALID;
}

/* ---- extensions, trunks and routes: those of a small file and of the database ---- */

static const char conf_text[] = "extensions = ( { number = \"1000\"; password = \"x\"; } );"
				"trunks = ( { name = \"carrier\"; host = \"192.0.2.5\"; } );";

static int check_rows(void *arg, const struct conf_row *rows, size_t count, struct conf_problem *ret_problem)
{
	struct conf *conf = NULL;
	int error = conf_load_text_with("node.conf", conf_text, rows, count, &conf, ret_problem);

	conf_free(conf);
	return error;
}

static void apply_rows(void *arg)
{
	struct node *node = arg;
	struct conf_problem problem;
	struct conf *conf = NULL;
	size_t count;
	const struct conf_row *rows = provision_rows(node->provision, &count);
	int error = conf_load_text_with("node.conf", conf_text, rows, count, &conf, &problem);

	if (error == 0) {
		conf_free(node->conf);
		node->conf = conf;
	}
	provision_applied(node->provision, error);
}

static const struct conf *conf_now(void *arg)
{
	return ((struct node *)arg)->conf;
}

static int start_provision(struct node *node)
{
	const struct provision_options options = {.store = node->store,
						  .loop = node->api_loop,
						  .check = check_rows,
						  .apply = apply_rows,
						  .conf = conf_now,
						  .arg = node};

	if (provision_open(node->store, node->api_loop, &node->provision) != 0)
		return ERR_IO;
	provision_set(node->provision, &options);
	apply_rows(node);
	return node->conf ? 0 : ERR_INVALID;
}

static int start(struct node *node, const char *directory, struct api_options *options)
{
	struct cdr_options cdr_options = {
		.directory = directory, .filename_pattern = "cdr-%Y-%m-%d.jsonl", .loop = node->signalling};
	const struct store_options store_options = {.url = "sqlite:./http-node.db"};
	struct store_problem store_problem;
	struct cdr_problem cdr_problem;
	struct api_problem problem;

	node->start_wall_ms = loop_wall_ms(node->api_loop);
	if (store_open(&store_options, &node->store, &store_problem) < 0) {
		fprintf(stderr, "%s\n", store_problem.text);
		return ERR_IO;
	}
	if (start_provision(node) != 0)
		return ERR_IO;
	cdr_options.store = options->store = node->store;
	options->provision = node->provision;
	if (cdr_open(&cdr_options, node->start_wall_ms, &node->cdr, &cdr_problem) < 0) {
		fprintf(stderr, "%s\n", cdr_problem.text);
		return ERR_IO;
	}
	write_records(node);
	metrics_set(&node->metrics, METRIC_ACTIVE_CALLS, node->call_count);
	options->cdr = node->cdr;
	options->sources.signalling = node->signalling;
	if (api_new(node->api_loop, options, &node->api, &problem) < 0) {
		fprintf(stderr, "%s\n", problem.text);
		return ERR_IO;
	}
	print_endpoint("api", api_endpoint(node->api));
	print_endpoint("metrics", api_metrics_endpoint(node->api));
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	static struct node node;
	const int numbers[] = {SIGTERM, SIGINT};
	const struct net_address loopback = {.family = NET_IPV4, .bytes = {127, 0, 0, 1}};
	struct api_options options = {.listen.address = loopback,
				      .metrics_listen.address = loopback,
				      .version = VOXLANE_VERSION,
				      .node = "test",
				      .metrics = &node.metrics,
				      .sources = {.arg = &node,
						  .status = fake_status,
						  .calls = fake_calls,
						  .registrations = fake_registrations,
						  .streams = fake_streams,
						  .hang_up = fake_hang_up,
						  .history = fake_history,
						  .trace = fake_trace}};
	struct loop_signals signals;
	pthread_t thread;
	int result = 1;

	if (parse_arguments(argc, argv, &node, &options) < 0 || loop_new_real(&node.signalling) < 0 ||
	    loop_new_real(&node.api_loop) < 0)
		return 2;
	if (loop_signals_init(node.api_loop, &signals, numbers, ARRAY_LEN(numbers), on_signal, &node) == 0 &&
	    start(&node, argv[optind], &options) == 0 &&
	    (node.is_stuck || pthread_create(&thread, NULL, run_loop, node.signalling) == 0)) {
		loop_run(node.api_loop);
		loop_stop(node.signalling);
		if (!node.is_stuck)
			pthread_join(thread, NULL);
		result = 0;
	}
	api_free(node.api);
	cdr_close(node.cdr);
	provision_free(node.provision);
	conf_free(node.conf);
	store_close(node.store);
	loop_signals_fini(&signals);
	loop_free(node.api_loop);
	loop_free(node.signalling);
	return result;
}
