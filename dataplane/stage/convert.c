/* From one G.711 law to the other, and from one party's payload types to the other's, packet by packet: sequence number,
 * time and SSRC stay, so nothing waits and nothing is lost. */
#include "dataplane/stage/stage.h"

#include "lib/codec/codec.h"

/* What `to` calls that type; SHM_NO_PAYLOAD_TYPE when it does not know it. */
static uint8_t type_of(const struct shm_audio *from, const struct shm_audio *to, uint8_t payload_type)
{
	if (payload_type == from->payload_type)
		return to->payload_type;
	if (payload_type == from->event_type)
		return to->event_type;
	if (payload_type == from->noise_type)
		return to->noise_type;
	/* The static type of G.711 is clear even where it was not agreed: gateways fall back to it. */
	return payload_type == to->payload_type && payload_type < 96 ? payload_type : SHM_NO_PAYLOAD_TYPE;
}

static const uint8_t *table_of(const struct shm_audio *from, const struct shm_audio *to)
{
	if (from->codec == to->codec)
		return NULL;
	return from->codec == CODEC_PCMU ? g711_ulaw_to_alaw : g711_alaw_to_ulaw;
}

/* False: the receiver has no name for what the packet holds. */
static bool convert(struct rte_mbuf *packet)
{
	struct packet_meta *meta = packet_meta(packet);
	const struct shm_audio *from = &meta->stream->audio, *to = &meta->out->audio;
	uint8_t *bytes = rte_pktmbuf_mtod_offset(packet, uint8_t *, meta->payload_offset);
	uint8_t type = type_of(from, to, meta->payload_type);
	const uint8_t *table = table_of(from, to);
	struct rtp_header header;

	if (stream_conversion(from, to) == STREAM_RELAYED)
		return true; /* one of several listeners */
	meta->has_sum = false;
	if (type == SHM_NO_PAYLOAD_TYPE)
		return false;
	if (table && meta->payload_type == from->payload_type) {
		/* Parsed before: by classify, or after it was deciphered. */
		if (BUG_ON(rtp_parse(bytes, meta->payload_size, &header) != 0))
			return false;
		g711_map(table, bytes + header.payload_offset, header.payload_size);
	}
	bytes[1] = (uint8_t)((bytes[1] & 0x80) | type);
	return true;
}

/* Uses:   stream, out, payload_type, payload.
 * Sets:   the payload, and its type in the packet.
 * Drops:  DROP_PAYLOAD_TYPE: a type that was not agreed with the sender, or that the receiver does not take.
 * Memory: a cold line of both streams, prefetched by a pass of its own; the whole payload. */
void stage_convert(struct stage_context *context, struct burst *burst)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->count; i++) {
		rte_prefetch0(&packet_meta(burst->packets[i])->stream->audio);
		rte_prefetch0(&packet_meta(burst->packets[i])->out->audio);
	}
	for (uint16_t i = 0; i < burst->count; i++) {
		struct rte_mbuf *packet = burst->packets[i];

		if (likely(convert(packet)))
			burst->packets[kept++] = packet;
		else
			stage_drop_of_stream(context, packet, packet_meta(packet)->stream, DROP_PAYLOAD_TYPE);
	}
	context->counters[WORKER_RTP_CONVERTED] += kept;
	burst->count = kept;
}
