/* Connections without sockets, on a simulated loop: a handler that echoes at once, or keeps requests for later. */
#ifndef TESTS_UNIT_CONTROLPLANE_HTTP_HTTP_FIXTURE_H
#define TESTS_UNIT_CONTROLPLANE_HTTP_HTTP_FIXTURE_H

#include "controlplane/http/http_private.h"
#include "controlplane/loop/loop.h"
#include "tests/unit/unit.h"

enum { KEPT_MAX = 256 };

struct fixture {
	struct loop *loop;
	struct http_core core;
	struct http_connection connection;
	bool keeps; /* the handler answers later */
	struct http_request *kept[KEPT_MAX];
	size_t kept_count;
	char answer[1 << 20]; /* body of the answer; empty: what was asked */
	char output[4 << 20]; /* all that was sent */
	size_t output_size;
	int statuses[1024];
	size_t status_count;
};

static inline void fixture_answer(struct fixture *fixture, struct http_request *request)
{
	char echo[512];
	struct text text;

	text_init(&text, echo, sizeof(echo));
	text_printf(&text, "%.*s %.*s ?%.*s %zu", VIEW_ARG(request->method), VIEW_ARG(request->path),
		    VIEW_ARG(request->query), request->body.size);
	http_respond(request, 200, "text/plain", fixture->answer[0] ? view_of(fixture->answer) : text_view(&text), NULL,
		     0);
}

static inline void fixture_handler(void *arg, struct http_request *request)
{
	struct fixture *fixture = arg;

	if (!fixture->keeps)
		fixture_answer(fixture, request);
	else if (fixture->kept_count < KEPT_MAX)
		fixture->kept[fixture->kept_count++] = request;
}

static inline void fixture_status(void *arg, int status)
{
	struct fixture *fixture = arg;

	if (fixture->status_count < ARRAY_LEN(fixture->statuses))
		fixture->statuses[fixture->status_count++] = status;
}

/* Takes what the connection wants to send. */
static inline void fixture_drain(struct fixture *fixture)
{
	struct view bytes;

	while ((bytes = http_connection_output(&fixture->connection)).size > 0) {
		assert_true(fixture->output_size + bytes.size < sizeof(fixture->output));
		memcpy(fixture->output + fixture->output_size, bytes.at, bytes.size);
		fixture->output_size += bytes.size;
		fixture->output[fixture->output_size] = '\0';
		http_connection_sent(&fixture->connection, bytes.size);
	}
}

/* As much as is taken, in pieces; returns how much. Output is drained when `drains`. */
static inline size_t fixture_feed(struct fixture *fixture, struct view bytes, size_t piece, bool drains)
{
	size_t fed = 0;

	while (fed < bytes.size) {
		char *at;
		size_t space = http_connection_space(&fixture->connection, &at);
		size_t size = MIN(MIN(space, piece), bytes.size - fed);

		if (size == 0)
			break;
		memcpy(at, bytes.at + fed, size);
		http_connection_received(&fixture->connection, size);
		fed += size;
		if (drains)
			fixture_drain(fixture);
	}
	return fed;
}

static inline void fixture_connect(struct fixture *fixture)
{
	const struct net_endpoint remote = {.address = {.family = NET_IPV4, .bytes = {127, 0, 0, 1}}, .port = 4711};

	fixture->output_size = 0;
	fixture->output[0] = '\0';
	assert_int_equal(http_connection_init(&fixture->connection, &fixture->core, &remote), 0);
}

/* All memory must have come back, except that of requests which the handler still holds. */
static inline void fixture_disconnect(struct fixture *fixture)
{
	http_connection_fini(&fixture->connection);
	if (fixture->core.requests == 0)
		assert_int_equal(fixture->core.memory, 0);
}

static inline struct fixture *fixture_new(void)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(loop_new_sim(1, 1795269600000, &fixture->loop), 0);
	fixture->core = (struct http_core){.loop = fixture->loop,
					   .limits = {.streams_max = 8,
						      .requests_max = 16,
						      .header_bytes_max = 2048,
						      .body_bytes_max = 100000,
						      .memory_max = 4 << 20,
						      .idle_ms = 60000,
						      .request_ms = 30000,
						      .send_ms = 15000},
					   .handler = fixture_handler,
					   .on_answer = fixture_status,
					   .arg = fixture};
	return fixture;
}

static inline void fixture_free(struct fixture *fixture)
{
	loop_free(fixture->loop);
	free(fixture);
}

#endif
