/* The loop: timers at their millisecond in simulated time, deletion and freeing inside callbacks, messages between
 * threads, descriptors and signals in real time (which these tests never wait for). */
#include "tests/unit/unit.h"
#include "controlplane/loop/loop.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

struct sim_fixture {
	struct loop *loop;
	struct text log;
	char buffer[512];
};

struct sim_timer {
	struct loop_timer timer;
	struct sim_fixture *fixture;
	const char *name;
	uint64_t again_ms; /* starts anew this many times later; 0: not */
};

static void sim_init(struct sim_fixture *f)
{
	text_init(&f->log, f->buffer, sizeof(f->buffer));
	assert_int_equal(loop_new_sim(1, 1700000000000, &f->loop), 0);
}

static void sim_timer_expired(void *arg)
{
	struct sim_timer *t = arg;

	text_printf(&t->fixture->log, "%s@%llu ", t->name, (unsigned long long)loop_now_ms(t->fixture->loop));
	if (t->again_ms)
		loop_timer_start(t->fixture->loop, &t->timer, t->again_ms);
}

static void test_loop_sim_timers(void **state)
{
	struct sim_fixture f;
	struct sim_timer a = {.fixture = &f, .name = "a"}, b = {.fixture = &f, .name = "b", .again_ms = 1000},
			 c = {.fixture = &f, .name = "c"};

	sim_init(&f);
	loop_timer_init(&a.timer, sim_timer_expired, &a);
	loop_timer_init(&b.timer, sim_timer_expired, &b);
	loop_timer_init(&c.timer, sim_timer_expired, &c);
	loop_timer_start(f.loop, &a.timer, 0);
	loop_timer_start(f.loop, &b.timer, 500);
	loop_timer_start(f.loop, &c.timer, 70000);
	assert_int_equal(loop_timer_left_ms(f.loop, &b.timer), 500);
	loop_turn(f.loop, UINT64_MAX);
	assert_string_equal(f.buffer, "");
	loop_sim_advance(f.loop, 499);
	assert_string_equal(f.buffer, "a@1 ");
	loop_sim_advance(f.loop, 1);
	assert_string_equal(f.buffer, "a@1 b@500 ");
	loop_timer_stop(f.loop, &b.timer);
	loop_sim_advance(f.loop, 69499);
	assert_string_equal(f.buffer, "a@1 b@500 ");
	loop_sim_advance(f.loop, 1);
	assert_string_equal(f.buffer, "a@1 b@500 c@70000 ");
	loop_timer_start(f.loop, &b.timer, 10);
	loop_sim_advance(f.loop, 1010);
	assert_string_equal(f.buffer, "a@1 b@500 c@70000 b@70010 b@71010 ");
	assert_int_equal(loop_wall_ms(f.loop), 1700000000000 + 71010);
	loop_free(f.loop);
}

struct dying {
	struct sim_fixture *fixture;
	struct loop_timer timer;
	struct loop_message end;
};

static void dying_end(void *arg)
{
	struct dying *d = arg;

	text_add_string(&d->fixture->log, "freed ");
	free(d);
}

static void dying_expired(void *arg)
{
	struct dying *d = arg;

	assert_true(loop_defer(d->fixture->loop, &d->end));
	assert_false(loop_defer(d->fixture->loop, &d->end));
	text_add_string(&d->fixture->log, "deferred ");
}

static void test_loop_defer_frees_after_dispatch(void **state)
{
	struct sim_fixture f;
	struct dying *d = calloc(1, sizeof(*d));
	struct sim_timer same = {.fixture = &f, .name = "same"}, next = {.fixture = &f, .name = "next"};

	sim_init(&f);
	d->fixture = &f;
	loop_timer_init(&d->timer, dying_expired, d);
	loop_message_init(&d->end, dying_end, d);
	loop_timer_init(&same.timer, sim_timer_expired, &same);
	loop_timer_init(&next.timer, sim_timer_expired, &next);
	loop_timer_start(f.loop, &d->timer, 5);
	loop_timer_start(f.loop, &same.timer, 5);
	loop_timer_start(f.loop, &next.timer, 6);
	loop_sim_advance(f.loop, 10);
	assert_string_equal(f.buffer, "deferred same@5 freed next@6 ");
	loop_free(f.loop);
}

static void note_message(void *arg)
{
	struct sim_timer *t = arg;

	text_printf(&t->fixture->log, "%s ", t->name);
}

/* An owner that goes away takes its message back, wherever it stands in the row. */
static void test_loop_defer_cancel(void **state)
{
	static const char *const left[] = {"b c d ", "a c d ", "a b d ", "a b c "};

	for (size_t gone = 0; gone < ARRAY_LEN(left); gone++) {
		struct sim_fixture f;
		struct sim_timer timers[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
		struct loop_message messages[ARRAY_LEN(timers)];

		sim_init(&f);
		for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
			timers[i].fixture = &f;
			loop_message_init(&messages[i], note_message, &timers[i]);
			assert_true(loop_defer(f.loop, &messages[i]));
		}
		loop_defer_cancel(f.loop, &messages[gone]);
		loop_defer_cancel(f.loop, &messages[gone]);
		loop_turn(f.loop, 0);
		assert_string_equal(f.buffer, left[gone]);
		assert_true(loop_defer(f.loop, &messages[gone]));
		loop_free(f.loop);
	}
}

static void test_loop_random(void **state)
{
	struct loop *one, *two, *real;
	char a[33], b[33], c[33];

	assert_int_equal(loop_new_sim(7, 0, &one), 0);
	assert_int_equal(loop_new_sim(7, 0, &two), 0);
	assert_int_equal(loop_new_real(&real), 0);
	loop_random_token(one, a, sizeof(a));
	loop_random_token(two, b, sizeof(b));
	loop_random_token(real, c, sizeof(c));
	assert_string_equal(a, b);
	assert_int_equal(strlen(a), 32);
	assert_int_equal(strlen(c), 32);
	loop_random_token(two, b, sizeof(b));
	assert_string_not_equal(a, b);
	loop_free(one);
	loop_free(two);
	loop_free(real);
}

/* ---- the real one ---- */

struct pipe_fixture {
	struct loop *loop;
	int ends[2][2];
	struct loop_watch watches[2];
	int calls;
};

/* Whoever is called first deletes both: the other, ready in the same turn, must not be called. */
static void pipe_ready(void *arg, uint32_t events)
{
	struct pipe_fixture *f = arg;

	assert_true(events & EPOLLIN);
	f->calls++;
	loop_watch_del(&f->watches[0]);
	loop_watch_del(&f->watches[1]);
	loop_watch_del(&f->watches[1]);
}

static void test_loop_watch_deleted_in_callback(void **state)
{
	struct pipe_fixture f = {0};

	assert_int_equal(loop_new_real(&f.loop), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(f.ends[i]), 0);
		assert_int_equal(write(f.ends[i][1], "x", 1), 1);
		assert_int_equal(loop_watch_add(f.loop, &f.watches[i], f.ends[i][0], EPOLLIN, pipe_ready, &f), 0);
	}
	loop_turn(f.loop, 1000);
	loop_turn(f.loop, 0);
	assert_int_equal(f.calls, 1);
	for (int i = 0; i < 4; i++)
		close(f.ends[i / 2][i % 2]);
	loop_free(f.loop);
}

enum { POSTERS = 4, POSTS = 1000 };

struct post_fixture {
	struct loop *loop;
	struct poster {
		struct post_fixture *fixture;
		struct loop_message messages[POSTS];
		int next; /* index of the message that must run next */
	} posters[POSTERS];
	int ran;
};

static struct post_fixture post_fixture;

static void post_ran(void *arg)
{
	struct loop_message *message = arg;

	for (int i = 0; i < POSTERS; i++) {
		struct poster *p = &post_fixture.posters[i];

		if (message < p->messages || message >= p->messages + POSTS)
			continue;
		assert_int_equal(message - p->messages, p->next);
		p->next++;
	}
	if (++post_fixture.ran == POSTERS * POSTS)
		loop_stop(post_fixture.loop);
}

static void *post_thread(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < POSTS; i++) {
		loop_message_init(&p->messages[i], post_ran, &p->messages[i]);
		loop_post(post_fixture.loop, &p->messages[i]);
	}
	return NULL;
}

static void test_loop_post_from_threads_keeps_order(void **state)
{
	pthread_t threads[POSTERS];

	assert_int_equal(loop_new_real(&post_fixture.loop), 0);
	for (int i = 0; i < POSTERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post_thread, &post_fixture.posters[i]), 0);
	loop_run(post_fixture.loop);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(post_fixture.ran, POSTERS * POSTS);
	loop_free(post_fixture.loop);
}

static void on_signal(void *arg, int number)
{
	assert_int_equal(number, SIGHUP);
	loop_stop(arg);
}

static void test_loop_signal(void **state)
{
	struct loop *loop;
	struct loop_signals signals;

	assert_int_equal(loop_new_real(&loop), 0);
	assert_int_equal(loop_signals_init(loop, &signals, (int[]){SIGTERM, SIGHUP}, 2, on_signal, loop), 0);
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	loop_run(loop);
	loop_signals_fini(&signals);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_sim_timers),
		cmocka_unit_test(test_loop_defer_frees_after_dispatch),
		cmocka_unit_test(test_loop_defer_cancel),
		cmocka_unit_test(test_loop_random),
		cmocka_unit_test(test_loop_watch_deleted_in_callback),
		cmocka_unit_test(test_loop_post_from_threads_keeps_order),
		cmocka_unit_test(test_loop_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
