/* The TAP twin of a port that the kernel does not see (pci, memif): what is not media goes to the kernel through it, so
 * that ARP, ping, SIP, HTTP and routing protocols work on that port as on any interface; what the kernel sends comes back.
 *
 * An interface of /dev/net/tun with the hardware address of the device. Not DPDK's own TAP driver: its descriptor can be
 * waited for, and it brings no second port with queues and flow rules of its own. */
#include "dataplane/port/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>

#include <sys/ioctl.h>
#include <sys/socket.h>

#define BURST 64

struct port_twin {
	int fd;
};

static int set_up(const struct port *port, const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return ERR_IO;
	(void)!view_copy(view_of(name), request.ifr_name, sizeof(request.ifr_name));
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, port->mac, sizeof(port->mac));
	ok = ioctl(fd, SIOCSIFHWADDR, &request) == 0;
	request.ifr_mtu = port->mtu;
	ok = ok && ioctl(fd, SIOCSIFMTU, &request) == 0;
	ok = ok && ioctl(fd, SIOCGIFFLAGS, &request) == 0;
	request.ifr_flags |= IFF_UP;
	ok = ok && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	return ok ? 0 : ERR_IO;
}

int port_twin_new(struct port *port, struct port_problem *problem)
{
	const char *name = port->conf->tap;
	struct port_interface interface;
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	struct port_twin *twin = malloc(sizeof(*twin));

	if (!twin)
		return port_fail(problem, ERR_NOMEM, port->conf, "out of memory");
	twin->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	port->twin = twin;
	if (twin->fd < 0 || view_copy(view_of(name), request.ifr_name, sizeof(request.ifr_name)) ||
	    ioctl(twin->fd, TUNSETIFF, &request)) {
		int error = errno == EPERM ? ERR_PERMISSION : errno == EBUSY ? ERR_EXISTS : ERR_IO;

		(void)port_fail(problem, error, port->conf, "the TAP \"%s\" cannot be made: %s", name, strerror(errno));
		port_twin_free(port);
		return error;
	}
	if (set_up(port, name) || port_interface_read(name, &interface)) {
		port_twin_free(port);
		return port_fail(problem, ERR_IO, port->conf, "the TAP \"%s\" cannot be set up: %s", name,
				 strerror(errno));
	}
	port->ifindex = interface.ifindex;
	return 0;
}

void port_twin_free(struct port *port)
{
	if (!port->twin)
		return;
	if (port->twin->fd >= 0)
		close(port->twin->fd);
	free(port->twin);
	port->twin = NULL;
}

/* A TAP that is full or down loses the packet, as an interface does. */
static unsigned to_kernel(const struct port *port)
{
	struct rte_mbuf *packets[BURST];
	unsigned count = rte_ring_sc_dequeue_burst(port->exception, (void **)packets, BURST, NULL);

	for (unsigned i = 0; i < count; i++) {
		const void *bytes = rte_pktmbuf_mtod(packets[i], const void *);

		if (write(port->twin->fd, bytes, rte_pktmbuf_data_len(packets[i])) < 0)
			continue;
	}
	rte_pktmbuf_free_bulk(packets, count);
	return count;
}

static unsigned from_kernel(const struct port_table *table, const struct port *port)
{
	struct rte_mbuf *packets[BURST];
	unsigned count = 0, sent;

	while (count < BURST) {
		struct rte_mbuf *packet = rte_pktmbuf_alloc(table->pool);
		ssize_t size;

		if (!packet)
			break;
		size = read(port->twin->fd, rte_pktmbuf_mtod(packet, void *), PORT_DATA_SIZE);
		if (size <= 0) {
			rte_pktmbuf_free(packet);
			break;
		}
		packet->data_len = (uint16_t)size;
		packet->pkt_len = (uint32_t)size;
		packets[count++] = packet;
	}
	sent = rte_ring_mp_enqueue_burst(port->queues[0].inbound, (void **)packets, count, NULL);
	rte_pktmbuf_free_bulk(packets + sent, count - sent);
	return count;
}

unsigned port_poll_twins(struct port_table *table)
{
	unsigned moved = 0;

	for (unsigned i = 0; i < table->count; i++)
		if (table->ports[i].twin)
			moved += to_kernel(&table->ports[i]) + from_kernel(table, &table->ports[i]);
	return moved;
}

unsigned port_twin_fds(const struct port_table *table, int fds[PORT_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < table->count; i++)
		if (table->ports[i].twin)
			fds[count++] = table->ports[i].twin->fd;
	return count;
}
