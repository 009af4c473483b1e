/* Variables, and patterns with "*", {name} and {name=pattern}. */
#include "tests/scenario/scenario.h"

#include <stdlib.h>

enum { VARIABLES_MAX = 128 };

static struct variable {
	char *name, *value;
} variables[VARIABLES_MAX];
static size_t variable_count;

static struct variable *find(struct view name)
{
	for (size_t i = 0; i < variable_count; i++)
		if (view_is(name, variables[i].name))
			return &variables[i];
	return NULL;
}

void variable_set(struct view name, struct view value)
{
	struct variable *variable = find(name);

	if (!variable) {
		if (variable_count == VARIABLES_MAX)
			scenario_fail("more than %d variables", VARIABLES_MAX);
		variable = &variables[variable_count++];
		variable->name = view_dup(name);
	}
	free(variable->value);
	variable->value = view_dup(value);
}

void variables_clear(void)
{
	while (variable_count > 0) {
		struct variable *variable = &variables[--variable_count];

		free(variable->name);
		free(variable->value);
		*variable = (struct variable){0};
	}
}

static const char *value_of(struct view name)
{
	struct variable *variable = find(name);

	if (!variable)
		scenario_fail("nobody set {%.*s}", VIEW_ARG(name));
	return variable->value;
}

void expand(struct text *out, struct view text)
{
	while (text.size > 0) {
		size_t brace = view_find(text, '{'), end;

		text_add(out, view_sub(text, 0, brace));
		text = view_sub(text, brace, text.size);
		if (text.size == 0)
			return;
		end = view_find(text, '}');
		text_add_string(out, value_of(view_sub(text, 1, end - 1)));
		text = view_sub(text, end + 1, text.size);
	}
}

/* {name=pattern}: the longest stretch that fits and lets the rest fit. */
static bool matches_capture(struct view name, struct view inner, struct view after, struct view text)
{
	for (size_t size = text.size + 1; size-- > 0;) {
		struct view part = view_sub(text, 0, size);

		if (matches(inner, part) && matches(after, view_sub(text, size, text.size))) {
			variable_set(name, part);
			return true;
		}
	}
	return false;
}

static bool matches_brace(struct view pattern, struct view text)
{
	size_t end = view_find(pattern, '}');
	struct view inner = view_sub(pattern, 1, end - 1), after = view_sub(pattern, end + 1, pattern.size);
	size_t equals = view_find(inner, '=');
	struct view value;

	if (equals < inner.size)
		return matches_capture(view_sub(inner, 0, equals), view_sub(inner, equals + 1, inner.size), after,
				       text);
	value = view_of(value_of(inner));
	return text.size >= value.size && view_equal(view_sub(text, 0, value.size), value) &&
	       matches(after, view_sub(text, value.size, text.size));
}

bool matches(struct view pattern, struct view text)
{
	for (; pattern.size > 0; pattern = view_sub(pattern, 1, pattern.size), text = view_sub(text, 1, text.size)) {
		if (pattern.at[0] == '{')
			return matches_brace(pattern, text);
		if (pattern.at[0] == '*') {
			struct view after = view_sub(pattern, 1, pattern.size);

			for (size_t skip = 0; skip <= text.size; skip++)
				if (matches(after, view_sub(text, skip, text.size)))
					return true;
			return false;
		}
		if (text.size == 0 || pattern.at[0] != text.at[0])
			return false;
	}
	return text.size == 0;
}
