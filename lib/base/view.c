/* Views: comparing, cutting and reading numbers out of bytes that belong to somebody else. */
#include "lib/base/base.h"

#include <stdlib.h>
#include <strings.h>

static uint64_t seed = 0x9e3779b97f4a7c15u;

struct view view_of(const char *string)
{
	return string ? (struct view){string, strlen(string)} : VIEW_EMPTY;
}

bool view_equal(struct view a, struct view b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool view_equal_nocase(struct view a, struct view b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		if (fold(a.at[i]) != fold(b.at[i]))
			return false;
	return true;
}

bool view_is(struct view a, const char *string)
{
	return view_equal(a, view_of(string));
}

bool view_is_nocase(struct view a, const char *string)
{
	return view_equal_nocase(a, view_of(string));
}

bool view_has_prefix(struct view a, const char *prefix)
{
	size_t size = strlen(prefix);

	return a.size >= size && memcmp(a.at, prefix, size) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct view view_trim(struct view a)
{
	while (a.size > 0 && is_blank(a.at[0])) {
		a.at++;
		a.size--;
	}
	while (a.size > 0 && is_blank(a.at[a.size - 1]))
		a.size--;
	return a;
}

struct view view_sub(struct view a, size_t from, size_t size)
{
	if (from > a.size)
		from = a.size;
	if (size > a.size - from)
		size = a.size - from;
	return (struct view){a.at + from, size};
}

size_t view_find(struct view a, char c)
{
	const char *hit = a.size > 0 ? memchr(a.at, c, a.size) : NULL;

	return hit ? (size_t)(hit - a.at) : a.size;
}

struct view view_cut(struct view *rest, char c)
{
	size_t hit = view_find(*rest, c);
	struct view head = {rest->at, hit};

	if (hit == rest->size)
		*rest = (struct view){NULL, 0};
	else
		*rest = (struct view){rest->at + hit + 1, rest->size - hit - 1};
	return head;
}

int view_to_u64(struct view a, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (a.size == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < a.size; i++) {
		unsigned digit = (unsigned)(unsigned char)a.at[i] - '0';

		if (digit > 9)
			return ERR_SYNTAX;
		if (value > (UINT64_MAX - digit) / 10)
			return ERR_RANGE;
		value = value * 10 + digit;
	}
	if (value > max)
		return ERR_RANGE;
	*ret_value = value;
	return 0;
}

int view_to_u32(struct view a, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;
	int error = view_to_u64(a, max, &value);

	if (error)
		return error;
	*ret_value = (uint32_t)value;
	return 0;
}

char *view_dup(struct view a)
{
	char *copy = malloc(a.size + 1);

	if (copy) {
		if (a.size > 0)
			memcpy(copy, a.at, a.size);
		copy[a.size] = '\0';
	}
	return copy;
}

int view_copy(struct view a, char *buffer, size_t buffer_size)
{
	if (a.size >= buffer_size) {
		if (buffer_size > 0)
			buffer[0] = '\0';
		return ERR_TOO_LONG;
	}
	if (a.size > 0)
		memcpy(buffer, a.at, a.size);
	buffer[a.size] = '\0';
	return 0;
}

void hash_seed_set(uint64_t new_seed)
{
	seed = new_seed;
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ (h >> 32);
}

uint64_t hash_bytes(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint64_t h = seed ^ size;

	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		h = mix(h ^ word);
	}
	if (size > 0) {
		uint64_t word = 0;

		memcpy(&word, at, size);
		h = mix(h ^ word);
	}
	return h;
}

uint64_t hash_view_nocase(struct view a)
{
	uint64_t h = seed ^ a.size;

	for (size_t i = 0; i < a.size; i++)
		h = (h ^ (unsigned char)fold(a.at[i])) * 0x100000001b3u;
	return mix(h);
}
