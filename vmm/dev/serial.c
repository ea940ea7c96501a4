// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * serial.c - a 16550A UART. Source: National Semiconductor PC16550D data
 * sheet. The line is infinitely fast: the transmitter is always empty, and the
 * receiver's time-out comes at once.
 */
#include <errno.h>
#include "vmm/dev/dev.h"

enum { RBR_THR_DLL, IER_DLM, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RX		0x01
#define IER_TX		0x02
#define IER_LINE	0x04
#define IER_MODEM	0x08
#define IIR_NONE	0x01
#define IIR_MODEM	0x00
#define IIR_TX		0x02
#define IIR_RX		0x04
#define IIR_LINE	0x06
#define IIR_TIMEOUT	0x0c
#define IIR_FIFO	0xc0
#define FCR_ENABLE	0x01
#define FCR_CLEAR_RX	0x02
#define LCR_DLAB	0x80
#define MCR_DTR		0x01
#define MCR_RTS		0x02
#define MCR_OUT1	0x04
#define MCR_OUT2	0x08
#define MCR_LOOP	0x10
#define LSR_DATA	0x01
#define LSR_OVERRUN	0x02
#define LSR_TX_EMPTY	0x60		/* holding and shift register */
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80

#define FIFO_SIZE	16

struct serial {
	struct machine *m;
	struct chardev *chardev;
	struct io_range range;
	u32 irq;
	u8 irq_level;
	u8 ier, fcr, lcr, mcr, msr, scr, dll, dlm;
	u8 overrun;
	u8 tx_pending;		/* the transmitter's interrupt is due */
	u8 fifo[FIFO_SIZE];
	u8 fifo_head, fifo_len;
	u8 pad[7];
};

const size_t serial_size = sizeof(struct serial);
const struct field serial_fields[] = {
	FIELD_TRANSIENT(struct serial, m), FIELD_TRANSIENT(struct serial, chardev),
	FIELD_TRANSIENT(struct serial, range), FIELD_TRANSIENT(struct serial, irq),
	FIELD(struct serial, irq_level), FIELD(struct serial, ier), FIELD(struct serial, fcr),
	FIELD(struct serial, lcr), FIELD(struct serial, mcr), FIELD(struct serial, msr),
	FIELD(struct serial, scr), FIELD(struct serial, dll), FIELD(struct serial, dlm),
	FIELD(struct serial, overrun), FIELD(struct serial, tx_pending),
	FIELD(struct serial, fifo), FIELD(struct serial, fifo_head),
	FIELD(struct serial, fifo_len), FIELD_TRANSIENT(struct serial, pad), FIELD_END
};

static unsigned int fifo_room(const struct serial *s)
{
	unsigned int size = s->fcr & FCR_ENABLE ? FIFO_SIZE : 1;

	return size > s->fifo_len ? size - s->fifo_len : 0;
}

static unsigned int rx_trigger(const struct serial *s)
{
	static const u8 level[] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? level[s->fcr >> 6] : 1;
}

/* The highest interrupt that is enabled and due, as IIR shows it. */
static u8 pending(const struct serial *s)
{
	if (s->ier & IER_LINE && s->overrun)
		return IIR_LINE;
	if (s->ier & IER_RX && s->fifo_len)
		return s->fifo_len >= rx_trigger(s) ? IIR_RX : IIR_TIMEOUT;
	if (s->ier & IER_TX && s->tx_pending)
		return IIR_TX;
	if (s->ier & IER_MODEM && s->msr & 0x0f)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct serial *s)
{
	/* A PC gates the line with OUT2; loopback cuts it off. */
	bool level = pending(s) != IIR_NONE && s->mcr & MCR_OUT2 && !(s->mcr & MCR_LOOP);

	if (level == s->irq_level)
		return;
	s->irq_level = level;
	machine_irq(s->m, s->irq, level);
}

static void receive(struct serial *s, u8 c)
{
	if (!fifo_room(s)) {
		s->overrun = 1;
		return;
	}
	s->fifo[(s->fifo_head + s->fifo_len) % FIFO_SIZE] = c;
	s->fifo_len++;
}

static size_t input(void *dev, const u8 *buf, size_t n)
{
	struct serial *s = dev;
	size_t i;

	if (s->mcr & MCR_LOOP)
		return 0;
	for (i = 0; i < n && fifo_room(s); i++)
		receive(s, buf[i]);
	update_irq(s);
	return i;
}

/* Modem lines: a terminal that is always there; or, looped, our own outputs. */
static void update_msr(struct serial *s)
{
	u8 lines = MSR_CTS | MSR_DSR | MSR_DCD, changed;

	if (s->mcr & MCR_LOOP)
		lines = (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
			(s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
	changed = (s->msr ^ lines) & 0xf0;
	if (changed & MSR_RI && lines & MSR_RI)
		changed &= ~MSR_RI;	/* only its falling edge counts */
	s->msr = lines | (s->msr & 0x0f) | changed >> 4;
}

static u8 read_data(struct serial *s)
{
	u8 c = s->fifo[s->fifo_head];

	if (!s->fifo_len)
		return 0;
	s->fifo_head = (s->fifo_head + 1) % FIFO_SIZE;
	s->fifo_len--;
	if (!s->fifo_len)
		chardev_resume(s->chardev);
	return c;
}

static void write_data(struct serial *s, u8 c)
{
	if (s->mcr & MCR_LOOP)
		receive(s, c);
	else
		chardev_write(s->chardev, &c, 1);
	s->tx_pending = 1;
}

static u64 serial_read(void *dev, u64 off, unsigned int n)
{
	struct serial *s = dev;
	u8 val = 0;

	switch (off) {
	case RBR_THR_DLL: val = s->lcr & LCR_DLAB ? s->dll : read_data(s); break;
	case IER_DLM: val = s->lcr & LCR_DLAB ? s->dlm : s->ier; break;
	case IIR_FCR:
		val = pending(s);
		if (val == IIR_TX)
			s->tx_pending = 0;
		if (s->fcr & FCR_ENABLE)
			val |= IIR_FIFO;
		break;
	case LCR: val = s->lcr; break;
	case MCR: val = s->mcr; break;
	case LSR:
		val = LSR_TX_EMPTY | (s->fifo_len ? LSR_DATA : 0) |
		      (s->overrun ? LSR_OVERRUN : 0);
		s->overrun = 0;
		break;
	case MSR:
		val = s->msr;
		s->msr &= 0xf0;
		break;
	case SCR: val = s->scr; break;
	}
	update_irq(s);
	return val;
}

static void write_fcr(struct serial *s, u8 val)
{
	bool resume = false;

	/* Switching the FIFO on or off empties it. */
	if (val & FCR_CLEAR_RX || (val ^ s->fcr) & FCR_ENABLE) {
		resume = s->fifo_len;
		s->fifo_len = 0;
	}
	s->fcr = val & FCR_ENABLE ? val & 0xc9 : 0;
	if (resume)
		chardev_resume(s->chardev);
}

static void serial_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct serial *s = dev;

	switch (off) {
	case RBR_THR_DLL:
		if (s->lcr & LCR_DLAB)
			s->dll = val;
		else
			write_data(s, val);
		break;
	case IER_DLM:
		if (s->lcr & LCR_DLAB) {
			s->dlm = val;
			break;
		}
		/* Enabling it while the transmitter is empty interrupts at once. */
		if (val & IER_TX && !(s->ier & IER_TX))
			s->tx_pending = 1;
		s->ier = val & 0x0f;
		break;
	case IIR_FCR: write_fcr(s, val); break;
	case LCR: s->lcr = val; break;
	case MCR:
		s->mcr = val & 0x1f;
		update_msr(s);
		if (!(s->mcr & MCR_LOOP))
			chardev_resume(s->chardev);
		break;
	case SCR: s->scr = val; break;
	}
	update_irq(s);
}

int serial_new(struct machine *m, u16 base, unsigned int irq, struct chardev *c,
	       struct serial **out)
{
	struct chardev_user user = { .input = input };
	struct serial *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return fail(-ENOMEM, "serial port");
	*s = (struct serial){
		.m = m, .chardev = c, .irq = irq,
		.range = { .base = base, .len = 8, .read = serial_read, .write = serial_write,
			   .dev = s, .name = "serial" },
		.msr = MSR_CTS | MSR_DSR | MSR_DCD, .dll = 1,
	};
	err = iobus_add(&m->pio, &s->range);
	if (err) {
		free(s);
		return fail(err, "serial port %#x", base);
	}
	user.dev = s;
	chardev_attach(c, &user);
	*out = s;
	return 0;
}

void serial_free(struct serial *s)
{
	struct chardev_user nobody = { 0 };

	if (!s)
		return;
	chardev_attach(s->chardev, &nobody);
	iobus_del(&s->m->pio, &s->range);
	free(s);
}
