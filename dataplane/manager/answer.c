/* What comes back from a worker: operations carried out, and what it noticed by itself. Both become events. */
#include "dataplane/manager/private.h"

#include "lib/log/log.h"

bool manager_tell_kept(struct manager *manager, uint16_t index)
{
	struct manager_worker *w = &manager->workers[index];

	for (uint32_t i = 0; w->kept_count > 0 && i < manager->segment->client_count; i++) {
		struct manager_client *client = &w->clients[i];

		if (!client->has_kept || shm_event_put(&client->events, &client->kept) == ERR_FULL)
			continue;
		client->has_kept = false;
		w->kept_count--;
	}
	return w->kept_count == 0;
}

void manager_tell(struct manager *manager, uint16_t index, uint8_t client_index, const struct shm_event *event)
{
	struct manager_worker *w = &manager->workers[index];
	struct manager_client *client = &w->clients[client_index];
	int error = shm_event_put(&client->events, event);

	if (error == ERR_FULL) {
		client->kept = *event;
		client->has_kept = true;
		w->kept_count++;
	} else if (error) {
		log_error("manager", "worker %u: event %s: %s", index, shm_event_name(event->type), error_text(error));
	}
}

/* The worker uses the new next hops, or keeps the ones it had. */
static void settle_neighbours(struct manager *manager, struct manager_slot *slot,
			      const struct worker_operation *operation)
{
	uint32_t given[2] = {operation->wish.rtp_neighbour, operation->wish.rtcp_neighbour};

	if (!operation->is_used) {
		manager_let_go(manager, given);
		return;
	}
	manager_let_go(manager, slot->neighbours);
	memcpy(slot->neighbours, given, sizeof(given));
}

static void on_gone(struct manager *manager, uint16_t index, const struct worker_operation *operation, uint64_t now_ms)
{
	struct manager_slot *slot = &manager->workers[index].slots[operation->wish.set.id.index];
	struct shm_event event = {.type = SHM_EVENT_STREAM_GONE, .id = operation->wish.set.id, .time_ms = now_ms};

	manager_let_go(manager, slot->neighbours);
	manager->ports_taken[slot->address][slot->local_port / 64] &= ~(UINT64_C(3) << slot->local_port % 64);
	slot->state = MANAGER_SLOT_FREE;
	event.u.final = operation->final;
	manager_tell(manager, index, slot->client, &event);
}

static void on_done(struct manager *manager, uint16_t index, struct worker_operation *operation, uint64_t now_ms)
{
	struct manager_worker *w = &manager->workers[index];

	manager_secure_free(&operation->wish);
	manager_audio_free(&operation->wish);
	if (operation->type == WORKER_STREAM_DEL)
		on_gone(manager, index, operation, now_ms);
	else if (operation->type != WORKER_STREAM_DIGIT)
		settle_neighbours(manager, &w->slots[operation->wish.set.id.index], operation);
	manager_operation_put(w, operation);
}

/* The stream sends to a learned address from now on: its next hop is asked for. */
static void follow(struct manager *manager, uint16_t index, const struct stage_event *told)
{
	struct manager_worker *w = &manager->workers[index];
	struct manager_slot *slot = &w->slots[told->slot];
	struct worker_operation *operation;

	operation = manager_operation_get(w);
	*operation = (struct worker_operation){.type = WORKER_STREAM_NEIGHBOURS};
	operation->wish.set.id =
		(struct shm_stream_id){.index = told->slot, .generation = told->generation, .worker = index};
	operation->wish.set.remote_rtp = told->u.latched;
	operation->wish.rtp_neighbour = manager_next_hop(manager, slot->address, &told->u.latched);
	operation->wish.rtcp_neighbour = manager_next_hop(manager, slot->address, &told->u.latched);
	manager_operation_send(w, operation);
}

static void on_told(struct manager *manager, uint16_t index, const struct stage_event *told, uint64_t now_ms)
{
	const struct manager_slot *slot = &manager->workers[index].slots[told->slot];
	struct shm_event event = {
		.type = told->type,
		.id = {.index = told->slot, .generation = told->generation, .worker = index},
		.time_ms = now_ms,
	};

	/* It may have ended since; nobody wants to hear of it after STREAM_GONE. */
	if (slot->state != MANAGER_SLOT_LIVE || slot->generation != told->generation)
		return;
	if (told->type == SHM_EVENT_STREAM_LATCHED) {
		event.u.latched = told->u.latched;
		follow(manager, index, told);
	} else if (told->type == SHM_EVENT_STREAM_DIGIT) {
		event.u.digit = told->u.digit;
	} else {
		event.u.silent_ms = told->u.silent_ms;
	}
	manager_tell(manager, index, slot->client, &event);
}

void manager_take_answers(struct manager *manager, uint16_t index, uint64_t now_ms)
{
	struct manager_worker *w = &manager->workers[index];
	struct stage_event told;
	void *operation;

	while (manager_tell_kept(manager, index) && rte_ring_sc_dequeue(w->worker->done, &operation) == 0)
		on_done(manager, index, operation, now_ms);
	while (w->free_count && manager_tell_kept(manager, index) &&
	       rte_ring_sc_dequeue_elem(w->worker->context.events, &told, sizeof(told)) == 0)
		on_told(manager, index, &told, now_ms);
}
