// SPDX-License-Identifier: GPL-2.0-or-later
/* The 16550, the small ports and the PM block, register by register. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "tests/unit/said.h"
#include "vmm/dev/dev.h"

static struct machine m;
static struct serial *s;
static struct chardev_user user;
static bool irq_level[24];
static unsigned int irq_edges[24], resumes;
static enum machine_end ended;
static int end_code;
static char sent[256];
static size_t n_sent;

/* What the devices call. */
void machine_irq(struct machine *mm, unsigned int gsi, bool level)
{
	irq_edges[gsi] += level && !irq_level[gsi];
	irq_level[gsi] = level;
}

void machine_stop(struct machine *mm, enum machine_end end, int code)
{
	ended = end;
	end_code = code;
}

void chardev_attach(struct chardev *c, const struct chardev_user *u) { user = *u; }
void chardev_resume(struct chardev *c) { resumes++; }

void chardev_write(struct chardev *c, const u8 *buf, size_t n)
{
	for (size_t i = 0; i < n && n_sent < sizeof(sent) - 1; i++)
		sent[n_sent++] = buf[i];
}

int pci_testdev_new(struct machine *mm);
int pci_testdev_new(struct machine *mm) { return 0; }

static void out8(u16 port, u8 val) { iobus_write(&m.pio, port, 1, val); }
static u8 in8(u16 port) { return iobus_read(&m.pio, port, 1); }

static int setup(void **state)
{
	memset(&m, 0, sizeof(m));
	memset(irq_level, 0, sizeof(irq_level));
	memset(irq_edges, 0, sizeof(irq_edges));
	memset(sent, 0, sizeof(sent));
	n_sent = resumes = 0;
	ended = END_NONE;
	if (loop_new(&m.loop) || serial_new(&m, 0x3f8, 4, NULL, &s))
		return -1;
	out8(0x3fc, 0x0b);		/* DTR, RTS, OUT2 */
	return 0;
}

static int teardown(void **state)
{
	serial_free(s);
	loop_free(m.loop);
	return 0;
}

static size_t feed(const char *text)
{
	return user.input(user.dev, (const u8 *)text, strlen(text));
}

/* --- UART --- */

static void bytes_go_out_at_once(void **state)
{
	out8(0x3f8, 'h');
	out8(0x3f8, 'i');
	assert_string_equal(sent, "hi");
	assert_int_equal(in8(0x3fd), 0x60);
}

static void divisor_latch_hides_data_and_ier(void **state)
{
	out8(0x3fb, 0x83);
	out8(0x3f8, 0x0c);
	out8(0x3f9, 0x01);
	assert_int_equal(in8(0x3f8), 0x0c);
	assert_int_equal(in8(0x3f9), 0x01);
	out8(0x3fb, 0x03);
	assert_int_equal(in8(0x3f9), 0);
	assert_int_equal(n_sent, 0);
}

static void without_fifo_one_byte_is_held(void **state)
{
	assert_int_equal(feed("ab"), 1);
	assert_int_equal(in8(0x3fd) & 1, 1);
	assert_int_equal(in8(0x3f8), 'a');
	assert_true(resumes > 0);
	assert_int_equal(in8(0x3fd) & 1, 0);
}

static void fifo_holds_sixteen(void **state)
{
	out8(0x3fa, 0x01);
	assert_int_equal(feed("0123456789abcdefghij"), 16);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(in8(0x3f8), "0123456789abcdef"[i]);
	assert_int_equal(in8(0x3f8), 0);
	assert_int_equal(in8(0x3fd) & 2, 0);		/* no overrun: input waits */
}

static void receive_interrupt_follows_the_fifo(void **state)
{
	out8(0x3fa, 0x81);				/* trigger at 8 */
	out8(0x3f9, 0x01);
	feed("abc");
	assert_true(irq_level[4]);
	assert_int_equal(in8(0x3fa), 0xcc);		/* time-out: below the trigger */
	feed("defgh");
	assert_int_equal(in8(0x3fa), 0xc4);
	for (unsigned int i = 0; i < 8; i++)
		in8(0x3f8);
	assert_false(irq_level[4]);
	assert_int_equal(in8(0x3fa), 0xc1);
}

static void transmit_interrupt_is_acknowledged_by_iir(void **state)
{
	out8(0x3f9, 0x02);
	assert_true(irq_level[4]);
	assert_int_equal(in8(0x3fa), 0x02);
	assert_false(irq_level[4]);
	assert_int_equal(in8(0x3fa), 0x01);
	out8(0x3f8, 'x');
	assert_true(irq_level[4]);
	out8(0x3f9, 0x00);
	assert_false(irq_level[4]);
}

static void out2_gates_the_interrupt(void **state)
{
	out8(0x3fc, 0x03);
	out8(0x3f9, 0x02);
	assert_false(irq_level[4]);
	out8(0x3fc, 0x0b);
	assert_true(irq_level[4]);
}

static void loopback_returns_data_and_lines(void **state)
{
	out8(0x3fc, 0x1a);				/* loop, RTS, OUT2 */
	assert_int_equal(in8(0x3fe) & 0xf0, 0x90);	/* CTS, DCD */
	out8(0x3f8, 'z');
	assert_int_equal(n_sent, 0);
	assert_int_equal(in8(0x3f8), 'z');
	assert_int_equal(feed("a"), 0);			/* the line is cut */
	out8(0x3fc, 0x0b);
	assert_int_equal(in8(0x3fe) & 0xf0, 0xb0);
	assert_int_equal(in8(0x3fe) & 0x0f, 0);		/* deltas clear on read */
}

static void loopback_overrun_is_reported_once(void **state)
{
	out8(0x3fc, 0x1b);
	out8(0x3f8, 'a');
	out8(0x3f8, 'b');
	assert_int_equal(in8(0x3fd) & 2, 2);
	assert_int_equal(in8(0x3fd) & 2, 0);
	assert_int_equal(in8(0x3f8), 'a');
}

static void modem_interrupt_comes_with_a_change(void **state)
{
	out8(0x3f9, 0x08);
	out8(0x3fc, 0x18);
	out8(0x3fc, 0x08);
	assert_int_equal(in8(0x3fa), 0x00);
	assert_true(irq_level[4]);
	in8(0x3fe);
	assert_false(irq_level[4]);
}

static void fifo_reset_drops_input(void **state)
{
	out8(0x3fa, 0x01);
	feed("abc");
	out8(0x3fa, 0x03);
	assert_int_equal(in8(0x3fd) & 1, 0);
}

static void scratch_keeps_its_byte(void **state)
{
	out8(0x3ff, 0x5a);
	assert_int_equal(in8(0x3ff), 0x5a);
}

static void any_access_sequence_is_survived(void **state)
{
	u32 seed = 7;

	for (unsigned int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		if (seed & 1 << 30)
			feed("abcdefghijklmnopqrst");
		else if (seed & 1 << 29)
			in8(0x3f8 + (seed >> 8 & 7));
		else
			out8(0x3f8 + (seed >> 8 & 7), seed >> 16);
	}
}

/* --- small ports --- */

static void reset_ports_end_the_run(void **state)
{
	struct misc *d;

	assert_int_equal(misc_new(&m, false, &d), 0);
	out8(0x64, 0xfe);
	assert_int_equal(ended, END_RESET);
	ended = END_NONE;
	out8(0x92, 0x02);
	assert_int_equal(ended, END_NONE);
	assert_int_equal(in8(0x92), 0x02);
	out8(0x92, 0x03);
	assert_int_equal(ended, END_RESET);
	ended = END_NONE;
	iobus_write(&m.pio, 0xf4, 4, 0);		/* not asked for: nobody there */
	assert_int_equal(ended, END_NONE);
	assert_int_equal(in8(0x64), 0xff);
	misc_free(d);
}

static void debug_exit_carries_its_value(void **state)
{
	struct misc *d;

	assert_int_equal(misc_new(&m, true, &d), 0);
	iobus_write(&m.pio, 0xf4, 4, 38);
	assert_int_equal(ended, END_DEBUG_EXIT);
	assert_int_equal(end_code, 38);
	out8(0xf4, 1);
	assert_int_equal(end_code, 1);
	misc_free(d);
}

static void testdev_echoes_and_drives_lines(void **state)
{
	struct testdev *t;

	assert_int_equal(testdev_new(&m, &t), 0);
	iobus_write(&m.pio, 0xe0, 4, 0x12345678);
	assert_int_equal(iobus_read(&m.pio, 0xe0, 4), 0x12345678);
	assert_int_equal(iobus_read(&m.pio, 0xe1, 1), 0x56);
	out8(0x2000 + 14, 1);
	assert_true(irq_level[14]);
	out8(0x2000 + 14, 0);
	assert_false(irq_level[14]);
	iobus_write(&m.mmio, 0xff000010, 8, 0x1122334455667788);
	assert_int_equal(iobus_read(&m.mmio, 0xff000014, 4), 0x11223344);
	assert_int_equal(iobus_read(&m.mmio, 0xff00fffe, 4), 0xffffffff);
	iobus_write(&m.pio, 0xe4, 4, 0xfffff000);	/* no RAM there */
	testdev_free(t);
}

/* --- power management --- */

static void s5_powers_off(void **state)
{
	struct pm *p;

	assert_int_equal(pm_new(&m, &p), 0);
	assert_int_equal(iobus_read(&m.pio, MACHINE_PM_BASE + PM_CNT, 2), 1);	/* SCI_EN */
	iobus_write(&m.pio, MACHINE_PM_BASE + PM_CNT, 2, 1 << 10 | 1 << 13);
	assert_int_equal(ended, END_NONE);		/* S1: there is none */
	iobus_write(&m.pio, MACHINE_PM_BASE + PM_CNT, 2, PM_SLP_TYP_S5 << 10 | 1 << 13);
	assert_int_equal(ended, END_POWEROFF);
	pm_free(p);
}

static void power_button_raises_sci_until_cleared(void **state)
{
	struct pm *p;

	assert_int_equal(pm_new(&m, &p), 0);
	pm_power_button(p);
	assert_false(irq_level[PM_SCI]);		/* not enabled */
	iobus_write(&m.pio, MACHINE_PM_BASE + PM_EVT + 2, 2, 0x100);
	assert_true(irq_level[PM_SCI]);
	iobus_write(&m.pio, MACHINE_PM_BASE + PM_EVT, 2, 0x100);
	assert_false(irq_level[PM_SCI]);
	pm_free(p);
}

static void pm_timer_counts_3579545_a_second(void **state)
{
	u64 a, b;
	struct pm *p;

	assert_int_equal(pm_new(&m, &p), 0);
	a = iobus_read(&m.pio, MACHINE_PM_BASE + PM_TMR, 4);
	test_advance(1000000000);
	b = iobus_read(&m.pio, MACHINE_PM_BASE + PM_TMR, 4);
	assert_int_equal(b - a, 3579545);
	test_advance(601ull * 1000000000);		/* bit 31 toggles after 600 s */
	assert_int_equal(iobus_read(&m.pio, MACHINE_PM_BASE + PM_EVT, 2) & 1, 1);
	pm_free(p);
}

static void state_tables_are_exact(void **state)
{
	assert_int_equal(field_table_gap(serial_fields, serial_size), -1);
	assert_int_equal(field_table_gap(rtc_fields, rtc_size), -1);
	assert_int_equal(field_table_gap(pm_fields, pm_size), -1);
	assert_int_equal(field_table_gap(misc_fields, misc_size), -1);
	assert_int_equal(field_table_gap(testdev_fields, testdev_size), -1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_go_out_at_once),
		T(divisor_latch_hides_data_and_ier),
		T(without_fifo_one_byte_is_held),
		T(fifo_holds_sixteen),
		T(receive_interrupt_follows_the_fifo),
		T(transmit_interrupt_is_acknowledged_by_iir),
		T(out2_gates_the_interrupt),
		T(loopback_returns_data_and_lines),
		T(loopback_overrun_is_reported_once),
		T(modem_interrupt_comes_with_a_change),
		T(fifo_reset_drops_input),
		T(scratch_keeps_its_byte),
		T(any_access_sequence_is_survived),
		T(reset_ports_end_the_run),
		T(debug_exit_carries_its_value),
		T(testdev_echoes_and_drives_lines),
		T(s5_powers_off),
		T(power_button_raises_sci_until_cleared),
		T(pm_timer_counts_3579545_a_second),
		T(state_tables_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
