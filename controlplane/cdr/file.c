/* CDR files on disk: appending whole lines, reading the last ones, deleting old files. */
#include "controlplane/cdr/cdr_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/document/document.h"

static int path_print(const char *directory, const char *name, char path[CDR_PATH_SIZE])
{
	struct text text;

	text_init(&text, path, CDR_PATH_SIZE);
	text_printf(&text, "%s/%s", directory, name);
	return text.overflow ? -ENAMETOOLONG : 0;
}

/* The line that a loss of power cut off stays as it is, but ends here. */
static int close_torn_line(int fd)
{
	struct stat status;
	char last;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size == 0 || pread(fd, &last, 1, status.st_size - 1) != 1 || last == '\n')
		return 0;
	return cdr_file_append(fd, VIEW("\n"));
}

int cdr_file_open(const char *directory, const char *name, int *ret_fd)
{
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC;
	char path[CDR_PATH_SIZE];
	int fd, error = path_print(directory, name, path);

	if (error < 0)
		return error;
	fd = open(path, flags, 0640);
	if (fd < 0 && errno == ENOENT && mkdir(directory, 0750) == 0)
		fd = open(path, flags, 0640);
	if (fd < 0)
		return -errno;
	error = close_torn_line(fd);
	if (error < 0) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int cdr_file_append(int fd, struct view line)
{
	struct stat status;
	ssize_t written;
	int error;

	if (fstat(fd, &status) < 0)
		return -errno;
	do {
		written = write(fd, line.at, line.size);
	} while (written < 0 && errno == EINTR);
	if (written == (ssize_t)line.size)
		return 0;
	error = written < 0 ? -errno : -ENOSPC;
	/* We are the only writer, so what is beyond the old end is our half line. */
	if (written > 0 && ftruncate(fd, status.st_size) < 0)
		error = -errno;
	return error;
}

static int compare_newest_first(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left < right) - (left > right);
}

/* Calls visit for each day of which there is a file. */
static void walk_days(const char *directory, const struct cdr_pattern *pattern,
		      void (*visit)(void *arg, const char *name, int64_t day), void *arg)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;
	int64_t day;

	if (!stream)
		return;
	while ((entry = readdir(stream)))
		if (cdr_pattern_is_match(pattern, entry->d_name, &day))
			visit(arg, entry->d_name, day);
	closedir(stream);
}

struct newest_days {
	int64_t *days;
	size_t count, capacity;
};

static void keep_newest(void *arg, const char *name, int64_t day)
{
	struct newest_days *newest = arg;

	if (newest->count < newest->capacity)
		newest->days[newest->count++] = day;
	else if (day > newest->days[newest->capacity - 1])
		newest->days[newest->capacity - 1] = day;
	else
		return;
	qsort(newest->days, newest->count, sizeof(*newest->days), compare_newest_first);
}

size_t cdr_file_days(const char *directory, const struct cdr_pattern *pattern, int64_t *days, size_t capacity)
{
	struct newest_days newest = {.days = days, .capacity = capacity};

	walk_days(directory, pattern, keep_newest, &newest);
	return newest.count;
}

static bool is_object(struct view line)
{
	json_t *node = json_loadb(line.at, line.size, 0, NULL);
	bool is = json_is_object(node);

	json_decref(node);
	return is;
}

/* The last bytes of a file that surely hold CDR_RECENT_MAX lines. */
static char *read_tail(const char *path, size_t *ret_size)
{
	const off_t most = (off_t)CDR_RECENT_MAX * CDR_LINE_MAX;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *bytes = NULL;
	ssize_t size = -1;

	if (fd >= 0 && fstat(fd, &status) == 0) {
		off_t from = status.st_size > most ? status.st_size - most : 0;

		bytes = malloc((size_t)(status.st_size - from) + 1);
		size = bytes ? pread(fd, bytes, (size_t)(status.st_size - from), from) : -1;
	}
	if (fd >= 0)
		close(fd);
	if (size < 0) {
		free(bytes);
		return NULL;
	}
	*ret_size = (size_t)size;
	return bytes;
}

void cdr_file_tail(const char *directory, const char *name, bool (*visit)(void *arg, struct view line), void *arg)
{
	char path[CDR_PATH_SIZE];
	size_t end;
	char *bytes;

	if (path_print(directory, name, path) < 0)
		return;
	bytes = read_tail(path, &end);
	while (bytes && end > 0) {
		const char *newline = memrchr(bytes, '\n', end);
		size_t from = newline ? (size_t)(newline - bytes) + 1 : 0;
		struct view line = {bytes + from, end - from};

		if (line.size > 0 && line.size < CDR_LINE_MAX && is_object(line) && !visit(arg, line))
			break;
		end = newline ? (size_t)(newline - bytes) : 0;
	}
	free(bytes);
}

struct sweep {
	const char *directory;
	int64_t first_day;
};

static void sweep_file(void *arg, const char *name, int64_t day)
{
	const struct sweep *sweep = arg;
	char path[CDR_PATH_SIZE];

	/* A file that cannot be deleted is tried again with the next day. */
	if (day < sweep->first_day && path_print(sweep->directory, name, path) == 0)
		(void)unlink(path);
}

void cdr_file_sweep(const char *directory, const struct cdr_pattern *pattern, int64_t first_day)
{
	struct sweep sweep = {directory, first_day};

	walk_days(directory, pattern, sweep_file, &sweep);
}

/* ---- segments of the spool ---- */

#define SEGMENT_PREFIX ".spool-"

void cdr_segment_name(uint64_t number, char name[CDR_NAME_SIZE])
{
	snprintf(name, CDR_NAME_SIZE, SEGMENT_PREFIX "%012llu", (unsigned long long)number);
}

static int segment_path(const struct cdr_segment_file *file, uint64_t number, char path[CDR_PATH_SIZE])
{
	char name[CDR_NAME_SIZE];

	cdr_segment_name(number, name);
	return path_print(file->directory, name, path);
}

int cdr_file_open_segment(const struct cdr_segment_file *file)
{
	char path[CDR_PATH_SIZE];
	int error = segment_path(file, file->number, path), fd;

	if (error)
		return error;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

void cdr_file_remove_segment(const struct cdr_segment_file *file, uint64_t number)
{
	char path[CDR_PATH_SIZE];

	if (segment_path(file, number, path) == 0)
		(void)unlink(path);
}

void cdr_file_segments(const char *directory, uint64_t *ret_first, uint64_t *ret_last)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	*ret_first = *ret_last = 0;
	while (stream && (entry = readdir(stream))) {
		struct view name = view_of(entry->d_name);
		uint64_t number;

		if (!view_has_prefix(name, SEGMENT_PREFIX) ||
		    view_to_u64(view_sub(name, sizeof(SEGMENT_PREFIX) - 1, name.size), UINT32_MAX, &number) != 0)
			continue;
		*ret_first = *ret_first ? MIN(*ret_first, number) : number;
		*ret_last = MAX(*ret_last, number);
	}
	if (stream)
		closedir(stream);
}
