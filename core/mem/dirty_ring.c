/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/vm.h"

long dirty_ring_enable(struct vm *vm, u32 bytes)
{
	host_mutex_assert_held(&vm->lock);
	if (!vm->engine->dirty_ring || !bytes || bytes & (bytes - 1) || bytes < 4096)
		return -EINVAL;
	if (bytes > DIRTY_RING_MAX * sizeof(struct kvm_dirty_gfn))
		return -E2BIG;
	if (vm->ring_bytes || vm->n_vcpus)
		return -EINVAL;
	WRITE_ONCE(vm->ring_bytes, bytes);
	return 0;
}

void dirty_ring_init(struct vcpu *v)
{
	v->dirty.gfn = (void *)((u8 *)v->run + KVM_DIRTY_LOG_PAGE_OFFSET * 4096);
	v->dirty.size = v->vm->ring_bytes / sizeof(struct kvm_dirty_gfn);
}

/* False: there is no room. KVM_RUN does not let it come to that. */
static bool ring_push(struct dirty_ring *r, const struct slot *s, u64 page)
{
	struct kvm_dirty_gfn *e = &r->gfn[r->dirty & (r->size - 1)];

	if (unlikely(r->dirty - READ_ONCE(r->reset) >= r->size))
		return false;
	WRITE_ONCE(e->slot, s->id);
	WRITE_ONCE(e->offset, page);
	__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_DIRTY, __ATOMIC_RELEASE);
	WRITE_ONCE(r->dirty, r->dirty + 1);
	return true;
}

void dirty_mark(struct vcpu *v, const struct slot *s, u64 gpa)
{
	u64 page = (gpa - s->gpa) / 4096, bit = 1ull << page % 64, *word;

	if (!s->dirty)
		return;
	word = &s->dirty[page / 64];
	if (READ_ONCE(*word) & bit || __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) & bit)
		return;
	if (!v->dirty.size)
		return;
	if (!ring_push(&v->dirty, s, page))
		__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
	/* Not many more will fit: back to the run loop. */
	if (unlikely(dirty_ring_full(&v->dirty))) {
		vcpu_request(v, REQ_KICK);
		v->vm->engine->kick(v);
	}
}

/*
 * Give back what user space has marked, at most a ring's worth: it may go on
 * marking while we look. Like KVM, take its word even for entries that nobody
 * has written; only its own log suffers.
 */
static u32 ring_reset(struct vm *vm, struct dirty_ring *r)
{
	u32 n;

	for (n = 0; n < r->size; n++) {
		struct kvm_dirty_gfn *e = &r->gfn[r->reset & (r->size - 1)];
		u32 slot;
		u64 page;

		if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_RESET))
			break;
		slot = READ_ONCE(e->slot);
		page = READ_ONCE(e->offset);
		__atomic_store_n(&e->flags, 0, __ATOMIC_RELEASE);
		WRITE_ONCE(r->reset, r->reset + 1);
		slots_forget_dirty(vm, slot, page);
	}
	return n;
}

long dirty_rings_reset(struct vm *vm)
{
	u32 vcpus = __atomic_load_n(&vm->n_vcpus, __ATOMIC_ACQUIRE);
	long n = 0;

	if (!READ_ONCE(vm->ring_bytes))
		return -EINVAL;
	host_mutex_lock(&vm->slots.lock);
	for (u32 i = 0; i < vcpus; i++)
		n += ring_reset(vm, &vm->vcpu[i]->dirty);
	/* The bits first, then the mappings, as with bitmaps. */
	for (unsigned int as = 0; n && as < AS_COUNT; as++)
		if (vm->engine->write_protect)
			vm->engine->write_protect(vm, as, 0, ~0ull);
	host_mutex_unlock(&vm->slots.lock);
	return n;
}
