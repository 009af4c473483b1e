/* Inside controlplane/store: the kinds of database as a table of functions (sqlite.c, postgres.c), the session over one of
 * them (session.c), the schema (schema.c), the thread (store.c).
 */
#ifndef CONTROLPLANE_STORE_STORE_PRIVATE_H
#define CONTROLPLANE_STORE_STORE_PRIVATE_H

#include <stdio.h>

#include "controlplane/store/store.h"

enum { STORE_STATEMENTS_MAX = 64, STORE_PROBLEM_SIZE = 256 };

/* A connection of a kind; problem is filled in whenever something but 0 is returned. */
struct store_driver {
	const char *name;
	const char *prefixes[2]; /* of URLs */
	int (*open)(const char *url, void **ret_connection, char problem[STORE_PROBLEM_SIZE]);
	void (*close)(void *connection);
	/* Statements without parameters and rows, several with ';' between them. */
	int (*execute)(void *connection, const char *sql, char problem[STORE_PROBLEM_SIZE]);
	/* index: of the statement in its session; it is prepared with the first use. */
	int (*query)(void *connection, size_t index, const char *sql, const struct store_value *values, size_t count,
		     store_visit *visit, void *arg, uint64_t *ret_changed, char problem[STORE_PROBLEM_SIZE]);
	const char *begin; /* of a job: takes the right to write at once, so that nothing fails half-way */
	const char
		*lock_once; /* in a transaction: only one program changes the schema at a time; "": begin does that */
};

extern const struct store_driver store_sqlite;
#ifdef VOXLANE_LIBPQ
extern const struct store_driver store_postgres;
#endif

struct store_session {
	const struct store_driver *driver;
	char *url;
	void *connection; /* NULL: not connected */
	const char *statements[STORE_STATEMENTS_MAX];
	size_t statement_count;
	uint64_t changed;
	char problem[STORE_PROBLEM_SIZE];
};

/* session.c */
int store_session_open(struct store_session *session, const char *url, struct store_problem *ret_problem) WARN_UNUSED;
void store_session_close(struct store_session *session);
/* Connects when it is not; begins, runs, commits or rolls back. A connection that is lost is closed. */
int store_session_run(struct store_session *session, int (*run)(struct store_session *session, void *arg), void *arg);

/* schema.c: ERR_VERSION, with ret_problem, and what store_session_run returns. */
int store_schema_migrate(struct store_session *session, struct store_problem *ret_problem) WARN_UNUSED;

#endif
