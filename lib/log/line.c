/* One line of the log as bytes: pure, so that its escaping is tested and fuzzed without a file. */
#include "lib/log/log.h"

#include <stdio.h>
#include <time.h>

/* Kept free for what closes a line, so that a cut message still gives a whole one. */
#define LINE_TAIL 8

static const char *const level_names[LOG_LEVEL_COUNT] = {
#define X(name, text) [name] = text,
	LOG_LEVEL_LIST(X)
#undef X
};

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < LOG_LEVEL_COUNT ? level_names[level] : "UNKNOWN";
}

int log_level_parse(struct view text, enum log_level *ret_level)
{
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++)
		if (view_is_nocase(text, level_names[i])) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	return ERR_SYNTAX;
}

/* Size of the well-formed UTF-8 sequence at the start of bytes (RFC 3629), 0 when there is none. */
static size_t utf8_size(struct view bytes)
{
	const unsigned char *at = (const unsigned char *)bytes.at;
	size_t size = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : at[0] >= 0xe0 && at[0] < 0xf0 ? 3 : 4;

	if (at[0] >= 0x80 && (at[0] < 0xc2 || at[0] > 0xf4))
		return 0;
	if (size > bytes.size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, beyond U+10FFFF */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
	    (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return size;
}

/* Bytes at the front that need no care: printable ASCII, inside a JSON string without quote and backslash. */
static size_t plain_size(struct view bytes, bool quoted)
{
	size_t size = 0;

	while (size < bytes.size && bytes.at[size] >= 0x20 && bytes.at[size] < 0x7f &&
	       !(quoted && (bytes.at[size] == '"' || bytes.at[size] == '\\')))
		size++;
	return size;
}

/* Adds bytes so that they stay on one line, and inside a JSON string when quoted. A byte that is no UTF-8 is shown as
 * the character of that number, which keeps the line valid JSON. Returns false when it had to cut. */
static bool add_escaped(struct text *text, struct view bytes, bool quoted)
{
	while (bytes.size > 0) {
		unsigned char c = (unsigned char)bytes.at[0];
		size_t plain = plain_size(view_sub(bytes, 0, text->capacity - LINE_TAIL - text->size), quoted);
		size_t size = plain > 0 ? plain : utf8_size(bytes);
		char escape[8];
		struct view piece = {escape, 0};

		if (plain > 0)
			piece = view_sub(bytes, 0, plain);
		else if (quoted && (c == '"' || c == '\\'))
			piece.size = (size_t)snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			piece.size = (size_t)snprintf(escape, sizeof(escape), "\\%c",
						      c == '\n'   ? 'n'
						      : c == '\r' ? 'r'
								  : 't');
		else if (c < 0x20 || c == 0x7f || size == 0)
			piece.size = (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			piece = view_sub(bytes, 0, size);
		if (text->size + piece.size + LINE_TAIL > text->capacity)
			return false;
		text_add(text, piece);
		bytes = view_sub(bytes, MAX(size, 1), bytes.size);
	}
	return true;
}

/* value with that many digits, and what stands behind it. */
static void add_digits(struct text *text, unsigned value, size_t digits, char behind)
{
	char buffer[8];

	buffer[digits] = behind;
	for (size_t i = digits; i > 0; i--, value /= 10)
		buffer[i - 1] = (char)('0' + value % 10);
	text_add(text, (struct view){buffer, digits + 1});
}

static void add_time(struct text *text, uint64_t time_ms)
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	add_digits(text, (unsigned)utc.tm_year + 1900, 4, '-');
	add_digits(text, (unsigned)utc.tm_mon + 1, 2, '-');
	add_digits(text, (unsigned)utc.tm_mday, 2, 'T');
	add_digits(text, (unsigned)utc.tm_hour, 2, ':');
	add_digits(text, (unsigned)utc.tm_min, 2, ':');
	add_digits(text, (unsigned)utc.tm_sec, 2, '.');
	add_digits(text, (unsigned)(time_ms % 1000), 3, 'Z');
}

size_t log_line(enum log_format log_format, uint64_t time_ms, enum log_level level, const char *area,
		const char *call_id, struct view message, char line[LOG_LINE_MAX])
{
	bool json = log_format == LOG_FORMAT_JSON;
	struct text text;

	text_init(&text, line, LOG_LINE_MAX);
	text_add_string(&text, json ? "{\"time\":\"" : "");
	add_time(&text, time_ms);
	text_printf(&text, json ? "\",\"level\":\"%s\",\"area\":\"" : " %-8s ", log_level_name(level));
	/* Names are short by nature; they are bounded here so that the message always has room. */
	(void)add_escaped(&text, view_sub(view_of(area), 0, 64), json);
	if (call_id && call_id[0]) {
		text_add_string(&text, json ? "\",\"call_id\":\"" : " [");
		(void)add_escaped(&text, view_sub(view_of(call_id), 0, 256), json);
		text_add_string(&text, json ? "" : "]");
	}
	text_add_string(&text, json ? "\",\"message\":\"" : ": ");
	if (!add_escaped(&text, message, json) || message.size >= LOG_LINE_MAX - 1)
		text_add_string(&text, "...");
	text_add_string(&text, json ? "\"}\n" : "\n");
	return text.size;
}
