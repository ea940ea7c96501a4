// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * exec_sys_far.c - far CALL and JMP, through gates and to tasks.
 *
 * Source: SDM vol. 2, "CALL", "JMP"; vol. 3, "Call Gates".
 */
#include "core/x86/exec_sys.h"

struct far_op {
	const struct x86_insn *in;
	bool call;
	u16 sel;
	u64 ip;
	u8 size;		/* operand size */
};

static int sel_error(struct x86_cpu *c, u8 vec, u16 sel)
{
	return x86_raise_err(c, vec, sel & 0xfffc);
}

/* Push CS and RIP on the present stack. */
static int push_return(struct x86_cpu *c, u8 size, u64 *sp)
{
	struct x86_frame f;

	x86_frame_init(&f, size);
	x86_frame_add(&f, c->seg[X86_CS].sel);
	x86_frame_add(&f, c->gpr[X86_RIP]);
	return x86_frame_push(c, &f, &c->seg[X86_SS], c->stack64, sp, 0, 0);
}

static int far_real(struct x86_cpu *c, const struct far_op *f)
{
	u64 sp = c->gpr[X86_RSP];
	int r;

	if (f->ip > (x86_v86(c) ? 0xffff : c->seg[X86_CS].limit))
		return exec_gp0(c);
	if (f->call) {
		r = push_return(c, f->size, &sp);
		if (r)
			return r;
		x86_sp_set(c, sp);
	}
	x86_seg_real(c, X86_CS, f->sel);
	c->gpr[X86_RIP] = f->ip;
	x86_mode_update(c);
	return RUN_END;
}

/* A code segment entered at the present privilege. */
static int check_code(struct x86_cpu *c, u16 sel, u64 d, bool gate)
{
	u16 attr = x86_desc_attr(d);
	unsigned int dpl = x86_attr_dpl(attr);

	if (!x86_attr_code(attr))
		return sel_error(c, X86_GP, sel);
	if (x86_attr_conforming(attr) ? dpl > c->cpl
				      : dpl != c->cpl || (!gate && (sel & 3) > c->cpl))
		return sel_error(c, X86_GP, sel);
	if (!(attr & X86_SEG_P))
		return sel_error(c, X86_NP, sel);
	if (x86_long_mode(c) && (attr & (X86_SEG_L | X86_SEG_DB)) == (X86_SEG_L | X86_SEG_DB))
		return sel_error(c, X86_GP, sel);
	return RUN_OK;
}

/* Go to sel:ip, privilege unchanged; the descriptor has been checked. */
static int far_enter(struct x86_cpu *c, const struct far_op *f, u16 sel, u64 d, u64 ip, u8 size)
{
	u64 sp = c->gpr[X86_RSP];
	int r;

	if (!(x86_desc_attr(d) & X86_SEG_L))
		ip = (u32)ip;		/* to compatibility mode: cut, then checked */
	if (!x86_ip_ok(c, x86_desc_attr(d), x86_desc_limit(d), ip))
		return exec_gp0(c);
	r = x86_desc_accessed(c, sel, &d);
	if (r)
		return r;
	if (f->call) {
		r = push_return(c, size, &sp);
		if (r)
			return r;
		x86_sp_set(c, sp);
	}
	x86_cs_set(c, sel, d, c->cpl);
	c->gpr[X86_RIP] = ip;
	return RUN_END;
}

/* The inner stack of a 64-bit call gate: no SS to load, nothing copied. */
static int gate_inner64(struct x86_cpu *c, u16 sel, u64 d, u64 ip)
{
	u8 cpl = x86_attr_dpl(x86_desc_attr(d));
	struct x86_frame f;
	u64 rsp;
	int r = x86_tss_rsp(c, X86_TSS_RSP(cpl), 0, &rsp);

	if (r)
		return r;
	if (!x86_canonical(c, ip))
		return exec_gp0(c);
	x86_frame_init(&f, 8);
	x86_frame_add(&f, c->seg[X86_SS].sel);
	x86_frame_add(&f, c->gpr[X86_RSP]);
	x86_frame_add(&f, c->seg[X86_CS].sel);
	x86_frame_add(&f, c->gpr[X86_RIP]);
	r = x86_frame_push(c, &f, NULL, true, &rsp, c->cpl == 3 ? ACC_IMPLICIT : 0, 0);
	if (r)
		return r;
	x86_cs_set(c, sel, d, cpl);
	x86_seg_null(c, X86_SS, cpl);
	c->gpr[X86_RSP] = rsp;
	c->gpr[X86_RIP] = ip;
	return RUN_END;
}

static int copy_params(struct x86_cpu *c, struct x86_frame *f, unsigned int n)
{
	u64 mask = x86_sp_mask(c), v;
	int r;

	/* The parameter pushed first lies highest. */
	while (n--) {
		r = x86_load(c, X86_SS, (c->gpr[X86_RSP] + (u64)n * f->size) & mask, f->size, &v);
		if (r)
			return r;
		x86_frame_add(f, v);
	}
	return RUN_OK;
}

static int gate_inner(struct x86_cpu *c, u16 sel, u64 d, u64 ip, u8 size, unsigned int params)
{
	u8 cpl = x86_attr_dpl(x86_desc_attr(d));
	struct x86_frame f;
	struct x86_stack st;
	struct x86_seg ss;
	u64 sp;
	int r = x86_tss_stack(c, cpl, 0, &st);

	if (r)
		return r;
	ss = (struct x86_seg){ .base = x86_desc_base(st.desc), .limit = x86_desc_limit(st.desc),
			       .sel = st.ss, .attr = x86_desc_attr(st.desc) };
	x86_frame_init(&f, size);
	x86_frame_add(&f, c->seg[X86_SS].sel);
	x86_frame_add(&f, c->gpr[X86_RSP] & x86_sp_mask(c));
	r = copy_params(c, &f, params);
	if (r)
		return r;
	x86_frame_add(&f, c->seg[X86_CS].sel);
	x86_frame_add(&f, c->gpr[X86_RIP]);
	if (ip > x86_desc_limit(d))
		return exec_gp0(c);
	sp = st.sp;
	r = x86_frame_push(c, &f, &ss, false, &sp, c->cpl == 3 ? ACC_IMPLICIT : 0,
			   st.ss & 0xfffc);
	if (r)
		return r;
	c->seg[X86_SS] = ss;
	x86_cs_set(c, sel, d, cpl);
	x86_eseg_update(c, X86_SS);
	x86_sp_set(c, sp);
	c->gpr[X86_RIP] = ip;
	return RUN_END;
}

static int call_gate(struct x86_cpu *c, const struct far_op *f, u64 g)
{
	bool lm = x86_long_mode(c), wide = x86_attr_type(x86_desc_attr(g)) & 8;
	u16 sel = g >> 16, attr;
	u64 raw[2] = { g }, d, ip;
	u8 size = lm ? 8 : wide ? 4 : 2;
	int r;

	if (!(x86_desc_attr(g) & X86_SEG_P))
		return sel_error(c, X86_NP, f->sel);
	if (lm) {
		r = x86_desc_read16(c, f->sel, raw);
		if (r == X86_DESC_NONE || (!r && raw[1] >> 40 & 0x1f))
			return sel_error(c, X86_GP, f->sel);
		if (r)
			return r;
	}
	ip = (g & 0xffff) | (wide ? g >> 32 & 0xffff0000 : 0) | raw[1] << 32;
	if (x86_sel_null(sel))
		return exec_gp0(c);
	r = x86_desc_get(c, sel, &d, X86_GP, 0);
	if (r)
		return r;
	attr = x86_desc_attr(d);
	if (!x86_attr_code(attr) || x86_attr_dpl(attr) > c->cpl ||
	    (lm && (attr & (X86_SEG_L | X86_SEG_DB)) != X86_SEG_L))
		return sel_error(c, X86_GP, sel);
	if (!f->call || x86_attr_conforming(attr) || x86_attr_dpl(attr) == c->cpl) {
		r = check_code(c, sel, d, true);
		return r ? r : far_enter(c, f, sel, d, ip, size);
	}
	if (!(attr & X86_SEG_P))
		return sel_error(c, X86_NP, sel);
	r = x86_desc_accessed(c, sel, &d);
	if (r)
		return r;
	return lm ? gate_inner64(c, sel, d, ip) : gate_inner(c, sel, d, ip, size, g >> 32 & 31);
}

static int far_task(struct x86_cpu *c, const struct far_op *f, u16 sel)
{
	struct x86_task t = { .sel = sel, .how = f->call ? X86_TASK_CALL : X86_TASK_JMP };
	int r = x86_task_go(c, &t);

	return exec_moved(c, f->in, r, t.moved);
}

static int task_gate(struct x86_cpu *c, const struct far_op *f, u64 g)
{
	u16 sel = g >> 16;

	if (!(x86_desc_attr(g) & X86_SEG_P))
		return sel_error(c, X86_NP, f->sel);
	return sel & 4 ? sel_error(c, X86_GP, sel) : far_task(c, f, sel);
}

static int far_system(struct x86_cpu *c, const struct far_op *f, u64 d)
{
	u16 attr = x86_desc_attr(d);
	unsigned int type = x86_attr_type(attr), dpl = x86_attr_dpl(attr);

	if (x86_long_mode(c) && type != DESC_CALL32)
		return sel_error(c, X86_GP, f->sel);
	switch (type) {
	case DESC_CALL16: case DESC_CALL32: case DESC_TASK_GATE:
	case DESC_AVL_TSS16: case DESC_AVL_TSS32:
		break;
	default:
		return sel_error(c, X86_GP, f->sel);
	}
	if (dpl < c->cpl || dpl < (f->sel & 3))
		return sel_error(c, X86_GP, f->sel);
	if (type == DESC_CALL16 || type == DESC_CALL32)
		return call_gate(c, f, d);
	return type == DESC_TASK_GATE ? task_gate(c, f, d) : far_task(c, f, f->sel);
}

static int far_go(struct x86_cpu *c, const struct far_op *f)
{
	u64 d;
	int r;

	if (!x86_protected(c))
		return far_real(c, f);
	if (x86_sel_null(f->sel))
		return exec_gp0(c);
	r = x86_desc_get(c, f->sel, &d, X86_GP, 0);
	if (r)
		return r;
	if (x86_attr_system(x86_desc_attr(d)))
		return far_system(c, f, d);
	r = check_code(c, f->sel, d, false);
	return r ? r : far_enter(c, f, f->sel, d, f->ip, f->size);
}

static int far_imm(struct x86_cpu *c, const struct x86_insn *in, bool call)
{
	struct far_op f = { .in = in, .call = call, .sel = in->imm >> 32, .ip = (u32)in->imm,
			    .size = in->opsize };

	return far_go(c, &f);
}

static int far_mem(struct x86_cpu *c, const struct x86_insn *in, bool call)
{
	struct far_op f = { .in = in, .call = call, .size = in->opsize };
	u64 ea = x86_ea(c, in), sel;
	int r = x86_load(c, in->seg, ea, in->opsize, &f.ip);

	if (!r)
		r = x86_load(c, in->seg, ea + in->opsize, 2, &sel);
	if (r)
		return r;
	f.sel = sel;
	return far_go(c, &f);
}

EXEC(call_far) { return far_imm(c, in, true); }
EXEC(jmp_far) { return far_imm(c, in, false); }
EXEC(call_far_ind) { return far_mem(c, in, true); }
EXEC(jmp_far_ind) { return far_mem(c, in, false); }
