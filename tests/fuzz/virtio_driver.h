/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_driver.h - a machine of memory and a PCI bus, and the hostile driver of
 * the one virtio device in it. A harness brings the device, and host_step().
 *
 * The input is a program of steps, one byte each and then its operands, little
 * endian (seeds.py writes some):
 *
 *	0 poke		at 3, n 1, bytes		memory
 *	1 descriptor	queue 1, index 1, addr 3, len 2, flags 1, next 1
 *	2 publish	queue 1, head 1			and notify
 *	3 chain		queue 1, shape 1, n 1, n * (len 2, flags 1), bytes 1, data
 *	4 register	at 2, value			size from the step's top bits
 *	5 register	at 2				read
 *	6 config space	at 1, value			bit 7: read
 *	7 bit 6: bring up, features 5, queue size 1; else a doorbell: queue 1
 *	8 host step	the harness's own
 *	9 one round of the event loop
 */
#ifndef TESTS_FUZZ_VIRTIO_DRIVER_H
#define TESTS_FUZZ_VIRTIO_DRIVER_H

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include "tests/fuzz/machine.h"
#include "vmm/virtio/device.h"

#define RINGS		0x1000u		/* queue i: descriptors here + 0x4000 * i, ... */
#define AVAIL		0x1000u
#define USED		0x2000u
#define TABLE		0x1f000u	/* indirect */
#define BUFFERS		0x20000u
#define COMMON(f)	offsetof(struct virtio_pci_common_cfg, f)
#define REG_NOTIFY	0x3000u

static void host_step(struct machine *m, struct input *in, u8 op);

/* ---- the driver ---- */

static struct virtio *device(struct machine *m)
{
	return container_of(pci_dev_at(m->pci, 1, 0), struct virtio, pci);
}

static void reg(struct machine *m, u64 off, unsigned int n, u64 v)
{
	u64 base = pci_get32(pci_dev_at(m->pci, 1, 0)->cfg + PCI_BASE_ADDRESS_0) & ~15u;

	iobus_write(&m->mmio, base + off, n, v);
}

static void bring_up(struct machine *m, u64 features, u8 log_size)
{
	unsigned int i;

	reg(m, COMMON(device_status), 1, 0);
	reg(m, COMMON(device_status), 1, 3);
	reg(m, COMMON(guest_feature_select), 4, 0);
	reg(m, COMMON(guest_feature), 4, (u32)features & (u32)device(m)->offered);
	reg(m, COMMON(guest_feature_select), 4, 1);
	reg(m, COMMON(guest_feature), 4, 1 | (features >> 32 & 0xfe));
	reg(m, COMMON(device_status), 1, 11);
	for (i = 0; i < device(m)->cls->n_queues; i++) {
		reg(m, COMMON(queue_select), 2, i);
		reg(m, COMMON(queue_size), 2, 1 << min(log_size % 9, device(m)->cls->queue_max == 64 ? 6 : 8));
		reg(m, COMMON(queue_desc_lo), 4, RINGS + 0x4000 * i);
		reg(m, COMMON(queue_avail_lo), 4, RINGS + 0x4000 * i + AVAIL);
		reg(m, COMMON(queue_used_lo), 4, RINGS + 0x4000 * i + USED);
		reg(m, COMMON(queue_enable), 2, 1);
	}
	reg(m, COMMON(device_status), 1, 15);
}

static unsigned int pick_queue(struct machine *m, struct input *in)
{
	return take(in, 1) % device(m)->cls->n_queues;
}

static void put_desc(struct machine *m, struct input *in)
{
	u64 q = pick_queue(m, in), i = take(in, 1);
	struct vring_desc d = { .addr = take(in, 3), .len = (u32)take(in, 2) };

	d.flags = take(in, 1) & 7;
	d.next = (u16)take(in, 1);
	if (d.len == 0xffff)
		d.len = (u32)take(in, 4);
	memcpy(memory + RINGS + 0x4000 * q + 16 * i, &d, sizeof(d));
}

static void publish_head(struct machine *m, unsigned int q, u16 head)
{
	u16 *avail = (u16 *)(memory + RINGS + 0x4000 * q + AVAIL);

	avail[2 + avail[1] % max(device(m)->queue[q].vq.num, (u16)1)] = head;
	avail[1]++;
	virtio_kick(device(m), q);
}

/*
 * Up to eight buffers, one after the other in memory, with data over the first
 * of them. shape: bit 0 an indirect table, bits 1-4 where the chain starts.
 */
static void chain(struct machine *m, struct input *in)
{
	unsigned int q = pick_queue(m, in), shape = (u8)take(in, 1), n = (take(in, 1) & 7) + 1, i;
	unsigned int first = shape & 1 ? 0 : (shape >> 1 & 15) * 4 % max(device(m)->queue[q].vq.num, (u16)1);
	struct vring_desc *table = (void *)(memory + (shape & 1 ? TABLE : RINGS + 0x4000 * q));
	u64 at = BUFFERS;
	size_t len;

	for (i = 0; i < n; i++) {
		struct vring_desc d = { .addr = at, .len = (u32)take(in, 2) };

		d.flags = (u16)((take(in, 1) & VRING_DESC_F_WRITE) | (i + 1 < n));
		d.next = (u16)(first + i + 1);
		at += d.len;
		table[first + i] = d;
	}
	if (shape & 1) {
		struct vring_desc d = { TABLE, 16 * n, VRING_DESC_F_INDIRECT, 0 };

		memcpy(memory + RINGS + 0x4000 * q, &d, sizeof(d));
	}
	len = take(in, 1);
	take_buf(in, memory + BUFFERS, len);
	publish_head(m, q, (u16)first);
}

static void poke(struct input *in)
{
	u64 at = take(in, 3) % RAM_SIZE, n = take(in, 1) & 63;

	for (; n && at < RAM_SIZE; n--)
		memory[at++] = (u8)take(in, 1);
}

static void check_queues(struct machine *m)
{
	for (unsigned int i = 0; i < device(m)->cls->n_queues; i++) {
		const struct virtq *q = &device(m)->queue[i].vq;

		require(q->in_flight <= q->num || !q->enabled, "%u of %u", q->in_flight, q->num);
		require(q->num <= q->num_max);
	}
}

static void step(struct machine *m, struct input *in)
{
	static const u8 sizes[8] = { 1, 2, 4, 8, 3, 4, 2, 1 };
	u8 op = (u8)take(in, 1);
	unsigned int n = sizes[op >> 5], q;
	u64 at;

	switch (op & 15) {
	case 0: poke(in); break;
	case 1: put_desc(m, in); break;
	case 2: q = pick_queue(m, in); publish_head(m, q, (u16)take(in, 1)); break;
	case 3: case 10: case 11: chain(m, in); break;
	case 4: at = take(in, 2) & 0x3fff; reg(m, at, n, take(in, n)); break;
	case 5:
		iobus_read(&m->mmio, (pci_get32(pci_dev_at(m->pci, 1, 0)->cfg + PCI_BASE_ADDRESS_0) & ~15u) +
			   (take(in, 2) & 0x5fff), n);
		break;
	case 6: case 12:
		at = MACHINE_ECAM_BASE + 0x8000 + take(in, 1);
		if (op & 128)
			iobus_read(&m->mmio, at, n);
		else
			iobus_write(&m->mmio, at, n, take(in, n));
		break;
	case 7:
		if (op & 64) {
			u64 f = take(in, 5);

			bring_up(m, f, (u8)take(in, 1));
		} else {
			reg(m, REG_NOTIFY + 4 * take(in, 1), 2, 0);
		}
		break;
	case 8: case 13: case 14: host_step(m, in, op); break;
	default: loop_round(m);
	}
	check_queues(m);
}

static void drive(struct machine *m, struct input *in)
{
	u64 f = take(in, 5);

	bring_up(m, f, (u8)take(in, 1));
	while (in->n)
		step(m, in);
}

#endif
