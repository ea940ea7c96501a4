/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h - what the files of vmm/pci share. */
#ifndef VMM_PCI_BUS_H
#define VMM_PCI_BUS_H

#include <linux/pci_regs.h>
#include "vmm/pci/pci.h"

#define PCI_SLOTS 32

struct pci_bus {
	struct machine *m;
	struct pci_dev *dev[PCI_SLOTS];
	u32 address;			/* the register at port cf8 */
	u64 next_io, next_mem32, next_mem64;
	unsigned int intx_asserted[24];	/* devices that hold each GSI high */
	struct io_range ports, ecam;
};

/* bar.c */
int pci_bar_assign(struct pci_bus *b, struct pci_dev *d);
void pci_bars_update(struct pci_bus *b);
void pci_bars_unmap(struct pci_dev *d);

/* msix.c */
void pci_msix_update(struct pci_dev *d);
void pci_msix_reset(struct pci_dev *d);
void pci_msix_fini(struct pci_dev *d);

#endif
