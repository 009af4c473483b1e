/* What the kernel knows of an interface, and holding it against a second dataplane. */
#include "dataplane/port/driver.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CLAIM_NAME_MAX 96

static int ask(int fd, const char *name, unsigned long request, struct ifreq *ret_answer)
{
	memset(ret_answer, 0, sizeof(*ret_answer));
	if (view_copy(view_of(name), ret_answer->ifr_name, sizeof(ret_answer->ifr_name)))
		return ERR_NOT_FOUND;
	if (ioctl(fd, request, ret_answer))
		return errno == ENODEV ? ERR_NOT_FOUND : ERR_IO;
	return 0;
}

/* A device that does not say has one queue. One that counts receive and transmit queues apart (veth) has one for DPDK. */
static void read_channels(int fd, const char *name, struct port_interface *interface)
{
	struct ethtool_channels answer = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {0};

	interface->queue_count = 1;
	(void)!view_copy(view_of(name), request.ifr_name, sizeof(request.ifr_name));
	request.ifr_data = (void *)&answer;
	if (ioctl(fd, SIOCETHTOOL, &request))
		return;
	if (answer.combined_count > 0)
		interface->queue_count = (uint16_t)MIN(answer.combined_count, (uint32_t)PORT_QUEUES_MAX);
	else if (answer.rx_count > 1)
		interface->extra_queues = (uint16_t)(answer.rx_count - 1);
}

int port_interface_read(const char *name, struct port_interface *ret_interface)
{
	struct port_interface interface = {0};
	struct ifreq answer;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return ERR_IO;
	error = ask(fd, name, SIOCGIFINDEX, &answer);
	if (error)
		goto out;
	interface.ifindex = (uint32_t)answer.ifr_ifindex;
	error = ask(fd, name, SIOCGIFHWADDR, &answer);
	if (error)
		goto out;
	memcpy(interface.mac, answer.ifr_hwaddr.sa_data, sizeof(interface.mac));
	error = ask(fd, name, SIOCGIFMTU, &answer);
	if (error)
		goto out;
	interface.mtu = (uint16_t)MIN(answer.ifr_mtu, UINT16_MAX);
	error = ask(fd, name, SIOCGIFFLAGS, &answer);
	if (error)
		goto out;
	interface.is_up = answer.ifr_flags & IFF_UP;
	interface.is_running = interface.is_up && (answer.ifr_flags & IFF_RUNNING);
	read_channels(fd, name, &interface);
	*ret_interface = interface;
out:
	close(fd);
	return error;
}

/* The name of an abstract socket belongs to the network namespace, as interfaces do, and goes when we die. Of a long path its
 * end is enough. */
int port_interface_claim(const char *device, int *ret_fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(device);
	const char *tail = device + (length > CLAIM_NAME_MAX ? length - CLAIM_NAME_MAX : 0);
	int size = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "voxlane-%s", tail);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return ERR_IO;
	if (bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size))) {
		int error = errno == EADDRINUSE ? ERR_EXISTS : ERR_IO;

		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

unsigned port_own_sockets(int family, int fds[PORT_SOCKETS_MAX])
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned count = 0;

	if (!directory)
		return 0;
	while (count < PORT_SOCKETS_MAX && (entry = readdir(directory))) {
		uint32_t fd;
		int domain = 0;
		socklen_t size = sizeof(domain);

		if (view_to_u32(view_of(entry->d_name), INT32_MAX, &fd))
			continue;
		if (getsockopt((int)fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == family)
			fds[count++] = (int)fd;
	}
	closedir(directory);
	return count;
}
