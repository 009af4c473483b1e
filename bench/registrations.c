/* A million phones register, with digest, in one process without a network: bytes and CPU that each costs. Transactions, auth and
 * registrar are the real ones; the wire is a function, and the clock is simulated, so that nothing is waited for. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "controlplane/auth/auth.h"
#include "controlplane/loop/loop.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/transport/sim.h"
#include "lib/config/config.h"
#include "lib/sip/sip.h"

enum { FIRST = 1000000, A_MILLISECOND = 16, /* pairs */ ENDED_MS = 40000 };

struct bench {
	struct loop *loop;
	struct sim_network *network;
	struct transport *transport;
	struct transaction_layer *transactions;
	struct auth *auth, *phones; /* phones: answers challenges */
	struct registrar *registrar;
	struct conf_extension *extensions;
	char (*numbers)[16];
	struct auth_verdict verdict;
	unsigned expected; /* status that the next answer must have */
	unsigned wrong;
	struct sip_message *challenge;
};

static const struct transport_flow phone_flow = {
	.kind = TRANSPORT_UDP,
	.local = {.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 10}}, .port = 5060},
	.remote = {.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 1}}, .port = 5060},
};

static void must(int error, const char *what)
{
	if (error == 0)
		return;
	fprintf(stderr, "registrations: %s: %s\n", what, error_text(error));
	exit(EXIT_FAILURE);
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static size_t heap_size(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* ---- the server ---- */

static void on_request(void *arg, struct transaction *transaction)
{
	registrar_on_register(((struct bench *)arg)->registrar, transaction);
}

/* As controlplane/app does it: who has to be challenged costs no transaction. */
static enum transaction_admission on_admission(void *arg, const struct sip_message *request,
					       const struct transport_flow *flow, struct transaction_reply *reply)
{
	struct bench *bench = arg;

	if (auth_screen(bench->auth, request, &flow->remote, AUTH_SERVER, loop_now_ms(bench->loop), &bench->verdict))
		return TRANSACTION_ADMIT;
	*reply = (struct transaction_reply){
		.status = bench->verdict.status, .headers = auth_write_challenge, .arg = &bench->verdict};
	return TRANSACTION_REFUSE;
}

/* ---- the phones ---- */

static void on_answer(void *arg, const struct transport_flow *flow, struct view bytes)
{
	static char copy[TRANSPORT_MESSAGE_MAX + 1];
	struct bench *bench = arg;
	struct sip_message message;
	struct sip_refusal refusal;

	memcpy(copy, bytes.at, bytes.size);
	must(sip_parse(&message, copy, bytes.size, SIP_DATAGRAM, &refusal), "an answer");
	bench->wrong += message.status != bench->expected;
	if (message.status == 401) {
		sip_message_free(bench->challenge);
		must(sip_message_new(&message, &bench->challenge), "a challenge");
	}
}

static void send_register(struct bench *bench, unsigned phone, unsigned cseq, unsigned expected)
{
	static char buffer[4096];
	const char *number = bench->numbers[phone];
	struct sip_writer w;

	sip_writer_init(&w, buffer, sizeof(buffer));
	sip_write_request_line(&w, SIP_METHOD_REGISTER, VIEW("sip:example.com"));
	sip_write_header(&w, SIP_HEADER_VIA, "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-%u-%u;rport", phone, cseq);
	sip_write_header(&w, SIP_HEADER_MAX_FORWARDS, "70");
	sip_write_header(&w, SIP_HEADER_FROM, "<sip:%s@example.com>;tag=4fa%u", number, phone);
	sip_write_header(&w, SIP_HEADER_TO, "<sip:%s@example.com>", number);
	sip_write_header(&w, SIP_HEADER_CALL_ID, "f81d4fae-7dec-11d0-%u@192.0.2.10", phone);
	sip_write_header(&w, SIP_HEADER_CSEQ, "%u REGISTER", cseq);
	sip_write_header(&w, SIP_HEADER_CONTACT, "<sip:%s@192.0.2.10:5060;transport=udp>", number);
	sip_write_header(&w, SIP_HEADER_EXPIRES, "3600");
	sip_write_header(&w, SIP_HEADER_USER_AGENT, "Example Phone T46U 108.86.0.45");
	if (expected == 200) {
		struct auth_credentials credentials = {view_of(number), VIEW("secret"), VIEW("0a4f113b"), 1};

		must(auth_answer(bench->phones, bench->challenge, VIEW("REGISTER"), VIEW("sip:example.com"),
				 &credentials, &w),
		     "credentials");
	}
	must(sip_write_end(&w, NULL, VIEW_EMPTY), "a REGISTER");
	bench->expected = expected;
	must(sim_network_send(bench->network, &phone_flow, text_view(&w.text)), "the wire");
	loop_turn(bench->loop, 0);
	loop_turn(bench->loop, 0);
}

static void make(struct bench *bench, unsigned count)
{
	static const uint8_t key[AUTH_KEY_SIZE] = {1};
	struct auth_options auth = {
		.realm = "example.com", .algorithms = {AUTH_MD5}, .algorithm_count = 1, .nonce_lifetime_ms = 300000};
	struct registrar_options registrar = {.min_expires_s = 60, .max_expires_s = 3600};
	struct transaction_options transactions = {.server = "Voxlane"};
	struct transaction_user user = {.on_request = on_request, .on_admission = on_admission, .arg = bench};
	struct transport_options options = {.listens = {{TRANSPORT_UDP, phone_flow.remote}}, .listen_count = 1};
	struct transport_problem problem;
	struct transport_receiver receiver;

	bench->extensions = calloc(count, sizeof(*bench->extensions));
	bench->numbers = calloc(count, sizeof(*bench->numbers));
	if (!bench->extensions || !bench->numbers)
		must(ERR_NOMEM, "extensions");
	for (unsigned i = 0; i < count; i++) {
		snprintf(bench->numbers[i], sizeof(bench->numbers[i]), "%u", FIRST + i);
		bench->extensions[i] = (struct conf_extension){.number = bench->numbers[i],
							       .password = "secret",
							       .name = "",
							       .ha1_md5 = "",
							       .ha1_sha256 = "",
							       .max_contacts = 5};
	}
	must(loop_new_sim(1, 1767225600000, &bench->loop), "loop");
	must(auth_new(&auth, NULL, 0, key, &bench->phones), "auth");
	must(auth_new(&auth, bench->extensions, count, key, &bench->auth), "auth");
	must(registrar_new(bench->loop, bench->auth, &registrar, bench->extensions, count, &bench->registrar, &problem),
	     "registrar");
	must(transaction_layer_new(bench->loop, &transactions, &user, &bench->transactions), "transactions");
	must(sim_network_new(bench->loop, on_answer, bench, &bench->network), "network");
	receiver = transaction_receiver(bench->transactions);
	must(transport_new_sim(bench->network, &options, &receiver, &bench->transport), "transport");
	transaction_layer_set_transport(bench->transactions, bench->transport);
}

int main(int argc, char **argv)
{
	uint32_t count = 1000000;
	static struct bench bench;
	size_t empty = heap_size(), configured, registered;
	uint64_t begun, cpu;

	if (argc > 2 || (argc == 2 && view_to_u32(view_of(argv[1]), 100000000, &count) != 0) || count == 0) {
		fputs("usage: registrations [how many; a million]\n", stderr);
		return EXIT_FAILURE;
	}
	make(&bench, count);
	configured = heap_size();
	begun = cpu_ns();
	for (unsigned i = 0; i < count; i++) {
		send_register(&bench, i, 1, 401);
		send_register(&bench, i, 2, 200);
		if (i % A_MILLISECOND == 0)
			loop_sim_advance(bench.loop, 1);
	}
	cpu = cpu_ns() - begun;
	loop_sim_advance(bench.loop, ENDED_MS); /* the transactions are over */
	registered = heap_size();
	printf("%u registrations held, %u answers wrong\n", registrar_stats(bench.registrar)->bindings, bench.wrong);
	printf("%.0f bytes each; %.0f more for each extension (account, passwords, configuration)\n",
	       (double)(registered - configured) / count, (double)(configured - empty) / count);
	printf("%.2f us CPU a pair of round trips (401, 200), the phone's half included, no system calls\n",
	       (double)cpu / 1000 / count);
	return bench.wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
