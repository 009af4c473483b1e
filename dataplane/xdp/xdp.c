/* Loading the kernel's programs, filling in their addresses, and taking them away again. */
#include "dataplane/xdp/xdp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/xdp/media.h"
#include "dataplane/xdp/objects.h"

/* One fixed place on the ingress hook, so that a restart replaces what a killed process left. */
#define TC_HANDLE   0x766f78u
#define TC_PRIORITY 1

_Static_assert(sizeof(struct media_address) == sizeof(struct net_address), "the key of the map");

struct xdp_tap {
	struct bpf_object *object;
	struct bpf_tc_hook hook;
	int socket_program;
	bool is_attached;
};

static int error_of(int negative_errno)
{
	switch (-negative_errno) {
	case EPERM:
	case EACCES:
		return ERR_PERMISSION;
	case ENOMEM:
		return ERR_NOMEM;
	case EBUSY:
	case EEXIST:
		return ERR_EXISTS;
	case ENOENT:
	case ENODEV:
		return ERR_NOT_FOUND;
	default:
		return ERR_IO;
	}
}

const char *xdp_mode_name(enum xdp_mode mode)
{
	static const char *const names[] = {[XDP_MODE_NATIVE] = "native", [XDP_MODE_GENERIC] = "generic"};

	return mode < XDP_MODE_COUNT ? names[mode] : "unknown";
}

static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int print_all(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

void xdp_talk(bool on)
{
	libbpf_set_print(on ? print_all : print_nothing);
}

int xdp_redirect_open(int *ret_fd)
{
	int fd = memfd_create("voxlane_redirect", MFD_CLOEXEC);

	if (fd < 0)
		return ERR_IO;
	if (write(fd, media_redirect_object, sizeof(media_redirect_object)) != (ssize_t)sizeof(media_redirect_object)) {
		close(fd);
		return ERR_IO;
	}
	*ret_fd = fd;
	return 0;
}

/* A handle of the program on the interface with what the kernel knows of it. ERR_NOT_FOUND: none. */
static int attached_program(uint32_t ifindex, int *ret_fd, struct bpf_prog_info *info, uint32_t *map_ids,
			    uint32_t map_count, enum xdp_mode *ret_mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	uint32_t size = sizeof(*info);
	int fd, error = bpf_xdp_query((int)ifindex, 0, &query);

	if (error)
		return error_of(error);
	if (query.prog_id == 0)
		return ERR_NOT_FOUND;
	fd = bpf_prog_get_fd_by_id(query.prog_id);
	if (fd < 0)
		return error_of(-errno);
	memset(info, 0, sizeof(*info));
	info->map_ids = (uintptr_t)map_ids;
	info->nr_map_ids = map_count;
	error = bpf_obj_get_info_by_fd(fd, info, &size);
	if (error) {
		close(fd);
		return error_of(-errno);
	}
	*ret_fd = fd;
	*ret_mode = query.attach_mode == XDP_ATTACHED_SKB ? XDP_MODE_GENERIC : XDP_MODE_NATIVE;
	return 0;
}

int xdp_redirect_clear(uint32_t ifindex, bool *ret_was_there)
{
	struct bpf_prog_info info;
	enum xdp_mode mode;
	int fd, error = attached_program(ifindex, &fd, &info, NULL, 0, &mode);

	if (error == ERR_NOT_FOUND) {
		*ret_was_there = false;
		return 0;
	}
	if (error)
		return error;
	close(fd);
	if (strcmp(info.name, MEDIA_PROGRAM) != 0)
		return ERR_EXISTS;
	error = bpf_xdp_detach((int)ifindex, mode == XDP_MODE_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE, NULL);
	if (error)
		return error_of(error);
	*ret_was_there = true;
	return 0;
}

static int fill(int map, const struct xdp_media *media, size_t media_count)
{
	for (size_t i = 0; i < media_count; i++) {
		struct media_range range = {media[i].port_start, media[i].port_end};

		if (bpf_map_update_elem(map, &media[i].address, &range, BPF_ANY))
			return error_of(-errno);
	}
	return 0;
}

int xdp_redirect_fill(uint32_t ifindex, const struct xdp_media *media, size_t media_count, enum xdp_mode *ret_mode)
{
	struct bpf_prog_info info;
	uint32_t map_ids[8];
	int program, error = attached_program(ifindex, &program, &info, map_ids, ARRAY_LEN(map_ids), ret_mode);

	if (error)
		return error;
	close(program);
	error = ERR_NOT_FOUND;
	for (uint32_t i = 0; i < MIN(info.nr_map_ids, ARRAY_LEN(map_ids)) && error == ERR_NOT_FOUND; i++) {
		struct bpf_map_info map_info = {0};
		uint32_t size = sizeof(map_info);
		int map = bpf_map_get_fd_by_id(map_ids[i]);

		if (map < 0)
			return error_of(-errno);
		if (bpf_obj_get_info_by_fd(map, &map_info, &size) == 0 && strcmp(map_info.name, MEDIA_MAP) == 0)
			error = fill(map, media, media_count);
		close(map);
	}
	return error;
}

/* clsact is left in place when we go: others may have put programs there meanwhile, and empty it costs nothing. */
static int attach_ingress(struct xdp_tap *tap, uint32_t ifindex, int program)
{
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = TC_HANDLE, .priority = TC_PRIORITY, .prog_fd = program,
		    .flags = BPF_TC_F_REPLACE);
	int error;

	tap->hook =
		(struct bpf_tc_hook){.sz = sizeof(tap->hook), .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS};
	error = bpf_tc_hook_create(&tap->hook);
	if (error && error != -EEXIST)
		return error_of(error);
	error = bpf_tc_attach(&tap->hook, &options);
	if (error)
		return error_of(error);
	tap->is_attached = true;
	return 0;
}

int xdp_tap_new(uint32_t ifindex, const struct xdp_media *media, size_t media_count, struct xdp_tap **ret_tap)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "media_tap");
	struct xdp_tap *tap = calloc(1, sizeof(*tap));
	int error = ERR_IO;

	if (!tap)
		return ERR_NOMEM;
	tap->object = bpf_object__open_mem(media_tap_object, sizeof(media_tap_object), &options);
	if (!tap->object) {
		error = error_of(-errno);
		goto fail;
	}
	error = bpf_object__load(tap->object);
	if (error) {
		error = error_of(error);
		goto fail;
	}
	error = fill(bpf_object__find_map_fd_by_name(tap->object, MEDIA_MAP), media, media_count);
	if (error)
		goto fail;
	tap->socket_program = bpf_program__fd(bpf_object__find_program_by_name(tap->object, "media_only"));
	error = attach_ingress(tap, ifindex,
			       bpf_program__fd(bpf_object__find_program_by_name(tap->object, MEDIA_PROGRAM)));
	if (error)
		goto fail;
	*ret_tap = tap;
	return 0;
fail:
	xdp_tap_free(tap);
	return error;
}

int xdp_tap_limit(const struct xdp_tap *tap, int packet_socket)
{
	int program = tap->socket_program;

	return setsockopt(packet_socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) ? ERR_IO : 0;
}

void xdp_tap_free(struct xdp_tap *tap)
{
	if (!tap)
		return;
	if (tap->is_attached) {
		LIBBPF_OPTS(bpf_tc_opts, options, .handle = TC_HANDLE, .priority = TC_PRIORITY);

		(void)bpf_tc_detach(&tap->hook, &options);
	}
	bpf_object__close(tap->object);
	free(tap);
}
