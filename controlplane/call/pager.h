/* Requests outside of any dialog that are no calls (pager.c). */
#ifndef CONTROLPLANE_CALL_PAGER_H
#define CONTROLPLANE_CALL_PAGER_H

#include "controlplane/call/private.h"

enum { PAGERS_MAX = 1000, PAGER_BODY_MAX = 8192 }; /* on their way at once: 503 beyond; bytes of one: 413 */

/* Answer always. */
void pager_on_message(struct call_table *table, struct transaction *transaction);
void pager_on_options(struct call_table *table, struct transaction *transaction);
void pager_free_all(struct call_table *table);

#endif
