/* Extensions, trunks and routes as data: rows of the database that stand behind those of the configuration file, follow the
 * same rules (the rows of lib/config's schema), and change while calls go on.
 *
 * Used by controlplane/api (shows and changes them), app (loads the configuration with them, puts a change in force).
 * The road of a change: the document is checked alone and then with everything else as a whole configuration, written
 * to the database, put in force, and only then answered. A change that is refused at any step has changed nothing.
 * Rows of the file are read-only here. Names are those of the file too: an extension's number, a trunk's name; a route has
 * an id that its maker chooses.
 * Secrets: a password of an extension is hashed (HA1, MD5 and SHA-256, with sip.realm) before anything is written, and
 * nothing here shows a password or a hash. A trunk's password is kept as it is: carriers want it proven.
 * Threads: everything on the API thread's loop; the store works on its own thread.
 * Ownership: JSON nodes that are given are borrowed; those that come back are the caller's.
 * Limits: PROVISION_WAITING_MAX changes wait (more: ERR_FULL), one is worked on at a time; a document has
 * PROVISION_DOCUMENT_MAX bytes. A change costs a load of the whole configuration, about 10 us an extension.
 */
#ifndef CONTROLPLANE_PROVISION_PROVISION_H
#define CONTROLPLANE_PROVISION_PROVISION_H

#include "controlplane/document/document.h"
#include "lib/config/config.h"
#include "lib/config/rows.h"

struct loop;
struct provision;
struct store;

enum { PROVISION_WAITING_MAX = 64, PROVISION_DOCUMENT_MAX = 16384, PROVISION_NAME_SIZE = 64 };

struct provision_options {
	struct store *store;
	struct loop *loop;
	/* The configuration with these rows (of provision_rows), checked and compiled as far as it can be without putting it in
	 * force. 0, or ERR_INVALID with ret_problem. */
	int (*check)(void *arg, const struct conf_row *rows, size_t count, struct conf_problem *ret_problem);
	/* Puts the rows in force; provision_applied is called when that is done, now or later. */
	void (*apply)(void *arg);
	/* The configuration in force, for showing. */
	const struct conf *(*conf)(void *arg);
	void *arg;
};

/* Reads the rows. Errors of the store; ERR_NOMEM. */
int provision_open(struct store *store, struct loop *loop, struct provision **ret_provision) WARN_UNUSED;
/* Before any change is asked for. */
void provision_set(struct provision *provision, const struct provision_options *options);
/* Changes that wait end with ERR_CLOSED. NULL is harmless. */
void provision_free(struct provision *provision);
/* For conf_load_text_with; good until the next change. */
const struct conf_row *provision_rows(const struct provision *provision, size_t *ret_count);
/* What apply began is over: 0, or why the rows are not in force. */
void provision_applied(struct provision *provision, int error);

/* ---- looking ---- */
/* The word for one of them: "extension". */
const char *provision_word(enum conf_list list);
/* Members offset... of the list; NULL: out of memory. ret_total: all. */
json_t *provision_list(const struct provision *provision, enum conf_list list, size_t offset, size_t limit,
		       size_t *ret_total);
/* One, with its version (0: of the file). ERR_NOT_FOUND, ERR_NOMEM. */
int provision_show(const struct provision *provision, enum conf_list list, const char *name, json_t **ret_node,
		   int64_t *ret_version) WARN_UNUSED;

/* ---- changing ---- */
enum provision_operation { PROVISION_CREATE, PROVISION_PUT, PROVISION_DELETE };

struct provision_result {
	/* 0; ERR_INVALID: field and why; ERR_EXISTS: of CREATE; ERR_PERMISSION: it is in the file; ERR_NOT_FOUND: of DELETE;
	 * ERR_STATE: it has another version; errors of the store. */
	int error;
	bool is_new;
	char name[PROVISION_NAME_SIZE], field[64], why[512];
};

struct provision_change {
	enum conf_list list;
	enum provision_operation operation;
	char name[PROVISION_NAME_SIZE]; /* CREATE: "" takes that of the document, or makes one for a route */
	const json_t *document;         /* borrowed until done; NULL for DELETE */
	int64_t if_version;             /* -1: any */
	char who[80];                   /* for the log */
	void (*done)(void *arg, const struct provision_result *result);
	void *arg;
};
/* done is called exactly once, maybe before this returns. */
void provision_submit(struct provision *provision, const struct provision_change *change);

#endif
