/* Operations of the manager: carried out between two bursts, so that no packet sees half of one. */
#include "dataplane/worker/private.h"

static void carry_out(struct worker *worker, struct worker_operation *operation)
{
	struct stage_context *context = &worker->context;
	const struct shm_stream_set *set = &operation->wish.set;
	struct stream *stream = stream_find(&context->table, &set->id);
	struct stream_clock clock = worker_clock(worker, context->now_tsc);

	switch (operation->type) {
	case WORKER_STREAM_SET:
		operation->is_used = stream_set(&context->table, &operation->wish, context->now_tsc);
		stream = stream_find(&context->table, &set->id);
		if (stream)
			worker_tick_update(worker, stream);
		break;
	case WORKER_STREAM_DEL:
		if (!stream)
			break;
		stream_count(stream, &clock, &operation->final);
		operation->wish.secure_in = stream->secure_in;
		operation->wish.secure_out = stream->secure_out;
		operation->wish.secure_spare = stream->secure_before;
		stream->secure_in = stream->secure_out = stream->secure_before = NULL;
		operation->wish.playout = stream->playout;
		operation->wish.talker = stream->talker;
		stream->playout = NULL;
		stream->talker = NULL;
		worker_tick_update(worker, stream);
		stream_del(&context->table, stream);
		break;
	case WORKER_STREAM_DIGIT:
		if (stream && stream->talker)
			(void)talker_digit(stream->talker,
					   &(struct dtmf_digit){.event = (uint8_t)operation->digit.event,
								.duration_ms = operation->digit.duration_ms});
		break;
	case WORKER_STREAM_NEIGHBOURS:
		operation->is_used =
			stream && stream_set_neighbours(&context->table, stream, &set->remote_rtp,
							operation->wish.rtp_neighbour, operation->wish.rtcp_neighbour);
		break;
	}
	if (stream && worker->rows)
		stream_publish(stream, &clock, &worker->rows[stream->slot]);
}

void worker_operate(struct worker *worker)
{
	void *operations[WORKER_OPERATIONS_A_TURN];
	unsigned count = rte_ring_sc_dequeue_burst(worker->operations, operations, WORKER_OPERATIONS_A_TURN, NULL);

	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++)
		carry_out(worker, operations[i]);
	worker->context.counters[WORKER_COMMANDS] += count;
	worker->context.counters[WORKER_STREAMS] = worker->context.table.live_count;
	/* There are never more operations than the ring has places. */
	(void)BUG_ON(rte_ring_sp_enqueue_bulk(worker->done, operations, count, NULL) != count);
}
