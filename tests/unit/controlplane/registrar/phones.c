/* See phones.h. */
#include "tests/unit/controlplane/registrar/phones.h"

static const uint8_t key[AUTH_KEY_SIZE] = "a key of thirty-two bytes, fixed";
static const struct conf_extension extensions[] = {
	{.number = "1000", .password = "test1000", .ha1_md5 = "", .ha1_sha256 = "", .name = "", .max_contacts = 3},
	{.number = "2000", .password = "test2000", .ha1_md5 = "", .ha1_sha256 = "", .name = "", .max_contacts = 1},
};

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e = {0};

	assert_int_equal(net_endpoint_parse(view_of(text), 5060, &e), 0);
	return e;
}

static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
	struct phones *phones = arg;

	assert_int_equal(view_copy(bytes, phones->answer, sizeof(phones->answer)), 0);
	phones->answers++;
}

static void on_request(void *arg, struct transaction *transaction)
{
	struct phones *phones = arg;

	if (phones->around_register)
		phones->around_register(true);
	registrar_on_register(phones->registrar, transaction);
	if (phones->around_register)
		phones->around_register(false);
}

static void on_ack(void *arg, const struct sip_message *ack, const struct transport_flow *flow)
{
	fail();
}

static void on_event(void *arg, enum registrar_event event, const struct registrar_contact *contact)
{
	((struct phones *)arg)->events[event]++;
	assert_true(contact->uri.size > 0);
}

static void on_problem(void *arg, const struct transport_flow *flow, const char *why)
{
	struct phones *phones = arg;

	snprintf(phones->problem, sizeof(phones->problem), "%s", why);
}

struct phones *phones_new(uint64_t wall_ms, struct store *store)
{
	static const struct transaction_options layer_options;
	const struct transport_options transport_options = {.listens = {{TRANSPORT_UDP, endpoint("192.0.2.100:5060")}},
							    .listen_count = 1};
	const struct auth_options auth_options = {
		.realm = "voxlane", .algorithms = {AUTH_MD5}, .algorithm_count = 1, .nonce_lifetime_ms = 60000};
	const struct registrar_options options = {.min_expires_s = 60, .max_expires_s = 3600, .store = store};
	struct phones *phones = calloc(1, sizeof(*phones));
	const struct registrar_listener listener = {on_event, on_problem, phones};
	const struct transaction_user user = {on_request, on_ack, phones};
	struct transport_receiver receiver;
	struct transport_problem problem;

	assert_non_null(phones);
	assert_int_equal(loop_new_sim(1, wall_ms, &phones->loop), 0);
	assert_int_equal(sim_network_new(phones->loop, on_packet, phones, &phones->network), 0);
	assert_int_equal(transaction_layer_new(phones->loop, &layer_options, &user, &phones->layer), 0);
	receiver = transaction_receiver(phones->layer);
	assert_int_equal(transport_new_sim(phones->network, &transport_options, &receiver, &phones->transport), 0);
	transaction_layer_set_transport(phones->layer, phones->transport);
	assert_int_equal(auth_new(&auth_options, extensions, ARRAY_LEN(extensions), key, &phones->auth), 0);
	if (registrar_new(phones->loop, phones->auth, &options, extensions, ARRAY_LEN(extensions), &phones->registrar,
			  &problem))
		fail_msg("%s", problem.text);
	registrar_set_listener(phones->registrar, &listener);
	return phones;
}

void phones_free(struct phones *phones)
{
	registrar_free(phones->registrar);
	auth_free(phones->auth);
	transaction_layer_free(phones->layer);
	transport_free(phones->transport);
	sim_network_free(phones->network);
	loop_free(phones->loop);
	free(phones);
}

static unsigned exchange(struct phones *phones, const struct registering *r, unsigned cseq, const char *credentials)
{
	const char *number = r->number ? r->number : "1000", *from = r->from ? r->from : "192.0.2.1:5060";
	const struct transport_flow flow = {
		.kind = TRANSPORT_UDP, .local = endpoint(from), .remote = endpoint("192.0.2.100:5060")};
	unsigned answers = phones->answers, status;
	char buffer[8192];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text,
		    "REGISTER sip:192.0.2.100 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%u\r\n"
		    "From: <sip:%s@192.0.2.100>;tag=f\r\nTo: <sip:%s@192.0.2.100>\r\nCall-ID: %s\r\n"
		    "CSeq: %u REGISTER\r\nMax-Forwards: 70\r\n%s%sContent-Length: 0\r\n\r\n",
		    from, phones->transaction++, number, number, r->call_id ? r->call_id : "call", cseq,
		    r->headers ? r->headers : "", credentials);
	assert_false(text.overflow);
	assert_int_equal(sim_network_send(phones->network, &flow, text_view(&text)), 0);
	loop_turn(phones->loop, 0);
	loop_turn(phones->loop, 0);
	assert_int_equal(phones->answers, answers + 1);
	assert_true(view_has_prefix(view_of(phones->answer), "SIP/2.0 "));
	status = (unsigned)strtoul(phones->answer + 8, NULL, 10);
	return status;
}

unsigned phones_register(struct phones *phones, const struct registering *registering)
{
	const struct registering *r = registering;
	const struct auth_credentials credentials = {
		.user = view_of(r->number ? r->number : "1000"),
		.password = view_of(r->password ? r->password : "test1000"),
		.cnonce = VIEW("c"),
		.count = 1,
	};
	unsigned cseq = r->cseq ? r->cseq : 2 * phones->transaction + 1, status;
	struct sip_refusal refusal;
	struct sip_message message;
	struct sip_writer writer;
	char request[2048], *begin, *end;

	status = exchange(phones, r, cseq, "");
	if (status != 401)
		return status;
	assert_int_equal(sip_parse(&message, phones->answer, strlen(phones->answer), SIP_DATAGRAM, &refusal), 0);
	sip_writer_init(&writer, request, sizeof(request));
	sip_write_request_line(&writer, SIP_METHOD_REGISTER, VIEW("sip:192.0.2.100"));
	assert_int_equal(
		auth_answer(phones->auth, &message, VIEW("REGISTER"), VIEW("sip:192.0.2.100"), &credentials, &writer),
		0);
	assert_int_equal(sip_write_end(&writer, NULL, VIEW_EMPTY), 0);
	begin = strstr(request, "Authorization");
	end = strstr(begin, "\r\n");
	end[2] = '\0';
	return exchange(phones, r, cseq + 1, begin);
}

unsigned phones_contact(struct phones *phones, const char *headers)
{
	return phones_register(phones, &(struct registering){.headers = headers});
}

const char *phones_find(struct phones *phones, const char *number)
{
	static char buffer[8192];
	struct registrar_contact contacts[REGISTRAR_CONTACTS_MAX];
	size_t count = registrar_find(phones->registrar, view_of(number), contacts, ARRAY_LEN(contacts), NULL);
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	for (size_t i = 0; i < count; i++)
		text_printf(&text, "%s%.*s", i ? " " : "", VIEW_ARG(contacts[i].uri));
	return buffer;
}

const char *phones_header(const struct phones *phones, const char *name)
{
	static char buffer[1024];
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\r\n%s: ", name);
	at = strstr(phones->answer, line);
	if (!at)
		return "";
	at += strlen(line);
	snprintf(buffer, sizeof(buffer), "%.*s", (int)strcspn(at, "\r"), at);
	return buffer;
}
