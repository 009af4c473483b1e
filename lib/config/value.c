/* Single values: checked against their row and stored in the struct. Defaults take the same road as the file's. */
#include "lib/config/schema.h"

#include <stdlib.h>

static void *field(const struct schema_row *row, void *base)
{
	return (char *)base + row->offset;
}

void conf_store_number(const struct schema_row *row, void *base, int64_t value)
{
	switch (row->kind) {
	case SCHEMA_BOOL:
		*(bool *)field(row, base) = value != 0;
		break;
	case SCHEMA_U8:
		*(uint8_t *)field(row, base) = (uint8_t)value;
		break;
	case SCHEMA_U16:
		*(uint16_t *)field(row, base) = (uint16_t)value;
		break;
	case SCHEMA_U32:
		*(uint32_t *)field(row, base) = (uint32_t)value;
		break;
	case SCHEMA_I32:
		*(int32_t *)field(row, base) = (int32_t)value;
		break;
	default:
		(void)BUG_ON("store_number: not a number");
	}
}

static int choice_index(const struct schema_row *row, const char *name, unsigned *ret_index)
{
	for (unsigned i = 0; row->choices[i]; i++)
		if (strcmp(row->choices[i], name) == 0) {
			*ret_index = i;
			return 0;
		}
	return ERR_NOT_FOUND;
}

int conf_store_default(struct conf_loader *loader, const struct schema_row *row, void *base)
{
	const char *fallback = row->fallback ? row->fallback : "";
	unsigned index;
	int error = 0;

	switch (row->kind) {
	case SCHEMA_BOOL:
		conf_store_number(row, base, strcmp(fallback, "true") == 0);
		break;
	case SCHEMA_U8:
	case SCHEMA_U16:
	case SCHEMA_U32:
	case SCHEMA_I32:
		conf_store_number(row, base, strtoll(fallback, NULL, 10));
		break;
	case SCHEMA_STRING:
		*(const char **)field(row, base) = conf_keep(loader, fallback);
		error = *(const char **)field(row, base) ? 0 : ERR_NOMEM;
		break;
	case SCHEMA_ADDRESS:
		if (fallback[0])
			error = net_address_parse(view_of(fallback), field(row, base));
		break;
	case SCHEMA_CHOICE:
		error = choice_index(row, fallback, &index);
		*(unsigned *)field(row, base) = error ? 0 : index;
		break;
	case SCHEMA_CHOICES:
		error = choice_index(row, fallback, &index);
		*(uint32_t *)field(row, base) = error ? 0 : 1u << index;
		break;
	case SCHEMA_STRINGS:
	case SCHEMA_ADDRESSES:
	case SCHEMA_INTEGERS:
	case SCHEMA_LIST:
		break; /* empty, as the struct was zeroed */
	case SCHEMA_GROUP:
		for (size_t i = 0; i < row->group->row_count && !error; i++)
			error = conf_store_default(loader, &row->group->rows[i], field(row, base));
		break;
	}
	return error;
}

int conf_read_number(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		     int64_t *ret_value)
{
	int type = config_setting_type(setting);
	char what[64];

	if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
		return conf_refuse_type(loader, setting, row);
	*ret_value = type == CONFIG_TYPE_INT ? config_setting_get_int(setting) : config_setting_get_int64(setting);
	if (*ret_value >= row->min && *ret_value <= row->max)
		return 0;
	snprintf(what, sizeof(what), "= %lld is out of range", (long long)*ret_value);
	return conf_refuse_value(loader, setting, row, what);
}

int conf_read_string(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		     int64_t min, int64_t max, const char **ret_string)
{
	const char *string;
	char what[96];

	if (config_setting_type(setting) != CONFIG_TYPE_STRING)
		return conf_refuse_type(loader, setting, row);
	string = config_setting_get_string(setting);
	for (const char *c = string; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return conf_refuse_value(loader, setting, row, "holds a control character");
	if ((int64_t)strlen(string) < min || (int64_t)strlen(string) > max) {
		snprintf(what, sizeof(what), string[0] ? "has %zu characters" : "is empty", strlen(string));
		return conf_refuse_value(loader, setting, row, what);
	}
	*ret_string = string;
	return 0;
}

int conf_read_address(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		      bool may_be_empty, struct net_address *ret_address)
{
	const char *string;
	char what[128];
	int error = conf_read_string(loader, row, setting, 0, INT64_MAX, &string);

	if (error)
		return error;
	if (may_be_empty && !string[0]) {
		*ret_address = (struct net_address){0};
		return 0;
	}
	if (!net_address_parse(view_of(string), ret_address))
		return 0;
	snprintf(what, sizeof(what), "= \"%.60s\" is not one", string);
	return conf_refuse_value(loader, setting, row, what);
}

int conf_read_choice(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		     unsigned *ret_index)
{
	const char *string;
	char what[128];
	int error = conf_read_string(loader, row, setting, 0, INT64_MAX, &string);

	if (error)
		return error;
	if (!choice_index(row, string, ret_index))
		return 0;
	snprintf(what, sizeof(what), "= \"%.60s\" is unknown", string);
	return conf_refuse_value(loader, setting, row, what);
}
