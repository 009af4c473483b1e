/* The mapped segment between the dataplane (which creates it) and the control plane (which attaches).
 *
 * Life: the dataplane creates a new file each time it starts and renames it over the old one, so a control plane that
 * still maps the old one sees a dead segment, never a half-made new one. Each side holds an open-file-description lock
 * on a byte of the file of its own (dataplane 0, control plane 1): the kernel drops it when the process dies, so
 * shm_segment_peer_is_alive is true to the millisecond and there is at most one of each side.
 * Trust: none. Ring readers copy a cell before they look at it, indices from the other side are checked against the
 * ring's size, and a peer that breaks the rules makes the call return ERR_CORRUPT, never a wild access. What remains is
 * a peer that shortens the file (SIGBUS): the file is 0600, and only its owner's and root's is attached.
 * Threads: a ring has one producer thread and one consumer thread. The handle's own fields belong to one thread a ring.
 * Memory: shm_segment_size(); the rings are 2 MiB a worker and client, a stream row is 192 bytes; untouched pages cost nothing.
 */
#ifndef LIB_SHM_SHM_H
#define LIB_SHM_SHM_H

#include "lib/shm/abi.h"

enum shm_side { SHM_DATAPLANE, SHM_CONTROLPLANE };

/* A process's handle of a segment. */
struct shm_segment {
	struct shm_header *header;
	size_t size;
	int fd;
	enum shm_side side;
	/* Copies made and checked at create/attach; the ones in the header are not read again. */
	uint32_t worker_count, client_count, streams_per_worker, address_count, generation;
	struct shm_address addresses[SHM_ADDRESSES_MAX]; /* `up` as it was then: see shm_address_is_up */
};

/* What a refusal was about, for the one line that the user reads. */
struct shm_refusal {
	char text[256];
};

struct shm_layout {
	uint32_t worker_count;       /* 1..SHM_WORKERS_MAX */
	uint32_t client_count;       /* 1..SHM_CLIENTS_MAX; 0: 1 */
	uint32_t streams_per_worker; /* 1..2^20 */
	uint32_t generation;         /* random, not 0 */
	const struct shm_address *addresses;
	uint32_t address_count; /* 0..SHM_ADDRESSES_MAX */
};

/* Dataplane: makes the file at path (and replaces a dead one), zeroed and filled in. The directory must be there, with
 * room for all of it. ERR_EXISTS: another dataplane lives there. ERR_PERMISSION, ERR_IO, ERR_INVALID. ret_refusal says
 * it in words, the path first. */
int shm_segment_create(const char *path, const struct shm_layout *layout, struct shm_segment *ret_segment,
		       struct shm_refusal *ret_refusal) WARN_UNUSED;
/* Control plane: maps what is at path after checking magic, version, every size and every count. ERR_NOT_FOUND: no
 * file; ERR_CLOSED: no dataplane lives there; ERR_VERSION: built otherwise (which field differs is in the text);
 * ERR_CORRUPT; ERR_EXISTS: another control plane is attached; ERR_PERMISSION. */
int shm_segment_attach(const char *path, struct shm_segment *ret_segment, struct shm_refusal *ret_refusal) WARN_UNUSED;
/* Unmaps and lets go of the lock; the dataplane also removes the file if it is still its own. */
void shm_segment_close(struct shm_segment *segment, const char *path);
/* True while the other side holds its lock. A system call; a few times a second is enough. */
bool shm_segment_peer_is_alive(const struct shm_segment *segment);
size_t shm_segment_size(uint32_t worker_count, uint32_t client_count, uint32_t streams_per_worker);
/* A private copy of a header against this build and against itself; for attach and its fuzz target. */
int shm_header_check(const struct shm_header *header, size_t file_size, struct shm_refusal *ret_refusal) WARN_UNUSED;

/* Link state of an address: written by the dataplane's main thread, read by anybody. */
void shm_address_set_up(const struct shm_segment *segment, uint32_t address, bool is_up);
bool shm_address_is_up(const struct shm_segment *segment, uint32_t address);

struct shm_worker *shm_segment_worker(const struct shm_segment *segment, uint32_t worker);
struct shm_client *shm_segment_client(const struct shm_segment *segment, uint32_t worker, uint32_t client);
struct shm_stream_row *shm_segment_rows(const struct shm_segment *segment, uint32_t worker);

/* ---- rings. A handle is private to its process and thread; it caches the other side's index. ---- */
struct shm_command_writer {
	struct shm_command_ring *ring;
	uint32_t head, tail_seen;
};
struct shm_command_reader {
	struct shm_command_ring *ring;
	uint32_t tail, head_seen;
};
struct shm_event_writer {
	struct shm_event_ring *ring;
	uint32_t head, tail_seen;
};
struct shm_event_reader {
	struct shm_event_ring *ring;
	uint32_t tail, head_seen;
};

/* Take up a ring where the indices in the segment stand. ERR_CORRUPT: they were more than a ring apart, left by a corrupt
 * predecessor; the ring was emptied, and the handle is good. */
int shm_command_writer_init(struct shm_command_writer *writer, struct shm_command_ring *ring) WARN_UNUSED;
int shm_command_reader_init(struct shm_command_reader *reader, struct shm_command_ring *ring) WARN_UNUSED;
int shm_event_writer_init(struct shm_event_writer *writer, struct shm_event_ring *ring) WARN_UNUSED;
int shm_event_reader_init(struct shm_event_reader *reader, struct shm_event_ring *ring) WARN_UNUSED;

/* 0, ERR_FULL (nothing was written), ERR_CORRUPT (the reader's index is impossible; nothing was written). */
int shm_command_put(struct shm_command_writer *writer, const struct shm_command *command) WARN_UNUSED;
int shm_event_put(struct shm_event_writer *writer, const struct shm_event *event) WARN_UNUSED;
/* Has the reader taken everything that was put? */
bool shm_command_is_drained(const struct shm_command_writer *writer);
/* Copies the next cell out and frees it. 0, ERR_EMPTY, ERR_CORRUPT (indices impossible: the reader resets itself to the
 * producer's index, so what was between is lost, and says so once). The content is NOT checked: see *_check. */
int shm_command_get(struct shm_command_reader *reader, struct shm_command *ret_command) WARN_UNUSED;
int shm_event_get(struct shm_event_reader *reader, struct shm_event *ret_event) WARN_UNUSED;

/* Is the copied cell something this segment can mean: known type, worker as given, index inside, generation not 0,
 * remotes absent or unicast of the local address's family with a port, address index known, local port even and with its
 * RTCP port inside the pool, flags known, dscp below 64, source on the same worker? ERR_INVALID. */
int shm_command_check(const struct shm_segment *segment, uint32_t worker,
		      const struct shm_command *command) WARN_UNUSED;
int shm_event_check(const struct shm_segment *segment, uint32_t worker, const struct shm_event *event) WARN_UNUSED;

/* ---- directory rows ---- */
/* A consistent and checked copy of a row. ERR_EMPTY: the slot is free; ERR_AGAIN: the writer would not hold still (tried
 * a few times); ERR_CORRUPT: what it says cannot be. */
int shm_stream_read(const struct shm_segment *segment, uint32_t worker, uint32_t index,
		    struct shm_stream_row *ret_row) WARN_UNUSED;
/* The next run of rows at or after *from that can be in use (rows on pages that were ever written): a scan that leaves the
 * rest untouched, since reading would make the pages. False: no more. */
bool shm_rows_next(const struct shm_segment *segment, uint32_t worker, uint32_t *from, uint32_t *ret_until);
/* The writer's side: copies everything but `sequence` of from. One writing thread per row. */
void shm_stream_write(struct shm_stream_row *row, const struct shm_stream_row *from);

#endif
