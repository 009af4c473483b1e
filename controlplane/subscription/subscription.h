/* Who wants to be told what: a notifier for SUBSCRIBE (RFC 6665) with three event packages about our extensions:
 *   dialog           whose phone rings or talks (RFC 4235), for busy lamps and pick-up; application/dialog-info+xml
 *   presence         open when registered, closed when not (RFC 3856, 3863); application/pidf+xml
 *   message-summary  messages in the extension's own mailbox (RFC 3842); application/simple-message-summary
 *
 * Used by controlplane/app: it hands SUBSCRIBE over, calls subscription_changed when calls or the registrar say that
 * something about an extension is new, and answers what there is to say (struct subscription_sources).
 * What a SUBSCRIBE gets:
 *   200  then a NOTIFY at once, one after each change, and a last one when it ends. Every one says everything (full state)
 *   401  not authenticated; refreshes inside the dialog are known by their tags
 *   403  message-summary of somebody else's mailbox
 *   404  no such extension                             406  Accept does not name the package's type
 *   423  fewer than SUBSCRIPTION_EXPIRES_MIN_S seconds (not 0), with Min-Expires
 *   481  inside a dialog that is none of ours          489  another package, with Allow-Events
 *   503  a limit below is reached, with Retry-After
 * Expires 0 is a poll (without a dialog) or the end of a subscription; either brings one NOTIFY. More than the maximum
 * is cut to it. Changes within SUBSCRIPTION_PACE_MS are one NOTIFY, and there is one NOTIFY at a time. A NOTIFY that fails
 * (481, any other refusal, no answer) ends the subscription; so does time (reason=timeout).
 * Threads: the signalling loop's only. Ownership: subscriptions belong to the table. Memory: about 1 KB each.
 */
#ifndef CONTROLPLANE_SUBSCRIPTION_SUBSCRIPTION_H
#define CONTROLPLANE_SUBSCRIPTION_SUBSCRIPTION_H

#include "lib/base/base.h"

struct auth;
struct loop;
struct subscription_table;
struct transaction;
struct transaction_layer;

enum {
	SUBSCRIPTION_EXPIRES_MIN_S = 60,
	SUBSCRIPTION_EXPIRES_MAX_S = 3600, /* also when the request names none */
	SUBSCRIPTION_PACE_MS = 50,
	SUBSCRIPTION_EACH_MAX = 100, /* of one subscriber */
	SUBSCRIPTION_ALL_MAX = 10000,
	SUBSCRIPTION_DIALOGS_MAX = 8, /* told of one extension; the oldest ones */
	SUBSCRIPTION_BODY_MAX = 8192,
};

#define SUBSCRIPTION_PACKAGE_LIST(X)                                                                                   \
	X(SUBSCRIPTION_DIALOG, "dialog", "application/dialog-info+xml")                                                \
	X(SUBSCRIPTION_PRESENCE, "presence", "application/pidf+xml")                                                   \
	X(SUBSCRIPTION_MESSAGES, "message-summary", "application/simple-message-summary")
enum subscription_package {
#define X(id, name, type) id,
	SUBSCRIPTION_PACKAGE_LIST(X)
#undef X
		SUBSCRIPTION_PACKAGE_COUNT
};
#define SUBSCRIPTION_ALLOW_EVENTS "dialog, presence, message-summary, refer"

/* One call of an extension, as its phone sees it. */
struct subscription_dialog {
	const char *id, *call_id, *local_tag, *remote_tag; /* remote_tag: ours */
	const char *state;                                 /* "trying", "early", "confirmed" */
	bool is_initiator;                                 /* the extension called */
	struct view remote_user;                           /* may be empty */
};

struct subscription_sources {
	bool (*is_extension)(void *arg, struct view number);
	bool (*is_registered)(void *arg, struct view number);
	/* Visits the calls of an extension, oldest first. */
	void (*walk_dialogs)(void *arg, struct view number,
			     void (*visit)(const struct subscription_dialog *dialog, void *visit_arg), void *visit_arg);
	/* New and old messages in its mailbox; NULL: there are no mailboxes. */
	void (*count_messages)(void *arg, struct view number, uint32_t *ret_new, uint32_t *ret_old);
	void *arg;
};

/* ERR_NOMEM. */
int subscription_table_new(struct loop *loop, struct transaction_layer *transactions, struct auth *auth,
			   const struct subscription_sources *sources,
			   struct subscription_table **ret_table) WARN_UNUSED;
/* Says nothing to anybody. NULL is fine. */
void subscription_table_free(struct subscription_table *table);

/* A SUBSCRIBE, in or outside a dialog: always answered. */
void subscription_on_request(struct subscription_table *table, struct transaction *transaction);
/* Something of that package about that extension may be new. Cheap when nobody subscribed to it. */
void subscription_changed(struct subscription_table *table, enum subscription_package package, struct view number);
uint32_t subscription_count(const struct subscription_table *table);

#endif
