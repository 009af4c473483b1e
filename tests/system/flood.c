/* A hostile crowd: requests of strangers from many addresses over UDP as fast as one core can, and TCP connections that say half
 * a request and wait. For test_flood.py: flood SERVER NETWORK SECONDS, with NETWORK (a.b.0.0, 65,536 addresses) routed to us.
 * Prints how many datagrams and connections it was. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 256, BATCH = 16, GIANT = 60000, CONNECTIONS = 1000 };

static const char *const methods[] = {"INVITE", "REGISTER", "SUBSCRIBE", "OPTIONS", "MESSAGE"};

static uint32_t draw(void)
{
	static uint32_t state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	return state ^= state << 5;
}

static int print_request(char *to, size_t size, const char *server, const char *kind)
{
	const char *method = methods[draw() % (sizeof(methods) / sizeof(methods[0]))];
	uint32_t id = draw();

	return snprintf(to, size,
			"%s sip:%u@%s SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bK%08x\r\n"
			"From: <sip:%u@%s>;tag=%08x\r\nTo: <sip:%u@%s>\r\nCall-ID: %08x@x\r\nCSeq: 1 %s\r\n"
			"Contact: <sip:x@10.9.9.9>\r\nMax-Forwards: 70\r\n%sContent-Length: 0\r\n\r\n",
			method, 1000 + id % 2000, server, id, 1000 + id % 2000, server, id, 1000 + id % 2000, server,
			id, method, kind);
}

/* Of ten: seven that look honest, one with a wrong digest, one of a scanner, one that is no SIP, or far too long. */
static size_t fill(char *to, const char *server)
{
	char digest[256];
	uint32_t kind = draw() % 1000;

	if (kind == 0) {
		memset(to, 'A', GIANT);
		memcpy(to, "INVITE sip:", 11);
		return GIANT;
	}
	if (kind < 100) {
		for (size_t i = 0; i < 400; i++)
			to[i] = (char)draw();
		return 400;
	}
	if (kind < 200)
		return (size_t)print_request(to, GIANT, server, "User-Agent: friendly-scanner\r\n");
	if (kind >= 300)
		return (size_t)print_request(to, GIANT, server, "");
	snprintf(digest, sizeof(digest),
		 "Authorization: Digest username=\"%u\", realm=\"voxlane\", nonce=\"%08x\", uri=\"sip:x\", "
		 "response=\"%032x\"\r\n",
		 1000 + draw() % 2000, draw(), draw());
	return (size_t)print_request(to, GIANT, server, digest);
}

static int open_socket(uint32_t network, int type, const struct sockaddr_in *server)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(network | (draw() & 0xffff))};
	int fd = socket(AF_INET, type | (type == SOCK_STREAM ? SOCK_NONBLOCK : 0), 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0 ||
	    (connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0 && errno != EINPROGRESS)) {
		close(fd);
		return -1;
	}
	return fd;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Keeps so many connections open, each with the beginning of a request. */
static unsigned long poke(int *streams, uint32_t network, const struct sockaddr_in *server)
{
	int *at = &streams[draw() % CONNECTIONS];

	if (*at >= 0)
		close(*at);
	*at = open_socket(network, SOCK_STREAM, server);
	if (*at >= 0 && send(*at, "INVITE sip:x SIP/2.0\r\nVia: ", 27, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return 1;
	return *at >= 0;
}

int main(int count, char **arguments)
{
	static char bytes[BATCH][GIANT + 512];
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(5060)};
	struct in_addr network;
	int sockets[SOCKETS], streams[CONNECTIONS];
	unsigned long sent = 0, connections = 0;
	double end;

	if (count != 4 || inet_pton(AF_INET, arguments[1], &server.sin_addr) != 1 ||
	    inet_pton(AF_INET, arguments[2], &network) != 1) {
		fprintf(stderr, "usage: flood SERVER NETWORK SECONDS\n");
		return 2;
	}
	network.s_addr = ntohl(network.s_addr);
	memset(streams, -1, sizeof(streams));
	for (int i = 0; i < SOCKETS; i++)
		if ((sockets[i] = open_socket(network.s_addr, SOCK_DGRAM, &server)) < 0) {
			perror("flood: socket");
			return 1;
		}
	end = now() + atof(arguments[3]);
	for (unsigned round = 0; now() < end; round++) {
		struct mmsghdr messages[BATCH] = {0};
		struct iovec parts[BATCH];
		int slot = (int)(draw() % SOCKETS), done;

		for (int i = 0; i < BATCH; i++) {
			parts[i] = (struct iovec){bytes[i], fill(bytes[i], arguments[1])};
			messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
		}
		done = sendmmsg(sockets[slot], messages, BATCH, 0);
		sent += done > 0 ? (unsigned long)done : 0;
		if (round % 8 == 0) {
			close(sockets[slot]);
			sockets[slot] = open_socket(network.s_addr, SOCK_DGRAM, &server);
			connections += poke(streams, network.s_addr, &server);
		}
	}
	printf("%lu datagrams, %lu connections\n", sent, connections);
	return 0;
}
