/* The one mapping of the dataplane's segment that the media of all signalling threads use. The first attaches, lets the rings run dry
 * and reads the directory; then it publishes the place, and the others join. When the dataplane ends the first says so, each
 * lets go at its next look, and the last unmaps. */
#include "controlplane/media/media_private.h"

#include <stdlib.h>

uint32_t media_random_generation(struct loop *loop)
{
	uint32_t generation = 0;

	while (generation == 0)
		loop_random(loop, &generation, sizeof(generation));
	return generation;
}

int media_shared_new(struct loop *loop, struct media_shared **ret_shared)
{
	struct media_shared *shared = calloc(1, sizeof(*shared));

	if (!shared)
		return ERR_NOMEM;
	atomic_init(&shared->references, 1);
	pthread_mutex_init(&shared->lock, NULL);
	shared->controller = media_random_generation(loop);
	*ret_shared = shared;
	return 0;
}

struct media_shared *media_shared_get(struct media_shared *shared)
{
	atomic_fetch_add_explicit(&shared->references, 1, memory_order_relaxed);
	return shared;
}

void media_shared_put(struct media_shared *shared)
{
	if (atomic_fetch_sub_explicit(&shared->references, 1, memory_order_acq_rel) > 1)
		return;
	pthread_mutex_destroy(&shared->lock);
	free(shared);
}

static void place_put(struct media_place *place)
{
	if (atomic_fetch_sub_explicit(&place->references, 1, memory_order_acq_rel) > 1)
		return;
	media_place_fini(place);
	shm_segment_close(&place->segment, place->path);
	pthread_mutex_destroy(&place->lock);
	free(place);
}

int media_shared_attach(struct media *media, struct shm_refusal *ret_refusal)
{
	struct media_place *place = calloc(1, sizeof(*place));
	pthread_mutexattr_t attributes;
	int error;

	if (!place) {
		ret_refusal->text[0] = '\0';
		return ERR_NOMEM;
	}
	error = shm_segment_attach(media->path, &place->segment, ret_refusal);
	if (error < 0) {
		free(place);
		return error;
	}
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&place->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	memcpy(place->path, media->path, sizeof(place->path));
	atomic_init(&place->references, 1);
	place->controller = media->shared->controller;
	atomic_store_explicit(&place->segment.header->controller, place->controller, memory_order_relaxed);
	media->place = place;
	return 0;
}

void media_shared_publish(struct media *media)
{
	pthread_mutex_lock(&media->shared->lock);
	media->shared->place = media->place;
	pthread_mutex_unlock(&media->shared->lock);
}

bool media_shared_join(struct media *media)
{
	struct media_shared *shared = media->shared;

	pthread_mutex_lock(&shared->lock);
	media->place = shared->place;
	if (media->place)
		atomic_fetch_add_explicit(&media->place->references, 1, memory_order_relaxed);
	pthread_mutex_unlock(&shared->lock);
	return media->place;
}

void media_shared_leave(struct media *media)
{
	struct media_place *place = media->place;

	if (media->is_first) {
		pthread_mutex_lock(&media->shared->lock);
		media->shared->place = NULL;
		pthread_mutex_unlock(&media->shared->lock);
		atomic_store_explicit(&place->is_dead, true, memory_order_release);
	}
	media->place = NULL;
	place_put(place);
}
