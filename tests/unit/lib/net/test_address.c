/* Addresses, endpoints and prefixes: what people write, and what comes back. */
#include "tests/unit/unit.h"

#include "lib/net/net.h"

#include <netinet/in.h>
#include <sys/socket.h>

static const struct address_row {
	const char *text, *printed; /* printed NULL: refused */
} address_rows[] = {
	{"192.0.2.1", "192.0.2.1"},
	{"0.0.0.0", "0.0.0.0"},
	{"255.255.255.255", "255.255.255.255"},
	{"2001:db8::1", "2001:db8::1"},
	{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
	{"::", "::"},
	{"::ffff:192.0.2.1", "192.0.2.1"},
	{"", NULL},
	{"192.0.2", NULL},
	{"192.0.2.256", NULL},
	{"192.0.2.1 ", NULL},
	{"192.0.2.01", NULL},
	{"[::1]", NULL},
	{"fe80::1%eth0", NULL},
	{"example.com", NULL},
	{"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
	{"0000:0000:0000:0000:0000:ffff:0255.0255.0255.0255", NULL},
};

static void test_address_parse_and_print(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(address_rows); i++) {
		const struct address_row *row = &address_rows[i];
		char text[NET_ADDRESS_TEXT];
		struct net_address address;
		int error = net_address_parse(view_of(row->text), &address);

		if (!error != !!row->printed)
			fail_msg("%s: %s", row->text, error_text(error));
		if (!error)
			assert_string_equal(net_address_print(&address, text), row->printed);
	}
}

static const struct endpoint_row {
	const char *text, *printed;
} endpoint_rows[] = {
	{"192.0.2.1:5061", "192.0.2.1:5061"},
	{"192.0.2.1", "192.0.2.1:5060"},
	{"[2001:db8::1]:5061", "[2001:db8::1]:5061"},
	{"[2001:db8::1]", "[2001:db8::1]:5060"},
	{"2001:db8::1", "[2001:db8::1]:5060"},
	{"192.0.2.1:0", "192.0.2.1:0"},
	{"192.0.2.1:", NULL},
	{"192.0.2.1:65536", NULL},
	{"192.0.2.1:5x", NULL},
	{"192.0.2.1:-1", NULL},
	{"[2001:db8::1]:", NULL},
	{"[2001:db8::1]5060", NULL},
	{"[2001:db8::1", NULL},
	{"[]:5060", NULL},
	{":5060", NULL},
	{"", NULL},
};

static void test_address_endpoint_parse_and_print(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(endpoint_rows); i++) {
		const struct endpoint_row *row = &endpoint_rows[i];
		char text[NET_ENDPOINT_TEXT];
		struct net_endpoint endpoint;
		int error = net_endpoint_parse(view_of(row->text), 5060, &endpoint);

		if (!error != !!row->printed)
			fail_msg("%s: %s", row->text, error_text(error));
		if (!error)
			assert_string_equal(net_endpoint_print(&endpoint, text), row->printed);
	}
}

static struct net_address address_of(const char *text)
{
	struct net_address address;

	assert_int_equal(net_address_parse(view_of(text), &address), 0);
	return address;
}

static const struct kind_row {
	const char *text;
	bool any, loopback, multicast;
} kind_rows[] = {
	{"0.0.0.0", true, false, false},
	{"::", true, false, false},
	{"127.0.0.1", false, true, false},
	{"127.255.0.9", false, true, false},
	{"::1", false, true, false},
	{"224.0.0.1", false, false, true},
	{"239.255.255.255", false, false, true},
	{"255.255.255.255", false, false, true},
	{"ff02::1", false, false, true},
	{"192.0.2.1", false, false, false},
	{"2001:db8::1", false, false, false},
	{"::2", false, false, false},
};

static void test_address_kinds(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(kind_rows); i++) {
		struct net_address address = address_of(kind_rows[i].text);

		if (net_address_is_any(&address) != kind_rows[i].any ||
		    net_address_is_loopback(&address) != kind_rows[i].loopback ||
		    net_address_is_multicast(&address) != kind_rows[i].multicast)
			fail_msg("%s", kind_rows[i].text);
	}
}

static void test_address_none_prints_a_dash_and_equals_itself(void **state)
{
	struct net_address none = {0}, one = address_of("0.0.0.0");
	char text[NET_ADDRESS_TEXT];

	assert_string_equal(net_address_print(&none, text), "-");
	assert_true(net_address_is_equal(&none, &none));
	assert_false(net_address_is_equal(&none, &one));
	assert_true(net_address_is_any(&none));
}

static void test_address_survives_the_socket_interface(void **state)
{
	static const char *const texts[] = {"192.0.2.1:5060", "[2001:db8::1]:65535"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct net_endpoint endpoint, back;
		struct sockaddr_storage sockaddr;

		assert_int_equal(net_endpoint_parse(view_of(texts[i]), 0, &endpoint), 0);
		assert_int_equal(net_endpoint_to_sockaddr(&endpoint, &sockaddr),
				 i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
		assert_int_equal(net_endpoint_from_sockaddr((struct sockaddr *)&sockaddr, &back), 0);
		assert_true(net_endpoint_is_equal(&endpoint, &back));
		assert_true(net_endpoint_hash(&endpoint) == net_endpoint_hash(&back));
	}
}

static void test_address_mapped_from_the_socket_interface_is_ipv4(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(5060)};
	struct sockaddr other = {.sa_family = AF_UNIX};
	struct net_endpoint endpoint;
	char text[NET_ENDPOINT_TEXT];

	memcpy(&in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01", 16);
	assert_int_equal(net_endpoint_from_sockaddr((struct sockaddr *)&in6, &endpoint), 0);
	assert_string_equal(net_endpoint_print(&endpoint, text), "192.0.2.1:5060");
	assert_int_equal(net_endpoint_from_sockaddr(&other, &endpoint), ERR_UNSUPPORTED);
}

static const struct prefix_row {
	const char *prefix, *address;
	int has; /* -1: the prefix is refused */
} prefix_rows[] = {
	{"192.0.2.0/24", "192.0.2.255", 1},
	{"192.0.2.0/24", "192.0.3.0", 0},
	{"192.0.2.0/25", "192.0.2.128", 0},
	{"192.0.2.0/31", "192.0.2.1", 1},
	{"192.0.2.7", "192.0.2.7", 1},
	{"192.0.2.7", "192.0.2.6", 0},
	{"0.0.0.0/0", "255.1.2.3", 1},
	{"0.0.0.0/0", "::1", 0},
	{"2001:db8::/33", "2001:db8:7fff::1", 1},
	{"2001:db8::/33", "2001:db8:8000::1", 0},
	{"2001:db8::1/128", "2001:db8::1", 1},
	{"::/0", "2001:db8::1", 1},
	{"192.0.2.0/33", "::", -1},
	{"192.0.2.0/", "::", -1},
	{"192.0.2.0/x", "::", -1},
	{"/24", "::", -1},
};

static void test_address_prefixes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(prefix_rows); i++) {
		struct net_address address = address_of(prefix_rows[i].address);
		struct net_prefix prefix;
		int has = net_prefix_parse(view_of(prefix_rows[i].prefix), &prefix) ? -1
										    : net_prefix_has(&prefix, &address);

		if (has != prefix_rows[i].has)
			fail_msg("%s has %s: %d", prefix_rows[i].prefix, prefix_rows[i].address, has);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_parse_and_print),
		cmocka_unit_test(test_address_endpoint_parse_and_print),
		cmocka_unit_test(test_address_kinds),
		cmocka_unit_test(test_address_none_prints_a_dash_and_equals_itself),
		cmocka_unit_test(test_address_survives_the_socket_interface),
		cmocka_unit_test(test_address_mapped_from_the_socket_interface_is_ipv4),
		cmocka_unit_test(test_address_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
