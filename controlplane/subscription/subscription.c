/* SUBSCRIBE: who may, to what, how long. */
#include "controlplane/subscription/subscription_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/auth/auth.h"
#include "lib/log/log.h"

static struct list *bucket_of(struct subscription_table *table, struct view number)
{
	return &table->buckets[hash_bytes(number.at, number.size) % SUBSCRIPTION_BUCKETS];
}

/* ---- life ---- */

int subscription_table_new(struct loop *loop, struct transaction_layer *transactions, struct auth *auth,
			   const struct subscription_sources *sources, struct subscription_table **ret_table)
{
	struct subscription_table *table = calloc(1, sizeof(*table));

	if (!table || dialog_table_init(&table->dialogs) != 0) {
		free(table);
		return ERR_NOMEM;
	}
	table->loop = loop;
	table->transactions = transactions;
	table->auth = auth;
	table->sources = *sources;
	for (size_t i = 0; i < SUBSCRIPTION_BUCKETS; i++)
		list_init(&table->buckets[i]);
	*ret_table = table;
	return 0;
}

void subscription_table_free(struct subscription_table *table)
{
	struct list *link;

	if (!table)
		return;
	for (size_t i = 0; i < SUBSCRIPTION_BUCKETS; i++)
		while ((link = list_first(&table->buckets[i])))
			subscription_free(LIST_ENTRY(link, struct subscription, link));
	dialog_table_fini(&table->dialogs);
	free(table);
}

void subscription_free(struct subscription *subscription)
{
	struct subscription_table *table = subscription->table;

	loop_timer_stop(table->loop, &subscription->expiry);
	loop_timer_stop(table->loop, &subscription->pace);
	if (subscription->notify)
		transaction_set_handler(subscription->notify, NULL, NULL);
	dialog_free(subscription->dialog);
	list_del(&subscription->link);
	table->count--;
	free(subscription);
}

static void on_expiry(void *arg)
{
	struct subscription *subscription = arg;

	if (subscription->is_over) /* its NOTIFY could not be sent */
		subscription_free(subscription);
	else
		subscription_end(subscription);
}

static void on_pace(void *arg)
{
	subscription_notify(arg);
}

/* ---- SUBSCRIBE ---- */

/* What is asked for, and the answer. */
struct request {
	struct subscription_table *table;
	const struct sip_message *message;
	struct transaction *transaction;
	enum subscription_package package;
	char number[SUBSCRIPTION_NUMBER_SIZE];
	uint32_t expires_s;
};

static void write_headers(struct sip_writer *out, void *arg)
{
	const struct request *request = arg;

	sip_write_header_u32(out, SIP_HEADER_EXPIRES, request->expires_s);
	dialog_write_contact(request->table->transactions, transaction_flow(request->transaction), out);
	sip_write_header(out, SIP_HEADER_ALLOW_EVENTS, SUBSCRIPTION_ALLOW_EVENTS);
}

static void write_refusal(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_ALLOW_EVENTS, SUBSCRIPTION_ALLOW_EVENTS);
	sip_write_header_u32(out, SIP_HEADER_MIN_EXPIRES, SUBSCRIPTION_EXPIRES_MIN_S);
}

static void write_retry_after(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_RETRY_AFTER, "60");
}

static void refuse(struct transaction *transaction, unsigned status)
{
	struct transaction_reply reply = {.status = status};

	if (status == 423 || status == 489)
		reply.headers = write_refusal;
	else if (status == 503)
		reply.headers = write_retry_after;
	transaction_respond(transaction, &reply);
}

static void grant(struct request *request, const struct subscription *subscription)
{
	struct transaction_reply reply = {
		.status = 200, .to_tag = subscription->dialog->local_tag, .headers = write_headers, .arg = request};

	transaction_respond(request->transaction, &reply);
}

static unsigned read_package(struct request *request)
{
	struct view value = sip_header_find(request->message, SIP_HEADER_EVENT), accepted;
	struct sip_event event;
	bool has_accept = false;

	if (!value.at || sip_event_parse(value, &event) != 0)
		return 489;
	for (request->package = 0; request->package < SUBSCRIPTION_PACKAGE_COUNT; request->package++)
		if (view_is(event.package, subscription_package_name(request->package)))
			break;
	if (request->package == SUBSCRIPTION_PACKAGE_COUNT)
		return 489;
	SIP_HEADER_FOREACH (request->message, SIP_HEADER_ACCEPT, accepted) {
		struct view type = view_trim(view_cut(&accepted, ';'));

		if (view_is_nocase(type, subscription_package_type(request->package)) || view_is(type, "*/*"))
			return 0;
		has_accept = true;
	}
	return has_accept ? 406 : 0;
}

static unsigned read_expires(struct request *request)
{
	int error = sip_header_u32(request->message, SIP_HEADER_EXPIRES, UINT32_MAX, &request->expires_s);

	if (error == ERR_SYNTAX)
		return 400;
	if (error || request->expires_s > SUBSCRIPTION_EXPIRES_MAX_S)
		request->expires_s = SUBSCRIPTION_EXPIRES_MAX_S;
	return request->expires_s > 0 && request->expires_s < SUBSCRIPTION_EXPIRES_MIN_S ? 423 : 0;
}

static unsigned read_number(struct request *request, const struct auth_account *account)
{
	const struct subscription_sources *sources = &request->table->sources;
	struct view user = request->message->uri.user.at ? request->message->uri.user : VIEW_EMPTY;
	struct text text;

	text_init(&text, request->number, sizeof(request->number));
	if (sip_unescape(user, &text) != 0 || text.overflow || !sources->is_extension(sources->arg, text_view(&text)))
		return 404;
	if (request->package == SUBSCRIPTION_MESSAGES && !view_is(text_view(&text), account->number))
		return 403;
	return 0;
}

static unsigned check_limits(struct subscription_table *table, const char *subscriber)
{
	unsigned count = 0;

	if (table->count >= SUBSCRIPTION_ALL_MAX)
		return 503;
	/* Once an hour and subscription: not worth a second index. */
	for (size_t i = 0; i < SUBSCRIPTION_BUCKETS; i++)
		LIST_FOREACH (link, &table->buckets[i])
			count += strcmp(LIST_ENTRY(link, struct subscription, link)->subscriber, subscriber) == 0;
	return count >= SUBSCRIPTION_EACH_MAX ? 503 : 0;
}

static unsigned make(struct request *request, const struct auth_account *account, struct subscription **ret_made)
{
	struct subscription_table *table = request->table;
	struct subscription *subscription = calloc(1, sizeof(*subscription));
	int error;

	if (!subscription)
		return 500;
	subscription->table = table;
	subscription->package = request->package;
	error = dialog_new_server(&table->dialogs, request->message, transaction_flow(request->transaction),
				  transaction_tag(request->transaction), subscription, &subscription->dialog);
	if (error || view_copy(sip_header_find(request->message, SIP_HEADER_EVENT), subscription->event,
			       sizeof(subscription->event)) != 0) {
		dialog_free(subscription->dialog);
		free(subscription);
		return error == ERR_NOMEM ? 500 : 400;
	}
	snprintf(subscription->number, sizeof(subscription->number), "%s", request->number);
	snprintf(subscription->subscriber, sizeof(subscription->subscriber), "%s", account->number);
	loop_timer_init(&subscription->expiry, on_expiry, subscription);
	loop_timer_init(&subscription->pace, on_pace, subscription);
	list_add(bucket_of(table, view_of(subscription->number)), &subscription->link);
	table->count++;
	*ret_made = subscription;
	return 0;
}

static bool authenticate(struct request *request, const struct auth_account **ret_account)
{
	struct auth_verdict verdict;
	struct transaction_reply reply = {.headers = auth_write_challenge, .arg = &verdict};

	auth_check(request->table->auth, request->message, &transaction_flow(request->transaction)->remote, AUTH_SERVER,
		   loop_now_ms(request->table->loop), &verdict);
	*ret_account = verdict.account;
	if (verdict.result == AUTH_OK)
		return true;
	reply.status = verdict.status;
	transaction_respond(request->transaction, &reply);
	return false;
}

/* As long as was granted from now on; not at all ends it. */
static void keep_or_end(struct subscription *subscription, uint32_t expires_s)
{
	if (expires_s == 0) {
		subscription_end(subscription);
		return;
	}
	loop_timer_start(subscription->table->loop, &subscription->expiry, expires_s * 1000ull);
	subscription_notify(subscription);
}

static void begin(struct request *request)
{
	const struct auth_account *account;
	struct subscription *subscription = NULL;
	unsigned status;

	if (!authenticate(request, &account))
		return;
	if ((status = read_package(request)) || (status = read_expires(request)) ||
	    (status = read_number(request, account)) || (status = check_limits(request->table, account->number)) ||
	    (status = make(request, account, &subscription))) {
		refuse(request->transaction, status);
		return;
	}
	grant(request, subscription);
	log_debug("subscription", "%s watches %s of %s for %u s", subscription->subscriber,
		  subscription_package_name(subscription->package), subscription->number, request->expires_s);
	keep_or_end(subscription, request->expires_s);
}

static void refresh(struct request *request)
{
	struct dialog *dialog = dialog_find(&request->table->dialogs, request->message);
	struct subscription *subscription = dialog ? dialog->owner : NULL;
	unsigned status;

	if (!subscription || subscription->is_over) {
		refuse(request->transaction, 481);
		return;
	}
	if (dialog_receive(dialog, request->message, transaction_flow(request->transaction)) != 0) {
		refuse(request->transaction, 500);
		return;
	}
	if ((status = read_package(request)) || (status = read_expires(request))) {
		refuse(request->transaction, status);
		return;
	}
	if (request->package != subscription->package) { /* a second usage of the dialog: RFC 5057 says better not */
		refuse(request->transaction, 403);
		return;
	}
	grant(request, subscription);
	keep_or_end(subscription, request->expires_s);
}

void subscription_on_request(struct subscription_table *table, struct transaction *transaction)
{
	struct request request = {
		.table = table, .transaction = transaction, .message = transaction_request(transaction)};

	if (request.message->to.tag.at)
		refresh(&request);
	else
		begin(&request);
}

/* ---- news ---- */

void subscription_changed(struct subscription_table *table, enum subscription_package package, struct view number)
{
	LIST_FOREACH (link, bucket_of(table, number)) {
		struct subscription *subscription = LIST_ENTRY(link, struct subscription, link);

		if (subscription->package == package && !subscription->is_over &&
		    view_is(number, subscription->number) && !loop_timer_is_running(&subscription->pace))
			loop_timer_start(table->loop, &subscription->pace, SUBSCRIPTION_PACE_MS);
	}
}

uint32_t subscription_count(const struct subscription_table *table)
{
	return table->count;
}
