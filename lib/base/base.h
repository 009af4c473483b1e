/* What every folder stands on: error codes with a sentence each, string views, a bounded text writer, BUG_ON.
 *
 * Used by everything; includes nothing of ours.
 * Threads: all functions are pure or work on the caller's object; any thread.
 * Ownership: a view never owns; a text writes into the caller's buffer and never allocates.
 * Limits: sizes are size_t; nothing here recurses or allocates.
 */
#ifndef LIB_BASE_BASE_H
#define LIB_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WARN_UNUSED   __attribute__((warn_unused_result))
#define PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define CACHE_LINE    64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))

#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))

/* ---- errors: functions return 0 or one of these, negative ---- */
#define ERROR_LIST(X)                                                                                                  \
	X(ERR_NOMEM, "out of memory")                                                                                  \
	X(ERR_INVALID, "the argument is not valid")                                                                    \
	X(ERR_SYNTAX, "the text does not follow its grammar")                                                          \
	X(ERR_TOO_LONG, "larger than the limit")                                                                       \
	X(ERR_RANGE, "the number is outside its range")                                                                \
	X(ERR_NOT_FOUND, "there is no such thing")                                                                     \
	X(ERR_EXISTS, "it exists already")                                                                             \
	X(ERR_FULL, "the table or queue is full")                                                                      \
	X(ERR_EMPTY, "there is nothing to take")                                                                       \
	X(ERR_AGAIN, "not now, try again")                                                                             \
	X(ERR_LIMIT, "a configured limit is reached")                                                                  \
	X(ERR_STATE, "not allowed in this state")                                                                      \
	X(ERR_VERSION, "the other side speaks another version")                                                        \
	X(ERR_CORRUPT, "the data contradicts itself")                                                                  \
	X(ERR_PERMISSION, "permission denied")                                                                         \
	X(ERR_IO, "input or output failed")                                                                            \
	X(ERR_CLOSED, "the other side is gone")                                                                        \
	X(ERR_TIMEOUT, "no answer in time")                                                                            \
	X(ERR_UNSUPPORTED, "not supported here")

enum error_row {
#define X(name, text) name##_ROW,
	ERROR_LIST(X)
#undef X
		ERROR_COUNT
};
enum error {
#define X(name, text) name = -(int)name##_ROW - 1,
	ERROR_LIST(X)
#undef X
};

/* The sentence for a negative error code; "ok" for 0, "unknown error" for anything else. Static text. */
const char *error_text(int error);

/* ---- BUG_ON: a broken invariant. Aborts when bug_is_fatal (the default); a daemon in production clears it, counts
 * and goes on. Evaluates to the condition, so that code can recover: if (BUG_ON(x)) return; ---- */
extern bool bug_is_fatal;
extern void (*bug_hook)(const char *where, const char *what); /* called first, may be NULL; any thread */
uint64_t bug_count(void);
bool bug_report(const char *where, const char *what);
#define BUG_STRING2(x) #x
#define BUG_STRING(x)  BUG_STRING2(x)
#define BUG_ON(cond)   (__builtin_expect(!!(cond), 0) && bug_report(__FILE__ ":" BUG_STRING(__LINE__), #cond))

/* ---- view: pointer and length into somebody else's bytes; not terminated ---- */
struct view {
	const char *at;
	size_t size;
};

#define VIEW(literal) ((struct view){(literal), sizeof(literal) - 1})
#define VIEW_ARG(v)   (int)(v).size, (v).at /* for "%.*s" */
#define VIEW_EMPTY    ((struct view){"", 0})

struct view view_of(const char *string);                /* NULL gives an empty view */
bool view_is(struct view a, const char *string);        /* exact */
bool view_is_nocase(struct view a, const char *string); /* ASCII case folded */
bool view_equal(struct view a, struct view b);
bool view_equal_nocase(struct view a, struct view b);
bool view_has_prefix(struct view a, const char *prefix);       /* exact */
struct view view_trim(struct view a);                          /* without blanks, tabs, CR and LF at both ends */
struct view view_sub(struct view a, size_t from, size_t size); /* clamped to a */
/* Offset of the first c, or a.size when there is none. */
size_t view_find(struct view a, char c);
/* Splits at the first c: returns what stands before it, leaves the rest in *rest (empty and NULL when c was absent). */
struct view view_cut(struct view *rest, char c);
/* All of a as decimal digits, at most max. ERR_SYNTAX, ERR_RANGE. */
int view_to_u32(struct view a, uint32_t max, uint32_t *ret_value) WARN_UNUSED;
int view_to_u64(struct view a, uint64_t max, uint64_t *ret_value) WARN_UNUSED;
/* A terminated copy on the heap, to be freed by the caller; NULL when out of memory. */
char *view_dup(struct view a);
/* A terminated copy into a fixed buffer. ERR_TOO_LONG leaves an empty string. */
int view_copy(struct view a, char *buffer, size_t buffer_size) WARN_UNUSED;
/* A hash for tables, keyed with a per-process random seed (hash_seed_set once at start). Case kept / ASCII folded. */
void hash_seed_set(uint64_t seed);
uint64_t hash_bytes(const void *bytes, size_t size);
uint64_t hash_view_nocase(struct view a);

/* ---- text: a bounded writer. Once it overflowed it stays so, writes nothing more, and says it. Always terminated.
 * ---- */
struct text {
	char *at;
	size_t size;     /* bytes written, without the terminator */
	size_t capacity; /* of the buffer, the terminator included */
	bool overflow;
};

void text_init(struct text *text, char *buffer, size_t buffer_size);
void text_add(struct text *text, struct view bytes);
void text_add_string(struct text *text, const char *string);
void text_add_char(struct text *text, char c);
void text_add_u64(struct text *text, uint64_t value);
void text_printf(struct text *text, const char *format, ...) PRINTF(2, 3);
void text_vprintf(struct text *text, const char *format, va_list args) PRINTF(2, 0);
/* What was written so far. */
struct view text_view(const struct text *text);

#endif
