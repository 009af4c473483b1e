/* a=crypto lines: what is accepted, refused with which words and where; what is chosen from an offer and believed of an answer. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"
#include "lib/sdp/crypto.h"

/* RFC 4568's own example of a key: d0 d1 ... and 30 bytes in base64 are 40 digits. */
#define K30  "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
#define K46  "HGAPy4Cedy/qumbZvpuCZSVT7rNDk8vG4TdUXp5hkyWqJCqiLRGab0KJy1g="
#define K28  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
#define K44  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis="
#define K46_ "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ=="

static int parse(const char *text, struct sdp_crypto *crypto, struct sdp_refusal *refusal)
{
	struct guard guard = guard_copy(view_of(text));
	int error = sdp_crypto_parse((struct view){guard.bytes, guard.size}, crypto, refusal);

	guard_free(&guard);
	return error;
}

static void test_sdp_crypto_accepts_and_prints(void **state)
{
	static const struct {
		const char *name, *text, *printed; /* NULL: as it came */
	} rows[] = {
		{"RFC 4568 9.2", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^20|1:4;inline:" K30 "|2^20|2:4", NULL},
		{"without anything", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30, NULL},
		{"32-bit tags", "2 AES_CM_128_HMAC_SHA1_32 inline:" K30, NULL},
		{"AES-256", "3 AES_256_CM_HMAC_SHA1_80 inline:" K46_, NULL},
		{"AES-256, 32-bit tags", "3 AES_256_CM_HMAC_SHA1_32 inline:" K46_, NULL},
		{"GCM 128", "4 AEAD_AES_128_GCM inline:" K28, NULL},
		{"GCM 256", "5 AEAD_AES_256_GCM inline:" K44, NULL},
		{"padding left out", "4 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw",
		 "4 AEAD_AES_128_GCM inline:" K28},
		{"tag of nine digits", "999999999 AES_CM_128_HMAC_SHA1_80 inline:" K30, NULL},
		{"lifetime as a power", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^48", NULL},
		{"lifetime as a number", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1000", NULL},
		{"a number that is a power", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1024",
		 "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^10"},
		{"MKI alone", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:4", NULL},
		{"MKI of one byte", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|255:1", NULL},
		{"MKI of sixteen bytes",
		 "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|340282366920938463463374607431768211455:16", NULL},
		{"MKI with leading zeros", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|007:2",
		 "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|7:2"},
		{"window", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " WSH=64", NULL},
		{"an extension that may be ignored", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " -FOO=bar -BAR",
		 "1 AES_CM_128_HMAC_SHA1_80 inline:" K30},
		{"any case, tabs and blanks", "1\tAes_cm_128_hmac_sha1_80   INLINE:" K30 "\t wsh=128 ",
		 "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " WSH=128"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sdp_refusal refusal = {.sentence = NULL};
		struct sdp_crypto crypto = {.tag = 0}, again = {.tag = 0};
		char printed[512];
		struct text text;

		if (parse(rows[i].text, &crypto, &refusal) != 0)
			fail_msg("%s: refused at %zu: %s", rows[i].name, refusal.offset, refusal.sentence);
		for (unsigned k = 0; k < crypto.key_count; k++)
			assert_int_equal(secure_key_check(&crypto.keys[k]), 0);
		text_init(&text, printed, sizeof(printed));
		sdp_crypto_print(&text, &crypto);
		assert_string_equal(printed, rows[i].printed ? rows[i].printed : rows[i].text);
		assert_int_equal(parse(printed, &again, &refusal), 0);
		assert_memory_equal(&crypto, &again, sizeof(crypto));
	}
}

static void test_sdp_crypto_bytes(void **state)
{
	struct sdp_refusal refusal;
	struct sdp_crypto crypto;

	assert_int_equal(parse("7 AEAD_AES_128_GCM inline:" K28 "|2^31|258:3", &crypto, &refusal), 0);
	assert_int_equal(crypto.tag, 7);
	assert_int_equal(crypto.suite, SECURE_AEAD_AES_128_GCM);
	assert_int_equal(crypto.lifetimes[0], UINT64_C(1) << 31);
	for (uint8_t i = 0; i < 28; i++)
		assert_int_equal(i < 16 ? crypto.keys[0].master[i] : crypto.keys[0].salt[i - 16], i);
	assert_int_equal(crypto.keys[0].mki_size, 3);
	assert_memory_equal(crypto.keys[0].mki, ((uint8_t[]){0, 1, 2}), 3);
}

static void test_sdp_crypto_refuses_and_says_where(void **state)
{
	static const struct {
		const char *name, *text;
		int error;
		const char *at; /* the text from the refusal's offset on begins with this */
	} rows[] = {
		{"empty", "", ERR_SYNTAX, ""},
		{"tag no number", "a AES_CM_128_HMAC_SHA1_80 inline:" K30, ERR_SYNTAX, "a "},
		{"tag of ten digits", "1234567890 AES_CM_128_HMAC_SHA1_80 inline:" K30, ERR_SYNTAX, "123"},
		{"no suite", "1", ERR_SYNTAX, ""},
		{"no keys", "1 AES_CM_128_HMAC_SHA1_80", ERR_SYNTAX, ""},
		{"unknown suite", "1 F8_128_HMAC_SHA1_80 inline:" K30, ERR_UNSUPPORTED, "F8"},
		{"the suite that is none", "1 none inline:" K30, ERR_UNSUPPORTED, "none"},
		{"unknown key method", "1 AES_CM_128_HMAC_SHA1_80 uri:" K30, ERR_UNSUPPORTED, "uri"},
		{"no key method", "1 AES_CM_128_HMAC_SHA1_80 " K30, ERR_SYNTAX, "d0R"},
		{"key too short", "1 AES_CM_128_HMAC_SHA1_80 inline:" K28, ERR_SYNTAX, "AAEC"},
		{"key too long", "1 AES_CM_128_HMAC_SHA1_80 inline:" K46_, ERR_SYNTAX, "AAEC"},
		{"key of 45 bytes", "1 AES_256_CM_HMAC_SHA1_80 inline:" K46, ERR_SYNTAX, "HGAP"},
		{"not base64", "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSo!", ERR_SYNTAX,
		 "d0R"},
		{"padding in the middle", "4 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka==Gw",
		 ERR_SYNTAX, "AAE"},
		{"wrong padding", "4 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=A", ERR_SYNTAX,
		 "AAE"},
		{"second key broken", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1;inline:x|2:1", ERR_SYNTAX, "x|"},
		{"several keys without MKI", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 ";inline:" K30, ERR_SYNTAX,
		 "inline"},
		{"the same MKI twice", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1;inline:" K30 "|1:1", ERR_SYNTAX,
		 "inline"},
		{"MKIs of two lengths", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1;inline:" K30 "|2:2", ERR_SYNTAX,
		 "inline"},
		{"five keys",
		 "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1;inline:" K30 "|2:1;inline:" K30 "|3:1;inline:" K30
		 "|4:1;inline:" K30 "|5:1",
		 ERR_UNSUPPORTED, "inline:" K30 "|5"},
		{"a semicolon at the end", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 ";", ERR_SYNTAX, ""},
		{"lifetime 0", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|0", ERR_SYNTAX, "0"},
		{"lifetime 2^49", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^49", ERR_SYNTAX, "2^49"},
		{"lifetime 3^2", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|3^2", ERR_SYNTAX, "3^2"},
		{"lifetime empty", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|", ERR_SYNTAX, ""},
		{"MKI too large for its length", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|256:1", ERR_SYNTAX, "256:1"},
		{"MKI of 17 bytes", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:17", ERR_UNSUPPORTED, "1:17"},
		{"MKI of 129 bytes", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:129", ERR_SYNTAX, "1:129"},
		{"MKI of no byte", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:0", ERR_SYNTAX, "1:0"},
		{"MKI before the lifetime", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1|2^20", ERR_SYNTAX, "2^20"},
		{"behind the MKI", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^20|1:1|x", ERR_SYNTAX, "x"},
		{"KDR", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " KDR=24", ERR_UNSUPPORTED, "KDR"},
		{"KDR without value", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " KDR", ERR_SYNTAX, "KDR"},
		{"UNENCRYPTED_SRTP", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " UNENCRYPTED_SRTP", ERR_UNSUPPORTED,
		 "UNE"},
		{"UNENCRYPTED_SRTCP", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " UNENCRYPTED_SRTCP", ERR_UNSUPPORTED,
		 "UNE"},
		{"UNAUTHENTICATED_SRTP", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " UNAUTHENTICATED_SRTP",
		 ERR_UNSUPPORTED, "UNA"},
		{"FEC_ORDER", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " FEC_ORDER=FEC_SRTP", ERR_UNSUPPORTED, "FEC"},
		{"FEC_KEY", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " FEC_KEY=inline:" K30, ERR_UNSUPPORTED, "FEC"},
		{"WSH too small", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " WSH=63", ERR_SYNTAX, "63"},
		{"WSH no number", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " WSH=x", ERR_SYNTAX, "x"},
		{"unknown parameter", "1 AES_CM_128_HMAC_SHA1_80 inline:" K30 " WSH=64 FOO", ERR_UNSUPPORTED, "FOO"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sdp_refusal refusal = {.sentence = NULL};
		struct sdp_crypto crypto = {.tag = 77};
		int error = parse(rows[i].text, &crypto, &refusal);

		if (error != rows[i].error || !refusal.sentence || refusal.offset > strlen(rows[i].text) ||
		    strncmp(rows[i].text + refusal.offset, rows[i].at, strlen(rows[i].at)) != 0)
			fail_msg("%s: %d at \"%s\": %s", rows[i].name, error, rows[i].text + refusal.offset,
				 refusal.sentence);
		assert_int_equal(crypto.tag, 77);
	}
}

/* ---- in descriptions ---- */

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n"

static struct sdp_session session;

static void must_parse(const char *text)
{
	struct sdp_refusal refusal;

	if (sdp_parse(view_of(text), &session, &refusal))
		fail_msg("refused at %zu: %s", refusal.offset, refusal.sentence);
}

static void test_sdp_crypto_choose(void **state)
{
	static const uint8_t both[] = {SECURE_AES_CM_128_SHA1_80, SECURE_AEAD_AES_256_GCM};
	static const struct {
		const char *name, *lines;
		uint32_t tag; /* 0: none */
		const char *why;
	} rows[] = {
		{"none", "", 0, NULL},
		{"the peer's order decides",
		 "a=crypto:1 AEAD_AES_256_GCM inline:" K44 "\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" K30 "\r\n",
		 1, NULL},
		{"one that is not allowed",
		 "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" K30 "\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" K30
		 "\r\n",
		 2, NULL},
		{"only such", "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" K30 "\r\n", 0,
		 "the suite is not allowed here"},
		{"an unknown parameter spoils its line only",
		 "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" K30
		 " FOO\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" K30 "\r\n",
		 3, NULL},
		{"a broken line too", "a=crypto:x\r\na=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" K30 "\r\n", 3, NULL},
		{"several keys at once", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|1:1;inline:" K30 "|2:1\r\n",
		 0, "several keys at once are not supported"},
		{"only broken ones", "a=crypto:1 F8_128_HMAC_SHA1_80 inline:" K30 "\r\n", 0, "the suite is not known"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sdp_refusal refusal;
		struct sdp_crypto crypto;
		char text[1024];
		int error;

		snprintf(text, sizeof(text), HEAD "%s", rows[i].lines);
		must_parse(text);
		error = sdp_crypto_choose(&session, 0, both, ARRAY_LEN(both), &crypto, &refusal);
		if (error != (rows[i].tag ? 0 : ERR_NOT_FOUND) || (rows[i].tag && crypto.tag != rows[i].tag) ||
		    (!rows[i].tag && rows[i].why && (!refusal.sentence || strcmp(refusal.sentence, rows[i].why) != 0)))
			fail_msg("%s: %d, %s", rows[i].name, error, refusal.sentence ? refusal.sentence : "");
		if (!rows[i].tag && !rows[i].why)
			assert_null(refusal.sentence);
	}
}

static void test_sdp_crypto_refusal_is_found_in_the_description(void **state)
{
	static const uint8_t suites[] = {SECURE_AES_CM_128_SHA1_80};
	static const char text[] = HEAD "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "|2^99\r\n";
	struct sdp_refusal refusal;
	struct sdp_crypto crypto;

	must_parse(text);
	assert_int_equal(sdp_crypto_choose(&session, 0, suites, 1, &crypto, &refusal), ERR_NOT_FOUND);
	assert_memory_equal(text + refusal.offset, "2^99", 4);
}

static void test_sdp_crypto_answer(void **state)
{
	struct sdp_refusal refusal;
	struct sdp_crypto crypto;

	must_parse(HEAD "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" K30 "\r\n");
	assert_int_equal(sdp_crypto_answer(&session, 0, &crypto, &refusal), 0);
	assert_int_equal(crypto.tag, 2);
	must_parse(HEAD);
	assert_false(sdp_crypto_is_in(&session, 0));
	assert_int_equal(sdp_crypto_answer(&session, 0, &crypto, &refusal), ERR_NOT_FOUND);
	must_parse(HEAD "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" K30
			"\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" K30 "\r\n");
	assert_int_equal(sdp_crypto_answer(&session, 0, &crypto, &refusal), ERR_INVALID);
	assert_non_null(refusal.sentence);
}

/* What goes to the other leg: the peer's keys never, ours when we have some; the profile as we say. */
static void test_sdp_crypto_never_crosses(void **state)
{
	static const struct sdp_origin origin = {"-", 1, 1, {.family = NET_IPV4, .bytes = {192, 0, 2, 1}}};
	struct sdp_local_media local = {.port = 5000, .protocol = "RTP/AVP"};
	struct sdp_crypto ours = {.tag = 1,
				  .suite = SECURE_AES_CM_128_SHA1_80,
				  .key_count = 1,
				  .keys = {{.suite = SECURE_AES_CM_128_SHA1_80, .master = {1, 2, 3}, .salt = {4}}}};
	char printed[2048];
	struct text text;

	must_parse(HEAD "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" K30 "\r\n");
	text_init(&text, printed, sizeof(printed));
	assert_int_equal(sdp_relay_print(&text, &session, &origin, &local), 0);
	assert_null(strstr(printed, "crypto"));
	assert_non_null(strstr(printed, "m=audio 5000 RTP/AVP 0\r\n"));
	local.protocol = sdp_protocol_name(sdp_protocol_with(SDP_PROTOCOL_RTP_AVPF, true));
	local.cryptos = &ours;
	local.crypto_count = 1;
	text_init(&text, printed, sizeof(printed));
	assert_int_equal(sdp_relay_print(&text, &session, &origin, &local), 0);
	assert_null(strstr(printed, K30));
	assert_non_null(strstr(printed, "m=audio 5000 RTP/SAVPF 0\r\n"));
	assert_non_null(strstr(
		printed, "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AQIDAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAA\r\n"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sdp_crypto_accepts_and_prints),
		cmocka_unit_test(test_sdp_crypto_bytes),
		cmocka_unit_test(test_sdp_crypto_refuses_and_says_where),
		cmocka_unit_test(test_sdp_crypto_choose),
		cmocka_unit_test(test_sdp_crypto_refusal_is_found_in_the_description),
		cmocka_unit_test(test_sdp_crypto_answer),
		cmocka_unit_test(test_sdp_crypto_never_crosses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
