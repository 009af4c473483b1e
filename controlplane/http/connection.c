/* A connection without its socket: which protocol it speaks, bytes in, bytes out, and how long each may take. */
#include "controlplane/http/http_private.h"

#include <stdlib.h>

#include "controlplane/loop/loop.h"

static const struct view preface = VIEW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

int http_connection_init(struct http_connection *connection, struct http_core *core, const struct net_endpoint *remote)
{
	*connection = (struct http_connection){.core = core, .remote = *remote};
	connection->input = malloc(HTTP_INPUT_SIZE);
	if (!connection->input)
		return ERR_NOMEM;
	list_init(&connection->exchanges);
	connection->idle_since_ms = loop_now_ms(core->loop);
	return 0;
}

void http_connection_fini(struct http_connection *connection)
{
	/* The session first: its streams name their exchanges. */
	nghttp2_session_del(connection->session);
	connection->session = NULL;
	while (!list_is_empty(&connection->exchanges))
		http_exchange_detach(LIST_ENTRY(list_first(&connection->exchanges), struct http_exchange, link));
	http_buffer_fini(connection->core, &connection->output);
	free(connection->input);
}

/* ---- output ---- */

int http_connection_write(struct http_connection *connection, struct view bytes)
{
	if (connection->output.size == 0)
		connection->output_since_ms = loop_now_ms(connection->core->loop);
	return http_buffer_add(connection->core, &connection->output, bytes);
}

struct view http_connection_output(const struct http_connection *connection)
{
	if (connection->output.size == 0)
		return VIEW_EMPTY;
	return (struct view){connection->output.at + connection->output_sent,
			     connection->output.size - connection->output_sent};
}

void http_connection_sent(struct http_connection *connection, size_t size)
{
	if (BUG_ON(size > connection->output.size - connection->output_sent) || size == 0)
		return;
	connection->output_sent += size;
	connection->output_since_ms = loop_now_ms(connection->core->loop);
	if (connection->output_sent < connection->output.size)
		return;
	connection->output.size = connection->output_sent = 0;
	/* A large answer's memory is not kept through the idle time behind it. */
	if (connection->output.capacity > HTTP_INPUT_SIZE)
		http_buffer_fini(connection->core, &connection->output);
	http_connection_run(connection);
}

/* ---- input ---- */

static bool is_output_high(const struct http_connection *connection)
{
	return connection->output.size - connection->output_sent >= HTTP_OUTPUT_HIGH;
}

size_t http_connection_space(struct http_connection *connection, char **ret_at)
{
	if (connection->is_closing || is_output_high(connection))
		return 0;
	if (connection->input_from > 0) {
		memmove(connection->input, connection->input + connection->input_from,
			connection->input_to - connection->input_from);
		connection->input_to -= connection->input_from;
		connection->input_from = 0;
	}
	*ret_at = connection->input + connection->input_to;
	return HTTP_INPUT_SIZE - connection->input_to;
}

/* The preface is no HTTP/1.1 request, so its first differing byte decides. False: more bytes are needed. */
static bool choose_protocol(struct http_connection *connection, struct view bytes)
{
	size_t size = MIN(bytes.size, preface.size);

	if (memcmp(bytes.at, preface.at, size) != 0) {
		connection->protocol = HTTP_1;
		http1_start(connection);
		return true;
	}
	if (size < preface.size)
		return false;
	connection->protocol = HTTP_2;
	if (http2_start(connection) < 0)
		http_connection_close(connection);
	return true;
}

/* Takes what it can of the input. False: nothing moved. */
static bool feed(struct http_connection *connection)
{
	struct view bytes = {connection->input + connection->input_from, connection->input_to - connection->input_from};
	size_t taken;

	if (connection->is_closing || bytes.size == 0 || is_output_high(connection))
		return false;
	if (connection->protocol == HTTP_UNKNOWN && !choose_protocol(connection, bytes))
		return false;
	if (connection->is_closing)
		return true;
	taken = connection->protocol == HTTP_2 ? http2_feed(connection, bytes) : http1_feed(connection, bytes);
	connection->input_from += taken;
	return taken > 0;
}

void http_connection_run(struct http_connection *connection)
{
	if (connection->is_running)
		return;
	connection->is_running = true;
	while (feed(connection))
		continue;
	if (connection->protocol == HTTP_2)
		http2_pump(connection);
	if (connection->is_closing || connection->input_from == connection->input_to)
		connection->input_from = connection->input_to = 0;
	connection->is_running = false;
}

void http_connection_received(struct http_connection *connection, size_t size)
{
	if (connection->input_from == connection->input_to)
		connection->input_since_ms = loop_now_ms(connection->core->loop);
	connection->input_to += size;
	http_connection_run(connection);
}

/* ---- the end ---- */

void http_connection_close(struct http_connection *connection)
{
	connection->is_closing = true;
}

bool http_connection_is_over(const struct http_connection *connection)
{
	if (connection->output.size > 0)
		return false;
	return connection->is_closing || (connection->protocol == HTTP_2 && http2_is_over(connection));
}

/* A request that comes too slowly, or an answer that the client does not take. */
static void check_exchange(struct http_exchange *exchange, uint64_t now_ms)
{
	const struct http_limits *limits = &exchange->core->limits;
	struct http_connection *connection = exchange->connection;

	if (exchange->state == HTTP_RECEIVING && now_ms - exchange->started_ms >= limits->request_ms) {
		if (connection->protocol == HTTP_2)
			http_exchange_refuse(exchange, 408);
		else
			http1_refuse(connection, 408);
	} else if (exchange->state == HTTP_ANSWERED && now_ms - exchange->progress_ms >= limits->send_ms) {
		http2_reset(exchange);
	}
}

bool http_connection_check_time(struct http_connection *connection)
{
	const struct http_limits *limits = &connection->core->limits;
	uint64_t now_ms = loop_now_ms(connection->core->loop);

	if (connection->output.size > 0)
		return now_ms - connection->output_since_ms < limits->send_ms;
	connection->is_running = true; /* answers are collected, and pumped below */
	LIST_FOREACH_SAFE (it, &connection->exchanges)
		check_exchange(LIST_ENTRY(it, struct http_exchange, link), now_ms);
	connection->is_running = false;
	http_connection_run(connection);
	if (!list_is_empty(&connection->exchanges) || connection->output.size > 0)
		return true;
	/* Bytes that begin no request yet: a preface that stops half-way. */
	if (connection->input_to > connection->input_from && now_ms - connection->input_since_ms >= limits->request_ms)
		return false;
	if (now_ms - connection->idle_since_ms < limits->idle_ms || connection->is_closing)
		return true;
	if (connection->protocol != HTTP_2)
		return false;
	http2_shutdown(connection);
	http2_pump(connection);
	return true;
}
