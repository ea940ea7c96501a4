// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pm.c - ACPI fixed hardware: PM1 event and control, the PM timer, and a GPE
 * block in which nothing happens yet. Source: ACPI 6.4, "ACPI Hardware
 * Specification". There is no SMM: the machine is in ACPI mode from the start.
 */
#include <errno.h>
#include "vmm/dev/dev.h"

#define STS_TMR		0x0001
#define STS_GBL		0x0020
#define STS_PWRBTN	0x0100
#define STS_RTC		0x0400
#define STS_WAK		0x8000
#define STS_ALL		(STS_TMR | STS_GBL | STS_PWRBTN | STS_RTC | STS_WAK)
#define EN_ALL		(STS_TMR | STS_GBL | STS_PWRBTN | STS_RTC)
#define CNT_SCI_EN	0x0001
#define CNT_SLP_TYP(v)	((v) >> 10 & 7)
#define CNT_SLP_EN	0x2000
#define TIMER_HZ	3579545ull
#define SECOND		1000000000ull
#define BLOCK_LEN	0x40

struct pm {
	struct machine *m;
	struct io_range range;
	struct loop_timer *overflow;
	u64 start;		/* host_now_ns when the timer was 0 */
	u64 seen;		/* half turns of the timer that STS_TMR has counted */
	u16 sts, en, cnt;
	u8 gpe[PM_GPE_LEN];
	u8 sci_level;
	u8 pad[5];
};

const size_t pm_size = sizeof(struct pm);
const struct field pm_fields[] = {
	FIELD_TRANSIENT(struct pm, m), FIELD_TRANSIENT(struct pm, range),
	FIELD_TRANSIENT(struct pm, overflow), FIELD(struct pm, start), FIELD(struct pm, seen),
	FIELD(struct pm, sts), FIELD(struct pm, en), FIELD(struct pm, cnt),
	FIELD(struct pm, gpe), FIELD(struct pm, sci_level), FIELD_TRANSIENT(struct pm, pad),
	FIELD_END
};

static u64 ticks(const struct pm *p)
{
	u64 ns = host_now_ns() - p->start;

	return ns / SECOND * TIMER_HZ + ns % SECOND * TIMER_HZ / SECOND;
}

static void update(struct pm *p)
{
	u64 half = ticks(p) >> 31;	/* bit 31 toggles: TMR_STS */
	bool level;

	if (half != p->seen) {
		p->seen = half;
		p->sts |= STS_TMR;
	}
	if (p->en & STS_TMR)
		loop_timer_set(p->overflow,
			       p->start + ((half + 1) << 31) / TIMER_HZ * SECOND + SECOND);
	else
		loop_timer_cancel(p->overflow);
	level = p->sts & p->en & EN_ALL && p->cnt & CNT_SCI_EN;
	if (level == p->sci_level)
		return;
	p->sci_level = level;
	machine_irq(p->m, PM_SCI, level);
}

static void on_overflow(void *arg)
{
	update(arg);
}

void pm_power_button(struct pm *p)
{
	p->sts |= STS_PWRBTN;
	update(p);
}

static void write_control(struct pm *p, u16 val)
{
	p->cnt = (val & ~CNT_SLP_EN) | CNT_SCI_EN;
	if (val & CNT_SLP_EN && CNT_SLP_TYP(val) == PM_SLP_TYP_S5)
		machine_stop(p->m, END_POWEROFF, 0);
}

static u8 read_byte(struct pm *p, u64 off)
{
	switch (off) {
	case PM_EVT: case PM_EVT + 1:
		update(p);
		return p->sts >> 8 * (off - PM_EVT);
	case PM_EVT + 2: case PM_EVT + 3:
		return p->en >> 8 * (off - PM_EVT - 2);
	case PM_CNT: case PM_CNT + 1:
		return p->cnt >> 8 * (off - PM_CNT);
	default:
		if (off - PM_GPE < PM_GPE_LEN && off >= PM_GPE)
			return p->gpe[off - PM_GPE];
		return 0;
	}
}

static u64 pm_read(void *dev, u64 off, unsigned int n)
{
	struct pm *p = dev;
	u64 val = 0;

	if (off >= PM_TMR && off + n <= PM_TMR + 4)
		return (ticks(p) & 0xffffffff) >> 8 * (off - PM_TMR);
	for (unsigned int i = 0; i < n; i++)
		val |= (u64)read_byte(p, off + i) << 8 * i;
	return val;
}

/* Bytes merge into the registers; status bits are cleared by writing 1. */
static void pm_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct pm *p = dev;
	u16 cnt = p->cnt;
	bool control = false;

	for (unsigned int i = 0; i < n; i++, off++, val >>= 8) {
		unsigned int shift = 8 * (off & 1);
		u16 byte = (val & 0xff) << shift, mask = 0xff << shift;

		switch (off) {
		case PM_EVT: case PM_EVT + 1: p->sts &= ~(byte & STS_ALL); break;
		case PM_EVT + 2: case PM_EVT + 3:
			p->en = ((p->en & ~mask) | byte) & EN_ALL;
			break;
		case PM_CNT: case PM_CNT + 1:
			cnt = (cnt & ~mask) | byte;
			control = true;
			break;
		case PM_GPE + 2: case PM_GPE + 3: p->gpe[off - PM_GPE] = byte >> shift; break;
		}
	}
	if (control)
		write_control(p, cnt);
	update(p);
}

int pm_new(struct machine *m, struct pm **out)
{
	struct pm *p = calloc(1, sizeof(*p));
	int err = -ENOMEM;

	if (!p)
		return fail(-ENOMEM, "power management");
	p->m = m;
	p->start = host_now_ns();
	p->cnt = CNT_SCI_EN;
	p->range = (struct io_range){ .base = MACHINE_PM_BASE, .len = BLOCK_LEN, .read = pm_read,
				      .write = pm_write, .dev = p, .name = "pm" };
	p->overflow = loop_timer_new(m->loop, on_overflow, p);
	if (p->overflow)
		err = iobus_add(&m->pio, &p->range);
	if (err) {
		pm_free(p);
		return fail(err, "power management");
	}
	*out = p;
	return 0;
}

void pm_free(struct pm *p)
{
	if (!p)
		return;
	iobus_del(&p->m->pio, &p->range);
	loop_timer_free(p->overflow);
	free(p);
}
