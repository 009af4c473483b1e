/* Whatever a wire may carry: parsed, and if it is UDP, everything in it stays inside the bytes and its payload goes
 * through RTP and RTCP. */
#include <stdlib.h>

#include "lib/net/packet.h"
#include "lib/rtp/report.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* An item is at least a header's size but for the packet that carries it, so there are never more than words. */
static void walk_reports(const uint8_t *bytes, size_t size)
{
	struct rtcp_walk walk = rtcp_walk_of(bytes, size);
	struct rtcp_item item;
	size_t items = 0;

	while (rtcp_next(&walk, &item))
		check(++items <= size / 8);
}

static void parse_payload(const uint8_t *bytes, size_t size)
{
	struct rtp_statistics statistics = {0};
	struct rtp_gaps gaps = {0};
	struct rtcp_header rtcp;
	struct rtp_header rtp;

	switch (rtp_classify(bytes, size)) {
	case RTP_KIND_RTP:
		if (rtp_parse(bytes, size, &rtp))
			break;
		check((size_t)rtp.payload_offset + rtp.payload_size <= size && rtp.payload_offset >= RTP_HEADER_SIZE);
		rtp_statistics_begin(&statistics, &rtp);
		rtp_gaps_note(&gaps, &statistics, (uint16_t)rtp.timestamp);
		rtp_statistics_sequence(&statistics, (uint16_t)rtp.timestamp);
		rtp_statistics_jitter(&statistics, rtp.timestamp, rtp.ssrc, 8000);
		break;
	case RTP_KIND_RTCP:
		if (rtcp_parse(bytes, size, &rtcp) != 0)
			break;
		check(size % 4 == 0 && size >= RTCP_HEADER_SIZE);
		walk_reports(bytes, size);
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;

	parse_payload(data, size > UINT16_MAX ? UINT16_MAX : size);
	if (packet_parse(data, size, &packet) != PACKET_UDP)
		return 0;
	check((size_t)packet.payload_offset + packet.payload_size <= size);
	check(packet.family == NET_IPV4 || packet.family == NET_IPV6);
	check(packet_udp_checksum(&packet, data) != 0);
	check(packet_source(&packet, data).port == packet.source_port);
	parse_payload(data + packet.payload_offset, packet.payload_size);
	return 0;
}
