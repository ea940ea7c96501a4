// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * testdev.c - what kvm-unit-tests expects of QEMU's pc-testdev: an echo port,
 * a way to lose a page's mapping, all interrupt lines, and some MMIO that must
 * be emulated. With it comes QEMU's pci-testdev (pci_testdev.c).
 */
#include <errno.h>
#include <sys/mman.h>
#include "vmm/dev/dev.h"
#include "vmm/pci/pci.h"

#define PORT_ECHO	0xe0
#define PORT_FLUSH	0xe4
#define PORT_BYTES	0xe8
#define PORT_IRQ	0x2000
#define IRQS		24
#define SCRATCH		0xff000000u
#define SCRATCH_LEN	0x10000u

struct testdev {
	struct machine *m;
	struct io_range echo, flush, bytes, irq, mmio;
	u32 echo_val;
	u8 byte_val[4];
	u8 scratch[SCRATCH_LEN];
};

const size_t testdev_size = sizeof(struct testdev);
const struct field testdev_fields[] = {
	FIELD_TRANSIENT(struct testdev, m), FIELD_TRANSIENT(struct testdev, echo),
	FIELD_TRANSIENT(struct testdev, flush), FIELD_TRANSIENT(struct testdev, bytes),
	FIELD_TRANSIENT(struct testdev, irq), FIELD_TRANSIENT(struct testdev, mmio),
	FIELD(struct testdev, echo_val), FIELD(struct testdev, byte_val),
	FIELD(struct testdev, scratch), FIELD_END
};

static u64 get(const void *p, unsigned int n)
{
	u64 v = 0;

	memcpy(&v, p, n);
	return v;
}

static u64 echo_read(void *dev, u64 off, unsigned int n)
{
	struct testdev *t = dev;

	return get((u8 *)&t->echo_val + off, n);
}

static void echo_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct testdev *t = dev;

	memcpy((u8 *)&t->echo_val + off, &val, n);
}

/* The pages of a shared memfd lose their mapping, not their content: the next
 * guest access faults in the host and in the nested page tables. */
static void flush_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct testdev *t = dev;
	void *p = ram_ptr(&t->m->ram, val & ~0xfffull, 4096);

	if (p)
		madvise(p, 4096, MADV_DONTNEED);
}

static u64 bytes_read(void *dev, u64 off, unsigned int n)
{
	struct testdev *t = dev;

	return get(t->byte_val + off, n);
}

static void bytes_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct testdev *t = dev;

	memcpy(t->byte_val + off, &val, n);
}

static void irq_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct testdev *t = dev;

	machine_irq(t->m, off, val & 1);
}

static u64 mmio_read(void *dev, u64 off, unsigned int n)
{
	struct testdev *t = dev;

	return get(t->scratch + off, n);
}

static void mmio_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct testdev *t = dev;

	memcpy(t->scratch + off, &val, n);
}

int testdev_new(struct machine *m, struct testdev **out)
{
	struct testdev *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return fail(-ENOMEM, "--testdev");
	t->m = m;
	t->echo = (struct io_range){ PORT_ECHO, 4, echo_read, echo_write, t, "testdev echo" };
	t->flush = (struct io_range){ PORT_FLUSH, 4, NULL, flush_write, t, "testdev flush" };
	t->bytes = (struct io_range){ PORT_BYTES, 4, bytes_read, bytes_write, t, "testdev bytes" };
	t->irq = (struct io_range){ PORT_IRQ, IRQS, NULL, irq_write, t, "testdev irq" };
	t->mmio = (struct io_range){ SCRATCH, SCRATCH_LEN, mmio_read, mmio_write, t,
				     "testdev mmio" };
	err = iobus_add(&m->pio, &t->echo);
	if (!err)
		err = iobus_add(&m->pio, &t->flush);
	if (!err)
		err = iobus_add(&m->pio, &t->bytes);
	if (!err)
		err = iobus_add(&m->pio, &t->irq);
	if (!err)
		err = iobus_add(&m->mmio, &t->mmio);
	if (err)
		fail(err, "--testdev");
	else
		err = pci_testdev_new(m);
	if (err) {
		testdev_free(t);
		return err;
	}
	*out = t;
	return 0;
}

void testdev_free(struct testdev *t)
{
	if (!t)
		return;
	iobus_del(&t->m->pio, &t->echo);
	iobus_del(&t->m->pio, &t->flush);
	iobus_del(&t->m->pio, &t->bytes);
	iobus_del(&t->m->pio, &t->irq);
	iobus_del(&t->m->mmio, &t->mmio);
	free(t);
}
