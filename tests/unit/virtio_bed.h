/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_bed.h - a machine without vCPUs, and a driver for its PCI and virtio
 * devices that works on the buses as a guest would. The loop runs in a thread
 * of its own; what the test does to a device happens under the machine lock.
 */
#ifndef TESTS_VIRTIO_BED_H
#define TESTS_VIRTIO_BED_H

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vmm/machine/machine.h"
#include "vmm/pci/pci.h"
#include "vmm/virtio/device.h"
/* Last: it makes a macro of fail(). */
#include <cmocka.h>

#define BED_RAM		(4u << 20)
#define BED_BUF		0x200000u	/* buffers from here on */
#define REG_COMMON	0x0000
#define REG_ISR		0x1000
#define REG_DEVICE	0x2000
#define REG_NOTIFY	0x3000
#define COMMON(f)	offsetof(struct virtio_pci_common_cfg, f)

struct bed {
	struct machine m;
	struct machine_config cfg;
	u8 *ram;
	pthread_t thread;
	bool threaded;
	bool irq[64];			/* level of each GSI */
	unsigned int irq_edges;
	int ioeventfds;			/* registered now */
	u64 ioeventfd_addr;		/* the last one */
	unsigned int routings;		/* KVM_SET_GSI_ROUTING so far */
};

static struct bed bed;

/* Where the real one is not linked in. */
__attribute__((weak)) void machine_stop(struct machine *m, enum machine_end end, int code)
{
	m->end = end;
	m->end_code = code;
}

static long bed_ioctl(int fd, unsigned long req, void *arg)
{
	struct kvm_irq_level *l = arg;
	struct kvm_ioeventfd *io = arg;

	(void)fd;
	switch (req) {
	case KVM_IRQ_LINE:
		bed.irq[l->irq & 63] = l->level;
		bed.irq_edges++;
		return 0;
	case KVM_IOEVENTFD:
		bed.ioeventfds += io->flags & KVM_IOEVENTFD_FLAG_DEASSIGN ? -1 : 1;
		bed.ioeventfd_addr = io->addr;
		return 0;
	case KVM_SET_GSI_ROUTING:
		bed.routings++;
		return 0;
	case KVM_IRQFD:
		return 0;
	default:
		return -ENOTTY;
	}
}

static const struct kvm_provider bed_provider = { .name = "bed", .ioctl = bed_ioctl };

static inline void bed_lock(void)
{
	loop_lock(bed.m.loop);
}

static inline void bed_unlock(void)
{
	loop_unlock(bed.m.loop);
}

static inline void *bed_thread(void *arg)
{
	(void)arg;
	loop_run(bed.m.loop);
	return NULL;
}

static inline int bed_setup(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof(bed));
	bed.ram = mmap(NULL, BED_RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bed.m.ram.region[0] = (struct ram_region){ .gpa = 0, .len = BED_RAM, .hva = bed.ram };
	bed.m.ram.n = 1;
	bed.m.kvm = &bed_provider;
	bed.m.cfg = &bed.cfg;
	bed.m.routes = calloc(1, sizeof(*bed.m.routes) +
			      1024 * sizeof(bed.m.routes->entries[0]));
	if (loop_new(&bed.m.loop))
		return -1;
	return pci_bus_new(&bed.m, &bed.m.pci);
}

static inline void bed_start(void)
{
	pthread_create(&bed.thread, NULL, bed_thread, NULL);
	bed.threaded = true;
}

static inline int bed_teardown(void **state)
{
	(void)state;
	if (bed.threaded) {
		loop_stop(bed.m.loop);
		pthread_join(bed.thread, NULL);
	}
	pci_bus_free(bed.m.pci);
	loop_free(bed.m.loop);
	free(bed.m.routes);
	munmap(bed.ram, BED_RAM);
	return 0;
}

/* ---- configuration space, by ECAM ---- */

static inline u64 ecam(unsigned int slot, unsigned int off)
{
	return MACHINE_ECAM_BASE + (slot << 15) + off;
}

static inline u32 cfg_r(unsigned int slot, unsigned int off, unsigned int n)
{
	u32 v;

	bed_lock();
	v = (u32)iobus_read(&bed.m.mmio, ecam(slot, off), n);
	bed_unlock();
	return v;
}

static inline void cfg_w(unsigned int slot, unsigned int off, unsigned int n, u32 v)
{
	bed_lock();
	iobus_write(&bed.m.mmio, ecam(slot, off), n, v);
	bed_unlock();
}

static inline u64 mmio_r(u64 addr, unsigned int n)
{
	u64 v;

	bed_lock();
	v = iobus_read(&bed.m.mmio, addr, n);
	bed_unlock();
	return v;
}

static inline void mmio_w(u64 addr, unsigned int n, u64 v)
{
	bed_lock();
	iobus_write(&bed.m.mmio, addr, n, v);
	bed_unlock();
}

/* ---- a virtio driver ---- */

struct drv_queue {
	u64 desc, avail, used;
	u16 num, avail_idx, used_idx, next_desc;
};

struct drv {
	unsigned int slot;
	u64 regs;
	u64 features;
	struct drv_queue q[4];
};

static inline u64 reg_r(struct drv *d, u64 off, unsigned int n)
{
	return mmio_r(d->regs + off, n);
}

static inline void reg_w(struct drv *d, u64 off, unsigned int n, u64 v)
{
	mmio_w(d->regs + off, n, v);
}

static inline u64 drv_offered(struct drv *d)
{
	u64 f;

	reg_w(d, COMMON(device_feature_select), 4, 0);
	f = reg_r(d, COMMON(device_feature), 4);
	reg_w(d, COMMON(device_feature_select), 4, 1);
	return f | reg_r(d, COMMON(device_feature), 4) << 32;
}

static inline void drv_accept(struct drv *d, u64 features)
{
	d->features = features;
	reg_w(d, COMMON(guest_feature_select), 4, 0);
	reg_w(d, COMMON(guest_feature), 4, (u32)features);
	reg_w(d, COMMON(guest_feature_select), 4, 1);
	reg_w(d, COMMON(guest_feature), 4, features >> 32);
}

static inline u8 drv_status(struct drv *d)
{
	return (u8)reg_r(d, COMMON(device_status), 1);
}

static inline void drv_queue_setup(struct drv *d, unsigned int i, u16 num)
{
	struct drv_queue *q = &d->q[i];

	q->num = num;
	q->desc = 0x10000ull * (i + 1);
	q->avail = q->desc + 0x4000;
	q->used = q->desc + 0x8000;
	q->avail_idx = q->used_idx = q->next_desc = 0;
	memset(bed.ram + q->desc, 0, 0x10000);
	reg_w(d, COMMON(queue_select), 2, i);
	reg_w(d, COMMON(queue_size), 2, num);
	reg_w(d, COMMON(queue_desc_lo), 4, q->desc);
	reg_w(d, COMMON(queue_desc_hi), 4, 0);
	reg_w(d, COMMON(queue_avail_lo), 4, q->avail);
	reg_w(d, COMMON(queue_avail_hi), 4, 0);
	reg_w(d, COMMON(queue_used_lo), 4, q->used);
	reg_w(d, COMMON(queue_used_hi), 4, 0);
	reg_w(d, COMMON(queue_enable), 2, 1);
}

/* Finds the device in slot and brings it up with n_queues queues of num. */
static inline void drv_init(struct drv *d, unsigned int slot, u64 drop_features,
			    unsigned int n_queues, u16 num)
{
	unsigned int i;

	memset(d, 0, sizeof(*d));
	d->slot = slot;
	d->regs = cfg_r(slot, PCI_BASE_ADDRESS_0, 4) & ~0xfu;
	reg_w(d, COMMON(device_status), 1, 0);
	reg_w(d, COMMON(device_status), 1, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	drv_accept(d, drv_offered(d) & ~drop_features);
	reg_w(d, COMMON(device_status), 1, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
	      VIRTIO_CONFIG_S_FEATURES_OK);
	for (i = 0; i < n_queues; i++)
		drv_queue_setup(d, i, num);
	reg_w(d, COMMON(device_status), 1, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
	      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

static inline struct vring_desc *drv_desc(struct drv *d, unsigned int q, unsigned int i)
{
	return (struct vring_desc *)(bed.ram + d->q[q].desc) + i;
}

/* One descriptor at the next free place; returns its index. */
static inline u16 drv_put(struct drv *d, unsigned int q, u64 addr, u32 len, u16 flags)
{
	struct drv_queue *dq = &d->q[q];
	u16 i = dq->next_desc++ % dq->num;

	*drv_desc(d, q, i) = (struct vring_desc){ addr, len, flags, (u16)((i + 1) % dq->num) };
	return i;
}

static inline void drv_publish(struct drv *d, unsigned int q, u16 head)
{
	struct drv_queue *dq = &d->q[q];
	u16 *avail = (u16 *)(bed.ram + dq->avail);

	avail[2 + dq->avail_idx % dq->num] = head;
	dq->avail_idx++;
	__atomic_store_n(&avail[1], dq->avail_idx, __ATOMIC_SEQ_CST);
}

static inline void drv_notify(struct drv *d, unsigned int q)
{
	reg_w(d, REG_NOTIFY + 4 * q, 2, q);
}

static inline u16 drv_used_idx(struct drv *d, unsigned int q)
{
	return __atomic_load_n((u16 *)(bed.ram + d->q[q].used + 2), __ATOMIC_SEQ_CST);
}

/* Waits for the next used element, 5 s at most. */
static inline struct vring_used_elem drv_wait(struct drv *d, unsigned int q)
{
	struct drv_queue *dq = &d->q[q];
	struct vring_used_elem *ring = (void *)(bed.ram + dq->used + 4);
	unsigned int i;

	for (i = 0; i < 50000 && drv_used_idx(d, q) == dq->used_idx; i++)
		usleep(100);
	assert_int_not_equal(drv_used_idx(d, q), dq->used_idx);
	return ring[dq->used_idx++ % dq->num];
}

#endif
