/* dataplane/xdp: what the kernel's programs do with a packet, by running them in the kernel on crafted packets. Skipped
 * where BPF is not permitted. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/xdp/media.h"
#include "dataplane/xdp/objects.h"
#include "dataplane/xdp/xdp.h"

#define RTP "\x80\x00\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78payload"

enum edit { NOTHING, VLAN, OPTIONS, MORE_FRAGMENTS, LATER_FRAGMENT, DONT_FRAGMENT, EXTENSION, TCP, ARP, CUT };

static const struct {
	const char *name;
	const char *destination;
	uint16_t port;
	enum edit edit;
	bool is_media;
} rows[] = {
	{"IPv4 media", "192.0.2.10", 10000, NOTHING, true},
	{"IPv4, last port of the range", "192.0.2.10", 20001, NOTHING, true},
	{"IPv4, don't fragment set, as phones send", "192.0.2.10", 10002, DONT_FRAGMENT, true},
	{"IPv6 media", "2001:db8::10", 10000, NOTHING, true},
	{"second address, its own range", "192.0.2.11", 30000, NOTHING, true},
	{"second address, the first one's range", "192.0.2.11", 10000, NOTHING, false},
	{"SIP to the media address", "192.0.2.10", 5060, NOTHING, false},
	{"one below the range", "192.0.2.10", 9999, NOTHING, false},
	{"one above the range", "192.0.2.10", 20002, NOTHING, false},
	{"another IPv4 address", "192.0.2.12", 10000, NOTHING, false},
	{"another IPv6 address", "2001:db8::11", 10000, NOTHING, false},
	{"TCP to a port of the range", "192.0.2.10", 10000, TCP, false},
	{"TCP over IPv6", "2001:db8::10", 10000, TCP, false},
	{"first fragment", "192.0.2.10", 10000, MORE_FRAGMENTS, false},
	{"later fragment", "192.0.2.10", 10000, LATER_FRAGMENT, false},
	{"IPv6 extension header", "2001:db8::10", 10000, EXTENSION, false},
	{"IP options", "192.0.2.10", 10000, OPTIONS, false},
	{"VLAN tag", "192.0.2.10", 10000, VLAN, false},
	{"ARP", "192.0.2.10", 10000, ARP, false},
	{"IPv4 cut inside its header", "192.0.2.10", 10000, CUT, false},
	{"IPv6 cut inside its header", "2001:db8::10", 10000, CUT, false},
};

static size_t build(size_t row, uint8_t packet[128])
{
	struct net_address to;
	uint8_t *ip = packet + 14, *udp;
	enum edit edit = rows[row].edit;
	uint8_t protocol = edit == TCP ? 6 : 17;

	assert_int_equal(net_address_parse(view_of(rows[row].destination), &to), 0);
	memset(packet, 0, 128);
	memcpy(packet, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	if (to.family == NET_IPV4) {
		memcpy(packet + 12, edit == ARP ? "\x08\x06" : edit == VLAN ? "\x81\x00" : "\x08\x00", 2);
		ip[0] = edit == OPTIONS ? 0x46 : 0x45;
		ip[6] = edit == MORE_FRAGMENTS ? 0x20 : edit == DONT_FRAGMENT ? 0x40 : 0;
		ip[7] = edit == LATER_FRAGMENT ? 10 : 0;
		ip[9] = protocol;
		memcpy(ip + 16, to.bytes, 4);
		udp = ip + 20;
	} else {
		memcpy(packet + 12, "\x86\xdd", 2);
		ip[0] = 0x60;
		ip[6] = edit == EXTENSION ? 44 : protocol;
		memcpy(ip + 24, to.bytes, 16);
		udp = ip + 40;
	}
	udp[2] = (uint8_t)(rows[row].port >> 8);
	udp[3] = (uint8_t)rows[row].port;
	memcpy(udp + 8, RTP, sizeof(RTP));
	return edit == CUT ? (size_t)(ip + 12 - packet) : (size_t)(udp + 8 + sizeof(RTP) - packet);
}

static void fill(struct bpf_object *object)
{
	static const struct {
		const char *address;
		struct media_range range;
	} media[] = {
		{"192.0.2.10", {10000, 20001}},
		{"2001:db8::10", {10000, 20001}},
		{"192.0.2.11", {30000, 30001}},
	};
	int map = bpf_object__find_map_fd_by_name(object, MEDIA_MAP);

	assert_true(map >= 0);
	for (size_t i = 0; i < ARRAY_LEN(media); i++) {
		struct net_address address;

		assert_int_equal(net_address_parse(view_of(media[i].address), &address), 0);
		assert_int_equal(bpf_map_update_elem(map, &address, &media[i].range, BPF_ANY), 0);
	}
}

static struct bpf_object *load(const void *bytes, size_t size)
{
	struct bpf_object *object;

	xdp_talk(false);
	object = bpf_object__open_mem(bytes, size, NULL);
	assert_non_null(object);
	if (bpf_object__load(object)) {
		print_message("skipped: this user may not load BPF programs (%s)\n", strerror(errno));
		bpf_object__close(object);
		skip();
	}
	return object;
}

static uint32_t run(const struct bpf_object *object, const char *program, uint8_t *packet, size_t size)
{
	uint8_t out[256];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = (uint32_t)size, .data_out = out,
		    .data_size_out = sizeof(out));
	int fd = bpf_program__fd(bpf_object__find_program_by_name(object, program));

	if (bpf_prog_test_run_opts(fd, &options))
		fail_msg("a packet of %zu bytes could not be tried: %s", size, strerror(errno));
	return options.retval;
}

static void test_redirect_takes_media_and_nothing_else(void **state)
{
	struct bpf_object *object = load(media_redirect_object, sizeof(media_redirect_object));
	int engine = socket(AF_XDP, SOCK_RAW, 0);
	uint8_t packet[128];
	uint32_t queue = 0;

	assert_true(engine >= 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t size = build(i, packet);

		/* Before the addresses are there everything passes. */
		assert_int_equal(run(object, "voxlane_media", packet, size), XDP_PASS);
	}
	fill(object);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t size = build(i, packet);

		/* Without a socket on the queue, too. */
		assert_int_equal(run(object, "voxlane_media", packet, size), XDP_PASS);
	}
	assert_int_equal(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "xsks_map"), &queue, &engine, 0),
			 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t size = build(i, packet);
		uint32_t verdict = run(object, "voxlane_media", packet, size);

		if (verdict != (rows[i].is_media ? XDP_REDIRECT : XDP_PASS))
			fail_msg("%s: %s", rows[i].name, verdict == XDP_PASS ? "passed" : "not passed");
	}
	close(engine);
	bpf_object__close(object);
}

static void test_tap_drops_media_in_the_kernel_and_shows_the_engine_nothing_else(void **state)
{
	struct bpf_object *object = load(media_tap_object, sizeof(media_tap_object));
	uint8_t packet[128];

	fill(object);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t size = build(i, packet);
		uint32_t kernel;

		if (rows[i].edit == CUT)
			continue; /* no test run takes a socket buffer without its whole IP header */
		kernel = run(object, "voxlane_media", packet, size);

		if (kernel != (rows[i].is_media ? (uint32_t)TC_ACT_SHOT : (uint32_t)TC_ACT_UNSPEC))
			fail_msg("%s: the kernel's verdict is %d", rows[i].name, (int)kernel);
	}
	bpf_object__close(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redirect_takes_media_and_nothing_else),
		cmocka_unit_test(test_tap_drops_media_in_the_kernel_and_shows_the_engine_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
