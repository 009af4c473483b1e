/* Requests that are too large for a datagram: RFC 3261 18.1.1. They go by TCP where that is known to be possible, and by UDP all
 * the same when it turns out that it is not. Who cannot be reached by TCP is remembered for a while, so that only the first such
 * request to him is late. */
#include "controlplane/transaction/transaction_private.h"

static struct transaction_no_tcp *place_of(struct transaction_layer *layer, const struct net_endpoint *remote)
{
	return &layer->no_tcp[net_endpoint_hash(remote) % ARRAY_LEN(layer->no_tcp)];
}

static bool is_known_without(struct transaction_layer *layer, const struct net_endpoint *remote)
{
	const struct transaction_no_tcp *place = place_of(layer, remote);

	return place->until_ms > loop_now_ms(layer->loop) && net_endpoint_is_equal(&place->remote, remote);
}

/* The request in `bytes` with another Via, in layer->buffer. */
static bool rewrite(struct transaction_layer *layer, const struct transport_flow *flow, const char *branch,
		    struct view bytes, struct view *ret_bytes)
{
	size_t line = view_find(bytes, '\n') + 1;
	struct view first = view_sub(bytes, 0, line), rest = view_sub(bytes, line, bytes.size);
	struct sip_writer writer;

	rest = view_sub(rest, view_find(rest, '\n') + 1, rest.size);
	sip_writer_init(&writer, layer->buffer, sizeof(layer->buffer));
	text_add(&writer.text, first);
	transaction_write_via(layer, &writer, flow, branch);
	text_add(&writer.text, rest);
	*ret_bytes = text_view(&writer.text);
	return !writer.text.overflow;
}

bool transaction_take_stream(struct transaction_layer *layer, const char *branch, struct transport_flow *flow,
			     struct view *bytes)
{
	struct transport_flow stream;

	if (flow->kind != TRANSPORT_UDP || !flow->is_free || bytes->size <= layer->options.datagram_max ||
	    is_known_without(layer, &flow->remote) ||
	    transport_flow_to(layer->transport, TRANSPORT_TCP, &flow->remote, &stream) != 0)
		return false;
	stream.is_free = true;
	if (!rewrite(layer, &stream, branch, *bytes, bytes))
		return false;
	*flow = stream;
	return true;
}

bool transaction_fall_back(struct transaction *transaction)
{
	struct transaction_layer *layer = transaction->layer;
	struct transaction_no_tcp *place = place_of(layer, &transaction->flow.remote);

	if (!transaction->datagram.at || !transaction->waiting)
		return false;
	*place = (struct transaction_no_tcp){transaction->flow.remote, loop_now_ms(layer->loop) + NO_TCP_MS};
	transaction_wait_no_more(transaction);
	transaction_stop_timers(transaction, NULL);
	transaction_forget(layer, &transaction->sent);
	transaction->sent = transaction->datagram;
	transaction->datagram = (struct bytes){0};
	transaction->flow = transaction->datagram_flow;
	transaction_begin_anew(transaction);
	return true;
}
