/* From a record to its file: the queue of lines that wait for the disk, the file of the day, the ring of the last ones.
 */
#include "controlplane/cdr/cdr_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUEUE_MAX_DEFAULT = 10000, DAY_MS = 86400000 };

/* A line that is to go to the spool. */
struct cdr_waiting {
	struct cdr_waiting *next;
	struct cdr_line *line;
};

struct cdr {
	/* set by cdr_open */
	char directory[CDR_PATH_SIZE];
	struct cdr_pattern pattern;
	bool is_fixed; /* never another file than that of fixed_day */
	int64_t fixed_day;
	uint32_t retention_days;
	size_t queue_max;
	pthread_mutex_t writing; /* over what follows: any signalling thread writes */
	int fd;                  /* -1: none is open */
	int64_t day;             /* of fd */
	bool is_dirty, is_new;
	int64_t today;                  /* as of the last tick */
	struct cdr_line *queue, **tail; /* oldest first; empty unless the disk refuses */
	struct cdr_sync sync;
	struct cdr_database database;                  /* without a store: not used */
	struct cdr_waiting *spool_queue, **spool_tail; /* oldest first; the disk refused them */
	size_t spool_queued;
	/* shared */
	pthread_mutex_t lock; /* over the ring and status; held for pointer copies only */
	struct cdr_line *ring[CDR_RECENT_MAX];
	size_t ring_next, ring_count;
	struct cdr_status status;
};

/* ---- lines ---- */

static struct cdr_line *line_new(struct view bytes, int64_t day)
{
	struct cdr_line *line = malloc(sizeof(*line) + bytes.size);

	if (!line)
		return NULL;
	atomic_init(&line->references, 1);
	line->day = day;
	line->next = NULL;
	line->size = bytes.size;
	memcpy(line->at, bytes.at, bytes.size);
	return line;
}

static struct cdr_line *line_get(struct cdr_line *line)
{
	atomic_fetch_add_explicit(&line->references, 1, memory_order_relaxed);
	return line;
}

static void line_put(struct cdr_line *line)
{
	if (line && atomic_fetch_sub_explicit(&line->references, 1, memory_order_acq_rel) == 1)
		free(line);
}

/* Takes the reference over. */
static void ring_add(struct cdr *cdr, struct cdr_line *line)
{
	struct cdr_line *old;

	pthread_mutex_lock(&cdr->lock);
	old = cdr->ring[cdr->ring_next];
	cdr->ring[cdr->ring_next] = line;
	cdr->ring_next = (cdr->ring_next + 1) % CDR_RECENT_MAX;
	cdr->ring_count = MIN(cdr->ring_count + 1, CDR_RECENT_MAX);
	pthread_mutex_unlock(&cdr->lock);
	line_put(old);
}

/* ---- files ---- */

static void close_file(struct cdr *cdr)
{
	if (cdr->fd < 0)
		return;
	if (cdr->is_dirty || cdr->is_new)
		(void)cdr_sync_file(&cdr->sync, cdr->fd, cdr->is_new);
	close(cdr->fd);
	cdr->fd = -1;
	cdr->is_dirty = cdr->is_new = false;
}

/* The file of that day is open afterwards. A file that somebody deleted under us is made again. 0 or -errno. */
static int open_file(struct cdr *cdr, int64_t day)
{
	char name[CDR_NAME_SIZE];
	struct stat status;
	int error;

	if (cdr->fd >= 0 && cdr->day == day && fstat(cdr->fd, &status) == 0 && status.st_nlink > 0)
		return 0;
	close_file(cdr);
	cdr_pattern_print(&cdr->pattern, day, name);
	error = cdr_file_open(cdr->directory, name, &cdr->fd);
	if (error < 0)
		return error;
	cdr->day = day;
	cdr->is_new = true;
	return 0;
}

static int write_line(struct cdr *cdr, const struct cdr_line *line)
{
	int error = open_file(cdr, cdr->is_fixed ? cdr->fixed_day : line->day);

	if (error == 0)
		error = cdr_file_append(cdr->fd, (struct view){line->at, line->size});
	if (error == 0)
		cdr->is_dirty = true;
	return error;
}

/* ---- the queue ---- */

static void note_attempt(struct cdr *cdr, int error)
{
	pthread_mutex_lock(&cdr->lock);
	if (error == 0) {
		cdr->status.written++;
		cdr->status.queued--;
	} else {
		cdr->status.failed++;
	}
	cdr->status.last_errno = -error;
	pthread_mutex_unlock(&cdr->lock);
}

/* Writes waiting lines in their order until the disk refuses one. */
static void flush_queue(struct cdr *cdr)
{
	while (cdr->queue) {
		struct cdr_line *line = cdr->queue;
		int error = write_line(cdr, line);

		note_attempt(cdr, error);
		if (error < 0)
			return;
		cdr->queue = line->next;
		if (!cdr->queue)
			cdr->tail = &cdr->queue;
		line_put(line);
	}
}

/* Takes the reference over. */
static void queue_add(struct cdr *cdr, struct cdr_line *line)
{
	bool is_full;

	pthread_mutex_lock(&cdr->lock);
	is_full = cdr->status.queued >= cdr->queue_max;
	if (is_full)
		cdr->status.lost++;
	else
		cdr->status.queued++;
	pthread_mutex_unlock(&cdr->lock);
	if (is_full) {
		line_put(line);
		return;
	}
	*cdr->tail = line;
	cdr->tail = &line->next;
}

static void note_lost(struct cdr *cdr)
{
	pthread_mutex_lock(&cdr->lock);
	cdr->status.lost++;
	pthread_mutex_unlock(&cdr->lock);
}

/* ---- the database ---- */

/* A line that the spool's disk refuses waits in memory, like those of the files. */
static void flush_spool(struct cdr *cdr)
{
	while (cdr->spool_queue) {
		struct cdr_waiting *waiting = cdr->spool_queue;

		if (cdr_database_write(&cdr->database, (struct view){waiting->line->at, waiting->line->size}) != 0)
			return;
		cdr->spool_queue = waiting->next;
		if (!cdr->spool_queue)
			cdr->spool_tail = &cdr->spool_queue;
		cdr->spool_queued--;
		line_put(waiting->line);
		free(waiting);
	}
}

static void spool(struct cdr *cdr, struct cdr_line *line)
{
	struct cdr_waiting *waiting;

	if (!cdr->spool_queue && cdr_database_write(&cdr->database, (struct view){line->at, line->size}) == 0)
		return;
	waiting = cdr->spool_queued < cdr->queue_max ? calloc(1, sizeof(*waiting)) : NULL;
	if (!waiting) {
		note_lost(cdr);
		return;
	}
	waiting->line = line_get(line);
	*cdr->spool_tail = waiting;
	cdr->spool_tail = &waiting->next;
	cdr->spool_queued++;
}

void cdr_write(struct cdr *cdr, const struct cdr_record *record)
{
	char buffer[CDR_LINE_MAX];
	struct cdr_line *line;
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	line = cdr_print(record, &text) == 0 ? line_new(text_view(&text), cdr_day(record->end_wall_ms)) : NULL;
	if (!line) {
		note_lost(cdr);
		return;
	}
	ring_add(cdr, line_get(line));
	pthread_mutex_lock(&cdr->writing);
	if (cdr->database.store)
		spool(cdr, line);
	queue_add(cdr, line);
	flush_queue(cdr);
	pthread_mutex_unlock(&cdr->writing);
}

static void sweep(struct cdr *cdr, int64_t today)
{
	if (cdr->retention_days > 0 && cdr->database.store)
		cdr_database_delete(&cdr->database, (uint64_t)MAX(today - (int64_t)cdr->retention_days, 0) * DAY_MS);
	if (cdr->retention_days > 0 && !cdr->is_fixed)
		cdr_sync_sweep(&cdr->sync, today - (int64_t)cdr->retention_days);
}

void cdr_tick(struct cdr *cdr, uint64_t wall_ms)
{
	int64_t today = cdr_day(wall_ms);

	pthread_mutex_lock(&cdr->writing);
	flush_queue(cdr);
	if (cdr->database.store) {
		flush_spool(cdr);
		cdr_database_tick(&cdr->database);
	}
	if (cdr->fd >= 0 && (cdr->is_dirty || cdr->is_new) && cdr_sync_file(&cdr->sync, cdr->fd, cdr->is_new))
		cdr->is_dirty = cdr->is_new = false;
	if (today > cdr->today)
		sweep(cdr, today);
	cdr->today = today;
	pthread_mutex_unlock(&cdr->writing);
}

/* ---- life ---- */

struct load {
	struct cdr *cdr;
	struct cdr_line *lines[CDR_RECENT_MAX]; /* newest first */
	size_t count;
	int64_t day;
	bool is_nomem;
};

static bool load_line(void *arg, struct view bytes)
{
	struct load *load = arg;
	/* In memory a line ends with its newline, wherever it came from. */
	struct cdr_line *line = line_new((struct view){bytes.at, bytes.size + 1}, load->day);

	load->is_nomem = !line;
	if (line) {
		line->at[bytes.size] = '\n';
		load->lines[load->count++] = line;
	}
	return line && load->count < CDR_RECENT_MAX;
}

/* Files of the last days until the ring is full. */
static int load_recent(struct cdr *cdr)
{
	struct load *load = calloc(1, sizeof(*load));
	int64_t days[64] = {0};
	size_t day_count = 1;
	int error;

	if (!load)
		return ERR_NOMEM;
	if (cdr->pattern.is_daily)
		day_count = cdr_file_days(cdr->directory, &cdr->pattern, days, ARRAY_LEN(days));
	for (size_t i = 0; i < day_count && load->count < CDR_RECENT_MAX && !load->is_nomem; i++) {
		char name[CDR_NAME_SIZE];

		load->day = days[i];
		cdr_pattern_print(&cdr->pattern, days[i], name);
		cdr_file_tail(cdr->directory, name, load_line, load);
	}
	while (load->count > 0)
		ring_add(cdr, load->lines[--load->count]);
	error = load->is_nomem ? ERR_NOMEM : 0;
	free(load);
	return error;
}

static int start_error(const struct cdr *cdr, int error, struct cdr_problem *problem)
{
	struct text text;

	text_init(&text, problem->text, sizeof(problem->text));
	text_printf(&text, "cdr.output_dir \"%.120s\" cannot be written: %s; create it, or give it to our user",
		    cdr->directory, strerror(-error));
	return error == -EACCES || error == -EPERM || error == -EROFS ? ERR_PERMISSION : ERR_IO;
}

static int cdr_init(struct cdr *cdr, const struct cdr_options *options, uint64_t wall_ms,
		    struct cdr_problem *ret_problem)
{
	int error = cdr_pattern_parse(options->filename_pattern, &cdr->pattern, ret_problem);

	if (error < 0)
		return error;
	if (view_copy(view_of(options->directory), cdr->directory, sizeof(cdr->directory)) < 0)
		return start_error(cdr, -ENAMETOOLONG, ret_problem);
	cdr->retention_days = options->retention_days;
	cdr->queue_max = options->queue_max ? options->queue_max : QUEUE_MAX_DEFAULT;
	cdr->today = cdr_day(wall_ms);
	cdr->is_fixed = options->never_rotates || !cdr->pattern.is_daily;
	cdr->fixed_day = cdr->today;
	error = open_file(cdr, cdr->today);
	/* A full disk is no reason to refuse calls: records wait until there is room. */
	if (error < 0 && error != -ENOSPC && error != -EDQUOT)
		return start_error(cdr, error, ret_problem);
	return load_recent(cdr);
}

static void cdr_release(struct cdr *cdr)
{
	for (size_t i = 0; i < CDR_RECENT_MAX; i++)
		line_put(cdr->ring[i]);
	while (cdr->queue) {
		struct cdr_line *line = cdr->queue;

		cdr->queue = line->next;
		line_put(line);
	}
	while (cdr->spool_queue) {
		struct cdr_waiting *waiting = cdr->spool_queue;

		cdr->spool_queue = waiting->next;
		line_put(waiting->line);
		free(waiting);
	}
	pthread_mutex_destroy(&cdr->lock);
	pthread_mutex_destroy(&cdr->writing);
	free(cdr);
}

static int open_database(struct cdr *cdr, const struct cdr_options *options, struct cdr_problem *ret_problem)
{
	int error;

	cdr->database = (struct cdr_database){.store = options->store,
					      .writing = &cdr->writing,
					      .loop = options->loop,
					      .directory = cdr->directory,
					      .sync = &cdr->sync,
					      .lock = &cdr->lock,
					      .status = &cdr->status};
	error = cdr_database_open(&cdr->database);
	if (error == 0 || error == -ENOSPC || error == -EDQUOT)
		return 0;
	cdr->database.store = NULL;
	cdr_sync_stop(&cdr->sync);
	return start_error(cdr, error, ret_problem);
}

int cdr_open(const struct cdr_options *options, uint64_t wall_ms, struct cdr **ret_cdr, struct cdr_problem *ret_problem)
{
	struct cdr *cdr = calloc(1, sizeof(*cdr));
	int error;

	*ret_problem = (struct cdr_problem){"out of memory"};
	if (!cdr)
		return ERR_NOMEM;
	cdr->fd = -1;
	cdr->tail = &cdr->queue;
	cdr->spool_tail = &cdr->spool_queue;
	pthread_mutex_init(&cdr->lock, NULL);
	pthread_mutex_init(&cdr->writing, NULL);
	error = cdr_init(cdr, options, wall_ms, ret_problem);
	if (error == 0)
		error = cdr_sync_start(&cdr->sync, cdr->directory, &cdr->pattern);
	if (error == 0 && options->store)
		error = open_database(cdr, options, ret_problem);
	if (error < 0) {
		if (cdr->fd >= 0)
			close(cdr->fd);
		cdr_release(cdr);
		return error;
	}
	sweep(cdr, cdr->today);
	*ret_cdr = cdr;
	return 0;
}

void cdr_close(struct cdr *cdr)
{
	if (!cdr)
		return;
	flush_queue(cdr);
	if (cdr->database.store) {
		flush_spool(cdr);
		cdr_database_close(&cdr->database);
	}
	close_file(cdr);
	cdr_sync_stop(&cdr->sync);
	cdr_release(cdr);
}

/* ---- readers ---- */

size_t cdr_recent(struct cdr *cdr, size_t limit, void (*visit)(void *arg, struct view line), void *arg)
{
	struct cdr_line *lines[CDR_RECENT_MAX];
	size_t count;

	pthread_mutex_lock(&cdr->lock);
	count = MIN(limit, cdr->ring_count);
	for (size_t i = 0; i < count; i++)
		lines[i] = line_get(cdr->ring[(cdr->ring_next + CDR_RECENT_MAX - 1 - i) % CDR_RECENT_MAX]);
	pthread_mutex_unlock(&cdr->lock);
	for (size_t i = 0; i < count; i++) {
		visit(arg, (struct view){lines[i]->at, lines[i]->size - 1});
		line_put(lines[i]);
	}
	return count;
}

void cdr_status(struct cdr *cdr, struct cdr_status *ret_status)
{
	pthread_mutex_lock(&cdr->lock);
	*ret_status = cdr->status;
	pthread_mutex_unlock(&cdr->lock);
}
