/* Where a stream sends: the ready-made headers for its RTP and its RTCP, and the next hop's hardware address. */
#include "dataplane/stream/private.h"

#include "dataplane/neighbour/neighbour.h"

#define TIME_TO_LIVE 64

static void take_mac(struct stream_way *way, const uint8_t *mac)
{
	packet_template_set_destination_mac(&way->template, mac);
	way->is_ready = true;
}

bool stream_way_refresh(const struct stream_table *table, struct stream_way *way)
{
	uint64_t word;

	if (!way->has_remote)
		return false;
	if (way->neighbour != STREAM_NO_NEIGHBOUR && table->neighbours) {
		word = neighbour_load(table->neighbours, way->neighbour);
		if (word & NEIGHBOUR_VALID) {
			take_mac(way, (const uint8_t *)&word);
			return true;
		}
	}
	/* Once known, a hardware address serves until a better one is: resolving again must not interrupt a call. */
	if (!way->is_ready && way->has_interim)
		take_mac(way, way->interim);
	return way->is_ready;
}

static void aim_way(struct stream_table *table, const struct stream *stream, struct stream_way *way,
		    const struct stream_peer *to, uint16_t local_port)
{
	const struct stream_address *local = &table->lookup->addresses[stream->address];
	struct packet_flow flow = {.dscp = stream->dscp, .ttl = TIME_TO_LIVE};

	memcpy(flow.source_mac, local->mac, PACKET_MAC_SIZE);
	flow.source = (struct net_endpoint){.address = local->address, .port = local_port};
	flow.destination = stream_peer_endpoint(to);
	way->is_ready = false;
	way->port = local->port;
	way->has_offload = local->has_offload;
	/* Without a remote, or with one of the other family: nothing can be sent. */
	way->has_remote = to->family && to->port && packet_template_build(&flow, &way->template) == 0;
	if (!way->has_remote)
		return;
	way->payload_max = (uint16_t)(local->mtu - way->template.l3_size - PACKET_UDP_SIZE);
	stream_way_refresh(table, way);
}

/* Where RTCP goes: with mux where RTP goes; else the learned source, the signalled address, the port after RTP's. */
static struct stream_peer rtcp_remote(const struct stream *stream)
{
	struct stream_peer to = stream->peer;

	if (stream->flags & SHM_STREAM_RTCP_MUX)
		return to;
	if (stream->rtcp_peer.family)
		return stream->rtcp_peer;
	/* Latched to another host than the signalled one, the signalled RTCP address is as wrong as the RTP one was. */
	if (stream->signalled_rtcp.family &&
	    (stream->latch != STREAM_LATCHED || stream_peer_is_equal(&stream->peer, &stream->signalled)))
		return stream->signalled_rtcp;
	if (to.port)
		to.port++;
	return to;
}

void stream_aim(struct stream_table *table, struct stream *stream)
{
	bool mux = stream->flags & SHM_STREAM_RTCP_MUX;
	struct stream_peer rtcp = rtcp_remote(stream);

	aim_way(table, stream, &stream->rtp_way, &stream->peer, stream->local_port);
	aim_way(table, stream, &stream->rtcp_way, &rtcp, (uint16_t)(stream->local_port + (mux ? 0 : 1)));
}
