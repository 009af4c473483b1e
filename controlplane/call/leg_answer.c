/* The answers of a leg: to the INVITE that made it, to re-INVITE and BYE of its peer. */
#include "controlplane/call/leg.h"
#include "controlplane/call/session.h"

#include "lib/config/config.h"

static const struct view sdp_type = {"application/sdp", 15};

/* The request that waits for our answer: a re-INVITE when there is one. */
static struct transaction *waiting(const struct leg *leg)
{
	return leg->modify ? leg->modify : leg->invite;
}

static void write_headers(struct sip_writer *out, void *arg)
{
	struct leg *leg = arg;

	leg_write_own_headers(out, leg);
	timer_write_answer(out, leg);
	crossing_write_kept(out, leg);
}

void leg_answer_now(struct leg *leg, struct view body)
{
	struct transaction *transaction = waiting(leg);
	struct transaction_reply reply = {
		.status = 200,
		.to_tag = leg->dialog->local_tag,
		.headers = write_headers,
		.arg = leg,
		.content_type = body.size > 0 ? sdp_type : VIEW_EMPTY,
		.body = body,
	};

	if (transaction && transaction_respond(transaction, &reply) != 0)
		leg_lose(leg);
}

void send_provisional(void *owner, const void *data)
{
	const struct leg_input *input = data;

	reliable_send(owner, input->status, input->body);
}

void send_success(void *owner, const void *data)
{
	if (!reliable_holds_answer(owner))
		leg_answer_now(owner, ((const struct leg_input *)data)->body);
}

/* What is wrong with the session description (RFC 3261 20.43): of the leg itself, or of one that it was to be passed on to. */
static void write_warning(struct sip_writer *out, const struct leg *leg)
{
	unsigned warning = leg->warning;
	char host[NET_ENDPOINT_TEXT];

	LIST_FOREACH (link, &leg->call->legs)
		if (warning == SECURE_FINE)
			warning = LIST_ENTRY(link, struct leg, link)->warning;
	if (warning == SECURE_FINE || !leg->dialog)
		return;
	dialog_print_host(leg->call->table->services.transactions, &leg->dialog->flow, host);
	sip_write_header(out, SIP_HEADER_WARNING, "%u %s \"%s\"", secure_warnings[warning].code, host,
			 secure_warnings[warning].text);
}

struct refusal {
	struct leg *leg;
	unsigned status;
};

static void write_refusal(struct sip_writer *out, void *arg)
{
	const struct refusal *refusal = arg;
	const struct leg *leg = refusal->leg;
	const struct call_cause *cause = &leg->call->cause;

	crossing_write_kept(out, leg);
	if (refusal->status == 488)
		write_warning(out, leg);
	if (cause->sip == 503 && (!leg->crossed || !strstr(leg->crossed, "Retry-After:")))
		sip_write_header(out, SIP_HEADER_RETRY_AFTER, "5");
	if (cause->sip == 422)
		sip_write_header_u32(out, SIP_HEADER_MIN_SE,
				     leg->call->table->services.conf->sip.min_session_expires_s);
	crossing_write_reason(out, leg->call, false);
}

/* The final answer that is not a 2xx; after it the request is no longer ours. */
static void refuse(struct leg *leg, unsigned status)
{
	struct transaction **slot = leg->modify ? &leg->modify : &leg->invite, *transaction = *slot;
	struct refusal refusal = {leg, status};
	struct transaction_reply reply = {
		.status = status,
		.to_tag = leg->dialog ? leg->dialog->local_tag : NULL,
		.headers = write_refusal,
		.arg = &refusal,
	};

	if (!transaction)
		return;
	transaction_set_handler(transaction, NULL, NULL);
	*slot = NULL;
	(void)transaction_respond(transaction, &reply); /* failing to refuse, the peer times out */
}

void send_failure(void *owner, const void *data)
{
	unsigned status = ((const struct leg_input *)data)->status;

	refuse(owner, status >= 300 ? status : 480);
}

void send_terminated(void *owner, const void *data)
{
	refuse(owner, 487);
}

static void answer_now(const struct leg_input *input, unsigned status)
{
	if (input->transaction)
		transaction_respond_status(input->transaction, status);
}

void answer_bye(void *owner, const void *data)
{
	answer_now(data, 200);
}

static void write_retry(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_RETRY_AFTER, "3");
}

/* A second INVITE while the first has no final response: RFC 3261 14.2. */
void refuse_retry(void *owner, const void *data)
{
	const struct leg_input *input = data;
	struct transaction_reply reply = {.status = 500, .headers = write_retry};

	if (input->transaction)
		transaction_respond(input->transaction, &reply);
}

/* Our own INVITE in this dialog is under way: RFC 3261 14.2. */
void refuse_pending(void *owner, const void *data)
{
	answer_now(data, 491);
}

void refuse_gone(void *owner, const void *data)
{
	answer_now(data, 481);
}
