/* The listeners, who may ask what, and the form of answers and errors. */
#include "controlplane/api/api_private.h"

#include <stdlib.h>

static const struct {
	const char *code;
	int status;
} errors[API_ERROR_COUNT] = {
#define X(name, code, status) {code, status},
	API_ERROR_LIST(X)
#undef X
};

/* ---- answers ---- */

/* What is shown is of this moment, and it is what its type says. */
static const struct http_header answer_headers[] = {
	{VIEW("cache-control"), VIEW("no-store")},
	{VIEW("x-content-type-options"), VIEW("nosniff")},
};

static void respond(struct http_request *request, int status, const char *content_type, char *body, size_t size,
		    const struct http_header *extra)
{
	struct http_header headers[ARRAY_LEN(answer_headers) + 1];
	size_t count = ARRAY_LEN(answer_headers);

	memcpy(headers, answer_headers, sizeof(answer_headers));
	if (extra)
		headers[count++] = *extra;
	http_respond_take(request, status, content_type, body, size, headers, count);
}

void api_refuse(struct http_request *request, enum api_error error, const char *message, const char *field,
		const struct http_header *extra)
{
	json_t *node = json_pack("{s:{s:s, s:o, s:o*}}", "error", "code", errors[error].code, "message",
				 document_text(message), "field", field && field[0] ? document_text(field) : NULL);
	char *body = document_dump(node);

	respond(request, errors[error].status, "application/json", body, body ? strlen(body) : 0, extra);
}

void api_answer_text(struct api_question *question, int status, const char *content_type, char *body, size_t size)
{
	struct http_request *request = question->request;

	question->request = NULL;
	respond(request, status, content_type, body, size, NULL);
}

void api_answer_with(struct api_question *question, int status, const char *content_type, char *body,
		     const struct http_header *extra)
{
	struct http_request *request = question->request;

	question->request = NULL;
	respond(request, status, content_type, body, strlen(body), extra);
}

void api_answer_error(struct api_question *question, enum api_error error, const char *message)
{
	struct http_request *request = question->request;

	question->request = NULL;
	api_refuse(request, error, message, NULL, NULL);
}

void api_answer_invalid(struct api_question *question)
{
	struct http_request *request = question->request;

	question->request = NULL;
	api_refuse(request, API_ERROR_INVALID, question->why, question->field, NULL);
}

void api_answer(struct api_question *question, int status, json_t *body)
{
	char *text = document_dump(body);

	if (text)
		api_answer_text(question, status, "application/json", text, strlen(text));
	else
		api_answer_error(question, API_ERROR_INTERNAL, error_text(ERR_NOMEM));
}

/* ---- access ---- */

/* Takes as long for a wrong token as for the right one; its length is no secret. */
static bool is_same_secret(struct view given, const char *secret)
{
	size_t size = strlen(secret);
	volatile unsigned char difference = given.size != size;

	for (size_t i = 0; i < size; i++)
		difference |= (unsigned char)(secret[i] ^ (given.size ? given.at[i % given.size] : 0));
	return difference == 0;
}

static bool has_token(const struct api *api, const struct http_request *request)
{
	struct view given = http_request_header(request, "authorization");
	struct view scheme = view_cut(&given, ' ');
	bool is_known = false;

	if (!given.at || !view_is_nocase(scheme, "bearer"))
		return false;
	given = view_trim(given);
	for (size_t i = 0; i < api->options.token_count; i++)
		is_known |= is_same_secret(given, api->tokens[i]);
	return is_known;
}

/* A web page may make the browser of this machine ask us under a name of its own (DNS rebinding), but the name then
 * stands in Host. */
static bool is_loopback_authority(struct view authority)
{
	struct net_endpoint endpoint;
	struct view host = authority;

	if (authority.size == 0) /* HTTP/1.0: no browser */
		return true;
	if (net_endpoint_parse(authority, 80, &endpoint) == 0)
		return net_address_is_loopback(&endpoint.address);
	return view_is_nocase(view_cut(&host, ':'), "localhost");
}

/* True: it may; otherwise it was answered. */
static bool check_access(const struct api *api, struct http_request *request)
{
	static const struct http_header challenge = {VIEW("www-authenticate"), VIEW("Bearer realm=\"voxlane\"")};

	if (api->options.token_count > 0) {
		if (has_token(api, request))
			return true;
		api_refuse(request, API_ERROR_TOKEN, "send a token: Authorization: Bearer TOKEN", NULL, &challenge);
		return false;
	}
	if (api->options.allow_anonymous || is_loopback_authority(request->authority))
		return true;
	api_refuse(request, API_ERROR_FORBIDDEN,
		   "without tokens only requests to localhost are answered; the Host header names another", NULL, NULL);
	return false;
}

/* ---- dispatch ---- */

static void refuse_route(struct http_request *request, const struct text *methods)
{
	struct http_header allow = {VIEW("allow"), text_view(methods)};

	if (methods->size == 0)
		api_refuse(request, API_ERROR_NOT_FOUND, "there is no such path; /api/v1/openapi.json lists them", NULL,
			   NULL);
	else
		api_refuse(request, API_ERROR_METHOD, "this path does not know that method", NULL, &allow);
}

/* Fills in *ret_body when the row wants one; otherwise the request was answered. */
static bool take_body(struct http_request *request, const struct api_route *route, json_t **ret_body)
{
	json_t *body;

	*ret_body = NULL;
	if (!(route->flags & API_BODY)) {
		if (request->body.size > 0)
			api_refuse(request, API_ERROR_INVALID, "this request has no body", NULL, NULL);
		return request->body.size == 0;
	}
	body = request->body.size <= API_BODY_MAX
		       ? json_loadb(request->body.at, request->body.size, JSON_REJECT_DUPLICATES, NULL)
		       : NULL;
	if (json_is_object(body)) {
		*ret_body = body;
		return true;
	}
	json_decref(body);
	api_refuse(request, API_ERROR_INVALID, "the body must be a JSON object, with each field once", NULL, NULL);
	return false;
}

static void on_request(void *arg, struct http_request *request)
{
	struct api_listener *listener = arg;
	struct api *api = listener->api;
	char id[API_ID_SIZE] = "", methods_text[64], field_text[96];
	const struct api_route *route;
	struct text methods, field;
	struct api_query query;
	const char *why;
	json_t *body;

	text_init(&methods, methods_text, sizeof(methods_text));
	text_init(&field, field_text, sizeof(field_text));
	route = api_route_find(request->method, request->path, id, &methods);
	if (listener->is_metrics && !(route && route->flags & API_ON_METRICS)) {
		api_refuse(request, API_ERROR_NOT_FOUND, "this port serves /metrics, /health and /ready", NULL, NULL);
		return;
	}
	/* A stranger does not learn which paths there are. */
	if (!(route && route->flags & API_OPEN) && !check_access(api, request))
		return;
	if (!route)
		refuse_route(request, &methods);
	else if (api_query_parse(request->query, route->parameters, &query, &field, &why) < 0)
		api_refuse(request, API_ERROR_INVALID, why, field_text, NULL);
	else if (take_body(request, route, &body))
		api_ask(api, request, route, &query, id, body);
}

static void on_answer(void *arg, int status)
{
	static const enum metric by_class[] = {METRIC_HTTP_2XX, METRIC_HTTP_3XX, METRIC_HTTP_4XX, METRIC_HTTP_5XX};
	struct api_listener *listener = arg;

	if (status >= 200 && status < 600)
		metrics_add(listener->api->options.metrics, by_class[status / 100 - 2], 1);
}

/* ---- life ---- */

static int refuse_start(struct api_problem *problem, int error, const char *text)
{
	struct text to;

	text_init(&to, problem->text, sizeof(problem->text));
	text_add_string(&to, text);
	return error;
}

static int copy_options(struct api *api, const struct api_options *options, struct api_problem *problem)
{
	api->options = *options;
	api->options.token_count = 0;
	if (view_copy(view_of(options->version), api->version, sizeof(api->version)) < 0 ||
	    view_copy(view_of(options->node), api->node, sizeof(api->node)) < 0)
		return refuse_start(problem, ERR_INVALID, "API: the version or the node's name is too long");
	if (options->token_count > API_TOKENS_MAX)
		return refuse_start(problem, ERR_INVALID, "API: monitoring.tokens: at most 64");
	for (size_t i = 0; i < options->token_count; i++) {
		if (strlen(options->tokens[i]) < 16)
			return refuse_start(problem, ERR_INVALID,
					    "API: monitoring.tokens: a token has at least 16 characters; "
					    "`openssl rand -hex 24` makes one");
		api->tokens[i] = view_dup(view_of(options->tokens[i]));
		if (!api->tokens[i])
			return ERR_NOMEM;
		api->options.token_count++;
	}
	if (options->token_count == 0 && !options->allow_anonymous &&
	    !net_address_is_loopback(&options->listen.address))
		return refuse_start(problem, ERR_PERMISSION,
				    "API: monitoring.listen_ip is not a loopback address and there are no "
				    "monitoring.tokens; add a token, or say allow_anonymous = true in so many words");
	return 0;
}

static int open_listener(struct api *api, struct api_listener *listener, const struct net_endpoint *listen,
			 struct api_problem *problem)
{
	const struct http_options http = {.listen = *listen,
					  .server_name = "voxlane",
					  .handler = on_request,
					  .on_answer = on_answer,
					  .arg = listener};
	struct http_problem http_problem;
	int error;

	listener->api = api;
	listener->is_metrics = listener == &api->metrics;
	error = http_server_new(api->loop, &http, &listener->server, &http_problem);
	return error < 0 ? refuse_start(problem, error, http_problem.text) : 0;
}

int api_new(struct loop *loop, const struct api_options *options, struct api **ret_api, struct api_problem *ret_problem)
{
	struct api *api = calloc(1, sizeof(*api));
	int error;

	refuse_start(ret_problem, ERR_NOMEM, "API: out of memory");
	if (!api)
		return ERR_NOMEM;
	api->loop = loop;
	list_init(&api->questions);
	api->started_ms = loop_now_ms(loop);
	api->started_wall_ms = loop_wall_ms(loop);
	error = copy_options(api, options, ret_problem);
	if (error == 0)
		error = open_listener(api, &api->api, &options->listen, ret_problem);
	if (error == 0 && options->metrics_listen.address.family)
		error = open_listener(api, &api->metrics, &options->metrics_listen, ret_problem);
	if (error < 0) {
		api_free(api);
		return error;
	}
	*ret_api = api;
	return 0;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	api_questions_end(api);
	http_server_free(api->metrics.server);
	http_server_free(api->api.server);
	for (size_t i = 0; i < api->options.token_count; i++)
		free(api->tokens[i]);
	free(api);
}

int api_set_tokens(struct api *api, const char *const *tokens, size_t token_count)
{
	struct net_endpoint at = api_endpoint(api);
	char *copies[API_TOKENS_MAX];
	size_t count = 0;

	if (token_count > API_TOKENS_MAX)
		return ERR_INVALID;
	if (token_count == 0 && !api->options.allow_anonymous && !net_address_is_loopback(&at.address))
		return ERR_PERMISSION;
	for (size_t i = 0; i < token_count; i++)
		if (strlen(tokens[i]) < 16)
			return ERR_INVALID;
	while (count < token_count && (copies[count] = view_dup(view_of(tokens[count]))))
		count++;
	if (count < token_count) {
		while (count-- > 0)
			free(copies[count]);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < api->options.token_count; i++)
		free(api->tokens[i]);
	memcpy(api->tokens, copies, count * sizeof(copies[0]));
	api->options.token_count = count;
	return 0;
}

struct net_endpoint api_endpoint(const struct api *api)
{
	return http_server_endpoint(api->api.server);
}

struct net_endpoint api_metrics_endpoint(const struct api *api)
{
	return api->metrics.server ? http_server_endpoint(api->metrics.server) : (struct net_endpoint){0};
}
