/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec_bcd.c - decimal arithmetic: aaa aas aam aad daa das, salc. */
#include "core/x86/exec_int.h"

static void bcd_set(struct x86_cpu *c, u8 al, bool cf, bool af)
{
	exec_set_szp(c, 1, al, cf, false);
	if (af)
		c->cc_aux |= CC_AF;
}

/* aaa, aas: sign +1 or -1. */
static __always_inline int bcd_ascii(struct x86_cpu *c, int sign)
{
	u16 ax = c->gpr[X86_RAX];
	bool adjust = (ax & 15) > 9 || x86_af(c);

	if (adjust)
		ax += sign * 0x106;
	ax &= 0xff0f;
	x86_reg_set(c, 8 * X86_RAX, 2, ax);
	bcd_set(c, ax, adjust, adjust);
	return RUN_OK;
}

EXEC(aaa) { return bcd_ascii(c, 1); }
EXEC(aas) { return bcd_ascii(c, -1); }

EXEC(aam)
{
	u8 al = c->gpr[X86_RAX], base = in->imm;

	if (!base)
		return x86_raise(c, X86_DE);
	x86_reg_set(c, 8 * X86_RAX, 2, (al / base) << 8 | al % base);
	bcd_set(c, al % base, false, false);
	return RUN_OK;
}

EXEC(aad)
{
	u16 ax = c->gpr[X86_RAX];
	u8 al = ax + (ax >> 8) * in->imm;

	x86_reg_set(c, 8 * X86_RAX, 2, al);
	bcd_set(c, al, false, false);
	return RUN_OK;
}

/* daa, das. */
static __always_inline int bcd_packed(struct x86_cpu *c, int sign)
{
	u8 old = c->gpr[X86_RAX], al = old;
	bool cf = x86_cf(c), af = false, carry = false;

	if ((old & 15) > 9 || x86_af(c)) {
		al += sign * 6;
		/* das: a borrow out of the low correction stays. */
		carry = sign < 0 && (cf || old < 6);
		af = true;
	}
	if (old > 0x99 || cf) {
		al += sign * 0x60;
		carry = true;
	}
	x86_reg_set(c, 8 * X86_RAX, 1, al);
	bcd_set(c, al, carry, af);
	return RUN_OK;
}

EXEC(daa) { return bcd_packed(c, 1); }
EXEC(das) { return bcd_packed(c, -1); }

/* Not in the manual, in every processor: AL is 0 or FF. */
EXEC(salc)
{
	x86_reg_set(c, 8 * X86_RAX, 1, x86_cf(c) ? 0xff : 0);
	return RUN_OK;
}

x86_exec_fn x86_pick_bcd(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_aaa: return aaa;
	case OP_aas: return aas;
	case OP_aam: return aam;
	case OP_aad: return aad;
	case OP_daa: return daa;
	case OP_salc: return salc;
	}
	return das;
}
