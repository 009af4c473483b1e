/* sip_load: reads its options, keeps the rate, tells what happened as one line of JSON. */
#include "bench/load/load.h"

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NS 20000000ull

static const char usage[] =
	"usage: sip_load --mode register|refresh|call [options]\n"
	"  register: each registration anew, challenged when the server wants a digest (two round trips)\n"
	"  refresh: registers each phone once, unmeasured; then refreshes with the nonce that it has (one round trip)\n"
	"  call: INVITE, 100, 180, 200, ACK, BYE, 200 through the server; phones must have been registered with the "
	"same\n"
	"        --first, --phones and --port\n"
	"  --server 127.0.0.1:5060  --port 7000 (callers; callees and registrations: the next one)\n"
	"  --rate N (a second)  --seconds N  --phones N  --first 100000 (number of the first extension)\n"
	"  --hold MS  --digest (callers have accounts; else they are guests)\n";

void load_time_add(struct load_times *times, uint64_t ns)
{
	times->count++;
	times->steps[MIN(ns / 10000, LOAD_TIME_STEPS - 1)]++;
}

double load_time_ms(const struct load_times *times, double quantile)
{
	uint64_t seen = 0, wanted = (uint64_t)((double)times->count * quantile);

	for (uint32_t i = 0; i < LOAD_TIME_STEPS; i++) {
		seen += times->steps[i];
		if (seen > wanted)
			return (i + 0.5) / 100;
	}
	return 0;
}

void load_wrong(struct load *load, const struct sip_message *message, const char *what)
{
	if (load->counts.wrong++ < 3)
		fprintf(stderr, "sip_load: %s\n%.*s\n", what, message ? (int)message->size : 0,
			message ? message->buffer : "");
}

bool load_take(struct view *rest, uint32_t *ret_number)
{
	return view_to_u32(view_cut(rest, '-'), UINT32_MAX, ret_number) == 0;
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct mode {
	const char *name;
	int (*make)(struct load *load);
	void (*begin)(struct load *load);
	void (*tick)(struct load *load);
	bool (*is_busy)(const struct load *load);
	void (*on_message[LOAD_SIDES])(struct load *load, const struct sip_message *message);
};

static const struct mode modes[] = {
	{"register", register_new, register_begin, register_tick, register_is_busy, {NULL, register_on_message}},
	{"refresh", register_new, register_begin, register_tick, register_is_busy, {NULL, register_on_message}},
	{"call", call_new, call_begin, call_tick, call_is_busy, {caller_on_message, callee_on_message}},
};

static void turn(struct load *load, const struct mode *mode, uint64_t *next_tick_ns)
{
	struct pollfd polls[LOAD_SIDES];
	struct timespec wait = {.tv_nsec = 1000000};

	for (int side = 0; side < LOAD_SIDES; side++) {
		wire_flush(load, load->wires[side]);
		polls[side] = (struct pollfd){.fd = wire_fd(load->wires[side]), .events = POLLIN};
	}
	if (ppoll(polls, LOAD_SIDES, &wait, NULL) < 0)
		return;
	load->now_ns = clock_ns();
	for (int side = 0; side < LOAD_SIDES; side++)
		if (polls[side].revents && mode->on_message[side])
			wire_receive(load, load->wires[side], mode->on_message[side]);
	if (load->now_ns >= *next_tick_ns) {
		mode->tick(load);
		*next_tick_ns = load->now_ns + TICK_NS;
	}
}

/* Begins `total` pieces of work at the rate, then waits for what is under way. Returns the seconds it took to begin. */
static double run(struct load *load, const struct mode *mode, double rate, uint64_t total)
{
	uint64_t from_ns = clock_ns(), next_tick_ns = from_ns + TICK_NS, asked = 0, ended_ns;

	load->now_ns = from_ns;
	while (asked < total) {
		uint64_t due = (uint64_t)((double)(load->now_ns - from_ns) / 1e9 * rate) + 1;

		for (; asked < MIN(due, total); asked++)
			mode->begin(load);
		turn(load, mode, &next_tick_ns);
	}
	ended_ns = load->now_ns;
	while (mode->is_busy(load) && load->now_ns < ended_ns + load->hold_ns + 2 * GIVE_UP_NS)
		turn(load, mode, &next_tick_ns);
	for (int side = 0; side < LOAD_SIDES; side++)
		wire_flush(load, load->wires[side]); /* the last answers are owed, too */
	return (double)(ended_ns - from_ns) / 1e9;
}

static void report(const struct load *load, const struct mode *mode, double rate, double seconds)
{
	printf("{\"mode\": \"%s\", \"rate\": %.0f, \"seconds\": %.3f", mode->name, rate, seconds);
#define X(name) printf(", \"" #name "\": %llu", (unsigned long long)load->counts.name);
	LOAD_COUNT_LIST(X)
#undef X
	printf(", \"setup_p50_ms\": %.3f, \"setup_p99_ms\": %.3f, \"answer_p50_ms\": %.3f, \"answer_p99_ms\": %.3f, "
	       "\"statuses\": {",
	       load_time_ms(&load->setup, 0.5), load_time_ms(&load->setup, 0.99), load_time_ms(&load->answer, 0.5),
	       load_time_ms(&load->answer, 0.99));
	for (unsigned status = 0, count = 0; status < ARRAY_LEN(load->statuses); status++)
		if (load->statuses[status])
			printf("%s\"%u\": %llu", count++ ? ", " : "", status,
			       (unsigned long long)load->statuses[status]);
	puts("}}");
}

static int start(struct load *load, const struct mode *mode)
{
	static const struct auth_options options = {.realm = "load", .algorithms = {AUTH_MD5}, .algorithm_count = 1};
	static const uint8_t key[AUTH_KEY_SIZE];
	int error = auth_new(&options, NULL, 0, key, &load->auth);

	if (!error)
		error = wire_new(load, LOAD_CALLER);
	if (!error)
		error = wire_new(load, LOAD_CALLEE);
	return error ? error : mode->make(load);
}

static uint32_t number(const char *text, uint32_t max)
{
	uint32_t value;

	if (view_to_u32(view_of(text), max, &value)) {
		fprintf(stderr, "sip_load: %s is not a number up to %u\n", text, max);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"mode", 1, NULL, 'm'},    {"server", 1, NULL, 's'}, {"port", 1, NULL, 'p'},  {"rate", 1, NULL, 'r'},
		{"seconds", 1, NULL, 't'}, {"phones", 1, NULL, 'n'}, {"first", 1, NULL, 'f'}, {"hold", 1, NULL, 'h'},
		{"digest", 0, NULL, 'd'},  {NULL, 0, NULL, 0},
	};
	static struct load load = {.port = 7000, .first = 100000, .phones = 1000};
	const struct mode *mode = NULL;
	uint32_t rate = 100, seconds = 3;
	const char *server = "127.0.0.1:5060";
	double took;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'm')
			for (size_t i = 0; i < ARRAY_LEN(modes); i++)
				mode = strcmp(modes[i].name, optarg) == 0 ? &modes[i] : mode;
		else if (option == 's')
			server = optarg;
		else if (option == 'p')
			load.port = (uint16_t)number(optarg, 65534);
		else if (option == 'r')
			rate = number(optarg, 1000000);
		else if (option == 't')
			seconds = number(optarg, SECONDS_MAX);
		else if (option == 'n')
			load.phones = number(optarg, SLOTS_MAX);
		else if (option == 'f')
			load.first = number(optarg, 900000000);
		else if (option == 'h')
			load.hold_ns = number(optarg, 60000) * 1000000ull;
		else if (option == 'd')
			load.with_digest = true;
	}
	if (!mode || optind < argc || rate == 0 || load.phones == 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (net_endpoint_parse(view_of(server), 5060, &load.server) || !net_address_is_loopback(&load.server.address)) {
		fputs("sip_load: the server must be on loopback: this program is a flood\n", stderr);
		return 2;
	}
	snprintf(load.run, sizeof(load.run), "%llx", (unsigned long long)(clock_ns() & 0xffffffffffff));
	if (start(&load, mode)) {
		perror("sip_load: cannot start");
		return 1;
	}
	if (strcmp(mode->name, "register") == 0)
		load.with_digest = true; /* each challenge is forgotten after its answer */
	if (strcmp(mode->name, "refresh") == 0) {
		run(&load, mode, rate, load.phones);
		memset(&load.counts, 0, sizeof(load.counts));
		memset(&load.answer, 0, sizeof(load.answer));
		fputs("measuring\n", stderr);
	}
	took = run(&load, mode, rate, (uint64_t)rate * seconds);
	report(&load, mode, rate, took);
	return load.counts.complete == load.counts.begun && load.counts.wrong == 0 ? 0 : 1;
}
