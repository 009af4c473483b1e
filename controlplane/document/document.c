/* Values of JSON documents; see document.h. */
#include "controlplane/document/document.h"

#include <stdlib.h>
#include <time.h>

enum { INLINE_TEXT = 512 };

/* Bytes of the UTF-8 sequence at `at` (RFC 3629: shortest form, no surrogates, up to U+10FFFF); 0 when it is none. */
static size_t utf8_size(const uint8_t *at, size_t left)
{
	static const struct {
		uint8_t first_min, first_max, second_min, second_max, size;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		size_t size = forms[i].size;

		if (at[0] < forms[i].first_min || at[0] > forms[i].first_max)
			continue;
		if (size > left || (size > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max)))
			return 0;
		for (size_t k = 2; k < size; k++)
			if ((at[k] & 0xc0) != 0x80)
				return 0;
		return size;
	}
	return 0;
}

json_t *document_text_view(struct view bytes)
{
	char stack[INLINE_TEXT * 3 + 1];
	char *clean = bytes.size <= INLINE_TEXT ? stack : malloc(bytes.size * 3 + 1);
	struct text text;
	json_t *node;

	if (!clean)
		return NULL;
	text_init(&text, clean, bytes.size * 3 + 1);
	for (size_t i = 0; i < bytes.size;) {
		size_t size = utf8_size((const uint8_t *)bytes.at + i, bytes.size - i);

		text_add(&text, size ? view_sub(bytes, i, size) : VIEW("\xef\xbf\xbd"));
		i += MAX(size, 1);
	}
	node = json_stringn(text.at, text.size);
	if (clean != stack)
		free(clean);
	return node;
}

json_t *document_text(const char *string)
{
	return string[0] ? document_text_view(view_of(string)) : json_null();
}

const char *document_time_print(uint64_t wall_ms, char buffer[DOCUMENT_TIME_SIZE])
{
	const uint64_t last_ms = 253402300799999; /* 9999-12-31T23:59:59.999Z */
	uint64_t shown_ms = MIN(wall_ms, last_ms);
	time_t seconds = (time_t)(shown_ms / 1000);
	struct tm tm;
	struct text text;

	gmtime_r(&seconds, &tm);
	text_init(&text, buffer, DOCUMENT_TIME_SIZE);
	text_printf(&text, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		    tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(shown_ms % 1000));
	return buffer;
}

/* Takes `size` digits off the front. */
static bool take_digits(struct view *rest, size_t size, int *ret_value)
{
	uint32_t value;

	if (rest->size < size || view_to_u32(view_sub(*rest, 0, size), 9999, &value) != 0)
		return false;
	*ret_value = (int)value;
	*rest = view_sub(*rest, size, rest->size);
	return true;
}

static bool take_char(struct view *rest, char c)
{
	if (rest->size == 0 || (rest->at[0] != c && !(c >= 'A' && rest->at[0] == c + ('a' - 'A'))))
		return false;
	*rest = view_sub(*rest, 1, rest->size);
	return true;
}

/* ".042": the digits beyond the third are passed over. */
static int take_fraction_ms(struct view *rest)
{
	int ms = 0, unit = 100;

	if (!take_char(rest, '.'))
		return 0;
	for (; rest->size > 0 && rest->at[0] >= '0' && rest->at[0] <= '9'; unit /= 10) {
		ms += (rest->at[0] - '0') * unit;
		*rest = view_sub(*rest, 1, rest->size);
	}
	return ms;
}

static bool take_offset(struct view *rest, int *ret_minutes)
{
	bool is_west = rest->size > 0 && rest->at[0] == '-';
	int hours, minutes;

	*ret_minutes = 0;
	if (take_char(rest, 'Z'))
		return true;
	if (rest->size == 0 || (rest->at[0] != '+' && !is_west))
		return false;
	*rest = view_sub(*rest, 1, rest->size);
	if (!take_digits(rest, 2, &hours) || !take_char(rest, ':') || !take_digits(rest, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*ret_minutes = (hours * 60 + minutes) * (is_west ? -1 : 1);
	return true;
}

int document_time_parse(struct view text, uint64_t *ret_wall_ms)
{
	int offset = 0, ms = 0;
	struct tm tm = {0}, check;
	int64_t seconds;

	if (!take_digits(&text, 4, &tm.tm_year) || !take_char(&text, '-') || !take_digits(&text, 2, &tm.tm_mon) ||
	    !take_char(&text, '-') || !take_digits(&text, 2, &tm.tm_mday))
		return ERR_SYNTAX;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (text.size > 0) {
		if (!take_char(&text, 'T') || !take_digits(&text, 2, &tm.tm_hour) || !take_char(&text, ':') ||
		    !take_digits(&text, 2, &tm.tm_min) || !take_char(&text, ':') || !take_digits(&text, 2, &tm.tm_sec))
			return ERR_SYNTAX;
		ms = take_fraction_ms(&text);
		if (!take_offset(&text, &offset) || text.size > 0 || tm.tm_hour > 23 || tm.tm_min > 59 ||
		    tm.tm_sec > 60)
			return ERR_SYNTAX;
	}
	check = tm;
	seconds = (int64_t)timegm(&check);
	/* The 31st of February. */
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || (check.tm_mday != tm.tm_mday && tm.tm_sec < 60))
		return ERR_SYNTAX;
	seconds -= offset * 60;
	if (seconds < 0)
		return ERR_RANGE;
	*ret_wall_ms = (uint64_t)seconds * 1000 + (uint64_t)ms;
	return 0;
}

json_t *document_time(uint64_t wall_ms)
{
	char buffer[DOCUMENT_TIME_SIZE];

	return wall_ms ? json_string(document_time_print(wall_ms, buffer)) : json_null();
}

json_t *document_endpoint(const struct net_endpoint *endpoint)
{
	char buffer[NET_ENDPOINT_TEXT];

	return endpoint->address.family ? json_string(net_endpoint_print(endpoint, buffer)) : json_null();
}

json_t *document_u64(uint64_t value)
{
	return json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX));
}

/* ---- without nodes ---- */

/* Bytes at the front that stand in a JSON string as they are: printable ASCII but quote and backslash. */
static size_t plain_size(struct view bytes)
{
	size_t size = 0;

	while (size < bytes.size && bytes.at[size] >= ' ' && bytes.at[size] < 0x7f && bytes.at[size] != '"' &&
	       bytes.at[size] != '\\')
		size++;
	return size;
}

static void write_escaped(struct text *text, struct view bytes)
{
	static const char hex[] = "0123456789ABCDEF", letters[] = "\b\f\n\r\t", names[] = "bfnrt";
	unsigned char c = (unsigned char)bytes.at[0];
	const char *letter = c ? strchr(letters, c) : NULL;
	char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (c >= 0x7f)
		text_add(text, bytes);
	else if (c >= ' ' || letter)
		text_add(text, (struct view){(char[]){'\\', letter ? names[letter - letters] : (char)c}, 2});
	else
		text_add(text, (struct view){escape, sizeof(escape)});
}

void document_write_text(struct text *text, const char *string)
{
	struct view rest = view_of(string);

	if (rest.size == 0) {
		text_add(text, VIEW("null"));
		return;
	}
	text_add_char(text, '"');
	while (rest.size > 0) {
		size_t plain = plain_size(rest), size;

		text_add(text, view_sub(rest, 0, plain));
		rest = view_sub(rest, plain, rest.size);
		if (rest.size == 0)
			break;
		size = utf8_size((const uint8_t *)rest.at, rest.size);
		write_escaped(text, size ? view_sub(rest, 0, size) : VIEW("\xef\xbf\xbd"));
		rest = view_sub(rest, MAX(size, 1), rest.size);
	}
	text_add_char(text, '"');
}

void document_write_time(struct text *text, uint64_t wall_ms)
{
	char buffer[DOCUMENT_TIME_SIZE];

	document_write_text(text, wall_ms ? document_time_print(wall_ms, buffer) : "");
}

void document_write_endpoint(struct text *text, const struct net_endpoint *endpoint)
{
	char buffer[NET_ENDPOINT_TEXT];

	document_write_text(text, endpoint->address.family ? net_endpoint_print(endpoint, buffer) : "");
}

/* ---- whole documents ---- */

int document_print(json_t *node, struct text *text)
{
	size_t room = text->capacity - text->size - 1, size;

	if (!node)
		return ERR_NOMEM;
	size = json_dumpb(node, text->at + text->size, room, JSON_COMPACT);
	json_decref(node);
	if (size == 0 || size > room) {
		text->at[text->size] = '\0';
		return size ? ERR_TOO_LONG : ERR_NOMEM;
	}
	text->size += size;
	text->at[text->size] = '\0';
	return 0;
}

char *document_dump(json_t *node)
{
	char *dump = node ? json_dumps(node, JSON_COMPACT) : NULL;

	json_decref(node);
	return dump;
}
