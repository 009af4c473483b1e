/* The match itself, for the programs that run inside the kernel (see media.h). `load` copies bytes of the packet and is
 * what differs between an XDP program and one that sees socket buffers; the compiler folds it in. */
#ifndef DATAPLANE_XDP_MEDIA_MATCH_H
#define DATAPLANE_XDP_MEDIA_MATCH_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "dataplane/xdp/media.h"

#define ETHERTYPE_AT   12
#define IP_AT          14
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTOCOL_UDP   17

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEDIA_ADDRESSES_MAX);
	__type(key, struct media_address);
	__type(value, struct media_range);
} media_addresses SEC(".maps");

typedef long media_load(void *context, __u32 offset, void *to, __u32 size);

static __always_inline int media_port_matches(const struct media_address *address, __be16 port)
{
	const struct media_range *range = bpf_map_lookup_elem(&media_addresses, address);
	__u16 number = bpf_ntohs(port);

	return range && number >= range->start && number <= range->end;
}

static __always_inline int media_matches_ipv4(void *context, media_load *load)
{
	struct media_address address = {.family = 4};
	__u8 ip[20];
	__be16 ports[2];

	/* Without options the UDP header follows at once: offset 20. */
	if (load(context, IP_AT, ip, sizeof(ip)) || ip[0] != 0x45 || ip[9] != PROTOCOL_UDP)
		return 0;
	/* "More fragments" set or an offset: only the kernel can put it together. */
	if ((ip[6] & 0x3f) || ip[7])
		return 0;
	if (load(context, IP_AT + sizeof(ip), ports, sizeof(ports)))
		return 0;
	__builtin_memcpy(address.bytes, ip + 16, 4);
	return media_port_matches(&address, ports[1]);
}

static __always_inline int media_matches_ipv6(void *context, media_load *load)
{
	struct media_address address = {.family = 6};
	__u8 ip[8];
	__be16 ports[2];

	/* A fragment or an extension header stands where the protocol is UDP otherwise. */
	if (load(context, IP_AT, ip, sizeof(ip)) || (ip[0] & 0xf0) != 0x60 || ip[6] != PROTOCOL_UDP)
		return 0;
	if (load(context, IP_AT + 24, address.bytes, sizeof(address.bytes)) ||
	    load(context, IP_AT + 40, ports, sizeof(ports)))
		return 0;
	return media_port_matches(&address, ports[1]);
}

static __always_inline int media_matches(void *context, media_load *load)
{
	__be16 ethertype;

	if (load(context, ETHERTYPE_AT, &ethertype, sizeof(ethertype)))
		return 0;
	if (ethertype == bpf_htons(ETHERTYPE_IPV4))
		return media_matches_ipv4(context, load);
	if (ethertype == bpf_htons(ETHERTYPE_IPV6))
		return media_matches_ipv6(context, load);
	return 0;
}

#endif
