/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host - the posix port's timers, sleeping and eventfd watcher, with real
 * threads and real time. The unit tests have a port of their own. */
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "core/host.h"

static int bad;

#define CHECK(cond) do { \
		if (!(cond)) { \
			printf("  %s:%d: %s\n", __func__, __LINE__, #cond); \
			bad++; \
		} \
	} while (0)

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

#define TIMERS	100

struct shot {
	host_timer_t timer;
	u64 due, at;
	u32 count, again;
};

static struct shot shots[TIMERS];

static void shot_fired(void *arg)
{
	struct shot *s = arg;

	s->at = host_now_ns();
	__atomic_fetch_add(&s->count, 1, __ATOMIC_SEQ_CST);
	if (s->again) {
		s->again--;
		host_timer_set(&s->timer, s->at + 1000000);
	}
}

static void timers_fire_once_and_not_early(void)
{
	u64 start = host_now_ns();

	for (u32 i = 0; i < TIMERS; i++) {
		shots[i] = (struct shot){ .due = start + (i * 37 % TIMERS) * 500000 };
		CHECK(!host_timer_init(&shots[i].timer, shot_fired, &shots[i]));
		host_timer_set(&shots[i].timer, shots[i].due);
	}
	host_timer_cancel(&shots[99].timer);
	host_timer_set(&shots[98].timer, start + 10000000);
	for (int n = 0; n < 500 && host_now_ns() < start + 100000000; n++)
		pause_ms(1);
	pause_ms(100);
	for (u32 i = 0; i < TIMERS - 1; i++) {
		CHECK(shots[i].count == 1);
		CHECK(i == 98 || shots[i].at >= shots[i].due);
	}
	CHECK(!shots[99].count || shots[99].at < start + 40 * 500000ull);
	for (u32 i = 0; i < TIMERS; i++)
		host_timer_fini(&shots[i].timer);
}

static void timers_may_set_themselves(void)
{
	struct shot s = { .again = 5 };

	CHECK(!host_timer_init(&s.timer, shot_fired, &s));
	host_timer_set(&s.timer, 1);
	for (int n = 0; n < 1000 && __atomic_load_n(&s.count, __ATOMIC_SEQ_CST) < 6; n++)
		pause_ms(1);
	CHECK(s.count == 6);
	s.again = 1000000;
	host_timer_set(&s.timer, 1);
	pause_ms(5);
	host_timer_cancel(&s.timer);	/* waits, and nothing comes after */
	s.count = 0;
	pause_ms(10);
	CHECK(!s.count);
	host_timer_fini(&s.timer);
	host_timer_fini(&s.timer);
}

static host_wait_t nap;
static volatile u32 flag;
static long slept;

static bool flag_set(void *arg)
{
	return __atomic_load_n(&flag, __ATOMIC_SEQ_CST);
}

static void *sleeper(void *arg)
{
	slept = host_wait_sleep(&nap, flag_set, NULL);
	__atomic_store_n((u32 *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void no_action(int sig)
{
}

static void sleep_ends_with_wake_or_signal(void)
{
	u32 done = 0;
	pthread_t t;

	host_wait_init(&nap);
	flag = 1;
	CHECK(!host_wait_sleep(&nap, flag_set, NULL));
	for (int i = 0; i < 200; i++) {
		flag = done = 0;
		pthread_create(&t, NULL, sleeper, &done);
		if (i & 1)
			pause_ms(1);
		host_wait_wake(&nap);		/* for nothing: it sleeps on */
		__atomic_store_n(&flag, 1, __ATOMIC_SEQ_CST);
		host_wait_wake(&nap);
		pthread_join(t, NULL);
		CHECK(!slept);
	}
	flag = done = 0;
	pthread_create(&t, NULL, sleeper, &done);
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST)) {
		pthread_kill(t, SIGUSR1);
		pause_ms(1);
	}
	pthread_join(t, NULL);
	CHECK(slept == -EINTR);
	host_wait_fini(&nap);
}

static void count_up(void *arg)
{
	__atomic_fetch_add((u32 *)arg, 1, __ATOMIC_SEQ_CST);
}

static void events_reach_their_watcher(void)
{
	u64 one = 1;
	u32 n = 0;

	for (int round = 0; round < 200; round++) {
		int fd = eventfd(0, 0);
		host_event_t *e;

		n = 0;
		CHECK(!host_event_get(fd, &e));
		CHECK(!host_event_watch(e, count_up, &n));
		CHECK(host_event_watch(e, count_up, &n) == -EBUSY);
		CHECK(write(fd, &one, 8) == 8);
		for (int i = 0; i < 2000 && !__atomic_load_n(&n, __ATOMIC_SEQ_CST); i++)
			usleep(100);
		CHECK(n == 1);
		if (round & 1)
			CHECK(write(fd, &one, 8) == 8);	/* one may be under way */
		host_event_unwatch(e);
		n = 0;
		CHECK(write(fd, &one, 8) == 8);
		if (round % 50 == 0)
			pause_ms(5);
		CHECK(!n);
		if (round % 3 == 0) {
			CHECK(!host_event_watch(e, count_up, &n));
			for (int i = 0; i < 2000 && !__atomic_load_n(&n, __ATOMIC_SEQ_CST); i++)
				usleep(100);
			CHECK(n == 1);
			host_event_unwatch(e);
		}
		host_event_put(e);
		close(fd);
	}
}

static u32 open_fds(void)
{
	u32 n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += dup2(fd, fd) >= 0;
	return n;
}

static void time_makes_sense(void)
{
	u64 ns = host_now_ns(), tsc = host_tsc(), khz = host_tsc_khz();

	pause_ms(50);
	ns = host_now_ns() - ns;
	tsc = host_tsc() - tsc;
	CHECK(khz > 100000 && khz < 20000000);
	/* Within a tenth: the machine may be busy, but not that much. */
	CHECK(tsc / khz > ns / 1000000 * 9 / 10 && tsc / khz < ns / 1000000 * 11 / 10 + 2);
	CHECK(host_wall_ns() > 1600000000000000000ull);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = no_action };
	u32 before, after = 0;

	sigaction(SIGUSR1, &sa, NULL);
	timers_fire_once_and_not_early();
	timers_may_set_themselves();
	sleep_ends_with_wake_or_signal();
	events_reach_their_watcher();
	before = open_fds();
	events_reach_their_watcher();
	for (int i = 0; i < 100 && (after = open_fds()) > before; i++)
		pause_ms(10);
	CHECK(after <= before);
	time_makes_sense();
	printf("%d failed\n", bad);
	return bad ? 1 : 0;
}
