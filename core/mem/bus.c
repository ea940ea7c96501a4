/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/mem/bus.h"

int bus_init(struct bus *b)
{
	memset(b, 0, sizeof(*b));
	host_mutex_init(&b->lock);
	return 0;
}

void bus_fini(struct bus *b)
{
	host_free(b->dev);
	b->dev = NULL;
	b->n = b->cap = b->uncounted = 0;
}

static int bus_grow(struct bus *b)
{
	unsigned int cap = b->cap ? b->cap * 2 : 16;
	struct bus_dev **dev = host_alloc(cap * sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	if (b->n)
		memcpy(dev, b->dev, b->n * sizeof(*dev));
	host_free(b->dev);
	b->dev = dev;
	b->cap = cap;
	return 0;
}

int bus_add(struct bus *b, struct bus_dev *d)
{
	unsigned int i;
	int err = 0;

	host_mutex_lock(&b->lock);
	if (!d->uncounted && b->n - b->uncounted >= BUS_DEVS_MAX)
		err = -ENOSPC;
	else if (b->n == b->cap)
		err = bus_grow(b);
	if (!err) {
		for (i = b->n; i && b->dev[i - 1]->base > d->base; i--)
			b->dev[i] = b->dev[i - 1];
		b->dev[i] = d;
		b->n++;
		b->uncounted += d->uncounted;
		b->max_len = max(b->max_len, d->len);
	}
	host_mutex_unlock(&b->lock);
	return err;
}

void bus_remove(struct bus *b, struct bus_dev *d)
{
	unsigned int i;

	host_mutex_lock(&b->lock);
	for (i = 0; i < b->n && b->dev[i] != d; i++)
		;
	if (i < b->n) {
		b->n--;
		b->uncounted -= d->uncounted;
		memmove(b->dev + i, b->dev + i + 1, (b->n - i) * sizeof(*b->dev));
	}
	host_mutex_unlock(&b->lock);
}

/* The access must lie within the device; one without a length takes every
 * access that starts at its base. */
static bool bus_hit(const struct bus_dev *d, u64 addr, unsigned int n)
{
	if (!d->len)
		return addr == d->base;
	return addr - d->base < d->len && d->len - (addr - d->base) >= n;
}

/* Index one past the last device whose base is not above addr. */
static unsigned int bus_upper(const struct bus *b, u64 addr)
{
	unsigned int lo = 0, hi = b->n;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (b->dev[mid]->base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * The lock stays held in the device's callback: that is what lets bus_remove()
 * be followed by freeing the device. So callbacks never add or remove.
 */
static int bus_access(struct bus *b, struct vcpu *v, u64 addr, void *rbuf, const void *wbuf,
		      unsigned int n)
{
	int r = -ENOENT;
	unsigned int i;

	host_mutex_lock(&b->lock);
	for (i = bus_upper(b, addr); i-- && r == -ENOENT;) {
		struct bus_dev *d = b->dev[i];

		if (addr - d->base > b->max_len)
			break;
		if (!bus_hit(d, addr, n))
			continue;
		if (wbuf && d->ops->write)
			r = d->ops->write(d, v, addr - d->base, wbuf, n);
		else if (rbuf && d->ops->read)
			r = d->ops->read(d, v, addr - d->base, rbuf, n);
	}
	host_mutex_unlock(&b->lock);
	return r;
}

int bus_read(struct bus *b, struct vcpu *v, u64 addr, void *buf, unsigned int n)
{
	return bus_access(b, v, addr, buf, NULL, n);
}

int bus_write(struct bus *b, struct vcpu *v, u64 addr, const void *buf, unsigned int n)
{
	return bus_access(b, v, addr, NULL, buf, n);
}
