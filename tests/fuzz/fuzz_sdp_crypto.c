/* a=crypto lines from peers: what parses prints, and the print is a fixed point; keys are keys; refusals name a place. */
#include "lib/sdp/crypto.h"
#include "tests/fuzz/fuzz.h"

static struct sdp_crypto crypto, again;
static struct sdp_session session;

static void check_session(struct view text)
{
	static const uint8_t suites[] = {SECURE_AES_CM_128_SHA1_80, SECURE_AEAD_AES_256_GCM};
	struct sdp_refusal refusal = {.sentence = NULL};

	if (sdp_parse(text, &session, &refusal))
		return;
	for (unsigned i = 0; i < session.media_count; i++) {
		if (sdp_crypto_choose(&session, i, suites, ARRAY_LEN(suites), &crypto, &refusal) == 0)
			MUST(memchr(suites, crypto.suite, ARRAY_LEN(suites)) && crypto.key_count == 1);
		else
			MUST(!refusal.sentence || refusal.offset <= text.size);
		if (sdp_crypto_answer(&session, i, &crypto, &refusal) != 0)
			MUST(refusal.sentence && refusal.offset <= text.size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view value = {(const char *)data, size};
	struct sdp_refusal refusal = {.sentence = NULL};
	char printed[1024];
	struct text text;

	check_session(value);
	if (sdp_crypto_parse(value, &crypto, &refusal)) {
		MUST(refusal.sentence && refusal.offset <= size);
		return 0;
	}
	MUST(crypto.key_count > 0 && crypto.key_count <= SDP_CRYPTO_KEYS_MAX);
	for (unsigned i = 0; i < crypto.key_count; i++)
		MUST(secure_key_check(&crypto.keys[i]) == 0 && crypto.keys[i].suite == crypto.suite);
	text_init(&text, printed, sizeof(printed));
	sdp_crypto_print(&text, &crypto);
	MUST(!text.overflow);
	MUST(sdp_crypto_parse(text_view(&text), &again, &refusal) == 0);
	MUST(memcmp(&crypto, &again, sizeof(crypto)) == 0);
	return 0;
}
