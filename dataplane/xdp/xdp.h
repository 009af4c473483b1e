/* The kernel's filters of a port: which packets of an interface are the engine's and which stay with the kernel.
 *
 * Used by dataplane/port only. With driver af_xdp a program on the interface redirects media to the engine's sockets
 * (DPDK attaches it, from the file that xdp_redirect_open gives). With af_packet two programs make sure that the engine
 * gets only media and that the kernel does not answer it. Both ask the same match (media_match.h), so ping, ARP, SIP,
 * TCP and everything else to the very same address go on working in the kernel.
 * The compiled programs are inside our binary: nothing to install, nothing to find.
 * Threads: main only. Ownership: as said at each function.
 * Limits: MEDIA_ADDRESSES_MAX addresses; 64 receive queues.
 * Needs CAP_BPF (or CAP_SYS_ADMIN) and CAP_NET_ADMIN.
 */
#ifndef DATAPLANE_XDP_XDP_H
#define DATAPLANE_XDP_XDP_H

#include "lib/net/net.h"

/* An address the engine receives media at, with the range of its UDP ports, both inclusive. */
struct xdp_media {
	struct net_address address;
	uint16_t port_start, port_end;
};

enum xdp_mode { XDP_MODE_NATIVE, XDP_MODE_GENERIC, XDP_MODE_COUNT };
const char *xdp_mode_name(enum xdp_mode mode);

/* The redirecting program as a file: an anonymous one, whose descriptor the caller closes; others open
 * "/proc/self/fd/<fd>". ERR_IO. */
int xdp_redirect_open(int *ret_fd) WARN_UNUSED;
/* Removes a program of ours that a killed dataplane left on the interface. Nothing there: 0. ERR_EXISTS: there is a
 * program of somebody else. ERR_PERMISSION, ERR_IO. */
int xdp_redirect_clear(uint32_t ifindex, bool *ret_was_there) WARN_UNUSED;
/* Tells the attached program its addresses; from here on media is redirected. ERR_NOT_FOUND: it is not there. */
int xdp_redirect_fill(uint32_t ifindex, const struct xdp_media *media, size_t media_count,
		      enum xdp_mode *ret_mode) WARN_UNUSED;

/* Both programs of an af_packet port. They replace what a killed dataplane left. ERR_NOMEM, ERR_PERMISSION, ERR_IO. */
struct xdp_tap;
int xdp_tap_new(uint32_t ifindex, const struct xdp_media *media, size_t media_count,
		struct xdp_tap **ret_tap) WARN_UNUSED;
/* Makes a packet socket hand over media only. ERR_IO. */
int xdp_tap_limit(const struct xdp_tap *tap, int packet_socket) WARN_UNUSED;
/* Takes the program off the interface; NULL is allowed. */
void xdp_tap_free(struct xdp_tap *tap);

/* Lets libbpf talk on standard error, as it does by itself, or be silent. */
void xdp_talk(bool on);

#endif
