/* Commands of the control plane: checked, prepared, and handed to the worker that owns the slot. */
#include "dataplane/manager/private.h"

#include "lib/log/log.h"

/* Where a command came from: which worker's rings, which client's. */
struct origin {
	uint16_t index;
	uint8_t client;
	uint64_t now_ms;
};

static void refuse(struct manager *manager, const struct origin *from, const struct shm_stream_id *id, int error)
{
	struct shm_event event = {.type = SHM_EVENT_STREAM_REFUSED, .error = error, .id = *id, .time_ms = from->now_ms};

	/* A name that no stream can have gets no answer: there is nobody that it could be about. */
	if (shm_event_check(manager->segment, from->index, &event) == 0)
		manager_tell(manager, from->index, from->client, &event);
}

static void take_ports(struct manager *manager, uint16_t address, uint16_t port)
{
	/* RTP is even, so that its RTCP is in the same word. */
	manager->ports_taken[address][port / 64] |= UINT64_C(3) << port % 64;
}

/* Can this SET be carried out, as far as the slot and the port are concerned? */
static int check_set(const struct manager *manager, const struct manager_slot *slot, const struct shm_stream_set *set)
{
	if (slot->state == MANAGER_SLOT_ENDING)
		return ERR_AGAIN;
	if (slot->state == MANAGER_SLOT_LIVE) {
		if (slot->generation != set->id.generation)
			return ERR_EXISTS;
		if (slot->address != set->address || slot->local_port != set->local_port)
			return ERR_STATE;
		return 0;
	}
	return manager_port_is_taken(manager, set->address, set->local_port) ? ERR_EXISTS : 0;
}

static void prepare_set(struct manager *manager, const struct origin *from, const struct shm_stream_set *set)
{
	struct manager_worker *w = &manager->workers[from->index];
	struct manager_slot *slot = &w->slots[set->id.index];
	int error = check_set(manager, slot, set);
	struct worker_operation *operation;
	const struct net_endpoint *rtcp = set->remote_rtcp.address.family ? &set->remote_rtcp : &set->remote_rtp;

	operation = manager_operation_get(w);
	operation->wish.set = *set;
	operation->wish.playout = NULL;
	operation->wish.talker = NULL;
	if (!error)
		error = manager_secure(manager, &operation->wish);
	if (!error && (error = manager_audio(&operation->wish)) != 0)
		manager_secure_free(&operation->wish);
	if (error) {
		manager_operation_put(w, operation);
		refuse(manager, from, &set->id, error);
		return;
	}
	if (slot->state == MANAGER_SLOT_FREE) {
		*slot = (struct manager_slot){
			.generation = set->id.generation,
			.neighbours = {STREAM_NO_NEIGHBOUR, STREAM_NO_NEIGHBOUR},
			.address = set->address,
			.local_port = set->local_port,
			.state = MANAGER_SLOT_LIVE,
			.client = from->client,
		};
		take_ports(manager, set->address, set->local_port);
	}
	operation->type = WORKER_STREAM_SET;
	operation->wish.rtp_neighbour = manager_next_hop(manager, set->address, &set->remote_rtp);
	operation->wish.rtcp_neighbour = manager_next_hop(manager, set->address, rtcp);
	manager_operation_send(w, operation);
}

static void prepare_del(struct manager *manager, const struct origin *from, const struct shm_stream_del *del)
{
	struct manager_worker *w = &manager->workers[from->index];
	struct manager_slot *slot = &w->slots[del->id.index];
	struct worker_operation *operation;

	if (slot->state == MANAGER_SLOT_FREE || slot->generation != del->id.generation) {
		/* The wanted state is there already. */
		struct shm_event event = {.type = SHM_EVENT_STREAM_GONE, .id = del->id, .time_ms = from->now_ms};

		manager_tell(manager, from->index, from->client, &event);
		return;
	}
	if (slot->state == MANAGER_SLOT_ENDING)
		return; /* one answer is on its way */
	slot->state = MANAGER_SLOT_ENDING;
	slot->client = from->client; /* who ends it wants to know: of an orphan that is another one */
	operation = manager_operation_get(w);
	operation->type = WORKER_STREAM_DEL;
	operation->wish.set.id = del->id;
	manager_operation_send(w, operation);
}

static void prepare_digit(struct manager *manager, const struct origin *from, const struct shm_stream_digit *digit)
{
	struct manager_worker *w = &manager->workers[from->index];
	struct manager_slot *slot = &w->slots[digit->id.index];
	struct worker_operation *operation;

	if (slot->state != MANAGER_SLOT_LIVE || slot->generation != digit->id.generation)
		return;
	operation = manager_operation_get(w);
	operation->type = WORKER_STREAM_DIGIT;
	operation->wish.set.id = digit->id;
	operation->digit = digit->digit;
	manager_operation_send(w, operation);
}

static void take_command(struct manager *manager, const struct origin *from, const struct shm_command *command)
{
	struct manager_worker *w = &manager->workers[from->index];
	int error = shm_command_check(manager->segment, from->index, command);

	if (error) {
		/* A peer that writes nonsense could do so a million times a second: told once a power of two. */
		w->refused++;
		if ((w->refused & (w->refused - 1)) == 0)
			log_warning("manager", "worker %u: command %s refused: %s (%llu so far)", from->index,
				    shm_command_name(command->type), error_text(error), (unsigned long long)w->refused);
		if (command->type == SHM_COMMAND_STREAM_SET)
			refuse(manager, from, &command->u.stream_set.id, error);
		return;
	}
	if (command->type == SHM_COMMAND_STREAM_SET)
		prepare_set(manager, from, &command->u.stream_set);
	else if (command->type == SHM_COMMAND_STREAM_DEL)
		prepare_del(manager, from, &command->u.stream_del);
	else if (command->type == SHM_COMMAND_STREAM_DIGIT)
		prepare_digit(manager, from, &command->u.stream_digit);
}

static unsigned take_from(struct manager *manager, const struct origin *from)
{
	struct manager_worker *w = &manager->workers[from->index];
	unsigned taken;

	for (taken = 0; taken < MANAGER_COMMANDS_A_ROUND; taken++) {
		struct shm_command command;
		int error;

		/* An answer must have a place before a question is taken; so must the operation. */
		if (w->free_count == 0 || !manager_tell_kept(manager, from->index))
			break;
		error = shm_command_get(&w->clients[from->client].commands, &command);
		if (error == ERR_EMPTY)
			break;
		if (error) {
			log_error("manager", "worker %u: command ring: %s", from->index, error_text(error));
			break;
		}
		take_command(manager, from, &command);
		explicit_bzero(&command, sizeof(command));
	}
	return taken;
}

unsigned manager_take_commands(struct manager *manager, uint16_t index, uint64_t now_ms)
{
	unsigned taken = 0;

	for (uint32_t i = 0; i < manager->segment->client_count; i++)
		taken += take_from(manager, &(struct origin){.index = index, .client = (uint8_t)i, .now_ms = now_ms});
	return taken;
}
