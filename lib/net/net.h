/* Addresses and endpoints as values: parse, print, compare, hash. No socket is opened here.
 *
 * Used by both daemons and by the shared segment (struct net_address has a fixed layout).
 * Threads: pure functions. Numbers are in host order; address bytes are in network order as on the wire.
 * Packet headers (Ethernet, IP, UDP, checksums) are in lib/net/packet.h.
 */
#ifndef LIB_NET_NET_H
#define LIB_NET_NET_H

#include "lib/base/base.h"

enum net_family { NET_NONE = 0, NET_IPV4 = 4, NET_IPV6 = 6 };

/* 20 bytes, no padding; bytes beyond the family's size are zero, so that memcmp compares. All zero: no address. */
struct net_address {
	uint8_t family; /* enum net_family */
	uint8_t reserved[3];
	uint8_t bytes[16];
};

struct net_endpoint {
	struct net_address address;
	uint16_t port;
	uint16_t reserved;
};

#define NET_ADDRESS_TEXT  46 /* longest printed address with its terminator */
#define NET_ENDPOINT_TEXT 56 /* "[address]:65535" */

size_t net_address_size(const struct net_address *address); /* 4, 16, or 0 */
bool net_address_is_equal(const struct net_address *a, const struct net_address *b);
bool net_address_is_any(const struct net_address *address); /* 0.0.0.0, ::, or no address at all */
bool net_address_is_loopback(const struct net_address *address);
bool net_address_is_multicast(const struct net_address *address);
/* "192.0.2.1", "2001:db8::1"; with brackets or a zone it is ERR_SYNTAX. IPv4-mapped IPv6 becomes IPv4. */
int net_address_parse(struct view text, struct net_address *ret_address) WARN_UNUSED;
/* Returns buffer; "-" when there is no address. */
const char *net_address_print(const struct net_address *address, char buffer[NET_ADDRESS_TEXT]);

bool net_endpoint_is_equal(const struct net_endpoint *a, const struct net_endpoint *b);
/* "192.0.2.1:5060", "[2001:db8::1]:5060"; without a port it gets default_port. */
int net_endpoint_parse(struct view text, uint16_t default_port, struct net_endpoint *ret_endpoint) WARN_UNUSED;
const char *net_endpoint_print(const struct net_endpoint *endpoint, char buffer[NET_ENDPOINT_TEXT]);
uint64_t net_endpoint_hash(const struct net_endpoint *endpoint);

/* To and from the socket interface's form. Mapped IPv6 becomes IPv4. ERR_UNSUPPORTED for other families. */
struct sockaddr_storage;
struct sockaddr;
size_t net_endpoint_to_sockaddr(const struct net_endpoint *endpoint, struct sockaddr_storage *ret_sockaddr);
int net_endpoint_from_sockaddr(const struct sockaddr *sockaddr, struct net_endpoint *ret_endpoint) WARN_UNUSED;

/* A prefix such as 192.0.2.0/24; a bare address is a prefix of its full length. */
struct net_prefix {
	struct net_address address;
	uint8_t bits;
};
int net_prefix_parse(struct view text, struct net_prefix *ret_prefix) WARN_UNUSED;
bool net_prefix_has(const struct net_prefix *prefix, const struct net_address *address);

#endif
