/* Asking a parsed message for its headers, and keeping a copy of it. */
#include "lib/sip/message.h"

#include <stdlib.h>

struct view sip_header_name_at(const struct sip_message *message, unsigned index)
{
	const struct sip_header *header = &message->headers[index];

	if (BUG_ON(index >= message->header_count))
		return VIEW_EMPTY;
	return (struct view){message->buffer + header->name_at, header->name_size};
}

struct view sip_header_value_at(const struct sip_message *message, unsigned index)
{
	const struct sip_header *header = &message->headers[index];

	if (BUG_ON(index >= message->header_count))
		return VIEW_EMPTY;
	return (struct view){message->buffer + header->value_at, header->value_size};
}

bool sip_header_is_present(const struct sip_message *message, enum sip_header_id id)
{
	return message->first[id] != SIP_NO_HEADER;
}

struct view sip_header_find(const struct sip_message *message, enum sip_header_id id)
{
	if (message->first[id] == SIP_NO_HEADER)
		return (struct view){NULL, 0};
	return sip_header_value_at(message, message->first[id]);
}

struct view sip_header_find_name(const struct sip_message *message, const char *name)
{
	enum sip_header_id id = sip_header_parse(view_of(name));

	for (unsigned i = message->first[id]; i != SIP_NO_HEADER; i = message->headers[i].next)
		if (id != SIP_HEADER_OTHER || view_is_nocase(sip_header_name_at(message, i), name))
			return sip_header_value_at(message, i);
	return (struct view){NULL, 0};
}

int sip_header_u32(const struct sip_message *message, enum sip_header_id id, uint32_t max, uint32_t *ret_value)
{
	struct view value = sip_header_find(message, id);

	if (!value.at)
		return ERR_NOT_FOUND;
	return view_to_u32(view_trim(view_cut(&value, ';')), max, ret_value);
}

bool sip_header_has(const struct sip_message *message, enum sip_header_id id, const char *token)
{
	for (unsigned i = message->first[id]; i != SIP_NO_HEADER; i = message->headers[i].next)
		if (sip_list_has(sip_header_value_at(message, i), token))
			return true;
	return false;
}

struct sip_values sip_values_begin(const struct sip_message *message, enum sip_header_id id)
{
	return (struct sip_values){
		.message = message,
		.next = message->first[id],
		.is_list = (sip_header_flags(id) & SIP_LIST) != 0,
		.rest = VIEW_EMPTY,
	};
}

bool sip_values_next(struct sip_values *values, struct view *ret_value)
{
	for (;;) {
		struct view line;

		if (sip_list_next(&values->rest, ret_value))
			return true;
		if (values->next == SIP_NO_HEADER)
			return false;
		line = sip_header_value_at(values->message, values->next);
		values->next = values->message->headers[values->next].next;
		if (!values->is_list) {
			*ret_value = line;
			return true;
		}
		values->rest = line;
	}
}

bool sip_content_type_is(const struct sip_message *message, const char *type)
{
	struct view rest = message->content_type;

	return rest.at && view_is_nocase(view_trim(view_cut(&rest, ';')), type);
}

int sip_message_new(const struct sip_message *message, struct sip_message **ret_message)
{
	struct sip_message *copy = malloc(sizeof(*copy) + message->size);
	struct sip_refusal refusal;
	char *bytes = (char *)(copy + 1);

	if (!copy)
		return ERR_NOMEM;
	memcpy(bytes, message->buffer, message->size);
	/* parsing again costs less than a microsecond, and no view can be forgotten */
	if (sip_parse(copy, bytes, message->size, message->framing, &refusal)) {
		free(copy);
		return ERR_INVALID;
	}
	*ret_message = copy;
	return 0;
}

void sip_message_free(struct sip_message *message)
{
	free(message);
}
