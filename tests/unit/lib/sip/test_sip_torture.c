/* lib/sip against RFC 4475: what the parser alone must say to each torture message. What the user agent answers later
 * (416, 420, 415, 483, ...) is in the note. tests/vectors/rfc4475/README.md tells where the files are from. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"
#include "lib/sip/sip.h"

enum { ACCEPT = -1, SILENCE = 0 }; /* anything else is the status of the refusal */

static const struct {
	const char *name;
	int outcome;
	const char *note;
} rows[] = {
	/* 3.1.1 valid messages */
	{"wsinv", ACCEPT, "3.1.1.1 folding and blanks everywhere"},
	{"intmeth", ACCEPT, "3.1.1.2 every character; the UA answers 501 or 405"},
	{"esc01", ACCEPT, "3.1.1.3 escapes in URIs"},
	{"escnull", ACCEPT, "3.1.1.4 escaped NULs"},
	{"esc02", ACCEPT, "3.1.1.5 % that is no escape in method and host-less places"},
	{"lwsdisp", ACCEPT, "3.1.1.6 no blank between display name and <"},
	{"longreq", ACCEPT, "3.1.1.7 long values"},
	{"dblreq", ACCEPT, "3.1.1.8 bytes behind the body are ignored"},
	{"semiuri", ACCEPT, "3.1.1.9 a parameter in the user part"},
	{"transports", ACCEPT, "3.1.1.10 unknown transports in Via"},
	{"mpart01", ACCEPT, "3.1.1.11 multipart body"},
	{"unreason", ACCEPT, "3.1.1.12 UTF-8 reason phrase"},
	{"noreason", ACCEPT, "3.1.1.13 empty reason phrase"},
	/* 3.1.2 invalid messages */
	{"badinv01", 400, "3.1.2.1 stray separators in Via"},
	{"clerr", 400, "3.1.2.2 Content-Length larger than the datagram"},
	{"ncl", 400, "3.1.2.3 negative Content-Length"},
	{"scalar02", 400, "3.1.2.4 numbers out of range in a request"},
	{"scalarlg", SILENCE, "3.1.2.5 numbers out of range in a response"},
	{"quotbal", 400, "3.1.2.6 open quote in To"},
	{"ltgtruri", 400, "3.1.2.7 <> around the Request-URI"},
	{"lwsruri", 400, "3.1.2.8 a blank in the Request-URI"},
	{"lwsstart", 400, "3.1.2.9 two blanks in the request line"},
	{"trws", 400, "3.1.2.10 a blank at the end of the request line"},
	{"escruri", 400, "3.1.2.11 headers in the Request-URI"},
	{"baddate", ACCEPT, "3.1.2.12 a Date not in GMT: we do not read Date, which the RFC allows"},
	{"regbadct", ACCEPT, "3.1.2.13 Contact with ? outside <>: the registrar's 400, see below"},
	{"badaspec", 400, "3.1.2.14 blanks inside <>"},
	{"baddn", 400,
	 "3.1.2.15 a comma in an unquoted display name, which we bear; but the file lacks its empty line"},
	{"badvers", 505, "3.1.2.16 SIP/7.0"},
	{"mismatch01", 400, "3.1.2.17 CSeq of another method"},
	{"mismatch02", 400, "3.1.2.18 CSeq of another method than an unknown one"},
	{"bigcode", SILENCE, "3.1.2.19 status code out of range"},
	/* 3.2 transaction layer */
	{"badbranch", ACCEPT, "3.2.1 the cookie alone as branch: sip_via_has_cookie is false"},
	/* 3.3 application layer */
	{"insuf", 400, "3.3.1 mandatory headers are missing"},
	{"unkscm", ACCEPT, "3.3.2 unknown scheme: the UA answers 416"},
	{"novelsc", ACCEPT, "3.3.3 known scheme of another protocol: the UA answers 416"},
	{"unksm2", ACCEPT, "3.3.4 unknown schemes in headers"},
	{"bext01", ACCEPT, "3.3.5 the UA answers 420"},
	{"invut", ACCEPT, "3.3.6 the UA answers 415"},
	{"regaut01", ACCEPT, "3.3.7 unknown authorization scheme: the registrar challenges"},
	{"multi01", 400, "3.3.8 several of what may appear once"},
	{"mcl01", 400, "3.3.9 several Content-Length"},
	{"bcast", ACCEPT, "3.3.10 200 with a foreign Via: the transport drops it"},
	{"zeromf", ACCEPT, "3.3.11 Max-Forwards 0: a UA may answer, a B2BUA 483"},
	{"cparam01", ACCEPT, "3.3.12 Contact parameter outside <>"},
	{"cparam02", ACCEPT, "3.3.13 Contact parameter inside <>"},
	{"regescrt", ACCEPT, "3.3.14 Contact with escaped Route header"},
	{"sdp01", ACCEPT, "3.3.15 Accept that we cannot serve: the UA answers 406"},
	{"inv2543", ACCEPT, "3.4.1 RFC 2543 syntax"},
};

static struct guard load(const char *name)
{
	char path[256], bytes[8192];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/rfc4475/%s.dat", TEST_VECTORS, name);
	file = fopen(path, "rb");
	if (!file)
		fail_msg("%s cannot be opened", path);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return guard_copy((struct view){bytes, size});
}

/* The answer to a refused request carries what the sender needs to match it. */
static void check_answer(const struct sip_message *m, const struct sip_refusal *refused)
{
	static char out[SIP_MESSAGE_MAX + 1];
	struct sip_writer w;
	struct sip_message answer;
	struct sip_refusal refusal;
	bool whole = m->call_id.at && m->from.uri.text.at && m->to.uri.text.at && m->cseq.method_text.at;

	sip_writer_init(&w, out, sizeof(out));
	sip_write_response(&w, m, refused->status, VIEW_EMPTY, VIEW("mine"), NULL);
	assert_int_equal(sip_write_end(&w, NULL, VIEW_EMPTY), 0);
	if (!whole || refused->header == SIP_HEADER_VIA || refused->status == 505)
		return; /* the copied Via is as bad in the answer */
	/* several of a header in the request, one in the answer; everything else parses back */
	assert_int_equal(sip_parse(&answer, out, w.text.size, SIP_DATAGRAM, &refusal), 0);
	assert_int_equal(answer.status, refused->status);
	assert_true(view_equal(answer.call_id, m->call_id));
	assert_true(answer.to.tag.at != NULL);
}

static void test_sip_torture_messages_get_their_outcome(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct guard guard = load(rows[i].name);
		struct sip_message m;
		struct sip_refusal refusal = {.status = 999};
		int error = sip_parse(&m, guard.bytes, guard.size, SIP_DATAGRAM, &refusal);

		if (rows[i].outcome == ACCEPT && error)
			fail_msg("%s: refused at %zu: %s", rows[i].name, refusal.offset, refusal.sentence);
		if (rows[i].outcome != ACCEPT && !error)
			fail_msg("%s: accepted", rows[i].name);
		if (rows[i].outcome != ACCEPT && refusal.status != rows[i].outcome)
			fail_msg("%s: %u instead of %d: %s", rows[i].name, refusal.status, rows[i].outcome,
				 refusal.sentence);
		if (rows[i].outcome > 0)
			check_answer(&m, &refusal);
		guard_free(&guard);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sip_torture_messages_get_their_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
