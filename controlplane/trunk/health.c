/* Is the carrier there? OPTIONS now and then, and the machine that decides. */
#include "controlplane/trunk/trunk_private.h"

#include <stdio.h>

#include "lib/log/log.h"

void health_feed(struct trunk *trunk, enum health_event event)
{
	fsm_feed(&trunk->health.fsm, (uint8_t)event, loop_now_ms(trunk->table->services.loop), NULL);
}

bool health_is_good(const struct trunk *trunk)
{
	return trunk->health.fsm.state != HEALTH_DOWN && trunk->health.fsm.state != HEALTH_DOWN_ASKED;
}

/* ---- the request ---- */

static void finish_probe(struct trunk *trunk)
{
	trunk_forget(&trunk->health.request);
	loop_timer_stop(trunk->table->services.loop, &trunk->health.patience);
}

static void on_good(struct trunk *trunk)
{
	struct trunk_health *health = &trunk->health;

	finish_probe(trunk);
	health->bad = 0;
	health_feed(trunk, ++health->good >= TRUNK_UP_AFTER ? HEALTH_GOOD_ENOUGH : HEALTH_GOOD);
}

static void on_bad(struct trunk *trunk)
{
	struct trunk_health *health = &trunk->health;

	finish_probe(trunk);
	health->good = 0;
	health_feed(trunk, ++health->bad >= TRUNK_DOWN_AFTER ? HEALTH_BAD_ENOUGH : HEALTH_BAD);
}

static void on_no_patience(void *arg)
{
	on_bad(arg);
}

/* An answer of any kind is one: many carriers do not know OPTIONS. */
static void on_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct trunk *trunk = arg;

	if (event->type == TRANSACTION_TERMINATED)
		trunk->health.request = NULL;
	else if (event->status == 408 || event->status == 503)
		on_bad(trunk);
	else if (event->status >= 200)
		on_good(trunk);
}

/* ---- actions ---- */

static void send_options(void *owner, const void *data)
{
	struct trunk *trunk = owner;
	struct trunk_health *health = &trunk->health;
	struct transport_flow flow;
	char call_id[33], tag[17];
	bool is_sent = trunk_flow(trunk, &flow) == 0;

	loop_timer_start(trunk->table->services.loop, &health->patience, TRUNK_PROBE_MS);
	if (!is_sent)
		return;
	loop_random_token(trunk->table->services.loop, call_id, sizeof(call_id));
	loop_random_token(trunk->table->services.loop, tag, sizeof(tag));
	trunk_begin(trunk, &flow, SIP_METHOD_OPTIONS, call_id, tag, 1);
	if (transaction_send(trunk->table->services.transactions, VIEW_EMPTY, VIEW_EMPTY, on_event, trunk,
			     &health->request) != 0)
		health->request = NULL; /* as bad as no answer, and found out in the same way */
}

static void start_next(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	loop_timer_start(trunk->table->services.loop, &trunk->health.timer, trunk->conf->options_interval_s * 1000ull);
}

static void start_soon(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	loop_timer_start(trunk->table->services.loop, &trunk->health.timer,
			 MIN(trunk->conf->options_interval_s * 1000ull, TRUNK_PROBE_SOON_MS));
}

static void note_down(void *owner, const void *data)
{
	trunk_fail(owner, "does not answer OPTIONS: no calls go there");
}

static void note_up(void *owner, const void *data)
{
	log_info("trunk", "%s: answers again", ((struct trunk *)owner)->conf->name);
}

static void let_go(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	finish_probe(trunk);
	loop_timer_stop(trunk->table->services.loop, &trunk->health.timer);
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

void health_init(struct trunk *trunk)
{
	fsm_init(&trunk->health.fsm, &health_machine, trunk);
	loop_timer_init(&trunk->health.timer, on_due, trunk);
	loop_timer_init(&trunk->health.patience, on_no_patience, trunk);
}

void health_fini(struct trunk *trunk)
{
	let_go(trunk, NULL);
}
