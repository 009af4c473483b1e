/* How packets get to a peer: the ready-made headers, what is needed to use them, and what was sent by them.
 *
 * Used by dataplane/stream, which fills it in, and the stages, which read the second line for every packet of IPv4 and
 * both for IPv6. Threads and ownership: a part of its stream (stream.h).
 */
#ifndef DATAPLANE_STREAM_WAY_H
#define DATAPLANE_STREAM_WAY_H

#include "lib/net/packet.h"

/* Two lines, laid out so that the end of the template's header, which is all of an IPv4 header, and what is needed with it
 * share the second. */
struct stream_way {
	CACHE_ALIGNED uint32_t neighbour; /* index of the next hop, or STREAM_NO_NEIGHBOUR */
	uint8_t has_remote;
	uint8_t has_interim; /* interim: where the peer's packets came from, until the neighbour is known */
	uint8_t interim[PACKET_MAC_SIZE];
	uint8_t reserved[CACHE_LINE + PACKET_TEMPLATE_IPV4 - PACKET_TEMPLATE_SIZE - 12];
	struct packet_template template;
	uint16_t port;           /* dataplane port, by index */
	uint16_t payload_max;    /* UDP payload that fits the port */
	uint8_t is_ready;        /* remote and hardware address are known */
	uint8_t has_offload;     /* the port finishes checksums */
	uint32_t packets, bytes; /* sent since stream_settle; written for every packet */
};
_Static_assert(sizeof(struct stream_way) == 2 * CACHE_LINE, "two lines");
_Static_assert(offsetof(struct stream_way, template) + PACKET_TEMPLATE_SIZE - PACKET_TEMPLATE_IPV4 == CACHE_LINE,
	       "the header of IPv4 begins the second line");

#endif
