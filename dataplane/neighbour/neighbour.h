/* Neighbours: which hardware address a packet to a given destination has to carry.
 *
 * The kernel knows: this folder asks its route and neighbour tables by netlink and follows their changes, so ARP, IPv6
 * neighbour discovery, static entries, policy routes and a gateway that fails over all work as the administrator sees
 * them in `ip route` and `ip neigh`. The kernel does not see the engine's traffic, so entries in use are kept fresh by
 * asking it to probe them (NTF_USE).
 *
 * One entry per (port, destination), counted; the entry's word carries the hardware address and is the only thing a
 * worker reads. A changed route or a moved neighbour rewrites the word; the index stays.
 *
 *     port                              the word of a destination
 *     with a kernel interface (or TAP)  its next hop's address by route and neighbour table
 *     serves = "local"                  the other end of the veth pair; next hop by table when that cannot be read
 *     without one (memif, pcap)         option peer_mac, else where the port's last packet came from, else broadcast
 *
 * Threads: get, put and poll from the main thread. neighbour_load from any, without locks. Ownership: the table owns
 * all. Limits: `capacity` entries; neighbour_get says ERR_FULL. A lookup that is new costs two netlink round trips.
 * Works in the network namespace the process runs in.
 */
#ifndef DATAPLANE_NEIGHBOUR_NEIGHBOUR_H
#define DATAPLANE_NEIGHBOUR_NEIGHBOUR_H

#include <stdatomic.h>

#include "lib/net/net.h"

/* A word: bytes 0..5 in memory are the hardware address as on the wire, the highest bit says that it is known. */
#define NEIGHBOUR_VALID (UINT64_C(1) << 63)

struct port_table;
struct neighbour_table {
	_Atomic uint64_t *words; /* written by main, read by workers */
	uint32_t capacity;
	struct neighbour_resolver *resolver; /* main only */
};

/* ERR_NOMEM, ERR_PERMISSION, ERR_IO (no netlink; errno says why). */
int neighbour_new(const struct port_table *ports, uint32_t capacity, struct neighbour_table **ret_table) WARN_UNUSED;
void neighbour_free(struct neighbour_table *table); /* NULL is allowed */
/* Finds or makes the entry and counts the user. Its word may not be valid yet: packets are dropped (DROP_NO_NEIGHBOUR)
 * until it is. ERR_FULL, ERR_INVALID (port or address). */
int neighbour_get(struct neighbour_table *table, uint16_t port_index, const struct net_address *destination,
		  uint32_t *ret_index) WARN_UNUSED;
/* One user less. The last one frees the entry: no worker may hold the index any more. */
void neighbour_put(struct neighbour_table *table, uint32_t index);
/* Reads netlink events and probes what is due. Call it when neighbour_fd is readable and at least every 100 ms. */
void neighbour_poll(struct neighbour_table *table, uint64_t now_ms);
int neighbour_fd(const struct neighbour_table *table);

static inline uint64_t neighbour_load(const struct neighbour_table *table, uint32_t index)
{
	return atomic_load_explicit(&table->words[index], memory_order_relaxed);
}

#endif
