/* Requests inside a dialog: everything up to the headers that only the user knows. RFC 3261 12.2.1.1. */
#include "controlplane/dialog/dialog.h"

#include <stdio.h>

#include "controlplane/transaction/transaction.h"

static void write_party(struct sip_writer *out, enum sip_header_id id, const char *party, const char *tag)
{
	if (tag[0])
		sip_write_header(out, id, "%s;tag=%s", party, tag);
	else
		sip_write_header(out, id, "%s", party);
}

static struct sip_writer *begin(struct dialog *dialog, struct transaction_layer *layer, enum sip_method method,
				uint32_t cseq)
{
	struct view rest = view_of(dialog->routes), target = view_of(dialog->remote_target), first;
	const char *name = sip_method_name(method);
	struct sip_name_address route;
	bool is_strict = false;
	struct sip_writer *out;

	/* A first route without lr is a strict router of RFC 2543: it is the Request-URI, and the target comes last. */
	if (sip_list_next(&rest, &first) && sip_name_address_parse(first, &route) == 0) {
		struct view lr;

		is_strict = !sip_uri_param(&route.uri, "lr", &lr);
	}
	if (dialog->flow.connection & 1 && dialog->table->follow)
		dialog->table->follow(dialog->table->follow_arg, &dialog->flow);
	out = transaction_begin(layer, &dialog->flow, method, is_strict ? route.uri.text : target);
	sip_write_header_u32(out, SIP_HEADER_MAX_FORWARDS, dialog->max_forwards);
	if (!is_strict && dialog->routes[0])
		sip_write_header(out, SIP_HEADER_ROUTE, "%s", dialog->routes);
	else if (is_strict && view_trim(rest).size > 0)
		sip_write_header(out, SIP_HEADER_ROUTE, "%.*s, <%s>", VIEW_ARG(view_trim(rest)), dialog->remote_target);
	else if (is_strict)
		sip_write_header(out, SIP_HEADER_ROUTE, "<%s>", dialog->remote_target);
	write_party(out, SIP_HEADER_FROM, dialog->local_party, dialog->local_tag);
	write_party(out, SIP_HEADER_TO, dialog->remote_party, dialog->remote_tag);
	sip_write_header(out, SIP_HEADER_CALL_ID, "%s", dialog->call_id);
	sip_write_header(out, SIP_HEADER_CSEQ, "%u %s", cseq, name);
	return out;
}

struct sip_writer *dialog_begin(struct dialog *dialog, struct transaction_layer *layer, enum sip_method method)
{
	return begin(dialog, layer, method, ++dialog->local_cseq);
}

struct sip_writer *dialog_begin_ack(struct dialog *dialog, struct transaction_layer *layer, uint32_t invite_cseq)
{
	return begin(dialog, layer, SIP_METHOD_ACK, invite_cseq);
}

const char *dialog_print_host(struct transaction_layer *layer, const struct transport_flow *flow,
			      char host[NET_ENDPOINT_TEXT])
{
	struct net_endpoint us;
	char address[NET_ADDRESS_TEXT];

	transport_advertised(transaction_transport(layer), flow, &us);
	if (us.port != transport_kind_port(flow->kind))
		return net_endpoint_print(&us, host);
	net_address_print(&us.address, address);
	snprintf(host, NET_ENDPOINT_TEXT, us.address.family == NET_IPV6 ? "[%s]" : "%s", address);
	return host;
}

void dialog_write_contact(struct transaction_layer *layer, const struct transport_flow *flow, struct sip_writer *out)
{
	char host[NET_ENDPOINT_TEXT];

	dialog_print_host(layer, flow, host);
	if (flow->kind == TRANSPORT_UDP)
		sip_write_header(out, SIP_HEADER_CONTACT, "<sip:%s>", host);
	else
		sip_write_header(out, SIP_HEADER_CONTACT, "<sip:%s;transport=%s>", host,
				 transport_kind_parameter(flow->kind));
}
