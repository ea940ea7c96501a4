// SPDX-License-Identifier: GPL-2.0-or-later
/* kvm_device.c - the KVM API of a kernel, through its device node. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/api/provider.h"

static int device_open(const char *device)
{
	int fd = open(device ? device : "/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static long device_ioctl(int fd, unsigned long req, void *arg)
{
	int r = ioctl(fd, req, arg);

	return r < 0 ? -errno : r;
}

static void *device_mmap(int fd, size_t len, size_t off)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off);

	return p == MAP_FAILED ? NULL : p;
}

static void device_munmap(void *p, size_t len)
{
	if (p)
		munmap(p, len);
}

static int device_close(int fd)
{
	return close(fd) < 0 ? -errno : 0;
}

const struct kvm_provider kvm_provider_device = {
	.name = "kvm",
	.open = device_open,
	.ioctl = device_ioctl,
	.mmap = device_mmap,
	.munmap = device_munmap,
	.close = device_close,
};
