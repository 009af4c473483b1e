/* How long lib/sip takes to parse and print what a PBX sees all day: an INVITE with its session description, and a
 * REGISTER with credentials. Prints nanoseconds of CPU time per message: the median of 21 runs of 20,000 after a warm-up.
 *
 * Run: build/bench/sip_parse. One core; nothing else should run on it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/sdp/sdp.h"
#include "lib/sip/sip.h"

enum { RUNS = 21, ROUNDS = 20000 };

static const char invite[] = "INVITE sip:2000@192.0.2.1:5060;transport=udp SIP/2.0\r\n"
			     "Via: SIP/2.0/UDP 192.0.2.55:5060;branch=z9hG4bK-524287-1---5c1b2a3e7f9d0a41;rport\r\n"
			     "Max-Forwards: 70\r\n"
			     "Contact: <sip:1000@192.0.2.55:5060;transport=udp>\r\n"
			     "To: <sip:2000@192.0.2.1>\r\n"
			     "From: \"Alice Example\" <sip:1000@192.0.2.1>;tag=8f3c1d55\r\n"
			     "Call-ID: NjE4YTg0ZjY5YjU2ZTk3ZmI2ZGUxYzA5ZDQ4ZmM3MTI@192.0.2.55\r\n"
			     "CSeq: 2 INVITE\r\n"
			     "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n"
			     "Content-Type: application/sdp\r\n"
			     "Supported: replaces, 100rel, timer\r\n"
			     "User-Agent: SomePhone 5.6.1 (build 1234)\r\n"
			     "Session-Expires: 1800\r\n"
			     "Content-Length: 229\r\n"
			     "\r\n"
			     "v=0\r\n"
			     "o=- 1700000000 1 IN IP4 192.0.2.55\r\n"
			     "s=phone\r\n"
			     "c=IN IP4 192.0.2.55\r\n"
			     "t=0 0\r\n"
			     "m=audio 40000 RTP/AVP 0 8 101\r\n"
			     "a=rtpmap:0 PCMU/8000\r\n"
			     "a=rtpmap:8 PCMA/8000\r\n"
			     "a=rtpmap:101 telephone-event/8000\r\n"
			     "a=fmtp:101 0-16\r\n"
			     "a=ptime:20\r\n"
			     "a=sendrecv\r\n";

static const char register_request[] =
	"REGISTER sip:192.0.2.1 SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 192.0.2.55:5060;branch=z9hG4bK-524287-1---77d6a8f0d3f4c5b2;rport\r\n"
	"Max-Forwards: 70\r\n"
	"Contact: <sip:1000@192.0.2.55:5060;transport=udp;rinstance=37ff5b7c3a1b2d4e>\r\n"
	"To: \"Alice Example\" <sip:1000@192.0.2.1>\r\n"
	"From: \"Alice Example\" <sip:1000@192.0.2.1>;tag=1d2b6c3f\r\n"
	"Call-ID: OTk5YTg0ZjY5YjU2ZTk3ZmI2ZGUxYzA5ZDQ4ZmM3MTI\r\n"
	"CSeq: 14 REGISTER\r\n"
	"Expires: 300\r\n"
	"User-Agent: SomePhone 5.6.1 (build 1234)\r\n"
	"Authorization: Digest username=\"1000\",realm=\"voxlane\",nonce=\"b7c0d1e2f3a4958677\",uri=\"sip:192.0.2.1\","
	"response=\"6629fae49393a05397450978507c4ef1\",cnonce=\"0a4f113b\",nc=00000001,qop=auth,algorithm=MD5\r\n"
	"Content-Length: 0\r\n"
	"\r\n";

static char bytes[2048], out[4096];
static struct sip_message message;
static struct sdp_session session;
static size_t size;

static void must(int error)
{
	if (error) {
		fprintf(stderr, "sip_parse: %s\n", error_text(error));
		exit(1);
	}
}

static void parse(void)
{
	struct sip_refusal refusal;

	must(sip_parse(&message, bytes, size, SIP_DATAGRAM, &refusal));
}

static void parse_digest(void)
{
	struct sip_digest digest;

	must(sip_digest_parse(sip_header_find(&message, SIP_HEADER_AUTHORIZATION), &digest));
}

static void parse_sdp(void)
{
	struct sdp_refusal refusal;

	must(sdp_parse(message.body, &session, &refusal));
}

static void print_response(void)
{
	static const struct net_endpoint source = {{NET_IPV4, {0}, {192, 0, 2, 55}}, 5060, 0};
	struct sip_writer w;

	sip_writer_init(&w, out, sizeof(out));
	sip_write_response(&w, &message, 200, VIEW_EMPTY, VIEW("a1b2c3d4"), &source);
	sip_write_header_view(&w, SIP_HEADER_CONTACT, VIEW("<sip:192.0.2.1:5060>"));
	must(sip_write_end(&w, "application/sdp", message.body));
}

static void print_request(void)
{
	struct sip_writer w;

	sip_writer_init(&w, out, sizeof(out));
	sip_write_request_line(&w, message.method, message.uri_text);
	sip_write_top_via(&w, &message.via, NULL);
	sip_write_header_u32(&w, SIP_HEADER_MAX_FORWARDS, 69);
	sip_write_name_address(&w, SIP_HEADER_FROM, &message.from);
	sip_write_name_address(&w, SIP_HEADER_TO, &message.to);
	sip_write_header_view(&w, SIP_HEADER_CALL_ID, message.call_id);
	sip_write_header(&w, SIP_HEADER_CSEQ, "%u %s", message.cseq.number, sip_method_name(message.method));
	sip_write_copy(&w, &message, SIP_HEADER_CONTACT);
	sip_write_copy(&w, &message, SIP_HEADER_ALLOW);
	sip_write_copy(&w, &message, SIP_HEADER_SUPPORTED);
	must(sip_write_end(&w, "application/sdp", message.body));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *name, void (*work)(void))
{
	double runs[RUNS];

	for (int run = -2; run < RUNS; run++) { /* two to warm up */
		struct timespec from, to;

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		for (int i = 0; i < ROUNDS; i++)
			work();
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		if (run >= 0)
			runs[run] = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
				    ROUNDS;
	}
	qsort(runs, RUNS, sizeof(runs[0]), compare);
	printf("%-28s %7.0f ns (lowest %.0f, highest %.0f)\n", name, runs[RUNS / 2], runs[0], runs[RUNS - 1]);
}

static void use(const char *text)
{
	size = strlen(text);
	memcpy(bytes, text, size);
	parse();
}

int main(void)
{
	use(invite);
	printf("INVITE of %zu bytes, %u headers\n", size, message.header_count);
	measure("parse INVITE", parse);
	measure("parse its SDP", parse_sdp);
	measure("print 200 to INVITE", print_response);
	measure("print INVITE", print_request);
	use(register_request);
	printf("REGISTER of %zu bytes, %u headers\n", size, message.header_count);
	measure("parse REGISTER", parse);
	measure("parse its credentials", parse_digest);
	measure("print 200 to REGISTER", print_response);
	return 0;
}
