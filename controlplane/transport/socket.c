/* The transport on the kernel's sockets: a watched socket for each listener; those of reliable kinds and their connections
 * are stream.c's. */
#include "controlplane/transport/stream_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct udp_listener {
	struct transport_sockets *owner;
	const struct transport_listen *listen;
	struct loop_watch watch;
};

struct transport_sockets {
	struct transport transport;
	struct udp_listener listeners[TRANSPORT_LISTENS_MAX]; /* beside transport.options.listens */
	struct transport_udp_batch *batch;
	struct transport_streams *streams;
	struct transport_routes routes;
};

static struct transport_sockets *sockets_of(struct transport *transport)
{
	return CONTAINER_OF(transport, struct transport_sockets, transport);
}

static void listener_ready(void *arg, uint32_t events)
{
	struct udp_listener *listener = arg;
	struct transport_sockets *sockets = listener->owner;

	transport_udp_receive(&sockets->transport, sockets->batch, listener->watch.fd, &listener->listen->endpoint);
}

static int sockets_send(struct transport *transport, const struct transport_listen *from,
			const struct transport_flow *flow, struct view bytes)
{
	struct udp_listener *listener = &sockets_of(transport)->listeners[from - transport->options.listens];

	if (transport_kind_is_reliable(flow->kind))
		return transport_streams_send(sockets_of(transport)->streams, flow, bytes);
	return transport_udp_send(listener->watch.fd, &from->endpoint, flow, bytes);
}

static void sockets_close(struct transport *transport, const struct transport_flow *flow)
{
	transport_streams_close(sockets_of(transport)->streams, flow);
}

static int sockets_route(struct transport *transport, const struct net_address *toward, struct net_address *ret_source,
			 bool *ret_is_local_host)
{
	return transport_routes_find(&sockets_of(transport)->routes, loop_now_ms(transport->loop), toward, ret_source,
				     ret_is_local_host);
}

static void sockets_free(struct transport *transport)
{
	struct transport_sockets *sockets = sockets_of(transport);

	for (size_t i = 0; i < TRANSPORT_LISTENS_MAX; i++) {
		struct udp_listener *listener = &sockets->listeners[i];

		if (!listener->watch.loop)
			continue;
		loop_watch_del(&listener->watch);
		close(listener->watch.fd);
	}
	transport_streams_free(sockets->streams);
	transport_udp_batch_free(sockets->batch);
	free(sockets);
}

static const struct transport_make sockets_make = {
	.send = sockets_send, .close = sockets_close, .route = sockets_route, .free = sockets_free};

int transport_problem_of(int number, const char *kind_name, const struct net_endpoint *endpoint,
			 struct transport_problem *problem)
{
	static const struct {
		int number, error;
		const char *sentence;
	} rows[] = {
		{EADDRINUSE, ERR_EXISTS,
		 "another program has the port; \"ss -lntup\" tells which, or choose another listen_port"},
		{EACCES, ERR_PERMISSION,
		 "ports below 1024 need privilege; choose a higher listen_port or give CAP_NET_BIND_SERVICE"},
		{EADDRNOTAVAIL, ERR_NOT_FOUND,
		 "not an address of this machine; \"ip address\" lists them, set listen_ip to one or to 0.0.0.0"},
		{EAFNOSUPPORT, ERR_UNSUPPORTED, "this machine has no IPv6; set listen_ip to an IPv4 address"},
	};
	char text[NET_ENDPOINT_TEXT];

	net_endpoint_print(endpoint, text);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].number == number) {
			snprintf(problem->text, sizeof(problem->text), "SIP over %s on %s: %s", kind_name, text,
				 rows[i].sentence);
			return rows[i].error;
		}
	snprintf(problem->text, sizeof(problem->text), "SIP over %s on %s: %s", kind_name, text, strerror(number));
	return ERR_IO;
}

static int open_listener(struct transport_sockets *sockets, size_t index, struct transport_problem *problem)
{
	struct transport *transport = &sockets->transport;
	struct transport_listen *listen = &transport->options.listens[index];
	struct udp_listener *listener = &sockets->listeners[index];
	int fd, error;

	if (transport_kind_is_reliable(listen->kind))
		return transport_streams_listen(sockets->streams, index, problem);
	error = transport_udp_open(&listen->endpoint, transport->options.dscp, transport->options.shares_ports, &fd,
				   problem);
	if (error < 0)
		return error;
	*listener = (struct udp_listener){.owner = sockets, .listen = listen};
	error = loop_watch_add(transport->loop, &listener->watch, fd, EPOLLIN, listener_ready, listener);
	if (error < 0) {
		close(fd);
		snprintf(problem->text, sizeof(problem->text), "SIP: no more descriptors can be watched");
	}
	return error;
}

int transport_new(struct loop *loop, const struct transport_options *options, const struct transport_receiver *receiver,
		  struct transport **ret_transport, struct transport_problem *ret_problem)
{
	struct transport_sockets *sockets;
	int error = ERR_NOMEM;

	snprintf(ret_problem->text, sizeof(ret_problem->text), "SIP: %s", error_text(ERR_NOMEM));
	if (options->listen_count == 0 || options->listen_count > TRANSPORT_LISTENS_MAX || options->dscp > 63) {
		snprintf(ret_problem->text, sizeof(ret_problem->text), "SIP: from 1 to %d endpoints to listen at",
			 TRANSPORT_LISTENS_MAX);
		return ERR_INVALID;
	}
	sockets = calloc(1, sizeof(*sockets));
	if (!sockets)
		return ERR_NOMEM;
	sockets->transport =
		(struct transport){.make = &sockets_make, .loop = loop, .options = *options, .receiver = *receiver};
	error = transport_udp_batch_new(&sockets->batch);
	if (error == 0)
		error = transport_streams_new(&sockets->transport, &sockets->streams);
	for (size_t i = 0; error == 0 && i < options->listen_count; i++)
		error = open_listener(sockets, i, ret_problem);
	if (error < 0) {
		sockets_free(&sockets->transport);
		return error;
	}
	*ret_transport = &sockets->transport;
	return 0;
}
