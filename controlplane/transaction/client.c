/* The client side: requests are begun, sent, cancelled; responses find their transaction; ACK and CANCEL are printed from
 * what was sent. */
#include "controlplane/transaction/transaction_private.h"

#include <stdlib.h>

/* ---- requests go ---- */

void transaction_write_via(struct transaction_layer *layer, struct sip_writer *writer,
			   const struct transport_flow *flow, const char *branch)
{
	char host[NET_ENDPOINT_TEXT];
	struct net_endpoint local;

	transport_advertised(layer->transport, flow, &local);
	sip_write_header(writer, SIP_HEADER_VIA, "SIP/2.0/%s %s;branch=%s;rport", transport_kind_name(flow->kind),
			 net_endpoint_print(&local, host), branch);
}

struct sip_writer *transaction_begin(struct transaction_layer *layer, const struct transport_flow *flow,
				     enum sip_method method, struct view request_uri)
{
	struct sip_writer *writer = &layer->begun.writer;
	char *branch = layer->begun.branch;

	layer->begun.is_open = true;
	layer->begun.method = method;
	layer->begun.flow = *flow;
	memcpy(branch, SIP_BRANCH_COOKIE, sizeof(SIP_BRANCH_COOKIE));
	transaction_token(layer, branch + sizeof(SIP_BRANCH_COOKIE) - 1, BRANCH_SIZE - sizeof(SIP_BRANCH_COOKIE) + 1);
	sip_writer_init(writer, layer->begun_buffer, sizeof(layer->begun_buffer));
	sip_write_request_line(writer, method, request_uri);
	transaction_write_via(layer, writer, flow, branch);
	return writer;
}

/* Ends what was begun. */
static int finish(struct transaction_layer *layer, struct view content_type, struct view body, struct view *ret_bytes)
{
	char type[256];
	int error = view_copy(content_type, type, sizeof(type));

	if (!layer->begun.is_open)
		return ERR_STATE;
	layer->begun.is_open = false;
	if (error == 0)
		error = sip_write_end(&layer->begun.writer, type, body);
	if (error == 0)
		*ret_bytes = text_view(&layer->begun.writer.text);
	return error;
}

static int send_new(struct transaction_layer *layer, enum sip_method method, const char *branch,
		    const struct transport_flow *flow, struct view bytes, struct transaction **ret_transaction)
{
	struct transaction *transaction;

	if (!transaction_has_room(layer, 0, bytes.size))
		return ERR_LIMIT;
	transaction = transaction_new(layer, method == SIP_METHOD_INVITE ? CLIENT_INVITE : CLIENT_OTHER, flow);
	if (!transaction)
		return ERR_NOMEM;
	transaction->method = method;
	memcpy(transaction->branch, branch, BRANCH_SIZE);
	map_add(&layer->clients, &transaction->node, transaction_client_hash(view_of(branch), method));
	if (transaction_keep(layer, &transaction->sent, bytes) < 0 || transaction_wait(transaction) < 0) {
		transaction_free(transaction);
		return ERR_NOMEM;
	}
	*ret_transaction = transaction;
	return 0;
}

int transaction_send(struct transaction_layer *layer, struct view content_type, struct view body,
		     transaction_handler *handler, void *arg, struct transaction **ret_transaction)
{
	struct transport_flow flow = layer->begun.flow;
	struct transaction *transaction;
	struct view bytes, datagram;
	int error = finish(layer, content_type, body, &bytes);
	bool is_tried;

	if (error < 0)
		return error;
	datagram = bytes;
	is_tried = transaction_take_stream(layer, layer->begun.branch, &flow, &bytes);
	error = send_new(layer, layer->begun.method, layer->begun.branch, &flow, bytes, &transaction);
	if (error < 0)
		return error;
	if (is_tried && transaction_keep(layer, &transaction->datagram, datagram) < 0) {
		transaction_free(transaction);
		return ERR_NOMEM;
	}
	transaction->datagram_flow = layer->begun.flow;
	transaction_set_handler(transaction, handler, arg);
	transaction_feed(transaction, EVENT_BEGIN, NULL);
	*ret_transaction = transaction;
	return 0;
}

int transaction_send_stateless(struct transaction_layer *layer, struct view content_type, struct view body)
{
	struct view bytes;
	int error = finish(layer, content_type, body, &bytes);

	return error < 0 ? error : transport_send(layer->transport, &layer->begun.flow, bytes);
}

int transaction_ack(struct transaction *invite, struct view content_type, struct view body)
{
	struct transaction_layer *layer = invite->layer;
	struct view bytes;
	int error = finish(layer, content_type, body, &bytes);

	if (error == 0)
		error = transaction_keep(layer, &invite->ack, bytes);
	if (error < 0)
		return error;
	invite->ack_flow = layer->begun.flow;
	transaction_transmit(invite, &invite->ack_flow, &invite->ack);
	transaction_rest(invite);
	return 0;
}

/* ---- what is made from a sent INVITE ---- */

/* ACK for a failure (17.1.1.3) and CANCEL (9.1): the INVITE's own start, with another method. response: of the ACK. */
int transaction_write_request(struct transaction *invite, enum sip_method method, const struct sip_message *response,
			      struct view *ret_bytes)
{
	struct transaction_layer *layer = invite->layer;
	struct sip_message sent;
	struct sip_refusal refusal;
	struct sip_writer writer;
	int error;

	if (sip_parse(&sent, invite->sent.at, invite->sent.size, SIP_DATAGRAM, &refusal) < 0)
		return ERR_INVALID;
	sip_writer_init(&writer, layer->buffer, sizeof(layer->buffer));
	sip_write_request_line(&writer, method, sent.uri_text);
	sip_write_header_view(&writer, SIP_HEADER_VIA, sent.via.text);
	sip_write_copy(&writer, &sent, SIP_HEADER_ROUTE);
	sip_write_header_u32(&writer, SIP_HEADER_MAX_FORWARDS, 70);
	sip_write_copy(&writer, &sent, SIP_HEADER_FROM);
	sip_write_copy(&writer, response ? response : &sent, SIP_HEADER_TO);
	sip_write_copy(&writer, &sent, SIP_HEADER_CALL_ID);
	sip_write_header(&writer, SIP_HEADER_CSEQ, "%u %s", sent.cseq.number, sip_method_name(method));
	if (method == SIP_METHOD_CANCEL && invite->reason)
		sip_write_header_view(&writer, SIP_HEADER_REASON, view_of(invite->reason));
	error = sip_write_end(&writer, NULL, VIEW_EMPTY);
	if (error == 0)
		*ret_bytes = text_view(&writer.text);
	return error;
}

void transaction_cancel(struct transaction *invite, struct view reason)
{
	if (BUG_ON(invite->kind != CLIENT_INVITE))
		return;
	/* Without memory it is cancelled without a reason. */
	if (!invite->reason && reason.size > 0)
		invite->reason = view_dup(reason);
	invite->is_cancelled = true;
	transaction_feed(invite, CLIENT_INVITE_CANCEL, NULL);
}

/* The CANCEL is a transaction of its own that nobody listens to. */
void transaction_send_cancel(struct transaction *invite)
{
	struct transaction *cancel;
	struct view bytes;

	if (transaction_write_request(invite, SIP_METHOD_CANCEL, NULL, &bytes) == 0 &&
	    send_new(invite->layer, SIP_METHOD_CANCEL, invite->branch, &invite->flow, bytes, &cancel) == 0)
		transaction_feed(cancel, EVENT_BEGIN, NULL);
}

/* ---- responses come ---- */

void transaction_receive_response(struct transaction_layer *layer, const struct sip_message *message,
				  const struct transport_flow *flow)
{
	struct transaction_key key = {message, message->method};
	struct transaction *transaction;
	struct map_node *node =
		map_find(&layer->clients, transaction_client_hash(message->via.branch, key.method), &key);

	if (!node) {
		layer->stats.dropped++;
		return;
	}
	transaction = CONTAINER_OF(node, struct transaction, node);
	if (message->status >= 200 || transaction->method == SIP_METHOD_INVITE)
		transaction_wait_no_more(transaction);
	transaction_forget(layer, &transaction->datagram);
	transaction_feed(transaction, transaction_status_event(message->status),
			 &(struct transaction_input){message, flow});
}
