/* The thread that makes CDR files durable and deletes old ones, so that the signalling thread never waits for a disk.
 * It does what it is asked and has no clock of its own. */
#include "controlplane/cdr/cdr_private.h"

#include <fcntl.h>
#include <unistd.h>

/* What was asked, taken out under the lock. */
struct work {
	int fds[CDR_SYNC_FILES];
	size_t fd_count;
	bool is_directory_dirty, has_sweep, is_ending;
	int64_t sweep_before_day;
};

static bool has_work(const struct cdr_sync *sync)
{
	return sync->fd_count > 0 || sync->is_directory_dirty || sync->has_sweep || sync->is_ending;
}

static struct work take_work(struct cdr_sync *sync)
{
	struct work work;

	pthread_mutex_lock(&sync->lock);
	while (!has_work(sync))
		pthread_cond_wait(&sync->wake, &sync->lock);
	work = (struct work){.fd_count = sync->fd_count,
			     .is_directory_dirty = sync->is_directory_dirty,
			     .has_sweep = sync->has_sweep,
			     .is_ending = sync->is_ending,
			     .sweep_before_day = sync->sweep_before_day};
	memcpy(work.fds, sync->fds, sizeof(work.fds));
	sync->fd_count = 0;
	sync->is_directory_dirty = sync->has_sweep = false;
	pthread_mutex_unlock(&sync->lock);
	return work;
}

/* A sync that fails has no remedy here: the kernel has told the writer, or will. */
static void do_work(const struct cdr_sync *sync, const struct work *work)
{
	for (size_t i = 0; i < work->fd_count; i++) {
		(void)fdatasync(work->fds[i]);
		close(work->fds[i]);
	}
	if (work->is_directory_dirty) {
		int fd = open(sync->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0) {
			(void)fsync(fd);
			close(fd);
		}
	}
	if (work->has_sweep)
		cdr_file_sweep(sync->directory, sync->pattern, work->sweep_before_day);
}

static void *run(void *arg)
{
	struct cdr_sync *sync = arg;
	struct work work;

	do {
		work = take_work(sync);
		do_work(sync, &work);
	} while (!work.is_ending);
	return NULL;
}

int cdr_sync_start(struct cdr_sync *sync, const char *directory, const struct cdr_pattern *pattern)
{
	*sync = (struct cdr_sync){.directory = directory, .pattern = pattern};
	pthread_mutex_init(&sync->lock, NULL);
	pthread_cond_init(&sync->wake, NULL);
	if (pthread_create(&sync->thread, NULL, run, sync) == 0)
		return 0;
	pthread_cond_destroy(&sync->wake);
	pthread_mutex_destroy(&sync->lock);
	return ERR_NOMEM;
}

void cdr_sync_stop(struct cdr_sync *sync)
{
	pthread_mutex_lock(&sync->lock);
	sync->is_ending = true;
	pthread_cond_signal(&sync->wake);
	pthread_mutex_unlock(&sync->lock);
	pthread_join(sync->thread, NULL);
	pthread_cond_destroy(&sync->wake);
	pthread_mutex_destroy(&sync->lock);
}

bool cdr_sync_file(struct cdr_sync *sync, int fd, bool is_new)
{
	bool is_taken = false;

	pthread_mutex_lock(&sync->lock);
	sync->is_directory_dirty |= is_new;
	if (sync->fd_count < CDR_SYNC_FILES) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		is_taken = copy >= 0;
		if (is_taken)
			sync->fds[sync->fd_count++] = copy;
	}
	pthread_cond_signal(&sync->wake);
	pthread_mutex_unlock(&sync->lock);
	return is_taken;
}

void cdr_sync_sweep(struct cdr_sync *sync, int64_t first_day)
{
	pthread_mutex_lock(&sync->lock);
	sync->has_sweep = true;
	sync->sweep_before_day = first_day;
	pthread_cond_signal(&sync->wake);
	pthread_mutex_unlock(&sync->lock);
}
