/* lib/shm: making, attaching, refusing and closing segments. */
#include "tests/unit/lib/shm/shm_fixture.h"

#include <sys/mman.h>

/* As a killed process leaves it: the file stays, the lock goes (with the last of descriptor and mapping). */
static void end_as_killed(struct shm_segment *s)
{
	munmap(s->header, s->size);
	close(s->fd);
}

static int setup(void **state)
{
	*state = malloc(sizeof(struct shm_fixture));
	shm_fixture_init(*state);
	return 0;
}

static int teardown(void **state)
{
	shm_fixture_fini(*state);
	free(*state);
	return 0;
}

static void test_what_is_created_can_be_attached(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment dataplane, controlplane;
	struct stat status;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &dataplane, &f->refusal), 0);
	assert_int_equal(stat(f->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_size, shm_segment_size(2, 1, 50));
	assert_false(shm_segment_peer_is_alive(&dataplane));

	assert_int_equal(shm_segment_attach(f->path, &controlplane, &f->refusal), 0);
	assert_true(shm_segment_peer_is_alive(&dataplane));
	assert_true(shm_segment_peer_is_alive(&controlplane));
	assert_int_equal(controlplane.worker_count, 2);
	assert_int_equal(controlplane.streams_per_worker, 50);
	assert_int_equal(controlplane.generation, 77);
	assert_int_equal(controlplane.address_count, 2);
	assert_memory_equal(controlplane.addresses, f->addresses, sizeof(f->addresses));
	assert_int_equal(controlplane.header->controller_pid, getpid());

	shm_address_set_up(&dataplane, 1, false);
	assert_true(shm_address_is_up(&controlplane, 0));
	assert_false(shm_address_is_up(&controlplane, 1));

	shm_segment_close(&controlplane, f->path);
	assert_false(shm_segment_peer_is_alive(&dataplane));
	shm_segment_close(&dataplane, f->path);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void test_parts_do_not_overlap(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment s;
	const char *end;

	f->layout.client_count = 3;
	assert_int_equal(shm_segment_create(f->path, &f->layout, &s, &f->refusal), 0);
	assert_ptr_equal(shm_segment_worker(&s, 0), s.header + 1);
	assert_ptr_equal(shm_segment_client(&s, 0, 0), shm_segment_worker(&s, 0) + 1);
	assert_ptr_equal(shm_segment_client(&s, 0, 2), shm_segment_client(&s, 0, 0) + 2);
	assert_ptr_equal(shm_segment_rows(&s, 0), shm_segment_client(&s, 0, 2) + 1);
	assert_ptr_equal(shm_segment_worker(&s, 1), shm_segment_rows(&s, 0) + 50);
	end = (const char *)(shm_segment_rows(&s, 1) + 50);
	assert_int_equal(end - (const char *)s.header, s.size);
	shm_segment_close(&s, f->path);
}

static void test_only_one_of_each_side(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment dataplane, second, controlplane;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &dataplane, &f->refusal), 0);
	assert_int_equal(shm_segment_create(f->path, &f->layout, &second, &f->refusal), ERR_EXISTS);
	assert_non_null(strstr(f->refusal.text, "another dataplane is running"));
	assert_int_equal(shm_segment_attach(f->path, &controlplane, &f->refusal), 0);
	assert_int_equal(shm_segment_attach(f->path, &second, &f->refusal), ERR_EXISTS);
	assert_non_null(strstr(f->refusal.text, "another control plane is attached"));
	shm_segment_close(&controlplane, f->path);
	assert_int_equal(shm_segment_attach(f->path, &controlplane, &f->refusal), 0);
	shm_segment_close(&controlplane, f->path);
	shm_segment_close(&dataplane, f->path);
}

static void test_a_dead_segment_is_replaced_and_its_reader_sees_it(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment old, old_reader, new, new_reader;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &old, &f->refusal), 0);
	assert_int_equal(shm_segment_attach(f->path, &old_reader, &f->refusal), 0);
	end_as_killed(&old);
	assert_false(shm_segment_peer_is_alive(&old_reader));

	f->layout.generation = 78;
	assert_int_equal(shm_segment_create(f->path, &f->layout, &new, &f->refusal), 0);
	assert_int_equal(shm_segment_attach(f->path, &new_reader, &f->refusal), 0);
	assert_int_equal(new_reader.generation, 78);
	assert_int_equal(old_reader.header->generation, 77);
	assert_false(shm_segment_peer_is_alive(&old_reader));
	assert_true(shm_segment_peer_is_alive(&new_reader));

	shm_segment_close(&old_reader, f->path);
	shm_segment_close(&new_reader, f->path);
	shm_segment_close(&new, f->path);
}

static void test_close_leaves_another_ones_file(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment first, second;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &first, &f->refusal), 0);
	unlink(f->path); /* somebody cleans up by hand, and a second one starts */
	assert_int_equal(shm_segment_create(f->path, &f->layout, &second, &f->refusal), 0);
	shm_segment_close(&first, f->path);
	assert_int_equal(access(f->path, F_OK), 0);
	shm_segment_close(&second, f->path);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void test_attach_says_why_there_is_nothing(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment s, dataplane;
	int fd;

	assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), ERR_NOT_FOUND);
	assert_non_null(strstr(f->refusal.text, f->path));
	assert_non_null(strstr(f->refusal.text, "the dataplane is not running"));

	assert_int_equal(shm_segment_create(f->path, &f->layout, &dataplane, &f->refusal), 0);
	fd = dup(dataplane.fd);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), ERR_VERSION);
	assert_non_null(strstr(f->refusal.text, "has 100 bytes"));
	assert_int_equal(ftruncate(fd, (off_t)dataplane.size - 1), 0);
	assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), ERR_CORRUPT);
	close(fd);
	end_as_killed(&dataplane);
	assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), ERR_CLOSED);
	assert_non_null(strstr(f->refusal.text, "the dataplane is not running"));

	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_true(shm_segment_attach(f->path, &s, &f->refusal) < 0);
	assert_true(shm_segment_create(f->path, &f->layout, &s, &f->refusal) < 0);
	rmdir(f->path);
	assert_int_equal(symlink("/dev/null", f->path), 0);
	assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), ERR_PERMISSION);
	assert_int_equal(shm_segment_create(f->path, &f->layout, &s, &f->refusal), ERR_PERMISSION);
}

static void test_create_says_what_is_wrong_with_the_wish(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment s;
	struct shm_layout layout = f->layout;

#define REFUSED(change, error, words)                                                                                  \
	do {                                                                                                           \
		struct shm_address addresses[2] = {f->addresses[0], f->addresses[1]};                                  \
		layout = f->layout;                                                                                    \
		layout.addresses = addresses;                                                                          \
		change;                                                                                                \
		assert_int_equal(shm_segment_create(f->path, &layout, &s, &f->refusal), error);                        \
		assert_non_null(strstr(f->refusal.text, words));                                                       \
		assert_non_null(strstr(f->refusal.text, f->directory));                                                \
	} while (0)
	REFUSED(layout.worker_count = 0, ERR_INVALID, "0 workers asked for");
	REFUSED(layout.worker_count = 65, ERR_INVALID, "1 to 64");
	REFUSED(layout.streams_per_worker = 0, ERR_INVALID, "0 streams a worker");
	REFUSED(layout.streams_per_worker = (1 << 20) + 1, ERR_INVALID, "1048577 streams a worker");
	REFUSED(layout.address_count = 65, ERR_INVALID, "65 media addresses");
	REFUSED(layout.generation = 0, ERR_INVALID, "generation");
	REFUSED(addresses[0].port_end = 10000, ERR_INVALID, "192.0.2.1: its port pool is empty");
	REFUSED(addresses[1].advertised = addresses[0].advertised, ERR_INVALID, "another family");
	REFUSED(addresses[1].address.family = 0, ERR_INVALID, "family");
	REFUSED(memset(addresses[0].address.bytes, 0, 16), ERR_INVALID, "not a unicast");
	REFUSED(memset(addresses[0].port_name, 'x', SHM_NAME_SIZE), ERR_INVALID, "name");
	REFUSED(addresses[0].serves = 2, ERR_INVALID, "serves");
#undef REFUSED
	assert_int_equal(shm_segment_create("/nonexistent_directory/segment", &f->layout, &s, &f->refusal),
			 ERR_NOT_FOUND);
	assert_non_null(strstr(f->refusal.text, "No such file or directory"));
}

#define HEADER_AT(field) offsetof(struct shm_header, field), sizeof(((struct shm_header *)0)->field)

static void test_attach_names_the_field_that_differs(void **state)
{
	static const struct {
		const char *name;
		size_t offset, size;
		uint64_t bad;
		int error;
		const char *words;
	} rows[] = {
		{"magic", HEADER_AT(magic), 1, ERR_CORRUPT, "no segment of Voxlane"},
		{"version", HEADER_AT(version), 9, ERR_VERSION, "version is 9 in the dataplane and 6 here"},
		{"header_size", HEADER_AT(header_size), 9, ERR_VERSION, "header_size is 9"},
		{"address_size", HEADER_AT(address_size), 9, ERR_VERSION, "address_size is 9"},
		{"command_size", HEADER_AT(command_size), 9, ERR_VERSION,
		 "command_size is 9 in the dataplane and 320 here: both programs must be of the same build"},
		{"event_size", HEADER_AT(event_size), 9, ERR_VERSION, "event_size is 9"},
		{"row_size", HEADER_AT(row_size), 9, ERR_VERSION, "row_size is 9"},
		{"worker_size", HEADER_AT(worker_size), 9, ERR_VERSION, "worker_size is 9"},
		{"client_size", HEADER_AT(client_size), 9, ERR_VERSION, "client_size is 9"},
		{"ring_cells", HEADER_AT(ring_cells), 9, ERR_VERSION, "ring_cells is 9"},
		{"drop_count", HEADER_AT(drop_count), 9, ERR_VERSION, "drop_count is 9"},
		{"worker_counter_count", HEADER_AT(worker_counter_count), 9, ERR_VERSION, "worker_counter_count is 9"},
		{"no worker", HEADER_AT(worker_count), 0, ERR_CORRUPT, "worker_count is 0"},
		{"many workers", HEADER_AT(worker_count), 65, ERR_CORRUPT, "worker_count is 65, not 1 to 64"},
		{"other worker_count", HEADER_AT(worker_count), 3, ERR_CORRUPT, "segment_size"},
		{"no client", HEADER_AT(client_count), 0, ERR_CORRUPT, "client_count is 0"},
		{"many clients", HEADER_AT(client_count), 33, ERR_CORRUPT, "client_count is 33, not 1 to 32"},
		{"other client_count", HEADER_AT(client_count), 2, ERR_CORRUPT, "segment_size"},
		{"no stream", HEADER_AT(streams_per_worker), 0, ERR_CORRUPT, "streams_per_worker is 0"},
		{"many streams", HEADER_AT(streams_per_worker), UINT32_MAX, ERR_CORRUPT,
		 "streams_per_worker is 4294967295"},
		{"many addresses", HEADER_AT(address_count), 65, ERR_CORRUPT, "address_count is 65"},
		{"address not filled in", HEADER_AT(address_count), 3, ERR_CORRUPT, "addresses[2]"},
		{"generation", HEADER_AT(generation), 0, ERR_CORRUPT, "generation is 0"},
		{"segment_size", HEADER_AT(segment_size), 4096, ERR_CORRUPT, "segment_size is 4096"},
		{"family", HEADER_AT(addresses[0].address.family), 9, ERR_CORRUPT, "addresses[0]: its family"},
		{"serves", HEADER_AT(addresses[1].serves), 9, ERR_CORRUPT, "addresses[1]: whom it serves"},
		{"pool", HEADER_AT(addresses[1].port_end), 9, ERR_CORRUPT, "addresses[1]: its port pool is empty"},
	};
	struct shm_fixture *f = *state;
	struct shm_segment dataplane, s;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &dataplane, &f->refusal), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *field = (char *)dataplane.header + rows[i].offset, good[8];

		memcpy(good, field, rows[i].size);
		memcpy(field, &rows[i].bad, rows[i].size);
		if (shm_segment_attach(f->path, &s, &f->refusal) != rows[i].error ||
		    !strstr(f->refusal.text, rows[i].words) || !strstr(f->refusal.text, f->path))
			fail_msg("%s: %s", rows[i].name, f->refusal.text);
		memcpy(field, good, rows[i].size);
	}
	assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), 0);
	shm_segment_close(&s, f->path);
	shm_segment_close(&dataplane, f->path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_created_can_be_attached, setup, teardown),
		cmocka_unit_test_setup_teardown(test_parts_do_not_overlap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_one_of_each_side, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_dead_segment_is_replaced_and_its_reader_sees_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_close_leaves_another_ones_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_says_why_there_is_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_create_says_what_is_wrong_with_the_wish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attach_names_the_field_that_differs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
