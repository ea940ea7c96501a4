/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block.h - disks. A disk format is one file with one const block_format;
 * aio.h carries the I/O out. Everything runs under the machine lock, and
 * completions come from the loop.
 */
#ifndef VMM_BLOCK_H
#define VMM_BLOCK_H

#include <sys/uio.h>
#include "core/host.h"

#define BLOCK_SECTOR	512u

struct block;
struct loop;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO };

/* Owned by the caller; untouched by it from block_submit() to done(). */
struct block_req {
	enum block_op op;
	bool durable;			/* a write is on the medium when done */
	bool unmap;			/* BLOCK_ZERO may free the space */
	u64 off, len;			/* bytes; the caller checked them against the size */
	struct iovec *iov;		/* read and write: sums up to len; changed on the way */
	unsigned int n_iov;
	/* result: 0 or -errno. May submit again, not close the block. */
	void (*done)(struct block_req *r, int result);
	void *opaque;			/* the format's, while in flight */
};

struct block_format {
	const char *name;
	int (*open)(struct loop *l, const char *path, bool readonly, struct block **out);
	void (*close)(struct block *b);		/* idle */
	void (*submit)(struct block *b, struct block_req *r);
	void (*kick)(struct block *b);		/* start what was submitted */
	void (*drain)(struct block *b);		/* returns when idle; done() was called */
};

struct block {
	const struct block_format *format;
	u64 size;			/* bytes, a multiple of BLOCK_SECTOR */
	u32 block_size;			/* what the host likes: I/O of this size and alignment */
	bool readonly;
};

extern const struct block_format block_raw;

/* 0 or -errno, the reason already printed. */
static inline int block_open(struct loop *l, const char *path, bool readonly, struct block **out)
{
	return block_raw.open(l, path, readonly, out);
}

static inline void block_close(struct block *b)
{
	if (b)
		b->format->close(b);
}

#endif
