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

void text_vprintf(struct text *text, const char *format, va_list args)
{
	int size;

	if (text->overflow)
		return;
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
