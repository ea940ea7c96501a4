// SPDX-License-Identifier: GPL-2.0-or-later
/* Local APICs: registers, modes, priorities. */
#include "tests/unit/lapic_bed.h"

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
		T(highest_vector_goes_first),
		T(same_class_does_not_nest),
		T(tpr_is_a_threshold),
		T(ppr_prefers_higher_of_tpr_and_isr),
		T(second_arrival_coalesces_but_one_in_service_does_not_block),
		T(eoi_without_isr_is_harmless),
		T(illegal_vectors_are_errors),
		T(error_vector_that_is_illegal_does_not_recurse),
		T(no_apic_means_no_interrupt),
		T(creation_survives_each_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
