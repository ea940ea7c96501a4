/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flags.h - arithmetic flags, kept as a result and a carry vector and worked
 * out only when something reads them.
 *
 *  cc_res   the result, sign-extended from the operand size to 64 bits:
 *           ZF = (cc_res == 0), SF = bit 63 (xor CC_SD), PF = parity of the
 *           low byte (xor CC_PD)
 *  cc_aux   bit 63: CF.  bit 62: the carry into the top bit, so that
 *           OF = bit 63 xor bit 62.  bit 3: AF.  CC_SD and CC_PD let any
 *           combination of flags be represented.
 */
#ifndef CORE_X86_FLAGS_H
#define CORE_X86_FLAGS_H

#include "core/x86/cpu.h"

#define CC_CF	(1ull << 63)
#define CC_PO	(1ull << 62)
#define CC_AF	(1ull << 3)
#define CC_SD	(1ull << 0)
#define CC_PD	(1ull << 1)

static __always_inline u64 x86_sext(u64 v, unsigned int size)
{
	switch (size) {
	case 1: return (u64)(s64)(s8)v;
	case 2: return (u64)(s64)(s16)v;
	case 4: return (u64)(s64)(s32)v;
	}
	return v;
}

/* carries: bit i set when bit i carried (or borrowed) out. */
static __always_inline void x86_cc_set(struct x86_cpu *c, unsigned int size,
				       u64 res, u64 carries)
{
	c->cc_res = x86_sext(res, size);
	c->cc_aux = (carries & CC_AF) | (carries << (64 - 8 * size) & (CC_CF | CC_PO));
}

/* After an addition r = a + b + carry-in, all modulo the operand size. */
static __always_inline void x86_cc_add(struct x86_cpu *c, unsigned int size,
				       u64 a, u64 b, u64 r)
{
	x86_cc_set(c, size, r, (a & b) | ((a | b) & ~r));
}

/* After a subtraction r = a - b - borrow-in. */
static __always_inline void x86_cc_sub(struct x86_cpu *c, unsigned int size,
				       u64 a, u64 b, u64 r)
{
	x86_cc_set(c, size, r, (~a & b) | ((~a | b) & r));
}

/* After and, or, xor, test: CF = OF = AF = 0. */
static __always_inline void x86_cc_logic(struct x86_cpu *c, unsigned int size, u64 r)
{
	c->cc_res = x86_sext(r, size);
	c->cc_aux = 0;
}

static __always_inline bool x86_cf(const struct x86_cpu *c) { return c->cc_aux >> 63; }
static __always_inline bool x86_zf(const struct x86_cpu *c) { return c->cc_res == 0; }
static __always_inline bool x86_sf(const struct x86_cpu *c)
{
	return (c->cc_res >> 63) ^ (c->cc_aux & CC_SD);
}
static __always_inline bool x86_of(const struct x86_cpu *c)
{
	return (c->cc_aux ^ c->cc_aux << 1) >> 63;
}
static __always_inline bool x86_af(const struct x86_cpu *c) { return c->cc_aux >> 3 & 1; }
static __always_inline bool x86_pf(const struct x86_cpu *c)
{
	return !(__builtin_parity((u8)c->cc_res) ^ (c->cc_aux >> 1 & 1));
}

/* The condition of Jcc, SETcc, CMOVcc: the opcode's low four bits. */
static __always_inline bool x86_cond(const struct x86_cpu *c, unsigned int cond)
{
	bool r;

	switch (cond >> 1) {
	case 0: r = x86_of(c); break;
	case 1: r = x86_cf(c); break;
	case 2: r = x86_zf(c); break;
	case 3: r = x86_cf(c) || x86_zf(c); break;
	case 4: r = x86_sf(c); break;
	case 5: r = x86_pf(c); break;
	case 6: r = x86_sf(c) != x86_of(c); break;
	default: r = x86_zf(c) || x86_sf(c) != x86_of(c); break;
	}
	return r ^ (cond & 1);
}

/* The six arithmetic flags, as RFLAGS bits. */
static inline u32 x86_flags_arith(const struct x86_cpu *c)
{
	return (x86_cf(c) ? X86_F_CF : 0) | (x86_pf(c) ? X86_F_PF : 0) |
	       (x86_af(c) ? X86_F_AF : 0) | (x86_zf(c) ? X86_F_ZF : 0) |
	       (x86_sf(c) ? X86_F_SF : 0) | (x86_of(c) ? X86_F_OF : 0);
}

static inline void x86_flags_set_arith(struct x86_cpu *c, u32 f)
{
	u64 aux = f & X86_F_CF ? CC_CF : 0;
	u64 res = f & X86_F_ZF ? 0 : 1;

	/* Carry into the top bit differs from the carry out when OF is set. */
	if (!(f & X86_F_OF) != !(f & X86_F_CF))
		aux |= CC_PO;
	if (f & X86_F_AF)
		aux |= CC_AF;
	if (f & X86_F_SF)
		aux |= CC_SD;
	/* Parity of 0 is even, of 1 odd: flip when that is not what is asked. */
	if (!(f & X86_F_PF) != (res == 1))
		aux |= CC_PD;
	c->cc_res = res;
	c->cc_aux = aux;
}

/* The whole RFLAGS register, architectural bit 1 included. */
static inline u64 x86_rflags(const struct x86_cpu *c)
{
	return (c->rflags & ~(u64)X86_F_ARITH) | X86_F_1 | x86_flags_arith(c);
}

static inline void x86_set_rflags(struct x86_cpu *c, u64 f)
{
	x86_flags_set_arith(c, f);
	c->rflags = (f & ~(u64)X86_F_ARITH) | X86_F_1;
}

#endif
