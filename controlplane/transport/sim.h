/* The network of scenarios: transports and scripted phones in one memory, with loss, duplicates and delay by rule.
 *
 * Used by tests only. A packet to an endpoint where a simulated transport listens goes to it (where several listen,
 * to the next in turn); every other packet goes to the observer, which plays all phones. Nothing is delivered from within a send: a packet without delay arrives in the
 * loop's next turn.
 * Threads: the simulated loop's. Ownership: the network owns packets and rules; transports must be freed before it.
 */
#ifndef CONTROLPLANE_TRANSPORT_SIM_H
#define CONTROLPLANE_TRANSPORT_SIM_H

#include "controlplane/transport/transport.h"

struct sim_network;

/* flow as the receiver sees it: remote is the sender. bytes live until it returns. */
typedef void sim_observer(void *arg, const struct transport_flow *flow, struct view bytes);

int sim_network_new(struct loop *loop, sim_observer *observer, void *arg, struct sim_network **ret_network) WARN_UNUSED;
void sim_network_free(struct sim_network *network);
/* As transport_new: a transport whose wire is this network. */
int transport_new_sim(struct sim_network *network, const struct transport_options *options,
		      const struct transport_receiver *receiver, struct transport **ret_transport) WARN_UNUSED;
/* The connection between that phone and whoever it talks to is gone: the transports hear it. flow as the phone sees it. What the
 * phone sends next opens another one. */
void sim_network_close(struct sim_network *network, const struct transport_flow *flow);
/* A phone's packet: flow as the sender sees it. ERR_NOMEM. */
int sim_network_send(struct sim_network *network, const struct transport_flow *flow, struct view bytes) WARN_UNUSED;

/* What happens to packets between two endpoints; a family NET_NONE is any address, port 0 any port. The newest rule that
 * matches counts. */
struct sim_rule {
	struct net_endpoint from, to;
	uint32_t skip;      /* so many pass untouched first */
	uint32_t times;     /* then it counts for so many; UINT32_MAX: for ever */
	uint32_t delay_ms;  /* later by so much */
	uint32_t jitter_ms; /* and by up to so much more, at random: packets overtake each other */
	uint32_t copies;    /* 0: lost, 1: as it is, 2: twice ... */
	uint32_t permille;  /* how many of a thousand it hits; 0 is 1000 */
	bool is_send_error; /* a transport's send fails with ERR_NOT_FOUND */
};
int sim_network_add_rule(struct sim_network *network, const struct sim_rule *rule) WARN_UNUSED;
void sim_network_clear_rules(struct sim_network *network);

#endif
