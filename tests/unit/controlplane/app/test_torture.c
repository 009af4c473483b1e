/* RFC 4475 and RFC 5118 through the whole control plane: each message gets the answer that its section asks for, or silence, and
 * a refusal says what was wrong. A message that wants an account gets one: its 401 is answered, and what then comes counts.
 * tests/unit/lib/sip/test_sip_torture.c says what the parser alone makes of them. */
#include "tests/unit/unit.h"

#include <glob.h>

#include "controlplane/app/signalling.h"
#include "controlplane/auth/auth.h"
#include "controlplane/loop/loop.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/transport/sim.h"
#include "lib/config/config.h"
#include "lib/log/log.h"
#include "tests/scenario/fake_dataplane.h"

enum { SILENCE = 0, SERVER_PORT = 5060 };

/* Everything that is dialled is an echo, so that a good INVITE is a 200 with a session description. */
static const struct {
	const char *file, *section;
	unsigned status;
	const char *
		why; /* a piece of the answer that names what was wrong, or proves what was understood; NULL: nothing */
} rows[] = {
	/* RFC 4475 3.1.1: valid messages are accepted. */
	{"rfc4475/wsinv", "3.1.1.1: understood; its To has a tag, and there is no such dialog", 481, NULL},
	{"rfc4475/intmeth", "3.1.1.2: a method that nobody knows, refused for that alone", 501, "Allow: "},
	{"rfc4475/esc01", "3.1.1.3", 200, "m=audio"},
	{"rfc4475/escnull", "3.1.1.4: two contacts, and a name that does not end at its NUL", 200, "sip:%00%00@"},
	{"rfc4475/esc02", "3.1.1.5: not REGISTER, since no % is decoded in methods", 501, "Allow: "},
	{"rfc4475/lwsdisp", "3.1.1.6", 200, NULL},
	{"rfc4475/longreq", "3.1.1.7", 200, "m=audio"},
	{"rfc4475/dblreq", "3.1.1.8: what stands behind it in the datagram is nothing", 200, NULL},
	{"rfc4475/semiuri", "3.1.1.9", 200, NULL},
	{"rfc4475/transports", "3.1.1.10", 200, NULL},
	{"rfc4475/mpart01", "3.1.1.11: a multipart body is carried; nobody reads behind an echo", 480, NULL},
	{"rfc4475/unreason", "3.1.1.12: a response to nothing", SILENCE, NULL},
	{"rfc4475/noreason", "3.1.1.13: a response to nothing", SILENCE, NULL},
	/* 3.1.2: invalid messages */
	{"rfc4475/badinv01", "3.1.2.1", 400, "Warning: "},
	{"rfc4475/clerr", "3.1.2.2: 400 over UDP", 400, "Content-Length"},
	{"rfc4475/ncl", "3.1.2.3", 400, "Warning: "},
	{"rfc4475/scalar02", "3.1.2.4: CSeq", 400, "CSeq"},
	{"rfc4475/scalarlg", "3.1.2.5: a response is discarded", SILENCE, NULL},
	{"rfc4475/quotbal", "3.1.2.6", 400, "Warning: "},
	{"rfc4475/ltgtruri", "3.1.2.7", 400, "Warning: "},
	{"rfc4475/lwsruri", "3.1.2.8: 400, not mended", 400, "Warning: "},
	{"rfc4475/lwsstart", "3.1.2.9: 400, or liberal", 400, "Warning: "},
	{"rfc4475/trws", "3.1.2.10: 400, or liberal", 400, "Warning: "},
	{"rfc4475/escruri", "3.1.2.11: 400, or the headers ignored", 400, "Warning: "},
	{"rfc4475/baddate", "3.1.2.12: 400, or ignored by who does not read Date", 200, "m=audio"},
	{"rfc4475/regbadct", "3.1.2.13", 400, "Contact"},
	{"rfc4475/badaspec", "3.1.2.14: 400, or liberal", 400, "Warning: "},
	{"rfc4475/baddn", "3.1.2.15: 400, or the quotes inferred", 400, "Warning: "},
	{"rfc4475/badvers", "3.1.2.16", 505, "Warning: "},
	{"rfc4475/mismatch01", "3.1.2.17", 400, "CSeq"},
	{"rfc4475/mismatch02", "3.1.2.18: 501, or 400", 400, "CSeq"},
	{"rfc4475/bigcode", "3.1.2.19: dropped", SILENCE, NULL},
	/* 3.2: transactions */
	{"rfc4475/badbranch", "3.2.1: answered as one of RFC 2543", 200, NULL},
	/* 3.3: what applications make of it */
	{"rfc4475/insuf", "3.3.1", 400, "missing"},
	{"rfc4475/unkscm", "3.3.2", 416, "scheme"},
	{"rfc4475/novelsc", "3.3.3", 416, "scheme"},
	{"rfc4475/unksm2", "3.3.4: the registrar's 400", 400, "To names"},
	{"rfc4475/bext01", "3.3.5: the user agent's 420, Proxy-Require is for proxies", 420,
	 "Unsupported: nothingSupportsThisEither"},
	{"rfc4475/invut", "3.3.6", 415, "Accept: application/sdp"},
	{"rfc4475/regaut01", "3.3.7: as if it had none", 401, "WWW-Authenticate: Digest"},
	{"rfc4475/multi01", "3.3.8", 400, "Warning: "},
	{"rfc4475/mcl01", "3.3.9", 400, "Content-Length"},
	{"rfc4475/bcast", "3.3.10: a response to nothing is not sent on", SILENCE, NULL},
	{"rfc4475/zeromf", "3.3.11: an endpoint answers as always", 200, NULL},
	{"rfc4475/cparam01", "3.3.12: the parameter is the contact's", 200, "<sip:+19725552222@gw1.example.net>"},
	{"rfc4475/cparam02", "3.3.13: the parameter is the URI's", 200,
	 "<sip:+19725552222@gw1.example.net;unknownparam>"},
	{"rfc4475/regescrt", "3.3.14: the header is kept", 200, "?Route=%3Csip:sip.example.com%3E"},
	{"rfc4475/sdp01", "3.3.15", 406, "application/sdp"},
	{"rfc4475/inv2543", "3.4.1", 200, "m=audio"},
	/* RFC 5118 4 */
	{"rfc5118/ipv6-good", "4.1", 200, "[2001:db8::1]"},
	{"rfc5118/ipv6-bad", "4.2", 400, "Warning: "},
	{"rfc5118/port-ambiguous", "4.3: well-formed, all of it is the address", 200, NULL},
	{"rfc5118/port-unambiguous", "4.4", 200, NULL},
	{"rfc5118/via-received-param-with-delim", "4.5: parsed; the dialog is not known", 481, NULL},
	{"rfc5118/via-received-param-no-delim", "4.5", 200, NULL},
	{"rfc5118/ipv6-in-sdp", "4.6: read; the echo knows no G726", 488, NULL},
	{"rfc5118/mult-ip-in-header", "4.7: parsed, the dialog is not known", 481,
	 "Via: SIP/2.0/TCP [2001:db8::9:255]"},
	{"rfc5118/mult-ip-in-sdp", "4.8: the audio is taken", 200, "m=audio"},
	{"rfc5118/ipv4-mapped-ipv6", "4.9: read; the echo knows no G726", 488, NULL},
	{"rfc5118/ipv6-bug-abnf-3-colons", "4.10: may be mended, or refused", 400, "Warning: "},
	{"rfc5118/ipv6-correct-abnf-2-colons", "4.10", 200, NULL},
};

static struct {
	struct loop *loop;
	struct sim_network *network;
	struct conf *conf;
	struct metrics metrics;
	struct signalling *signalling;
	struct transport *transport;
	struct fake_dataplane engine;
	struct auth *phone; /* answers challenges */
	char answer[65536]; /* the last one that was final; "": none came */
	unsigned provisional, final;
} bench;

static void on_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
	bool is_answer = view_has_prefix(bytes, "SIP/2.0 ");

	if (is_answer && view_has_prefix(bytes, "SIP/2.0 1")) {
		bench.provisional++;
	} else if (is_answer && bench.answer[0] == '\0') {
		bench.final++;
		assert_int_equal(view_copy(bytes, bench.answer, sizeof(bench.answer)), 0);
	}
}

static int make(void **state)
{
	static const char text[] = "media: { segment = \"%s\"; };"
				   "security: { requests_per_second = 0; };"
				   "sip: { allow_guests = true; };"
				   "extensions = ({ number = \"user\"; password = \"secret\"; }, { number = "
				   "\"watson\"; password = \"secret\"; },"
				   "{ number = \"j.user\"; password = \"secret\"; }, { number = \"null-%%00-null\"; "
				   "password = \"secret\"; });"
				   "dialplan: { routes = ({ pattern = \"_.\"; action = \"echo\"; }); };";
	struct transport_options listens = {.listen_count = 2};
	struct signalling_options options = {.metrics = &bench.metrics};
	struct auth_options phone;
	struct signalling_problem problem;
	struct conf_problem conf_problem;
	struct transport_receiver receiver;
	uint8_t key[AUTH_KEY_SIZE] = {1};
	char conf[2048];

	memset(&bench, 0, sizeof(bench));
	log_level_set(LOG_LEVEL_CRITICAL);
	assert_int_equal(loop_new_sim(1, UINT64_C(1700000000000), &bench.loop), 0);
	assert_int_equal(sim_network_new(bench.loop, on_packet, NULL, &bench.network), 0);
	fake_dataplane_init(&bench.engine, bench.loop);
	fake_dataplane_address(&bench.engine, "192.0.2.1", "192.0.2.1", "four", SHM_SERVES_NETWORK);
	fake_dataplane_address(&bench.engine, "2001:db8::10", "2001:db8::10", "six", SHM_SERVES_NETWORK);
	fake_dataplane_start(&bench.engine);
	snprintf(conf, sizeof(conf), text, bench.engine.path);
	if (conf_load_text("test", conf, &bench.conf, &conf_problem) != 0)
		fail_msg("%s", conf_problem.text);
	listens.listens[0].kind = listens.listens[1].kind = TRANSPORT_UDP;
	assert_int_equal(net_endpoint_parse(VIEW("192.0.2.1"), SERVER_PORT, &listens.listens[0].endpoint), 0);
	assert_int_equal(net_endpoint_parse(VIEW("[2001:db8::10]"), SERVER_PORT, &listens.listens[1].endpoint), 0);
	options.conf = bench.conf;
	options.loop = bench.loop;
	assert_int_equal(signalling_new(&options, &bench.signalling, &problem), 0);
	receiver = signalling_receiver(bench.signalling);
	assert_int_equal(transport_new_sim(bench.network, &listens, &receiver, &bench.transport), 0);
	assert_int_equal(signalling_start(bench.signalling, bench.transport, &problem), 0);
	auth_options_init(&phone, bench.conf);
	assert_int_equal(auth_new(&phone, NULL, 0, key, &bench.phone), 0);
	loop_sim_advance(bench.loop, 1000);
	return 0;
}

static int unmake(void **state)
{
	transport_free(bench.transport);
	signalling_free(bench.signalling);
	fake_dataplane_fini(&bench.engine);
	auth_free(bench.phone);
	sim_network_free(bench.network);
	loop_free(bench.loop);
	conf_free(bench.conf);
	return 0;
}

static struct text load(const char *file, char *buffer, size_t size)
{
	char path[512];
	struct text text;
	FILE *in;

	snprintf(path, sizeof(path), SOURCE_ROOT "/tests/vectors/%s.dat", file);
	in = fopen(path, "rb");
	if (!in)
		fail_msg("%s cannot be opened", path);
	text_init(&text, buffer, size);
	text.size = fread(buffer, 1, size - 1, in);
	fclose(in);
	return text;
}

static void send_bytes(struct view bytes, bool is_six)
{
	struct transport_flow flow = {.kind = TRANSPORT_UDP};

	flow.remote = transport_listener(bench.transport, is_six)->endpoint;
	assert_int_equal(
		net_endpoint_parse(is_six ? VIEW("[2001:db8::9:1]:5060") : VIEW("192.0.2.99:5060"), 0, &flow.local), 0);
	bench.answer[0] = '\0';
	assert_int_equal(sim_network_send(bench.network, &flow, bytes), 0);
	loop_sim_advance(bench.loop, 100);
}

/* The message with the answer to the challenge behind its request line. */
static void answer_challenge(struct view message, struct view user, bool is_six)
{
	static struct sip_message challenge;
	char copy[65536], line[1024], whole[65536];
	struct auth_credentials credentials = {
		.user = user, .password = VIEW("secret"), .cnonce = VIEW("c0ffee"), .count = 1};
	struct view method, uri, rest = message;
	struct sip_refusal refusal;
	struct sip_writer writer;
	struct text text;

	memcpy(copy, bench.answer, strlen(bench.answer) + 1);
	assert_int_equal(sip_parse(&challenge, copy, strlen(copy), SIP_DATAGRAM, &refusal), 0);
	method = view_cut(&rest, ' ');
	uri = view_cut(&rest, ' ');
	(void)view_cut(&rest, '\n');
	sip_writer_init(&writer, line, sizeof(line));
	assert_int_equal(auth_answer(bench.phone, &challenge, method, uri, &credentials, &writer), 0);
	text_init(&text, whole, sizeof(whole));
	text_add(&text, view_sub(message, 0, message.size - rest.size));
	text_add(&text, text_view(&writer.text));
	text_add(&text, rest);
	assert_false(text.overflow);
	send_bytes(text_view(&text), is_six);
}

/* Who registers: the user of To, undecoded. */
static struct view user_of(struct view message)
{
	size_t at = view_find(message, ':'), end;

	while (at < message.size && !view_has_prefix(view_sub(message, at, message.size - at), "To: "))
		at++;
	at += view_find(view_sub(message, at, message.size - at), '@');
	end = at;
	while (at > 0 && message.at[at - 1] != ':')
		at--;
	return view_sub(message, at, end - at);
}

static unsigned wrong_count;

#define wrong(...) (wrong_count++, print_error(__VA_ARGS__))

static void run(size_t row)
{
	char buffer[32768], status[32];
	bool is_six = strncmp(rows[row].file, "rfc5118", 7) == 0;
	struct text text = load(rows[row].file, buffer, sizeof(buffer));
	struct view message = text_view(&text);

	send_bytes(message, is_six);
	if (strncmp(bench.answer, "SIP/2.0 401 ", 12) == 0 && view_has_prefix(message, "REGISTER ") &&
	    rows[row].status != 401)
		answer_challenge(message, user_of(message), is_six);
	snprintf(status, sizeof(status), "SIP/2.0 %u ", rows[row].status);
	if (rows[row].status == SILENCE && (bench.final > 0 || bench.provisional > 0))
		wrong("%s, %s: no silence\n%s", rows[row].file, rows[row].section, bench.answer);
	if (rows[row].status != SILENCE && strncmp(bench.answer, status, strlen(status)) != 0)
		wrong("%s, %s: not %u\n%s", rows[row].file, rows[row].section, rows[row].status, bench.answer);
	if (rows[row].why && !strstr(bench.answer, rows[row].why))
		wrong("%s, %s: not \"%s\"\n%s", rows[row].file, rows[row].section, rows[row].why, bench.answer);
}

static void test_app_torture_messages_get_their_answer(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		make(state);
		run(i);
		unmake(state);
	}
	assert_int_equal(wrong_count, 0);
}

/* No message of the RFCs is left out. */
static void test_app_torture_table_is_whole(void **state)
{
	glob_t found;

	assert_int_equal(glob(SOURCE_ROOT "/tests/vectors/rfc*/*.dat", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		bool is_there = strstr(found.gl_pathv[i], "/test.dat") != NULL; /* in no section of the RFC */
		size_t size = strlen(found.gl_pathv[i]) - 4;

		for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
			size_t len = strlen(rows[k].file);

			is_there |= size > len && memcmp(found.gl_pathv[i] + size - len, rows[k].file, len) == 0;
		}
		if (!is_there)
			fail_msg("%s has no row", found.gl_pathv[i]);
	}
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_app_torture_messages_get_their_answer),
		cmocka_unit_test(test_app_torture_table_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
