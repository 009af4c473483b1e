/* The dial plan: routes grouped by context, the most specific first, so that the first match is the decision.
 * The road: call asks here with the Request-URI's user; pattern.c answers for one pattern.
 */
#include "controlplane/routing/routing.h"

#include <stdio.h>
#include <stdlib.h>

struct route {
	struct routing_pattern pattern;
	char *text, *context, *where, *target, *prepend;
	enum routing_action action;
	uint32_t code, strip;
	bool is_emergency;
	struct routing_when *times; /* NULL: always */
	size_t time_count;
	size_t row; /* in the file */
};

/* routes[first..first+exact_count) are exact numbers in the order of strcmp, then come count - exact_count patterns. */
struct context {
	const char *name;
	size_t first, exact_count, count;
};

struct routing {
	struct route *routes;
	size_t route_count;
	struct context *contexts;
	size_t context_count;
	char *default_context;
};

static const char *const action_names[] = {
#define X(name, text) [name] = text,
	ROUTING_ACTION_LIST(X)
#undef X
};

const char *routing_action_name(enum routing_action action)
{
	return (unsigned)action < ROUTING_ACTION_COUNT ? action_names[action] : "?";
}

/* Context, then what is tried first, then the row in the file. */
static int route_compare(const void *pa, const void *pb)
{
	const struct route *a = pa, *b = pb;
	int order = strcmp(a->context, b->context);

	if (order == 0 && a->pattern.is_exact && b->pattern.is_exact)
		order = strcmp(a->text, b->text);
	else if (order == 0)
		order = routing_pattern_compare(&a->pattern, &b->pattern);
	if (order == 0)
		order = a->row < b->row ? -1 : 1;
	return order;
}

static bool is_same(const struct routing_pattern *a, const struct routing_pattern *b)
{
	return a->is_exact == b->is_exact && a->len == b->len && a->tail == b->tail &&
	       memcmp(a->places, b->places, sizeof(a->places)) == 0;
}

static int read_times(struct route *route, const struct conf_route *from, struct routing_problem *problem)
{
	if (from->times.len == 0)
		return 0;
	route->times = calloc(from->times.len, sizeof(*route->times));
	if (!route->times)
		return ERR_NOMEM;
	for (size_t i = 0; i < from->times.len; i++)
		if (routing_when_parse(view_of(from->times.at[i]), &route->times[route->time_count++]) != 0) {
			snprintf(problem->text, sizeof(problem->text),
				 "%s: \"%.64s\" is no time; write one such as \"Mon-Fri 08:00-18:00\"", from->where,
				 from->times.at[i]);
			return ERR_INVALID;
		}
	return 0;
}

static int route_init(struct route *route, const struct conf_route *from, struct routing_problem *problem)
{
	static const enum routing_action actions[] = {
		[CONF_ROUTE_EXTENSION] = ROUTING_EXTENSION,
		[CONF_ROUTE_ECHO] = ROUTING_ECHO,
		[CONF_ROUTE_REJECT] = ROUTING_REJECT,
		[CONF_ROUTE_TRUNK] = ROUTING_TRUNK,
	};
	const char *why = "";

	route->text = strdup(from->pattern);
	route->context = strdup(from->context);
	route->where = strdup(from->where);
	route->target = strdup(from->target);
	route->prepend = strdup(from->prepend);
	if (!route->text || !route->context || !route->where || !route->target || !route->prepend) {
		snprintf(problem->text, sizeof(problem->text), "%s: %s", from->where, error_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	if (routing_pattern_parse(view_of(from->pattern), &route->pattern, &why)) {
		snprintf(problem->text, sizeof(problem->text), "%s: pattern \"%.64s\": %s", from->where, from->pattern,
			 why);
		return ERR_INVALID;
	}
	if (from->action >= ARRAY_LEN(actions) || strlen(from->target) >= ROUTING_NUMBER_SIZE ||
	    strlen(from->prepend) >= ROUTING_NUMBER_SIZE) {
		snprintf(problem->text, sizeof(problem->text),
			 "%s: pattern \"%.64s\": its target or prepend is longer than %d characters", from->where,
			 from->pattern, ROUTING_NUMBER_SIZE - 1);
		return ERR_INVALID;
	}
	route->action = actions[from->action];
	route->code = from->code;
	route->strip = from->strip;
	route->is_emergency = from->emergency;
	return read_times(route, from, problem);
}

/* Equal patterns need not stand side by side (others as specific may stand between), so every pair that compares equal is
 * looked at; such runs are short. */
static int check_duplicates(const struct routing *routing, struct routing_problem *problem)
{
	for (size_t i = 0; i < routing->route_count; i++) {
		const struct route *a = &routing->routes[i];

		for (size_t k = i + 1; k < routing->route_count; k++) {
			const struct route *b = &routing->routes[k];

			if (strcmp(a->context, b->context) != 0 ||
			    routing_pattern_compare(&a->pattern, &b->pattern) != 0)
				break;
			/* An earlier one with times leaves the others to the later one. */
			if (is_same(&a->pattern, &b->pattern) && a->time_count == 0) {
				snprintf(problem->text, sizeof(problem->text),
					 "%s: pattern \"%.64s\" is in context \"%.64s\" already, at %s; remove one of "
					 "them",
					 b->where, b->text, b->context, a->where);
				return ERR_INVALID;
			}
			if (a->pattern.is_exact && strcmp(a->text, b->text) != 0)
				break; /* exact ones are sorted by their text: only neighbours can be equal */
		}
	}
	return 0;
}

static void group(struct routing *routing)
{
	for (size_t i = 0; i < routing->route_count; i++) {
		const struct route *route = &routing->routes[i];
		struct context *last = &routing->contexts[routing->context_count];

		if (routing->context_count == 0 || strcmp(last[-1].name, route->context) != 0) {
			*last = (struct context){.name = route->context, .first = i};
			routing->context_count++;
			last++;
		}
		last[-1].count++;
		if (route->pattern.is_exact)
			last[-1].exact_count++;
	}
}

int routing_new(const struct conf *conf, struct routing **ret_routing, struct routing_problem *ret_problem)
{
	const struct conf_dialplan *plan = &conf->dialplan;
	struct routing *routing = calloc(1, sizeof(*routing));
	int error = ERR_NOMEM;

	snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: %s", conf->path, error_text(ERR_NOMEM));
	if (!routing)
		return ERR_NOMEM;
	routing->routes = calloc(plan->route_count + 1, sizeof(*routing->routes));
	routing->contexts = calloc(plan->route_count + 1, sizeof(*routing->contexts));
	routing->default_context = strdup(plan->default_context);
	if (!routing->routes || !routing->contexts || !routing->default_context)
		goto fail;
	for (size_t i = 0; i < plan->route_count; i++) {
		struct route *route = &routing->routes[routing->route_count++];

		route->row = i;
		error = route_init(route, &plan->routes[i], ret_problem);
		if (error)
			goto fail;
	}
	qsort(routing->routes, routing->route_count, sizeof(*routing->routes), route_compare);
	error = check_duplicates(routing, ret_problem);
	if (error)
		goto fail;
	group(routing);
	*ret_routing = routing;
	ret_problem->text[0] = '\0';
	return 0;
fail:
	routing_free(routing);
	return error;
}

void routing_free(struct routing *routing)
{
	if (!routing)
		return;
	for (size_t i = 0; i < routing->route_count; i++) {
		free(routing->routes[i].text);
		free(routing->routes[i].context);
		free(routing->routes[i].where);
		free(routing->routes[i].target);
		free(routing->routes[i].prepend);
		free(routing->routes[i].times);
	}
	free(routing->routes);
	free(routing->contexts);
	free(routing->default_context);
	free(routing);
}

static const struct context *find_context(const struct routing *routing, struct view name)
{
	for (size_t i = 0; i < routing->context_count; i++) {
		if (view_is(name, routing->contexts[i].name))
			return &routing->contexts[i];
	}
	return NULL;
}

static int compare_number(const void *key, const void *member)
{
	return strcmp(key, ((const struct route *)member)->text);
}

static void explain(struct text *text, const char *format, ...) PRINTF(2, 3);
static void explain(struct text *text, const char *format, ...)
{
	va_list args;

	if (!text)
		return;
	va_start(args, format);
	text_vprintf(text, format, args);
	va_end(args);
}

static bool is_there(const struct route *route, const struct routing_moment *moment)
{
	for (size_t i = 0; i < route->time_count; i++)
		if (routing_when_is_now(&route->times[i], moment))
			return true;
	return route->time_count == 0;
}

/* Of the exact routes of this number, which stand side by side, the first that is there now. */
static const struct route *find_exact(const struct route *first, const struct context *context, const char *number,
				      const struct routing_moment *moment, struct text *text)
{
	const struct route *end = first + context->exact_count;
	const struct route *route = bsearch(number, first, context->exact_count, sizeof(*first), compare_number);

	explain(text, "  exact numbers: %s of %zu\n", route ? "one" : "none", context->exact_count);
	while (route && route > first && strcmp(route[-1].text, number) == 0)
		route--;
	for (; route && route < end && strcmp(route->text, number) == 0; route++) {
		if (is_there(route, moment))
			return route;
		explain(text, "  not now  %s  (%s)\n", route->text, route->where);
	}
	return NULL;
}

static const struct route *find_route(const struct routing *routing, const struct context *context, const char *number,
				      const struct routing_moment *moment, struct text *text)
{
	const struct route *first = &routing->routes[context->first];
	const struct route *exact = find_exact(first, context, number, moment, text);

	if (exact)
		return exact;
	for (size_t i = context->exact_count; i < context->count; i++) {
		bool match = routing_pattern_is_match(&first[i].pattern, view_of(number));
		bool there = match && is_there(&first[i], moment);

		explain(text, "  %s  %s  (%s)\n",
			there   ? "match"
			: match ? "not now"
				: "no   ",
			first[i].text, first[i].where);
		if (there)
			return &first[i];
	}
	return NULL;
}

static void refuse(struct routing_decision *decision, uint32_t code, const char *why, struct text *text)
{
	decision->action = ROUTING_REJECT;
	decision->code = code;
	explain(text, "reject %u: %s\n", code, why);
}

/* strip, prepend; an extension that is named is called by its name. False: nothing is left of the number. */
static bool change_number(const struct route *route, struct routing_decision *decision)
{
	size_t size = strlen(decision->number);

	snprintf(decision->changed, sizeof(decision->changed), "%s%s", route->prepend,
		 decision->number + MIN(size, route->strip));
	if (route->action == ROUTING_TRUNK || route->target[0])
		snprintf(decision->target, sizeof(decision->target), "%s", route->target);
	else if (strlen(decision->changed) < sizeof(decision->target))
		memcpy(decision->target, decision->changed, strlen(decision->changed) + 1);
	return decision->changed[0] != '\0';
}

static void apply(const struct route *route, struct text *text, struct routing_decision *decision)
{
	decision->action = route->action;
	decision->pattern = route->text;
	decision->where = route->where;
	decision->is_emergency = route->is_emergency;
	if (route->action == ROUTING_REJECT) {
		decision->code = route->code;
		explain(text, "reject %u, by %s (%s)\n", route->code, route->text, route->where);
	} else if (route->action == ROUTING_ECHO) {
		explain(text, "echo, by %s (%s)\n", route->text, route->where);
	} else if (!change_number(route, decision)) {
		refuse(decision, 484, "nothing is left of the number", text);
	} else if (route->action == ROUTING_EXTENSION) {
		explain(text, "extension %s, by %s (%s)\n", decision->target, route->text, route->where);
	} else {
		explain(text, "trunk %s with number %s, by %s (%s)\n", decision->target, decision->changed, route->text,
			route->where);
	}
	if (route->is_emergency)
		explain(text, "emergency: passes all limits\n");
}

static void decide(const struct routing *routing, struct view context_name, struct view dialled,
		   const struct routing_moment *moment, struct text *text, struct routing_decision *decision)
{
	struct view name = context_name.size > 0 ? context_name : view_of(routing->default_context);
	const struct context *context = find_context(routing, name);
	const struct route *route;

	*decision = (struct routing_decision){.pattern = "", .where = ""};
	if (routing_number_decode(dialled, decision->number)) {
		refuse(decision, 404, "the number is too long or its escapes are wrong", text);
		return;
	}
	explain(text, "number \"%s\" in context \"%.*s\"\n", decision->number, VIEW_ARG(name));
	if (decision->number[0] == '\0') {
		refuse(decision, 484, "nothing was dialled", text);
		return;
	}
	if (!context) {
		refuse(decision, 404, "there is no such context", text);
		return;
	}
	route = find_route(routing, context, decision->number, moment, text);
	if (route)
		apply(route, text, decision);
	else
		refuse(decision, 404, "no pattern matches", text);
}

void routing_decide(const struct routing *routing, struct view context, struct view dialled,
		    const struct routing_moment *moment, struct routing_decision *ret_decision)
{
	decide(routing, context, dialled, moment, NULL, ret_decision);
}

void routing_explain(const struct routing *routing, struct view context, struct view dialled,
		     const struct routing_moment *moment, struct text *ret_text, struct routing_decision *ret_decision)
{
	decide(routing, context, dialled, moment, ret_text, ret_decision);
}
