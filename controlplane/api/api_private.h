/* Inside controlplane/api: the table of routes, questions to the signalling thread, what shows their answers.
 *
 * The road of a request: api.c (access) -> routes.c (which row) -> query.c (parameters) -> question.c (asks the
 * signalling thread: row->fetch) -> row->show, in show_*.c, answers.
 */
#ifndef CONTROLPLANE_API_API_PRIVATE_H
#define CONTROLPLANE_API_API_PRIVATE_H

#include "controlplane/api/api.h"
#include "controlplane/document/document.h"
#include "controlplane/http/http.h"
#include "controlplane/loop/loop.h"
#include "controlplane/provision/provision.h"
#include "controlplane/store/store.h"
#include "lib/container/list.h"

enum {
	API_TOKENS_MAX = 64,
	API_QUESTION_BYTES_MAX = 32 << 20, /* of all questions that wait; beyond it 503 */
	API_LIMIT_DEFAULT = 100,
};

/* ---- errors: code in api.md, status ---- */
#define API_ERROR_LIST(X)                                                                                              \
	X(API_ERROR_INVALID, "invalid", 400)                                                                           \
	X(API_ERROR_TOKEN, "forbidden", 401)                                                                           \
	X(API_ERROR_FORBIDDEN, "forbidden", 403)                                                                       \
	X(API_ERROR_NOT_FOUND, "not_found", 404)                                                                       \
	X(API_ERROR_METHOD, "unsupported", 405)                                                                        \
	X(API_ERROR_STATE, "wrong_state", 409)                                                                         \
	X(API_ERROR_CONFLICT, "conflict", 409)                                                                         \
	X(API_ERROR_VERSION, "conflict", 412)                                                                          \
	X(API_ERROR_INTERNAL, "internal", 500)                                                                         \
	X(API_ERROR_UNSUPPORTED, "unsupported", 501)                                                                   \
	X(API_ERROR_LIMIT, "limit", 503)                                                                               \
	X(API_ERROR_DEADLINE, "deadline", 503)
enum api_error {
#define X(name, code, status) name,
	API_ERROR_LIST(X)
#undef X
		API_ERROR_COUNT
};

/* ---- query parameters: name, type for openapi, sentence ---- */
#define API_PARAMETER_LIST(X)                                                                                          \
	X(API_LIMIT, "limit", "integer", "rows at most, 1 to 1000; 100 when not given")                                \
	X(API_OFFSET, "offset", "integer", "rows to skip")                                                             \
	X(API_CALL_ID, "call_id", "string", "only of this call")                                                       \
	X(API_USER, "user", "string", "only of this user or number")                                                   \
	X(API_DIALLED, "to", "string", "the number that is dialled")                                                   \
	X(API_CALLER, "from", "string", "extension or trunk that calls; nobody known when not given")                  \
	X(API_NUMBER, "number", "string", "caller, callee or transferred to; 10* : all that begin so")                 \
	X(API_FROM, "from", "string", "ended at this time or later (RFC 3339, or a date)")                             \
	X(API_TO, "to", "string", "ended before this time")                                                            \
	X(API_DISPOSITION, "disposition", "string", "ANSWERED, BUSY, NO_ANSWER, CANCELLED, REJECTED, FAILED")          \
	X(API_CAUSE, "cause", "string", "user_busy and the like, or a SIP status")                                     \
	X(API_CURSOR, "cursor", "string", "next_cursor of the page before")                                            \
	X(API_FORMAT, "format", "string", "csv: as does Accept: text/csv; json")
enum api_parameter {
#define X(name, text, type, help) name##_INDEX,
	API_PARAMETER_LIST(X)
#undef X
		API_PARAMETER_COUNT
};
enum api_parameter_bit {
#define X(name, text, type, help) name = 1 << name##_INDEX,
	API_PARAMETER_LIST(X)
#undef X
};
struct api_parameter_row {
	const char *name, *type, *help;
};
extern const struct api_parameter_row api_parameters[API_PARAMETER_COUNT];

struct api_query {
	uint32_t limit, offset;
	char call_id[API_ID_SIZE], user[API_TEXT_SIZE]; /* empty: not given */
	char dialled[API_TEXT_SIZE], caller[API_TEXT_SIZE];
	struct cdr_filter cdr;
	bool is_csv;
};

/* ---- questions ---- */
struct api;
struct api_route;

struct api_question {
	struct api *api;              /* NULL: the api is gone */
	struct http_request *request; /* NULL: answered already, it was too late */
	const struct api_route *route;
	struct api_query query;
	char id[API_ID_SIZE];          /* the {parameter} of the path */
	struct store_session *session; /* for fetch of a row with API_ON_STORE */
	struct store_job job;
	char *text; /* its answer */
	char cursor[sizeof(((struct cdr_filter *)NULL)->cursor)];
	json_t *body;     /* an object when the row has API_BODY, else NULL; the question's */
	struct list link; /* in api->questions */
	struct loop_timer deadline;
	struct loop_message message; /* to the signalling thread, and back */
	unsigned at;                 /* the signalling thread that has it: 0 is the first */
	size_t size;                 /* of this struct with its rows */
	/* filled in by fetch */
	int error;
	char field[64]; /* ERR_INVALID: of the body, and why */
	const char *why;
	size_t count, total;
	bool is_late;    /* for show: the signalling thread did not answer in time */
	uint64_t rows[]; /* of the type that fetch and show agree on */
};

/* ---- the table ---- */
enum api_route_flags {
	API_OPEN = 1 << 0,       /* no token */
	API_ON_METRICS = 1 << 1, /* also on the port of the metrics */
	API_BODY = 1 << 3,       /* the request has a JSON object */
	API_EACH = 1 << 5,       /* every signalling thread is asked, not the first alone */
	API_SHOW_LATE = 1 << 2,  /* show also answers when the signalling thread does not */
	API_CHANGE = 1 << 6,     /* changes a row of provision; answered when it is in force */
	API_ON_STORE = 1 << 4,   /* fetch runs on the store's thread, in a transaction */
};
_Static_assert((API_OPEN | API_ON_METRICS | API_BODY | API_EACH | API_SHOW_LATE | API_ON_STORE | API_CHANGE) == 0x7f,
	       "a bit each");

struct api_route {
	const char *method, *path;  /* path with at most one {parameter} */
	unsigned flags, parameters; /* enum api_route_flags, enum api_parameter_bit */
	size_t row_size;            /* for each row of the page, or for the one thing when the route has no limit */
	void (*fetch)(struct api_question *question); /* signalling thread; NULL: nothing to be asked */
	void (*show)(struct api_question *question);  /* API thread; answers */
	const char *summary, *answer;                 /* sentences for openapi and README; of the answer with 200 */
	enum conf_list list;                          /* of provision's rows */
};
extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* The row; NULL with a path that no row has (*ret_methods empty), or not with this method. id: the {parameter}. */
const struct api_route *api_route_find(struct view method, struct view path, char id[API_ID_SIZE],
				       struct text *ret_methods);
/* ERR_INVALID: name of the offender in field, and why. */
int api_query_parse(struct view query, unsigned parameters, struct api_query *ret_query, struct text *field,
		    const char **ret_why) WARN_UNUSED;
/* Percent-decoding; ERR_SYNTAX, ERR_TOO_LONG. */
int api_decode(struct view text, bool plus_is_blank, char *buffer, size_t buffer_size) WARN_UNUSED;

/* ---- api.c ---- */
struct api_listener {
	struct api *api;
	struct http_server *server;
	bool is_metrics;
};

struct api {
	struct loop *loop;
	struct api_options options; /* tokens and texts point to copies */
	char version[32], node[64];
	char *tokens[API_TOKENS_MAX];
	struct api_listener api, metrics;
	struct list questions;
	size_t question_bytes;
	uint64_t started_ms, started_wall_ms;
};

/* Takes body over. */
void api_ask(struct api *api, struct http_request *request, const struct api_route *route,
	     const struct api_query *query, const char *id, json_t *body);
void api_questions_end(struct api *api); /* answers those that wait with 503 */

/* Answers the request of a question, once. */
void api_question_return(struct api_question *question);                  /* what it asked for is there */
void api_answer(struct api_question *question, int status, json_t *body); /* body is let go; NULL: out of memory */
void api_answer_text(struct api_question *question, int status, const char *content_type, char *body, size_t size);
void api_answer_with(struct api_question *question, int status, const char *content_type, char *body,
		     const struct http_header *extra);
void api_answer_error(struct api_question *question, enum api_error error, const char *message);
void api_answer_invalid(struct api_question *question); /* with question->field and why */
void api_refuse(struct http_request *request, enum api_error error, const char *message, const char *field,
		const struct http_header *extra);

/* Within fetch: what the functions of api_sources want of the signalling thread that is asked. */
void *api_source_arg(const struct api_question *question);

/* ---- fetch and show of the rows ---- */
void api_fetch_status(struct api_question *question);
void api_show_health(struct api_question *question);
void api_show_ready(struct api_question *question);
void api_show_stats(struct api_question *question);
void api_show_metrics(struct api_question *question);
void api_show_node(struct api_question *question);
void api_show_drops(struct api_question *question);
void api_show_stages(struct api_question *question);
void api_fetch_calls(struct api_question *question);
void api_show_calls(struct api_question *question);
void api_fetch_call(struct api_question *question);
void api_show_call(struct api_question *question);
void api_fetch_hang_up(struct api_question *question);
void api_show_hang_up(struct api_question *question);
void api_fetch_registrations(struct api_question *question);
void api_show_registrations(struct api_question *question);
void api_fetch_streams(struct api_question *question);
void api_show_streams(struct api_question *question);
void api_fetch_history(struct api_question *question);
void api_show_history(struct api_question *question);
void api_fetch_trace(struct api_question *question);
void api_show_trace(struct api_question *question);
void api_show_cdr(struct api_question *question);
void api_answer_store_error(struct api_question *question);
void api_fetch_cdr_search(struct api_question *question);
void api_show_cdr_search(struct api_question *question);
void api_fetch_trunks(struct api_question *question);
void api_show_trunks(struct api_question *question);
void api_fetch_trunk(struct api_question *question);
void api_show_trunk(struct api_question *question);
void api_fetch_route(struct api_question *question);
void api_show_route(struct api_question *question);
void api_show_rows_of_conf(struct api_question *question);
void api_show_row_of_conf(struct api_question *question);
void api_start_change(struct api_question *question);
void api_on_changed(void *arg, const struct provision_result *result);
void api_show_change(struct api_question *question);
void api_show_openapi(struct api_question *question);

#endif
