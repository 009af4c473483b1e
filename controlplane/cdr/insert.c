/* From a line of JSON to rows of the database, on the store's thread. The line is what cdr_print wrote, so what is kept in
 * files and what is kept in tables cannot differ. */
#include "controlplane/cdr/cdr_private.h"

#include "controlplane/document/document.h"
#include "controlplane/store/store.h"

static const char insert_cdr[] =
	"INSERT INTO cdr (call_id, caller, callee, transferred_to, caller_number, callee_number, transferred_number,"
	" start_ms, answer_ms, end_ms, duration_s, talk_s, disposition, hangup_side, cause_sip, cause_q850, cause_text,"
	" packets, lost, jitter_ms, mos, document) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
	" $15, $16, $17, $18, $19, $20, $21, $22) ON CONFLICT (call_id) DO NOTHING";
static const char insert_segment[] =
	"INSERT INTO cdr_segment (call_id, position, side, party, kind, start_ms, answer_ms, end_ms, status, "
	"sip_call_id,"
	" remote, user_agent, codec, media_remote, packets_in, packets_out, bytes_in, bytes_out, lost, dropped, "
	"jitter_ms,"
	" mos) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,"
	" $22)";

static struct store_value text_at(const json_t *object, const char *key)
{
	const json_t *node = json_object_get(object, key);

	return json_is_string(node) ? store_text((struct view){json_string_value(node), json_string_length(node)})
				    : store_null();
}

static struct store_value number_at(const json_t *object, const char *key)
{
	const json_t *node = json_object_get(object, key);

	return json_is_integer(node) ? store_integer(json_integer_value(node)) : store_null();
}

static struct store_value real_at(const json_t *object, const char *key)
{
	const json_t *node = json_object_get(object, key);

	return json_is_number(node) ? store_real(json_number_value(node)) : store_null();
}

static struct store_value time_at(const json_t *object, const char *key)
{
	struct store_value text = text_at(object, key);
	uint64_t wall_ms;

	return text.type == STORE_TEXT && document_time_parse(text.text, &wall_ms) == 0
		       ? store_integer((int64_t)wall_ms)
		       : store_null();
}

/* NOT NULL in the schema. */
static struct store_value or_zero(struct store_value value)
{
	return value.type == STORE_NULL ? store_integer(0) : value;
}

static struct store_value or_unknown(struct store_value value)
{
	return value.type == STORE_NULL ? store_text(VIEW("unknown")) : value;
}

/* "1000@example.org": 1000. */
static struct store_value number_of(struct store_value party)
{
	if (party.type == STORE_TEXT)
		party.text = view_sub(party.text, 0, view_find(party.text, '@'));
	return party;
}

/* Of what the parties sent: packets and losses together, the larger jitter, the lower MOS. */
struct quality {
	int64_t packets, lost;
	double jitter_ms, mos;
	bool has_media, has_mos;
};

static struct quality quality_of(const json_t *record)
{
	struct quality quality = {0};
	const json_t *leg;
	size_t i;

	json_array_foreach(json_object_get(record, "legs"), i, leg)
	{
		const json_t *media = json_object_get(leg, "media");
		struct store_value mos = real_at(media, "mos");

		quality.has_media |= media != NULL;
		quality.packets += number_at(media, "packets_in").integer;
		quality.lost += number_at(media, "lost").integer;
		quality.jitter_ms = MAX(quality.jitter_ms, real_at(media, "jitter_ms").real);
		if (mos.type == STORE_REAL)
			quality.mos = quality.has_mos ? MIN(quality.mos, mos.real) : mos.real;
		quality.has_mos |= mos.type == STORE_REAL;
	}
	return quality;
}

static int insert_call(struct store_session *session, const json_t *record, struct view line)
{
	const json_t *cause = json_object_get(record, "cause");
	struct quality quality = quality_of(record);
	const struct store_value values[] = {
		text_at(record, "call_id"),
		text_at(record, "caller"),
		text_at(record, "callee"),
		text_at(record, "transferred_to"),
		number_of(text_at(record, "caller")),
		number_of(text_at(record, "callee")),
		number_of(text_at(record, "transferred_to")),
		or_zero(time_at(record, "start_time")),
		time_at(record, "answer_time"),
		or_zero(time_at(record, "end_time")),
		or_zero(number_at(record, "duration")),
		or_zero(number_at(record, "talk_duration")),
		or_unknown(text_at(record, "disposition")),
		or_unknown(text_at(record, "hangup_side")),
		number_at(cause, "sip"),
		number_at(cause, "q850"),
		text_at(cause, "text"),
		quality.has_media ? store_integer(quality.packets) : store_null(),
		quality.has_media ? store_integer(quality.lost) : store_null(),
		quality.has_media ? store_real(quality.jitter_ms) : store_null(),
		quality.has_mos ? store_real(quality.mos) : store_null(),
		store_text(line),
	};

	return store_query(session, insert_cdr, values, ARRAY_LEN(values), NULL, NULL);
}

static int insert_leg(struct store_session *session, struct store_value call_id, size_t position, const json_t *leg)
{
	const json_t *media = json_object_get(leg, "media");
	const struct store_value values[] = {
		call_id,
		store_integer((int64_t)position),
		or_unknown(text_at(leg, "side")),
		text_at(leg, "party"),
		text_at(leg, "kind"),
		time_at(leg, "start_time"),
		time_at(leg, "answer_time"),
		time_at(leg, "end_time"),
		number_at(leg, "status"),
		text_at(leg, "sip_call_id"),
		text_at(leg, "remote"),
		text_at(leg, "user_agent"),
		text_at(leg, "codec"),
		text_at(media, "remote"),
		number_at(media, "packets_in"),
		number_at(media, "packets_out"),
		number_at(media, "bytes_in"),
		number_at(media, "bytes_out"),
		number_at(media, "lost"),
		number_at(media, "dropped"),
		real_at(media, "jitter_ms"),
		real_at(media, "mos"),
	};

	return store_query(session, insert_segment, values, ARRAY_LEN(values), NULL, NULL);
}

static int insert_all(struct store_session *session, const json_t *record, struct view line)
{
	struct store_value call_id = text_at(record, "call_id");
	const json_t *segment;
	int error;
	size_t i;

	if (call_id.type != STORE_TEXT)
		return ERR_SYNTAX;
	error = insert_call(session, record, line);
	if (error || store_changed(session) == 0) /* it is there already, with its segments */
		return error;
	json_array_foreach(json_object_get(record, "segments"), i, segment)
	{
		error = insert_leg(session, call_id, i, segment);
		if (error)
			return error;
	}
	return 0;
}

int cdr_insert(struct store_session *session, struct view line)
{
	json_t *record = json_loadb(line.at, line.size, 0, NULL);
	int error = json_is_object(record) ? insert_all(session, record, line) : ERR_SYNTAX;

	json_decref(record);
	return error;
}

int cdr_delete(struct store_session *session, uint64_t before_ms, uint64_t *ret_deleted)
{
	const struct store_value before = store_integer((int64_t)before_ms);
	int error = store_query(session,
				"DELETE FROM cdr WHERE call_id IN (SELECT call_id FROM cdr WHERE end_ms < $1"
				" ORDER BY end_ms LIMIT 2000)",
				&before, 1, NULL, NULL);

	*ret_deleted = error ? 0 : store_changed(session);
	return error;
}
