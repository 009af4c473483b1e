/* The walk over the file: every setting finds its row, is checked against it and stored where the row says; a group is
 * filled with its defaults first. */
#include "lib/config/schema.h"

static int read_group(struct conf_loader *loader, const struct schema_group *group, const config_setting_t *setting,
		      void *base);

static void *field(const struct schema_row *row, void *base)
{
	return (char *)base + row->offset;
}

/* One member of a list of plain values, into its place of the array. */
static int read_member(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		       void *array, size_t at)
{
	const char *string;
	unsigned choice;
	int64_t number;
	int error;

	switch (row->kind) {
	case SCHEMA_STRINGS:
		error = conf_read_string(loader, row, setting, 1, 1024, &string);
		if (!error)
			((const char **)array)[at] = conf_keep(loader, string);
		return error ? error : ((const char **)array)[at] ? 0 : ERR_NOMEM;
	case SCHEMA_ADDRESSES:
		return conf_read_address(loader, row, setting, false, (struct net_address *)array + at);
	case SCHEMA_INTEGERS:
		error = conf_read_number(loader, &(struct schema_row){.kind = SCHEMA_I32, .min = 0, .max = 1023},
					 setting, &number);
		if (!error)
			((int32_t *)array)[at] = (int32_t)number;
		return error;
	default:
		error = conf_read_choice(loader, row, setting, &choice);
		if (!error)
			*(uint32_t *)array |= 1u << choice;
		return error;
	}
}

/* A list of plain values: an array [ ], a list ( ), or a single value standing for a list of one. */
static int read_plain_list(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
			   void *base)
{
	static const size_t member_sizes[] = {[SCHEMA_STRINGS] = sizeof(const char *),
					      [SCHEMA_ADDRESSES] = sizeof(struct net_address),
					      [SCHEMA_INTEGERS] = sizeof(int32_t)};
	bool is_single = config_setting_is_scalar(setting);
	int length = is_single ? 1 : config_setting_length(setting);
	uint32_t bits = 0;
	void *array = &bits;
	char what[64];

	if (config_setting_is_group(setting))
		return conf_refuse_type(loader, setting, row);
	if (length < row->min || length > row->max) {
		snprintf(what, sizeof(what), "has %d members", length);
		return conf_refuse_value(loader, setting, row, length ? what : "is empty");
	}
	if (row->kind != SCHEMA_CHOICES) {
		array = arena_alloc(loader->arena, (size_t)length * member_sizes[row->kind]);
		if (!array)
			return ERR_NOMEM;
	}
	for (int i = 0; i < length; i++) {
		const config_setting_t *member = is_single ? setting : config_setting_get_elem(setting, (unsigned)i);
		int error = read_member(loader, row, member, array, (size_t)i);

		if (error)
			return error;
	}
	if (row->kind == SCHEMA_CHOICES) {
		*(uint32_t *)field(row, base) = bits;
		return 0;
	}
	/* The three list structs are alike: a pointer, then a length. */
	memcpy(field(row, base), &(struct conf_strings){array, (size_t)length}, sizeof(struct conf_strings));
	return 0;
}
_Static_assert(sizeof(struct conf_strings) == sizeof(struct conf_addresses) &&
		       sizeof(struct conf_strings) == sizeof(struct conf_integers) &&
		       offsetof(struct conf_strings, len) == offsetof(struct conf_addresses, len) &&
		       offsetof(struct conf_strings, len) == offsetof(struct conf_integers, len),
	       "read_plain_list");

static int read_group_list(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
			   void *base)
{
	/* Both kinds of members make one array; either list may be missing. */
	const config_setting_t *more = row->group->has_where ? conf_rows_of(loader, row->key) : NULL;
	int own, length;
	char *array;

	if (setting && !config_setting_is_list(setting))
		return conf_refuse_type(loader, setting, row);
	own = setting ? config_setting_length(setting) : 0;
	length = own + (more ? config_setting_length(more) : 0);
	if (length > row->max)
		return conf_refuse_value(loader, setting ? setting : more, row, "is longer than that");
	array = arena_alloc(loader->arena, (size_t)length * row->group->size);
	if (!array)
		return ERR_NOMEM;
	for (int i = 0; i < length; i++) {
		const config_setting_t *member = i < own ? config_setting_get_elem(setting, (unsigned)i)
							 : config_setting_get_elem(more, (unsigned)(i - own));
		int error = read_group(loader, row->group, member, array + (size_t)i * row->group->size);

		if (error)
			return error;
	}
	memcpy(field(row, base), &array, sizeof(array));
	*(size_t *)(void *)((char *)base + row->count_offset) = (size_t)length;
	return 0;
}

static int read_row(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		    void *base)
{
	const char *string;
	int64_t number;
	int error;

	switch (row->kind) {
	case SCHEMA_BOOL:
		if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
			return conf_refuse_type(loader, setting, row);
		conf_store_number(row, base, config_setting_get_bool(setting));
		return 0;
	case SCHEMA_U8:
	case SCHEMA_U16:
	case SCHEMA_U32:
	case SCHEMA_I32:
		error = conf_read_number(loader, row, setting, &number);
		if (!error)
			conf_store_number(row, base, number);
		return error;
	case SCHEMA_STRING:
		error = conf_read_string(loader, row, setting, row->min, row->max, &string);
		if (!error)
			*(const char **)field(row, base) = conf_keep(loader, string);
		return error ? error : *(const char **)field(row, base) ? 0 : ERR_NOMEM;
	case SCHEMA_ADDRESS:
		return conf_read_address(loader, row, setting, row->fallback && !row->fallback[0], field(row, base));
	case SCHEMA_CHOICE:
		return conf_read_choice(loader, row, setting, field(row, base));
	case SCHEMA_CHOICES:
	case SCHEMA_STRINGS:
	case SCHEMA_ADDRESSES:
	case SCHEMA_INTEGERS:
		return read_plain_list(loader, row, setting, base);
	case SCHEMA_GROUP:
		if (!config_setting_is_group(setting))
			return conf_refuse_type(loader, setting, row);
		return read_group(loader, row->group, setting, field(row, base));
	case SCHEMA_LIST:
		return read_group_list(loader, row, setting, base);
	}
	return ERR_INVALID;
}

static const struct schema_row *find_row(const struct schema_group *group, const char *key)
{
	for (size_t i = 0; i < group->row_count; i++)
		if (strcmp(group->rows[i].key, key) == 0)
			return &group->rows[i];
	return NULL;
}

static int read_group(struct conf_loader *loader, const struct schema_group *group, const config_setting_t *setting,
		      void *base)
{
	char where[4200], path[256];
	int error;

	if (!config_setting_is_group(setting))
		return conf_refuse(loader, setting, "%s is not a group; write { ... }",
				   conf_setting_path(setting, path, sizeof(path)));
	for (size_t i = 0; i < group->row_count; i++) {
		error = conf_store_default(loader, &group->rows[i], base);
		if (error)
			return error;
		if (!group->rows[i].fallback && !config_setting_get_member(setting, group->rows[i].key)) {
			error = conf_refuse(loader, setting, "%s has no %s; add it (%s)",
					    conf_setting_path(setting, path, sizeof(path)), group->rows[i].key,
					    group->rows[i].help);
			snprintf(loader->problem->field, sizeof(loader->problem->field), "%s", group->rows[i].key);
			return error;
		}
	}
	if (group->has_where) {
		conf_place(loader, setting, where, sizeof(where));
		*(const char **)(void *)((char *)base + group->where_offset) = conf_keep(loader, where);
	}
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
		const struct schema_row *row = find_row(group, config_setting_name(member));

		error = row ? read_row(loader, row, member, base) : conf_refuse_key(loader, member, group);
		if (error)
			return error;
	}
	/* Lists that the file does not have may have members elsewhere. */
	for (size_t i = 0; i < group->row_count; i++) {
		const struct schema_row *row = &group->rows[i];

		error = 0;
		if (row->kind == SCHEMA_LIST && row->group->has_where &&
		    !config_setting_get_member(setting, row->key) && conf_rows_of(loader, row->key))
			error = read_group_list(loader, row, NULL, base);
		if (error)
			return error;
	}
	return 0;
}

int conf_read(struct conf_loader *loader)
{
	const struct schema_row *dialplan = find_row(&schema_root, "dialplan");
	int error = read_group(loader, &schema_root, config_root_setting(loader->config), loader->conf);

	/* A file without the group has no list to put them behind. */
	if (error == 0 && !config_lookup(loader->config, "dialplan") && conf_rows_of(loader, "routes"))
		error = read_group_list(loader, find_row(dialplan->group, "routes"), NULL,
					field(dialplan, loader->conf));
	return error;
}
