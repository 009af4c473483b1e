/* Lanes: which stages a packet passes, as rows of one const table (lane.c). Reading that table is reading the packet's
 * road.
 *
 * Used by the workers, and by tests and the documentation, which walk the table.
 * Threads: the table is constant; lane_run belongs to the context's worker.
 */
#ifndef DATAPLANE_LANE_LANE_H
#define DATAPLANE_LANE_LANE_H

#include "dataplane/stage/stage.h"

#define LANE_STAGES_MAX 10

struct lane_step {
	const char *name;
	enum stage id;
	stage_function *run;
};

struct lane_row {
	const char *name;
	struct lane_step steps[LANE_STAGES_MAX]; /* up to the first without a function */
	bool splits; /* behind its steps the packets part, each to its own lane; else nothing is left */
};
extern const struct lane_row lane_rows[LANE_COUNT];

/* Takes the burst through `first` and from there through the lanes of its packets; it is empty then. */
void lane_run(struct stage_context *context, enum lane first, struct burst *burst);

#endif
