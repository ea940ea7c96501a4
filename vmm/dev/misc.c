// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * misc.c - ports that are a line or two each: old ways to reset a PC (cf9h is
 * with the PCI ports it lies between), the POST code, and the debug exit.
 */
#include <errno.h>
#include "vmm/dev/dev.h"

#define PORT_KBD_DATA	0x60
#define PORT_KBD	0x64
#define PORT_POST	0x80
#define PORT_A		0x92
#define PORT_EXIT	0xf4

#define KBD_PULSE_RESET	0xfe
#define PORT_A_RESET	0x01
#define PORT_A_A20	0x02

struct misc {
	struct machine *m;
	struct io_range kbd_data, kbd, post, port_a, exit;
	u8 port_a_val, post_val, has_exit;
	u8 pad[5];
};

const size_t misc_size = sizeof(struct misc);
const struct field misc_fields[] = {
	FIELD_TRANSIENT(struct misc, m), FIELD_TRANSIENT(struct misc, kbd_data),
	FIELD_TRANSIENT(struct misc, kbd), FIELD_TRANSIENT(struct misc, post),
	FIELD_TRANSIENT(struct misc, port_a),
	FIELD_TRANSIENT(struct misc, exit), FIELD(struct misc, port_a_val),
	FIELD(struct misc, post_val),
	FIELD_TRANSIENT(struct misc, has_exit), FIELD_TRANSIENT(struct misc, pad), FIELD_END
};

/* No keyboard controller: its status reads as absent (all ones), as the FADT
 * says, but the reset pulse works, for guests that know no other way. */
static void kbd_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct misc *d = dev;

	if ((val & 0xff) == KBD_PULSE_RESET)
		machine_stop(d->m, END_RESET, 0);
}

static u64 port_a_read(void *dev, u64 off, unsigned int n)
{
	struct misc *d = dev;

	return d->port_a_val;
}

static void port_a_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct misc *d = dev;

	if (val & PORT_A_RESET)
		machine_stop(d->m, END_RESET, 0);
	d->port_a_val = (val & ~PORT_A_RESET) | PORT_A_A20;	/* A20 is always open */
}

static u64 post_read(void *dev, u64 off, unsigned int n)
{
	struct misc *d = dev;

	return d->post_val;
}

static void post_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct misc *d = dev;

	d->post_val = val;
}

static void exit_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct misc *d = dev;

	machine_stop(d->m, END_DEBUG_EXIT, (int)(val & 0x7fffffff));
}

static struct io_range port(struct misc *d, const char *name, u16 base, u16 len,
			    u64 (*read)(void *, u64, unsigned int),
			    void (*write)(void *, u64, unsigned int, u64))
{
	return (struct io_range){ .base = base, .len = len, .read = read, .write = write,
				  .dev = d, .name = name };
}

int misc_new(struct machine *m, bool debug_exit, struct misc **out)
{
	struct misc *d = calloc(1, sizeof(*d));
	struct io_range *all[5];
	unsigned int i, n;
	int err = 0;

	if (!d)
		return fail(-ENOMEM, "ports");
	d->m = m;
	d->port_a_val = PORT_A_A20;
	d->has_exit = debug_exit;
	d->kbd_data = port(d, "i8042 data", PORT_KBD_DATA, 1, NULL, NULL);
	d->kbd = port(d, "i8042", PORT_KBD, 1, NULL, kbd_write);
	d->post = port(d, "post", PORT_POST, 1, post_read, post_write);
	d->port_a = port(d, "port92", PORT_A, 1, port_a_read, port_a_write);
	d->exit = port(d, "debug-exit", PORT_EXIT, 4, NULL, exit_write);
	all[0] = &d->kbd_data;
	all[1] = &d->kbd;
	all[2] = &d->post;
	all[3] = &d->port_a;
	all[4] = &d->exit;
	n = debug_exit ? 5 : 4;
	for (i = 0; i < n && !err; i++)
		err = iobus_add(&m->pio, all[i]);
	if (err) {
		misc_free(d);
		return fail(err, "ports");
	}
	*out = d;
	return 0;
}

void misc_free(struct misc *d)
{
	if (!d)
		return;
	iobus_del(&d->m->pio, &d->kbd_data);
	iobus_del(&d->m->pio, &d->kbd);
	iobus_del(&d->m->pio, &d->post);
	iobus_del(&d->m->pio, &d->port_a);
	iobus_del(&d->m->pio, &d->exit);
	free(d);
}
