/* The step "expect": what came, when, and whether it fits. */
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

struct event {
	struct list link;
	uint64_t at_ms;
	char text[];
};

void events_free(void)
{
	struct list *link;

	while ((link = list_first(&host.events))) {
		list_del(link);
		free(LIST_ENTRY(link, struct event, link));
	}
}

void scenario_event(const char *format, ...)
{
	char buffer[1024];
	struct event *event;
	bool was_in_system = host.is_in_system;
	va_list args;

	host.is_in_system = false;
	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	scenario_trace("* (%s)", buffer);
	event = malloc(sizeof(*event) + strlen(buffer) + 1);
	if (!event)
		scenario_fail("out of memory");
	event->at_ms = loop_now_ms(host.loop);
	memcpy(event->text, buffer, strlen(buffer) + 1);
	list_init(&event->link);
	list_add(&host.events, &event->link);
	host.is_in_system = was_in_system;
}

struct window {
	bool is_given;
	uint64_t from_ms, to_ms; /* of the clock */
};

/* Takes "within 0..500ms" or "within 500ms" off the end of *rest. */
static struct window take_window(struct view *rest)
{
	struct window window = {.from_ms = 0, .to_ms = loop_now_ms(host.loop)};

	for (size_t i = 0; i + 7 < rest->size; i++) {
		struct view span = view_sub(*rest, i, rest->size), from, to;

		if ((i > 0 && rest->at[i - 1] != ' ') || !take_word(&span, "within"))
			continue;
		for (size_t dot = 0; dot + 1 < span.size; dot++)
			if (span.at[dot] == '.' && span.at[dot + 1] == '.') {
				from = view_sub(span, 0, dot);
				to = view_sub(span, dot + 2, span.size);
				window = (struct window){true, loop_now_ms(host.loop) + parse_ms(from),
							 loop_now_ms(host.loop) + parse_ms(to)};
			}
		if (!window.is_given)
			window = (struct window){true, loop_now_ms(host.loop), loop_now_ms(host.loop) + parse_ms(span)};
		*rest = view_trim(view_sub(*rest, 0, i));
		return window;
	}
	return window;
}

/* Lets time pass until the list has something, or the window is over. */
static struct list *wait_for(struct list *list, const struct window *window)
{
	while (list_is_empty(list) && loop_now_ms(host.loop) < window->to_ms) {
		uint64_t step_ms = MIN(loop_sim_next_ms(host.loop), window->to_ms - loop_now_ms(host.loop));

		let_pass(MAX(step_ms, 1));
		settle();
	}
	return list_first(list);
}

static void check_time(const struct window *window, uint64_t at_ms, const char *who)
{
	if (window->is_given && (at_ms < window->from_ms || at_ms > window->to_ms))
		scenario_fail("%s got it at %llu ms; it was to come from %llu to %llu ms", who,
			      (unsigned long long)at_ms, (unsigned long long)window->from_ms,
			      (unsigned long long)window->to_ms);
}

/* One header line of the block: some value of that header must fit; "!Name" must not be there. */
static void check_header(const struct sip_message *message, struct view line)
{
	struct view pattern = line, name = view_trim(view_cut(&pattern, ':'));
	bool is_absent = line.at[0] == '!', is_there = false;

	if (is_absent)
		name = view_trim(view_sub(line, 1, line.size));
	else if (!pattern.at)
		scenario_fail("\"%.*s\" is no header pattern", VIEW_ARG(line));
	for (unsigned i = 0; i < message->header_count; i++) {
		if (!view_equal_nocase(sip_header_name_at(message, i), name))
			continue;
		is_there = true;
		if (!is_absent && matches(view_trim(pattern), sip_header_value_at(message, i)))
			return;
	}
	if (is_absent && !is_there)
		return;
	scenario_fail("the message has %s \"%.*s\":\n%.*s", is_absent ? "a header" : "no header that fits",
		      VIEW_ARG(line), (int)message->size, message->buffer);
}

/* Body lines in their order, others may stand between; "!pattern": no line fits. */
static void check_absent(const struct sip_message *message, struct view pattern)
{
	struct view rest = message->body;

	while (rest.size > 0)
		if (matches(pattern, view_trim(view_cut(&rest, '\n'))))
			scenario_fail("the body has a line that fits \"%.*s\":\n%.*s", VIEW_ARG(pattern),
				      (int)message->size, message->buffer);
}

static void check_body(const struct sip_message *message, struct view block)
{
	struct view rest = message->body, line;

	while (next_line(&block, &line)) {
		struct view pattern = view_sub(line, 1, line.size), text = VIEW_EMPTY;
		bool found = false;

		if (view_has_prefix(line, "!|"))
			check_absent(message, view_sub(line, 2, line.size));
		if (line.at[0] != '|')
			continue;
		while (!found && rest.size > 0) {
			text = view_trim(view_cut(&rest, '\n'));
			found = matches(pattern, text);
		}
		if (!found)
			scenario_fail("the body has no line (after those before it) that fits \"%.*s\":\n%.*s",
				      VIEW_ARG(pattern), (int)message->size, message->buffer);
	}
}

static void check_message(const struct phone *phone, const struct sip_message *message, struct view what,
			  struct view pattern)
{
	char status[8];
	struct view block = host.step->block, line, got = message->method_text;

	if (!message->is_request) {
		snprintf(status, sizeof(status), "%u", message->status);
		got = view_of(status);
	}
	if (!matches(what, got))
		scenario_fail("%s got %.*s instead:\n%.*s", phone->name, VIEW_ARG(got), (int)message->size,
			      message->buffer);
	got = message->is_request ? message->uri_text : message->reason;
	if (pattern.size > 0 && !matches(pattern, got))
		scenario_fail("%s got \"%.*s\", which does not fit", phone->name, VIEW_ARG(got));
	while (next_line(&block, &line))
		if (line.at[0] != '|')
			check_header(message, line);
	check_body(message, host.step->block);
}

static void expect_event(struct view rest)
{
	struct window window = take_window(&rest);
	struct list *link = wait_for(&host.events, &window);
	struct event *event = link ? LIST_ENTRY(link, struct event, link) : NULL;

	if (!event)
		scenario_fail("no such event came");
	check_time(&window, event->at_ms, "the system");
	if (!matches(rest, view_of(event->text)))
		scenario_fail("the event was \"%s\"", event->text);
	list_del(link);
	free(event);
}

static void expect_nothing(const struct phone *phone)
{
	struct received *received;

	if (list_is_empty(&phone->inbox))
		return;
	received = LIST_ENTRY(phone->inbox.next, struct received, link);
	scenario_fail("%s got something at %llu ms:\n%.*s", phone->name, (unsigned long long)received->at_ms,
		      (int)received->message->size, received->message->buffer);
}

void expect_nothing_anywhere(void)
{
	LIST_FOREACH (link, &host.phones)
		expect_nothing(LIST_ENTRY(link, struct phone, link));
	if (!list_is_empty(&host.events))
		scenario_fail("an event came: \"%s\"", LIST_ENTRY(host.events.next, struct event, link)->text);
}

static void expect_idle(void)
{
	char buffer[1024];
	struct text why;

	text_init(&why, buffer, sizeof(buffer));
	if (!host.kind->is_idle(host.system, &why))
		scenario_fail("the system is not idle: %s", buffer);
}

/* expect A INVITE|200 [uri or reason pattern] [in call] [within 0..500ms] */
void step_expect(struct view rest)
{
	struct window window;
	struct phone *phone;
	struct received *received;
	struct view what, pattern = VIEW_EMPTY;
	struct list *link;

	if (view_is(rest, "none")) {
		expect_nothing_anywhere();
		return;
	}
	if (view_is(rest, "idle")) {
		expect_idle();
		return;
	}
	if (take_word(&rest, "event")) {
		expect_event(rest);
		return;
	}
	phone = phone_named(next_word(&rest));
	if (view_is(rest, "none")) {
		expect_nothing(phone);
		return;
	}
	window = take_window(&rest);
	what = next_word(&rest);
	link = wait_for(&phone->inbox, &window);
	if (!link)
		scenario_fail("%s got nothing", phone->name);
	received = LIST_ENTRY(link, struct received, link);
	phone->current = NULL;
	LIST_FOREACH (it, &phone->calls)
		if (view_is(received->message->call_id, LIST_ENTRY(it, struct call, link)->call_id))
			phone->current = LIST_ENTRY(it, struct call, link);
	if (rest.size > 0 && !view_is(view_sub(rest, 0, 3), "in "))
		pattern = received->message->is_request ? next_word(&rest) : rest;
	if (take_word(&rest, "in") && view_copy(next_word(&rest), phone->current->name, 32) < 0)
		scenario_fail("the call's name is too long");
	check_time(&window, received->at_ms, phone->name);
	check_message(phone, received->message, what, pattern);
	list_del(link);
	sip_message_free(received->message);
	free(received);
}
