/* First step: from bytes of the wire to addresses and ports. */
#include "dataplane/stage/stage.h"

static const enum drop_reason reasons[PACKET_VERDICT_COUNT] = {
	[PACKET_NOT_IP] = DROP_NOT_IP,
	[PACKET_IP_MALFORMED] = DROP_IP_MALFORMED,
	[PACKET_IP_FRAGMENT] = DROP_IP_FRAGMENT,
	[PACKET_NOT_UDP] = DROP_NOT_UDP,
	[PACKET_UDP_MALFORMED] = DROP_UDP_MALFORMED,
};

static bool is_equal(const struct net_address *address, uint8_t family, const uint8_t *bytes)
{
	/* Of fixed sizes, so that each is a comparison or two and no call. */
	if (address->family != family)
		return false;
	return family == NET_IPV4 ? memcmp(address->bytes, bytes, 4) == 0 : memcmp(address->bytes, bytes, 16) == 0;
}

/* Index of the engine's address that the packet was sent to through this port, or -1. */
static int find_address(const struct port *port, uint8_t family, const uint8_t *destination)
{
	for (uint16_t i = 0; i < port->address_count; i++)
		if (is_equal(&port->addresses[i], family, destination))
			return port->first_address + i;
	return -1;
}

/* DROP_COUNT when the packet goes on. */
static enum drop_reason parse_one(struct stage_context *context, struct rte_mbuf *packet)
{
	const struct port *port = &context->ports->ports[context->port_of_dpdk[packet->port]];
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
	address = find_address(port, parsed.family, bytes + parsed.destination_offset);
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
	__builtin_prefetch(&context->table.lookup->entries[address][parsed.destination_port]);
	return DROP_COUNT;
}

/* Uses:   the packet's bytes, its port's addresses.
 * Sets:   source, address, local_port, payload_offset, payload_size.
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
