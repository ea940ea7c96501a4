/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steal time, PV TLB flush, PV EOI, hypercalls, kvmclock, TSC scaling. */
#include <linux/kvm_para.h>
#include "core/api/tsc.h"
#include "tests/unit/pv_bed.h"

#define AT	0x2000u

static struct kvm_steal_time *steal_page(void)
{
	return (void *)(ram + AT);
}

static int leave(struct vcpu *x)
{
	return RUN_EXIT;
}

/* --- the MSRs --- */

static void msrs_are_listed_and_kept(void **state)
{
	static const u32 msrs[] = { 0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04,
				    0x4b564d05, 0x4b564d06, 0x4b564d07 };

	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		bool found = false;
		u32 idx;

		for (u32 k = 0; msr_list(k, &idx); k++)
			found |= idx == msrs[i];
		assert_true(found);
	}
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(host_rdmsr(MSR_KVM_STEAL_TIME), AT | 1);
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, AT | 1), 0);
	assert_int_equal(host_rdmsr(MSR_KVM_PV_EOI_EN), AT | 1);
}

static void msrs_are_hidden_without_their_feature(void **state)
{
	static const u32 msrs[] = { MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN };
	u64 val;

	v->pv_enforced = true;
	v->pv_features = 0;
	for (u32 i = 0; i < ARRAY_SIZE(msrs); i++) {
		assert_int_equal(msr_write(v, msrs[i], AT | 1, false), 1);
		assert_int_equal(msr_read(v, msrs[i], &val, false), 1);
	}
}

static void init_turns_everything_off(void **state)
{
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, AT | 1), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_SYSTEM_TIME_NEW, AT | 1), 0);
	lapic_accept(v->apic, LAPIC_DM_INIT, 0, false, true);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(host_rdmsr(MSR_KVM_STEAL_TIME), 0);
	assert_int_equal(host_rdmsr(MSR_KVM_PV_EOI_EN), 0);
	assert_int_equal(host_rdmsr(MSR_KVM_SYSTEM_TIME_NEW), 0);
}

/* --- steal time --- */

static void steal_time_bad_addresses_fault(void **state)
{
	for (u32 bit = 1; bit < 6; bit++)
		assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1 | 1u << bit), 1);
	assert_int_equal(host_rdmsr(MSR_KVM_STEAL_TIME), 0);
}

static void steal_time_counts_from_run_to_run(void **state)
{
	struct kvm_steal_time *st = steal_page();

	test_run_delay_ns = 1000;
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(st->steal, 1000);
	assert_int_equal(st->version, 2);
	test_run_delay_ns = 51000;
	test_advance(300000);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(st->steal, 51000);
	assert_int_equal(st->version, 4);
	assert_int_equal(st->preempted, 0);
	assert_int_equal(st->flags, 0);
}

static void steal_time_of_another_thread_goes_not_back(void **state)
{
	struct kvm_steal_time *st = steal_page();

	test_run_delay_ns = 5000;
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(bed_guest(leave), 0);
	test_run_delay_ns = 100;
	test_advance(2000000);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(st->steal, 5000);
	test_run_delay_ns = 150;
	test_advance(2000000);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(st->steal, 5050);
}

static void an_odd_version_is_put_right(void **state)
{
	steal_page()->version = 7;
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(steal_page()->version % 2, 0);
	assert_true(steal_page()->version > 7);
}

static void steal_time_outside_memory_is_ignored(void **state)
{
	static const u64 odd[] = { RAM_SIZE, 1ull << 40, ~0x3full, 0xfee00000 };

	for (u32 i = 0; i < ARRAY_SIZE(odd); i++) {
		assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, odd[i] | 1), 0);
		assert_int_equal(bed_guest(leave), 0);
	}
	/* A slot that goes while it is in use. */
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(bed_slot(0, 0, 0, 0), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(bed_slot(0, 0, RAM_SIZE, KVM_MEM_READONLY), 0);
	test_advance(2000000);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(steal_page()->version, 0);
}

static void without_a_run_delay_steal_time_is_not_offered(void **state)
{
	assert_true(pv_supported() & PV_STEAL_TIME);
	test_run_delay_ns = HOST_NO_RUN_DELAY;
	assert_false(pv_supported() & PV_STEAL_TIME);
	assert_true(pv_supported() & PV_EOI);
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 1);
}

/* --- preempted, and flushing the TLB of who is --- */

static int halt_once(struct vcpu *x)
{
	return guest_runs > 1 ? RUN_EXIT : RUN_HALT;
}

static void a_halted_vcpu_is_preempted(void **state)
{
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(bed_guest(halt_once), -EINTR);
	assert_int_equal(steal_page()->preempted, KVM_VCPU_PREEMPTED);
	v->mp_state = KVM_MP_STATE_RUNNABLE;
	flushes = 0;
	assert_int_equal(bed_guest(halt_once), 0);
	assert_int_equal(steal_page()->preempted, 0);
	assert_int_equal(flushes, 0);
}

static void a_flush_that_was_asked_for_comes_first(void **state)
{
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	assert_int_equal(bed_guest(halt_once), -EINTR);
	steal_page()->preempted |= KVM_VCPU_FLUSH_TLB;
	v->mp_state = KVM_MP_STATE_RUNNABLE;
	flushes = 0;
	assert_int_equal(bed_guest(halt_once), 0);
	assert_int_equal(flushes, 1);
	assert_int_equal(steal_page()->preempted, 0);
}

static void who_is_not_offered_a_flush_gets_none(void **state)
{
	v->pv_enforced = true;
	v->pv_features = PV_STEAL_TIME;
	assert_int_equal(host_wrmsr(MSR_KVM_STEAL_TIME, AT | 1), 0);
	steal_page()->preempted = KVM_VCPU_FLUSH_TLB | KVM_VCPU_PREEMPTED;
	flushes = 0;
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(flushes, 0);
	assert_int_equal(steal_page()->preempted, 0);
}

/* --- PV EOI --- */

#define VECTOR	0x51

static u8 in_service(void)
{
	return lapic_test(v->apic, LAPIC_ISR, VECTOR);
}

static void interrupt_ready(void)
{
	lapic_reg_write(v->apic, LAPIC_SVR, 0x1ff);
	lapic_accept(v->apic, LAPIC_DM_FIXED, VECTOR, false, true);
	/* Real mode, with a vector table of zeros and a stack. */
	v->cpu.gpr[X86_RSP] = 0x8000;
	v->cpu.idt.limit = 0x3ff;
	v->cpu.idt.base = 0;
	v->cpu.rflags |= X86_F_IF;
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, AT | 1), 0);
}

static int eoi_in_memory(struct vcpu *x)
{
	assert_int_equal(ram[AT], 1);
	assert_true(in_service());
	ram[AT] = 0;
	return RUN_EXIT;
}

static void an_eoi_in_memory_is_an_eoi(void **state)
{
	interrupt_ready();
	assert_int_equal(bed_guest(eoi_in_memory), 0);
	assert_false(in_service());
	assert_int_equal(lapic_reg(v->apic, LAPIC_PPR), 0);
}

static int handler_goes_on(struct vcpu *x)
{
	assert_int_equal(ram[AT], 1);
	return RUN_EXIT;
}

static void outside_of_run_the_offer_is_withdrawn(void **state)
{
	interrupt_ready();
	assert_int_equal(bed_guest(handler_goes_on), 0);
	assert_int_equal(ram[AT], 0);
	assert_true(in_service());
	/* And made again. */
	assert_int_equal(bed_guest(eoi_in_memory), 0);
	assert_false(in_service());
}

static int eoi_then_looks(struct vcpu *x)
{
	u32 isr;

	ram[AT] = 0;
	lapic_mmio_read(x, 0xfee00000 + (LAPIC_ISR + VECTOR / 32) * 16, &isr, 4);
	assert_int_equal(isr, 0);
	return RUN_EXIT;
}

static void the_apic_knows_when_it_is_looked_at(void **state)
{
	interrupt_ready();
	assert_int_equal(bed_guest(eoi_then_looks), 0);
}

static int eoi_at_the_apic(struct vcpu *x)
{
	const u32 zero = 0;

	assert_int_equal(ram[AT], 1);
	lapic_mmio_write(x, 0xfee00000 + LAPIC_EOI * 16, &zero, 4);
	assert_int_equal(ram[AT], 0);
	assert_false(in_service());
	return RUN_EXIT;
}

static void an_eoi_at_the_apic_is_one_eoi(void **state)
{
	interrupt_ready();
	v->apic->reg[LAPIC_ISR + 1] = 1;	/* vector 32 is below it */
	assert_int_equal(bed_guest(eoi_at_the_apic), 0);
	assert_true(lapic_test(v->apic, LAPIC_ISR, 32));
}

static int no_offer(struct vcpu *x)
{
	assert_int_equal(ram[AT], 0);
	return RUN_EXIT;
}

static void no_offer_when_more_is_waiting(void **state)
{
	interrupt_ready();
	lapic_accept(v->apic, LAPIC_DM_FIXED, 0x31, false, true);
	assert_int_equal(bed_guest(no_offer), 0);
}

static void no_offer_for_level_triggered(void **state)
{
	interrupt_ready();
	lapic_accept(v->apic, LAPIC_DM_FIXED, VECTOR, true, true);
	assert_int_equal(bed_guest(no_offer), 0);
}

static int turns_it_off(struct vcpu *x)
{
	ram[AT] = 0;
	assert_int_equal(msr_write(x, MSR_KVM_PV_EOI_EN, 0, false), 0);
	assert_false(in_service());
	return RUN_EXIT;
}

static void turning_it_off_keeps_the_eoi(void **state)
{
	interrupt_ready();
	assert_int_equal(bed_guest(turns_it_off), 0);
}

static void pv_eoi_bad_addresses_fault(void **state)
{
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, AT | 3), 1);
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, AT | 2), 1);
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, RAM_SIZE | 1), 1);
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, ~3ull | 1), 1);
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, RAM_SIZE), 0);
	assert_int_equal(bed_slot(1, RAM_SIZE, 4096, KVM_MEM_READONLY), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_PV_EOI_EN, RAM_SIZE | 1), 1);
}

static int memory_goes(struct vcpu *x)
{
	x->pv_eoi = RAM_SIZE | 1;	/* as if a slot had been there */
	return RUN_EXIT;
}

static void memory_that_went_is_an_eoi(void **state)
{
	interrupt_ready();
	assert_int_equal(bed_guest(memory_goes), 0);
	assert_false(in_service());
	assert_int_equal(bed_guest(leave), 0);
}

/* --- asynchronous page faults --- */

#define APF_MODE	(KVM_ASYNC_PF_ENABLED | KVM_ASYNC_PF_DELIVERY_AS_INT)
#define TOKEN		(*(u32 *)(ram + AT + 4))

static void all_are_ready_once_it_is_on(void **state)
{
	lapic_reg_write(v->apic, LAPIC_SVR, 0x1ff);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_INT, VECTOR), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, AT | APF_MODE), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(TOKEN, ~0u);
	assert_true(lapic_test(v->apic, LAPIC_IRR, VECTOR));
	/* Once. */
	TOKEN = 0;
	assert_int_equal(msr_write(v, MSR_KVM_ASYNC_PF_ACK, 1, false), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(TOKEN, 0);
}

static void a_token_waits_for_its_place(void **state)
{
	lapic_reg_write(v->apic, LAPIC_SVR, 0x1ff);
	TOKEN = 5;
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_INT, VECTOR), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, AT | APF_MODE), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(TOKEN, 5);
	TOKEN = 0;
	assert_int_equal(msr_write(v, MSR_KVM_ASYNC_PF_ACK, 0, false), 0);
	assert_int_equal(TOKEN, 0);
	assert_int_equal(msr_write(v, MSR_KVM_ASYNC_PF_ACK, 1, false), 0);
	assert_int_equal(TOKEN, ~0u);
	assert_int_equal(host_rdmsr(MSR_KVM_ASYNC_PF_ACK), 0);
}

static void switched_off_nothing_is_ready(void **state)
{
	lapic_reg_write(v->apic, LAPIC_SVR, 0x1ff);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, AT | APF_MODE), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, 0), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(TOKEN, 0);
	/* The old way, by #PF only, is no longer there. */
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, AT | KVM_ASYNC_PF_ENABLED), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(TOKEN, 0);
}

static void apf_msrs_are_checked(void **state)
{
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, AT | APF_MODE | 0x10), 1);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, AT | APF_MODE | 0x20), 1);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, RAM_SIZE | APF_MODE), 1);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, ~0x3full | APF_MODE), 1);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_INT, 0x100), 1);
	/* The slot goes with a token on its way. */
	lapic_reg_write(v->apic, LAPIC_SVR, 0x1ff);
	assert_int_equal(host_wrmsr(MSR_KVM_ASYNC_PF_EN, AT | APF_MODE), 0);
	assert_int_equal(bed_slot(0, 0, 0, 0), 0);
	assert_int_equal(bed_guest(leave), 0);
	v->pv_enforced = true;
	v->pv_features = PV_APF;
	assert_int_equal(msr_write(v, MSR_KVM_ASYNC_PF_EN, AT | APF_MODE, false), 1);
	assert_int_equal(msr_write(v, MSR_KVM_ASYNC_PF_INT, VECTOR, false), 1);
}

/* --- hypercalls --- */

static long enable(u32 cap, u64 arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return vm_call(KVM_ENABLE_CAP, &c);
}

static int maps_a_range(struct vcpu *x)
{
	int r;

	x->cpu.gpr[X86_RAX] = KVM_HC_MAP_GPA_RANGE;
	r = vcpu_hypercall(&x->cpu);
	if (r == RUN_OK && vcpu_replaying(x)) {
		vcpu_io_retired(x);
		return RUN_EXIT;
	}
	return r == RUN_OK ? RUN_EXIT : r;
}

static void range(u64 gpa, u64 pages)
{
	v->cpu.gpr[X86_RBX] = gpa;
	v->cpu.gpr[X86_RCX] = pages;
	v->cpu.gpr[X86_RDX] = 0x10;
}

static void map_gpa_range_goes_to_who_asked_for_it(void **state)
{
	range(0x3000, 2);
	assert_int_equal(bed_guest(maps_a_range), 0);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -1000);
	assert_int_equal(enable(KVM_CAP_EXIT_HYPERCALL, 1), -EINVAL);
	assert_int_equal(enable(KVM_CAP_EXIT_HYPERCALL, 1 << KVM_HC_MAP_GPA_RANGE), 0);
	assert_int_equal(bed_guest(maps_a_range), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HYPERCALL);
	assert_int_equal(v->run->hypercall.nr, KVM_HC_MAP_GPA_RANGE);
	assert_int_equal(v->run->hypercall.args[0], 0x3000);
	assert_int_equal(v->run->hypercall.args[1], 2);
	assert_int_equal(v->run->hypercall.args[2], 0x10);
	assert_int_equal(v->run->hypercall.longmode, 0);
	v->run->hypercall.ret = 77;
	assert_int_equal(bed_guest(maps_a_range), 0);
	assert_int_equal(v->cpu.gpr[X86_RAX], 77);
}

static void map_gpa_range_refuses_nonsense(void **state)
{
	static const u64 odd[][2] = { { 0x3001, 1 }, { 0x3000, 0 } };

	assert_int_equal(enable(KVM_CAP_EXIT_HYPERCALL, 1 << KVM_HC_MAP_GPA_RANGE), 0);
	for (u32 i = 0; i < ARRAY_SIZE(odd); i++) {
		range(odd[i][0], odd[i][1]);
		assert_int_equal(bed_guest(maps_a_range), 0);
		assert_int_equal((s32)v->cpu.gpr[X86_RAX], -22);
	}
	v->cpu.mode = X86_MODE64;
	range(0x3000, ~0ull);
	assert_int_equal(bed_guest(maps_a_range), 0);
	assert_int_equal((s64)v->cpu.gpr[X86_RAX], -22);
}

static int pairs_clocks(struct vcpu *x)
{
	x->cpu.gpr[X86_RAX] = KVM_HC_CLOCK_PAIRING;
	assert_int_equal(vcpu_hypercall(&x->cpu), RUN_OK);
	return RUN_EXIT;
}

static void clock_pairing_is_one_moment(void **state)
{
	struct kvm_clock_pairing *p = (void *)(ram + AT);

	v->cpu.gpr[X86_RBX] = AT;
	v->tsc_offset = 9;
	assert_int_equal(bed_guest(pairs_clocks), 0);
	assert_int_equal(v->cpu.gpr[X86_RAX], 0);
	assert_int_equal(p->sec, host_wall_ns() / 1000000000);
	assert_int_equal(p->tsc, test_tsc + 9);
	v->cpu.gpr[X86_RCX] = 1;
	assert_int_equal(bed_guest(pairs_clocks), 0);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -95);
	v->cpu.gpr[X86_RCX] = 0;
	v->cpu.gpr[X86_RBX] = RAM_SIZE - 8;
	assert_int_equal(bed_guest(pairs_clocks), 0);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -14);
}

/* --- kvmclock's flags --- */

static void a_stop_is_told_until_the_guest_has_seen_it(void **state)
{
	const u32 flags = AT + 29;

	assert_int_equal(host_wrmsr(MSR_KVM_SYSTEM_TIME_NEW, AT | 1), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(ram[flags], 1);
	assert_int_equal(vcpu_call(KVM_KVMCLOCK_CTRL, NULL), 0);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(ram[flags], 3);
	vcpu_request(v, REQ_CLOCK);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(ram[flags], 3);
	ram[flags] = 1;
	vcpu_request(v, REQ_CLOCK);
	assert_int_equal(bed_guest(leave), 0);
	assert_int_equal(ram[flags], 1);
}

/* --- TSC scaling --- */

static long set_khz(u32 khz)
{
	return vcpu_call(KVM_SET_TSC_KHZ, (void *)(uintptr_t)khz);
}

static void the_tsc_runs_at_the_frequency_set(void **state)
{
	u64 a;

	assert_int_equal(cap_value(KVM_CAP_TSC_CONTROL), 1);
	assert_int_equal(cap_value(KVM_CAP_VM_TSC_CONTROL), 1);
	assert_int_equal(set_khz(2500000), 0);
	assert_int_equal(vcpu_call(KVM_GET_TSC_KHZ, NULL), 2500000);
	a = vcpu_guest_tsc(v);
	test_advance(1000000);
	assert_int_equal(vcpu_guest_tsc(v) - a, 2500000);
	assert_int_equal(set_khz(10000), 0);
	a = vcpu_guest_tsc(v);
	test_advance(1000000);
	assert_in_range(vcpu_guest_tsc(v) - a, 9999, 10001);
	assert_int_equal(set_khz(0), 0);
	assert_int_equal(v->tsc_ratio, 1ull << 32);
}

static void frequencies_have_a_limit(void **state)
{
	/* Not quite 256 times the host's. */
	assert_int_equal(set_khz(255999998), 0);
	assert_int_equal(set_khz(255999999), -EINVAL);
	assert_int_equal(set_khz(~0u), -EINVAL);
	assert_int_equal(set_khz(1), 0);
	assert_int_equal(vm_call(KVM_SET_TSC_KHZ, (void *)0x7fffffff), -EINVAL);
}

static void what_is_near_the_hosts_frequency_is_not_scaled(void **state)
{
	assert_int_equal(set_khz(1000250), 0);
	assert_int_equal(v->tsc_ratio, 1ull << 32);
	assert_int_equal(set_khz(1000251), 0);
	assert_int_not_equal(v->tsc_ratio, 1ull << 32);
	assert_int_equal(set_khz(999749), 0);
	assert_int_not_equal(v->tsc_ratio, 1ull << 32);
}

static void writing_a_scaled_tsc_reads_back(void **state)
{
	assert_int_equal(set_khz(3000000), 0);
	assert_int_equal(host_wrmsr(0x10, 5000), 0);
	assert_int_equal(host_rdmsr(0x10), 5000);
	assert_int_equal(msr_write(v, 0x10, 7000, false), 0);
	assert_int_equal(host_rdmsr(0x10), 7000);
	assert_int_equal(host_rdmsr(0x3b), 2000);
	test_advance(1000);
	assert_int_equal(host_rdmsr(0x10), 10000);
}

static void only_vcpus_of_one_frequency_are_kept_together(void **state)
{
	struct vcpu *w;

	assert_int_equal(vm_create_vcpu(vm, 1, (void *)run_pages[1], &w), 0);
	assert_int_equal(set_khz(3000000), 0);
	assert_int_equal(host_wrmsr(0x10, 1ull << 50), 0);
	assert_int_equal(msr_write(w, 0x10, 1ull << 50, true), 0);
	assert_int_not_equal(v->tsc_offset, w->tsc_offset);
	assert_int_equal(tsc_set_khz(w, 3000000), 0);
	assert_int_equal(host_wrmsr(0x10, 1ull << 50), 0);
	assert_int_equal(msr_write(w, 0x10, (1ull << 50) + 100, true), 0);
	assert_int_equal(v->tsc_offset, w->tsc_offset);
}

static void a_scaled_deadline_comes_at_its_time(void **state)
{
	assert_int_equal(set_khz(2000000), 0);
	lapic_reg_write(v->apic, LAPIC_SVR, 0x1ff);
	lapic_reg_write(v->apic, LAPIC_LVTT, LAPIC_LVTT_DEADLINE | VECTOR);
	assert_int_equal(host_wrmsr(0x6e0, vcpu_guest_tsc(v) + 2000000), 0);
	test_advance(999000);
	assert_false(lapic_test(v->apic, LAPIC_IRR, VECTOR));
	test_advance(2000);
	assert_true(lapic_test(v->apic, LAPIC_IRR, VECTOR));
}

static void kvmclock_knows_the_scaled_frequency(void **state)
{
	const struct pvclock { u32 version, pad; u64 tsc, time; u32 mul; s8 shift; } *p =
		(void *)(ram + AT);
	u64 ns, delta;

	assert_int_equal(set_khz(2500000), 0);
	assert_int_equal(host_wrmsr(MSR_KVM_SYSTEM_TIME_NEW, AT | 1), 0);
	assert_int_equal(bed_guest(leave), 0);
	test_advance(5000000);
	delta = vcpu_guest_tsc(v) - p->tsc;
	delta = p->shift < 0 ? delta >> -p->shift : delta << p->shift;
	ns = p->time + (u64)((unsigned __int128)delta * p->mul >> 32);
	assert_in_range(ns, pv_clock_now(vm, NULL) - 2, pv_clock_now(vm, NULL) + 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(msrs_are_listed_and_kept), T(msrs_are_hidden_without_their_feature),
		T(init_turns_everything_off), T(steal_time_bad_addresses_fault),
		T(steal_time_counts_from_run_to_run), T(steal_time_of_another_thread_goes_not_back),
		T(an_odd_version_is_put_right), T(steal_time_outside_memory_is_ignored),
		T(without_a_run_delay_steal_time_is_not_offered), T(a_halted_vcpu_is_preempted),
		T(a_flush_that_was_asked_for_comes_first), T(who_is_not_offered_a_flush_gets_none),
		T(an_eoi_in_memory_is_an_eoi), T(outside_of_run_the_offer_is_withdrawn),
		T(the_apic_knows_when_it_is_looked_at), T(an_eoi_at_the_apic_is_one_eoi),
		T(no_offer_when_more_is_waiting), T(no_offer_for_level_triggered),
		T(turning_it_off_keeps_the_eoi), T(pv_eoi_bad_addresses_fault),
		T(memory_that_went_is_an_eoi),
		T(all_are_ready_once_it_is_on), T(a_token_waits_for_its_place),
		T(switched_off_nothing_is_ready), T(apf_msrs_are_checked),
		T(map_gpa_range_goes_to_who_asked_for_it), T(map_gpa_range_refuses_nonsense),
		T(clock_pairing_is_one_moment), T(a_stop_is_told_until_the_guest_has_seen_it),
		T(the_tsc_runs_at_the_frequency_set), T(frequencies_have_a_limit),
		T(what_is_near_the_hosts_frequency_is_not_scaled),
		T(writing_a_scaled_tsc_reads_back), T(only_vcpus_of_one_frequency_are_kept_together),
		T(a_scaled_deadline_comes_at_its_time), T(kvmclock_knows_the_scaled_frequency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
