/* Private to dataplane/port: the kinds of devices, one row each, and what the source files of this folder share.
 * Main thread only. */
#ifndef DATAPLANE_PORT_DRIVER_H
#define DATAPLANE_PORT_DRIVER_H

#include "dataplane/port/port.h"
#include "dataplane/xdp/xdp.h"

#define PORT_ARGUMENTS_SIZE 1024
#define PORT_SOCKETS_MAX    1024

/* What DPDK calls a device, and how it is opened. */
struct port_device {
	char name[64];                       /* "net_af_xdp0", or the PCI address */
	char arguments[PORT_ARGUMENTS_SIZE]; /* "iface=eth0,..." */
	int program;                         /* file with the XDP program until the port has started, or -1 */
};

struct port_driver {
	const char *name;           /* as in the configuration */
	const char *vdev;           /* DPDK's driver name; NULL: a PCI device */
	const char *defaults;       /* arguments that `options` may replace; %s is the device */
	bool has_interface;         /* `device` is an interface of the kernel */
	bool has_socket;            /* `device` is the path of a UNIX socket */
	bool has_file;              /* `device` is a file to be read */
	bool queues_of_device;      /* as many queues as the interface has, or the NIC sends packets past us */
	bool finished_sums;         /* senders on this machine do not leave UDP checksums to be finished */
	bool one_queue;             /* unless the configuration says otherwise */
	const char *queue_argument; /* how many queues, NULL: told by rte_eth_dev_configure */
	uint64_t capabilities;      /* bits 1 << CAP_*, all needed */
	uint64_t any_capability;    /* one of these is needed */
	const char *capability_names;
	int socket_family; /* of the sockets DPDK opens and keeps to itself; 0: none of interest */
	/* Around opening and rte_eth_dev_start; each may be NULL. sockets: those DPDK opened for this port. */
	int (*before_open)(const struct conf_port *conf, struct port_device *device, struct port_problem *problem);
	int (*after_start)(struct port *port, const int *sockets, unsigned socket_count, struct port_problem *problem);
	void (*after_stop)(struct port *port);
	const struct port_driver *fallback; /* tried when the device refuses this one */
};

extern const struct port_driver port_drivers[]; /* by enum conf_driver */

/* "FILE:LINE: port NAME: sentence"; returns error. */
int port_fail(struct port_problem *problem, int error, const struct conf_port *conf, const char *format, ...)
	PRINTF(4, 5);
/* Name and arguments for DPDK. ERR_TOO_LONG. */
int port_device_init(struct port_device *device, const struct port_driver *driver, const struct conf_port *conf,
		     unsigned index, unsigned queue_count) WARN_UNUSED;
/* The value of a key in "a=1,b=2"; view.at is NULL when it is absent. */
struct view port_option(const char *options, const char *key);
/* The media of a port as the kernel's filters want it; returns how many. */

size_t port_media(const struct port *port, struct xdp_media media[CONF_ADDRESSES_MAX]);

/* ---- interface.c: what the kernel knows of an interface ---- */
struct port_interface {
	uint32_t ifindex;
	uint8_t mac[6];
	uint16_t mtu;
	uint16_t queue_count;  /* "combined" channels */
	uint16_t extra_queues; /* receive queues beyond the one that DPDK sees */
	bool is_up;            /* the administrator wants it */
	bool is_running;       /* and the other end is there */
};
int port_interface_read(const char *name, struct port_interface *ret_interface) WARN_UNUSED;
/* A descriptor that no other dataplane can have for this device in this network namespace, as long as we live: two
 * processes on one interface would take each other's packets. ERR_EXISTS. */
int port_interface_claim(const char *device, int *ret_fd) WARN_UNUSED;
/* Sockets of this process of an address family; returns how many. */
unsigned port_own_sockets(int family, int fds[PORT_SOCKETS_MAX]);

/* ---- table.c ---- */
/* Who polls which queue, counted on over all ports so that ports of one queue spread over the workers; and the rings that
 * this needs. ERR_NOMEM. */
int port_share_out(struct port *port, unsigned worker_count, unsigned *next_worker,
		   struct port_problem *problem) WARN_UNUSED;

/* ---- twin.c ---- */
int port_twin_new(struct port *port, struct port_problem *problem) WARN_UNUSED;
void port_twin_free(struct port *port);

/* ---- pool.c ---- */
uint32_t port_pool_packets(unsigned queue_count, unsigned worker_count);
uint32_t port_pool_mb(uint32_t packets);
int port_pool_new(uint32_t packets, bool is_contiguous, struct rte_mempool **ret_pool) WARN_UNUSED;

#endif
