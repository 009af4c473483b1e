/* The poll loop: what a worker does in a turn, and how it rests. */
#include "dataplane/worker/private.h"

#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

static unsigned receive_queue(struct stage_context *context, struct port *port, uint16_t queue)
{
	uint64_t begun = context->measured_at == 0 ? rte_rdtsc() : 0, bytes = 0;
	struct burst burst;
	uint16_t count;

	burst.count = rte_eth_rx_burst(port->dpdk_id, queue, burst.packets, BURST_RECEIVE);
	count = burst.count;
	if (count == 0)
		return 0;
	if (unlikely(begun))
		stage_measured(context, STAGE_receive, rte_rdtsc() - begun, count);
	for (uint16_t i = 0; i < count; i++)
		bytes += burst.packets[i]->pkt_len;
	context->counters[WORKER_RX_BYTES] += bytes;
	context->counters[WORKER_RX_PACKETS] += count;
	if (port->ifindex == 0 && burst.packets[0]->data_len >= PACKET_ETHERNET_SIZE)
		port_learn_peer(port, rte_pktmbuf_mtod_offset(burst.packets[0], const uint8_t *, PACKET_MAC_SIZE));
	lane_run(context, LANE_ENTRY, &burst);
	return count;
}

static unsigned receive_all(struct stage_context *context)
{
	unsigned received = 0;

	for (uint16_t p = 0; p < context->ports->count; p++) {
		struct port *port = &context->ports->ports[p];

		for (uint16_t q = 0; q < port->queue_count; q++) {
			if (port->queues[q].worker != context->worker)
				continue;
			context->drops[DROP_TX_FULL] += port_forward(port, q);
			received += receive_queue(context, port, q);
		}
	}
	return received;
}

static unsigned take_over(struct stage_context *context)
{
	struct burst burst;
	uint16_t count;

	burst.count = (uint16_t)rte_ring_sc_dequeue_burst(context->handover[context->worker], (void **)burst.packets,
							  BURST_RECEIVE, NULL);
	count = burst.count;
	if (count == 0)
		return 0;
	context->counters[WORKER_HANDOVER_IN] += count;
	lane_run(context, LANE_TAKEN_OVER, &burst);
	return count;
}

unsigned worker_turn(struct worker *worker)
{
	struct stage_context *context = &worker->context;
	unsigned received, coded;

	context->now_tsc = rte_rdtsc();
	context->now_us = worker_us(worker, context->now_tsc);
	worker_operate(worker);
	received = take_over(context) + receive_all(context);
	stage_transmit_flush_all(context);
	coded = worker_tick(worker);
	stage_free_dropped(context);
	context->counters[WORKER_TURNS]++;
	if (received || coded) {
		context->counters[WORKER_TURNS_BUSY]++;
		context->counters[WORKER_CYCLES_BUSY] += rte_rdtsc() - context->now_tsc;
		worker->last_packet_tsc = context->now_tsc;
		worker->nap_us = 0;
	}
	if (context->now_tsc >= worker->next_slice_tsc)
		worker_publish_slice(worker);
	return received;
}

static void nap(struct worker *worker)
{
	struct timespec pause = {0};
	uint64_t idle = worker->context.now_tsc - worker->last_packet_tsc;

	if (idle < worker->tsc_hz / 1000000 * WORKER_IDLE_US)
		return;
	worker->nap_us = worker->nap_us ? MIN(worker->nap_us * 2, WORKER_NAP_MAX_US) : WORKER_NAP_MIN_US;
	pause.tv_nsec = worker->nap_us * 1000;
	worker->context.counters[WORKER_NAPS]++;
	nanosleep(&pause, NULL);
}

void worker_run(struct worker *worker, const atomic_bool *stop)
{
	/* Naps of microseconds would otherwise be rounded up by the kernel's 50. */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	worker->last_packet_tsc = rte_rdtsc();
	while (!atomic_load_explicit(stop, memory_order_relaxed))
		if (worker_turn(worker) == 0 && worker->naps)
			nap(worker);
	worker_publish_all(worker);
}
