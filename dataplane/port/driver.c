/* The kinds of devices as one table, and the arguments that DPDK wants for each. */
#include "dataplane/port/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include "lib/log/log.h"

#define BIT(capability) (UINT64_C(1) << (capability))

int port_fail(struct port_problem *problem, int error, const struct conf_port *conf, const char *format, ...)
{
	struct text text;
	va_list args;

	text_init(&text, problem->text, sizeof(problem->text));
	text_printf(&text, "%s: port %s: ", conf->where, conf->name);
	va_start(args, format);
	text_vprintf(&text, format, args);
	va_end(args);
	return error;
}

size_t port_media(const struct port *port, struct xdp_media media[CONF_ADDRESSES_MAX])
{
	const struct conf_port *conf = port->conf;

	for (size_t i = 0; i < port->address_count; i++)
		media[i] = (struct xdp_media){port->addresses[i], conf->port_pool.start, conf->port_pool.end};
	return port->address_count;
}

/* ---- af_xdp ---- */
static int redirect_before_open(const struct conf_port *conf, struct port_device *device, struct port_problem *problem)
{
	struct port_interface interface;
	bool was_there = false;
	struct text text;
	int error = port_interface_read(conf->device, &interface);

	if (error)
		return port_fail(problem, error, conf, "there is no interface \"%s\"", conf->device);
	error = xdp_redirect_clear(interface.ifindex, &was_there);
	if (error == ERR_EXISTS)
		return port_fail(problem, error, conf,
				 "another XDP program is on %s; take it off (ip link set %s xdp off) or use driver "
				 "\"af_packet\"",
				 conf->device, conf->device);
	if (error)
		return port_fail(problem, error, conf, "the XDP state of %s cannot be read: %s", conf->device,
				 error_text(error));
	if (was_there)
		log_info("port", "%s: took off the XDP program that a killed dataplane left", conf->name);
	error = xdp_redirect_open(&device->program);
	if (error)
		return port_fail(problem, error, conf, "no anonymous file for the XDP program: %s", error_text(error));
	text_init(&text, device->arguments + strlen(device->arguments),
		  sizeof(device->arguments) - strlen(device->arguments));
	text_printf(&text, ",xdp_prog=/proc/self/fd/%d", device->program);
	return text.overflow ? port_fail(problem, ERR_TOO_LONG, conf, "the options are too long") : 0;
}

static bool is_zero_copy(const int *sockets, unsigned socket_count)
{
	struct xdp_options options = {0};
	socklen_t size = sizeof(options);

	return socket_count > 0 && getsockopt(sockets[0], SOL_XDP, XDP_OPTIONS, &options, &size) == 0 &&
	       (options.flags & XDP_OPTIONS_ZEROCOPY);
}

static int redirect_after_start(struct port *port, const int *sockets, unsigned socket_count,
				struct port_problem *problem)
{
	struct xdp_media media[CONF_ADDRESSES_MAX];
	enum xdp_mode mode;
	int error = xdp_redirect_fill(port->ifindex, media, port_media(port, media), &mode);

	if (error)
		return port_fail(problem, error, port->conf, "the XDP program on %s did not take its addresses: %s",
				 port->conf->device, error_text(error));
	snprintf(port->how, sizeof(port->how), "%s XDP, %s", xdp_mode_name(mode),
		 is_zero_copy(sockets, socket_count) ? "zero copy" : "copy");
	return 0;
}

static void redirect_after_stop(struct port *port)
{
	bool was_there;

	/* DPDK has done it unless its close failed half way. */
	(void)!xdp_redirect_clear(port->ifindex, &was_there);
}

/* ---- af_packet ---- */
static int tap_after_start(struct port *port, const int *sockets, unsigned socket_count, struct port_problem *problem)
{
	struct xdp_media media[CONF_ADDRESSES_MAX];
	int error = xdp_tap_new(port->ifindex, media, port_media(port, media), &port->tap);

	if (error)
		return port_fail(problem, error, port->conf, "the kernel refused the filters on %s: %s",
				 port->conf->device, error_text(error));
	for (unsigned i = 0; i < socket_count && !error; i++)
		error = xdp_tap_limit(port->tap, sockets[i]);
	if (error)
		return port_fail(problem, error, port->conf, "the packet socket on %s refused its filter",
				 port->conf->device);
	snprintf(port->how, sizeof(port->how), "packet socket");
	return 0;
}

static void tap_after_stop(struct port *port)
{
	xdp_tap_free(port->tap);
	port->tap = NULL;
}

/* ---- memif ---- */
/* A killed server leaves its socket's name behind, and DPDK does not bind to a name that exists. */
static int socket_before_open(const struct conf_port *conf, struct port_device *device, struct port_problem *problem)
{
	if (!view_equal(port_option(device->arguments, "role"), VIEW("server")))
		return 0;
	if (access(conf->device, F_OK) == 0 && unlink(conf->device))
		return port_fail(problem, ERR_PERMISSION, conf, "the old socket %s cannot be removed", conf->device);
	return 0;
}

const struct port_driver port_drivers[] = {
	[CONF_DRIVER_AF_XDP] = {.name = "af_xdp",
				.vdev = "net_af_xdp",
				.defaults = "iface=%s,start_queue=0",
				.has_interface = true,
				.queues_of_device = true,
				.queue_argument = "queue_count",
				.socket_family = AF_XDP,
				.capabilities = BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW),
				.any_capability = BIT(CAP_BPF) | BIT(CAP_SYS_ADMIN),
				.capability_names = "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF",
				.before_open = redirect_before_open,
				.after_start = redirect_after_start,
				.after_stop = redirect_after_stop,
				.fallback = &port_drivers[CONF_DRIVER_AF_PACKET]},
	[CONF_DRIVER_AF_PACKET] = {.name = "af_packet",
				   .vdev = "net_af_packet",
				   .defaults = "iface=%s,framesz=2048,framecnt=1024,qdisc_bypass=1",
				   .has_interface = true,
				   .queue_argument = "qpairs",
				   .socket_family = AF_PACKET,
				   .capabilities = BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW),
				   .any_capability = BIT(CAP_BPF) | BIT(CAP_SYS_ADMIN),
				   .capability_names = "CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF",
				   .after_start = tap_after_start,
				   .after_stop = tap_after_stop},
	[CONF_DRIVER_MEMIF] = {.name = "memif",
			       .vdev = "net_memif",
			       .defaults = "role=server,socket=%s,socket-abstract=no,bsize=2048,rsize=11",
			       .has_socket = true,
			       .finished_sums = true,
			       .one_queue = true,
			       .before_open = socket_before_open},
	[CONF_DRIVER_PCI] = {.name = "pci",
			     .finished_sums = true,
			     .capabilities = BIT(CAP_SYS_ADMIN) | BIT(CAP_IPC_LOCK),
			     .capability_names = "CAP_SYS_ADMIN and CAP_IPC_LOCK"},
	[CONF_DRIVER_PCAP] =
		{.name = "pcap", .vdev = "net_pcap", .defaults = "rx_pcap=%s", .has_file = true, .one_queue = true},
};

struct view port_option(const char *options, const char *key)
{
	struct view rest = view_of(options);

	while (rest.at) {
		struct view value = view_cut(&rest, ',');
		struct view name = view_cut(&value, '=');

		if (view_is(view_trim(name), key))
			return value.at ? view_trim(value) : VIEW_EMPTY;
	}
	return (struct view){NULL, 0};
}

static void add_pair(struct text *text, struct view pair)
{
	if (text->size > 0)
		text_add_char(text, ',');
	text_add(text, pair);
}

/* The defaults that `options` does not name, then `options` without the keys that are ours. */
static void add_arguments(struct text *text, const char *defaults, const char *options)
{
	struct view rest = view_of(defaults);

	while (rest.at) {
		struct view pair = view_cut(&rest, ','), name = pair;
		char key[32];

		name.size = view_find(pair, '=');
		if (view_copy(name, key, sizeof(key)) == 0 && !port_option(options, key).at)
			add_pair(text, pair);
	}
	rest = view_trim(view_of(options));
	while (rest.at && rest.size > 0) {
		struct view pair = view_trim(view_cut(&rest, ','));

		if (pair.size > 0 && !view_has_prefix(pair, "peer_mac="))
			add_pair(text, pair);
	}
}

int port_device_init(struct port_device *device, const struct port_driver *driver, const struct conf_port *conf,
		     unsigned index, unsigned queue_count)
{
	char defaults[PORT_ARGUMENTS_SIZE] = "";
	const char *options = conf->options;
	struct text name, text, start;

	device->program = -1;
	if (driver != &port_drivers[conf->driver])
		options = ""; /* they were meant for the driver that refused */
	text_init(&name, device->name, sizeof(device->name));
	text_init(&text, device->arguments, sizeof(device->arguments));
	text_init(&start, defaults, sizeof(defaults));
	if (driver->vdev) {
		const char *at = strstr(driver->defaults, "%s");

		text_printf(&name, "%s%u", driver->vdev, index);
		text_add(&start, (struct view){driver->defaults, (size_t)(at - driver->defaults)});
		text_add_string(&start, conf->device);
		text_add_string(&start, at + 2);
	} else {
		text_add_string(&name, conf->device);
	}
	if (driver->queue_argument)
		text_printf(&start, ",%s=%u", driver->queue_argument, queue_count);
	add_arguments(&text, start.at, options);
	return name.overflow || text.overflow || start.overflow ? ERR_TOO_LONG : 0;
}
