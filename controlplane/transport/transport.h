/* SIP messages in and out: sockets, flows, and which address of ours a peer sees.
 *
 * A transport listens at one or more endpoints and gives each message with the flow it came on to its receiver. A flow
 * is all that is needed to answer: kind, our address, the peer's, the connection. The network of scenarios (sim.h) is
 * another make of the whole; there a reliable kind is a network without loss, whose connections
 * open by themselves and end when a scenario says so.
 *
 * Used by controlplane/transaction (the receiver) and by whoever starts a request toward an address.
 * Threads: the signalling loop's only. Ownership: bytes given to the receiver live until it returns; flows are values.
 * A transport must not be freed inside its receiver.
 *
 * Connections (RFC 3261 18, RFC 5626): a flow with a connection is good as long as that connection. One that a peer
 * opened and that is gone is gone for good: sending says ERR_CLOSED at once, and its number never comes again. A flow of
 * transport_flow_to has number 0, and one that we opened may be used for ever: either goes along the connection that
 * there is to that endpoint, or opens one, and keeps what is sent until it stands. The end of each
 * connection is told by on_closed.
 *
 * Limits: TRANSPORT_MESSAGE_MAX bytes a message; TRANSPORT_BATCH messages a turn and UDP socket, so that a flood cannot
 * keep the timers waiting; TRANSPORT_ROUTES_MAX routes are remembered, for TRANSPORT_ROUTE_MS. Connections: see the
 * constants; a peer that does not end its first message, trickles a later one, says nothing, does not read, or sends
 * what has no end is cut off; so is one that begins TLS and does not finish it, of whom there may be few at a time. RFC 3581
 * (answers leave from where the request arrived), RFC 5626 4.4 (keep-alives, STUN among them, are answered
 * or swallowed here).
 *
 * TLS: who connects to us gets our certificate, and shows one if the context asks for it. Whom we connect to is verified: by
 * the name that flow.peer stands for, else by its address. What goes to one name never uses a connection to another.
 */
#ifndef CONTROLPLANE_TRANSPORT_TRANSPORT_H
#define CONTROLPLANE_TRANSPORT_TRANSPORT_H

#include "lib/net/net.h"
#include "lib/sip/names.h"

struct loop;
struct tls_context;
struct transport;

enum {
	TRANSPORT_LISTENS_MAX = 16,
	TRANSPORT_MESSAGE_MAX = 65535,
	TRANSPORT_BATCH = 32,
	TRANSPORT_ROUTES_MAX = 1024,
	TRANSPORT_ROUTE_MS = 5000,
	TRANSPORT_CONNECTIONS_MAX = 10000,      /* unless options say otherwise; fewer where descriptors are few */
	TRANSPORT_CONNECTIONS_PER_SOURCE = 200, /* of one address or IPv6 /64, accepted */
	TRANSPORT_DESCRIPTORS_SPARE = 256,      /* for everything that is not a connection */
	TRANSPORT_QUEUE_MAX = 262144,           /* bytes that wait for one peer to read */
	TRANSPORT_BUFFERED_MAX = 64 << 20,      /* bytes of all connections' buffers together */
	TRANSPORT_HANDSHAKES_MAX = 500,         /* TLS, accepted and not through yet, unless options say otherwise */
	TRANSPORT_HANDSHAKES_PER_SOURCE = 50,
	TRANSPORT_CLASSES = 7, /* of responses: 1xx to 6xx */
};

/* Times of a connection in milliseconds, with what 0 stands for. */
#define TRANSPORT_TIME_LIST(X)                                                                                         \
	X(connect_ms, 5000)                                                                                            \
	X(trial_ms, 1500)       /* the same, when flow.is_free says that there is another way */                       \
	X(handshake_ms, 5000)   /* TLS, from the connection until it is through */                                     \
	X(first_ms, 10000)      /* from accepting to the end of the first message */                                   \
	X(partial_ms, 10000)    /* from a message's first byte to its last */                                          \
	X(write_ms, 20000)      /* from the first byte that has to wait until none waits */                            \
	X(idle_ms, 3900 * 1000) /* without a message or keep-alive: longer than phones' registrations */
struct transport_times {
#define X(name, fallback) uint32_t name;
	TRANSPORT_TIME_LIST(X)
#undef X
};

/* name as in Via, reliable, default port, URI transport parameter */
#define TRANSPORT_LIST(X)                                                                                              \
	X(TRANSPORT_UDP, "UDP", false, 5060, "udp")                                                                    \
	X(TRANSPORT_TCP, "TCP", true, 5060, "tcp")                                                                     \
	X(TRANSPORT_TLS, "TLS", true, 5061, "tls")

enum transport_kind {
#define X(name, text, reliable, port, parameter) name,
	TRANSPORT_LIST(X)
#undef X
		TRANSPORT_COUNT
};
const char *transport_kind_name(enum transport_kind kind);      /* "UDP" */
const char *transport_kind_parameter(enum transport_kind kind); /* "udp" */
bool transport_kind_is_reliable(enum transport_kind kind);      /* no retransmissions needed */
uint16_t transport_kind_port(enum transport_kind kind);

/* The way between us and one peer. */
struct transport_flow {
	enum transport_kind kind;
	/* The very address the peer sees (never a wildcard), and our listener's port: where it reaches us. */
	struct net_endpoint local;
	struct net_endpoint remote; /* where packets come from and go to */
	uint64_t connection;        /* of a reliable kind; 0 with UDP, and where none was chosen yet */
	uint32_t peer;              /* TLS that we open: whom we want, of transport_peer; 0: the address itself */
	/* Not known to be behind NAT, nor a flow that has to be kept to: a large request may go there by TCP instead of UDP
	 * (RFC 3261 18.1.1). Of TCP: it is tried for that, and there is another way. */
	bool is_free;
};
enum { TRANSPORT_PEER_ANY = 1 }; /* flow.peer: whoever is there, without verification */
bool transport_flow_is_equal(const struct transport_flow *a, const struct transport_flow *b);
/* What was sent on `flow` went along the connection that `closed` (of on_closed) names. */
bool transport_flow_is_on(const struct transport_flow *flow, const struct transport_flow *closed);

struct transport_listen {
	enum transport_kind kind;
	struct net_endpoint endpoint; /* 0.0.0.0 and :: are allowed; :: is IPv6 only */
};

struct transport_options {
	struct transport_listen listens[TRANSPORT_LISTENS_MAX];
	size_t listen_count;
	/* What Via and Contact say instead of our address, behind 1:1 NAT; family NET_NONE: nothing. For peers of the
	 * same family that are not on this machine. */
	struct net_address advertised;
	uint8_t dscp;                                     /* of SIP, 0..63 */
	uint32_t connections_max, connections_per_source; /* 0: the constants above */
	uint32_t handshakes_max, handshakes_per_source;   /* 0: the constants above */
	struct transport_times times;
	bool shares_ports; /* several transports of this process listen there, each gets its part (SO_REUSEPORT) */
	struct tls_context *tls; /* NULL: no listener is TLS. Outlives the transport */
	/* A handshake is through (error 0) or failed; why is for people. May be NULL. Never from within a call. */
	void (*on_handshake)(void *arg, const struct transport_flow *flow, int error, const char *why);
	void *arg;
};

struct transport_receiver {
	/* A datagram or a whole framed message, at most TRANSPORT_MESSAGE_MAX bytes. They may be written to. */
	void (*on_message)(void *arg, const struct transport_flow *flow, char *bytes, size_t size);
	/* A connection is gone, or never stood. Never from within a call. May be NULL. */
	void (*on_closed)(void *arg, const struct transport_flow *flow, int error);
	void *arg;
};

struct transport_problem {
	char text[256]; /* one line: what could not be done, and what to do about it */
};

/* ERR_EXISTS: the port is in use; ERR_PERMISSION: a port below 1024 without privilege; ERR_NOT_FOUND: not an address of
 * this machine; ERR_UNSUPPORTED, ERR_INVALID, ERR_IO, ERR_NOMEM. ret_problem says it in words. */
int transport_new(struct loop *loop, const struct transport_options *options, const struct transport_receiver *receiver,
		  struct transport **ret_transport, struct transport_problem *ret_problem) WARN_UNUSED;
void transport_free(struct transport *transport); /* NULL is allowed */
/* The endpoint a listener is bound to (port 0 was replaced by the real one); NULL beyond the last. */
const struct transport_listen *transport_listener(const struct transport *transport, size_t index);

/* Whoever wants to see all messages, keep-alives excepted: those received before anybody else does, those sent when they
 * have left. One observer; on_message NULL: none, which costs a branch. */
struct transport_observer {
	void (*on_message)(void *arg, bool is_sent, const struct transport_flow *flow, struct view bytes);
	void *arg;
};
void transport_set_observer(struct transport *transport, const struct transport_observer *observer);

/* Transports of one process that use each other's connections. The upper 16 bits of a flow's connection say whose it is. */
#define TRANSPORT_OWNER_SHIFT 48
struct transport_siblings {
	unsigned own; /* below 32768; 0 unless set */
	/* To another's connection. 0: taken. */
	int (*send)(void *arg, unsigned owner, const struct transport_flow *flow, struct view bytes);
	void (*close)(void *arg, unsigned owner, const struct transport_flow *flow);
	void *arg;
};
/* Before anything is received. */
void transport_set_siblings(struct transport *transport, const struct transport_siblings *siblings);

/* Sends now. ERR_TOO_LONG; ERR_AGAIN (buffers full: treat as lost on the way); ERR_NOT_FOUND (no route, no socket);
 * ERR_CLOSED (the connection is gone, or the peer does not read); ERR_LIMIT (no more connections); ERR_PERMISSION (a
 * packet filter); ERR_IO. On a connection 0 means taken for sending. */
int transport_send(struct transport *transport, const struct transport_flow *flow, struct view bytes) WARN_UNUSED;
/* Closes the flow's connection once all that was sent on it is written; nothing more is read. Nothing with UDP. */
void transport_close(struct transport *transport, const struct transport_flow *flow);
/* A free flow toward a peer: our address is the one the kernel would use. ERR_NOT_FOUND (no route); ERR_UNSUPPORTED (no
 * listener of that kind and family). */
int transport_flow_to(struct transport *transport, enum transport_kind kind, const struct net_endpoint *remote,
		      struct transport_flow *ret_flow) WARN_UNUSED;
/* A number for whom we want to reach by TLS, for flow.peer: a domain as RFC 5922 verifies it. It is the same for all transports
 * with the same options.tls, for its life (at most TLS_NAMES_MAX). ERR_UNSUPPORTED (no TLS), ERR_LIMIT, ERR_TOO_LONG, ERR_NOMEM. */
int transport_peer(struct transport *transport, const char *name, uint32_t *ret_peer) WARN_UNUSED;
/* Which address of this machine reaches a peer, and whether the peer is this machine itself. transport is a struct
 * transport *; the type is that of media_route. ERR_NOT_FOUND. */
int transport_route(void *transport, const struct net_address *toward, struct net_address *ret_source,
		    bool *ret_is_local_host) WARN_UNUSED;
/* What Via and Contact name for this flow: the local endpoint, or the advertised address with its port. */
void transport_advertised(struct transport *transport, const struct transport_flow *flow,
			  struct net_endpoint *ret_endpoint);

struct transport_kind_stats {
	uint64_t received, received_bytes, sent, sent_bytes;
	uint32_t connections; /* now */
};

struct transport_stats {
	struct transport_kind_stats kinds[TRANSPORT_COUNT];
	uint64_t sent_requests[SIP_METHOD_COUNT];
	uint64_t sent_responses[TRANSPORT_CLASSES]; /* by the code's first digit */
	uint64_t received, received_bytes, sent, sent_bytes;
	uint64_t keep_alives; /* swallowed */
	uint64_t truncated;   /* larger than TRANSPORT_MESSAGE_MAX: dropped; connections are closed */
	uint64_t send_errors;
	uint32_t connections; /* now */
	uint64_t accepted, opened;
	uint64_t refused;  /* not accepted: a limit, or no descriptors */
	uint64_t timeouts; /* cut off by one of the times above */
	/* TLS, both directions: through, failed, not finished in time, and refused for a limit */
	uint64_t handshakes, handshakes_failed, handshakes_late, handshakes_refused;
	uint32_t handshaking; /* accepted and not through yet, now */
};
const struct transport_stats *transport_stats(const struct transport *transport);

#endif
