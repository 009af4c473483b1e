/* Which transaction a message belongs to: RFC 3261 17.1.3 and 17.2.3, for branches with the magic cookie and for those
 * of RFC 2543, which are compared field by field. */
#include "controlplane/transaction/transaction_private.h"

/* The request line's method, but ACK and CANCEL belong to an INVITE. */
static bool is_method(const struct transaction *transaction, const struct transaction_key *key)
{
	if (transaction->method != key->method)
		return false;
	return key->method != SIP_METHOD_OTHER ||
	       view_equal(transaction->request->method_text, key->message->method_text);
}

static uint16_t sent_by_port(const struct sip_via *via)
{
	return via->port ? via->port : sip_transport_port(via->transport);
}

static bool is_sent_by(const struct sip_via *a, const struct sip_via *b)
{
	return view_equal_nocase(a->host, b->host) && sent_by_port(a) == sent_by_port(b);
}

/* RFC 2543: an ACK is recognised by the To tag of the response that it acknowledges. */
static bool is_old_style_match(const struct transaction *transaction, const struct sip_message *message)
{
	const struct sip_message *request = transaction->request;
	bool has_our_tag = message->to.tag.at && view_is(message->to.tag, transaction->tag);

	return view_equal(request->uri_text, message->uri_text) && view_equal(request->call_id, message->call_id) &&
	       request->cseq.number == message->cseq.number && view_equal(request->from.tag, message->from.tag) &&
	       view_equal(request->via.text, message->via.text) &&
	       (view_equal(request->to.tag, message->to.tag) || (message->method == SIP_METHOD_ACK && has_our_tag));
}

static const struct transaction *transaction_of(const struct map_node *node)
{
	return (const struct transaction *)(const void *)((const char *)node - offsetof(struct transaction, node));
}

bool transaction_server_match(const struct map_node *node, const void *key)
{
	const struct transaction *transaction = transaction_of(node);
	const struct transaction_key *k = key;
	const struct sip_via *via = &transaction->request->via;

	if (!is_method(transaction, k))
		return false;
	if (!sip_via_has_cookie(&k->message->via))
		return !sip_via_has_cookie(via) && is_old_style_match(transaction, k->message);
	return view_equal(via->branch, k->message->via.branch) && is_sent_by(via, &k->message->via);
}

bool transaction_client_match(const struct map_node *node, const void *key)
{
	const struct transaction *transaction = transaction_of(node);
	const struct transaction_key *k = key;

	return transaction->method == k->method && view_is(k->message->via.branch, transaction->branch);
}

uint64_t transaction_server_hash(const struct transaction_key *key)
{
	const struct sip_message *message = key->message;
	struct view identity = sip_via_has_cookie(&message->via) ? message->via.branch : message->call_id;

	return hash_bytes(identity.at, identity.size) + key->method;
}

uint64_t transaction_client_hash(struct view branch, enum sip_method method)
{
	return hash_bytes(branch.at, branch.size) + method;
}

struct transaction *transaction_find_server(struct transaction_layer *layer, const struct transaction_key *key)
{
	struct map_node *node = map_find(&layer->servers, transaction_server_hash(key), key);

	return node ? CONTAINER_OF(node, struct transaction, node) : NULL;
}

/* ---- merged requests: 8.2.2.2 ---- */

/* What would be done twice. REGISTER and OPTIONS may come as often as they like; the registrar looks at CSeq itself. */
static bool may_be_merged(const struct sip_message *request)
{
	bool does_something = request->method == SIP_METHOD_INVITE || request->method == SIP_METHOD_MESSAGE ||
			      request->method == SIP_METHOD_SUBSCRIBE || request->method == SIP_METHOD_REFER;

	return does_something && request->from.tag.at && !request->to.tag.at;
}

bool transaction_merged_match(const struct map_node *node, const void *key)
{
	const struct transaction *transaction = CONTAINER_OF(node, const struct transaction, merged);
	const struct transaction_key *k = key;

	return is_method(transaction, k) && transaction->request->cseq.number == k->message->cseq.number &&
	       view_equal(transaction->request->call_id, k->message->call_id) &&
	       view_equal(transaction->request->from.tag, k->message->from.tag);
}

uint64_t transaction_merged_hash(const struct transaction_key *key)
{
	const struct sip_message *message = key->message;

	return hash_bytes(message->call_id.at, message->call_id.size) + message->cseq.number;
}

bool transaction_is_merged(struct transaction_layer *layer, const struct transaction_key *key)
{
	return may_be_merged(key->message) && map_find(&layer->merged, transaction_merged_hash(key), key);
}

void transaction_add_merged(struct transaction *transaction)
{
	struct transaction_key key = {transaction->request, transaction->method};

	transaction->is_in_merged = may_be_merged(transaction->request);
	if (transaction->is_in_merged)
		map_add(&transaction->layer->merged, &transaction->merged, transaction_merged_hash(&key));
}
