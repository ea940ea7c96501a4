/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_mov.c - moves: mov movzx movsx movsxd lea bswap movbe movnti xlat, and
 * the sign extensions of the accumulator.
 */
#include "core/x86/exec_int.h"

static __always_inline int mov_rr_body(struct x86_cpu *c, const struct x86_insn *in,
				       unsigned int size, bool to_rm)
{
	x86_reg_set(c, to_rm ? in->rm : in->reg, size,
		    x86_reg_get(c, to_rm ? in->reg : in->rm, size));
	return RUN_OK;
}
EXEC_SIZES(mov_rm_r, mov_rr_body, true);
EXEC_SIZES(mov_r_rm, mov_rr_body, false);

static __always_inline int mov_ri_body(struct x86_cpu *c, const struct x86_insn *in,
				       unsigned int size, bool rm)
{
	x86_reg_set(c, rm ? in->rm : in->reg, size, in->imm);
	return RUN_OK;
}
EXEC_SIZES(mov_rm_i, mov_ri_body, true);
EXEC_SIZES(mov_r_i, mov_ri_body, false);

static __always_inline int mov_load_body(struct x86_cpu *c, const struct x86_insn *in,
					 x86_exec_fn slow, enum exec_am am, unsigned int size)
{
	u64 v;
	int r = exec_load(c, in, am, size, &v);

	if (unlikely(r))
		return EXEC_MISS(r);
	x86_reg_set(c, in->reg, size, v);
	return RUN_OK;
}
EXEC_MEM(mov_load, mov_load_body);

static __always_inline int mov_store_body(struct x86_cpu *c, const struct x86_insn *in,
					  x86_exec_fn slow, enum exec_am am,
					  unsigned int size, bool imm)
{
	u64 v = imm ? in->imm : x86_reg_get(c, in->reg, size);
	int r = exec_store(c, in, am, size, v);

	if (unlikely(r))
		return EXEC_MISS(r);
	return RUN_OK;
}
EXEC_MEM(mov_store, mov_store_body, false);
EXEC_MEM(mov_store_i, mov_store_body, true);

static __always_inline int moffs_load_body(struct x86_cpu *c, const struct x86_insn *in,
					   unsigned int size)
{
	u64 v;
	int r = x86_load(c, in->seg, in->imm, size, &v);

	if (r)
		return r;
	x86_reg_set(c, 8 * X86_RAX, size, v);
	return RUN_OK;
}
EXEC_SIZES(moffs_load, moffs_load_body);

static __always_inline int moffs_store_body(struct x86_cpu *c, const struct x86_insn *in,
					    unsigned int size)
{
	return x86_store(c, in->seg, in->imm, size, x86_reg_get(c, 8 * X86_RAX, size));
}
EXEC_SIZES(moffs_store, moffs_store_body);

/* Opcodes A0 and A1 load, A2 and A3 store. */
static x86_exec_fn pick_moffs(const struct x86_insn *in)
{
	return (in->cond & 2 ? moffs_store : moffs_load)[exec_size(in)];
}

static __always_inline u64 lea_value(const struct x86_cpu *c, const struct x86_insn *in,
				     enum exec_am am)
{
	return am == AM_ANY ? x86_ea(c, in) : exec_flat_ea(c, in, am);
}

static __always_inline int lea_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, enum exec_am am)
{
	x86_reg_set(c, in->reg, size, lea_value(c, in, am));
	return RUN_OK;
}
EXEC_SIZES(lea, lea_body, AM_ANY);
EXEC_SIZES(lea_i, lea_body, AM_IDX);
EXEC_SIZES(lea_d, lea_body, AM_DISP);

static x86_exec_fn pick_lea(const struct x86_insn *in)
{
	unsigned int s = exec_size(in);

	if (in->adsize != 8)
		return lea[s];
	return in->index == X86_ZERO ? lea_d[s] : lea_i[s];
}

x86_exec_fn x86_pick_mov(const struct x86_insn *in)
{
	unsigned int s = exec_size(in), am = exec_am(in);

	if (in->op == OP_lea)
		return pick_lea(in);
	switch (in->form) {
	case FORM_RM_R:
		return in->flags & IN_MEM ? mov_store[s][am] : mov_rm_r[s];
	case FORM_R_RM:
		return in->flags & IN_MEM ? mov_load[s][am] : mov_r_rm[s];
	case FORM_RM_I:
		return in->flags & IN_MEM ? mov_store_i[s][am] : mov_rm_i[s];
	case FORM_R_I:
		return mov_r_i[s];
	case FORM_MOFFS:
		return pick_moffs(in);
	}
	return NULL;
}

/*
 * movzx, movsx, movsxd: from 1, 2 or 4 bytes. Zero-extension is the same for
 * 4 and 8 bytes, sign-extension is not.
 */
static __always_inline void movx_set(struct x86_cpu *c, const struct x86_insn *in,
				     unsigned int size, unsigned int from, bool sign, u64 v)
{
	x86_reg_set(c, in->reg, size, sign ? x86_sext(v, from) : exec_zext(v, from));
}

static __always_inline int movx_reg(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size, unsigned int from, bool sign)
{
	movx_set(c, in, size, from, sign, x86_reg_get(c, in->rm, from));
	return RUN_OK;
}

static __always_inline int movx_mem(struct x86_cpu *c, const struct x86_insn *in,
				    x86_exec_fn slow, enum exec_am am, unsigned int size,
				    unsigned int from, bool sign)
{
	u64 v;
	int r = exec_load(c, in, am, from, &v);

	if (unlikely(r))
		return EXEC_MISS(r);
	movx_set(c, in, size, from, sign, v);
	return RUN_OK;
}

#define MOVX(name, size, from, sign)					\
	EXEC(name##_r) { return movx_reg(c, in, size, from, sign); }	\
	EXEC_AM(name, size, movx_mem, from, sign)			\
	static const x86_exec_fn name[1 + AM_COUNT] = {			\
		name##_##size, name##_##size##i, name##_##size##d, name##_r }

MOVX(movzx_1_w, 2, 1, false);
MOVX(movzx_1_q, 8, 1, false);
MOVX(movzx_2_w, 2, 2, false);
MOVX(movzx_2_q, 8, 2, false);
MOVX(movsx_1_w, 2, 1, true);
MOVX(movsx_1_l, 4, 1, true);
MOVX(movsx_1_q, 8, 1, true);
MOVX(movsx_2_w, 2, 2, true);
MOVX(movsx_2_l, 4, 2, true);
MOVX(movsx_2_q, 8, 2, true);
MOVX(movsx_4_l, 4, 4, true);
MOVX(movsx_4_q, 8, 4, true);

x86_exec_fn x86_pick_movx(const struct x86_insn *in)
{
	static const x86_exec_fn *const zx[2][4] = {
		{ NULL, movzx_1_w, movzx_1_q, movzx_1_q },
		{ NULL, movzx_2_w, movzx_2_q, movzx_2_q },
	};
	static const x86_exec_fn *const sx[3][4] = {
		{ NULL, movsx_1_w, movsx_1_l, movsx_1_q },
		{ NULL, movsx_2_w, movsx_2_l, movsx_2_q },
		{ NULL, NULL, movsx_4_l, movsx_4_q },
	};
	unsigned int s = exec_size(in), from = __builtin_ctz(in->srcsize) & 3;
	const x86_exec_fn *f;

	if (in->op == OP_movzx)
		f = zx[from & 1][s];
	else
		f = from < 3 ? sx[from][s] : NULL;
	if (!f)
		return NULL;
	return f[in->flags & IN_MEM ? exec_am(in) : AM_COUNT];
}

/* cbw, cwde, cdqe: the lower half of rAX, extended to all of it. */
static __always_inline int cbw_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	x86_reg_set(c, 8 * X86_RAX, size,
		    x86_sext(x86_reg_get(c, 8 * X86_RAX, size / 2), size / 2));
	return RUN_OK;
}
EXEC_SIZES(cbw, cbw_body);

/* cwd, cdq, cqo: the sign of rAX, in all of rDX. */
static __always_inline int cwd_body(struct x86_cpu *c, const struct x86_insn *in,
				    unsigned int size)
{
	x86_reg_set(c, 8 * X86_RDX, size,
		    0 - (u64)exec_msb(x86_reg_get(c, 8 * X86_RAX, size), size));
	return RUN_OK;
}
EXEC_SIZES(cwd, cwd_body);

/* With a 16-bit operand processors clear the register. */
static __always_inline int bswap_body(struct x86_cpu *c, const struct x86_insn *in,
				      unsigned int size)
{
	u64 v = x86_reg_get(c, in->reg, size);

	v = size == 8 ? __builtin_bswap64(v) : size == 4 ? __builtin_bswap32(v) : 0;
	x86_reg_set(c, in->reg, size, v);
	return RUN_OK;
}
EXEC_SIZES(bswap, bswap_body);

static u64 swap_bytes(u64 v, unsigned int size)
{
	return __builtin_bswap64(v) >> (64 - 8 * size);
}

EXEC(movbe)
{
	u64 v;
	int r;

	if (!x86_has(c, XF_MOVBE))
		return x86_raise(c, X86_UD);
	if (in->form == FORM_RM_R) {
		v = swap_bytes(x86_reg_get(c, in->reg, in->opsize), in->opsize);
		return exec_rm_set(c, in, in->opsize, v);
	}
	r = exec_rm_get(c, in, in->opsize, &v);
	if (r)
		return r;
	x86_reg_set(c, in->reg, in->opsize, swap_bytes(v, in->opsize));
	return RUN_OK;
}

EXEC(xlat)
{
	u64 ea = c->gpr[X86_RBX] + (u8)c->gpr[X86_RAX], v;
	int r;

	if (in->adsize != 8)
		ea = exec_zext(ea, in->adsize);
	r = x86_load(c, in->seg, ea, 1, &v);
	if (r)
		return r;
	x86_reg_set(c, 8 * X86_RAX, 1, v);
	return RUN_OK;
}

x86_exec_fn x86_pick_conv(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_cbw: return cbw[exec_size(in)];
	case OP_cwd: return cwd[exec_size(in)];
	case OP_bswap: return bswap[exec_size(in)];
	case OP_movbe: return movbe;
	case OP_xlat: return xlat;
	}
	return mov_store[exec_size(in)][exec_am(in)];	/* movnti */
}
