/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bar.c - base address registers: sizing, first addresses, and where the
 * guest moves them. A BAR answers on its bus while COMMAND enables its space
 * and nothing else holds the range.
 */
#include "vmm/pci/bus.h"

#define MMIO_END (1ull << 52)

static unsigned int bar_reg(unsigned int n)
{
	return PCI_BASE_ADDRESS_0 + 4 * n;
}

static void bar_put(u8 *cfg, const struct pci_bar *bar, unsigned int n, u64 val)
{
	pci_put32(cfg + bar_reg(n), (u32)val);
	if (bar->is64)
		pci_put32(cfg + bar_reg(n + 1), (u32)(val >> 32));
}

int pci_dev_bar(struct pci_dev *d, unsigned int n, const struct pci_bar *bar)
{
	struct pci_bar *b = &d->bar[n];
	u32 type = 0;

	if (n + bar->is64 >= PCI_BARS || bar->size < (bar->io ? 4 : 16) ||
	    (bar->size & (bar->size - 1)) || (bar->io && bar->is64) || b->size)
		return -EINVAL;
	*b = *bar;
	b->mapped = false;
	b->range.len = bar->size;
	if (!b->range.name)
		b->range.name = d->name;
	/* Address bits above the size can be written: that is the sizing protocol. */
	bar_put(d->wmask, b, n, ~(bar->size - 1));
	if (bar->io)
		type = PCI_BASE_ADDRESS_SPACE_IO;
	if (bar->is64)
		type |= PCI_BASE_ADDRESS_MEM_TYPE_64;
	if (bar->prefetch)
		type |= PCI_BASE_ADDRESS_MEM_PREFETCH;
	pci_put32(d->cfg + bar_reg(n), type);
	return 0;
}

static int window_take(u64 *next, u64 end, u64 size, u64 *addr)
{
	u64 at = (*next + size - 1) & ~(size - 1);

	if (at < *next || at >= end || end - at < size)
		return -ENOSPC;
	*addr = at;
	*next = at + size;
	return 0;
}

/* There may be no firmware: give every BAR an address, and enable it. */
int pci_bar_assign(struct pci_bus *b, struct pci_dev *d)
{
	u16 command = pci_get16(d->cfg + PCI_COMMAND);
	u64 addr = 0;
	unsigned int n;
	int err;

	for (n = 0; n < PCI_BARS; n++) {
		struct pci_bar *bar = &d->bar[n];

		if (!bar->size)
			continue;
		if (bar->io)
			err = window_take(&b->next_io, 0x10000, bar->size, &addr);
		else if (bar->is64)
			err = window_take(&b->next_mem64, MACHINE_MMIO64_END, bar->size, &addr);
		else
			err = window_take(&b->next_mem32, MACHINE_MMIO32_END, bar->size, &addr);
		if (err)
			return fail(err, "%s: no room for PCI BAR %u", d->name, n);
		bar_put(d->cfg, bar, n, addr | (d->cfg[bar_reg(n)] & 0xf));
		command |= bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	}
	pci_put16(d->cfg + PCI_COMMAND, command);
	return 0;
}

static bool bar_wanted(const struct pci_dev *d, unsigned int n, u64 *addr)
{
	const struct pci_bar *bar = &d->bar[n];
	u16 command = pci_get16(d->cfg + PCI_COMMAND);

	if (!bar->size || !(command & (bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	*addr = pci_get32(d->cfg + bar_reg(n));
	if (bar->is64)
		*addr |= (u64)pci_get32(d->cfg + bar_reg(n + 1)) << 32;
	*addr &= ~(bar->size - 1);
	return *addr && *addr < (bar->io ? 0x10000 : MMIO_END) &&
	       bar->size <= (bar->io ? 0x10000 : MMIO_END) - *addr;
}

static struct iobus *bar_bus(struct pci_dev *d, unsigned int n)
{
	return d->bar[n].io ? &d->m->pio : &d->m->mmio;
}

static void bar_unmap(struct pci_dev *d, unsigned int n)
{
	if (!d->bar[n].mapped)
		return;
	if (d->bar_mapped)
		d->bar_mapped(d, n, false);
	iobus_del(bar_bus(d, n), &d->bar[n].range);
	d->bar[n].mapped = false;
}

static void bar_map(struct pci_dev *d, unsigned int n, u64 addr)
{
	d->bar[n].range.base = addr;
	if (iobus_add(bar_bus(d, n), &d->bar[n].range))
		return;		/* the guest put it over something else */
	d->bar[n].mapped = true;
	if (d->bar_mapped)
		d->bar_mapped(d, n, true);
}

void pci_bars_unmap(struct pci_dev *d)
{
	unsigned int n;

	for (n = 0; n < PCI_BARS; n++)
		bar_unmap(d, n);
}

/*
 * All devices, first off then on: a BAR that could not be mapped because of
 * another appears once that one moved away.
 */
void pci_bars_update(struct pci_bus *b)
{
	unsigned int slot, n, pass;
	u64 addr;

	for (pass = 0; pass < 2; pass++) {
		for (slot = 0; slot < PCI_SLOTS; slot++) {
			struct pci_dev *d = b->dev[slot];

			for (n = 0; d && n < PCI_BARS; n++) {
				bool want = bar_wanted(d, n, &addr);

				if (pass == 0 && (!want || addr != d->bar[n].range.base))
					bar_unmap(d, n);
				if (pass == 1 && want && !d->bar[n].mapped)
					bar_map(d, n, addr);
			}
		}
	}
}
