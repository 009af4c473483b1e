/* Dialogs: what is taken out of messages, and the requests that come of it. RFC 3261 12. */
#include "tests/unit/unit.h"

#include "controlplane/dialog/dialog.h"
#include "controlplane/loop/loop.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/transport/sim.h"

/* A network whose observer keeps the last packet that was sent. */
struct fixture {
	struct loop *loop;
	struct sim_network *network;
	struct transaction_layer *layer;
	struct transport *transport;
	struct dialog_table table;
	char last[8192];
	struct transport_flow last_flow;
};

static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
	struct fixture *f = arg;

	assert_int_equal(view_copy(bytes, f->last, sizeof(f->last)), 0);
	f->last_flow = *flow;
}

static void ignore_request(void *arg, struct transaction *transaction)
{
	transaction_respond_status(transaction, 481);
}

static void ignore_ack(void *arg, const struct sip_message *ack, const struct transport_flow *flow)
{
}

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e;

	assert_int_equal(net_endpoint_parse(view_of(text), 5060, &e), 0);
	return e;
}

static struct transport_flow flow(const char *remote)
{
	return (struct transport_flow){
		.kind = TRANSPORT_UDP, .local = endpoint("192.0.2.1:5060"), .remote = endpoint(remote)};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct transport_options options = {
		.listens = {{.kind = TRANSPORT_UDP, .endpoint = endpoint("192.0.2.1:5060")}}, .listen_count = 1};
	struct transaction_options layer_options = {0};
	struct transaction_user user = {.on_request = ignore_request, .on_ack = ignore_ack};
	struct transport_receiver receiver;

	assert_int_equal(loop_new_sim(1, 0, &f->loop), 0);
	assert_int_equal(sim_network_new(f->loop, on_packet, f, &f->network), 0);
	assert_int_equal(transaction_layer_new(f->loop, &layer_options, &user, &f->layer), 0);
	receiver = transaction_receiver(f->layer);
	assert_int_equal(transport_new_sim(f->network, &options, &receiver, &f->transport), 0);
	transaction_layer_set_transport(f->layer, f->transport);
	assert_int_equal(dialog_table_init(&f->table), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dialog_table_fini(&f->table);
	transaction_layer_free(f->layer);
	transport_free(f->transport);
	sim_network_free(f->network);
	loop_free(f->loop);
	free(f);
	return 0;
}

static struct sip_message *parse(const char *text, char *buffer, size_t size)
{
	static struct sip_message message;
	struct sip_refusal refusal;

	assert_int_equal(view_copy(view_of(text), buffer, size), 0);
	assert_int_equal(sip_parse(&message, buffer, strlen(text), SIP_DATAGRAM, &refusal), 0);
	return &message;
}

#define INVITE(contact, routes)                                                                                        \
	"INVITE sip:2000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa\r\n" routes                   \
	"From: \"Al\" <sip:1000@example.org>;tag=far\r\nTo: <sip:2000@192.0.2.1>\r\nCall-ID: c1\r\n"                   \
	"CSeq: 7 INVITE\r\nContact: " contact "\r\nContent-Length: 0\r\n\r\n"

#define OK(routes)                                                                                                     \
	"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n" routes                                      \
	"From: <sip:1000@us>;tag=near\r\nTo: <sip:2000@us>;tag=far\r\nCall-ID: c2\r\nCSeq: 1 INVITE\r\n"               \
	"Contact: <sip:2000@10.0.0.7:5062;ob>\r\nContent-Length: 0\r\n\r\n"

static void send_bye(struct fixture *f, struct dialog *dialog)
{
	struct transaction *transaction;

	dialog_begin(dialog, f->layer, SIP_METHOD_BYE);
	assert_int_equal(transaction_send(f->layer, VIEW_EMPTY, VIEW_EMPTY, NULL, NULL, &transaction), 0);
	loop_turn(f->loop, 0);
}

static void test_dialog_of_a_caller_answers_to_its_contact_on_its_flow(void **state)
{
	struct fixture *f = *state;
	struct transport_flow from = flow("203.0.113.5:40000");
	char buffer[4096];
	struct dialog *dialog;

	assert_int_equal(dialog_new_server(&f->table,
					   parse(INVITE("<sip:1000@10.0.0.5:5070>", ""), buffer, sizeof(buffer)), &from,
					   "near", f, &dialog),
			 0);
	send_bye(f, dialog);
	assert_true(view_has_prefix(view_of(f->last), "BYE sip:1000@10.0.0.5:5070 SIP/2.0\r\n"));
	assert_non_null(strstr(f->last, "From: <sip:2000@192.0.2.1>;tag=near\r\n"));
	assert_non_null(strstr(f->last, "To: \"Al\" <sip:1000@example.org>;tag=far\r\n"));
	assert_non_null(strstr(f->last, "Call-ID: c1\r\n"));
	assert_non_null(strstr(f->last, "CSeq: 1 BYE\r\n"));
	/* the private Contact is not where the packet goes */
	assert_true(net_endpoint_is_equal(&f->last_flow.local, &from.remote));
	dialog_free(dialog);
}

static void test_dialog_route_sets(void **state)
{
	static const struct {
		const char *name, *routes;
		bool is_server;
		const char *line, *route;
	} rows[] = {
		{"callee keeps the order", "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\n", true,
		 "BYE sip:1000@10.0.0.5 SIP/2.0", "Route: <sip:p1;lr>, <sip:p2;lr>\r\n"},
		{"caller reverses it", "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n", false,
		 "BYE sip:2000@10.0.0.7:5062;ob SIP/2.0", "Route: <sip:p2;lr>, <sip:p1;lr>\r\n"},
		{"strict router", "Record-Route: <sip:p1>, <sip:p2;lr>\r\n", true, "BYE sip:p1 SIP/2.0",
		 "Route: <sip:p2;lr>, <sip:1000@10.0.0.5>\r\n"},
		{"strict router alone", "Record-Route: <sip:p1>\r\n", true, "BYE sip:p1 SIP/2.0",
		 "Route: <sip:1000@10.0.0.5>\r\n"},
	};
	struct fixture *f = *state;
	struct transport_flow from = flow("203.0.113.5:40000");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[4096], buffer[4096];
		struct dialog_plan plan = {.call_id = "c2",
					   .local_tag = "near",
					   .local_party = "<sip:1000@us>",
					   .remote_party = "<sip:2000@us>",
					   .target = VIEW("sip:2000@10.0.0.7"),
					   .flow = from};
		struct dialog *dialog;

		if (rows[i].is_server) {
			snprintf(text, sizeof(text), INVITE("<sip:1000@10.0.0.5>", "%s"), rows[i].routes);
			assert_int_equal(dialog_new_server(&f->table, parse(text, buffer, sizeof(buffer)), &from,
							   "near", f, &dialog),
					 0);
		} else {
			snprintf(text, sizeof(text), OK("%s"), rows[i].routes);
			assert_int_equal(dialog_new_client(&f->table, &plan, f, &dialog), 0);
			assert_int_equal(dialog_adopt(dialog, parse(text, buffer, sizeof(buffer)), &from), 0);
		}
		send_bye(f, dialog);
		if (!view_has_prefix(view_of(f->last), rows[i].line) || !strstr(f->last, rows[i].route))
			fail_msg("%s: %s", rows[i].name, f->last);
		dialog_free(dialog);
	}
}

static void test_dialog_refuses_what_it_cannot_use(void **state)
{
	static const struct {
		const char *contact;
		int error;
	} rows[] = {{"<tel:+491>", ERR_SYNTAX}, {"*", ERR_SYNTAX}, {"<sip:a@b>", 0}};
	struct fixture *f = *state;
	struct transport_flow from = flow("203.0.113.5:40000");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[4096], buffer[4096];
		struct dialog *dialog = NULL;

		snprintf(text, sizeof(text), INVITE("%s", ""), rows[i].contact);
		assert_int_equal(
			dialog_new_server(&f->table, parse(text, buffer, sizeof(buffer)), &from, "near", f, &dialog),
			rows[i].error);
		dialog_free(dialog);
	}
}

static void test_dialog_sequence_and_flow_follow_the_peer(void **state)
{
	struct fixture *f = *state;
	struct transport_flow from = flow("203.0.113.5:40000"), moved = flow("203.0.113.5:50000");
	char buffer[4096];
	struct dialog *dialog;
	struct sip_message *message;

	assert_int_equal(dialog_new_server(&f->table, parse(INVITE("<sip:1000@10.0.0.5>", ""), buffer, sizeof(buffer)),
					   &from, "near", f, &dialog),
			 0);
	message = parse(INVITE("<sip:1000@10.0.0.6>", ""), buffer, sizeof(buffer));
	message->cseq.number = 6;
	assert_int_equal(dialog_receive(dialog, message, &moved), ERR_RANGE);
	message->cseq.number = 8;
	assert_int_equal(dialog_receive(dialog, message, &moved), 0);
	assert_string_equal(dialog->remote_target, "sip:1000@10.0.0.6");
	send_bye(f, dialog);
	assert_int_equal(f->last_flow.local.port, 50000);

	/* found by Call-ID and both tags, and by nothing less */
	assert_ptr_equal(dialog_find_named(&f->table, VIEW("c1"), VIEW("near"), VIEW("far")), dialog);
	assert_null(dialog_find_named(&f->table, VIEW("c1"), VIEW("near"), VIEW("other")));
	assert_null(dialog_find_named(&f->table, VIEW("c2"), VIEW("near"), VIEW("far")));
	dialog_free(dialog);
	assert_null(dialog_find_named(&f->table, VIEW("c1"), VIEW("near"), VIEW("far")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialog_of_a_caller_answers_to_its_contact_on_its_flow),
		cmocka_unit_test(test_dialog_route_sets),
		cmocka_unit_test(test_dialog_refuses_what_it_cannot_use),
		cmocka_unit_test(test_dialog_sequence_and_flow_follow_the_peer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
