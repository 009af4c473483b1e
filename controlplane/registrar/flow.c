/* Bindings and their connections: what becomes of those whose connection is gone (RFC 5626 5.4), and where the phone that had one
 * is now. */
#include "controlplane/registrar/registrar_private.h"

#include <stdlib.h>

/* Who had a connection that is gone, or that was left for another. */
struct moved {
	struct map_node node;
	struct list link;
	uint64_t connection;
	uint64_t who; /* hash of the phone's flow: instance and reg-id, or its Contact */
	struct net_address address;
	char number[];
};

static bool is_on(const struct map_node *node, const void *key)
{
	return CONTAINER_OF(node, const struct binding, by_flow)->flow.connection == *(const uint64_t *)key;
}

static bool is_moved(const struct map_node *node, const void *key)
{
	return CONTAINER_OF(node, const struct moved, node)->connection == *(const uint64_t *)key;
}

int flows_init(struct registrar *registrar)
{
	int error = map_init(&registrar->by_flow, is_on);

	list_init(&registrar->moved_list);
	return error ? error : map_init(&registrar->moved, is_moved);
}

static void forget(struct registrar *registrar, struct moved *moved)
{
	map_del(&registrar->moved, &moved->node);
	list_del(&moved->link);
	registrar->stats.moved--;
	free(moved);
}

void flows_fini(struct registrar *registrar)
{
	struct list *link;

	while (registrar->stats.moved > 0 && (link = list_first(&registrar->moved_list)))
		forget(registrar, LIST_ENTRY(link, struct moved, link));
	map_fini(&registrar->by_flow);
	map_fini(&registrar->moved);
}

/* Odd: somebody opened it to us, and when it is gone it is gone (transport.h). */
static bool is_accepted(const struct transport_flow *flow)
{
	return flow->connection & 1;
}

static uint64_t hash_connection(uint64_t connection)
{
	return hash_bytes(&connection, sizeof(connection));
}

void flows_add(struct registrar *registrar, struct binding *binding)
{
	if (is_accepted(&binding->flow))
		map_add(&registrar->by_flow, &binding->by_flow, hash_connection(binding->flow.connection));
}

void flows_del(struct registrar *registrar, struct binding *binding)
{
	if (is_accepted(&binding->flow))
		map_del(&registrar->by_flow, &binding->by_flow);
}

/* ---- following ---- */

static uint64_t who(const struct binding *binding)
{
	if (binding->instance.size > 0)
		return hash_bytes(binding->instance.at, binding->instance.size) + binding->reg_id;
	return hash_bytes(binding->uri.at, binding->uri.size);
}

void flows_remember(struct registrar *registrar, const struct binding *binding)
{
	size_t size = strlen(binding->aor->number) + 1;
	struct moved *moved = is_accepted(&binding->flow) ? malloc(sizeof(*moved) + size) : NULL;

	if (!moved)
		return; /* then its dialogs lose it */
	moved->connection = binding->flow.connection;
	moved->who = who(binding);
	moved->address = binding->flow.remote.address;
	memcpy(moved->number, binding->aor->number, size);
	map_add(&registrar->moved, &moved->node, hash_connection(moved->connection));
	list_add(&registrar->moved_list, &moved->link);
	if (++registrar->stats.moved > REGISTRAR_MOVED_MAX)
		forget(registrar, LIST_ENTRY(list_first(&registrar->moved_list), struct moved, link));
}

static bool follow(struct registrar *registrar, struct transport_flow *flow)
{
	struct map_node *node = map_find(&registrar->moved, hash_connection(flow->connection), &flow->connection);
	const struct moved *moved = node ? CONTAINER_OF(node, struct moved, node) : NULL;
	const struct aor *aor = moved ? registrar_find_aor(registrar, view_of(moved->number)) : NULL;
	const struct binding *same_address = NULL;

	if (!aor)
		return false;
	LIST_FOREACH (link, &aor->bindings) {
		const struct binding *binding = LIST_ENTRY(link, struct binding, link);

		if (who(binding) == moved->who) {
			*flow = binding->flow;
			return true;
		}
		if (net_address_is_equal(&binding->flow.remote.address, &moved->address))
			same_address = binding;
	}
	/* A phone without +sip.instance may have a new Contact; alone in its extension it is itself. */
	if (!same_address || aor->count > 1)
		return false;
	*flow = same_address->flow;
	return true;
}

bool registrar_follow(struct registrar *registrar, struct transport_flow *flow)
{
	bool is_known;

	pthread_mutex_lock(&registrar->lock);
	is_known = follow(registrar, flow);
	pthread_mutex_unlock(&registrar->lock);
	return is_known;
}

/* ---- a connection is gone ---- */

/* Another way to the same place: to the proxy that its Path names, or to the phone itself, if its Contact is the address it
 * came from. TLS could only be opened to who has a certificate, and phones have none. */
static bool find_way(const struct binding *binding, struct transport_flow *flow)
{
	struct view rest = binding->path, first;
	struct sip_name_address route;
	struct sip_uri uri;
	bool has_path = sip_list_next(&rest, &first) && sip_name_address_parse(first, &route) == 0;

	*flow = binding->flow;
	flow->connection = 0;
	if (has_path)
		uri = route.uri;
	else if (flow->kind != TRANSPORT_TCP || binding->reg_id > 0 || sip_uri_parse(binding->uri, &uri) != 0)
		return false;
	if (sip_uri_address(&uri, &flow->remote.address) != 0 ||
	    (!has_path && !net_address_is_equal(&flow->remote.address, &binding->flow.remote.address)))
		return false;
	flow->remote.port = uri.port ? uri.port : transport_kind_port(flow->kind);
	return true;
}

static void lose(struct registrar *registrar, struct binding *binding)
{
	struct transport_flow way;
	bool has_way = find_way(binding, &way);

	if (!has_way) {
		state_changed(registrar, binding->aor);
		binding_tell(binding, REGISTRAR_CUT_OFF);
	}
	pthread_mutex_lock(&registrar->lock);
	flows_remember(registrar, binding);
	if (has_way)
		binding_reroute(binding, &way);
	else
		binding_free(binding);
	pthread_mutex_unlock(&registrar->lock);
}

void registrar_on_closed(struct registrar *registrar, const struct transport_flow *closed)
{
	uint64_t hash = hash_connection(closed->connection);
	struct map_node *node;

	while ((node = map_find(&registrar->by_flow, hash, &closed->connection)))
		lose(registrar, CONTAINER_OF(node, struct binding, by_flow));
}
