/* An HTTP server: HTTP/1.1 and HTTP/2 in the clear on one port, asynchronous handlers, bounded memory.
 *
 * Used by controlplane/api. The only user of nghttp2 (HTTP/2) and http-parser (HTTP/1.1).
 * Protocols: HTTP/1.1 (RFC 9112: keep-alive, pipelining answered in order, HEAD, Content-Length and chunked bodies,
 * Expect: 100-continue), HTTP/1.0, HTTP/2 (RFC 9113) with prior knowledge, and by Upgrade: h2c (RFC 7540 3.2) for a
 * request without a body. A connection is bytes in, bytes out (connection.c), so TLS will stand between it and the
 * socket.
 * Threads: everything on the loop's one thread, http_respond too.
 * Ownership: a request belongs to the handler from the call of the handler until http_respond, which it calls exactly
 * once, at once or later. The request stays valid all that time, also when the client went away or the server was
 * freed; the answer then goes nowhere. All views in it live as long as it does.
 * Limits: struct http_limits; each one answers or closes as its comment says. Requests (headers too) and answers of all
 * clients together never take more than memory_max; beside it a connection has fixed sizes only (16 KiB of input, and
 * nghttp2's tables).
 */
#ifndef CONTROLPLANE_HTTP_HTTP_H
#define CONTROLPLANE_HTTP_HTTP_H

#include "lib/base/base.h"
#include "lib/net/net.h"

struct loop;

struct http_limits {               /* 0 takes the default */
	uint32_t connections_max;  /* 512; one more is accepted and closed at once */
	uint32_t streams_max;      /* 64 a connection (HTTP/2); more are refused (REFUSED_STREAM) */
	uint32_t requests_max;     /* 1024 a server that wait for their answer; more get 503 */
	uint32_t header_bytes_max; /* 16384 a request: names and values and target; more is 431 */
	uint32_t body_bytes_max;   /* 1 MiB a request; more is 413 */
	size_t memory_max;         /* 64 MiB a server of requests and unsent answers; beyond it 503 */
	uint32_t idle_ms;          /* 60000 without a request: closed */
	uint32_t request_ms;       /* 30000 from its first byte to its last: 408, closed */
	uint32_t send_ms;          /* 15000 without the client taking a byte of what waits for it: closed */
};

struct http_header {
	struct view name, value; /* names in lower case */
};

struct http_request {
	struct view method;    /* "GET"; HEAD is given to the handler as it is, the body of its answer is not sent */
	struct view path;      /* as sent, percent-encoding kept: "/api/v1/calls" */
	struct view query;     /* behind the '?', empty without */
	struct view authority; /* Host or :authority */
	const struct http_header *headers;
	size_t header_count;
	struct view body;
	struct net_endpoint remote;
	bool is_http2;
	void *user; /* the handler's */
};

/* The value of the first header of that name (lower case), or an empty view with a NULL pointer. */
struct view http_request_header(const struct http_request *request, const char *name);

typedef void http_handler(void *arg, struct http_request *request);

/* Answers; the request is gone afterwards. body is copied. headers may be NULL. A body that does not fit memory_max
 * becomes 503. */
void http_respond(struct http_request *request, int status, const char *content_type, struct view body,
		  const struct http_header *headers, size_t header_count);
/* The same; body comes from malloc and is taken over, to save the copy of a large one. */
void http_respond_take(struct http_request *request, int status, const char *content_type, char *body, size_t body_size,
		       const struct http_header *headers, size_t header_count);

struct http_options {
	struct net_endpoint listen; /* port 0: any free one */
	const char *server_name;    /* the Server header; NULL: none */
	struct http_limits limits;
	http_handler *handler;
	void (*on_answer)(void *arg,
			  int status); /* after each answer, also the server's own; for counting; may be NULL */
	void *arg;
};

struct http_problem { /* why it cannot start, in words with what to do */
	char text[256];
};

struct http_server;

/* ERR_EXISTS: address and port in use; ERR_NOT_FOUND: not an address of this machine; ERR_PERMISSION; ERR_IO;
 * ERR_NOMEM. */
int http_server_new(struct loop *loop, const struct http_options *options, struct http_server **ret_server,
		    struct http_problem *ret_problem) WARN_UNUSED;
/* Closes the port and all connections at once. NULL is harmless. */
void http_server_free(struct http_server *server);
/* Where it listens; with port 0 the port it got. */
struct net_endpoint http_server_endpoint(const struct http_server *server);

struct http_stats {
	size_t connections, requests; /* now; requests that wait for their answer, orphans included */
	size_t memory;                /* of memory_max, now */
	uint64_t accepted, refused;   /* connections since the start */
};
struct http_stats http_server_stats(const struct http_server *server);

#endif
