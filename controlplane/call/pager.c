/* Requests outside of any dialog that are no calls: MESSAGE (RFC 3428), sent on where the dial plan says, and OPTIONS about an
 * extension, for who has an account. A MESSAGE goes to all contacts of an extension at once, or to the carriers of a trunk one
 * after the other; the first 2xx is its answer, else the failure that says most. Every attempt is a transaction of its own with
 * a Call-ID of ours, so nobody learns where the other is. */
#include "controlplane/call/pager.h"
#include "controlplane/call/callee.h"
#include "controlplane/call/leg.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/auth/auth.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"

/* Then the sender hears what is known: 8 s before its own transaction ends without a word (RFC 4320). */
enum { PATIENCE_MS = 24000 };

struct attempt {
	struct pager *pager;
	struct transaction *transaction; /* NULL: none, or over */
	struct trunk *trunk;             /* NULL: a contact */
	struct transport_flow flow;
	char *target;    /* Request-URI; owned */
	bool has_proved; /* a carrier's challenge was answered */
	char call_id[CALL_ID_SIZE], tag[17];
	uint32_t cseq;
};

/* One message on its way. In table->pagers; freed when it is answered and no attempt is left. */
struct pager {
	struct list link;
	struct call_table *table;
	struct transaction *asked; /* NULL: answered, or over */
	struct call_identity identity;
	struct routing_decision decision;
	struct trunk *trunks[CALL_LEGS_MAX];
	size_t trunk_count, next_trunk; /* next_trunk - 1: the one whose flows these are */
	struct transport_flow flows[TRUNK_TARGETS_MAX];
	size_t flow_count, next_flow;
	struct loop_timer patience;
	unsigned failure; /* what says most so far; 0: nothing yet */
	size_t count;
	struct attempt attempts[CALL_LEGS_MAX];
};

static void pager_free(struct pager *pager)
{
	loop_timer_stop(pager->table->services.loop, &pager->patience);
	if (pager->asked)
		transaction_set_handler(pager->asked, NULL, NULL);
	for (size_t i = 0; i < pager->count; i++) {
		if (pager->attempts[i].transaction)
			transaction_set_handler(pager->attempts[i].transaction, NULL, NULL);
		free(pager->attempts[i].target);
	}
	list_del(&pager->link);
	pager->table->pager_count--;
	free(pager);
}

void pager_free_all(struct call_table *table)
{
	struct list *link;

	while ((link = list_first(&table->pagers)))
		pager_free(LIST_ENTRY(link, struct pager, link));
}

static void write_answer(struct sip_writer *out, void *arg)
{
	if (arg)
		crossing_write(out, arg, CROSSING_ANSWER, false);
}

/* response: of who decided it; NULL: nobody did. */
static void answer(struct pager *pager, unsigned status, const struct sip_message *response)
{
	struct transaction_reply reply = {
		.status = status, .headers = write_answer, .arg = (void *)(uintptr_t)response};
	struct transaction *asked = pager->asked;

	if (!asked)
		return;
	pager->asked = NULL;
	transaction_set_handler(asked, NULL, NULL);
	transaction_respond(asked, &reply);
}

static bool is_under_way(const struct pager *pager)
{
	for (size_t i = 0; i < pager->count; i++)
		if (pager->attempts[i].transaction)
			return true;
	return false;
}

/* ---- one attempt ---- */

static void write_proof(struct sip_writer *out, const struct attempt *attempt, const struct sip_message *challenge)
{
	struct call_table *table = attempt->pager->table;
	const struct conf_trunk *conf = trunk_conf(attempt->trunk);
	struct auth_credentials credentials = {
		.user = view_of(conf->username), .password = view_of(conf->password), .count = 1};
	char cnonce[17];

	loop_random_token(table->services.loop, cnonce, sizeof(cnonce));
	credentials.cnonce = view_of(cnonce);
	if (auth_answer(table->services.auth, challenge, VIEW("MESSAGE"), view_of(attempt->target), &credentials,
			out) != 0)
		log_warning("call", "the challenge of trunk %s cannot be answered", conf->name);
}

static void write_parties(struct sip_writer *out, const struct attempt *attempt)
{
	const struct pager *pager = attempt->pager;
	const struct sip_message *request = transaction_request(pager->asked);
	const struct conf_trunk *conf = attempt->trunk ? trunk_conf(attempt->trunk) : NULL;
	char us[NET_ENDPOINT_TEXT], buffer[512];
	struct text from;

	dialog_print_host(pager->table->services.transactions, &attempt->flow, us);
	text_init(&from, buffer, sizeof(buffer));
	identity_print(&pager->identity, attempt->trunk, conf && conf->username[0] ? conf->host : us, &from);
	sip_write_header_u32(out, SIP_HEADER_MAX_FORWARDS,
			     request->max_forwards > 0 ? (uint32_t)request->max_forwards - 1 : 69);
	sip_write_header(out, SIP_HEADER_FROM, "%s;tag=%s", buffer, attempt->tag);
	if (conf)
		sip_write_header(out, SIP_HEADER_TO, "<%s>", attempt->target);
	else
		sip_write_header(out, SIP_HEADER_TO, "<sip:%s@%s>", pager->decision.target, us);
	sip_write_header(out, SIP_HEADER_CALL_ID, "%s@%s", attempt->call_id, us);
	sip_write_header(out, SIP_HEADER_CSEQ, "%u MESSAGE", attempt->cseq);
	if (!pager->identity.is_private && pager->identity.is_vouched && pager->identity.number[0])
		sip_write_header(out, SIP_HEADER_P_ASSERTED_IDENTITY, "%s", buffer);
	if (pager->identity.is_private)
		sip_write_header(out, SIP_HEADER_PRIVACY, "id");
}

static void on_attempt(struct transaction *transaction, const struct transaction_event *event, void *arg);

/* routes: of a contact, its Path; may be empty. */
static int try(struct attempt *attempt, struct view routes, const struct sip_message *challenge)
{
	struct pager *pager = attempt->pager;
	struct transaction_layer *layer = pager->table->services.transactions;
	const struct sip_message *request = transaction_request(pager->asked);
	struct sip_writer *out = transaction_begin(layer, &attempt->flow, SIP_METHOD_MESSAGE, view_of(attempt->target));

	attempt->cseq++;
	if (routes.size > 0)
		sip_write_header_view(out, SIP_HEADER_ROUTE, routes);
	write_parties(out, attempt);
	if (challenge)
		write_proof(out, attempt, challenge);
	crossing_write(out, request, CROSSING_TALK, pager->identity.is_private);
	return transaction_send(layer, request->content_type.at ? request->content_type : VIEW_EMPTY, request->body,
				on_attempt, attempt, &attempt->transaction);
}

/* False: it could not even be sent. */
static bool add_attempt(struct pager *pager, const struct transport_flow *flow, struct view target, struct view routes,
			struct trunk *trunk)
{
	struct loop *loop = pager->table->services.loop;
	struct attempt *attempt;

	if (pager->count == ARRAY_LEN(pager->attempts))
		return false;
	attempt = &pager->attempts[pager->count];
	*attempt = (struct attempt){.pager = pager, .trunk = trunk, .flow = *flow, .target = view_dup(target)};
	if (!attempt->target)
		return false;
	pager->count++;
	loop_random_token(loop, attempt->call_id, sizeof(attempt->call_id));
	loop_random_token(loop, attempt->tag, sizeof(attempt->tag));
	if (try(attempt, routes, NULL) == 0)
		return true;
	attempt->transaction = NULL;
	return false;
}

/* The next target of a carrier, or of the next carrier; false: none is left. */
static bool try_next_trunk(struct pager *pager)
{
	for (;;) {
		struct trunk *trunk;
		char number[TRUNK_NUMBER_SIZE], uri[512];
		struct text text;

		if (pager->next_flow == pager->flow_count) {
			if (pager->next_trunk == pager->trunk_count)
				return false;
			pager->flow_count = trunk_flows(pager->trunks[pager->next_trunk++], false, pager->flows);
			pager->next_flow = 0;
			continue;
		}
		trunk = pager->trunks[pager->next_trunk - 1];
		if (trunk_rewrite(trunk, CONF_REWRITE_OUT, pager->decision.changed, number) != 0) {
			pager->next_flow = pager->flow_count;
			continue;
		}
		text_init(&text, uri, sizeof(uri));
		text_add_string(&text, "sip:");
		sip_escape_user(&text, view_of(number));
		text_printf(&text, "@%s", trunk_conf(trunk)->host);
		pager->next_flow++;
		if (!text.overflow &&
		    add_attempt(pager, &pager->flows[pager->next_flow - 1], text_view(&text), VIEW_EMPTY, trunk))
			return true;
	}
}

/* Of several failures the caller hears one; challenges, redirections and silence of the other side are not for the caller. */
static unsigned told(unsigned status)
{
	return status < 400 || status == 401 || status == 407 || status == 408 ? 480 : status;
}

static bool prove(struct attempt *attempt, const struct transaction_event *event)
{
	if (!attempt->trunk || attempt->has_proved || !attempt->pager->asked || !event->message ||
	    (event->status != 401 && event->status != 407) || !trunk_conf(attempt->trunk)->username[0])
		return false;
	attempt->has_proved = true;
	return try(attempt, VIEW_EMPTY, event->message) == 0;
}

static void on_failure(struct attempt *attempt, const struct transaction_event *event)
{
	struct pager *pager = attempt->pager;
	bool fails_over = attempt->trunk &&
			  trunk_fails_over(pager->table->services.trunks, pager->decision.target, event->status);

	if (prove(attempt, event))
		return;
	if (told(event->status) != 480 || pager->failure == 0)
		pager->failure = told(event->status);
	if (pager->asked && fails_over && try_next_trunk(pager))
		return;
	if (!is_under_way(pager))
		answer(pager, pager->failure, event->message);
}

static void on_attempt(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct attempt *attempt = arg;
	struct pager *pager = attempt->pager;

	if (event->type == TRANSACTION_TERMINATED && attempt->transaction != transaction)
		return;
	if (event->type == TRANSACTION_RESPONSE && event->status < 200)
		return;
	transaction_set_handler(transaction, NULL, NULL);
	attempt->transaction = NULL;
	if (event->status >= 200 && event->status < 300)
		answer(pager, event->status, event->message);
	else
		on_failure(attempt, event);
	if (!pager->asked && !is_under_way(pager))
		pager_free(pager);
}

static void on_asked(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct pager *pager = arg;

	if (event->type != TRANSACTION_TERMINATED)
		return;
	pager->asked = NULL;
	if (!is_under_way(pager))
		pager_free(pager);
}

static void on_patience(void *arg)
{
	struct pager *pager = arg;

	answer(pager, pager->failure ? pager->failure : 480, NULL);
	if (!is_under_way(pager))
		pager_free(pager);
}

/* ---- where to ---- */

static unsigned send_to_contacts(struct pager *pager)
{
	struct call_table *table = pager->table;
	struct registrar_contact contacts[CALL_LEGS_MAX];
	char texts[CALL_LEGS_MAX * REGISTRAR_BINDING_SIZE];
	struct view number = view_of(pager->decision.target);
	struct text keep;
	size_t count;

	if (!call_find_extension(table, number))
		return 404;
	text_init(&keep, texts, sizeof(texts));
	count = registrar_find(table->services.registrar, number, contacts, ARRAY_LEN(contacts), &keep);
	for (size_t i = 0; i < count; i++)
		(void)add_attempt(pager, &contacts[i].flow, contacts[i].uri, contacts[i].path, NULL);
	return is_under_way(pager) ? 0 : count > 0 ? 500 : 480;
}

static unsigned send_to_trunks(struct pager *pager)
{
	pager->trunk_count = trunk_choose(pager->table->services.trunks, pager->decision.target, false, pager->trunks,
					  ARRAY_LEN(pager->trunks));
	return try_next_trunk(pager) ? 0 : 503;
}

/* 0, or the status to refuse with. */
static unsigned route(struct pager *pager)
{
	switch (pager->decision.action) {
	case ROUTING_EXTENSION:
		return send_to_contacts(pager);
	case ROUTING_TRUNK:
		return send_to_trunks(pager);
	case ROUTING_REJECT:
		return pager->decision.code;
	default:
		return 480; /* nobody reads there */
	}
}

static void write_too_large(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_WARNING, "399 voxlane \"a message may have %u bytes\"", PAGER_BODY_MAX);
}

static void begin(struct call_table *table, struct transaction *transaction, const struct auth_account *account,
		  struct trunk *from, const struct routing_decision *decision)
{
	struct pager *pager = table->pager_count < PAGERS_MAX ? calloc(1, sizeof(*pager)) : NULL;
	unsigned status;

	if (!pager) {
		transaction_respond_status(transaction, 503);
		return;
	}
	pager->table = table;
	pager->asked = transaction;
	pager->decision = *decision;
	identity_init(&pager->identity, transaction_request(transaction), account, from);
	list_add(&table->pagers, &pager->link);
	table->pager_count++;
	transaction_set_handler(transaction, on_asked, pager);
	loop_timer_init(&pager->patience, on_patience, pager);
	loop_timer_start(table->services.loop, &pager->patience, PATIENCE_MS);
	log_debug("call", "message from %s: %s %s", pager->identity.number, routing_action_name(decision->action),
		  decision->target);
	status = route(pager);
	if (status == 0)
		return;
	answer(pager, status, NULL);
	pager_free(pager);
}

void pager_on_message(struct call_table *table, struct transaction *transaction)
{
	const struct sip_message *request = transaction_request(transaction);
	const struct transport_flow *flow = transaction_flow(transaction);
	struct trunk *from = trunk_of_peer(table->services.trunks, &flow->remote.address);
	struct transaction_reply too_large = {.status = 413, .headers = write_too_large};
	const struct auth_account *account;
	struct routing_decision decision;

	if (!invite_authenticate(table, transaction, &account))
		return;
	invite_decide(table, from, account ? view_of(account->number) : VIEW_EMPTY,
		      request->uri.user.at ? request->uri.user : VIEW_EMPTY, &decision);
	if (request->body.size > PAGER_BODY_MAX)
		transaction_respond(transaction, &too_large);
	else if (carrier_is_returned(table, request, flow))
		transaction_respond_status(transaction, 482);
	else
		begin(table, transaction, account, from, &decision);
}

/* ---- OPTIONS ---- */

static void write_abilities(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_ALLOW, CALL_ALLOW);
	sip_write_header(out, SIP_HEADER_SUPPORTED, CALL_SUPPORTED);
	sip_write_header(out, SIP_HEADER_ACCEPT, "application/sdp");
}

static bool has_phone(struct call_table *table, const char *number)
{
	char texts[REGISTRAR_BINDING_SIZE];
	struct registrar_contact contact;
	struct text keep;

	text_init(&keep, texts, sizeof(texts));
	return registrar_find(table->services.registrar, view_of(number), &contact, 1, &keep) > 0;
}

/* As an INVITE would fare (RFC 3261 11.2), as far as that is known without asking anybody. */
void pager_on_options(struct call_table *table, struct transaction *transaction)
{
	const struct sip_message *request = transaction_request(transaction);
	struct transaction_reply reply = {.status = 200, .headers = write_abilities};
	const struct auth_account *account;
	struct routing_decision decision;

	if (!invite_authenticate(table, transaction, &account))
		return;
	if (request->uri.user.at) {
		invite_decide(table, NULL, account ? view_of(account->number) : VIEW_EMPTY, request->uri.user,
			      &decision);
		if (decision.action == ROUTING_REJECT)
			reply.status = decision.code;
		else if (decision.action == ROUTING_EXTENSION && !call_find_extension(table, view_of(decision.target)))
			reply.status = 404;
		else if (decision.action == ROUTING_EXTENSION && !has_phone(table, decision.target))
			reply.status = 480;
	}
	transaction_respond(transaction, &reply);
}
