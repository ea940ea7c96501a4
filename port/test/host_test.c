/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * core/host.h for unit tests: one thread, time that moves by hand. Nothing
 * here ever blocks.
 */
#include <stdarg.h>
#include <unistd.h>
#include "port/posix/events.h"
#include "port/posix/fault.h"
#include "port/test/alloc.h"

u64 test_now_ns = 1000000000;
u64 test_tsc = 1000000000;
u64 test_run_delay_ns;

#define TIMERS_MAX	256
#define EVENTS_MAX	256

static host_timer_t *timers[TIMERS_MAX];	/* those set */
static struct host_event *watched[EVENTS_MAX];


u64 host_now_ns(void)
{
	return test_now_ns;
}

u64 host_wall_ns(void)
{
	return test_now_ns + 1700000000000000000ull;
}

u64 host_thread_ns(void)
{
	return test_now_ns;
}

void host_yield(void)
{
}

u64 host_tsc(void)
{
	return test_tsc;
}

u32 host_tsc_khz(void)
{
	return 1000000;
}

u32 host_cpus(void)
{
	return 2;
}

u64 host_run_delay_ns(void)
{
	return test_run_delay_ns;
}

int host_timer_init(host_timer_t *t, void (*fn)(void *), void *arg)
{
	if (test_alloc_fails())
		return -ENOMEM;
	*t = (host_timer_t){ .fn = fn, .arg = arg };
	return 0;
}

void host_timer_cancel(host_timer_t *t)
{
	for (unsigned int i = 0; i < TIMERS_MAX; i++)
		if (timers[i] == t)
			timers[i] = NULL;
	t->pos = 0;
}

void host_timer_set(host_timer_t *t, u64 when_ns)
{
	host_timer_cancel(t);
	t->when = when_ns;
	for (unsigned int i = 0; i < TIMERS_MAX; i++)
		if (!timers[i]) {
			timers[i] = t;
			t->pos = i + 1;
			return;
		}
	abort();
}

void host_timer_fini(host_timer_t *t)
{
	host_timer_cancel(t);
	t->fn = NULL;
}

static void move_to(u64 now)
{
	test_tsc += now - test_now_ns;
	test_now_ns = now;
}

void test_advance(u64 ns)
{
	u64 end = test_now_ns + ns;

	for (;;) {
		host_timer_t *first = NULL;

		for (unsigned int i = 0; i < TIMERS_MAX; i++)
			if (timers[i] && timers[i]->when <= end &&
			    (!first || timers[i]->when < first->when))
				first = timers[i];
		if (!first)
			break;
		if (first->when > test_now_ns)
			move_to(first->when);
		host_timer_cancel(first);
		first->fn(first->arg);
	}
	if (end > test_now_ns)
		move_to(end);
}

void host_wait_init(host_wait_t *w)
{
	*w = (host_wait_t){ .fd = -1 };
}

void host_wait_fini(host_wait_t *w)
{
}

void host_wait_wake(host_wait_t *w)
{
	w->state++;
}

int host_wait_sleep(host_wait_t *w, bool (*is_ready)(void *), void *arg)
{
	return is_ready(arg) ? 0 : -EINTR;
}

/* Events are looked at when a test says so. */
int host_event_watch(host_event_t *e, void (*fn)(void *), void *arg)
{
	if (e->watched)
		return -EBUSY;
	if (test_alloc_fails())
		return -ENOMEM;
	for (unsigned int i = 0; i < EVENTS_MAX; i++)
		if (!watched[i]) {
			watched[i] = e;
			e->watched = true;
			e->fn = fn;
			e->arg = arg;
			e->refs++;
			return 0;
		}
	return -ENOMEM;
}

void host_event_put(host_event_t *e)
{
	if (!e || --e->refs)
		return;
	close(e->fd);
	host_free(e);
}

void host_event_unwatch(host_event_t *e)
{
	for (unsigned int i = 0; i < EVENTS_MAX; i++)
		if (watched[i] == e) {
			watched[i] = NULL;
			e->watched = false;
			host_event_put(e);
			return;
		}
}

unsigned int test_poll_events(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < EVENTS_MAX; i++)
		if (watched[i] && host_event_drain(watched[i])) {
			watched[i]->fn(watched[i]->arg);
			n++;
		}
	return n;
}

int host_read_hva(void *dst, const void *hva, size_t n)
{
	return fault_copy(dst, hva, n);
}

int host_write_hva(void *hva, const void *src, size_t n)
{
	return fault_copy(hva, src, n);
}

int host_cmpxchg_hva(void *hva, u64 *old, u64 new_val, unsigned int n)
{
	return fault_cmpxchg(hva, old, new_val, n);
}

int host_copy_from_user(void *dst, const void *uptr, size_t n)
{
	return fault_copy(dst, uptr, n);
}

int host_copy_to_user(void *uptr, const void *src, size_t n)
{
	return fault_copy(uptr, src, n);
}

void host_log_line(int level, const char *fmt, ...)
{
	const char *s = getenv("KVIST_LOG");
	va_list ap;

	if (!s || level > atoi(s))
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
