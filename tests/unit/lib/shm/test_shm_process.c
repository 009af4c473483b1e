/* lib/shm between two processes: who lives is known at once, and a million cells arrive in order. */
#include "tests/unit/lib/shm/shm_fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define CELLS 1000000

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

/* Runs body in a child that says over a pipe when it is ready; it then waits to be killed. Returns its pid. */
static pid_t child_start(struct shm_fixture *f, int (*body)(struct shm_fixture *f))
{
	int pipe_fds[2];
	char ready = 0;
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		ready = body(f) == 0 ? 'y' : 'n';
		if (write(pipe_fds[1], &ready, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipe_fds[1]);
	assert_int_equal(read(pipe_fds[0], &ready, 1), 1);
	close(pipe_fds[0]);
	assert_int_equal(ready, 'y');
	return pid;
}

static void child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int be_controlplane(struct shm_fixture *f)
{
	static struct shm_segment s;

	return shm_segment_attach(f->path, &s, &f->refusal);
}

static int be_dataplane(struct shm_fixture *f)
{
	static struct shm_segment s;

	return shm_segment_create(f->path, &f->layout, &s, &f->refusal);
}

static void test_killed_controlplane_is_seen_and_may_come_back(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment dataplane;
	pid_t pid;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &dataplane, &f->refusal), 0);
	for (int life = 0; life < 2; life++) {
		assert_false(shm_segment_peer_is_alive(&dataplane));
		pid = child_start(f, be_controlplane);
		assert_true(shm_segment_peer_is_alive(&dataplane));
		assert_int_equal(dataplane.header->controller_pid, pid);
		child_kill(pid);
	}
	assert_false(shm_segment_peer_is_alive(&dataplane));
	shm_segment_close(&dataplane, f->path);
}

static void test_killed_dataplane_is_seen_and_may_come_back(void **state)
{
	struct shm_fixture *f = *state;

	for (uint32_t life = 1; life <= 2; life++) {
		struct shm_segment s;
		pid_t pid;

		f->layout.generation = life;
		pid = child_start(f, be_dataplane);
		assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), 0);
		assert_int_equal(s.generation, life);
		assert_true(shm_segment_peer_is_alive(&s));
		child_kill(pid);
		assert_false(shm_segment_peer_is_alive(&s));
		shm_segment_close(&s, f->path);
		assert_int_equal(shm_segment_attach(f->path, &s, &f->refusal), ERR_CLOSED);
	}
}

static int send_all(struct shm_fixture *f)
{
	struct shm_segment s;
	struct shm_command_writer writer;
	struct shm_command command = {.type = SHM_COMMAND_STREAM_DEL};

	if (shm_segment_attach(f->path, &s, &f->refusal) < 0 ||
	    shm_command_writer_init(&writer, &shm_segment_client(&s, 1, 0)->commands) < 0)
		return 1;
	for (uint32_t i = 0; i < CELLS; i++) {
		int error;

		command.u.stream_del.id.index = i;
		memset(command.u.bytes + sizeof(command.u.bytes) - 4, (int)(i & 0xff), 4);
		while ((error = shm_command_put(&writer, &command)) == ERR_FULL)
			sched_yield();
		if (error)
			return 1;
	}
	return 0;
}

static void test_a_million_cells_arrive_in_order(void **state)
{
	struct shm_fixture *f = *state;
	struct shm_segment dataplane;
	struct shm_command_reader reader;
	pid_t pid;
	int status;

	assert_int_equal(shm_segment_create(f->path, &f->layout, &dataplane, &f->refusal), 0);
	assert_int_equal(shm_command_reader_init(&reader, &shm_segment_client(&dataplane, 1, 0)->commands), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(send_all(f));
	for (uint32_t i = 0; i < CELLS; i++) {
		struct shm_command command;
		int error;

		while ((error = shm_command_get(&reader, &command)) == ERR_EMPTY)
			sched_yield();
		if (error || command.u.stream_del.id.index != i ||
		    command.u.bytes[sizeof(command.u.bytes) - 1] != (i & 0xff))
			fail_msg("cell %u: error %d, index %u", i, error, command.u.stream_del.id.index);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	shm_segment_close(&dataplane, f->path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_killed_controlplane_is_seen_and_may_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_dataplane_is_seen_and_may_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_million_cells_arrive_in_order, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
