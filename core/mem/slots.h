/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.h - guest physical memory: slots of the owning process's memory, and
 * the dirty log. The only way the core reaches guest RAM.
 *
 * There are two address spaces, as KVM_CAP_MULTI_ADDRESS_SPACE has them: a vCPU
 * in system management mode sees the second, everybody else the first. The high
 * half of a slot's id says which one the slot is in.
 *
 * A vCPU's thread in KVM_RUN reads the table without a lock;
 * KVM_SET_USER_MEMORY_REGION publishes a new one and then waits, in
 * engine->memory_changed(), until every vCPU has let go of the old. Everybody
 * else (other ioctls, devices) holds slots.lock around slot_find() and what it
 * does with the slot, and around gmem_read() and gmem_write().
 */
#ifndef CORE_MEM_SLOTS_H
#define CORE_MEM_SLOTS_H

#include "core/host.h"

#define SLOTS_MAX	32764		/* user slots, KVM_CAP_NR_MEMSLOTS */

enum slots_as { AS_NORMAL, AS_SMM, AS_COUNT };

struct vcpu;
struct vm;
struct kvm_userspace_memory_region;
struct kvm_clear_dirty_log;

struct slot {
	u64 gpa, len;		/* bytes, page-aligned; len is never 0 in a table */
	u64 hva;
	u32 id, flags;		/* id with its address space; KVM_MEM_* */
	u64 *dirty;		/* one bit a page, or NULL when not logged */
	void *arch;		/* the engine's, one per slot (see engine.h) */
};

/* Sorted by gpa. Once published a slot never changes, but one may be added behind
 * the last: readers load n first. */
struct slot_table {
	u32 n, cap;
	u64 generation;
	struct slot slot[];
};

struct slot_space {
	struct slot_table *table;	/* published with release order */
	u64 *base_of;			/* by id: gpa | 1, or 0 where there is none; NULL:
					 * there never was a slot */
	u32 hint;			/* where the last search ended; any value will do */
};

struct slots {
	host_mutex_t lock;		/* writers */
	struct slot_space as[AS_COUNT];
	u32 count;			/* slots there are */
	u32 manual;			/* KVM_DIRTY_LOG_*: CLEAR_DIRTY_LOG clears the log */
};

int slots_init(struct slots *s);
void slots_fini(struct slots *s);

/* KVM_SET_USER_MEMORY_REGION: 0, -EINVAL, -EEXIST, -ENOMEM as KVM documents.
 * The engine is told (memory_changed) before the old memory is let go. */
int slots_set(struct vm *vm, const struct kvm_userspace_memory_region *r);
/* KVM_GET_DIRTY_LOG: copies the bitmap out and clears it; the engine forgets
 * its writable mappings of the slot first. */
int slots_get_dirty(struct vm *vm, u32 id, void *user_bitmap);

/* KVM_CLEAR_DIRTY_LOG: -EINVAL, -ENOENT, -ENOMEM, -EFAULT; like
 * the former -ENXIO where rings take the bitmaps' place. */
int slots_clear_dirty(struct vm *vm, const struct kvm_clear_dirty_log *arg);
/* A page that is in the log, by what user space says, no longer is. slots.lock
 * is held; a slot or page that there is not is nothing. */
void slots_forget_dirty(struct vm *vm, u32 id, u64 page);
/* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: -EINVAL for unknown bits. */
int slots_manual_dirty(struct vm *vm, u64 how);

/* The slot that holds gpa, or NULL. Binary search with a one-entry hint. */
const struct slot *slot_find_as(struct vm *vm, unsigned int as, u64 gpa);
static inline const struct slot *slot_find(struct vm *vm, u64 gpa)
{
	return slot_find_as(vm, AS_NORMAL, gpa);
}
static inline unsigned int slot_as(const struct slot *s) { return s->id >> 16; }
static inline u64 slot_hva(const struct slot *s, u64 gpa) { return s->hva + (gpa - s->gpa); }

/* RAM access across slots; -EFAULT when any byte is not RAM (or is read-only).
 * What is written is in the dirty log, as v's. */
int gmem_read_as(struct vm *vm, unsigned int as, u64 gpa, void *buf, size_t n);
int gmem_write_as(struct vcpu *v, unsigned int as, u64 gpa, const void *buf, size_t n);
static inline int gmem_read(struct vm *vm, u64 gpa, void *buf, size_t n)
{
	return gmem_read_as(vm, AS_NORMAL, gpa, buf, n);
}
static inline int gmem_write(struct vcpu *v, u64 gpa, const void *buf, size_t n)
{
	return gmem_write_as(v, AS_NORMAL, gpa, buf, n);
}
/* As host_cmpxchg_hva(), in one slot that is not read-only. */
int gmem_cmpxchg(struct vcpu *v, const struct slot *s, u64 gpa, u64 *old, u64 new_val,
		 unsigned int n);
/* Is all of it RAM that may be written, in one slot? */
bool gmem_writable(struct vm *vm, u64 gpa, u64 n);

#endif
