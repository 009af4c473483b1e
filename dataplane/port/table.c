/* What the started ports are to others: queues shared out to the workers, addresses for the segment, link states. */
#include "dataplane/port/driver.h"

#include <stdio.h>

#include "lib/log/log.h"

int port_share_out(struct port *port, unsigned worker_count, unsigned *next_worker, struct port_problem *problem)
{
	bool has_queue[SHM_WORKERS_MAX] = {false}, is_shared[PORT_QUEUES_MAX] = {false};
	char name[RTE_RING_NAMESIZE];

	for (uint16_t q = 0; q < port->queue_count; q++) {
		uint16_t worker = (uint16_t)((*next_worker)++ % worker_count);

		port->queues[q].worker = worker;
		if (!has_queue[worker])
			port->queue_of_worker[worker] = q;
		has_queue[worker] = true;
	}
	for (uint16_t w = 0; w < worker_count; w++) {
		if (has_queue[w])
			continue;
		port->queue_of_worker[w] = w % port->queue_count;
		is_shared[port->queue_of_worker[w]] = true;
	}
	if (port->twin) {
		is_shared[0] = true;
		snprintf(name, sizeof(name), "exception_%u", port->index);
		port->exception = rte_ring_create(name, PORT_RING_SIZE, SOCKET_ID_ANY, RING_F_SC_DEQ);
		if (!port->exception)
			return port_fail(problem, ERR_NOMEM, port->conf, "no memory for its rings");
	}
	for (uint16_t q = 0; q < port->queue_count; q++) {
		if (!is_shared[q])
			continue;
		snprintf(name, sizeof(name), "inbound_%u_%u", port->index, q);
		port->queues[q].inbound = rte_ring_create(name, PORT_RING_SIZE, SOCKET_ID_ANY, RING_F_SC_DEQ);
		if (!port->queues[q].inbound)
			return port_fail(problem, ERR_NOMEM, port->conf, "no memory for its rings");
	}
	return 0;
}

unsigned port_fill_addresses(const struct port_table *table, struct shm_address addresses[SHM_ADDRESSES_MAX])
{
	memset(addresses, 0, SHM_ADDRESSES_MAX * sizeof(addresses[0]));
	for (unsigned i = 0; i < table->count; i++) {
		const struct port *port = &table->ports[i];

		for (unsigned a = 0; a < port->address_count; a++) {
			struct shm_address *address = &addresses[port->first_address + a];

			address->address = port->addresses[a];
			address->advertised =
				a < port->conf->advertised.len ? port->conf->advertised.at[a] : port->addresses[a];
			(void)!view_copy(view_of(port->conf->name), address->port_name, sizeof(address->port_name));
			address->serves = port->serves;
			address->port_start = port->conf->port_pool.start;
			address->port_end = port->conf->port_pool.end;
			address->up = port->is_up;
		}
	}
	return table->address_count;
}

static bool link_of(const struct port *port)
{
	struct port_interface interface;
	struct rte_eth_link link;

	if (port->driver->has_interface)
		return port_interface_read(port->conf->device, &interface) == 0 && interface.is_running &&
		       interface.ifindex == port->ifindex;
	return rte_eth_link_get_nowait(port->dpdk_id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

void port_poll_links(struct port_table *table, struct shm_address *addresses)
{
	for (unsigned i = 0; i < table->count; i++) {
		struct port *port = &table->ports[i];
		bool is_up = link_of(port);

		for (unsigned a = 0; addresses && a < port->address_count; a++)
			addresses[port->first_address + a].up = is_up;
		if (is_up == port->is_up)
			continue;
		log_info("port", "%s: link %s", port->conf->name, is_up ? "up" : "down");
		port->is_up = is_up;
	}
}
