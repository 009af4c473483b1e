/* voxctl: its commands, as a table, and its arguments. */
#include "tools/voxctl/voxctl.h"

#include <getopt.h>
#include <stdlib.h>

struct options {
	struct voxctl_server server;
	bool is_json;
	uint32_t limit;
	const char *argument; /* NULL: none was given */
	const char *from;     /* of route; NULL: nobody known */
	char **arguments;     /* all of them */
	int argument_count;
	struct voxctl_trace trace;
	struct voxctl_cdr cdr;
};

struct command {
	/* argument NULL: it has none; in brackets: it may be left out; with dots: several */
	const char *name, *argument;
	const char *help;
	enum voxctl_exit (*run)(const struct command *command, const struct options *options);
	/* for lists */
	const char *path, *list, *empty;
	const struct voxctl_column *columns;
	size_t column_count;
};

/* ---- lists ---- */

static enum voxctl_exit run_list(const struct command *command, const struct options *options)
{
	struct voxctl_reply reply;
	enum voxctl_exit result;
	char path[128];
	struct text text;
	json_t *rows, *total;

	text_init(&text, path, sizeof(path));
	text_printf(&text, "%s", command->path);
	if (options->limit > 0)
		text_printf(&text, "?limit=%u", options->limit);
	result = voxctl_fetch(&options->server, "GET", path, 0, &reply);
	rows = json_object_get(reply.json, command->list);
	total = json_object_get(reply.json, "total");
	if (result == VOXCTL_DONE && options->is_json)
		puts(reply.body);
	else if (result == VOXCTL_DONE && json_array_size(rows) == 0)
		puts(command->empty);
	else if (result == VOXCTL_DONE)
		voxctl_table(stdout, rows, command->columns, command->column_count);
	if (result == VOXCTL_DONE && options->limit > 0 && json_is_integer(total) &&
	    json_integer_value(total) > (json_int_t)json_array_size(rows))
		fprintf(stderr, "%zu of %" JSON_INTEGER_FORMAT " shown; --limit N shows up to 1000\n",
			json_array_size(rows), json_integer_value(total));
	voxctl_reply_free(&reply);
	return result;
}

static const struct voxctl_column call_columns[] = {
	{"CALL", "call_id", false},       {"CALLER", "caller", false},   {"CALLEE", "callee", false},
	{"STATE", "state", false},        {"SECONDS", "duration", true}, {"CODEC", "legs.0.codec", false},
	{"CODEC", "legs.1.codec", false},
};
static const struct voxctl_column registration_columns[] = {
	{"USER", "address_of_record", false}, {"CONTACT", "contact", false},      {"SOURCE", "source", false},
	{"TRANSPORT", "transport", false},    {"EXPIRES IN", "expires_in", true}, {"USER AGENT", "user_agent", false},
};
static const struct voxctl_column stream_columns[] = {
	{"STREAM", "stream", false},
	{"CALL", "call_id", false},
	{"LOCAL", "local", false},
	{"REMOTE", "remote", false},
	{"LATCHED", "latched", false},
	{"IN", "counters.packets_in", true},
	{"OUT", "counters.packets_out", true},
	{"LOST", "counters.lost", true},
	{"JITTER MS", "counters.jitter_ms", true},
	{"MOS", "quality.mos", true},
	{"SILENT MS", "silent_ms", true},
};
static const struct voxctl_column stage_columns[] = {
	{"STAGE", "stage", false},
	{"CYCLES/PACKET", "cycles_per_packet", true},
	{"PACKETS", "packets", true},
	{"WHAT", "help", false},
};

static const struct voxctl_column drop_columns[] = {
	{"REASON", "reason", false},
	{"PACKETS", "packets", true},
	{"WHAT", "help", false},
};
static const struct voxctl_column cdr_columns[] = {
	{"END", "end_time", false},         {"CALLER", "caller", false},
	{"CALLEE", "callee", false},        {"DISPOSITION", "disposition", false},
	{"SECONDS", "duration", true},      {"TALK", "talk_duration", true},
	{"ENDED BY", "hangup_side", false}, {"CAUSE", "cause.text", false},
	{"CALL", "call_id", false},
};

static const struct voxctl_column extension_columns[] = {
	{"NUMBER", "number", false},   {"NAME", "name", false},     {"CONTEXT", "context", false},
	{"MAX", "max_contacts", true}, {"SOURCE", "source", false}, {"WHERE", "where", false},
};
static const struct voxctl_column route_columns[] = {
	{"ROUTE", "route", false},   {"CONTEXT", "context", false}, {"PATTERN", "pattern", false},
	{"ACTION", "action", false}, {"TARGET", "target", false},   {"SOURCE", "source", false},
	{"WHERE", "where", false},
};

static enum voxctl_exit run_set(const struct command *command, const struct options *options)
{
	return voxctl_set(&options->server, options->arguments, options->argument_count, options->is_json);
}

static enum voxctl_exit run_delete(const struct command *command, const struct options *options)
{
	return voxctl_delete(&options->server, options->arguments, options->argument_count);
}

/* ---- status ---- */

static void print_line(json_t *node, const char *title, const char *path)
{
	char value[256];

	voxctl_value(node, path, value, sizeof(value));
	printf("%-16s %s\n", title, value);
}

static void print_status(json_t *node, json_t *stats, json_t *ready)
{
	static const struct voxctl_column worker_columns[] = {
		{"WORKER", "worker", true},           {"STREAMS", "streams", true},
		{"RX PACKETS", "rx_packets", true},   {"TX PACKETS", "tx_packets", true},
		{"RTP RELAYED", "rtp_relayed", true}, {"TURNS", "turns", true},
		{"BUSY TURNS", "turns_busy", true},
	};
	json_t *workers = json_object_get(json_object_get(node, "media_engine"), "workers");

	print_line(node, "node", "node");
	print_line(node, "version", "version");
	print_line(node, "up since", "started_time");
	print_line(ready, "ready", "ready");
	print_line(ready, "SIP server", "components.sip_server");
	print_line(ready, "media engine", "components.media_engine");
	if (!json_is_true(json_object_get(ready, "ready")))
		print_line(node, "  because", "media_engine.reason");
	print_line(stats, "active calls", "active_calls");
	print_line(stats, "total calls", "total_calls");
	print_line(stats, "registrations", "registrations");
	print_line(stats, "streams", "streams");
	print_line(stats, "packets in", "media_packets_in");
	print_line(stats, "packets out", "media_packets_out");
	print_line(stats, "packets dropped", "media_packets_dropped");
	print_line(node, "CDRs written", "cdr.written");
	print_line(node, "CDRs waiting", "cdr.queued");
	if (json_array_size(workers) > 0) {
		putchar('\n');
		voxctl_table(stdout, workers, worker_columns, ARRAY_LEN(worker_columns));
	}
}

/* One document of all three. */
static void print_status_json(json_t *node, json_t *stats, json_t *ready)
{
	char *text = document_dump(json_pack("{s:O, s:O, s:O}", "ready", ready, "stats", stats, "node", node));

	puts(text ? text : "{}");
	free(text);
}

static enum voxctl_exit run_status(const struct command *command, const struct options *options)
{
	static const char *const paths[] = {"/ready", "/api/stats", "/api/v1/node"};
	struct voxctl_reply replies[ARRAY_LEN(paths)] = {{0}};
	enum voxctl_exit result = VOXCTL_DONE;

	for (size_t i = 0; i < ARRAY_LEN(paths) && result == VOXCTL_DONE; i++)
		result = voxctl_fetch(&options->server, "GET", paths[i], i == 0 ? 503 : 0, &replies[i]);
	if (result == VOXCTL_DONE) {
		if (options->is_json)
			print_status_json(replies[2].json, replies[1].json, replies[0].json);
		else
			print_status(replies[2].json, replies[1].json, replies[0].json);
		if (!json_is_true(json_object_get(replies[0].json, "ready")))
			result = VOXCTL_NOT_READY;
	}
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		voxctl_reply_free(&replies[i]);
	return result;
}

/* ---- hangup ---- */

static enum voxctl_exit run_hangup(const struct command *command, const struct options *options)
{
	char *id = voxctl_encode(options->argument);
	struct voxctl_reply reply;
	enum voxctl_exit result;
	char path[512];
	struct text text;

	if (!id)
		return VOXCTL_REFUSED;
	text_init(&text, path, sizeof(path));
	text_printf(&text, "%s/%s", command->path, id);
	free(id);
	if (text.overflow) {
		fprintf(stderr, "voxctl: this is too long for the id of a call\n");
		return VOXCTL_USAGE;
	}
	result = voxctl_fetch(&options->server, "DELETE", path, 0, &reply);
	if (result == VOXCTL_DONE)
		puts(options->is_json ? reply.body : "the call ends");
	voxctl_reply_free(&reply);
	return result;
}

/* ---- commands and arguments ---- */

static enum voxctl_exit run_history(const struct command *command, const struct options *options)
{
	return voxctl_history(&options->server, options->argument, options->is_json);
}

static enum voxctl_exit run_trace(const struct command *command, const struct options *options)
{
	struct voxctl_trace trace = options->trace;

	trace.word = options->argument;
	return voxctl_trace(&options->server, &trace, options->is_json);
}

/* Without a question: the last ones, which need no database. */
static enum voxctl_exit run_cdr(const struct command *command, const struct options *options)
{
	if (!voxctl_cdr_is_asked(&options->cdr))
		return run_list(command, options);
	return voxctl_cdr(&options->server, &options->cdr, options->limit, options->is_json, cdr_columns,
			  ARRAY_LEN(cdr_columns));
}

static enum voxctl_exit run_route(const struct command *command, const struct options *options)
{
	return voxctl_route(&options->server, options->argument, options->from, options->is_json);
}

static enum voxctl_exit run_trunks(const struct command *command, const struct options *options)
{
	return voxctl_trunks(&options->server, options->limit, options->is_json);
}

#define LIST(path, list, empty, columns) run_list, path, list, empty, columns, ARRAY_LEN(columns)
static const struct command commands[] = {
	{"status", NULL, "what runs, whether it is ready, and the figures of this moment", run_status},
	{"calls", NULL, "calls that exist now", LIST("/api/v1/calls", "calls", "no calls", call_columns)},
	{"registrations", NULL, "phones that are registered now",
	 LIST("/api/v1/registrations", "registrations", "no phone is registered", registration_columns)},
	{"streams", NULL, "media streams of the engine",
	 LIST("/api/v1/streams", "streams", "no streams", stream_columns)},
	{"drops", NULL, "packets that the engine dropped, by reason",
	 LIST("/api/v1/drops", "drops", "no reasons", drop_columns)},
	{"stages", NULL, "what each stage of the packet path costs",
	 LIST("/api/v1/stages", "stages", "no stages", stage_columns)},
	{"cdr", NULL, "the last call detail records, or those of --number, --from, --to, --disposition, --cause",
	 run_cdr, "/api/cdr/recent", "records", "no calls have ended yet", cdr_columns, ARRAY_LEN(cdr_columns)},
	{"trunks", NULL, "carriers: registration, health, and the addresses of each", run_trunks},
	{"route", "NUMBER", "where a call to it would go and why; --from an extension or trunk", run_route},
	{"extensions", NULL, "accounts of phones, of the file and of the database",
	 LIST("/api/v1/extensions", "extensions", "no extensions", extension_columns)},
	{"routes", NULL, "the dial plan", LIST("/api/v1/routes", "routes", "no routes", route_columns)},
	{"set", "WHAT...", "create or change: set extensions 3000 password=... name=Carol (or trunks, routes)",
	 run_set},
	{"delete", "WHAT...", "delete what was set: delete extensions 3000", run_delete},
	{"hangup", "CALL", "end a call (its id stands in `voxctl calls`)", run_hangup, "/api/v1/calls"},
	{"history", "CALL", "what the state machines of a call and its legs did last", run_history},
	{"trace", "[on|off]", "the SIP traffic log: all, or --peer, --call, --extension", run_trace},
};

static void print_help(FILE *to)
{
	fprintf(to, "usage: voxctl [options] COMMAND\n\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		int taken = fprintf(to, "  %s %s", commands[i].name, commands[i].argument ? commands[i].argument : "");

		fprintf(to, "%*s%s\n", MAX(18 - taken, 1), "", commands[i].help);
	}
	fprintf(to, "\n"
		    "  --limit N       rows at most, 1 to 1000 (calls, registrations, streams: 100; cdr: 10)\n"
		    "  --peer P        trace on: only with this address or prefix\n"
		    "  --call ID       trace on: only both legs of this call (or of this SIP Call-ID)\n"
		    "  --extension N   trace on: only from or to this extension\n"
		    "  --number N      cdr: caller, callee or transferred to; 10* : all that begin so\n"
		    "  --from N        route: the extension or trunk that calls\n"
		    "  --from T --to T cdr: ended then or later, before then: 2026-11-21, 2026-11-21T14:00:00Z\n"
		    "  --disposition D cdr: ANSWERED, BUSY, NO_ANSWER, CANCELLED, REJECTED, FAILED\n"
		    "  --cause C       cdr: user_busy and the like, or a SIP status\n"
		    "  --csv           cdr: for spreadsheets; with --all every page\n"
		    "  --all           cdr: all pages\n"
		    "  --json          what the API answered, for programs\n"
		    "  --url URL       the API; http://127.0.0.1:8080, or the variable VOXCTL_URL\n"
		    "  --token TOKEN   one of monitoring.tokens, or the variable VOXCTL_TOKEN (not seen in ps)\n"
		    "  --version --help\n\n"
		    "exit codes: 0 done, 1 refused, 2 wrong usage, 3 not reachable, 4 status: not ready\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int refuse_usage(const char *what, const char *which)
{
	fprintf(stderr, "voxctl: %s%s%s; `voxctl --help` shows how\n", what, which ? " " : "", which ? which : "");
	return VOXCTL_USAGE;
}

static uint32_t default_limit(const struct command *command)
{
	if (command->run == run_cdr)
		return 10;
	if (command->run == run_trunks)
		return 100;
	if (command->columns == drop_columns || command->columns == stage_columns)
		return 0; /* all there are */
	return command->run == run_list ? 100 : 0;
}

/* 0, or the exit code plus one. */
static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{"limit", required_argument, NULL, 'l'},
		{"peer", required_argument, NULL, 'p'},
		{"call", required_argument, NULL, 'c'},
		{"extension", required_argument, NULL, 'e'},
		{"json", no_argument, NULL, 'j'},
		{"url", required_argument, NULL, 'u'},
		{"token", required_argument, NULL, 't'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{"number", required_argument, NULL, 'n'},
		{"from", required_argument, NULL, 'f'},
		{"to", required_argument, NULL, 'o'},
		{"cause", required_argument, NULL, 'a'},
		{"disposition", required_argument, NULL, 'd'},
		{"csv", no_argument, NULL, 's'},
		{"all", no_argument, NULL, 'A'},
		{NULL, 0, NULL, 0},
	};
	int name;

	while ((name = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		if (name == 'l' && (view_to_u32(view_of(optarg), 1000, &options->limit) < 0 || options->limit == 0))
			return refuse_usage("--limit must be 1 to 1000, not", optarg) + 1;
		if (name == 'p')
			options->trace.peer = optarg;
		if (name == 'c')
			options->trace.call = optarg;
		if (name == 'e')
			options->trace.extension = optarg;
		if (name == 'n')
			options->cdr.number = optarg;
		if (name == 'f')
			options->cdr.from = optarg;
		if (name == 'o')
			options->cdr.to = optarg;
		if (name == 'a')
			options->cdr.cause = optarg;
		if (name == 'd')
			options->cdr.disposition = optarg;
		options->cdr.is_csv |= name == 's';
		options->cdr.is_all |= name == 'A';
		if (name == 'j')
			options->is_json = true;
		if (name == 'u')
			options->server.url = optarg;
		if (name == 't')
			options->server.token = optarg;
		if (name == 'h')
			print_help(stdout);
		if (name == 'v')
			puts("voxctl " VOXLANE_VERSION);
		if (name == 'h' || name == 'v')
			return VOXCTL_DONE + 1;
		if (name == '?')
			return VOXCTL_USAGE + 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = {.server = {getenv("VOXCTL_URL"), getenv("VOXCTL_TOKEN")}};
	int exit_code = parse_options(argc, argv, &options);
	const struct command *command;
	char url[1024];
	struct view given;

	if (exit_code > 0)
		return exit_code - 1;
	if (optind == argc)
		return refuse_usage("no command", NULL);
	command = find_command(argv[optind]);
	if (!command)
		return refuse_usage("there is no command", argv[optind]);
	options.argument = argv[optind + 1];
	if (command->run != run_trace && (options.trace.peer || options.trace.call || options.trace.extension))
		return refuse_usage("--peer, --call and --extension are not known to", command->name);
	if (command->run == run_route) {
		options.from = options.cdr.from;
		options.cdr.from = NULL;
	}
	if (command->run != run_cdr && voxctl_cdr_is_asked(&options.cdr))
		return refuse_usage("--number, --from, --to, --disposition, --cause, --csv and --all are not known to",
				    command->name);
	options.arguments = argv + optind + 1;
	options.argument_count = argc - optind - 1;
	if ((argc - optind - 1 > (command->argument != NULL) &&
	     !(command->argument && strstr(command->argument, "..."))) ||
	    (argc - optind - 1 == 0 && command->argument && command->argument[0] != '['))
		return refuse_usage(command->argument ? "missing or too many arguments of" : "no argument is known to",
				    command->name);
	if (options.limit > 0 && default_limit(command) == 0)
		return refuse_usage("--limit is not known to", command->name);
	if (options.limit == 0)
		options.limit = default_limit(command);
	given = view_of(options.server.url ? options.server.url : "http://127.0.0.1:8080");
	while (given.size > 0 && given.at[given.size - 1] == '/')
		given.size--;
	if (view_copy(given, url, sizeof(url)) < 0)
		return refuse_usage("the URL is too long", NULL);
	options.server.url = url;
	return command->run(command, &options);
}
