/* A transaction layer on the simulated network with one peer, and everything that happens as one line of text:
 * "0:INVITE 500:INVITE 700:(response 180) 32000:(timeout)": packets as they reach the peer, events in parentheses. */
#ifndef TESTS_UNIT_CONTROLPLANE_TRANSACTION_BENCH_H
#define TESTS_UNIT_CONTROLPLANE_TRANSACTION_BENCH_H

#include "tests/unit/unit.h"
#include "controlplane/loop/loop.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/transport/sim.h"
#include "lib/sip/sip.h"

struct bench {
	struct loop *loop;
	struct sim_network *network;
	struct transport *transport;
	struct transaction_layer *layer;
	struct transport_flow flow; /* ours toward the peer */
	struct text log;
	char log_buffer[4096];
	char packet[SIP_MESSAGE_MAX + 1]; /* the last one that reached the peer */
	size_t packet_size;
	struct transaction *server; /* the last that on_request brought; NULL when it terminated */
	struct transaction *client;
	unsigned answer;      /* on_request answers at once with this; 0: not */
	unsigned requests;    /* times on_request was called */
	bool ack_at_once;     /* the handler acknowledges a 2xx */
	bool acked_at_once;   /* on_ack calls transaction_acked */
	bool without_handler; /* on_request sets none */
};

/* kind: TRANSPORT_UDP or TRANSPORT_TCP. options may be NULL. Asserts that it works. */
void bench_init(struct bench *bench, enum transport_kind kind, const struct transaction_options *options);
/* False when memory ran out; bench_fini is due all the same. */
bool bench_try_init(struct bench *bench, enum transport_kind kind, const struct transaction_options *options);
void bench_fini(struct bench *bench);
/* The peer sends this; lines end with "\n" here and with CR LF on the wire. Runs the turn. */
void bench_receive(struct bench *bench, const char *format, ...) PRINTF(2, 3);
/* The peer sends a request with the usual headers; branch, method, and further header lines or "". */
void bench_request(struct bench *bench, const char *method, const char *branch, const char *headers);
/* The peer answers our last packet's request; to_tag may be NULL. */
void bench_answer(struct bench *bench, unsigned status, const char *to_tag);
/* We send a request to the peer. */
int bench_send(struct bench *bench, enum sip_method method);
int bench_ack(struct bench *bench);
/* What happened since the last call, compared. */
void bench_expect(struct bench *bench, const char *log);
void bench_advance(struct bench *bench, uint64_t ms);
/* Header of the last packet to the peer. */
struct view bench_header(struct bench *bench, const char *name);

#endif
