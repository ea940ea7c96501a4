/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty_ring.h - KVM_CAP_DIRTY_LOG_RING: each vCPU tells of the pages it makes
 * dirty in a ring that it shares with user space, instead of a bitmap a slot.
 *
 * Source: Documentation/virt/kvm/api.rst, KVM_CAP_DIRTY_LOG_RING.
 *
 * The slots' bitmaps are there all the same: a page whose bit is set is in some
 * ring, and was not given back by KVM_RESET_DIRTY_RINGS since.
 */
#ifndef CORE_MEM_DIRTY_RING_H
#define CORE_MEM_DIRTY_RING_H

#include <linux/kvm.h>
#include "core/host.h"

struct vcpu;
struct vm;
struct slot;

#define DIRTY_RING_MAX	65536u		/* entries */
#define DIRTY_RING_SPARE 64u		/* that KVM_RUN leaves free when it starts */

struct dirty_ring {
	struct kvm_dirty_gfn *gfn;	/* user space's too: nothing in it is to be trusted */
	u32 size;			/* entries, a power of two; 0: no ring */
	u32 dirty;			/* next to be written: this vCPU's thread */
	u32 reset;			/* next to be given back: slots.lock */
};

/* KVM_ENABLE_CAP: bytes is what each ring takes. -EINVAL, -E2BIG. vm->lock is held. */
long dirty_ring_enable(struct vm *vm, u32 bytes);
/* The ring of a new vCPU, where its shared memory has room for it. */
void dirty_ring_init(struct vcpu *v);
/* v writes to a page that is logged: into the slot's bitmap, or v's ring too. */
void dirty_mark(struct vcpu *v, const struct slot *s, u64 gpa);
/* KVM_RESET_DIRTY_RINGS: how many entries were given back, or -EINVAL. */
long dirty_rings_reset(struct vm *vm);

/* Must user space collect before v goes on? */
static inline bool dirty_ring_full(const struct dirty_ring *r)
{
	return r->size && READ_ONCE(r->dirty) - READ_ONCE(r->reset) >= r->size - DIRTY_RING_SPARE;
}

#endif
