/* Query parameters of a request, against those of its route: what is not known is refused by name. */
#include "controlplane/api/api_private.h"

enum { OFFSET_MAX = 100000000 };

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int api_decode(struct view text, bool plus_is_blank, char *buffer, size_t buffer_size)
{
	size_t size = 0;

	for (size_t i = 0; i < text.size; i++) {
		char c = text.at[i];

		if (c == '%') {
			int high = i + 2 < text.size ? hex_value(text.at[i + 1]) : -1;
			int low = i + 2 < text.size ? hex_value(text.at[i + 2]) : -1;

			if (high < 0 || low < 0 || high + low == 0)
				return ERR_SYNTAX;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (size + 1 >= buffer_size)
			return ERR_TOO_LONG;
		buffer[size++] = c;
	}
	buffer[size] = '\0';
	return 0;
}

static const char *set_number(struct view value, uint32_t min, uint32_t max, const char *why, uint32_t *ret_number)
{
	return view_to_u32(value, max, ret_number) < 0 || *ret_number < min ? why : NULL;
}

static const char *set_text(const char *value, char *buffer, size_t buffer_size)
{
	return value[0] == '\0' || view_copy(view_of(value), buffer, buffer_size) < 0 ? "is empty or too long" : NULL;
}

static const char *set_time(struct view value, uint64_t *ret_ms)
{
	return document_time_parse(value, ret_ms) < 0 ? "must be a time such as 2026-11-21T14:00:00Z, or a date" : NULL;
}

static const char *set_disposition(const char *value, struct api_query *query)
{
	for (size_t i = 0; i < CDR_DISPOSITION_COUNT; i++)
		if (strcmp(value, cdr_disposition_name((enum cdr_disposition)i)) == 0)
			return set_text(value, query->cdr.disposition, sizeof(query->cdr.disposition));
	return "must be ANSWERED, BUSY, NO_ANSWER, CANCELLED, REJECTED or FAILED";
}

/* NULL, or why not. */
static const char *set_parameter(struct api_query *query, size_t index, const char *value)
{
	struct view text = view_of(value);

	switch (index) {
	case API_LIMIT_INDEX:
		return set_number(text, 1, API_ROWS_MAX, "must be a number from 1 to 1000", &query->limit);
	case API_OFFSET_INDEX:
		return set_number(text, 0, OFFSET_MAX, "must be a number from 0 to 100000000", &query->offset);
	case API_CALL_ID_INDEX:
		return set_text(value, query->call_id, sizeof(query->call_id));
	case API_DIALLED_INDEX:
		return set_text(value, query->dialled, sizeof(query->dialled));
	case API_CALLER_INDEX:
		return set_text(value, query->caller, sizeof(query->caller));
	case API_NUMBER_INDEX:
		return set_text(value, query->cdr.number, sizeof(query->cdr.number));
	case API_FROM_INDEX:
		return set_time(text, &query->cdr.from_ms);
	case API_TO_INDEX:
		return set_time(text, &query->cdr.to_ms);
	case API_DISPOSITION_INDEX:
		return set_disposition(value, query);
	case API_CAUSE_INDEX:
		return set_text(value, query->cdr.cause, sizeof(query->cdr.cause));
	case API_CURSOR_INDEX:
		return cdr_cursor_is_valid(value) ? set_text(value, query->cdr.cursor, sizeof(query->cdr.cursor))
						  : "is none that a page gave";
	case API_FORMAT_INDEX:
		query->is_csv = strcmp(value, "csv") == 0;
		return query->is_csv || strcmp(value, "json") == 0 ? NULL : "must be csv or json";
	default:
		return set_text(value, query->user, sizeof(query->user));
	}
}

static size_t find_parameter(const char *name, unsigned parameters)
{
	size_t i = 0;

	while (i < API_PARAMETER_COUNT && !((parameters & 1u << i) && strcmp(api_parameters[i].name, name) == 0))
		i++;
	return i;
}

int api_query_parse(struct view query, unsigned parameters, struct api_query *ret_query, struct text *field,
		    const char **ret_why)
{
	struct api_query parsed = {.limit = API_LIMIT_DEFAULT};
	unsigned seen = 0;

	while (query.at) {
		struct view value = view_cut(&query, '&');
		struct view name = view_cut(&value, '=');
		char name_text[32], value_text[API_TEXT_SIZE];
		size_t i;

		if (name.size == 0 && !value.at)
			continue;
		*ret_why = "there is no such query parameter here";
		text_add(field, view_sub(name, 0, 64));
		if (api_decode(name, true, name_text, sizeof(name_text)) < 0)
			return ERR_INVALID;
		i = find_parameter(name_text, parameters);
		if (i == API_PARAMETER_COUNT)
			return ERR_INVALID;
		*ret_why = "is given twice";
		if (seen & 1u << i)
			return ERR_INVALID;
		seen |= 1u << i;
		*ret_why = "is not validly encoded, or too long";
		if (api_decode(value, true, value_text, sizeof(value_text)) < 0)
			return ERR_INVALID;
		*ret_why = set_parameter(&parsed, i, value_text);
		if (*ret_why)
			return ERR_INVALID;
		field->size = 0;
	}
	*ret_query = parsed;
	return 0;
}
