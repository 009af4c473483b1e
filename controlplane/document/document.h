/* Values of JSON documents: text of strangers, times, addresses, numbers; as jansson nodes, or written at once into a
 * text where it has to be quick (a call detail record took a third of a call's instructions as nodes). The only user
 * of jansson.
 *
 * Used by controlplane/cdr and controlplane/api. They put documents together with json_pack and the values below:
 * json_pack gives all or nothing (NULL when memory ran out anywhere, with nothing leaked), so a document is never
 * silently short of a field.
 * Threads: pure functions. Ownership: a node belongs to the caller, as everywhere in jansson; `o` in json_pack takes it
 * over. Functions return NULL only when out of memory.
 */
#ifndef CONTROLPLANE_DOCUMENT_DOCUMENT_H
#define CONTROLPLANE_DOCUMENT_DOCUMENT_H

#include <jansson.h>

#include "lib/base/base.h"
#include "lib/net/net.h"

/* A string of any bytes: what is not UTF-8 becomes U+FFFD, one for each byte. Empty: null. */
json_t *document_text(const char *string);
json_t *document_text_view(struct view bytes); /* empty stays an empty string */
/* RFC 3339 in UTC with milliseconds: "2026-11-21T14:03:05.042Z". 0: null. */
json_t *document_time(uint64_t wall_ms);
/* "192.0.2.1:5060"; null when there is none. */
json_t *document_endpoint(const struct net_endpoint *endpoint);
json_t *document_u64(uint64_t value); /* above INT64_MAX: INT64_MAX */

#define DOCUMENT_TIME_SIZE 25
/* The text of document_time; years beyond 9999 are shown as 9999. Returns buffer. */
const char *document_time_print(uint64_t wall_ms, char buffer[DOCUMENT_TIME_SIZE]);

/* RFC 3339, or only its date (midnight in UTC). ERR_SYNTAX, ERR_RANGE (before 1970). */
int document_time_parse(struct view text, uint64_t *ret_wall_ms) WARN_UNUSED;

/* The same values written as JSON: no memory, no failure but text's overflow. */
void document_write_text(struct text *text, const char *string);
void document_write_time(struct text *text, uint64_t wall_ms);
void document_write_endpoint(struct text *text, const struct net_endpoint *endpoint);

/* Prints on one line and lets the node go. node may be NULL (ERR_NOMEM). ERR_TOO_LONG: text is as it was. */
int document_print(json_t *node, struct text *text) WARN_UNUSED;
/* The same onto the heap, for the caller to free. NULL: out of memory. */
char *document_dump(json_t *node);

#endif
