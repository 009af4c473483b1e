/* Our dataplane, programmed as a control plane does it: commands and events over its segment. Streams to talk to, and others
 * that come and go while those talk. */
#include "bench/media/media.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sys/random.h>

#include <rte_cycles.h>

#define CHURN_LIFE     1024 /* streams that come and go live at once, at most */
#define WAIT_SECONDS   20
#define EVENTS_A_TURN  64
#define COMMANDS_AHEAD 256 /* a burst of commands between two bursts of packets */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void engine_heartbeat(struct load *load)
{
	atomic_store_explicit(&load->segment.header->controller_alive_ms, now_ms(), memory_order_relaxed);
}

uint64_t engine_counter(const struct load *load, enum worker_counter counter)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < load->segment.worker_count; w++)
		sum += atomic_load_explicit(&shm_segment_worker(&load->segment, w)->counters.values[counter],
					    memory_order_relaxed);
	return sum;
}

uint64_t engine_drops(const struct load *load, enum drop_reason reason)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < load->segment.worker_count; w++)
		sum += atomic_load_explicit(&shm_segment_worker(&load->segment, w)->counters.drops[reason],
					    memory_order_relaxed);
	return sum;
}

int engine_attach(struct load *load)
{
	struct shm_refusal refusal = {""};
	int error = shm_segment_attach(load->segment_path, &load->segment, &refusal);

	if (error) {
		fprintf(stderr, "media_load: %s\n", refusal.text);
		return error;
	}
	if (getrandom(&load->controller, sizeof(load->controller), 0) != sizeof(load->controller))
		return ERR_IO;
	load->controller |= 1;
	atomic_store_explicit(&load->segment.header->controller, load->controller, memory_order_relaxed);
	engine_heartbeat(load);
	for (uint32_t w = 0; w < load->segment.worker_count; w++) {
		struct shm_client *client = shm_segment_client(&load->segment, w, 0);

		if (shm_command_writer_init(&load->commands[w], &client->commands) ||
		    shm_event_reader_init(&load->events[w], &client->events))
			return ERR_CORRUPT;
	}
	return 0;
}

/* Where stream i lives: streams in pairs on one worker, spread over the addresses. */
struct place {
	uint32_t worker, slot;
	uint16_t address, port;
};

static int place_of(const struct load *load, uint32_t i, struct place *ret_place)
{
	uint32_t count = load->segment.address_count, workers = load->segment.worker_count;
	uint32_t address = i % count, pair = i / 2;
	const struct shm_address *row = &load->segment.addresses[address];
	uint32_t port = (row->port_start + 1u) / 2 * 2 + i / count * 2;

	*ret_place = (struct place){.worker = pair % workers,
				    .slot = pair / workers * 2 + i % 2,
				    .address = (uint16_t)address,
				    .port = (uint16_t)port};
	return port < row->port_end && ret_place->slot < load->segment.streams_per_worker ? 0 : ERR_RANGE;
}

static void read_events(struct load *load)
{
	for (uint32_t w = 0; w < load->segment.worker_count; w++) {
		struct shm_event event;

		for (int i = 0; i < EVENTS_A_TURN && shm_event_get(&load->events[w], &event) == 0; i++) {
			load->churn_gone += event.type == SHM_EVENT_STREAM_GONE;
			load->refusals += event.type == SHM_EVENT_STREAM_REFUSED;
		}
	}
}

static int put(struct load *load, const struct place *place, const struct shm_command *command)
{
	uint64_t end = now_ms() + WAIT_SECONDS * 1000;

	while (shm_command_put(&load->commands[place->worker], command) != 0) {
		read_events(load);
		if (now_ms() > end)
			return ERR_FULL;
	}
	return 0;
}

static int put_set(struct load *load, uint32_t i)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_SET};
	struct shm_stream_set *set = &command.u.stream_set;
	struct place place, other;

	if (place_of(load, i, &place) || place_of(load, i ^ 1, &other))
		return ERR_RANGE;
	set->id = (struct shm_stream_id){
		.worker = (uint16_t)place.worker, .index = place.slot, .generation = load->generation};
	set->source = (struct shm_stream_id){
		.worker = (uint16_t)other.worker, .index = other.slot, .generation = load->generation};
	set->remote_rtp.address.family = NET_IPV4;
	memcpy(set->remote_rtp.address.bytes, &(uint32_t){traffic_peer_address(i)}, 4);
	set->remote_rtp.port = traffic_peer_port(i);
	set->controller = load->controller;
	set->address = place.address;
	set->local_port = place.port;
	set->flags = SHM_STREAM_LEARN | SHM_STREAM_RECEIVE | SHM_STREAM_SEND;
	set->dscp = 46;
	return put(load, &place, &command);
}

static int put_del(struct load *load, uint32_t i)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_DEL};
	struct place place;

	if (place_of(load, i, &place))
		return ERR_RANGE;
	command.u.stream_del.id = (struct shm_stream_id){
		.worker = (uint16_t)place.worker, .index = place.slot, .generation = load->generation};
	return put(load, &place, &command);
}

static int wait_for_streams(struct load *load, uint64_t wanted)
{
	uint64_t end = now_ms() + WAIT_SECONDS * 1000;

	while (engine_counter(load, WORKER_STREAMS) != wanted) {
		struct timespec pause = {.tv_nsec = 1000000};

		read_events(load);
		engine_heartbeat(load);
		if (load->refusals || now_ms() > end) {
			fprintf(stderr, "media_load: the engine has %llu streams of %llu and refused %llu\n",
				(unsigned long long)engine_counter(load, WORKER_STREAMS), (unsigned long long)wanted,
				(unsigned long long)load->refusals);
			return ERR_STATE;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

int engine_program(struct load *load)
{
	uint64_t begun = rte_rdtsc();

	load->generation = load->controller & 0x7fffffff;
	load->generation += load->generation == 0;
	for (uint32_t i = 0; i < load->stream_count; i++) {
		struct place place;
		uint32_t address_be;
		int error = put_set(load, i);

		if (error || place_of(load, i, &place)) {
			fprintf(stderr, "media_load: stream %u does not fit the engine's addresses and tables\n", i);
			return error;
		}
		memcpy(&address_be, load->segment.addresses[place.address].address.bytes, 4);
		traffic_aim(load, i, address_be, place.port);
	}
	load->churn_first = (load->stream_count + 1) / 2 * 2;
	load->churn_room = CHURN_LIFE;
	if (wait_for_streams(load, load->stream_count))
		return ERR_STATE;
	printf("programmed %u streams in %.0f ms\n", load->stream_count,
	       (double)(rte_rdtsc() - begun) * 1e3 / (double)rte_get_tsc_hz());
	return 0;
}

/* Round by round: all of them begin, one by one; then all end. */
static void churn_one(struct load *load)
{
	uint32_t i = load->churn_first + load->churn_at;

	if ((load->churn_is_live ? put_del(load, i) : put_set(load, i)) != 0)
		return;
	load->churned++;
	if (++load->churn_at == load->churn_room) {
		load->churn_at = 0;
		load->churn_is_live = !load->churn_is_live;
	}
}

void engine_turn(struct load *load, uint64_t now_tsc)
{
	uint64_t hz = rte_get_tsc_hz();

	read_events(load);
	if (load->churn == 0)
		return;
	if (load->churn_next_tsc == 0)
		load->churn_next_tsc = now_tsc;
	for (int i = 0; i < COMMANDS_AHEAD && now_tsc >= load->churn_next_tsc; i++) {
		churn_one(load);
		load->churn_next_tsc += hz / load->churn;
	}
}

void engine_end(struct load *load)
{
	load->churn = 0;
	for (uint32_t i = 0; load->churn_is_live && i < load->churn_room; i++)
		(void)!put_del(load, load->churn_first + i);
	for (uint32_t i = 0; !load->churn_is_live && i < load->churn_at; i++)
		(void)!put_del(load, load->churn_first + i);
	for (uint32_t i = 0; i < load->stream_count; i++)
		(void)!put_del(load, i);
	if (wait_for_streams(load, 0))
		load->left = engine_counter(load, WORKER_STREAMS);
	shm_segment_close(&load->segment, load->segment_path);
}
