/* The writer thread: records out of the queue, masked, into the file of their day. It has no clock: days are those of the
 * records. */
#include "controlplane/trace/trace_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { DAY_MS = 86400000, NAME_SIZE = 64, LINE_SIZE = 512 };

static const char prefix[] = "sip_traffic_";

static void print_name(int64_t day, char name[NAME_SIZE])
{
	time_t seconds = (time_t)(day * (DAY_MS / 1000));
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(name, NAME_SIZE, "%s%04d%02d%02d.log", prefix, (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday);
}

static bool print_path(const struct trace_writer *writer, const char *name, char *path, size_t size)
{
	return (size_t)snprintf(path, size, "%s/%s", writer->directory, name) < size;
}

/* Names sort like their days. Only names of exactly our form are touched. */
static void sweep(const struct trace_writer *writer)
{
	char oldest[NAME_SIZE], path[1024];
	struct dirent *entry;
	DIR *stream;

	if (writer->retention_days == 0 || !(stream = opendir(writer->directory)))
		return;
	print_name(writer->day - (int64_t)writer->retention_days, oldest);
	while ((entry = readdir(stream))) {
		const char *name = entry->d_name;

		if (strlen(name) != strlen(oldest) || strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
		    strspn(name + sizeof(prefix) - 1, "0123456789") != 8 ||
		    strcmp(name + sizeof(prefix) - 1 + 8, ".log") != 0)
			continue;
		if (strcmp(name, oldest) < 0 && print_path(writer, name, path, sizeof(path)))
			(void)unlink(path); /* one that stays is tried again tomorrow */
	}
	closedir(stream);
}

static int open_day(struct trace_writer *writer, int64_t day)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	char name[NAME_SIZE], path[1024];
	struct stat status;

	if (writer->fd >= 0 && writer->day == day && fstat(writer->fd, &status) == 0 && status.st_nlink > 0)
		return 0;
	if (writer->fd >= 0)
		close(writer->fd);
	writer->day = day;
	writer->is_full = false;
	print_name(day, name);
	if (!print_path(writer, name, path, sizeof(path)))
		return ENAMETOOLONG;
	writer->fd = open(path, flags, 0640);
	if (writer->fd < 0 && errno == ENOENT && mkdir(writer->directory, 0750) == 0)
		writer->fd = open(path, flags, 0640);
	if (writer->fd < 0)
		return errno;
	writer->file_size = fstat(writer->fd, &status) == 0 ? (uint64_t)status.st_size : 0;
	sweep(writer);
	return 0;
}

/* All or nothing, as far as the file allows it. */
static int append(struct trace_writer *writer, struct iovec *parts, int count)
{
	size_t size = 0;
	ssize_t written;

	for (int i = 0; i < count; i++)
		size += parts[i].iov_len;
	do {
		written = writev(writer->fd, parts, count);
	} while (written < 0 && errno == EINTR);
	if (written == (ssize_t)size) {
		writer->file_size += size;
		return 0;
	}
	if (written < 0)
		return errno;
	return ftruncate(writer->fd, (off_t)writer->file_size) < 0 ? errno : ENOSPC;
}

static void print_line(const struct trace_record *record, struct text *out)
{
	time_t seconds = (time_t)(record->wall_ms / 1000);
	char local[NET_ENDPOINT_TEXT], remote[NET_ENDPOINT_TEXT];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	net_endpoint_print(&record->flow.local, local);
	net_endpoint_print(&record->flow.remote, remote);
	if (record->lost > 0)
		text_printf(out, "--- %u messages lost here: the writer was too slow\n\n", record->lost);
	text_printf(out, "--- %04d-%02d-%02dT%02d:%02d:%02d.%03uZ %s %s %s -> %s %u bytes%s%s\n", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(record->wall_ms % 1000),
		    record->is_sent ? "sent" : "received", transport_kind_name(record->flow.kind),
		    record->is_sent ? local : remote, record->is_sent ? remote : local, record->size,
		    record->call[0] ? " call=" : "", record->call);
}

static int write_record(struct trace_writer *writer, const struct trace_record *record, char *message)
{
	char line[LINE_SIZE], end[] = "\n\n";
	struct iovec parts[] = {{line, 0}, {message, record->size}, {end, 2}};
	struct text text;
	int error = open_day(writer, (int64_t)(record->wall_ms / DAY_MS));

	if (error)
		return error;
	text_init(&text, line, sizeof(line));
	if (writer->size_max > 0 && writer->file_size + record->size + LINE_SIZE > writer->size_max) {
		if (!writer->is_full)
			text_printf(&text, "--- the file has its largest size; what comes later today is lost\n");
		writer->is_full = true;
		parts[0].iov_len = text.size;
		return text.size > 0 && (error = append(writer, parts, 1)) ? error : EFBIG;
	}
	print_line(record, &text);
	parts[0].iov_len = text.size;
	trace_mask(message, record->size);
	return append(writer, parts, 3);
}

static void *run(void *arg)
{
	struct trace_writer *writer = arg;
	struct trace_record *record;
	char *message;

	for (;;) {
		while (sem_wait(&writer->work) < 0)
			;
		while ((record = trace_queue_get(&writer->queue, &message))) {
			int error = write_record(writer, record, message);

			atomic_store_explicit(&writer->last_errno, error, memory_order_relaxed);
			atomic_fetch_add_explicit(error ? &writer->lost : &writer->written, 1, memory_order_relaxed);
			trace_queue_drop(&writer->queue);
		}
		if (atomic_load_explicit(&writer->is_ending, memory_order_acquire))
			return NULL;
	}
}

int trace_writer_start(struct trace_writer *writer)
{
	int error;

	if (writer->is_running)
		return 0;
	error = trace_queue_init(&writer->queue, TRACE_QUEUE_SIZE);
	if (error)
		return error;
	writer->fd = -1;
	sem_init(&writer->work, 0, 0);
	if (pthread_create(&writer->thread, NULL, run, writer) != 0) {
		sem_destroy(&writer->work);
		trace_queue_fini(&writer->queue);
		return ERR_NOMEM;
	}
	writer->is_running = true;
	return 0;
}

void trace_writer_stop(struct trace_writer *writer)
{
	if (!writer->is_running)
		return;
	atomic_store_explicit(&writer->is_ending, true, memory_order_release);
	sem_post(&writer->work);
	pthread_join(writer->thread, NULL);
	if (writer->fd >= 0)
		close(writer->fd);
	sem_destroy(&writer->work);
	trace_queue_fini(&writer->queue);
	writer->is_running = false;
}
