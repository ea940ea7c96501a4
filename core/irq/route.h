/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * route.h - what the interrupt controllers of one VM tell each other. Private
 * to core/irq.
 */
#ifndef CORE_IRQ_ROUTE_H
#define CORE_IRQ_ROUTE_H

#include "core/vm.h"

#define PIC_PINS	16
#define IOAPIC_PINS	24

enum irq_target_kind { IRQ_TO_PIC, IRQ_TO_IOAPIC, IRQ_TO_MSI, IRQ_TO_SINT };

/* An interrupt message on its way to local APICs. */
struct irq_msg {
	u32 dest;
	u8 vector;
	u8 mode;		/* LAPIC_DM_* */
	u8 shorthand;		/* LAPIC_SH_* */
	bool logical, level, assert, lowest;
};

int routes_init_default(struct vm *vm);
int routes_init_empty(struct vm *vm);
void routes_fini(struct vm *vm);

void irqfds_fini(struct vm *vm);
/* Resample: the guest is done with gsi. Called under route_lock. */
void irqfds_ack_locked(struct vm *vm, u32 gsi);
bool irqfds_want_ack_locked(const struct vm *vm, u32 gsi);

int irq_set_level_locked(struct vm *vm, u32 source, u32 gsi, bool level);
/* Recompute ack_pic and ack_ioapic, under route_lock. */
void irq_update_acks_locked(struct vm *vm);

/* A controller's pin (PIC: 0-15) was acknowledged, or unmasked. Callers hold
 * no lock. */
void irq_pin_acked(struct vm *vm, enum irq_target_kind kind, unsigned int pin);
void irq_pin_unmasked(struct vm *vm, enum irq_target_kind kind, unsigned int pin);

static inline struct vcpu *vm_vcpu_nr(struct vm *vm, u32 i)
{
	return __atomic_load_n(&vm->vcpu[i], __ATOMIC_ACQUIRE);
}

static inline u32 vm_vcpu_count(struct vm *vm)
{
	return __atomic_load_n(&vm->n_vcpus, __ATOMIC_ACQUIRE);
}

/* One source's share of a line that several may hold up. The line's level. */
static inline bool irq_line_share(u64 *holders, u32 source, bool level)
{
	u64 bit = 1ull << (source & 63);

	*holders = level ? *holders | bit : *holders & ~bit;
	return *holders;
}

#endif
