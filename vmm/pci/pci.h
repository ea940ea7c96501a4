/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci.h - PCI functions, their configuration space, BARs, MSI-X and INTx.
 * Source: PCI Local Bus 3.0, PCI Express Base (ECAM), PCI Firmware 3.x.
 */
#ifndef VMM_PCI_H
#define VMM_PCI_H

#include "vmm/field.h"
#include "vmm/machine/machine.h"

#define PCI_CFG_SIZE	4096
#define PCI_BARS	6

struct pci_dev;
struct pci_bus;

struct pci_bar {
	u64 size;			/* power of two; 0: absent */
	bool io, is64, prefetch;
	struct io_range range;		/* ops; base follows the BAR register */
	bool mapped;
};

struct pci_msix {
	unsigned int n;			/* vectors */
	u8 bar, cap;			/* BAR with the table, capability offset */
	u32 table, pba;			/* offsets in that BAR */
	struct pci_msix_entry {
		u64 addr;
		u32 data, ctrl;
		u64 route_addr;		/* what the route was told last */
		u32 route_data;
		bool pending;
		int eventfd;		/* irqfd of the route, -1: none yet */
		unsigned int gsi;
	} *entry;
};

struct pci_dev {
	struct machine *m;
	const char *name;
	u8 slot, fn;
	u8 intx_pin;			/* 1 to 4, 0: none */
	bool intx_level;		/* as the device asks */
	bool intx_driven;		/* as the GSI has it */
	u8 pad;
	u16 cap_next;			/* where the next capability goes */
	u8 cfg[PCI_CFG_SIZE];
	u8 wmask[PCI_CFG_SIZE];		/* bits the guest may write */
	struct pci_bar bar[PCI_BARS];
	struct pci_msix msix;
	u64 cap_last;			/* the capability that ends the list */
	struct pci_bus *bus;		/* NULL until added */
	u8 *cfg_reset;			/* config space as it was when added */
	/* Hooks; each may be NULL. Before a guest read of config space: */
	void (*cfg_reading)(struct pci_dev *d, unsigned int off, unsigned int n);
	/* After a guest write to config space. */
	void (*cfg_written)(struct pci_dev *d, unsigned int off, unsigned int n);
	/* A BAR was put on its bus, or is about to leave it (range.base holds). */
	void (*bar_mapped)(struct pci_dev *d, unsigned int n, bool on);
	void (*reset)(struct pci_dev *d);
	void (*free)(struct pci_dev *d);
};

extern const struct field pci_dev_fields[];	/* see field.h */

/*
 * Host bridge, ECAM and ports cf8/cfc; registers itself on both buses. The
 * reset control register at port cf9 lies inside that range and is here too.
 */
int pci_bus_new(struct machine *m, struct pci_bus **out);
void pci_bus_free(struct pci_bus *b);	/* frees the devices too */
void pci_bus_reset(struct pci_bus *b);

/* Fill in ids, then add: the next free slot, BAR addresses assigned so that a
 * guest without firmware finds them set and enabled. */
void pci_dev_init(struct pci_dev *d, struct machine *m, const char *name,
		  u16 vendor, u16 device, u32 class_rev);
int pci_dev_bar(struct pci_dev *d, unsigned int n, const struct pci_bar *bar);
/* Reserve a capability; returns its offset. */
unsigned int pci_dev_cap(struct pci_dev *d, u8 id, unsigned int size);
/* MSI-X table and PBA in a memory BAR of their own, made here, from offset off. */
int pci_dev_msix(struct pci_dev *d, unsigned int bar, u32 off, unsigned int n_vectors);
bool pci_msix_enabled(const struct pci_dev *d);
/* Send vector n (pended while masked). */
void pci_msix_notify(struct pci_dev *d, unsigned int n);
void pci_intx(struct pci_dev *d, bool level);
/* On success the bus owns d and ends it with d->free. */
int pci_dev_add(struct pci_bus *b, struct pci_dev *d);
/* What pci_dev_init() and its followers took, for devices that were never added. */
void pci_dev_fini(struct pci_dev *d);
struct pci_dev *pci_dev_at(struct pci_bus *b, unsigned int slot, unsigned int fn);

/* vmm/dev/pci_testdev.c: for kvm-unit-tests. 0 or -errno, the reason printed. */
int pci_testdev_new(struct machine *m);

/* Little-endian fields of config space. */
static inline void pci_put16(u8 *p, u16 v)
{
	p[0] = (u8)v;
	p[1] = (u8)(v >> 8);
}

static inline void pci_put32(u8 *p, u32 v)
{
	pci_put16(p, (u16)v);
	pci_put16(p + 2, (u16)(v >> 16));
}

static inline u16 pci_get16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static inline u32 pci_get32(const u8 *p)
{
	return pci_get16(p) | (u32)pci_get16(p + 2) << 16;
}

#endif
