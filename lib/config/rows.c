/* See rows.h: lists of the configuration by the rows of the schema. */
#include "lib/config/rows.h"

#include "lib/config/schema.h"

static const struct {
	const char *name;
	const char *group; /* of the root that it is in; NULL: the root */
} lists[CONF_LIST_COUNT] = {
	[CONF_LIST_EXTENSIONS] = {"extensions", NULL},
	[CONF_LIST_TRUNKS] = {"trunks", NULL},
	[CONF_LIST_ROUTES] = {"routes", "dialplan"},
};

const char *conf_list_name(enum conf_list list)
{
	return lists[list].name;
}

static const struct schema_row *row_of(const struct schema_group *group, const char *key)
{
	for (size_t i = 0; i < group->row_count; i++)
		if (strcmp(group->rows[i].key, key) == 0)
			return &group->rows[i];
	return NULL;
}

/* The row of the list, and where in struct conf its group begins. */
static const struct schema_row *list_row(enum conf_list list, size_t *ret_offset)
{
	const struct schema_row *outer = lists[list].group ? row_of(&schema_root, lists[list].group) : NULL;

	*ret_offset = outer ? outer->offset : 0;
	return row_of(outer ? outer->group : &schema_root, lists[list].name);
}

size_t conf_list_len(const struct conf *conf, enum conf_list list)
{
	size_t offset;
	const struct schema_row *row = list_row(list, &offset);

	return *(const size_t *)(const void *)((const char *)conf + offset + row->count_offset);
}

static const void *member_of(const struct conf *conf, const struct schema_row *row, size_t offset, size_t index)
{
	const char *array = *(const char *const *)(const void *)((const char *)conf + offset + row->offset);

	return array + index * row->group->size;
}

const char *conf_list_where(const struct conf *conf, enum conf_list list, size_t index)
{
	size_t offset;
	const struct schema_row *row = list_row(list, &offset);
	const char *member = member_of(conf, row, offset, index);

	return *(const char *const *)(const void *)(member + row->group->where_offset);
}

static enum conf_kind kind_of(const struct schema_row *row)
{
	switch (row->kind) {
	case SCHEMA_BOOL:
		return CONF_KIND_BOOL;
	case SCHEMA_U8:
	case SCHEMA_U16:
	case SCHEMA_U32:
	case SCHEMA_I32:
		return CONF_KIND_NUMBER;
	case SCHEMA_STRINGS:
		return CONF_KIND_TEXTS;
	case SCHEMA_LIST:
		return CONF_KIND_ROWS;
	default:
		return CONF_KIND_TEXT;
	}
}

static struct conf_key key_of(const struct schema_row *row)
{
	return (struct conf_key){.key = row->key,
				 .help = row->help,
				 .kind = kind_of(row),
				 .is_needed = row->fallback == NULL,
				 .min = row->min,
				 .max = row->max,
				 .choices = row->choices,
				 .group = row->group};
}

void conf_describe_group(const void *group, void (*visit)(void *arg, const struct conf_key *key), void *arg)
{
	const struct schema_group *of = group;

	for (size_t i = 0; i < of->row_count; i++) {
		struct conf_key key = key_of(&of->rows[i]);

		visit(arg, &key);
	}
}

void conf_describe(enum conf_list list, void (*visit)(void *arg, const struct conf_key *key), void *arg)
{
	size_t offset;

	conf_describe_group(list_row(list, &offset)->group, visit, arg);
}

int conf_find_key(enum conf_list list, const char *key, struct conf_key *ret_key)
{
	size_t offset;
	const struct schema_row *row = row_of(list_row(list, &offset)->group, key);

	if (!row)
		return ERR_NOT_FOUND;
	*ret_key = key_of(row);
	return 0;
}

static struct conf_member_value value_of(const struct schema_row *row, const void *at)
{
	struct conf_member_value value = {0};

	switch (row->kind) {
	case SCHEMA_BOOL:
		value.number = *(const bool *)at;
		break;
	case SCHEMA_U8:
		value.number = *(const uint8_t *)at;
		break;
	case SCHEMA_U16:
		value.number = *(const uint16_t *)at;
		break;
	case SCHEMA_U32:
		value.number = *(const uint32_t *)at;
		break;
	case SCHEMA_I32:
		value.number = *(const int32_t *)at;
		break;
	case SCHEMA_STRING:
		value.text = *(const char *const *)at;
		break;
	case SCHEMA_CHOICE:
		value.text = row->choices[*(const unsigned *)at];
		break;
	case SCHEMA_STRINGS:
		value.texts = *(const struct conf_strings *)at;
		break;
	default:
		value.text = "";
	}
	return value;
}

void conf_walk_group(const void *group, const void *row, conf_visit_member *visit, void *arg)
{
	const struct schema_group *of = group;
	const char *base = row;

	for (size_t i = 0; i < of->row_count; i++) {
		const struct schema_row *member = &of->rows[i];
		struct conf_key key = key_of(member);
		struct conf_member_value value = value_of(member, base + member->offset);

		if (member->kind == SCHEMA_LIST) {
			value.rows = *(const void *const *)(const void *)(base + member->offset);
			value.row_count = *(const size_t *)(const void *)(base + member->count_offset);
			value.row_size = member->group->size;
		}
		visit(arg, &key, &value);
	}
}

void conf_walk_member(const struct conf *conf, enum conf_list list, size_t index, conf_visit_member *visit, void *arg)
{
	size_t offset;
	const struct schema_row *row = list_row(list, &offset);

	conf_walk_group(row->group, member_of(conf, row, offset, index), visit, arg);
}
