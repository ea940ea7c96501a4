/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_ports.c - the small devices of the board by their ports and registers:
 * 16550, clock, power management, reset, debug exit and the test devices, with
 * a terminal that types, and time that passes.
 */
#include "tests/fuzz/machine.h"
#include "vmm/dev/dev.h"

/* ---- the terminal ---- */

static struct chardev_user user;

void chardev_attach(struct chardev *c, const struct chardev_user *u)
{
	user = *u;
}

static void type(const u8 *buf, size_t n)
{
	if (n && user.input)
		require(user.input(user.dev, buf, n) <= n);
}

void chardev_resume(struct chardev *c)
{
}

void chardev_write(struct chardev *c, const u8 *buf, size_t n)
{
	require(n);
}

/* ---- the guest ---- */

static u64 port(struct input *in)
{
	static const u16 base[] = { 0x3f8, 0x70, MACHINE_PM_BASE, MACHINE_PM_BASE + PM_GPE, 0x64, 0x92, 0x80,
				    0xf4, 0xe0, 0xe4, 0xe8, 0x2000, 0xcf8, MACHINE_PCI_IO_BASE };
	u8 how = take(in, 1);

	return how & 128 ? take(in, 2) : base[how % ARRAY_SIZE(base)] + (how >> 4 & 7);
}

static void step(struct machine *m, struct pm *pm, struct input *in)
{
	static const u8 sizes[] = { 1, 2, 4, 1 };
	u8 op = take(in, 1), buf[32];
	unsigned int n = sizes[op >> 6];

	switch (op & 7) {
	case 0: case 1: iobus_write(&m->pio, port(in), n, take(in, n)); break;
	case 2: iobus_read(&m->pio, port(in), n); break;
	case 3:		/* the clock: index and value */
		iobus_write(&m->pio, 0x70, 1, take(in, 1));
		if (op & 64)
			iobus_read(&m->pio, 0x71, 1);
		else
			iobus_write(&m->pio, 0x71, 1, take(in, 1));
		break;
	case 4:
		take_buf(in, buf, op >> 3);
		type(buf, op >> 3);
		break;
	case 5:
		test_now_ns += take(in, op & 8 ? 5 : 3);
		loop_round(m);
		break;
	case 6:
		if (op & 8)
			pm_power_button(pm);
		else
			iobus_write(&m->mmio, MACHINE_MMIO32_BASE + take(in, 2), 1 << (op >> 6), take_value(in));
		break;
	default: iobus_read(&m->mmio, MACHINE_MMIO32_BASE + take(in, 3), 1 << (op >> 6)); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct input in = { data, n };
	struct testdev *test;
	struct serial *serial;
	struct machine m;
	struct misc *misc;
	struct rtc *rtc;
	struct pm *pm;

	if (n > 2048)
		return -1;
	test_now_ns = 1000000000;
	machine_up(&m);
	require(!serial_new(&m, 0x3f8, 4, (struct chardev *)memory, &serial));	/* never looked into */
	require(!rtc_new(&m, &rtc) && !pm_new(&m, &pm) && !misc_new(&m, true, &misc));
	require(!testdev_new(&m, &test));
	while (in.n)
		step(&m, pm, &in);
	testdev_free(test);
	misc_free(misc);
	pm_free(pm);
	rtc_free(rtc);
	serial_free(serial);
	pci_bus_free(m.pci);
	require(!m.mmio.n && !m.pio.n);
	loop_free(m.loop);
	return 0;
}
