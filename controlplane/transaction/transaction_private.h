/* Inside controlplane/transaction: the transaction, its four kinds, and what their tables' steps are made of. */
#ifndef CONTROLPLANE_TRANSACTION_TRANSACTION_PRIVATE_H
#define CONTROLPLANE_TRANSACTION_TRANSACTION_PRIVATE_H

#include "controlplane/loop/loop.h"
#include "controlplane/transaction/transaction.h"
#include "lib/container/map.h"
#include "lib/fsm/fsm.h"
#include "lib/sip/sip.h"

enum transaction_kind { CLIENT_INVITE, CLIENT_OTHER, SERVER_INVITE, SERVER_OTHER, TRANSACTION_KIND_COUNT };

/* Every machine's events begin with these, so that common code can feed any of them. */
enum {
	EVENT_BEGIN,           /* server: the request came (again); client: the user sends */
	EVENT_TRANSPORT_ERROR, /* what we sent did not leave */
	EVENT_1XX,             /* server: the user responds; client: a response came */
	EVENT_2XX,
	EVENT_3XX_6XX,
	EVENT_COMMON_COUNT
};
extern const struct fsm_machine transaction_client_invite, transaction_client_other, transaction_server_invite,
	transaction_server_other;

/* Further events of single machines that common code feeds. */
enum { CLIENT_INVITE_CANCEL = EVENT_COMMON_COUNT };
enum { SERVER_INVITE_ACK = EVENT_COMMON_COUNT, SERVER_INVITE_CANCEL, SERVER_INVITE_ACKED };

/* ---- timers: a row each, beside the table that uses it ---- */
enum transaction_slot { SLOT_REPEAT, SLOT_LIFE, SLOT_COUNT }; /* one of each can run at a time */
enum transaction_base { BASE_T1, BASE_T2, BASE_T4, BASE_64_T1, BASE_200_MS };
enum transaction_reliable { RELIABLE_SAME, RELIABLE_OFF, RELIABLE_AT_ONCE }; /* over TCP and its kin */

struct transaction_timer_row {
	uint8_t event;
	enum transaction_slot slot;
	enum transaction_base first;
	bool is_capped; /* repetitions: doubled up to T2, else without end */
	enum transaction_reliable reliable;
};

struct transaction_timer {
	struct loop_timer timer;
	struct transaction *transaction;
	const struct transaction_timer_row *row;
	uint32_t interval_ms;
};

enum { BRANCH_SIZE = 7 + 24 + 1, OWN_TAG_SIZE = 16 + 1, TAG_SIZE = 64 };

struct bytes {
	char *at; /* NULL: none */
	size_t size;
};

struct transaction {
	struct transaction_layer *layer;
	enum transaction_kind kind;
	struct fsm fsm;
	struct map_node node;   /* in layer->servers or layer->clients */
	struct map_node merged; /* server, outside a dialog: in layer->merged */
	bool is_in_merged;
	struct list link; /* in layer->all, or layer->resting */
	bool rests;
	uint64_t rests_since_ms;
	struct transport_flow flow;
	transaction_handler *handler;
	void *arg;
	struct transaction_timer timers[SLOT_COUNT];
	struct loop_message broken, end; /* told when nothing of ours is on the stack */
	int error;                       /* of broken */
	/* client: INVITE without any response, another without a final one, on a connection */
	struct transaction_waiting *waiting;
	struct list wait_link;
	struct sip_message *request; /* server: a copy of its own */
	struct bytes sent;           /* client: the request; server: the last response */
	struct bytes datagram;       /* client: the request for UDP, while TCP is tried for its size */
	struct transport_flow datagram_flow;
	bool is_cancelled; /* client INVITE: the user gave it up */
	struct bytes ack;  /* client INVITE: what answers a repeated final response */
	struct transport_flow ack_flow;
	char *reason;          /* client INVITE: of its CANCEL; NULL: none */
	uint64_t accepted_tag; /* client INVITE: hash of the To tag of its first 2xx */
	enum sip_method method;
	char branch[BRANCH_SIZE]; /* client */
	char tag[TAG_SIZE];       /* server */
};

/* Whom TCP did not reach: a direct-mapped table, the newer takes the place. */
enum { NO_TCP_PLACES = 1024, NO_TCP_MS = 600000 };
struct transaction_no_tcp {
	struct net_endpoint remote;
	uint64_t until_ms;
};

struct transaction_layer {
	struct loop *loop;
	struct transport *transport;
	struct transaction_options options;
	struct transaction_user user;
	struct transaction_stats stats;
	struct map servers, clients;
	struct map waiting; /* struct transaction_waiting */
	struct transaction_no_tcp no_tcp[NO_TCP_PLACES];
	struct map merged;   /* servers again, by what a request keeps on any way: From tag, Call-ID, CSeq */
	struct list all;     /* but those that rest */
	struct list resting; /* have said their last and only absorb repetitions, the longest first */
	struct {
		bool is_open;
		enum sip_method method;
		struct transport_flow flow;
		char branch[BRANCH_SIZE];
		struct sip_writer writer;
	} begun;
	char begun_buffer[SIP_MESSAGE_MAX + 1], buffer[SIP_MESSAGE_MAX + 1];
};

/* What an event brings to the steps. */
struct transaction_input {
	const struct sip_message *message; /* received; NULL for what the user or a timer does */
	const struct transport_flow *flow;
};

/* ---- transaction.c: life, bytes, timers ---- */
struct transaction *transaction_new(struct transaction_layer *layer, enum transaction_kind kind,
				    const struct transport_flow *flow);
void transaction_free(struct transaction *transaction); /* without a word */
bool transaction_feed(struct transaction *transaction, uint8_t event, const struct transaction_input *input);
uint8_t transaction_status_event(unsigned status);
/* Replaces *bytes by a copy and keeps the account. ERR_NOMEM. */
int transaction_keep(struct transaction_layer *layer, struct bytes *bytes, struct view copy) WARN_UNUSED;
/* It has said its last: from now on it may be ended early to make room. */
void transaction_rest(struct transaction *transaction);
/* Whether one more transaction with that many bytes may begin; kept_free of the transactions are for others. Ends some
 * of those that rest when it gets tight. */
bool transaction_has_room(struct transaction_layer *layer, uint32_t kept_free, size_t size);
void transaction_forget(struct transaction_layer *layer, struct bytes *bytes);
/* Sends; a failure is told later by EVENT_TRANSPORT_ERROR. What only found full buffers counts as lost on the way. */
void transaction_transmit(struct transaction *transaction, const struct transport_flow *flow,
			  const struct bytes *bytes);
/* What it sent did not arrive: EVENT_TRANSPORT_ERROR at the end of the turn. */
void transaction_break(struct transaction *transaction, int error);
/* From the start, as if nothing had been sent. */
void transaction_begin_anew(struct transaction *transaction);
void transaction_timer_start(struct transaction *transaction, const struct transaction_timer_row *row);
void transaction_tell(struct transaction *transaction, const struct transaction_event *event);

/* Steps that several tables use. */
fsm_action transaction_end, transaction_again, transaction_stop_repeat, transaction_stop_timers, transaction_resend,
	transaction_send_kept, transaction_pass_response, transaction_pass_timeout, transaction_pass_error;

#define SHARED(action)                                                                                                 \
	{                                                                                                              \
		transaction_##action, #action                                                                          \
	} /* FSM_DO for these */

/* ---- wait.c ---- */
bool transaction_waiting_match(const struct map_node *node, const void *key);
/* Nothing with UDP. ERR_NOMEM. */
int transaction_wait(struct transaction *transaction) WARN_UNUSED;
void transaction_wait_no_more(struct transaction *transaction);
void transaction_waiting_closed(struct transaction_layer *layer, const struct transport_flow *flow, int error);

/* ---- large.c ---- */
/* True: the request is too large for UDP, *flow is TCP now, and *bytes the request for it, in layer->buffer. */
bool transaction_take_stream(struct transaction_layer *layer, const char *branch, struct transport_flow *flow,
			     struct view *bytes);
/* It could not be sent, and nobody answered: by UDP then. False: it was tried already. */
bool transaction_fall_back(struct transaction *transaction);

/* ---- match.c ---- */
struct transaction_key {
	const struct sip_message *message;
	enum sip_method method; /* of the transaction looked for: INVITE for ACK and CANCEL */
};
bool transaction_server_match(const struct map_node *node, const void *key); /* struct transaction_key */
bool transaction_client_match(const struct map_node *node, const void *key); /* struct transaction_key */
uint64_t transaction_server_hash(const struct transaction_key *key);
uint64_t transaction_client_hash(struct view branch, enum sip_method method);
struct transaction *transaction_find_server(struct transaction_layer *layer, const struct transaction_key *key);
/* The same request, which came another way before (8.2.2.2). */
bool transaction_merged_match(const struct map_node *node, const void *key); /* struct transaction_key */
uint64_t transaction_merged_hash(const struct transaction_key *key);
void transaction_add_merged(struct transaction *transaction);
bool transaction_is_merged(struct transaction_layer *layer, const struct transaction_key *key);

/* ---- client.c, server.c ---- */
void transaction_receive_response(struct transaction_layer *layer, const struct sip_message *message,
				  const struct transport_flow *flow);
void transaction_receive_request(struct transaction_layer *layer, struct sip_message *message,
				 const struct transport_flow *flow);
/* A response without a transaction: sentence goes into a Warning header, NULL: none. */
void transaction_respond_stateless(struct transaction_layer *layer, const struct sip_message *request,
				   const struct transport_flow *flow, unsigned status, const char *tag,
				   const char *sentence);
void transaction_send_cancel(struct transaction *invite);
void transaction_write_via(struct transaction_layer *layer, struct sip_writer *writer,
			   const struct transport_flow *flow, const char *branch);
/* An ACK for a failure or a CANCEL, made of the INVITE's own start. */
int transaction_write_request(struct transaction *invite, enum sip_method method, const struct sip_message *response,
			      struct view *ret_bytes) WARN_UNUSED;

#endif
