/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shim.h - the preload library: /dev/kvm for programs that know nothing of
 * kvist. See doc/preload.md.
 *
 * Everything here is built into one shared object together with the core, the
 * software engine and the POSIX port, whose own calls must not come back to the
 * functions exported here: the linker's --wrap sends them to real.c.
 */
#ifndef PRELOAD_SHIM_H
#define PRELOAD_SHIM_H

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include "core/api/provider.h"
#include "core/host.h"
#include "port/posix/soft_fd.h"

#define EXPORT	__attribute__((visibility("default")))

/* --- real.c: the functions that would be called without us --- */

struct real {
	int (*open)(const char *, int, ...);
	int (*openat)(int, const char *, int, ...);
	int (*close)(int);
	int (*close_range)(unsigned int, unsigned int, int);
	int (*ioctl)(int, unsigned long, ...);
	int (*fcntl)(int, int, ...);
	int (*dup)(int);
	int (*dup2)(int, int);
	int (*dup3)(int, int, int);
	long (*syscall)(long, ...);
	FILE *(*fopen)(const char *, const char *);
	int (*fclose)(FILE *);
	void *(*mmap)(void *, size_t, int, int, int, off_t);
	int (*access)(const char *, int);
	int (*faccessat)(int, const char *, int, int);
	int (*stat)(const char *, struct stat *);
	int (*lstat)(const char *, struct stat *);
	int (*fstat)(int, struct stat *);
	int (*fstatat)(int, const char *, struct stat *, int);
	int (*statx)(int, const char *, int, unsigned int, struct statx *);
	int (*sigaction)(int, const struct sigaction *, struct sigaction *);
	sighandler_t (*signal)(int, sighandler_t);
	sighandler_t (*sysv_signal)(int, sighandler_t);
	int (*siginterrupt)(int, int);
	int (*pthread_cancel)(pthread_t);
};
const struct real *real_get(void);
#define REAL(fn)	(real_get()->fn)

/* Descriptors of the engine's own, which the program must not see: high
 * numbers, that close() and close_range() pass over. Any context. */
bool hidden_is(int fd);
int hidden_next(int fd);	/* the first one not below fd, or -1 */

/* --- fd.c --- */

/* Called once, when /dev/kvm is first opened. */
void shim_start(void);
/* Is this the process whose VMs they are? Not so in a child of vfork(). */
bool shim_owner(void);

/* --- path.c --- */

bool path_is_kvm(int dir, const char *path);
bool path_below_kvm(const char *path);

/* --- signal.c --- */

void signals_start(void);
void signals_forked(void);
/* KVM_RUN, as ioctl(2) but returning -errno. */
long signals_run(int fd, void *arg);
/* A vCPU got a mask of signals: let those that would kill only end KVM_RUN. */
void signals_mask(const void *arg);

/* --- trace.c: KVIST_LOG=debug shows calls --- */

void trace_call(int fd, unsigned long req, const void *arg, long ret);
void trace_open(const char *path, int fd);

#endif
