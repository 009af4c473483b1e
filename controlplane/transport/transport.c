/* What is the same for sockets and for the simulated network: names of kinds, flows, which listener sends, what a peer
 * is told as our address. */
#include "controlplane/tls/tls.h"
#include "controlplane/transport/transport_private.h"
#include "lib/stun/stun.h"

static const struct {
	const char *name, *parameter;
	bool is_reliable;
	uint16_t port;
} kinds[TRANSPORT_COUNT] = {
#define X(name, text, reliable, port, parameter) {text, parameter, reliable, port},
	TRANSPORT_LIST(X)
#undef X
};

const char *transport_kind_name(enum transport_kind kind)
{
	return kind < TRANSPORT_COUNT ? kinds[kind].name : "?";
}

const char *transport_kind_parameter(enum transport_kind kind)
{
	return kind < TRANSPORT_COUNT ? kinds[kind].parameter : "?";
}

bool transport_kind_is_reliable(enum transport_kind kind)
{
	return kind < TRANSPORT_COUNT && kinds[kind].is_reliable;
}

uint16_t transport_kind_port(enum transport_kind kind)
{
	return kind < TRANSPORT_COUNT ? kinds[kind].port : 0;
}

bool transport_flow_is_equal(const struct transport_flow *a, const struct transport_flow *b)
{
	return a->kind == b->kind && a->connection == b->connection && net_endpoint_is_equal(&a->local, &b->local) &&
	       net_endpoint_is_equal(&a->remote, &b->remote);
}

bool transport_flow_is_on(const struct transport_flow *flow, const struct transport_flow *closed)
{
	/* What we open is found by its endpoint, so a flow may name an earlier connection or none. */
	return flow->kind == closed->kind &&
	       (flow->connection == closed->connection || (flow->connection % 2 == 0 && flow->peer == closed->peer &&
							   net_endpoint_is_equal(&flow->remote, &closed->remote)));
}

/* How well a listener serves our address `local`: 0 not at all. port 0: any. */
static unsigned listener_fits(const struct transport_listen *listen, enum transport_kind kind,
			      const struct net_address *local, uint16_t port)
{
	const struct net_address *bound = &listen->endpoint.address;

	if (listen->kind != kind || bound->family != local->family || (port != 0 && listen->endpoint.port != port))
		return 0;
	if (net_address_is_equal(bound, local))
		return 3;
	return net_address_is_any(bound) ? 2 : 1;
}

static const struct transport_listen *best_listener(const struct transport *transport, enum transport_kind kind,
						    const struct net_address *local, uint16_t port)
{
	const struct transport_listen *best = NULL;
	unsigned best_fit = 0;

	for (size_t i = 0; i < transport->options.listen_count; i++) {
		const struct transport_listen *listen = &transport->options.listens[i];
		unsigned fit = listener_fits(listen, kind, local, port);

		if (fit > best_fit) {
			best = listen;
			best_fit = fit;
		}
	}
	return best;
}

/* CR, LF and NUL alone: what phones send to keep a NAT's door open. */
static bool is_keep_alive(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != '\r' && bytes[i] != '\n' && bytes[i] != '\0')
			return false;
	return true;
}

/* RFC 5626 4.4.2: phones ask from where they are seen, which keeps their NAT's door open. */
static void answer_stun(struct transport *transport, const struct transport_flow *flow, struct view request)
{
	const struct transport_listen *from =
		best_listener(transport, flow->kind, &flow->local.address, flow->local.port);
	uint8_t answer[STUN_ANSWER_MAX];
	size_t size = stun_answer(request, &flow->remote, answer);

	if (size > 0 && from &&
	    transport->make->send(transport, from, flow, (struct view){(const char *)answer, size}) != 0)
		transport->stats.send_errors++;
}

void transport_receive(struct transport *transport, const struct transport_flow *flow, char *bytes, size_t size)
{
	transport->stats.received++;
	transport->stats.received_bytes += size;
	transport->stats.kinds[flow->kind].received++;
	transport->stats.kinds[flow->kind].received_bytes += size;
	if (flow->kind == TRANSPORT_UDP && stun_is((struct view){bytes, size})) {
		transport->stats.keep_alives++;
		answer_stun(transport, flow, (struct view){bytes, size});
		return;
	}
	if (is_keep_alive(bytes, size)) {
		transport->stats.keep_alives++;
		return;
	}
	if (transport->observer.on_message)
		transport->observer.on_message(transport->observer.arg, false, flow, (struct view){bytes, size});
	transport->receiver.on_message(transport->receiver.arg, flow, bytes, size);
}

const struct transport_listen *transport_listener(const struct transport *transport, size_t index)
{
	return index < transport->options.listen_count ? &transport->options.listens[index] : NULL;
}

void transport_set_observer(struct transport *transport, const struct transport_observer *observer)
{
	transport->observer = *observer;
}

void transport_set_siblings(struct transport *transport, const struct transport_siblings *siblings)
{
	transport->siblings = *siblings;
}

static bool is_of_sibling(const struct transport *transport, const struct transport_flow *flow, unsigned *ret_owner)
{
	*ret_owner = (unsigned)(flow->connection >> TRANSPORT_OWNER_SHIFT);
	return transport->siblings.send && flow->connection != 0 && *ret_owner != transport->siblings.own;
}

static void count_what(struct transport_stats *stats, struct view bytes)
{
	static const struct view version = VIEW("SIP/2.0 ");
	struct view method = bytes;
	char digit;

	if (!view_equal(view_sub(bytes, 0, version.size), version)) {
		stats->sent_requests[sip_method_parse(view_cut(&method, ' '))]++;
		return;
	}
	digit = bytes.size > version.size ? bytes.at[version.size] : '0';
	if (digit > '0' && digit < '0' + TRANSPORT_CLASSES)
		stats->sent_responses[digit - '0']++;
}

int transport_send(struct transport *transport, const struct transport_flow *flow, struct view bytes)
{
	unsigned owner;
	const struct transport_listen *from =
		best_listener(transport, flow->kind, &flow->local.address, flow->local.port);
	int error = ERR_NOT_FOUND;

	if (bytes.size > TRANSPORT_MESSAGE_MAX)
		error = ERR_TOO_LONG;
	else if (is_of_sibling(transport, flow, &owner))
		return transport->siblings.send(transport->siblings.arg, owner, flow, bytes); /* counted there */
	else if (from)
		error = transport->make->send(transport, from, flow, bytes);
	if (error < 0) {
		transport->stats.send_errors++;
		return error;
	}
	count_what(&transport->stats, bytes);
	transport->stats.sent++;
	transport->stats.sent_bytes += bytes.size;
	transport->stats.kinds[flow->kind].sent++;
	transport->stats.kinds[flow->kind].sent_bytes += bytes.size;
	if (transport->observer.on_message)
		transport->observer.on_message(transport->observer.arg, true, flow, bytes);
	return 0;
}

void transport_close(struct transport *transport, const struct transport_flow *flow)
{
	unsigned owner;

	if (is_of_sibling(transport, flow, &owner))
		transport->siblings.close(transport->siblings.arg, owner, flow);
	else if (transport_kind_is_reliable(flow->kind))
		transport->make->close(transport, flow);
}

int transport_flow_to(struct transport *transport, enum transport_kind kind, const struct net_endpoint *remote,
		      struct transport_flow *ret_flow)
{
	const struct transport_listen *from;
	struct net_address source;
	bool is_local_host;
	int error = transport->make->route(transport, &remote->address, &source, &is_local_host);

	if (error < 0)
		return error;
	from = best_listener(transport, kind, &source, 0);
	if (!from)
		return ERR_UNSUPPORTED;
	*ret_flow = (struct transport_flow){
		.kind = kind, .local = from->endpoint, .remote = *remote, .is_free = kind == TRANSPORT_UDP};
	if (net_address_is_any(&from->endpoint.address))
		ret_flow->local.address = source;
	return 0;
}

int transport_peer(struct transport *transport, const char *name, uint32_t *ret_peer)
{
	uint32_t number;
	int error = transport->options.tls ? tls_context_name(transport->options.tls, name, &number) : ERR_UNSUPPORTED;

	if (error == 0)
		*ret_peer = TRANSPORT_PEER_FIRST + number;
	return error;
}

int transport_route(void *transport, const struct net_address *toward, struct net_address *ret_source,
		    bool *ret_is_local_host)
{
	struct transport *t = transport;

	return t->make->route(t, toward, ret_source, ret_is_local_host);
}

void transport_advertised(struct transport *transport, const struct transport_flow *flow,
			  struct net_endpoint *ret_endpoint)
{
	const struct net_address *advertised = &transport->options.advertised;
	bool is_local_host = net_address_is_loopback(&flow->remote.address) ||
			     net_address_is_equal(&flow->remote.address, &flow->local.address);

	*ret_endpoint = flow->local;
	if (advertised->family == flow->local.address.family && !is_local_host)
		ret_endpoint->address = *advertised;
}

const struct transport_stats *transport_stats(const struct transport *transport)
{
	return &transport->stats;
}

void transport_free(struct transport *transport)
{
	if (transport)
		transport->make->free(transport);
}
