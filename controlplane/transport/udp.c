/* One UDP socket: opened with everything that SIP wants, read in batches with the address each datagram was sent to,
 * written to with the address it shall come from. */
#include "controlplane/transport/transport_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BUFFER = 4 << 20, SLOT_SIZE = TRANSPORT_MESSAGE_MAX + 1 };

/* ---- opening ---- */

static bool set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* Fragments are allowed: a message larger than the path's MTU has to arrive all the same. */
static bool set_options(int fd, uint8_t family, uint8_t dscp)
{
	if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) &&
	    !set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER))
		return false;
	if (family == NET_IPV6)
		return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) &&
		       set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
		       set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2) &&
		       set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	return set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) && set_option(fd, IPPROTO_IP, IP_TOS, dscp << 2) &&
	       set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

int transport_udp_open(struct net_endpoint *endpoint, uint8_t dscp, bool shares_port, int *ret_fd,
		       struct transport_problem *ret_problem)
{
	struct sockaddr_storage sockaddr;
	socklen_t size = (socklen_t)net_endpoint_to_sockaddr(endpoint, &sockaddr);
	int fd = socket(sockaddr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return transport_problem_of(errno, "UDP", endpoint, ret_problem);
	if (!set_options(fd, endpoint->address.family, dscp) ||
	    (shares_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
	    bind(fd, (struct sockaddr *)&sockaddr, size) < 0) {
		error = transport_problem_of(errno, "UDP", endpoint, ret_problem);
		goto fail;
	}
	size = sizeof(sockaddr);
	if (getsockname(fd, (struct sockaddr *)&sockaddr, &size) < 0) {
		error = transport_problem_of(errno, "UDP", endpoint, ret_problem);
		goto fail;
	}
	error = net_endpoint_from_sockaddr((struct sockaddr *)&sockaddr, endpoint);
	if (error < 0)
		goto fail;
	*ret_fd = fd;
	return 0;
fail:
	close(fd);
	return error;
}

/* ---- control messages: the address of ours that a datagram came to, or shall come from ---- */

union control {
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct cmsghdr align;
};

static void local_of(struct msghdr *message, struct net_address *local)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*local = (struct net_address){.family = NET_IPV4};
			memcpy(local->bytes, &info.ipi_spec_dst, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			*local = (struct net_address){.family = NET_IPV6};
			memcpy(local->bytes, &info.ipi6_addr, 16);
		}
	}
}

static void set_local(struct msghdr *message, union control *control, const struct net_address *local)
{
	bool is_ipv6 = local->family == NET_IPV6;
	size_t size = is_ipv6 ? sizeof(struct in6_pktinfo) : sizeof(struct in_pktinfo);
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(size);
	c = CMSG_FIRSTHDR(message);
	c->cmsg_level = is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = is_ipv6 ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(size);
	if (is_ipv6) {
		struct in6_pktinfo info = {0};

		memcpy(&info.ipi6_addr, local->bytes, 16);
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, local->bytes, 4);
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	}
}

/* ---- sending ---- */

static int error_of(int number)
{
	switch (number) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return ERR_AGAIN;
	case EMSGSIZE:
		return ERR_TOO_LONG;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
	case EINVAL:
		return ERR_NOT_FOUND;
	case EPERM:
	case EACCES:
		return ERR_PERMISSION;
	default:
		return ERR_IO;
	}
}

int transport_udp_send(int fd, const struct net_endpoint *bound, const struct transport_flow *flow, struct view bytes)
{
	struct sockaddr_storage sockaddr;
	union control control;
	struct iovec data = {.iov_len = bytes.size};
	struct msghdr message = {.msg_name = &sockaddr, .msg_iov = &data, .msg_iovlen = 1};

	memcpy(&data.iov_base, &bytes.at, sizeof(data.iov_base)); /* sendmsg only reads it */
	message.msg_namelen = (socklen_t)net_endpoint_to_sockaddr(&flow->remote, &sockaddr);
	if (flow->remote.address.family != bound->address.family)
		return ERR_NOT_FOUND;
	if (net_address_is_any(&bound->address) && !net_address_is_any(&flow->local.address))
		set_local(&message, &control, &flow->local.address);
	return sendmsg(fd, &message, 0) < 0 ? error_of(errno) : 0;
}

/* ---- receiving ---- */

struct transport_udp_batch {
	struct mmsghdr messages[TRANSPORT_BATCH];
	struct iovec data[TRANSPORT_BATCH];
	struct sockaddr_storage sources[TRANSPORT_BATCH];
	union control controls[TRANSPORT_BATCH];
	char bytes[TRANSPORT_BATCH][SLOT_SIZE]; /* pages that no large message touched cost nothing */
};

int transport_udp_batch_new(struct transport_udp_batch **ret_batch)
{
	*ret_batch = malloc(sizeof(**ret_batch));
	return *ret_batch ? 0 : ERR_NOMEM;
}

void transport_udp_batch_free(struct transport_udp_batch *batch)
{
	free(batch);
}

static void prepare(struct transport_udp_batch *batch)
{
	for (unsigned i = 0; i < TRANSPORT_BATCH; i++) {
		batch->data[i] = (struct iovec){.iov_base = batch->bytes[i], .iov_len = SLOT_SIZE};
		batch->messages[i].msg_hdr = (struct msghdr){.msg_name = &batch->sources[i],
							     .msg_namelen = sizeof(batch->sources[i]),
							     .msg_iov = &batch->data[i],
							     .msg_iovlen = 1,
							     .msg_control = &batch->controls[i],
							     .msg_controllen = sizeof(batch->controls[i])};
	}
}

void transport_udp_receive(struct transport *transport, struct transport_udp_batch *batch, int fd,
			   const struct net_endpoint *bound)
{
	int count;

	prepare(batch);
	count = recvmmsg(fd, batch->messages, TRANSPORT_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		struct transport_flow flow = {.kind = TRANSPORT_UDP, .local = *bound};
		struct mmsghdr *message = &batch->messages[i];

		if (message->msg_hdr.msg_flags & MSG_TRUNC || message->msg_len > TRANSPORT_MESSAGE_MAX) {
			transport->stats.truncated++;
			continue;
		}
		if (net_endpoint_from_sockaddr((struct sockaddr *)&batch->sources[i], &flow.remote) < 0)
			continue;
		if (net_address_is_any(&bound->address))
			local_of(&message->msg_hdr, &flow.local.address);
		transport_receive(transport, &flow, batch->bytes[i], message->msg_len);
	}
}
