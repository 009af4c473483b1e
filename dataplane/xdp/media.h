/* The kernel's side of the question "is this packet the engine's?", shared by the programs of this folder and by those
 * who fill in their maps. Compiled by clang for BPF and by the host's compiler; hence no include.
 *
 * Media is UDP over IPv4 or IPv6, without VLAN tag, IP options, extension headers or fragmentation, to an address of
 * the map and to a port inside that address' range. Everything else is the kernel's.
 */
#ifndef DATAPLANE_XDP_MEDIA_H
#define DATAPLANE_XDP_MEDIA_H

#define MEDIA_ADDRESSES_MAX 64
#define MEDIA_MAP           "media_addresses" /* of struct media_address -> struct media_range */
#define MEDIA_PROGRAM       "voxlane_media"   /* how a leftover of ours is known */

/* The layout of struct net_address. */
struct media_address {
	unsigned char family; /* 4 or 6 */
	unsigned char reserved[3];
	unsigned char bytes[16];
};

/* UDP ports, both inclusive, host order. */
struct media_range {
	unsigned short start, end;
};

#endif
