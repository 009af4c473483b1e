/* The file as steps: a line each, with the indented lines below it. */
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCRIPT_MAX = 1 << 20 };

static bool is_blank_line(struct view line)
{
	struct view text = view_trim(line);

	return text.size == 0 || text.at[0] == '#';
}

static bool is_indented(struct view line)
{
	return line.size > 0 && (line.at[0] == ' ' || line.at[0] == '\t');
}

static void add_line(struct script *script, unsigned number, struct view line)
{
	struct step *step = script->count > 0 ? &script->steps[script->count - 1] : NULL;

	if (!is_indented(line)) {
		script->steps[script->count++] =
			(struct step){.line = number, .text = view_trim(line), .block = VIEW_EMPTY};
		return;
	}
	if (!step)
		scenario_fail("line %u is indented, but nothing stands above it", number);
	if (step->block.size == 0)
		step->block.at = line.at;
	step->block.size = (size_t)(line.at + line.size - step->block.at);
}

void script_read(struct script *script, const char *path)
{
	FILE *file = fopen(path, "r");
	struct view rest;
	size_t size;

	if (!file)
		scenario_fail("%s cannot be read", path);
	script->path = path;
	script->bytes = malloc(SCRIPT_MAX);
	size = script->bytes ? fread(script->bytes, 1, SCRIPT_MAX - 1, file) : 0;
	fclose(file);
	script->bytes[size] = '\0';
	script->steps = calloc(size + 1, sizeof(*script->steps));
	rest = (struct view){script->bytes, size};
	for (unsigned number = 1; rest.size > 0; number++) {
		struct view line = view_cut(&rest, '\n');

		if (!is_blank_line(line))
			add_line(script, number, line);
	}
}

void script_free(struct script *script)
{
	free(script->steps);
	free(script->bytes);
}

struct view next_word(struct view *rest)
{
	struct view trimmed = view_trim(*rest), word = view_cut(&trimmed, ' ');

	*rest = trimmed.at ? view_trim(trimmed) : VIEW_EMPTY;
	return word;
}

bool take_word(struct view *rest, const char *word)
{
	struct view copy = *rest;

	if (!view_is(next_word(&copy), word))
		return false;
	*rest = copy;
	return true;
}

uint64_t parse_ms(struct view text)
{
	struct view digits = text;
	uint64_t value, factor = 1;

	if (text.size > 2 && view_is(view_sub(text, text.size - 2, 2), "ms")) {
		digits.size -= 2;
	} else if (text.size > 1 && text.at[text.size - 1] == 's') {
		digits.size--;
		factor = 1000;
	}
	if (view_to_u64(digits, 1000000000, &value) < 0)
		scenario_fail("\"%.*s\" is no time; write 500ms or 3s", VIEW_ARG(text));
	return value * factor;
}

/* Comment lines within a block are skipped as well. */
bool next_line(struct view *block, struct view *ret_line)
{
	while (block->size > 0) {
		struct view line = view_cut(block, '\n');

		if (!block->at)
			*block = VIEW_EMPTY;
		if (is_blank_line(line))
			continue;
		*ret_line = view_trim(line);
		return true;
	}
	return false;
}
