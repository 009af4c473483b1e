/* First step: from bytes of the wire to addresses and ports. */
#include "dataplane/stage/stage.h"

static const enum drop_reason reasons[PACKET_VERDICT_COUNT] = {
	[PACKET_NOT_IP] = DROP_NOT_IP,
	[PACKET_IP_MALFORMED] = DROP_IP_MALFORMED,
	[PACKET_IP_FRAGMENT] = DROP_IP_FRAGMENT,
	[PACKET_NOT_UDP] = DROP_NOT_UDP,
	[PACKET_UDP_MALFORMED] = DROP_UDP_MALFORMED,
};

#define ETHERTYPE_IPV4_BE 0x0008 /* as it lies in memory */
#define FRAGMENT_MASK_BE  0xff3f /* more fragments, and the offset */
#define PROTOCOL_UDP      17

static bool is_equal(const struct net_address *address, uint8_t family, const uint8_t *bytes)
{
	/* Of fixed sizes, so that each is a comparison or two and no call. */
	if (address->family != family)
		return false;
	return family == NET_IPV4 ? memcmp(address->bytes, bytes, 4) == 0 : memcmp(address->bytes, bytes, 16) == 0;
}

static uint8_t last_byte(uint8_t family, const uint8_t *bytes)
{
	return bytes[family == NET_IPV4 ? 3 : 15];
}

void stage_index_addresses(struct stage_context *context)
{
	for (uint16_t p = 0; p < context->ports->count; p++) {
		const struct port *port = &context->ports->ports[p];

		for (uint16_t i = 0; i < port->address_count && i < UINT8_MAX; i++) {
			const struct net_address *address = &port->addresses[i];

			context->address_of[p][last_byte(address->family, address->bytes)] = (uint8_t)(i + 1);
		}
	}
}

/* Index of the engine's address that the packet was sent to through this port, or -1. */
static inline int find_address(const struct stage_context *context, unsigned port_index, uint8_t family,
			       const uint8_t *destination)
{
	const struct port *port = &context->ports->ports[port_index];
	uint8_t hint = context->address_of[port_index][last_byte(family, destination)];

	if (likely(hint && is_equal(&port->addresses[hint - 1], family, destination)))
		return port->first_address + hint - 1;
	/* None ends so, or several do. */
	for (uint16_t i = 0; hint && i < port->address_count; i++)
		if (is_equal(&port->addresses[i], family, destination))
			return port->first_address + i;
	return -1;
}

/* What nearly all packets are: IPv4 without options or fragments, UDP that fills it, no tag. */
static bool is_plain(const uint8_t *bytes, uint16_t size)
{
	const uint8_t *ip = bytes + PACKET_ETHERNET_SIZE;
	uint16_t type, fragment, total, udp;

	if (size < PACKET_TEMPLATE_IPV4)
		return false;
	memcpy(&type, bytes + 12, 2);
	memcpy(&total, ip + 2, 2);
	memcpy(&fragment, ip + 6, 2);
	memcpy(&udp, ip + PACKET_IPV4_SIZE + 4, 2);
	total = __builtin_bswap16(total);
	udp = __builtin_bswap16(udp);
	return type == ETHERTYPE_IPV4_BE && ip[0] == 0x45 && (fragment & FRAGMENT_MASK_BE) == 0 &&
	       ip[9] == PROTOCOL_UDP && ip[8] != 0 && udp >= PACKET_UDP_SIZE && total == udp + PACKET_IPV4_SIZE &&
	       total <= size - PACKET_ETHERNET_SIZE;
}

/* DROP_COUNT when the packet goes on. */
static enum drop_reason parse_plain(struct stage_context *context, struct rte_mbuf *packet)
{
	unsigned port_index = context->port_of_dpdk[packet->port];
	struct packet_meta *meta = packet_meta(packet);
	const uint8_t *ip = rte_pktmbuf_mtod_offset(packet, const uint8_t *, PACKET_ETHERNET_SIZE);
	int address = find_address(context, port_index, NET_IPV4, ip + 16);
	uint16_t words[4]; /* of UDP's header */
	uint32_t source;

	if (address < 0)
		return DROP_NOT_MEDIA_ADDRESS;
	memcpy(&source, ip + 12, 4);
	memcpy(words, ip + PACKET_IPV4_SIZE, 8);
	meta->source =
		(struct stream_peer){.address = {source}, .port = __builtin_bswap16(words[0]), .family = NET_IPV4};
	meta->address = (uint8_t)address;
	meta->local_port = __builtin_bswap16(words[1]);
	meta->payload_offset = PACKET_TEMPLATE_IPV4;
	meta->payload_size = (uint16_t)(__builtin_bswap16(words[2]) - PACKET_UDP_SIZE);
	meta->has_sum = words[3] != 0 && context->ports->ports[port_index].has_finished_sums;
	__builtin_prefetch(&context->table.lookup->entries[address][meta->local_port]);
	return DROP_COUNT;
}

/* The same for what is not plain. */
static enum drop_reason parse_any(struct stage_context *context, struct rte_mbuf *packet)
{
	unsigned port_index = context->port_of_dpdk[packet->port];
	struct packet_meta *meta = packet_meta(packet);
	const uint8_t *bytes = rte_pktmbuf_mtod(packet, const uint8_t *);
	struct packet parsed;
	enum packet_verdict verdict;
	int address;

	if (packet->nb_segs != 1)
		return DROP_TOO_LONG;
	verdict = packet_parse(bytes, packet->data_len, &parsed);
	if (verdict != PACKET_UDP)
		return reasons[verdict];
	address = find_address(context, port_index, parsed.family, bytes + parsed.destination_offset);
	if (address < 0)
		return DROP_NOT_MEDIA_ADDRESS;
	if (parsed.ttl == 0)
		return DROP_TTL;
	meta->source = (struct stream_peer){.port = parsed.source_port, .family = parsed.family};
	if (parsed.family == NET_IPV4)
		memcpy(meta->source.address, bytes + parsed.source_offset, 4);
	else
		memcpy(meta->source.address, bytes + parsed.source_offset, 16);
	meta->address = (uint8_t)address;
	meta->local_port = parsed.destination_port;
	meta->payload_offset = parsed.payload_offset;
	meta->payload_size = parsed.payload_size;
	meta->has_sum = false;
	__builtin_prefetch(&context->table.lookup->entries[address][parsed.destination_port]);
	return DROP_COUNT;
}

static enum drop_reason parse_one(struct stage_context *context, struct rte_mbuf *packet)
{
	if (likely(packet->nb_segs == 1 && is_plain(rte_pktmbuf_mtod(packet, const uint8_t *), packet->data_len)))
		return parse_plain(context, packet);
	return parse_any(context, packet);
}

/* Uses:   the packet's bytes, its port's addresses.
 * Sets:   source, address, local_port, payload_offset, payload_size, has_sum.
 * Drops:  DROP_NOT_IP, DROP_IP_MALFORMED, DROP_IP_FRAGMENT, DROP_NOT_UDP, DROP_UDP_MALFORMED, DROP_NOT_MEDIA_ADDRESS,
 *         DROP_TTL, DROP_TOO_LONG; on a port with a TAP twin what is not for a media address is the kernel's.
 * Memory: first line of the data and the private area, both prefetched by the first pass; prefetches the look-up entry. */
void stage_parse(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(burst->packets[i], void *));
		rte_prefetch0(packet_meta(burst->packets[i]));
	}
	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		enum drop_reason reason = parse_one(context, packet);

		if (reason == DROP_COUNT)
			burst->packets[kept++] = packet;
		else if (!stage_leave_to_kernel(context, packet))
			stage_drop(context, packet, reason);
	}
	burst->count = kept;
}
