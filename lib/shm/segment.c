/* The life of a segment: made by the dataplane, attached by the control plane, and who of them is alive.
 *
 * The file is finished and locked under a temporary name before it is renamed, and the one it replaces is held locked
 * until then: so whoever opens the path sees a complete segment, and of two dataplanes that start at once one loses.
 */
#include "lib/shm/shm_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CREATE_TRIES 8

static int error_of_errno(void)
{
	switch (errno) {
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
		return ERR_PERMISSION;
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_IO;
	}
}

static int refuse_errno(struct shm_refusal *refusal, const char *path, const char *what)
{
	int error = error_of_errno();

	return shm_refuse(refusal, error, "%s: cannot %s: %s", path, what, strerror(errno));
}

/* ---- locks: byte 0 is the dataplane's, byte 1 the control plane's ---- */

static bool lock_side(int fd, enum shm_side side)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = side == SHM_DATAPLANE ? 0 : 1, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static bool side_is_locked(int fd, enum shm_side side)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = side == SHM_DATAPLANE ? 0 : 1, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool is_same_file(int fd, const char *path)
{
	struct stat mine, there;

	return fstat(fd, &mine) == 0 && lstat(path, &there) == 0 && mine.st_dev == there.st_dev &&
	       mine.st_ino == there.st_ino;
}

/* ---- head ---- */

static void keep_copies(struct shm_segment *segment, const struct shm_header *header)
{
	segment->worker_count = header->worker_count;
	segment->client_count = header->client_count;
	segment->streams_per_worker = header->streams_per_worker;
	segment->address_count = header->address_count;
	segment->generation = header->generation;
	memcpy(segment->addresses, header->addresses, sizeof(segment->addresses));
}

static uint32_t client_count(const struct shm_layout *layout)
{
	return MAX(layout->client_count, 1u);
}

static void fill_header(struct shm_header *header, const struct shm_layout *layout)
{
	header->version = SHM_VERSION;
	header->header_size = sizeof(struct shm_header);
	header->address_size = sizeof(struct shm_address);
	header->command_size = sizeof(struct shm_command);
	header->event_size = sizeof(struct shm_event);
	header->row_size = sizeof(struct shm_stream_row);
	header->worker_size = sizeof(struct shm_worker);
	header->client_size = sizeof(struct shm_client);
	header->ring_cells = SHM_RING_CELLS;
	header->drop_count = DROP_COUNT;
	header->worker_counter_count = WORKER_COUNTER_COUNT;
	header->worker_count = layout->worker_count;
	header->client_count = client_count(layout);
	header->streams_per_worker = layout->streams_per_worker;
	header->address_count = layout->address_count;
	header->generation = layout->generation;
	header->segment_size = shm_segment_size(layout->worker_count, client_count(layout), layout->streams_per_worker);
	header->dataplane_pid = getpid();
	if (layout->address_count > 0)
		memcpy(header->addresses, layout->addresses, layout->address_count * sizeof(struct shm_address));
	header->magic = SHM_MAGIC;
}

/* ---- create ---- */

static int check_layout(const char *path, const struct shm_layout *layout, struct shm_refusal *refusal)
{
	if (layout->worker_count == 0 || layout->worker_count > SHM_WORKERS_MAX)
		return shm_refuse(refusal, ERR_INVALID, "%s: %u workers asked for, 1 to %u are possible", path,
				  layout->worker_count, SHM_WORKERS_MAX);
	if (layout->client_count > SHM_CLIENTS_MAX)
		return shm_refuse(refusal, ERR_INVALID, "%s: %u signalling workers asked for, 1 to %u are possible",
				  path, layout->client_count, SHM_CLIENTS_MAX);
	if (layout->streams_per_worker == 0 || layout->streams_per_worker > SHM_STREAMS_PER_WORKER_MAX)
		return shm_refuse(refusal, ERR_INVALID, "%s: %u streams a worker asked for, 1 to %u are possible", path,
				  layout->streams_per_worker, SHM_STREAMS_PER_WORKER_MAX);
	if (layout->address_count > SHM_ADDRESSES_MAX)
		return shm_refuse(refusal, ERR_INVALID, "%s: %u media addresses asked for, at most %u are possible",
				  path, layout->address_count, SHM_ADDRESSES_MAX);
	if (layout->generation == 0)
		return shm_refuse(refusal, ERR_INVALID, "%s: generation 0 is not possible", path);
	for (uint32_t i = 0; i < layout->address_count; i++) {
		const char *wrong = shm_address_check(&layout->addresses[i]);
		char buffer[NET_ADDRESS_TEXT];

		if (wrong)
			return shm_refuse(refusal, ERR_INVALID, "%s: media address %s: %s", path,
					  net_address_print(&layout->addresses[i].address, buffer), wrong);
	}
	return 0;
}

/* Opens and locks what is at path, so that nobody else replaces it meanwhile. -1 in *ret_fd: there is nothing. */
static int hold_old(const char *path, int *ret_fd, struct shm_refusal *refusal)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		*ret_fd = -1;
		return 0;
	}
	if (fd < 0)
		return refuse_errno(refusal, path, "replace the old segment");
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return shm_refuse(refusal, ERR_INVALID, "%s: is not a file; choose another path for the segment", path);
	}
	if (!lock_side(fd, SHM_DATAPLANE)) {
		close(fd);
		return shm_refuse(refusal, ERR_EXISTS, "%s: another dataplane is running with it; end that one first",
				  path);
	}
	*ret_fd = fd;
	return 0;
}

/* Makes the finished file visible. ERR_AGAIN: somebody was faster, look again who. */
static int publish(const char *temporary, const char *path, struct shm_refusal *refusal)
{
	int old = -1, error = hold_old(path, &old, refusal);

	if (error)
		return error;
	if (old < 0) {
		/* link, unlike rename, fails when there is a file by now. */
		if (link(temporary, path) == 0) {
			unlink(temporary);
			return 0;
		}
		return errno == EEXIST ? ERR_AGAIN : refuse_errno(refusal, path, "create the segment");
	}
	if (!is_same_file(old, path))
		error = ERR_AGAIN;
	else if (rename(temporary, path) < 0)
		error = refuse_errno(refusal, path, "replace the old segment");
	close(old);
	return error;
}

/* Sizes and maps the temporary file; says so when the file system could not hold it, since later that would be SIGBUS.
 */
static int fill_file(const char *path, int fd, const struct shm_layout *layout, struct shm_segment *segment,
		     struct shm_refusal *refusal)
{
	size_t size = shm_segment_size(layout->worker_count, client_count(layout), layout->streams_per_worker);
	struct statvfs status;
	void *map;

	if (fstatvfs(fd, &status) == 0 && status.f_blocks > 0 && (uint64_t)status.f_bavail * status.f_frsize < size)
		return shm_refuse(refusal, ERR_IO, "%s: needs %zu MiB, its file system has %llu MiB left", path,
				  (size >> 20) + 1,
				  (unsigned long long)((uint64_t)status.f_bavail * status.f_frsize >> 20));
	if (ftruncate(fd, (off_t)size) < 0)
		return refuse_errno(refusal, path, "size the segment");
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return refuse_errno(refusal, path, "map the segment");
	fill_header(map, layout);
	*segment = (struct shm_segment){.header = map, .size = size, .fd = fd, .side = SHM_DATAPLANE};
	keep_copies(segment, map);
	return 0;
}

int shm_segment_create(const char *path, const struct shm_layout *layout, struct shm_segment *ret_segment,
		       struct shm_refusal *ret_refusal)
{
	struct shm_segment segment = {.header = NULL};
	char temporary[PATH_MAX];
	struct text text;
	int fd, error = check_layout(path, layout, ret_refusal);

	if (error)
		return error;
	text_init(&text, temporary, sizeof(temporary));
	text_printf(&text, "%s.XXXXXX", path);
	if (text.overflow)
		return shm_refuse(ret_refusal, ERR_INVALID, "the path of the segment is too long");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return refuse_errno(ret_refusal, path, "create the segment");
	error = fill_file(path, fd, layout, &segment, ret_refusal);
	if (!error && !lock_side(fd, SHM_DATAPLANE))
		error = refuse_errno(ret_refusal, path, "lock the segment");
	if (!error)
		error = ERR_AGAIN;
	for (int i = 0; i < CREATE_TRIES && error == ERR_AGAIN; i++)
		error = publish(temporary, path, ret_refusal);
	if (!error) {
		*ret_segment = segment;
		return 0;
	}
	if (error == ERR_AGAIN)
		error = shm_refuse(ret_refusal, ERR_EXISTS, "%s: other dataplanes are starting with it", path);
	unlink(temporary);
	if (segment.header)
		munmap(segment.header, segment.size);
	close(fd);
	return error;
}

/* ---- attach ---- */

static int check_file(const char *path, int fd, size_t *ret_size, struct shm_refusal *refusal)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return refuse_errno(refusal, path, "look at the segment");
	if (!S_ISREG(status.st_mode))
		return shm_refuse(refusal, ERR_CORRUPT, "%s: is not a file", path);
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return shm_refuse(refusal, ERR_PERMISSION,
				  "%s: belongs to user %u: run the dataplane as the same user as this program", path,
				  status.st_uid);
	if (!side_is_locked(fd, SHM_DATAPLANE))
		return shm_refuse(refusal, ERR_CLOSED, "%s: the dataplane is not running", path);
	if (status.st_size < (off_t)sizeof(struct shm_header))
		return shm_refuse(refusal, ERR_VERSION,
				  "%s: has %lld bytes, its header alone has %zu here: both programs must be of the "
				  "same build",
				  path, (long long)status.st_size, sizeof(struct shm_header));
	*ret_size = (size_t)status.st_size;
	return 0;
}

/* Maps all of the file and checks a copy of its head. */
static int map_file(const char *path, int fd, size_t size, struct shm_segment *segment, struct shm_refusal *refusal)
{
	struct shm_refusal why;
	struct shm_header copy;
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int error;

	if (map == MAP_FAILED)
		return refuse_errno(refusal, path, "map the segment");
	memcpy(&copy, map, sizeof(copy));
	error = shm_header_check(&copy, size, &why);
	if (error) {
		munmap(map, size);
		return shm_refuse(refusal, error, "%s: %s", path, why.text);
	}
	*segment = (struct shm_segment){.header = map, .size = size, .fd = fd, .side = SHM_CONTROLPLANE};
	keep_copies(segment, &copy);
	atomic_store_explicit(&segment->header->controller_pid, getpid(), memory_order_relaxed);
	return 0;
}

int shm_segment_attach(const char *path, struct shm_segment *ret_segment, struct shm_refusal *ret_refusal)
{
	size_t size = 0;
	int error, fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return shm_refuse(ret_refusal, ERR_NOT_FOUND, "%s: is not there: the dataplane is not running", path);
	if (fd < 0)
		return refuse_errno(ret_refusal, path, "attach to the segment");
	error = check_file(path, fd, &size, ret_refusal);
	if (!error && !lock_side(fd, SHM_CONTROLPLANE))
		error = shm_refuse(ret_refusal, ERR_EXISTS, "%s: another control plane is attached; end that one first",
				   path);
	if (!error)
		error = map_file(path, fd, size, ret_segment, ret_refusal);
	if (error)
		close(fd);
	return error;
}

void shm_segment_close(struct shm_segment *segment, const char *path)
{
	if (segment->header == NULL)
		return;
	if (segment->side == SHM_DATAPLANE && is_same_file(segment->fd, path))
		unlink(path);
	munmap(segment->header, segment->size);
	close(segment->fd);
	segment->header = NULL;
	segment->fd = -1;
}

bool shm_segment_peer_is_alive(const struct shm_segment *segment)
{
	return side_is_locked(segment->fd, segment->side == SHM_DATAPLANE ? SHM_CONTROLPLANE : SHM_DATAPLANE);
}
