/* Private to lib/config: the rows that say what the file may contain, and the loader's state.
 *
 * A row carries everything about a key: its type follows from the type of the struct's field, so the two cannot drift
 * apart. read.c fills structs by the rows, sample.c prints them, check.c adds what concerns more than one key.
 */
#ifndef LIB_CONFIG_SCHEMA_H
#define LIB_CONFIG_SCHEMA_H

#include <libconfig.h>

#include "lib/config/config.h"
#include "lib/container/arena.h"

enum schema_kind {
	SCHEMA_BOOL,
	SCHEMA_U8,
	SCHEMA_U16,
	SCHEMA_U32,
	SCHEMA_I32,
	SCHEMA_STRING,
	SCHEMA_ADDRESS,
	SCHEMA_CHOICE,    /* one of `choices`, stored as its index in an unsigned */
	SCHEMA_CHOICES,   /* a list of them, stored as bits */
	SCHEMA_STRINGS,   /* a list */
	SCHEMA_ADDRESSES, /* a list */
	SCHEMA_INTEGERS,  /* a list */
	SCHEMA_GROUP,     /* a struct inside the struct */
	SCHEMA_LIST,      /* a list of groups: a pointer and a count */
};

struct conf_row;
struct schema_group;

struct schema_row {
	const char *key;
	enum schema_kind kind;
	size_t offset, count_offset; /* in the group's struct; count_offset: of a list's count */
	int64_t min, max;            /* numbers: range; strings: length; lists: length */
	const char *fallback;        /* the default as text; lists: "" is empty, else one member; NULL: must be given */
	const char *unit;            /* "" when the number is a plain count */
	const char *help;
	const char *const *choices; /* ends in NULL */
	const struct schema_group *group;
	const char *example; /* of a list of groups, a line each */
};

struct schema_group {
	const struct schema_row *rows;
	size_t row_count;
	size_t size; /* of the struct */
	bool has_where;
	size_t where_offset; /* of a const char * that gets "file:line" */
};

extern const struct schema_group schema_root;

/* What the walk and the checks share. */
struct conf_loader {
	const char *path;
	const config_t *config;
	const config_t *rows_config; /* further members of lists; NULL: none */
	const struct conf_row *rows; /* one a line of it, from line 2 on, list by list */
	size_t row_count;
	const size_t *row_of_line; /* of rows_config */
	struct arena *arena;
	struct conf *conf;
	struct conf_problem *problem;
};

/* Writes "file:line: ..." for the setting (NULL: the file as a whole) and returns ERR_INVALID. */
int conf_refuse(struct conf_loader *loader, const config_setting_t *setting, const char *format, ...) PRINTF(3, 4);
/* "file:line", or the name of the row that it is in. Returns buffer. */
const char *conf_place(struct conf_loader *loader, const config_setting_t *setting, char *buffer, size_t buffer_size);
/* The list of the further members that stands at the same place as `list`; NULL: none. */
const config_setting_t *conf_rows_of(struct conf_loader *loader, const char *list);
/* A terminated copy that lives as long as the configuration; NULL when out of memory. */
const char *conf_keep(struct conf_loader *loader, const char *string);
/* "sip.listen_port", "dataplane.ports[0].name", into the buffer; returns the buffer. */
const char *conf_setting_path(const config_setting_t *setting, char *buffer, size_t buffer_size);
/* "file:line: sip.listen_port <what>; write a whole number from 1 to 65535". ERR_INVALID. */
int conf_refuse_value(struct conf_loader *loader, const config_setting_t *setting, const struct schema_row *row,
		      const char *what);
/* The same about the setting's type. */
int conf_refuse_type(struct conf_loader *loader, const config_setting_t *setting, const struct schema_row *row);
/* The same about a key that the group does not know, with the one that was probably meant. */
int conf_refuse_key(struct conf_loader *loader, const config_setting_t *setting, const struct schema_group *group);

/* Single values (value.c): 0, or refused. */
void conf_store_number(const struct schema_row *row, void *base, int64_t value);
int conf_store_default(struct conf_loader *loader, const struct schema_row *row, void *base) WARN_UNUSED;
int conf_read_number(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		     int64_t *ret_value) WARN_UNUSED;
/* A string without control characters, which would break log lines and SIP messages. It still belongs to libconfig. */
int conf_read_string(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		     int64_t min, int64_t max, const char **ret_string) WARN_UNUSED;
int conf_read_address(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		      bool may_be_empty, struct net_address *ret_address) WARN_UNUSED;
int conf_read_choice(struct conf_loader *loader, const struct schema_row *row, const config_setting_t *setting,
		     unsigned *ret_index) WARN_UNUSED;

/* Refuses what libconfig would misread in silence. */
int conf_scan(struct conf_loader *loader, const char *text) WARN_UNUSED;
/* Fills loader->conf from the file by the rows. */
int conf_read(struct conf_loader *loader) WARN_UNUSED;
/* The checks of trunks, groups and the routes to them (check_trunk.c). */
int conf_check_trunks(struct conf_loader *loader) WARN_UNUSED;
/* The setting to blame: the member `key` of the index-th group of the list at path, or that group itself. */
const config_setting_t *conf_blame_member(struct conf_loader *loader, const char *path, size_t index, const char *key);
enum { CONF_DEFAULT_ROUTES = 3 };
const config_setting_t *conf_blame_route(struct conf_loader *loader, size_t index, const char *key);
/* Fills in what depends on other keys and refuses what contradicts itself. */
int conf_check(struct conf_loader *loader) WARN_UNUSED;

#endif
