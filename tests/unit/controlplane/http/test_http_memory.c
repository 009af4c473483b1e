/* controlplane/http without memory: each allocation of an exchange fails in turn. Nothing breaks, nothing leaks, and a
 * client is answered or cut off, never left with half an answer. */
#include "tests/unit/controlplane/http/http_fixture.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

static size_t allocation_count, failing = SIZE_MAX;

static bool fails(void)
{
	return allocation_count++ == failing;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	return fails() ? NULL : __real_realloc(at, size);
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
#define HEADERS "\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1a"

static const struct {
	const char *name;
	struct view bytes;
} inputs[] = {
	{"get", VIEW("GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n")},
	{"two", VIEW("GET / HTTP/1.1\r\nHost: a\r\n\r\nDELETE /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")},
	{"post", VIEW("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")},
	{"refused", VIEW("NONSENSE / HTTP/1.1\r\n\r\n")},
	{"h2", VIEW(PREFACE HEADERS)},
	{"upgrade", VIEW("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
			 "HTTP2-Settings: AAMAAABk\r\n\r\n" PREFACE)},
};

/* Every answer that was begun is whole: its body is as long as its head says. */
static void check_output(const char *name, const char *output, size_t size)
{
	const char *length = strstr(output, "Content-Length: "), *body = length ? strstr(length, "\r\n\r\n") : NULL;

	if (!length)
		return;
	if (!body || (size_t)(output + size - body - 4) < strtoul(length + 16, NULL, 10))
		fail_msg("%s, allocation %zu: half an answer: %s", name, failing, output);
}

static void test_http_each_allocation_may_fail(void **state)
{
	const struct net_endpoint remote = {.address.family = NET_IPV4};
	struct fixture *fixture = fixture_new();

	for (size_t i = 0; i < ARRAY_LEN(inputs); i++)
		for (size_t n = 0, is_done = 0; !is_done; n++) {
			fixture->output_size = 0;
			fixture->output[0] = '\0';
			allocation_count = 0;
			failing = n;
			if (http_connection_init(&fixture->connection, &fixture->core, &remote) == 0) {
				fixture_feed(fixture, inputs[i].bytes, 4096, true);
				fixture_drain(fixture);
				http_connection_fini(&fixture->connection);
			}
			failing = SIZE_MAX;
			is_done = allocation_count <= n;
			check_output(inputs[i].name, fixture->output, fixture->output_size);
			assert_int_equal(fixture->core.memory, 0);
			assert_int_equal(fixture->core.requests, 0);
			assert_true(!is_done || n >= 2);
		}
	fixture_free(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
