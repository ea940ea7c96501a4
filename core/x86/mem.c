// SPDX-License-Identifier: GPL-2.0-or-later
/* mem.c - the slow paths of mem.h. */
#include "core/x86/debug.h"
#include "core/x86/mem.h"
#include "core/x86/seg.h"
#include "core/x86/walk.h"

/* An access in guest physical memory: up to two pages. */
struct span {
	u64 gpa[2];
	unsigned int n[2];
};

bool x86_seg_allows(const struct x86_cpu *c, const struct x86_seg *s, u64 ea,
		    unsigned int n, bool write)
{
	u64 last = ea + n - 1;

	if (s->attr & X86_SEG_UNUSABLE)
		return false;
	/* Real mode loads segments without looking at types. */
	if (x86_protected(c)) {
		if (!(s->attr & X86_SEG_P))
			return false;
		if (write ? (s->attr & 0xa) != 2 : (s->attr & 0xa) == 8)
			return false;
	}
	if ((s->attr & 0xc) == 4)	/* expand-down data */
		return ea > s->limit && last <= (s->attr & X86_SEG_DB ? 0xffffffff : 0xffff);
	return last <= s->limit;
}

/* Natural alignment. 80-bit reals and vectors are asked for 8 bytes; tables
 * and runs of string elements are not checked as a whole. */
static bool misaligned(u64 lin, unsigned int n)
{
	switch (n) {
	case 2: return lin & 1;
	case 4: return lin & 3;
	case 8: case 10: case 16: return lin & 7;
	}
	return false;
}

int x86_linear(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int n, bool write,
	       u64 *lin)
{
	bool ok;

	if (likely(c->mode == X86_MODE64)) {
		*lin = c->eseg[seg].base + ea;
		ok = x86_canonical(c, *lin) && x86_canonical(c, *lin + n - 1);
	} else {
		*lin = (u32)(c->seg[seg].base + ea);
		ok = x86_seg_allows(c, &c->seg[seg], ea, n, write);
	}
	if (unlikely(!ok))
		return x86_raise_err(c, seg == X86_SS ? X86_SS_EXC : X86_GP, 0);
	if (unlikely(c->ac_check && misaligned(*lin, n)))
		return x86_raise_err(c, X86_AC, 0);
	return RUN_OK;
}

static int translate(struct x86_cpu *c, u64 lin, unsigned int access, u64 *gpa)
{
	struct x86_xlat x;
	int r = x86_walk(c, lin, access, &x);

	if (unlikely(r))
		return r;
	*gpa = x.gpa;
	if (c->env->filled)
		c->env->filled(c, &x);
	return RUN_OK;
}

/* Translate both pages of an access before either is touched. */
static int span_walk(struct x86_cpu *c, u64 lin, unsigned int n, u64 mask, unsigned int access,
		     struct span *s)
{
	unsigned int room = X86_PAGE_SIZE - (lin & 0xfff);
	int r;

	s->n[0] = min(n, room);
	s->n[1] = n - s->n[0];
	r = translate(c, lin, access, &s->gpa[0]);
	if (unlikely(r) || likely(!s->n[1]))
		return r;
	return translate(c, (lin + s->n[0]) & mask, access, &s->gpa[1]);
}

static int span_read(struct x86_cpu *c, const struct span *s, void *buf)
{
	int r = c->env->read(c, s->gpa[0], buf, s->n[0]);

	if (r || !s->n[1])
		return r;
	return c->env->read(c, s->gpa[1], (u8 *)buf + s->n[0], s->n[1]);
}

static int span_write(struct x86_cpu *c, const struct span *s, const void *buf)
{
	int r = c->env->write(c, s->gpa[0], buf, s->n[0]);

	if (r || !s->n[1])
		return r;
	return c->env->write(c, s->gpa[1], (const u8 *)buf + s->n[0], s->n[1]);
}

static int seg_span(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int n,
		    unsigned int access, struct span *s)
{
	u64 lin;
	int r = x86_linear(c, seg, ea, n, access & ACC_WRITE, &lin);

	return r ? r : span_walk(c, lin, n, c->lin_mask, access, s);
}

static noinline void watch(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int n,
			   bool write)
{
	u64 base = c->mode == X86_MODE64 ? c->eseg[seg].base : c->seg[seg].base;

	x86_watch_data(c, (base + ea) & c->lin_mask, n, write);
}

int x86_load_slow(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int size, u64 *val)
{
	struct span s;
	u64 v = 0;
	int r = seg_span(c, seg, ea, size, ACC_READ, &s);

	if (!r)
		r = span_read(c, &s, &v);
	if (r)
		return r;
	*val = v;
	if (unlikely(c->watch))
		watch(c, seg, ea, size, false);
	return RUN_OK;
}

int x86_store_slow(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int size, u64 val)
{
	struct span s;
	int r = seg_span(c, seg, ea, size, ACC_WRITE, &s);

	if (!r)
		r = span_write(c, &s, &val);
	if (unlikely(c->watch) && !r)
		watch(c, seg, ea, size, true);
	return r;
}

int x86_load_buf(struct x86_cpu *c, unsigned int seg, u64 ea, void *buf, unsigned int n)
{
	u64 p = x86_host_ptr(c, seg, ea, n, false);
	struct span s;
	int r;

	if (likely(p)) {
		memcpy(buf, (const void *)p, n);
		return RUN_OK;
	}
	r = seg_span(c, seg, ea, n, ACC_READ, &s);
	if (!r)
		r = span_read(c, &s, buf);
	if (unlikely(c->watch) && !r)
		watch(c, seg, ea, n, false);
	return r;
}

int x86_store_buf(struct x86_cpu *c, unsigned int seg, u64 ea, const void *buf, unsigned int n)
{
	u64 p = x86_host_ptr(c, seg, ea, n, true);
	struct span s;
	int r;

	if (likely(p)) {
		memcpy((void *)p, buf, n);
		return RUN_OK;
	}
	r = seg_span(c, seg, ea, n, ACC_WRITE, &s);
	if (!r)
		r = span_write(c, &s, buf);
	if (unlikely(c->watch) && !r)
		watch(c, seg, ea, n, true);
	return r;
}

int x86_probe(struct x86_cpu *c, unsigned int seg, u64 ea, unsigned int n, bool write)
{
	struct span s;

	if (likely(x86_host_ptr(c, seg, ea, n, write)))
		return RUN_OK;
	return seg_span(c, seg, ea, n, write ? ACC_WRITE : ACC_READ, &s);
}

int x86_rmw_begin_slow(struct x86_cpu *c, struct x86_rmw *m, u64 *old)
{
	struct span s;
	int r = seg_span(c, m->seg, m->ea, m->size, ACC_WRITE | ACC_RMW, &s);

	if (unlikely(r))
		return r;
	if (unlikely(c->watch))
		watch(c, m->seg, m->ea, m->size, true);
	/* The engine may have entered the page just now. */
	m->hva = x86_host_ptr(c, m->seg, m->ea, m->size, true);
	if (m->hva) {
		m->old = x86_host_load(m->hva, m->size);
	} else {
		m->old = 0;
		r = span_read(c, &s, &m->old);
	}
	*old = m->old;
	return r;
}

static void note_split(struct x86_cpu *c)
{
	if (c->env->split_lock)
		c->env->split_lock(c);
}

bool x86_rmw_split(struct x86_cpu *c, const struct x86_rmw *m, u64 val)
{
	if (!c->env->alone || !c->env->alone(c)) {
		if (!x86_host_cas(m->hva, m->size, m->old, val))
			return false;
	} else {
		x86_host_store(m->hva, m->size, val);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	note_split(c);
	return true;
}

/* A locked access across pages: no host atomic does it. Others that lock the
 * bus are kept out; the comparison finds those that were faster. What would
 * not change is not written, lest it undo a plain store made meanwhile. */
static int split_locked(struct x86_cpu *c, const struct x86_rmw *m, const struct span *s,
			u64 val, bool *again)
{
	u64 now = 0;
	int r;

	if (c->env->bus_lock)
		c->env->bus_lock(c);
	r = span_read(c, s, &now);
	if (!r) {
		*again = now != m->old;
		if (!*again && val != now)
			r = span_write(c, s, &val);
	}
	if (c->env->bus_unlock)
		c->env->bus_unlock(c);
	if (!r && !*again)
		note_split(c);
	return r;
}

int x86_rmw_end_slow(struct x86_cpu *c, struct x86_rmw *m, u64 val, bool *again)
{
	u64 keep = m->size == 8 ? ~0ull : (1ull << 8 * m->size) - 1;
	struct span s;
	u64 old = m->old;
	int r;

	/* As in begin: only another processor can make this fail now. */
	r = seg_span(c, m->seg, m->ea, m->size, ACC_WRITE | ACC_RMW, &s);
	if (r)
		return r;
	val &= keep;
	if (!m->lock)
		return span_write(c, &s, &val);
	if (s.n[1])
		return split_locked(c, m, &s, val, again);
	r = c->env->cmpxchg(c, s.gpa[0], &old, val, m->size);
	if (!r)
		*again = (old & keep) != m->old;
	return r;
}

/* Host address of a linear range, by the TLB bank of the access; or 0. */
static u64 lin_host(struct x86_cpu *c, u64 lin, unsigned int n, unsigned int access)
{
	struct x86_tlb *t = access & ACC_IMPLICIT ? c->tlb_sys : c->tlb;
	const struct x86_tlbe *e;

	if (!HOST_GUEST_DIRECT || !t)
		return 0;
	e = x86_tlb_entry(t, lin);
	if ((access & ACC_WRITE ? e->wr : e->rd) == ((lin + n - 1) & X86_PAGE_MASK))
		return lin + e->off;
	return 0;
}

static int lin_span(struct x86_cpu *c, u64 lin, unsigned int n, unsigned int access,
		    struct span *s)
{
	if (!x86_long_mode(c))
		return span_walk(c, (u32)lin, n, 0xffffffff, access, s);
	if (!x86_canonical(c, lin) || !x86_canonical(c, lin + n - 1))
		return x86_raise_err(c, X86_GP, 0);
	return span_walk(c, lin, n, ~0ull, access, s);
}

int x86_lin_read(struct x86_cpu *c, u64 lin, void *buf, unsigned int n, unsigned int access)
{
	u64 p = lin_host(c, lin, n, access & ~ACC_WRITE);
	struct span s;
	int r;

	if (likely(p)) {
		memcpy(buf, (const void *)p, n);
		return RUN_OK;
	}
	r = lin_span(c, lin, n, access & ~ACC_WRITE, &s);
	return r ? r : span_read(c, &s, buf);
}

int x86_lin_write(struct x86_cpu *c, u64 lin, const void *buf, unsigned int n,
		  unsigned int access)
{
	u64 p = lin_host(c, lin, n, access | ACC_WRITE);
	struct span s;
	int r;

	if (likely(p)) {
		memcpy((void *)p, buf, n);
		return RUN_OK;
	}
	r = lin_span(c, lin, n, access | ACC_WRITE, &s);
	return r ? r : span_write(c, &s, buf);
}

/* No device of user space's is asked for instructions, as in KVM. */
static int read_code(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n)
{
	int r = c->env->read(c, gpa, buf, n);

	return r == RUN_EXIT && c->env->give_up ? c->env->give_up(c) : r;
}

/* What an instruction may not need at all: RUN_EXIT when it is not memory. */
static int read_more_code(struct x86_cpu *c, u64 gpa, void *buf, unsigned int n)
{
	if (!c->env->ram)
		return c->env->read(c, gpa, buf, n);
	return c->env->ram(c, gpa, buf, n, false) ? RUN_EXIT : RUN_OK;
}

int x86_fetch_at(struct x86_cpu *c, u64 ip, u8 *buf, unsigned int max, unsigned int *got)
{
	const struct x86_seg *cs = &c->seg[X86_CS];
	u64 lin = ip, gpa;
	unsigned int n;
	int r;

	*got = 0;
	if (c->mode == X86_MODE64) {
		if (!x86_canonical(c, lin))
			return x86_raise_err(c, X86_GP, 0);
	} else {
		if (ip > cs->limit)
			return x86_raise_err(c, X86_GP, 0);
		if (max > cs->limit - ip + 1)
			max = cs->limit - ip + 1;
		lin = (u32)(cs->base + ip);
	}
	n = min(max, (unsigned int)(X86_PAGE_SIZE - (lin & 0xfff)));
	r = translate(c, lin, ACC_FETCH, &gpa);
	if (!r)
		r = read_code(c, gpa, buf, n);
	if (r)
		return r;
	*got = n;
	if (n == max)
		return RUN_OK;
	lin = (lin + n) & c->lin_mask;
	if (!x86_canonical(c, lin))
		return RUN_OK;
	r = translate(c, lin, ACC_FETCH, &gpa);
	if (!r)
		r = read_more_code(c, gpa, buf + n, max - n);
	if (r < 0)
		return r;
	if (!r)
		*got = max;
	return RUN_OK;
}

int x86_fetch(struct x86_cpu *c, u8 *buf, unsigned int max, unsigned int *got)
{
	return x86_fetch_at(c, c->gpr[X86_RIP], buf, max, got);
}

int x86_push(struct x86_cpu *c, unsigned int size, u64 val)
{
	u64 sp = c->gpr[X86_RSP] - size;
	int r = x86_store(c, X86_SS, sp & x86_sp_mask(c), size, val);

	if (likely(!r))
		x86_sp_set(c, sp);
	return r;
}

int x86_pop(struct x86_cpu *c, unsigned int size, u64 *val)
{
	int r = x86_load(c, X86_SS, c->gpr[X86_RSP] & x86_sp_mask(c), size, val);

	if (likely(!r))
		x86_sp_set(c, c->gpr[X86_RSP] + size);
	return r;
}
