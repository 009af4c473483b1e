/* The rows of the database in the configuration: at the start, when the API asks whether a change would do, and when one is
 * to be put in force.
 *
 * Used by main.c. Threads: the API thread's; before the loops run, whoever starts.
 */
#ifndef CONTROLPLANE_APP_PROVISIONING_H
#define CONTROLPLANE_APP_PROVISIONING_H

#include "lib/config/rows.h"

struct loop;
struct provision;
struct reload;
struct store;

/* Reads the rows, and the configuration anew with them when there are any: *conf is the old one or the new one then. The text
 * is that of the file. */
int provisioning_start(struct store *store, struct loop *loop, const char *path, const char *text,
		       struct provision **ret_provision, struct conf **ret_conf,
		       struct conf_problem *ret_problem) WARN_UNUSED;
/* From now on changes can be put in force. */
void provisioning_connect(struct provision *provision, struct store *store, struct loop *loop, struct reload *reload);

#endif
