/* The registrar: its life, the road of a REGISTER, look-ups. The road: app gives the transaction to
 * registrar_on_register; auth says who it is, plan.c what shall change, state.c
 * keeps it; call asks registrar_find.
 */
#include "controlplane/registrar/registrar_private.h"

#include "controlplane/transaction/transaction.h"

#include <stdlib.h>

const char *registrar_event_name(enum registrar_event event)
{
	static const char *const names[] = {
#define X(name, text) [name] = text,
		REGISTRAR_EVENT_LIST(X)
#undef X
	};

	return (unsigned)event < REGISTRAR_EVENT_COUNT ? names[event] : "?";
}

/* ---- life ---- */
void registrar_options_init(struct registrar_options *options, const struct conf *conf)
{
	*options = (struct registrar_options){
		.min_expires_s = conf->sip.min_expires_s,
		.max_expires_s = conf->sip.max_expires_s,
	};
}

static bool match_number(const struct map_node *node, const void *key)
{
	return view_is(*(const struct view *)key, CONTAINER_OF(node, const struct aor, node)->number);
}

struct aor *registrar_find_aor(struct registrar *registrar, struct view number)
{
	struct map_node *node = map_find(&registrar->aors.by_number, hash_bytes(number.at, number.size), &number);

	return node ? CONTAINER_OF(node, struct aor, node) : NULL;
}

static int aors_init(struct aors *aors, const struct conf_extension *extensions, size_t count)
{
	int error = map_init(&aors->by_number, match_number);

	aors->at = calloc(count + 1, sizeof(*aors->at));
	if (error || !aors->at)
		return error ? error : ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		struct aor *aor = &aors->at[i];

		aor->number = strdup(extensions[i].number);
		if (!aor->number)
			return ERR_NOMEM;
		aor->max_contacts = MIN(extensions[i].max_contacts, (uint32_t)REGISTRAR_CONTACTS_MAX);
		list_init(&aor->bindings);
		list_init(&aor->write_link);
		map_add(&aors->by_number, &aor->node, hash_bytes(aor->number, strlen(aor->number)));
		aors->len++;
	}
	return 0;
}

static void aors_fini(struct aors *aors)
{
	for (size_t i = 0; i < aors->len; i++) {
		LIST_FOREACH_SAFE (link, &aors->at[i].bindings)
			binding_free(LIST_ENTRY(link, struct binding, link));
		free(aors->at[i].number);
	}
	free(aors->at);
	map_fini(&aors->by_number);
}

/* Bindings move to their extension among the new ones; without one they end. */
static void move_bindings(struct registrar *registrar, struct aors *old)
{
	for (size_t i = 0; i < old->len; i++) {
		struct aor *to = registrar_find_aor(registrar, view_of(old->at[i].number));

		if (to)
			state_move(registrar, &old->at[i], to);
		else if (old->at[i].count > 0 || !list_is_empty(&old->at[i].write_link))
			state_gone(registrar, &old->at[i]);

		LIST_FOREACH_SAFE (link, &old->at[i].bindings) {
			struct binding *binding = LIST_ENTRY(link, struct binding, link);

			if (!to) {
				binding_tell(binding, REGISTRAR_REMOVED);
				binding_free(binding);
				continue;
			}
			list_del(&binding->link);
			binding->aor = to;
			list_add(&to->bindings, &binding->link);
			to->count++;
		}
	}
}

int registrar_set(struct registrar *registrar, const struct registrar_options *options,
		  const struct conf_extension *extensions, size_t extension_count)
{
	struct aors old = registrar->aors, aors = {0};
	int error = aors_init(&aors, extensions, extension_count);

	if (error) {
		aors_fini(&aors);
		return error;
	}
	registrar->aors = aors;
	registrar->options.min_expires_s = options->min_expires_s;
	registrar->options.max_expires_s = options->max_expires_s;
	move_bindings(registrar, &old);
	aors_fini(&old);
	return 0;
}

int registrar_new(struct loop *loop, struct auth *auth, const struct registrar_options *options,
		  const struct conf_extension *extensions, size_t extension_count, struct registrar **ret_registrar,
		  struct transport_problem *ret_problem)
{
	struct registrar *registrar = calloc(1, sizeof(*registrar));
	int error;

	ret_problem->text[0] = '\0';
	if (!registrar)
		return ERR_NOMEM;
	pthread_mutex_init(&registrar->lock, NULL);
	registrar->loop = loop;
	registrar->auth = auth;
	registrar->options = *options;
	error = flows_init(registrar);
	if (!error)
		error = aors_init(&registrar->aors, extensions, extension_count);
	if (!error)
		error = state_init(registrar, options->store, ret_problem);
	if (error) {
		registrar_free(registrar);
		return error;
	}
	*ret_registrar = registrar;
	return 0;
}

void registrar_free(struct registrar *registrar)
{
	if (!registrar)
		return;
	state_fini(registrar);
	aors_fini(&registrar->aors);
	flows_fini(registrar);
	pthread_mutex_destroy(&registrar->lock);
	free(registrar);
}

void registrar_set_listener(struct registrar *registrar, const struct registrar_listener *listener)
{
	registrar->listener = *listener;
}

const struct registrar_stats *registrar_stats(const struct registrar *registrar)
{
	return &registrar->stats;
}

/* ---- REGISTER ---- */
struct reply {
	struct registrar *registrar;
	const struct sip_message *request;
	struct auth_verdict verdict;
	struct aor *aor;
	unsigned status;
	const char *why;
	const struct transport_flow *flow;
	struct plan plan;
};

static void write_bindings(struct sip_writer *out, const struct aor *aor)
{
	LIST_FOREACH (link, &aor->bindings) {
		struct registrar_contact contact;
		char params[REGISTRAR_INSTANCE_MAX + 64];
		struct text text;

		binding_show(LIST_ENTRY(link, struct binding, link), &contact);
		text_init(&text, params, sizeof(params));
		if (contact.q < 1000)
			text_printf(&text, ";q=0.%03u", contact.q);
		if (contact.reg_id > 0)
			text_printf(&text, ";+sip.instance=\"%.*s\";reg-id=%u", VIEW_ARG(contact.instance),
				    contact.reg_id);
		sip_write_header(out, SIP_HEADER_CONTACT, "<%.*s>%s;expires=%u", VIEW_ARG(contact.uri), params,
				 contact.expires_s);
	}
}

static bool is_supported_here(struct view token)
{
	return view_equal_nocase(token, VIEW("path")) || view_equal_nocase(token, VIEW("outbound"));
}

static bool has_token(const struct sip_message *request, enum sip_header_id id, const char *token)
{
	struct view value;

	SIP_HEADER_FOREACH (request, id, value) {
		if (view_equal_nocase(value, view_of(token)))
			return true;
	}
	return false;
}

static void write_bound(struct sip_writer *out, const struct reply *reply)
{
	write_bindings(out, reply->aor);
	sip_write_header(out, SIP_HEADER_SUPPORTED, "path, outbound");
	if (reply->plan.path[0] && has_token(reply->request, SIP_HEADER_SUPPORTED, "path"))
		sip_write_header(out, SIP_HEADER_PATH, "%s", reply->plan.path);
	if (!reply->plan.is_outbound)
		return;
	sip_write_header(out, SIP_HEADER_REQUIRE, "outbound");
	if (transport_kind_is_reliable(reply->flow->kind))
		sip_write_header_u32(out, SIP_HEADER_FLOW_TIMER, REGISTRAR_FLOW_TIMER_S);
}

static void write_headers(struct sip_writer *out, void *arg)
{
	struct reply *reply = arg;
	struct view value;

	switch (reply->status) {
	case 200:
		write_bound(out, reply);
		break;
	case 401:
		auth_write_challenge(out, &reply->verdict);
		break;
	case 420:
		SIP_HEADER_FOREACH (reply->request, SIP_HEADER_REQUIRE, value)
			if (!is_supported_here(value))
				sip_write_header_view(out, SIP_HEADER_UNSUPPORTED, value);
		break;
	case 423:
		sip_write_header_u32(out, SIP_HEADER_MIN_EXPIRES, reply->registrar->options.min_expires_s);
		break;
	default:
		sip_write_header(out, SIP_HEADER_WARNING, "399 voxlane \"%s\"", reply->why);
		break;
	}
}

static unsigned judge(struct reply *reply, const struct transport_flow *flow, const char **ret_why)
{
	struct registrar *registrar = reply->registrar;
	struct view value;
	unsigned status;

	SIP_HEADER_FOREACH (reply->request, SIP_HEADER_REQUIRE, value) {
		*ret_why = "it requires an extension";
		if (!is_supported_here(value))
			return 420;
	}
	auth_check(registrar->auth, reply->request, &flow->remote, AUTH_SERVER, loop_now_ms(registrar->loop),
		   &reply->verdict);
	*ret_why = reply->verdict.why;
	if (reply->verdict.result != AUTH_OK)
		return reply->verdict.status;
	reply->aor = registrar_find_aor(registrar, view_of(reply->verdict.account->number));
	if (!reply->aor) {
		*ret_why = "an account without an extension";
		return 403;
	}
	status = plan_make(registrar, reply->request, flow, reply->aor, &reply->plan, ret_why);
	if (status == 200) {
		pthread_mutex_lock(&registrar->lock);
		plan_apply(registrar, &reply->plan);
		pthread_mutex_unlock(&registrar->lock);
	}
	return status;
}

void registrar_on_register(struct registrar *registrar, struct transaction *transaction)
{
	const struct transport_flow *flow = transaction_flow(transaction);
	struct reply reply = {.registrar = registrar, .request = transaction_request(transaction), .flow = flow};
	struct transaction_reply response = {.headers = write_headers, .arg = &reply};
	const char *why = "";

	registrar->stats.requests++;
	reply.status = judge(&reply, flow, &why);
	reply.why = why;
	response.status = reply.status;
	if (reply.status >= 400 && reply.status != 401) {
		registrar->stats.refused++;
		if (registrar->listener.on_problem)
			registrar->listener.on_problem(registrar->listener.arg, flow, why);
	}
	/* Only a list of bindings larger than a datagram can fail here. They are in force all the same. */
	if (transaction_respond(transaction, &response))
		transaction_respond_status(transaction, 500);
}

/* ---- look-up ---- */
static bool is_before(const struct registrar_contact *a, const struct registrar_contact *b)
{
	return a->q != b->q ? a->q > b->q : a->refreshed_ms >= b->refreshed_ms;
}

static size_t find(struct registrar *registrar, struct view number, bool is_owner,
		   struct registrar_contact *ret_contacts, size_t max)
{
	const struct aor *aor = registrar_find_aor(registrar, number);
	size_t count = 0;

	if (!aor)
		return 0;
	LIST_FOREACH (link, &aor->bindings) {
		struct registrar_contact contact;
		size_t place = count;

		if (is_owner)
			binding_show(LIST_ENTRY(link, struct binding, link), &contact);
		else
			binding_show_at(LIST_ENTRY(link, struct binding, link), UINT64_MAX, &contact);
		while (place > 0 && is_before(&contact, &ret_contacts[place - 1]))
			place--;
		if (place == max)
			continue;
		count = MIN(count + 1, max);
		memmove(&ret_contacts[place + 1], &ret_contacts[place], (count - 1 - place) * sizeof(contact));
		ret_contacts[place] = contact;
	}
	return count;
}

/* The texts of a contact. One that is not named here dies with its binding while another thread reads it. */
static const size_t texts[] = {
	offsetof(struct registrar_contact, number),     offsetof(struct registrar_contact, uri),
	offsetof(struct registrar_contact, user_agent), offsetof(struct registrar_contact, call_id),
	offsetof(struct registrar_contact, instance),   offsetof(struct registrar_contact, path),
};

static void keep_texts(struct registrar_contact *contact, struct text *keep)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct view *view = (struct view *)(void *)((char *)contact + texts[i]);
		size_t at = keep->size;

		if (!view->at)
			continue;
		text_add(keep, *view);
		*view = (struct view){keep->at + at, view->size};
	}
}

size_t registrar_find(struct registrar *registrar, struct view number, struct registrar_contact *ret_contacts,
		      size_t max, struct text *keep)
{
	size_t count;

	pthread_mutex_lock(&registrar->lock);
	count = find(registrar, number, !keep, ret_contacts, max);
	for (size_t i = 0; i < count && keep; i++)
		keep_texts(&ret_contacts[i], keep);
	pthread_mutex_unlock(&registrar->lock);
	return keep && keep->overflow ? 0 : count;
}

bool registrar_is_there(struct registrar *registrar, struct view number)
{
	struct registrar_contact contact;

	return find(registrar, number, true, &contact, 1) > 0;
}

void registrar_walk(const struct registrar *registrar,
		    void (*visit)(void *arg, const struct registrar_contact *contact), void *arg)
{
	for (size_t i = 0; i < registrar->aors.len; i++) {
		LIST_FOREACH (link, &registrar->aors.at[i].bindings) {
			struct registrar_contact contact;

			binding_show(LIST_ENTRY(link, struct binding, link), &contact);
			visit(arg, &contact);
		}
	}
}
