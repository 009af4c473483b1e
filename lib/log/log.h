/* One line per event, as text or JSON, to standard output or a file.
 *
 * Used by the daemons' own folders (controlplane/, dataplane/app, dataplane/manager), never on the packet path and not
 * by the rest of lib.
 * Threads: any. A line is put together on the caller's stack and leaves by one write(2), so lines never mix; a line
 * that cannot be written is counted, not retried, so a full disk or a stuck reader never stops a call (standard output
 * is the exception: write may block there when the reader stops reading a pipe). Ownership: nothing is kept of the
 * arguments. Limits: a line is at most LOG_LINE_MAX bytes; longer messages are cut and end in "...". Control characters
 * and bytes that are not UTF-8 are escaped in both formats, so nothing a stranger sends can forge a line. Before
 * log_init, lines of WARNING and above go to standard error as text.
 */
#ifndef LIB_LOG_LOG_H
#define LIB_LOG_LOG_H

#include "lib/base/base.h"

#define LOG_LINE_MAX 4096 /* the newline included; below PIPE_BUF, so one write is one piece */

#define LOG_LEVEL_LIST(X)                                                                                              \
	X(LOG_LEVEL_DEBUG, "DEBUG")                                                                                    \
	X(LOG_LEVEL_INFO, "INFO")                                                                                      \
	X(LOG_LEVEL_WARNING, "WARNING")                                                                                \
	X(LOG_LEVEL_ERROR, "ERROR")                                                                                    \
	X(LOG_LEVEL_CRITICAL, "CRITICAL")

enum log_level {
#define X(name, text) name,
	LOG_LEVEL_LIST(X)
#undef X
		LOG_LEVEL_COUNT
};
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* "stdout" or the path of a file, which is appended to. ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO leave the log as it was;
 * errno says more. May be called again (reload). */
int log_init(enum log_level level, enum log_format format, const char *output) WARN_UNUSED;
/* Opens the file anew after it was rotated away (SIGHUP). Nothing when the output is standard output. */
int log_reopen(void) WARN_UNUSED;
/* Back to how it was before log_init. */
void log_fini(void);
void log_level_set(enum log_level level);
/* "debug", "INFO", ...: case does not matter. ERR_SYNTAX. */
int log_level_parse(struct view text, enum log_level *ret_level) WARN_UNUSED;
const char *log_level_name(enum log_level level);
/* Lines that could not be written since the start. */
uint64_t log_lost(void);

/* Writes whatever the threshold says; use the macros. call_id may be NULL. */
void log_write(enum log_level level, const char *area, const char *call_id, const char *format, ...) PRINTF(4, 5);
/* The pure part of it: one line of the wall clock time_ms (since 1970), with its newline. Returns its size. */
size_t log_line(enum log_format log_format, uint64_t time_ms, enum log_level level, const char *area,
		const char *call_id, struct view message, char line[LOG_LINE_MAX]);

extern int log_threshold; /* enum log_level; read it through log_is_on */

static inline bool log_is_on(enum log_level level)
{
	return (int)level >= __atomic_load_n(&log_threshold, __ATOMIC_RELAXED);
}

/* log_call(LOG_LEVEL_INFO, "call", call->id, "answered by %s", who): arguments are evaluated only when it is written.
 */
#define log_call(level, area, call_id, ...)                                                                            \
	do {                                                                                                           \
		if (log_is_on(level))                                                                                  \
			log_write(level, area, call_id, __VA_ARGS__);                                                  \
	} while (0)
#define log_debug(area, ...)    log_call(LOG_LEVEL_DEBUG, area, NULL, __VA_ARGS__)
#define log_info(area, ...)     log_call(LOG_LEVEL_INFO, area, NULL, __VA_ARGS__)
#define log_warning(area, ...)  log_call(LOG_LEVEL_WARNING, area, NULL, __VA_ARGS__)
#define log_error(area, ...)    log_call(LOG_LEVEL_ERROR, area, NULL, __VA_ARGS__)
#define log_critical(area, ...) log_call(LOG_LEVEL_CRITICAL, area, NULL, __VA_ARGS__)

/* For what a stranger can trigger at will: at most `burst` lines, refilled one every `interval_ms`. One thread. */
struct log_limit {
	uint32_t burst, interval_ms;
	uint32_t used;
	uint64_t refilled_ms;
	uint64_t suppressed; /* since the last line that passed */
};
/* True when a line may be written now; *ret_suppressed is then how many were not since the last one. */
bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint64_t *ret_suppressed);

#endif
