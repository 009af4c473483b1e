/* `voxctl set` and `voxctl delete`: extensions, trunks and routes. What fields there are and of which type is asked of the
 * server (openapi.json), so this program need not know. */
#include "tools/voxctl/voxctl.h"

#include <stdlib.h>

static enum voxctl_exit misuse(void)
{
	fprintf(stderr, "voxctl: write set extensions|trunks|routes NAME FIELD=VALUE ..., or delete ... NAME\n");
	return VOXCTL_USAGE;
}

/* /api/v1/trunks shows how carriers do; what they are is told elsewhere. */
static const char *base_of(const char *what)
{
	return strcmp(what, "trunks") == 0 ? "config/trunks" : what;
}

static bool make_path(const char *what, const char *name, char *path, size_t path_size)
{
	char *encoded = voxctl_encode(name);
	struct text text;

	text_init(&text, path, path_size);
	text_printf(&text, "/api/v1/%s/%s", base_of(what), encoded ? encoded : "");
	free(encoded);
	return encoded && !text.overflow;
}

/* The properties of what PUT takes; borrowed from openapi. */
static json_t *properties_of(json_t *openapi, const char *what)
{
	json_t *paths = json_object_get(openapi, "paths"), *value;
	const char *path;
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "/api/v1/%s/{", base_of(what));
	json_object_foreach(paths, path, value)
	{
		json_t *node = json_object_get(value, "put");

		if (strncmp(path, prefix, strlen(prefix)) != 0)
			continue;
		node = json_object_get(json_object_get(node, "requestBody"), "content");
		node = json_object_get(json_object_get(node, "application/json"), "schema");
		return json_object_get(node, "properties");
	}
	return NULL;
}

/* What is not of the field's type goes as a text: the server says what it should be. */
static json_t *value_of(json_t *property, const char *text)
{
	const char *type = json_string_value(json_object_get(property, "type"));
	bool is_text = !type || strcmp(type, "string") == 0;
	json_t *value = is_text ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
	struct view rest = view_of(text);
	json_t *list;

	if (value || is_text || strcmp(type, "array") != 0)
		return value ? value : document_text_view(view_of(text));
	list = json_array();
	while (rest.at && rest.size > 0)
		json_array_append_new(list, document_text_view(view_trim(view_cut(&rest, ','))));
	return list;
}

static enum voxctl_exit set_fields(json_t *document, json_t *properties, char **arguments, int count)
{
	for (int i = 0; i < count; i++) {
		struct view rest = view_of(arguments[i]), key = view_cut(&rest, '=');
		char name[64];

		if (!rest.at || view_copy(key, name, sizeof(name)) != 0 || !name[0])
			return misuse();
		json_object_set_new(document, name, value_of(json_object_get(properties, name), rest.at));
	}
	return VOXCTL_DONE;
}

static enum voxctl_exit put(const struct voxctl_server *server, const char *path, const json_t *document, bool is_json)
{
	char *body = json_dumps(document, JSON_COMPACT);
	struct voxctl_reply reply;
	enum voxctl_exit result;

	if (!body)
		return VOXCTL_REFUSED;
	result = voxctl_send(server, "PUT", path, body, 0, &reply);
	if (result == VOXCTL_DONE)
		puts(is_json ? reply.body : reply.status == 201 ? "created" : "changed");
	voxctl_reply_free(&reply);
	free(body);
	return result;
}

enum voxctl_exit voxctl_set(const struct voxctl_server *server, char **arguments, int count, bool is_json)
{
	struct voxctl_reply openapi = {0}, before = {0};
	enum voxctl_exit result;
	json_t *document = NULL;
	char path[512];

	if (count < 2 || !make_path(arguments[0], arguments[1], path, sizeof(path)))
		return misuse();
	result = voxctl_fetch(server, "GET", "/api/v1/openapi.json", 0, &openapi);
	if (result == VOXCTL_DONE && !properties_of(openapi.json, arguments[0]))
		result = misuse();
	if (result == VOXCTL_DONE)
		result = voxctl_fetch(server, "GET", path, 404, &before);
	if (result == VOXCTL_DONE) {
		document = before.status == 404 ? json_object() : json_deep_copy(before.json);
		result = set_fields(document, properties_of(openapi.json, arguments[0]), arguments + 2, count - 2);
	}
	if (result == VOXCTL_DONE)
		result = put(server, path, document, is_json);
	json_decref(document);
	voxctl_reply_free(&openapi);
	voxctl_reply_free(&before);
	return result;
}

enum voxctl_exit voxctl_delete(const struct voxctl_server *server, char **arguments, int count)
{
	struct voxctl_reply reply;
	enum voxctl_exit result;
	char path[512];

	if (count != 2 || !make_path(arguments[0], arguments[1], path, sizeof(path)))
		return misuse();
	result = voxctl_fetch(server, "DELETE", path, 0, &reply);
	if (result == VOXCTL_DONE)
		puts("deleted");
	voxctl_reply_free(&reply);
	return result;
}
