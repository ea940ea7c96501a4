/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fd.c - opening /dev/kvm, and what else makes, copies, maps or ends a
 * descriptor. A call that concerns none of ours goes to the C library after a
 * look into a table, without a lock: some of these may be called in a signal
 * handler, or in a child of vfork() that shares the memory but not the
 * descriptors.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/kvm.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "preload/shim.h"

static pid_t owner;

static void in_child(void)
{
	owner = getpid();
	soft_forked();
	host_timers_forked();
	host_events_forked();
	signals_forked();
}

static void start(void)
{
	owner = getpid();
	signals_start();
	pthread_atfork(NULL, NULL, in_child);
}

void shim_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
}

bool shim_owner(void)
{
	return getpid() == owner;
}

static int fail_with(int err)
{
	errno = err;
	return -1;
}

/* --- open --- */

static int kvm_open(const char *path, int flags)
{
	int fd;

	if (flags & O_DIRECTORY)
		return fail_with(ENOTDIR);
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return fail_with(EEXIST);
	shim_start();
	fd = kvm_provider_soft.open(path);
	trace_open(path, fd);
	if (fd < 0)
		return fail_with(-fd);
	if (!(flags & O_CLOEXEC))
		REAL(fcntl)(fd, F_SETFD, 0);
	return fd;
}

static int do_openat(int dir, const char *path, int flags, mode_t mode)
{
	if (!(flags & O_PATH) && path_is_kvm(dir, path))
		return kvm_open(path, flags);
	if (path_below_kvm(path))
		return fail_with(ENOTDIR);
	return REAL(openat)(dir, path, flags, mode);
}

static int do_open(const char *path, int flags, mode_t mode)
{
	if (!(flags & O_PATH) && path_is_kvm(AT_FDCWD, path))
		return kvm_open(path, flags);
	if (path_below_kvm(path))
		return fail_with(ENOTDIR);
	return REAL(open)(path, flags, mode);
}

/* The mode is there only when a file may be made. */
#define OPEN_MODE(mode, flags) \
	mode_t mode = 0; \
	if (__OPEN_NEEDS_MODE(flags)) { \
		va_list ap; \
		va_start(ap, flags); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	}

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

EXPORT int open(const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags)
	return do_open(path, flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags)
	return do_open(path, flags | O_LARGEFILE, mode);
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags)
	return do_openat(dir, path, flags, mode);
}

EXPORT int openat64(int dir, const char *path, int flags, ...)
{
	OPEN_MODE(mode, flags)
	return do_openat(dir, path, flags | O_LARGEFILE, mode);
}

/* What fortified programs call when there is no mode. */
EXPORT int __open_2(const char *path, int flags)
{
	return do_open(path, flags, 0);
}

EXPORT int __open64_2(const char *path, int flags)
{
	return do_open(path, flags | O_LARGEFILE, 0);
}

EXPORT int __openat_2(int dir, const char *path, int flags)
{
	return do_openat(dir, path, flags, 0);
}

EXPORT int __openat64_2(int dir, const char *path, int flags)
{
	return do_openat(dir, path, flags | O_LARGEFILE, 0);
}

/* --- streams: the C library opens and closes by itself --- */

static FILE *kvm_fopen(const char *path, const char *mode)
{
	int flags = *mode == 'r' ? O_RDONLY : O_WRONLY, fd;
	FILE *f;

	if (strchr(mode, '+'))
		flags = O_RDWR;
	if (strchr(mode, 'e'))
		flags |= O_CLOEXEC;
	if (strchr(mode, 'x'))
		flags |= O_CREAT | O_EXCL;
	fd = kvm_open(path, flags);
	if (fd < 0)
		return NULL;
	f = fdopen(fd, mode);
	if (!f)
		kvm_provider_soft.close(fd);
	return f;
}

#undef fopen
#undef fopen64
EXPORT FILE *fopen(const char *path, const char *mode)
{
	return path_is_kvm(AT_FDCWD, path) ? kvm_fopen(path, mode) : REAL(fopen)(path, mode);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

EXPORT int fclose(FILE *f)
{
	int fd = fileno(f);

	if (unlikely(soft_fd_is(fd)) && shim_owner())
		soft_fd_unbind(fd);
	return REAL(fclose)(f);
}

/* --- close --- */

EXPORT int close(int fd)
{
	if (unlikely(hidden_is(fd)))
		return fail_with(EBADF);
	if (unlikely(soft_fd_is(fd)) && shim_owner())
		return kvm_provider_soft.close(fd);
	return REAL(close)(fd);
}

static int range_call(unsigned int first, unsigned int last, int flags)
{
	if (REAL(close_range))
		return REAL(close_range)(first, last, flags);
	return REAL(syscall)(SYS_close_range, first, last, flags);
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	bool drop = !(flags & (int)CLOSE_RANGE_CLOEXEC);
	int fd, r;

	if (first > last || first > INT_MAX)
		return range_call(first, last, flags);
	for (fd = soft_fd_next(first); drop && fd >= 0 && (unsigned int)fd <= last && shim_owner();
	     fd = soft_fd_next(fd + 1))
		soft_fd_unbind(fd);
	/* Around those that are not the program's. */
	while ((fd = hidden_next(first)) >= 0 && (unsigned int)fd <= last) {
		if ((unsigned int)fd > first) {
			r = range_call(first, fd - 1, flags);
			if (r < 0)
				return r;
		}
		first = fd + 1;
	}
	return first > last ? 0 : range_call(first, last, flags);
}

EXPORT void closefrom(int low)
{
	close_range(max(low, 0), ~0u, 0);
}

/* --- copies --- */

/* fd now is a copy of from, whatever it was before. */
static int copied(int fd, int from)
{
	if (fd < 0 || !shim_owner())
		return fd;
	if (!soft_fd_is(from)) {
		if (soft_fd_is(fd))
			soft_fd_unbind(fd);
		return fd;
	}
	if (soft_fd_bind(fd, from))
		return fd;
	REAL(close)(fd);
	return fail_with(EMFILE);
}

static bool concerns(int a, int b)
{
	return unlikely(soft_fd_is(a) || soft_fd_is(b));
}

EXPORT int dup(int fd)
{
	int r = hidden_is(fd) ? fail_with(EBADF) : REAL(dup)(fd);

	return concerns(fd, fd) ? copied(r, fd) : r;
}

/* The program wants a number that we took: ours cannot move now. */
EXPORT int dup2(int from, int to)
{
	int r;

	if (unlikely(hidden_is(from) || hidden_is(to)))
		return fail_with(hidden_is(from) ? EBADF : EBUSY);
	r = REAL(dup2)(from, to);
	return from != to && concerns(from, to) ? copied(r, from) : r;
}

EXPORT int dup3(int from, int to, int flags)
{
	int r;

	if (unlikely(hidden_is(from) || hidden_is(to)))
		return fail_with(hidden_is(from) ? EBADF : EBUSY);
	r = REAL(dup3)(from, to, flags);
	return concerns(from, to) ? copied(r, from) : r;
}

static int do_fcntl(int fd, int cmd, long arg)
{
	int r;

	if (unlikely(hidden_is(fd)))
		return fail_with(EBADF);
	r = REAL(fcntl)(fd, cmd, arg);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return concerns(fd, fd) ? copied(r, fd) : r;
	return r;
}

EXPORT int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return do_fcntl(fd, cmd, arg);
}

int fcntl64(int fd, int cmd, ...);
EXPORT int fcntl64(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return do_fcntl(fd, cmd, arg);
}

/* --- mmap and ioctl --- */

static void *do_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	if (unlikely(!(flags & MAP_ANONYMOUS) && soft_fd_is(fd)))
		return soft_fd_mmap(addr, len, prot, flags, fd, off);
	return REAL(mmap)(addr, len, prot, flags, fd, off);
}

EXPORT void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return do_mmap(addr, len, prot, flags, fd, off);
}

EXPORT void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return do_mmap(addr, len, prot, flags, fd, off);
}

static int kvm_ioctl(int fd, unsigned long req, void *arg)
{
	long r;

	if ((u32)req == KVM_RUN) {
		r = signals_run(fd, arg);
	} else if (!shim_owner()) {
		r = -EIO;
	} else {
		r = kvm_provider_soft.ioctl(fd, req, arg);
		if (!r && (u32)req == KVM_SET_SIGNAL_MASK)
			signals_mask(arg);
	}
	trace_call(fd, req, arg, r);
	return r < 0 ? fail_with(-r) : r;
}

/* <sys/ioctl.h> need not be in agreement with every C library. */
int ioctl(int fd, unsigned long req, ...);
EXPORT int ioctl(int fd, unsigned long req, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, req);
	arg = va_arg(ap, void *);
	va_end(ap);
	/* FIOCLEX and its like are for any file. */
	if (unlikely(_IOC_TYPE(req) == KVMIO && soft_fd_is(fd)))
		return kvm_ioctl(fd, req, arg);
	return REAL(ioctl)(fd, req, arg);
}

/* --- syscall(2), which programs use where their C library had no function --- */

static long do_openat2(const long *a)
{
	const struct open_how *how = (const struct open_how *)a[2];

	if (path_is_kvm(a[0], (const char *)a[1]) && (size_t)a[3] >= sizeof(*how))
		return openat(a[0], (const char *)a[1], (int)how->flags, (mode_t)how->mode);
	return REAL(syscall)(SYS_openat2, a[0], a[1], a[2], a[3]);
}

EXPORT long syscall(long nr, ...)
{
	va_list ap;
	long a[6];

	/* Those that the caller did not pass are not looked at by the kernel. */
	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	switch (nr) {
	case SYS_open:
		return open((const char *)a[0], a[1], a[2]);
	case SYS_openat:
		return openat(a[0], (const char *)a[1], a[2], a[3]);
	case SYS_openat2:
		return do_openat2(a);
	case SYS_close:
		return close(a[0]);
	case SYS_close_range:
		return close_range(a[0], a[1], a[2]);
	case SYS_dup:
		return dup(a[0]);
	case SYS_dup2:
		return dup2(a[0], a[1]);
	case SYS_dup3:
		return dup3(a[0], a[1], a[2]);
	case SYS_ioctl:
		return ioctl(a[0], a[1], a[2]);
	case SYS_mmap:
		return (long)mmap((void *)a[0], a[1], a[2], a[3], a[4], a[5]);
	default:
		return REAL(syscall)(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
}
