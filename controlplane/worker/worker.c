/* The group: whose a message is by its names and by what was decided before, and the inboxes. */
#include "controlplane/worker/worker.h"
#include "controlplane/loop/loop.h"

#include <stdlib.h>

enum envelope_kind {
	ENVELOPE_MESSAGE, /* received by another, for this one's transactions */
	ENVELOPE_SEND,    /* to go out on a connection of this one's transport */
	ENVELOPE_CLOSE,   /* that connection is to be closed */
	ENVELOPE_CLOSED,  /* another's connection is gone */
};

struct envelope {
	struct envelope *next;
	struct transport_flow flow;
	enum envelope_kind kind;
	int error; /* CLOSED */
	size_t size;
	char bytes[];
};

struct worker {
	struct worker_group *group;
	unsigned index;
	struct loop *loop;
	struct transport *transport;
	struct transport_receiver receiver;
	struct loop_message wake;
	_Atomic uint64_t handed_over, lost; /* by this one's thread */
	/* any thread */
	CACHE_ALIGNED _Atomic(struct envelope *) inbox; /* newest first */
	_Atomic uint32_t waiting;
};

struct worker_group {
	unsigned count;
	struct worker workers[WORKERS_MAX];
	/* Any thread, each slot by compare and swap or plain store; a lost race costs a hint, never a message. */
	_Atomic uint64_t recent[WORKER_RECENT];   /* 40 bits of the Call-ID's hash, 8 of the worker, 16 of the second */
	_Atomic uint32_t engaged[WORKER_ENGAGED]; /* calls of those extensions << 8, their worker */
};

/* ---- whose ---- */

static uint64_t recent_key(uint64_t hash)
{
	return hash & ~(uint64_t)0xffffff;
}

static uint64_t now_s(const struct worker *worker)
{
	return loop_now_ms(worker->loop) / 1000 & 0xffff;
}

static unsigned find_recent(struct worker *worker, uint64_t hash)
{
	struct worker_group *group = worker->group;
	uint64_t entry = atomic_load_explicit(&group->recent[hash % WORKER_RECENT], memory_order_relaxed);
	unsigned index = entry >> 16 & 0xff;

	if (recent_key(entry) != recent_key(hash) || ((now_s(worker) - entry) & 0xffff) > WORKER_REMEMBER_S)
		return group->count;
	return MIN(index, group->count);
}

static void note_recent(struct worker *worker, uint64_t hash, unsigned index)
{
	atomic_store_explicit(&worker->group->recent[hash % WORKER_RECENT],
			      recent_key(hash) | (uint64_t)index << 16 | now_s(worker), memory_order_relaxed);
}

static _Atomic uint32_t *engaged_slot(struct worker_group *group, struct view extension)
{
	return &group->engaged[hash_bytes(extension.at, extension.size) % WORKER_ENGAGED];
}

static unsigned find_engaged(struct worker_group *group, struct view extension)
{
	uint32_t slot;

	if (extension.size == 0)
		return group->count;
	slot = atomic_load_explicit(engaged_slot(group, extension), memory_order_relaxed);
	return slot >> 8 ? slot & 0xff : group->count;
}

static unsigned find_for_invite(struct worker *worker, const struct worker_names *names, uint64_t hash)
{
	struct worker_group *group = worker->group;
	bool is_invite = view_is(names->method, "INVITE");
	unsigned index = find_recent(worker, hash);

	if (index < group->count)
		return index;
	if (is_invite && names->replaces.size > 0)
		index = worker_of_replaces(names->replaces, group->count);
	if (index == group->count) /* an INVITE of ours that comes back: only who sent it sees the loop */
		index = worker_of_call_id(names->call_id, group->count);
	if (index == group->count)
		index = find_engaged(group, names->from_user);
	if (index == group->count)
		index = find_engaged(group, names->uri_user);
	if (index == group->count)
		index = (unsigned)(hash >> 32) % group->count;
	if (is_invite)
		note_recent(worker, hash, index);
	return index;
}

static unsigned find(struct worker *worker, struct view bytes)
{
	unsigned count = worker->group->count, index;
	struct worker_names names;
	uint64_t hash;

	worker_names_find(bytes, &names);
	hash = hash_bytes(names.call_id.at, names.call_id.size);
	/* Not every peer gets the tag right in the ACK of a refusal. */
	index = view_is(names.method, "ACK") ? find_recent(worker, hash) : count;
	if (index == count)
		index = worker_of_mark(names.is_request ? names.to_tag : names.branch, count);
	if (index < count)
		return index;
	if (!names.is_request || view_is(names.method, "OPTIONS"))
		return worker->index;
	if (view_is(names.method, "REGISTER") || view_is(names.method, "SUBSCRIBE"))
		return 0;
	if (view_is(names.method, "INVITE") || view_is(names.method, "CANCEL"))
		return find_for_invite(worker, &names, hash);
	return (unsigned)(hash >> 32) % count;
}

/* ---- hand-over ---- */

/* False: it is lost. */
static bool put(struct worker *from, unsigned to, enum envelope_kind kind, const struct transport_flow *flow, int error,
		struct view bytes)
{
	struct worker *worker = &from->group->workers[to];
	struct envelope *envelope = NULL, *head;

	if (atomic_fetch_add_explicit(&worker->waiting, 1, memory_order_relaxed) < WORKER_INBOX_MAX)
		envelope = malloc(sizeof(*envelope) + bytes.size);
	if (!envelope) {
		atomic_fetch_sub_explicit(&worker->waiting, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&from->lost, 1, memory_order_relaxed);
		return false;
	}
	*envelope = (struct envelope){.flow = *flow, .kind = kind, .error = error, .size = bytes.size};
	if (bytes.size > 0)
		memcpy(envelope->bytes, bytes.at, bytes.size);
	head = atomic_load_explicit(&worker->inbox, memory_order_relaxed);
	do {
		envelope->next = head;
	} while (!atomic_compare_exchange_weak_explicit(&worker->inbox, &head, envelope, memory_order_acq_rel,
							memory_order_relaxed));
	if (!head)
		loop_post(worker->loop, &worker->wake);
	atomic_fetch_add_explicit(&from->handed_over, 1, memory_order_relaxed);
	return true;
}

static void deliver(struct worker *worker, struct envelope *envelope)
{
	struct view bytes = {envelope->bytes, envelope->size};

	switch (envelope->kind) {
	case ENVELOPE_MESSAGE:
		worker->receiver.on_message(worker->receiver.arg, &envelope->flow, envelope->bytes, envelope->size);
		break;
	case ENVELOPE_SEND:
		if (transport_send(worker->transport, &envelope->flow, bytes) != 0)
			atomic_fetch_add_explicit(&worker->lost, 1, memory_order_relaxed);
		break;
	case ENVELOPE_CLOSE:
		transport_close(worker->transport, &envelope->flow);
		break;
	case ENVELOPE_CLOSED:
		if (worker->receiver.on_closed)
			worker->receiver.on_closed(worker->receiver.arg, &envelope->flow, envelope->error);
		break;
	}
}

/* Takes what is there, oldest first. Without a transport (the end has come) it is dropped. */
static void on_wake(void *arg)
{
	struct worker *worker = arg;
	struct envelope *newest = atomic_exchange_explicit(&worker->inbox, NULL, memory_order_acq_rel), *oldest = NULL;

	while (newest) {
		struct envelope *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct envelope *next = oldest->next;

		atomic_fetch_sub_explicit(&worker->waiting, 1, memory_order_relaxed);
		if (worker->transport)
			deliver(worker, oldest);
		free(oldest);
		oldest = next;
	}
}

static void on_message(void *arg, const struct transport_flow *flow, char *bytes, size_t size)
{
	struct worker *worker = arg;
	unsigned index = worker->group->count > 1 ? find(worker, (struct view){bytes, size}) : worker->index;

	if (index == worker->index)
		worker->receiver.on_message(worker->receiver.arg, flow, bytes, size);
	else
		(void)put(worker, index, ENVELOPE_MESSAGE, flow, 0, (struct view){bytes, size});
}

/* Requests of any worker may wait for an answer on that connection. */
static void on_closed(void *arg, const struct transport_flow *flow, int error)
{
	struct worker *worker = arg;

	for (unsigned i = 0; i < worker->group->count; i++)
		if (i != worker->index)
			(void)put(worker, i, ENVELOPE_CLOSED, flow, error, VIEW_EMPTY);
	if (worker->receiver.on_closed)
		worker->receiver.on_closed(worker->receiver.arg, flow, error);
}

static int send_on(void *arg, unsigned owner, const struct transport_flow *flow, struct view bytes)
{
	struct worker *worker = arg;

	if (owner >= worker->group->count)
		return ERR_CLOSED;
	return put(worker, owner, ENVELOPE_SEND, flow, 0, bytes) ? 0 : ERR_AGAIN;
}

static void close_on(void *arg, unsigned owner, const struct transport_flow *flow)
{
	struct worker *worker = arg;

	if (owner < worker->group->count)
		(void)put(worker, owner, ENVELOPE_CLOSE, flow, 0, VIEW_EMPTY);
}

/* ---- life ---- */

int worker_group_new(unsigned count, struct worker_group **ret_group)
{
	struct worker_group *group;

	if (count == 0 || count > WORKERS_MAX)
		return ERR_INVALID;
	if (posix_memalign((void **)&group, CACHE_LINE, sizeof(*group)) != 0)
		return ERR_NOMEM;
	memset(group, 0, sizeof(*group));
	group->count = count;
	for (unsigned i = 0; i < count; i++) {
		group->workers[i].group = group;
		group->workers[i].index = i;
		loop_message_init(&group->workers[i].wake, on_wake, &group->workers[i]);
	}
	*ret_group = group;
	return 0;
}

void worker_group_free(struct worker_group *group)
{
	if (!group)
		return;
	for (unsigned i = 0; i < group->count; i++) {
		group->workers[i].transport = NULL;
		on_wake(&group->workers[i]);
	}
	free(group);
}

unsigned worker_group_count(const struct worker_group *group)
{
	return group->count;
}

struct worker *worker_group_get(struct worker_group *group, unsigned index)
{
	return index < group->count ? &group->workers[index] : NULL;
}

unsigned worker_index(const struct worker *worker)
{
	return worker->index;
}

struct worker_group *worker_group_of(struct worker *worker)
{
	return worker->group;
}

char worker_mark(const struct worker *worker)
{
	return worker->group->count > 1 ? worker_mark_of(worker->index) : '\0';
}

void worker_start(struct worker *worker, struct loop *loop, const struct transport_receiver *receiver)
{
	worker->loop = loop;
	worker->receiver = *receiver;
}

struct transport_receiver worker_receiver(struct worker *worker)
{
	return (struct transport_receiver){.on_message = on_message, .on_closed = on_closed, .arg = worker};
}

void worker_set_transport(struct worker *worker, struct transport *transport)
{
	const struct transport_siblings siblings = {
		.own = worker->index, .send = send_on, .close = close_on, .arg = worker};

	worker->transport = transport;
	if (transport && worker->group->count > 1)
		transport_set_siblings(transport, &siblings);
}

struct loop *worker_loop(const struct worker *worker)
{
	return worker->loop;
}

void worker_sign_call(const struct worker *worker, uint8_t *first_byte)
{
	if (worker->group->count > 1)
		*first_byte = (uint8_t)(*first_byte / WORKERS_MAX * WORKERS_MAX + worker->index);
}

/* ---- whose phones are in calls here ---- */

bool worker_engage(struct worker *worker, const char *extension)
{
	_Atomic uint32_t *slot = engaged_slot(worker->group, view_of(extension));
	uint32_t now = atomic_load_explicit(slot, memory_order_relaxed), next;

	if (worker->group->count == 1)
		return false;
	do {
		if (now >> 8 && (now & 0xff) != worker->index)
			return false;
		next = ((now >> 8) + 1) << 8 | worker->index;
	} while (!atomic_compare_exchange_weak_explicit(slot, &now, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void worker_release(struct worker *worker, const char *extension)
{
	_Atomic uint32_t *slot = engaged_slot(worker->group, view_of(extension));

	if (BUG_ON(atomic_load_explicit(slot, memory_order_relaxed) >> 8 == 0))
		return;
	atomic_fetch_sub_explicit(slot, 1 << 8, memory_order_relaxed);
}

void worker_stats(const struct worker *worker, struct worker_stats *ret_stats)
{
	*ret_stats = (struct worker_stats){
		.handed_over = atomic_load_explicit(&worker->handed_over, memory_order_relaxed),
		.lost = atomic_load_explicit(&worker->lost, memory_order_relaxed),
	};
}
