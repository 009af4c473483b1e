/* A REGISTER as a plan: RFC 3261 10.3 steps 6 and 7. plan_make finds every reason to refuse and allocates what will be
 * needed; plan_apply cannot fail, so a request is applied as a whole or not at all.
 */
#include "controlplane/registrar/registrar_private.h"

struct maker {
	struct registrar *registrar;
	const struct sip_message *request;
	const struct transport_flow *flow;
	struct plan *plan;
	const char *why;
	bool wants_outbound; /* Supported has it */
};

static unsigned refuse(struct maker *maker, unsigned status, const char *why)
{
	maker->why = why;
	return status;
}

/* Seconds by the contact's parameter, else by the header, else the longest; broken ones count as absent. */
static uint32_t expires_of(const struct maker *maker, struct view params)
{
	uint32_t longest = maker->registrar->options.max_expires_s, expires_s;

	if (sip_param_u32(params, "expires", UINT32_MAX, &expires_s) &&
	    sip_header_u32(maker->request, SIP_HEADER_EXPIRES, UINT32_MAX, &expires_s))
		return longest;
	return MIN(expires_s, longest);
}

static bool is_storable(struct view text)
{
	for (size_t i = 0; i < text.size; i++) {
		if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f)
			return false;
	}
	return true;
}

static struct view instance_param(struct view params)
{
	struct sip_param param;

	return sip_param_find(params, "+sip.instance", &param) && param.value.at ? param.value : VIEW_EMPTY;
}

/* RFC 5626 6: a flow of a phone, when it can be told from others and its phone knows what that means. */
static uint32_t reg_id_of(const struct maker *maker, struct view params)
{
	uint32_t reg_id;
	struct view instance = instance_param(params);

	if (!maker->wants_outbound || instance.size == 0 || instance.size > REGISTRAR_INSTANCE_MAX ||
	    sip_param_u32(params, "reg-id", INT32_MAX, &reg_id) != 0)
		return 0;
	return reg_id;
}

/* A flow is told by its number, whatever its Contact; anything else by its Contact. */
static struct binding *find_old(const struct plan *plan, const struct sip_name_address *contact, uint32_t reg_id)
{
	struct binding *old = reg_id > 0 ? binding_find_flow(plan->aor, instance_param(contact->params), reg_id) : NULL;

	if (!old)
		old = binding_find(plan->aor, &contact->uri);
	return old && reg_id > 0 && old->reg_id > 0 && old->reg_id != reg_id ? NULL : old;
}

/* The same contact twice in one request: the later one counts. */
static struct change *change_for(struct plan *plan, const struct sip_uri *uri)
{
	for (size_t i = 0; i < plan->change_count; i++) {
		if (sip_uri_is_equal(&plan->changes[i].contact.uri, uri))
			return &plan->changes[i];
	}
	return plan->change_count < REGISTRAR_CHANGES_MAX ? &plan->changes[plan->change_count++] : NULL;
}

static unsigned add_contact(struct maker *maker, struct view value)
{
	struct plan *plan = maker->plan;
	struct sip_name_address contact;
	struct change *change;
	uint32_t expires_s, reg_id;
	unsigned q;

	if (sip_name_address_parse(value, &contact) || sip_q_parse(contact.params, &q))
		return refuse(maker, 400, "a Contact does not follow its grammar");
	if (contact.uri.scheme != SIP_SCHEME_SIP && contact.uri.scheme != SIP_SCHEME_SIPS)
		return refuse(maker, 400, "a Contact is not a SIP URI");
	if (contact.uri.text.size > REGISTRAR_URI_MAX || !is_storable(contact.uri.text))
		return refuse(maker, 400, "a Contact URI is too long");
	expires_s = expires_of(maker, contact.params);
	if (expires_s > 0 && expires_s < maker->registrar->options.min_expires_s)
		return refuse(maker, 423, "a Contact wants to expire too soon");
	change = change_for(plan, &contact.uri);
	if (!change)
		return refuse(maker, 400, "too many contacts in one request");
	reg_id = reg_id_of(maker, contact.params);
	if (reg_id > 0 && expires_s > 0 && plan->is_outbound)
		return refuse(maker, 400, "more than one contact with a reg-id");
	plan->is_outbound |= reg_id > 0 && expires_s > 0;
	*change = (struct change){
		.contact = contact,
		.expires_s = expires_s,
		.q = q,
		.reg_id = reg_id,
		.old = find_old(plan, &contact, reg_id),
	};
	return 200;
}

static unsigned read_path(struct maker *maker)
{
	struct sip_name_address route;
	struct text text;
	struct view value;

	text_init(&text, maker->plan->path, sizeof(maker->plan->path));
	SIP_HEADER_FOREACH (maker->request, SIP_HEADER_PATH, value) {
		if (sip_name_address_parse(value, &route) != 0)
			return refuse(maker, 400, "the Path does not follow its grammar");
		text_printf(&text, "%s%.*s", text.size > 0 ? ", " : "", VIEW_ARG(value));
	}
	return text.overflow ? refuse(maker, 400, "the Path is too long") : 200;
}

/* Behind a proxy a flow is only one when the first proxy, the last in Path, keeps it (RFC 5626 6). */
static unsigned check_first_hop(struct maker *maker)
{
	struct view value, last = VIEW_EMPTY, ob;
	struct sip_name_address route;
	unsigned vias = 0;

	if (!maker->plan->is_outbound)
		return 200;
	SIP_HEADER_FOREACH (maker->request, SIP_HEADER_VIA, value)
		vias++;
	SIP_HEADER_FOREACH (maker->request, SIP_HEADER_PATH, value)
		last = value;
	if (vias < 2 ||
	    (last.size > 0 && sip_name_address_parse(last, &route) == 0 && sip_uri_param(&route.uri, "ob", &ob)))
		return 200;
	return refuse(maker, 439, "the first proxy does not support outbound");
}

static bool wants_outbound(const struct sip_message *request)
{
	struct view value;

	SIP_HEADER_FOREACH (request, SIP_HEADER_SUPPORTED, value) {
		if (view_equal_nocase(value, VIEW("outbound")))
			return true;
	}
	return false;
}

static unsigned read_contacts(struct maker *maker)
{
	struct plan *plan = maker->plan;
	uint32_t expires_s = 1;
	unsigned status = 200;
	size_t count = 0;
	struct view value;

	SIP_HEADER_FOREACH (maker->request, SIP_HEADER_CONTACT, value) {
		count++;
		if (view_is(value, "*")) {
			plan->is_all = true;
			continue;
		}
		status = add_contact(maker, value);
		if (status != 200)
			return status;
	}
	if (plan->is_all &&
	    (count > 1 || sip_header_u32(maker->request, SIP_HEADER_EXPIRES, UINT32_MAX, &expires_s) || expires_s != 0))
		return refuse(maker, 400, "Contact: * must stand alone and needs Expires: 0");
	return 200;
}

static bool is_out_of_order(const struct maker *maker, const struct binding *binding)
{
	return view_equal(binding->call_id, maker->request->call_id) && maker->request->cseq.number <= binding->cseq;
}

static unsigned check_order(struct maker *maker)
{
	static const char why[] = "older than, or the same as, what its Call-ID sent before";
	struct plan *plan = maker->plan;

	for (size_t i = 0; i < plan->change_count; i++) {
		if (plan->changes[i].old && is_out_of_order(maker, plan->changes[i].old))
			return refuse(maker, 500, why);
	}
	if (!plan->is_all)
		return 200;
	LIST_FOREACH (link, &plan->aor->bindings) {
		if (is_out_of_order(maker, LIST_ENTRY(link, struct binding, link)))
			return refuse(maker, 500, why);
	}
	return 200;
}

static bool is_in_plan(const struct plan *plan, const struct binding *binding)
{
	for (size_t i = 0; i < plan->change_count; i++) {
		if (plan->changes[i].old == binding)
			return true;
	}
	for (size_t i = 0; i < plan->victim_count; i++) {
		if (plan->victims[i] == binding)
			return true;
	}
	return false;
}

static struct view instance_of(const struct change *change)
{
	return instance_param(change->contact.params);
}

/* Who goes when `change` comes: the same phone under an older name, else the oldest from the same address. The list is in
 * the order of refreshing, so the first found is the oldest. */
static struct binding *find_victim(const struct maker *maker, const struct change *change)
{
	struct view instance = instance_of(change);
	struct binding *same_source = NULL;

	LIST_FOREACH (link, &maker->plan->aor->bindings) {
		struct binding *binding = LIST_ENTRY(link, struct binding, link);

		if (is_in_plan(maker->plan, binding))
			continue;
		if (instance.size > 0 && view_equal(binding->instance, instance))
			return binding;
		if (!same_source && net_address_is_equal(&binding->flow.remote.address, &maker->flow->remote.address))
			same_source = binding;
	}
	return same_source;
}

static unsigned make_room(struct maker *maker)
{
	struct plan *plan = maker->plan;
	size_t count = plan->aor->count;

	for (size_t i = 0; i < plan->change_count; i++) {
		if (plan->changes[i].old && plan->changes[i].expires_s == 0)
			count--;
	}
	for (size_t i = 0; i < plan->change_count; i++) {
		const struct change *change = &plan->changes[i];
		struct binding *victim;

		if (change->old || change->expires_s == 0)
			continue;
		if (count < plan->aor->max_contacts) {
			count++;
			continue;
		}
		victim = find_victim(maker, change);
		if (!victim)
			return refuse(maker, 403, "the extension has as many contacts as it may");
		plan->victims[plan->victim_count++] = victim;
	}
	return 200;
}

static void drop_allocated(struct plan *plan)
{
	for (size_t i = 0; i < plan->change_count; i++) {
		if (plan->changes[i].new)
			binding_free(plan->changes[i].new);
		plan->changes[i].new = NULL;
	}
}

/* A phone that is where its Contact says: no NAT between us, and no flow that it wants to be kept to. */
static bool is_free(const struct maker *maker, const struct change *change)
{
	const struct sip_uri *uri = &change->contact.uri;
	const struct net_endpoint *remote = &maker->flow->remote;
	struct net_address address;

	return maker->flow->kind == TRANSPORT_UDP && change->reg_id == 0 && !maker->plan->path[0] &&
	       sip_uri_address(uri, &address) == 0 && net_address_is_equal(&address, &remote->address) &&
	       (uri->port ? uri->port : transport_kind_port(TRANSPORT_UDP)) == remote->port;
}

static unsigned allocate(struct maker *maker)
{
	struct plan *plan = maker->plan;
	struct view agent = sip_header_find(maker->request, SIP_HEADER_USER_AGENT);

	for (size_t i = 0; i < plan->change_count; i++) {
		struct change *change = &plan->changes[i];
		struct binding_values values = {
			.uri = change->contact.uri.text,
			.call_id = maker->request->call_id,
			.user_agent = agent.at ? agent : VIEW_EMPTY,
			.instance = instance_of(change),
			.path = view_of(plan->path),
			.reg_id = change->reg_id,
			.flow = *maker->flow,
			.cseq = maker->request->cseq.number,
			.expires_s = change->expires_s,
			.q = change->q,
		};

		if (change->expires_s == 0)
			continue;
		values.flow.is_free = is_free(maker, change);
		change->new = binding_new(maker->registrar, plan->aor, &values);
		if (!change->new) {
			drop_allocated(plan);
			return refuse(maker, 500, "out of memory");
		}
	}
	return 200;
}

unsigned plan_make(struct registrar *registrar, const struct sip_message *request, const struct transport_flow *flow,
		   struct aor *aor, struct plan *plan, const char **ret_why)
{
	static unsigned (*const steps[])(struct maker *) = {read_path,   read_contacts, check_first_hop,
							    check_order, make_room,     allocate};
	struct maker maker = {registrar, request, flow, plan, "", wants_outbound(request)};
	unsigned status = 200;

	*plan = (struct plan){.aor = aor};
	for (size_t i = 0; i < ARRAY_LEN(steps) && status == 200; i++)
		status = steps[i](&maker);
	*ret_why = maker.why;
	return status;
}

static void remove_binding(struct registrar *registrar, struct binding *binding)
{
	state_changed(registrar, binding->aor);
	binding_tell(binding, REGISTRAR_REMOVED);
	binding_free(binding);
}

/* Nothing but its time and its number in the sequence is new. */
static bool is_refresh(const struct binding *old, const struct binding *new)
{
	return old && old->q == new->q &&
	       old->flow.kind == new->flow.kind &&net_endpoint_is_equal(&old->flow.local, &new->flow.local) &&
	       net_endpoint_is_equal(&old->flow.remote, &new->flow.remote) && view_equal(old->uri, new->uri) &&
	       view_equal(old->call_id, new->call_id) && view_equal(old->instance, new->instance) &&
	       view_equal(old->path, new->path) &&
	       old->reg_id == new->reg_id &&view_equal(old->user_agent, new->user_agent);
}

void plan_apply(struct registrar *registrar, struct plan *plan)
{
	for (size_t i = 0; i < plan->victim_count; i++)
		remove_binding(registrar, plan->victims[i]);
	if (plan->is_all) {
		LIST_FOREACH_SAFE (link, &plan->aor->bindings)
			remove_binding(registrar, LIST_ENTRY(link, struct binding, link));
	}
	for (size_t i = 0; i < plan->change_count; i++) {
		struct change *change = &plan->changes[i];
		bool is_new = !change->old, is_same;

		if (!change->new) {
			if (change->old)
				remove_binding(registrar, change->old);
			continue;
		}
		is_same = is_refresh(change->old, change->new);
		binding_put(change->new, change->old);
		if (is_same)
			state_refreshed(registrar, change->new);
		else
			state_changed(registrar, plan->aor);
		binding_tell(change->new, is_new ? REGISTRAR_ADDED : REGISTRAR_REFRESHED);
	}
}
