/* Before libconfig: it cuts a number that does not fit into 32 bits without a word (4294972356 becomes 5060), and it
 * opens whatever file an @include names. Both are found here, outside of strings and comments. */
#include "lib/config/schema.h"

struct scan {
	const char *at;
	unsigned line;
};

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
	       c == '-' || c == '*';
}

static int refuse_line(struct conf_loader *loader, unsigned line, const char *what)
{
	snprintf(loader->problem->text, sizeof(loader->problem->text), "%s:%u: %s", loader->path, line, what);
	return ERR_INVALID;
}

/* Over the rest of a string, its closing quote included; false when there is none. */
static bool skip_string(struct scan *scan)
{
	for (; *scan->at && *scan->at != '"'; scan->at++) {
		if (*scan->at == '\\' && scan->at[1])
			scan->at++;
		if (*scan->at == '\n')
			scan->line++;
	}
	if (!*scan->at)
		return false;
	scan->at++;
	return true;
}

static void skip_comment(struct scan *scan)
{
	for (scan->at += 2; *scan->at; scan->at++) {
		if (*scan->at == '\n')
			scan->line++;
		if (scan->at[0] == '*' && scan->at[1] == '/') {
			scan->at += 2;
			return;
		}
	}
}

/* Does a word that starts with a digit mean a whole number beyond 32 bits without libconfig's suffix L? */
static bool is_cut(struct view word)
{
	bool hex = view_has_prefix(word, "0x") || view_has_prefix(word, "0X");
	uint64_t value = 0;

	for (size_t i = hex ? 2 : 0; i < word.size; i++) {
		char c = word.at[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: 16;

		if (digit >= (hex ? 16u : 10u))
			return value > INT64_MAX; /* a suffix, a fraction, or nothing libconfig takes */
		value = value > UINT64_MAX / 16 - 15 ? UINT64_MAX / 16 : value * (hex ? 16 : 10) + digit;
	}
	return value > INT32_MAX;
}

int conf_scan(struct conf_loader *loader, const char *text)
{
	struct scan scan = {text, 1};

	while (*scan.at) {
		const char *start = scan.at;

		if (*start == '\n') {
			scan.line++;
			scan.at++;
		} else if (*start == '"') {
			unsigned line = scan.line;

			scan.at++;
			if (!skip_string(&scan))
				return refuse_line(loader, line,
						   "the string that starts here has no end; close it with a quote");
		} else if (*start == '#' || (start[0] == '/' && start[1] == '/')) {
			scan.at += strcspn(scan.at, "\n");
		} else if (start[0] == '/' && start[1] == '*') {
			skip_comment(&scan);
		} else if (strncmp(start, "@include", 8) == 0) {
			return refuse_line(loader, scan.line,
					   "@include is not supported; write everything into this file");
		} else if (is_word(*start) && *start != '-') {
			struct view word;

			while (is_word(*scan.at))
				scan.at++;
			word = (struct view){start, (size_t)(scan.at - start)};
			if (*start >= '0' && *start <= '9' && is_cut(word)) {
				snprintf(loader->problem->text, sizeof(loader->problem->text),
					 "%s:%u: the number %.*s is too large; no key takes more than 2147483647",
					 loader->path, scan.line, VIEW_ARG(view_sub(word, 0, 40)));
				return ERR_INVALID;
			}
		} else {
			scan.at++;
		}
	}
	return 0;
}
