/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pic.h - the two cascaded 8259A interrupt controllers of a PC.
 *
 * Source: Intel 8259A data sheet; the edge/level control registers (ELCR) are
 * those of the 82371AB (PIIX4) data sheet.
 */
#ifndef CORE_IRQ_PIC_H
#define CORE_IRQ_PIC_H

#include "core/irq/route.h"

#define PIC_CASCADE	2	/* the master's input that the slave drives */

struct pic_chip {
	u8 irr, imr, isr;
	u8 last_irr;		/* inputs that are high, for edges */
	u8 prio_add;		/* input with the highest priority, 0-7 */
	u8 base;		/* vector of input 0 */
	u8 elcr, elcr_mask;	/* 1: level triggered */
	u8 init_state;		/* 0, or the ICW (2-4) expected next, less one */
	bool init4, read_isr, poll, special_mask, auto_eoi, rotate_auto_eoi, sfnm;
};

struct pic_port {
	struct bus_dev dev;
	struct pic *pic;
};

struct pic {
	host_spin_t lock;	/* all below but ports and vm */
	struct pic_chip chip[2];
	u64 line[PIC_PINS];	/* sources that hold the input up */
	bool output;		/* INTR; read without the lock */
	bool wake;		/* output rose: tell a vCPU after unlocking */
	u16 acked;		/* inputs acknowledged: tell after unlocking */
	u16 unmasked;
	struct vm *vm;
	struct pic_port port[3];	/* master, slave, ELCR */
};

int pic_new(struct vm *vm, struct pic **out);
void pic_free(struct pic *pic);
/* pin 0-15: >0 delivered, 0 coalesced, <0 masked. */
int pic_set_irq(struct pic *pic, unsigned int pin, u32 source, bool level);
/* INTA cycle: the vector; a spurious one when nothing waits. */
int pic_ack(struct pic *pic);
void pic_get(struct pic *pic, unsigned int chip, struct kvm_pic_state *st);
void pic_set(struct pic *pic, unsigned int chip, const struct kvm_pic_state *st);

static inline bool pic_output(const struct pic *pic)
{
	return READ_ONCE(pic->output);
}

#endif
