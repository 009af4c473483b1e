/* XDP program of a port with driver af_xdp: media goes to the engine's socket of the receiving queue, the rest to the
 * kernel. DPDK loads and attaches it (`xdp_prog`) and fills xsks_map; we fill media_addresses after that. Until then,
 * and on a queue that has no socket, everything passes. */
#include "dataplane/xdp/media_match.h"

#define QUEUES_MAX 64

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

static __always_inline long load_xdp(void *context, __u32 offset, void *to, __u32 size)
{
	struct xdp_md *packet = context;
	void *from = (void *)(long)packet->data + offset;

	if (from + size > (void *)(long)packet->data_end)
		return -1;
	__builtin_memcpy(to, from, size);
	return 0;
}

SEC("xdp")
int voxlane_media(struct xdp_md *packet)
{
	if (!media_matches(packet, load_xdp))
		return XDP_PASS;
	return bpf_redirect_map(&xsks_map, packet->rx_queue_index, XDP_PASS);
}

char media_license[] SEC("license") = "Dual MIT/GPL";
