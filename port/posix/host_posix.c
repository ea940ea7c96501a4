/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/host.h on a POSIX process: memory, time, sleeping, guest RAM, the log. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>
#include "port/posix/fault.h"

void *host_alloc(size_t n)
{
	return calloc(1, n ? n : 1);
}

static u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

u64 host_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

u64 host_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

u64 host_thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

void host_yield(void)
{
	sched_yield();
}

u64 host_tsc(void)
{
	return __rdtsc();
}

/* A time and the TSC that belong together: the closest of a few tries, so that
 * being scheduled away in between does not matter. */
static void tsc_sample(u64 *ns, u64 *tsc)
{
	u64 best = ~0ull;

	for (int i = 0; i < 20; i++) {
		u64 a = __rdtsc(), now = host_now_ns(), b = __rdtsc();

		if (b - a < best) {
			best = b - a;
			*ns = now;
			*tsc = a + (b - a) / 2;
		}
	}
}

u32 host_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? n : 1;
}

static u32 tsc_khz;

static void tsc_measure(void)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	u64 ns0 = 0, ns1 = 0, tsc0 = 0, tsc1 = 0;

	tsc_sample(&ns0, &tsc0);
	nanosleep(&nap, NULL);
	tsc_sample(&ns1, &tsc1);
	if (ns1 > ns0)
		tsc_khz = (tsc1 - tsc0) * 1000000 / (ns1 - ns0);
	if (!tsc_khz)
		tsc_khz = 1000000;
}

u32 host_tsc_khz(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, tsc_measure);
	return tsc_khz;
}

/* The second number of schedstat: nanoseconds in a run queue. */
u64 host_run_delay_ns(void)
{
	char text[96], *end;
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	u64 delay;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return HOST_NO_RUN_DELAY;
	text[n] = 0;
	strtoull(text, &end, 10);
	text[0] = *end;
	delay = strtoull(end, &end, 10);
	return text[0] == ' ' && *end == ' ' ? delay : HOST_NO_RUN_DELAY;
}

/*
 * Sleeping. A signal that arrives between the last look at ready() and the
 * system call must end the sleep too, or a kick is lost: so signals are blocked
 * while looking, and ppoll() lets them in.
 */
enum { WAIT_AWAKE, WAIT_ASLEEP, WAIT_WOKEN };

void host_wait_init(host_wait_t *w)
{
	w->state = WAIT_AWAKE;
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void host_wait_fini(host_wait_t *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void host_wait_wake(host_wait_t *w)
{
	u64 one = 1;

	if (__atomic_exchange_n(&w->state, WAIT_WOKEN, __ATOMIC_SEQ_CST) == WAIT_ASLEEP &&
	    write(w->fd, &one, sizeof(one)) < 0)
		return;		/* EAGAIN: it is readable already */
}

int host_wait_sleep(host_wait_t *w, bool (*is_ready)(void *), void *arg)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	/* Without a descriptor (out of them): look every millisecond. */
	const struct timespec tick = { .tv_nsec = 1000000 };
	sigset_t all, old;
	u64 junk;
	int err = 0;

	if (is_ready(arg))
		return 0;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	for (;;) {
		__atomic_store_n(&w->state, WAIT_ASLEEP, __ATOMIC_SEQ_CST);
		if (is_ready(arg))
			break;
		if (ppoll(&p, 1, w->fd < 0 ? &tick : NULL, &old) < 0 && errno == EINTR) {
			err = is_ready(arg) ? 0 : -EINTR;
			break;
		}
		if (p.revents & POLLIN && read(w->fd, &junk, sizeof(junk)) < 0)
			continue;
	}
	__atomic_store_n(&w->state, WAIT_AWAKE, __ATOMIC_SEQ_CST);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
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

static int log_level(void)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	static int level = -1;
	const char *s;
	int l;

	l = __atomic_load_n(&level, __ATOMIC_RELAXED);
	if (l >= 0)
		return l;
	s = getenv("KVIST_LOG");
	l = HOST_WARN;
	for (int i = 0; s && i < (int)ARRAY_SIZE(names); i++)
		if (!strcmp(s, names[i]) || (s[0] == '0' + i && !s[1]))
			l = i;
	__atomic_store_n(&level, l, __ATOMIC_RELAXED);
	return l;
}

void host_log_line(int level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (level > log_level())
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "kvist: %s\n", line);
}
