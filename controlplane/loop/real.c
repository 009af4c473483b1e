/* The real loop: epoll, an eventfd that wakes it, CLOCK_MONOTONIC, getrandom, signalfd. */
#include "controlplane/loop/loop_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { READY_MAX = 64, WAIT_MAX_MS = 60000, RANDOM_SIZE = 1024 };

struct loop_real {
	struct loop loop;
	int epoll_fd, wake_fd;
	struct epoll_event ready[READY_MAX]; /* of this turn; events is 0 for a watch deleted since */
	size_t ready_count;
	unsigned char random[RANDOM_SIZE]; /* fetched ahead; what was given out is overwritten */
	size_t random_left;
};

static struct loop_real *real_of(struct loop *loop)
{
	return CONTAINER_OF(loop, struct loop_real, loop);
}

static uint64_t clock_read_ms(clockid_t clock)
{
	struct timespec now;

	if (BUG_ON(clock_gettime(clock, &now) < 0))
		return 0;
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t real_clock_ms(const struct loop *loop)
{
	return clock_read_ms(CLOCK_MONOTONIC);
}

static uint64_t real_wall_ms(const struct loop *loop)
{
	return clock_read_ms(CLOCK_REALTIME);
}

/* The kernel's generator does not fail once it is seeded at boot; keys made of anything else would be worse than an
 * end. */
static void fetch_random(void *buffer, size_t size)
{
	char *at = buffer;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		size -= (size_t)got;
	}
}

/* A call takes seven of these, a system call each would be felt. */
static void real_random(struct loop *loop, void *buffer, size_t size)
{
	struct loop_real *real = real_of(loop);
	unsigned char *from;

	if (size > sizeof(real->random) / 4) {
		fetch_random(buffer, size);
		return;
	}
	if (size > real->random_left) {
		fetch_random(real->random, sizeof(real->random));
		real->random_left = sizeof(real->random);
	}
	real->random_left -= size;
	from = real->random + real->random_left;
	memcpy(buffer, from, size);
	explicit_bzero(from, size);
}

static void real_wait(struct loop *loop, uint64_t timeout_ms)
{
	struct loop_real *real = real_of(loop);
	int count = epoll_wait(real->epoll_fd, real->ready, READY_MAX, (int)MIN(timeout_ms, WAIT_MAX_MS));

	real->ready_count = count > 0 ? (size_t)count : 0;
}

static void real_dispatch(struct loop *loop)
{
	struct loop_real *real = real_of(loop);

	for (size_t i = 0; i < real->ready_count; i++) {
		struct loop_watch *watch = real->ready[i].data.ptr;
		uint64_t wakes;

		if (real->ready[i].events == 0)
			continue;
		if (watch)
			watch->ready(watch->arg, real->ready[i].events);
		else if (BUG_ON(read(real->wake_fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN))
			return;
	}
	real->ready_count = 0;
}

static void real_wake(struct loop *loop)
{
	uint64_t one = 1;

	/* EAGAIN: 2^64 wakes are waiting already. */
	if (BUG_ON(write(real_of(loop)->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN))
		return;
}

static int real_watch(struct loop *loop, struct loop_watch *watch, int operation)
{
	struct loop_real *real = real_of(loop);
	struct epoll_event event = {.events = watch->events, .data.ptr = watch};

	if (operation == EPOLL_CTL_DEL)
		for (size_t i = 0; i < real->ready_count; i++)
			if (real->ready[i].data.ptr == watch)
				real->ready[i].events = 0;
	return epoll_ctl(real->epoll_fd, operation, watch->fd, &event) < 0 ? ERR_IO : 0;
}

static void real_free(struct loop *loop)
{
	struct loop_real *real = real_of(loop);

	if (real->wake_fd >= 0)
		close(real->wake_fd);
	if (real->epoll_fd >= 0)
		close(real->epoll_fd);
	free(real);
}

static const struct loop_make real_make = {
	.clock_ms = real_clock_ms,
	.wall_ms = real_wall_ms,
	.random = real_random,
	.wait = real_wait,
	.dispatch = real_dispatch,
	.wake = real_wake,
	.watch = real_watch,
	.free = real_free,
};

int loop_new_real(struct loop **ret_loop)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	struct loop_real *real = calloc(1, sizeof(*real));

	if (!real)
		return ERR_NOMEM;
	loop_init(&real->loop, &real_make, real_clock_ms(NULL));
	real->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	real->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (real->epoll_fd < 0 || real->wake_fd < 0 ||
	    epoll_ctl(real->epoll_fd, EPOLL_CTL_ADD, real->wake_fd, &event) < 0) {
		real_free(&real->loop);
		return ERR_IO;
	}
	*ret_loop = &real->loop;
	return 0;
}

/* ---- descriptors: the calls that both makes share end here, with epoll's own operation codes ---- */

int loop_watch_add(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
		   void (*ready)(void *arg, uint32_t events), void *arg)
{
	int error;

	*watch = (struct loop_watch){.loop = loop, .fd = fd, .events = events, .ready = ready, .arg = arg};
	error = loop->make->watch(loop, watch, EPOLL_CTL_ADD);
	if (error < 0)
		watch->loop = NULL;
	return error;
}

int loop_watch_mod(struct loop_watch *watch, uint32_t events)
{
	if (BUG_ON(!watch->loop))
		return ERR_STATE;
	watch->events = events;
	return watch->loop->make->watch(watch->loop, watch, EPOLL_CTL_MOD);
}

void loop_watch_del(struct loop_watch *watch)
{
	if (!watch->loop)
		return;
	if (BUG_ON(watch->loop->make->watch(watch->loop, watch, EPOLL_CTL_DEL) < 0))
		return;
	watch->loop = NULL;
}

/* ---- signals ---- */

static void signal_ready(void *arg, uint32_t events)
{
	struct loop_signals *signals = arg;
	struct signalfd_siginfo info;

	if (read(signals->watch.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		signals->on_signal(signals->arg, (int)info.ssi_signo);
}

int loop_signals_init(struct loop *loop, struct loop_signals *signals, const int *numbers, size_t count,
		      void (*on_signal)(void *arg, int number), void *arg)
{
	sigset_t set;
	int fd, error;

	*signals = (struct loop_signals){.on_signal = on_signal, .arg = arg};
	if (loop->make->is_simulated)
		return ERR_UNSUPPORTED;
	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		if (sigaddset(&set, numbers[i]) < 0)
			return ERR_INVALID;
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_INVALID;
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return ERR_IO;
	error = loop_watch_add(loop, &signals->watch, fd, EPOLLIN, signal_ready, signals);
	if (error < 0)
		close(fd);
	return error;
}

void loop_signals_fini(struct loop_signals *signals)
{
	int fd = signals->watch.fd;

	if (!signals->watch.loop)
		return;
	loop_watch_del(&signals->watch);
	close(fd);
}
