/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tdp.h - two-dimensional paging: the tables that translate guest physical
 * addresses, filled on demand from the owning process's memory and kept in
 * step with it by an mmu notifier.
 *
 * Locking: tdp.lock is taken for reading where entries are added or aged
 * (several vCPUs fault at once; an entry is set by compare-and-exchange), for
 * writing where they are taken away. Flushing the vCPUs' TLBs happens before
 * the lock is let go.
 */
#ifndef ENGINE_TDP_TDP_H
#define ENGINE_TDP_TDP_H

#include <linux/mmu_notifier.h>
#include <linux/rwlock.h>
#include "core/vm.h"

struct tdp_range {		/* a slot, as far as paging is concerned */
	u64 gpa, len, hva;
	u32 flags;		/* KVM_MEM_* */
	u64 *dirty;
};

struct tdp {
	rwlock_t lock;
	u64 *root;		/* NULL: none of this VM yet */
	u64 root_pa;
	unsigned int levels;
	struct tdp_range *range;	/* sorted by gpa; a copy of the slots */
	u32 n_ranges;
	/* Invalidations by the notifier: how many are under way, their extent, and
	 * how many there have been. */
	u32 busy;
	unsigned long busy_start, busy_end;
	unsigned long seq;
	struct mmu_notifier notifier;
	bool registered;
	struct mm_struct *mm;
	struct vm *vm;
	unsigned int as;	/* whose slots: enum slots_as */
	void (*flush)(struct vm *vm);	/* all vCPUs' TLBs, before it returns */
	u64 mapped[3];		/* entries of 4K, 2M, 1G; atomic */
};

/* Empty tables, a vCPU's own: taken with the lock held, when nothing may sleep. */
struct tdp_spare {
	u64 *table[5];
	unsigned int n;
};

int tdp_init(struct tdp *t, struct vm *vm, unsigned int as, void (*flush)(struct vm *vm));
void tdp_fini(struct tdp *t);

/*
 * The guest accessed gpa and found no suitable entry. 0: there is one now (or
 * try again); -ENOENT: no RAM, or a write to read-only memory: it is MMIO;
 * -EFAULT: the process has no memory there. May sleep.
 */
int tdp_fault(struct tdp *t, struct tdp_spare *s, u64 gpa, bool write);
void tdp_spare_free(struct tdp_spare *s);

/* Whoever is flushing, or ageing, has done so: no vCPU that is no longer among the
 * VM's is looked at after this. */
void tdp_quiesce(struct tdp *t);

/* struct engine's hooks of the same names. */
void tdp_memory_changed(struct tdp *t, u64 gpa, u64 len);
void tdp_write_protect(struct tdp *t, u64 gpa, u64 len);

#endif
