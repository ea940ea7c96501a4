/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec_int.h - what the handlers of integer instructions share (exec_*.c).
 *
 * A handler is an always_inline body that takes the operand size and the way
 * to its memory operand as constants; macros below make one function of it for
 * each combination, and a pick function chooses among them when an instruction
 * is bound. So semantics are written once, and nothing is decided twice.
 *
 * Memory operands come in three ways:
 *
 *  AM_ANY   any mode, segment and address size
 *  AM_IDX   64-bit addresses without FS or GS: no base, no limit, no mask
 *  AM_DISP  the same, and without an index register
 *
 * The latter two only know the TLB hit. On a miss they jump to the function of
 * AM_ANY, which starts over; so their fast paths need no stack frame.
 */
#ifndef CORE_X86_EXEC_INT_H
#define CORE_X86_EXEC_INT_H

#include "core/x86/cpuid.h"
#include "core/x86/flags.h"
#include "core/x86/insn.h"
#include "core/x86/mem.h"

typedef x86_exec_fn (*x86_pick_fn)(const struct x86_insn *in);

/* One pick function a file or group of ops; see the table in exec_int.c. */
x86_exec_fn x86_pick_alu(const struct x86_insn *in);
x86_exec_fn x86_pick_incdec(const struct x86_insn *in);
x86_exec_fn x86_pick_adx(const struct x86_insn *in);
x86_exec_fn x86_pick_mul(const struct x86_insn *in);
x86_exec_fn x86_pick_mov(const struct x86_insn *in);
x86_exec_fn x86_pick_movx(const struct x86_insn *in);
x86_exec_fn x86_pick_conv(const struct x86_insn *in);
x86_exec_fn x86_pick_cond(const struct x86_insn *in);
x86_exec_fn x86_pick_atomic(const struct x86_insn *in);
x86_exec_fn x86_pick_shift(const struct x86_insn *in);
x86_exec_fn x86_pick_bit(const struct x86_insn *in);
x86_exec_fn x86_pick_bmi(const struct x86_insn *in);
x86_exec_fn x86_pick_bcd(const struct x86_insn *in);
x86_exec_fn x86_pick_flag(const struct x86_insn *in);
x86_exec_fn x86_pick_stack(const struct x86_insn *in);
x86_exec_fn x86_pick_flow(const struct x86_insn *in);
x86_exec_fn x86_pick_string(const struct x86_insn *in);
x86_exec_fn x86_pick_io(const struct x86_insn *in);

enum exec_am { AM_ANY, AM_IDX, AM_DISP, AM_COUNT };

#define EXEC(name) static int name(struct x86_cpu *c, const struct x86_insn *in)

/* body(c, in, size, ...) for each operand size; name[exec_size(in)] is one. */
#define EXEC_SIZES(name, body, ...)						\
	EXEC(name##_1) { return body(c, in, 1, ##__VA_ARGS__); }		\
	EXEC(name##_2) { return body(c, in, 2, ##__VA_ARGS__); }		\
	EXEC(name##_4) { return body(c, in, 4, ##__VA_ARGS__); }		\
	EXEC(name##_8) { return body(c, in, 8, ##__VA_ARGS__); }		\
	static const x86_exec_fn name[4] = { name##_1, name##_2, name##_4, name##_8 }

/* body(c, in, slow, am, size, ...) for each way to memory. */
#define EXEC_AM(name, size, body, ...)						\
	EXEC(name##_##size) { return body(c, in, NULL, AM_ANY, size, ##__VA_ARGS__); } \
	EXEC(name##_##size##i)							\
	{ return body(c, in, name##_##size, AM_IDX, size, ##__VA_ARGS__); }	\
	EXEC(name##_##size##d)							\
	{ return body(c, in, name##_##size, AM_DISP, size, ##__VA_ARGS__); }

/* name[exec_size(in)][exec_am(in)]; 16 bits are rare where it would matter. */
#define EXEC_MEM(name, body, ...)						\
	EXEC_AM(name, 1, body, ##__VA_ARGS__)					\
	EXEC(name##_2) { return body(c, in, NULL, AM_ANY, 2, ##__VA_ARGS__); }	\
	EXEC_AM(name, 4, body, ##__VA_ARGS__)					\
	EXEC_AM(name, 8, body, ##__VA_ARGS__)					\
	static const x86_exec_fn name[4][AM_COUNT] = {				\
		{ name##_1, name##_1i, name##_1d }, { name##_2, name##_2, name##_2 }, \
		{ name##_4, name##_4i, name##_4d }, { name##_8, name##_8i, name##_8d } }

static inline unsigned int exec_size(const struct x86_insn *in)
{
	return __builtin_ctz(in->opsize) & 3;
}

static inline enum exec_am exec_am(const struct x86_insn *in)
{
	if (in->adsize != 8 || in->seg > X86_DS)
		return AM_ANY;
	return in->index == X86_ZERO ? AM_DISP : AM_IDX;
}

/* The register operand of one-operand forms: in the opcode or in ModRM.rm. */
static __always_inline u8 exec_reg1(const struct x86_insn *in)
{
	return in->form == FORM_RM ? in->rm : in->reg;
}

static __always_inline u64 exec_flat_ea(const struct x86_cpu *c, const struct x86_insn *in,
					enum exec_am am)
{
	u64 ea = c->gpr[in->base] + (u64)(s64)in->disp;

	return am == AM_DISP ? ea : ea + (c->gpr[in->index] << in->scale);
}

/* x86_host_ptr() where there are no segments. */
static __always_inline bool exec_flat_ptr(struct x86_cpu *c, u64 lin, unsigned int size,
					  bool write, u64 *hva)
{
	const struct x86_tlbe *e = x86_tlb_entry(c->tlb, lin);

	if (!HOST_GUEST_DIRECT)
		return false;
	*hva = lin + e->off;
	return likely((write ? e->wr : e->rd) == ((lin + size - 1) & X86_PAGE_MASK));
}

/* The memory operand's value; when not RUN_OK, return EXEC_MISS. */
static __always_inline int exec_load(struct x86_cpu *c, const struct x86_insn *in,
				     enum exec_am am, unsigned int size, u64 *val)
{
	u64 p, v;
	int r;

	if (am == AM_ANY) {
		p = x86_host_ptr(c, in->seg, x86_ea(c, in), size, false);
		if (likely(p)) {
			*val = x86_host_load(p, size);
			return RUN_OK;
		}
		/* Its own variable, so that *val can live in a register. */
		r = x86_load_slow(c, in->seg, x86_ea(c, in), size, &v);
		*val = v;
		return r;
	}
	if (!exec_flat_ptr(c, exec_flat_ea(c, in, am), size, false, &p))
		return RUN_FAULT;
	*val = x86_host_load(p, size);
	return RUN_OK;
}

static __always_inline int exec_store(struct x86_cpu *c, const struct x86_insn *in,
				      enum exec_am am, unsigned int size, u64 val)
{
	u64 p;

	if (am == AM_ANY)
		return x86_store(c, in->seg, x86_ea(c, in), size, val);
	if (!exec_flat_ptr(c, exec_flat_ea(c, in, am), size, true, &p))
		return RUN_FAULT;
	x86_host_store(p, size, val);
	return RUN_OK;
}

/* What a body returns when an access did not succeed. */
#define EXEC_MISS(r) (slow ? slow(c, in) : (r))

/* The operand of ModRM.rm, register or memory, decided at run time: for what
 * is not worth more functions. */
static __always_inline int exec_rm_get(struct x86_cpu *c, const struct x86_insn *in,
				       unsigned int size, u64 *val)
{
	if (in->flags & IN_MEM)
		return exec_load(c, in, AM_ANY, size, val);
	*val = x86_reg_get(c, in->rm, size);
	return RUN_OK;
}

static __always_inline int exec_rm_set(struct x86_cpu *c, const struct x86_insn *in,
				       unsigned int size, u64 val)
{
	if (in->flags & IN_MEM)
		return x86_store(c, in->seg, x86_ea(c, in), size, val);
	x86_reg_set(c, in->rm, size, val);
	return RUN_OK;
}

/* Value cut to its size. */
static __always_inline u64 exec_zext(u64 v, unsigned int size)
{
	switch (size) {
	case 1: return (u8)v;
	case 2: return (u16)v;
	case 4: return (u32)v;
	}
	return v;
}

static __always_inline bool exec_msb(u64 v, unsigned int size)
{
	return v >> (8 * size - 1) & 1;
}

/* Change CF, keep the other flags: OF is the difference of two carries. */
static __always_inline void exec_set_cf(struct x86_cpu *c, bool cf)
{
	u64 flip = (c->cc_aux ^ (u64)cf << 63) & CC_CF;

	c->cc_aux ^= flip | flip >> 1;
}

static __always_inline void exec_set_cf_of(struct x86_cpu *c, bool cf, bool of)
{
	c->cc_aux = (c->cc_aux & ~(CC_CF | CC_PO)) | (u64)cf << 63 | (u64)(cf ^ of) << 62;
}

/* SF, ZF, PF of a result, AF clear, CF and OF given. */
static __always_inline void exec_set_szp(struct x86_cpu *c, unsigned int size, u64 res,
					 bool cf, bool of)
{
	c->cc_res = x86_sext(res, size);
	c->cc_aux = (u64)cf << 63 | (u64)(cf ^ of) << 62;
}

#endif
