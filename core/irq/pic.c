/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pic.c - two cascaded 8259As. */
#include "core/irq/pic.h"
#include "core/irq/lapic.h"

#define ICW1		0x10
#define ICW1_ICW4	0x01
#define ICW4_AEOI	0x02
#define ICW4_SFNM	0x10
#define OCW3		0x08
#define OCW3_READ	0x02
#define OCW3_POLL	0x04
#define OCW3_SMM	0x40

/* OCW2 commands: rotate, specific, EOI. */
enum {
	OCW2_CLEAR_ROTATE_AEOI, OCW2_EOI, OCW2_NOP, OCW2_EOI_SPECIFIC,
	OCW2_SET_ROTATE_AEOI, OCW2_EOI_ROTATE, OCW2_SET_PRIORITY, OCW2_EOI_SPECIFIC_ROTATE
};

static bool is_master(const struct pic *pic, const struct pic_chip *c)
{
	return c == &pic->chip[0];
}

/* Distance of the best bit from the input with the highest priority; 8: none. */
static unsigned int best(const struct pic_chip *c, u8 bits)
{
	unsigned int rotated = (bits >> c->prio_add | bits << (8 - c->prio_add)) & 0xff;

	return rotated ? __builtin_ctz(rotated) : 8;
}

/* The input to serve next, or -1. */
static int chip_pending(const struct pic *pic, const struct pic_chip *c)
{
	u8 in_service = c->isr;
	unsigned int p = best(c, c->irr & ~c->imr);

	if (c->special_mask)
		in_service &= ~c->imr;
	if (c->sfnm && is_master(pic, c))
		in_service &= ~(1 << PIC_CASCADE);
	return p < best(c, in_service) ? (int)((p + c->prio_add) & 7) : -1;
}

/* The slave's output is one more input of the master. */
static void pic_update_locked(struct pic *pic)
{
	u8 bit = 1 << PIC_CASCADE;
	bool output;

	host_spin_assert_held(&pic->lock);
	if (chip_pending(pic, &pic->chip[1]) >= 0)
		pic->chip[0].irr |= bit;
	else
		pic->chip[0].irr &= ~bit;
	output = chip_pending(pic, &pic->chip[0]) >= 0;
	if (output && !pic->output)
		pic->wake = true;
	WRITE_ONCE(pic->output, output);
}

static void pic_wake(struct pic *pic)
{
	struct vm *vm = pic->vm;
	u32 i, n = vm_vcpu_count(vm);

	for (i = 0; i < n; i++) {
		struct vcpu *v = vm_vcpu_nr(vm, i);

		if (vcpu_accepts_extint(v)) {
			vcpu_request(v, REQ_EVENT);
			vcpu_kick(v);
			return;
		}
	}
}

/* What others must hear of, they hear without our lock. */
static void pic_unlock(struct pic *pic)
{
	u32 acked = pic->acked & READ_ONCE(pic->vm->irqs.ack_pic);
	u32 unmasked = pic->unmasked;
	bool wake = pic->wake;

	pic->acked = pic->unmasked = 0;
	pic->wake = false;
	host_spin_unlock(&pic->lock);
	if (wake)
		pic_wake(pic);
	for (; acked; acked &= acked - 1)
		irq_pin_acked(pic->vm, IRQ_TO_PIC, __builtin_ctz(acked));
	for (; unmasked; unmasked &= unmasked - 1)
		irq_pin_unmasked(pic->vm, IRQ_TO_PIC, __builtin_ctz(unmasked));
}

static int chip_set_irq(struct pic_chip *c, unsigned int n, bool level)
{
	u8 bit = 1 << n;
	bool fresh = !(c->irr & bit);
	bool high = c->last_irr & bit;

	if (!level) {
		c->last_irr &= ~bit;
		if (c->elcr & bit)
			c->irr &= ~bit;
		fresh = true;
	} else {
		c->last_irr |= bit;
		if (c->elcr & bit || !high)
			c->irr |= bit;
		else
			fresh = false;
	}
	return c->imr & bit ? -1 : fresh;
}

int pic_set_irq(struct pic *pic, unsigned int pin, u32 source, bool level)
{
	int r;

	host_spin_lock(&pic->lock);
	level = irq_line_share(&pic->line[pin & 15], source, level);
	r = chip_set_irq(&pic->chip[pin >> 3 & 1], pin & 7, level);
	pic_update_locked(pic);
	/* Under route_lock: an edge or level acknowledges nothing, so that
	 * pic_unlock() does not come back to the routes. */
	pic_unlock(pic);
	return r;
}

static void chip_clear_isr(struct pic *pic, struct pic_chip *c, unsigned int n)
{
	c->isr &= ~(1 << n);
	pic->acked |= 1 << (n + (is_master(pic, c) ? 0 : 8));
}

static void chip_accept(struct pic *pic, struct pic_chip *c, unsigned int n)
{
	c->isr |= 1 << n;
	if (!(c->elcr & 1 << n))
		c->irr &= ~(1 << n);
	if (c->auto_eoi) {
		if (c->rotate_auto_eoi)
			c->prio_add = (n + 1) & 7;
		chip_clear_isr(pic, c, n);
	}
}

int pic_ack(struct pic *pic)
{
	struct pic_chip *m = &pic->chip[0], *s = &pic->chip[1];
	int n, vector;

	host_spin_lock(&pic->lock);
	n = chip_pending(pic, m);
	if (n >= 0)
		chip_accept(pic, m, n);
	if (n == PIC_CASCADE) {
		n = chip_pending(pic, s);
		if (n >= 0)
			chip_accept(pic, s, n);
		vector = s->base + (n < 0 ? 7 : n);
	} else {
		vector = m->base + (n < 0 ? 7 : n);
	}
	pic_update_locked(pic);
	pic_unlock(pic);
	return vector & 0xff;
}

/* --- programming --- */

static void chip_set_imr(struct pic *pic, struct pic_chip *c, u8 val)
{
	u8 opened = c->imr & ~val;

	pic->unmasked |= is_master(pic, c) ? opened : opened << 8;
	c->imr = val;
}

static void chip_icw1(struct pic *pic, struct pic_chip *c, u8 val)
{
	u8 lost = c->irr & ~c->elcr;
	unsigned int n;

	/* Requests that are forgotten count as acknowledged, or their sender
	 * would wait for ever. */
	for (n = 0; n < 8; n++)
		if ((lost | c->isr) & 1 << n)
			chip_clear_isr(pic, c, n);
	c->init4 = val & ICW1_ICW4;
	c->last_irr = 0;
	c->irr &= c->elcr;
	chip_set_imr(pic, c, 0);
	c->prio_add = 0;
	c->special_mask = c->read_isr = c->poll = false;
	if (!c->init4)
		c->sfnm = c->auto_eoi = false;
	c->init_state = 1;
}

static void chip_ocw2(struct pic *pic, struct pic_chip *c, u8 val)
{
	unsigned int cmd = val >> 5, n = val & 7;
	u8 isr = c->isr;

	switch (cmd) {
	case OCW2_CLEAR_ROTATE_AEOI:
	case OCW2_SET_ROTATE_AEOI:
		c->rotate_auto_eoi = cmd == OCW2_SET_ROTATE_AEOI;
		return;
	case OCW2_NOP:
		return;
	case OCW2_SET_PRIORITY:
		c->prio_add = (n + 1) & 7;
		return;
	case OCW2_EOI:
	case OCW2_EOI_ROTATE:
		if (c->special_mask)
			isr &= ~c->imr;
		n = best(c, isr);
		if (n == 8)
			return;
		n = (n + c->prio_add) & 7;
		break;
	}
	if (cmd == OCW2_EOI_ROTATE || cmd == OCW2_EOI_SPECIFIC_ROTATE)
		c->prio_add = (n + 1) & 7;
	chip_clear_isr(pic, c, n);
}

static void chip_ocw3(struct pic_chip *c, u8 val)
{
	if (val & OCW3_POLL)
		c->poll = true;
	if (val & OCW3_READ)
		c->read_isr = val & 1;
	if (val & OCW3_SMM)
		c->special_mask = val & 0x20;
}

/* The odd address: OCW1, or the rest of the initialization sequence. */
static void chip_write_odd(struct pic *pic, struct pic_chip *c, u8 val)
{
	switch (c->init_state) {
	case 0:
		chip_set_imr(pic, c, val);
		break;
	case 1:
		c->base = val & 0xf8;
		c->init_state = 2;
		break;
	case 2:		/* ICW3: the wiring is what it is */
		c->init_state = c->init4 ? 3 : 0;
		break;
	default:
		c->sfnm = val & ICW4_SFNM;
		c->auto_eoi = val & ICW4_AEOI;
		c->init_state = 0;
	}
}

static void chip_write(struct pic *pic, struct pic_chip *c, bool odd, u8 val)
{
	if (odd)
		chip_write_odd(pic, c, val);
	else if (val & ICW1)
		chip_icw1(pic, c, val);
	else if (val & OCW3)
		chip_ocw3(c, val);
	else
		chip_ocw2(pic, c, val);
}

/* A poll is an acknowledge cycle made with a read. */
static u8 chip_poll(struct pic *pic, struct pic_chip *c)
{
	int n = chip_pending(pic, c);

	c->poll = false;
	if (n < 0)
		return 0;
	chip_accept(pic, c, n);
	return 0x80 | n;
}

static u8 chip_read(struct pic *pic, struct pic_chip *c, bool odd)
{
	if (c->poll)
		return chip_poll(pic, c);
	if (odd)
		return c->imr;
	return c->read_isr ? c->isr : c->irr;
}

/* --- ports: each byte of a wider access is an access of its own --- */

static int pic_read(struct bus_dev *d, struct vcpu *v, u64 off, void *buf, unsigned int n)
{
	struct pic_port *p = container_of(d, struct pic_port, dev);
	struct pic *pic = p->pic;
	unsigned int nr = p - pic->port;
	u8 *b = buf;

	memset(buf, 0xff, n);
	host_spin_lock(&pic->lock);
	for (; n && off < 2; n--, off++, b++)
		*b = nr == 2 ? pic->chip[off].elcr : chip_read(pic, &pic->chip[nr], off);
	pic_update_locked(pic);
	pic_unlock(pic);
	return 0;
}

static int pic_write(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf, unsigned int n)
{
	struct pic_port *p = container_of(d, struct pic_port, dev);
	struct pic *pic = p->pic;
	unsigned int nr = p - pic->port;
	const u8 *b = buf;

	host_spin_lock(&pic->lock);
	for (; n && off < 2; n--, off++, b++) {
		if (nr == 2)
			pic->chip[off].elcr = *b & pic->chip[off].elcr_mask;
		else
			chip_write(pic, &pic->chip[nr], off, *b);
	}
	pic_update_locked(pic);
	pic_unlock(pic);
	return 0;
}

static const struct bus_ops pic_ops = { .read = pic_read, .write = pic_write };

/* --- state --- */

void pic_get(struct pic *pic, unsigned int chip, struct kvm_pic_state *st)
{
	const struct pic_chip *c = &pic->chip[chip & 1];

	host_spin_lock(&pic->lock);
	*st = (struct kvm_pic_state){
		.last_irr = c->last_irr, .irr = c->irr, .imr = c->imr, .isr = c->isr,
		.priority_add = c->prio_add, .irq_base = c->base,
		.read_reg_select = c->read_isr, .poll = c->poll,
		.special_mask = c->special_mask, .init_state = c->init_state,
		.auto_eoi = c->auto_eoi, .rotate_on_auto_eoi = c->rotate_auto_eoi,
		.special_fully_nested_mode = c->sfnm, .init4 = c->init4,
		.elcr = c->elcr, .elcr_mask = c->elcr_mask,
	};
	host_spin_unlock(&pic->lock);
}

void pic_set(struct pic *pic, unsigned int chip, const struct kvm_pic_state *st)
{
	struct pic_chip *c = &pic->chip[chip & 1];

	host_spin_lock(&pic->lock);
	*c = (struct pic_chip){
		.last_irr = st->last_irr, .irr = st->irr, .imr = st->imr, .isr = st->isr,
		.prio_add = st->priority_add & 7, .base = st->irq_base,
		.read_isr = st->read_reg_select, .poll = st->poll,
		.special_mask = st->special_mask, .init_state = st->init_state & 3,
		.auto_eoi = st->auto_eoi, .rotate_auto_eoi = st->rotate_on_auto_eoi,
		.sfnm = st->special_fully_nested_mode, .init4 = st->init4,
		.elcr = st->elcr & c->elcr_mask, .elcr_mask = c->elcr_mask,
	};
	pic_update_locked(pic);
	pic_unlock(pic);
}

int pic_new(struct vm *vm, struct pic **out)
{
	static const u16 base[3] = { 0x20, 0xa0, 0x4d0 };
	struct pic *pic = host_alloc(sizeof(*pic));
	unsigned int i;
	int err;

	if (!pic)
		return -ENOMEM;
	pic->vm = vm;
	host_spin_init(&pic->lock);
	pic->chip[0].elcr_mask = 0xf8;	/* not timer, keyboard, cascade */
	pic->chip[1].elcr_mask = 0xde;	/* not RTC, FPU error */
	for (i = 0; i < 3; i++) {
		pic->port[i].pic = pic;
		pic->port[i].dev = (struct bus_dev){ .ops = &pic_ops, .base = base[i], .len = 2 };
		err = bus_add(&vm->pio, &pic->port[i].dev);
		if (err)
			goto err_remove;
	}
	*out = pic;
	return 0;

err_remove:
	while (i--)
		bus_remove(&vm->pio, &pic->port[i].dev);
	host_free(pic);
	return err;
}

void pic_free(struct pic *pic)
{
	unsigned int i;

	if (!pic)
		return;
	for (i = 0; i < 3; i++)
		bus_remove(&pic->vm->pio, &pic->port[i].dev);
	host_free(pic);
}
