/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_bit.c - single bits and bit counts: bt bts btr btc, bsf bsr tzcnt lzcnt
 * popcnt, crc32.
 */
#include "core/x86/exec_int.h"

enum bt { BT_TEST, BT_SET, BT_RESET, BT_COMPLEMENT };

static __always_inline u64 bt_result(enum bt op, u64 a, u64 bit)
{
	switch (op) {
	case BT_SET: return a | bit;
	case BT_RESET: return a & ~bit;
	case BT_COMPLEMENT: return a ^ bit;
	default: return a;
	}
}

static __always_inline u64 bt_index(const struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	return in->form == FORM_RM_I ? in->imm : x86_reg_get(c, in->reg, size);
}

/* Only CF is defined; processors keep the rest. */
static __always_inline int bt_reg(struct x86_cpu *c, const struct x86_insn *in,
				  unsigned int size, enum bt op)
{
	u64 a = x86_reg_get(c, in->rm, size);
	u64 bit = 1ull << (bt_index(c, in, size) & (8 * size - 1));

	if (op != BT_TEST)
		x86_reg_set(c, in->rm, size, bt_result(op, a, bit));
	exec_set_cf(c, a & bit);
	return RUN_OK;
}

/* A register's index is signed and reaches beyond the operand. */
static __always_inline u64 bt_ea(const struct x86_cpu *c, const struct x86_insn *in,
				 unsigned int size, u64 index)
{
	u64 ea = x86_ea(c, in);
	s64 n = (s64)x86_sext(index, size);

	if (in->form == FORM_RM_I)
		return ea;
	ea += (n >> (__builtin_ctz(size) + 3)) * size;
	return in->adsize == 8 ? ea : exec_zext(ea, in->adsize);
}

static __always_inline int bt_mem(struct x86_cpu *c, const struct x86_insn *in, enum bt op)
{
	unsigned int size = in->opsize;
	u64 index = bt_index(c, in, size), ea = bt_ea(c, in, size, index), a;
	u64 bit = 1ull << (index & (8 * size - 1));
	struct x86_rmw m;
	bool again = false;
	int r;

	do {
		if (op == BT_TEST)
			r = x86_load(c, in->seg, ea, size, &a);
		else
			r = x86_rmw_begin(c, &m, in->seg, ea, size, in->flags & IN_LOCK, &a);
		if (!r && op != BT_TEST)
			r = x86_rmw_end(c, &m, bt_result(op, a, bit), &again);
		if (r)
			return r;
	} while (again);
	exec_set_cf(c, a & bit);
	return RUN_OK;
}

#define BT_OP(name, op)				\
	EXEC_SIZES(name, bt_reg, op);		\
	EXEC(name##_m) { return bt_mem(c, in, op); }
BT_OP(bt, BT_TEST)
BT_OP(bts, BT_SET)
BT_OP(btr, BT_RESET)
BT_OP(btc, BT_COMPLEMENT)

static x86_exec_fn pick_bt(const struct x86_insn *in)
{
	bool mem = in->flags & IN_MEM;
	unsigned int s = exec_size(in);

	switch (in->op) {
	case OP_bt: return mem ? bt_m : bt[s];
	case OP_bts: return mem ? bts_m : bts[s];
	case OP_btr: return mem ? btr_m : btr[s];
	}
	return mem ? btc_m : btc[s];
}

/*
 * bsf, bsr: ZF tells that there was no bit, and the destination is kept, all
 * 64 bits of it. Processors give PF of the index and clear the rest.
 */
static __always_inline int scan_body(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size, bool reverse)
{
	u64 v, n;
	int r = exec_rm_get(c, in, size, &v);

	if (r)
		return r;
	c->cc_aux = 0;
	c->cc_res = 0;
	if (!v)
		return RUN_OK;
	n = reverse ? 63 - __builtin_clzll(v) : __builtin_ctzll(v);
	x86_reg_set(c, in->reg, size, n);
	c->cc_res = n | 0x100;		/* not zero, whatever the index */
	return RUN_OK;
}
EXEC_SIZES(bsf, scan_body, false);
EXEC_SIZES(bsr, scan_body, true);

/* ZF as given by res, CF given, all others clear. */
static __always_inline void bit_flags_zc(struct x86_cpu *c, u64 res, bool cf)
{
	/* 1 has odd parity, as PF clear asks; 0 has even. */
	c->cc_res = res != 0;
	c->cc_aux = (cf ? CC_CF | CC_PO : 0) | (res ? 0 : CC_PD);
}

/* tzcnt and lzcnt are F3 bsf and bsr where they are not known. */
static __always_inline int zcnt_body(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size, bool lead)
{
	unsigned int bits = 8 * size;
	u64 v, n;
	int r;

	if (!x86_has(c, lead ? XF_LZCNT : XF_BMI1))
		return scan_body(c, in, size, lead);
	r = exec_rm_get(c, in, size, &v);
	if (r)
		return r;
	if (!v)
		n = bits;
	else
		n = lead ? __builtin_clzll(v) - (64 - bits) : __builtin_ctzll(v);
	x86_reg_set(c, in->reg, size, n);
	bit_flags_zc(c, n, !v);
	return RUN_OK;
}
EXEC_SIZES(tzcnt, zcnt_body, false);
EXEC_SIZES(lzcnt, zcnt_body, true);

static u64 bit_count(u64 v)
{
	v -= v >> 1 & 0x5555555555555555ull;
	v = (v & 0x3333333333333333ull) + (v >> 2 & 0x3333333333333333ull);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return v * 0x0101010101010101ull >> 56;
}

EXEC(popcnt)
{
	u64 v;
	int r;

	if (!x86_has(c, XF_POPCNT))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, in->opsize, &v);
	if (r)
		return r;
	v = bit_count(v);
	x86_reg_set(c, in->reg, in->opsize, v);
	bit_flags_zc(c, v, false);
	return RUN_OK;
}

/* The polynomial of iSCSI, bits reflected, four bits a step. */
static const u32 crc32c_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

EXEC(crc32c)
{
	u32 crc = x86_reg_get(c, in->reg, 4);
	unsigned int i;
	u64 v;
	int r;

	if (!x86_has(c, XF_SSE42))
		return x86_raise(c, X86_UD);
	r = exec_rm_get(c, in, in->srcsize, &v);
	if (r)
		return r;
	for (i = 0; i < 2u * in->srcsize; i++, v >>= 4)
		crc = crc >> 4 ^ crc32c_nibble[(crc ^ v) & 15];
	x86_reg_set(c, in->reg, 4, crc);
	return RUN_OK;
}

x86_exec_fn x86_pick_bit(const struct x86_insn *in)
{
	unsigned int s = exec_size(in);

	switch (in->op) {
	case OP_bsf: return bsf[s];
	case OP_bsr: return bsr[s];
	case OP_tzcnt: return tzcnt[s];
	case OP_lzcnt: return lzcnt[s];
	case OP_popcnt: return popcnt;
	case OP_crc32: return crc32c;
	}
	return pick_bt(in);
}
