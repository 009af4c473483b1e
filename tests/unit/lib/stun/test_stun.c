/* Binding requests and what is none: RFC 5769's addresses, cut messages at the end of a page, no answer to answers. */
#include "tests/unit/unit.h"
#include "lib/stun/stun.h"

static const char header[] = "\x00\x01\x00\x00\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae";

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e;

	assert_int_equal(net_endpoint_parse(view_of(text), 0, &e), 0);
	return e;
}

static size_t answer(const char *attributes, size_t size, const char *from, uint8_t *ret_answer)
{
	struct net_endpoint remote = endpoint(from);
	char *exact = malloc(STUN_HEADER_SIZE + size); /* so that a sanitizer sees what is read beyond it */
	size_t answered;

	assert_non_null(exact);
	memcpy(exact, header, STUN_HEADER_SIZE);
	if (size > 0)
		memcpy(exact + STUN_HEADER_SIZE, attributes, size);
	exact[3] = (char)size;
	answered = stun_answer((struct view){exact, STUN_HEADER_SIZE + size}, &remote, ret_answer);
	free(exact);
	return answered;
}

/* The mapped addresses of RFC 5769 2.2 and 2.3: same transaction, same attribute. */
static void test_stun_answers_with_the_address(void **state)
{
	static const char v4[] = "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43";
	static const char v6[] =
		"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9";
	uint8_t bytes[STUN_ANSWER_MAX];

	assert_int_equal(answer("", 0, "192.0.2.1:32853", bytes), STUN_HEADER_SIZE + 12);
	assert_memory_equal(bytes, "\x01\x01\x00\x0c\x21\x12\xa4\x42", 8);
	assert_memory_equal(bytes + 8, header + 8, 12);
	assert_memory_equal(bytes + STUN_HEADER_SIZE, v4, 12);
	assert_int_equal(answer("\x80\x22\x00\x01x\0\0\0", 8, "[2001:db8:1234:5678:11:2233:4455:6677]:32853", bytes),
			 STUN_HEADER_SIZE + 24);
	assert_memory_equal(bytes + STUN_HEADER_SIZE, v6, 24);
}

static void test_stun_refuses_what_it_does_not_understand(void **state)
{
	static const char unknown[] = "\x00\x24\x00\x04\x01\x02\x03\x04\x00\x25\x00\x00\x00\x26\x00\x00";
	uint8_t bytes[STUN_ANSWER_MAX];

	assert_int_equal(answer(unknown, 16, "192.0.2.1:1", bytes), STUN_HEADER_SIZE + 8 + 4 + 8);
	assert_memory_equal(bytes, "\x01\x11\x00\x14", 4);
	assert_memory_equal(bytes + STUN_HEADER_SIZE,
			    "\x00\x09\x00\x04\x00\x00\x04\x14\x00\x0a\x00\x06\x00\x24\x00\x25\x00\x26\x00\x00", 20);
}

static void test_stun_is_silent_otherwise(void **state)
{
	static const struct {
		const char *name, *attributes;
		size_t size;
	} rows[] = {
		{"half an attribute", "\x80\x22", 2},
		{"a value that is cut", "\x80\x22\x00\x08xxxx", 8},
		{"padding that is missing", "\x80\x22\x00\x01x", 5},
	};
	static const char *const kinds[] = {"\x01\x01", "\x00\x11", "\x01\x11", "\x00\x03"};
	struct net_endpoint remote = endpoint("192.0.2.1:1");
	uint8_t bytes[STUN_ANSWER_MAX];
	char copy[STUN_HEADER_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (answer(rows[i].attributes, rows[i].size, "192.0.2.1:1", bytes) != 0)
			fail_msg("%s", rows[i].name);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		memcpy(copy, header, sizeof(copy));
		memcpy(copy, kinds[i], 2);
		assert_int_equal(stun_answer((struct view){copy, sizeof(copy)}, &remote, bytes), 0);
	}
	memcpy(copy, header, sizeof(copy));
	copy[3] = 4; /* says more than there is */
	assert_int_equal(stun_answer((struct view){copy, sizeof(copy)}, &remote, bytes), 0);
	assert_false(stun_is(VIEW("OPTIONS sip:a SIP/2.0\r\n")));
	assert_false(stun_is((struct view){header, STUN_HEADER_SIZE - 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stun_answers_with_the_address),
		cmocka_unit_test(test_stun_refuses_what_it_does_not_understand),
		cmocka_unit_test(test_stun_is_silent_otherwise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
