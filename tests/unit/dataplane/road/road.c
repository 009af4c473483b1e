/* The box itself: see road.h. */
#include "tests/unit/dataplane/road/road.h"

#include <unistd.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include "dataplane/port/driver.h"

struct road road;
static char segment_path[64];
static struct conf_port port_confs[ROAD_PORTS] = {{.name = "net", .port_pool = {10000, 12000}},
						  {.name = "local", .port_pool = {10000, 12000}}};
static struct conf conf;
static struct rte_mempool *pool;
static struct rte_ring *inbound[ROAD_PORTS];
static uint16_t dpdk_ids[ROAD_PORTS];
static const uint8_t engine_mac[6] = {2, 0xee, 0, 0, 0, 1}, peer_mac[6] = {2, 0xbb, 0, 0, 0, 2};

static struct rte_ring *ring_new(const char *what, unsigned i, unsigned flags)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "road_%s%u", what, i);
	return rte_ring_create(name, ROAD_RING, SOCKET_ID_ANY, flags);
}

/* Ports and rings live as long as the program; what a test does not touch stays empty. */
static int port_init(unsigned i)
{
	struct rte_eth_conf ethernet = {0};
	char name[16];
	int id;

	road.in[i] = ring_new("in", i, 0);
	road.out[i] = ring_new("out", i, 0);
	inbound[i] = ring_new("inbound", i, RING_F_SC_DEQ);
	snprintf(name, sizeof(name), "road%u", i);
	id = rte_eth_from_rings(name, &road.in[i], 1, &road.out[i], 1, SOCKET_ID_ANY);
	if (!inbound[i] || id < 0 || rte_eth_dev_configure((uint16_t)id, 1, 1, &ethernet) ||
	    rte_eth_rx_queue_setup((uint16_t)id, 0, ROAD_RING, 0, NULL, pool) ||
	    rte_eth_tx_queue_setup((uint16_t)id, 0, ROAD_RING, 0, NULL) || rte_eth_dev_start((uint16_t)id))
		return -1;
	dpdk_ids[i] = (uint16_t)id;
	return 0;
}

int road_eal_init(void **state)
{
	char *argv[] = {"test",        "--no-huge",      "-m",       "128",         "--no-pci",
			"--no-shconf", "--no-telemetry", "--lcores", "0@0,1@0,2@0", "--log-level=error",
			NULL};

	if (rte_eal_init(ARRAY_LEN(argv) - 1, argv) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("packets", 8191, 0, PORT_PRIVATE_SIZE, RTE_PKTMBUF_HEADROOM + PORT_DATA_SIZE,
				       SOCKET_ID_ANY);
	road.exception = ring_new("exception", 0, 0);
	for (unsigned i = 0; i < ROAD_PORTS; i++)
		if (port_init(i))
			return -1;
	return pool && road.exception ? 0 : -1;
}

static void port_setup(unsigned i)
{
	struct port *port = &road.ports->ports[i];

	port->index = (uint16_t)i;
	port->dpdk_id = dpdk_ids[i];
	port->queue_count = 1;
	port->mtu = 1500;
	port->driver = &port_drivers[CONF_DRIVER_MEMIF];
	port->conf = &port_confs[i];
	memcpy(port->mac, engine_mac, 6);
	port->queues[0].inbound = inbound[i];
}

static void address_setup(unsigned index, unsigned port_index, const char *text)
{
	struct stream_address *address = &road.lookup->addresses[index];
	struct port *port = &road.ports->ports[port_index];

	assert_int_equal(net_address_parse(view_of(text), &address->address), 0);
	if (port->address_count == 0)
		port->first_address = (uint16_t)index;
	port->addresses[port->address_count++] = address->address;
	address->port = (uint16_t)port_index;
	address->port_start = 10000;
	address->port_end = 12000;
	address->mtu = 1500;
	memcpy(address->mac, engine_mac, 6);
}

static void ports_setup(void)
{
	memset(&road.manager, 0, sizeof(road) - offsetof(struct road, manager));
	road.ports = calloc(1, sizeof(*road.ports));
	road.lookup = calloc(1, sizeof(*road.lookup));
	road.ports->count = ROAD_PORTS;
	road.ports->worker_count = ROAD_WORKERS;
	road.ports->pool = pool;
	for (unsigned i = 0; i < ROAD_PORTS; i++)
		port_setup(i);
	address_setup(0, 0, ROAD_IPV4);
	address_setup(1, 0, ROAD_IPV6);
	address_setup(2, 1, ROAD_LOCAL);
	road.ports->address_count = road.lookup->address_count = 3;
	road.ports->port_of_address[2] = 1;
}

int road_setup(void **state)
{
	uint64_t word = NEIGHBOUR_VALID;

	memcpy(&word, peer_mac, 6);
	ports_setup();
	if (stream_lookup_init(road.lookup))
		return -1;
	atomic_store(&road.words[0], word);
	atomic_store(&road.words[1], 0);
	road.neighbours = (struct neighbour_table){.words = road.words, .capacity = ARRAY_LEN(road.words)};
	for (uint16_t i = 0; i < ROAD_WORKERS; i++) {
		struct worker_setup setup = {.index = i,
					     .count = ROAD_WORKERS,
					     .streams = ROAD_STREAMS,
					     .ports = road.ports,
					     .neighbours = &road.neighbours,
					     .lookup = road.lookup};

		if (worker_new(&setup, &road.workers[i]))
			return -1;
	}
	worker_link(road.workers, ROAD_WORKERS);
	return 0;
}

int road_setup_managed(void **state)
{
	struct shm_address addresses[SHM_ADDRESSES_MAX];
	struct shm_layout layout = {.worker_count = ROAD_WORKERS,
				    .client_count = 2,
				    .streams_per_worker = ROAD_STREAMS,
				    .generation = 77,
				    .addresses = addresses};
	struct shm_refusal refusal;

	ports_setup();
	layout.address_count = port_fill_addresses(road.ports, addresses);
	snprintf(segment_path, sizeof(segment_path), "/tmp/voxlane_test_manager.%d", (int)getpid());
	if (shm_segment_create(segment_path, &layout, &road.dataplane, &refusal) ||
	    shm_segment_attach(segment_path, &road.controlplane, &refusal) ||
	    neighbour_new(road.ports, 8, &road.managed_neighbours) ||
	    manager_new(&conf, road.ports, road.managed_neighbours, &road.dataplane, &road.manager))
		return -1;
	for (uint16_t i = 0; i < ROAD_WORKERS; i++)
		road.workers[i] = manager_worker(road.manager, i);
	return 0;
}

static void ring_empty(struct rte_ring *ring)
{
	void *packet;

	while (rte_ring_dequeue(ring, &packet) == 0)
		rte_pktmbuf_free(packet);
}

int road_teardown(void **state)
{
	for (unsigned i = 0; i < ROAD_WORKERS && !road.manager; i++)
		worker_free(road.workers[i]);
	if (road.manager) {
		manager_free(road.manager);
		neighbour_free(road.managed_neighbours);
		shm_segment_close(&road.controlplane, segment_path);
		shm_segment_close(&road.dataplane, segment_path);
	} else {
		stream_lookup_fini(road.lookup);
	}
	for (unsigned i = 0; i < ROAD_PORTS; i++) {
		ring_empty(inbound[i]);
		ring_empty(road.in[i]);
		ring_empty(road.out[i]);
	}
	ring_empty(road.exception);
	free(road.lookup);
	free(road.ports);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	return 0;
}

struct net_endpoint road_endpoint(const char *text)
{
	struct net_endpoint endpoint = {0};

	if (text)
		assert_int_equal(net_endpoint_parse(view_of(text), 0, &endpoint), 0);
	return endpoint;
}

struct stream_wish road_wish(uint16_t worker, uint32_t index, uint16_t address, const char *remote, uint32_t source)
{
	struct stream_wish wish = {.rtp_neighbour = 0, .rtcp_neighbour = 0};

	wish.set.id = (struct shm_stream_id){.index = index, .generation = 1, .worker = worker};
	if (source != STREAM_NO_SLOT)
		wish.set.source = (struct shm_stream_id){.index = source, .generation = 1, .worker = worker};
	wish.set.remote_rtp = road_endpoint(remote);
	wish.set.controller = 1;
	wish.set.address = address;
	wish.set.local_port = ROAD_PORT(index + 100u * worker);
	wish.set.flags = SHM_STREAM_RECEIVE | SHM_STREAM_SEND;
	wish.set.dscp = 46;
	return wish;
}

struct stream *road_set(struct stream_wish *wish)
{
	struct stream_table *table = &road.workers[wish->set.id.worker]->context.table;

	stream_set(table, wish, rte_rdtsc());
	return stream_find(table, &wish->set.id);
}

void road_put(unsigned port, const uint8_t *bytes, size_t size)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);

	assert_non_null(packet);
	packet->port = road.ports->ports[port].dpdk_id;
	memcpy(rte_pktmbuf_append(packet, (uint16_t)size), bytes, size);
	assert_int_equal(rte_ring_enqueue(road.in[port], packet), 0);
}

void road_put_udp(unsigned port, const char *source, const char *destination, const uint8_t *payload, size_t size)
{
	struct packet_flow flow = {
		.ttl = 63, .source = road_endpoint(source), .destination = road_endpoint(destination)};
	uint8_t bytes[2048];
	struct packet_template template;

	memcpy(flow.source_mac, peer_mac, 6);
	flow.source_mac[5] = 0x77;
	memcpy(flow.destination_mac, engine_mac, 6);
	assert_int_equal(packet_template_build(&flow, &template), 0);
	memcpy(bytes + PACKET_TEMPLATE_SIZE, payload, size);
	packet_template_write(&template, bytes + PACKET_TEMPLATE_SIZE, (uint16_t)size, 0, true);
	road_put(port, bytes + PACKET_TEMPLATE_SIZE - template.size, template.size + size);
}

size_t road_rtp(uint8_t *bytes, uint32_t ssrc, uint16_t sequence)
{
	uint32_t timestamp = sequence * 160u;

	memset(bytes, 0, 12);
	bytes[0] = 0x80;
	bytes[2] = (uint8_t)(sequence >> 8);
	bytes[3] = (uint8_t)sequence;
	for (int i = 0; i < 4; i++) {
		bytes[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
		bytes[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	}
	for (int i = 0; i < 160; i++)
		bytes[12 + i] = (uint8_t)(sequence * 7 + i);
	return 172;
}

size_t road_rtcp(uint8_t *bytes, uint32_t ssrc)
{
	static const uint8_t report[] = {0x81, 201, 0, 7};

	memset(bytes, 0x11, 32);
	memcpy(bytes, report, 4);
	for (int i = 0; i < 4; i++)
		bytes[4 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	return 32;
}

void road_put_rtp(unsigned port, const char *source, const char *destination, uint32_t ssrc, uint16_t sequence)
{
	uint8_t payload[256];

	road_put_udp(port, source, destination, payload, road_rtp(payload, ssrc, sequence));
}

void road_turn(void)
{
	for (int i = 0; i < 4 + 2 * ROAD_RING / BURST_RECEIVE; i++)
		for (unsigned w = 0; w < ROAD_WORKERS; w++)
			worker_turn(road.workers[w]);
}

void road_hurry(void)
{
	for (unsigned w = 0; w < ROAD_WORKERS; w++)
		road.workers[w]->context.table.tsc_hz = 1000;
}

/* RFC 1071 to the letter, one word at a time. */
static uint32_t sum_words(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
		while (sum > 0xffff)
			sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void check_sums(const struct seen *seen)
{
	const struct packet *packet = &seen->packet;
	const uint8_t *udp = seen->payload - 8;
	size_t address_size = packet->family == NET_IPV4 ? 4 : 16;
	uint8_t pseudo[2] = {0, 17};
	uint32_t sum = 0;

	if (packet->family == NET_IPV4) {
		assert_int_equal(sum_words(0, seen->bytes + packet->ip_offset, 20), 0xffff);
		assert_int_equal(seen->bytes[packet->ip_offset + 6], 0x40); /* may not be fragmented */
	}
	sum = sum_words(sum, seen->bytes + packet->source_offset, address_size);
	sum = sum_words(sum, seen->bytes + packet->destination_offset, address_size);
	sum = sum_words(sum, pseudo, 2);
	sum = sum_words(sum, udp + 4, 2);
	sum = sum_words(sum, udp, 8u + packet->payload_size);
	assert_int_equal(sum, 0xffff);
	assert_false(udp[6] == 0 && udp[7] == 0);
}

bool road_take(unsigned port, struct seen *seen)
{
	struct rte_mbuf *packet;
	struct net_endpoint endpoint;
	void *taken;

	if (rte_ring_dequeue(road.out[port], &taken) != 0)
		return false;
	packet = taken;
	assert_int_equal(packet->nb_segs, 1);
	assert_int_equal(packet->pkt_len, packet->data_len);
	seen->size = packet->pkt_len;
	memcpy(seen->bytes, rte_pktmbuf_mtod(packet, uint8_t *), seen->size);
	rte_pktmbuf_free(packet);
	assert_int_equal(packet_parse(seen->bytes, seen->size, &seen->packet), PACKET_UDP);
	assert_int_equal(seen->size, seen->packet.payload_offset + seen->packet.payload_size);
	assert_int_equal(seen->packet.ttl, 64);
	assert_int_equal(seen->packet.traffic_class, 46 << 2);
	assert_memory_equal(seen->bytes, peer_mac, 5); /* the last byte says whether it was learned from a packet */
	assert_memory_equal(seen->bytes + 6, engine_mac, 6);
	seen->payload = seen->bytes + seen->packet.payload_offset;
	check_sums(seen);
	endpoint = packet_source(&seen->packet, seen->bytes);
	net_endpoint_print(&endpoint, seen->source);
	endpoint = packet_destination(&seen->packet, seen->bytes);
	net_endpoint_print(&endpoint, seen->destination);
	return true;
}

uint64_t road_drops(enum drop_reason reason)
{
	return road.workers[0]->context.drops[reason] + road.workers[1]->context.drops[reason];
}

uint64_t road_drops_all(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_COUNT; i++)
		sum += road_drops(i);
	return sum;
}

uint64_t road_counter(enum worker_counter counter)
{
	return road.workers[0]->context.counters[counter] + road.workers[1]->context.counters[counter];
}
