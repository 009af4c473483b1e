/* The bounded writer: what does not fit is not written at all, and the overflow is remembered. */
#include "lib/base/base.h"

#include <stdio.h>

void text_init(struct text *text, char *buffer, size_t buffer_size)
{
	*text = (struct text){.at = buffer, .capacity = buffer_size, .overflow = buffer_size == 0};
	if (buffer_size > 0)
		buffer[0] = '\0';
}

void text_add(struct text *text, struct view bytes)
{
	if (text->overflow)
		return;
	if (bytes.size >= text->capacity - text->size) {
		text->overflow = true;
		return;
	}
	if (bytes.size > 0)
		memcpy(text->at + text->size, bytes.at, bytes.size);
	text->size += bytes.size;
	text->at[text->size] = '\0';
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, view_of(string));
}

void text_add_char(struct text *text, char c)
{
	if (text->overflow)
		return;
	if (text->capacity - text->size < 2) {
		text->overflow = true;
		return;
	}
	text->at[text->size++] = c;
	text->at[text->size] = '\0';
}

void text_add_u64(struct text *text, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	text_add(text, (struct view){digits + at, sizeof(digits) - at});
}

/* ---- formats: nearly all that is printed are strings and numbers without width; these need no vsnprintf, which costs
 * some hundred instructions before it begins ---- */

/* Bytes behind the percent sign of s, .*s, u, zu, lu, llu, c or a percent sign; 0: something else. */
static size_t plain_size(const char *at)
{
	switch (at[0]) {
	case 's':
	case 'u':
	case 'c':
	case '%':
		return 1;
	case '.':
		return at[1] == '*' && at[2] == 's' ? 3 : 0;
	case 'z':
		return at[1] == 'u' ? 2 : 0;
	case 'l':
		return at[1] == 'u' ? 2 : at[1] == 'l' && at[2] == 'u' ? 3 : 0;
	default:
		return 0;
	}
}

static bool is_plain(const char *format)
{
	while ((format = strchr(format, '%')) != NULL) {
		size_t size = plain_size(format + 1);

		if (size == 0)
			return false;
		format += 1 + size;
	}
	return true;
}

static void print_plain(struct text *text, const char *format, va_list args)
{
	for (;;) {
		const char *percent = strchrnul(format, '%');
		int size = -1;

		text_add(text, (struct view){format, (size_t)(percent - format)});
		if (!*percent)
			return;
		format = percent + 1 + plain_size(percent + 1);
		switch (percent[1]) {
		case '.':
			size = va_arg(args, int);
			/* fall through */
		case 's': {
			const char *string = va_arg(args, const char *);

			if (size != 0)
				text_add(text, (struct view){string, size < 0 ? strlen(string)
									      : strnlen(string, (size_t)size)});
			break;
		}
		case 'u':
			text_add_u64(text, va_arg(args, unsigned));
			break;
		case 'z':
			text_add_u64(text, va_arg(args, size_t));
			break;
		case 'l':
			text_add_u64(text, percent[2] == 'l' ? va_arg(args, unsigned long long)
							     : va_arg(args, unsigned long));
			break;
		case 'c':
			text_add_char(text, (char)va_arg(args, int));
			break;
		default:
			text_add_char(text, '%');
			break;
		}
	}
}

void text_vprintf(struct text *text, const char *format, va_list args)
{
	size_t before = text->size;
	int size;

	if (text->overflow)
		return;
	if (is_plain(format)) {
		print_plain(text, format, args);
		if (text->overflow) {
			text->size = before;
			text->at[before] = '\0';
		}
		return;
	}
	size = vsnprintf(text->at + text->size, text->capacity - text->size, format, args);
	if (size < 0 || (size_t)size >= text->capacity - text->size) {
		text->overflow = true;
		text->at[text->size] = '\0';
		return;
	}
	text->size += (size_t)size;
}

void text_printf(struct text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_vprintf(text, format, args);
	va_end(args);
}

struct view text_view(const struct text *text)
{
	return (struct view){text->at, text->size};
}
