/* What becomes of a REFER, told to who sent it: NOTIFY with a sipfrag, in the dialog of the REFER. RFC 3515 2.4.4, RFC 3420.
 * One at a time, so that they cannot overtake each other; what happens meanwhile is told next, and only the newest of it. */
#include "controlplane/call/transfer.h"

#include <stdio.h>

static void send(struct transfer *transfer, unsigned status);

static void end_replaced(struct transfer *transfer)
{
	if (transfer->replaced)
		leg_feed(transfer->replaced, LEG_CALL_END, NULL);
}

static void on_notify(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct transfer *transfer = arg;
	unsigned next = transfer->next_report;

	if (event->type == TRANSACTION_RESPONSE && event->status < 200)
		return;
	transaction_set_handler(transaction, NULL, NULL);
	transfer->notify = NULL;
	transfer->next_report = 0;
	if (event->status >= 300) /* it does not want to hear more */
		transfer->referrer = NULL;
	if (next > 0 && transfer->referrer)
		send(transfer, next);
	else if (transfer->reported >= 200 || next >= 200)
		end_replaced(transfer);
}

static void send(struct transfer *transfer, unsigned status)
{
	static const struct view type = {"message/sipfrag;version=2.0", 27};
	struct transaction_layer *layer = transfer->call->table->services.transactions;
	struct sip_writer *out = dialog_begin(transfer->referrer->dialog, layer, SIP_METHOD_NOTIFY);
	char body[96];

	transfer->reported = status;
	snprintf(body, sizeof(body), "SIP/2.0 %u %s\r\n", status, sip_status_reason(status));
	dialog_write_contact(layer, &transfer->referrer->dialog->flow, out);
	if (transfer->event_id > 0)
		sip_write_header(out, SIP_HEADER_EVENT, "refer;id=%u", transfer->event_id);
	else
		sip_write_header(out, SIP_HEADER_EVENT, "refer");
	sip_write_header(out, SIP_HEADER_SUBSCRIPTION_STATE, "%s",
			 status < 200 ? "active;expires=180" : "terminated;reason=noresource");
	if (transaction_send(layer, type, view_of(body), on_notify, transfer, &transfer->notify) != 0) {
		transfer->notify = NULL;
		transfer->referrer = NULL;
		if (status >= 200)
			end_replaced(transfer);
	}
}

void transfer_report(struct transfer *transfer, unsigned status)
{
	if (!transfer->referrer) {
		if (status >= 200)
			end_replaced(transfer);
	} else if (transfer->notify) {
		transfer->next_report = status;
	} else {
		send(transfer, status);
	}
}
