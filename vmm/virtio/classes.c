/* SPDX-License-Identifier: GPL-2.0-or-later */
/* classes.c - the virtio devices there are. */
#include "vmm/virtio/device.h"

const struct virtio_class *const virtio_classes[] = {
	&virtio_blk_class,
	&virtio_net_class,
	&virtio_console_class,
	&virtio_rng_class,
	NULL
};
