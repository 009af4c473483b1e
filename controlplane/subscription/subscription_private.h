/* Inside controlplane/subscription. */
#ifndef CONTROLPLANE_SUBSCRIPTION_PRIVATE_H
#define CONTROLPLANE_SUBSCRIPTION_PRIVATE_H

#include "controlplane/dialog/dialog.h"
#include "controlplane/loop/loop.h"
#include "controlplane/subscription/subscription.h"
#include "controlplane/transaction/transaction.h"
#include "lib/container/list.h"

enum { SUBSCRIPTION_NUMBER_SIZE = 65, SUBSCRIPTION_BUCKETS = 1024 };

struct subscription {
	struct list link; /* in a bucket of its table, by number */
	struct subscription_table *table;
	struct dialog *dialog;
	enum subscription_package package;
	char number[SUBSCRIPTION_NUMBER_SIZE], subscriber[SUBSCRIPTION_NUMBER_SIZE];
	char event[96]; /* Event as the subscriber has it, with its id */
	struct loop_timer expiry, pace;
	struct transaction *notify; /* under way */
	uint32_t version;
	bool is_dirty; /* something is new since the last NOTIFY */
	bool is_over;  /* the last NOTIFY is to be sent, or under way */
};

struct subscription_table {
	struct loop *loop;
	struct transaction_layer *transactions;
	struct auth *auth;
	struct subscription_sources sources;
	struct dialog_table dialogs;
	struct list buckets[SUBSCRIPTION_BUCKETS];
	uint32_t count;
};

const char *subscription_package_name(enum subscription_package package);
const char *subscription_package_type(enum subscription_package package);
/* The last NOTIFY; it frees itself then. */
void subscription_end(struct subscription *subscription);
/* Sends a NOTIFY now, or as soon as the one under way is answered. */
void subscription_notify(struct subscription *subscription);
void subscription_free(struct subscription *subscription);
/* What there is to say. host: we, as the subscriber knows us. */
void subscription_print(struct subscription *subscription, const char *host, struct text *out);

#endif
