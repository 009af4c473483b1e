/* voxlane-controlplane: starts the parts in the order of one array, runs its threads (signalling workers, and this one for
 * HTTP and signals), and ends the parts in the reverse order. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "controlplane/api/api.h"
#include "lib/notify/notify.h"
#include "controlplane/app/provisioning.h"
#include "controlplane/app/reload.h"
#include "controlplane/app/signalling.h"
#include "controlplane/app/tls.h"
#include "controlplane/cdr/cdr.h"
#include "controlplane/loop/loop.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/provision/provision.h"
#include "controlplane/store/store.h"
#include "controlplane/worker/worker.h"
#include "lib/config/config.h"
#include "lib/log/log.h"
#include "lib/options/options.h"

enum { COUNT_EVERY_MS = 1000, DRAIN_MS = 3000, DRAIN_LOOK_MS = 20 };

/* A signalling worker: its thread and all that belongs to it. */
struct program_worker {
	struct program *program;
	struct loop *loop;
	struct signalling *signalling;
	struct transport *transport;
	struct app_tls_log tls_log;
	struct loop_timer count_timer, drain_timer;
	uint64_t drain_until_ms;
	struct loop_message end; /* drain, then stop */
	bool is_drained;
	pthread_t thread;
	bool is_running;
};

struct program {
	struct options options;
	struct conf *conf;
	struct metrics metrics;
	struct conf *file_conf; /* without the rows of the database; NULL: conf is it */
	char *text;             /* of the configuration file */
	struct store *store;
	struct provision *provision;
	struct cdr *cdr;
	struct loop *api_loop;
	struct tls_context *tls; /* NULL: SIP is not spoken over TLS */
	struct worker_group *group;
	struct program_worker workers[WORKERS_MAX];
	unsigned worker_count;
	_Atomic unsigned drained; /* workers that wait for nobody any more */
	struct api *api;
	struct reload reload;
	struct loop_signals signals;
	struct loop_message ended;
	char problem[768];
};

static int fail(struct program *program, int error, const char *text)
{
	snprintf(program->problem, sizeof(program->problem), "%s", text && text[0] ? text : error_text(error));
	return error;
}

/* ---- the parts ---- */

static int start_log(struct program *program)
{
	const struct conf_logging *logging = &program->conf->logging;
	enum log_level level = logging->level;
	int error = log_init(level, logging->format, logging->output);

	if (error) {
		snprintf(program->problem, sizeof(program->problem), "%s: logging.output %s: %s", program->conf->path,
			 logging->output, strerror(errno));
		return error;
	}
	if (program->options.log_level && log_level_parse(view_of(program->options.log_level), &level) == 0)
		log_level_set(level);
	return 0;
}

static int start_loops(struct program *program)
{
	int error = loop_new_real(&program->api_loop);

	if (error == 0)
		error = worker_group_new(program->worker_count, &program->group);
	for (unsigned i = 0; error == 0 && i < program->worker_count; i++) {
		program->workers[i].program = program;
		error = loop_new_real(&program->workers[i].loop);
	}
	if (error == 0) {
		uint64_t seed;

		loop_random(program->api_loop, &seed, sizeof(seed));
		hash_seed_set(seed);
	}
	return error ? fail(program, error, NULL) : 0;
}

static void stop_loops(struct program *program)
{
	for (unsigned i = 0; i < program->worker_count; i++)
		loop_free(program->workers[i].loop);
	loop_free(program->api_loop);
	worker_group_free(program->group);
}

static int start_store(struct program *program)
{
	const struct store_options options = {.url = program->conf->store.url};
	struct store_problem problem = {""};
	int error;

	if (!options.url[0])
		return 0;
	error = store_open(&options, &program->store, &problem);
	return error ? fail(program, error, problem.text) : 0;
}

static void stop_store(struct program *program)
{
	provision_free(program->provision);
	store_close(program->store);
}

static int start_provision(struct program *program)
{
	struct conf *with_rows = NULL;
	struct conf_problem problem = {""};

	if (program->store && provisioning_start(program->store, program->api_loop, program->options.config_path,
						 program->text, &program->provision, &with_rows, &problem) != 0)
		return fail(program, ERR_INVALID, problem.text);
	if (with_rows) {
		with_rows->sip.listen_port = program->conf->sip.listen_port;
		program->file_conf = program->conf;
		program->conf = with_rows;
	}
	return 0;
}

static int start_cdr(struct program *program)
{
	const struct conf_cdr *conf = &program->conf->cdr;
	struct cdr_options options = {.directory = conf->output_dir,
				      .filename_pattern = conf->filename_pattern,
				      .never_rotates = conf->rotation == CONF_ROTATION_NONE,
				      .retention_days = conf->retention_days,
				      .store = program->store,
				      .loop = program->workers[0].loop};
	struct cdr_problem problem = {""};
	int error;

	if (!conf->enabled)
		return 0;
	error = cdr_open(&options, loop_wall_ms(program->api_loop), &program->cdr, &problem);
	return error ? fail(program, error, problem.text) : 0;
}

static void stop_cdr(struct program *program)
{
	cdr_close(program->cdr);
}

static int start_signalling(struct program *program)
{
	struct signalling_problem problem;
	int error = 0;

	for (unsigned i = 0; error == 0 && i < program->worker_count; i++) {
		struct signalling_options options = {.conf = program->conf,
						     .loop = program->workers[i].loop,
						     .metrics = &program->metrics,
						     .cdr = program->cdr,
						     .store = program->store,
						     .worker = worker_group_get(program->group, i),
						     .first = program->workers[0].signalling};

		error = signalling_new(&options, &program->workers[i].signalling, &problem);
	}
	return error ? fail(program, error, problem.text) : 0;
}

static void stop_signalling(struct program *program)
{
	for (unsigned i = program->worker_count; i-- > 0;)
		signalling_free(program->workers[i].signalling);
}

/* 0.0.0.0 and :: stand for every address of this machine, of both families. */
static void add_listens(struct transport_options *options, const struct conf_sip *sip, enum transport_kind kind)
{
	uint16_t port = kind == TRANSPORT_TLS ? sip->tls_port : sip->listen_port;
	struct transport_listen listen = {.kind = kind, .endpoint = {.address = sip->listen_ip, .port = port}};

	options->listens[options->listen_count++] = listen;
	if (!net_address_is_any(&sip->listen_ip) ||
	    (sip->listen_ip.family == NET_IPV4 && access("/proc/net/if_inet6", R_OK) != 0))
		return;
	listen.endpoint.address =
		(struct net_address){.family = sip->listen_ip.family == NET_IPV6 ? NET_IPV4 : NET_IPV6};
	options->listens[options->listen_count++] = listen;
}

static int start_tls(struct program *program)
{
	struct tls_problem problem;
	int error = app_tls_new(program->conf, loop_wall_ms(program->api_loop), &program->tls, &problem);

	return error ? fail(program, error, problem.text) : 0;
}

static void stop_tls(struct program *program)
{
	tls_context_free(program->tls);
}

/* Sharing ports would let a second server start unnoticed beside us: this asks for them alone first. */
static int ask_for_ports(struct program *program, const struct transport_options *options,
			 struct transport_problem *problem)
{
	struct transport_options alone = *options;
	struct transport_receiver nobody = {.on_message = NULL};
	struct transport *transport;
	int error;

	alone.shares_ports = false;
	error = transport_new(program->workers[0].loop, &alone, &nobody, &transport, problem);
	if (error == 0)
		transport_free(transport);
	return error;
}

static int start_worker_transport(struct program_worker *worker, struct transport_options *options)
{
	struct transport_receiver receiver = signalling_receiver(worker->signalling);
	struct transport_problem problem = {""};
	struct signalling_problem start_problem = {""};
	int error;

	worker->tls_log.loop = worker->loop;
	options->arg = &worker->tls_log;
	error = transport_new(worker->loop, options, &receiver, &worker->transport, &problem);
	if (error)
		return fail(worker->program, error, problem.text);
	error = signalling_start(worker->signalling, worker->transport, &start_problem);
	return error ? fail(worker->program, error, start_problem.text) : 0;
}

static int start_transport(struct program *program)
{
	static const enum transport_kind kinds[CONF_TRANSPORT_COUNT] = {TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS};
	const struct conf_sip *sip = &program->conf->sip;
	struct transport_options options = {.advertised = sip->advertised_ip,
					    .dscp = 24 /* CS3, RFC 4594 */,
					    .connections_max = MAX(sip->max_connections / program->worker_count, 1u),
					    .connections_per_source = sip->connections_per_source,
					    .handshakes_max = MAX(sip->tls_handshakes / program->worker_count, 1u),
					    .handshakes_per_source = sip->tls_handshakes_per_source,
					    .tls = program->tls,
					    .on_handshake = app_tls_on_handshake,
					    .shares_ports = program->worker_count > 1};
	struct transport_problem problem = {""};
	int error = 0;

	for (unsigned i = 0; i < CONF_TRANSPORT_COUNT; i++)
		if (sip->transports & 1u << i)
			add_listens(&options, sip, kinds[i]);
	if (options.shares_ports)
		error = ask_for_ports(program, &options, &problem);
	if (error)
		return fail(program, error, problem.text);
	for (unsigned i = 0; error == 0 && i < program->worker_count; i++)
		error = start_worker_transport(&program->workers[i], &options);
	return error;
}

static void stop_transport(struct program *program)
{
	for (unsigned i = 0; i < program->worker_count; i++) {
		worker_set_transport(worker_group_get(program->group, i), NULL);
		transport_free(program->workers[i].transport);
	}
}

static int start_api(struct program *program)
{
	const struct conf_monitoring *monitoring = &program->conf->monitoring;
	struct api_options options = {
		.listen = {.address = monitoring->listen_ip, .port = monitoring->health_check_port},
		.metrics_listen = {.address = monitoring->metrics_listen_ip, .port = monitoring->prometheus_port},
		.tokens = monitoring->tokens.at,
		.token_count = monitoring->tokens.len,
		.allow_anonymous = monitoring->allow_anonymous,
		.version = VOXLANE_VERSION,
		.metrics = &program->metrics,
		.cdr = program->cdr,
		.store = program->store,
		.provision = program->provision,
	};
	struct api_problem problem = {""};
	char node[64] = "voxlane";
	int error;

	gethostname(node, sizeof(node) - 1);
	options.node = node;
	signalling_sources(program->workers[0].signalling, &options.sources);
	for (unsigned i = 1; i < program->worker_count; i++)
		signalling_add_source(program->workers[i].signalling, &options.sources);
	error = api_new(program->api_loop, &options, &program->api, &problem);
	return error ? fail(program, error, problem.text) : 0;
}

static void stop_api(struct program *program)
{
	api_free(program->api);
}

/* ---- the end: drain on the signalling thread, then stop both loops ---- */

static void on_ended(void *arg)
{
	loop_stop(((struct program *)arg)->api_loop);
}

/* A worker that is empty turns on until all are: its connections are used by the others. */
static void on_drain(void *arg)
{
	struct program_worker *worker = arg;
	struct program *program = worker->program;
	struct loop *loop = worker->loop;

	if (!worker->is_drained &&
	    (signalling_is_empty(worker->signalling) || loop_now_ms(loop) >= worker->drain_until_ms)) {
		worker->is_drained = true;
		if (atomic_fetch_add_explicit(&program->drained, 1, memory_order_acq_rel) + 1 == program->worker_count)
			loop_post(program->api_loop, &program->ended);
	}
	if (atomic_load_explicit(&program->drained, memory_order_acquire) == program->worker_count)
		loop_stop(loop);
	else
		loop_timer_start(loop, &worker->drain_timer, DRAIN_LOOK_MS);
}

static void on_end(void *arg)
{
	struct program_worker *worker = arg;

	signalling_drain(worker->signalling);
	worker->drain_until_ms = loop_now_ms(worker->loop) + DRAIN_MS;
	on_drain(worker);
}

static void on_signal(void *arg, int number)
{
	struct program *program = arg;

	if (number == SIGHUP) {
		if (log_reopen() != 0)
			log_error("app", "the log file cannot be opened anew: %s", strerror(errno));
		else
			log_info("app", "log reopened");
		reload_start(&program->reload);
		return;
	}
	log_info("app", "ending on signal %d", number);
	for (unsigned i = 0; i < program->worker_count; i++)
		loop_post(program->workers[i].loop, &program->workers[i].end);
}

static int start_signals(struct program *program)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	int error;

	signal(SIGPIPE, SIG_IGN);
	error = loop_signals_init(program->api_loop, &program->signals, numbers, ARRAY_LEN(numbers), on_signal,
				  program);
	return error ? fail(program, error, NULL) : 0;
}

static void stop_signals(struct program *program)
{
	loop_signals_fini(&program->signals);
}

static void count_records(struct program *program)
{
	struct cdr_status status;

	cdr_tick(program->cdr, loop_wall_ms(program->workers[0].loop));
	cdr_status(program->cdr, &status);
	metrics_set(&program->metrics, METRIC_CDR_WRITTEN, status.written);
	metrics_set(&program->metrics, METRIC_CDR_LOST, status.lost);
	metrics_set(&program->metrics, METRIC_CDR_QUEUED, status.queued);
	metrics_set(&program->metrics, METRIC_ERROR_CDR, status.failed);
}

static void on_count(void *arg)
{
	struct program_worker *worker = arg;

	signalling_count(worker->signalling);
	if (worker == &worker->program->workers[0] && worker->program->cdr)
		count_records(worker->program);
	loop_timer_start(worker->loop, &worker->count_timer, COUNT_EVERY_MS);
}

static void *run_signalling(void *arg)
{
	struct program_worker *worker = arg;

	on_count(worker);
	loop_run(worker->loop);
	return NULL;
}

static int start_reload(struct program *program)
{
	struct reload *reload = &program->reload;

	reload->path = program->options.config_path;
	reload->is_level_fixed = program->options.log_level != NULL;
	reload->port = program->options.port;
	reload->first = program->conf;
	reload->signalling = program->workers[0].signalling;
	reload->api = program->api;
	reload->tls = program->tls;
	reload->provision = program->provision;
	reload->text = program->text;
	program->text = NULL;
	reload->signalling_loop = program->workers[0].loop;
	reload->api_loop = program->api_loop;
	reload_init(reload);
	if (program->provision)
		provisioning_connect(program->provision, program->store, program->api_loop, reload);
	return 0;
}

static void stop_reload(struct program *program)
{
	reload_stop(&program->reload);
}

static void join_threads(struct program *program)
{
	for (unsigned i = 0; i < program->worker_count; i++) {
		if (program->workers[i].is_running)
			pthread_join(program->workers[i].thread, NULL);
		program->workers[i].is_running = false;
	}
}

static int start_threads(struct program *program)
{
	loop_message_init(&program->ended, on_ended, program);
	for (unsigned i = 0; i < program->worker_count; i++) {
		struct program_worker *worker = &program->workers[i];

		loop_timer_init(&worker->count_timer, on_count, worker);
		loop_timer_init(&worker->drain_timer, on_drain, worker);
		loop_message_init(&worker->end, on_end, worker);
	}
	for (unsigned i = 0; i < program->worker_count; i++) {
		struct program_worker *worker = &program->workers[i];

		if (pthread_create(&worker->thread, NULL, run_signalling, worker) != 0) {
			for (unsigned k = 0; k < i; k++)
				loop_stop(program->workers[k].loop);
			join_threads(program);
			return fail(program, ERR_NOMEM, "the signalling threads cannot be started");
		}
		worker->is_running = true;
	}
	return 0;
}

/* A heap for each thread grows and shrinks by the page, with a system call and a page fault each: three of them a call.
 * One heap a worker that keeps what it has got asks the kernel next to never; the API's thread rarely contends for it. */
static int start_heap(struct program *program)
{
	enum { STEP = 4 << 20, KEPT = 64 << 20 };
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	program->worker_count = conf_signalling_workers(program->conf, (uint32_t)MAX(cores, 1));

	/* A wish: other allocators know nothing of it. */
	(void)mallopt(M_ARENA_MAX, (int)program->worker_count);
	(void)mallopt(M_TOP_PAD, STEP);
	(void)mallopt(M_TRIM_THRESHOLD, KEPT);
	return 0;
}

/* Start order; stopped in reverse. The threads are joined before anything is stopped. */
static const struct part {
	const char *name;
	int (*start)(struct program *program);
	void (*stop)(struct program *program);
} parts[] = {
	{"heap", start_heap, NULL},         {"log", start_log, NULL},
	{"loops", start_loops, stop_loops}, {"signals", start_signals, stop_signals},
	{"store", start_store, stop_store}, {"provision", start_provision, NULL},
	{"cdr", start_cdr, stop_cdr},       {"signalling", start_signalling, stop_signalling},
	{"tls", start_tls, stop_tls},       {"transport", start_transport, stop_transport},
	{"api", start_api, stop_api},       {"reload", start_reload, stop_reload},
	{"threads", start_threads, NULL},
};

static void announce(const struct program *program)
{
	char sip[NET_ENDPOINT_TEXT] = "-", api[NET_ENDPOINT_TEXT], metrics[NET_ENDPOINT_TEXT];
	struct net_endpoint api_at = api_endpoint(program->api), metrics_at = api_metrics_endpoint(program->api);
	const struct transport_listen *listen;

	for (size_t i = 0; (listen = transport_listener(program->workers[0].transport, i)); i++)
		log_info("app", "SIP on %s %s", transport_kind_name(listen->kind),
			 net_endpoint_print(&listen->endpoint, sip));
	log_info("app", "voxlane-controlplane " VOXLANE_VERSION " ready: API on %s, metrics on %s",
		 net_endpoint_print(&api_at, api), net_endpoint_print(&metrics_at, metrics));
	if (program->worker_count > 1)
		log_info("app", "%u signalling workers", program->worker_count);
	notify("READY=1");
}

static int run(struct program *program)
{
	size_t started = 0;
	int error = 0;

	while (started < ARRAY_LEN(parts) && (error = parts[started].start(program)) == 0)
		started++;
	if (error == 0) {
		announce(program);
		loop_run(program->api_loop);
		notify("STOPPING=1");
		join_threads(program);
	} else {
		fprintf(stderr, "voxlane-controlplane: %s\n", program->problem);
	}
	while (started-- > 0)
		if (parts[started].stop)
			parts[started].stop(program);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The certificates too: they are what goes wrong by itself. */
static int check(struct program *program)
{
	struct tls_problem problem;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (app_tls_new(program->conf, (uint64_t)now.tv_sec * 1000, &program->tls, &problem) != 0) {
		fprintf(stderr, "voxlane-controlplane: %s\n", problem.text);
		return EXIT_FAILURE;
	}
	stop_tls(program);
	printf("%s: the configuration is good\n", program->options.config_path);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct options_program self = {"voxlane-controlplane", VOXLANE_VERSION, .has_port = true,
					     .output = stdout, .errors = stderr};
	static struct program program;
	struct conf_problem problem;
	enum options_outcome outcome;
	int status;

	outcome = options_parse(&self, argc, argv, &program.options);
	if (outcome != OPTIONS_RUN)
		return outcome == OPTIONS_TOLD ? EXIT_SUCCESS : EXIT_FAILURE;
	if (conf_read_text(program.options.config_path, &program.text, &problem) != 0 ||
	    conf_load_text(program.options.config_path, program.text, &program.conf, &problem) != 0) {
		fprintf(stderr, "voxlane-controlplane: %s\n", problem.text);
		return EXIT_FAILURE;
	}
	if (program.options.port)
		program.conf->sip.listen_port = program.options.port;
	status = program.options.is_check ? check(&program) : run(&program);
	reload_fini(&program.reload);
	conf_free(program.conf);
	conf_free(program.file_conf);
	free(program.text);
	log_fini();
	return status;
}
