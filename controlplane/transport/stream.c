/* All connections: listeners and accepting, which connection a flow means, opening new ones, and the limits that keep
 * strangers from taking all of it. */
#include "controlplane/transport/stream_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

/* Ids: odd ones were accepted and are gone for good when they are gone; even ones were opened by us and may be opened
 * anew, because the remote endpoint listens. */
static bool is_accepted(uint64_t id)
{
	return id & 1;
}

/* ---- finding ---- */

static bool match_id(const struct map_node *node, const void *key)
{
	return node->hash == *(const uint64_t *)key;
}

struct remote_key {
	enum transport_kind kind;
	uint32_t peer;
	struct net_endpoint remote;
};

static bool match_remote(const struct map_node *node, const void *key)
{
	const struct remote_key *k = key;
	const struct transport_connection *connection = CONTAINER_OF(node, struct transport_connection, by_remote);

	return connection->flow.kind == k->kind && connection->flow.peer == k->peer &&
	       net_endpoint_is_equal(&connection->flow.remote, &k->remote);
}

static bool match_source(const struct map_node *node, const void *key)
{
	const struct transport_source *source = CONTAINER_OF(node, struct transport_source, node);

	return net_address_is_equal(&source->address, key);
}

static struct transport_connection *find(struct transport_streams *streams, const struct transport_flow *flow)
{
	struct remote_key key = {flow->kind, flow->peer, flow->remote};
	struct map_node *node = NULL;

	if (flow->connection != 0)
		node = map_find(&streams->by_id, flow->connection, &flow->connection);
	if (node)
		return CONTAINER_OF(node, struct transport_connection, by_id);
	if (is_accepted(flow->connection))
		return NULL;
	node = map_find(&streams->by_remote, net_endpoint_hash(&flow->remote), &key);
	return node ? CONTAINER_OF(node, struct transport_connection, by_remote) : NULL;
}

/* ---- limits ---- */

/* One customer's network is a /64: its addresses are free. */
static struct net_address source_address(const struct net_address *remote)
{
	struct net_address address = *remote;

	if (address.family == NET_IPV6)
		memset(address.bytes + 8, 0, 8);
	return address;
}

static int source_get(struct transport_streams *streams, const struct net_address *remote,
		      struct transport_source **ret_source)
{
	struct net_address address = source_address(remote);
	uint64_t hash = hash_bytes(&address, sizeof(address));
	struct map_node *node = map_find(&streams->sources, hash, &address);
	struct transport_source *source = node ? CONTAINER_OF(node, struct transport_source, node) : NULL;

	if (source && source->count >= streams->transport->options.connections_per_source)
		return ERR_LIMIT;
	if (!source) {
		source = calloc(1, sizeof(*source));
		if (!source)
			return ERR_NOMEM;
		source->address = address;
		map_add(&streams->sources, &source->node, hash);
	}
	source->count++;
	*ret_source = source;
	return 0;
}

static void source_put(struct transport_streams *streams, struct transport_source *source)
{
	if (--source->count > 0)
		return;
	map_del(&streams->sources, &source->node);
	free(source);
}

/* TLS that is not through yet costs more than it looks: there may be few of it. */
static bool may_shake(const struct transport_streams *streams, const struct transport_source *source)
{
	const struct transport_options *options = &streams->transport->options;

	return streams->transport->stats.handshaking < options->handshakes_max &&
	       source->handshakes < options->handshakes_per_source;
}

void transport_streams_shook(struct transport_connection *connection)
{
	if (!connection->is_handshaking)
		return;
	connection->is_handshaking = false;
	connection->source->handshakes--;
	connection->streams->transport->stats.handshaking--;
}

/* The last eighth is kept for connections that we open. */
static bool has_room(const struct transport_streams *streams, bool is_accepting)
{
	uint32_t max = streams->transport->options.connections_max;

	return streams->by_id.count < (is_accepting ? max - max / 8 : max);
}

/* ---- coming and going ---- */

static int add(struct transport_streams *streams, struct transport_flow *flow, int fd, struct transport_source *source,
	       struct transport_connection **ret_connection)
{
	struct transport_connection *connection;
	int error;

	flow->connection = ((streams->next_id += 2) + (source ? 1 : 0)) | (uint64_t)streams->transport->siblings.own
										  << TRANSPORT_OWNER_SHIFT;
	error = transport_connection_new(streams, flow, fd, source == NULL, &connection);
	if (error < 0)
		return error;
	connection->source = source;
	map_add(&streams->by_id, &connection->by_id, flow->connection);
	map_add(&streams->by_remote, &connection->by_remote, net_endpoint_hash(&flow->remote));
	streams->transport->stats.connections = (uint32_t)streams->by_id.count;
	streams->transport->stats.kinds[flow->kind].connections++;
	if (source && flow->kind == TRANSPORT_TLS) {
		connection->is_handshaking = true;
		source->handshakes++;
		streams->transport->stats.handshaking++;
	}
	*ret_connection = connection;
	return 0;
}

void transport_streams_forget(struct transport_connection *connection)
{
	struct transport_streams *streams = connection->streams;

	map_del(&streams->by_id, &connection->by_id);
	map_del(&streams->by_remote, &connection->by_remote);
	transport_streams_shook(connection);
	if (connection->source)
		source_put(streams, connection->source);
	streams->transport->stats.connections = (uint32_t)streams->by_id.count;
	streams->transport->stats.kinds[connection->flow.kind].connections--;
}

static void accept_one(struct transport_stream_listener *listener, int fd, const struct net_endpoint *local,
		       const struct net_endpoint *remote)
{
	struct transport_streams *streams = listener->streams;
	struct transport_stats *stats = &streams->transport->stats;
	struct transport_flow flow = {.kind = listener->listen->kind, .local = *local, .remote = *remote};
	struct transport_connection *connection;
	struct transport_source *source;

	if (!has_room(streams, true) || source_get(streams, &remote->address, &source) < 0) {
		stats->refused++;
		close(fd);
		return;
	}
	if (flow.kind == TRANSPORT_TLS && !may_shake(streams, source)) {
		source_put(streams, source);
		stats->handshakes_refused++;
		close(fd);
		return;
	}
	if (add(streams, &flow, fd, source, &connection) < 0) {
		source_put(streams, source);
		stats->refused++;
		return;
	}
	stats->accepted++;
}

static void on_pause_over(void *arg)
{
	struct transport_stream_listener *listener = arg;

	if (loop_watch_mod(&listener->watch, EPOLLIN) < 0)
		loop_timer_start(listener->streams->transport->loop, &listener->pause, TRANSPORT_ACCEPT_PAUSE_MS);
}

/* Without descriptors a waiting connection would wake the loop in every turn: the listener sleeps for a moment. */
static void on_acceptable(void *arg, uint32_t events)
{
	struct transport_stream_listener *listener = arg;
	struct transport *transport = listener->streams->transport;
	struct net_endpoint local, remote;
	int fd, error;

	for (unsigned i = 0; i < TRANSPORT_ACCEPTS_MAX; i++) {
		error = transport_tcp_accept(listener->watch.fd, transport->options.dscp, &fd, &local, &remote);
		if (error == ERR_AGAIN)
			return;
		if (error == 0) {
			accept_one(listener, fd, &local, &remote);
		} else if (error != ERR_CLOSED) {
			transport->stats.refused++;
			if (loop_watch_mod(&listener->watch, 0) == 0)
				loop_timer_start(transport->loop, &listener->pause, TRANSPORT_ACCEPT_PAUSE_MS);
			return;
		}
	}
}

static int open_new(struct transport_streams *streams, const struct transport_flow *flow,
		    struct transport_connection **ret_connection)
{
	struct transport *transport = streams->transport;
	struct transport_flow opened = *flow;
	int fd, error;

	if (!has_room(streams, false))
		return ERR_LIMIT;
	error = transport_tcp_connect(&flow->local.address, &flow->remote, transport->options.dscp, &fd);
	if (error == 0)
		error = add(streams, &opened, fd, NULL, ret_connection);
	if (error == 0)
		transport->stats.opened++;
	return error;
}

int transport_streams_send(struct transport_streams *streams, const struct transport_flow *flow, struct view bytes)
{
	struct transport_connection *connection = find(streams, flow);
	int error = 0;

	if (!connection && is_accepted(flow->connection))
		return ERR_CLOSED;
	if (!connection)
		error = open_new(streams, flow, &connection);
	if (error < 0)
		return error;
	return transport_connection_send(connection, bytes);
}

void transport_streams_close(struct transport_streams *streams, const struct transport_flow *flow)
{
	struct transport_connection *connection = flow->connection != 0 ? find(streams, flow) : NULL;

	if (connection)
		transport_connection_drain(connection);
}

/* ---- life ---- */

/* Every connection is a descriptor: as many as we may have, less some for everything else. */
static void fit_descriptors(struct transport_options *options)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	if (limit.rlim_cur < (rlim_t)options->connections_max + TRANSPORT_DESCRIPTORS_SPARE)
		options->connections_max = limit.rlim_cur > 2 * TRANSPORT_DESCRIPTORS_SPARE
						   ? (uint32_t)(limit.rlim_cur - TRANSPORT_DESCRIPTORS_SPARE)
						   : (uint32_t)(limit.rlim_cur / 2);
}

int transport_streams_new(struct transport *transport, struct transport_streams **ret_streams)
{
	struct transport_streams *streams = calloc(1, sizeof(*streams));
	struct transport_options *options = &transport->options;

	if (!streams)
		return ERR_NOMEM;
	streams->transport = transport;
	list_init(&streams->connections);
	if (options->connections_max == 0)
		options->connections_max = TRANSPORT_CONNECTIONS_MAX;
	if (options->connections_per_source == 0)
		options->connections_per_source = TRANSPORT_CONNECTIONS_PER_SOURCE;
	if (options->handshakes_max == 0)
		options->handshakes_max = TRANSPORT_HANDSHAKES_MAX;
	if (options->handshakes_per_source == 0)
		options->handshakes_per_source = TRANSPORT_HANDSHAKES_PER_SOURCE;
#define X(name, fallback) options->times.name = options->times.name ? options->times.name : fallback;
	TRANSPORT_TIME_LIST(X)
#undef X
	fit_descriptors(options);
	if (map_init(&streams->by_id, match_id) < 0 || map_init(&streams->by_remote, match_remote) < 0 ||
	    map_init(&streams->sources, match_source) < 0) {
		transport_streams_free(streams);
		return ERR_NOMEM;
	}
	*ret_streams = streams;
	return 0;
}

void transport_streams_free(struct transport_streams *streams)
{
	struct list *link;

	if (!streams)
		return;
	for (size_t i = 0; i < TRANSPORT_LISTENS_MAX; i++) {
		struct transport_stream_listener *listener = &streams->listeners[i];

		if (!listener->watch.loop)
			continue;
		loop_timer_stop(streams->transport->loop, &listener->pause);
		loop_watch_del(&listener->watch);
		close(listener->watch.fd);
	}
	while ((link = list_first(&streams->connections))) {
		struct transport_connection *connection = LIST_ENTRY(link, struct transport_connection, link);

		transport_connection_close(connection, ERR_CLOSED);
		transport_connection_free(connection);
	}
	map_fini(&streams->by_id);
	map_fini(&streams->by_remote);
	map_fini(&streams->sources);
	free(streams);
}

int transport_streams_listen(struct transport_streams *streams, size_t index, struct transport_problem *ret_problem)
{
	struct transport *transport = streams->transport;
	struct transport_listen *listen = &transport->options.listens[index];
	struct transport_stream_listener *listener = &streams->listeners[index];
	int fd, error = transport_tcp_listen(&listen->endpoint, transport->options.dscp,
					     transport->options.shares_ports, transport_kind_name(listen->kind), &fd,
					     ret_problem);

	if (error < 0)
		return error;
	listener->streams = streams;
	listener->listen = listen;
	loop_timer_init(&listener->pause, on_pause_over, listener);
	error = loop_watch_add(transport->loop, &listener->watch, fd, EPOLLIN, on_acceptable, listener);
	if (error < 0) {
		close(fd);
		snprintf(ret_problem->text, sizeof(ret_problem->text), "SIP: no more descriptors can be watched");
	}
	return error;
}
