/* The map through all its growth: what was added is found, what was taken is not, with good hashes and with terrible
 * ones. */
#include "tests/unit/unit.h"

#include "lib/container/map.h"

struct member {
	struct map_node node;
	uint32_t key;
	unsigned visits;
};

static bool is_key(const struct map_node *node, const void *key)
{
	return CONTAINER_OF(node, const struct member, node)->key == *(const uint32_t *)key;
}

static uint64_t hash_good(uint32_t key)
{
	return hash_bytes(&key, sizeof(key));
}

static uint64_t hash_same(uint32_t key)
{
	return 7;
}

static uint64_t hash_high_bits(uint32_t key)
{
	return (uint64_t)key << 40;
}

static struct member *find(struct map *map, uint64_t (*hash)(uint32_t), uint32_t key)
{
	struct map_node *node = map_find(map, hash(key), &key);

	return node ? CONTAINER_OF(node, struct member, node) : NULL;
}

static void run(uint64_t (*hash)(uint32_t), uint32_t count)
{
	struct member *members = calloc(count, sizeof(*members));
	struct map map;

	assert_int_equal(map_init(&map, is_key), 0);
	for (uint32_t i = 0; i < count; i++) {
		members[i].key = i;
		map_add(&map, &members[i].node, hash(i));
		/* an old one and the newest, in the middle of every move */
		assert_ptr_equal(find(&map, hash, i), &members[i]);
		assert_ptr_equal(find(&map, hash, i / 2), &members[i / 2]);
		assert_null(find(&map, hash, i + 1));
	}
	assert_int_equal(map.count, count);
	for (uint32_t i = 0; i < count; i += 3)
		map_del(&map, &members[i].node);
	for (uint32_t i = 0; i < count; i++)
		assert_ptr_equal(find(&map, hash, i), i % 3 == 0 ? NULL : &members[i]);
	map_fini(&map);
	free(members);
}

static void test_map_finds_what_is_in(void **state)
{
	run(hash_good, 20000);
}

static void test_map_with_hashes_that_collide(void **state)
{
	run(hash_same, 500);
	run(hash_high_bits, 500);
}

static void test_map_deletes_in_the_middle_of_growth(void **state)
{
	struct member members[40] = {0};
	struct map map;

	for (uint32_t grown = 1; grown < ARRAY_LEN(members); grown++)
		for (uint32_t victim = 0; victim < grown; victim++) {
			assert_int_equal(map_init(&map, is_key), 0);
			for (uint32_t i = 0; i < grown; i++) {
				members[i].key = i;
				map_add(&map, &members[i].node, hash_good(i));
			}
			map_del(&map, &members[victim].node);
			for (uint32_t i = 0; i < grown; i++)
				assert_ptr_equal(find(&map, hash_good, i), i == victim ? NULL : &members[i]);
			map_fini(&map);
		}
}

static void test_map_equal_keys_stand_side_by_side(void **state)
{
	struct member members[3] = {{.key = 5}, {.key = 5}, {.key = 5}};
	struct map map;

	assert_int_equal(map_init(&map, is_key), 0);
	for (size_t i = 0; i < 3; i++)
		map_add(&map, &members[i].node, hash_good(5));
	for (size_t i = 0; i < 3; i++) {
		struct member *one = find(&map, hash_good, 5);

		assert_non_null(one);
		map_del(&map, &one->node);
	}
	assert_null(find(&map, hash_good, 5));
	assert_int_equal(map.count, 0);
	map_fini(&map);
}

static void visit_and_delete_odd(struct map_node *node, void *arg)
{
	struct member *member = CONTAINER_OF(node, struct member, node);

	member->visits++;
	if (member->key % 2)
		map_del(arg, node);
}

static void test_map_walk_sees_each_once_and_may_delete(void **state)
{
	static const uint32_t counts[] = {0, 1, 16, 17, 18, 33, 1000};

	for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
		struct member *members = calloc(counts[c] + 1, sizeof(*members));
		struct map map;

		assert_int_equal(map_init(&map, is_key), 0);
		for (uint32_t i = 0; i < counts[c]; i++) {
			members[i].key = i;
			map_add(&map, &members[i].node, hash_good(i));
		}
		map_walk(&map, visit_and_delete_odd, &map);
		for (uint32_t i = 0; i < counts[c]; i++) {
			assert_int_equal(members[i].visits, 1);
			assert_ptr_equal(find(&map, hash_good, i), i % 2 ? NULL : &members[i]);
		}
		map_fini(&map);
		free(members);
	}
}

static bool bug_seen;

static void see_bug(const char *where, const char *what)
{
	bug_seen = true;
}

static void test_map_del_of_a_stranger_is_a_bug_not_a_crash(void **state)
{
	struct member in = {.key = 1}, stranger = {.key = 2};
	struct map map;

	assert_int_equal(map_init(&map, is_key), 0);
	map_add(&map, &in.node, hash_good(1));
	bug_is_fatal = false;
	bug_hook = see_bug;
	map_del(&map, &stranger.node);
	bug_is_fatal = true;
	bug_hook = NULL;
	assert_true(bug_seen);
	assert_int_equal(map.count, 1);
	map_fini(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_finds_what_is_in),
		cmocka_unit_test(test_map_with_hashes_that_collide),
		cmocka_unit_test(test_map_deletes_in_the_middle_of_growth),
		cmocka_unit_test(test_map_equal_keys_stand_side_by_side),
		cmocka_unit_test(test_map_walk_sees_each_once_and_may_delete),
		cmocka_unit_test(test_map_del_of_a_stranger_is_a_bug_not_a_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
