/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sse.h - what the MMX and SSE handlers share: availability checks, register
 * and memory operands, and templates that turn an operation on values into
 * the handlers of its register and memory forms.
 */
#ifndef SOFT_SSE_H
#define SOFT_SSE_H

#include <emmintrin.h>
#include "core/x86/cpuid.h"
#include "core/x86/flags.h"
#include "core/x86/insn.h"
#include "core/x86/mem.h"
#include "engine/soft/fpu.h"

#define X87_ES		(1u << 7)	/* FSW: an unmasked exception is pending */
#define X87_TOP		(7u << 11)

/* The handlers of an op: XMM or MMX, rm a register or memory. */
struct simd_row {
	x86_exec_fn xr, xm, mr, mm;
};

#define SIMD_FIRST	OP_movups
#define SIMD_ROWS	(OP_sha256msg2 - SIMD_FIRST + 1)
#define SIMD_ROW(op)	[OP_##op - SIMD_FIRST]

static inline x86_exec_fn simd_pick(const struct simd_row rows[SIMD_ROWS],
				    const struct x86_insn *in)
{
	const struct simd_row *row;

	if (in->op < SIMD_FIRST || in->op > OP_sha256msg2)
		return NULL;
	row = &rows[in->op - SIMD_FIRST];
	if (in->opsize == 8)
		return in->flags & IN_MEM ? row->mm : row->mr;
	return in->flags & IN_MEM ? row->xm : row->xr;
}

/* Are SSE instructions of this feature off? Then return sse_denied(). */
static __always_inline bool sse_off(const struct x86_cpu *c, enum x86_feature f)
{
	return unlikely(c->cr0 & (X86_CR0_EM | X86_CR0_TS)) ||
	       unlikely(!(c->cr4 & X86_CR4_OSFXSR)) ||
	       unlikely(!(c->features[f / 64] & 1ull << f % 64));
}

static __always_inline bool mmx_off(const struct x86_cpu *c, enum x86_feature f)
{
	return unlikely(c->cr0 & (X86_CR0_EM | X86_CR0_TS)) || unlikely(c->fpu.fsw & X87_ES) ||
	       unlikely(!(c->features[f / 64] & 1ull << f % 64));
}

int sse_denied(struct x86_cpu *c, enum x86_feature f);
int mmx_denied(struct x86_cpu *c, enum x86_feature f);

static __always_inline __m128i xmm(const struct x86_cpu *c, unsigned int n)
{
	return *(const __m128i *)&c->fpu.v[n];
}

static __always_inline void xmm_set(struct x86_cpu *c, unsigned int n, __m128i v)
{
	*(__m128i *)&c->fpu.v[n] = v;
}

/* Every MMX instruction makes TOP zero and, but for EMMS, all registers valid. */
static __always_inline void mmx_enter(struct x86_cpu *c)
{
	c->fpu.fsw &= ~X87_TOP;
	c->fpu.ftw = 0xff;
}

static __always_inline u64 mmx(const struct x86_cpu *c, unsigned int n)
{
	return c->fpu.st[n & 7].mant;
}

static __always_inline void mmx_set(struct x86_cpu *c, unsigned int n, u64 v)
{
	c->fpu.st[n & 7].mant = v;
	c->fpu.st[n & 7].se = 0xffff;
}

static __always_inline __m128i low64(u64 v)
{
	return _mm_cvtsi64_si128(v);
}

static __always_inline u64 get64(__m128i v)
{
	return _mm_cvtsi128_si64(v);
}

/* The memory operand, n bytes; aligned: #GP(0) when it is not, by n. */
int simd_load_slow(struct x86_cpu *c, const struct x86_insn *in, void *buf, unsigned int n,
		   bool aligned);
int simd_store_slow(struct x86_cpu *c, const struct x86_insn *in, const void *buf,
		    unsigned int n, bool aligned);

/* Where the host may access it right away, or 0. */
static __always_inline u64 simd_ptr(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int n, bool aligned, bool write)
{
	u64 p = x86_host_ptr(c, in->seg, x86_ea(c, in), n, write);

	return aligned && unlikely(p & (n - 1)) ? 0 : p;
}

static __always_inline __m128i simd_get(u64 p, unsigned int n)
{
	if (n == 16)
		return _mm_loadu_si128((const __m128i *)p);
	return low64(x86_host_load(p, n));
}

/* n of 1, 2, 4 or 8 bytes into the low end of a register, the rest zero; 16
 * have to be aligned. */
static __always_inline int simd_load(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int n, __m128i *v)
{
	u64 p = simd_ptr(c, in, n, n == 16, false);

	if (likely(p)) {
		*v = simd_get(p, n);
		return RUN_OK;
	}
	*v = _mm_setzero_si128();
	return simd_load_slow(c, in, v, n, n == 16);
}

/*
 * Templates. An operation is a function of the destination's old value, the
 * source and the immediate; it works on MMX values in the low half.
 */
typedef __m128i (*simd_fn)(__m128i a, __m128i b, unsigned int imm);

/* Memory forms whose access the fast path cannot do. */
int simd_xm_slow(struct x86_cpu *c, const struct x86_insn *in, simd_fn fn, unsigned int n,
		 bool aligned);
int simd_mm_slow(struct x86_cpu *c, const struct x86_insn *in, simd_fn fn, unsigned int n);

static __always_inline int simd_xr(struct x86_cpu *c, const struct x86_insn *in,
				   enum x86_feature f, simd_fn fn)
{
	if (sse_off(c, f))
		return sse_denied(c, f);
	xmm_set(c, in->reg, fn(xmm(c, in->reg), xmm(c, in->rm), (unsigned int)in->imm));
	return RUN_OK;
}

/* n is the size of the memory operand. */
static __always_inline int simd_xm_any(struct x86_cpu *c, const struct x86_insn *in,
				       enum x86_feature f, simd_fn fn, unsigned int n,
				       bool aligned)
{
	u64 p;

	if (sse_off(c, f))
		return sse_denied(c, f);
	p = simd_ptr(c, in, n, aligned, false);
	if (unlikely(!p))
		return simd_xm_slow(c, in, fn, n, aligned);
	xmm_set(c, in->reg, fn(xmm(c, in->reg), simd_get(p, n), (unsigned int)in->imm));
	return RUN_OK;
}

static __always_inline int simd_xm(struct x86_cpu *c, const struct x86_insn *in,
				   enum x86_feature f, simd_fn fn, unsigned int n)
{
	return simd_xm_any(c, in, f, fn, n, n == 16);
}

static __always_inline int simd_mr(struct x86_cpu *c, const struct x86_insn *in,
				   enum x86_feature f, simd_fn fn)
{
	u64 r;

	if (mmx_off(c, f))
		return mmx_denied(c, f);
	r = get64(fn(low64(mmx(c, in->reg)), low64(mmx(c, in->rm)), (unsigned int)in->imm));
	mmx_enter(c);
	mmx_set(c, in->reg, r);
	return RUN_OK;
}

static __always_inline int simd_mm(struct x86_cpu *c, const struct x86_insn *in,
				   enum x86_feature f, simd_fn fn, unsigned int n)
{
	__m128i b;
	u64 p;

	if (mmx_off(c, f))
		return mmx_denied(c, f);
	p = simd_ptr(c, in, n, false, false);
	if (unlikely(!p))
		return simd_mm_slow(c, in, fn, n);
	b = fn(low64(mmx(c, in->reg)), simd_get(p, n), (unsigned int)in->imm);
	mmx_enter(c);
	mmx_set(c, in->reg, get64(b));
	return RUN_OK;
}

#define SIMD_HANDLER(name) \
	static int name(struct x86_cpu *c, const struct x86_insn *in)

/* An operation that is one host instruction. */
#define SIMD_ASM(name, insn) \
	static __always_inline __m128i name(__m128i a, __m128i b, unsigned int imm) \
	{ \
		__asm__(insn " %1, %0" : "+x"(a) : "x"(b)); \
		return a; \
	}

/* The handlers of XMM forms (op_xr, op_xm) and of MMX forms (op_mr, op_mm). */
#define SIMD_X(op, f, fn, n) \
	SIMD_HANDLER(op##_xr) { return simd_xr(c, in, f, fn); } \
	SIMD_HANDLER(op##_xm) { return simd_xm(c, in, f, fn, n); }
#define SIMD_M(op, f, fn, n) \
	SIMD_HANDLER(op##_mr) { return simd_mr(c, in, f, fn); } \
	SIMD_HANDLER(op##_mm) { return simd_mm(c, in, f, fn, n); }

#define SIMD_ROW_X(op)	SIMD_ROW(op) = { op##_xr, op##_xm, NULL, NULL },
#define SIMD_ROW_XM(op)	SIMD_ROW(op) = { op##_xr, op##_xm, op##_mr, op##_mm },

#endif
