/* A connected UDP socket with a batch each way: what one turn sends leaves in one system call. */
#include "bench/load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, MESSAGE_MAX = 4096, SOCKET_BUFFER = 16 << 20 };

struct wire {
	int fd;
	unsigned count; /* waiting to be sent */
	struct sip_writer writer;
	struct iovec out_data[BATCH], in_data[BATCH];
	struct mmsghdr out[BATCH], in[BATCH];
	char out_bytes[BATCH][MESSAGE_MAX], in_bytes[BATCH][MESSAGE_MAX];
};

int wire_new(struct load *load, enum load_side side)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	struct sockaddr_storage sockaddr;
	struct net_endpoint local = {.address = load->server.address, .port = (uint16_t)(load->port + side)};
	socklen_t size;

	if (!wire)
		return ERR_NOMEM;
	load->wires[side] = wire;
	size = (socklen_t)net_endpoint_to_sockaddr(&local, &sockaddr);
	wire->fd = socket(sockaddr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (wire->fd < 0 || bind(wire->fd, (struct sockaddr *)&sockaddr, size) < 0)
		return ERR_IO;
	net_endpoint_to_sockaddr(&load->server, &sockaddr);
	if (connect(wire->fd, (struct sockaddr *)&sockaddr, size) < 0)
		return ERR_IO;
	setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){SOCKET_BUFFER}, sizeof(int));
	setsockopt(wire->fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){SOCKET_BUFFER}, sizeof(int));
	for (unsigned i = 0; i < BATCH; i++) {
		wire->out_data[i].iov_base = wire->out_bytes[i];
		wire->in_data[i] = (struct iovec){wire->in_bytes[i], MESSAGE_MAX};
		wire->out[i].msg_hdr = (struct msghdr){.msg_iov = &wire->out_data[i], .msg_iovlen = 1};
		wire->in[i].msg_hdr = (struct msghdr){.msg_iov = &wire->in_data[i], .msg_iovlen = 1};
	}
	return 0;
}

void wire_free(struct wire *wire)
{
	if (!wire)
		return;
	if (wire->fd >= 0)
		close(wire->fd);
	free(wire);
}

int wire_fd(const struct wire *wire)
{
	return wire->fd;
}

void wire_flush(struct load *load, struct wire *wire)
{
	unsigned done = 0;

	while (done < wire->count) {
		int sent = sendmmsg(wire->fd, wire->out + done, wire->count - done, 0);

		if (sent <= 0 && errno != ECONNREFUSED)
			break; /* what is lost here is sent again after T1, as on any network */
		done += sent > 0 ? (unsigned)sent : 1;
	}
	load->counts.sent += wire->count;
	wire->count = 0;
}

struct sip_writer *wire_begin(struct wire *wire)
{
	sip_writer_init(&wire->writer, wire->out_bytes[wire->count], MESSAGE_MAX);
	return &wire->writer;
}

static void queue(struct load *load, struct wire *wire, size_t size)
{
	wire->out_data[wire->count++].iov_len = size;
	if (wire->count == BATCH)
		wire_flush(load, wire);
}

struct view wire_end(struct load *load, struct wire *wire, struct view body)
{
	struct view bytes;

	if (BUG_ON(sip_write_end(&wire->writer, "application/sdp", body) != 0))
		return VIEW_EMPTY;
	bytes = text_view(&wire->writer.text);
	queue(load, wire, bytes.size);
	return bytes;
}

void wire_again(struct load *load, struct wire *wire, struct view bytes)
{
	memcpy(wire->out_bytes[wire->count], bytes.at, MIN(bytes.size, MESSAGE_MAX));
	queue(load, wire, bytes.size);
}

void wire_receive(struct load *load, struct wire *wire,
		  void (*on_message)(struct load *load, const struct sip_message *message))
{
	static struct sip_message message; /* 2.5 KB, one thread */
	int count;

	do {
		count = recvmmsg(wire->fd, wire->in, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++) {
			struct sip_refusal refusal;

			load->counts.received++;
			if (sip_parse(&message, wire->in_bytes[i], wire->in[i].msg_len, SIP_DATAGRAM, &refusal))
				load_wrong(load, NULL, refusal.sentence);
			else
				on_message(load, &message);
		}
	} while (count == BATCH);
}
