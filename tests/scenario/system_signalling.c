/* A system under test: all of the signalling, as the program makes it: transactions, authentication, registrar, dial plan,
 * calls, media, records. The media engine is a fake_dataplane, at 192.0.2.1.
 *
 * The block of the line "system signalling" is the configuration; without one there are extensions 1000 (password test1000),
 * 2000 (test2000) and 3000 (test3000), who can call each other, and the echo 7777. A line "extensions" stands for these, a
 * line "accounts" for the extensions without the dial plan; what follows "media" is put into that group.
 * do streams         an event for each stream: "PORT to ADDRESS from PORT|none FLAGS"; FLAGS of receive, send, and
 *                    CODEC:TYPE@RATE when it is converted, "SUITE in KEY
 *                    out KEY" (the first bytes of keys) with SRTP; then "streams N"
 * do silent PORT     that stream heard nothing for its time-out
 * do digit PORT 5     that stream's peer pressed a key; what is said to one is an event "digit 5 MS to PORT"
 * do latch PORT ENDPOINT   that stream learned its peer's address
 * do refuse limit     the engine refuses the next stream or change; or exists, invalid
 * do engine dies     the media engine is killed; lives: there is a new one; hangs: it does nothing; moves: it does again
 * do calls           an event for each call: "CALLER to CALLEE STATE"; then "calls N"
 * do record          the newest call detail record as an event: its JSON line
 * do subscriptions   an event "subscriptions N"
 * do trunks          an event for each trunk: "NAME REGISTRATION, HEALTH, usable|not usable, N calls: LAST ERROR"
 * do route TO [FROM] where a call would go: an event for each line of the explanation
 * do targets         an event for each target of each trunk: "NAME udp ENDPOINT HEALTH[ registered]"; then "NAME known|asked|..."
 * do lag MS          the signalling loop is that far behind from now on
 * do drain           as SIGTERM does
 */
#include "controlplane/app/signalling.h"
#include "controlplane/call/call.h"
#include "controlplane/cdr/cdr.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/routing/routing.h"
#include "controlplane/subscription/subscription.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/trunk/trunk.h"
#include "controlplane/worker/worker.h"
#include "lib/codec/codec.h"
#include "lib/config/config.h"
#include "lib/dtmf/dtmf.h"
#include "lib/log/log.h"
#include "tests/scenario/fake_dataplane.h"
#include "tests/scenario/scenario.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct system {
	char folder[64];
	struct conf *conf;
	struct metrics metrics;
	struct cdr *cdr;
	struct fake_dataplane engine;
	/* Several workers on the one loop of the host; the network gives each message to the next of them in turn. */
	struct worker_group *group;
	struct signalling *workers[SCENARIO_WORKERS_MAX];
	struct transport *transports[SCENARIO_WORKERS_MAX];
};

static const char accounts[] = "extensions = ({ number = \"1000\"; password = \"test1000\"; },"
			       "{ number = \"2000\"; password = \"test2000\"; },"
			       "{ number = \"3000\"; password = \"test3000\"; });\n";
static const char plan[] = "dialplan: { routes = ({ pattern = \"_[1-3]XXX\"; action = \"extension\"; },"
			   "{ pattern = \"7777\"; action = \"echo\"; }); };\n";

static void load_conf(struct system *system)
{
	char text[65536];
	struct conf_problem problem;
	struct view block = host.step->block, line, rest = block, media = VIEW_EMPTY;
	struct text out;

	while (next_line(&rest, &line))
		if (take_word(&line, "media"))
			media = line;
	text_init(&out, text, sizeof(text));
	text_printf(&out, "media: { segment = \"%s\"; %.*s };\n", system->engine.path, VIEW_ARG(media));
	if (block.size == 0)
		text_printf(&out, "%s%s", accounts, plan);
	while (next_line(&block, &line)) {
		if (view_is(line, "extensions"))
			text_printf(&out, "%s%s", accounts, plan);
		else if (view_is(line, "accounts"))
			text_add_string(&out, accounts);
		else if (!view_has_prefix(line, "media "))
			text_add(&out, line);
		text_add_char(&out, '\n');
	}
	if (conf_load_text("scenario", text, &system->conf, &problem) < 0)
		scenario_fail("%s", problem.text);
}

static void open_records(struct system *system)
{
	struct cdr_options options = {.directory = system->folder, .filename_pattern = "cdr.jsonl"};
	struct cdr_problem problem;

	if (cdr_open(&options, loop_wall_ms(host.loop), &system->cdr, &problem) < 0)
		scenario_fail("%s", problem.text);
}

static void start_worker(struct system *system, unsigned index)
{
	struct signalling_options options = {.conf = system->conf,
					     .loop = host.loop,
					     .metrics = &system->metrics,
					     .cdr = system->cdr,
					     .worker = worker_group_get(system->group, index),
					     .first = system->workers[0],
					     .names = fake_dns_source(&host.names)};
	struct net_endpoint secure = {.address = host.server.address, .port = 5061};
	struct transport_options listens = {
		.listens = {{TRANSPORT_UDP, host.server}, {TRANSPORT_TCP, host.server}, {TRANSPORT_TLS, secure}},
		.listen_count = 3};
	struct signalling_problem problem;
	struct transport_receiver receiver;

	if (signalling_new(&options, &system->workers[index], &problem) < 0)
		scenario_fail("%s", problem.text);
	receiver = signalling_receiver(system->workers[index]);
	if (transport_new_sim(host.network, &listens, &receiver, &system->transports[index]) < 0 ||
	    signalling_start(system->workers[index], system->transports[index], &problem) < 0)
		scenario_fail("%s", problem.text);
}

static void start(struct system *system)
{
	if (worker_group_new(host.worker_count, &system->group) < 0)
		scenario_fail("out of memory");
	for (unsigned i = 0; i < host.worker_count; i++)
		start_worker(system, i);
}

static void show_digit(const struct fake_stream *stream, const struct shm_digit *digit)
{
	scenario_event("digit %c %u to %u", dtmf_character(digit->event), digit->duration_ms, stream->set.local_port);
}

static void start_engine(struct system *system)
{
	char address[NET_ADDRESS_TEXT];

	fake_dataplane_init(&system->engine, host.loop);
	system->engine.layout.client_count = host.worker_count;
	system->engine.on_digit = show_digit;
	system->engine.layout.streams_per_worker = FAKE_STREAMS_MAX / system->engine.layout.worker_count;
	net_address_print(&host.server.address, address);
	fake_dataplane_address(&system->engine, address, address, "scenario", SHM_SERVES_NETWORK)->port_end = 10999;
	fake_dataplane_start(&system->engine);
}

static void *create(void)
{
	struct system *system = calloc(1, sizeof(*system));

	if (!system)
		return NULL;
	log_level_set(host.is_verbose ? LOG_LEVEL_INFO : LOG_LEVEL_CRITICAL);
	snprintf(system->folder, sizeof(system->folder), "/tmp/voxlane-scenario-XXXXXX");
	if (!mkdtemp(system->folder))
		scenario_fail("no folder in /tmp");
	start_engine(system);
	load_conf(system);
	open_records(system);
	start(system);
	loop_sim_advance(host.loop, 1000); /* to find the engine */
	return system;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	return remove(path);
}

static void destroy(void *arg)
{
	struct system *system = arg;

	for (unsigned i = host.worker_count; i-- > 0;) {
		worker_set_transport(worker_group_get(system->group, i), NULL);
		transport_free(system->transports[i]);
		signalling_free(system->workers[i]);
	}
	fake_dataplane_fini(&system->engine);
	cdr_close(system->cdr);
	conf_free(system->conf);
	loop_turn(host.loop, 0); /* what the workers still had for each other */
	worker_group_free(system->group);
	nftw(system->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(system);
}

/* ---- do ---- */

#define KEY_START(key) (key).master[0], (key).master[1], (key).master[2], (key).master[3]

static void show_stream(struct fake_stream *stream, void *arg)
{
	const struct shm_stream_set *set = &stream->set;
	char to[NET_ENDPOINT_TEXT], from[16] = "none", audio[32] = "", srtp[80] = "";

	if (set->audio.codec)
		snprintf(audio, sizeof(audio), " %s:%u@%u", codec_name(set->audio.codec), set->audio.payload_type,
			 set->audio.rate_hz);
	if (set->source.generation != 0)
		snprintf(from, sizeof(from), "%u", fake_dataplane_port(arg, &set->source));
	if (set->flags & SHM_STREAM_SECURE)
		snprintf(srtp, sizeof(srtp), " %s in %02x%02x%02x%02x out %02x%02x%02x%02x",
			 secure_suites[set->key_in.suite].name, KEY_START(set->key_in), KEY_START(set->key_out));
	scenario_event("%u to %s from %s%s%s%s%s", set->local_port,
		       set->remote_rtp.address.family ? net_endpoint_print(&set->remote_rtp, to) : "nowhere", from,
		       set->flags & SHM_STREAM_RECEIVE ? " receive" : "", set->flags & SHM_STREAM_SEND ? " send" : "",
		       audio, srtp);
}

static void show_streams(struct system *system)
{
	fake_dataplane_walk(&system->engine, show_stream, &system->engine);
	scenario_event("streams %u", fake_dataplane_count(&system->engine));
}

static void show_call(const struct call_about *about, void *arg)
{
	scenario_event("%s to %s %s%s%s", about->caller, about->callee, about->state, about->transcoded[0] ? ", " : "",
		       about->transcoded);
}

static uint32_t count_calls(const struct system *system)
{
	uint32_t count = 0;

	for (unsigned i = 0; i < host.worker_count; i++)
		count += call_table_count(system->workers[i]->calls);
	return count;
}

static void show_calls(struct system *system)
{
	for (unsigned i = 0; i < host.worker_count; i++)
		call_table_walk(system->workers[i]->calls, show_call, NULL);
	scenario_event("calls %u", count_calls(system));
}

static void show_trunk(const struct trunk_about *about, void *arg)
{
	scenario_event("%s %s, %s, %susable, %u calls: %s", about->name, about->registration, about->health,
		       about->is_usable ? "" : "not ", about->calls,
		       about->last_error[0] ? about->last_error : "no error");
}

static void show_targets(const struct trunk_about *about, void *arg)
{
	for (size_t i = 0; i < about->target_count; i++) {
		char remote[NET_ENDPOINT_TEXT];

		scenario_event("%s %s %s %s%s", about->name, transport_kind_parameter(about->targets[i].kind),
			       net_endpoint_print(&about->targets[i].remote, remote), about->targets[i].health,
			       about->targets[i].is_registered ? " registered" : "");
	}
	scenario_event("%s %s", about->name, about->resolution);
}

static void explain(struct system *system, struct view rest)
{
	struct view to = next_word(&rest), from = next_word(&rest), lines;
	char buffer[4096], to_text[128], from_text[128];
	struct routing_decision decision;
	struct text out;

	if (view_copy(to, to_text, sizeof(to_text)) < 0 || view_copy(from, from_text, sizeof(from_text)) < 0)
		scenario_fail("too long");
	text_init(&out, buffer, sizeof(buffer));
	call_table_explain(system->workers[0]->calls, from_text, to_text, &out, &decision);
	lines = text_view(&out);
	while (lines.size > 0) {
		struct view line = view_cut(&lines, '\n');

		scenario_event("%.*s", VIEW_ARG(line));
	}
}

static void set_lag(struct view text)
{
	uint32_t lag_ms;

	if (view_to_u32(text, 60000, &lag_ms) != 0)
		scenario_fail("not a number of milliseconds");
	loop_sim_set_lag(host.loop, lag_ms);
}

static void show_record(void *arg, struct view line)
{
	scenario_event("%.*s", VIEW_ARG(line));
}

static struct fake_stream *stream_at(struct system *system, struct view text)
{
	struct fake_stream *stream = NULL;
	uint32_t port;

	if (view_to_u32(text, 65535, &port) == 0)
		stream = fake_dataplane_find(&system->engine, (uint16_t)port);
	if (!stream)
		scenario_fail("there is no such stream");
	return stream;
}

static void latch(struct system *system, struct view rest)
{
	struct fake_stream *stream = stream_at(system, next_word(&rest));
	char remote[NET_ENDPOINT_TEXT];

	if (view_copy(rest, remote, sizeof(remote)) < 0)
		scenario_fail("not an endpoint");
	fake_dataplane_latch(&system->engine, stream, remote);
}

static void refuse(struct system *system, struct view rest)
{
	static const struct {
		const char *name;
		int error;
	} rows[] = {{"limit", ERR_LIMIT}, {"exists", ERR_EXISTS}, {"invalid", ERR_INVALID}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (view_is(rest, rows[i].name))
			system->engine.refuse_next = rows[i].error;
	if (!system->engine.refuse_next)
		scenario_fail("no such error");
}

static void engine(struct system *system, struct view rest)
{
	bool is_running = system->engine.is_running;

	host.is_in_system = false; /* the engine is not */
	if (view_is(rest, "dies") && is_running)
		fake_dataplane_kill(&system->engine);
	else if (view_is(rest, "lives") && !is_running)
		fake_dataplane_start(&system->engine);
	else if ((view_is(rest, "hangs") || view_is(rest, "moves")) && is_running)
		system->engine.is_hung = view_is(rest, "hangs");
	else
		scenario_fail("the engine cannot do that now");
}

static bool command(void *arg, struct view line)
{
	struct system *system = arg;

	if (take_word(&line, "streams")) {
		show_streams(system);
	} else if (take_word(&line, "silent")) {
		fake_dataplane_silent(&system->engine, stream_at(system, line),
				      system->conf->media.rtp_timeout_s * 1000);
	} else if (take_word(&line, "digit")) {
		struct view port = view_cut(&line, ' ');
		struct shm_digit digit = {.event = (uint32_t)dtmf_event_of(line.size ? line.at[0] : 'x'),
					  .duration_ms = 120};

		fake_dataplane_digit(&system->engine, stream_at(system, port), &digit);
	} else if (take_word(&line, "latch")) {
		latch(system, line);
	} else if (take_word(&line, "refuse")) {
		refuse(system, line);
	} else if (take_word(&line, "engine")) {
		engine(system, line);
	} else if (take_word(&line, "calls")) {
		show_calls(system);
	} else if (take_word(&line, "record")) {
		if (cdr_recent(system->cdr, 1, show_record, NULL) == 0)
			scenario_event("no record");
	} else if (take_word(&line, "subscriptions")) {
		scenario_event("subscriptions %u", subscription_count(system->workers[0]->subscriptions));
	} else if (take_word(&line, "trunks")) {
		trunk_walk(system->workers[0]->trunks, show_trunk, NULL);
	} else if (take_word(&line, "route")) {
		explain(system, line);
	} else if (take_word(&line, "targets")) {
		trunk_walk(system->workers[0]->trunks, show_targets, NULL);
	} else if (take_word(&line, "lag")) {
		set_lag(line);
	} else if (take_word(&line, "drain")) {
		for (unsigned i = 0; i < host.worker_count; i++)
			signalling_drain(system->workers[i]);
	} else {
		return false;
	}
	return true;
}

static bool is_idle(void *arg, struct text *why)
{
	struct system *system = arg;
	uint32_t calls = count_calls(system), transactions = 0;
	size_t memory = 0;
	uint32_t streams = fake_dataplane_count(&system->engine);

	for (unsigned i = 0; i < host.worker_count; i++) {
		const struct transaction_stats *stats = transaction_stats(system->workers[i]->transactions);

		transactions += stats->transactions;
		memory += stats->memory;
	}
	text_printf(why, "%u calls, %u streams, %u transactions, %zu bytes of messages", calls, streams, transactions,
		    memory);
	return calls == 0 && streams == 0 && transactions == 0 && memory == 0;
}

const struct scenario_system system_signalling = {"signalling", create, destroy, command, is_idle};
