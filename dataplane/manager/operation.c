/* Operations and the next hops they carry: memory that goes to a worker and comes back. */
#include "dataplane/manager/private.h"

#include "lib/log/log.h"

struct worker_operation *manager_operation_get(struct manager_worker *w)
{
	return w->free[--w->free_count];
}

void manager_operation_put(struct manager_worker *w, struct worker_operation *operation)
{
	w->free[w->free_count++] = operation;
}

void manager_operation_send(struct manager_worker *w, struct worker_operation *operation)
{
	/* The ring has a place for every operation there is. */
	(void)BUG_ON(rte_ring_sp_enqueue(w->worker->operations, operation) != 0);
}

uint32_t manager_next_hop(struct manager *manager, uint16_t address, const struct net_endpoint *remote)
{
	uint32_t index;
	int error;

	if (!manager->neighbours || remote->address.family == NET_NONE ||
	    remote->address.family != manager->lookup.addresses[address].address.family)
		return STREAM_NO_NEIGHBOUR;
	error = neighbour_get(manager->neighbours, manager->lookup.addresses[address].port, &remote->address, &index);
	if (error) {
		char text[NET_ADDRESS_TEXT];

		/* The stream lives on: what its peer sends shows a hardware address too. */
		log_warning("manager", "next hop of %s: %s", net_address_print(&remote->address, text),
			    error_text(error));
		return STREAM_NO_NEIGHBOUR;
	}
	return index;
}

void manager_let_go(struct manager *manager, uint32_t neighbours[2])
{
	for (int i = 0; i < 2; i++) {
		if (neighbours[i] != STREAM_NO_NEIGHBOUR)
			neighbour_put(manager->neighbours, neighbours[i]);
		neighbours[i] = STREAM_NO_NEIGHBOUR;
	}
}
