// SPDX-License-Identifier: GPL-2.0-or-later
/* The event loop, the buses and guest RAM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "vmm/iobus.h"
#include "vmm/loop.h"
#include "vmm/ram.h"

static struct loop *l;
static unsigned int calls;
static char order[16];
static int pipe_fd[2];

static int setup(void **state)
{
	calls = 0;
	memset(order, 0, sizeof(order));
	return pipe(pipe_fd) || loop_new(&l);
}

static int teardown(void **state)
{
	loop_free(l);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return 0;
}

static void stop(void *arg)
{
	loop_stop(l);
}

/* One round of the loop. */
static void turn(void)
{
	loop_post(l, stop, NULL);
	assert_int_equal(loop_run(l), 0);
}

/* --- descriptors --- */

static void on_input(void *arg, short revents)
{
	char c;

	assert_int_equal(read(pipe_fd[0], &c, 1), 1);
	calls++;
}

static void readable_descriptor_is_reported(void **state)
{
	struct loop_fd *f = loop_fd_add(l, pipe_fd[0], POLLIN, on_input, NULL);

	turn();
	assert_int_equal(calls, 0);
	assert_int_equal(write(pipe_fd[1], "a", 1), 1);
	turn();
	assert_int_equal(calls, 1);
	assert_int_equal(write(pipe_fd[1], "b", 1), 1);
	loop_fd_events(f, 0);
	turn();
	assert_int_equal(calls, 1);
	loop_fd_events(f, POLLIN);
	turn();
	assert_int_equal(calls, 2);
	loop_fd_del(f);
	loop_fd_del(NULL);
}

static struct loop_fd *both[2];

static void delete_both(void *arg, short revents)
{
	calls++;
	loop_fd_del(both[0]);
	loop_fd_del(both[1]);
}

static void deletion_inside_a_callback_is_safe(void **state)
{
	both[0] = loop_fd_add(l, pipe_fd[1], POLLOUT, delete_both, NULL);
	both[1] = loop_fd_add(l, pipe_fd[1], POLLOUT, delete_both, NULL);
	turn();
	assert_int_equal(calls, 1);
	turn();
	assert_int_equal(calls, 1);
}

/* --- timers --- */

static void note_order(void *arg)
{
	order[calls++] = *(char *)arg;
}

static void timers_run_in_order_of_time(void **state)
{
	char names[] = "abc";
	struct loop_timer *a = loop_timer_new(l, note_order, &names[0]);
	struct loop_timer *b = loop_timer_new(l, note_order, &names[1]);
	struct loop_timer *c = loop_timer_new(l, note_order, &names[2]);

	loop_timer_set(a, host_now_ns() + 300);
	loop_timer_set(b, host_now_ns() + 100);
	loop_timer_set(c, host_now_ns() + 200);
	turn();
	assert_int_equal(calls, 0);
	test_advance(250);
	turn();
	assert_string_equal(order, "bc");
	loop_timer_cancel(a);
	test_advance(250);
	turn();
	assert_string_equal(order, "bc");
	loop_timer_free(a);
	loop_timer_free(b);
	loop_timer_free(c);
	loop_timer_free(NULL);
	loop_timer_cancel(NULL);
}

static struct loop_timer *self;

static void free_self(void *arg)
{
	calls++;
	loop_timer_free(self);
}

static void timer_may_free_itself(void **state)
{
	self = loop_timer_new(l, free_self, NULL);
	loop_timer_set(self, 0);		/* long past */
	test_advance(1);
	turn();
	assert_int_equal(calls, 1);
}

/* --- posts and stopping --- */

static void posts_keep_their_order(void **state)
{
	char names[] = "xyz";

	for (unsigned int i = 0; i < 3; i++)
		loop_post(l, note_order, &names[i]);
	turn();
	assert_string_equal(order, "xyz");
}

static void *poster(void *arg)
{
	usleep(20000);
	loop_post(l, stop, NULL);
	return NULL;
}

static void post_from_another_thread_wakes_the_loop(void **state)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, poster, NULL), 0);
	assert_int_equal(loop_run(l), 0);
	pthread_join(t, NULL);
}

static void stop_before_the_run_ends_it(void **state)
{
	loop_stop(l);
	assert_int_equal(loop_run(l), 0);
}

static void *adder(void *arg)
{
	usleep(20000);
	loop_lock(l);
	self = loop_timer_new(l, stop, NULL);
	loop_timer_set(self, host_now_ns());
	loop_unlock(l);
	return NULL;
}

static void timer_set_by_another_thread_is_noticed(void **state)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, adder, NULL), 0);
	assert_int_equal(loop_run(l), 0);
	pthread_join(t, NULL);
	loop_timer_free(self);
}

/* --- pollers --- */

static int fill(void *arg, struct pollfd *fds, int max, int *timeout_ms)
{
	*timeout_ms = min(*timeout_ms, 0);
	fds[0] = (struct pollfd){ .fd = pipe_fd[0], .events = POLLIN };
	return 1;
}

static void done(void *arg, const struct pollfd *fds, int n, int error)
{
	assert_int_equal(n, 1);
	assert_int_equal(error, 0);
	assert_int_equal(fds[0].fd, pipe_fd[0]);
	calls += fds[0].revents & POLLIN;
}

static void each_poller_gets_its_own_descriptors(void **state)
{
	struct loop_poller a = { .fill = fill, .done = done }, b = a;

	loop_poller_add(l, &a);
	loop_poller_add(l, &b);
	assert_int_equal(write(pipe_fd[1], "a", 1), 1);
	turn();
	assert_int_equal(calls, 2);
	loop_poller_del(l, &b);
	turn();
	assert_int_equal(calls, 3);
	loop_poller_del(l, &a);
	turn();
	assert_int_equal(calls, 3);
}

/* --- buses --- */

static u64 reg_read(void *dev, u64 off, unsigned int n)
{
	return *(u64 *)dev >> off * 8;
}

static void reg_write(void *dev, u64 off, unsigned int n, u64 val)
{
	*(u64 *)dev = val << off * 8;
}

static void bus_finds_the_right_range(void **state)
{
	u64 v[3] = { 0x1111111111111111, 0x2222222222222222, 0x3333333333333333 };
	struct io_range r[3];
	struct iobus bus = { 0 };

	for (unsigned int i = 0; i < 3; i++)
		r[i] = (struct io_range){ .base = 0x100 + (2 - i) * 0x10, .len = 8,
					  .read = reg_read, .write = reg_write, .dev = &v[i] };
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(iobus_add(&bus, &r[i]), 0);
	assert_int_equal(iobus_read(&bus, 0x100, 4), 0x33333333);
	assert_int_equal(iobus_read(&bus, 0x110, 8), 0x2222222222222222);
	assert_int_equal(iobus_read(&bus, 0x127, 1), 0x11);
	assert_int_equal(iobus_read(&bus, 0x127, 2), 0xffff);	/* straddles the end */
	assert_int_equal(iobus_read(&bus, 0xff, 2), 0xffff);
	assert_int_equal(iobus_read(&bus, 0x108, 8), ~0ull);
	iobus_del(&bus, &r[1]);
	assert_int_equal(iobus_read(&bus, 0x110, 1), 0xff);
	iobus_del(&bus, &r[1]);
	assert_int_equal(bus.n, 2);
	iobus_write(&bus, 0x120, 1, 0xab);
	assert_int_equal(v[0], 0xab);
}

static void bus_refuses_overlaps_and_wraps(void **state)
{
	struct io_range a = { .base = 0x100, .len = 0x10 }, b = a;
	struct iobus bus = { 0 };

	assert_int_equal(iobus_add(&bus, &a), 0);
	assert_int_equal(iobus_add(&bus, &b), -EBUSY);
	b.base = 0xff;
	b.len = 2;
	assert_int_equal(iobus_add(&bus, &b), -EBUSY);
	b.base = 0;
	b.len = 0x200;
	assert_int_equal(iobus_add(&bus, &b), -EBUSY);
	b.base = ~0ull;
	assert_int_equal(iobus_add(&bus, &b), -EINVAL);
	b.len = 0;
	assert_int_equal(iobus_add(&bus, &b), -EINVAL);
	b = (struct io_range){ .base = ~0ull, .len = 1 };
	assert_int_equal(iobus_add(&bus, &b), 0);
	assert_int_equal(iobus_read(&bus, ~0ull, 1), 0xff);	/* no read function */
	iobus_write(&bus, ~0ull, 1, 0);
}

/* --- RAM --- */

static void ram_has_two_regions_and_ends(void **state)
{
	struct ram r;
	u64 v = 0x1234;

	assert_int_equal(ram_init(&r, 0x5000, 0x3000, 0x10000), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(ram_write(&r, 0x2ff8, &v, 8), 0);
	assert_int_equal(ram_write(&r, 0x2ff9, &v, 8), -EFAULT);
	assert_int_equal(ram_read(&r, 0x3000, &v, 1), -EFAULT);
	assert_int_equal(ram_read(&r, 0x11fff, &v, 1), 0);
	assert_int_equal(ram_read(&r, 0x12000, &v, 1), -EFAULT);
	assert_int_equal(ram_read(&r, ~0ull, &v, 8), -EFAULT);
	assert_null(ram_ptr(&r, 0x2000, ~(size_t)0));
	assert_non_null(ram_ptr(&r, 0, 0x3000));
	assert_int_equal(ram_read(&r, 0x9999999, &v, 0), 0);
	ram_fini(&r);
	ram_fini(&r);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(readable_descriptor_is_reported),
		T(deletion_inside_a_callback_is_safe),
		T(timers_run_in_order_of_time),
		T(timer_may_free_itself),
		T(posts_keep_their_order),
		T(post_from_another_thread_wakes_the_loop),
		T(stop_before_the_run_ends_it),
		T(timer_set_by_another_thread_is_noticed),
		T(each_poller_gets_its_own_descriptors),
		T(bus_finds_the_right_range),
		T(bus_refuses_overlaps_and_wraps),
		T(ram_has_two_regions_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
