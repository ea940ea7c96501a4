/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hv_vm.h - a VM of three vCPUs and some memory that has Hyper-V's interface. */
#ifndef TESTS_UNIT_HV_VM_H
#define TESTS_UNIT_HV_VM_H

#include <sys/mman.h>
#include "core/api/pv.h"
#include "core/irq/lapic.h"
#include "tests/unit/api_vm.h"

#define RAM_BYTES	0x10000u
#define NO_RAM		0x7ffffff000ull
#define LINUX_ID	(0x8100ull << 48)

static u8 *ram;
static struct vcpu *cpu[3];

/* The CPUID is all that is offered, but leaves 3, 4 and 82h if bare. */
static inline void set_hv_cpuid(struct vcpu *x, bool bare)
{
	struct kvm_cpuid_entry2 e[CPUID_ENTRIES_MAX + 16];
	struct { struct kvm_cpuid2 c; struct kvm_cpuid_entry2 e[16]; } hv = { .c.nent = 16 };
	int n = cpuid_supported(&no_engine, e, CPUID_ENTRIES_MAX), out = 0;

	assert_true(n > 0);
	for (int i = 0; i < n; i++)
		if (e[i].function >> 24 != 0x40)
			e[out++] = e[i];
	assert_int_equal(hv_cpuid_supported(x, &hv.c), 0);
	for (u32 i = 0; i < hv.c.nent; i++) {
		u32 leaf = hv.e[i].function;

		if (bare && (leaf == 0x40000003 || leaf == 0x40000004 || leaf == 0x40000082))
			hv.e[i] = (struct kvm_cpuid_entry2){ .function = leaf };
		e[out++] = hv.e[i];
	}
	x->ran = false;
	assert_int_equal(cpuid_set(x, e, out), 0);
}

static inline void set_hv_feature(struct vcpu *x, u32 leaf, u32 eax, u32 ebx, u32 edx)
{
	for (u32 i = 0; i < x->n_cpuid; i++)
		if (x->cpuid[i].function == leaf) {
			x->cpuid[i].eax = eax;
			x->cpuid[i].ebx = ebx;
			x->cpuid[i].edx = edx;
		}
	hv_cpuid_changed(x);
}

static inline int hv_setup(void **state)
{
	struct kvm_userspace_memory_region r = { .memory_size = RAM_BYTES };

	assert_int_equal(vm_setup_bare(state), 0);
	assert_int_equal(irqs_create(vm), 0);
	ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	r.userspace_addr = (u64)ram;
	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &r), 0);
	for (u32 i = 0; i < 3; i++) {
		const u32 svr = 0x1ff;

		cpu[i] = add_vcpu(i);
		set_hv_cpuid(cpu[i], false);
		cpu[i]->cpu.mode = X86_MODE64;
		cpu[i]->cpu.cr0 |= X86_CR0_PE;
		cpu[i]->cpu.cpl = 0;
		lapic_mmio_write(cpu[i], 0xfee000f0, &svr, 4);
	}
	v = cpu[0];
	v->mp_state = KVM_MP_STATE_RUNNABLE;
	return 0;
}

static inline int hv_teardown(void **state)
{
	int r = vm_teardown(state);

	munmap(ram, RAM_BYTES);
	return r;
}

static inline int guest_rd(u32 idx, u64 *val)
{
	return msr_read(v, idx, val, false);
}

static inline int guest_wr(u32 idx, u64 val)
{
	return msr_write(v, idx, val, false);
}

static inline int host_wr(u32 idx, u64 val)
{
	return msr_write(v, idx, val, true);
}

static inline u64 rd(u32 idx)
{
	u64 val = ~0ull;

	assert_int_equal(msr_read(v, idx, &val, true), 0);
	return val;
}

/* KVM_RUN until it comes back; the reason. */
static inline u32 run(struct vcpu *x)
{
	x->mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(vcpu_run(x), 0);
	return x->run->exit_reason;
}

static inline void enforce(bool on)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_HYPERV_ENFORCE_CPUID, .args = { on } };

	assert_int_equal(vcpu_call(KVM_ENABLE_CAP, &c), 0);
}

/* Is this interrupt on its way to x? */
static inline bool irr(const struct vcpu *x, u8 vector)
{
	return lapic_test(x->apic, LAPIC_IRR, vector);
}

#define T(f) cmocka_unit_test_setup_teardown(f, hv_setup, hv_teardown)

#endif
