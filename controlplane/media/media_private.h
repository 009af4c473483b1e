/* What the sources of this folder share: the state of media, its streams, and who does what with them.
 *
 * The road of a change: a setter (stream.c) changes `set` of the stream and puts it into `pending`; at the end of the
 * turn, and again at every tick while the ring was full, program.c sends it. The road of an event: tick (link.c) reads
 * it, checks it, finds the stream by its slot, event.c acts on it and calls the handler.
 */
#ifndef CONTROLPLANE_MEDIA_MEDIA_PRIVATE_H
#define CONTROLPLANE_MEDIA_MEDIA_PRIVATE_H

#include "controlplane/loop/loop.h"
#include "controlplane/media/media.h"
#include "lib/container/list.h"
#include "lib/log/log.h"
#include "lib/shm/shm.h"

#include <pthread.h>

#define MEDIA_TICK_MS       5    /* events are read that often while there are streams */
#define MEDIA_TICK_IDLE_MS  50   /* and that often without */
#define MEDIA_CHECK_MS      200  /* is the dataplane there, is it alive */
#define MEDIA_SETTLE_MS     20   /* a command that was taken shows in the directory by then */
#define MEDIA_SWEEP_MS      1000 /* orphans are looked at */
#define MEDIA_DEL_AGAIN_MS  1000 /* a DEL without an answer is sent again */
#define MEDIA_STALLED_MS    5000 /* a dataplane that lives but said nothing for so long is not ready */
#define MEDIA_EVENTS_A_TICK 1024 /* of a worker, so that none keeps the loop */
#define MEDIA_PATH_SIZE     256

enum media_link {
	MEDIA_AWAY,    /* no dataplane */
	MEDIA_WAITING, /* attached; it still has to take what our predecessor left in the rings */
	MEDIA_ATTACHED,
};

/* A stream of an earlier control plane, or the remains of one. */
struct media_orphan {
	struct list link;
	struct media *media; /* who ends it */
	struct shm_stream_id id, source;
	uint16_t address, local_port;
	bool has_port; /* false: the port was already somebody's */
	uint64_t found_ms;
	uint64_t heard_ms; /* last RTP */
	uint64_t del_ms;   /* when DEL was sent last; 0: not yet */
};

struct media_slot {
	struct media_stream *stream; /* at most one of both */
	struct media_orphan *orphan;
};

/* One's own rings to a worker of the dataplane. */
struct media_rings {
	struct shm_command_writer commands;
	struct shm_event_reader events;
};

struct media_worker {
	struct media_slot *slots; /* streams_per_worker */
	uint32_t *free_slots;     /* a stack: low indices are used first, so that few pages are */
	uint32_t free_count;
};

/* The pairs of ports of one address of the segment. */
struct media_pool {
	uint64_t *used; /* a bit a pair */
	uint32_t pair_count, free_count;
	uint32_t next; /* where to look first: behind the one given out last */
	uint16_t first_port;
};

/* One life of the dataplane: its segment, and which slots and ports of it are taken. Shared by the media of all signalling
 * threads; the last that lets go of it unmaps. The lock is over workers and pools, and over the lives of what slots point to. */
struct media_place {
	/* set before it is shared */
	struct shm_segment segment;
	char path[MEDIA_PATH_SIZE];
	uint32_t controller;
	/* any thread */
	_Atomic uint32_t references;
	_Atomic bool is_dead;
	pthread_mutex_t lock; /* recursive */
	struct media_worker workers[SHM_WORKERS_MAX];
	struct media_pool pools[SHM_ADDRESSES_MAX];
};

/* What siblings have in common: the first finds the dataplane and shows it to the others. */
struct media_shared {
	_Atomic uint32_t references;
	pthread_mutex_t lock;      /* over place */
	struct media_place *place; /* NULL: none that is attached and alive */
	uint32_t controller;       /* generation of our life */
};

enum media_stream_state {
	MEDIA_STREAM_WANTED,
	MEDIA_STREAM_ENDING,   /* deleted; its GONE is awaited */
	MEDIA_STREAM_FINISHED, /* its GONE is to be told to the handler */
};

struct media_stream {
	struct media *media;
	struct list link;         /* in media's streams, ending or finished, by state */
	struct list pending_link; /* in media's pending while something is to be sent */
	struct list sinks;        /* streams whose source this one is, itself perhaps */
	struct list sink_link;    /* in the source's sinks */
	struct media_stream *source;
	media_handler *on_event;
	void *arg;

	enum media_stream_state state;
	bool is_placed;     /* has slot and port in this dataplane */
	bool is_programmed; /* a SET was sent to this dataplane */
	bool is_key_used;   /* a dataplane may have sent with set.key_out */
	uint64_t del_ms;    /* when DEL was sent last */

	struct net_endpoint local, advertised;
	struct net_endpoint signalled_rtp, signalled_rtcp;
	struct net_endpoint latched;
	struct shm_stream_set set; /* wanted; id, address and local_port are good while is_placed */

	struct shm_stream_counters earlier; /* sum of what earlier dataplanes counted */
	struct shm_stream_counters final;   /* of this one, when it is gone */
};

struct media {
	struct loop *loop;
	char path[MEDIA_PATH_SIZE];
	struct media_options options;
	struct media_shared *shared;
	bool is_first;
	uint32_t next_generation; /* of streams */
	bool is_dead;             /* media_free was called */
	bool is_ready;
	enum media_link link;
	char reason[256];
	struct loop_timer tick;
	struct loop_message flush, bury;

	struct list streams, ending, finished, pending, orphans;
	struct media_stats stats;
	struct log_limit refusals;

	/* of the attached dataplane */
	struct media_place *place; /* NULL while AWAY */
	struct media_rings rings[SHM_WORKERS_MAX];
	uint64_t attached_ms, checked_ms, swept_ms;
	uint64_t undrained_ms; /* WAITING: when something was still in a command ring last */
};

/* ---- shared.c: the mapping that all siblings use ---- */
uint32_t media_random_generation(struct loop *loop); /* never 0 */
int media_shared_new(struct loop *loop, struct media_shared **ret_shared) WARN_UNUSED;
struct media_shared *media_shared_get(struct media_shared *shared);
void media_shared_put(struct media_shared *shared);
/* Maps the segment for media, the first. As shm_segment_attach; ERR_NOMEM. */
int media_shared_attach(struct media *media, struct shm_refusal *ret_refusal) WARN_UNUSED;
/* Slots and ports are ready: siblings may come. */
void media_shared_publish(struct media *media);
/* What the first has published, for a sibling. False: nothing (any more). */
bool media_shared_join(struct media *media);
/* Lets go of it; when the first does so it is over for all. */
void media_shared_leave(struct media *media);

/* ---- place.c: slots and ports of the attached dataplane; any sibling's thread ---- */
int media_place_init(struct media *media) WARN_UNUSED;
void media_place_fini(struct media_place *place);
/* Gives the stream a slot on that worker and a free port of that address. ERR_LIMIT. */
int media_place_new(struct media_stream *stream, uint32_t worker, uint32_t address) WARN_UNUSED;
/* Gives a stream of an earlier dataplane a slot, and its address and port again. ERR_NOT_FOUND, ERR_LIMIT. */
int media_place_again(struct media_stream *stream) WARN_UNUSED;
void media_place_del(struct media_stream *stream);
/* The worker with the fewest streams. */
uint32_t media_place_worker(const struct media *media);
/* What the directory says is in use goes to its orphan. */
void media_place_orphan(struct media *media, struct media_orphan *orphan);
void media_place_orphan_del(struct media *media, struct media_orphan *orphan);

/* ---- address.c: which media addresses reach a peer, best first; returns how many ---- */
uint32_t media_addresses_toward(const struct media *media, const struct net_address *toward,
				uint16_t ret_addresses[SHM_ADDRESSES_MAX]);

/* ---- program.c ---- */
/* Something of the stream is to be sent at the end of this turn. */
void media_program(struct media_stream *stream);
void media_program_flush(struct media *media);
/* ERR_FULL, ERR_CORRUPT: not sent. */
int media_program_del(struct media *media, const struct shm_stream_id *id) WARN_UNUSED;

/* ---- event.c ---- */
/* Reads the event rings. */
void media_event_drain(struct media *media);
/* Tells the handler. False: media_free was called in it. */
bool media_event_tell(struct media_stream *stream, const struct media_event *event);
/* Counts and logs a ring whose indices are impossible. */
void media_event_corrupt(struct media *media, uint32_t worker, const char *ring);
/* The stream has ended: its handler is told at the end of this turn. */
void media_event_finish(struct media_stream *stream);
/* Tells and frees what was finished. */
void media_event_tell_finished(struct media *media);

/* ---- stream.c: its keys are wiped ---- */
void media_stream_free(struct media_stream *stream);

/* ---- orphan.c ---- */
/* Everything live in the directory is an orphan. */
int media_orphan_scan(struct media *media) WARN_UNUSED;
void media_orphan_sweep(struct media *media);
/* Frees it with its slot and port. */
void media_orphan_del(struct media *media, struct media_orphan *orphan);
/* A slot that should be free is live in the directory. ERR_NOMEM. */
int media_orphan_new(struct media *media, uint32_t worker, uint32_t index,
		     const struct shm_stream_row *row) WARN_UNUSED;

/* ---- link.c ---- */
void media_link_tick(void *arg);
void media_link_detach(struct media *media);

void media_reason_set(struct media *media, const char *reason);

/* ---- counters: sum of both; of what is not a sum, the later one ---- */
struct shm_stream_counters media_counters_add(const struct shm_stream_counters *earlier,
					      const struct shm_stream_counters *later);

#endif
