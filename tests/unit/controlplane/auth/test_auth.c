/* controlplane/auth: what a request gets, for every way in which credentials can be right or wrong. */
#include "tests/unit/unit.h"

#include "controlplane/auth/auth_private.h"

static const uint8_t key[AUTH_KEY_SIZE] = "a key of thirty-two bytes, fixed";
static struct conf_extension extensions[] = {
	{.number = "1000", .password = "test1000", .ha1_md5 = "", .ha1_sha256 = "", .name = "Alice"},
	{.number = "2000", .password = "test2000", .ha1_md5 = "", .ha1_sha256 = "", .name = ""},
	/* 3000:voxlane:test3000, MD5 alone, in capitals */
	{.number = "3000", .password = "", .ha1_md5 = "CA8546EC9EA90145D6DCE2EEDD99271B", .ha1_sha256 = "", .name = ""},
};

struct fixture {
	struct auth *auth;
	struct digest *digest; /* of the client */
	struct net_endpoint source;
	uint64_t now_ms;
	char nonce[AUTH_NONCE_SIZE];
};

static void options_of(struct auth_options *options, size_t algorithm_count, enum auth_algorithm first)
{
	*options = (struct auth_options){
		.realm = "voxlane",
		.algorithms = {first, first == AUTH_MD5 ? AUTH_SHA256 : AUTH_MD5},
		.algorithm_count = algorithm_count,
		.nonce_lifetime_ms = 60000,
		.ban_failures = 5,
		.ban_window_ms = 60000,
		.ban_ms = 300000,
	};
}

static struct fixture *fixture_new(size_t algorithm_count, enum auth_algorithm first)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct auth_options options;

	assert_non_null(f);
	assert_int_equal(digest_new(key, &f->digest), 0);
	options_of(&options, algorithm_count, first);
	assert_int_equal(auth_new(&options, extensions, ARRAY_LEN(extensions), key, &f->auth), 0);
	assert_int_equal(net_endpoint_parse(VIEW("192.0.2.1:5060"), 0, &f->source), 0);
	f->now_ms = 1000000;
	return f;
}

static void fixture_free(struct fixture *f)
{
	auth_free(f->auth);
	digest_free(f->digest);
	free(f);
}

static struct fixture *fixture_md5(void)
{
	return fixture_new(1, AUTH_MD5);
}

/* A request as a phone would send it. Zero members take the usual value. */
struct asked {
	const char *method, *uri, *from, *to;
	const char *user, *password, *realm, *nonce, *digest_uri, *nc, *cnonce, *qop, *algorithm; /* "-": left out */
	bool is_without_credentials, is_proxy;
	const char *header; /* raw, instead of credentials */
	bool is_screened;   /* auth_screen first, as the app does */
};

static const char *or_usual(const char *value, const char *usual)
{
	return value ? value : usual;
}

static void add_field(struct text *text, const char *name, const char *value, const char *format)
{
	if (strcmp(value, "-") == 0)
		return;
	text_printf(text, ", %s=", name);
	if (strcmp(format, "quoted") == 0)
		text_printf(text, "\"%s\"", value);
	else
		text_add_string(text, value);
}

static void write_credentials(struct fixture *f, const struct asked *a, struct text *text)
{
	const char *qop = or_usual(a->qop, "auth"), *algorithm = or_usual(a->algorithm, "MD5");
	const char *user = or_usual(a->user, "1000"), *realm = or_usual(a->realm, "voxlane");
	const char *uri = or_usual(a->digest_uri, or_usual(a->uri, "sip:example.org"));
	const char *nonce = or_usual(a->nonce, f->nonce), *nc = or_usual(a->nc, "00000001");
	struct digest_input input = {
		.method = view_of(or_usual(a->method, "REGISTER")),
		.uri = view_of(uri),
		.nonce = view_of(nonce),
		.nc = view_of(nc),
		.cnonce = view_of(or_usual(a->cnonce, "c1")),
		.qop = strcmp(qop, "-") == 0 ? VIEW_EMPTY : view_of(qop),
	};
	enum auth_algorithm kind = strcmp(algorithm, "SHA-256") == 0 ? AUTH_SHA256 : AUTH_MD5;
	char ha1[AUTH_HEX_SIZE], response[AUTH_HEX_SIZE];

	assert_int_equal(digest_ha1(f->digest, kind, view_of(user), view_of(realm),
				    view_of(or_usual(a->password, "test1000")), ha1),
			 0);
	assert_int_equal(digest_response(f->digest, kind, ha1, &input, response), 0);
	text_printf(text, "%s: Digest x=y", a->is_proxy ? "Proxy-Authorization" : "Authorization");
	add_field(text, "username", user, "quoted");
	add_field(text, "realm", realm, "quoted");
	add_field(text, "nonce", nonce, "quoted");
	add_field(text, "uri", uri, "quoted");
	add_field(text, "response", response, "quoted");
	add_field(text, "algorithm", algorithm, "");
	add_field(text, "qop", qop, "");
	add_field(text, "nc", nc, "");
	add_field(text, "cnonce", or_usual(a->cnonce, "c1"), "quoted");
	text_add_string(text, "\r\n");
}

static void parse(struct text *text, struct sip_message *message)
{
	struct sip_refusal refusal;

	assert_false(text->overflow);
	if (sip_parse(message, text->at, text->size, SIP_DATAGRAM, &refusal))
		fail_msg("the test's message is wrong: %s", refusal.sentence);
}

static enum auth_result ask(struct fixture *f, const struct asked *a, struct auth_verdict *ret_verdict)
{
	const char *method = or_usual(a->method, "REGISTER");
	struct sip_message message;
	char buffer[2048];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\n", method,
		    or_usual(a->uri, "sip:example.org"));
	text_printf(&text, "From: <%s>;tag=1\r\nTo: <%s>\r\nCall-ID: c\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\n",
		    or_usual(a->from, "sip:1000@example.org"), or_usual(a->to, "sip:1000@example.org"), method);
	if (a->header)
		text_printf(&text, "%s\r\n", a->header);
	else if (!a->is_without_credentials)
		write_credentials(f, a, &text);
	text_add_string(&text, "Content-Length: 0\r\n\r\n");
	parse(&text, &message);
	if (!a->is_screened ||
	    auth_screen(f->auth, &message, &f->source, a->is_proxy ? AUTH_PROXY : AUTH_SERVER, f->now_ms, ret_verdict))
		auth_check(f->auth, &message, &f->source, a->is_proxy ? AUTH_PROXY : AUTH_SERVER, f->now_ms,
			   ret_verdict);
	if (ret_verdict->nonce[0])
		memcpy(f->nonce, ret_verdict->nonce, sizeof(f->nonce));
	return ret_verdict->result;
}

static enum auth_result ask_result(struct fixture *f, const struct asked *a)
{
	struct auth_verdict verdict;

	return ask(f, a, &verdict);
}

static void challenge(struct fixture *f)
{
	assert_int_equal(ask_result(f, &(struct asked){.is_without_credentials = true}), AUTH_CHALLENGE);
	assert_int_equal(strlen(f->nonce), AUTH_NONCE_SIZE - 1);
}

static void test_register_with_the_right_password_is_ok(void **state)
{
	struct fixture *f = fixture_md5();
	struct auth_verdict verdict;

	challenge(f);
	assert_int_equal(ask(f, &(struct asked){0}, &verdict), AUTH_OK);
	assert_int_equal(verdict.status, 0);
	assert_string_equal(verdict.account->number, "1000");
	assert_string_equal(verdict.account->name, "Alice");
	assert_string_equal(verdict.nonce, "");
	fixture_free(f);
}

/* One request each, after a challenge. */
static void test_check_by_rows(void **state)
{
	static const struct {
		const char *name;
		struct asked asked;
		enum auth_result result;
		unsigned status;
	} rows[] = {
		{"no credentials", {.is_without_credentials = true}, AUTH_CHALLENGE, 401},
		{"no credentials, as a proxy", {.is_without_credentials = true, .is_proxy = true}, AUTH_CHALLENGE, 407},
		{"right, as a proxy", {.is_proxy = true}, AUTH_OK, 0},
		{"wrong password", {.password = "wrong"}, AUTH_CHALLENGE, 401},
		{"unknown extension", {.user = "1001"}, AUTH_CHALLENGE, 401},
		{"empty user", {.user = "", .password = "?"}, AUTH_CHALLENGE, 401},
		{"the hash configured alone",
		 {.user = "3000", .password = "test3000", .to = "sip:3000@example.org"},
		 AUTH_OK,
		 0},
		{"wrong realm", {.realm = "asterisk"}, AUTH_CHALLENGE, 401},
		{"a nonce of somebody else, but the right password", {.nonce = "0123456789"}, AUTH_STALE, 401},
		{"a nonce of somebody else, wrong password",
		 {.nonce = "0123456789", .password = "x"},
		 AUTH_CHALLENGE,
		 401},
		{"RFC 2069, without qop", {.qop = "-", .nc = "-", .cnonce = "-"}, AUTH_OK, 0},
		{"algorithm left out is MD5", {.algorithm = "-"}, AUTH_OK, 0},
		{"algorithm that was not offered", {.algorithm = "SHA-256"}, AUTH_CHALLENGE, 401},
		{"algorithm nobody knows", {.algorithm = "MD5-sess"}, AUTH_CHALLENGE, 401},
		{"qop that was not offered", {.qop = "auth-int"}, AUTH_BAD, 400},
		{"nc left out", {.nc = "-"}, AUTH_BAD, 400},
		{"nc of seven digits", {.nc = "0000001"}, AUTH_BAD, 400},
		{"nc zero", {.nc = "00000000"}, AUTH_BAD, 400},
		{"nc that is no number", {.nc = "0000000g"}, AUTH_BAD, 400},
		{"cnonce left out", {.cnonce = "-"}, AUTH_BAD, 400},
		{"nonce left out", {.nonce = "-"}, AUTH_BAD, 400},
		{"user left out", {.user = "-"}, AUTH_BAD, 400},
		{"uri of another host", {.digest_uri = "sip:example.com"}, AUTH_BAD, 400},
		{"uri of the host in capitals, with port and parameter",
		 {.digest_uri = "sip:EXAMPLE.ORG:5060;transport=udp"},
		 AUTH_OK,
		 0},
		{"uri of another user of that host",
		 {.method = "INVITE", .uri = "sip:2000@example.org", .digest_uri = "sip:7777@example.org"},
		 AUTH_BAD,
		 400},
		{"uri without the user, as SIPp writes it",
		 {.method = "INVITE", .uri = "sip:2000@example.org", .digest_uri = "sip:example.org:5060"},
		 AUTH_OK,
		 0},
		{"uri that is none", {.digest_uri = "example.org"}, AUTH_BAD, 400},
		{"grammar", {.header = "Authorization: Digest username=\"1000"}, AUTH_BAD, 400},
		{"a field twice",
		 {.header = "Authorization: Digest realm=\"voxlane\", realm=\"voxlane\""},
		 AUTH_BAD,
		 400},
		{"another scheme", {.header = "Authorization: Basic MTAwMDp0ZXN0MTAwMA=="}, AUTH_CHALLENGE, 401},
		{"for a proxy, asked by a server",
		 {.header = "Proxy-Authorization: Digest realm=\"voxlane\""},
		 AUTH_CHALLENGE,
		 401},
		{"REGISTER of another extension", {.to = "sip:2000@example.org"}, AUTH_FORBIDDEN, 403},
		{"REGISTER by a third party for oneself", {.from = "sip:2000@example.org"}, AUTH_OK, 0},
		{"REGISTER of a host", {.to = "sip:example.org"}, AUTH_FORBIDDEN, 403},
		{"INVITE as another extension",
		 {.method = "INVITE", .from = "sip:2000@example.org", .to = "sip:1000@example.org"},
		 AUTH_FORBIDDEN,
		 403},
		{"INVITE to another extension", {.method = "INVITE", .to = "sip:2000@example.org"}, AUTH_OK, 0},
		{"From with escapes", {.method = "INVITE", .from = "sip:%31000@example.org"}, AUTH_OK, 0},
		{"anonymous From", {.method = "INVITE", .from = "sip:anonymous@anonymous.invalid"}, AUTH_OK, 0},
	};

	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct asked asked = rows[i / 2].asked;
		struct fixture *f = fixture_md5();
		struct auth_verdict verdict;

		challenge(f);
		asked.is_screened = i % 2 == 1; /* the same verdict either way */
		ask(f, &asked, &verdict);
		if (verdict.result != rows[i / 2].result || verdict.status != rows[i / 2].status)
			fail_msg("%s: %s %u, %s", rows[i / 2].name, auth_result_name(verdict.result), verdict.status,
				 verdict.why);
		assert_int_equal(verdict.account != NULL,
				 verdict.result == AUTH_OK || verdict.result == AUTH_FORBIDDEN);
		assert_int_equal(verdict.nonce[0] != '\0', verdict.status == 401 || verdict.status == 407);
		fixture_free(f);
	}
}

static void test_nonce_count_replayed_is_stale(void **state)
{
	struct fixture *f = fixture_md5();
	char nonce[AUTH_NONCE_SIZE];

	challenge(f);
	memcpy(nonce, f->nonce, sizeof(nonce));
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce}), AUTH_OK);
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce}), AUTH_STALE);
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce, .cnonce = "other"}), AUTH_STALE);
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce, .nc = "00000002"}), AUTH_OK);
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce, .nc = "0000000A"}), AUTH_OK);
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce, .qop = "-"}), AUTH_STALE);
	assert_int_equal(auth_stats(f->auth)->replays, 3);
	assert_int_equal(ask_result(f, &(struct asked){0}), AUTH_OK); /* with the nonce of the last challenge */
	fixture_free(f);
}

static void test_nonce_old_or_from_before_a_restart_is_stale(void **state)
{
	struct fixture *f = fixture_md5();
	struct auth_verdict verdict;

	challenge(f);
	f->now_ms += 60000;
	assert_int_equal(ask(f, &(struct asked){0}, &verdict), AUTH_STALE);
	assert_int_equal(ask(f, &(struct asked){0}, &verdict), AUTH_OK);
	f->now_ms -= 1; /* a clock that steps back */
	assert_int_equal(ask(f, &(struct asked){.nc = "00000002"}, &verdict), AUTH_STALE);
	fixture_free(f);
}

static void write_answer(const struct auth_verdict *verdict, char *buffer, size_t size)
{
	struct sip_writer writer;

	sip_writer_init(&writer, buffer, size);
	sip_write_status_line(&writer, verdict->status, VIEW_EMPTY);
	auth_write_challenge(&writer, (void *)(uintptr_t)verdict);
	assert_int_equal(sip_write_end(&writer, NULL, VIEW_EMPTY), 0);
}

static void test_unknown_extension_and_wrong_password_get_the_same_bytes(void **state)
{
	static const struct asked wrong[] = {
		{.password = "wrong"}, {.user = "4711"}, {.user = "4711", .password = "?"}};
	char first[1024], other[1024];

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		/* A fixture each, so that even the nonces are equal. */
		struct fixture *f = fixture_md5();
		struct auth_verdict verdict;

		challenge(f);
		assert_int_equal(ask(f, &wrong[i], &verdict), AUTH_CHALLENGE);
		assert_int_equal(auth_stats(f->auth)->failures, 1);
		write_answer(&verdict, i == 0 ? first : other, sizeof(first));
		if (i > 0)
			assert_string_equal(first, other);
		fixture_free(f);
	}
	assert_non_null(strstr(first, "WWW-Authenticate: Digest realm=\"voxlane\", nonce=\""));
	assert_null(strstr(first, "stale"));
}

static void test_challenge_headers(void **state)
{
	static const struct {
		size_t algorithm_count;
		enum auth_algorithm first;
		bool is_proxy, is_stale;
		const char *headers;
	} rows[] = {
		{1, AUTH_MD5, false, false,
		 "WWW-Authenticate: Digest realm=\"voxlane\", nonce=\"N\", algorithm=MD5, qop=\"auth\"\r\n"},
		{1, AUTH_MD5, true, false,
		 "Proxy-Authenticate: Digest realm=\"voxlane\", nonce=\"N\", algorithm=MD5, qop=\"auth\"\r\n"},
		{1, AUTH_MD5, false, true,
		 "WWW-Authenticate: Digest realm=\"voxlane\", nonce=\"N\", algorithm=MD5, qop=\"auth\", "
		 "stale=true\r\n"},
		{2, AUTH_SHA256, false, false,
		 "WWW-Authenticate: Digest realm=\"voxlane\", nonce=\"N\", algorithm=SHA-256, qop=\"auth\"\r\n"
		 "WWW-Authenticate: Digest realm=\"voxlane\", nonce=\"N\", algorithm=MD5, qop=\"auth\"\r\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture *f = fixture_new(rows[i].algorithm_count, rows[i].first);
		struct auth_verdict verdict;
		char answer[1024];

		ask(f,
		    &(struct asked){
			    .is_without_credentials = !rows[i].is_stale, .is_proxy = rows[i].is_proxy, .nonce = "old"},
		    &verdict);
		snprintf(verdict.nonce, sizeof(verdict.nonce), "N");
		write_answer(&verdict, answer, sizeof(answer));
		assert_non_null(strstr(answer, rows[i].headers));
		fixture_free(f);
	}
}

static void test_both_algorithms_when_both_are_offered(void **state)
{
	struct fixture *f = fixture_new(2, AUTH_SHA256);

	challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){.algorithm = "SHA-256"}), AUTH_OK);
	challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){.algorithm = "MD5"}), AUTH_OK);
	challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){.algorithm = "SHA-256", .password = "x"}), AUTH_CHALLENGE);
	/* 3000 has an MD5 hash alone: no SHA-256 answer can be right, not even for the dummy. */
	assert_int_equal(ask_result(f, &(struct asked){.algorithm = "SHA-256", .user = "3000", .password = "test3000"}),
			 AUTH_CHALLENGE);
	fixture_free(f);
}

struct heard {
	uint32_t failures, last_failures, bans;
	char username[16];
};

static void on_failure(void *arg, const struct auth_failure *failure)
{
	struct heard *heard = arg;

	heard->failures++;
	heard->last_failures = failure->failures;
	heard->bans += failure->is_banned;
	assert_int_equal(view_copy(failure->username, heard->username, sizeof(heard->username)), 0);
}

static void test_ban_after_failures_and_its_end(void **state)
{
	struct fixture *f = fixture_md5();
	struct heard heard = {0};
	struct auth_verdict verdict;

	auth_set_listener(f->auth, on_failure, &heard);
	challenge(f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask_result(f, &(struct asked){.user = "2000", .password = "guess"}), AUTH_CHALLENGE);
	assert_int_equal(heard.failures, 5);
	assert_int_equal(heard.bans, 1);
	assert_string_equal(heard.username, "2000");
	assert_int_equal(ask(f, &(struct asked){0}, &verdict), AUTH_BANNED); /* even with the right password */
	assert_string_equal(verdict.nonce, "");
	f->source.address.bytes[3]++;
	challenge(f); /* the neighbour is welcome */
	f->source.address.bytes[3]--;
	f->now_ms += 300000;
	challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){0}), AUTH_OK);
	fixture_free(f);
}

static void test_ban_is_not_for_those_who_never_got_the_nonce(void **state)
{
	struct fixture *f = fixture_md5();
	struct heard heard = {0};
	char nonce[AUTH_NONCE_SIZE];

	auth_set_listener(f->auth, on_failure, &heard);
	challenge(f);
	memcpy(nonce, f->nonce, sizeof(nonce));
	f->source.address.bytes[3]++; /* a forged source address: the answer to the nonce went elsewhere */
	for (int i = 0; i < 50; i++) {
		assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce, .password = "guess"}), AUTH_CHALLENGE);
		assert_int_equal(ask_result(f, &(struct asked){.nonce = "made up", .password = "guess"}),
				 AUTH_CHALLENGE);
	}
	assert_int_equal(heard.failures, 100);
	assert_int_equal(heard.last_failures, 0);
	challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){0}), AUTH_OK);
	/* But a nonce that moved with its phone to another address is good. */
	f->source.address.bytes[3]++;
	assert_int_equal(ask_result(f, &(struct asked){.nc = "00000002"}), AUTH_OK);
	fixture_free(f);
}

/* A flood of requests without an account cannot push out the nonces of those who have one. */
static void test_flood_of_strangers_does_not_disturb(void **state)
{
	struct fixture *f = fixture_md5();
	char nonce[AUTH_NONCE_SIZE];

	challenge(f);
	memcpy(nonce, f->nonce, sizeof(nonce));
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce}), AUTH_OK);
	for (unsigned i = 0; i < 2 * AUTH_NONCES; i++)
		challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce}), AUTH_STALE);
	assert_int_equal(ask_result(f, &(struct asked){.nonce = nonce, .nc = "00000002"}), AUTH_OK);
	fixture_free(f);
}

static void test_find_gives_hashes(void **state)
{
	struct fixture *f = fixture_md5();
	const struct auth_account *account = auth_find(f->auth, VIEW("1000"));

	assert_non_null(account);
	assert_string_equal(account->ha1[AUTH_MD5], "fe7a7b0c099c3c3bfe66057ab4ef9b2e");
	assert_null(auth_find(f->auth, VIEW("100")));
	assert_null(auth_find(f->auth, VIEW("")));
	fixture_free(f);
}

/* ---- client side ---- */
static int answer(struct fixture *f, const char *status_and_headers, const struct auth_credentials *credentials,
		  char *buffer, size_t size)
{
	struct sip_message message;
	struct sip_writer writer;
	char response[1024];
	struct text text;
	int error;

	text_init(&text, response, sizeof(response));
	text_printf(&text,
		    "SIP/2.0 %sVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
		    "To: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n",
		    status_and_headers);
	parse(&text, &message);
	sip_writer_init(&writer, buffer, size);
	sip_write_request_line(&writer, SIP_METHOD_REGISTER, VIEW("sip:example.org"));
	error = auth_answer(f->auth, &message, VIEW("REGISTER"), VIEW("sip:example.org"), credentials, &writer);
	assert_int_equal(sip_write_end(&writer, NULL, VIEW_EMPTY), 0);
	return error;
}

static void test_answer_by_rows(void **state)
{
	static const struct {
		const char *response;
		int error;
		const char *header;
	} rows[] = {
		{"401 U\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", 0,
		 "Authorization: Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:example.org\", "
		 "response=\"7c23eb876035e0b4c491aba82209bb5e\", algorithm=MD5\r\n"},
		{"407 P\r\nProxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", "
		 "opaque=\"o\"\r\n",
		 0, "Proxy-Authorization: Digest username=\"u\""},
		{"401 U\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5\r\n"
		 "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\n",
		 0, "algorithm=SHA-256, qop=auth, nc=0000000b, cnonce=\"c\"\r\n"},
		{"401 U\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\n"
		 "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5\r\n",
		 0, "algorithm=SHA-256"},
		{"401 U\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5\r\n", ERR_UNSUPPORTED,
		 ""},
		{"401 U\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"\r\n", ERR_UNSUPPORTED,
		 ""},
		{"401 U\r\nWWW-Authenticate: Basic realm=\"r\"\r\n", ERR_UNSUPPORTED, ""},
		{"401 U\r\n", ERR_NOT_FOUND, ""},
		{"401 U\r\nProxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", ERR_NOT_FOUND, ""},
	};
	static const struct auth_credentials credentials = {
		.user = {"u", 1}, .password = {"p", 1}, .cnonce = {"c", 1}, .count = 11};
	struct fixture *f = fixture_md5();

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char buffer[2048];

		assert_int_equal(answer(f, rows[i].response, &credentials, buffer, sizeof(buffer)), rows[i].error);
		if (!strstr(buffer, rows[i].header))
			fail_msg("row %zu: %s", i, buffer);
		if (rows[i].error)
			assert_null(strstr(buffer, "Authorization"));
	}
	fixture_free(f);
}

static void test_answer_refuses_what_cannot_be_quoted(void **state)
{
	static const struct auth_credentials credentials = {
		.user = {"a\"b", 3}, .password = {"p", 1}, .cnonce = {"c", 1}, .count = 1};
	struct fixture *f = fixture_md5();
	char buffer[2048];

	assert_int_equal(answer(f, "401 U\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", &credentials,
				buffer, sizeof(buffer)),
			 ERR_INVALID);
	fixture_free(f);
}

/* Our client against our server: what one writes the other accepts. */
static void test_answer_satisfies_check(void **state)
{
	for (size_t algorithms = 1; algorithms <= 2; algorithms++) {
		struct fixture *f = fixture_new(algorithms, algorithms == 2 ? AUTH_SHA256 : AUTH_MD5);
		static const struct auth_credentials credentials = {
			.user = {"1000", 4}, .password = {"test1000", 8}, .cnonce = {"abc", 3}, .count = 1};
		char challenge_text[1024], response[1024], request[2048], header[1024];
		struct auth_verdict verdict;
		char *begin, *end;

		ask(f, &(struct asked){.is_without_credentials = true}, &verdict);
		write_answer(&verdict, challenge_text, sizeof(challenge_text));
		begin = strstr(challenge_text, "WWW-");
		end = strstr(challenge_text, "Content-Length");
		snprintf(response, sizeof(response), "401 Unauthorized\r\n%.*s", (int)(end - begin), begin);
		assert_int_equal(answer(f, response, &credentials, request, sizeof(request)), 0);
		begin = strstr(request, "Authorization:");
		assert_non_null(begin);
		snprintf(header, sizeof(header), "%.*s", (int)strcspn(begin, "\r"), begin);
		assert_int_equal(ask_result(f, &(struct asked){.header = header}), AUTH_OK);
		fixture_free(f);
	}
}

/* What was screened once is not believed for anything else: other bytes, method or source. */
static void test_screened_request_vouches_for_itself_only(void **state)
{
	struct fixture *f = fixture_md5();

	challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){.is_screened = true}), AUTH_OK);
	assert_int_equal(ask_result(f, &(struct asked){.is_screened = true}), AUTH_STALE); /* a replay */
	challenge(f);
	assert_int_equal(ask_result(f, &(struct asked){.is_screened = true, .password = "wrong"}), AUTH_CHALLENGE);
	assert_int_equal(auth_stats(f->auth)->failures, 1);
	assert_int_equal(ask_result(f, &(struct asked){.password = "wrong"}), AUTH_CHALLENGE);
	assert_int_equal(auth_stats(f->auth)->failures, 2);
	fixture_free(f);
}

static void test_other_accounts_while_it_runs(void **state)
{
	static struct conf_extension others[] = {
		{.number = "1000", .password = "new", .ha1_md5 = "", .ha1_sha256 = "", .name = ""},
	};
	struct fixture *f = fixture_md5();
	struct auth_options options;

	options_of(&options, 1, AUTH_MD5);
	challenge(f);
	assert_int_equal(auth_set(f->auth, &options, others, ARRAY_LEN(others)), 0);
	assert_int_equal(ask_result(f, &(struct asked){0}), AUTH_CHALLENGE);
	assert_int_equal(ask_result(f, &(struct asked){.password = "new"}), AUTH_OK);
	assert_null(auth_find(f->auth, VIEW("2000")));
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register_with_the_right_password_is_ok),
		cmocka_unit_test(test_check_by_rows),
		cmocka_unit_test(test_nonce_count_replayed_is_stale),
		cmocka_unit_test(test_nonce_old_or_from_before_a_restart_is_stale),
		cmocka_unit_test(test_unknown_extension_and_wrong_password_get_the_same_bytes),
		cmocka_unit_test(test_challenge_headers),
		cmocka_unit_test(test_both_algorithms_when_both_are_offered),
		cmocka_unit_test(test_ban_after_failures_and_its_end),
		cmocka_unit_test(test_ban_is_not_for_those_who_never_got_the_nonce),
		cmocka_unit_test(test_flood_of_strangers_does_not_disturb),
		cmocka_unit_test(test_find_gives_hashes),
		cmocka_unit_test(test_screened_request_vouches_for_itself_only),
		cmocka_unit_test(test_answer_by_rows),
		cmocka_unit_test(test_answer_refuses_what_cannot_be_quoted),
		cmocka_unit_test(test_answer_satisfies_check),
		cmocka_unit_test(test_other_accounts_while_it_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
