/* The one pool that every packet of every port comes from. One pool, because AF_XDP transmits a packet of its own pool
 * without copying it, whichever port it came in through. */
#include "dataplane/port/driver.h"

#include <rte_lcore.h>

/* What one queue pair can hold at once: the fill ring and what is received, the transmit ring and what is completed. */
#define PACKETS_PER_QUEUE  6144
#define PACKETS_PER_WORKER 1024 /* its cache and the bursts in its hands, the ring to it */
#define POOL_CACHE         256

uint32_t port_pool_packets(unsigned queue_count, unsigned worker_count)
{
	uint32_t wanted = queue_count * PACKETS_PER_QUEUE + (worker_count + 1) * PACKETS_PER_WORKER, packets = 8192;

	while (packets < wanted)
		packets *= 2;
	return packets - 1; /* the ring behind the pool holds a power of two less one */
}

static uint32_t element_size(void)
{
	return sizeof(struct rte_mbuf) + PORT_PRIVATE_SIZE + RTE_PKTMBUF_HEADROOM + PORT_DATA_SIZE;
}

uint32_t port_pool_mb(uint32_t packets)
{
	uint64_t size = rte_mempool_calc_obj_size(element_size(), 0, NULL) + sizeof(void *);

	return (uint32_t)((size * packets >> 20) + 1);
}

/* rte_pktmbuf_pool_create in its single steps, because it cannot be told RTE_MEMPOOL_F_NO_IOVA_CONTIG: without huge pages
 * it would keep each packet inside one 4 KiB page, which leaves gaps that AF_XDP's memory area does not reckon with, and
 * wastes the half. Only a PCI device needs to know physical addresses. */
int port_pool_new(uint32_t packets, bool is_contiguous, struct rte_mempool **ret_pool)
{
	struct rte_pktmbuf_pool_private room = {.mbuf_data_room_size = RTE_PKTMBUF_HEADROOM + PORT_DATA_SIZE,
						.mbuf_priv_size = PORT_PRIVATE_SIZE};
	struct rte_mempool *pool =
		rte_mempool_create_empty("packets", packets, element_size(), POOL_CACHE, sizeof(room), SOCKET_ID_ANY,
					 is_contiguous ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (!pool)
		return ERR_NOMEM;
	rte_pktmbuf_pool_init(pool, &room);
	if (rte_mempool_populate_default(pool) < 0) {
		rte_mempool_free(pool);
		return ERR_NOMEM;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	*ret_pool = pool;
	return 0;
}
