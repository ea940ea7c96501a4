/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * msix.c - MSI-X: the vector table and pending bits in a BAR, and per vector an
 * interrupt route with an eventfd. Source: PCI Local Bus 3.0, "MSI-X Capability
 * and Table Structures".
 */
#include <unistd.h>
#include "vmm/pci/bus.h"

#define ENTRY_SIZE	PCI_MSIX_ENTRY_SIZE
#define PBA_ALIGN	2048u

static u16 msix_flags(const struct pci_dev *d)
{
	return pci_get16(d->cfg + d->msix.cap + PCI_MSIX_FLAGS);
}

bool pci_msix_enabled(const struct pci_dev *d)
{
	return d->msix.n && (msix_flags(d) & PCI_MSIX_FLAGS_ENABLE);
}

static bool vector_live(const struct pci_dev *d, const struct pci_msix_entry *e)
{
	return pci_msix_enabled(d) && !(msix_flags(d) & PCI_MSIX_FLAGS_MASKALL) &&
	       !(e->ctrl & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void vector_signal(struct pci_msix_entry *e)
{
	u64 one = 1;

	/* A full counter has the interrupt pending already. */
	if (e->eventfd >= 0 && write(e->eventfd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		host_log(HOST_DEBUG, "msix: eventfd: errno %d", errno);
}

static void vector_update(struct pci_dev *d, struct pci_msix_entry *e)
{
	int err;

	if (!vector_live(d, e))
		return;
	if (e->eventfd < 0) {
		if (machine_msi_new(d->m, &e->eventfd, &e->gsi)) {
			e->eventfd = -1;
			return;
		}
		e->route_addr = ~e->addr;
	}
	if (e->route_addr != e->addr || e->route_data != e->data) {
		err = machine_msi_update(d->m, e->gsi, e->addr, e->data, false);
		if (err)
			host_log(HOST_DEBUG, "%s: MSI route: error %d", d->name, err);
		e->route_addr = e->addr;
		e->route_data = e->data;
	}
	if (e->pending) {
		e->pending = false;
		vector_signal(e);
	}
}

void pci_msix_update(struct pci_dev *d)
{
	unsigned int i;

	for (i = 0; i < d->msix.n; i++)
		vector_update(d, &d->msix.entry[i]);
	pci_intx(d, d->intx_level);	/* MSI-X on turns INTx off, and back */
}

void pci_msix_notify(struct pci_dev *d, unsigned int n)
{
	struct pci_msix_entry *e;

	if (n >= d->msix.n || !pci_msix_enabled(d))
		return;
	e = &d->msix.entry[n];
	if (vector_live(d, e))
		vector_signal(e);
	else
		e->pending = true;
}

/* The table entry as the guest sees it. */
static void entry_get(const struct pci_msix_entry *e, u8 img[ENTRY_SIZE])
{
	pci_put32(img + PCI_MSIX_ENTRY_LOWER_ADDR, (u32)e->addr);
	pci_put32(img + PCI_MSIX_ENTRY_UPPER_ADDR, (u32)(e->addr >> 32));
	pci_put32(img + PCI_MSIX_ENTRY_DATA, e->data);
	pci_put32(img + PCI_MSIX_ENTRY_VECTOR_CTRL, e->ctrl);
}

static u8 pba_byte(const struct pci_msix *x, u32 byte)
{
	unsigned int i;
	u8 v = 0;

	for (i = 0; i < 8 && byte * 8 + i < x->n; i++)
		v |= (u8)(x->entry[byte * 8 + i].pending << i);
	return v;
}

static u8 table_byte(const struct pci_msix *x, u64 off)
{
	u8 img[ENTRY_SIZE];

	if (off >= x->table && off - x->table < x->n * ENTRY_SIZE) {
		entry_get(&x->entry[(off - x->table) / ENTRY_SIZE], img);
		return img[(off - x->table) % ENTRY_SIZE];
	}
	if (off >= x->pba && off - x->pba < (x->n + 7) / 8)
		return pba_byte(x, (u32)(off - x->pba));
	return 0;
}

static u64 table_read(void *dev, u64 off, unsigned int n)
{
	struct pci_dev *d = dev;
	unsigned int i;
	u64 val = 0;

	for (i = 0; i < n && i < 8; i++)
		val |= (u64)table_byte(&d->msix, off + i) << (8 * i);
	return val;
}

static void table_write(void *dev, u64 off, unsigned int n, u64 val)
{
	struct pci_dev *d = dev;
	struct pci_msix *x = &d->msix;
	struct pci_msix_entry *e;
	u8 img[ENTRY_SIZE];
	unsigned int at, room;

	if (off < x->table || off - x->table >= x->n * ENTRY_SIZE)
		return;
	e = &x->entry[(off - x->table) / ENTRY_SIZE];
	at = (off - x->table) % ENTRY_SIZE;
	room = min(ENTRY_SIZE - at, 8u);
	entry_get(e, img);
	memcpy(img + at, &val, min(n, room));
	e->addr = pci_get32(img + PCI_MSIX_ENTRY_LOWER_ADDR) & ~3u;
	e->addr |= (u64)pci_get32(img + PCI_MSIX_ENTRY_UPPER_ADDR) << 32;
	e->data = pci_get32(img + PCI_MSIX_ENTRY_DATA);
	e->ctrl = pci_get32(img + PCI_MSIX_ENTRY_VECTOR_CTRL) & PCI_MSIX_ENTRY_CTRL_MASKBIT;
	vector_update(d, e);
}

int pci_dev_msix(struct pci_dev *d, unsigned int bar, u32 off, unsigned int n_vectors)
{
	struct pci_msix *x = &d->msix;
	struct pci_bar b = { .size = 4096, .range = { .read = table_read, .write = table_write,
						      .dev = d, .name = "msix" } };
	unsigned int i, c;
	int err;

	if (!n_vectors || n_vectors > 2048 || off % 8 || bar >= PCI_BARS || x->n)
		return -EINVAL;
	x->table = off;
	x->pba = (off + n_vectors * ENTRY_SIZE + PBA_ALIGN - 1) & ~(PBA_ALIGN - 1);
	while (b.size < x->pba + (n_vectors + 63) / 64 * 8)
		b.size *= 2;
	x->entry = calloc(n_vectors, sizeof(*x->entry));
	if (!x->entry)
		return -ENOMEM;
	err = pci_dev_bar(d, bar, &b);
	if (err) {
		free(x->entry);
		x->entry = NULL;
		return err;
	}
	for (i = 0; i < n_vectors; i++) {
		x->entry[i].ctrl = PCI_MSIX_ENTRY_CTRL_MASKBIT;
		x->entry[i].eventfd = -1;
	}
	c = pci_dev_cap(d, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	x->n = n_vectors;
	x->bar = (u8)bar;
	x->cap = (u8)c;
	pci_put16(d->cfg + c + PCI_MSIX_FLAGS, (u16)(n_vectors - 1));
	pci_put16(d->wmask + c + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	pci_put32(d->cfg + c + PCI_MSIX_TABLE, x->table | bar);
	pci_put32(d->cfg + c + PCI_MSIX_PBA, x->pba | bar);
	return 0;
}

void pci_msix_reset(struct pci_dev *d)
{
	struct pci_msix_entry *e;
	unsigned int i;

	for (i = 0; i < d->msix.n; i++) {
		e = &d->msix.entry[i];
		if (e->eventfd >= 0)
			machine_msi_free(d->m, e->gsi, e->eventfd);
		*e = (struct pci_msix_entry){ .ctrl = PCI_MSIX_ENTRY_CTRL_MASKBIT, .eventfd = -1 };
	}
}

void pci_msix_fini(struct pci_dev *d)
{
	pci_msix_reset(d);
	free(d->msix.entry);
	d->msix.entry = NULL;
	d->msix.n = 0;
}
