/* Credentials out of a message, in place and without changing its size: what is in the file helps nobody to call. */
#include "controlplane/trace/trace_private.h"

struct range {
	char *at, *end;
};

static bool has_name(struct range line, const char *name)
{
	size_t size = strlen(name);
	struct view text = {line.at, size};

	if ((size_t)(line.end - line.at) <= size || !view_is_nocase(text, name))
		return false;
	for (char *at = line.at + size; at < line.end; at++) {
		if (*at == ':')
			return true;
		if (*at != ' ' && *at != '\t')
			return false;
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *skip_blanks(char *at, const char *end)
{
	while (at < end && is_blank(*at))
		at++;
	return at;
}

static void blot(char *at, const char *end)
{
	for (; at < end; at++)
		if (!is_blank(*at))
			*at = '*';
}

/* The value of each parameter of that name, quoted or not. */
static void blot_parameter(struct range header, const char *name)
{
	size_t size = strlen(name);

	for (char *at = header.at; at + size < header.end; at++) {
		char *value;

		if ((at[-1] != ',' && !is_blank(at[-1])) || !view_is_nocase((struct view){at, size}, name))
			continue;
		value = skip_blanks(at + size, header.end);
		if (value == header.end || *value != '=')
			continue;
		value = skip_blanks(value + 1, header.end);
		if (value < header.end && *value == '"') {
			char *end = memchr(value + 1, '"', (size_t)(header.end - value - 1));

			blot(value + 1, end ? end : header.end);
		} else {
			char *end = value;

			while (end < header.end && *end != ',' && !is_blank(*end))
				end++;
			blot(value, end);
		}
	}
}

/* A header with its folded lines. */
static void mask_header(struct range header)
{
	bool is_answer = has_name(header, "Authorization") || has_name(header, "Proxy-Authorization");
	char *value = memchr(header.at, ':', (size_t)(header.end - header.at));

	if (is_answer) {
		value = skip_blanks(value + 1, header.end);
		if (header.end - value > 6 && view_is_nocase((struct view){value, 6}, "digest"))
			blot_parameter((struct range){value + 6, header.end}, "response");
		else
			blot(value, header.end);
	} else if (has_name(header, "Authentication-Info")) {
		blot_parameter((struct range){value + 1, header.end}, "rspauth");
	}
}

static char *line_end(char *at, char *end)
{
	char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? newline + 1 : end;
}

/* RFC 4568: a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20 */
static void mask_body_line(struct range line)
{
	static const char mark[] = "inline:";
	char *key = (struct view){line.at, 9}.size <= (size_t)(line.end - line.at) &&
				    view_is_nocase((struct view){line.at, 9}, "a=crypto:")
			    ? memmem(line.at, (size_t)(line.end - line.at), mark, sizeof(mark) - 1)
			    : NULL;

	while (key) {
		char *at = key + sizeof(mark) - 1, *end = at;

		while (end < line.end && !is_blank(*end) && *end != '|' && *end != ';')
			end++;
		blot(at, end);
		key = memmem(end, (size_t)(line.end - end), mark, sizeof(mark) - 1);
	}
}

void trace_mask(char *message, size_t size)
{
	char *at = message, *end = message + size;

	while (at < end && *at != '\r' && *at != '\n') {
		char *next = line_end(at, end);

		while (next < end && (*next == ' ' || *next == '\t'))
			next = line_end(next, end);
		mask_header((struct range){at, next});
		at = next;
	}
	while (at < end) {
		char *next = line_end(at, end);

		mask_body_line((struct range){at, next});
		at = next;
	}
}
