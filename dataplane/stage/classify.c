/* Third step: RTP, RTCP, or a question of STUN or DTLS; with that the packet's lane is known. */
#include "dataplane/stage/stage.h"

static bool parse_rtp(struct packet_meta *meta, const uint8_t *payload)
{
	struct rtp_header header;
	bool is_secure = meta->stream->flags & SHM_STREAM_SECURE;

	if (meta->on_rtcp_port || (is_secure ? rtp_parse_secure(payload, meta->payload_size, &header)
					     : rtp_parse(payload, meta->payload_size, &header)) != 0)
		return false;
	meta->ssrc = header.ssrc;
	meta->timestamp = header.timestamp;
	meta->sequence = header.sequence;
	meta->payload_type = header.payload_type;
	return true;
}

static bool parse_rtcp(struct packet_meta *meta, const uint8_t *payload)
{
	struct rtcp_header header;

	if ((meta->stream->flags & SHM_STREAM_SECURE ? rtcp_parse_secure(payload, meta->payload_size, &header)
						     : rtcp_parse(payload, meta->payload_size, &header)) != 0)
		return false;
	meta->ssrc = header.ssrc;
	return true;
}

/* RTP as nearly all of it is: no padding, no extension, no contributors. False: it has to be looked at closely. */
static bool parse_plain_rtp(struct packet_meta *meta, const uint8_t *payload)
{
	uint16_t sequence;
	uint32_t words[2];

	/* A second byte of 192 to 223 is RTCP (RFC 5761). */
	if (meta->payload_size < RTP_HEADER_SIZE || payload[0] != 0x80 || (payload[1] & 0xe0) == 0xc0 ||
	    meta->on_rtcp_port)
		return false;
	memcpy(&sequence, payload + 2, 2);
	memcpy(words, payload + 4, 8);
	meta->sequence = __builtin_bswap16(sequence);
	meta->timestamp = __builtin_bswap32(words[0]);
	meta->ssrc = __builtin_bswap32(words[1]);
	meta->payload_type = payload[1] & 0x7f;
	meta->kind = RTP_KIND_RTP;
	return true;
}

static bool parse_closely(struct packet_meta *meta, const uint8_t *payload)
{
	meta->kind = (uint8_t)rtp_classify(payload, meta->payload_size);
	return meta->kind == RTP_KIND_RTP    ? parse_rtp(meta, payload)
	       : meta->kind == RTP_KIND_RTCP ? parse_rtcp(meta, payload)
					     : meta->kind != RTP_KIND_OTHER;
}

/* Uses:   stream, on_rtcp_port, payload.
 * Sets:   the burst's lanes; kind, lane, ssrc; of RTP also sequence, timestamp, payload_type.
 * Drops:  DROP_RTP_MALFORMED: bad header, neither of the four kinds, RTP on the RTCP port. RTCP is taken on either port,
 *         with or without mux: peers that disagree about it are common, and it is told apart with certainty. What is
 *         ciphered is judged by unprotect.
 * Memory: the payload's first line (RTCP: all of it), line 0 of the stream. */
void stage_classify(struct stage_context *context, struct burst *burst)
{
	uint32_t lanes = 0;
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		struct packet_meta *meta = packet_meta(packet);
		const uint8_t *payload = rte_pktmbuf_mtod_offset(packet, const uint8_t *, meta->payload_offset);

		if (unlikely(!parse_plain_rtp(meta, payload) && !parse_closely(meta, payload))) {
			stage_drop_of_stream(context, packet, meta->stream, DROP_RTP_MALFORMED);
			continue;
		}
		meta->lane = meta->stream->lanes[meta->kind];
		lanes |= 1u << meta->lane;
		burst->packets[kept++] = packet;
	}
	burst->count = kept;
	burst->lanes = lanes;
}
