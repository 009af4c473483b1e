/* The arena gives zeroed, aligned, separate pieces up to its limit, and not a byte more. */
#include "tests/unit/unit.h"

#include "lib/container/arena.h"

#include <stdalign.h>

static void test_arena_pieces_are_zeroed_aligned_and_separate(void **state)
{
	struct arena arena;
	unsigned char *pieces[300];

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		pieces[i] = arena_alloc(&arena, i * 7 + 1);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		for (size_t b = 0; b < i * 7 + 1; b++)
			assert_int_equal(pieces[i][b], 0);
		memset(pieces[i], (int)(i & 0xff), i * 7 + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		for (size_t b = 0; b < i * 7 + 1; b++)
			assert_int_equal(pieces[i][b], i & 0xff);
	arena_fini(&arena);
}

static void test_arena_stops_at_its_limit(void **state)
{
	static const size_t limits[] = {0, 1, 15, 16, 17, 100, 2048, 4096, 10000};
	static const size_t sizes[] = {1, 16, 17, 100, 3000};

	for (size_t l = 0; l < ARRAY_LEN(limits); l++)
		for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
			struct arena arena;
			size_t taken = 0;

			arena_init(&arena, limits[l]);
			while (arena_alloc(&arena, sizes[s]))
				taken += sizes[s];
			assert_true(taken <= limits[l]);
			assert_true(arena.used <= limits[l]);
			arena_fini(&arena);
			assert_int_equal(arena.used, 0);
		}
}

static void test_arena_refuses_sizes_that_wrap(void **state)
{
	struct arena arena;

	arena_init(&arena, SIZE_MAX);
	assert_null(arena_alloc(&arena, SIZE_MAX - 3));
	arena_fini(&arena);
}

static void test_arena_copy_is_terminated(void **state)
{
	struct arena arena;
	struct view copy;

	arena_init(&arena, 64);
	copy = arena_copy(&arena, VIEW("voxlane"));
	assert_view_equal(copy, "voxlane");
	assert_int_equal(copy.at[7], '\0');
	copy = arena_copy(&arena, VIEW_EMPTY);
	assert_non_null(copy.at);
	assert_int_equal(copy.size, 0);
	copy = arena_copy(&arena, VIEW("0123456789012345678901234567890123456789"));
	assert_null(copy.at);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_pieces_are_zeroed_aligned_and_separate),
		cmocka_unit_test(test_arena_stops_at_its_limit),
		cmocka_unit_test(test_arena_refuses_sizes_that_wrap),
		cmocka_unit_test(test_arena_copy_is_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
