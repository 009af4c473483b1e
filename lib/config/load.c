/* The road of a file: read it whole, look for what libconfig would misread in silence (scan.c), parse (libconfig), walk
 * (read.c), check (check.c). Everything that lives on is copied into one arena beside the struct. */
#include "lib/config/schema.h"

#include <errno.h>
#include <stdlib.h>

/* The arena holds every string and list; a file of the largest size cannot need more. */
#define CONF_MEMORY_MAX ((size_t)1 << 30)

struct conf_owned {
	struct conf conf;
	struct arena arena;
};

int conf_refuse(struct conf_loader *loader, const config_setting_t *setting, const char *format, ...)
{
	struct text text;
	va_list args;

	text_init(&text, loader->problem->text, sizeof(loader->problem->text));
	text_printf(&text, "%s:%u: ", loader->path, setting ? config_setting_source_line(setting) : 1);
	va_start(args, format);
	text_vprintf(&text, format, args);
	va_end(args);
	return ERR_INVALID;
}

const char *conf_keep(struct conf_loader *loader, const char *string)
{
	return arena_copy(loader->arena, view_of(string)).at;
}

static int load(struct conf_loader *loader, const char *text)
{
	config_t config;
	int error;

	error = conf_scan(loader, text);
	if (error)
		return error;
	config_init(&config);
	loader->config = &config;
	if (config_read_string(&config, text)) {
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
	return error;
}

int conf_load_text(const char *path, const char *text, struct conf **ret_conf, struct conf_problem *ret_problem)
{
	struct conf_owned *owned = calloc(1, sizeof(*owned));
	struct conf_loader loader = {.path = path, .problem = ret_problem};
	int error;

	ret_problem->text[0] = '\0';
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

int conf_load(const char *path, struct conf **ret_conf, struct conf_problem *ret_problem)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	int error;

	if (!file) {
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: cannot be opened: %s", path,
			 strerror(errno));
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : errno == EACCES ? ERR_PERMISSION : ERR_IO;
	}
	error = read_all(file, &text);
	if (error == ERR_SYNTAX)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: holds a zero byte; is it a text file?",
			 path);
	else if (error == ERR_TOO_LONG)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: is larger than %u bytes", path,
			 CONF_FILE_SIZE_MAX);
	else if (error)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: cannot be read: %s", path,
			 error == ERR_IO ? strerror(errno) : error_text(error));
	else
		error = conf_load_text(path, text, ret_conf, ret_problem);
	fclose(file);
	free(text);
	return error;
}
