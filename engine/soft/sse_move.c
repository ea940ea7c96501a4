// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse_move.c - what only moves data between MMX, XMM and general registers
 * and memory. Sources: SDM vol. 2, the MOV* pages and "Exception Conditions
 * of Legacy SIMD Instructions Operating on MMX Registers".
 */
#include "engine/soft/sse.h"

/* Whole registers. */

static __always_inline __m128i op_copy(__m128i a, __m128i b, unsigned int imm)
{
	return b;
}

static __always_inline int load_whole(struct x86_cpu *c, const struct x86_insn *in,
				      enum x86_feature f, bool aligned)
{
	return simd_xm_any(c, in, f, op_copy, 16, aligned);
}

static noinline int store_slow(struct x86_cpu *c, const struct x86_insn *in, bool aligned)
{
	__m128i v = xmm(c, in->reg);

	return simd_store_slow(c, in, &v, 16, aligned);
}

static __always_inline int store_whole(struct x86_cpu *c, const struct x86_insn *in,
				       enum x86_feature f, bool aligned)
{
	u64 p;

	if (sse_off(c, f))
		return sse_denied(c, f);
	p = simd_ptr(c, in, 16, aligned, true);
	if (unlikely(!p))
		return store_slow(c, in, aligned);
	_mm_storeu_si128((__m128i *)p, xmm(c, in->reg));
	return RUN_OK;
}

static __always_inline int reg_store(struct x86_cpu *c, const struct x86_insn *in,
				     enum x86_feature f)
{
	if (sse_off(c, f))
		return sse_denied(c, f);
	xmm_set(c, in->rm, xmm(c, in->reg));
	return RUN_OK;
}

#define WHOLE(op, f, aligned) \
	SIMD_HANDLER(op##_xr) { return simd_xr(c, in, f, op_copy); } \
	SIMD_HANDLER(op##_xm) { return load_whole(c, in, f, aligned); } \
	SIMD_HANDLER(op##_st_xr) { return reg_store(c, in, f); } \
	SIMD_HANDLER(op##_st_xm) { return store_whole(c, in, f, aligned); }
#define WHOLE_ROWS(op) SIMD_ROW_X(op) SIMD_ROW_X(op##_st)

/* The single and double spellings differ in nothing but the feature. */
WHOLE(movups, XF_SSE, false)
WHOLE(movaps, XF_SSE, true)
WHOLE(movdqu, XF_SSE2, false)
WHOLE(movdqa, XF_SSE2, true)

SIMD_HANDLER(lddqu_xm) { return load_whole(c, in, XF_SSE3, false); }
SIMD_HANDLER(movntdqa_xm) { return load_whole(c, in, XF_SSE41, true); }
SIMD_HANDLER(movntps_xm) { return store_whole(c, in, XF_SSE, true); }
SIMD_HANDLER(movntdq_xm) { return store_whole(c, in, XF_SSE2, true); }

/* Scalars: register to register merges, a load clears the rest. */

static __always_inline __m128i op_movss(__m128i a, __m128i b, unsigned int imm)
{
	return (__m128i)_mm_move_ss((__m128)a, (__m128)b);
}

static __always_inline __m128i op_movsd(__m128i a, __m128i b, unsigned int imm)
{
	return (__m128i)_mm_move_sd((__m128d)a, (__m128d)b);
}

static __always_inline __m128i op_movq(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_move_epi64(b);
}

static __always_inline int load_scalar(struct x86_cpu *c, const struct x86_insn *in,
				       enum x86_feature f, unsigned int n)
{
	return simd_xm_any(c, in, f, op_copy, n, false);
}

/* part: the index of the quadword that is stored. */
static __always_inline int store_scalar(struct x86_cpu *c, const struct x86_insn *in,
					enum x86_feature f, unsigned int n, unsigned int part)
{
	if (sse_off(c, f))
		return sse_denied(c, f);
	return x86_store(c, in->seg, x86_ea(c, in), n, c->fpu.v[in->reg].q[part]);
}

static __always_inline int merge_back(struct x86_cpu *c, const struct x86_insn *in,
				      enum x86_feature f, simd_fn fn)
{
	if (sse_off(c, f))
		return sse_denied(c, f);
	xmm_set(c, in->rm, fn(xmm(c, in->rm), xmm(c, in->reg), 0));
	return RUN_OK;
}

SIMD_HANDLER(movss_xr) { return simd_xr(c, in, XF_SSE, op_movss); }
SIMD_HANDLER(movss_xm) { return load_scalar(c, in, XF_SSE, 4); }
SIMD_HANDLER(movss_st_xr) { return merge_back(c, in, XF_SSE, op_movss); }
SIMD_HANDLER(movss_st_xm) { return store_scalar(c, in, XF_SSE, 4, 0); }
SIMD_HANDLER(movsd_x_xr) { return simd_xr(c, in, XF_SSE2, op_movsd); }
SIMD_HANDLER(movsd_x_xm) { return load_scalar(c, in, XF_SSE2, 8); }
SIMD_HANDLER(movsd_x_st_xr) { return merge_back(c, in, XF_SSE2, op_movsd); }
SIMD_HANDLER(movsd_x_st_xm) { return store_scalar(c, in, XF_SSE2, 8, 0); }
SIMD_HANDLER(movq_x_xr) { return simd_xr(c, in, XF_SSE2, op_movq); }
SIMD_HANDLER(movq_x_xm) { return load_scalar(c, in, XF_SSE2, 8); }
SIMD_HANDLER(movq_x_st_xr) { return merge_back(c, in, XF_SSE2, op_movq); }
SIMD_HANDLER(movq_x_st_xm) { return store_scalar(c, in, XF_SSE2, 8, 0); }

/* Halves. With a register operand they are MOVHLPS and MOVLHPS. */

static __always_inline int load_half(struct x86_cpu *c, const struct x86_insn *in,
				     enum x86_feature f, unsigned int part)
{
	u64 v;
	int r;

	if (sse_off(c, f))
		return sse_denied(c, f);
	r = x86_load(c, in->seg, x86_ea(c, in), 8, &v);
	if (likely(!r))
		c->fpu.v[in->reg].q[part] = v;
	return r;
}

static __always_inline __m128i op_movhlps(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_unpackhi_epi64(b, a);
}

static __always_inline __m128i op_movlhps(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_unpacklo_epi64(a, b);
}

SIMD_HANDLER(movlps_xr) { return simd_xr(c, in, XF_SSE, op_movhlps); }
SIMD_HANDLER(movhps_xr) { return simd_xr(c, in, XF_SSE, op_movlhps); }
SIMD_HANDLER(movlps_xm) { return load_half(c, in, XF_SSE, 0); }
SIMD_HANDLER(movhps_xm) { return load_half(c, in, XF_SSE, 1); }
SIMD_HANDLER(movlps_st_xm) { return store_scalar(c, in, XF_SSE, 8, 0); }
SIMD_HANDLER(movhps_st_xm) { return store_scalar(c, in, XF_SSE, 8, 1); }
SIMD_HANDLER(movlpd_xm) { return load_half(c, in, XF_SSE2, 0); }
SIMD_HANDLER(movhpd_xm) { return load_half(c, in, XF_SSE2, 1); }
SIMD_HANDLER(movlpd_st_xm) { return store_scalar(c, in, XF_SSE2, 8, 0); }
SIMD_HANDLER(movhpd_st_xm) { return store_scalar(c, in, XF_SSE2, 8, 1); }

static __always_inline __m128i op_movsldup(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_shuffle_epi32(b, 0xa0);
}

static __always_inline __m128i op_movshdup(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_shuffle_epi32(b, 0xf5);
}

static __always_inline __m128i op_movddup(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_unpacklo_epi64(b, b);
}

SIMD_X(movsldup, XF_SSE3, op_movsldup, 16)
SIMD_X(movshdup, XF_SSE3, op_movshdup, 16)
SIMD_X(movddup, XF_SSE3, op_movddup, 8)

/* General registers: srcsize is 4 or 8. */

SIMD_HANDLER(movd_xr)
{
	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	xmm_set(c, in->reg, low64(x86_reg_get(c, in->rm, in->srcsize)));
	return RUN_OK;
}

SIMD_HANDLER(movd_xm)
{
	return in->srcsize == 8 ? load_scalar(c, in, XF_SSE2, 8) :
				  load_scalar(c, in, XF_SSE2, 4);
}

SIMD_HANDLER(movd_st_xr)
{
	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	x86_reg_set(c, in->rm, in->srcsize, c->fpu.v[in->reg].q[0]);
	return RUN_OK;
}

SIMD_HANDLER(movd_st_xm)
{
	return in->srcsize == 8 ? store_scalar(c, in, XF_SSE2, 8, 0) :
				  store_scalar(c, in, XF_SSE2, 4, 0);
}

SIMD_HANDLER(movd_mr)
{
	if (mmx_off(c, XF_MMX))
		return mmx_denied(c, XF_MMX);
	mmx_enter(c);
	mmx_set(c, in->reg, x86_reg_get(c, in->rm, in->srcsize));
	return RUN_OK;
}

SIMD_HANDLER(movd_mm)
{
	u64 v;
	int r;

	if (mmx_off(c, XF_MMX))
		return mmx_denied(c, XF_MMX);
	r = x86_load(c, in->seg, x86_ea(c, in), in->srcsize, &v);
	if (unlikely(r))
		return r;
	mmx_enter(c);
	mmx_set(c, in->reg, v);
	return RUN_OK;
}

SIMD_HANDLER(movd_st_mr)
{
	if (mmx_off(c, XF_MMX))
		return mmx_denied(c, XF_MMX);
	mmx_enter(c);
	x86_reg_set(c, in->rm, in->srcsize, mmx(c, in->reg));
	return RUN_OK;
}

static __always_inline int mmx_store(struct x86_cpu *c, const struct x86_insn *in,
				     enum x86_feature f, unsigned int n)
{
	int r;

	if (mmx_off(c, f))
		return mmx_denied(c, f);
	r = x86_store(c, in->seg, x86_ea(c, in), n, mmx(c, in->reg));
	if (likely(!r))
		mmx_enter(c);
	return r;
}

SIMD_HANDLER(movd_st_mm)
{
	return mmx_store(c, in, XF_MMX, in->srcsize);
}

SIMD_M(movq, XF_MMX, op_copy, 8)
SIMD_HANDLER(movq_st_mm) { return mmx_store(c, in, XF_MMX, 8); }
SIMD_HANDLER(movntq_mm) { return mmx_store(c, in, XF_SSE, 8); }

SIMD_HANDLER(movq_st_mr)
{
	if (mmx_off(c, XF_MMX))
		return mmx_denied(c, XF_MMX);
	mmx_enter(c);
	mmx_set(c, in->rm, mmx(c, in->reg));
	return RUN_OK;
}

/* Between the two files: SSE's conditions, then MMX's. */
static bool both_off(const struct x86_cpu *c)
{
	return sse_off(c, XF_SSE2) || c->fpu.fsw & X87_ES;
}

static int both_denied(struct x86_cpu *c)
{
	return sse_off(c, XF_SSE2) ? sse_denied(c, XF_SSE2) : x86_raise(c, X86_MF);
}

SIMD_HANDLER(do_movq2dq)
{
	if (unlikely(both_off(c)))
		return both_denied(c);
	mmx_enter(c);
	xmm_set(c, in->reg, low64(mmx(c, in->rm)));
	return RUN_OK;
}

SIMD_HANDLER(do_movdq2q)
{
	if (unlikely(both_off(c)))
		return both_denied(c);
	mmx_enter(c);
	mmx_set(c, in->reg, c->fpu.v[in->rm].q[0]);
	return RUN_OK;
}

/* Sign masks. */

SIMD_HANDLER(movmskps_xr)
{
	if (sse_off(c, XF_SSE))
		return sse_denied(c, XF_SSE);
	x86_reg_set(c, in->reg, 4, _mm_movemask_ps((__m128)xmm(c, in->rm)));
	return RUN_OK;
}

SIMD_HANDLER(movmskpd_xr)
{
	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	x86_reg_set(c, in->reg, 4, _mm_movemask_pd((__m128d)xmm(c, in->rm)));
	return RUN_OK;
}

SIMD_HANDLER(pmovmskb_xr)
{
	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	x86_reg_set(c, in->reg, 4, _mm_movemask_epi8(xmm(c, in->rm)));
	return RUN_OK;
}

SIMD_HANDLER(pmovmskb_mr)
{
	if (mmx_off(c, XF_SSE))
		return mmx_denied(c, XF_SSE);
	mmx_enter(c);
	x86_reg_set(c, in->reg, 4, _mm_movemask_epi8(low64(mmx(c, in->rm))));
	return RUN_OK;
}

/* Bytes of data whose mask byte is negative, to seg:rDI. Processors check the
 * whole range, the upper quadword first. */
static int masked_store(struct x86_cpu *c, const struct x86_insn *in, const u8 *data,
			const u8 *mask, unsigned int n)
{
	u64 size_mask = in->adsize == 8 ? ~0ull : in->adsize == 4 ? ~0u : 0xffff;
	u64 di = c->gpr[X86_RDI];
	int r = RUN_OK;

	for (unsigned int i = n; !r && i; i -= 8)
		r = x86_probe(c, in->seg, (di + i - 8) & size_mask, 8, true);
	for (unsigned int i = 0; !r && i < n; i++)
		if (mask[i] & 0x80)
			r = x86_store(c, in->seg, (di + i) & size_mask, 1, data[i]);
	return r;
}

SIMD_HANDLER(maskmovdqu_xr)
{
	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	return masked_store(c, in, c->fpu.v[in->reg].b, c->fpu.v[in->rm].b, 16);
}

SIMD_HANDLER(maskmovq_mr)
{
	u64 data, mask;
	int r;

	if (mmx_off(c, XF_SSE))
		return mmx_denied(c, XF_SSE);
	data = mmx(c, in->reg);
	mask = mmx(c, in->rm);
	r = masked_store(c, in, (const u8 *)&data, (const u8 *)&mask, 8);
	if (!r)
		mmx_enter(c);
	return r;
}

#define ALIAS(op, of)	SIMD_ROW(op) = { of##_xr, of##_xm, NULL, NULL },
#define REG_ONLY(op)	SIMD_ROW(op) = { op##_xr, NULL, NULL, NULL },
#define MEM_ONLY(op)	SIMD_ROW(op) = { NULL, op##_xm, NULL, NULL },

static const struct simd_row rows[SIMD_ROWS] = {
	WHOLE_ROWS(movups) WHOLE_ROWS(movaps) WHOLE_ROWS(movdqu) WHOLE_ROWS(movdqa)
	ALIAS(movupd, movdqu) ALIAS(movupd_st, movdqu_st)
	ALIAS(movapd, movdqa) ALIAS(movapd_st, movdqa_st)
	MEM_ONLY(lddqu) MEM_ONLY(movntdqa) MEM_ONLY(movntps) MEM_ONLY(movntdq)
	SIMD_ROW(movntpd) = { NULL, movntdq_xm, NULL, NULL },
	SIMD_ROW(movntq) = { NULL, movntq_mm, NULL, movntq_mm },
	SIMD_ROW_X(movss) SIMD_ROW_X(movss_st) SIMD_ROW_X(movsd_x) SIMD_ROW_X(movsd_x_st)
	SIMD_ROW_X(movq_x) SIMD_ROW_X(movq_x_st)
	SIMD_ROW_X(movlps) SIMD_ROW_X(movhps)
	MEM_ONLY(movlps_st) MEM_ONLY(movhps_st) MEM_ONLY(movlpd) MEM_ONLY(movhpd)
	MEM_ONLY(movlpd_st) MEM_ONLY(movhpd_st)
	SIMD_ROW_X(movsldup) SIMD_ROW_X(movshdup) SIMD_ROW_X(movddup)
	SIMD_ROW_XM(movd) SIMD_ROW_XM(movd_st)
	SIMD_ROW(movq) = { movq_mr, movq_mm, movq_mr, movq_mm },
	SIMD_ROW(movq_st) = { movq_st_mr, movq_st_mm, movq_st_mr, movq_st_mm },
	SIMD_ROW(movq2dq) = { do_movq2dq, NULL, do_movq2dq, NULL },
	SIMD_ROW(movdq2q) = { do_movdq2q, NULL, do_movdq2q, NULL },
	REG_ONLY(movmskps) REG_ONLY(movmskpd)
	SIMD_ROW(pmovmskb) = { pmovmskb_xr, NULL, pmovmskb_mr, NULL },
	REG_ONLY(maskmovdqu)
	SIMD_ROW(maskmovq) = { maskmovq_mr, NULL, maskmovq_mr, NULL },
};

x86_exec_fn soft_exec_move(const struct x86_insn *in)
{
	return simd_pick(rows, in);
}
