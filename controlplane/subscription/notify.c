/* NOTIFY: when, and what becomes of the answer. */
#include "controlplane/subscription/subscription_private.h"

static void on_notify(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct subscription *subscription = arg;

	if (event->type == TRANSACTION_RESPONSE && event->status < 200)
		return;
	transaction_set_handler(transaction, NULL, NULL);
	subscription->notify = NULL;
	/* Whoever refuses it, does not answer, or got the last one is not told any more (RFC 6665 4.2.2). */
	if (event->status >= 300 || (subscription->is_over && !subscription->is_dirty))
		subscription_free(subscription);
	else if (subscription->is_dirty)
		subscription_notify(subscription);
}

void subscription_notify(struct subscription *subscription)
{
	struct subscription_table *table = subscription->table;
	char buffer[SUBSCRIPTION_BODY_MAX], host[NET_ENDPOINT_TEXT];
	struct sip_writer *out;
	struct text body;

	subscription->is_dirty = true;
	if (subscription->notify)
		return;
	subscription->is_dirty = false;
	text_init(&body, buffer, sizeof(buffer));
	subscription_print(subscription, dialog_print_host(table->transactions, &subscription->dialog->flow, host),
			   &body);
	out = dialog_begin(subscription->dialog, table->transactions, SIP_METHOD_NOTIFY);
	dialog_write_contact(table->transactions, &subscription->dialog->flow, out);
	sip_write_header(out, SIP_HEADER_EVENT, "%s", subscription->event);
	if (subscription->is_over)
		sip_write_header(out, SIP_HEADER_SUBSCRIPTION_STATE, "terminated;reason=timeout");
	else
		sip_write_header(out, SIP_HEADER_SUBSCRIPTION_STATE, "active;expires=%u",
				 (unsigned)((loop_timer_left_ms(table->loop, &subscription->expiry) + 999) / 1000));
	subscription->version++;
	if (body.overflow ||
	    transaction_send(table->transactions, view_of(subscription_package_type(subscription->package)),
			     text_view(&body), on_notify, subscription, &subscription->notify) != 0) {
		subscription->notify = NULL;
		subscription->is_over = true;
		/* Not from here: the caller still has it in hand. */
		loop_timer_start(table->loop, &subscription->expiry, 1);
	}
}

void subscription_end(struct subscription *subscription)
{
	loop_timer_stop(subscription->table->loop, &subscription->pace);
	loop_timer_stop(subscription->table->loop, &subscription->expiry);
	subscription->is_over = true;
	subscription_notify(subscription);
}
