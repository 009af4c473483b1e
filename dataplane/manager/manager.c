/* Making, running and ending the manager and its workers. */
#include "dataplane/manager/private.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "lib/log/log.h"

#define TAKEN_WORDS (65536 / 64)
#define POLL_MS     100

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int addresses_init(struct manager *manager)
{
	struct shm_address addresses[SHM_ADDRESSES_MAX];
	unsigned count = port_fill_addresses(manager->ports, addresses);

	for (unsigned i = 0; i < count; i++) {
		const struct port *port = &manager->ports->ports[manager->ports->port_of_address[i]];
		struct stream_address *to = &manager->lookup.addresses[i];

		to->address = addresses[i].address;
		to->port_start = addresses[i].port_start;
		to->port_end = addresses[i].port_end;
		to->port = port->index;
		to->mtu = port->mtu;
		to->has_offload = port->has_checksum_offload;
		memcpy(to->mac, port->mac, PACKET_MAC_SIZE);
		manager->ports_taken[i] = calloc(TAKEN_WORDS, sizeof(uint64_t));
		if (!manager->ports_taken[i])
			return ERR_NOMEM;
	}
	manager->lookup.address_count = count;
	return stream_lookup_init(&manager->lookup);
}

static int worker_init(struct manager *manager, const struct conf *conf, uint16_t index)
{
	struct manager_worker *w = &manager->workers[index];
	struct worker_setup setup = {
		.index = index,
		.count = manager->worker_count,
		.streams = manager->segment->streams_per_worker,
		.naps = conf->dataplane.idle == CONF_IDLE_ADAPTIVE,
		.ports = manager->ports,
		.neighbours = manager->neighbours,
		.lookup = &manager->lookup,
		.segment = manager->segment,
	};
	int error = worker_new(&setup, &w->worker);

	if (error)
		return error;
	w->slots = calloc(setup.streams, sizeof(*w->slots));
	w->clients = calloc(manager->segment->client_count, sizeof(*w->clients));
	w->operations = calloc(WORKER_OPERATIONS, sizeof(*w->operations));
	w->free = calloc(WORKER_OPERATIONS, sizeof(struct worker_operation *));
	if (!w->slots || !w->clients || !w->operations || !w->free)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < WORKER_OPERATIONS; i++)
		manager_operation_put(w, &w->operations[i]);
	for (uint32_t i = 0; i < manager->segment->client_count && error == 0; i++) {
		struct shm_client *client = shm_segment_client(manager->segment, index, i);

		error = shm_command_reader_init(&w->clients[i].commands, &client->commands);
		if (error == 0)
			error = shm_event_writer_init(&w->clients[i].events, &client->events);
	}
	return error;
}

static void clocks_set(struct manager *manager, uint64_t now_ms)
{
	for (uint16_t i = 0; i < manager->worker_count; i++)
		worker_clock_set(manager->workers[i].worker, rte_rdtsc(), now_ms);
}

int manager_new(const struct conf *conf, struct port_table *ports, struct neighbour_table *neighbours,
		struct shm_segment *segment, struct manager **ret_manager)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	struct worker *workers[SHM_WORKERS_MAX];
	int error = 0;

	if (!manager)
		return ERR_NOMEM;
	manager->ports = ports;
	manager->neighbours = neighbours;
	manager->segment = segment;
	manager->worker_count = (uint16_t)segment->worker_count;
	error = secure_engine_new(&manager->engine);
	if (error == ERR_UNSUPPORTED)
		log_warning("manager", "the processor has no AES instructions: SRTP is not available");
	else if (error)
		log_error("manager", "SRTP: %s", error_text(error));
	else
		log_info("manager", "SRTP computes with %s", secure_engine_name(manager->engine));
	error = rte_lcore_count() <= manager->worker_count ? ERR_RANGE : addresses_init(manager);
	for (uint16_t i = 0; error == 0 && i < manager->worker_count; i++) {
		error = worker_init(manager, conf, i);
		workers[i] = manager->workers[i].worker;
	}
	if (error) {
		manager_free(manager);
		return error;
	}
	worker_link(workers, manager->worker_count);
	clocks_set(manager, clock_ms());
	*ret_manager = manager;
	return 0;
}

/* Contexts and coders of streams that still live. */
static void free_contexts(struct worker *worker)
{
	struct stream_table *table = worker ? &worker->context.table : NULL;

	for (uint32_t s = 0; table && s < table->high; s++) {
		secure_context_free(table->at[s].secure_in);
		secure_context_free(table->at[s].secure_out);
		secure_context_free(table->at[s].secure_before);
		manager_audio_free(
			&(struct stream_wish){.playout = table->at[s].playout, .talker = table->at[s].talker});
	}
}

void manager_free(struct manager *manager)
{
	if (!manager)
		return;
	for (uint16_t i = 0; i < manager->worker_count; i++) {
		struct manager_worker *w = &manager->workers[i];

		for (uint32_t s = 0; w->slots && s < manager->segment->streams_per_worker; s++)
			if (w->slots[s].state != MANAGER_SLOT_FREE)
				manager_let_go(manager, w->slots[s].neighbours);
		for (uint32_t o = 0; w->operations && o < WORKER_OPERATIONS; o++) {
			manager_secure_free(&w->operations[o].wish);
			manager_audio_free(&w->operations[o].wish);
		}
		free_contexts(w->worker);
		worker_free(w->worker);
		free(w->slots);
		free(w->clients);
		free(w->operations);
		free(w->free);
	}
	secure_engine_free(manager->engine);
	stream_lookup_fini(&manager->lookup);
	for (unsigned i = 0; i < SHM_ADDRESSES_MAX; i++)
		free(manager->ports_taken[i]);
	free(manager);
}

struct worker *manager_worker(struct manager *manager, uint16_t index)
{
	return index < manager->worker_count ? manager->workers[index].worker : NULL;
}

static void watch_controller(struct manager *manager)
{
	uint32_t controller = atomic_load_explicit(&manager->segment->header->controller, memory_order_relaxed);

	if (controller == manager->controller)
		return;
	manager->controller = controller;
	log_info("manager", "control plane %08x has taken over (process %d)", controller,
		 (int)atomic_load_explicit(&manager->segment->header->controller_pid, memory_order_relaxed));
}

void manager_round(struct manager *manager, uint64_t now_ms)
{
	atomic_store_explicit(&manager->segment->header->dataplane_alive_ms, now_ms, memory_order_relaxed);
	for (uint16_t i = 0; i < manager->worker_count; i++) {
		manager_take_answers(manager, i, now_ms);
		if (manager_take_commands(manager, i, now_ms) > 0)
			manager->hurry_until_ms = now_ms + MANAGER_HURRY_MS;
	}
	if (now_ms < manager->next_second_ms)
		return;
	manager->next_second_ms = now_ms + 1000;
	clocks_set(manager, now_ms);
	watch_controller(manager);
	port_poll_links(manager->ports, manager->segment->header->addresses);
}

static int worker_main(void *arg)
{
	struct manager *manager = arg;
	/* Worker w runs on EAL's lcore w + 1 (dataplane/port plans it so). */
	uint16_t index = (uint16_t)(rte_lcore_index((int)rte_lcore_id()) - 1);

	worker_run(manager->workers[index].worker, &manager->stop_workers);
	return 0;
}

/* Until the kernel has news or a round is due. */
static void rest(const struct manager *manager, struct pollfd *fds, unsigned count, uint64_t now_ms)
{
	bool hurries = now_ms < manager->hurry_until_ms;
	struct timespec pause = {.tv_nsec = (hurries ? MANAGER_HURRY_US : MANAGER_ROUND_US) * 1000};

	(void)ppoll(fds, count, &pause, NULL);
}

static unsigned watch_descriptors(const struct manager *manager, struct pollfd *fds)
{
	int twins[PORT_MAX];
	unsigned count = port_twin_fds(manager->ports, twins);

	for (unsigned i = 0; i < count; i++)
		fds[i] = (struct pollfd){.fd = twins[i], .events = POLLIN};
	if (manager->neighbours)
		fds[count++] = (struct pollfd){.fd = neighbour_fd(manager->neighbours), .events = POLLIN};
	return count;
}

int manager_run(struct manager *manager, const atomic_bool *stop)
{
	struct pollfd fds[PORT_MAX + 1];
	unsigned fd_count = watch_descriptors(manager, fds), lcore;
	uint64_t next_poll_ms = 0;
	int error = 0;

	(void)prctl(PR_SET_TIMERSLACK, 1000);
	atomic_store(&manager->stop_workers, false);
	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		uint16_t index = (uint16_t)(rte_lcore_index((int)lcore) - 1);

		if (index < manager->worker_count && rte_eal_remote_launch(worker_main, manager, lcore) != 0)
			error = ERR_IO;
	}
	while (!error && !atomic_load_explicit(stop, memory_order_relaxed)) {
		uint64_t now_ms = clock_ms();
		bool has_news = manager->neighbours && fds[fd_count - 1].revents;

		manager_round(manager, now_ms);
		if (manager->neighbours && (has_news || now_ms >= next_poll_ms)) {
			neighbour_poll(manager->neighbours, now_ms);
			next_poll_ms = now_ms + POLL_MS;
		}
		if (port_poll_twins(manager->ports) == 0)
			rest(manager, fds, fd_count, now_ms);
	}
	atomic_store(&manager->stop_workers, true);
	rte_eal_mp_wait_lcore();
	return error;
}
