/* The engine: looks the cell up, remembers the transition, runs the steps. */
#include "lib/fsm/fsm.h"

void fsm_init(struct fsm *fsm, const struct fsm_machine *machine, void *owner)
{
	*fsm = (struct fsm){.machine = machine, .owner = owner};
}

const char *fsm_state_name(const struct fsm *fsm)
{
	return fsm->machine->states[fsm->state];
}

bool fsm_has_rule(const struct fsm *fsm, uint8_t event)
{
	const struct fsm_machine *machine = fsm->machine;

	return machine->cells[fsm->state * machine->event_count + event].kind == FSM_CELL_RULE;
}

static void remember(struct fsm *fsm, uint8_t event, uint8_t to, uint64_t now_ms)
{
	struct fsm_transition *last = &fsm->history[(fsm->history_used - 1) % FSM_HISTORY];

	if (fsm->history_used > 0 && last->from == fsm->state && last->event == event && last->to == to) {
		last->times++;
		last->at_ms = now_ms;
		return;
	}
	fsm->history[fsm->history_used++ % FSM_HISTORY] =
		(struct fsm_transition){.at_ms = now_ms, .times = 1, .from = fsm->state, .event = event, .to = to};
}

bool fsm_feed(struct fsm *fsm, uint8_t event, uint64_t now_ms, const void *data)
{
	const struct fsm_machine *machine = fsm->machine;
	const struct fsm_cell *cell;
	uint8_t steps = 0;

	if (BUG_ON(event >= machine->event_count) || BUG_ON(fsm->steps_left > 0))
		return false;
	cell = &machine->cells[fsm->state * machine->event_count + event];
	if (cell->kind == FSM_CELL_IGNORE)
		return false;
	if (BUG_ON(cell->kind != FSM_CELL_RULE)) {
		remember(fsm, event, fsm->state, now_ms);
		return false;
	}
	remember(fsm, event, cell->next, now_ms);
	fsm->state = cell->next;
	while (steps < FSM_STEPS_MAX && cell->steps[steps].run)
		steps++;
	for (uint8_t i = 0; i < steps; i++) {
		fsm->steps_left = (uint8_t)(steps - i - 1);
		cell->steps[i].run(fsm->owner, data);
	}
	return true;
}

void fsm_print_history(const struct fsm *fsm, struct text *out)
{
	const struct fsm_machine *machine = fsm->machine;
	uint32_t first = fsm->history_used > FSM_HISTORY ? fsm->history_used - FSM_HISTORY : 0;

	for (uint32_t i = first; i != fsm->history_used; i++) {
		const struct fsm_transition *t = &fsm->history[i % FSM_HISTORY];

		text_add_u64(out, t->at_ms);
		text_printf(out, " %s --%s--> %s", machine->states[t->from], machine->events[t->event],
			    machine->states[t->to]);
		if (t->times > 1)
			text_printf(out, " (%u times)", t->times);
		text_add_char(out, '\n');
	}
}
