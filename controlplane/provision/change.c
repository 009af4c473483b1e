/* Changes, one at a time: checked, written to the database, put in force, answered. */
#include "controlplane/provision/provision_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/log/log.h"

struct pending {
	struct list link;
	struct provision *provision; /* NULL: it is gone, and so is who asked */
	struct provision_change change;
	json_t *document; /* ours, as it was given */
	struct row row;   /* as it shall be; of DELETE only the name */
	int64_t version;  /* as it is; 0: it is not */
	struct provision_result result;
	struct store_job job;
	bool is_stored; /* waits for what apply began */
	uint64_t wall_ms;
};

static void pending_free(struct pending *pending)
{
	json_decref(pending->document);
	row_fini(&pending->row);
	free(pending);
}

static void work(struct provision *provision);

static void on_next(void *arg)
{
	work(arg);
}

void provision_change_init(struct provision *provision)
{
	list_init(&provision->waiting);
	loop_message_init(&provision->next, on_next, provision);
}

static void tell_log(const struct pending *pending)
{
	static const char *const words[] = {
		[PROVISION_CREATE] = "created", [PROVISION_PUT] = "changed", [PROVISION_DELETE] = "deleted"};
	const struct provision_result *result = &pending->result;
	const char *word = provision_word(pending->change.list);

	if (result->error == 0)
		log_info("provision", "%s %s %s by %s", word, result->name,
			 words[result->is_new ? PROVISION_CREATE : pending->change.operation], pending->change.who);
	else
		log_info("provision", "%s %s is not changed for %s: %s", word, result->name, pending->change.who,
			 result->why[0] ? result->why : error_text(result->error));
}

static void finish(struct provision *provision, struct pending *pending, int error)
{
	pending->result.error = error;
	tell_log(pending);
	provision->now = NULL;
	pending->change.done(pending->change.arg, &pending->result);
	pending_free(pending);
	/* Not from here: who is told may be about to end. */
	if (!list_is_empty(&provision->waiting))
		loop_defer(provision->options.loop, &provision->next);
}

/* ---- the database ---- */

static int run_delete(struct store_session *session, const struct pending *pending)
{
	const struct store_value values[] = {store_string(conf_list_name(pending->row.list)),
					     store_string(pending->row.name), store_integer(pending->version)};

	return store_query(session, "DELETE FROM resource WHERE kind = $1 AND name = $2 AND version = $3", values,
			   ARRAY_LEN(values), NULL, NULL);
}

static int run_put(struct store_session *session, const struct pending *pending)
{
	static const char insert[] = "INSERT INTO resource (kind, name, version, changed_ms, document)"
				     " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, name) DO NOTHING";
	static const char update[] = "UPDATE resource SET version = $3, changed_ms = $4, document = $5"
				     " WHERE kind = $1 AND name = $2 AND version = $3 - 1";
	const struct store_value values[] = {store_string(conf_list_name(pending->row.list)),
					     store_string(pending->row.name), store_integer(pending->row.version),
					     store_integer((int64_t)pending->wall_ms),
					     store_string(pending->row.document)};

	return store_query(session, pending->version > 0 ? update : insert, values, ARRAY_LEN(values), NULL, NULL);
}

/* Another node that shares the database may have been quicker. */
static int run(struct store_session *session, void *arg)
{
	const struct pending *pending = arg;
	int error = pending->change.operation == PROVISION_DELETE ? run_delete(session, pending)
								  : run_put(session, pending);

	return error == 0 && store_changed(session) == 0 ? ERR_STATE : error;
}

static void on_stored(void *arg, int error)
{
	struct pending *pending = arg;
	struct provision *provision = pending->provision;

	if (!provision) {
		pending_free(pending);
		return;
	}
	if (error == ERR_STATE)
		snprintf(pending->result.why, sizeof(pending->result.why),
			 "another node changed it; this one learns of that with its next start");
	if (error == 0 && pending->change.operation == PROVISION_DELETE)
		rows_del(&provision->rows, rows_find(&provision->rows, pending->row.list, pending->row.name));
	else if (error == 0)
		error = rows_put(&provision->rows, &pending->row);
	pending->is_stored = error == 0;
	if (error)
		finish(provision, pending, error);
	else
		provision->options.apply(provision->options.arg);
}

void provision_applied(struct provision *provision, int error)
{
	if (provision->now)
		finish(provision, provision->now, error);
}

/* ---- before it ---- */

static bool is_name(const char *name)
{
	size_t size = strcspn(name, " /?%\"\\<>");

	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] < 0x21 || (unsigned char)name[i] > 0x7e)
			return false;
	return size > 0 && name[size] == '\0';
}

static int choose_name(struct provision *provision, struct pending *pending)
{
	const struct provision_kind *kind = &provision_kinds[pending->change.list];
	char *name = pending->result.name;
	const json_t *said;
	char token[11];

	snprintf(name, PROVISION_NAME_SIZE, "%s", pending->change.name);
	if (!name[0] && kind->key) {
		said = json_object_get(pending->document, kind->key);
		if (!json_is_string(said) ||
		    view_copy(view_of(json_string_value(said)), name, PROVISION_NAME_SIZE) != 0)
			return provision_refuse(&pending->result, kind->key, "must be a text of 1 to 63 characters");
	} else if (!name[0]) {
		loop_random_token(provision->options.loop, token, sizeof(token));
		snprintf(name, PROVISION_NAME_SIZE, "%s-%s", kind->word, token);
	}
	if (!is_name(name))
		return provision_refuse(&pending->result, kind->key ? kind->key : kind->word,
					"must be made of printable characters without blank / ? % \" \\ < >");
	return 0;
}

/* Is it in the file? Then only an editor changes it. */
static int check_place(struct provision *provision, struct pending *pending)
{
	struct provision_result *result = &pending->result;
	enum conf_list list = pending->change.list;
	const struct row *row = rows_find(&provision->rows, list, result->name);
	json_t *node = NULL;
	int64_t version;

	pending->version = row ? row->version : 0;
	if (!row && provision_show(provision, list, result->name, &node, &version) == 0) {
		snprintf(result->why, sizeof(result->why),
			 "is in the configuration file (%.200s) and can be changed there only; SIGHUP puts it in force",
			 json_string_value(json_object_get(node, "where")));
		json_decref(node);
		return ERR_PERMISSION;
	}
	/* So are those of the file called. */
	if (list == CONF_LIST_ROUTES && view_has_prefix(view_of(result->name), "config-"))
		return provision_refuse(result, provision_kinds[list].word, "must not begin with config-");
	if (row && pending->change.operation == PROVISION_CREATE)
		return ERR_EXISTS;
	if (pending->change.if_version >= 0 && pending->change.if_version != pending->version)
		return ERR_STATE;
	result->is_new = !row;
	return !row && pending->change.operation == PROVISION_DELETE ? ERR_NOT_FOUND : 0;
}

static int make_row(struct provision *provision, struct pending *pending)
{
	const struct conf *conf = provision->options.conf(provision->options.arg);
	struct provision_result *result = &pending->result;
	const struct row *old = rows_find(&provision->rows, pending->change.list, result->name);
	json_t *before = old ? json_loads(old->document, 0, NULL) : NULL, *document = NULL;
	int error;

	pending->row.list = pending->change.list;
	pending->row.name = view_dup(view_of(result->name));
	pending->row.version = pending->version + 1;
	error = pending->row.name ? 0 : ERR_NOMEM;
	if (error == 0 && pending->change.operation != PROVISION_DELETE) {
		error = provision_make_document(&pending->change, result->name, conf->sip.realm, before, &document,
						result);
		if (error == 0)
			error = provision_print_row(pending->row.list, document, &pending->row.text, result);
		if (error == 0)
			pending->row.document = json_dumps(document, JSON_COMPACT);
		if (error == 0 && !pending->row.document)
			error = ERR_NOMEM;
	}
	json_decref(document);
	json_decref(before);
	return error;
}

/* The whole configuration as it would be. */
static int check_whole(struct provision *provision, struct pending *pending)
{
	const struct rows *rows = &provision->rows;
	bool is_gone = pending->change.operation == PROVISION_DELETE;
	struct conf_row mine = {conf_list_name(pending->row.list), pending->row.name, pending->row.text};
	struct conf_row *all = calloc(rows->len + 1, sizeof(*all));
	struct provision_result *result = &pending->result;
	struct conf_problem problem = {""};
	size_t len = 0;
	int error;

	if (!all)
		return ERR_NOMEM;
	for (size_t i = 0; i < rows->len; i++)
		if (rows->at[i].list != pending->row.list || strcmp(rows->at[i].name, pending->row.name) != 0)
			all[len++] = rows->conf[i];
	if (!is_gone)
		all[len++] = mine;
	error = provision->options.check(provision->options.arg, all, len, &problem);
	free(all);
	if (error == 0)
		return 0;
	snprintf(result->field, sizeof(result->field), "%s", problem.field);
	snprintf(result->why, sizeof(result->why), "%s", problem.text);
	return error == ERR_NOMEM ? error : ERR_INVALID;
}

static int prepare(struct provision *provision, struct pending *pending)
{
	static int (*const steps[])(struct provision *, struct pending *) = {choose_name, check_place, make_row,
									     check_whole};
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(steps) && error == 0; i++)
		error = steps[i](provision, pending);
	return error;
}

static void work(struct provision *provision)
{
	struct list *link = list_first(&provision->waiting);
	struct pending *pending;
	int error;

	if (provision->now || !link)
		return;
	list_del(link);
	provision->waiting_count--;
	pending = provision->now = LIST_ENTRY(link, struct pending, link);
	error = prepare(provision, pending);
	pending->wall_ms = loop_wall_ms(provision->options.loop);
	pending->job =
		(struct store_job){.run = run, .done = on_stored, .arg = pending, .loop = provision->options.loop};
	if (error == 0)
		error = store_submit(provision->options.store, &pending->job);
	if (error)
		finish(provision, pending, error);
}

void provision_submit(struct provision *provision, const struct provision_change *change)
{
	struct provision_result result = {.error = ERR_NOMEM};
	struct pending *pending = NULL;

	if (provision->waiting_count < PROVISION_WAITING_MAX)
		pending = calloc(1, sizeof(*pending));
	else
		result.error = ERR_FULL;
	if (!pending) {
		change->done(change->arg, &result);
		return;
	}
	pending->provision = provision;
	pending->change = *change;
	pending->document = change->document ? json_incref((json_t *)(uintptr_t)change->document) : NULL;
	pending->change.document = pending->document;
	list_add(&provision->waiting, &pending->link);
	provision->waiting_count++;
	work(provision);
}

void provision_end_all(struct provision *provision)
{
	struct provision_result result = {.error = ERR_CLOSED};
	struct pending *now = provision->now;

	if (provision->options.loop)
		loop_defer_cancel(provision->options.loop, &provision->next);
	/* The one that is in the store comes back by the loop; the one that is being applied does not. */
	if (now) {
		now->change.done(now->change.arg, &result);
		now->provision = NULL;
		if (now->is_stored)
			pending_free(now);
	}
	LIST_FOREACH_SAFE (link, &provision->waiting) {
		struct pending *pending = LIST_ENTRY(link, struct pending, link);

		list_del(link);
		pending->change.done(pending->change.arg, &result);
		pending_free(pending);
	}
}
