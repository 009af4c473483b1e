/* The rows in memory, as they are in the database: read at the start, changed by change.c. */
#include "controlplane/provision/provision_private.h"

#include <stdlib.h>

#include "lib/log/log.h"

const struct provision_kind provision_kinds[CONF_LIST_COUNT] = {
	[CONF_LIST_EXTENSIONS] = {"extension", "number"},
	[CONF_LIST_TRUNKS] = {"trunk", "name"},
	[CONF_LIST_ROUTES] = {"route", NULL},
};

const char *provision_word(enum conf_list list)
{
	return provision_kinds[list].word;
}

void row_fini(struct row *row)
{
	free(row->name);
	free(row->document);
	free(row->text);
	*row = (struct row){0};
}

struct row *rows_find(const struct rows *rows, enum conf_list list, const char *name)
{
	for (size_t i = 0; i < rows->len; i++)
		if (rows->at[i].list == list && strcmp(rows->at[i].name, name) == 0)
			return &rows->at[i];
	return NULL;
}

static void show_row(struct rows *rows, size_t i)
{
	const struct row *row = &rows->at[i];

	rows->conf[i] = (struct conf_row){conf_list_name(row->list), row->name, row->text};
}

int rows_put(struct rows *rows, struct row *row)
{
	struct row *old = rows_find(rows, row->list, row->name);

	if (!old && rows->len == rows->capacity) {
		size_t capacity = MAX(rows->capacity * 2, 16);
		struct row *at = reallocarray(rows->at, capacity, sizeof(*at));
		struct conf_row *conf = at ? reallocarray(rows->conf, capacity, sizeof(*conf)) : NULL;

		rows->at = at ? at : rows->at;
		if (!conf)
			return ERR_NOMEM;
		rows->conf = conf;
		rows->capacity = capacity;
	}
	if (old)
		row_fini(old);
	else
		old = &rows->at[rows->len++];
	*old = *row;
	show_row(rows, (size_t)(old - rows->at));
	*row = (struct row){0};
	return 0;
}

void rows_del(struct rows *rows, struct row *row)
{
	size_t at = (size_t)(row - rows->at);

	row_fini(row);
	memmove(row, row + 1, (rows->len - at - 1) * sizeof(*row));
	rows->len--;
	for (; at < rows->len; at++)
		show_row(rows, at);
}

const struct conf_row *provision_rows(const struct provision *provision, size_t *ret_count)
{
	*ret_count = provision->rows.len;
	return provision->rows.conf;
}

/* ---- reading ---- */

static int list_of(struct view kind, enum conf_list *ret_list)
{
	for (size_t i = 0; i < CONF_LIST_COUNT; i++)
		if (view_is(kind, conf_list_name((enum conf_list)i))) {
			*ret_list = (enum conf_list)i;
			return 0;
		}
	return ERR_NOT_FOUND;
}

static int read_row(void *arg, const struct store_value *columns, size_t count)
{
	struct provision *provision = arg;
	struct row row = {.version = store_to_integer(&columns[2])};
	struct provision_result result = {0};
	json_t *document = json_loadb(columns[3].text.at, columns[3].text.size, 0, NULL);
	int error = list_of(columns[0].text, &row.list);

	/* Of a kind that a later program knows, or made by hand: the others are of use without it. */
	if (error == 0)
		error = json_is_object(document) ? provision_print_row(row.list, document, &row.text, &result)
						 : ERR_CORRUPT;
	json_decref(document);
	if (error && error != ERR_NOMEM) {
		log_error("provision", "the row %.*s/%.*s of the database is passed over: %s %s",
			  VIEW_ARG(columns[0].text), VIEW_ARG(columns[1].text), result.field, result.why);
		return 0;
	}
	row.name = view_dup(columns[1].text);
	row.document = view_dup(columns[3].text);
	error = row.name && row.document && row.text ? rows_put(&provision->rows, &row) : ERR_NOMEM;
	row_fini(&row);
	return error;
}

static int read_all(struct store_session *session, void *arg)
{
	return store_query(session, "SELECT kind, name, version, document FROM resource ORDER BY kind, name", NULL, 0,
			   read_row, arg);
}

int provision_open(struct store *store, struct loop *loop, struct provision **ret_provision)
{
	struct provision *provision = calloc(1, sizeof(*provision));
	int error;

	if (!provision)
		return ERR_NOMEM;
	provision->options.store = store;
	provision->options.loop = loop;
	provision_change_init(provision);
	error = store_wait(store, read_all, provision);
	if (error) {
		provision_free(provision);
		return error;
	}
	*ret_provision = provision;
	return 0;
}

void provision_set(struct provision *provision, const struct provision_options *options)
{
	provision->options = *options;
}

void provision_free(struct provision *provision)
{
	if (!provision)
		return;
	provision_end_all(provision);
	for (size_t i = 0; i < provision->rows.len; i++)
		row_fini(&provision->rows.at[i]);
	free(provision->rows.at);
	free(provision->rows.conf);
	free(provision);
}
