/* SPDX-License-Identifier: GPL-2.0-or-later */
/* irqs.c - the set of interrupt controllers of a VM: creation, state, the end. */
#include "core/irq/route.h"
#include "core/irq/ioapic.h"
#include "core/irq/pic.h"
#include "core/irq/pit.h"

#define SPLIT_PINS_MAX	4096

int irqs_init(struct vm *vm)
{
	struct irqs *irqs = &vm->irqs;

	memset(irqs, 0, sizeof(*irqs));
	irqs->mode = IRQCHIP_NONE;
	host_mutex_init(&irqs->lock);
	host_spin_init(&irqs->route_lock);
	return 0;
}

void irqs_fini(struct vm *vm)
{
	struct irqs *irqs = &vm->irqs;

	irqfds_fini(vm);
	pit_free(irqs->pit);
	irqs->pit = NULL;
	routes_fini(vm);
	ioapic_free(irqs->ioapic);
	pic_free(irqs->pic);
	irqs->ioapic = NULL;
	irqs->pic = NULL;
	irqs->mode = IRQCHIP_NONE;
}

/* Controllers come before vCPUs, and once. */
static int may_create_locked(struct vm *vm)
{
	if (vm->irqs.mode != IRQCHIP_NONE)
		return -EEXIST;
	return vm->n_vcpus ? -EINVAL : 0;
}

static int create_locked(struct vm *vm)
{
	struct irqs *irqs = &vm->irqs;
	int err;

	err = pic_new(vm, &irqs->pic);
	if (err)
		return err;
	err = ioapic_new(vm, &irqs->ioapic);
	if (err)
		goto err_pic;
	irqs->mode = IRQCHIP_KERNEL;
	err = routes_init_default(vm);
	if (err)
		goto err_ioapic;
	return 0;

err_ioapic:
	irqs->mode = IRQCHIP_NONE;
	ioapic_free(irqs->ioapic);
	irqs->ioapic = NULL;
err_pic:
	pic_free(irqs->pic);
	irqs->pic = NULL;
	return err;
}

int irqs_create(struct vm *vm)
{
	int err;

	host_mutex_lock(&vm->lock);
	err = may_create_locked(vm);
	if (!err)
		err = create_locked(vm);
	host_mutex_unlock(&vm->lock);
	return err;
}

int irqs_create_split(struct vm *vm, u32 pins)
{
	int err;

	if (pins > SPLIT_PINS_MAX)
		return -EINVAL;
	host_mutex_lock(&vm->lock);
	/* Both reasons are EEXIST here, as KVM has it. */
	err = may_create_locked(vm) ? -EEXIST : 0;
	if (!err) {
		vm->irqs.mode = IRQCHIP_SPLIT;
		vm->irqs.n_pins = pins;
		err = routes_init_empty(vm);
		if (err)
			vm->irqs.mode = IRQCHIP_NONE;
	}
	host_mutex_unlock(&vm->lock);
	return err;
}

int irqs_get_chip(struct vm *vm, struct kvm_irqchip *chip)
{
	u32 id = chip->chip_id;

	if (vm->irqs.mode != IRQCHIP_KERNEL)
		return -ENXIO;
	memset(chip, 0, sizeof(*chip));
	chip->chip_id = id;
	switch (id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_get(vm->irqs.pic, id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get(vm->irqs.ioapic, &chip->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

int irqs_set_chip(struct vm *vm, const struct kvm_irqchip *chip)
{
	if (vm->irqs.mode != IRQCHIP_KERNEL)
		return -ENXIO;
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pic_set(vm->irqs.pic, chip->chip_id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_set(vm->irqs.ioapic, &chip->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}
