/* controlplane/registrar: REGISTER requests through the real transaction layer in simulated time, and look-ups. */
#include "tests/unit/controlplane/registrar/phones.h"

#define CONTACT(uri, rest) "Contact: <" uri ">" rest "\r\n"
#define A                  "sip:1000@192.0.2.1:5060"
#define B                  "sip:1000@192.0.2.1:5062"

static struct phones *phones;

static int setup(void **state)
{
	phones = phones_new(WALL_MS, NULL);
	return 0;
}

static int teardown(void **state)
{
	phones_free(phones);
	return 0;
}

static void test_register_answers_with_the_bindings(void **state)
{
	assert_int_equal(phones_contact(phones, CONTACT(A, ";expires=600")), 200);
	assert_string_equal(phones_header(phones, "Contact"), "<" A ">;expires=600");
	assert_string_equal(phones_find(phones, "1000"), A);
	assert_string_equal(phones_find(phones, "2000"), "");
	assert_string_equal(phones_find(phones, "4711"), "");
	loop_sim_advance(phones->loop, 100500);
	assert_int_equal(phones_contact(phones, ""), 200); /* only asks */
	assert_string_equal(phones_header(phones, "Contact"), "<" A ">;expires=500");
	assert_int_equal(phones->events[REGISTRAR_ADDED], 1);
	assert_int_equal(registrar_stats(phones->registrar)->bindings, 1);
	assert_int_equal(registrar_stats(phones->registrar)->extensions, 1);
}

static void test_binding_expires_by_itself(void **state)
{
	assert_int_equal(phones_contact(phones, CONTACT(A, "") "Expires: 60\r\n"), 200);
	loop_sim_advance(phones->loop, 59999);
	assert_string_equal(phones_find(phones, "1000"), A);
	loop_sim_advance(phones->loop, 1);
	assert_string_equal(phones_find(phones, "1000"), "");
	assert_int_equal(phones->events[REGISTRAR_EXPIRED], 1);
	assert_int_equal(registrar_stats(phones->registrar)->bindings, 0);
	assert_int_equal(registrar_stats(phones->registrar)->extensions, 0);
}

static void test_refresh_keeps_the_binding_and_moves_its_flow(void **state)
{
	struct registrar_contact contact;
	char text[NET_ENDPOINT_TEXT];

	assert_int_equal(phones_contact(phones, CONTACT(A, "") "Expires: 60\r\n"), 200);
	loop_sim_advance(phones->loop, 50000);
	assert_int_equal(
		phones_register(phones,
				&(struct registering){.headers = CONTACT("sip:1000@192.0.2.1:5060",
									 "") "Expires: 60\r\nUser-Agent: Phone/1\r\n",
						      .from = "198.51.100.7:30000"}),
		200);
	assert_int_equal(phones->events[REGISTRAR_REFRESHED], 1);
	loop_sim_advance(phones->loop, 50000);
	assert_int_equal(registrar_find(phones->registrar, VIEW("1000"), &contact, 1, NULL), 1);
	assert_string_equal(net_endpoint_print(&contact.flow.remote, text), "198.51.100.7:30000");
	assert_string_equal(net_endpoint_print(&contact.flow.local, text), "192.0.2.100:5060");
	assert_view_equal(contact.user_agent, "Phone/1");
	assert_view_equal(contact.uri, A);
	assert_int_equal(contact.expires_s, 10);
	assert_int_equal(contact.since_ms, 0);
	assert_int_equal(contact.refreshed_ms, 50000);
	loop_sim_advance(phones->loop, 10000);
	assert_string_equal(phones_find(phones, "1000"), "");
}

/* One REGISTER each, to an extension that has A registered for 600 s. */
static void test_register_by_rows(void **state)
{
	static const struct {
		const char *name, *headers;
		unsigned status;
		const char *header, *value; /* of the answer */
		const char *found;
	} rows[] = {
		{"no Expires: the longest", CONTACT(B, ""), 200, "Contact", "<" A ">;expires=600", B " " A},
		{"more than the longest", CONTACT(A, ";expires=99999"), 200, "Contact", "<" A ">;expires=3600", A},
		{"more than fits a number", CONTACT(A, ";expires=99999999999"), 200, "Contact", "<" A ">;expires=3600",
		 A},
		{"broken Expires is none", CONTACT(A, "") "Expires: soon\r\n", 200, "Contact", "<" A ">;expires=3600",
		 A},
		{"the parameter goes before the header", CONTACT(A, ";expires=100") "Expires: 200\r\n", 200, "Contact",
		 "<" A ">;expires=100", A},
		{"too short", CONTACT(B, ";expires=59"), 423, "Min-Expires", "60", A},
		{"one of two too short: none is taken", CONTACT(B, "") CONTACT("sip:x@192.0.2.2", ";expires=1"), 423,
		 "Min-Expires", "60", A},
		{"q", CONTACT(A, ";q=0.5"), 200, "Contact", "<" A ">;q=0.500;expires=3600", A},
		{"broken q", CONTACT(A, ";q=2"), 400, "Contact", "", A},
		{"unregister one", CONTACT(A, ";expires=0"), 200, "Contact", "", ""},
		{"unregister by the header", CONTACT(A, "") "Expires: 0\r\n", 200, "Contact", "", ""},
		{"unregister another", CONTACT(B, ";expires=0"), 200, "Contact", "<" A ">;expires=600", A},
		{"unregister all", "Contact: *\r\nExpires: 0\r\n", 200, "Contact", "", ""},
		{"* without Expires", "Contact: *\r\n", 400, "Contact", "", A},
		{"* with Expires: 60", "Contact: *\r\nExpires: 60\r\n", 400, "Contact", "", A},
		{"* and another", "Contact: *, <" B ">\r\nExpires: 0\r\n", 400, "Contact", "", A},
		{"two in one line", "Contact: <" B ">;q=0.1, <sip:c@192.0.2.3>;q=0.2\r\n", 200, "Contact",
		 "<" A ">;expires=600", A " sip:c@192.0.2.3 " B},
		{"the same twice: the later one", CONTACT(B, ";q=0.1") CONTACT(B, ";q=0.3"), 200, "Contact",
		 "<" A ">;expires=600", A " " B},
		{"compact form", "m: <" B ">\r\n", 200, "Contact", "<" A ">;expires=600", B " " A},
		{"without <>", "Contact: sip:1000@192.0.2.1:5062;expires=70\r\n", 200, "Contact", "<" A ">;expires=600",
		 B " " A},
		{"the same URI, written otherwise", CONTACT("sip:%31000@192.0.2.1:5060", ""), 200, "Contact",
		 "<sip:%31000@192.0.2.1:5060>;expires=3600", "sip:%31000@192.0.2.1:5060"},
		{"another transport is another URI", CONTACT(A ";transport=tcp", ""), 200, "Contact",
		 "<" A ">;expires=600", A ";transport=tcp " A},
		{"no SIP URI", CONTACT("tel:+4930", ""), 400, "Contact", "", A},
		{"no URI", "Contact: <>\r\n", 400, "Contact", "", A},
		{"Require", "Require: gruu, path\r\n", 420, "Unsupported", "gruu", A},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned status;

		setup(NULL);
		assert_int_equal(phones_register(phones, &(struct registering){.headers = CONTACT(A, ";expires=600"),
									       .call_id = "first"}),
				 200);
		status = phones_contact(phones, rows[i].headers);
		if (status != rows[i].status || strcmp(phones_header(phones, rows[i].header), rows[i].value) != 0)
			fail_msg("%s: %s", rows[i].name, phones->answer);
		if (strcmp(phones_find(phones, "1000"), rows[i].found) != 0)
			fail_msg("%s: %s", rows[i].name, phones_find(phones, "1000"));
		assert_int_equal(registrar_stats(phones->registrar)->refused, status != 200);
		assert_int_equal(phones->problem[0] != '\0', status != 200);
		if (i + 1 < ARRAY_LEN(rows))
			teardown(NULL);
	}
}

static void test_strangers_get_nothing(void **state)
{
	char wrong[sizeof(phones->answer)], unknown[sizeof(phones->answer)];

	assert_int_equal(phones_register(phones, &(struct registering){.headers = CONTACT(A, ""), .password = "no"}),
			 401);
	memcpy(wrong, phones_header(phones, "WWW-Authenticate"), 40);
	assert_int_equal(phones_register(phones, &(struct registering){.headers = CONTACT(A, ""), .number = "4711"}),
			 401);
	memcpy(unknown, phones_header(phones, "WWW-Authenticate"), 40);
	assert_memory_equal(wrong, unknown, 40);
	assert_int_equal(registrar_stats(phones->registrar)->bindings, 0);
}

static void test_order_within_a_call_id(void **state)
{
	static const struct {
		const char *call_id, *headers;
		unsigned cseq, status;
	} rows[] = {
		{"x", CONTACT(A, ""), 10, 200},
		{"x", CONTACT(A, ""), 9, 500}, /* its second request has the same CSeq as the binding */
		{"x", CONTACT(A, ";expires=0"), 5, 500},
		{"x", "Contact: *\r\nExpires: 0\r\n", 5, 500},
		{"x", CONTACT(B, ""), 5, 200}, /* another binding */
		{"y", CONTACT(A, ""), 1, 200}, /* another Call-ID: the phone started anew */
		{"y", CONTACT(A, ""), 3, 200},
		{"x", CONTACT(A, ""), 1, 200},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(phones_register(phones, &(struct registering){.headers = rows[i].headers,
									       .call_id = rows[i].call_id,
									       .cseq = rows[i].cseq}),
				 rows[i].status);
	assert_string_equal(phones_find(phones, "1000"), A " " B);
}

static unsigned from(const char *address, const char *headers)
{
	return phones_register(phones, &(struct registering){.headers = headers, .from = address});
}

static void test_full_extension_makes_room_for_the_same_phone_only(void **state)
{
	assert_int_equal(from("192.0.2.1", CONTACT("sip:a@192.0.2.1", "")), 200);
	assert_int_equal(from("192.0.2.2", CONTACT("sip:b@192.0.2.2", ";+sip.instance=\"<urn:uuid:1>\"")), 200);
	assert_int_equal(from("192.0.2.3", CONTACT("sip:c@192.0.2.3", "")), 200);
	/* A fourth phone. */
	assert_int_equal(from("192.0.2.4", CONTACT("sip:d@192.0.2.4", "")), 403);
	assert_string_equal(phones_find(phones, "1000"), "sip:c@192.0.2.3 sip:b@192.0.2.2 sip:a@192.0.2.1");
	/* The second one after it moved and lost its memory. */
	assert_int_equal(from("192.0.2.5", CONTACT("sip:b2@192.0.2.5", ";+sip.instance=\"<urn:uuid:1>\"")), 200);
	assert_string_equal(phones_find(phones, "1000"), "sip:b2@192.0.2.5 sip:c@192.0.2.3 sip:a@192.0.2.1");
	/* The first one from its old address. */
	assert_int_equal(from("192.0.2.1:9999", CONTACT("sip:a2@192.0.2.1", "")), 200);
	assert_string_equal(phones_find(phones, "1000"), "sip:a2@192.0.2.1 sip:b2@192.0.2.5 sip:c@192.0.2.3");
	/* A refresh needs no room. Replacing one by another in the same request neither. */
	assert_int_equal(from("192.0.2.3", CONTACT("sip:c@192.0.2.3", "")), 200);
	assert_int_equal(from("192.0.2.6", CONTACT("sip:c@192.0.2.3", ";expires=0") CONTACT("sip:e@192.0.2.6", "")),
			 200);
	assert_string_equal(phones_find(phones, "1000"), "sip:e@192.0.2.6 sip:a2@192.0.2.1 sip:b2@192.0.2.5");
	assert_int_equal(registrar_stats(phones->registrar)->bindings, 3);
	assert_int_equal(phones->events[REGISTRAR_REMOVED], 3);
}

static void test_too_many_contacts_in_one_request(void **state)
{
	char headers[4096];
	struct text text;

	text_init(&text, headers, sizeof(headers));
	for (int i = 0; i <= REGISTRAR_CHANGES_MAX; i++)
		text_printf(&text, "Contact: <sip:x%d@192.0.2.1>;expires=0\r\n", i);
	assert_int_equal(phones_contact(phones, headers), 400);
	text_init(&text, headers, sizeof(headers));
	for (int i = 0; i < REGISTRAR_CHANGES_MAX; i++)
		text_printf(&text, "Contact: <sip:x%d@192.0.2.1>\r\n", i);
	assert_int_equal(phones_contact(phones, headers), 403);
	assert_string_equal(phones_find(phones, "1000"), "");
}

static void test_contact_uri_has_a_limit(void **state)
{
	char headers[1024], user[REGISTRAR_URI_MAX + 1];

	memset(user, 'u', sizeof(user));
	snprintf(headers, sizeof(headers), "Contact: <sip:%.*s@h>\r\n", REGISTRAR_URI_MAX - 6, user);
	assert_int_equal(phones_contact(phones, headers), 200);
	assert_int_equal(strlen(phones_find(phones, "1000")), REGISTRAR_URI_MAX);
	snprintf(headers, sizeof(headers), "Contact: <sip:%.*s@h>\r\n", REGISTRAR_URI_MAX - 5, user);
	assert_int_equal(phones_contact(phones, headers), 400);
}

static void test_find_orders_by_q_then_by_freshness_and_cuts(void **state)
{
	struct registrar_contact contacts[2];

	assert_int_equal(phones_contact(phones, CONTACT("sip:a@h", ";q=0.7")), 200);
	assert_int_equal(phones_contact(phones, CONTACT("sip:b@h", ";q=0.9")), 200);
	loop_sim_advance(phones->loop, 10);
	assert_int_equal(phones_contact(phones, CONTACT("sip:c@h", ";q=0.7")), 200);
	assert_string_equal(phones_find(phones, "1000"), "sip:b@h sip:c@h sip:a@h");
	assert_int_equal(registrar_find(phones->registrar, VIEW("1000"), contacts, 2, NULL), 2);
	assert_view_equal(contacts[0].uri, "sip:b@h");
	assert_view_equal(contacts[1].uri, "sip:c@h");
	assert_int_equal(registrar_find(phones->registrar, VIEW("1000"), contacts, 0, NULL), 0);
}

static void count_contact(void *arg, const struct registrar_contact *contact)
{
	text_printf(arg, "%.*s=%.*s ", VIEW_ARG(contact->number), VIEW_ARG(contact->uri));
}

static void test_walk_shows_everything(void **state)
{
	char buffer[256];
	struct text text;

	assert_int_equal(phones_register(phones, &(struct registering){.number = "2000",
								       .password = "test2000",
								       .headers = CONTACT("sip:b@h", "")}),
			 200);
	assert_int_equal(phones_contact(phones, CONTACT("sip:a@h", "")), 200);
	text_init(&text, buffer, sizeof(buffer));
	registrar_walk(phones->registrar, count_contact, &text);
	assert_string_equal(buffer, "1000=sip:a@h 2000=sip:b@h ");
}

static void test_other_extensions_while_phones_are_registered(void **state)
{
	static const struct conf_extension extensions[] = {
		{.number = "3000", .password = "x", .ha1_md5 = "", .ha1_sha256 = "", .name = "", .max_contacts = 1},
		{.number = "1000",
		 .password = "test1000",
		 .ha1_md5 = "",
		 .ha1_sha256 = "",
		 .name = "",
		 .max_contacts = 1},
	};
	const struct registrar_options options = {.min_expires_s = 90, .max_expires_s = 600};

	assert_int_equal(phones_contact(phones, "Contact: <sip:1000@192.0.2.1>\r\n"), 200);
	assert_int_equal(phones_contact(phones, "Contact: <sip:1000@192.0.2.2>\r\n"), 200);
	assert_int_equal(phones_register(phones, &(struct registering){.number = "2000",
								       .password = "test2000",
								       .headers = "Contact: <sip:2000@192.0.2.3>\r\n"}),
			 200);
	assert_int_equal(registrar_set(phones->registrar, &options, extensions, ARRAY_LEN(extensions)), 0);
	/* Who stays keeps all that he has, who is gone is gone. */
	assert_string_equal(phones_find(phones, "1000"), "sip:1000@192.0.2.2 sip:1000@192.0.2.1");
	assert_string_equal(phones_find(phones, "2000"), "");
	assert_int_equal(phones->events[REGISTRAR_REMOVED], 1);
	assert_int_equal(registrar_stats(phones->registrar)->bindings, 2);
	assert_int_equal(registrar_stats(phones->registrar)->extensions, 1);
	assert_int_equal(phones_contact(phones, "Contact: <sip:1000@192.0.2.1>;expires=60\r\n"), 423);
	loop_sim_advance(phones->loop, 3601 * 1000);
	assert_int_equal(registrar_stats(phones->registrar)->bindings, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_register_answers_with_the_bindings),
		TEST(test_binding_expires_by_itself),
		TEST(test_refresh_keeps_the_binding_and_moves_its_flow),
		cmocka_unit_test_teardown(test_register_by_rows, teardown),
		TEST(test_strangers_get_nothing),
		TEST(test_order_within_a_call_id),
		TEST(test_full_extension_makes_room_for_the_same_phone_only),
		TEST(test_too_many_contacts_in_one_request),
		TEST(test_contact_uri_has_a_limit),
		TEST(test_find_orders_by_q_then_by_freshness_and_cuts),
		TEST(test_walk_shows_everything),
		TEST(test_other_extensions_while_phones_are_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
