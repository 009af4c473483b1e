/* RTP and RTCP as bytes, loss and jitter as RFC 3550 reckons them. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"

#include "lib/rtp/rtp.h"

static const struct rtp_row {
	const char *name;
	uint8_t bytes[40];
	size_t size;
	int error;
	uint16_t payload_offset, payload_size;
} rtp_rows[] = {
	{"header only", {0x80, 0x88, 1, 2, 0, 0, 0, 1, 9, 9, 9, 9}, 12, 0, 12, 0},
	{"payload", {0x80}, 20, 0, 12, 8},
	{"too short", {0x80}, 11, ERR_CORRUPT, 0, 0},
	{"version 1", {0x40}, 12, ERR_CORRUPT, 0, 0},
	{"two contributors", {0x82}, 24, 0, 20, 4},
	{"contributors missing", {0x82}, 19, ERR_CORRUPT, 0, 0},
	{"extension", {[0] = 0x90, [15] = 1}, 24, 0, 20, 4},
	{"empty extension", {[0] = 0x90}, 16, 0, 16, 0},
	{"extension header missing", {[0] = 0x90}, 15, ERR_CORRUPT, 0, 0},
	{"extension longer than the packet", {[0] = 0x90, [15] = 3}, 24, ERR_CORRUPT, 0, 0},
	{"extension of 65535 words", {[0] = 0x90, [14] = 0xff, [15] = 0xff}, 24, ERR_CORRUPT, 0, 0},
	{"padding", {[0] = 0xa0, [19] = 4}, 20, 0, 12, 4},
	{"nothing but padding", {[0] = 0xa0, [15] = 4}, 16, 0, 12, 0},
	{"padding of 0", {[0] = 0xa0, [19] = 0}, 20, ERR_CORRUPT, 0, 0},
	{"padding into the header", {[0] = 0xa0, [19] = 9}, 20, ERR_CORRUPT, 0, 0},
	{"padding without a byte", {[0] = 0xa0, [11] = 1}, 12, ERR_CORRUPT, 0, 0},
	{"all at once", {[0] = 0xb1, [19] = 1, [31] = 2}, 32, 0, 24, 6},
};

static void test_rtp_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rtp_rows); i++) {
		const struct rtp_row *row = &rtp_rows[i];
		struct guard guard = guard_copy((struct view){(const char *)row->bytes, row->size});
		struct rtp_header header = {0};

		if (rtp_parse((const uint8_t *)guard.bytes, row->size, &header) != row->error)
			fail_msg("%s", row->name);
		if (row->error == 0 &&
		    (header.payload_offset != row->payload_offset || header.payload_size != row->payload_size))
			fail_msg("%s: payload at %u, %u bytes", row->name, header.payload_offset, header.payload_size);
		guard_free(&guard);
	}
}

static void test_rtp_fields(void **state)
{
	static const uint8_t bytes[] = {0x80, 0x88, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4};
	struct rtp_header header;

	assert_int_equal(rtp_parse(bytes, sizeof(bytes), &header), 0);
	assert_true(header.marker);
	assert_int_equal(header.payload_type, 8);
	assert_int_equal(header.sequence, 0x1234);
	assert_int_equal(header.timestamp, 0xdeadbeef);
	assert_int_equal(header.ssrc, 0x01020304);
}

/* SRTP: what padding says is not readable; everything else must hold. */
static void test_rtp_parse_secure(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rtp_rows); i++) {
		const struct rtp_row *row = &rtp_rows[i];
		struct guard guard = guard_copy((struct view){(const char *)row->bytes, row->size});
		struct rtp_header header = {0};
		bool is_padded = row->bytes[0] & 0x20;
		int error = rtp_parse_secure((const uint8_t *)guard.bytes, row->size, &header);

		if (error != (is_padded ? 0 : row->error))
			fail_msg("%s", row->name);
		if (error == 0 && header.payload_offset + header.payload_size != (int)row->size)
			fail_msg("%s: payload at %u, %u bytes", row->name, header.payload_offset, header.payload_size);
		guard_free(&guard);
	}
}

static void test_rtcp_parse_secure(void **state)
{
	static const uint8_t report[] = {0x81, 201, 0xff, 0xff, 1, 2, 3, 4, 0xaa};
	struct rtcp_header header;

	assert_int_equal(rtcp_parse_secure(report, sizeof(report), &header), 0);
	assert_int_equal(header.ssrc, 0x01020304);
	assert_int_equal(rtcp_parse_secure(report, 7, &header), ERR_CORRUPT);
	assert_int_equal(rtcp_parse_secure((const uint8_t *)"\x41\xc9\0\0\0\0\0\0", 8, &header), ERR_CORRUPT);
	assert_int_equal(rtcp_parse_secure((const uint8_t *)"\x81\x60\0\0\0\0\0\0", 8, &header), ERR_CORRUPT);
}

static void test_rtp_classify_every_first_byte(void **state)
{
	for (unsigned first = 0; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			uint8_t bytes[2] = {(uint8_t)first, (uint8_t)second};
			enum rtp_kind expected = first <= 3                     ? RTP_KIND_STUN
						 : first >= 20 && first <= 63   ? RTP_KIND_DTLS
						 : first < 128 || first > 191   ? RTP_KIND_OTHER
						 : second < 192 || second > 223 ? RTP_KIND_RTP
										: RTP_KIND_RTCP;

			assert_int_equal(rtp_classify(bytes, 2), expected);
		}
	}
	assert_int_equal(rtp_classify((const uint8_t *)"\x80", 1), RTP_KIND_OTHER);
	assert_int_equal(rtp_classify((const uint8_t *)"", 0), RTP_KIND_OTHER);
}

static const struct rtcp_row {
	const char *name;
	uint8_t bytes[40];
	size_t size;
	int error;
} rtcp_rows[] = {
	{"empty receiver report", {0x80, 201, 0, 1, 1, 2, 3, 4}, 8, 0},
	{"report and goodbye", {0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 203, 0, 1, 1, 2, 3, 4}, 16, 0},
	{"reduced size: feedback alone", {0x81, 205, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, 12, 0},
	{"padded at the end", {0x80, 201, 0, 1, 1, 2, 3, 4, 0xa0, 203, 0, 1, 0, 0, 0, 4}, 16, 0},
	{"padded in the middle", {0xa0, 201, 0, 1, 1, 2, 3, 4, 0x81, 203, 0, 1, 1, 2, 3, 4}, 16, ERR_CORRUPT},
	{"too short", {0x80, 201, 0, 0}, 4, ERR_CORRUPT},
	{"first without a sender", {0x80, 203, 0, 0, 0x80, 201, 0, 1, 1, 2, 3, 4}, 12, ERR_CORRUPT},
	{"longer than the packet", {0x80, 201, 0, 2, 1, 2, 3, 4}, 8, ERR_CORRUPT},
	{"three bytes behind the last", {0x80, 201, 0, 1, 1, 2, 3, 4, 0x80, 201, 0}, 11, ERR_CORRUPT},
	{"version 1 behind the first", {0x80, 201, 0, 1, 1, 2, 3, 4, 0x40, 203, 0, 0}, 12, ERR_CORRUPT},
	{"RTP behind the first", {0x80, 201, 0, 1, 1, 2, 3, 4, 0x80, 0, 0, 0}, 12, ERR_CORRUPT},
};

static void test_rtcp_parse(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rtcp_rows); i++) {
		const struct rtcp_row *row = &rtcp_rows[i];
		struct guard guard = guard_copy((struct view){(const char *)row->bytes, row->size});
		struct rtcp_header header = {0};

		if (rtcp_parse((const uint8_t *)guard.bytes, row->size, &header) != row->error)
			fail_msg("%s", row->name);
		if (row->error == 0 && header.ssrc != 0x01020304)
			fail_msg("%s: SSRC %x", row->name, header.ssrc);
		guard_free(&guard);
	}
}

/* ---- loss: rows of sequence numbers ---- */
static const struct loss_row {
	const char *name;
	uint16_t sequences[12];
	size_t count;
	uint64_t lost;
} loss_rows[] = {
	{"none", {1, 2, 3, 4}, 4, 0},
	{"one", {1, 2, 4, 5}, 4, 1},
	{"over the wrap", {65534, 65535, 0, 1}, 4, 0},
	{"lost at the wrap", {65534, 1, 2}, 3, 2},
	{"swapped", {1, 3, 2, 4}, 4, 0},
	{"swapped over the wrap", {65535, 1, 0, 2}, 4, 0},
	{"twice", {1, 2, 2, 3}, 4, 0},
	{"more duplicates than losses never go below zero", {1, 1, 1, 3}, 4, 0},
	{"late one before the first", {10, 9, 11}, 3, 0},
	{"a jump of 2999 is loss", {0, 2999}, 2, 2998},
	{"one wild packet is not counted", {100, 101, 40000, 102}, 4, 0},
	{"two in a row are a new start", {100, 102, 40000, 40001, 40002}, 5, 1},
	{"a new start with loss after it", {100, 40000, 40001, 40004}, 4, 2},
};

static void test_rtp_loss(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(loss_rows); i++) {
		const struct loss_row *row = &loss_rows[i];
		struct rtp_header header = {.ssrc = 1, .sequence = row->sequences[0]};
		struct rtp_statistics statistics = {0};

		rtp_statistics_begin(&statistics, &header);
		for (size_t s = 1; s < row->count; s++)
			rtp_statistics_sequence(&statistics, row->sequences[s]);
		if (rtp_statistics_lost(&statistics) != row->lost)
			fail_msg("%s: %llu", row->name, (unsigned long long)rtp_statistics_lost(&statistics));
	}
}

static void test_rtp_loss_over_many_wraps_and_senders(void **state)
{
	struct rtp_statistics statistics = {0};
	struct rtp_header header = {.ssrc = 1, .sequence = 60000};
	uint64_t lost = 0;

	rtp_statistics_begin(&statistics, &header);
	for (uint32_t i = 60001; i < 60000 + 65536 * 5; i++) {
		if (i % 100 == 0)
			lost++;
		else
			rtp_statistics_sequence(&statistics, (uint16_t)i);
	}
	assert_int_equal(rtp_statistics_lost(&statistics), lost);
	assert_int_equal(statistics.max >> 16, 5);
	header.ssrc = 2;
	rtp_statistics_begin(&statistics, &header);
	assert_int_equal(rtp_statistics_lost(&statistics), lost);
	rtp_statistics_sequence(&statistics, 60002);
	assert_int_equal(rtp_statistics_lost(&statistics), lost + 1);
}

static void test_rtp_jitter(void **state)
{
	struct rtp_statistics statistics = {0};
	struct rtp_header header = {.ssrc = 1};
	uint64_t now_us = 1000000;
	double expected = 0;

	rtp_statistics_begin(&statistics, &header);
	/* Even arrivals: none. */
	for (uint32_t i = 0; i < 100; i++)
		rtp_statistics_jitter(&statistics, i * 160, now_us + i * 20000, 8000);
	assert_int_equal(rtp_statistics_jitter_us(&statistics, 8000), 0);
	/* Every other packet 5 ms late: |D| is 40 units each time; J += (|D| - J) / 16. */
	now_us += 100 * 20000;
	for (uint32_t i = 0; i < 400; i++) {
		rtp_statistics_jitter(&statistics, (100 + i) * 160, now_us + i * 20000 + (i % 2 ? 5000 : 0), 8000);
		if (i)
			expected += (40 - expected) / 16;
	}
	assert_in_range(rtp_statistics_jitter_us(&statistics, 8000), (uint64_t)(expected * 125) - 70,
			(uint64_t)(expected * 125) + 70);
	/* Packets with the same timestamp, 20 ms apart (an event), change nothing. */
	uint32_t before = statistics.jitter;
	for (uint32_t i = 0; i < 50; i++)
		rtp_statistics_jitter(&statistics, 499 * 160, now_us + (400 + i) * 20000, 8000);
	assert_int_equal(statistics.jitter, before);
	assert_int_equal(rtp_statistics_jitter_us(&statistics, 0), 0);
}

static void test_rtp_clock(void **state)
{
	assert_int_equal(rtp_clock_hz(0), 8000);
	assert_int_equal(rtp_clock_hz(8), 8000);
	assert_int_equal(rtp_clock_hz(9), 8000);
	assert_int_equal(rtp_clock_hz(10), 44100);
	assert_int_equal(rtp_clock_hz(96), RTP_CLOCK_DYNAMIC);
	assert_int_equal(rtp_clock_hz(127), RTP_CLOCK_DYNAMIC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rtp_parse),
		cmocka_unit_test(test_rtp_parse_secure),
		cmocka_unit_test(test_rtcp_parse_secure),
		cmocka_unit_test(test_rtp_fields),
		cmocka_unit_test(test_rtp_classify_every_first_byte),
		cmocka_unit_test(test_rtcp_parse),
		cmocka_unit_test(test_rtp_loss),
		cmocka_unit_test(test_rtp_loss_over_many_wraps_and_senders),
		cmocka_unit_test(test_rtp_jitter),
		cmocka_unit_test(test_rtp_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
