/* Inside controlplane/http: exchanges (a request and its answer), connections, the two protocols.
 *
 * Bytes come in by http_connection_received and leave by http_connection_output; sockets are only in server.c. All of
 * it stands on one struct http_core, so that tests and the fuzz target run connections on a simulated loop.
 */
#ifndef CONTROLPLANE_HTTP_HTTP_PRIVATE_H
#define CONTROLPLANE_HTTP_HTTP_PRIVATE_H

#include <http_parser.h>
#include <nghttp2/nghttp2.h>

#include "controlplane/http/http.h"
#include "lib/container/list.h"

enum {
	HTTP_FIELDS_MAX = 64,     /* header fields of a request; more is 431 */
	HTTP_INPUT_SIZE = 16384,  /* read at a time, and all that may wait behind a request that is being answered */
	HTTP_OUTPUT_HIGH = 65536, /* more unsent bytes than that: nothing more is read or taken from HTTP/2 */
	HTTP_LINGER_MS = 1000,    /* after our end of the connection: wait for the client to read the last answer */
};

/* What all connections of a server share. */
struct http_connection;
struct http_core {
	struct loop *loop; /* for its clocks */
	struct http_limits limits;
	const char *server_name;
	http_handler *handler;
	void (*on_answer)(void *arg, int status);
	void *arg;
	void (*on_output)(struct http_connection *connection); /* an answer came outside of received; may be NULL */
	void (*on_last_request)(struct http_core *core);       /* `requests` became 0; may be NULL */
	size_t memory, requests;
};

/* ---- buffers, charged to the core's memory_max (exchange.c) ---- */
struct http_buffer {
	char *at;
	size_t size, capacity;
};
/* ERR_LIMIT (memory_max), ERR_NOMEM. */
int http_buffer_reserve(struct http_core *core, struct http_buffer *buffer, size_t size) WARN_UNUSED;
int http_buffer_add(struct http_core *core, struct http_buffer *buffer, struct view bytes) WARN_UNUSED;
void http_buffer_fini(struct http_core *core, struct http_buffer *buffer);

/* ---- an exchange: a request and its answer (exchange.c) ---- */
struct http_span {
	uint32_t from, size; /* in exchange->head */
};

enum http_exchange_state {
	HTTP_RECEIVING, /* the connection's */
	HTTP_HANDLED,   /* the handler's; connection is NULL when nobody waits for the answer any more */
	HTTP_ANSWERED,  /* HTTP/2: until the answer is sent */
};

struct http_exchange {
	struct http_request request;
	struct http_core *core;
	struct http_connection *connection;
	struct list link; /* in connection->exchanges */
	enum http_exchange_state state;
	int32_t stream;                   /* HTTP/2 */
	uint64_t started_ms, progress_ms; /* progress: of sending the answer */
	struct http_buffer head;          /* target, names, values */
	struct http_span method, target, scheme, authority;
	struct http_span names[HTTP_FIELDS_MAX], values[HTTP_FIELDS_MAX];
	size_t field_count;
	struct http_header headers[HTTP_FIELDS_MAX];
	struct http_buffer body;
	bool is_head;
	struct http_buffer answer; /* HTTP/2: its body */
	size_t answer_sent;
};

/* NULL: memory_max, or out of memory. */
struct http_exchange *http_exchange_new(struct http_connection *connection);
void http_exchange_free(struct http_exchange *exchange);
/* Appends to the span, which is empty or the last one appended to. ERR_LIMIT: header_bytes_max or memory_max. */
int http_exchange_extend(struct http_exchange *exchange, struct http_span *span, struct view bytes) WARN_UNUSED;
/* Fills in request from the spans. ERR_SYNTAX: the target is none. */
int http_exchange_finish_head(struct http_exchange *exchange) WARN_UNUSED;
int http_exchange_add_body(struct http_exchange *exchange, struct view bytes) WARN_UNUSED;
/* All is there: to the handler, or 503 when requests_max is reached. */
void http_exchange_dispatch(struct http_exchange *exchange);
/* Answers in the server's own name, in the form of api.md; the exchange is over. */
void http_exchange_refuse(struct http_exchange *exchange, int status);
/* The connection goes: frees the exchange, or leaves it to its handler. */
void http_exchange_detach(struct http_exchange *exchange);
/* The body of such an answer; status is a row of the table, or 500. */
struct view http_refusal_body(int status);

/* ---- an answer on its way into a protocol ---- */
struct http_answer {
	int status;
	const char *content_type;
	struct http_buffer body; /* taken over by the protocol */
	const struct http_header *headers;
	size_t header_count;
};
#define HTTP_DATE_SIZE 30
void http_date_print(const struct http_core *core, char date[HTTP_DATE_SIZE]);
bool http_status_has_body(int status);

/* ---- connections (connection.c) ---- */
enum http_protocol { HTTP_UNKNOWN, HTTP_1, HTTP_2 };

struct http_connection {
	struct http_core *core;
	struct net_endpoint remote;
	enum http_protocol protocol;
	struct list exchanges;
	bool is_running; /* inside http_connection_run: an answer must not run it again */
	bool is_closing; /* nothing more is read; over when the output is sent */
	uint64_t idle_since_ms, input_since_ms, output_since_ms; /* input: first byte that belongs to no exchange yet */
	/* input not yet taken */
	char *input;
	size_t input_from, input_to;
	/* output not yet sent */
	struct http_buffer output;
	size_t output_sent;
	/* HTTP/1.1 */
	http_parser parser;
	struct http_exchange *current; /* being received, or waited for */
	struct http_span *span;        /* being extended */
	bool is_keep_alive;
	int refusal; /* a callback failed with this status */
	/* HTTP/2 */
	nghttp2_session *session;
	size_t orphans; /* streams reset while their handler was at work */
};

int http_connection_init(struct http_connection *connection, struct http_core *core,
			 const struct net_endpoint *remote) WARN_UNUSED;
void http_connection_fini(struct http_connection *connection);
/* Where the next bytes may be put; size 0: not now. */
size_t http_connection_space(struct http_connection *connection, char **ret_at);
void http_connection_received(struct http_connection *connection, size_t size);
/* What is to be sent now, and how much of it was. */
struct view http_connection_output(const struct http_connection *connection);
void http_connection_sent(struct http_connection *connection, size_t size);
/* Goes on after an answer. */
void http_connection_run(struct http_connection *connection);
/* All said: to be closed. */
bool http_connection_is_over(const struct http_connection *connection);
/* Cuts off what is over its time. False: the connection is to be dropped at once. */
bool http_connection_check_time(struct http_connection *connection);
/* Ends the connection after the output. */
void http_connection_close(struct http_connection *connection);
int http_connection_write(struct http_connection *connection, struct view bytes) WARN_UNUSED;

/* ---- HTTP/1.1 (http1.c) ---- */
void http1_start(struct http_connection *connection);
size_t http1_feed(struct http_connection *connection, struct view bytes); /* returns how many it took */
void http1_answer(struct http_exchange *exchange, struct http_answer *answer);
void http1_refuse(struct http_connection *connection, int status); /* answers, then closes */

/* ---- HTTP/2 (http2.c) ---- */
int http2_start(struct http_connection *connection) WARN_UNUSED;
/* Takes an HTTP/1.1 request over as stream 1. settings: of HTTP2-Settings, base64url. ERR_SYNTAX, ERR_NOMEM. */
int http2_upgrade(struct http_connection *connection, struct http_exchange *exchange, struct view settings) WARN_UNUSED;
size_t http2_feed(struct http_connection *connection, struct view bytes);
void http2_pump(struct http_connection *connection); /* frames into the output, up to HTTP_OUTPUT_HIGH */
void http2_answer(struct http_exchange *exchange, struct http_answer *answer);
void http2_reset(struct http_exchange *exchange);        /* CANCEL; the exchange goes with its stream */
void http2_shutdown(struct http_connection *connection); /* GOAWAY */
bool http2_is_over(const struct http_connection *connection);

#endif
