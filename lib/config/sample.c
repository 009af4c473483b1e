/* The schema as a file for people: conf/voxlane.conf. Every key stands there with its default, so that reading it is
 * reading the manual; what has no default is shown as a comment. A test loads it and compares it with the repository.
 */
#include "lib/config/schema.h"

static bool is_list(const struct schema_row *row)
{
	return row->kind == SCHEMA_CHOICES || row->kind == SCHEMA_STRINGS || row->kind == SCHEMA_ADDRESSES ||
	       row->kind == SCHEMA_INTEGERS;
}

static bool is_quoted(const struct schema_row *row)
{
	return row->kind == SCHEMA_STRING || row->kind == SCHEMA_ADDRESS || row->kind == SCHEMA_CHOICE;
}

static void print_limits(FILE *stream, const struct schema_row *row)
{
	if (row->kind == SCHEMA_CHOICE || row->kind == SCHEMA_CHOICES) {
		fprintf(stream, " (");
		for (size_t i = 0; row->choices[i]; i++)
			fprintf(stream, "%s\"%s\"", i > 0 ? ", " : "", row->choices[i]);
		fprintf(stream, ")");
	} else if (row->kind >= SCHEMA_U8 && row->kind <= SCHEMA_I32) {
		fprintf(stream, " (%lld to %lld%s%s)", (long long)row->min, (long long)row->max,
			row->unit[0] ? " " : "", row->unit);
	}
}

static void print_default(FILE *stream, const struct schema_row *row)
{
	if (is_list(row))
		fprintf(stream, row->fallback[0] ? "[ \"%s\" ]" : "[ ]", row->fallback);
	else
		fprintf(stream, is_quoted(row) ? "\"%s\"" : "%s", row->fallback);
}

/* The keys of a list's members, then an example; all as comments. */
static void print_group_list(FILE *stream, const struct schema_row *row, const char *indent)
{
	const char *line = row->example;

	fprintf(stream, "%s# Each has:\n", indent);
	for (size_t i = 0; i < row->group->row_count; i++) {
		const struct schema_row *member = &row->group->rows[i];

		fprintf(stream, "%s#   %s", indent, member->key);
		if (member->group) {
			fprintf(stream, member->kind == SCHEMA_LIST ? " = ( {" : " = {");
			for (size_t k = 0; k < member->group->row_count; k++)
				fprintf(stream, "%s %s", k > 0 ? "," : "", member->group->rows[k].key);
			fprintf(stream, member->kind == SCHEMA_LIST ? " } )" : " }");
		} else if (member->fallback && member->fallback[0] &&
			   !(member->min > 0 && member->fallback[0] == '0')) {
			fprintf(stream, " = ");
			print_default(stream, member);
		}
		fprintf(stream, "%s: %s", member->fallback ? "" : ", always", member->help);
		print_limits(stream, member);
		fprintf(stream, "\n");
	}
	fprintf(stream, "%s#%s = (\n", indent, row->key);
	while (*line) {
		size_t size = strcspn(line, "\n");

		fprintf(stream, "%s#\t%.*s\n", indent, (int)size, line);
		line += size + 1;
	}
	fprintf(stream, "%s#);\n", indent);
}

static void print_group(FILE *stream, const struct schema_group *group, const char *indent)
{
	char deeper[8];

	snprintf(deeper, sizeof(deeper), "%s\t", indent);
	for (size_t i = 0; i < group->row_count; i++) {
		const struct schema_row *row = &group->rows[i];

		fprintf(stream, "%s%s# %s", i > 0 && indent[0] == '\0' ? "\n" : "", indent, row->help);
		print_limits(stream, row);
		fprintf(stream, "\n");
		if (row->kind == SCHEMA_LIST) {
			print_group_list(stream, row, indent);
		} else if (row->kind == SCHEMA_GROUP) {
			fprintf(stream, "%s%s: {\n", indent, row->key);
			print_group(stream, row->group, deeper);
			fprintf(stream, "%s};\n", indent);
		} else {
			fprintf(stream, "%s%s = ", indent, row->key);
			print_default(stream, row);
			fprintf(stream, ";\n");
		}
	}
}

void conf_print_sample(FILE *stream)
{
	fprintf(stream,
		"# The configuration of both Voxlane daemons, with every key at its default. Printed from the schema\n"
		"# (lib/config/schema.c); a file needs only what differs. Check one with --check-config.\n\n");
	print_group(stream, &schema_root, "");
}
