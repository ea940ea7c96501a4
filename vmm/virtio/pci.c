/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci.c - the modern PCI transport. BAR 0 holds the four register blocks, one
 * a page; BAR 1 holds MSI-X. Source: virtio 1.2, "Virtio Over PCI Bus".
 */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include "vmm/virtio/device.h"

#define BLOCK_COMMON	0x0000
#define BLOCK_ISR	0x1000
#define BLOCK_DEVICE	0x2000
#define BLOCK_NOTIFY	0x3000
#define BLOCK_SIZE	0x1000
#define REGS_SIZE	0x4000

#define NOTIFY_STEP	4	/* bytes between the doorbells of two queues */
#define VENDOR_VIRTIO	0x1af4
#define COMMON(field)	offsetof(struct virtio_pci_common_cfg, field)

/* ---- common configuration ---- */

static struct virtio_queue *selected(struct virtio *v)
{
	return v->queue_sel < v->cls->n_queues ? &v->queue[v->queue_sel] : NULL;
}

static void common_image_queue(struct virtio_queue *q, struct virtio_pci_common_cfg *c,
			       unsigned int index)
{
	c->queue_size = q->vq.num;
	c->queue_msix_vector = q->vector;
	c->queue_enable = q->vq.enabled;
	c->queue_notify_off = (u16)index;
	c->queue_desc_lo = (u32)q->vq.desc;
	c->queue_desc_hi = (u32)(q->vq.desc >> 32);
	c->queue_avail_lo = (u32)q->vq.avail;
	c->queue_avail_hi = (u32)(q->vq.avail >> 32);
	c->queue_used_lo = (u32)q->vq.used;
	c->queue_used_hi = (u32)(q->vq.used >> 32);
}

/* The registers as they stand: reads of any size come out of this. */
static void common_image(struct virtio *v, struct virtio_pci_common_cfg *c)
{
	struct virtio_queue *q = selected(v);

	memset(c, 0, sizeof(*c));
	c->device_feature_select = v->feature_sel[0];
	c->guest_feature_select = v->feature_sel[1];
	if (v->feature_sel[0] < 2)
		c->device_feature = (u32)(v->offered >> (32 * v->feature_sel[0]));
	if (v->feature_sel[1] < 2)
		c->guest_feature = (u32)(v->features >> (32 * v->feature_sel[1]));
	c->msix_config = v->config_vector;
	c->num_queues = v->cls->n_queues;
	c->device_status = v->status;
	c->config_generation = v->generation;
	c->queue_select = v->queue_sel;
	c->queue_msix_vector = VIRTIO_MSI_NO_VECTOR;
	if (q)
		common_image_queue(q, c, v->queue_sel);
}

static u64 image_read(const void *image, size_t size, u64 off, unsigned int n)
{
	u64 val = 0;

	if (n > sizeof(val) || off >= size || n > size - off)
		return 0;
	memcpy(&val, (const u8 *)image + off, n);
	return val;
}

static u16 vector_checked(struct virtio *v, u64 val)
{
	return val < v->pci.msix.n ? (u16)val : VIRTIO_MSI_NO_VECTOR;
}

static void features_write(struct virtio *v, u32 val)
{
	unsigned int shift = 32 * v->feature_sel[1];

	if (v->feature_sel[1] > 1 || (v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	v->features = (v->features & ~(0xffffffffull << shift)) | (u64)val << shift;
}

static void half_write(u64 *addr, bool high, u64 val)
{
	unsigned int shift = high ? 32 : 0;

	*addr = (*addr & ~(0xffffffffull << shift)) | (u64)(u32)val << shift;
}

static void queue_field_write(struct virtio *v, struct virtio_queue *q, u64 off, u64 val)
{
	if (off == COMMON(queue_msix_vector)) {
		q->vector = vector_checked(v, val);
		return;
	}
	if (q->vq.enabled)
		return;		/* its place is fixed until a reset */
	switch (off) {
	case COMMON(queue_size):
		if (val && val <= q->vq.num_max && !(val & (val - 1)))
			q->vq.num = (u16)val;
		break;
	case COMMON(queue_enable):
		if (val == 1)
			virtio_queue_enable(v, v->queue_sel);
		break;
	case COMMON(queue_desc_lo):
	case COMMON(queue_desc_hi):
		half_write(&q->vq.desc, off == COMMON(queue_desc_hi), val);
		break;
	case COMMON(queue_avail_lo):
	case COMMON(queue_avail_hi):
		half_write(&q->vq.avail, off == COMMON(queue_avail_hi), val);
		break;
	case COMMON(queue_used_lo):
	case COMMON(queue_used_hi):
		half_write(&q->vq.used, off == COMMON(queue_used_hi), val);
		break;
	default:
		break;
	}
}

static void common_write(struct virtio *v, u64 off, u64 val)
{
	switch (off) {
	case COMMON(device_feature_select): v->feature_sel[0] = (u32)val; break;
	case COMMON(guest_feature_select): v->feature_sel[1] = (u32)val; break;
	case COMMON(guest_feature): features_write(v, (u32)val); break;
	case COMMON(msix_config): v->config_vector = vector_checked(v, val); break;
	case COMMON(device_status): virtio_set_status(v, (u8)val); break;
	case COMMON(queue_select): v->queue_sel = (u16)val; break;
	default:
		if (selected(v))
			queue_field_write(v, selected(v), off, val);
	}
}

/* ---- the blocks ---- */

static void device_cfg_write(struct virtio *v, u64 off, unsigned int n, u64 val)
{
	if (n > sizeof(val) || off >= v->cls->cfg_size || n > v->cls->cfg_size - off ||
	    !v->cls->cfg_written)
		return;
	memcpy(v->cfg + off, &val, n);
	v->cls->cfg_written(v, (unsigned int)off, n);
}

static u64 isr_read(struct virtio *v)
{
	u8 isr = v->isr;

	v->isr = 0;
	pci_intx(&v->pci, false);
	return isr;
}

u64 virtio_pci_read(struct virtio *v, u64 off, unsigned int n)
{
	struct virtio_pci_common_cfg c;

	switch (off & ~(u64)(BLOCK_SIZE - 1)) {
	case BLOCK_COMMON:
		common_image(v, &c);
		return image_read(&c, sizeof(c), off, n);
	case BLOCK_ISR:
		return off == BLOCK_ISR ? isr_read(v) : 0;
	case BLOCK_DEVICE:
		return image_read(v->cfg, v->cls->cfg_size, off - BLOCK_DEVICE, n);
	default:
		return 0;
	}
}

void virtio_pci_write(struct virtio *v, u64 off, unsigned int n, u64 val)
{
	switch (off & ~(u64)(BLOCK_SIZE - 1)) {
	case BLOCK_COMMON:
		if (n == 8) {	/* the 64-bit addresses, as two halves */
			common_write(v, off, (u32)val);
			common_write(v, off + 4, val >> 32);
		} else {
			common_write(v, off, val);
		}
		break;
	case BLOCK_DEVICE:
		device_cfg_write(v, off - BLOCK_DEVICE, n, val);
		break;
	case BLOCK_NOTIFY:
		/* Where the ioeventfd is not wired, or did not match. */
		if ((off - BLOCK_NOTIFY) / NOTIFY_STEP < v->cls->n_queues)
			virtio_kick(v, (unsigned int)(off - BLOCK_NOTIFY) / NOTIFY_STEP);
		break;
	default:
		break;
	}
}

static u64 regs_read(void *dev, u64 off, unsigned int n)
{
	return virtio_pci_read(dev, off, n);
}

static void regs_write(void *dev, u64 off, unsigned int n, u64 val)
{
	virtio_pci_write(dev, off, n, val);
}

/* ---- doorbells ---- */

static void queue_wire(struct virtio *v, struct virtio_queue *q, bool on)
{
	u64 addr = v->pci.bar[0].range.base + BLOCK_NOTIFY +
		   NOTIFY_STEP * (u64)(q - v->queue);

	if (on == q->wired)
		return;
	/* Without it the write exits to us, which is slower but right. */
	if (!machine_ioeventfd(v->m, addr, 0, false, q->kick_fd, on))
		q->wired = on;
	else if (!on)
		q->wired = false;
}

static void wire_all(struct virtio *v, bool on)
{
	unsigned int i;

	for (i = 0; i < v->cls->n_queues; i++)
		queue_wire(v, &v->queue[i], on && v->queue[i].vq.enabled);
}

/* After anything that decides whether doorbells are heard. */
void virtio_pci_wire(struct virtio *v)
{
	wire_all(v, virtio_running(v) && v->pci.bar[0].mapped);
}

static void bar_mapped(struct pci_dev *d, unsigned int n, bool on)
{
	struct virtio *v = container_of(d, struct virtio, pci);

	if (n == 0)
		wire_all(v, on && virtio_running(v));
}

/* ---- capabilities ---- */

static bool access_range(struct virtio *v, u64 *off, unsigned int *n)
{
	const u8 *cap = v->pci.cfg + v->access_cap;

	*off = pci_get32(cap + offsetof(struct virtio_pci_cap, offset));
	*n = pci_get32(cap + offsetof(struct virtio_pci_cap, length));
	return cap[offsetof(struct virtio_pci_cap, bar)] == 0 &&
	       (*n == 1 || *n == 2 || *n == 4) && *off % *n == 0 && *off < REGS_SIZE;
}

static bool touches_access_data(struct virtio *v, unsigned int off, unsigned int n)
{
	unsigned int data = v->access_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

	return off < data + 4 && data < off + n;
}

static void cfg_reading(struct pci_dev *d, unsigned int off, unsigned int n)
{
	struct virtio *v = container_of(d, struct virtio, pci);
	u8 *data = d->cfg + v->access_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
	unsigned int len;
	u64 at;

	if (touches_access_data(v, off, n) && access_range(v, &at, &len))
		pci_put32(data, (u32)virtio_pci_read(v, at, len));
}

static void cfg_written(struct pci_dev *d, unsigned int off, unsigned int n)
{
	struct virtio *v = container_of(d, struct virtio, pci);
	u8 *data = d->cfg + v->access_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
	unsigned int len;
	u64 at;

	if (touches_access_data(v, off, n) && access_range(v, &at, &len))
		virtio_pci_write(v, at, len, pci_get32(data) & (~0ull >> (64 - 8 * len)));
}

static unsigned int add_cap(struct virtio *v, u8 type, u32 off, u32 len, unsigned int size)
{
	unsigned int c = pci_dev_cap(&v->pci, PCI_CAP_ID_VNDR, size);
	u8 *p = v->pci.cfg + c;

	p[offsetof(struct virtio_pci_cap, cap_len)] = (u8)size;
	p[offsetof(struct virtio_pci_cap, cfg_type)] = type;
	pci_put32(p + offsetof(struct virtio_pci_cap, offset), off);
	pci_put32(p + offsetof(struct virtio_pci_cap, length), len);
	return c;
}

static void add_caps(struct virtio *v)
{
	unsigned int c, size = sizeof(struct virtio_pci_cap);
	u8 *mask;

	add_cap(v, VIRTIO_PCI_CAP_COMMON_CFG, BLOCK_COMMON,
		sizeof(struct virtio_pci_common_cfg), size);
	add_cap(v, VIRTIO_PCI_CAP_ISR_CFG, BLOCK_ISR, 1, size);
	if (v->cls->cfg_size)
		add_cap(v, VIRTIO_PCI_CAP_DEVICE_CFG, BLOCK_DEVICE, v->cls->cfg_size, size);
	c = add_cap(v, VIRTIO_PCI_CAP_NOTIFY_CFG, BLOCK_NOTIFY,
		    NOTIFY_STEP * v->cls->n_queues, sizeof(struct virtio_pci_notify_cap));
	pci_put32(v->pci.cfg + c + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier),
		  NOTIFY_STEP);
	c = add_cap(v, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, sizeof(struct virtio_pci_cfg_cap));
	v->access_cap = c;
	mask = v->pci.wmask + c;
	mask[offsetof(struct virtio_pci_cap, bar)] = 0xff;
	memset(mask + offsetof(struct virtio_pci_cap, offset), 0xff, 12);
}

static void dev_free(struct pci_dev *d)
{
	virtio_free(container_of(d, struct virtio, pci));
}

static void dev_reset(struct pci_dev *d)
{
	virtio_reset(container_of(d, struct virtio, pci));
}

int virtio_pci_init(struct virtio *v)
{
	const struct pci_bar regs = {
		.size = REGS_SIZE,
		.range = { .read = regs_read, .write = regs_write, .dev = v,
			   .name = v->cls->name },
	};
	int err;

	pci_dev_init(&v->pci, v->m, v->cls->name, VENDOR_VIRTIO, (u16)(0x1040 + v->cls->id),
		     v->cls->pci_class << 8 | 1);
	pci_put16(v->pci.cfg + PCI_SUBSYSTEM_VENDOR_ID, VENDOR_VIRTIO);
	pci_put16(v->pci.cfg + PCI_SUBSYSTEM_ID, 0x1100);
	v->pci.intx_pin = 1;
	v->pci.free = dev_free;
	v->pci.reset = dev_reset;
	v->pci.cfg_reading = cfg_reading;
	v->pci.cfg_written = cfg_written;
	v->pci.bar_mapped = bar_mapped;
	add_caps(v);
	err = pci_dev_bar(&v->pci, 0, &regs);
	if (err)
		return err;
	/* One vector for configuration changes, one a queue. */
	return pci_dev_msix(&v->pci, 1, 0, v->cls->n_queues + 1u);
}
