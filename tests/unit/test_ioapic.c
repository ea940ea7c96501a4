// SPDX-License-Identifier: GPL-2.0-or-later
/* The I/O APIC, from its pins to the local APICs and back. */
#include "tests/unit/irq_vm.h"
#include "core/irq/ioapic.h"

static struct ioapic *io;

static void setup(unsigned int n)
{
	unsigned int i;

	vm_with(n);
	for (i = 0; i < n; i++)
		apic_on(cpu[i]);
	io = vm->irqs.ioapic;
}

static int raise(unsigned int pin)
{
	return ioapic_set_irq(io, pin, 0, true);
}

static int lower(unsigned int pin)
{
	return ioapic_set_irq(io, pin, 0, false);
}

static bool remote_irr(unsigned int pin)
{
	return ioapic_rd(0x10 + pin * 2) & RTE_LOW_REMOTE;
}

static void registers(void **state)
{
	u32 sel = 0x2f, val = 0;

	setup(1);
	assert_int_equal(ioapic_rd(1), 0x170011);
	ioapic_wr(0, 0xffffffff);
	assert_int_equal(ioapic_rd(0), 0x0f000000);
	assert_int_equal(ioapic_rd(2), 0x0f000000);
	ioapic_wr(1, 0);
	assert_int_equal(ioapic_rd(1), 0x170011);
	assert_int_equal(ioapic_rd(0x10), 0x10000);
	ioapic_wr(0x3e, 0xffffffff);
	ioapic_wr(0x3f, 0xffffffff);
	/* Read-only and reserved bits stay clear. */
	assert_int_equal(ioapic_rd(0x3e), 0x1afff);
	assert_int_equal(ioapic_rd(0x3f), 0xff000000);
	bus_write(&vm->mmio, cpu[0], IOAPIC_PAGE, &sel, 4);
	bus_read(&vm->mmio, cpu[0], IOAPIC_PAGE, &val, 4);
	assert_int_equal(val, 0x2f);
}

static void registers_out_of_range_are_ignored(void **state)
{
	u64 val = ~0ull;

	setup(1);
	ioapic_wr(0x40, 0x1234);
	ioapic_wr(0xff, 0x1234);
	assert_int_equal(ioapic_rd(0x40), 0xffffffff);
	assert_int_equal(ioapic_rd(0x05), 0xffffffff);
	assert_int_equal(bus_read(&vm->mmio, cpu[0], IOAPIC_PAGE + 0x40, &val, 8), 0);
	assert_int_equal(val, 0);
	assert_int_equal(bus_write(&vm->mmio, cpu[0], IOAPIC_PAGE + 0x40, &val, 8), 0);
}

static void masked_pin_is_silent(void **state)
{
	setup(1);
	assert_true(raise(5) < 0);
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void edge_is_sent_once_per_rise(void **state)
{
	setup(1);
	rte(5, 0x41, 0);
	assert_int_equal(raise(5), 1);
	assert_int_equal(raise(5), 0);
	assert_int_equal(take(cpu[0]), 0x41);
	assert_int_equal(take(cpu[0]), -1);
	lower(5);
	raise(5);
	assert_int_equal(take(cpu[0]), 0x41);
	assert_false(remote_irr(5));
}

static void edge_while_masked_is_lost(void **state)
{
	setup(1);
	rte(5, 0x41 | RTE_LOW_MASKED, 0);
	raise(5);
	rte(5, 0x41, 0);
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void level_waits_for_eoi_and_retriggers(void **state)
{
	setup(1);
	rte(9, 0x51 | RTE_LOW_LEVEL, 0);
	assert_int_equal(raise(9), 1);
	assert_true(remote_irr(9));
	assert_true(raise(9) < 0);		/* held back */
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x51);
	assert_false(vcpu_intr_pending(cpu[0]));
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_true(vcpu_intr_pending(cpu[0]));	/* still up */
	assert_true(remote_irr(9));
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x51);
	lower(9);
	assert_true(remote_irr(9));
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_false(remote_irr(9));
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void level_while_masked_is_sent_when_unmasked(void **state)
{
	setup(1);
	rte(9, 0x51 | RTE_LOW_LEVEL | RTE_LOW_MASKED, 0);
	raise(9);
	assert_false(vcpu_intr_pending(cpu[0]));
	ioapic_wr(0x22, 0x51 | RTE_LOW_LEVEL);
	assert_int_equal(take(cpu[0]), 0x51);
	/* Masked in service: the EOI does not send it again. */
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x51);
	ioapic_wr(0x22, 0x51 | RTE_LOW_LEVEL | RTE_LOW_MASKED);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_false(vcpu_intr_pending(cpu[0]));
	assert_false(remote_irr(9));
}

static void switching_to_edge_clears_remote_irr(void **state)
{
	setup(1);
	rte(9, 0x51 | RTE_LOW_LEVEL, 0);
	raise(9);
	lower(9);
	assert_true(remote_irr(9));
	ioapic_wr(0x22, 0x51 | RTE_LOW_LEVEL | RTE_LOW_REMOTE);
	assert_true(remote_irr(9));
	ioapic_wr(0x22, 0x51 | RTE_LOW_MASKED);
	assert_false(remote_irr(9));
	ioapic_wr(0x22, 0x51 | RTE_LOW_LEVEL);
	assert_false(remote_irr(9));
}

static void guest_cannot_set_remote_irr(void **state)
{
	setup(1);
	rte(9, 0x51 | RTE_LOW_LEVEL | RTE_LOW_REMOTE | 0x1000, 0);
	assert_int_equal(ioapic_rd(0x22), 0x51 | RTE_LOW_LEVEL);
	assert_int_equal(raise(9), 1);
}

static void tmr_follows_trigger_mode(void **state)
{
	setup(1);
	rte(4, 0x61 | RTE_LOW_LEVEL, 0);
	raise(4);
	lower(4);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMR + 3), 1u << 1);
	take(cpu[0]);
	rte(4, 0x61, 0);
	raise(4);
	assert_int_equal(apic_rd(cpu[0], LAPIC_TMR + 3), 0);
	assert_int_equal(take(cpu[0]), 0x61);
}

static void line_is_up_while_any_source_holds_it(void **state)
{
	setup(1);
	rte(9, 0x51 | RTE_LOW_LEVEL, 0);
	ioapic_set_irq(io, 9, 0, true);
	ioapic_set_irq(io, 9, 1, true);
	ioapic_set_irq(io, 9, 0, false);
	assert_int_equal(take(cpu[0]), 0x51);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x51);
	ioapic_set_irq(io, 9, 1, false);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void pins_may_share_a_vector(void **state)
{
	setup(1);
	rte(9, 0x51 | RTE_LOW_LEVEL, 0);
	rte(10, 0x51 | RTE_LOW_LEVEL, 0);
	raise(9);
	raise(10);
	assert_true(remote_irr(9) && remote_irr(10));
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x51);
	lower(9);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_false(remote_irr(9));
	assert_true(remote_irr(10));
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x51);
}

static void destinations(void **state)
{
	setup(3);
	rte(1, 0x41, 2);
	raise(1);
	assert_int_equal(take(cpu[2]), 0x41);
	assert_false(vcpu_intr_pending(cpu[0]));

	apic_wr(cpu[0], LAPIC_LDR, 0x01000000);
	apic_wr(cpu[1], LAPIC_LDR, 0x02000000);
	rte(2, 0x42 | RTE_LOW_LOGICAL, 3);
	assert_int_equal(raise(2), 2);
	assert_int_equal(take(cpu[0]), 0x42);
	assert_int_equal(take(cpu[1]), 0x42);
	assert_int_equal(take(cpu[2]), -1);

	apic_wr(cpu[0], LAPIC_TPR, 0x20);
	rte(3, 0x43 | RTE_LOW_LOGICAL | 0x100, 3);
	assert_int_equal(raise(3), 1);
	assert_int_equal(take(cpu[0]), -1);
	assert_int_equal(take(cpu[1]), 0x43);

	rte(4, 0x44, 9);			/* nobody */
	assert_true(raise(4) < 0);
}

static void broadcast_reaches_x2apic_unless_told_otherwise(void **state)
{
	setup(2);
	x2apic_on(cpu[1]);
	rte(1, 0x41, 0xff);
	assert_int_equal(raise(1), 2);
	lower(1);
	vm->irqs.x2apic_no_broadcast_quirk = true;
	assert_int_equal(raise(1), 1);
}

static void level_that_nobody_accepts_is_not_remembered(void **state)
{
	setup(1);
	apic_wr(cpu[0], LAPIC_SVR, 0xff);
	rte(9, 0x51 | RTE_LOW_LEVEL, 0);
	assert_int_equal(raise(9), 0);
	assert_false(remote_irr(9));
	apic_on(cpu[0]);
	assert_int_equal(raise(9), 1);
}

static void other_delivery_modes(void **state)
{
	setup(2);
	rte(1, 0x400, 1);
	raise(1);
	assert_int_equal(cpu[1]->nmi_pending, 1);
	rte(2, 0x500, 1);
	raise(2);
	assert_int_equal(lapic_take_init_sipi(cpu[1]), LAPIC_INIT);
	rte(3, 0x200, 1);
	raise(3);
	assert_true(cpu[1]->smi_pending);
	rte(4, 0x700, 1);			/* ExtINT: LVT0 sees to it */
	assert_int_equal(raise(4), 0);
}

static void state_survives_round_trip(void **state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC }, again;

	setup(1);
	ioapic_wr(0, 0x03000000);
	rte(9, 0x51 | RTE_LOW_LEVEL, 0);
	rte(4, 0x34, 0);
	raise(9);
	raise(4);
	assert_int_equal(irqs_get_chip(vm, &chip), 0);
	assert_int_equal(chip.chip.ioapic.base_address, IOAPIC_PAGE);
	assert_int_equal(chip.chip.ioapic.id, 3);
	/* The edge was sent; it must not be sent again on the other side. */
	assert_int_equal(chip.chip.ioapic.irr, 1u << 9);
	assert_int_equal(chip.chip.ioapic.redirtbl[9].bits, 0x51 | 0xc000);
	vm_done(NULL);

	setup(1);
	assert_int_equal(irqs_set_chip(vm, &chip), 0);
	again = (struct kvm_irqchip){ .chip_id = KVM_IRQCHIP_IOAPIC };
	assert_int_equal(irqs_get_chip(vm, &again), 0);
	assert_memory_equal(&again, &chip, sizeof(chip));
	assert_false(vcpu_intr_pending(cpu[0]));	/* it is in the LAPIC's state */
}

static void set_sends_what_was_up_and_not_sent(void **state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	setup(1);
	rte(9, 0x51 | RTE_LOW_LEVEL | RTE_LOW_MASKED, 0);
	raise(9);
	irqs_get_chip(vm, &chip);
	chip.chip.ioapic.redirtbl[9].bits = 0x51 | RTE_LOW_LEVEL;
	chip.chip.ioapic.redirtbl[23].bits = ~0ull;
	chip.chip.ioapic.irr |= 0xff000000;
	assert_int_equal(irqs_set_chip(vm, &chip), 0);
	assert_int_equal(vcpu_intr_ack(cpu[0]), 0x51);
	lower(9);
	apic_wr(cpu[0], LAPIC_EOI, 0);
	assert_false(vcpu_intr_pending(cpu[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(registers),
		T(registers_out_of_range_are_ignored),
		T(masked_pin_is_silent),
		T(edge_is_sent_once_per_rise),
		T(edge_while_masked_is_lost),
		T(level_waits_for_eoi_and_retriggers),
		T(level_while_masked_is_sent_when_unmasked),
		T(switching_to_edge_clears_remote_irr),
		T(guest_cannot_set_remote_irr),
		T(tmr_follows_trigger_mode),
		T(line_is_up_while_any_source_holds_it),
		T(pins_may_share_a_vector),
		T(destinations),
		T(broadcast_reaches_x2apic_unless_told_otherwise),
		T(level_that_nobody_accepts_is_not_remembered),
		T(other_delivery_modes),
		T(state_survives_round_trip),
		T(set_sends_what_was_up_and_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
