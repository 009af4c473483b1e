/* Between the sources of this folder. */
#ifndef DATAPLANE_MANAGER_PRIVATE_H
#define DATAPLANE_MANAGER_PRIVATE_H

#include "dataplane/manager/manager.h"
#include "dataplane/neighbour/neighbour.h"
#include "dataplane/worker/worker.h"

/* What the manager remembers of a slot: what it has commanded, a step ahead of what the worker has carried out. */
enum manager_slot_state { MANAGER_SLOT_FREE, MANAGER_SLOT_LIVE, MANAGER_SLOT_ENDING };
struct manager_slot {
	uint32_t generation;
	uint32_t neighbours[2]; /* of RTP and RTCP, held for the worker; STREAM_NO_NEIGHBOUR: none */
	uint16_t address, local_port;
	uint8_t state;  /* enum manager_slot_state */
	uint8_t client; /* whose SET made it: there its events go */
};

/* A signalling thread's rings to one worker. */
struct manager_client {
	struct shm_command_reader commands;
	struct shm_event_writer events;
	struct shm_event kept; /* found the event ring full */
	bool has_kept;
};

/* One worker as the manager sees it. */
struct manager_worker {
	struct worker *worker;
	struct manager_client *clients; /* client_count of the segment */
	uint32_t kept_count;            /* clients that have a kept event */
	struct manager_slot *slots;
	struct worker_operation *operations; /* WORKER_OPERATIONS of them */
	struct worker_operation **free;      /* those not on their way */
	uint32_t free_count;
	uint64_t refused; /* commands that were not what the segment can mean */
};

struct manager {
	struct port_table *ports;
	struct neighbour_table *neighbours;
	struct shm_segment *segment;
	struct stream_lookup lookup;
	uint64_t *ports_taken[SHM_ADDRESSES_MAX]; /* a bit a UDP port */
	struct manager_worker workers[SHM_WORKERS_MAX];
	uint16_t worker_count;
	struct secure_engine *engine; /* for making contexts; NULL: the processor cannot */
	uint32_t controller;          /* generation last seen */
	uint64_t next_second_ms;
	uint64_t hurry_until_ms; /* commands came a moment ago */
	atomic_bool stop_workers;
};

/* command.c: takes what the control plane wants, up to MANAGER_COMMANDS_A_ROUND; returns how many. */
unsigned manager_take_commands(struct manager *manager, uint16_t index, uint64_t now_ms);
/* answer.c: takes what the worker carried out and told, and makes events of it. */
void manager_take_answers(struct manager *manager, uint16_t index, uint64_t now_ms);
/* Puts an event, or keeps it when that client's ring is full; only without a kept one. */
void manager_tell(struct manager *manager, uint16_t index, uint8_t client, const struct shm_event *event);
/* True when nothing is kept (any more), of any client: what the worker answers may be for each of them. */
bool manager_tell_kept(struct manager *manager, uint16_t index);
/* operation.c: the next hop to a remote, held until let go of. */
uint32_t manager_next_hop(struct manager *manager, uint16_t address, const struct net_endpoint *remote);
void manager_let_go(struct manager *manager, uint32_t neighbours[2]);
/* An operation that is free, or NULL; on its way; back. */
struct worker_operation *manager_operation_get(struct manager_worker *w);
void manager_operation_send(struct manager_worker *w, struct worker_operation *operation);
void manager_operation_put(struct manager_worker *w, struct worker_operation *operation);

/* secure.c: contexts of the command's keys into the wish; the keys are wiped from it. ERR_INVALID, ERR_NOMEM,
 * ERR_UNSUPPORTED. */
int manager_secure(struct manager *manager, struct stream_wish *wish);
/* What the worker does not use (any more). */
void manager_secure_free(struct stream_wish *wish);
/* audio.c: coders of the command's audio into the wish. ERR_INVALID, ERR_NOMEM, ERR_UNSUPPORTED. */
int manager_audio(struct stream_wish *wish);
void manager_audio_free(struct stream_wish *wish);

static inline bool manager_port_is_taken(const struct manager *manager, uint16_t address, uint16_t port)
{
	return manager->ports_taken[address][port / 64] >> port % 64 & 1;
}

#endif
