/* Phones: who they are, what they heard, the calls they know. */
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

struct phone *phone_find(struct view name)
{
	LIST_FOREACH (link, &host.phones) {
		struct phone *phone = LIST_ENTRY(link, struct phone, link);

		if (view_is(name, phone->name))
			return phone;
	}
	return NULL;
}

struct phone *phone_new(struct view name, const struct net_endpoint *endpoint, enum transport_kind kind)
{
	struct phone *phone = calloc(1, sizeof(*phone));
	char text[NET_ENDPOINT_TEXT], variable[64];

	if (!phone || phone_find(name) || view_copy(name, phone->name, sizeof(phone->name)) < 0)
		scenario_fail("no phone can be called %.*s", VIEW_ARG(name));
	list_init(&phone->calls);
	list_init(&phone->inbox);
	list_add(&host.phones, &phone->link);
	phone->flow = (struct transport_flow){.kind = kind, .local = *endpoint, .remote = host.server};
	if (kind == TRANSPORT_TLS)
		phone->flow.remote.port = transport_kind_port(kind);
	snprintf(phone->user, sizeof(phone->user), "%s", phone->name);
	net_address_print(&host.server.address, phone->domain);
	snprintf(variable, sizeof(variable), "%s.host", phone->name);
	variable_set(view_of(variable), view_of(net_endpoint_print(endpoint, text)));
	return phone;
}

static void call_free(struct call *call)
{
	list_del(&call->link);
	sip_message_free(call->invite_received);
	sip_message_free(call->other_received);
	sip_message_free(call->response);
	sip_message_free(call->challenge);
	free(call);
}

void phone_free(struct phone *phone)
{
	struct list *link;

	while ((link = list_first(&phone->calls)))
		call_free(LIST_ENTRY(link, struct call, link));
	while ((link = list_first(&phone->inbox))) {
		struct received *received = LIST_ENTRY(link, struct received, link);

		list_del(link);
		sip_message_free(received->message);
		free(received);
	}
	list_del(&phone->link);
	free(phone->sent.at);
	free(phone);
}

static struct call *call_new(struct phone *phone, struct view name)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call || view_copy(name, call->name, sizeof(call->name)) < 0)
		scenario_fail("no call can be called %.*s", VIEW_ARG(name));
	list_add(&phone->calls, &call->link);
	phone->sequence++;
	snprintf(call->call_id, sizeof(call->call_id), "%s-%u-%s@scenario", phone->name, phone->sequence, call->name);
	snprintf(call->local_tag, sizeof(call->local_tag), "%s-tag-%u", phone->name, phone->sequence);
	snprintf(call->local_uri, sizeof(call->local_uri), "<sip:%s@%s>", phone->user, phone->domain);
	return call;
}

struct call *phone_call(struct phone *phone, struct view name)
{
	LIST_FOREACH (link, &phone->calls) {
		struct call *call = LIST_ENTRY(link, struct call, link);

		if (view_is(name, call->name))
			return call;
	}
	return call_new(phone, name);
}

static struct call *call_of(struct phone *phone, const struct sip_message *message)
{
	char name[32];
	struct call *call;

	LIST_FOREACH (link, &phone->calls) {
		call = LIST_ENTRY(link, struct call, link);
		if (view_is(message->call_id, call->call_id))
			return call;
	}
	snprintf(name, sizeof(name), "%u", phone->sequence + 1);
	call = call_new(phone, view_of(name));
	if (view_copy(message->call_id, call->call_id, sizeof(call->call_id)) < 0)
		scenario_fail("the Call-ID is too long");
	return call;
}

static bool is_ignored(const struct phone *phone, const struct sip_message *message)
{
	char what[32];

	if (message->is_request)
		snprintf(what, sizeof(what), "%.*s", VIEW_ARG(message->method_text));
	else
		snprintf(what, sizeof(what), "%u", message->status);
	for (unsigned i = 0; i < phone->ignored_count; i++)
		if (strcmp(what, phone->ignored[i]) == 0)
			return true;
	return false;
}

void phone_receive(struct phone *phone, struct view bytes)
{
	struct received *received = calloc(1, sizeof(*received));
	char *copy = malloc(bytes.size + 1);
	struct sip_message message;
	struct sip_refusal refusal;
	struct view rest = bytes, line = view_cut(&rest, '\r');

	if (!received || !copy)
		scenario_fail("out of memory");
	memcpy(copy, bytes.at, bytes.size);
	scenario_trace("%s <- %.*s", phone->name, VIEW_ARG(line));
	if (sip_parse(&message, copy, bytes.size, SIP_DATAGRAM, &refusal) < 0)
		scenario_fail("%s got what cannot be parsed: %s\n%.*s", phone->name, refusal.sentence, VIEW_ARG(bytes));
	if (sip_message_new(&message, &received->message) < 0)
		scenario_fail("out of memory");
	free(copy);
	call_receive(phone, call_of(phone, received->message), received->message);
	received->at_ms = loop_now_ms(host.loop);
	list_init(&received->link);
	if (is_ignored(phone, received->message)) {
		sip_message_free(received->message);
		free(received);
	} else {
		list_add(&phone->inbox, &received->link);
	}
}

void phone_send_bytes(struct phone *phone, struct view bytes)
{
	struct view rest = bytes, line = view_cut(&rest, '\r');
	char *kept = malloc(bytes.size + 1);

	if (!kept)
		scenario_fail("out of memory");
	memcpy(kept, bytes.at, bytes.size);
	free(phone->sent.at);
	phone->sent = (struct bytes_kept){kept, bytes.size};
	scenario_trace("%s -> %.*s", phone->name, VIEW_ARG(line));
	if (sim_network_send(host.network, &phone->flow, (struct view){kept, bytes.size}) < 0)
		scenario_trace("(could not be sent)");
}
