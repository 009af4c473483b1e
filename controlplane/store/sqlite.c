/* SQLite: the embedded database, the default. One connection, one thread. */
#include "controlplane/store/store_private.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

enum { BUSY_MS = 5000, PROGRESS_STEPS = 100000 };

struct sqlite {
	sqlite3 *handle;
	sqlite3_stmt *statements[STORE_STATEMENTS_MAX];
	unsigned steps; /* of the statement that runs, in PROGRESS_STEPS */
};

/* Which of our errors a result of SQLite is. */
static int error_of(int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return ERR_PERMISSION;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return ERR_INVALID;
	case SQLITE_ERROR: /* no such table: somebody else was at work */
	case SQLITE_SCHEMA:
		return ERR_STATE;
	case SQLITE_INTERRUPT:
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_TIMEOUT;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	default:
		return ERR_IO;
	}
}

static int fail(struct sqlite *sqlite, int result, char problem[STORE_PROBLEM_SIZE])
{
	const char *text = sqlite->handle ? sqlite3_errmsg(sqlite->handle) : sqlite3_errstr(result);

	snprintf(problem, STORE_PROBLEM_SIZE, "%s", text);
	return error_of(result);
}

static void sqlite_end(void *connection)
{
	struct sqlite *sqlite = connection;

	for (size_t i = 0; i < STORE_STATEMENTS_MAX; i++)
		sqlite3_finalize(sqlite->statements[i]);
	sqlite3_close(sqlite->handle);
	free(sqlite);
}

/* A statement may not run for ever; without a clock, so that it is the same in a debugger: about 10 s of work. */
static int on_progress(void *arg)
{
	struct sqlite *sqlite = arg;

	return ++sqlite->steps > STORE_STATEMENT_MS;
}

static int sqlite_execute(void *connection, const char *sql, char problem[STORE_PROBLEM_SIZE])
{
	struct sqlite *sqlite = connection;
	int result;

	sqlite->steps = 0;
	result = sqlite3_exec(sqlite->handle, sql, NULL, NULL, NULL);
	return result == SQLITE_OK ? 0 : fail(sqlite, result, problem);
}

/* Nobody but our user reads who called whom. */
static int make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : -1;
}

static int sqlite_begin(const char *url, void **ret_connection, char problem[STORE_PROBLEM_SIZE])
{
	static const char settings[] =
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
	const char *path = url + strlen("sqlite:");
	struct sqlite *sqlite = calloc(1, sizeof(*sqlite));
	int result, error;

	snprintf(problem, STORE_PROBLEM_SIZE, "%s", error_text(ERR_NOMEM));
	if (!sqlite)
		return ERR_NOMEM;
	if (strcmp(path, ":memory:") != 0 && make_private(path) != 0) {
		snprintf(problem, STORE_PROBLEM_SIZE, "\"%.150s\": %m; its folder must exist and be ours", path);
		free(sqlite);
		return ERR_PERMISSION;
	}
	result = sqlite3_open_v2(path, &sqlite->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	error = result == SQLITE_OK ? 0 : fail(sqlite, result, problem);
	if (error == 0) {
		sqlite3_busy_timeout(sqlite->handle, BUSY_MS);
		sqlite3_progress_handler(sqlite->handle, PROGRESS_STEPS, on_progress, sqlite);
		error = sqlite_execute(sqlite, settings, problem);
	}
	if (error) {
		sqlite_end(sqlite);
		return error;
	}
	*ret_connection = sqlite;
	return 0;
}

static int bind_all(sqlite3_stmt *statement, const struct store_value *values, size_t count)
{
	int result = SQLITE_OK;

	for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
		const struct store_value *value = &values[i];
		char name[24];
		int at;

		snprintf(name, sizeof(name), "$%zu", i + 1);
		at = sqlite3_bind_parameter_index(statement, name);

		switch (value->type) {
		case STORE_NULL:
			result = sqlite3_bind_null(statement, at);
			break;
		case STORE_INTEGER:
			result = sqlite3_bind_int64(statement, at, value->integer);
			break;
		case STORE_REAL:
			result = sqlite3_bind_double(statement, at, value->real);
			break;
		case STORE_TEXT:
			result = sqlite3_bind_text(statement, at, value->text.at, (int)value->text.size, SQLITE_STATIC);
			break;
		}
	}
	return result;
}

static struct store_value column_of(sqlite3_stmt *statement, int at)
{
	switch (sqlite3_column_type(statement, at)) {
	case SQLITE_INTEGER:
		return store_integer(sqlite3_column_int64(statement, at));
	case SQLITE_FLOAT:
		return store_real(sqlite3_column_double(statement, at));
	case SQLITE_NULL:
		return store_null();
	default:
		return store_text((struct view){(const char *)sqlite3_column_text(statement, at),
						(size_t)sqlite3_column_bytes(statement, at)});
	}
}

static int step_all(struct sqlite *sqlite, sqlite3_stmt *statement, store_visit *visit, void *arg,
		    char problem[STORE_PROBLEM_SIZE])
{
	int columns = MIN(sqlite3_column_count(statement), STORE_COLUMNS_MAX), result, error = 0;
	struct store_value row[STORE_COLUMNS_MAX];

	while ((result = sqlite3_step(statement)) == SQLITE_ROW && error == 0) {
		for (int i = 0; i < columns && visit; i++)
			row[i] = column_of(statement, i);
		error = visit ? visit(arg, row, (size_t)columns) : 0;
	}
	if (error)
		return error;
	return result == SQLITE_DONE ? 0 : fail(sqlite, result, problem);
}

static int sqlite_query(void *connection, size_t index, const char *sql, const struct store_value *values, size_t count,
			store_visit *visit, void *arg, uint64_t *ret_changed, char problem[STORE_PROBLEM_SIZE])
{
	struct sqlite *sqlite = connection;
	sqlite3_stmt *statement = sqlite->statements[index];
	int result = SQLITE_OK, error;

	if (!statement)
		result = sqlite3_prepare_v3(sqlite->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
	if (result != SQLITE_OK)
		return fail(sqlite, result, problem);
	sqlite->statements[index] = statement;
	sqlite->steps = 0;
	result = bind_all(statement, values, count);
	error = result == SQLITE_OK ? step_all(sqlite, statement, visit, arg, problem) : fail(sqlite, result, problem);
	*ret_changed = error == 0 ? (uint64_t)sqlite3_changes64(sqlite->handle) : 0;
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return error;
}

const struct store_driver store_sqlite = {
	.name = "sqlite",
	.prefixes = {"sqlite:"},
	.open = sqlite_begin,
	.close = sqlite_end,
	.execute = sqlite_execute,
	.query = sqlite_query,
	.begin = "BEGIN IMMEDIATE",
	.lock_once = "",
};
