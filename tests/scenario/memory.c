/* Scenarios with failing allocations: the same file is run once for each allocation that the system makes, with that one and
 * the next few failing. The scenario may then go wrong; the system must neither crash, nor touch what is gone, nor lose
 * anything (the sanitizers watch), and must come to rest and to its end.
 *
 * Only what happens within the loop fails, not the phones' own memory. Each run is a child process, because a run that went
 * wrong is left where it stands.
 */
#include "tests/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILURES = 3, WENT_WRONG = 3 };

static long number, fail_at = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool is_failing(void)
{
	long this_one;

	if (!host.is_in_system)
		return false;
	this_one = number++;
	return fail_at >= 0 && this_one >= fail_at && this_one < fail_at + FAILURES;
}

void *__wrap_malloc(size_t size)
{
	return is_failing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_failing() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return is_failing() ? NULL : __real_realloc(old, size);
}

/* 0: the scenario went on as if nothing had happened; WENT_WRONG: it did not, but the system is well. */
static int run_child(const char *path, long fail_number, int report)
{
	volatile int result = WENT_WRONG;

	fail_at = fail_number;
	if (setjmp(host.resume) == 0) {
		host.can_resume = true;
		host_init(path);
		scenario_run();
		result = 0;
	}
	host.is_in_system = false;
	fail_at = -1;
	host_let_end();
	host_fini();
	if (write(report, &number, sizeof(number)) != sizeof(number))
		return 1;
	return result;
}

/* False when the child died. *ret_count: how many allocations there were. */
static bool run_one(const char *path, long fail_number, long *ret_count)
{
	int ends[2], status;
	pid_t child;

	fflush(NULL);
	if (pipe(ends) < 0 || (child = fork()) < 0)
		return false;
	if (child == 0)
		exit(run_child(path, fail_number, ends[1]));
	close(ends[1]);
	if (read(ends[0], ret_count, sizeof(*ret_count)) != sizeof(*ret_count))
		*ret_count = -1;
	close(ends[0]);
	if (waitpid(child, &status, 0) != child)
		return false;
	return WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == WENT_WRONG) && *ret_count >= 0;
}

int scenario_without_memory(const char *path)
{
	long count, total, failures = 0;

	if (!run_one(path, -1, &total)) {
		fprintf(stderr, "%s: already goes wrong with memory\n", path);
		return 1;
	}
	for (long i = 0; i < total; i++)
		if (!run_one(path, i, &count)) {
			fprintf(stderr, "%s: with allocation %ld failing the system does not survive\n", path, i);
			failures++;
		}
	printf("%ld allocations, %ld of them deadly\n", total, failures);
	return failures > 0;
}
