/* The jitter buffer's packets: a few slots, looked through whole; there are rarely more than three taken. */
#include "lib/playout/private.h"

void buffer_clear(struct buffer *buffer)
{
	memset(buffer->slots, 0, sizeof(buffer->slots));
	buffer->count = 0;
}

enum playout_verdict buffer_put(struct buffer *buffer, const struct rtp_header *header, const uint8_t *payload,
				bool is_noise)
{
	struct buffer_slot *free = NULL;

	if (header->payload_size > buffer->payload_max)
		return PLAYOUT_TOO_LONG;
	for (unsigned i = 0; i < PLAYOUT_SLOTS; i++) {
		struct buffer_slot *slot = &buffer->slots[i];

		if (!slot->is_taken)
			free = slot;
		else if (slot->sequence == header->sequence || slot->timestamp == header->timestamp)
			return PLAYOUT_DUPLICATE;
	}
	if (!free) {
		/* A burst longer than any delay: the oldest is worth least. */
		free = buffer_first(buffer);
		buffer->count--;
	}
	*free = (struct buffer_slot){.timestamp = header->timestamp,
				     .sequence = header->sequence,
				     .size = header->payload_size,
				     .is_taken = true,
				     .is_noise = is_noise};
	memcpy(buffer->payloads + (size_t)(free - buffer->slots) * buffer->payload_max, payload, header->payload_size);
	buffer->count++;
	return PLAYOUT_TAKEN;
}

struct buffer_slot *buffer_first(struct buffer *buffer)
{
	struct buffer_slot *first = NULL;

	if (buffer->count == 0)
		return NULL;
	for (unsigned i = 0; i < PLAYOUT_SLOTS; i++) {
		struct buffer_slot *slot = &buffer->slots[i];

		if (slot->is_taken && (!first || (int32_t)(slot->timestamp - first->timestamp) < 0))
			first = slot;
	}
	return first;
}

const uint8_t *buffer_payload(const struct buffer *buffer, const struct buffer_slot *slot)
{
	return buffer->payloads + (size_t)(slot - buffer->slots) * buffer->payload_max;
}

void buffer_drop(struct buffer *buffer, struct buffer_slot *slot)
{
	slot->is_taken = false;
	buffer->count--;
}
