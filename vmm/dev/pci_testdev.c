/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci_testdev.c - the PCI function that kvm-unit-tests measures exits with. Both
 * BARs (0 memory, 1 ports) start with a header: the guest writes the number of
 * a test to its first byte, reads where and what to write, and then the count
 * of its writes. Tests: 0 exits to us, 1 rings an eventfd, 2 rings an eventfd
 * when the data matches.
 */
#include <sys/eventfd.h>
#include <unistd.h>
#include "vmm/pci/pci.h"

#define TESTS		3
#define DATA		0xfau
#define MEM_SIZE	4096u
#define IO_SIZE		256u

struct test_header {
	u8 test, width, pad[2];
	u32 offset, data, count;
	char name[32];
};

struct pci_testdev;

struct test_bar {
	struct pci_testdev *t;
	unsigned int index;
	struct test_header h;		/* all zero: no test */
	bool rings;			/* eventfd is an ioeventfd now */
};

struct pci_testdev {
	struct pci_dev pci;
	struct test_bar bar[2];
	int eventfd;
};

static const char *const names[2][TESTS] = {
	{ "mmio-no-eventfd", "mmio-wildcard-eventfd", "mmio-datamatch-eventfd" },
	{ "portio-no-eventfd", "portio-wildcard-eventfd", "portio-datamatch-eventfd" },
};

static long ring(struct test_bar *b, bool on)
{
	struct pci_testdev *t = b->t;
	struct kvm_ioeventfd a = {
		.addr = t->pci.bar[b->index].range.base + b->h.offset,
		.len = b->h.width, .fd = t->eventfd, .datamatch = b->h.data,
		.flags = (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN) |
			 (b->index ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (b->h.test == 2 ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0),
	};

	return t->pci.m->kvm->ioctl(t->pci.m->vm_fd, KVM_IOEVENTFD, &a);
}

static void stop(struct test_bar *b)
{
	u64 count;

	if (b->rings)
		ring(b, false);
	b->rings = false;
	if (read(b->t->eventfd, &count, sizeof(count)) < 0)
		count = 0;
	b->h = (struct test_header){ 0 };
}

static void begin(struct test_bar *b, u8 test)
{
	stop(b);
	if (test >= TESTS)
		return;
	b->h = (struct test_header){ .test = test, .width = 1, .data = DATA,
				     .offset = (b->index ? IO_SIZE : MEM_SIZE) / 2 };
	strcpy(b->h.name, names[b->index][test]);
	b->rings = test && !ring(b, true);
}

static u64 header_read(void *dev, u64 off, unsigned int n)
{
	struct test_bar *b = dev;
	u64 val = 0, count;

	if (b->rings && read(b->t->eventfd, &count, sizeof(count)) == sizeof(count))
		b->h.count += (u32)count;
	if (off < sizeof(b->h) && n <= sizeof(b->h) - off)
		memcpy(&val, (u8 *)&b->h + off, n);
	return val;
}

static void header_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct test_bar *b = dev;

	if (off == 0)
		begin(b, (u8)val);
	else if (b->h.offset && off == b->h.offset && n == b->h.width && val == b->h.data)
		b->h.count++;
}

/* The eventfd is bound to an address: a test ends when its BAR goes. */
static void bar_mapped(struct pci_dev *d, unsigned int n, bool on)
{
	if (!on && n < 2)
		stop(&container_of(d, struct pci_testdev, pci)->bar[n]);
}

static void testdev_free(struct pci_dev *d)
{
	struct pci_testdev *t = container_of(d, struct pci_testdev, pci);

	pci_dev_fini(d);
	if (t->eventfd >= 0)
		close(t->eventfd);
	free(t);
}

int pci_testdev_new(struct machine *m)
{
	struct pci_testdev *t = calloc(1, sizeof(*t));
	unsigned int i;
	int err = 0;

	if (!t)
		return fail(-ENOMEM, "pci-testdev");
	t->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->eventfd < 0)
		err = -errno;
	pci_dev_init(&t->pci, m, "pci-testdev", 0x1b36, 0x0005, 0x00ff0000);
	t->pci.free = testdev_free;
	t->pci.bar_mapped = bar_mapped;
	for (i = 0; i < 2 && !err; i++) {
		struct pci_bar bar = { .size = i ? IO_SIZE : MEM_SIZE, .io = i == 1,
				       .range = { .read = header_read, .write = header_write,
						  .dev = &t->bar[i] } };

		t->bar[i].t = t;
		t->bar[i].index = i;
		err = pci_dev_bar(&t->pci, i, &bar);
	}
	if (err)
		fail(err, "pci-testdev");
	else
		err = pci_dev_add(m->pci, &t->pci);
	if (err)
		testdev_free(&t->pci);
	return err;
}
