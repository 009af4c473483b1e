/* The spool: every line waits in a file until it is in the database. Segments of about a megabyte, numbered; the last one is
 * being written (signalling thread), the first one is being inserted (store's thread). One job is on its way at a time.
 * What was inserted is not noted anywhere but by deleting segments: lines that are inserted again after a crash are
 * there already.
 */
#include "controlplane/cdr/cdr_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controlplane/store/store.h"
#include "lib/log/log.h"

enum { SEGMENT_SIZE = 1 << 20, JOB_LINES = 500, JOB_BYTES = 256 << 10, DAY_MS = 86400000 };
_Static_assert(JOB_BYTES > CDR_LINE_MAX, "a job can hold any line");

struct cdr_work {
	struct store_job job;
	struct cdr_database *database; /* NULL: it is closed */
	struct cdr_segment_file file;
	uint64_t from, to;  /* bytes of it; to UINT64_MAX: it is complete */
	uint64_t remove;    /* a segment that is in; 0: none */
	uint64_t before_ms; /* rows that are older go; 0: none */
	size_t line_max;
	bool sets_aside; /* the first line is refused by the database: it goes elsewhere */
	/* what came of it */
	uint64_t at, stored, deleted, refused;
	bool is_end; /* of a complete segment */
};

/* ---- store's thread ---- */

static int take_line(struct cdr_work *work, struct store_session *session, struct view line)
{
	int error = line.size > 0 ? cdr_insert(session, line) : 0;

	/* Torn by a loss of power: it was never told to anybody. */
	if (error == ERR_SYNTAX)
		return 0;
	work->stored += error == 0 && line.size > 0;
	return error;
}

static int set_aside(struct cdr_work *work, struct view line)
{
	int fd, error = cdr_file_open(work->file.directory, CDR_REJECTED_NAME, &fd);

	if (error == 0) {
		error = cdr_file_append(fd, line);
		close(fd);
	}
	work->refused = error == 0;
	return error == 0 ? 0 : ERR_IO;
}

/* Lines of the buffer; one without its newline is a line only at the end of a complete segment. */
static int take_lines(struct cdr_work *work, struct store_session *session, struct view bytes)
{
	size_t lines = 0;
	int error = 0;

	while (bytes.size > 0 && lines < work->line_max && error == 0) {
		size_t end = view_find(bytes, '\n');
		size_t size = MIN(end + 1, bytes.size);

		if (end == bytes.size && !work->is_end)
			break;
		error = work->sets_aside ? set_aside(work, view_sub(bytes, 0, size))
					 : take_line(work, session, view_sub(bytes, 0, end));
		if (error == 0)
			work->at += size;
		bytes = view_sub(bytes, size, bytes.size);
		lines++;
	}
	work->is_end &= bytes.size == 0;
	return error;
}

static int take_segment(struct cdr_work *work, struct store_session *session)
{
	char *buffer;
	ssize_t size;
	int fd, error;

	work->at = work->from;
	work->is_end = work->to == UINT64_MAX;
	if (work->from == work->to)
		return 0;
	fd = cdr_file_open_segment(&work->file);
	if (fd == -ENOENT)
		return work->is_end ? 0 : ERR_IO;
	buffer = fd >= 0 ? malloc(JOB_BYTES) : NULL;
	size = buffer ? pread(fd, buffer, MIN((uint64_t)JOB_BYTES, work->to - work->from), (off_t)work->from) : -1;
	if (fd >= 0)
		close(fd);
	if (size == JOB_BYTES)
		work->is_end = false;
	/* Somebody cut it. */
	if (size == 0 && !work->is_end)
		size = -1;
	error = size < 0 ? ERR_IO : take_lines(work, session, (struct view){buffer, (size_t)size});
	free(buffer);
	return error;
}

static int run(struct store_session *session, void *arg)
{
	struct cdr_work *work = arg;
	int error = 0;

	work->stored = work->deleted = work->refused = 0;
	if (work->remove)
		cdr_file_remove_segment(&work->file, work->remove);
	if (work->before_ms)
		error = cdr_delete(session, work->before_ms, &work->deleted);
	return error ? error : take_segment(work, session);
}

/* ---- signalling thread ---- */

static void tell(struct cdr_database *database, uint64_t stored, uint64_t refused)
{
	uint64_t waits = database->written - database->inserted;

	/* Whole segments between the first and the last. */
	if (database->last > database->first)
		waits = (database->last - database->first) * SEGMENT_SIZE + database->written;
	pthread_mutex_lock(database->lock);
	database->status->stored += stored;
	database->status->rejected += refused;
	database->status->spooled = waits;
	pthread_mutex_unlock(database->lock);
}

static bool has_work(const struct cdr_database *database)
{
	return database->first < database->last || database->inserted < database->written ||
	       database->delete_before_ms > 0;
}

static void start(struct cdr_database *database);

static void on_success(struct cdr_database *database, const struct cdr_work *work)
{
	database->is_away = false;
	database->sets_aside = false;
	database->inserted = work->at;
	if (work->remove == database->remove)
		database->remove = 0;
	if (work->before_ms && work->deleted == 0)
		database->delete_before_ms = 0;
	if (work->is_end && database->first < database->last) {
		database->remove = database->first++;
		database->inserted = database->careful_until = 0;
	}
	if (work->refused > 0)
		log_error("cdr", "the database refuses a record for its contents; it is in %s/%s", database->directory,
			  CDR_REJECTED_NAME);
}

/* A line that is refused is looked for by itself, so that it holds up nobody else. */
static void on_failure(struct cdr_database *database, const struct cdr_work *work, int error)
{
	if (error == ERR_INVALID && work->line_max > 1) {
		database->careful_until = work->to == UINT64_MAX ? UINT64_MAX : work->to;
		return;
	}
	if (error == ERR_INVALID && !work->sets_aside) {
		database->sets_aside = true;
		return;
	}
	if (!database->is_away)
		log_warning("cdr", "records wait in %s: the database does not take them (%s)", database->directory,
			    error_text(error));
	database->is_away = true;
}

static void on_done(void *arg, int error)
{
	struct cdr_work *work = arg;
	struct cdr_database *database = work->database;

	if (database) {
		pthread_mutex_lock(database->writing);
		database->work = NULL;
		if (error == 0)
			on_success(database, work);
		else
			on_failure(database, work, error);
		tell(database, error ? 0 : work->stored, error ? 0 : work->refused);
		if (!database->is_away)
			start(database);
		pthread_mutex_unlock(database->writing);
	}
	free(work);
}

static void start(struct cdr_database *database)
{
	bool is_complete = database->first < database->last;
	struct cdr_work *work;

	if (database->work || !has_work(database))
		return;
	work = calloc(1, sizeof(*work));
	if (!work)
		return; /* the tick tries again */
	work->job = (struct store_job){.run = run, .done = on_done, .arg = work, .loop = database->loop};
	work->database = database;
	snprintf(work->file.directory, sizeof(work->file.directory), "%s", database->directory);
	work->file.number = database->first;
	work->from = database->inserted;
	work->to = is_complete ? UINT64_MAX : database->written;
	work->remove = database->remove;
	work->before_ms = database->delete_before_ms;
	work->sets_aside = database->sets_aside;
	work->line_max = database->inserted < database->careful_until ? 1 : JOB_LINES;
	database->work = work;
	if (store_submit(database->store, &work->job) != 0) {
		database->work = NULL;
		free(work);
	}
}

static int open_segment(struct cdr_database *database)
{
	struct cdr_segment_file file = {.number = database->last + 1};
	char name[CDR_NAME_SIZE];
	int fd, error;

	cdr_segment_name(file.number, name);
	error = cdr_file_open(database->directory, name, &fd);
	if (error)
		return error;
	if (database->fd >= 0) {
		if (database->is_dirty)
			(void)cdr_sync_file(database->sync, database->fd, false);
		close(database->fd);
	}
	database->fd = fd;
	database->is_new = true;
	database->last = file.number;
	database->written = 0;
	return 0;
}

static int append(struct cdr_database *database, struct view line)
{
	int error = 0;

	if (database->fd < 0 || database->written >= SEGMENT_SIZE)
		error = open_segment(database);
	if (error == 0)
		error = cdr_file_append(database->fd, line);
	if (error == 0) {
		database->written += line.size;
		database->is_dirty = true;
	}
	return error;
}

int cdr_database_write(struct cdr_database *database, struct view line)
{
	int error = append(database, line);

	if (error == 0 && !database->is_away)
		start(database);
	tell(database, 0, 0);
	return error;
}

void cdr_database_tick(struct cdr_database *database)
{
	if (database->is_dirty && cdr_sync_file(database->sync, database->fd, database->is_new))
		database->is_dirty = database->is_new = false;
	start(database);
}

void cdr_database_delete(struct cdr_database *database, uint64_t before_ms)
{
	database->delete_before_ms = before_ms;
}

int cdr_database_open(struct cdr_database *database)
{
	uint64_t first, last;

	database->fd = -1;
	cdr_file_segments(database->directory, &first, &last);
	database->first = MAX(first, 1);
	database->last = last;
	return open_segment(database);
}

void cdr_database_close(struct cdr_database *database)
{
	struct cdr_segment_file file = {.number = database->last};

	if (database->work)
		database->work->database = NULL;
	else if (!has_work(database) && database->fd >= 0) {
		snprintf(file.directory, sizeof(file.directory), "%s", database->directory);
		cdr_file_remove_segment(&file, database->last);
		if (database->remove)
			cdr_file_remove_segment(&file, database->remove);
		database->is_dirty = false;
	}
	if (database->is_dirty)
		(void)cdr_sync_file(database->sync, database->fd, database->is_new);
	if (database->fd >= 0)
		close(database->fd);
}
