/* controlplane/auth, routing, registrar with allocation 0..N failing: a clear error or a whole result, and no leak. */
#include "tests/unit/controlplane/registrar/phones.h"

#include "controlplane/routing/routing.h"

static long fail_at = -1;    /* counts down; that allocation fails */
static bool is_mallocs_safe; /* what the layers below take: tests of their own let that fail */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *string);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *string);

static bool is_failing(void)
{
	return fail_at >= 0 && fail_at-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return !is_mallocs_safe && is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_failing() ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *string)
{
	return is_failing() ? NULL : __real_strdup(string);
}

static const struct conf_extension extensions[] = {{.number = "1000",
						    .password = "test1000",
						    .ha1_md5 = "",
						    .ha1_sha256 = "",
						    .name = "Alice",
						    .max_contacts = 3}};
static struct conf_route routes[] = {
	{.pattern = "_1XXX", .context = "a", .target = "", .prepend = "", .where = "v.conf:1"},
	{.pattern = "7777", .context = "b", .target = "", .prepend = "", .where = "v.conf:2"},
};

static int make_auth(void)
{
	static const struct auth_options options = {.realm = "voxlane", .algorithms = {AUTH_MD5}, .algorithm_count = 1};
	static const uint8_t key[AUTH_KEY_SIZE];
	struct auth *auth = NULL;
	int error = auth_new(&options, extensions, ARRAY_LEN(extensions), key, &auth);

	assert_int_equal(auth != NULL, error == 0);
	auth_free(auth);
	return error;
}

static int make_routing(void)
{
	static const struct conf conf = {
		.path = "v.conf",
		.dialplan = {.default_context = "a", .routes = routes, .route_count = ARRAY_LEN(routes)}};
	struct routing *routing = NULL;
	struct routing_problem problem;
	int error = routing_new(&conf, &routing, &problem);

	assert_int_equal(routing != NULL, error == 0);
	assert_int_equal(problem.text[0] != '\0', error != 0);
	routing_free(routing);
	return error;
}

static int make_registrar(void)
{
	static const struct registrar_options options = {60, 3600, NULL};
	struct registrar *registrar = NULL;
	struct transport_problem problem;
	int error = registrar_new(NULL, NULL, &options, extensions, ARRAY_LEN(extensions), &registrar, &problem);

	assert_int_equal(registrar != NULL, error == 0);
	registrar_free(registrar);
	return error;
}

static void test_memory_fails_while_things_are_made(void **state)
{
	static int (*const makers[])(void) = {make_auth, make_routing, make_registrar};

	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		long count = 0;
		int error;

		for (;; count++) {
			fail_at = count;
			error = makers[i]();
			if (fail_at >= 0)
				break; /* it needed fewer */
			/* OpenSSL reports its own failures as it likes; anything but success. */
			assert_true(error < 0);
		}
		fail_at = -1;
		assert_int_equal(error, 0);
		assert_true(count >= 3);
	}
}

static long fail_in_register = -1;
static bool has_failed;

static void around_register(bool is_before)
{
	if (is_before) {
		fail_at = fail_in_register;
		is_mallocs_safe = true;
		return;
	}
	has_failed = fail_in_register >= 0 && fail_at < 0;
	fail_at = -1;
	is_mallocs_safe = false;
}

static void test_memory_fails_in_a_register_and_it_is_whole_or_not_at_all(void **state)
{
	unsigned refused = 0;

	for (long i = 0;; i++) {
		struct phones *phones = phones_new(WALL_MS, NULL);
		unsigned status;
		bool was_hit;

		assert_int_equal(phones_contact(phones, "Contact: <sip:a@h>\r\n"), 200);
		phones->around_register = around_register;
		fail_in_register = i;
		status = phones_register(phones,
					 &(struct registering){.headers = "Contact: <sip:b@h>, <sip:a@h>;expires=0, "
									  "<sip:c@h>\r\n",
							       .call_id = "other"});
		was_hit = has_failed;
		if (status == 500 && strcmp(phones_find(phones, "1000"), "sip:a@h") == 0)
			refused++;
		else if (status == 200)
			assert_string_equal(phones_find(phones, "1000"), "sip:c@h sip:b@h");
		else
			fail_msg("allocation %ld: %u, %s", i, status, phones_find(phones, "1000"));
		fail_in_register = -1;
		assert_int_equal(phones_contact(phones, "Contact: <sip:d@h>\r\n"), 200);
		phones_free(phones);
		if (!was_hit)
			break;
	}
	assert_int_equal(refused, 2); /* one for each binding */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_fails_while_things_are_made),
		cmocka_unit_test(test_memory_fails_in_a_register_and_it_is_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
