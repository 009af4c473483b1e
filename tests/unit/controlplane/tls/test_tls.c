/* TLS between two sessions over memory: who is let in, which certificate is shown, whom a client believes, what a start says
 * of files that are not good, and that a replaced certificate disturbs nobody. */
#include "tests/unit/controlplane/tls/certificates.h"
#include "tests/unit/unit.h"
#include "controlplane/tls/tls_private.h"

#include <time.h>

/* One direction: a queue of bytes. */
struct pipe {
	char bytes[1 << 17];
	size_t size;
	size_t chunk; /* a read gets that many at most */
	size_t room;  /* a write finds that much at most */
	bool is_closed;
};

struct end {
	struct pipe *in, *out;
	struct tls_session *session;
	int error; /* of its handshake */
};

struct fixture {
	struct certificates *certificates;
	struct tls_context *server, *client;
	struct pipe to_server, to_client;
	struct end ends[2]; /* server, client */
	struct tls_problem problem;
};
static struct fixture *f;

static int pipe_read(void *arg, char *buffer, size_t size)
{
	struct pipe *pipe = ((struct end *)arg)->in;
	size_t got = MIN(MIN(size, pipe->size), pipe->chunk);

	if (pipe->size == 0)
		return pipe->is_closed ? ERR_CLOSED : ERR_AGAIN;
	memcpy(buffer, pipe->bytes, got);
	pipe->size -= got;
	memmove(pipe->bytes, pipe->bytes + got, pipe->size);
	return (int)got;
}

static int pipe_write(void *arg, struct view bytes)
{
	struct pipe *pipe = ((struct end *)arg)->out;
	size_t put = MIN(bytes.size, pipe->room > pipe->size ? pipe->room - pipe->size : 0);

	if (pipe->is_closed)
		return ERR_CLOSED;
	if (put == 0)
		return ERR_AGAIN;
	memcpy(pipe->bytes + pipe->size, bytes.at, put);
	pipe->size += put;
	return (int)put;
}

static uint64_t now_ms(void)
{
	return (uint64_t)time(NULL) * 1000;
}

static struct tls_certificate pem(const char *name, const char *file)
{
	return (struct tls_certificate){.name = name,
					.certificate = certificates_path(f->certificates, file),
					.key = "",
					.where = "voxlane.conf:7"};
}

static struct tls_context *context(struct tls_options options)
{
	struct tls_context *made = NULL;

	options.wall_ms = now_ms();
	options.ca_file = certificates_path(f->certificates, "ca.crt");
	if (tls_context_new(&options, &made, &f->problem) != 0)
		fail_msg("%s", f->problem.text);
	return made;
}

static int setup(void **state)
{
	f = calloc(1, sizeof(*f));
	f->certificates = certificates_new();
	certificates_add(f->certificates, "server", "sip.example.com",
			 "DNS:sip.example.com, IP:192.0.2.1, IP:2001:db8::1", -1, 5);
	certificates_add(f->certificates, "other", "other", "DNS:other.example.com, DNS:*.wild.example.com", -1, 5);
	certificates_add(f->certificates, "domain", "x",
			 "URI:sip:example.com, DNS:sip.example.com, URI:sip:alice@person.example.com, "
			 "URI:https://web.example.com",
			 -1, 5);
	certificates_add(f->certificates, "plain", "plain.example.com", NULL, -1, 5);
	certificates_add(f->certificates, "phone", "phone 1000", "URI:sip:1000@example.com", -1, 5);
	certificates_add(f->certificates, "expired", "old.example.com", "DNS:old.example.com", -9, -2);
	certificates_add(f->certificates, "early", "new.example.com", "DNS:new.example.com", 2, 5);
	return 0;
}

static void end_sessions(void)
{
	for (size_t i = 0; i < 2; i++) {
		tls_session_free(f->ends[i].session);
		f->ends[i].session = NULL;
	}
}

static int teardown(void **state)
{
	end_sessions();
	tls_context_free(f->server);
	tls_context_free(f->client);
	certificates_free(f->certificates);
	free(f);
	return 0;
}

static void begin(const char *name, bool is_unverified)
{
	struct tls_wire wires[2];

	end_sessions();
	f->to_server = (struct pipe){.chunk = SIZE_MAX, .room = sizeof(f->to_server.bytes)};
	f->to_client = (struct pipe){.chunk = SIZE_MAX, .room = sizeof(f->to_client.bytes)};
	f->ends[0] = (struct end){.in = &f->to_server, .out = &f->to_client, .error = ERR_AGAIN};
	f->ends[1] = (struct end){.in = &f->to_client, .out = &f->to_server, .error = ERR_AGAIN};
	for (size_t i = 0; i < 2; i++)
		wires[i] = (struct tls_wire){.read = pipe_read, .write = pipe_write, .arg = &f->ends[i]};
	assert_int_equal(tls_session_new_server(f->server, &wires[0], &f->ends[0].session), 0);
	assert_int_equal(tls_session_new_client(f->client, &wires[1], name, is_unverified, &f->ends[1].session), 0);
}

/* Until both are through, one failed, or nothing moves. */
static void shake(void)
{
	for (unsigned i = 0; i < 20000; i++) {
		for (size_t k = 0; k < 2; k++)
			if (f->ends[k].error == ERR_AGAIN)
				f->ends[k].error = tls_session_handshake(f->ends[k].session);
		if (f->ends[0].error != ERR_AGAIN && f->ends[1].error != ERR_AGAIN)
			return;
	}
}

static struct tls_session *server(void)
{
	return f->ends[0].session;
}

static struct tls_session *client(void)
{
	return f->ends[1].session;
}

static void expect_text(struct tls_session *session, const char *text)
{
	char buffer[16384];
	size_t size = 0;

	for (unsigned i = 0; i < 20000 && size < strlen(text); i++) {
		int got = tls_session_read(session, buffer + size, sizeof(buffer) - size);

		assert_true(got > 0 || got == ERR_AGAIN);
		size += got > 0 ? (size_t)got : 0;
	}
	assert_int_equal(size, strlen(text));
	assert_memory_equal(buffer, text, size);
}

static void make_both(struct tls_options server_options)
{
	tls_context_free(f->server);
	tls_context_free(f->client);
	f->server = context(server_options);
	f->client = context((struct tls_options){0});
}

static void test_tls_carries_bytes_in_both_versions_and_any_pieces(void **state)
{
	const struct tls_certificate certificate = pem("", "server.pem");
	static const struct {
		const char *name, *version;
		enum tls_version min;
		size_t chunk, room;
	} rows[] = {
		{"whole", "TLSv1.3", TLS_VERSION_1_2, SIZE_MAX, 1 << 17},
		{"byte by byte", "TLSv1.3", TLS_VERSION_1_3, 1, 700},
		{"little room", "TLSv1.3", TLS_VERSION_1_2, 500, 700},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_about about;

		make_both((struct tls_options){
			.certificates = &certificate, .certificate_count = 1, .min_version = rows[i].min});
		begin("sip.example.com", false);
		f->to_server.chunk = f->to_client.chunk = rows[i].chunk;
		f->to_server.room = f->to_client.room = rows[i].room;
		shake();
		if (f->ends[0].error || f->ends[1].error)
			fail_msg("%s: %s, %s", rows[i].name, tls_session_why(server()), tls_session_why(client()));
		tls_session_about(client(), &about);
		assert_string_equal(about.version, rows[i].version);
		assert_string_equal(about.peer, "sip.example.com");
		assert_true(about.is_verified);
		f->to_server.room = f->to_client.room = 1 << 17;
		assert_int_equal(tls_session_write(client(), VIEW("OPTIONS sip:a")), 13);
		expect_text(server(), "OPTIONS sip:a");
		assert_int_equal(tls_session_read(server(), (char[16]){0}, 16), ERR_AGAIN);
		assert_int_equal(tls_session_write(server(), VIEW("SIP/2.0 200")), 11);
		expect_text(client(), "SIP/2.0 200");
		tls_session_end(server());
		for (unsigned k = 0; k < 200; k++)
			f->ends[1].error = tls_session_read(client(), (char[16]){0}, 16);
		assert_int_equal(f->ends[1].error, ERR_CLOSED);
	}
}

static void test_tls_writes_what_there_is_room_for(void **state)
{
	const struct tls_certificate certificate = pem("", "server.pem");
	static char large[40000], got[40000];
	size_t put = 0, size = 0;
	int result;

	make_both((struct tls_options){.certificates = &certificate, .certificate_count = 1});
	begin("sip.example.com", false);
	shake();
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7);
	for (unsigned i = 0; i < 20000 && size < sizeof(large); i++) {
		f->to_client.room = f->to_client.size + 900;
		result = put < sizeof(large)
				 ? tls_session_write(server(), (struct view){large + put, sizeof(large) - put})
				 : 0;
		assert_true(result >= 0 || (result == ERR_AGAIN && tls_session_wants_write(server())));
		put += result > 0 ? (size_t)result : 0;
		result = tls_session_read(client(), got + size, sizeof(got) - size);
		assert_true(result > 0 || result == ERR_AGAIN);
		size += result > 0 ? (size_t)result : 0;
	}
	assert_int_equal(size, sizeof(large));
	assert_memory_equal(got, large, sizeof(large));
}

static void test_tls_client_believes_by_rfc_5922(void **state)
{
	static const struct {
		const char *file, *name;
		bool is_unverified;
		bool is_good;
	} rows[] = {
		{"server.pem", "sip.example.com", false, true},
		{"server.pem", "SIP.Example.COM", false, true},
		{"server.pem", "example.com", false, false},
		{"server.pem", "192.0.2.1", false, true},
		{"server.pem", "192.0.2.2", false, false},
		{"server.pem", "2001:db8::1", false, true},
		{"domain.pem", "example.com", false, true},
		{"domain.pem", "sip.example.com", false, false},    /* a DNS name counts only without sip: URIs */
		{"domain.pem", "person.example.com", false, false}, /* a person's certificate is not the domain's */
		{"domain.pem", "web.example.com", false, false},
		{"other.pem", "a.wild.example.com", false, false}, /* no wildcards */
		{"plain.pem", "plain.example.com", false, true},   /* the common name, without any other */
		{"other.pem", "other", false, false},              /* not the common name beside others */
		{"phone.pem", "example.com", false, false},
		{"server.pem", "example.com", true, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct tls_certificate certificate = pem("", rows[i].file);

		make_both((struct tls_options){.certificates = &certificate, .certificate_count = 1});
		begin(rows[i].name, rows[i].is_unverified);
		shake();
		if (f->ends[1].error != (rows[i].is_good ? 0 : ERR_PERMISSION))
			fail_msg("%s as %s: %d %s", rows[i].file, rows[i].name, f->ends[1].error,
				 tls_session_why(client()));
		if (!rows[i].is_good) {
			assert_non_null(strstr(tls_session_why(client()), "the peer's certificate: "));
			assert_int_equal(tls_session_read(server(), (char[8]){0}, 8) == ERR_AGAIN, false);
		}
	}
}

static void test_tls_client_does_not_believe_strange_authorities(void **state)
{
	const struct tls_certificate certificate = pem("", "server.pem");
	struct tls_options options = {.wall_ms = now_ms(), .ca_file = ""};

	make_both((struct tls_options){.certificates = &certificate, .certificate_count = 1});
	tls_context_free(f->client);
	assert_int_equal(tls_context_new(&options, &f->client, &f->problem), 0);
	begin("sip.example.com", false);
	shake();
	assert_int_equal(f->ends[1].error, ERR_PERMISSION);
	begin("sip.example.com", true);
	shake();
	assert_int_equal(f->ends[1].error, 0);
}

static void test_tls_server_name_chooses_the_certificate(void **state)
{
	const struct tls_certificate certificates[] = {pem("", "server.pem"), pem("", "other.pem"),
						       pem("voice.example.org", "plain.pem")};
	static const struct {
		const char *asked, *shown;
	} rows[] = {
		{"sip.example.com", "sip.example.com"}, {"other.example.com", "other"},
		{"a.wild.example.com", "other"},        {"VOICE.example.org", "plain.example.com"},
		{"unknown.example", "sip.example.com"}, {"", "sip.example.com"},
	};

	make_both((struct tls_options){.certificates = certificates, .certificate_count = 3});
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_about about;

		begin(rows[i].asked, true);
		shake();
		assert_int_equal(f->ends[1].error, 0);
		tls_session_about(client(), &about);
		assert_string_equal(about.peer, rows[i].shown);
	}
}

static void test_tls_server_verifies_clients_by_policy(void **state)
{
	const struct tls_certificate certificates[] = {pem("", "server.pem")};
	const struct tls_certificate phone = pem("", "phone.pem");
	static const struct {
		enum tls_verify policy;
		bool has_one;
		int error;
	} rows[] = {
		{TLS_VERIFY_NONE, false, 0},     {TLS_VERIFY_NONE, true, 0},
		{TLS_VERIFY_IF_GIVEN, false, 0}, {TLS_VERIFY_IF_GIVEN, true, 0},
		{TLS_VERIFY_REQUIRED, true, 0},  {TLS_VERIFY_REQUIRED, false, ERR_PERMISSION},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_about about;

		make_both((struct tls_options){
			.certificates = certificates, .certificate_count = 1, .verify_client = rows[i].policy});
		if (rows[i].has_one) {
			tls_context_free(f->client);
			f->client = context((struct tls_options){.certificates = &phone, .certificate_count = 1});
		}
		begin("sip.example.com", false);
		shake();
		assert_int_equal(f->ends[0].error, rows[i].error);
		tls_session_about(server(), &about);
		assert_string_equal(about.peer,
				    rows[i].error == 0 && rows[i].has_one && rows[i].policy ? "phone 1000" : "");
	}
}

static void test_tls_agrees_on_a_protocol(void **state)
{
	const struct tls_certificate certificate = pem("", "server.pem");
	static const char *const ours[] = {"h2", "http/1.1"}, *const theirs[] = {"http/1.1", "h2"};
	static const char *const sip[] = {"sip"};
	struct tls_about about;

	make_both((struct tls_options){
		.certificates = &certificate, .certificate_count = 1, .alpn = ours, .alpn_count = 2});
	tls_context_free(f->client);
	f->client = context((struct tls_options){.alpn = theirs, .alpn_count = 2});
	begin("sip.example.com", false);
	shake();
	tls_session_about(server(), &about);
	assert_view_equal(about.alpn, "h2");
	tls_context_free(f->client);
	f->client = context((struct tls_options){.alpn = sip, .alpn_count = 1});
	begin("sip.example.com", false);
	shake();
	assert_int_equal(f->ends[0].error, 0);
	tls_session_about(server(), &about);
	assert_int_equal(about.alpn.size, 0);
}

static void test_tls_refuses_what_is_no_tls(void **state)
{
	const struct tls_certificate certificate = pem("", "server.pem");
	static const char *const rows[] = {"OPTIONS sip:a SIP/2.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
					   "\x16\x03\x01\xff\xff\x01\x01\x01\x01\x01\x01\x01\x01", "\r\n\r\n\r\n\r\n"};

	make_both((struct tls_options){.certificates = &certificate, .certificate_count = 1});
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		begin("", true);
		memcpy(f->to_server.bytes, rows[i], strlen(rows[i]));
		f->to_server.size = strlen(rows[i]);
		assert_int_equal(tls_session_handshake(server()), ERR_SYNTAX);
		assert_true(tls_session_why(server())[0]);
	}
	/* Byte after byte, each looked at: nothing of it is lost. */
	begin("", true);
	for (unsigned i = 0; i < 40; i++) {
		f->to_server.bytes[0] = (char)(i < 5 ? "\x16\x03\x01\x01\x01"[i] : 1);
		f->to_server.size = 1;
		assert_int_equal(tls_session_handshake(server()), ERR_AGAIN);
	}
	/* It goes away in the middle. */
	begin("", true);
	f->to_server.is_closed = true;
	assert_int_equal(tls_session_handshake(server()), ERR_CLOSED);
	/* Too old. */
	make_both((struct tls_options){
		.certificates = &certificate, .certificate_count = 1, .min_version = TLS_VERSION_1_3});
	begin("", true);
	SSL_set_max_proto_version(client()->ssl, TLS1_2_VERSION);
	shake();
	assert_int_equal(f->ends[0].error, ERR_VERSION);
	make_both((struct tls_options){.certificates = &certificate, .certificate_count = 1});
	begin("", true);
	SSL_set_max_proto_version(client()->ssl, TLS1_2_VERSION);
	shake();
	assert_int_equal(f->ends[0].error, 0);
	begin("", true);
	SSL_set_min_proto_version(client()->ssl, TLS1_1_VERSION);
	SSL_set_max_proto_version(client()->ssl, TLS1_1_VERSION);
	shake();
	assert_int_not_equal(f->ends[0].error, 0);
}

static void test_tls_replaced_certificates_cut_nobody_off(void **state)
{
	const struct tls_certificate certificates[] = {pem("", "server.pem"), pem("", "other.pem")};
	struct tls_about about;

	make_both((struct tls_options){.certificates = &certificates[0], .certificate_count = 1});
	begin("sip.example.com", false);
	shake();
	tls_context_replace(f->server,
			    context((struct tls_options){.certificates = &certificates[1], .certificate_count = 1}));
	assert_int_equal(tls_session_write(client(), VIEW("still here")), 10);
	expect_text(server(), "still here");
	begin("other.example.com", false);
	shake();
	assert_int_equal(f->ends[1].error, 0);
	tls_session_about(client(), &about);
	assert_string_equal(about.peer, "other");
	/* A session lives longer than its context. */
	tls_context_free(f->server);
	f->server = NULL;
	assert_int_equal(tls_session_write(client(), VIEW("still here")), 10);
	expect_text(server(), "still here");
}

static void test_tls_start_says_what_is_wrong(void **state)
{
	static const struct {
		const char *certificate, *key, *ca;
		int error;
		const char *says;
	} rows[] = {
		{"none.pem", "", "", ERR_NOT_FOUND, "none.pem\" cannot be read: No such file or directory"},
		{"empty.pem", "", "", ERR_SYNTAX, "has no certificate in it that can be used"},
		{"server.crt", "", "", ERR_SYNTAX, "has no private key in it that can be used"},
		{"server.crt", "none.key", "", ERR_NOT_FOUND, "the private key"},
		{"server.crt", "locked.key", "", ERR_SYNTAX, "without a password"},
		{"server.crt", "other.key", "", ERR_CORRUPT, "does not belong to the certificate"},
		{"expired.pem", "", "", ERR_RANGE, "expired.pem\" expired on 20"},
		{"early.pem", "", "", ERR_RANGE, "is not valid before 20"},
		{"server.pem", "", "none.crt", ERR_NOT_FOUND, "the certificates to trust"},
		{"server.pem", "", "empty.pem", ERR_SYNTAX, "can be trusted"},
	};

	certificates_write(f->certificates, "empty.pem", "nothing\n");
	certificates_write(f->certificates, "locked.key",
			   "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
			   "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgd6UnP0mLIrgICCAAw\n"
			   "-----END ENCRYPTED PRIVATE KEY-----\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_certificate certificate = pem("", rows[i].certificate);
		struct tls_options options = {.certificates = &certificate,
					      .certificate_count = 1,
					      .wall_ms = now_ms(),
					      .where = "voxlane.conf:9"};
		struct tls_context *made = NULL;
		int error;

		if (rows[i].key[0])
			certificate.key = certificates_path(f->certificates, rows[i].key);
		options.ca_file = rows[i].ca[0] ? certificates_path(f->certificates, rows[i].ca) : "";
		error = tls_context_new(&options, &made, &f->problem);
		if (error != rows[i].error || !strstr(f->problem.text, rows[i].says) || made)
			fail_msg("%s %s: %d \"%s\"", rows[i].certificate, rows[i].key, error, f->problem.text);
		assert_true(view_has_prefix(view_of(f->problem.text),
					    rows[i].ca[0] ? "voxlane.conf:9: " : "voxlane.conf:7: "));
		assert_null(strchr(f->problem.text, '\n'));
	}
}

static void test_tls_knows_when_the_first_certificate_ends(void **state)
{
	const struct tls_certificate certificates[] = {pem("", "server.pem"), pem("", "soon.pem")};
	uint64_t day_ms = UINT64_C(86400000), left_ms;

	certificates_add(f->certificates, "soon", "soon", "DNS:soon", -1, 3);
	make_both((struct tls_options){.certificates = certificates, .certificate_count = 2});
	left_ms = tls_context_expires_ms(f->server) - now_ms();
	assert_in_range(left_ms, 3 * day_ms - 60000, 3 * day_ms);
	assert_int_equal(tls_context_expires_ms(f->client), 0);
	assert_int_equal(tls_session_new_server(f->client, &(struct tls_wire){0}, &f->ends[0].session), ERR_STATE);
}

static void test_tls_names_are_numbers(void **state)
{
	uint32_t first, second, again;
	char name[300];

	f->client = context((struct tls_options){0});
	assert_int_equal(tls_context_name(f->client, "a.example.com", &first), 0);
	assert_int_equal(tls_context_name(f->client, "b.example.com", &second), 0);
	assert_int_equal(tls_context_name(f->client, "A.Example.com", &again), 0);
	assert_true(first != second && first == again);
	assert_string_equal(tls_context_named(f->client, second), "b.example.com");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(tls_context_name(f->client, name, &again), ERR_TOO_LONG);
	for (unsigned i = 2; i < TLS_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		assert_int_equal(tls_context_name(f->client, name, &again), 0);
	}
	assert_null(tls_context_named(f->client, TLS_NAMES_MAX));
	assert_int_equal(tls_context_name(f->client, "one.more", &again), ERR_LIMIT);
	tls_context_replace(f->client, context((struct tls_options){0}));
	assert_int_equal(tls_context_name(f->client, "b.example.com", &again), 0);
	assert_int_equal(again, second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_tls_carries_bytes_in_both_versions_and_any_pieces),
		TEST(test_tls_writes_what_there_is_room_for),
		TEST(test_tls_client_believes_by_rfc_5922),
		TEST(test_tls_client_does_not_believe_strange_authorities),
		TEST(test_tls_server_name_chooses_the_certificate),
		TEST(test_tls_server_verifies_clients_by_policy),
		TEST(test_tls_agrees_on_a_protocol),
		TEST(test_tls_refuses_what_is_no_tls),
		TEST(test_tls_replaced_certificates_cut_nobody_off),
		TEST(test_tls_start_says_what_is_wrong),
		TEST(test_tls_names_are_numbers),
		TEST(test_tls_knows_when_the_first_certificate_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
