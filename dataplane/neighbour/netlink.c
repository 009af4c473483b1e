/* Netlink messages: building the questions, reading the answers and the news. */
#include "dataplane/neighbour/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "dataplane/neighbour/neighbour.h"

#define ANSWER_TIMEOUT_US 200000
#define NEWS_BUFFER_SIZE  (1 << 20) /* of the kernel, for bursts of news */
#define NUD_USABLE        (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

struct netlink {
	struct mnl_socket *questions, *news;
	struct netlink_listener listener;
	uint32_t sequence;
	char buffer[32768]; /* MNL_SOCKET_BUFFER_SIZE is at most 8192; more takes news in fewer calls */
};

/* What the callbacks for one answer fill in. */
struct answer {
	bool found;
	struct net_address address;
	struct netlink_neighbour neighbour;
	uint64_t word;
	uint32_t link;
};

static const int groups[] = {RTNLGRP_NEIGH,      RTNLGRP_LINK,      RTNLGRP_IPV4_ROUTE,
			     RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};

static int error_of_errno(void)
{
	switch (errno) {
	case EPERM:
	case EACCES:
		return ERR_PERMISSION;
	case ENOMEM:
		return ERR_NOMEM;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENOENT:
	case ENODEV:
	case ESRCH:
		return ERR_NOT_FOUND;
	default:
		return ERR_IO;
	}
}

int netlink_new(const struct netlink_listener *listener, struct netlink **ret_netlink)
{
	struct timeval timeout = {.tv_usec = ANSWER_TIMEOUT_US};
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int size = NEWS_BUFFER_SIZE, error;

	if (!netlink)
		return ERR_NOMEM;
	netlink->listener = *listener;
	netlink->questions = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	netlink->news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!netlink->questions || !netlink->news || mnl_socket_bind(netlink->questions, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_bind(netlink->news, 0, MNL_SOCKET_AUTOPID) ||
	    setsockopt(mnl_socket_get_fd(netlink->questions), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		goto fail;
	(void)setsockopt(mnl_socket_get_fd(netlink->news), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(netlink->news, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
			goto fail;
	}
	*ret_netlink = netlink;
	return 0;
fail:
	error = error_of_errno();
	netlink_free(netlink);
	return error;
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->questions)
		mnl_socket_close(netlink->questions);
	if (netlink->news)
		mnl_socket_close(netlink->news);
	free(netlink);
}

int netlink_fd(const struct netlink *netlink)
{
	return mnl_socket_get_fd(netlink->news);
}

/* ---- shared pieces of messages ---- */
static uint8_t family_of(const struct net_address *address)
{
	return address->family == NET_IPV6 ? AF_INET6 : AF_INET;
}

static void put_address(struct nlmsghdr *message, uint16_t type, const struct net_address *address)
{
	mnl_attr_put(message, type, net_address_size(address), address->bytes);
}

static bool get_address(const struct nlattr *attribute, uint8_t family, struct net_address *ret_address)
{
	struct net_address address = {.family = family == AF_INET6 ? NET_IPV6 : NET_IPV4};

	if (mnl_attr_get_payload_len(attribute) != net_address_size(&address))
		return false;
	memcpy(address.bytes, mnl_attr_get_payload(attribute), net_address_size(&address));
	*ret_address = address;
	return true;
}

static uint64_t get_word(const struct nlattr *attribute)
{
	uint64_t word = NEIGHBOUR_VALID;

	if (!attribute || mnl_attr_get_payload_len(attribute) != 6)
		return 0;
	memcpy(&word, mnl_attr_get_payload(attribute), 6);
	return word;
}

/* Sends the question in netlink->buffer and gives every message of the answer to read. */
static int ask(struct netlink *netlink, struct nlmsghdr *question, mnl_cb_t read, struct answer *answer)
{
	unsigned port = mnl_socket_get_portid(netlink->questions);
	ssize_t size;
	int result;

	question->nlmsg_flags |= NLM_F_REQUEST;
	question->nlmsg_seq = ++netlink->sequence;
	if (mnl_socket_sendto(netlink->questions, question, question->nlmsg_len) < 0)
		return error_of_errno();
	do {
		size = mnl_socket_recvfrom(netlink->questions, netlink->buffer, sizeof(netlink->buffer));
		if (size < 0)
			return error_of_errno();
		/* A late answer to an earlier question, which timed out, is not ours. */
		result = mnl_cb_run(netlink->buffer, (size_t)size, netlink->sequence, port, read, answer);
	} while (result < 0 && errno == EPROTO);
	if (result < 0)
		return error_of_errno();
	return answer->found ? 0 : ERR_NOT_FOUND;
}

/* ---- routes ---- */
static int read_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	struct answer *answer = arg;
	const struct nlattr *attribute;

	/* A destination of this very host, or one that is refused, is not reached through a port. */
	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	answer->found = true;
	mnl_attr_for_each(attribute, message, sizeof(*route))
	{
		uint16_t type = mnl_attr_get_type(attribute);

		if (type == RTA_GATEWAY)
			(void)get_address(attribute, route->rtm_family, &answer->address);
		if (type == RTA_VIA) { /* IPv4 by way of an IPv6 neighbour */
			const struct rtvia *via = mnl_attr_get_payload(attribute);
			size_t size = mnl_attr_get_payload_len(attribute) - sizeof(via->rtvia_family);

			if (via->rtvia_family == AF_INET6 && size == 16) {
				answer->address = (struct net_address){.family = NET_IPV6};
				memcpy(answer->address.bytes, via->rtvia_addr, size);
			}
		}
	}
	return MNL_CB_OK;
}

static int ask_route(struct netlink *netlink, uint32_t ifindex, const struct net_address *source,
		     const struct net_address *destination, struct answer *answer)
{
	struct nlmsghdr *question = mnl_nlmsg_put_header(netlink->buffer);
	struct rtmsg *route;

	question->nlmsg_type = RTM_GETROUTE;
	route = mnl_nlmsg_put_extra_header(question, sizeof(*route));
	route->rtm_family = family_of(destination);
	route->rtm_dst_len = (uint8_t)(net_address_size(destination) * 8);
	put_address(question, RTA_DST, destination);
	mnl_attr_put_u32(question, RTA_OIF, ifindex);
	if (source->family == destination->family) {
		route->rtm_src_len = route->rtm_dst_len;
		put_address(question, RTA_SRC, source);
	}
	return ask(netlink, question, read_route, answer);
}

int netlink_next_hop(struct netlink *netlink, uint32_t ifindex, const struct net_address *source,
		     const struct net_address *destination, struct net_address *ret_next_hop)
{
	static const struct net_address none;
	struct answer answer = {.address = *destination};
	int error = ask_route(netlink, ifindex, source, destination, &answer);

	/* The kernel refuses a source that is not one of its own addresses. */
	if (error)
		error = ask_route(netlink, ifindex, &none, destination, &answer);
	if (error)
		return error;
	*ret_next_hop = answer.address;
	return 0;
}

/* ---- neighbours ---- */
/* False when the message tells nothing: the kernel is still asking. */
static bool read_neighbour_message(const struct nlmsghdr *message, struct netlink_neighbour *neighbour)
{
	const struct ndmsg *entry = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute, *hardware = NULL;
	bool has_address = false;

	if (entry->ndm_family != AF_INET && entry->ndm_family != AF_INET6)
		return false;
	mnl_attr_for_each(attribute, message, sizeof(*entry))
	{
		uint16_t type = mnl_attr_get_type(attribute);

		if (type == NDA_DST)
			has_address = get_address(attribute, entry->ndm_family, &neighbour->address);
		if (type == NDA_LLADDR)
			hardware = attribute;
	}
	neighbour->ifindex = (uint32_t)entry->ndm_ifindex;
	neighbour->word = entry->ndm_state & NUD_USABLE ? get_word(hardware) : 0;
	neighbour->is_fixed = entry->ndm_state & (NUD_PERMANENT | NUD_NOARP);
	/* While the kernel asks for the first time it knows nothing yet. */
	return has_address && (neighbour->word || entry->ndm_state & NUD_FAILED);
}

static int read_neighbour(const struct nlmsghdr *message, void *arg)
{
	struct answer *answer = arg;

	if (message->nlmsg_type == RTM_NEWNEIGH && read_neighbour_message(message, &answer->neighbour))
		answer->found = true;
	return MNL_CB_OK;
}

static struct nlmsghdr *neighbour_message(struct netlink *netlink, uint16_t type, uint32_t ifindex,
					  const struct net_address *address, uint8_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(netlink->buffer);
	struct ndmsg *entry;

	message->nlmsg_type = type;
	entry = mnl_nlmsg_put_extra_header(message, sizeof(*entry));
	entry->ndm_family = family_of(address);
	entry->ndm_ifindex = (int32_t)ifindex;
	entry->ndm_flags = flags;
	put_address(message, NDA_DST, address);
	return message;
}

int netlink_neighbour(struct netlink *netlink, struct netlink_neighbour *neighbour)
{
	struct answer answer = {0};
	int error = ask(netlink, neighbour_message(netlink, RTM_GETNEIGH, neighbour->ifindex, &neighbour->address, 0),
			read_neighbour, &answer);

	if (error)
		return error;
	*neighbour = answer.neighbour;
	return 0;
}

/* NTF_USE: as if the kernel itself had a packet to send there. Goes out on the socket for news, whose errors nobody waits
 * for: an interface that just went away is told by news of its own. */
void netlink_probe(struct netlink *netlink, uint32_t ifindex, const struct net_address *address)
{
	struct nlmsghdr *message = neighbour_message(netlink, RTM_NEWNEIGH, ifindex, address, NTF_USE);

	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
	(void)!mnl_socket_sendto(netlink->news, message, message->nlmsg_len);
}

/* ---- links ---- */
static bool is_veth(const struct nlattr *link_info)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, link_info)
	{
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			return strncmp(mnl_attr_get_payload(attribute), "veth", mnl_attr_get_payload_len(attribute)) ==
			       0;
	}
	return false;
}

static int read_link(const struct nlmsghdr *message, void *arg)
{
	struct answer *answer = arg;
	const struct nlattr *attribute;
	bool veth = false, elsewhere = false;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg))
	{
		uint16_t type = mnl_attr_get_type(attribute);

		if (type == IFLA_ADDRESS)
			answer->word = get_word(attribute);
		if (type == IFLA_LINK)
			answer->link = mnl_attr_get_u32(attribute);
		if (type == IFLA_LINK_NETNSID)
			elsewhere = true;
		if (type == IFLA_LINKINFO)
			veth = is_veth(attribute);
	}
	answer->found = veth && !elsewhere;
	return MNL_CB_OK;
}

static int ask_link(struct netlink *netlink, uint32_t ifindex, struct answer *answer)
{
	struct nlmsghdr *question = mnl_nlmsg_put_header(netlink->buffer);
	struct ifinfomsg *link;

	question->nlmsg_type = RTM_GETLINK;
	link = mnl_nlmsg_put_extra_header(question, sizeof(*link));
	link->ifi_index = (int)ifindex;
	return ask(netlink, question, read_link, answer);
}

int netlink_veth_peer(struct netlink *netlink, uint32_t ifindex, uint64_t *ret_word)
{
	struct answer near = {0}, far = {0};
	int error = ask_link(netlink, ifindex, &near);

	if (error)
		return error;
	error = ask_link(netlink, near.link, &far);
	if (error)
		return error;
	*ret_word = far.word;
	return 0;
}

/* ---- news ---- */
static int read_news(const struct nlmsghdr *message, void *arg)
{
	struct netlink *netlink = arg;
	const struct netlink_listener *listener = &netlink->listener;
	struct netlink_neighbour neighbour;

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
		if (read_neighbour_message(message, &neighbour))
			listener->on_neighbour(listener->arg, &neighbour);
		break;
	case RTM_DELNEIGH:
		listener->on_neighbour_gone(listener->arg);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
	case RTM_NEWRULE:
	case RTM_DELRULE:
		listener->on_route_change(listener->arg);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		listener->on_link_change(listener->arg);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int ignore(const struct nlmsghdr *message, void *arg)
{
	return MNL_CB_OK;
}

void netlink_poll(struct netlink *netlink)
{
	mnl_cb_t controls[] = {[NLMSG_ERROR] = ignore};
	ssize_t size;

	for (;;) {
		size = mnl_socket_recvfrom(netlink->news, netlink->buffer, sizeof(netlink->buffer));
		if (size < 0 && errno == ENOBUFS) {
			netlink->listener.on_loss(netlink->listener.arg);
			continue;
		}
		if (size <= 0)
			return;
		(void)!mnl_cb_run2(netlink->buffer, (size_t)size, 0, 0, read_news, netlink, controls,
				   ARRAY_LEN(controls));
	}
}
