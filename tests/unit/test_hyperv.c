/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hyper-V's CPUID leaves, synthetic MSRs, and reference time. */
#include "tests/unit/hv_vm.h"

struct hv_list {
	struct kvm_cpuid2 c;
	struct kvm_cpuid_entry2 e[20];
};

static void cpuid_lists_ten_leaves_and_wants_room(void **state)
{
	static struct hv_list l, sys;

	l.c.nent = 9;
	assert_int_equal(vcpu_call(KVM_GET_SUPPORTED_HV_CPUID, &l), -E2BIG);
	l.c.nent = 20;
	assert_int_equal(vcpu_call(KVM_GET_SUPPORTED_HV_CPUID, &l), 0);
	assert_int_equal(l.c.nent, 10);
	assert_int_equal(l.e[0].eax, 0x40000082);
	assert_memory_equal(&l.e[0].ebx, "Linux KVM Hv", 12);
	assert_memory_equal(&l.e[1].eax, "Hv#1", 4);
	assert_int_equal(l.e[2].eax, 0x3839);
	assert_int_equal(l.e[9].function, 0x4000000a);
	assert_int_equal(l.e[9].eax, 1u << 19);
	sys.c.nent = 10;
	assert_int_equal(api_dispatch(&system_calls, (void *)&no_engine,
				      KVM_GET_SUPPORTED_HV_CPUID, &sys), 0);
	assert_memory_equal(&l, &sys, sizeof(sys));
}

static void without_an_apic_no_direct_timers_and_no_ipis(void **state)
{
	struct hv_list l = { .c.nent = 20 };
	struct lapic *a = v->apic;

	v->apic = NULL;
	assert_int_equal(hv_cpuid_supported(v, &l.c), 0);
	v->apic = a;
	assert_int_equal(l.e[3].edx & HVF_D_DIRECT, 0);
	assert_int_equal(l.e[4].eax & HVE_IPI, 0);
	l.c.nent = 20;
	assert_int_equal(hv_cpuid_supported(v, &l.c), 0);
	assert_int_not_equal(l.e[3].edx & HVF_D_DIRECT, 0);
}

static void guests_without_the_signature_have_no_such_msrs(void **state)
{
	u64 val;

	assert_int_equal(set_supported_cpuid(v), 0);
	assert_int_equal(guest_rd(HV_GUEST_OS_ID, &val), 1);
	assert_int_equal(guest_wr(HV_GUEST_OS_ID, 1), 1);
	assert_int_equal(host_wr(HV_GUEST_OS_ID, LINUX_ID), 0);
	assert_false(hv_has_hypercalls(v));
	set_hv_cpuid(v, false);
	assert_int_equal(guest_rd(HV_GUEST_OS_ID, &val), 0);
	assert_true(val == LINUX_ID);
	assert_true(hv_has_hypercalls(v));
}

static void listed_msrs_can_be_saved_and_restored(void **state)
{
	u32 idx, n = 0;
	u64 val;

	for (u32 i = 0; msr_list(i, &idx); i++) {
		if (idx >> 12 != 0x40000)
			continue;
		n++;
		assert_int_equal(msr_read(v, idx, &val, true), 0);
		assert_int_equal(msr_write(v, idx, val, true), 0);
	}
	assert_int_equal(n, 4 + 1 + 4 + 1 + 1 + 1 + 5 + 1 + 9);
}

static void numbers_without_an_msr_fault(void **state)
{
	static const u32 none[] = { 0x40000004, 0x40000011, 0x40000024, 0x40000074, 0x40000085,
				    0x4000009f + 1, 0x400000b8, 0x400000f0, 0x400000f6, 0x40000109 };
	u64 val;

	for (u32 i = 0; i < ARRAY_SIZE(none); i++) {
		assert_int_equal(msr_read(v, none[i], &val, true), 1);
		assert_int_equal(host_wr(none[i], 0), 1);
	}
}

static void enforced_msrs_need_their_bit(void **state)
{
	static const struct { u32 idx, eax, edx; } row[] = {
		{ HV_GUEST_OS_ID, HVF_HYPERCALL }, { HV_HYPERCALL, HVF_HYPERCALL },
		{ HV_VP_RUNTIME, HVF_RUNTIME }, { HV_TIME_REF_COUNT, HVF_TIME_REF },
		{ HV_VP_INDEX, HVF_VP_INDEX }, { HV_RESET, HVF_RESET },
		{ HV_REFERENCE_TSC, HVF_REF_TSC }, { HV_SCONTROL, HVF_SYNIC },
		{ HV_SINT15, HVF_SYNIC }, { HV_EOM, HVF_SYNIC },
		{ HV_STIMER0_CONFIG, HVF_STIMER }, { HV_STIMER3_COUNT, HVF_STIMER },
		{ HV_TPR, HVF_APIC }, { HV_VP_ASSIST_PAGE, HVF_APIC },
		{ HV_TSC_FREQUENCY, HVF_FREQUENCY }, { HV_APIC_FREQUENCY, HVF_FREQUENCY },
		{ HV_TSC_EMULATION, HVF_REENLIGHTEN }, { HV_REENLIGHTENMENT, HVF_REENLIGHTEN },
		{ HV_CRASH_P0, 0, HVF_D_CRASH }, { HV_CRASH_CTL, 0, HVF_D_CRASH },
		{ HV_DBG_STATUS, 0, HVF_D_DBG_MSRS }, { HV_DBG_OPTIONS, 0, HVF_D_DBG_MSRS },
	};
	u64 val;

	assert_int_equal(hv_synic_activate(v, true), 0);
	set_hv_cpuid(v, true);
	set_hv_feature(v, 0x40000082, HVD_ALLOWED, 0, 0);
	for (u32 i = 0; i < ARRAY_SIZE(row); i++) {
		enforce(true);
		set_hv_feature(v, 0x40000003, ~row[i].eax, 0, ~row[i].edx);
		assert_int_equal(guest_rd(row[i].idx, &val), 1);
		assert_int_equal(guest_wr(row[i].idx, 0), 1);
		assert_int_equal(msr_read(v, row[i].idx, &val, true), 0);
		set_hv_feature(v, 0x40000003, row[i].eax, 0, row[i].edx);
		assert_int_equal(guest_rd(row[i].idx, &val), 0);
		enforce(false);
		set_hv_feature(v, 0x40000003, 0, 0, 0);
		assert_int_equal(guest_rd(row[i].idx, &val), 0);
	}
}

static void debugger_msrs_need_the_debugger_too(void **state)
{
	u64 val;

	set_hv_feature(v, 0x40000082, 0, 0, 0);
	assert_int_equal(guest_rd(HV_DBG_STATUS, &val), 1);
	set_hv_feature(v, 0x40000082, HVD_ALLOWED, 0, 0);
	assert_int_equal(guest_rd(HV_DBG_STATUS, &val), 0);
	assert_int_equal(guest_wr(HV_DBG_SEND, 0x1000), 0);
	assert_int_equal(guest_wr(HV_DBG_CONTROL, 0x77), 0);
	assert_int_equal(run(v), KVM_EXIT_HYPERV);
	assert_int_equal(v->run->hyperv.type, KVM_EXIT_HYPERV_SYNDBG);
	assert_int_equal(v->run->hyperv.u.syndbg.msr, HV_DBG_CONTROL);
	assert_int_equal(v->run->hyperv.u.syndbg.control, 0x77);
	assert_int_equal(v->run->hyperv.u.syndbg.send_page, 0x1000);
	v->run->hyperv.u.syndbg.status = 5;
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(rd(HV_DBG_STATUS), 5);
}

static void hypercall_page_needs_an_owner_and_memory(void **state)
{
	static const u8 code[] = { 0x0f, 0x01, 0xd9, 0xc3 };

	assert_int_equal(guest_wr(HV_HYPERCALL, 0x3001), 0);
	assert_int_equal(rd(HV_HYPERCALL), 0);		/* nobody has said who it is */
	assert_int_equal(guest_wr(HV_GUEST_OS_ID, LINUX_ID), 0);
	assert_int_equal(guest_wr(HV_HYPERCALL, NO_RAM | 1), 1);
	assert_int_equal(guest_wr(HV_HYPERCALL, ~0ull), 1);
	assert_int_equal(rd(HV_HYPERCALL), 0);
	assert_int_equal(guest_wr(HV_HYPERCALL, 0x3001), 0);
	assert_memory_equal(ram + 0x3000, code, sizeof(code));
	assert_int_equal(host_wr(HV_HYPERCALL, 0x4001), 0);
	assert_memory_equal(ram + 0x4000, code, sizeof(code));
	assert_int_equal(guest_wr(HV_GUEST_OS_ID, 0), 0);
	assert_int_equal(rd(HV_HYPERCALL), 0x4000);
	assert_false(hv_has_hypercalls(v));
}

static void some_msrs_only_user_space_writes(void **state)
{
	static const u32 ro[] = { HV_VP_INDEX, HV_VP_RUNTIME, HV_TIME_REF_COUNT,
				  HV_TSC_FREQUENCY, HV_APIC_FREQUENCY };

	for (u32 i = 0; i < ARRAY_SIZE(ro); i++) {
		assert_int_equal(guest_wr(ro[i], 1), 1);
		assert_int_equal(host_wr(ro[i], 1), 0);
	}
	assert_int_equal(rd(HV_TSC_FREQUENCY), 1000000000);
	assert_int_equal(rd(HV_APIC_FREQUENCY), 1000000000);
	assert_int_equal(rd(HV_VP_INDEX), 1);
	assert_int_equal(host_wr(HV_VP_INDEX, VM_VCPUS_MAX), 1);
	assert_int_equal(host_wr(HV_VP_INDEX, ~0u), 1);
	assert_int_equal(rd(HV_VP_INDEX), 1);
	assert_int_equal(guest_wr(HV_TSC_EMULATION_STATUS, 1), 1);
	assert_int_equal(guest_wr(HV_TSC_EMULATION_STATUS, 0), 0);
	assert_int_equal(host_wr(HV_TSC_EMULATION_STATUS, 1), 0);
}

static void runtime_continues_where_it_was_set(void **state)
{
	assert_int_equal(host_wr(HV_VP_RUNTIME, 12345), 0);
	test_advance(1000);
	assert_int_equal(rd(HV_VP_RUNTIME), 12355);
}

static void assist_page_is_where_memory_is(void **state)
{
	struct kvm_userspace_memory_region rom = {
		.slot = 1, .flags = KVM_MEM_READONLY, .guest_phys_addr = 0x100000,
		.memory_size = 0x1000, .userspace_addr = (u64)ram,
	};

	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &rom), 0);
	memset(ram + 0x5000, 0xff, 0x1000);
	assert_int_equal(guest_wr(HV_VP_ASSIST_PAGE, NO_RAM | 1), 1);
	assert_int_equal(guest_wr(HV_VP_ASSIST_PAGE, 0x100001), 1);
	assert_int_equal(rd(HV_VP_ASSIST_PAGE), 0);
	assert_int_equal(guest_wr(HV_VP_ASSIST_PAGE, 0x5001), 0);
	assert_int_equal(*(u32 *)(ram + 0x5000), 0);
	assert_int_equal(*(u32 *)(ram + 0x5004), ~0u);	/* not ours */
	assert_int_equal(guest_wr(HV_VP_ASSIST_PAGE, NO_RAM), 0);	/* off */
	assert_true(rd(HV_VP_ASSIST_PAGE) == NO_RAM);
}

static void assist_page_spares_an_eoi(void **state)
{
	u32 *assist = (u32 *)(ram + 0x5000);

	assert_int_equal(guest_wr(HV_VP_ASSIST_PAGE, 0x5001), 0);
	assert_int_equal(guest_wr(HV_ICR, 0x81), 0);	/* to itself */
	assert_int_equal(vcpu_intr_ack(v), 0x81);
	lapic_pv_eoi_to_guest(v);
	assert_int_equal(*assist, 1);
	*assist = 0;					/* instead of an EOI */
	lapic_pv_eoi_from_guest(v);
	assert_false(lapic_test(v->apic, LAPIC_ISR, 0x81));
	assert_int_equal(guest_wr(HV_VP_ASSIST_PAGE, 0), 0);
	assert_int_equal(guest_wr(HV_ICR, 0x81), 0);
	assert_int_equal(vcpu_intr_ack(v), 0x81);
	lapic_pv_eoi_to_guest(v);
	assert_int_equal(*assist, 0);
}

/* --- events for user space --- */

static void crash_and_reset_end_the_run(void **state)
{
	assert_int_equal(guest_wr(HV_CRASH_P0, 0xdead), 0);
	assert_int_equal(guest_wr(HV_RESET, 0), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(guest_wr(HV_RESET, 1), 0);
	assert_int_equal(guest_wr(HV_CRASH_CTL, 1ull << 63), 0);
	assert_int_equal(run(v), KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(v->run->system_event.type, KVM_SYSTEM_EVENT_CRASH);
	assert_int_equal(run(v), KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(v->run->system_event.type, KVM_SYSTEM_EVENT_RESET);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(rd(HV_CRASH_P0), 0xdead);
	assert_int_equal(rd(HV_RESET), 0);
	assert_int_equal(host_wr(HV_CRASH_CTL, ~0ull), 0);
	assert_true(rd(HV_CRASH_CTL) == 1ull << 63);
	assert_int_equal(run(v), KVM_EXIT_HLT);
}

/* --- the local APIC by MSR --- */

static void apic_registers_work_in_both_modes(void **state)
{
	u64 val;

	assert_int_equal(guest_wr(HV_TPR, 0x50), 0);
	assert_int_equal(guest_rd(HV_TPR, &val), 0);
	assert_int_equal(val, 0x50);
	assert_int_equal(guest_wr(HV_TPR, 1ull << 32), 1);
	assert_int_equal(guest_wr(HV_TPR, 0), 0);
	assert_int_equal(guest_rd(HV_EOI, &val), 1);
	assert_int_equal(guest_wr(HV_ICR, 1ull << 56 | 0x81), 0);	/* xAPIC: in the top byte */
	assert_true(irr(cpu[1], 0x81));
	assert_false(irr(cpu[2], 0x81));
	assert_int_equal(guest_rd(HV_ICR, &val), 0);
	assert_true(val == (1ull << 56 | 0x81));
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(lapic_set_base(cpu[i], lapic_get_base(cpu[i]) | LAPIC_BASE_X2APIC,
						false), 0);
	assert_int_equal(guest_wr(HV_ICR, 2ull << 32 | 0x82), 0);
	assert_true(irr(cpu[2], 0x82));
	assert_int_equal(guest_wr(HV_ICR, 0x83), 0);
	assert_int_equal(vcpu_intr_ack(v), 0x83);
	assert_int_equal(guest_wr(HV_EOI, 1), 0);
	assert_false(lapic_test(v->apic, LAPIC_ISR, 0x83));
}

static void apic_registers_need_an_apic(void **state)
{
	struct lapic *a = v->apic;
	u64 val;

	v->apic = NULL;
	assert_int_equal(guest_wr(HV_EOI, 0), 1);
	assert_int_equal(guest_rd(HV_ICR, &val), 1);
	v->apic = a;
}

/* --- reference time --- */

struct tsc_page {
	u32 sequence, reserved;
	u64 scale, offset;
};

static u64 page_time(const struct tsc_page *p)
{
	return ((unsigned __int128)vcpu_guest_tsc(v) * p->scale >> 64) + p->offset;
}

static const struct tsc_page *page_on(void)
{
	assert_int_equal(guest_wr(HV_REFERENCE_TSC, 0x6001), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	return (const struct tsc_page *)(ram + 0x6000);
}

static void near(u64 a, u64 b)
{
	assert_in_range(a - b + 1, 0, 2);
}

static void reference_time_is_kvmclock_in_100_ns(void **state)
{
	u64 t = rd(HV_TIME_REF_COUNT);

	test_advance(123456700);
	near(rd(HV_TIME_REF_COUNT), t + 1234567);
	near(rd(HV_TIME_REF_COUNT), pv_clock_now(vm, NULL) / 100);
}

static void tsc_page_and_msr_agree(void **state)
{
	const struct tsc_page *p = page_on();
	struct kvm_clock_data clock = { .clock = 5000000000 };
	u32 sequence = p->sequence;

	assert_int_equal(sequence, 1);
	for (int i = 0; i < 100; i++) {
		assert_true(page_time(p) == rd(HV_TIME_REF_COUNT));
		test_advance(1000000007);
	}
	near(page_time(p), pv_clock_now(vm, NULL) / 100);
	assert_int_equal(vm_call(KVM_SET_CLOCK, &clock), 0);
	near(rd(HV_TIME_REF_COUNT), 50000000);	/* before the page is written again, too */
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(p->sequence, sequence + 1);
	near(page_time(p), 50000000);
	assert_true(page_time(p) == rd(HV_TIME_REF_COUNT));
}

static void tsc_page_follows_the_tsc(void **state)
{
	const struct tsc_page *p = page_on();
	u64 t = rd(HV_TIME_REF_COUNT);

	for (u32 i = 0; i < 3; i++)
		assert_int_equal(msr_write(cpu[i], 0x10, 1ull << 40, true), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	near(page_time(p), t);
	assert_int_equal(p->sequence, 2);
}

static void tsc_page_gives_up_where_tscs_differ(void **state)
{
	const struct tsc_page *p = page_on();
	u64 t = rd(HV_TIME_REF_COUNT);

	assert_int_equal(guest_wr(0x10, 1ull << 40), 0);	/* this vCPU's only */
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(p->sequence, 0);
	test_advance(1000000);
	near(rd(HV_TIME_REF_COUNT), t + 10000);
}

static void tsc_page_stays_during_tsc_emulation(void **state)
{
	struct kvm_clock_data clock = { .clock = 5000000000 };
	const struct tsc_page *p = page_on();
	struct tsc_page old = *p;

	assert_int_equal(guest_wr(HV_TSC_EMULATION, 1), 0);
	assert_int_equal(vm_call(KVM_SET_CLOCK, &clock), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_memory_equal(p, &old, sizeof(old));
	/* As after migration: the page that came with the memory is taken over. */
	assert_int_equal(host_wr(HV_REFERENCE_TSC, 0x6001), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_memory_equal(p, &old, sizeof(old));
	assert_true(page_time(p) == rd(HV_TIME_REF_COUNT));
	assert_int_equal(guest_wr(HV_TSC_EMULATION, 0), 0);
	assert_int_equal(vm_call(KVM_SET_CLOCK, &clock), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	near(page_time(p), 50000000);
}

static void tsc_page_outside_memory_harms_nobody(void **state)
{
	u64 t = rd(HV_TIME_REF_COUNT);

	assert_int_equal(guest_wr(HV_REFERENCE_TSC, NO_RAM | 1), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(guest_wr(HV_REFERENCE_TSC, ~0ull), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	near(rd(HV_TIME_REF_COUNT), t);
	assert_int_equal(page_on()->sequence, 1);
}

static void tsc_page_off_is_left_alone(void **state)
{
	struct kvm_clock_data clock = { 0 };
	const struct tsc_page *p = page_on();

	assert_int_equal(guest_wr(HV_REFERENCE_TSC, 0), 0);
	memset(ram + 0x6000, 0, sizeof(*p));
	assert_int_equal(vm_call(KVM_SET_CLOCK, &clock), 0);
	assert_int_equal(run(v), KVM_EXIT_HLT);
	assert_int_equal(p->sequence, 0);
	assert_int_equal(p->scale, 0);
}

static void sequence_skips_the_numbers_that_mean_no_page(void **state)
{
	const struct tsc_page *p = (void *)(ram + 0x6000);
	u32 max = ~0u - 1;

	memcpy(ram + 0x6000, &max, 4);
	page_on();
	assert_int_equal(p->sequence, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cpuid_lists_ten_leaves_and_wants_room),
		T(without_an_apic_no_direct_timers_and_no_ipis),
		T(guests_without_the_signature_have_no_such_msrs),
		T(listed_msrs_can_be_saved_and_restored), T(numbers_without_an_msr_fault),
		T(enforced_msrs_need_their_bit), T(debugger_msrs_need_the_debugger_too),
		T(hypercall_page_needs_an_owner_and_memory), T(some_msrs_only_user_space_writes),
		T(runtime_continues_where_it_was_set), T(assist_page_is_where_memory_is),
		T(assist_page_spares_an_eoi),
		T(crash_and_reset_end_the_run), T(apic_registers_work_in_both_modes),
		T(apic_registers_need_an_apic), T(reference_time_is_kvmclock_in_100_ns),
		T(tsc_page_and_msr_agree), T(tsc_page_follows_the_tsc),
		T(tsc_page_gives_up_where_tscs_differ), T(tsc_page_stays_during_tsc_emulation),
		T(tsc_page_outside_memory_harms_nobody), T(tsc_page_off_is_left_alone),
		T(sequence_skips_the_numbers_that_mean_no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
