/* controlplane/http: HTTP/2 with a client of nghttp2 at the other end; the upgrade; streams that are reset, too many,
 * too large, too slow. */
#include "tests/unit/controlplane/http/http_fixture.h"

struct client {
	struct fixture *fixture;
	nghttp2_session *session;
	int status; /* of the last answer */
	char body[4096];
	size_t body_size, total_size;
	uint32_t reset_code; /* of the last stream that closed */
	size_t closed, goaways;
	size_t upload_left;
	bool stalls; /* the upload never ends */
};

static int on_client_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_size,
			    const uint8_t *value, size_t value_size, uint8_t flags, void *user)
{
	struct client *client = user;

	if (name_size == 7 && memcmp(name, ":status", 7) == 0)
		client->status = atoi((const char *)value);
	return 0;
}

static int on_client_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t size,
			  void *user)
{
	struct client *client = user;
	size_t kept = MIN(size, sizeof(client->body) - 1 - client->body_size);

	memcpy(client->body + client->body_size, bytes, kept);
	client->body_size += kept;
	client->body[client->body_size] = '\0';
	client->total_size += size;
	return 0;
}

static int on_client_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
	struct client *client = user;

	client->reset_code = code;
	client->closed++;
	return 0;
}

static int on_client_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct client *client = user;

	client->goaways += frame->hd.type == NGHTTP2_GOAWAY;
	return 0;
}

static ssize_t read_upload(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t size, uint32_t *flags,
			   nghttp2_data_source *source, void *user)
{
	struct client *client = user;
	size_t taken = MIN(size, client->upload_left);

	memset(buffer, 'u', taken);
	client->upload_left -= taken;
	if (client->stalls && taken == 0)
		return NGHTTP2_ERR_DEFERRED;
	if (client->upload_left == 0 && !client->stalls)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)taken;
}

static void client_init(struct client *client, struct fixture *fixture, bool no_window)
{
	const nghttp2_settings_entry entries[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}};
	nghttp2_session_callbacks *callbacks;

	*client = (struct client){.fixture = fixture};
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_client_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_client_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_client_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_client_frame);
	assert_int_equal(nghttp2_session_client_new(&client->session, callbacks, client), 0);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(client->session, 0, entries, no_window ? 1 : 0), 0);
}

/* Both ways until neither has anything to say; the client sends in pieces. */
static void exchange(struct client *client, size_t piece)
{
	struct fixture *fixture = client->fixture;
	bool is_moving = true;

	while (is_moving) {
		const uint8_t *bytes;
		ssize_t size = nghttp2_session_mem_send(client->session, &bytes);

		assert_true(size >= 0);
		is_moving = size > 0;
		if (size > 0)
			fixture_feed(fixture, (struct view){(const char *)bytes, (size_t)size}, piece, true);
		fixture_drain(fixture);
		if (fixture->output_size > 0) {
			is_moving = true;
			assert_true(nghttp2_session_mem_recv(client->session, (const uint8_t *)fixture->output,
							     fixture->output_size) >= 0);
			fixture->output_size = 0;
		}
	}
}

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0};
}

static int32_t request(struct client *client, const char *method, const char *path, size_t upload, const char *name,
		       const char *value)
{
	nghttp2_nv fields[] = {field(":method", method), field(":scheme", "http"), field(":path", path),
			       field(":authority", "localhost"), field(name ? name : "x", value ? value : "y")};
	nghttp2_data_provider provider = {.read_callback = read_upload};

	client->upload_left = upload;
	client->status = 0;
	client->body_size = 0;
	client->body[0] = '\0';
	return nghttp2_submit_request(client->session, NULL, fields, ARRAY_LEN(fields), upload ? &provider : NULL,
				      NULL);
}

static void client_fini(struct client *client)
{
	nghttp2_session_del(client->session);
}

static void test_http2_answers_whole_and_in_bytes(void **state)
{
	static const struct {
		const char *method, *path;
		size_t upload;
		int status;
		const char *body;
	} rows[] = {
		{"GET", "/a?b", 0, 200, "GET /a ?b 0"},        {"HEAD", "/a", 0, 200, ""},
		{"POST", "/p", 90000, 200, "POST /p ? 90000"}, {"POST", "/p", 100001, 413, NULL},
		{"DELETE", "/x", 0, 200, "DELETE /x ? 0"},
	};
	struct fixture *fixture = fixture_new();

	for (size_t piece = 1; piece < 20000; piece += 9998) {
		struct client client;

		fixture_connect(fixture);
		client_init(&client, fixture, false);
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			assert_true(request(&client, rows[i].method, rows[i].path, rows[i].upload, NULL, NULL) > 0);
			exchange(&client, piece);
			assert_int_equal(client.status, rows[i].status);
			assert_int_equal(client.closed, i + 1);
			if (rows[i].body)
				assert_string_equal(client.body, rows[i].body);
		}
		fixture_disconnect(fixture);
		client_fini(&client);
	}
	fixture_free(fixture);
}

static void test_http2_large_answers_wait_for_the_window(void **state)
{
	struct fixture *fixture = fixture_new();
	struct client client;

	memset(fixture->answer, 'a', sizeof(fixture->answer) - 1);
	fixture_connect(fixture);
	client_init(&client, fixture, false);
	assert_true(request(&client, "GET", "/", 0, NULL, NULL) > 0);
	exchange(&client, 4096);
	assert_int_equal(client.status, 200);
	assert_int_equal(client.total_size, sizeof(fixture->answer) - 1);
	fixture_disconnect(fixture);
	client_fini(&client);
	fixture_free(fixture);
}

static void test_http2_limits_refuse_the_stream_only(void **state)
{
	struct fixture *fixture = fixture_new();
	char long_value[3000];
	struct client client;

	memset(long_value, 'v', sizeof(long_value) - 1);
	long_value[sizeof(long_value) - 1] = '\0';
	fixture_connect(fixture);
	client_init(&client, fixture, false);
	assert_true(request(&client, "GET", "/", 0, "x-long", long_value) > 0);
	exchange(&client, 4096);
	assert_int_equal(client.status, 431);
	assert_true(request(&client, "POST", "/", 10, "content-length", "200000") > 0);
	exchange(&client, 4096);
	assert_int_equal(client.status, 413);
	assert_true(request(&client, "GET", "/", 0, NULL, NULL) > 0);
	exchange(&client, 4096);
	assert_int_equal(client.status, 200);
	assert_int_equal(client.goaways, 0);
	fixture_disconnect(fixture);
	client_fini(&client);
	fixture_free(fixture);
}

static void test_http2_streams_are_answered_in_any_order(void **state)
{
	struct fixture *fixture = fixture_new();
	struct client client;

	fixture->keeps = true;
	fixture_connect(fixture);
	client_init(&client, fixture, false);
	/* The client learns of streams_max (8) first; what it queues beyond stays with it. */
	exchange(&client, 4096);
	for (size_t i = 0; i < 12; i++)
		assert_true(request(&client, "GET", "/", 0, NULL, NULL) > 0);
	exchange(&client, 4096);
	assert_int_equal(fixture->kept_count, 8);
	for (size_t i = 8; i-- > 0;)
		fixture_answer(fixture, fixture->kept[i]);
	exchange(&client, 4096);
	assert_int_equal(client.closed, 8);
	assert_int_equal(fixture->kept_count, 12);
	fixture_disconnect(fixture);
	for (size_t i = 8; i < 12; i++)
		fixture_answer(fixture, fixture->kept[i]);
	assert_int_equal(fixture->core.memory, 0);
	client_fini(&client);
	fixture_free(fixture);
}

static void test_http2_a_client_that_resets_and_resets_is_sent_away(void **state)
{
	struct fixture *fixture = fixture_new();
	struct client client;

	fixture->keeps = true;
	fixture->core.limits.requests_max = 200;
	fixture_connect(fixture);
	client_init(&client, fixture, false);
	for (size_t i = 0; i < 30 && client.goaways == 0; i++) {
		int32_t stream = request(&client, "GET", "/", 0, NULL, NULL);

		exchange(&client, 4096);
		nghttp2_submit_rst_stream(client.session, 0, stream, NGHTTP2_CANCEL);
		exchange(&client, 4096);
	}
	assert_int_equal(client.goaways, 1);
	assert_int_equal(fixture->kept_count, 9);
	assert_true(http_connection_is_over(&fixture->connection));
	fixture_disconnect(fixture);
	for (size_t i = 0; i < fixture->kept_count; i++)
		fixture_answer(fixture, fixture->kept[i]);
	assert_int_equal(fixture->core.memory, 0);
	client_fini(&client);
	fixture_free(fixture);
}

static void test_http2_slow_requests_and_slow_readers_are_reset(void **state)
{
	struct fixture *fixture = fixture_new();
	struct client client;

	fixture_connect(fixture);
	client_init(&client, fixture, true);
	/* It gives no window, so its answer cannot go. */
	assert_true(request(&client, "GET", "/", 0, NULL, NULL) > 0);
	exchange(&client, 4096);
	assert_int_equal(client.closed, 0);
	loop_sim_advance(fixture->loop, 15000);
	assert_true(http_connection_check_time(&fixture->connection));
	exchange(&client, 4096);
	assert_int_equal(client.closed, 1);
	assert_int_equal(client.reset_code, NGHTTP2_CANCEL);
	/* Idle: told to go, then over. */
	loop_sim_advance(fixture->loop, 60000);
	assert_true(http_connection_check_time(&fixture->connection));
	exchange(&client, 4096);
	assert_int_equal(client.goaways, 1);
	assert_true(http_connection_is_over(&fixture->connection));
	fixture_disconnect(fixture);
	client_fini(&client);
	fixture_free(fixture);
}

static void test_http2_an_upload_that_stops_gets_408(void **state)
{
	struct fixture *fixture = fixture_new();
	struct client client;

	fixture_connect(fixture);
	client_init(&client, fixture, false);
	client.stalls = true;
	assert_true(request(&client, "POST", "/", 100, NULL, NULL) > 0);
	exchange(&client, 4096);
	loop_sim_advance(fixture->loop, 29999);
	assert_true(http_connection_check_time(&fixture->connection));
	exchange(&client, 4096);
	assert_int_equal(client.status, 0);
	loop_sim_advance(fixture->loop, 1);
	assert_true(http_connection_check_time(&fixture->connection));
	exchange(&client, 4096);
	assert_int_equal(client.status, 408);
	assert_int_equal(client.closed, 0);
	/* The rest of the upload still does not come: the stream ends too. */
	loop_sim_advance(fixture->loop, 15000);
	assert_true(http_connection_check_time(&fixture->connection));
	exchange(&client, 4096);
	assert_int_equal(client.closed, 1);
	fixture_disconnect(fixture);
	client_fini(&client);
	fixture_free(fixture);
}

static void test_http2_by_upgrade(void **state)
{
	static const char upgrade[] = "GET /up?x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
				      "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n";
	static const char switching[] =
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
	const uint8_t settings[] = {0, 3, 0, 0, 0, 100, 0, 4, 0x40, 0, 0, 0, 0, 2, 0, 0, 0, 0};
	struct fixture *fixture = fixture_new();

	for (size_t piece = 1; piece < 5000; piece += 4998) {
		struct client client;
		size_t size;

		fixture_connect(fixture);
		fixture_feed(fixture, VIEW(upgrade), piece, true);
		assert_memory_equal(fixture->output, switching, sizeof(switching) - 1);
		client_init(&client, fixture, false);
		assert_int_equal(nghttp2_session_upgrade2(client.session, settings, sizeof(settings), 0, NULL), 0);
		size = fixture->output_size - (sizeof(switching) - 1);
		assert_int_equal(nghttp2_session_mem_recv(client.session,
							  (const uint8_t *)fixture->output + sizeof(switching) - 1,
							  size),
				 size);
		fixture->output_size = 0;
		exchange(&client, piece);
		assert_int_equal(client.status, 200);
		assert_string_equal(client.body, "GET /up ?x 0");
		assert_true(request(&client, "GET", "/second", 0, NULL, NULL) > 0);
		exchange(&client, piece);
		assert_string_equal(client.body, "GET /second ? 0");
		fixture_disconnect(fixture);
		client_fini(&client);
	}
	fixture_free(fixture);
}

static void test_http2_rubbish_behind_the_preface_ends_the_connection(void **state)
{
	struct fixture *fixture = fixture_new();

	fixture_connect(fixture);
	fixture_feed(fixture, VIEW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 100, true);
	assert_true(http_connection_is_over(&fixture->connection));
	fixture_disconnect(fixture);
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http2_answers_whole_and_in_bytes),
		cmocka_unit_test(test_http2_large_answers_wait_for_the_window),
		cmocka_unit_test(test_http2_limits_refuse_the_stream_only),
		cmocka_unit_test(test_http2_streams_are_answered_in_any_order),
		cmocka_unit_test(test_http2_a_client_that_resets_and_resets_is_sent_away),
		cmocka_unit_test(test_http2_slow_requests_and_slow_readers_are_reset),
		cmocka_unit_test(test_http2_an_upload_that_stops_gets_408),
		cmocka_unit_test(test_http2_by_upgrade),
		cmocka_unit_test(test_http2_rubbish_behind_the_preface_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
