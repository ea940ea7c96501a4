// SPDX-License-Identifier: GPL-2.0-or-later
/* iobus.c - which device answers a port or an MMIO address. */
#include <errno.h>
#include "vmm/iobus.h"

/* Index of the first range that ends above addr; b->n when none does. */
static unsigned int first_above(const struct iobus *b, u64 addr)
{
	unsigned int lo = 0, hi = b->n;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		const struct io_range *r = b->r[mid];

		if (r->base + (r->len - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int iobus_add(struct iobus *b, struct io_range *r)
{
	unsigned int i;

	if (!r->len || r->base + (r->len - 1) < r->base)
		return -EINVAL;
	i = first_above(b, r->base);
	if (i < b->n && b->r[i]->base <= r->base + (r->len - 1))
		return -EBUSY;
	if (b->n == IOBUS_MAX)
		return -ENOSPC;
	memmove(&b->r[i + 1], &b->r[i], (b->n - i) * sizeof(b->r[0]));
	b->r[i] = r;
	b->n++;
	return 0;
}

void iobus_del(struct iobus *b, struct io_range *r)
{
	for (unsigned int i = 0; i < b->n; i++) {
		if (b->r[i] != r)
			continue;
		b->n--;
		memmove(&b->r[i], &b->r[i + 1], (b->n - i) * sizeof(b->r[0]));
		return;
	}
}

/* The range that holds all of [addr, addr + n). An access that straddles the
 * end of a range reaches nobody, as devices do not expect it. */
static struct io_range *find(const struct iobus *b, u64 addr, unsigned int n)
{
	unsigned int i = first_above(b, addr);
	struct io_range *r;

	if (i == b->n)
		return NULL;
	r = b->r[i];
	if (addr < r->base || n > r->len - (addr - r->base))
		return NULL;
	return r;
}

u64 iobus_read(struct iobus *b, u64 addr, unsigned int n)
{
	struct io_range *r = find(b, addr, n);
	u64 ones = n < 8 ? (1ull << n * 8) - 1 : ~0ull;

	return r && r->read ? r->read(r->dev, addr - r->base, n) & ones : ones;
}

void iobus_write(struct iobus *b, u64 addr, unsigned int n, u64 val)
{
	struct io_range *r = find(b, addr, n);

	if (r && r->write)
		r->write(r->dev, addr - r->base, n, val);
}
