/* Lists of the configuration seen from outside, by the rows of the schema: what a member may have, and what a member has.
 * For those who show it and change it: the API gives and takes extensions, trunks and routes by this.
 *
 * Used by controlplane/provision. Threads: pure. Ownership: everything shown belongs to the schema or to the struct conf.
 */
#ifndef LIB_CONFIG_ROWS_H
#define LIB_CONFIG_ROWS_H

#include "lib/config/config.h"

/* ---- loading with members from elsewhere than the file ---- */
/* The whole file, terminated, for conf_load_text; the caller frees. */
int conf_read_text(const char *path, char **ret_text, struct conf_problem *ret_problem) WARN_UNUSED;
/* The same with further members of lists, which stand behind those of the file and follow the same rules. */
struct conf_row {
	const char *list; /* "extensions", "trunks", "routes" (of dialplan): see rows.h */
	const char *name; /* for problems and `where`: "database:extensions/1000" */
	const char *text; /* "{ number = \"1000\"; ... }", one line */
};
int conf_load_text_with(const char *path, const char *text, const struct conf_row *rows, size_t row_count,
			struct conf **ret_conf, struct conf_problem *ret_problem) WARN_UNUSED;

/* Names each key of the second level ("sip.listen_port", "dialplan.routes") and list of the first ("extensions") that is
 * not the same in both. */
void conf_compare(const struct conf *a, const struct conf *b, void (*on_difference)(void *arg, const char *path),
		  void *arg);

/* ---- lists ---- */
enum conf_list { CONF_LIST_EXTENSIONS, CONF_LIST_TRUNKS, CONF_LIST_ROUTES, CONF_LIST_COUNT };
/* "extensions", "trunks", "routes". */
const char *conf_list_name(enum conf_list list);
size_t conf_list_len(const struct conf *conf, enum conf_list list);
/* "file:line", "default", or "database:<list>/<name>" of a row of conf_load_text_with. */
const char *conf_list_where(const struct conf *conf, enum conf_list list, size_t index);

/* Texts of one kind or another (addresses, choices) are texts here. */
enum conf_kind { CONF_KIND_BOOL, CONF_KIND_NUMBER, CONF_KIND_TEXT, CONF_KIND_TEXTS, CONF_KIND_ROWS };

struct conf_key {
	const char *key, *help;
	enum conf_kind kind;
	bool is_needed;
	int64_t min, max;           /* numbers: range; texts: length */
	const char *const *choices; /* NULL: any; ends in NULL */
	const void *group;          /* CONF_KIND_ROWS: for conf_describe_group */
};
void conf_describe(enum conf_list list, void (*visit)(void *arg, const struct conf_key *key), void *arg);
void conf_describe_group(const void *group, void (*visit)(void *arg, const struct conf_key *key), void *arg);
/* ERR_NOT_FOUND. */
int conf_find_key(enum conf_list list, const char *key, struct conf_key *ret_key) WARN_UNUSED;

struct conf_member_value {
	int64_t number; /* also of CONF_KIND_BOOL */
	const char *text;
	struct conf_strings texts;
	const void *rows; /* CONF_KIND_ROWS: for conf_walk_group */
	size_t row_count, row_size;
};
typedef void conf_visit_member(void *arg, const struct conf_key *key, const struct conf_member_value *value);
void conf_walk_member(const struct conf *conf, enum conf_list list, size_t index, conf_visit_member *visit, void *arg);
void conf_walk_group(const void *group, const void *row, conf_visit_member *visit, void *arg);

#endif
