// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * exec_sys_ret.c - far RET and IRET.
 *
 * Source: SDM vol. 2, "RET", "IRET/IRETD/IRETQ".
 */
#include "core/x86/exec_sys.h"

/* Where to return to. Filled from the stack, checked, then made current. */
struct far_ret {
	u64 ip, flags, sp;
	u16 cs, ss;
	u64 cs_desc, ss_desc;
	u8 cpl;
	bool new_stack, null_ss;
};

static int stack_get(struct x86_cpu *c, unsigned int off, unsigned int size, u64 *val)
{
	return x86_load(c, X86_SS, (c->gpr[X86_RSP] + off) & x86_sp_mask(c), size, val);
}

static int sel_error(struct x86_cpu *c, u8 vec, u16 sel)
{
	return x86_raise_err(c, vec, sel & 0xfffc);
}

static int check_cs(struct x86_cpu *c, struct far_ret *t)
{
	unsigned int rpl = t->cs & 3, dpl;
	u16 attr;
	int r;

	if (x86_sel_null(t->cs))
		return exec_gp0(c);
	r = x86_desc_get(c, t->cs, &t->cs_desc, X86_GP, 0);
	if (r)
		return r;
	attr = x86_desc_attr(t->cs_desc);
	dpl = x86_attr_dpl(attr);
	if (!x86_attr_code(attr) || rpl < c->cpl ||
	    (x86_attr_conforming(attr) ? dpl > rpl : dpl != rpl))
		return sel_error(c, X86_GP, t->cs);
	if (!(attr & X86_SEG_P))
		return sel_error(c, X86_NP, t->cs);
	if (x86_long_mode(c) && (attr & (X86_SEG_L | X86_SEG_DB)) == (X86_SEG_L | X86_SEG_DB))
		return sel_error(c, X86_GP, t->cs);
	t->cpl = rpl;
	return RUN_OK;
}

static int check_ss(struct x86_cpu *c, struct far_ret *t)
{
	bool code64 = x86_long_mode(c) && x86_desc_attr(t->cs_desc) & X86_SEG_L;

	t->null_ss = x86_sel_null(t->ss);
	if (!t->null_ss)
		return x86_check_ss(c, t->ss, t->cpl, X86_GP, 0, &t->ss_desc);
	/* A null SS is legal in 64-bit code that is not user's. */
	if (!code64 || t->cpl == 3)
		return exec_gp0(c);
	return (t->ss & 3) == t->cpl ? RUN_OK : sel_error(c, X86_GP, t->ss);
}

/* CS, and SS:rSP when they were on the stack: the last that can fault. */
static int check_all(struct x86_cpu *c, struct far_ret *t)
{
	int r;

	if (t->new_stack) {
		r = check_ss(c, t);
		if (r)
			return r;
	}
	if (!x86_ip_ok(c, x86_desc_attr(t->cs_desc), x86_desc_limit(t->cs_desc), t->ip))
		return exec_gp0(c);
	r = x86_desc_accessed(c, t->cs, &t->cs_desc);
	if (!r && t->new_stack && !t->null_ss)
		r = x86_desc_accessed(c, t->ss, &t->ss_desc);
	return r;
}

/* Make it current. Flags have been set, rSP moved beyond what was popped. */
static void enter(struct x86_cpu *c, const struct far_ret *t)
{
	bool outer = t->cpl > c->cpl;

	x86_cs_set(c, t->cs, t->cs_desc, t->cpl);
	c->gpr[X86_RIP] = t->ip;
	if (!t->new_stack)
		return;
	if (t->null_ss)
		x86_seg_null(c, X86_SS, t->ss);
	else
		x86_seg_set(c, X86_SS, t->ss, t->ss_desc);
	x86_eseg_update(c, X86_SS);
	x86_sp_set(c, t->sp);
	if (outer)
		x86_segs_drop(c);
}

static int ret_real(struct x86_cpu *c, const struct x86_insn *in)
{
	u64 ip, cs;
	int r;

	r = stack_get(c, 0, in->opsize, &ip);
	if (!r)
		r = stack_get(c, in->opsize, in->opsize, &cs);
	if (r)
		return r;
	if (ip > (x86_v86(c) ? 0xffff : c->seg[X86_CS].limit))
		return exec_gp0(c);
	x86_sp_set(c, c->gpr[X86_RSP] + 2 * in->opsize + in->imm);
	x86_seg_real(c, X86_CS, cs);
	c->gpr[X86_RIP] = ip;
	x86_mode_update(c);
	return RUN_END;
}

EXEC(ret_far)
{
	unsigned int size = in->opsize, skip = 2 * size + (u16)in->imm;
	struct far_ret t = { 0 };
	u64 cs, ss;
	int r;

	if (!x86_protected(c))
		return ret_real(c, in);
	r = stack_get(c, 0, size, &t.ip);
	if (!r)
		r = stack_get(c, size, size, &cs);
	if (r)
		return r;
	t.cs = cs;
	r = check_cs(c, &t);
	if (r)
		return r;
	if (!(x86_desc_attr(t.cs_desc) & X86_SEG_L))
		t.ip = (u32)t.ip;	/* as processors do, to compatibility mode */
	if (t.cpl > c->cpl) {
		t.new_stack = true;
		r = stack_get(c, skip, size, &t.sp);
		if (!r)
			r = stack_get(c, skip + size, size, &ss);
		if (r)
			return r;
		t.ss = ss;
		t.sp += (u16)in->imm;	/* the outer stack holds parameters too */
	}
	r = check_all(c, &t);
	if (r)
		return r;
	if (!t.new_stack)
		x86_sp_set(c, c->gpr[X86_RSP] + skip);
	enter(c, &t);
	return RUN_END;
}

/* The flags an IRET at this privilege may change. */
static u64 iret_mask(const struct x86_cpu *c, unsigned int size)
{
	u64 mask = X86_F_ARITH | X86_F_TF | X86_F_DF | X86_F_NT;

	if (size > 2)
		mask |= X86_F_RF | X86_F_AC | X86_F_ID;
	if (c->cpl <= x86_iopl(c))
		mask |= X86_F_IF;
	if (c->cpl)
		return mask;
	mask |= X86_F_IOPL;
	return size > 2 ? mask | X86_F_VIF | X86_F_VIP : mask;
}

static u64 iret_flags(const struct x86_cpu *c, u64 popped, u64 mask)
{
	return (x86_rflags(c) & ~mask) | (popped & mask);
}

static int iret_frame(struct x86_cpu *c, unsigned int size, struct far_ret *t)
{
	u64 cs = 0;
	int r;

	r = stack_get(c, 0, size, &t->ip);
	if (!r)
		r = stack_get(c, size, size, &cs);
	if (!r)
		r = stack_get(c, 2 * size, size, &t->flags);
	t->cs = cs;
	return r;
}

/* Real mode, and virtual-8086 mode with IOPL 3 or VME. */
static int iret_real(struct x86_cpu *c, const struct x86_insn *in)
{
	unsigned int size = in->opsize;
	struct far_ret t = { .cs = 0 };
	u64 mask = iret_mask(c, size), flags;
	int r = iret_frame(c, size, &t);

	if (r)
		return r;
	if (t.ip > (x86_v86(c) ? 0xffff : c->seg[X86_CS].limit))
		return exec_gp0(c);
	if (x86_v86(c))
		mask &= ~(u64)(X86_F_IOPL | X86_F_VIF | X86_F_VIP);
	else
		mask &= ~(u64)(X86_F_VIF | X86_F_VIP);
	if (x86_v86(c) && x86_iopl(c) < 3) {
		if (t.flags & X86_F_TF ||
		    (t.flags & X86_F_IF && c->rflags & X86_F_VIP))
			return exec_gp0(c);
		mask = (mask & ~(u64)X86_F_IF) | X86_F_VIF;
		t.flags = (t.flags & ~(u64)X86_F_VIF) | (t.flags & X86_F_IF ? X86_F_VIF : 0);
	}
	flags = iret_flags(c, t.flags, mask);
	x86_sp_set(c, c->gpr[X86_RSP] + 3 * size);
	x86_set_rflags(c, flags);
	x86_seg_real(c, X86_CS, t.cs);
	c->gpr[X86_RIP] = t.ip;
	x86_mode_update(c);
	return RUN_END;
}

static int iret_v86(struct x86_cpu *c, const struct x86_insn *in)
{
	if (x86_iopl(c) < 3 && !(c->cr4 & X86_CR4_VME && in->opsize == 2))
		return exec_gp0(c);
	return iret_real(c, in);
}

/* From privilege 0 into a virtual-8086 task. */
static int iret_to_v86(struct x86_cpu *c, struct far_ret *t)
{
	static const u8 segs[] = { X86_SS, X86_ES, X86_DS, X86_FS, X86_GS };
	u64 sp, sel[ARRAY_SIZE(segs)];
	unsigned int i;
	int r = stack_get(c, 12, 4, &sp);

	for (i = 0; i < ARRAY_SIZE(segs) && !r; i++)
		r = stack_get(c, 16 + 4 * i, 4, &sel[i]);
	if (r)
		return r;
	if (t->ip > 0xffff)
		return exec_gp0(c);
	x86_set_rflags(c, iret_flags(c, t->flags, iret_mask(c, 4) | X86_F_VM));
	c->cpl = 3;
	x86_seg_real(c, X86_CS, t->cs);
	for (i = 0; i < ARRAY_SIZE(segs); i++)
		x86_seg_real(c, segs[i], sel[i]);
	c->gpr[X86_RSP] = (u32)sp;
	c->gpr[X86_RIP] = (u16)t->ip;
	x86_mode_update(c);
	return RUN_END;
}

static int iret_task(struct x86_cpu *c, const struct x86_insn *in)
{
	struct x86_task t = { .how = X86_TASK_IRET };
	int r = x86_lin_read(c, c->seg[X86_TR].base, &t.sel, 2, ACC_IMPLICIT);

	if (r)
		return r;
	if (t.sel & 4 || x86_sel_null(t.sel))
		return x86_raise_err(c, X86_TS, t.sel & 0xfffc);
	r = x86_task_go(c, &t);
	return exec_moved(c, in, r, t.moved);
}

static int iret_protected(struct x86_cpu *c, const struct x86_insn *in)
{
	unsigned int size = in->opsize;
	struct far_ret t = { .cs = 0 };
	u64 ss, flags;
	int r;

	r = iret_frame(c, size, &t);
	if (r)
		return r;
	if (t.flags & X86_F_VM && size == 4 && !c->cpl && !x86_long_mode(c))
		return iret_to_v86(c, &t);
	r = check_cs(c, &t);
	if (r)
		return r;
	t.new_stack = t.cpl > c->cpl || c->mode == X86_MODE64;
	if (t.new_stack) {
		r = stack_get(c, 3 * size, size, &t.sp);
		if (!r)
			r = stack_get(c, 4 * size, size, &ss);
		if (r)
			return r;
		t.ss = ss;
	}
	r = check_all(c, &t);
	if (r)
		return r;
	flags = iret_flags(c, t.flags, iret_mask(c, size));
	if (!t.new_stack)
		x86_sp_set(c, c->gpr[X86_RSP] + 3 * size);
	x86_update_rflags(c, flags);
	enter(c, &t);
	return RUN_END;
}

EXEC(iret)
{
	int r;

	if (!(c->cr0 & X86_CR0_PE))
		r = iret_real(c, in);
	else if (x86_v86(c))
		r = iret_v86(c, in);
	else if (!(c->rflags & X86_F_NT))
		r = iret_protected(c, in);
	else if (x86_long_mode(c))
		return exec_gp0(c);
	else
		r = iret_task(c, in);
	if (r == RUN_END)
		c->nmi_masked = false;
	return r;
}
