/* What happened to a call, and the SIP traffic log: /api/v1/calls/{call_id}/history, /api/v1/trace. */
#include "controlplane/api/api_private.h"

#include <stdio.h>

/* ---- history ---- */

static char *history_of(struct api_question *question)
{
	return (char *)question->rows;
}

void api_fetch_history(struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;
	struct text text;

	if (question->at > 0 && question->error != ERR_NOT_FOUND)
		return;
	text_init(&text, history_of(question), API_HISTORY_SIZE);
	question->error =
		sources->history ? sources->history(api_source_arg(question), question->id, &text) : ERR_UNSUPPORTED;
}

void api_show_history(struct api_question *question)
{
	struct view rest = view_of(history_of(question));
	json_t *lines = json_array();

	if (question->error) {
		json_decref(lines);
		if (question->error == ERR_UNSUPPORTED)
			api_answer_error(question, API_ERROR_UNSUPPORTED, "this node keeps no history");
		else
			api_answer_error(question, API_ERROR_NOT_FOUND, "there is no such call");
		return;
	}
	while (rest.size > 0 && lines) {
		struct view line = view_cut(&rest, '\n');

		if (json_array_append_new(lines, document_text_view(line)) < 0) {
			json_decref(lines);
			lines = NULL;
		}
	}
	api_answer(question, 200, json_pack("{s:o, s:o}", "call_id", document_text(question->id), "history", lines));
}

/* ---- trace ---- */

static struct api_trace_row *trace_of(struct api_question *question)
{
	return (struct api_trace_row *)(void *)question->rows;
}

static int refuse_field(struct api_question *question, const char *field, const char *why)
{
	snprintf(question->field, sizeof(question->field), "%s", field);
	question->why = why;
	return ERR_INVALID;
}

static int read_text(struct api_question *question, const char *field, json_t *value, char *buffer, size_t buffer_size)
{
	if (json_is_null(value))
		return 0;
	if (!json_is_string(value) || json_string_length(value) != strlen(json_string_value(value)) ||
	    view_copy(view_of(json_string_value(value)), buffer, buffer_size) < 0)
		return refuse_field(question, field, "is not a text, or too long");
	return 0;
}

static int read_trace(struct api_question *question, struct api_trace *trace)
{
	char peer[64] = "";
	bool is_said = false;
	const char *field;
	json_t *value;
	int error = 0;

	json_object_foreach(question->body, field, value)
	{
		if (strcmp(field, "enabled") == 0) {
			is_said = json_is_boolean(value);
			trace->is_on = json_is_true(value);
		} else if (strcmp(field, "peer") == 0) {
			error = read_text(question, field, value, peer, sizeof(peer));
		} else if (strcmp(field, "call") == 0) {
			error = read_text(question, field, value, trace->call, sizeof(trace->call));
		} else if (strcmp(field, "extension") == 0) {
			error = read_text(question, field, value, trace->extension, sizeof(trace->extension));
		} else {
			error = refuse_field(question, field, "there is no such field here");
		}
		if (error)
			return error;
	}
	if (!is_said)
		return refuse_field(question, "enabled", "must be true or false");
	if (peer[0] && net_prefix_parse(view_of(peer), &trace->peer) < 0)
		return refuse_field(question, "peer", "must be an address or a prefix such as 192.0.2.0/24");
	return 0;
}

void api_fetch_trace(struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;
	struct api_trace trace = {0};

	struct api_trace_row *sum = trace_of(question), own = {.written = 0};

	if (question->at > 0 && question->error != 0)
		return;
	question->error = sources->trace ? 0 : ERR_UNSUPPORTED;
	if (question->error == 0 && question->body)
		question->error = read_trace(question, &trace);
	if (question->error == 0)
		question->error = sources->trace(api_source_arg(question), question->body ? &trace : NULL, &own);
	sum->now = own.now;
	sum->written += own.written;
	sum->lost += own.lost;
	sum->last_errno = sum->last_errno ? sum->last_errno : own.last_errno;
}

static json_t *peer_document(const struct net_prefix *peer)
{
	char address[NET_ADDRESS_TEXT];

	if (peer->address.family == NET_NONE)
		return json_null();
	return json_sprintf("%s/%u", net_address_print(&peer->address, address), peer->bits);
}

void api_show_trace(struct api_question *question)
{
	const struct api_trace_row *row = trace_of(question);

	switch (question->error) {
	case 0:
		api_answer(question, 200,
			   json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "enabled", row->now.is_on, "peer",
				     peer_document(&row->now.peer), "call", document_text(row->now.call), "extension",
				     document_text(row->now.extension), "written", document_u64(row->written), "lost",
				     document_u64(row->lost), "last_error",
				     row->last_errno ? document_text(strerror(row->last_errno)) : json_null()));
		break;
	case ERR_INVALID:
		api_answer_invalid(question);
		break;
	case ERR_UNSUPPORTED:
		api_answer_error(question, API_ERROR_UNSUPPORTED, "this node has no SIP traffic log");
		break;
	default:
		api_answer_error(question, API_ERROR_INTERNAL, error_text(question->error));
		break;
	}
}
