/* What the road itself costs: cycles a packet inside a worker's turn, from receive queue to transmit queue, when both are
 * rings in memory. N streams in pairs talk in turns, so that every packet finds its stream as cold as N makes it. The
 * median of all turns is told, and the turn that one in ten does not exceed: who else uses the machine touches the mean, but
 * hardly these. Then the mean of each stage, of the bursts that the worker measured.
 *
 *     build/bench/relay_ring [packets a run]
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "dataplane/worker/worker.h"

#define RING_SIZE    256
#define PAYLOAD_SIZE 172 /* 20 ms of G.711 */
#define LOCAL_START  1024
#define ADDRESSES    2

struct sender {
	uint32_t timestamp;
	uint16_t sequence;
};

static struct rte_mempool *pool;
static struct rte_ring *in, *out;
static struct port_table ports;
static struct stream_lookup lookup;
static struct worker *worker;
static struct packet_template from_peer; /* patched per packet */

static void die(const char *what)
{
	fprintf(stderr, "relay_ring: %s\n", what);
	exit(1);
}

static struct net_endpoint endpoint(const char *address, uint16_t port)
{
	struct net_endpoint result = {.port = port};

	if (net_address_parse(view_of(address), &result.address))
		die(address);
	return result;
}

static void port_init(void)
{
	struct port *port = &ports.ports[0];
	struct rte_eth_conf conf = {0};
	int id;

	pool = rte_pktmbuf_pool_create("packets", 4095, 256, PORT_PRIVATE_SIZE, RTE_PKTMBUF_HEADROOM + PORT_DATA_SIZE,
				       SOCKET_ID_ANY);
	in = rte_ring_create("in", RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	out = rte_ring_create("out", RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (!pool || !in || !out)
		die("out of memory");
	id = rte_eth_from_rings("bench", &in, 1, &out, 1, SOCKET_ID_ANY);
	if (id < 0 || rte_eth_dev_configure((uint16_t)id, 1, 1, &conf) ||
	    rte_eth_rx_queue_setup((uint16_t)id, 0, RING_SIZE, 0, NULL, pool) ||
	    rte_eth_tx_queue_setup((uint16_t)id, 0, RING_SIZE, 0, NULL) || rte_eth_dev_start((uint16_t)id))
		die("the ring port does not start");
	ports.count = ports.worker_count = 1;
	port->dpdk_id = (uint16_t)id;
	port->queue_count = 1;
	port->has_finished_sums = true; /* not true here, and nobody looks */
	port->mtu = 1500;
	port->address_count = ADDRESSES;
	for (uint16_t i = 0; i < ADDRESSES; i++) {
		port->addresses[i] = endpoint(i ? "192.0.2.2" : "192.0.2.1", 0).address;
		lookup.addresses[i].address = port->addresses[i];
		lookup.addresses[i].mtu = 1500;
	}
	lookup.address_count = ADDRESSES;
}

static void streams_init(uint32_t count)
{
	struct worker_setup setup = {.count = 1, .streams = count, .ports = &ports, .lookup = &lookup};

	if (stream_lookup_init(&lookup) || worker_new(&setup, &worker))
		die("out of memory");
	worker_link(&worker, 1);
	for (uint32_t i = 0; i < count; i++) {
		struct stream_wish wish = {.rtp_neighbour = STREAM_NO_NEIGHBOUR, .rtcp_neighbour = STREAM_NO_NEIGHBOUR};

		wish.set.id = (struct shm_stream_id){.index = i, .generation = 1};
		wish.set.source = (struct shm_stream_id){.index = i ^ 1, .generation = 1};
		wish.set.remote_rtp = endpoint("198.51.100.1", (uint16_t)(1024 + i));
		wish.set.address = (uint16_t)(i % ADDRESSES);
		wish.set.local_port = (uint16_t)(LOCAL_START + i / ADDRESSES * 2);
		wish.set.flags = SHM_STREAM_LEARN | SHM_STREAM_RECEIVE | SHM_STREAM_SEND;
		stream_set(&worker->context.table, &wish, rte_rdtsc());
	}
}

/* The next packet of stream i's peer. */
static struct rte_mbuf *packet_of(uint32_t i, struct sender *sender)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);
	uint16_t ports_be[2] = {htons((uint16_t)(1024 + i)), htons((uint16_t)(LOCAL_START + i / ADDRESSES * 2))};
	uint8_t *bytes, *payload;

	if (!packet)
		die("no packet left");
	bytes = (uint8_t *)rte_pktmbuf_append(packet, (uint16_t)(from_peer.size + PAYLOAD_SIZE));
	payload = bytes + from_peer.size;
	packet_template_write(&from_peer, payload, PAYLOAD_SIZE, 0, true);
	payload[-9] = (uint8_t)(1 + i % ADDRESSES); /* last byte of the destination address */
	memcpy(payload - 8, ports_be, 4);
	memset(payload, 0x55, PAYLOAD_SIZE);
	payload[0] = 0x80;
	payload[1] = 0;
	payload[2] = (uint8_t)(sender->sequence >> 8);
	payload[3] = (uint8_t)sender->sequence;
	memcpy(payload + 4, &(uint32_t){htonl(sender->timestamp)}, 4);
	memcpy(payload + 8, &i, 4);
	packet->port = ports.ports[0].dpdk_id;
	sender->sequence++;
	sender->timestamp += 160;
	return packet;
}

/* Returns the cycles of the turn. */
static uint64_t one_burst(uint32_t *at, uint32_t count, struct sender *senders)
{
	uint64_t begun;

	void *packets[BURST_RECEIVE];
	unsigned taken;

	for (unsigned i = 0; i < BURST_RECEIVE; i++) {
		packets[i] = packet_of(*at, &senders[*at]);
		*at = *at + 1 == count ? 0 : *at + 1;
	}
	if (rte_ring_sp_enqueue_bulk(in, packets, BURST_RECEIVE, NULL) != BURST_RECEIVE)
		die("the ring is full");
	begun = rte_rdtsc();
	worker_turn(worker);
	begun = rte_rdtsc() - begun;
	taken = rte_ring_sc_dequeue_burst(out, packets, BURST_RECEIVE, NULL);
	rte_pktmbuf_free_bulk((struct rte_mbuf **)packets, taken);
	return begun;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double ns_a_packet(uint64_t cycles)
{
	return (double)cycles / BURST_RECEIVE * 1e9 / (double)rte_get_tsc_hz();
}

static void run(uint32_t count, uint64_t packets)
{
	struct sender *senders = calloc(count, sizeof(*senders));
	uint64_t turns = packets / BURST_RECEIVE, *cycles = calloc(turns, sizeof(*cycles)), relayed;
	uint32_t at = 0;

	if (!senders || !cycles || turns == 0)
		die("out of memory");
	streams_init(count);
	/* Every stream latches first. */
	for (uint64_t i = 0; i < 8 * (uint64_t)count + 64; i += BURST_RECEIVE)
		one_burst(&at, count, senders);
	relayed = worker->context.counters[WORKER_RTP_RELAYED];
	for (uint64_t i = 0; i < turns; i++)
		cycles[i] = one_burst(&at, count, senders);
	relayed = worker->context.counters[WORKER_RTP_RELAYED] - relayed;
	if (relayed < turns * BURST_RECEIVE)
		die("packets were lost");
	qsort(cycles, turns, sizeof(*cycles), compare);
	printf("%8u streams  %6.1f ns a packet (median of turns)  %6.1f (one in ten is faster)\n", count,
	       ns_a_packet(cycles[turns / 2]), ns_a_packet(cycles[turns / 10]));
	for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
		if (worker->context.stage_packets[stage])
			printf("%*s %-10s %5.1f ns\n", 18, "", stage_rows[stage].name,
			       (double)worker->context.stage_cycles[stage] * 1e9 / (double)rte_get_tsc_hz() /
				       (double)worker->context.stage_packets[stage]);
	worker_free(worker);
	stream_lookup_fini(&lookup);
	free(senders);
	free(cycles);
}

int main(int argc, char **argv)
{
	static const uint32_t counts[] = {100, 1000, 5000, 30000, 60000};
	char *eal[] = {"relay_ring",     "--no-huge",         "-m",       "64", "--no-pci", "--no-shconf",
		       "--no-telemetry", "--log-level=error", "--lcores", "0",  NULL};
	uint64_t packets = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	struct packet_flow flow = {.ttl = 64};

	if (rte_eal_init(ARRAY_LEN(eal) - 1, eal) < 0)
		die("EAL does not start");
	flow.source = endpoint("198.51.100.1", 1024);
	flow.destination = endpoint("192.0.2.1", LOCAL_START);
	if (packet_template_build(&flow, &from_peer))
		die("template");
	port_init();
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		run(counts[i], packets);
	rte_eal_cleanup();
	return 0;
}
