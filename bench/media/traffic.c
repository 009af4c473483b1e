/* Packets out and in. Those that go out are made once and only patched: headers, sequence, timestamp and checksum; the
 * pool they come from is used for nothing else, so the rest of them stays. */
#include "bench/media/media.h"

#include <string.h>

#include <rte_cycles.h>

#define PEERS_AN_ADDRESS 60000u
#define FIRST_PEER_PORT  2000u
#define FIRST_PEER       0xc6120001u /* 198.18.0.1, RFC 2544 */
#define SUMS_CHECKED     64          /* of so many packets one has its checksums verified the long way */
#define SLICE_SECONDS    0.05

static const uint8_t peer_mac[PACKET_MAC_SIZE] = {0x02, 0, 0, 0, 0x10, 0x01};

uint32_t traffic_peer_address(uint32_t i)
{
	return htonl(FIRST_PEER + i / PEERS_AN_ADDRESS);
}

uint16_t traffic_peer_port(uint32_t i)
{
	return (uint16_t)(FIRST_PEER_PORT + i % PEERS_AN_ADDRESS);
}

/* What no packet of a run changes. */
static void write_common(const struct load *load, uint8_t *bytes)
{
	struct packet_flow flow = {.ttl = 64, .dscp = 46};
	struct packet_template template;

	flow.source.address.family = flow.destination.address.family = NET_IPV4;
	memcpy(flow.source_mac, load->own_mac, PACKET_MAC_SIZE);
	memcpy(flow.destination_mac, load->engine_mac, PACKET_MAC_SIZE);
	if (packet_template_build(&flow, &template))
		return;
	packet_template_write(&template, bytes + PACKET_TEMPLATE_SIZE, load->payload_size, 0, true);
	memmove(bytes, bytes + PACKET_TEMPLATE_SIZE - HEADER_SIZE, HEADER_SIZE);
	memset(bytes + HEADER_SIZE, 0x55, load->payload_size);
	bytes[HEADER_SIZE] = 0x80;
	bytes[HEADER_SIZE + 1] = 0;
}

static void prepare(struct rte_mempool *pool, void *arg, void *object, unsigned index)
{
	const struct load *load = arg;
	struct rte_mbuf *packet = object;

	(void)pool;
	(void)index;
	write_common(load, rte_pktmbuf_mtod(packet, uint8_t *));
	packet->data_len = (uint16_t)(HEADER_SIZE + load->payload_size);
	packet->pkt_len = packet->data_len;
}

int traffic_init(struct load *load)
{
	struct rte_ether_addr mac;

	if (rte_eth_macaddr_get(load->port, &mac) == 0)
		memcpy(load->own_mac, mac.addr_bytes, PACKET_MAC_SIZE);
	else
		memcpy(load->own_mac, peer_mac, PACKET_MAC_SIZE);
	load->send_pool = rte_pktmbuf_pool_create("send", 8191, 256, 0, RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	if (!load->send_pool)
		return ERR_NOMEM;
	rte_mempool_obj_iter(load->send_pool, prepare, load);
	return 0;
}

void traffic_aim(struct load *load, uint32_t i, uint32_t engine_be, uint16_t engine_port)
{
	struct talker *talker = &load->talkers[i];
	uint8_t bytes[PACKET_TEMPLATE_SIZE + HEADER_SIZE + 2048] = {0};
	uint8_t *ip = bytes + PACKET_ETHERNET_SIZE, *udp = ip + PACKET_IPV4_SIZE, *rtp = udp + PACKET_UDP_SIZE;
	uint16_t udp_size_be = htons((uint16_t)(load->payload_size + PACKET_UDP_SIZE));

	/* The packet as it will be, but for sequence and timestamp. */
	write_common(load, bytes);
	talker->source_be = traffic_peer_address(i);
	talker->destination_be = engine_be;
	talker->source_port_be = htons(traffic_peer_port(i));
	talker->destination_port_be = htons(engine_port);
	memcpy(ip + 12, &talker->source_be, 4);
	memcpy(ip + 16, &talker->destination_be, 4);
	memcpy(udp, &talker->source_port_be, 2);
	memcpy(udp + 2, &talker->destination_port_be, 2);
	memset(rtp + 2, 0, 6);
	memcpy(rtp + 8, &(uint32_t){htonl(i)}, 4);
	talker->ip_checksum = packet_ipv4_checksum(ip, PACKET_IPV4_SIZE);
	memset(udp + 6, 0, 2);
	talker->sum = packet_sum_fold((uint32_t)packet_sum(ip + 12, 8) + htons(17) + udp_size_be);
	talker->sum =
		packet_sum_fold((uint32_t)talker->sum + packet_sum(udp, (size_t)PACKET_UDP_SIZE + load->payload_size));
	talker->sequence = (uint16_t)(i * 7919); /* wraps come one by one */
	talker->is_aimed = true;
}

static void patch(struct rte_mbuf *packet, struct talker *talker, uint32_t ssrc, uint32_t clock)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(packet, uint8_t *, PACKET_ETHERNET_SIZE);
	uint8_t *udp = ip + PACKET_IPV4_SIZE, *rtp = udp + PACKET_UDP_SIZE;
	uint16_t sequence_be = htons(talker->sequence++), checksum;
	uint32_t clock_be = htonl(clock), ssrc_be = htonl(ssrc);

	memcpy(ip + 10, &talker->ip_checksum, 2);
	memcpy(ip + 12, &talker->source_be, 4);
	memcpy(ip + 16, &talker->destination_be, 4);
	memcpy(udp, &talker->source_port_be, 2);
	memcpy(udp + 2, &talker->destination_port_be, 2);
	checksum = (uint16_t)~packet_sum_fold(
		(uint32_t)packet_sum_fold((uint32_t)talker->sum + sequence_be + (clock_be & 0xffff)) +
		(clock_be >> 16));
	if (checksum == 0)
		checksum = 0xffff;
	memcpy(udp + 6, &checksum, 2);
	memcpy(rtp + 2, &sequence_be, 2);
	memcpy(rtp + 4, &clock_be, 4);
	memcpy(rtp + 8, &ssrc_be, 4);
}

/* Up to `count` packets, streams in turn; returns how many the port took. */
static unsigned send_burst(struct load *load, unsigned count)
{
	struct rte_mbuf *packets[BURST];
	uint32_t first = load->at, clock = (uint32_t)(rte_rdtsc() >> CLOCK_SHIFT);
	unsigned taken;

	if (rte_mempool_get_bulk(load->send_pool, (void **)packets, count) != 0)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		struct talker *talker = &load->talkers[load->at];

		rte_mbuf_refcnt_set(packets[i], 1);
		patch(packets[i], talker, load->at, clock);
		load->at = load->at + 1 == load->stream_count ? 0 : load->at + 1;
	}
	taken = rte_eth_tx_burst(load->port, 0, packets, (uint16_t)count);
	if (taken < count) {
		/* As if they had never been. */
		for (unsigned i = taken; i < count; i++)
			load->talkers[(first + i) % load->stream_count].sequence--;
		load->at = (first + taken) % load->stream_count;
		rte_mempool_put_bulk(load->send_pool, (void **)(packets + taken), count - taken);
	}
	load->sent += taken;
	return taken;
}

static bool sums_are_right(const uint8_t *bytes, size_t size)
{
	struct packet packet;
	uint16_t udp, ip;

	if (packet_parse(bytes, size, &packet) != PACKET_UDP)
		return false;
	memcpy(&udp, bytes + packet.payload_offset - 2, 2);
	memcpy(&ip, bytes + packet.ip_offset + 10, 2);
	return packet_ipv4_checksum(bytes + packet.ip_offset, PACKET_IPV4_SIZE) == ip &&
	       packet_udp_checksum(&packet, bytes) == udp;
}

static void check(struct load *load, struct rte_mbuf *packet, uint32_t clock)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(packet, const uint8_t *), *rtp = bytes + HEADER_SIZE;
	uint32_t ssrc, departure;
	uint16_t sequence, ahead, port;
	struct talker *talker;

	if (packet->data_len < HEADER_SIZE + RTP_HEADER || bytes[12] != 8 || bytes[13] != 0 || rtp[0] != 0x80) {
		load->foreign++;
		return;
	}
	memcpy(&sequence, rtp + 2, 2);
	memcpy(&departure, rtp + 4, 4);
	memcpy(&ssrc, rtp + 8, 4);
	memcpy(&port, bytes + HEADER_SIZE - 6, 2);
	sequence = ntohs(sequence);
	ssrc = ntohl(ssrc);
	if (ssrc >= load->stream_count) {
		load->foreign++;
		return;
	}
	talker = &load->talkers[ssrc];
	load->wrong_port += port != load->talkers[load->is_reflected ? ssrc : ssrc ^ 1].source_port_be;
	ahead = (uint16_t)(sequence - talker->expected);
	if (!talker->is_expected || ahead < 0x8000) {
		if (talker->is_expected)
			load->lost += ahead;
		talker->expected = (uint16_t)(sequence + 1);
		talker->is_expected = true;
	} else {
		load->reordered++;
		load->lost -= load->lost > 0;
	}
	if (++load->received % SUMS_CHECKED == 0)
		load->wrong_sum += !sums_are_right(bytes, packet->data_len);
	histogram_add(&load->delays, clock - ntohl(departure));
}

static unsigned receive_burst(struct load *load)
{
	struct rte_mbuf *packets[BURST];
	unsigned count = rte_eth_rx_burst(load->port, 0, packets, BURST);
	uint32_t clock;

	if (count == 0)
		return 0;
	clock = (uint32_t)(rte_rdtsc() >> CLOCK_SHIFT);
	for (unsigned i = 0; i < count; i++)
		rte_prefetch0(rte_pktmbuf_mtod(packets[i], void *));
	for (unsigned i = 0; i < count; i++)
		check(load, packets[i], clock);
	rte_pktmbuf_free_bulk(packets, count);
	return count;
}

static void receive_all(struct load *load)
{
	for (int i = 0; i < 8; i++)
		if (receive_burst(load) < BURST)
			return;
}

/* How many packets are due by now. */
static unsigned due(const struct load *load, double rate, uint64_t begun, uint64_t now, double hz)
{
	uint64_t wanted;

	if (rate == 0)
		return BURST;
	wanted = (uint64_t)((double)(now - begun) / hz * rate);
	return wanted > load->sent ? (unsigned)MIN(wanted - load->sent, (uint64_t)BURST) : 0;
}

static void note_slice(struct load *load, uint64_t *slice_received, uint64_t *slice_tsc, uint64_t now, double hz)
{
	double seconds = (double)(now - *slice_tsc) / hz;

	if (seconds < SLICE_SECONDS)
		return;
	if (load->slice_count < SLICES_MAX)
		load->slice_rates[load->slice_count++] = (double)(load->received - *slice_received) / seconds;
	*slice_received = load->received;
	*slice_tsc = now;
}

void traffic_run(struct load *load, double rate, double seconds, uint64_t limit)
{
	double hz = (double)rte_get_tsc_hz();
	uint64_t begun = rte_rdtsc(), end = begun + (uint64_t)(seconds * hz), now = begun, slice_tsc = begun;
	uint64_t slice_received = 0;

	load->sent = load->received = load->lost = load->reordered = 0;
	load->foreign = load->wrong_sum = load->wrong_port = load->refused = 0;
	load->slice_count = 0;
	memset(&load->delays, 0, sizeof(load->delays));
	while (now < end && (limit == 0 || load->sent < limit)) {
		unsigned count = due(load, rate, begun, now, hz);

		if (count > 0 && send_burst(load, count) < count)
			load->refused++;
		receive_all(load);
		now = rte_rdtsc();
		if (load->segment_path)
			engine_turn(load, now);
		note_slice(load, &slice_received, &slice_tsc, now, hz);
	}
}

void traffic_drain(struct load *load, double seconds)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(seconds * (double)rte_get_tsc_hz());

	while (rte_rdtsc() < end) {
		receive_all(load);
		if (load->segment_path)
			engine_turn(load, rte_rdtsc());
	}
}
