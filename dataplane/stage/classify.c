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

/* Uses:   stream, on_rtcp_port, payload.
 * Sets:   kind, lane, ssrc; of RTP also sequence, timestamp, payload_type.
 * Drops:  DROP_RTP_MALFORMED: bad header, neither of the four kinds, RTP on the RTCP port. RTCP is taken on either port,
 *         with or without mux: peers that disagree about it are common, and it is told apart with certainty. What is
 *         ciphered is judged by unprotect.
 * Memory: the payload's first line (RTCP: all of it), line 0 of the stream. */
void stage_classify(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];
		struct packet_meta *meta = packet_meta(packet);
		const uint8_t *payload = rte_pktmbuf_mtod_offset(packet, const uint8_t *, meta->payload_offset);
		enum rtp_kind kind = rtp_classify(payload, meta->payload_size);
		bool is_good = kind == RTP_KIND_RTP    ? parse_rtp(meta, payload)
			       : kind == RTP_KIND_RTCP ? parse_rtcp(meta, payload)
						       : kind != RTP_KIND_OTHER;

		if (unlikely(!is_good)) {
			stage_drop_of_stream(context, packet, meta->stream, DROP_RTP_MALFORMED);
			continue;
		}
		meta->kind = (uint8_t)kind;
		meta->lane = meta->stream->lanes[kind];
		burst->packets[kept++] = packet;
	}
	burst->count = kept;
}
