/* Packets as bytes: what is refused and why, headers that are put together, checksums the long way. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"

#include "lib/net/packet.h"

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint result;

	assert_int_equal(net_endpoint_parse(view_of(text), 0, &result), 0);
	return result;
}

/* A whole frame around the payload; returns its size. */
static size_t build(const char *source, const char *destination, uint16_t vlan, const void *payload, uint16_t size,
		    uint8_t *ret_frame)
{
	struct packet_flow flow = {.source_mac = {2, 0, 0, 0, 0, 1},
				   .destination_mac = {2, 0, 0, 0, 0, 2},
				   .vlan = vlan,
				   .dscp = 46,
				   .ttl = 64,
				   .source = endpoint(source),
				   .destination = endpoint(destination)};
	uint8_t bytes[PACKET_TEMPLATE_SIZE + 2048];
	struct packet_template template;

	assert_int_equal(packet_template_build(&flow, &template), 0);
	memcpy(bytes + PACKET_TEMPLATE_SIZE, payload, size);
	packet_template_write(&template, bytes + PACKET_TEMPLATE_SIZE, size, packet_sum(payload, size), false);
	memcpy(ret_frame, bytes + PACKET_TEMPLATE_SIZE - template.size, template.size + size);
	return template.size + size;
}

/* RFC 1071, a byte at a time. */
static uint16_t slow_sum(const uint8_t *bytes, size_t size)
{
	uint32_t sum = 0;
	uint8_t result[2];
	uint16_t value;

	for (size_t i = 0; i < size; i++) {
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	result[0] = (uint8_t)(sum >> 8);
	result[1] = (uint8_t)sum;
	memcpy(&value, result, 2);
	return value;
}

static void test_packet_sum_of_every_size(void **state)
{
	uint8_t bytes[600];

	for (int fill = 0; fill < 3; fill++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = fill == 0 ? 0xff : fill == 1 ? 0 : (uint8_t)(i * 151 + (i >> 2));
		for (size_t size = 0; size < sizeof(bytes); size++) {
			struct guard guard = guard_copy((struct view){(const char *)bytes, size});

			assert_int_equal(packet_sum(guard.bytes, size), slow_sum(bytes, size));
			guard_free(&guard);
		}
	}
}

static void test_packet_checksum_update_is_the_full_one(void **state)
{
	uint8_t header[20] = {0x45, 0, 0, 200, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2};
	uint16_t old_word, new_word, checksum = packet_ipv4_checksum(header, sizeof(header));

	for (uint32_t value = 0; value < 65536; value += 13) {
		new_word = (uint16_t)value;
		memcpy(&old_word, header + 2, 2);
		memcpy(header + 2, &new_word, 2);
		checksum = packet_checksum_update(checksum, old_word, new_word);
		assert_int_equal(checksum, packet_ipv4_checksum(header, sizeof(header)));
	}
}

static const struct flow_row {
	const char *source, *destination;
	uint16_t vlan;
	size_t header_size;
} flow_rows[] = {
	{"192.0.2.1:10000", "198.51.100.7:4000", 0, 42},
	{"192.0.2.1:10000", "198.51.100.7:4000", 7, 46},
	{"[2001:db8::1]:10000", "[2001:db8::2]:65535", 0, 62},
	{"[2001:db8::1]:10000", "[2001:db8::2]:1", 4094, 66},
};

static void test_packet_template_parses_back(void **state)
{
	uint8_t payload[301], frame[512];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ARRAY_LEN(flow_rows); i++) {
		for (uint16_t size = 0; size <= sizeof(payload); size++) {
			const struct flow_row *row = &flow_rows[i];
			size_t frame_size = build(row->source, row->destination, row->vlan, payload, size, frame);
			struct net_endpoint source = endpoint(row->source), destination = endpoint(row->destination),
					    is;
			struct packet packet;
			uint16_t checksum;

			assert_int_equal(frame_size, row->header_size + size);
			assert_int_equal(packet_parse(frame, frame_size, &packet), PACKET_UDP);
			is = packet_source(&packet, frame);
			assert_true(net_endpoint_is_equal(&is, &source));
			is = packet_destination(&packet, frame);
			assert_true(net_endpoint_is_equal(&is, &destination));
			assert_int_equal(packet.payload_size, size);
			assert_int_equal(packet.payload_offset, row->header_size);
			assert_int_equal(packet.ttl, 64);
			assert_int_equal(packet.traffic_class, 46 << 2);
			memcpy(&checksum, frame + packet.payload_offset - 2, 2);
			assert_int_equal(checksum, packet_udp_checksum(&packet, frame));
			if (packet.family == NET_IPV4)
				assert_int_equal(slow_sum(frame + packet.ip_offset, 20), 0xffff);
		}
	}
}

static void test_packet_template_refuses_mixed_families(void **state)
{
	struct packet_flow flow = {.source = endpoint("192.0.2.1:1"), .destination = endpoint("[2001:db8::1]:1")};
	struct packet_template template;

	assert_int_equal(packet_template_build(&flow, &template), ERR_INVALID);
	flow = (struct packet_flow){0};
	assert_int_equal(packet_template_build(&flow, &template), ERR_INVALID);
}

/* One byte (or two) of a good frame is changed. */
static const struct broken_row {
	const char *name;
	bool is_ipv6;
	uint16_t at;
	uint8_t value;
	enum packet_verdict verdict;
} broken_rows[] = {
	{"ARP", false, 13, 0x06, PACKET_NOT_IP},
	{"IPv6 type over IPv4", false, 12, 0x86, PACKET_NOT_IP},
	{"version 5", false, 14, 0x55, PACKET_IP_MALFORMED},
	{"header of four words", false, 14, 0x44, PACKET_IP_MALFORMED},
	{"options where UDP should be", false, 14, 0x4f, PACKET_UDP_MALFORMED},
	{"total length beyond the frame", false, 17, 63, PACKET_IP_MALFORMED},
	{"total length below the header", false, 17, 19, PACKET_IP_MALFORMED},
	{"no room for UDP", false, 17, 27, PACKET_UDP_MALFORMED},
	{"more fragments", false, 20, 0x20, PACKET_IP_FRAGMENT},
	{"fragment offset", false, 21, 1, PACKET_IP_FRAGMENT},
	{"may be fragmented, is not", false, 20, 0, PACKET_UDP},
	{"TCP", false, 23, 6, PACKET_NOT_UDP},
	{"UDP length beyond IP's", false, 39, 49, PACKET_UDP_MALFORMED},
	{"UDP length below its header", false, 39, 7, PACKET_UDP_MALFORMED},
	{"UDP shorter than IP", false, 39, 20, PACKET_UDP},
	{"IPv6 version 4", true, 14, 0x40, PACKET_IP_MALFORMED},
	{"IPv6 length beyond the frame", true, 19, 60, PACKET_IP_MALFORMED},
	{"IPv6 no room for UDP", true, 19, 7, PACKET_UDP_MALFORMED},
	{"IPv6 fragment", true, 20, 44, PACKET_IP_FRAGMENT},
	{"IPv6 hop-by-hop", true, 20, 0, PACKET_NOT_UDP},
	{"IPv6 UDP length", true, 59, 49, PACKET_UDP_MALFORMED},
};

static void test_packet_parse_says_why(void **state)
{
	uint8_t payload[40] = {0}, frame[256];

	for (size_t i = 0; i < ARRAY_LEN(broken_rows); i++) {
		const struct broken_row *row = &broken_rows[i];
		struct packet packet;
		size_t size = row->is_ipv6 ? build("[2001:db8::1]:1", "[2001:db8::2]:2", 0, payload, 40, frame)
					   : build("192.0.2.1:1", "192.0.2.2:2", 0, payload, 34, frame);

		frame[row->at] = row->value;
		if (packet_parse(frame, size, &packet) != row->verdict)
			fail_msg("%s", row->name);
	}
}

static void test_packet_parse_every_cut_before_a_guard_page(void **state)
{
	uint8_t payload[20] = {0}, frame[256];

	for (size_t i = 0; i < ARRAY_LEN(flow_rows); i++) {
		size_t size =
			build(flow_rows[i].source, flow_rows[i].destination, flow_rows[i].vlan, payload, 20, frame);
		struct packet packet;

		for (size_t cut = 0; cut < size; cut++) {
			struct guard guard = guard_copy((struct view){(const char *)frame, cut});

			assert_int_not_equal(packet_parse((const uint8_t *)guard.bytes, cut, &packet), PACKET_UDP);
			guard_free(&guard);
		}
	}
}

static void test_packet_parse_steps_over_padding_options_and_two_tags(void **state)
{
	uint8_t payload[4] = {1, 2, 3, 4}, frame[256], tagged[256];
	size_t size = build("192.0.2.1:1", "192.0.2.2:2", 0, payload, 4, frame);
	struct packet packet;

	/* A frame is at least 60 bytes long. */
	memset(frame + size, 0xee, 60 - size);
	assert_int_equal(packet_parse(frame, 60, &packet), PACKET_UDP);
	assert_int_equal(packet.payload_size, 4);
	/* Two tags. */
	memcpy(tagged, frame, 12);
	memcpy(tagged + 12, (uint8_t[8]){0x88, 0xa8, 0, 1, 0x81, 0, 0, 2}, 8);
	memcpy(tagged + 20, frame + 12, size - 12);
	assert_int_equal(packet_parse(tagged, size + 8, &packet), PACKET_UDP);
	assert_int_equal(packet.payload_offset, 50);
	/* Four bytes of options. */
	memmove(frame + 38, frame + 34, size - 34);
	frame[14] = 0x46;
	frame[17] = (uint8_t)(frame[17] + 4);
	assert_int_equal(packet_parse(frame, size + 4, &packet), PACKET_UDP);
	assert_int_equal(packet.payload_offset, 46);
	assert_memory_equal(frame + packet.payload_offset, payload, 4);
}

/* With offload the field holds the folded pseudo header, not complemented: the NIC adds the rest. */
static void test_packet_offload_field_is_the_pseudo_header(void **state)
{
	struct packet_flow flow = {
		.ttl = 64, .source = endpoint("192.0.2.1:10000"), .destination = endpoint("192.0.2.2:4000")};
	uint8_t pseudo[12] = {192, 0, 2, 1, 192, 0, 2, 2, 0, 17, 0, 18}, bytes[PACKET_TEMPLATE_SIZE + 10] = {0};
	struct packet_template template;
	uint16_t field;

	assert_int_equal(packet_template_build(&flow, &template), 0);
	packet_template_write(&template, bytes + PACKET_TEMPLATE_SIZE, 10, 0, true);
	memcpy(&field, bytes + PACKET_TEMPLATE_SIZE - 2, 2);
	assert_int_equal(field, slow_sum(pseudo, sizeof(pseudo)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet_sum_of_every_size),
		cmocka_unit_test(test_packet_checksum_update_is_the_full_one),
		cmocka_unit_test(test_packet_template_parses_back),
		cmocka_unit_test(test_packet_template_refuses_mixed_families),
		cmocka_unit_test(test_packet_parse_says_why),
		cmocka_unit_test(test_packet_parse_every_cut_before_a_guard_page),
		cmocka_unit_test(test_packet_parse_steps_over_padding_options_and_two_tags),
		cmocka_unit_test(test_packet_offload_field_is_the_pseudo_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
