/* One connection: bytes come in and are cut into messages, bytes wait to go out, and its times run. Whatever goes wrong
 * ends in transport_connection_close; the memory goes at the end of the turn, when nothing of it is on the stack. */
#include "controlplane/transport/stream_private.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* ---- buffers: of all connections together at most TRANSPORT_BUFFERED_MAX bytes ---- */

static int buffer_add(struct transport_streams *streams, struct transport_buffer *buffer, struct view bytes)
{
	size_t needed = buffer->size + bytes.size, capacity = buffer->capacity ? buffer->capacity : 2048;
	char *at;

	while (capacity < needed)
		capacity *= 2;
	if (capacity > buffer->capacity) {
		if (streams->buffered + capacity - buffer->capacity > TRANSPORT_BUFFERED_MAX)
			return ERR_LIMIT;
		at = realloc(buffer->at, capacity);
		if (!at)
			return ERR_NOMEM;
		streams->buffered += capacity - buffer->capacity;
		buffer->at = at;
		buffer->capacity = capacity;
	}
	memcpy(buffer->at + buffer->size, bytes.at, bytes.size);
	buffer->size = needed;
	return 0;
}

/* An empty buffer gives its memory back: most connections are idle most of the time. */
static void buffer_consume(struct transport_streams *streams, struct transport_buffer *buffer, size_t size)
{
	buffer->size -= size;
	if (buffer->size > 0) {
		memmove(buffer->at, buffer->at + size, buffer->size);
		return;
	}
	streams->buffered -= buffer->capacity;
	free(buffer->at);
	*buffer = (struct transport_buffer){0};
}

static const struct transport_times *times_of(const struct transport_connection *connection)
{
	return &connection->streams->transport->options.times;
}

/* ---- the socket, or TLS on it ---- */

static int wire_read(void *arg, char *buffer, size_t size)
{
	return transport_tcp_read(((struct transport_connection *)arg)->watch.fd, buffer, size);
}

static int wire_write(void *arg, struct view bytes)
{
	return transport_tcp_write(((struct transport_connection *)arg)->watch.fd, bytes);
}

static int stream_read(struct transport_connection *connection, char *buffer, size_t size)
{
	int got;

	if (!connection->tls)
		return wire_read(connection, buffer, size);
	got = tls_session_read(connection->tls, buffer, size);
	connection->reads_on_room = got == ERR_AGAIN && tls_session_wants_write(connection->tls);
	return got;
}

static int stream_write(struct transport_connection *connection, struct view bytes)
{
	return connection->tls ? tls_session_write(connection->tls, bytes) : wire_write(connection, bytes);
}

/* ---- out ---- */

static int watch_for(struct transport_connection *connection)
{
	bool is_shaking = connection->state == CONNECTION_HANDSHAKE;
	bool wants_room = is_shaking ? connection->tls && tls_session_wants_write(connection->tls)
				     : connection->out.size > 0 || connection->reads_on_room;
	bool is_reading = connection->state == CONNECTION_OPEN || (is_shaking && !wants_room);
	bool is_writing = connection->state == CONNECTION_CONNECTING || wants_room;
	uint32_t events = (is_reading ? EPOLLIN : 0) | (is_writing ? EPOLLOUT : 0);

	return connection->watch.events == events ? 0 : loop_watch_mod(&connection->watch, events);
}

/* Writes what the kernel takes. Returns bytes or an error other than ERR_AGAIN. */
static int write_some(struct transport_connection *connection, struct view bytes)
{
	size_t done = 0;

	while (done < bytes.size) {
		int put = stream_write(connection, view_sub(bytes, done, bytes.size));

		if (put == ERR_AGAIN)
			break;
		if (put < 0)
			return put;
		done += (size_t)put;
	}
	return (int)done;
}

static void flush(struct transport_connection *connection)
{
	struct transport_buffer *out = &connection->out;
	int put = out->size > 0 ? write_some(connection, (struct view){out->at, out->size}) : 0;

	if (put > 0)
		buffer_consume(connection->streams, out, (size_t)put);
	if (put < 0) {
		transport_connection_close(connection, put);
		return;
	}
	if (out->size == 0) {
		loop_timer_stop(connection->streams->transport->loop, &connection->write_timer);
		if (connection->state == CONNECTION_DRAINING) {
			transport_connection_close(connection, ERR_CLOSED);
			return;
		}
	}
	if (watch_for(connection) < 0)
		transport_connection_close(connection, ERR_IO);
}

int transport_connection_send(struct transport_connection *connection, struct view bytes)
{
	struct transport_streams *streams = connection->streams;
	struct transport_buffer *out = &connection->out;
	int put = 0, error = 0;

	if (connection->state >= CONNECTION_DRAINING)
		return ERR_CLOSED;
	if (connection->state == CONNECTION_OPEN && out->size == 0) {
		put = write_some(connection, bytes);
		if (put < 0)
			error = put;
	}
	if (error == 0 && (size_t)put < bytes.size) {
		struct view rest = view_sub(bytes, (size_t)put, bytes.size);

		/* Who does not read is not waited for. */
		error = out->size + rest.size > TRANSPORT_QUEUE_MAX ? ERR_LIMIT : buffer_add(streams, out, rest);
		if (error == 0 && !loop_timer_is_running(&connection->write_timer))
			loop_timer_start(streams->transport->loop, &connection->write_timer,
					 times_of(connection)->write_ms);
		if (error == 0)
			error = watch_for(connection);
	}
	if (error < 0) {
		transport_connection_close(connection, error);
		return ERR_CLOSED;
	}
	return 0;
}

void transport_connection_drain(struct transport_connection *connection)
{
	if (connection->state >= CONNECTION_DRAINING)
		return;
	connection->state = CONNECTION_DRAINING;
	if (connection->out.size == 0)
		transport_connection_close(connection, ERR_CLOSED);
	else if (watch_for(connection) < 0)
		transport_connection_close(connection, ERR_IO);
}

/* ---- in ---- */

/* Which time runs now: for the rest of a message, for the first one, or until it is idle for too long. The time for a
 * message begins with its first byte and is not prolonged by further ones, so trickling does not help. */
static void restart_read_timer(struct transport_connection *connection)
{
	struct loop *loop = connection->streams->transport->loop;
	bool is_accepted = connection->source != NULL, was_in_message = connection->is_in_message;

	connection->is_in_message = connection->in.size > 0;
	if (connection->is_in_message) {
		if (!was_in_message && (connection->has_message || !is_accepted))
			loop_timer_start(loop, &connection->read_timer, times_of(connection)->partial_ms);
	} else if (connection->has_message || !is_accepted) {
		loop_timer_start(loop, &connection->read_timer, times_of(connection)->idle_ms);
	}
}

static void give(struct transport_connection *connection, char *bytes, size_t size)
{
	connection->has_message = true;
	/* A message ended here, so the time of the one behind it starts anew. */
	connection->is_in_message = false;
	transport_receive(connection->streams->transport, &connection->flow, bytes, size);
}

/* Cuts bytes into messages; returns how many were consumed, or an error. */
static int cut(struct transport_connection *connection, char *bytes, size_t size)
{
	struct transport_stats *stats = &connection->streams->transport->stats;
	size_t done = 0, part;

	while (connection->state == CONNECTION_OPEN) {
		switch (sip_frame(&connection->framer, (struct view){bytes + done, size - done}, &part)) {
		case SIP_FRAME_MORE:
			return (int)done;
		case SIP_FRAME_TOO_LARGE:
			stats->truncated++;
			return ERR_TOO_LONG;
		case SIP_FRAME_PING:
			stats->keep_alives++;
			if (transport_connection_send(connection, VIEW("\r\n")) < 0)
				return ERR_CLOSED;
			break;
		case SIP_FRAME_BLANK:
			break;
		case SIP_FRAME_MESSAGE:
			give(connection, bytes + done, part);
			break;
		}
		done += part;
	}
	return (int)size; /* closing: the rest is not wanted */
}

static void read_some(struct transport_connection *connection)
{
	struct transport_streams *streams = connection->streams;
	struct transport_buffer *in = &connection->in;
	int got = stream_read(connection, streams->scratch, sizeof(streams->scratch)), done, error = 0;

	if (got == ERR_AGAIN && watch_for(connection) == 0)
		return;
	if (got < 0) {
		transport_connection_close(connection, got);
		return;
	}
	if (in->size > 0) {
		error = buffer_add(streams, in, (struct view){streams->scratch, (size_t)got});
		done = error < 0 ? error : cut(connection, in->at, in->size);
		if (done > 0)
			buffer_consume(streams, in, (size_t)done);
	} else {
		done = cut(connection, streams->scratch, (size_t)got);
		if (done >= 0 && done < got)
			error = buffer_add(streams, in, (struct view){streams->scratch + done, (size_t)(got - done)});
	}
	if (error < 0 || done < 0)
		transport_connection_close(connection, error < 0 ? error : done);
	else if (connection->state == CONNECTION_OPEN)
		restart_read_timer(connection);
}

/* ---- events ---- */

static void open_for_messages(struct transport_connection *connection)
{
	connection->state = CONNECTION_OPEN;
	if (connection->source)
		loop_timer_start(connection->streams->transport->loop, &connection->read_timer,
				 times_of(connection)->first_ms);
	restart_read_timer(connection);
	flush(connection);
}

static void tell_handshake(struct transport_connection *connection, int error, const char *why)
{
	struct transport *transport = connection->streams->transport;

	if (error == 0)
		transport->stats.handshakes++;
	else if (error == ERR_TIMEOUT)
		transport->stats.handshakes_late++;
	else
		transport->stats.handshakes_failed++;
	if (transport->options.on_handshake)
		transport->options.on_handshake(transport->options.arg, &connection->flow, error, why);
}

/* Who connects and says nothing costs no session. */
static int make_session(struct transport_connection *connection)
{
	const struct tls_wire wire = {.read = wire_read, .write = wire_write, .arg = connection};
	struct tls_context *tls = connection->streams->transport->options.tls;
	const struct transport_flow *flow = &connection->flow;
	char address[NET_ADDRESS_TEXT];
	const char *name = NULL;

	if (connection->tls)
		return 0;
	if (!tls)
		return ERR_UNSUPPORTED;
	if (connection->source)
		return tls_session_new_server(tls, &wire, &connection->tls);
	net_address_print(&flow->remote.address, address);
	if (flow->peer >= TRANSPORT_PEER_FIRST)
		name = tls_context_named(tls, flow->peer - TRANSPORT_PEER_FIRST);
	return tls_session_new_client(tls, &wire, name ? name : address, flow->peer == TRANSPORT_PEER_ANY,
				      &connection->tls);
}

static void shake_hands(struct transport_connection *connection)
{
	int error = make_session(connection);

	if (error == 0)
		error = tls_session_handshake(connection->tls);
	if (error == ERR_AGAIN && watch_for(connection) == 0)
		return;
	if (error == 0) {
		transport_streams_shook(connection);
		tell_handshake(connection, 0, "");
		open_for_messages(connection);
	} else {
		transport_connection_close(connection, error == ERR_AGAIN ? ERR_IO : error);
	}
}

static void finish_connecting(struct transport_connection *connection)
{
	int error = transport_tcp_connected(connection->watch.fd);

	if (error < 0) {
		transport_connection_close(connection, error);
	} else if (connection->flow.kind == TRANSPORT_TLS) {
		connection->state = CONNECTION_HANDSHAKE;
		loop_timer_start(connection->streams->transport->loop, &connection->read_timer,
				 times_of(connection)->handshake_ms);
		shake_hands(connection);
	} else {
		open_for_messages(connection);
	}
}

static void on_ready(void *arg, uint32_t events)
{
	struct transport_connection *connection = arg;

	if (connection->state == CONNECTION_CONNECTING) {
		finish_connecting(connection);
		return;
	}
	if (connection->state == CONNECTION_HANDSHAKE) {
		shake_hands(connection);
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR) || connection->reads_on_room) &&
	    connection->state == CONNECTION_OPEN)
		read_some(connection);
	if (events & EPOLLOUT && connection->state < CONNECTION_CLOSED)
		flush(connection);
	else if (events & (EPOLLHUP | EPOLLERR) && connection->state == CONNECTION_DRAINING)
		transport_connection_close(connection, ERR_CLOSED);
}

static void on_timer(void *arg)
{
	struct transport_connection *connection = arg;

	connection->streams->transport->stats.timeouts++;
	transport_connection_close(connection, ERR_TIMEOUT);
}

/* ---- life ---- */

void transport_connection_free(struct transport_connection *connection)
{
	loop_defer_cancel(connection->streams->transport->loop, &connection->end);
	list_del(&connection->link);
	buffer_consume(connection->streams, &connection->in, connection->in.size);
	buffer_consume(connection->streams, &connection->out, connection->out.size);
	tls_session_free(connection->tls);
	free(connection);
}

static void on_end(void *arg)
{
	struct transport_connection *connection = arg;
	struct transport *transport = connection->streams->transport;

	if (connection->failed_handshake)
		tell_handshake(connection, connection->error,
			       connection->tls && tls_session_why(connection->tls)[0] ? tls_session_why(connection->tls)
										      : error_text(connection->error));
	if (transport->receiver.on_closed)
		transport->receiver.on_closed(transport->receiver.arg, &connection->flow, connection->error);
	transport_connection_free(connection);
}

void transport_connection_close(struct transport_connection *connection, int error)
{
	struct loop *loop = connection->streams->transport->loop;
	int fd = connection->watch.fd;

	if (connection->state == CONNECTION_CLOSED)
		return;
	connection->failed_handshake = connection->state == CONNECTION_HANDSHAKE;
	if (connection->tls && connection->state >= CONNECTION_OPEN && error != ERR_IO)
		tls_session_end(connection->tls);
	connection->state = CONNECTION_CLOSED;
	connection->error = error;
	loop_watch_del(&connection->watch);
	loop_timer_stop(loop, &connection->read_timer);
	loop_timer_stop(loop, &connection->write_timer);
	close(fd);
	transport_streams_forget(connection);
	loop_defer(loop, &connection->end);
}

int transport_connection_new(struct transport_streams *streams, const struct transport_flow *flow, int fd,
			     bool is_connecting, struct transport_connection **ret_connection)
{
	struct transport_connection *connection = calloc(1, sizeof(*connection));
	struct loop *loop = streams->transport->loop;
	bool is_tls = flow->kind == TRANSPORT_TLS;
	int error = ERR_NOMEM;

	if (connection)
		error = loop_watch_add(loop, &connection->watch, fd, is_connecting ? EPOLLOUT : EPOLLIN, on_ready,
				       connection);
	if (error < 0) {
		close(fd);
		free(connection);
		return error;
	}
	connection->streams = streams;
	connection->flow = *flow;
	connection->state = is_connecting ? CONNECTION_CONNECTING : is_tls ? CONNECTION_HANDSHAKE : CONNECTION_OPEN;
	loop_timer_init(&connection->read_timer, on_timer, connection);
	loop_timer_init(&connection->write_timer, on_timer, connection);
	loop_message_init(&connection->end, on_end, connection);
	loop_timer_start(loop, &connection->read_timer,
			 is_connecting
				 ? (flow->is_free ? times_of(connection)->trial_ms : times_of(connection)->connect_ms)
			 : is_tls ? times_of(connection)->handshake_ms
				  : times_of(connection)->first_ms);
	list_add(&streams->connections, &connection->link);
	*ret_connection = connection;
	return 0;
}
