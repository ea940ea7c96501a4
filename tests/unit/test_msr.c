/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/mman.h>
#include "core/api/pv.h"
#include "tests/unit/api_vm.h"

#define HOST	true
#define GUEST	false

static u64 get(u32 idx)
{
	u64 val = 0xdead;

	assert_int_equal(msr_read(v, idx, &val, HOST), 0);
	return val;
}

static void list_can_be_read_and_set_back(void **state)
{
	u32 n = 0, idx;
	u64 val;

	for (; msr_list(n, &idx); n++) {
		assert_int_equal(msr_read(v, idx, &val, HOST), 0);
		assert_int_equal(msr_write(v, idx, val, HOST), 0);
		for (u32 k = 0, other; k < n; k++) {
			assert_true(msr_list(k, &other));
			assert_int_not_equal(idx, other);
		}
	}
	assert_in_range(n, 20, 120);
}

static void feature_msrs_have_values(void **state)
{
	u32 idx;
	u64 val = 0;

	assert_true(msr_feature_list(0, &idx));
	for (u32 i = 0; msr_feature_list(i, &idx); i++)
		assert_int_equal(msr_feature_read(idx, &val), 0);
	assert_int_equal(msr_feature_read(0xc0011029, &val), 0);
	assert_int_equal(val, 2);
	assert_int_equal(msr_feature_read(0x10, &val), 1);
}

static void unknown_msrs_fault(void **state)
{
	static const u32 idx[] = { 2, 0x3a, 0x48, 0x49, 0x10a, 0x210, 0x251, 0x480, 0x900,
				   0x40000000, 0xc0000085, 0xc0010040, 0xc0010141, 0xffffffff };
	u64 val = 1;

	for (u32 i = 0; i < ARRAY_SIZE(idx); i++) {
		assert_int_equal(msr_read(v, idx[i], &val, GUEST), 1);
		assert_int_equal(msr_write(v, idx[i], 1, GUEST), 1);
		assert_int_equal(val, 0);
	}
}

static void pat_and_mtrr_check_types(void **state)
{
	assert_int_equal(get(0x277), 0x0007040600070406);
	assert_int_equal(msr_write(v, 0x277, 0x0007010600070106, GUEST), 0);
	assert_int_equal(msr_write(v, 0x277, 0x0007010600070206, GUEST), 1);
	assert_int_equal(msr_write(v, 0x2ff, 0x806, GUEST), 0);
	assert_int_equal(msr_write(v, 0x2ff, 0xc07, GUEST), 1);
	assert_int_equal(msr_write(v, 0x2ff, 0x1006, GUEST), 1);
	assert_int_equal(msr_write(v, 0x250, 0x0606060606060606, GUEST), 0);
	assert_int_equal(msr_write(v, 0x250, 0x0606060606060602, GUEST), 1);
	assert_int_equal(msr_write(v, 0x26f, 0x0505050505050505, GUEST), 0);
	assert_int_equal(get(0x26f), 0x0505050505050505);
	assert_int_equal(get(0x250), 0x0606060606060606);
	assert_int_equal(msr_write(v, 0x200, 0x80000006, GUEST), 0);
	assert_int_equal(msr_write(v, 0x200, 0x80000106, GUEST), 1);
	assert_int_equal(msr_write(v, 0x201, (1ull << 48) - 0x1000 + 0x800, GUEST), 0);
	assert_int_equal(msr_write(v, 0x201, 1ull << 48, GUEST), 1);
	assert_int_equal(get(0xfe), 0x508);
	assert_int_equal(msr_write(v, 0xfe, 0, GUEST), 1);
}

static void addresses_must_be_canonical(void **state)
{
	static const u32 idx[] = { 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102 };

	for (u32 i = 0; i < ARRAY_SIZE(idx); i++) {
		assert_int_equal(msr_write(v, idx[i], 1ull << 47, GUEST), 1);
		assert_int_equal(msr_write(v, idx[i], 0xffff800000000000, GUEST), 0);
		assert_int_equal(get(idx[i]), 0xffff800000000000);
	}
	assert_int_equal(v->cpu.seg[X86_FS].base, 0xffff800000000000);
	assert_int_equal(v->cpu.eseg[X86_GS].base, 0xffff800000000000);
	/* These two are made so. */
	assert_int_equal(msr_write(v, 0x176, 1ull << 47, GUEST), 0);
	assert_int_equal(get(0x176), 0xffff800000000000);
}

static void some_are_for_user_space_only(void **state)
{
	u64 val;

	assert_int_equal(msr_write(v, 0x34, 7, GUEST), 1);
	assert_int_equal(msr_write(v, 0x34, 7, HOST), 0);
	assert_int_equal(msr_read(v, 0x34, &val, GUEST), 0);
	assert_int_equal(msr_read(v, 0x9e, &val, GUEST), 1);
	assert_int_equal(msr_write(v, 0x8b, 99, GUEST), 0);	/* ignored */
	assert_int_not_equal(get(0x8b), 99);
	assert_int_equal(msr_write(v, 0x8b, 99, HOST), 0);
	assert_int_equal(get(0x8b), 99);
}

static void amd_configuration(void **state)
{
	assert_int_equal(get(0xc0011029) & 2, 2);
	assert_int_equal(msr_write(v, 0xc0011029, 2, GUEST), 0);
	assert_int_equal(msr_write(v, 0xc0011029, 0, GUEST), 1);
	assert_int_equal(msr_write(v, 0xc0010015, 1 << 18 | 0x148, GUEST), 0);
	assert_int_equal(get(0xc0010015), 1 << 18);
	assert_int_equal(msr_write(v, 0xc0010015, 1, GUEST), 1);
	assert_int_equal(get(0xc0010010), 0);
	assert_int_equal(msr_write(v, 0xc0010010, 0, GUEST), 1);
	assert_int_equal(msr_write(v, 0xc0010117, 0x5000, GUEST), 0);
	assert_int_equal(msr_write(v, 0xc0010117, 0x5001, GUEST), 1);
	assert_int_equal(msr_write(v, 0xc0010000, 0x53, GUEST), 0);
	assert_int_equal(get(0xc0010000), 0);
}

static void misc_enable_keeps_read_only_bits(void **state)
{
	assert_int_equal(msr_write(v, 0x1a0, 1, GUEST), 1);	/* clears PEBS unavailable */
	assert_int_equal(msr_write(v, 0x1a0, 1 << 12 | 1 << 11 | 1, GUEST), 0);
	assert_int_equal(msr_write(v, 0x1a0, 1 << 12 | 1 << 11 | 1 << 7 | 1 << 3, GUEST), 0);
	assert_int_equal(get(0x1a0), 1 << 12 | 1 << 11 | 1 << 3);	/* no PMU, whatever is said */
	assert_int_equal(msr_write(v, 0x1a0, 1, HOST), 0);
	assert_int_equal(get(0x1a0), 1);
}

static void efer_from_user_space_keeps_lma(void **state)
{
	assert_int_equal(msr_write(v, 0xc0000080, 0xd01, HOST), 0);
	assert_int_equal(get(0xc0000080), 0x901);
	assert_int_equal(msr_write(v, 0xc0000080, 1ull << 20, HOST), 1);
}

static void tsc_aux_is_32_bits(void **state)
{
	assert_int_equal(msr_write(v, 0xc0000103, 0x1234567800000005, GUEST), 0);
	assert_int_equal(get(0xc0000103), 5);
	assert_int_equal(cpuid_set(v, NULL, 0), 0);
	assert_int_equal(msr_write(v, 0xc0000103, 1, GUEST), 1);
	assert_int_equal(msr_write(v, 0xc0000103, 1, HOST), 0);
}

static void tsc_write_moves_adjust(void **state)
{
	u64 was = get(0x10);

	assert_int_equal(was, 0);		/* starts with the vCPU */
	test_advance(500);
	assert_int_equal(get(0x10), 500);
	assert_int_equal(msr_write(v, 0x10, 10500, GUEST), 0);
	assert_int_equal(get(0x10), 10500);
	assert_int_equal(get(0x3b), 10000);
	assert_int_equal(msr_write(v, 0x3b, 0, GUEST), 0);
	assert_int_equal(get(0x10), 500);
	assert_int_equal(msr_write(v, 0x3b, 77, HOST), 0);	/* restores, moves nothing */
	assert_int_equal(get(0x10), 500);
}

static void tsc_set_from_outside_keeps_vcpus_together(void **state)
{
	struct vcpu *w = add_vcpu(1);
	u64 a, b;

	assert_int_equal(v->tsc_offset, w->tsc_offset);
	test_advance(1000);
	/* Restoring: both get the same value, a while apart. */
	assert_int_equal(msr_write(v, 0x10, 50000000000, HOST), 0);
	test_advance(7000);
	assert_int_equal(msr_write(w, 0x10, 50000000000, HOST), 0);
	msr_read(v, 0x10, &a, HOST);
	msr_read(w, 0x10, &b, HOST);
	assert_int_equal(a, b);
	assert_int_equal(a, 50000007000);
	/* Far off: meant so. */
	assert_int_equal(msr_write(w, 0x10, 90000000000, HOST), 0);
	msr_read(w, 0x10, &b, HOST);
	assert_int_equal(b, 90000000000);
}

static void machine_check_banks(void **state)
{
	u64 val;

	assert_int_equal(mce_setup(v, 0), -EINVAL);
	assert_int_equal(mce_setup(v, MSR_MCE_BANKS + 1), -EINVAL);
	assert_int_equal(mce_setup(v, 4 | 1 << 10), -EINVAL);
	assert_int_equal(msr_write(v, 0x17b, ~0ull, GUEST), 1);	/* no MCG_CTL yet */
	assert_int_equal(mce_setup(v, 4 | MSR_MCG_CAP), 0);
	assert_int_equal(get(0x179), 4 | MSR_MCG_CAP);
	assert_int_equal(get(0x17b), ~0ull);
	assert_int_equal(msr_write(v, 0x17b, 5, GUEST), 1);
	assert_int_equal(msr_write(v, 0x17b, 0, GUEST), 0);
	assert_int_equal(get(0x400), ~0ull);
	assert_int_equal(msr_read(v, 0x410, &val, GUEST), 1);	/* a fifth bank */
	assert_int_equal(msr_write(v, 0x400, 3, GUEST), 1);
	assert_int_equal(msr_write(v, 0x400, ~0ull ^ 1 << 10, GUEST), 0);
	assert_int_equal(msr_write(v, 0x401, 1, GUEST), 1);
	assert_int_equal(msr_write(v, 0x401, 1, HOST), 0);
	assert_int_equal(msr_write(v, 0xc0010015, 1 << 18, GUEST), 0);
	assert_int_equal(msr_write(v, 0x401, 2, GUEST), 0);
	assert_int_equal(get(0x401), 2);
	assert_int_equal(msr_write(v, 0x179, 0, HOST), 1);
}

static void apic_msrs_need_an_apic(void **state)
{
	u64 val;

	assert_int_equal(msr_read(v, 0x802, &val, GUEST), 1);
	assert_int_equal(get(0x6e0), 0);
	assert_int_equal(msr_write(v, 0x6e0, 5, GUEST), 0);
	assert_int_equal(get(0x6e0), 0);
	assert_int_equal(get(0x1b), 0xfee00900);
	assert_int_equal(msr_write(v, 0x1b, 1, GUEST), 1);
	assert_int_equal(msr_write(v, 0x1b, 0xfee00800, HOST), 0);
}

/* --- kvmclock --- */

struct pvti {
	u32 version, pad;
	u64 tsc, ns;
	u32 mul;
	s8 shift;
	u8 flags, pad2[2];
};

static u8 *ram;

static int clock_setup(void **state)
{
	struct kvm_userspace_memory_region r = { .memory_size = 0x10000 };

	assert_int_equal(vm_setup(state), 0);
	ram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	r.userspace_addr = (u64)(uintptr_t)ram;
	return slots_set(vm, &r);
}

static int clock_teardown(void **state)
{
	vm_teardown(state);
	munmap(ram, 0x10000);
	return 0;
}

static u64 guest_clock(const struct pvti *p)
{
	u64 delta = get(0x10) - p->tsc;

	delta = p->shift < 0 ? delta >> -p->shift : delta << p->shift;
	return p->ns + ((unsigned __int128)delta * p->mul >> 32);
}

static void kvmclock_page_tells_the_time(void **state)
{
	struct pvti *p = (void *)(ram + 0x100);
	u32 version;

	assert_int_equal(msr_write(v, 0x4b564d01, 0x101, GUEST), 0);
	assert_true(v->requests & REQ_CLOCK);
	assert_int_equal(p->version, 0);
	pv_clock_update(v);
	assert_int_equal(p->version & 1, 0);
	assert_int_not_equal(p->version, 0);
	assert_int_equal(p->flags, 1);
	version = p->version;
	test_advance(1234567890);
	assert_in_range(guest_clock(p), pv_clock_now(vm, NULL) - 2, pv_clock_now(vm, NULL) + 2);
	pv_clock_update(v);
	assert_true(p->version > version);
	pv_clock_set(vm, 5000000000);
	pv_clock_update(v);
	assert_in_range(guest_clock(p), 5000000000 - 2, 5000000000 + 2);
}

static void kvmclock_off_writes_nothing(void **state)
{
	assert_int_equal(msr_write(v, 0x12, 0x200, GUEST), 0);	/* bit 0 clear */
	pv_clock_update(v);
	assert_int_equal(((struct pvti *)(ram + 0x200))->version, 0);
	assert_int_equal(pv_clock_paused(v), -EINVAL);
	assert_int_equal(msr_write(v, 0x12, 0xfffff001, GUEST), 0);	/* no RAM there */
	pv_clock_update(v);
	assert_int_equal(get(0x12), 0xfffff001);
	assert_int_equal(get(0x4b564d01), 0xfffff001);
}

static void kvmclock_pause_is_told_once(void **state)
{
	struct pvti *p = (void *)(ram + 0x100);

	assert_int_equal(msr_write(v, 0x12, 0x101, GUEST), 0);
	assert_int_equal(pv_clock_paused(v), 0);
	pv_clock_update(v);
	assert_int_equal(p->flags, 3);
	p->flags = 1;			/* the guest has seen it */
	pv_clock_update(v);
	assert_int_equal(p->flags, 1);
}

static void wall_clock_is_the_boot_time(void **state)
{
	u32 *wc = (void *)(ram + 0x300);
	u64 boot;

	test_advance(3000000000);
	boot = host_wall_ns() - pv_clock_now(vm, NULL);
	assert_int_equal(msr_write(v, 0x4b564d00, 0x300, GUEST), 0);
	assert_int_equal(wc[0] & 1, 0);
	assert_int_equal((u64)wc[1] * 1000000000 + wc[2], boot);
	assert_int_equal(msr_write(v, 0x11, 0x7fffffff, HOST), 0);	/* no RAM: no harm */
}

static void poll_control_is_one_bit(void **state)
{
	assert_int_equal(msr_write(v, 0x4b564d05, 1, GUEST), 0);
	assert_int_equal(get(0x4b564d05), 1);
	assert_int_equal(msr_write(v, 0x4b564d05, 2, GUEST), 1);
	assert_int_equal(msr_write(v, 0x4b564d08, 1, GUEST), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)
#define C(f) cmocka_unit_test_setup_teardown(f, clock_setup, clock_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(list_can_be_read_and_set_back), T(feature_msrs_have_values),
		T(unknown_msrs_fault), T(pat_and_mtrr_check_types),
		T(addresses_must_be_canonical), T(some_are_for_user_space_only),
		T(amd_configuration), T(misc_enable_keeps_read_only_bits),
		T(efer_from_user_space_keeps_lma), T(tsc_aux_is_32_bits),
		T(tsc_write_moves_adjust), T(tsc_set_from_outside_keeps_vcpus_together),
		T(machine_check_banks), T(apic_msrs_need_an_apic),
		C(kvmclock_page_tells_the_time), C(kvmclock_off_writes_nothing),
		C(kvmclock_pause_is_told_once), C(wall_clock_is_the_boot_time),
		C(poll_control_is_one_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
