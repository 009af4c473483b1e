/* A machine's table looked at as a whole: its faults, and its picture for READMEs. */
#include "lib/fsm/fsm.h"

static const struct fsm_cell *cell_of(const struct fsm_machine *machine, uint8_t state, uint8_t event)
{
	return &machine->cells[state * machine->event_count + event];
}

/* Grows the set of states that are connected with those in it, until it grows no more. */
static uint64_t closure(const struct fsm_machine *machine, uint64_t set, bool backwards)
{
	uint64_t before;

	do {
		before = set;
		for (uint8_t s = 0; s < machine->state_count; s++)
			for (uint8_t e = 0; e < machine->event_count; e++) {
				const struct fsm_cell *cell = cell_of(machine, s, e);
				uint64_t from = (uint64_t)1 << s, to = (uint64_t)1 << (cell->next % FSM_STATES_MAX);

				if (cell->kind == FSM_CELL_RULE && (set & (backwards ? to : from)))
					set |= backwards ? from : to;
			}
	} while (set != before);
	return set;
}

static unsigned check_cell(const struct fsm_machine *machine, uint8_t s, uint8_t e, struct text *out)
{
	const struct fsm_cell *cell = cell_of(machine, s, e);
	const char *fault = NULL;

	if (cell->kind == FSM_CELL_FORGOTTEN)
		fault = "forgotten";
	else if (cell->kind == FSM_CELL_RULE && cell->next >= machine->state_count)
		fault = "leads to no state";
	else if (cell->kind == FSM_CELL_RULE && s == machine->final && cell->next != s)
		fault = "leaves the final state";
	if (!fault)
		return 0;
	text_printf(out, "%s: [%s][%s] %s\n", machine->name, machine->states[s], machine->events[e], fault);
	return 1;
}

unsigned fsm_check(const struct fsm_machine *machine, struct text *out)
{
	uint64_t reached = closure(machine, 1, false);
	uint64_t ending = closure(machine, (uint64_t)1 << machine->final, true);
	unsigned faults = 0;

	for (uint8_t s = 0; s < machine->state_count; s++) {
		for (uint8_t e = 0; e < machine->event_count; e++)
			faults += check_cell(machine, s, e, out);
		if (!(reached >> s & 1)) {
			text_printf(out, "%s: %s cannot be reached\n", machine->name, machine->states[s]);
			faults++;
		}
		if (!(ending >> s & 1)) {
			text_printf(out, "%s: %s has no way out\n", machine->name, machine->states[s]);
			faults++;
		}
	}
	return faults;
}

static void print_cell(const struct fsm_machine *machine, uint8_t s, const struct fsm_cell *cell, struct text *out)
{
	if (cell->kind == FSM_CELL_IGNORE) {
		text_add_string(out, " · |");
		return;
	}
	if (cell->kind != FSM_CELL_RULE) {
		text_add_string(out, "  |");
		return;
	}
	for (unsigned i = 0; i < FSM_STEPS_MAX && cell->steps[i].run; i++)
		text_printf(out, "%s%s", i > 0 ? ", " : " ", cell->steps[i].name);
	if (cell->next != s)
		text_printf(out, " **%s**", machine->states[cell->next]);
	text_add_string(out, " |");
}

void fsm_print_markdown(const struct fsm_machine *machine, struct text *out)
{
	text_printf(out, "| %s |", machine->name);
	for (uint8_t s = 0; s < machine->state_count; s++)
		text_printf(out, " %s |", machine->states[s]);
	text_add_string(out, "\n|---|");
	for (uint8_t s = 0; s < machine->state_count; s++)
		text_add_string(out, "---|");
	for (uint8_t e = 0; e < machine->event_count; e++) {
		text_printf(out, "\n| %s |", machine->events[e]);
		for (uint8_t s = 0; s < machine->state_count; s++)
			print_cell(machine, s, cell_of(machine, s, e), out);
	}
	text_add_string(out, "\n");
}
