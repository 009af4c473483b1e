/* Programs of a port with driver af_packet, where the engine only listens in: the kernel gets every packet too.
 * voxlane_media, on the interface's ingress hook, drops media behind the engine's socket, so that the kernel does not
 * answer it with "port unreachable". media_only, on the socket, keeps everything but media from the engine. */
#include <linux/pkt_cls.h>

#include "dataplane/xdp/media_match.h"

static __always_inline long load_skb(void *context, __u32 offset, void *to, __u32 size)
{
	return bpf_skb_load_bytes(context, offset, to, size);
}

SEC("tc")
int voxlane_media(struct __sk_buff *packet)
{
	return !packet->vlan_present && media_matches(packet, load_skb) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("socket")
int media_only(struct __sk_buff *packet)
{
	return !packet->vlan_present && media_matches(packet, load_skb) ? packet->len : 0;
}

char media_license[] SEC("license") = "Dual MIT/GPL";
