/* The network of scenarios: every packet is an allocation of its own that waits for a timer or for the next turn. */
#include "controlplane/transport/sim.h"
#include "controlplane/loop/loop.h"
#include "controlplane/transport/transport_private.h"

#include <stdlib.h>

enum { SIM_SHARED_MAX = 8 };

struct sim_network {
	struct loop *loop;
	sim_observer *observer;
	void *arg;
	struct list transports, packets, rules, connections;
	uint64_t next_connection;
	unsigned arrivals; /* for the transports that share an endpoint: each in its turn */
};

struct sim_transport {
	struct transport transport;
	struct sim_network *network;
	struct list link;
};

struct sim_packet {
	struct sim_network *network;
	struct list link;
	struct loop_timer timer;
	struct loop_message message;
	struct transport_flow flow; /* as its receiver sees it */
	size_t size;
	char bytes[];
};

struct sim_connection {
	struct list link;
	struct transport_flow flow; /* as the transport sees it */
};

struct sim_rule_entry {
	struct list link;
	struct sim_rule rule;
};

/* ---- packets ---- */

static void packet_free(struct sim_packet *packet)
{
	list_del(&packet->link);
	free(packet);
}

static bool listens_at(const struct sim_transport *sim, const struct transport_flow *flow)
{
	for (size_t i = 0; i < sim->transport.options.listen_count; i++) {
		const struct transport_listen *listen = &sim->transport.options.listens[i];

		if (listen->kind == flow->kind && net_endpoint_is_equal(&listen->endpoint, &flow->local))
			return true;
	}
	return false;
}

/* Of several the next in turn: nobody can rely on which one a message meets. */
static struct sim_transport *transport_at(struct sim_network *network, const struct transport_flow *flow)
{
	struct sim_transport *there[SIM_SHARED_MAX];
	unsigned count = 0;

	LIST_FOREACH (link, &network->transports) {
		struct sim_transport *sim = LIST_ENTRY(link, struct sim_transport, link);

		if (count < SIM_SHARED_MAX && listens_at(sim, flow))
			there[count++] = sim;
	}
	return count > 0 ? there[network->arrivals++ % count] : NULL;
}

/* ---- connections: of one phone's endpoint with one of ours ---- */

static struct sim_connection *connection_find(struct sim_network *network, const struct transport_flow *flow)
{
	LIST_FOREACH (link, &network->connections) {
		struct sim_connection *connection = LIST_ENTRY(link, struct sim_connection, link);

		if (connection->flow.kind == flow->kind &&
		    net_endpoint_is_equal(&connection->flow.remote, &flow->remote))
			return connection;
	}
	return NULL;
}

/* NULL: no memory. */
static struct sim_connection *connection_open(struct sim_network *network, const struct transport_flow *flow,
					      bool is_accepted)
{
	struct sim_connection *connection = connection_find(network, flow);

	if (connection)
		return connection;
	connection = malloc(sizeof(*connection));
	if (!connection)
		return NULL;
	connection->flow = *flow;
	connection->flow.connection = (network->next_connection += 2) + is_accepted;
	list_add(&network->connections, &connection->link);
	return connection;
}

static void connection_close(struct sim_connection *connection)
{
	list_del(&connection->link);
	free(connection);
}

void sim_network_close(struct sim_network *network, const struct transport_flow *flow)
{
	struct transport_flow ours = {.kind = flow->kind, .local = flow->remote, .remote = flow->local};
	struct sim_connection *connection = connection_find(network, &ours);

	if (!connection)
		return;
	ours = connection->flow;
	connection_close(connection);
	LIST_FOREACH (link, &network->transports) {
		struct transport *transport = &LIST_ENTRY(link, struct sim_transport, link)->transport;

		if (transport->receiver.on_closed)
			transport->receiver.on_closed(transport->receiver.arg, &ours, ERR_CLOSED);
	}
}

static void packet_arrives(void *arg)
{
	struct sim_packet *packet = arg;
	struct sim_network *network = packet->network;
	struct sim_transport *sim = transport_at(network, &packet->flow);

	if (sim && transport_kind_is_reliable(packet->flow.kind)) {
		struct sim_connection *connection = connection_open(network, &packet->flow, true);

		if (connection)
			transport_receive(&sim->transport, &connection->flow, packet->bytes, packet->size);
	} else if (sim)
		transport_receive(&sim->transport, &packet->flow, packet->bytes, packet->size);
	else
		network->observer(network->arg, &packet->flow, (struct view){packet->bytes, packet->size});
	packet_free(packet);
}

static int packet_new(struct sim_network *network, const struct transport_flow *flow, struct view bytes,
		      uint64_t delay_ms)
{
	struct sim_packet *packet = malloc(sizeof(*packet) + bytes.size);

	if (!packet)
		return ERR_NOMEM;
	*packet = (struct sim_packet){.network = network, .flow = *flow, .size = bytes.size};
	packet->flow.local = flow->remote;
	packet->flow.remote = flow->local;
	memcpy(packet->bytes, bytes.at, bytes.size);
	list_add(&network->packets, &packet->link);
	loop_timer_init(&packet->timer, packet_arrives, packet);
	loop_message_init(&packet->message, packet_arrives, packet);
	if (delay_ms > 0)
		loop_timer_start(network->loop, &packet->timer, delay_ms);
	else
		loop_post(network->loop, &packet->message);
	return 0;
}

/* ---- rules ---- */

static bool endpoint_fits(const struct net_endpoint *pattern, const struct net_endpoint *endpoint)
{
	return (pattern->address.family == NET_NONE || net_address_is_equal(&pattern->address, &endpoint->address)) &&
	       (pattern->port == 0 || pattern->port == endpoint->port);
}

static uint32_t random_below(struct sim_network *network, uint32_t limit)
{
	uint32_t value;

	loop_random(network->loop, &value, sizeof(value));
	return value % limit;
}

static bool rule_hits(struct sim_network *network, struct sim_rule *rule)
{
	if (rule->skip > 0) {
		rule->skip--;
		return false;
	}
	if (rule->times == 0 || (rule->permille != 0 && random_below(network, 1000) >= rule->permille))
		return false;
	if (rule->times != UINT32_MAX)
		rule->times--;
	return true;
}

static const struct sim_rule *rule_for(struct sim_network *network, const struct transport_flow *flow)
{
	static const struct sim_rule plain = {.copies = 1};

	for (struct list *link = network->rules.prev; link != &network->rules; link = link->prev) {
		struct sim_rule *rule = &LIST_ENTRY(link, struct sim_rule_entry, link)->rule;

		if (endpoint_fits(&rule->from, &flow->local) && endpoint_fits(&rule->to, &flow->remote) &&
		    rule_hits(network, rule))
			return rule;
	}
	return &plain;
}

int sim_network_add_rule(struct sim_network *network, const struct sim_rule *rule)
{
	struct sim_rule_entry *entry = malloc(sizeof(*entry));

	if (!entry)
		return ERR_NOMEM;
	entry->rule = *rule;
	list_add(&network->rules, &entry->link);
	return 0;
}

void sim_network_clear_rules(struct sim_network *network)
{
	struct list *link;

	while ((link = list_first(&network->rules))) {
		list_del(link);
		free(LIST_ENTRY(link, struct sim_rule_entry, link));
	}
}

int sim_network_send(struct sim_network *network, const struct transport_flow *flow, struct view bytes)
{
	const struct sim_rule *rule = rule_for(network, flow);
	int error = rule->is_send_error ? ERR_NOT_FOUND : 0;

	for (uint32_t i = 0; error == 0 && i < rule->copies; i++) {
		uint64_t late_ms = rule->jitter_ms > 0 ? random_below(network, rule->jitter_ms + 1) : 0;

		error = packet_new(network, flow, bytes, rule->delay_ms + late_ms);
	}
	return error;
}

/* ---- the make of a transport ---- */

static struct sim_transport *sim_of(struct transport *transport)
{
	return CONTAINER_OF(transport, struct sim_transport, transport);
}

static int sim_send(struct transport *transport, const struct transport_listen *from, const struct transport_flow *flow,
		    struct view bytes)
{
	struct sim_network *network = sim_of(transport)->network;
	struct sim_connection *connection = NULL;

	if (transport_kind_is_reliable(flow->kind)) {
		connection = connection_find(network, flow);
		if (flow->connection & 1 && (!connection || connection->flow.connection != flow->connection))
			return ERR_CLOSED;
		if (!connection && !connection_open(network, flow, false))
			return ERR_NOMEM;
	}
	return sim_network_send(network, flow, bytes);
}

static void sim_close(struct transport *transport, const struct transport_flow *flow)
{
	struct sim_connection *connection = connection_find(sim_of(transport)->network, flow);

	if (connection && connection->flow.connection == flow->connection)
		connection_close(connection);
}

/* The first listener of the family is how we are seen by everybody. */
static int sim_route(struct transport *transport, const struct net_address *toward, struct net_address *ret_source,
		     bool *ret_is_local_host)
{
	for (size_t i = 0; i < transport->options.listen_count; i++) {
		const struct net_address *address = &transport->options.listens[i].endpoint.address;

		if (address->family != toward->family)
			continue;
		*ret_source = *address;
		*ret_is_local_host = net_address_is_equal(address, toward);
		return 0;
	}
	return ERR_NOT_FOUND;
}

static void sim_free(struct transport *transport)
{
	list_del(&sim_of(transport)->link);
	free(sim_of(transport));
}

static const struct transport_make sim_make = {
	.send = sim_send, .close = sim_close, .route = sim_route, .free = sim_free};

int transport_new_sim(struct sim_network *network, const struct transport_options *options,
		      const struct transport_receiver *receiver, struct transport **ret_transport)
{
	struct sim_transport *sim = calloc(1, sizeof(*sim));

	if (!sim)
		return ERR_NOMEM;
	sim->transport = (struct transport){
		.make = &sim_make, .loop = network->loop, .options = *options, .receiver = *receiver};
	sim->network = network;
	list_add(&network->transports, &sim->link);
	*ret_transport = &sim->transport;
	return 0;
}

/* ---- life ---- */

int sim_network_new(struct loop *loop, sim_observer *observer, void *arg, struct sim_network **ret_network)
{
	struct sim_network *network = malloc(sizeof(*network));

	if (!network)
		return ERR_NOMEM;
	*network = (struct sim_network){.loop = loop, .observer = observer, .arg = arg};
	list_init(&network->transports);
	list_init(&network->packets);
	list_init(&network->rules);
	list_init(&network->connections);
	*ret_network = network;
	return 0;
}

/* Packets without delay are in the loop's hands: they arrive before the end. */
void sim_network_free(struct sim_network *network)
{
	struct list *link;

	loop_turn(network->loop, 0);
	while ((link = list_first(&network->packets))) {
		struct sim_packet *packet = LIST_ENTRY(link, struct sim_packet, link);

		loop_timer_stop(network->loop, &packet->timer);
		packet_free(packet);
	}
	while ((link = list_first(&network->connections)))
		connection_close(LIST_ENTRY(link, struct sim_connection, link));
	sim_network_clear_rules(network);
	free(network);
}
