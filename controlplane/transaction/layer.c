/* The layer as a whole: made and ended, and what comes from the transport: parsed, refused, or given to server or client
 * side. */
#include "controlplane/transaction/transaction_private.h"

#include <stdlib.h>

static void on_message(void *arg, const struct transport_flow *flow, char *bytes, size_t size)
{
	struct transaction_layer *layer = arg;
	enum sip_framing framing = transport_kind_is_reliable(flow->kind) ? SIP_STREAM : SIP_DATAGRAM;
	struct sip_message message;
	struct sip_refusal refusal;

	if (layer->user.on_source && !layer->user.on_source(layer->user.arg, flow)) {
		layer->stats.ignored++;
		transport_close(layer->transport, flow);
		return;
	}
	if (sip_parse(&message, bytes, size, framing, &refusal) < 0) {
		/* In a stream nobody knows where the next message begins behind a broken one. */
		if (refusal.status == 0) {
			transport_close(layer->transport, flow);
			layer->stats.dropped++;
			return;
		}
		layer->stats.refused_broken++;
		message.via.has_rport = true;
		if (layer->user.on_refused)
			layer->user.on_refused(layer->user.arg, &message, flow, refusal.status, refusal.sentence);
		transaction_respond_stateless(layer, &message, flow, refusal.status, NULL, refusal.sentence);
		transport_close(layer->transport, flow);
	} else if (message.is_request) {
		layer->stats.requests++;
		transaction_receive_request(layer, &message, flow);
	} else {
		layer->stats.responses++;
		transaction_receive_response(layer, &message, flow);
	}
}

static void on_closed(void *arg, const struct transport_flow *flow, int error)
{
	struct transaction_layer *layer = arg;

	transaction_waiting_closed(layer, flow, error);
	if (layer->user.on_closed)
		layer->user.on_closed(layer->user.arg, flow);
}

int transaction_layer_new(struct loop *loop, const struct transaction_options *options,
			  const struct transaction_user *user, struct transaction_layer **ret_layer)
{
	struct transaction_layer *layer = calloc(1, sizeof(*layer));
	struct transaction_options *o;

	if (!layer)
		return ERR_NOMEM;
	layer->loop = loop;
	layer->user = *user;
	layer->options = *options;
	list_init(&layer->all);
	list_init(&layer->resting);
	o = &layer->options;
	o->t1_ms = o->t1_ms ? o->t1_ms : 500;
	o->t2_ms = o->t2_ms ? o->t2_ms : 4000;
	o->t4_ms = o->t4_ms ? o->t4_ms : 5000;
	o->transactions_max = o->transactions_max ? o->transactions_max : 200000;
	o->memory_max = o->memory_max ? o->memory_max : (size_t)512 << 20;
	o->datagram_max = o->datagram_max ? o->datagram_max : 1300;
	o->retry_after_s = o->retry_after_s ? o->retry_after_s : 5;
	if (map_init(&layer->servers, transaction_server_match) < 0 ||
	    map_init(&layer->clients, transaction_client_match) < 0 ||
	    map_init(&layer->merged, transaction_merged_match) < 0 ||
	    map_init(&layer->waiting, transaction_waiting_match) < 0) {
		transaction_layer_free(layer);
		return ERR_NOMEM;
	}
	*ret_layer = layer;
	return 0;
}

void transaction_layer_free(struct transaction_layer *layer)
{
	struct list *link;

	if (!layer)
		return;
	while ((link = list_first(&layer->all)) || (link = list_first(&layer->resting)))
		transaction_free(LIST_ENTRY(link, struct transaction, link));
	map_fini(&layer->servers);
	map_fini(&layer->clients);
	map_fini(&layer->waiting);
	map_fini(&layer->merged);
	free(layer);
}

struct transport_receiver transaction_receiver(struct transaction_layer *layer)
{
	return (struct transport_receiver){.on_message = on_message, .on_closed = on_closed, .arg = layer};
}

void transaction_layer_set_transport(struct transaction_layer *layer, struct transport *transport)
{
	layer->transport = transport;
}

struct transport *transaction_transport(const struct transaction_layer *layer)
{
	return layer->transport;
}

void transaction_token(struct transaction_layer *layer, char *buffer, size_t buffer_size)
{
	loop_random_token(layer->loop, buffer, buffer_size);
	if (layer->options.mark && buffer_size > 1)
		buffer[0] = layer->options.mark;
}

const struct transaction_stats *transaction_stats(const struct transaction_layer *layer)
{
	return &layer->stats;
}
