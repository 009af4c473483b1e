/* Credentials and challenges from outside: the input is the value of an Authorization header, judged as the server, and of a
 * WWW-Authenticate header, answered as the client. Nobody gets in.
 */
#include "controlplane/auth/auth.h"

#include <stdlib.h>

static struct auth *new_auth(void)
{
	static const struct conf_extension extensions[] = {
		{.number = "1000", .password = "test1000", .ha1_md5 = "", .ha1_sha256 = "", .name = ""}};
	static const struct auth_options options = {.realm = "voxlane",
						    .algorithms = {AUTH_SHA256, AUTH_MD5},
						    .algorithm_count = 2,
						    .nonce_lifetime_ms = 60000,
						    .ban_failures = 20,
						    .ban_window_ms = 1000,
						    .ban_ms = 1};
	static const uint8_t key[AUTH_KEY_SIZE] = "fixed";
	struct auth *auth = NULL;

	if (auth_new(&options, extensions, ARRAY_LEN(extensions), key, &auth))
		abort();
	return auth;
}

static bool parse(struct sip_message *message, struct text *text)
{
	struct sip_refusal refusal;

	return !text->overflow && sip_parse(message, text->at, text->size, SIP_DATAGRAM, &refusal) == 0;
}

#define REST                                                                                                           \
	"\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:1000@h>;tag=1\r\nTo: <sip:1000@h>\r\n"           \
	"Call-ID: c\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct auth *auth;
	static uint64_t now_ms;
	static const struct net_endpoint source = {.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 1}},
						   .port = 5060};
	static const struct auth_credentials credentials = {{"u", 1}, {"p", 1}, {"c", 1}, 1};
	static char buffer[32768], answer[32768];
	struct view value = {(const char *)data, size};
	struct auth_verdict verdict;
	struct sip_message message;
	struct sip_writer writer;
	struct text text;

	if (!auth)
		auth = new_auth();
	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text, "REGISTER sip:h SIP/2.0\r\nAuthorization: %.*s" REST, VIEW_ARG(value));
	if (parse(&message, &text)) {
		auth_check(auth, &message, &source, AUTH_SERVER, now_ms++, &verdict);
		if (verdict.result == AUTH_OK || verdict.result == AUTH_FORBIDDEN)
			abort();
		sip_writer_init(&writer, answer, sizeof(answer));
		auth_write_challenge(&writer, &verdict);
		if (writer.error)
			abort();
	}
	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text, "SIP/2.0 401 U\r\nWWW-Authenticate: %.*s" REST, VIEW_ARG(value));
	if (parse(&message, &text)) {
		sip_writer_init(&writer, answer, sizeof(answer));
		if (auth_answer(auth, &message, VIEW("REGISTER"), VIEW("sip:h"), &credentials, &writer) == 0 &&
		    writer.error)
			abort();
	}
	return 0;
}
