/* The manager: the main thread of the dataplane, between the shared segment and the workers.
 *
 * It reads the command rings, checks every command (shm_command_check, slot generation, port free), finds next hops,
 * and hands prepared operations to the workers; it turns what comes back into events. It alone writes the event rings
 * (one producer each), allocates, asks the kernel, and logs. It also notes the control plane's coming and going.
 *
 * Back-pressure: an event that finds its ring full is kept, and no further command of that worker is taken until it
 * went out; so STREAM_GONE and STREAM_REFUSED are never lost. Each signalling thread of the control plane is a client with
 * rings of its own, and hears of its own streams. LATCHED and SILENT are told by the worker and counted
 * (events_lost) when the manager is too far behind.
 * Answers: SET of a free slot creates; of a living slot with the same generation, address and port changes; anything else
 * is SHM_EVENT_STREAM_REFUSED (ERR_EXISTS: slot or port is taken, ERR_STATE: address or port cannot change, ERR_AGAIN: the
 * slot is being emptied, ERR_FULL, ERR_INVALID). DEL is always answered by STREAM_GONE, with zero counters when no such
 * stream lives.
 *
 * Threads: everything from the main thread. Rounds are MANAGER_ROUND_US apart at most, and
 * MANAGER_HURRY_US while calls are being set up: a phone may send its first packet as soon as it has its answer, and
 * until the command is carried out that packet is a stranger's. Ownership: the manager owns
 * workers, look-up table and operations; ports, neighbours and segment are the caller's and outlive it.
 */
#ifndef DATAPLANE_MANAGER_MANAGER_H
#define DATAPLANE_MANAGER_MANAGER_H

#include <stdatomic.h>

#include "lib/config/config.h"
#include "lib/shm/shm.h"

#define MANAGER_ROUND_US         1000
#define MANAGER_HURRY_US         100 /* between rounds for MANAGER_HURRY_MS after a command */
#define MANAGER_HURRY_MS         50
#define MANAGER_COMMANDS_A_ROUND 256 /* of one worker and client */

struct manager;
struct port_table;
struct neighbour_table;
struct worker;

/* ERR_NOMEM, ERR_RANGE (fewer EAL lcores than workers). neighbours may be NULL. */
int manager_new(const struct conf *conf, struct port_table *ports, struct neighbour_table *neighbours,
		struct shm_segment *segment, struct manager **ret_manager) WARN_UNUSED;
/* Starts the workers on EAL's worker lcores, rounds until *stop, ends the workers. ERR_IO: a worker did not start. */
int manager_run(struct manager *manager, const atomic_bool *stop) WARN_UNUSED;
/* One round: commands, answers, clocks. For manager_run and for tests that turn the workers themselves. */
void manager_round(struct manager *manager, uint64_t now_ms);
struct worker *manager_worker(struct manager *manager, uint16_t index);
void manager_free(struct manager *manager); /* NULL is allowed */

#endif
