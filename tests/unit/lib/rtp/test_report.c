/* RTCP reports written and read back, hostile lengths, round trips, bursts of loss, and the E-model's known points. */
#include "tests/unit/unit.h"
#include "tests/unit/guard.h"

#include <math.h>

#include "lib/rtp/quality.h"
#include "lib/rtp/report.h"

static const struct rtcp_report full = {
	.ssrc = 0x11223344,
	.has_sender = true,
	.sender = {0xe0000001, 0x80000000, 160000, 1000, 160000},
	.has_block = true,
	.block = {0x55667788, 64, -3, 0x1ffff, 80, 0x00018000, 0x10000},
	.cname = {"voxlane", 7},
	.is_last = true,
};

static void test_report_written_and_read_back(void **state)
{
	uint8_t bytes[RTCP_REPORT_MAX];
	size_t size = rtcp_report_print(&full, bytes);
	struct guard guard = guard_copy((struct view){(const char *)bytes, size});
	struct rtcp_walk walk = rtcp_walk_of((const uint8_t *)guard.bytes, size);
	struct rtcp_header header;
	struct rtcp_item item;

	assert_int_equal(rtcp_parse((const uint8_t *)guard.bytes, size, &header), 0);
	assert_int_equal(header.packet_type, RTCP_SR);
	assert_true(rtcp_next(&walk, &item));
	assert_int_equal(item.kind, RTCP_ITEM_SENDER);
	assert_int_equal(item.author, full.ssrc);
	assert_memory_equal(&item.u.sender, &full.sender, sizeof(full.sender));
	assert_int_equal(rtcp_ntp_middle(&item.u.sender), 0x00018000);
	assert_true(rtcp_next(&walk, &item));
	assert_int_equal(item.kind, RTCP_ITEM_BLOCK);
	assert_int_equal(item.u.block.ssrc, full.block.ssrc);
	assert_int_equal(item.u.block.fraction_lost, 64);
	assert_int_equal(item.u.block.lost, -3);
	assert_int_equal(item.u.block.max_sequence, 0x1ffff);
	assert_int_equal(item.u.block.jitter, 80);
	assert_int_equal(item.u.block.last_sr, 0x00018000);
	assert_int_equal(item.u.block.delay_last_sr, 0x10000);
	assert_true(rtcp_next(&walk, &item));
	assert_int_equal(item.kind, RTCP_ITEM_BYE);
	assert_false(rtcp_next(&walk, &item));
	guard_free(&guard);
}

static void test_report_sizes_are_whole_words(void **state)
{
	char name[300];
	uint8_t bytes[RTCP_REPORT_MAX];
	struct rtcp_header header;

	memset(name, 'n', sizeof(name));
	for (size_t n = 0; n <= sizeof(name); n++) {
		struct rtcp_report report = {.ssrc = 1, .cname = {name, n}, .is_last = n & 1};
		size_t size = rtcp_report_print(&report, bytes);

		assert_in_range(size, 8, RTCP_REPORT_MAX);
		assert_int_equal(rtcp_parse(bytes, size, &header), 0);
		assert_int_equal(header.packet_type, RTCP_RR);
	}
}

static const uint8_t xr[] = {0x80, 207, 0, 13, 0xa,  0xb,  0xc,  0xd,  4,  0,  0,  2, 1, 2,   3, 4,   5, 6,
			     7,    8, /* a block we skip */
			     7,    0,   0, 8,  0x55, 0x66, 0x77, 0x88, 13, 26, 50, 1, 0, 200, 3, 232, 0, 80,
			     0,    30,  0, 0,  0,    16,   88,   127,  42, 41, 0,  0, 0, 60,  0, 120, 0, 200};

static void test_report_voip_metrics(void **state)
{
	struct rtcp_walk walk = rtcp_walk_of(xr, sizeof(xr));
	struct rtcp_header header;
	struct rtcp_item item;

	assert_int_equal(rtcp_parse(xr, sizeof(xr), &header), 0);
	assert_true(rtcp_next(&walk, &item));
	assert_int_equal(item.kind, RTCP_ITEM_VOIP);
	assert_int_equal(item.author, 0x0a0b0c0d);
	assert_int_equal(item.u.voip.ssrc, 0x55667788);
	assert_int_equal(item.u.voip.loss_rate, 13);
	assert_int_equal(item.u.voip.burst_ms, 200);
	assert_int_equal(item.u.voip.gap_ms, 1000);
	assert_int_equal(item.u.voip.round_trip_ms, 80);
	assert_int_equal(item.u.voip.r_factor, 88);
	assert_int_equal(item.u.voip.mos_listening, 42);
	assert_int_equal(item.u.voip.mos_conversation, 41);
	assert_int_equal(item.u.voip.jitter_buffer_ms, 60);
	assert_false(rtcp_next(&walk, &item));
}

/* Every cut and every byte set to the worst: nothing is read beyond the end, and the walk ends. */
static void test_report_hostile(void **state)
{
	uint8_t bytes[RTCP_REPORT_MAX + sizeof(xr)];
	size_t size = rtcp_report_print(&full, bytes);

	memcpy(bytes + size, xr, sizeof(xr));
	size += sizeof(xr);
	for (size_t i = 0; i < size * 2; i++) {
		struct guard guard = guard_copy((struct view){(const char *)bytes, i < size ? i : size});
		struct rtcp_walk walk = rtcp_walk_of((const uint8_t *)guard.bytes, guard.size);
		struct rtcp_item item;
		unsigned items = 0;

		if (i >= size)
			((uint8_t *)guard.bytes)[i - size] = 0xff;
		while (rtcp_next(&walk, &item))
			items++;
		assert_in_range(items, 0, 40);
		guard_free(&guard);
	}
}

static void test_report_round_trip(void **state)
{
	struct rtcp_block block = {.last_sr = 1, .delay_last_sr = 65536 / 2};
	uint32_t round_trip = 7;

	assert_true(rtcp_round_trip_us(&block, 580000, &round_trip));
	assert_int_equal(round_trip, 80000);
	assert_false(rtcp_round_trip_us(&block, 499999, &round_trip));
	assert_false(rtcp_round_trip_us(&block, 61000000, &round_trip));
	assert_int_equal(round_trip, 80000);
}

static void test_report_block_of_statistics(void **state)
{
	struct rtp_statistics statistics = {0};
	struct rtcp_before before = {0};
	struct rtcp_block block;
	uint16_t sequence = 65530;

	rtp_statistics_begin(&statistics, &(struct rtp_header){.ssrc = 9, .sequence = sequence});
	for (unsigned i = 1; i < 100; i++)
		if (i % 4)
			rtp_statistics_sequence(&statistics, (uint16_t)(sequence + i));
	block = rtcp_block_of(&statistics, &before);
	assert_int_equal(block.ssrc, 9);
	assert_int_equal(block.lost, 24);
	assert_int_equal(block.fraction_lost, 24 * 256 / 100);
	assert_int_equal(block.max_sequence, 65530 + 99);
	for (unsigned i = 100; i < 200; i++)
		rtp_statistics_sequence(&statistics, (uint16_t)(sequence + i));
	block = rtcp_block_of(&statistics, &before);
	assert_int_equal(block.lost, 24);
	assert_int_equal(block.fraction_lost, 0);
}

static const struct gap_row {
	const char *name;
	const char *pattern; /* a letter a packet: '.' arrives, 'x' is lost */
	unsigned runs, bursts, burst_lost;
} gap_rows[] = {
	{"nothing lost", "........", 0, 0, 0},
	{"one alone", "...x....", 1, 0, 0},
	{"two in a row", "...xx...", 1, 1, 2},
	{"two near each other", "..x...x.", 2, 1, 2},
	{"three near each other", "..x.x.x.", 3, 1, 3},
	{"two far apart", ".x..................x.", 2, 0, 0},
	{"two bursts", ".xx..................xxx.", 2, 2, 5},
};

static void test_gaps(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(gap_rows); i++) {
		const struct gap_row *row = &gap_rows[i];
		struct rtp_statistics statistics = {0};
		struct rtp_gaps gaps = {0};
		uint16_t sequence = 65533;

		rtp_statistics_begin(&statistics, &(struct rtp_header){.sequence = sequence});
		for (const char *at = row->pattern; *at; at++) {
			sequence++;
			if (*at == 'x')
				continue;
			rtp_gaps_note(&gaps, &statistics, sequence);
			rtp_statistics_sequence(&statistics, sequence);
		}
		if (gaps.runs != row->runs || gaps.bursts != row->bursts || gaps.burst_lost != row->burst_lost)
			fail_msg("%s: %u runs, %u bursts, %u lost in them", row->name, gaps.runs, gaps.bursts,
				 gaps.burst_lost);
	}
}

static void test_gaps_late_and_twice(void **state)
{
	static const uint16_t sequences[] = {11, 13, 12, 14, 14, 15};
	struct rtp_statistics statistics = {0};
	struct rtp_gaps gaps = {0};

	rtp_statistics_begin(&statistics, &(struct rtp_header){.sequence = 10});
	for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
		rtp_gaps_note(&gaps, &statistics, sequences[i]);
		rtp_statistics_sequence(&statistics, sequences[i]);
	}
	assert_int_equal(gaps.reordered, 1);
	assert_int_equal(gaps.duplicates, 1);
}

/* Delay: read off G.107's own curve within its line's width; loss: G.113's definition of Bpl. */
static const struct quality_row {
	const char *name, *codec;
	unsigned received, lost, runs, round_trip_ms;
	double r_min, r_max, mos_min, mos_max;
} quality_rows[] = {
	{"PCMU at its best", "PCMU", 10000, 0, 0, 0, 92, 93.3, 4.39, 4.42},
	{"case of letters", "pcma", 10000, 0, 0, 0, 92, 93.3, 4.39, 4.42},
	{"an unknown codec", "X-NEW", 10000, 0, 0, 0, 92, 93.3, 4.39, 4.42},
	{"G.729", "G729", 10000, 0, 0, 0, 81, 82.5, 4.05, 4.15},
	{"nothing received", "PCMU", 0, 0, 0, 0, 0, 0, 0, 0},
	{"two per cent", "PCMU", 9800, 200, 200, 0, 84, 87, 4.15, 4.3},
	{"two per cent in bursts of four", "PCMU", 9800, 200, 50, 0, 83, 86.9, 4.1, 4.3},
	{"a fifth", "PCMU", 8000, 2000, 2000, 0, 48, 53, 2.4, 2.8},
	{"half a second of delay", "PCMU", 10000, 0, 0, 1000, 45, 65, 2.4, 3.4},
	{"G.722 on the wide scale", "G722", 10000, 0, 0, 0, 113, 116.5, 4.2, 4.42},
};

static void test_quality(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(quality_rows); i++) {
		const struct quality_row *row = &quality_rows[i];
		struct quality_input input = {.codec = quality_codec_find(view_of(row->codec)),
					      .received = row->received,
					      .lost = row->lost,
					      .loss_runs = row->runs,
					      .round_trip_us = row->round_trip_ms * 1000};
		struct quality quality = quality_of(&input);

		if (quality.r < row->r_min || quality.r > row->r_max || quality.mos < row->mos_min ||
		    quality.mos > row->mos_max)
			fail_msg("%s: R %.1f, MOS %.2f", row->name, quality.r, quality.mos);
	}
}

/* R of G.107 annex A's default is 93.2; MOS of annex B: 50 gives 2.58, 60 3.10, 70 3.60, 80 4.03, 90 4.34. */
static void test_quality_published_points(void **state)
{
	static const double mos[][2] = {{50, 2.58}, {60, 3.10}, {70, 3.60}, {80, 4.03}, {90, 4.34}};
	double worse = 0;

	assert_true(fabs(94.77 - 1.41 - quality_delay_impairment(0) - 93.2) < 0.05);
	for (size_t i = 0; i < ARRAY_LEN(mos); i++)
		assert_true(fabs(quality_mos(mos[i][0], false) - mos[i][1]) < 0.01);
	for (double ms = 0; ms < 1000; ms += 10) {
		assert_true(quality_delay_impairment(ms) >= worse);
		worse = quality_delay_impairment(ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_written_and_read_back),
		cmocka_unit_test(test_report_sizes_are_whole_words),
		cmocka_unit_test(test_report_voip_metrics),
		cmocka_unit_test(test_report_hostile),
		cmocka_unit_test(test_report_round_trip),
		cmocka_unit_test(test_report_block_of_statistics),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_gaps_late_and_twice),
		cmocka_unit_test(test_quality),
		cmocka_unit_test(test_quality_published_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
