/* Callees: a leg for each, with the dialog that its INVITE opens; who they are by the dial plan's decision. */
#include "controlplane/call/callee.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "controlplane/call/session.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

/* To and From are without ports: they are names. A carrier's customer is known in the carrier's domain. */
static const char *caller_host(const struct callee *callee, const char *us)
{
	const struct conf_trunk *conf = callee->trunk ? trunk_conf(callee->trunk) : NULL;

	return conf && conf->username[0] ? conf->host : us;
}

struct leg *callee_add(struct call *call, const struct callee *callee)
{
	struct call_table *table = call->table;
	char call_id[CALL_ID_SIZE + 80], tag[17], caller[512], party[512], host[NET_ENDPOINT_TEXT];
	struct leg *leg = call_free_legs(call) > 0 ? leg_new(call, callee->side) : NULL;
	struct text text;
	struct dialog_plan plan = {
		.call_id = call_id,
		.local_tag = tag,
		.local_party = caller,
		.remote_party = party,
		.target = callee->uri,
		.routes = callee->routes,
		.flow = callee->flow,
	};

	if (!leg)
		return NULL;
	dialog_print_host(table->services.transactions, &callee->flow, host);
	transaction_token(table->services.transactions, tag, sizeof(tag));
	snprintf(call_id, sizeof(call_id), "%s@%s", leg->id, host);
	text_init(&text, caller, sizeof(caller));
	identity_print(callee->identity, callee->trunk, caller_host(callee, host), &text);
	if (text.overflow ||
	    (size_t)snprintf(party, sizeof(party), "<%.*s>", VIEW_ARG(callee->party)) >= sizeof(party) ||
	    dialog_new_client(&table->dialogs, &plan, leg, &leg->dialog) != 0) {
		leg_free(leg);
		return NULL;
	}
	/* A loop that is not seen by its names ends when this is used up (RFC 3261 16.6). */
	if (callee->max_forwards > 0)
		leg->dialog->max_forwards = (unsigned)callee->max_forwards - 1;
	leg->is_target = call->transfer != NULL;
	leg->queue = callee->queue;
	leg->carrier.trunk = callee->trunk;
	leg->carrier.has_place = callee->trunk != NULL;
	leg->remote = callee->flow.remote;
	snprintf(leg->sip_call_id, sizeof(leg->sip_call_id), "%.*s", (int)sizeof(leg->sip_call_id) - 1, call_id);
	snprintf(leg->user_agent, sizeof(leg->user_agent), "%.*s", VIEW_ARG(callee->user_agent));
	return leg;
}

int callee_invite(struct leg *leg, const struct sip_message *offer)
{
	struct call *call = leg->call;
	struct leg_input invite = {.body = VIEW_EMPTY};
	int error = session_open(leg);

	if (!error && !call->is_offerless)
		error = session_pass(call->caller, leg, offer, false);
	if (error) {
		leg_feed(leg, LEG_CALL_END, NULL);
		return error;
	}
	if (!call->is_offerless)
		invite.body = view_of(leg->description);
	leg_feed(leg, LEG_CALL_INVITE, &invite);
	return 0;
}

/* ---- one after the other ---- */

static bool is_of(const struct leg *leg, bool of_targets)
{
	return of_targets ? leg->is_target : leg->side == CDR_SIDE_CALLEE && !leg->is_target;
}

static bool is_waiting(const struct leg *leg, bool of_targets)
{
	return is_of(leg, of_targets) && leg_state(leg) == LEG_NEW;
}

static bool is_tried(const struct leg *leg, bool of_targets)
{
	return is_of(leg, of_targets) && (leg_state(leg) == LEG_CALLING || leg_state(leg) == LEG_RINGING);
}

/* The lowest queue of who waits; UINT_MAX: nobody does. */
static unsigned next_queue(const struct call *call, bool of_targets)
{
	unsigned next = UINT_MAX;

	LIST_FOREACH (link, &call->legs) {
		const struct leg *leg = LIST_ENTRY(link, struct leg, link);

		if (is_waiting(leg, of_targets))
			next = MIN(next, leg->queue);
	}
	return next;
}

/* A transfer's target gets no offer: who stays is asked for one when the target has answered. */
static int begin(struct leg *leg)
{
	if (!leg->is_target)
		return callee_invite(leg, transaction_request(leg->call->caller->invite));
	if (!leg->dialog || session_open(leg) != 0) {
		leg_feed(leg, LEG_CALL_END, NULL);
		return ERR_STATE;
	}
	leg_feed(leg, LEG_CALL_INVITE, NULL);
	return 0;
}

unsigned callee_invite_next(struct call *call, bool of_targets, int *ret_error)
{
	const struct call_services *services = &call->table->services;
	unsigned invited = 0, queue;

	while (invited == 0 && (queue = next_queue(call, of_targets)) != UINT_MAX) {
		LIST_FOREACH (link, &call->legs) {
			struct leg *leg = LIST_ENTRY(link, struct leg, link);
			int error;

			if (!is_waiting(leg, of_targets) || leg->queue != queue)
				continue;
			error = begin(leg);
			invited += error == 0;
			*ret_error = error ? error : *ret_error;
		}
	}
	if (invited > 0 && next_queue(call, of_targets) != UINT_MAX)
		loop_timer_start(services->loop, &call->queue_timer, services->conf->sip.fork_timeout_s * 1000ull);
	return invited;
}

static void give_up(struct call *call, bool of_targets, bool also_waiting)
{
	LIST_FOREACH (link, &call->legs) {
		struct leg *leg = LIST_ENTRY(link, struct leg, link);

		if (!is_tried(leg, of_targets) && !(also_waiting && is_waiting(leg, of_targets)))
			continue;
		if (call->callee == leg && !of_targets)
			call->callee = NULL; /* the early media are another's from now on */
		leg_feed(leg, LEG_CALL_END, NULL);
	}
}

bool callee_fail_over(struct leg *leg)
{
	struct call *call = leg->call;
	bool of_targets = leg->is_target;
	int error;

	if (call->fsm.state != (of_targets ? CALL_TRANSFERRING : CALL_OFFERING))
		return false;
	if (leg->failure >= 600)
		give_up(call, of_targets, true);
	LIST_FOREACH (link, &call->legs)
		if (is_tried(LIST_ENTRY(link, struct leg, link), of_targets))
			return false;
	return (of_targets || call->caller->invite) && callee_invite_next(call, of_targets, &error) > 0;
}

/* They do not answer: the next ones. */
static void on_queue_timer(void *arg)
{
	struct call *call = arg;
	bool of_targets = call->fsm.state == CALL_TRANSFERRING;
	struct call_input input = {.status = 408};
	int error;

	if ((call->fsm.state != CALL_OFFERING && !of_targets) || next_queue(call, of_targets) == UINT_MAX)
		return;
	log_call(LOG_LEVEL_INFO, "call", call->id, "no answer, the contacts with the next q are called");
	give_up(call, of_targets, false);
	if (callee_invite_next(call, of_targets, &error) == 0)
		call_feed(call, CALL_ALL_FAILED, &input);
}

void callee_init_queue(struct call *call)
{
	loop_timer_init(&call->queue_timer, on_queue_timer, call);
}

/* ---- by the dial plan ---- */

static int find_extension(const void *key, const void *member)
{
	const struct view *number = key;
	const struct conf_extension *const *extension = member;
	size_t size = strlen((*extension)->number);
	int order = memcmp(number->at, (*extension)->number, MIN(number->size, size));

	return order ? order : number->size < size ? -1 : number->size > size;
}

const struct conf_extension *call_find_extension(const struct call_table *table, struct view number)
{
	const struct conf_extension **found = bsearch(&number, table->extensions, table->extension_count,
						      sizeof(table->extensions[0]), find_extension);

	return found ? *found : NULL;
}

static bool add_contact(struct call *call, const struct registrar_contact *contact, const char *number,
			struct callee *callee)
{
	char party[256], host[NET_ENDPOINT_TEXT];
	struct leg *leg;

	dialog_print_host(call->table->services.transactions, &contact->flow, host);
	snprintf(party, sizeof(party), "sip:%s@%s", number, host);
	callee->flow = contact->flow;
	callee->uri = contact->uri;
	callee->routes = contact->path;
	callee->user_agent = contact->user_agent;
	callee->party = view_of(party);
	leg = callee_add(call, callee);
	if (leg)
		snprintf(leg->extension, sizeof(leg->extension), "%s", number);
	return leg;
}

static int add_contacts(struct call *call, const char *number, struct callee *callee, struct call_cause *ret_cause)
{
	struct registrar_contact contacts[CALL_LEGS_MAX - 1];
	char texts[(CALL_LEGS_MAX - 1) * REGISTRAR_BINDING_SIZE];
	struct text keep;
	size_t count, max = call_free_legs(call);
	unsigned added = 0;

	if (!call_find_extension(call->table, view_of(number))) {
		*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, 404, 1, "unknown_extension"};
		return ERR_NOT_FOUND;
	}
	text_init(&keep, texts, sizeof(texts));
	count = registrar_find(call->table->services.registrar, view_of(number), contacts,
			       MIN(max, ARRAY_LEN(contacts)), &keep);
	for (size_t i = 0; i < count; i++) {
		/* Sorted by q: equal ones ring together (RFC 3261 16.6). */
		callee->queue += i > 0 && contacts[i].q != contacts[i - 1].q;
		added += add_contact(call, &contacts[i], number, callee);
	}
	if (added > 0)
		return 0;
	*ret_cause = count > 0 ? (struct call_cause){CDR_SIDE_SYSTEM, 500, 41, "no_memory"}
			       : (struct call_cause){CDR_SIDE_SYSTEM, 480, 20, "not_registered"};
	return ERR_NOT_FOUND;
}

int callee_add_legs(struct call *call, const struct routing_decision *decision, const struct call_identity *identity,
		    int max_forwards, enum cdr_side side, struct call_cause *ret_cause)
{
	struct callee callee = {.identity = identity, .max_forwards = max_forwards, .side = side};

	switch (decision->action) {
	case ROUTING_EXTENSION:
		return add_contacts(call, decision->target, &callee, ret_cause);
	case ROUTING_TRUNK:
		return carrier_add_leg(call, decision, identity, max_forwards, side, ret_cause);
	case ROUTING_REJECT:
		*ret_cause = cause_of_status(decision->code);
		return ERR_NOT_FOUND;
	default:
		*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, 404, 1, "unknown_extension"};
		return ERR_NOT_FOUND;
	}
}
