/* `voxctl route` and `voxctl trunks`: where a call would go and why; the carriers and where they are. */
#include "tools/voxctl/voxctl.h"

#include <stdlib.h>

static void print_lines(json_t *lines)
{
	json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		json_t *row = json_pack("{s:O}", "line", line);
		char value[1024];

		voxctl_value(row, "line", value, sizeof(value));
		printf("%s\n", value);
		json_decref(row);
	}
}

static void print_decision(json_t *answer)
{
	static const struct {
		const char *title, *path;
	} rows[] = {{"action", "action"}, {"to", "target"},       {"number", "number"},
		    {"status", "status"}, {"pattern", "pattern"}, {"written at", "where"}};
	char value[512];

	putchar('\n');
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		voxctl_value(answer, rows[i].path, value, sizeof(value));
		if (strcmp(value, "-") != 0)
			printf("%-12s %s\n", rows[i].title, value);
	}
}

enum voxctl_exit voxctl_route(const struct voxctl_server *server, const char *to, const char *from, bool is_json)
{
	char *dialled = voxctl_encode(to), *caller = voxctl_encode(from ? from : "");
	struct voxctl_reply reply = {0};
	enum voxctl_exit result = VOXCTL_REFUSED;
	char path[1024];
	struct text text;

	text_init(&text, path, sizeof(path));
	if (dialled && caller)
		text_printf(&text, "/api/v1/route?to=%s%s%s", dialled, caller[0] ? "&from=" : "", caller);
	free(dialled);
	free(caller);
	if (text.size > 0 && !text.overflow)
		result = voxctl_fetch(server, "GET", path, 0, &reply);
	if (result == VOXCTL_DONE && is_json) {
		puts(reply.body);
	} else if (result == VOXCTL_DONE) {
		print_lines(json_object_get(reply.json, "explanation"));
		print_decision(reply.json);
	}
	voxctl_reply_free(&reply);
	return result;
}

/* One line for each target; what is of the trunk stands in its first. */
static json_t *flatten(json_t *trunks)
{
	json_t *rows = json_array(), *trunk, *target;
	size_t i, k;

	json_array_foreach(trunks, i, trunk)
	{
		json_t *targets = json_object_get(trunk, "targets"), *first = json_deep_copy(trunk);

		if (json_array_size(targets) > 0)
			json_object_set(first, "target", json_array_get(targets, 0));
		json_array_append_new(rows, first);
		json_array_foreach(targets, k, target)
		{
			if (k > 0)
				json_array_append_new(rows, json_pack("{s:O}", "target", target));
		}
	}
	return rows;
}

enum voxctl_exit voxctl_trunks(const struct voxctl_server *server, uint32_t limit, bool is_json)
{
	static const struct voxctl_column columns[] = {
		{"TRUNK", "trunk", false},
		{"HOST", "host", false},
		{"USABLE", "usable", false},
		{"REGISTRATION", "registration", false},
		{"NAME", "resolution", false},
		{"CALLS", "calls", true},
		{"ADDRESS", "target.address", false},
		{"BY", "target.transport", false},
		{"PRIORITY", "target.priority", true},
		{"HEALTH", "target.health", false},
		{"LAST ERROR", "last_error.text", false},
	};
	struct voxctl_reply reply = {0};
	enum voxctl_exit result;
	char path[64];
	json_t *trunks;

	snprintf(path, sizeof(path), "/api/v1/trunks?limit=%u", limit);
	result = voxctl_fetch(server, "GET", path, 0, &reply);
	trunks = json_object_get(reply.json, "trunks");
	if (result == VOXCTL_DONE && is_json) {
		puts(reply.body);
	} else if (result == VOXCTL_DONE && json_array_size(trunks) == 0) {
		puts("no trunks");
	} else if (result == VOXCTL_DONE) {
		json_t *rows = flatten(trunks);

		voxctl_table(stdout, rows, columns, ARRAY_LEN(columns));
		json_decref(rows);
	}
	voxctl_reply_free(&reply);
	return result;
}
