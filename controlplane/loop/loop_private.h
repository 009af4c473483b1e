/* Inside controlplane/loop: what the two makes of a loop have in common. */
#ifndef CONTROLPLANE_LOOP_LOOP_PRIVATE_H
#define CONTROLPLANE_LOOP_LOOP_PRIVATE_H

#include "controlplane/loop/loop.h"

struct loop_make {
	bool is_simulated;
	uint64_t (*clock_ms)(const struct loop *loop); /* the monotonic clock, read anew */
	uint64_t (*wall_ms)(const struct loop *loop);
	void (*random)(struct loop *loop, void *buffer, size_t size);
	/* Waits for descriptors, at most timeout_ms (UINT64_MAX: for ever), and gathers which are ready. */
	void (*wait)(struct loop *loop, uint64_t timeout_ms);
	/* Calls those that are ready. */
	void (*dispatch)(struct loop *loop);
	void (*wake)(struct loop *loop); /* any thread: makes a waiting loop turn */
	int (*watch)(struct loop *loop, struct loop_watch *watch, int operation);
	void (*free)(struct loop *loop);
};

struct loop {
	const struct loop_make *make;
	struct wheel wheel; /* its now_ms is the loop's now */
	_Atomic bool is_stopped;
	_Atomic(struct loop_message *) mailbox; /* newest first; any thread pushes, the loop takes all */
	struct loop_message *deferred, **deferred_end;
	uint64_t idle_ms; /* when it last had nothing to do */
	uint64_t lag_ms;
};

/* Fills in the common part. */
void loop_init(struct loop *loop, const struct loop_make *make, uint64_t now_ms);

#endif
