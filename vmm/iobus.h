/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iobus.h - port and MMIO ranges that VMM devices answer. */
#ifndef VMM_IOBUS_H
#define VMM_IOBUS_H

#include "core/host.h"

/* One range. The owner keeps the struct; base may change only while it is off
 * the bus. n is 1, 2, 4 or 8 (MMIO may also bring 3, 5, ... at page ends). */
struct io_range {
	u64 base, len;
	u64 (*read)(void *dev, u64 off, unsigned int n);
	void (*write)(void *dev, u64 off, unsigned int n, u64 val);
	void *dev;
	const char *name;
};

#define IOBUS_MAX 256

struct iobus {
	unsigned int n;
	struct io_range *r[IOBUS_MAX];	/* sorted by base, no overlaps */
};

int iobus_add(struct iobus *b, struct io_range *r);	/* -EBUSY: overlaps, -ENOSPC */
void iobus_del(struct iobus *b, struct io_range *r);	/* absent: nothing */
/* Nobody there: reads all ones, writes vanish. */
u64 iobus_read(struct iobus *b, u64 addr, unsigned int n);
void iobus_write(struct iobus *b, u64 addr, unsigned int n, u64 val);

#endif
