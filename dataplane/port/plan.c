/* Before EAL runs: is everything there, may we have it, and what is EAL to be told? A refusal here is one clear line where
 * EAL would print ten. */
#include "dataplane/port/driver.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define BASE_MB           64  /* DPDK's own, rings, tables */
#define STREAM_BYTES      640 /* of a stream in the workers' tables, rounded up */
#define PCI_DEVICES       "/sys/bus/pci/devices"
#define HUGE_PAGE_FOLDERS "/sys/kernel/mm/hugepages"

static int fail(struct port_problem *problem, int error, const char *format, ...) PRINTF(3, 4);
static int fail(struct port_problem *problem, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return error;
}

/* An argument is what is written to text between these two. */
static void begin_argument(struct port_plan *plan, struct text *text)
{
	if (plan->argc + 1 < (int)ARRAY_LEN(plan->argv))
		plan->argv[plan->argc++] = text->at + text->size;
	else
		text->overflow = true;
}

static void end_argument(struct text *text)
{
	if (text->size + 1 < text->capacity)
		text->size++; /* keeps the terminator */
	else
		text->overflow = true;
}

static void add_argument(struct port_plan *plan, struct text *text, const char *format, ...) PRINTF(3, 4);
static void add_argument(struct port_plan *plan, struct text *text, const char *format, ...)
{
	va_list args;

	begin_argument(plan, text);
	va_start(args, format);
	text_vprintf(text, format, args);
	va_end(args);
	end_argument(text);
}

/* ---- privileges ---- */
static uint64_t capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static int check_capabilities(const struct conf_port *conf, const struct port_driver *driver,
			      struct port_problem *problem)
{
	uint64_t have = capabilities();

	if ((have & driver->capabilities) == driver->capabilities &&
	    (driver->any_capability == 0 || (have & driver->any_capability)))
		return 0;
	return port_fail(problem, ERR_PERMISSION, conf, "no privileges for driver \"%s\": run as root, or with %s",
			 driver->name, driver->capability_names);
}

/* ---- devices ---- */
/* DPDK drives a PCI device that the kernel let go of, or one of those that share it with their kernel driver. */
static int check_pci(const struct conf_port *conf, struct port_problem *problem)
{
	static const char *const usable[] = {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx5_core", "mlx4_core"};
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;
	ssize_t size;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", conf->device);
	if (access(path, F_OK))
		return port_fail(problem, ERR_NOT_FOUND, conf,
				 "there is no PCI device \"%s\"; addresses look like 0000:3b:00.0, see lspci -D",
				 conf->device);
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", conf->device);
	size = readlink(path, target, sizeof(target) - 1);
	target[MAX(size, 0)] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : "none";
	for (size_t i = 0; i < ARRAY_LEN(usable); i++)
		if (strcmp(name, usable[i]) == 0)
			return 0;
	return port_fail(
		problem, ERR_STATE, conf,
		"PCI device %s belongs to kernel driver %s; bind it to vfio-pci (dpdk-devbind.py -b vfio-pci %s)",
		conf->device, name, conf->device);
}

static bool is_server(const struct conf_port *conf, const struct port_driver *driver)
{
	struct view role = port_option(conf->options, "role");

	return driver->has_socket && (!role.at || view_is(role, "server"));
}

static int check_device(const struct conf_port *conf, const struct port_driver *driver, struct port_plan *plan,
			unsigned index, unsigned workers, struct port_problem *problem)
{
	struct port_interface interface = {.queue_count = (uint16_t)workers};
	int error = check_capabilities(conf, driver, problem);

	if (error)
		return error;
	if (driver->has_interface && port_interface_read(conf->device, &interface))
		return port_fail(problem, ERR_NOT_FOUND, conf, "there is no interface \"%s\"; see ip link",
				 conf->device);
	if (driver->has_interface && !interface.is_up)
		return port_fail(problem, ERR_STATE, conf, "interface %s is down; ip link set %s up", conf->device,
				 conf->device);
	if (driver->queues_of_device && interface.extra_queues > 0)
		return port_fail(problem, ERR_UNSUPPORTED, conf,
				 "%s has %u receive queues, and DPDK's af_xdp would serve one; ethtool -L %s rx 1 tx "
				 "1, or driver "
				 "\"af_packet\"",
				 conf->device, interface.extra_queues + 1, conf->device);
	if (driver->has_file && access(conf->device, R_OK))
		return port_fail(problem, ERR_NOT_FOUND, conf, "the file %s cannot be read: %s", conf->device,
				 strerror(errno));
	if (driver->has_socket && strlen(conf->device) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return port_fail(problem, ERR_TOO_LONG, conf, "the socket's path is longer than %zu characters",
				 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
	error = driver->vdev ? 0 : check_pci(conf, problem);
	if (error)
		return error;
	if (driver->has_interface || is_server(conf, driver)) {
		error = port_interface_claim(conf->device, &plan->claims[index]);
		if (error == ERR_EXISTS)
			return port_fail(problem, error, conf, "another dataplane already uses %s", conf->device);
		if (error)
			return port_fail(problem, error, conf, "%s cannot be reserved: %s", conf->device,
					 error_text(error));
	}
	if (!driver->queues_of_device)
		interface.queue_count = (uint16_t)(driver->one_queue ? 1 : workers);
	plan->queue_count[index] =
		conf->queues ? (uint16_t)MIN(conf->queues, (uint32_t)PORT_QUEUES_MAX) : interface.queue_count;
	return 0;
}

/* ---- cores ---- */
static bool has_core(int core)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", core);
	return core >= 0 && core < CPU_SETSIZE && access(path, F_OK) == 0;
}

/* The n-th CPU, counted round, of those this process may run on. */
static int allowed_core(const cpu_set_t *set, unsigned n)
{
	n %= (unsigned)MAX(CPU_COUNT(set), 1);
	for (int core = 0; core < CPU_SETSIZE; core++)
		if (CPU_ISSET(core, set) && n-- == 0)
			return core;
	return 0;
}

/* Workers get the CPUs from the one after main's on; main's own, where the main thread mostly sleeps, comes last. */
static int plan_cores(const struct conf_dataplane *conf, struct port_plan *plan, const char *path,
		      struct port_problem *problem)
{
	unsigned main_at = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		CPU_ZERO(&set);
	plan->main_core = conf->main_core >= 0 ? conf->main_core : allowed_core(&set, 0);
	if (!has_core(plan->main_core))
		return fail(problem, ERR_NOT_FOUND, "%s: dataplane.main_core: this machine has no CPU %d", path,
			    plan->main_core);
	for (int core = 0; core < plan->main_core; core++)
		main_at += (unsigned)(CPU_ISSET(core, &set) != 0);
	for (unsigned w = 0; w < conf->workers; w++) {
		int core = w < conf->worker_cores.len ? conf->worker_cores.at[w] : allowed_core(&set, main_at + 1 + w);

		if (!has_core(core))
			return fail(problem, ERR_NOT_FOUND, "%s: dataplane.worker_cores: this machine has no CPU %d",
				    path, core);
		plan->core_of_worker[w] = core;
	}
	return 0;
}

/* ---- memory ---- */
/* "hugepages-2048kB" */
static uint64_t huge_page_kb(const char *folder)
{
	struct view name = view_of(folder);
	uint64_t kb = 0;

	(void)view_cut(&name, '-');
	if (name.size > 2 && view_to_u64((struct view){name.at, name.size - 2}, UINT32_MAX, &kb))
		kb = 0;
	return kb;
}

static uint64_t free_huge_mb(void)
{
	DIR *directory = opendir(HUGE_PAGE_FOLDERS);
	struct dirent *entry;
	uint64_t kb = 0;

	while (directory && (entry = readdir(directory))) {
		char path[PATH_MAX], line[32];
		uint64_t pages;
		FILE *file;

		snprintf(path, sizeof(path), HUGE_PAGE_FOLDERS "/%s/free_hugepages", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(line, sizeof(line), file) && view_to_u64(view_trim(view_of(line)), UINT32_MAX, &pages) == 0)
			kb += huge_page_kb(entry->d_name) * pages;
		fclose(file);
	}
	if (directory)
		closedir(directory);
	return kb >> 10;
}

static int plan_memory(const struct conf_dataplane *conf, struct port_plan *plan, const char *path,
		       struct port_problem *problem)
{
	unsigned queues = 0;
	uint64_t streams = (uint64_t)conf->workers * conf->streams_per_worker, need, have;

	for (size_t i = 0; i < conf->port_count; i++)
		queues += plan->queue_count[i];
	plan->packets = port_pool_packets(queues, conf->workers);
	need = BASE_MB + port_pool_mb(plan->packets) + (streams * STREAM_BYTES >> 20);
	plan->memory_mb = conf->memory_mb ? conf->memory_mb : (uint32_t)need;
	if (plan->memory_mb < need)
		return fail(problem, ERR_NOMEM, "%s: dataplane.memory_mb is %u, but these ports and workers need %u",
			    path, conf->memory_mb, (unsigned)need);
	have = conf->huge_pages ? free_huge_mb() : UINT64_MAX;
	if (have < plan->memory_mb)
		return fail(problem, ERR_NOMEM,
			    "%s: dataplane.huge_pages: %u MB of huge pages are needed and %u MB are free; sysctl "
			    "vm.nr_hugepages=%u (of 2 MB), or huge_pages = false",
			    path, plan->memory_mb, (unsigned)have, plan->memory_mb / 2 + 1);
	return 0;
}

static void plan_arguments(const struct conf_dataplane *conf, bool debug, struct port_plan *plan, struct text *text)
{
	bool has_pci = false;

	add_argument(plan, text, "voxlane-dataplane");
	add_argument(plan, text, "--lcores");
	begin_argument(plan, text);
	text_printf(text, "0@%d", plan->main_core);
	for (unsigned w = 0; w < conf->workers; w++)
		text_printf(text, ",%u@%d", w + 1, plan->core_of_worker[w]);
	end_argument(text);
	add_argument(plan, text, "--no-telemetry");
	add_argument(plan, text, "-m");
	add_argument(plan, text, "%u", plan->memory_mb);
	/* No files shared with others, in DPDK's two ways of saying so: several engines run side by side, and nothing stays
	 * behind. */
	if (conf->huge_pages) {
		add_argument(plan, text, "--in-memory");
	} else {
		add_argument(plan, text, "--no-huge");
		add_argument(plan, text, "--no-shconf");
	}
	for (size_t i = 0; i < conf->port_count; i++) {
		if (port_drivers[conf->ports[i].driver].vdev)
			continue;
		has_pci = true;
		add_argument(plan, text, "-a");
		add_argument(plan, text, "%s%s%s", conf->ports[i].device, conf->ports[i].options[0] ? "," : "",
			     conf->ports[i].options);
	}
	if (!has_pci) {
		add_argument(plan, text, "--no-pci");
		add_argument(plan, text, "--iova-mode=va");
	}
	add_argument(plan, text, "--log-level=*:%s", debug ? "info" : "error");
	plan->argv[plan->argc] = NULL;
}

int port_plan(const struct conf *conf, bool debug, struct port_plan *ret_plan, struct port_problem *ret_problem)
{
	const struct conf_dataplane *dataplane = &conf->dataplane;
	struct port_plan *plan = ret_plan;
	struct text text;
	int error;

	memset(plan, 0, sizeof(*plan));
	memset(plan->claims, -1, sizeof(plan->claims));
	if (dataplane->port_count == 0)
		return fail(ret_problem, ERR_INVALID, "%s: dataplane.ports is empty; the engine needs one at least",
			    conf->path);
	for (size_t i = 0; i < dataplane->port_count; i++) {
		const struct conf_port *port = &dataplane->ports[i];

		error = check_device(port, &port_drivers[port->driver], plan, (unsigned)i, dataplane->workers,
				     ret_problem);
		if (error)
			goto fail;
	}
	error = plan_cores(dataplane, plan, conf->path, ret_problem);
	if (error)
		goto fail;
	error = plan_memory(dataplane, plan, conf->path, ret_problem);
	if (error)
		goto fail;
	text_init(&text, plan->text, sizeof(plan->text));
	plan_arguments(dataplane, debug, plan, &text);
	if (text.overflow) {
		error = fail(ret_problem, ERR_TOO_LONG, "%s: the ports' options are too long", conf->path);
		goto fail;
	}
	return 0;
fail:
	port_plan_fini(plan);
	return error;
}

void port_plan_fini(struct port_plan *plan)
{
	for (size_t i = 0; i < ARRAY_LEN(plan->claims); i++) {
		if (plan->claims[i] >= 0)
			close(plan->claims[i]);
		plan->claims[i] = -1;
	}
}
