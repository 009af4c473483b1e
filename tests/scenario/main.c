/* The program: scenario [-v] [--workers N] FILE. Prints "ok" and how much simulated time went by, or the failure with the messages so
 * far; exits with 0, or 1. */
#include "controlplane/auth/auth.h"
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

struct host host;
static char trace_buffer[1 << 20];

static const struct scenario_system *const systems[] = {&system_transaction, &system_signalling};

void scenario_fail(const char *format, ...)
{
	va_list args;

	if (host.can_resume && !host.is_in_loop)
		longjmp(host.resume, 1);
	fflush(stdout);
	fprintf(stderr, "%s", host.is_verbose ? "" : trace_buffer);
	if (host.step)
		fprintf(stderr, "%s:%u: %.*s\n", host.script.path, host.step->line, VIEW_ARG(host.step->text));
	else
		fprintf(stderr, "%s: outside its steps\n", host.script.path ? host.script.path : "");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	_Exit(1);
}

void scenario_trace(const char *format, ...)
{
	size_t from = host.trace.size;
	va_list args;

	text_printf(&host.trace, "%8llu  ", (unsigned long long)loop_now_ms(host.loop));
	va_start(args, format);
	text_vprintf(&host.trace, format, args);
	va_end(args);
	text_add_char(&host.trace, '\n');
	if (host.is_verbose)
		fputs(trace_buffer + from, stdout);
}

struct view scenario_option(const char *name, const char *otherwise)
{
	struct view rest = host.options;

	while (rest.size > 0) {
		struct view value = next_word(&rest), key = view_cut(&value, '=');

		if (view_is(key, name))
			return value.at ? value : VIEW_EMPTY;
	}
	return view_of(otherwise);
}

uint32_t scenario_option_u32(const char *name, uint32_t otherwise)
{
	struct view value = scenario_option(name, "");
	uint32_t number;

	if (value.size == 0)
		return otherwise;
	if (view_to_u32(value, UINT32_MAX, &number) < 0)
		scenario_fail("%s is no number", name);
	return number;
}

void scenario_system_new(struct view name)
{
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		if (view_is(name, systems[i]->name)) {
			host.system = systems[i]->create();
			host.kind = systems[i];
			if (!host.system)
				scenario_fail("the system cannot be made");
			return;
		}
	scenario_fail("there is no system \"%.*s\"", VIEW_ARG(name));
}

/* To the phone that listens there, or to nobody. */
static void deliver(const struct transport_flow *flow, struct view bytes)
{
	LIST_FOREACH (link, &host.phones) {
		struct phone *phone = LIST_ENTRY(link, struct phone, link);

		if (phone->flow.kind != flow->kind || !net_endpoint_is_equal(&phone->flow.local, &flow->local))
			continue;
		phone_receive(phone, bytes);
		return;
	}
	scenario_trace("(to nobody) %.*s", (int)view_find(bytes, '\r'), bytes.at);
}

/* Everything that is sent to no transport. */
static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
	bool was_in_system = host.is_in_system;

	host.is_in_system = false;
	deliver(flow, bytes);
	host.is_in_system = was_in_system;
}

void let_pass(uint64_t ms)
{
	host.is_in_system = host.is_in_loop = true;
	loop_sim_advance(host.loop, ms);
	host.is_in_system = host.is_in_loop = false;
}

void host_init(const char *path)
{
	list_init(&host.phones);
	list_init(&host.events);
	text_init(&host.trace, trace_buffer, sizeof(trace_buffer));
	if (net_endpoint_parse(VIEW("192.0.2.1:5060"), 5060, &host.server) < 0 ||
	    loop_new_sim(1, 1767225600000, &host.loop) < 0 ||
	    sim_network_new(host.loop, on_packet, NULL, &host.network) < 0)
		scenario_fail("out of memory");
	fake_dns_init(&host.names, host.loop);
	variable_set(VIEW("server"), VIEW("192.0.2.1"));
	script_read(&host.script, path);
}

/* Calls that are up would last for ever: nobody answers any more, so they are given as long as a timer may take. */
void host_let_end(void)
{
	sim_network_clear_rules(host.network);
	loop_sim_advance(host.loop, 200000);
}

void host_fini(void)
{
	struct list *link;

	if (host.kind)
		host.kind->destroy(host.system);
	while ((link = list_first(&host.phones)))
		phone_free(LIST_ENTRY(link, struct phone, link));
	events_free();
	fake_dns_fini(&host.names);
	sim_network_free(host.network);
	loop_free(host.loop);
	auth_free(host.auth);
	variables_clear();
	script_free(&host.script);
}

int main(int argument_count, char **arguments)
{
	bool without_memory = false;
	uint32_t worker_count = 1;
	int at = 1;

	for (; at < argument_count - 1; at++) {
		if (strcmp(arguments[at], "--without-memory") == 0)
			without_memory = true;
		else if (strcmp(arguments[at], "-v") == 0)
			host.is_verbose = true;
		else if (strcmp(arguments[at], "--workers") != 0 || ++at == argument_count - 1 ||
			 view_to_u32(view_of(arguments[at]), SCENARIO_WORKERS_MAX, &worker_count) != 0 ||
			 worker_count == 0)
			break;
	}
	if (at != argument_count - 1) {
		fprintf(stderr, "usage: scenario [-v] [--without-memory] [--workers N] FILE\n");
		return 2;
	}
	host.worker_count = worker_count;
	if (without_memory)
		return scenario_without_memory(arguments[argument_count - 1]);
	host_init(arguments[argument_count - 1]);
	scenario_run();
	printf("ok: %zu steps, %llu ms\n", host.script.count, (unsigned long long)loop_now_ms(host.loop));
	host_fini();
	return 0;
}
