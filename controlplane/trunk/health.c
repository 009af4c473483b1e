/* Does a target of a carrier answer? OPTIONS now and then, and the machine that decides. */
#include "controlplane/trunk/trunk_private.h"

#include <stdio.h>

#include "lib/log/log.h"

static struct loop *loop_of(const struct trunk_target *target)
{
	return target->trunk->table->services.loop;
}

void health_feed(struct trunk_target *target, enum health_event event)
{
	trunk_lock(target->trunk);
	fsm_feed(&target->health.fsm, (uint8_t)event, loop_now_ms(loop_of(target)), NULL);
	trunk_unlock(target->trunk);
}

bool health_is_good(const struct trunk_target *target)
{
	return target->health.fsm.state != HEALTH_DOWN && target->health.fsm.state != HEALTH_DOWN_ASKED;
}

/* ---- the request ---- */

static void finish_probe(struct trunk_target *target)
{
	trunk_forget(&target->health.request);
	loop_timer_stop(loop_of(target), &target->health.patience);
}

static void on_good(struct trunk_target *target)
{
	struct trunk_health *health = &target->health;

	finish_probe(target);
	health->bad = 0;
	health_feed(target, ++health->good >= TRUNK_UP_AFTER ? HEALTH_GOOD_ENOUGH : HEALTH_GOOD);
}

static void on_bad(struct trunk_target *target)
{
	struct trunk_health *health = &target->health;

	finish_probe(target);
	health->good = 0;
	health_feed(target, ++health->bad >= TRUNK_DOWN_AFTER ? HEALTH_BAD_ENOUGH : HEALTH_BAD);
}

static void on_no_patience(void *arg)
{
	on_bad(arg);
}

/* An answer of any kind is one: many carriers do not know OPTIONS. */
static void on_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct trunk_target *target = arg;

	if (event->type == TRANSACTION_TERMINATED)
		target->health.request = NULL;
	else if (event->status == 408 || event->status == 503)
		on_bad(target);
	else if (event->status >= 200)
		on_good(target);
}

/* ---- actions ---- */

static void send_options(void *owner, const void *data)
{
	struct trunk_target *target = owner;
	struct trunk_health *health = &target->health;
	struct transport_flow flow;
	char call_id[33], tag[17];
	bool is_sent = target_flow(target->trunk, &target->where, &flow) == 0;

	loop_timer_start(loop_of(target), &health->patience, TRUNK_PROBE_MS);
	if (!is_sent)
		return;
	loop_random_token(loop_of(target), call_id, sizeof(call_id));
	loop_random_token(loop_of(target), tag, sizeof(tag));
	trunk_begin(target->trunk, &flow, SIP_METHOD_OPTIONS, call_id, tag, 1);
	if (transaction_send(target->trunk->table->services.transactions, VIEW_EMPTY, VIEW_EMPTY, on_event, target,
			     &health->request) != 0)
		health->request = NULL; /* as bad as no answer, and found out in the same way */
}

static void start_next(void *owner, const void *data)
{
	struct trunk_target *target = owner;

	loop_timer_start(loop_of(target), &target->health.timer, target->trunk->conf->options_interval_s * 1000ull);
}

static void start_soon(void *owner, const void *data)
{
	struct trunk_target *target = owner;

	loop_timer_start(loop_of(target), &target->health.timer,
			 MIN(target->trunk->conf->options_interval_s * 1000ull, TRUNK_PROBE_SOON_MS));
}

static void note_down(void *owner, const void *data)
{
	struct trunk_target *target = owner;
	char remote[NET_ENDPOINT_TEXT];

	trunk_fail(target->trunk, "%s does not answer OPTIONS: no calls go there",
		   net_endpoint_print(&target->where.remote, remote));
	/* The carrier's calls for us would arrive where nobody is. */
	if (target->trunk->registration.until_ms > 0 &&
	    dns_target_is_equal(&target->where, &target->trunk->registration.home))
		register_soon(target->trunk);
}

static void note_up(void *owner, const void *data)
{
	struct trunk_target *target = owner;
	char remote[NET_ENDPOINT_TEXT];

	log_info("trunk", "%s: %s answers again", target->trunk->conf->name,
		 net_endpoint_print(&target->where.remote, remote));
}

static void let_go(void *owner, const void *data)
{
	struct trunk_target *target = owner;

	finish_probe(target);
	loop_timer_stop(loop_of(target), &target->health.timer);
}

/* ---- the machine ---- */

#define NAME(name, text) [name] = (text),
static const char *const states[] = {HEALTH_STATE_LIST(NAME)};
static const char *const events[] = {HEALTH_EVENT_LIST(NAME)};
#undef NAME

#define NOT_ASKED                                                                                                      \
	[HEALTH_START] = FSM_NEVER, [HEALTH_GOOD] = FSM_NEVER, [HEALTH_GOOD_ENOUGH] = FSM_NEVER,                       \
	[HEALTH_BAD] = FSM_NEVER, [HEALTH_BAD_ENOUGH] = FSM_NEVER,                                                     \
	[HEALTH_STOP] = FSM_RULE(HEALTH_OVER, FSM_DO(let_go))

static const struct fsm_cell cells[HEALTH_STATE_COUNT][HEALTH_EVENT_COUNT] =
	{
		[HEALTH_UNKNOWN] =
			{
				[HEALTH_START] = FSM_RULE(HEALTH_UP_ASKED, FSM_DO(send_options)),
				[HEALTH_STOP] = FSM_GO(HEALTH_OVER),
				[HEALTH_DUE] = FSM_NEVER,
				[HEALTH_GOOD] = FSM_NEVER,
				[HEALTH_GOOD_ENOUGH] = FSM_NEVER,
				[HEALTH_BAD] = FSM_NEVER,
				[HEALTH_BAD_ENOUGH] = FSM_NEVER,
			},
		[HEALTH_UP] = {NOT_ASKED, [HEALTH_DUE] = FSM_RULE(HEALTH_UP_ASKED, FSM_DO(send_options))},
		[HEALTH_UP_ASKED] =
			{
				[HEALTH_GOOD] = FSM_RULE(HEALTH_UP, FSM_DO(start_next)),
				[HEALTH_GOOD_ENOUGH] = FSM_RULE(HEALTH_UP, FSM_DO(start_next)),
				[HEALTH_BAD] = FSM_RULE(HEALTH_UP, FSM_DO(start_soon)),
				[HEALTH_BAD_ENOUGH] = FSM_RULE(HEALTH_DOWN, FSM_DO(note_down), FSM_DO(start_next)),
				[HEALTH_STOP] = FSM_RULE(HEALTH_OVER, FSM_DO(let_go)),
				[HEALTH_START] = FSM_NEVER,
				[HEALTH_DUE] = FSM_NEVER,
			},
		[HEALTH_DOWN] = {NOT_ASKED, [HEALTH_DUE] = FSM_RULE(HEALTH_DOWN_ASKED, FSM_DO(send_options))},
		[HEALTH_DOWN_ASKED] =
			{
				[HEALTH_GOOD] = FSM_RULE(HEALTH_DOWN, FSM_DO(start_soon)),
				[HEALTH_GOOD_ENOUGH] = FSM_RULE(HEALTH_UP, FSM_DO(note_up), FSM_DO(start_next)),
				[HEALTH_BAD] = FSM_RULE(HEALTH_DOWN, FSM_DO(start_next)),
				[HEALTH_BAD_ENOUGH] = FSM_RULE(HEALTH_DOWN, FSM_DO(start_next)),
				[HEALTH_STOP] = FSM_RULE(HEALTH_OVER, FSM_DO(let_go)),
				[HEALTH_START] = FSM_NEVER,
				[HEALTH_DUE] = FSM_NEVER,
			},
		[HEALTH_OVER] =
			{
				[HEALTH_STOP] = FSM_IGNORE,
				[HEALTH_START] = FSM_NEVER,
				[HEALTH_DUE] = FSM_NEVER,
				[HEALTH_GOOD] = FSM_NEVER,
				[HEALTH_GOOD_ENOUGH] = FSM_NEVER,
				[HEALTH_BAD] = FSM_NEVER,
				[HEALTH_BAD_ENOUGH] = FSM_NEVER,
			},
};

const struct fsm_machine health_machine = {
	.name = "trunk health",
	.states = states,
	.events = events,
	.state_count = HEALTH_STATE_COUNT,
	.event_count = HEALTH_EVENT_COUNT,
	.final = HEALTH_OVER,
	.cells = &cells[0][0],
};

static void on_due(void *arg)
{
	health_feed(arg, HEALTH_DUE);
}

void health_init(struct trunk_target *target)
{
	fsm_init(&target->health.fsm, &health_machine, target);
	loop_timer_init(&target->health.timer, on_due, target);
	loop_timer_init(&target->health.patience, on_no_patience, target);
}

void health_fini(struct trunk_target *target)
{
	let_go(target, NULL);
}
