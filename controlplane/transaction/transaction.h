/* Transactions: a request and its responses, made reliable over UDP. RFC 3261 section 17 with RFC 6026 (Accepted), as
 * four tables for lib/fsm, one a file: client_invite.c, client_other.c, server_invite.c, server_other.c.
 *
 * Below is controlplane/transport, above is the transaction user: dialog, call, registrar. The layer parses what comes
 * in and refuses statelessly what cannot be parsed (400 and its kin; silence for broken responses and ACKs), matches
 * (17.1.3, 17.2.3, RFC 2543 branches too), retransmits, absorbs retransmissions, sends 100 after 200 ms of silence,
 * acknowledges failures, answers CANCEL, and prints Via, From, To, Call-ID and CSeq of responses. rport is forced (RFC
 * 3581): received and rport are always added, responses leave on the flow on which the request came.
 *
 * What RFC 3261 leaves to the user core and is done here, because the data are here: the retransmission of a 2xx to
 * INVITE until transaction_acked, or TIMEOUT after 64*T1 (13.3.1.4); the repetition of the ACK for a repeated 2xx
 * (13.2.2.4), once transaction_ack gave it; CANCEL (9.1, 9.2).
 *
 * Threads: the signalling loop's only. Ownership: the layer owns transactions; a user may keep the pointer until it got
 * TRANSACTION_TERMINATED, which is always the last event; the memory goes after the turn. A user that goes away first
 * calls transaction_set_handler(transaction, NULL, NULL). Handlers are never called from within a function of this
 * header, and may call all of them but transaction_layer_free.
 * Limits: transactions_max, of which the last eighth is kept for requests within a dialog; memory_max bytes for all kept
 * messages together (a server transaction keeps the request and the last response, a client transaction the request
 * and its ACK): beyond either, requests get a stateless 503 with Retry-After and transaction_send says ERR_LIMIT. A
 * transaction itself is below 1 KiB. From three quarters of either on, transactions that have said their last and only
 * absorb repetitions end when they are T4 old instead of after 64*T1, the oldest first, so that a busy server is
 * limited by what it does and not by what it did. A request other than INVITE that nobody answers is given up after 64*T1.
 */
#ifndef CONTROLPLANE_TRANSACTION_TRANSACTION_H
#define CONTROLPLANE_TRANSACTION_TRANSACTION_H

#include "controlplane/transport/transport.h"
#include "lib/sip/names.h"

struct loop;
struct sip_message;
struct sip_writer;
struct transaction;
struct transaction_layer;

#define TRANSACTION_EVENT_LIST(X)                                                                                      \
	X(TRANSACTION_RESPONSE, "response") /* client: a response, provisional ones and further 2xx included */        \
	X(TRANSACTION_CANCELLED,                                                                                       \
	  "cancelled")                    /* server, INVITE: CANCEL came (and has its 200); answer 487 now. Done by\
						 the layer when there is no handler */   \
	X(TRANSACTION_TIMEOUT, "timeout") /* no response; or no ACK for our final response */                          \
	X(TRANSACTION_TRANSPORT_ERROR, "transport_error") /* could not be sent */                                      \
	X(TRANSACTION_TERMINATED, "terminated")           /* the last event: forget the pointer */
enum transaction_event_type {
#define X(name, text) name,
	TRANSACTION_EVENT_LIST(X)
#undef X
		TRANSACTION_EVENT_COUNT
};

struct transaction_event {
	enum transaction_event_type type;
	const struct sip_message *message; /* RESPONSE, and the CANCEL of CANCELLED: good until the handler returns */
	const struct transport_flow *flow; /* of message */
	unsigned status;                   /* RESPONSE; 408 with TIMEOUT, 503 with TRANSPORT_ERROR (8.1.3.1) */
	int error;                         /* TRANSPORT_ERROR: ERR_* */
};
typedef void transaction_handler(struct transaction *transaction, const struct transaction_event *event, void *arg);

struct transaction_reply;

/* What becomes of a request that would open a transaction. */
enum transaction_admission {
	TRANSACTION_ADMIT,
	TRANSACTION_REFUSE, /* the reply goes out, and nothing is remembered: a repetition is asked about anew */
	TRANSACTION_IGNORE, /* silence */
};

struct transaction_user {
	/* A new request, never ACK or CANCEL. It has to be answered by transaction_respond, now or later. */
	void (*on_request)(void *arg, struct transaction *transaction);
	/* An ACK that belongs to no failed INVITE: the one for a 2xx. Its dialog calls transaction_acked. */
	void (*on_ack)(void *arg, const struct sip_message *ack, const struct transport_flow *flow);
	void *arg;
	/* The door, before anything is parsed: false leaves the message unread. NULL: it is open. */
	bool (*on_source)(void *arg, const struct transport_flow *flow);
	/* Before a transaction is made, so that strangers cost no memory. REFUSE: fill in *reply (its to_tag is not
	 * used); of CANCEL only IGNORE is heeded. NULL: all are admitted. */
	enum transaction_admission (*on_admission)(void *arg, const struct sip_message *request,
						   const struct transport_flow *flow, struct transaction_reply *reply);
	/* A request was refused for what it is (broken, or here for the second time), and why. May be NULL. */
	void (*on_refused)(void *arg, const struct sip_message *request, const struct transport_flow *flow,
			   unsigned status, const char *why);
	/* A connection is gone; the transactions on it hear it by their event. NULL: nobody wants to know. */
	void (*on_closed)(void *arg, const struct transport_flow *flow);
};

struct transaction_options {
	uint32_t t1_ms, t2_ms, t4_ms; /* 0: 500, 4000, 5000 */
	uint32_t transactions_max;    /* 0: 200000 */
	size_t memory_max;            /* bytes; 0: 512 MiB */
	uint32_t retry_after_s;       /* with 503; 0: 5 */
	uint32_t
		datagram_max; /* bytes of a request that goes by UDP where TCP is possible; 0: 1300 (RFC 3261 18.1.1) */
	char mark;            /* begins every branch and tag made here; '\0': they are all random */
	const char *server;   /* Server and User-Agent header of what the layer makes itself; NULL: none. Copied */
};

/* The transport gets the layer as its receiver: pass transaction_receiver(*ret) to transport_new, then
 * transaction_layer_set_transport. ERR_NOMEM. */
int transaction_layer_new(struct loop *loop, const struct transaction_options *options,
			  const struct transaction_user *user, struct transaction_layer **ret_layer) WARN_UNUSED;
/* Ends every transaction without a word to anyone, handlers included. NULL is allowed. */
void transaction_layer_free(struct transaction_layer *layer);
struct transport_receiver transaction_receiver(struct transaction_layer *layer);
void transaction_layer_set_transport(struct transaction_layer *layer, struct transport *transport);
struct transport *transaction_transport(const struct transaction_layer *layer);
/* A random token as loop_random_token makes it, for tags of this layer's dialogs: with the mark. */
void transaction_token(struct transaction_layer *layer, char *buffer, size_t buffer_size);

/* ---- server ---- */
/* The request, as long as the transaction lives; NULL for a client transaction. */
const struct sip_message *transaction_request(const struct transaction *transaction);
const struct transport_flow *transaction_flow(const struct transaction *transaction);
void transaction_set_handler(struct transaction *transaction, transaction_handler *handler, void *arg);
/* A random tag of this transaction's own: what responses get in To unless the reply brings another. */
const char *transaction_tag(const struct transaction *transaction);

struct transaction_reply {
	unsigned status;
	const char *reason; /* NULL: the usual phrase */
	const char *to_tag; /* NULL: transaction_tag; below 64 bytes; not used when To has a tag */
	void (*headers)(struct sip_writer *out, void *arg); /* further headers; may be NULL */
	void *arg;
	struct view content_type, body; /* empty: none */
};
/* Provisional any number of times, then one final. ERR_STATE: it has its final response already; ERR_TOO_LONG,
 * ERR_NOMEM. A transport error is told by the event, not here. */
int transaction_respond(struct transaction *transaction, const struct transaction_reply *reply);
/* The usual short way: status alone. */
int transaction_respond_status(struct transaction *transaction, unsigned status);
/* The ACK for the 2xx of this INVITE has come: no more retransmissions, no TIMEOUT. */
void transaction_acked(struct transaction *transaction);

/* ---- client ---- */
/* Begins a request: the writer stands after the request line and Via (a new branch); the user adds all other headers
 * but Content-Type and Content-Length, and ends with one of the three below. One at a time: beginning another, or
 * sending any other message, drops it. */
struct sip_writer *transaction_begin(struct transaction_layer *layer, const struct transport_flow *flow,
				     enum sip_method method, struct view request_uri);
/* Sends it. content_type and body may be empty. ERR_STATE (nothing was begun), ERR_INVALID (a header), ERR_LIMIT, ERR_TOO_LONG, ERR_NOMEM: nothing was sent and no handler
 * will be called. */
int transaction_send(struct transaction_layer *layer, struct view content_type, struct view body,
		     transaction_handler *handler, void *arg, struct transaction **ret_transaction) WARN_UNUSED;
/* Sends what was begun as the ACK for the 2xx that this INVITE got first, and again each time that 2xx is repeated. */
int transaction_ack(struct transaction *invite, struct view content_type, struct view body) WARN_UNUSED;
/* Sends what was begun once, outside any transaction: the ACK for the 2xx of another branch of a forked INVITE. */
int transaction_send_stateless(struct transaction_layer *layer, struct view content_type, struct view body) WARN_UNUSED;
/* Gives an INVITE up: CANCEL goes out as soon as a provisional response allows it. A final response comes all the same
 * (487, or a 2xx that was faster), or TIMEOUT after 64*T1. Nothing when it has its final response. reason: of the CANCEL's Reason
 * header (RFC 3326), copied; empty: none. */
void transaction_cancel(struct transaction *invite, struct view reason);

/* ---- what is known ---- */
bool transaction_is_server(const struct transaction *transaction);
const char *transaction_state_name(const struct transaction *transaction);
/* The last transitions, a line each, for error logs. */
void transaction_print_history(const struct transaction *transaction, struct text *out);

struct transaction_stats {
	uint64_t requests, responses; /* received, parsed */
	uint64_t retransmissions_received, retransmissions_sent;
	uint64_t ended_early;                   /* to make room */
	uint64_t refused_broken, refused_limit; /* requests answered statelessly: 400 and kin; 503 */
	uint64_t refused_stateless, ignored;    /* by on_admission; ignored: by on_source too */
	uint64_t dropped;                       /* broken or stray responses and ACKs */
	uint64_t timeouts, transport_errors;
	uint32_t transactions; /* now */
	size_t memory;         /* now, bytes of kept messages */
};
const struct transaction_stats *transaction_stats(const struct transaction_layer *layer);

#endif
