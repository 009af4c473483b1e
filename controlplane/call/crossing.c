/* Which headers cross from one leg to the other: the table of what is between the two parties. Everything else a back-to-back
 * user agent writes itself, or keeps to itself (RFC 7092). */
#include "controlplane/call/leg.h"

#include <stdlib.h>

enum { UNKNOWN_MAX = 16, UNKNOWN_SIZE_MAX = 2048 };

/* is_telling: says who calls, so it goes when the caller wants privacy (RFC 3323 5.3). */
static const struct row {
	enum sip_header_id id;
	unsigned when;
	bool is_telling;
} rows[] = {
	{SIP_HEADER_ALERT_INFO, CROSSING_INVITE | CROSSING_ANSWER, false},
	{SIP_HEADER_CALL_INFO, CROSSING_INVITE | CROSSING_ANSWER, true},
	{SIP_HEADER_SUBJECT, CROSSING_INVITE | CROSSING_TALK, true},
	{SIP_HEADER_ORGANIZATION, CROSSING_INVITE | CROSSING_ANSWER, true},
	{SIP_HEADER_REPLY_TO, CROSSING_INVITE | CROSSING_TALK, true},
	{SIP_HEADER_IN_REPLY_TO, CROSSING_INVITE | CROSSING_TALK, true},
	{SIP_HEADER_PRIORITY, CROSSING_INVITE | CROSSING_TALK, false},
	{SIP_HEADER_ACCEPT_LANGUAGE, CROSSING_INVITE, false},
	{SIP_HEADER_DATE, CROSSING_TALK, false},
	{SIP_HEADER_EXPIRES, CROSSING_TALK, false},
	{SIP_HEADER_CONTENT_DISPOSITION, CROSSING_TALK, false},
	{SIP_HEADER_CONTENT_LANGUAGE, CROSSING_TALK, false},
	{SIP_HEADER_CONTENT_ENCODING, CROSSING_TALK, false},
	{SIP_HEADER_MIME_VERSION, CROSSING_TALK, false},
	{SIP_HEADER_RETRY_AFTER, CROSSING_ANSWER, false},
	{SIP_HEADER_ERROR_INFO, CROSSING_ANSWER, false},
};

/* Of headers that nobody here knows those cross that do not begin so: names of proxies' and private networks' headers, of
 * what belongs to one hop, and of what describes a body that does not cross as it was. */
static const char *const kept_back[] = {"P-",          "Proxy-",           "Security-",      "Content-",
					"Max-Breadth", "Feature-Caps",     "Recv-Info",      "Session-Expires",
					"Path",        "Policy-",          "Resource-Share", "Restoration-",
					"Cellular-",   "Geolocation-Error"};

static bool is_kept_back(struct view name, unsigned when)
{
	if (when == CROSSING_TALK && view_is_nocase(name, "Content-Transfer-Encoding"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kept_back); i++) {
		size_t size = strlen(kept_back[i]);

		if (name.size >= size && view_is_nocase(view_sub(name, 0, size), kept_back[i]))
			return true;
	}
	return false;
}

static void write_unknown(struct sip_writer *out, const struct sip_message *message, unsigned when)
{
	unsigned count = 0;
	size_t size = 0;

	for (unsigned i = 0; i < message->header_count; i++) {
		struct view name, value;

		if (message->headers[i].id != SIP_HEADER_OTHER)
			continue;
		name = sip_header_name_at(message, i);
		value = sip_header_value_at(message, i);
		if (is_kept_back(name, when))
			continue;
		size += name.size + value.size;
		if (++count > UNKNOWN_MAX || size > UNKNOWN_SIZE_MAX)
			return;
		sip_write_header_named(out, name, value);
	}
}

void crossing_write(struct sip_writer *out, const struct sip_message *message, enum crossing when, bool is_private)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((rows[i].when & when) && !(is_private && rows[i].is_telling))
			sip_write_copy(out, message, rows[i].id);
	write_unknown(out, message, when);
}

void crossing_keep(struct leg *leg, const struct sip_message *message)
{
	char buffer[SIP_HEADER_VALUE_MAX];
	struct sip_writer writer;

	free(leg->crossed);
	leg->crossed = NULL;
	if (!message)
		return;
	sip_writer_init(&writer, buffer, sizeof(buffer));
	crossing_write(&writer, message, CROSSING_ANSWER, false);
	/* What does not fit, or finds no memory, does not cross; the call goes on. */
	if (!writer.error && !writer.text.overflow && writer.text.size > 0)
		leg->crossed = view_dup(text_view(&writer.text));
}

void crossing_write_kept(struct sip_writer *out, const struct leg *leg)
{
	struct view rest = leg->crossed ? view_of(leg->crossed) : VIEW_EMPTY;

	while (rest.size > 0) {
		struct view value = view_cut(&rest, '\n'), name = view_cut(&value, ':');

		sip_write_header_named(out, name, view_trim(value));
	}
}

/* ---- Reason (RFC 3326) ---- */

char *crossing_reason(const struct sip_message *message)
{
	char buffer[512];
	struct text text;
	struct view value;

	if (!message || !sip_header_is_present(message, SIP_HEADER_REASON))
		return NULL;
	text_init(&text, buffer, sizeof(buffer));
	SIP_HEADER_FOREACH (message, SIP_HEADER_REASON, value) {
		struct sip_reason reason;

		if (sip_reason_parse(value, &reason) != 0)
			continue;
		if (text.size > 0)
			text_add_string(&text, ", ");
		text_add(&text, value);
	}
	return text.overflow || text.size == 0 ? NULL : view_dup(text_view(&text));
}

void crossing_print_reason(const struct call *call, bool is_elsewhere, struct text *out)
{
	const struct call_cause *cause = &call->cause;

	if (is_elsewhere)
		text_add_string(out, "SIP;cause=200;text=\"Call completed elsewhere\"");
	else if (call->reason)
		text_add_string(out, call->reason);
	else if (call->has_cause && cause->q850 > 0)
		text_printf(out, "Q.850;cause=%u;text=\"%s\"", cause->q850, cause->text);
}

void crossing_write_reason(struct sip_writer *out, const struct call *call, bool is_elsewhere)
{
	char buffer[512];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	crossing_print_reason(call, is_elsewhere, &text);
	if (text.size > 0 && !text.overflow)
		sip_write_header_view(out, SIP_HEADER_REASON, text_view(&text));
}
