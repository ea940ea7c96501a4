/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sse_fp.h - running one SSE floating-point operation of the guest on the host.
 *
 * The operation runs with the guest's rounding, DAZ and FTZ, all exceptions
 * masked, and its exception flags end in the guest's MXCSR. Loading MXCSR is
 * slow, so it is avoided in the usual case: the guest's control bits are the
 * default ones, which the host has too, and every flag left in the host's
 * register is set in the guest's as well. All other C code sees the host's
 * own control bits; it may see any flags.
 */
#ifndef SOFT_SSE_FP_H
#define SOFT_SSE_FP_H

#include "engine/soft/sse.h"

#define MX_IE		(1u << 0)
#define MX_DE		(1u << 1)
#define MX_ZE		(1u << 2)
#define MX_OE		(1u << 3)
#define MX_UE		(1u << 4)
#define MX_PE		(1u << 5)
#define MX_FLAGS	0x3fu
#define MX_DAZ		(1u << 6)
#define MX_MASKS	(MX_FLAGS << 7)
#define MX_RC		(3u << 13)
#define MX_FTZ		(1u << 15)

static __always_inline u32 host_mxcsr(void)
{
	u32 v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static __always_inline void host_mxcsr_set(u32 v)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(v));
}

/* Where the result goes. */
enum fp_kind {
	FP_XMM,		/* reg */
	FP_GPR,		/* reg, of srcsize bytes */
	FP_CC,		/* ZF, PF and CF as given, the others clear */
	FP_MMX,		/* reg */
};

/* Like every simd_fn; its instructions have to be volatile, so that they stay
 * between the reads and writes of MXCSR. */
#define FP_ASM(name, insn) \
	static __always_inline __m128i name(__m128i a, __m128i b, unsigned int imm) \
	{ \
		__asm__ volatile(insn " %1, %0" : "+x"(a) : "x"(b)); \
		return a; \
	}

static __always_inline void fp_finish(struct x86_cpu *c, const struct x86_insn *in,
				      enum fp_kind kind, __m128i r)
{
	switch (kind) {
	case FP_XMM:
		xmm_set(c, in->reg, r);
		break;
	case FP_GPR:
		x86_reg_set(c, in->reg, in->srcsize, get64(r));
		break;
	case FP_CC:
		x86_flags_set_arith(c, get64(r));
		break;
	case FP_MMX:
		mmx_enter(c);
		mmx_set(c, in->reg, get64(r));
		break;
	}
}

/* The flags of an operation (or of the step-th step of one) that an unmasked
 * overflow or underflow stops, with the right PE. */
u32 fp_exact_flags(const struct x86_insn *in, unsigned int step, __m128i a, __m128i b,
		   u32 mxcsr, u32 flags);
/* Add flags to MXCSR; RUN_FAULT when one of them is unmasked. */
int fp_raise(struct x86_cpu *c, u32 flags);
int fp_run_slow(struct x86_cpu *c, const struct x86_insn *in, enum fp_kind kind,
		simd_fn fn, __m128i b);
int fp_mem_slow(struct x86_cpu *c, const struct x86_insn *in, enum fp_kind kind,
		simd_fn fn, unsigned int n);

static __always_inline int fp_run(struct x86_cpu *c, const struct x86_insn *in,
				  enum fp_kind kind, simd_fn fn, __m128i b)
{
	u32 host = host_mxcsr(), guest = c->fpu.mxcsr;
	__m128i r;

	if (unlikely((guest | MX_FLAGS) != (MX_MASKS | MX_FLAGS) ||
		     (host & ~guest) || (host | MX_FLAGS) != (MX_MASKS | MX_FLAGS)))
		return fp_run_slow(c, in, kind, fn, b);
	r = fn(kind == FP_GPR || kind == FP_MMX ? b : xmm(c, in->reg), b, (unsigned int)in->imm);
	c->fpu.mxcsr = guest | host_mxcsr();
	fp_finish(c, in, kind, r);
	return RUN_OK;
}

static __always_inline int fp_reg(struct x86_cpu *c, const struct x86_insn *in,
				  enum x86_feature f, enum fp_kind kind, simd_fn fn)
{
	if (sse_off(c, f))
		return sse_denied(c, f);
	return fp_run(c, in, kind, fn, xmm(c, in->rm));
}

static __always_inline int fp_mem(struct x86_cpu *c, const struct x86_insn *in,
				  enum x86_feature f, enum fp_kind kind, simd_fn fn,
				  unsigned int n)
{
	u64 p;

	if (sse_off(c, f))
		return sse_denied(c, f);
	p = simd_ptr(c, in, n, n == 16, false);
	if (unlikely(!p))
		return fp_mem_slow(c, in, kind, fn, n);
	return fp_run(c, in, kind, fn, simd_get(p, n));
}

#define FP_X(op, f, kind, fn, n) \
	SIMD_HANDLER(op##_xr) { return fp_reg(c, in, f, kind, fn); } \
	SIMD_HANDLER(op##_xm) { return fp_mem(c, in, f, kind, fn, n); }

#endif
