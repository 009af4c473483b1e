/* A system under test: the transaction layer with a user who does what the scenario says.
 *
 * do answer STATUS [Reason]   answers the newest request that has no final answer
 * do auto STATUS              every further request is answered at once; 0: no more
 * do acked                    every further ACK to a 2xx is taken (transaction_acked)
 * do send METHOD PHONE        sends a request to that phone's address; do cancel gives its INVITE up
 * do ack                      acknowledges the 2xx of that INVITE
 * Options: transactions_max, t1.
 * Events: "request METHOD", "no answer", "ack", "response STATUS", "cancelled", "timeout", "transport_error".
 */
#include "controlplane/transaction/transaction.h"
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

struct system {
	struct transaction_layer *layer;
	struct transport *transport;
	struct transaction *server, *client;
	struct transport_flow client_flow;
	unsigned automatic;
	uint32_t cseq;
	bool takes_ack;
};

static void on_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	static const char *const names[] = {
#define X(name, text) text,
		TRANSACTION_EVENT_LIST(X)
#undef X
	};
	struct system *system = arg;

	if (event->type == TRANSACTION_TERMINATED) {
		if (system->server == transaction)
			system->server = NULL;
		if (system->client == transaction)
			system->client = NULL;
	} else if (event->type == TRANSACTION_RESPONSE) {
		scenario_event("response %u", event->status);
	} else {
		scenario_event("%s", names[event->type]);
	}
}

static void on_request(void *arg, struct transaction *transaction)
{
	struct system *system = arg;

	system->server = transaction;
	transaction_set_handler(transaction, on_event, system);
	scenario_event("request %.*s", VIEW_ARG(transaction_request(transaction)->method_text));
	if (system->automatic && transaction_respond_status(transaction, system->automatic) < 0)
		scenario_event("no answer");
}

static void on_ack(void *arg, const struct sip_message *ack, const struct transport_flow *flow)
{
	struct system *system = arg;

	scenario_event("ack");
	if (system->takes_ack && system->server)
		transaction_acked(system->server);
}

static void *create(void)
{
	struct system *system = calloc(1, sizeof(*system));
	struct transport_options listens = {.listens = {{TRANSPORT_UDP, host.server}, {TRANSPORT_TCP, host.server}},
					    .listen_count = 2};
	struct transaction_options options = {.transactions_max = scenario_option_u32("transactions_max", 0),
					      .t1_ms = scenario_option_u32("t1", 0)};
	struct transaction_user user = {on_request, on_ack, system};
	struct transport_receiver receiver;

	if (!system || transaction_layer_new(host.loop, &options, &user, &system->layer) < 0)
		return NULL;
	receiver = transaction_receiver(system->layer);
	if (transport_new_sim(host.network, &listens, &receiver, &system->transport) < 0)
		return NULL;
	transaction_layer_set_transport(system->layer, system->transport);
	return system;
}

static void destroy(void *arg)
{
	struct system *system = arg;

	transaction_layer_free(system->layer);
	transport_free(system->transport);
	free(system);
}

static void answer(struct system *system, struct view rest)
{
	struct transaction_reply reply = {0};
	uint32_t status;
	char reason[128];

	if (!system->server || view_to_u32(next_word(&rest), 699, &status) < 0 ||
	    view_copy(rest, reason, sizeof(reason)) < 0)
		scenario_fail("there is no request, or no status");
	reply.status = status;
	reply.reason = rest.size > 0 ? reason : NULL;
	if (transaction_respond(system->server, &reply) < 0)
		scenario_fail("the answer was refused");
}

static void begin(struct system *system, enum sip_method method)
{
	char host_text[NET_ENDPOINT_TEXT], uri[80];
	struct sip_writer *writer;

	net_endpoint_print(&system->client_flow.remote, host_text);
	snprintf(uri, sizeof(uri), "sip:peer@%s", host_text);
	writer = transaction_begin(system->layer, &system->client_flow, method, view_of(uri));
	sip_write_header(writer, SIP_HEADER_FROM, "<sip:system@192.0.2.1>;tag=system");
	sip_write_header(writer, SIP_HEADER_TO, "<%s>", uri);
	sip_write_header(writer, SIP_HEADER_CALL_ID, "of-the-system");
	sip_write_header(writer, SIP_HEADER_CSEQ, "%u %s", system->cseq, sip_method_name(method));
	sip_write_header(writer, SIP_HEADER_MAX_FORWARDS, "70");
	sip_write_header(writer, SIP_HEADER_CONTACT, "<sip:system@192.0.2.1>");
}

static void send_request(struct system *system, struct view rest)
{
	enum sip_method method = sip_method_parse(next_word(&rest));
	struct phone *phone = phone_find(rest);

	if (!phone ||
	    transport_flow_to(system->transport, phone->flow.kind, &phone->flow.local, &system->client_flow) < 0)
		scenario_fail("no such phone, or no way to it");
	system->cseq++;
	begin(system, method);
	if (transaction_send(system->layer, VIEW_EMPTY, VIEW_EMPTY, on_event, system, &system->client) < 0)
		scenario_fail("the request was refused");
}

static bool command(void *arg, struct view line)
{
	struct system *system = arg;
	uint32_t status;

	if (take_word(&line, "answer")) {
		answer(system, line);
	} else if (take_word(&line, "auto") && view_to_u32(line, 699, &status) == 0) {
		system->automatic = status;
	} else if (take_word(&line, "acked")) {
		system->takes_ack = true;
	} else if (take_word(&line, "send")) {
		send_request(system, line);
	} else if (take_word(&line, "cancel") && system->client) {
		transaction_cancel(system->client, VIEW_EMPTY);
	} else if (take_word(&line, "ack") && system->client) {
		begin(system, SIP_METHOD_ACK);
		if (transaction_ack(system->client, VIEW_EMPTY, VIEW_EMPTY) < 0)
			scenario_fail("the ACK was refused");
	} else {
		return false;
	}
	return true;
}

static bool is_idle(void *arg, struct text *why)
{
	const struct transaction_stats *stats = transaction_stats(((struct system *)arg)->layer);

	text_printf(why, "%u transactions, %zu bytes of messages", stats->transactions, stats->memory);
	return stats->transactions == 0 && stats->memory == 0;
}

const struct scenario_system system_transaction = {"transaction", create, destroy, command, is_idle};
