/* RTP and RTCP headers: bounds first, meaning second. */
#include "lib/rtp/rtp.h"

static uint16_t load_be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t load_be32(const uint8_t *bytes)
{
	return (uint32_t)load_be16(bytes) << 16 | load_be16(bytes + 2);
}

int rtp_parse_secure(const uint8_t *bytes, size_t size, struct rtp_header *ret_header)
{
	size_t offset;

	if (size < RTP_HEADER_SIZE || size > UINT16_MAX || bytes[0] >> 6 != 2)
		return ERR_CORRUPT;
	offset = RTP_HEADER_SIZE + (size_t)(bytes[0] & 0xf) * 4;
	if (bytes[0] & 0x10) {
		if (size < offset + 4)
			return ERR_CORRUPT;
		offset += 4 + (size_t)load_be16(bytes + offset + 2) * 4;
	}
	if (size < offset)
		return ERR_CORRUPT;
	ret_header->marker = bytes[1] >> 7;
	ret_header->payload_type = bytes[1] & 0x7f;
	ret_header->sequence = load_be16(bytes + 2);
	ret_header->timestamp = load_be32(bytes + 4);
	ret_header->ssrc = load_be32(bytes + 8);
	ret_header->payload_offset = (uint16_t)offset;
	ret_header->payload_size = (uint16_t)(size - offset);
	return 0;
}

int rtp_parse(const uint8_t *bytes, size_t size, struct rtp_header *ret_header)
{
	struct rtp_header header;
	uint8_t padding = 0;

	if (rtp_parse_secure(bytes, size, &header) != 0)
		return ERR_CORRUPT;
	if (bytes[0] & 0x20) {
		/* The last byte counts itself; a packet may be nothing but padding. */
		padding = bytes[size - 1];
		if (padding == 0 || padding > header.payload_size)
			return ERR_CORRUPT;
	}
	*ret_header = header;
	ret_header->payload_size = (uint16_t)(header.payload_size - padding);
	return 0;
}

uint32_t rtp_clock_hz(uint8_t payload_type)
{
	/* RFC 3551 table 4; G.722 (9) runs at 8000 by a mistake that is kept for compatibility. */
	static const uint32_t clocks[] = {
		[0] = 8000,   [3] = 8000,   [4] = 8000,   [5] = 8000,   [6] = 16000,  [7] = 8000,
		[8] = 8000,   [9] = 8000,   [10] = 44100, [11] = 44100, [12] = 8000,  [13] = 8000,
		[15] = 8000,  [16] = 11025, [17] = 22050, [18] = 8000,  [25] = 90000, [26] = 90000,
		[28] = 90000, [31] = 90000, [32] = 90000, [33] = 90000, [34] = 90000};

	return payload_type < ARRAY_LEN(clocks) ? clocks[payload_type] : RTP_CLOCK_DYNAMIC;
}

int rtcp_parse_secure(const uint8_t *bytes, size_t size, struct rtcp_header *ret_header)
{
	if (size < RTCP_HEADER_SIZE || bytes[0] >> 6 != 2 || bytes[1] < 192 || bytes[1] > 223)
		return ERR_CORRUPT;
	ret_header->packet_type = bytes[1];
	ret_header->ssrc = load_be32(bytes + 4);
	return 0;
}

int rtcp_parse(const uint8_t *bytes, size_t size, struct rtcp_header *ret_header)
{
	size_t at = 0;

	if (size < RTCP_HEADER_SIZE)
		return ERR_CORRUPT;
	while (at < size) {
		size_t packet_size;

		if (size - at < 4 || bytes[at] >> 6 != 2)
			return ERR_CORRUPT;
		if (bytes[at + 1] < 192 || bytes[at + 1] > 223)
			return ERR_CORRUPT;
		packet_size = ((size_t)load_be16(bytes + at + 2) + 1) * 4;
		if (packet_size > size - at)
			return ERR_CORRUPT;
		if (bytes[at] & 0x20 && at + packet_size != size)
			return ERR_CORRUPT;
		at += packet_size;
	}
	if (((size_t)load_be16(bytes + 2) + 1) * 4 < RTCP_HEADER_SIZE)
		return ERR_CORRUPT;
	ret_header->packet_type = bytes[1];
	ret_header->ssrc = load_be32(bytes + 4);
	return 0;
}
