/* The database: one small seam over SQLite (embedded, the default) and PostgreSQL, on a thread of its own.
 *
 * Used by controlplane/registrar (bindings), cdr (records), provision (extensions, trunks, routes as data). The only user
 * of sqlite3.h and libpq-fe.h.
 * What: a unit of work is a struct store_job: run is called on the store's thread inside a transaction, done afterwards on
 * the loop of whoever asked (by loop_post). So nothing in a signalling thread ever waits for a disk or a server.
 * SQL is the common part of both: parameters are $1, $2 ..., upserts are ON
 * CONFLICT. Statements are prepared once a connection. The schema is in schema.c: numbered steps, each a row of
 * `schema_migration` once it is done; a database that is newer than this program is refused.
 * URL: "sqlite:PATH" (WAL, a commit is on the disk when it returns, file mode 0600), "postgresql://..." (as libpq takes
 * it, when meson found libpq).
 * A server that is away: jobs fail with ERR_CLOSED, all that wait together with the one that noticed it, and the next job
 * tries to connect again. Nothing is repeated by itself: who submitted knows whether it is worth it.
 * Threads: store_open, store_close from one thread; store_submit, store_status from any; run on the store's thread.
 * Ownership: a job is its submitter's, who leaves it alone until done is called, exactly once; done may free it.
 * Limits: STORE_QUEUE_MAX jobs wait (more: ERR_FULL); a statement takes STORE_STATEMENT_MS at most, then its job
 * fails with ERR_TIMEOUT; STORE_COLUMNS_MAX columns and parameters.
 */
#ifndef CONTROLPLANE_STORE_STORE_H
#define CONTROLPLANE_STORE_STORE_H

#include "controlplane/loop/loop.h"
#include "lib/base/base.h"

struct store;
struct store_session; /* the connection, for run */

enum {
	STORE_QUEUE_MAX = 1024,
	STORE_COLUMNS_MAX = 40,
	STORE_STATEMENT_MS = 10000,
	STORE_CONNECT_S = 3,
};

enum store_type { STORE_NULL, STORE_INTEGER, STORE_REAL, STORE_TEXT };

struct store_value {
	enum store_type type;
	int64_t integer;
	double real;
	struct view text; /* what is not UTF-8 may become '?'; of a result: good until visit returns */
};

struct store_value store_null(void);
struct store_value store_integer(int64_t integer);
struct store_value store_real(double real);
struct store_value store_text(struct view text);
struct store_value store_string(const char *string); /* "": NULL of SQL */
/* An integer column as one; 0 for NULL and what is none. */
int64_t store_to_integer(const struct store_value *value);

/* A row of the answer; anything but 0 ends the walk and is what store_query returns. */
typedef int store_visit(void *arg, const struct store_value *columns, size_t count);

/* Runs one statement; sql must be a string that stays where it is (a literal): it is prepared once. visit may be NULL.
 * ERR_CLOSED: the server is gone; ERR_TIMEOUT; ERR_FULL: no room on the disk; ERR_INVALID: the values were
 * refused (constraint, type); ERR_STATE: the tables are not what they should be; ERR_NOMEM; ERR_IO. After an error the job should return it. */
int store_query(struct store_session *session, const char *sql, const struct store_value *values, size_t count,
		store_visit *visit, void *arg) WARN_UNUSED;
/* Rows that the last INSERT, UPDATE or DELETE changed. */
uint64_t store_changed(const struct store_session *session);
const char *store_session_problem(const struct store_session *session);

struct store_job {
	/* 0: committed; else rolled back, and done gets it. */
	int (*run)(struct store_session *session, void *arg);
	void (*done)(void *arg, int error);
	void *arg;
	struct loop *loop; /* whose thread calls done; NULL: the store's */
	/* inside */
	struct loop_message message;
	struct store_job *next;
	int error;
};

/* ERR_FULL: too many wait; ERR_CLOSED: the store ends. */
int store_submit(struct store *store, struct store_job *job) WARN_UNUSED;
/* The same, and waits for it: at the start, before any loop runs, and in tests. */
int store_wait(struct store *store, int (*run)(struct store_session *session, void *arg), void *arg) WARN_UNUSED;

struct store_problem { /* why it cannot start, in words with what to do */
	char text[512];
};

struct store_options {
	const char *url;
	bool is_inline; /* for simulated time: no thread, jobs run when they are submitted, done comes by the loop */
};

/* Connects, brings the schema up to date, starts the thread. ERR_INVALID: no such kind of URL; ERR_UNSUPPORTED: this
 * program was built without libpq; ERR_PERMISSION, ERR_IO, ERR_CLOSED: cannot be opened; ERR_VERSION: the schema is newer
 * than this program; ERR_CORRUPT: not a database; ERR_NOMEM. */
int store_open(const struct store_options *options, struct store **ret_store,
	       struct store_problem *ret_problem) WARN_UNUSED;
/* Runs what was submitted, then ends. NULL is harmless. */
void store_close(struct store *store);

struct store_status {
	const char *kind; /* "sqlite", "postgresql" */
	bool is_up;
	uint64_t jobs, failed, waiting;
	char problem[256]; /* of the last failure; "" after a success */
};
void store_status(struct store *store, struct store_status *ret_status);

#endif
