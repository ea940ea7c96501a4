/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq.h - split virtqueues, device side. Nothing here trusts the driver: each
 * ring entry is copied once, the copy is checked and the copy is used. A
 * negative result means that the ring is broken and the device needs a reset.
 * Source: virtio 1.2, "Split Virtqueues".
 */
#ifndef VMM_VIRTQ_H
#define VMM_VIRTQ_H

#include <sys/uio.h>
#include "vmm/field.h"
#include "vmm/ram.h"

#define VIRTQ_MAX	256	/* largest queue, and longest chain */

struct virtq {
	struct ram *ram;
	u64 desc, avail, used;	/* guest addresses, set by the driver */
	u16 num, num_max;	/* entries: now (a power of two), and at most */
	u16 avail_idx;		/* next available entry to take */
	u16 used_idx;		/* next used entry to fill; published up to: */
	u16 used_shown;
	u16 used_signalled;	/* used_idx at the last interrupt */
	bool signalled_valid;
	bool enabled;
	bool event_idx;		/* negotiated */
	bool indirect;
	u16 in_flight;		/* chains taken and not given back */
	u16 pad[3];
};

extern const struct field virtq_fields[];

/* One request: what the device reads comes first, then what it writes. */
struct vchain {
	u16 head;
	u16 n_out, n_in;
	u64 out_len, in_len;	/* bytes in each part */
	struct iovec iov[VIRTQ_MAX];	/* all inside guest RAM */
};

static inline const struct iovec *vchain_in(const struct vchain *ch)
{
	return ch->iov + ch->n_out;
}

void virtq_init(struct virtq *q, struct ram *ram, u16 num_max);
void virtq_reset(struct virtq *q);
/* 0 when the addresses are aligned and the rings lie in RAM. */
int virtq_check(const struct virtq *q);

/* 1: a chain is in *ch; 0: none, and the driver will notify of the next. */
int virtq_pop(struct virtq *q, struct vchain *ch);
/* Give back the last n chains taken: they will be popped again. */
void virtq_unpop(struct virtq *q, unsigned int n);
/* Hand a chain to the driver; it sees it at virtq_flush(). */
int virtq_push(struct virtq *q, u16 head, u32 written);
/* Show the driver what was pushed. 1: it wants an interrupt, 0: not. */
int virtq_flush(struct virtq *q);

/* Copy from or to the chain's parts; bytes copied, short at its end. */
size_t vchain_get(const struct vchain *ch, size_t off, void *buf, size_t n);
size_t vchain_put(const struct vchain *ch, size_t off, const void *buf, size_t n);
/* [off, off + n) of an iovec; returns entries used, dst must hold as many as src. */
unsigned int iov_slice(struct iovec *dst, const struct iovec *src, unsigned int n_src,
		       size_t off, size_t n);

#endif
