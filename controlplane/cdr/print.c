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

static void add_text(struct text *text, const char *key, const char *value)
{
	text_add_string(text, key);
	document_write_text(text, value);
}

static void add_number(struct text *text, const char *key, uint64_t value)
{
	text_add_string(text, key);
	text_add_u64(text, MIN(value, (uint64_t)INT64_MAX));
}

static void add_number_or_null(struct text *text, const char *key, uint32_t value)
{
	if (value)
		add_number(text, key, value);
	else
		add_text(text, key, "");
}

static void add_time(struct text *text, const char *key, uint64_t wall_ms)
{
	text_add_string(text, key);
	document_write_time(text, wall_ms);
}

static void add_endpoint(struct text *text, const char *key, const struct net_endpoint *endpoint)
{
	text_add_string(text, key);
	document_write_endpoint(text, endpoint);
}

/* A started second counts. The wall clock may have been set back in between: then nothing passed. */
static uint64_t seconds_between(uint64_t from_ms, uint64_t to_ms)
{
	return to_ms > from_ms ? (to_ms - from_ms + 999) / 1000 : 0;
}

/* Thousandths, always with a point: 0.0, 1.25. */
static void add_thousandths(struct text *text, const char *key, uint32_t value)
{
	char digits[] = {'.', (char)('0' + value / 100 % 10), (char)('0' + value / 10 % 10), (char)('0' + value % 10)};
	size_t size = sizeof(digits);

	while (size > 2 && digits[size - 1] == '0')
		size--;
	add_number(text, key, value / 1000);
	text_add(text, (struct view){digits, size});
}

/* 0 stands for what nobody knows. */
static void add_known(struct text *text, const char *key, uint32_t thousandths)
{
	if (thousandths > 0)
		add_thousandths(text, key, thousandths);
	else
		add_text(text, key, "");
}

static void add_leg(struct text *text, const struct cdr_leg *leg)
{
	add_text(text, ",\"sip_call_id\":", leg->sip_call_id);
	add_endpoint(text, ",\"remote\":", &leg->remote);
	add_text(text, ",\"user_agent\":", leg->user_agent);
	add_text(text, ",\"codec\":", leg->codec);
	add_text(text, ",\"srtp\":", leg->srtp);
	add_endpoint(text, ",\"media\":{\"remote\":", &leg->media_remote);
	add_number(text, ",\"packets_in\":", leg->packets_in);
	add_number(text, ",\"packets_out\":", leg->packets_out);
	add_number(text, ",\"bytes_in\":", leg->bytes_in);
	add_number(text, ",\"bytes_out\":", leg->bytes_out);
	add_number(text, ",\"lost\":", leg->lost);
	add_number(text, ",\"dropped\":", leg->dropped);
	add_thousandths(text, ",\"jitter_ms\":", leg->jitter_us);
	add_number(text, ",\"reordered\":", leg->reordered);
	add_number(text, ",\"duplicates\":", leg->duplicates);
	add_number(text, ",\"burst_lost\":", leg->burst_lost);
	add_known(text, ",\"mos\":", leg->mos_thousandths);
	add_known(text, ",\"round_trip_ms\":", leg->round_trip_us);
	if (leg->has_reported) {
		add_number(text, ",\"reported\":{\"lost\":", leg->reported_lost);
		add_thousandths(text, ",\"jitter_ms\":", leg->reported_jitter_us);
		add_known(text, ",\"mos\":", leg->reported_mos10 * 100);
		text_add(text, VIEW("}"));
	} else {
		text_add(text, VIEW(",\"reported\":null"));
	}
	text_add(text, VIEW("}}"));
}

static void add_legs(struct text *text, const struct cdr_record *record)
{
	size_t count = 0;

	text_add(text, VIEW(",\"legs\":["));
	for (size_t i = 0; i < ARRAY_LEN(record->legs); i++) {
		if (!record->legs[i].is_present)
			continue;
		text_add_string(text, count++ ? "," : "");
		add_text(text, "{\"side\":", cdr_side_name((enum cdr_side)(i + CDR_SIDE_CALLER)));
		add_leg(text, &record->legs[i]);
	}
	text_add(text, VIEW("]"));
}

static void add_segments(struct text *text, const struct cdr_record *record)
{
	text_add(text, VIEW(",\"segments\":["));
	for (size_t i = 0; i < MIN(record->segment_count, CDR_SEGMENTS_MAX); i++) {
		const struct cdr_segment *segment = &record->segments[i];

		add_text(text, i > 0 ? ",{\"leg\":" : "{\"leg\":", segment->id);
		add_text(text, ",\"side\":", cdr_side_name(segment->side));
		add_text(text, ",\"kind\":", segment->kind ? segment->kind : "");
		add_text(text, ",\"party\":", segment->party);
		add_time(text, ",\"start_time\":", segment->start_wall_ms);
		add_time(text, ",\"answer_time\":", segment->answer_wall_ms);
		add_time(text, ",\"end_time\":", segment->end_wall_ms);
		add_number_or_null(text, ",\"status\":", segment->status);
		add_leg(text, &segment->leg);
	}
	text_add(text, VIEW("]"));
}

int cdr_print(const struct cdr_record *record, struct text *text)
{
	const uint64_t end_ms = record->end_wall_ms, answer_ms = record->answer_wall_ms;
	struct text before = *text;

	add_text(text, "{\"call_id\":", record->call_id);
	add_text(text, ",\"caller\":", record->caller);
	add_text(text, ",\"callee\":", record->callee);
	add_time(text, ",\"start_time\":", record->start_wall_ms);
	add_time(text, ",\"answer_time\":", answer_ms);
	add_time(text, ",\"end_time\":", end_ms);
	add_number(text, ",\"duration\":", seconds_between(record->start_wall_ms, end_ms));
	add_number(text, ",\"talk_duration\":", seconds_between(answer_ms ? answer_ms : end_ms, end_ms));
	add_text(text, ",\"disposition\":", cdr_disposition_name(record->disposition));
	add_text(text, ",\"hangup_side\":", cdr_side_name(record->hangup_side));
	add_text(text, ",\"transferred_to\":", record->transferred_to);
	add_number_or_null(text, ",\"cause\":{\"sip\":", record->cause_sip);
	add_number_or_null(text, ",\"q850\":", record->cause_q850);
	add_text(text, ",\"text\":", record->cause_text);
	text_add(text, VIEW("}"));
	add_legs(text, record);
	add_segments(text, record);
	text_add(text, VIEW("}\n"));
	if (!text->overflow)
		return 0;
	*text = before;
	text->at[text->size] = '\0';
	return ERR_TOO_LONG;
}
