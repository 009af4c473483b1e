/* The media engine of scenarios. */
#include "tests/scenario/engine.h"

#include <stdlib.h>

enum { STREAMS = 256, TICK_MS = 5 };

struct engine {
	struct loop *loop;
	struct loop_timer timer;
	struct shm_segment segment;
	struct shm_command_reader commands;
	struct shm_event_writer events;
	const char *path;
	struct shm_stream_set streams[STREAMS]; /* generation 0: free */
};

static void put(struct engine *engine, const struct shm_event *event)
{
	if (shm_event_put(&engine->events, event) < 0)
		abort();
}

static void write_row(struct engine *engine, uint32_t index)
{
	const struct shm_stream_set *set = &engine->streams[index];
	struct shm_stream_row row = {.source_index = UINT32_MAX};

	if (set->id.generation != 0)
		row = (struct shm_stream_row){
			.generation = set->id.generation,
			.controller = set->controller,
			.state = SHM_SLOT_LIVE,
			.address = set->address,
			.local_port = set->local_port,
			.flags = set->flags,
			.source_index = set->source.generation ? set->source.index : UINT32_MAX,
			.source_generation = set->source.generation,
			.remote = set->remote_rtp,
		};
	shm_stream_write(&shm_segment_rows(&engine->segment, 0)[index], &row);
}

static void carry_out(struct engine *engine, const struct shm_command *command)
{
	struct shm_event event = {.time_ms = loop_now_ms(engine->loop)};
	uint32_t index;

	if (shm_command_check(&engine->segment, 0, command) < 0)
		abort(); /* the control plane broke the contract */
	if (command->type == SHM_COMMAND_STREAM_SET) {
		index = command->u.stream_set.id.index;
		engine->streams[index] = command->u.stream_set;
		write_row(engine, index);
	} else if (command->type == SHM_COMMAND_STREAM_DEL) {
		index = command->u.stream_del.id.index;
		engine->streams[index] = (struct shm_stream_set){0};
		write_row(engine, index);
		event.type = SHM_EVENT_STREAM_GONE;
		event.id = command->u.stream_del.id;
		put(engine, &event);
	}
}

static void tick(void *arg)
{
	struct engine *engine = arg;
	struct shm_command command;

	while (shm_command_get(&engine->commands, &command) == 0)
		carry_out(engine, &command);
	loop_timer_start(engine->loop, &engine->timer, TICK_MS);
}

struct engine *engine_new(struct loop *loop, const char *path, const struct net_address *address)
{
	struct shm_address at = {.address = *address,
				 .advertised = *address,
				 .port_name = "scenario",
				 .serves = SHM_SERVES_NETWORK,
				 .port_start = 10000,
				 .port_end = 10999,
				 .up = 1};
	struct shm_layout layout = {.worker_count = 1,
				    .streams_per_worker = STREAMS,
				    .generation = 1,
				    .addresses = &at,
				    .address_count = 1};
	struct engine *engine = calloc(1, sizeof(*engine));
	struct shm_refusal refusal;
	struct shm_worker *worker;

	if (!engine || shm_segment_create(path, &layout, &engine->segment, &refusal) < 0)
		abort();
	engine->loop = loop;
	engine->path = path;
	worker = shm_segment_worker(&engine->segment, 0);
	if (shm_command_reader_init(&engine->commands, &worker->commands) < 0 ||
	    shm_event_writer_init(&engine->events, &worker->events) < 0)
		abort();
	loop_timer_init(&engine->timer, tick, engine);
	tick(engine);
	return engine;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	loop_timer_stop(engine->loop, &engine->timer);
	shm_segment_close(&engine->segment, engine->path);
	free(engine);
}

void engine_walk(struct engine *engine, void (*visit)(const struct shm_stream_set *set, void *arg), void *arg)
{
	uint16_t last = 0;

	for (;;) {
		const struct shm_stream_set *next = NULL;

		for (uint32_t i = 0; i < STREAMS; i++) {
			const struct shm_stream_set *set = &engine->streams[i];

			if (set->id.generation != 0 && set->local_port > last &&
			    (!next || set->local_port < next->local_port))
				next = set;
		}
		if (!next)
			return;
		last = next->local_port;
		visit(next, arg);
	}
}

uint16_t engine_port(struct engine *engine, const struct shm_stream_id *id)
{
	const struct shm_stream_set *set = &engine->streams[id->index % STREAMS];

	return set->id.generation == id->generation ? set->local_port : 0;
}

static struct shm_stream_set *at_port(struct engine *engine, uint16_t port)
{
	for (uint32_t i = 0; i < STREAMS; i++)
		if (engine->streams[i].id.generation != 0 && engine->streams[i].local_port == port)
			return &engine->streams[i];
	return NULL;
}

bool engine_silence(struct engine *engine, uint16_t port, uint64_t silent_ms)
{
	struct shm_stream_set *set = at_port(engine, port);

	if (!set)
		return false;
	put(engine, &(struct shm_event){.type = SHM_EVENT_STREAM_SILENT,
					.id = set->id,
					.time_ms = loop_now_ms(engine->loop),
					.u.silent_ms = silent_ms});
	return true;
}

bool engine_latch(struct engine *engine, uint16_t port, const struct net_endpoint *peer)
{
	struct shm_stream_set *set = at_port(engine, port);

	if (!set)
		return false;
	put(engine, &(struct shm_event){.type = SHM_EVENT_STREAM_LATCHED,
					.id = set->id,
					.time_ms = loop_now_ms(engine->loop),
					.u.latched = *peer});
	return true;
}
