/* The REST API: /health, /ready, /api/..., /metrics. One table of routes (routes.c) dispatches, and gives openapi.json.
 *
 * Used by controlplane/app, which implements struct api_sources and runs the API thread's loop.
 * Threads: api_new, api_free and everything inside belong to the API thread's loop. The functions of api_sources are
 * called on the signalling thread (by a message to its loop): they copy what is asked into the rows they are given and
 * return; they must not block, and keep no pointer. A question that the signalling thread does not answer within
 * API_ASK_MS is answered to the client with 503 `deadline`. So is the store's thread, after API_STORE_MS.
 * Ownership: rows are plain fixed-size structs with inline text, owned by the question. Options are copied, except
 * `metrics` and `cdr`, which must outlive the api.
 * End: stop both loops' threads first, then api_free, then free the loops (messages that are still queued then answer
 * nobody).
 * Access: /health, /ready and /metrics are open. Everything else needs `Authorization: Bearer TOKEN` once tokens are
 * configured. Without tokens api_new refuses an address that is not loopback unless allow_anonymous, and serves only
 * requests whose Host is loopback too, so that no web page reaches us through a name that it controls.
 * Limits: API_ROWS_MAX rows a page; those of controlplane/http; bodies are JSON objects of API_BODY_MAX bytes.
 */
#ifndef CONTROLPLANE_API_API_H
#define CONTROLPLANE_API_API_H

#include "controlplane/cdr/cdr.h"
#include "controlplane/metrics/metrics.h"
#include "lib/rtp/quality.h"
#include "lib/shm/abi.h"

struct loop;
struct provision;
struct store;

#define API_ROWS_MAX       1000
#define API_SIGNALLING_MAX 31 /* beside the first */
#define API_ASK_MS         2000
#define API_STORE_MS       12000
#define API_BODY_MAX       65536
#define API_ID_SIZE        64 /* terminators included; longer text is cut by the source */
#define API_TEXT_SIZE      128
#define API_CALL_LEGS      4
#define API_TARGETS        8
#define API_ROUTE_SIZE     16384 /* an explanation; longer is cut */
#define API_HISTORY_SIZE   32768 /* longer is cut */

/* ---- what the sources fill in; all text terminated, any bytes ---- */
struct api_leg_row {
	char id[API_ID_SIZE];
	char side[16];  /* "caller", "callee" */
	char state[24]; /* as the state machine names it */
	char sip_call_id[API_TEXT_SIZE];
	char user_agent[API_TEXT_SIZE];
	char codec[32];             /* "PCMU/8000"; empty while not negotiated */
	char srtp[32];              /* "AES_CM_128_HMAC_SHA1_80"; empty in the clear */
	struct net_endpoint remote; /* of SIP */
	bool has_stream;
	double mos; /* of what the party sends; 0: not known */
	struct shm_stream_id stream;
};

struct api_call_row {
	char id[API_ID_SIZE];
	char caller[API_TEXT_SIZE], callee[API_TEXT_SIZE]; /* user@domain */
	char state[24];
	char transcoded[API_TEXT_SIZE];         /* why; empty: it is not */
	uint64_t start_wall_ms, answer_wall_ms; /* answer 0: not yet */
	uint32_t leg_count;
	struct api_leg_row legs[API_CALL_LEGS];
};

struct api_registration_row {
	char address_of_record[API_TEXT_SIZE]; /* user@domain */
	char contact[256];                     /* the URI */
	char user_agent[API_TEXT_SIZE];
	char transport[8]; /* "udp" */
	struct net_endpoint source;
	uint64_t registered_wall_ms, expires_wall_ms;
};

struct api_stream_row {
	struct shm_stream_id id;
	char call_id[API_ID_SIZE]; /* empty: an orphan, or not known */
	struct net_endpoint local, remote;
	bool is_latched;                     /* remote was learned from packets */
	uint32_t flags;                      /* enum shm_stream_flags */
	struct shm_stream_counters counters; /* last_rtp_ms is CLOCK_MONOTONIC */
	struct quality quality;              /* of what the peer sends; mos 0: nothing heard */
};

struct api_target_row {
	struct net_endpoint remote;
	char transport[8], health[24];
	uint16_t priority, weight;
	bool is_good, is_registered;
};

struct api_trunk_row {
	char name[API_ID_SIZE + 1], host[256];
	char resolution[64]; /* "known", "asked", "stale", or why it failed */
	char registration[24], health[24];
	char last_error[API_TEXT_SIZE]; /* empty: none */
	uint64_t last_error_wall_ms;
	uint32_t resolve_s, registered_s; /* until it is looked up again; what is left */
	bool is_usable;
	uint32_t calls, max_calls; /* max 0: no limit */
	uint64_t total_calls, refused;
	size_t target_count;
	struct api_target_row targets[API_TARGETS];
};

/* Where a call would go. */
struct api_route_row {
	char action[16], target[API_TEXT_SIZE], number[API_TEXT_SIZE + 8];
	char pattern[API_TEXT_SIZE], where[256]; /* empty: none decided */
	uint32_t code;                           /* of a reject; else 0 */
	bool is_emergency;
	char explanation[API_ROUTE_SIZE]; /* lines */
};

/* State of a component, as /ready says it. */
#define API_STATE_LIST(X)                                                                                              \
	X(API_UNAVAILABLE, "unavailable")                                                                              \
	X(API_STARTING, "starting")                                                                                    \
	X(API_READY, "ready")                                                                                          \
	X(API_DRAINING, "draining")
enum api_state {
#define X(name, text) name,
	API_STATE_LIST(X)
#undef X
		API_STATE_COUNT
};

struct api_status {
	enum api_state sip_server, media_engine;
	char media_reason[API_TEXT_SIZE]; /* why the engine is not ready; empty when it is */
	/* Sessions are call legs with media; total_calls are the calls since the start, refused ones included. */
	uint32_t active_calls, active_sessions, registrations, streams, orphan_streams;
	uint64_t total_calls;
	struct metrics_engine engine; /* is_up 0: away */
};

/* The SIP traffic log; "" and family 0: no such condition. */
struct api_trace {
	bool is_on;
	struct net_prefix peer;
	char call[256]; /* our call id, or a SIP Call-ID */
	char extension[64];
};
struct api_trace_row {
	struct api_trace now;
	uint64_t written, lost; /* messages */
	int last_errno;         /* of the disk */
};

/* A page: rows `offset`..., at most `capacity` of those that match; *ret_total counts all that match. Functions return
 * the number of rows written. */
struct api_page {
	size_t offset, capacity;
	const char *call;  /* calls, streams: only of this call id; NULL: all */
	const char *trunk; /* trunks: only this one; NULL: all */
	const char *user;  /* calls: caller or callee has this user part; registrations: this user; NULL: all */
};

/* Each is called on the signalling thread. NULL is answered with 501 `unsupported`; `status` is needed. */
struct api_signalling {
	struct loop *loop;
	void *arg;
};
/* A question visits the signalling threads in their order; each is asked for its own. */
struct api_sources {
	struct loop *signalling; /* of the first, which alone is asked for registrations */
	void *arg;
	struct api_signalling others[API_SIGNALLING_MAX];
	unsigned other_count;
	void (*status)(void *arg, struct api_status *ret_status);
	size_t (*calls)(void *arg, const struct api_page *page, struct api_call_row *rows, size_t *ret_total);
	size_t (*registrations)(void *arg, const struct api_page *page, struct api_registration_row *rows,
				size_t *ret_total);
	size_t (*streams)(void *arg, const struct api_page *page, struct api_stream_row *rows, size_t *ret_total);
	/* Begins to end the call. ERR_NOT_FOUND; ERR_STATE: it ends already. */
	int (*hang_up)(void *arg, const char *call_id);
	/* The last transitions of a call and its legs, a line each. ERR_NOT_FOUND. */
	int (*history)(void *arg, const char *call_id, struct text *out);
	/* Switches the SIP traffic log unless set is NULL, and tells how it stands. ERR_NOMEM. */
	int (*trace)(void *arg, const struct api_trace *set, struct api_trace_row *ret_row);
	size_t (*trunks)(void *arg, const struct api_page *page, struct api_trunk_row *rows, size_t *ret_total);
	/* Where a call from that extension or trunk ("": nobody known) would go, and why. */
	void (*explain)(void *arg, const char *from, const char *to, struct api_route_row *ret_row);
};

struct api_options {
	struct net_endpoint listen;         /* the API; port 0: any free one */
	struct net_endpoint metrics_listen; /* /metrics, /health and /ready; family 0: none */
	const char *const *tokens;
	size_t token_count;
	bool allow_anonymous; /* serve other addresses than loopback without tokens */
	const char *version;
	const char *node; /* name of this node, for /api/v1/node */
	struct metrics *metrics;
	struct cdr *cdr; /* NULL: CDRs are switched off; /api/cdr/recent answers 501 */
	struct provision *
		provision; /* NULL: extensions, trunks and routes cannot be changed nor shown; is freed after api_free */
	struct store *store; /* NULL: no database; what needs it answers 501. Is closed after api_free */
	struct api_sources sources;
};

struct api_problem { /* why it cannot start, in words with what to do */
	char text[256];
};

struct api;

/* ERR_PERMISSION: anonymous on an address that is not loopback, or no right to the port; ERR_EXISTS: port in use; and
 * the other errors of http_server_new; ERR_INVALID; ERR_NOMEM. */
int api_new(struct loop *loop, const struct api_options *options, struct api **ret_api,
	    struct api_problem *ret_problem) WARN_UNUSED;
void api_free(struct api *api); /* NULL is harmless */

/* Other tokens from now on. ERR_PERMISSION: none, although the address is not loopback; ERR_INVALID: one is shorter than 16
 * characters, or more than 64; ERR_NOMEM. The old ones stay then. */
int api_set_tokens(struct api *api, const char *const *tokens, size_t token_count) WARN_UNUSED;

/* Where it listens, after port 0. */
struct net_endpoint api_endpoint(const struct api *api);
struct net_endpoint api_metrics_endpoint(const struct api *api);

/* ---- what is generated from the table of routes; the caller frees; NULL: out of memory ---- */
char *api_openapi_print(const char *version);
char *api_table_print(void); /* Markdown, as in README.md of this folder */

#endif
