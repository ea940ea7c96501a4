// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse_packed.c - packed integers of MMX and SSE2, and the bitwise and
 * shuffling operations on floats, which no number's value matters to.
 * The host has SSE2, so an operation is a host instruction; an MMX operation
 * is the same one on the low half, where it works lane by lane.
 */
#include "engine/soft/sse.h"

#define LANES(op, mmx_f, xmm_f) \
	SIMD_ASM(op_##op, #op) \
	SIMD_X(op, xmm_f, op_##op, 16) \
	SIMD_M(op, mmx_f, op_##op, 8)

#define LANES_MMX(X)	/* MMX itself */ \
	X(paddb) X(paddw) X(paddd) X(paddsb) X(paddsw) X(paddusb) X(paddusw) \
	X(psubb) X(psubw) X(psubd) X(psubsb) X(psubsw) X(psubusb) X(psubusw) \
	X(pmullw) X(pmulhw) X(pmaddwd) X(pand) X(pandn) X(por) X(pxor) \
	X(pcmpeqb) X(pcmpeqw) X(pcmpeqd) X(pcmpgtb) X(pcmpgtw) X(pcmpgtd) \
	X(psrlw) X(psrld) X(psrlq) X(psraw) X(psrad) X(psllw) X(pslld) X(psllq)
#define LANES_SSE(X)	/* came to MMX with SSE */ \
	X(pmulhuw) X(pavgb) X(pavgw) X(pmaxub) X(pmaxsw) X(pminub) X(pminsw) X(psadbw)
#define LANES_SSE2(X)	/* with SSE2 */ \
	X(paddq) X(psubq) X(pmuludq)

#define DEF_MMX(op)	LANES(op, XF_MMX, XF_SSE2)
#define DEF_SSE(op)	LANES(op, XF_SSE, XF_SSE2)
#define DEF_SSE2(op)	LANES(op, XF_SSE2, XF_SSE2)
LANES_MMX(DEF_MMX)
LANES_SSE(DEF_SSE)
LANES_SSE2(DEF_SSE2)

/* Packing: the MMX form has both sources in one register's width. */
#define PACK(op) \
	SIMD_ASM(op_##op, #op) \
	static __always_inline __m128i half_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		a = _mm_unpacklo_epi64(a, b); \
		return op_##op(a, a, 0); \
	} \
	SIMD_X(op, XF_SSE2, op_##op, 16) \
	SIMD_M(op, XF_MMX, half_##op, 8)
PACK(packsswb)
PACK(packuswb)
PACK(packssdw)

/* Unpacking: MMX's high form is the upper half of SSE2's low form, and the
 * low form reads only four bytes of memory. */
#define UNPACK(suffix) \
	SIMD_ASM(op_punpckl##suffix, "punpckl" #suffix) \
	SIMD_ASM(op_punpckh##suffix, "punpckh" #suffix) \
	static __always_inline __m128i half_##suffix(__m128i a, __m128i b, unsigned int imm) \
	{ \
		return _mm_srli_si128(op_punpckl##suffix(a, b, 0), 8); \
	} \
	SIMD_X(punpckl##suffix, XF_SSE2, op_punpckl##suffix, 16) \
	SIMD_X(punpckh##suffix, XF_SSE2, op_punpckh##suffix, 16) \
	SIMD_M(punpckl##suffix, XF_MMX, op_punpckl##suffix, 4) \
	SIMD_M(punpckh##suffix, XF_MMX, half_##suffix, 8)
UNPACK(bw)
UNPACK(wd)
UNPACK(dq)
SIMD_ASM(op_punpcklqdq, "punpcklqdq")
SIMD_ASM(op_punpckhqdq, "punpckhqdq")
SIMD_X(punpcklqdq, XF_SSE2, op_punpcklqdq, 16)
SIMD_X(punpckhqdq, XF_SSE2, op_punpckhqdq, 16)

/* Bitwise and unpacking operations of floats. */
#define FLOAT_BITS(X) \
	X(andps, XF_SSE) X(andnps, XF_SSE) X(orps, XF_SSE) X(xorps, XF_SSE) \
	X(unpcklps, XF_SSE) X(unpckhps, XF_SSE) \
	X(andpd, XF_SSE2) X(andnpd, XF_SSE2) X(orpd, XF_SSE2) X(xorpd, XF_SSE2) \
	X(unpcklpd, XF_SSE2) X(unpckhpd, XF_SSE2)
#define DEF_BITS(op, f) SIMD_ASM(op_##op, #op) SIMD_X(op, f, op_##op, 16)
FLOAT_BITS(DEF_BITS)

/* Shuffles by an immediate. */

static __always_inline u32 dword(__m128i v, unsigned int n)
{
	union x86_vec t;

	*(__m128i *)&t = v;
	return t.d[n & 3];
}

static __always_inline __m128i op_pshufd(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_setr_epi32(dword(b, imm), dword(b, imm >> 2), dword(b, imm >> 4),
			      dword(b, imm >> 6));
}

static __always_inline __m128i op_shufps(__m128i a, __m128i b, unsigned int imm)
{
	return _mm_setr_epi32(dword(a, imm), dword(a, imm >> 2), dword(b, imm >> 4),
			      dword(b, imm >> 6));
}

static __always_inline __m128i op_shufpd(__m128i a, __m128i b, unsigned int imm)
{
	a = imm & 1 ? _mm_unpackhi_epi64(a, a) : a;
	return imm & 2 ? _mm_unpackhi_epi64(_mm_slli_si128(a, 8), b) : _mm_unpacklo_epi64(a, b);
}

static __always_inline u64 shuffle_words(u64 v, unsigned int imm)
{
	u64 r = 0;

	for (unsigned int i = 0; i < 4; i++)
		r |= (v >> 16 * (imm >> 2 * i & 3) & 0xffff) << 16 * i;
	return r;
}

static __always_inline __m128i op_pshuflw(__m128i a, __m128i b, unsigned int imm)
{
	return (__m128i)_mm_move_sd((__m128d)b, (__m128d)low64(shuffle_words(get64(b), imm)));
}

static __always_inline __m128i op_pshufhw(__m128i a, __m128i b, unsigned int imm)
{
	u64 high = get64(_mm_srli_si128(b, 8));

	return _mm_unpacklo_epi64(b, low64(shuffle_words(high, imm)));
}

SIMD_X(pshufd, XF_SSE2, op_pshufd, 16)
SIMD_X(pshuflw, XF_SSE2, op_pshuflw, 16)
SIMD_X(pshufhw, XF_SSE2, op_pshufhw, 16)
SIMD_X(shufps, XF_SSE, op_shufps, 16)
SIMD_X(shufpd, XF_SSE2, op_shufpd, 16)
SIMD_M(pshufw, XF_SSE, op_pshuflw, 8)

/* Shifts by an immediate: the register is rm. */

static __always_inline int shift_xr(struct x86_cpu *c, const struct x86_insn *in, simd_fn fn)
{
	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	xmm_set(c, in->rm, fn(xmm(c, in->rm), low64((u8)in->imm), (u8)in->imm));
	return RUN_OK;
}

static __always_inline int shift_mr(struct x86_cpu *c, const struct x86_insn *in, simd_fn fn)
{
	u64 r;

	if (mmx_off(c, XF_MMX))
		return mmx_denied(c, XF_MMX);
	r = get64(fn(low64(mmx(c, in->rm)), low64((u8)in->imm), 0));
	mmx_enter(c);
	mmx_set(c, in->rm, r);
	return RUN_OK;
}

#define SHIFTS(X) X(psrlw) X(psrld) X(psrlq) X(psraw) X(psrad) X(psllw) X(pslld) X(psllq)
#define DEF_SHIFT(op) \
	SIMD_HANDLER(op##_i_xr) { return shift_xr(c, in, op_##op); } \
	SIMD_HANDLER(op##_i_mr) { return shift_mr(c, in, op_##op); }
SHIFTS(DEF_SHIFT)

/* Byte shifts take their count from the instruction only: one case each. */
#define BYTE_CASES(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static __always_inline __m128i op_psrldq(__m128i a, __m128i b, unsigned int imm)
{
	switch (imm) {
#define CASE(n) case n: return _mm_srli_si128(a, n);
	BYTE_CASES(CASE)
#undef CASE
	}
	return _mm_setzero_si128();
}

static __always_inline __m128i op_pslldq(__m128i a, __m128i b, unsigned int imm)
{
	switch (imm) {
#define CASE(n) case n: return _mm_slli_si128(a, n);
	BYTE_CASES(CASE)
#undef CASE
	}
	return _mm_setzero_si128();
}

SIMD_HANDLER(psrldq_xr) { return shift_xr(c, in, op_psrldq); }
SIMD_HANDLER(pslldq_xr) { return shift_xr(c, in, op_pslldq); }

/* PINSRW and the older PEXTRW. A register source is 32 bits wide. */

static __always_inline int word_operand(struct x86_cpu *c, const struct x86_insn *in, u64 *v)
{
	if (in->flags & IN_MEM)
		return x86_load(c, in->seg, x86_ea(c, in), 2, v);
	*v = x86_reg_get(c, in->rm, 2);
	return RUN_OK;
}

SIMD_HANDLER(pinsrw_x)
{
	u64 v;
	int r;

	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	r = word_operand(c, in, &v);
	if (!r)
		c->fpu.v[in->reg].w[in->imm & 7] = v;
	return r;
}

SIMD_HANDLER(pinsrw_m)
{
	unsigned int shift = 16 * (in->imm & 3);
	u64 v;
	int r;

	if (mmx_off(c, XF_SSE))
		return mmx_denied(c, XF_SSE);
	r = word_operand(c, in, &v);
	if (r)
		return r;
	mmx_enter(c);
	mmx_set(c, in->reg, (mmx(c, in->reg) & ~(0xffffull << shift)) | (v & 0xffff) << shift);
	return RUN_OK;
}

SIMD_HANDLER(pextrw_x)
{
	if (sse_off(c, XF_SSE2))
		return sse_denied(c, XF_SSE2);
	x86_reg_set(c, in->reg, 4, c->fpu.v[in->rm].w[in->imm & 7]);
	return RUN_OK;
}

SIMD_HANDLER(pextrw_m)
{
	if (mmx_off(c, XF_SSE))
		return mmx_denied(c, XF_SSE);
	mmx_enter(c);
	x86_reg_set(c, in->reg, 4, mmx(c, in->rm) >> 16 * (in->imm & 3) & 0xffff);
	return RUN_OK;
}

#define ROW_BITS(op, f)	SIMD_ROW_X(op)
#define ROW_SHIFT(op)	SIMD_ROW(op##_i) = { op##_i_xr, NULL, op##_i_mr, NULL },

static const struct simd_row rows[SIMD_ROWS] = {
	LANES_MMX(SIMD_ROW_XM) LANES_SSE(SIMD_ROW_XM) LANES_SSE2(SIMD_ROW_XM)
	SIMD_ROW_XM(packsswb) SIMD_ROW_XM(packuswb) SIMD_ROW_XM(packssdw)
	SIMD_ROW_XM(punpcklbw) SIMD_ROW_XM(punpcklwd) SIMD_ROW_XM(punpckldq)
	SIMD_ROW_XM(punpckhbw) SIMD_ROW_XM(punpckhwd) SIMD_ROW_XM(punpckhdq)
	SIMD_ROW_X(punpcklqdq) SIMD_ROW_X(punpckhqdq)
	FLOAT_BITS(ROW_BITS) SHIFTS(ROW_SHIFT)
	SIMD_ROW_X(pshufd) SIMD_ROW_X(pshuflw) SIMD_ROW_X(pshufhw) SIMD_ROW_X(shufps)
	SIMD_ROW_X(shufpd)
	SIMD_ROW(pshufw) = { pshufw_mr, pshufw_mm, pshufw_mr, pshufw_mm },
	SIMD_ROW(psrldq) = { psrldq_xr, NULL, NULL, NULL },
	SIMD_ROW(pslldq) = { pslldq_xr, NULL, NULL, NULL },
	SIMD_ROW(pinsrw) = { pinsrw_x, pinsrw_x, pinsrw_m, pinsrw_m },
};

x86_exec_fn soft_exec_packed(const struct x86_insn *in)
{
	/* PEXTRW with memory or register as the destination came with SSE4.1. */
	if (in->op == OP_pextrw && in->form == FORM_R_RM_I && !(in->flags & IN_MEM))
		return in->opsize == 8 ? pextrw_m : pextrw_x;
	return simd_pick(rows, in);
}
