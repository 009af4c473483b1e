/* The steps: one function each, in one table. */
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

void settle(void)
{
	for (int i = 0; i < 8; i++)
		let_pass(0);
}

struct phone *phone_named(struct view name)
{
	struct phone *phone = phone_find(name);

	if (!phone)
		scenario_fail("no phone is called \"%.*s\"", VIEW_ARG(name));
	return phone;
}

static struct net_endpoint endpoint_of(struct view text)
{
	struct phone *phone = phone_find(text);
	struct net_endpoint endpoint;

	if (view_is(text, "server"))
		return host.server;
	if (phone)
		return phone->flow.local;
	if (net_endpoint_parse(text, 5060, &endpoint) < 0)
		scenario_fail("\"%.*s\" is neither a phone nor an address", VIEW_ARG(text));
	return endpoint;
}

/* ---- system, phone ---- */

static void step_system(struct view rest)
{
	struct view name = next_word(&rest);

	host.options = rest;
	scenario_system_new(name);
	settle();
}

static void copy_option(struct view rest, const char *name, char *buffer, size_t size)
{
	while (rest.size > 0) {
		struct view value = next_word(&rest), key = view_cut(&value, '=');

		if (view_is(key, name) && view_copy(value, buffer, size) < 0)
			scenario_fail("%s is too long", name);
	}
}

/* dns NAME SRV ... and the like: fake_dns.h */
static void step_dns(struct view rest)
{
	if (!fake_dns_do(&host.names, rest))
		scenario_fail("not a line of a name server");
}

/* phone A 192.0.2.10:5060 [tcp|tls] [user=1000] [password=x] [domain=example.org] */
static void step_phone(struct view rest)
{
	struct view name = next_word(&rest);
	struct net_endpoint endpoint = endpoint_of(next_word(&rest));
	enum transport_kind kind = take_word(&rest, "tcp")   ? TRANSPORT_TCP
				   : take_word(&rest, "tls") ? TRANSPORT_TLS
							     : TRANSPORT_UDP;
	struct phone *phone = phone_new(name, &endpoint, kind);

	copy_option(rest, "user", phone->user, sizeof(phone->user));
	copy_option(rest, "password", phone->password, sizeof(phone->password));
	copy_option(rest, "domain", phone->domain, sizeof(phone->domain));
}

/* close A: its connection is gone. */
static void step_close(struct view rest)
{
	sim_network_close(host.network, &phone_named(next_word(&rest))->flow);
	settle();
}

/* move A 192.0.2.10:40001: what it sends comes from there now, over a connection of its own. */
static void step_move(struct view rest)
{
	struct phone *phone = phone_named(next_word(&rest));

	phone->flow.local = endpoint_of(next_word(&rest));
}

/* ---- send ---- */

static struct call *take_call(struct phone *phone, struct view *rest, struct call *otherwise)
{
	if (take_word(rest, "in"))
		phone->current = phone_call(phone, next_word(rest));
	else
		phone->current = otherwise;
	return phone->current;
}

static void send_response(struct phone *phone, unsigned status, struct view rest)
{
	static char buffer[SIP_MESSAGE_MAX + 1];
	bool to_invite = false, to_other = false;
	struct view reason = VIEW_EMPTY, word;
	const struct sip_message *request;
	struct call *call = phone->current;
	struct text out;

	while (rest.size > 0) {
		if (take_word(&rest, "in")) {
			call = phone->current = phone_call(phone, next_word(&rest));
		} else if (take_word(&rest, "to")) {
			to_invite = take_word(&rest, "INVITE");
			to_other = !to_invite && next_word(&rest).size > 0;
		} else {
			word = next_word(&rest);
			reason = reason.size > 0 ? (struct view){reason.at, (size_t)(word.at + word.size - reason.at)}
						 : word;
		}
	}
	if (!call)
		scenario_fail("%s got no request yet", phone->name);
	request = to_other || (!to_invite && call->other_received) ? call->other_received : call->invite_received;
	if (!request)
		scenario_fail("%s got no request to answer in this call", phone->name);
	text_init(&out, buffer, sizeof(buffer));
	write_response(phone, call, request, status, reason, host.step->block, &out);
	if (request == call->other_received && status >= 200) {
		sip_message_free(call->other_received);
		call->other_received = NULL;
	}
	phone_send_bytes(phone, text_view(&out));
}

/* A URI begins a call of its own; REGISTER and OPTIONS keep theirs. */
static struct call *call_for(struct phone *phone, enum sip_method method, struct view uri, struct view *rest)
{
	char name[32];

	snprintf(name, sizeof(name), "%s", sip_method_name(method));
	if (method == SIP_METHOD_INVITE && uri.size > 0)
		snprintf(name, sizeof(name), "%u", phone->sequence + 1);
	if (uri.size > 0)
		return take_call(phone, rest, phone_call(phone, view_of(name)));
	return take_call(phone, rest, phone->current ? phone->current : phone_call(phone, view_of(name)));
}

/* send A INVITE [uri] [in call] | send A 180 [Reason words] [to INVITE] [in call] */
static void step_send(struct view rest)
{
	static char buffer[SIP_MESSAGE_MAX + 1];
	struct phone *phone = phone_named(next_word(&rest));
	struct view what = next_word(&rest), uri = VIEW_EMPTY, copy = rest;
	enum sip_method method = sip_method_parse(what);
	char expanded[2049];
	uint32_t status;
	struct text out;

	if (view_to_u32(what, 699, &status) == 0) {
		send_response(phone, status, rest);
		settle();
		return;
	}
	if (method == SIP_METHOD_OTHER)
		scenario_fail("\"%.*s\" is neither a method nor a status", VIEW_ARG(what));
	if (rest.size > 0 && !take_word(&copy, "in")) {
		text_init(&out, expanded, sizeof(expanded));
		expand(&out, next_word(&rest));
		uri = text_view(&out);
	}
	text_init(&out, buffer, sizeof(buffer));
	write_request(phone, call_for(phone, method, uri, &rest), method, uri, host.step->block, &out);
	phone_send_bytes(phone, text_view(&out));
	settle();
}

/* raw A, and the message as it is in the block; "." is an empty line */
static void step_raw(struct view rest)
{
	static char buffer[SIP_MESSAGE_MAX + 1];
	struct phone *phone = phone_named(next_word(&rest));
	struct view block = host.step->block, line;
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	while (next_line(&block, &line)) {
		if (!view_is(line, "."))
			expand(&out, line);
		text_add_string(&out, "\r\n");
	}
	phone_send_bytes(phone, text_view(&out));
	settle();
}

static void step_again(struct view rest)
{
	struct phone *phone = phone_named(next_word(&rest));
	char *copy;

	if (!phone->sent.at)
		scenario_fail("%s sent nothing yet", phone->name);
	copy = malloc(phone->sent.size);
	if (!copy)
		scenario_fail("out of memory");
	memcpy(copy, phone->sent.at, phone->sent.size);
	phone_send_bytes(phone, (struct view){copy, phone->sent.size});
	free(copy);
	settle();
}

/* ---- time, the network, the system ---- */

static void step_advance(struct view rest)
{
	let_pass(parse_ms(rest));
	settle();
}

/* lose|duplicate|delay TIME|refuse [from WHO] [to WHO] [skip N] [times N] */
static void add_rule(struct sim_rule rule, struct view rest)
{
	rule.times = UINT32_MAX;
	while (rest.size > 0) {
		uint32_t *number = take_word(&rest, "skip")    ? &rule.skip
				   : take_word(&rest, "times") ? &rule.times
							       : NULL;

		if (number) {
			if (view_to_u32(next_word(&rest), 1000000, number) < 0)
				scenario_fail("a number is missing");
		} else if (take_word(&rest, "from")) {
			rule.from = endpoint_of(next_word(&rest));
		} else if (take_word(&rest, "to")) {
			rule.to = endpoint_of(next_word(&rest));
		} else {
			scenario_fail("\"%.*s\" is not understood", VIEW_ARG(rest));
		}
	}
	if (sim_network_add_rule(host.network, &rule) < 0)
		scenario_fail("out of memory");
}

static void step_lose(struct view rest)
{
	add_rule((struct sim_rule){.copies = 0}, rest);
}

static void step_duplicate(struct view rest)
{
	add_rule((struct sim_rule){.copies = 2}, rest);
}

static void step_delay(struct view rest)
{
	uint32_t delay_ms = (uint32_t)parse_ms(next_word(&rest));

	add_rule((struct sim_rule){.copies = 1, .delay_ms = delay_ms}, rest);
}

static void step_refuse(struct view rest)
{
	add_rule((struct sim_rule){.is_send_error = true}, rest);
}

static void step_heal(struct view rest)
{
	sim_network_clear_rules(host.network);
}

static void step_do(struct view rest)
{
	bool is_known;
	char buffer[2048];
	struct text out;

	if (!host.kind)
		scenario_fail("there is no system yet");
	text_init(&out, buffer, sizeof(buffer));
	expand(&out, rest);
	scenario_trace("* %s", buffer);
	host.is_in_system = true;
	is_known = host.kind->command(host.system, text_view(&out));
	host.is_in_system = false;
	if (!is_known)
		scenario_fail("the system %s does not understand that", host.kind->name);
	settle();
}

static void step_set(struct view rest)
{
	char buffer[2048];
	struct view name = next_word(&rest);
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	expand(&out, rest);
	variable_set(name, text_view(&out));
}

/* ignore A 100: such messages are as if they never came */
static void step_ignore(struct view rest)
{
	struct phone *phone = phone_named(next_word(&rest));

	if (phone->ignored_count == ARRAY_LEN(phone->ignored) ||
	    view_copy(rest, phone->ignored[phone->ignored_count++], sizeof(phone->ignored[0])) < 0)
		scenario_fail("too much to ignore");
}

static void run_step(const struct step *step);

/* Steps made of steps: line number and failure are those of the one in the file. */
static void run_made(struct view block, const char *format, ...) PRINTF(2, 3);

static void run_made(struct view block, const char *format, ...)
{
	const struct step *outer = host.step;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	run_step(&(struct step){.line = outer->line, .text = view_of(text), .block = block});
	host.step = outer;
}

/* register A: with the challenge that comes */
/* The request, its 401, and the same with the digest; the block is that of both. */
static void ask_twice(struct phone *phone, const char *method, struct view rest)
{
	bool is_invite = strcmp(method, "INVITE") == 0;
	struct view block = host.step->block;
	char both[16384];
	struct text text;

	text_init(&text, both, sizeof(both));
	text_printf(&text, "digest\n%.*s", VIEW_ARG(block));
	run_made(block, "send %s %s %.*s", phone->name, method, VIEW_ARG(rest));
	run_made(VIEW_EMPTY, "expect %s 401", phone->name);
	if (is_invite)
		run_made(VIEW_EMPTY, "send %s ACK", phone->name);
	run_made(text_view(&text), "send %s %s", phone->name, method);
}

static void step_register(struct view rest)
{
	struct phone *phone = phone_named(next_word(&rest));
	char uri[160];

	snprintf(uri, sizeof(uri), "sip:%s", phone->domain);
	ask_twice(phone, "REGISTER", view_of(uri));
	run_made(VIEW_EMPTY, "expect %s 200", phone->name);
}

/* invite A sip:x@y [in call], message A sip:x@y [in call] */
static void step_invite(struct view rest)
{
	struct phone *phone = phone_named(next_word(&rest));

	ask_twice(phone, "INVITE", rest);
}

static void step_message(struct view rest)
{
	struct phone *phone = phone_named(next_word(&rest));

	ask_twice(phone, "MESSAGE", rest);
}

static const struct {
	const char *word;
	void (*run)(struct view rest);
} steps[] = {
	{"system", step_system},       {"phone", step_phone},     {"send", step_send}, {"raw", step_raw},
	{"again", step_again},         {"expect", step_expect},   {"lose", step_lose}, {"advance", step_advance},
	{"duplicate", step_duplicate}, {"delay", step_delay},     {"heal", step_heal}, {"refuse", step_refuse},
	{"ignore", step_ignore},       {"do", step_do},           {"set", step_set},   {"register", step_register},
	{"invite", step_invite},       {"message", step_message}, {"dns", step_dns},   {"close", step_close},
	{"move", step_move},
};

static void run_step(const struct step *step)
{
	struct view rest = step->text;

	host.step = step;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (take_word(&rest, steps[i].word)) {
			steps[i].run(rest);
			return;
		}
	scenario_fail("no step begins with that word");
}

void scenario_run(void)
{
	for (size_t i = 0; i < host.script.count; i++)
		run_step(&host.script.steps[i]);
	host.step = NULL;
	expect_nothing_anywhere();
}
