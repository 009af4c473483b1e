/* Private to dataplane/neighbour: questions to the kernel's route, neighbour and link tables, and its news. libmnl stays
 * in netlink.c. Main thread only; a question blocks until the kernel has answered, tens of microseconds. */
#ifndef DATAPLANE_NEIGHBOUR_NETLINK_H
#define DATAPLANE_NEIGHBOUR_NETLINK_H

#include "lib/net/net.h"

struct netlink;

/* What the kernel told about one neighbour. word: as in neighbour.h; 0: it asked and nobody answered. */
struct netlink_neighbour {
	uint32_t ifindex;
	struct net_address address;
	uint64_t word;
	bool is_fixed; /* set by hand (nud permanent, noarp) */
};

/* News. Each may be called many times by one netlink_poll, and must not ask the kernel anything itself. */
struct netlink_listener {
	void (*on_neighbour)(void *arg, const struct netlink_neighbour *neighbour);
	void (*on_neighbour_gone)(void *arg); /* the kernel dropped one from its table */
	void (*on_route_change)(void *arg);   /* some route or rule is another one now */
	void (*on_link_change)(void *arg);
	void (*on_loss)(void *arg); /* news were lost: everything may have changed */
	void *arg;
};

/* ERR_NOMEM, ERR_PERMISSION, ERR_IO. */
int netlink_new(const struct netlink_listener *listener, struct netlink **ret_netlink) WARN_UNUSED;
void netlink_free(struct netlink *netlink);
int netlink_fd(const struct netlink *netlink);
void netlink_poll(struct netlink *netlink);

/* Where a packet to destination goes first when it leaves by that interface. source: of the packet, for rules that look at
 * it; may be no address. ERR_NOT_FOUND: the kernel has no way there; ERR_IO. */
int netlink_next_hop(struct netlink *netlink, uint32_t ifindex, const struct net_address *source,
		     const struct net_address *destination, struct net_address *ret_next_hop) WARN_UNUSED;
/* Fills in what the kernel knows of a neighbour now. ERR_NOT_FOUND: nothing, or nothing yet; *neighbour is untouched. */
int netlink_neighbour(struct netlink *netlink, struct netlink_neighbour *neighbour) WARN_UNUSED;
/* Asks the kernel to find out, or to make sure. The answer comes as news. Not for fixed ones: the kernel would forget what was
 * set by hand (seen with Linux 6.18). */
void netlink_probe(struct netlink *netlink, uint32_t ifindex, const struct net_address *address);
/* The hardware address of the other end of a veth pair. ERR_NOT_FOUND: no veth, or its other end is out of sight. */
int netlink_veth_peer(struct netlink *netlink, uint32_t ifindex, uint64_t *ret_word) WARN_UNUSED;

#endif
