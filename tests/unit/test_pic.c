// SPDX-License-Identifier: GPL-2.0-or-later
/* The 8259A pair, through its ports. */
#include "tests/unit/irq_vm.h"
#include "core/irq/pic.h"

static struct pic *pic;

/* As a BIOS leaves it: master at 20h, slave at 28h, all unmasked. */
static void setup_icw4(u8 icw4)
{
	vm_with(1);
	pic = vm->irqs.pic;
	outb(0x20, 0x11); outb(0x21, 0x20); outb(0x21, 0x04); outb(0x21, icw4);
	outb(0xa0, 0x11); outb(0xa1, 0x28); outb(0xa1, 0x02); outb(0xa1, icw4);
}

static void setup(void)
{
	setup_icw4(0x01);
}

static int raise(unsigned int n)
{
	return pic_set_irq(pic, n, 0, true);
}

static void lower(unsigned int n)
{
	pic_set_irq(pic, n, 0, false);
}

static void pulse(unsigned int n)
{
	raise(n);
	lower(n);
}

static void output_reaches_boot_cpu_through_lvt0(void **state)
{
	setup();
	cpu[0]->requests = 0;
	assert_false(vcpu_intr_pending(cpu[0]));
	raise(3);
	assert_true(cpu[0]->requests & REQ_EVENT);
	assert_true(vcpu_intr_pending(cpu[0]));
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x23);
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void masked_lvt0_keeps_output_away_until_unmasked(void **state)
{
	setup();
	apic_on(cpu[0]);
	apic_wr(cpu[0], LAPIC_LVT0, LAPIC_LVT_MASKED | 0x700);
	raise(3);
	assert_false(vcpu_intr_pending(cpu[0]));
	cpu[0]->requests = 0;
	apic_wr(cpu[0], LAPIC_LVT0, 0x700);
	assert_true(cpu[0]->requests & REQ_EVENT);
	assert_true(vcpu_intr_pending(cpu[0]));
	apic_wr(cpu[0], LAPIC_LVT0, 0x000);	/* fixed: no virtual wire */
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void disabled_apic_passes_output_on(void **state)
{
	setup();
	apic_on(cpu[0]);
	apic_wr(cpu[0], LAPIC_LVT0, LAPIC_LVT_MASKED);
	raise(3);
	assert_int_equal(lapic_set_base(cpu[0], LAPIC_BASE_DEFAULT, false), 0);
	assert_true(vcpu_intr_pending(cpu[0]));
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x23);
}

static void lower_priority_waits_for_eoi(void **state)
{
	setup();
	raise(1);
	assert_int_equal(pic_ack(pic), 0x21);
	raise(4);
	assert_false(pic_output(pic));
	raise(0);
	assert_int_equal(pic_ack(pic), 0x20);
	outb(0x20, 0x20);			/* ends 0 */
	assert_false(pic_output(pic));
	outb(0x20, 0x20);			/* ends 1 */
	assert_true(pic_output(pic));
	assert_int_equal(pic_ack(pic), 0x24);
}

static void slave_irq_raises_cascade(void **state)
{
	setup();
	raise(12);
	assert_true(pic_output(pic));
	assert_int_equal(pic_ack(pic), 0x2c);
	outb(0x20, 0x0b); outb(0xa0, 0x0b);	/* read ISR */
	assert_int_equal(inb(0x20), 1 << 2);
	assert_int_equal(inb(0xa0), 1 << 4);
	/* The slave's next is held back by the cascade in service. */
	outb(0xa0, 0x20);
	pulse(9);
	assert_false(pic_output(pic));
	outb(0x20, 0x20);
	assert_int_equal(pic_ack(pic), 0x29);
}

static void sfnm_lets_slave_interrupt_slave(void **state)
{
	setup_icw4(0x11);
	pulse(12);
	assert_int_equal(pic_ack(pic), 0x2c);
	pulse(9);
	assert_true(pic_output(pic));
	assert_int_equal(pic_ack(pic), 0x29);
}

static void ack_without_request_is_spurious(void **state)
{
	setup();
	assert_int_equal(pic_ack(pic), 0x27);
	assert_int_equal(pic->chip[0].isr, 0);
}

static void slave_request_that_goes_away_is_spurious_on_slave(void **state)
{
	setup();
	outb(0x4d1, 0x02);			/* IRQ 9 level */
	raise(9);
	/* The master has latched the cascade when the line falls. */
	pic->chip[1].irr = 0;
	assert_int_equal(pic_ack(pic), 0x2f);
	assert_int_equal(pic->chip[0].isr, 1 << 2);
	assert_int_equal(pic->chip[1].isr, 0);
}

static void edge_needs_line_to_fall_first(void **state)
{
	setup();
	assert_int_equal(raise(5), 1);
	assert_int_equal(pic_ack(pic), 0x25);
	outb(0x20, 0x20);
	assert_int_equal(raise(5), 0);		/* still high: no edge */
	assert_false(pic_output(pic));
	lower(5);
	raise(5);
	assert_true(pic_output(pic));
}

static void edge_stays_requested_when_line_falls(void **state)
{
	setup();
	pulse(5);
	assert_true(pic_output(pic));
	assert_int_equal(raise(5), 0);		/* coalesced */
	assert_int_equal(pic_ack(pic), 0x25);
}

static void level_retriggers_until_line_falls(void **state)
{
	setup();
	outb(0x4d0, 0x20);
	raise(5);
	assert_int_equal(pic_ack(pic), 0x25);
	outb(0x20, 0x65);			/* specific EOI */
	assert_int_equal(pic_ack(pic), 0x25);
	lower(5);
	outb(0x20, 0x65);
	assert_false(pic_output(pic));
}

static void level_line_is_up_while_any_source_holds_it(void **state)
{
	setup();
	outb(0x4d1, 0x08);
	pic_set_irq(pic, 11, 0, true);
	pic_set_irq(pic, 11, 1, true);
	pic_set_irq(pic, 11, 0, false);
	assert_true(pic_output(pic));
	pic_set_irq(pic, 11, 1, false);
	assert_false(pic_output(pic));
}

static void elcr_keeps_system_inputs_edge_triggered(void **state)
{
	setup();
	outb(0x4d0, 0xff);
	outb(0x4d1, 0xff);
	assert_int_equal(inb(0x4d0), 0xf8);
	assert_int_equal(inb(0x4d1), 0xde);
	outb(0x20, 0x11);			/* ICW1 keeps it */
	assert_int_equal(inb(0x4d0), 0xf8);
}

static void masked_input_is_reported_and_remembered(void **state)
{
	setup();
	outb(0x21, 0x10);
	assert_true(raise(4) < 0);
	assert_false(pic_output(pic));
	outb(0x20, 0x0a);
	assert_int_equal(inb(0x20), 0x10);
	outb(0x21, 0x00);
	assert_int_equal(pic_ack(pic), 0x24);
}

static void rotation_gives_served_input_lowest_priority(void **state)
{
	setup();
	pulse(3);
	assert_int_equal(pic_ack(pic), 0x23);
	outb(0x20, 0xa0);			/* rotate on non-specific EOI */
	pulse(3);
	pulse(4);
	pulse(2 + 6);				/* slave: cascade input 2 */
	assert_int_equal(pic_ack(pic), 0x24);
	outb(0x20, 0x64);
	assert_int_equal(pic_ack(pic), 0x28);	/* 2 comes before 3 now */
	outb(0x20, 0x62);
	assert_int_equal(pic_ack(pic), 0x23);
}

static void set_priority_moves_the_bottom(void **state)
{
	setup();
	outb(0x20, 0xc0 | 4);			/* 4 is the lowest, 5 the highest */
	pulse(0);
	pulse(5);
	assert_int_equal(pic_ack(pic), 0x25);
	pulse(4);
	assert_false(pic_output(pic));		/* below 5, as is 0 */
	outb(0x20, 0xe0 | 5);			/* specific EOI with rotation */
	assert_int_equal(pic_ack(pic), 0x20);
}

static void auto_eoi_leaves_nothing_in_service(void **state)
{
	setup_icw4(0x03);
	pulse(6);
	assert_int_equal(pic_ack(pic), 0x26);
	assert_int_equal(pic->chip[0].isr, 0);
	pulse(7);
	assert_int_equal(pic_ack(pic), 0x27);
	outb(0x20, 0x80);			/* rotate in AEOI mode */
	pulse(0);
	assert_int_equal(pic_ack(pic), 0x20);
	pulse(0);
	pulse(1);
	assert_int_equal(pic_ack(pic), 0x21);
}

static void special_mask_lets_lower_ones_in(void **state)
{
	setup();
	pulse(1);
	assert_int_equal(pic_ack(pic), 0x21);
	pulse(6);
	assert_false(pic_output(pic));
	outb(0x21, 0x02);
	outb(0x20, 0x68);			/* set special mask */
	assert_int_equal(pic_ack(pic), 0x26);
	outb(0x20, 0x20);			/* ends 6: 1 is masked */
	assert_int_equal(pic->chip[0].isr, 0x02);
	outb(0x20, 0x48);			/* back */
	pulse(6);
	assert_false(pic_output(pic));
}

static void poll_acknowledges(void **state)
{
	setup();
	outb(0x20, 0x0c);
	assert_int_equal(inb(0x20), 0);
	pulse(5);
	outb(0x20, 0x0c);
	assert_int_equal(inb(0x20), 0x85);
	assert_int_equal(pic->chip[0].isr, 0x20);
	assert_int_equal(inb(0x20), 0);		/* one read a poll: this is IRR */
}

static void icw1_forgets_edges_and_masks(void **state)
{
	setup();
	outb(0x21, 0xff);
	raise(3);
	outb(0x20, 0x11);
	assert_int_equal(pic->chip[0].irr, 0);
	outb(0x21, 0x40); outb(0x21, 0x04); outb(0x21, 0x01);
	assert_int_equal(inb(0x21), 0);
	raise(3);				/* the edge sense was reset: high is an edge */
	assert_int_equal(pic_ack(pic), 0x43);
}

static void icw4_may_be_left_out(void **state)
{
	setup_icw4(0x13);
	outb(0x20, 0x10); outb(0x21, 0x50); outb(0x21, 0x04);
	outb(0x21, 0xfe);			/* OCW1 already */
	assert_int_equal(inb(0x21), 0xfe);
	assert_false(pic->chip[0].auto_eoi);
	assert_false(pic->chip[0].sfnm);
	pulse(0);
	assert_int_equal(pic_ack(pic), 0x50);
}

static void eoi_with_nothing_in_service_is_harmless(void **state)
{
	setup();
	outb(0x20, 0x20);
	outb(0xa0, 0x20);
	outb(0x20, 0x67);
	pulse(7);
	assert_int_equal(pic_ack(pic), 0x27);
}

static void state_survives_round_trip(void **state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_SLAVE }, again;

	setup();
	outb(0x4d1, 0x0c);
	raise(10);
	outb(0xa1, 0x80);
	outb(0xa0, 0x68);
	assert_int_equal(irqs_get_chip(vm, &chip), 0);
	assert_int_equal(chip.chip.pic.irq_base, 0x28);
	assert_int_equal(chip.chip.pic.elcr, 0x0c);
	assert_int_equal(chip.chip.pic.elcr_mask, 0xde);
	assert_int_equal(chip.chip.pic.irr, 0x04);
	assert_int_equal(chip.chip.pic.special_mask, 1);
	vm_done(NULL);

	vm_with(1);
	assert_int_equal(irqs_set_chip(vm, &chip), 0);
	again = (struct kvm_irqchip){ .chip_id = KVM_IRQCHIP_PIC_SLAVE };
	assert_int_equal(irqs_get_chip(vm, &again), 0);
	assert_memory_equal(&again, &chip, sizeof(chip));
	assert_true(pic_output(vm->irqs.pic));
}

static void hostile_state_is_bounded(void **state)
{
	struct kvm_irqchip chip;

	setup();
	memset(&chip, 0xff, sizeof(chip));
	chip.chip_id = KVM_IRQCHIP_PIC_MASTER;
	assert_int_equal(irqs_set_chip(vm, &chip), 0);
	pic_ack(pic);
	raise(7);
	inb(0x20);
	outb(0x21, 0x12);
	chip.chip_id = 3;
	assert_int_equal(irqs_set_chip(vm, &chip), -EINVAL);
	assert_int_equal(irqs_get_chip(vm, &chip), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(output_reaches_boot_cpu_through_lvt0),
		T(masked_lvt0_keeps_output_away_until_unmasked),
		T(disabled_apic_passes_output_on),
		T(lower_priority_waits_for_eoi),
		T(slave_irq_raises_cascade),
		T(sfnm_lets_slave_interrupt_slave),
		T(ack_without_request_is_spurious),
		T(slave_request_that_goes_away_is_spurious_on_slave),
		T(edge_needs_line_to_fall_first),
		T(edge_stays_requested_when_line_falls),
		T(level_retriggers_until_line_falls),
		T(level_line_is_up_while_any_source_holds_it),
		T(elcr_keeps_system_inputs_edge_triggered),
		T(masked_input_is_reported_and_remembered),
		T(rotation_gives_served_input_lowest_priority),
		T(set_priority_moves_the_bottom),
		T(auto_eoi_leaves_nothing_in_service),
		T(special_mask_lets_lower_ones_in),
		T(poll_acknowledges),
		T(icw1_forgets_edges_and_masks),
		T(icw4_may_be_left_out),
		T(eoi_with_nothing_in_service_is_harmless),
		T(state_survives_round_trip),
		T(hostile_state_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
