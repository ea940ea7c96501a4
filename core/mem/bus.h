/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h - what answers port and MMIO accesses inside the core: interrupt
 * controllers, PIT, ioeventfds, coalesced zones. */
#ifndef CORE_MEM_BUS_H
#define CORE_MEM_BUS_H

#include "core/host.h"

struct vcpu;
struct bus_dev;

struct bus_ops {
	/* off is relative to base. 0: handled; -ENOENT: not mine after all. */
	int (*read)(struct bus_dev *d, struct vcpu *v, u64 off, void *buf, unsigned int n);
	int (*write)(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf, unsigned int n);
};

struct bus_dev {
	const struct bus_ops *ops;
	u64 base, len;		/* len 0: any access that starts at base */
	bool uncounted;		/* does not count against BUS_DEVS_MAX (ioeventfd) */
};

#define BUS_DEVS_MAX 1000

struct bus {
	host_mutex_t lock;	/* all below; held in the devices' callbacks */
	unsigned int n, cap, uncounted;
	u64 max_len;		/* of any device ever added */
	struct bus_dev **dev;	/* sorted by base; overlaps allowed (ioeventfd) */
};

int bus_init(struct bus *b);
void bus_fini(struct bus *b);
int bus_add(struct bus *b, struct bus_dev *d);		/* -ENOMEM, -ENOSPC */
void bus_remove(struct bus *b, struct bus_dev *d);
/* 0: a device took it; -ENOENT: nobody's, user space must. */
int bus_read(struct bus *b, struct vcpu *v, u64 addr, void *buf, unsigned int n);
int bus_write(struct bus *b, struct vcpu *v, u64 addr, const void *buf, unsigned int n);

#endif
