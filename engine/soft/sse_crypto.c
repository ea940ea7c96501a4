// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sse_crypto.c - AES, carry-less multiplication and SHA.
 * Sources: FIPS 197, FIPS 180-4; SDM vol. 2, the instructions.
 *
 * AES and PCLMULQDQ are the host's where it has them.
 */
#include "engine/soft/sse.h"

/* The substitution of FIPS 197, section "SubBytes()", and its inverse. */
static const u8 sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b,
	0xfe, 0xd7, 0xab, 0x76, 0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0,
	0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0, 0xb7, 0xfd, 0x93, 0x26,
	0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
	0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2,
	0xeb, 0x27, 0xb2, 0x75, 0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0,
	0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84, 0x53, 0xd1, 0x00, 0xed,
	0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
	0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f,
	0x50, 0x3c, 0x9f, 0xa8, 0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5,
	0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2, 0xcd, 0x0c, 0x13, 0xec,
	0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
	0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14,
	0xde, 0x5e, 0x0b, 0xdb, 0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c,
	0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79, 0xe7, 0xc8, 0x37, 0x6d,
	0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
	0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f,
	0x4b, 0xbd, 0x8b, 0x8a, 0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e,
	0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e, 0xe1, 0xf8, 0x98, 0x11,
	0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f,
	0xb0, 0x54, 0xbb, 0x16,
};

static const u8 inv_sbox[256] = {
	0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e,
	0x81, 0xf3, 0xd7, 0xfb, 0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87,
	0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb, 0x54, 0x7b, 0x94, 0x32,
	0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
	0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49,
	0x6d, 0x8b, 0xd1, 0x25, 0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16,
	0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92, 0x6c, 0x70, 0x48, 0x50,
	0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
	0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05,
	0xb8, 0xb3, 0x45, 0x06, 0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02,
	0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b, 0x3a, 0x91, 0x11, 0x41,
	0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
	0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8,
	0x1c, 0x75, 0xdf, 0x6e, 0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89,
	0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b, 0xfc, 0x56, 0x3e, 0x4b,
	0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
	0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59,
	0x27, 0x80, 0xec, 0x5f, 0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d,
	0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef, 0xa0, 0xe0, 0x3b, 0x4d,
	0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
	0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63,
	0x55, 0x21, 0x0c, 0x7d,
};

/* Twice v in the field of AES. */
static u8 twice(u8 v)
{
	return v << 1 ^ (v & 0x80 ? 0x1b : 0);
}

/* SubBytes and ShiftRows: byte i comes from the column shift columns on. */
static void substitute(union x86_vec *r, const union x86_vec *a, const u8 *box, int shift)
{
	for (unsigned int i = 0; i < 16; i++)
		r->b[i] = box[a->b[(i + 4 * shift * (i & 3)) & 15]];
}

static void mix_columns(union x86_vec *v)
{
	for (unsigned int i = 0; i < 4; i++) {
		u8 *p = &v->b[4 * i], a = p[0], b = p[1], c = p[2], d = p[3];
		u8 all = a ^ b ^ c ^ d;

		p[0] = a ^ all ^ twice(a ^ b);
		p[1] = b ^ all ^ twice(b ^ c);
		p[2] = c ^ all ^ twice(c ^ d);
		p[3] = d ^ all ^ twice(d ^ a);
	}
}

/* The inverse is a multiplication by (5, 0, 4, 0), then the same again. */
static void inv_mix_columns(union x86_vec *v)
{
	for (unsigned int i = 0; i < 4; i++) {
		u8 *p = &v->b[4 * i];
		u8 even = twice(twice(p[0] ^ p[2])), odd = twice(twice(p[1] ^ p[3]));

		p[0] ^= even;
		p[1] ^= odd;
		p[2] ^= even;
		p[3] ^= odd;
	}
	mix_columns(v);
}

static __m128i aes_round(__m128i a, __m128i key, bool decrypt, bool last)
{
	union x86_vec s, r;

	*(__m128i *)&s = a;
	substitute(&r, &s, decrypt ? inv_sbox : sbox, decrypt ? -1 : 1);
	if (!last && decrypt)
		inv_mix_columns(&r);
	else if (!last)
		mix_columns(&r);
	return _mm_xor_si128(*(__m128i *)&r, key);
}

#define AES_ROUND(op, decrypt, last) \
	static __m128i c_##op(__m128i a, __m128i b, unsigned int imm) \
	{ \
		return aes_round(a, b, decrypt, last); \
	} \
	SIMD_ASM(n_##op, #op) \
	SIMD_X(n_##op, XF_AES, n_##op, 16) \
	SIMD_X(c_##op, XF_AES, c_##op, 16)
AES_ROUND(aesenc, false, false)
AES_ROUND(aesenclast, false, true)
AES_ROUND(aesdec, true, false)
AES_ROUND(aesdeclast, true, true)

static __m128i c_aesimc(__m128i a, __m128i b, unsigned int imm)
{
	union x86_vec r;

	*(__m128i *)&r = b;
	inv_mix_columns(&r);
	return *(__m128i *)&r;
}

SIMD_ASM(n_aesimc, "aesimc")
SIMD_X(n_aesimc, XF_AES, n_aesimc, 16)
SIMD_X(c_aesimc, XF_AES, c_aesimc, 16)

static u32 sub_word(u32 v)
{
	return sbox[v & 0xff] | sbox[v >> 8 & 0xff] << 8 | sbox[v >> 16 & 0xff] << 16 |
	       (u32)sbox[v >> 24] << 24;
}

static u32 ror32(u32 v, unsigned int n)
{
	return v >> n | v << (32 - n);
}

static __m128i op_aeskeygenassist(__m128i a, __m128i b, unsigned int imm)
{
	union x86_vec s;
	u32 x1, x3;

	*(__m128i *)&s = b;
	x1 = sub_word(s.d[1]);
	x3 = sub_word(s.d[3]);
	imm &= 0xff;
	return _mm_setr_epi32(x1, ror32(x1, 8) ^ imm, x3, ror32(x3, 8) ^ imm);
}

SIMD_X(aeskeygenassist, XF_AES, op_aeskeygenassist, 16)

/* Carry-less multiplication of the quadwords that imm picks. */

static __always_inline __m128i quad(__m128i v, unsigned int high)
{
	return high ? _mm_unpackhi_epi64(v, v) : v;
}

static __always_inline __m128i n_pclmulqdq(__m128i a, __m128i b, unsigned int imm)
{
	a = quad(a, imm & 1);
	b = quad(b, imm & 16);
	__asm__("pclmulqdq $0, %1, %0" : "+x"(a) : "x"(b));
	return a;
}

static __m128i c_pclmulqdq(__m128i a, __m128i b, unsigned int imm)
{
	unsigned __int128 x = (u64)get64(quad(a, imm & 1)), r = 0;
	u64 y = get64(quad(b, imm & 16));

	for (unsigned int i = 0; i < 64; i++)
		if (y >> i & 1)
			r ^= x << i;
	return (__m128i)r;
}

SIMD_X(n_pclmulqdq, XF_PCLMUL, n_pclmulqdq, 16)
SIMD_X(c_pclmulqdq, XF_PCLMUL, c_pclmulqdq, 16)

/* SHA. d[3] is the operand's first word in the standard's order. */

static u32 rol32(u32 v, unsigned int n)
{
	return v << n | v >> (32 - n);
}

static u32 ch(u32 x, u32 y, u32 z) { return (x & y) ^ (~x & z); }
static u32 maj(u32 x, u32 y, u32 z) { return (x & y) ^ (x & z) ^ (y & z); }
static u32 parity(u32 x, u32 y, u32 z) { return x ^ y ^ z; }

union sha_val {
	__m128i v;
	u32 d[4];
};
#define sha(x) ((union sha_val){ .v = (x) })

static __m128i op_sha1rnds4(__m128i x, __m128i y, unsigned int imm)
{
	static const u32 k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
	static u32 (*const fns[4])(u32, u32, u32) = { ch, parity, maj, parity };
	union sha_val s = sha(x), w = sha(y);
	u32 a = s.d[3], b = s.d[2], c = s.d[1], d = s.d[0], e = 0, t;

	for (unsigned int i = 0; i < 4; i++) {
		t = fns[imm & 3](b, c, d) + rol32(a, 5) + w.d[3 - i] + e + k[imm & 3];
		e = d;
		d = c;
		c = rol32(b, 30);
		b = a;
		a = t;
	}
	return _mm_setr_epi32(d, c, b, a);
}

static __m128i op_sha1nexte(__m128i x, __m128i y, unsigned int imm)
{
	union sha_val s = sha(x), r = sha(y);

	r.d[3] += rol32(s.d[3], 30);
	return r.v;
}

static __m128i op_sha1msg1(__m128i x, __m128i y, unsigned int imm)
{
	union sha_val a = sha(x), b = sha(y);

	return _mm_setr_epi32(a.d[0] ^ b.d[2], a.d[1] ^ b.d[3], a.d[2] ^ a.d[0],
			      a.d[3] ^ a.d[1]);
}

static __m128i op_sha1msg2(__m128i x, __m128i y, unsigned int imm)
{
	union sha_val a = sha(x), b = sha(y);
	u32 w16 = rol32(a.d[3] ^ b.d[2], 1);

	return _mm_setr_epi32(rol32(a.d[0] ^ w16, 1), rol32(a.d[1] ^ b.d[0], 1),
			      rol32(a.d[2] ^ b.d[1], 1), w16);
}

static u32 sigma(u32 v, unsigned int a, unsigned int b, unsigned int shift)
{
	return ror32(v, a) ^ ror32(v, b) ^ v >> shift;
}

static __m128i op_sha256msg1(__m128i x, __m128i y, unsigned int imm)
{
	union sha_val a = sha(x), b = sha(y), r;

	for (unsigned int i = 0; i < 4; i++)
		r.d[i] = a.d[i] + sigma(i < 3 ? a.d[i + 1] : b.d[0], 7, 18, 3);
	return r.v;
}

static __m128i op_sha256msg2(__m128i x, __m128i y, unsigned int imm)
{
	union sha_val a = sha(x), b = sha(y), r;

	for (unsigned int i = 0; i < 4; i++)
		r.d[i] = a.d[i] + sigma(i < 2 ? b.d[i + 2] : r.d[i - 2], 17, 19, 10);
	return r.v;
}

SIMD_X(sha1rnds4, XF_SHA, op_sha1rnds4, 16)
SIMD_X(sha1nexte, XF_SHA, op_sha1nexte, 16)
SIMD_X(sha1msg1, XF_SHA, op_sha1msg1, 16)
SIMD_X(sha1msg2, XF_SHA, op_sha1msg2, 16)
SIMD_X(sha256msg1, XF_SHA, op_sha256msg1, 16)
SIMD_X(sha256msg2, XF_SHA, op_sha256msg2, 16)

/* Two rounds: C D G H in reg, A B E F in rm, words and constants in XMM0. */
SIMD_HANDLER(do_sha256rnds2)
{
	union sha_val x = sha(xmm(c, in->reg)), y, wk = sha(xmm(c, 0));
	u32 s[8], t, u;
	int r;

	if (sse_off(c, XF_SHA))
		return sse_denied(c, XF_SHA);
	y.v = xmm(c, in->rm & 15);
	if (in->flags & IN_MEM) {
		r = simd_load(c, in, 16, &y.v);
		if (r)
			return r;
	}
	s[0] = y.d[3], s[1] = y.d[2], s[2] = x.d[3], s[3] = x.d[2];
	s[4] = y.d[1], s[5] = y.d[0], s[6] = x.d[1], s[7] = x.d[0];
	for (unsigned int i = 0; i < 2; i++) {
		t = s[7] + ch(s[4], s[5], s[6]) + wk.d[i] +
		    (ror32(s[4], 6) ^ ror32(s[4], 11) ^ ror32(s[4], 25));
		u = maj(s[0], s[1], s[2]) + (ror32(s[0], 2) ^ ror32(s[0], 13) ^ ror32(s[0], 22));
		for (unsigned int j = 7; j; j--)
			s[j] = s[j - 1];
		s[4] += t;
		s[0] = t + u;
	}
	xmm_set(c, in->reg, _mm_setr_epi32(s[5], s[4], s[1], s[0]));
	return RUN_OK;
}

#define ROW_N(op)	SIMD_ROW(op) = { n_##op##_xr, n_##op##_xm, NULL, NULL },
#define ROW_C(op)	SIMD_ROW(op) = { c_##op##_xr, c_##op##_xm, NULL, NULL },
#define AES(X)		X(aesenc) X(aesenclast) X(aesdec) X(aesdeclast) X(aesimc)

static const struct simd_row rows[SIMD_ROWS] = {
	AES(ROW_C) ROW_C(pclmulqdq) SIMD_ROW_X(aeskeygenassist)
	SIMD_ROW_X(sha1rnds4) SIMD_ROW_X(sha1nexte) SIMD_ROW_X(sha1msg1) SIMD_ROW_X(sha1msg2)
	SIMD_ROW_X(sha256msg1) SIMD_ROW_X(sha256msg2)
	SIMD_ROW(sha256rnds2) = { do_sha256rnds2, do_sha256rnds2, NULL, NULL },
};

static const struct simd_row rows_aes[SIMD_ROWS] = { AES(ROW_N) };
static const struct simd_row rows_pclmul[SIMD_ROWS] = { ROW_N(pclmulqdq) };

x86_exec_fn soft_exec_crypto(const struct x86_insn *in)
{
	unsigned int host = soft_host_simd();
	x86_exec_fn fn = NULL;

	if (host & SOFT_HOST_AES)
		fn = simd_pick(rows_aes, in);
	if (!fn && host & SOFT_HOST_PCLMUL)
		fn = simd_pick(rows_pclmul, in);
	return fn ? fn : simd_pick(rows, in);
}
