/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "port/posix/fault.h"

static u8 *page;	/* one page, and an unmapped one behind it */

static int setup(void **state)
{
	test_alloc_budget = -1;
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	return 0;
}

static int teardown(void **state)
{
	munmap(page, 4096);
	return 0;
}

static void copy_is_exact_for_all_sizes(void **state)
{
	u8 src[100], dst[102];

	for (u32 i = 0; i < sizeof(src); i++)
		src[i] = i + 1;
	for (size_t n = 0; n <= sizeof(src); n++) {
		memset(dst, 0xee, sizeof(dst));
		assert_int_equal(host_read_hva(dst + 1, src, n), 0);
		assert_memory_equal(dst + 1, src, n);
		assert_int_equal(dst[0], 0xee);
		assert_int_equal(dst[n + 1], 0xee);
	}
}

static void copy_reports_missing_memory(void **state)
{
	static const size_t sizes[] = { 1, 2, 4, 8, 3, 16, 64, 4096 };
	u8 buf[4096];

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(host_read_hva(buf, page + 4097 - sizes[i], sizes[i]), -EFAULT);
		assert_int_equal(host_write_hva(page + 4097 - sizes[i], buf, sizes[i]), -EFAULT);
		assert_int_equal(host_read_hva(buf, page + 4096 - sizes[i], sizes[i]), 0);
	}
	assert_int_equal(host_read_hva(buf, NULL, 8), -EFAULT);
	assert_int_equal(host_copy_to_user((void *)(1ull << 63), buf, 8), -EFAULT);
	assert_int_equal(host_copy_from_user(buf, (void *)16, 300), -EFAULT);
}

static void copy_reports_truncated_file(void **state)
{
	int fd = memfd_create("test", 0);
	u64 v;
	u8 *p;

	assert_int_equal(ftruncate(fd, 4096), 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_int_equal(host_read_hva(&v, p, 8), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(host_read_hva(&v, p, 8), -EFAULT);	/* SIGBUS */
	munmap(p, 4096);
	close(fd);
}

static void cmpxchg_stores_only_on_match(void **state)
{
	for (unsigned int n = 1; n <= 8; n *= 2) {
		u64 mem = 0x1122334455667788, mask = n == 8 ? ~0ull : (1ull << 8 * n) - 1;
		u64 old = mem & mask;

		assert_int_equal(host_cmpxchg_hva(&mem, &old, 0xa5, n), 0);
		assert_int_equal(mem & mask, 0xa5);
		assert_int_equal(mem & ~mask, 0x1122334455667788 & ~mask);
		old = 1;
		assert_int_equal(host_cmpxchg_hva(&mem, &old, 2, n), 1);
		assert_int_equal(old, 0xa5);
		assert_int_equal(mem & mask, 0xa5);
		old = 0;
		assert_int_equal(host_cmpxchg_hva(page + 4096, &old, 1, n), -EFAULT);
	}
}

static bool claim_page(struct fault_point *p, u64 addr)
{
	return addr - (u64)p->arg < 4096;
}

static int touch(u8 *at, void *claimed)
{
	struct fault_point p = { .claim = claim_page, .arg = claimed };

	if (fault_enter(&p))
		return p.addr == (u64)at ? -EFAULT : -EINVAL;
	*(volatile u8 *)at = 1;
	fault_leave(&p);
	return 0;
}

static void fault_point_leaves_the_faulting_code(void **state)
{
	for (int i = 0; i < 3; i++) {	/* the signal must not stay blocked */
		assert_int_equal(touch(page + 4096, page + 4096), -EFAULT);
		assert_null(fault_here);
	}
	assert_int_equal(touch(page, page + 4096), 0);
	assert_null(fault_here);
}

static void fault_point_nests(void **state)
{
	struct fault_point p = { .claim = claim_page, .arg = page + 4096 };
	volatile int inner = 0;

	if (fault_enter(&p)) {
		assert_int_equal(inner, -EFAULT);
		return;
	}
	inner = touch(page + 4096, page + 4096);
	*(volatile u8 *)(page + 4096) = 1;
	fail();
}

/* --- the test port itself --- */

static u32 fired[8], n_fired;
static host_timer_t timer[4];

static void fire(void *arg)
{
	fired[n_fired++] = (u32)(uintptr_t)arg;
	if (arg == (void *)3 && n_fired < 6)
		host_timer_set(&timer[3], test_now_ns + 10);
}

static void timers_run_in_order_of_expiry(void **state)
{
	u64 start = test_now_ns;

	n_fired = 0;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(host_timer_init(&timer[i], fire, (void *)i), 0);
	host_timer_set(&timer[0], start + 300);
	host_timer_set(&timer[1], start + 100);
	host_timer_set(&timer[2], start + 200);
	host_timer_cancel(&timer[2]);
	host_timer_set(&timer[3], start + 250);
	test_advance(99);
	assert_int_equal(n_fired, 0);
	test_advance(901);
	assert_int_equal(test_now_ns, start + 1000);
	assert_int_equal(fired[0], 1);
	assert_int_equal(fired[1], 3);
	assert_int_equal(fired[2], 3);
	assert_int_equal(fired[5], 3);
	assert_int_equal(fired[6], 0);
	assert_int_equal(n_fired, 7);
	for (u32 i = 0; i < 4; i++)
		host_timer_fini(&timer[i]);
}

static void count_up(void *arg)
{
	++*(u32 *)arg;
}

static void events_take_eventfds_only(void **state)
{
	host_event_t *e = NULL;
	int fd = open("/dev/null", O_RDWR);

	assert_int_equal(host_event_get(-1, &e), -EBADF);
	assert_int_equal(host_event_get(fd, &e), -EINVAL);
	assert_null(e);
	close(fd);
	host_event_put(NULL);
}

static void events_outlive_the_descriptor(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	int other = dup(fd);
	u64 v = 0;
	host_event_t *e;

	assert_int_equal(host_event_get(fd, &e), 0);
	close(fd);
	host_event_signal(e);
	host_event_signal(e);
	host_event_put(e);
	assert_int_equal(read(other, &v, sizeof(v)), sizeof(v));
	assert_int_equal(v, 2);
	close(other);
}

static void events_call_their_watcher(void **state)
{
	int fd = eventfd(0, 0);		/* blocking: draining must not hang */
	u32 n = 0;
	u64 one = 1;
	host_event_t *e;

	assert_int_equal(host_event_get(fd, &e), 0);
	assert_int_equal(host_event_watch(e, count_up, &n), 0);
	assert_int_equal(host_event_watch(e, count_up, &n), -EBUSY);
	assert_int_equal(test_poll_events(), 0);
	assert_int_equal(write(fd, &one, 8), 8);
	assert_int_equal(write(fd, &one, 8), 8);
	assert_int_equal(test_poll_events(), 1);
	assert_int_equal(test_poll_events(), 0);
	assert_int_equal(n, 1);
	host_event_unwatch(e);
	assert_int_equal(write(fd, &one, 8), 8);
	assert_int_equal(test_poll_events(), 0);
	host_event_unwatch(e);
	host_event_put(e);
	close(fd);
}

static void allocations_fail_on_request(void **state)
{
	void *p;

	test_alloc_budget = 1;
	p = host_alloc(8);
	assert_non_null(p);
	assert_null(host_alloc(8));
	test_alloc_budget = -1;
	host_free(p);
	host_free(NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(copy_is_exact_for_all_sizes), T(copy_reports_missing_memory),
		T(copy_reports_truncated_file), T(cmpxchg_stores_only_on_match),
		T(fault_point_leaves_the_faulting_code), T(fault_point_nests),
		T(timers_run_in_order_of_expiry), T(events_take_eventfds_only),
		T(events_outlive_the_descriptor), T(events_call_their_watcher),
		T(allocations_fail_on_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
