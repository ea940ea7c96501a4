/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/api_vm.h"

enum { A, B, C, D };

static u32 reg(u32 leaf, u32 sub, unsigned int r)
{
	u32 o[4];

	vcpu_cpuid(v, leaf, sub, o);
	return o[r];
}

static void supported_table_fits_old_clients(void **state)
{
	struct kvm_cpuid_entry2 e[CPUID_ENTRIES_MAX];
	int n = cpuid_supported(&engine_soft, e, CPUID_ENTRIES_MAX);

	assert_in_range(n, 10, CPUID_ENTRIES_MAX);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			assert_false(e[i].function == e[j].function && e[i].index == e[j].index);
	for (int max = 0; max < n; max++)
		assert_int_equal(cpuid_supported(&engine_soft, e, max), -E2BIG);
	assert_int_equal(cpuid_supported(&engine_soft, e, n), n);
}

static void supported_is_at_least_x86_64_v2(void **state)
{
	static const enum x86_feature need[] = {
		XF_FPU, XF_CX8, XF_CMOV, XF_MMX, XF_FXSR, XF_SSE, XF_SSE2, XF_SSE3, XF_SSSE3,
		XF_CX16, XF_SSE41, XF_SSE42, XF_POPCNT, XF_LAHF64, XF_SYSCALL, XF_LM, XF_NX,
	};

	for (u32 i = 0; i < ARRAY_SIZE(need); i++)
		assert_true(x86_has(&v->cpu, need[i]));
	assert_false(x86_has(&v->cpu, XF_MONITOR));
	assert_false(x86_has(&v->cpu, XF_SVM));
	assert_int_equal(v->cpu.maxphyaddr, reg(0x80000008, 0, A) & 0xff);
}

static void vendor_and_hypervisor_are_named(void **state)
{
	u32 o[4];

	vcpu_cpuid(v, 0, 0, o);
	assert_memory_equal(&o[B], "Auth", 4);
	assert_memory_equal(&o[D], "enti", 4);
	assert_memory_equal(&o[C], "cAMD", 4);
	vcpu_cpuid(v, 0x40000000, 0, o);
	assert_memory_equal(&o[B], "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(o[A], 0x40000001);
}

static void features_are_what_was_said_and_is_there(void **state)
{
	struct kvm_cpuid_entry2 e[] = {
		{ .function = 0, .eax = 7 },
		{ .function = 1, .ecx = ~0u, .edx = 1 << 4 },	/* all, AVX too; TSC alone */
	};

	assert_int_equal(cpuid_set(v, e, 2), 0);
	assert_true(x86_has(&v->cpu, XF_TSC));
	assert_false(x86_has(&v->cpu, XF_PAE));
	assert_true(x86_has(&v->cpu, XF_SSE42));
	assert_false(x86_has(&v->cpu, XF_AVX));
	assert_false(x86_has(&v->cpu, XF_MONITOR));
	assert_false(x86_has(&v->cpu, XF_NX));
	assert_int_equal(v->cpu.maxphyaddr, 36);
}

static void set_refuses_odd_address_width(void **state)
{
	struct kvm_cpuid_entry2 e = { .function = 0x80000008, .eax = 40 << 8 | 36 };

	assert_int_equal(cpuid_set(v, &e, 1), -EINVAL);
	e.eax = 57 << 8 | 40;
	assert_int_equal(cpuid_set(v, &e, 1), 0);
	assert_int_equal(v->cpu.maxphyaddr, 40);
	e.eax = 200;
	assert_int_equal(cpuid_set(v, &e, 1), 0);
	assert_int_equal(v->cpu.maxphyaddr, 36);
}

static void set_after_run_takes_only_the_same(void **state)
{
	struct kvm_cpuid_entry2 e[2] = { { .function = 0, .eax = 1 }, { .function = 1 } };

	assert_int_equal(cpuid_set(v, e, 2), 0);
	v->ran = true;
	assert_int_equal(cpuid_set(v, e, 2), 0);
	assert_int_equal(cpuid_set(v, e, 1), -EINVAL);
	e[1].eax = 5;
	assert_int_equal(cpuid_set(v, e, 2), -EINVAL);
}

static void set_without_memory_keeps_the_old(void **state)
{
	struct kvm_cpuid_entry2 e = { .function = 0, .eax = 1 };
	u32 n = v->n_cpuid;

	test_alloc_budget = 0;
	assert_int_equal(cpuid_set(v, &e, 1), -ENOMEM);
	test_alloc_budget = -1;
	assert_int_equal(v->n_cpuid, n);
	assert_int_equal(cpuid_set(v, NULL, 0), 0);
	assert_int_equal(reg(1, 0, D), 0);
}

static void osxsave_follows_cr4(void **state)
{
	v->cpu.cr4 &= ~(u64)X86_CR4_OSXSAVE;
	assert_false(reg(1, 0, C) & 1 << 27);
	v->cpu.cr4 |= X86_CR4_OSXSAVE;
	assert_true(reg(1, 0, C) & 1 << 27);
}

static void apic_bit_follows_apic_base(void **state)
{
	assert_true(reg(1, 0, D) & 1 << 9);
	assert_int_equal(lapic_set_base(v, 0xfee00000 | 0x100, true), 0);
	assert_false(reg(1, 0, D) & 1 << 9);
}

static void xsave_size_follows_xcr0(void **state)
{
	v->cpu.xcr0 = 3;
	assert_int_equal(reg(0xd, 0, B), 576);
	v->cpu.xcr0 = 7;
	assert_int_equal(reg(0xd, 0, B), 832);
	v->cpu.xcr0 = 0x203;
	assert_int_equal(reg(0xd, 0, B), 840);
	assert_int_equal(reg(0xd, 1, B), 584);
	assert_int_equal(reg(0xd, 9, A), 8);
	assert_int_equal(reg(0xd, 9, B), 832);
}

static void unknown_leaf_is_zero_on_amd(void **state)
{
	u32 o[4], zero[4] = { 0 };

	vcpu_cpuid(v, 0x20, 0, o);
	assert_memory_equal(o, zero, sizeof(o));
	vcpu_cpuid(v, 0x80000099, 0, o);
	assert_memory_equal(o, zero, sizeof(o));
}

static void unknown_leaf_is_highest_basic_on_intel(void **state)
{
	struct kvm_cpuid_entry2 e[] = {
		{ .function = 0, .eax = 2, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69 },
		{ .function = 2, .eax = 0x1234 },
		{ .function = 0x80000000, .eax = 0x80000001 },
	};

	assert_int_equal(cpuid_set(v, e, 3), 0);
	assert_int_equal(reg(0x20, 0, A), 0x1234);
	assert_int_equal(reg(0x80000008, 0, A), 0x1234);
	assert_int_equal(reg(0x40000000, 0, A), 0x1234);
	assert_int_equal(reg(1, 0, A), 0);	/* in range, but not there */
	assert_int_equal(reg(0x80000001, 0, A), 0);
}

static void topology_beyond_last_level_keeps_id(void **state)
{
	struct kvm_cpuid_entry2 e[] = {
		{ .function = 0, .eax = 0xb, .ebx = 0x68747541 },
		{ .function = 0xb, .index = 0, .flags = 1, .ebx = 1, .ecx = 0x100, .edx = 6 },
		{ .function = 0xb, .index = 1, .flags = 1, .ebx = 4, .ecx = 0x201, .edx = 6 },
	};

	assert_int_equal(cpuid_set(v, e, 3), 0);
	assert_int_equal(reg(0xb, 1, B), 4);
	assert_int_equal(reg(0xb, 5, B), 0);
	assert_int_equal(reg(0xb, 5, C), 5);
	assert_int_equal(reg(0xb, 5, D), 6);
}

static void get_shows_runtime_bits(void **state)
{
	struct kvm_cpuid_entry2 e[CPUID_ENTRIES_MAX];

	v->cpu.cr4 |= X86_CR4_OSXSAVE;
	cpuid_get(v, e);
	for (u32 i = 0; i < v->n_cpuid; i++)
		if (e[i].function == 1)
			assert_true(e[i].ecx & 1 << 27);
	v->cpu.cr4 &= ~(u64)X86_CR4_OSXSAVE;
	cpuid_get(v, e);
	for (u32 i = 0; i < v->n_cpuid; i++)
		if (e[i].function == 1)
			assert_false(e[i].ecx & 1 << 27);
}

static void cr4_bits_need_their_feature(void **state)
{
	u64 all = X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_OSXSAVE | X86_CR4_FSGSBASE | X86_CR4_UMIP |
		  X86_CR4_PCIDE;

	assert_int_equal(cpuid_cr4_reserved(&v->cpu) & all, 0);
	assert_true(cpuid_cr4_reserved(&v->cpu) & X86_CR4_LA57);
	assert_int_equal(cpuid_set(v, NULL, 0), 0);
	assert_int_equal(cpuid_cr4_reserved(&v->cpu) & all, all);
	assert_int_equal(cpuid_xcr0_supported(v), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)

/* KVM_GET_CPUID2's answer may be given back, though bits in it moved. */
static void what_was_read_may_be_set_again_after_a_run(void **state)
{
	struct kvm_cpuid_entry2 e[CPUID_ENTRIES_MAX];
	u32 n = v->n_cpuid;

	v->ran = true;
	v->cpu.cr4 |= X86_CR4_OSXSAVE;
	v->cpu.xcr0 = 3;
	cpuid_get(v, e);
	assert_int_equal(cpuid_set(v, e, n), 0);
	v->cpu.cr4 &= ~(u64)X86_CR4_OSXSAVE;
	assert_int_equal(cpuid_set(v, e, n), 0);
	assert_int_equal(cpuid_set(v, e, n - 1), -EINVAL);
	for (u32 i = 0; i < n; i++)
		if (e[i].function == 7)
			e[i].ebx--;
	assert_int_equal(cpuid_set(v, e, n), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(supported_table_fits_old_clients), T(supported_is_at_least_x86_64_v2),
		T(vendor_and_hypervisor_are_named), T(features_are_what_was_said_and_is_there),
		T(set_refuses_odd_address_width), T(set_after_run_takes_only_the_same),
		T(set_without_memory_keeps_the_old), T(osxsave_follows_cr4),
		cmocka_unit_test_setup_teardown(what_was_read_may_be_set_again_after_a_run,
						vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(apic_bit_follows_apic_base, vm_setup_irqchip,
						vm_teardown),
		T(xsave_size_follows_xcr0), T(unknown_leaf_is_zero_on_amd),
		T(unknown_leaf_is_highest_basic_on_intel), T(topology_beyond_last_level_keeps_id),
		T(get_shows_runtime_bits), T(cr4_bits_need_their_feature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
