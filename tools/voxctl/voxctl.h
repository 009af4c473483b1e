/* voxctl: the API for people at a terminal. Inside of the program: fetching (fetch.c), tables (show.c), commands
 * (main.c), the SIP traffic log and histories (trace.c).
 *
 * Exit codes: 0 done; 1 the server refused or answered nonsense; 2 wrong usage; 3 the server cannot be reached; 4 only
 * of `status`: it answers, and is not ready.
 * Terminal safety: text of strangers (user agents, numbers) is shown with control characters replaced.
 */
#ifndef TOOLS_VOXCTL_VOXCTL_H
#define TOOLS_VOXCTL_VOXCTL_H

#include <stdio.h>

#include "controlplane/document/document.h"

enum voxctl_exit { VOXCTL_DONE, VOXCTL_REFUSED, VOXCTL_USAGE, VOXCTL_UNREACHABLE, VOXCTL_NOT_READY };

struct voxctl_server {
	const char *url;   /* "http://127.0.0.1:8080", without a slash at the end */
	const char *token; /* NULL: none */
};

struct voxctl_reply {
	long status;      /* of HTTP */
	char *body;       /* terminated */
	json_t *json;     /* NULL: the body is not JSON */
	char cursor[128]; /* of the next page; "": this is the last one */
};

/* One request; ret_reply is to be freed. Anything but VOXCTL_DONE was explained on standard error. An HTTP status of
 * 400 and above is VOXCTL_REFUSED unless it is `accepted_status`. */
enum voxctl_exit voxctl_fetch(const struct voxctl_server *server, const char *method, const char *path,
			      long accepted_status, struct voxctl_reply *ret_reply);
/* The same with a JSON body. */
enum voxctl_exit voxctl_send(const struct voxctl_server *server, const char *method, const char *path, const char *body,
			     long accepted_status, struct voxctl_reply *ret_reply);
void voxctl_reply_free(struct voxctl_reply *reply);
/* Percent-encodes for a path segment; the caller frees. */
char *voxctl_encode(const char *text);

/* ---- trace.c ---- */
struct voxctl_trace {
	const char *word;                    /* "on", "off"; NULL: only show */
	const char *peer, *call, *extension; /* NULL: any */
};
enum voxctl_exit voxctl_trace(const struct voxctl_server *server, const struct voxctl_trace *trace, bool is_json);
enum voxctl_exit voxctl_history(const struct voxctl_server *server, const char *call, bool is_json);

/* ---- conf.c: extensions, trunks and routes ---- */
/* "extensions", "3000", "name=Carol" ...: what is not said stays as it is. */
enum voxctl_exit voxctl_set(const struct voxctl_server *server, char **arguments, int count, bool is_json);
enum voxctl_exit voxctl_delete(const struct voxctl_server *server, char **arguments, int count);

/* ---- cdr.c: records of the database ---- */
struct voxctl_cdr {
	const char *number, *from, *to, *disposition, *cause; /* NULL: any */
	bool is_csv, is_all;
};
bool voxctl_cdr_is_asked(const struct voxctl_cdr *cdr);

/* ---- route.c ---- */
enum voxctl_exit voxctl_route(const struct voxctl_server *server, const char *to, const char *from, bool is_json);
enum voxctl_exit voxctl_trunks(const struct voxctl_server *server, uint32_t limit, bool is_json);

/* ---- showing ---- */
struct voxctl_column {
	const char *title;
	const char *path; /* "counters.packets_in", "legs.0.codec" */
	bool is_number;   /* to the right */
};
/* The value at path as text; "-" for null and what is not there. Printable characters only. */
void voxctl_value(json_t *object, const char *path, char *buffer, size_t buffer_size);
/* Columns as wide as their widest value. */
void voxctl_table(FILE *to, json_t *rows, const struct voxctl_column *columns, size_t column_count);

/* A page of at most `limit`, or with is_all one after the other. */
enum voxctl_exit voxctl_cdr(const struct voxctl_server *server, const struct voxctl_cdr *cdr, uint32_t limit,
			    bool is_json, const struct voxctl_column *columns, size_t column_count);

#endif
