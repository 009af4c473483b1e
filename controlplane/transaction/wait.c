/* Who waits for a first response on which connection, so that the end of a connection costs what was waiting on it and not a look
 * at every transaction. */
#include "controlplane/transaction/transaction_private.h"

#include <stdlib.h>

/* A connection that the peer opened, by its number; or an endpoint that we connect to, for what we open is opened anew. */
struct transaction_waiting {
	struct map_node node;
	struct transport_flow flow;
	struct list transactions;
};

static bool is_accepted(const struct transport_flow *flow)
{
	return flow->connection & 1;
}

bool transaction_waiting_match(const struct map_node *node, const void *key)
{
	const struct transport_flow *own = &CONTAINER_OF(node, const struct transaction_waiting, node)->flow;
	const struct transport_flow *flow = key;

	if (is_accepted(flow) || is_accepted(own))
		return own->connection == flow->connection;
	return own->kind == flow->kind && own->peer == flow->peer && net_endpoint_is_equal(&own->remote, &flow->remote);
}

static uint64_t hash_flow(const struct transport_flow *flow)
{
	return is_accepted(flow) ? hash_bytes(&flow->connection, sizeof(flow->connection))
				 : net_endpoint_hash(&flow->remote) + flow->kind;
}

static struct transaction_waiting *find(struct transaction_layer *layer, const struct transport_flow *flow)
{
	struct map_node *node = map_find(&layer->waiting, hash_flow(flow), flow);

	return node ? CONTAINER_OF(node, struct transaction_waiting, node) : NULL;
}

int transaction_wait(struct transaction *transaction)
{
	struct transaction_layer *layer = transaction->layer;
	struct transaction_waiting *waiting;

	if (!transport_kind_is_reliable(transaction->flow.kind))
		return 0;
	waiting = find(layer, &transaction->flow);
	if (!waiting) {
		waiting = calloc(1, sizeof(*waiting));
		if (!waiting)
			return ERR_NOMEM;
		waiting->flow = transaction->flow;
		list_init(&waiting->transactions);
		map_add(&layer->waiting, &waiting->node, hash_flow(&transaction->flow));
	}
	transaction->waiting = waiting;
	list_add(&waiting->transactions, &transaction->wait_link);
	return 0;
}

void transaction_wait_no_more(struct transaction *transaction)
{
	struct transaction_waiting *waiting = transaction->waiting;

	if (!waiting)
		return;
	transaction->waiting = NULL;
	list_del(&transaction->wait_link);
	if (!list_is_empty(&waiting->transactions))
		return;
	map_del(&transaction->layer->waiting, &waiting->node);
	free(waiting);
}

static void break_all(struct transaction_layer *layer, const struct transport_flow *flow, int error)
{
	struct transaction_waiting *waiting = find(layer, flow);

	if (!waiting)
		return;
	LIST_FOREACH (link, &waiting->transactions)
		transaction_break(LIST_ENTRY(link, struct transaction, wait_link), error);
}

/* An INVITE that got a provisional response waits no more: the peer may answer on a connection of its own (RFC 3261 18.2.2). */
void transaction_waiting_closed(struct transaction_layer *layer, const struct transport_flow *flow, int error)
{
	struct transport_flow endpoint = *flow;

	endpoint.connection = 0;
	break_all(layer, &endpoint, error);
	if (is_accepted(flow))
		break_all(layer, flow, error);
}
