/* The server side: requests find or open their transaction, ACK and CANCEL find the INVITE's; responses are printed. */
#include "controlplane/transaction/transaction_private.h"

#include <stdlib.h>

const struct sip_message *transaction_request(const struct transaction *transaction)
{
	return transaction->request;
}

const char *transaction_tag(const struct transaction *transaction)
{
	return transaction->tag;
}

/* ---- without a transaction ---- */

/* The same request gets the same tag, since nobody remembers which one it got (8.2.7). */
static struct view stateless_tag(const struct sip_message *request, struct text *text)
{
	uint64_t hash = hash_bytes(request->via.text.at, request->via.text.size);

	if (request->call_id.at)
		hash += hash_bytes(request->call_id.at, request->call_id.size);
	text_printf(text, "%016llx", (unsigned long long)hash);
	return text_view(text);
}

static void send_stateless(struct transaction_layer *layer, const struct transport_flow *flow,
			   struct sip_writer *writer, const char *content_type, struct view body)
{
	if (layer->options.server)
		sip_write_header_view(writer, SIP_HEADER_SERVER, view_of(layer->options.server));
	if (sip_write_end(writer, content_type, body) < 0 ||
	    transport_send(layer->transport, flow, text_view(&writer->text)) < 0)
		layer->stats.dropped++;
}

static void begin_stateless(struct transaction_layer *layer, struct sip_writer *writer,
			    const struct sip_message *request, const struct transport_flow *flow, unsigned status,
			    const char *reason, const char *tag)
{
	struct text text;
	char buffer[24];

	text_init(&text, buffer, sizeof(buffer));
	sip_writer_init(writer, layer->buffer, sizeof(layer->buffer));
	sip_write_response(writer, request, status, view_of(reason), tag ? view_of(tag) : stateless_tag(request, &text),
			   &flow->remote);
}

void transaction_respond_stateless(struct transaction_layer *layer, const struct sip_message *request,
				   const struct transport_flow *flow, unsigned status, const char *tag,
				   const char *sentence)
{
	struct sip_writer writer;

	begin_stateless(layer, &writer, request, flow, status, NULL, tag);
	if (sentence)
		sip_write_header(&writer, SIP_HEADER_WARNING, "399 voxlane \"%s\"", sentence);
	if (status == 503)
		sip_write_header_u32(&writer, SIP_HEADER_RETRY_AFTER, layer->options.retry_after_s);
	send_stateless(layer, flow, &writer, NULL, VIEW_EMPTY);
}

/* False: it was refused or is ignored, nothing more is to be done. */
static bool is_admitted(struct transaction_layer *layer, const struct sip_message *request,
			const struct transport_flow *flow)
{
	struct transaction_reply reply = {0};
	enum transaction_admission admission = TRANSACTION_ADMIT;
	struct sip_writer writer;
	char content_type[256];

	if (layer->user.on_admission)
		admission = layer->user.on_admission(layer->user.arg, request, flow, &reply);
	if (admission == TRANSACTION_IGNORE)
		layer->stats.ignored++;
	if (admission != TRANSACTION_REFUSE || request->method == SIP_METHOD_CANCEL)
		return admission != TRANSACTION_IGNORE;
	layer->stats.refused_stateless++;
	begin_stateless(layer, &writer, request, flow, reply.status, reply.reason, NULL);
	if (reply.headers)
		reply.headers(&writer, reply.arg);
	if (view_copy(reply.content_type, content_type, sizeof(content_type)) == 0)
		send_stateless(layer, flow, &writer, content_type, reply.body);
	return false;
}

/* ---- requests come ---- */

static bool has_room(struct transaction_layer *layer, const struct sip_message *request)
{
	uint32_t kept_free = request->to.tag.at ? 0 : layer->options.transactions_max / 8;

	return transaction_has_room(layer, kept_free, sizeof(*request) + request->size);
}

static struct transaction *open_transaction(struct transaction_layer *layer, const struct transaction_key *key,
					    const struct transport_flow *flow)
{
	struct sip_message *request;
	struct transaction *transaction;

	if (sip_message_new(key->message, &request) < 0)
		return NULL;
	transaction = transaction_new(layer, key->method == SIP_METHOD_INVITE ? SERVER_INVITE : SERVER_OTHER, flow);
	if (!transaction) {
		sip_message_free(request);
		return NULL;
	}
	request->via.has_rport = true; /* forced: SIP-6 */
	transaction->request = request;
	transaction->method = key->method;
	layer->stats.memory += sizeof(*request) + request->size;
	transaction_token(layer, transaction->tag, OWN_TAG_SIZE);
	map_add(&layer->servers, &transaction->node, transaction_server_hash(key));
	transaction_add_merged(transaction);
	return transaction;
}

static void receive_ack(struct transaction_layer *layer, const struct sip_message *ack,
			const struct transport_flow *flow)
{
	struct transaction_key key = {ack, SIP_METHOD_INVITE};
	struct transaction *invite = transaction_find_server(layer, &key);

	if (invite)
		transaction_feed(invite, SERVER_INVITE_ACK, &(struct transaction_input){ack, flow});
	else if (layer->user.on_ack)
		layer->user.on_ack(layer->user.arg, ack, flow);
}

/* CANCEL needs no transaction of its own: its answer is the same each time it comes (9.2). */
static void receive_cancel(struct transaction_layer *layer, const struct sip_message *cancel,
			   const struct transport_flow *flow)
{
	struct transaction_key key = {cancel, SIP_METHOD_INVITE};
	struct transaction *invite = transaction_find_server(layer, &key);

	if (!invite && !is_admitted(layer, cancel, flow))
		return;
	transaction_respond_stateless(layer, cancel, flow, invite ? 200 : 481, invite ? invite->tag : NULL, NULL);
	if (invite)
		transaction_feed(invite, SERVER_INVITE_CANCEL, &(struct transaction_input){cancel, flow});
}

/* A proxy on the way forked it, and we are behind two of its branches. */
static void refuse_merged(struct transaction_layer *layer, const struct sip_message *request,
			  const struct transport_flow *flow)
{
	static const char why[] = "the same request came another way before";

	if (layer->user.on_refused)
		layer->user.on_refused(layer->user.arg, request, flow, 482, why);
	transaction_respond_stateless(layer, request, flow, 482, NULL, why);
}

void transaction_receive_request(struct transaction_layer *layer, struct sip_message *message,
				 const struct transport_flow *flow)
{
	struct transaction_key key = {message, message->method};
	struct transaction *transaction;

	message->via.has_rport = true; /* for what is answered without a transaction */
	if (message->method == SIP_METHOD_ACK) {
		receive_ack(layer, message, flow);
		return;
	}
	if (message->method == SIP_METHOD_CANCEL) {
		receive_cancel(layer, message, flow);
		return;
	}
	transaction = transaction_find_server(layer, &key);
	if (transaction) {
		layer->stats.retransmissions_received++;
	} else {
		if (!is_admitted(layer, message, flow))
			return;
		if (transaction_is_merged(layer, &key)) {
			refuse_merged(layer, message, flow);
			return;
		}
		transaction = has_room(layer, message) ? open_transaction(layer, &key, flow) : NULL;
		if (!transaction) {
			layer->stats.refused_limit++;
			transaction_respond_stateless(layer, message, flow, 503, NULL, NULL);
			return;
		}
	}
	transaction_feed(transaction, EVENT_BEGIN, NULL);
}

/* ---- responses go ---- */

/* The proxies that want to stay in the road of a dialog are named to who opened it (RFC 3261 12.1.1). */
static void write_record_routes(struct sip_writer *writer, const struct sip_message *request, unsigned status)
{
	struct view value;

	if (status <= 100 || status >= 300 ||
	    (request->method != SIP_METHOD_INVITE && request->method != SIP_METHOD_SUBSCRIBE &&
	     request->method != SIP_METHOD_REFER))
		return;
	SIP_HEADER_FOREACH (request, SIP_HEADER_RECORD_ROUTE, value)
		sip_write_header_view(writer, SIP_HEADER_RECORD_ROUTE, value);
}

static int write_reply(struct transaction *transaction, const struct transaction_reply *reply, const char *tag,
		       struct view *ret_bytes)
{
	struct transaction_layer *layer = transaction->layer;
	struct sip_writer writer;
	char content_type[256];
	int error = view_copy(reply->content_type, content_type, sizeof(content_type));

	if (error < 0)
		return error;
	sip_writer_init(&writer, layer->buffer, sizeof(layer->buffer));
	sip_write_response(&writer, transaction->request, reply->status, view_of(reply->reason),
			   reply->status > 100 ? view_of(tag) : VIEW_EMPTY, &transaction->flow.remote);
	write_record_routes(&writer, transaction->request, reply->status);
	if (layer->options.server)
		sip_write_header_view(&writer, SIP_HEADER_SERVER, view_of(layer->options.server));
	if (reply->headers)
		reply->headers(&writer, reply->arg);
	error = sip_write_end(&writer, content_type, reply->body);
	if (error < 0)
		return error;
	*ret_bytes = text_view(&writer.text);
	return 0;
}

int transaction_respond(struct transaction *transaction, const struct transaction_reply *reply)
{
	const char *tag = reply->to_tag && reply->status > 100 ? reply->to_tag : transaction->tag;
	uint8_t event = transaction_status_event(reply->status);
	struct view bytes;
	int error;

	if (BUG_ON(!transaction_is_server(transaction)) || !fsm_has_rule(&transaction->fsm, event))
		return ERR_STATE;
	if (strlen(tag) >= TAG_SIZE)
		return ERR_TOO_LONG;
	error = write_reply(transaction, reply, tag, &bytes);
	if (error == 0)
		error = transaction_keep(transaction->layer, &transaction->sent, bytes);
	if (error < 0)
		return error;
	if (tag != transaction->tag)
		memcpy(transaction->tag, tag, strlen(tag) + 1); /* by which an old style ACK is recognised */
	transaction_feed(transaction, event, NULL);
	return 0;
}

int transaction_respond_status(struct transaction *transaction, unsigned status)
{
	return transaction_respond(transaction, &(struct transaction_reply){.status = status});
}

void transaction_acked(struct transaction *transaction)
{
	if (BUG_ON(transaction->kind != SERVER_INVITE))
		return;
	if (transaction_feed(transaction, SERVER_INVITE_ACKED, NULL))
		transaction_rest(transaction);
}
