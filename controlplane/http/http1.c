/* HTTP/1.1: one request at a time. The parser is paused behind each, so what is pipelined waits in the connection's
 * input until the answer is written, and answers keep the order of their requests. */
#include "controlplane/http/http_private.h"

static struct http_connection *connection_of(http_parser *parser)
{
	return parser->data;
}

/* The callback's answer to the parser: stop; and why, for the client. */
static int refuse_with(struct http_connection *connection, int status)
{
	connection->refusal = status;
	return -1;
}

/* ---- what the parser tells ---- */

static int on_message_begin(http_parser *parser)
{
	struct http_connection *connection = connection_of(parser);

	connection->current = http_exchange_new(connection);
	connection->span = NULL;
	return connection->current ? 0 : refuse_with(connection, 503);
}

static int on_url(http_parser *parser, const char *at, size_t size)
{
	struct http_connection *connection = connection_of(parser);
	struct http_exchange *exchange = connection->current;

	return http_exchange_extend(exchange, &exchange->target, (struct view){at, size}) < 0
		       ? refuse_with(connection, 414)
		       : 0;
}

static bool is_head_finished(const struct http_exchange *exchange)
{
	return exchange->request.headers != NULL;
}

static int on_header_field(http_parser *parser, const char *at, size_t size)
{
	struct http_connection *connection = connection_of(parser);
	struct http_exchange *exchange = connection->current;
	size_t from = exchange->head.size;

	if (is_head_finished(exchange)) /* trailers of a chunked body: nobody wants them */
		return 0;
	if (exchange->field_count == 0 || connection->span != &exchange->names[exchange->field_count - 1]) {
		if (exchange->field_count == HTTP_FIELDS_MAX)
			return refuse_with(connection, 431);
		connection->span = &exchange->names[exchange->field_count++];
	}
	if (http_exchange_extend(exchange, connection->span, (struct view){at, size}) < 0)
		return refuse_with(connection, 431);
	for (; from < exchange->head.size; from++)
		if (exchange->head.at[from] >= 'A' && exchange->head.at[from] <= 'Z')
			exchange->head.at[from] |= 0x20;
	return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t size)
{
	struct http_connection *connection = connection_of(parser);
	struct http_exchange *exchange = connection->current;

	if (is_head_finished(exchange))
		return 0;
	connection->span = &exchange->values[exchange->field_count - 1];
	return http_exchange_extend(exchange, connection->span, (struct view){at, size}) < 0
		       ? refuse_with(connection, 431)
		       : 0;
}

static size_t count_fields(const struct http_request *request, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < request->header_count; i++)
		count += view_is(request->headers[i].name, name);
	return count;
}

/* 0, or the status of a refusal. */
static int check_head(const http_parser *parser, const struct http_exchange *exchange)
{
	const struct http_request *request = &exchange->request;
	const uint64_t unknown = UINT64_MAX;

	if (parser->http_major != 1 || parser->http_minor > 1)
		return 505;
	if (parser->method == HTTP_CONNECT)
		return 501;
	if (count_fields(request, "host") > 1 || (parser->http_minor == 1 && count_fields(request, "host") == 0))
		return 400; /* RFC 9112 3.2 */
	if (parser->content_length != unknown && parser->content_length > exchange->core->limits.body_bytes_max)
		return 413;
	if (count_fields(request, "expect") > 0 &&
	    !view_is_nocase(http_request_header(request, "expect"), "100-continue"))
		return 417;
	return 0;
}

static int on_headers_complete(http_parser *parser)
{
	struct http_connection *connection = connection_of(parser);
	struct http_exchange *exchange = connection->current;
	struct view method = view_of(http_method_str((enum http_method)parser->method));
	bool has_body =
		(parser->content_length > 0 && parser->content_length != UINT64_MAX) || parser->flags & F_CHUNKED;
	int refusal;

	if (http_exchange_extend(exchange, &exchange->method, method) < 0)
		return refuse_with(connection, 431);
	if (http_exchange_finish_head(exchange) < 0)
		return refuse_with(connection, 400);
	refusal = check_head(parser, exchange);
	if (refusal)
		return refuse_with(connection, refusal);
	if (has_body && parser->http_minor == 1 && http_request_header(&exchange->request, "expect").at &&
	    http_connection_write(connection, VIEW("HTTP/1.1 100 Continue\r\n\r\n")) < 0)
		return refuse_with(connection, 503);
	return 0;
}

static int on_body(http_parser *parser, const char *at, size_t size)
{
	struct http_connection *connection = connection_of(parser);
	int error = http_exchange_add_body(connection->current, (struct view){at, size});

	return error < 0 ? refuse_with(connection, error == ERR_TOO_LONG ? 413 : 503) : 0;
}

static int on_message_complete(http_parser *parser)
{
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_message_begin = on_message_begin,
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* ---- from bytes to the handler ---- */

void http1_start(struct http_connection *connection)
{
	http_parser_init(&connection->parser, HTTP_REQUEST);
	connection->parser.data = connection;
}

static bool wants_http2(const struct http_exchange *exchange)
{
	const struct http_request *request = &exchange->request;

	return exchange->body.size == 0 && view_is_nocase(http_request_header(request, "upgrade"), "h2c") &&
	       count_fields(request, "http2-settings") == 1;
}

/* The request is whole. An upgrade that does not work out is none: the answer comes by HTTP/1.1 then (RFC 9110 7.8). */
static void finish(struct http_connection *connection)
{
	struct http_exchange *exchange = connection->current;
	bool is_upgrade = connection->parser.upgrade;

	http_parser_pause(&connection->parser, 0);
	connection->parser.upgrade = 0;
	connection->is_keep_alive = http_should_keep_alive(&connection->parser) && connection->parser.http_minor == 1;
	if (is_upgrade && wants_http2(exchange) &&
	    http2_upgrade(connection, exchange, http_request_header(&exchange->request, "http2-settings")) == 0) {
		connection->current = NULL;
		connection->protocol = HTTP_2;
	}
	http_exchange_dispatch(exchange);
}

size_t http1_feed(struct http_connection *connection, struct view bytes)
{
	size_t taken;

	if (connection->current && connection->current->state != HTTP_RECEIVING)
		return 0;
	connection->refusal = 0;
	taken = http_parser_execute(&connection->parser, &settings, bytes.at, bytes.size);
	if (HTTP_PARSER_ERRNO(&connection->parser) == HPE_PAUSED) {
		finish(connection);
		return taken;
	}
	if (HTTP_PARSER_ERRNO(&connection->parser) != HPE_OK) {
		int status = HTTP_PARSER_ERRNO(&connection->parser) == HPE_HEADER_OVERFLOW ? 431 : 400;

		if (HTTP_PARSER_ERRNO(&connection->parser) == HPE_INVALID_METHOD)
			status = 501;
		http1_refuse(connection, connection->refusal ? connection->refusal : status);
	}
	return bytes.size;
}

/* ---- answers ---- */

static void print_head(const struct http_connection *connection, const struct http_answer *answer, struct text *text)
{
	char date[HTTP_DATE_SIZE];

	http_date_print(connection->core, date);
	text_printf(text, "HTTP/1.1 %d %s\r\nDate: %s\r\n", answer->status,
		    http_status_str((enum http_status)answer->status), date);
	if (connection->core->server_name)
		text_printf(text, "Server: %s\r\n", connection->core->server_name);
	if (answer->content_type && answer->body.size > 0)
		text_printf(text, "Content-Type: %s\r\n", answer->content_type);
	if (http_status_has_body(answer->status))
		text_printf(text, "Content-Length: %zu\r\n", answer->body.size);
	for (size_t i = 0; i < answer->header_count; i++)
		text_printf(text, "%.*s: %.*s\r\n", VIEW_ARG(answer->headers[i].name),
			    VIEW_ARG(answer->headers[i].value));
	text_printf(text, "%s\r\n", connection->is_keep_alive ? "" : "Connection: close\r\n");
}

/* Head and body into the output. An answer that does not fit ends the connection instead of being cut. */
static void write_answer(struct http_connection *connection, struct http_answer *answer, bool is_head)
{
	struct http_core *core = connection->core;
	char head[2048];
	struct text text;
	int error;

	text_init(&text, head, sizeof(head));
	print_head(connection, answer, &text);
	error = BUG_ON(text.overflow) ? ERR_TOO_LONG : http_connection_write(connection, text_view(&text));
	if (error == 0 && !is_head && http_status_has_body(answer->status) && answer->body.size > 0)
		error = http_connection_write(connection, (struct view){answer->body.at, answer->body.size});
	http_buffer_fini(core, &answer->body);
	if (error < 0) {
		http_buffer_fini(core, &connection->output);
		connection->output_sent = 0;
	}
	if (error < 0 || !connection->is_keep_alive)
		http_connection_close(connection);
}

void http1_answer(struct http_exchange *exchange, struct http_answer *answer)
{
	struct http_connection *connection = exchange->connection;

	write_answer(connection, answer, exchange->is_head);
	connection->current = NULL;
	http_exchange_free(exchange);
}

/* Also without an exchange: what came was no request. */
void http1_refuse(struct http_connection *connection, int status)
{
	struct http_core *core = connection->core;
	struct http_answer answer = {.status = status, .content_type = "application/json"};

	if (connection->current)
		http_exchange_free(connection->current);
	connection->current = NULL;
	connection->is_keep_alive = false;
	if (http_buffer_add(core, &answer.body, http_refusal_body(status)) < 0)
		answer.body.size = 0;
	if (core->on_answer)
		core->on_answer(core->arg, status);
	write_answer(connection, &answer, false);
}
