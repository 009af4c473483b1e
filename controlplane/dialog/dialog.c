/* Making dialogs out of messages, finding them, keeping their state. */
#include "controlplane/dialog/dialog.h"

#include <stdlib.h>

struct key {
	struct view call_id, local_tag;
};

static uint64_t hash_key(struct view call_id, struct view local_tag)
{
	return hash_bytes(call_id.at, call_id.size) ^ hash_bytes(local_tag.at, local_tag.size) * 31;
}

static bool is_match(const struct map_node *node, const void *arg)
{
	const struct dialog *dialog = CONTAINER_OF(node, struct dialog, node);
	const struct key *key = arg;

	return view_is(key->local_tag, dialog->local_tag) && view_is(key->call_id, dialog->call_id);
}

int dialog_table_init(struct dialog_table *table)
{
	return map_init(&table->dialogs, is_match);
}

void dialog_table_fini(struct dialog_table *table)
{
	map_fini(&table->dialogs);
}

void dialog_free(struct dialog *dialog)
{
	if (!dialog)
		return;
	if (dialog->table)
		map_del(&dialog->table->dialogs, &dialog->node);
	free(dialog->call_id);
	free(dialog->local_tag);
	free(dialog->remote_tag);
	free(dialog->local_party);
	free(dialog->remote_party);
	free(dialog->remote_target);
	free(dialog->routes);
	free(dialog);
}

static int keep(char **at, struct view text)
{
	char *copy;

	if (text.size > DIALOG_TEXT_MAX)
		return ERR_TOO_LONG;
	copy = view_dup(text);
	if (!copy)
		return ERR_NOMEM;
	free(*at);
	*at = copy;
	return 0;
}

/* A From or To header as a name-address without its tag, as we write it back. */
static int keep_party(char **at, const struct sip_name_address *party)
{
	char buffer[DIALOG_TEXT_MAX];
	struct sip_name_address bare = *party;
	struct text text;

	bare.params = VIEW_EMPTY;
	bare.tag = (struct view){NULL, 0};
	text_init(&text, buffer, sizeof(buffer));
	sip_name_address_print(&text, &bare);
	return text.overflow ? ERR_TOO_LONG : keep(at, text_view(&text));
}

/* The URI of the first Contact; ERR_SYNTAX when there is none of use. */
static int contact_uri(const struct sip_message *message, struct view *ret_uri)
{
	struct sip_name_address contact;
	struct view value;

	SIP_HEADER_FOREACH (message, SIP_HEADER_CONTACT, value) {
		if (sip_name_address_parse(value, &contact) != 0 || contact.uri.host.size == 0)
			return ERR_SYNTAX;
		*ret_uri = contact.uri.text;
		return 0;
	}
	return ERR_SYNTAX;
}

/* Where the caller is to be reached: Contact, or From for a phone of RFC 2543, which may leave Contact out. */
static int caller_uri(const struct sip_message *invite, struct view *ret_uri)
{
	if (sip_header_is_present(invite, SIP_HEADER_CONTACT))
		return contact_uri(invite, ret_uri);
	*ret_uri = invite->from.uri.text;
	return invite->from.tag.at || invite->from.uri.host.size == 0 ? ERR_SYNTAX : 0;
}

/* Record-Route as the comma list that our Route header will be: in order for the callee's side, reversed for the
 * caller's (12.1.1, 12.1.2). */
static int collect_routes(const struct sip_message *message, bool is_reversed, struct text *text)
{
	struct view values[DIALOG_ROUTES_MAX], value;
	size_t count = 0;

	SIP_HEADER_FOREACH (message, SIP_HEADER_RECORD_ROUTE, value) {
		struct sip_name_address route;

		if (count == DIALOG_ROUTES_MAX)
			return ERR_TOO_LONG;
		if (sip_name_address_parse(value, &route) != 0)
			return ERR_SYNTAX;
		values[count++] = value;
	}
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_add_string(text, ", ");
		text_add(text, values[is_reversed ? count - 1 - i : i]);
	}
	return text->overflow ? ERR_TOO_LONG : 0;
}

static int enter(struct dialog_table *table, struct dialog *dialog, struct dialog **ret_dialog)
{
	dialog->table = table;
	map_add(&table->dialogs, &dialog->node, hash_key(view_of(dialog->call_id), view_of(dialog->local_tag)));
	*ret_dialog = dialog;
	return 0;
}

int dialog_new_server(struct dialog_table *table, const struct sip_message *invite, const struct transport_flow *flow,
		      const char *local_tag, void *owner, struct dialog **ret_dialog)
{
	char routes[DIALOG_TEXT_MAX];
	struct dialog *dialog = calloc(1, sizeof(*dialog));
	struct text text;
	struct view target;
	int error;

	if (!dialog)
		return ERR_NOMEM;
	dialog->owner = owner;
	dialog->flow = *flow;
	dialog->max_forwards = DIALOG_MAX_FORWARDS;
	dialog->remote_cseq = invite->cseq.number;
	dialog->has_remote_cseq = true;
	text_init(&text, routes, sizeof(routes));
	if ((error = caller_uri(invite, &target)) || (error = keep(&dialog->remote_target, target)) ||
	    (error = collect_routes(invite, false, &text)) || (error = keep(&dialog->routes, text_view(&text))) ||
	    (error = keep(&dialog->call_id, invite->call_id)) ||
	    (error = keep(&dialog->local_tag, view_of(local_tag))) ||
	    (error = keep(&dialog->remote_tag, invite->from.tag)) ||
	    (error = keep_party(&dialog->local_party, &invite->to)) ||
	    (error = keep_party(&dialog->remote_party, &invite->from))) {
		dialog_free(dialog);
		return error;
	}
	return enter(table, dialog, ret_dialog);
}

int dialog_new_client(struct dialog_table *table, const struct dialog_plan *plan, void *owner,
		      struct dialog **ret_dialog)
{
	struct dialog *dialog = calloc(1, sizeof(*dialog));
	int error;

	if (!dialog)
		return ERR_NOMEM;
	dialog->owner = owner;
	dialog->flow = plan->flow;
	dialog->max_forwards = plan->max_forwards ? plan->max_forwards : DIALOG_MAX_FORWARDS;
	if ((error = keep(&dialog->remote_target, plan->target)) || (error = keep(&dialog->routes, plan->routes)) ||
	    (error = keep(&dialog->call_id, view_of(plan->call_id))) ||
	    (error = keep(&dialog->local_tag, view_of(plan->local_tag))) ||
	    (error = keep(&dialog->remote_tag, VIEW_EMPTY)) ||
	    (error = keep(&dialog->local_party, view_of(plan->local_party))) ||
	    (error = keep(&dialog->remote_party, view_of(plan->remote_party)))) {
		dialog_free(dialog);
		return error;
	}
	return enter(table, dialog, ret_dialog);
}

/* To where the peer's message came from. A flow that was free stays so as long as it is the same. */
static void move(struct dialog *dialog, const struct transport_flow *flow)
{
	bool is_free = dialog->flow.is_free && net_endpoint_is_equal(&dialog->flow.remote, &flow->remote);

	dialog->flow = *flow;
	dialog->flow.is_free = is_free && flow->kind == TRANSPORT_UDP;
}

int dialog_adopt(struct dialog *dialog, const struct sip_message *response, const struct transport_flow *flow)
{
	char buffer[DIALOG_TEXT_MAX];
	char *tag = NULL, *routes = NULL;
	struct text text;
	int error;

	if (response->to.tag.size == 0)
		return ERR_SYNTAX;
	text_init(&text, buffer, sizeof(buffer));
	if ((error = collect_routes(response, true, &text)) || (error = keep(&tag, response->to.tag)) ||
	    (error = keep(&routes, text_view(&text)))) {
		free(tag);
		return error;
	}
	free(dialog->remote_tag);
	free(dialog->routes);
	dialog->remote_tag = tag;
	dialog->routes = routes;
	move(dialog, flow);
	dialog_retarget(dialog, response);
	return 0;
}

bool dialog_is_of(const struct dialog *dialog, const struct sip_message *response)
{
	return view_is(response->to.tag, dialog->remote_tag);
}

struct dialog *dialog_find_named(struct dialog_table *table, struct view call_id, struct view local_tag,
				 struct view remote_tag)
{
	struct key key = {call_id, local_tag};
	struct map_node *node = map_find(&table->dialogs, hash_key(call_id, local_tag), &key);
	struct dialog *dialog = node ? CONTAINER_OF(node, struct dialog, node) : NULL;

	return dialog && view_is(remote_tag, dialog->remote_tag) ? dialog : NULL;
}

struct dialog *dialog_find(struct dialog_table *table, const struct sip_message *request)
{
	return dialog_find_named(table, request->call_id, request->to.tag, request->from.tag);
}

int dialog_receive(struct dialog *dialog, const struct sip_message *request, const struct transport_flow *flow)
{
	struct view target;

	if (dialog->has_remote_cseq && request->cseq.number < dialog->remote_cseq)
		return ERR_RANGE;
	dialog->has_remote_cseq = true;
	dialog->remote_cseq = request->cseq.number;
	move(dialog, flow);
	if ((request->method == SIP_METHOD_INVITE || request->method == SIP_METHOD_UPDATE) &&
	    contact_uri(request, &target) == 0)
		return keep(&dialog->remote_target, target);
	return 0;
}

void dialog_retarget(struct dialog *dialog, const struct sip_message *response)
{
	struct view target;

	if (contact_uri(response, &target) == 0 && keep(&dialog->remote_target, target) != 0)
		return; /* the old target stands */
}
