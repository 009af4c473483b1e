/* Questions: from the API thread to the signalling thread, or the store's, and back, by messages. The question travels as a whole; while
 * it is away only the thread that has it touches its rows. */
#include "controlplane/api/api_private.h"

#include <stdlib.h>

static void question_free(struct api_question *question)
{
	if (question->api) {
		question->api->question_bytes -= question->size;
		loop_timer_stop(question->api->loop, &question->deadline);
		list_del(&question->link);
	}
	json_decref(question->body);
	free(question->text);
	free(question);
}

/* API thread: it came back. */
static void on_return(void *arg)
{
	struct api_question *question = arg;

	if (question->api && question->request)
		question->route->show(question);
	question_free(question);
}

void api_question_return(struct api_question *question)
{
	on_return(question);
}

/* Signalling thread. Without an api both threads have ended, and the loop only lets its messages go. */
static void on_arrival(void *arg)
{
	struct api_question *question = arg;
	const struct api_sources *sources;

	if (!question->api) {
		question_free(question);
		return;
	}
	question->route->fetch(question);
	sources = &question->api->options.sources;
	if (question->route->flags & API_EACH && question->at < sources->other_count) {
		question->at++;
		loop_message_init(&question->message, on_arrival, question);
		loop_post(sources->others[question->at - 1].loop, &question->message);
		return;
	}
	loop_message_init(&question->message, on_return, question);
	loop_post(question->api->loop, &question->message);
}

void *api_source_arg(const struct api_question *question)
{
	const struct api_sources *sources = &question->api->options.sources;

	return question->at == 0 ? sources->arg : sources->others[question->at - 1].arg;
}

/* Store's thread. */
static int on_store(struct store_session *session, void *arg)
{
	struct api_question *question = arg;

	question->session = session;
	question->route->fetch(question);
	return question->error;
}

static void on_stored(void *arg, int error)
{
	struct api_question *question = arg;

	question->error = error;
	on_return(question);
}

static void ask_store(struct api *api, struct api_question *question)
{
	struct store *store = api->options.store;

	question->job = (struct store_job){.run = on_store, .done = on_stored, .arg = question, .loop = api->loop};
	loop_timer_start(api->loop, &question->deadline, API_STORE_MS);
	question->error = store ? store_submit(store, &question->job) : ERR_UNSUPPORTED;
	if (question->error)
		on_return(question);
}

static void on_deadline(void *arg)
{
	struct api_question *question = arg;

	/* The rows belong to the signalling thread still: show must not look at them. */
	if (question->route->flags & API_SHOW_LATE) {
		question->is_late = true;
		question->route->show(question);
	} else {
		api_answer_error(question, API_ERROR_DEADLINE,
				 question->route->flags & (API_ON_STORE | API_CHANGE)
					 ? "the database did not answer in time"
					 : "the signalling thread did not answer in time");
	}
}

void api_ask(struct api *api, struct http_request *request, const struct api_route *route,
	     const struct api_query *query, const char *id, json_t *body)
{
	size_t count = route->parameters & API_LIMIT ? query->limit : 1;
	size_t size = sizeof(struct api_question) + count * route->row_size;
	struct api_question *question = NULL;

	if (api->question_bytes + size <= API_QUESTION_BYTES_MAX)
		question = calloc(1, size);
	if (!question) {
		json_decref(body);
		api_refuse(request, API_ERROR_LIMIT, "too many requests wait for an answer", NULL, NULL);
		return;
	}
	question->api = api;
	question->request = request;
	question->route = route;
	question->query = *query;
	question->query.is_csv |= view_has_prefix(view_trim(http_request_header(request, "accept")), "text/csv");
	question->body = body;
	question->size = size;
	memcpy(question->id, id, API_ID_SIZE);
	list_init(&question->link);
	loop_timer_init(&question->deadline, on_deadline, question);
	list_add(&api->questions, &question->link);
	api->question_bytes += size;
	if (route->flags & API_CHANGE) {
		loop_timer_start(api->loop, &question->deadline, API_STORE_MS);
		api_start_change(question);
		return;
	}
	if (!route->fetch) {
		on_return(question);
		return;
	}
	if (route->flags & API_ON_STORE) {
		ask_store(api, question);
		return;
	}
	loop_timer_start(api->loop, &question->deadline, API_ASK_MS);
	loop_message_init(&question->message, on_arrival, question);
	loop_post(api->options.sources.signalling, &question->message);
}

/* Both threads have ended. A question is queued in one of the two loops, which lets it go. */
void api_questions_end(struct api *api)
{
	LIST_FOREACH_SAFE (it, &api->questions) {
		struct api_question *question = LIST_ENTRY(it, struct api_question, link);

		if (question->request)
			api_answer_error(question, API_ERROR_LIMIT, "the server ends");
		loop_timer_stop(api->loop, &question->deadline);
		list_del(&question->link);
		question->api = NULL;
	}
}
