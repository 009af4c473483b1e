/* A directory of its own for segments, and a layout that is sound. */
#ifndef TESTS_UNIT_LIB_SHM_SHM_FIXTURE_H
#define TESTS_UNIT_LIB_SHM_SHM_FIXTURE_H

#include "lib/shm/shm.h"
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

struct shm_fixture {
	char directory[64];
	char path[96];
	struct shm_address addresses[2];
	struct shm_layout layout;
	struct shm_refusal refusal;
};

static inline struct shm_address shm_fixture_address(const char *address, const char *port_name, uint16_t serves)
{
	struct shm_address row = {.serves = serves, .port_start = 10000, .port_end = 10099, .up = 1};

	assert_int_equal(net_address_parse(view_of(address), &row.address), 0);
	row.advertised = row.address;
	assert_int_equal(view_copy(view_of(port_name), row.port_name, sizeof(row.port_name)), 0);
	return row;
}

static inline void shm_fixture_init(struct shm_fixture *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->directory, sizeof(f->directory), "/tmp/shm_test_XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/segment", f->directory);
	f->addresses[0] = shm_fixture_address("192.0.2.1", "lan", SHM_SERVES_NETWORK);
	f->addresses[1] = shm_fixture_address("2001:db8::1", "local", SHM_SERVES_LOCAL);
	f->layout = (struct shm_layout){.worker_count = 2,
					.streams_per_worker = 50,
					.generation = 77,
					.addresses = f->addresses,
					.address_count = 2};
}

static inline void shm_fixture_fini(struct shm_fixture *f)
{
	unlink(f->path);
	assert_int_equal(rmdir(f->directory), 0); /* nothing temporary was left behind */
}

#endif
