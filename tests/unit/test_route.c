// SPDX-License-Identifier: GPL-2.0-or-later
/* GSI routing, MSIs, the split irqchip, creation and its errors. */
#include "tests/unit/irq_vm.h"
#include "core/irq/ioapic.h"
#include "core/irq/pic.h"

#define MSI(dest)	(0xfee00000ull | (dest) << 12)

static struct kvm_irq_routing_entry chip_entry(u32 gsi, u32 chip, u32 pin)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = { chip, pin },
	};
}

static struct kvm_irq_routing_entry msi_entry(u32 gsi, u64 addr, u32 data)
{
	return (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = addr, .address_hi = addr >> 32, .data = data },
	};
}

static void setup(unsigned int n)
{
	unsigned int i;

	vm_with(n);
	for (i = 0; i < n; i++)
		apic_on(cpu[i]);
}

static void default_routes_are_identity(void **state)
{
	unsigned int gsi;

	setup(1);
	outb(0x21, 0xff);
	for (gsi = 0; gsi < 24; gsi++)
		rte(gsi, (0x40 + gsi) | RTE_LOW_LEVEL, 0);
	for (gsi = 0; gsi < 24; gsi++) {
		assert_true(irq_set_level(vm, 0, gsi, true) > 0);
		assert_int_equal(vm->irqs.ioapic->irr, 1u << gsi);
		irq_set_level(vm, 0, gsi, false);
		assert_int_equal(vm->irqs.ioapic->irr, 0);
		assert_int_equal(take(cpu[0]), 0x40 + gsi);
	}
	/* The PIC got 0-15 too. */
	assert_int_equal(vm->irqs.pic->chip[0].irr, 0xff);
	assert_int_equal(vm->irqs.pic->chip[1].irr, 0xff);
	assert_true(irq_set_level(vm, 0, 24, true) < 0);
	assert_true(irq_set_level(vm, 0, 0xffffffff, true) < 0);
}

static void msi_reaches_its_vcpu(void **state)
{
	setup(2);
	assert_true(irq_msi(vm, MSI(1), 0x4123 & 0xff) > 0);
	assert_int_equal(take(cpu[1]), 0x23);
	assert_int_equal(irq_msi(vm, MSI(7), 0x23), 0);	/* nobody */
	apic_wr(cpu[0], LAPIC_SVR, 0xff);
	assert_int_equal(irq_msi(vm, MSI(0), 0x23), 0);	/* does not listen */
	/* NMI */
	assert_true(irq_msi(vm, MSI(1), 0x400) > 0);
	assert_int_equal(cpu[1]->nmi_pending, 1);
	/* Logical, redirection hint: one of them. */
	apic_on(cpu[0]);
	apic_wr(cpu[0], LAPIC_LDR, 1u << 24);
	apic_wr(cpu[1], LAPIC_LDR, 2u << 24);
	assert_int_equal(irq_msi(vm, MSI(3) | 0xc, 0x44), 1);
	assert_int_equal(irq_msi(vm, MSI(3) | 0x4, 0x45), 2);
}

static void msi_with_32_bit_ids(void **state)
{
	vm_bare();
	assert_int_equal(irqs_create(vm), 0);
	vm_add_cpu(0);
	vm_add_cpu(0x105);
	x2apic_on(cpu[0]);
	x2apic_on(cpu[1]);
	assert_int_equal(irq_msi(vm, MSI(5) | 0x100ull << 32, 0x55), 0);
	vm->irqs.x2apic_32bit_ids = true;
	assert_int_equal(irq_msi(vm, MSI(5) | 0x100ull << 32, 0x55), 1);
	assert_int_equal(vcpu_intr_ack(cpu[1]), 0x55);
	assert_int_equal(irq_msi(vm, MSI(5) | 0x101ull << 32, 0x55), -EINVAL);
}

static void msi_needs_a_local_apic(void **state)
{
	vm_bare();
	vm_add_cpu(0);
	assert_int_equal(irq_msi(vm, MSI(0), 0x55), -EINVAL);
	assert_true(irq_set_level(vm, 0, 1, true) < 0);
}

static void new_routes_replace_old_ones(void **state)
{
	struct kvm_irq_routing_entry e[] = {
		chip_entry(40, KVM_IRQCHIP_IOAPIC, 3),
		msi_entry(4095, MSI(0), 0x66),
		chip_entry(0, KVM_IRQCHIP_IOAPIC, 2),
		chip_entry(0, KVM_IRQCHIP_PIC_MASTER, 0),
		chip_entry(9, KVM_IRQCHIP_PIC_SLAVE, 1),
		chip_entry(9, KVM_IRQCHIP_PIC_MASTER, 1),
		chip_entry(9, KVM_IRQCHIP_IOAPIC, 9),
	};

	setup(1);
	outb(0x21, 0xff);
	rte(2, 0x42, 0);
	rte(3, 0x43, 0);
	rte(9, 0x49, 0);
	assert_int_equal(irq_set_routes(vm, e, ARRAY_SIZE(e)), 0);
	assert_true(irq_set_level(vm, 0, 40, true) > 0);
	assert_int_equal(take(cpu[0]), 0x43);
	assert_true(irq_set_level(vm, 0, 4095, true) > 0);
	assert_int_equal(take(cpu[0]), 0x66);
	assert_true(irq_set_level(vm, 0, 4095, false) < 0);
	assert_true(irq_set_level(vm, 0, 0, true) > 0);
	assert_int_equal(take(cpu[0]), 0x42);
	irq_set_level(vm, 0, 9, true);
	assert_int_equal(take(cpu[0]), 0x49);
	assert_int_equal(vm->irqs.pic->chip[0].irr & ~4, 3);
	assert_int_equal(vm->irqs.pic->chip[1].irr, 2);
	assert_true(irq_set_level(vm, 0, 3, true) < 0);
	assert_true(irq_set_level(vm, 0, 41, true) < 0);
	assert_int_equal(irq_set_routes(vm, NULL, 0), 0);
	assert_true(irq_set_level(vm, 0, 0, true) < 0);
}

static void bad_routes_change_nothing(void **state)
{
	struct kvm_irq_routing_entry good = chip_entry(1, KVM_IRQCHIP_IOAPIC, 1), e[3];
	struct kvm_irq_routing_entry bad[] = {
		chip_entry(1, KVM_IRQCHIP_IOAPIC, 24),
		chip_entry(1, KVM_IRQCHIP_PIC_MASTER, 8),
		chip_entry(1, KVM_IRQCHIP_PIC_SLAVE, 8),
		chip_entry(1, 3, 0),
		chip_entry(4096, KVM_IRQCHIP_IOAPIC, 0),
		chip_entry(0xffffffff, KVM_IRQCHIP_IOAPIC, 0),
		{ .gsi = 1, .type = 0 },
		{ .gsi = 1, .type = KVM_IRQ_ROUTING_HV_SINT },
		{ .gsi = 1, .type = KVM_IRQ_ROUTING_IRQCHIP, .flags = KVM_MSI_VALID_DEVID },
		{ .gsi = 1, .type = KVM_IRQ_ROUTING_MSI, .flags = 2 },
	};
	unsigned int i;

	setup(1);
	rte(20, 0x77, 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		e[0] = good;
		e[1] = bad[i];
		assert_int_equal(irq_set_routes(vm, e, 2), -EINVAL);
	}
	/* One GSI: one pin a chip, or one message. */
	e[0] = good;
	e[1] = chip_entry(1, KVM_IRQCHIP_IOAPIC, 2);
	assert_int_equal(irq_set_routes(vm, e, 2), -EINVAL);
	e[1] = msi_entry(1, MSI(0), 0x31);
	assert_int_equal(irq_set_routes(vm, e, 2), -EINVAL);
	e[0] = msi_entry(0, MSI(0), 0x31);
	e[1] = msi_entry(0, MSI(0), 0x32);
	assert_int_equal(irq_set_routes(vm, e, 2), -EINVAL);
	e[0].flags = KVM_MSI_VALID_DEVID;
	vm->irqs.x2apic_32bit_ids = true;
	e[0].u.msi.address_hi = 1;
	assert_int_equal(irq_set_routes(vm, e, 1), -EINVAL);
	assert_int_equal(irq_set_routes(vm, &good, 4097), -EINVAL);
	assert_true(irq_set_level(vm, 0, 20, true) > 0);
}

static void routes_survive_each_failed_allocation(void **state)
{
	struct kvm_irq_routing_entry e = chip_entry(30, KVM_IRQCHIP_IOAPIC, 3);

	setup(1);
	rte(3, 0x43, 0);
	test_alloc_budget = 0;
	assert_int_equal(irq_set_routes(vm, &e, 1), -ENOMEM);
	test_alloc_budget = -1;
	assert_true(irq_set_level(vm, 0, 3, true) > 0);
	assert_int_equal(irq_set_routes(vm, &e, 1), 0);
	assert_true(irq_set_level(vm, 0, 30, true) >= 0);
}

static void creation_survives_each_failed_allocation(void **state)
{
	long n;

	vm_bare();
	for (n = 0;; n++) {
		int err;

		assert_true(n < 50);
		test_alloc_budget = n;
		err = irqs_create(vm);
		test_alloc_budget = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(vm->irqs.mode, IRQCHIP_NONE);
		assert_null(vm->irqs.pic);
		assert_null(vm->irqs.ioapic);
	}
	assert_true(n >= 4);
	vm_add_cpu(0);
	assert_int_equal(inb(0x21), 0);
}

static void split_creation_survives_a_failed_allocation(void **state)
{
	vm_bare();
	test_alloc_budget = 0;
	assert_int_equal(irqs_create_split(vm, 24), -ENOMEM);
	test_alloc_budget = -1;
	assert_int_equal(irqs_create_split(vm, 24), 0);
}

static void irqchip_comes_once_and_before_vcpus(void **state)
{
	struct kvm_irqchip chip = { 0 };

	vm_bare();
	assert_int_equal(irqs_get_chip(vm, &chip), -ENXIO);
	assert_int_equal(irqs_set_chip(vm, &chip), -ENXIO);
	assert_int_equal(irqs_create_split(vm, 4097), -EINVAL);
	vm_add_cpu(0);
	assert_int_equal(irqs_create(vm), -EINVAL);
	assert_int_equal(irqs_create_split(vm, 24), -EEXIST);
	assert_int_equal(irq_set_routes(vm, NULL, 0), -EINVAL);
	vm_done(NULL);
	vm_with(0);
	assert_int_equal(irqs_create(vm), -EEXIST);
	assert_int_equal(irqs_create_split(vm, 24), -EEXIST);
}

static void split_has_local_apics_only(void **state)
{
	struct kvm_irq_routing_entry e = chip_entry(1, KVM_IRQCHIP_IOAPIC, 1);
	struct kvm_irqchip chip = { 0 };
	u8 val;

	vm_bare();
	assert_int_equal(irqs_create_split(vm, 24), 0);
	vm_add_cpu(0);
	apic_on(cpu[0]);
	assert_int_equal(irqs_get_chip(vm, &chip), -ENXIO);
	assert_int_equal(bus_read(&vm->pio, cpu[0], 0x20, &val, 1), -ENOENT);
	assert_int_equal(irq_set_routes(vm, &e, 1), -EINVAL);
	assert_int_equal(irq_msi(vm, MSI(0), 0x41), 1);
	assert_int_equal(take(cpu[0]), 0x41);
	assert_true(vcpu_accepts_extint(cpu[0]));
	assert_false(vcpu_intr_pending(cpu[0]));
}

static void split_tells_user_space_of_level_eois(void **state)
{
	struct kvm_irq_routing_entry e[] = {
		msi_entry(3, MSI(0), 0x8051),
		msi_entry(4, MSI(0), 0x0052),
		msi_entry(24, MSI(0), 0x8053),	/* not a pin of its IOAPIC */
	};

	vm_bare();
	assert_int_equal(irqs_create_split(vm, 24), 0);
	vm_add_cpu(0);
	apic_on(cpu[0]);
	assert_int_equal(irq_set_routes(vm, e, 3), 0);
	cpu[0]->requests = 0;
	irq_set_level(vm, 0, 4, true);
	take(cpu[0]);
	irq_set_level(vm, 0, 24, true);
	take(cpu[0]);
	assert_false(cpu[0]->requests & REQ_IOAPIC_EOI);
	assert_int_equal(lapic_take_eoi_exit(cpu[0]), -1);
	irq_set_level(vm, 0, 3, true);
	assert_int_equal(take(cpu[0]), 0x51);
	assert_true(cpu[0]->requests & REQ_IOAPIC_EOI);
	assert_int_equal(lapic_take_eoi_exit(cpu[0]), 0x51);
	assert_int_equal(lapic_take_eoi_exit(cpu[0]), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(default_routes_are_identity),
		T(msi_reaches_its_vcpu),
		T(msi_with_32_bit_ids),
		T(msi_needs_a_local_apic),
		T(new_routes_replace_old_ones),
		T(bad_routes_change_nothing),
		T(routes_survive_each_failed_allocation),
		T(creation_survives_each_failed_allocation),
		T(split_creation_survives_a_failed_allocation),
		T(irqchip_comes_once_and_before_vcpus),
		T(split_has_local_apics_only),
		T(split_tells_user_space_of_level_eois),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
