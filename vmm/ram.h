/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ram.h - guest RAM as the VMM sees it. All device access to guest memory
 * goes through here; nothing keeps a pointer across a return to the loop
 * except I/O in flight, whose buffers ram_iov() has checked.
 */
#ifndef VMM_RAM_H
#define VMM_RAM_H

#include <stddef.h>
#include <sys/uio.h>
#include "core/host.h"

#define RAM_REGIONS 8

struct ram_region {
	u64 gpa, len;
	u8 *hva;
};

struct ram {
	struct ram_region region[RAM_REGIONS];
	unsigned int n;
	int memfd;		/* all regions are parts of it */
};

/*
 * size bytes (a multiple of the page size): from address 0 up to low_end, the
 * rest from high_base. -ENOMEM, -EMFILE, ...; nothing is printed.
 */
int ram_init(struct ram *r, u64 size, u64 low_end, u64 high_base);
void ram_fini(struct ram *r);		/* also after a failed or no ram_init */

/* 0, or -EFAULT when any byte of the range is not RAM. */
int ram_read(const struct ram *r, u64 gpa, void *buf, size_t n);
int ram_write(struct ram *r, u64 gpa, const void *buf, size_t n);
/* Host address of [gpa, gpa + n) when it is RAM and contiguous, else NULL. */
void *ram_ptr(const struct ram *r, u64 gpa, size_t n);

#endif
