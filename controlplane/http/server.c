/* The sockets of the server: accepting, reading and sending for the connections, and the sweep that cuts off who is
 * over time. A socket that ended is only marked; the sweep and the accept callback free it, when none of its functions
 * is on the stack. */
#include "controlplane/http/http_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/loop/loop.h"

enum { SWEEP_MS = 250, ACCEPTS_A_TURN = 64, BACKLOG = 256 };

struct http_server {
	struct http_core core;
	struct http_options options;
	int fd;
	struct net_endpoint endpoint;
	struct loop_watch watch;
	struct loop_timer sweep;
	struct list sockets; /* dead ones too */
	size_t live_count;
	uint64_t accepted, refused;
	bool is_paused; /* no descriptors left: accept again with the next sweep */
	bool is_freed;  /* waits only for handlers that still hold requests */
};

struct http_socket {
	struct http_connection connection;
	struct http_server *server;
	struct list link;
	struct loop_watch watch;
	int fd;
	bool is_dead;      /* closed; to be freed */
	bool is_eof;       /* the client sends nothing more */
	bool is_lingering; /* we send nothing more, and wait for the client to have read everything */
	uint64_t linger_since_ms;
};

/* ---- a socket ---- */

static struct http_socket *socket_of(struct http_connection *connection)
{
	return CONTAINER_OF(connection, struct http_socket, connection);
}

static void socket_end(struct http_socket *sock)
{
	if (sock->is_dead)
		return;
	sock->is_dead = true;
	sock->server->live_count--;
	loop_watch_del(&sock->watch);
	close(sock->fd);
}

static void socket_free(struct http_socket *sock)
{
	socket_end(sock);
	list_del(&sock->link);
	http_connection_fini(&sock->connection);
	free(sock);
}

static bool is_waiting_for_handler(const struct http_connection *connection)
{
	LIST_FOREACH (it, &connection->exchanges)
		if (LIST_ENTRY(it, struct http_exchange, link)->state != HTTP_RECEIVING)
			return true;
	return false;
}

/* Sends what there is. False: the socket ended. */
static bool send_output(struct http_socket *sock)
{
	struct view bytes;

	while ((bytes = http_connection_output(&sock->connection)).size > 0) {
		ssize_t sent = send(sock->fd, bytes.at, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0)
			http_connection_sent(&sock->connection, (size_t)sent);
		else if (sent < 0 && errno == EAGAIN)
			return true;
		else if (!(sent < 0 && errno == EINTR))
			return false;
	}
	return true;
}

/* After the last answer our side is closed first: closing both at once would reset the connection, and with it the
 * answer, when the client still sends. */
static void linger(struct http_socket *sock)
{
	sock->is_lingering = true;
	sock->linger_since_ms = loop_now_ms(sock->server->core.loop);
	shutdown(sock->fd, SHUT_WR);
}

/* Sends, ends, and asks epoll for what is wanted next. The last thing done with a socket in any callback. */
static void socket_update(struct http_socket *sock)
{
	struct http_connection *connection = &sock->connection;
	uint32_t events = 0;
	char *at;

	if (sock->is_dead)
		return;
	if (!send_output(sock)) {
		socket_end(sock);
		return;
	}
	if (!sock->is_lingering && http_connection_is_over(connection))
		linger(sock);
	if (sock->is_eof && connection->output.size == 0 &&
	    (sock->is_lingering || connection->protocol == HTTP_2 || !is_waiting_for_handler(connection))) {
		socket_end(sock);
		return;
	}
	if (!sock->is_eof && (sock->is_lingering || http_connection_space(connection, &at) > 0))
		events |= EPOLLIN;
	if (connection->output.size > 0)
		events |= EPOLLOUT;
	if (events != sock->watch.events && loop_watch_mod(&sock->watch, events) < 0)
		socket_end(sock);
}

static void read_input(struct http_socket *sock)
{
	char discarded[HTTP_INPUT_SIZE], *at = discarded;
	size_t space = sizeof(discarded);
	ssize_t got;

	if (!sock->is_lingering)
		space = http_connection_space(&sock->connection, &at);
	if (space == 0)
		return;
	got = recv(sock->fd, at, space, MSG_DONTWAIT);
	if (got > 0 && !sock->is_lingering)
		http_connection_received(&sock->connection, (size_t)got);
	else if (got == 0)
		sock->is_eof = true;
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		socket_end(sock);
}

static void on_ready(void *arg, uint32_t events)
{
	struct http_socket *sock = arg;

	if (events & (EPOLLERR | EPOLLHUP)) {
		socket_end(sock);
		return;
	}
	if (events & EPOLLIN)
		read_input(sock);
	socket_update(sock);
}

static void on_output(struct http_connection *connection)
{
	socket_update(socket_of(connection));
}

/* ---- accepting ---- */

static void free_dead(struct http_server *server)
{
	LIST_FOREACH_SAFE (it, &server->sockets) {
		struct http_socket *sock = LIST_ENTRY(it, struct http_socket, link);

		if (sock->is_dead)
			socket_free(sock);
	}
}

static int add_socket(struct http_server *server, int fd, const struct net_endpoint *remote)
{
	struct http_socket *sock = calloc(1, sizeof(*sock));
	int on = 1;

	if (!sock)
		return ERR_NOMEM;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	sock->server = server;
	sock->fd = fd;
	if (http_connection_init(&sock->connection, &server->core, remote) < 0) {
		free(sock);
		return ERR_NOMEM;
	}
	if (loop_watch_add(server->core.loop, &sock->watch, fd, EPOLLIN, on_ready, sock) < 0) {
		http_connection_fini(&sock->connection);
		free(sock);
		return ERR_IO;
	}
	list_init(&sock->link);
	list_add(&server->sockets, &sock->link);
	server->live_count++;
	return 0;
}

static void on_connection(void *arg, uint32_t events)
{
	struct http_server *server = arg;

	free_dead(server);
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage address;
		struct net_endpoint remote = {0};
		socklen_t size = sizeof(address);
		int fd = accept4(server->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			/* Without descriptors the port would be ready for ever. */
			server->is_paused = errno != EAGAIN && loop_watch_mod(&server->watch, 0) == 0;
			return;
		}
		server->accepted++;
		if (net_endpoint_from_sockaddr((struct sockaddr *)&address, &remote) < 0 ||
		    server->live_count >= server->core.limits.connections_max || add_socket(server, fd, &remote) < 0) {
			server->refused++;
			close(fd);
		}
	}
}

static void on_sweep(void *arg)
{
	struct http_server *server = arg;

	LIST_FOREACH (it, &server->sockets) {
		struct http_socket *sock = LIST_ENTRY(it, struct http_socket, link);

		if (sock->is_dead)
			continue;
		if (sock->is_lingering ? loop_now_ms(server->core.loop) - sock->linger_since_ms >= HTTP_LINGER_MS
				       : !http_connection_check_time(&sock->connection))
			socket_end(sock);
		else
			socket_update(sock);
	}
	free_dead(server);
	if (server->is_paused)
		server->is_paused = loop_watch_mod(&server->watch, EPOLLIN) < 0;
	loop_timer_start(server->core.loop, &server->sweep, SWEEP_MS);
}

/* ---- life ---- */

static void set_limits(struct http_limits *limits)
{
	static const struct http_limits defaults = {.connections_max = 512,
						    .streams_max = 64,
						    .requests_max = 1024,
						    .header_bytes_max = 16384,
						    .body_bytes_max = 1 << 20,
						    .memory_max = 64 << 20,
						    .idle_ms = 60000,
						    .request_ms = 30000,
						    .send_ms = 15000};

#define SET(name) limits->name = limits->name ? limits->name : defaults.name
	SET(connections_max);
	SET(streams_max);
	SET(requests_max);
	SET(header_bytes_max);
	SET(body_bytes_max);
	SET(memory_max);
	SET(idle_ms);
	SET(request_ms);
	SET(send_ms);
#undef SET
}

static int start_error(const struct net_endpoint *listen_on, const char *doing, struct http_problem *problem)
{
	static const struct {
		int number, error;
		const char *advice;
	} rows[] = {
		{EADDRINUSE, ERR_EXISTS,
		 "another program listens there; `ss -ltnp` names it; end it or choose another port"},
		{EADDRNOTAVAIL, ERR_NOT_FOUND, "no interface of this machine has that address"},
		{EACCES, ERR_PERMISSION, "ports below 1024 need root or CAP_NET_BIND_SERVICE"},
		{EAFNOSUPPORT, ERR_UNSUPPORTED, "this kernel has that address family switched off"},
	};
	const char *advice = "";
	char endpoint[NET_ENDPOINT_TEXT];
	int number = errno, error = ERR_IO;
	struct text text;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].number == number) {
			advice = rows[i].advice;
			error = rows[i].error;
		}
	text_init(&text, problem->text, sizeof(problem->text));
	text_printf(&text, "HTTP: cannot %s %s: %s%s%s", doing, net_endpoint_print(listen_on, endpoint),
		    strerror(number), advice[0] ? "; " : "", advice);
	return error;
}

static int open_port(struct http_server *server, struct http_problem *problem)
{
	const struct net_endpoint *wanted = &server->options.listen;
	struct sockaddr_storage address;
	size_t size = net_endpoint_to_sockaddr(wanted, &address);
	socklen_t got = sizeof(address);
	int on = 1, off = 0;

	server->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->fd < 0)
		return start_error(wanted, "make a socket for", problem);
	setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address.ss_family == AF_INET6)
		setsockopt(server->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(server->fd, (struct sockaddr *)&address, (socklen_t)size) < 0 || listen(server->fd, BACKLOG) < 0)
		return start_error(wanted, "listen on", problem);
	if (getsockname(server->fd, (struct sockaddr *)&address, &got) < 0 ||
	    net_endpoint_from_sockaddr((struct sockaddr *)&address, &server->endpoint) < 0 ||
	    loop_watch_add(server->core.loop, &server->watch, server->fd, EPOLLIN, on_connection, server) < 0)
		return start_error(wanted, "watch", problem);
	return 0;
}

static void on_last_request(struct http_core *core)
{
	struct http_server *server = CONTAINER_OF(core, struct http_server, core);

	if (server->is_freed)
		free(server);
}

int http_server_new(struct loop *loop, const struct http_options *options, struct http_server **ret_server,
		    struct http_problem *ret_problem)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int error;

	*ret_problem = (struct http_problem){"HTTP: out of memory"};
	if (!server)
		return ERR_NOMEM;
	server->options = *options;
	server->core = (struct http_core){.loop = loop,
					  .limits = options->limits,
					  .server_name = options->server_name,
					  .handler = options->handler,
					  .on_answer = options->on_answer,
					  .arg = options->arg,
					  .on_output = on_output,
					  .on_last_request = on_last_request};
	set_limits(&server->core.limits);
	list_init(&server->sockets);
	error = open_port(server, ret_problem);
	if (error < 0) {
		if (server->fd >= 0)
			close(server->fd);
		free(server);
		return error;
	}
	loop_timer_init(&server->sweep, on_sweep, server);
	loop_timer_start(loop, &server->sweep, SWEEP_MS);
	*ret_server = server;
	return 0;
}

void http_server_free(struct http_server *server)
{
	if (!server)
		return;
	loop_timer_stop(server->core.loop, &server->sweep);
	loop_watch_del(&server->watch);
	close(server->fd);
	while (!list_is_empty(&server->sockets))
		socket_free(LIST_ENTRY(list_first(&server->sockets), struct http_socket, link));
	server->is_freed = true;
	/* Nobody is told of answers that go nowhere: who wants to know may be gone. */
	server->core.on_answer = NULL;
	if (server->core.requests == 0)
		free(server);
}

struct net_endpoint http_server_endpoint(const struct http_server *server)
{
	return server->endpoint;
}

struct http_stats http_server_stats(const struct http_server *server)
{
	return (struct http_stats){.connections = server->live_count,
				   .requests = server->core.requests,
				   .memory = server->core.memory,
				   .accepted = server->accepted,
				   .refused = server->refused};
}
