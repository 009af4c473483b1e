/* A session: a connection of one kind, its prepared statements, transactions. It is one thread's at a time. */
#include "controlplane/store/store_private.h"

#include <stdlib.h>

static const struct store_driver *const drivers[] = {
	&store_sqlite,
#ifdef VOXLANE_LIBPQ
	&store_postgres,
#endif
};

/* ---- values ---- */

struct store_value store_null(void)
{
	return (struct store_value){.type = STORE_NULL};
}

struct store_value store_integer(int64_t integer)
{
	return (struct store_value){.type = STORE_INTEGER, .integer = integer};
}

struct store_value store_real(double real)
{
	return (struct store_value){.type = STORE_REAL, .real = real};
}

struct store_value store_text(struct view text)
{
	return (struct store_value){.type = STORE_TEXT, .text = text};
}

struct store_value store_string(const char *string)
{
	return string[0] ? store_text(view_of(string)) : store_null();
}

int64_t store_to_integer(const struct store_value *value)
{
	return value->type == STORE_INTEGER ? value->integer : 0;
}

/* ---- queries ---- */

/* By the place of the string: it is a literal. */
static size_t statement_index(struct store_session *session, const char *sql)
{
	size_t i = 0;

	while (i < session->statement_count && session->statements[i] != sql)
		i++;
	if (i == session->statement_count && i < STORE_STATEMENTS_MAX)
		session->statements[session->statement_count++] = sql;
	return i;
}

int store_query(struct store_session *session, const char *sql, const struct store_value *values, size_t count,
		store_visit *visit, void *arg)
{
	size_t index = statement_index(session, sql);

	if (BUG_ON(index == STORE_STATEMENTS_MAX || count > STORE_COLUMNS_MAX))
		return ERR_LIMIT;
	session->changed = 0;
	return session->driver->query(session->connection, index, sql, values, count, visit, arg, &session->changed,
				      session->problem);
}

uint64_t store_changed(const struct store_session *session)
{
	return session->changed;
}

const char *store_session_problem(const struct store_session *session)
{
	return session->problem;
}

/* ---- connection and transactions ---- */

static void disconnect(struct store_session *session)
{
	if (session->connection)
		session->driver->close(session->connection);
	session->connection = NULL;
	session->statement_count = 0;
}

static int connect_again(struct store_session *session)
{
	return session->connection ? 0 : session->driver->open(session->url, &session->connection, session->problem);
}

static int execute(struct store_session *session, const char *sql)
{
	return session->driver->execute(session->connection, sql, session->problem);
}

int store_session_run(struct store_session *session, int (*run)(struct store_session *session, void *arg), void *arg)
{
	char first_problem[STORE_PROBLEM_SIZE];
	int error = connect_again(session);

	if (error == 0)
		error = execute(session, session->driver->begin);
	if (error == 0) {
		session->problem[0] = '\0';
		error = run(session, arg);
		if (error == 0)
			error = execute(session, "COMMIT");
		if (error && error != ERR_CLOSED) {
			memcpy(first_problem, session->problem, sizeof(first_problem));
			if (execute(session, "ROLLBACK") != 0)
				disconnect(session);
			memcpy(session->problem, first_problem, sizeof(first_problem));
		}
	}
	if (error == ERR_CLOSED)
		disconnect(session);
	return error;
}

static const struct store_driver *find_driver(const char *url)
{
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		for (size_t k = 0; k < ARRAY_LEN(drivers[i]->prefixes); k++)
			if (drivers[i]->prefixes[k] && view_has_prefix(view_of(url), drivers[i]->prefixes[k]))
				return drivers[i];
	return NULL;
}

int store_session_open(struct store_session *session, const char *url, struct store_problem *ret_problem)
{
	bool is_postgres = view_has_prefix(view_of(url), "postgres");
	int error;

	*session = (struct store_session){.driver = find_driver(url)};
	if (!session->driver) {
		snprintf(ret_problem->text, sizeof(ret_problem->text), "store.url: %s",
			 is_postgres ? "this program was built without PostgreSQL; install libpq-dev and build it again"
				     : "write \"sqlite:PATH\" or \"postgresql://USER@HOST/DATABASE\"");
		return is_postgres ? ERR_UNSUPPORTED : ERR_INVALID;
	}
	session->url = view_dup(view_of(url));
	if (!session->url)
		return ERR_NOMEM;
	error = connect_again(session);
	if (error)
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "store.url: the %s database cannot be opened: %s", session->driver->name, session->problem);
	return error;
}

void store_session_close(struct store_session *session)
{
	if (session->driver)
		disconnect(session);
	free(session->url);
	*session = (struct store_session){0};
}
