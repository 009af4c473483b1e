/* TCP sockets: opened with everything that SIP wants, and their errors in our words. Nothing here keeps state. */
#include "controlplane/transport/stream_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel asks a silent peer after KEEP_IDLE_S, and gives up what nobody acknowledges after USER_TIMEOUT_MS. */
enum { BACKLOG = 1024, KEEP_IDLE_S = 60, KEEP_EVERY_S = 15, KEEP_TIMES = 4, USER_TIMEOUT_MS = 30000 };

static int error_of(int number)
{
	switch (number) {
	case EAGAIN:
	case EINTR:
	case EINPROGRESS:
		return ERR_AGAIN;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return ERR_LIMIT;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
		return ERR_NOT_FOUND;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return ERR_CLOSED;
	default:
		return ERR_IO;
	}
}

static bool set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* An accepted socket inherits none of TCP's but is asked for all the same: one list for both ways. */
static bool set_options(int fd, uint8_t family, uint8_t dscp)
{
	bool is_marked = family == NET_IPV6 ? set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << 2)
					    : set_option(fd, IPPROTO_IP, IP_TOS, dscp << 2);

	return is_marked && set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
	       set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) && set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S) &&
	       set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S) &&
	       set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_TIMES) &&
	       set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

int transport_tcp_listen(struct net_endpoint *endpoint, uint8_t dscp, bool shares_port, const char *kind_name,
			 int *ret_fd, struct transport_problem *ret_problem)
{
	struct sockaddr_storage sockaddr;
	socklen_t size = (socklen_t)net_endpoint_to_sockaddr(endpoint, &sockaddr);
	int fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return transport_problem_of(errno, kind_name, endpoint, ret_problem);
	/* Connections of a process before us may still be in TIME_WAIT. */
	if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    (shares_port && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
	    (endpoint->address.family == NET_IPV6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
	    !set_options(fd, endpoint->address.family, dscp) || bind(fd, (struct sockaddr *)&sockaddr, size) < 0 ||
	    listen(fd, BACKLOG) < 0)
		goto fail;
	size = sizeof(sockaddr);
	if (getsockname(fd, (struct sockaddr *)&sockaddr, &size) < 0)
		goto fail;
	error = net_endpoint_from_sockaddr((struct sockaddr *)&sockaddr, endpoint);
	if (error < 0) {
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
fail:
	error = transport_problem_of(errno, kind_name, endpoint, ret_problem);
	close(fd);
	return error;
}

int transport_tcp_connect(const struct net_address *local, const struct net_endpoint *remote, uint8_t dscp, int *ret_fd)
{
	struct net_endpoint from = {.address = *local};
	struct sockaddr_storage sockaddr;
	socklen_t size = (socklen_t)net_endpoint_to_sockaddr(&from, &sockaddr);
	int fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return error_of(errno);
	if (!set_options(fd, local->family, dscp) || !set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) ||
	    bind(fd, (struct sockaddr *)&sockaddr, size) < 0)
		goto fail;
	size = (socklen_t)net_endpoint_to_sockaddr(remote, &sockaddr);
	if (connect(fd, (struct sockaddr *)&sockaddr, size) < 0 && errno != EINPROGRESS)
		goto fail;
	*ret_fd = fd;
	return 0;
fail:
	error = error_of(errno);
	close(fd);
	return error == ERR_AGAIN ? ERR_LIMIT : error;
}

int transport_tcp_accept(int listener_fd, uint8_t dscp, int *ret_fd, struct net_endpoint *ret_local,
			 struct net_endpoint *ret_remote)
{
	struct sockaddr_storage remote, local;
	socklen_t remote_size = sizeof(remote), local_size = sizeof(local);
	int fd = accept4(listener_fd, (struct sockaddr *)&remote, &remote_size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return error_of(errno);
	if (getsockname(fd, (struct sockaddr *)&local, &local_size) < 0 ||
	    net_endpoint_from_sockaddr((struct sockaddr *)&local, ret_local) < 0 ||
	    net_endpoint_from_sockaddr((struct sockaddr *)&remote, ret_remote) < 0 ||
	    !set_options(fd, ret_local->address.family, dscp)) {
		close(fd);
		return ERR_CLOSED;
	}
	*ret_fd = fd;
	return 0;
}

int transport_tcp_connected(int fd)
{
	int number = 0;
	socklen_t size = sizeof(number);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
		return ERR_IO;
	return number == 0 ? 0 : error_of(number);
}

int transport_tcp_read(int fd, char *buffer, size_t size)
{
	ssize_t got = recv(fd, buffer, size, 0);

	if (got < 0)
		return error_of(errno);
	return got == 0 ? ERR_CLOSED : (int)got;
}

int transport_tcp_write(int fd, struct view bytes)
{
	ssize_t put = send(fd, bytes.at, bytes.size, MSG_NOSIGNAL);

	return put < 0 ? error_of(errno) : (int)put;
}
