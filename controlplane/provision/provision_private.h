/* Inside controlplane/provision: rows in memory (provision.c), documents (write.c, show.c), changes (change.c). */
#ifndef CONTROLPLANE_PROVISION_PROVISION_PRIVATE_H
#define CONTROLPLANE_PROVISION_PROVISION_PRIVATE_H

#include "controlplane/loop/loop.h"
#include "controlplane/provision/provision.h"
#include "controlplane/store/store.h"
#include "lib/container/list.h"

struct row {
	enum conf_list list;
	char *name, *document; /* JSON as it stands in the database */
	char *text;            /* the same in libconfig's words */
	int64_t version;
};

struct rows {
	struct row *at;
	struct conf_row *conf; /* views of the same, in the same order */
	size_t len, capacity;
};

struct pending;

struct provision {
	struct provision_options options;
	struct rows rows;
	struct list waiting; /* the first is worked on */
	size_t waiting_count;
	struct pending *now; /* NULL: nothing is going on */
	struct loop_message next;
};

extern const struct provision_kind {
	const char *word, *key; /* key: the member that is its name; NULL: none is */
} provision_kinds[CONF_LIST_COUNT];

/* provision.c */
struct row *rows_find(const struct rows *rows, enum conf_list list, const char *name); /* NULL: there is none */
/* Takes the row over: it replaces the one of its name, or comes last. */
int rows_put(struct rows *rows, struct row *row) WARN_UNUSED;
void rows_del(struct rows *rows, struct row *row);
void row_fini(struct row *row);

/* write.c: 0, or ERR_INVALID with field and why; ERR_NOMEM. */
/* The document that is kept: with its name, without password, with what is secret of the one before (NULL: none). */
int provision_make_document(const struct provision_change *change, const char *name, const char *realm,
			    const json_t *before, json_t **ret_document, struct provision_result *result) WARN_UNUSED;
/* "{ number = \"1000\"; }"; the caller frees. */
int provision_print_row(enum conf_list list, const json_t *document, char **ret_text,
			struct provision_result *result) WARN_UNUSED;

/* change.c */
void provision_end_all(struct provision *provision);
void provision_change_init(struct provision *provision);

int provision_refuse(struct provision_result *result, const char *field, const char *why);

#endif
