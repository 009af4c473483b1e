/* The road of a file: read it whole, look for what libconfig would misread in silence (scan.c), parse (libconfig), walk
 * (read.c), check (check.c). Everything that lives on is copied into one arena beside the struct. */
#include "lib/config/rows.h"
#include "lib/config/schema.h"

#include <errno.h>
#include <stdlib.h>

/* The arena holds every string and list; a file of the largest size cannot need more. */
#define CONF_MEMORY_MAX ((size_t)1 << 30)

struct conf_owned {
	struct conf conf;
	struct arena arena;
};

static bool is_of_rows(const struct conf_loader *loader, const config_setting_t *setting)
{
	while (config_setting_parent(setting))
		setting = config_setting_parent(setting);
	return loader->rows_config && setting == config_root_setting(loader->rows_config);
}

const char *conf_place(struct conf_loader *loader, const config_setting_t *setting, char *buffer, size_t buffer_size)
{
	unsigned line = setting ? config_setting_source_line(setting) : 1;
	struct text text;

	text_init(&text, buffer, buffer_size);
	if (setting && is_of_rows(loader, setting)) {
		const struct conf_row *row = &loader->rows[loader->row_of_line[line]];

		text_printf(&text, "database:%s/%.100s", row->list, row->name);
	} else {
		text_printf(&text, "%s:%u", loader->path, line);
	}
	return buffer;
}

const config_setting_t *conf_rows_of(struct conf_loader *loader, const char *list)
{
	return loader->rows_config ? config_lookup(loader->rows_config, list) : NULL;
}

int conf_refuse(struct conf_loader *loader, const config_setting_t *setting, const char *format, ...)
{
	struct text text;
	va_list args;

	char place[256];

	text_init(&text, loader->problem->text, sizeof(loader->problem->text));
	text_printf(&text, "%s: ", conf_place(loader, setting, place, sizeof(place)));
	loader->problem->is_row = setting && is_of_rows(loader, setting);
	/* A value in a list has no name of its own. */
	if (setting && !config_setting_name(setting) && config_setting_is_scalar(setting))
		setting = config_setting_parent(setting);
	snprintf(loader->problem->field, sizeof(loader->problem->field), "%s",
		 setting && config_setting_name(setting) ? config_setting_name(setting) : "");
	va_start(args, format);
	text_vprintf(&text, format, args);
	va_end(args);
	return ERR_INVALID;
}

const char *conf_keep(struct conf_loader *loader, const char *string)
{
	return arena_copy(loader->arena, view_of(string)).at;
}

/* ---- further members of lists, as a text of libconfig's with a row a line ---- */

struct rows_text {
	char *at;
	size_t size, line;
	size_t *row_of_line;
};

static void add_line(struct rows_text *text, size_t row, const char *line, const char *end)
{
	size_t size = strlen(line), end_size = strlen(end);

	text->row_of_line[++text->line] = row;
	memcpy(text->at + text->size, line, size);
	memcpy(text->at + text->size + size, end, end_size);
	text->size += size + end_size;
}

static int make_rows_text(const struct conf_loader *loader, struct rows_text *text)
{
	size_t size = 1, lines = 2 + 2 * CONF_LIST_COUNT + loader->row_count;

	for (size_t i = 0; i < loader->row_count; i++)
		size += strlen(loader->rows[i].text) + 2;
	text->at = malloc(size + 32 * CONF_LIST_COUNT);
	text->row_of_line = calloc(lines, sizeof(*text->row_of_line));
	if (!text->at || !text->row_of_line)
		return ERR_NOMEM;
	for (size_t list = 0; list < CONF_LIST_COUNT; list++) {
		const char *name = conf_list_name((enum conf_list)list);
		bool is_first = true;

		add_line(text, 0, name, " = (\n");
		for (size_t i = 0; i < loader->row_count; i++) {
			if (strcmp(loader->rows[i].list, name) != 0)
				continue;
			/* The comma begins the line, so that a row is one line whole. */
			text->at[text->size] = is_first ? ' ' : ',';
			text->size++;
			is_first = false;
			add_line(text, i, loader->rows[i].text, "\n");
		}
		add_line(text, 0, "", ");\n");
	}
	text->at[text->size] = '\0';
	return 0;
}

/* A text that does not follow libconfig's grammar was not made by us: say which one it is. */
static int read_rows(struct conf_loader *loader, config_t *config, struct rows_text *text)
{
	int error = make_rows_text(loader, text);
	const struct conf_row *row;

	if (error)
		return error;
	loader->row_of_line = text->row_of_line;
	if (config_read_string(config, text->at)) {
		loader->rows_config = config;
		return 0;
	}
	row = &loader->rows[text->row_of_line[config_error_line(config)]];
	snprintf(loader->problem->text, sizeof(loader->problem->text), "database:%s/%.100s: %s", row->list, row->name,
		 config_error_text(config));
	loader->problem->is_row = true;
	return ERR_SYNTAX;
}

static int load(struct conf_loader *loader, const char *text)
{
	struct rows_text rows_text = {0};
	config_t config, rows_config;
	int error;

	error = conf_scan(loader, text);
	if (error)
		return error;
	config_init(&config);
	config_init(&rows_config);
	loader->config = &config;
	if (config_read_string(&config, text)) {
		error = loader->row_count > 0 ? read_rows(loader, &rows_config, &rows_text) : 0;
		if (!error)
			error = conf_read(loader);
		if (!error)
			error = conf_check(loader);
	} else {
		error = ERR_SYNTAX;
		snprintf(loader->problem->text, sizeof(loader->problem->text),
			 "%s:%d: %s; look here and on the line above", loader->path, config_error_line(&config),
			 config_error_text(&config));
	}
	config_destroy(&config);
	config_destroy(&rows_config);
	free(rows_text.at);
	free(rows_text.row_of_line);
	return error;
}

int conf_load_text(const char *path, const char *text, struct conf **ret_conf, struct conf_problem *ret_problem)
{
	return conf_load_text_with(path, text, NULL, 0, ret_conf, ret_problem);
}

int conf_load_text_with(const char *path, const char *text, const struct conf_row *rows, size_t row_count,
			struct conf **ret_conf, struct conf_problem *ret_problem)
{
	struct conf_owned *owned = calloc(1, sizeof(*owned));
	struct conf_loader loader = {.path = path, .problem = ret_problem, .rows = rows, .row_count = row_count};
	int error;

	*ret_problem = (struct conf_problem){""};
	if (!owned) {
		error = ERR_NOMEM;
		goto fail;
	}
	arena_init(&owned->arena, CONF_MEMORY_MAX);
	loader.arena = &owned->arena;
	loader.conf = &owned->conf;
	owned->conf.path = conf_keep(&loader, path);
	error = owned->conf.path ? load(&loader, text) : ERR_NOMEM;
	if (error)
		goto fail;
	*ret_conf = &owned->conf;
	return 0;
fail:
	if (ret_problem->text[0] == '\0')
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: %s", path, error_text(error));
	conf_free(owned ? &owned->conf : NULL);
	return error;
}

uint32_t conf_signalling_workers(const struct conf *conf, uint32_t cores)
{
	uint32_t used = conf->dataplane.workers, left = cores > used ? cores - used : 1;

	return conf->sip.workers > 0 ? conf->sip.workers : MIN(left, 32u);
}

void conf_free(struct conf *conf)
{
	struct conf_owned *owned = conf ? CONTAINER_OF(conf, struct conf_owned, conf) : NULL;

	if (!owned)
		return;
	arena_fini(&owned->arena);
	free(owned);
}

static int read_all(FILE *file, char **ret_text)
{
	char *text = malloc(CONF_FILE_SIZE_MAX + 1);
	size_t size;
	int error = 0;

	if (!text)
		return ERR_NOMEM;
	size = fread(text, 1, CONF_FILE_SIZE_MAX + 1, file);
	if (ferror(file))
		error = ERR_IO;
	else if (size > CONF_FILE_SIZE_MAX)
		error = ERR_TOO_LONG;
	else if (memchr(text, '\0', size))
		error = ERR_SYNTAX;
	if (error) {
		free(text);
		return error;
	}
	text[size] = '\0';
	*ret_text = text;
	return 0;
}

int conf_read_text(const char *path, char **ret_text, struct conf_problem *ret_problem)
{
	FILE *file = fopen(path, "re");
	int error;

	*ret_problem = (struct conf_problem){""};
	if (!file) {
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: cannot be opened: %s", path,
			 strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : errno == EACCES ? ERR_PERMISSION : ERR_IO;
	}
	error = read_all(file, ret_text);
	if (error == ERR_SYNTAX)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: holds a zero byte; is it a text file?",
			 path);
	else if (error == ERR_TOO_LONG)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: is larger than %u bytes", path,
			 CONF_FILE_SIZE_MAX);
	else if (error)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: cannot be read: %s", path,
			 error == ERR_IO ? strerror(errno) : error_text(error));
	fclose(file);
	return error;
}

int conf_load(const char *path, struct conf **ret_conf, struct conf_problem *ret_problem)
{
	char *text = NULL;
	int error = conf_read_text(path, &text, ret_problem);

	if (error == 0)
		error = conf_load_text(path, text, ret_conf, ret_problem);
	free(text);
	return error;
}
