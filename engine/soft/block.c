/* SPDX-License-Identifier: GPL-2.0-or-later */
/* block.c - decoded blocks: finding, checking and making them. */
#include <sys/mman.h>
#include "engine/soft/fpu.h"
#include "engine/soft/soft.h"

#define ARENA_SIZE	(32u << 20)

static inline u64 fetch_tag(const struct x86_cpu *c, u64 lin)
{
	return (lin & X86_PAGE_MASK) | (c->cpl == 3 ? 2 : 0);
}

static int fetch_fill(struct vcpu *v, u64 lin, struct soft_fetch *f)
{
	struct soft_vcpu *s = soft_of(v);
	const struct slot *sl;
	struct x86_xlat x;
	int r;

	if (v->cpu.mode == X86_MODE64 && !x86_canonical(&v->cpu, lin))
		return x86_raise_err(&v->cpu, X86_GP, 0);
	r = x86_walk(&v->cpu, lin, ACC_FETCH | (v->cpu.cpl == 3 ? ACC_USER : 0), &x);
	if (r)
		return r;
	f->gpa = x.gpa & X86_PAGE_MASK;
	f->page = soft_page_word(v->vm, vcpu_as(v), f->gpa, &sl);
	f->host = sl ? (const u8 *)slot_hva(sl, f->gpa) : NULL;
	if (!sl)
		f->page = NULL;
	f->global = x.global;
	f->fill = ++s->fill;
	f->lin = fetch_tag(&v->cpu, lin);
	s->itlb_fills++;
	return RUN_OK;
}

int soft_fetch_entry(struct vcpu *v, u64 lin, struct soft_fetch **out)
{
	struct soft_fetch *f = &soft_of(v)->itlb[lin >> 12 & (ITLB_SIZE - 1)];

	*out = f;
	if (likely(f->lin == fetch_tag(&v->cpu, lin)))
		return RUN_OK;
	f->lin = X86_TLB_NONE;
	return fetch_fill(v, lin, f);
}

/* --- the arena --- */

void soft_blocks_flush(struct soft_vcpu *s)
{
	memset(s->tc, 0, sizeof(s->tc));
	memset(s->hash, 0, sizeof(s->hash));
	s->arena_used = 0;
	s->arena_flushes++;
}

static struct soft_block *block_alloc(struct soft_vcpu *s, unsigned int n)
{
	size_t size = (sizeof(struct soft_block) + n * sizeof(struct x86_insn) + 15) & ~15ul;
	struct soft_block *b;

	if (!s->arena) {
		void *p = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED)
			return NULL;
		s->arena = p;
		s->arena_size = ARENA_SIZE;
	}
	if (s->arena_size - s->arena_used < size)
		soft_blocks_flush(s);
	b = (struct soft_block *)(s->arena + s->arena_used);
	s->arena_used += size;
	return b;
}

/* --- making a block --- */

struct builder {
	struct x86_insn insn[BLOCK_INSNS];
	u8 bytes[2 * X86_INSN_MAX + BLOCK_BYTES];	/* as fetched */
	unsigned int n, used;
	bool crosses;
};

static int exec_fetch_gp(struct x86_cpu *c, const struct x86_insn *in)
{
	return x86_raise_err(c, X86_GP, 0);
}

static int exec_undefined(struct x86_cpu *c, const struct x86_insn *in)
{
	return x86_raise(c, X86_UD);
}

/* Bytes at lin for one instruction: the rest of this page, or across its end. */
static int fetch_across(struct vcpu *v, const struct soft_fetch *f, u64 lin,
			u8 buf[X86_INSN_MAX], unsigned int *got)
{
	unsigned int first = X86_PAGE_SIZE - (lin & 0xfff);
	u64 next = (lin + first) & v->cpu.lin_mask;
	struct soft_fetch *g;
	int r;

	first = min(first, (unsigned int)X86_INSN_MAX);
	memcpy(buf, f->host + (lin & 0xfff), first);
	*got = first;
	if (first == X86_INSN_MAX)
		return RUN_OK;
	r = soft_fetch_entry(v, next, &g);
	if (r)
		return r;
	if (!g->host)
		return RUN_OK;
	soft_mark_code(v, g->gpa, g->page);
	memcpy(buf + first, g->host, X86_INSN_MAX - first);
	*got = X86_INSN_MAX;
	return RUN_OK;
}

static int decode_at(struct vcpu *v, struct x86_insn *in, const u8 *code, unsigned int n)
{
	int err = x86_decode(in, v->cpu.mode, code, n);

	if (err == -ENODATA)
		return err;
	if (err) {
		in->exec = err == -E2BIG ? exec_fetch_gp : exec_undefined;
		in->flags |= IN_STOP;
	} else {
		x86_bind(in, soft_exec_fpu);
	}
	return 0;
}

static bool block_ends(const struct builder *b, const struct x86_insn *in)
{
	return in->flags & (IN_BRANCH | IN_STOP) || b->n == BLOCK_INSNS ||
	       b->used > BLOCK_BYTES - X86_INSN_MAX;
}

/*
 * Decode from lin up to a branch, the page's end or the block's capacity. An
 * instruction that goes on in the next page is a block of its own.
 */
static int build(struct vcpu *v, struct builder *b, const struct soft_fetch *f, u64 lin)
{
	unsigned int left = X86_PAGE_SIZE - (lin & 0xfff), got;
	const u8 *p = f->host + (lin & 0xfff);
	u8 buf[X86_INSN_MAX];
	int r;

	b->n = b->used = 0;
	b->crosses = false;
	while (left) {
		struct x86_insn *in = &b->insn[b->n];

		if (decode_at(v, in, p, min(left, (unsigned int)X86_INSN_MAX))) {
			if (b->n)
				return RUN_OK;
			r = fetch_across(v, f, lin, buf, &got);
			if (r)
				return r;
			if (decode_at(v, in, buf, got))
				return x86_raise_err(&v->cpu, X86_GP, 0);
			memcpy(b->bytes, buf, in->len);
			b->n = 1;
			b->used = in->len;
			b->crosses = true;
			return RUN_OK;
		}
		memcpy(b->bytes + b->used, p, in->len);
		b->n++;
		b->used += in->len;
		p += in->len;
		left -= in->len;
		if (block_ends(b, in))
			break;
	}
	return RUN_OK;
}

static unsigned int hash_of(u64 gpa, unsigned int mode)
{
	return (gpa * 4 + mode) * 0x9e3779b97f4a7c15ull >> (64 - HASH_BITS);
}

static int block_make(struct vcpu *v, struct soft_fetch *f, u64 lin, u64 gpa,
		      struct soft_block **out)
{
	struct soft_vcpu *s = soft_of(v);
	struct soft_block *b;
	struct builder bl;
	unsigned int h;
	u32 version;
	int r;

	soft_mark_code(v, gpa, f->page);
	version = __atomic_load_n(f->page, __ATOMIC_SEQ_CST);
	r = build(v, &bl, f, lin);
	if (r)
		return r;
	b = block_alloc(s, bl.n);
	if (!b)
		return -ENOMEM;
	*b = (struct soft_block){ .lin = lin, .gpa = gpa, .fill = f->fill, .version = version,
				  .page = f->page, .bytes = bl.used, .n = bl.n,
				  .mode = v->cpu.mode, .crosses = bl.crosses };
	memcpy(b->code, bl.bytes, bl.used);
	memcpy(b->insn, bl.insn, bl.n * sizeof(bl.insn[0]));
	h = hash_of(gpa, b->mode);
	b->next = s->hash[h];
	s->hash[h] = b;
	s->decoded += b->n;
	*out = b;
	return RUN_OK;
}

/* --- finding one --- */

/* Does the block still say what memory says? Marks the page first, so that a
 * write after the comparison is noticed. */
static int block_matches(struct vcpu *v, struct soft_block *b, struct soft_fetch *f, u64 lin)
{
	unsigned int first = min((unsigned int)b->bytes,
				 (unsigned int)(X86_PAGE_SIZE - (lin & 0xfff)));
	struct soft_fetch *g;
	u32 version;
	int r;

	soft_of(v)->revalidated++;
	soft_mark_code(v, b->gpa, f->page);
	version = __atomic_load_n(f->page, __ATOMIC_SEQ_CST);
	if (memcmp(b->code, f->host + (lin & 0xfff), first))
		return 0;
	if (b->crosses) {
		r = soft_fetch_entry(v, (lin + first) & v->cpu.lin_mask, &g);
		if (r)
			return r == RUN_FAULT ? -1 : -2;
		if (!g->host || memcmp(b->code + first, g->host, b->bytes - first))
			return 0;
	}
	b->lin = lin;
	b->fill = f->fill;
	b->page = f->page;
	b->version = version;
	return 1;
}

static int block_find(struct vcpu *v, struct soft_fetch *f, u64 lin, struct soft_block **out)
{
	struct soft_vcpu *s = soft_of(v);
	u64 gpa = f->gpa | (lin & 0xfff);
	unsigned int h = hash_of(gpa, v->cpu.mode);
	struct soft_block **pp, *b;
	int m;

	for (pp = &s->hash[h]; (b = *pp); pp = &b->next) {
		if (b->gpa != gpa || b->mode != v->cpu.mode)
			continue;
		m = block_matches(v, b, f, lin);
		if (m < 0)
			return RUN_FAULT;
		if (m) {
			*out = b;
			return RUN_OK;
		}
		/* Nothing may still reach it: the chain and tc are all there is. */
		*pp = b->next;
		b->gpa = ~0ull;
		b->fill = 0;
		b->version = ~0u;
		break;
	}
	return block_make(v, f, lin, gpa, out);
}

/* Code in MMIO, or a limit in the way: one instruction, not kept. */
static int block_uncached(struct vcpu *v, struct soft_block **out)
{
	struct soft_vcpu *s = soft_of(v);
	struct soft_block *b = (struct soft_block *)s->single;
	u8 buf[X86_INSN_MAX];
	unsigned int got;
	int r = x86_fetch(&v->cpu, buf, sizeof(buf), &got);

	if (r)
		return r;
	memset(s->single, 0, sizeof(s->single));
	if (decode_at(v, &b->insn[0], buf, got))
		return x86_raise_err(&v->cpu, X86_GP, 0);
	b->n = 1;
	b->bytes = b->insn[0].len;
	*out = b;
	return RUN_OK;
}

static bool beyond_limit(const struct x86_cpu *c, const struct soft_block *b)
{
	return c->mode != X86_MODE64 &&
	       c->gpr[X86_RIP] + b->bytes - 1 > c->seg[X86_CS].limit;
}

int soft_block_get(struct vcpu *v, struct soft_block **out)
{
	struct soft_vcpu *s = soft_of(v);
	struct x86_cpu *c = &v->cpu;
	u64 rip = c->gpr[X86_RIP];
	u64 lin = (c->mode == X86_MODE64 ? rip : c->seg[X86_CS].base + rip) & c->lin_mask;
	struct soft_block **tc = &s->tc[(lin ^ lin >> TC_BITS) & ((1u << TC_BITS) - 1)], *b = *tc;
	struct soft_fetch *f;
	int r;

	r = soft_fetch_entry(v, lin, &f);
	if (unlikely(r))
		return r;
	if (unlikely(!f->page))
		return block_uncached(v, out);
	/* A crossing block also depends on the next page: always check it. */
	if (likely(b && b->lin == lin && b->fill == f->fill && b->mode == c->mode &&
		   b->version == READ_ONCE(*b->page) && !b->crosses)) {
		*out = b;
	} else {
		r = block_find(v, f, lin, out);
		if (r)
			return r;
		b = *tc = *out;
	}
	if (unlikely(beyond_limit(c, b)))
		return block_uncached(v, out);
	return RUN_OK;
}
