/* SPDX-License-Identifier: GPL-2.0-or-later */
/* api_vm.h - a VM of an engine that runs nothing, with vCPUs made as
 * KVM_CREATE_VCPU makes them. */
#ifndef TESTS_UNIT_API_VM_H
#define TESTS_UNIT_API_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include "core/api/call.h"
#include "core/vm.h"
#include "core/x86/cpuid.h"
#include "core/x86/msr.h"

static struct vm *vm;
static struct vcpu *v;
static u8 run_pages[4][API_VCPU_PAGES * 4096] __attribute__((aligned(4096)));

static int no_vcpu_init(struct vcpu *x)
{
	return 0;
}

static void no_vcpu(struct vcpu *x)
{
}

static unsigned int state_changes;

static void note_state(struct vcpu *x)
{
	state_changes++;
}

/* What the vCPU does when it runs. NULL: comes back at once, so that KVM_RUN
 * does what it does around the engine. */
static int (*guest)(struct vcpu *x);

static int run_guest(struct vcpu *x)
{
	if (guest)
		return guest(x);
	x->run->exit_reason = KVM_EXIT_HLT;
	return RUN_EXIT;
}

static const struct engine no_engine = {
	.name = "none", .dirty_ring = true, .tsc_scaling = true,
	.vcpu_init = no_vcpu_init, .vcpu_fini = no_vcpu, .kick = no_vcpu, .run = run_guest,
	.state_changed = note_state,
};

static inline long vm_call(u32 nr, void *arg)
{
	return api_dispatch(&vm_calls, vm, nr, arg);
}

static inline long vcpu_call(u32 nr, void *arg)
{
	return api_dispatch(&vcpu_calls, v, nr, arg);
}

static inline struct vcpu *add_vcpu(u32 id)
{
	struct vcpu *x = NULL;
	struct kvm_run *run = (void *)run_pages[vm->n_vcpus & 3];

	memset(run, 0, sizeof(run_pages[0]));
	assert_int_equal(vm_create_vcpu(vm, id, run, &x), 0);
	return x;
}

static inline int set_supported_cpuid(struct vcpu *x)
{
	struct kvm_cpuid_entry2 e[CPUID_ENTRIES_MAX];
	int n = cpuid_supported(&no_engine, e, CPUID_ENTRIES_MAX);

	assert_true(n > 0);
	return cpuid_set(x, e, n);
}

static inline int vm_setup_bare(void **state)
{
	test_alloc_budget = -1;
	test_now_ns = test_tsc = 1000000000;
	state_changes = 0;
	guest = NULL;
	return vm_new(&no_engine, &vm);
}

/* No in-kernel interrupt controllers, one vCPU with everything supported. */
static inline int vm_setup(void **state)
{
	assert_int_equal(vm_setup_bare(state), 0);
	v = add_vcpu(0);
	return set_supported_cpuid(v);
}

static inline int vm_setup_irqchip(void **state)
{
	assert_int_equal(vm_setup_bare(state), 0);
	assert_int_equal(irqs_create(vm), 0);
	v = add_vcpu(0);
	return set_supported_cpuid(v);
}

static inline int vm_teardown(void **state)
{
	test_alloc_budget = -1;
	vm_free(vm);
	vm = NULL;
	v = NULL;
	return 0;
}

#endif
