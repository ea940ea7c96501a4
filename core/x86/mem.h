/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem.h - guest memory as instructions see it: segment and offset, or linear.
 *
 * The fast path is one segment check and one TLB compare, and only exists
 * where the host may dereference guest memory (HOST_GUEST_DIRECT). The slow
 * path (mem.c) checks segment, canonical form and alignment, walks the page
 * tables, splits what crosses a page, and falls to env->read and write. All
 * return RUN_OK, RUN_FAULT, RUN_EXIT or -errno; nothing is written unless the
 * whole access can be.
 */
#ifndef CORE_X86_MEM_H
#define CORE_X86_MEM_H

#include "core/x86/cpu.h"

/* Access kinds, also the #PF error code bits they give. */
enum x86_access {
	ACC_READ = 0,
	ACC_WRITE = 1u << 1,
	ACC_USER = 1u << 2,
	ACC_FETCH = 1u << 4,
	ACC_IMPLICIT = 1u << 8,	/* supervisor access whatever CPL is: GDT, IDT, TSS */
	ACC_RMW = 1u << 9,	/* read part of a read-modify-write */
};

static __always_inline struct x86_tlbe *x86_tlb_entry(struct x86_tlb *t, u64 lin)
{
	return &t->e[lin >> 12 & (X86_TLB_SIZE - 1)];
}

static __always_inline u64 x86_host_load(u64 hva, unsigned int size)
{
	switch (size) {
	case 1: return *(const volatile u8 *)hva;
	case 2: { u16 v; __builtin_memcpy(&v, (const void *)hva, 2); return v; }
	case 4: { u32 v; __builtin_memcpy(&v, (const void *)hva, 4); return v; }
	}
	{ u64 v; __builtin_memcpy(&v, (const void *)hva, 8); return v; }
}

static __always_inline void x86_host_store(u64 hva, unsigned int size, u64 v)
{
	switch (size) {
	case 1: *(volatile u8 *)hva = v; return;
	case 2: { u16 w = v; __builtin_memcpy((void *)hva, &w, 2); return; }
	case 4: { u32 w = v; __builtin_memcpy((void *)hva, &w, 4); return; }
	}
	__builtin_memcpy((void *)hva, &v, 8);
}

/*
 * Host address of size bytes at seg:ea when the TLB allows the access, else 0.
 * Valid until the next guest memory access or return to the run loop.
 */
static __always_inline u64 x86_host_ptr(struct x86_cpu *c, unsigned int seg, u64 ea,
					unsigned int size, bool write)
{
	const struct x86_eseg *s = &c->eseg[seg];
	u64 lin = (s->base + ea) & c->lin_mask;
	const struct x86_tlbe *e;

	if (!HOST_GUEST_DIRECT)
		return 0;
	e = x86_tlb_entry(c->tlb, lin);
	if (likely(ea + size <= (write ? s->wr_end : s->rd_end) &&
		   (write ? e->wr : e->rd) == ((lin + size - 1) & X86_PAGE_MASK)))
		return lin + e->off;
	return 0;
}

/* Slow paths. val is zero-extended. size 1, 2, 4, 8. */
int x86_load_slow(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int size, u64 *val);
int x86_store_slow(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int size, u64 val);

static __always_inline int x86_load(struct x86_cpu *c, unsigned int seg, u64 ea,
				    unsigned int size, u64 *val)
{
	u64 p = x86_host_ptr(c, seg, ea, size, false);

	if (likely(p)) {
		*val = x86_host_load(p, size);
		return RUN_OK;
	}
	return x86_load_slow(c, seg, ea, size, val);
}

static __always_inline int x86_store(struct x86_cpu *c, unsigned int seg, u64 ea,
				     unsigned int size, u64 val)
{
	u64 p = x86_host_ptr(c, seg, ea, size, true);

	if (likely(p)) {
		x86_host_store(p, size, val);
		return RUN_OK;
	}
	return x86_store_slow(c, seg, ea, size, val);
}

/* Any size up to 4096 bytes (SSE, FXSAVE, task segments, string runs). */
int x86_load_buf(struct x86_cpu *c, unsigned int seg, u64 ea, void *buf, unsigned int n);
int x86_store_buf(struct x86_cpu *c, unsigned int seg, u64 ea, const void *buf, unsigned int n);
/* Would a store of n bytes succeed? For instructions that must check before
 * they change anything else. RUN_OK or RUN_FAULT; makes no access. */
int x86_probe(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int n, bool write);

/*
 * Read-modify-write. x86_rmw_begin checks the range for writing and loads it;
 * x86_rmw_end stores the new value. Between them nothing may access memory.
 * With lock the store is a compare-and-exchange against what begin loaded:
 * end returns RUN_OK and *again = true when another processor was faster, and
 * the caller starts over from begin.
 *
 *	do {
 *		r = x86_rmw_begin(c, &m, seg, ea, size, lock, &old);
 *		if (r)
 *			return r;
 *		r = x86_rmw_end(c, &m, new, &again);
 *	} while (again);
 */
struct x86_rmw {
	u64 hva;		/* 0: slow path */
	u64 ea, old;
	u8 seg, size;
	bool lock;
};

int x86_rmw_begin_slow(struct x86_cpu *c, struct x86_rmw *m, u64 *old);
int x86_rmw_end_slow(struct x86_cpu *c, struct x86_rmw *m, u64 val, bool *again);

static __always_inline int x86_rmw_begin(struct x86_cpu *c, struct x86_rmw *m,
		unsigned int seg, u64 ea, unsigned int size, bool lock, u64 *old)
{
	*m = (struct x86_rmw){ .hva = x86_host_ptr(c, seg, ea, size, true),
			       .ea = ea, .seg = seg, .size = size, .lock = lock };
	if (likely(m->hva)) {
		*old = m->old = x86_host_load(m->hva, size);
		return RUN_OK;
	}
	return x86_rmw_begin_slow(c, m, old);
}

static __always_inline bool x86_host_cas(u64 hva, unsigned int size, u64 old, u64 val)
{
	switch (size) {
	case 1: return __sync_bool_compare_and_swap((u8 *)hva, (u8)old, (u8)val);
	case 2: return __sync_bool_compare_and_swap((u16 *)hva, (u16)old, (u16)val);
	case 4: return __sync_bool_compare_and_swap((u32 *)hva, (u32)old, (u32)val);
	}
	return __sync_bool_compare_and_swap((u64 *)hva, old, val);
}

/* A locked access across cache lines: hosts make such programs wait for long. */
bool x86_rmw_split(struct x86_cpu *c, const struct x86_rmw *m, u64 val);

static __always_inline int x86_rmw_end(struct x86_cpu *c, struct x86_rmw *m, u64 val, bool *again)
{
	*again = false;
	if (likely(m->hva)) {
		if (!m->lock)
			x86_host_store(m->hva, m->size, val);
		else if (unlikely((m->hva & 63) + m->size > 64))
			*again = !x86_rmw_split(c, m, val);
		else
			*again = !x86_host_cas(m->hva, m->size, m->old, val);
		return RUN_OK;
	}
	return x86_rmw_end_slow(c, m, val, again);
}

/* Linear addresses, no segment: access is a set of enum x86_access. n <= 4096. */
int x86_lin_read(struct x86_cpu *c, u64 lin, void *buf, unsigned int n, unsigned int access);
int x86_lin_write(struct x86_cpu *c, u64 lin, const void *buf, unsigned int n, unsigned int access);
/*
 * Instruction bytes at CS:RIP, at most max (up to 4096); stops early at a page
 * or limit beyond which nothing can be fetched, as long as one byte could: then
 * RUN_OK with *got < max. When the decoder wants more than that, x86_fetch_at()
 * with ip = RIP + *got raises the exception that stopped it.
 */
int x86_fetch(struct x86_cpu *c, u8 *buf, unsigned int max, unsigned int *got);
int x86_fetch_at(struct x86_cpu *c, u64 ip, u8 *buf, unsigned int max, unsigned int *got);

/* Stack, at the stack's present width. x86_push moves rSP only on success. */
int x86_push(struct x86_cpu *c, unsigned int size, u64 val);
int x86_pop(struct x86_cpu *c, unsigned int size, u64 *val);

static __always_inline u64 x86_sp_mask(const struct x86_cpu *c)
{
	return c->stack64 ? ~0ull : c->stack32 ? 0xffffffffull : 0xffffull;
}

/* Set rSP, leaving the bits beyond the stack's width alone. */
static __always_inline void x86_sp_set(struct x86_cpu *c, u64 v)
{
	u64 m = x86_sp_mask(c);

	/* Like every 32-bit result ESP is stored zero-extended. */
	c->gpr[X86_RSP] = (c->gpr[X86_RSP] & (u32)~m) | (v & m);
}

#endif
