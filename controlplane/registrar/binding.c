/* One binding: made, put into its extension, shown, expired. plan.c and state.c make them; registrar.c shows them. */
#include "controlplane/registrar/registrar_private.h"

#include <stdlib.h>

_Static_assert(sizeof(struct binding) + REGISTRAR_URI_MAX + SIP_CALL_ID_MAX + REGISTRAR_USER_AGENT_MAX +
			       REGISTRAR_INSTANCE_MAX + REGISTRAR_PATH_MAX <=
		       REGISTRAR_BINDING_SIZE,
	       "as the header promises");

static struct view store(char **at, struct view text)
{
	struct view stored = {*at, text.size};

	if (text.size > 0)
		memcpy(*at, text.at, text.size);
	*at += text.size;
	return stored;
}

static struct view store_printable(char **at, struct view text)
{
	char *begin = *at;
	struct view stored = store(at, text);

	for (size_t i = 0; i < stored.size; i++) {
		if ((unsigned char)begin[i] < ' ' || begin[i] == 0x7f)
			begin[i] = ' ';
	}
	return stored;
}

static void on_expired(void *arg)
{
	struct binding *binding = arg;

	pthread_mutex_t *lock = &binding->registrar->lock;

	binding_tell(binding, REGISTRAR_EXPIRED);
	pthread_mutex_lock(lock);
	binding_free(binding);
	pthread_mutex_unlock(lock);
}

struct binding *binding_new(struct registrar *registrar, struct aor *aor, const struct binding_values *values)
{
	struct view agent = view_sub(values->user_agent, 0, REGISTRAR_USER_AGENT_MAX);
	struct view instance = values->instance.size <= REGISTRAR_INSTANCE_MAX ? values->instance : VIEW_EMPTY;
	size_t size = values->uri.size + values->call_id.size + agent.size + instance.size + values->path.size;
	struct binding *binding = calloc(1, sizeof(*binding) + size);
	char *at;

	if (!binding)
		return NULL;
	at = binding->text;
	binding->registrar = registrar;
	binding->aor = aor;
	binding->flow = values->flow;
	binding->cseq = values->cseq;
	binding->q = values->q;
	binding->reg_id = values->reg_id;
	binding->refreshed_ms = binding->since_ms = loop_now_ms(registrar->loop);
	binding->expires_at_ms = binding->refreshed_ms + (uint64_t)values->expires_s * 1000;
	binding->uri = store(&at, values->uri);
	binding->call_id = store(&at, values->call_id);
	binding->user_agent = store_printable(&at, agent);
	binding->instance = store_printable(&at, instance);
	binding->path = store(&at, values->path);
	list_init(&binding->link);
	loop_timer_init(&binding->timer, on_expired, binding);
	return binding;
}

void binding_put(struct binding *binding, struct binding *old)
{
	struct registrar *registrar = binding->registrar;

	if (old) {
		if (old->flow.connection != binding->flow.connection)
			flows_remember(registrar, old);
		binding->since_ms = old->since_ms;
		binding->stored_until_ms = old->stored_until_ms;
		binding_free(old);
	}
	list_add(&binding->aor->bindings, &binding->link);
	flows_add(registrar, binding);
	registrar->stats.extensions += binding->aor->count == 0;
	binding->aor->count++;
	registrar->stats.bindings++;
	loop_timer_start(registrar->loop, &binding->timer, binding->expires_at_ms - loop_now_ms(registrar->loop));
}

void binding_free(struct binding *binding)
{
	struct registrar *registrar = binding->registrar;

	if (!list_is_empty(&binding->link)) {
		loop_timer_stop(registrar->loop, &binding->timer);
		list_del(&binding->link);
		flows_del(registrar, binding);
		binding->aor->count--;
		registrar->stats.extensions -= binding->aor->count == 0;
		registrar->stats.bindings--;
	}
	free(binding);
}

struct binding *binding_find_flow(const struct aor *aor, struct view instance, uint32_t reg_id)
{
	LIST_FOREACH (link, &aor->bindings) {
		struct binding *binding = LIST_ENTRY(link, struct binding, link);

		if (binding->reg_id == reg_id && view_equal(binding->instance, instance))
			return binding;
	}
	return NULL;
}

void binding_reroute(struct binding *binding, const struct transport_flow *flow)
{
	flows_del(binding->registrar, binding);
	binding->flow = *flow;
	flows_add(binding->registrar, binding);
}

struct binding *binding_find(const struct aor *aor, const struct sip_uri *uri)
{
	LIST_FOREACH (link, &aor->bindings) {
		struct binding *binding = LIST_ENTRY(link, struct binding, link);
		struct sip_uri own;

		if (sip_uri_parse(binding->uri, &own) == 0 && sip_uri_is_equal(&own, uri))
			return binding;
	}
	return NULL;
}

void binding_show(const struct binding *binding, struct registrar_contact *ret_contact)
{
	binding_show_at(binding, loop_now_ms(binding->registrar->loop), ret_contact);
}

void binding_show_at(const struct binding *binding, uint64_t now_ms, struct registrar_contact *ret_contact)
{
	uint64_t left_ms = binding->expires_at_ms > now_ms ? binding->expires_at_ms - now_ms : 0;

	*ret_contact = (struct registrar_contact){
		.number = view_of(binding->aor->number),
		.uri = binding->uri,
		.flow = binding->flow,
		.q = binding->q,
		.expires_s = (uint32_t)((left_ms + 999) / 1000),
		.since_ms = binding->since_ms,
		.refreshed_ms = binding->refreshed_ms,
		.user_agent = binding->user_agent,
		.call_id = binding->call_id,
		.instance = binding->instance,
		.path = binding->path,
		.reg_id = binding->reg_id,
	};
}

void binding_tell(const struct binding *binding, enum registrar_event event)
{
	struct registrar *registrar = binding->registrar;
	uint64_t *const counters[] = {
		[REGISTRAR_ADDED] = &registrar->stats.added,     [REGISTRAR_REFRESHED] = &registrar->stats.refreshed,
		[REGISTRAR_REMOVED] = &registrar->stats.removed, [REGISTRAR_EXPIRED] = &registrar->stats.expired,
		[REGISTRAR_CUT_OFF] = &registrar->stats.cut_off,
	};
	struct registrar_contact contact;

	++*counters[event];
	if (!registrar->listener.on_event)
		return;
	binding_show(binding, &contact);
	registrar->listener.on_event(registrar->listener.arg, event, &contact);
}
