/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioapic.c - the I/O APIC. */
#include "core/irq/ioapic.h"
#include "core/irq/lapic.h"

#define IOAPIC_BASE		0xfec00000ull
#define IOAPIC_LEN		0x100
#define IOAPIC_VERSION		(0x11 | (IOAPIC_PINS - 1) << 16)

enum { REG_SELECT = 0x00, REG_WINDOW = 0x10 };
enum { IOAPIC_REG_ID, IOAPIC_REG_VERSION, IOAPIC_REG_ARB, IOAPIC_REG_REDIR = 0x10 };

/* A redirection entry. */
#define RTE_MODE(e)		((e) >> 8 & 7)
#define RTE_LOGICAL		(1ull << 11)
#define RTE_STATUS		(1ull << 12)
#define RTE_REMOTE_IRR		(1ull << 14)
#define RTE_LEVEL		(1ull << 15)
#define RTE_MASKED		(1ull << 16)
#define RTE_DEST(e)		((e) >> 56)
#define RTE_WRITABLE		(0xff0000000001ffffull & ~(RTE_STATUS | RTE_REMOTE_IRR))

/* Send pin's interrupt unless it is masked or waits for its EOI. */
static int service_locked(struct ioapic *io, unsigned int pin)
{
	u64 e = io->redir[pin];
	struct irq_msg m = {
		.dest = RTE_DEST(e),
		.vector = e,
		.mode = RTE_MODE(e),
		.logical = e & RTE_LOGICAL,
		.level = e & RTE_LEVEL,
		.assert = true,
		.lowest = RTE_MODE(e) == LAPIC_DM_LOWEST,
	};
	int r;

	host_spin_assert_held(&io->lock);
	if (e & RTE_MASKED || (e & RTE_LEVEL && e & RTE_REMOTE_IRR))
		return -1;
	r = lapic_send(io->vm, NULL, &m);
	if (!(e & RTE_LEVEL))
		io->edge_sent |= 1u << pin;
	else if (r > 0)
		io->redir[pin] |= RTE_REMOTE_IRR;
	return r;
}

int ioapic_set_irq(struct ioapic *io, unsigned int pin, u32 source, bool level)
{
	u32 bit = 1u << pin;
	bool was;
	int r;

	host_spin_lock(&io->lock);
	level = irq_line_share(&io->line[pin], source, level);
	was = io->irr & bit;
	if (!level) {
		io->irr &= ~bit;
		r = 1;
	} else if (io->redir[pin] & RTE_LEVEL) {
		io->irr |= bit;
		r = service_locked(io, pin);
	} else {
		io->irr |= bit;
		io->edge_sent &= ~bit;
		r = was ? 0 : service_locked(io, pin);
	}
	host_spin_unlock(&io->lock);
	return r;
}

/* --- EOI --- */

/* Pins that sent vector; only those whose mode is the one the LAPIC saw, so
 * that an edge pin sharing the vector does not confuse things. */
static u32 pins_of_locked(const struct ioapic *io, u8 vector, bool level)
{
	u32 pins = 0, pin;

	for (pin = 0; pin < IOAPIC_PINS; pin++)
		if ((io->redir[pin] & 0xff) == vector && !!(io->redir[pin] & RTE_LEVEL) == level)
			pins |= 1u << pin;
	return pins;
}

void ioapic_eoi(struct ioapic *io, u8 vector, bool level)
{
	u32 pins, todo;

	host_spin_lock(&io->lock);
	pins = pins_of_locked(io, vector, level);
	host_spin_unlock(&io->lock);

	/* Whoever holds the line up gets his chance to lower it first. */
	for (todo = pins & READ_ONCE(io->vm->irqs.ack_ioapic); todo; todo &= todo - 1)
		irq_pin_acked(io->vm, IRQ_TO_IOAPIC, __builtin_ctz(todo));
	if (!level)
		return;
	host_spin_lock(&io->lock);
	for (todo = pins & pins_of_locked(io, vector, true); todo; todo &= todo - 1) {
		unsigned int pin = __builtin_ctz(todo);

		io->redir[pin] &= ~RTE_REMOTE_IRR;
		if (io->irr & 1u << pin)
			service_locked(io, pin);
	}
	host_spin_unlock(&io->lock);
}

static void update_acks_locked(struct ioapic *io)
{
	u32 pins = READ_ONCE(io->vm->irqs.ack_ioapic), want[8] = { 0 };
	unsigned int i;

	for (; pins; pins &= pins - 1) {
		u64 e = io->redir[__builtin_ctz(pins)];

		if (!(e & RTE_LEVEL))
			want[(e & 0xff) / 32] |= 1u << (e % 32);
	}
	for (i = 0; i < 8; i++)
		WRITE_ONCE(io->edge_eoi[i], want[i]);
}

void ioapic_update_acks(struct ioapic *io)
{
	host_spin_lock(&io->lock);
	update_acks_locked(io);
	host_spin_unlock(&io->lock);
}

/* --- registers --- */

static u32 reg_read_locked(const struct ioapic *io)
{
	unsigned int pin = (io->regsel - IOAPIC_REG_REDIR) >> 1;

	switch (io->regsel) {
	case IOAPIC_REG_ID:
	case IOAPIC_REG_ARB:
		return (u32)(io->id & 15) << 24;
	case IOAPIC_REG_VERSION:
		return IOAPIC_VERSION;
	}
	if (io->regsel < IOAPIC_REG_REDIR || pin >= IOAPIC_PINS)
		return ~0u;
	return io->regsel & 1 ? io->redir[pin] >> 32 : io->redir[pin];
}

/* Returns whether the pin was unmasked by it. */
static bool redir_write_locked(struct ioapic *io, unsigned int pin, bool high, u32 val)
{
	u64 old = io->redir[pin];
	u64 e = high ? (u32)old | (u64)val << 32 : (old & ~0xffffffffull) | val;

	e = (e & RTE_WRITABLE) | (old & RTE_REMOTE_IRR);
	/* Guests without an EOI register to write do it with this: edge and
	 * back to level. */
	if (!(e & RTE_LEVEL))
		e &= ~RTE_REMOTE_IRR;
	io->redir[pin] = e;
	update_acks_locked(io);
	if (e & RTE_LEVEL && io->irr & 1u << pin)
		service_locked(io, pin);
	return old & RTE_MASKED && !(e & RTE_MASKED);
}

static void reg_write(struct ioapic *io, u32 val)
{
	unsigned int pin;
	bool unmasked = false;

	host_spin_lock(&io->lock);
	pin = (io->regsel - IOAPIC_REG_REDIR) >> 1;
	if (io->regsel == IOAPIC_REG_ID)
		io->id = val >> 24 & 15;
	else if (io->regsel >= IOAPIC_REG_REDIR && pin < IOAPIC_PINS)
		unmasked = redir_write_locked(io, pin, io->regsel & 1, val);
	host_spin_unlock(&io->lock);
	if (unmasked)
		irq_pin_unmasked(io->vm, IRQ_TO_IOAPIC, pin);
}

static int ioapic_read(struct bus_dev *d, struct vcpu *v, u64 off, void *buf, unsigned int n)
{
	struct ioapic *io = container_of(d, struct ioapic, dev);
	u32 val = 0;

	host_spin_lock(&io->lock);
	if (off == REG_SELECT)
		val = io->regsel;
	else if (off == REG_WINDOW)
		val = reg_read_locked(io);
	host_spin_unlock(&io->lock);
	memset(buf, 0, n);
	memcpy(buf, &val, min(n, 4u));
	return 0;
}

static int ioapic_write(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf,
			unsigned int n)
{
	struct ioapic *io = container_of(d, struct ioapic, dev);
	u32 val = 0;

	memcpy(&val, buf, min(n, 4u));
	if (off == REG_WINDOW) {
		reg_write(io, val);
	} else if (off == REG_SELECT) {
		host_spin_lock(&io->lock);
		io->regsel = val;
		host_spin_unlock(&io->lock);
	}
	return 0;
}

static const struct bus_ops ioapic_ops = { .read = ioapic_read, .write = ioapic_write };

/* --- state --- */

void ioapic_get(struct ioapic *io, struct kvm_ioapic_state *st)
{
	unsigned int pin;

	host_spin_lock(&io->lock);
	*st = (struct kvm_ioapic_state){
		.base_address = IOAPIC_BASE, .ioregsel = io->regsel, .id = io->id,
		.irr = io->irr & ~io->edge_sent,
	};
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		st->redirtbl[pin].bits = io->redir[pin];
	host_spin_unlock(&io->lock);
}

void ioapic_set(struct ioapic *io, const struct kvm_ioapic_state *st)
{
	unsigned int pin;

	host_spin_lock(&io->lock);
	io->regsel = st->ioregsel;
	io->id = st->id & 15;
	io->irr = io->edge_sent = 0;
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->redir[pin] = st->redirtbl[pin].bits & (RTE_WRITABLE | RTE_REMOTE_IRR);
	update_acks_locked(io);
	/* What was up and not sent when the state was taken. */
	for (pin = 0; pin < IOAPIC_PINS; pin++) {
		if (!(st->irr & 1u << pin))
			continue;
		io->irr |= 1u << pin;
		service_locked(io, pin);
	}
	host_spin_unlock(&io->lock);
}

int ioapic_new(struct vm *vm, struct ioapic **out)
{
	struct ioapic *io = host_alloc(sizeof(*io));
	unsigned int pin;
	int err;

	if (!io)
		return -ENOMEM;
	io->vm = vm;
	host_spin_init(&io->lock);
	for (pin = 0; pin < IOAPIC_PINS; pin++)
		io->redir[pin] = RTE_MASKED;
	io->dev = (struct bus_dev){ .ops = &ioapic_ops, .base = IOAPIC_BASE, .len = IOAPIC_LEN };
	err = bus_add(&vm->mmio, &io->dev);
	if (err) {
		host_free(io);
		return err;
	}
	*out = io;
	return 0;
}

void ioapic_free(struct ioapic *io)
{
	if (!io)
		return;
	bus_remove(&io->vm->mmio, &io->dev);
	host_free(io);
}
