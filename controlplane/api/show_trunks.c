/* Trunks, and where a call would go. fetch_* run on the signalling thread, show_* on the API thread. */
#include "controlplane/api/api_private.h"

static struct api_trunk_row *trunks_of(const struct api_question *question)
{
	return (struct api_trunk_row *)(uintptr_t)question->rows;
}

static void fetch_trunks(struct api_question *question, const struct api_page *page)
{
	const struct api_sources *sources = &question->api->options.sources;

	question->error = sources->trunks ? 0 : ERR_UNSUPPORTED;
	if (sources->trunks)
		question->count = sources->trunks(sources->arg, page, trunks_of(question), &question->total);
}

void api_fetch_trunks(struct api_question *question)
{
	const struct api_page page = {.offset = question->query.offset, .capacity = question->query.limit};

	fetch_trunks(question, &page);
}

void api_fetch_trunk(struct api_question *question)
{
	const struct api_page page = {.capacity = 1, .trunk = question->id};

	fetch_trunks(question, &page);
	if (question->error == 0 && question->count == 0)
		question->error = ERR_NOT_FOUND;
}

static json_t *target_document(const struct api_target_row *target)
{
	return json_pack("{s:o, s:o, s:i, s:i, s:o, s:b, s:b}", "address", document_endpoint(&target->remote),
			 "transport", document_text(target->transport), "priority", (int)target->priority, "weight",
			 (int)target->weight, "health", document_text(target->health), "good", target->is_good,
			 "registered", target->is_registered);
}

static json_t *targets_document(const struct api_trunk_row *trunk)
{
	json_t *list = json_array();

	for (size_t i = 0; i < trunk->target_count && list; i++)
		if (json_array_append_new(list, target_document(&trunk->targets[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *last_error_document(const struct api_trunk_row *trunk)
{
	if (!trunk->last_error[0])
		return json_null();
	return json_pack("{s:o, s:o}", "text", document_text(trunk->last_error), "time",
			 document_time(trunk->last_error_wall_ms));
}

static json_t *trunk_document(const struct api_trunk_row *trunk)
{
	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "trunk",
			 document_text(trunk->name), "host", document_text(trunk->host), "usable", trunk->is_usable,
			 "registration", document_text(trunk->registration), "registered_for",
			 document_u64(trunk->registered_s), "health", document_text(trunk->health), "resolution",
			 document_text(trunk->resolution), "resolved_again_in", document_u64(trunk->resolve_s), "calls",
			 document_u64(trunk->calls), "max_calls", document_u64(trunk->max_calls), "total_calls",
			 document_u64(trunk->total_calls), "refused", document_u64(trunk->refused), "last_error",
			 last_error_document(trunk), "targets", targets_document(trunk));
}

static bool is_answered(struct api_question *question)
{
	if (question->error == ERR_NOT_FOUND)
		api_answer_error(question, API_ERROR_NOT_FOUND, "there is no trunk of this name");
	else if (question->error)
		api_answer_error(question, API_ERROR_UNSUPPORTED, "this node does not offer that");
	return question->error != 0;
}

void api_show_trunks(struct api_question *question)
{
	json_t *list = json_array();

	if (is_answered(question)) {
		json_decref(list);
		return;
	}
	for (size_t i = 0; i < question->count && list; i++)
		if (json_array_append_new(list, trunk_document(&trunks_of(question)[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	api_answer(question, 200, json_pack("{s:o, s:o}", "trunks", list, "total", document_u64(question->total)));
}

void api_show_trunk(struct api_question *question)
{
	if (!is_answered(question))
		api_answer(question, 200, trunk_document(trunks_of(question)));
}

/* ---- where a call would go ---- */

void api_fetch_route(struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;
	struct api_route_row *row = (struct api_route_row *)(uintptr_t)question->rows;

	question->error = !sources->explain ? ERR_UNSUPPORTED : question->query.dialled[0] ? 0 : ERR_INVALID;
	if (question->error == 0)
		sources->explain(sources->arg, question->query.caller, question->query.dialled, row);
}

static json_t *lines_document(const char *text)
{
	struct view rest = view_of(text);
	json_t *lines = json_array();

	while (rest.size > 0 && lines)
		if (json_array_append_new(lines, document_text_view(view_cut(&rest, '\n'))) < 0) {
			json_decref(lines);
			return NULL;
		}
	return lines;
}

void api_show_route(struct api_question *question)
{
	const struct api_route_row *row = (const struct api_route_row *)(uintptr_t)question->rows;

	if (question->error == ERR_INVALID) {
		snprintf(question->field, sizeof(question->field), "to");
		question->why = "is missing: the number that is dialled";
		api_answer_invalid(question);
		return;
	}
	if (is_answered(question))
		return;
	api_answer(question, 200,
		   json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "from",
			     document_text(question->query.caller), "to", document_text(question->query.dialled),
			     "action", document_text(row->action), "target", document_text(row->target), "number",
			     document_text(row->number), "status", row->code ? document_u64(row->code) : json_null(),
			     "emergency", row->is_emergency, "pattern", document_text(row->pattern), "where",
			     document_text(row->where), "explanation", lines_document(row->explanation)));
}
