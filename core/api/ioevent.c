/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/api/ioevent.h"

#define MMIO_PAGE	4096u

struct ioevent {
	struct bus_dev dev;	/* first */
	struct ioevent *next;
	host_event_t *event;
	u32 len;
	u64 datamatch;
	bool wildcard, pio;
};

struct mmio_zone {
	struct bus_dev dev;	/* first */
	struct mmio_zone *next;
	struct vm *vm;
	bool pio;
};

static struct bus *bus_of(struct vm *vm, bool pio)
{
	return pio ? &vm->pio : &vm->mmio;
}

static int ioevent_write(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf,
			 unsigned int n)
{
	struct ioevent *e = container_of(d, struct ioevent, dev);
	u64 val = 0;

	if (off || (e->len && e->len != n) || n > sizeof(val))
		return -ENOENT;
	if (!e->wildcard) {
		memcpy(&val, buf, n);
		if (val != e->datamatch)
			return -ENOENT;
	}
	host_event_signal(e->event);
	return 0;
}

static const struct bus_ops ioevent_ops = { .write = ioevent_write };

/* Could one write set off both? */
static bool ioevent_collides(const struct ioevent *a, const struct ioevent *b)
{
	if (a->pio != b->pio || a->dev.base != b->dev.base)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len && (a->wildcard || b->wildcard || a->datamatch == b->datamatch);
}

static int ioevent_insert_locked(struct vm *vm, struct ioevent *e)
{
	int err;

	for (struct ioevent *o = vm->ioevents; o; o = o->next)
		if (ioevent_collides(o, e))
			return -EEXIST;
	err = bus_add(bus_of(vm, e->pio), &e->dev);
	if (err)
		return err;
	e->next = vm->ioevents;
	vm->ioevents = e;
	return 0;
}

static int ioevent_assign(struct vm *vm, const struct kvm_ioeventfd *a)
{
	const u32 valid = KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |
			  KVM_IOEVENTFD_FLAG_DEASSIGN;
	struct ioevent *e;
	host_event_t *ev;
	int err;

	if (a->len > 8 || a->len & (a->len - 1))
		return -EINVAL;
	if (a->addr + a->len < a->addr || a->flags & ~valid)
		return -EINVAL;
	if (!a->len && a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
		return -EINVAL;
	err = host_event_get(a->fd, &ev);
	if (err)
		return err;
	e = host_alloc(sizeof(*e));
	if (!e) {
		host_event_put(ev);
		return -ENOMEM;
	}
	e->dev = (struct bus_dev){ .ops = &ioevent_ops, .base = a->addr, .len = a->len,
				   .uncounted = true };
	e->event = ev;
	e->len = a->len;
	e->datamatch = a->datamatch;
	e->wildcard = !(a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
	e->pio = a->flags & KVM_IOEVENTFD_FLAG_PIO;
	host_mutex_lock(&vm->lock);
	err = ioevent_insert_locked(vm, e);
	host_mutex_unlock(&vm->lock);
	if (err) {
		host_event_put(ev);
		host_free(e);
	}
	return err;
}

static bool ioevent_is(const struct ioevent *e, const struct kvm_ioeventfd *a,
		       const host_event_t *ev)
{
	bool wildcard = !(a->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);

	return host_event_same(e->event, ev) && e->pio == !!(a->flags & KVM_IOEVENTFD_FLAG_PIO) &&
	       e->dev.base == a->addr && e->len == a->len && e->wildcard == wildcard &&
	       (wildcard || e->datamatch == a->datamatch);
}

static int ioevent_deassign(struct vm *vm, const struct kvm_ioeventfd *a)
{
	struct ioevent **p, *e;
	host_event_t *ev;
	int err = host_event_get(a->fd, &ev);

	if (err)
		return err;
	host_mutex_lock(&vm->lock);
	for (p = &vm->ioevents; *p && !ioevent_is(*p, a, ev); p = &(*p)->next)
		;
	e = *p;
	if (e) {
		*p = e->next;
		bus_remove(bus_of(vm, e->pio), &e->dev);
		host_event_put(e->event);
		host_free(e);
	}
	host_mutex_unlock(&vm->lock);
	host_event_put(ev);
	return e ? 0 : -ENOENT;
}

int ioeventfd_ioctl(struct vm *vm, const struct kvm_ioeventfd *arg)
{
	if (arg->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return ioevent_deassign(vm, arg);
	return ioevent_assign(vm, arg);
}

/* The ring is user space's too: read its indices once, trust neither. */
static int zone_write(struct bus_dev *d, struct vcpu *v, u64 off, const void *buf, unsigned int n)
{
	const u32 size = (MMIO_PAGE - sizeof(struct kvm_coalesced_mmio_ring)) /
			 sizeof(struct kvm_coalesced_mmio);
	struct mmio_zone *z = container_of(d, struct mmio_zone, dev);
	struct kvm_coalesced_mmio_ring *ring;
	struct kvm_coalesced_mmio *m;
	u32 last, next;
	int err = -ENOENT;

	host_spin_lock(&z->vm->ring_lock);
	ring = z->vm->ring;
	last = ring ? READ_ONCE(ring->last) : 0;
	next = (last + 1) % size;
	if (ring && last < size && next != READ_ONCE(ring->first) && n <= sizeof(m->data)) {
		m = &ring->coalesced_mmio[last];
		m->phys_addr = d->base + off;
		m->len = n;
		m->pio = z->pio;
		memcpy(m->data, buf, n);
		__atomic_store_n(&ring->last, next, __ATOMIC_RELEASE);
		err = 0;
	}
	host_spin_unlock(&z->vm->ring_lock);
	return err;
}

static const struct bus_ops zone_ops = { .write = zone_write };

int zone_register(struct vm *vm, const struct kvm_coalesced_mmio_zone *arg)
{
	struct mmio_zone *z;
	int err;

	if (arg->pio > 1)
		return -EINVAL;
	z = host_alloc(sizeof(*z));
	if (!z)
		return -ENOMEM;
	z->dev = (struct bus_dev){ .ops = &zone_ops, .base = arg->addr, .len = arg->size };
	z->vm = vm;
	z->pio = arg->pio;
	host_mutex_lock(&vm->lock);
	err = bus_add(bus_of(vm, z->pio), &z->dev);
	if (!err) {
		z->next = vm->zones;
		vm->zones = z;
	}
	host_mutex_unlock(&vm->lock);
	if (err)
		host_free(z);
	return err;
}

/* As KVM: every zone that holds the range goes, and none is no error. */
int zone_unregister(struct vm *vm, const struct kvm_coalesced_mmio_zone *arg)
{
	struct mmio_zone **p;

	if (arg->pio > 1)
		return -EINVAL;
	host_mutex_lock(&vm->lock);
	for (p = &vm->zones; *p;) {
		struct mmio_zone *z = *p;
		u64 off = arg->addr - z->dev.base;

		if (z->pio != arg->pio || off > z->dev.len || arg->size > z->dev.len - off) {
			p = &z->next;
			continue;
		}
		*p = z->next;
		bus_remove(bus_of(vm, z->pio), &z->dev);
		host_free(z);
	}
	host_mutex_unlock(&vm->lock);
	return 0;
}

void ioevents_free(struct vm *vm)
{
	struct ioevent *e;
	struct mmio_zone *z;

	while ((e = vm->ioevents)) {
		vm->ioevents = e->next;
		bus_remove(bus_of(vm, e->pio), &e->dev);
		host_event_put(e->event);
		host_free(e);
	}
	while ((z = vm->zones)) {
		vm->zones = z->next;
		bus_remove(bus_of(vm, z->pio), &z->dev);
		host_free(z);
	}
}
