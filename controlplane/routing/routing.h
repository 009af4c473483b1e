/* The dial plan: a dialled number in a context becomes a decision. Compiled once from the configuration, constant
 * afterwards.
 *
 * Used by call (every new call) and by the dry run of voxctl.
 * Threads: a struct routing never changes; any thread may ask it. A reload makes a new one.
 * Ownership: routing copies all it needs out of the configuration; the strings of a decision live as long as the struct
 * routing it came from, or are in the decision itself.
 *
 * Patterns, as telephony people know them:
 *   1000     without a leading "_" a pattern is that very number or name, byte for byte ("front-desk", "+4930123")
 *   _1XXX    with it, X is 0-9, Z is 1-9, N is 2-9 (either case); everything else stands for itself
 *   _[1-5]0  one of the characters; ranges, lists, "[+0]", "[*#]"; "]" cannot be in it, "-" first or last is itself
 *   _9.      "." at the end: one or more of anything
 *   _9!      "!" at the end: nothing or anything
 *   _555-XX  "-" in a pattern, outside brackets, is decoration and stands for nothing
 * Letters x, z and n of a name that contains a wildcard are written [x] [z] [n].
 *
 * Of all patterns that match, the most specific one wins, not the first in the file: an exact number before any pattern;
 * patterns are compared from left to right, and at the first place that differs the one that admits fewer characters
 * wins (a digit, then a short [..], then N, Z, X, then ".", then "!"); still equal, the earlier one in the file.
 * The order depends on the patterns alone, so it is sorted when compiled, and asking walks until the first match.
 *
 * A route with times is there only at these times (moment: local day and minute, which the caller knows); at others the next
 * most specific one decides. So the same pattern may stand several times in a context, the one without times last.
 * strip and prepend change the number; what comes of it is `changed`, which an extension without a target is called by and a
 * trunk is given.
 *
 * The number dialled is the user part of the Request-URI as it came: percent escapes are decoded here (RFC 3261 19.1.4),
 * parameters after ";" (RFC 3966: "+4930;phone-context=..") do not take part.
 * Limits: ROUTING_NUMBER_SIZE, ROUTING_PATTERN_PLACES; as many contexts and routes as the configuration holds, 2 KB each.
 * Cost: the exact numbers of a context by bisection, then its patterns one after the other (about 10 ns each).
 */
#ifndef CONTROLPLANE_ROUTING_ROUTING_H
#define CONTROLPLANE_ROUTING_ROUTING_H

#include "lib/config/config.h"

#define ROUTING_NUMBER_SIZE    65 /* a decoded number with its terminator; a longer one matches nothing */
#define ROUTING_PATTERN_PLACES 64 /* longest pattern, counted in characters that it matches */

struct routing;

#define ROUTING_ACTION_LIST(X)                                                                                         \
	X(ROUTING_EXTENSION, "extension") /* call the extension `target` */                                            \
	X(ROUTING_ECHO, "echo")           /* answer, and send the caller's audio back */                               \
	X(ROUTING_REJECT, "reject")       /* answer with `code` */                                                     \
	X(ROUTING_TRUNK, "trunk")         /* call `changed` through the trunk or group `target` */

enum routing_action {
#define X(name, text) name,
	ROUTING_ACTION_LIST(X)
#undef X
		ROUTING_ACTION_COUNT
};

enum { ROUTING_DAYS = 7, ROUTING_DAY_MINUTES = 24 * 60 };

/* Local time. */
struct routing_moment {
	uint8_t day;     /* 0: Monday */
	uint16_t minute; /* of the day */
};
struct tm;
struct routing_moment routing_moment_of(const struct tm *local);

struct routing_decision {
	enum routing_action action;
	uint32_t code;                         /* of a reject: a SIP status */
	char target[ROUTING_NUMBER_SIZE];      /* of an extension: its number; of a trunk: its name */
	char changed[2 * ROUTING_NUMBER_SIZE]; /* the number after strip and prepend */
	bool is_emergency;
	char number[ROUTING_NUMBER_SIZE]; /* what was dialled, decoded; empty when that was not possible */
	const char *pattern;              /* that decided; "" when none did */
	const char *where;                /* "file:line" of it; "" when none did */
};

struct routing_problem {
	char text[256]; /* "file:line: sentence", one line */
};

const char *routing_action_name(enum routing_action action);

/* Compiles conf->dialplan. ERR_INVALID: a pattern that means nothing, or the same one twice in a context; ERR_NOMEM.
 * ret_problem then says it. */
int routing_new(const struct conf *conf, struct routing **ret_routing, struct routing_problem *ret_problem) WARN_UNUSED;
void routing_free(struct routing *routing); /* NULL is allowed */

/* Always decides: where no pattern matches, no such context is, or the number is no number, it is a reject (404; 484 when
 * nothing was dialled at all). An empty context is dialplan.default_context. */
void routing_decide(const struct routing *routing, struct view context, struct view dialled,
		    const struct routing_moment *moment, struct routing_decision *ret_decision);
/* The same decision, and its reasons as lines of text: every pattern tried, most specific first, up to the one that
 * matched. A text that overflows ends in the middle; the decision is right anyway. */
void routing_explain(const struct routing *routing, struct view context, struct view dialled,
		     const struct routing_moment *moment, struct text *ret_text, struct routing_decision *ret_decision);

/* ---- one time condition: "Mon-Fri 08:00-18:00", "Sat,Sun", "22:00-06:00" (belongs to the day on which it begins) ---- */
struct routing_when {
	uint8_t days;                    /* bits, Monday the lowest */
	uint16_t from_minute, to_minute; /* to is not in it; from > to: over midnight */
};
int routing_when_parse(struct view text, struct routing_when *ret_when) WARN_UNUSED; /* ERR_SYNTAX */
bool routing_when_is_now(const struct routing_when *when, const struct routing_moment *moment);

/* ---- one pattern, for tests and for checking what a person typed ---- */
struct routing_pattern {
	uint8_t len;                                /* places */
	uint8_t tail;                               /* 0, '.' or '!' */
	bool is_exact;                              /* had no leading "_" */
	uint8_t places[ROUTING_PATTERN_PLACES][32]; /* a bit for each byte that may stand there */
};

/* ERR_SYNTAX with a static sentence in *ret_why. */
int routing_pattern_parse(struct view text, struct routing_pattern *ret_pattern, const char **ret_why) WARN_UNUSED;
bool routing_pattern_is_match(const struct routing_pattern *pattern, struct view number);
/* Negative when a is the more specific one, 0 when neither is, else positive. */
int routing_pattern_compare(const struct routing_pattern *a, const struct routing_pattern *b);
/* Decodes a user part; ERR_SYNTAX (a bad escape or a NUL), ERR_TOO_LONG. */
int routing_number_decode(struct view user, char ret_number[ROUTING_NUMBER_SIZE]) WARN_UNUSED;

#endif
