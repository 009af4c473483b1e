/* The bench of the transaction tests. */
#include "tests/unit/controlplane/transaction/bench.h"

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e = {0};

	assert_int_equal(net_endpoint_parse(view_of(text), 5060, &e), 0);
	return e;
}

static void note(struct bench *bench, const char *format, ...) PRINTF(2, 3);

static void note(struct bench *bench, const char *format, ...)
{
	va_list args;

	if (bench->log.size > 0)
		text_add_char(&bench->log, ' ');
	text_add_u64(&bench->log, loop_now_ms(bench->loop));
	text_add_char(&bench->log, ':');
	va_start(args, format);
	text_vprintf(&bench->log, format, args);
	va_end(args);
}

static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
	struct bench *bench = arg;
	struct view rest = bytes, word = view_cut(&rest, ' ');

	memcpy(bench->packet, bytes.at, bytes.size);
	bench->packet[bytes.size] = '\0';
	bench->packet_size = bytes.size;
	if (view_is(word, "SIP/2.0"))
		word = view_cut(&rest, ' ');
	note(bench, "%.*s", VIEW_ARG(word));
}

static void on_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	static const char *const names[] = {
#define X(name, text) text,
		TRANSACTION_EVENT_LIST(X)
#undef X
	};
	struct bench *bench = arg;

	if (event->type == TRANSACTION_RESPONSE)
		note(bench, "(response %u)", event->status);
	else
		note(bench, "(%s)", names[event->type]);
	if (event->type == TRANSACTION_RESPONSE && event->status / 100 == 2 && bench->ack_at_once &&
	    bench_ack(bench) < 0)
		note(bench, "(no ack)");
	if (event->type == TRANSACTION_TERMINATED && transaction == bench->server)
		bench->server = NULL;
	if (event->type == TRANSACTION_TERMINATED && transaction == bench->client)
		bench->client = NULL;
}

static void on_request(void *arg, struct transaction *transaction)
{
	struct bench *bench = arg;

	bench->requests++;
	bench->server = transaction;
	if (!bench->without_handler)
		transaction_set_handler(transaction, on_event, bench);
	if (bench->answer && transaction_respond_status(transaction, bench->answer) < 0)
		note(bench, "(no answer)");
}

static void on_ack(void *arg, const struct sip_message *ack, const struct transport_flow *flow)
{
	struct bench *bench = arg;

	note(bench, "(ack)");
	if (bench->acked_at_once && bench->server)
		transaction_acked(bench->server);
}

bool bench_try_init(struct bench *bench, enum transport_kind kind, const struct transaction_options *options)
{
	static const struct transaction_options defaults;
	struct transport_options listens = {.listens = {{kind, endpoint("192.0.2.1")}}, .listen_count = 1};
	struct transaction_user user = {on_request, on_ack, bench};
	struct transport_receiver receiver;

	*bench =
		(struct bench){.flow = {.kind = kind, .local = endpoint("192.0.2.1"), .remote = endpoint("192.0.2.9")}};
	text_init(&bench->log, bench->log_buffer, sizeof(bench->log_buffer));
	if (loop_new_sim(1, 0, &bench->loop) < 0 ||
	    sim_network_new(bench->loop, on_packet, bench, &bench->network) < 0 ||
	    transaction_layer_new(bench->loop, options ? options : &defaults, &user, &bench->layer) < 0)
		return false;
	receiver = transaction_receiver(bench->layer);
	if (transport_new_sim(bench->network, &listens, &receiver, &bench->transport) < 0)
		return false;
	transaction_layer_set_transport(bench->layer, bench->transport);
	return true;
}

void bench_init(struct bench *bench, enum transport_kind kind, const struct transaction_options *options)
{
	assert_true(bench_try_init(bench, kind, options));
}

void bench_fini(struct bench *bench)
{
	transaction_layer_free(bench->layer);
	transport_free(bench->transport);
	if (bench->network)
		sim_network_free(bench->network);
	loop_free(bench->loop);
}

void bench_receive(struct bench *bench, const char *format, ...)
{
	char lines[8192], wire[16384];
	struct transport_flow flow = {bench->flow.kind, bench->flow.remote, bench->flow.local, 0};
	struct text text;
	va_list args;

	va_start(args, format);
	vsnprintf(lines, sizeof(lines), format, args);
	va_end(args);
	text_init(&text, wire, sizeof(wire));
	for (const char *at = lines; *at; at++) {
		if (*at == '\n')
			text_add_char(&text, '\r');
		text_add_char(&text, *at);
	}
	if (sim_network_send(bench->network, &flow, text_view(&text)) < 0)
		return;                   /* lost: tests that count on it see it */
	loop_sim_advance(bench->loop, 0); /* there */
	loop_sim_advance(bench->loop, 0); /* and back */
}

void bench_request(struct bench *bench, const char *method, const char *branch, const char *headers)
{
	bench_receive(bench,
		      "%s sip:b@192.0.2.1 SIP/2.0\nVia: SIP/2.0/%s 192.0.2.9;branch=%s\nFrom: <sip:a@x>;tag=a1\n"
		      "To: <sip:b@x>\nCall-ID: call-%s\nCSeq: 7 %s\nMax-Forwards: 70\n%sContent-Length: 0\n\n",
		      method, transport_kind_name(bench->flow.kind), branch, branch, method, headers);
}

void bench_answer(struct bench *bench, unsigned status, const char *to_tag)
{
	struct view via = bench_header(bench, "Via"), cseq = bench_header(bench, "CSeq");

	bench_receive(bench,
		      "SIP/2.0 %u Said So\nVia: %.*s\nFrom: <sip:b@x>;tag=b1\nTo: <sip:a@x>%s%s\nCall-ID: ours\n"
		      "CSeq: %.*s\nContact: <sip:a@192.0.2.9>\nContent-Length: 0\n\n",
		      status, VIEW_ARG(via), to_tag ? ";tag=" : "", to_tag ? to_tag : "", VIEW_ARG(cseq));
}

static void write_headers(struct sip_writer *writer, const char *method)
{
	sip_write_header(writer, SIP_HEADER_MAX_FORWARDS, "70");
	sip_write_header(writer, SIP_HEADER_ROUTE, "<sip:192.0.2.9;lr>");
	sip_write_header(writer, SIP_HEADER_FROM, "<sip:b@x>;tag=b1");
	sip_write_header(writer, SIP_HEADER_TO, "<sip:a@x>");
	sip_write_header(writer, SIP_HEADER_CALL_ID, "ours");
	sip_write_header(writer, SIP_HEADER_CSEQ, "3 %s", method);
}

int bench_send(struct bench *bench, enum sip_method method)
{
	struct sip_writer *writer = transaction_begin(bench->layer, &bench->flow, method, VIEW("sip:a@192.0.2.9"));
	int error;

	write_headers(writer, sip_method_name(method));
	error = transaction_send(bench->layer, VIEW_EMPTY, VIEW_EMPTY, on_event, bench, &bench->client);
	loop_sim_advance(bench->loop, 0);
	return error;
}

int bench_ack(struct bench *bench)
{
	write_headers(transaction_begin(bench->layer, &bench->flow, SIP_METHOD_ACK, VIEW("sip:a@192.0.2.9")), "ACK");
	return transaction_ack(bench->client, VIEW_EMPTY, VIEW_EMPTY);
}

void bench_expect(struct bench *bench, const char *log)
{
	loop_sim_advance(bench->loop, 0);
	assert_string_equal(bench->log_buffer, log);
	text_init(&bench->log, bench->log_buffer, sizeof(bench->log_buffer));
}

void bench_advance(struct bench *bench, uint64_t ms)
{
	loop_sim_advance(bench->loop, ms);
}

struct view bench_header(struct bench *bench, const char *name)
{
	static char copy[sizeof(bench->packet)];
	static struct sip_message message;
	struct sip_refusal refusal;

	memcpy(copy, bench->packet, bench->packet_size);
	if (sip_parse(&message, copy, bench->packet_size, SIP_DATAGRAM, &refusal) < 0)
		fail_msg("what we sent cannot be parsed: %s\n%s", refusal.sentence, bench->packet);
	return sip_header_find(&message, sip_header_parse(view_of(name)));
}
