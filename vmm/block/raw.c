/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw.c - raw disk images and block devices. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm/block/aio.h"
#include "vmm/block/block.h"
#include "vmm/fail.h"

#define ZERO_BYTES	65536u
#define ZERO_IOVS	16u

struct raw {
	struct block block;
	struct aio *aio;
	int fd;
};

/* A request on its way; the file may take several steps for it. */
struct raw_req {
	struct aio_req aio;
	struct raw *raw;
	struct block_req *r;
	u64 off, left;
	struct iovec *iov;
	unsigned int n_iov;
	bool writing_zeroes;
	struct iovec zero[ZERO_IOVS];
};

static u8 zeroes[ZERO_BYTES];

static void step(struct raw_req *q);

static void finish(struct raw_req *q, int result)
{
	struct block_req *r = q->r;

	free(q);
	r->done(r, result);
}

static void again(struct raw_req *q)
{
	step(q);
	aio_kick(q->raw->aio);
}

/* The file took n bytes: drop them from the vector. */
static void advance(struct raw_req *q, u64 n)
{
	q->off += n;
	q->left -= n;
	while (n) {
		size_t k = min(n, (u64)q->iov->iov_len);

		q->iov->iov_base = (u8 *)q->iov->iov_base + k;
		q->iov->iov_len -= k;
		n -= k;
		if (!q->iov->iov_len) {
			q->iov++;
			q->n_iov--;
		}
	}
}

static void moved(struct aio_req *a, long result)
{
	struct raw_req *q = container_of(a, struct raw_req, aio);

	if (result == -EAGAIN || result == -EINTR) {
		again(q);
	} else if (result < 0) {
		finish(q, (int)result);
	} else if (!result || (u64)result > q->left) {
		finish(q, -EIO);	/* the file became shorter */
	} else {
		advance(q, (u64)result);
		if (q->left)
			again(q);
		else
			finish(q, 0);
	}
}

static bool unsupported(long result)
{
	return result == -EOPNOTSUPP || result == -EINVAL || result == -ENOSYS;
}

static void changed(struct aio_req *a, long result)
{
	struct raw_req *q = container_of(a, struct raw_req, aio);

	if (result == -EINTR || result == -EAGAIN) {
		again(q);
	} else if (q->r->op == BLOCK_DISCARD && unsupported(result)) {
		finish(q, 0);		/* it is only a hint */
	} else if (q->r->op == BLOCK_ZERO && unsupported(result)) {
		q->writing_zeroes = true;
		again(q);
	} else {
		finish(q, (int)result);
	}
}

static void fill_zeroes(struct raw_req *q)
{
	u64 left = q->left;

	q->iov = q->zero;
	q->n_iov = 0;
	while (left && q->n_iov < ZERO_IOVS) {
		size_t n = min(left, (u64)ZERO_BYTES);

		q->zero[q->n_iov++] = (struct iovec){ zeroes, n };
		left -= n;
	}
}

static void fallocate_mode(struct raw_req *q)
{
	bool punch = q->r->op == BLOCK_DISCARD || q->r->unmap;

	q->aio.op = AIO_FALLOCATE;
	q->aio.mode = FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
	q->aio.len = q->left;
	q->aio.done = changed;
}

static void step(struct raw_req *q)
{
	struct aio_req *a = &q->aio;

	*a = (struct aio_req){ .fd = q->raw->fd, .off = q->off, .done = moved };
	if (q->writing_zeroes)
		fill_zeroes(q);
	a->iov = q->iov;
	a->n_iov = q->n_iov;
	if (q->r->op == BLOCK_READ) {
		a->op = AIO_READ;
	} else if (q->r->op == BLOCK_WRITE || q->writing_zeroes) {
		a->op = AIO_WRITE;
		a->mode = q->r->durable ? RWF_DSYNC : 0;
	} else if (q->r->op == BLOCK_FLUSH) {
		a->op = AIO_SYNC;
		a->done = changed;
	} else {
		fallocate_mode(q);
	}
	aio_submit(q->raw->aio, a);
}

static void raw_submit(struct block *b, struct block_req *r)
{
	struct raw_req *q = calloc(1, sizeof(*q));

	if (!q) {
		r->done(r, -ENOMEM);
		return;
	}
	q->raw = container_of(b, struct raw, block);
	q->r = r;
	q->off = r->off;
	q->left = r->len;
	q->iov = r->iov;
	q->n_iov = r->n_iov;
	step(q);
}

static void raw_kick(struct block *b)
{
	aio_kick(container_of(b, struct raw, block)->aio);
}

static void raw_drain(struct block *b)
{
	aio_drain(container_of(b, struct raw, block)->aio);
}

static void raw_close(struct block *b)
{
	struct raw *w = container_of(b, struct raw, block);

	aio_free(w->aio);
	close(w->fd);		/* and the lock goes with it */
	free(w);
}

/* A writer wants the disk alone; readers share it. */
static int lock(int fd, const char *path, bool readonly)
{
	struct flock l = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &l))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return fail(-EBUSY, "disk %s: in use by another kvist", path);
	warn("disk %s: cannot be locked against other users: %s", path, strerror(errno));
	return 0;
}

static int measure(struct raw *w, const char *path)
{
	struct stat st;
	int flags;

	if (fstat(w->fd, &st) < 0)
		return fail(-errno, "disk %s", path);
	if (S_ISDIR(st.st_mode))
		return fail(-EISDIR, "disk %s", path);
	w->block.block_size = BLOCK_SECTOR;
	if (S_ISREG(st.st_mode)) {
		w->block.size = (u64)st.st_size;
		w->block.block_size = 4096;
	} else if (S_ISBLK(st.st_mode)) {
		if (ioctl(w->fd, BLKGETSIZE64, &w->block.size) < 0)
			return fail(-errno, "disk %s: size", path);
		ioctl(w->fd, BLKPBSZGET, &w->block.block_size);
	} else {
		return fail(0, "disk %s: neither a file nor a block device", path);
	}
	if (!w->block.size)
		return fail(0, "disk %s: is empty", path);
	if (w->block.size % BLOCK_SECTOR)
		return fail(0, "disk %s: size %llu is not a multiple of %u", path,
			    (unsigned long long)w->block.size, BLOCK_SECTOR);
	flags = fcntl(w->fd, F_GETFL);
	if (flags < 0 || fcntl(w->fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return fail(-errno, "disk %s", path);
	return 0;
}

static int raw_open(struct loop *l, const char *path, bool readonly, struct block **out)
{
	struct raw *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return fail(-ENOMEM, "disk %s", path);
	w->block.format = &block_raw;
	w->block.readonly = readonly;
	/* O_NONBLOCK: a pipe must not hold us up before we see that it is one. */
	w->fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (w->fd < 0) {
		err = fail(-errno, "disk %s", path);
		goto err_free;
	}
	err = measure(w, path);
	if (!err)
		err = lock(w->fd, path, readonly);
	if (err)
		goto err_close;
	err = aio_new(l, NULL, &w->aio);
	if (err) {
		fail(err, "disk %s: starting I/O", path);
		goto err_close;
	}
	*out = &w->block;
	return 0;

err_close:
	close(w->fd);
err_free:
	free(w);
	return err;
}

const struct block_format block_raw = {
	.name = "raw", .open = raw_open, .close = raw_close,
	.submit = raw_submit, .kick = raw_kick, .drain = raw_drain,
};
