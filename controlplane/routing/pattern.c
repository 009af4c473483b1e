/* One dial pattern: compiled into a set of bytes a place, matched, compared. The road: routing.c asks for every pattern
 * of a context until one matches.
 */
#include "controlplane/routing/routing.h"

static void set_add(uint8_t set[32], unsigned char first, unsigned char last)
{
	for (unsigned c = first; c <= last; c++)
		set[c / 8] = (uint8_t)(set[c / 8] | 1u << (c % 8));
}

static bool set_has(const uint8_t set[32], unsigned char c)
{
	return set[c / 8] & (1u << (c % 8));
}

static int set_count(const uint8_t set[32])
{
	int count = 0;

	for (size_t i = 0; i < 32; i++)
		count += __builtin_popcount(set[i]);
	return count;
}

/* What stands between the brackets. */
static const char *set_parse(struct view inside, uint8_t set[32])
{
	if (inside.size == 0)
		return "[] matches nothing";
	for (size_t i = 0; i < inside.size; i++) {
		unsigned char first = (unsigned char)inside.at[i], last = first;

		if (i + 2 < inside.size && inside.at[i + 1] == '-') {
			last = (unsigned char)inside.at[i + 2];
			if (last < first)
				return "a range [a-b] must not run backwards";
			i += 2;
		}
		set_add(set, first, last);
	}
	return NULL;
}

static const char *place_parse(struct view *rest, uint8_t set[32])
{
	char c = rest->at[0];
	struct view inside;
	size_t close;

	*rest = view_sub(*rest, 1, rest->size);
	switch (c) {
	case 'X':
	case 'x':
		set_add(set, '0', '9');
		return NULL;
	case 'Z':
	case 'z':
		set_add(set, '1', '9');
		return NULL;
	case 'N':
	case 'n':
		set_add(set, '2', '9');
		return NULL;
	case '[':
		close = view_find(*rest, ']');
		if (close == rest->size)
			return "[ without its ]";
		inside = view_sub(*rest, 0, close);
		*rest = view_sub(*rest, close + 1, rest->size);
		return set_parse(inside, set);
	case ']':
		return "] without its [";
	default:
		set_add(set, (unsigned char)c, (unsigned char)c);
		return NULL;
	}
}

static const char *pattern_parse(struct view text, struct routing_pattern *pattern)
{
	pattern->is_exact = !view_has_prefix(text, "_");
	if (!pattern->is_exact)
		text = view_sub(text, 1, text.size);
	if (text.size == 0)
		return "a pattern must not be empty";
	while (text.size > 0) {
		uint8_t *set = pattern->places[pattern->len];
		const char *why = NULL;

		if (text.at[0] == '\0')
			return "a pattern cannot contain a NUL";
		if (!pattern->is_exact && (text.at[0] == '.' || text.at[0] == '!')) {
			if (text.size > 1)
				return ". and ! end a pattern, nothing may follow them";
			pattern->tail = (uint8_t)text.at[0];
			return NULL;
		}
		if (!pattern->is_exact && text.at[0] == '-') {
			text = view_sub(text, 1, text.size);
			continue;
		}
		if (pattern->len == ROUTING_PATTERN_PLACES)
			return "a pattern matches at most 64 characters";
		if (pattern->is_exact) {
			set_add(set, (unsigned char)text.at[0], (unsigned char)text.at[0]);
			text = view_sub(text, 1, text.size);
		} else {
			why = place_parse(&text, set);
		}
		if (why)
			return why;
		pattern->len++;
	}
	return pattern->len ? NULL : "a pattern must not be empty";
}

int routing_pattern_parse(struct view text, struct routing_pattern *ret_pattern, const char **ret_why)
{
	struct routing_pattern pattern = {0};
	const char *why = pattern_parse(text, &pattern);

	if (why) {
		*ret_why = why;
		return ERR_SYNTAX;
	}
	*ret_pattern = pattern;
	return 0;
}

bool routing_pattern_is_match(const struct routing_pattern *pattern, struct view number)
{
	size_t least = pattern->len + (pattern->tail == '.' ? 1u : 0u);

	if (number.size < least || (!pattern->tail && number.size > pattern->len))
		return false;
	for (size_t i = 0; i < pattern->len; i++) {
		if (!set_has(pattern->places[i], (unsigned char)number.at[i]))
			return false;
	}
	return true;
}

/* How much the place at `i` admits: characters, or for what stands beyond the places the order end . ! */
static int place_weight(const struct routing_pattern *pattern, size_t i)
{
	if (i < pattern->len)
		return set_count(pattern->places[i]);
	return pattern->tail == '!' ? 1002 : pattern->tail == '.' ? 1001 : 1000;
}

int routing_pattern_compare(const struct routing_pattern *a, const struct routing_pattern *b)
{
	int order;

	if (a->is_exact != b->is_exact)
		return a->is_exact ? -1 : 1;
	for (size_t i = 0; i <= a->len && i <= b->len; i++) {
		order = place_weight(a, i) - place_weight(b, i);
		if (order)
			return order;
	}
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int routing_number_decode(struct view user, char ret_number[ROUTING_NUMBER_SIZE])
{
	struct view digits = view_cut(&user, ';');
	char number[ROUTING_NUMBER_SIZE];
	size_t size = 0;

	for (size_t i = 0; i < digits.size; i++) {
		char c = digits.at[i];

		if (c == '%') {
			int high = i + 2 < digits.size ? hex_digit(digits.at[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(digits.at[i + 2]) : -1;

			if (low < 0)
				return ERR_SYNTAX;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0')
			return ERR_SYNTAX;
		if (size == ROUTING_NUMBER_SIZE - 1)
			return ERR_TOO_LONG;
		number[size++] = c;
	}
	number[size] = '\0';
	memcpy(ret_number, number, size + 1);
	return 0;
}
