/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pv_bed.h - a VM with an in-kernel APIC whose "guest" is a C function, which
 * the engine calls in place of guest code. */
#ifndef TESTS_UNIT_PV_BED_H
#define TESTS_UNIT_PV_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "core/api/call.h"
#include "core/api/pv.h"
#include "core/irq/lapic.h"
#include "core/vm.h"
#include "core/x86/cpuid.h"
#include "core/x86/msr.h"

#define RAM_SIZE	0x100000ul

static struct vm *vm;
static struct vcpu *v;
static u8 *ram;
static u8 run_pages[2][API_VCPU_PAGES * 4096] __attribute__((aligned(4096)));

/* What the guest does when it is next run: as engine->run(). */
static int (*guest)(struct vcpu *x);
static u32 guest_runs, flushes;

static int bed_run(struct vcpu *x)
{
	guest_runs++;
	return guest ? guest(x) : RUN_EXIT;
}

static int bed_init(struct vcpu *x)
{
	return 0;
}

static void bed_none(struct vcpu *x)
{
}

static void bed_flush(struct vcpu *x, int what, u64 lin)
{
	flushes += what == X86_FLUSH_ALL;
}

static const struct engine bed_engine = {
	.name = "bed", .dirty_ring = true, .tsc_scaling = true, .vcpu_init = bed_init, .vcpu_fini = bed_none, .kick = bed_none,
	.run = bed_run, .flush = bed_flush,
};

static inline long vm_call(u32 nr, void *arg)
{
	return api_dispatch(&vm_calls, vm, nr, arg);
}

static inline long vcpu_call(u32 nr, void *arg)
{
	return api_dispatch(&vcpu_calls, v, nr, arg);
}

static inline long bed_slot(u32 id, u64 gpa, u64 size, u32 flags)
{
	struct kvm_userspace_memory_region r = {
		.slot = id, .guest_phys_addr = gpa, .memory_size = size, .flags = flags,
		.userspace_addr = (uintptr_t)ram,
	};

	return vm_call(KVM_SET_USER_MEMORY_REGION, &r);
}

/* KVM_RUN with that guest. */
static inline long bed_guest(int (*fn)(struct vcpu *x))
{
	guest = fn;
	return vcpu_call(KVM_RUN, NULL);
}

static inline int host_wrmsr(u32 idx, u64 val)
{
	return msr_write(v, idx, val, true);
}

static inline u64 host_rdmsr(u32 idx)
{
	u64 val;

	assert_int_equal(msr_read(v, idx, &val, true), 0);
	return val;
}

static inline int bed_setup(void **state)
{
	struct kvm_cpuid_entry2 e[CPUID_ENTRIES_MAX];
	int n;

	test_alloc_budget = -1;
	test_now_ns = test_tsc = 1000000000;
	test_run_delay_ns = 0;
	guest_runs = flushes = 0;
	assert_int_equal(vm_new(&bed_engine, &vm), 0);
	assert_int_equal(irqs_create(vm), 0);
	memset(run_pages, 0, sizeof(run_pages));
	assert_int_equal(vm_create_vcpu(vm, 0, (void *)run_pages[0], &v), 0);
	n = cpuid_supported(&bed_engine, e, CPUID_ENTRIES_MAX);
	assert_int_equal(cpuid_set(v, e, n), 0);
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return bed_slot(0, 0, RAM_SIZE, 0);
}

static inline int bed_teardown(void **state)
{
	test_alloc_budget = -1;
	vm_free(vm);
	munmap(ram, RAM_SIZE);
	return 0;
}

#endif
