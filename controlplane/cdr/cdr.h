/* Call detail records: one JSON line for every call that ended, in daily files, and its rows in the database.
 *
 * Used by controlplane/call (cdr_write when a call ends) and controlplane/api (cdr_recent).
 * Threads: cdr_open, cdr_write, cdr_tick, cdr_close belong to the signalling thread. cdr_recent and cdr_status: any
 * thread. One thread of our own makes the files durable (fdatasync after each cdr_tick) and deletes old ones; the
 * signalling thread never waits for either.
 * Durability: a record is one write(2) of a whole line with O_APPEND, done before cdr_write returns, so a crash of the
 * process loses no finished call; a crash of the machine loses about what came since the last tick. A line that was torn by it is
 * closed at the next start, so that it spoils no other line; readers skip lines that are not JSON.
 * A write that fails (disk full, directory gone) is counted, kept in a queue of queue_max lines and retried by cdr_tick
 * and by the next record, in order; beyond that the newest line is lost and counted. Calls are never held up.
 * Database (with a store): the line also goes to a spool, files of their own in the directory, before cdr_write returns; the
 * store's thread turns the spool into rows of cdr and cdr_segment, in order, and deletes what is in. While the database is
 * away the spool grows; a crash in between inserts nothing twice (call_id is the key). What the database refuses for its
 * contents is set aside in `.spool-rejected`. Rows older than retention_days are deleted, some thousand at a time.
 * Time: wall milliseconds since 1970 are an argument. A record belongs to the file of the UTC day of its end.
 * Memory: the last CDR_RECENT_MAX lines and at most queue_max waiting ones, each at most CDR_LINE_MAX bytes.
 *
 * Fields of a line, in this order (null where there is no value):
 *   call_id caller callee               caller and callee as user@domain
 *   start_time answer_time end_time     RFC 3339 in UTC with milliseconds; answer_time null when never answered
 *   duration                            seconds from start_time to end_time, a started second counts
 *   talk_duration                       seconds from answer_time to end_time, a started second counts: what is billed;
 *                                       0 when not answered. Never more than duration
 *   disposition                         CDR_DISPOSITION_LIST
 *   hangup_side                         CDR_SIDE_LIST: who ended it
 *   transferred_to                      who took a party's place while the call went on, the last one when several
 *                                       did (transfer, pick-up); the legs are those at the end. In a call whose other
 *                                       party went to another call (cause "transferred"): whom it talks to there
 *   cause                               {"sip":486,"q850":17,"text":"user_busy"}; sip: final status of the INVITE, or 200
 *   legs                                [{"side":"caller","sip_call_id","remote","user_agent","codec","srtp",
 *                                       "media":{"remote","packets_in","packets_out","bytes_in","bytes_out",
 *                                       "lost","dropped","jitter_ms","reordered","duplicates","burst_lost",
 *                                       "mos","round_trip_ms","reported":{"lost","jitter_ms","mos"}}},
 *                                       {"side":"callee",...}]: who talked at the end.
 *                                       mos: of what the party sent (ITU-T G.107), null
 *                                       when nothing came; reported: what it said in RTCP of what it was sent
 *   segments                            every leg there was, at most CDR_SEGMENTS_MAX: [{"leg","kind" ("caller", "callee",
 *                                       "target": of a transfer or pick-up),"party","start_time","answer_time",
 *                                       "end_time","status": of a refusal, and all that legs have}]
 */
#ifndef CONTROLPLANE_CDR_CDR_H
#define CONTROLPLANE_CDR_CDR_H

#include "lib/base/base.h"
#include "lib/net/net.h"

#define CDR_DISPOSITION_LIST(X)                                                                                        \
	X(CDR_FAILED, "FAILED")       /* something broke: no route, no media, time-out, 4xx/5xx not named below */     \
	X(CDR_ANSWERED, "ANSWERED")   /* 2xx to the INVITE, whatever ended it */                                       \
	X(CDR_NO_ANSWER, "NO_ANSWER") /* rang and nobody answered in time: 408, 480 */                                 \
	X(CDR_BUSY, "BUSY")           /* 486, 600 */                                                                   \
	X(CDR_CANCELLED, "CANCELLED") /* the caller gave up before the answer: 487 */                                  \
	X(CDR_REJECTED, "REJECTED")   /* refused by the callee or by us: 403, 404, 603, 503 of admission */
#define CDR_SIDE_LIST(X)                                                                                               \
	X(CDR_SIDE_SYSTEM, "system")                                                                                   \
	X(CDR_SIDE_CALLER, "caller")                                                                                   \
	X(CDR_SIDE_CALLEE, "callee")
#define CDR_ENUM(name, text) name,
enum cdr_disposition { CDR_DISPOSITION_LIST(CDR_ENUM) CDR_DISPOSITION_COUNT };
enum cdr_side { CDR_SIDE_LIST(CDR_ENUM) CDR_SIDE_COUNT };
#undef CDR_ENUM
const char *cdr_disposition_name(enum cdr_disposition disposition);
const char *cdr_side_name(enum cdr_side side);

#define CDR_ID_SIZE      64  /* terminators included; longer text is cut by whoever fills the record */
#define CDR_PARTY_SIZE   128 /* user@domain */
#define CDR_TEXT_SIZE    128
#define CDR_CODEC_SIZE   32
#define CDR_LINE_MAX     40960 /* a whole line, its newline included; tested with a record full of control characters */
#define CDR_RECENT_MAX   1000
#define CDR_SEGMENTS_MAX 8

/* All strings may carry any bytes: control characters are escaped, bytes that are not UTF-8 become U+FFFD. Empty: null.
 */
struct cdr_leg {
	bool is_present; /* a leg that never came to be is left out of the array */
	char sip_call_id[CDR_TEXT_SIZE];
	char user_agent[CDR_TEXT_SIZE];
	char codec[CDR_CODEC_SIZE];       /* "PCMU/8000" */
	char srtp[CDR_CODEC_SIZE];        /* the suite of SRTP; in the clear: empty */
	struct net_endpoint remote;       /* of SIP */
	struct net_endpoint media_remote; /* of RTP, as it was learned */
	uint64_t packets_in, packets_out; /* RTP from and to this party */
	uint64_t bytes_in, bytes_out;
	uint64_t lost;    /* by sequence number, of what this party sent */
	uint64_t dropped; /* from strangers, or for any other reason */
	uint32_t jitter_us;
	uint64_t reordered, duplicates, burst_lost; /* of what this party sent; bursts after RFC 3611 */
	uint32_t mos_thousandths;                   /* E-model, of what this party sent; 0: nothing was heard */
	uint32_t round_trip_us;                     /* between us and this party, by RTCP; 0: not known */
	/* this party's own word about what it was sent */
	bool has_reported;
	uint64_t reported_lost;
	uint32_t reported_jitter_us, reported_mos10; /* MOS (RFC 3611) times 10; 0: not told */
};

/* A leg of the call, also one that left, or was never answered. */
struct cdr_segment {
	char id[CDR_ID_SIZE];
	const char *kind;                                    /* static */
	char party[CDR_PARTY_SIZE];                          /* an extension, or who was called */
	uint64_t start_wall_ms, answer_wall_ms, end_wall_ms; /* 0: never */
	uint16_t status;                                     /* 0: none */
	enum cdr_side side;
	struct cdr_leg leg;
};

struct cdr_record {
	char call_id[CDR_ID_SIZE];
	char caller[CDR_PARTY_SIZE], callee[CDR_PARTY_SIZE];
	uint64_t start_wall_ms, answer_wall_ms, end_wall_ms; /* answer 0: never answered */
	enum cdr_disposition disposition;
	enum cdr_side hangup_side;
	uint16_t cause_sip, cause_q850; /* 0: none */
	char transferred_to[CDR_PARTY_SIZE];
	char cause_text[64];    /* "normal", "rtp_timeout", "no_route" ... */
	struct cdr_leg legs[2]; /* enum cdr_side - 1: caller, callee */
	struct cdr_segment segments[CDR_SEGMENTS_MAX];
	size_t segment_count;
};

struct cdr_options {
	const char *directory;        /* created if missing (its parent must exist) */
	const char *filename_pattern; /* "cdr-%Y-%m-%d.jsonl": each of %Y %m %d exactly once, no slash; or none of them:
					 one file that is never rotated and never deleted */
	bool never_rotates;           /* stay with the file of the day of cdr_open; nothing is deleted then */
	uint32_t retention_days;      /* files of days further back are deleted; 0: kept for ever */
	size_t queue_max;             /* lines; 0: 10000 */
	struct store *store;          /* NULL: no database */
	struct loop *loop;            /* of the signalling thread; needed with a store */
};

/* Why it cannot start, for the one line that the user reads. */
struct cdr_problem {
	char text[256];
};

struct cdr;
struct loop;
struct store;
struct store_session;

/* Opens the day's file, closes a torn line, loads the last records. ERR_INVALID (pattern), ERR_PERMISSION, ERR_IO,
 * ERR_NOMEM; ret_problem says it in words. */
int cdr_open(const struct cdr_options *options, uint64_t wall_ms, struct cdr **ret_cdr,
	     struct cdr_problem *ret_problem) WARN_UNUSED;
/* Writes what still waits once more, syncs, ends the thread. NULL is harmless. */
void cdr_close(struct cdr *cdr);
/* Never fails for the caller; what happened to the line is in cdr_status. */
void cdr_write(struct cdr *cdr, const struct cdr_record *record);
/* To be called about once a second: retries waiting lines, has the files synced, and old ones deleted when a day
 * passed. */
void cdr_tick(struct cdr *cdr, uint64_t wall_ms);

/* Calls visit for up to `limit` records, newest first; a line is a JSON object without its newline and lives until
 * visit returns. visit runs without a lock. Returns how many. */
size_t cdr_recent(struct cdr *cdr, size_t limit, void (*visit)(void *arg, struct view line), void *arg);

struct cdr_status {
	uint64_t written; /* since the start */
	uint64_t failed;  /* attempts that failed */
	uint64_t lost;    /* lines dropped because the queue was full */
	size_t queued;
	int last_errno; /* of the last failed attempt; 0 after a success */
	/* of the database */
	uint64_t stored, rejected; /* since the start */
	uint64_t spooled;          /* bytes that wait for it */
};
void cdr_status(struct cdr *cdr, struct cdr_status *ret_status);

/* ---- what is in the database (search.c); on the store's thread ---- */
struct cdr_filter {
	char number
		[CDR_PARTY_SIZE]; /* caller, callee or transferred to; a "*" at the end: any that begin so; "": all */
	uint64_t from_ms, to_ms;  /* by the end of the call; to_ms 0: no limit */
	char disposition[16];     /* "": any */
	char cause[64];           /* text or SIP status; "": any */
	char cursor[CDR_ID_SIZE + 24]; /* "": from the newest on */
	uint32_t limit;
};
/* Is the cursor one that cdr_search gave? */
bool cdr_cursor_is_valid(const char *cursor);
/* Writes records, newest first, as JSON objects with commas between them, or as lines of CSV (RFC 4180; a text that a
 * spreadsheet would take for a formula gets an apostrophe in front). ret_cursor: "" when there are no more. text: on the
 * heap, the caller's. Errors of the store; ERR_TOO_LONG: more than CDR_SEARCH_BYTES. */
#define CDR_SEARCH_BYTES (32u << 20)
int cdr_search(struct store_session *session, const struct cdr_filter *filter, bool is_csv, char **ret_text,
	       char ret_cursor[CDR_ID_SIZE + 24]) WARN_UNUSED;

/* The line of a record, its newline included, into text. Pure; used by cdr_write and by tests. */
int cdr_print(const struct cdr_record *record, struct text *text) WARN_UNUSED;

#endif
