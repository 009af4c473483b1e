/* Where lines go: the threshold, the open file, the one write. The line itself is made in line.c. */
#include "lib/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int log_threshold = LOG_LEVEL_WARNING;

static _Atomic int output_fd = STDERR_FILENO;
static _Atomic int output_format = LOG_FORMAT_TEXT;
static _Atomic uint64_t lost;
/* Guards output_path and the change of output_fd; writers do not take it. */
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;
static char output_path[4096]; /* "": standard output or error */

static int open_output(const char *path, int *ret_fd)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR                   ? ERR_NOT_FOUND
		       : errno == EACCES || errno == EPERM || errno == EROFS ? ERR_PERMISSION
									     : ERR_IO;
	*ret_fd = fd;
	return 0;
}

/* The old number is given the new file by dup3, so that a thread in the middle of a write has always a valid one. */
static void replace_output(int fd)
{
	int old = atomic_load(&output_fd);

	if (old > STDERR_FILENO && fd > STDERR_FILENO && dup3(fd, old, O_CLOEXEC) == old) {
		close(fd);
		return;
	}
	atomic_store(&output_fd, fd);
}

int log_init(enum log_level level, enum log_format format, const char *output)
{
	bool is_file = strcmp(output, "stdout") != 0;
	int fd = STDOUT_FILENO;
	int error;

	if (strlen(output) >= sizeof(output_path))
		return ERR_TOO_LONG;
	if (is_file) {
		error = open_output(output, &fd);
		if (error)
			return error;
	}
	pthread_mutex_lock(&output_lock);
	replace_output(fd);
	memcpy(output_path, is_file ? output : "", is_file ? strlen(output) + 1 : 1);
	atomic_store(&output_format, (int)format);
	pthread_mutex_unlock(&output_lock);
	log_level_set(level);
	return 0;
}

int log_reopen(void)
{
	int error = 0, fd = -1;

	pthread_mutex_lock(&output_lock);
	if (output_path[0]) {
		error = open_output(output_path, &fd);
		if (!error)
			replace_output(fd);
	}
	pthread_mutex_unlock(&output_lock);
	return error;
}

void log_fini(void)
{
	int old;

	pthread_mutex_lock(&output_lock);
	old = atomic_exchange(&output_fd, STDERR_FILENO);
	if (old > STDERR_FILENO)
		close(old);
	output_path[0] = '\0';
	atomic_store(&output_format, LOG_FORMAT_TEXT);
	pthread_mutex_unlock(&output_lock);
	log_level_set(LOG_LEVEL_WARNING);
}

void log_level_set(enum log_level level)
{
	__atomic_store_n(&log_threshold, (int)level, __ATOMIC_RELAXED);
}

uint64_t log_lost(void)
{
	return atomic_load(&lost);
}

void log_write(enum log_level level, const char *area, const char *call_id, const char *format, ...)
{
	int saved = errno;
	char message[LOG_LINE_MAX], line[LOG_LINE_MAX];
	struct timespec now;
	va_list args;
	size_t size;
	int printed;

	va_start(args, format);
	printed = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (printed < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	/* Something cut here fills the line anyway, so line.c marks it as cut. */
	size = log_line((enum log_format)atomic_load(&output_format),
			(uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, level, area, call_id,
			(struct view){message, MIN((size_t)printed, sizeof(message) - 1)}, line);
	if (write(atomic_load(&output_fd), line, size) != (ssize_t)size)
		atomic_fetch_add(&lost, 1);
	errno = saved;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint64_t *ret_suppressed)
{
	uint64_t refill = (now_ms - limit->refilled_ms) / MAX(1, limit->interval_ms);

	if (refill > 0) {
		limit->used = refill >= limit->used ? 0 : limit->used - (uint32_t)refill;
		limit->refilled_ms += refill * MAX(1, limit->interval_ms);
	}
	if (limit->used >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->used++;
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
