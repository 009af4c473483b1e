/* A request while it is received, its way to the handler, and the answer's way back into its protocol. */
#include "controlplane/http/http_private.h"

#include <stdlib.h>
#include <time.h>

#include "controlplane/loop/loop.h"

/* ---- buffers ---- */

int http_buffer_reserve(struct http_core *core, struct http_buffer *buffer, size_t size)
{
	size_t capacity = MAX(buffer->capacity, 512);
	char *at;

	while (capacity < size)
		capacity *= 2;
	if (capacity == buffer->capacity)
		return 0;
	if (core->memory + capacity - buffer->capacity > core->limits.memory_max)
		return ERR_LIMIT;
	at = realloc(buffer->at, capacity);
	if (!at)
		return ERR_NOMEM;
	core->memory += capacity - buffer->capacity;
	buffer->at = at;
	buffer->capacity = capacity;
	return 0;
}

int http_buffer_add(struct http_core *core, struct http_buffer *buffer, struct view bytes)
{
	int error = http_buffer_reserve(core, buffer, buffer->size + bytes.size);

	if (error < 0)
		return error;
	if (bytes.size > 0)
		memcpy(buffer->at + buffer->size, bytes.at, bytes.size);
	buffer->size += bytes.size;
	return 0;
}

void http_buffer_fini(struct http_core *core, struct http_buffer *buffer)
{
	core->memory -= buffer->capacity;
	free(buffer->at);
	*buffer = (struct http_buffer){0};
}

/* ---- life ---- */

struct http_exchange *http_exchange_new(struct http_connection *connection)
{
	struct http_core *core = connection->core;
	struct http_exchange *exchange;

	if (core->memory + sizeof(*exchange) > core->limits.memory_max)
		return NULL;
	exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		return NULL;
	core->memory += sizeof(*exchange);
	exchange->core = core;
	exchange->connection = connection;
	exchange->request.remote = connection->remote;
	exchange->started_ms = loop_now_ms(core->loop);
	list_init(&exchange->link);
	list_add(&connection->exchanges, &exchange->link);
	return exchange;
}

void http_exchange_free(struct http_exchange *exchange)
{
	struct http_core *core = exchange->core;

	list_del(&exchange->link);
	if (exchange->connection && list_is_empty(&exchange->connection->exchanges))
		exchange->connection->idle_since_ms = loop_now_ms(core->loop);
	http_buffer_fini(core, &exchange->head);
	http_buffer_fini(core, &exchange->body);
	http_buffer_fini(core, &exchange->answer);
	core->memory -= sizeof(*exchange);
	free(exchange);
}

void http_exchange_detach(struct http_exchange *exchange)
{
	if (exchange->state != HTTP_HANDLED) {
		http_exchange_free(exchange);
		return;
	}
	list_del(&exchange->link);
	exchange->connection = NULL;
}

/* ---- receiving ---- */

int http_exchange_extend(struct http_exchange *exchange, struct http_span *span, struct view bytes)
{
	int error;

	if (exchange->head.size + bytes.size > exchange->core->limits.header_bytes_max)
		return ERR_LIMIT;
	if (span->size == 0)
		span->from = (uint32_t)exchange->head.size;
	if (BUG_ON(span->from + span->size != exchange->head.size))
		return ERR_STATE;
	error = http_buffer_add(exchange->core, &exchange->head, bytes);
	if (error == 0)
		span->size += (uint32_t)bytes.size;
	return error;
}

static struct view view_of_span(const struct http_exchange *exchange, struct http_span span)
{
	return span.size ? (struct view){exchange->head.at + span.from, span.size} : VIEW_EMPTY;
}

/* Origin form "/path?query", absolute form "http://host/path?query", and "*" of OPTIONS (RFC 9112 3.2). */
static int split_target(struct http_request *request, struct view target)
{
	struct view rest = target;

	if (view_is(target, "*") && view_is(request->method, "OPTIONS")) {
		request->path = target;
		return 0;
	}
	if (target.size > 0 && target.at[0] != '/') {
		struct http_parser_url url;

		http_parser_url_init(&url);
		if (http_parser_parse_url(target.at, target.size, 0, &url) != 0 || !(url.field_set & 1 << UF_HOST))
			return ERR_SYNTAX;
		rest = VIEW("/");
		if (url.field_set & 1 << UF_PATH)
			rest = view_sub(target, url.field_data[UF_PATH].off, target.size);
		request->authority = view_sub(target, url.field_data[UF_HOST].off,
					      target.size - rest.size - url.field_data[UF_HOST].off);
	}
	if (rest.size == 0)
		return ERR_SYNTAX;
	rest = view_sub(rest, 0, view_find(rest, '#'));
	request->path = view_cut(&rest, '?');
	request->query = rest.at ? rest : VIEW_EMPTY;
	return 0;
}

int http_exchange_finish_head(struct http_exchange *exchange)
{
	struct http_request *request = &exchange->request;

	for (size_t i = 0; i < exchange->field_count; i++)
		exchange->headers[i] = (struct http_header){view_of_span(exchange, exchange->names[i]),
							    view_of_span(exchange, exchange->values[i])};
	request->headers = exchange->headers;
	request->header_count = exchange->field_count;
	request->method = view_of_span(exchange, exchange->method);
	request->authority = view_of_span(exchange, exchange->authority);
	if (request->authority.size == 0) {
		struct view host = http_request_header(request, "host");

		request->authority = host.at ? host : VIEW_EMPTY;
	}
	request->query = request->body = VIEW_EMPTY;
	exchange->is_head = view_is(request->method, "HEAD");
	return split_target(request, view_of_span(exchange, exchange->target));
}

int http_exchange_add_body(struct http_exchange *exchange, struct view bytes)
{
	if (exchange->body.size + bytes.size > exchange->core->limits.body_bytes_max)
		return ERR_TOO_LONG;
	return http_buffer_add(exchange->core, &exchange->body, bytes);
}

struct view http_request_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (view_is(request->headers[i].name, name))
			return request->headers[i].value;
	return (struct view){NULL, 0};
}

void http_exchange_dispatch(struct http_exchange *exchange)
{
	struct http_core *core = exchange->core;

	if (exchange->body.size > 0)
		exchange->request.body = (struct view){exchange->body.at, exchange->body.size};
	if (core->requests >= core->limits.requests_max) {
		http_exchange_refuse(exchange, 503);
		return;
	}
	core->requests++;
	exchange->state = HTTP_HANDLED;
	core->handler(core->arg, &exchange->request);
}

/* ---- answering ---- */

static const struct {
	int status;
	const char *body;
} refusals[] = {
#define REFUSAL(status, code, message)                                                                                 \
	{                                                                                                              \
		status, "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"                              \
	}
	REFUSAL(400, "invalid", "this is not a valid HTTP request"),
	REFUSAL(408, "deadline", "the request did not come in time"),
	REFUSAL(413, "limit", "the body is larger than the limit"),
	REFUSAL(414, "limit", "the target is longer than the limit"),
	REFUSAL(417, "unsupported", "the only expectation known is 100-continue"),
	REFUSAL(431, "limit", "the header is larger than the limit"),
	REFUSAL(500, "internal", "the request could not be carried out"),
	REFUSAL(501, "unsupported", "this method is not supported"),
	REFUSAL(503, "limit", "the server is busy, try again later"),
	REFUSAL(505, "unsupported", "HTTP/1.0, HTTP/1.1 and HTTP/2 are supported"),
#undef REFUSAL
};

struct view http_refusal_body(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (refusals[i].status == status)
			return view_of(refusals[i].body);
	return http_refusal_body(500);
}

bool http_status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

void http_date_print(const struct http_core *core, char date[HTTP_DATE_SIZE])
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t seconds = (time_t)(loop_wall_ms(core->loop) / 1000);
	struct text text;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	text_init(&text, date, HTTP_DATE_SIZE);
	text_printf(&text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
		    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Into its protocol; the exchange is over, or lives on until HTTP/2 has sent its answer. */
static void answer(struct http_exchange *exchange, struct http_answer *taken)
{
	struct http_core *core = exchange->core;
	struct http_connection *connection = exchange->connection;

	if (core->on_answer)
		core->on_answer(core->arg, taken->status);
	if (!connection) {
		http_buffer_fini(core, &taken->body);
		http_exchange_free(exchange);
		return;
	}
	exchange->state = HTTP_ANSWERED;
	exchange->progress_ms = loop_now_ms(core->loop);
	if (connection->protocol == HTTP_2)
		http2_answer(exchange, taken);
	else
		http1_answer(exchange, taken);
	if (connection->is_running)
		return;
	http_connection_run(connection);
	if (core->on_output)
		core->on_output(connection);
}

void http_exchange_refuse(struct http_exchange *exchange, int status)
{
	struct http_answer taken = {.status = status, .content_type = "application/json"};

	/* Without memory for the sentence the number has to do. */
	if (http_buffer_add(exchange->core, &taken.body, http_refusal_body(status)) < 0)
		taken.body.size = 0;
	answer(exchange, &taken);
}

void http_respond_take(struct http_request *request, int status, const char *content_type, char *body, size_t body_size,
		       const struct http_header *headers, size_t header_count)
{
	struct http_exchange *exchange = CONTAINER_OF(request, struct http_exchange, request);
	struct http_core *core = exchange->core;
	struct http_answer taken = {.status = status,
				    .content_type = content_type,
				    .body = {body, body_size, body_size},
				    .headers = headers,
				    .header_count = header_count};

	if (BUG_ON(exchange->state != HTTP_HANDLED))
		return;
	core->memory += body_size;
	core->requests--;
	if (core->memory > core->limits.memory_max) {
		http_buffer_fini(core, &taken.body);
		http_exchange_refuse(exchange, 503);
	} else {
		answer(exchange, &taken);
	}
	if (core->requests == 0 && core->on_last_request)
		core->on_last_request(core);
}

void http_respond(struct http_request *request, int status, const char *content_type, struct view body,
		  const struct http_header *headers, size_t header_count)
{
	char *copy = malloc(MAX(body.size, 1));

	if (copy && body.size > 0)
		memcpy(copy, body.at, body.size);
	http_respond_take(request, copy ? status : 500, content_type, copy, copy ? body.size : 0, headers,
			  header_count);
}
