/* After EAL runs: the pool, then each port opened, given its queues, started and joined to the kernel; and the way back. */
#include "dataplane/port/driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ether.h>

#include "lib/log/log.h"

#define DESCRIPTORS 2048 /* of a queue, where the device lets us choose: 40 ms of 50,000 packets a second */

static const uint64_t rss_wanted =
	RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;

static int refuse(struct port_problem *problem, const struct port *port, const char *what, int error)
{
	return port_fail(problem, ERR_IO, port->conf, "%s %s: %s (%s); --log-level DEBUG shows what DPDK says",
			 port->driver->name, port->conf->device, what, rte_strerror(-error));
}

/* Finds a PCI device that EAL has opened, or opens a virtual one. */
static int open_device(struct port *port, const struct port_device *device, struct port_problem *problem)
{
	int error = port->driver->vdev ? rte_eal_hotplug_add("vdev", device->name, device->arguments) : 0;

	if (error == -ENOENT || error == -EINVAL)
		log_debug("port", "%s: %s,%s", port->conf->name, device->name, device->arguments);
	if (error)
		return refuse(problem, port, "the device could not be opened, or its DPDK driver is not installed",
			      error);
	error = rte_eth_dev_get_port_by_name(device->name, &port->dpdk_id);
	if (error)
		return refuse(problem, port, "DPDK has no driver for the device", error);
	return 0;
}

static int configure(struct port *port, uint16_t queue_count, struct port_problem *problem)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	uint64_t checksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	int error = rte_eth_dev_info_get(port->dpdk_id, &info);

	if (error)
		return refuse(problem, port, "the device does not answer", error);
	port->queue_count = MIN(queue_count, MIN(info.max_rx_queues, info.max_tx_queues));
	if (port->queue_count == 0)
		return refuse(problem, port, "the device has no queues", -ENODEV);
	if (port->queue_count > 1 && (info.flow_type_rss_offloads & rss_wanted)) {
		/* By destination port only where the NIC can: the control plane's choice of a local port then chooses the
		 * worker. Otherwise any spread will do, and workers hand over by ring. */
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & (rss_wanted | RTE_ETH_RSS_L4_DST_ONLY);
		snprintf(port->how, sizeof(port->how), "spread over queues by %s",
			 info.flow_type_rss_offloads & RTE_ETH_RSS_L4_DST_ONLY ? "destination port"
									       : "addresses and ports");
	}
	if ((info.tx_offload_capa & checksums) == checksums)
		conf.txmode.offloads |= checksums;
	port->tx_offloads = conf.txmode.offloads;
	port->has_finished_sums = port->driver->finished_sums;
	port->has_checksum_offload = (port->tx_offloads & checksums) == checksums;
	error = rte_eth_dev_configure(port->dpdk_id, port->queue_count, port->queue_count, &conf);
	if (error)
		return refuse(problem, port, "the device refused its configuration", error);
	return 0;
}

/* ERR_UNSUPPORTED: the arguments were good, but this device cannot do it. */
static int set_up_queues(struct port *port, struct rte_mempool *pool, struct port_problem *problem)
{
	uint16_t receive = DESCRIPTORS, transmit = DESCRIPTORS;
	int error = rte_eth_dev_adjust_nb_rx_tx_desc(port->dpdk_id, &receive, &transmit);

	if (error)
		return refuse(problem, port, "the device refused its queue lengths", error);
	for (uint16_t q = 0; q < port->queue_count; q++) {
		error = rte_eth_tx_queue_setup(port->dpdk_id, q, transmit, SOCKET_ID_ANY, NULL);
		if (!error)
			error = rte_eth_rx_queue_setup(port->dpdk_id, q, receive, SOCKET_ID_ANY, NULL, pool);
		if (error) {
			(void)refuse(problem, port, "the device refused a queue", error);
			return ERR_UNSUPPORTED;
		}
	}
	error = rte_eth_dev_start(port->dpdk_id);
	if (error)
		return refuse(problem, port, "the device does not start", error);
	return 0;
}

static void close_device(struct port *port)
{
	const struct port_driver *driver = port->driver;
	struct rte_eth_dev_info info;

	if (rte_eth_dev_is_valid_port(port->dpdk_id) && rte_eth_dev_info_get(port->dpdk_id, &info) == 0) {
		(void)rte_eth_dev_stop(port->dpdk_id);
		(void)rte_eth_dev_close(port->dpdk_id);
	}
	port->dpdk_id = RTE_MAX_ETHPORTS;
	if (driver->after_stop)
		driver->after_stop(port);
}

/* Removes from `after` what stands in `before`. */
static unsigned subtract(const int *before, unsigned before_count, int *after, unsigned after_count)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < after_count; i++) {
		bool was_there = false;

		for (unsigned j = 0; j < before_count; j++)
			was_there |= before[j] == after[i];
		if (!was_there)
			after[kept++] = after[i];
	}
	return kept;
}

/* Opens and starts the device by one driver; on failure it is closed again. */
static int start_device(struct port *port, uint16_t queue_count, struct rte_mempool *pool, struct port_problem *problem)
{
	const struct port_driver *driver = port->driver;
	int before[PORT_SOCKETS_MAX], sockets[PORT_SOCKETS_MAX];
	unsigned before_count = 0, socket_count = 0;
	struct port_device device;
	int error = port_device_init(&device, driver, port->conf, port->index, queue_count);

	if (error)
		return port_fail(problem, error, port->conf, "the options are too long");
	if (driver->socket_family)
		before_count = port_own_sockets(driver->socket_family, before);
	error = driver->before_open ? driver->before_open(port->conf, &device, problem) : 0;
	if (!error)
		error = open_device(port, &device, problem);
	if (!error)
		error = configure(port, queue_count, problem);
	if (!error)
		error = set_up_queues(port, pool, problem);
	if (driver->socket_family)
		socket_count =
			subtract(before, before_count, sockets, port_own_sockets(driver->socket_family, sockets));
	if (!error && driver->after_start)
		error = driver->after_start(port, sockets, socket_count, problem);
	if (device.program >= 0)
		close(device.program);
	if (error)
		close_device(port);
	return error;
}

/* "02:00:00:00:00:01" as a neighbour word; 0 when the option is absent. */
static int read_fixed_peer(struct port *port, struct port_problem *problem)
{
	struct view text = port_option(port->conf->options, "peer_mac");
	struct rte_ether_addr mac;
	char buffer[RTE_ETHER_ADDR_FMT_SIZE];

	if (!text.at)
		return 0;
	if (view_copy(text, buffer, sizeof(buffer)) || rte_ether_unformat_addr(buffer, &mac))
		return port_fail(problem, ERR_SYNTAX, port->conf, "option peer_mac is not like 02:00:00:00:00:01");
	memcpy(&port->fixed_peer, mac.addr_bytes, sizeof(mac.addr_bytes));
	port->fixed_peer |= UINT64_C(1) << 63;
	return 0;
}

static int read_facts(struct port *port, struct port_problem *problem)
{
	struct port_interface interface;
	struct rte_ether_addr mac;
	int error = rte_eth_macaddr_get(port->dpdk_id, &mac);

	if (error)
		return refuse(problem, port, "the device has no hardware address", error);
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	port->mtu = RTE_ETHER_MTU;
	if (port->driver->has_interface) {
		error = port_interface_read(port->conf->device, &interface);
		if (error)
			return port_fail(problem, error, port->conf, "interface %s is gone", port->conf->device);
		port->ifindex = interface.ifindex;
		port->mtu = interface.mtu;
		/* Some drivers make one up: the kernel's is what neighbours know. */
		memcpy(port->mac, interface.mac, sizeof(port->mac));
	} else {
		(void)rte_eth_dev_get_mtu(port->dpdk_id, &port->mtu);
	}
	return read_fixed_peer(port, problem);
}

static int start_port(struct port *port, const struct port_plan *plan, const struct conf_dataplane *conf,
		      struct rte_mempool *pool, struct port_problem *problem)
{
	struct port_interface interface;
	int error;

	/* The kernel's filters need it before the device's own facts are known. */
	if (port->driver->has_interface && port_interface_read(port->conf->device, &interface) == 0)
		port->ifindex = interface.ifindex;
	error = start_device(port, plan->queue_count[port->index], pool, problem);
	if (error == ERR_UNSUPPORTED && port->driver->fallback) {
		log_warning("port", "%s; trying driver %s, which is slower", problem->text,
			    port->driver->fallback->name);
		port->driver = port->driver->fallback;
		error = start_device(port, (uint16_t)conf->workers, pool, problem);
	}
	if (error)
		return error;
	error = read_facts(port, problem);
	if (!error && port->conf->tap[0])
		error = port_twin_new(port, problem);
	return error;
}

static void tell(const struct port *port)
{
	log_info("port", "%s: %s on %s%s%s, %u queue%s, MAC %02x:%02x:%02x:%02x:%02x:%02x, MTU %u%s%s",
		 port->conf->name, port->driver->name, port->conf->device, port->how[0] ? ", " : "", port->how,
		 port->queue_count, port->queue_count == 1 ? "" : "s", port->mac[0], port->mac[1], port->mac[2],
		 port->mac[3], port->mac[4], port->mac[5], port->mtu, port->twin ? ", TAP " : "",
		 port->twin ? port->conf->tap : "");
}

static bool has_pci(const struct conf_dataplane *conf)
{
	for (size_t i = 0; i < conf->port_count; i++)
		if (conf->ports[i].driver == CONF_DRIVER_PCI)
			return true;
	return false;
}

int port_start_all(const struct conf *conf, struct port_plan *plan, struct port_table *ret_table,
		   struct port_problem *ret_problem)
{
	const struct conf_dataplane *dataplane = &conf->dataplane;
	struct port_table *table = ret_table;
	unsigned next_worker = 0;
	int error;

	memset(table, 0, sizeof(*table));
	table->worker_count = (uint16_t)dataplane->workers;
	error = port_pool_new(plan->packets, has_pci(dataplane), &table->pool);
	if (error) {
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "%s: no memory for a pool of %u packets; raise dataplane.memory_mb (now %u)", conf->path,
			 plan->packets, plan->memory_mb);
		return error;
	}
	for (uint16_t i = 0; i < dataplane->port_count && !error; i++) {
		struct port *port = &table->ports[i];

		port->index = i;
		port->conf = &dataplane->ports[i];
		port->driver = &port_drivers[port->conf->driver];
		port->dpdk_id = RTE_MAX_ETHPORTS;
		port->serves = port->conf->serves == CONF_SERVES_LOCAL ? SHM_SERVES_LOCAL : SHM_SERVES_NETWORK;
		port->claim = plan->claims[i];
		plan->claims[i] = -1;
		port->first_address = table->address_count;
		port->address_count = (uint16_t)port->conf->addresses.len;
		for (uint16_t a = 0; a < port->address_count; a++) {
			port->addresses[a] = port->conf->addresses.at[a];
			table->port_of_address[table->address_count++] = (uint8_t)i;
		}
		table->count++;
		error = start_port(port, plan, dataplane, table->pool, ret_problem);
		if (!error)
			error = port_share_out(port, table->worker_count, &next_worker, ret_problem);
		if (!error)
			tell(port);
	}
	if (error) {
		port_stop_all(table);
		return error;
	}
	port_poll_links(table, NULL);
	return 0;
}

static void free_ring(struct rte_ring *ring)
{
	void *packet;

	while (ring && rte_ring_sc_dequeue(ring, &packet) == 0)
		rte_pktmbuf_free(packet);
	rte_ring_free(ring);
}

void port_stop_all(struct port_table *table)
{
	for (unsigned i = table->count; i-- > 0;) {
		struct port *port = &table->ports[i];

		port_twin_free(port);
		close_device(port);
		for (uint16_t q = 0; q < port->queue_count; q++)
			free_ring(port->queues[q].inbound);
		free_ring(port->exception);
		if (port->claim >= 0)
			close(port->claim);
	}
	rte_mempool_free(table->pool);
	memset(table, 0, sizeof(*table));
}
