/* Digits as events of RFC 4733, and the queue in which all digits wait. */
#include "lib/dtmf/dtmf.h"

static const char characters[] = "0123456789*#ABCD!";

char dtmf_character(unsigned event)
{
	return event <= DTMF_EVENT_MAX ? characters[event] : '?';
}

int dtmf_event_of(char character)
{
	char upper = character >= 'a' && character <= 'd' ? (char)(character - 'a' + 'A') : character;

	for (int event = 0; event <= DTMF_EVENT_MAX; event++)
		if (characters[event] == upper)
			return event;
	return ERR_SYNTAX;
}

bool dtmf_queue_put(struct dtmf_queue *queue, const struct dtmf_digit *digit)
{
	if (queue->count == DTMF_WAITING)
		return false;
	queue->digits[(queue->first + queue->count++) % DTMF_WAITING] = *digit;
	return true;
}

bool dtmf_queue_take(struct dtmf_queue *queue, struct dtmf_digit *ret_digit)
{
	if (queue->count == 0)
		return false;
	*ret_digit = queue->digits[queue->first];
	queue->first = (uint8_t)((queue->first + 1) % DTMF_WAITING);
	queue->count--;
	return true;
}

/* ---- receiving ---- */

void dtmf_receiver_init(struct dtmf_receiver *receiver, uint32_t clock_hz)
{
	*receiver = (struct dtmf_receiver){.clock_hz = clock_hz};
}

static void let_go(struct dtmf_receiver *receiver)
{
	uint64_t ticks = (uint64_t)receiver->duration + receiver->segment;
	struct dtmf_digit digit = {.event = receiver->event,
				   .volume = receiver->volume,
				   .duration_ms = (uint32_t)MIN(ticks * 1000 / receiver->clock_hz, UINT32_MAX)};

	receiver->is_pressed = false;
	dtmf_queue_put(&receiver->queue, &digit);
}

static void press(struct dtmf_receiver *receiver, uint32_t timestamp, const uint8_t *payload)
{
	receiver->is_pressed = true;
	receiver->has_any = true;
	receiver->timestamp = timestamp;
	receiver->event = payload[0];
	receiver->volume = payload[1] & 0x3f;
	receiver->segment = receiver->duration = 0;
}

bool dtmf_receive(struct dtmf_receiver *receiver, const struct rtp_header *header, const uint8_t *payload)
{
	uint32_t duration;
	int32_t later;

	if (header->payload_size < DTMF_EVENT_SIZE)
		return false;
	if (payload[0] > DTMF_EVENT_MAX)
		return true;
	duration = (uint32_t)payload[2] << 8 | payload[3];
	later = (int32_t)(header->timestamp - receiver->timestamp);
	if (!receiver->has_any || later > 0) {
		/* A long event goes on in a new segment where the last one ended (2.5.1.3). */
		bool goes_on = receiver->is_pressed && receiver->event == payload[0] && receiver->segment > 0 &&
			       (uint32_t)later == receiver->segment;

		if (goes_on) {
			receiver->duration += receiver->segment;
			receiver->segment = 0;
			receiver->timestamp = header->timestamp;
		} else {
			if (receiver->is_pressed)
				let_go(receiver);
			press(receiver, header->timestamp, payload);
		}
	} else if (later < 0 || !receiver->is_pressed) {
		return true; /* of an event that is over: its repeated end, or late */
	}
	receiver->segment = MAX(receiver->segment, duration);
	receiver->quiet_ms = 0;
	if (payload[1] & 0x80)
		let_go(receiver);
	return true;
}

void dtmf_receiver_pass(struct dtmf_receiver *receiver, uint32_t ms)
{
	if (!receiver->is_pressed)
		return;
	receiver->quiet_ms += ms;
	if (receiver->quiet_ms > DTMF_LOST_END_MS)
		let_go(receiver);
}

bool dtmf_receiver_is_pressed(const struct dtmf_receiver *receiver)
{
	return receiver->is_pressed;
}

bool dtmf_receiver_take(struct dtmf_receiver *receiver, struct dtmf_digit *ret_digit)
{
	return dtmf_queue_take(&receiver->queue, ret_digit);
}

/* ---- sending ---- */

void dtmf_event_print(uint8_t payload[DTMF_EVENT_SIZE], const struct dtmf_digit *digit, bool is_end, uint16_t duration)
{
	payload[0] = digit->event;
	payload[1] = (uint8_t)((is_end ? 0x80 : 0) | (digit->volume & 0x3f));
	payload[2] = (uint8_t)(duration >> 8);
	payload[3] = (uint8_t)duration;
}
