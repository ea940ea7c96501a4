// SPDX-License-Identifier: GPL-2.0-or-later
/* tdp.c - filling, emptying and ageing nested page tables. */
#include <linux/mem_encrypt.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include "engine/tdp/tdp.h"

#define TDP_P		(1ull << 0)
#define TDP_W		(1ull << 1)
#define TDP_U		(1ull << 2)	/* the guest is a user of the host's tables */
#define TDP_A		(1ull << 5)
#define TDP_D		(1ull << 6)
#define TDP_PS		(1ull << 7)
#define TDP_ADDR	0x000ffffffffff000ull
#define TDP_TABLE	(TDP_P | TDP_W | TDP_U | TDP_A)
#define TDP_LEAF	(TDP_P | TDP_U | TDP_A)

static u64 level_span(unsigned int level)
{
	return 1ull << (12 + 9 * (level - 1));
}

static unsigned int level_index(u64 gpa, unsigned int level)
{
	return gpa >> (12 + 9 * (level - 1)) & 511;
}

static bool is_leaf(u64 e, unsigned int level)
{
	return level == 1 || e & TDP_PS;
}

static u64 *entry_table(u64 e)
{
	return __va(__sme_clr(e & TDP_ADDR));
}

static u64 *table_new(void)
{
	return (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

/* --- taking entries away: tdp.lock is held for writing --- */

static void table_retire(struct tdp *t, u64 *table, unsigned int level, struct list_head *gone)
{
	for (unsigned int i = 0; i < 512; i++) {
		if (!(table[i] & TDP_P))
			continue;
		if (is_leaf(table[i], level))
			__atomic_fetch_sub(&t->mapped[level - 1], 1, __ATOMIC_RELAXED);
		else
			table_retire(t, entry_table(table[i]), level - 1, gone);
	}
	list_add(&virt_to_page(table)->lru, gone);
}

/* Tables of which nothing is left go to gone, to be freed once no TLB can use them. */
static bool zap(struct tdp *t, u64 *table, unsigned int level, u64 base, u64 start, u64 end,
		struct list_head *gone)
{
	u64 span = level_span(level);
	unsigned int first = start > base ? (start - base) / span : 0;
	bool any = false;

	for (unsigned int i = first; i < 512 && base + i * span < end; i++) {
		u64 at = base + i * span, e = table[i];

		if (!(e & TDP_P))
			continue;
		if (is_leaf(e, level)) {
			WRITE_ONCE(table[i], 0);
			__atomic_fetch_sub(&t->mapped[level - 1], 1, __ATOMIC_RELAXED);
			any = true;
		} else if (start <= at && at + span <= end) {
			WRITE_ONCE(table[i], 0);
			table_retire(t, entry_table(e), level - 1, gone);
			any = true;
		} else {
			any |= zap(t, entry_table(e), level - 1, at, start, end, gone);
		}
	}
	return any;
}

static void tables_free(struct list_head *gone)
{
	struct page *p, *next;

	list_for_each_entry_safe(p, next, gone, lru) {
		list_del(&p->lru);
		__free_page(p);
	}
}

static bool zap_gpa(struct tdp *t, u64 start, u64 end, struct list_head *gone)
{
	return zap(t, t->root, t->levels, 0, start, end, gone);
}

static void zap_and_flush(struct tdp *t, u64 start, u64 end)
{
	LIST_HEAD(gone);

	if (zap_gpa(t, start, end, &gone))
		t->flush(t->vm);
	tables_free(&gone);
}

static bool protect(u64 *table, unsigned int level, u64 base, u64 start, u64 end)
{
	u64 span = level_span(level);
	unsigned int first = start > base ? (start - base) / span : 0;
	bool any = false;

	for (unsigned int i = first; i < 512 && base + i * span < end; i++) {
		u64 e = READ_ONCE(table[i]);

		if (!(e & TDP_P))
			continue;
		if (!is_leaf(e, level)) {
			any |= protect(entry_table(e), level - 1, base + i * span, start, end);
		} else if (e & TDP_W) {
			/* The processor may set A and D meanwhile. */
			__atomic_fetch_and(&table[i], ~TDP_W, __ATOMIC_SEQ_CST);
			any = true;
		}
	}
	return any;
}

void tdp_write_protect(struct tdp *t, u64 gpa, u64 len)
{
	write_lock(&t->lock);
	if (protect(t->root, t->levels, 0, gpa, gpa + len))
		t->flush(t->vm);
	write_unlock(&t->lock);
}

void tdp_memory_changed(struct tdp *t, u64 gpa, u64 len)
{
	const struct slot_table *s = t->vm->slots.as[t->as].table;
	struct tdp_range *old, *new;

	new = kvmalloc_array(s->n + 1, sizeof(*new), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
	for (u32 i = 0; i < s->n; i++)
		new[i] = (struct tdp_range){ .gpa = s->slot[i].gpa, .len = s->slot[i].len,
					     .hva = s->slot[i].hva, .flags = s->slot[i].flags,
					     .dirty = s->slot[i].dirty };
	write_lock(&t->lock);
	old = t->range;
	t->range = new;
	t->n_ranges = s->n;
	t->seq++;
	zap_and_flush(t, gpa, gpa + len);
	write_unlock(&t->lock);
	kvfree(old);
}

/* --- the notifier --- */

static struct tdp *notifier_tdp(struct mmu_notifier *n)
{
	return container_of(n, struct tdp, notifier);
}

/* The part of a range that lies at [start, end) in the process: gpas. */
static bool range_part(const struct tdp_range *r, u64 start, u64 end, u64 *from, u64 *to)
{
	u64 lo = max(start, r->hva), hi = min(end, r->hva + r->len);

	if (lo >= hi)
		return false;
	*from = r->gpa + ((lo - r->hva) & PAGE_MASK);
	*to = r->gpa + PAGE_ALIGN(hi - r->hva);
	return true;
}

static int invalidate_start(struct mmu_notifier *n, const struct mmu_notifier_range *range)
{
	struct tdp *t = notifier_tdp(n);
	bool any = false;
	u64 from, to;
	LIST_HEAD(gone);

	write_lock(&t->lock);
	t->busy_start = t->busy ? min(t->busy_start, range->start) : range->start;
	t->busy_end = t->busy ? max(t->busy_end, range->end) : range->end;
	t->busy++;
	for (u32 i = 0; i < t->n_ranges; i++)
		if (range_part(&t->range[i], range->start, range->end, &from, &to))
			any |= zap_gpa(t, from, to, &gone);
	if (any)
		t->flush(t->vm);
	write_unlock(&t->lock);
	tables_free(&gone);
	return 0;
}

static void invalidate_end(struct mmu_notifier *n, const struct mmu_notifier_range *range)
{
	struct tdp *t = notifier_tdp(n);

	write_lock(&t->lock);
	t->seq++;
	t->busy--;
	write_unlock(&t->lock);
}

static bool age(u64 *table, unsigned int level, u64 base, u64 start, u64 end, bool clear)
{
	u64 span = level_span(level);
	unsigned int first = start > base ? (start - base) / span : 0;
	bool young = false;

	for (unsigned int i = first; i < 512 && base + i * span < end; i++) {
		u64 e = READ_ONCE(table[i]);

		if (!(e & TDP_P))
			continue;
		if (!is_leaf(e, level)) {
			young |= age(entry_table(e), level - 1, base + i * span, start, end, clear);
		} else if (e & TDP_A) {
			young = true;
			if (clear)
				__atomic_fetch_and(&table[i], ~TDP_A, __ATOMIC_SEQ_CST);
		}
	}
	return young;
}

static bool age_hva(struct tdp *t, unsigned long start, unsigned long end, bool clear, bool flush)
{
	bool young = false;
	u64 from, to;

	read_lock(&t->lock);
	for (u32 i = 0; i < t->n_ranges; i++)
		if (range_part(&t->range[i], start, end, &from, &to))
			young |= age(t->root, t->levels, 0, from, to, clear);
	if (young && flush)
		t->flush(t->vm);
	read_unlock(&t->lock);
	return young;
}

static int clear_flush_young(struct mmu_notifier *n, struct mm_struct *mm, unsigned long start,
			     unsigned long end)
{
	return age_hva(notifier_tdp(n), start, end, true, true);
}

static int clear_young(struct mmu_notifier *n, struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	return age_hva(notifier_tdp(n), start, end, true, false);
}

static int test_young(struct mmu_notifier *n, struct mm_struct *mm, unsigned long addr)
{
	return age_hva(notifier_tdp(n), addr, addr + 1, false, false);
}

/* The process is gone, its memory about to be. */
static void released(struct mmu_notifier *n, struct mm_struct *mm)
{
	struct tdp *t = notifier_tdp(n);

	write_lock(&t->lock);
	t->n_ranges = 0;
	t->seq++;
	zap_and_flush(t, 0, level_span(t->levels + 1));
	write_unlock(&t->lock);
}

static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = clear_flush_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = released,
};

/* --- faults --- */

static int spare_fill(struct tdp_spare *s, unsigned int n)
{
	while (s->n < n) {
		s->table[s->n] = table_new();
		if (!s->table[s->n])
			return -ENOMEM;
		s->n++;
	}
	return 0;
}

void tdp_spare_free(struct tdp_spare *s)
{
	while (s->n)
		free_page((unsigned long)s->table[--s->n]);
}

struct fault {
	u64 gpa, hva;
	bool write, writable;	/* asked for; what the page was got for */
	struct page *page;
	unsigned long seq;
};

static const struct tdp_range *range_find(const struct tdp *t, u64 gpa)
{
	u32 lo = 0, hi = t->n_ranges;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->range[mid].gpa <= gpa)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || gpa - t->range[lo - 1].gpa >= t->range[lo - 1].len)
		return NULL;
	return &t->range[lo - 1];
}

/* What the fault is about, under the lock. -ENOENT: MMIO. */
static int fault_look(struct tdp *t, struct fault *f)
{
	const struct tdp_range *r;
	int err = -ENOENT;

	read_lock(&t->lock);
	r = range_find(t, f->gpa);
	f->seq = t->seq;
	if (r && !(f->write && r->flags & KVM_MEM_READONLY)) {
		f->hva = r->hva + (f->gpa - r->gpa);
		f->writable = !(r->flags & KVM_MEM_READONLY) && (f->write || !r->dirty);
		err = 0;
	}
	read_unlock(&t->lock);
	return err;
}

/* Brings the page in; f->writable says how much may be done with it. */
static int fault_page(struct fault *f)
{
	long n;

	/* No need to break a shared page for a read, but a page that is
	 * writable anyway is mapped so. */
	if (f->writable && get_user_pages_fast_only(f->hva, 1, FOLL_WRITE, &f->page) == 1)
		return 0;
	f->writable = f->write;
	n = get_user_pages_unlocked(f->hva, 1, &f->page, f->write ? FOLL_WRITE : 0);
	if (n == 1)
		return 0;
	return n == -EINTR || n == -EAGAIN ? -EAGAIN : -EFAULT;
}

/* The size at which the process has hva mapped: tables are stable while the
 * notifier is quiet, and are not freed while interrupts are off. */
static unsigned int host_level(const struct tdp *t, u64 hva)
{
	unsigned int level = 1;
	unsigned long flags;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(t->mm, hva));
	if (pgd_none(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		goto out;
	if (pud_large(pud)) {
		level = 3;
		goto out;
	}
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (pmd_present(pmd) && pmd_large(pmd))
		level = 2;
out:
	local_irq_restore(flags);
	return level;
}

/* The largest page that the process has there and the slot can hold. */
static unsigned int fault_level(const struct tdp *t, const struct tdp_range *r, const struct fault *f)
{
	unsigned int level = r->dirty ? 1 : host_level(t, f->hva);

	for (; level > 1; level--) {
		u64 span = level_span(level), start = f->gpa & ~(span - 1);

		if (!((f->gpa ^ f->hva) & (span - 1)) && start >= r->gpa &&
		    start + span <= r->gpa + r->len)
			break;
	}
	return level;
}

/* The entry for gpa at a level, or at a lower one where tables go on. NULL: a large
 * page is in the way. */
static u64 *entry_get(struct tdp *t, u64 gpa, unsigned int *level, struct tdp_spare *s)
{
	u64 *table = t->root, *e, old;

	for (unsigned int l = t->levels;; l--) {
		e = &table[level_index(gpa, l)];
		old = READ_ONCE(*e);
		if (l == 1 || (l == *level && (!(old & TDP_P) || old & TDP_PS))) {
			*level = l;
			return e;
		}
		if (!(old & TDP_P)) {
			u64 *new = s->table[s->n - 1];

			old = cmpxchg64(e, 0, __sme_set(__pa(new)) | TDP_TABLE);
			if (!old) {
				s->n--;
				old = READ_ONCE(*e);
			}
		}
		if (old & TDP_PS)
			return NULL;
		table = entry_table(old);
	}
}

/* Under the read lock. -EAGAIN: what is there must go first. */
static int fault_install(struct tdp *t, const struct tdp_range *r, struct fault *f, struct tdp_spare *s)
{
	unsigned int level = fault_level(t, r, f);
	u64 *e = entry_get(t, f->gpa, &level, s), old, new;
	u64 pfn = page_to_pfn(f->page) & ~(level_span(level) / PAGE_SIZE - 1);

	if (!e)
		return -EAGAIN;
	new = __sme_set(pfn << PAGE_SHIFT) | TDP_LEAF | (level > 1 ? TDP_PS : 0) |
	      (f->writable ? TDP_W | TDP_D : 0);
	old = READ_ONCE(*e);
	do {
		if (old & TDP_P && (old ^ new) & TDP_ADDR)
			return -EAGAIN;
		if (old & TDP_P && old & TDP_W)
			return 0;	/* another vCPU was faster */
	} while (!try_cmpxchg64(e, &old, new));
	if (!(old & TDP_P))
		__atomic_fetch_add(&t->mapped[level - 1], 1, __ATOMIC_RELAXED);
	return 0;
}

static bool moved_on(const struct tdp *t, const struct fault *f)
{
	if (t->busy && f->hva >= t->busy_start && f->hva < t->busy_end)
		return true;
	return t->seq != f->seq;
}

static void mark_dirty(const struct tdp_range *r, u64 gpa)
{
	u64 page = (gpa - r->gpa) >> PAGE_SHIFT;

	__atomic_fetch_or(&r->dirty[page / 64], 1ull << page % 64, __ATOMIC_SEQ_CST);
}

static int fault_try(struct tdp *t, struct fault *f, struct tdp_spare *s)
{
	const struct tdp_range *r;
	int err;

	read_lock(&t->lock);
	if (moved_on(t, f)) {
		read_unlock(&t->lock);
		return 0;	/* the guest will ask again */
	}
	r = range_find(t, f->gpa);
	err = fault_install(t, r, f, s);
	/* Marked before the guest can write. */
	if (!err && f->writable && r->dirty)
		mark_dirty(r, f->gpa);
	read_unlock(&t->lock);
	if (err == -EAGAIN) {
		write_lock(&t->lock);
		zap_and_flush(t, f->gpa & PAGE_MASK, (f->gpa & PAGE_MASK) + PAGE_SIZE);
		write_unlock(&t->lock);
		err = 0;
	}
	return err;
}

int tdp_fault(struct tdp *t, struct tdp_spare *s, u64 gpa, bool write)
{
	struct fault f = { .gpa = gpa, .write = write };
	int err = fault_look(t, &f);

	if (err)
		return err;
	err = spare_fill(s, t->levels - 1);
	if (!err)
		err = fault_page(&f);
	if (!err) {
		err = fault_try(t, &f, s);
		put_page(f.page);
	}
	return err == -EAGAIN ? 0 : err;
}

/* --- life --- */

void tdp_quiesce(struct tdp *t)
{
	write_lock(&t->lock);
	write_unlock(&t->lock);
}

int tdp_init(struct tdp *t, struct vm *vm, unsigned int as, void (*flush)(struct vm *vm))
{
	int err;

	rwlock_init(&t->lock);
	t->vm = vm;
	t->as = as;
	t->flush = flush;
	t->mm = current->mm;
	t->levels = pgtable_l5_enabled() ? 5 : 4;
	t->root = table_new();
	if (!t->root)
		return -ENOMEM;
	t->root_pa = __sme_set(__pa(t->root));
	t->notifier.ops = &notifier_ops;
	err = mmu_notifier_register(&t->notifier, t->mm);
	if (err) {
		free_page((unsigned long)t->root);
		t->root = NULL;
		return err;
	}
	t->registered = true;
	return 0;
}

void tdp_fini(struct tdp *t)
{
	LIST_HEAD(gone);

	if (t->registered)
		mmu_notifier_unregister(&t->notifier, t->mm);
	if (t->root) {
		table_retire(t, t->root, t->levels, &gone);
		tables_free(&gone);
	}
	kvfree(t->range);
	t->root = NULL;
	t->range = NULL;
}
