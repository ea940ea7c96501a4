// SPDX-License-Identifier: GPL-2.0-or-later
/* sse_convert.c - conversions between SSE floats and integers. */
#include "engine/soft/sse_fp.h"

/* Within XMM registers: op, feature, bytes of memory. */
#define WITHIN(X) \
	X(cvtps2pd, 8) X(cvtpd2ps, 16) X(cvtss2sd, 4) X(cvtsd2ss, 8) X(cvtdq2ps, 16) \
	X(cvtps2dq, 16) X(cvttps2dq, 16) X(cvtdq2pd, 8) X(cvtpd2dq, 16) X(cvttpd2dq, 16)
#define DEF_WITHIN(op, n) FP_ASM(op_##op, #op) FP_X(op, XF_SSE2, FP_XMM, op_##op, n)
WITHIN(DEF_WITHIN)

/* To a general register of srcsize bytes. */
#define TO_GPR(op, f, n) \
	static __always_inline __m128i op##_4(__m128i a, __m128i b, unsigned int imm) \
	{ \
		u32 v; \
		__asm__ volatile(#op "l %1, %0" : "=r"(v) : "x"(b)); \
		return low64(v); \
	} \
	static __always_inline __m128i op##_8(__m128i a, __m128i b, unsigned int imm) \
	{ \
		u64 v; \
		__asm__ volatile(#op "q %1, %0" : "=r"(v) : "x"(b)); \
		return low64(v); \
	} \
	SIMD_HANDLER(op##_xr4) { return fp_reg(c, in, f, FP_GPR, op##_4); } \
	SIMD_HANDLER(op##_xm4) { return fp_mem(c, in, f, FP_GPR, op##_4, n); } \
	SIMD_HANDLER(op##_xr8) { return fp_reg(c, in, f, FP_GPR, op##_8); } \
	SIMD_HANDLER(op##_xm8) { return fp_mem(c, in, f, FP_GPR, op##_8, n); }
TO_GPR(cvtss2si, XF_SSE, 4)
TO_GPR(cvttss2si, XF_SSE, 4)
TO_GPR(cvtsd2si, XF_SSE2, 8)
TO_GPR(cvttsd2si, XF_SSE2, 8)

/* From a general register or memory of srcsize bytes. */
#define FROM_GPR(op, f) \
	static __always_inline __m128i op##_4(__m128i a, __m128i b, unsigned int imm) \
	{ \
		__asm__ volatile(#op "l %1, %0" : "+x"(a) : "r"((u32)get64(b))); \
		return a; \
	} \
	static __always_inline __m128i op##_8(__m128i a, __m128i b, unsigned int imm) \
	{ \
		__asm__ volatile(#op "q %1, %0" : "+x"(a) : "r"(get64(b))); \
		return a; \
	} \
	SIMD_HANDLER(op##_xr4) \
	{ \
		if (sse_off(c, f)) \
			return sse_denied(c, f); \
		return fp_run(c, in, FP_XMM, op##_4, low64(x86_reg_get(c, in->rm, 4))); \
	} \
	SIMD_HANDLER(op##_xr8) \
	{ \
		if (sse_off(c, f)) \
			return sse_denied(c, f); \
		return fp_run(c, in, FP_XMM, op##_8, low64(x86_reg_get(c, in->rm, 8))); \
	} \
	SIMD_HANDLER(op##_xm4) { return fp_mem(c, in, f, FP_XMM, op##_4, 4); } \
	SIMD_HANDLER(op##_xm8) { return fp_mem(c, in, f, FP_XMM, op##_8, 8); }
FROM_GPR(cvtsi2ss, XF_SSE)
FROM_GPR(cvtsi2sd, XF_SSE2)

/*
 * With MMX registers. Pending x87 exceptions come first, then these are SSE
 * instructions that leave the x87 stack as MMX ones do, #XM or not.
 */

static __always_inline bool pi_off(const struct x86_cpu *c, enum x86_feature f)
{
	return sse_off(c, f) || unlikely(c->fpu.fsw & X87_ES);
}

static int pi_denied(struct x86_cpu *c, enum x86_feature f)
{
	return sse_off(c, f) ? sse_denied(c, f) : x86_raise(c, X86_MF);
}

/* from: mm to xmm; to: xmm or n bytes of memory to mm. */
static __always_inline int pi_from(struct x86_cpu *c, const struct x86_insn *in,
				   enum x86_feature f, simd_fn fn)
{
	if (pi_off(c, f))
		return pi_denied(c, f);
	mmx_enter(c);
	return fp_run(c, in, FP_XMM, fn, low64(mmx(c, in->rm)));
}

static __always_inline int pi_to(struct x86_cpu *c, const struct x86_insn *in,
				 enum x86_feature f, simd_fn fn, unsigned int n)
{
	if (pi_off(c, f))
		return pi_denied(c, f);
	if (in->flags & IN_MEM)
		return fp_mem(c, in, f, FP_MMX, fn, n);
	return fp_run(c, in, FP_MMX, fn,
		      n == 8 ? _mm_move_epi64(xmm(c, in->rm)) : xmm(c, in->rm));
}

static __always_inline __m128i op_pi2ps(__m128i a, __m128i b, unsigned int imm)
{
	b = op_cvtdq2ps(b, _mm_move_epi64(b), 0);
	return (__m128i)_mm_move_sd((__m128d)a, (__m128d)b);
}

SIMD_HANDLER(cvtpi2ps_r) { return pi_from(c, in, XF_SSE, op_pi2ps); }
SIMD_HANDLER(cvtpi2pd_r) { return pi_from(c, in, XF_SSE2, op_cvtdq2pd); }

/* From memory they have nothing to do with MMX. */
SIMD_HANDLER(cvtpi2ps_m) { return fp_mem(c, in, XF_SSE, FP_XMM, op_pi2ps, 8); }
SIMD_HANDLER(cvtpi2pd_m) { return fp_mem(c, in, XF_SSE2, FP_XMM, op_cvtdq2pd, 8); }

SIMD_HANDLER(do_cvtps2pi) { return pi_to(c, in, XF_SSE, op_cvtps2dq, 8); }
SIMD_HANDLER(do_cvttps2pi) { return pi_to(c, in, XF_SSE, op_cvttps2dq, 8); }
SIMD_HANDLER(do_cvtpd2pi) { return pi_to(c, in, XF_SSE2, op_cvtpd2dq, 16); }
SIMD_HANDLER(do_cvttpd2pi) { return pi_to(c, in, XF_SSE2, op_cvttpd2dq, 16); }

#define ROW(op, n)	SIMD_ROW_X(op)
#define ROW_PI(op)	SIMD_ROW(op) = { do_##op, do_##op, do_##op, do_##op },
#define ROW_FROM(op)	SIMD_ROW(op) = { op##_r, op##_m, op##_r, op##_m },
#define ROW_SIZED(op, n) SIMD_ROW(op) = { op##_xr##n, op##_xm##n, op##_xr##n, op##_xm##n },
#define SIZED(n) \
	ROW_SIZED(cvtss2si, n) ROW_SIZED(cvttss2si, n) ROW_SIZED(cvtsd2si, n) \
	ROW_SIZED(cvttsd2si, n) ROW_SIZED(cvtsi2ss, n) ROW_SIZED(cvtsi2sd, n)

static const struct simd_row rows[SIMD_ROWS] = {
	WITHIN(ROW) SIZED(4)
	ROW_FROM(cvtpi2ps) ROW_FROM(cvtpi2pd) ROW_PI(cvtps2pi) ROW_PI(cvttps2pi)
	ROW_PI(cvtpd2pi) ROW_PI(cvttpd2pi)
};

static const struct simd_row rows64[SIMD_ROWS] = { SIZED(8) };

x86_exec_fn soft_exec_convert(const struct x86_insn *in)
{
	x86_exec_fn fn = in->srcsize == 8 ? simd_pick(rows64, in) : NULL;

	return fn ? fn : simd_pick(rows, in);
}
