/* Inside controlplane/transport: connections of the reliable kinds. connection.c is one of them (bytes in and out, its
 * times); stream.c is all of them (listeners, accepting, connecting, finding, limits).
 */
#ifndef CONTROLPLANE_TRANSPORT_STREAM_PRIVATE_H
#define CONTROLPLANE_TRANSPORT_STREAM_PRIVATE_H

#include "controlplane/loop/loop.h"
#include "controlplane/tls/tls.h"
#include "controlplane/transport/transport_private.h"
#include "lib/container/list.h"
#include "lib/container/map.h"
#include "lib/sip/sip.h"

enum {
	TRANSPORT_READ_MAX = 16384, /* bytes a turn and connection */
	TRANSPORT_ACCEPTS_MAX = 32, /* a turn and listener */
	TRANSPORT_ACCEPT_PAUSE_MS = 100,
};

/* Connections of one address (of one /64) count together. */
struct transport_source {
	struct map_node node;
	struct net_address address;
	uint32_t count, handshakes;
};

struct transport_buffer {
	char *at;
	size_t size, capacity;
};

enum transport_connection_state {
	CONNECTION_CONNECTING,
	CONNECTION_HANDSHAKE, /* TLS */
	CONNECTION_OPEN,
	CONNECTION_DRAINING, /* nothing is read any more; closed once everything is written */
	CONNECTION_CLOSED,   /* found by nobody; the memory goes at the end of the turn */
};

struct transport_connection {
	struct transport_streams *streams;
	struct list link;                 /* in streams->connections */
	struct map_node by_id, by_remote; /* not when CLOSED */
	struct transport_source *source;  /* accepted ones */
	struct transport_flow flow;       /* the maps' keys */
	enum transport_connection_state state;
	struct loop_watch watch;
	struct loop_timer read_timer;  /* connecting, first message, message, idle: one at a time */
	struct loop_timer write_timer; /* while something waits to be written */
	struct loop_message end;
	struct tls_session *tls; /* NULL: none, or nothing came yet */
	struct sip_framer framer;
	struct transport_buffer in, out;
	int error;             /* why it was closed */
	bool has_message;      /* one whole message came */
	bool is_in_message;    /* a part of the next one is here */
	bool is_handshaking;   /* counted as such */
	bool failed_handshake; /* to be told */
	bool reads_on_room;    /* TLS cannot read on before it wrote */
};

struct transport_stream_listener {
	struct transport_streams *streams;
	const struct transport_listen *listen;
	struct loop_watch watch;
	struct loop_timer pause; /* after the descriptors ran out */
};

struct transport_streams {
	struct transport *transport;
	struct list connections;
	struct map by_id, by_remote, sources;
	uint64_t next_id;
	size_t buffered;                                                   /* bytes of all buffers */
	struct transport_stream_listener listeners[TRANSPORT_LISTENS_MAX]; /* beside transport->options.listens */
	char scratch[TRANSPORT_READ_MAX];
};

/* ---- stream.c ---- */
int transport_streams_new(struct transport *transport, struct transport_streams **ret_streams) WARN_UNUSED;
void transport_streams_free(struct transport_streams *streams); /* NULL is allowed */
int transport_streams_listen(struct transport_streams *streams, size_t index,
			     struct transport_problem *ret_problem) WARN_UNUSED;
int transport_streams_send(struct transport_streams *streams, const struct transport_flow *flow,
			   struct view bytes) WARN_UNUSED;
void transport_streams_close(struct transport_streams *streams, const struct transport_flow *flow);
/* Out of maps and counts: nobody finds it any more. */
void transport_streams_forget(struct transport_connection *connection);
/* It is not counted among the handshakes any more. */
void transport_streams_shook(struct transport_connection *connection);

/* ---- connection.c ---- */
/* fd is its own from here on, closed on failure too. ERR_NOMEM, ERR_IO. */
int transport_connection_new(struct transport_streams *streams, const struct transport_flow *flow, int fd,
			     bool is_connecting, struct transport_connection **ret_connection) WARN_UNUSED;
int transport_connection_send(struct transport_connection *connection, struct view bytes) WARN_UNUSED;
/* Closes once what waits is written. */
void transport_connection_drain(struct transport_connection *connection);
/* Closes now; told at the end of the turn. */
void transport_connection_close(struct transport_connection *connection, int error);
void transport_connection_free(struct transport_connection *connection);

/* ---- tcp.c ---- */
int transport_tcp_listen(struct net_endpoint *endpoint, uint8_t dscp, bool shares_port, const char *kind_name,
			 int *ret_fd, struct transport_problem *ret_problem) WARN_UNUSED;
/* Begins to connect from that address of ours. ERR_NOT_FOUND, ERR_LIMIT (no descriptors), ERR_CLOSED, ERR_IO. */
int transport_tcp_connect(const struct net_address *local, const struct net_endpoint *remote, uint8_t dscp,
			  int *ret_fd) WARN_UNUSED;
/* ERR_AGAIN: nobody waits; ERR_LIMIT: no descriptors or memory; ERR_IO. */
int transport_tcp_accept(int listener_fd, uint8_t dscp, int *ret_fd, struct net_endpoint *ret_local,
			 struct net_endpoint *ret_remote) WARN_UNUSED;
/* What became of the connecting: 0 or an error as of transport_tcp_connect. */
int transport_tcp_connected(int fd);
/* Bytes; ERR_AGAIN; ERR_CLOSED (also the end of the stream). */
int transport_tcp_read(int fd, char *buffer, size_t size);
int transport_tcp_write(int fd, struct view bytes);

#endif
