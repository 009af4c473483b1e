/* Addresses, endpoints and prefixes as text and as values. */
#include "lib/net/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct net_address) == 20, "part of the shared segment");
_Static_assert(sizeof(struct net_endpoint) == 24, "part of the shared segment");

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct net_address from_ipv4(const void *bytes)
{
	struct net_address a = {.family = NET_IPV4};

	memcpy(a.bytes, bytes, 4);
	return a;
}

static struct net_address from_ipv6(const void *bytes)
{
	struct net_address a = {.family = NET_IPV6};

	if (memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0)
		return from_ipv4((const uint8_t *)bytes + sizeof(mapped_prefix));
	memcpy(a.bytes, bytes, 16);
	return a;
}

size_t net_address_size(const struct net_address *address)
{
	return address->family == NET_IPV4 ? 4 : address->family == NET_IPV6 ? 16 : 0;
}

bool net_address_is_equal(const struct net_address *a, const struct net_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, net_address_size(a)) == 0;
}

bool net_address_is_any(const struct net_address *address)
{
	static const uint8_t zero[16];

	return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

bool net_address_is_loopback(const struct net_address *address)
{
	static const uint8_t one[16] = {[15] = 1};

	if (address->family == NET_IPV4)
		return address->bytes[0] == 127;
	return address->family == NET_IPV6 && memcmp(address->bytes, one, 16) == 0;
}

bool net_address_is_multicast(const struct net_address *address)
{
	if (address->family == NET_IPV4)
		return (address->bytes[0] & 0xf0) == 0xe0 || memcmp(address->bytes, "\xff\xff\xff\xff", 4) == 0;
	return address->family == NET_IPV6 && address->bytes[0] == 0xff;
}

int net_address_parse(struct view text, struct net_address *ret_address)
{
	char buffer[NET_ADDRESS_TEXT];
	uint8_t bytes[16];

	if (view_copy(text, buffer, sizeof(buffer)))
		return ERR_SYNTAX;
	if (inet_pton(AF_INET, buffer, bytes) == 1)
		*ret_address = from_ipv4(bytes);
	else if (inet_pton(AF_INET6, buffer, bytes) == 1)
		*ret_address = from_ipv6(bytes);
	else
		return ERR_SYNTAX;
	return 0;
}

/* By hand: it stands in every Via, Contact, session description and record, and inet_ntop goes through printf. */
static const char *print_ipv4(const uint8_t bytes[4], char buffer[NET_ADDRESS_TEXT])
{
	struct text text;

	text_init(&text, buffer, NET_ADDRESS_TEXT);
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			text_add_char(&text, '.');
		text_add_u64(&text, bytes[i]);
	}
	return buffer;
}

const char *net_address_print(const struct net_address *address, char buffer[NET_ADDRESS_TEXT])
{
	if (address->family == NET_IPV4)
		return print_ipv4(address->bytes, buffer);
	if (address->family != NET_IPV6 || !inet_ntop(AF_INET6, address->bytes, buffer, NET_ADDRESS_TEXT))
		memcpy(buffer, "-", 2);
	return buffer;
}

bool net_endpoint_is_equal(const struct net_endpoint *a, const struct net_endpoint *b)
{
	return a->port == b->port && net_address_is_equal(&a->address, &b->address);
}

int net_endpoint_parse(struct view text, uint16_t default_port, struct net_endpoint *ret_endpoint)
{
	struct net_endpoint endpoint = {.port = default_port};
	struct view host = text, port = {NULL, 0};
	uint32_t number;
	int error;

	if (text.size > 0 && text.at[0] == '[') {
		size_t close = view_find(text, ']');

		if (close == text.size)
			return ERR_SYNTAX;
		host = view_sub(text, 1, close - 1);
		port = view_sub(text, close + 1, text.size);
		if (port.size > 0 && port.at[0] != ':')
			return ERR_SYNTAX;
		port = view_sub(port, 1, port.size);
		if (port.size == 0 && close + 1 < text.size)
			return ERR_SYNTAX;
	} else if (view_find(text, ':') < text.size) {
		struct view rest = text;

		host = view_cut(&rest, ':');
		if (view_find(rest, ':') < rest.size)
			host = text; /* a bare IPv6 address has no port */
		else if (rest.size == 0)
			return ERR_SYNTAX;
		else
			port = rest;
	}
	if (port.size > 0) {
		error = view_to_u32(port, UINT16_MAX, &number);
		if (error)
			return error;
		endpoint.port = (uint16_t)number;
	}
	error = net_address_parse(host, &endpoint.address);
	if (error)
		return error;
	*ret_endpoint = endpoint;
	return 0;
}

const char *net_endpoint_print(const struct net_endpoint *endpoint, char buffer[NET_ENDPOINT_TEXT])
{
	char address[NET_ADDRESS_TEXT];
	bool is_ipv6 = endpoint->address.family == NET_IPV6;
	struct text text;

	text_init(&text, buffer, NET_ENDPOINT_TEXT);
	text_add_string(&text, is_ipv6 ? "[" : "");
	text_add_string(&text, net_address_print(&endpoint->address, address));
	text_add_string(&text, is_ipv6 ? "]:" : ":");
	text_add_u64(&text, endpoint->port);
	return buffer;
}

uint64_t net_endpoint_hash(const struct net_endpoint *endpoint)
{
	return hash_bytes(endpoint, sizeof(*endpoint));
}

size_t net_endpoint_to_sockaddr(const struct net_endpoint *endpoint, struct sockaddr_storage *ret_sockaddr)
{
	memset(ret_sockaddr, 0, sizeof(*ret_sockaddr));
	if (endpoint->address.family == NET_IPV6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sockaddr;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(endpoint->port);
		memcpy(&in6->sin6_addr, endpoint->address.bytes, 16);
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (struct sockaddr_in *)ret_sockaddr;

	in->sin_family = AF_INET;
	in->sin_port = htons(endpoint->port);
	memcpy(&in->sin_addr, endpoint->address.bytes, 4);
	return sizeof(*in);
}

int net_endpoint_from_sockaddr(const struct sockaddr *sockaddr, struct net_endpoint *ret_endpoint)
{
	struct net_endpoint endpoint = {0};

	if (sockaddr->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sockaddr;

		endpoint.address = from_ipv4(&in->sin_addr);
		endpoint.port = ntohs(in->sin_port);
	} else if (sockaddr->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sockaddr;

		endpoint.address = from_ipv6(&in6->sin6_addr);
		endpoint.port = ntohs(in6->sin6_port);
	} else {
		return ERR_UNSUPPORTED;
	}
	*ret_endpoint = endpoint;
	return 0;
}

int net_prefix_parse(struct view text, struct net_prefix *ret_prefix)
{
	struct view rest = text;
	struct net_prefix prefix = {0};
	uint32_t bits;
	int error = net_address_parse(view_cut(&rest, '/'), &prefix.address);

	if (error)
		return error;
	bits = (uint32_t)net_address_size(&prefix.address) * 8;
	if (rest.at) {
		error = view_to_u32(rest, bits, &bits);
		if (error)
			return error;
	}
	prefix.bits = (uint8_t)bits;
	*ret_prefix = prefix;
	return 0;
}

bool net_prefix_has(const struct net_prefix *prefix, const struct net_address *address)
{
	unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (prefix->address.family != address->family)
		return false;
	if (memcmp(prefix->address.bytes, address->bytes, whole) != 0)
		return false;
	return rest == 0 || ((prefix->address.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}
