/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio.h - devices of the virtio family, and how the board makes them. */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include "vmm/machine/machine.h"

/* Each creates the device on m->pci. 0 or -errno, the reason already printed. */
int virtio_blk_new(struct machine *m, const struct disk_config *cfg);
int virtio_net_new(struct machine *m, const struct net_config *cfg, unsigned int index);
int virtio_console_new(struct machine *m);
int virtio_rng_new(struct machine *m);

#endif
