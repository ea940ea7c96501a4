/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioapic.h - the I/O APIC: 24 pins, version 11h (no EOI register).
 *
 * Source: Intel 82093AA data sheet. As in KVM, polarity is ignored: a line's
 * level is what its sources say.
 */
#ifndef CORE_IRQ_IOAPIC_H
#define CORE_IRQ_IOAPIC_H

#include "core/irq/route.h"

struct ioapic {
	host_spin_t lock;	/* all below but vm and dev */
	u64 redir[IOAPIC_PINS];	/* redirection table, in the chip's format */
	u64 line[IOAPIC_PINS];	/* sources that hold the pin up */
	u32 irr;		/* pins that are up */
	u32 edge_sent;		/* of these: edges whose interrupt was sent */
	u8 regsel, id;
	u32 edge_eoi[8];	/* edge vectors whose EOI somebody waits for; read unlocked */
	struct vm *vm;
	struct bus_dev dev;
};

int ioapic_new(struct vm *vm, struct ioapic **out);
void ioapic_free(struct ioapic *io);
/* pin 0-23: >0 delivered, 0 coalesced, <0 masked or held back. */
int ioapic_set_irq(struct ioapic *io, unsigned int pin, u32 source, bool level);
/* A local APIC's EOI of vector. */
void ioapic_eoi(struct ioapic *io, u8 vector, bool level);
/* irqs.ack_ioapic has changed. */
void ioapic_update_acks(struct ioapic *io);
void ioapic_get(struct ioapic *io, struct kvm_ioapic_state *st);
void ioapic_set(struct ioapic *io, const struct kvm_ioapic_state *st);

/* Cheap: does an EOI of this edge-triggered vector matter? io may be NULL. */
static inline bool ioapic_wants_eoi(const struct ioapic *io, u8 vector)
{
	return io && READ_ONCE(io->edge_eoi[vector / 32]) >> (vector % 32) & 1;
}

#endif
