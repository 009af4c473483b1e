/* Sockets on the loopback: answers leave from the address that was asked, keep-alives are swallowed, start errors are
 * clear; and the simulated network's rules. */
#include "tests/unit/unit.h"
#include "controlplane/loop/loop.h"
#include "controlplane/transport/sim.h"
#include "controlplane/transport/transport.h"

#include <sys/socket.h>
#include <unistd.h>

struct fixture {
	struct loop *loop;
	struct transport *transport;
	struct transport_problem problem;
	struct transport_flow flow;
	char bytes[TRANSPORT_MESSAGE_MAX];
	size_t size;
	unsigned messages;
};

static struct fixture *fixture;

static void on_message(void *arg, const struct transport_flow *flow, char *bytes, size_t size)
{
	struct fixture *f = arg;

	f->flow = *flow;
	f->size = size;
	memcpy(f->bytes, bytes, size);
	f->messages++;
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
	return loop_new_real(&fixture->loop);
}

static int teardown(void **state)
{
	transport_free(fixture->transport);
	loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static int open_at(const char *text)
{
	struct transport_options options = {.listens = {{TRANSPORT_UDP, endpoint(text)}}, .listen_count = 1};
	struct transport_receiver receiver = {.on_message = on_message, .arg = fixture};

	return transport_new(fixture->loop, &options, &receiver, &fixture->transport, &fixture->problem);
}

/* A phone's socket, connected to the transport at that address of it. */
static int phone(const char *to)
{
	struct net_endpoint remote = endpoint(to);
	struct sockaddr_storage sockaddr;
	socklen_t size;
	int fd;

	remote.port = transport_listener(fixture->transport, 0)->endpoint.port;
	size = (socklen_t)net_endpoint_to_sockaddr(&remote, &sockaddr);
	fd = socket(sockaddr.ss_family, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sockaddr, size), 0);
	return fd;
}

/* Wildcard listener, three addresses of the loopback: a connected phone receives only from the address it wrote to. */
static void test_transport_answers_from_the_address_asked(void **state)
{
	static const char *const rows[][2] = {{"0.0.0.0:0", "127.0.0.1"},
					      {"0.0.0.0:0", "127.0.0.2"},
					      {"127.0.0.3:0", "127.0.0.3"},
					      {"[::]:0", "::1"}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char answer[16], text[NET_ADDRESS_TEXT];
		int fd;

		assert_int_equal(open_at(rows[i][0]), 0);
		fd = phone(strchr(rows[i][1], '.') ? rows[i][1] : "[::1]");
		assert_int_equal(send(fd, "hello", 5, 0), 5);
		fixture->messages = 0;
		loop_turn(fixture->loop, 1000);
		assert_int_equal(fixture->messages, 1);
		assert_memory_equal(fixture->bytes, "hello", 5);
		assert_string_equal(net_address_print(&fixture->flow.local.address, text), rows[i][1]);
		assert_int_equal(transport_send(fixture->transport, &fixture->flow, VIEW("world")), 0);
		assert_int_equal(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), 5);
		close(fd);
		transport_free(fixture->transport);
		fixture->transport = NULL;
	}
}

static void test_transport_swallows_keep_alives(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} rows[] = {{"", 0}, {"\r\n\r\n", 4}, {"\0", 1}, {"\r\n", 2}};
	int fd;

	assert_int_equal(open_at("127.0.0.1:0"), 0);
	fd = phone("127.0.0.1");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(send(fd, rows[i].bytes, rows[i].size, 0), rows[i].size);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	loop_turn(fixture->loop, 1000);
	assert_int_equal(fixture->messages, 1);
	assert_int_equal(transport_stats(fixture->transport)->keep_alives, 4);
	assert_int_equal(transport_stats(fixture->transport)->received, 5);
	close(fd);
}

static void test_transport_answers_stun(void **state)
{
	static const char request[] = "\x00\x01\x00\x00\x21\x12\xa4\x42"
				      "0123456789ab";
	char answer[64];
	int fd;

	assert_int_equal(open_at("127.0.0.1:0"), 0);
	fd = phone("127.0.0.1");
	assert_int_equal(send(fd, request, 20, 0), 20);
	loop_turn(fixture->loop, 1000);
	assert_int_equal(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), 32);
	assert_memory_equal(answer,
			    "\x01\x01\x00\x0c\x21\x12\xa4\x42"
			    "0123456789ab",
			    20);
	assert_int_equal(fixture->messages, 0);
	assert_int_equal(transport_stats(fixture->transport)->keep_alives, 1);
	close(fd);
}

static void test_transport_carries_the_largest(void **state)
{
	static char large[65507];
	int fd;

	memset(large, 'x', sizeof(large));
	assert_int_equal(open_at("127.0.0.1:0"), 0);
	fd = phone("127.0.0.1");
	assert_int_equal(send(fd, large, sizeof(large), 0), sizeof(large));
	loop_turn(fixture->loop, 1000);
	assert_int_equal(fixture->size, sizeof(large));
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, (struct view){large, sizeof(large)}), 0);
	assert_int_equal(transport_send(fixture->transport, &fixture->flow, (struct view){large, 65535 + 1}),
			 ERR_TOO_LONG);
	close(fd);
}

static void test_transport_start_errors(void **state)
{
	struct transport *first;
	char text[NET_ENDPOINT_TEXT];

	assert_int_equal(open_at("127.0.0.1:0"), 0);
	first = fixture->transport;
	net_endpoint_print(&transport_listener(first, 0)->endpoint, text);
	assert_int_equal(open_at(text), ERR_EXISTS);
	assert_non_null(strstr(fixture->problem.text, text));
	assert_non_null(strstr(fixture->problem.text, "another program has the port"));
	assert_int_equal(open_at("192.0.2.77:0"), ERR_NOT_FOUND);
	assert_non_null(strstr(fixture->problem.text, "not an address of this machine"));
	assert_ptr_equal(fixture->transport, first);
}

static void test_transport_chooses_its_address(void **state)
{
	struct transport_flow flow;
	struct net_endpoint remote = endpoint("127.0.0.9:5070"), named;
	struct net_address source;
	bool is_local_host;

	assert_int_equal(open_at("0.0.0.0:0"), 0);
	assert_int_equal(transport_flow_to(fixture->transport, TRANSPORT_UDP, &remote, &flow), 0);
	assert_true(net_address_is_loopback(&flow.local.address));
	assert_true(net_endpoint_is_equal(&flow.remote, &remote));
	assert_int_equal(transport_flow_to(fixture->transport, TRANSPORT_TCP, &remote, &flow), ERR_UNSUPPORTED);
	assert_int_equal(transport_route(fixture->transport, &remote.address, &source, &is_local_host), 0);
	assert_true(is_local_host);
	transport_advertised(fixture->transport, &flow, &named);
	assert_true(net_endpoint_is_equal(&named, &flow.local));
	remote = endpoint("[::1]:5060");
	assert_int_equal(transport_flow_to(fixture->transport, TRANSPORT_UDP, &remote, &flow), ERR_UNSUPPORTED);
}

/* ---- the simulated network ---- */

struct observed {
	struct loop *loop;
	char log[512];
	struct text text;
};

static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
	struct observed *o = arg;

	text_printf(&o->text, "%llu:%.*s ", (unsigned long long)loop_now_ms(o->loop), VIEW_ARG(bytes));
}

static void test_transport_sim_rules(void **state)
{
	struct sim_network *network;
	struct observed o = {0};
	struct transport *transport;
	struct transport_options options = {.listens = {{TRANSPORT_UDP, endpoint("192.0.2.1:5060")}},
					    .listen_count = 1,
					    .advertised = endpoint("198.51.100.1:0").address};
	struct transport_receiver receiver = {.on_message = on_message, .arg = fixture};
	struct net_endpoint remote = endpoint("192.0.2.9:5060"), named;
	struct transport_flow flow, back;
	struct sim_rule lose_second = {.skip = 1, .times = 1, .copies = 0};
	struct sim_rule late = {.to = remote, .times = 1, .delay_ms = 30, .copies = 2};
	struct sim_rule broken = {.times = UINT32_MAX, .is_send_error = true};

	assert_int_equal(loop_new_sim(1, 0, &o.loop), 0);
	text_init(&o.text, o.log, sizeof(o.log));
	assert_int_equal(sim_network_new(o.loop, on_packet, &o, &network), 0);
	assert_int_equal(transport_new_sim(network, &options, &receiver, &transport), 0);
	assert_int_equal(transport_flow_to(transport, TRANSPORT_UDP, &remote, &flow), 0);
	transport_advertised(transport, &flow, &named);
	assert_true(net_address_is_equal(&named.address, &options.advertised));

	assert_int_equal(sim_network_add_rule(network, &lose_second), 0);
	for (char c = 'a'; c <= 'c'; c++)
		assert_int_equal(transport_send(transport, &flow, (struct view){&c, 1}), 0);
	assert_string_equal(o.log, "");
	loop_turn(o.loop, 0);
	assert_string_equal(o.log, "0:a 0:c ");

	assert_int_equal(sim_network_add_rule(network, &late), 0);
	assert_int_equal(transport_send(transport, &flow, VIEW("d")), 0);
	loop_sim_advance(o.loop, 29);
	assert_string_equal(o.log, "0:a 0:c ");
	loop_sim_advance(o.loop, 1);
	assert_string_equal(o.log, "0:a 0:c 30:d 30:d ");

	back = flow;
	back.local = flow.remote;
	back.remote = flow.local;
	assert_int_equal(sim_network_send(network, &back, VIEW("up")), 0);
	loop_turn(o.loop, 0);
	assert_int_equal(fixture->messages, 1);
	assert_true(transport_flow_is_equal(&fixture->flow, &flow));

	assert_int_equal(sim_network_add_rule(network, &broken), 0);
	assert_int_equal(transport_send(transport, &flow, VIEW("e")), ERR_NOT_FOUND);
	transport_free(transport);
	sim_network_free(network);
	loop_free(o.loop);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_transport_answers_from_the_address_asked),
		TEST(test_transport_swallows_keep_alives),
		TEST(test_transport_answers_stun),
		TEST(test_transport_carries_the_largest),
		TEST(test_transport_start_errors),
		TEST(test_transport_chooses_its_address),
		TEST(test_transport_sim_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
