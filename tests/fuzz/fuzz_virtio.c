/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_virtio.c - a hostile driver of each virtio device. The first byte of the
 * input picks the device; then virtio_driver.h has it. Disk, network and
 * console are replaced by ones in memory, so that a run is the same every
 * time; fuzz_backend.c has the real ones.
 */
#include <linux/virtio_blk.h>
#include "tests/fuzz/virtio_driver.h"
#include "vmm/block/block.h"
#include "vmm/chardev.h"
#include "vmm/net/net.h"

#define DISK_SIZE	0x10000u
#define PENDING_MAX	1024u

/* ---- a disk that answers at once, or when the input says so ---- */

static struct block fuzz_disk = { .format = &block_raw, .size = DISK_SIZE, .block_size = 4096 };
static u8 disk_image[DISK_SIZE];
static bool deferred;
static struct block_req *pending[PENDING_MAX];
static unsigned int n_pending;

static int disk_open(struct loop *l, const char *path, bool readonly, struct block **out)
{
	fuzz_disk.readonly = readonly;
	*out = &fuzz_disk;
	return 0;
}

static void disk_close(struct block *b)
{
	require(!n_pending);
}

static void disk_do(struct block_req *r)
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
	require(r->op > BLOCK_WRITE || !left);
	require(r->op == BLOCK_READ || r->op == BLOCK_FLUSH || !fuzz_disk.readonly);
	if (r->op == BLOCK_ZERO || r->op == BLOCK_DISCARD)
		memset(disk_image + off, 0, left);
	r->done(r, off % 7 == 3 ? -EIO : 0);
}

static void disk_submit(struct block *b, struct block_req *r)
{
	if (!deferred) {
		disk_do(r);
		return;
	}
	require(n_pending < PENDING_MAX);
	pending[n_pending++] = r;
}

static void disk_answer(unsigned int i)
{
	struct block_req *r;

	if (!n_pending)
		return;
	i %= n_pending;
	r = pending[i];
	pending[i] = pending[--n_pending];
	disk_do(r);
}

static void disk_kick(struct block *b)
{
}

static void disk_drain(struct block *b)
{
	while (n_pending)
		disk_answer(0);
}

const struct block_format block_raw = {
	.name = "fuzz", .open = disk_open, .close = disk_close,
	.submit = disk_submit, .kick = disk_kick, .drain = disk_drain,
};

/* ---- a network that sends everything back ---- */

static struct net fuzz_net;
static u8 frame[NET_PKT_MAX];

static void reflect(void *arg, const u8 *f, size_t n)
{
	static u8 pkt[NET_PKT_MAX];

	require(n <= NET_FRAME_MAX);
	memset(pkt, 0, NET_HDR);
	memcpy(pkt + NET_HDR, f, n);
	fuzz_net.receive(fuzz_net.dev, pkt, NET_HDR + n);
}

static void net_send(struct net *net, const struct iovec *iov, unsigned int n_iov)
{
	unsigned int i;
	size_t n = 0;

	require(n_iov <= NET_IOVS);
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

/* ---- a terminal that types what it is shown ---- */

static struct chardev_user console_user;

void chardev_attach(struct chardev *c, const struct chardev_user *u)
{
	console_user = *u;
}

static void type(const u8 *buf, size_t n)
{
	if (console_user.input)
		require(console_user.input(console_user.dev, buf, n) <= n);
}

void chardev_resume(struct chardev *c)
{
	static const u8 text[40] = "resumed";

	type(text, sizeof(text));
}

void chardev_write(struct chardev *c, const u8 *buf, size_t n)
{
	type(buf, n);
}

/* ---- what the host does ---- */

static void host_step(struct machine *m, struct input *in, u8 op)
{
	static u8 pkt[NET_PKT_MAX];
	size_t n = take(in, op & 16 ? 2 : 1), have = n % 64;

	if (device(m)->cls == &virtio_blk_class) {
		disk_answer((unsigned int)n);
	} else if (device(m)->cls == &virtio_net_class) {
		take_buf(in, pkt, have);
		fuzz_net.receive(fuzz_net.dev, pkt, max(n, NET_HDR + NET_ETH_HDR));
	} else if (device(m)->cls == &virtio_console_class) {
		take_buf(in, pkt, have);
		if (n)
			type(pkt, n);
	}
}

static int make_device(struct machine *m, unsigned int kind)
{
	static const struct net_config net = { .kind = NET_USER };
	const struct disk_config disk = { .path = "fuzz", .serial = "serial",
					  .readonly = kind & 16 };

	deferred = kind & 32;
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
	u8 kind = (u8)take(&in, 1);
	struct machine m;

	if (n > 4096)
		return -1;
	memset(&console_user, 0, sizeof(console_user));
	machine_up(&m);
	m.console = (struct chardev *)memory;	/* never looked into */
	require(!make_device(&m, kind));
	drive(&m, &in);
	pci_bus_free(m.pci);
	loop_free(m.loop);
	return 0;
}
