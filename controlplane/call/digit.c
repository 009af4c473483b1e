/* Digits by SIP INFO, where a party has them so and its media are coded by the engine: an INFO becomes a digit that the engine
 * lets the other party hear, and a digit that the engine heard becomes an INFO (application/dtmf-relay). */
#include "controlplane/call/leg.h"

#include <stdio.h>

#include "lib/dtmf/dtmf.h"

#define DURATION_MS 160

/* "Signal=5\r\nDuration=160", names in any case and order. */
static int parse_relay(struct view body, struct shm_digit *ret_digit)
{
	int event = ERR_SYNTAX;
	uint32_t duration_ms = DURATION_MS;

	while (body.at && body.size > 0) {
		struct view value = view_cut(&body, '\n'), name = view_trim(view_cut(&value, '='));

		if (!value.at)
			continue;
		value = view_trim(value);
		if (view_is_nocase(name, "signal") && value.size == 1)
			event = dtmf_event_of(value.at[0]);
		else if (view_is_nocase(name, "signal") && view_is(value, "16"))
			event = DTMF_EVENT_FLASH;
		else if (view_is_nocase(name, "duration") && view_to_u32(value, 60000, &duration_ms) != 0)
			return ERR_SYNTAX;
	}
	if (event < 0)
		return ERR_SYNTAX;
	*ret_digit = (struct shm_digit){.event = (uint32_t)event, .duration_ms = duration_ms};
	return 0;
}

/* application/dtmf is the digit alone. */
static int parse_plain(struct view body, struct shm_digit *ret_digit)
{
	struct view digit = view_trim(body);
	int event = digit.size == 1 ? dtmf_event_of(digit.at[0]) : ERR_SYNTAX;

	if (event < 0)
		return ERR_SYNTAX;
	*ret_digit = (struct shm_digit){.event = (uint32_t)event, .duration_ms = DURATION_MS};
	return 0;
}

bool digit_take_info(struct leg *leg, struct transaction *transaction)
{
	const struct sip_message *request = transaction_request(transaction);
	struct leg *other = call_other_leg(leg->call, leg);
	bool is_relay = sip_content_type_is(request, "application/dtmf-relay");
	struct shm_digit digit;
	int error;

	if (!is_relay && !sip_content_type_is(request, "application/dtmf"))
		return false;
	/* To a party that has them by INFO too it goes on as it is. */
	if (!other || !other->stream || !other->media.audio.is_coded || other->media.audio.dtmf == SHM_DTMF_INFO)
		return false;
	error = is_relay ? parse_relay(request->body, &digit) : parse_plain(request->body, &digit);
	if (!error && media_stream_digit(other->stream, &digit) != 0) {
		transaction_respond_status(transaction, 503);
		return true;
	}
	transaction_respond_status(transaction, error ? 400 : 200);
	return true;
}

void digit_pass(struct leg *leg, const struct shm_digit *digit)
{
	struct transaction_layer *layer = leg->call->table->services.transactions;
	struct leg *other = call_other_leg(leg->call, leg);
	struct transaction *passed;
	char buffer[64];
	struct text body;

	log_call(LOG_LEVEL_DEBUG, "call", leg->call->id, "%s pressed %c for %u ms", cdr_side_name(leg->side),
		 dtmf_character(digit->event), digit->duration_ms);
	if (!other || !leg_is_up(other) || other->media.audio.dtmf != SHM_DTMF_INFO || !other->media.audio.is_coded)
		return;
	text_init(&body, buffer, sizeof(buffer));
	if (digit->event == DTMF_EVENT_FLASH)
		text_add_string(&body, "Signal=16\r\n");
	else
		text_printf(&body, "Signal=%c\r\n", dtmf_character(digit->event));
	text_printf(&body, "Duration=%u\r\n", digit->duration_ms);
	dialog_begin(other->dialog, layer, SIP_METHOD_INFO);
	/* What it answers changes nothing: the key was pressed. */
	if (transaction_send(layer, VIEW("application/dtmf-relay"), text_view(&body), NULL, NULL, &passed) != 0)
		log_call(LOG_LEVEL_WARNING, "call", leg->call->id, "a digit for the %s is lost",
			 cdr_side_name(other->side));
}
