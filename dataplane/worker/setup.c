/* Making and linking workers: their rings, tables and clocks. */
#include "dataplane/worker/private.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>

static struct rte_ring *ring_new(const char *what, uint16_t index, unsigned element_size, unsigned count,
				 unsigned flags)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "worker%u_%s", index, what);
	return rte_ring_create_elem(name, element_size, count, SOCKET_ID_ANY, flags);
}

static int rings_new(struct worker *worker, uint16_t index)
{
	const unsigned single = RING_F_SP_ENQ | RING_F_SC_DEQ;
	struct stage_context *context = &worker->context;

	/* A ring has one place less than its size. */
	worker->operations = ring_new("operations", index, sizeof(void *), 2 * WORKER_OPERATIONS, single);
	worker->done = ring_new("done", index, sizeof(void *), 2 * WORKER_OPERATIONS, single);
	context->events = ring_new("events", index, sizeof(struct stage_event), WORKER_EVENTS, single);
	context->handover[index] = ring_new("handover", index, sizeof(void *), WORKER_HANDOVER, RING_F_SC_DEQ);
	if (!worker->operations || !worker->done || !context->events || !context->handover[index])
		return ERR_NOMEM;
	return 0;
}

int worker_new(const struct worker_setup *setup, struct worker **ret_worker)
{
	struct worker *worker = rte_zmalloc("worker", sizeof(*worker), CACHE_LINE);
	struct stage_context *context;
	int error = ERR_NOMEM;

	if (!worker)
		return ERR_NOMEM;
	context = &worker->context;
	context->worker = setup->index;
	context->worker_count = setup->count;
	context->ports = setup->ports;
	for (uint16_t p = 0; p < setup->ports->count; p++)
		context->port_of_dpdk[setup->ports->ports[p].dpdk_id] = (uint8_t)p;
	stage_index_addresses(context);
	worker->naps = setup->naps;
	worker->tsc_hz = rte_get_tsc_hz();
	worker->us_per_tsc = (uint64_t)(((unsigned __int128)1000000 << 64) / worker->tsc_hz);
	if (setup->segment) {
		worker->rows = shm_segment_rows(setup->segment, setup->index);
		worker->published = &shm_segment_worker(setup->segment, setup->index)->counters;
	}
	context->rekeyed_tsc = STREAM_REKEYED_MS * worker->tsc_hz / 1000;
	error = rings_new(worker, setup->index);
	if (error == 0)
		error = secure_engine_new(&context->engine);
	if (error == ERR_UNSUPPORTED)
		error = 0; /* the manager refuses keys then */
	if (error == 0)
		error = stream_table_init(&context->table, setup->streams, setup->index, setup->lookup,
					  setup->neighbours, worker->tsc_hz);
	if (error) {
		worker_free(worker);
		return error;
	}
	*ret_worker = worker;
	return 0;
}

void worker_link(struct worker *const workers[], uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		for (uint16_t j = 0; j < count; j++)
			workers[i]->context.handover[j] = workers[j]->context.handover[j];
}

void worker_free(struct worker *worker)
{
	struct rte_ring *handover;
	void *packet;

	if (!worker)
		return;
	handover = worker->context.handover[worker->context.worker];
	while (handover && rte_ring_sc_dequeue(handover, &packet) == 0)
		rte_pktmbuf_free(packet);
	rte_ring_free(handover);
	rte_ring_free(worker->operations);
	rte_ring_free(worker->done);
	rte_ring_free(worker->context.events);
	secure_engine_free(worker->context.engine);
	stream_table_fini(&worker->context.table);
	rte_free(worker);
}
