/* Which media address a peer is to be given: the one from which the kernel would reach it, if the engine has that one;
 * else one that serves where the peer is. */
#include "controlplane/media/media_private.h"

/* Higher is better; 0: cannot be used. */
static unsigned rank(const struct media *media, uint32_t index, uint8_t family, const struct net_address *source,
		     bool is_local_host)
{
	const struct shm_address *address = &media->place->segment.addresses[index];
	unsigned is_up = shm_address_is_up(&media->place->segment, index) ? 1 : 0;

	/* A phone on this machine cannot be reached out of the port whose address is the machine's own: its packets
	 * never leave. A phone that signals by one family there may still have the other. */
	if (is_local_host) {
		unsigned same = address->address.family == family ? 8 : 0;

		return 2 + is_up + same + (address->serves == SHM_SERVES_LOCAL ? 4 : 0);
	}
	if (address->address.family != family)
		return 0;
	if (net_address_is_equal(&address->address, source))
		return 8 + is_up;
	return address->serves == SHM_SERVES_NETWORK ? 2 + is_up : 0;
}

uint32_t media_addresses_toward(const struct media *media, const struct net_address *toward,
				uint16_t ret_addresses[SHM_ADDRESSES_MAX])
{
	unsigned ranks[SHM_ADDRESSES_MAX];
	struct net_address source;
	bool is_local_host = false;
	uint32_t count = 0;

	if (media->options.route(media->options.route_arg, toward, &source, &is_local_host) < 0)
		return 0;
	for (uint32_t i = 0; i < media->place->segment.address_count; i++) {
		unsigned r = rank(media, i, toward->family, &source, is_local_host);
		uint32_t at = count;

		if (r == 0)
			continue;
		for (; at > 0 && ranks[at - 1] < r; at--) {
			ranks[at] = ranks[at - 1];
			ret_addresses[at] = ret_addresses[at - 1];
		}
		ranks[at] = r;
		ret_addresses[at] = (uint16_t)i;
		count++;
	}
	return count;
}
