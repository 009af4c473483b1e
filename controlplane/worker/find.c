/* What a message is called, in one pass over its header lines: enough to know whose it is, and nothing is judged here. A message that
 * plays tricks with these names ends at a worker that does not know it, as it would end anyway. */
#include "controlplane/worker/worker.h"

static const char marks[WORKERS_MAX + 1] = "abcdefghijklmnopqrstuvwxyz234567";

char worker_mark_of(unsigned index)
{
	return marks[index % WORKERS_MAX];
}

unsigned worker_of_mark(struct view text, unsigned count)
{
	const char *hit = text.size > 0 ? memchr(marks, text.at[0], WORKERS_MAX) : NULL;

	return hit && (unsigned)(hit - marks) < count ? (unsigned)(hit - marks) : count;
}

static bool has_nocase(struct view text, size_t at, struct view literal)
{
	return at + literal.size <= text.size && view_equal_nocase((struct view){text.at + at, literal.size}, literal);
}

/* What stands behind the first `;name=`, up to what ends a parameter. */
static struct view find_param(struct view text, struct view name)
{
	for (size_t at = 0; at < text.size; at++) {
		const char *hit = memchr(text.at + at, ';', text.size - at);
		size_t begin, end;

		if (!hit)
			break;
		at = (size_t)(hit - text.at);
		begin = at + 1;
		while (begin < text.size && text.at[begin] == ' ')
			begin++;
		if (!has_nocase(text, begin, name))
			continue;
		begin += name.size;
		for (end = begin; end < text.size && !strchr("; ,>\t", text.at[end]); end++)
			;
		return (struct view){text.at + begin, end - begin};
	}
	return VIEW_EMPTY;
}

/* Parameters of a name-address stand behind its '>'. */
static struct view find_tag(struct view value)
{
	const char *close = value.size > 0 ? memrchr(value.at, '>', value.size) : NULL;
	size_t from = close ? (size_t)(close - value.at) : 0;

	return find_param(view_sub(value, from, value.size - from), VIEW("tag="));
}

/* Of a sip:, sips: or tel: URI anywhere in the text. */
static struct view find_user(struct view text)
{
	const char *colon = text.size > 0 ? memchr(text.at, ':', text.size) : NULL;
	struct view rest;
	size_t end;

	/* A display name in quotes may have a colon of its own. */
	if (colon && text.at[0] == '"') {
		const char *open = memchr(text.at, '<', text.size);

		colon = open ? memchr(open, ':', (size_t)(text.at + text.size - open)) : NULL;
	}
	if (!colon)
		return VIEW_EMPTY;
	rest = (struct view){colon + 1, (size_t)(text.at + text.size - colon - 1)};
	for (end = 0; end < rest.size && !strchr("@;>: ?", rest.at[end]); end++)
		;
	return end < rest.size && rest.at[end] == '@' ? view_sub(rest, 0, end) : VIEW_EMPTY;
}

/* The name of a header line and its value; false for lines that go on, or are none. */
static bool split(struct view line, struct view *ret_name, struct view *ret_value)
{
	const char *colon = line.size > 0 ? memchr(line.at, ':', MIN(line.size, (size_t)16)) : NULL;

	if (!colon || line.at[0] == ' ' || line.at[0] == '\t')
		return false;
	*ret_name = view_trim((struct view){line.at, (size_t)(colon - line.at)});
	*ret_value = view_trim((struct view){colon + 1, (size_t)(line.at + line.size - colon - 1)});
	return true;
}

static bool is_named(struct view name, char compact, struct view whole)
{
	if (name.size == 1)
		return compact && (name.at[0] | 0x20) == compact;
	return view_equal_nocase(name, whole);
}

static void take_branch(struct view via, struct worker_names *names)
{
	const struct view cookie = VIEW("z9hG4bK");
	struct view branch = find_param(via, VIEW("branch="));

	if (has_nocase(branch, 0, cookie))
		names->branch = view_sub(branch, cookie.size, branch.size - cookie.size);
}

static void take(struct view name, struct view value, struct worker_names *names)
{
	switch (name.size > 0 ? name.at[0] | 0x20 : 0) {
	case 'v':
		if (!names->branch.at && is_named(name, 'v', VIEW("Via")))
			take_branch(value, names);
		break;
	case 't':
		if (is_named(name, 't', VIEW("To")))
			names->to_tag = find_tag(value);
		break;
	case 'f':
		if (is_named(name, 'f', VIEW("From")))
			names->from_user = find_user(value);
		break;
	case 'c':
		if (is_named(name, '\0', VIEW("Call-ID")))
			names->call_id = value;
		break;
	case 'i':
		if (name.size == 1)
			names->call_id = value;
		break;
	case 'r':
		if (is_named(name, '\0', VIEW("Replaces")))
			names->replaces = value;
		break;
	default:
		break;
	}
}

static void take_first(struct view line, struct worker_names *names)
{
	struct view rest = line;

	names->is_request = !view_has_prefix(line, "SIP/2.0 ");
	if (!names->is_request)
		return;
	names->method = view_cut(&rest, ' ');
	names->uri_user = find_user(view_cut(&rest, ' '));
}

void worker_names_find(struct view bytes, struct worker_names *ret_names)
{
	const char *at = bytes.at, *end = bytes.at + bytes.size;
	bool is_first = true;

	*ret_names = (struct worker_names){0};
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		struct view line = {at, (size_t)((newline ? newline : end) - at)}, name, value;

		if (line.size > 0 && line.at[line.size - 1] == '\r')
			line.size--;
		at += line.size;
		at = newline ? newline + 1 : end;
		if (is_first && line.size > 0)
			take_first(line, ret_names);
		else if (line.size == 0 && !is_first)
			break;
		else if (split(line, &name, &value))
			take(name, value, ret_names);
		is_first &= line.size == 0;
	}
}

/* Calls are named by 32 hexadecimal digits, legs by these, '-' and a number; the first byte has the worker in its lower bits. */
unsigned worker_of_call_id(struct view call_id, unsigned count)
{
	static const char digits[] = "0123456789abcdef";
	enum { DIGITS = 32 };
	unsigned byte = 0;

	if (call_id.size <= DIGITS || call_id.at[DIGITS] != '-')
		return count;
	for (size_t i = 0; i < DIGITS; i++) {
		const char *hit = memchr(digits, call_id.at[i], 16);

		if (!hit)
			return count;
		if (i < 2)
			byte = byte << 4 | (unsigned)(hit - digits);
	}
	return MIN(byte % WORKERS_MAX, count);
}

unsigned worker_of_replaces(struct view value, unsigned count)
{
	unsigned to = worker_of_mark(find_param(value, VIEW("to-tag=")), count);

	return to < count ? to : worker_of_mark(find_param(value, VIEW("from-tag=")), count);
}
