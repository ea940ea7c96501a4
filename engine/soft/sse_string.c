// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse_string.c - PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM.
 * Source: SDM vol. 1, "String and Text Processing Instructions".
 *
 * A set of elements is a bit mask; each step compares all elements of the
 * second operand with one of the first.
 */
#include "engine/soft/sse.h"

struct strings {
	__m128i a, b;		/* first operand (reg) and second (rm) */
	unsigned int na, nb;	/* elements that count */
	unsigned int max;	/* elements in a register: 16 or 8 */
	bool words, is_signed;
};

/* One bit an element from a vector of all ones or zeros. */
static unsigned int bits(const struct strings *s, __m128i m)
{
	return _mm_movemask_epi8(s->words ? _mm_packs_epi16(m, _mm_setzero_si128()) : m);
}

static unsigned int element(const struct strings *s, __m128i v, unsigned int i)
{
	union x86_vec t;

	*(__m128i *)&t = v;
	return s->words ? t.w[i & 7] : t.b[i & 15];
}

static __m128i spread(const struct strings *s, unsigned int v)
{
	return s->words ? _mm_set1_epi16((short)v) : _mm_set1_epi8((char)v);
}

/* Elements of b equal to, or greater than, v. Unsigned order is signed order
 * with the top bits flipped. */
static unsigned int equal(const struct strings *s, unsigned int v)
{
	__m128i x = spread(s, v);

	return bits(s, s->words ? _mm_cmpeq_epi16(s->b, x) : _mm_cmpeq_epi8(s->b, x));
}

static __m128i ordered(const struct strings *s, __m128i v)
{
	if (s->is_signed)
		return v;
	return _mm_xor_si128(v, spread(s, s->words ? 0x8000 : 0x80));
}

static unsigned int below(const struct strings *s, unsigned int v)
{
	__m128i x = ordered(s, spread(s, v)), b = ordered(s, s->b);

	return bits(s, s->words ? _mm_cmplt_epi16(b, x) : _mm_cmplt_epi8(b, x));
}

static unsigned int above(const struct strings *s, unsigned int v)
{
	__m128i x = ordered(s, spread(s, v)), b = ordered(s, s->b);

	return bits(s, s->words ? _mm_cmpgt_epi16(b, x) : _mm_cmpgt_epi8(b, x));
}

static unsigned int first_n(unsigned int n)
{
	return (1u << n) - 1;
}

static unsigned int aggregate(const struct strings *s, unsigned int how)
{
	unsigned int r = 0, valid = first_n(s->nb), all = first_n(s->max), m;
	__m128i eq;

	switch (how) {
	case 0:		/* equal any */
		for (unsigned int i = 0; i < s->na; i++)
			r |= equal(s, element(s, s->a, i));
		return r & valid;
	case 1:		/* ranges */
		for (unsigned int i = 0; i + 1 < s->na; i += 2)
			r |= ~below(s, element(s, s->a, i)) & ~above(s, element(s, s->a, i + 1));
		return r & valid;
	case 2:		/* equal each: beyond both ends is equal, beyond one is not */
		eq = s->words ? _mm_cmpeq_epi16(s->a, s->b) : _mm_cmpeq_epi8(s->a, s->b);
		m = first_n(s->na);
		return (bits(s, eq) & m & valid) | (all & ~m & ~valid);
	}
	r = all;	/* equal ordered: a as a substring of b, or of its end */
	for (unsigned int i = 0; i < s->na; i++) {
		m = equal(s, element(s, s->a, i)) & valid;
		r &= m >> i | ~(all >> i);
	}
	return r & all;
}

static unsigned int implicit_length(const struct strings *s, __m128i v)
{
	__m128i zero = _mm_setzero_si128();
	unsigned int m = bits(s, s->words ? _mm_cmpeq_epi16(v, zero) : _mm_cmpeq_epi8(v, zero));

	return m ? __builtin_ctz(m) : s->max;
}

static unsigned int explicit_length(const struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int reg, unsigned int max)
{
	bool wide = in->flags & IN_REXW && c->mode == X86_MODE64;
	s64 v = wide ? (s64)c->gpr[reg] : (s32)c->gpr[reg];

	if (v < 0)
		v = v < -(s64)max ? max : -v;
	return v > max ? max : v;
}

static void set_flags(struct x86_cpu *c, const struct strings *s, unsigned int r)
{
	x86_flags_set_arith(c, (r ? X86_F_CF : 0) | (s->nb < s->max ? X86_F_ZF : 0) |
			       (s->na < s->max ? X86_F_SF : 0) | (r & 1 ? X86_F_OF : 0));
}

static __m128i expand(const struct strings *s, unsigned int r, bool to_elements)
{
	union x86_vec t;

	if (!to_elements)
		return _mm_cvtsi32_si128(r);
	for (unsigned int i = 0; i < 16; i++)
		t.b[i] = r >> (s->words ? i / 2 : i) & 1 ? 0xff : 0;
	return *(__m128i *)&t;
}

static __always_inline int compare(struct x86_cpu *c, const struct x86_insn *in, bool lengths,
				   bool mask)
{
	unsigned int r, how = in->imm >> 2 & 3;
	struct strings s = { .words = in->imm & 1, .is_signed = in->imm & 2 };
	int err;

	if (sse_off(c, XF_SSE42))
		return sse_denied(c, XF_SSE42);
	s.a = xmm(c, in->reg);
	s.b = xmm(c, in->rm & 15);
	if (in->flags & IN_MEM) {
		u64 p = simd_ptr(c, in, 16, false, false);

		err = RUN_OK;
		if (likely(p))
			s.b = simd_get(p, 16);
		else
			err = simd_load_slow(c, in, &s.b, 16, false);
		if (err)
			return err;
	}
	s.max = s.words ? 8 : 16;
	s.na = lengths ? explicit_length(c, in, X86_RAX, s.max) : implicit_length(&s, s.a);
	s.nb = lengths ? explicit_length(c, in, X86_RDX, s.max) : implicit_length(&s, s.b);
	r = aggregate(&s, how);
	if (in->imm & 0x10)	/* negative, or only where b is valid */
		r ^= first_n(in->imm & 0x20 ? s.nb : s.max);
	set_flags(c, &s, r);
	if (mask)
		xmm_set(c, 0, expand(&s, r, in->imm & 0x40));
	else if (!r)
		x86_reg_set(c, 8 * X86_RCX, 4, s.max);
	else
		x86_reg_set(c, 8 * X86_RCX, 4,
			    in->imm & 0x40 ? 31 - __builtin_clz(r) : __builtin_ctz(r));
	return RUN_OK;
}

SIMD_HANDLER(do_pcmpestrm) { return compare(c, in, true, true); }
SIMD_HANDLER(do_pcmpestri) { return compare(c, in, true, false); }
SIMD_HANDLER(do_pcmpistrm) { return compare(c, in, false, true); }
SIMD_HANDLER(do_pcmpistri) { return compare(c, in, false, false); }

x86_exec_fn soft_exec_string(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_pcmpestrm: return do_pcmpestrm;
	case OP_pcmpestri: return do_pcmpestri;
	case OP_pcmpistrm: return do_pcmpistrm;
	case OP_pcmpistri: return do_pcmpistri;
	}
	return NULL;
}
