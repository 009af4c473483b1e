/* Dialogs: what two user agents remember of each other between transactions. RFC 3261 section 12.
 *
 * Used by controlplane/call: a leg has one dialog, made from the INVITE that came or for the INVITE that goes out. The
 * table finds the dialog that a request belongs to.
 * NAT (SIP-6): requests inside a dialog go to where the peer's packets came from (the dialog's flow), whatever Contact
 * and Record-Route name; these still make up the Request-URI and the Route headers, as a proxy wants to read them. The
 * flow follows each request that the peer sends inside the dialog.
 * Threads: the signalling loop's only. Ownership: the maker owns the dialog and frees it; the table only finds it.
 * Limits: DIALOG_ROUTES_MAX Record-Route values, DIALOG_TEXT_MAX bytes for each text; beyond them ERR_TOO_LONG.
 */
#ifndef CONTROLPLANE_DIALOG_DIALOG_H
#define CONTROLPLANE_DIALOG_DIALOG_H

#include "controlplane/transport/transport.h"
#include "lib/container/map.h"
#include "lib/sip/sip.h"

struct transaction_layer;

enum { DIALOG_ROUTES_MAX = 16, DIALOG_TEXT_MAX = 1024, DIALOG_MAX_FORWARDS = 70 };

struct dialog_table {
	struct map dialogs;
	/* Before each request that we begin on a connection which the peer opened: where the peer is now. May be NULL. */
	void (*follow)(void *arg, struct transport_flow *flow);
	void *follow_arg;
};

struct dialog {
	struct map_node node; /* by Call-ID and local tag */
	struct dialog_table *table;
	void *owner; /* the leg */
	char *call_id, *local_tag;
	char *remote_tag;                 /* "" until the peer answered */
	char *local_party, *remote_party; /* name-addresses for From and To, without tags */
	char *remote_target;              /* URI of the peer's Contact */
	char *routes;                     /* route set as one comma list, "" when empty; in the order of use */
	uint32_t local_cseq, remote_cseq;
	bool has_remote_cseq;
	unsigned max_forwards; /* of what we send; 70 unless the request that is passed on had less */
	struct transport_flow flow;
};

/* ERR_NOMEM. */
int dialog_table_init(struct dialog_table *table) WARN_UNUSED;
void dialog_table_fini(struct dialog_table *table);

/* The callee's side: from an INVITE without a To tag (12.1.1). ERR_SYNTAX: no usable Contact; ERR_TOO_LONG, ERR_NOMEM. */
int dialog_new_server(struct dialog_table *table, const struct sip_message *invite, const struct transport_flow *flow,
		      const char *local_tag, void *owner, struct dialog **ret_dialog) WARN_UNUSED;

struct dialog_plan {
	const char *call_id, *local_tag;
	const char *local_party, *remote_party; /* name-addresses without tags */
	struct view target;                     /* Request-URI of the INVITE */
	struct view routes;                     /* Route of the INVITE as one comma list; may be empty */
	unsigned max_forwards;                  /* 0: 70 */
	struct transport_flow flow;
};
/* The caller's side, before any response: dialog_adopt makes it whole. */
int dialog_new_client(struct dialog_table *table, const struct dialog_plan *plan, void *owner,
		      struct dialog **ret_dialog) WARN_UNUSED;
/* Takes tag, target and route set of a response to our INVITE (12.1.2); a later response with another tag replaces
 * them until the dialog is confirmed by a 2xx, which the caller sees to. ERR_SYNTAX (no tag), ERR_TOO_LONG, ERR_NOMEM:
 * nothing was changed. */
int dialog_adopt(struct dialog *dialog, const struct sip_message *response,
		 const struct transport_flow *flow) WARN_UNUSED;
/* True when a response is of this dialog: its To tag is the remote tag. */
bool dialog_is_of(const struct dialog *dialog, const struct sip_message *response);
void dialog_free(struct dialog *dialog); /* NULL is fine */

/* The dialog a request inside one belongs to (12.2.2), or NULL. */
struct dialog *dialog_find(struct dialog_table *table, const struct sip_message *request);
/* By its names: for Replaces, and for tests. */
struct dialog *dialog_find_named(struct dialog_table *table, struct view call_id, struct view local_tag,
				 struct view remote_tag);
/* Takes a request of the peer into account: CSeq, flow, and with INVITE or UPDATE the target (12.2.2). ERR_RANGE: a
 * CSeq out of order, to be answered with 500. */
int dialog_receive(struct dialog *dialog, const struct sip_message *request,
		   const struct transport_flow *flow) WARN_UNUSED;
/* A new target from a 2xx to our re-INVITE. A response without a usable Contact leaves the old one. */
void dialog_retarget(struct dialog *dialog, const struct sip_message *response);

/* Begins a request inside the dialog through transaction_begin: Request-URI, Via, Max-Forwards, Route, From, To, Call-ID
 * and the next CSeq. The first request of dialog_new_client (the INVITE) begins the same way. */
struct sip_writer *dialog_begin(struct dialog *dialog, struct transaction_layer *layer, enum sip_method method);
/* The same for the ACK of a 2xx, which has the CSeq of its INVITE. */
struct sip_writer *dialog_begin_ack(struct dialog *dialog, struct transaction_layer *layer, uint32_t invite_cseq);
/* We, as this peer reaches us: "192.0.2.1:5070", "[2001:db8::1]"; the port is left out where it is the usual one. Returns
 * host. */
const char *dialog_print_host(struct transaction_layer *layer, const struct transport_flow *flow,
			      char host[NET_ENDPOINT_TEXT]);
/* Contact: <sip:us>, with the transport where it is not UDP. */
void dialog_write_contact(struct transaction_layer *layer, const struct transport_flow *flow, struct sip_writer *out);

#endif
