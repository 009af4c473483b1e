/* Packets as bytes: Ethernet, VLAN, IPv4, IPv6 and UDP, taken apart and put together, and the Internet checksum.
 *
 * Used by the stages of the dataplane (per packet), by its stream table (templates) and by tests that craft packets.
 * Threads: pure functions over the caller's bytes. Nothing is read outside [bytes, bytes + size).
 * Limits: up to two VLAN tags are stepped over; a packet is at most 65,535 bytes. IPv6 extension headers are not
 * walked: media carries none, so what has one is "not UDP" (a fragment header is told apart). The IPv4 header checksum
 * and the UDP checksum of what was received are not verified: the link has its own, and a sender on the same machine
 * leaves the UDP checksum unfinished (veth).
 * Sums are of 16-bit words as they lie in memory: the Internet checksum does not care for byte order (RFC 1071 2.B).
 * Sources: RFC 791, RFC 8200, RFC 768, RFC 1071, RFC 1624, RFC 6864 (identification 0 with DF).
 */
#ifndef LIB_NET_PACKET_H
#define LIB_NET_PACKET_H

#include "lib/net/net.h"

#define PACKET_ETHERNET_SIZE 14
#define PACKET_VLAN_SIZE     4
#define PACKET_IPV4_SIZE     20
#define PACKET_IPV6_SIZE     40
#define PACKET_UDP_SIZE      8
#define PACKET_HEADER_MAX    (PACKET_ETHERNET_SIZE + PACKET_VLAN_SIZE + PACKET_IPV6_SIZE + PACKET_UDP_SIZE)
#define PACKET_MAC_SIZE      6

/* Why bytes are not a UDP packet. */
enum packet_verdict {
	PACKET_UDP,
	PACKET_NOT_IP,
	PACKET_IP_MALFORMED,
	PACKET_IP_FRAGMENT,
	PACKET_NOT_UDP,
	PACKET_UDP_MALFORMED,
	PACKET_VERDICT_COUNT
};

/* Where things are in a UDP packet; offsets from the Ethernet header. */
struct packet {
	uint16_t ip_offset;
	uint16_t source_offset, destination_offset; /* of the addresses: 4 or 16 bytes */
	uint16_t payload_offset, payload_size;      /* what UDP carries; padding behind it is not counted */
	uint16_t source_port, destination_port;
	uint8_t family;        /* enum net_family */
	uint8_t traffic_class; /* DSCP << 2 | ECN */
	uint8_t ttl;           /* or hop limit */
};

/* ret_packet is written only with PACKET_UDP. */
enum packet_verdict packet_parse(const uint8_t *bytes, size_t size, struct packet *ret_packet);
/* The endpoints of a parsed packet. */
struct net_endpoint packet_source(const struct packet *packet, const uint8_t *bytes);
struct net_endpoint packet_destination(const struct packet *packet, const uint8_t *bytes);

/* ---- checksums ---- */
/* The folded sum of the bytes, 0..0xffff; the bytes start at an even offset of what is summed. */
uint16_t packet_sum(const void *bytes, size_t size);

static inline uint16_t packet_sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* A checksum after one 16-bit word that it covers changed (RFC 1624, equation 3). All three as they lie in memory. */
static inline uint16_t packet_checksum_update(uint16_t checksum, uint16_t old_word, uint16_t new_word)
{
	return (uint16_t)~packet_sum_fold((uint32_t)(uint16_t)~checksum + (uint16_t)~old_word + new_word);
}

/* The UDP checksum of a whole packet, reckoned anew with the field itself taken as 0; as it lies in memory. */
uint16_t packet_udp_checksum(const struct packet *packet, const uint8_t *bytes);
/* The checksum of the IPv4 header at bytes, likewise. */
uint16_t packet_ipv4_checksum(const uint8_t *header, size_t size);

/* ---- putting together ---- */
struct packet_flow {
	uint8_t source_mac[PACKET_MAC_SIZE], destination_mac[PACKET_MAC_SIZE];
	uint16_t vlan; /* 0: no tag */
	uint8_t dscp;  /* 0..63 */
	uint8_t ttl;
	struct net_endpoint source, destination; /* of one family */
};

/* All headers of one flow, ready but for what depends on the payload. The header stands at the END of `header`, so
 * that one copy of fixed size in front of a payload puts it in place. */
#define PACKET_TEMPLATE_SIZE 72
#define PACKET_TEMPLATE_IPV4 (PACKET_ETHERNET_SIZE + PACKET_IPV4_SIZE + PACKET_UDP_SIZE) /* without a tag */
struct packet_template {
	uint8_t header[PACKET_TEMPLATE_SIZE];
	uint16_t ip_sum;  /* of the IPv4 header with length and checksum 0 */
	uint16_t udp_sum; /* of pseudo header, ports and protocol, without both lengths */
	uint8_t size;     /* of the header: 42..PACKET_HEADER_MAX; 0: no template */
	uint8_t l2_size, l3_size;
	uint8_t family;
};

/* ERR_INVALID: the families differ or are none. */
int packet_template_build(const struct packet_flow *flow, struct packet_template *ret_template) WARN_UNUSED;
/* Another next hop. */
void packet_template_set_destination_mac(struct packet_template *template, const uint8_t mac[PACKET_MAC_SIZE]);

/* The sum of the payload as the UDP checksum of a packet of IPv4 without options has it: 20 + 8 bytes from `ip` on. Good
 * if the checksum is there (not 0) and whoever sent it has finished it. What was wrong stays wrong. */
static inline uint16_t packet_sum_of_checksum(const uint8_t *ip)
{
	uint64_t addresses, udp;
	uint64_t sum;

	memcpy(&addresses, ip + 12, 8);
	memcpy(&udp, ip + PACKET_IPV4_SIZE, 8); /* ports, length, checksum */
	/* checksum = ~(addresses + protocol + length + ports + length + payload) */
	sum = (addresses & UINT32_MAX) + (addresses >> 32) + (udp & UINT32_MAX) + (udp >> 32) + (udp >> 32 & 0xffff) +
	      __builtin_bswap16(17);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~packet_sum_fold((uint32_t)sum);
}

/* Writes the headers in front of payload: PACKET_TEMPLATE_SIZE bytes before it may be overwritten, the header is the last
 * template->size of them. payload_sum is packet_sum of the payload; with `offload` the UDP checksum field gets the sum
 * of the pseudo header only, as a NIC that finishes it wants. */
static inline void packet_template_write(const struct packet_template *template, uint8_t *payload,
					 uint16_t payload_size, uint16_t payload_sum, bool offload)
{
	uint16_t udp_size = (uint16_t)(payload_size + PACKET_UDP_SIZE);
	uint16_t udp_size_be = __builtin_bswap16(udp_size), checksum;
	uint8_t *udp = payload - PACKET_UDP_SIZE;

	if (template->size == PACKET_TEMPLATE_IPV4)
		memcpy(payload - PACKET_TEMPLATE_IPV4, template->header + PACKET_TEMPLATE_SIZE - PACKET_TEMPLATE_IPV4,
		       PACKET_TEMPLATE_IPV4);
	else
		memcpy(payload - PACKET_TEMPLATE_SIZE, template->header, PACKET_TEMPLATE_SIZE);
	if (template->family == NET_IPV4) {
		uint16_t total_be = __builtin_bswap16((uint16_t)(udp_size + PACKET_IPV4_SIZE));

		memcpy(udp - PACKET_IPV4_SIZE + 2, &total_be, 2);
		checksum = (uint16_t)~packet_sum_fold((uint32_t) template->ip_sum + total_be);
		memcpy(udp - PACKET_IPV4_SIZE + 10, &checksum, 2);
	} else {
		memcpy(udp - PACKET_IPV6_SIZE + 4, &udp_size_be, 2);
	}
	memcpy(udp + 4, &udp_size_be, 2);
	if (offload) {
		uint16_t ports[2];

		memcpy(ports, udp, 4);
		/* The ports are in udp_sum; take them out again. */
		checksum = packet_sum_fold((uint32_t) template->udp_sum + udp_size_be + (uint16_t)~ports[0] +
					   (uint16_t)~ports[1]);
	} else {
		checksum = (uint16_t)~packet_sum_fold((uint32_t) template->udp_sum + udp_size_be + udp_size_be +
						      payload_sum);
		if (checksum == 0)
			checksum = 0xffff; /* 0 would mean "none" (RFC 768), which IPv6 forbids */
	}
	memcpy(udp + 6, &checksum, 2);
}

#endif
