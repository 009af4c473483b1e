/* Which of our addresses the kernel would use toward a peer: connecting a UDP socket sends nothing and tells. Answers
 * are remembered for TRANSPORT_ROUTE_MS in a direct-mapped table, so a stranger's addresses cannot make it grow. */
#include "controlplane/transport/transport_private.h"

#include <sys/socket.h>
#include <unistd.h>

static int ask_kernel(const struct net_address *toward, struct net_address *ret_source)
{
	struct net_endpoint remote = {.address = *toward, .port = 9}, local;
	struct sockaddr_storage sockaddr;
	socklen_t size = (socklen_t)net_endpoint_to_sockaddr(&remote, &sockaddr);
	int fd = socket(sockaddr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = ERR_NOT_FOUND;

	if (fd < 0)
		return ERR_IO;
	if (connect(fd, (struct sockaddr *)&sockaddr, size) == 0) {
		size = sizeof(sockaddr);
		if (getsockname(fd, (struct sockaddr *)&sockaddr, &size) == 0)
			error = net_endpoint_from_sockaddr((struct sockaddr *)&sockaddr, &local);
	}
	close(fd);
	if (error == 0)
		*ret_source = local.address;
	return error;
}

int transport_routes_find(struct transport_routes *routes, uint64_t now_ms, const struct net_address *toward,
			  struct net_address *ret_source, bool *ret_is_local_host)
{
	struct transport_route_entry *entry =
		&routes->entries[hash_bytes(toward, sizeof(*toward)) % TRANSPORT_ROUTES_MAX];

	if (net_address_size(toward) == 0)
		return ERR_INVALID;
	if (entry->until_ms <= now_ms || !net_address_is_equal(&entry->toward, toward)) {
		struct net_address source;
		int error = ask_kernel(toward, &source);

		if (error < 0)
			return error;
		/* To an address of this machine the kernel goes from that very address. */
		*entry = (struct transport_route_entry){.toward = *toward,
							.source = source,
							.until_ms = now_ms + TRANSPORT_ROUTE_MS,
							.is_local_host = net_address_is_loopback(toward) ||
									 net_address_is_equal(toward, &source)};
	}
	*ret_source = entry->source;
	*ret_is_local_host = entry->is_local_host;
	return 0;
}
