/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls beyond what every client uses: MSR exits, filters, register
 * synchronization, quirks, statistics. */
#include <sys/mman.h>
#include <unistd.h>
#include "core/api/msr_filter.h"
#include "core/api/provider.h"
#include "core/api/pv.h"
#include "core/api/stats.h"
#include "tests/unit/api_vm.h"

static long enable(u32 cap, u64 arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args = { arg } };

	return vm_call(KVM_ENABLE_CAP, &c);
}

/* --- MSRs --- */

#define UNKNOWN_MSR	0x12345u

static int guest_rdmsr(u32 index, u64 *val)
{
	return v->cpu.env->rdmsr(&v->cpu, index, val);
}

static int guest_wrmsr(u32 index, u64 val)
{
	return v->cpu.env->wrmsr(&v->cpu, index, val);
}

static void msr_exits_only_for_what_was_asked(void **state)
{
	u64 val;

	assert_int_equal(guest_rdmsr(UNKNOWN_MSR, &val), RUN_FAULT);
	assert_int_equal(v->cpu.exc.vector, X86_GP);
	assert_int_equal(enable(KVM_CAP_X86_USER_SPACE_MSR, 1u << 5), -EINVAL);
	assert_int_equal(enable(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_INVAL), 0);
	assert_int_equal(guest_rdmsr(UNKNOWN_MSR, &val), RUN_FAULT);
	assert_int_equal(guest_wrmsr(0x277, ~0ull), RUN_EXIT);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_X86_WRMSR);
	assert_int_equal(v->run->msr.reason, KVM_MSR_EXIT_REASON_INVAL);
	assert_int_equal(v->run->msr.index, 0x277);
	assert_true(v->run->msr.data == ~0ull);
}

static void msr_answer_is_taken_once(void **state)
{
	u64 val = 0;

	assert_int_equal(enable(KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN), 0);
	assert_int_equal(guest_rdmsr(UNKNOWN_MSR, &val), RUN_EXIT);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_X86_RDMSR);
	assert_true(v->io.msr_pending);
	v->io.msr_pending = false;	/* as vcpu_run() does */
	v->io.msr_done = true;
	assert_true(vcpu_replaying(v));
	v->run->msr.data = 77;
	assert_int_equal(guest_rdmsr(UNKNOWN_MSR, &val), RUN_OK);
	assert_int_equal(val, 77);
	v->run->msr.error = 1;
	assert_int_equal(guest_rdmsr(UNKNOWN_MSR, &val), RUN_FAULT);
	vcpu_io_retired(v);
	assert_false(vcpu_replaying(v));
	assert_int_equal(guest_rdmsr(UNKNOWN_MSR, &val), RUN_EXIT);
}

static void filter_denies_what_its_bitmap_leaves_out(void **state)
{
	static u8 bits[8] = { 0x02 };
	struct kvm_msr_filter f = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };

	f.ranges[3] = (struct kvm_msr_filter_range){ .flags = KVM_MSR_FILTER_READ, .base = 0x174,
						     .nmsrs = 3, .bitmap = bits };
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), 0);
	assert_false(msr_allowed(vm, 0x174, KVM_MSR_FILTER_READ));
	assert_true(msr_allowed(vm, 0x175, KVM_MSR_FILTER_READ));
	assert_false(msr_allowed(vm, 0x176, KVM_MSR_FILTER_READ));
	assert_true(msr_allowed(vm, 0x177, KVM_MSR_FILTER_READ));
	assert_true(msr_allowed(vm, 0x174, KVM_MSR_FILTER_WRITE));
	f.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), 0);
	assert_false(msr_allowed(vm, 0x10, KVM_MSR_FILTER_READ));
	assert_true(msr_allowed(vm, 0x802, KVM_MSR_FILTER_READ));
	/* User space itself is not filtered. */
	assert_int_equal(msr_read(v, 0x174, &(u64){ 0 }, true), 0);
}

static void bad_filters_leave_the_old_one(void **state)
{
	static u8 bits[8];
	struct kvm_msr_filter f = { .flags = KVM_MSR_FILTER_DEFAULT_DENY };

	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f.ranges[0] = (struct kvm_msr_filter_range){ .flags = 4, .nmsrs = 1, .bitmap = bits };
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f.ranges[0].flags = 0;
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f.ranges[0].flags = KVM_MSR_FILTER_READ;
	f.ranges[0].nmsrs = 0x600 * 8 + 1;
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f.ranges[0].nmsrs = ~0u;
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f.ranges[0].nmsrs = 8;
	f.ranges[0].bitmap = NULL;
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -EFAULT);
	f.ranges[0].bitmap = bits;
	f.flags = 2;
	assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -EINVAL);
	f.flags = KVM_MSR_FILTER_DEFAULT_DENY;
	for (long n = 0; n < 2; n++) {
		test_alloc_budget = n;
		assert_int_equal(vm_call(KVM_X86_SET_MSR_FILTER, &f), -ENOMEM);
		test_alloc_budget = -1;
	}
	assert_true(msr_allowed(vm, 0x10, KVM_MSR_FILTER_READ));
}

static void platform_info_can_be_hidden(void **state)
{
	u64 val;

	assert_int_equal(guest_rdmsr(0xce, &val), RUN_OK);
	assert_int_equal(enable(KVM_CAP_MSR_PLATFORM_INFO, 0), 0);
	assert_int_equal(guest_rdmsr(0xce, &val), RUN_FAULT);
	assert_int_equal(msr_read(v, 0xce, &val, true), 0);
}

/* --- registers in kvm_run --- */

static void sync_regs_refuses_unknown_sets(void **state)
{
	v->run->kvm_valid_regs = KVM_SYNC_X86_VALID_FIELDS + 1;
	assert_int_equal(vcpu_call(KVM_RUN, NULL), -EINVAL);
	v->run->kvm_valid_regs = 0;
	v->run->kvm_dirty_regs = 1ull << 40;
	assert_int_equal(vcpu_call(KVM_RUN, NULL), -EINVAL);
}

static void sync_regs_move_both_ways(void **state)
{
	struct kvm_sync_regs *s = &v->run->s.regs;

	vcpu_call(KVM_GET_REGS, &s->regs);
	s->regs.rbx = 0xbad1dea;
	v->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	v->run->kvm_valid_regs = KVM_SYNC_X86_VALID_FIELDS;
	v->run->immediate_exit = 1;
	assert_int_equal(vcpu_call(KVM_RUN, NULL), -EINTR);
	assert_int_equal(v->run->kvm_dirty_regs, 0);
	assert_int_equal(v->cpu.gpr[X86_RBX], 0xbad1dea);
	assert_int_equal(s->regs.rbx, 0xbad1dea);
	assert_int_equal(s->sregs.cs.selector, 0xf000);
	s->sregs.cr0 = 0x80000000;	/* paging without protection */
	v->run->kvm_dirty_regs = KVM_SYNC_X86_SREGS;
	assert_int_equal(vcpu_call(KVM_RUN, NULL), -EINVAL);
	assert_int_equal(v->run->kvm_dirty_regs, KVM_SYNC_X86_SREGS);
}

static void immediate_exit_keeps_the_last_reason(void **state)
{
	v->run->exit_reason = KVM_EXIT_IO;
	v->run->immediate_exit = 1;
	assert_int_equal(vcpu_call(KVM_RUN, NULL), -EINTR);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_IO);
	v->run->immediate_exit = 0;
	v->interrupted = true;
	assert_int_equal(vcpu_call(KVM_RUN, NULL), -EINTR);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_INTR);
}

/* --- events --- */

static void payloads_need_their_capability(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_PAYLOAD,
				     .exception = { .pending = 1, .nr = X86_PF },
				     .exception_has_payload = 1, .exception_payload = 0x5000 };

	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	assert_int_equal(enable(KVM_CAP_EXCEPTION_PAYLOAD, 1), 0);
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_true(v->exc_pending && v->exc.cr2 == 0x5000);
	memset(&e, 0, sizeof(e));
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_true(e.exception.pending && e.exception_has_payload && !e.exception.injected);
	assert_int_equal(e.exception_payload, 0x5000);
	e.exception.injected = 1;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
}

static void triple_fault_round_trip(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT,
				     .triple_fault = { .pending = 1 } };

	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	assert_int_equal(enable(KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1), 0);
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.triple_fault.pending, 1);
	assert_int_equal(vcpu_call(KVM_RUN, NULL), 0);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_SHUTDOWN);
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.triple_fault.pending, 0);
}

/* --- what CPUID says of KVM --- */

static void pv_msrs_obey_cpuid_when_told(void **state)
{
	struct kvm_enable_cap c = { .cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 } };
	u64 val;

	assert_int_equal(v->pv_features, PV_FEATURES);
	assert_int_equal(cpuid_set(v, NULL, 0), 0);
	assert_int_equal(guest_rdmsr(0x4b564d01, &val), RUN_OK);
	assert_int_equal(vcpu_call(KVM_ENABLE_CAP, &c), 0);
	assert_int_equal(guest_rdmsr(0x4b564d01, &val), RUN_FAULT);
	assert_int_equal(msr_read(v, 0x4b564d01, &val, true), 0);
	v->cpu.gpr[X86_RAX] = 5;	/* KVM_HC_KICK_CPU */
	v->cpu.cpl = 0;
	v->cpu.env->hypercall(&v->cpu);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -1000);
	c.cap = KVM_CAP_SPLIT_IRQCHIP;
	assert_int_equal(vcpu_call(KVM_ENABLE_CAP, &c), -EINVAL);
}

static void kvm_leaves_may_be_moved_up(void **state)
{
	const struct kvm_cpuid_entry2 e[] = {
		{ .function = 0x40000000, .ebx = 0x7263694d },
		{ .function = 0x40000100, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d },
		{ .function = 0x40000101, .eax = PV_UNHALT },
	};

	assert_int_equal(cpuid_set(v, e, ARRAY_SIZE(e)), 0);
	assert_int_equal(v->pv_features, PV_UNHALT);
}

/* --- quirks --- */

static void only_known_quirks_can_be_disabled(void **state)
{
	assert_int_equal(cap_value(KVM_CAP_DISABLE_QUIRKS2), API_QUIRKS);
	assert_int_equal(enable(KVM_CAP_DISABLE_QUIRKS2, 1u << 7), -EINVAL);
	assert_int_equal(enable(KVM_CAP_DISABLE_QUIRKS, 1u << 7), 0);
	assert_int_equal(enable(KVM_CAP_DISABLE_QUIRKS2, 1u << 6), 0);
	assert_true(v->cpu.env->quirk_off(&v->cpu, 1u << 6));
	assert_false(v->cpu.env->quirk_off(&v->cpu, 1u << 5));
}

static void misc_enable_switches_mwait_without_its_quirk(void **state)
{
	assert_int_equal(msr_write(v, 0x1a0, 1u << 18, true), 0);
	assert_false(x86_has(&v->cpu, XF_MONITOR));
	assert_int_equal(msr_write(v, 0x1a0, 0, true), 0);
	assert_int_equal(enable(KVM_CAP_DISABLE_QUIRKS2, 1u << 4), 0);
	assert_int_equal(msr_write(v, 0x1a0, 1u << 18, true), 0);
	assert_true(x86_has(&v->cpu, XF_MONITOR));
	assert_true(cpuid_find(v, 1, 0)->ecx & 8);
	assert_int_equal(msr_write(v, 0x1a0, 0, true), 0);
	assert_false(x86_has(&v->cpu, XF_MONITOR));
}

/* --- TSC offset, page limit --- */

static void tsc_offset_is_an_attribute(void **state)
{
	u64 off = 5000;
	struct kvm_device_attr a = { .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
				     .addr = (uintptr_t)&off };

	assert_int_equal(vcpu_call(KVM_HAS_DEVICE_ATTR, &a), 0);
	assert_int_equal(vcpu_call(KVM_SET_DEVICE_ATTR, &a), 0);
	assert_int_equal(vcpu_guest_tsc(v), host_tsc() + 5000);
	off = 0;
	assert_int_equal(vcpu_call(KVM_GET_DEVICE_ATTR, &a), 0);
	assert_int_equal(off, 5000);
	a.addr = 0;
	assert_int_equal(vcpu_call(KVM_SET_DEVICE_ATTR, &a), -EFAULT);
	a.attr = 1;
	assert_int_equal(vcpu_call(KVM_HAS_DEVICE_ATTR, &a), -ENXIO);
	assert_int_equal(vcpu_call(KVM_GET_DEVICE_ATTR, &a), -ENXIO);
	assert_int_equal(vcpu_call(KVM_SET_DEVICE_ATTR, &a), -ENXIO);
}

static void tsc_frequency_of_a_vm_is_of_vcpus_to_come(void **state)
{
	assert_int_equal(vm_call(KVM_GET_TSC_KHZ, NULL), host_tsc_khz());
	assert_int_equal(vm_call(KVM_SET_TSC_KHZ, (void *)0xffffffff), -EINVAL);
	assert_int_equal(vm_call(KVM_SET_TSC_KHZ, (void *)(uintptr_t)(host_tsc_khz() * 2)), 0);
	assert_int_equal(vm_call(KVM_GET_TSC_KHZ, NULL), host_tsc_khz() * 2);
	assert_int_equal(vcpu_call(KVM_GET_TSC_KHZ, NULL), host_tsc_khz());
	v = add_vcpu(1);
	assert_int_equal(vcpu_call(KVM_GET_TSC_KHZ, NULL), host_tsc_khz() * 2);
}

static void mmu_pages_are_only_kept(void **state)
{
	assert_int_equal(vm_call(KVM_SET_NR_MMU_PAGES, (void *)63), -EINVAL);
	assert_int_equal(vm_call(KVM_SET_NR_MMU_PAGES, (void *)64), 0);
	assert_int_equal(vm_call(KVM_GET_NR_MMU_PAGES, NULL), 64);
}

/* --- statistics --- */

static void stats_describe_themselves(void **state)
{
	static u8 file[STATS_BYTES_MAX];
	const struct kvm_stats_header *h = (void *)file;
	const struct kvm_stats_desc *d;
	u32 len;
	u64 exits;

	v->interrupted = true;
	vcpu_call(KVM_RUN, NULL);
	len = stats_vcpu(v, file);
	assert_string_equal((char *)file + h->id_offset, "kvm-vcpu-0");
	assert_int_equal(h->num_desc, STAT_COUNT + 2);
	assert_int_equal(h->data_offset + 8 * h->num_desc, len);
	d = (void *)(file + h->desc_offset);
	assert_string_equal(d->name, "exits");
	memcpy(&exits, file + h->data_offset + d->offset, 8);
	assert_int_equal(exits, 1);
	assert_true(stats_vm(vm, file) < STATS_BYTES_MAX);
}

static void stats_descriptors_each_have_their_position(void **state)
{
	const struct kvm_provider *soft = &kvm_provider_soft;
	int sys = soft->open(NULL), vmfd = soft->ioctl(sys, KVM_CREATE_VM, NULL);
	int cpu = soft->ioctl(vmfd, KVM_CREATE_VCPU, NULL);
	int a = soft->ioctl(cpu, KVM_GET_STATS_FD, NULL);
	int b = soft->ioctl(cpu, KVM_GET_STATS_FD, NULL), c = soft->ioctl(vmfd, KVM_GET_STATS_FD, NULL);
	struct kvm_stats_header x, y, z;

	assert_true(a >= 0 && b >= 0 && c >= 0 && a != b);
	assert_int_equal(read(a, &x, sizeof(x)), sizeof(x));
	assert_int_equal(read(b, &y, sizeof(y)), sizeof(y));
	assert_int_equal(read(c, &z, sizeof(z)), sizeof(z));
	assert_memory_equal(&x, &y, sizeof(x));
	assert_int_equal(write(a, &x, sizeof(x)), -1);
	assert_true(soft->ioctl(sys, KVM_GET_STATS_FD, NULL) < 0);
	close(a);
	close(b);
	close(c);
	soft->close(cpu);
	soft->close(vmfd);
	soft->close(sys);
}

/* --- machine checks --- */

#define MCI_VALID	(1ull << 63)
#define MCI_OVER	(1ull << 62)
#define MCI_UC		(1ull << 61)
#define MCI_PCC		(1ull << 57)
#define MCI_AR		(1ull << 55)

static long machine_check(u8 bank, u64 status, u64 mcg)
{
	struct kvm_x86_mce m = { .status = status, .addr = 1, .misc = 2, .mcg_status = mcg,
				 .bank = bank };

	return vcpu_call(KVM_X86_SET_MCE, &m);
}

static u64 bank_status(u32 bank)
{
	u64 val = 0;

	assert_int_equal(msr_read(v, 0x401 + 4 * bank, &val, true), 0);
	return val;
}

static void machine_check_becomes_pending(void **state)
{
	assert_int_equal(mce_setup(v, 8), 0);
	v->cpu.cr4 |= X86_CR4_MCE;
	assert_int_equal(machine_check(8, MCI_VALID, 0), -EINVAL);
	assert_int_equal(machine_check(0, MCI_UC, 0), -EINVAL);
	assert_int_equal(machine_check(7, MCI_VALID | MCI_UC | MCI_AR, 5), 0);
	assert_true(v->exc_pending);
	assert_int_equal(v->exc.vector, X86_MC);
	assert_false(v->exc.has_err);
	assert_true(bank_status(7) == (MCI_VALID | MCI_UC | MCI_AR));
	/* MCIP: no second one. */
	v->exc_pending = false;
	assert_int_equal(machine_check(6, MCI_VALID | MCI_UC | MCI_AR, 5), 0);
	assert_false(v->exc_pending);
	assert_true(v->requests & REQ_TRIPLE);
	assert_true(bank_status(6) == 0);
}

static void machine_check_is_logged_by_the_overwrite_rules(void **state)
{
	const u64 ucna = MCI_VALID | MCI_UC;

	assert_int_equal(mce_setup(v, 4 | MSR_MCG_CAP), 0);
	assert_int_equal(machine_check(1, MCI_VALID, 0), 0);
	assert_int_equal(machine_check(1, MCI_VALID | 3, 0), 0);
	assert_true(bank_status(1) == (MCI_VALID | MCI_OVER | 3));
	assert_int_equal(machine_check(1, ucna, 0), 0);	/* whatever was there */
	assert_true(bank_status(1) == ucna);
	assert_int_equal(machine_check(1, MCI_VALID | 4, 0), 0);
	assert_true(bank_status(1) == (ucna | MCI_OVER));
	assert_false(v->exc_pending);
	assert_int_equal(v->requests & REQ_TRIPLE, 0);
	/* Not reported: not even logged. */
	assert_int_equal(msr_write(v, 0x408, 0, true), 0);
	assert_int_equal(machine_check(2, ucna | MCI_PCC, 4), 0);
	assert_true(bank_status(2) == 0);
}

static void cmci_registers_are_user_spaces(void **state)
{
	u64 val = 1;

	assert_int_equal(mce_setup(v, 4), 0);
	assert_int_equal(msr_read(v, 0x280, &val, true), 0);
	assert_true(val == 0);
	assert_int_equal(msr_read(v, 0x284, &val, true), 1);
	assert_int_equal(msr_read(v, 0x280, &val, false), 1);
	assert_int_equal(msr_write(v, 0x283, 0, true), 0);
	assert_int_equal(msr_write(v, 0x283, 1, true), 1);
	assert_int_equal(msr_write(v, 0x283, 0, false), 1);
}

static void capability_msrs_follow_cpuid(void **state)
{
	u64 val;

	assert_int_equal(msr_feature_read(0x345, &val), 0);
	assert_true(val == 0);
	assert_int_equal(msr_feature_read(0x10a, &val), 0);
	assert_true(val & 1);
	assert_int_equal(msr_read(v, 0x10a, &val, false), 1);
	assert_int_equal(msr_write(v, 0x10a, 9, true), 0);
	assert_int_equal(msr_read(v, 0x10a, &val, true), 0);
	assert_true(val == 9);
	assert_int_equal(msr_write(v, 0x10a, 9, false), 1);
	assert_int_equal(msr_read(v, 0x345, &val, false), 1);
	assert_int_equal(msr_write(v, 0x345, 1, true), 1);
	assert_int_equal(msr_write(v, 0x345, 0, true), 0);
}

/* --- hypercalls --- */

static int map_range(u64 gpa, u64 pages)
{
	v->cpu.gpr[X86_RAX] = 12;
	v->cpu.gpr[X86_RBX] = gpa;
	v->cpu.gpr[X86_RCX] = pages;
	return v->cpu.env->hypercall(&v->cpu);
}

static void map_range_goes_to_user_space_when_asked(void **state)
{
	assert_int_equal(map_range(0x1000, 1), RUN_OK);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -1000);
	assert_int_equal(enable(KVM_CAP_EXIT_HYPERCALL, 1), -EINVAL);
	assert_int_equal(enable(KVM_CAP_EXIT_HYPERCALL, 1 << 12), 0);
	assert_int_equal(map_range(0x1001, 1), RUN_OK);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -22);
	assert_int_equal(map_range(0x1000, 0), RUN_OK);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -22);
	v->cpu.cpl = 3;
	assert_int_equal(map_range(0x1000, 1), RUN_OK);
	assert_int_equal((s32)v->cpu.gpr[X86_RAX], -1);
	v->cpu.cpl = 0;
	assert_int_equal(map_range(0x1000, 1), RUN_EXIT);
	assert_int_equal(v->run->exit_reason, KVM_EXIT_HYPERCALL);
	assert_true(v->io.call_pending);
	v->io.call_pending = false;		/* as vcpu_run() does */
	v->io.call_done = true;
	v->run->hypercall.ret = 5;
	assert_int_equal(v->cpu.env->hypercall(&v->cpu), RUN_OK);
	assert_int_equal(v->cpu.gpr[X86_RAX], 5);
	vcpu_io_retired(v);
	assert_false(vcpu_replaying(v));
}

/* --- older calls --- */

static void cpuid_of_the_first_form(void **state)
{
	union { struct kvm_cpuid h; u8 room[256]; } old = { .room = { 0 } };
	u32 out[4];

	old.h.nent = 2;
	old.h.entries[0] = (struct kvm_cpuid_entry){ .function = 0, .eax = 7, .ebx = 1 };
	old.h.entries[1] = (struct kvm_cpuid_entry){ .function = 7, .ebx = 0x1234 };
	test_alloc_budget = 0;
	assert_int_equal(vcpu_call(KVM_SET_CPUID, &old), -ENOMEM);
	test_alloc_budget = -1;
	assert_int_equal(vcpu_call(KVM_SET_CPUID, &old), 0);
	assert_int_equal(v->n_cpuid, 2);
	vcpu_cpuid(v, 7, 5, out);		/* no subleaves: any will do */
	assert_int_equal(out[1], 0x1234);
	old.h.nent = 0;
	assert_int_equal(vcpu_call(KVM_SET_CPUID, &old), 0);
	assert_int_equal(v->n_cpuid, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(msr_exits_only_for_what_was_asked), T(msr_answer_is_taken_once),
		T(filter_denies_what_its_bitmap_leaves_out), T(bad_filters_leave_the_old_one),
		T(platform_info_can_be_hidden), T(sync_regs_refuses_unknown_sets),
		T(sync_regs_move_both_ways), T(immediate_exit_keeps_the_last_reason),
		T(payloads_need_their_capability), T(triple_fault_round_trip),
		T(pv_msrs_obey_cpuid_when_told), T(kvm_leaves_may_be_moved_up),
		T(only_known_quirks_can_be_disabled),
		T(misc_enable_switches_mwait_without_its_quirk), T(tsc_offset_is_an_attribute),
		T(tsc_frequency_of_a_vm_is_of_vcpus_to_come), T(mmu_pages_are_only_kept),
		T(machine_check_becomes_pending),
		T(machine_check_is_logged_by_the_overwrite_rules),
		T(cmci_registers_are_user_spaces), T(capability_msrs_follow_cpuid),
		T(map_range_goes_to_user_space_when_asked), T(cpuid_of_the_first_form),
		T(stats_describe_themselves), T(stats_descriptors_each_have_their_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
