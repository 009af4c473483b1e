/* RTCP reports, block by block. */
#include "lib/rtp/report.h"

enum { SENDER_SIZE = 20, BLOCK_SIZE = 24, VOIP_TYPE = 7, VOIP_SIZE = 36, XR_BLOCK_HEAD = 4 };
#define ROUND_TRIP_MAX_US 60000000u
#define CNAME_TYPE        1

static uint16_t load_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t load_be32(const uint8_t *bytes)
{
	return (uint32_t)load_be16(bytes) << 16 | load_be16(bytes + 2);
}

static uint8_t *store_be32(uint8_t *bytes, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*bytes++ = (uint8_t)(value >> shift);
	return bytes;
}

/* ---- reading ---- */

static struct rtcp_sender load_sender(const uint8_t *bytes)
{
	return (struct rtcp_sender){load_be32(bytes), load_be32(bytes + 4), load_be32(bytes + 8), load_be32(bytes + 12),
				    load_be32(bytes + 16)};
}

static struct rtcp_block load_block(const uint8_t *bytes)
{
	uint32_t word = load_be32(bytes + 4);

	return (struct rtcp_block){
		.ssrc = load_be32(bytes),
		.fraction_lost = (uint8_t)(word >> 24),
		.lost = (int32_t)(word << 8) >> 8,
		.max_sequence = load_be32(bytes + 8),
		.jitter = load_be32(bytes + 12),
		.last_sr = load_be32(bytes + 16),
		.delay_last_sr = load_be32(bytes + 20),
	};
}

static struct rtcp_voip load_voip(const uint8_t *bytes)
{
	return (struct rtcp_voip){
		.ssrc = load_be32(bytes + 4),
		.loss_rate = bytes[8],
		.discard_rate = bytes[9],
		.burst_density = bytes[10],
		.gap_density = bytes[11],
		.burst_ms = load_be16(bytes + 12),
		.gap_ms = load_be16(bytes + 14),
		.round_trip_ms = load_be16(bytes + 16),
		.end_system_ms = load_be16(bytes + 18),
		.r_factor = bytes[24],
		.mos_listening = bytes[26],
		.mos_conversation = bytes[27],
		.jitter_buffer_ms = load_be16(bytes + 30),
	};
}

/* One item of the packet at `packet`, which ends at `end`; false when it has no more. */
static bool next_in_packet(struct rtcp_walk *walk, const uint8_t *packet, size_t size, struct rtcp_item *item)
{
	uint8_t type = packet[1];

	item->author = load_be32(packet + 4);
	if (walk->at == 0) {
		walk->at = RTCP_HEADER_SIZE;
		walk->blocks = packet[0] & 0x1f;
		if (type == RTCP_BYE) {
			item->kind = RTCP_ITEM_BYE;
			walk->at = size;
			return walk->blocks > 0;
		}
		if (type == RTCP_SR) {
			if (size < RTCP_HEADER_SIZE + SENDER_SIZE)
				return false;
			walk->at += SENDER_SIZE;
			item->kind = RTCP_ITEM_SENDER;
			item->u.sender = load_sender(packet + RTCP_HEADER_SIZE);
			return true;
		}
	}
	if ((type == RTCP_SR || type == RTCP_RR) && walk->blocks > 0 && size - walk->at >= BLOCK_SIZE) {
		item->kind = RTCP_ITEM_BLOCK;
		item->u.block = load_block(packet + walk->at);
		walk->at += BLOCK_SIZE;
		walk->blocks--;
		return true;
	}
	while (type == RTCP_XR && size - walk->at >= XR_BLOCK_HEAD) {
		const uint8_t *block = packet + walk->at;
		size_t block_size = XR_BLOCK_HEAD + (size_t)load_be16(block + 2) * 4;

		if (block_size > size - walk->at)
			return false;
		walk->at += block_size;
		if (block[0] == VOIP_TYPE && block_size == VOIP_SIZE) {
			item->kind = RTCP_ITEM_VOIP;
			item->u.voip = load_voip(block);
			return true;
		}
	}
	return false;
}

bool rtcp_next(struct rtcp_walk *walk, struct rtcp_item *ret_item)
{
	while (walk->size - walk->packet >= RTCP_HEADER_SIZE) {
		const uint8_t *packet = walk->bytes + walk->packet;
		size_t size = ((size_t)load_be16(packet + 2) + 1) * 4;

		if (size > walk->size - walk->packet)
			return false;
		if (size >= RTCP_HEADER_SIZE && next_in_packet(walk, packet, size, ret_item))
			return true;
		walk->packet += size;
		walk->at = 0;
	}
	return false;
}

bool rtcp_round_trip_us(const struct rtcp_block *block, uint64_t since_us, uint32_t *ret_round_trip_us)
{
	uint64_t held_us = (uint64_t)block->delay_last_sr * 1000000 >> 16;

	if (since_us < held_us || since_us - held_us > ROUND_TRIP_MAX_US)
		return false;
	*ret_round_trip_us = (uint32_t)(since_us - held_us);
	return true;
}

/* ---- writing ---- */

static uint8_t *store_head(uint8_t *bytes, unsigned count, uint8_t type, size_t size, uint32_t ssrc)
{
	bytes[0] = (uint8_t)(0x80 | count);
	bytes[1] = type;
	bytes[2] = (uint8_t)((size / 4 - 1) >> 8);
	bytes[3] = (uint8_t)(size / 4 - 1);
	return store_be32(bytes + 4, ssrc);
}

static uint8_t *store_block(uint8_t *bytes, const struct rtcp_block *block)
{
	bytes = store_be32(bytes, block->ssrc);
	bytes = store_be32(bytes, (uint32_t)block->fraction_lost << 24 | ((uint32_t)block->lost & 0xffffff));
	bytes = store_be32(bytes, block->max_sequence);
	bytes = store_be32(bytes, block->jitter);
	bytes = store_be32(bytes, block->last_sr);
	return store_be32(bytes, block->delay_last_sr);
}

/* One chunk: SSRC, CNAME, at least one zero byte up to the next word. */
static uint8_t *store_cname(uint8_t *bytes, const struct rtcp_report *report)
{
	size_t name_size = MIN(report->cname.size, 255u);
	size_t size = ((RTCP_HEADER_SIZE + 2 + name_size) / 4 + 1) * 4;
	uint8_t *at = store_head(bytes, 1, RTCP_SDES, size, report->ssrc);

	*at++ = CNAME_TYPE;
	*at++ = (uint8_t)name_size;
	for (size_t i = 0; i < name_size; i++)
		*at++ = (uint8_t)report->cname.at[i];
	while (at < bytes + size)
		*at++ = 0;
	return at;
}

size_t rtcp_report_print(const struct rtcp_report *report, uint8_t *bytes)
{
	size_t size =
		RTCP_HEADER_SIZE + (report->has_sender ? SENDER_SIZE : 0u) + (report->has_block ? BLOCK_SIZE : 0u);
	uint8_t *at = store_head(bytes, report->has_block, report->has_sender ? RTCP_SR : RTCP_RR, size, report->ssrc);

	if (report->has_sender) {
		at = store_be32(at, report->sender.ntp_seconds);
		at = store_be32(at, report->sender.ntp_fraction);
		at = store_be32(at, report->sender.timestamp);
		at = store_be32(at, report->sender.packets);
		at = store_be32(at, report->sender.bytes);
	}
	if (report->has_block)
		at = store_block(at, &report->block);
	at = store_cname(at, report);
	if (report->is_last)
		at = store_head(at, 1, RTCP_BYE, RTCP_HEADER_SIZE, report->ssrc);
	return (size_t)(at - bytes);
}

struct rtcp_block rtcp_block_of(const struct rtp_statistics *statistics, struct rtcp_before *before)
{
	uint32_t expected = statistics->received ? statistics->max - statistics->base + 1 : 0;
	int64_t lost = (int64_t)expected - statistics->received;
	uint32_t expected_since = expected - before->expected, received_since = statistics->received - before->received;
	struct rtcp_block block = {
		.ssrc = statistics->ssrc,
		.lost = (int32_t)MAX(MIN(lost, 0x7fffff), -0x800000),
		.max_sequence = statistics->max,
		.jitter = statistics->jitter >> 4,
	};

	/* A sender that began anew makes both smaller: nothing is known of the time since then. */
	if (expected >= before->expected && expected_since > received_since)
		block.fraction_lost =
			(uint8_t)MIN(((uint64_t)(expected_since - received_since) << 8) / expected_since, 255u);
	*before = (struct rtcp_before){expected, statistics->received};
	return block;
}
