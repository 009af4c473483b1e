/* Connections on the loopback: framing, answers on the flow, reuse, what is told when they are gone, and that peers who
 * trickle, stall, flood or hold are cut off. Times are options here, so that nothing takes longer than a blink. */
#include "tests/unit/unit.h"
#include "controlplane/loop/loop.h"
#include "controlplane/tls/tls.h"
#include "controlplane/transport/transport.h"
#include "tests/unit/controlplane/tls/certificates.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE "OPTIONS sip:a SIP/2.0\r\nl: 2\r\n\r\nhi"

struct fixture {
	struct loop *loop;
	struct transport *transport;
	struct transport_problem problem;
	struct transport_flow flow, closed;
	struct transport_options options;
	unsigned messages, closings;
	size_t size;
	int error;
	int fds[64];
	size_t fd_count;
	/* TLS */
	struct certificates *certificates;
	struct tls_context *tls, *phone_tls;
	char why[256];
	unsigned handshakes;
};

static struct fixture *fixture;

static void on_message(void *arg, const struct transport_flow *flow, char *bytes, size_t size)
{
	fixture->flow = *flow;
	fixture->size = size;
	fixture->messages++;
}

static void on_closed(void *arg, const struct transport_flow *flow, int error)
{
	fixture->closed = *flow;
	fixture->error = error;
	fixture->closings++;
}

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e;

	assert_int_equal(net_endpoint_parse(view_of(text), 0, &e), 0);
	return e;
}

static int setup(void **state)
{
	fixture = calloc(1, sizeof(*fixture));
	fixture->options.listens[0] = (struct transport_listen){TRANSPORT_TCP, endpoint("127.0.0.1:0")};
	fixture->options.listen_count = 1;
	return loop_new_real(&fixture->loop);
}

static int teardown(void **state)
{
	for (size_t i = 0; i < fixture->fd_count; i++)
		close(fixture->fds[i]);
	transport_free(fixture->transport);
	loop_free(fixture->loop);
	tls_context_free(fixture->tls);
	tls_context_free(fixture->phone_tls);
	if (fixture->certificates)
		certificates_free(fixture->certificates);
	free(fixture);
	return 0;
}

static int open_transport(void)
{
	struct transport_receiver receiver = {.on_message = on_message, .on_closed = on_closed};

	return transport_new(fixture->loop, &fixture->options, &receiver, &fixture->transport, &fixture->problem);
}

/* Turns until the number is reached; time is what the kernel and the shortened times take. */
#define WAIT_FOR(condition)                                                                                            \
	do {                                                                                                           \
		for (uint64_t end_ms = loop_now_ms(fixture->loop) + 5000;                                              \
		     !(condition) && loop_now_ms(fixture->loop) < end_ms;)                                             \
			loop_turn(fixture->loop, 10);                                                                  \
		assert_true(condition);                                                                                \
	} while (0)

static const struct transport_stats *stats(void)
{
	return transport_stats(fixture->transport);
}

static int keep(int fd)
{
	assert_true(fd >= 0 && fixture->fd_count < ARRAY_LEN(fixture->fds));
	return fixture->fds[fixture->fd_count++] = fd;
}

static int phone(void)
{
	struct sockaddr_storage sockaddr;
	socklen_t size =
		(socklen_t)net_endpoint_to_sockaddr(&transport_listener(fixture->transport, 0)->endpoint, &sockaddr);
	int fd = keep(socket(sockaddr.ss_family, SOCK_STREAM, 0));

	assert_int_equal(connect(fd, (struct sockaddr *)&sockaddr, size), 0);
	return fd;
}

static void put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void expect(int fd, const char *text)
{
	char buffer[256];
	ssize_t got = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);

	buffer[got > 0 ? got : 0] = '\0';
	assert_string_equal(buffer, text);
}

static bool is_closed(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);

	return got == 0 || (got < 0 && errno == ECONNRESET);
}

static void test_stream_cuts_messages_and_answers_on_the_flow(void **state)
{
	static const char *const rows[] = {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd;

		fixture->options.listens[0].endpoint = endpoint(rows[i]);
		assert_int_equal(open_transport(), 0);
		fd = phone();
		fixture->messages = 0;
		put(fd, "\r\n\r\n" MESSAGE MESSAGE "OPTIONS sip:b");
		WAIT_FOR(fixture->messages == 2);
		expect(fd, "\r\n");
		assert_int_equal(fixture->size, strlen(MESSAGE));
		assert_false(net_address_is_any(&fixture->flow.local.address));
		assert_true(fixture->flow.connection != 0);
		put(fd, " SIP/2.0\r\n\r\n");
		WAIT_FOR(fixture->messages == 3);
		assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("SIP/2.0 200 OK\r\n\r\n")), 0);
		expect(fd, "SIP/2.0 200 OK\r\n\r\n");
		transport_free(fixture->transport);
		fixture->transport = NULL;
	}
}

static void test_stream_flow_ends_with_its_connection(void **state)
{
	struct transport_flow first;
	int fd;

	assert_int_equal(open_transport(), 0);
	fd = phone();
	put(fd, MESSAGE);
	WAIT_FOR(fixture->messages == 1);
	first = fixture->flow;
	assert_int_equal(transport_send(fixture->transport, &first, VIEW("INVITE ")), 0);
	shutdown(fd, SHUT_RDWR);
	WAIT_FOR(fixture->closings == 1);
	assert_true(transport_flow_is_on(&first, &fixture->closed));
	assert_int_equal(transport_send(fixture->transport, &first, VIEW("x")), ERR_CLOSED);
	put(phone(), MESSAGE);
	WAIT_FOR(fixture->messages == 2);
	assert_true(fixture->flow.connection != first.connection);
	assert_int_equal(stats()->connections, 1);
}

static void test_stream_opens_connections_and_reuses_them(void **state)
{
	struct net_endpoint remote = endpoint("127.0.0.1:0");
	struct sockaddr_storage sockaddr;
	socklen_t size = sizeof(sockaddr);
	struct transport_flow flow;
	int listener = keep(socket(AF_INET, SOCK_STREAM, 0)), fd;

	net_endpoint_to_sockaddr(&remote, &sockaddr);
	assert_int_equal(bind(listener, (struct sockaddr *)&sockaddr, sizeof(struct sockaddr_in)), 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sockaddr, &size), 0);
	assert_int_equal(net_endpoint_from_sockaddr((struct sockaddr *)&sockaddr, &remote), 0);
	assert_int_equal(open_transport(), 0);
	assert_int_equal(transport_flow_to(fixture->transport, TRANSPORT_TCP, &remote, &flow), 0);
	assert_int_equal(transport_send(fixture->transport, &flow, VIEW("one ")), 0);
	assert_int_equal(transport_send(fixture->transport, &flow, VIEW("two ")), 0);
	assert_int_equal(stats()->opened, 1);
	loop_turn(fixture->loop, 1000);
	fd = keep(accept(listener, NULL, NULL));
	expect(fd, "one two ");
	put(fd, MESSAGE);
	WAIT_FOR(fixture->messages == 1);
	/* The port that the peer may reach us at, not the one that the kernel chose. */
	assert_int_equal(fixture->flow.local.port, transport_listener(fixture->transport, 0)->endpoint.port);
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("three")), 0);
	expect(fd, "three");
	assert_int_equal(stats()->opened, 1);
	/* Gone: told, and opened anew by the next. */
	shutdown(fd, SHUT_RDWR);
	WAIT_FOR(fixture->closings == 1);
	assert_true(transport_flow_is_on(&flow, &fixture->closed));
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("four")), 0);
	assert_int_equal(stats()->opened, 2);
	/* Nobody listens any more: it is told. */
	close(listener);
	fixture->fds[0] = keep(dup(fd));
	WAIT_FOR(fixture->closings >= 2);
	assert_int_equal(transport_send(fixture->transport, &flow, VIEW("five")), 0);
	WAIT_FOR(fixture->closings == 3);
	assert_int_equal(fixture->error, ERR_CLOSED);
	assert_int_equal(stats()->connections, 0);
}

static void test_stream_cuts_off_who_wastes_time(void **state)
{
	static const struct {
		const char *name, *first, *more;
		unsigned messages;
	} rows[] = {
		{"says nothing", "", NULL, 0},
		{"only keep-alives", "\r\n\r\n", "\r\n\r\n", 0},
		{"never ends its first message", "OPTIONS sip:a SIP/2.0\r\n", NULL, 0},
		{"trickles its first message", "OPTIONS sip:a", "a", 0},
		{"trickles the second message", MESSAGE "OPT", "x", 1},
		{"idle after a message", MESSAGE, NULL, 1},
	};

	fixture->options.times = (struct transport_times){.first_ms = 40, .partial_ms = 40, .idle_ms = 40};
	assert_int_equal(open_transport(), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t timeouts = stats()->timeouts;
		int fd = phone();

		fixture->messages = 0;
		put(fd, rows[i].first);
		for (uint64_t end_ms = loop_now_ms(fixture->loop) + 2000;
		     stats()->timeouts == timeouts && loop_now_ms(fixture->loop) < end_ms;) {
			loop_turn(fixture->loop, 5);
			if (rows[i].more && stats()->timeouts == timeouts)
				put(fd, rows[i].more);
		}
		if (stats()->timeouts == timeouts || fixture->messages != rows[i].messages)
			fail_msg("%s: %u messages", rows[i].name, fixture->messages);
	}
	assert_int_equal(stats()->connections, 0);
}

static void test_stream_cuts_off_what_has_no_end(void **state)
{
	static char endless[70000];
	size_t sent = 0;
	int fd;

	memset(endless, 'x', sizeof(endless));
	assert_int_equal(open_transport(), 0);
	fd = phone();
	while (sent < sizeof(endless) && stats()->truncated == 0) {
		ssize_t put_size =
			send(fd, endless + sent, MIN(sizeof(endless) - sent, 8000u), MSG_DONTWAIT | MSG_NOSIGNAL);

		sent += put_size > 0 ? (size_t)put_size : 0;
		loop_turn(fixture->loop, 10);
	}
	WAIT_FOR(stats()->truncated == 1);
	WAIT_FOR(is_closed(fd));
	assert_int_equal(fixture->messages, 0);
}

static void test_stream_does_not_wait_for_who_does_not_read(void **state)
{
	static char large[60000];
	unsigned taken = 0;

	memset(large, 'x', sizeof(large));
	assert_int_equal(open_transport(), 0);
	put(phone(), MESSAGE);
	WAIT_FOR(fixture->messages == 1);
	while (taken < 1000 &&
	       transport_send(fixture->transport, &fixture->flow, (struct view){large, sizeof(large)}) == 0)
		taken++;
	assert_true(taken < 1000);
	assert_int_equal(stats()->connections, 0);
	/* A little less than what is too much, but nobody reads it in time. */
	transport_free(fixture->transport);
	fixture->options.times.write_ms = 40;
	assert_int_equal(open_transport(), 0);
	put(phone(), MESSAGE);
	WAIT_FOR(fixture->messages == 2);
	for (unsigned i = 0; i + 2 < taken; i++)
		assert_int_equal(
			transport_send(fixture->transport, &fixture->flow, (struct view){large, sizeof(large)}), 0);
	WAIT_FOR(stats()->timeouts == 1);
	assert_int_equal(stats()->connections, 0);
}

static void test_stream_limits_connections(void **state)
{
	fixture->options.connections_max = 16;
	fixture->options.connections_per_source = 3;
	assert_int_equal(open_transport(), 0);
	for (unsigned i = 0; i < 5; i++)
		phone();
	WAIT_FOR(stats()->accepted + stats()->refused == 5);
	assert_int_equal(stats()->accepted, 3);
	assert_true(is_closed(fixture->fds[4]));
	/* One goes, another may come. */
	close(fixture->fds[0]);
	fixture->fds[0] = keep(dup(fixture->fds[1]));
	WAIT_FOR(stats()->connections == 2);
	phone();
	WAIT_FOR(stats()->accepted == 4);
	transport_free(fixture->transport);
	fixture->options.connections_per_source = 100;
	assert_int_equal(open_transport(), 0);
	for (unsigned i = 0; i < 16; i++)
		phone();
	WAIT_FOR(stats()->accepted + stats()->refused == 16);
	assert_int_equal(stats()->accepted, 14); /* an eighth is ours */
}

static void test_stream_survives_without_descriptors(void **state)
{
	struct rlimit limit, tight;
	int fd, top;

	assert_int_equal(open_transport(), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	fd = phone();
	top = dup(fd);
	close(top);
	tight = (struct rlimit){.rlim_cur = (rlim_t)top, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	WAIT_FOR(stats()->refused == 1);
	assert_int_equal(stats()->accepted, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	WAIT_FOR(stats()->accepted == 1);
}

static void test_stream_closes_after_the_last_word(void **state)
{
	int fd;

	assert_int_equal(open_transport(), 0);
	fd = phone();
	put(fd, MESSAGE MESSAGE);
	WAIT_FOR(fixture->messages == 2);
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("SIP/2.0 400 No\r\n\r\n")), 0);
	transport_close(fixture->transport, &fixture->flow);
	expect(fd, "SIP/2.0 400 No\r\n\r\n");
	assert_true(is_closed(fd));
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("x")), ERR_CLOSED);
}

/* ---- TLS ---- */

static void on_handshake(void *arg, const struct transport_flow *flow, int error, const char *why)
{
	fixture->handshakes++;
	fixture->error = error;
	snprintf(fixture->why, sizeof(fixture->why), "%s", why);
}

static struct tls_context *tls_with(const char *file)
{
	struct tls_certificate certificate = {.certificate = certificates_path(fixture->certificates, file)};
	struct tls_options options = {.certificates = &certificate,
				      .certificate_count = 1,
				      .ca_file = certificates_path(fixture->certificates, "ca.crt"),
				      .wall_ms = (uint64_t)time(NULL) * 1000};
	struct tls_context *context;
	struct tls_problem problem;

	if (tls_context_new(&options, &context, &problem) != 0)
		fail_msg("%s", problem.text);
	return context;
}

static void open_tls(void)
{
	fixture->certificates = certificates_new();
	certificates_add(fixture->certificates, "us", "us", "IP:127.0.0.1, DNS:us.example.com", -1, 5);
	certificates_add(fixture->certificates, "them", "them", "DNS:them.example.com", -1, 5);
	fixture->tls = tls_with("us.pem");
	fixture->phone_tls = tls_with("them.pem");
	fixture->options.listens[0].kind = TRANSPORT_TLS;
	fixture->options.tls = fixture->tls;
	fixture->options.on_handshake = on_handshake;
	assert_int_equal(open_transport(), 0);
}

static int phone_read(void *arg, char *buffer, size_t size)
{
	ssize_t got = recv(*(int *)arg, buffer, size, MSG_DONTWAIT);

	return got > 0 ? (int)got : got < 0 && errno == EAGAIN ? ERR_AGAIN : ERR_CLOSED;
}

static int phone_write(void *arg, struct view bytes)
{
	ssize_t put_size = send(*(int *)arg, bytes.at, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);

	return put_size > 0 ? (int)put_size : ERR_CLOSED;
}

/* A phone over TLS, its handshake done; fd must stay where it is. */
static struct tls_session *tls_phone(int *fd)
{
	const struct tls_wire wire = {.read = phone_read, .write = phone_write, .arg = fd};
	struct tls_session *session;
	int error = ERR_AGAIN;

	*fd = phone();
	assert_int_equal(tls_session_new_client(fixture->phone_tls, &wire, "us.example.com", false, &session), 0);
	WAIT_FOR((error = tls_session_handshake(session)) != ERR_AGAIN);
	assert_int_equal(error, 0);
	return session;
}

static void expect_tls(struct tls_session *session, const char *text)
{
	char buffer[256];
	int got = ERR_AGAIN;

	for (unsigned i = 0; i < 500 && got == ERR_AGAIN; i++) {
		loop_turn(fixture->loop, 10);
		got = tls_session_read(session, buffer, sizeof(buffer) - 1);
	}
	buffer[got > 0 ? got : 0] = '\0';
	assert_string_equal(buffer, text);
}

static void test_stream_tls_carries_messages(void **state)
{
	struct tls_session *session;
	int fd;

	open_tls();
	session = tls_phone(&fd);
	assert_true(tls_session_write(session, VIEW("\r\n\r\n" MESSAGE MESSAGE "OPTIONS")) > 0);
	WAIT_FOR(fixture->messages == 2);
	assert_int_equal(fixture->flow.kind, TRANSPORT_TLS);
	expect_tls(session, "\r\n");
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("SIP/2.0 200 OK\r\n\r\n")), 0);
	expect_tls(session, "SIP/2.0 200 OK\r\n\r\n");
	assert_int_equal(stats()->handshakes, 1);
	assert_int_equal(stats()->handshaking, 0);
	assert_int_equal(stats()->kinds[TRANSPORT_TLS].connections, 1);
	/* A new certificate is for the next one. */
	tls_context_replace(fixture->tls, tls_with("us.pem"));
	assert_true(tls_session_write(session, VIEW(" sip:b SIP/2.0\r\n\r\n")) > 0);
	WAIT_FOR(fixture->messages == 3);
	transport_close(fixture->transport, &fixture->flow);
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("x")), ERR_CLOSED);
	expect_tls(session, "");
	WAIT_FOR(stats()->connections == 0);
	tls_session_free(session);
}

/* Two transports in one loop: the second is the carrier, "them". */
static void test_stream_tls_verifies_whom_it_connects_to(void **state)
{
	static const struct {
		const char *name;
		int error;
	} rows[] = {{"them.example.com", 0}, {"", ERR_PERMISSION}, {"us.example.com", ERR_PERMISSION}, {NULL, 0}};
	struct transport_receiver receiver = {.on_message = on_message};
	struct transport_options options;
	struct transport *carrier;
	struct transport_flow flow;

	open_tls();
	options = fixture->options;
	options.tls = fixture->phone_tls;
	options.on_handshake = NULL;
	assert_int_equal(transport_new(fixture->loop, &options, &receiver, &carrier, &fixture->problem), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned closings = fixture->closings;

		assert_int_equal(transport_flow_to(fixture->transport, TRANSPORT_TLS,
						   &transport_listener(carrier, 0)->endpoint, &flow),
				 0);
		flow.peer = TRANSPORT_PEER_ANY;
		if (rows[i].name)
			flow.peer = 0;
		if (rows[i].name && rows[i].name[0])
			assert_int_equal(transport_peer(fixture->transport, rows[i].name, &flow.peer), 0);
		fixture->messages = fixture->handshakes = 0;
		assert_int_equal(transport_send(fixture->transport, &flow, VIEW(MESSAGE)), 0);
		WAIT_FOR(fixture->handshakes == 1);
		assert_int_equal(fixture->error, rows[i].error);
		if (rows[i].error == 0)
			WAIT_FOR(fixture->messages == 1);
		else
			WAIT_FOR(fixture->closings == closings + 1);
		assert_int_equal(fixture->messages, rows[i].error == 0);
	}
	/* One to each name, and none to those who were someone else. */
	assert_int_equal(stats()->kinds[TRANSPORT_TLS].connections, 2);
	assert_int_equal(stats()->handshakes_failed, 2);
	transport_free(carrier);
}

static void test_stream_tls_cuts_off_who_does_not_finish(void **state)
{
	static const struct {
		const char *name, *first, *more;
		bool is_late;
	} rows[] = {
		{"says nothing", "", NULL, true},
		{"begins and stops", "\x16\x03\x01\x01", NULL, true},
		{"trickles", "\x16\x03\x01\x3f", "\x01", true},
		{"speaks plain SIP", MESSAGE, NULL, false},
	};

	fixture->options.times.handshake_ms = 60;
	open_tls();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t late = stats()->handshakes_late, failed = stats()->handshakes_failed;
		int fd = phone();

		put(fd, rows[i].first);
		for (uint64_t end_ms = loop_now_ms(fixture->loop) + 2000;
		     stats()->handshakes_late + stats()->handshakes_failed == late + failed &&
		     loop_now_ms(fixture->loop) < end_ms;) {
			loop_turn(fixture->loop, 5);
			if (rows[i].more && stats()->connections > 0)
				put(fd, rows[i].more);
		}
		if (stats()->handshakes_late - late != rows[i].is_late ||
		    stats()->handshakes_failed - failed == rows[i].is_late)
			fail_msg("%s: \"%s\"", rows[i].name, fixture->why);
	}
	assert_int_equal(stats()->connections, 0);
	assert_int_equal(stats()->handshaking, 0);
	assert_int_equal(fixture->messages, 0);
}

static void test_stream_tls_limits_handshakes(void **state)
{
	struct tls_session *session;
	int fd;

	fixture->options.handshakes_max = 5;
	fixture->options.handshakes_per_source = 3;
	open_tls();
	for (unsigned i = 0; i < 8; i++)
		phone();
	WAIT_FOR(stats()->accepted + stats()->handshakes_refused == 8);
	assert_int_equal(stats()->handshaking, 3);
	assert_int_equal(stats()->handshakes_refused, 5);
	/* One goes: the next gets in, and those who are through do not count. */
	shutdown(fixture->fds[0], SHUT_RDWR);
	WAIT_FOR(stats()->handshaking == 2);
	session = tls_phone(&fd);
	WAIT_FOR(stats()->handshaking == 2);
	assert_int_equal(stats()->kinds[TRANSPORT_TLS].connections, 3);
	tls_session_free(session);
}

static void test_stream_start_errors(void **state)
{
	struct transport *first;

	assert_int_equal(open_transport(), 0);
	first = fixture->transport;
	fixture->options.listens[0] = *transport_listener(first, 0);
	assert_int_equal(open_transport(), ERR_EXISTS);
	assert_non_null(strstr(fixture->problem.text, "SIP over TCP on 127.0.0.1:"));
	assert_non_null(strstr(fixture->problem.text, "another program has the port"));
	assert_ptr_equal(fixture->transport, first);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_stream_cuts_messages_and_answers_on_the_flow),
		TEST(test_stream_flow_ends_with_its_connection),
		TEST(test_stream_opens_connections_and_reuses_them),
		TEST(test_stream_cuts_off_who_wastes_time),
		TEST(test_stream_cuts_off_what_has_no_end),
		TEST(test_stream_does_not_wait_for_who_does_not_read),
		TEST(test_stream_limits_connections),
		TEST(test_stream_survives_without_descriptors),
		TEST(test_stream_closes_after_the_last_word),
		TEST(test_stream_tls_carries_messages),
		TEST(test_stream_tls_verifies_whom_it_connects_to),
		TEST(test_stream_tls_cuts_off_who_does_not_finish),
		TEST(test_stream_tls_limits_handshakes),
		TEST(test_stream_start_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
