/* Ports: what packets come in through and go out of. A port is a NIC queue set, one end of a veth pair, a memif socket
 * or a capture file; after the start every kind looks the same to the workers.
 *
 * Order of the start: port_plan (before rte_eal_init: checks devices, privileges, memory, and writes EAL's arguments),
 * rte_eal_init, port_start_all, then shm_segment_create with port_fill_addresses, then the workers.
 * Used by the manager and the workers; dataplane/app drives the start.
 * Threads: everything in struct port is constant once port_start_all has returned, except the fields marked otherwise,
 * so workers read it freely. port_send and port_forward are for workers; everything else is for the main thread.
 * Ownership: the caller owns struct port_table (zeroed); it owns queues, rings, the pool of packets, kernel filters and
 * TAPs, and port_stop_all gives them back. struct conf outlives it. Queues: a port has as many queue pairs as there are
 * workers where the device can, else what it has. Queue q is received and transmitted by ONE worker. A worker without a
 * queue of its own, and the TAP twin, hand packets to the owner by a ring (port_send does it), so a device queue is
 * never locked. Limits: PORT_MAX ports, PORT_QUEUES_MAX queues each, SHM_ADDRESSES_MAX addresses in total, packets of
 * PORT_DATA_SIZE bytes.
 */
#ifndef DATAPLANE_PORT_PORT_H
#define DATAPLANE_PORT_PORT_H

#include <stdatomic.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "lib/config/config.h"
#include "lib/shm/abi.h"

#define PORT_MAX          CONF_PORTS_MAX
#define PORT_QUEUES_MAX   SHM_WORKERS_MAX
#define PORT_PRIVATE_SIZE CACHE_LINE /* bytes of rte_mbuf_to_priv() for the road's own words about a packet */
#define PORT_DATA_SIZE    2048       /* room for one packet, beside RTE_PKTMBUF_HEADROOM; packets have one segment */
#define PORT_RING_SIZE    1024       /* of the rings to a queue's owner and to the TAP twin */

/* One line for the user: which port, file:line of its group, what is wrong, what to do. */
struct port_problem {
	char text[512];
};

/* One receive and one transmit queue of the device, with the same number. */
struct port_queue {
	uint16_t worker;          /* receives and transmits here */
	struct rte_ring *inbound; /* packets of others to be transmitted here; NULL when nobody else sends */
};

struct port {
	/* read by workers */
	uint16_t index;                            /* in the table */
	uint16_t dpdk_id;                          /* rte_eth_* */
	uint16_t queue_count;                      /* 1.. */
	uint16_t mtu;                              /* largest IP packet */
	uint8_t mac[6];                            /* source address of what is sent */
	uint8_t serves;                            /* enum shm_serves */
	bool has_checksum_offload;                 /* the device finishes IPv4 and UDP checksums when asked */
	bool has_finished_sums;                    /* what it receives carries finished UDP checksums */
	uint64_t tx_offloads;                      /* RTE_ETH_TX_OFFLOAD_* that are on */
	uint16_t queue_of_worker[SHM_WORKERS_MAX]; /* the queue a worker sends to */
	struct port_queue queues[PORT_QUEUES_MAX];
	struct rte_ring *exception; /* what is not media goes here, many producers; NULL: the kernel has it already */
	struct net_address addresses[CONF_ADDRESSES_MAX]; /* where media is received */
	uint16_t address_count;
	uint16_t first_address; /* of them in the segment's list; the others follow */
	/* read by main only */
	const struct conf_port *conf;
	const struct port_driver *driver; /* af_xdp may have become af_packet, see README.md */
	uint32_t ifindex;       /* kernel interface whose routes and neighbours count (its own, or the TAP); 0: none */
	uint64_t fixed_peer;    /* neighbour word given by option peer_mac; 0: none */
	struct port_twin *twin; /* TAP, or NULL */
	struct xdp_tap *tap;    /* kernel filters of af_packet, or NULL */
	int claim;              /* descriptor that holds the interface for this process, or -1 */
	char how[96];           /* what the start found, for people: "native XDP, zero copy" */
	/* written by main, read by anybody */
	CACHE_ALIGNED _Atomic bool is_up;
	/* written by the workers through port_learn_peer, read by main */
	CACHE_ALIGNED _Atomic uint64_t learned_peer;
};

struct port_table {
	struct port ports[PORT_MAX];
	uint16_t count;
	uint16_t worker_count;
	uint16_t address_count;
	uint8_t port_of_address[SHM_ADDRESSES_MAX]; /* by index into the segment's list */
	struct rte_mempool *pool; /* of every packet of every port; any thread of EAL may take and give */
};

/* What EAL has to be started with. */
struct port_plan {
	int argc;
	char *argv[64]; /* into `text`; rte_eal_init may permute it */
	char text[8192];
	uint32_t memory_mb;
	uint32_t packets; /* in the pool */
	int main_core;
	int core_of_worker[SHM_WORKERS_MAX]; /* CPU; worker w is EAL's lcore w + 1, the main thread is lcore 0 */
	uint16_t queue_count[PORT_MAX];      /* to ask the device for */
	int claims[PORT_MAX];                /* descriptors; taken over by port_start_all */
};

/* Checks what can be checked before EAL runs and fills in the arguments. debug: let EAL talk.
 * ERR_NOT_FOUND (device, core), ERR_PERMISSION, ERR_EXISTS (another dataplane or another XDP program holds the device),
 * ERR_NOMEM (huge pages), ERR_UNSUPPORTED (driver not installed), ERR_INVALID. */
int port_plan(const struct conf *conf, bool debug, struct port_plan *ret_plan,
	      struct port_problem *ret_problem) WARN_UNUSED;
/* Lets go of what a plan still holds. */
void port_plan_fini(struct port_plan *plan);
/* Makes the pool, opens, configures and starts every port, puts up the kernel's filters and TAPs. On failure everything
 * is as before. */
int port_start_all(const struct conf *conf, struct port_plan *plan, struct port_table *ret_table,
		   struct port_problem *ret_problem) WARN_UNUSED;
/* After the workers have ended. Takes down filters and TAPs, closes the devices. */
void port_stop_all(struct port_table *table);
/* The segment's address list; returns how many. */
unsigned port_fill_addresses(const struct port_table *table, struct shm_address addresses[SHM_ADDRESSES_MAX]);
/* About once a second: reads link states into is_up and into `up` of the segment's addresses (may be NULL). Logs
 * changes. */
void port_poll_links(struct port_table *table, struct shm_address *addresses);
/* Every turn of the main loop: moves packets between the exception rings and the TAP twins. Returns how many moved. */
unsigned port_poll_twins(struct port_table *table);
/* File descriptors that become readable when port_poll_twins has something to do in the other direction; returns how
 * many. */
unsigned port_twin_fds(const struct port_table *table, int fds[PORT_MAX]);

/* Transmits, or hands to the queue's owner. Returns how many were taken; the others stay the caller's. */
static inline uint16_t port_send(const struct port *port, uint16_t worker, struct rte_mbuf **packets, uint16_t count)
{
	uint16_t q = port->queue_of_worker[worker];
	const struct port_queue *queue = &port->queues[q];

	if (queue->worker == worker)
		return rte_eth_tx_burst(port->dpdk_id, q, packets, count);
	return (uint16_t)rte_ring_mp_enqueue_burst(queue->inbound, (void **)packets, count, NULL);
}

/* The owner of queue q transmits what others handed in; once a turn. Returns how many packets found the device full and
 * were freed. */
static inline uint16_t port_forward(const struct port *port, uint16_t q)
{
	struct rte_mbuf *packets[32];
	uint16_t count, sent;

	if (!port->queues[q].inbound)
		return 0;
	count = (uint16_t)rte_ring_sc_dequeue_burst(port->queues[q].inbound, (void **)packets, 32, NULL);
	if (count == 0)
		return 0;
	sent = rte_eth_tx_burst(port->dpdk_id, q, packets, count);
	rte_pktmbuf_free_bulk(packets + sent, (unsigned)(count - sent));
	return (uint16_t)(count - sent);
}

/* A port without a kernel interface has no neighbour table to ask: it answers to where its last packet came from.
 * `source`: the 6 bytes of the Ethernet header. Cheap when nothing changed. */
static inline void port_learn_peer(struct port *port, const uint8_t *source)
{
	uint64_t word = UINT64_C(1) << 63;

	memcpy(&word, source, 6);
	if (atomic_load_explicit(&port->learned_peer, memory_order_relaxed) != word)
		atomic_store_explicit(&port->learned_peer, word, memory_order_relaxed);
}

#endif
