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
};

static void write_bindings(struct sip_writer *out, const struct aor *aor)
{
	LIST_FOREACH (link, &aor->bindings) {
		struct registrar_contact contact;

		binding_show(LIST_ENTRY(link, struct binding, link), &contact);
		if (contact.q < 1000)
			sip_write_header(out, SIP_HEADER_CONTACT, "<%.*s>;q=0.%03u;expires=%u", VIEW_ARG(contact.uri),
					 contact.q, contact.expires_s);
		else
			sip_write_header(out, SIP_HEADER_CONTACT, "<%.*s>;expires=%u", VIEW_ARG(contact.uri),
					 contact.expires_s);
	}
}

static void write_headers(struct sip_writer *out, void *arg)
{
	struct reply *reply = arg;
	struct view value;

	switch (reply->status) {
	case 200:
		write_bindings(out, reply->aor);
		break;
	case 401:
		auth_write_challenge(out, &reply->verdict);
		break;
	case 420:
		SIP_HEADER_FOREACH (reply->request, SIP_HEADER_REQUIRE, value)
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
	struct plan plan;
	unsigned status;

	if (sip_header_is_present(reply->request, SIP_HEADER_REQUIRE)) {
		*ret_why = "it requires an extension";
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
	status = plan_make(registrar, reply->request, flow, reply->aor, &plan, ret_why);
	if (status == 200) {
		pthread_mutex_lock(&registrar->lock);
		plan_apply(registrar, &plan);
		pthread_mutex_unlock(&registrar->lock);
	}
	return status;
}

void registrar_on_register(struct registrar *registrar, struct transaction *transaction)
{
	const struct transport_flow *flow = transaction_flow(transaction);
	struct reply reply = {.registrar = registrar, .request = transaction_request(transaction)};
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

static size_t find(struct registrar *registrar, struct view number, struct registrar_contact *ret_contacts, size_t max)
{
	const struct aor *aor = registrar_find_aor(registrar, number);
	size_t count = 0;

	if (!aor)
		return 0;
	LIST_FOREACH (link, &aor->bindings) {
		struct registrar_contact contact;
		size_t place = count;

		binding_show(LIST_ENTRY(link, struct binding, link), &contact);
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
	offsetof(struct registrar_contact, instance),
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
	count = find(registrar, number, ret_contacts, max);
	for (size_t i = 0; i < count && keep; i++)
		keep_texts(&ret_contacts[i], keep);
	pthread_mutex_unlock(&registrar->lock);
	return keep && keep->overflow ? 0 : count;
}

bool registrar_is_there(struct registrar *registrar, struct view number)
{
	struct registrar_contact contact;

	return find(registrar, number, &contact, 1) > 0;
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
