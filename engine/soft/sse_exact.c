// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse_exact.c - was a result inexact, had its exponent no bounds?
 *
 * That is what decides MXCSR.PE when an unmasked overflow or underflow is
 * raised (SDM vol. 1, "Numeric Overflow Exception"). The x87 can tell: it
 * rounds to the same precision in a much larger range.
 */
#include "engine/soft/sse_fp.h"
#include "engine/soft/x87.h"

enum { ADD, SUB, MUL, DIV, NONE };

struct lanes {
	u8 op[4];		/* for each lane, ADD to DIV */
	u8 n, size;		/* of an operand */
	bool narrow;		/* to single precision, from doubles */
	__m128i a, b;
};

static u64 lane(__m128i v, unsigned int i, unsigned int size, bool daz)
{
	union x86_vec t;
	u64 r;

	*(__m128i *)&t = v;
	r = size == 4 ? t.d[i] : t.q[i];
	if (daz && size == 4 && !(r & 0x7f800000))
		r &= 0x80000000;
	if (daz && size == 8 && !(r & 0x7ff0000000000000ull))
		r &= 1ull << 63;
	return r;
}

#define X87(insn, fld, type) \
	__asm__ volatile(fld " %[a]\n\t" insn " %[b]\n\tfnstsw %[sw]\n\tfstp %%st(0)" \
			 : [sw] "=a"(sw) : [a] "m"(*(const type *)&a), [b] "m"(*(const type *)&b))

static u16 x87_run(unsigned int op, unsigned int size, u64 a, u64 b)
{
	u16 sw = 0;

	switch (op | (size == 8 ? 4 : 0)) {
	case ADD: X87("fadds", "flds", u32); break;
	case SUB: X87("fsubs", "flds", u32); break;
	case MUL: X87("fmuls", "flds", u32); break;
	case DIV: X87("fdivs", "flds", u32); break;
	case ADD | 4: X87("faddl", "fldl", u64); break;
	case SUB | 4: X87("fsubl", "fldl", u64); break;
	case MUL | 4: X87("fmull", "fldl", u64); break;
	case DIV | 4: X87("fdivl", "fldl", u64); break;
	}
	return sw;
}

static bool inexact(const struct lanes *l, u32 mxcsr)
{
	u16 cw = 0x3f | (l->size == 8 && !l->narrow ? 0x200 : 0) | (mxcsr >> 13 & 3) << 10, sw = 0;
	u16 rest = FCW_INIT;
	bool daz = mxcsr & MX_DAZ;

	__asm__ volatile("fnclex\n\tfldcw %0" : : "m"(cw));
	for (unsigned int i = 0; i < l->n; i++)
		sw |= x87_run(l->op[i], l->size, lane(l->a, i, l->size, daz),
			      lane(l->b, i, l->size, daz));
	__asm__ volatile("fnclex\n\tfldcw %0" : : "m"(rest));
	return sw & FSW_PE;
}

/* The operation in the lanes of an ordinary instruction. */
static unsigned int kind_of(unsigned int op, unsigned int *n, unsigned int *size)
{
#define FOUR(name, what) \
	case OP_##name##ps: *n = 4; *size = 4; return what; \
	case OP_##name##pd: *n = 2; *size = 8; return what; \
	case OP_##name##ss: *n = 1; *size = 4; return what; \
	case OP_##name##sd: *n = 1; *size = 8; return what;
#define TWO(name, what) \
	case OP_##name##ps: *n = 4; *size = 4; return what; \
	case OP_##name##pd: *n = 2; *size = 8; return what;

	switch (op) {
	FOUR(add, ADD) FOUR(sub, SUB) FOUR(mul, MUL) FOUR(div, DIV)
	TWO(hadd, ADD) TWO(hsub, SUB) TWO(addsub, ADD) TWO(dp, ADD)
	case OP_cvtsd2ss: *n = 1; *size = 8; return ADD;
	case OP_cvtpd2ps: *n = 2; *size = 8; return ADD;
	}
	return NONE;
}

static __m128i masked(__m128i v, unsigned int bits, unsigned int size)
{
	union x86_vec t;

	*(__m128i *)&t = v;
	for (unsigned int i = 0; i < 4; i++)
		if (!(bits >> (size == 8 ? i / 2 : i) & 1))
			t.d[i] = 0;
	return *(__m128i *)&t;
}

u32 fp_exact_flags(const struct x86_insn *in, unsigned int step, __m128i a, __m128i b,
		   u32 mxcsr, u32 flags)
{
	struct lanes l = { .a = a, .b = b };
	unsigned int n, size, kind = kind_of(in->op, &n, &size);
	__m128 x = (__m128)a, y = (__m128)b;

	if (kind == NONE)
		return flags;
	l.n = n;
	l.size = size;
	memset(l.op, kind, sizeof(l.op));
	switch (in->op) {
	case OP_cvtsd2ss: case OP_cvtpd2ps:
		l.narrow = true;
		l.a = b;
		l.b = _mm_setzero_si128();
		break;
	case OP_haddps: case OP_hsubps:
		l.a = (__m128i)_mm_shuffle_ps(x, y, 0x88);
		l.b = (__m128i)_mm_shuffle_ps(x, y, 0xdd);
		break;
	case OP_haddpd: case OP_hsubpd:
		l.a = _mm_unpacklo_epi64(a, b);
		l.b = _mm_unpackhi_epi64(a, b);
		break;
	case OP_addsubps: case OP_addsubpd:
		l.op[0] = l.op[2] = SUB;
		break;
	case OP_dpps: case OP_dppd:	/* after the first step a is what it left */
		if (step == 1) {
			memset(l.op, MUL, sizeof(l.op));
			l.a = masked(a, in->imm >> 4, size);
			l.b = masked(b, in->imm >> 4, size);
		} else {
			l.b = step == 2 && size == 4 ? _mm_shuffle_epi32(a, 0xb1) :
						       _mm_shuffle_epi32(a, 0x4e);
		}
		break;
	}
	return (flags & ~MX_PE) | (inexact(&l, mxcsr) ? MX_PE : 0);
}
