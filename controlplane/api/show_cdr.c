/* /api/cdr/recent and /api/v1/cdr: the lines of controlplane/cdr are JSON already, and are put into a list as they are. */
#include "controlplane/api/api_private.h"

#include <stdlib.h>

struct list_text {
	struct text text;
	bool is_first, is_full;
};

static void measure_line(void *arg, struct view line)
{
	*(size_t *)arg += line.size + 1;
}

/* Records that came since the measuring push the oldest ones out. */
static void add_line(void *arg, struct view line)
{
	struct list_text *list = arg;

	list->is_full |= list->text.size + line.size + sizeof(",]}") > list->text.capacity;
	if (list->is_full)
		return;
	if (!list->is_first)
		text_add_char(&list->text, ',');
	list->is_first = false;
	text_add(&list->text, line);
}

void api_show_cdr(struct api_question *question)
{
	struct cdr *cdr = question->api->options.cdr;
	struct list_text list = {.is_first = true};
	size_t size = sizeof("{\"records\":[]}");
	char *body;

	if (!cdr) {
		api_answer_error(question, API_ERROR_UNSUPPORTED, "call detail records are switched off (cdr.enabled)");
		return;
	}
	cdr_recent(cdr, question->query.limit, measure_line, &size);
	body = malloc(size);
	if (!body) {
		api_answer_error(question, API_ERROR_INTERNAL, error_text(ERR_NOMEM));
		return;
	}
	text_init(&list.text, body, size);
	text_add_string(&list.text, "{\"records\":[");
	cdr_recent(cdr, question->query.limit, add_line, &list);
	text_add_string(&list.text, "]}");
	api_answer_text(question, 200, "application/json", body, list.text.size);
}

/* ---- the database ---- */

/* Store's thread. */
void api_fetch_cdr_search(struct api_question *question)
{
	struct cdr_filter *filter = &question->query.cdr;

	filter->limit = question->query.limit;
	question->error =
		cdr_search(question->session, filter, question->query.is_csv, &question->text, question->cursor);
}

void api_answer_store_error(struct api_question *question)
{
	switch (question->error) {
	case ERR_UNSUPPORTED:
		api_answer_error(question, API_ERROR_UNSUPPORTED, "there is no database here (store.url)");
		break;
	case ERR_FULL:
		api_answer_error(question, API_ERROR_LIMIT, "too many requests wait for the database");
		break;
	case ERR_CLOSED:
		api_answer_error(question, API_ERROR_DEADLINE, "the database is away; try again");
		break;
	case ERR_TIMEOUT:
		api_answer_error(question, API_ERROR_DEADLINE,
				 "this takes too long; ask for a shorter time or fewer rows");
		break;
	default:
		api_answer_error(question, API_ERROR_INTERNAL, error_text(question->error));
	}
}

void api_show_cdr_search(struct api_question *question)
{
	const struct http_header next = {VIEW("x-next-cursor"), view_of(question->cursor)};
	size_t size = question->text ? strlen(question->text) + sizeof(question->cursor) * 2 + 64 : 0;
	struct text text;
	char *body;

	if (question->error) {
		api_answer_store_error(question);
		return;
	}
	if (question->query.is_csv) {
		body = question->text;
		question->text = NULL;
		api_answer_with(question, 200, "text/csv; charset=utf-8; header=present", body,
				question->cursor[0] ? &next : NULL);
		return;
	}
	body = malloc(size);
	if (!body) {
		api_answer_error(question, API_ERROR_INTERNAL, error_text(ERR_NOMEM));
		return;
	}
	text_init(&text, body, size);
	text_printf(&text, "{\"records\":[%s],\"next_cursor\":", question->text);
	document_write_text(&text, question->cursor);
	text_add_string(&text, "}");
	api_answer_text(question, 200, "application/json", body, text.size);
}
