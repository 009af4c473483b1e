/* Extensions, trunks and routes: shown as they are in force, created, changed and deleted. Everything is provision's; here are
 * names, versions and statuses of HTTP. */
#include "controlplane/api/api_private.h"

#include <stdio.h>

static struct provision *provision_of(struct api_question *question)
{
	struct provision *provision = question->api->options.provision;

	if (!provision)
		api_answer_error(question, API_ERROR_UNSUPPORTED, "there is no database here (store.url)");
	return provision;
}

void api_show_rows_of_conf(struct api_question *question)
{
	struct provision *provision = provision_of(question);
	enum conf_list list = question->route->list;
	size_t total;
	json_t *rows;

	if (!provision)
		return;
	rows = provision_list(provision, list, question->query.offset, question->query.limit, &total);
	api_answer(question, 200, json_pack("{s:o, s:o}", conf_list_name(list), rows, "total", document_u64(total)));
}

static void answer_row(struct api_question *question, int status, const char *name)
{
	char tag[32], *body = NULL;
	struct http_header header = {VIEW("etag"), VIEW_EMPTY};
	int64_t version = 0;
	json_t *node = NULL;
	int error = provision_show(question->api->options.provision, question->route->list, name, &node, &version);

	if (error == ERR_NOT_FOUND) {
		api_answer_error(question, API_ERROR_NOT_FOUND, "there is none of this name");
		return;
	}
	body = error == 0 ? document_dump(node) : NULL;
	snprintf(tag, sizeof(tag), "\"%lld\"", (long long)version);
	header.value = view_of(tag);
	if (body)
		api_answer_with(question, status, "application/json", body, version > 0 ? &header : NULL);
	else
		api_answer_error(question, API_ERROR_INTERNAL, error_text(ERR_NOMEM));
}

void api_show_row_of_conf(struct api_question *question)
{
	if (provision_of(question))
		answer_row(question, 200, question->id);
}

/* ---- changes ---- */

static struct provision_result *result_of(struct api_question *question)
{
	return (struct provision_result *)(void *)question->rows;
}

void api_on_changed(void *arg, const struct provision_result *result)
{
	struct api_question *question = arg;

	*result_of(question) = *result;
	api_question_return(question);
}

/* If-Match: "3"; without it, or with a star, any version will do. False: it is no version of ours. */
static bool read_version(const struct http_request *request, int64_t *ret_version)
{
	struct view tag = view_trim(http_request_header(request, "if-match"));
	uint64_t version;

	*ret_version = -1;
	if (tag.size == 0 || view_is(tag, "*"))
		return true;
	if (tag.size > 2 && tag.at[0] == '"' && tag.at[tag.size - 1] == '"')
		tag = view_sub(tag, 1, tag.size - 2);
	if (view_to_u64(tag, INT64_MAX, &version) != 0)
		return false;
	*ret_version = (int64_t)version;
	return true;
}

void api_start_change(struct api_question *question)
{
	const struct api_route *route = question->route;
	struct provision *provision = question->api->options.provision;
	struct provision_result refused = {.error = provision ? ERR_INVALID : ERR_UNSUPPORTED,
					   .field = "If-Match",
					   .why = "is no version that an ETag said"};
	struct provision_change change = {.list = route->list,
					  .operation = strcmp(route->method, "POST") == 0  ? PROVISION_CREATE
						       : strcmp(route->method, "PUT") == 0 ? PROVISION_PUT
											   : PROVISION_DELETE,
					  .document = question->body,
					  .done = api_on_changed,
					  .arg = question};

	snprintf(change.name, sizeof(change.name), "%s", question->id);
	net_endpoint_print(&question->request->remote, change.who);
	if (provision && read_version(question->request, &change.if_version))
		provision_submit(provision, &change);
	else
		api_on_changed(question, &refused);
}

static void answer_refusal(struct api_question *question, const struct provision_result *result)
{
	snprintf(question->field, sizeof(question->field), "%s", result->field);
	question->why = result->why;
	question->error = result->error;
	switch (result->error) {
	case ERR_INVALID:
		api_answer_invalid(question);
		break;
	case ERR_EXISTS:
		api_answer_error(question, API_ERROR_CONFLICT, "there is one of this name; PUT changes it");
		break;
	case ERR_PERMISSION:
		api_answer_error(question, API_ERROR_CONFLICT, result->why);
		break;
	case ERR_STATE:
		api_answer_error(question, API_ERROR_VERSION,
				 result->why[0] ? result->why : "it has another version than If-Match says");
		break;
	case ERR_NOT_FOUND:
		api_answer_error(question, API_ERROR_NOT_FOUND, "there is none of this name");
		break;
	default:
		api_answer_store_error(question);
	}
}

void api_show_change(struct api_question *question)
{
	const struct provision_result *result = result_of(question);
	bool is_delete = strcmp(question->route->method, "DELETE") == 0;

	if (result->error)
		answer_refusal(question, result);
	else if (is_delete)
		api_answer(question, 200, json_pack("{s:o}", "deleted", document_text(result->name)));
	else
		answer_row(question, result->is_new ? 201 : 200, result->name);
}
