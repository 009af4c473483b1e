/* The transport on the kernel's sockets: one watched socket a listener. */
#include "controlplane/transport/transport_private.h"
#include "controlplane/loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct listener {
	struct transport_sockets *owner;
	const struct transport_listen *listen;
	struct loop_watch watch;
};

struct transport_sockets {
	struct transport transport;
	struct listener listeners[TRANSPORT_LISTENS_MAX]; /* beside transport.options.listens */
	size_t open_count;
	struct transport_udp_batch *batch;
	struct transport_routes routes;
};

static struct transport_sockets *sockets_of(struct transport *transport)
{
	return CONTAINER_OF(transport, struct transport_sockets, transport);
}

static void listener_ready(void *arg, uint32_t events)
{
	struct listener *listener = arg;
	struct transport_sockets *sockets = listener->owner;

	transport_udp_receive(&sockets->transport, sockets->batch, listener->watch.fd, &listener->listen->endpoint);
}

static int sockets_send(struct transport *transport, const struct transport_listen *from,
			const struct transport_flow *flow, struct view bytes)
{
	struct listener *listener = &sockets_of(transport)->listeners[from - transport->options.listens];

	return transport_udp_send(listener->watch.fd, &from->endpoint, flow, bytes);
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

	for (size_t i = 0; i < sockets->open_count; i++) {
		int fd = sockets->listeners[i].watch.fd;

		loop_watch_del(&sockets->listeners[i].watch);
		close(fd);
	}
	transport_udp_batch_free(sockets->batch);
	free(sockets);
}

static const struct transport_make sockets_make = {.send = sockets_send, .route = sockets_route, .free = sockets_free};

static int open_listener(struct transport_sockets *sockets, size_t index, struct transport_problem *problem)
{
	struct transport *transport = &sockets->transport;
	struct transport_listen *listen = &transport->options.listens[index];
	struct listener *listener = &sockets->listeners[index];
	int fd, error;

	if (listen->kind != TRANSPORT_UDP) {
		snprintf(problem->text, sizeof(problem->text), "SIP over %s is not supported yet; use UDP",
			 transport_kind_name(listen->kind));
		return ERR_UNSUPPORTED;
	}
	error = transport_udp_open(&listen->endpoint, transport->options.dscp, &fd, problem);
	if (error < 0)
		return error;
	*listener = (struct listener){.owner = sockets, .listen = listen};
	error = loop_watch_add(transport->loop, &listener->watch, fd, EPOLLIN, listener_ready, listener);
	if (error < 0) {
		close(fd);
		snprintf(problem->text, sizeof(problem->text), "SIP: no more descriptors can be watched");
		return error;
	}
	sockets->open_count++;
	return 0;
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
	for (size_t i = 0; error == 0 && i < options->listen_count; i++)
		error = open_listener(sockets, i, ret_problem);
	if (error < 0) {
		sockets_free(&sockets->transport);
		return error;
	}
	*ret_transport = &sockets->transport;
	return 0;
}
