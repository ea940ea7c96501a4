/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client.h - a small client of the KVM API: one VM, some RAM, one vCPU. */
#ifndef TESTS_API_CLIENT_H
#define TESTS_API_CLIENT_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/api/provider.h"

#define RAM_BYTES	(1ul << 20)
#define CODE		0x1000

struct client {
	const struct kvm_provider *kvm;
	int sys, vm, cpu;
	size_t run_size;
	struct kvm_run *run;
	uint8_t *ram;
};

static inline long c_ioctl(struct client *c, int fd, unsigned long req, void *arg)
{
	return c->kvm->ioctl(fd, req, arg);
}

#define NUM(n) ((void *)(unsigned long)(n))

/* 0, or -errno of what failed first. */
static inline long client_open(struct client *c, const struct kvm_provider *kvm, bool irqchip)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM_BYTES };
	long err = 0;

	*c = (struct client){ .kvm = kvm, .sys = -1, .vm = -1, .cpu = -1 };
	c->sys = kvm->open(NULL);
	if (c->sys < 0)
		return c->sys;
	c->vm = c_ioctl(c, c->sys, KVM_CREATE_VM, NULL);
	if (c->vm < 0)
		return c->vm;
	if (irqchip)
		err = c_ioctl(c, c->vm, KVM_SET_TSS_ADDR, NUM(0xfffbd000));
	if (irqchip && !err)
		err = c_ioctl(c, c->vm, KVM_CREATE_IRQCHIP, NULL);
	if (err < 0)
		return err;
	c->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	r.userspace_addr = (uintptr_t)c->ram;
	err = c_ioctl(c, c->vm, KVM_SET_USER_MEMORY_REGION, &r);
	if (err < 0)
		return err;
	c->cpu = c_ioctl(c, c->vm, KVM_CREATE_VCPU, NULL);
	if (c->cpu < 0)
		return c->cpu;
	c->run_size = c_ioctl(c, c->sys, KVM_GET_VCPU_MMAP_SIZE, NULL);
	c->run = kvm->mmap(c->cpu, c->run_size, 0);
	return c->run ? 0 : -ENOMEM;
}

static inline void client_close(struct client *c)
{
	if (c->run)
		c->kvm->munmap(c->run, c->run_size);
	if (c->cpu >= 0)
		c->kvm->close(c->cpu);
	if (c->vm >= 0)
		c->kvm->close(c->vm);
	if (c->sys >= 0)
		c->kvm->close(c->sys);
	if (c->ram)
		munmap(c->ram, RAM_BYTES);
}

/* Real mode, flat from 0, at CODE. */
static inline long client_load(struct client *c, const void *code, size_t n)
{
	struct kvm_regs r = { .rip = CODE, .rsp = 0x8000, .rflags = 2 };
	struct kvm_sregs s;
	long err = c_ioctl(c, c->cpu, KVM_GET_SREGS, &s);

	if (err < 0)
		return err;
	memcpy(c->ram + CODE, code, n);
	s.cs.base = 0;
	s.cs.selector = 0;
	err = c_ioctl(c, c->cpu, KVM_SET_SREGS, &s);
	return err < 0 ? err : c_ioctl(c, c->cpu, KVM_SET_REGS, &r);
}

static inline long client_cpuid(struct client *c)
{
	struct kvm_cpuid2 *t = calloc(1, sizeof(*t) + 256 * sizeof(t->entries[0]));
	long err;

	t->nent = 256;
	err = c_ioctl(c, c->sys, KVM_GET_SUPPORTED_CPUID, t);
	if (!err)
		err = c_ioctl(c, c->cpu, KVM_SET_CPUID2, t);
	free(t);
	return err;
}

#endif
