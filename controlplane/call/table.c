/* All calls of one signalling thread: what comes in finds its leg; what is asked for is shown. */
#include "controlplane/call/leg.h"
#include "controlplane/call/pager.h"
#include "controlplane/call/session.h"
#include "controlplane/call/transfer.h"

#include <stdlib.h>

#include "controlplane/inspection/inspection.h"
#include "controlplane/registrar/registrar.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

static bool is_call(const struct map_node *node, const void *id)
{
	return strcmp(CONTAINER_OF(node, struct call, node)->id, id) == 0;
}

static int by_number(const void *a, const void *b)
{
	const struct conf_extension *const *x = a, *const *y = b;

	return strcmp((*x)->number, (*y)->number);
}

static const struct conf_extension **sort_extensions(const struct conf *conf)
{
	const struct conf_extension **extensions = calloc(conf->extension_count + 1, sizeof(*extensions));

	if (!extensions)
		return NULL;
	for (size_t i = 0; i < conf->extension_count; i++)
		extensions[i] = &conf->extensions[i];
	qsort(extensions, conf->extension_count, sizeof(*extensions), by_number);
	return extensions;
}

int call_table_set(struct call_table *table, const struct conf *conf, const struct routing *routing)
{
	const struct conf_extension **extensions = sort_extensions(conf);

	if (!extensions)
		return ERR_NOMEM;
	free(table->extensions);
	table->extensions = extensions;
	table->extension_count = conf->extension_count;
	table->services.conf = conf;
	table->services.routing = routing;
	return 0;
}

/* A phone whose connection is gone has registered on another one since: its calls go there. */
static void follow_phone(void *arg, struct transport_flow *flow)
{
	(void)registrar_follow(((struct call_table *)arg)->services.registrar, flow);
}

int call_table_new(const struct call_services *services, struct call_table **ret_table)
{
	struct call_table *table = calloc(1, sizeof(*table));
	const struct conf *conf = services->conf;

	if (!table)
		return ERR_NOMEM;
	table->services = *services;
	list_init(&table->list);
	list_init(&table->pagers);
	table->extensions = sort_extensions(conf);
	if (!table->extensions || map_init(&table->calls, is_call) != 0 || dialog_table_init(&table->dialogs) != 0) {
		map_fini(&table->calls);
		free(table->extensions);
		free(table);
		return ERR_NOMEM;
	}
	table->extension_count = conf->extension_count;
	table->dialogs.follow = follow_phone;
	table->dialogs.follow_arg = table;
	*ret_table = table;
	return 0;
}

void call_table_free(struct call_table *table)
{
	struct list *link;

	if (!table)
		return;
	pager_free_all(table);
	while ((link = list_first(&table->list)))
		call_free(LIST_ENTRY(link, struct call, link));
	map_fini(&table->calls);
	dialog_table_fini(&table->dialogs);
	free(table->extensions);
	free(table);
}

/* ---- what comes in ---- */

static void write_min_se(struct sip_writer *out, void *arg)
{
	sip_write_header_u32(out, SIP_HEADER_MIN_SE, *(const uint32_t *)arg);
}

static void write_refreshed(struct sip_writer *out, void *arg)
{
	leg_write_own_headers(out, arg);
	timer_write_answer(out, arg);
}

/* re-INVITE and UPDATE: may change the session, and keep the session timer going. */
static void receive_change(struct leg *leg, const struct leg_input *input)
{
	struct call_table *table = leg->call->table;
	uint32_t min_se_s = table->services.conf->sip.min_session_expires_s;
	struct transaction_reply too_short = {.status = 422, .headers = write_min_se, .arg = &min_se_s};
	struct transaction_reply refreshed = {.status = 200, .headers = write_refreshed, .arg = leg};

	if (!timer_on_request(leg, input->message))
		transaction_respond(input->transaction, &too_short);
	else if (input->message->method == SIP_METHOD_INVITE)
		leg_feed(leg, LEG_PEER_REINVITE, input);
	else if (session_is_in(input->message))
		leg_feed(leg, LEG_PEER_UPDATE, input);
	else
		transaction_respond(input->transaction, &refreshed);
}

static void receive_in_dialog(struct call_table *table, struct transaction *transaction)
{
	const struct sip_message *request = transaction_request(transaction);
	struct dialog *dialog = dialog_find(&table->dialogs, request);
	struct leg_input input = {
		.message = request, .flow = transaction_flow(transaction), .transaction = transaction};
	struct transaction_reply refusal;
	struct inspection inspection;

	if (!dialog) {
		transaction_respond_status(transaction, 481);
		return;
	}
	if (!inspection_pass(request, &inspection)) {
		inspection_refuse(&inspection, &refusal);
		transaction_respond(transaction, &refusal);
		return;
	}
	if (dialog_receive(dialog, request, transaction_flow(transaction)) != 0) {
		transaction_respond_status(transaction, 500);
		return;
	}
	switch (request->method) {
	case SIP_METHOD_INVITE:
	case SIP_METHOD_UPDATE:
		receive_change(dialog->owner, &input);
		break;
	case SIP_METHOD_PRACK:
		reliable_on_prack(dialog->owner, transaction);
		break;
	case SIP_METHOD_BYE:
		leg_feed(dialog->owner, LEG_PEER_BYE, &input);
		break;
	case SIP_METHOD_INFO:
		if (!digit_take_info(dialog->owner, transaction))
			relay_request(dialog->owner, transaction);
		break;
	case SIP_METHOD_MESSAGE:
		relay_request(dialog->owner, transaction);
		break;
	case SIP_METHOD_REFER:
		transfer_on_refer(dialog->owner, transaction);
		break;
	case SIP_METHOD_OPTIONS:
		transaction_respond_status(transaction, 200);
		break;
	default:
		call_table_refuse_method(transaction);
		break;
	}
}

static void write_allow(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_ALLOW, CALL_ALLOW);
}

void call_table_refuse_method(struct transaction *transaction)
{
	bool is_known = transaction_request(transaction)->method != SIP_METHOD_OTHER;
	struct transaction_reply reply = {.status = is_known ? 405 : 501, .headers = write_allow};

	transaction_respond(transaction, &reply);
}

void call_table_on_request(struct call_table *table, struct transaction *transaction)
{
	const struct sip_message *request = transaction_request(transaction);

	if (request->to.tag.at)
		receive_in_dialog(table, transaction);
	else if (request->method == SIP_METHOD_INVITE)
		invite_receive(table, transaction);
	else if (request->method == SIP_METHOD_MESSAGE)
		pager_on_message(table, transaction);
	else if (request->method == SIP_METHOD_OPTIONS)
		pager_on_options(table, transaction);
	else if (request->method == SIP_METHOD_BYE)
		transaction_respond_status(transaction, 481);
	else if (request->method == SIP_METHOD_REFER) /* only who is in a call can be transferred */
		transaction_respond_status(transaction, 403);
	else
		call_table_refuse_method(transaction);
}

void call_table_on_ack(struct call_table *table, const struct sip_message *ack, const struct transport_flow *flow)
{
	struct dialog *dialog = dialog_find(&table->dialogs, ack);
	struct leg_input input = {.message = ack, .flow = flow};
	const struct transaction *waiting;
	struct leg *leg;

	if (!dialog)
		return;
	leg = dialog->owner;
	waiting = leg->modify ? leg->modify : leg->invite;
	if (!waiting || !transaction_is_server(waiting) ||
	    transaction_request(waiting)->cseq.number != ack->cseq.number)
		return; /* repeated, or of another INVITE */
	if (session_is_in(ack))
		session_take_answer(leg, ack);
	leg_feed(leg, LEG_PEER_ACK, &input);
}

void call_table_on_media(struct call_table *table, bool is_ready)
{
	/* media programs the streams of all calls again by itself; only people want to know. */
	if (is_ready)
		log_info("call", "the media engine is there; %u calls go on", table->active);
	else
		log_error("call", "the media engine is away; %u calls wait for it, new ones are refused",
			  table->active);
}

/* ---- ending ---- */

void call_table_end_all(struct call_table *table)
{
	table->is_ending = true;
	LIST_FOREACH_SAFE (link, &table->list) {
		struct call *call = LIST_ENTRY(link, struct call, link);

		call_note(call, CDR_SIDE_SYSTEM, 503, 41, "shutdown");
		call_feed(call, CALL_HANG_UP, NULL);
	}
}

struct call *call_find(struct call_table *table, const char *id)
{
	struct map_node *node;

	if (strlen(id) != CALL_ID_SIZE - 1)
		return NULL;
	node = map_find(&table->calls, hash_bytes(id, CALL_ID_SIZE - 1), id);
	return node ? CONTAINER_OF(node, struct call, node) : NULL;
}

int call_table_hang_up(struct call_table *table, const char *call_id)
{
	struct call *call = call_find(table, call_id);

	if (!call)
		return ERR_NOT_FOUND;
	if (!call->is_active)
		return ERR_STATE;
	call_note(call, CDR_SIDE_SYSTEM, 480, 16, "hung_up_by_operator");
	call_feed(call, CALL_HANG_UP, NULL);
	return 0;
}

/* ---- what can be seen ---- */

uint32_t call_table_active(const struct call_table *table)
{
	return table->active;
}

uint32_t call_table_count(const struct call_table *table)
{
	return table->count;
}

uint64_t call_table_total(const struct call_table *table)
{
	return table->total;
}

uint32_t call_table_sessions(const struct call_table *table)
{
	return table->sessions;
}

static const char *side_name(const struct leg *leg)
{
	return cdr_side_name(leg->side);
}

void call_table_walk(struct call_table *table, void (*visit)(const struct call_about *about, void *arg), void *arg)
{
	LIST_FOREACH (link, &table->list) {
		const struct call *call = LIST_ENTRY(link, struct call, link);
		struct call_about about = {.id = call->id,
					   .caller = call->caller_party,
					   .callee = call->callee_party,
					   .state = fsm_state_name(&call->fsm),
					   .transcoded = call->transcoded,
					   .start_wall_ms = call->start_wall_ms,
					   .answer_wall_ms = call->answer_wall_ms};

		LIST_FOREACH (leg_link, &call->legs) {
			const struct leg *leg = LIST_ENTRY(leg_link, struct leg, link);

			if (about.leg_count == CALL_LEGS_MAX)
				break;

			about.legs[about.leg_count++] = (struct call_about_leg){
				.id = leg->id,
				.side = side_name(leg),
				.state = fsm_state_name(&leg->fsm),
				.sip_call_id = leg->sip_call_id,
				.user_agent = leg->user_agent,
				.codec = leg->codec,
				.srtp = secure_suite_in_force(leg),
				.remote = leg->remote,
				.stream = leg->stream,
			};
		}
		visit(&about, arg);
	}
}

bool call_table_find_dialog(struct call_table *table, struct view sip_call_id, struct view local_tag,
			    struct view remote_tag, char ret_call_id[CALL_ID_SIZE])
{
	const struct dialog *dialog = dialog_find_named(&table->dialogs, sip_call_id, local_tag, remote_tag);
	const struct leg *leg = dialog ? dialog->owner : NULL;

	if (leg)
		memcpy(ret_call_id, leg->call->id, CALL_ID_SIZE);
	return leg != NULL;
}

void call_table_walk_extension(struct call_table *table, struct view number,
			       void (*visit)(const struct call_of_extension *call, void *arg), void *arg)
{
	LIST_FOREACH (link, &table->list) {
		const struct call *call = LIST_ENTRY(link, struct call, link);

		LIST_FOREACH (leg_link, &call->legs) {
			const struct leg *leg = LIST_ENTRY(leg_link, struct leg, link);
			struct call_of_extension shown = {.id = leg->id, .state = leg_watched_state(leg)};
			const struct leg *other = leg == call->caller ? call->callee : call->caller;

			if (!shown.state || !leg->dialog || !view_is(number, leg->extension))
				continue;
			shown.sip_call_id = leg->dialog->call_id;
			shown.local_tag = leg->dialog->remote_tag;
			shown.remote_tag = leg->dialog->local_tag;
			shown.is_initiator = leg->side == CDR_SIDE_CALLER;
			/* We call as the caller, so our own name in the dialog is the other party's. */
			shown.remote_party = shown.is_initiator && other && other->dialog ? other->dialog->remote_party
											  : leg->dialog->local_party;
			visit(&shown, arg);
		}
	}
}

int call_table_print_history(struct call_table *table, const char *call_id, struct text *out)
{
	struct call *call = call_find(table, call_id);

	if (!call)
		return ERR_NOT_FOUND;
	text_printf(out, "call %s\n", call->id);
	fsm_print_history(&call->fsm, out);
	LIST_FOREACH (link, &call->legs) {
		const struct leg *leg = LIST_ENTRY(link, struct leg, link);

		text_printf(out, "leg %s (%s)\n", leg->id, side_name(leg));
		fsm_print_history(&leg->fsm, out);
	}
	return 0;
}
