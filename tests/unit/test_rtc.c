// SPDX-License-Identifier: GPL-2.0-or-later
/* The clock: formats, setting it, its three interrupts, CMOS bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <cmocka.h>
#include "tests/unit/said.h"
#include "vmm/dev/dev.h"

static struct machine m;
static struct rtc *r;
static bool irq;
static unsigned int edges;

void machine_irq(struct machine *mm, unsigned int gsi, bool level)
{
	assert_int_equal(gsi, 8);
	edges += level && !irq;
	irq = level;
}

static u8 get(u8 reg)
{
	iobus_write(&m.pio, 0x70, 1, reg);
	return iobus_read(&m.pio, 0x71, 1);
}

static void set(u8 reg, u8 val)
{
	iobus_write(&m.pio, 0x70, 1, reg);
	iobus_write(&m.pio, 0x71, 1, val);
}

/* Runs what the event loop would have run by then. */
static void loop_end(void *loop)
{
	loop_stop(loop);
}

static int setup(void **state)
{
	memset(&m, 0, sizeof(m));
	m.n_vcpus = 2;
	irq = false;
	edges = 0;
	m.ram.n = 2;
	m.ram.region[0].len = 3ull << 30;
	m.ram.region[1].len = 5ull << 30;
	return loop_new(&m.loop) || rtc_new(&m, &r);
}

static int teardown(void **state)
{
	rtc_free(r);
	loop_free(m.loop);
	return 0;
}

static void run_due_timers(void)
{
	/* One round: posts come after timers. */
	loop_post(m.loop, loop_end, m.loop);
	assert_int_equal(loop_run(m.loop), 0);
}

static void starts_in_bcd_and_24_hours(void **state)
{
	time_t t = host_wall_ns() / 1000000000;
	struct tm tm;

	gmtime_r(&t, &tm);
	assert_int_equal(get(0x0b), 0x02);
	assert_int_equal(get(0x0d), 0x80);
	assert_int_equal(get(9), (tm.tm_year % 100 / 10) << 4 | tm.tm_year % 10);
	assert_int_equal(get(0x32), tm.tm_year >= 100 ? 0x20 : 0x19);
	assert_int_equal(get(8), ((tm.tm_mon + 1) / 10) << 4 | (tm.tm_mon + 1) % 10);
}

/* The usual sequence: stop, write, start. */
static void set_clock(u8 b, u8 hour)
{
	set(0x0b, b | 0x80);
	set(0, 58);
	set(2, 59);
	set(4, hour);
	set(7, 31);
	set(8, 12);
	set(9, 99);
	set(0x32, 20);
	set(0x0b, b);
}

static void guest_sets_the_time(void **state)
{
	set_clock(0x06, 23);			/* binary, 24 hours */
	assert_int_equal(get(4), 23);
	assert_int_equal(get(9), 99);
	set(0x0b, 0x02);			/* the same in BCD */
	assert_int_equal(get(4), 0x23);
	assert_int_equal(get(9), 0x99);
}

static void twelve_hour_mode_has_pm_bit(void **state)
{
	set_clock(0x04, 0x80 | 11);		/* 11 PM */
	assert_int_equal(get(4), 0x80 | 11);
	set(0x0b, 0x06);
	assert_int_equal(get(4), 23);
	set_clock(0x04, 12);			/* 12 AM is midnight */
	set(0x0b, 0x06);
	assert_int_equal(get(4), 0);
	set_clock(0x04, 0x80 | 12);
	set(0x0b, 0x06);
	assert_int_equal(get(4), 12);
}

static void set_bit_stops_the_clock(void **state)
{
	u8 sec;

	set(0x0b, 0x86);
	sec = get(0);
	test_advance(5000000000ull);
	assert_int_equal(get(0), sec);
	assert_int_equal(get(0x0a) & 0x80, 0);
}

static void update_interrupt_comes_each_second(void **state)
{
	set(0x0b, 0x16);
	test_advance(1100000000ull);
	run_due_timers();
	assert_true(irq);
	assert_int_equal(get(0x0c), 0x90);
	assert_false(irq);
	assert_int_equal(get(0x0c), 0);
}

static void alarm_fires_at_its_time_only(void **state)
{
	set_clock(0x06, 10);			/* 10:59:58 */
	set(5, 11);
	set(3, 0);
	set(1, 0);
	set(0x0b, 0x26);
	test_advance(1000000000ull);
	run_due_timers();
	assert_false(irq);
	test_advance(1000000000ull);
	run_due_timers();
	assert_true(irq);
	assert_int_equal(get(0x0c) & 0x20, 0x20);
}

static void wildcard_alarm_matches(void **state)
{
	set(5, 0xff);
	set(3, 0xff);
	set(1, 0xff);
	set(0x0b, 0x26);
	test_advance(1100000000ull);
	run_due_timers();
	assert_true(irq);
	assert_int_equal(get(0x0c) & 0xa0, 0xa0);
}

static void periodic_interrupt_follows_the_rate(void **state)
{
	set(0x0a, 0x2a);			/* 64 Hz */
	set(0x0b, 0x42);
	test_advance(15000000);
	run_due_timers();
	assert_false(irq);
	test_advance(1000000);
	run_due_timers();
	assert_true(irq);
	assert_int_equal(get(0x0c), 0xc0);
	test_advance(15625000);
	teardown(NULL);
	assert_int_equal(setup(NULL), 0);	/* freed with a timer set */
}

static void status_c_and_d_are_read_only(void **state)
{
	set(0x0c, 0xff);
	set(0x0d, 0x00);
	assert_int_equal(get(0x0c), 0);
	assert_int_equal(get(0x0d), 0x80);
}

static void cmos_tells_memory_and_keeps_bytes(void **state)
{
	assert_int_equal(get(0x15) | get(0x16) << 8, 640);
	assert_int_equal(get(0x30) | get(0x31) << 8, 0xffff);
	assert_int_equal(get(0x34) | get(0x35) << 8, ((3u << 30) - (16u << 20)) >> 16);
	assert_int_equal(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, (5ull << 30) >> 16);
	set(0x40, 0xa5);
	assert_int_equal(get(0x40), 0xa5);
	set(0xc0, 0x11);			/* bit 7 is the NMI mask */
	assert_int_equal(get(0x40), 0x11);
}

static void any_access_sequence_is_survived(void **state)
{
	u32 seed = 3;

	for (unsigned int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		if (seed & 1 << 30)
			get(seed >> 8);
		else
			set(seed >> 8, seed >> 16);
		if (!(i % 64))
			test_advance(seed);
	}
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(starts_in_bcd_and_24_hours),
		T(guest_sets_the_time),
		T(twelve_hour_mode_has_pm_bit),
		T(set_bit_stops_the_clock),
		T(update_interrupt_comes_each_second),
		T(alarm_fires_at_its_time_only),
		T(wildcard_alarm_matches),
		T(periodic_interrupt_follows_the_rate),
		T(status_c_and_d_are_read_only),
		T(cmos_tells_memory_and_keeps_bytes),
		T(any_access_sequence_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
