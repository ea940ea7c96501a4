/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci.c - one bus of PCI functions: configuration space and the two ways to
 * it (ports cf8/cfc and ECAM), INTx, reset.
 */
#include "vmm/pci/bus.h"

#define CF8_ENABLE	0x80000000u
#define CF9_RESET	0x04

#define HOST_BRIDGE_VENDOR	0x1b36	/* Red Hat: a PCIe host without quirks */
#define HOST_BRIDGE_DEVICE	0x0008

/* BARs and routes follow from cfg and the MSI-X table when state is loaded. */
const struct field pci_dev_fields[] = {
	FIELD_TRANSIENT(struct pci_dev, m),
	FIELD_TRANSIENT(struct pci_dev, name),
	FIELD_TRANSIENT(struct pci_dev, slot),
	FIELD_TRANSIENT(struct pci_dev, fn),
	FIELD_TRANSIENT(struct pci_dev, intx_pin),
	FIELD(struct pci_dev, intx_level),
	FIELD_TRANSIENT(struct pci_dev, intx_driven),
	FIELD_TRANSIENT(struct pci_dev, pad),
	FIELD_TRANSIENT(struct pci_dev, cap_next),
	FIELD(struct pci_dev, cfg),
	FIELD_TRANSIENT(struct pci_dev, wmask),
	FIELD_TRANSIENT(struct pci_dev, bar),
	FIELD(struct pci_dev, msix),
	FIELD_TRANSIENT(struct pci_dev, cap_last),
	FIELD_TRANSIENT(struct pci_dev, bus),
	FIELD_TRANSIENT(struct pci_dev, cfg_reset),
	FIELD_TRANSIENT(struct pci_dev, cfg_reading),
	FIELD_TRANSIENT(struct pci_dev, cfg_written),
	FIELD_TRANSIENT(struct pci_dev, bar_mapped),
	FIELD_TRANSIENT(struct pci_dev, reset),
	FIELD_TRANSIENT(struct pci_dev, free),
	FIELD_END
};

static u64 ones(unsigned int n)
{
	return n >= 8 ? ~0ull : (1ull << (n * 8)) - 1;
}

/* ---- configuration space ---- */

static u64 config_read(struct pci_dev *d, unsigned int off, unsigned int n)
{
	u64 val = 0;

	if (!d || off + n > PCI_CFG_SIZE || n > sizeof(val))
		return ones(n);
	if (d->cfg_reading)
		d->cfg_reading(d, off, n);
	memcpy(&val, d->cfg + off, n);
	return val;
}

static bool overlaps(unsigned int off, unsigned int n, unsigned int start, unsigned int len)
{
	return off < start + len && start < off + n;
}

static void intx_update(struct pci_dev *d);

static void config_write(struct pci_dev *d, unsigned int off, unsigned int n, u64 val)
{
	unsigned int i;

	if (!d || off + n > PCI_CFG_SIZE || n > sizeof(val))
		return;
	for (i = 0; i < n; i++) {
		u8 mask = d->wmask[off + i];

		d->cfg[off + i] = (u8)((d->cfg[off + i] & ~mask) | ((u8)(val >> (8 * i)) & mask));
	}
	if (overlaps(off, n, PCI_COMMAND, 2) || overlaps(off, n, PCI_BASE_ADDRESS_0, 24)) {
		pci_bars_update(d->bus);
		intx_update(d);
	}
	if (d->msix.n && overlaps(off, n, d->msix.cap + PCI_MSIX_FLAGS, 2))
		pci_msix_update(d);
	if (d->cfg_written)
		d->cfg_written(d, off, n);
}

/* Ports cf8 to cff. */
static u64 ports_read(void *dev, u64 off, unsigned int n)
{
	struct pci_bus *b = dev;
	unsigned int reg = (b->address & 0xfc) + (off & 3);

	if (off == 0 && n == 4)
		return b->address;
	if (off < 4 || !(b->address & CF8_ENABLE) || (b->address >> 16 & 0xff) || reg + n > 256)
		return ones(n);
	return config_read(pci_dev_at(b, b->address >> 11 & 31, b->address >> 8 & 7), reg, n);
}

static void ports_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct pci_bus *b = dev;
	unsigned int reg = (b->address & 0xfc) + (off & 3);

	if (off == 0 && n == 4)
		b->address = (u32)val & (CF8_ENABLE | 0xfffffc);
	if (off == 1 && n == 1 && (val & CF9_RESET))
		machine_stop(b->m, END_RESET, 0);
	if (off < 4 || !(b->address & CF8_ENABLE) || (b->address >> 16 & 0xff) || reg + n > 256)
		return;
	config_write(pci_dev_at(b, b->address >> 11 & 31, b->address >> 8 & 7), reg, n, val);
}

static struct pci_dev *ecam_dev(struct pci_bus *b, u64 off)
{
	return off >> 20 ? NULL : pci_dev_at(b, off >> 15 & 31, off >> 12 & 7);
}

static u64 ecam_read(void *dev, u64 off, unsigned int n)
{
	return config_read(ecam_dev(dev, off), off & 0xfff, n);
}

static void ecam_write(void *dev, u64 off, unsigned int n, u64 val)
{
	config_write(ecam_dev(dev, off), off & 0xfff, n, val);
}

/* ---- INTx ---- */

/* Several functions may share a GSI: it is high while any of them asserts. */
static void intx_drive(struct pci_dev *d, bool level)
{
	unsigned int gsi = machine_intx_gsi(d->slot, d->intx_pin - 1u);
	unsigned int *count = &d->bus->intx_asserted[gsi];

	if (level == d->intx_driven)
		return;
	d->intx_driven = level;
	if (level ? (*count)++ == 0 : --*count == 0)
		machine_irq(d->m, gsi, level);
}

static void intx_update(struct pci_dev *d)
{
	bool off = pci_get16(d->cfg + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;

	if (d->intx_pin && d->bus)
		intx_drive(d, d->intx_level && !off && !pci_msix_enabled(d));
}

void pci_intx(struct pci_dev *d, bool level)
{
	d->intx_level = level;
	if (level)
		d->cfg[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		d->cfg[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	intx_update(d);
}

/* ---- building functions ---- */

static void add_pcie_cap(struct pci_dev *d)
{
	unsigned int c = pci_dev_cap(d, PCI_CAP_ID_EXP, 0x3c);

	/* Version 2; a link is not described: the function sits in the root complex. */
	pci_put16(d->cfg + c + PCI_EXP_FLAGS, PCI_EXP_TYPE_RC_END << 4 | 2);
	pci_put32(d->cfg + c + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER);
	pci_put16(d->wmask + c + PCI_EXP_DEVCTL, 0x7fff);
}

void pci_dev_init(struct pci_dev *d, struct machine *m, const char *name,
		  u16 vendor, u16 device, u32 class_rev)
{
	memset(d->cfg, 0, sizeof(d->cfg));
	memset(d->wmask, 0, sizeof(d->wmask));
	d->m = m;
	d->name = name;
	pci_put16(d->cfg + PCI_VENDOR_ID, vendor);
	pci_put16(d->cfg + PCI_DEVICE_ID, device);
	pci_put32(d->cfg + PCI_CLASS_REVISION, class_rev);
	pci_put16(d->wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		  PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	d->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	d->wmask[PCI_INTERRUPT_LINE] = 0xff;
	d->cap_next = PCI_STD_HEADER_SIZEOF;
	d->cap_last = 0;
	/* Host bridges (class 0600) carry none: they are the root complex. */
	if (class_rev >> 16 != 0x0600)
		add_pcie_cap(d);
}

unsigned int pci_dev_cap(struct pci_dev *d, u8 id, unsigned int size)
{
	unsigned int off = d->cap_next;

	assert(off + size <= 256);
	d->cap_next = (u16)((off + size + 3) & ~3u);
	d->cfg[off] = id;
	if (d->cap_last)
		d->cfg[d->cap_last + PCI_CAP_LIST_NEXT] = (u8)off;
	else
		d->cfg[PCI_CAPABILITY_LIST] = (u8)off;
	d->cap_last = off;
	d->cfg[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return off;
}

int pci_dev_add(struct pci_bus *b, struct pci_dev *d)
{
	unsigned int slot = 0;
	int err;

	while (slot < PCI_SLOTS && b->dev[slot])
		slot++;
	if (slot == PCI_SLOTS)
		return fail(0, "%s: no free PCI slot (%d devices at most)", d->name, PCI_SLOTS);
	d->slot = (u8)slot;
	d->fn = 0;
	d->cfg[PCI_INTERRUPT_PIN] = d->intx_pin;
	if (d->intx_pin)
		d->cfg[PCI_INTERRUPT_LINE] = (u8)machine_intx_gsi(slot, d->intx_pin - 1u);
	err = pci_bar_assign(b, d);
	if (err)
		return err;
	d->cfg_reset = malloc(PCI_CFG_SIZE);
	if (!d->cfg_reset)
		return fail(-ENOMEM, "%s", d->name);
	memcpy(d->cfg_reset, d->cfg, PCI_CFG_SIZE);
	d->bus = b;
	b->dev[slot] = d;
	pci_bars_update(b);
	return 0;
}

void pci_dev_fini(struct pci_dev *d)
{
	if (d->bus) {
		pci_bars_unmap(d);
		pci_intx(d, false);
		d->bus->dev[d->slot] = NULL;
		d->bus = NULL;
	}
	pci_msix_fini(d);
	free(d->cfg_reset);
	d->cfg_reset = NULL;
}

struct pci_dev *pci_dev_at(struct pci_bus *b, unsigned int slot, unsigned int fn)
{
	return slot < PCI_SLOTS && fn == 0 ? b->dev[slot] : NULL;
}

/* ---- the bus ---- */

static void host_bridge_free(struct pci_dev *d)
{
	pci_dev_fini(d);
	free(d);
}

static int host_bridge_new(struct pci_bus *b)
{
	struct pci_dev *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return fail(-ENOMEM, "PCI");
	pci_dev_init(d, b->m, "host bridge", HOST_BRIDGE_VENDOR, HOST_BRIDGE_DEVICE, 0x06000000);
	d->free = host_bridge_free;
	err = pci_dev_add(b, d);
	if (err)
		host_bridge_free(d);
	return err;
}

int pci_bus_new(struct machine *m, struct pci_bus **out)
{
	struct pci_bus *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return fail(-ENOMEM, "PCI");
	b->m = m;
	b->next_io = MACHINE_PCI_IO_BASE;
	b->next_mem32 = MACHINE_MMIO32_BASE;
	b->next_mem64 = MACHINE_MMIO64_BASE;
	b->ports = (struct io_range){ .base = 0xcf8, .len = 8, .read = ports_read,
				      .write = ports_write, .dev = b, .name = "pci config" };
	b->ecam = (struct io_range){ .base = MACHINE_ECAM_BASE, .len = MACHINE_ECAM_SIZE,
				     .read = ecam_read, .write = ecam_write,
				     .dev = b, .name = "pci ecam" };
	err = iobus_add(&m->pio, &b->ports);
	if (err) {
		fail(err, "PCI");
		goto err_free;
	}
	err = iobus_add(&m->mmio, &b->ecam);
	if (err) {
		fail(err, "PCI");
		goto err_ports;
	}
	err = host_bridge_new(b);
	if (err)
		goto err_ecam;
	*out = b;
	return 0;

err_ecam:
	iobus_del(&m->mmio, &b->ecam);
err_ports:
	iobus_del(&m->pio, &b->ports);
err_free:
	free(b);
	return err;
}

void pci_bus_free(struct pci_bus *b)
{
	unsigned int i;

	if (!b)
		return;
	for (i = 0; i < PCI_SLOTS; i++)
		if (b->dev[i])
			b->dev[i]->free(b->dev[i]);
	iobus_del(&b->m->mmio, &b->ecam);
	iobus_del(&b->m->pio, &b->ports);
	free(b);
}

void pci_bus_reset(struct pci_bus *b)
{
	struct pci_dev *d;
	unsigned int i;

	b->address = 0;
	for (i = 0; i < PCI_SLOTS; i++) {
		d = b->dev[i];
		if (!d)
			continue;
		if (d->reset)
			d->reset(d);
		pci_msix_reset(d);
		pci_intx(d, false);
		memcpy(d->cfg, d->cfg_reset, PCI_CFG_SIZE);
	}
	pci_bars_update(b);
}
