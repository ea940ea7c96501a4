/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec_bmi.c - BMI1 and BMI2 on general registers, VEX-encoded. */
#include "core/x86/exec_int.h"

/* VEX does not exist in real and virtual-8086 mode. */
static __always_inline bool bmi_there(const struct x86_cpu *c, enum x86_feature f)
{
	return x86_has(c, f) && x86_protected(c);
}

static __always_inline u64 bmi_v(const struct x86_cpu *c, const struct x86_insn *in)
{
	return exec_zext(c->gpr[in->vvvv & 15], in->opsize);
}

/* SF and ZF of the result, CF given; OF clear, and AF and PF as processors do. */
static __always_inline void bmi_flags(struct x86_cpu *c, unsigned int size, u64 res, bool cf)
{
	exec_set_szp(c, size, res, cf, false);
	if (x86_pf(c))
		c->cc_aux |= CC_PD;
}

EXEC(andn)
{
	u64 b, v;
	int r;

	if (!bmi_there(c, XF_BMI1))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, in->opsize, &b);
	if (r)
		return r;
	v = ~bmi_v(c, in) & b;
	x86_reg_set(c, in->reg, in->opsize, v);
	bmi_flags(c, in->opsize, v, false);
	return RUN_OK;
}

EXEC(bextr)
{
	u64 v, ctl = bmi_v(c, in);
	unsigned int start = ctl & 0xff, len = ctl >> 8 & 0xff;
	int r;

	if (!bmi_there(c, XF_BMI1))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, in->opsize, &v);
	if (r)
		return r;
	v = start < 64 ? v >> start : 0;
	if (len < 64)
		v &= (1ull << len) - 1;
	x86_reg_set(c, in->reg, in->opsize, v);
	bmi_flags(c, 8, v != 0, false);	/* never SF */
	return RUN_OK;
}

/* blsi, blsmsk, blsr: the destination is in vvvv. */
static __always_inline int bls(struct x86_cpu *c, const struct x86_insn *in, enum x86_op op)
{
	unsigned int size = in->opsize;
	u64 a, v;
	int r;

	if (!bmi_there(c, XF_BMI1))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, size, &a);
	if (r)
		return r;
	v = op == OP_blsi ? a & -a : op == OP_blsmsk ? a ^ (a - 1) : a & (a - 1);
	x86_reg_set(c, 8 * (in->vvvv & 15), size, v);
	bmi_flags(c, size, v, op == OP_blsi ? a != 0 : a == 0);
	return RUN_OK;
}

EXEC(blsi) { return bls(c, in, OP_blsi); }
EXEC(blsmsk) { return bls(c, in, OP_blsmsk); }
EXEC(blsr) { return bls(c, in, OP_blsr); }

EXEC(bzhi)
{
	unsigned int n = bmi_v(c, in) & 0xff;
	u64 v;
	int r;

	if (!bmi_there(c, XF_BMI2))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, in->opsize, &v);
	if (r)
		return r;
	if (n < 64)
		v &= (1ull << n) - 1;
	x86_reg_set(c, in->reg, in->opsize, v);
	bmi_flags(c, in->opsize, v, n >= 8u * in->opsize);
	return RUN_OK;
}

/* Low bits of v to the places of mask's bits. */
static u64 bits_deposit(u64 v, u64 mask)
{
	u64 out = 0;

	for (; mask; mask &= mask - 1, v >>= 1)
		if (v & 1)
			out |= mask & -mask;
	return out;
}

static u64 bits_extract(u64 v, u64 mask)
{
	u64 out = 0, bit = 1;

	for (; mask; mask &= mask - 1, bit <<= 1)
		if (v & mask & -mask)
			out |= bit;
	return out;
}

/* vvvv is the value, rm the mask; flags are kept from here on. */
static __always_inline int bmi_bits(struct x86_cpu *c, const struct x86_insn *in,
				    u64 (*fn)(u64 v, u64 mask))
{
	u64 mask;
	int r;

	if (!bmi_there(c, XF_BMI2))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, in->opsize, &mask);
	if (r)
		return r;
	x86_reg_set(c, in->reg, in->opsize, fn(bmi_v(c, in), mask));
	return RUN_OK;
}

EXEC(pdep) { return bmi_bits(c, in, bits_deposit); }
EXEC(pext) { return bmi_bits(c, in, bits_extract); }

EXEC(mulx)
{
	unsigned __int128 p;
	u64 b;
	int r;

	if (!bmi_there(c, XF_BMI2))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, in->opsize, &b);
	if (r)
		return r;
	p = (unsigned __int128)x86_reg_get(c, 8 * X86_RDX, in->opsize) * b;
	/* Both in one register: the upper half stays. */
	x86_reg_set(c, 8 * (in->vvvv & 15), in->opsize, p);
	x86_reg_set(c, in->reg, in->opsize, p >> (8 * in->opsize));
	return RUN_OK;
}

/* rorx, sarx, shlx, shrx. */
static __always_inline int bmi_shift(struct x86_cpu *c, const struct x86_insn *in, enum x86_op op)
{
	unsigned int size = in->opsize, n;
	u64 v;
	int r;

	if (!bmi_there(c, XF_BMI2))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, size, &v);
	if (r)
		return r;
	n = (op == OP_rorx ? in->imm : bmi_v(c, in)) & (8 * size - 1);
	switch (op) {
	case OP_rorx: v = v >> n | v << ((8 * size - n) & (8 * size - 1)); break;
	case OP_sarx: v = (u64)((s64)x86_sext(v, size) >> n); break;
	case OP_shlx: v <<= n; break;
	default: v >>= n;
	}
	x86_reg_set(c, in->reg, size, v);
	return RUN_OK;
}

EXEC(rorx) { return bmi_shift(c, in, OP_rorx); }
EXEC(sarx) { return bmi_shift(c, in, OP_sarx); }
EXEC(shlx) { return bmi_shift(c, in, OP_shlx); }
EXEC(shrx) { return bmi_shift(c, in, OP_shrx); }

x86_exec_fn x86_pick_bmi(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_andn: return andn;
	case OP_bextr: return bextr;
	case OP_blsi: return blsi;
	case OP_blsmsk: return blsmsk;
	case OP_blsr: return blsr;
	case OP_bzhi: return bzhi;
	case OP_pdep: return pdep;
	case OP_pext: return pext;
	case OP_mulx: return mulx;
	case OP_rorx: return rorx;
	case OP_sarx: return sarx;
	case OP_shlx: return shlx;
	}
	return shrx;
}
