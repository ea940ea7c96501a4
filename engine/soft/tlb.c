/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tlb.c - the software TLBs, and keeping writes and decoded code apart. */
#include <sched.h>
#include "core/x86/debug.h"
#include "engine/soft/soft.h"

static void bank_clear(struct x86_tlb *t)
{
	for (unsigned int i = 0; i < X86_TLB_SIZE; i++)
		t->e[i].rd = t->e[i].wr = X86_TLB_NONE;
}

void soft_fetch_flush(struct soft_vcpu *s)
{
	for (unsigned int i = 0; i < ITLB_SIZE; i++)
		s->itlb[i].lin = X86_TLB_NONE;
	s->epoch += 2;
}

void soft_tlb_init(struct soft_vcpu *s)
{
	for (unsigned int b = 0; b < BANK_COUNT; b++)
		bank_clear(&s->bank[b]);
	soft_fetch_flush(s);
	host_spin_init(&s->drop_lock);
}

void soft_mode_changed(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);
	struct x86_cpu *c = &v->cpu;

	s->epoch = (s->mode == c->mode ? s->epoch & ~1ull : (s->epoch | 1) + 1) | (c->cpl == 3);
	s->mode = c->mode;
	/* AC matters to the supervisor only where SMAP looks at it. */
	if (c->cpl == 3)
		c->tlb = &s->bank[BANK_USER];
	else if (c->cr4 & X86_CR4_SMAP && c->rflags & X86_F_AC)
		c->tlb = &s->bank[BANK_SYS_AC];
	else
		c->tlb = &s->bank[BANK_SYS];
	c->tlb_sys = &s->bank[BANK_SYS];
}

/* Memory that both address spaces have at the same place has one word, the
 * first's: code decoded here and stores made there must meet. */
static const struct slot *word_slot(struct vm *vm, u64 gpa, const struct slot *sl)
{
	const struct slot *first = slot_find(vm, gpa);

	return first && slot_hva(first, gpa) == slot_hva(sl, gpa) ? first : sl;
}

u32 *soft_page_word(struct vm *vm, unsigned int as, u64 gpa, const struct slot **slot)
{
	const struct slot *sl = slot_find_as(vm, as, gpa);
	struct soft_slot *a;

	if (slot)
		*slot = sl;
	if (sl && unlikely(as != AS_NORMAL))
		sl = word_slot(vm, gpa, sl);
	if (!sl || !sl->arch)
		return NULL;
	a = sl->arch;
	return &a->page[(gpa - sl->gpa) >> 12];
}

/* A write is coming: what was decoded from the page is in doubt. */
static void page_written(struct soft_vcpu *s, u32 *page)
{
	u32 old = __atomic_load_n(page, __ATOMIC_RELAXED);

	do {
		if (likely(!(old & PAGE_CODE)))
			return;
	} while (!__atomic_compare_exchange_n(page, &old, (old + PAGE_VERSION) & ~PAGE_CODE,
					      false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	/* The running block may be the one: stop after this instruction. */
	if (s)
		s->end = NULL;
}

void soft_memory_written(struct vm *vm, unsigned int as, u64 gpa, u64 len)
{
	u64 last = gpa + len - 1;

	for (gpa &= X86_PAGE_MASK; gpa <= last; gpa += X86_PAGE_SIZE) {
		u32 *page = soft_page_word(vm, as, gpa, NULL);

		if (page)
			page_written(NULL, page);
	}
}

/* May stores go straight to the page from now on? */
static bool fill_writable(struct vcpu *v, const struct x86_xlat *x,
			  const struct slot *sl, u32 *page)
{
	struct soft_vcpu *s = soft_of(v);

	if (sl->flags & KVM_MEM_READONLY)
		return false;
	if (x->access & ACC_WRITE) {
		if (page)
			page_written(s, page);
		if (sl->dirty)
			dirty_mark(v, sl, x->gpa);
		return true;
	}
	/* A read of a page that could be written without any of this: spare
	 * the coming store its miss. */
	return x->dirty && x->writable && !sl->dirty && page && !(READ_ONCE(*page) & PAGE_CODE);
}

static bool own_bank(const struct soft_vcpu *s, const struct x86_tlb *t)
{
	return t >= s->bank && t < s->bank + BANK_COUNT;
}

void soft_filled(struct vcpu *v, const void *xlat)
{
	const struct x86_xlat *x = xlat;
	struct soft_vcpu *s = soft_of(v);
	const struct slot *sl;
	struct x86_tlbe *e;
	u64 lin = x->lin & X86_PAGE_MASK;
	u32 *page;

	if (x->access & ACC_FETCH)
		return;
	if (unlikely(v->cpu.watch) && x86_watch_page(&v->cpu, lin))
		return;
	page = soft_page_word(v->vm, vcpu_as(v), x->gpa, &sl);
	if (!sl)
		return;
	/* Accesses stay slow while alignment is checked: the TLB is not ours
	 * then. What they do to code has to be known all the same. */
	if (unlikely(!(x->access & ACC_IMPLICIT) && !own_bank(s, v->cpu.tlb))) {
		if (x->access & ACC_WRITE && page)
			page_written(s, page);
		return;
	}
	e = x86_tlb_entry(x->access & ACC_IMPLICIT ? &s->bank[BANK_SYS] : v->cpu.tlb, lin);
	s->dtlb_fills++;
	if (e->rd != lin)
		e->wr = X86_TLB_NONE;
	e->rd = lin;
	e->off = slot_hva(sl, x->gpa & X86_PAGE_MASK) - lin;
	e->gpa = (x->gpa & X86_PAGE_MASK) | x->global;
	if (fill_writable(v, x, sl, page))
		e->wr = lin;
	/* No more instructions of this block: each may dirty several pages. */
	if (unlikely(dirty_ring_full(&v->dirty)))
		s->end = NULL;
}

/* --- invalidation --- */

static void flush_all(struct soft_vcpu *s)
{
	for (unsigned int b = 0; b < BANK_COUNT; b++)
		bank_clear(&s->bank[b]);
	soft_fetch_flush(s);
}

static void flush_nonglobal(struct soft_vcpu *s)
{
	for (unsigned int b = 0; b < BANK_COUNT; b++)
		for (unsigned int i = 0; i < X86_TLB_SIZE; i++) {
			struct x86_tlbe *e = &s->bank[b].e[i];

			if (!(e->gpa & 1))
				e->rd = e->wr = X86_TLB_NONE;
		}
	for (unsigned int i = 0; i < ITLB_SIZE; i++)
		if (!s->itlb[i].global)
			s->itlb[i].lin = X86_TLB_NONE;
	s->epoch += 2;
}

static void flush_page(struct soft_vcpu *s, u64 lin)
{
	lin &= X86_PAGE_MASK;
	for (unsigned int b = 0; b < BANK_COUNT; b++) {
		struct x86_tlbe *e = x86_tlb_entry(&s->bank[b], lin);

		e->rd = e->wr = X86_TLB_NONE;
	}
	s->itlb[lin >> 12 & (ITLB_SIZE - 1)].lin = X86_TLB_NONE;
	s->epoch += 2;
}

void soft_flush(struct vcpu *v, int what, u64 lin)
{
	struct soft_vcpu *s = soft_of(v);

	if (what == X86_FLUSH_PAGE)
		flush_page(s, lin);
	else if (what == X86_FLUSH_NONGLOBAL)
		flush_nonglobal(s);
	else
		flush_all(s);
	s->end = NULL;
}

/* --- code pages --- */

static void drop_page(struct soft_vcpu *s, u64 gpa)
{
	for (unsigned int b = 0; b < BANK_COUNT; b++)
		for (unsigned int i = 0; i < X86_TLB_SIZE; i++) {
			struct x86_tlbe *e = &s->bank[b].e[i];

			if ((e->gpa & X86_PAGE_MASK) == gpa)
				e->wr = X86_TLB_NONE;
		}
}

static void drop_all(struct soft_vcpu *s)
{
	for (unsigned int b = 0; b < BANK_COUNT; b++)
		for (unsigned int i = 0; i < X86_TLB_SIZE; i++)
			s->bank[b].e[i].wr = X86_TLB_NONE;
}

static void drop_request(struct vcpu *other, u64 gpa)
{
	struct soft_vcpu *o = soft_of(other);

	host_spin_lock(&o->drop_lock);
	if (o->drop_n < DROP_MAX)
		o->drop[o->drop_n] = gpa;
	__atomic_store_n(&o->drop_n, o->drop_n + 1, __ATOMIC_SEQ_CST);
	host_spin_unlock(&o->drop_lock);
	__atomic_store_n(&o->interrupt, 1, __ATOMIC_SEQ_CST);
}

/* Stores of ours since the request went unnoticed; we may have been in another
 * address space then. */
static void stores_missed(struct vm *vm, u64 gpa)
{
	for (unsigned int as = 0; as < AS_COUNT; as++) {
		u32 *page = soft_page_word(vm, as, gpa, NULL);

		if (page)
			__atomic_fetch_add(page, PAGE_VERSION, __ATOMIC_SEQ_CST);
	}
}

void soft_drop_pending(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);

	if (likely(!__atomic_load_n(&s->drop_n, __ATOMIC_SEQ_CST)))
		return;
	host_spin_lock(&s->drop_lock);
	if (s->drop_n > DROP_MAX)
		drop_all(s);
	for (u32 i = 0; i < min(s->drop_n, (u32)DROP_MAX); i++) {
		drop_page(s, s->drop[i]);
		stores_missed(v->vm, s->drop[i]);
	}
	/* Too many to name: all blocks are looked at again. */
	if (s->drop_n > DROP_MAX)
		__atomic_fetch_add(&((struct soft_vm *)v->vm->engine_vm)->recheck, 1,
				   __ATOMIC_SEQ_CST);
	__atomic_store_n(&s->drop_n, 0, __ATOMIC_SEQ_CST);
	host_spin_unlock(&s->drop_lock);
}

void soft_mark_code(struct vcpu *v, u64 gpa, u32 *page)
{
	struct soft_vcpu *s = soft_of(v);
	u32 n = READ_ONCE(v->vm->n_vcpus);

	if (__atomic_fetch_or(page, PAGE_CODE, __ATOMIC_SEQ_CST) & PAGE_CODE)
		return;
	gpa &= X86_PAGE_MASK;
	drop_page(s, gpa);
	for (u32 i = 0; i < n; i++) {
		struct vcpu *other = v->vm->vcpu[i];

		if (other && other != v) {
			drop_request(other, gpa);
			s->waiting = true;
		}
	}
}

/*
 * A request is done, or its vCPU is out of the guest and will do it before it
 * makes another access. Our own are served meanwhile: two may wait at once.
 */
void soft_wait_drops(struct vcpu *v)
{
	struct soft_vcpu *s = soft_of(v);
	u32 n = READ_ONCE(v->vm->n_vcpus);

	for (u32 i = 0; i < n; i++) {
		struct vcpu *other = v->vm->vcpu[i];

		if (!other || other == v)
			continue;
		while (__atomic_load_n(&other->in_guest, __ATOMIC_SEQ_CST) &&
		       __atomic_load_n(&soft_of(other)->drop_n, __ATOMIC_SEQ_CST)) {
			soft_drop_pending(v);
			if (v->requests & REQ_TLB_FLUSH)
				return;		/* somebody waits for us */
			sched_yield();
		}
	}
	s->waiting = false;
}
