/* dataplane/neighbour against a real kernel: each test runs in a network namespace of its own, with a veth pair e0/e1, and
 * sets neighbours and routes with ip(8), whose news are there when the command returns. Skipped without privileges. */
#include "tests/unit/unit.h"

#include <sched.h>

#include "dataplane/neighbour/neighbour.h"
#include "dataplane/port/port.h"

#include <net/if.h>

#define CAPACITY 4

static struct port_table ports;
static struct neighbour_table *table;
static uint64_t now_ms = 1000;

static void command(const char *text)
{
	if (system(text) != 0)
		fail_msg("%s", text);
}

static struct net_address address(const char *text)
{
	struct net_address a;

	assert_int_equal(net_address_parse(view_of(text), &a), 0);
	return a;
}

static int set_up(void **state)
{
	if (unshare(CLONE_NEWNET)) {
		print_message("skipped: no network namespace for this user\n");
		return 0;
	}
	command("ip link set lo up");
	command("ip link add e0 type veth peer name e1");
	command("ip link set e1 address 02:00:00:00:00:e1");
	command("ip addr add 10.0.0.1/24 dev e0");
	command("ip addr add fd00::1/64 dev e0 nodad");
	command("ip link set e0 up");
	command("ip link set e1 up");
	memset(&ports, 0, sizeof(ports));
	ports.count = 1;
	ports.ports[0].ifindex = if_nametoindex("e0");
	ports.ports[0].addresses[0] = address("10.0.0.1");
	ports.ports[0].addresses[1] = address("fd00::1");
	ports.ports[0].address_count = 2;
	table = NULL;
	*state = &ports;
	return 0;
}

static int tear_down(void **state)
{
	neighbour_free(table);
	table = NULL;
	return 0;
}

static void start(void **state)
{
	if (!*state)
		skip();
	assert_int_equal(neighbour_new(&ports, CAPACITY, &table), 0);
}

static uint32_t get(const char *destination)
{
	struct net_address to = address(destination);
	uint32_t index;

	assert_int_equal(neighbour_get(table, 0, &to, &index), 0);
	return index;
}

static void poll_now(void)
{
	now_ms += 100;
	neighbour_poll(table, now_ms);
}

/* "02:00:00:00:00:05", or "none" while the word is not valid. */
static void assert_hardware(uint32_t index, const char *expected)
{
	uint64_t word = neighbour_load(table, index);
	uint8_t b[8];
	char text[20] = "none";

	memcpy(b, &word, sizeof(b));
	if (word & NEIGHBOUR_VALID)
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	assert_string_equal(text, expected);
}

static void test_neighbour_on_link_is_known_at_once_or_when_the_kernel_learns_it(void **state)
{
	uint32_t known, learned, six;

	start(state);
	command("ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 dev e0");
	known = get("10.0.0.5");
	learned = get("10.0.0.6");
	six = get("fd00::5");
	assert_hardware(known, "02:00:00:00:00:05");
	assert_hardware(learned, "none");
	assert_hardware(six, "none");
	command("ip neigh replace 10.0.0.6 lladdr 02:00:00:00:00:06 dev e0 nud reachable");
	command("ip neigh replace fd00::5 lladdr 02:00:00:00:06:05 dev e0 nud stale");
	poll_now();
	assert_hardware(learned, "02:00:00:00:00:06");
	assert_hardware(six, "02:00:00:00:06:05");
}

static void test_neighbour_that_moves_or_fails_changes_the_word(void **state)
{
	uint32_t index;

	start(state);
	command("ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 dev e0 nud reachable");
	index = get("10.0.0.5");
	command("ip neigh replace 10.0.0.5 lladdr 02:00:00:00:00:55 dev e0 nud reachable");
	poll_now();
	assert_hardware(index, "02:00:00:00:00:55");
	command("ip neigh replace 10.0.0.5 dev e0 nud failed");
	poll_now();
	assert_hardware(index, "none");
	command("ip neigh replace 10.0.0.5 lladdr 02:00:00:00:00:55 dev e0 nud reachable");
	poll_now();
	assert_hardware(index, "02:00:00:00:00:55");
	command("ip neigh del 10.0.0.5 dev e0");
	poll_now();
	assert_hardware(index, "none");
}

static void test_neighbour_behind_a_gateway_follows_the_routes(void **state)
{
	uint32_t index;

	start(state);
	command("ip neigh add 10.0.0.254 lladdr 02:00:00:00:00:fe dev e0");
	command("ip neigh add 10.0.0.253 lladdr 02:00:00:00:00:fd dev e0");
	command("ip neigh add fd00::fe lladdr 02:00:00:00:06:fe dev e0");
	command("ip route add 192.0.2.0/24 via 10.0.0.254");
	index = get("192.0.2.7");
	assert_hardware(index, "02:00:00:00:00:fe");
	command("ip route replace 192.0.2.0/24 via 10.0.0.253");
	poll_now();
	assert_hardware(index, "02:00:00:00:00:fd");
	command("ip route replace 192.0.2.0/24 via inet6 fd00::fe dev e0");
	poll_now();
	assert_hardware(index, "02:00:00:00:06:fe");
	/* A rule for the media address alone, as hosts with two uplinks have. */
	command("ip route add 192.0.2.0/24 via 10.0.0.254 table 7");
	command("ip rule add from 10.0.0.1 table 7");
	poll_now();
	assert_hardware(index, "02:00:00:00:00:fe");
}

static void test_neighbour_without_a_route_is_found_when_there_is_one(void **state)
{
	uint32_t index;

	start(state);
	command("ip -6 neigh add fd00::fe lladdr 02:00:00:00:06:fe dev e0");
	index = get("2001:db8::7");
	assert_hardware(index, "none");
	command("ip -6 route add default via fd00::fe");
	poll_now();
	assert_hardware(index, "02:00:00:00:06:fe");
}

static void test_neighbour_entries_are_counted_and_used_again(void **state)
{
	struct net_address fifth = address("10.0.0.105");
	uint32_t first, again, index;

	start(state);
	command("ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 dev e0");
	first = get("10.0.0.5");
	again = get("10.0.0.5");
	assert_int_equal(first, again);
	(void)get("10.0.0.102");
	(void)get("10.0.0.103");
	(void)get("10.0.0.104");
	assert_int_equal(neighbour_get(table, 0, &fifth, &index), ERR_FULL);
	neighbour_put(table, first);
	assert_hardware(first, "02:00:00:00:00:05");
	neighbour_put(table, again);
	assert_hardware(first, "none");
	assert_int_equal(neighbour_get(table, 0, &fifth, &index), 0);
	assert_int_equal(index, first);
}

static void test_neighbour_refuses_what_is_no_destination(void **state)
{
	struct net_address none = {0}, good = address("10.0.0.5");
	uint32_t index;

	start(state);
	assert_int_equal(neighbour_get(table, 0, &none, &index), ERR_INVALID);
	assert_int_equal(neighbour_get(table, 1, &good, &index), ERR_INVALID);
}

static void test_neighbour_of_a_local_port_is_the_other_end_of_its_veth_pair(void **state)
{
	uint32_t near, far;

	ports.ports[0].serves = SHM_SERVES_LOCAL;
	start(state);
	near = get("10.0.0.9");
	far = get("2001:db8::9");
	assert_hardware(near, "02:00:00:00:00:e1");
	assert_hardware(far, "02:00:00:00:00:e1");
	command("ip link set e1 address 02:00:00:00:00:e9");
	poll_now();
	assert_hardware(near, "02:00:00:00:00:e9");
	assert_hardware(far, "02:00:00:00:00:e9");
}

static void test_neighbour_of_a_port_without_interface_is_who_sent_last(void **state)
{
	static const uint8_t source[6] = {2, 0, 0, 0, 0, 7};
	uint32_t index;

	ports.ports[0].ifindex = 0;
	start(state);
	index = get("198.51.100.1");
	assert_hardware(index, "ff:ff:ff:ff:ff:ff");
	port_learn_peer(&ports.ports[0], source);
	poll_now();
	assert_hardware(index, "02:00:00:00:00:07");
}

static void test_neighbour_of_a_port_without_interface_may_be_configured(void **state)
{
	ports.ports[0].ifindex = 0;
	ports.ports[0].fixed_peer = NEIGHBOUR_VALID | 0x0200;
	start(state);
	assert_hardware(get("198.51.100.1"), "00:02:00:00:00:00");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_neighbour_on_link_is_known_at_once_or_when_the_kernel_learns_it),
		TEST(test_neighbour_that_moves_or_fails_changes_the_word),
		TEST(test_neighbour_behind_a_gateway_follows_the_routes),
		TEST(test_neighbour_without_a_route_is_found_when_there_is_one),
		TEST(test_neighbour_entries_are_counted_and_used_again),
		TEST(test_neighbour_refuses_what_is_no_destination),
		TEST(test_neighbour_of_a_local_port_is_the_other_end_of_its_veth_pair),
		TEST(test_neighbour_of_a_port_without_interface_is_who_sent_last),
		TEST(test_neighbour_of_a_port_without_interface_may_be_configured),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
