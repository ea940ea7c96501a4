/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec_mul.c - multiplication and division. */
#include "core/x86/exec_int.h"

/*
 * CF and OF tell whether the upper half matters. The manual leaves the others
 * undefined; processors give SF and PF of the low half and clear ZF and AF.
 */
static __always_inline void mul_flags(struct x86_cpu *c, unsigned int size, u64 low, bool over)
{
	/* Bit 8 makes a zero non-zero without touching sign or parity. */
	exec_set_szp(c, size, low, over, over);
	if (!c->cc_res)
		c->cc_res = 0x100;
}

static __always_inline s64 mul_sext(u64 v, unsigned int size)
{
	return (s64)x86_sext(v, size);
}

/* rDX:rAX, or AX for bytes. */
static __always_inline void mul_set(struct x86_cpu *c, unsigned int size, u64 low, u64 high)
{
	if (size == 1) {
		x86_reg_set(c, 8 * X86_RAX, 2, (u8)low | high << 8);
		return;
	}
	x86_reg_set(c, 8 * X86_RAX, size, low);
	x86_reg_set(c, 8 * X86_RDX, size, high);
}

static __always_inline int mul_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	unsigned __int128 p;
	u64 a = x86_reg_get(c, 8 * X86_RAX, size), b, high;
	int r = exec_rm_get(c, in, size, &b);

	if (r)
		return r;
	p = (unsigned __int128)a * b;
	high = exec_zext(p >> (8 * size), size);
	mul_set(c, size, p, high);
	mul_flags(c, size, p, high != 0);
	return RUN_OK;
}
EXEC_SIZES(mul, mul_body);

static __always_inline int imul1_body(struct x86_cpu *c, const struct x86_insn *in,
				      unsigned int size)
{
	__int128 p;
	u64 a = x86_reg_get(c, 8 * X86_RAX, size), b;
	int r = exec_rm_get(c, in, size, &b);

	if (r)
		return r;
	p = (__int128)mul_sext(a, size) * mul_sext(b, size);
	mul_set(c, size, p, p >> (8 * size));
	mul_flags(c, size, p, p != mul_sext(p, size));
	return RUN_OK;
}
EXEC_SIZES(imul1, imul1_body);

/* reg = a * b, cut. */
static __always_inline int imul2_set(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size, u64 a, u64 b)
{
	s64 x = mul_sext(a, size), y = mul_sext(b, size), p;
	bool over = __builtin_mul_overflow(x, y, &p);

	over |= p != mul_sext(p, size);
	x86_reg_set(c, in->reg, size, p);
	mul_flags(c, size, p, over);
	return RUN_OK;
}

static __always_inline int imul2_body(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size)
{
	return imul2_set(c, in, size, x86_reg_get(c, in->reg, size),
			 x86_reg_get(c, in->rm, size));
}
EXEC_SIZES(imul2_reg, imul2_body);

static __always_inline int imul3_body(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size)
{
	return imul2_set(c, in, size, in->imm, x86_reg_get(c, in->rm, size));
}
EXEC_SIZES(imul3_reg, imul3_body);

static __always_inline int imul_mem_body(struct x86_cpu *c, const struct x86_insn *in,
				    x86_exec_fn slow, enum exec_am am, unsigned int size)
{
	u64 b;
	int r = exec_load(c, in, am, size, &b);

	if (unlikely(r))
		return EXEC_MISS(r);
	return imul2_set(c, in, size, in->form == FORM_R_RM_I ? in->imm :
			 x86_reg_get(c, in->reg, size), b);
}
EXEC_MEM(imul_mem, imul_mem_body);

/* hi:lo / d for hi < d, so that it cannot trap. */
static __always_inline u64 div_128(u64 hi, u64 lo, u64 d, u64 *rem)
{
	u64 q;

	__asm__("divq %4" : "=a"(q), "=d"(*rem) : "a"(lo), "d"(hi), "r"(d) : "cc");
	return q;
}

/* The dividend, as two halves of the operand's size. */
static __always_inline void div_operand(struct x86_cpu *c, unsigned int size, u64 *hi, u64 *lo)
{
	if (size == 1) {
		u64 ax = x86_reg_get(c, 8 * X86_RAX, 2);

		*hi = ax >> 8;
		*lo = ax & 0xff;
		return;
	}
	*hi = x86_reg_get(c, 8 * X86_RDX, size);
	*lo = x86_reg_get(c, 8 * X86_RAX, size);
}

/* Flags are undefined after a division; processors leave them alone. */
static __always_inline int div_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	u64 d, hi, lo, q, rem;
	int r = exec_rm_get(c, in, size, &d);

	if (r)
		return r;
	div_operand(c, size, &hi, &lo);
	if (unlikely(hi >= d))		/* by zero, too */
		return x86_raise(c, X86_DE);
	if (size == 8) {
		q = div_128(hi, lo, d, &rem);
	} else {
		u64 n = hi << (8 * size) | lo;

		q = n / d;
		rem = n % d;
	}
	mul_set(c, size, q, rem);
	return RUN_OK;
}
EXEC_SIZES(divu, div_body);

/* On magnitudes: the dividend's may reach 2^127, the quotient's 2^63. */
static __always_inline int idiv_64(struct x86_cpu *c, u64 d)
{
	u64 hi, lo, q, rem, n_neg, d_neg;
	unsigned __int128 n;

	div_operand(c, 8, &hi, &lo);
	n_neg = 0 - (hi >> 63);
	d_neg = 0 - (d >> 63);
	n = (unsigned __int128)hi << 64 | lo;
	if (n_neg)
		n = -n;
	d = (d ^ d_neg) - d_neg;
	hi = n >> 64;
	lo = n;
	if (unlikely(hi >= d))
		return x86_raise(c, X86_DE);
	q = div_128(hi, lo, d, &rem);
	if (unlikely(q > (1ull << 63) - !(n_neg ^ d_neg)))
		return x86_raise(c, X86_DE);
	q = (q ^ (n_neg ^ d_neg)) - (n_neg ^ d_neg);
	rem = (rem ^ n_neg) - n_neg;
	mul_set(c, 8, q, rem);
	return RUN_OK;
}

static __always_inline int idiv_body(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size)
{
	u64 v, hi, lo;
	s64 n, d, q, rem;
	int r = exec_rm_get(c, in, size, &v);

	if (r)
		return r;
	if (size == 8)
		return idiv_64(c, v);
	div_operand(c, size, &hi, &lo);
	n = mul_sext(hi << (8 * size) | lo, 2 * size);
	d = mul_sext(v, size);
	if (unlikely(d == 0 || (d == -1 && n == (s64)(1ull << 63))))
		return x86_raise(c, X86_DE);
	q = n / d;
	rem = n % d;
	if (unlikely(q != mul_sext(q, size)))
		return x86_raise(c, X86_DE);
	mul_set(c, size, q, rem);
	return RUN_OK;
}
EXEC_SIZES(divs, idiv_body);

x86_exec_fn x86_pick_mul(const struct x86_insn *in)
{
	unsigned int s = exec_size(in);

	switch (in->op) {
	case OP_mul: return mul[s];
	case OP_imul: return imul1[s];
	case OP_div: return divu[s];
	case OP_idiv: return divs[s];
	}
	if (in->flags & IN_MEM)
		return imul_mem[s][exec_am(in)];
	return in->form == FORM_R_RM_I ? imul3_reg[s] : imul2_reg[s];
}
