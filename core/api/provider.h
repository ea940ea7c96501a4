/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * provider.h - the KVM API as a table: the only seam between a VMM and what
 * runs guests. /dev/kvm, /dev/kvist and the in-process software engine are
 * all of this form; descriptors are real file descriptors in each.
 */
#ifndef CORE_API_PROVIDER_H
#define CORE_API_PROVIDER_H

#include <stddef.h>

struct kvm_provider {
	const char *name;
	/* Opens the system descriptor: fd or -errno. device: path, or NULL. */
	int (*open)(const char *device);
	/* As ioctl(2), but returns -errno. */
	long (*ioctl)(int fd, unsigned long req, void *arg);
	/* Maps a vCPU's kvm_run (off is 0) or dirty ring; NULL on failure. */
	void *(*mmap)(int fd, size_t len, size_t off);
	void (*munmap)(void *p, size_t len);
	int (*close)(int fd);
};

extern const struct kvm_provider kvm_provider_device;	/* vmm/kvm_device.c */
extern const struct kvm_provider kvm_provider_soft;	/* port/posix/soft_fd.c */

#endif
