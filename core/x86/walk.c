// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/x86/walk.h"
#include "core/x86/cpuid.h"

#define PTE_P		(1ull << 0)
#define PTE_W		(1ull << 1)
#define PTE_U		(1ull << 2)
#define PTE_A		(1ull << 5)
#define PTE_D		(1ull << 6)
#define PTE_PS		(1ull << 7)
#define PTE_G		(1ull << 8)
#define PTE_NX		(1ull << 63)
#define PTE_ADDR	0x000ffffffffff000ull
#define PTE_PKEY(e)	((e) >> 59 & 15)

#define PF_P		(1u << 0)
#define PF_W		(1u << 1)
#define PF_U		(1u << 2)
#define PF_RSVD		(1u << 3)
#define PF_I		(1u << 4)
#define PF_PK		(1u << 5)

enum outcome { MAPPED, ABSENT, RESERVED };

struct walk {
	u64 gpa[5], entry[5];	/* the entries used, root first */
	unsigned int n;		/* how many */
	unsigned int width;	/* bytes an entry */
	u64 all;		/* and of all entries: W, U */
	u64 any;		/* or of all entries: NX */
	u64 page, size;		/* what the leaf maps */
	enum outcome out;
};

static bool in_ram(struct x86_cpu *c, u64 gpa, bool write)
{
	return !c->env->in_ram || c->env->in_ram(c, gpa, write);
}

/* Tables outside RAM map nothing: no device answers a page walk. */
static int next_entry(struct x86_cpu *c, struct walk *w, u64 gpa, u64 *e)
{
	int r = RUN_OK;

	*e = 0;
	if (likely(in_ram(c, gpa, false)))
		r = c->env->read(c, gpa, e, w->width);
	w->gpa[w->n] = gpa;
	w->entry[w->n++] = *e;
	w->all &= *e;
	w->any |= *e;
	return r;
}

static void leaf(struct walk *w, u64 page, u64 size)
{
	w->page = page & ~(size - 1);
	w->size = size;
	w->out = MAPPED;
}

/* Bits that must be zero in every entry of 8 bytes. */
static u64 reserved_bits(const struct x86_cpu *c)
{
	unsigned int maxphy = c->maxphyaddr >= 32 && c->maxphyaddr <= 52 ? c->maxphyaddr : 52;
	u64 r = PTE_ADDR & ~((1ull << maxphy) - 1);

	if (!(c->efer & X86_EFER_NXE))
		r |= PTE_NX;
	if (!x86_long_mode(c))
		r |= 0x7ffull << 52;
	return r;
}

/* PAE, 4 and 5 levels. table is the entry that leads to level. */
static int walk_wide(struct x86_cpu *c, u64 lin, unsigned int level, u64 table, struct walk *w)
{
	const u64 rsvd = reserved_bits(c);
	u64 e, size;
	int r;

	w->width = 8;
	for (;; level--, table = e) {
		unsigned int shift = 12 + 9 * (level - 1);

		r = next_entry(c, w, (table & PTE_ADDR) + (lin >> shift & 511) * 8, &e);
		if (unlikely(r))
			return r;
		w->out = ABSENT;
		if (!(e & PTE_P))
			return RUN_OK;
		w->out = RESERVED;
		if (unlikely(e & rsvd))
			return RUN_OK;
		size = 1ull << shift;
		if (level > 1) {
			if (!(e & PTE_PS))
				continue;
			if (level > 3 || (level == 3 && !x86_has(c, XF_PDPE1GB)))
				return RUN_OK;
			if (e & (size - 1) & ~0x1fffull)	/* bit 12 is PAT */
				return RUN_OK;
		}
		leaf(w, e & PTE_ADDR, size);
		return RUN_OK;
	}
}

/* Two levels of 4-byte entries, with 4 MB pages when CR4.PSE. */
static int walk_narrow(struct x86_cpu *c, u64 lin, struct walk *w)
{
	u64 e;
	int r;

	w->width = 4;
	r = next_entry(c, w, (c->cr3 & 0xfffff000) + (lin >> 22 & 1023) * 4, &e);
	if (r)
		return r;
	w->out = ABSENT;
	if (!(e & PTE_P))
		return RUN_OK;
	if (e & PTE_PS && c->cr4 & X86_CR4_PSE) {
		/* PSE-36: bits 13-20 are address bits 32-39. */
		unsigned int maxphy = min((unsigned int)c->maxphyaddr, 40u);
		u64 ok = 0;

		if (x86_has(c, XF_PSE36) && maxphy > 32)
			ok = ((1ull << (maxphy - 32)) - 1) << 13;
		w->out = RESERVED;
		if (e & 0x3fe000 & ~ok)
			return RUN_OK;
		leaf(w, (e & 0xffc00000) | (e & ok) << 19, 1ull << 22);
		return RUN_OK;
	}
	r = next_entry(c, w, (e & 0xfffff000) + (lin >> 12 & 1023) * 4, &e);
	if (r)
		return r;
	if (e & PTE_P)
		leaf(w, e & 0xfffff000, 1ull << 12);
	return RUN_OK;
}

static int walk_tables(struct x86_cpu *c, u64 lin, struct walk *w)
{
	u64 top;

	w->n = 0;
	w->all = ~0ull;
	w->any = 0;
	if (likely(x86_long_mode(c)))
		return walk_wide(c, lin, c->cr4 & X86_CR4_LA57 ? 5 : 4, c->cr3, w);
	if (!(c->cr4 & X86_CR4_PAE))
		return walk_narrow(c, lin, w);
	top = c->pdpte[lin >> 30 & 3];
	w->width = 8;
	w->out = ABSENT;
	return top & PTE_P ? walk_wide(c, lin, 2, top, w) : RUN_OK;
}

/* PKRU's verdict on a data access: PF_PK or 0; *wr_ok: are writes allowed? */
static u32 pkey_check(const struct x86_cpu *c, const struct walk *w, bool user, bool write,
		      bool *wr_ok)
{
	u32 pk;

	*wr_ok = true;
	if (!(c->cr4 & X86_CR4_PKE) || !x86_long_mode(c) || !(w->all & PTE_U))
		return 0;
	pk = c->pkru >> (2 * PTE_PKEY(w->entry[w->n - 1])) & 3;
	*wr_ok = !pk;
	if (pk & 1)
		return PF_PK;
	if (pk & 2 && (user || c->cr0 & X86_CR0_WP))
		return write ? PF_PK : 0;
	*wr_ok = true;
	return 0;
}

static bool denied(const struct x86_cpu *c, const struct walk *w, unsigned int access, bool user)
{
	bool upage = w->all & PTE_U;

	if (user && !upage)
		return true;
	if (access & ACC_FETCH)
		return w->any & PTE_NX || (!user && upage && c->cr4 & X86_CR4_SMEP);
	if (access & ACC_WRITE && !(w->all & PTE_W) && (user || c->cr0 & X86_CR0_WP))
		return true;
	return !user && upage && c->cr4 & X86_CR4_SMAP &&
	       (access & ACC_IMPLICIT || !(c->rflags & X86_F_AC));
}

static u32 pf_bits(const struct x86_cpu *c, unsigned int access, bool user)
{
	u32 err = user ? PF_U : 0;

	if (access & ACC_WRITE)
		err |= PF_W;
	if (access & ACC_FETCH &&
	    (c->cr4 & X86_CR4_SMEP || (c->cr4 & X86_CR4_PAE && c->efer & X86_EFER_NXE)))
		err |= PF_I;
	return err;
}

/* Set accessed and dirty bits. *raced: an entry changed meanwhile. */
static int mark(struct x86_cpu *c, struct walk *w, bool write, bool *raced)
{
	unsigned int i;
	int r;

	*raced = false;
	for (i = 0; i < w->n; i++) {
		u64 want = i == w->n - 1 && write ? PTE_A | PTE_D : PTE_A;
		u64 old = w->entry[i];

		/* Tables in ROM stay as they are. */
		if (likely((old & want) == want) || !in_ram(c, w->gpa[i], true))
			continue;
		r = c->env->cmpxchg(c, w->gpa[i], &old, old | want, w->width);
		if (r)
			return r;
		if (old != w->entry[i]) {
			*raced = true;
			return RUN_OK;
		}
		w->entry[i] |= want;
	}
	return RUN_OK;
}

static void identity(u64 lin, unsigned int access, struct x86_xlat *x)
{
	*x = (struct x86_xlat){ .lin = lin, .gpa = lin, .size = X86_PAGE_SIZE, .user = true,
				.writable = true, .exec = true, .dirty = true,
				.access = access };
}

static void result(const struct x86_cpu *c, const struct walk *w, u64 lin, struct x86_xlat *x)
{
	u64 e = w->entry[w->n - 1];

	*x = (struct x86_xlat){
		.lin = lin, .gpa = w->page | (lin & (w->size - 1)), .size = w->size,
		.user = w->all & PTE_U, .writable = w->all & PTE_W, .exec = !(w->any & PTE_NX),
		.global = e & PTE_G && c->cr4 & X86_CR4_PGE, .dirty = e & PTE_D,
		.pkey = x86_long_mode(c) ? PTE_PKEY(e) : 0,
	};
}

/* A guest that changes its tables all the time gets this many attempts. */
#define MARK_TRIES	64

int x86_walk(struct x86_cpu *c, u64 lin, unsigned int access, struct x86_xlat *x)
{
	bool user = c->cpl == 3 && !(access & ACC_IMPLICIT);
	bool write = access & ACC_WRITE, raced = false, wr_ok = true;
	unsigned int tries = 0;
	struct walk w;
	u32 pk = 0;
	int r;

	access = user ? access | ACC_USER : access & ~ACC_USER;
	if (!c->paging) {
		identity(lin, access, x);
		return RUN_OK;
	}
	do {
		r = walk_tables(c, lin, &w);
		if (unlikely(r))
			return r;
		if (w.out == ABSENT)
			return x86_raise_pf(c, lin, pf_bits(c, access, user));
		if (w.out == RESERVED)
			return x86_raise_pf(c, lin, pf_bits(c, access, user) | PF_P | PF_RSVD);
		if (!(access & ACC_FETCH))
			pk = pkey_check(c, &w, user, write, &wr_ok);
		if (denied(c, &w, access, user) || pk)
			return x86_raise_pf(c, lin, pf_bits(c, access, user) | PF_P | pk);
		r = mark(c, &w, write, &raced);
		if (unlikely(r))
			return r;
	} while (unlikely(raced) && ++tries < MARK_TRIES);
	result(c, &w, lin, x);
	x->writable = x->writable && wr_ok;
	x->access = access;
	return RUN_OK;
}

int x86_translate(struct x86_cpu *c, u64 lin, struct x86_xlat *x)
{
	struct walk w;
	int r;

	if (!c->paging) {
		identity(lin, 0, x);
		return RUN_OK;
	}
	if (!x86_canonical(c, lin))
		return -ENOENT;
	r = walk_tables(c, lin, &w);
	if (r < 0)
		return r;
	if (r || w.out != MAPPED)	/* r: tables that are not in RAM */
		return -ENOENT;
	result(c, &w, lin, x);
	return RUN_OK;
}

bool x86_pdptes_valid(const struct x86_cpu *c, const u64 p[4])
{
	/* Present entries: bits 1, 2, 5-8 and 52-63 must be zero too. */
	u64 rsvd = (reserved_bits(c) & PTE_ADDR) | 0xfff00000000001e6ull;

	for (unsigned int i = 0; i < 4; i++)
		if (p[i] & PTE_P && p[i] & rsvd)
			return false;
	return true;
}

int x86_load_pdptes(struct x86_cpu *c, u64 cr3)
{
	u64 p[4];
	int r;

	if (!in_ram(c, cr3 & 0xffffffe0, false))
		return x86_raise_err(c, X86_GP, 0);
	r = c->env->read(c, cr3 & 0xffffffe0, p, sizeof(p));
	if (r)
		return r;
	if (!x86_pdptes_valid(c, p))
		return x86_raise_err(c, X86_GP, 0);
	memcpy(c->pdpte, p, sizeof(p));
	return RUN_OK;
}
