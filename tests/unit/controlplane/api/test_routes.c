/* controlplane/api: the table of routes: what it matches, what it refuses, what is printed from it. */
#include "tests/unit/unit.h"

#include "controlplane/api/api_private.h"

static void test_api_routes_match_method_and_path(void **state)
{
	static const struct {
		const char *method, *path;
		const char *route;   /* NULL: none */
		const char *methods; /* that the path has otherwise */
		const char *id;
	} rows[] = {
		{"GET", "/health", "/health", "", ""},
		{"HEAD", "/health", "/health", "", ""},
		{"GET", "/health/", NULL, "", ""},
		{"GET", "//health", NULL, "", ""},
		{"GET", "health", NULL, "", ""},
		{"GET", "", NULL, "", ""},
		{"GET", "/", NULL, "", ""},
		{"GET", "*", NULL, "", ""},
		{"get", "/health", NULL, "GET", ""},
		{"GET", "/api/v1/calls", "/api/v1/calls", "", ""},
		{"GET", "/api/v1/calls/", NULL, "", ""},
		{"GET", "/api/v1/calls/a%2Fb", "/api/v1/calls/{call_id}", "", "a/b"},
		{"DELETE", "/api/v1/calls/abc", "/api/v1/calls/{call_id}", "GET", "abc"},
		{"GET", "/api/v1/calls/a/b", NULL, "", ""},
		{"GET", "/api/v1/calls/a/history", "/api/v1/calls/{call_id}/history", "", "a"},
		{"PUT", "/api/v1/trace", "/api/v1/trace", "GET", ""},
		{"DELETE", "/api/v1/trace", NULL, "GET, PUT", ""},
		{"GET", "/api/v1/calls/%zz", NULL, "", ""},
		{"GET", "/api/v1/calls/%00", NULL, "", ""},
		{"POST", "/api/v1/calls/abc", NULL, "GET, DELETE", "abc"},
		{"GET",
		 "/api/v1/calls/"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		 NULL, "", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char id[API_ID_SIZE] = "", buffer[64];
		const struct api_route *route;
		struct text methods;

		text_init(&methods, buffer, sizeof(buffer));
		route = api_route_find(view_of(rows[i].method), view_of(rows[i].path), id, &methods);
		if ((route == NULL) != (rows[i].route == NULL) || (route && strcmp(route->path, rows[i].route) != 0))
			fail_msg("%s %s gave %s", rows[i].method, rows[i].path, route ? route->path : "none");
		assert_string_equal(buffer, rows[i].methods);
		if (route)
			assert_string_equal(id, rows[i].id);
	}
}

static void test_api_query_is_refused_by_name(void **state)
{
	static const struct {
		const char *query;
		int error;
		const char *field, *why;
		uint32_t limit, offset;
		const char *user;
	} rows[] = {
		{"", 0, "", NULL, 100, 0, ""},
		{"limit=5", 0, "", NULL, 5, 0, ""},
		{"limit=1000&offset=20&user=10%3000", 0, "", NULL, 1000, 20, "10000"},
		{"user=a+b&", 0, "", NULL, 100, 0, "a b"},
		{"limt=5", ERR_INVALID, "limt", "there is no such query parameter here", 0, 0, NULL},
		{"call_id=5", ERR_INVALID, "call_id", "there is no such query parameter here", 0, 0, NULL},
		{"limit=5&limit=6", ERR_INVALID, "limit", "is given twice", 0, 0, NULL},
		{"limit=0", ERR_INVALID, "limit", "must be a number from 1 to 1000", 0, 0, NULL},
		{"limit=1001", ERR_INVALID, "limit", "must be a number from 1 to 1000", 0, 0, NULL},
		{"limit=", ERR_INVALID, "limit", "must be a number from 1 to 1000", 0, 0, NULL},
		{"limit", ERR_INVALID, "limit", "must be a number from 1 to 1000", 0, 0, NULL},
		{"offset=-1", ERR_INVALID, "offset", "must be a number from 0 to 100000000", 0, 0, NULL},
		{"user=", ERR_INVALID, "user", "is empty or too long", 0, 0, NULL},
		{"user=%f", ERR_INVALID, "user", "is not validly encoded, or too long", 0, 0, NULL},
		{"user=%00", ERR_INVALID, "user", "is not validly encoded, or too long", 0, 0, NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct api_query query;
		const char *why = NULL;
		char buffer[96];
		struct text field;
		int error;

		text_init(&field, buffer, sizeof(buffer));
		error = api_query_parse(view_of(rows[i].query), API_LIMIT | API_OFFSET | API_USER, &query, &field,
					&why);
		assert_int_equal(error, rows[i].error);
		if (error < 0) {
			assert_string_equal(buffer, rows[i].field);
			assert_string_equal(why, rows[i].why);
			continue;
		}
		assert_int_equal(query.limit, rows[i].limit);
		assert_int_equal(query.offset, rows[i].offset);
		assert_string_equal(query.user, rows[i].user);
	}
}

static void test_api_every_route_can_be_reached_and_is_described(void **state)
{
	for (size_t i = 0; i < api_route_count; i++) {
		const struct api_route *route = &api_routes[i];
		char id[API_ID_SIZE], buffer[64];
		struct text methods;

		text_init(&methods, buffer, sizeof(buffer));
		assert_ptr_equal(api_route_find(view_of(route->method), view_of(route->path), id, &methods), route);
		assert_non_null(route->show);
		assert_true(strlen(route->summary) > 3 && strlen(route->answer) > 3);
		/* A page needs rows to be asked for. */
		assert_true(!(route->parameters & API_OFFSET) || route->row_size > 0 || !route->fetch);
	}
}

/* Every operation of the table is in it, with its parameters, and those that are open need no token. */
static void test_api_openapi_is_the_table(void **state)
{
	char *text = api_openapi_print("1.2.3");
	json_t *root, *paths;

	assert_non_null(text);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "openapi")), "3.0.3");
	paths = json_object_get(root, "paths");
	for (size_t i = 0; i < api_route_count; i++) {
		const struct api_route *route = &api_routes[i];
		json_t *path = json_object_get(paths, route->path);
		json_t *operation = json_object_get(path, strcmp(route->method, "GET") == 0    ? "get"
							  : strcmp(route->method, "PUT") == 0  ? "put"
							  : strcmp(route->method, "POST") == 0 ? "post"
											       : "delete");
		size_t count = (size_t)__builtin_popcount(route->parameters) + (strchr(route->path, '{') != NULL);

		assert_string_equal(json_string_value(json_object_get(operation, "summary")), route->summary);
		assert_int_equal(json_array_size(json_object_get(operation, "parameters")), count);
		assert_int_equal(json_array_size(json_object_get(operation, "security")),
				 route->flags & API_OPEN ? 0 : 1);
	}
	json_decref(root);
	free(text);
}

/* With API_README_WRITE set the table in README.md is written anew. */
static void write_table(const char *readme, const char *table)
{
	const char *begin = strstr(readme, "| request |"), *end = strstr(begin, "\n\n");
	FILE *file = fopen(API_README, "w");

	assert_non_null(file);
	fprintf(file, "%.*s%s%s", (int)(begin - readme), readme, table, end + 1);
	fclose(file);
}

static void test_api_readme_shows_the_table(void **state)
{
	FILE *file = fopen(API_README, "r");
	char *table = api_table_print(), *readme = calloc(1, 1 << 16);

	assert_non_null(file);
	assert_true(fread(readme, 1, (1 << 16) - 1, file) > 0);
	if (getenv("API_README_WRITE"))
		write_table(readme, table);
	else if (!strstr(readme, table))
		fail_msg("%s does not have this table:\n%s", API_README, table);
	fclose(file);
	free(table);
	free(readme);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_api_routes_match_method_and_path),
		cmocka_unit_test(test_api_query_is_refused_by_name),
		cmocka_unit_test(test_api_every_route_can_be_reached_and_is_described),
		cmocka_unit_test(test_api_openapi_is_the_table),
		cmocka_unit_test(test_api_readme_shows_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
