/* THE table of the API: what there is, who may, what it asks the signalling thread, what shows the answer. The
 * description for machines (openapi.json) and for people (README.md) are printed from it. */
#include "controlplane/api/api_private.h"

#include <stdlib.h>

#define PAGE   (API_LIMIT | API_OFFSET)
#define STATUS sizeof(struct api_status)

/* clang-format off */
/* The operations of a list of the configuration; what its members are is told by lib/config's rows. */
#define ROWS_OF_CONF(path, id, list, many, one) \
	{"GET", path, 0, PAGE, 0, NULL, api_show_rows_of_conf, \
	 many " of the file and of the database", "a page of them, and how many there are in all", list}, \
	{"POST", path, API_BODY | API_CHANGE, 0, sizeof(struct provision_result), NULL, api_show_change, \
	 "Create " one, "what is in force now", list}, \
	{"GET", path "/" id, 0, 0, 0, NULL, api_show_row_of_conf, \
	 "One " one, "the row", list}, \
	{"PUT", path "/" id, API_BODY | API_CHANGE, 0, sizeof(struct provision_result), NULL, api_show_change, \
	 "Create or change " one " (If-Match: its version)", "what is in force now; 201 when it is new", list}, \
	{"DELETE", path "/" id, API_CHANGE, 0, sizeof(struct provision_result), NULL, api_show_change, \
	 "Delete " one, "its name", list}

const struct api_route api_routes[] = {
	{"GET", "/health", API_OPEN | API_ON_METRICS | API_SHOW_LATE | API_EACH, 0, STATUS, api_fetch_status, api_show_health,
	 "Is the control plane alive?", "alive; 503 when its signalling thread does not answer"},
	{"GET", "/ready", API_OPEN | API_ON_METRICS | API_SHOW_LATE | API_EACH, 0, STATUS, api_fetch_status, api_show_ready,
	 "May calls be sent here?", "ready; 503 when a component is not"},
	{"GET", "/metrics", API_OPEN | API_ON_METRICS | API_SHOW_LATE | API_EACH, 0, STATUS, api_fetch_status, api_show_metrics,
	 "Figures for Prometheus", "text format 0.0.4"},
	{"GET", "/api/stats", API_EACH, 0, STATUS, api_fetch_status, api_show_stats,
	 "Figures of this moment", "the figures"},
	{"GET", "/api/cdr/recent", 0, API_LIMIT, 0, NULL, api_show_cdr,
	 "The last call detail records, newest first", "the records"},
	{"GET", "/api/v1/cdr", API_ON_STORE, API_LIMIT | API_NUMBER | API_FROM | API_TO | API_DISPOSITION | API_CAUSE |
	 API_CURSOR | API_FORMAT, 0, api_fetch_cdr_search, api_show_cdr_search,
	 "Call detail records of the database, newest first", "a page of records, and the cursor of the next; or CSV"},
	{"GET", "/api/v1/calls", API_EACH, PAGE | API_CALL_ID | API_USER, sizeof(struct api_call_row), api_fetch_calls,
	 api_show_calls, "Calls that exist now", "a page of calls, and how many there are in all"},
	{"GET", "/api/v1/calls/{call_id}", API_EACH, 0, sizeof(struct api_call_row), api_fetch_call, api_show_call,
	 "One call", "the call"},
	{"DELETE", "/api/v1/calls/{call_id}", API_EACH, 0, 0, api_fetch_hang_up, api_show_hang_up,
	 "Hang up", "never; 202 when the call begins to end"},
	{"GET", "/api/v1/calls/{call_id}/history", API_EACH, 0, API_HISTORY_SIZE, api_fetch_history, api_show_history,
	 "The last transitions of a call's and its legs' state machines", "a line each"},
	{"GET", "/api/v1/registrations", 0, PAGE | API_USER, sizeof(struct api_registration_row),
	 api_fetch_registrations, api_show_registrations, "Phones that are registered now",
	 "a page of contacts, and how many there are in all"},
	{"GET", "/api/v1/trunks", 0, PAGE, sizeof(struct api_trunk_row), api_fetch_trunks, api_show_trunks,
	 "Carriers: registration, health, the addresses of each", "a page of trunks, and how many there are in all"},
	{"GET", "/api/v1/trunks/{trunk}", 0, 0, sizeof(struct api_trunk_row), api_fetch_trunk, api_show_trunk,
	 "One carrier", "the trunk"},
	{"GET", "/api/v1/route", 0, API_DIALLED | API_CALLER, sizeof(struct api_route_row), api_fetch_route,
	 api_show_route, "Where a call would go now, and why; nobody is called", "the decision, and its reasons in lines"},
	{"GET", "/api/v1/streams", API_EACH, PAGE | API_CALL_ID, sizeof(struct api_stream_row), api_fetch_streams,
	 api_show_streams, "Media streams of the engine", "a page of streams, and how many there are in all"},
	{"GET", "/api/v1/drops", API_EACH, 0, STATUS, api_fetch_status, api_show_drops,
	 "Packets that the media engine dropped, by reason", "every reason with its count"},
	{"GET", "/api/v1/stages", API_EACH, 0, STATUS, api_fetch_status, api_show_stages,
	 "What each stage of the packet path costs, of the bursts that were measured", "every stage with packets and cycles"},
	{"GET", "/api/v1/node", API_EACH, 0, STATUS, api_fetch_status, api_show_node,
	 "This node: versions, components, workers", "the node"},
	{"GET", "/api/v1/trace", API_EACH, 0, sizeof(struct api_trace_row), api_fetch_trace, api_show_trace,
	 "The SIP traffic log: is it on, and for whom", "how it stands"},
	{"PUT", "/api/v1/trace", API_BODY | API_EACH, 0, sizeof(struct api_trace_row), api_fetch_trace, api_show_trace,
	 "Switch the SIP traffic log on or off", "how it stands now"},
	ROWS_OF_CONF("/api/v1/extensions", "{number}", CONF_LIST_EXTENSIONS, "Extensions", "an extension"),
	ROWS_OF_CONF("/api/v1/config/trunks", "{trunk}", CONF_LIST_TRUNKS, "Trunks", "a trunk"),
	ROWS_OF_CONF("/api/v1/routes", "{route}", CONF_LIST_ROUTES, "Routes", "a route"),
	{"GET", "/api/v1/openapi.json", 0, 0, 0, NULL, api_show_openapi,
	 "This description", "OpenAPI 3.0"},
};
/* clang-format on */
const size_t api_route_count = ARRAY_LEN(api_routes);

const struct api_parameter_row api_parameters[API_PARAMETER_COUNT] = {
#define X(name, text, type, help) {text, type, help},
	API_PARAMETER_LIST(X)
#undef X
};

/* ---- dispatch ---- */

/* Segment by segment; a {parameter} takes any that is not empty. */
static bool is_match(struct view pattern, struct view path, char id[API_ID_SIZE])
{
	while (pattern.at && path.at) {
		struct view want = view_cut(&pattern, '/'), got = view_cut(&path, '/');

		if (view_has_prefix(want, "{")) {
			if (got.size == 0 || api_decode(got, false, id, API_ID_SIZE) < 0)
				return false;
		} else if (!view_equal(want, got)) {
			return false;
		}
	}
	return !pattern.at && !path.at;
}

const struct api_route *api_route_find(struct view method, struct view path, char id[API_ID_SIZE],
				       struct text *ret_methods)
{
	if (view_is(method, "HEAD"))
		method = VIEW("GET");
	for (size_t i = 0; i < api_route_count; i++) {
		if (!is_match(view_of(api_routes[i].path), path, id))
			continue;
		if (view_is(method, api_routes[i].method))
			return &api_routes[i];
		text_printf(ret_methods, "%s%s", ret_methods->size ? ", " : "", api_routes[i].method);
	}
	return NULL;
}

/* ---- what is printed from the table ---- */

static json_t *parameter_document(const char *name, const char *where, const char *type, const char *help)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", where, "required",
			 strcmp(where, "path") == 0, "description", help, "schema", "type", type);
}

/* "/api/v1/calls/{call_id}" has "call_id". */
static bool find_path_parameter(const char *path, char *name, size_t name_size)
{
	struct view rest = view_of(path);

	view_cut(&rest, '{');
	return rest.at && view_copy(view_cut(&rest, '}'), name, name_size) == 0;
}

static json_t *parameters_document(const struct api_route *route)
{
	json_t *list = json_array();
	int error = list ? 0 : -1;
	char name[32];

	if (find_path_parameter(route->path, name, sizeof(name)))
		error |= json_array_append_new(list, parameter_document(name, "path", "string", "its id"));
	for (size_t i = 0; i < API_PARAMETER_COUNT; i++)
		if (route->parameters & 1u << i)
			error |= json_array_append_new(list, parameter_document(api_parameters[i].name, "query",
										api_parameters[i].type,
										api_parameters[i].help));
	if (error == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *type_document(const struct conf_key *key)
{
	static const char *const types[] = {[CONF_KIND_BOOL] = "boolean",
					    [CONF_KIND_NUMBER] = "integer",
					    [CONF_KIND_TEXT] = "string",
					    [CONF_KIND_TEXTS] = "array",
					    [CONF_KIND_ROWS] = "array"};
	json_t *document = json_pack("{s:s, s:s}", "type", types[key->kind], "description", key->help);
	json_t *choices = key->choices ? json_array() : NULL;

	if (key->kind == CONF_KIND_NUMBER) {
		json_object_set_new(document, "minimum", json_integer(key->min));
		json_object_set_new(document, "maximum", json_integer(key->max));
	}
	if (key->kind == CONF_KIND_TEXT && !key->choices && key->max > 0) {
		json_object_set_new(document, "minLength", json_integer(key->min));
		json_object_set_new(document, "maxLength", json_integer(key->max));
	}
	if (key->kind == CONF_KIND_TEXTS)
		json_object_set_new(document, "items", json_pack("{s:s}", "type", "string"));
	if (key->kind == CONF_KIND_ROWS)
		json_object_set_new(document, "items", json_pack("{s:s}", "type", "object"));
	for (size_t i = 0; choices && key->choices[i]; i++)
		json_array_append_new(choices, json_string(key->choices[i]));
	if (choices)
		json_object_set_new(document, "enum", choices);
	return document;
}

static void add_property(void *arg, const struct conf_key *key)
{
	json_object_set_new(arg, key->key, type_document(key));
}

static json_t *schema_document(enum conf_list list)
{
	json_t *properties = json_object();

	conf_describe(list, add_property, properties);
	return json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties", 0);
}

static json_t *operation_document(const struct api_route *route)
{
	bool is_open = route->flags & API_OPEN;
	const char *good = strcmp(route->method, "POST") == 0                                     ? "201"
			   : !(route->flags & API_CHANGE) && strcmp(route->method, "DELETE") == 0 ? "202"
												  : "200";
	json_t *document, *body;

	document = json_pack("{s:s, s:o, s:o, s:{s:{s:s}, s:{s:s}}}", "summary", route->summary, "security",
			     is_open ? json_array() : json_pack("[{s:[]}]", "bearer"), "parameters",
			     parameters_document(route), "responses", good, "description", route->answer, "default",
			     "description", "{\"error\":{\"code\",\"message\",\"field\"}}");
	if (!document || (route->flags & (API_BODY | API_CHANGE)) != (API_BODY | API_CHANGE))
		return document;
	body = json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content", "application/json", "schema",
			 schema_document(route->list));
	if (body && json_object_set_new(document, "requestBody", body) == 0)
		return document;
	json_decref(document);
	return NULL;
}

static int add_operation(json_t *paths, const struct api_route *route)
{
	json_t *path = json_object_get(paths, route->path);
	const char *method = strcmp(route->method, "DELETE") == 0 ? "delete"
			     : strcmp(route->method, "POST") == 0 ? "post"
			     : strcmp(route->method, "PUT") == 0  ? "put"
								  : "get";

	if (!path && json_object_set_new(paths, route->path, json_object()) < 0)
		return ERR_NOMEM;
	path = json_object_get(paths, route->path);
	return json_object_set_new(path, method, operation_document(route)) < 0 ? ERR_NOMEM : 0;
}

char *api_openapi_print(const char *version)
{
	json_t *paths = json_object();

	for (size_t i = 0; i < api_route_count && paths; i++)
		if (add_operation(paths, &api_routes[i]) < 0) {
			json_decref(paths);
			paths = NULL;
		}
	return document_dump(json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:{s:s, s:s}}}}", "openapi", "3.0.3", "info",
				       "title", "Voxlane", "version", version, "paths", paths, "components",
				       "securitySchemes", "bearer", "type", "http", "scheme", "bearer"));
}

void api_show_openapi(struct api_question *question)
{
	char *text = api_openapi_print(question->api->version);

	if (text)
		api_answer_text(question, 200, "application/json", text, strlen(text));
	else
		api_answer_error(question, API_ERROR_INTERNAL, error_text(ERR_NOMEM));
}

char *api_table_print(void)
{
	const size_t capacity = 256 * (api_route_count + 2);
	char *table = malloc(capacity);
	struct text text;

	if (!table)
		return NULL;
	text_init(&text, table, capacity);
	text_add_string(&text, "| request | query | token | what |\n|---|---|---|---|\n");
	for (size_t i = 0; i < api_route_count; i++) {
		const struct api_route *route = &api_routes[i];
		const char *separator = "";

		text_printf(&text, "| `%s %s` | ", route->method, route->path);
		for (size_t k = 0; k < API_PARAMETER_COUNT; k++) {
			if (!(route->parameters & 1u << k))
				continue;
			text_printf(&text, "%s`%s`", separator, api_parameters[k].name);
			separator = " ";
		}
		text_printf(&text, " | %s | %s |\n", route->flags & API_OPEN ? "no" : "yes", route->summary);
	}
	return table;
}
