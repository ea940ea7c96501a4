/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_virtio.c - a hostile driver. The first byte of the input picks a device,
 * the rest is a program of what the driver does: writes to rings, registers,
 * configuration space, doorbells. Disk and network are replaced by ones in
 * memory that answer at once, so that a run is the same every time.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_pci.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "vmm/block/block.h"
#include "vmm/chardev.h"
#include "vmm/net/net.h"
#include "vmm/pci/pci.h"
#include "vmm/virtio/device.h"

#define RAM_SIZE	0x40000u
#define DISK_SIZE	0x10000u
#define RINGS		0x1000u		/* queue i: descriptors here + 0x4000 * i, ... */
#define AVAIL		0x1000u
#define USED		0x2000u
#define NUM		16u
#define COMMON(f)	offsetof(struct virtio_pci_common_cfg, f)
#define REG_NOTIFY	0x3000u

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static u8 memory[RAM_SIZE];
static u8 disk_image[DISK_SIZE];

/* ---- what the devices talk to ---- */

static struct block fuzz_disk = { .format = &block_raw, .size = DISK_SIZE, .block_size = 4096 };

static int disk_open(struct loop *l, const char *path, bool readonly, struct block **out)
{
	fuzz_disk.readonly = readonly;
	*out = &fuzz_disk;
	return 0;
}

static void disk_close(struct block *b)
{
}

static void disk_submit(struct block *b, struct block_req *r)
{
	u64 off = r->off, left = r->len;
	unsigned int i;

	/* The device promised to check: any overflow is ASan's. */
	for (i = 0; r->op <= BLOCK_WRITE && i < r->n_iov; i++) {
		if (r->op == BLOCK_READ)
			memcpy(r->iov[i].iov_base, disk_image + off, r->iov[i].iov_len);
		else
			memcpy(disk_image + off, r->iov[i].iov_base, r->iov[i].iov_len);
		off += r->iov[i].iov_len;
		left -= r->iov[i].iov_len;
	}
	if (r->op <= BLOCK_WRITE && left)
		abort();
	if (r->op == BLOCK_ZERO || r->op == BLOCK_DISCARD)
		memset(disk_image + off, 0, left);
	r->done(r, off % 7 == 3 ? -EIO : 0);
}

static void disk_kick(struct block *b)
{
}

const struct block_format block_raw = {
	.name = "fuzz", .open = disk_open, .close = disk_close,
	.submit = disk_submit, .kick = disk_kick, .drain = disk_kick,
};

/* A network that sends everything back. */
static struct net fuzz_net;
static u8 frame[NET_PKT_MAX];

static void reflect(void *arg, const u8 *f, size_t n)
{
	static u8 pkt[NET_PKT_MAX];

	memset(pkt, 0, NET_HDR);
	memcpy(pkt + NET_HDR, f, n);
	fuzz_net.receive(fuzz_net.dev, pkt, NET_HDR + n);
}

static void net_send(struct net *net, const struct iovec *iov, unsigned int n_iov)
{
	unsigned int i;
	size_t n = 0;

	for (i = 1; i < n_iov; i++) {
		memcpy(frame + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	net_offload(iov[0].iov_base, frame, n, reflect, NULL);
}

static void net_free(struct net *net)
{
}

static const struct net_class fuzz_net_class = { .name = "fuzz", .send = net_send,
						 .free = net_free };

int net_user_new(struct machine *m, const struct net_config *cfg, struct net **out)
{
	fuzz_net = (struct net){ .cls = &fuzz_net_class, .mtu = 1500 };
	fuzz_net.features = 1ull << VIRTIO_NET_F_CSUM | 1ull << VIRTIO_NET_F_GUEST_CSUM |
			    1ull << VIRTIO_NET_F_HOST_TSO4 | 1ull << VIRTIO_NET_F_HOST_TSO6;
	*out = &fuzz_net;
	return 0;
}

static struct chardev_user console_user;

void chardev_attach(struct chardev *c, const struct chardev_user *u)
{
	console_user = *u;
}

void chardev_resume(struct chardev *c)
{
	static const u8 text[40] = "resumed";

	console_user.input(console_user.dev, text, sizeof(text));
}

void chardev_write(struct chardev *c, const u8 *buf, size_t n)
{
	if (console_user.input)
		console_user.input(console_user.dev, buf, n);
}

/* ---- the machine ---- */

static long no_ioctl(int fd, unsigned long req, void *arg)
{
	return 0;
}

static const struct kvm_provider provider = { .name = "fuzz", .ioctl = no_ioctl };

void machine_stop(struct machine *m, enum machine_end end, int code)
{
}

void machine_irq(struct machine *m, unsigned int gsi, bool level)
{
}

int machine_msi_new(struct machine *m, int *out_eventfd, unsigned int *out_gsi)
{
	*out_gsi = 24;
	*out_eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return *out_eventfd < 0 ? -errno : 0;
}

int machine_msi_update(struct machine *m, unsigned int gsi, u64 addr, u32 data, bool masked)
{
	return 0;
}

void machine_msi_free(struct machine *m, unsigned int gsi, int fd)
{
	close(fd);
}

int machine_ioeventfd(struct machine *m, u64 addr, unsigned int len, bool pio, int fd, bool add)
{
	return -ENOTTY;
}

/* ---- the driver ---- */

struct input {
	const u8 *p;
	size_t n;
};

static u64 take(struct input *in, unsigned int n)
{
	u64 v = 0;

	for (; n && in->n; n--, in->p++, in->n--)
		v = v << 8 | *in->p;
	return v;
}

static u64 regs(struct machine *m)
{
	return pci_get32(pci_dev_at(m->pci, 1, 0)->cfg + PCI_BASE_ADDRESS_0) & ~15u;
}

static void reg(struct machine *m, u64 off, unsigned int n, u64 v)
{
	iobus_write(&m->mmio, regs(m) + off, n, v);
}

static void bring_up(struct machine *m, u64 features)
{
	unsigned int i;

	reg(m, COMMON(device_status), 1, 0);
	reg(m, COMMON(device_status), 1, 3);
	reg(m, COMMON(guest_feature_select), 4, 0);
	reg(m, COMMON(guest_feature), 4, (u32)features);
	reg(m, COMMON(guest_feature_select), 4, 1);
	reg(m, COMMON(guest_feature), 4, 1);
	reg(m, COMMON(device_status), 1, 11);
	for (i = 0; i < 2; i++) {
		reg(m, COMMON(queue_select), 2, i);
		reg(m, COMMON(queue_size), 2, NUM);
		reg(m, COMMON(queue_desc_lo), 4, RINGS + 0x4000 * i);
		reg(m, COMMON(queue_avail_lo), 4, RINGS + 0x4000 * i + AVAIL);
		reg(m, COMMON(queue_used_lo), 4, RINGS + 0x4000 * i + USED);
		reg(m, COMMON(queue_enable), 2, 1);
	}
	reg(m, COMMON(device_status), 1, 15);
}

static void put_desc(struct input *in)
{
	u64 q = take(in, 1) & 1, i = take(in, 1) % (NUM + 2);
	struct vring_desc d = { .addr = take(in, 3), .len = (u32)take(in, 2),
				.flags = take(in, 1) & 7, .next = (u16)take(in, 1) };

	if (d.len == 0xffff)
		d.len = (u32)take(in, 4);
	memcpy(memory + RINGS + 0x4000 * q + 16 * i, &d, sizeof(d));
}

static void publish(struct machine *m, struct input *in)
{
	u64 q = take(in, 1) & 1;
	u16 *avail = (u16 *)(memory + RINGS + 0x4000 * q + AVAIL);

	avail[2 + avail[1] % NUM] = (u16)take(in, 1);
	avail[1]++;
	virtio_kick(container_of(pci_dev_at(m->pci, 1, 0), struct virtio, pci), (unsigned int)q);
}

/* A request that is nearly right: a header, data, a status byte. */
static void request(struct machine *m, struct input *in)
{
	u64 q = take(in, 1) & 1, len = take(in, 2), sector = take(in, 1);
	struct virtio_blk_outhdr h = { .type = (u32)take(in, 1) % 16, .sector = sector };
	struct vring_desc d[3] = {
		{ 0x20000, sizeof(h), 1, 1 }, { 0x20100, (u32)len, 1, 2 }, { 0x3ff00, 1, 2, 0 },
	};
	u16 *avail = (u16 *)(memory + RINGS + 0x4000 * q + AVAIL);

	d[1].flags |= (u16)(take(in, 1) & 2);
	memcpy(memory + 0x20000, &h, sizeof(h));
	for (len = 0; len < 64 && in->n; len++)
		memory[0x20100 + len] = (u8)take(in, 1);
	memcpy(memory + RINGS + 0x4000 * q, d, sizeof(d));
	avail[2 + avail[1] % NUM] = 0;
	avail[1]++;
	virtio_kick(container_of(pci_dev_at(m->pci, 1, 0), struct virtio, pci), (unsigned int)q);
}

static void poke(struct input *in)
{
	u64 at = take(in, 3) % RAM_SIZE, n = take(in, 1) & 63;

	for (; n && at < RAM_SIZE; n--)
		memory[at++] = (u8)take(in, 1);
}

static void step(struct machine *m, struct input *in)
{
	static const u8 sizes[8] = { 1, 2, 4, 8, 3, 4, 2, 1 };
	unsigned int op = (unsigned int)take(in, 1), n = sizes[op >> 5];
	u64 at;

	switch (op & 7) {
	case 0: poke(in); break;
	case 1: put_desc(in); break;
	case 2: publish(m, in); break;
	case 3: request(m, in); break;
	case 4:
		at = take(in, 2) & 0x3fff;
		reg(m, at, n, take(in, n));
		break;
	case 5:
		iobus_read(&m->mmio, regs(m) + (take(in, 2) & 0x5fff), n);
		break;
	case 6:
		at = MACHINE_ECAM_BASE + 0x8000 + (take(in, 1) << (op >> 3 & 3));
		if (op & 128)
			iobus_read(&m->mmio, at, n);
		else
			iobus_write(&m->mmio, at, n, take(in, n));
		break;
	case 7:
		if (op & 64)
			bring_up(m, take(in, 4));
		else
			reg(m, REG_NOTIFY + 4 * take(in, 1), 2, 0);
		break;
	}
}

static int make_device(struct machine *m, unsigned int kind)
{
	static const struct net_config net = { .kind = NET_USER };
	const struct disk_config disk = { .path = "fuzz", .serial = "serial",
					  .readonly = kind & 16 };

	switch (kind & 3) {
	case 0: return virtio_blk_new(m, &disk);
	case 1: return virtio_net_new(m, &net, 0);
	case 2: return virtio_console_new(m);
	default: return virtio_rng_new(m);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct input in = { data, n };
	struct machine m = { .kvm = &provider };
	u8 kind = (u8)take(&in, 1);

	memset(memory, 0, sizeof(memory));
	memset(&console_user, 0, sizeof(console_user));
	m.console = (struct chardev *)memory;	/* never looked into */
	m.ram.region[0] = (struct ram_region){ .gpa = 0, .len = RAM_SIZE, .hva = memory };
	m.ram.n = 1;
	if (loop_new(&m.loop) || pci_bus_new(&m, &m.pci) || make_device(&m, kind))
		abort();
	bring_up(&m, take(&in, 4));
	while (in.n)
		step(&m, &in);
	pci_bus_free(m.pci);
	loop_free(m.loop);
	return 0;
}
