/* Bodies: the one part that is wanted, out of a body that is that part or a multipart around it (RFC 2046 section 5.1). */
#include "lib/sip/message.h"
#include "lib/sip/scan.h"

enum { PARTS_MAX = 16, BOUNDARY_MAX = 70 }; /* the second is RFC 2046's own limit */

/* The value of boundary=, its quotes taken off; an empty view when it is missing or impossible. */
static struct view find_boundary(struct view content_type)
{
	struct sip_param param;
	struct view params = view_sub(content_type, view_find(content_type, ';'), content_type.size);

	if (!sip_param_find(params, "boundary", &param) || param.value.size > BOUNDARY_MAX)
		return VIEW_EMPTY;
	return param.value.at ? param.value : VIEW_EMPTY;
}

/* Where the next line begins that starts with "--boundary", or NULL. at stands at the beginning of a line. */
static const char *find_delimiter(const char *at, const char *end, struct view boundary)
{
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if ((size_t)(end - at) >= boundary.size + 2 && at[0] == '-' && at[1] == '-' &&
		    memcmp(at + 2, boundary.at, boundary.size) == 0)
			return at;
		if (!newline)
			return NULL;
		at = newline + 1;
	}
	return NULL;
}

/* Takes the line off, without its end. */
static struct view take_line(struct view *rest)
{
	struct view line = view_cut(rest, '\n');

	if (line.size > 0 && line.at[line.size - 1] == '\r')
		line.size--;
	return line;
}

/* A part's headers and content; true when its Content-Type is the wanted one. */
static bool is_wanted(struct view part, const char *type, struct view *ret_content)
{
	struct view rest = part;
	bool found = false;

	while (rest.at) {
		struct view line = take_line(&rest), value = line, name;

		if (line.size == 0)
			break;
		name = sip_trim(view_cut(&value, ':'));
		if (value.at && sip_header_parse(name) == SIP_HEADER_CONTENT_TYPE)
			found = view_is_nocase(sip_trim(view_cut(&value, ';')), type);
	}
	if (!found || !rest.at)
		return false;
	/* the line end before the next delimiter belongs to the delimiter */
	if (rest.size > 0 && rest.at[rest.size - 1] == '\n')
		rest.size--;
	if (rest.size > 0 && rest.at[rest.size - 1] == '\r')
		rest.size--;
	*ret_content = rest;
	return true;
}

bool sip_body_find(const struct sip_message *message, const char *type, struct view *ret_content)
{
	struct view boundary = VIEW_EMPTY;
	const char *at, *end = sip_end(message->body);

	if (!message->content_type.at || message->body.size == 0)
		return false;
	if (sip_content_type_is(message, type)) {
		*ret_content = message->body;
		return true;
	}
	if (message->content_type.size > 10 && view_is_nocase(view_sub(message->content_type, 0, 10), "multipart/"))
		boundary = find_boundary(message->content_type);
	if (boundary.size == 0)
		return false;
	at = find_delimiter(message->body.at, end, boundary);
	for (int part = 0; at && part < PARTS_MAX; part++) {
		struct view rest = sip_between(at, end), line = take_line(&rest);
		const char *next;

		if (!rest.at || (line.size >= boundary.size + 4 && memcmp(line.at + boundary.size + 2, "--", 2) == 0))
			return false; /* the closing delimiter */
		next = find_delimiter(rest.at, end, boundary);
		if (next && is_wanted(sip_between(rest.at, next), type, ret_content))
			return true;
		at = next;
	}
	return false;
}
