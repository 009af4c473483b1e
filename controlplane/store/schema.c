/* THE schema: numbered steps, applied in order, each in a transaction of its own together with its row in
 * schema_migration. A step that has been released is never changed; what comes later is a further step. Types are those
 * that both kinds of database understand; times are milliseconds since 1970 UTC.
 */
#include "controlplane/store/store_private.h"

static const struct step {
	int version;
	const char *name, *sql;
} steps[] = {
	{1, "registrations",
	 "CREATE TABLE registration ("
	 " number TEXT NOT NULL, uri TEXT NOT NULL, reg_id INTEGER NOT NULL DEFAULT 0,"
	 " call_id TEXT NOT NULL, cseq BIGINT NOT NULL, q INTEGER NOT NULL, expires_ms BIGINT NOT NULL,"
	 " transport TEXT NOT NULL, local_address TEXT NOT NULL, remote_address TEXT NOT NULL,"
	 " user_agent TEXT, instance TEXT, path TEXT,"
	 " PRIMARY KEY (number, uri, reg_id))"},
	{2, "call detail records",
	 "CREATE TABLE cdr ("
	 " call_id TEXT NOT NULL PRIMARY KEY, node TEXT,"
	 " caller TEXT, callee TEXT, transferred_to TEXT,"
	 " caller_number TEXT, callee_number TEXT, transferred_number TEXT,"
	 " start_ms BIGINT NOT NULL, answer_ms BIGINT, end_ms BIGINT NOT NULL,"
	 " duration_s BIGINT NOT NULL, talk_s BIGINT NOT NULL,"
	 " disposition TEXT NOT NULL, hangup_side TEXT NOT NULL,"
	 " cause_sip INTEGER, cause_q850 INTEGER, cause_text TEXT,"
	 " packets BIGINT, lost BIGINT, jitter_ms DOUBLE PRECISION, mos DOUBLE PRECISION,"
	 " document TEXT NOT NULL);"
	 "CREATE INDEX cdr_by_end ON cdr (end_ms, call_id);"
	 "CREATE INDEX cdr_by_caller ON cdr (caller_number, end_ms);"
	 "CREATE INDEX cdr_by_callee ON cdr (callee_number, end_ms);"
	 "CREATE INDEX cdr_by_transferred ON cdr (transferred_number, end_ms);"
	 "CREATE TABLE cdr_segment ("
	 " call_id TEXT NOT NULL REFERENCES cdr (call_id) ON DELETE CASCADE, position INTEGER NOT NULL,"
	 " side TEXT NOT NULL, party TEXT, kind TEXT,"
	 " start_ms BIGINT, answer_ms BIGINT, end_ms BIGINT, status INTEGER,"
	 " sip_call_id TEXT, remote TEXT, user_agent TEXT, codec TEXT, media_remote TEXT,"
	 " packets_in BIGINT, packets_out BIGINT, bytes_in BIGINT, bytes_out BIGINT,"
	 " lost BIGINT, dropped BIGINT, jitter_ms DOUBLE PRECISION, mos DOUBLE PRECISION,"
	 " PRIMARY KEY (call_id, position))"},
	{3, "extensions, trunks and routes as data",
	 "CREATE TABLE resource ("
	 " kind TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL, changed_ms BIGINT NOT NULL,"
	 " document TEXT NOT NULL,"
	 " PRIMARY KEY (kind, name))"},
};

static const char make_table[] = "CREATE TABLE IF NOT EXISTS schema_migration ("
				 " version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)";

struct migration {
	int64_t found;
	const struct step *step;
};

static int read_version(void *arg, const struct store_value *columns, size_t count)
{
	((struct migration *)arg)->found = store_to_integer(&columns[0]);
	return 0;
}

static int lock(struct store_session *session)
{
	const struct store_driver *driver = session->driver;

	return driver->lock_once[0] ? driver->execute(session->connection, driver->lock_once, session->problem) : 0;
}

static int look(struct store_session *session, void *arg)
{
	struct migration *migration = arg;
	int error = lock(session);

	if (error == 0)
		error = session->driver->execute(session->connection, make_table, session->problem);
	if (error == 0)
		error = store_query(session, "SELECT MAX(version) FROM schema_migration", NULL, 0, read_version,
				    migration);
	return error;
}

/* Another program may have done the step since we looked: the lock is held from here on. */
static int apply(struct store_session *session, void *arg)
{
	struct migration *migration = arg;
	const struct step *step = migration->step;
	int error = look(session, migration);

	if (error || migration->found >= step->version)
		return error;
	error = session->driver->execute(session->connection, step->sql, session->problem);
	if (error == 0)
		error = store_query(
			session, "INSERT INTO schema_migration (version, name) VALUES ($1, $2)",
			(const struct store_value[]){store_integer(step->version), store_string(step->name)}, 2, NULL,
			NULL);
	return error;
}

int store_schema_migrate(struct store_session *session, struct store_problem *ret_problem)
{
	const int newest = steps[ARRAY_LEN(steps) - 1].version;
	struct migration migration = {0};
	int error = store_session_run(session, look, &migration);

	if (error == 0 && migration.found > newest) {
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "store.url: the database has schema %lld and this program knows %d: it was used by a newer "
			 "Voxlane; install that one, or name another database",
			 (long long)migration.found, newest);
		return ERR_VERSION;
	}
	for (size_t i = 0; i < ARRAY_LEN(steps) && error == 0; i++) {
		migration.step = &steps[i];
		if (migration.found < steps[i].version)
			error = store_session_run(session, apply, &migration);
	}
	if (error)
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "store.url: the schema of the %s database cannot be brought up to date: %s",
			 session->driver->name, session->problem);
	return error;
}
