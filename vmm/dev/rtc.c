// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rtc.c - the MC146818A clock with 128 bytes of CMOS RAM. Source: Motorola
 * MC146818A data sheet; the memory size bytes are IBM's and SeaBIOS' custom.
 * Time is the host's UTC plus what the guest has set.
 */
#include <errno.h>
#include <time.h>
#include "vmm/dev/dev.h"

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WDAY, MDAY, MONTH, YEAR,
       REG_A, REG_B, REG_C, REG_D, CENTURY = 0x32 };

#define A_UIP		0x80
#define A_DIVIDER	0x70
#define A_DIVIDER_RUN	0x20		/* 32768 Hz; others stop the clock */
#define B_SET		0x80
#define B_PIE		0x40
#define B_AIE		0x20
#define B_UIE		0x10
#define B_BINARY	0x04
#define B_24H		0x02
#define C_IRQF		0x80
#define C_PF		0x40
#define C_AF		0x20
#define C_UF		0x10
#define D_VALID		0x80

#define RTC_IRQ		8
#define SECOND		1000000000ull
#define UIP_NS		244000		/* before each update */

struct rtc {
	struct machine *m;
	struct io_range range;
	struct loop_timer *periodic, *update;
	u64 next_periodic;	/* when the next tick is due, host_now_ns */
	s64 offset;		/* guest's wall clock less the host's, ns */
	u64 held;		/* the guest's time while B_SET stops it */
	u8 ram[128];
	u8 index;
	u8 irq_level;
	u8 pad[6];
};

const size_t rtc_size = sizeof(struct rtc);
const struct field rtc_fields[] = {
	FIELD_TRANSIENT(struct rtc, m), FIELD_TRANSIENT(struct rtc, range),
	FIELD_TRANSIENT(struct rtc, periodic), FIELD_TRANSIENT(struct rtc, update),
	FIELD_TRANSIENT(struct rtc, next_periodic), FIELD(struct rtc, offset),
	FIELD(struct rtc, held), FIELD(struct rtc, ram), FIELD(struct rtc, index),
	FIELD(struct rtc, irq_level), FIELD_TRANSIENT(struct rtc, pad), FIELD_END
};

static bool stopped(const struct rtc *r)
{
	return r->ram[REG_B] & B_SET || (r->ram[REG_A] & A_DIVIDER) != A_DIVIDER_RUN;
}

static u64 now_ns(const struct rtc *r)
{
	return stopped(r) ? r->held : host_wall_ns() + r->offset;
}

static u8 encode(const struct rtc *r, unsigned int v)
{
	return r->ram[REG_B] & B_BINARY ? v : (v / 10) << 4 | v % 10;
}

static unsigned int decode(const struct rtc *r, u8 v)
{
	return r->ram[REG_B] & B_BINARY ? v : (v >> 4) * 10u + (v & 15);
}

static u8 encode_hour(const struct rtc *r, unsigned int h)
{
	if (r->ram[REG_B] & B_24H)
		return encode(r, h);
	return encode(r, h % 12 ? h % 12 : 12) | (h >= 12 ? 0x80 : 0);
}

static unsigned int decode_hour(const struct rtc *r, u8 v)
{
	if (r->ram[REG_B] & B_24H)
		return decode(r, v);
	return decode(r, v & 0x7f) % 12 + (v & 0x80 ? 12 : 0);
}

/* The time into the registers, as an update cycle does. */
static void load_time(struct rtc *r)
{
	time_t t = now_ns(r) / SECOND;
	struct tm tm;

	gmtime_r(&t, &tm);
	r->ram[SEC] = encode(r, tm.tm_sec);
	r->ram[MIN] = encode(r, tm.tm_min);
	r->ram[HOUR] = encode_hour(r, tm.tm_hour);
	r->ram[WDAY] = encode(r, tm.tm_wday + 1);
	r->ram[MDAY] = encode(r, tm.tm_mday);
	r->ram[MONTH] = encode(r, tm.tm_mon + 1);
	r->ram[YEAR] = encode(r, tm.tm_year % 100);
	r->ram[CENTURY] = encode(r, 19 + tm.tm_year / 100);
}

/* And back, after the guest has written them. */
static void store_time(struct rtc *r)
{
	struct tm tm = {
		.tm_sec = decode(r, r->ram[SEC]),
		.tm_min = decode(r, r->ram[MIN]),
		.tm_hour = decode_hour(r, r->ram[HOUR]),
		.tm_mday = decode(r, r->ram[MDAY]),
		.tm_mon = decode(r, r->ram[MONTH]) - 1,
		.tm_year = decode(r, r->ram[YEAR]) % 100 + (decode(r, r->ram[CENTURY]) - 19) * 100,
	};
	time_t t = timegm(&tm);
	u64 ns = t < 0 ? 0 : (u64)t * SECOND;

	r->held = ns;
	r->offset = ns - host_wall_ns();
}

static void update_irq(struct rtc *r)
{
	u8 *c = &r->ram[REG_C];
	bool level = *c & r->ram[REG_B] & (C_PF | C_AF | C_UF);

	*c = level ? *c | C_IRQF : *c & ~C_IRQF;
	if (level == r->irq_level)
		return;
	r->irq_level = level;
	machine_irq(r->m, RTC_IRQ, level);
}

/* --- periodic and once-a-second events --- */

static u64 period_ns(const struct rtc *r)
{
	unsigned int rate = r->ram[REG_A] & 15;

	if (!rate || (r->ram[REG_A] & A_DIVIDER) != A_DIVIDER_RUN)
		return 0;
	if (rate < 3)
		rate += 7;		/* at 32768 Hz, 1 and 2 are 256 and 128 Hz */
	return (SECOND << (rate - 1)) / 32768;
}

/* Timers run only while the guest wants their interrupts; PF without PIE is
 * not computed, and nobody polls for it. */
static void set_periodic(struct rtc *r)
{
	u64 period = period_ns(r);

	if (!period || !(r->ram[REG_B] & B_PIE)) {
		loop_timer_cancel(r->periodic);
		return;
	}
	r->next_periodic = host_now_ns() + period;
	loop_timer_set(r->periodic, r->next_periodic);
}

static void on_periodic(void *arg)
{
	struct rtc *r = arg;
	u64 period = period_ns(r), now = host_now_ns();

	r->ram[REG_C] |= C_PF;
	update_irq(r);
	if (!period || !(r->ram[REG_B] & B_PIE))
		return;
	r->next_periodic += period;
	if (r->next_periodic <= now)		/* far behind: drop ticks */
		r->next_periodic = now + period;
	loop_timer_set(r->periodic, r->next_periodic);
}

static void set_update(struct rtc *r)
{
	if (stopped(r) || !(r->ram[REG_B] & (B_UIE | B_AIE)))
		loop_timer_cancel(r->update);
	else
		loop_timer_set(r->update, host_now_ns() + SECOND - now_ns(r) % SECOND);
}

static bool alarm_matches(const struct rtc *r, unsigned int reg, unsigned int alarm)
{
	return r->ram[alarm] >= 0xc0 || r->ram[alarm] == r->ram[reg];
}

static void on_update(void *arg)
{
	struct rtc *r = arg;

	load_time(r);
	r->ram[REG_C] |= C_UF;
	if (alarm_matches(r, SEC, SEC_ALARM) && alarm_matches(r, MIN, MIN_ALARM) &&
	    alarm_matches(r, HOUR, HOUR_ALARM))
		r->ram[REG_C] |= C_AF;
	update_irq(r);
	set_update(r);
}

/* --- registers --- */

static u8 reg_read(struct rtc *r, unsigned int reg)
{
	u8 val;

	switch (reg) {
	case SEC: case MIN: case HOUR: case WDAY: case MDAY: case MONTH: case YEAR: case CENTURY:
		if (!(r->ram[REG_B] & B_SET))
			load_time(r);
		return r->ram[reg];
	case REG_A:
		val = r->ram[REG_A] & ~A_UIP;
		if (!stopped(r) && now_ns(r) % SECOND >= SECOND - UIP_NS)
			val |= A_UIP;
		return val;
	case REG_C:
		val = r->ram[REG_C];
		r->ram[REG_C] = 0;
		update_irq(r);
		return val;
	case REG_D:
		return D_VALID;
	default:
		return r->ram[reg];
	}
}

/* Stopping the clock keeps its time in the registers; starting it takes it
 * from there. */
static void write_control(struct rtc *r, unsigned int reg, u8 val)
{
	bool was = stopped(r);
	u64 t = now_ns(r);

	if (!was)
		load_time(r);
	r->ram[reg] = val;
	if (!was && stopped(r))
		r->held = t;
	else if (was && !stopped(r))
		store_time(r);
	set_periodic(r);
	set_update(r);
	update_irq(r);
}

static void reg_write(struct rtc *r, unsigned int reg, u8 val)
{
	switch (reg) {
	case SEC: case MIN: case HOUR: case WDAY: case MDAY: case MONTH: case YEAR: case CENTURY:
		if (!(r->ram[REG_B] & B_SET))
			load_time(r);
		r->ram[reg] = val;
		if (!(r->ram[REG_B] & B_SET)) {
			store_time(r);
			set_update(r);
		}
		break;
	case REG_A:
		write_control(r, reg, val & ~A_UIP);
		break;
	case REG_B:
		write_control(r, reg, val & B_SET ? val & ~B_UIE : val);
		break;
	case REG_C:
	case REG_D:
		break;		/* read only */
	default:
		r->ram[reg] = val;
	}
}

static u64 rtc_read(void *dev, u64 off, unsigned int n)
{
	struct rtc *r = dev;

	return off ? reg_read(r, r->index) : 0xff;
}

static void rtc_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct rtc *r = dev;

	if (off)
		reg_write(r, r->index, val);
	else
		r->index = val & 0x7f;		/* bit 7 masks NMI */
}

static void put16(struct rtc *r, unsigned int reg, u64 val)
{
	r->ram[reg] = val & 0xff;
	r->ram[reg + 1] = val >> 8 & 0xff;
}

static void set_memory_size(struct rtc *r)
{
	u64 low = r->m->ram.n ? r->m->ram.region[0].len : 0;
	u64 high = r->m->ram.n > 1 ? r->m->ram.region[1].len : 0;
	u64 above1m = low > 1 << 20 ? low - (1 << 20) : 0;
	u64 above16m = low > 16 << 20 ? low - (16 << 20) : 0;

	put16(r, 0x15, 640);
	put16(r, 0x17, min(above1m >> 10, (u64)0xffff));
	put16(r, 0x30, min(above1m >> 10, (u64)0xffff));
	put16(r, 0x34, min(above16m >> 16, (u64)0xffff));
	put16(r, 0x5b, high >> 16);
	r->ram[0x5d] = high >> 32;
	r->ram[0x5f] = r->m->n_vcpus ? r->m->n_vcpus - 1 : 0;
}

int rtc_new(struct machine *m, struct rtc **out)
{
	struct rtc *r = calloc(1, sizeof(*r));
	int err = -ENOMEM;

	if (!r)
		return fail(-ENOMEM, "clock");
	r->m = m;
	r->range = (struct io_range){ .base = 0x70, .len = 2, .read = rtc_read,
				      .write = rtc_write, .dev = r, .name = "rtc" };
	r->ram[REG_A] = A_DIVIDER_RUN | 6;
	r->ram[REG_B] = B_24H;
	set_memory_size(r);
	r->periodic = loop_timer_new(m->loop, on_periodic, r);
	r->update = loop_timer_new(m->loop, on_update, r);
	if (r->periodic && r->update)
		err = iobus_add(&m->pio, &r->range);
	if (err) {
		rtc_free(r);
		return fail(err, "clock");
	}
	*out = r;
	return 0;
}

void rtc_free(struct rtc *r)
{
	if (!r)
		return;
	iobus_del(&r->m->pio, &r->range);
	loop_timer_free(r->periodic);
	loop_timer_free(r->update);
	free(r);
}
