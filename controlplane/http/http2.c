/* HTTP/2: streams to exchanges and answers to frames, with nghttp2. Callbacks only note what to do; frames leave in
 * http2_pump, outside of them. */
#include "controlplane/http/http_private.h"

#include "controlplane/loop/loop.h"

enum { ANSWER_FIELDS_MAX = 24, SETTINGS_MAX = 256 };

static struct http_exchange *exchange_of(nghttp2_session *session, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(session, stream);
}

/* ---- requests ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http_connection *connection = user;
	struct http_exchange *exchange;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	exchange = http_exchange_new(connection);
	if (!exchange) /* resets the stream */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	exchange->stream = frame->hd.stream_id;
	exchange->request.is_http2 = true;
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange);
	return 0;
}

static int add_field(struct http_exchange *exchange, struct view name, struct view value)
{
	static const struct {
		const char *name;
		size_t offset;
	} pseudo[] = {
		{":method", offsetof(struct http_exchange, method)},
		{":path", offsetof(struct http_exchange, target)},
		{":scheme", offsetof(struct http_exchange, scheme)},
		{":authority", offsetof(struct http_exchange, authority)},
	};
	size_t i = exchange->field_count;

	for (size_t k = 0; k < ARRAY_LEN(pseudo); k++)
		if (view_is(name, pseudo[k].name))
			return http_exchange_extend(
				exchange, (struct http_span *)(void *)((char *)exchange + pseudo[k].offset), value);
	if (i == HTTP_FIELDS_MAX)
		return ERR_LIMIT;
	exchange->field_count++;
	if (http_exchange_extend(exchange, &exchange->names[i], name) < 0)
		return ERR_LIMIT;
	return http_exchange_extend(exchange, &exchange->values[i], value);
}

/* nghttp2 has checked names, values and their order (RFC 9113 8.2, 8.3). Trailers find the head finished. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
		     const uint8_t *value, size_t value_size, uint8_t flags, void *user)
{
	struct http_exchange *exchange = exchange_of(session, frame->hd.stream_id);

	if (!exchange || exchange->state != HTTP_RECEIVING || exchange->request.headers)
		return 0;
	if (add_field(exchange, (struct view){(const char *)name, name_size},
		      (struct view){(const char *)value, value_size}) < 0)
		http_exchange_refuse(exchange, 431);
	return 0;
}

static void on_head(struct http_exchange *exchange)
{
	const struct http_request *request = &exchange->request;
	struct view length;
	uint64_t size;

	if (http_exchange_finish_head(exchange) < 0) {
		http_exchange_refuse(exchange, 400);
		return;
	}
	length = http_request_header(request, "content-length");
	if (length.at && view_to_u64(length, UINT64_MAX, &size) == 0 && size > exchange->core->limits.body_bytes_max)
		http_exchange_refuse(exchange, 413);
	else if (view_is(request->method, "CONNECT"))
		http_exchange_refuse(exchange, 501);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct http_exchange *exchange = exchange_of(session, frame->hd.stream_id);

	if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) || !exchange ||
	    exchange->state != HTTP_RECEIVING)
		return 0;
	if (!exchange->request.headers)
		on_head(exchange);
	if (exchange->state == HTTP_RECEIVING && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		http_exchange_dispatch(exchange);
	return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t size,
			 void *user)
{
	struct http_exchange *exchange = exchange_of(session, stream);
	int error;

	if (!exchange || exchange->state != HTTP_RECEIVING)
		return 0;
	error = http_exchange_add_body(exchange, (struct view){(const char *)bytes, size});
	if (error < 0)
		http_exchange_refuse(exchange, error == ERR_TOO_LONG ? 413 : 503);
	return 0;
}

/* A client that resets streams while their handlers work costs us more than itself: it may do that streams_max times
 * more often than it waits for an answer (CVE-2023-44487). */
static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct http_connection *connection = user;
	struct http_exchange *exchange = exchange_of(session, stream);

	if (!exchange)
		return 0;
	nghttp2_session_set_stream_user_data(session, stream, NULL);
	if (exchange->state == HTTP_HANDLED && ++connection->orphans > connection->core->limits.streams_max)
		nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
	http_exchange_detach(exchange);
	return 0;
}

/* ---- answers ---- */

static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size, uint32_t *flags,
			   nghttp2_data_source *source, void *user)
{
	struct http_exchange *exchange = source->ptr;
	size_t taken = MIN(size, exchange->answer.size - exchange->answer_sent);

	memcpy(buffer, exchange->answer.at + exchange->answer_sent, taken);
	exchange->answer_sent += taken;
	exchange->progress_ms = loop_now_ms(exchange->core->loop);
	if (exchange->answer_sent == exchange->answer.size)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)taken;
}

static void add_answer_field(nghttp2_nv *fields, size_t *count, struct view name, struct view value)
{
	if (BUG_ON(*count == ANSWER_FIELDS_MAX))
		return;
	/* nghttp2 copies both; its members are not const for those who let it not. */
	fields[(*count)++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.at,
					  .namelen = name.size,
					  .value = (uint8_t *)(uintptr_t)value.at,
					  .valuelen = value.size};
}

void http2_answer(struct http_exchange *exchange, struct http_answer *answer)
{
	struct http_core *core = exchange->core;
	struct http_connection *connection = exchange->connection;
	nghttp2_data_provider provider = {.source.ptr = exchange, .read_callback = read_answer};
	bool has_body = http_status_has_body(answer->status);
	nghttp2_nv fields[ANSWER_FIELDS_MAX];
	char date[HTTP_DATE_SIZE], numbers[48];
	struct text status, length;
	size_t count = 0;

	exchange->answer = answer->body;
	connection->orphans -= MIN(connection->orphans, 1);
	http_date_print(core, date);
	text_init(&status, numbers, 8);
	text_printf(&status, "%d", answer->status);
	text_init(&length, numbers + 8, sizeof(numbers) - 8);
	text_add_u64(&length, exchange->answer.size);
	add_answer_field(fields, &count, VIEW(":status"), text_view(&status));
	add_answer_field(fields, &count, VIEW("date"), view_of(date));
	if (core->server_name)
		add_answer_field(fields, &count, VIEW("server"), view_of(core->server_name));
	if (answer->content_type && exchange->answer.size > 0)
		add_answer_field(fields, &count, VIEW("content-type"), view_of(answer->content_type));
	if (has_body)
		add_answer_field(fields, &count, VIEW("content-length"), text_view(&length));
	for (size_t i = 0; i < answer->header_count; i++)
		add_answer_field(fields, &count, answer->headers[i].name, answer->headers[i].value);
	has_body = has_body && !exchange->is_head && exchange->answer.size > 0;
	if (nghttp2_submit_response(connection->session, exchange->stream, fields, count, has_body ? &provider : NULL) <
	    0)
		http_connection_close(connection); /* out of memory */
}

/* Also of a request that was answered before it was whole, when its rest does not come in time. The rest is thrown away
 * until then: clients in use (curl 7.88) take a reset for a failure, although RFC 9113 8.1 offers it. */
void http2_reset(struct http_exchange *exchange)
{
	if (nghttp2_submit_rst_stream(exchange->connection->session, NGHTTP2_FLAG_NONE, exchange->stream,
				      NGHTTP2_CANCEL) < 0)
		http_connection_close(exchange->connection);
}

/* ---- the session ---- */

static int new_session(struct http_connection *connection)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	int error = ERR_NOMEM;

	if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0) {
		nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
		nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
		nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
		nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
		nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
		nghttp2_option_set_no_closed_streams(option, 1); /* closed streams are not kept for priorities */
		nghttp2_option_set_max_outbound_ack(option, 64);
		if (nghttp2_session_server_new2(&connection->session, callbacks, connection, option) == 0)
			error = 0;
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return error;
}

static int submit_settings(struct http_connection *connection)
{
	const struct http_limits *limits = &connection->core->limits;
	const nghttp2_settings_entry entries[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams_max},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits->header_bytes_max},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};

	return nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries)) < 0
		       ? ERR_NOMEM
		       : 0;
}

int http2_start(struct http_connection *connection)
{
	int error = new_session(connection);

	return error < 0 ? error : submit_settings(connection);
}

/* RFC 4648 5, without padding. ERR_SYNTAX. */
static int base64url_decode(struct view text, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned bit_count = 0;
	size_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		const char *digit = text.at[i] ? strchr(digits, text.at[i]) : NULL;

		if (!digit || size == buffer_size)
			return ERR_SYNTAX;
		bits = bits << 6 | (uint32_t)(digit - digits);
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			buffer[size++] = (uint8_t)(bits >> bit_count);
		}
	}
	*ret_size = size;
	return 0;
}

int http2_upgrade(struct http_connection *connection, struct http_exchange *exchange, struct view settings)
{
	uint8_t payload[SETTINGS_MAX];
	size_t size;
	int error = base64url_decode(settings, payload, sizeof(payload), &size);

	if (error == 0)
		error = new_session(connection);
	if (error == 0 && nghttp2_session_upgrade2(connection->session, payload, size, exchange->is_head, exchange) < 0)
		error = ERR_SYNTAX;
	if (error == 0)
		error = submit_settings(connection);
	if (error == 0)
		error = http_connection_write(connection, VIEW("HTTP/1.1 101 Switching Protocols\r\n"
							       "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"));
	if (error < 0) {
		nghttp2_session_del(connection->session);
		connection->session = NULL;
		return error;
	}
	exchange->stream = 1;
	exchange->request.is_http2 = true;
	return 0;
}

size_t http2_feed(struct http_connection *connection, struct view bytes)
{
	ssize_t taken = nghttp2_session_mem_recv(connection->session, (const uint8_t *)bytes.at, bytes.size);

	if (taken >= 0)
		return (size_t)taken;
	/* What breaks the rules of a stream or the connection nghttp2 answers itself; this is a bad preface, a flood,
	 * or no memory. */
	http_connection_close(connection);
	return bytes.size;
}

void http2_pump(struct http_connection *connection)
{
	while (connection->session && connection->output.size - connection->output_sent < HTTP_OUTPUT_HIGH) {
		const uint8_t *bytes;
		ssize_t size = nghttp2_session_mem_send(connection->session, &bytes);

		if (size == 0)
			return;
		if (size < 0 ||
		    http_connection_write(connection, (struct view){(const char *)bytes, (size_t)size}) < 0) {
			http_connection_close(connection);
			return;
		}
	}
}

void http2_shutdown(struct http_connection *connection)
{
	if (nghttp2_session_terminate_session(connection->session, NGHTTP2_NO_ERROR) < 0)
		http_connection_close(connection);
}

bool http2_is_over(const struct http_connection *connection)
{
	return !nghttp2_session_want_read(connection->session) && !nghttp2_session_want_write(connection->session);
}
