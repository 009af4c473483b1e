/* A registrar on a simulated loop and network with the real transaction layer, and phones that register there. */
#ifndef TESTS_UNIT_CONTROLPLANE_REGISTRAR_PHONES_H
#define TESTS_UNIT_CONTROLPLANE_REGISTRAR_PHONES_H

#include "tests/unit/unit.h"

#include "controlplane/loop/loop.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/transport/sim.h"

#define WALL_MS UINT64_C(1700000000000)

struct phones {
	struct loop *loop;
	struct sim_network *network;
	struct transaction_layer *layer;
	struct transport *transport;
	struct auth *auth;
	struct registrar *registrar;
	char answer[8192]; /* the last one */
	unsigned answers, transaction;
	unsigned events[REGISTRAR_EVENT_COUNT];
	char problem[128];                       /* the last one */
	void (*around_register)(bool is_before); /* NULL: not called */
};

/* What a phone asks for. NULL: as usual. */
struct registering {
	const char *number, *password;
	const char *headers; /* Contact, Expires ..., each line with its CR LF */
	const char *call_id;
	unsigned cseq;    /* 0: one more than ever before */
	const char *from; /* its address */
};

struct phones *phones_new(uint64_t wall_ms, struct store *store); /* store NULL: none */
void phones_free(struct phones *phones);
/* Sends without credentials, then with: returns the status of the last answer. */
unsigned phones_register(struct phones *phones, const struct registering *registering);
unsigned phones_contact(struct phones *phones, const char *headers); /* 1000, with the right password */
/* The Contact URIs of a number as registrar_find gives them, with a blank between them. */
const char *phones_find(struct phones *phones, const char *number);
/* The value of a header in the last answer, or "". */
const char *phones_header(const struct phones *phones, const char *name);

#endif
