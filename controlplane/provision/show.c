/* Members of the lists as JSON, as they are in force: those of the file and those of the database, by lib/config's rows. */
#include "controlplane/provision/provision_private.h"

#include <stdio.h>

static const char prefix[] = "database:";

/* Never shown; that there is one is. */
static bool is_secret(const char *key)
{
	return strcmp(key, "password") == 0 || strcmp(key, "ha1_md5") == 0 || strcmp(key, "ha1_sha256") == 0;
}

static void add_member(void *arg, const struct conf_key *key, const struct conf_member_value *value);

static json_t *rows_document(const struct conf_key *key, const struct conf_member_value *value)
{
	json_t *list = json_array();

	for (size_t i = 0; i < value->row_count && list; i++) {
		json_t *node = json_object();

		conf_walk_group(key->group, (const char *)value->rows + i * value->row_size, add_member, node);
		if (json_array_append_new(list, node) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *texts_document(const struct conf_strings *texts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts->len && list; i++)
		if (json_array_append_new(list, document_text_view(view_of(texts->at[i]))) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *value_document(const struct conf_key *key, const struct conf_member_value *value)
{
	switch (key->kind) {
	case CONF_KIND_BOOL:
		return json_boolean(value->number);
	case CONF_KIND_NUMBER:
		return json_integer(value->number);
	case CONF_KIND_TEXTS:
		return texts_document(&value->texts);
	case CONF_KIND_ROWS:
		return rows_document(key, value);
	default:
		return document_text_view(view_of(value->text));
	}
}

static void add_member(void *arg, const struct conf_key *key, const struct conf_member_value *value)
{
	json_t *node = arg;

	if (is_secret(key->key)) {
		if (value->text[0])
			json_object_set_new(node, "has_password", json_true());
		return;
	}
	json_object_set_new(node, key->key, value_document(key, value));
}

/* The name of member i, and whether it is of the database. */
static bool name_of(const struct conf *conf, enum conf_list list, size_t i, char name[PROVISION_NAME_SIZE + 8])
{
	struct view where = view_of(conf_list_where(conf, list, i));
	bool is_ours = view_has_prefix(where, prefix);

	name[0] = '\0';
	if (is_ours) {
		view_cut(&where, '/');
		if (view_copy(where, name, PROVISION_NAME_SIZE) != 0)
			name[0] = '\0';
	} else if (list == CONF_LIST_EXTENSIONS) {
		snprintf(name, PROVISION_NAME_SIZE, "%s", conf->extensions[i].number);
	} else if (list == CONF_LIST_TRUNKS) {
		snprintf(name, PROVISION_NAME_SIZE, "%s", conf->trunks[i].name);
	} else {
		snprintf(name, PROVISION_NAME_SIZE, "config-%zu", i + 1);
	}
	return is_ours;
}

static json_t *member_document(const struct provision *provision, const struct conf *conf, enum conf_list list,
			       size_t i, int64_t *ret_version)
{
	char name[PROVISION_NAME_SIZE + 8];
	bool is_ours = name_of(conf, list, i, name);
	const struct row *row = is_ours ? rows_find(&provision->rows, list, name) : NULL;
	json_t *node = json_object();

	*ret_version = row ? row->version : 0;
	if (!node)
		return NULL;
	if (!provision_kinds[list].key)
		json_object_set_new(node, provision_kinds[list].word, json_string(name));
	conf_walk_member(conf, list, i, add_member, node);
	json_object_set_new(node, "source", json_string(is_ours ? "database" : "config"));
	json_object_set_new(node, "where", json_string(conf_list_where(conf, list, i)));
	json_object_set_new(node, "version", row ? json_integer(row->version) : json_null());
	return node;
}

json_t *provision_list(const struct provision *provision, enum conf_list list, size_t offset, size_t limit,
		       size_t *ret_total)
{
	const struct conf *conf = provision->options.conf(provision->options.arg);
	size_t len = conf_list_len(conf, list);
	json_t *nodes = json_array();
	int64_t version;

	*ret_total = len;
	for (size_t i = offset; i < len && i - offset < limit && nodes; i++)
		if (json_array_append_new(nodes, member_document(provision, conf, list, i, &version)) != 0) {
			json_decref(nodes);
			return NULL;
		}
	return nodes;
}

int provision_show(const struct provision *provision, enum conf_list list, const char *name, json_t **ret_node,
		   int64_t *ret_version)
{
	const struct conf *conf = provision->options.conf(provision->options.arg);
	char other[PROVISION_NAME_SIZE + 8];

	for (size_t i = 0; i < conf_list_len(conf, list); i++) {
		name_of(conf, list, i, other);
		if (strcmp(other, name) != 0)
			continue;
		*ret_node = member_document(provision, conf, list, i, ret_version);
		return *ret_node ? 0 : ERR_NOMEM;
	}
	return ERR_NOT_FOUND;
}
