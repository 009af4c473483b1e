/* Where streams live in the attached dataplane: slots of workers, pairs of ports of addresses. All signalling threads take
 * from the same, so the lock of the place is held, for a look-up each time. */
#include "controlplane/media/media_private.h"

#include <stdlib.h>

/* ---- ports ---- */

static bool pair_is_used(const struct media_pool *pool, uint32_t pair)
{
	return pool->used[pair / 64] >> pair % 64 & 1;
}

static void pair_use(struct media_pool *pool, uint32_t pair)
{
	pool->used[pair / 64] |= UINT64_C(1) << pair % 64;
	pool->free_count--;
}

static void pair_free(struct media_pool *pool, uint32_t pair)
{
	pool->used[pair / 64] &= ~(UINT64_C(1) << pair % 64);
	pool->free_count++;
}

/* In rotating order, so that a late packet of an old call finds a closed port and not a new call. */
static int port_take_next(struct media_pool *pool, uint16_t *ret_port)
{
	if (pool->free_count == 0)
		return ERR_LIMIT;
	while (pair_is_used(pool, pool->next))
		pool->next = (pool->next + 1) % pool->pair_count;
	pair_use(pool, pool->next);
	*ret_port = (uint16_t)(pool->first_port + 2 * pool->next);
	pool->next = (pool->next + 1) % pool->pair_count;
	return 0;
}

static bool port_take(struct media_pool *pool, uint16_t port)
{
	uint32_t pair = (uint32_t)(port - pool->first_port) / 2;

	if (port < pool->first_port || port % 2 != 0 || pair >= pool->pair_count || pair_is_used(pool, pair))
		return false;
	pair_use(pool, pair);
	return true;
}

static void port_give_back(struct media_pool *pool, uint16_t port)
{
	pair_free(pool, (uint32_t)(port - pool->first_port) / 2);
}

static int pool_init(struct media *media, struct media_pool *pool, const struct shm_address *address)
{
	uint32_t first = (address->port_start + 1u) / 2 * 2;

	pool->first_port = (uint16_t)first;
	pool->pair_count = address->port_end > first ? (address->port_end - first + 1) / 2 : 0;
	pool->free_count = pool->pair_count;
	pool->used = calloc(pool->pair_count / 64 + 1, sizeof(uint64_t));
	if (!pool->used)
		return ERR_NOMEM;
	/* From somewhere: after a restart not the ports again that were used last before it. */
	loop_random(media->loop, &pool->next, sizeof(pool->next));
	pool->next = pool->pair_count > 0 ? pool->next % pool->pair_count : 0;
	return 0;
}

/* ---- all of it ---- */

int media_place_init(struct media *media)
{
	uint32_t streams = media->place->segment.streams_per_worker;

	for (uint32_t w = 0; w < media->place->segment.worker_count; w++) {
		struct media_worker *worker = &media->place->workers[w];

		worker->slots = calloc(streams, sizeof(*worker->slots));
		worker->free_slots = calloc(streams, sizeof(*worker->free_slots));
		if (!worker->slots || !worker->free_slots)
			return ERR_NOMEM;
	}
	for (uint32_t a = 0; a < media->place->segment.address_count; a++)
		if (pool_init(media, &media->place->pools[a], &media->place->segment.addresses[a]) < 0)
			return ERR_NOMEM;
	return 0;
}

void media_place_fini(struct media_place *place)
{
	for (uint32_t w = 0; w < SHM_WORKERS_MAX; w++) {
		free(place->workers[w].slots);
		free(place->workers[w].free_slots);
	}
	for (uint32_t a = 0; a < SHM_ADDRESSES_MAX; a++)
		free(place->pools[a].used);
}

uint32_t media_place_worker(const struct media *media)
{
	uint32_t best = 0;

	pthread_mutex_lock(&media->place->lock);
	for (uint32_t w = 1; w < media->place->segment.worker_count; w++)
		if (media->place->workers[w].free_count > media->place->workers[best].free_count)
			best = w;
	pthread_mutex_unlock(&media->place->lock);
	return best;
}

/* A slot that the directory also calls free, or ours: then its row is only late. One that is live there after all was left
 * by our predecessor. */
static int slot_take(struct media *media, uint32_t worker_index, uint32_t *ret_slot)
{
	struct media_worker *worker = &media->place->workers[worker_index];

	while (worker->free_count > 0) {
		uint32_t slot = worker->free_slots[--worker->free_count];
		struct shm_stream_row row;
		int error = shm_stream_read(&media->place->segment, worker_index, slot, &row);

		if (error == ERR_EMPTY || (error == 0 && row.controller == media->place->controller)) {
			*ret_slot = slot;
			return 0;
		}
		if (error == 0)
			error = media_orphan_new(media, worker_index, slot, &row);
		if (error)
			media->stats.bad_events++; /* what the directory says there cannot be: that slot is lost */
	}
	return ERR_LIMIT;
}

static void slot_set(struct media_stream *stream, uint32_t worker, uint32_t slot)
{
	struct media *media = stream->media;

	stream->set.id =
		(struct shm_stream_id){.worker = (uint16_t)worker, .index = slot, .generation = media->next_generation};
	if (++media->next_generation == 0)
		media->next_generation = 1;
	media->place->workers[worker].slots[slot].stream = stream;
	stream->is_placed = true;
	stream->is_programmed = false;
}

static void slot_free(struct media *media, const struct shm_stream_id *id)
{
	struct media_worker *worker = &media->place->workers[id->worker];

	worker->slots[id->index] = (struct media_slot){.stream = NULL};
	worker->free_slots[worker->free_count++] = id->index;
}

int media_place_new(struct media_stream *stream, uint32_t worker, uint32_t address)
{
	struct media *media = stream->media;
	const struct shm_address *row = &media->place->segment.addresses[address];
	uint32_t slot;
	uint16_t port;
	int error;

	pthread_mutex_lock(&media->place->lock);
	error = port_take_next(&media->place->pools[address], &port);
	if (!error) {
		error = slot_take(media, worker, &slot);
		if (error)
			port_give_back(&media->place->pools[address], port);
		else
			slot_set(stream, worker, slot);
	}
	pthread_mutex_unlock(&media->place->lock);
	if (error)
		return error;
	stream->set.address = (uint16_t)address;
	stream->set.local_port = port;
	stream->local = (struct net_endpoint){.address = row->address, .port = port};
	stream->advertised = (struct net_endpoint){.address = row->advertised, .port = port};
	return 0;
}

/* By value: the new dataplane may list its addresses in another order. Workers by remainder: what was together stays so.
 */
int media_place_again(struct media_stream *stream)
{
	struct media *media = stream->media;
	uint32_t worker = stream->set.id.worker % media->place->segment.worker_count, address = 0, slot;
	int error = ERR_NOT_FOUND;

	while (address < media->place->segment.address_count &&
	       !net_address_is_equal(&media->place->segment.addresses[address].address, &stream->local.address))
		address++;
	pthread_mutex_lock(&media->place->lock);
	if (address < media->place->segment.address_count &&
	    port_take(&media->place->pools[address], stream->local.port)) {
		error = slot_take(media, worker, &slot);
		if (error)
			port_give_back(&media->place->pools[address], stream->local.port);
		else
			slot_set(stream, worker, slot);
	}
	pthread_mutex_unlock(&media->place->lock);
	if (error)
		return error;
	stream->set.address = (uint16_t)address;
	stream->set.local_port = stream->local.port;
	return 0;
}

void media_place_del(struct media_stream *stream)
{
	struct media *media = stream->media;

	if (!stream->is_placed)
		return;
	pthread_mutex_lock(&media->place->lock);
	port_give_back(&media->place->pools[stream->set.address], stream->set.local_port);
	slot_free(media, &stream->set.id);
	pthread_mutex_unlock(&media->place->lock);
	stream->is_placed = false;
	stream->is_programmed = false;
}

void media_place_orphan(struct media *media, struct media_orphan *orphan)
{
	pthread_mutex_lock(&media->place->lock);
	media->place->workers[orphan->id.worker].slots[orphan->id.index].orphan = orphan;
	orphan->has_port = port_take(&media->place->pools[orphan->address], orphan->local_port);
	pthread_mutex_unlock(&media->place->lock);
}

void media_place_orphan_del(struct media *media, struct media_orphan *orphan)
{
	pthread_mutex_lock(&media->place->lock);
	if (orphan->has_port)
		port_give_back(&media->place->pools[orphan->address], orphan->local_port);
	slot_free(media, &orphan->id);
	pthread_mutex_unlock(&media->place->lock);
}
