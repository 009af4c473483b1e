/* /api/cdr/recent: the lines of controlplane/cdr are JSON already, and are put into a list as they are. */
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
