/* controlplane/auth: hashes by the vectors of the RFCs, nonces, nonce-counts, failures per source. */
#include "tests/unit/unit.h"

#include "controlplane/auth/auth_private.h"

static const uint8_t key[AUTH_KEY_SIZE] = "a key of thirty-two bytes, fixed";
static struct digest *digest;

static int setup(void **state)
{
	return digest_new(key, &digest);
}

static int teardown(void **state)
{
	digest_free(digest);
	return 0;
}

/* ---- digest ---- */
#define RFC7616_NONCE  "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
#define RFC7616_CNONCE "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"

static void test_digest_rfc_vectors(void **state)
{
	static const struct {
		const char *name;
		enum auth_algorithm algorithm;
		const char *user, *realm, *password, *method, *uri, *nonce, *nc, *cnonce, *qop, *response;
	} rows[] = {
		{"RFC 7616 3.9.1, MD5", AUTH_MD5, "Mufasa", "http-auth@example.org", "Circle of Life", "GET",
		 "/dir/index.html", RFC7616_NONCE, "00000001", RFC7616_CNONCE, "auth",
		 "8ca523f5e9506fed4657c9700eebdbec"},
		{"RFC 7616 3.9.1, SHA-256", AUTH_SHA256, "Mufasa", "http-auth@example.org", "Circle of Life", "GET",
		 "/dir/index.html", RFC7616_NONCE, "00000001", RFC7616_CNONCE, "auth",
		 "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{"RFC 2617 3.5", AUTH_MD5, "Mufasa", "testrealm@host.com", "Circle Of Life", "GET", "/dir/index.html",
		 "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", "auth",
		 "6629fae49393a05397450978507c4ef1"},
		{"RFC 2069 2.4, as corrected by its erratum", AUTH_MD5, "Mufasa", "testrealm@host.com", "CircleOfLife",
		 "GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "", "", "",
		 "1949323746fe6a43ef61f9606e7febea"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char ha1[AUTH_HEX_SIZE], response[AUTH_HEX_SIZE];
		const struct digest_input input = {
			.method = view_of(rows[i].method),
			.uri = view_of(rows[i].uri),
			.nonce = view_of(rows[i].nonce),
			.nc = view_of(rows[i].nc),
			.cnonce = view_of(rows[i].cnonce),
			.qop = view_of(rows[i].qop),
		};

		assert_int_equal(digest_ha1(digest, rows[i].algorithm, view_of(rows[i].user), view_of(rows[i].realm),
					    view_of(rows[i].password), ha1),
				 0);
		assert_int_equal(digest_response(digest, rows[i].algorithm, ha1, &input, response), 0);
		assert_int_equal(strlen(response), digest_hex_size(rows[i].algorithm));
		if (strcmp(response, rows[i].response) != 0)
			fail_msg("%s: %s", rows[i].name, response);
	}
}

/* RFC 4231 test case 2 has a shorter key; padded with zeros to the block it is the same key for HMAC. */
static void test_digest_mac_is_hmac_sha256(void **state)
{
	static const uint8_t jefe[AUTH_KEY_SIZE] = "Jefe";
	static const uint8_t expected[32] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
					     0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
					     0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
	struct digest *own;
	uint8_t mac[32];

	assert_int_equal(digest_new(jefe, &own), 0);
	for (int i = 0; i < 2; i++) { /* the context is used again */
		assert_int_equal(digest_mac(own, VIEW("what do ya want for nothing?"), mac), 0);
		assert_memory_equal(mac, expected, sizeof(mac));
	}
	digest_free(own);
}

static void test_digest_algorithm_parse(void **state)
{
	enum auth_algorithm algorithm = AUTH_SHA256;

	assert_int_equal(digest_algorithm_parse((struct view){NULL, 0}, &algorithm), 0);
	assert_int_equal(algorithm, AUTH_MD5);
	assert_int_equal(digest_algorithm_parse(VIEW("sha-256"), &algorithm), 0);
	assert_int_equal(algorithm, AUTH_SHA256);
	assert_int_equal(digest_algorithm_parse(VIEW("md5"), &algorithm), 0);
	assert_int_equal(algorithm, AUTH_MD5);
	assert_int_equal(digest_algorithm_parse(VIEW("MD5-sess"), &algorithm), ERR_UNSUPPORTED);
	assert_int_equal(digest_algorithm_parse(VIEW("SHA-512-256"), &algorithm), ERR_UNSUPPORTED);
	assert_int_equal(digest_algorithm_parse(VIEW(""), &algorithm), ERR_UNSUPPORTED);
}

/* ---- nonce ---- */
static struct net_address address_of(const char *text)
{
	struct net_address address = {0};

	assert_int_equal(net_address_parse(view_of(text), &address), 0);
	return address;
}

static void test_nonce_lives_its_time_and_no_longer(void **state)
{
	struct net_address source = address_of("192.0.2.1");
	static const struct {
		uint64_t now_ms;
		enum nonce_state state;
	} rows[] = {
		{10000, NONCE_FRESH}, {69999, NONCE_FRESH}, {70000, NONCE_OLD},
		{9999, NONCE_OLD},    {0, NONCE_OLD},       {UINT64_MAX, NONCE_OLD},
	};
	char text[AUTH_NONCE_SIZE];

	nonce_make(digest, VIEW("voxlane"), &source, 77, 10000, text);
	assert_int_equal(strlen(text), AUTH_NONCE_SIZE - 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct nonce nonce = {0};

		assert_int_equal(
			nonce_check(digest, VIEW("voxlane"), &source, view_of(text), rows[i].now_ms, 60000, &nonce),
			rows[i].state);
		assert_int_equal(nonce.sequence, 77);
		assert_int_equal(nonce.issued_ms, 10000);
		assert_true(nonce.is_of_source);
	}
}

static void test_nonce_of_another_realm_key_or_text_is_foreign(void **state)
{
	static const uint8_t other_key[AUTH_KEY_SIZE] = "another one";
	struct net_address source = address_of("192.0.2.1");
	char text[AUTH_NONCE_SIZE], changed[AUTH_NONCE_SIZE];
	struct digest *other;
	struct nonce nonce;

	nonce_make(digest, VIEW("voxlane"), &source, 1, 10000, text);
	assert_int_equal(nonce_check(digest, VIEW("voxlane2"), &source, view_of(text), 10000, 60000, &nonce),
			 NONCE_FOREIGN);
	assert_int_equal(digest_new(other_key, &other), 0);
	assert_int_equal(nonce_check(other, VIEW("voxlane"), &source, view_of(text), 10000, 60000, &nonce),
			 NONCE_FOREIGN);
	digest_free(other);
	assert_int_equal(nonce_check(digest, VIEW("voxlane"), &source, VIEW(""), 10000, 60000, &nonce), NONCE_FOREIGN);
	assert_int_equal(
		nonce_check(digest, VIEW("voxlane"), &source, view_sub(view_of(text), 0, 51), 10000, 60000, &nonce),
		NONCE_FOREIGN);
	for (size_t i = 0; i < AUTH_NONCE_SIZE - 1; i++) { /* every character counts */
		memcpy(changed, text, sizeof(changed));
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_int_equal(nonce_check(digest, VIEW("voxlane"), &source, view_of(changed), 10000, 60000, &nonce),
				 NONCE_FOREIGN);
		changed[i] = 'G';
		assert_int_equal(nonce_check(digest, VIEW("voxlane"), &source, view_of(changed), 10000, 60000, &nonce),
				 NONCE_FOREIGN);
	}
}

static void test_nonce_knows_the_address_it_was_given_to(void **state)
{
	struct net_address a = address_of("192.0.2.1"), b = address_of("192.0.2.2");
	char text[AUTH_NONCE_SIZE];
	struct nonce nonce;

	nonce_make(digest, VIEW("voxlane"), &a, 1, 0, text);
	assert_int_equal(nonce_check(digest, VIEW("voxlane"), &b, view_of(text), 0, 60000, &nonce), NONCE_FRESH);
	assert_false(nonce.is_of_source);
}

/* ---- replay ---- */
enum { LIFE = 60000 };

static enum replay_result use(struct replay *replay, uint64_t sequence, uint32_t count, uint64_t now_ms)
{
	struct nonce nonce = {.sequence = sequence, .issued_ms = sequence};

	return replay_use(replay, &nonce, count, now_ms, LIFE);
}

static void test_replay_of_a_nonce_count_is_seen(void **state)
{
	static const struct {
		uint32_t count;
		enum replay_result result;
	} rows[] = {
		{1, REPLAY_NEW},          {1, REPLAY_SEEN},
		{2, REPLAY_NEW},          {5, REPLAY_NEW},
		{3, REPLAY_NEW}, /* overtaken on the way */
		{3, REPLAY_SEEN},         {5, REPLAY_SEEN},
		{70, REPLAY_NEW},         {6, REPLAY_SEEN}, /* 64 behind: too far */
		{7, REPLAY_NEW},          {7, REPLAY_SEEN},
		{4, REPLAY_SEEN},         {200, REPLAY_NEW},
		{70, REPLAY_SEEN},        {199, REPLAY_NEW},
		{UINT32_MAX, REPLAY_NEW}, {UINT32_MAX, REPLAY_SEEN},
		{0, REPLAY_SEEN}, /* without qop, but the nonce is in use */
	};
	struct replay replay;

	assert_int_equal(replay_init(&replay, 64), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (use(&replay, 9, rows[i].count, 10) != rows[i].result)
			fail_msg("row %zu, nonce-count %u", i, rows[i].count);
	}
	assert_int_equal(use(&replay, 10, 1, 10), REPLAY_NEW); /* another nonce has its own */
	replay_fini(&replay);
}

static void test_replay_without_qop_is_one_use(void **state)
{
	struct replay replay;

	assert_int_equal(replay_init(&replay, 64), 0);
	assert_int_equal(use(&replay, 9, 0, 10), REPLAY_NEW);
	assert_int_equal(use(&replay, 9, 0, 10), REPLAY_SEEN);
	assert_int_equal(use(&replay, 9, 1, 10), REPLAY_SEEN);
	assert_int_equal(use(&replay, 9, UINT32_MAX, 10), REPLAY_SEEN);
	replay_fini(&replay);
}

static void test_replay_full_table_forgets_but_never_lets_in_twice(void **state)
{
	struct replay replay;

	assert_int_equal(replay_init(&replay, REPLAY_WAYS), 0);
	for (uint64_t i = 10; i < 10 + REPLAY_WAYS; i++)
		assert_int_equal(use(&replay, i, 1, 100), REPLAY_NEW);
	assert_int_equal(use(&replay, 50, 1, 100), REPLAY_NEW);       /* 10 had to go */
	assert_int_equal(use(&replay, 10, 1, 100), REPLAY_FORGOTTEN); /* its replay */
	assert_int_equal(use(&replay, 10, 2, 100), REPLAY_FORGOTTEN); /* its owner gets a new one */
	assert_int_equal(use(&replay, 5, 1, 100), REPLAY_FORGOTTEN);  /* older still, never used */
	assert_int_equal(use(&replay, 11, 1, 100), REPLAY_SEEN);      /* the others are known */
	assert_int_equal(use(&replay, 11, 2, 100), REPLAY_NEW);
	/* When they are dead there is room without forgetting. */
	assert_int_equal(use(&replay, 99, 1, 50 + LIFE), REPLAY_NEW);
	assert_int_equal(replay.buckets[0].floor, 11);
	replay_fini(&replay);
}

static void test_replay_newcomer_older_than_all_is_not_let_in(void **state)
{
	struct replay replay;

	assert_int_equal(replay_init(&replay, REPLAY_WAYS), 0);
	for (uint64_t i = 10; i < 10 + REPLAY_WAYS; i++)
		assert_int_equal(use(&replay, i, 1, 100), REPLAY_NEW);
	assert_int_equal(use(&replay, 9, 1, 100), REPLAY_FORGOTTEN);
	assert_int_equal(use(&replay, 9, 1, 100), REPLAY_FORGOTTEN);
	assert_int_equal(use(&replay, 10, 1, 100), REPLAY_SEEN); /* it had not to go */
	replay_fini(&replay);
}

/* Whatever the order of uses, the table and the clock: no pair of nonce and count is ever let in twice. */
static void test_replay_never_lets_in_twice_for_random_uses(void **state)
{
	enum { SEQUENCES = 64, COUNTS = 16 };
	static bool was_let_in[SEQUENCES][COUNTS];
	struct replay replay;
	uint32_t seed = 5;
	int let_in = 0;

	assert_int_equal(replay_init(&replay, 2 * REPLAY_WAYS), 0);
	for (int i = 0; i < 200000; i++) {
		struct nonce nonce;
		uint32_t count;

		seed = seed * 1664525u + 1013904223u;
		nonce = (struct nonce){.sequence = (seed >> 8) % SEQUENCES, .issued_ms = (seed >> 8) % SEQUENCES};
		count = (seed >> 16) % COUNTS;
		if (count == 0)
			continue;
		if (replay_use(&replay, &nonce, count, SEQUENCES + (unsigned)i / 1000, LIFE) == REPLAY_NEW) {
			assert_false(was_let_in[nonce.sequence][count]);
			was_let_in[nonce.sequence][count] = true;
			let_in++;
		}
	}
	assert_true(let_in > REPLAY_WAYS * COUNTS);
	replay_fini(&replay);
}

/* ---- sources ---- */
static const struct auth_options defence = {.ban_failures = 3, .ban_window_ms = 10000, .ban_ms = 60000};

static void test_sources_ban_after_failures_in_the_window(void **state)
{
	struct net_address a = address_of("192.0.2.1"), b = address_of("192.0.2.2");
	struct sources sources;
	bool is_banned;

	assert_int_equal(sources_init(&sources, 64, &defence), 0);
	assert_int_equal(sources_fail(&sources, &a, 1000, &is_banned), 1);
	assert_int_equal(sources_fail(&sources, &a, 2000, &is_banned), 2);
	assert_int_equal(sources_fail(&sources, &a, 11000, &is_banned), 1); /* the window is over */
	assert_false(is_banned);
	assert_int_equal(sources_fail(&sources, &a, 11001, &is_banned), 2);
	assert_false(sources_is_banned(&sources, &a, 11001));
	assert_int_equal(sources_fail(&sources, &a, 11002, &is_banned), 3);
	assert_true(is_banned);
	assert_true(sources_is_banned(&sources, &a, 11002));
	assert_true(sources_is_banned(&sources, &a, 71001));
	assert_false(sources_is_banned(&sources, &a, 71002));
	assert_false(sources_is_banned(&sources, &b, 11002));
	assert_int_equal(sources_fail(&sources, &a, 71002, &is_banned), 1);
	assert_false(is_banned);
	sources_fini(&sources);
}

static void test_sources_exempt_loopback_and_switch_off(void **state)
{
	static const struct auth_options off = {.ban_failures = 0, .ban_window_ms = 10000, .ban_ms = 60000};
	struct net_address local4 = address_of("127.0.0.1"), local6 = address_of("::1"), a = address_of("192.0.2.1");
	struct sources sources;
	bool is_banned;

	assert_int_equal(sources_init(&sources, 64, &defence), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(sources_fail(&sources, &local4, 0, &is_banned), 0);
		assert_int_equal(sources_fail(&sources, &local6, 0, &is_banned), 0);
		assert_false(is_banned);
	}
	sources_fini(&sources);
	assert_int_equal(sources_init(&sources, 64, &off), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(sources_fail(&sources, &a, 0, &is_banned), 0);
	assert_false(sources_is_banned(&sources, &a, 0));
	sources_fini(&sources);
}

static void test_sources_take_an_ipv6_prefix_as_one(void **state)
{
	struct net_address a = address_of("2001:db8::1"), b = address_of("2001:db8::ffff:1"),
			   c = address_of("2001:db8:0:1::1");
	struct sources sources;
	bool is_banned;

	assert_int_equal(sources_init(&sources, 64, &defence), 0);
	assert_int_equal(sources_fail(&sources, &a, 0, &is_banned), 1);
	assert_int_equal(sources_fail(&sources, &b, 0, &is_banned), 2);
	assert_int_equal(sources_fail(&sources, &c, 0, &is_banned), 1);
	assert_int_equal(sources_fail(&sources, &a, 0, &is_banned), 3);
	assert_true(sources_is_banned(&sources, &b, 0));
	sources_fini(&sources);
}

static void test_sources_full_table_keeps_the_most_suspicious(void **state)
{
	struct net_address banned = address_of("192.0.2.1");
	struct sources sources;
	bool is_banned;

	assert_int_equal(sources_init(&sources, SOURCES_WAYS, &defence), 0); /* one bucket */
	for (int i = 0; i < 3; i++)
		sources_fail(&sources, &banned, 0, &is_banned);
	for (unsigned i = 0; i < 1000; i++) {
		struct net_address other = address_of("198.51.100.1");

		other.bytes[2] = (uint8_t)(i >> 8);
		other.bytes[3] = (uint8_t)i;
		sources_fail(&sources, &other, 1 + i, &is_banned);
	}
	assert_true(sources_is_banned(&sources, &banned, 1001));
	sources_fini(&sources);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest_rfc_vectors),
		cmocka_unit_test(test_digest_mac_is_hmac_sha256),
		cmocka_unit_test(test_digest_algorithm_parse),
		cmocka_unit_test(test_nonce_lives_its_time_and_no_longer),
		cmocka_unit_test(test_nonce_of_another_realm_key_or_text_is_foreign),
		cmocka_unit_test(test_nonce_knows_the_address_it_was_given_to),
		cmocka_unit_test(test_replay_of_a_nonce_count_is_seen),
		cmocka_unit_test(test_replay_without_qop_is_one_use),
		cmocka_unit_test(test_replay_full_table_forgets_but_never_lets_in_twice),
		cmocka_unit_test(test_replay_newcomer_older_than_all_is_not_let_in),
		cmocka_unit_test(test_replay_never_lets_in_twice_for_random_uses),
		cmocka_unit_test(test_sources_ban_after_failures_in_the_window),
		cmocka_unit_test(test_sources_exempt_loopback_and_switch_off),
		cmocka_unit_test(test_sources_take_an_ipv6_prefix_as_one),
		cmocka_unit_test(test_sources_full_table_keeps_the_most_suspicious),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
