/* dataplane/port: what DPDK is told for each driver, options of the user's and ours, and how queues are shared out. */
#include "tests/unit/unit.h"

#include "dataplane/port/driver.h"

static void test_port_arguments_are_defaults_that_options_replace(void **state)
{
	static const struct {
		const char *what;
		enum conf_driver driver;
		const char *device, *options, *name, *arguments;
	} rows[] = {
		{"af_xdp", CONF_DRIVER_AF_XDP, "eth0", "", "net_af_xdp3", "iface=eth0,start_queue=0,queue_count=2"},
		{"af_xdp, tuned", CONF_DRIVER_AF_XDP, "eth0", " busy_budget=0 , start_queue=4", "net_af_xdp3",
		 "iface=eth0,queue_count=2,busy_budget=0,start_queue=4"},
		{"af_packet", CONF_DRIVER_AF_PACKET, "eth0", "", "net_af_packet3",
		 "iface=eth0,framesz=2048,framecnt=1024,qdisc_bypass=1,qpairs=2"},
		{"memif, server", CONF_DRIVER_MEMIF, "/run/m", "", "net_memif3",
		 "role=server,socket=/run/m,socket-abstract=no,bsize=2048,rsize=11"},
		{"memif, client with its own options", CONF_DRIVER_MEMIF, "/run/m",
		 "role=client,peer_mac=02:00:00:00:00:01,id=7", "net_memif3",
		 "socket=/run/m,socket-abstract=no,bsize=2048,rsize=11,role=client,id=7"},
		{"pci", CONF_DRIVER_PCI, "0000:3b:02.0", "", "0000:3b:02.0", ""},
		{"pcap", CONF_DRIVER_PCAP, "in.pcap", "tx_pcap=out.pcap,infinite_rx=1", "net_pcap3",
		 "rx_pcap=in.pcap,tx_pcap=out.pcap,infinite_rx=1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_port conf = {.name = "port",
					 .driver = rows[i].driver,
					 .device = rows[i].device,
					 .options = rows[i].options,
					 .where = "a.conf:1"};
		struct port_device device;

		print_message("%s\n", rows[i].what);
		assert_int_equal(port_device_init(&device, &port_drivers[rows[i].driver], &conf, 3, 2), 0);
		assert_string_equal(device.name, rows[i].name);
		assert_string_equal(device.arguments, rows[i].arguments);
	}
}

static void test_port_arguments_of_the_fallback_leave_out_options_meant_for_another(void **state)
{
	struct conf_port conf = {.driver = CONF_DRIVER_AF_XDP, .device = "eth0", .options = "busy_budget=0"};
	struct port_device device;

	assert_int_equal(port_device_init(&device, port_drivers[CONF_DRIVER_AF_XDP].fallback, &conf, 0, 1), 0);
	assert_string_equal(device.arguments, "iface=eth0,framesz=2048,framecnt=1024,qdisc_bypass=1,qpairs=1");
}

static void test_port_arguments_that_do_not_fit_are_refused(void **state)
{
	static char options[PORT_ARGUMENTS_SIZE + 1];
	struct conf_port conf = {.driver = CONF_DRIVER_AF_XDP, .device = "eth0", .options = options};
	struct port_device device;

	memset(options, 'x', PORT_ARGUMENTS_SIZE);
	assert_int_equal(port_device_init(&device, &port_drivers[CONF_DRIVER_AF_XDP], &conf, 0, 1), ERR_TOO_LONG);
}

static void test_port_option_finds_its_value(void **state)
{
	assert_view_equal(port_option("role=client, id=7", "id"), "7");
	assert_view_equal(port_option("flag,id=7", "flag"), "");
	assert_null(port_option("grid=7", "id").at);
	assert_null(port_option("", "id").at);
}

/* Queues that fit need no rings, which would need EAL. */
static void test_port_queues_go_round_the_workers_over_all_ports(void **state)
{
	static struct port ports[3];
	struct port_problem problem;
	unsigned next = 0;

	ports[0].queue_count = 3;
	ports[1].queue_count = 2;
	ports[2].queue_count = 4;
	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		assert_int_equal(port_share_out(&ports[i], 2, &next, &problem), 0);
	assert_int_equal(ports[0].queues[0].worker, 0);
	assert_int_equal(ports[0].queues[1].worker, 1);
	assert_int_equal(ports[0].queues[2].worker, 0);
	assert_int_equal(ports[1].queues[0].worker, 1);
	assert_int_equal(ports[1].queues[1].worker, 0);
	/* A worker sends to the first queue it owns. */
	assert_int_equal(ports[0].queue_of_worker[0], 0);
	assert_int_equal(ports[1].queue_of_worker[0], 1);
	assert_int_equal(ports[1].queue_of_worker[1], 0);
	assert_null(ports[1].queues[0].inbound);
}

static void test_port_pool_is_large_enough_for_all_rings(void **state)
{
	assert_int_equal(port_pool_packets(1, 1), 8191);
	assert_true(port_pool_packets(16, 4) >= 16 * 6144);
	assert_true(port_pool_mb(8191) < 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_arguments_are_defaults_that_options_replace),
		cmocka_unit_test(test_port_arguments_of_the_fallback_leave_out_options_meant_for_another),
		cmocka_unit_test(test_port_arguments_that_do_not_fit_are_refused),
		cmocka_unit_test(test_port_option_finds_its_value),
		cmocka_unit_test(test_port_queues_go_round_the_workers_over_all_ports),
		cmocka_unit_test(test_port_pool_is_large_enough_for_all_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
