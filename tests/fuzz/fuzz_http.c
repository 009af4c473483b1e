/* What strangers send to the HTTP port, HTTP/1.1 and HTTP/2: pieces of bytes and pauses between them. The first byte of
 * the input chooses the size of the pieces and when the handler answers; the rest is the connection's. */
#include <stdlib.h>

#include "controlplane/http/http_private.h"
#include "controlplane/loop/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HELD_MAX = 16 };

struct held {
	bool answers_later;
	struct http_request *requests[HELD_MAX];
	size_t count;
};

static void answer(struct http_request *request)
{
	static const struct http_header extra = {VIEW("x-extra"), VIEW("1")};

	/* Every view of the request is read. */
	http_respond(request, request->body.size > 0 ? 200 : 204, "text/plain", request->path, &extra, 1);
}

static void handler(void *arg, struct http_request *request)
{
	struct held *held = arg;
	uint64_t sum = hash_bytes(request->body.at, request->body.size) + hash_view_nocase(request->query) +
		       hash_view_nocase(request->authority) + hash_view_nocase(request->method);

	for (size_t i = 0; i < request->header_count; i++)
		sum += hash_view_nocase(request->headers[i].name) + hash_view_nocase(request->headers[i].value);
	if (held->answers_later && held->count < HELD_MAX && sum != 1)
		held->requests[held->count++] = request;
	else
		answer(request);
}

static void answer_held(struct held *held)
{
	for (size_t i = 0; i < held->count; i++)
		answer(held->requests[i]);
	held->count = 0;
}

static void drain(struct http_connection *connection)
{
	size_t size;

	while ((size = http_connection_output(connection).size) > 0)
		http_connection_sent(connection, size > 1 ? size / 2 : 1);
}

static void run(struct http_core *core, struct held *held, const uint8_t *data, size_t size, size_t piece)
{
	const struct net_endpoint remote = {.address.family = NET_IPV4};
	struct http_connection connection;

	if (http_connection_init(&connection, core, &remote) < 0)
		abort();
	while (size > 0) {
		char *at;
		size_t taken = MIN(MIN(http_connection_space(&connection, &at), piece), size);

		if (taken == 0)
			break;
		memcpy(at, data, taken);
		http_connection_received(&connection, taken);
		data += taken;
		size -= taken;
		drain(&connection);
		if (held->count > 2)
			answer_held(held);
		loop_sim_advance(core->loop, 200);
		if (!http_connection_check_time(&connection))
			break;
	}
	if (piece % 2)
		answer_held(held);
	drain(&connection);
	http_connection_fini(&connection);
	answer_held(held);
	if (core->memory != 0 || core->requests != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct held held = {.answers_later = size > 0 && data[0] & 0x80};
	struct http_core core = {.limits = {.streams_max = 4,
					    .requests_max = 8,
					    .header_bytes_max = 1024,
					    .body_bytes_max = 4096,
					    .memory_max = 65536,
					    .idle_ms = 60000,
					    .request_ms = 30000,
					    .send_ms = 15000},
				 .handler = handler,
				 .arg = &held};

	if (size == 0)
		return 0;
	if (loop_new_sim(1, 1795269600000, &core.loop) < 0)
		abort();
	run(&core, &held, data + 1, size - 1, (size_t)(data[0] & 0x7f) * 16 + 1);
	loop_free(core.loop);
	return 0;
}
