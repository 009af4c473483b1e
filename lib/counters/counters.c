/* The rows of the counter lists as tables. */
#include "lib/counters/counters.h"

#define COUNTER_ROW(id, text, sentence) [id] = {.name = (text), .help = (sentence)},
const struct counter_row drop_rows[DROP_COUNT] = {DROP_LIST(COUNTER_ROW)};
const struct counter_row stage_rows[STAGE_COUNT] = {
#define X(name, help) [STAGE_##name] = {#name, (help)},
	STAGE_LIST(X)
#undef X
		[STAGE_receive] = {"receive", "taken from the port"}};
const struct counter_row worker_counter_rows[WORKER_COUNTER_COUNT] = {WORKER_COUNTER_LIST(COUNTER_ROW)};

const char *drop_reason_name(unsigned reason)
{
	return reason < DROP_COUNT ? drop_rows[reason].name : "unknown";
}

const char *worker_counter_name(unsigned counter)
{
	return counter < WORKER_COUNTER_COUNT ? worker_counter_rows[counter].name : "unknown";
}
