// SPDX-License-Identifier: GPL-2.0-or-later
/* Local APICs: priorities, IPIs, timers, modes, state. */
#include "tests/unit/irq_vm.h"
#include <sched.h>

static void fixed(struct vcpu *v, u8 vector)
{
	assert_int_equal(lapic_accept(v->apic, LAPIC_DM_FIXED, vector, false, true), 1);
}

static void xapic(unsigned int n)
{
	unsigned int i;

	vm_with(n);
	for (i = 0; i < n; i++)
		apic_on(cpu[i]);
}

static void x2apic(unsigned int n)
{
	unsigned int i;

	vm_with(n);
	for (i = 0; i < n; i++)
		x2apic_on(cpu[i]);
}

static void icr(struct vcpu *v, u32 dest, u32 lo)
{
	if (v->apic->mode == LAPIC_X2APIC) {
		assert_int_equal(lapic_msr_write(v, 0x830, (u64)dest << 32 | lo), 0);
		return;
	}
	apic_wr(v, LAPIC_ICR2, dest << 24);
	apic_wr(v, LAPIC_ICR, lo);
}

/* Which vCPUs have vector in IRR? Clears it. */
static unsigned int who(u8 vector)
{
	unsigned int i, mask = 0;

	for (i = 0; i < n_cpus; i++) {
		u32 *w = &cpu[i]->apic->reg[LAPIC_IRR + vector / 32], bit = 1u << (vector % 32);

		if (*w & bit)
			mask |= 1u << i;
		*w &= ~bit;
	}
	return mask;
}

#define LOGICAL	0x800u

static void map_of_apic_ids_reaches_those_that_exist(void **state)
{
	static const u64 three[2] = { 0x7f }, far[2] = { ~0ull, ~0ull }, high[2] = { 0, 1 };

	x2apic(3);
	assert_int_equal(lapic_send_map(cpu[0], three, 1, 0x40), 2);
	assert_int_equal(who(0x40), 6);
	assert_int_equal(lapic_send_map(cpu[0], far, 0xffffffff, 0x40), 0);	/* no wrap */
	assert_int_equal(lapic_send_map(cpu[1], high, 0xffffffc0, 0x40), 0);
	assert_int_equal(lapic_send_map(cpu[1], far, 0, 0), 0);	/* illegal vector */
	assert_int_equal(lapic_send_map(cpu[1], three, 0, LAPIC_DM_NMI << 8), 3);
	assert_int_equal(cpu[2]->nmi_pending, 1);
}

/* --- registers --- */

static void reset_state_is_architectural(void **state)
{
	vm_with(2);
	assert_int_equal(lapic_get_base(cpu[0]), 0xfee00900);
	assert_int_equal(lapic_get_base(cpu[1]), 0xfee00800);
	assert_int_equal(apic_rd(cpu[1], LAPIC_ID), 1u << 24);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVR), 0x50014);
	assert_int_equal(apic_rd(cpu[0], LAPIC_SVR), 0xff);
	assert_int_equal(apic_rd(cpu[0], LAPIC_DFR), 0xffffffff);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVT0), 0x700);
	assert_int_equal(apic_rd(cpu[1], LAPIC_LVT0), 0x10000);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVTT), 0x10000);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMICT), 0);
}

static void disabled_apic_takes_no_fixed_interrupt(void **state)
{
	vm_with(1);
	assert_int_equal(lapic_accept(cpu[0]->apic, LAPIC_DM_FIXED, 0x40, false, true), 0);
	assert_false(vcpu_intr_pending(cpu[0]));
	apic_on(cpu[0]);
	fixed(cpu[0], 0x40);
	assert_true(vcpu_intr_pending(cpu[0]));
	/* What is in IRR stays when the APIC is software disabled. */
	apic_wr(cpu[0], LAPIC_SVR, 0xff);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x40);
}

static void software_disable_masks_lvts(void **state)
{
	xapic(1);
	apic_wr(cpu[0], LAPIC_LVT1, 0x400);
	apic_wr(cpu[0], LAPIC_SVR, 0x0ff);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVT1), 0x10400);
	apic_wr(cpu[0], LAPIC_LVT1, 0x400);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVT1), 0x10400);
	apic_on(cpu[0]);
	apic_wr(cpu[0], LAPIC_LVT1, 0xffffffff);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVT1), 0x1a7ff);
}

static void mmio_wants_aligned_dwords(void **state)
{
	u64 val = ~0ull;
	u8 b = 0x30;

	xapic(1);
	lapic_mmio_write(cpu[0], XAPIC_PAGE + 0x80, &b, 1);
	lapic_mmio_write(cpu[0], XAPIC_PAGE + 0x84, &val, 4);
	lapic_mmio_write(cpu[0], XAPIC_PAGE + 0x80, &val, 8);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TPR), 0);
	lapic_mmio_read(cpu[0], XAPIC_PAGE + 0x32, &b, 1);
	assert_int_equal(b, 5);
	lapic_mmio_read(cpu[0], XAPIC_PAGE + 0x30, &val, 8);
	assert_int_equal(val, 0x50014);
	lapic_mmio_read(cpu[0], XAPIC_PAGE + 0xfff, &val, 8);
	assert_int_equal(val, 0);
	lapic_mmio_read(cpu[0], XAPIC_PAGE + 0xff2, &val, 4);
}

static void page_reads_ones_where_no_xapic_answers(void **state)
{
	xapic(1);
	assert_true(lapic_in_range(cpu[0], XAPIC_PAGE + 0xfff));
	assert_false(lapic_in_range(cpu[0], XAPIC_PAGE + 0x1000));
	lapic_set_cr8(cpu[0], 5);
	assert_int_equal(lapic_set_base(cpu[0], LAPIC_BASE_DEFAULT, false), 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVR), 0xffffffff);
	apic_wr(cpu[0], LAPIC_TPR, 0xff);
	assert_int_equal(lapic_get_cr8(cpu[0]), 5);
	lapic_set_cr8(cpu[0], 10);
	assert_int_equal(lapic_get_cr8(cpu[0]), 10);
	assert_int_equal(lapic_set_base(cpu[0], BASE_ENABLED, false), 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TPR), 0xa0);
	x2apic_on(cpu[0]);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVR), 0xffffffff);
}

static void page_can_be_moved(void **state)
{
	u32 val;

	xapic(1);
	assert_int_equal(lapic_set_base(cpu[0], 0xfed40900, false), 0);
	assert_false(lapic_in_range(cpu[0], XAPIC_PAGE));
	assert_true(lapic_in_range(cpu[0], 0xfed40030));
	lapic_mmio_read(cpu[0], 0xfed40030, &val, 4);
	assert_int_equal(val, 0x50014);
}

/* --- IA32_APIC_BASE --- */

static void base_transitions_follow_the_manual(void **state)
{
	u64 off = LAPIC_BASE_DEFAULT, on = BASE_ENABLED, x2 = on | LAPIC_BASE_X2APIC;
	u64 bad = off | LAPIC_BASE_X2APIC;
	struct vcpu *v;

	xapic(1);
	v = cpu[0];
	assert_int_equal(lapic_set_base(v, bad, false), 1);
	assert_int_equal(lapic_set_base(v, x2, false), 0);
	assert_int_equal(lapic_set_base(v, bad, false), 1);
	assert_int_equal(lapic_set_base(v, on, false), 1);
	assert_int_equal(lapic_set_base(v, x2, false), 0);
	assert_int_equal(lapic_set_base(v, off, false), 0);
	assert_int_equal(lapic_set_base(v, bad, false), 1);
	assert_int_equal(lapic_set_base(v, x2, false), 1);
	assert_int_equal(lapic_set_base(v, on, false), 0);
	assert_int_equal(lapic_get_base(v), on);
	/* User space may go anywhere valid. */
	assert_int_equal(lapic_set_base(v, off, true), 0);
	assert_int_equal(lapic_set_base(v, x2, true), 0);
	assert_int_equal(lapic_set_base(v, on, true), 0);
	assert_int_equal(lapic_set_base(v, bad, true), 1);
}

static void base_reserved_bits_fault(void **state)
{
	xapic(1);
	assert_int_equal(lapic_set_base(cpu[0], BASE_ENABLED | 1, false), 1);
	assert_int_equal(lapic_set_base(cpu[0], BASE_ENABLED | 1 << 9, false), 1);
	assert_int_equal(lapic_set_base(cpu[0], BASE_ENABLED | 1ull << 40, false), 1);
	assert_int_equal(lapic_set_base(cpu[0], BASE_ENABLED | 1ull << 39, false), 0);
	cpu[0]->cpu.features[XFW_1_ECX] = 0;
	assert_int_equal(lapic_set_base(cpu[0], BASE_ENABLED | LAPIC_BASE_X2APIC, false), 1);
}

static void ids_follow_the_mode(void **state)
{
	xapic(2);
	apic_wr(cpu[1], LAPIC_ID, 7u << 24);
	assert_int_equal(apic_rd(cpu[1], LAPIC_ID), 7u << 24);
	x2apic_on(cpu[1]);
	assert_int_equal(x2_rd(cpu[1], LAPIC_ID), 1);
	assert_int_equal(x2_rd(cpu[1], LAPIC_LDR), 2);
	assert_int_equal(lapic_msr_write(cpu[1], 0x802, 3), 1);
	lapic_set_base(cpu[1], LAPIC_BASE_DEFAULT, false);
	lapic_set_base(cpu[1], BASE_ENABLED, false);
	assert_int_equal(apic_rd(cpu[1], LAPIC_ID), 1u << 24);
}

/* --- x2APIC MSRs --- */

static void x2apic_msrs_fault_outside_x2apic_mode(void **state)
{
	u64 val;

	xapic(1);
	assert_int_equal(lapic_msr_read(cpu[0], 0x802, &val), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x808, 0), 1);
}

static void x2apic_reserved_registers_fault(void **state)
{
	static const u8 readable[] = {
		0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x10, 0x17, 0x18, 0x1f, 0x20, 0x27, 0x28,
		0x30, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e,
	};
	static const u8 unreadable[] = {
		0x00, 0x01, 0x04, 0x07, 0x09, 0x0b, 0x0c, 0x0e, 0x29, 0x2f, 0x31, 0x3a, 0x3f,
		0x40, 0x80, 0xff,
	};
	static const u8 unwritable[] = {
		0x00, 0x02, 0x03, 0x09, 0x0a, 0x0d, 0x0e, 0x10, 0x18, 0x20, 0x2f, 0x31, 0x39,
		0x3a, 0x40, 0xff,
	};
	unsigned int i;
	u64 val;

	x2apic(1);
	for (i = 0; i < sizeof(readable); i++)
		assert_int_equal(lapic_msr_read(cpu[0], 0x800 + readable[i], &val), 0);
	for (i = 0; i < sizeof(unreadable); i++)
		assert_int_equal(lapic_msr_read(cpu[0], 0x800 + unreadable[i], &val), 1);
	for (i = 0; i < sizeof(unwritable); i++)
		assert_int_equal(lapic_msr_write(cpu[0], 0x800 + unwritable[i], 0), 1);
}

static void x2apic_reserved_bits_fault(void **state)
{
	x2apic(1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x808, 0x100000020), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x808, 0x120), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x808, 0x20), 0);
	assert_int_equal(lapic_msr_write(cpu[0], 0x80b, 1), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x828, 1), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x828, 0), 0);
	assert_int_equal(lapic_msr_write(cpu[0], 0x83f, 0x141), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x830, 1u << 13 | 0x40), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x830, 1u << 16 | 0x40), 1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x830, 1u << 20 | 0x40), 1);
	assert_int_equal(who(0x40), 0);
}

static void x2apic_icr_reads_back_whole_without_busy(void **state)
{
	x2apic(1);
	icr(cpu[0], 0x12345678, 0x40c1 | LAPIC_ICR_BUSY);
	assert_int_equal(x2_rd(cpu[0], LAPIC_ICR), 0x12345678000040c1);
}

static void self_ipi_register_sends(void **state)
{
	x2apic(2);
	assert_int_equal(lapic_msr_write(cpu[1], 0x83f, 0xf1), 0);
	assert_int_equal(who(0xf1), 2);
	/* Only x2APIC has it. */
	vm_done(NULL);
	xapic(1);
	apic_wr(cpu[0], LAPIC_SELF_IPI, 0xf1);
	assert_int_equal(who(0xf1), 0);
}

/* --- priority --- */

static void highest_vector_goes_first(void **state)
{
	xapic(1);
	fixed(cpu[0], 0x41);
	fixed(cpu[0], 0xf0);
	fixed(cpu[0], 0x55);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0xf0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_PPR), 0xf0);
	assert_false(vcpu_intr_pending(cpu[0]));
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_int_equal(take(cpu[0]), 0x55);
	assert_int_equal(take(cpu[0]), 0x41);
	assert_int_equal(vcpu_intr_ack(cpu[0]), -1);
}

static void same_class_does_not_nest(void **state)
{
	xapic(1);
	fixed(cpu[0], 0x41);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x41);
	fixed(cpu[0], 0x4f);
	assert_false(vcpu_intr_pending(cpu[0]));
	fixed(cpu[0], 0x50);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x50);
	cpu[0]->requests = 0;
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_int_equal(cpu[0]->requests, 0);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_true(cpu[0]->requests & REQ_EVENT);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x4f);
}

static void tpr_is_a_threshold(void **state)
{
	xapic(1);
	apic_wr(cpu[0], LAPIC_TPR, 0x4f);
	assert_int_equal(apic_rd(cpu[0], LAPIC_PPR), 0x4f);
	fixed(cpu[0], 0x4f);
	assert_false(vcpu_intr_pending(cpu[0]));
	fixed(cpu[0], 0x50);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x50);
	assert_int_equal(apic_rd(cpu[0], LAPIC_PPR), 0x50);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_PPR), 0x4f);
	cpu[0]->requests = 0;
	lapic_set_cr8(cpu[0], 3);
	assert_true(cpu[0]->requests & REQ_EVENT);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TPR), 0x30);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x4f);
}

static void ppr_prefers_higher_of_tpr_and_isr(void **state)
{
	xapic(1);
	fixed(cpu[0], 0x63);
	vcpu_intr_ack(cpu[0]);
	apic_wr(cpu[0], LAPIC_TPR, 0x55);
	assert_int_equal(apic_rd(cpu[0], LAPIC_PPR), 0x60);
	apic_wr(cpu[0], LAPIC_TPR, 0x65);
	assert_int_equal(apic_rd(cpu[0], LAPIC_PPR), 0x65);
	apic_wr(cpu[0], LAPIC_TPR, 0x72);
	assert_int_equal(apic_rd(cpu[0], LAPIC_PPR), 0x72);
}

static void second_arrival_coalesces_but_one_in_service_does_not_block(void **state)
{
	xapic(1);
	fixed(cpu[0], 0x41);
	cpu[0]->requests = 0;
	fixed(cpu[0], 0x41);
	assert_int_equal(cpu[0]->requests, 0);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x41);
	fixed(cpu[0], 0x41);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_int_equal(take(cpu[0]), 0x41);
	assert_int_equal(take(cpu[0]), -1);
}

static void eoi_without_isr_is_harmless(void **state)
{
	xapic(1);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	fixed(cpu[0], 0xff);
	assert_int_equal(take(cpu[0]), 0xff);
}

static void illegal_vectors_are_errors(void **state)
{
	xapic(2);
	apic_wr(cpu[0], LAPIC_LVTERR, 0x99);
	apic_wr(cpu[1], LAPIC_LVTERR, 0x98);
	icr(cpu[0], 1, 0x400f);
	assert_int_equal(who(0x0f), 0);
	assert_int_equal(who(0x99), 1);
	assert_int_equal(apic_rd(cpu[0], LAPIC_ESR), 0);
	apic_wr(cpu[0], LAPIC_ESR, 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_ESR), 0x20);
	apic_wr(cpu[0], LAPIC_ESR, 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_ESR), 0);
	assert_int_equal(lapic_accept(cpu[1]->apic, LAPIC_DM_FIXED, 3, false, true), 0);
	assert_int_equal(who(0x98), 2);
	apic_wr(cpu[1], LAPIC_ESR, 0);
	assert_int_equal(apic_rd(cpu[1], LAPIC_ESR), 0x40);
	apic_wr(cpu[0], 0x3a, 0);
	apic_wr(cpu[0], LAPIC_ESR, 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_ESR), 0x80);
}

static void error_vector_that_is_illegal_does_not_recurse(void **state)
{
	xapic(1);
	apic_wr(cpu[0], LAPIC_LVTERR, 0x05);
	icr(cpu[0], 0, 0x4001);
	apic_wr(cpu[0], LAPIC_ESR, 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_ESR), 0x20);
}

/* --- destinations --- */

static void shorthands(void **state)
{
	xapic(3);
	icr(cpu[1], 0, 1u << 18 | 0x4050);
	assert_int_equal(who(0x50), 2);
	icr(cpu[1], 0, 2u << 18 | 0x4050);
	assert_int_equal(who(0x50), 7);
	icr(cpu[1], 0, 3u << 18 | 0x4050);
	assert_int_equal(who(0x50), 5);
}

static void physical_destination_and_broadcast(void **state)
{
	xapic(3);
	icr(cpu[0], 2, 0x4050);
	assert_int_equal(who(0x50), 4);
	icr(cpu[0], 9, 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 0xff, 0x4050);
	assert_int_equal(who(0x50), 7);
	vm_done(NULL);

	x2apic(3);
	icr(cpu[0], 0xffffffff, 0x4050);
	assert_int_equal(who(0x50), 7);
	icr(cpu[0], 0xff, 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 1, 0x4050);
	assert_int_equal(who(0x50), 2);
}

static void aliased_xapic_ids_all_get_it(void **state)
{
	xapic(3);
	apic_wr(cpu[2], LAPIC_ID, 1u << 24);
	icr(cpu[0], 1, 0x4050);
	assert_int_equal(who(0x50), 6);
	icr(cpu[0], 2, 0x4050);
	assert_int_equal(who(0x50), 0);
}

static void logical_flat(void **state)
{
	unsigned int i;

	xapic(3);
	for (i = 0; i < 3; i++)
		apic_wr(cpu[i], LAPIC_LDR, 1u << (24 + i));
	icr(cpu[0], 0x05, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 5);
	icr(cpu[0], 0x08, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 0xff, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 7);
}

static void logical_cluster(void **state)
{
	static const u8 ldr[] = { 0x11, 0x12, 0x21, 0x24 };
	unsigned int i;

	xapic(4);
	for (i = 0; i < 4; i++) {
		apic_wr(cpu[i], LAPIC_DFR, 0);
		apic_wr(cpu[i], LAPIC_LDR, (u32)ldr[i] << 24);
	}
	assert_int_equal(apic_rd(cpu[0], LAPIC_DFR), 0x0fffffff);
	icr(cpu[0], 0x13, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 3);
	icr(cpu[0], 0x25, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 12);
	icr(cpu[0], 0x31, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 0xff, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 15);
	apic_wr(cpu[0], LAPIC_DFR, 0x50000000);	/* no such model */
	icr(cpu[1], 0x13, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 2);
}

static void logical_x2apic_is_derived_from_the_id(void **state)
{
	vm_bare();
	assert_int_equal(irqs_create(vm), 0);
	vm_add_cpu(0);
	vm_add_cpu(3);
	vm_add_cpu(17);
	for (unsigned int i = 0; i < 3; i++)
		x2apic_on(cpu[i]);
	assert_int_equal(x2_rd(cpu[2], LAPIC_LDR), 0x10002);
	icr(cpu[0], 0x00000009, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 3);
	icr(cpu[0], 0x00010002, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 4);
	icr(cpu[0], 0x0000ffff, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 3);
	icr(cpu[0], 0x00020002, LOGICAL | 0x4050);
	assert_int_equal(who(0x50), 0);
	icr(cpu[0], 17, 0x4050);		/* physical: id, not index */
	assert_int_equal(who(0x50), 4);
}

static void lowest_priority_goes_to_the_least_busy(void **state)
{
	unsigned int i;

	xapic(3);
	for (i = 0; i < 3; i++)
		apic_wr(cpu[i], LAPIC_LDR, 1u << (24 + i));
	apic_wr(cpu[0], LAPIC_TPR, 0x30);
	apic_wr(cpu[2], LAPIC_TPR, 0x20);
	icr(cpu[0], 0x07, LOGICAL | 0x4150);
	assert_int_equal(who(0x50), 2);
	apic_wr(cpu[1], LAPIC_TPR, 0x40);
	icr(cpu[0], 0x07, LOGICAL | 0x4150);
	assert_int_equal(who(0x50), 4);
	/* A disabled one is not asked, and among equals exactly one is. */
	apic_wr(cpu[2], LAPIC_SVR, 0xff);
	apic_wr(cpu[1], LAPIC_TPR, 0x30);
	i = 0;
	for (unsigned int vector = 0x50; vector < 0x60; vector++) {
		unsigned int one;

		icr(cpu[0], 0x07, LOGICAL | 0x4100 | vector);
		one = who(vector);
		assert_true(one == 1 || one == 2);
		i |= one;
	}
	assert_int_equal(i, 3);			/* they are spread */
}

static void hardware_disabled_apic_hears_nothing(void **state)
{
	xapic(2);
	assert_int_equal(lapic_set_base(cpu[1], LAPIC_BASE_DEFAULT, false), 0);
	icr(cpu[0], 0, 3u << 18 | 0x4050);
	icr(cpu[0], 0, 3u << 18 | 0x4400);
	icr(cpu[0], 1, 0x4050);
	assert_int_equal(who(0x50), 0);
	assert_int_equal(cpu[1]->nmi_pending, 0);
}

/* --- NMI, SMI, INIT, SIPI --- */

static void nmi_ipi_queues_two_at_most(void **state)
{
	vm_with(2);				/* software disabled: NMI gets through */
	icr(cpu[0], 1, 0x4400);
	icr(cpu[0], 1, 0x4400);
	icr(cpu[0], 1, 0x4400);
	assert_int_equal(cpu[1]->nmi_pending, 2);
	cpu[0]->cpu.nmi_masked = true;
	for (int i = 0; i < 10; i++)
		icr(cpu[0], 0, 0x4400);
	assert_int_equal(cpu[0]->nmi_pending, 1);
	icr(cpu[0], 1, 0x4200);
	assert_true(cpu[1]->smi_pending);
}

static void init_then_sipi(void **state)
{
	vm_with(2);
	assert_false(lapic_has_init_sipi(cpu[1]));
	icr(cpu[0], 1, 0xc500);			/* assert */
	icr(cpu[0], 1, 0x8500);			/* deassert: nothing */
	assert_true(lapic_has_init_sipi(cpu[1]));
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_INIT);
	assert_false(lapic_has_init_sipi(cpu[1]));
	icr(cpu[0], 1, 0x4699);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_SIPI);
	assert_int_equal(cpu[1]->sipi_vector, 0x99);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), 0);
}

static void init_and_sipi_may_arrive_together_but_init_undoes_sipi(void **state)
{
	vm_with(2);
	icr(cpu[0], 1, 0x4500);
	icr(cpu[0], 1, 0x4612);
	icr(cpu[0], 1, 0x4612);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_INIT | LAPIC_SIPI);
	icr(cpu[0], 1, 0x4612);
	icr(cpu[0], 1, 0x4500);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_INIT);
}

static void init_resets_registers_but_not_identity(void **state)
{
	x2apic(2);
	fixed(cpu[1], 0x44);
	lapic_reset(cpu[1], true);
	assert_int_equal(cpu[1]->apic->mode, LAPIC_X2APIC);
	assert_int_equal(x2_rd(cpu[1], LAPIC_ID), 1);
	assert_int_equal(x2_rd(cpu[1], LAPIC_LDR), 2);
	assert_int_equal(x2_rd(cpu[1], LAPIC_SVR), 0xff);
	assert_int_equal(x2_rd(cpu[1], LAPIC_LVTT), 0x10000);
	assert_false(vcpu_intr_pending(cpu[1]));
	lapic_reset(cpu[1], false);
	assert_int_equal(cpu[1]->apic->mode, LAPIC_XAPIC);
}

/* --- timer --- */

static void one_shot_fires_once(void **state)
{
	xapic(1);
	apic_wr(cpu[0], LAPIC_TDCR, 0xb);	/* by 1 */
	apic_wr(cpu[0], LAPIC_LVTT, 0xee);
	apic_wr(cpu[0], LAPIC_TMICT, 10000);
	test_advance(4000);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 6000);
	test_advance(5999);
	assert_int_equal(who(0xee), 0);
	test_advance(1);
	assert_int_equal(who(0xee), 1);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMICT), 10000);
	test_advance(100000);
	assert_int_equal(who(0xee), 0);
}

static void divider_scales_and_rescales(void **state)
{
	static const u8 code[] = { 0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa };
	unsigned int i;

	xapic(1);
	apic_wr(cpu[0], LAPIC_LVTT, 0xee);
	for (i = 0; i < 8; i++) {
		apic_wr(cpu[0], LAPIC_TDCR, code[i]);
		apic_wr(cpu[0], LAPIC_TMICT, 1000);
		test_advance((1000u << i) - 1);
		assert_int_equal(who(0xee), 0);
		test_advance(1);
		assert_int_equal(who(0xee), 1);
	}
	apic_wr(cpu[0], LAPIC_TDCR, 0x3);	/* 16 */
	apic_wr(cpu[0], LAPIC_TMICT, 1000);
	test_advance(8000);
	apic_wr(cpu[0], LAPIC_TDCR, 0xb);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 500);
	test_advance(500);
	assert_int_equal(who(0xee), 1);
}

static void periodic_goes_on_without_drift(void **state)
{
	unsigned int i;

	xapic(1);
	apic_wr(cpu[0], LAPIC_TDCR, 0xb);
	apic_wr(cpu[0], LAPIC_LVTT, 0x200ee);
	apic_wr(cpu[0], LAPIC_TMICT, 1000000);
	for (i = 0; i < 10; i++) {
		test_advance(999999);
		assert_int_equal(who(0xee), 0);
		test_advance(1);
		assert_int_equal(who(0xee), 1);
	}
	test_advance(250000);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 750000);
	apic_wr(cpu[0], LAPIC_TMICT, 0);
	test_advance(10000000);
	assert_int_equal(who(0xee), 0);
}

static void too_short_a_period_is_stretched(void **state)
{
	unsigned int i, n = 0;

	xapic(1);
	apic_wr(cpu[0], LAPIC_TDCR, 0xb);
	apic_wr(cpu[0], LAPIC_LVTT, 0x200ee);
	apic_wr(cpu[0], LAPIC_TMICT, 1);
	for (i = 0; i < 1000; i++) {
		test_advance(1000);
		n += who(0xee);
	}
	assert_int_equal(n, 5);
}

static void mode_change_keeps_the_count(void **state)
{
	xapic(1);
	apic_wr(cpu[0], LAPIC_TDCR, 0xb);
	apic_wr(cpu[0], LAPIC_LVTT, 0xee);
	apic_wr(cpu[0], LAPIC_TMICT, 1000000);
	test_advance(600000);
	apic_wr(cpu[0], LAPIC_LVTT, 0x200ee);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 400000);
	test_advance(500000);
	assert_int_equal(who(0xee), 1);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 900000);
	apic_wr(cpu[0], LAPIC_LVTT, 0xee);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 900000);
	test_advance(2000000);
	assert_int_equal(who(0xee), 1);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 0);
	/* TSC deadline is another timer. */
	apic_wr(cpu[0], LAPIC_TMICT, 1000000);
	apic_wr(cpu[0], LAPIC_LVTT, 0x400ee);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMICT), 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMCCT), 0);
	apic_wr(cpu[0], LAPIC_TMICT, 1000);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMICT), 0);
	test_advance(2000000);
	assert_int_equal(who(0xee), 0);
}

static void masked_timer_is_silent(void **state)
{
	xapic(1);
	apic_wr(cpu[0], LAPIC_LVTT, 0x100ee);
	apic_wr(cpu[0], LAPIC_TMICT, 1000);
	test_advance(10000);
	assert_int_equal(who(0xee), 0);
}

static void tsc_deadline_fires_and_clears(void **state)
{
	struct vcpu *v;

	x2apic(1);
	v = cpu[0];
	v->tsc_offset = (u64)-500000000;
	lapic_set_tsc_deadline(v, 1);		/* not in deadline mode */
	assert_int_equal(lapic_get_tsc_deadline(v), 0);
	assert_int_equal(lapic_msr_write(v, 0x832, 0x400ef), 0);
	lapic_set_tsc_deadline(v, test_tsc - 500000000 + 3000);
	assert_int_equal(lapic_get_tsc_deadline(v), test_tsc - 500000000 + 3000);
	test_advance(2999);
	assert_int_equal(who(0xef), 0);
	test_advance(1);
	assert_int_equal(who(0xef), 1);
	assert_int_equal(lapic_get_tsc_deadline(v), 0);
	test_advance(10000);
	assert_int_equal(who(0xef), 0);
}

static void tsc_deadline_in_the_past_fires_at_once(void **state)
{
	x2apic(1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x832, 0x400ef), 0);
	lapic_set_tsc_deadline(cpu[0], test_tsc);
	assert_int_equal(who(0xef), 1);
	assert_int_equal(lapic_get_tsc_deadline(cpu[0]), 0);
	lapic_set_tsc_deadline(cpu[0], test_tsc + 1000);
	lapic_set_tsc_deadline(cpu[0], 0);	/* disarm */
	test_advance(100000);
	assert_int_equal(who(0xef), 0);
	lapic_set_tsc_deadline(cpu[0], ~0ull);	/* never */
	test_advance(100000);
	assert_int_equal(who(0xef), 0);
	assert_int_equal(lapic_get_tsc_deadline(cpu[0]), ~0ull);
}

static void tsc_deadline_waits_for_the_tsc(void **state)
{
	x2apic(1);
	assert_int_equal(lapic_msr_write(cpu[0], 0x832, 0x400ef), 0);
	lapic_set_tsc_deadline(cpu[0], test_tsc + 1000);
	test_tsc -= 500;			/* the clocks disagree */
	test_advance(1000);
	assert_int_equal(who(0xef), 0);
	test_advance(500);
	assert_int_equal(who(0xef), 1);
	lapic_set_tsc_deadline(cpu[0], test_tsc + 1000);
	cpu[0]->tsc_offset += 400;
	lapic_tsc_changed(cpu[0]);
	test_advance(600);
	assert_int_equal(who(0xef), 1);
}

static void deadline_mode_needs_the_feature(void **state)
{
	xapic(1);
	cpu[0]->cpu.features[XFW_1_ECX] &= ~(1ull << 24);
	apic_wr(cpu[0], LAPIC_LVTT, 0x400ef);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVTT), 0xef);
}

/* --- state --- */

static u32 st_reg(const struct kvm_lapic_state *s, unsigned int nr)
{
	u32 v;

	memcpy(&v, s->regs + nr * 16, 4);
	return v;
}

static void set_st_reg(struct kvm_lapic_state *s, unsigned int nr, u32 v)
{
	memcpy(s->regs + nr * 16, &v, 4);
}

static void state_survives_round_trip(void **state)
{
	struct kvm_lapic_state s, again;

	xapic(2);
	apic_wr(cpu[1], LAPIC_LDR, 0x02000000);
	apic_wr(cpu[1], LAPIC_TDCR, 0xb);
	apic_wr(cpu[1], LAPIC_LVTT, 0x200ee);
	apic_wr(cpu[1], LAPIC_TMICT, 1000000);
	test_advance(300000);
	fixed(cpu[1], 0x61);
	vcpu_intr_ack(cpu[1]);
	fixed(cpu[1], 0x71);
	assert_int_equal(lapic_get_state(cpu[1], &s), 0);
	assert_int_equal(st_reg(&s, LAPIC_ID), 1u << 24);
	assert_int_equal(st_reg(&s, LAPIC_TMCCT), 700000);
	vm_done(NULL);

	vm_with(2);
	assert_int_equal(lapic_set_state(cpu[1], &s), 0);
	assert_int_equal(lapic_get_state(cpu[1], &again), 0);
	assert_memory_equal(&again, &s, sizeof(s));
	assert_int_equal(vcpu_intr_ack(cpu[1]), 0x71);
	test_advance(700000);
	assert_int_equal(who(0xee), 2);
	test_advance(1000000);
	assert_int_equal(who(0xee), 2);
}

static void expired_one_shot_does_not_fire_again_after_restore(void **state)
{
	struct kvm_lapic_state s;

	xapic(1);
	apic_wr(cpu[0], LAPIC_LVTT, 0xee);
	apic_wr(cpu[0], LAPIC_TMICT, 1000);
	test_now_ns += 2000;			/* due, but the host timer is late */
	assert_int_equal(lapic_get_state(cpu[0], &s), 0);
	assert_true(st_reg(&s, LAPIC_IRR + 7) & 1u << (0xee % 32));
	assert_int_equal(lapic_set_state(cpu[0], &s), 0);
	assert_int_equal(who(0xee), 1);
	test_advance(1000000);
	assert_int_equal(who(0xee), 0);
}

static void x2apic_state_has_the_id_in_the_format_chosen(void **state)
{
	struct kvm_lapic_state s;

	x2apic(2);
	icr(cpu[1], 0xabcd, 0x40c1);
	assert_int_equal(lapic_get_state(cpu[1], &s), 0);
	assert_int_equal(st_reg(&s, LAPIC_ID), 1u << 24);
	assert_int_equal(st_reg(&s, LAPIC_LDR), 2);
	assert_int_equal(st_reg(&s, LAPIC_ICR), 0x40c1);
	assert_int_equal(st_reg(&s, LAPIC_ICR2), 0xabcd);
	assert_int_equal(lapic_set_state(cpu[1], &s), 0);
	assert_int_equal(x2_rd(cpu[1], LAPIC_ID), 1);
	assert_int_equal(x2_rd(cpu[1], LAPIC_ICR), 0xabcd000040c1);

	vm->irqs.x2apic_32bit_ids = true;
	assert_int_equal(lapic_get_state(cpu[1], &s), 0);
	assert_int_equal(st_reg(&s, LAPIC_ID), 1);
	assert_int_equal(lapic_set_state(cpu[1], &s), 0);
	set_st_reg(&s, LAPIC_ID, 2);
	assert_int_equal(lapic_set_state(cpu[1], &s), -EINVAL);
}

static void irr_is_kept_as_given(void **state)
{
	struct kvm_lapic_state s;

	xapic(1);
	assert_int_equal(lapic_get_state(cpu[0], &s), 0);
	set_st_reg(&s, LAPIC_IRR, 0xa5a5a5a5);
	assert_int_equal(lapic_set_state(cpu[0], &s), 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_IRR), 0xa5a5a5a5);
	set_st_reg(&s, LAPIC_IRR, 0x0000ffff);	/* no such vectors */
	assert_int_equal(lapic_set_state(cpu[0], &s), 0);
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void hostile_state_is_bounded(void **state)
{
	struct kvm_lapic_state s;
	unsigned int i;

	xapic(1);
	memset(&s, 0xff, sizeof(s));
	assert_int_equal(lapic_set_state(cpu[0], &s), 0);
	assert_int_equal(apic_rd(cpu[0], LAPIC_LVR), 0x50014);
	for (i = 0; i < 300; i++) {
		int vector = vcpu_intr_ack(cpu[0]);

		assert_true(vector < 0 || vector >= 16);
		apic_wr(cpu[0], LAPIC_EOI, 0);
	}
	test_advance(1000000);
}

static void no_apic_means_no_interrupt(void **state)
{
	struct kvm_lapic_state s;
	u64 val;

	vm_bare();
	vm_add_cpu(0);
	assert_null(cpu[0]->apic);
	assert_false(vcpu_intr_pending(cpu[0]));
	assert_int_equal(vcpu_intr_ack(cpu[0]), -1);
	assert_int_equal(lapic_take_init_sipi(cpu[0]), 0);
	assert_false(lapic_in_range(cpu[0], XAPIC_PAGE));
	assert_int_equal(lapic_msr_read(cpu[0], 0x802, &val), 1);
	assert_int_equal(lapic_get_state(cpu[0], &s), -EINVAL);
	assert_int_equal(lapic_take_eoi_exit(cpu[0]), -1);
	lapic_set_tsc_deadline(cpu[0], 1);
}

/* --- threads --- */

#define SENDERS	2
#define ROUNDS	5000

static u32 served[SENDERS];
static bool give_up;

/* Sends the next one when the last was served: a lost one stops it. */
static void *sender(void *arg)
{
	unsigned int me = (unsigned long)arg;
	u32 i;

	for (i = 0; i < ROUNDS && !READ_ONCE(give_up); i++) {
		lapic_accept(cpu[0]->apic, LAPIC_DM_FIXED, 0x40 + 0x20 * me, me & 1, true);
		while (__atomic_load_n(&served[me], __ATOMIC_ACQUIRE) <= i && !READ_ONCE(give_up))
			sched_yield();
	}
	return NULL;
}

static void none_is_lost_between_threads(void **state)
{
	pthread_t t[SENDERS];
	unsigned long i;
	u32 idle = 0;

	xapic(1);
	memset(served, 0, sizeof(served));
	give_up = false;
	for (i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, sender, (void *)i), 0);
	while (served[0] + served[1] < SENDERS * ROUNDS && idle < 10000000) {
		int vector = vcpu_intr_pending(cpu[0]) ? take(cpu[0]) : -1;

		if (vector >= 0) {
			__atomic_fetch_add(&served[(vector - 0x40) / 0x20], 1, __ATOMIC_RELEASE);
			idle = 0;
		} else {
			idle++;
			sched_yield();
		}
	}
	WRITE_ONCE(give_up, true);
	for (i = 0; i < SENDERS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(served[0], ROUNDS);
	assert_int_equal(served[1], ROUNDS);
}

static void creation_survives_each_failed_allocation(void **state)
{
	struct vcpu *v;
	long n;

	vm_with(0);
	for (n = 0;; n++) {
		int err;

		assert_true(n < 50);
		test_alloc_budget = n;
		err = vcpu_new(vm, 0, &v);
		test_alloc_budget = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
	}
	assert_true(n > 0);
	vcpu_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reset_state_is_architectural),
		T(map_of_apic_ids_reaches_those_that_exist),
		T(disabled_apic_takes_no_fixed_interrupt),
		T(software_disable_masks_lvts),
		T(mmio_wants_aligned_dwords),
		T(page_reads_ones_where_no_xapic_answers),
		T(page_can_be_moved),
		T(base_transitions_follow_the_manual),
		T(base_reserved_bits_fault),
		T(ids_follow_the_mode),
		T(x2apic_msrs_fault_outside_x2apic_mode),
		T(x2apic_reserved_registers_fault),
		T(x2apic_reserved_bits_fault),
		T(x2apic_icr_reads_back_whole_without_busy),
		T(self_ipi_register_sends),
		T(highest_vector_goes_first),
		T(same_class_does_not_nest),
		T(tpr_is_a_threshold),
		T(ppr_prefers_higher_of_tpr_and_isr),
		T(second_arrival_coalesces_but_one_in_service_does_not_block),
		T(eoi_without_isr_is_harmless),
		T(illegal_vectors_are_errors),
		T(error_vector_that_is_illegal_does_not_recurse),
		T(shorthands),
		T(physical_destination_and_broadcast),
		T(aliased_xapic_ids_all_get_it),
		T(logical_flat),
		T(logical_cluster),
		T(logical_x2apic_is_derived_from_the_id),
		T(lowest_priority_goes_to_the_least_busy),
		T(hardware_disabled_apic_hears_nothing),
		T(nmi_ipi_queues_two_at_most),
		T(init_then_sipi),
		T(init_and_sipi_may_arrive_together_but_init_undoes_sipi),
		T(init_resets_registers_but_not_identity),
		T(one_shot_fires_once),
		T(divider_scales_and_rescales),
		T(periodic_goes_on_without_drift),
		T(too_short_a_period_is_stretched),
		T(mode_change_keeps_the_count),
		T(masked_timer_is_silent),
		T(tsc_deadline_fires_and_clears),
		T(tsc_deadline_in_the_past_fires_at_once),
		T(tsc_deadline_waits_for_the_tsc),
		T(deadline_mode_needs_the_feature),
		T(state_survives_round_trip),
		T(expired_one_shot_does_not_fire_again_after_restore),
		T(x2apic_state_has_the_id_in_the_format_chosen),
		T(irr_is_kept_as_given),
		T(hostile_state_is_bounded),
		T(no_apic_means_no_interrupt),
		T(none_is_lost_between_threads),
		T(creation_survives_each_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
