/* PostgreSQL by libpq. Everything waits for the server: it runs on the store's thread only. */
#include "controlplane/store/store_private.h"

#include <libpq-fe.h>
#include <stdlib.h>

enum { NUMBER_SIZE = 32, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_FLOAT4 = 700, OID_FLOAT8 = 701 };

struct postgres {
	PGconn *handle;
	bool is_prepared[STORE_STATEMENTS_MAX];
};

/* Errors of several lines become one. */
static void say(char problem[STORE_PROBLEM_SIZE], const char *text)
{
	size_t size;

	snprintf(problem, STORE_PROBLEM_SIZE, "%s", text);
	for (char *at = problem; *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	size = strlen(problem);
	while (size > 0 && problem[size - 1] == ' ')
		problem[--size] = '\0';
}

/* SQLSTATE, PostgreSQL manual, appendix A. */
static int error_of(struct postgres *postgres, const PGresult *result)
{
	static const struct {
		const char *prefix;
		int error;
	} rows[] = {
		{"57014", ERR_TIMEOUT}, /* statement_timeout */
		{"40", ERR_AGAIN},      /* serialization, deadlock */
		{"53100", ERR_FULL},    /* disk */
		{"53", ERR_CLOSED},     /* no connections, no memory there */
		{"57P", ERR_CLOSED},    /* it shuts down, or starts */
		{"08", ERR_CLOSED},     {"42501", ERR_PERMISSION}, {"25006", ERR_PERMISSION}, /* a standby */
		{"22", ERR_INVALID},    {"23", ERR_INVALID},       {"42", ERR_STATE},
	};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	for (size_t i = 0; state && i < ARRAY_LEN(rows); i++)
		if (view_has_prefix(view_of(state), rows[i].prefix))
			return rows[i].error;
	return PQstatus(postgres->handle) == CONNECTION_BAD ? ERR_CLOSED : ERR_IO;
}

static int finish(struct postgres *postgres, PGresult *result, char problem[STORE_PROBLEM_SIZE])
{
	ExecStatusType status = PQresultStatus(result);
	int error = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0 : error_of(postgres, result);

	if (error)
		say(problem, PQerrorMessage(postgres->handle));
	PQclear(result);
	return error;
}

static void postgres_end(void *connection)
{
	struct postgres *postgres = connection;

	PQfinish(postgres->handle);
	free(postgres);
}

static void ignore_notice(void *arg, const char *message)
{
}

static int postgres_execute(void *connection, const char *sql, char problem[STORE_PROBLEM_SIZE])
{
	struct postgres *postgres = connection;

	return finish(postgres, PQexec(postgres->handle, sql), problem);
}

/* A server that vanished without a word is noticed within about 10 s, by user timeout and keep-alives of TCP. */
static int postgres_begin(const char *url, void **ret_connection, char problem[STORE_PROBLEM_SIZE])
{
	static const char *const keys[] = {"connect_timeout",     "keepalives_idle",  "keepalives_count",
					   "keepalives_interval", "tcp_user_timeout", "application_name",
					   "client_encoding",     "dbname",           NULL};
	const char *const values[] = {"3", "5", "3", "2", "10000", "voxlane", "UTF8", url, NULL};
	struct postgres *postgres = calloc(1, sizeof(*postgres));
	char settings[96];
	int error = 0;

	_Static_assert(STORE_CONNECT_S == 3, "connect_timeout");
	say(problem, error_text(ERR_NOMEM));
	if (!postgres)
		return ERR_NOMEM;
	/* The URL comes last, so that what it says wins. */
	postgres->handle = PQconnectdbParams(keys, values, 1);
	if (!postgres->handle || PQstatus(postgres->handle) != CONNECTION_OK) {
		if (postgres->handle)
			say(problem, PQerrorMessage(postgres->handle));
		error = ERR_CLOSED;
	}
	if (error == 0) {
		PQsetNoticeProcessor(postgres->handle, ignore_notice, NULL);
		snprintf(settings, sizeof(settings), "SET statement_timeout = %d; SET synchronous_commit = on",
			 STORE_STATEMENT_MS);
		error = postgres_execute(postgres, settings, problem);
	}
	if (error) {
		postgres_end(postgres);
		return error;
	}
	*ret_connection = postgres;
	return 0;
}

/* Bytes of the UTF-8 sequence at `at` (RFC 3629); 0 when it is none, or a zero byte. */
static size_t utf8_size(const uint8_t *at, size_t left)
{
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

	if (at[0] == 0 || size > left)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
	    (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return size;
}

/* The server refuses a row for one byte that is not UTF-8, and strangers choose bytes: each becomes a question mark. */
static void copy_clean(char *to, struct view text)
{
	for (size_t i = 0; i < text.size;) {
		size_t size = utf8_size((const uint8_t *)text.at + i, text.size - i);

		if (size > 0)
			memcpy(to + i, text.at + i, size);
		else
			to[i] = '?';
		i += MAX(size, 1);
	}
	to[text.size] = '\0';
}

/* Parameters travel as text; a view is not terminated, so texts are copied. */
struct parameters {
	const char *at[STORE_COLUMNS_MAX];
	char numbers[STORE_COLUMNS_MAX][NUMBER_SIZE];
	char *texts;
};

static int make_parameters(struct parameters *parameters, const struct store_value *values, size_t count)
{
	size_t size = 1;
	char *at;

	for (size_t i = 0; i < count; i++)
		size += values[i].type == STORE_TEXT ? values[i].text.size + 1 : 0;
	parameters->texts = at = malloc(size);
	if (!at)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct store_value *value = &values[i];

		parameters->at[i] = value->type == STORE_NULL ? NULL : parameters->numbers[i];
		if (value->type == STORE_INTEGER)
			snprintf(parameters->numbers[i], NUMBER_SIZE, "%lld", (long long)value->integer);
		if (value->type == STORE_REAL)
			snprintf(parameters->numbers[i], NUMBER_SIZE, "%.17g", value->real);
		if (value->type != STORE_TEXT)
			continue;
		parameters->at[i] = at;
		copy_clean(at, value->text);
		at += value->text.size + 1;
	}
	return 0;
}

static struct store_value column_of(const PGresult *result, int row, int at)
{
	const char *text = PQgetvalue(result, row, at);

	if (PQgetisnull(result, row, at))
		return store_null();
	switch (PQftype(result, at)) {
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
		return store_integer(strtoll(text, NULL, 10));
	case OID_FLOAT4:
	case OID_FLOAT8:
		return store_real(strtod(text, NULL));
	default:
		return store_text((struct view){text, (size_t)PQgetlength(result, row, at)});
	}
}

static int visit_all(const PGresult *result, store_visit *visit, void *arg)
{
	int columns = MIN(PQnfields(result), STORE_COLUMNS_MAX), error = 0;
	struct store_value row[STORE_COLUMNS_MAX];

	for (int i = 0; i < PQntuples(result) && visit && error == 0; i++) {
		for (int k = 0; k < columns; k++)
			row[k] = column_of(result, i, k);
		error = visit(arg, row, (size_t)columns);
	}
	return error;
}

static int postgres_query(void *connection, size_t index, const char *sql, const struct store_value *values,
			  size_t count, store_visit *visit, void *arg, uint64_t *ret_changed,
			  char problem[STORE_PROBLEM_SIZE])
{
	struct postgres *postgres = connection;
	struct parameters parameters;
	PGresult *result;
	char name[16];
	int error;

	snprintf(name, sizeof(name), "s%zu", index);
	if (!postgres->is_prepared[index]) {
		error = finish(postgres, PQprepare(postgres->handle, name, sql, 0, NULL), problem);
		if (error)
			return error;
		postgres->is_prepared[index] = true;
	}
	if (make_parameters(&parameters, values, count) != 0) {
		say(problem, error_text(ERR_NOMEM));
		return ERR_NOMEM;
	}
	result = PQexecPrepared(postgres->handle, name, (int)count, parameters.at, NULL, NULL, 0);
	free(parameters.texts);
	if (PQresultStatus(result) == PGRES_TUPLES_OK) {
		error = visit_all(result, visit, arg);
		PQclear(result);
		return error;
	}
	if (PQresultStatus(result) == PGRES_COMMAND_OK)
		*ret_changed = strtoull(PQcmdTuples(result), NULL, 10);
	return finish(postgres, result, problem);
}

const struct store_driver store_postgres = {
	.name = "postgresql",
	.prefixes = {"postgresql://", "postgres://"},
	.open = postgres_begin,
	.close = postgres_end,
	.execute = postgres_execute,
	.query = postgres_query,
	.begin = "BEGIN",
	.lock_once = "SELECT pg_advisory_xact_lock(86926)",
};
