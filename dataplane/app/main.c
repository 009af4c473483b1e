/* voxlane-dataplane: starts the parts in the order of one array, is the manager's thread until a signal says stop, and ends the
 * parts in the reverse order. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <pthread.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sys/random.h>

#include "dataplane/app/dpdk_log.h"
#include "dataplane/manager/manager.h"
#include "dataplane/neighbour/neighbour.h"
#include "dataplane/port/port.h"
#include "dataplane/xdp/xdp.h"
#include "lib/config/config.h"
#include "lib/log/log.h"
#include "lib/options/options.h"
#include "lib/notify/notify.h"
#include "lib/shm/shm.h"

struct program {
	struct options options;
	struct conf *conf;
	struct port_plan plan;
	struct port_table ports;
	struct shm_segment segment;
	struct neighbour_table *neighbours;
	struct manager *manager;
	pthread_t signal_thread;
	atomic_bool stop;
	char problem[1024];
};

static int fail(struct program *program, int error, const char *text)
{
	snprintf(program->problem, sizeof(program->problem), "%s", text && text[0] ? text : error_text(error));
	return error;
}

/* ---- the parts ---- */

/* A broken invariant is told and survived: hundreds of calls are worth more than a core file. */
static void on_bug(const char *where, const char *what)
{
	log_critical("bug", "%s: %s", where, what);
}

static int start_log(struct program *program)
{
	const struct conf_logging *logging = &program->conf->logging;
	enum log_level level = logging->level;
	int error;

	if (program->options.log_level)
		(void)!log_level_parse(view_of(program->options.log_level), &level);
	error = log_init(level, logging->format, logging->output);
	if (error) {
		snprintf(program->problem, sizeof(program->problem), "%s: logging.output %s: %s", program->conf->path,
			 logging->output, strerror(errno));
		return error;
	}
	bug_hook = on_bug;
	bug_is_fatal = false;
	return 0;
}

static int start_plan(struct program *program)
{
	struct port_problem problem = {""};
	int error = port_plan(program->conf, log_is_on(LOG_LEVEL_DEBUG), &program->plan, &problem);

	return error ? fail(program, error, problem.text) : 0;
}

static void stop_plan(struct program *program)
{
	port_plan_fini(&program->plan);
}

/* Signals are blocked everywhere and taken by this thread, so that no poll loop is ever interrupted. */
static void fill_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
}

static void *wait_for_signals(void *arg)
{
	struct program *program = arg;
	sigset_t set;
	int number;

	fill_signals(&set);
	while (sigwait(&set, &number) == 0) {
		if (number != SIGHUP) {
			log_info("app", "ending on signal %d", number);
			atomic_store(&program->stop, true);
		} else if (log_reopen() != 0) {
			log_error("app", "the log file cannot be opened anew: %s", strerror(errno));
		} else {
			log_info("app", "log reopened");
		}
	}
	return NULL;
}

static int start_signals(struct program *program)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	fill_signals(&set);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
	    pthread_create(&program->signal_thread, NULL, wait_for_signals, program) != 0)
		return fail(program, ERR_NOMEM, "the thread for signals cannot be started");
	return 0;
}

static void stop_signals(struct program *program)
{
	pthread_cancel(program->signal_thread);
	pthread_join(program->signal_thread, NULL);
}

static int start_dpdk(struct program *program)
{
	int error = dpdk_log_init();

	xdp_talk(log_is_on(LOG_LEVEL_DEBUG));
	if (error)
		return fail(program, error, NULL);
	if (rte_eal_init(program->plan.argc, program->plan.argv) < 0) {
		snprintf(program->problem, sizeof(program->problem), "DPDK did not start: %s (%s)",
			 dpdk_log_last_error(), rte_strerror(rte_errno));
		dpdk_log_fini();
		return ERR_IO;
	}
	return 0;
}

static void stop_dpdk(struct program *program)
{
	rte_eal_cleanup();
	dpdk_log_fini();
}

static int start_ports(struct program *program)
{
	struct port_problem problem = {""};
	int error = port_start_all(program->conf, &program->plan, &program->ports, &problem);

	return error ? fail(program, error, problem.text) : 0;
}

static void stop_ports(struct program *program)
{
	port_stop_all(&program->ports);
}

static int start_segment(struct program *program)
{
	struct shm_address addresses[SHM_ADDRESSES_MAX];
	struct shm_refusal refusal = {""};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct shm_layout layout = {.worker_count = program->conf->dataplane.workers,
				    .client_count = conf_signalling_workers(program->conf, (uint32_t)MAX(cores, 1)),
				    .streams_per_worker = program->conf->dataplane.streams_per_worker,
				    .addresses = addresses,
				    .address_count = port_fill_addresses(&program->ports, addresses)};
	uint64_t seed;
	int error;

	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed) ||
	    getrandom(&layout.generation, sizeof(layout.generation), 0) != sizeof(layout.generation))
		return fail(program, ERR_IO, "the kernel gives no random numbers");
	layout.generation |= 1; /* never 0 */
	hash_seed_set(seed);
	error = shm_segment_create(program->conf->media.segment, &layout, &program->segment, &refusal);
	return error ? fail(program, error, refusal.text) : 0;
}

static void stop_segment(struct program *program)
{
	shm_segment_close(&program->segment, program->conf->media.segment);
}

/* A stream has two destinations, RTP's and RTCP's; an entry is memory only once it is used. */
static int start_neighbours(struct program *program)
{
	const struct conf_dataplane *conf = &program->conf->dataplane;
	int error = neighbour_new(&program->ports, conf->workers * conf->streams_per_worker * 2, &program->neighbours);

	return error ? fail(program, error, "the kernel's neighbour table cannot be followed") : 0;
}

static void stop_neighbours(struct program *program)
{
	neighbour_free(program->neighbours);
}

static int start_manager(struct program *program)
{
	int error =
		manager_new(program->conf, &program->ports, program->neighbours, &program->segment, &program->manager);

	if (error == ERR_NOMEM)
		return fail(program, error, "no memory for the streams; raise dataplane.memory_mb");
	return error ? fail(program, error, NULL) : 0;
}

static void stop_manager(struct program *program)
{
	manager_free(program->manager);
}

/* Start order; stopped in reverse. The plan comes before everything that costs time: most refusals are its own. */
static const struct part {
	const char *name;
	int (*start)(struct program *program);
	void (*stop)(struct program *program);
} parts[] = {
	{"log", start_log, NULL},
	{"plan", start_plan, stop_plan},
	{"signals", start_signals, stop_signals},
	{"dpdk", start_dpdk, stop_dpdk},
	{"ports", start_ports, stop_ports},
	{"segment", start_segment, stop_segment},
	{"neighbours", start_neighbours, stop_neighbours},
	{"manager", start_manager, stop_manager},
};

static void announce(const struct program *program)
{
	const struct conf_dataplane *conf = &program->conf->dataplane;

	for (unsigned w = 0; w < conf->workers; w++)
		log_info("app", "worker %u on CPU %d", w, program->plan.core_of_worker[w]);
	log_info("app",
		 "voxlane-dataplane " VOXLANE_VERSION
		 " ready: %u worker%s, %u streams each, main on CPU %d, %s, segment %s",
		 conf->workers, conf->workers == 1 ? "" : "s", conf->streams_per_worker, program->plan.main_core,
		 conf->huge_pages ? "huge pages" : "no huge pages", program->conf->media.segment);
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
		error = manager_run(program->manager, &program->stop);
		if (error)
			(void)fail(program, error, "a worker did not start");
		notify("STOPPING=1");
	}
	if (error)
		fprintf(stderr, "voxlane-dataplane: %s\n", program->problem);
	while (started-- > 0)
		if (parts[started].stop)
			parts[started].stop(program);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct options_program self = {"voxlane-dataplane", VOXLANE_VERSION, .output = stdout, .errors = stderr};
	static struct program program;
	struct conf_problem problem;
	enum options_outcome outcome;
	int status;

	outcome = options_parse(&self, argc, argv, &program.options);
	if (outcome != OPTIONS_RUN)
		return outcome == OPTIONS_TOLD ? EXIT_SUCCESS : EXIT_FAILURE;
	if (conf_load(program.options.config_path, &program.conf, &problem) != 0) {
		fprintf(stderr, "voxlane-dataplane: %s\n", problem.text);
		return EXIT_FAILURE;
	}
	if (program.options.is_check)
		printf("%s: the configuration is good\n", program.options.config_path);
	status = program.options.is_check ? EXIT_SUCCESS : run(&program);
	conf_free(program.conf);
	log_fini();
	return status;
}
