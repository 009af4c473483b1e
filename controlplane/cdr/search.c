/* Records out of the database, a page at a time: as the JSON they were written as, or as CSV. On the store's thread. */
#include "controlplane/cdr/cdr_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/document/document.h"
#include "controlplane/store/store.h"

#define COLUMNS                                                                                                        \
	"SELECT call_id, end_ms, document, start_ms, answer_ms, caller, callee, transferred_to, duration_s, talk_s,"   \
	" disposition, hangup_side, cause_sip, cause_q850, cause_text, packets, lost, jitter_ms, mos FROM cdr WHERE"   \
	" end_ms >= $1 AND end_ms < $2 AND (end_ms, call_id) < ($3, $4) AND ($5 = '' OR disposition = $5)"             \
	" AND ($6 = '' OR cause_text = $6 OR cause_sip = $7)"
#define ORDER " ORDER BY end_ms DESC, call_id DESC LIMIT $8"

/* One statement would have to do without the indexes. */
static const char select_all[] = COLUMNS ORDER;
static const char select_number[] =
	COLUMNS " AND (caller_number = $9 OR callee_number = $9 OR transferred_number = $9)" ORDER;
static const char select_prefix[] =
	COLUMNS " AND (caller_number LIKE $9 ESCAPE '\\' OR callee_number LIKE $9 ESCAPE '\\'"
		" OR transferred_number LIKE $9 ESCAPE '\\')" ORDER;

enum column { CALL_ID, END, DOCUMENT, FIRST_OF_CSV };

struct search {
	bool is_csv;
	uint32_t limit, rows;
	char *at;
	size_t size, capacity;
	char last[CDR_ID_SIZE + 24]; /* cursor of the last row */
	bool has_more;
};

static int add(struct search *search, struct view bytes)
{
	if (search->size + bytes.size + 1 > search->capacity) {
		size_t capacity = MAX(search->capacity * 2, search->size + bytes.size + 4096);
		char *at = capacity <= CDR_SEARCH_BYTES ? realloc(search->at, capacity) : NULL;

		if (!at)
			return capacity <= CDR_SEARCH_BYTES ? ERR_NOMEM : ERR_TOO_LONG;
		search->at = at;
		search->capacity = capacity;
	}
	memcpy(search->at + search->size, bytes.at, bytes.size);
	search->size += bytes.size;
	search->at[search->size] = '\0';
	return 0;
}

/* ---- CSV ---- */

static const struct csv_column {
	const char *title;
	enum column column;
	bool is_time;
} csv_columns[] = {
	{"call_id", CALL_ID, false}, {"start_time", 3, true},    {"answer_time", 4, true},     {"end_time", END, true},
	{"caller", 5, false},        {"callee", 6, false},       {"transferred_to", 7, false}, {"duration", 8, false},
	{"talk_duration", 9, false}, {"disposition", 10, false}, {"hangup_side", 11, false},   {"cause_sip", 12, false},
	{"cause_q850", 13, false},   {"cause", 14, false},       {"packets", 15, false},       {"lost", 16, false},
	{"jitter_ms", 17, false},    {"mos", 18, false},
};

/* A spreadsheet takes a cell that begins so for a formula, and callers choose their names. */
static bool is_formula(struct view text)
{
	return text.size > 0 && memchr("=+-@\t\r\n", text.at[0], 7) != NULL;
}

static int add_cell_text(struct search *search, struct view text)
{
	int error = add(search, is_formula(text) ? VIEW("\"'") : VIEW("\""));

	while (error == 0 && text.size > 0) {
		size_t plain = view_find(text, '"');

		error = add(search, view_sub(text, 0, plain));
		text = view_sub(text, plain, text.size);
		if (error == 0 && text.size > 0) {
			error = add(search, VIEW("\"\""));
			text = view_sub(text, 1, text.size);
		}
	}
	return error ? error : add(search, VIEW("\""));
}

static int add_cell(struct search *search, const struct csv_column *column, const struct store_value *value)
{
	char text[64];

	switch (value->type) {
	case STORE_TEXT:
		return add_cell_text(search, value->text);
	case STORE_INTEGER:
		if (column->is_time)
			document_time_print((uint64_t)value->integer, text);
		else
			snprintf(text, sizeof(text), "%lld", (long long)value->integer);
		return add(search, view_of(text));
	case STORE_REAL:
		snprintf(text, sizeof(text), "%.3f", value->real);
		return add(search, view_of(text));
	default:
		return 0;
	}
}

static int add_csv_row(struct search *search, const struct store_value *columns)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(csv_columns) && error == 0; i++) {
		if (i > 0)
			error = add(search, VIEW(","));
		if (error == 0)
			error = add_cell(search, &csv_columns[i], &columns[csv_columns[i].column]);
	}
	return error ? error : add(search, VIEW("\r\n"));
}

static int add_csv_titles(struct search *search)
{
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(csv_columns) && error == 0; i++) {
		error = add(search, i > 0 ? VIEW(",") : VIEW_EMPTY);
		if (error == 0)
			error = add(search, view_of(csv_columns[i].title));
	}
	return error ? error : add(search, VIEW("\r\n"));
}

/* ---- the search ---- */

static int on_row(void *arg, const struct store_value *columns, size_t count)
{
	struct search *search = arg;
	int error = 0;

	if (search->rows == search->limit) {
		search->has_more = true;
		return 0;
	}
	if (search->is_csv)
		error = add_csv_row(search, columns);
	else if (search->rows > 0)
		error = add(search, VIEW(","));
	if (error == 0 && !search->is_csv)
		error = add(search, columns[DOCUMENT].text);
	search->rows++;
	snprintf(search->last, sizeof(search->last), "%lld.%.*s", (long long)columns[END].integer,
		 VIEW_ARG(columns[CALL_ID].text));
	return error;
}

/* "1700000000000.id" */
static int parse_cursor(const char *cursor, int64_t *ret_end_ms, struct view *ret_call_id)
{
	struct view rest = view_of(cursor), time = view_cut(&rest, '.');
	uint64_t end_ms;

	if (!rest.at || rest.size == 0 || view_to_u64(time, INT64_MAX, &end_ms) != 0)
		return ERR_SYNTAX;
	*ret_end_ms = (int64_t)end_ms;
	*ret_call_id = rest;
	return 0;
}

bool cdr_cursor_is_valid(const char *cursor)
{
	struct view call_id;
	int64_t end_ms;

	return parse_cursor(cursor, &end_ms, &call_id) == 0;
}

/* "49*" as a pattern of LIKE: "49%", with what LIKE knows as signs escaped. */
static struct view make_pattern(const char *number, struct text *text)
{
	size_t size = strlen(number) - 1;

	for (size_t i = 0; i < size; i++) {
		if (strchr("%_\\", number[i]))
			text_add_char(text, '\\');
		text_add_char(text, number[i]);
	}
	text_add_char(text, '%');
	return text_view(text);
}

static int search_rows(struct store_session *session, const struct cdr_filter *filter, struct search *search)
{
	bool is_prefix = filter->number[0] && filter->number[strlen(filter->number) - 1] == '*';
	struct view number = view_of(filter->number), after = VIEW_EMPTY;
	const char *sql = is_prefix ? select_prefix : filter->number[0] ? select_number : select_all;
	char pattern[2 * CDR_PARTY_SIZE + 2];
	int64_t before_ms = INT64_MAX;
	uint32_t status = 0;
	struct text text;

	text_init(&text, pattern, sizeof(pattern));
	if (is_prefix)
		number = make_pattern(filter->number, &text);
	if (filter->cursor[0] && parse_cursor(filter->cursor, &before_ms, &after) != 0)
		return ERR_SYNTAX;
	if (view_to_u32(view_of(filter->cause), 699, &status) != 0)
		status = 0;
	const struct store_value values[] = {
		store_integer((int64_t)filter->from_ms),
		store_integer(filter->to_ms ? (int64_t)filter->to_ms : INT64_MAX),
		store_integer(before_ms),
		store_text(after),
		store_text(view_of(filter->disposition)),
		store_text(view_of(filter->cause)),
		store_integer(status ? (int64_t)status : -1),
		store_integer((int64_t)filter->limit + 1),
		store_text(number),
	};

	return store_query(session, sql, values, ARRAY_LEN(values) - (filter->number[0] ? 0 : 1), on_row, search);
}

int cdr_search(struct store_session *session, const struct cdr_filter *filter, bool is_csv, char **ret_text,
	       char ret_cursor[CDR_ID_SIZE + 24])
{
	struct search search = {.is_csv = is_csv, .limit = filter->limit};
	int error = is_csv ? add_csv_titles(&search) : add(&search, VIEW_EMPTY);

	if (error == 0)
		error = search_rows(session, filter, &search);
	if (error) {
		free(search.at);
		return error;
	}
	*ret_text = search.at;
	snprintf(ret_cursor, CDR_ID_SIZE + 24, "%s", search.has_more ? search.last : "");
	return 0;
}
