/* SRTP alone: the RFCs' vectors, indexes and windows, what is learned and what is not, packets that are too short. */
#include "tests/unit/guard.h"
#include "tests/unit/srtp_peer.h"

#include "lib/srtp/private.h"

static struct secure_engine *engine;

static int setup(void **state)
{
	return secure_engine_new(&engine);
}

static int teardown(void **state)
{
	secure_engine_free(engine);
	return 0;
}

static size_t hex(const char *text, uint8_t *ret_bytes)
{
	size_t size = 0;

	for (; text[0] && text[1]; text += 2) {
		char digits[3] = {text[0], text[1], 0};

		ret_bytes[size++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return size;
}

/* ---- key derivation and key stream: what a label gives. Label 0 leaves the salt as it is, so the first bytes of a
 * key stream are a derivation too. ---- */
static const struct derive_row {
	const char *name, *key, *salt, *expected;
	uint8_t suite, label;
} derive_rows[] = {
	{"RFC 3711 B.2 key stream", "2B7E151628AED2A6ABF7158809CF4F3C", "F0F1F2F3F4F5F6F7F8F9FAFBFCFD",
	 "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB", SECURE_AES_CM_128_SHA1_80, 0},
	{"RFC 3711 B.3 cipher key", "E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6",
	 "C61E7A93744F39EE10734AFE3FF7A087", SECURE_AES_CM_128_SHA1_80, 0},
	{"RFC 3711 B.3 authentication key", "E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6",
	 "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4", SECURE_AES_CM_128_SHA1_32, 1},
	{"RFC 3711 B.3 salt", "E1F97A0D3E018BE0D64FA32C06DE4139", "0EC675AD498AFEEBB6960B3AABE6",
	 "30CBBC08863D8C85D49DB34A9AE1", SECURE_AES_CM_128_SHA1_80, 2},
	{"RFC 6188 7.1 key stream", "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
	 "f0f1f2f3f4f5f6f7f8f9fafbfcfd", "92bdd28a93c3f52511c677d08b5515a49da71b2378a854f67050756ded165bac",
	 SECURE_AES_CM_256_SHA1_80, 0},
	{"RFC 6188 7.2 cipher key", "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
	 "3b04803de51ee7c96423ab5b78d2", "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4",
	 SECURE_AES_CM_256_SHA1_80, 0},
	{"RFC 6188 7.2 authentication key", "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
	 "3b04803de51ee7c96423ab5b78d2", "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05", SECURE_AES_CM_256_SHA1_32, 1},
	{"RFC 6188 7.2 salt", "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6",
	 "3b04803de51ee7c96423ab5b78d2", "fa31791685ca444a9e07c6c64e93", SECURE_AES_CM_256_SHA1_80, 2},
};

static void test_srtp_derive(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(derive_rows); i++) {
		const struct derive_row *row = &derive_rows[i];
		struct secure_key key = {.suite = row->suite};
		uint8_t expected[32], bytes[32];
		size_t size = hex(row->expected, expected);

		hex(row->key, key.master);
		hex(row->salt, key.salt);
		secure_derive(engine, &key, row->label, bytes, size);
		if (memcmp(bytes, expected, size) != 0)
			fail_msg("%s", row->name);
	}
}

/* ---- RFC 7714 16 and 17: session keys, given directly ---- */
static const struct gcm_row {
	const char *name, *clear, *secure;
	uint8_t suite;
	bool is_rtcp;
	uint32_t rtcp_index;
} gcm_rows[] = {
	{"RFC 7714 16.1.1",
	 "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361"
	 "20696e207061727465732074726573",
	 "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f"
	 "42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
	 SECURE_AEAD_AES_128_GCM, false, 0},
	{"RFC 7714 16.2.1",
	 "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361"
	 "20696e207061727465732074726573",
	 "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3"
	 "b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
	 SECURE_AEAD_AES_256_GCM, false, 0},
	{"RFC 7714 17.1",
	 "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
	 "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
	 "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
	 "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4",
	 SECURE_AEAD_AES_128_GCM, true, 0x5d4},
};

static struct secure_context *gcm_context(const struct gcm_row *row, enum secure_direction direction)
{
	struct secure_key key = srtp_peer_key(row->suite, 1, 0);
	struct secure_context *context;
	struct secure_keys *keys;
	uint8_t session[32];

	assert_int_equal(secure_context_new(engine, direction, &key, &context), 0);
	keys = row->is_rtcp ? &context->rtcp : &context->rtp;
	for (unsigned i = 0; i < sizeof(session); i++)
		session[i] = (uint8_t)i;
	if (row->suite == SECURE_AEAD_AES_256_GCM)
		IMB_AES256_GCM_PRE(engine->manager, session, &keys->u.gcm);
	else
		IMB_AES128_GCM_PRE(engine->manager, session, &keys->u.gcm);
	hex("517569642070726f2071756f", keys->salt);
	return context;
}

static void test_srtp_gcm_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(gcm_rows); i++) {
		const struct gcm_row *row = &gcm_rows[i];
		uint8_t clear[128], secure[128], packet[256];
		size_t clear_size = hex(row->clear, clear), secure_size = hex(row->secure, secure);
		struct secure_job job = {.context = gcm_context(row, SECURE_PROTECT),
					 .packet = packet,
					 .size = (uint32_t)clear_size,
					 .capacity = sizeof(packet),
					 .is_rtcp = row->is_rtcp};

		if (row->is_rtcp) {
			struct secure_source *source = secure_source_add(job.context, 0x4d617273);

			source->rtcp = (struct secure_window){.highest = row->rtcp_index - 1, .has_any = true};
		}
		memcpy(packet, clear, clear_size);
		secure_add(engine, &job);
		secure_finish(engine);
		assert_int_equal(job.verdict, SECURE_OK);
		if (job.size != secure_size || memcmp(packet, secure, secure_size) != 0)
			fail_msg("%s: protect", row->name);
		secure_context_free(job.context);
		job.context = gcm_context(row, SECURE_UNPROTECT);
		secure_add(engine, &job);
		secure_finish(engine);
		if (job.verdict != SECURE_OK || job.size != clear_size || memcmp(packet, clear, clear_size) != 0)
			fail_msg("%s: unprotect: %s", row->name, secure_verdict_name(job.verdict));
		secure_context_free(job.context);
	}
}

/* ---- indexes and windows ---- */
static const struct index_row {
	const char *name;
	uint64_t highest;
	uint16_t sequence;
	uint64_t expected;
} index_rows[] = {
	{"next", 5, 6, 6},
	{"late", 0x10005, 3, 0x10003},
	{"over the wrap", 0xffff, 0, 0x10000},
	{"far over the wrap", 0xfff0, 0x7000, 0x17000},
	{"late over the wrap", 0x10001, 0xfffe, 0xfffe},
	{"late over a later wrap", 0x30001, 0xfffe, 0x2fffe},
	{"behind the very first is ahead of it", 5, 0xfff0, 0xfff0},
	{"last of all", (UINT64_C(1) << 48) - 2, 0xffff, (UINT64_C(1) << 48) - 1},
};

static void test_srtp_index(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(index_rows); i++) {
		struct secure_window window = {.highest = index_rows[i].highest, .has_any = true};

		if (secure_index(&window, index_rows[i].sequence) != index_rows[i].expected)
			fail_msg("%s", index_rows[i].name);
	}
}

/* Against the plainest window there is: a list of all that was seen. */
static void test_srtp_window(void **state)
{
	static bool seen[5000];
	struct secure_window window = {0};
	uint64_t highest = 0;

	srand(7);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t index = highest + (unsigned)rand() % 150;
		bool is_old;

		index = index > 148 ? index - 140 : index;
		if (rand() % 50 == 0)
			index += (unsigned)rand() % 300;
		if (index >= ARRAY_LEN(seen))
			break;
		is_old = window.has_any && highest >= index && highest - index >= SECURE_WINDOW;
		assert_int_equal(secure_window_has(&window, index), seen[index] || is_old);
		if (secure_window_has(&window, index))
			continue;
		secure_window_add(&window, index);
		seen[index] = true;
		highest = MAX(highest, index);
	}
	assert_true(highest > 1000);
}

/* ---- packets of our own ---- */
#define PACKET 160
struct box {
	uint8_t bytes[256];
	struct secure_job job;
};

static void box_init(struct box *box, struct secure_context *context, uint32_t ssrc, uint16_t sequence)
{
	memset(box, 0, sizeof(*box));
	for (unsigned i = 12; i < PACKET; i++)
		box->bytes[i] = (uint8_t)(i + sequence);
	box->bytes[0] = 0x80;
	box->bytes[2] = (uint8_t)(sequence >> 8);
	box->bytes[3] = (uint8_t)sequence;
	for (unsigned i = 0; i < 4; i++)
		box->bytes[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	box->job = (struct secure_job){
		.context = context, .packet = box->bytes, .size = PACKET, .capacity = sizeof(box->bytes)};
}

static enum secure_verdict run(struct box *box)
{
	secure_add(engine, &box->job);
	secure_finish(engine);
	return box->job.verdict;
}

/* A packet as the peer sends it. */
static void box_protect(struct box *box, struct secure_context *sender, struct secure_context *receiver, uint32_t ssrc,
			uint16_t sequence)
{
	box_init(box, sender, ssrc, sequence);
	assert_int_equal(run(box), SECURE_OK);
	box->job.context = receiver;
}

struct pair {
	struct secure_context *sender, *receiver;
};

static struct pair pair_new(unsigned suite)
{
	struct secure_key key = srtp_peer_key(suite, 1, 0);
	struct pair pair;

	assert_int_equal(secure_context_new(engine, SECURE_PROTECT, &key, &pair.sender), 0);
	assert_int_equal(secure_context_new(engine, SECURE_UNPROTECT, &key, &pair.receiver), 0);
	return pair;
}

static void pair_free(struct pair *pair)
{
	secure_context_free(pair->sender);
	secure_context_free(pair->receiver);
}

/* A forged packet, whatever it claims, changes nothing: not the SSRCs, not the counter, not the window. */
static void test_srtp_learns_nothing_from_forgery(void **state)
{
	for (unsigned suite = 1; suite < SECURE_SUITE_COUNT; suite++) {
		struct pair pair = pair_new(suite);
		struct secure_context before;
		struct box box;

		box_protect(&box, pair.sender, pair.receiver, 1, 65000);
		assert_int_equal(run(&box), SECURE_OK);
		before = *pair.receiver;
		for (unsigned i = 0; i < 200; i++) {
			box_init(&box, pair.receiver, i % 3 ? 1 : 1000 + i, (uint16_t)(i * 997));
			assert_true(run(&box) != SECURE_OK);
			box_init(&box, pair.receiver, 1, (uint16_t)i);
			box.job.is_rtcp = true;
			box.bytes[1] = 200;
			assert_true(run(&box) != SECURE_OK);
		}
		before.has_newcomer = pair.receiver->has_newcomer;
		assert_memory_equal(&before, pair.receiver, sizeof(before));
		box_protect(&box, pair.sender, pair.receiver, 1, 65001);
		assert_int_equal(run(&box), SECURE_OK);
		pair_free(&pair);
	}
}

/* Every bit of a packet is covered by its tag. */
static void test_srtp_every_bit_counts(void **state)
{
	for (unsigned suite = 1; suite < SECURE_SUITE_COUNT; suite++) {
		struct pair pair = pair_new(suite);
		struct box box, changed;

		box_protect(&box, pair.sender, pair.receiver, 1, 7);
		for (unsigned bit = 0; bit < box.job.size * 8; bit++) {
			changed = box;
			changed.job.packet = changed.bytes;
			changed.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_true(run(&changed) == SECURE_AUTH_FAILED || changed.job.verdict == SECURE_MALFORMED);
		}
		assert_int_equal(run(&box), SECURE_OK);
		pair_free(&pair);
	}
}

/* One burst: an SSRC that begins at the wrap, a packet twice, a forgery between. */
static void test_srtp_new_ssrc_at_the_wrap_in_one_burst(void **state)
{
	struct pair pair = pair_new(SECURE_AES_CM_128_SHA1_80);
	struct box boxes[6];
	static const uint16_t sequences[] = {65534, 65535, 0, 0, 1, 2};
	static const enum secure_verdict verdicts[] = {SECURE_OK,     SECURE_OK,          SECURE_OK,
						       SECURE_REPLAY, SECURE_AUTH_FAILED, SECURE_OK};

	for (unsigned i = 0; i < 6; i++) {
		if (i == 3) {
			boxes[3] = boxes[2];
			boxes[3].job.packet = boxes[3].bytes;
			continue;
		}
		box_protect(&boxes[i], pair.sender, pair.receiver, 1, sequences[i]);
	}
	boxes[4].bytes[20] ^= 1;
	for (unsigned i = 0; i < 6; i++)
		secure_add(engine, &boxes[i].job);
	secure_finish(engine);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(boxes[i].job.verdict, verdicts[i]);
	assert_int_equal(pair.receiver->sources[0].rtp.highest, 0x10002);
	pair_free(&pair);
}

static void test_srtp_ssrcs_are_bounded(void **state)
{
	struct pair pair = pair_new(SECURE_AEAD_AES_128_GCM);
	struct secure_key key = srtp_peer_key(SECURE_AEAD_AES_128_GCM, 1, 0);
	struct secure_context *other;
	struct box box;

	for (uint32_t ssrc = 0; ssrc < SECURE_SOURCES_MAX; ssrc++) {
		box_protect(&box, pair.sender, pair.receiver, ssrc, 1);
		assert_int_equal(run(&box), SECURE_OK);
	}
	box_init(&box, pair.sender, 99, 1);
	assert_int_equal(run(&box), SECURE_FULL);
	assert_int_equal(secure_context_new(engine, SECURE_PROTECT, &key, &other), 0);
	box_protect(&box, other, pair.receiver, 99, 1);
	assert_int_equal(run(&box), SECURE_FULL);
	assert_int_equal(secure_context_set_roc(other, 99, 1), ERR_EXISTS);
	secure_context_free(other);
	pair_free(&pair);
}

/* The key stream of an index is used once: the same packet again, or another in its place, does not go out. */
static void test_srtp_never_sends_an_index_twice(void **state)
{
	struct pair pair = pair_new(SECURE_AEAD_AES_256_GCM);
	struct box box;

	box_init(&box, pair.sender, 1, 500);
	assert_int_equal(run(&box), SECURE_OK);
	box_init(&box, pair.sender, 1, 500);
	box.bytes[30] = 0xff;
	assert_int_equal(run(&box), SECURE_REPLAY);
	box_init(&box, pair.sender, 1, 499);
	assert_int_equal(run(&box), SECURE_OK);
	box_init(&box, pair.sender, 1, 500 - SECURE_WINDOW);
	assert_int_equal(run(&box), SECURE_REPLAY);
	pair_free(&pair);
}

static void test_srtp_keys_expire(void **state)
{
	struct pair pair = pair_new(SECURE_AES_CM_128_SHA1_80);
	struct box box;

	assert_int_equal(secure_context_set_roc(pair.sender, 1, UINT32_MAX), 0);
	box_init(&box, pair.sender, 1, 65535);
	assert_int_equal(run(&box), SECURE_OK);
	box_init(&box, pair.sender, 1, 0);
	assert_int_equal(run(&box), SECURE_EXPIRED);
	pair.sender->sources[0].rtcp = (struct secure_window){.highest = 0x7fffffff, .has_any = true};
	box_init(&box, pair.sender, 1, 0);
	memcpy(box.bytes + 4, "\0\0\0\1", 4);
	box.job.is_rtcp = true;
	assert_int_equal(run(&box), SECURE_EXPIRED);
	pair_free(&pair);
}

/* A new key, the same SSRC, a roll-over counter that is not 0 any more. */
static void test_srtp_rekey_keeps_the_roll_over_counter(void **state)
{
	struct pair pair = pair_new(SECURE_AES_CM_128_SHA1_80), next;
	struct secure_key key = srtp_peer_key(SECURE_AES_CM_128_SHA1_80, 2, 0);
	struct srtp_peer peer;
	struct box box;
	size_t size;

	assert_int_equal(secure_context_set_roc(pair.sender, 1, 3), 0);
	assert_int_equal(secure_context_set_roc(pair.receiver, 1, 3), 0);
	box_protect(&box, pair.sender, pair.receiver, 1, 40);
	assert_int_equal(run(&box), SECURE_OK);
	assert_int_equal(secure_context_new(engine, SECURE_PROTECT, &key, &next.sender), 0);
	assert_int_equal(secure_context_new(engine, SECURE_UNPROTECT, &key, &next.receiver), 0);
	secure_context_inherit(next.sender, pair.sender);
	secure_context_inherit(next.receiver, pair.receiver);
	box_protect(&box, next.sender, next.receiver, 1, 41);
	peer = srtp_peer_new(&key, false);
	size = box.job.size;
	assert_int_equal(run(&box), SECURE_OK);
	assert_int_equal(next.receiver->sources[0].rtp.highest, 0x30029);
	/* A receiver that was not told the counter must not accept it: it is part of what is authenticated. */
	box_protect(&box, next.sender, next.receiver, 1, 42);
	assert_int_equal(srtp_peer_unprotect(&peer, box.bytes, &size, false), srtp_err_status_auth_fail);
	srtp_peer_free(&peer);
	pair_free(&pair);
	pair_free(&next);
}

/* Every length of every header, cut where a page ends: nothing is read behind, nothing authenticates. */
static void test_srtp_truncated(void **state)
{
	static const uint8_t firsts[] = {0x80, 0x8f, 0x90, 0x9f, 0xb0, 0x40};

	for (unsigned suite = 1; suite < SECURE_SUITE_COUNT; suite++) {
		struct secure_key key = srtp_peer_key(suite, 1, suite % 2 ? 4 : 0);
		struct secure_context *receiver;

		assert_int_equal(secure_context_new(engine, SECURE_UNPROTECT, &key, &receiver), 0);
		for (size_t size = 0; size < 120; size++) {
			for (unsigned i = 0; i < 2 * ARRAY_LEN(firsts); i++) {
				uint8_t bytes[128];
				struct guard guard;
				struct secure_job job = {.context = receiver, .is_rtcp = i % 2};

				memset(bytes, (int)(i * 17), sizeof(bytes));
				bytes[0] = firsts[i / 2];
				if (key.mki_size && size > 30)
					memcpy(bytes + size - key.mki_size - (secure_suites[suite].is_aead ? 0 : 10),
					       key.mki, key.mki_size);
				guard = guard_copy((struct view){(const char *)bytes, size});
				job.packet = (uint8_t *)guard.bytes;
				job.size = job.capacity = (uint32_t)size;
				secure_add(engine, &job);
				secure_finish(engine);
				assert_true(job.verdict == SECURE_MALFORMED || job.verdict == SECURE_AUTH_FAILED);
				guard_free(&guard);
			}
		}
		secure_context_free(receiver);
	}
}

static void test_srtp_room(void **state)
{
	struct secure_key key = srtp_peer_key(SECURE_AEAD_AES_128_GCM, 1, 5);
	struct secure_context *sender;
	struct box box;

	assert_int_equal(secure_context_new(engine, SECURE_PROTECT, &key, &sender), 0);
	box_init(&box, sender, 1, 1);
	box.job.capacity = PACKET + 20;
	assert_int_equal(run(&box), SECURE_NO_ROOM);
	box.job.capacity = PACKET + 21;
	assert_int_equal(run(&box), SECURE_OK);
	assert_int_equal(box.job.size, PACKET + 21);
	secure_context_free(sender);
}

static void test_srtp_keys_are_checked(void **state)
{
	struct secure_key good = srtp_peer_key(SECURE_AES_CM_128_SHA1_80, 1, 4), key;
	struct secure_context *context;

	assert_int_equal(secure_key_check(&good), 0);
#define REFUSED(change)                                                                                                \
	do {                                                                                                           \
		key = good;                                                                                            \
		change;                                                                                                \
		assert_int_equal(secure_key_check(&key), ERR_INVALID);                                                 \
		assert_int_equal(secure_context_new(engine, SECURE_PROTECT, &key, &context), ERR_INVALID);             \
	} while (0)
	REFUSED(key.suite = SECURE_NONE);
	REFUSED(key.suite = SECURE_SUITE_COUNT);
	REFUSED(key.mki_size = SECURE_MKI_MAX + 1);
	REFUSED(key.master[16] = 1);
	REFUSED(key.mki[4] = 1);
	REFUSED((key.suite = SECURE_AEAD_AES_128_GCM, key.salt[12] = 1));
	secure_key_wipe(&key);
	assert_int_equal(key.master[0], 0);
}

static void test_srtp_names(void **state)
{
	assert_int_equal(secure_suite_find(VIEW("AEAD_AES_256_GCM")), SECURE_AEAD_AES_256_GCM);
	assert_int_equal(secure_suite_find(VIEW("aes_cm_128_hmac_sha1_80")), SECURE_AES_CM_128_SHA1_80);
	assert_int_equal(secure_suite_find(VIEW("F8_128_HMAC_SHA1_80")), SECURE_NONE);
	assert_int_equal(secure_suite_find(VIEW("none")), SECURE_NONE);
	assert_string_equal(secure_verdict_name(SECURE_REPLAY), "replay");
	assert_string_equal(secure_verdict_name(99), "unknown");
	assert_true(strlen(secure_engine_name(engine)) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_srtp_derive),
		cmocka_unit_test(test_srtp_gcm_vectors),
		cmocka_unit_test(test_srtp_index),
		cmocka_unit_test(test_srtp_window),
		cmocka_unit_test(test_srtp_learns_nothing_from_forgery),
		cmocka_unit_test(test_srtp_every_bit_counts),
		cmocka_unit_test(test_srtp_new_ssrc_at_the_wrap_in_one_burst),
		cmocka_unit_test(test_srtp_ssrcs_are_bounded),
		cmocka_unit_test(test_srtp_never_sends_an_index_twice),
		cmocka_unit_test(test_srtp_keys_expire),
		cmocka_unit_test(test_srtp_rekey_keeps_the_roll_over_counter),
		cmocka_unit_test(test_srtp_truncated),
		cmocka_unit_test(test_srtp_room),
		cmocka_unit_test(test_srtp_keys_are_checked),
		cmocka_unit_test(test_srtp_names),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
