/* Inside controlplane/cdr: file names of days, files on disk, lines in memory, the thread that syncs. */
#ifndef CONTROLPLANE_CDR_CDR_PRIVATE_H
#define CONTROLPLANE_CDR_CDR_PRIVATE_H

#include "controlplane/cdr/cdr.h"

#include <pthread.h>
#include <stdatomic.h>

#define CDR_NAME_SIZE 128
#define CDR_PATH_SIZE 1024

/* ---- names (name.c) ---- */
struct cdr_pattern {
	char text[CDR_NAME_SIZE];
	bool is_daily; /* false: the name itself, of one file for all days */
};

/* A day is counted from 1970-01-01 UTC. */
int64_t cdr_day(uint64_t wall_ms);
int cdr_pattern_parse(const char *pattern, struct cdr_pattern *ret_pattern,
		      struct cdr_problem *ret_problem) WARN_UNUSED;
void cdr_pattern_print(const struct cdr_pattern *pattern, int64_t day, char name[CDR_NAME_SIZE]);
/* Is it the name of a day's file? */
bool cdr_pattern_is_match(const struct cdr_pattern *pattern, const char *name, int64_t *ret_day);

/* ---- files (file.c); paths are directory + name ---- */
/* Opens for appending, creates directory and file when missing, closes a torn line. Errors: errno. */
int cdr_file_open(const char *directory, const char *name, int *ret_fd) WARN_UNUSED;
/* One write of the whole line; what a full disk took of it is cut off again. 0 or -errno. */
int cdr_file_append(int fd, struct view line) WARN_UNUSED;
/* Days of the files in the directory that the pattern matches, newest first, at most capacity. */
size_t cdr_file_days(const char *directory, const struct cdr_pattern *pattern, int64_t *days, size_t capacity);
/* Visits the last records of a file, newest first, until visit says false; lines that are not JSON are skipped. */
void cdr_file_tail(const char *directory, const char *name, bool (*visit)(void *arg, struct view line), void *arg);
/* Deletes the files of days before first_day. */
void cdr_file_sweep(const char *directory, const struct cdr_pattern *pattern, int64_t first_day);

/* Segments of the spool: `.spool-<number>`, numbers from 1 on. */
#define CDR_REJECTED_NAME ".spool-rejected"
struct cdr_segment_file {
	char directory[CDR_PATH_SIZE];
	uint64_t number;
};
void cdr_segment_name(uint64_t number, char name[CDR_NAME_SIZE]);
/* For reading: a descriptor, or -errno. */
int cdr_file_open_segment(const struct cdr_segment_file *file);
void cdr_file_remove_segment(const struct cdr_segment_file *file, uint64_t number);
/* The lowest and the highest number there is; 0: none. */
void cdr_file_segments(const char *directory, uint64_t *ret_first, uint64_t *ret_last);

/* ---- lines, counted: the ring, the queue and readers share them ---- */
struct cdr_line {
	_Atomic uint32_t references;
	int64_t day;
	struct cdr_line *next; /* in the queue */
	size_t size;           /* with the newline */
	char at[];
};

/* ---- the thread (sync.c) ---- */
enum { CDR_SYNC_FILES = 4 };

struct cdr_sync {
	pthread_t thread;
	const char *directory;
	const struct cdr_pattern *pattern;
	pthread_mutex_t lock; /* over everything below; never held during input or output */
	pthread_cond_t wake;
	int fds[CDR_SYNC_FILES]; /* to be synced and closed */
	size_t fd_count;
	bool is_ending, is_directory_dirty, has_sweep;
	int64_t sweep_before_day;
};

int cdr_sync_start(struct cdr_sync *sync, const char *directory, const struct cdr_pattern *pattern) WARN_UNUSED;
/* Does what was asked, then ends. */
void cdr_sync_stop(struct cdr_sync *sync);
/* Has a dup of fd synced soon. False when the disk is so slow that CDR_SYNC_FILES wait already: ask again later. */
bool cdr_sync_file(struct cdr_sync *sync, int fd, bool is_new);
/* Has the files of days before first_day deleted soon. */
void cdr_sync_sweep(struct cdr_sync *sync, int64_t first_day);

/* ---- the database: the spool (database.c, signalling thread), rows (insert.c, store's thread) ---- */
struct cdr_work;

struct cdr_database {
	/* set by the maker */
	struct store *store;
	struct loop *loop;
	const char *directory;
	struct cdr_sync *sync;
	pthread_mutex_t *lock;    /* over status */
	pthread_mutex_t *writing; /* over all that is inside */
	struct cdr_status *status;
	/* inside */
	int fd;                 /* of the last segment */
	uint64_t first, last;   /* segments */
	uint64_t written;       /* bytes of the last */
	uint64_t inserted;      /* bytes of the first that are in the database */
	uint64_t careful_until; /* up to here line by line: one of them is refused */
	bool sets_aside;        /* the next one is it */
	uint64_t remove;        /* a segment that is to be deleted; 0: none */
	uint64_t delete_before_ms;
	bool is_away, is_dirty, is_new;
	struct cdr_work *work; /* on its way; NULL: none */
};

/* 0 or -errno. */
int cdr_database_open(struct cdr_database *database) WARN_UNUSED;
void cdr_database_close(struct cdr_database *database);
/* The line, its newline included, into the spool. 0 or -errno. */
int cdr_database_write(struct cdr_database *database, struct view line) WARN_UNUSED;
void cdr_database_tick(struct cdr_database *database);
/* Rows of calls that ended before go, with the ticks to come. */
void cdr_database_delete(struct cdr_database *database, uint64_t before_ms);

/* One record; nothing when it is there already. ERR_SYNTAX: this is none; errors of the store. */
int cdr_insert(struct store_session *session, struct view line) WARN_UNUSED;
/* Some thousand of the oldest rows. */
int cdr_delete(struct store_session *session, uint64_t before_ms, uint64_t *ret_deleted) WARN_UNUSED;

#endif
