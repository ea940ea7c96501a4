/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/mman.h>
#include <unistd.h>
#include "core/api/pv.h"
#include "core/api/provider.h"
#include "core/x86/flags.h"
#include "tests/unit/api_vm.h"

/* --- the dispatcher --- */

static void requests_are_told_apart_by_all_bits(void **state)
{
	/* These pairs share their number. */
	assert_int_equal(KVM_GET_TSC_KHZ & 0xff, KVM_ENABLE_CAP & 0xff);
	assert_int_equal(vcpu_call(KVM_GET_TSC_KHZ, NULL), 1000000);
	assert_int_equal(vm_call(KVM_GET_LAPIC, NULL), -ENOTTY);
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS & 0xffff, NULL), -EINVAL);
	assert_int_equal(api_dispatch(&system_calls, (void *)&no_engine, KVM_RUN, NULL), -EINVAL);
	assert_int_equal(vm_call(KVM_RUN, NULL), -ENOTTY);
}

static void tables_have_each_request_once(void **state)
{
	const struct api_table *t[] = { &system_calls, &vm_calls, &vcpu_calls };

	for (u32 k = 0; k < ARRAY_SIZE(t); k++)
		for (u32 i = 0; i < t[k]->n; i++)
			assert_ptr_equal(api_find(t[k], t[k]->row[i].nr), &t[k]->row[i]);
}

static void bad_pointers_are_efault(void **state)
{
	static const u32 vm_nr[] = { KVM_SET_USER_MEMORY_REGION, KVM_GET_DIRTY_LOG, KVM_IRQFD,
				     KVM_GET_CLOCK, KVM_SET_CLOCK, KVM_ENABLE_CAP,
				     KVM_SET_GSI_ROUTING, KVM_REINJECT_CONTROL };
	static const u32 vcpu_nr[] = { KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS,
				       KVM_SET_CPUID2, KVM_GET_MSRS, KVM_SET_MSRS, KVM_GET_XSAVE,
				       KVM_SET_XSAVE, KVM_GET_VCPU_EVENTS, KVM_TRANSLATE };

	for (u32 i = 0; i < ARRAY_SIZE(vm_nr); i++) {
		assert_int_equal(vm_call(vm_nr[i], NULL), -EFAULT);
		assert_int_equal(vm_call(vm_nr[i], (void *)0x1000), -EFAULT);
	}
	for (u32 i = 0; i < ARRAY_SIZE(vcpu_nr); i++) {
		assert_int_equal(vcpu_call(vcpu_nr[i], NULL), -EFAULT);
		assert_int_equal(vcpu_call(vcpu_nr[i], (void *)(1ull << 62)), -EFAULT);
	}
}

static void tail_may_not_reach_beyond_what_is_mapped(void **state)
{
	u8 *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_msrs *m = (void *)(p + 4096 - sizeof(*m) - sizeof(m->entries[0]));

	munmap(p + 4096, 4096);
	m->nmsrs = 1;
	m->entries[0].index = 0x10;
	assert_int_equal(vcpu_call(KVM_GET_MSRS, m), 1);
	m->nmsrs = 2;
	assert_int_equal(vcpu_call(KVM_GET_MSRS, m), -EFAULT);
	m->nmsrs = 256;
	assert_int_equal(vcpu_call(KVM_GET_MSRS, m), -E2BIG);
	m->nmsrs = 0;
	assert_int_equal(vcpu_call(KVM_GET_MSRS, m), 0);
	munmap(p, 4096);
}

static void large_arguments_need_memory(void **state)
{
	static struct kvm_xsave x;

	test_alloc_budget = 0;
	assert_int_equal(vcpu_call(KVM_GET_XSAVE, &x), -ENOMEM);
	test_alloc_budget = -1;
	assert_int_equal(vcpu_call(KVM_GET_XSAVE, &x), 0);
}

/* --- system --- */

static long sys_call(u32 nr, void *arg)
{
	return api_dispatch(&system_calls, (void *)&no_engine, nr, arg);
}

static void system_constants(void **state)
{
	assert_int_equal(sys_call(KVM_GET_API_VERSION, NULL), 12);
	assert_int_equal(sys_call(KVM_GET_API_VERSION, (void *)1), -EINVAL);
	assert_int_equal(sys_call(KVM_GET_VCPU_MMAP_SIZE, NULL), 3 * 4096);
	assert_int_equal(sys_call(KVM_GET_VCPU_MMAP_SIZE, (void *)1), -EINVAL);
}

static void capabilities_of_the_union_set(void **state)
{
	static const u16 need[] = {
		KVM_CAP_IRQCHIP, KVM_CAP_HLT, KVM_CAP_USER_MEMORY, KVM_CAP_SET_TSS_ADDR,
		KVM_CAP_EXT_CPUID, KVM_CAP_NR_VCPUS, KVM_CAP_NR_MEMSLOTS, KVM_CAP_MAX_VCPUS,
		KVM_CAP_MP_STATE, KVM_CAP_COALESCED_MMIO, KVM_CAP_DESTROY_MEMORY_REGION_WORKS,
		KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, KVM_CAP_USER_NMI, KVM_CAP_IRQ_ROUTING,
		KVM_CAP_IRQ_INJECT_STATUS, KVM_CAP_MCE, KVM_CAP_IRQFD, KVM_CAP_PIT2,
		KVM_CAP_PIT_STATE2, KVM_CAP_IOEVENTFD, KVM_CAP_SET_IDENTITY_MAP_ADDR,
		KVM_CAP_ADJUST_CLOCK, KVM_CAP_VCPU_EVENTS, KVM_CAP_DEBUGREGS, KVM_CAP_XSAVE,
		KVM_CAP_XCRS, KVM_CAP_GET_TSC_KHZ, KVM_CAP_TSC_DEADLINE_TIMER,
		KVM_CAP_SIGNAL_MSI, KVM_CAP_READONLY_MEM, KVM_CAP_CHECK_EXTENSION_VM,
		KVM_CAP_ENABLE_CAP_VM, KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_SYNC_MMU,
	};

	for (u32 i = 0; i < ARRAY_SIZE(need); i++) {
		assert_true(cap_value(need[i]) > 0);
		assert_int_equal(vm_call(KVM_CHECK_EXTENSION, (void *)(uintptr_t)need[i]),
				 sys_call(KVM_CHECK_EXTENSION, (void *)(uintptr_t)need[i]));
	}
	assert_int_equal(cap_value(KVM_CAP_IMMEDIATE_EXIT), 1);
	assert_int_equal(cap_value(KVM_CAP_X86_SMM), 1);
	assert_int_equal(cap_value(KVM_CAP_MULTI_ADDRESS_SPACE), 2);
	assert_int_equal(cap_value(0xffffffff), 0);
}

static void msr_list_says_how_many(void **state)
{
	struct kvm_msr_list head = { 0 };
	struct kvm_msr_list *l;
	u32 n;

	assert_int_equal(sys_call(KVM_GET_MSR_INDEX_LIST, &head), -E2BIG);
	n = head.nmsrs;
	assert_true(n > 10);
	l = calloc(1, sizeof(*l) + (n + 1) * sizeof(u32));
	l->nmsrs = n - 1;
	assert_int_equal(sys_call(KVM_GET_MSR_INDEX_LIST, l), -E2BIG);
	assert_int_equal(l->nmsrs, n);
	l->nmsrs = n + 1;
	l->indices[n] = 0x55;
	assert_int_equal(sys_call(KVM_GET_MSR_INDEX_LIST, l), 0);
	assert_int_equal(l->nmsrs, n);
	assert_int_equal(l->indices[n], 0x55);
	free(l);
}

static void supported_cpuid_wants_room(void **state)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 256 * sizeof(c->entries[0]));

	assert_int_equal(sys_call(KVM_GET_SUPPORTED_CPUID, c), -E2BIG);
	c->nent = 3;
	assert_int_equal(sys_call(KVM_GET_SUPPORTED_CPUID, c), -E2BIG);
	assert_int_equal(c->nent, 3);
	c->nent = 256;
	assert_int_equal(sys_call(KVM_GET_SUPPORTED_CPUID, c), 0);
	assert_in_range(c->nent, 10, 80);
	free(c);
}

static void system_feature_msrs(void **state)
{
	struct kvm_msrs *m = calloc(1, sizeof(*m) + 2 * sizeof(m->entries[0]));
	u64 cap = 0;

	m->nmsrs = 2;
	m->entries[0].index = 0xc0011029;
	m->entries[1].index = 0x10;
	assert_int_equal(sys_call(KVM_GET_MSRS, m), 1);
	assert_int_equal(m->entries[0].data, 2);
	free(m);
	assert_int_equal(sys_call(KVM_X86_GET_MCE_CAP_SUPPORTED, &cap), 0);
	assert_true(cap & MSR_MCG_CAP);
}

/* --- VM --- */

static void vm_creation_survives_failing_allocations(void **state)
{
	struct vm *x = NULL;
	int err = -ENOMEM;

	for (long n = 0; err; n++) {
		test_alloc_budget = n;
		err = vm_new(&engine_soft, &x);
		test_alloc_budget = -1;
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_null(x);
		}
	}
	vm_free(x);
}

static void vcpu_creation_survives_failing_allocations(void **state)
{
	struct vcpu *x = NULL;
	struct vm *m;
	int err = -ENOMEM;

	assert_int_equal(vm_new(&engine_soft, &m), 0);
	assert_int_equal(irqs_create(m), 0);
	for (long n = 0; err; n++) {
		test_alloc_budget = n;
		err = vm_create_vcpu(m, 0, (void *)run_pages[0], &x);
		test_alloc_budget = -1;
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(m->n_vcpus, 0);
		}
	}
	vm_free(m);
}

static void irqchip_creation_survives_failing_allocations(void **state)
{
	int err = -ENOMEM;

	vm_free(vm);
	assert_int_equal(vm_new(&no_engine, &vm), 0);
	for (long n = 0; err; n++) {
		test_alloc_budget = n;
		err = vm_call(KVM_CREATE_IRQCHIP, NULL);
		test_alloc_budget = -1;
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(vm->irqs.mode, IRQCHIP_NONE);
		}
	}
	assert_int_equal(vm_call(KVM_CREATE_IRQCHIP, NULL), -EEXIST);
}

static void vcpu_ids_are_checked(void **state)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MAX_VCPU_ID, .args = { 8 } };
	struct vcpu *x;

	assert_int_equal(vm_create_vcpu(vm, VM_VCPU_IDS_MAX, (void *)run_pages[1], &x), -EINVAL);
	assert_int_equal(vm_create_vcpu(vm, 0, (void *)run_pages[1], &x), -EEXIST);
	/* Too late: the first vCPU settled it. */
	assert_int_equal(vm_call(KVM_ENABLE_CAP, &cap), -EINVAL);
	vm_free(vm);
	assert_int_equal(vm_new(&no_engine, &vm), 0);
	assert_int_equal(vm_call(KVM_ENABLE_CAP, &cap), 0);
	assert_int_equal(vm_create_vcpu(vm, 8, (void *)run_pages[1], &x), -EINVAL);
	assert_int_equal(vm_create_vcpu(vm, 7, (void *)run_pages[1], &x), 0);
	assert_ptr_equal(vm_vcpu_by_id(vm, 7), x);
	assert_null(vm_vcpu_by_id(vm, 1));
	cap.args[0] = 9;
	assert_int_equal(vm_call(KVM_ENABLE_CAP, &cap), -EINVAL);
}

static void vm_settings_come_before_vcpus(void **state)
{
	u64 addr = 0xfeffc000;

	assert_int_equal(vm_call(KVM_SET_IDENTITY_MAP_ADDR, &addr), -EINVAL);
	assert_int_equal(vm_call(KVM_SET_BOOT_CPU_ID, (void *)1), -EBUSY);
	assert_int_equal(vm_call(KVM_CREATE_IRQCHIP, NULL), -EINVAL);
	assert_int_equal(vm_call(KVM_SET_TSS_ADDR, (void *)0xfffffffful), -EINVAL);
	assert_int_equal(vm_call(KVM_SET_TSS_ADDR, (void *)0xfffbd000ul), 0);
}

static void enable_cap_refuses_what_it_does_not_know(void **state)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X2APIC_API, .args = { 4 } };

	assert_int_equal(vm_call(KVM_ENABLE_CAP, &cap), -EINVAL);
	cap.args[0] = 3;
	assert_int_equal(vm_call(KVM_ENABLE_CAP, &cap), 0);
	cap.flags = 1;
	assert_int_equal(vm_call(KVM_ENABLE_CAP, &cap), -EINVAL);
	cap = (struct kvm_enable_cap){ .cap = KVM_CAP_SGX_ATTRIBUTE };
	assert_int_equal(vm_call(KVM_ENABLE_CAP, &cap), -EINVAL);
}

static void interrupt_calls_need_a_controller(void **state)
{
	struct kvm_irq_level line = { .irq = 4, .level = 1 };
	struct kvm_msi msi = { .address_lo = 0xfee00000 };
	struct kvm_irq_routing routes = { 0 };
	struct kvm_irqchip chip = { .chip_id = 0 };
	struct kvm_pit_config pit = { 0 };
	struct kvm_pit_state2 st;
	struct kvm_lapic_state lapic;
	struct kvm_vapic_addr va = { 0 };

	assert_int_equal(vm_call(KVM_IRQ_LINE, &line), -ENXIO);
	assert_int_equal(vm_call(KVM_IRQ_LINE_STATUS, &line), -ENXIO);
	assert_int_equal(vm_call(KVM_SIGNAL_MSI, &msi), -EINVAL);
	assert_int_equal(vm_call(KVM_SET_GSI_ROUTING, &routes), -EINVAL);
	assert_int_equal(vm_call(KVM_GET_IRQCHIP, &chip), -ENXIO);
	assert_int_equal(vm_call(KVM_SET_IRQCHIP, &chip), -ENXIO);
	assert_int_equal(vm_call(KVM_CREATE_PIT2, &pit), -ENOENT);
	assert_int_equal(vm_call(KVM_GET_PIT2, &st), -ENXIO);
	assert_int_equal(vcpu_call(KVM_GET_LAPIC, &lapic), -EINVAL);
	assert_int_equal(vcpu_call(KVM_SET_VAPIC_ADDR, &va), -EINVAL);
}

static void interrupt_calls_with_a_controller(void **state)
{
	struct kvm_irq_level line = { .irq = 4, .level = 1 };
	struct kvm_irqchip chip = { .chip_id = 7 };
	struct kvm_pit_config pit = { 0 };
	struct kvm_pit_state2 st;
	static struct kvm_lapic_state lapic;
	struct kvm_interrupt intr = { .irq = 32 };
	struct kvm_irq_routing routes = { .nr = 4097 };

	assert_int_equal(vm_call(KVM_IRQ_LINE, &line), 0);
	assert_int_equal(vm_call(KVM_IRQ_LINE_STATUS, &line), 0);
	assert_int_equal(vm_call(KVM_GET_IRQCHIP, &chip), -EINVAL);
	chip.chip_id = 2;
	assert_int_equal(vm_call(KVM_GET_IRQCHIP, &chip), 0);
	assert_int_equal(vm_call(KVM_SET_IRQCHIP, &chip), 0);
	assert_int_equal(vm_call(KVM_CREATE_PIT2, &pit), 0);
	assert_int_equal(vm_call(KVM_CREATE_PIT2, &pit), -EEXIST);
	assert_int_equal(vm_call(KVM_CREATE_PIT, NULL), -EEXIST);
	assert_int_equal(vm_call(KVM_GET_PIT2, &st), 0);
	assert_int_equal(vm_call(KVM_SET_PIT2, &st), 0);
	assert_int_equal(vm_call(KVM_SET_GSI_ROUTING, &routes), -EINVAL);
	assert_int_equal(vcpu_call(KVM_GET_LAPIC, &lapic), 0);
	assert_int_equal(vcpu_call(KVM_SET_LAPIC, &lapic), 0);
	assert_int_equal(vcpu_call(KVM_INTERRUPT, &intr), -ENXIO);
}

static void clock_is_set_and_goes_on(void **state)
{
	struct kvm_clock_data d = { .clock = 5000 };

	assert_int_equal(vm_call(KVM_SET_CLOCK, &d), 0);
	test_advance(1000);
	assert_int_equal(vm_call(KVM_GET_CLOCK, &d), 0);
	assert_in_range(d.clock, 5998, 6002);
	assert_int_equal(d.flags & KVM_CLOCK_TSC_STABLE, KVM_CLOCK_TSC_STABLE);
	d.flags = 1;
	assert_int_equal(vm_call(KVM_SET_CLOCK, &d), -EINVAL);
	/* A snapshot from 700 ns ago. */
	d = (struct kvm_clock_data){ .clock = 10000, .flags = KVM_CLOCK_REALTIME,
				     .realtime = host_wall_ns() - 700 };
	assert_int_equal(vm_call(KVM_SET_CLOCK, &d), 0);
	assert_in_range(pv_clock_now(vm, NULL), 10698, 10702);
	d.realtime = host_wall_ns() + 999999;
	assert_int_equal(vm_call(KVM_SET_CLOCK, &d), 0);
	assert_in_range(pv_clock_now(vm, NULL), 9998, 10002);
}

/* --- vCPU --- */

static void regs_round_trip(void **state)
{
	struct kvm_regs a, b;

	for (u32 i = 0; i < sizeof(a) / 8; i++)
		((u64 *)&a)[i] = 0x1111111111111111ull * (i % 15 + 1);
	a.rflags = X86_F_CF | X86_F_ZF | X86_F_OF | X86_F_IF | X86_F_1;
	assert_int_equal(vcpu_call(KVM_SET_REGS, &a), 0);
	assert_int_equal(v->cpu.gpr[X86_RBX], a.rbx);
	assert_int_equal(v->cpu.gpr[X86_RIP], a.rip);
	assert_true(x86_cf(&v->cpu));
	assert_int_equal(vcpu_call(KVM_GET_REGS, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(state_changes > 0);
	a.rflags = 0;
	assert_int_equal(vcpu_call(KVM_SET_REGS, &a), 0);
	assert_int_equal(vcpu_call(KVM_GET_REGS, &b), 0);
	assert_int_equal(b.rflags, X86_F_1);
}

static void moving_rip_forgets_unfinished_io(void **state)
{
	struct kvm_regs r;

	assert_int_equal(vcpu_call(KVM_GET_REGS, &r), 0);
	v->io.pio_pending = true;
	v->io.n = 1;
	assert_int_equal(vcpu_call(KVM_SET_REGS, &r), 0);
	assert_true(v->io.pio_pending);
	r.rip++;
	assert_int_equal(vcpu_call(KVM_SET_REGS, &r), 0);
	assert_false(v->io.pio_pending);
	assert_int_equal(v->io.n, 0);
}

static void sregs_start_as_after_reset(void **state)
{
	struct kvm_sregs s;

	assert_int_equal(vcpu_call(KVM_GET_SREGS, &s), 0);
	assert_int_equal(s.cs.selector, 0xf000);
	assert_int_equal(s.cs.base, 0xffff0000);
	assert_int_equal(s.cs.limit, 0xffff);
	assert_int_equal(s.cs.present, 1);
	assert_int_equal(s.tr.type, 11);
	assert_int_equal(s.cr0, X86_CR0_CD | X86_CR0_NW | X86_CR0_ET);
	assert_int_equal(s.apic_base, 0xfee00900);
	assert_int_equal(s.efer, 0);
}

static void long_mode(struct kvm_sregs *s)
{
	s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET | X86_CR0_NE;
	s->cr4 = X86_CR4_PAE;
	s->cr3 = 0x1000;
	s->efer = X86_EFER_LME | X86_EFER_LMA;
	s->cs = (struct kvm_segment){ .selector = 8, .type = 11, .s = 1, .present = 1, .l = 1,
				      .g = 1, .limit = 0xffffffff };
	s->ss = (struct kvm_segment){ .selector = 16, .type = 3, .s = 1, .present = 1, .db = 1,
				      .g = 1, .limit = 0xffffffff };
}

static void sregs_round_trip(void **state)
{
	struct kvm_sregs a, b;

	assert_int_equal(vcpu_call(KVM_GET_SREGS, &a), 0);
	long_mode(&a);
	a.gdt.base = 0xffffffff80001000;
	a.gdt.limit = 0x7f;
	a.fs.base = 0x7000000000;
	a.cr2 = 0xdeadbeef;
	a.cr8 = 5;
	a.interrupt_bitmap[1] = 1ull << 3;
	assert_int_equal(vcpu_call(KVM_SET_SREGS, &a), 0);
	assert_int_equal(v->cpu.mode, X86_MODE64);
	assert_true(v->intr_injected);
	assert_int_equal(v->intr_vector, 67);
	assert_int_equal(vcpu_call(KVM_GET_SREGS, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void sregs_refuse_inconsistent_state(void **state)
{
	struct kvm_sregs good, s;

	assert_int_equal(vcpu_call(KVM_GET_SREGS, &good), 0);
	long_mode(&good);

#define REFUSED(change) do { \
		s = good; \
		change; \
		assert_int_equal(vcpu_call(KVM_SET_SREGS, &s), -EINVAL); \
	} while (0)
	REFUSED(s.cr4 &= ~(u64)X86_CR4_PAE);
	REFUSED(s.efer &= ~(u64)X86_EFER_LMA);
	REFUSED(s.efer = X86_EFER_LMA);
	REFUSED(s.efer = 0);			/* CS.L without long mode */
	REFUSED(s.cr0 &= ~(u64)X86_CR0_PE);
	REFUSED(s.cr0 |= X86_CR0_NW);
	REFUSED(s.cr0 |= 1ull << 32);
	REFUSED(s.cr4 |= 1u << 13);		/* VMXE: not in this CPUID */
	REFUSED(s.cr4 |= 1ull << 31);
	REFUSED(s.cr3 = 1ull << 48);
	REFUSED(s.apic_base |= 1);
	REFUSED(s.apic_base |= 1ull << 50);
	REFUSED(s.apic_base = 1 << 10 | 0xfee00000);
#undef REFUSED
	assert_int_equal(vcpu_call(KVM_SET_SREGS, &good), 0);
	cpuid_set(v, NULL, 0);
	good.cr4 |= X86_CR4_SMEP;
	assert_int_equal(vcpu_call(KVM_SET_SREGS, &good), -EINVAL);
}

static void sregs2_takes_pdptrs_only_with_pae(void **state)
{
	struct kvm_sregs2 s, t;

	assert_int_equal(vcpu_call(KVM_GET_SREGS2, &s), 0);
	assert_int_equal(s.flags, 0);
	s.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	assert_int_equal(vcpu_call(KVM_SET_SREGS2, &s), -EINVAL);
	s.flags = 2;
	assert_int_equal(vcpu_call(KVM_SET_SREGS2, &s), -EINVAL);
	s.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	s.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET;
	s.cr4 = X86_CR4_PAE;
	s.pdptrs[2] = 0x5001;
	assert_int_equal(vcpu_call(KVM_SET_SREGS2, &s), 0);
	assert_int_equal(v->cpu.pdpte[2], 0x5001);
	assert_int_equal(vcpu_call(KVM_GET_SREGS2, &t), 0);
	assert_memory_equal(&s, &t, sizeof(s));
}

static void translate_walks_without_marks(void **state)
{
	struct kvm_userspace_memory_region r = { .memory_size = 0x4000 };
	struct kvm_translation t = { .linear_address = 0x5123 };
	u32 *ram = mmap(NULL, 0x4000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	r.userspace_addr = (u64)(uintptr_t)ram;
	assert_int_equal(vm_call(KVM_SET_USER_MEMORY_REGION, &r), 0);
	assert_int_equal(vcpu_call(KVM_TRANSLATE, &t), 0);
	assert_int_equal(t.valid, 1);			/* no paging: the same */
	assert_int_equal(t.physical_address, 0x5123);

	ram[0x1000 / 4] = 0x2000 | 3;
	ram[0x2000 / 4 + 5] = 0x3000 | 3;
	v->cpu.cr3 = 0x1000;
	v->cpu.cr0 = X86_CR0_PE | X86_CR0_PG;
	x86_mode_update(&v->cpu);
	assert_int_equal(vcpu_call(KVM_TRANSLATE, &t), 0);
	assert_int_equal(t.valid, 1);
	assert_int_equal(t.physical_address, 0x3123);
	assert_int_equal(ram[0x2000 / 4 + 5], 0x3000 | 3);
	t.linear_address = 0x6000;
	assert_int_equal(vcpu_call(KVM_TRANSLATE, &t), 0);
	assert_int_equal(t.valid, 0);
	v->cpu.cr3 = 0x80000000;			/* tables where no RAM is */
	assert_int_equal(vcpu_call(KVM_TRANSLATE, &t), 0);
	assert_int_equal(t.valid, 0);
	assert_int_equal(v->io.n, 0);
	munmap(ram, 0x4000);
}

static void fpu_and_xsave_round_trip(void **state)
{
	static struct kvm_xsave x, y;
	struct kvm_fpu f, g;
	u64 bv;

	assert_int_equal(vcpu_call(KVM_GET_FPU, &f), 0);
	assert_int_equal(f.fcw, 0x37f);
	assert_int_equal(f.mxcsr, 0x1f80);
	f.fcw = 0x27f;
	f.xmm[3][7] = 0x42;
	f.fpr[1][9] = 0x40;
	f.ftwx = 2;
	f.mxcsr = 0x1fa0;
	assert_int_equal(vcpu_call(KVM_SET_FPU, &f), 0);
	assert_int_equal(vcpu_call(KVM_GET_FPU, &g), 0);
	f.mxcsr = 0x1f80;			/* not taken from here */
	assert_memory_equal(&f, &g, sizeof(f));

	assert_int_equal(vcpu_call(KVM_GET_XSAVE, &x), 0);
	memcpy(&bv, (u8 *)&x + 512, 8);
	assert_int_equal(bv, 0x203);
	v->cpu.pkru = 0;
	((u8 *)&x)[832] = 0x54;			/* PKRU */
	assert_int_equal(((u8 *)&x)[160 + 3 * 16 + 7], 0x42);
	((u8 *)&x)[160] = 9;
	assert_int_equal(vcpu_call(KVM_SET_XSAVE, &x), 0);
	assert_int_equal(vcpu_call(KVM_GET_XSAVE2, &y), 0);
	assert_memory_equal(&x, &y, sizeof(x));
	assert_int_equal(v->cpu.pkru, 0x54);
}

static void xsave_refuses_bad_headers(void **state)
{
	static struct kvm_xsave good, x;

	assert_int_equal(vcpu_call(KVM_GET_XSAVE, &good), 0);
	x = good;
	((u8 *)&x)[512] |= 8;			/* a component that is not there */
	assert_int_equal(vcpu_call(KVM_SET_XSAVE, &x), -EINVAL);
	x = good;
	((u8 *)&x)[527] = 0x80;			/* compacted */
	assert_int_equal(vcpu_call(KVM_SET_XSAVE, &x), -EINVAL);
	x = good;
	((u8 *)&x)[575] = 1;
	assert_int_equal(vcpu_call(KVM_SET_XSAVE, &x), -EINVAL);
	x = good;
	((u8 *)&x)[27] = 1;			/* MXCSR bit 24 */
	assert_int_equal(vcpu_call(KVM_SET_XSAVE, &x), -EINVAL);
	/* A component left out is initial. */
	x = good;
	((u8 *)&x)[160] = 1;
	((u8 *)&x)[512] = 1;
	assert_int_equal(vcpu_call(KVM_SET_XSAVE, &x), 0);
	assert_int_equal(v->cpu.fpu.v[0].b[0], 0);
	assert_int_equal(v->cpu.fpu.mxcsr, 0x1f80);
}

static void xcrs_are_checked(void **state)
{
	struct kvm_xcrs x;

	assert_int_equal(vcpu_call(KVM_GET_XCRS, &x), 0);
	assert_int_equal(x.nr_xcrs, 1);
	assert_int_equal(x.xcrs[0].value, 1);
	x.xcrs[0].value = 3;
	assert_int_equal(vcpu_call(KVM_SET_XCRS, &x), 0);
	assert_int_equal(v->cpu.xcr0, 3);
	x.xcrs[0].value = 2;
	assert_int_equal(vcpu_call(KVM_SET_XCRS, &x), -EINVAL);
	x.xcrs[0].value = 1 << 20 | 3;
	assert_int_equal(vcpu_call(KVM_SET_XCRS, &x), -EINVAL);
	x.nr_xcrs = 17;
	assert_int_equal(vcpu_call(KVM_SET_XCRS, &x), -EINVAL);
	x.nr_xcrs = 1;
	x.flags = 1;
	assert_int_equal(vcpu_call(KVM_SET_XCRS, &x), -EINVAL);
	x.flags = 0;
	x.xcrs[0].xcr = 5;			/* another register: ignored */
	assert_int_equal(vcpu_call(KVM_SET_XCRS, &x), 0);
	assert_int_equal(v->cpu.xcr0, 3);
}

static void debugregs_are_checked(void **state)
{
	struct kvm_debugregs d, e;

	assert_int_equal(vcpu_call(KVM_GET_DEBUGREGS, &d), 0);
	assert_int_equal(d.dr6, 0xffff0ff0);
	assert_int_equal(d.dr7, 0x400);
	d.db[2] = 0x1234567890;
	d.dr7 = 0x401;
	assert_int_equal(vcpu_call(KVM_SET_DEBUGREGS, &d), 0);
	assert_int_equal(vcpu_call(KVM_GET_DEBUGREGS, &e), 0);
	assert_memory_equal(&d, &e, sizeof(d));
	d.dr6 = 1ull << 32;
	assert_int_equal(vcpu_call(KVM_SET_DEBUGREGS, &d), -EINVAL);
	d.dr6 = 0;
	d.dr7 = 1ull << 40;
	assert_int_equal(vcpu_call(KVM_SET_DEBUGREGS, &d), -EINVAL);
	d.dr7 = 0;
	d.flags = 1;
	assert_int_equal(vcpu_call(KVM_SET_DEBUGREGS, &d), -EINVAL);
}

static void events_round_trip(void **state)
{
	struct kvm_vcpu_events e = { 0 }, f;

	e.exception.injected = 1;
	e.exception.nr = X86_GP;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x18;
	e.interrupt.injected = 1;
	e.interrupt.nr = 77;
	e.interrupt.shadow = X86_SHADOW_STI;
	e.nmi.pending = 1;
	e.nmi.masked = 1;
	e.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW |
		  KVM_VCPUEVENT_VALID_SMM;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), 0);
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &f), 0);
	assert_memory_equal(&e, &f, sizeof(e));
	assert_true(v->exc_injected);
	assert_false(v->exc_pending);
}

static void events_refuse_what_is_not_offered(void **state)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_PAYLOAD };

	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	e.flags = KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	e.flags = 1u << 31;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	e = (struct kvm_vcpu_events){ .exception = { .injected = 1, .nr = 32 } };
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
	e.exception.nr = X86_NMI;
	assert_int_equal(vcpu_call(KVM_SET_VCPU_EVENTS, &e), -EINVAL);
}

static void soft_exceptions_are_not_reported(void **state)
{
	struct kvm_vcpu_events e;

	v->exc_pending = true;
	v->exc = (struct x86_exc){ .vector = X86_BP };
	assert_int_equal(vcpu_call(KVM_GET_VCPU_EVENTS, &e), 0);
	assert_int_equal(e.exception.injected, 0);
}

static void nmis_queue_two_deep(void **state)
{
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(vcpu_call(KVM_NMI, NULL), 0);
	assert_int_equal(v->nmi_pending, 2);
}

static void interrupt_vector_is_checked(void **state)
{
	struct kvm_interrupt i = { .irq = 256 };

	assert_int_equal(vcpu_call(KVM_INTERRUPT, &i), -EINVAL);
	i.irq = 255;
	assert_int_equal(vcpu_call(KVM_INTERRUPT, &i), 0);
	assert_true(v->intr_injected);
	assert_int_equal(vcpu_call(KVM_INTERRUPT, &i), 0);
}

static void mp_state_needs_an_apic(void **state)
{
	struct kvm_mp_state m = { KVM_MP_STATE_HALTED };

	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &m), -EINVAL);
	m.mp_state = KVM_MP_STATE_RUNNABLE;
	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &m), 0);
	m.mp_state = KVM_MP_STATE_STOPPED;
	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &m), -EINVAL);
	m.mp_state = 99;
	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &m), -EINVAL);
}

static void mp_state_round_trip(void **state)
{
	struct vcpu *ap = add_vcpu(1);
	struct kvm_mp_state m;

	assert_int_equal(ap->mp_state, KVM_MP_STATE_UNINITIALIZED);
	m.mp_state = KVM_MP_STATE_HALTED;
	assert_int_equal(vcpu_call(KVM_SET_MP_STATE, &m), 0);
	m.mp_state = 7;
	assert_int_equal(vcpu_call(KVM_GET_MP_STATE, &m), 0);
	assert_int_equal(m.mp_state, KVM_MP_STATE_HALTED);
}

static void signal_mask_length_is_checked(void **state)
{
	struct kvm_signal_mask *m = calloc(1, sizeof(*m) + 16);

	m->len = 8;
	m->sigset[0] = 0xff;
	assert_int_equal(vcpu_call(KVM_SET_SIGNAL_MASK, m), 0);
	assert_true(v->sigmask_set);
	assert_int_equal(v->sigmask, 0xff);
	m->len = 16;
	assert_int_equal(vcpu_call(KVM_SET_SIGNAL_MASK, m), -EINVAL);
	m->len = 0xffffffff;
	assert_int_equal(vcpu_call(KVM_SET_SIGNAL_MASK, m), -EINVAL);
	free(m);
	assert_int_equal(vcpu_call(KVM_SET_SIGNAL_MASK, NULL), 0);
	assert_false(v->sigmask_set);
}

static void cpuid_calls_are_bounded(void **state)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) + 257 * sizeof(c->entries[0]));

	c->nent = 257;
	assert_int_equal(vcpu_call(KVM_SET_CPUID2, c), -E2BIG);
	c->nent = 2;
	assert_int_equal(vcpu_call(KVM_GET_CPUID2, c), -E2BIG);
	c->nent = 256;
	assert_int_equal(vcpu_call(KVM_GET_CPUID2, c), 0);
	assert_int_equal(c->nent, v->n_cpuid);
	assert_int_equal(vcpu_call(KVM_SET_CPUID2, c), 0);
	free(c);
}

static void msrs_stop_at_the_first_refused(void **state)
{
	struct kvm_msrs *m = calloc(1, sizeof(*m) + 3 * sizeof(m->entries[0]));

	m->nmsrs = 3;
	m->entries[0] = (struct kvm_msr_entry){ .index = 0x174, .data = 8 };
	m->entries[1].index = 0x4711;
	m->entries[2].index = 0x175;
	assert_int_equal(vcpu_call(KVM_SET_MSRS, m), 1);
	assert_int_equal(v->cpu.sysenter_cs, 8);
	m->entries[0].data = 0;
	assert_int_equal(vcpu_call(KVM_GET_MSRS, m), 1);
	assert_int_equal(m->entries[0].data, 8);
	free(m);
}

static void tsc_frequency_is_the_hosts(void **state)
{
	assert_int_equal(vcpu_call(KVM_GET_TSC_KHZ, NULL), 1000000);
	assert_int_equal(vcpu_call(KVM_SET_TSC_KHZ, (void *)1000200), 0);
	assert_int_equal(vcpu_call(KVM_GET_TSC_KHZ, NULL), 1000200);
	assert_int_equal(vcpu_call(KVM_SET_TSC_KHZ, (void *)0x7fffffff), -EINVAL);
	assert_int_equal(vcpu_call(KVM_SET_TSC_KHZ, NULL), 0);
	assert_int_equal(vcpu_call(KVM_KVMCLOCK_CTRL, NULL), -EINVAL);
}

static void guest_debug_injects_once(void **state)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_INJECT_BP };

	assert_int_equal(vcpu_call(KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(v->guest_debug, 0);
	assert_true(v->exc_pending);
	assert_int_equal(v->exc.vector, X86_BP);
	assert_int_equal(vcpu_call(KVM_SET_GUEST_DEBUG, &d), -EBUSY);
	d.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	d.arch.debugreg[7] = 0x401;
	assert_int_equal(vcpu_call(KVM_SET_GUEST_DEBUG, &d), 0);
	assert_int_equal(v->guest_dr[7], 0x401);
}

/* --- descriptors --- */

static const struct kvm_provider *const soft = &kvm_provider_soft;

static void descriptors_keep_the_vm_alive(void **state)
{
	int sys = soft->open(NULL);
	int vmfd = soft->ioctl(sys, KVM_CREATE_VM, NULL);
	int cpu = soft->ioctl(vmfd, KVM_CREATE_VCPU, NULL);
	struct kvm_regs r;

	assert_true(sys >= 0 && vmfd >= 0 && cpu >= 0);
	assert_int_equal(soft->close(sys), 0);
	assert_int_equal(soft->close(vmfd), 0);
	assert_int_equal(soft->ioctl(cpu, KVM_GET_REGS, &r), 0);
	assert_int_equal(soft->close(cpu), 0);
	assert_int_equal(soft->ioctl(cpu, KVM_GET_REGS, &r), -EBADF);
	assert_int_equal(soft->close(cpu), -EBADF);
}

static void descriptors_of_others_are_refused(void **state)
{
	int fd = dup(2);

	assert_int_equal(soft->ioctl(fd, KVM_GET_API_VERSION, NULL), -ENOTTY);
	assert_int_equal(soft->ioctl(-1, KVM_GET_API_VERSION, NULL), -EBADF);
	assert_int_equal(soft->close(fd), -EBADF);
	assert_null(soft->mmap(fd, 4096, 0));
	close(fd);
}

static void closed_vcpu_keeps_its_id(void **state)
{
	int sys = soft->open(NULL);
	int vmfd = soft->ioctl(sys, KVM_CREATE_VM, NULL);
	int cpu = soft->ioctl(vmfd, KVM_CREATE_VCPU, (void *)3);

	assert_int_equal(soft->ioctl(sys, KVM_CREATE_VM, (void *)1), -EINVAL);
	assert_int_equal(soft->close(cpu), 0);
	assert_int_equal(soft->ioctl(vmfd, KVM_CREATE_VCPU, (void *)3), -EEXIST);
	assert_int_equal(soft->ioctl(vmfd, KVM_CREATE_VCPU, (void *)(1ull << 40)), -EINVAL);
	soft->close(vmfd);
	soft->close(sys);
}

static void vcpus_share_one_ring(void **state)
{
	int sys = soft->open(NULL), vmfd = soft->ioctl(sys, KVM_CREATE_VM, NULL);
	size_t size = soft->ioctl(sys, KVM_GET_VCPU_MMAP_SIZE, NULL);
	int c0 = soft->ioctl(vmfd, KVM_CREATE_VCPU, NULL);
	int c1 = soft->ioctl(vmfd, KVM_CREATE_VCPU, (void *)1);
	u8 *a = soft->mmap(c0, size, 0), *b = soft->mmap(c1, size, 0);

	assert_non_null(a);
	assert_non_null(b);
	a[0] = 1;
	a[8192] = 7;
	assert_int_equal(b[0], 0);
	assert_int_equal(b[8192], 7);
	assert_null(soft->mmap(c0, size + 4096, 0));
	assert_null(soft->mmap(vmfd, 4096, 0));
	soft->munmap(a, size);
	soft->munmap(b, size);
	soft->munmap(NULL, 0);
	soft->close(c0);
	soft->close(c1);
	soft->close(vmfd);
	soft->close(sys);
}

static void opening_survives_failing_allocations(void **state)
{
	int sys = -1, vmfd = -1, cpu = -1;

	for (long n = 0; cpu < 0; n++) {
		test_alloc_budget = n;
		sys = soft->open(NULL);
		if (sys >= 0)
			vmfd = soft->ioctl(sys, KVM_CREATE_VM, NULL);
		if (sys >= 0 && vmfd >= 0)
			cpu = soft->ioctl(vmfd, KVM_CREATE_VCPU, NULL);
		test_alloc_budget = -1;
		if (sys >= 0)
			soft->close(sys);
		if (sys >= 0 && vmfd >= 0)
			soft->close(vmfd);
		vmfd = -1;
	}
	soft->close(cpu);
}

#define T(f) cmocka_unit_test_setup_teardown(f, vm_setup, vm_teardown)
#define I(f) cmocka_unit_test_setup_teardown(f, vm_setup_irqchip, vm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(requests_are_told_apart_by_all_bits), T(tables_have_each_request_once),
		T(bad_pointers_are_efault), T(tail_may_not_reach_beyond_what_is_mapped),
		T(large_arguments_need_memory), T(system_constants),
		T(capabilities_of_the_union_set), T(msr_list_says_how_many),
		T(supported_cpuid_wants_room), T(system_feature_msrs),
		T(vm_creation_survives_failing_allocations),
		T(vcpu_creation_survives_failing_allocations),
		T(irqchip_creation_survives_failing_allocations), T(vcpu_ids_are_checked),
		T(vm_settings_come_before_vcpus), T(enable_cap_refuses_what_it_does_not_know),
		T(interrupt_calls_need_a_controller), I(interrupt_calls_with_a_controller),
		T(clock_is_set_and_goes_on), T(regs_round_trip),
		T(moving_rip_forgets_unfinished_io), T(sregs_start_as_after_reset),
		T(sregs_round_trip), T(sregs_refuse_inconsistent_state),
		T(sregs2_takes_pdptrs_only_with_pae), T(translate_walks_without_marks),
		T(fpu_and_xsave_round_trip), T(xsave_refuses_bad_headers), T(xcrs_are_checked),
		T(debugregs_are_checked), T(events_round_trip),
		T(events_refuse_what_is_not_offered), T(soft_exceptions_are_not_reported),
		T(nmis_queue_two_deep), T(interrupt_vector_is_checked), T(mp_state_needs_an_apic),
		I(mp_state_round_trip), T(signal_mask_length_is_checked),
		T(cpuid_calls_are_bounded), T(msrs_stop_at_the_first_refused),
		T(tsc_frequency_is_the_hosts), T(guest_debug_injects_once),
		T(descriptors_keep_the_vm_alive), T(descriptors_of_others_are_refused),
		T(closed_vcpu_keeps_its_id), T(vcpus_share_one_ring),
		T(opening_survives_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
