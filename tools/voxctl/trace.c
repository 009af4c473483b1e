/* `voxctl trace` and `voxctl history`: looking into what goes on. */
#include "tools/voxctl/voxctl.h"

#include <stdlib.h>

static void print_condition(const struct voxctl_reply *reply, const char *title, const char *path)
{
	char value[512];

	voxctl_value(reply->json, path, value, sizeof(value));
	if (strcmp(value, "-") != 0)
		printf("%-16s %s\n", title, value);
}

static void print_state(const struct voxctl_reply *reply)
{
	bool is_on = json_is_true(json_object_get(reply->json, "enabled"));

	printf("%-16s %s\n", "SIP traffic log", is_on ? "on" : "off");
	if (is_on) {
		print_condition(reply, "of peer", "peer");
		print_condition(reply, "of call", "call");
		print_condition(reply, "of extension", "extension");
	}
	print_condition(reply, "written", "written");
	print_condition(reply, "lost", "lost");
	print_condition(reply, "last error", "last_error");
}

/* "" for NULL: null in JSON. */
static json_t *text_or_null(const char *string)
{
	return string ? document_text(string) : json_null();
}

enum voxctl_exit voxctl_trace(const struct voxctl_server *server, const struct voxctl_trace *trace, bool is_json)
{
	bool is_on = trace->word && strcmp(trace->word, "on") == 0;
	struct voxctl_reply reply = {0};
	enum voxctl_exit result;
	char *body = NULL;

	if (trace->word && !is_on && strcmp(trace->word, "off") != 0) {
		fprintf(stderr, "voxctl: trace knows \"on\" and \"off\", not \"%s\"\n", trace->word);
		return VOXCTL_USAGE;
	}
	if (!is_on && (trace->peer || trace->call || trace->extension)) {
		fprintf(stderr, "voxctl: --peer, --call and --extension go with `trace on`\n");
		return VOXCTL_USAGE;
	}
	if (trace->word) {
		body = document_dump(json_pack("{s:b, s:o, s:o, s:o}", "enabled", is_on, "peer",
					       text_or_null(trace->peer), "call", text_or_null(trace->call),
					       "extension", text_or_null(trace->extension)));
		if (!body)
			return VOXCTL_REFUSED;
	}
	result = voxctl_send(server, body ? "PUT" : "GET", "/api/v1/trace", body, 0, &reply);
	free(body);
	if (result == VOXCTL_DONE && is_json)
		puts(reply.body);
	else if (result == VOXCTL_DONE)
		print_state(&reply);
	voxctl_reply_free(&reply);
	return result;
}

enum voxctl_exit voxctl_history(const struct voxctl_server *server, const char *call, bool is_json)
{
	char path[512], *id = voxctl_encode(call);
	struct voxctl_reply reply = {0};
	enum voxctl_exit result;
	struct text text;
	json_t *lines;

	if (!id)
		return VOXCTL_REFUSED;
	text_init(&text, path, sizeof(path));
	text_printf(&text, "/api/v1/calls/%s/history", id);
	free(id);
	if (text.overflow) {
		fprintf(stderr, "voxctl: this is too long for the id of a call\n");
		return VOXCTL_USAGE;
	}
	result = voxctl_fetch(server, "GET", path, 0, &reply);
	lines = json_object_get(reply.json, "history");
	if (result == VOXCTL_DONE && is_json)
		puts(reply.body);
	for (size_t i = 0; result == VOXCTL_DONE && !is_json && i < json_array_size(lines); i++) {
		char index[24], line[512];

		snprintf(index, sizeof(index), "%zu", i);
		voxctl_value(lines, index, line, sizeof(line));
		puts(line);
	}
	voxctl_reply_free(&reply);
	return result;
}
