/* The life of a transaction, whatever its kind: made, fed, its timers, its bytes, its end after the turn. */
#include "controlplane/transaction/transaction_private.h"

#include <stdlib.h>

static const struct fsm_machine *const machines[TRANSACTION_KIND_COUNT] = {
	[CLIENT_INVITE] = &transaction_client_invite,
	[CLIENT_OTHER] = &transaction_client_other,
	[SERVER_INVITE] = &transaction_server_invite,
	[SERVER_OTHER] = &transaction_server_other,
};

bool transaction_is_server(const struct transaction *transaction)
{
	return transaction->kind == SERVER_INVITE || transaction->kind == SERVER_OTHER;
}

const char *transaction_state_name(const struct transaction *transaction)
{
	return fsm_state_name(&transaction->fsm);
}

void transaction_print_history(const struct transaction *transaction, struct text *out)
{
	fsm_print_history(&transaction->fsm, out);
}

const struct transport_flow *transaction_flow(const struct transaction *transaction)
{
	return &transaction->flow;
}

void transaction_set_handler(struct transaction *transaction, transaction_handler *handler, void *arg)
{
	transaction->handler = handler;
	transaction->arg = arg;
}

void transaction_tell(struct transaction *transaction, const struct transaction_event *event)
{
	if (transaction->handler)
		transaction->handler(transaction, event, transaction->arg);
}

bool transaction_feed(struct transaction *transaction, uint8_t event, const struct transaction_input *input)
{
	return fsm_feed(&transaction->fsm, event, loop_now_ms(transaction->layer->loop), input);
}

uint8_t transaction_status_event(unsigned status)
{
	return status < 200 ? EVENT_1XX : status < 300 ? EVENT_2XX : EVENT_3XX_6XX;
}

/* ---- bytes ---- */

int transaction_keep(struct transaction_layer *layer, struct bytes *bytes, struct view copy)
{
	char *at = malloc(MAX(copy.size, 1));

	if (!at)
		return ERR_NOMEM;
	memcpy(at, copy.at, copy.size);
	transaction_forget(layer, bytes);
	*bytes = (struct bytes){at, copy.size};
	layer->stats.memory += copy.size;
	return 0;
}

void transaction_forget(struct transaction_layer *layer, struct bytes *bytes)
{
	layer->stats.memory -= bytes->size;
	free(bytes->at);
	*bytes = (struct bytes){0};
}

/* The connection that the request came on is gone: to the port that its Via names (RFC 3261 18.2.2). */
static int respond_anew(struct transaction *transaction, const struct transport_flow *flow, const struct bytes *bytes)
{
	const struct sip_via *via = &transaction->request->via;
	struct transport_flow anew = *flow;

	anew.connection = 0;
	anew.remote.port = via->port ? via->port : transport_kind_port(flow->kind);
	return transport_send(transaction->layer->transport, &anew, (struct view){bytes->at, bytes->size});
}

void transaction_transmit(struct transaction *transaction, const struct transport_flow *flow, const struct bytes *bytes)
{
	struct transaction_layer *layer = transaction->layer;
	int error;

	if (!bytes->at)
		return;
	error = transport_send(layer->transport, flow, (struct view){bytes->at, bytes->size});
	if (error == ERR_CLOSED && transaction->request)
		error = respond_anew(transaction, flow, bytes);
	if (error != 0 && error != ERR_AGAIN)
		transaction_break(transaction, error);
}

void transaction_break(struct transaction *transaction, int error)
{
	transaction->layer->stats.transport_errors++;
	transaction->error = error;
	loop_defer(transaction->layer->loop, &transaction->broken);
}

static void broken_run(void *arg)
{
	if (!transaction_fall_back(arg))
		transaction_feed(arg, EVENT_TRANSPORT_ERROR, NULL);
}

void transaction_begin_anew(struct transaction *transaction)
{
	fsm_init(&transaction->fsm, machines[transaction->kind], transaction);
	transaction_feed(transaction, EVENT_BEGIN, NULL);
	if (transaction->is_cancelled)
		transaction_feed(transaction, CLIENT_INVITE_CANCEL, NULL);
}

/* ---- timers ---- */

static uint32_t base_ms(const struct transaction_options *options, enum transaction_base base)
{
	switch (base) {
	case BASE_T1:
		return options->t1_ms;
	case BASE_T2:
		return options->t2_ms;
	case BASE_T4:
		return options->t4_ms;
	case BASE_64_T1:
		return 64 * options->t1_ms;
	case BASE_200_MS:
		return 200;
	}
	return 0;
}

static void timer_expired(void *arg)
{
	struct transaction_timer *timer = arg;

	transaction_feed(timer->transaction, timer->row->event, NULL);
}

void transaction_timer_start(struct transaction *transaction, const struct transaction_timer_row *row)
{
	struct transaction_timer *timer = &transaction->timers[row->slot];

	timer->row = row;
	timer->interval_ms = base_ms(&transaction->layer->options, row->first);
	if (transport_kind_is_reliable(transaction->flow.kind)) {
		if (row->reliable == RELIABLE_OFF)
			return;
		if (row->reliable == RELIABLE_AT_ONCE)
			timer->interval_ms = 0;
	}
	loop_timer_start(transaction->layer->loop, &timer->timer, timer->interval_ms);
}

/* ---- steps ---- */

/* A repetition timer expired: once more after twice the time. */
void transaction_again(void *owner, const void *data)
{
	struct transaction *transaction = owner;
	struct transaction_timer *timer = &transaction->timers[SLOT_REPEAT];

	timer->interval_ms *= 2;
	if (timer->row->is_capped)
		timer->interval_ms = MIN(timer->interval_ms, transaction->layer->options.t2_ms);
	loop_timer_start(transaction->layer->loop, &timer->timer, timer->interval_ms);
}

void transaction_stop_repeat(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	loop_timer_stop(transaction->layer->loop, &transaction->timers[SLOT_REPEAT].timer);
}

void transaction_stop_timers(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
		loop_timer_stop(transaction->layer->loop, &transaction->timers[slot].timer);
}

void transaction_send_kept(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction_transmit(transaction, &transaction->flow, &transaction->sent);
}

void transaction_resend(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	if (transaction->sent.at)
		transaction->layer->stats.retransmissions_sent++;
	transaction_send_kept(owner, data);
}

void transaction_pass_response(void *owner, const void *data)
{
	const struct transaction_input *input = data;

	transaction_tell(owner, &(struct transaction_event){.type = TRANSACTION_RESPONSE,
							    .message = input->message,
							    .flow = input->flow,
							    .status = input->message->status});
}

void transaction_pass_timeout(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction->layer->stats.timeouts++;
	transaction_tell(transaction, &(struct transaction_event){.type = TRANSACTION_TIMEOUT, .status = 408});
}

void transaction_pass_error(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction_tell(transaction, &(struct transaction_event){.type = TRANSACTION_TRANSPORT_ERROR,
								  .status = 503,
								  .error = transaction->error});
}

/* The machine is at its end: the rest when nothing of ours is on the stack. */
void transaction_end(void *owner, const void *data)
{
	struct transaction *transaction = owner;

	transaction_stop_timers(owner, data);
	loop_defer(transaction->layer->loop, &transaction->end);
}

static void end_run(void *arg)
{
	struct transaction *transaction = arg;

	transaction_tell(transaction, &(struct transaction_event){.type = TRANSACTION_TERMINATED});
	transaction_free(transaction);
}

/* ---- room ---- */

void transaction_rest(struct transaction *transaction)
{
	struct transaction_layer *layer = transaction->layer;

	if (transaction->rests)
		return;
	transaction->rests = true;
	transaction->rests_since_ms = loop_now_ms(layer->loop);
	list_del(&transaction->link);
	list_add(&layer->resting, &transaction->link);
}

static bool is_tight(const struct transaction_layer *layer)
{
	return layer->stats.transactions > layer->options.transactions_max / 4 * 3 ||
	       layer->stats.memory > layer->options.memory_max / 4 * 3;
}

/* Their ends come after the turn, so each newcomer ends two: what is there shrinks until it is not tight any more. T4 is
 * the longest that a message stays on the way; who would repeat itself has done so by then. */
static void make_room(struct transaction_layer *layer)
{
	enum { ENDED_EACH = 2 };
	uint64_t now_ms = loop_now_ms(layer->loop);

	for (int i = 0; i < ENDED_EACH && is_tight(layer); i++) {
		struct list *link = list_first(&layer->resting);
		struct transaction *oldest = link ? LIST_ENTRY(link, struct transaction, link) : NULL;

		if (!oldest || now_ms < oldest->rests_since_ms + layer->options.t4_ms)
			return;
		list_del(&oldest->link);
		list_add(&layer->all, &oldest->link);
		layer->stats.ended_early++;
		transaction_end(oldest, NULL);
	}
}

bool transaction_has_room(struct transaction_layer *layer, uint32_t kept_free, size_t size)
{
	make_room(layer);
	return layer->stats.transactions + kept_free < layer->options.transactions_max &&
	       layer->stats.memory + size <= layer->options.memory_max;
}

/* ---- life ---- */

struct transaction *transaction_new(struct transaction_layer *layer, enum transaction_kind kind,
				    const struct transport_flow *flow)
{
	struct transaction *transaction = calloc(1, sizeof(*transaction));

	if (!transaction)
		return NULL;
	transaction->layer = layer;
	transaction->kind = kind;
	transaction->flow = *flow;
	fsm_init(&transaction->fsm, machines[kind], transaction);
	for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
		struct transaction_timer *timer = &transaction->timers[slot];

		timer->transaction = transaction;
		loop_timer_init(&timer->timer, timer_expired, timer);
	}
	loop_message_init(&transaction->broken, broken_run, transaction);
	loop_message_init(&transaction->end, end_run, transaction);
	list_add(&layer->all, &transaction->link);
	layer->stats.transactions++;
	return transaction;
}

void transaction_free(struct transaction *transaction)
{
	struct transaction_layer *layer = transaction->layer;

	transaction_stop_timers(transaction, NULL);
	loop_defer_cancel(layer->loop, &transaction->broken);
	loop_defer_cancel(layer->loop, &transaction->end);
	map_del(transaction_is_server(transaction) ? &layer->servers : &layer->clients, &transaction->node);
	if (transaction->is_in_merged)
		map_del(&layer->merged, &transaction->merged);
	list_del(&transaction->link);
	transaction_wait_no_more(transaction);
	if (transaction->request)
		layer->stats.memory -= sizeof(*transaction->request) + transaction->request->size;
	sip_message_free(transaction->request);
	free(transaction->reason);
	transaction_forget(layer, &transaction->sent);
	transaction_forget(layer, &transaction->datagram);
	transaction_forget(layer, &transaction->ack);
	layer->stats.transactions--;
	free(transaction);
}
