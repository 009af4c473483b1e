/* A media engine that carries nothing: it takes the control plane's commands from a segment of its own and answers them in
 * simulated time. What a stream was told can be read back, and a scenario can let a stream fall silent or the engine die.
 */
#ifndef TESTS_SCENARIO_ENGINE_H
#define TESTS_SCENARIO_ENGINE_H

#include "controlplane/loop/loop.h"
#include "lib/shm/shm.h"

struct engine;

/* One worker, one media address. */
struct engine *engine_new(struct loop *loop, const char *path, const struct net_address *address);
void engine_free(struct engine *engine); /* as if it died */
/* Calls visit for every live stream, in the order of their ports. */
void engine_walk(struct engine *engine, void (*visit)(const struct shm_stream_set *set, void *arg), void *arg);
/* The local port of a stream; 0: there is none. */
uint16_t engine_port(struct engine *engine, const struct shm_stream_id *id);
/* The stream at that port heard nothing for so long. False: there is none. */
bool engine_silence(struct engine *engine, uint16_t port, uint64_t silent_ms);
/* The stream heard its peer at that address. */
bool engine_latch(struct engine *engine, uint16_t port, const struct net_endpoint *peer);

#endif
