// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse_ext.c - packed integers of SSSE3, SSE4.1 and SSE4.2. Each operation is
 * the host's instruction where the host has SSE4.2, and C where it has not.
 */
#include "engine/soft/sse.h"

/* An XMM value by its elements. */
union xmm_val {
	__m128i v;
	u8 b[16];
	u16 w[8];
	u32 d[4];
	u64 q[2];
};
#define vec(a) ((union xmm_val){ .v = (a) })

static __always_inline s32 clamp16(s32 v)
{
	return v > 32767 ? 32767 : v < -32768 ? -32768 : v;
}

/* The C of an operation on x.field[i] and y.field[i], lane by lane. */
#define C_LANES(op, field, lanes, expr) \
	static __always_inline __m128i c_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		union xmm_val x = vec(a), y = vec(b), r; \
		for (unsigned int i = 0; i < (lanes); i++) \
			r.field[i] = (expr); \
		return r.v; \
	}

#define SB(v) ((s8)(v))
#define SW(v) ((s16)(v))
#define SD(v) ((s32)(v))
#define SQ(v) ((s64)(v))

C_LANES(pshufb, b, 16, y.b[i] & 0x80 ? 0 : x.b[y.b[i] & 15])
C_LANES(pmaddubsw, w, 8, clamp16(x.b[2 * i] * SB(y.b[2 * i]) +
				 x.b[2 * i + 1] * SB(y.b[2 * i + 1])))
C_LANES(pmulhrsw, w, 8, ((SW(x.w[i]) * SW(y.w[i]) >> 14) + 1) >> 1)
C_LANES(psignb, b, 16, SB(y.b[i]) < 0 ? -x.b[i] : y.b[i] ? x.b[i] : 0)
C_LANES(psignw, w, 8, SW(y.w[i]) < 0 ? -x.w[i] : y.w[i] ? x.w[i] : 0)
C_LANES(psignd, d, 4, SD(y.d[i]) < 0 ? -x.d[i] : y.d[i] ? x.d[i] : 0)
C_LANES(pabsb, b, 16, ((void)x, SB(y.b[i]) < 0 ? -y.b[i] : y.b[i]))
C_LANES(pabsw, w, 8, ((void)x, SW(y.w[i]) < 0 ? -y.w[i] : y.w[i]))
C_LANES(pabsd, d, 4, ((void)x, SD(y.d[i]) < 0 ? -y.d[i] : y.d[i]))

/* Lane i takes the i-th pair of the two sources. */
#define PAIR(field, n, k) (i < (n) / 2 ? x.field[2 * i + k] : y.field[2 * i + k - (n)])
C_LANES(phaddw, w, 8, PAIR(w, 8, 0) + PAIR(w, 8, 1))
C_LANES(phaddd, d, 4, PAIR(d, 4, 0) + PAIR(d, 4, 1))
C_LANES(phaddsw, w, 8, clamp16(SW(PAIR(w, 8, 0)) + SW(PAIR(w, 8, 1))))
C_LANES(phsubw, w, 8, PAIR(w, 8, 0) - PAIR(w, 8, 1))
C_LANES(phsubd, d, 4, PAIR(d, 4, 0) - PAIR(d, 4, 1))
C_LANES(phsubsw, w, 8, clamp16(SW(PAIR(w, 8, 0)) - SW(PAIR(w, 8, 1))))

static __always_inline u16 saturate_u16(u32 v)
{
	return SD(v) < 0 ? 0 : v > 0xffff ? 0xffff : v;
}

C_LANES(packusdw, w, 8, saturate_u16(i < 4 ? x.d[i] : y.d[i & 3]))
C_LANES(pcmpeqq, q, 2, x.q[i] == y.q[i] ? ~0ull : 0)
C_LANES(pcmpgtq, q, 2, SQ(x.q[i]) > SQ(y.q[i]) ? ~0ull : 0)
C_LANES(pmuldq, q, 2, (s64)SD(x.d[2 * i]) * SD(y.d[2 * i]))
C_LANES(pmulld, d, 4, x.d[i] * y.d[i])
C_LANES(pminsb, b, 16, SB(x.b[i]) < SB(y.b[i]) ? x.b[i] : y.b[i])
C_LANES(pmaxsb, b, 16, SB(x.b[i]) > SB(y.b[i]) ? x.b[i] : y.b[i])
C_LANES(pminuw, w, 8, x.w[i] < y.w[i] ? x.w[i] : y.w[i])
C_LANES(pmaxuw, w, 8, x.w[i] > y.w[i] ? x.w[i] : y.w[i])
C_LANES(pminud, d, 4, x.d[i] < y.d[i] ? x.d[i] : y.d[i])
C_LANES(pmaxud, d, 4, x.d[i] > y.d[i] ? x.d[i] : y.d[i])
C_LANES(pminsd, d, 4, SD(x.d[i]) < SD(y.d[i]) ? x.d[i] : y.d[i])
C_LANES(pmaxsd, d, 4, SD(x.d[i]) > SD(y.d[i]) ? x.d[i] : y.d[i])

static __always_inline __m128i c_phminposuw(__m128i a, __m128i b, unsigned int imm)
{
	union xmm_val s = vec(b);
	unsigned int best = 0;

	for (unsigned int i = 1; i < 8; i++)
		if (s.w[i] < s.w[best])
			best = i;
	return low64(s.w[best] | best << 16);
}

/*
 * Handlers twice: n_ with the host's instruction, c_ with C. The MMX forms of
 * SSSE3 work lane by lane; horizontal ones get both sources in one register,
 * and PSHUFB has three index bits.
 */
#define EXT_X(op, f) \
	SIMD_ASM(n_##op, #op) \
	SIMD_X(n_##op, f, n_##op, 16) \
	SIMD_X(c_##op, f, c_##op, 16)
#define EXT_M(op, prep) \
	static __always_inline __m128i nm_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		prep; \
		return n_##op(a, b, 0); \
	} \
	static __always_inline __m128i cm_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		prep; \
		return c_##op(a, b, 0); \
	} \
	SIMD_M(n_##op, XF_SSSE3, nm_##op, 8) \
	SIMD_M(c_##op, XF_SSSE3, cm_##op, 8)

#define SSSE3_LANES(X) \
	X(pmaddubsw) X(pmulhrsw) X(psignb) X(psignw) X(psignd) X(pabsb) X(pabsw) X(pabsd)
#define SSSE3_HORIZONTAL(X) \
	X(phaddw) X(phaddd) X(phaddsw) X(phsubw) X(phsubd) X(phsubsw)
#define SSE41_LANES(X) \
	X(packusdw) X(pcmpeqq) X(pmuldq) X(pmulld) X(pminsb) X(pmaxsb) X(pminuw) X(pmaxuw) \
	X(pminud) X(pmaxud) X(pminsd) X(pmaxsd) X(phminposuw)

#define DEF_SSSE3(op)	EXT_X(op, XF_SSSE3) EXT_M(op, (void)0)
#define DEF_PAIRS(op)	EXT_X(op, XF_SSSE3) EXT_M(op, a = b = _mm_unpacklo_epi64(a, b))
#define DEF_SSE41(op)	EXT_X(op, XF_SSE41)
SSSE3_LANES(DEF_SSSE3)
SSSE3_HORIZONTAL(DEF_PAIRS)
EXT_X(pshufb, XF_SSSE3)
EXT_M(pshufb, b = _mm_and_si128(b, _mm_set1_epi8((char)0x87)))
SSE41_LANES(DEF_SSE41)
EXT_X(pcmpgtq, XF_SSE42)

/* The same C, fast enough, on every host. */

static __always_inline __m128i op_palignr(__m128i a, __m128i b, unsigned int imm)
{
	switch (imm & 0xff) {
#define CASE(n) \
	case n: return _mm_or_si128(_mm_srli_si128(b, n), _mm_slli_si128(a, 16 - (n))); \
	case 16 + (n): return _mm_srli_si128(a, n);
	CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7)
	CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14) CASE(15)
#undef CASE
	}
	return _mm_setzero_si128();
}

static __always_inline __m128i op_palignr_mmx(__m128i a, __m128i b, unsigned int imm)
{
	return op_palignr(_mm_setzero_si128(), _mm_unpacklo_epi64(b, a), imm);
}

SIMD_X(palignr, XF_SSSE3, op_palignr, 16)
SIMD_M(palignr, XF_SSSE3, op_palignr_mmx, 8)

static __always_inline __m128i pick(__m128i mask, __m128i yes, __m128i no)
{
	return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

/* Bits 0 to 7 of imm as a mask of words. */
static __always_inline __m128i word_mask(unsigned int imm)
{
	__m128i bit = _mm_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128);

	return _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16((short)imm), bit), bit);
}

static __always_inline __m128i op_pblendw(__m128i a, __m128i b, unsigned int imm)
{
	return pick(word_mask(imm), b, a);
}

static __always_inline __m128i op_blendps(__m128i a, __m128i b, unsigned int imm)
{
	__m128i m = word_mask(imm & 15);

	return pick(_mm_unpacklo_epi16(m, m), b, a);
}

static __always_inline __m128i op_blendpd(__m128i a, __m128i b, unsigned int imm)
{
	__m128i m = word_mask(imm & 3);

	m = _mm_unpacklo_epi16(m, m);
	return pick(_mm_unpacklo_epi32(m, m), b, a);
}

SIMD_X(pblendw, XF_SSE41, op_pblendw, 16)
SIMD_X(blendps, XF_SSE41, op_blendps, 16)
SIMD_X(blendpd, XF_SSE41, op_blendpd, 16)

static __always_inline __m128i op_mpsadbw(__m128i a, __m128i b, unsigned int imm)
{
	union xmm_val x = vec(a), y = vec(b), r;
	unsigned int dst = imm & 4, src = 4 * (imm & 3), sum;
	int d;

	for (unsigned int i = 0; i < 8; i++) {
		sum = 0;
		for (unsigned int j = 0; j < 4; j++) {
			d = x.b[dst + i + j] - y.b[src + j];
			sum += d < 0 ? -d : d;
		}
		r.w[i] = sum;
	}
	return r.v;
}

SIMD_X(mpsadbw, XF_SSE41, op_mpsadbw, 16)

/* BLENDV: the mask is XMM0's sign bits. */

static __always_inline int blendv(struct x86_cpu *c, const struct x86_insn *in,
				  __m128i (*mask)(__m128i))
{
	__m128i b;
	int r;

	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	if (in->flags & IN_MEM) {
		r = simd_load(c, in, 16, &b);
		if (unlikely(r))
			return r;
	} else {
		b = xmm(c, in->rm);
	}
	xmm_set(c, in->reg, pick(mask(xmm(c, 0)), b, xmm(c, in->reg)));
	return RUN_OK;
}

static __always_inline __m128i sign_b(__m128i v)
{
	return _mm_cmpgt_epi8(_mm_setzero_si128(), v);
}

static __always_inline __m128i sign_d(__m128i v)
{
	return _mm_srai_epi32(v, 31);
}

static __always_inline __m128i sign_q(__m128i v)
{
	return _mm_shuffle_epi32(_mm_srai_epi32(v, 31), 0xf5);
}

SIMD_HANDLER(do_pblendvb) { return blendv(c, in, sign_b); }
SIMD_HANDLER(do_blendvps) { return blendv(c, in, sign_d); }
SIMD_HANDLER(do_blendvpd) { return blendv(c, in, sign_q); }

SIMD_HANDLER(do_ptest)
{
	union xmm_val b;
	const u64 *a = c->fpu.v[in->reg].q;
	int r;

	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	if (in->flags & IN_MEM) {
		r = simd_load(c, in, 16, &b.v);
		if (unlikely(r))
			return r;
	} else {
		b = vec(xmm(c, in->rm));
	}
	x86_flags_set_arith(c, ((b.q[0] & a[0]) | (b.q[1] & a[1]) ? 0 : X86_F_ZF) |
			       ((b.q[0] & ~a[0]) | (b.q[1] & ~a[1]) ? 0 : X86_F_CF));
	return RUN_OK;
}

/* Widening moves read as much memory as they need. */

#define WIDEN(op, n, expr) \
	static __always_inline __m128i op_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		__m128i zero = _mm_setzero_si128(); \
		(void)zero; \
		return (expr); \
	} \
	SIMD_X(op, XF_SSE41, op_##op, n)
WIDEN(pmovzxbw, 8, _mm_unpacklo_epi8(b, zero))
WIDEN(pmovzxwd, 8, _mm_unpacklo_epi16(b, zero))
WIDEN(pmovzxdq, 8, _mm_unpacklo_epi32(b, zero))
WIDEN(pmovzxbd, 4, op_pmovzxwd(a, op_pmovzxbw(a, b, 0), 0))
WIDEN(pmovzxwq, 4, op_pmovzxdq(a, op_pmovzxwd(a, b, 0), 0))
WIDEN(pmovzxbq, 2, op_pmovzxdq(a, op_pmovzxbd(a, b, 0), 0))
WIDEN(pmovsxbw, 8, _mm_srai_epi16(_mm_unpacklo_epi8(b, b), 8))
WIDEN(pmovsxwd, 8, _mm_srai_epi32(_mm_unpacklo_epi16(b, b), 16))
WIDEN(pmovsxdq, 8, _mm_unpacklo_epi32(b, _mm_srai_epi32(b, 31)))
WIDEN(pmovsxbd, 4, op_pmovsxwd(a, op_pmovsxbw(a, b, 0), 0))
WIDEN(pmovsxwq, 4, op_pmovsxdq(a, op_pmovsxwd(a, b, 0), 0))
WIDEN(pmovsxbq, 2, op_pmovsxdq(a, op_pmovsxbd(a, b, 0), 0))

/* Elements to and from general registers and memory. */

static int element_in(struct x86_cpu *c, const struct x86_insn *in, unsigned int n, u64 *v)
{
	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	if (in->flags & IN_MEM)
		return x86_load(c, in->seg, x86_ea(c, in), n, v);
	*v = x86_reg_get(c, in->rm, n);
	return RUN_OK;
}

static int element_out(struct x86_cpu *c, const struct x86_insn *in, unsigned int n, u64 v)
{
	if (in->flags & IN_MEM)
		return x86_store(c, in->seg, x86_ea(c, in), n, v);
	x86_reg_set(c, in->rm, n == 8 ? 8 : 4, v);
	return RUN_OK;
}

SIMD_HANDLER(do_pinsrb)
{
	u64 v;
	int r = element_in(c, in, 1, &v);

	if (!r)
		c->fpu.v[in->reg].b[in->imm & 15] = v;
	return r;
}

SIMD_HANDLER(do_pinsrd)
{
	u64 v;
	int r = element_in(c, in, in->srcsize == 8 ? 8 : 4, &v);

	if (r)
		return r;
	if (in->srcsize == 8)
		c->fpu.v[in->reg].q[in->imm & 1] = v;
	else
		c->fpu.v[in->reg].d[in->imm & 3] = v;
	return RUN_OK;
}

SIMD_HANDLER(do_insertps)
{
	union x86_vec *d = &c->fpu.v[in->reg];
	u64 v;
	int r;

	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	if (in->flags & IN_MEM) {
		r = x86_load(c, in->seg, x86_ea(c, in), 4, &v);
		if (r)
			return r;
	} else {
		v = c->fpu.v[in->rm].d[in->imm >> 6 & 3];
	}
	d->d[in->imm >> 4 & 3] = v;
	for (unsigned int i = 0; i < 4; i++)
		if (in->imm >> i & 1)
			d->d[i] = 0;
	return RUN_OK;
}

SIMD_HANDLER(do_pextrb)
{
	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	return element_out(c, in, 1, c->fpu.v[in->reg].b[in->imm & 15]);
}

SIMD_HANDLER(do_pextrw)
{
	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	return element_out(c, in, 2, c->fpu.v[in->reg].w[in->imm & 7]);
}

SIMD_HANDLER(do_pextrd)	/* EXTRACTPS too */
{
	if (sse_off(c, XF_SSE41))
		return sse_denied(c, XF_SSE41);
	if (in->srcsize == 8 && in->op == OP_pextrd)
		return element_out(c, in, 8, c->fpu.v[in->reg].q[in->imm & 1]);
	return element_out(c, in, 4, c->fpu.v[in->reg].d[in->imm & 3]);
}

#define ROW_N(op)	SIMD_ROW(op) = { n_##op##_xr, n_##op##_xm, NULL, NULL },
#define ROW_NM(op)	SIMD_ROW(op) = { n_##op##_xr, n_##op##_xm, n_##op##_mr, n_##op##_mm },
#define ROW_C(op)	SIMD_ROW(op) = { c_##op##_xr, c_##op##_xm, NULL, NULL },
#define ROW_CM(op)	SIMD_ROW(op) = { c_##op##_xr, c_##op##_xm, c_##op##_mr, c_##op##_mm },
#define ROW_DO(op)	SIMD_ROW(op) = { do_##op, do_##op, NULL, NULL },

static const struct simd_row rows_native[SIMD_ROWS] = {
	SSSE3_LANES(ROW_NM) SSSE3_HORIZONTAL(ROW_NM) ROW_NM(pshufb)
	SSE41_LANES(ROW_N) ROW_N(pcmpgtq)
};

static const struct simd_row rows[SIMD_ROWS] = {
	SSSE3_LANES(ROW_CM) SSSE3_HORIZONTAL(ROW_CM) ROW_CM(pshufb)
	SSE41_LANES(ROW_C) ROW_C(pcmpgtq)
	SIMD_ROW_XM(palignr) SIMD_ROW_X(pblendw) SIMD_ROW_X(blendps) SIMD_ROW_X(blendpd)
	SIMD_ROW_X(mpsadbw) ROW_DO(pblendvb) ROW_DO(blendvps) ROW_DO(blendvpd) ROW_DO(ptest)
	SIMD_ROW_X(pmovzxbw) SIMD_ROW_X(pmovzxbd) SIMD_ROW_X(pmovzxbq)
	SIMD_ROW_X(pmovzxwd) SIMD_ROW_X(pmovzxwq) SIMD_ROW_X(pmovzxdq)
	SIMD_ROW_X(pmovsxbw) SIMD_ROW_X(pmovsxbd) SIMD_ROW_X(pmovsxbq)
	SIMD_ROW_X(pmovsxwd) SIMD_ROW_X(pmovsxwq) SIMD_ROW_X(pmovsxdq)
	ROW_DO(pinsrb) ROW_DO(pinsrd) ROW_DO(insertps) ROW_DO(pextrb) ROW_DO(pextrw)
	ROW_DO(pextrd)
	SIMD_ROW(extractps) = { do_pextrd, do_pextrd, NULL, NULL },
};

x86_exec_fn soft_exec_ext(const struct x86_insn *in)
{
	x86_exec_fn fn = NULL;

	if (soft_host_simd() & SOFT_HOST_SSE42)
		fn = simd_pick(rows_native, in);
	return fn ? fn : simd_pick(rows, in);
}
