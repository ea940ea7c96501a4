/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec_stack.c - push pop pusha popa pushf enter leave. */
#include "core/x86/exec_int.h"

/*
 * An operand of 8 bytes means 64-bit mode, so a flat stack of 64 bits; all
 * others go through x86_push() and x86_pop().
 */
static __always_inline int push_value(struct x86_cpu *c, unsigned int size, u64 v)
{
	u64 p, sp = c->gpr[X86_RSP] - 8;

	if (size != 8 || !exec_flat_ptr(c, sp, 8, true, &p))
		return x86_push(c, size, v);
	x86_host_store(p, 8, v);
	c->gpr[X86_RSP] = sp;
	return RUN_OK;
}

static __always_inline int push_r_body(struct x86_cpu *c, const struct x86_insn *in,
				       unsigned int size)
{
	return push_value(c, size, x86_reg_get(c, exec_reg1(in), size));
}
EXEC_SIZES(push_r, push_r_body);

static __always_inline int push_i_body(struct x86_cpu *c, const struct x86_insn *in,
				       unsigned int size)
{
	return push_value(c, size, in->imm);
}
EXEC_SIZES(push_i, push_i_body);

static __always_inline int push_m_body(struct x86_cpu *c, const struct x86_insn *in,
				       unsigned int size)
{
	u64 v;
	int r = exec_load(c, in, AM_ANY, size, &v);

	return unlikely(r) ? r : push_value(c, size, v);
}
EXEC_SIZES(push_m, push_m_body);

static noinline int pop_r_slow(struct x86_cpu *c, const struct x86_insn *in)
{
	u64 v;
	int r = x86_pop(c, in->opsize, &v);

	/* After the increment: pop rsp gets the value popped. */
	if (!r)
		x86_reg_set(c, exec_reg1(in), in->opsize, v);
	return r;
}

EXEC(pop_r_8)
{
	u64 p, sp = c->gpr[X86_RSP];

	if (!exec_flat_ptr(c, sp, 8, false, &p))
		return pop_r_slow(c, in);
	c->gpr[X86_RSP] = sp + 8;
	x86_reg_set(c, in->reg, 8, x86_host_load(p, 8));
	return RUN_OK;
}

/* The address is worked out with the incremented rSP. */
EXEC(pop_m)
{
	u64 sp = c->gpr[X86_RSP], v;
	int r = x86_pop(c, in->opsize, &v);

	if (r)
		return r;
	r = x86_store(c, in->seg, x86_ea(c, in), in->opsize, v);
	if (r)
		c->gpr[X86_RSP] = sp;
	return r;
}

/* Several pushes, or none: what was written below rSP by a failed one is lost. */
EXEC(pusha)
{
	static const u8 order[8] = {
		X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI };
	u64 sp = c->gpr[X86_RSP];
	unsigned int i;
	int r;

	for (i = 0; i < 8; i++) {
		r = x86_push(c, in->opsize, order[i] == X86_RSP ? sp : c->gpr[order[i]]);
		if (r) {
			c->gpr[X86_RSP] = sp;
			return r;
		}
	}
	return RUN_OK;
}

/* A fault half-way: processors have loaded what they have popped, and rSP has
 * not moved. An access that must be made again starts from the old registers. */
EXEC(popa)
{
	static const u8 order[8] = {
		X86_RDI, X86_RSI, X86_RBP, X86_RSP, X86_RBX, X86_RDX, X86_RCX, X86_RAX };
	u64 sp = c->gpr[X86_RSP], v[8];
	unsigned int i, n;
	int r = RUN_OK;

	for (n = 0; n < 8 && !r; n += !r)
		r = x86_pop(c, in->opsize, &v[n]);
	if (r)
		c->gpr[X86_RSP] = sp;
	if (r && r != RUN_FAULT)
		return r;
	for (i = 0; i < n; i++)
		if (order[i] != X86_RSP)
			x86_reg_set(c, 8 * order[i], in->opsize, v[i]);
	return r;
}

/*
 * VM and RF read as 0. In virtual-8086 mode IOPL must be 3, unless the
 * virtual-mode extensions give a 16-bit image: VIF for IF, and IOPL 3.
 */
EXEC(pushf)
{
	u64 f = x86_rflags(c) & ~(u64)(X86_F_VM | X86_F_RF);

	if (c->rflags & X86_F_VM && (c->rflags & X86_F_IOPL) != X86_F_IOPL) {
		if (!(c->cr4 & X86_CR4_VME) || in->opsize != 2)
			return x86_raise_err(c, X86_GP, 0);
		f = (f & ~(u64)X86_F_IF) | X86_F_IOPL;
		if (c->rflags & X86_F_VIF)
			f |= X86_F_IF;
	}
	return push_value(c, in->opsize, f);
}

/* Copies of outer frame pointers, level of them in all with the own one. */
static int enter_frames(struct x86_cpu *c, unsigned int size, unsigned int level, u64 frame)
{
	u64 bp = c->gpr[X86_RBP], v;
	int r;

	while (--level) {
		bp = (bp & ~x86_sp_mask(c)) | ((bp - size) & x86_sp_mask(c));
		r = x86_load(c, X86_SS, bp & x86_sp_mask(c), size, &v);
		if (!r)
			r = x86_push(c, size, v);
		if (r)
			return r;
	}
	return x86_push(c, size, frame);
}

EXEC(enter)
{
	unsigned int size = in->opsize, level = in->imm >> 16 & 31;
	u64 sp = c->gpr[X86_RSP], frame, top;
	int r = x86_push(c, size, c->gpr[X86_RBP]);

	if (r)
		return r;
	frame = c->gpr[X86_RSP];
	if (level)
		r = enter_frames(c, size, level, frame);
	top = c->gpr[X86_RSP] - (in->imm & 0xffff);
	/* The new top of the stack must be writable. */
	if (!r)
		r = x86_probe(c, X86_SS, top & x86_sp_mask(c), size, true);
	if (r) {
		c->gpr[X86_RSP] = sp;
		return r;
	}
	x86_sp_set(c, top);
	x86_reg_set(c, 8 * X86_RBP, size, frame);
	return RUN_OK;
}

static noinline int leave_slow(struct x86_cpu *c, const struct x86_insn *in)
{
	u64 sp = c->gpr[X86_RSP], v;
	int r;

	x86_sp_set(c, c->gpr[X86_RBP]);
	r = x86_pop(c, in->opsize, &v);
	if (r)
		c->gpr[X86_RSP] = sp;
	else
		x86_reg_set(c, 8 * X86_RBP, in->opsize, v);
	return r;
}

EXEC(leave_8)
{
	u64 p, bp = c->gpr[X86_RBP];

	if (!exec_flat_ptr(c, bp, 8, false, &p))
		return leave_slow(c, in);
	c->gpr[X86_RSP] = bp + 8;
	c->gpr[X86_RBP] = x86_host_load(p, 8);
	return RUN_OK;
}

static x86_exec_fn pick_push(const struct x86_insn *in)
{
	unsigned int s = exec_size(in);

	if (in->form == FORM_I)
		return push_i[s];
	return in->flags & IN_MEM ? push_m[s] : push_r[s];
}

static x86_exec_fn pick_pop(const struct x86_insn *in)
{
	if (in->flags & IN_MEM)
		return pop_m;
	return in->opsize == 8 && in->form == FORM_R ? pop_r_8 : pop_r_slow;
}

x86_exec_fn x86_pick_stack(const struct x86_insn *in)
{
	switch (in->op) {
	case OP_push: return pick_push(in);
	case OP_pop: return pick_pop(in);
	case OP_pusha: return pusha;
	case OP_popa: return popa;
	case OP_pushf: return pushf;
	case OP_enter: return enter;
	}
	return in->opsize == 8 ? leave_8 : leave_slow;
}
