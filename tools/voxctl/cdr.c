/* `voxctl cdr` with a question: records of the database, page by page, as a table, JSON or CSV. */
#include "tools/voxctl/voxctl.h"

#include <stdlib.h>

bool voxctl_cdr_is_asked(const struct voxctl_cdr *cdr)
{
	return cdr->number || cdr->from || cdr->to || cdr->disposition || cdr->cause || cdr->is_csv || cdr->is_all;
}

static bool add_parameter(struct text *path, const char *name, const char *value)
{
	char *encoded = value ? voxctl_encode(value) : NULL;

	if (encoded)
		text_printf(path, "&%s=%s", name, encoded);
	free(encoded);
	return !value || encoded;
}

static void show_page(const struct voxctl_reply *reply, const struct voxctl_cdr *cdr, bool is_json, bool is_first,
		      const struct voxctl_column *columns, size_t column_count)
{
	json_t *rows = json_object_get(reply->json, "records");
	const char *body = reply->body;

	if (cdr->is_csv) {
		/* The titles stand above the first page only. */
		const char *rest = is_first ? body : strstr(body, "\r\n");

		fputs(!rest ? "" : is_first ? rest : rest + 2, stdout);
	} else if (is_json) {
		puts(body);
	} else if (json_array_size(rows) == 0 && is_first) {
		puts("no such calls");
	} else if (json_array_size(rows) > 0) {
		voxctl_table(stdout, rows, columns, column_count);
	}
}

enum voxctl_exit voxctl_cdr(const struct voxctl_server *server, const struct voxctl_cdr *cdr, uint32_t limit,
			    bool is_json, const struct voxctl_column *columns, size_t column_count)
{
	enum voxctl_exit result;
	char cursor[256] = "";
	bool is_first = true;

	do {
		struct voxctl_reply reply;
		char path[1800];
		struct text text;
		bool is_good;

		text_init(&text, path, sizeof(path));
		text_printf(&text, "/api/v1/cdr?limit=%u", cdr->is_all ? 1000 : limit);
		is_good = add_parameter(&text, "number", cdr->number) && add_parameter(&text, "from", cdr->from) &&
			  add_parameter(&text, "to", cdr->to) &&
			  add_parameter(&text, "disposition", cdr->disposition) &&
			  add_parameter(&text, "cause", cdr->cause) &&
			  add_parameter(&text, "format", cdr->is_csv ? "csv" : NULL) &&
			  add_parameter(&text, "cursor", cursor[0] ? cursor : NULL);
		if (!is_good || text.overflow) {
			fprintf(stderr, "voxctl: these options are too long\n");
			return VOXCTL_USAGE;
		}
		result = voxctl_fetch(server, "GET", path, 0, &reply);
		if (result == VOXCTL_DONE) {
			show_page(&reply, cdr, is_json, is_first, columns, column_count);
			snprintf(cursor, sizeof(cursor), "%s", reply.cursor);
		}
		is_first = false;
		voxctl_reply_free(&reply);
	} while (result == VOXCTL_DONE && cdr->is_all && cursor[0]);
	if (result == VOXCTL_DONE && cursor[0])
		fprintf(stderr, "there are more; --limit N shows up to 1000, --all all of them\n");
	return result;
}
