/* JSON rows as an aligned table. */
#include "tools/voxctl/voxctl.h"

enum { VALUE_SIZE = 256 };

/* "a.0.b": members and indices. */
static json_t *find(json_t *node, const char *path)
{
	struct view rest = view_of(path);

	while (node && rest.at) {
		struct view step = view_cut(&rest, '.');
		char name[64];
		uint32_t index;

		if (json_is_array(node) && view_to_u32(step, UINT32_MAX, &index) == 0)
			node = json_array_get(node, index);
		else
			node = view_copy(step, name, sizeof(name)) == 0 ? json_object_get(node, name) : NULL;
	}
	return node;
}

/* C0, DEL and the C1 controls (0xc2 0x80..0x9f in UTF-8) could steer the terminal. */
static void add_printable(struct text *text, const char *string)
{
	for (const unsigned char *at = (const unsigned char *)string; *at; at++) {
		bool is_c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;

		at += is_c1;
		text_add_char(text, *at < 0x20 || *at == 0x7f || is_c1 ? '?' : (char)*at);
	}
}

void voxctl_value(json_t *object, const char *path, char *buffer, size_t buffer_size)
{
	json_t *node = find(object, path);
	struct text text;

	text_init(&text, buffer, buffer_size);
	if (json_is_string(node))
		add_printable(&text, json_string_value(node));
	else if (json_is_integer(node))
		text_printf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(node));
	else if (json_is_real(node))
		text_printf(&text, "%.1f", json_real_value(node));
	else if (json_is_boolean(node))
		text_add_string(&text, json_is_true(node) ? "yes" : "no");
	if (text.size == 0)
		text_add_char(&text, '-');
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t width_of(const char *string)
{
	size_t width = 0;

	for (; *string; string++)
		width += ((unsigned char)*string & 0xc0) != 0x80;
	return width;
}

static void print_cell(FILE *to, const char *value, size_t width, bool is_number, bool is_last)
{
	int padding = (int)(width - MIN(width, width_of(value)));

	if (is_number)
		fprintf(to, "%*s%s", padding, "", value);
	else
		fprintf(to, "%s%*s", value, is_last ? 0 : padding, "");
	fputs(is_last ? "\n" : "  ", to);
}

void voxctl_table(FILE *to, json_t *rows, const struct voxctl_column *columns, size_t column_count)
{
	size_t widths[16], i;
	char value[VALUE_SIZE];
	json_t *row;

	if (BUG_ON(column_count > ARRAY_LEN(widths)))
		return;
	for (size_t c = 0; c < column_count; c++) {
		widths[c] = width_of(columns[c].title);
		json_array_foreach(rows, i, row)
		{
			voxctl_value(row, columns[c].path, value, sizeof(value));
			widths[c] = MAX(widths[c], width_of(value));
		}
	}
	for (size_t c = 0; c < column_count; c++)
		print_cell(to, columns[c].title, widths[c], columns[c].is_number, c + 1 == column_count);
	json_array_foreach(rows, i, row)
	{
		for (size_t c = 0; c < column_count; c++) {
			voxctl_value(row, columns[c].path, value, sizeof(value));
			print_cell(to, value, widths[c], columns[c].is_number, c + 1 == column_count);
		}
	}
}
