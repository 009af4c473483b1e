/* What differs between two configurations, by the rows of the schema: for a reload, which has to say what it cannot change. */
#include "lib/config/rows.h"
#include "lib/config/schema.h"

static bool is_group_equal(const struct schema_group *group, const void *a, const void *b);

static bool is_strings_equal(const struct conf_strings *a, const struct conf_strings *b)
{
	for (size_t i = 0; i < a->len && a->len == b->len; i++)
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	return a->len == b->len;
}

static bool is_bytes_equal(const void *a, size_t a_len, const void *b, size_t b_len, size_t member_size)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len * member_size) == 0);
}

static bool is_list_equal(const struct schema_row *row, const void *a, const void *b)
{
	const char *a_at = *(const char *const *)((const char *)a + row->offset);
	const char *b_at = *(const char *const *)((const char *)b + row->offset);
	size_t a_len = *(const size_t *)(const void *)((const char *)a + row->count_offset);
	size_t b_len = *(const size_t *)(const void *)((const char *)b + row->count_offset);

	for (size_t i = 0; i < a_len && a_len == b_len; i++)
		if (!is_group_equal(row->group, a_at + i * row->group->size, b_at + i * row->group->size))
			return false;
	return a_len == b_len;
}

static bool is_row_equal(const struct schema_row *row, const void *a, const void *b)
{
	const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
	const struct conf_addresses *x_addresses = x, *y_addresses = y;
	const struct conf_integers *x_integers = x, *y_integers = y;

	switch (row->kind) {
	case SCHEMA_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case SCHEMA_U8:
		return *(const uint8_t *)x == *(const uint8_t *)y;
	case SCHEMA_U16:
		return *(const uint16_t *)x == *(const uint16_t *)y;
	case SCHEMA_U32:
	case SCHEMA_CHOICES:
		return *(const uint32_t *)x == *(const uint32_t *)y;
	case SCHEMA_I32:
		return *(const int32_t *)x == *(const int32_t *)y;
	case SCHEMA_CHOICE:
		return *(const unsigned *)x == *(const unsigned *)y;
	case SCHEMA_STRING:
		return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
	case SCHEMA_ADDRESS:
		return net_address_is_equal(x, y);
	case SCHEMA_STRINGS:
		return is_strings_equal(x, y);
	case SCHEMA_ADDRESSES:
		return is_bytes_equal(x_addresses->at, x_addresses->len, y_addresses->at, y_addresses->len,
				      sizeof(*x_addresses->at));
	case SCHEMA_INTEGERS:
		return is_bytes_equal(x_integers->at, x_integers->len, y_integers->at, y_integers->len,
				      sizeof(*x_integers->at));
	case SCHEMA_GROUP:
		return is_group_equal(row->group, x, y);
	case SCHEMA_LIST:
		return is_list_equal(row, a, b);
	}
	return true;
}

static bool is_group_equal(const struct schema_group *group, const void *a, const void *b)
{
	for (size_t i = 0; i < group->row_count; i++)
		if (!is_row_equal(&group->rows[i], a, b))
			return false;
	return true;
}

void conf_compare(const struct conf *a, const struct conf *b, void (*on_difference)(void *arg, const char *path),
		  void *arg)
{
	char path[128];

	for (size_t i = 0; i < schema_root.row_count; i++) {
		const struct schema_row *row = &schema_root.rows[i];
		const struct schema_group *group = row->kind == SCHEMA_GROUP ? row->group : NULL;

		if (!group && !is_row_equal(row, a, b))
			on_difference(arg, row->key);
		for (size_t k = 0; group && k < group->row_count; k++) {
			const struct schema_row *member = &group->rows[k];
			struct text text;

			text_init(&text, path, sizeof(path));
			text_printf(&text, "%s.%s", row->key, member->key);
			if (!is_row_equal(member, (const char *)a + row->offset, (const char *)b + row->offset))
				on_difference(arg, path);
		}
	}
}
