/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blk.c - virtio block device. Source: virtio 1.2, "Block Device". */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include "vmm/block/block.h"
#include "vmm/virtio/device.h"

#define QUEUE_MAX	256
#define SEG_MAX		(QUEUE_MAX - 2)	/* header and status take one each */
#define RANGES_MAX	64u		/* discard and write zeroes, in one request */
#define RANGE_SECTORS	(1u << 21)	/* 1 GiB */
#define CFG_SIZE	offsetof(struct virtio_blk_config, max_secure_erase_sectors)

struct blk_req;

struct blk {
	struct virtio v;
	struct block *disk;
	const char *serial;
	struct blk_req *pool;		/* requests not in use */
	unsigned int in_flight;
	bool flushing, pushed;		/* inside a batch; something to show */
	u16 pad;
};

struct blk_req {
	struct block_req io;
	struct blk *b;
	struct blk_req *next;		/* in the pool */
	struct vchain ch;
	struct iovec iov[VIRTQ_MAX];
	u32 written;			/* bytes of data we put into the chain */
	/* discard and write zeroes: ranges left to do */
	struct virtio_blk_discard_write_zeroes range[RANGES_MAX];
	unsigned int n_ranges, at;
};

static struct blk *to_blk(struct virtio *v)
{
	return container_of(v, struct blk, v);
}

static struct blk_req *req_get(struct blk *b)
{
	struct blk_req *r = b->pool;

	if (r)
		b->pool = r->next;
	else
		r = malloc(sizeof(*r));
	return r;
}

static void req_put(struct blk *b, struct blk_req *r)
{
	r->next = b->pool;
	b->pool = r;
}

/* ---- completion ---- */

static void show(struct blk *b)
{
	if (b->flushing || !b->pushed)
		return;
	b->pushed = false;
	virtio_flush(&b->v, 0);
}

/* status: VIRTIO_BLK_S_*, the last byte of what we may write. */
static void complete(struct blk_req *r, u8 status)
{
	struct blk *b = r->b;
	u32 written = r->written;
	int err;

	if (virtio_running(&b->v)) {
		vchain_put(&r->ch, r->ch.in_len - 1, &status, 1);
		/* The length counts from the start: data that failed is not in it. */
		if (status == VIRTIO_BLK_S_OK || r->ch.in_len == 1)
			written++;
		else
			written = 0;
		err = virtq_push(&b->v.queue[0].vq, r->ch.head, written);
		if (err)
			virtio_broken(&b->v, err, "used ring");
		b->pushed = true;
	}
	req_put(b, r);
	show(b);
}

static u8 status_of(int result)
{
	if (result == -EOPNOTSUPP)
		return VIRTIO_BLK_S_UNSUPP;
	return result ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static void range_next(struct blk_req *r);

static void io_done(struct block_req *io, int result)
{
	struct blk_req *r = container_of(io, struct blk_req, io);
	struct blk *b = r->b;

	b->in_flight--;
	if (result)
		host_log(HOST_DEBUG, "virtio-blk: request %d: error %d", io->op, result);
	if (!result && r->at < r->n_ranges && virtio_running(&b->v)) {
		range_next(r);
		b->disk->format->kick(b->disk);
		return;
	}
	complete(r, status_of(result));
}

static void submit(struct blk_req *r)
{
	r->io.done = io_done;
	r->b->in_flight++;
	r->b->disk->format->submit(r->b->disk, &r->io);
}

/* ---- requests ---- */

/* sector and len against the disk, without overflow. */
static bool in_bounds(const struct blk *b, u64 sector, u64 len)
{
	u64 sectors = b->disk->size / BLOCK_SECTOR;

	return len % BLOCK_SECTOR == 0 && sector <= sectors &&
	       len / BLOCK_SECTOR <= sectors - sector;
}

static void transfer(struct blk_req *r, u64 sector, bool write)
{
	struct blk *b = r->b;
	struct vchain *ch = &r->ch;
	u64 len = write ? ch->out_len - sizeof(struct virtio_blk_outhdr) : ch->in_len - 1;

	if (!in_bounds(b, sector, len) || (write && b->disk->readonly)) {
		complete(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (!len) {
		complete(r, VIRTIO_BLK_S_OK);
		return;
	}
	r->io.op = write ? BLOCK_WRITE : BLOCK_READ;
	/* A driver that knows no flush expects writes to be on the medium. */
	r->io.durable = write && !virtio_has(&b->v, VIRTIO_BLK_F_FLUSH);
	r->io.off = sector * BLOCK_SECTOR;
	r->io.len = len;
	r->io.iov = r->iov;
	r->io.n_iov = write ? iov_slice(r->iov, ch->iov, ch->n_out,
					sizeof(struct virtio_blk_outhdr), len) :
			      iov_slice(r->iov, vchain_in(ch), ch->n_in, 0, len);
	r->written = write ? 0 : (u32)len;
	submit(r);
}

static void range_next(struct blk_req *r)
{
	const struct virtio_blk_discard_write_zeroes *g = &r->range[r->at++];

	r->io.off = g->sector * BLOCK_SECTOR;
	r->io.len = (u64)g->num_sectors * BLOCK_SECTOR;
	r->io.unmap = g->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	submit(r);
}

/* VIRTIO_BLK_S_* of the ranges in r. */
static u8 ranges_check(const struct blk_req *r, bool zero)
{
	u32 known = zero ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
	unsigned int i;

	for (i = 0; i < r->n_ranges; i++) {
		if (r->range[i].flags & ~known)
			return VIRTIO_BLK_S_UNSUPP;
		if (r->range[i].num_sectors > RANGE_SECTORS || !r->range[i].num_sectors ||
		    !in_bounds(r->b, r->range[i].sector,
			       (u64)r->range[i].num_sectors * BLOCK_SECTOR))
			return VIRTIO_BLK_S_IOERR;
	}
	return VIRTIO_BLK_S_OK;
}

static void ranges(struct blk_req *r, bool zero)
{
	size_t len = r->ch.out_len - sizeof(struct virtio_blk_outhdr);
	u8 status;

	if (!virtio_has(&r->b->v, zero ? VIRTIO_BLK_F_WRITE_ZEROES : VIRTIO_BLK_F_DISCARD)) {
		complete(r, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	if (!len || len % sizeof(r->range[0]) || len > sizeof(r->range) ||
	    r->b->disk->readonly) {
		complete(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	vchain_get(&r->ch, sizeof(struct virtio_blk_outhdr), r->range, len);
	r->n_ranges = (unsigned int)(len / sizeof(r->range[0]));
	status = ranges_check(r, zero);
	if (status != VIRTIO_BLK_S_OK) {
		complete(r, status);
		return;
	}
	r->io.op = zero ? BLOCK_ZERO : BLOCK_DISCARD;
	range_next(r);
}

static void get_id(struct blk_req *r)
{
	char id[VIRTIO_BLK_ID_BYTES] = { 0 };
	size_t room = min(sizeof(id), (size_t)(r->ch.in_len - 1));

	if (r->b->serial)
		memcpy(id, r->b->serial, min(strlen(r->b->serial), sizeof(id)));
	r->written = (u32)vchain_put(&r->ch, 0, id, room);
	complete(r, VIRTIO_BLK_S_OK);
}

static void start(struct blk_req *r, const struct virtio_blk_outhdr *h)
{
	switch (h->type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		transfer(r, h->sector, h->type == VIRTIO_BLK_T_OUT);
		break;
	case VIRTIO_BLK_T_FLUSH:
		r->io.op = BLOCK_FLUSH;
		submit(r);
		break;
	case VIRTIO_BLK_T_GET_ID:
		get_id(r);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		ranges(r, h->type == VIRTIO_BLK_T_WRITE_ZEROES);
		break;
	default:
		complete(r, VIRTIO_BLK_S_UNSUPP);
	}
}

/* 1: took one, 0: the queue is empty, negative: broken or no memory. */
static int take(struct blk *b)
{
	struct virtio_blk_outhdr h;
	struct blk_req *r = req_get(b);
	int n;

	if (!r)
		return -ENOMEM;
	n = virtq_pop(&b->v.queue[0].vq, &r->ch);
	if (n <= 0) {
		req_put(b, r);
		return n;
	}
	r->b = b;
	r->written = 0;
	r->n_ranges = r->at = 0;
	r->io = (struct block_req){ 0 };
	if (vchain_get(&r->ch, 0, &h, sizeof(h)) != sizeof(h) || !r->ch.in_len) {
		req_put(b, r);
		return -EINVAL;		/* nowhere to answer */
	}
	start(r, &h);
	return 1;
}

static void blk_kick(struct virtio *v, unsigned int queue)
{
	struct blk *b = to_blk(v);
	unsigned int budget = QUEUE_MAX;
	int n = 1;

	b->flushing = true;
	while (budget && virtio_running(v) && (n = take(b)) > 0)
		budget--;
	b->flushing = false;
	b->disk->format->kick(b->disk);
	if (n < 0)
		virtio_broken(v, n, "request");
	else if (!budget)
		virtio_again(v, queue);
	show(b);
}

/* The guest's memory may be reused once reset returns: wait for the disk. */
static void blk_reset(struct virtio *v)
{
	struct blk *b = to_blk(v);

	while (b->in_flight)
		b->disk->format->drain(b->disk);
	b->pushed = false;
}

static void blk_fini(struct virtio *v)
{
	struct blk *b = to_blk(v);
	struct blk_req *r;

	while ((r = b->pool)) {
		b->pool = r->next;
		free(r);
	}
	block_close(b->disk);
}

static void configure(struct blk *b)
{
	struct virtio_blk_config c = { 0 };
	u32 per_block = b->disk->block_size / BLOCK_SECTOR;

	c.capacity = b->disk->size / BLOCK_SECTOR;
	c.seg_max = SEG_MAX;
	c.blk_size = BLOCK_SECTOR;
	while (c.physical_block_exp < 8 && 1u << c.physical_block_exp < per_block)
		c.physical_block_exp++;
	c.min_io_size = 1u << c.physical_block_exp;
	c.max_discard_sectors = RANGE_SECTORS;
	c.max_discard_seg = RANGES_MAX;
	c.discard_sector_alignment = 1u << c.physical_block_exp;
	c.max_write_zeroes_sectors = RANGE_SECTORS;
	c.max_write_zeroes_seg = RANGES_MAX;
	c.write_zeroes_may_unmap = 1;
	BUILD_BUG_ON(sizeof(c) > VIRTIO_CFG);
	memcpy(b->v.cfg, &c, sizeof(c));
	if (b->disk->readonly) {
		b->v.offered |= 1ull << VIRTIO_BLK_F_RO;
		b->v.offered &= ~(1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES);
	}
}

static const struct field blk_fields[] = {
	FIELD_SUB(struct blk, v, virtio_fields),
	FIELD_TRANSIENT(struct blk, disk),
	FIELD_TRANSIENT(struct blk, serial),
	FIELD_TRANSIENT(struct blk, pool),
	FIELD_TRANSIENT(struct blk, in_flight),		/* drained before state is saved */
	FIELD_TRANSIENT(struct blk, flushing),
	FIELD_TRANSIENT(struct blk, pushed),
	FIELD_TRANSIENT(struct blk, pad),
	FIELD_END
};

const struct virtio_class virtio_blk_class = {
	.name = "virtio-blk", .size = sizeof(struct blk), .fields = blk_fields,
	.id = VIRTIO_ID_BLOCK, .queue_max = QUEUE_MAX, .n_queues = 1,
	.pci_class = 0x010000, .cfg_size = CFG_SIZE,
	.features = 1ull << VIRTIO_BLK_F_SEG_MAX | 1ull << VIRTIO_BLK_F_BLK_SIZE |
		    1ull << VIRTIO_BLK_F_FLUSH | 1ull << VIRTIO_BLK_F_TOPOLOGY |
		    1ull << VIRTIO_BLK_F_DISCARD | 1ull << VIRTIO_BLK_F_WRITE_ZEROES,
	.kick = blk_kick, .reset = blk_reset, .fini = blk_fini,
};

int virtio_blk_new(struct machine *m, const struct disk_config *cfg)
{
	struct block *disk;
	struct virtio *v;
	int err;

	if (cfg->serial && strlen(cfg->serial) > VIRTIO_BLK_ID_BYTES)
		return fail(0, "disk %s: serial longer than %d characters", cfg->path,
			    VIRTIO_BLK_ID_BYTES);
	err = block_open(m->loop, cfg->path, cfg->readonly, &disk);
	if (err)
		return err;
	err = virtio_new(m, &virtio_blk_class, &v);
	if (err) {
		block_close(disk);
		return err;
	}
	to_blk(v)->disk = disk;
	to_blk(v)->serial = cfg->serial;
	configure(to_blk(v));
	return virtio_add(v);
}
