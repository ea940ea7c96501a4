// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse_float.c - SSE floating-point arithmetic, comparison and rounding.
 * Sources: SDM vol. 1, "SSE and SSE2 Exceptions"; vol. 2, the instructions.
 */
#include "engine/soft/sse_fp.h"

/*
 * An unmasked invalid, denormal or divide-by-zero exception keeps the
 * operation from being done, so what rounding would have raised is not.
 */
int fp_raise(struct x86_cpu *c, u32 flags)
{
	u32 raised = flags & ~(c->fpu.mxcsr >> 7) & MX_FLAGS;

	if (raised & (MX_IE | MX_DE | MX_ZE))
		flags &= MX_IE | MX_DE | MX_ZE;
	c->fpu.mxcsr |= flags;
	if (!raised)
		return RUN_OK;
	return x86_raise(c, c->cr4 & X86_CR4_OSXMMEXCPT ? X86_XM : X86_UD);
}

/* Run fn with the guest's control bits: its result in *r, its flags. */
static u32 run_guest(u32 guest, simd_fn fn, __m128i a, __m128i b, unsigned int imm, __m128i *r)
{
	u32 control = (guest & (MX_RC | MX_DAZ | MX_FTZ)) | MX_MASKS, flags;
	bool underflow = !(guest & MX_UE << 7);

	if (underflow)
		control &= ~MX_FTZ;
	host_mxcsr_set(control);
	*r = fn(a, b, imm);
	flags = host_mxcsr() & MX_FLAGS;
	if (underflow) {
		/* Unmasked, an exact tiny result counts too: FTZ reports it. */
		host_mxcsr_set(control | MX_FTZ);
		fn(a, b, imm);
		flags |= host_mxcsr() & MX_UE;
	}
	return flags;
}

int fp_run_slow(struct x86_cpu *c, const struct x86_insn *in, enum fp_kind kind,
		simd_fn fn, __m128i b)
{
	__m128i a = kind == FP_GPR || kind == FP_MMX ? b : xmm(c, in->reg), r,
		prev = a;
	u32 guest = c->fpu.mxcsr, host = host_mxcsr(), flags = 0, raised;
	unsigned int steps = in->op == OP_dpps || in->op == OP_dppd ? 3 : 1;

	for (unsigned int i = 1; i <= steps; i++) {
		u32 f = run_guest(guest, fn, a, b, (u8)in->imm | (i < steps ? i << 8 : 0), &r);

		raised = f & ~(guest >> 7);
		if (raised & (MX_OE | MX_UE) && !(raised & (MX_IE | MX_DE | MX_ZE)))
			f = fp_exact_flags(in, i, i > 1 ? prev : a, b, guest, f & ~flags) | flags;
		flags |= f;
		if (raised)
			break;
		prev = r;
	}
	host_mxcsr_set(host & ~MX_FLAGS);
	if (kind == FP_MMX)
		mmx_enter(c);
	if (fp_raise(c, flags))
		return RUN_FAULT;
	fp_finish(c, in, kind, r);
	return RUN_OK;
}

int fp_mem_slow(struct x86_cpu *c, const struct x86_insn *in, enum fp_kind kind,
		simd_fn fn, unsigned int n)
{
	__m128i b = _mm_setzero_si128();
	int r = simd_load_slow(c, in, &b, n, n == 16);

	return r ? r : fp_run_slow(c, in, kind, fn, b);
}

#define ARITH(X, op) \
	X(op##ps, XF_SSE, 16) X(op##pd, XF_SSE2, 16) X(op##ss, XF_SSE, 4) X(op##sd, XF_SSE2, 8)
#define ALL_ARITH(X) \
	ARITH(X, add) ARITH(X, mul) ARITH(X, sub) ARITH(X, div) ARITH(X, min) ARITH(X, max) \
	ARITH(X, sqrt)
#define DEF_ARITH(op, f, n) FP_ASM(op_##op, #op) FP_X(op, f, FP_XMM, op_##op, n)
ALL_ARITH(DEF_ARITH)

/* Approximations: no flags, no rounding mode. */
#define APPROX(X) \
	X(rcpps, XF_SSE, 16) X(rcpss, XF_SSE, 4) X(rsqrtps, XF_SSE, 16) X(rsqrtss, XF_SSE, 4)
#define DEF_APPROX(op, f, n) SIMD_ASM(op_##op, #op) SIMD_X(op, f, op_##op, n)
APPROX(DEF_APPROX)

/* The predicate has to be a constant; only its low three bits count. */
#define COMPARE(op, suffix, f, n) \
	FP_ASM(eq_##suffix, "cmpeq" #suffix) FP_ASM(lt_##suffix, "cmplt" #suffix) \
	FP_ASM(le_##suffix, "cmple" #suffix) FP_ASM(un_##suffix, "cmpunord" #suffix) \
	FP_ASM(ne_##suffix, "cmpneq" #suffix) FP_ASM(nl_##suffix, "cmpnlt" #suffix) \
	FP_ASM(nle_##suffix, "cmpnle" #suffix) FP_ASM(ord_##suffix, "cmpord" #suffix) \
	static __always_inline __m128i op_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		switch (imm & 7) { \
		case 0: return eq_##suffix(a, b, 0); \
		case 1: return lt_##suffix(a, b, 0); \
		case 2: return le_##suffix(a, b, 0); \
		case 3: return un_##suffix(a, b, 0); \
		case 4: return ne_##suffix(a, b, 0); \
		case 5: return nl_##suffix(a, b, 0); \
		case 6: return nle_##suffix(a, b, 0); \
		} \
		return ord_##suffix(a, b, 0); \
	} \
	FP_X(op, f, FP_XMM, op_##op, n)
COMPARE(cmpps, ps, XF_SSE, 16)
COMPARE(cmppd, pd, XF_SSE2, 16)
COMPARE(cmpss, ss, XF_SSE, 4)
COMPARE(cmpsd, sd, XF_SSE2, 8)

#define COMPARE_CC(op, f, n) \
	static __always_inline __m128i op_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		bool cf, pf, zf; \
		__asm__ volatile(#op " %4, %3" \
				 : "=@ccc"(cf), "=@ccp"(pf), "=@ccz"(zf) : "x"(a), "x"(b)); \
		return low64((cf ? X86_F_CF : 0) | (pf ? X86_F_PF : 0) | (zf ? X86_F_ZF : 0)); \
	} \
	FP_X(op, f, FP_CC, op_##op, n)
COMPARE_CC(comiss, XF_SSE, 4)
COMPARE_CC(ucomiss, XF_SSE, 4)
COMPARE_CC(comisd, XF_SSE2, 8)
COMPARE_CC(ucomisd, XF_SSE2, 8)

/* Horizontal operations: SSE2's, on shuffled operands. */

static __always_inline __m128i even_ps(__m128i a, __m128i b)
{
	return (__m128i)_mm_shuffle_ps((__m128)a, (__m128)b, 0x88);
}

static __always_inline __m128i odd_ps(__m128i a, __m128i b)
{
	return (__m128i)_mm_shuffle_ps((__m128)a, (__m128)b, 0xdd);
}

#define HORIZONTAL(op, base) \
	static __always_inline __m128i op_##op##ps(__m128i a, __m128i b, unsigned int imm) \
	{ \
		return op_##base##ps(even_ps(a, b), odd_ps(a, b), 0); \
	} \
	static __always_inline __m128i op_##op##pd(__m128i a, __m128i b, unsigned int imm) \
	{ \
		return op_##base##pd(_mm_unpacklo_epi64(a, b), _mm_unpackhi_epi64(a, b), 0); \
	} \
	FP_X(op##ps, XF_SSE3, FP_XMM, op_##op##ps, 16) \
	FP_X(op##pd, XF_SSE3, FP_XMM, op_##op##pd, 16)
HORIZONTAL(hadd, add)
HORIZONTAL(hsub, sub)

/* Each half sees zeros where the other half's numbers are: no flags of theirs. */
#define ADDSUB(suffix, odd) \
	static __always_inline __m128i op_addsub##suffix(__m128i a, __m128i b, unsigned int imm) \
	{ \
		__m128i m = odd; \
		__m128i s = op_add##suffix(_mm_and_si128(a, m), _mm_and_si128(b, m), 0); \
		__m128i d = op_sub##suffix(_mm_andnot_si128(m, a), _mm_andnot_si128(m, b), 0); \
		return _mm_or_si128(_mm_and_si128(m, s), _mm_andnot_si128(m, d)); \
	} \
	FP_X(addsub##suffix, XF_SSE3, FP_XMM, op_addsub##suffix, 16)
ADDSUB(ps, _mm_set_epi32(-1, 0, -1, 0))
ADDSUB(pd, _mm_set_epi64x(-1, 0))

/* All ones in the lanes whose bit is set. */
static __always_inline __m128i lanes4(unsigned int bits)
{
	return _mm_setr_epi32(-(bits & 1), -(bits >> 1 & 1), -(bits >> 2 & 1), -(bits >> 3 & 1));
}

static __always_inline __m128i lanes2(unsigned int bits)
{
	return _mm_set_epi64x(-(s64)(bits >> 1 & 1), -(s64)(bits & 1));
}

/*
 * Exceptions of one step come before those of the next: bits 8 and up of imm,
 * when set, say after which step to stop. The order of operands decides which
 * of two NaNs comes out, and is that of Intel's processors.
 */
static __always_inline __m128i op_dpps(__m128i a, __m128i b, unsigned int imm)
{
	__m128i m = lanes4(imm >> 4);

	a = op_mulps(_mm_and_si128(a, m), _mm_and_si128(b, m), 0);
	a = _mm_and_si128(a, m);
	if (imm >> 8 == 1)
		return a;
	a = op_addps(_mm_shuffle_epi32(a, 0xb1), a, 0);
	if (imm >> 8 == 2)
		return a;
	a = op_addps(a, _mm_shuffle_epi32(a, 0x4e), 0);
	return _mm_and_si128(a, lanes4(imm));
}

static __always_inline __m128i op_dppd(__m128i a, __m128i b, unsigned int imm)
{
	__m128i m = lanes2(imm >> 4);

	a = op_mulpd(_mm_and_si128(a, m), _mm_and_si128(b, m), 0);
	a = _mm_and_si128(a, m);
	if (imm >> 8 == 1)
		return a;
	a = op_addpd(a, _mm_shuffle_epi32(a, 0x4e), 0);
	return _mm_and_si128(a, lanes2(imm));
}

FP_X(dpps, XF_SSE41, FP_XMM, op_dpps, 16)
FP_X(dppd, XF_SSE41, FP_XMM, op_dppd, 16)

/* ROUND*, on the bits of the number. rc is as in MXCSR; the exception is only
 * ever invalid or, if asked for, inexact. */

struct fp_format {
	u8 frac_bits;
	u16 exp_max, bias;
};

static const struct fp_format fp_single = { 23, 0xff, 127 };
static const struct fp_format fp_double = { 52, 0x7ff, 1023 };

static bool round_up(unsigned int rc, bool negative, u64 rest, u64 half, bool odd)
{
	switch (rc) {
	case 0: return rest > half || (rest == half && odd);
	case 1: return rest && negative;
	case 2: return rest && !negative;
	}
	return false;
}

static u64 round_integral(const struct fp_format *f, u64 v, unsigned int rc, bool daz, u32 *flags)
{
	u64 one = 1ull << f->frac_bits;
	unsigned int exp = v >> f->frac_bits & f->exp_max, cut;
	u64 sign = v & (u64)(f->exp_max + 1) << f->frac_bits, rest;

	if (exp == f->exp_max) {
		if (!(v & (one - 1)))
			return v;
		if (!(v & one >> 1))
			*flags |= MX_IE;
		return v | one >> 1;
	}
	if (v == sign || (!exp && daz))
		return sign;
	if (exp >= f->bias + f->frac_bits)
		return v;
	*flags |= MX_PE;
	if (exp < f->bias) {	/* below one: compare with a half */
		rest = exp < f->bias - 1u ? 1 : v & (one - 1) ? 3 : 2;
		return round_up(rc, sign, rest, 2, false) ? sign | (u64)f->bias << f->frac_bits :
							    sign;
	}
	cut = f->frac_bits - (exp - f->bias);
	rest = v & ((1ull << cut) - 1);
	if (!rest) {
		*flags &= ~MX_PE;
		return v;
	}
	v -= rest;
	/* The carry may go into the exponent, as it should. The lowest integer
	 * bit of a number below two is the exponent's: the bias is odd. */
	if (round_up(rc, sign, rest, 1ull << (cut - 1), v >> cut & 1))
		v += 1ull << cut;
	return v;
}

static int round_vec(struct x86_cpu *c, const struct x86_insn *in, unsigned int size,
		     unsigned int lanes)
{
	unsigned int rc = in->imm & 4 ? c->fpu.mxcsr >> 13 & 3 : in->imm & 3;
	bool daz = c->fpu.mxcsr & MX_DAZ;
	union x86_vec s;
	u32 flags = 0, one;
	int r;

	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	*(__m128i *)&s = xmm(c, in->rm & 15);
	if (in->flags & IN_MEM) {
		r = simd_load(c, in, size * lanes, (__m128i *)&s);
		if (r)
			return r;
	}
	for (unsigned int i = 0; i < lanes; i++) {
		one = 0;
		if (size == 4)
			s.d[i] = round_integral(&fp_single, s.d[i], rc, daz, &one);
		else
			s.q[i] = round_integral(&fp_double, s.q[i], rc, daz, &one);
		flags |= one;
	}
	if (in->imm & 8)
		flags &= ~MX_PE;
	if (flags && fp_raise(c, flags))
		return RUN_FAULT;
	memcpy(&c->fpu.v[in->reg], &s, size * lanes);
	return RUN_OK;
}

SIMD_HANDLER(do_roundps) { return round_vec(c, in, 4, 4); }
SIMD_HANDLER(do_roundpd) { return round_vec(c, in, 8, 2); }
SIMD_HANDLER(do_roundss) { return round_vec(c, in, 4, 1); }
SIMD_HANDLER(do_roundsd) { return round_vec(c, in, 8, 1); }

#define ROW(op, f, n)	SIMD_ROW_X(op)
#define ROW_SAME(op)	SIMD_ROW(op) = { do_##op, do_##op, NULL, NULL },

static const struct simd_row rows[SIMD_ROWS] = {
	ALL_ARITH(ROW) APPROX(ROW)
	SIMD_ROW_X(cmpps) SIMD_ROW_X(cmppd) SIMD_ROW_X(cmpss) SIMD_ROW_X(cmpsd)
	SIMD_ROW_X(comiss) SIMD_ROW_X(comisd) SIMD_ROW_X(ucomiss) SIMD_ROW_X(ucomisd)
	SIMD_ROW_X(haddps) SIMD_ROW_X(haddpd) SIMD_ROW_X(hsubps) SIMD_ROW_X(hsubpd)
	SIMD_ROW_X(addsubps) SIMD_ROW_X(addsubpd) SIMD_ROW_X(dpps) SIMD_ROW_X(dppd)
	ROW_SAME(roundps) ROW_SAME(roundpd) ROW_SAME(roundss) ROW_SAME(roundsd)
};

x86_exec_fn soft_exec_float(const struct x86_insn *in)
{
	return simd_pick(rows, in);
}
