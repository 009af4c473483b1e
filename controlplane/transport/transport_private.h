/* Inside controlplane/transport: what the two makes of a transport (sockets, simulated network) have in common. */
#ifndef CONTROLPLANE_TRANSPORT_TRANSPORT_PRIVATE_H
#define CONTROLPLANE_TRANSPORT_TRANSPORT_PRIVATE_H

#include "controlplane/transport/transport.h"

enum { TRANSPORT_PEER_FIRST = TRANSPORT_PEER_ANY + 1 }; /* flow.peer of the context's first name */

struct transport_make {
	int (*send)(struct transport *transport, const struct transport_listen *from, const struct transport_flow *flow,
		    struct view bytes);
	int (*route)(struct transport *transport, const struct net_address *toward, struct net_address *ret_source,
		     bool *ret_is_local_host);
	void (*close)(struct transport *transport, const struct transport_flow *flow);
	void (*free)(struct transport *transport);
};

struct transport {
	const struct transport_make *make;
	struct loop *loop;
	struct transport_options options; /* listens carry the real ports */
	struct transport_receiver receiver;
	struct transport_observer observer;
	struct transport_siblings siblings;
	struct transport_stats stats;
};

/* Counts, swallows keep-alives, gives the rest to the receiver. */
void transport_receive(struct transport *transport, const struct transport_flow *flow, char *bytes, size_t size);

/* ---- socket.c ---- */
/* Why a listener could not be opened, in words; the error for errno's number. */
int transport_problem_of(int number, const char *kind_name, const struct net_endpoint *endpoint,
			 struct transport_problem *problem);

/* ---- route.c: the kernel's choice of our address, remembered for a while ---- */
struct transport_route_entry {
	struct net_address toward, source;
	uint64_t until_ms;
	bool is_local_host;
};
struct transport_routes {
	struct transport_route_entry entries[TRANSPORT_ROUTES_MAX];
};
int transport_routes_find(struct transport_routes *routes, uint64_t now_ms, const struct net_address *toward,
			  struct net_address *ret_source, bool *ret_is_local_host) WARN_UNUSED;

/* ---- udp.c: one socket ---- */
/* Binds and sets the options; *endpoint gets the real port. On failure says why in ret_problem. */
int transport_udp_open(struct net_endpoint *endpoint, uint8_t dscp, bool shares_port, int *ret_fd,
		       struct transport_problem *ret_problem) WARN_UNUSED;
int transport_udp_send(int fd, const struct net_endpoint *bound, const struct transport_flow *flow,
		       struct view bytes) WARN_UNUSED;
struct transport_udp_batch;
int transport_udp_batch_new(struct transport_udp_batch **ret_batch) WARN_UNUSED;
void transport_udp_batch_free(struct transport_udp_batch *batch);
/* Reads what is there, up to TRANSPORT_BATCH datagrams, and gives each to transport_receive. */
void transport_udp_receive(struct transport *transport, struct transport_udp_batch *batch, int fd,
			   const struct net_endpoint *bound);

#endif
