// SPDX-License-Identifier: GPL-2.0-or-later
/* Local APIC timers: one-shot, periodic, TSC deadline. */
#include "tests/unit/lapic_bed.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
