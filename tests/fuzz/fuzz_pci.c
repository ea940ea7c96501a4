/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_pci.c - configuration space by ports and by ECAM, BARs of every kind
 * moved anywhere, MSI-X, INTx, resets. A BAR answers where its register says
 * and nowhere else, and what is read-only stays.
 */
#include <linux/pci_regs.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "tests/fuzz/fuzz.h"
#include "vmm/pci/pci.h"

#define TOYS	3

struct toy {
	struct pci_dev pci;
	int mapped[PCI_BARS];
	u64 hits;
};

static struct toy *toy[TOYS];
static int irq_level[1024];

/* ---- the machine ---- */

static long no_ioctl(int fd, unsigned long req, void *arg)
{
	return 0;
}

static const struct kvm_provider provider = { .name = "fuzz", .ioctl = no_ioctl };

void machine_stop(struct machine *m, enum machine_end end, int code)
{
}

void machine_irq(struct machine *m, unsigned int gsi, bool level)
{
	require(gsi < 24);
	require(irq_level[gsi] != level, "GSI %u driven twice", gsi);
	irq_level[gsi] = level;
}

int machine_msi_new(struct machine *m, int *out_eventfd, unsigned int *out_gsi)
{
	*out_gsi = 24;
	*out_eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return *out_eventfd < 0 ? -errno : 0;
}

int machine_msi_update(struct machine *m, unsigned int gsi, u64 addr, u32 data, bool masked)
{
	require(gsi == 24);
	return 0;
}

void machine_msi_free(struct machine *m, unsigned int gsi, int fd)
{
	close(fd);
}

/* ---- devices ---- */

static u64 toy_read(void *dev, u64 off, unsigned int n)
{
	((struct toy *)dev)->hits++;
	return off;
}

static void toy_write(void *dev, u64 off, unsigned int n, u64 val)
{
	((struct toy *)dev)->hits++;
}

static void toy_mapped(struct pci_dev *d, unsigned int n, bool on)
{
	struct toy *t = container_of(d, struct toy, pci);

	t->mapped[n] += on ? 1 : -1;
	require(t->mapped[n] == on, "BAR %u mapped %d times", n, t->mapped[n]);
}

static void toy_free(struct pci_dev *d)
{
	pci_dev_fini(d);
	free(container_of(d, struct toy, pci));
}

static void add_toy(struct machine *m, unsigned int i)
{
	struct toy *t = calloc(1, sizeof(*t));
	struct pci_bar mem = { .range = { .read = toy_read, .write = toy_write, .dev = t } };

	pci_dev_init(&t->pci, m, "toy", 0x1234, 0x5670 + i, 0x00ff0001);
	t->pci.free = toy_free;
	t->pci.bar_mapped = toy_mapped;
	t->pci.intx_pin = i + 1;
	mem.size = 0x1000 << i;
	require(!pci_dev_bar(&t->pci, 0, &mem));
	mem.size = 32;
	mem.io = true;
	require(!pci_dev_bar(&t->pci, 1, &mem));
	mem.size = i == 2 ? 1ull << 33 : 0x4000;
	mem.io = false;
	mem.is64 = mem.prefetch = true;
	require(!pci_dev_bar(&t->pci, 2, &mem));
	if (i != 1)
		require(!pci_dev_msix(&t->pci, 4, 0, 3));
	require(!pci_dev_add(m->pci, &t->pci));
	toy[i] = t;
}

/* ---- what always holds ---- */

static void check(struct machine *m)
{
	for (unsigned int i = 1; i < m->mmio.n; i++)
		require(m->mmio.r[i - 1]->base + m->mmio.r[i - 1]->len <= m->mmio.r[i]->base);
	for (unsigned int i = 1; i < m->pio.n; i++)
		require(m->pio.r[i - 1]->base + m->pio.r[i - 1]->len <= m->pio.r[i]->base);
	for (unsigned int i = 0; i < TOYS; i++) {
		const u8 *cfg = toy[i]->pci.cfg;
		u16 cmd = cfg[PCI_COMMAND] | cfg[PCI_COMMAND + 1] << 8;

		require(cfg[0] == 0x34 && cfg[1] == 0x12 && cfg[2] == 0x70 + i && cfg[3] == 0x56);
		require(!toy[i]->mapped[1] || cmd & PCI_COMMAND_IO);
		require(!toy[i]->mapped[0] || cmd & PCI_COMMAND_MEMORY);
		require(!toy[i]->mapped[2] || cmd & PCI_COMMAND_MEMORY);
	}
}

static u64 somewhere(struct input *in)
{
	u8 how = take(in, 1);
	const struct pci_bar *b = &toy[how % TOYS]->pci.bar[how / TOYS % PCI_BARS];

	switch (how >> 6) {
	case 0: return MACHINE_ECAM_BASE + (toy[how % TOYS]->pci.slot << 15) + take(in, 1);
	case 1: return MACHINE_ECAM_BASE + take(in, 3);
	case 2: return b->range.base + take(in, 2);
	default: return take_value(in);
	}
}

static void step(struct machine *m, struct input *in)
{
	static const u8 sizes[] = { 1, 2, 4, 8 };
	u8 op = take(in, 1);
	unsigned int n = sizes[op >> 3 & 3], i = (op >> 5) % TOYS;

	switch (op & 7) {
	case 0: iobus_write(&m->mmio, somewhere(in), n, take_value(in)); break;
	case 1: iobus_read(&m->mmio, somewhere(in), n); break;
	case 2:		/* a register of a toy, by the ports */
		iobus_write(&m->pio, 0xcf8, 4, 1u << 31 | toy[i]->pci.slot << 11 | (take(in, 1) & 0xfc));
		iobus_write(&m->pio, 0xcfc + (take(in, 1) & 3), min(n, 4u), take_value(in));
		break;
	case 3: iobus_write(&m->pio, take(in, 2), min(n, 4u), take_value(in)); break;
	case 4: iobus_read(&m->pio, take(in, 2), min(n, 4u)); break;
	case 5: pci_intx(&toy[i]->pci, op >> 7); break;
	case 6: pci_msix_notify(&toy[i]->pci, take(in, 1)); break;
	case 7: iobus_write(&m->mmio, MACHINE_ECAM_BASE + (toy[i]->pci.slot << 15) + PCI_COMMAND, 2,
			    take(in, 2)); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct input in = { data, n };
	struct machine m = { .kvm = &provider, .vm_fd = -1 };

	if (n > 1024)
		return -1;
	memset(irq_level, 0, sizeof(irq_level));
	require(!pci_bus_new(&m, &m.pci));
	for (unsigned int i = 0; i < TOYS; i++)
		add_toy(&m, i);
	while (in.n) {
		step(&m, &in);
		check(&m);
	}
	pci_bus_free(m.pci);
	require(!m.mmio.n && !m.pio.n);
	return 0;
}
