/* What every machine's test asserts: the table is complete, and the README shows it as it is. */
#ifndef TESTS_UNIT_FSM_UNIT_H
#define TESTS_UNIT_FSM_UNIT_H

#include "tests/unit/unit.h"
#include "lib/fsm/fsm.h"

static inline void fsm_assert_complete(const struct fsm_machine *machine)
{
	char buffer[8192];
	struct text faults;

	text_init(&faults, buffer, sizeof(buffer));
	if (fsm_check(machine, &faults) > 0)
		fail_msg("%s", buffer);
}

/* path: of the README, from the root of the tree. With FSM_README_WRITE in the environment it is brought up to date. */
static inline void fsm_assert_readme(const struct fsm_machine *machine, const char *path)
{
	static char table[65536], file[262144], name[512], mark[128];
	struct text text;
	char *from, *to;
	size_t size;
	FILE *stream;

	text_init(&text, table, sizeof(table));
	fsm_print_markdown(machine, &text);
	assert_false(text.overflow);
	snprintf(name, sizeof(name), "%s/%s", SOURCE_ROOT, path);
	snprintf(mark, sizeof(mark), "<!-- fsm %s -->\n", machine->name);
	stream = fopen(name, "r");
	assert_non_null(stream);
	size = fread(file, 1, sizeof(file) - 1, stream);
	fclose(stream);
	file[size] = '\0';
	from = strstr(file, mark);
	if (!from)
		fail_msg("%s has no line %s", path, mark);
	from += strlen(mark);
	to = strstr(from, "<!-- end -->");
	assert_non_null(to);
	if ((size_t)(to - from) == text.size && memcmp(from, table, text.size) == 0)
		return;
	if (!getenv("FSM_README_WRITE"))
		fail_msg("%s shows another table of %s than the code has:\n%s", path, machine->name, table);
	stream = fopen(name, "w");
	assert_non_null(stream);
	fprintf(stream, "%.*s%s%s", (int)(from - file), file, table, to);
	fclose(stream);
}

#endif
