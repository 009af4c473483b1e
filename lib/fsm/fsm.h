/* State machines as dense tables [state][event]. Every cell is written down: a rule (steps and the next state), an
 * ignored event, or one that can never come there. A cell that nobody wrote is found by fsm_check, which every machine's
 * test calls; so is a state that cannot be reached and a state that has no way out to a final one.
 *
 * Used by the transaction and call machines. A table reads like this:
 *
 *     static const struct fsm_cell cells[STATES][EVENTS] = {
 *             [CALLING] = {
 *                     [TIMER_A] = FSM_RULE(CALLING, FSM_DO(send_request), FSM_DO(restart_a)),
 *                     [RECEIVED_1XX] = FSM_RULE(PROCEEDING, FSM_DO(stop_timers), FSM_DO(pass_up)),
 *                     [TIMER_D] = FSM_NEVER,
 *                     ...
 *
 * Order: the state changes first, then the steps run in theirs. A step that can feed the machine again (it calls a
 * user, who may answer at once) must be the last of its cell; feeding it from an earlier one is a bug.
 * What must not be in a cell can still come when our own code is wrong: BUG_ON, and in production it is ignored.
 * Threads: one at a time an instance; machines are constants. Ownership: an instance is embedded in its owner and holds
 * nothing; it may be freed after fsm_feed has returned. Memory: 296 bytes an instance, most of it the history.
 */
#ifndef LIB_FSM_FSM_H
#define LIB_FSM_FSM_H

#include "lib/base/base.h"

enum { FSM_STEPS_MAX = 5, FSM_HISTORY = 16, FSM_STATES_MAX = 64 };

/* data is what the event brought, as given to fsm_feed. */
typedef void fsm_action(void *owner, const void *data);

struct fsm_step {
	fsm_action *run;
	const char *name;
};

enum fsm_cell_kind { FSM_CELL_FORGOTTEN, FSM_CELL_RULE, FSM_CELL_IGNORE, FSM_CELL_NEVER };

struct fsm_cell {
	uint8_t kind; /* enum fsm_cell_kind */
	uint8_t next;
	struct fsm_step steps[FSM_STEPS_MAX];
};

#define FSM_DO(action)                                                                                                 \
	{                                                                                                              \
		action, #action                                                                                        \
	}
#define FSM_RULE(to, ...)                                                                                              \
	{                                                                                                              \
		FSM_CELL_RULE, to,                                                                                     \
		{                                                                                                      \
			__VA_ARGS__                                                                                    \
		}                                                                                                      \
	} /* from one to FSM_STEPS_MAX steps */
#define FSM_GO(to)                                                                                                     \
	{                                                                                                              \
		FSM_CELL_RULE, to,                                                                                     \
		{                                                                                                      \
			{                                                                                              \
				0                                                                                      \
			}                                                                                              \
		}                                                                                                      \
	} /* no step */
#define FSM_IGNORE                                                                                                     \
	{                                                                                                              \
		.kind = FSM_CELL_IGNORE                                                                                \
	} /* may come, means nothing here */
#define FSM_NEVER                                                                                                      \
	{                                                                                                              \
		.kind = FSM_CELL_NEVER                                                                                 \
	} /* cannot come here */

struct fsm_machine {
	const char *name; /* "client INVITE" */
	const char *const *states, *const *events;
	uint8_t state_count, event_count;
	uint8_t final;                /* the state in which nothing happens any more */
	const struct fsm_cell *cells; /* [state_count][event_count]; state 0 is the first */
};

/* One remembered transition; the same one several times in a row is counted. */
struct fsm_transition {
	uint64_t at_ms; /* of the last of them */
	uint32_t times;
	uint8_t from, event, to;
};

struct fsm {
	const struct fsm_machine *machine;
	void *owner;
	uint8_t state;
	uint8_t steps_left;    /* of the cell that is running now */
	uint32_t history_used; /* transitions ever remembered; the newest is at (history_used - 1) % FSM_HISTORY */
	struct fsm_transition history[FSM_HISTORY];
};

void fsm_init(struct fsm *fsm, const struct fsm_machine *machine, void *owner);
/* True when the event had a rule; false when it was ignored. */
bool fsm_feed(struct fsm *fsm, uint8_t event, uint64_t now_ms, const void *data);
/* Whether the event would have a rule now. */
bool fsm_has_rule(const struct fsm *fsm, uint8_t event);
const char *fsm_state_name(const struct fsm *fsm);
/* A line per remembered transition, oldest first: "1234 CALLING --RECEIVED_1XX--> PROCEEDING". */
void fsm_print_history(const struct fsm *fsm, struct text *out);

/* Writes a line per fault of the table (see the top) and returns how many there are. For tests. */
unsigned fsm_check(const struct fsm_machine *machine, struct text *out);
/* The table in Markdown: a row per event, a column per state. READMEs carry it, and a test compares. */
void fsm_print_markdown(const struct fsm_machine *machine, struct text *out);

#endif
