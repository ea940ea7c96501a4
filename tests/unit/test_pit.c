// SPDX-License-Identifier: GPL-2.0-or-later
/* The i8254, with time moved by hand. */
#include "tests/unit/irq_vm.h"
#include "core/irq/pic.h"
#include "core/irq/pit.h"

/* Nanoseconds after which n ticks are over, and one before that. */
static u64 ns(u64 ticks)
{
	return (ticks * 1000000000 + PIT_HZ - 1) / PIT_HZ;
}

static void setup(void)
{
	struct kvm_pit_config cfg = { .flags = KVM_PIT_SPEAKER_DUMMY };

	vm_with(1);
	assert_int_equal(pit_create(vm, &cfg), 0);
	apic_on(cpu[0]);
	outb(0x21, 0xff);
	rte(0, 0x30, 0);
}

static void program(unsigned int ch, unsigned int mode, u16 count)
{
	outb(0x43, ch << 6 | 0x30 | mode << 1);
	outb(0x40 + ch, count);
	outb(0x40 + ch, count >> 8);
}

static u16 counter(unsigned int ch)
{
	u8 lo;

	outb(0x43, ch << 6);			/* latch */
	lo = inb(0x40 + ch);
	return inb(0x40 + ch) << 8 | lo;
}

static u8 status(unsigned int ch)
{
	outb(0x43, 0xe0 | 2 << ch);
	return inb(0x40 + ch);
}

static bool out(unsigned int ch)
{
	return status(ch) & 0x80;
}

static unsigned int ticks_taken(void)
{
	unsigned int n = 0;

	while (take(cpu[0]) == 0x30)
		n++;
	return n;
}

static void silent_until_programmed(void **state)
{
	setup();
	test_advance(1000000000);
	assert_int_equal(ticks_taken(), 0);
}

static void mode2_ticks_periodically(void **state)
{
	unsigned int i;

	setup();
	program(0, 2, 1193);
	for (i = 0; i < 20; i++) {
		test_advance(ns(1193) - 1);
		assert_int_equal(ticks_taken(), 0);
		test_advance(1);
		assert_int_equal(ticks_taken(), 1);
	}
}

static void mode2_output_dips_for_the_last_tick(void **state)
{
	setup();
	program(0, 2, 1000);
	test_advance(ns(400));
	assert_int_equal(counter(0), 600);
	assert_true(out(0));
	test_advance(ns(999) - ns(400));
	assert_int_equal(counter(0), 1);
	assert_false(out(0));
	test_advance(ns(1000) - ns(999));
	assert_int_equal(counter(0), 1000);
	assert_true(out(0));
}

static void mode3_is_a_square_wave(void **state)
{
	setup();
	program(2, 3, 1001);
	outb(0x61, 1);
	assert_true(out(2));
	test_advance(ns(250));
	assert_int_equal(counter(2), 500);
	test_advance(ns(500) - ns(250));
	assert_true(out(2));
	test_advance(ns(501) - ns(500));
	assert_false(out(2));
	assert_int_equal(inb(0x61) & 0x20, 0);
	test_advance(ns(1001) - ns(501));
	assert_true(out(2));
}

static void mode0_interrupts_once_and_stays_high(void **state)
{
	setup();
	program(0, 0, 5000);
	assert_false(out(0));
	test_advance(ns(5000) - 1);
	assert_int_equal(ticks_taken(), 0);
	test_advance(1);
	assert_int_equal(ticks_taken(), 1);
	assert_true(out(0));
	assert_int_equal(counter(0), 0);
	test_advance(ns(5001) - ns(5000));
	assert_int_equal(counter(0), 0xffff);
	test_advance(1000000000);
	assert_int_equal(ticks_taken(), 0);
	assert_true(out(0));
}

static void mode4_strobes_once(void **state)
{
	setup();
	program(0, 4, 5000);
	assert_true(out(0));
	test_advance(ns(5000));
	assert_int_equal(ticks_taken(), 1);
	assert_false(out(0));
	test_advance(ns(5001) - ns(5000));
	assert_true(out(0));
	test_advance(1000000000);
	assert_int_equal(ticks_taken(), 0);
}

static void modes1_and_5_start_with_the_gate(void **state)
{
	setup();
	program(2, 1, 1000);
	outb(0x61, 0);
	test_advance(ns(300));
	outb(0x61, 1);
	assert_int_equal(counter(2), 1000);
	assert_false(out(2));
	test_advance(ns(600));
	outb(0x61, 0);				/* goes on without the gate */
	assert_int_equal(counter(2), 400);
	test_advance(ns(1000) - ns(600));
	assert_true(out(2));
	outb(0x61, 1);				/* again */
	assert_false(out(2));

	program(2, 5, 1000);
	outb(0x61, 0);
	outb(0x61, 1);
	test_advance(ns(1000));
	assert_false(out(2));
	test_advance(ns(1001) - ns(1000));
	assert_true(out(2));
}

static void low_gate_stops_mode0(void **state)
{
	setup();
	outb(0x61, 1);
	program(2, 0, 1000);
	test_advance(ns(300));
	outb(0x61, 0);
	test_advance(ns(5000));
	assert_int_equal(counter(2), 700);
	outb(0x61, 1);
	test_advance(ns(100));
	assert_int_equal(counter(2), 600);
	/* Loaded with a low gate, it waits. */
	outb(0x61, 0);
	program(2, 0, 1000);
	test_advance(ns(300));
	assert_int_equal(counter(2), 1000);
}

static void control_word_stops_the_ticks(void **state)
{
	setup();
	program(0, 2, 1193);
	test_advance(ns(1193));
	assert_int_equal(ticks_taken(), 1);
	outb(0x43, 0x30);
	test_advance(1000000000);
	assert_int_equal(ticks_taken(), 0);
	program(0, 2, 1193);
	test_advance(ns(1193));
	assert_int_equal(ticks_taken(), 1);
}

static void zero_counts_as_65536(void **state)
{
	setup();
	program(0, 2, 0);
	test_advance(ns(65536) - 1);
	assert_int_equal(ticks_taken(), 0);
	test_advance(1);
	assert_int_equal(ticks_taken(), 1);
}

static void too_short_a_period_is_stretched(void **state)
{
	unsigned int i, n = 0;

	setup();
	program(0, 2, 1);
	for (i = 0; i < 1000; i++) {
		test_advance(1000);
		n += ticks_taken();
	}
	assert_int_equal(n, 5);
}

static void bytes_are_written_and_read_as_programmed(void **state)
{
	setup();
	outb(0x43, 0x14);			/* low byte only */
	outb(0x40, 200);
	test_advance(ns(50));
	assert_int_equal(inb(0x40), 150);
	outb(0x43, 0x24);			/* high byte only */
	outb(0x40, 2);
	test_advance(ns(256));
	assert_int_equal(inb(0x40), 1);
	program(0, 2, 0x1234);
	assert_int_equal(inb(0x40), 0x34);
	assert_int_equal(inb(0x40), 0x12);
	assert_int_equal(inb(0x40), 0x34);
}

static void latched_count_stands_still(void **state)
{
	setup();
	program(0, 2, 10000);
	test_advance(ns(1000));
	outb(0x43, 0x00);
	test_advance(ns(2000));
	outb(0x43, 0x00);			/* the first latch holds */
	assert_int_equal(inb(0x40), 9000 & 0xff);
	assert_int_equal(inb(0x40), 9000 >> 8);
	assert_int_equal(counter(0), 10000 - 3000);
}

static void read_back_latches_status_and_count(void **state)
{
	setup();
	program(0, 2, 10000);
	program(2, 0, 10000);
	outb(0x61, 1);
	test_advance(ns(1000));
	outb(0x43, 0xc0 | 2 | 8);		/* both, of 0 and 2 */
	test_advance(ns(1000));
	assert_int_equal(inb(0x40), 0x80 | 0x30 | 2 << 1);
	assert_int_equal(inb(0x40), 9000 & 0xff);
	assert_int_equal(inb(0x40), 9000 >> 8);
	assert_int_equal(inb(0x42), 0x30);
	assert_int_equal(inb(0x42), 9000 & 0xff);
	assert_int_equal(inb(0x42), 9000 >> 8);
}

static void bcd_counts_in_decimal(void **state)
{
	setup();
	outb(0x43, 0x35);
	outb(0x40, 0x00);
	outb(0x40, 0x10);			/* 1000 */
	test_advance(ns(1));
	assert_int_equal(counter(0), 0x0999);
	test_advance(ns(1000) - ns(1));
	assert_int_equal(ticks_taken(), 1);
	outb(0x43, 0x35);
	outb(0x40, 0);
	outb(0x40, 0);				/* 10000 */
	test_advance(ns(10000) - 1);
	assert_int_equal(ticks_taken(), 0);
	test_advance(1);
	assert_int_equal(ticks_taken(), 1);
	outb(0x43, 0x35);
	outb(0x40, 0xff);			/* no digits at all */
	outb(0x40, 0xff);
	test_advance(1000000000);
}

static void port61_shows_gate_speaker_and_refresh(void **state)
{
	u8 a;

	setup();
	outb(0x61, 0xff);
	assert_int_equal(inb(0x61) & 3, 3);
	outb(0x61, 0);
	assert_int_equal(inb(0x61) & 3, 0);
	a = inb(0x61) & 0x10;
	test_advance(1 << 14);
	assert_int_not_equal(inb(0x61) & 0x10, a);
}

static void port61_is_user_spaces_without_the_flag(void **state)
{
	struct kvm_pit_config cfg = { 0 };
	u8 val;

	vm_with(1);
	assert_int_equal(pit_create(vm, &cfg), 0);
	assert_int_equal(bus_read(&vm->pio, cpu[0], 0x61, &val, 1), -ENOENT);
}

/* --- reinjection --- */

static void missed_ticks_are_made_up_for(void **state)
{
	setup();
	program(0, 2, 1193);
	test_advance(ns(1193) * 5);
	assert_int_equal(ticks_taken(), 5);
	assert_int_equal(ticks_taken(), 0);
	/* One that was made up for does not delay the next. */
	test_advance(ns(1193));
	assert_int_equal(ticks_taken(), 1);
}

static void without_reinjection_ticks_merge(void **state)
{
	struct kvm_reinject_control rc = { .pit_reinject = 0 };

	setup();
	assert_int_equal(pit_reinject(vm, &rc), 0);
	assert_int_equal(vm->irqs.ack_ioapic, 0);
	program(0, 2, 1193);
	test_advance(ns(1193) * 5);
	assert_int_equal(ticks_taken(), 1);
	test_advance(ns(1193));
	assert_int_equal(ticks_taken(), 1);
}

static void unmasking_forgives_missed_ticks(void **state)
{
	setup();
	rte(0, 0x30 | RTE_LOW_MASKED, 0);
	program(0, 2, 1193);
	test_advance(ns(1193) * 50);
	rte(0, 0x30, 0);
	test_advance(ns(1193));
	assert_int_equal(ticks_taken(), 1);
}

static void pic_gets_made_up_ticks_too(void **state)
{
	unsigned int n = 0;

	setup();
	rte(0, 0x30 | RTE_LOW_MASKED, 0);
	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, 1);
	program(0, 2, 1193);
	test_advance(ns(1193) * 3);
	while (vcpu_intr_pending(cpu[0])) {
		assert_int_equal(vcpu_intr_ack(cpu[0]), 0x20);
		outb(0x20, 0x20);
		n++;
		assert_true(n < 10);
	}
	assert_int_equal(n, 3);
}

static void pic_in_auto_eoi_mode_gets_made_up_ticks(void **state)
{
	unsigned int n = 0;

	setup();
	rte(0, 0x30 | RTE_LOW_MASKED, 0);
	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 4); outb(0x21, 3);
	program(0, 2, 1193);
	test_advance(ns(1193) * 3);
	while (vcpu_intr_pending(cpu[0])) {
		assert_int_equal(vcpu_intr_ack(cpu[0]), 0x20);
		assert_true(++n < 10);
	}
	assert_int_equal(n, 3);
}

static void lint0_in_nmi_mode_is_a_watchdog(void **state)
{
	setup();
	apic_wr(cpu[0], LAPIC_LVT0, 0x400);
	program(0, 2, 1193);
	test_advance(ns(1193));
	assert_int_equal(cpu[0]->nmi_pending, 1);
	apic_wr(cpu[0], LAPIC_LVT0, 0x10400);
	assert_int_equal(vm->irqs.lint0_nmi, 0);
}

/* --- state, creation --- */

static void state_survives_round_trip(void **state)
{
	struct kvm_pit_state2 st, again;

	setup();
	program(0, 2, 1193);
	program(2, 3, 500);
	outb(0x61, 3);
	outb(0x42, 0x77);			/* half a count */
	assert_int_equal(pit_get(vm, &st), 0);
	assert_int_equal(st.channels[0].count, 1193);
	assert_int_equal(st.channels[0].mode, 2);
	assert_int_equal(st.channels[2].gate, 1);
	assert_int_equal(st.flags, KVM_PIT_FLAGS_SPEAKER_DATA_ON);
	vm_done(NULL);

	setup();
	assert_int_equal(pit_set(vm, &st), 0);
	assert_int_equal(pit_get(vm, &again), 0);
	assert_memory_equal(&again, &st, sizeof(st));
	test_advance(ns(1193));
	assert_int_equal(ticks_taken(), 1);
	outb(0x42, 0x01);
	assert_int_equal(counter(2), 0x176);	/* 0177h, in steps of two */
}

static void hpet_legacy_silences_channel0(void **state)
{
	struct kvm_pit_state2 st;

	setup();
	program(0, 2, 1193);
	pit_get(vm, &st);
	st.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
	assert_int_equal(pit_set(vm, &st), 0);
	test_advance(ns(1193) * 3);
	assert_int_equal(ticks_taken(), 0);
	st.flags = 0;
	assert_int_equal(pit_set(vm, &st), 0);
	test_advance(ns(1193));
	assert_int_equal(ticks_taken(), 1);
}

static void hostile_state_is_bounded(void **state)
{
	struct kvm_pit_state2 st;
	unsigned int i;

	setup();
	memset(&st, 0xff, sizeof(st));
	assert_int_equal(pit_set(vm, &st), 0);
	for (i = 0; i < 300; i++) {
		outb(0x43, i);
		inb(0x40 + i % 3);
		outb(0x40 + i % 3, i * 7);
		test_advance(100000);
		while (take(cpu[0]) >= 0)
			;
	}
	memset(&st, 0, sizeof(st));
	assert_int_equal(pit_set(vm, &st), 0);
	test_advance(1000000000);
	counter(0);
}

static void creation_errors(void **state)
{
	struct kvm_pit_config cfg = { 0 };
	struct kvm_reinject_control rc = { 0 };
	struct kvm_pit_state2 st = { 0 };

	vm_bare();
	vm_add_cpu(0);
	assert_int_equal(pit_create(vm, &cfg), -ENOENT);
	assert_int_equal(pit_get(vm, &st), -ENXIO);
	assert_int_equal(pit_set(vm, &st), -ENXIO);
	assert_int_equal(pit_reinject(vm, &rc), -ENXIO);
	vm_done(NULL);
	vm_with(0);
	assert_int_equal(pit_create(vm, &cfg), 0);
	assert_int_equal(pit_create(vm, &cfg), -EEXIST);
}

static void creation_survives_each_failed_allocation(void **state)
{
	struct kvm_pit_config cfg = { .flags = KVM_PIT_SPEAKER_DUMMY };
	long n;

	vm_with(1);
	for (n = 0;; n++) {
		int err;

		assert_true(n < 50);
		test_alloc_budget = n;
		err = pit_create(vm, &cfg);
		test_alloc_budget = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(vm->irqs.pit);
	}
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(silent_until_programmed),
		T(mode2_ticks_periodically),
		T(mode2_output_dips_for_the_last_tick),
		T(mode3_is_a_square_wave),
		T(mode0_interrupts_once_and_stays_high),
		T(mode4_strobes_once),
		T(modes1_and_5_start_with_the_gate),
		T(low_gate_stops_mode0),
		T(control_word_stops_the_ticks),
		T(zero_counts_as_65536),
		T(too_short_a_period_is_stretched),
		T(bytes_are_written_and_read_as_programmed),
		T(latched_count_stands_still),
		T(read_back_latches_status_and_count),
		T(bcd_counts_in_decimal),
		T(port61_shows_gate_speaker_and_refresh),
		T(port61_is_user_spaces_without_the_flag),
		T(missed_ticks_are_made_up_for),
		T(without_reinjection_ticks_merge),
		T(unmasking_forgives_missed_ticks),
		T(pic_gets_made_up_ticks_too),
		T(pic_in_auto_eoi_mode_gets_made_up_ticks),
		T(lint0_in_nmi_mode_is_a_watchdog),
		T(state_survives_round_trip),
		T(hpet_legacy_silences_channel0),
		T(hostile_state_is_bounded),
		T(creation_errors),
		T(creation_survives_each_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
