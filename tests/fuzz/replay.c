/* Runs a fuzz target over its seeds without a fuzzer: every file of the directories given, as it is, cut at every length,
 * and with a few hundred deterministic changes. The input ends where an unreadable page starts, so that reading one byte
 * too far ends the test in any build. On a crash the name of the file and the change are on standard error.
 */
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INPUT_MAX    (1u << 20)
#define CUTS_MAX     2048 /* longer seeds are cut at that many lengths, evenly spread */
#define CHANGES      300
#define CHANGED_SIZE 65536 /* longer seeds are only run as they are and cut */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static uint8_t *guard; /* first byte of the unreadable page */
static char doing[512];
static size_t runs;

static void say_where(int signal_number)
{
	ssize_t ignored = write(STDERR_FILENO, doing, strlen(doing));

	(void)ignored;
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void run(const uint8_t *data, size_t size, const char *path, const char *change, size_t number)
{
	uint8_t *at = guard - size;

	snprintf(doing, sizeof(doing), "crashed with %s, %s %zu\n", path, change, number);
	if (size > 0)
		memcpy(at, data, size);
	(void)LLVMFuzzerTestOneInput(at, size);
	runs++;
}

static uint32_t next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void run_changed(uint8_t *copy, const uint8_t *data, size_t size, const char *path)
{
	static const uint8_t favourites[] = {0,   1,   0x7f, 0x80, 0xff, '\r', '\n', ' ',
					     '"', '<', '>',  ';',  ':',  ',',  '=',  '0'};
	uint32_t random = 0x9e3779b9u ^ (uint32_t)size;

	for (size_t change = 0; change < CHANGES && size > 0; change++) {
		size_t at = next(&random) % size, other = next(&random) % size, moved = next(&random) % 16;

		memcpy(copy, data, size);
		for (unsigned i = 0; i <= change % 3; i++)
			copy[next(&random) % size] =
				change % 2 ? favourites[next(&random) % sizeof(favourites)] : (uint8_t)next(&random);
		if (change % 5 == 0 && at + moved <= size && other + moved <= size)
			memmove(copy + at, copy + other, moved);
		run(copy, size, path, "change", change);
	}
}

static int run_file(const char *path, uint8_t *data, uint8_t *copy)
{
	FILE *file = fopen(path, "rb");
	size_t size, step;

	if (!file) {
		perror(path);
		return 1;
	}
	size = fread(data, 1, INPUT_MAX, file);
	fclose(file);
	run(data, size, path, "as it is", 0);
	step = size / CUTS_MAX + 1;
	for (size_t cut = 0; cut < size; cut += step)
		run(data, cut, path, "cut at", cut);
	if (size <= CHANGED_SIZE)
		run_changed(copy, data, size, path);
	return 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int run_directory(const char *directory, uint8_t *data, uint8_t *copy)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, compare_names), failed = 0;

	if (count < 0) {
		perror(directory);
		return 1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			failed |= run_file(path, data, copy);
		free(entries[i]);
	}
	free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, INPUT_MAX + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *data = malloc(INPUT_MAX), *copy = malloc(INPUT_MAX);
	int failed = 0;

	if (map == MAP_FAILED || !data || !copy || mprotect(map + INPUT_MAX, page, PROT_NONE)) {
		perror("memory");
		return 1;
	}
	guard = map + INPUT_MAX;
	signal(SIGABRT, say_where);
	signal(SIGSEGV, say_where);
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	run(data, 0, "nothing", "as it is", 0);
	for (int i = 1; i < argc; i++)
		failed |= run_directory(argv[i], data, copy);
	printf("%zu inputs\n", runs);
	free(data);
	free(copy);
	munmap(map, INPUT_MAX + page);
	return failed;
}
