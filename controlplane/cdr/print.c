/* A record as a line of JSON. The order of the fields is the order of cdr.h. */
#include "controlplane/cdr/cdr_private.h"

#include "controlplane/document/document.h"

static const char *const disposition_names[CDR_DISPOSITION_COUNT] = {
#define X(name, text) [name] = text,
	CDR_DISPOSITION_LIST(X)
#undef X
};

static const char *const side_names[CDR_SIDE_COUNT] = {
#define X(name, text) [name] = text,
	CDR_SIDE_LIST(X)
#undef X
};

const char *cdr_disposition_name(enum cdr_disposition disposition)
{
	return (unsigned)disposition < CDR_DISPOSITION_COUNT ? disposition_names[disposition] : "unknown";
}

const char *cdr_side_name(enum cdr_side side)
{
	return (unsigned)side < CDR_SIDE_COUNT ? side_names[side] : "unknown";
}

/* A started second counts. The wall clock may have been set back in between: then nothing passed. */
static json_t *seconds_between(uint64_t from_ms, uint64_t to_ms)
{
	return document_u64(to_ms > from_ms ? (to_ms - from_ms + 999) / 1000 : 0);
}

static json_t *number_or_null(uint32_t number)
{
	return number ? document_u64(number) : json_null();
}

static json_t *leg_document(const struct cdr_leg *leg, enum cdr_side side)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:f}}", "side",
			 cdr_side_name(side), "sip_call_id", document_text(leg->sip_call_id), "remote",
			 document_endpoint(&leg->remote), "user_agent", document_text(leg->user_agent), "codec",
			 document_text(leg->codec), "media", "remote", document_endpoint(&leg->media_remote),
			 "packets_in", document_u64(leg->packets_in), "packets_out", document_u64(leg->packets_out),
			 "bytes_in", document_u64(leg->bytes_in), "bytes_out", document_u64(leg->bytes_out), "lost",
			 document_u64(leg->lost), "dropped", document_u64(leg->dropped), "jitter_ms",
			 leg->jitter_us / 1000.0);
}

static json_t *legs_document(const struct cdr_record *record)
{
	json_t *legs = json_array();

	for (size_t i = 0; i < ARRAY_LEN(record->legs); i++) {
		enum cdr_side side = (enum cdr_side)(i + CDR_SIDE_CALLER);

		if (!record->legs[i].is_present)
			continue;
		if (json_array_append_new(legs, leg_document(&record->legs[i], side)) < 0) {
			json_decref(legs);
			return NULL;
		}
	}
	return legs;
}

int cdr_print(const struct cdr_record *record, struct text *text)
{
	const uint64_t end_ms = record->end_wall_ms, answer_ms = record->answer_wall_ms;
	json_t *node =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:{s:o, s:o, s:o}, s:o}", "call_id",
			  document_text(record->call_id), "caller", document_text(record->caller), "callee",
			  document_text(record->callee), "start_time", document_time(record->start_wall_ms),
			  "answer_time", document_time(answer_ms), "end_time", document_time(end_ms), "duration",
			  seconds_between(record->start_wall_ms, end_ms), "talk_duration",
			  seconds_between(answer_ms ? answer_ms : end_ms, end_ms), "disposition",
			  cdr_disposition_name(record->disposition), "hangup_side", cdr_side_name(record->hangup_side),
			  "transferred_to", document_text(record->transferred_to), "cause", "sip",
			  number_or_null(record->cause_sip), "q850", number_or_null(record->cause_q850), "text",
			  document_text(record->cause_text), "legs", legs_document(record));
	int error = document_print(node, text);

	if (error < 0)
		return error;
	text_add_char(text, '\n');
	return text->overflow ? ERR_TOO_LONG : 0;
}
