// SPDX-License-Identifier: GPL-2.0-or-later
/* Local APICs: KVM_GET_LAPIC and KVM_SET_LAPIC. */
#include "tests/unit/lapic_bed.h"

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

/* As with KVM: it may have rung between a VMM's reading of one state and another. */
static void expired_one_shot_fires_once_more_after_restore(void **state)
{
	struct kvm_lapic_state s;

	xapic(1);
	apic_wr(cpu[0], LAPIC_LVTT, 0xee);
	apic_wr(cpu[0], LAPIC_TMICT, 1000);
	test_now_ns += 2000;			/* due, but the host timer is late */
	assert_int_equal(lapic_get_state(cpu[0], &s), 0);
	assert_true(st_reg(&s, LAPIC_IRR + 7) & 1u << (0xee % 32));
	assert_int_equal(lapic_set_state(cpu[0], &s), 0);
	test_advance(1);
	assert_int_equal(who(0xee), 1);
	test_advance(1000000);
	assert_int_equal(who(0xee), 0);
}

static void timer_without_initial_count_stays_silent_after_restore(void **state)
{
	struct kvm_lapic_state s;

	xapic(1);
	apic_wr(cpu[0], LAPIC_LVTT, 0xee);
	assert_int_equal(lapic_get_state(cpu[0], &s), 0);
	assert_int_equal(lapic_set_state(cpu[0], &s), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(state_survives_round_trip),
		T(expired_one_shot_fires_once_more_after_restore),
		T(timer_without_initial_count_stays_silent_after_restore),
		T(x2apic_state_has_the_id_in_the_format_chosen),
		T(irr_is_kept_as_given),
		T(hostile_state_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
