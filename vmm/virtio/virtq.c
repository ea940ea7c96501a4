/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtq.c - split virtqueues, device side. */
#include <linux/virtio_ring.h>
#include "vmm/virtio/virtq.h"

/* Ring layout: flags, idx, entries, event index. */
#define RING_FLAGS	0
#define RING_IDX	2
#define RING_ENTRY	4
#define USED_SIZE	sizeof(struct vring_used_elem)

const struct field virtq_fields[] = {
	FIELD_TRANSIENT(struct virtq, ram),
	FIELD(struct virtq, desc),
	FIELD(struct virtq, avail),
	FIELD(struct virtq, used),
	FIELD(struct virtq, num),
	FIELD_TRANSIENT(struct virtq, num_max),
	FIELD(struct virtq, avail_idx),
	FIELD(struct virtq, used_idx),
	FIELD(struct virtq, used_shown),
	FIELD(struct virtq, used_signalled),
	FIELD(struct virtq, signalled_valid),
	FIELD(struct virtq, enabled),
	FIELD(struct virtq, event_idx),
	FIELD(struct virtq, indirect),
	FIELD_TRANSIENT(struct virtq, in_flight),	/* drained before state is saved */
	FIELD_TRANSIENT(struct virtq, pad),
	FIELD_END
};

void virtq_init(struct virtq *q, struct ram *ram, u16 num_max)
{
	*q = (struct virtq){ .ram = ram, .num = num_max, .num_max = num_max };
}

void virtq_reset(struct virtq *q)
{
	virtq_init(q, q->ram, q->num_max);
}

static u64 avail_entry(const struct virtq *q, u16 i)
{
	return q->avail + RING_ENTRY + 2ull * (i & (q->num - 1));
}

static u64 used_entry(const struct virtq *q, u16 i)
{
	return q->used + RING_ENTRY + USED_SIZE * (i & (q->num - 1));
}

static u64 used_event(const struct virtq *q)
{
	return q->avail + RING_ENTRY + 2ull * q->num;
}

static u64 avail_event(const struct virtq *q)
{
	return q->used + RING_ENTRY + USED_SIZE * q->num;
}

static int ring_load(const struct virtq *q, u64 gpa, u16 *val)
{
	const u16 *p = ram_ptr(q->ram, gpa, sizeof(*p));

	if (!p)
		return -EFAULT;
	*val = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	return 0;
}

static int ring_store(struct virtq *q, u64 gpa, u16 val)
{
	u16 *p = ram_ptr(q->ram, gpa, sizeof(*p));

	if (!p)
		return -EFAULT;
	__atomic_store_n(p, val, __ATOMIC_RELEASE);
	return 0;
}

int virtq_check(const struct virtq *q)
{
	if (!q->num || q->num > q->num_max || (q->num & (q->num - 1)))
		return -EINVAL;
	if (q->desc % 16 || q->avail % 2 || q->used % 4)
		return -EINVAL;
	if (!ram_ptr(q->ram, q->desc, sizeof(struct vring_desc) * q->num) ||
	    !ram_ptr(q->ram, q->avail, RING_ENTRY + 2u * q->num + 2) ||
	    !ram_ptr(q->ram, q->used, RING_ENTRY + USED_SIZE * q->num + 2))
		return -EFAULT;
	return 0;
}

/* ---- taking chains ---- */

static int chain_add(struct virtq *q, struct vchain *ch, const struct vring_desc *d)
{
	unsigned int n = ch->n_out + ch->n_in;
	void *p;

	if (n == VIRTQ_MAX)
		return -ELOOP;
	p = ram_ptr(q->ram, d->addr, d->len);
	if (!p || !d->len)
		return -EFAULT;
	ch->iov[n] = (struct iovec){ p, d->len };
	if (d->flags & VRING_DESC_F_WRITE) {
		ch->n_in++;
		ch->in_len += d->len;
		return 0;
	}
	if (ch->n_in)
		return -EINVAL;		/* readable after writable */
	ch->n_out++;
	ch->out_len += d->len;
	return 0;
}

/*
 * Follows a table of num descriptors from index i. Entries that do not end
 * within num steps form a loop.
 */
static int table_walk(struct virtq *q, struct vchain *ch, u64 table, u32 num, u16 i,
		      bool in_indirect)
{
	struct vring_desc d;
	u32 seen;
	int err;

	for (seen = 0; seen < num; seen++) {
		if (i >= num)
			return -EINVAL;
		err = ram_read(q->ram, table + i * sizeof(d), &d, sizeof(d));
		if (err)
			return err;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (in_indirect || !q->indirect || (d.flags & VRING_DESC_F_NEXT))
				return -EINVAL;
			if (!d.len || d.len % sizeof(d) || d.len / sizeof(d) > VIRTQ_MAX)
				return -EINVAL;
			return table_walk(q, ch, d.addr, d.len / sizeof(d), 0, true);
		}
		err = chain_add(q, ch, &d);
		if (err)
			return err;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		i = d.next;
	}
	return -ELOOP;
}

/* Entries the driver published and we have not taken; negative: nonsense. */
static int available(struct virtq *q)
{
	u16 idx;
	int err = ring_load(q, q->avail + RING_IDX, &idx);

	if (err)
		return err;
	idx = (u16)(idx - q->avail_idx);
	return idx > q->num ? -EINVAL : idx;
}

/*
 * Nothing there: ask for a notification, then look once more, because the
 * driver may have published an entry before it saw the request.
 */
static int available_or_ask(struct virtq *q)
{
	int n = available(q);
	int err;

	if (n || !q->event_idx)
		return n;
	err = ring_store(q, avail_event(q), q->avail_idx);
	if (err)
		return err;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return available(q);
}

int virtq_pop(struct virtq *q, struct vchain *ch)
{
	int n, err;

	if (!q->enabled)
		return 0;
	n = available_or_ask(q);
	if (n <= 0)
		return n;
	if (q->in_flight >= q->num)
		return -EINVAL;		/* more chains out than the ring has heads */
	err = ring_load(q, avail_entry(q, q->avail_idx), &ch->head);
	if (err)
		return err;
	ch->n_out = ch->n_in = 0;
	ch->out_len = ch->in_len = 0;
	if (ch->head >= q->num)
		return -EINVAL;
	err = table_walk(q, ch, q->desc, q->num, ch->head, false);
	if (err)
		return err;
	q->avail_idx++;
	q->in_flight++;
	return 1;
}

void virtq_unpop(struct virtq *q, unsigned int n)
{
	q->avail_idx = (u16)(q->avail_idx - n);
	q->in_flight = (u16)(q->in_flight - n);
}

/* ---- giving them back ---- */

int virtq_push(struct virtq *q, u16 head, u32 written)
{
	struct vring_used_elem e = { head, written };
	int err = ram_write(q->ram, used_entry(q, q->used_idx), &e, sizeof(e));

	if (err)
		return err;
	q->used_idx++;
	q->in_flight--;
	return 0;
}

static int wants_interrupt(struct virtq *q)
{
	u16 old = q->used_signalled, event, flags;
	bool valid = q->signalled_valid;
	int err;

	/* The index must be visible before the driver's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx) {
		err = ring_load(q, q->avail + RING_FLAGS, &flags);
		return err ? err : !(flags & VRING_AVAIL_F_NO_INTERRUPT);
	}
	err = ring_load(q, used_event(q), &event);
	if (err)
		return err;
	q->used_signalled = q->used_idx;
	q->signalled_valid = true;
	return !valid || vring_need_event(event, q->used_idx, old);
}

int virtq_flush(struct virtq *q)
{
	int err;

	if (q->used_shown == q->used_idx)
		return 0;
	err = ring_store(q, q->used + RING_IDX, q->used_idx);
	if (err)
		return err;
	q->used_shown = q->used_idx;
	return wants_interrupt(q);
}

/* ---- buffers ---- */

unsigned int iov_slice(struct iovec *dst, const struct iovec *src, unsigned int n_src,
		       size_t off, size_t n)
{
	unsigned int i, k = 0;

	for (i = 0; i < n_src && n; i++) {
		size_t len = src[i].iov_len;

		if (off >= len) {
			off -= len;
			continue;
		}
		len = min(len - off, n);
		dst[k++] = (struct iovec){ (u8 *)src[i].iov_base + off, len };
		off = 0;
		n -= len;
	}
	return k;
}

static size_t iov_copy(const struct iovec *iov, unsigned int n_iov, size_t off,
		       void *buf, size_t n, bool to_guest)
{
	u8 *p = buf;
	unsigned int i;

	for (i = 0; i < n_iov && n; i++) {
		size_t len = iov[i].iov_len;
		u8 *guest = iov[i].iov_base;

		if (off >= len) {
			off -= len;
			continue;
		}
		len = min(len - off, n);
		if (to_guest)
			memcpy(guest + off, p, len);
		else
			memcpy(p, guest + off, len);
		off = 0;
		p += len;
		n -= len;
	}
	return (size_t)(p - (u8 *)buf);
}

size_t vchain_get(const struct vchain *ch, size_t off, void *buf, size_t n)
{
	return iov_copy(ch->iov, ch->n_out, off, buf, n, false);
}

size_t vchain_put(const struct vchain *ch, size_t off, const void *buf, size_t n)
{
	return iov_copy(vchain_in(ch), ch->n_in, off, (void *)(uintptr_t)buf, n, true);
}
