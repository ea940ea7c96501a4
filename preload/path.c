/* SPDX-License-Identifier: GPL-2.0-or-later */
/* path.c - what tells a program that /dev/kvm is there: a character device that
 * anybody may use. */
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "preload/shim.h"

#define KVM_MAJOR	10
#define KVM_MINOR	232
#define LIKE		"/dev/null"	/* also a device that anybody may use */

static bool same_dir(int dir, const char *as)
{
	struct stat a, b;

	if ((dir == AT_FDCWD ? REAL(stat)(".", &a) : REAL(fstat)(dir, &a)) < 0 ||
	    REAL(stat)(as, &b) < 0)
		return false;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* What follows /dev/kvm in an absolute path, or NULL. */
static const char *after_kvm(const char *path)
{
	while (*path == '/')
		path++;
	if (path[0] != 'd' || path[1] != 'e' || path[2] != 'v' || path[3] != '/')
		return NULL;
	path += 3;
	while (*path == '/')
		path++;
	return path[0] == 'k' && path[1] == 'v' && path[2] == 'm' ? path + 3 : NULL;
}

/* A device is no directory. */
bool path_below_kvm(const char *path)
{
	const char *rest = path && (u64)path >= 4096 && *path == '/' ? after_kvm(path) : NULL;

	return rest && *rest == '/';
}

bool path_is_kvm(int dir, const char *path)
{
	const char *rest;
	int err = errno;
	bool r;

	/* A path of the kernel's own business is not looked at: it says EFAULT. */
	if (!path || (u64)path < 4096)
		return false;
	if (path[0] != '/') {
		if (path[0] != 'k' || path[1] != 'v' || path[2] != 'm' || path[3])
			return false;
		r = same_dir(dir, "/dev");
		errno = err;
		return r;
	}
	rest = after_kvm(path);
	return rest && !*rest;
}

/* --- access --- */

EXPORT int access(const char *path, int mode)
{
	return REAL(access)(path_is_kvm(AT_FDCWD, path) ? LIKE : path, mode);
}

EXPORT int faccessat(int dir, const char *path, int mode, int flags)
{
	return REAL(faccessat)(dir, path_is_kvm(dir, path) ? LIKE : path, mode, flags);
}

EXPORT int eaccess(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

EXPORT int euidaccess(const char *path, int mode)
{
	return eaccess(path, mode);
}

/* --- stat --- */

static int finish(int r, bool kvm, struct stat *st)
{
	if (!r && kvm) {
		st->st_mode = S_IFCHR | 0666;
		st->st_rdev = makedev(KVM_MAJOR, KVM_MINOR);
		st->st_size = 0;
	}
	return r;
}

static int path_stat(int dir, const char *path, struct stat *st, int flags)
{
	bool kvm = path_is_kvm(dir, path);

	return finish(REAL(fstatat)(dir, kvm ? LIKE : path, st, flags), kvm, st);
}

static int fd_stat(int fd, struct stat *st)
{
	return finish(REAL(fstat)(fd, st), soft_fd_system(fd), st);
}

/* struct stat and struct stat64 are the same on x86-64. */
#define STAT_ALIAS(name, args, call) \
	EXPORT int name args; \
	EXPORT int name args { return call; }
#define ST(s)	((struct stat *)(s))

#undef stat
#undef lstat
#undef fstat
#undef fstatat
STAT_ALIAS(stat, (const char *path, struct stat *st), path_stat(AT_FDCWD, path, st, 0))
STAT_ALIAS(stat64, (const char *path, struct stat64 *st), path_stat(AT_FDCWD, path, ST(st), 0))
STAT_ALIAS(lstat, (const char *path, struct stat *st),
	   path_stat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW))
STAT_ALIAS(lstat64, (const char *path, struct stat64 *st),
	   path_stat(AT_FDCWD, path, ST(st), AT_SYMLINK_NOFOLLOW))
STAT_ALIAS(fstat, (int fd, struct stat *st), fd_stat(fd, st))
STAT_ALIAS(fstat64, (int fd, struct stat64 *st), fd_stat(fd, ST(st)))
STAT_ALIAS(fstatat, (int dir, const char *path, struct stat *st, int flags),
	   path_stat(dir, path, st, flags))
STAT_ALIAS(fstatat64, (int dir, const char *path, struct stat64 *st, int flags),
	   path_stat(dir, path, ST(st), flags))
/* Programs built with a C library before 2.33 have these. */
STAT_ALIAS(__xstat, (int v, const char *path, struct stat *st),
	   path_stat(AT_FDCWD, path, st, 0))
STAT_ALIAS(__xstat64, (int v, const char *path, struct stat64 *st),
	   path_stat(AT_FDCWD, path, ST(st), 0))
STAT_ALIAS(__lxstat, (int v, const char *path, struct stat *st),
	   path_stat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW))
STAT_ALIAS(__lxstat64, (int v, const char *path, struct stat64 *st),
	   path_stat(AT_FDCWD, path, ST(st), AT_SYMLINK_NOFOLLOW))
STAT_ALIAS(__fxstat, (int v, int fd, struct stat *st), fd_stat(fd, st))
STAT_ALIAS(__fxstat64, (int v, int fd, struct stat64 *st), fd_stat(fd, ST(st)))
STAT_ALIAS(__fxstatat, (int v, int dir, const char *path, struct stat *st, int flags),
	   path_stat(dir, path, st, flags))
STAT_ALIAS(__fxstatat64, (int v, int dir, const char *path, struct stat64 *st, int flags),
	   path_stat(dir, path, ST(st), flags))

/* The headers promise that it is not null, the callers do not. */
static noinline bool is_empty(const char *path)
{
	return (u64)path >= 4096 && !*path;
}

EXPORT int statx(int dir, const char *path, int flags, unsigned int mask, struct statx *st)
{
	bool kvm = path_is_kvm(dir, path);
	int r = REAL(statx)(dir, kvm ? LIKE : path, flags, mask, st);

	if (!r && (kvm || (flags & AT_EMPTY_PATH && is_empty(path) && soft_fd_system(dir)))) {
		st->stx_mode = S_IFCHR | 0666;
		st->stx_rdev_major = KVM_MAJOR;
		st->stx_rdev_minor = KVM_MINOR;
		st->stx_size = 0;
	}
	return r;
}
