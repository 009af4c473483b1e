/* Requests inside a dialog that are between the two parties, INFO (DTMF, RFC 6086) and MESSAGE: said again on the other leg,
 * and its answer said back. */
#include "controlplane/call/leg.h"

#include <stdlib.h>

enum { RELAYS_MAX = 16 };

/* One request on its way. Owned by the leg that asked; freed when both transactions are over, or the leg goes. */
struct relay {
	struct list link; /* in leg->relays */
	struct leg *leg;
	struct transaction *asked, *passed;
};

static void relay_free(struct relay *relay)
{
	if (relay->asked)
		transaction_set_handler(relay->asked, NULL, NULL);
	if (relay->passed)
		transaction_set_handler(relay->passed, NULL, NULL);
	relay->leg->relay_count--;
	list_del(&relay->link);
	free(relay);
}

static void write_answer(struct sip_writer *out, void *arg)
{
	const struct sip_message *response = arg;

	if (response)
		sip_write_copy(out, response, SIP_HEADER_RETRY_AFTER);
}

static void on_passed(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct relay *relay = arg;
	struct transaction_reply reply = {.headers = write_answer, .arg = (void *)(uintptr_t)event->message};

	if (event->type == TRANSACTION_TERMINATED)
		relay->passed = NULL;
	else if (event->status < 200)
		return;
	if (relay->asked) {
		struct transaction *asked = relay->asked;

		relay->asked = NULL;
		transaction_set_handler(asked, NULL, NULL);
		/* Challenges of one party are not for the other. */
		reply.status =
			event->status < 200 || event->status == 401 || event->status == 407 ? 480 : event->status;
		transaction_respond(asked, &reply);
	}
	relay_free(relay);
}

static void on_asked(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	if (event->type == TRANSACTION_TERMINATED)
		((struct relay *)arg)->asked = NULL;
}

void relay_request(struct leg *leg, struct transaction *transaction)
{
	struct transaction_layer *layer = leg->call->table->services.transactions;
	const struct sip_message *request = transaction_request(transaction);
	struct leg *other = call_other_leg(leg->call, leg);
	struct relay *relay;
	struct sip_writer *out;

	if (!other || !leg_is_up(other)) {
		/* An echo has nobody to tell, and nothing to refuse. */
		transaction_respond_status(transaction, !other && leg_is_up(leg) ? 200 : 480);
		return;
	}
	relay = leg->relay_count < RELAYS_MAX ? calloc(1, sizeof(*relay)) : NULL;
	if (!relay) {
		transaction_respond_status(transaction, 503);
		return;
	}
	relay->leg = leg;
	relay->asked = transaction;
	leg->relay_count++;
	list_add(&leg->relays, &relay->link);
	transaction_set_handler(transaction, on_asked, relay);
	out = dialog_begin(other->dialog, layer, request->method);
	crossing_write(out, request, CROSSING_TALK, leg->call->identity.is_private && leg == leg->call->caller);
	if (transaction_send(layer, request->content_type.at ? request->content_type : VIEW_EMPTY, request->body,
			     on_passed, relay, &relay->passed) != 0) {
		relay_free(relay);
		transaction_respond_status(transaction, 500);
	}
}

void relay_stop(struct leg *leg)
{
	struct list *link;

	while ((link = list_first(&leg->relays))) {
		struct relay *relay = LIST_ENTRY(link, struct relay, link);
		struct transaction *asked = relay->asked;

		relay_free(relay);
		if (asked)
			transaction_respond_status(asked, 481);
	}
}
