/* SPDX-License-Identifier: GPL-2.0-or-later */
/* real.c - the C library's functions behind those exported here, and what the
 * engine itself gets when it calls them (the linker's --wrap). */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/resource.h>
#include "preload/shim.h"

#define HIDDEN_MAX	(1 << 18)

static struct real real;
static u32 real_ready;
static u64 hidden[HIDDEN_MAX / 64];
static int hidden_end;

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static void real_find(void)
{
	real.open = next("open");
	real.openat = next("openat");
	real.close = next("close");
	real.close_range = next("close_range");
	real.ioctl = next("ioctl");
	real.fcntl = next("fcntl");
	real.dup = next("dup");
	real.dup2 = next("dup2");
	real.dup3 = next("dup3");
	real.syscall = next("syscall");
	real.fopen = next("fopen");
	real.fclose = next("fclose");
	real.mmap = next("mmap");
	real.access = next("access");
	real.faccessat = next("faccessat");
	real.stat = next("stat");
	real.lstat = next("lstat");
	real.fstat = next("fstat");
	real.fstatat = next("fstatat");
	real.statx = next("statx");
	real.sigaction = next("sigaction");
	real.signal = next("signal");
	real.sysv_signal = next("sysv_signal");
	real.siginterrupt = next("siginterrupt");
	real.pthread_cancel = next("pthread_cancel");
}

/* Other libraries' constructors may call before ours could have run; finding
 * them twice, by two threads, does no harm. */
const struct real *real_get(void)
{
	if (unlikely(!__atomic_load_n(&real_ready, __ATOMIC_ACQUIRE))) {
		real_find();
		__atomic_store_n(&real_ready, 1, __ATOMIC_RELEASE);
	}
	return &real;
}

/* --- hidden descriptors --- */

static void hidden_set(int fd, bool on)
{
	u64 bit = 1ull << (fd & 63);

	if (fd < 0 || fd >= HIDDEN_MAX)
		return;
	if (on) {
		__atomic_fetch_or(&hidden[fd / 64], bit, __ATOMIC_SEQ_CST);
		if (fd >= READ_ONCE(hidden_end))
			WRITE_ONCE(hidden_end, fd + 1);
	} else {
		__atomic_fetch_and(&hidden[fd / 64], ~bit, __ATOMIC_SEQ_CST);
	}
}

bool hidden_is(int fd)
{
	return fd >= 0 && fd < HIDDEN_MAX && READ_ONCE(hidden[fd / 64]) >> (fd & 63) & 1;
}

int hidden_next(int fd)
{
	for (; fd < READ_ONCE(hidden_end); fd++)
		if (hidden_is(fd))
			return fd;
	return -1;
}

/* Where they start: the upper half of what the process may have. */
static int hidden_base(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur > HIDDEN_MAX)
		return HIDDEN_MAX / 2;
	return l.rlim_cur / 2;
}

/* Takes fd; the same or a higher one, or -1 as it came. */
static int hide(int fd)
{
	int high;

	if (fd < 0)
		return fd;
	high = REAL(fcntl)(fd, F_DUPFD_CLOEXEC, hidden_base());
	if (high >= 0) {
		REAL(close)(fd);
		fd = high;
	}
	hidden_set(fd, true);
	return fd;
}

/* --- the engine's own calls --- */

int __wrap_close(int fd);
int __wrap_fcntl(int fd, int cmd, ...);
int __wrap_eventfd(unsigned int n, int flags);
int __wrap_epoll_create1(int flags);
int __wrap_sigaction(int sig, const struct sigaction *act, struct sigaction *old);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __real_eventfd(unsigned int n, int flags);
int __real_epoll_create1(int flags);

int __wrap_close(int fd)
{
	hidden_set(fd, false);
	return REAL(close)(fd);
}

int __wrap_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;
	int r;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	r = REAL(fcntl)(fd, cmd, arg);
	return cmd == F_DUPFD_CLOEXEC ? hide(r) : r;
}

int __wrap_eventfd(unsigned int n, int flags)
{
	return hide(__real_eventfd(n, flags));
}

int __wrap_epoll_create1(int flags)
{
	return hide(__real_epoll_create1(flags));
}

int __wrap_sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return REAL(sigaction)(sig, act, old);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return REAL(mmap)(addr, len, prot, flags, fd, off);
}
