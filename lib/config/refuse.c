/* The sentences of a refusal: where, what is wrong, what to write instead. */
#include "lib/config/schema.h"

#include <stdlib.h>

const char *conf_setting_path(const config_setting_t *setting, char *buffer, size_t buffer_size)
{
	const config_setting_t *parent = config_setting_parent(setting);
	char above[256] = "";

	if (!parent) {
		snprintf(buffer, buffer_size, "%s", "");
		return buffer;
	}
	conf_setting_path(parent, above, sizeof(above));
	if (config_setting_name(setting))
		snprintf(buffer, buffer_size, "%s%s%.64s", above, above[0] ? "." : "", config_setting_name(setting));
	else
		snprintf(buffer, buffer_size, "%s[%d]", above, config_setting_index(setting));
	return buffer;
}

static const char *type_name(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_ARRAY:
		return "an array [ ]";
	default:
		return "a list ( )";
	}
}

/* What the row wants, for people: "a number from 1 to 65535". */
static const char *wanted(const struct schema_row *row, char *buffer, size_t buffer_size)
{
	struct text text;

	text_init(&text, buffer, buffer_size);
	switch (row->kind) {
	case SCHEMA_BOOL:
		text_add_string(&text, "true or false");
		break;
	case SCHEMA_U8:
	case SCHEMA_U16:
	case SCHEMA_U32:
	case SCHEMA_I32:
		text_printf(&text, "a whole number from %lld to %lld", (long long)row->min, (long long)row->max);
		break;
	case SCHEMA_STRING:
		text_printf(&text, "a \"string\" of %lld to %lld characters", (long long)row->min, (long long)row->max);
		break;
	case SCHEMA_ADDRESS:
		text_add_string(&text, "an IP address such as \"192.0.2.1\" or \"2001:db8::1\"");
		break;
	case SCHEMA_CHOICE:
	case SCHEMA_CHOICES:
		text_add_string(&text, row->choices[1] ? "one of " : "");
		for (size_t i = 0; row->choices[i]; i++)
			text_printf(&text, "%s\"%s\"", i > 0 ? ", " : "", row->choices[i]);
		break;
	case SCHEMA_STRINGS:
		text_printf(&text, "a list of %lld to %lld strings", (long long)row->min, (long long)row->max);
		break;
	case SCHEMA_ADDRESSES:
		text_printf(&text, "a list of %lld to %lld IP addresses", (long long)row->min, (long long)row->max);
		break;
	case SCHEMA_INTEGERS:
		text_printf(&text, "a list of up to %lld whole numbers", (long long)row->max);
		break;
	case SCHEMA_GROUP:
		text_add_string(&text, "a group { ... }");
		break;
	case SCHEMA_LIST:
		text_printf(&text, "a list of up to %lld groups ( { ... }, { ... } )", (long long)row->max);
		break;
	}
	return buffer;
}

int conf_refuse_value(struct conf_loader *loader, const config_setting_t *setting, const struct schema_row *row,
		      const char *what)
{
	char path[256], want[256];

	return conf_refuse(loader, setting, "%s %s; write %s", conf_setting_path(setting, path, sizeof(path)), what,
			   wanted(row, want, sizeof(want)));
}

int conf_refuse_type(struct conf_loader *loader, const config_setting_t *setting, const struct schema_row *row)
{
	char what[64];

	snprintf(what, sizeof(what), "is %s", type_name(setting));
	return conf_refuse_value(loader, setting, row, what);
}

/* How many letters differ, at the first difference of length it gives up: enough to find a slip of the finger. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], size = strlen(b);

	if (size >= ARRAY_LEN(row))
		return SIZE_MAX;
	for (size_t j = 0; j <= size; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= size; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[size];
}

int conf_refuse_key(struct conf_loader *loader, const config_setting_t *setting, const struct schema_group *group)
{
	const char *name = config_setting_name(setting), *nearest = NULL;
	size_t best = strlen(name) / 3 + 2;
	char path[256], keys[320];
	struct text text;

	text_init(&text, keys, sizeof(keys));
	for (size_t i = 0; i < group->row_count; i++) {
		size_t far = distance(name, group->rows[i].key);

		if (far < best) {
			best = far;
			nearest = group->rows[i].key;
		}
		text_printf(&text, "%s%s", i > 0 ? ", " : "", group->rows[i].key);
	}
	conf_setting_path(setting, path, sizeof(path));
	if (nearest)
		return conf_refuse(loader, setting, "unknown key %s; did you mean %s?", path, nearest);
	return conf_refuse(loader, setting, "unknown key %s; known here are %s", path, keys);
}
