/* The transaction layer against strangers: datagrams, time, and a user who answers, in any order. The input is pieces
 * divided by a line "%"; the first letter of a piece says what it is: m a datagram, t milliseconds to go by, r a status to
 * answer the newest request with, s to send an INVITE, o OPTIONS, c to cancel, a to acknowledge. A cell of a table that can
 * never be reached, and is, aborts.
 */
#include "controlplane/loop/loop.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/transport/sim.h"
#include "lib/sip/sip.h"

#include <stdlib.h>

struct fixture {
	struct loop *loop;
	struct sim_network *network;
	struct transport *transport;
	struct transaction_layer *layer;
	struct transaction *server, *client; /* the newest of each */
	bool client_is_invite;
	struct transport_flow flow;
};

static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
}

static void on_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct fixture *f = arg;

	if (event->type == TRANSACTION_TERMINATED && transaction == f->server)
		f->server = NULL;
	if (event->type == TRANSACTION_TERMINATED && transaction == f->client)
		f->client = NULL;
}

static void on_request(void *arg, struct transaction *transaction)
{
	struct fixture *f = arg;

	f->server = transaction;
	transaction_set_handler(transaction, on_event, f);
}

static void on_ack(void *arg, const struct sip_message *ack, const struct transport_flow *flow)
{
	struct fixture *f = arg;

	if (f->server && transaction_request(f->server)->method == SIP_METHOD_INVITE)
		transaction_acked(f->server);
}

static void fixture_init(struct fixture *f)
{
	struct net_endpoint server = {.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 1}}, .port = 5060};
	struct net_endpoint peer = {.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 9}}, .port = 5060};
	struct transport_options listens = {.listens = {{TRANSPORT_UDP, server}}, .listen_count = 1};
	struct transaction_options options = {.transactions_max = 64};
	struct transaction_user user = {on_request, on_ack, f};
	struct transport_receiver receiver;

	*f = (struct fixture){.flow = {.kind = TRANSPORT_UDP, .local = server, .remote = peer}};
	if (loop_new_sim(1, 0, &f->loop) < 0 || sim_network_new(f->loop, on_packet, f, &f->network) < 0 ||
	    transaction_layer_new(f->loop, &options, &user, &f->layer) < 0)
		abort();
	receiver = transaction_receiver(f->layer);
	if (transport_new_sim(f->network, &listens, &receiver, &f->transport) < 0)
		abort();
	transaction_layer_set_transport(f->layer, f->transport);
}

static void begin(struct fixture *f, enum sip_method method)
{
	struct sip_writer *writer = transaction_begin(f->layer, &f->flow, method, VIEW("sip:a@192.0.2.9"));

	sip_write_header(writer, SIP_HEADER_FROM, "<sip:b@x>;tag=b1");
	sip_write_header(writer, SIP_HEADER_TO, "<sip:a@x>");
	sip_write_header(writer, SIP_HEADER_CALL_ID, "ours");
	sip_write_header(writer, SIP_HEADER_CSEQ, "3 %s", sip_method_name(method));
}

static void send_request(struct fixture *f, enum sip_method method)
{
	begin(f, method);
	if (transaction_send(f->layer, VIEW_EMPTY, VIEW_EMPTY, on_event, f, &f->client) == 0)
		f->client_is_invite = method == SIP_METHOD_INVITE;
}

static void answer(struct fixture *f, struct view text)
{
	uint32_t status;

	if (!f->server || view_to_u32(text, 699, &status) < 0 || status < 100)
		return;
	if (transaction_respond_status(f->server, status) < 0)
		return; /* it has its answer */
}

static void datagram(struct fixture *f, struct view bytes)
{
	struct transport_flow back = {TRANSPORT_UDP, f->flow.remote, f->flow.local, 0};

	if (sim_network_send(f->network, &back, bytes) < 0)
		abort();
}

static bool is_invite(const struct fixture *f)
{
	return f->client && f->client_is_invite;
}

static void run_piece(struct fixture *f, struct view piece)
{
	struct view rest = view_trim(view_sub(piece, 1, piece.size));
	uint32_t ms;

	if (piece.size == 0)
		return;
	switch (piece.at[0]) {
	case 'm':
		datagram(f, view_sub(piece, 1, piece.size));
		break;
	case 't':
		if (view_to_u32(rest, 100000, &ms) == 0)
			loop_sim_advance(f->loop, ms);
		break;
	case 'r':
		answer(f, rest);
		break;
	case 's':
		send_request(f, SIP_METHOD_INVITE);
		break;
	case 'o':
		send_request(f, SIP_METHOD_OPTIONS);
		break;
	case 'c':
		if (is_invite(f))
			transaction_cancel(f->client, VIEW_EMPTY);
		break;
	case 'a':
		begin(f, SIP_METHOD_ACK);
		if (!is_invite(f) || transaction_ack(f->client, VIEW_EMPTY, VIEW_EMPTY) < 0)
			break;
	}
	loop_turn(f->loop, 0);
	loop_turn(f->loop, 0);
}

static struct view next_piece(struct view *rest)
{
	struct view piece = *rest;

	for (size_t i = 0; i + 3 <= rest->size; i++)
		if (memcmp(rest->at + i, "\n%\n", 3) == 0) {
			piece.size = i;
			*rest = view_sub(*rest, i + 3, rest->size);
			return piece;
		}
	*rest = VIEW_EMPTY;
	return piece;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = {(const char *)data, size};
	struct fixture f;

	fixture_init(&f);
	for (int pieces = 0; rest.size > 0 && pieces < 100; pieces++)
		run_piece(&f, next_piece(&rest));
	loop_sim_advance(f.loop, 40000);
	transaction_layer_free(f.layer);
	transport_free(f.transport);
	sim_network_free(f.network);
	loop_free(f.loop);
	return 0;
}
